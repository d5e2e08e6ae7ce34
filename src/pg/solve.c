/*
 * solve.c
 *	  Least squares from transfer_stats: a transfer_matrix for a penalty, the path of penalties, and several
 *	  matrices stacked.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/array.h"

#include "core/nnls.h"
#include "pg/arrays.h"
#include "pg/budget.h"
#include "pg/env.h"
#include "pg/prediction.h"
#include "pg/solve.h"
#include "pg/toolargs.h"
#include "pg/transfer_matrix.h"
#include "pg/transfer_stats.h"

#define MAX_PENALTIES 10000

/* ---------- arguments ---------- */

static void
check_shape(const UimlMatrix *matrix, const char *name, size_t p, size_t q)
{
	if (matrix->rows != p || matrix->cols != q)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("%s of %u x %u does not fit transfer_stats of %zu x %zu", name, matrix->rows,
							   matrix->cols, p, q)));
}

const double *
uiml_solve_prior(FunctionCallInfo fcinfo, int argument, size_t p, size_t q)
{
	UimlMatrix *matrix;

	if (PG_ARGISNULL(argument))
		return NULL;
	matrix = PG_GETARG_MATRIX(argument);
	check_shape(matrix, "prior", p, q);
	return matrix->data;
}

bool
uiml_solve_intercept(FunctionCallInfo fcinfo, int argument)
{
	uiml_arg_required(fcinfo, argument, "intercept");
	return PG_GETARG_BOOL(argument);
}

/* As many eigenvalues as are more than rounding. */
static int
rank_of(const UimlRidge *ridge)
{
	int rank = 0;

	for (size_t i = 0; i < ridge->p; i++)
		rank += ridge->value[i] > (double) ridge->p * DBL_EPSILON * ridge->value[0];
	return rank;
}

static void
check_lambda(double lambda, const UimlRidge *ridge)
{
	if (!(lambda >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lambda must be greater than or equal to zero"), errdetail("lambda is %g.", lambda)));
	if (uiml_ridge_allows(ridge, lambda) == UIML_ESINGULAR)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("rows do not determine a transfer_matrix where lambda is zero"),
				 errdetail("%.0f rows span %d of %zu source dimensions.", ridge->n, rank_of(ridge), ridge->p),
				 errhint("Add rows or set lambda greater than zero.")));
}

double
uiml_solve_lambda(FunctionCallInfo fcinfo, int argument, const UimlRidge *ridge)
{
	double lambda;

	if (PG_ARGISNULL(argument))
		return uiml_ridge_choose(ridge);
	lambda = PG_GETARG_FLOAT8(argument);
	check_lambda(lambda, ridge);
	return lambda;
}

Datum *
uiml_solve_elements(FunctionCallInfo fcinfo, int argument, const char *name, size_t *n)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(argument);
	Datum *element;
	int count;

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not contain null values", name)));
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &element, NULL, &count);
	*n = (size_t) count;
	return element;
}

void
uiml_solve_check_memory(size_t bytes, size_t p, size_t q)
{
	UimlBudget budget;

	uiml_budget_init(&budget, CurrentMemoryContext);
	budget.purpose = "solving";
	if (bytes > budget.limit)
		uiml_budget_exceeded(&budget, psprintf("transfer_stats of %zu x %zu", p, q), (double) bytes);
}

void
uiml_solve_begin(const UimlTransferStats *stats, bool intercept, const double *prior, UimlRidge *ridge)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);

	if (stats->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("transfer_stats have no rows")));
	uiml_solve_check_memory(uiml_ridge_memory(stats->p, stats->q), stats->p, stats->q);
	uiml_blas_begin();
	uiml_check(uiml_ridge_begin(&env, stats, intercept, prior, ridge), "a transfer");
	uiml_blas_end();
}

/* ---------- one matrix ---------- */

/* uiml_solve(stats, lambda, prior, intercept) */
PG_FUNCTION_INFO_V1(uiml_solve);
Datum
uiml_solve(PG_FUNCTION_ARGS)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	bool intercept = uiml_solve_intercept(fcinfo, 3);
	UimlTransferStats *stats;
	UimlRidge ridge;
	double lambda;
	double *w, *b;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	stats = PG_GETARG_STATS(0);
	uiml_solve_begin(stats, intercept, uiml_solve_prior(fcinfo, 2, stats->p, stats->q), &ridge);
	lambda = uiml_solve_lambda(fcinfo, 1, &ridge);
	w = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * ridge.p * ridge.q);
	b = intercept ? palloc(sizeof(double) * ridge.q) : NULL;
	uiml_blas_begin();
	uiml_check(uiml_ridge_solve(&env, &ridge, lambda, w, b), "a transfer");
	uiml_blas_end();
	uiml_ridge_free(&env, &ridge);
	PG_RETURN_POINTER(uiml_matrix_from_doubles(w, b, stats->p, stats->q));
}

/* ---------- the path ---------- */

/* The penalties of an argument, or those that GCV chooses from; NULL where x doesn't vary. */
static double *
penalties(FunctionCallInfo fcinfo, int argument, const UimlRidge *ridge, size_t *n)
{
	double *lambda;

	if (PG_ARGISNULL(argument))
	{
		*n = UIML_RIDGE_PENALTIES;
		lambda = palloc(sizeof(double) * *n);
		if (!uiml_ridge_penalties(ridge, lambda))
			*n = 0;
		return lambda;
	}
	lambda = uiml_doubles_of_array(PG_GETARG_ARRAYTYPE_P(argument), 1, "lambda", n);
	if (*n > MAX_PENALTIES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("lambda must have at most %d elements", MAX_PENALTIES)));
	for (size_t i = 0; i < *n; i++)
		check_lambda(lambda[i], ridge);
	return lambda;
}

/* The place of the lowest GCV, the larger penalty of two equal ones. */
static size_t
best_gcv(const UimlRidge *ridge, const double *lambda, size_t n)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
	{
		double gcv = uiml_ridge_gcv(ridge, lambda[i], NULL);
		double lowest = uiml_ridge_gcv(ridge, lambda[best], NULL);

		if (gcv < lowest || (gcv == lowest && lambda[i] > lambda[best]))
			best = i;
	}
	return best;
}

/* uiml_ridge_path(stats, lambda, prior, intercept) */
PG_FUNCTION_INFO_V1(uiml_ridge_path);
Datum
uiml_ridge_path(PG_FUNCTION_ARGS)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	bool intercept = uiml_solve_intercept(fcinfo, 3);
	UimlTransferStats *stats;
	UimlResult result;
	UimlRidge ridge;
	double *lambda;
	size_t n, best;

	uiml_result_begin(fcinfo, 5, &result);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	stats = PG_GETARG_STATS(0);
	uiml_solve_begin(stats, intercept, uiml_solve_prior(fcinfo, 2, stats->p, stats->q), &ridge);
	lambda = penalties(fcinfo, 1, &ridge, &n);
	best = best_gcv(&ridge, lambda, n);
	for (size_t i = 0; i < n; i++)
	{
		const bool nulls[5] = {false};
		double df;
		double error = uiml_ridge_error(&ridge, lambda[i], &df);
		Datum values[] = {Float8GetDatum(lambda[i]), Float8GetDatum(df), Float8GetDatum(error),
						  Float8GetDatum(uiml_ridge_gcv(&ridge, lambda[i], NULL)), BoolGetDatum(i == best)};

		uiml_result_put(&result, values, nulls);
	}
	uiml_ridge_free(&env, &ridge);
	return (Datum) 0;
}

/* ---------- several matrices ---------- */

/* The coefficients of each element of an array of matrices. */
static const double *const *
matrices_argument(FunctionCallInfo fcinfo, int argument, size_t p, size_t q, size_t *k)
{
	Datum *element = uiml_solve_elements(fcinfo, argument, "matrices", k);
	const double **w;

	if (*k < 1 || *k > UIML_NNLS_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("matrices must have between 1 and %d elements", UIML_NNLS_MAX),
						errdetail("There are %zu.", *k)));
	w = palloc(sizeof(double *) * *k);
	for (size_t i = 0; i < *k; i++)
	{
		UimlMatrix *matrix = uiml_matrix_detoast(element[i]);

		check_shape(matrix, "matrix", p, q);
		w[i] = matrix->data;
	}
	return w;
}

/* mean y - mean x W */
static double *
intercept_of(const UimlTransferStats *stats, const double *w)
{
	double *b = palloc(sizeof(double) * stats->q);

	for (size_t j = 0; j < stats->q; j++)
	{
		b[j] = uiml_transfer_mean_y(stats)[j];
		for (size_t i = 0; i < stats->p; i++)
			b[j] -= uiml_transfer_mean_x(stats)[i] * w[i * stats->q + j];
	}
	return b;
}

/* uiml_stack(stats, matrices, intercept) */
PG_FUNCTION_INFO_V1(uiml_stack);
Datum
uiml_stack(PG_FUNCTION_ARGS)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	bool intercept = uiml_solve_intercept(fcinfo, 2);
	UimlTransferStats *stats;
	const double *const *w;
	TupleDesc desc;
	bool nulls[3] = {false};
	Datum values[3];
	double *beta, *stacked, *b;
	double error;
	size_t k;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != 3)
		elog(ERROR, "return type must be a row of 3 columns");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	stats = PG_GETARG_STATS(0);
	w = matrices_argument(fcinfo, 1, stats->p, stats->q, &k);
	if (stats->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("transfer_stats have no rows")));
	beta = palloc(sizeof(double) * k);
	stacked = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * stats->p * stats->q);
	uiml_blas_begin();
	uiml_check(uiml_transfer_stack(&env, stats, k, w, intercept, beta, stacked, &error), "stacked matrices");
	uiml_blas_end();
	b = intercept ? intercept_of(stats, stacked) : NULL;
	values[0] = PointerGetDatum(uiml_array_of_doubles(beta, k));
	values[1] = PointerGetDatum(uiml_matrix_from_doubles(stacked, b, stats->p, stats->q));
	values[2] = Float8GetDatum(error);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
