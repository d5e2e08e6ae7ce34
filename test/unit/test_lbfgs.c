/*
 * test_lbfgs.c
 *	  Minima of known functions; domains with an edge; no memory, interrupts, errors.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "core/lbfgs.h"
#include "testenv.h"

/* Rosenbrock's valley, in pairs: the minimum is 0 at (1, 1, ...). */
static UimlStatus
rosenbrock(void *ctx, const double *x, double *value, double *gradient)
{
	size_t n = *(size_t *) ctx;

	*value = 0;
	for (size_t i = 0; i < n; i += 2)
	{
		double a = x[i + 1] - x[i] * x[i];
		double b = 1 - x[i];

		*value += 100 * a * a + b * b;
		gradient[i] = -400 * a * x[i] - 2 * b;
		gradient[i + 1] = 200 * a;
	}
	return UIML_OK;
}

/* sum of h_i (x_i - i)^2 / 2, h = 10^(i mod 5), plus an offset that the decrease drowns in. */
typedef struct Quadratic
{
	size_t n;
	double offset;
} Quadratic;

static double
stiffness(size_t i)
{
	return pow(10, (double) (i % 5));
}

static UimlStatus
quadratic(void *ctx, const double *x, double *value, double *gradient)
{
	const Quadratic *q = ctx;

	*value = q->offset;
	for (size_t i = 0; i < q->n; i++)
	{
		double off = x[i] - (double) i;

		gradient[i] = stiffness(i) * off;
		*value += gradient[i] * off / 2;
	}
	return UIML_OK;
}

/* x - log x: infinite or undefined from 0 on downwards. */
static UimlStatus
barrier(void *ctx, const double *x, double *value, double *gradient)
{
	(void) ctx;
	*value = x[0] - log(x[0]);
	gradient[0] = 1 - 1 / x[0];
	return UIML_OK;
}

static UimlStatus
failing(void *ctx, const double *x, double *value, double *gradient)
{
	long *countdown = ctx;

	*value = x[0] * x[0] * x[0] * x[0];
	gradient[0] = 4 * x[0] * x[0] * x[0];
	return --*countdown == 0 ? UIML_ESINGULAR : UIML_OK;
}

static void
test_rosenbrock(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlLbfgsParams params = uiml_lbfgs_defaults();
	UimlLbfgsResult result;

	(void) state;
	params.tolerance = 1e-9;
	for (size_t n = 2; n <= 200; n += 66)
	{
		double x[200];

		for (size_t i = 0; i < n; i++)
			x[i] = i % 2 == 0 ? -1.2 : 1;
		assert_int_equal(uiml_lbfgs(&env, rosenbrock, &n, n, &params, x, &result), UIML_OK);
		assert_true(result.converged);
		assert_true(result.evaluations < 80);
		assert_true(result.value < 1e-12);
		for (size_t i = 0; i < n; i++)
			assert_true(fabs(x[i] - 1) < 1e-6);
	}
}

/* With the Hessian's diagonal as scale, a quadratic takes one step. */
static void
test_quadratic(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlLbfgsParams params = {.tolerance = 1e-8, .most = 1000};
	UimlLbfgsResult result;
	Quadratic q = {.n = 50};
	double scale[50];

	(void) state;
	for (size_t i = 0; i < q.n; i++)
		scale[i] = 1 / stiffness(i);
	for (int scaled = 0; scaled < 2; scaled++)
		for (q.offset = 0; q.offset <= 1e9; q.offset += 1e9)
		{
			double x[50] = {0};

			params.scale = scaled ? scale : NULL;
			assert_int_equal(uiml_lbfgs(&env, quadratic, &q, q.n, &params, x, &result), UIML_OK);
			assert_true(result.converged);
			assert_true(result.iterations <= (scaled ? 1 : 100));
			assert_true(result.norm <= 1e-8 * result.first);
			for (size_t i = 0; i < q.n; i++)
				assert_true(fabs(x[i] - (double) i) < 1e-3);
		}
}

static void
test_edge(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlLbfgsParams params = uiml_lbfgs_defaults();
	UimlLbfgsResult result;

	(void) state;
	for (double from = 1e-3; from < 1e4; from *= 10)
	{
		double x = from;

		assert_int_equal(uiml_lbfgs(&env, barrier, NULL, 1, &params, &x, &result), UIML_OK);
		assert_true(result.converged);
		assert_true(fabs(x - 1) < .01);
	}
}

static void
test_already_there(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlLbfgsParams params = uiml_lbfgs_defaults();
	UimlLbfgsResult result;
	double x = 1;

	(void) state;
	assert_int_equal(uiml_lbfgs(&env, barrier, NULL, 1, &params, &x, &result), UIML_OK);
	assert_true(result.converged && result.iterations == 0 && result.evaluations == 1 && x == 1);
}

static void
test_bounded(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlLbfgsParams params = {.tolerance = 0, .most = 5};
	UimlLbfgsResult result;
	size_t n = 2;
	double x[2] = {-1.2, 1};

	(void) state;
	assert_int_equal(uiml_lbfgs(&env, rosenbrock, &n, n, &params, x, &result), UIML_OK);
	assert_false(result.converged);
	assert_true(result.value < 24.2);
}

static void
test_errors(void **state)
{
	UimlEnv env = test_env_counting();
	UimlLbfgsParams params = uiml_lbfgs_defaults();
	UimlLbfgsResult result;
	double x = -1;
	long countdown;

	(void) state;
	assert_int_equal(uiml_lbfgs(&env, barrier, NULL, 1, &params, &x, &result), UIML_ENOTFINITE);
	assert_int_equal(uiml_lbfgs(&env, barrier, NULL, 0, &params, &x, &result), UIML_EINVALID);
	params.most = 0;
	assert_int_equal(uiml_lbfgs(&env, barrier, NULL, 1, &params, &x, &result), UIML_EINVALID);
	params = (UimlLbfgsParams){.tolerance = NAN, .most = 1};
	assert_int_equal(uiml_lbfgs(&env, barrier, NULL, 1, &params, &x, &result), UIML_EINVALID);

	params = uiml_lbfgs_defaults();
	for (long k = 1; k < 6; k++)
	{
		x = 3;
		countdown = k;
		assert_int_equal(uiml_lbfgs(&env, failing, &countdown, 1, &params, &x, &result), UIML_ESINGULAR);
	}
	assert_int_equal(test_env_live(), 0);
	countdown = 1;
	env = test_env_failing_alloc(&countdown);
	assert_int_equal(uiml_lbfgs(&env, barrier, NULL, 1, &params, &x, &result), UIML_ENOMEM);
	for (long k = 1; k < 6; k++)
	{
		size_t n = 2;
		double at[2] = {-1.2, 1};

		countdown = k;
		env = test_env_interrupting(&countdown);
		assert_int_equal(uiml_lbfgs(&env, rosenbrock, &n, n, &params, at, &result), UIML_EINTERRUPTED);
		assert_int_equal(test_env_live(), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rosenbrock), cmocka_unit_test(test_quadratic),
		cmocka_unit_test(test_edge),       cmocka_unit_test(test_already_there),
		cmocka_unit_test(test_bounded),    cmocka_unit_test(test_errors)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
