/*
 * test_ridge.c
 *	  Ridge against worked examples, and against what defines it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/ridge.h"
#include "core/rng.h"
#include "testenv.h"

static const double small_x[] = {1, 0, 0, 1, 1, 1, 2, 1};
static const double small_y[] = {.6, .4, .4, .6, 1, 1.1, 1.7, 1.3};

static UimlTransferStats *
small_stats(const UimlEnv *env)
{
	UimlTransferStats *s = uiml_transfer_create(env, 2, 2);

	assert_int_equal(uiml_transfer_add_f64(env, s, small_x, small_y, NULL, 4), UIML_OK);
	return s;
}

static void
assert_close(const double *a, const double *b, size_t n, double tolerance)
{
	for (size_t i = 0; i < n; i++)
		assert_true(fabs(a[i] - b[i]) < tolerance);
}

/* numpy.linalg.solve(X'X + .5 I, X'Y) */
static void
test_without_intercept(void **state)
{
	UimlEnv env = test_env_counting();
	UimlTransferStats *s = small_stats(&env);
	const double expected[] = {.59636364, .38909091, .37454545, .52363636};
	UimlRidge ridge;
	double w[4], b[2], df;

	(void) state;
	assert_int_equal(uiml_ridge_begin(&env, s, false, NULL, &ridge), UIML_OK);
	assert_int_equal(uiml_ridge_solve(&env, &ridge, .5, w, b), UIML_OK);
	assert_close(w, expected, 4, 1e-8);
	assert_true(b[0] == 0 && b[1] == 0);
	assert_true(fabs(uiml_ridge_gcv(&ridge, .5, &df) - .0430650887574) < 1e-12);
	assert_true(fabs(df - 1.6363636364) < 1e-9);
	uiml_ridge_free(&env, &ridge);
	uiml_free(&env, s);
	assert_int_equal(test_env_live(), 0);
}

static void
test_prior(void **state)
{
	UimlEnv env = test_env_counting();
	UimlTransferStats *s = small_stats(&env);
	const double prior[] = {.6, .4, .4, .6};
	const double expected[] = {.62909091, .37454545, .40363636, .62181818};
	UimlRidge ridge;
	double w[4], gcv, df, error = 0;

	(void) state;
	assert_int_equal(uiml_ridge_begin(&env, s, false, prior, &ridge), UIML_OK);
	assert_int_equal(uiml_ridge_solve(&env, &ridge, .5, w, NULL), UIML_OK);
	assert_close(w, expected, 4, 1e-8);

	/* The residuals that GCV counts without a W. */
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 2; j++)
		{
			double e = small_y[i * 2 + j] - small_x[i * 2] * w[j] - small_x[i * 2 + 1] * w[2 + j];

			error += e * e;
		}
	gcv = uiml_ridge_gcv(&ridge, .5, &df);
	assert_true(fabs(gcv - error / 4 / ((1 - df / 4) * (1 - df / 4))) < 1e-12);

	assert_int_equal(uiml_ridge_solve(&env, &ridge, INFINITY, w, NULL), UIML_OK);
	assert_memory_equal(w, prior, sizeof(w));
	uiml_ridge_free(&env, &ridge);
	uiml_free(&env, s);
}

#define P 6
#define Q 2
#define N 400

/* y = x W + b + noise, in which only the first two features matter; x is far from the origin. */
static UimlTransferStats *
noisy_stats(const UimlEnv *env, double noise, double *x, double *y)
{
	UimlTransferStats *s = uiml_transfer_create(env, P, Q);
	UimlRng rng;

	uiml_rng_init(&rng, 3);
	for (size_t i = 0; i < N; i++)
	{
		for (size_t j = 0; j < P; j++)
			x[i * P + j] = uiml_rng_normal(&rng) + 100;
		y[i * Q] = 2 * x[i * P] - x[i * P + 1] + 7 + noise * uiml_rng_normal(&rng);
		y[i * Q + 1] = -x[i * P] + 5 + noise * uiml_rng_normal(&rng);
	}
	assert_int_equal(uiml_transfer_add_f64(env, s, x, y, NULL, N), UIML_OK);
	return s;
}

static void
test_intercept(void **state)
{
	UimlEnv env = test_env_counting();
	double *x = malloc(N * P * sizeof(double)), *y = malloc(N * Q * sizeof(double));
	UimlTransferStats *s = noisy_stats(&env, 1e-6, x, y);
	const double expected[P * Q] = {2, -1, -1};
	UimlRidge ridge;
	double w[P * Q], b[Q], df;

	(void) state;
	assert_int_equal(uiml_ridge_begin(&env, s, true, NULL, &ridge), UIML_OK);
	assert_int_equal(uiml_ridge_solve(&env, &ridge, 0, w, b), UIML_OK);
	assert_close(w, expected, P * Q, 1e-6);
	assert_true(fabs(b[0] - 7) < 1e-4 && fabs(b[1] - 5) < 1e-4);
	uiml_ridge_gcv(&ridge, 0, &df);
	assert_true(fabs(df - (P + 1)) < 1e-12);
	assert_true(uiml_ridge_choose(&ridge) < 1e-3 * ridge.value[0]);

	/* Nothing but the means is left of an infinite penalty. */
	assert_int_equal(uiml_ridge_solve(&env, &ridge, INFINITY, w, b), UIML_OK);
	assert_true(w[0] == 0 && b[0] == uiml_transfer_mean_y(s)[0]);
	uiml_ridge_free(&env, &ridge);
	uiml_free(&env, s);
	free(x);
	free(y);
}

/* GCV of nothing but noise asks for as large a penalty as there is. */
static void
test_noise(void **state)
{
	UimlEnv env = test_env_counting();
	double *x = malloc(N * P * sizeof(double)), *y = malloc(N * Q * sizeof(double));
	UimlTransferStats *s = noisy_stats(&env, 1e4, x, y);
	UimlRidge ridge;

	(void) state;
	assert_int_equal(uiml_ridge_begin(&env, s, true, NULL, &ridge), UIML_OK);
	assert_true(uiml_ridge_choose(&ridge) > ridge.value[0]);
	uiml_ridge_free(&env, &ridge);
	uiml_free(&env, s);
	free(x);
	free(y);
}

static void
test_singular(void **state)
{
	UimlEnv env = test_env_counting();
	double x[] = {1, 2, 2, 4, 3, 6}, y[] = {1, 2, 3};
	UimlTransferStats *s = uiml_transfer_create(&env, 2, 1);
	UimlRidge ridge;
	double w[2], b;

	(void) state;
	assert_int_equal(uiml_ridge_begin(&env, s, true, NULL, &ridge), UIML_EEMPTY);
	assert_int_equal(uiml_transfer_add_f64(&env, s, x, y, NULL, 3), UIML_OK);
	assert_int_equal(uiml_ridge_begin(&env, s, true, NULL, &ridge), UIML_OK);
	assert_int_equal(uiml_ridge_solve(&env, &ridge, 0, w, &b), UIML_ESINGULAR);
	assert_int_equal(uiml_ridge_solve(&env, &ridge, -1, w, &b), UIML_EINVALID);
	assert_int_equal(uiml_ridge_solve(&env, &ridge, 1e-9, w, &b), UIML_OK);
	assert_true(fabs(w[0] - .2) < 1e-6 && fabs(w[1] - .4) < 1e-6);
	uiml_ridge_free(&env, &ridge);
	uiml_free(&env, s);
}

static UimlStatus
fit_small(const UimlEnv *env)
{
	UimlEnv counting = test_env_counting();
	UimlTransferStats *s = small_stats(&counting);
	UimlRidge ridge;
	double w[4], b[2], prior[4] = {0};
	UimlStatus status = uiml_ridge_begin(env, s, true, prior, &ridge);

	if (status == UIML_OK)
		status = uiml_ridge_solve(env, &ridge, 1, w, b);
	uiml_ridge_free(env, &ridge);
	uiml_free(&counting, s);
	return status;
}

static void
test_out_of_memory(void **state)
{
	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = fit_small(&env);

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
		UimlStatus status = fit_small(&env);

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
		cmocka_unit_test(test_without_intercept), cmocka_unit_test(test_prior),
		cmocka_unit_test(test_intercept),         cmocka_unit_test(test_noise),
		cmocka_unit_test(test_singular),          cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_interrupted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
