/*
 * test_transferrows.c
 *	  States that keep rows: layout, growth, merging, fits as of rows in memory, bytes good and hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "core/logistic.h"
#include "core/rng.h"
#include "core/transferrows.h"
#include "testenv.h"

#define N 60
#define P 3
#define Q 4

#define HEADER 40 /* of the binary form */

static float x[N * P];
static float y[N * Q];
static double prior[P * Q];

static int
fill_rows(void **state)
{
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 3);
	for (size_t i = 0; i < N * P; i++)
		x[i] = (float) uiml_rng_normal(&rng);
	for (size_t i = 0; i < N * Q; i++)
		y[i] = (float) uiml_rng_below(&rng, 4);
	for (size_t i = 0; i < P * Q; i++)
		prior[i] = uiml_rng_normal(&rng);
	return 0;
}

/* Rows from .. to - 1, in a state that has just room for them. */
static UimlTransferState *
state_of(size_t from, size_t to, double lambda, const double *w0)
{
	size_t size = uiml_transfer_rows_size(P, Q, w0 != NULL, to - from);
	UimlTransferState *state = malloc(size);

	memset(state, 0xA5, size);
	state->length_word = 4711;
	uiml_transfer_rows_init(state, P, Q, lambda, w0);
	for (size_t i = from; i < to; i++)
		uiml_transfer_rows_add(state, x + i * P, y + i * Q);
	assert_int_equal(state->length_word, 4711);
	assert_int_equal(state->pending, to - from);
	return state;
}

static void
test_room(void **unused)
{
	(void) unused;
	for (size_t p = 1; p <= 4; p++)
		for (size_t q = 1; q <= 4; q++)
			for (size_t n = 0; n < 5; n++)
				for (int w0 = 0; w0 < 2; w0++)
				{
					size_t size = uiml_transfer_rows_size(p, q, w0, n);

					assert_int_equal(size % sizeof(double), 0);
					assert_int_equal(uiml_transfer_rows_capacity(p, q, w0, size), n);
					assert_int_equal(uiml_transfer_rows_capacity(p, q, w0, size + sizeof(float)), n);
				}
}

/* The fit of rows in memory, whichever the prior, and whether rows were added to one state or appended. */
static void
test_fit(void **unused)
{
	UimlEnv env = test_env_counting();

	(void) unused;
	for (int given = 0; given < 4; given++)
	{
		const double *w0 = given & 1 ? prior : NULL;
		double lambda = given & 2 ? .01 : -1;
		UimlLogisticParams params = uiml_logistic_defaults();
		UimlTransferState *all = state_of(0, N, lambda, w0), *last = state_of(21, N, lambda, w0);
		UimlTransferState *sum = malloc(uiml_transfer_rows_size(P, Q, w0 != NULL, N));
		double expected[(P + 1) * Q], coef[(P + 1) * Q];
		UimlTransferState *first = state_of(0, 21, lambda, w0);

		params.prior = w0;
		if (lambda > 0)
			params.lambda = lambda;
		assert_int_equal(uiml_logistic_fit(&env, x, y, N, P, Q, &params, expected, NULL), UIML_OK);
		assert_int_equal(uiml_transfer_rows_fit(&env, all, coef), UIML_OK);
		assert_memory_equal(coef, expected, sizeof(coef));

		memcpy(sum, first, uiml_transfer_rows_size(P, Q, w0 != NULL, 21));
		assert_true(uiml_transfer_rows_alike(sum, last));
		uiml_transfer_rows_append(sum, last);
		assert_memory_equal(sum, all, uiml_transfer_rows_size(P, Q, w0 != NULL, N));
		free(all);
		free(first);
		free(last);
		free(sum);
	}
	assert_int_equal(test_env_live(), 0);
}

static void
test_alike(void **unused)
{
	UimlTransferState *a = state_of(0, 5, .5, prior), *b = state_of(9, 30, .5, prior);

	(void) unused;
	assert_true(uiml_transfer_rows_alike(a, b));
	b->data[P * Q - 1] += 1;
	assert_false(uiml_transfer_rows_alike(a, b));
	free(b);
	b = state_of(0, 5, .5, NULL);
	assert_false(uiml_transfer_rows_alike(a, b));
	assert_false(uiml_transfer_rows_alike(b, a));
	free(b);
	b = state_of(0, 5, -1, prior);
	assert_false(uiml_transfer_rows_alike(a, b));
	free(b);
	free(a);
}

static void
test_no_events(void **unused)
{
	static const float none[Q];
	UimlEnv env = test_env_counting();
	UimlTransferState *state = malloc(uiml_transfer_rows_size(P, Q, false, 1));
	double coef[(P + 1) * Q];

	(void) unused;
	uiml_transfer_rows_init(state, P, Q, -1, NULL);
	assert_int_equal(uiml_transfer_rows_fit(&env, state, coef), UIML_EEMPTY);
	uiml_transfer_rows_add(state, x, none);
	assert_int_equal(uiml_transfer_rows_fit(&env, state, coef), UIML_EEMPTY);
	assert_int_equal(test_env_live(), 0);
	free(state);
}

static void
test_out_of_memory(void **unused)
{
	UimlTransferState *state = state_of(0, N, -1, prior);
	double coef[(P + 1) * Q];
	long failures = 0;

	(void) unused;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = uiml_transfer_rows_fit(&env, state, coef);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
		failures++;
	}
	assert_true(failures > 2);
	free(state);
}

static void
test_interrupts(void **unused)
{
	UimlTransferState *state = state_of(0, N, -1, prior);
	double coef[(P + 1) * Q];
	long stops = 0;

	(void) unused;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = uiml_transfer_rows_fit(&env, state, coef);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
		stops++;
	}
	assert_true(stops > 0);
	free(state);
}

/* ---------- binary ---------- */

static uint8_t *
written(const UimlTransferState *state, size_t *length)
{
	uint8_t *bytes;

	*length = uiml_transfer_rows_binary_size(state);
	bytes = malloc(*length);
	uiml_transfer_rows_write(state, bytes);
	return bytes;
}

/* Reads bytes of an exact size, so that reading behind them is found out. */
static UimlStatus
read_rows(const uint8_t *bytes, size_t length, UimlTransferState **state)
{
	uint8_t *exact = malloc(length > 0 ? length : 1);
	size_t size;
	UimlStatus status;

	memcpy(exact, bytes, length);
	*state = NULL;
	status = uiml_transfer_rows_read_size(exact, length, &size);
	if (status == UIML_OK)
	{
		*state = malloc(size);
		status = uiml_transfer_rows_read(exact, *state);
	}
	free(exact);
	return status;
}

static UimlStatus
status_of(const uint8_t *bytes, size_t length)
{
	UimlTransferState *state;
	UimlStatus status = read_rows(bytes, length, &state);

	free(state);
	return status;
}

static void
test_binary(void **unused)
{
	(void) unused;
	for (size_t n = 0; n < 3; n++)
		for (int given = 0; given < 2; given++)
		{
			UimlTransferState *state = state_of(0, n, given ? .5 : -1, given ? prior : NULL), *copy;
			size_t length;
			uint8_t *bytes = written(state, &length);

			assert_int_equal(read_rows(bytes, length, &copy), UIML_OK);
			copy->length_word = state->length_word;
			assert_memory_equal(copy, state, uiml_transfer_rows_size(P, Q, given, n));
			for (size_t shorter = 0; shorter < length; shorter++)
				assert_int_equal(status_of(bytes, shorter), UIML_ECORRUPT);
			free(bytes);
			free(copy);
			free(state);
		}
}

/* Any bit of the head turned, but those of lambda, is found out. */
static void
test_hostile_head(void **unused)
{
	UimlTransferState *state = state_of(0, 2, .5, prior);
	size_t length;
	uint8_t *bytes = written(state, &length);

	(void) unused;
	for (size_t bit = 0; bit < 8 * (HEADER - sizeof(double)); bit++)
	{
		bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
		assert_int_not_equal(status_of(bytes, length), UIML_OK);
		bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	assert_int_equal(status_of(bytes, length), UIML_OK);
	bytes[13] = 0x10; /* p = 4099 */
	assert_int_equal(status_of(bytes, length), UIML_ELIMIT);
	free(bytes);
	free(state);
}

static void
test_hostile_numbers(void **unused)
{
	static const float wrong_counts[] = {-1, -1e-30f};
	static const double wrong_lambdas[] = {0, -.5, -2, NAN, INFINITY};

	(void) unused;
	for (size_t i = 0; i < 2; i++)
	{
		UimlTransferState *state = state_of(0, 2, .5, prior);
		size_t length;
		uint8_t *bytes;

		/* the last float of the last row's counts */
		((float *) (state->data + P * Q + (P + Q + 1) / 2))[P + Q - 1] = wrong_counts[i];
		bytes = written(state, &length);
		assert_int_equal(status_of(bytes, length), UIML_ECORRUPT);
		free(bytes);
		free(state);
	}
	for (size_t i = 0; i < 5; i++)
	{
		UimlTransferState *state = state_of(0, 2, wrong_lambdas[i], prior);
		size_t length;
		uint8_t *bytes = written(state, &length);

		assert_int_equal(status_of(bytes, length), UIML_ECORRUPT);
		free(bytes);
		free(state);
	}
	/* not finite: W0, source, target */
	for (size_t place = 0; place < 3; place++)
	{
		UimlTransferState *state = state_of(0, 2, .5, prior);
		size_t length;
		uint8_t *bytes;

		if (place == 0)
			state->data[P * Q - 1] = -INFINITY;
		else
			((float *) (state->data + P * Q))[place == 1 ? 0 : P] = place == 1 ? NAN : INFINITY;
		bytes = written(state, &length);
		assert_int_equal(status_of(bytes, length), UIML_ENOTFINITE);
		free(bytes);
		free(state);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room),           cmocka_unit_test(test_fit),
		cmocka_unit_test(test_alike),          cmocka_unit_test(test_no_events),
		cmocka_unit_test(test_out_of_memory),  cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_binary),         cmocka_unit_test(test_hostile_head),
		cmocka_unit_test(test_hostile_numbers)};

	return cmocka_run_group_tests(tests, fill_rows, NULL);
}
