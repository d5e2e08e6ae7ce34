/*
 * test_entries.c
 *	  Sparse matrices from single entries: order, duplicates, zeros, limits.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/entries.h"
#include "core/rng.h"
#include "testenv.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void
test_known(void **state)
{
	UimlEnv env = test_env_counting();
	UimlEntry entries[] = {uiml_entry(2, 1, 4),  uiml_entry(0, 3, 1),    uiml_entry(2, 0, -2.5),
						   uiml_entry(0, 3, .5), uiml_entry(0, 1, 1),    uiml_entry(2, 2, 7),
						   uiml_entry(2, 2, -7), uiml_entry(0, 0, 1e-60)};
	const size_t row_start[] = {0, 2, 2, 4};
	const uint32_t col[] = {1, 3, 0, 1};
	const float value[] = {1, 1.5F, -2.5F, 4};
	UimlSparse x;

	(void) state;
	assert_int_equal(uiml_entries_build(&env, entries, LENGTH(entries), 3, 4, &x), UIML_OK);
	assert_int_equal(x.n_rows, 3);
	assert_int_equal(x.n_cols, 4);
	assert_memory_equal(x.row_start, row_start, sizeof(row_start));
	assert_memory_equal(x.col, col, sizeof(col));
	assert_memory_equal(x.value, value, sizeof(value));
	uiml_sparse_free(&env, &x);
	assert_null(x.value);
	assert_int_equal(test_env_live(), 0);
}

/* The same sums to the last bit, in whatever order entries arrive. */
static void
test_order(void **state)
{
	enum
	{
		N = 5000
	};
	UimlEnv env = test_env_counting();
	UimlEntry *forward = malloc(N * sizeof(UimlEntry));
	UimlEntry *backward = malloc(N * sizeof(UimlEntry));
	UimlSparse a, b;
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 1);
	for (size_t i = 0; i < N; i++)
	{
		forward[i] = uiml_entry((uint32_t) uiml_rng_below(&rng, 7), (uint32_t) uiml_rng_below(&rng, 11),
								uiml_rng_normal(&rng) * 1e3);
		backward[N - 1 - i] = forward[i];
	}
	assert_int_equal(uiml_entries_build(&env, forward, N, 7, 11, &a), UIML_OK);
	assert_int_equal(uiml_entries_build(&env, backward, N, 7, 11, &b), UIML_OK);
	assert_int_equal(a.row_start[7], 77);
	assert_memory_equal(a.row_start, b.row_start, 8 * sizeof(size_t));
	assert_memory_equal(a.col, b.col, 77 * sizeof(uint32_t));
	assert_memory_equal(a.value, b.value, 77 * sizeof(float));
	uiml_sparse_free(&env, &a);
	uiml_sparse_free(&env, &b);
	free(forward);
	free(backward);
}

static UimlStatus
build_one(uint32_t row, uint32_t column, double value)
{
	UimlEnv env = test_env_counting();
	UimlEntry entry[] = {uiml_entry(row, column, value), uiml_entry(0, 0, FLT_MAX)};
	UimlSparse x;
	UimlStatus status = uiml_entries_build(&env, entry, LENGTH(entry), 2, 3, &x);

	uiml_sparse_free(&env, &x);
	return status;
}

static void
test_limits(void **state)
{
	UimlEnv env = test_env_counting();
	UimlSparse x;

	(void) state;
	assert_int_equal(build_one(1, 2, -FLT_MAX), UIML_OK);
	assert_int_equal(build_one(2, 2, 1), UIML_EINVALID);
	assert_int_equal(build_one(1, 3, 1), UIML_EINVALID);
	assert_int_equal(build_one(1, 2, NAN), UIML_EINVALID);
	assert_int_equal(build_one(1, 2, INFINITY), UIML_EINVALID);
	assert_int_equal(build_one(1, 2, 1e39), UIML_ENOTFINITE);
	assert_int_equal(build_one(0, 0, FLT_MAX), UIML_ENOTFINITE);
	assert_int_equal(build_one(0, 0, -FLT_MAX), UIML_OK);

	assert_int_equal(uiml_entries_build(&env, NULL, 0, 2, 3, &x), UIML_OK);
	assert_int_equal(x.row_start[2], 0);
	uiml_sparse_free(&env, &x);
	assert_int_equal(uiml_entries_build(&env, NULL, 0, 0, 0, &x), UIML_OK);
	uiml_sparse_free(&env, &x);
	assert_int_equal(test_env_live(), 0);
}

static void
test_failures(void **state)
{
	(void) state;
	for (int what = 0; what < 2; what++)
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = what == 0 ? test_env_failing_alloc(&countdown) : test_env_interrupting(&countdown);
			UimlEntry entries[] = {uiml_entry(1, 1, 2), uiml_entry(0, 2, 1)};
			UimlSparse x;
			UimlStatus status = uiml_entries_build(&env, entries, LENGTH(entries), 2, 3, &x);

			uiml_sparse_free(&env, &x);
			assert_int_equal(test_env_live(), 0);
			if (status == UIML_OK)
			{
				assert_true(k > 4);
				break;
			}
			assert_int_equal(status, what == 0 ? UIML_ENOMEM : UIML_EINTERRUPTED);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("entries", tests, NULL, NULL);
}
