/*
 * test_interactions.c
 *	  Sorting events and summing them into interactions.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/interactions.h"
#include "core/rng.h"

/* The n-th call of an allocator or question fails; counts down in ctx. */
static void *
failing_alloc(void *ctx, size_t size)
{
	long *left = ctx;

	return (*left)-- == 0 ? NULL : malloc(size);
}

static void
plain_free(void *ctx, void *pointer)
{
	(void) ctx;
	free(pointer);
}

static bool
stop_at(void *ctx)
{
	long *left = ctx;

	return (*left)-- == 0;
}

static void *
plain_alloc(void *ctx, size_t size)
{
	(void) ctx;
	return malloc(size);
}

static void
random_events(UimlEvent *e, size_t n, size_t n_users, size_t n_items, uint64_t seed)
{
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < n; i++)
	{
		e[i].user = (uint32_t) uiml_rng_below(&rng, n_users);
		e[i].item = (uint32_t) uiml_rng_below(&rng, n_items);
		e[i].at = (double) uiml_rng_below(&rng, 1000000);
		e[i].weight = 1 + (float) uiml_rng_below(&rng, 7) / 3;
	}
}

static void
shuffle(UimlEvent *e, size_t n, uint64_t seed)
{
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = n; i > 1; i--)
	{
		size_t j = (size_t) uiml_rng_below(&rng, i);
		UimlEvent t = e[i - 1];

		e[i - 1] = e[j];
		e[j] = t;
	}
}

static bool
sorted(const UimlEvent *a, size_t n)
{
	for (size_t i = 1; i < n; i++)
	{
		const UimlEvent *x = &a[i - 1];
		const UimlEvent *y = &a[i];

		if (x->user != y->user   ? x->user > y->user
			: x->item != y->item ? x->item > y->item
			: x->at != y->at     ? x->at > y->at
								 : x->weight > y->weight)
			return false;
	}
	return true;
}

/* By field: the padding of an event may hold anything. */
static bool
same_events(const UimlEvent *a, const UimlEvent *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].user != b[i].user || a[i].item != b[i].item || a[i].at != b[i].at ||
			a[i].weight != b[i].weight)
			return false;
	return true;
}

static void
test_any_arrival_order(void **state)
{
	enum
	{
		N = 20000
	};
	UimlEnv env = uiml_env_malloc();
	UimlEvent *a = malloc(N * sizeof(*a));
	UimlEvent *b = malloc(N * sizeof(*b));

	(void) state;
	random_events(a, N, 37, 50, 1);
	memcpy(b, a, N * sizeof(*a));
	assert_int_equal(uiml_events_sort(&env, a, N, 37), UIML_OK);
	assert_true(sorted(a, N));
	for (uint64_t seed = 0; seed < 5; seed++)
	{
		UimlInteractions x, y;

		shuffle(b, N, seed);
		assert_int_equal(uiml_events_sort(&env, b, N, 37), UIML_OK);
		assert_true(same_events(a, b, N));
		assert_int_equal(uiml_interactions_build(&env, a, N, 37, 50, 0, -INFINITY, INFINITY, 1e6, 1e5, &x),
						 UIML_OK);
		assert_int_equal(uiml_interactions_build(&env, b, N, 37, 50, 0, -INFINITY, INFINITY, 1e6, 1e5, &y),
						 UIML_OK);
		assert_int_equal(x.n_entries, y.n_entries);
		assert_memory_equal(x.mass, y.mass, x.n_entries * sizeof(float));
		uiml_interactions_free(&env, &x);
		uiml_interactions_free(&env, &y);
	}
	free(a);
	free(b);
}

/* Patterns that defeat a plain quicksort. */
static void
test_hard_orders(void **state)
{
	enum
	{
		N = 200000
	};
	UimlEnv env = uiml_env_malloc();
	UimlEvent *e = malloc(N * sizeof(*e));

	(void) state;
	for (int pattern = 0; pattern < 5; pattern++)
	{
		for (size_t i = 0; i < N; i++)
		{
			size_t v[] = {i, N - i, 7, i < N / 2 ? i : N - i, i % 3};

			e[i] = (UimlEvent){.user = 1, .item = (uint32_t) v[pattern], .at = 0, .weight = 1};
		}
		assert_int_equal(uiml_events_sort(&env, e, N, 3), UIML_OK);
		assert_true(sorted(e, N));
	}
	free(e);
}

static void
test_decay(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEvent e[] = {{0, 2, 90, 1}, {0, 2, 100, 4}, {0, 1, 80, 2}, {2, 0, 100, 3}, {2, 0, -1e9, 1}};
	UimlInteractions x;

	(void) state;
	assert_int_equal(uiml_events_sort(&env, e, 5, 3), UIML_OK);
	assert_int_equal(uiml_interactions_build(&env, e, 5, 3, 4, 0, -INFINITY, INFINITY, 100, 10, &x), UIML_OK);
	assert_int_equal(x.n_entries, 3);
	assert_int_equal(x.row_start[1], 2);
	assert_int_equal(x.row_start[2], 2);
	assert_int_equal(x.row_start[3], 3);
	assert_int_equal(x.item[0], 1);
	assert_int_equal(x.item[1], 2);
	assert_int_equal(x.item[2], 0);
	assert_true(x.strength[0] == 2 && x.strength[1] == 5 && x.strength[2] == 4);
	assert_true(x.mass[0] == 0.5f && x.mass[1] == 4.5f && x.mass[2] == 3);
	assert_true(x.fade[0] == 1 && x.fade[1] == 0 && x.fade[2] == 1);
	uiml_interactions_free(&env, &x);

	/* Later, masses are the same and fades are not; fading applies them once. */
	assert_int_equal(uiml_interactions_build(&env, e, 5, 3, 4, 0, -INFINITY, INFINITY, 120, 10, &x), UIML_OK);
	assert_true(x.mass[0] == 0.5f && x.mass[1] == 4.5f && x.mass[2] == 3);
	assert_true(x.fade[0] == 0.25 && x.fade[2] == 0.25);
	assert_int_equal(uiml_interactions_decay(&env, e, 5, -INFINITY, INFINITY, 120, 20, &x), UIML_OK);
	assert_true(x.mass[0] == 1 && x.fade[0] == 0.5);
	uiml_interactions_fade(&env, &x);
	assert_true(x.mass[0] == 0.5f && x.mass[2] == 1.5f && x.fade == NULL);
	uiml_interactions_free(&env, &x);

	/* No decay, and masses too small for a float. */
	assert_int_equal(uiml_interactions_build(&env, e, 5, 3, 4, 0, -INFINITY, INFINITY, 100, INFINITY, &x),
					 UIML_OK);
	assert_memory_equal(x.mass, x.strength, 3 * sizeof(float));
	uiml_interactions_free(&env, &x);
	assert_int_equal(uiml_interactions_build(&env, e, 5, 3, 4, 0, -INFINITY, INFINITY, 100, 1e-3, &x),
					 UIML_OK);
	assert_true(x.mass[0] == FLT_MIN && x.mass[1] == 4);
	uiml_interactions_free(&env, &x);
	/* Long ago: next to nothing, and still in proportion. */
	assert_int_equal(uiml_interactions_build(&env, e, 5, 3, 4, 0, -INFINITY, INFINITY, 1e6, 10, &x), UIML_OK);
	uiml_interactions_fade(&env, &x);
	assert_true(x.mass[1] > 0 && x.mass[1] < 1e-14 && x.mass[0] / x.mass[1] == .5f / 4.5f);
	uiml_interactions_free(&env, &x);

	/* Fades to an instant before the events are above one, and masses never overflow. */
	assert_int_equal(uiml_interactions_build(&env, e, 5, 3, 4, 0, -INFINITY, INFINITY, 0, 1, &x), UIML_OK);
	assert_true(x.fade[0] > 1e30);
	uiml_interactions_fade(&env, &x);
	assert_true(isfinite(x.mass[1]));
	uiml_interactions_free(&env, &x);
}

static void
test_window(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEvent e[] = {{0, 0, 1, 1}, {0, 0, 2, 1}, {0, 1, 3, 1}, {1, 0, 2, 1}, {1, 1, 2.5, 1}};
	UimlInteractions x;

	(void) state;
	assert_int_equal(uiml_events_sort(&env, e, 5, 2), UIML_OK);

	/* from is included, before is not. */
	assert_int_equal(uiml_interactions_build(&env, e, 5, 2, 2, 0, 2, 3, 3, INFINITY, &x), UIML_OK);
	assert_int_equal(x.n_entries, 3);
	assert_int_equal(x.row_start[1], 1);
	assert_true(x.strength[0] == 1);
	uiml_interactions_free(&env, &x);
	assert_int_equal(uiml_interactions_build(&env, e, 5, 2, 2, 0, 5, 9, 3, INFINITY, &x), UIML_OK);
	assert_int_equal(x.n_entries, 0);
	uiml_interactions_free(&env, &x);
	assert_int_equal(uiml_interactions_build(&env, NULL, 0, 0, 0, 0, -INFINITY, INFINITY, 0, 1, &x), UIML_OK);
	assert_int_equal(x.n_entries, 0);
	uiml_interactions_free(&env, &x);
}

static void
test_invalid(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEvent bad[] = {{3, 0, 0, 1}, {0, 0, NAN, 1}, {0, 0, INFINITY, 1}, {0, 0, 0, 0}, {0, 0, 0, NAN}};
	UimlEvent unsorted[] = {{1, 0, 0, 1}, {0, 0, 0, 1}};
	UimlEvent item = {0, 9, 0, 1};
	UimlInteractions x;

	(void) state;
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(uiml_events_sort(&env, &bad[i], 1, 3), UIML_EINVALID);
	assert_int_equal(uiml_interactions_build(&env, unsorted, 2, 2, 1, 0, -1, 1, 0, 1, &x), UIML_EINVALID);
	assert_int_equal(uiml_interactions_build(&env, &item, 1, 1, 9, 0, -1, 1, 0, 1, &x), UIML_EINVALID);
	assert_int_equal(uiml_interactions_build(&env, &item, 1, 1, 10, 0, -1, 1, NAN, 1, &x), UIML_EINVALID);
	assert_int_equal(uiml_interactions_build(&env, &item, 1, 1, 10, 0, -1, 1, 0, 0, &x), UIML_EINVALID);
}

static UimlStatus
sort_and_build(const UimlEnv *env)
{
	UimlEvent e[500];
	UimlInteractions x;
	UimlStatus status;

	random_events(e, 500, 20, 20, 3);
	status = uiml_events_sort(env, e, 500, 20);
	if (status == UIML_OK)
		status = uiml_interactions_build(env, e, 500, 20, 20, 0, -INFINITY, INFINITY, 1e6, 1e5, &x);
	if (status == UIML_OK)
		uiml_interactions_free(env, &x);
	return status;
}

/* Run under valgrind or ASan these also show that nothing leaks. */
static void
test_failures(void **state)
{
	long left;
	long k = 0;
	UimlEnv memory = {.alloc = failing_alloc, .free = plain_free, .ctx = &left};
	UimlEnv stop = {.alloc = plain_alloc, .free = plain_free, .interrupted = stop_at, .ctx = &left};

	(void) state;
	for (left = k; sort_and_build(&memory) != UIML_OK; left = ++k)
		assert_true(k < 100);
	assert_true(k >= 6);
	k = 0;
	for (left = k; sort_and_build(&stop) == UIML_EINTERRUPTED; left = ++k)
		assert_true(k < 1000);
	assert_true(k > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_arrival_order),
		cmocka_unit_test(test_hard_orders),
		cmocka_unit_test(test_decay),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("interactions", tests, NULL, NULL);
}
