/*
 * domain_args.c
 *	  The arguments that describe a domain, read and checked.
 *
 * What is checked here needs no table: ranges, known words, JSON of the right shape.  The same checks serve
 * values that come back from the catalog, where they could have been written by hand.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/encoder.h"
#include "pg/domain.h"
#include "pg/texttemplate.h"

/* Longer half-lives than this (10,000 years) are no decay in all but name, and overflow intervals. */
#define MAX_HALF_LIFE (10000.0 * 365.25 * SECS_PER_DAY)

/*
 * Arrays
 */

List *
uiml_text_list(ArrayType *array, const char *argument)
{
	List *texts = NIL;
	Datum *value;
	bool *null;
	int n;
	bool is_name = ARR_ELEMTYPE(array) == NAMEOID;

	if (is_name)
		deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &value, &null, &n);
	else
		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &value, &null, &n);
	for (int i = 0; i < n; i++)
	{
		if (null[i])
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("%s must not contain nulls", argument));
		texts = lappend(texts,
						is_name ? pstrdup(NameStr(*DatumGetName(value[i]))) : TextDatumGetCString(value[i]));
	}
	return texts;
}

Datum
uiml_text_array(List *texts)
{
	int n = list_length(texts);
	Datum *value = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		value[i] = CStringGetTextDatum((char *) list_nth(texts, i));
	return PointerGetDatum(construct_array(value, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * JSON
 */

double
uiml_jsonb_number(const JsonbValue *value)
{
	if (value->type != jbvNumeric)
		return NAN;
	return DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
}

char *
uiml_kind_weights_problem(Jsonb *kind_weights)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *kind = NULL;

	if (kind_weights == NULL || !JB_ROOT_IS_OBJECT(kind_weights))
		return "A JSON object of kinds and weights is expected, such as {\"view\": 1, \"like\": 3}.";
	iterator = JsonbIteratorInit(&kind_weights->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		double weight;

		if (token == WJB_KEY)
			kind = pnstrdup(value.val.string.val, value.val.string.len);
		if (token != WJB_VALUE)
			continue;
		weight = uiml_jsonb_number(&value);
		if (!(weight >= 0) || isinf(weight))
			return psprintf("The weight of kind \"%s\" must be a number greater than or equal to zero.",
							kind);
	}
	return NULL;
}

/* A known option with the range of its number, or the check of its string. */
typedef struct KnownOption
{
	const char *name;
	double low;
	double high;
	bool whole;
	const char *range;
	bool (*valid)(const char *value);
} KnownOption;

static bool
valid_name(const char *value)
{
	return value[0] != '\0';
}

static bool
valid_whitening(const char *value)
{
	UimlWhitening whitening;

	return uiml_whitening_named(value, &whitening);
}

static const KnownOption known_options[] = {
	{"col_scale", 0, 1, false, "between 0 and 1", NULL},
	{"encoder", .range = "the name of an encoder", .valid = valid_name},
	{"row_scale", 0, 1, false, "between 0 and 1", NULL},
	{"seed", -9007199254740992.0, 9007199254740992.0, true, "an integer between -2^53 and 2^53", NULL},
	{"text_template", .range = "text with columns in braces, parts with columns in brackets",
	 .valid = uiml_text_template_valid},
	{"whitening", .range = "none, relaxed or full", .valid = valid_whitening},
};

bool
uiml_option_known(const char *name)
{
	for (size_t i = 0; i < lengthof(known_options); i++)
		if (strcmp(known_options[i].name, name) == 0)
			return true;
	return false;
}

char *
uiml_options_list(void)
{
	StringInfoData list;

	initStringInfo(&list);
	for (size_t i = 0; i < lengthof(known_options); i++)
		appendStringInfo(&list, "%s%s",
						 i == 0                             ? ""
						 : i + 1 == lengthof(known_options) ? " and "
															: ", ",
						 known_options[i].name);
	return list.data;
}

static bool
value_valid(const KnownOption *known, const JsonbValue *value)
{
	double number;

	if (known->valid != NULL)
		return value->type == jbvString &&
			   known->valid(pnstrdup(value->val.string.val, value->val.string.len));
	number = uiml_jsonb_number(value);
	return number >= known->low && number <= known->high && (!known->whole || number == rint(number));
}

static char *
option_problem(const char *name, const JsonbValue *value)
{
	for (size_t i = 0; i < lengthof(known_options); i++)
	{
		const KnownOption *known = &known_options[i];

		if (strcmp(known->name, name) != 0)
			continue;
		if (value_valid(known, value))
			return NULL;
		return psprintf("Option \"%s\" must be %s%s.", name,
						known->whole || known->valid != NULL ? "" : "a number ", known->range);
	}
	return psprintf("There is no option \"%s\"; options are %s.", name, uiml_options_list());
}

char *
uiml_options_problem(Jsonb *options)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *name = NULL;

	if (options == NULL || !JB_ROOT_IS_OBJECT(options))
		return "A JSON object is expected.";
	iterator = JsonbIteratorInit(&options->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char *problem;

		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token == WJB_VALUE && (problem = option_problem(name, &value)) != NULL)
			return problem;
	}
	return NULL;
}

bool
uiml_features_known(const char *features)
{
	static const char *const known[] = {"auto", "behaviour", "text", "hybrid"};

	for (size_t i = 0; features != NULL && i < lengthof(known); i++)
		if (strcmp(features, known[i]) == 0)
			return true;
	return false;
}

/*
 * Arguments
 */

void
uiml_features_check(const char *features)
{
	if (!uiml_features_known(features))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unrecognized features: \"%s\"", features),
				errhint("Use \"behaviour\", \"text\", \"hybrid\" or \"auto\"."));
}

static void
check_json(const char *argument, const char *problem)
{
	if (problem != NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid value for argument %s", argument), errdetail("%s", problem));
}

double
uiml_half_life_seconds(const Interval *interval)
{
	double seconds = (double) interval->time / USECS_PER_SEC + (double) SECS_PER_DAY * interval->day +
					 (double) SECS_PER_DAY * DAYS_PER_MONTH * interval->month;

#ifdef INTERVAL_NOT_FINITE
	if (INTERVAL_IS_NOEND(interval))
		return INFINITY;
#endif
	if (seconds == 0)
		return INFINITY;
	if (seconds < 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("half_life must be greater than or equal to zero"),
				errhint("Pass '0' for no decay, or NULL to let training choose it."));
	if (seconds > MAX_HALF_LIFE)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("half_life must be at most 10000 years"), errhint("Pass '0' for no decay."));
	return seconds;
}

static int
int_arg(FunctionCallInfo fcinfo, int i, const char *argument, int max)
{
	int value;

	if (PG_ARGISNULL(i))
		return 0;
	value = PG_GETARG_INT32(i);
	if (value < 1 || value > max)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s must be between 1 and %d", argument, max));
	return value;
}

static char *
name_arg(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(i)));
}

static List *
names_arg(FunctionCallInfo fcinfo, int i, const char *argument)
{
	return PG_ARGISNULL(i) ? NIL : uiml_text_list(PG_GETARG_ARRAYTYPE_P(i), argument);
}

static void
check_args(const UimlDomainArgs *args)
{
	if (args->features != NULL)
		uiml_features_check(args->features);
	if (args->kind_weights != NULL)
		check_json("kind_weights", uiml_kind_weights_problem(args->kind_weights));
	if (args->options != NULL)
		check_json("options", uiml_options_problem(args->options));
}

/* What comes before schema and options. */
static void
read_common(FunctionCallInfo fcinfo, int first, UimlDomainArgs *args)
{
	memset(args, 0, sizeof(UimlDomainArgs));
	args->events = PG_ARGISNULL(first) ? InvalidOid : PG_GETARG_OID(first);
	args->user_col = name_arg(fcinfo, first + 1);
	args->item_col = name_arg(fcinfo, first + 2);
	args->time_col = name_arg(fcinfo, first + 3);
	args->kind_col = name_arg(fcinfo, first + 4);
	args->weight_col = name_arg(fcinfo, first + 5);
	args->has_text_cols = !PG_ARGISNULL(first + 6);
	args->text_cols = names_arg(fcinfo, first + 6, "text_cols");
	args->items = PG_ARGISNULL(first + 7) ? InvalidOid : PG_GETARG_OID(first + 7);
	args->item_key = name_arg(fcinfo, first + 8);
	args->has_item_text = !PG_ARGISNULL(first + 9);
	args->item_text = names_arg(fcinfo, first + 9, "item_text");
	args->kind_weights = PG_ARGISNULL(first + 10) ? NULL : PG_GETARG_JSONB_P_COPY(first + 10);
	args->has_half_life = !PG_ARGISNULL(first + 11);
	args->half_life = args->has_half_life ? uiml_half_life_seconds(PG_GETARG_INTERVAL_P(first + 11)) : 0;
	args->features = PG_ARGISNULL(first + 12) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(first + 12));
	args->dims = int_arg(fcinfo, first + 13, "dims", UIML_MAX_DIMS);
	args->interests = int_arg(fcinfo, first + 14, "interests", UIML_MAX_INTERESTS);
}

void
uiml_domain_args_read(FunctionCallInfo fcinfo, int first, UimlDomainArgs *args)
{
	read_common(fcinfo, first, args);
	args->schema = name_arg(fcinfo, first + 15);
	args->options = PG_ARGISNULL(first + 16) ? NULL : PG_GETARG_JSONB_P_COPY(first + 16);
	check_args(args);
}

void
uiml_domain_changes_read(FunctionCallInfo fcinfo, int first, UimlDomainArgs *args)
{
	read_common(fcinfo, first, args);
	args->options = PG_ARGISNULL(first + 15) ? NULL : PG_GETARG_JSONB_P_COPY(first + 15);
	check_args(args);
}
