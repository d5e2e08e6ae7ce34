/*
 * train_sequence_args.c
 *	  What a training of a sequence model is asked for: arguments, options, and the settings that are stored to train it
 *	  again.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "pg/domain.h"
#include "pg/sequence_catalog.h"
#include "pg/toolargs.h"
#include "pg/train_sequence_run.h"

#define MAX_SIZE      1024
#define MAX_NEGATIVES 65536
#define MAX_SHARE     .5

static const char *const layer_name[UIML_N_LAYERS] = {"embedding", "recurrent", "output"};

/* Whole numbers: arguments, and keys of options and of stored settings. */
typedef struct Whole
{
	const char *name;
	int argument; /* -1: an option */
	size_t offset;
	int32 low;
	int32 high;
	int32 absent; /* what NULL means; below low. PG_INT32_MIN: NULL isn't allowed */
} Whole;

static const Whole wholes[] = {
	{"embedding", 3, offsetof(UimlSequenceSettings, embedding), 1, MAX_SIZE, 0},
	{"hidden", 4, offsetof(UimlSequenceSettings, hidden), 1, MAX_SIZE, 0},
	{"epochs", 5, offsetof(UimlSequenceSettings, epochs), 1, UIML_SEQUENCE_MAX_EPOCHS, PG_INT32_MIN},
	{"batch", 6, offsetof(UimlSequenceSettings, batch), 1, UIML_SEQUENCE_MAX_BATCH, PG_INT32_MIN},
	{"max_length", 8, offsetof(UimlSequenceSettings, max_length), 2, UIML_MAX_RECENT, PG_INT32_MIN},
	{"patience", 11, offsetof(UimlSequenceSettings, patience), 0, UIML_SEQUENCE_MAX_EPOCHS, PG_INT32_MIN},
	{"negatives", -1, offsetof(UimlSequenceSettings, negatives), 0, MAX_NEGATIVES, -1},
};

static int32 *
whole_of(UimlSequenceSettings *settings, const Whole *whole)
{
	return (int32 *) ((char *) settings + whole->offset);
}

static const char *
model_name(UimlNextExpert model)
{
	return model == UIML_N_EXPERTS ? "auto" : uiml_next_expert_name(model);
}

/* --- values --------------------------------------------------------------------------------------------- */

static bool
find_model(const char *name, UimlNextExpert *model)
{
	static const UimlNextExpert models[] = {UIML_N_EXPERTS, UIML_EXPERT_LSTM, UIML_EXPERT_RULES,
											UIML_EXPERT_RIDGE};

	for (size_t i = 0; i < lengthof(models); i++)
	{
		*model = models[i];
		if (strcmp(name, model_name(models[i])) == 0)
			return true;
	}
	return false;
}

static bool
find_layer(const char *name, size_t length, UimlSequenceSettings *settings)
{
	for (int l = 0; l < UIML_N_LAYERS; l++)
	{
		if (strlen(layer_name[l]) != length || strncmp(name, layer_name[l], length) != 0)
			continue;
		settings->freeze[l] = true;
		return true;
	}
	return false;
}

static void
set_defaults(UimlSequenceSettings *settings)
{
	memset(settings, 0, sizeof(*settings));
	settings->model = UIML_N_EXPERTS;
	settings->negatives = -1;
	settings->dropout = -1;
	settings->n_curve = -1;
}

/* --- arguments ------------------------------------------------------------------------------------------ */

static void
model_arg(FunctionCallInfo fcinfo, int argument, UimlSequenceSettings *settings)
{
	char *name;

	uiml_arg_required(fcinfo, argument, "model");
	name = text_to_cstring(PG_GETARG_TEXT_PP(argument));
	if (!find_model(name, &settings->model))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unrecognized model: \"%s\"", name),
			 errhint(
				 "Use \"auto\" for what held-out users speak for, or \"lstm\", \"rules\" or \"ridge\".")));
}

/* A share of users to hold out. */
static double
share_arg(FunctionCallInfo fcinfo, int argument, const char *name)
{
	double share;

	uiml_arg_required(fcinfo, argument, name);
	share = PG_GETARG_FLOAT8(argument);
	if (!(share > 0 && share <= MAX_SHARE))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must be greater than zero and at most %g", name, MAX_SHARE),
						errdetail("%s is %g.", name, share),
						errhint("It is the share of users who are held out, at most %d of them.", 10000)));
	return share;
}

static double
rate_arg(FunctionCallInfo fcinfo, int argument)
{
	double rate;

	if (PG_ARGISNULL(argument))
		return 0;
	rate = PG_GETARG_FLOAT8(argument);
	if (!(rate > 0 && rate <= 100))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("learning_rate must be greater than zero and at most %d", 100),
						errdetail("learning_rate is %g.", rate),
						errhint("The default is %g with Adam and %g with Adagrad.", UIML_SEQUENCE_ADAM_RATE,
								UIML_SEQUENCE_ADAGRAD_RATE)));
	return rate;
}

/* Elements of a one-dimensional array without NULL. */
static int
array_arg(FunctionCallInfo fcinfo, int argument, const char *name, Oid type, int16 typlen, bool typbyval,
		  char align, Datum **element)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(argument);
	bool *null;
	int n;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("%s must be a one-dimensional array", name)));
	deconstruct_array(array, type, typlen, typbyval, align, element, &null, &n);
	for (int i = 0; i < n; i++)
		if (null[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("elements of %s must not be null", name)));
	return n;
}

static void
freeze_arg(FunctionCallInfo fcinfo, int argument, UimlSequenceSettings *settings)
{
	Datum *element;
	int n;

	if (PG_ARGISNULL(argument))
		return;
	n = array_arg(fcinfo, argument, "freeze", TEXTOID, -1, false, TYPALIGN_INT, &element);
	for (int i = 0; i < n; i++)
	{
		char *name = TextDatumGetCString(element[i]);

		if (!find_layer(name, strlen(name), settings))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("unrecognized layer in freeze: \"%s\"", name),
							errhint("Layers are \"embedding\", \"recurrent\" and \"output\".")));
	}
}

static int
compare_numbers(const void *a, const void *b)
{
	int32 x = *(const int32 *) a;
	int32 y = *(const int32 *) b;

	return x < y ? -1 : x > y;
}

static void
users_arg(FunctionCallInfo fcinfo, int argument, UimlSequenceSettings *settings)
{
	Datum *element;
	int n;

	if (PG_ARGISNULL(argument))
		return;
	if (settings->from_domain == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("users needs from_domain"),
						errdetail("It tells with how many users of the target the migration is tried.")));
	n = array_arg(fcinfo, argument, "users", INT4OID, sizeof(int32), true, TYPALIGN_INT, &element);
	if (n > UIML_SEQUENCE_MAX_CURVE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("users must have at most %d elements", UIML_SEQUENCE_MAX_CURVE)));
	settings->n_curve = n;
	for (int i = 0; i < n; i++)
	{
		settings->curve[i] = DatumGetInt32(element[i]);
		if (settings->curve[i] < 1)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("elements of users must be greater than zero")));
	}
	qsort(settings->curve, (size_t) n, sizeof(int32), compare_numbers);
}

/* --- options and stored settings ------------------------------------------------------------------------ */

static bool
take_number(const JsonbValue *value, double low, double high, double *number)
{
	if (value->type != jbvNumeric)
		return false;
	*number = uiml_jsonb_number(value);
	return *number >= low && *number <= high;
}

static bool
take_choice(const JsonbValue *value, UimlChoice *choice)
{
	*choice = value->type == jbvNull                         ? UIML_CHOICE_DEFAULT
			  : value->type == jbvBool && value->val.boolean ? UIML_CHOICE_YES
															 : UIML_CHOICE_NO;
	return value->type == jbvBool || value->type == jbvNull;
}

static bool
is_text(const JsonbValue *value, const char *text)
{
	return value->type == jbvString && value->val.string.len == (int) strlen(text) &&
		   strncmp(value->val.string.val, text, strlen(text)) == 0;
}

static bool
take_optimizer(const JsonbValue *value, UimlSequenceSettings *settings)
{
	settings->optimizer = is_text(value, "adam") ? "adam" : is_text(value, "adagrad") ? "adagrad" : NULL;
	return settings->optimizer != NULL || value->type == jbvNull;
}

static bool
take_whole(const JsonbValue *value, const Whole *whole, UimlSequenceSettings *settings)
{
	double number = whole->absent;

	if (value->type == jbvNull && whole->absent != PG_INT32_MIN)
		*whole_of(settings, whole) = whole->absent;
	else if (take_number(value, whole->low, whole->high, &number) && number == rint(number))
		*whole_of(settings, whole) = (int32) number;
	else
		return false;
	return true;
}

/* One option; NULL, or what is wrong with it.  *known tells whether there is one of the name. */
static const char *
take_option(const char *name, const JsonbValue *value, UimlSequenceSettings *settings, bool *known)
{
	const Whole *negatives = &wholes[lengthof(wholes) - 1];

	*known = true;
	if (strcmp(name, "dropout") == 0)
		return take_number(value, 0, .99, &settings->dropout) ? NULL
															  : "dropout must be a number from 0 to 0.99.";
	if (strcmp(name, "clip_norm") == 0)
		return take_number(value, 0, 1e6, &settings->clip_norm)
				   ? NULL
				   : "clip_norm must be a number from 0 (no clipping) to 1000000.";
	if (strcmp(name, "optimizer") == 0)
		return take_optimizer(value, settings) ? NULL : "optimizer must be \"adam\" or \"adagrad\".";
	if (strcmp(name, "mask") == 0)
		return take_choice(value, &settings->mask) ? NULL : "mask must be true or false.";
	if (strcmp(name, "warm_start") == 0)
		return take_choice(value, &settings->warm_start) ? NULL : "warm_start must be true or false.";
	if (strcmp(name, "negatives") == 0)
		return take_whole(value, negatives, settings)
				   ? NULL
				   : psprintf("negatives must be an integer from 0 (full softmax) to %d.", MAX_NEGATIVES);
	if (strcmp(name, "loss") == 0)
	{
		settings->last = is_text(value, "last");
		return settings->last || is_text(value, "all") ? NULL : "loss must be \"all\" or \"last\".";
	}
	*known = false;
	return NULL;
}

static void
options_arg(FunctionCallInfo fcinfo, int argument, UimlSequenceSettings *settings)
{
	Jsonb *options = PG_ARGISNULL(argument) ? NULL : PG_GETARG_JSONB_P(argument);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *name = "";

	if (options == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(options))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object")));
	iterator = JsonbIteratorInit(&options->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		const char *problem;
		bool known;

		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token != WJB_VALUE)
			continue;
		problem = take_option(name, &value, settings, &known);
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unrecognized option \"%s\"", name),
					 errhint("Options are dropout, clip_norm, optimizer, mask, loss, negatives and "
							 "warm_start.")));
		if (problem != NULL)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("invalid value of option \"%s\"", name), errdetail("%s", problem)));
	}
}

static void
check_together(const UimlSequenceSettings *settings)
{
	if (settings->from_domain != NULL && settings->warm_start == UIML_CHOICE_YES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("from_domain and a warm start exclude each other"),
				 errdetail("The network starts either from that of another domain or from the domain's own "
						   "of before.")));
	if (settings->from_domain != NULL && settings->model != UIML_N_EXPERTS &&
		settings->model != UIML_EXPERT_LSTM)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("from_domain needs model \"auto\" or \"lstm\""),
						errdetail("It tells where the weights of a network come from.")));
}

void
uiml_sequence_settings_args(FunctionCallInfo fcinfo, UimlSequenceSettings *settings)
{
	set_defaults(settings);
	uiml_arg_required(fcinfo, 1, "target");
	settings->target = uiml_sequence_target(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	model_arg(fcinfo, 2, settings);
	for (size_t i = 0; i < lengthof(wholes); i++)
	{
		const Whole *whole = &wholes[i];

		if (whole->argument < 0)
			continue;
		if (PG_ARGISNULL(whole->argument) && whole->absent != PG_INT32_MIN)
			*whole_of(settings, whole) = whole->absent;
		else
			*whole_of(settings, whole) =
				uiml_arg_int(fcinfo, whole->argument, whole->name, whole->low, whole->high);
	}
	settings->learning_rate = rate_arg(fcinfo, 7);
	settings->from_domain = PG_ARGISNULL(9) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(9));
	freeze_arg(fcinfo, 10, settings);
	settings->validation = share_arg(fcinfo, 12, "validation");
	settings->test = share_arg(fcinfo, 13, "test");
	users_arg(fcinfo, 14, settings);
	settings->seed = uiml_arg_seed(fcinfo, 15);
	options_arg(fcinfo, 16, settings);
	check_together(settings);
}

/* --- stored settings ------------------------------------------------------------------------------------ */

static void
add_number(StringInfo json, const char *name, double value)
{
	char number[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(value, number);
	appendStringInfo(json, ", \"%s\": %s", name, number);
}

static void
add_choice(StringInfo json, const char *name, UimlChoice choice)
{
	if (choice != UIML_CHOICE_DEFAULT)
		appendStringInfo(json, ", \"%s\": %s", name, choice == UIML_CHOICE_YES ? "true" : "false");
}

static void
add_layers(StringInfo json, const UimlSequenceSettings *settings)
{
	const char *before = "";

	appendStringInfoString(json, ", \"freeze\": [");
	for (int l = 0; l < UIML_N_LAYERS; l++)
	{
		if (!settings->freeze[l])
			continue;
		appendStringInfo(json, "%s\"%s\"", before, layer_name[l]);
		before = ", ";
	}
	appendStringInfoChar(json, ']');
}

/* What has its default is left out, as far as a default could be another one some day. */
char *
uiml_sequence_settings_json(const UimlSequenceSettings *settings)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"model\": \"%s\"", model_name(settings->model));
	for (size_t i = 0; i < lengthof(wholes); i++)
	{
		int32 value = *whole_of(unconstify(UimlSequenceSettings *, settings), &wholes[i]);

		if (value != wholes[i].absent)
			appendStringInfo(&json, ", \"%s\": %d", wholes[i].name, value);
	}
	if (settings->learning_rate > 0)
		add_number(&json, "learning_rate", settings->learning_rate);
	add_number(&json, "validation", settings->validation);
	add_number(&json, "test", settings->test);
	appendStringInfo(&json, ", \"seed\": " INT64_FORMAT, (int64) settings->seed);
	add_layers(&json, settings);
	if (settings->dropout >= 0)
		add_number(&json, "dropout", settings->dropout);
	add_number(&json, "clip_norm", settings->clip_norm);
	if (settings->optimizer != NULL)
		appendStringInfo(&json, ", \"optimizer\": \"%s\"", settings->optimizer);
	add_choice(&json, "mask", settings->mask);
	appendStringInfo(&json, ", \"loss\": \"%s\"", settings->last ? "last" : "all");
	add_choice(&json, "warm_start", settings->warm_start);
	if (settings->from_domain != NULL)
	{
		appendStringInfoString(&json, ", \"from_domain\": ");
		escape_json(&json, settings->from_domain);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* A seed has 64 bits, a double 53. */
static bool
take_seed(const JsonbValue *value, UimlSequenceSettings *settings)
{
	if (value->type != jbvNumeric)
		return false;
	settings->seed =
		(uint64) DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric)));
	return true;
}

static bool
take_model(const JsonbValue *value, UimlSequenceSettings *settings)
{
	return value->type == jbvString &&
		   find_model(pnstrdup(value->val.string.val, value->val.string.len), &settings->model);
}

/* One stored setting; false where no training writes it.  From where the first weights came is told, not done again. */
static bool
take_setting(const char *name, const JsonbValue *value, UimlSequenceSettings *settings)
{
	bool known;

	for (size_t i = 0; i < lengthof(wholes); i++)
		if (strcmp(name, wholes[i].name) == 0)
			return take_whole(value, &wholes[i], settings);
	if (strcmp(name, "model") == 0)
		return take_model(value, settings);
	if (strcmp(name, "learning_rate") == 0)
		return take_number(value, DBL_MIN, 100, &settings->learning_rate);
	if (strcmp(name, "validation") == 0)
		return take_number(value, DBL_MIN, MAX_SHARE, &settings->validation);
	if (strcmp(name, "test") == 0)
		return take_number(value, DBL_MIN, MAX_SHARE, &settings->test);
	if (strcmp(name, "seed") == 0)
		return take_seed(value, settings);
	if (strcmp(name, "from_domain") == 0)
		return true;
	return take_option(name, value, settings, &known) == NULL && known;
}

void
uiml_sequence_settings_read(Jsonb *stored, UimlNextTarget target, UimlSequenceSettings *settings)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *name = "";

	set_defaults(settings);
	settings->target = target;
	if (!JB_ROOT_IS_OBJECT(stored))
		uiml_sequence_refuse();
	iterator = JsonbIteratorInit(&stored->root);
	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token == WJB_ELEM && (value.type != jbvString ||
								  !find_layer(value.val.string.val, (size_t) value.val.string.len, settings)))
			uiml_sequence_refuse();
		if (token == WJB_VALUE && !take_setting(name, &value, settings))
			uiml_sequence_refuse();
	}
	if (settings->epochs == 0 || settings->batch == 0 || settings->max_length == 0 ||
		!(settings->validation > 0) || !(settings->test > 0))
		uiml_sequence_refuse();
}

/* --- what settings mean --------------------------------------------------------------------------------- */

static void
check_tied(const UimlSequenceSettings *settings, const UimlSequenceFitParams *params, size_t n_classes)
{
	if (params->tied && params->embedding != params->hidden)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("embedding and hidden must be equal for more than %zu classes",
							   uiml_sequence_full_classes(settings->target == UIML_NEXT_ITEM)),
						errdetail("There are %zu classes, embedding is %d and hidden is %d.", n_classes,
								  settings->embedding, settings->hidden),
						errhint("The output is the embedding itself; give one of the two.")));
}

static void
check_negatives(const UimlSequenceSettings *settings, const UimlSequenceFitParams *params, size_t n_classes)
{
	if (params->negatives > 0 && !params->tied)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("negatives are drawn for more than %zu classes only",
						uiml_sequence_full_classes(settings->target == UIML_NEXT_ITEM)),
				 errdetail("There are %zu classes; all of them take part in the softmax.", n_classes)));
}

static void
freeze_tensors(const UimlSequenceSettings *settings, UimlSequenceFitParams *params)
{
	params->frozen[UIML_LSTM_EMBEDDING] = settings->freeze[UIML_LAYER_EMBEDDING];
	params->frozen[UIML_LSTM_KERNEL] = settings->freeze[UIML_LAYER_RECURRENT];
	params->frozen[UIML_LSTM_RECURRENT] = settings->freeze[UIML_LAYER_RECURRENT];
	params->frozen[UIML_LSTM_BIAS] = settings->freeze[UIML_LAYER_RECURRENT];
	params->frozen[UIML_LSTM_DENSE] = settings->freeze[UIML_LAYER_OUTPUT];
	params->frozen[UIML_LSTM_DENSE_BIAS] = settings->freeze[UIML_LAYER_OUTPUT];
}

UimlSequenceFitParams
uiml_sequence_settings_fit(const UimlSequenceSettings *settings, size_t n_classes)
{
	UimlSequenceFitParams params = uiml_sequence_fit_defaults(n_classes, settings->target == UIML_NEXT_ITEM);
	UimlLstmOptimizer usual = params.optimizer;

	if (settings->embedding > 0)
		params.embedding = (size_t) settings->embedding;
	if (settings->hidden > 0)
		params.hidden = (size_t) settings->hidden;
	if (params.tied && settings->hidden == 0 && settings->embedding > 0)
		params.hidden = params.embedding;
	else if (params.tied && settings->embedding == 0)
		params.embedding = params.hidden;
	check_tied(settings, &params, n_classes);
	params.epochs = (size_t) settings->epochs;
	params.batch = (size_t) settings->batch;
	params.max_length = (size_t) settings->max_length;
	params.patience = (size_t) settings->patience;
	params.mask = settings->mask == UIML_CHOICE_DEFAULT ? params.mask : settings->mask == UIML_CHOICE_YES;
	params.last = settings->last;
	if (settings->optimizer != NULL)
		params.optimizer = strcmp(settings->optimizer, "adam") == 0 ? UIML_LSTM_ADAM : UIML_LSTM_ADAGRAD;
	if (settings->learning_rate > 0)
		params.learning_rate = settings->learning_rate;
	else if (params.optimizer != usual)
		params.learning_rate =
			params.optimizer == UIML_LSTM_ADAM ? UIML_SEQUENCE_ADAM_RATE : UIML_SEQUENCE_ADAGRAD_RATE;
	params.clip_norm = settings->clip_norm;
	if (settings->dropout >= 0)
		params.dropout = settings->dropout;
	if (settings->negatives >= 0)
		params.negatives = (size_t) settings->negatives;
	check_negatives(settings, &params, n_classes);
	freeze_tensors(settings, &params);
	params.seed = settings->seed;
	return params;
}

char *
uiml_sequence_frozen_name(const UimlSequenceSettings *settings)
{
	StringInfoData name;

	initStringInfo(&name);
	for (int l = 0; l < UIML_N_LAYERS; l++)
		if (settings->freeze[l])
			appendStringInfo(&name, "%s%s", name.len > 0 ? " and " : "", layer_name[l]);
	return name.len > 0 ? name.data : NULL;
}
