/*
 * transfer.c
 *	  The mergeable statistics of least squares between two spaces.
 *
 * Two states merge exactly (Chan, Golub & LeVeque 1979): with d the difference of their means, C = Ca + Cb +
 * (Wa Wb / (Wa + Wb)) d d'.  Rows come in blocks, each centred on its own mean; the rank-one term is one more
 * row of the block, sqrt(Wa Wb / (Wa + Wb)) d, so a block costs one product per co-moment and nothing else.
 * Raw sums X'X would cancel: see the test with an offset of 1e8.
 */
#include "core/transfer.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/linalg.h"

#define BLOCK_ROWS 256

void
uiml_transfer_init(UimlTransferStats *stats, size_t p, size_t q)
{
	uint32_t length_word = stats->length_word;

	memset(stats, 0, UIML_TRANSFER_STATS_SIZE(p, q));
	stats->length_word = length_word;
	stats->p = (uint32_t) p;
	stats->q = (uint32_t) q;
}

UimlTransferStats *
uiml_transfer_create(const UimlEnv *env, size_t p, size_t q)
{
	UimlTransferStats *stats;

	if (p == 0 || p > UIML_TRANSFER_MAX_DIMS || q > UIML_TRANSFER_MAX_DIMS)
		return NULL;
	stats = uiml_alloc0(env, 1, UIML_TRANSFER_STATS_SIZE(p, q));
	if (stats != NULL)
		uiml_transfer_init(stats, p, q);
	return stats;
}

/* --- rows ----------------------------------------------------------------------------------------------- */

/* One side of the rows to add, in either precision, and its centred block. */
typedef struct Side
{
	size_t d;
	const float *single;
	const double *twofold;
	double *block; /* BLOCK_ROWS + 1 rows */
	double *shift; /* d: mean of the block, then its difference from the mean so far */
	double *mean;  /* d: of the state */
} Side;

/* Copies rows of positive weight to the block and sums them, weighted, into shift. */
static void
side_read(Side *side, size_t first, const double *weight, size_t n)
{
	size_t d = side->d;
	double *to = side->block;

	memset(side->shift, 0, d * sizeof(double));
	for (size_t i = first; i < first + n; i++)
	{
		double w = weight != NULL ? weight[i] : 1;

		if (!(w > 0))
			continue;
		for (size_t j = 0; j < d; j++)
		{
			to[j] = side->single != NULL ? side->single[i * d + j] : side->twofold[i * d + j];
			side->shift[j] += w * to[j];
		}
		to += d;
	}
}

/* Centres the block's rows and scales them by the roots of their weights; appends the row that merges it. */
static void
side_centre(Side *side, const double *root, size_t rows, double before, double weight)
{
	size_t d = side->d;
	double *row = side->block;
	double share = weight / (before + weight);
	double cross = sqrt(before * share);

	for (size_t j = 0; j < d; j++)
		side->shift[j] /= weight;
	for (size_t r = 0; r < rows; r++, row += d)
		for (size_t j = 0; j < d; j++)
			row[j] = root[r] * (row[j] - side->shift[j]);
	for (size_t j = 0; j < d; j++)
	{
		double difference = side->shift[j] - side->mean[j];

		row[j] = cross * difference;
		side->mean[j] = before > 0 ? side->mean[j] + share * difference : side->shift[j];
	}
	if (!(before > 0))
		memset(row, 0, d * sizeof(double));
}

/* The rows of positive weight among n: how many, the roots of their weights, and the sums of these. */
static UimlStatus
read_weights(const double *weight, size_t n, double *root, size_t *rows, double *sum, double *square)
{
	*rows = 0;
	*sum = *square = 0;
	for (size_t i = 0; i < n; i++)
	{
		double w = weight != NULL ? weight[i] : 1;

		if (!(w >= 0) || isinf(w))
			return UIML_EINVALID;
		if (w == 0)
			continue;
		root[(*rows)++] = sqrt(w);
		*sum += w;
		*square += w * w;
	}
	return UIML_OK;
}

static bool
all_finite(const double *a, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * 0;
	return sum == 0;
}

/* Adds up to BLOCK_ROWS rows. */
static UimlStatus
add_block(const UimlEnv *env, UimlTransferStats *stats, Side *x, Side *y, size_t first, const double *weight,
		  size_t n, double *root)
{
	double sum, square;
	size_t rows;
	UimlStatus status = read_weights(weight != NULL ? weight + first : NULL, n, root, &rows, &sum, &square);

	if (status != UIML_OK || rows == 0)
		return status;
	side_read(x, first, weight, n);
	side_read(y, first, weight, n);
	if (!all_finite(x->shift, x->d) || !all_finite(y->shift, y->d))
		return UIML_ENOTFINITE;
	side_centre(x, root, rows, stats->weight, sum);
	side_centre(y, root, rows, stats->weight, sum);
	status = uiml_gram_add_f64(env, rows + 1, x->d, x->block, uiml_transfer_cxx(stats));
	if (status == UIML_OK)
		status = uiml_gram_add_f64(env, rows + 1, y->d, y->block, uiml_transfer_cyy(stats));
	if (status == UIML_OK)
		status = uiml_gemm_f64(env, true, false, x->d, y->d, rows + 1, 1, x->block, y->block, 1,
							   uiml_transfer_cxy(stats));
	uiml_transfer_count(stats, (int64_t) rows);
	stats->weight += sum;
	stats->weight2 += square;
	return status;
}

static UimlStatus
add_rows(const UimlEnv *env, UimlTransferStats *stats, Side *x, Side *y, const double *weight, size_t n)
{
	double *root = uiml_alloc(env, BLOCK_ROWS, sizeof(double));
	UimlStatus status = UIML_OK;

	x->block = uiml_alloc(env, BLOCK_ROWS + 1, x->d * sizeof(double));
	y->block = uiml_alloc(env, BLOCK_ROWS + 1, y->d * sizeof(double));
	x->shift = uiml_alloc(env, x->d, sizeof(double));
	y->shift = uiml_alloc(env, y->d, sizeof(double));
	if (root == NULL || x->block == NULL || y->block == NULL || x->shift == NULL || y->shift == NULL)
		status = UIML_ENOMEM;
	for (size_t first = 0; status == UIML_OK && first < n; first += BLOCK_ROWS)
		status =
			add_block(env, stats, x, y, first, weight, n - first < BLOCK_ROWS ? n - first : BLOCK_ROWS, root);
	uiml_free(env, root);
	uiml_free(env, x->block);
	uiml_free(env, y->block);
	uiml_free(env, x->shift);
	uiml_free(env, y->shift);
	return status;
}

UimlStatus
uiml_transfer_add(const UimlEnv *env, UimlTransferStats *stats, const float *x, const float *y,
				  const double *weight, size_t n)
{
	Side source = {.d = stats->p, .single = x, .mean = uiml_transfer_mean_x(stats)};
	Side target = {.d = stats->q, .single = y, .mean = uiml_transfer_mean_y(stats)};

	return add_rows(env, stats, &source, &target, weight, n);
}

UimlStatus
uiml_transfer_add_f64(const UimlEnv *env, UimlTransferStats *stats, const double *x, const double *y,
					  const double *weight, size_t n)
{
	Side source = {.d = stats->p, .twofold = x, .mean = uiml_transfer_mean_x(stats)};
	Side target = {.d = stats->q, .twofold = y, .mean = uiml_transfer_mean_y(stats)};

	return add_rows(env, stats, &source, &target, weight, n);
}

/* --- states --------------------------------------------------------------------------------------------- */

/* c += sign * (other + factor da db'), of rows x cols; upper: only from the diagonal on. */
static void
add_moments(double *c, const double *other, double sign, double factor, const double *mean_a,
			const double *mean_a2, size_t rows, const double *mean_b, const double *mean_b2, size_t cols,
			bool upper)
{
	for (size_t i = 0; i < rows; i++)
	{
		double scaled = factor * (mean_a2[i] - mean_a[i]);

		for (size_t j = upper ? i : 0; j < cols; j++)
			c[i * cols + j] += sign * (other[i * cols + j] + scaled * (mean_b2[j] - mean_b[j]));
	}
}

/* All three co-moments; the means of stats are those of the part that other is added to, or that is left. */
static void
add_all_moments(UimlTransferStats *stats, const UimlTransferStats *other, double sign, double factor)
{
	const double *x = uiml_transfer_mean_x(stats);
	const double *x2 = uiml_transfer_mean_x(other);
	const double *y = uiml_transfer_mean_y(stats);
	const double *y2 = uiml_transfer_mean_y(other);
	size_t p = stats->p;
	size_t q = stats->q;

	add_moments(uiml_transfer_cxx(stats), uiml_transfer_cxx(other), sign, factor, x, x2, p, x, x2, p, true);
	add_moments(uiml_transfer_cxy(stats), uiml_transfer_cxy(other), sign, factor, x, x2, p, y, y2, q, false);
	add_moments(uiml_transfer_cyy(stats), uiml_transfer_cyy(other), sign, factor, y, y2, q, y, y2, q, true);
}

/* mean += share * (other - mean), of both sides, which lie together. */
static void
move_means(UimlTransferStats *stats, const UimlTransferStats *other, double share)
{
	for (size_t j = 0; j < (size_t) stats->p + stats->q; j++)
		stats->data[j] += share * (other->data[j] - stats->data[j]);
}

UimlStatus
uiml_transfer_merge(UimlTransferStats *stats, const UimlTransferStats *other)
{
	double weight = stats->weight + other->weight;

	if (stats->p != other->p || stats->q != other->q)
		return UIML_EINVALID;
	if (other->n == 0)
		return UIML_OK;
	if (stats->n == 0)
	{
		uint32_t length_word = stats->length_word;

		memcpy(stats, other, UIML_TRANSFER_STATS_SIZE(other->p, other->q));
		stats->length_word = length_word;
		return UIML_OK;
	}
	add_all_moments(stats, other, 1, stats->weight / weight * other->weight);
	move_means(stats, other, other->weight / weight);
	uiml_transfer_count(stats, other->n);
	stats->weight = weight;
	stats->weight2 += other->weight2;
	return UIML_OK;
}

/* What rounding may take from the sum of squares there was, relatively. */
#define SUBTRACT_TOLERANCE 1e-6

/*
 * Would a sum of squares of what is left be clearly below zero?  It is c - part - factor difference^2, with
 * the difference of the mean of the part to that of the whole.
 */
static bool
exceeds_squares(const double *c, const double *mean, const double *part, const double *part_mean, size_t d,
				double factor)
{
	for (size_t j = 0; j < d; j++)
	{
		double difference = part_mean[j] - mean[j];
		double taken = part[j * d + j] + factor * difference * difference;

		if (taken > c[j * d + j] * (1 + SUBTRACT_TOLERANCE) +
						SUBTRACT_TOLERANCE * factor * fabs(mean[j] * difference) + DBL_MIN)
			return true;
	}
	return false;
}

/*
 * Rounding may leave a sum of squares a little below zero, and sums of products a little above what these
 * allow.  What it leaves is put back where statistics of rows can be.
 */
static void
clamp_squares(double *c, size_t d)
{
	for (size_t j = 0; j < d; j++)
		c[j * d + j] = fmax(c[j * d + j], 0);
}

static void
clamp_products(double *c, const double *a, size_t m, const double *b, size_t n, bool upper)
{
	for (size_t i = 0; i < m; i++)
		for (size_t j = upper ? i + 1 : 0; j < n; j++)
		{
			double bound = sqrt(a[i * m + i]) * sqrt(b[j * n + j]);

			c[i * n + j] = fmin(fmax(c[i * n + j], -bound), bound);
		}
}

static void
clamp_moments(UimlTransferStats *stats)
{
	double *cxx = uiml_transfer_cxx(stats);
	double *cyy = uiml_transfer_cyy(stats);
	double square = stats->weight * stats->weight;

	clamp_squares(cxx, stats->p);
	clamp_squares(cyy, stats->q);
	clamp_products(cxx, cxx, stats->p, cxx, stats->p, true);
	clamp_products(cyy, cyy, stats->q, cyy, stats->q, true);
	clamp_products(uiml_transfer_cxy(stats), cxx, stats->p, cyy, stats->q, false);
	stats->weight2 = fmin(fmax(stats->weight2, square / (double) stats->n), square);
}

UimlStatus
uiml_transfer_subtract(UimlTransferStats *stats, const UimlTransferStats *other)
{
	double left = stats->weight - other->weight;
	double factor;

	if (stats->p != other->p || stats->q != other->q || other->n > stats->n)
		return UIML_EINVALID;
	if (other->n == 0)
		return UIML_OK;
	if (other->n == stats->n)
	{
		uiml_transfer_init(stats, stats->p, stats->q);
		return UIML_OK;
	}
	if (!(left > 0))
		return UIML_EINVALID;
	factor = stats->weight / left * other->weight;
	if (exceeds_squares(uiml_transfer_cxx(stats), uiml_transfer_mean_x(stats), uiml_transfer_cxx(other),
						uiml_transfer_mean_x(other), stats->p, factor) ||
		exceeds_squares(uiml_transfer_cyy(stats), uiml_transfer_mean_y(stats), uiml_transfer_cyy(other),
						uiml_transfer_mean_y(other), stats->q, factor))
		return UIML_EINVALID;
	move_means(stats, other, -other->weight / left);
	add_all_moments(stats, other, -1, left / stats->weight * other->weight);
	stats->n -= other->n;
	stats->weight = left;
	stats->weight2 -= other->weight2;
	clamp_moments(stats);
	return UIML_OK;
}
