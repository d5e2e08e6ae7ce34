/*
 * logistic.c
 *	  Multinomial logistic regression on counts: loss and gradient as a mergeable state.
 *
 * With z = b + B' x and s_i the events of row i, the loss is sum s_i logsumexp(z_i) - sum y_it z_it, and its
 * gradient by z is s_i softmax(z_i) - y_i: one product by blocks of rows to get there and one to come back.
 * Between them, rows are pieces that any thread may take; losses are added up in the order of rows.
 *
 * Sums are in double: the line search of a fit compares losses that differ in the tenth digit.
 */
#include "core/logistic.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/kernels.h"
#include "core/linalg.h"

#define BLOCK_DOUBLES 131072 /* of a block's x or z, whichever is wider */
#define PIECE_ROWS    32
#define STATE_VERSION 1
#define MOST_ROWS     (UINT64_C(1) << 53) /* a double counts no further */

static const char state_magic[4] = {'u', 'v', 'l', 'g'};

void
uiml_logistic_init(UimlLogisticState *state, size_t p, size_t k)
{
	uint32_t length_word = state->length_word;

	memset(state, 0, UIML_LOGISTIC_STATE_SIZE(p, k));
	state->length_word = length_word;
	state->p = (uint32_t) p;
	state->k = (uint32_t) k;
}

static double
sum_counts(const float *y, size_t k)
{
	double sum = 0;

	for (size_t t = 0; t < k; t++)
		sum += y[t];
	return sum;
}

/* Makes z its softmax; returns log sum exp z. */
static double
softmax(double *z, size_t k)
{
	double most = z[0];
	double sum;

	for (size_t t = 1; t < k; t++)
		most = z[t] > most ? z[t] : most;

	/* subtract the largest: exp overflows above 709 */
	sum = z[0] = exp(z[0] - most);
	for (size_t t = 1; t < k; t++)
		sum += z[t] = exp(z[t] - most);
	for (size_t t = 0; t < k; t++)
		z[t] /= sum;
	return most + log(sum);
}

/* Makes z the gradient of a row's loss by z; returns the loss. */
static double
row_gradient(double *z, const float *y, size_t k, double events)
{
	double loss = 0;

	for (size_t t = 0; t < k; t++)
		loss -= y[t] * z[t];
	loss += events * softmax(z, k);
	for (size_t t = 0; t < k; t++)
		z[t] = events * z[t] - y[t];
	return loss;
}

/* --- blocks of rows ------------------------------------------------------------------------------------- */

typedef struct Block
{
	size_t p;
	size_t k;
	size_t most;     /* rows there is room for */
	size_t n;        /* rows */
	const double *b; /* k */
	const float *from;
	const float *y; /* n x k */
	double *x;      /* n x p */
	double *z;      /* n x k: logits, then the gradient by them */
	double *events; /* n */
	double *loss;   /* n */
} Block;

static size_t
piece_end(const Block *block, size_t piece)
{
	return (piece + 1) * PIECE_ROWS < block->n ? (piece + 1) * PIECE_ROWS : block->n;
}

/* A UimlTaskFn: rows of x in double, and b where the product is added to. */
static void
prepare_piece(void *arg, size_t piece)
{
	Block *block = arg;
	size_t end = piece_end(block, piece);

	for (size_t i = piece * PIECE_ROWS; i < end; i++)
	{
		for (size_t j = 0; j < block->p; j++)
			block->x[i * block->p + j] = block->from[i * block->p + j];
		memcpy(block->z + i * block->k, block->b, block->k * sizeof(double));
	}
}

/* A UimlTaskFn: losses, and the gradient by logits. */
static void
gradient_piece(void *arg, size_t piece)
{
	Block *block = arg;
	size_t end = piece_end(block, piece);

	for (size_t i = piece * PIECE_ROWS; i < end; i++)
	{
		const float *y = block->y + i * block->k;
		double *z = block->z + i * block->k;

		block->events[i] = sum_counts(y, block->k);
		if (block->events[i] > 0)
			block->loss[i] = row_gradient(z, y, block->k, block->events[i]);
		else
			memset(z, 0, block->k * sizeof(double));
	}
}

static UimlStatus
add_block(const UimlEnv *env, UimlLogisticState *state, const double *coef, Block *block)
{
	size_t pieces = (block->n + PIECE_ROWS - 1) / PIECE_ROWS;
	double *of_b = state->gradient + block->p * block->k;
	UimlStatus status;

	uiml_parallel(env, pieces, prepare_piece, block);
	status = uiml_gemm_f64(env, false, false, block->n, block->k, block->p, 1, block->x, coef, 1, block->z);
	if (status != UIML_OK)
		return status;
	uiml_parallel(env, pieces, gradient_piece, block);
	for (size_t i = 0; i < block->n; i++)
	{
		if (!(block->events[i] > 0))
			continue;
		state->n++;
		state->events += block->events[i];
		state->loss += block->loss[i];
		for (size_t t = 0; t < block->k; t++)
			of_b[t] += block->z[i * block->k + t];
	}
	return uiml_gemm_f64(env, true, false, block->p, block->k, block->n, 1, block->x, block->z, 1,
						 state->gradient);
}

UimlStatus
uiml_logistic_add(const UimlEnv *env, UimlLogisticState *state, const double *coef, const float *x,
				  const float *y, size_t n)
{
	size_t p = state->p;
	size_t k = state->k;
	size_t most = BLOCK_DOUBLES / (p > k ? p : k);
	Block block = {.p = p, .k = k, .most = most < n ? most : n, .b = coef + p * k};
	UimlStatus status = UIML_OK;

	if (n == 0)
		return UIML_OK;
	block.x = uiml_alloc(env, block.most, p * sizeof(double));
	block.z = uiml_alloc(env, block.most, k * sizeof(double));
	block.events = uiml_alloc(env, block.most, sizeof(double));
	block.loss = uiml_alloc(env, block.most, sizeof(double));
	if (block.x == NULL || block.z == NULL || block.events == NULL || block.loss == NULL)
		status = UIML_ENOMEM;
	for (size_t first = 0; status == UIML_OK && first < n; first += block.most)
	{
		block.n = n - first < block.most ? n - first : block.most;
		block.from = x + first * p;
		block.y = y + first * k;
		status = add_block(env, state, coef, &block);
	}
	uiml_free(env, block.x);
	uiml_free(env, block.z);
	uiml_free(env, block.events);
	uiml_free(env, block.loss);
	return status;
}

/* --- one row -------------------------------------------------------------------------------------------- */

/* z = b + B' x. */
static void
row_logits(const double *coef, size_t p, size_t k, const float *x, double *z)
{
	memcpy(z, coef + p * k, k * sizeof(double));
	for (size_t j = 0; j < p; j++)
		uiml_kernels()->accumulate_f64(coef + j * k, x[j], k, z);
}

void
uiml_logistic_add_row(UimlLogisticState *state, const double *coef, const float *x, const float *y,
					  double *room)
{
	size_t p = state->p;
	size_t k = state->k;
	double events = sum_counts(y, k);

	if (!(events > 0))
		return;
	row_logits(coef, p, k, x, room);
	state->n++;
	state->events += events;
	state->loss += row_gradient(room, y, k, events);
	for (size_t j = 0; j < p; j++)
		uiml_kernels()->accumulate_f64(room, x[j], k, state->gradient + j * k);
	uiml_kernels()->accumulate_f64(room, 1, k, state->gradient + p * k);
}

void
uiml_logistic_shares(const double *coef, size_t p, size_t k, const float *x, double *share)
{
	row_logits(coef, p, k, x, share);
	(void) softmax(share, k);
}

void
uiml_logistic_merge(UimlLogisticState *state, const UimlLogisticState *other)
{
	size_t size = uiml_logistic_size(state->p, state->k);

	state->n += other->n;
	state->events += other->events;
	state->loss += other->loss;
	for (size_t i = 0; i < size; i++)
		state->gradient[i] += other->gradient[i];
}

/* --- the binary form ------------------------------------------------------------------------------------ */

size_t
uiml_logistic_binary_size(const UimlLogisticState *state)
{
	return UIML_LOGISTIC_HEADER + uiml_logistic_size(state->p, state->k) * sizeof(double);
}

void
uiml_logistic_write(const UimlLogisticState *state, void *bytes)
{
	uint8_t *byte = bytes;
	size_t size = uiml_logistic_size(state->p, state->k);

	memcpy(byte, state_magic, sizeof(state_magic));
	byte = uiml_put_bytes(byte + sizeof(state_magic), STATE_VERSION, 2);
	byte = uiml_put_bytes(byte, 0, 2);
	byte = uiml_put_bytes(byte, state->p, 4);
	byte = uiml_put_bytes(byte, state->k, 4);
	byte = uiml_put_bytes(byte, (uint64_t) state->n, 8);
	byte = uiml_put_f64(byte, state->events);
	byte = uiml_put_f64(byte, state->loss);
	for (size_t i = 0; i < size; i++)
		byte = uiml_put_f64(byte, state->gradient[i]);
}

/* Numbers that sums of rows can give: so many rows, no fewer than zero events, and nothing but numbers. */
static bool
are_sums(const uint8_t *bytes, size_t size)
{
	double events = uiml_get_f64(bytes + 24);

	if (uiml_get_bytes(bytes + 16, 8) > MOST_ROWS || !(events >= 0))
		return false;
	for (size_t i = 0; i < size + 2; i++)
		if (!isfinite(uiml_get_f64(bytes + 24 + i * sizeof(double))))
			return false;
	return true;
}

UimlStatus
uiml_logistic_read_size(const void *bytes, size_t length, size_t *size)
{
	const uint8_t *byte = bytes;
	size_t p, k;

	if (length < UIML_LOGISTIC_HEADER || memcmp(byte, state_magic, sizeof(state_magic)) != 0 ||
		uiml_get_bytes(byte + 4, 2) != STATE_VERSION || uiml_get_bytes(byte + 6, 2) != 0)
		return UIML_ECORRUPT;
	p = uiml_get_bytes(byte + 8, 4);
	k = uiml_get_bytes(byte + 12, 4);
	if (p == 0 || p > UIML_TRANSFER_MAX_DIMS || k == 0 || k > UIML_LOGISTIC_MAX_CLASSES ||
		length != UIML_LOGISTIC_HEADER + uiml_logistic_size(p, k) * sizeof(double) ||
		!are_sums(bytes, uiml_logistic_size(p, k)))
		return UIML_ECORRUPT;
	*size = UIML_LOGISTIC_STATE_SIZE(p, k);
	return UIML_OK;
}

void
uiml_logistic_read(const void *bytes, UimlLogisticState *state)
{
	const uint8_t *byte = bytes;
	size_t size;

	uiml_logistic_init(state, uiml_get_bytes(byte + 8, 4), uiml_get_bytes(byte + 12, 4));
	size = uiml_logistic_size(state->p, state->k);
	state->n = (int64_t) uiml_get_bytes(byte + 16, 8);
	state->events = uiml_get_f64(byte + 24);
	state->loss = uiml_get_f64(byte + 32);
	for (size_t i = 0; i < size; i++)
		state->gradient[i] = uiml_get_f64(byte + UIML_LOGISTIC_HEADER + i * sizeof(double));
}
