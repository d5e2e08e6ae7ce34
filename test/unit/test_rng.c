/*
 * test_rng.c
 *	  The generator against its published first outputs, and the variates against their moments.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/rng.h"

/* First outputs of the authors' xoshiro256starstar.c from the state {1, 2, 3, 4}. */
static void
test_known_answers(void **state)
{
	static const uint64_t expected[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240),
										UINT64_C(1216172134540287360)};
	UimlRng rng = {{1, 2, 3, 4}};

	(void) state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_true(uiml_rng_next(&rng) == expected[i]);
}

/* The authors' splitmix64.c from seed 0. */
static void
test_seeding(void **state)
{
	UimlRng rng, again;

	(void) state;
	uiml_rng_init(&rng, 0);
	assert_true(rng.s[0] == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(rng.s[1] == UINT64_C(0x6e789e6aa1b965f4));
	assert_true(rng.s[2] == UINT64_C(0x06c45d188009454f));
	assert_true(rng.s[3] == UINT64_C(0xf88bb8a8724c81ec));
	again = rng;
	assert_true(uiml_rng_next(&rng) == uiml_rng_next(&again));
	uiml_rng_init(&again, 1);
	assert_true(uiml_rng_next(&rng) != uiml_rng_next(&again));
}

static void
test_uniform(void **state)
{
	UimlRng rng;
	double sum = 0, sum2 = 0;
	int n = 200000;

	(void) state;
	uiml_rng_init(&rng, 7);
	for (int i = 0; i < n; i++)
	{
		double u = uiml_rng_uniform(&rng);

		assert_true(u >= 0 && u < 1);
		sum += u;
		sum2 += u * u;
	}
	assert_true(fabs(sum / n - .5) < .003);
	assert_true(fabs(sum2 / n - 1. / 3) < .003);
}

static void
test_below(void **state)
{
	UimlRng rng;
	int count[6] = {0};
	int n = 120000;
	uint64_t large = UINT64_C(3) << 62; /* a quarter of all products must be rejected */
	int low = 0;

	(void) state;
	uiml_rng_init(&rng, 8);
	assert_true(uiml_rng_below(&rng, 0) == 0);
	assert_true(uiml_rng_below(&rng, 1) == 0);
	for (int i = 0; i < n; i++)
		count[uiml_rng_below(&rng, 6)]++;
	for (int i = 0; i < 6; i++)
		assert_true(abs(count[i] - n / 6) < 600);
	for (int i = 0; i < n; i++)
	{
		uint64_t x = uiml_rng_below(&rng, large);

		assert_true(x < large);
		low += x < large / 3;
	}
	assert_true(abs(low - n / 3) < 800);
}

static void
test_normal(void **state)
{
	UimlRng rng;
	double sum = 0, sum2 = 0, sum4 = 0;
	int n = 200000;

	(void) state;
	uiml_rng_init(&rng, 9);
	for (int i = 0; i < n; i++)
	{
		double x = uiml_rng_normal(&rng);

		assert_true(isfinite(x));
		sum += x;
		sum2 += x * x;
		sum4 += x * x * x * x;
	}
	assert_true(fabs(sum / n) < .01);
	assert_true(fabs(sum2 / n - 1) < .015);
	assert_true(fabs(sum4 / n - 3) < .12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers), cmocka_unit_test(test_seeding), cmocka_unit_test(test_uniform),
		cmocka_unit_test(test_below),         cmocka_unit_test(test_normal),
	};

	return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
