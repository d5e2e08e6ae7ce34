/*
 * transfer_matrix_ops.c
 *	  Functions, casts and operators of transfer_matrix.
 */
#include "postgres.h"

#include <math.h>

#include "pg/arrays.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/transfer_matrix.h"

/* ---------- casts ---------- */

PG_FUNCTION_INFO_V1(transfer_matrix_from_array);
Datum
transfer_matrix_from_array(PG_FUNCTION_ARGS)
{
	size_t length[2];
	double *w = uiml_doubles_of_array(PG_GETARG_ARRAYTYPE_P(0), 2, "array", length);

	PG_RETURN_POINTER(uiml_matrix_from_doubles(w, NULL, length[0], length[1]));
}

PG_FUNCTION_INFO_V1(transfer_matrix_to_array);
Datum
transfer_matrix_to_array(PG_FUNCTION_ARGS)
{
	UimlMatrix *matrix = PG_GETARG_MATRIX(0);

	PG_RETURN_ARRAYTYPE_P(uiml_array_of_rows(matrix->data, matrix->rows, matrix->cols));
}

/* (coefficients, intercept or NULL) */
PG_FUNCTION_INFO_V1(uiml_matrix);
Datum
uiml_matrix(PG_FUNCTION_ARGS)
{
	size_t length[2], n;
	double *w;
	double *b = NULL;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	w = uiml_doubles_of_array(PG_GETARG_ARRAYTYPE_P(0), 2, "coefficients", length);
	if (!PG_ARGISNULL(1))
	{
		b = uiml_doubles_of_array(PG_GETARG_ARRAYTYPE_P(1), 1, "intercept", &n);
		if (n != length[1])
			ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
							errmsg("intercept has %zu elements for %zu columns", n, length[1])));
	}
	PG_RETURN_POINTER(uiml_matrix_from_doubles(w, b, length[0], length[1]));
}

/* ---------- accessors ---------- */

PG_FUNCTION_INFO_V1(uiml_matrix_rows);
Datum
uiml_matrix_rows(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) PG_GETARG_MATRIX(0)->rows);
}

PG_FUNCTION_INFO_V1(uiml_matrix_cols);
Datum
uiml_matrix_cols(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) PG_GETARG_MATRIX(0)->cols);
}

PG_FUNCTION_INFO_V1(uiml_element);
Datum
uiml_element(PG_FUNCTION_ARGS)
{
	UimlMatrix *matrix = PG_GETARG_MATRIX(0);
	int32 row = PG_GETARG_INT32(1);
	int32 col = PG_GETARG_INT32(2);

	if (row < 1 || col < 1 || (uint32) row > matrix->rows || (uint32) col > matrix->cols)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("element (%d, %d) does not exist", row, col),
				 errdetail("The matrix has %u rows and %u columns.", matrix->rows, matrix->cols)));
	PG_RETURN_FLOAT8(matrix->data[(Size) (row - 1) * matrix->cols + (Size) (col - 1)]);
}

PG_FUNCTION_INFO_V1(uiml_intercept);
Datum
uiml_intercept(PG_FUNCTION_ARGS)
{
	UimlMatrix *matrix = PG_GETARG_MATRIX(0);
	const double *b = uiml_matrix_intercept(matrix);

	if (b == NULL)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(uiml_array_of_doubles(b, matrix->cols));
}

PG_FUNCTION_INFO_V1(uiml_frobenius);
Datum
uiml_frobenius(PG_FUNCTION_ARGS)
{
	double norm = uiml_matrix_norm(PG_GETARG_MATRIX(0));

	if (isinf(norm))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("value out of range: overflow")));
	PG_RETURN_FLOAT8(norm);
}

PG_FUNCTION_INFO_V1(uiml_rank);
Datum
uiml_rank(PG_FUNCTION_ARGS)
{
	UimlMatrix *matrix = PG_GETARG_MATRIX(0);
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	size_t rank;
	UimlStatus status;

	uiml_blas_begin();
	status = uiml_matrix_rank(&env, matrix, &rank);
	uiml_blas_end();
	uiml_check(status, "singular values");
	PG_RETURN_INT32((int32) rank);
}

/* ---------- operators ---------- */

PG_FUNCTION_INFO_V1(transfer_matrix_apply);
Datum
transfer_matrix_apply(PG_FUNCTION_ARGS)
{
	UimlMatrix *matrix = PG_GETARG_MATRIX(0);
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(1);
	InterestVector *result;
	double *wide;

	if ((uint32) vector->dim != matrix->rows)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("transfer_matrix with %u rows cannot be applied to %d dimensions",
							   matrix->rows, vector->dim)));
	wide = palloc(sizeof(double) * matrix->cols);
	uiml_matrix_apply(matrix, vector->x, wide);
	result = uiml_vector_new((int) matrix->cols);
	for (uint32 j = 0; j < matrix->cols; j++)
		result->x[j] = (float) wide[j];
	uiml_vector_check_overflow(result);
	PG_RETURN_INTEREST_VECTOR_P(result);
}

PG_FUNCTION_INFO_V1(transfer_matrix_eq);
Datum
transfer_matrix_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(uiml_matrix_equal(PG_GETARG_MATRIX(0), PG_GETARG_MATRIX(1)));
}

PG_FUNCTION_INFO_V1(transfer_matrix_ne);
Datum
transfer_matrix_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!uiml_matrix_equal(PG_GETARG_MATRIX(0), PG_GETARG_MATRIX(1)));
}
