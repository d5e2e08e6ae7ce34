/*
 * test_student.c
 *	  Student's t against tables, closed forms and itself.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/student.h"

static void
assert_near(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance * fabs(b)))
		fail_msg("%.17g is not %.17g within %g", a, b, tolerance);
}

/* mpmath, 40 digits */
static void
test_table(void **state)
{
	static const struct
	{
		double p, df, t;
	} table[] = {{.975, 10, 2.228138851986275},     {.95, 30, 1.697260886593958},
				 {.9, 2.5, 1.730250928807177},      {.995, .5, 4113.964588804181},
				 {.95, 1999, 1.645616248187263},    {.95, 2001, 1.645615485592028},
				 {.975, 1e6, 1.959966356814107},    {.999999, 3, 103.2994677804193},
				 {.975, 1.6363, 5.362564045160553}, {.9999, 1e5, 3.719154382641344}};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_near(uiml_student_quantile(table[i].p, table[i].df), table[i].t, 1e-10);
	assert_near(uiml_student_quantile(.975, INFINITY), 1.959963984540054, 1e-14);
	assert_near(uiml_student_tail(2, 5), .05096973941492914, 1e-13);
}

/* One degree of freedom is Cauchy's distribution; two have a closed form as well. */
static void
test_closed_forms(void **state)
{
	(void) state;
	for (double p = .01; p < 1; p += .03)
	{
		double middle = (2 * p - 1) * sqrt(2 / (4 * p * (1 - p)));

		assert_near(uiml_student_quantile(p, 1), tan(acos(-1) * (p - .5)), 1e-11);
		assert_near(uiml_student_quantile(p, 2), middle, 1e-11);
		assert_near(uiml_student_tail(middle, 2), 1 - p, 1e-12);
	}
}

static void
test_inverse(void **state)
{
	static const double df[] = {.1, .7, 1, 3, 12.5, 80, 700, 1999.5, 2000.5, 1e5, 1e12, INFINITY};

	(void) state;
	for (size_t i = 0; i < sizeof(df) / sizeof(df[0]); i++)
	{
		assert_true(uiml_student_quantile(.5, df[i]) == 0);
		for (double tail = .49; tail > 1e-12; tail /= 3)
		{
			double t = -uiml_student_quantile(tail, df[i]);

			if (df[i] < 2000 || isinf(df[i]))
				assert_near(uiml_student_tail(t, df[i]), tail, 1e-9);
			if (tail > 1e-3)
				assert_near(uiml_student_quantile(1 - tail, df[i]), t, 1e-10);
		}
	}
	/* where one method follows the other */
	assert_near(uiml_student_quantile(.9999, 2000), uiml_student_quantile(.9999, 2000.000001), 1e-10);
}

static void
test_arguments(void **state)
{
	(void) state;
	assert_true(isnan(uiml_student_quantile(0, 3)) && isnan(uiml_student_quantile(1, 3)));
	assert_true(isnan(uiml_student_quantile(.5, 0)) && isnan(uiml_student_quantile(NAN, 3)));
	assert_true(isnan(uiml_student_quantile(.7, NAN)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_closed_forms),
									   cmocka_unit_test(test_inverse), cmocka_unit_test(test_arguments)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
