/*
 * transferrows.c
 *	  The state of an aggregate that fits cross-entropy: the rows themselves.
 */
#include "core/transferrows.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/logistic.h"

static const char magic[4] = {'u', 'x', 'r', 'w'};

#define VERSION     1
#define FLAG_PRIOR  1
#define HEADER_SIZE 40

/* ---------- layout ---------- */

/* Doubles that a row takes. */
static size_t
stride_of(size_t p, size_t q)
{
	return (p + q + 1) / 2;
}

size_t
uiml_transfer_rows_size(size_t p, size_t q, bool prior, size_t capacity)
{
	return sizeof(UimlTransferState) + sizeof(double) * ((prior ? p * q : 0) + capacity * stride_of(p, q));
}

size_t
uiml_transfer_rows_capacity(size_t p, size_t q, bool prior, size_t size)
{
	return (size - uiml_transfer_rows_size(p, q, prior, 0)) / (sizeof(double) * stride_of(p, q));
}

const double *
uiml_transfer_rows_prior(const UimlTransferState *state)
{
	return state->prior != 0 ? state->data : NULL;
}

static float *
row_of(const UimlTransferState *state, size_t i)
{
	size_t before = state->prior != 0 ? (size_t) state->p * state->q : 0;

	return (float *) (state->data + before + i * stride_of(state->p, state->q));
}

void
uiml_transfer_rows_init(UimlTransferState *state, size_t p, size_t q, double lambda, const double *prior)
{
	state->p = (uint32_t) p;
	state->q = (uint32_t) q;
	state->pending = 0;
	state->loss = UIML_LOSS_CROSS_ENTROPY;
	state->prior = prior != NULL ? 1 : 0;
	state->lambda = lambda;
	if (prior != NULL)
		memcpy(state->data, prior, p * q * sizeof(double));
}

/* ---------- rows ---------- */

void
uiml_transfer_rows_add(UimlTransferState *state, const float *x, const float *y)
{
	float *row = row_of(state, state->pending++);

	/* the padding first: equal states have equal bytes */
	memset(row, 0, stride_of(state->p, state->q) * sizeof(double));
	memcpy(row, x, state->p * sizeof(float));
	memcpy(row + state->p, y, state->q * sizeof(float));
}

void
uiml_transfer_rows_append(UimlTransferState *state, const UimlTransferState *other)
{
	memcpy(row_of(state, state->pending), row_of(other, 0),
		   other->pending * stride_of(other->p, other->q) * sizeof(double));
	state->pending += other->pending;
}

bool
uiml_transfer_rows_alike(const UimlTransferState *a, const UimlTransferState *b)
{
	if (a->p != b->p || a->q != b->q || a->prior != b->prior || a->lambda != b->lambda)
		return false;
	for (size_t i = 0; a->prior != 0 && i < (size_t) a->p * a->q; i++)
		if (a->data[i] != b->data[i])
			return false;
	return true;
}

UimlStatus
uiml_transfer_rows_fit(const UimlEnv *env, const UimlTransferState *state, double *coef)
{
	UimlLogisticParams params = uiml_logistic_defaults();
	size_t n = state->pending, p = state->p, q = state->q;
	float *x = uiml_alloc(env, n * p, sizeof(float));
	float *y = uiml_alloc(env, n * q, sizeof(float));
	UimlStatus status = UIML_ENOMEM;

	params.prior = uiml_transfer_rows_prior(state);
	if (state->lambda >= 0)
		params.lambda = state->lambda;
	for (size_t i = 0; x != NULL && y != NULL && i < n; i++)
	{
		memcpy(x + i * p, row_of(state, i), p * sizeof(float));
		memcpy(y + i * q, row_of(state, i) + p, q * sizeof(float));
	}
	if (x != NULL && y != NULL)
		status = uiml_logistic_fit(env, x, y, n, p, q, &params, coef, NULL);
	uiml_free(env, x);
	uiml_free(env, y);
	return status;
}

/* ---------- binary ---------- */

static size_t
binary_size(size_t p, size_t q, bool prior, size_t n)
{
	return HEADER_SIZE + sizeof(double) * (prior ? p * q : 0) + sizeof(float) * n * (p + q);
}

size_t
uiml_transfer_rows_binary_size(const UimlTransferState *state)
{
	return binary_size(state->p, state->q, state->prior != 0, state->pending);
}

void
uiml_transfer_rows_write(const UimlTransferState *state, void *bytes)
{
	size_t p = state->p, q = state->q;
	uint8_t *byte = bytes;

	memcpy(byte, magic, sizeof(magic));
	byte = uiml_put_bytes(byte + sizeof(magic), VERSION, 2);
	byte = uiml_put_bytes(byte, state->prior != 0 ? FLAG_PRIOR : 0, 2);
	byte = uiml_put_bytes(byte, uiml_transfer_rows_binary_size(state), 4);
	byte = uiml_put_bytes(byte, p, 4);
	byte = uiml_put_bytes(byte, q, 4);
	byte = uiml_put_bytes(byte, state->pending, 4);
	byte = uiml_put_bytes(byte, 0, 8);
	byte = uiml_put_f64(byte, state->lambda);
	for (size_t i = 0; state->prior != 0 && i < p * q; i++)
		byte = uiml_put_f64(byte, state->data[i]);
	for (size_t i = 0; i < state->pending; i++)
		for (size_t j = 0; j < p + q; j++)
			byte = uiml_put_f32(byte, row_of(state, i)[j]);
}

UimlStatus
uiml_transfer_rows_read_size(const void *bytes, size_t length, size_t *size)
{
	const uint8_t *byte = bytes;
	size_t p, q, n;
	bool prior;

	if (length < HEADER_SIZE || memcmp(byte, magic, sizeof(magic)) != 0 ||
		uiml_get_bytes(byte + 4, 2) != VERSION || uiml_get_bytes(byte + 6, 2) > FLAG_PRIOR ||
		uiml_get_bytes(byte + 8, 4) != length || uiml_get_bytes(byte + 24, 8) != 0)
		return UIML_ECORRUPT;
	prior = uiml_get_bytes(byte + 6, 2) == FLAG_PRIOR;
	p = uiml_get_bytes(byte + 12, 4);
	q = uiml_get_bytes(byte + 16, 4);
	n = uiml_get_bytes(byte + 20, 4);
	if (p > UIML_TRANSFER_MAX_DIMS || q > UIML_TRANSFER_MAX_DIMS)
		return UIML_ELIMIT;
	if (p == 0 || q == 0 || length != binary_size(p, q, prior, n))
		return UIML_ECORRUPT;
	*size = uiml_transfer_rows_size(p, q, prior, n);
	return UIML_OK;
}

UimlStatus
uiml_transfer_rows_read(const void *bytes, UimlTransferState *state)
{
	const uint8_t *byte = bytes;
	size_t p = uiml_get_bytes(byte + 12, 4), q = uiml_get_bytes(byte + 16, 4);
	size_t n = uiml_get_bytes(byte + 20, 4);
	bool finite = true, counts = true;

	uiml_transfer_rows_init(state, p, q, uiml_get_f64(byte + 32), NULL);
	state->prior = (uint32_t) uiml_get_bytes(byte + 6, 2);
	if (!((state->lambda > 0 && isfinite(state->lambda)) || state->lambda == -1))
		return UIML_ECORRUPT;
	byte += HEADER_SIZE;
	for (size_t i = 0; state->prior != 0 && i < p * q; i++, byte += sizeof(double))
	{
		state->data[i] = uiml_get_f64(byte);
		finite &= isfinite(state->data[i]) != 0;
	}
	for (; state->pending < n; state->pending++)
	{
		float *row = row_of(state, state->pending);

		memset(row, 0, stride_of(p, q) * sizeof(double));
		for (size_t j = 0; j < p + q; j++, byte += sizeof(float))
		{
			row[j] = uiml_get_f32(byte);
			finite &= isfinite(row[j]) != 0;
			counts &= j < p || row[j] >= 0;
		}
	}
	if (!finite)
		return UIML_ENOTFINITE;
	return counts ? UIML_OK : UIML_ECORRUPT;
}
