/*
 * test_nnls.c
 *	  Non-negative least squares by what defines its solution, and stacked matrices by rows.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/nnls.h"
#include "core/ridge.h"
#include "core/rng.h"
#include "testenv.h"

#define MAX_K 40
#define ROWS  60

/* gram and cross of k random columns of ROWS numbers and a random target; some columns come twice. */
static void
make_problem(uint64_t seed, size_t k, double *gram, double *cross)
{
	double a[ROWS * MAX_K], y[ROWS];
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t r = 0; r < ROWS; r++)
	{
		double shared = uiml_rng_normal(&rng);

		y[r] = uiml_rng_normal(&rng) + shared;
		for (size_t i = 0; i < k; i++)
			a[r * MAX_K + i] = (uiml_rng_normal(&rng) + shared) * pow(10, (double) (i % 7) - 3);
		for (size_t i = 10; i < k; i += 10)
			a[r * MAX_K + i] = 3 * a[r * MAX_K + i - 9];
	}
	for (size_t i = 0; i < k; i++)
	{
		cross[i] = 0;
		for (size_t r = 0; r < ROWS; r++)
			cross[i] += a[r * MAX_K + i] * y[r];
		for (size_t j = 0; j < k; j++)
		{
			gram[i * k + j] = 0;
			for (size_t r = 0; r < ROWS; r++)
				gram[i * k + j] += a[r * MAX_K + i] * a[r * MAX_K + j];
		}
	}
}

/* Karush, Kuhn and Tucker: beta >= 0, the gradient is 0 where beta is not, and nowhere does it ask for more. */
static void
test_conditions(void **state)
{
	UimlEnv env = test_env_counting();
	double gram[MAX_K * MAX_K], cross[MAX_K], beta[MAX_K];

	(void) state;
	for (uint64_t seed = 1; seed <= 60; seed++)
	{
		size_t k = 1 + (size_t) (seed * 7) % MAX_K;
		size_t held = 0;

		make_problem(seed, k, gram, cross);
		assert_int_equal(uiml_nnls(&env, k, gram, cross, beta), UIML_OK);
		for (size_t i = 0; i < k; i++)
		{
			double gradient = cross[i];
			double unit = sqrt(gram[i * k + i]);

			for (size_t j = 0; j < k; j++)
				gradient -= gram[i * k + j] * beta[j];
			assert_true(beta[i] >= 0);
			assert_true(gradient < 1e-9 * unit);
			assert_true(beta[i] == 0 || gradient > -1e-9 * unit);
			held += beta[i] == 0;
		}
		assert_true(k < 10 || held > 0);
	}
	assert_int_equal(test_env_live(), 0);
}

static void
test_known(void **state)
{
	UimlEnv env = test_env_counting();
	const double gram[] = {2, 1, 0, 1, 2, 0, 0, 0, 0};
	const double inside[] = {4, 5, 0}, border[] = {3, -1, 5}, outside[] = {-1, 0, 1};
	double beta[3];

	(void) state;
	assert_int_equal(uiml_nnls(&env, 3, gram, inside, beta), UIML_OK);
	assert_true(fabs(beta[0] - 1) < 1e-14 && fabs(beta[1] - 2) < 1e-14 && beta[2] == 0);
	assert_int_equal(uiml_nnls(&env, 3, gram, border, beta), UIML_OK);
	assert_true(fabs(beta[0] - 1.5) < 1e-14 && beta[1] == 0 && beta[2] == 0);
	assert_int_equal(uiml_nnls(&env, 3, gram, outside, beta), UIML_OK);
	assert_true(beta[0] == 0 && beta[1] == 0 && beta[2] == 0);
	beta[0] = NAN;
	assert_int_equal(uiml_nnls(&env, 1, beta, inside, beta + 1), UIML_ENOTFINITE);
	assert_int_equal(uiml_nnls(&env, 0, gram, inside, beta), UIML_ELIMIT);
}

/* --- matrices ------------------------------------------------------------------------------------------- */

#define P 4
#define Q 3
#define N 500

/* y = x (.7 W_0 + .2 W_2) + 1 and a little noise; W_1 is of no use. */
static UimlTransferStats *
make_stats(const UimlEnv *env, double w[3][P * Q], double *x, double *y)
{
	UimlTransferStats *stats = uiml_transfer_create(env, P, Q);
	UimlRng rng;

	uiml_rng_init(&rng, 11);
	for (size_t i = 0; i < P * Q; i++)
	{
		w[0][i] = uiml_rng_normal(&rng);
		w[2][i] = uiml_rng_normal(&rng);
		w[1][i] = -w[0][i] + .1 * uiml_rng_normal(&rng);
	}
	for (size_t i = 0; i < N * P; i++)
		x[i] = uiml_rng_normal(&rng) + .5;
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < Q; j++)
		{
			y[i * Q + j] = 1 + .01 * uiml_rng_normal(&rng);
			for (size_t l = 0; l < P; l++)
				y[i * Q + j] += x[i * P + l] * (.7 * w[0][l * Q + j] + .2 * w[2][l * Q + j]);
		}
	assert_int_equal(uiml_transfer_add_f64(env, stats, x, y, NULL, N), UIML_OK);
	return stats;
}

static void
test_stack(void **state)
{
	UimlEnv env = test_env_counting();
	double w[3][P * Q], beta[3], stacked[P * Q], error;
	const double *matrix[] = {w[0], w[1], w[2]};
	double *x = malloc(sizeof(double) * N * P), *y = malloc(sizeof(double) * N * Q);
	UimlTransferStats *stats = make_stats(&env, w, x, y);
	UimlRidge ridge;

	(void) state;
	assert_int_equal(uiml_transfer_stack(&env, stats, 3, matrix, true, beta, stacked, &error), UIML_OK);
	assert_true(fabs(beta[0] - .7) < .01 && beta[1] == 0 && fabs(beta[2] - .2) < .01);
	for (size_t i = 0; i < P * Q; i++)
		assert_true(fabs(stacked[i] - beta[0] * w[0][i] - beta[2] * w[2][i]) < 1e-14);

	/* the error is that of the prior alone */
	assert_int_equal(uiml_ridge_begin(&env, stats, true, stacked, &ridge), UIML_OK);
	assert_true(fabs(error - ridge.total / N) < 1e-12);
	uiml_ridge_free(&env, &ridge);

	/* without an intercept, residuals themselves are counted */
	assert_int_equal(uiml_transfer_stack(&env, stats, 3, matrix, false, beta, stacked, &error), UIML_OK);
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < Q; j++)
		{
			double e = y[i * Q + j];

			for (size_t l = 0; l < P; l++)
				e -= x[i * P + l] * stacked[l * Q + j];
			error -= e * e / N;
		}
	assert_true(fabs(error) < 1e-10);
	free(x);
	free(y);
	uiml_free(&env, stats);
	assert_int_equal(test_env_live(), 0);
}

static UimlStatus
stack_failing(const UimlEnv *env)
{
	UimlEnv counting = test_env_counting();
	double w[3][P * Q], beta[3], stacked[P * Q];
	const double *matrix[] = {w[0], w[1], w[2]};
	double *x = malloc(sizeof(double) * N * P), *y = malloc(sizeof(double) * N * Q);
	UimlTransferStats *stats = make_stats(&counting, w, x, y);
	UimlStatus status = uiml_transfer_stack(env, stats, 3, matrix, true, beta, stacked, NULL);

	free(x);
	free(y);
	uiml_free(&counting, stats);
	assert_int_equal(test_env_live(), 0);
	return status;
}

static void
test_out_of_memory(void **state)
{
	UimlStatus status = UIML_ENOMEM;

	(void) state;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);

		status = stack_failing(&env);
		assert_true(status == UIML_OK || status == UIML_ENOMEM);
	}
}

static void
test_interrupted(void **state)
{
	UimlStatus status = UIML_EINTERRUPTED;

	(void) state;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);

		status = stack_failing(&env);
		assert_true(status == UIML_OK || status == UIML_EINTERRUPTED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_conditions), cmocka_unit_test(test_known),
									   cmocka_unit_test(test_stack), cmocka_unit_test(test_out_of_memory),
									   cmocka_unit_test(test_interrupted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
