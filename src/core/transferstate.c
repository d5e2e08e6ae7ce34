/*
 * transferstate.c
 *	  The mergeable state of aggregates over pairs (source, target): statistics, and rows on the way to them.
 *
 * A block holds the columns of x, padded to whole panels (kernels.h), then those of y.  It has one row more
 * than wait in it: that which merges it, as in transfer.c.
 */
#include "core/transferstate.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/kernels.h"
#include "core/transferio.h"
#include "core/vector.h"

static const char magic[4] = {'u', 'x', 's', 't'};

#define VERSION     1
#define FLAG_PRIOR  1
#define HEADER_SIZE 40

/* From one panel to the next: an odd number of cache lines, so panels differ in the sets they fall into. */
#define STRIDE ((UIML_TRANSFER_BLOCK + 1) * UIML_GRAM_PAD)

/* ---------- layout ---------- */

static size_t
panels_of(size_t n)
{
	return (n + UIML_GRAM_PAD - 1) / UIML_GRAM_PAD;
}

static size_t
stats_doubles(size_t p, size_t q)
{
	return UIML_TRANSFER_STATS_SIZE(p, q) / sizeof(double);
}

/* Weights, and panels. */
static size_t
block_doubles(size_t p, size_t q)
{
	return UIML_TRANSFER_BLOCK + (panels_of(p) + panels_of(q)) * STRIDE;
}

size_t
uiml_transfer_state_size(size_t p, size_t q, bool prior)
{
	return sizeof(UimlTransferState) +
		   sizeof(double) * (stats_doubles(p, q) + (prior ? p * q : 0) + block_doubles(p, q));
}

static double *
prior_of(const UimlTransferState *state)
{
	return (double *) state->data + stats_doubles(state->p, state->q);
}

const double *
uiml_transfer_state_prior(const UimlTransferState *state)
{
	return state->prior != 0 ? prior_of(state) : NULL;
}

/* The weights of the rows that wait; behind them, the block. */
static double *
weights_of(const UimlTransferState *state)
{
	return prior_of(state) + (state->prior != 0 ? (size_t) state->p * state->q : 0);
}

/* The block: x of row 0; behind its panels, y. */
static double *
x_of(const UimlTransferState *state)
{
	return weights_of(state) + UIML_TRANSFER_BLOCK;
}

static double *
y_of(const UimlTransferState *state)
{
	return x_of(state) + panels_of(state->p) * STRIDE;
}

/* Copies n elements into, or out of, row i of a block. */
static void
put_row(const double *x, size_t n, double *block, size_t i)
{
	for (size_t j = 0; j < n; j++)
		block[j / UIML_GRAM_PAD * STRIDE + i * UIML_GRAM_PAD + j % UIML_GRAM_PAD] = x[j];
}

static void
get_row(const double *block, size_t i, size_t n, double *x)
{
	for (size_t j = 0; j < n; j++)
		x[j] = block[j / UIML_GRAM_PAD * STRIDE + i * UIML_GRAM_PAD + j % UIML_GRAM_PAD];
}

void
uiml_transfer_state_init(UimlTransferState *state, size_t p, size_t q, UimlLoss loss, double lambda,
						 const double *prior)
{
	state->p = (uint32_t) p;
	state->q = (uint32_t) q;
	state->pending = 0;
	state->loss = (uint32_t) loss;
	state->prior = prior != NULL ? 1 : 0;
	state->lambda = lambda;
	uiml_transfer_state_stats(state)->length_word = 0;
	uiml_transfer_init(uiml_transfer_state_stats(state), p, q);
	if (prior != NULL)
		memcpy(prior_of(state), prior, p * q * sizeof(double));
	memset(weights_of(state), 0, block_doubles(p, q) * sizeof(double));
}

/* ---------- blocks ---------- */

/* A block on its way into statistics. */
typedef struct Block
{
	size_t n;             /* rows */
	const double *weight; /* n, > 0 */
	double *x, *y;        /* panels; those of y follow those of x */
} Block;

/* Sums of weights and of their squares. */
static void
sum_weights(const Block *block, double *sum, double *square)
{
	*sum = *square = 0;
	for (size_t i = 0; i < block->n; i++)
	{
		*sum += block->weight[i];
		*square += block->weight[i] * block->weight[i];
	}
}

/* Centres the rows on their mean, which the row behind them receives, and scales them by roots of weights. */
static void
centre_rows(const Block *block, size_t panels, double weight)
{
	double share[UIML_TRANSFER_BLOCK], root[UIML_TRANSFER_BLOCK];

	for (size_t i = 0; i < block->n; i++)
	{
		share[i] = block->weight[i] / weight;
		root[i] = sqrt(block->weight[i]);
	}
	uiml_kernels()->centre(block->x, panels, STRIDE, block->n, share, root);
}

/* Turns the mean that row n holds into the row that merges it, and moves the mean of the statistics. */
static void
merge_mean(double *block, size_t n, double *mean, size_t d, double before, double weight)
{
	double share = weight / (before + weight);
	double cross = sqrt(before * share);

	for (size_t j = 0; j < d; j++)
	{
		double *own = &block[j / UIML_GRAM_PAD * STRIDE + n * UIML_GRAM_PAD + j % UIML_GRAM_PAD];
		double difference = *own - mean[j];

		mean[j] = before > 0 ? mean[j] + share * difference : *own;
		*own = before > 0 ? cross * difference : 0;
	}
}

/* Adds a block, which is used up. */
static void
absorb(UimlTransferStats *stats, const Block *block)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t p = stats->p, q = stats->q, rows = block->n + 1;
	double sum, square;

	if (block->n == 0)
		return;
	sum_weights(block, &sum, &square);
	centre_rows(block, panels_of(p) + panels_of(q), sum);
	merge_mean(block->x, block->n, uiml_transfer_mean_x(stats), p, stats->weight, sum);
	merge_mean(block->y, block->n, uiml_transfer_mean_y(stats), q, stats->weight, sum);
	kernels->gram_add(block->x, p, block->x, p, STRIDE, rows, true, uiml_transfer_cxx(stats));
	kernels->gram_add(block->x, p, block->y, q, STRIDE, rows, false, uiml_transfer_cxy(stats));
	kernels->gram_add(block->y, q, block->y, q, STRIDE, rows, true, uiml_transfer_cyy(stats));
	uiml_transfer_count(stats, (int64_t) block->n);
	stats->weight += sum;
	stats->weight2 += square;
}

/* ---------- rows ---------- */

/* Brings y of the last row of the block to the form of the loss; false: leave the row out. */
static bool
shape_row(const UimlTransferState *state)
{
	double *y = y_of(state) + state->pending * UIML_GRAM_PAD;
	double square = 0;

	if (state->loss != UIML_LOSS_COSINE)
		return true;
	for (size_t j = 0; j < state->q; j++)
	{
		double element = y[j / UIML_GRAM_PAD * STRIDE + j % UIML_GRAM_PAD];

		square += element * element;
	}
	if (!(square > 0))
		return false;
	for (size_t j = 0; j < state->q; j++)
		y[j / UIML_GRAM_PAD * STRIDE + j % UIML_GRAM_PAD] /= sqrt(square);
	return true;
}

/* The row at the end of the block is there now. */
static void
enter_row(UimlTransferState *state, double weight)
{
	Block block = {.n = UIML_TRANSFER_BLOCK, .weight = weights_of(state), .x = x_of(state), .y = y_of(state)};

	weights_of(state)[state->pending++] = weight;
	if (state->pending < UIML_TRANSFER_BLOCK)
		return;
	absorb(uiml_transfer_state_stats(state), &block);
	state->pending = 0;
}

void
uiml_transfer_state_add(UimlTransferState *state, const float *x, const float *y, double weight)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t at = state->pending * UIML_GRAM_PAD;

	if (!(weight > 0))
		return;
	kernels->widen(x, state->p, x_of(state) + at, STRIDE);
	kernels->widen(y, state->q, y_of(state) + at, STRIDE);
	if (shape_row(state))
		enter_row(state, weight);
}

void
uiml_transfer_state_add_f64(UimlTransferState *state, const double *x, const double *y, double weight)
{
	if (!(weight > 0))
		return;
	put_row(x, state->p, x_of(state), state->pending);
	put_row(y, state->q, y_of(state), state->pending);
	if (shape_row(state))
		enter_row(state, weight);
}

/* ---------- states ---------- */

bool
uiml_transfer_state_alike(const UimlTransferState *a, const UimlTransferState *b)
{
	if (a->p != b->p || a->q != b->q || a->loss != b->loss || a->prior != b->prior || a->lambda != b->lambda)
		return false;
	for (size_t i = 0; a->prior != 0 && i < (size_t) a->p * a->q; i++)
		if (prior_of(a)[i] != prior_of(b)[i])
			return false;
	return true;
}

/* A row from another state's block goes from panel to panel; targets of a cosine loss have their length. */
void
uiml_transfer_state_merge(UimlTransferState *state, const UimlTransferState *other)
{
	(void) uiml_transfer_merge(uiml_transfer_state_stats(state), uiml_transfer_state_stats(other));
	for (size_t i = 0; i < other->pending; i++)
	{
		for (size_t k = 0; k < panels_of(state->p) + panels_of(state->q); k++)
			memcpy(x_of(state) + k * STRIDE + state->pending * UIML_GRAM_PAD,
				   x_of(other) + k * STRIDE + i * UIML_GRAM_PAD, UIML_GRAM_PAD * sizeof(double));
		enter_row(state, weights_of(other)[i]);
	}
}

size_t
uiml_transfer_state_scratch(const UimlTransferState *state)
{
	return (panels_of(state->p) + panels_of(state->q)) * STRIDE;
}

void
uiml_transfer_state_finish(const UimlTransferState *state, UimlTransferStats *stats, double *scratch)
{
	Block block = {.n = state->pending,
				   .weight = weights_of(state),
				   .x = scratch,
				   .y = scratch + panels_of(state->p) * STRIDE};
	uint32_t length_word = stats->length_word;

	memcpy(stats, uiml_transfer_state_stats(state), UIML_TRANSFER_STATS_SIZE(state->p, state->q));
	stats->length_word = length_word;
	memcpy(scratch, x_of(state), uiml_transfer_state_scratch(state) * sizeof(double));
	absorb(stats, &block);
}

/* ---------- binary ---------- */

static size_t
binary_size(size_t p, size_t q, bool prior, size_t pending)
{
	return HEADER_SIZE + uiml_stats_binary_size(p, q) +
		   sizeof(double) * ((prior ? p * q : 0) + pending * (1 + p + q));
}

size_t
uiml_transfer_state_binary_size(const UimlTransferState *state)
{
	return binary_size(state->p, state->q, state->prior != 0, state->pending);
}

static uint8_t *
put_doubles(uint8_t *byte, const double *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		byte = uiml_put_f64(byte, x[i]);
	return byte;
}

/* Returns the byte behind them, or NULL for a number that is not finite. */
static const uint8_t *
get_doubles(const uint8_t *byte, double *x, size_t n)
{
	double zero = 0;

	for (size_t i = 0; i < n; i++, byte += sizeof(double))
	{
		x[i] = uiml_get_f64(byte);
		zero += x[i] * 0;
	}
	return zero == 0 ? byte : NULL;
}

void
uiml_transfer_state_write(const UimlTransferState *state, void *bytes)
{
	size_t p = state->p, q = state->q;
	uint8_t *byte = bytes;

	memcpy(byte, magic, sizeof(magic));
	byte = uiml_put_bytes(byte + sizeof(magic), VERSION, 2);
	byte = uiml_put_bytes(byte, state->prior != 0 ? FLAG_PRIOR : 0, 2);
	byte = uiml_put_bytes(byte, uiml_transfer_state_binary_size(state), 4);
	byte = uiml_put_bytes(byte, p, 4);
	byte = uiml_put_bytes(byte, q, 4);
	byte = uiml_put_bytes(byte, state->pending, 4);
	byte = uiml_put_bytes(byte, state->loss, 4);
	byte = uiml_put_bytes(byte, 0, 4);
	byte = uiml_put_f64(byte, state->lambda);
	uiml_stats_write(uiml_transfer_state_stats(state), byte);
	byte += uiml_stats_binary_size(p, q);
	if (state->prior != 0)
		byte = put_doubles(byte, prior_of(state), p * q);
	for (size_t i = 0; i < state->pending; i++)
	{
		double row[UIML_TRANSFER_MAX_DIMS];

		byte = uiml_put_f64(byte, weights_of(state)[i]);
		get_row(x_of(state), i, p, row);
		byte = put_doubles(byte, row, p);
		get_row(y_of(state), i, q, row);
		byte = put_doubles(byte, row, q);
	}
}

UimlStatus
uiml_transfer_state_read_size(const void *bytes, size_t length, size_t *size)
{
	const uint8_t *byte = bytes;
	size_t p, q, inner_p, inner_q, pending;
	bool prior;

	if (length < HEADER_SIZE || memcmp(byte, magic, sizeof(magic)) != 0 ||
		uiml_get_bytes(byte + 4, 2) != VERSION || uiml_get_bytes(byte + 6, 2) > FLAG_PRIOR ||
		uiml_get_bytes(byte + 8, 4) != length || uiml_get_bytes(byte + 28, 4) != 0)
		return UIML_ECORRUPT;
	prior = uiml_get_bytes(byte + 6, 2) == FLAG_PRIOR;
	p = uiml_get_bytes(byte + 12, 4);
	q = uiml_get_bytes(byte + 16, 4);
	pending = uiml_get_bytes(byte + 20, 4);
	if (p > UIML_TRANSFER_MAX_DIMS || q > UIML_TRANSFER_MAX_DIMS)
		return UIML_ELIMIT;
	if (p == 0 || q == 0 || pending >= UIML_TRANSFER_BLOCK || length != binary_size(p, q, prior, pending) ||
		uiml_stats_read_shape(byte + HEADER_SIZE, uiml_stats_binary_size(p, q), &inner_p, &inner_q) !=
			UIML_OK ||
		inner_p != p || inner_q != q)
		return UIML_ECORRUPT;
	*size = uiml_transfer_state_size(p, q, prior);
	return UIML_OK;
}

/* W0 and the rows that wait. */
static UimlStatus
read_rows(const uint8_t *byte, size_t pending, UimlTransferState *state)
{
	if (state->prior != 0)
		byte = get_doubles(byte, prior_of(state), (size_t) state->p * state->q);
	for (; byte != NULL && state->pending < pending; state->pending++)
	{
		double *weight = weights_of(state) + state->pending;
		double row[UIML_TRANSFER_MAX_DIMS];

		byte = get_doubles(byte, weight, 1);
		if (byte != NULL && !(*weight > 0))
			return UIML_ECORRUPT;
		if (byte != NULL)
			byte = get_doubles(byte, row, state->p);
		put_row(row, byte != NULL ? state->p : 0, x_of(state), state->pending);
		if (byte != NULL)
			byte = get_doubles(byte, row, state->q);
		put_row(row, byte != NULL ? state->q : 0, y_of(state), state->pending);
	}
	return byte != NULL ? UIML_OK : UIML_ENOTFINITE;
}

UimlStatus
uiml_transfer_state_read(const void *bytes, UimlTransferState *state)
{
	const uint8_t *byte = bytes;
	size_t p = uiml_get_bytes(byte + 12, 4);
	size_t q = uiml_get_bytes(byte + 16, 4);
	uint64_t loss = uiml_get_bytes(byte + 24, 4);
	double lambda = uiml_get_f64(byte + 32);
	UimlStatus status;

	if (loss > UIML_LOSS_COSINE || !(lambda >= 0 || lambda == -1))
		return UIML_ECORRUPT;

	/* room for W0 depends on whether there is one, which init takes from its argument */
	uiml_transfer_state_init(state, p, q, (UimlLoss) loss, lambda, NULL);
	state->prior = (uint32_t) uiml_get_bytes(byte + 6, 2);
	memset(weights_of(state), 0, block_doubles(p, q) * sizeof(double));
	status = uiml_stats_read(byte + HEADER_SIZE, uiml_transfer_state_stats(state));
	if (status != UIML_OK)
		return status;
	return read_rows(byte + HEADER_SIZE + uiml_stats_binary_size(p, q), (size_t) uiml_get_bytes(byte + 20, 4),
					 state);
}
