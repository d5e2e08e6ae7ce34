/*
 * svd.h
 *	  Popularity-scaled randomised truncated SVD of a sparse user x item matrix.
 */
#ifndef UIML_SVD_H
#define UIML_SVD_H

#include "core/sparse.h"

typedef struct UimlSvdParams
{
	size_t dims;       /* d: singular vectors wanted, 1 .. min(n_rows, n_cols) */
	size_t oversample; /* extra columns of the sketch, 16 */
	size_t iterations; /* q: subspace iterations, 1 .. 1000, default 4 */
	double row_scale;  /* a: rows are divided by (row's count of entries)^a, 0 .. 1, default 1/4 */
	double col_scale;  /* b: columns are divided by (column's count of entries)^b, 0 .. 1, default 1/4 */
	uint64_t seed;
} UimlSvdParams;

/* The defaults of ALGORITHMS: a = b = 1/4, oversample 16, 4 iterations, seed 0. */
extern UimlSvdParams uiml_svd_defaults(size_t dims);

/*
 * uiml_svd_items
 *		The leading d right singular vectors of A = Du^-a X Di^-b, by randomised subspace iteration on A'A
 *		(Halko, Martinsson & Tropp 2011, algorithm 4.4) and Rayleigh-Ritz.
 *
 * x:			n_rows (users) x n_cols (items); rows and columns without entries are allowed and give zeros
 * row_used:	n_rows flags, the rows to fit on; NULL means all
 * v:			receives n_cols x d row-major, orthonormal columns in order of falling singular value; in
 *				each column the entry of largest magnitude is positive; caller allocates
 * sigma:		receives the d singular values, falling; those below 3e-4 of the first are 0 and have zero
 *				columns in v, so that a rank below d adds no noise; caller allocates
 * col_factor:	receives n_cols factors (count of used entries in the column)^b, 0 for an empty column; the
 *				in-vector of item i is v_i / col_factor_i, its out-vector v_i * col_factor_i
 * explained:	receives sum of sigma^2 over the squared Frobenius norm of A, 0 .. 1
 *
 * The same seed gives the same result.  Returns UIML_OK, UIML_EINVALID, UIML_EEMPTY (no entry but zeros),
 * UIML_ENOTFINITE, UIML_ENOMEM, UIML_EINTERRUPTED.  Time O(q nnz l + q n_cols l^2), l = d + oversample.
 */
extern UimlStatus uiml_svd_items(const UimlEnv *env, const UimlSparse *x, const uint8_t *row_used,
								 const UimlSvdParams *params, float *v, double *sigma, float *col_factor,
								 double *explained);

/* Bytes that uiml_svd_items allocates at its peak for such a matrix. */
extern size_t uiml_svd_memory(size_t n_rows, size_t n_cols, size_t n_entries, size_t dims);

#endif /* UIML_SVD_H */
