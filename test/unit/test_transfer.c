/*
 * test_transfer.c
 *	  Statistics of least squares against plain sums in two passes; merging, subtracting, a large offset.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/rng.h"
#include "core/transfer.h"
#include "testenv.h"

#define P 5
#define Q 3
#define N 700 /* more than two blocks */

static double x[N * P];
static double y[N * Q];
static double weight[N];

/* Correlated rows with means that are not zero; some weights are. */
static int
fill_rows(void **state)
{
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 7);
	for (size_t i = 0; i < N; i++)
	{
		for (size_t j = 0; j < P; j++)
			x[i * P + j] = uiml_rng_normal(&rng) + (double) j + (double) i / N;
		for (size_t j = 0; j < Q; j++)
			y[i * Q + j] = x[i * P + j] - 2 * x[i * P + 4] + uiml_rng_normal(&rng) - 3;
		weight[i] = i % 11 == 0 ? 0 : uiml_rng_uniform(&rng) + .1;
	}
	return 0;
}

static UimlTransferStats *
stats_of(size_t from, size_t to, const double *w)
{
	UimlEnv env = test_env_counting();
	UimlTransferStats *stats = uiml_transfer_create(&env, P, Q);

	assert_int_equal(uiml_transfer_add_f64(&env, stats, x + from * P, y + from * Q,
										   w != NULL ? w + from : NULL, to - from),
					 UIML_OK);
	return stats;
}

/* The same by definition: means first, then squares of what is left. */
static UimlTransferStats *
stats_by_definition(const double *w)
{
	UimlEnv env = test_env_counting();
	UimlTransferStats *s = uiml_transfer_create(&env, P, Q);
	double *mx = uiml_transfer_mean_x(s), *my = uiml_transfer_mean_y(s);

	for (size_t i = 0; i < N; i++)
	{
		double wi = w != NULL ? w[i] : 1;

		s->n += wi > 0;
		s->weight += wi;
		s->weight2 += wi * wi;
		for (size_t j = 0; j < P; j++)
			mx[j] += wi * x[i * P + j];
		for (size_t j = 0; j < Q; j++)
			my[j] += wi * y[i * Q + j];
	}
	for (size_t j = 0; j < P + Q; j++)
		s->data[j] /= s->weight;
	for (size_t i = 0; i < N; i++)
	{
		double wi = w != NULL ? w[i] : 1;

		for (size_t a = 0; a < P; a++)
			for (size_t b = 0; b < P; b++)
				if (b >= a)
					uiml_transfer_cxx(s)[a * P + b] += wi * (x[i * P + a] - mx[a]) * (x[i * P + b] - mx[b]);
		for (size_t a = 0; a < P; a++)
			for (size_t b = 0; b < Q; b++)
				uiml_transfer_cxy(s)[a * Q + b] += wi * (x[i * P + a] - mx[a]) * (y[i * Q + b] - my[b]);
		for (size_t a = 0; a < Q; a++)
			for (size_t b = a; b < Q; b++)
				uiml_transfer_cyy(s)[a * Q + b] += wi * (y[i * Q + a] - my[a]) * (y[i * Q + b] - my[b]);
	}
	return s;
}

/* Largest difference, relative to the largest moment. */
static double
difference(const UimlTransferStats *a, const UimlTransferStats *b)
{
	size_t cells = P + Q + P * P + P * Q + Q * Q;
	double worst = 0, largest = 0;

	assert_int_equal(a->n, b->n);
	worst = fabs(a->weight - b->weight) / b->weight;
	worst = fmax(worst, fabs(a->weight2 - b->weight2) / b->weight2);
	for (size_t i = 0; i < cells; i++)
		largest = fmax(largest, fabs(b->data[i]));
	for (size_t i = 0; i < cells; i++)
		worst = fmax(worst, fabs(a->data[i] - b->data[i]) / largest);
	return worst;
}

static void
drop(UimlTransferStats *stats)
{
	UimlEnv env = test_env_counting();

	uiml_free(&env, stats);
}

static void
test_definition(void **state)
{
	const double *weights[] = {NULL, weight};

	(void) state;
	for (size_t w = 0; w < 2; w++)
	{
		UimlTransferStats *a = stats_of(0, N, weights[w]);
		UimlTransferStats *b = stats_by_definition(weights[w]);

		assert_true(difference(a, b) < 1e-13);
		drop(a);
		drop(b);
	}
	assert_int_equal(test_env_live(), 0);
}

static void
test_float_rows(void **state)
{
	UimlEnv env = test_env_counting();
	float xf[] = {1, 2, 3, 4, 5, 7}, yf[] = {1, 0, 2};
	double xd[] = {1, 2, 3, 4, 5, 7}, yd[] = {1, 0, 2};
	UimlTransferStats *a = uiml_transfer_create(&env, 2, 1);
	UimlTransferStats *b = uiml_transfer_create(&env, 2, 1);

	(void) state;
	assert_int_equal(uiml_transfer_add(&env, a, xf, yf, NULL, 3), UIML_OK);
	assert_int_equal(uiml_transfer_add_f64(&env, b, xd, yd, NULL, 3), UIML_OK);
	assert_memory_equal(a, b, UIML_TRANSFER_STATS_SIZE(2, 1));
	assert_true(fabs(uiml_transfer_cxx(a)[0] - 8) < 1e-14);
	assert_true(uiml_transfer_cxx(a)[2] == 0);
	uiml_free(&env, a);
	uiml_free(&env, b);
}

/* Any partition, merged in any order, gives the whole. */
static void
test_merge(void **state)
{
	size_t cut[] = {0, 1, 2, 300, 301, 555, N};
	UimlTransferStats *whole = stats_of(0, N, weight);

	(void) state;
	for (int reverse = 0; reverse < 2; reverse++)
	{
		UimlEnv env = test_env_counting();
		UimlTransferStats *sum = uiml_transfer_create(&env, P, Q);

		for (size_t i = 0; i < 6; i++)
		{
			size_t part = reverse ? 5 - i : i;
			UimlTransferStats *s = stats_of(cut[part], cut[part + 1], weight);

			assert_int_equal(uiml_transfer_merge(sum, s), UIML_OK);
			drop(s);
		}
		assert_true(difference(sum, whole) < 1e-12);
		drop(sum);
	}
	drop(whole);
	assert_int_equal(test_env_live(), 0);
}

static void
test_subtract(void **state)
{
	UimlTransferStats *whole = stats_of(0, N, weight);
	UimlTransferStats *rest = stats_of(0, 600, weight);
	UimlTransferStats *gone = stats_of(600, N, weight);
	UimlTransferStats *narrow;
	UimlEnv env = test_env_counting();

	(void) state;
	assert_int_equal(uiml_transfer_subtract(rest, whole), UIML_EINVALID);
	assert_int_equal(uiml_transfer_subtract(whole, gone), UIML_OK);
	assert_true(difference(whole, rest) < 1e-12);
	assert_int_equal(uiml_transfer_subtract(whole, rest), UIML_OK);
	assert_int_equal(whole->n, 0);
	assert_true(whole->weight == 0 && uiml_transfer_cxx(whole)[0] == 0);
	narrow = uiml_transfer_create(&env, P, Q - 1);
	assert_int_equal(uiml_transfer_merge(whole, narrow), UIML_EINVALID);
	drop(whole);
	drop(rest);
	drop(gone);
	drop(narrow);
}

/* y = 2 (x - 1e8) + noise: raw sums of squares would lose the slope altogether. */
static void
test_offset(void **state)
{
	UimlEnv env = test_env_counting();
	size_t n = 100000;
	double *xs = malloc(n * sizeof(double));
	double *ys = malloc(n * sizeof(double));
	UimlTransferStats *s = uiml_transfer_create(&env, 1, 1);
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 1);
	for (size_t i = 0; i < n; i++)
	{
		double deviate = uiml_rng_normal(&rng);

		xs[i] = 1e8 + deviate;
		ys[i] = 2 * deviate + .1 * uiml_rng_normal(&rng);
	}
	assert_int_equal(uiml_transfer_add_f64(&env, s, xs, ys, NULL, n), UIML_OK);
	assert_true(fabs(uiml_transfer_cxy(s)[0] / uiml_transfer_cxx(s)[0] - 2) < .001);
	free(xs);
	free(ys);
	drop(s);
}

/* Statistics without a target: what whitening needs. */
static void
test_no_target(void **state)
{
	UimlEnv env = test_env_counting();
	UimlTransferStats *s = uiml_transfer_create(&env, P, 0);
	UimlTransferStats *whole = stats_of(0, N, NULL);

	(void) state;
	assert_int_equal(uiml_transfer_add_f64(&env, s, x, NULL, NULL, N), UIML_OK);
	assert_memory_equal(uiml_transfer_cxx(s), uiml_transfer_cxx(whole), P * P * sizeof(double));
	drop(s);
	drop(whole);
}

static void
test_invalid(void **state)
{
	UimlEnv env = test_env_counting();
	UimlTransferStats *s = uiml_transfer_create(&env, P, Q);
	double bad_weight[] = {1, -1};
	double bad_row[2 * P] = {0};

	(void) state;
	assert_null(uiml_transfer_create(&env, 0, Q));
	assert_null(uiml_transfer_create(&env, UIML_TRANSFER_MAX_DIMS + 1, Q));
	assert_int_equal(uiml_transfer_add_f64(&env, s, x, y, bad_weight, 2), UIML_EINVALID);
	bad_weight[1] = INFINITY;
	assert_int_equal(uiml_transfer_add_f64(&env, s, x, y, bad_weight, 2), UIML_EINVALID);
	bad_row[P] = NAN;
	assert_int_equal(uiml_transfer_add_f64(&env, s, bad_row, y, NULL, 2), UIML_ENOTFINITE);
	assert_int_equal(uiml_transfer_add_f64(&env, s, x, y, NULL, 0), UIML_OK);
	assert_int_equal(s->n, 0);
	drop(s);
}

static void
test_out_of_memory(void **state)
{
	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlTransferStats *s = uiml_transfer_create(&env, P, Q);
		UimlStatus status = s == NULL ? UIML_ENOMEM : uiml_transfer_add_f64(&env, s, x, y, NULL, N);

		uiml_free(&env, s);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
}

static void
test_interrupted(void **state)
{
	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlTransferStats *s = uiml_transfer_create(&env, P, Q);
		UimlStatus status = uiml_transfer_add_f64(&env, s, x, y, NULL, N);

		uiml_free(&env, s);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definition), cmocka_unit_test(test_float_rows),
		cmocka_unit_test(test_merge),      cmocka_unit_test(test_subtract),
		cmocka_unit_test(test_offset),     cmocka_unit_test(test_no_target),
		cmocka_unit_test(test_invalid),    cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_interrupted)};

	return cmocka_run_group_tests(tests, fill_rows, NULL);
}
