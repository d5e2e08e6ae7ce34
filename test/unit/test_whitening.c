/*
 * test_whitening.c
 *	  Covariances that whitening makes the identity, or damps; rows of zeros; memory and interrupts.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "core/whitening.h"
#include "testenv.h"

#define N    4000
#define DIMS 6

/* Rows in a cone: a common direction of length 5, and axes of falling spread that are mixed. */
static void
make_rows(float *x)
{
	UimlRng rng;

	uiml_rng_init(&rng, 7);
	for (size_t i = 0; i < N; i++)
	{
		double z[DIMS];

		for (size_t j = 0; j < DIMS; j++)
			z[j] = uiml_rng_normal(&rng) * pow(.5, (double) j);
		for (size_t j = 0; j < DIMS; j++)
			x[i * DIMS + j] = (float) (5 + z[j] + .5 * z[(j + 1) % DIMS]);
	}
}

/* Mean and covariance of (x - centre) W. */
static void
moments(const float *x, const float *w, const double *centre, double *mean, double *cov)
{
	double y[DIMS];

	memset(mean, 0, DIMS * sizeof(double));
	memset(cov, 0, DIMS * DIMS * sizeof(double));
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < N; i++)
			for (size_t j = 0; j < DIMS; j++)
			{
				y[j] = pass == 1 ? -mean[j] : 0;
				for (size_t k = 0; k < DIMS; k++)
					y[j] += (x[i * DIMS + k] - centre[k]) * w[k * DIMS + j];
				if (pass == 0)
					mean[j] += y[j] / N;
				for (size_t k = 0; pass == 1 && k <= j; k++)
					cov[j * DIMS + k] += y[j] * y[k] / N;
			}
}

/* After full whitening all directions have the same variance, and none goes with another. */
static void
full_makes_directions_alike(void **state)
{
	UimlEnv env = test_env_counting();
	float *x = malloc(N * DIMS * sizeof(float));
	float w[DIMS * DIMS];
	double centre[DIMS];
	double mean[DIMS];
	double cov[DIMS * DIMS];

	(void) state;
	make_rows(x);
	assert_int_equal(uiml_whitening_learn(&env, UIML_WHITENING_FULL, x, DIMS, NULL, N, w, centre), UIML_OK);
	moments(x, w, centre, mean, cov);
	for (size_t j = 0; j < DIMS; j++)
	{
		assert_true(fabs(mean[j]) < 1e-4);
		assert_true(fabs(cov[j * DIMS + j] / cov[0] - 1) < 1e-3);
		for (size_t k = 0; k < j; k++)
			assert_true(fabs(cov[j * DIMS + k] / cov[0]) < 1e-3);
	}
	free(x);
	assert_int_equal(test_env_live(), 0);
}

/* Relaxed: variances L / (L + mean(L)), falling and apart from each other by less than before. */
static void
relaxed_damps_large_directions(void **state)
{
	UimlEnv env = test_env_counting();
	float *x = malloc(N * DIMS * sizeof(float));
	float w[DIMS * DIMS];
	float full[DIMS * DIMS];
	double centre[DIMS];
	double mean[DIMS];
	double cov[DIMS * DIMS];

	(void) state;
	make_rows(x);
	assert_int_equal(uiml_whitening_learn(&env, UIML_WHITENING_FULL, x, DIMS, NULL, N, full, centre),
					 UIML_OK);
	assert_int_equal(uiml_whitening_learn(&env, UIML_WHITENING_RELAXED, x, DIMS, NULL, N, w, centre),
					 UIML_OK);
	moments(x, w, centre, mean, cov);
	for (size_t j = 0; j < DIMS; j++)
	{
		double ratio = 0; /* of the factors: sqrt(L / (L + e)) */

		for (size_t k = 0; k < DIMS; k++)
			ratio = fmax(ratio, fabs(w[k * DIMS + j] / (double) full[k * DIMS + j]));
		assert_true(fabs(mean[j]) < 1e-4);
		assert_true(ratio < 1);
		assert_true(j == 0 || cov[j * DIMS + j] < cov[(j - 1) * DIMS + j - 1]);
		for (size_t k = 0; k < j; k++)
			assert_true(fabs(cov[j * DIMS + k] / cov[0]) < 1e-3);
	}
	free(x);
}

/* Rows of zeros are of no text: they teach nothing and stay; named rows alone teach. */
static void
zeros_and_unnamed_rows_teach_nothing(void **state)
{
	UimlEnv env = test_env_counting();
	float *x = calloc((N + 2) * DIMS, sizeof(float));
	uint32_t *row = malloc(N * sizeof(uint32_t));
	float w[2][DIMS * DIMS];
	double centre[2][DIMS];

	(void) state;
	make_rows(x + DIMS);
	for (size_t i = 0; i < N; i++)
		row[i] = (uint32_t) i + 1;
	x[(N + 1) * DIMS] = 1e6f;
	assert_int_equal(uiml_whitening_learn(&env, UIML_WHITENING_FULL, x, DIMS, NULL, N + 1, w[0], centre[0]),
					 UIML_OK);
	assert_int_equal(uiml_whitening_learn(&env, UIML_WHITENING_FULL, x, DIMS, row, N, w[1], centre[1]),
					 UIML_OK);
	assert_memory_equal(w[0], w[1], sizeof(w[0]));
	assert_memory_equal(centre[0], centre[1], sizeof(centre[0]));

	assert_int_equal(uiml_whitening_apply(&env, w[0], centre[0], DIMS, x, N + 1), UIML_OK);
	for (size_t i = 0; i <= N; i++)
	{
		double squares = 0;

		for (size_t j = 0; j < DIMS; j++)
			squares += (double) x[i * DIMS + j] * x[i * DIMS + j];
		assert_true(i == 0 ? squares == 0 : fabs(squares - 1) < 1e-6);
	}
	free(row);
	free(x);
}

/* Directions that no row has are left out, not blown up. */
static void
flat_directions_are_left_out(void **state)
{
	UimlEnv env = test_env_counting();
	float x[4 * 3] = {1, 0, 2, 3, 0, 2, 1, 1, 2, 3, 1, 2};
	float w[9];
	double centre[3];
	const float mean[] = {2, .5f, 2};

	(void) state;
	assert_int_equal(uiml_whitening_learn(&env, UIML_WHITENING_FULL, x, 3, NULL, 4, w, centre), UIML_OK);
	for (size_t i = 0; i < 9; i++)
		assert_true(isfinite(w[i]) && fabsf(w[i]) < 10);
	memcpy(x, mean, sizeof(mean));
	assert_int_equal(uiml_whitening_apply(&env, w, centre, 3, x, 4), UIML_OK);
	for (size_t j = 0; j < 3; j++)
		assert_true(x[j] == 0); /* the mean is nowhere */
}

/* Rows that differ in their last digits only, as of models whose texts all look alike, differ as they did. */
static void
narrow_cones_keep_their_digits(void **state)
{
	UimlEnv env = test_env_counting();
	float *x = malloc(N * DIMS * sizeof(float));
	float *whitened = malloc(N * DIMS * sizeof(float));
	float w[DIMS * DIMS];
	double centre[DIMS];

	(void) state;
	make_rows(x);
	for (size_t i = 0; i < N * DIMS; i++)
		whitened[i] = x[i] = 1 + (x[i] - 5) * 1e-3f;
	assert_int_equal(uiml_whitening_learn(&env, UIML_WHITENING_FULL, x, DIMS, NULL, N, w, centre), UIML_OK);
	assert_int_equal(uiml_whitening_apply(&env, w, centre, DIMS, whitened, N), UIML_OK);
	for (size_t i = 0; i < N; i++)
	{
		double y[DIMS] = {0};
		double squares = 0;

		for (size_t j = 0; j < DIMS; j++)
		{
			for (size_t k = 0; k < DIMS; k++)
				y[j] += (x[i * DIMS + k] - centre[k]) * w[k * DIMS + j];
			squares += y[j] * y[j];
		}
		for (size_t j = 0; j < DIMS; j++)
			assert_true(fabs(whitened[i * DIMS + j] - y[j] / sqrt(squares)) < 1e-4);
	}
	free(whitened);
	free(x);
}

static void
too_few_rows_are_empty(void **state)
{
	UimlEnv env = test_env_counting();
	float x[2 * DIMS] = {1};
	float w[DIMS * DIMS];
	double centre[DIMS];

	(void) state;
	assert_int_equal(uiml_whitening_learn(&env, UIML_WHITENING_FULL, x, DIMS, NULL, 2, w, centre),
					 UIML_EEMPTY);
	assert_int_equal(uiml_whitening_learn(&env, UIML_WHITENING_FULL, x, DIMS, NULL, 0, w, centre),
					 UIML_EEMPTY);
	assert_int_equal(test_env_live(), 0);
}

static UimlStatus
learn_and_apply(const UimlEnv *env, float *x)
{
	float w[DIMS * DIMS];
	double centre[DIMS];
	UimlStatus status = uiml_whitening_learn(env, UIML_WHITENING_RELAXED, x, DIMS, NULL, N, w, centre);

	return status == UIML_OK ? uiml_whitening_apply(env, w, centre, DIMS, x, N) : status;
}

static void
survives_lack_of_memory_and_interrupts(void **state)
{
	float *x = malloc(N * DIMS * sizeof(float));

	(void) state;
	for (int interrupts = 0; interrupts < 2; interrupts++)
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = interrupts ? test_env_interrupting(&countdown) : test_env_failing_alloc(&countdown);
			UimlStatus status;

			make_rows(x);
			status = learn_and_apply(&env, x);
			assert_int_equal(test_env_live(), 0);
			if (status == UIML_OK)
				break;
			assert_int_equal(status, interrupts ? UIML_EINTERRUPTED : UIML_ENOMEM);
		}
	free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_makes_directions_alike),
		cmocka_unit_test(relaxed_damps_large_directions),
		cmocka_unit_test(zeros_and_unnamed_rows_teach_nothing),
		cmocka_unit_test(flat_directions_are_left_out),
		cmocka_unit_test(narrow_cones_keep_their_digits),
		cmocka_unit_test(too_few_rows_are_empty),
		cmocka_unit_test(survives_lack_of_memory_and_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
