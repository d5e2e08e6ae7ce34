/*
 * svd.c
 *	  Popularity-scaled randomised truncated SVD of a sparse user x item matrix.
 *
 * Subspace iteration on A'A from a Gaussian start (Halko, Martinsson & Tropp 2011, algorithm 4.4, with an
 * orthonormalisation after every product) and Rayleigh-Ritz on the last basis Q: the eigenvectors U of
 * (AQ)'(AQ) turn Q into V = QU.  A'A is never formed: one pass over the users computes z = sum_i a_i Q_i and
 * adds a_i z to row i of the result.  Where the rows are is not known here: a matrix is four passes over them
 * (in memory: svd_sparse.c).
 *
 * Precision.  Panels are floats, small matrices doubles.  Floats halve the traffic of the pass, which is most
 * of the cost, and V is delivered in floats anyway.  The Gram matrices of the orthonormalisation and of
 * Rayleigh-Ritz are summed in double precision, so V is orthonormal to float precision, and since
 * Rayleigh-Ritz works with AQ, not with A'AQ, a singular value has an error of some 1e-7 sigma_1 and does not
 * lose its small digits to a square root.  Directions with sigma^2 below the rounding of a float relative to
 * sigma_1^2 drown in the product A'AQ: below NEGLIGIBLE sigma_1, sigma is 0 and its vector zero, so that a
 * matrix of rank less than d does not fill the space with noise.
 *
 * Values are divided by the largest magnitude before they are rounded to floats, so that neither 1e30 nor
 * 1e-30 overflows in the sums.
 */
#include "core/svd.h"

#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "core/rng.h"

#define NEGLIGIBLE     3e-4 /* above sqrt(2^-24) */
#define MAX_ITERATIONS 1000
/* Rows of a panel between two interrupt checks. */
#define CHECK_ROWS 4096

typedef struct Svd
{
	const UimlEnv *env;
	const UimlSvdMatrix *matrix;
	size_t l;        /* columns of the sketch */
	double scale;    /* largest magnitude in A */
	double squares;  /* squared Frobenius norm of A / scale */
	double *count;   /* n_cols: used entries of the column */
	float *basis;    /* n_cols x l: Q */
	float *product;  /* n_cols x l: A'AQ */
	double *gram;    /* l x l */
	double *vectors; /* l x l */
	double *lambda;  /* l */
	float *rotation; /* l x d */
} Svd;

UimlSvdParams
uiml_svd_defaults(size_t dims)
{
	UimlSvdParams params = {
		.dims = dims, .oversample = 16, .iterations = 4, .row_scale = .25, .col_scale = .25, .seed = 0};

	return params;
}

/*
 * Columns of the sketch: whole vectors of eight floats where the matrix is large enough, since a few more
 * columns cost less than a remainder.
 */
static size_t
sketch_columns(size_t n_rows, size_t n_cols, size_t dims, size_t oversample)
{
	size_t most = n_rows < n_cols ? n_rows : n_cols;
	size_t l = most - dims < oversample ? most : dims + oversample;

	l = (l + 7) / 8 * 8;
	return l < most ? l : most;
}

static UimlStatus
check_arguments(const UimlSvdMatrix *matrix, const UimlSvdParams *params)
{
	if (params->dims < 1 || params->dims > matrix->n_rows || params->dims > matrix->n_cols)
		return UIML_EINVALID;
	if (params->iterations < 1 || params->iterations > MAX_ITERATIONS)
		return UIML_EINVALID;
	if (!(params->row_scale >= 0 && params->row_scale <= 1) ||
		!(params->col_scale >= 0 && params->col_scale <= 1))
		return UIML_EINVALID;
	if (matrix->n_cols > UINT32_MAX)
		return UIML_ELIMIT;
	return UIML_OK;
}

/*
 * Counts, column factors, and the scales.  svd->count becomes the columns' divisors, and keeps its zeros for
 * columns without entries.
 */
static UimlStatus
scale_matrix(Svd *svd, const UimlSvdParams *params, float *col_factor)
{
	const UimlSvdMatrix *matrix = svd->matrix;
	UimlStatus status = matrix->count(matrix->ctx, svd->count);

	if (status != UIML_OK)
		return status;
	for (size_t i = 0; i < matrix->n_cols; i++)
	{
		if (svd->count[i] > 0)
			svd->count[i] = pow(svd->count[i], params->col_scale);
		col_factor[i] = (float) svd->count[i];
	}
	status = matrix->scale(matrix->ctx, svd->count, params->row_scale, &svd->scale, &svd->squares);
	return status == UIML_OK && svd->scale == 0 ? UIML_EEMPTY : status;
}

/* Gaussian rows for columns that have entries; the others are outside the range of A'. */
static UimlStatus
draw_sketch(Svd *svd, uint64_t seed)
{
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < svd->matrix->n_cols; i++)
	{
		float *row = svd->basis + i * svd->l;

		if (i % CHECK_ROWS == 0 && uiml_interrupted(svd->env))
			return UIML_EINTERRUPTED;
		for (size_t j = 0; j < svd->l; j++)
			row[j] = svd->count[i] > 0 ? (float) uiml_rng_normal(&rng) : 0;
	}
	return uiml_orthonormalise_f32(svd->env, svd->matrix->n_cols, svd->l, svd->basis);
}

/* Q := an orthonormal basis of A'AQ. */
static UimlStatus
iterate(Svd *svd)
{
	const UimlSvdMatrix *matrix = svd->matrix;
	float *swap = svd->basis;
	UimlStatus status = matrix->multiply(matrix->ctx, svd->basis, svd->l, svd->product);

	if (status != UIML_OK)
		return status;
	svd->basis = svd->product;
	svd->product = swap;
	return uiml_orthonormalise_f32(svd->env, matrix->n_cols, svd->l, svd->basis);
}

/* Rayleigh-Ritz: v = QU and sigma = sqrt(lambda), negligible ones as zeros. */
static UimlStatus
ritz_vectors(Svd *svd, size_t d, float *v, double *sigma)
{
	size_t l = svd->l;
	UimlStatus status = svd->matrix->gram(svd->matrix->ctx, svd->basis, l, svd->gram);

	if (status == UIML_OK)
		status = uiml_eigh_f64(svd->env, l, svd->gram, svd->lambda, svd->vectors);
	if (status != UIML_OK)
		return status;
	for (size_t j = 0; j < d; j++)
	{
		bool negligible = svd->lambda[j] <= NEGLIGIBLE * NEGLIGIBLE * svd->lambda[0];

		sigma[j] = negligible ? 0 : sqrt(svd->lambda[j]) * svd->scale;
		for (size_t i = 0; i < l; i++)
			svd->rotation[i * d + j] = negligible ? 0 : (float) svd->vectors[i * l + j];
	}
	return uiml_gemm_f32(svd->env, false, false, svd->matrix->n_cols, d, l, 1, svd->basis, svd->rotation, 0,
						 v);
}

/*
 * A singular vector's sign is arbitrary; here its entry of largest magnitude (the first of equals) is
 * positive.  Rows of columns without entries are exactly zero, whatever the completed basis left there.
 */
static UimlStatus
fix_signs(Svd *svd, size_t d, float *v)
{
	size_t n = svd->matrix->n_cols;
	float *largest = svd->rotation; /* l x d is room enough for d */

	memset(largest, 0, d * sizeof(float));
	for (size_t i = 0; i < n; i++)
	{
		if (i % CHECK_ROWS == 0 && uiml_interrupted(svd->env))
			return UIML_EINTERRUPTED;
		if (svd->count[i] == 0)
			memset(v + i * d, 0, d * sizeof(float));
		for (size_t j = 0; j < d; j++)
			if (fabsf(v[i * d + j]) > fabsf(largest[j]))
				largest[j] = v[i * d + j];
	}
	for (size_t i = 0; i < n; i++)
	{
		if (i % CHECK_ROWS == 0 && uiml_interrupted(svd->env))
			return UIML_EINTERRUPTED;
		for (size_t j = 0; j < d; j++)
			if (largest[j] < 0)
				v[i * d + j] = 0 - v[i * d + j]; /* no negative zeros */
	}
	return UIML_OK;
}

static UimlStatus
decompose(Svd *svd, const UimlSvdParams *params, float *v, double *sigma, float *col_factor,
		  double *explained)
{
	double captured = 0;
	UimlStatus status = scale_matrix(svd, params, col_factor);

	if (status == UIML_OK)
		status = draw_sketch(svd, params->seed);
	for (size_t i = 0; status == UIML_OK && i < params->iterations; i++)
	{
		uiml_progress(svd->env, "singular vectors", (double) i, (double) params->iterations + 1);
		status = iterate(svd);
	}
	if (status == UIML_OK)
		status = ritz_vectors(svd, params->dims, v, sigma);
	if (status == UIML_OK)
		status = fix_signs(svd, params->dims, v);
	if (status != UIML_OK)
		return status;

	for (size_t j = 0; j < params->dims; j++)
		captured += sigma[j] * sigma[j];
	*explained = fmin(1, captured / (svd->scale * svd->scale) / svd->squares);
	uiml_progress(svd->env, "singular vectors", (double) params->iterations + 1,
				  (double) params->iterations + 1);
	return UIML_OK;
}

static UimlStatus
allocate(Svd *svd, size_t dims)
{
	const UimlEnv *env = svd->env;
	size_t n = svd->matrix->n_cols;
	size_t l = svd->l;
	size_t panel;

	if (__builtin_mul_overflow(n, l, &panel))
		return UIML_ELIMIT;
	svd->count = uiml_alloc(env, n, sizeof(double));
	svd->basis = uiml_alloc(env, panel, sizeof(float));
	svd->product = uiml_alloc(env, panel, sizeof(float));
	svd->gram = uiml_alloc(env, l * l, sizeof(double));
	svd->vectors = uiml_alloc(env, l * l, sizeof(double));
	svd->lambda = uiml_alloc(env, l, sizeof(double));
	svd->rotation = uiml_alloc(env, l * dims, sizeof(float));
	if (svd->count == NULL || svd->basis == NULL || svd->product == NULL || svd->gram == NULL ||
		svd->vectors == NULL || svd->lambda == NULL || svd->rotation == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

static void
release(Svd *svd)
{
	void *all[] = {svd->count, svd->basis, svd->product, svd->gram, svd->vectors, svd->lambda, svd->rotation};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		uiml_free(svd->env, all[i]);
}

UimlStatus
uiml_svd_matrix(const UimlEnv *env, const UimlSvdMatrix *matrix, const UimlSvdParams *params, float *v,
				double *sigma, float *col_factor, double *explained)
{
	Svd svd = {.env = env, .matrix = matrix};
	UimlStatus status;

	if (matrix->n_rows == 0 || matrix->n_cols == 0)
		return UIML_EEMPTY;
	status = check_arguments(matrix, params);
	if (status != UIML_OK)
		return status;
	svd.l = sketch_columns(matrix->n_rows, matrix->n_cols, params->dims, params->oversample);
	status = allocate(&svd, params->dims);
	if (status == UIML_OK)
		status = decompose(&svd, params, v, sigma, col_factor, explained);
	release(&svd);
	return status;
}

/* Saturates: a matrix that can't be counted can't be allocated either. */
static size_t
add_product(size_t sum, size_t a, size_t b, size_t size)
{
	size_t product;

	if (__builtin_mul_overflow(a, b, &product) || __builtin_mul_overflow(product, size, &product) ||
		__builtin_add_overflow(sum, product, &sum))
		return SIZE_MAX;
	return sum;
}

size_t
uiml_svd_memory(size_t n_rows, size_t n_cols, size_t n_entries, size_t dims)
{
	size_t most = n_rows < n_cols ? n_rows : n_cols;
	size_t l, bytes;

	if (dims > most)
		dims = most;
	l = sketch_columns(n_rows, n_cols, dims, uiml_svd_defaults(dims).oversample);
	bytes = uiml_svd_sparse_memory(n_entries, l);
	bytes = add_product(bytes, n_cols, 1, sizeof(double));
	bytes = add_product(bytes, n_cols, l, 2 * sizeof(float));
	bytes = add_product(bytes, l, l, 5 * sizeof(double)); /* gram, vectors, dsyevd's workspace */
	return add_product(bytes, 65536 + 64 * l, 1, sizeof(double));
}
