/*
 * test_topk.c
 *	  uiml_topk against a full sort by qsort.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/topk.h"

#define MAX_N 300

typedef struct Scored
{
	float score;
	uint32_t index;
} Scored;

static int
compare_scored(const void *a, const void *b)
{
	const Scored *x = a;
	const Scored *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Few distinct values, so ties abound; some -INFINITY, NaN, INFINITY, -0. */
static float
random_score(uint32_t *state)
{
	switch (next_random(state) % 16)
	{
		case 0:
			return -INFINITY;
		case 1:
			return NAN;
		case 2:
			return INFINITY;
		case 3:
			return -0.0f;
		default:
			return (float) (next_random(state) % 23) - 7;
	}
}

static void
equals_full_sort(void **state)
{
	uint32_t random = 1;

	(void) state;
	for (int round = 0; round < 3000; round++)
	{
		float score[MAX_N];
		Scored sorted[MAX_N];
		uint32_t index[MAX_N];
		size_t n = next_random(&random) % MAX_N;
		size_t k = next_random(&random) % (n + 5);
		size_t valid = 0;
		size_t found;

		for (size_t i = 0; i < n; i++)
		{
			score[i] = random_score(&random);
			if (score[i] > -INFINITY)
				sorted[valid++] = (Scored){score[i], (uint32_t) i};
		}
		qsort(sorted, valid, sizeof(Scored), compare_scored);
		found = uiml_topk(score, n, k, index);
		assert_int_equal(found, k < valid ? k : valid);
		for (size_t i = 0; i < found; i++)
			assert_int_equal(index[i], sorted[i].index);
	}
}

static void
edges(void **state)
{
	const float score[] = {-INFINITY, 2, 2, -INFINITY, 3, 2};
	const float none[] = {-INFINITY, NAN};
	uint32_t index[6];

	(void) state;
	assert_int_equal(uiml_topk(score, 0, 3, index), 0);
	assert_int_equal(uiml_topk(score, 6, 0, index), 0);
	assert_int_equal(uiml_topk(none, 2, 2, index), 0);
	assert_int_equal(uiml_topk(score, 6, 3, index), 3);
	assert_int_equal(index[0], 4);
	assert_int_equal(index[1], 1);
	assert_int_equal(index[2], 2);
	assert_int_equal(uiml_topk(score, 6, 100, index), 4);
	assert_int_equal(index[3], 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(equals_full_sort), cmocka_unit_test(edges)};

	return cmocka_run_group_tests_name("topk", tests, NULL, NULL);
}
