/*
 * solve_folds.c
 *	  Cross-validation from the transfer_stats of folds: every candidate's error, and the verdict.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "core/verdict.h"
#include "pg/arrays.h"
#include "pg/env.h"
#include "pg/prediction.h"
#include "pg/solve.h"
#include "pg/transfer_stats.h"

static const char *const candidates[UIML_N_CANDIDATES] = {[UIML_CANDIDATE_MEAN] = "mean",
														  [UIML_CANDIDATE_RIDGE] = "ridge",
														  [UIML_CANDIDATE_BIASED] = "biased",
														  [UIML_CANDIDATE_PRIOR] = "prior"};

/* ---------- arguments ---------- */

static const UimlTransferStats **
folds_argument(FunctionCallInfo fcinfo, int argument, size_t *n)
{
	Datum *element = uiml_solve_elements(fcinfo, argument, "folds", n);
	const UimlTransferStats **fold;
	size_t filled = 0;

	if (*n < 2 || *n > UIML_MAX_FOLDS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("folds must have between 2 and %d elements", UIML_MAX_FOLDS),
						errdetail("There are %zu.", *n),
						errhint("Collect uiml_transfer_stats of each fold by array_agg over a GROUP BY.")));
	fold = palloc(sizeof(*fold) * *n);
	for (size_t f = 0; f < *n; f++)
	{
		fold[f] = uiml_stats_detoast(element[f]);
		uiml_stats_check_same(fold[0], fold[f]);
		filled += fold[f]->n > 0;
	}
	if (filled < 2)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("fewer than two folds have rows"), errdetail("%zu of %zu have.", filled, *n)));
	return fold;
}

/* (folds, prior, intercept): false where folds is NULL; n receives their number. */
static bool
judge(FunctionCallInfo fcinfo, UimlVerdict *verdict, size_t *n)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	bool intercept = uiml_solve_intercept(fcinfo, 2);
	const UimlTransferStats **fold;
	UimlPrior prior = {0};

	if (PG_ARGISNULL(0))
		return false;
	fold = folds_argument(fcinfo, 0, n);
	prior.w = uiml_solve_prior(fcinfo, 1, fold[0]->p, fold[0]->q);
	uiml_solve_check_memory(uiml_verdict_memory(fold[0]->p, fold[0]->q), fold[0]->p, fold[0]->q);
	uiml_blas_begin();
	uiml_check(uiml_verdict(&env, fold, *n, intercept, prior.w != NULL ? &prior : NULL, verdict),
			   "cross-validation");
	uiml_blas_end();
	return true;
}

/* ---------- the path ---------- */

static void
put_point(UimlResult *result, const UimlVerdict *verdict, UimlCandidate candidate, const UimlPathPoint *point)
{
	bool best =
		verdict->best == candidate && (candidate == UIML_CANDIDATE_MEAN || verdict->lambda == point->lambda);
	bool nulls[6] = {false};
	Datum values[] = {CStringGetTextDatum(candidates[candidate]),
					  Float8GetDatum(point->lambda),
					  Float8GetDatum(point->df),
					  Float8GetDatum(point->error),
					  Float8GetDatum(point->se),
					  BoolGetDatum(best)};

	if (isnan(point->error))
		return;
	nulls[1] = isnan(point->lambda);
	uiml_result_put(result, values, nulls);
}

/* uiml_cross_validate(folds, prior, intercept) */
PG_FUNCTION_INFO_V1(uiml_cross_validate);
Datum
uiml_cross_validate(PG_FUNCTION_ARGS)
{
	UimlVerdict *verdict = palloc(sizeof(UimlVerdict));
	UimlPathPoint point;
	UimlResult result;
	size_t n;

	uiml_result_begin(fcinfo, 6, &result);
	if (!judge(fcinfo, verdict, &n))
		return (Datum) 0;
	point = (UimlPathPoint){NAN, 1, verdict->error[UIML_CANDIDATE_MEAN], verdict->se[UIML_CANDIDATE_MEAN]};
	put_point(&result, verdict, UIML_CANDIDATE_MEAN, &point);
	for (int k = 0; k < UIML_RIDGE_PENALTIES; k++)
		put_point(&result, verdict, UIML_CANDIDATE_RIDGE, &verdict->path[k]);
	for (int k = 0; k < UIML_RIDGE_PENALTIES; k++)
		put_point(&result, verdict, UIML_CANDIDATE_BIASED, &verdict->biased[k]);
	point = (UimlPathPoint){INFINITY, PG_GETARG_BOOL(2) ? 1 : 0, verdict->error[UIML_CANDIDATE_PRIOR],
							verdict->se[UIML_CANDIDATE_PRIOR]};
	put_point(&result, verdict, UIML_CANDIDATE_PRIOR, &point);
	return (Datum) 0;
}

/* ---------- the verdict ---------- */

/* uiml_transfer_verdict(folds, prior, intercept) */
PG_FUNCTION_INFO_V1(uiml_transfer_verdict);
Datum
uiml_transfer_verdict(PG_FUNCTION_ARGS)
{
	UimlVerdict *verdict = palloc(sizeof(UimlVerdict));
	bool nulls[7] = {false};
	Datum values[7];
	TupleDesc desc;
	size_t n;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != 7)
		elog(ERROR, "return type must be a row of 7 columns");
	if (!judge(fcinfo, verdict, &n))
		PG_RETURN_NULL();
	values[0] = CStringGetTextDatum(candidates[verdict->best]);
	values[1] = BoolGetDatum(verdict->used);
	values[2] = Float8GetDatum(verdict->lambda);
	nulls[2] = isnan(verdict->lambda);
	values[3] = Float8GetDatum(verdict->error[verdict->best]);
	values[4] = Float8GetDatum(verdict->gain);
	values[5] = Float8GetDatum(verdict->gain_se);
	values[6] = PointerGetDatum(uiml_array_of_doubles(verdict->fold_gain, n));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
