/*
 * test_logistic.c
 *	  Gradients against differences, merged states, optima, known models, priors, hostile bytes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "core/logistic.h"
#include "core/rng.h"
#include "testenv.h"

/* Rows of length 1 whose counts follow a known model. */
typedef struct Data
{
	size_t n, p, k;
	float *x;
	float *y;
	double *coef;
} Data;

static void
data_free(Data *data)
{
	free(data->x);
	free(data->y);
	free(data->coef);
}

/* A number of events of the model's classes, drawn one by one; every 7th row has none. */
static void
draw_counts(Data *data, UimlRng *rng, size_t i, size_t events)
{
	double share[64];

	uiml_logistic_shares(data->coef, data->p, data->k, data->x + i * data->p, share);
	for (size_t e = 0; i % 7 != 0 && e < events; e++)
	{
		double u = uiml_rng_uniform(rng);
		size_t t = 0;

		for (; t + 1 < data->k && u >= share[t]; t++)
			u -= share[t];
		data->y[i * data->k + t]++;
	}
}

static Data
data_make(size_t n, size_t p, size_t k, size_t events, double strength, uint64_t seed)
{
	Data data = {n,
				 p,
				 k,
				 calloc(n * p, sizeof(float)),
				 calloc(n * k, sizeof(float)),
				 calloc((p + 1) * k, sizeof(double))};
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < (p + 1) * k; i++)
		data.coef[i] = strength * uiml_rng_normal(&rng);
	for (size_t i = 0; i < n; i++)
	{
		float *x = data.x + i * p;
		double square = 0;

		for (size_t j = 0; j < p; j++)
		{
			/* directions of very different variance, and a mean that is not 0 */
			x[j] = (float) (uiml_rng_normal(&rng) / (1 + (double) j) + (j == 0 ? 2 : 0));
			square += (double) x[j] * x[j];
		}
		for (size_t j = 0; j < p; j++)
			x[j] = (float) (x[j] / sqrt(square));
		draw_counts(&data, &rng, i, events);
	}
	return data;
}

static UimlLogisticState *
state_make(size_t p, size_t k)
{
	UimlLogisticState *state = malloc(UIML_LOGISTIC_STATE_SIZE(p, k));

	state->length_word = 4711;
	uiml_logistic_init(state, p, k);
	assert_int_equal(state->length_word, 4711);
	return state;
}

static UimlLogisticState *
state_of(const Data *data, const double *coef, size_t from, size_t to)
{
	UimlEnv env = uiml_env_malloc();
	UimlLogisticState *state = state_make(data->p, data->k);

	assert_int_equal(
		uiml_logistic_add(&env, state, coef, data->x + from * data->p, data->y + from * data->k, to - from),
		UIML_OK);
	return state;
}

static void
assert_same(const UimlLogisticState *a, const UimlLogisticState *b, double tolerance)
{
	assert_int_equal(a->n, b->n);
	assert_true(fabs(a->events - b->events) <= tolerance * b->events);
	assert_true(fabs(a->loss - b->loss) <= tolerance * b->loss);
	for (size_t i = 0; i < uiml_logistic_size(a->p, a->k); i++)
		assert_true(fabs(a->gradient[i] - b->gradient[i]) <= tolerance * b->events);
}

static void
test_gradient(void **unused)
{
	Data data = data_make(40, 5, 4, 6, 1, 1);
	UimlLogisticState *state = state_of(&data, data.coef, 0, 40);

	(void) unused;
	assert_int_equal(state->n, 34);
	assert_true(state->events == 34 * 6);
	for (size_t i = 0; i < uiml_logistic_size(5, 4); i++)
	{
		double at = data.coef[i];
		UimlLogisticState *above, *below;

		data.coef[i] = at + 1e-5;
		above = state_of(&data, data.coef, 0, 40);
		data.coef[i] = at - 1e-5;
		below = state_of(&data, data.coef, 0, 40);
		data.coef[i] = at;
		assert_true(fabs((above->loss - below->loss) / 2e-5 - state->gradient[i]) < 1e-6);
		free(above);
		free(below);
	}
	free(state);
	data_free(&data);
}

/* Blocks, rows one by one, and any partition give the same; so do logits far beyond what exp can take. */
static void
test_merge(void **unused)
{
	(void) unused;
	for (double strength = 1; strength <= 1e4; strength *= 100)
	{
		Data data = data_make(6000, 24, 31, 9, strength, 2);
		UimlLogisticState *whole = state_of(&data, data.coef, 0, 6000);
		UimlLogisticState *rows = state_make(24, 31);
		UimlLogisticState *parts = state_make(24, 31);
		double room[31];

		assert_true(isfinite(whole->loss));
		for (size_t i = 0; i < 6000; i++)
			uiml_logistic_add_row(rows, data.coef, data.x + i * 24, data.y + i * 31, room);
		assert_same(rows, whole, 1e-12 * strength);
		for (size_t from = 0, to = 1; from < 6000; from = to, to = 3 * to < 6000 ? 3 * to : 6000)
		{
			UimlLogisticState *part = state_of(&data, data.coef, from, to);

			uiml_logistic_merge(parts, part);
			free(part);
		}
		assert_same(parts, whole, 1e-12 * strength);
		free(whole);
		free(rows);
		free(parts);
		data_free(&data);
	}
}

/* Of the objective at coef: the gradient's norm, and the value. */
static double
norm_at(const Data *data, const UimlLogisticParams *params, const double *coef, double *value)
{
	UimlLogisticState *state = state_of(data, coef, 0, data->n);
	double square = 0;

	*value = state->loss / state->events;
	for (size_t i = 0; i < uiml_logistic_size(data->p, data->k); i++)
	{
		double g = state->gradient[i] / state->events;

		if (i < data->p * data->k)
		{
			double off = coef[i] - (params->prior != NULL ? params->prior[i] : 0);

			g += 2 * params->lambda * off;
			*value += params->lambda * off * off;
		}
		square += g * g;
	}
	free(state);
	return sqrt(square);
}

/* The gradient vanishes at what is found, from whatever start and towards whatever prior; few passes do. */
static void
test_optimum(void **unused)
{
	UimlEnv env = uiml_env_malloc();
	Data data = data_make(1500, 12, 9, 8, 2, 3);
	UimlLogisticParams params = uiml_logistic_defaults();
	double coef[13 * 9];
	double best, value;
	UimlLbfgsResult result;

	(void) unused;
	params.tolerance = 1e-14;
	params.most = 2000;
	for (int biased = 0; biased < 2; biased++)
	{
		params.prior = biased ? data.coef : NULL;
		for (params.lambda = 1e-6; params.lambda < 10; params.lambda *= 100)
		{
			assert_int_equal(
				uiml_logistic_fit(&env, data.x, data.y, data.n, data.p, data.k, &params, coef, &result),
				UIML_OK);
			assert_true(result.converged);
			assert_true(norm_at(&data, &params, coef, &best) < 1e-6);
			assert_true(fabs(result.value - best) < 1e-12);
			assert_true(norm_at(&data, &params, data.coef, &value) >= 0 && value >= best);
		}
	}
	params = uiml_logistic_defaults();
	assert_int_equal(uiml_logistic_fit(&env, data.x, data.y, data.n, data.p, data.k, &params, coef, &result),
					 UIML_OK);
	assert_true(result.evaluations < 30);
	data_free(&data);
}

/* Many events tell the model; a large penalty gives the prior, or nothing but the classes' shares. */
static void
test_known(void **unused)
{
	UimlEnv env = uiml_env_malloc();
	Data data = data_make(20000, 4, 5, 50, 1, 4);
	UimlLogisticParams params = uiml_logistic_defaults();
	double coef[5 * 5], known[5], found[5];
	double worst = 0;

	(void) unused;
	params.lambda = 1e-9;
	assert_int_equal(uiml_logistic_fit(&env, data.x, data.y, data.n, 4, 5, &params, coef, NULL), UIML_OK);
	for (size_t i = 0; i < data.n; i++)
	{
		uiml_logistic_shares(data.coef, 4, 5, data.x + 4 * i, known);
		uiml_logistic_shares(coef, 4, 5, data.x + 4 * i, found);
		for (size_t t = 0; t < 5; t++)
			worst = fmax(worst, fabs(known[t] - found[t]));
	}
	assert_true(worst < .03);

	params.lambda = 1e9;
	params.prior = data.coef;
	assert_int_equal(uiml_logistic_fit(&env, data.x, data.y, data.n, 4, 5, &params, coef, NULL), UIML_OK);
	for (size_t i = 0; i < 20; i++)
		assert_true(fabs(coef[i] - data.coef[i]) < 1e-6);
	params.prior = NULL;
	assert_int_equal(uiml_logistic_fit(&env, data.x, data.y, data.n, 4, 5, &params, coef, NULL), UIML_OK);
	uiml_logistic_shares(coef, 4, 5, data.x, found);
	for (size_t t = 0; t < 5; t++)
	{
		double count = 0, all = 0;

		for (size_t i = 0; i < data.n * 5; i++)
		{
			all += data.y[i];
			count += i % 5 == t ? data.y[i] : 0;
		}
		assert_true(fabs(found[t] - count / all) < 1e-6);
	}
	data_free(&data);
}

/* One class; a class nobody chose; x that never varies; classes told apart by x without a doubt. */
static void
test_degenerate(void **unused)
{
	UimlEnv env = uiml_env_malloc();
	UimlLogisticParams params = uiml_logistic_defaults();
	UimlLbfgsResult result;
	float x[] = {1, 0, 0, 1, 1, 0, 0, 1};
	float same[] = {1, 0, 1, 0, 1, 0, 1, 0};
	float one[] = {1, 2, 3, 4};
	float y[] = {3, 0, 0, 0, 5, 0, 2, 0, 0, 0, 1, 0};
	double coef[9], share[3];

	(void) unused;
	assert_int_equal(uiml_logistic_fit(&env, x, one, 4, 2, 1, &params, coef, &result), UIML_OK);
	assert_true(result.converged && fabs(coef[0]) < 1e-9 && fabs(coef[1]) < 1e-9);
	assert_int_equal(uiml_logistic_fit(&env, same, y, 4, 2, 3, &params, coef, &result), UIML_OK);
	uiml_logistic_shares(coef, 2, 3, same, share);
	assert_true(result.converged && fabs(share[0] - 5.0 / 11) < .01 && share[2] < .01);
	assert_int_equal(uiml_logistic_fit(&env, x, y, 4, 2, 3, &params, coef, &result), UIML_OK);
	assert_true(result.converged);
	uiml_logistic_shares(coef, 2, 3, x + 2, share);
	assert_true(share[1] > .98 && share[2] < .01);
}

static void
test_errors(void **unused)
{
	UimlEnv env = test_env_counting();
	Data data = data_make(20, 3, 4, 5, 1, 5);
	UimlLogisticParams params = uiml_logistic_defaults();
	double coef[16];
	float *x = data.x;
	float *y = data.y;

	(void) unused;
	assert_int_equal(uiml_logistic_fit(&env, x, y, 20, 0, 4, &params, coef, NULL), UIML_ELIMIT);
	assert_int_equal(uiml_logistic_fit(&env, x, y, 20, 3, 0, &params, coef, NULL), UIML_ELIMIT);
	assert_int_equal(uiml_logistic_fit(&env, x, y, 20, 3, 4097, &params, coef, NULL), UIML_ELIMIT);
	assert_int_equal(uiml_logistic_fit(&env, x, y, 0, 3, 4, &params, coef, NULL), UIML_EEMPTY);
	assert_int_equal(uiml_logistic_fit(&env, x, y, 1, 3, 4, &params, coef, NULL), UIML_EEMPTY);
	params.lambda = 0;
	assert_int_equal(uiml_logistic_fit(&env, x, y, 20, 3, 4, &params, coef, NULL), UIML_EINVALID);
	params.lambda = NAN;
	assert_int_equal(uiml_logistic_fit(&env, x, y, 20, 3, 4, &params, coef, NULL), UIML_EINVALID);
	params = uiml_logistic_defaults();
	y[4] = -1;
	assert_int_equal(uiml_logistic_fit(&env, x, y, 20, 3, 4, &params, coef, NULL), UIML_EINVALID);
	y[4] = NAN;
	assert_int_equal(uiml_logistic_fit(&env, x, y, 20, 3, 4, &params, coef, NULL), UIML_EINVALID);
	y[4] = 1;
	x[5] = INFINITY;
	assert_int_equal(uiml_logistic_fit(&env, x, y, 20, 3, 4, &params, coef, NULL), UIML_ENOTFINITE);
	assert_int_equal(test_env_live(), 0);
	data_free(&data);
}

static void
test_out_of_memory(void **unused)
{
	Data data = data_make(20, 3, 4, 5, 1, 6);
	UimlLogisticParams params = uiml_logistic_defaults();
	double coef[16];
	long failures = 0;

	(void) unused;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = uiml_logistic_fit(&env, data.x, data.y, 20, 3, 4, &params, coef, NULL);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
		failures++;
	}
	assert_true(failures > 20);
	data_free(&data);
}

static void
test_interrupts(void **unused)
{
	Data data = data_make(20, 3, 4, 5, 1, 7);
	UimlLogisticParams params = uiml_logistic_defaults();
	double coef[16];
	long stops = 0;

	(void) unused;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = uiml_logistic_fit(&env, data.x, data.y, 20, 3, 4, &params, coef, NULL);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
		stops++;
	}
	assert_true(stops > 20);
	data_free(&data);
}

static void
test_binary(void **unused)
{
	Data data = data_make(50, 3, 4, 5, 1, 8);
	UimlLogisticState *state = state_of(&data, data.coef, 0, 50);
	size_t length = uiml_logistic_binary_size(state);
	uint8_t *bytes = malloc(length);
	UimlLogisticState *again = malloc(UIML_LOGISTIC_STATE_SIZE(3, 4));
	size_t size;

	(void) unused;
	uiml_logistic_write(state, bytes);
	assert_int_equal(uiml_logistic_read_size(bytes, length, &size), UIML_OK);
	assert_int_equal(size, UIML_LOGISTIC_STATE_SIZE(3, 4));
	again->length_word = state->length_word;
	uiml_logistic_read(bytes, again);
	assert_memory_equal(again, state, size);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(uiml_logistic_read_size(bytes, cut, &size), UIML_ECORRUPT);

	/* magic, version, reserved, p, k, a count below zero */
	for (size_t at = 0; at < 16; at++)
	{
		bytes[at] ^= 0x81;
		assert_int_equal(uiml_logistic_read_size(bytes, length, &size), UIML_ECORRUPT);
		bytes[at] ^= 0x81;
	}
	bytes[23] ^= 0x80;
	assert_int_equal(uiml_logistic_read_size(bytes, length, &size), UIML_ECORRUPT);
	bytes[23] ^= 0x80;
	for (size_t at = 31; at < length; at += 8)
	{
		uint8_t high = bytes[at];
		uint8_t low = bytes[at - 1];

		bytes[at] = 0x7f;
		bytes[at - 1] = 0xf0;
		assert_int_equal(uiml_logistic_read_size(bytes, length, &size), UIML_ECORRUPT);
		bytes[at] = high;
		bytes[at - 1] = low;
	}
	assert_int_equal(uiml_logistic_read_size(bytes, length, &size), UIML_OK);
	free(bytes);
	free(state);
	free(again);
	data_free(&data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gradient),      cmocka_unit_test(test_merge),
		cmocka_unit_test(test_optimum),       cmocka_unit_test(test_known),
		cmocka_unit_test(test_degenerate),    cmocka_unit_test(test_errors),
		cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_binary)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
