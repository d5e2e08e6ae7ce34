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
 * A matrix that is passed over as a whole, wherever its rows are.  What the functions return ends the
 * decomposition unless it is UIML_OK.
 *
 * count:	count (n_cols) receives how many entries each column has
 * scale:	column i is to be divided by divisor[i] (n_cols; 0 where it has no entry) and each row by (its
 *			count of entries)^row_scale; *largest receives the largest magnitude that leaves, by which all are
 *			divided too
 *			unless it is 0: this is A.  *squares receives the sum of the squares of its entries.
 * multiply: product (n_cols x l) = A'A basis (n_cols x l), both row-major
 * gram:	gram (l x l) = (A basis)'(A basis), in double precision
 */
typedef struct UimlSvdMatrix
{
	size_t n_rows;
	size_t n_cols;
	void *ctx;
	UimlStatus (*count)(void *ctx, double *count);
	UimlStatus (*scale)(void *ctx, const double *divisor, double row_scale, double *largest, double *squares);
	UimlStatus (*multiply)(void *ctx, const float *basis, size_t l, float *product);
	UimlStatus (*gram)(void *ctx, const float *basis, size_t l, double *gram);
} UimlSvdMatrix;

/*
 * uiml_svd_matrix
 *		As uiml_svd_items, of a matrix of which only its passes are known: each once but multiply, which is
 *		called params->iterations times.
 */
extern UimlStatus uiml_svd_matrix(const UimlEnv *env, const UimlSvdMatrix *matrix,
								  const UimlSvdParams *params, float *v, double *sigma, float *col_factor,
								  double *explained);

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

/*
 * uiml_svd_rows
 *		The left singular vectors that belong to what uiml_svd_items gave: U = A V / sigma, orthonormalised.
 *
 * x, params, v, sigma, col_factor: as they went in and came out there, with no row left out
 * u:	receives n_rows x d row-major, columns of zeros where sigma is 0; caller allocates
 *
 * Signs go with those of v.  Returns UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED, UIML_ESINGULAR.  Time O(nnz d +
 * n_rows d^2).
 */
extern UimlStatus uiml_svd_rows(const UimlEnv *env, const UimlSparse *x, const UimlSvdParams *params,
								const float *v, const double *sigma, const float *col_factor, float *u);

/*
 * Bytes that uiml_svd_items allocates at its peak for such a matrix; with 0 entries, uiml_svd_matrix alone.
 */
extern size_t uiml_svd_memory(size_t n_rows, size_t n_cols, size_t n_entries, size_t dims);

/* The part of it that is the passes' own, for a sketch of l columns. */
extern size_t uiml_svd_sparse_memory(size_t n_entries, size_t l);

#endif /* UIML_SVD_H */
