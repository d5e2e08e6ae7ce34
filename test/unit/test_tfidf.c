/*
 * test_tfidf.c
 *	  TF-IDF weights of a small matrix worked out by hand, and at the edges.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/tfidf.h"
#include "testenv.h"

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-6;
}

static void
test_factors(void **state)
{
	(void) state;
	assert_true(near(uiml_tf(1), 1) && near(uiml_tf(.25), .25) && near(uiml_tf(0), 0));
	assert_true(near(uiml_tf(10), 3.302585093));
	assert_true(near(uiml_idf(9, 9), 1));
	assert_true(near(uiml_idf(9, 0), 1 + log(10)));
}

/* Texts "a a b", "b", "" over the terms a, b, c. */
static void
test_known(void **state)
{
	UimlEnv env = test_env_counting();
	size_t row_start[] = {0, 2, 3, 3};
	uint32_t col[] = {0, 1, 1};
	float value[] = {2, 1, 5};
	UimlSparse x = {.n_rows = 3, .n_cols = 3, .row_start = row_start, .col = col, .value = value};
	double a = (1 + log(2)) * (1 + log(4.0 / 2));
	double b = 1 + log(4.0 / 3);
	double idf[3];

	(void) state;
	assert_int_equal(uiml_tfidf(&env, &x, idf), UIML_OK);
	assert_true(near(idf[0], 1 + log(2)) && near(idf[1], b) && near(idf[2], 1 + log(4)));
	assert_true(near(value[0], a / hypot(a, b)) && near(value[1], b / hypot(a, b)));
	assert_true(near(value[2], 1));
}

static void
test_edges(void **state)
{
	UimlEnv env = test_env_counting();
	size_t row_start[] = {0, 2};
	uint32_t col[] = {0, 1};
	float value[] = {0, 0};
	float negative[] = {1, -1};
	float huge[] = {3e38F, 1e-38F};
	UimlSparse x = {.n_rows = 1, .n_cols = 2, .row_start = row_start, .col = col, .value = value};
	double idf[2];
	long countdown = 1;

	(void) state;
	assert_int_equal(uiml_tfidf(&env, &x, idf), UIML_OK);
	assert_true(value[0] == 0 && value[1] == 0);
	x.value = huge;
	assert_int_equal(uiml_tfidf(&env, &x, idf), UIML_OK);
	assert_true(near(huge[0], 1) && huge[1] >= 0);
	x.value = negative;
	assert_int_equal(uiml_tfidf(&env, &x, idf), UIML_EINVALID);
	for (long k = 1; k <= 2; k++)
	{
		countdown = k;
		env = test_env_interrupting(&countdown);
		x.value = value;
		assert_int_equal(uiml_tfidf(&env, &x, idf), UIML_EINTERRUPTED);
	}
}

/* Classes {3 a, 1 b} and {2 b, 4 c}: 5 terms a class. */
static size_t class_row_start[] = {0, 2, 4};
static uint32_t class_col[] = {0, 1, 1, 2};
static float class_value[] = {3, 1, 2, 4};
static const UimlSparse classes = {
	.n_rows = 2, .n_cols = 3, .row_start = class_row_start, .col = class_col, .value = class_value};

static void
test_classes_known(void **state)
{
	const double expected[] = {.7356219398, .2452073133, .3269430843, .5406201441};
	UimlEnv env = test_env_counting();
	double weight[4];

	(void) state;
	assert_int_equal(uiml_class_tfidf(&env, &classes, weight), UIML_OK);
	for (int i = 0; i < 4; i++)
		assert_true(fabs(weight[i] - expected[i]) < 1e-10);
	assert_int_equal(test_env_live(), 0);
}

/* A class without terms counts in the mean; zeros weigh nothing. */
static void
test_classes_edges(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t row_start[] = {0, 1, 2};
	uint32_t col[] = {0, 1};
	float value[] = {0, 2};
	UimlSparse x = {.n_rows = 2, .n_cols = 2, .row_start = row_start, .col = col, .value = value};
	UimlSparse none = {.row_start = row_start};
	double weight[2];

	(void) state;
	assert_int_equal(uiml_class_tfidf(&env, &x, weight), UIML_OK);
	assert_true(weight[0] == 0 && fabs(weight[1] - log(1.5)) < 1e-15);
	assert_int_equal(uiml_class_tfidf(&env, &none, weight), UIML_OK);
	value[1] = -1;
	assert_int_equal(uiml_class_tfidf(&env, &x, weight), UIML_EINVALID);
	value[1] = INFINITY;
	assert_int_equal(uiml_class_tfidf(&env, &x, weight), UIML_EINVALID);
}

static void
test_classes_fail_cleanly(void **state)
{
	double weight[4];

	(void) state;
	for (long k = 1; k <= 2; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);

		assert_int_equal(uiml_class_tfidf(&env, &classes, weight), UIML_ENOMEM);
		assert_int_equal(test_env_live(), 0);
		countdown = k;
		env = test_env_interrupting(&countdown);
		assert_int_equal(uiml_class_tfidf(&env, &classes, weight), UIML_EINTERRUPTED);
		assert_int_equal(test_env_live(), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_factors),       cmocka_unit_test(test_known),
		cmocka_unit_test(test_edges),         cmocka_unit_test(test_classes_known),
		cmocka_unit_test(test_classes_edges), cmocka_unit_test(test_classes_fail_cleanly),
	};

	return cmocka_run_group_tests_name("tfidf", tests, NULL, NULL);
}
