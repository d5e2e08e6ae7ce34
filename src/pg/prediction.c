/*
 * prediction.c
 *	  What the prediction functions share: arguments, forecasts, result rows, the planner's row estimate.
 *
 * Results go into a tuplestore in one call: there are at most some thousand rows, and a call per row would
 * cost more than the prediction.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/blend.h"
#include "pg/itemcache.h"
#include "pg/prediction.h"
#include "pg/toolargs.h"
#include "pg/userkey.h"

#define MAX_K 10000

/* The interval is of the share among this many next events, at this level. */
#define INTERVAL_EVENTS 20
#define INTERVAL_LEVEL  0.9

/* ---------- result rows ---------- */

void
uiml_result_begin(FunctionCallInfo fcinfo, int n, UimlResult *result)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || !(rsinfo->allowedModes & SFRM_Materialize) ||
		rsinfo->expectedDesc == NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	if (rsinfo->expectedDesc->natts != n)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("function returns %d columns but %d are declared", n, rsinfo->expectedDesc->natts),
				 errhint("Run ALTER EXTENSION uiml UPDATE.")));

	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	result->desc = CreateTupleDescCopy(rsinfo->expectedDesc);
	result->store =
		tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	MemoryContextSwitchTo(old);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = result->store;
	rsinfo->setDesc = result->desc;
}

void
uiml_result_put(UimlResult *result, const Datum *values, const bool *nulls)
{
	tuplestore_putvalues(result->store, result->desc, unconstify(Datum *, values), unconstify(bool *, nulls));
}

UimlForecast
uiml_forecast(double score, double history_part, double sequence_part, UimlBasis rest, double strength)
{
	UimlForecast forecast = {.score = Min(Max(score, 0), 1), .basis = rest};
	double rest_part = Max(forecast.score - history_part - sequence_part, 0);
	double largest = rest_part;

	uiml_blend_interval(forecast.score, strength, INTERVAL_EVENTS, INTERVAL_LEVEL, &forecast.low,
						&forecast.high, NULL);
	if (history_part > largest)
	{
		forecast.basis = UIML_BASIS_HISTORY;
		largest = history_part;
	}
	if (sequence_part > largest)
	{
		forecast.basis = UIML_BASIS_SEQUENCE;
		largest = sequence_part;
	}
	forecast.basis_share = forecast.score > 0 ? largest / (history_part + rest_part + sequence_part) : 1;
	return forecast;
}

void
uiml_forecast_columns(const UimlForecast *forecast, int32 version, Datum *values)
{
	static const char *const basis[] = {"history", "transfer", "prior", "sequence"};

	values[0] = Float8GetDatum(forecast->score);
	values[1] = Float8GetDatum(forecast->low);
	values[2] = Float8GetDatum(forecast->high);
	values[3] = CStringGetTextDatum(basis[forecast->basis]);
	values[4] = Float8GetDatum(forecast->basis_share);
	values[5] = Int32GetDatum(version);
}

/* ---------- state ---------- */

typedef struct StateReader
{
	UimlState *state;
	int parts;
	UimlUserPart part; /* of the user */
	Datum key;
	UimlUserRow *row;
} StateReader;

static void
read_state(void *ctx)
{
	StateReader *reader = ctx;
	UimlState *state = reader->state;

	state->served = uiml_served_open(state->serving);
	if (reader->parts & UIML_STATE_USERS)
		uiml_served_users(state->served, state->serving);
	if (reader->parts & UIML_STATE_ITEMS)
		state->file = uiml_items_open(state->served, state->serving);
	if (reader->parts & UIML_STATE_SIGMA)
		state->sigma = uiml_served_sigma(state->served, state->serving);
}

static void
read_user(void *ctx)
{
	StateReader *reader = ctx;

	uiml_served_user(reader->state->served, reader->state->serving, reader->key, reader->part, reader->row);
}

/* Errors that whoever owns the domain has not to answer for. */
static bool
is_of_server(int code)
{
	int category = ERRCODE_TO_CATEGORY(code);

	return code == ERRCODE_INTERNAL_ERROR || category == ERRCODE_INSUFFICIENT_RESOURCES ||
		   category == ERRCODE_OPERATOR_INTERVENTION || category == ERRCODE_SYSTEM_ERROR;
}

/* Reads in a subtransaction; false where it fails by the fault of what it reads. */
static bool
try_reading(UimlAttemptFn read, void *ctx, const char *what)
{
	ErrorData *error = uiml_attempt(read, ctx);

	if (error == NULL)
		return true;
	if (is_of_server(error->sqlerrcode))
		ReThrowError(error);
	ereport(DEBUG1, (errmsg_internal("leaving out \"%s\": %s", what, error->message)));
	FreeErrorData(error);
	return false;
}

/* No subtransaction can start beside parallel workers: there an error stands. */
bool
uiml_read_or_leave_out(UimlAttemptFn read, void *ctx, bool strict, const char *what)
{
	if (!strict && !IsInParallelMode())
		return try_reading(read, ctx, what);
	read(ctx);
	return true;
}

static bool
read_or_leave_out(UimlAttemptFn read, StateReader *reader)
{
	const UimlState *state = reader->state;

	return uiml_read_or_leave_out(read, reader, state->named || state->serving->owner == GetUserId(),
								  state->serving->domain);
}

bool
uiml_state_open(UimlState *state, const UimlServing *serving, bool named, int parts)
{
	StateReader reader = {.state = state, .parts = parts};

	*state = (UimlState){.serving = serving, .named = named};
	return read_or_leave_out(read_state, &reader);
}

bool
uiml_state_user(UimlState *state, Datum key, UimlUserPart part, UimlUserRow *row)
{
	StateReader reader = {.state = state, .part = part, .key = key, .row = row};

	return read_or_leave_out(read_user, &reader);
}

/* ---------- arguments ---------- */

int
uiml_arg_k(FunctionCallInfo fcinfo, int argument)
{
	int k;

	uiml_arg_required(fcinfo, argument, "k");
	k = PG_GETARG_INT32(argument);
	if (k <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be greater than zero"),
						errdetail("k is %d.", k),
						errhint("k is the number of rows to return for each domain or user.")));
	if (k > MAX_K)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("k must be less than or equal to %d", MAX_K), errdetail("k is %d.", k)));
	return k;
}

List *
uiml_arg_domains(FunctionCallInfo fcinfo, int argument)
{
	List *domains;

	if (!PG_ARGISNULL(argument))
		return uiml_serving_list(text_to_cstring(PG_GETARG_TEXT_PP(argument)));
	domains = uiml_serving_list(NULL);
	if (domains == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no trained domain that you may predict from"),
				 errhint("Train one with SELECT * FROM uiml_train('name', 'events'), or ask its owner for "
						 "uiml_grant.")));
	return domains;
}

/* What is shown of a key in an error, in bytes. */
#define SHOWN_BYTES 80

static void
refuse_key(const UimlServing *serving, const char *what, Oid type, Datum value, Oid key_type)
{
	char *written = uiml_userkey_text(type, value);
	int shown = pg_mbcliplen(written, (int) strlen(written), SHOWN_BYTES);

	if (written[shown] != '\0')
		written = psprintf("%.*s...", shown, written);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("\"%s\" is not %s key of domain \"%s\"", written, what, serving->domain),
			 errdetail("The key type is %s.", format_type_be(key_type)),
			 written[0] == '{' ? errhint("An array of items needs its type: '{...}'::integer[], say.") : 0));
}

static Oid
argument_type(FunctionCallInfo fcinfo, int argument)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, argument);

	if (!OidIsValid(type))
		ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
						errmsg("could not determine the data type of argument %d", argument + 1)));
	return type;
}

bool
uiml_arg_user(FunctionCallInfo fcinfo, const UimlServing *serving, Oid key_type, bool named, Datum *key,
			  bool *known)
{
	Oid type;

	*known = !PG_ARGISNULL(0);
	if (!*known)
		return true;
	type = argument_type(fcinfo, 0);
	if (uiml_userkey_convert(type, PG_GETARG_DATUM(0), key_type, key))
		return true;
	if (named)
		refuse_key(serving, "a user", type, PG_GETARG_DATUM(0), key_type);
	return false;
}

uint32
uiml_item_number(const UimlItemFile *file, const UimlServed *served, const UimlServing *serving, bool named,
				 Oid type, Datum value)
{
	Datum key;
	char *written;
	uint32 number;
	int settings;

	if (!uiml_userkey_convert(type, value, served->item_type, &key))
	{
		if (named)
			refuse_key(serving, "an item", type, value, served->item_type);
		return UINT32_MAX;
	}
	settings = uiml_settings_begin(served->item_type);
	written = uiml_userkey_text(served->item_type, key);
	uiml_settings_end(settings);
	number = uiml_itemfile_find(file, written, strlen(written));
	pfree(written);
	return number;
}

/* Leaves room for products of weights and vectors in float. */
#define MAX_TOTAL_WEIGHT 1e30

static void
refuse_weights(const char *message)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message),
					errhint("Pass one weight greater than or equal to zero for each item of the history.")));
}

static void
read_weights(ArrayType *array, UimlHistory *history)
{
	double total = 0;
	Datum *value;
	bool *null;
	int n;

	deconstruct_array(array, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT, &value, &null, &n);
	if (ARR_NDIM(array) > 1 || n != history->n)
		refuse_weights("weights must have as many elements as the history");
	for (int i = 0; i < n; i++)
	{
		float weight = null[i] ? NAN : DatumGetFloat4(value[i]);

		if (!(weight >= 0) || isinf(weight))
			refuse_weights("weights must be finite and greater than or equal to zero");
		history->weight[i] = weight;
		total += weight;
	}
	if (total > MAX_TOTAL_WEIGHT)
		refuse_weights("weights must add up to at most 1e30");
}

UimlHistory
uiml_arg_history(FunctionCallInfo fcinfo, int history_argument, int weights_argument)
{
	UimlHistory history = {0};
	ArrayType *array;
	int16 length;
	bool by_value;
	char align;
	bool *null;

	if (PG_ARGISNULL(history_argument))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("history must not be null"),
						errhint("Pass an array of item keys; an empty one stands for somebody new.")));
	array = PG_GETARG_ARRAYTYPE_P(history_argument);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("history must have one dimension")));
	history.type = ARR_ELEMTYPE(array);
	get_typlenbyvalalign(history.type, &length, &by_value, &align);
	deconstruct_array(array, history.type, length, by_value, align, &history.key, &null, &history.n);
	history.weight = palloc(sizeof(float) * Max(history.n, 1));
	for (int i = 0; i < history.n; i++)
	{
		if (null[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("history must not contain null values")));
		history.weight[i] = 1;
	}
	if (weights_argument >= 0 && !PG_ARGISNULL(weights_argument))
		read_weights(PG_GETARG_ARRAYTYPE_P(weights_argument), &history);
	return history;
}

UimlFolded
uiml_history_fold(const UimlState *state, const UimlHistory *history)
{
	const UimlItemFile *file = state->file;
	bool *counted = palloc0(file->n_items);
	UimlFolded folded = {.vector = palloc0(sizeof(float) * file->dims),
						 .items = palloc(sizeof(int32) * Max(history->n, 1)),
						 .event = palloc(sizeof(uint32) * Max(history->n, 1)),
						 .named = palloc0(file->n_items)};

	for (int i = 0; i < history->n; i++)
	{
		float weight = history->weight[i];
		uint32 item = uiml_item_number(file, state->served, state->serving, state->named, history->type,
									   history->key[i]);

		if (item == UINT32_MAX)
			continue;
		for (size_t d = 0; d < file->dims; d++)
			folded.vector[d] += weight * file->in[item * file->dims + d];
		folded.named[item] = true;
		if (weight > 0)
			folded.event[folded.n_events++] = item;
		/* an item given twice weighs more but is one item */
		if (file->interest[item] != UINT32_MAX && weight > 0 && !counted[item])
		{
			counted[item] = true;
			folded.items[folded.n_items++] = (int32) item;
		}
	}
	pfree(counted);
	return folded;
}

/* ---------- planner support ---------- */

/* k is the third argument of every function that this supports, and domain the second. */
#define DOMAIN_ARGUMENT 1
#define K_ARGUMENT      2

/* Domains that a call without a name is expected to find. */
#define EXPECTED_DOMAINS 3

static Const *
constant_argument(List *arguments, int n)
{
	Node *node = list_length(arguments) > n ? strip_implicit_coercions(list_nth(arguments, n)) : NULL;

	return node != NULL && IsA(node, Const) ? castNode(Const, node) : NULL;
}

PG_FUNCTION_INFO_V1(uiml_predict_support);
Datum
uiml_predict_support(PG_FUNCTION_ARGS)
{
	Node *node = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *request;
	List *arguments;
	Const *k;
	Const *domain;

	if (!IsA(node, SupportRequestRows))
		PG_RETURN_POINTER(NULL);
	request = (SupportRequestRows *) node;
	if (!is_funcclause(request->node))
		PG_RETURN_POINTER(NULL);
	arguments = ((FuncExpr *) request->node)->args;
	k = constant_argument(arguments, K_ARGUMENT);
	domain = constant_argument(arguments, DOMAIN_ARGUMENT);
	if (k == NULL || k->constisnull || k->consttype != INT4OID || DatumGetInt32(k->constvalue) <= 0)
		PG_RETURN_POINTER(NULL);
	request->rows = Min(DatumGetInt32(k->constvalue), MAX_K);
	if (domain != NULL && domain->constisnull)
		request->rows *= EXPECTED_DOMAINS;
	PG_RETURN_POINTER(request);
}
