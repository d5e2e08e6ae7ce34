/*
 * svd_file.c
 *	  Singular vectors of a matrix in a temporary file: each pass reads it from start to end.
 *
 * What core/svd_sparse.c does with a matrix in memory, with entries scaled anew in each pass.
 */
#include "postgres.h"

#include <math.h>

#include "core/kernels.h"
#include "core/linalg.h"
#include "core/tfidf.h"
#include "pg/env.h"
#include "pg/svd_file.h"

/* Rows of AQ that are collected before they are added to the Gram matrix. */
#define RITZ_ROWS 128

/* Counts of terms become TF-IDF weights, of length 1. */
static void
weight_terms(const double *idf, UimlEntriesRow *row)
{
	double squares = 0;

	for (size_t k = 0; k < row->n; k++)
	{
		row->value[k] = (float) (uiml_tf(row->value[k]) * idf[row->column[k]]);
		squares += (double) row->value[k] * row->value[k];
	}
	for (size_t k = 0; k < row->n && squares > 0; k++)
		row->value[k] = (float) (row->value[k] / sqrt(squares));
}

bool
uiml_svd_file_next(UimlSvdFile *svd, UimlEntriesRow *row)
{
	double divisor;

	if (!uiml_entries_file_next(svd->file, row))
		return false;
	if (svd->idf != NULL)
		weight_terms(svd->idf, row);
	if (svd->divisor == NULL)
		return true;
	divisor = pow((double) row->n, svd->row_scale) * svd->scale;
	for (size_t k = 0; k < row->n; k++)
		row->value[k] = (float) (row->value[k] / (divisor * svd->divisor[row->column[k]]));
	return true;
}

bool
uiml_svd_file_count(UimlSvdFile *svd, double *count)
{
	UimlEntriesRow row;
	bool negative = false;

	memset(count, 0, svd->n_columns * sizeof(double));
	uiml_entries_file_rewind(svd->file);
	while (uiml_entries_file_next(svd->file, &row))
		for (size_t k = 0; k < row.n; k++)
		{
			count[row.column[k]]++;
			negative |= row.value[k] < 0;
		}
	return !negative;
}

static UimlStatus
count_columns(void *ctx, double *count)
{
	uiml_svd_file_count(ctx, count);
	return UIML_OK;
}

/* The largest magnitude, or the sum of squares, of all entries. */
static double
sum_up(UimlSvdFile *svd, bool squares)
{
	double result = 0;
	UimlEntriesRow row;

	uiml_entries_file_rewind(svd->file);
	while (uiml_svd_file_next(svd, &row))
		for (size_t k = 0; k < row.n; k++)
			result =
				squares ? result + (double) row.value[k] * row.value[k] : Max(result, fabs(row.value[k]));
	return result;
}

static UimlStatus
scale_entries(void *ctx, const double *divisor, double row_scale, double *largest, double *squares)
{
	UimlSvdFile *svd = ctx;
	double *kept = uiml_alloc(svd->env, svd->n_columns, sizeof(double));

	if (kept == NULL)
		return UIML_ENOMEM;
	memcpy(kept, divisor, svd->n_columns * sizeof(double));
	svd->divisor = kept;
	svd->row_scale = row_scale;
	svd->scale = 1;
	*squares = 0;
	*largest = sum_up(svd, false);
	if (*largest == 0)
		return UIML_OK;
	svd->scale = *largest;
	*squares = sum_up(svd, true);
	return UIML_OK;
}

static UimlStatus
multiply(void *ctx, const float *basis, size_t l, float *product)
{
	UimlSvdFile *svd = ctx;
	const UimlKernels *kernels = uiml_kernels();
	float *z = uiml_alloc(svd->env, l, sizeof(float));
	UimlEntriesRow row;

	if (z == NULL)
		return UIML_ENOMEM;
	memset(product, 0, svd->n_columns * l * sizeof(float));
	uiml_entries_file_rewind(svd->file);
	while (uiml_svd_file_next(svd, &row))
	{
		memset(z, 0, l * sizeof(float));
		kernels->gather_rows(row.column, row.value, row.n, basis, l, l, z);
		kernels->scatter_rows(row.column, row.value, row.n, z, l, l, product);
	}
	uiml_free(svd->env, z);
	return UIML_OK;
}

/* gram += z' z for n rows, in double precision. */
static UimlStatus
add_ritz_rows(const UimlEnv *env, const float *z, double *wide, size_t n, size_t l, double *gram)
{
	for (size_t i = 0; i < n * l; i++)
		wide[i] = z[i];
	return uiml_gemm_f64(env, true, false, l, l, n, 1, wide, wide, 1, gram);
}

static UimlStatus
gram_matrix(void *ctx, const float *basis, size_t l, double *gram)
{
	UimlSvdFile *svd = ctx;
	const UimlKernels *kernels = uiml_kernels();
	float *z = uiml_alloc(svd->env, RITZ_ROWS * l, sizeof(float));
	double *wide = uiml_alloc(svd->env, RITZ_ROWS * l, sizeof(double));
	UimlStatus status = z != NULL && wide != NULL ? UIML_OK : UIML_ENOMEM;
	UimlEntriesRow row;
	size_t filled = 0;

	memset(gram, 0, l * l * sizeof(double));
	uiml_entries_file_rewind(svd->file);
	while (status == UIML_OK && uiml_svd_file_next(svd, &row))
	{
		memset(z + filled * l, 0, l * sizeof(float));
		kernels->gather_rows(row.column, row.value, row.n, basis, l, l, z + filled * l);
		if (++filled < RITZ_ROWS)
			continue;
		status = add_ritz_rows(svd->env, z, wide, filled, l, gram);
		filled = 0;
	}
	if (status == UIML_OK && filled > 0)
		status = add_ritz_rows(svd->env, z, wide, filled, l, gram);
	uiml_free(svd->env, z);
	uiml_free(svd->env, wide);
	return status;
}

UimlSvdMatrix
uiml_svd_file_matrix(UimlSvdFile *svd)
{
	UimlSvdMatrix matrix = {.n_rows = uiml_entries_file_rows(svd->file),
							.n_cols = svd->n_columns,
							.ctx = svd,
							.count = count_columns,
							.scale = scale_entries,
							.multiply = multiply,
							.gram = gram_matrix};

	return matrix;
}
