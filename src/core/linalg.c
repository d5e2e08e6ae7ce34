/*
 * linalg.c
 *	  Interruptible dense linear algebra over BLAS and LAPACK.
 *
 * A BLAS call can't be interrupted, so every product is cut into pieces of BLOCK_FLOPS operations: 12 ms at
 * the 20 GFLOP/s of one slow core in double precision, large enough (630 cubed) to lose nothing to the cut.
 *
 * Orthonormalisation is by repeated Cholesky QR: G = A'A, G = R'R, A := A R^-1.  Householder QR (dgeqrf) of a
 * panel of 1e6 x 272 is one call of seconds, at the speed of memory; Cholesky QR is two products over blocks
 * of rows, at the speed of the processor, and stops between any two of them.  Its weak side is that G has the
 * squared condition number kappa^2 of A.  What is done about that:
 *
 * - Columns are scaled to norm 1 first (van der Sluis 1969: within sqrt(n) of the best diagonal scaling).
 * - After one pass |Q'Q - I| is about n u kappa^2, u = 1.1e-16.  The pivots of the scaled Cholesky factor
 *   bound
 *   kappa from below; the pass is repeated until the estimate n u / (smallest pivot) is below the tolerance.
 *   For doubles that is CholeskyQR2 (Yamamoto, Nakatsukasa, Yanagisawa & Fukaya 2015): the second pass works
 *   on a nearly orthonormal matrix and leaves an error of order n u.  Single-precision panels are
 *   converted block by block and G is formed and factored in double precision (mixed-precision Cholesky QR,
 *   Yamazaki,
 *   Tomov & Dongarra 2015), so that one pass is enough for kappa up to some 1e3 and the rounding of Q to
 *   floats is
 *   the only error left.
 * - A pivot that drowns in rounding noise (kappa beyond 1e6 or so) marks a column as dependent on its
 *   predecessors.  It is not divided by its pivot but only projected, which leaves its residual for the next
 *   pass; where the residual is noise as well, it is replaced by random numbers, as Householder QR
 *   would complete the basis by arbitrary directions.
 */
#include "core/linalg.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "core/rng.h"

#define BLOCK_FLOPS       2.5e8
#define GRAM_TILE         256
#define CHECK_ROWS        4096
#define MAX_ORTHO_PASSES  8
#define UNIT_ROUNDOFF_F64 (DBL_EPSILON / 2)
#define UNIT_ROUNDOFF_F32 (FLT_EPSILON / 2)

typedef struct Block
{
	size_t m, n, k;
} Block;

static bool
fits_lapack_int(size_t x)
{
	return x <= INT_MAX;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Halves the longest edge of an m x n x k product until it is short enough not to be interrupted. */
static Block
cut_product(size_t m, size_t n, size_t k)
{
	Block block = {m, n, k};

	while (2.0 * (double) block.m * (double) block.n * (double) block.k > BLOCK_FLOPS)
	{
		size_t *longest = &block.m;

		if (block.n > *longest)
			longest = &block.n;
		if (block.k > *longest)
			longest = &block.k;
		*longest = (*longest + 1) / 2;
	}
	return block;
}

/*
 * Both precisions of gemm differ in types and names only.  k = 0 runs the innermost loop once: BLAS then
 * scales c by beta, as it should.
 */
#define DEFINE_GEMM(NAME, REAL, CBLAS_GEMM)                                                                  \
	UimlStatus NAME(const UimlEnv *env, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,    \
					REAL alpha, const REAL *a, const REAL *b, REAL beta, REAL *c)                            \
	{                                                                                                        \
		Block block = cut_product(m, n, k);                                                                  \
		size_t lda = transpose_a ? m : k > 0 ? k : 1;                                                        \
		size_t ldb = transpose_b ? (k > 0 ? k : 1) : n;                                                      \
                                                                                                             \
		if (m == 0 || n == 0)                                                                                \
			return UIML_OK;                                                                                  \
		if (!fits_lapack_int(m) || !fits_lapack_int(n) || !fits_lapack_int(k))                               \
			return UIML_ELIMIT;                                                                              \
		for (size_t i = 0; i < m; i += block.m)                                                              \
			for (size_t j = 0; j < n; j += block.n)                                                          \
			{                                                                                                \
				size_t p = 0;                                                                                \
                                                                                                             \
				do                                                                                           \
				{                                                                                            \
					if (uiml_interrupted(env))                                                               \
						return UIML_EINTERRUPTED;                                                            \
					CBLAS_GEMM(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,                       \
							   transpose_b ? CblasTrans : CblasNoTrans, (int) smaller(block.m, m - i),       \
							   (int) smaller(block.n, n - j), (int) smaller(block.k, k - p), alpha,          \
							   a + (transpose_a ? p * m + i : i * k + p), (int) lda,                         \
							   b + (transpose_b ? j * k + p : p * n + j), (int) ldb, p == 0 ? beta : 1,      \
							   c + i * n + j, (int) n);                                                      \
					p += block.k;                                                                            \
				} while (p < k);                                                                             \
			}                                                                                                \
		return UIML_OK;                                                                                      \
	}

DEFINE_GEMM(uiml_gemm_f32, float, cblas_sgemm)
DEFINE_GEMM(uiml_gemm_f64, double, cblas_dgemm)

static void
mirror_upper(size_t n, double *c)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			c[i * n + j] = c[j * n + i];
}

/* Adds a' a of rows of n columns to the tile of c that starts at (i, j), i <= j. */
static void
gram_tile(size_t rows, size_t n, size_t i, size_t j, const double *a, double *c)
{
	int width_i = (int) smaller(GRAM_TILE, n - i);
	int width_j = (int) smaller(GRAM_TILE, n - j);

	if (i == j)
		cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, width_i, (int) rows, 1, a + i, (int) n, 1,
					c + i * n + i, (int) n);
	else
		cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, width_i, width_j, (int) rows, 1, a + i, (int) n,
					a + j, (int) n, 1, c + i * n + j, (int) n);
}

UimlStatus
uiml_gram_add_f64(const UimlEnv *env, size_t m, size_t n, const double *a, double *c)
{
	size_t width = smaller(n, GRAM_TILE);
	size_t rows = n > 0 ? cut_product(width, width, m).k : m;

	if (!fits_lapack_int(m) || !fits_lapack_int(n))
		return UIML_ELIMIT;
	for (size_t first = 0; first < m; first += rows)
		for (size_t i = 0; i < n; i += GRAM_TILE)
			for (size_t j = i; j < n; j += GRAM_TILE)
			{
				if (uiml_interrupted(env))
					return UIML_EINTERRUPTED;
				gram_tile(smaller(rows, m - first), n, i, j, a + first * n, c);
			}
	return UIML_OK;
}

UimlStatus
uiml_gram_f64(const UimlEnv *env, size_t m, size_t n, const double *a, double *c)
{
	UimlStatus status;

	memset(c, 0, n * n * sizeof(double));
	status = uiml_gram_add_f64(env, m, n, a, c);
	if (status == UIML_OK)
		mirror_upper(n, c);
	return status;
}

static bool
all_finite(const double *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(a[i]))
			return false;
	return true;
}

/*
 * dsyevd gives rising values with the vectors as columns of a column-major matrix, that is, as rows of a
 * row-major one: reverse and transpose.
 */
static void
reverse_eigenpairs(size_t n, const double *rising, const double *rows, double *value, double *vectors)
{
	for (size_t j = 0; j < n; j++)
	{
		value[j] = rising[n - 1 - j];
		for (size_t i = 0; i < n; i++)
			vectors[i * n + j] = rows[(n - 1 - j) * n + i];
	}
}

UimlStatus
uiml_eigh_f64(const UimlEnv *env, size_t n, double *a, double *value, double *vectors)
{
	double *rising, *work;
	lapack_int *iwork;
	size_t lwork = 1 + 6 * n + 2 * n * n; /* what LAPACK documents for dsyevd with vectors */
	size_t liwork = 3 + 5 * n;
	lapack_int info = 0;
	UimlStatus status = UIML_OK;

	if (n == 0)
		return UIML_OK;
	if (n > INT_MAX / 8 || !fits_lapack_int(lwork))
		return UIML_ELIMIT;
	if (!all_finite(a, n * n))
		return UIML_ENOTFINITE;
	if (uiml_interrupted(env))
		return UIML_EINTERRUPTED;

	rising = uiml_alloc(env, n, sizeof(double));
	work = uiml_alloc(env, lwork, sizeof(double));
	iwork = uiml_alloc(env, liwork, sizeof(lapack_int));
	if (rising == NULL || work == NULL || iwork == NULL)
		status = UIML_ENOMEM;
	else
		info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'L', (lapack_int) n, a, (lapack_int) n, rising,
								   work, (lapack_int) lwork, iwork, (lapack_int) liwork);
	if (status == UIML_OK && info < 0)
		status = UIML_EINVALID;
	if (status == UIML_OK && (info > 0 || !all_finite(rising, n)))
		status = UIML_ENOTFINITE; /* no convergence: sums of finite entries overflowed */
	if (status == UIML_OK)
		reverse_eigenpairs(n, rising, a, value, vectors);
	uiml_free(env, rising);
	uiml_free(env, work);
	uiml_free(env, iwork);
	return status;
}

/*
 * dgesdd of a column-major matrix n x m, which is the transpose: its left vectors are ours on the right.
 */
UimlStatus
uiml_svd_f64(const UimlEnv *env, size_t m, size_t n, double *a, double *u, double *value, double *v)
{
	size_t rank = smaller(m, n);
	char job = u != NULL ? 'S' : 'N';
	double asked = 0;
	double *work;
	lapack_int *iwork;
	lapack_int info;
	UimlStatus status = UIML_OK;

	if (rank == 0)
		return UIML_OK;
	if (m > INT_MAX / 8 || n > INT_MAX / 8)
		return UIML_ELIMIT;
	if (!all_finite(a, m * n))
		return UIML_ENOTFINITE;
	if (uiml_interrupted(env))
		return UIML_EINTERRUPTED;
	info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, job, (lapack_int) n, (lapack_int) m, a, (lapack_int) n,
							   value, v, (lapack_int) n, u, (lapack_int) rank, &asked, -1, NULL);
	if (info != 0 || !(asked < INT_MAX))
		return UIML_ELIMIT;
	work = uiml_alloc(env, (size_t) asked, sizeof(double));
	iwork = uiml_alloc(env, 8 * rank, sizeof(lapack_int));
	if (work == NULL || iwork == NULL)
		status = UIML_ENOMEM;
	else
		info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, job, (lapack_int) n, (lapack_int) m, a, (lapack_int) n,
								   value, v, (lapack_int) n, u, (lapack_int) rank, work, (lapack_int) asked,
								   iwork);
	if (status == UIML_OK && (info != 0 || !all_finite(value, rank)))
		status = UIML_ENOTFINITE; /* no convergence: sums of finite entries overflowed */
	uiml_free(env, work);
	uiml_free(env, iwork);
	return status;
}

/*
 * A tall panel of either precision, handled in double precision by blocks of rows.
 */
typedef struct Panel
{
	size_t m, n;
	float *single;   /* m x n, or NULL */
	double *twofold; /* m x n, or NULL */
	size_t block;    /* rows of a block */
	double *buffer;  /* block x n, for single panels */
	double *gram;    /* n x n; becomes the Cholesky factor */
	double *norm;    /* n */
	bool *dependent; /* n: the column's pivot was noise in this pass */
	bool *renew;     /* n: the column is to be replaced by random numbers */
} Panel;

static double *
panel_read(Panel *panel, size_t first, size_t rows)
{
	const float *from;

	if (panel->single == NULL)
		return panel->twofold + first * panel->n;
	from = panel->single + first * panel->n;
	for (size_t i = 0; i < rows * panel->n; i++)
		panel->buffer[i] = from[i];
	return panel->buffer;
}

static void
panel_write(Panel *panel, size_t first, size_t rows)
{
	float *to;

	if (panel->single == NULL)
		return;
	to = panel->single + first * panel->n;
	for (size_t i = 0; i < rows * panel->n; i++)
		to[i] = (float) panel->buffer[i];
}

/*
 * Refuses NaN and infinity, and brings columns whose squares would leave the range of double near 1.
 */
static UimlStatus
panel_prepare(const UimlEnv *env, Panel *panel)
{
	size_t n = panel->n;
	double *largest = panel->norm;
	bool extreme = false;

	memset(largest, 0, n * sizeof(double));
	for (size_t first = 0; first < panel->m; first += panel->block)
	{
		size_t rows = smaller(panel->block, panel->m - first);
		const double *row = panel_read(panel, first, rows);

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (!all_finite(row, rows * n))
			return UIML_ENOTFINITE;
		for (size_t i = 0; i < rows; i++, row += n)
			for (size_t j = 0; j < n; j++)
				largest[j] = fmax(largest[j], fabs(row[j]));
	}
	for (size_t j = 0; j < n; j++)
		extreme = extreme || (largest[j] > 0 && (largest[j] < 1e-100 || largest[j] > 1e100));
	if (!extreme || panel->twofold == NULL)
		return UIML_OK;
	for (size_t i = 0; i < panel->m; i++)
	{
		if (i % CHECK_ROWS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		for (size_t j = 0; j < n; j++)
			if (largest[j] > 0)
				panel->twofold[i * n + j] /= largest[j];
	}
	return UIML_OK;
}

static UimlStatus
panel_gram(const UimlEnv *env, Panel *panel)
{
	int n = (int) panel->n;

	memset(panel->gram, 0, panel->n * panel->n * sizeof(double));
	for (size_t first = 0; first < panel->m; first += panel->block)
	{
		size_t rows = smaller(panel->block, panel->m - first);

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, n, (int) rows, 1, panel_read(panel, first, rows),
					n, 1, panel->gram, n);
	}
	return UIML_OK;
}

/*
 * Scales the Gram matrix to a unit diagonal.  A column at or below negligible is taken out of the matrix
 * and will be renewed.
 */
static void
panel_equilibrate(Panel *panel, double negligible)
{
	size_t n = panel->n;
	double *g = panel->gram;

	for (size_t j = 0; j < n; j++)
	{
		panel->norm[j] = sqrt(fmax(g[j * n + j], 0));
		panel->renew[j] = panel->norm[j] <= negligible;
		if (panel->renew[j])
			panel->norm[j] = 1;
	}
	for (size_t i = 0; i < n; i++)
	{
		for (size_t j = i; j < n; j++)
			g[i * n + j] =
				panel->renew[i] || panel->renew[j] ? 0 : g[i * n + j] / (panel->norm[i] * panel->norm[j]);
		g[i * n + i] = 1;
	}
}

/*
 * Cholesky factorisation in place, upper triangle, row by row; smallest receives the smallest
 * accepted pivot.  A dependent column keeps a pivot of 1 and an empty row, so that solving with the factor
 * projects it and leaves the columns after it alone.
 */
static UimlStatus
panel_cholesky(const UimlEnv *env, Panel *panel, double *smallest)
{
	size_t n = panel->n;
	double noise = 64 * (double) n * UNIT_ROUNDOFF_F64;

	*smallest = 1;
	for (size_t j = 0; j < n; j++)
	{
		double *row = panel->gram + j * n;

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (j > 0)
			cblas_dgemv(CblasRowMajor, CblasTrans, (int) j, (int) (n - j), -1, panel->gram + j, (int) n,
						panel->gram + j, (int) n, 1, row + j, 1);
		panel->dependent[j] = row[j] <= noise;
		if (panel->dependent[j])
		{
			memset(row + j, 0, (n - j) * sizeof(double));
			row[j] = 1;
			continue;
		}
		*smallest = fmin(*smallest, row[j]);
		cblas_dscal((int) (n - j), 1 / sqrt(row[j]), row + j, 1);
	}
	return UIML_OK;
}

/* a := a (R D)^-1, D the norms. */
static UimlStatus
panel_solve(const UimlEnv *env, Panel *panel)
{
	int n = (int) panel->n;

	for (size_t i = 0; i < panel->n; i++)
		for (size_t j = i; j < panel->n; j++)
			panel->gram[i * panel->n + j] *= panel->norm[j];
	for (size_t first = 0; first < panel->m; first += panel->block)
	{
		size_t rows = smaller(panel->block, panel->m - first);

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int) rows, n, 1,
					panel->gram, n, panel_read(panel, first, rows), n);
		panel_write(panel, first, rows);
	}
	return UIML_OK;
}

/* Fills a column that has nothing of its own left. */
static UimlStatus
panel_renew(const UimlEnv *env, Panel *panel, size_t j, UimlRng *rng)
{
	for (size_t i = 0; i < panel->m; i++)
	{
		double x = uiml_rng_normal(rng);

		if (i % CHECK_ROWS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (panel->twofold != NULL)
			panel->twofold[i * panel->n + j] = x;
		else
			panel->single[i * panel->n + j] = (float) x;
	}
	return UIML_OK;
}

/*
 * One pass of Cholesky QR.  error receives the estimate of |Q'Q - I| that it leaves, or 1 when columns were
 * dependent and another pass must follow.
 */
static UimlStatus
panel_pass(const UimlEnv *env, Panel *panel, int pass, UimlRng *rng, double *error)
{
	double unit = panel->twofold != NULL ? UNIT_ROUNDOFF_F64 : UNIT_ROUNDOFF_F32;
	double smallest;
	UimlStatus status;

	status = panel_gram(env, panel);
	if (status != UIML_OK)
		return status;
	/* from the second pass on, norms are relative to the column's norm at the start */
	panel_equilibrate(panel, pass == 0 ? 0 : unit * (double) panel->n);
	status = panel_cholesky(env, panel, &smallest);
	if (status == UIML_OK)
		status = panel_solve(env, panel);
	if (status != UIML_OK)
		return status;

	*error = (double) panel->n * UNIT_ROUNDOFF_F64 / smallest;
	for (size_t j = 0; status == UIML_OK && j < panel->n; j++)
	{
		if (!panel->dependent[j] && !panel->renew[j])
			continue;
		*error = 1;
		if (panel->renew[j] || pass > 0)
			status = panel_renew(env, panel, j, rng);
	}
	return status;
}

static UimlStatus
orthonormalise(const UimlEnv *env, Panel *panel)
{
	double tolerance =
		panel->twofold != NULL ? 4 * (double) panel->n * UNIT_ROUNDOFF_F64 : UNIT_ROUNDOFF_F32 / 4;
	double error = 1;
	UimlRng rng;
	UimlStatus status;

	uiml_rng_init(&rng, 0);
	status = panel_prepare(env, panel);
	for (int pass = 0; status == UIML_OK && error > tolerance; pass++)
	{
		if (pass == MAX_ORTHO_PASSES)
			return UIML_ESINGULAR;
		status = panel_pass(env, panel, pass, &rng, &error);
	}
	return status;
}

/* Checks sizes, gets the workspace, orthonormalises, frees. */
static UimlStatus
orthonormalise_panel(const UimlEnv *env, size_t m, size_t n, float *single, double *twofold)
{
	Panel panel = {.m = m, .n = n, .single = single, .twofold = twofold};
	UimlStatus status = UIML_ENOMEM;

	if (m < n)
		return UIML_EINVALID;
	if (n == 0)
		return UIML_OK;
	if (!fits_lapack_int(n))
		return UIML_ELIMIT;

	/* half a megabyte stays in the cache between the conversion and the product */
	panel.block = 65536 / n > 32 ? 65536 / n : 32;
	panel.block = smaller(panel.block, m);
	panel.buffer = single != NULL ? uiml_alloc(env, panel.block * n, sizeof(double)) : NULL;
	panel.gram = uiml_alloc(env, n * n, sizeof(double));
	panel.norm = uiml_alloc(env, n, sizeof(double));
	panel.dependent = uiml_alloc(env, n, sizeof(bool));
	panel.renew = uiml_alloc(env, n, sizeof(bool));
	if ((single == NULL || panel.buffer != NULL) && panel.gram != NULL && panel.norm != NULL &&
		panel.dependent != NULL && panel.renew != NULL)
		status = orthonormalise(env, &panel);
	uiml_free(env, panel.buffer);
	uiml_free(env, panel.gram);
	uiml_free(env, panel.norm);
	uiml_free(env, panel.dependent);
	uiml_free(env, panel.renew);
	return status;
}

UimlStatus
uiml_orthonormalise_f64(const UimlEnv *env, size_t m, size_t n, double *a)
{
	return orthonormalise_panel(env, m, n, NULL, a);
}

UimlStatus
uiml_orthonormalise_f32(const UimlEnv *env, size_t m, size_t n, float *a)
{
	return orthonormalise_panel(env, m, n, a, NULL);
}
