/*
 * svd_rows.c
 *	  Left singular vectors from the right ones.
 *
 * One product: row i of U is (row i of A) V / sigma.  Its floats have an error of some 1e-7 sigma_1 / sigma_j
 * in column j, which for the smallest singular values kept would show in the products of columns; a Cholesky
 * QR takes it out and, since its triangular factor is nearly the identity, leaves order and signs.
 */
#include "core/svd.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/linalg.h"

/* Multiply-adds of a piece: below 1 ms from the cache, below 50 where each row misses it. */
#define PIECE_OPERATIONS 2000000
#define MAX_PIECES       16
#define CHUNK            512

typedef struct Projection
{
	const UimlKernels *kernels;
	const UimlSparse *x;
	const float *col_factor;
	const float *v;
	const double *sigma;
	double row_scale;
	size_t d;
	float *u;
	size_t first[MAX_PIECES + 1]; /* rows of the pieces */
} Projection;

/* Relative to sigma_1, which bounds every entry of A: no float overflows. */
static void
project_row(const Projection *p, size_t row)
{
	const UimlSparse *x = p->x;
	size_t end = uiml_row_end(x, row);
	double divisor = pow((double) (end - x->row_start[row]), p->row_scale) * p->sigma[0];
	float *u = p->u + row * p->d;
	float scaled[CHUNK];

	memset(u, 0, p->d * sizeof(float));
	for (size_t k = x->row_start[row]; k < end; k += CHUNK)
	{
		size_t n = end - k < CHUNK ? end - k : CHUNK;

		for (size_t i = 0; i < n; i++)
			scaled[i] = (float) ((double) x->value[k + i] / (divisor * p->col_factor[x->col[k + i]]));
		p->kernels->gather_rows(x->col + k, scaled, n, p->v, p->d, p->d, u);
	}
	for (size_t j = 0; j < p->d; j++)
		u[j] = p->sigma[j] > 0 ? (float) (u[j] * (p->sigma[0] / p->sigma[j])) : 0;
}

static void
project_piece(void *arg, size_t piece)
{
	const Projection *p = arg;

	for (size_t row = p->first[piece]; row < p->first[piece + 1]; row++)
		project_row(p, row);
}

/* Cuts rows from the given one on into up to MAX_PIECES pieces; returns how many. */
static size_t
cut_rows(Projection *p, size_t row)
{
	size_t n_pieces = 0;

	p->first[0] = row;
	while (row < p->x->n_rows && n_pieces < MAX_PIECES)
	{
		size_t operations = 0;

		for (; row < p->x->n_rows && operations < PIECE_OPERATIONS; row++)
			operations += (uiml_row_end(p->x, row) - p->x->row_start[row] + 1) * p->d;
		p->first[++n_pieces] = row;
	}
	return n_pieces;
}

static UimlStatus
project(const UimlEnv *env, Projection *p)
{
	size_t row = 0;

	while (row < p->x->n_rows)
	{
		size_t n_pieces = cut_rows(p, row);

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		uiml_parallel(env, n_pieces, project_piece, p);
		row = p->first[n_pieces];
	}
	return UIML_OK;
}

/* Rows of n x from floats become rows of n x to: the columns beyond the shorter ones go, or are zero. */
static void
change_width(float *u, size_t n, size_t from, size_t to)
{
	size_t common = from < to ? from : to;

	for (size_t i = 0; i < n; i++)
	{
		size_t row = from < to ? n - 1 - i : i;

		memmove(u + row * to, u + row * from, common * sizeof(float));
		if (to > common)
			memset(u + row * to + common, 0, (to - common) * sizeof(float));
	}
}

UimlStatus
uiml_svd_rows(const UimlEnv *env, const UimlSparse *x, const UimlSvdParams *params, const float *v,
			  const double *sigma, const float *col_factor, float *u)
{
	Projection p = {.kernels = uiml_kernels(),
					.x = x,
					.col_factor = col_factor,
					.v = v,
					.sigma = sigma,
					.row_scale = params->row_scale,
					.d = params->dims,
					.u = u};
	size_t rank = 0;
	UimlStatus status = project(env, &p);

	if (status != UIML_OK)
		return status;
	while (rank < p.d && sigma[rank] > 0)
		rank++;
	change_width(u, x->n_rows, p.d, rank);
	status = uiml_orthonormalise_f32(env, x->n_rows, rank, u);
	change_width(u, x->n_rows, rank, p.d);
	return status;
}
