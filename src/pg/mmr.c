/*
 * mmr.c
 *	  Maximal marginal relevance of a list, by a matrix of similarities or by vectors.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/mmr.h"
#include "core/vector.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/toolargs.h"

/* ---------- arguments ---------- */

/* A float8[] argument without NULL, NaN and infinity. */
static const double *
finite_numbers(ArrayType *array, const char *name)
{
	size_t n = (size_t) ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const double *number = (const double *) ARR_DATA_PTR(array);

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not contain null values", name)));
	for (size_t i = 0; i < n; i++)
		if (!isfinite(number[i]))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be finite", name)));
	return number;
}

static const double *
relevance_argument(FunctionCallInfo fcinfo, size_t *n)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("relevance must have one dimension")));
	*n = (size_t) ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return finite_numbers(array, "relevance");
}

/* ---------- selection ---------- */

static Datum
select_positions(FunctionCallInfo fcinfo, const double *relevance, size_t n, UimlSimilarityFn similar,
				 void *ctx)
{
	double lambda =
		uiml_arg_share(fcinfo, 2, "lambda", "1 is the order of relevance, 0 looks at similarity alone.");
	size_t k = Min(uiml_arg_limit(fcinfo, 3, "Pass NULL to order the whole list."), n);
	size_t *chosen = palloc(sizeof(size_t) * Max(k, 1));
	Datum *position = palloc(sizeof(Datum) * Max(k, 1));
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);

	uiml_check(uiml_mmr_select(&env, relevance, n, lambda, similar, ctx, k, chosen), "diversity");
	for (size_t rank = 0; rank < k; rank++)
		position[rank] = Int32GetDatum((int32) chosen[rank] + 1);
	PG_RETURN_ARRAYTYPE_P(construct_array(position, (int) k, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

typedef struct Matrix
{
	size_t n;
	const double *similarity; /* n x n, row-major */
} Matrix;

static void
matrix_column(void *ctx, size_t chosen, double *similarity)
{
	const Matrix *matrix = ctx;

	for (size_t i = 0; i < matrix->n; i++)
		similarity[i] = matrix->similarity[i * matrix->n + chosen];
}

/* uiml_mmr(relevance, similarity, lambda, k) */
PG_FUNCTION_INFO_V1(uiml_mmr_matrix);
Datum
uiml_mmr_matrix(PG_FUNCTION_ARGS)
{
	const double *relevance;
	ArrayType *array;
	Matrix matrix;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	relevance = relevance_argument(fcinfo, &matrix.n);
	array = PG_GETARG_ARRAYTYPE_P(1);
	if (matrix.n == 0 ? ARR_NDIM(array) != 0
					  : ARR_NDIM(array) != 2 || (size_t) ARR_DIMS(array)[0] != matrix.n ||
							(size_t) ARR_DIMS(array)[1] != matrix.n)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("similarity must have a row and a column for each element of relevance"),
						errdetail("relevance has %zu elements.", matrix.n)));
	matrix.similarity = finite_numbers(array, "similarity");
	return select_positions(fcinfo, relevance, matrix.n, matrix_column, &matrix);
}

typedef struct Vectors
{
	size_t n;
	const InterestVector **vector; /* n */
} Vectors;

static void
cosines(void *ctx, size_t chosen, double *similarity)
{
	const Vectors *vectors = ctx;
	const InterestVector *other = vectors->vector[chosen];

	for (size_t i = 0; i < vectors->n; i++)
	{
		if (i % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		similarity[i] = 1 - uiml_vector_cosine_distance(vectors->vector[i]->x, other->x, (size_t) other->dim);
	}
}

/* uiml_mmr(relevance, vectors, lambda, k) */
PG_FUNCTION_INFO_V1(uiml_mmr_vectors);
Datum
uiml_mmr_vectors(PG_FUNCTION_ARGS)
{
	const double *relevance;
	Vectors vectors;
	size_t n;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	relevance = relevance_argument(fcinfo, &n);
	vectors.vector = uiml_vector_array(PG_GETARG_ARRAYTYPE_P(1), "vectors", false, &vectors.n);
	if (vectors.n != n)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("relevance and vectors must have the same number of elements"),
						errdetail("They have %zu and %zu.", n, vectors.n)));
	return select_positions(fcinfo, relevance, n, cosines, &vectors);
}
