/*
 * vectorstate.c
 *	  Sums of weighted and decayed vectors, in any partition of the rows.
 *
 * The value of a state is (weight, sum) * 2^exponent.  A row's weight is written as m * 2^e with 1 <= m < 4;
 * the exponent of the state is that of its first row and grows only when a row's e exceeds it by MAX_GAP.  So
 * numbers in the state stay below 2^(MAX_GAP + 2 + 128) times the number of rows, and what a growth pushes
 * out of double's range is smaller than the newest term by 2^-500: both far from mattering.
 */
#include "core/vectorstate.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/vector.h"

/* By how much a row's exponent may exceed that of the state. */
#define MAX_GAP 512

static const char magic[4] = {'u', 'v', 's', 't'};

#define VERSION 1

void
uiml_vector_state_init(UimlVectorState *state, size_t dim, int64_t half_life)
{
	state->dim = (uint32_t) dim;
	state->count = 0;
	state->half_life = half_life;
	state->exponent = 0;
	state->weight = 0;
	memset(state->sum, 0, sizeof(double) * dim);
}

/* Counts saturate: a state read from a table may claim any. */
static void
add_count(UimlVectorState *state, int64_t count)
{
	if (__builtin_add_overflow(state->count, count, &state->count))
		state->count = INT64_MAX;
}

/* a - b as a shift for ldexp: beyond 10000 any shift gives zero or infinity. */
static int
exponent_gap(int64_t a, int64_t b)
{
	int64_t gap;

	if (__builtin_sub_overflow(a, b, &gap))
		return a < b ? -10000 : 10000;
	return gap < -10000 ? -10000 : gap > 10000 ? 10000 : (int) gap;
}

/* Multiplies weight and sums by 2^shift. */
static void
rescale(UimlVectorState *state, int shift)
{
	state->weight = ldexp(state->weight, shift);
	for (size_t i = 0; i < state->dim; i++)
		state->sum[i] = ldexp(state->sum[i], shift);
}

/*
 * Makes room for terms of an exponent: afterwards it exceeds the state's by at most MAX_GAP.  Returns by how
 * much.
 */
static int
admit(UimlVectorState *state, int64_t exponent)
{
	if (state->weight == 0)
	{
		/* nothing with a weight yet, so any exponent describes it */
		state->exponent = exponent;
		return 0;
	}
	if (exponent_gap(exponent, state->exponent) > MAX_GAP)
	{
		rescale(state, exponent_gap(state->exponent, exponent));
		state->exponent = exponent;
	}
	return exponent_gap(exponent, state->exponent);
}

/* 2^(at / half_life) as a mantissa in 1 .. 2 and an exponent, exact to the last bit for any at. */
static double
decay_factor(int64_t at, int64_t half_life, int64_t *exponent)
{
	int64_t quotient = at / half_life;
	int64_t rest = at % half_life;

	if (rest < 0)
	{
		quotient--;
		rest += half_life;
	}
	*exponent = quotient;
	return exp2((double) rest / (double) half_life);
}

void
uiml_vector_state_add(UimlVectorState *state, const float *x, double weight, int64_t at)
{
	int64_t exponent = 0;
	int own = 0;

	add_count(state, 1);
	if (weight == 0)
		return;
	if (weight != 1)
	{
		weight = 2 * frexp(weight, &own);
		own--;
	}
	if (state->half_life > 0)
		weight *= decay_factor(at, state->half_life, &exponent);
	if (__builtin_add_overflow(exponent, (int64_t) own, &exponent))
		exponent = own > 0 ? INT64_MAX : INT64_MIN;

	own = admit(state, exponent);
	if (own != 0)
		weight = ldexp(weight, own);
	state->weight += weight;
	uiml_vector_accumulate(x, weight, state->dim, state->sum);
}

void
uiml_vector_state_merge(UimlVectorState *state, const UimlVectorState *other)
{
	add_count(state, other->count);
	if (other->weight > 0)
	{
		double factor = ldexp(1, admit(state, other->exponent));

		state->weight += other->weight * factor;
		uiml_vector_accumulate_f64(other->sum, factor, state->dim, state->sum);
	}
}

UimlStatus
uiml_vector_state_sum(const UimlVectorState *state, float *x)
{
	int shift = exponent_gap(state->exponent, 0);

	for (size_t i = 0; i < state->dim; i++)
		x[i] = (float) ldexp(state->sum[i], shift);
	return uiml_vector_is_finite(x, state->dim) ? UIML_OK : UIML_ENOTFINITE;
}

UimlStatus
uiml_vector_state_mean(const UimlVectorState *state, float *x)
{
	if (state->weight == 0)
		return UIML_EEMPTY;
	if (!isfinite(state->weight))
		return UIML_ENOTFINITE;
	for (size_t i = 0; i < state->dim; i++)
		x[i] = (float) (state->sum[i] / state->weight);
	return uiml_vector_is_finite(x, state->dim) ? UIML_OK : UIML_ENOTFINITE;
}

void
uiml_vector_state_write(const UimlVectorState *state, void *bytes)
{
	uint8_t *byte = bytes;

	memcpy(byte, magic, sizeof(magic));
	byte = uiml_put_bytes(byte + sizeof(magic), VERSION, 2);
	byte = uiml_put_bytes(byte, 0, 2);
	byte = uiml_put_bytes(byte, UIML_VECTOR_STATE_BINARY_SIZE(state->dim), 4);
	byte = uiml_put_bytes(byte, state->dim, 4);
	byte = uiml_put_bytes(byte, (uint64_t) state->count, 8);
	byte = uiml_put_bytes(byte, (uint64_t) state->half_life, 8);
	byte = uiml_put_bytes(byte, (uint64_t) state->exponent, 8);
	byte = uiml_put_f64(byte, state->weight);
	for (size_t i = 0; i < state->dim; i++)
		byte = uiml_put_f64(byte, state->sum[i]);
}

UimlStatus
uiml_vector_state_read_dim(const void *bytes, size_t length, size_t max_dim, size_t *dim)
{
	const uint8_t *byte = bytes;

	if (length < UIML_VECTOR_STATE_HEADER || memcmp(byte, magic, sizeof(magic)) != 0 ||
		uiml_get_bytes(byte + 4, 2) != VERSION || uiml_get_bytes(byte + 6, 2) != 0 ||
		uiml_get_bytes(byte + 8, 4) != length)
		return UIML_ECORRUPT;
	*dim = uiml_get_bytes(byte + 12, 4);
	if (*dim > max_dim)
		return UIML_ELIMIT;
	if (*dim == 0 || length != UIML_VECTOR_STATE_BINARY_SIZE(*dim))
		return UIML_ECORRUPT;
	return UIML_OK;
}

UimlStatus
uiml_vector_state_read(const void *bytes, size_t dim, UimlVectorState *state)
{
	const uint8_t *byte = bytes;
	bool finite;

	state->dim = (uint32_t) dim;
	state->count = (int64_t) uiml_get_bytes(byte + 16, 8);
	state->half_life = (int64_t) uiml_get_bytes(byte + 24, 8);
	state->exponent = (int64_t) uiml_get_bytes(byte + 32, 8);
	state->weight = uiml_get_f64(byte + 40);
	if (state->count < 0 || state->half_life < 0)
		return UIML_ECORRUPT;

	finite = isfinite(state->weight);
	for (size_t i = 0; i < dim; i++)
	{
		state->sum[i] = uiml_get_f64(byte + UIML_VECTOR_STATE_HEADER + sizeof(double) * i);
		finite &= isfinite(state->sum[i]) != 0;
	}
	if (!finite)
		return UIML_ENOTFINITE;
	return state->weight >= 0 ? UIML_OK : UIML_ECORRUPT;
}
