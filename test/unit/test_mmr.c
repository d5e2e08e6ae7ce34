/*
 * test_mmr.c
 *	  Maximal marginal relevance against a known answer and against its definition.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/mmr.h"
#include "core/rng.h"
#include "testenv.h"

#define N 40

typedef struct Matrix
{
	size_t n;
	const double *similarity;
} Matrix;

static void
matrix_column(void *ctx, size_t chosen, double *similarity)
{
	const Matrix *matrix = ctx;

	for (size_t i = 0; i < matrix->n; i++)
		similarity[i] = matrix->similarity[i * matrix->n + chosen];
}

static const double relevance[] = {1, .95, .6, .5};
static const double similarity[] = {1, .9, .1, .2, .9, 1, .15, .1, .1, .15, 1, .3, .2, .1, .3, 1};
static Matrix known = {4, similarity};

static void
known_answer(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t chosen[4];

	(void) state;
	assert_int_equal(uiml_mmr_select(&env, relevance, 4, .5, matrix_column, &known, 4, chosen), UIML_OK);
	assert_true(chosen[0] == 0 && chosen[1] == 2 && chosen[2] == 3 && chosen[3] == 1);
	assert_int_equal(uiml_mmr_select(&env, relevance, 4, 1, matrix_column, &known, 9, chosen), UIML_OK);
	assert_true(chosen[0] == 0 && chosen[1] == 1 && chosen[2] == 2 && chosen[3] == 3);
}

/* Each choice maximises the formula over what is left, and ties go to the lower index. */
static void
by_definition(void **state)
{
	UimlEnv env = uiml_env_malloc();
	double value[N];
	double matrix[N * N];
	Matrix random = {N, matrix};
	size_t chosen[N];
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 3);
	for (size_t i = 0; i < N; i++)
	{
		value[i] = (double) uiml_rng_below(&rng, 6) / 5;
		for (size_t j = 0; j <= i; j++)
			matrix[i * N + j] = matrix[j * N + i] = (double) uiml_rng_below(&rng, 5) / 2 - 1;
	}
	for (double lambda = 0; lambda <= 1; lambda += .25)
	{
		assert_int_equal(uiml_mmr_select(&env, value, N, lambda, matrix_column, &random, N, chosen), UIML_OK);
		for (size_t rank = 0; rank < N; rank++)
		{
			double at_choice = NAN;

			/* candidates from rank on are those that were left */
			for (size_t at = rank; at < N; at++)
			{
				double nearest = -INFINITY;
				double own;

				for (size_t before = 0; before < rank; before++)
					nearest = fmax(nearest, matrix[chosen[at] * N + chosen[before]]);
				own = lambda * value[chosen[at]] - (rank > 0 ? (1 - lambda) * nearest : 0);
				if (at == rank)
					at_choice = own;
				else
					assert_true(own < at_choice || (own == at_choice && chosen[rank] < chosen[at]));
			}
		}
	}
}

static void
edges(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t chosen[4] = {7};

	(void) state;
	assert_int_equal(uiml_mmr_select(&env, NULL, 0, .5, matrix_column, &known, 4, chosen), UIML_OK);
	assert_int_equal(uiml_mmr_select(&env, relevance, 4, .5, matrix_column, &known, 0, chosen), UIML_OK);
	assert_int_equal(chosen[0], 7);
	assert_int_equal(uiml_mmr_select(&env, relevance, 4, 1.5, matrix_column, &known, 4, chosen),
					 UIML_EINVALID);
	assert_int_equal(uiml_mmr_select(&env, relevance, 4, NAN, matrix_column, &known, 4, chosen),
					 UIML_EINVALID);
	assert_int_equal(uiml_mmr_select(&env, relevance, 4, 0, matrix_column, &known, 1, chosen), UIML_OK);
	assert_int_equal(chosen[0], 0);
}

static void
fails_cleanly(void **state)
{
	size_t chosen[4];
	UimlStatus status = UIML_ENOMEM;
	long failed = 0;

	(void) state;
	for (long k = 1; status == UIML_ENOMEM; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);

		status = uiml_mmr_select(&env, relevance, 4, .5, matrix_column, &known, 4, chosen);
		failed += status == UIML_ENOMEM;
		assert_int_equal(test_env_live(), 0);
	}
	assert_int_equal(status, UIML_OK);
	assert_int_equal(failed, 3);
	for (long k = 1; k <= 4; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);

		assert_int_equal(uiml_mmr_select(&env, relevance, 4, .5, matrix_column, &known, 4, chosen),
						 UIML_EINTERRUPTED);
		assert_int_equal(test_env_live(), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answer),
		cmocka_unit_test(by_definition),
		cmocka_unit_test(edges),
		cmocka_unit_test(fails_cleanly),
	};

	return cmocka_run_group_tests_name("mmr", tests, NULL, NULL);
}
