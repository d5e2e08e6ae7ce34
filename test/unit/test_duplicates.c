/*
 * test_duplicates.c
 *	  Pairs of items with the same users, against comparing all pairs, and overlaps without them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/duplicates.h"
#include "core/rng.h"
#include "testenv.h"

#define MOST_ITEMS 60
#define MOST_USERS 80

/* Who did what, as a table. */
typedef struct Table
{
	size_t n_users;
	size_t n_items;
	uint8_t did[MOST_USERS][MOST_ITEMS];
	uint64_t start[MOST_USERS + 1];
	uint32_t item[MOST_USERS * MOST_ITEMS];
} Table;

static UimlItemLists
lists_of(Table *t)
{
	size_t n = 0;

	for (size_t u = 0; u < t->n_users; u++)
	{
		t->start[u] = n;
		for (size_t i = 0; i < t->n_items; i++)
			if (t->did[u][i])
				t->item[n++] = (uint32_t) i;
	}
	t->start[t->n_users] = n;
	return (UimlItemLists){.n_items = t->n_items, .start = t->start, .item = t->item};
}

/* Random users; a part of the target's items are copies of source items, a few users off. */
static void
fill(UimlRng *rng, Table *source, Table *target)
{
	size_t n = 10 + (size_t) uiml_rng_below(rng, MOST_USERS - 10);

	*source = (Table){.n_users = n, .n_items = 5 + (size_t) uiml_rng_below(rng, MOST_ITEMS - 5)};
	*target = (Table){.n_users = n, .n_items = 5 + (size_t) uiml_rng_below(rng, MOST_ITEMS - 5)};
	for (size_t i = 0; i < source->n_items; i++)
	{
		size_t one_in = 2 + (size_t) uiml_rng_below(rng, 12);

		for (size_t u = 0; u < n; u++)
			source->did[u][i] = uiml_rng_below(rng, one_in) == 0;
	}
	for (size_t i = 0; i < target->n_items; i++)
	{
		size_t one_in = 2 + (size_t) uiml_rng_below(rng, 12);
		size_t noise = 3 + (size_t) uiml_rng_below(rng, 40);
		size_t like = (size_t) uiml_rng_below(rng, 2 * source->n_items);

		for (size_t u = 0; u < n; u++)
			if (like < source->n_items)
				target->did[u][i] = source->did[u][like] ^ (uiml_rng_below(rng, noise) == 0);
			else
				target->did[u][i] = uiml_rng_below(rng, one_in) == 0;
	}
}

/* Compares all pairs; checks that exactly those that qualify are listed. */
static void
check_pairs(const Table *source, const Table *target, double jaccard, size_t users, const UimlDuplicates *d)
{
	size_t pairs = 0;
	size_t touched = 0;

	for (size_t t = 0; t < target->n_items; t++)
	{
		bool in_pair = false;
		size_t n = 0;

		for (size_t s = 0; s < source->n_items; s++)
		{
			size_t both = 0;
			size_t either = 0;
			size_t listed = 0;

			for (size_t u = 0; u < source->n_users; u++)
			{
				both += source->did[u][s] && target->did[u][t];
				either += source->did[u][s] || target->did[u][t];
			}
			for (size_t i = 0; i < d->n; i++)
				if (d->pair[i].source == s && d->pair[i].target == t)
				{
					assert_int_equal(d->pair[i].users, both);
					assert_true(fabs(d->pair[i].jaccard - (double) both / (double) either) < 1e-12);
					listed++;
				}
			assert_int_equal(listed, both >= users && (double) both + 1e-9 >= jaccard * (double) either);
			pairs += listed;
			in_pair |= listed > 0;
		}
		for (size_t u = 0; u < target->n_users; u++)
			n += target->did[u][t];
		touched += in_pair ? n : 0;
		assert_int_equal(d->target[t], in_pair);
	}
	assert_int_equal(d->n, pairs);
	assert_int_equal(d->touched, touched);
}

static void
test_all_pairs(void **state)
{
	static const double level[] = {.05, .5, .6, .8, .9, 1};
	UimlRng rng;
	UimlEnv env = test_env_counting();
	size_t found = 0;

	(void) state;
	uiml_rng_init(&rng, 3);
	for (int round = 0; round < 60; round++)
		for (size_t users = 1; users <= 5; users += 2)
		{
			static Table source, target;
			UimlItemLists s, t;
			UimlDuplicates d;
			double jaccard = level[round % 6];

			fill(&rng, &source, &target);
			s = lists_of(&source);
			t = lists_of(&target);
			assert_int_equal(uiml_duplicates_find(&env, &s, &t, source.n_users, jaccard, users, &d), UIML_OK);
			check_pairs(&source, &target, jaccard, users, &d);
			for (size_t i = 0; i + 1 < d.n; i++)
				assert_true(d.pair[i].users >= d.pair[i + 1].users);
			found += d.n;
			assert_int_equal(d.entries, t.start[source.n_users]);
			uiml_duplicates_free(&env, &d);
		}
	assert_true(found > 1000);
	assert_int_equal(test_env_live(), 0);
}

/* Nobody, users without items, and arguments out of range. */
static void
test_edges(void **state)
{
	uint64_t start[4] = {0};
	uint32_t item[1] = {0};
	UimlItemLists lists = {.n_items = 3, .start = start, .item = item};
	UimlEnv env = test_env_counting();
	UimlDuplicates d;

	(void) state;
	for (size_t n = 0; n < 4; n += 3)
	{
		assert_int_equal(uiml_duplicates_find(&env, &lists, &lists, n, .8, 4, &d), UIML_OK);
		assert_int_equal(d.n, 0);
		assert_true(uiml_duplicates_share(&d) == 0);
		uiml_duplicates_free(&env, &d);
	}
	assert_int_equal(uiml_duplicates_find(&env, &lists, &lists, 3, 0, 4, &d), UIML_EINVALID);
	assert_int_equal(uiml_duplicates_find(&env, &lists, &lists, 3, 1.1, 4, &d), UIML_EINVALID);
	assert_int_equal(uiml_duplicates_find(&env, &lists, &lists, 3, NAN, 4, &d), UIML_EINVALID);
	assert_int_equal(uiml_duplicates_find(&env, &lists, &lists, 3, .8, 0, &d), UIML_EINVALID);
	assert_int_equal(test_env_live(), 0);
}

/*
 * Three users and the source items 0 .. 2, of which 1 is dropped: user 0 had it beside 0, user 1 had nothing
 * else, user 2 never had it.
 */
static float x[] = {.6f, .8f, 0, 1, .8f, .6f};
static float y[] = {1, -1, 1};
static uint64_t source_start[] = {0, 2, 3, 4};
static uint32_t source_item[] = {0, 1, 1, 2};
static uint64_t target_start[] = {0, 1, 2, 4};
static uint32_t target_item[] = {1, 0, 0, 1};
static uint8_t fold[] = {3, 4, 5};
static const float in[] = {2, 0, 0, 2, 8, 6};
static const float popularity[] = {.5f, .3f, .2f};
static const UimlOverlap three = {.n = 3,
								  .p = 2,
								  .q = 1,
								  .x = x,
								  .y = y,
								  .source = {3, source_start, source_item},
								  .target = {2, target_start, target_item},
								  .fold = fold,
								  .source_popularity = popularity};

static void
test_without(void **state)
{
	static const uint8_t flag[] = {0, 1, 0};
	UimlEnv env = test_env_counting();
	UimlOverlap out;

	(void) state;
	assert_int_equal(uiml_overlap_without(&env, &three, flag, in, &out), UIML_OK);
	assert_int_equal(out.n, 2);
	assert_memory_equal(out.x, ((float[]){1, 0, .8f, .6f}), 4 * sizeof(float));
	assert_memory_equal(out.y, ((float[]){1, 1}), 2 * sizeof(float));
	assert_memory_equal(out.source.start, ((uint64_t[]){0, 1, 2}), 3 * sizeof(uint64_t));
	assert_memory_equal(out.source.item, ((uint32_t[]){0, 2}), 2 * sizeof(uint32_t));
	assert_memory_equal(out.target.start, ((uint64_t[]){0, 1, 3}), 3 * sizeof(uint64_t));
	assert_memory_equal(out.target.item, ((uint32_t[]){1, 0, 1}), 3 * sizeof(uint32_t));
	assert_memory_equal(out.fold, ((uint8_t[]){3, 5}), 2);
	assert_int_equal(out.source.n_items, 3);
	assert_ptr_equal(out.source_popularity, popularity);
	uiml_overlap_free(&env, &out);
	assert_int_equal(test_env_live(), 0);
}

static UimlStatus
find_and_drop(const UimlEnv *env, const Table *source, const UimlItemLists *s, const UimlItemLists *t)
{
	UimlDuplicates d;
	UimlOverlap out;
	static const uint8_t flag[] = {0, 1, 0};
	UimlStatus status = uiml_duplicates_find(env, s, t, source->n_users, .3, 1, &d);

	if (status == UIML_OK)
		uiml_duplicates_free(env, &d);
	if (status == UIML_OK)
		status = uiml_overlap_without(env, &three, flag, in, &out);
	if (status == UIML_OK)
		uiml_overlap_free(env, &out);
	return status;
}

static void
test_failures(void **state)
{
	static Table source, target;
	UimlRng rng;
	UimlItemLists s, t;

	(void) state;
	uiml_rng_init(&rng, 5);
	fill(&rng, &source, &target);
	s = lists_of(&source);
	t = lists_of(&target);
	for (int interrupt = 0; interrupt < 2; interrupt++)
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = interrupt ? test_env_interrupting(&countdown) : test_env_failing_alloc(&countdown);
			UimlStatus status = find_and_drop(&env, &source, &s, &t);

			assert_int_equal(test_env_live(), 0);
			if (status == UIML_OK)
			{
				assert_true(k > 5);
				break;
			}
			assert_int_equal(status, interrupt ? UIML_EINTERRUPTED : UIML_ENOMEM);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_pairs),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("duplicates", tests, NULL, NULL);
}
