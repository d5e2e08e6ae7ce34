/*
 * test_predictive.c
 *	  Predictions of a row against W, leaving one out against fits without it, intervals against what comes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/predictive.h"
#include "core/rng.h"
#include "core/student.h"
#include "testenv.h"

static void
assert_near(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance * fabs(b)))
		fail_msg("%.17g is not %.17g within %g", a, b, tolerance);
}

/* numpy, X'X + .5 I without each row in turn */
static void
test_known(void **state)
{
	UimlEnv env = test_env_counting();
	const double x[] = {1, 0, 0, 1, 1, 1, 2, 1}, y[] = {.6, .4, .4, .6, 1, 1.1, 1.7, 1.3};
	UimlTransferStats *stats = uiml_transfer_create(&env, 2, 2);
	UimlRidge ridge;
	double work[6], error = 0;

	(void) state;
	assert_int_equal(uiml_transfer_add_f64(&env, stats, x, y, NULL, 4), UIML_OK);
	assert_int_equal(uiml_ridge_begin(&env, stats, false, NULL, &ridge), UIML_OK);
	for (size_t i = 0; i < 4; i++)
		error += uiml_ridge_leave_one_out(&ridge, .5, x + i * 2, y + i * 2, 1, work) / 4;
	assert_true(fabs(error - .0539596219439) < 1e-12);
	uiml_ridge_free(&env, &ridge);
	uiml_free(&env, stats);
	assert_int_equal(test_env_live(), 0);
}

#define P 5
#define Q 3
#define N 40

typedef struct Data
{
	double x[N * P], y[N * Q], weight[N], prior[P * Q];
} Data;

static void
make_data(Data *data)
{
	UimlRng rng;

	uiml_rng_init(&rng, 9);
	for (size_t i = 0; i < P * Q; i++)
		data->prior[i] = uiml_rng_normal(&rng);
	for (size_t i = 0; i < N; i++)
	{
		data->weight[i] = .2 + uiml_rng_uniform(&rng);
		for (size_t j = 0; j < P; j++)
			data->x[i * P + j] = uiml_rng_normal(&rng) * (double) (j + 1) + 4;
		for (size_t j = 0; j < Q; j++)
			data->y[i * Q + j] = uiml_rng_normal(&rng) + data->x[i * P + j] - data->x[i * P];
	}
}

static UimlTransferStats *
stats_without(const UimlEnv *env, const Data *data, size_t missing)
{
	UimlTransferStats *stats = uiml_transfer_create(env, P, Q);

	for (size_t i = 0; i < N; i++)
		if (i != missing)
			assert_int_equal(
				uiml_transfer_add_f64(env, stats, data->x + i * P, data->y + i * Q, data->weight + i, 1),
				UIML_OK);
	return stats;
}

/* x W + b */
static void
apply(const double *x, const double *w, const double *b, double *y)
{
	for (size_t j = 0; j < Q; j++)
	{
		y[j] = b[j];
		for (size_t l = 0; l < P; l++)
			y[j] += x[l] * w[l * Q + j];
	}
}

static void
check_left_out(const Data *data, bool intercept, const double *prior, double lambda)
{
	UimlEnv env = test_env_counting();
	UimlTransferStats *all = stats_without(&env, data, N);
	double w[P * Q], b[Q], y[Q], predicted[Q], work[2 * P + Q];
	UimlRidge ridge;

	assert_int_equal(uiml_ridge_begin(&env, all, intercept, prior, &ridge), UIML_OK);
	assert_int_equal(uiml_ridge_solve(&env, &ridge, lambda, w, b), UIML_OK);
	for (size_t i = 0; i < N; i++)
	{
		const double *x = data->x + i * P;
		UimlTransferStats *fewer = stats_without(&env, data, i);
		UimlRidge other;
		double error = 0;

		apply(x, w, b, y);
		uiml_ridge_predict(&ridge, lambda, x, work, predicted);
		for (size_t j = 0; j < Q; j++)
			assert_true(fabs(y[j] - predicted[j]) < 1e-10);

		assert_int_equal(uiml_ridge_begin(&env, fewer, intercept, prior, &other), UIML_OK);
		uiml_ridge_predict(&other, lambda, x, work, predicted);
		for (size_t j = 0; j < Q; j++)
			error += pow(data->y[i * Q + j] - predicted[j], 2);
		assert_near(uiml_ridge_leave_one_out(&ridge, lambda, x, data->y + i * Q, data->weight[i], work),
					error, 1e-9);
		assert_near(uiml_ridge_leave_one_out(&other, lambda, x, data->y + i * Q, 0, work), error, 1e-12);
		uiml_ridge_free(&env, &other);
		uiml_free(&env, fewer);
	}
	uiml_ridge_free(&env, &ridge);
	uiml_free(&env, all);
	assert_int_equal(test_env_live(), 0);
}

static void
test_left_out(void **state)
{
	Data data;

	(void) state;
	make_data(&data);
	check_left_out(&data, true, NULL, 0);
	check_left_out(&data, true, NULL, 30);
	check_left_out(&data, false, NULL, 3);
	check_left_out(&data, true, data.prior, 3);
	check_left_out(&data, false, data.prior, INFINITY);
}

/* v'Sv is the weighted sum of squared residuals along v over n - df. */
static void
check_noise(const Data *data, bool intercept, const double *prior, double lambda)
{
	UimlEnv env = test_env_counting();
	UimlTransferStats *stats = stats_without(&env, data, N);
	const double direction[][Q] = {{1, 0, 0}, {0, 0, 1}, {.3, -2, .5}};
	double w[P * Q], b[Q], y[Q], work[2 * P], df;
	UimlRidge ridge;

	assert_int_equal(uiml_ridge_begin(&env, stats, intercept, prior, &ridge), UIML_OK);
	assert_int_equal(uiml_ridge_solve(&env, &ridge, lambda, w, b), UIML_OK);
	uiml_ridge_gcv(&ridge, lambda, &df);
	for (size_t k = 0; k < 3; k++)
	{
		double sum = 0;

		for (size_t i = 0; i < N; i++)
		{
			double e = 0;

			apply(data->x + i * P, w, b, y);
			for (size_t j = 0; j < Q; j++)
				e += direction[k][j] * (data->y[i * Q + j] - y[j]);
			sum += data->weight[i] * e * e;
		}
		assert_near(uiml_ridge_noise(&ridge, stats, lambda, direction[k], work), sum / (N - df), 1e-10);
	}
	uiml_ridge_free(&env, &ridge);
	uiml_free(&env, stats);
}

static void
test_noise(void **state)
{
	Data data;

	(void) state;
	make_data(&data);
	check_noise(&data, true, NULL, 0);
	check_noise(&data, false, NULL, 5);
	check_noise(&data, true, data.prior, 50);
	check_noise(&data, false, data.prior, 5);
}

/* As many rows as unknowns leave nothing to say about errors. */
static void
test_saturated(void **state)
{
	UimlEnv env = test_env_counting();
	const double x[] = {1, 2, 4}, y[] = {1, 0, 1}, v[] = {1};
	UimlTransferStats *stats = uiml_transfer_create(&env, 1, 1);
	UimlRidge ridge;
	double work[3];

	(void) state;
	assert_int_equal(uiml_transfer_add_f64(&env, stats, x, y, NULL, 2), UIML_OK);
	assert_int_equal(uiml_ridge_begin(&env, stats, true, NULL, &ridge), UIML_OK);
	assert_true(isinf(uiml_ridge_leave_one_out(&ridge, 0, x, y, 1, work)));
	assert_true(isinf(uiml_ridge_noise(&ridge, stats, 0, v, work)));
	assert_true(isfinite(uiml_ridge_leave_one_out(&ridge, .1, x, y, 1, work)));
	uiml_ridge_free(&env, &ridge);
	uiml_free(&env, stats);
}

/* Of rows to come, as many are within t standard deviations as Student says; errors are correlated. */
static void
test_coverage(void **state)
{
	enum
	{
		ROUNDS = 4000,
		ROWS = 30
	};
	UimlEnv env = test_env_counting();
	const double v[] = {.5, -1, .2};
	size_t inside90 = 0, inside95 = 0;
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 77);
	for (size_t round = 0; round < ROUNDS; round++)
	{
		UimlTransferStats *stats = uiml_transfer_create(&env, P, Q);
		double x[P], y[Q], predicted[Q], work[2 * P], df, deviation, error = 0;
		UimlRidge ridge;

		for (size_t i = 0; i <= ROWS; i++)
		{
			double shared = uiml_rng_normal(&rng);

			for (size_t j = 0; j < P; j++)
				x[j] = uiml_rng_normal(&rng);
			for (size_t j = 0; j < Q; j++)
				y[j] = 3 + x[j] + (shared + uiml_rng_normal(&rng)) * (double) (j + 1);
			if (i < ROWS)
				assert_int_equal(uiml_transfer_add_f64(&env, stats, x, y, NULL, 1), UIML_OK);
		}
		assert_int_equal(uiml_ridge_begin(&env, stats, true, NULL, &ridge), UIML_OK);
		deviation = sqrt((1 + uiml_ridge_predict(&ridge, 1, x, work, predicted)) *
						 uiml_ridge_noise(&ridge, stats, 1, v, work));
		for (size_t j = 0; j < Q; j++)
			error += v[j] * (y[j] - predicted[j]);
		uiml_ridge_gcv(&ridge, 1, &df);
		inside90 += fabs(error) < deviation * uiml_student_quantile(.95, ROWS - df);
		inside95 += fabs(error) < deviation * uiml_student_quantile(.975, ROWS - df);
		uiml_ridge_free(&env, &ridge);
		uiml_free(&env, stats);
	}
	print_message("90 %% intervals hold %.1f %%, 95 %% intervals %.1f %%\n", 100.0 * inside90 / ROUNDS,
				  100.0 * inside95 / ROUNDS);
	assert_true(fabs((double) inside90 / ROUNDS - .90) < .02);
	assert_true(fabs((double) inside95 / ROUNDS - .95) < .02);
	assert_int_equal(test_env_live(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_left_out),
									   cmocka_unit_test(test_noise), cmocka_unit_test(test_saturated),
									   cmocka_unit_test(test_coverage)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
