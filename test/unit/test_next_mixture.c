/*
 * test_next_mixture.c
 *	  Weights of a mixture: the highest likelihood, identical components, priors, interruption.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/next_mixture.h"
#include "core/rng.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) < (tolerance))

enum
{
	N = 5000,
	K = 3
};

static const double even[K] = {1.0 / 3, 1.0 / 3, 1.0 / 3};

static double
likelihood(const float *share, const double *weight, const double *prior, double strength)
{
	double sum = 0;

	for (size_t i = 0; i < N; i++)
	{
		double mixed = 0;

		for (size_t j = 0; j < K; j++)
			mixed += weight[j] * (double) share[i * K + j];
		sum += log(mixed);
	}
	for (size_t j = 0; j < K; j++)
		sum += strength > 0 ? strength * prior[j] * log(weight[j]) : 0;
	return sum;
}

static float *
draw_shares(void)
{
	float *share = malloc(N * K * sizeof(float));
	UimlRng rng;

	uiml_rng_init(&rng, 11);
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < K; j++)
			share[i * K + j] = (float) pow(uiml_rng_uniform(&rng), 1 + 2.0 * (double) j) + 1e-4f;
	return share;
}

/* No other weights are better: the likelihood is concave, so that those nearby tell. */
static void
test_best(void **state)
{
	UimlEnv env = test_env_counting();
	float *share = draw_shares();
	double prior[K] = {.2, .3, .5};
	double weight[K];

	(void) state;
	for (double strength = 0; strength <= 2000; strength += 1000)
	{
		double best;

		assert_int_equal(uiml_mixture_fit(&env, share, NULL, N, K, prior, strength, weight), UIML_OK);
		assert_near(weight[0] + weight[1] + weight[2], 1, 1e-9);
		best = likelihood(share, weight, prior, strength);
		assert_true(best > likelihood(share, prior, prior, strength));
		for (size_t j = 0; j < K; j++)
		{
			double other[K];

			for (size_t i = 0; i < K; i++)
				other[i] = .98 * weight[i] + (i == j ? .02 : 0);
			assert_true(likelihood(share, other, prior, strength) < best + .5);
		}
	}
	free(share);
}

/* Two of the same component share what one of them would have, and what is left out stays out. */
static void
test_identical(void **state)
{
	UimlEnv env = test_env_counting();
	float *share = draw_shares();
	float *twins = malloc(N * K * sizeof(float));
	double prior[K] = {.25, .25, .5};
	double alone[2] = {.5, .5};
	double pair[2], weight[K];
	float *couple = malloc(N * 2 * sizeof(float));

	(void) state;
	for (size_t i = 0; i < N; i++)
	{
		twins[i * K] = twins[i * K + 1] = couple[i * 2] = share[i * K];
		twins[i * K + 2] = couple[i * 2 + 1] = share[i * K + 1];
	}
	assert_int_equal(uiml_mixture_fit(&env, twins, NULL, N, K, prior, 0, weight), UIML_OK);
	assert_int_equal(uiml_mixture_fit(&env, couple, NULL, N, 2, alone, 0, pair), UIML_OK);
	assert_near(weight[0], weight[1], 1e-9);
	assert_near(weight[0] + weight[1], pair[0], 1e-6);

	prior[1] = 0;
	assert_int_equal(uiml_mixture_fit(&env, twins, NULL, N, K, prior, 0, weight), UIML_OK);
	assert_true(weight[1] == 0);
	assert_near(weight[0], pair[0], 1e-3);

	/* All the same: there is nothing to choose. */
	for (size_t i = 0; i < N * K; i++)
		twins[i] = .125f;
	assert_int_equal(uiml_mixture_fit(&env, twins, NULL, N, K, even, 0, weight), UIML_OK);
	for (size_t j = 0; j < K; j++)
		assert_near(weight[j], 1.0 / 3, 1e-9);
	free(share);
	free(twins);
	free(couple);
}

static void
test_limits(void **state)
{
	UimlEnv env = test_env_counting();
	const float share[] = {0, 0, 0, .5f, .25f, 0};
	const uint8_t none[] = {0, 0};
	double weight[K];
	long countdown = 1;
	UimlEnv stopping = test_env_interrupting(&countdown);

	(void) state;
	assert_int_equal(uiml_mixture_fit(&env, share, NULL, 2, 0, even, 0, weight), UIML_EINVALID);
	assert_int_equal(uiml_mixture_fit(&env, share, NULL, 2, UIML_MIXTURE_MAX + 1, even, 0, weight),
					 UIML_EINVALID);
	assert_int_equal(uiml_mixture_fit(&env, share, none, 2, K, even, 0, weight), UIML_OK);
	assert_near(weight[1], even[1], 1e-12);
	assert_int_equal(uiml_mixture_fit(&env, share, NULL, 2, K, even, 0, weight), UIML_OK);
	assert_true(weight[0] > .99);
	assert_int_equal(uiml_mixture_fit(&stopping, share, NULL, 2, K, even, 0, weight), UIML_EINTERRUPTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_best),
		cmocka_unit_test(test_identical),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
