/*
 * svd.c
 *	  Popularity-scaled randomised truncated SVD of a sparse user x item matrix.
 *
 * Subspace iteration on A'A from a Gaussian start (Halko, Martinsson & Tropp 2011, algorithm 4.4, with an
 * orthonormalisation after every product) and Rayleigh-Ritz on the last basis Q: the eigenvectors U of
 * (AQ)'(AQ) turn Q into V = QU.  A'A is never formed: one pass over the users computes z = sum_i a_i Q_i and
 * adds a_i z to row i of the result.
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

#include "core/kernels.h"
#include "core/linalg.h"
#include "core/rng.h"

#define NEGLIGIBLE     3e-4 /* above sqrt(2^-24) */
#define MAX_ITERATIONS 1000
/*
 * Multiply-adds between two interrupt checks: below 1 ms from the cache, below 50 where each row misses it.
 */
#define CHECK_OPERATIONS 2000000
#define CHECK_ROWS       4096
/* Rows of AQ that are collected before they are added to the Gram matrix. */
#define RITZ_ROWS 128

typedef struct Svd
{
	const UimlEnv *env;
	const UimlSparse *x;
	const uint8_t *row_used; /* may be NULL */
	size_t l;                /* columns of the sketch */
	size_t chunk;            /* entries between two interrupt checks */
	const UimlKernels *kernels;
	float *value;    /* entries of A / scale, aligned with x's; those of unused rows are not set */
	double scale;    /* largest magnitude in A */
	double squares;  /* squared Frobenius norm of A / scale */
	double *count;   /* n_cols: used entries of the column */
	float *basis;    /* n_cols x l: Q */
	float *product;  /* n_cols x l: A'AQ */
	float *z;        /* RITZ_ROWS x l */
	double *z_wide;  /* the same as doubles */
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

static bool
row_is_used(const Svd *svd, size_t row)
{
	return svd->row_used == NULL || svd->row_used[row];
}

static UimlStatus
check_arguments(const UimlSparse *x, const UimlSvdParams *params)
{
	if (params->dims < 1 || params->dims > x->n_rows || params->dims > x->n_cols)
		return UIML_EINVALID;
	if (params->iterations < 1 || params->iterations > MAX_ITERATIONS)
		return UIML_EINVALID;
	if (!(params->row_scale >= 0 && params->row_scale <= 1) ||
		!(params->col_scale >= 0 && params->col_scale <= 1))
		return UIML_EINVALID;
	if (x->n_cols > UINT32_MAX)
		return UIML_ELIMIT;
	return UIML_OK;
}

/* Counts the used entries of each column, and refuses what would lead outside the arrays or the numbers. */
static UimlStatus
count_columns(Svd *svd)
{
	const UimlSparse *x = svd->x;
	size_t since_check = 0;

	memset(svd->count, 0, x->n_cols * sizeof(double));
	for (size_t row = 0; row < x->n_rows; row++)
	{
		if (x->row_start[row + 1] < x->row_start[row])
			return UIML_EINVALID;
		if (!row_is_used(svd, row))
			continue;
		for (size_t k = x->row_start[row]; k < x->row_start[row + 1]; k++)
		{
			if (since_check++ % CHECK_OPERATIONS == 0 && uiml_interrupted(svd->env))
				return UIML_EINTERRUPTED;
			if (x->col[k] >= x->n_cols)
				return UIML_EINVALID;
			if (!isfinite(x->value[k]))
				return UIML_ENOTFINITE;
			svd->count[x->col[k]]++;
		}
	}
	return UIML_OK;
}

/*
 * Visits the entries of A in double precision: first to find the largest magnitude, then, with store, to
 * round them to floats relative to it and to sum their squares.
 */
static UimlStatus
scale_entries(Svd *svd, const double *col_divisor, double row_scale, bool store)
{
	const UimlSparse *x = svd->x;
	size_t since_check = 0;
	double largest = 0, squares = 0;

	for (size_t row = 0; row < x->n_rows; row++)
	{
		size_t end = x->row_start[row + 1];
		double row_divisor = pow((double) (end - x->row_start[row]), row_scale);

		if (!row_is_used(svd, row))
			continue;
		for (size_t k = x->row_start[row]; k < end; k++)
		{
			double a = (double) x->value[k] / (row_divisor * col_divisor[x->col[k]]);

			if (since_check++ % CHECK_OPERATIONS == 0 && uiml_interrupted(svd->env))
				return UIML_EINTERRUPTED;
			if (store)
			{
				a /= svd->scale;
				svd->value[k] = (float) a;
				squares += a * a;
			}
			else
				largest = fmax(largest, fabs(a));
		}
	}
	if (store)
		svd->squares = squares;
	else
		svd->scale = largest;
	return UIML_OK;
}

/*
 * Counts, column factors, and the scaled entries.  svd->count becomes the columns' divisors, and keeps its
 * zeros for columns without entries.
 */
static UimlStatus
scale_matrix(Svd *svd, const UimlSvdParams *params, float *col_factor)
{
	UimlStatus status = count_columns(svd);

	if (status != UIML_OK)
		return status;
	for (size_t i = 0; i < svd->x->n_cols; i++)
	{
		if (svd->count[i] > 0)
			svd->count[i] = pow(svd->count[i], params->col_scale);
		col_factor[i] = (float) svd->count[i];
	}
	status = scale_entries(svd, svd->count, params->row_scale, false);
	if (status != UIML_OK)
		return status;
	if (svd->scale == 0)
		return UIML_EEMPTY;
	return scale_entries(svd, svd->count, params->row_scale, true);
}

/* Gaussian rows for columns that have entries; the others are outside the range of A'. */
static UimlStatus
draw_sketch(Svd *svd, uint64_t seed)
{
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < svd->x->n_cols; i++)
	{
		float *row = svd->basis + i * svd->l;

		if (i % CHECK_ROWS == 0 && uiml_interrupted(svd->env))
			return UIML_EINTERRUPTED;
		for (size_t j = 0; j < svd->l; j++)
			row[j] = svd->count[i] > 0 ? (float) uiml_rng_normal(&rng) : 0;
	}
	return uiml_orthonormalise_f32(svd->env, svd->x->n_cols, svd->l, svd->basis);
}

static UimlStatus
clear_product(Svd *svd)
{
	size_t rows = CHECK_OPERATIONS / svd->l + 1;

	for (size_t first = 0; first < svd->x->n_cols; first += rows)
	{
		size_t n = svd->x->n_cols - first < rows ? svd->x->n_cols - first : rows;

		if (uiml_interrupted(svd->env))
			return UIML_EINTERRUPTED;
		memset(svd->product + first * svd->l, 0, n * svd->l * sizeof(float));
	}
	return UIML_OK;
}

/*
 * Takes n entries out of the budget until the next interrupt check; a new check, and a new budget, when it is
 * used up.
 */
static bool
budget_interrupted(Svd *svd, size_t n, size_t *budget)
{
	if (n <= *budget)
	{
		*budget -= n;
		return false;
	}
	*budget = svd->chunk;
	return uiml_interrupted(svd->env);
}

/* z = row of A times Q, in chunks, since one user may have touched every item. */
static UimlStatus
multiply_row(Svd *svd, size_t row, float *z, size_t *budget)
{
	const UimlSparse *x = svd->x;
	size_t end = x->row_start[row + 1];

	memset(z, 0, svd->l * sizeof(float));
	for (size_t k = x->row_start[row]; k < end; k += svd->chunk)
	{
		size_t n = end - k < svd->chunk ? end - k : svd->chunk;

		if (budget_interrupted(svd, n, budget))
			return UIML_EINTERRUPTED;
		svd->kernels->gather_rows(x->col + k, svd->value + k, n, svd->basis, svd->l, z);
	}
	return UIML_OK;
}

/* product += row of A, transposed, times z. */
static UimlStatus
add_row(Svd *svd, size_t row, const float *z, size_t *budget)
{
	const UimlSparse *x = svd->x;
	size_t end = x->row_start[row + 1];

	for (size_t k = x->row_start[row]; k < end; k += svd->chunk)
	{
		size_t n = end - k < svd->chunk ? end - k : svd->chunk;

		if (budget_interrupted(svd, n, budget))
			return UIML_EINTERRUPTED;
		svd->kernels->scatter_rows(x->col + k, svd->value + k, n, z, svd->l, svd->product);
	}
	return UIML_OK;
}

/* Q := an orthonormal basis of A'AQ. */
static UimlStatus
iterate(Svd *svd)
{
	size_t budget = 0;
	float *swap = svd->basis;
	UimlStatus status = clear_product(svd);

	for (size_t row = 0; status == UIML_OK && row < svd->x->n_rows; row++)
	{
		if (!row_is_used(svd, row))
			continue;
		status = multiply_row(svd, row, svd->z, &budget);
		if (status == UIML_OK)
			status = add_row(svd, row, svd->z, &budget);
	}
	if (status != UIML_OK)
		return status;
	svd->basis = svd->product;
	svd->product = swap;
	return uiml_orthonormalise_f32(svd->env, svd->x->n_cols, svd->l, svd->basis);
}

/* gram += z' z for n rows, in double precision. */
static UimlStatus
add_ritz_rows(Svd *svd, size_t n)
{
	for (size_t i = 0; i < n * svd->l; i++)
		svd->z_wide[i] = svd->z[i];
	return uiml_gemm_f64(svd->env, true, false, svd->l, svd->l, n, 1, svd->z_wide, svd->z_wide, 1, svd->gram);
}

/* gram = (AQ)'(AQ), without keeping AQ. */
static UimlStatus
ritz_matrix(Svd *svd)
{
	size_t budget = 0;
	size_t filled = 0;
	UimlStatus status = UIML_OK;

	memset(svd->gram, 0, svd->l * svd->l * sizeof(double));
	for (size_t row = 0; status == UIML_OK && row < svd->x->n_rows; row++)
	{
		if (!row_is_used(svd, row) || svd->x->row_start[row + 1] == svd->x->row_start[row])
			continue;
		status = multiply_row(svd, row, svd->z + filled * svd->l, &budget);
		if (++filled < RITZ_ROWS || status != UIML_OK)
			continue;
		status = add_ritz_rows(svd, filled);
		filled = 0;
	}
	return status == UIML_OK && filled > 0 ? add_ritz_rows(svd, filled) : status;
}

/* Rayleigh-Ritz: v = QU and sigma = sqrt(lambda), negligible ones as zeros. */
static UimlStatus
ritz_vectors(Svd *svd, size_t d, float *v, double *sigma)
{
	size_t l = svd->l;
	UimlStatus status = ritz_matrix(svd);

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
	return uiml_gemm_f32(svd->env, false, false, svd->x->n_cols, d, l, 1, svd->basis, svd->rotation, 0, v);
}

/*
 * A singular vector's sign is arbitrary; here its entry of largest magnitude (the first of equals) is
 * positive.  Rows of columns without entries are exactly zero, whatever the completed basis left there.
 */
static UimlStatus
fix_signs(Svd *svd, size_t d, float *v)
{
	size_t n = svd->x->n_cols;
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
	size_t n = svd->x->n_cols;
	size_t l = svd->l;
	size_t panel;

	if (__builtin_mul_overflow(n, l, &panel))
		return UIML_ELIMIT;
	svd->value = uiml_alloc(env, svd->x->row_start[svd->x->n_rows], sizeof(float));
	svd->count = uiml_alloc(env, n, sizeof(double));
	svd->basis = uiml_alloc(env, panel, sizeof(float));
	svd->product = uiml_alloc(env, panel, sizeof(float));
	svd->z = uiml_alloc(env, RITZ_ROWS * l, sizeof(float));
	svd->z_wide = uiml_alloc(env, RITZ_ROWS * l, sizeof(double));
	svd->gram = uiml_alloc(env, l * l, sizeof(double));
	svd->vectors = uiml_alloc(env, l * l, sizeof(double));
	svd->lambda = uiml_alloc(env, l, sizeof(double));
	svd->rotation = uiml_alloc(env, l * dims, sizeof(float));
	if (svd->value == NULL || svd->count == NULL || svd->basis == NULL || svd->product == NULL ||
		svd->z == NULL || svd->z_wide == NULL || svd->gram == NULL || svd->vectors == NULL ||
		svd->lambda == NULL || svd->rotation == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

static void
release(Svd *svd)
{
	void *all[] = {svd->value,  svd->count, svd->basis,   svd->product, svd->z,
				   svd->z_wide, svd->gram,  svd->vectors, svd->lambda,  svd->rotation};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		uiml_free(svd->env, all[i]);
}

UimlStatus
uiml_svd_items(const UimlEnv *env, const UimlSparse *x, const uint8_t *row_used, const UimlSvdParams *params,
			   float *v, double *sigma, float *col_factor, double *explained)
{
	Svd svd = {.env = env, .x = x, .row_used = row_used, .kernels = uiml_kernels()};
	UimlStatus status;

	if (x->n_rows == 0 || x->n_cols == 0)
		return UIML_EEMPTY;
	status = check_arguments(x, params);
	if (status != UIML_OK)
		return status;
	svd.l = sketch_columns(x->n_rows, x->n_cols, params->dims, params->oversample);
	svd.chunk = CHECK_OPERATIONS / svd.l + 1;
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
	bytes = add_product(0, n_entries, 1, sizeof(float));
	bytes = add_product(bytes, n_cols, 1, sizeof(double));
	bytes = add_product(bytes, n_cols, l, 2 * sizeof(float));
	bytes = add_product(bytes, l, RITZ_ROWS, sizeof(float) + sizeof(double));
	bytes = add_product(bytes, l, l, 5 * sizeof(double)); /* gram, vectors, dsyevd's workspace */
	return add_product(bytes, 65536 + 64 * l, 1, sizeof(double));
}
