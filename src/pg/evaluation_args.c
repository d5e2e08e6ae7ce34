/*
 * evaluation_args.c
 *	  The arguments that evaluations share, read and checked.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/domain.h"
#include "pg/evaluation.h"
#include "pg/toolargs.h"

#define MAX_CUT_OFFS   100
#define MAX_CUT_OFF    10000
#define MAX_TEST_USERS 1000000
#define MAX_OBSERVED   10000
#define MAX_NEGATIVES  100000

static void
holdout_arg(FunctionCallInfo fcinfo, const UimlEvaluationArgs *args, UimlEvaluation *e)
{
	bool other = args->source >= 0; /* are newcomers possible? */
	char *holdout;

	uiml_arg_required(fcinfo, args->holdout, "holdout");
	holdout = text_to_cstring(PG_GETARG_TEXT_PP(args->holdout));
	e->by_time = strcmp(holdout, "time") == 0;
	e->newcomers = other && strcmp(holdout, "newcomers") == 0;
	if (!e->by_time && !e->newcomers && strcmp(holdout, "users") != 0)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unrecognized holdout: \"%s\"", holdout),
			other ? errhint("Use \"users\" to hold out users, \"time\" to hold out the newest events, or "
							"\"newcomers\" to hold out what users of another domain do here.")
				  : errhint("Use \"users\" to hold out users, or \"time\" to hold out the newest events."));
}

static void
cut_offs_arg(FunctionCallInfo fcinfo, int argument, UimlEvaluation *e)
{
	ArrayType *array;
	Datum *element;
	bool *null;
	int n;

	uiml_arg_required(fcinfo, argument, "at");
	array = PG_GETARG_ARRAYTYPE_P(argument);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("at must be a one-dimensional array"));
	deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &element, &null, &n);
	if (n < 1 || n > MAX_CUT_OFFS)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("at must have between 1 and %d elements", MAX_CUT_OFFS));
	e->n_k = (size_t) n;
	e->k = palloc((size_t) n * sizeof(size_t));
	for (int i = 0; i < n; i++)
	{
		if (null[i] || DatumGetInt32(element[i]) < 1 || DatumGetInt32(element[i]) > MAX_CUT_OFF)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("elements of at must be between 1 and %d", MAX_CUT_OFF));
		e->k[i] = (size_t) DatumGetInt32(element[i]);
	}
}

static bool
given(FunctionCallInfo fcinfo, int argument)
{
	return argument >= 0 && !PG_ARGISNULL(argument);
}

/* What the call says instead of the domain. */
static void
change_domain(FunctionCallInfo fcinfo, const UimlEvaluationArgs *args, UimlDomain *domain)
{
	if (given(fcinfo, args->dims))
		domain->dims = uiml_arg_int(fcinfo, args->dims, "dims", 1, UIML_MAX_DIMS);
	if (given(fcinfo, args->interests))
		domain->interests = uiml_arg_int(fcinfo, args->interests, "interests", 1, UIML_MAX_INTERESTS);
	if (given(fcinfo, args->half_life))
		domain->half_life = uiml_half_life_seconds(PG_GETARG_INTERVAL_P(args->half_life));
	if (given(fcinfo, args->features))
	{
		domain->features = text_to_cstring(PG_GETARG_TEXT_PP(args->features));
		uiml_features_check(domain->features);
	}
}

/* The domain that newcomers come from, as it is registered. */
static void
source_arg(FunctionCallInfo fcinfo, int argument, UimlEvaluation *e)
{
	UimlEvaluation *from;

	if (PG_ARGISNULL(argument))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("source must not be null"),
				errhint("Name the domain that newcomers are known from: source => 'name'."));
	from = e->from = palloc0(sizeof(UimlEvaluation));
	from->domain = uiml_domain_get(text_to_cstring(PG_GETARG_TEXT_PP(argument)), UIML_PREDICT);
	if (from->domain->domain_id == e->domain->domain_id)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("source and target are the same domain"),
				errhint("Users held out of one domain are judged with holdout => 'users'."));
	from->context = e->context;
	from->newcomers = from->keep_model = true;
	from->fold_in = e->fold_in;
	from->users = e->users;
	from->seed = from->train_seed = e->seed;
}

static void
newcomers_args(FunctionCallInfo fcinfo, const UimlEvaluationArgs *args, UimlEvaluation *e)
{
	e->observed = (size_t) uiml_arg_int(fcinfo, args->observed, "observed", 0, MAX_OBSERVED);
	e->overlap = given(fcinfo, args->overlap)
					 ? (size_t) uiml_arg_int(fcinfo, args->overlap, "overlap", 1, PG_INT32_MAX)
					 : SIZE_MAX;
	if (given(fcinfo, args->negatives))
		e->negatives = (size_t) uiml_arg_int(fcinfo, args->negatives, "negatives", 1, MAX_NEGATIVES);
	if (e->newcomers)
	{
		e->keep_model = true;
		source_arg(fcinfo, args->source, e);
	}
	else if (given(fcinfo, args->source) || e->observed > 0 || given(fcinfo, args->overlap) ||
			 e->negatives > 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("source, observed, overlap and negatives need holdout => 'newcomers'"));
}

static void
read_arguments(FunctionCallInfo fcinfo, const UimlEvaluationArgs *args, UimlEvaluation *e)
{
	uiml_arg_required(fcinfo, args->domain, "domain");
	holdout_arg(fcinfo, args, e);
	if (args->at >= 0)
		cut_offs_arg(fcinfo, args->at, e);
	uiml_arg_required(fcinfo, args->fold_in, "fold_in");
	e->fold_in = PG_GETARG_FLOAT8(args->fold_in);
	if (!(e->fold_in > 0 && e->fold_in < 1))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("fold_in must be greater than 0 and less than 1"));
	e->users = (size_t) uiml_arg_int(fcinfo, args->users, "users", 1, MAX_TEST_USERS);
	e->seed = uiml_arg_seed(fcinfo, args->seed);
	e->train_seed = e->seed;
	e->domain = uiml_domain_get(text_to_cstring(PG_GETARG_TEXT_PP(args->domain)), UIML_PREDICT);
	change_domain(fcinfo, args, e->domain);
	if (args->source >= 0)
		newcomers_args(fcinfo, args, e);
	if (e->by_time && e->domain->time_col == NULL)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("domain \"%s\" has no time column", e->domain->name),
				errdetail("Holding out a time needs the times of the events."),
				errhint("Name the column with uiml_alter_domain, or use holdout => 'users'."));
}

UimlEvaluation *
uiml_evaluation_begin(FunctionCallInfo fcinfo, const UimlEvaluationArgs *args)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "uiml evaluation", ALLOCSET_DEFAULT_SIZES);
	UimlEvaluation *e;

	MemoryContextSwitchTo(context);
	e = palloc0(sizeof(UimlEvaluation));
	e->context = context;
	read_arguments(fcinfo, args, e);
	return e;
}
