/*
 * logistic.c
 *	  uiml_solve_cross_entropy: multinomial logistic regression over the rows of any relation.
 *
 * The rows stay where they are: each value and gradient that L-BFGS asks for is one statement with the aggregate
 * uiml_logistic_pass (logistic_agg.c), with parallel workers where the planner gives some.  All statements see the
 * snapshot of the query, so the function that is minimised stays the same.  A first statement gathers
 * transfer_stats: of the source what L-BFGS is scaled by, of the target how often each class is.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/logistic.h"
#include "pg/budget.h"
#include "pg/env.h"
#include "pg/logistic.h"
#include "pg/relation.h"
#include "pg/solve.h"
#include "pg/sql.h"
#include "pg/toolargs.h"
#include "pg/transfer_matrix.h"
#include "pg/transfer_stats.h"

typedef struct Regression
{
	MemoryContext context;
	MemoryContext scratch; /* of a pass */
	UimlBudget budget;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env;
	const char *schema; /* quoted */
	Oid relation;
	char *source; /* columns, for statements */
	char *counts;
	Oid matrix_type; /* transfer_matrix */
	UimlTransferStats *stats;
	UimlLogisticState *state; /* that the pass at hand writes */
	double *coef;             /* (p + 1) x k */
} Regression;

/* --- statements ----------------------------------------------------------------------------------------- */

static void
take_stats(TupleTableSlot *slot, void *ctx)
{
	Regression *r = ctx;

	slot_getallattrs(slot);
	if (!slot->tts_isnull[0])
		r->stats = uiml_stats_copy(uiml_stats_detoast(slot->tts_values[0]));
}

static void
gather_stats(Regression *r)
{
	MemoryContext old = MemoryContextSwitchTo(r->context);

	uiml_sql_each(psprintf("SELECT %s.uiml_transfer_stats(%s, %s) FROM %s r", r->schema, r->source, r->counts,
						   uiml_relation_name(r->relation)),
				  NULL, true, take_stats, r);
	MemoryContextSwitchTo(old);
	if (r->stats == NULL)
		uiml_check(UIML_EEMPTY, "logistic regression");
	else if (r->stats->q > UIML_LOGISTIC_MAX_CLASSES)
		uiml_check(UIML_ELIMIT, "logistic regression");
}

static void
take_state(TupleTableSlot *slot, void *ctx)
{
	Regression *r = ctx;

	slot_getallattrs(slot);
	if (!slot->tts_isnull[0])
		uiml_logistic_merge(r->state, uiml_logistic_detoast(slot->tts_values[0]));
}

/* A UimlLogisticPassFn. */
static UimlStatus
pass_rows(void *ctx, const double *coef, UimlLogisticState *state)
{
	Regression *r = ctx;
	UimlSqlParams params = {0};
	MemoryContext old;
	UimlMatrix *model;

	MemoryContextReset(r->scratch);
	old = MemoryContextSwitchTo(r->scratch);
	model = uiml_matrix_new(state->p, state->k, true);
	memcpy(model->data, coef, uiml_logistic_size(state->p, state->k) * sizeof(double));
	uiml_sql_param(&params, r->matrix_type, PointerGetDatum(model), false);
	r->state = state;
	uiml_sql_each(psprintf("SELECT %s.uiml_logistic_pass(%s, %s, $1) FROM %s r", r->schema, r->source,
						   r->counts, uiml_relation_name(r->relation)),
				  &params, true, take_state, r);
	MemoryContextSwitchTo(old);
	return UIML_OK;
}

/* --- the fit -------------------------------------------------------------------------------------------- */

/* Counts of the classes, as sums of the targets. */
static double *
count_classes(const Regression *r)
{
	size_t k = r->stats->q;
	double *count = MemoryContextAlloc(r->context, k * sizeof(double));

	for (size_t t = 0; t < k; t++)
		count[t] = uiml_transfer_mean_y(r->stats)[t] * r->stats->weight;
	return count;
}

static void
fit(Regression *r, const UimlLogisticParams *params)
{
	size_t k = r->stats->q;
	UimlLogisticSpace space;

	r->coef = MemoryContextAllocHuge(r->context, uiml_logistic_size(r->stats->p, k) * sizeof(double));
	uiml_blas_begin();
	uiml_check(uiml_logistic_space_create(&r->env, r->stats, &space), "logistic regression");
	uiml_logistic_start(&space, count_classes(r), k, params->prior, r->coef);
	uiml_check(uiml_logistic_minimise(&r->env, &space, k, pass_rows, r, params, r->coef, NULL),
			   "logistic regression");
	uiml_blas_end();
}

static double
lambda_argument(FunctionCallInfo fcinfo, int argument)
{
	double lambda;

	uiml_arg_required(fcinfo, argument, "lambda");
	lambda = PG_GETARG_FLOAT8(argument);
	if (!(lambda > 0) || isinf(lambda))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("lambda must be a finite number greater than zero")));
	return lambda;
}

/* (relation, source_col, counts_col, lambda, prior) */
PG_FUNCTION_INFO_V1(uiml_solve_cross_entropy);
Datum
uiml_solve_cross_entropy(PG_FUNCTION_ARGS)
{
	Regression r = {0};
	UimlLogisticParams params = uiml_logistic_defaults();
	UimlMatrix *result;

	r.context = AllocSetContextCreate(CurrentMemoryContext, "uiml regression", ALLOCSET_DEFAULT_SIZES);
	r.scratch = AllocSetContextCreate(r.context, "uiml regression pass", ALLOCSET_DEFAULT_SIZES);
	r.relation = uiml_arg_relation(fcinfo, 0, "relation");
	r.source = uiml_relation_vector(r.relation, uiml_arg_column(fcinfo, 1, "source_col"));
	r.counts = uiml_relation_vector(r.relation, uiml_arg_column(fcinfo, 2, "counts_col"));
	r.schema = quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
	r.matrix_type = get_func_rettype(fcinfo->flinfo->fn_oid);
	params.lambda = lambda_argument(fcinfo, 3);
	uiml_budget_init(&r.budget, r.context);
	r.budget.purpose = "logistic regression";
	r.inner = uiml_env_pg(&r.pg, r.context, NULL, NULL);
	r.env = uiml_budget_env(&r.budget, &r.inner);

	gather_stats(&r);
	params.prior = uiml_solve_prior(fcinfo, 4, r.stats->p, r.stats->q);
	fit(&r, &params);
	result =
		uiml_matrix_from_doubles(r.coef, r.coef + (Size) r.stats->p * r.stats->q, r.stats->p, r.stats->q);
	MemoryContextDelete(r.context);
	PG_RETURN_POINTER(result);
}
