/*
 * test_minimise.c
 *	  Minima inside, at the ends and beside a second valley; NaN and interrupts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "core/minimise.h"
#include "testenv.h"

static double
parabola(void *ctx, double x)
{
	return (x - *(double *) ctx) * (x - *(double *) ctx);
}

/* Valleys at -2 and 2, the second a little deeper. */
static double
two_valleys(void *ctx, double x)
{
	(void) ctx;
	return (x * x - 4) * (x * x - 4) - .1 * x;
}

static double
not_a_number(void *ctx, double x)
{
	(void) ctx;
	(void) x;
	return NAN;
}

static void
test_minima(void **state)
{
	UimlEnv env = uiml_env_malloc();
	double at[] = {0, .123456, -3, 3, 100};
	double found[] = {0, .123456, -3, 3, 3};
	double x, y;

	(void) state;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
	{
		assert_int_equal(uiml_minimise(&env, parabola, &at[i], -3, 3, 10, 1e-6, &x, &y), UIML_OK);
		assert_true(fabs(x - found[i]) < 1e-5);
		assert_true(y == parabola(&at[i], x));
	}
	assert_int_equal(uiml_minimise(&env, two_valleys, NULL, -5, 5, 20, 1e-6, &x, &y), UIML_OK);
	assert_true(fabs(x - 2) < .01);
}

static void
test_stops(void **state)
{
	UimlEnv env = uiml_env_malloc();
	double at = 1, x, y;

	(void) state;
	assert_int_equal(uiml_minimise(&env, not_a_number, NULL, 0, 1, 4, 1e-3, &x, &y), UIML_OK);
	assert_true(isnan(y));
	for (long k = 0; k < 12; k++)
	{
		long countdown = k;

		env = test_env_interrupting(&countdown);
		assert_int_equal(uiml_minimise(&env, parabola, &at, -3, 3, 8, 1e-6, &x, &y), UIML_EINTERRUPTED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_minima), cmocka_unit_test(test_stops)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
