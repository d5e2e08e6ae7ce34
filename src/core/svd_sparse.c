/*
 * svd_sparse.c
 *	  The decomposition's passes over a sparse matrix in memory.
 *
 * The entries are scaled once, into an array of floats beside the matrix.
 *
 * Threads share a product by strips of its columns: each goes over the same rows, and no sum of one strip knows of
 * another.  So the product needs no memory beside itself, and is the same however it is cut; a single thread does not
 * cut it, since each strip has to find a row of the panel anew.
 */
#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/linalg.h"
#include "core/svd.h"

/*
 * Multiply-adds between two interrupt checks: below 1 ms from the cache, below 50 where each row misses it.
 */
#define CHECK_OPERATIONS 2000000
/* Rows of AQ that are collected before they are added to the Gram matrix. */
#define RITZ_ROWS 128

/* The most columns of a strip, and what its width is a multiple of: a cache line. */
#define STRIP_COLUMNS 48
#define LINE_COLUMNS  16

typedef struct Sparse
{
	const UimlEnv *env;
	const UimlSparse *x;
	const uint8_t *row_used; /* may be NULL */
	const UimlKernels *kernels;
	float *value;  /* entries of A, aligned with x's; those of unused rows are not set */
	size_t budget; /* entries until the next interrupt check */
} Sparse;

static bool
row_is_used(const Sparse *sparse, size_t row)
{
	return sparse->row_used == NULL || sparse->row_used[row];
}

/* Counts the used entries of each column, and refuses what would lead outside the arrays or the numbers. */
static UimlStatus
count_columns(void *ctx, double *count)
{
	const Sparse *sparse = ctx;
	const UimlSparse *x = sparse->x;
	size_t since_check = 0;

	memset(count, 0, x->n_cols * sizeof(double));
	for (size_t row = 0; row < x->n_rows; row++)
	{
		if (x->row_start[row + 1] < x->row_start[row])
			return UIML_EINVALID;
		if (!row_is_used(sparse, row))
			continue;
		for (size_t k = x->row_start[row]; k < uiml_row_end(x, row); k++)
		{
			if (since_check++ % CHECK_OPERATIONS == 0 && uiml_interrupted(sparse->env))
				return UIML_EINTERRUPTED;
			if (x->col[k] >= x->n_cols)
				return UIML_EINVALID;
			if (!isfinite(x->value[k]))
				return UIML_ENOTFINITE;
			count[x->col[k]]++;
		}
	}
	return UIML_OK;
}

/*
 * Visits the entries of A in double precision: first to find the largest magnitude, then, with store, to
 * round them to floats relative to it and to sum their squares.
 */
static UimlStatus
visit_entries(Sparse *sparse, const double *divisor, double row_scale, bool store, double *largest,
			  double *squares)
{
	const UimlSparse *x = sparse->x;
	size_t since_check = 0;
	double most = 0, sum = 0;

	for (size_t row = 0; row < x->n_rows; row++)
	{
		size_t end = uiml_row_end(x, row);
		double row_divisor = pow((double) (end - x->row_start[row]), row_scale);

		if (!row_is_used(sparse, row))
			continue;
		for (size_t k = x->row_start[row]; k < end; k++)
		{
			double a = (double) x->value[k] / (row_divisor * divisor[x->col[k]]);

			if (since_check++ % CHECK_OPERATIONS == 0 && uiml_interrupted(sparse->env))
				return UIML_EINTERRUPTED;
			if (store)
			{
				a /= *largest;
				sparse->value[k] = (float) a;
				sum += a * a;
			}
			else
				most = fmax(most, fabs(a));
		}
	}
	if (store)
		*squares = sum;
	else
		*largest = most;
	return UIML_OK;
}

static UimlStatus
scale_entries(void *ctx, const double *divisor, double row_scale, double *largest, double *squares)
{
	UimlStatus status = visit_entries(ctx, divisor, row_scale, false, largest, squares);

	*squares = 0;
	if (status == UIML_OK && *largest > 0)
		status = visit_entries(ctx, divisor, row_scale, true, largest, squares);
	return status;
}

static size_t
chunk_of(size_t l)
{
	return CHECK_OPERATIONS / l + 1;
}

static UimlStatus
clear_panel(const UimlEnv *env, size_t n, size_t l, float *panel)
{
	size_t rows = chunk_of(l);

	for (size_t first = 0; first < n; first += rows)
	{
		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		memset(panel + first * l, 0, (n - first < rows ? n - first : rows) * l * sizeof(float));
	}
	return UIML_OK;
}

/*
 * Takes n entries out of the budget until the next interrupt check; a new check, and a new budget, when it is
 * used up.
 */
static bool
budget_interrupted(Sparse *sparse, size_t n, size_t l)
{
	if (n <= sparse->budget)
	{
		sparse->budget -= n;
		return false;
	}
	sparse->budget = chunk_of(l);
	return uiml_interrupted(sparse->env);
}

/* z = row of A times the basis, in chunks, since one user may have touched every item. */
static UimlStatus
multiply_row(Sparse *sparse, size_t row, const float *basis, size_t l, float *z)
{
	const UimlSparse *x = sparse->x;
	size_t end = uiml_row_end(x, row);
	size_t chunk = chunk_of(l);

	memset(z, 0, l * sizeof(float));
	for (size_t k = x->row_start[row]; k < end; k += chunk)
	{
		size_t n = end - k < chunk ? end - k : chunk;

		if (budget_interrupted(sparse, n, l))
			return UIML_EINTERRUPTED;
		sparse->kernels->gather_rows(x->col + k, sparse->value + k, n, basis, l, l, z);
	}
	return UIML_OK;
}

/* product += row of A, transposed, times z. */
static UimlStatus
add_row(Sparse *sparse, size_t row, const float *z, size_t l, float *product)
{
	const UimlSparse *x = sparse->x;
	size_t end = uiml_row_end(x, row);
	size_t chunk = chunk_of(l);

	for (size_t k = x->row_start[row]; k < end; k += chunk)
	{
		size_t n = end - k < chunk ? end - k : chunk;

		if (budget_interrupted(sparse, n, l))
			return UIML_EINTERRUPTED;
		sparse->kernels->scatter_rows(x->col + k, sparse->value + k, n, z, l, l, product);
	}
	return UIML_OK;
}

/* Rows first .. end - 1 of a product. */
typedef struct Product
{
	const Sparse *sparse;
	const float *basis;
	float *product;
	size_t l;
	size_t strip; /* columns */
	size_t first;
	size_t end;
} Product;

/* A UimlTaskFn: the columns of one strip. */
static void
multiply_strip(void *arg, size_t piece)
{
	const Product *p = arg;
	const Sparse *sparse = p->sparse;
	const UimlSparse *x = sparse->x;
	size_t from = piece * p->strip;
	size_t width = p->l - from < p->strip ? p->l - from : p->strip;
	float z[STRIP_COLUMNS];

	for (size_t row = p->first; row < p->end; row++)
	{
		size_t start = x->row_start[row];
		size_t n = uiml_row_end(x, row) - start;

		if (n == 0 || !row_is_used(sparse, row))
			continue;
		memset(z, 0, width * sizeof(float));
		sparse->kernels->gather_rows(x->col + start, sparse->value + start, n, p->basis + from, p->l, width,
									 z);
		sparse->kernels->scatter_rows(x->col + start, sparse->value + start, n, z, p->l, width,
									  p->product + from);
	}
}

/* At least two strips where there are columns for them. */
static size_t
strip_columns(size_t l)
{
	size_t strips = (l + STRIP_COLUMNS - 1) / STRIP_COLUMNS;
	size_t even;

	strips = strips < 2 && l > LINE_COLUMNS ? 2 : strips;
	even = (l + strips - 1) / strips;
	return (even + LINE_COLUMNS - 1) / LINE_COLUMNS * LINE_COLUMNS;
}

/* How far rows from the given one on go without more entries than may pass between two interrupt checks. */
static size_t
block_end(const Sparse *sparse, size_t row, size_t l)
{
	const UimlSparse *x = sparse->x;
	size_t left = chunk_of(l);

	for (; row < x->n_rows; row++)
	{
		size_t n = uiml_row_end(x, row) - x->row_start[row];

		if (n >= left)
			break;
		left -= row_is_used(sparse, row) ? n + 1 : 1;
	}
	return row;
}

/* Rows of A'A times the basis; without threads, or where one takes long by itself, they come alone, in chunks. */
static UimlStatus
multiply_rows(Sparse *sparse, Product *p, float *z)
{
	UimlStatus status = UIML_OK;

	for (size_t row = 0; status == UIML_OK && row < sparse->x->n_rows; row = p->end)
	{
		p->first = row;
		p->end = sparse->env->parallel != NULL ? block_end(sparse, row, p->l) : row;
		if (p->end > row)
		{
			if (uiml_interrupted(sparse->env))
				return UIML_EINTERRUPTED;
			uiml_parallel(sparse->env, (p->l + p->strip - 1) / p->strip, multiply_strip, p);
			continue;
		}
		p->end = row + 1;
		if (!row_is_used(sparse, row))
			continue;
		status = multiply_row(sparse, row, p->basis, p->l, z);
		if (status == UIML_OK)
			status = add_row(sparse, row, z, p->l, p->product);
	}
	return status;
}

static UimlStatus
multiply(void *ctx, const float *basis, size_t l, float *product)
{
	Sparse *sparse = ctx;
	Product p = {.sparse = sparse, .basis = basis, .product = product, .l = l, .strip = strip_columns(l)};
	float *z = uiml_alloc(sparse->env, l, sizeof(float));
	UimlStatus status = z == NULL ? UIML_ENOMEM : clear_panel(sparse->env, sparse->x->n_cols, l, product);

	if (status == UIML_OK)
		status = multiply_rows(sparse, &p, z);
	uiml_free(sparse->env, z);
	return status;
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
ritz_rows(Sparse *sparse, const float *basis, size_t l, float *z, double *wide, double *gram)
{
	const UimlSparse *x = sparse->x;
	size_t filled = 0;
	UimlStatus status = UIML_OK;

	memset(gram, 0, l * l * sizeof(double));
	for (size_t row = 0; status == UIML_OK && row < x->n_rows; row++)
	{
		if (!row_is_used(sparse, row) || uiml_row_end(x, row) == x->row_start[row])
			continue;
		status = multiply_row(sparse, row, basis, l, z + filled * l);
		if (++filled < RITZ_ROWS || status != UIML_OK)
			continue;
		status = add_ritz_rows(sparse->env, z, wide, filled, l, gram);
		filled = 0;
	}
	return status == UIML_OK && filled > 0 ? add_ritz_rows(sparse->env, z, wide, filled, l, gram) : status;
}

static UimlStatus
gram_matrix(void *ctx, const float *basis, size_t l, double *gram)
{
	Sparse *sparse = ctx;
	float *z = uiml_alloc(sparse->env, RITZ_ROWS * l, sizeof(float));
	double *wide = uiml_alloc(sparse->env, RITZ_ROWS * l, sizeof(double));
	UimlStatus status = UIML_ENOMEM;

	if (z != NULL && wide != NULL)
		status = ritz_rows(sparse, basis, l, z, wide, gram);
	uiml_free(sparse->env, z);
	uiml_free(sparse->env, wide);
	return status;
}

UimlStatus
uiml_svd_items(const UimlEnv *env, const UimlSparse *x, const uint8_t *row_used, const UimlSvdParams *params,
			   float *v, double *sigma, float *col_factor, double *explained)
{
	Sparse sparse = {.env = env, .x = x, .row_used = row_used, .kernels = uiml_kernels()};
	UimlSvdMatrix matrix = {.n_rows = x->n_rows,
							.n_cols = x->n_cols,
							.ctx = &sparse,
							.count = count_columns,
							.scale = scale_entries,
							.multiply = multiply,
							.gram = gram_matrix};
	UimlStatus status;

	if (x->n_rows == 0 || x->n_cols == 0)
		return UIML_EEMPTY;
	sparse.value = uiml_alloc(env, x->row_start[x->n_rows], sizeof(float));
	if (sparse.value == NULL)
		return UIML_ENOMEM;
	status = uiml_svd_matrix(env, &matrix, params, v, sigma, col_factor, explained);
	uiml_free(env, sparse.value);
	return status;
}

size_t
uiml_svd_sparse_memory(size_t n_entries, size_t l)
{
	size_t bytes;

	if (__builtin_mul_overflow(n_entries, sizeof(float), &bytes) ||
		__builtin_add_overflow(bytes, l * RITZ_ROWS * (sizeof(float) + sizeof(double)), &bytes))
		return SIZE_MAX;
	return bytes;
}
