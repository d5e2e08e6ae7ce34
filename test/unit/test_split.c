/*
 * test_split.c
 *	  Who is held out and what is hidden.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/split.h"
#include "testenv.h"

/* Hides items in falling order of their number. */
static uint64_t
highest_first(void *ctx, uint32_t item, uint64_t user_hash)
{
	(void) ctx;
	(void) user_hash;
	return (uint64_t) - (int64_t) item;
}

/* Users have 0, 1, 2, 5 and 10 items, numbered from 0; masses are half the strengths. */
static size_t start[] = {0, 0, 1, 3, 8, 18};
static uint32_t item[] = {0, 0, 1, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
static float strength[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
static float mass[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const UimlInteractions x = {5, 10, 0, 18, start, item, strength, mass, NULL};

static void
test_roles(void **state)
{
	UimlEnv env = uiml_env_malloc();
	uint64_t hash[] = {5, (uint64_t) -3, 0, 7, (uint64_t) -9};
	UimlSplitKeys keys = {hash, highest_first, NULL};
	uint8_t role[5], flag[5];
	const uint8_t eligible[] = {1, 1, 1, 1, 0};

	(void) state;

	/* In signed order: users 4, 1, 2, 0, 3. */
	assert_int_equal(uiml_split_roles(&env, &keys, 5, NULL, 1, 2, role), UIML_OK);
	assert_memory_equal(role, ((uint8_t[]){UIML_FIT, UIML_TUNE, UIML_TUNE, UIML_FIT, UIML_JUDGE}), 5);
	uiml_split_fit_rows(role, 5, flag);
	assert_memory_equal(flag, ((uint8_t[]){1, 0, 0, 1, 0}), 5);
	assert_int_equal(uiml_split_roles(&env, &keys, 5, eligible, 3, 9, role), UIML_OK);
	assert_memory_equal(role, ((uint8_t[]){UIML_JUDGE, UIML_JUDGE, UIML_JUDGE, UIML_TUNE, UIML_FIT}), 5);
	assert_int_equal(uiml_split_size(99, 1000), 9);
	assert_int_equal(uiml_split_size(100000, 1000), 1000);

	/* Equal hashes fall back on the order of keys. */
	memset(hash, 0, sizeof(hash));
	assert_int_equal(uiml_split_roles(&env, &keys, 5, NULL, 1, 1, role), UIML_OK);
	assert_memory_equal(role, ((uint8_t[]){UIML_JUDGE, UIML_TUNE, 0, 0, 0}), 5);
}

/*
 * Whoever is held out has a lower hash than whoever is not, and judges have lower ones than those who tune.
 */
static void
test_many_roles(void **state)
{
	enum
	{
		N = 5000
	};
	UimlEnv env = uiml_env_malloc();
	static uint64_t hash[N];
	static uint8_t role[N];
	UimlSplitKeys keys = {hash, highest_first, NULL};
	size_t count[3] = {0};
	int64_t low[3] = {INT64_MAX, INT64_MAX, INT64_MAX};
	int64_t high[3] = {INT64_MIN, INT64_MIN, INT64_MIN};

	(void) state;
	for (uint64_t u = 0; u < N; u++)
		hash[u] = (u + 1) * 0x9E3779B97F4A7C15;
	assert_int_equal(uiml_split_roles(&env, &keys, N, NULL, 300, 700, role), UIML_OK);
	for (size_t u = 0; u < N; u++)
	{
		int64_t h = (int64_t) hash[u];

		count[role[u]]++;
		low[role[u]] = h < low[role[u]] ? h : low[role[u]];
		high[role[u]] = h > high[role[u]] ? h : high[role[u]];
	}
	assert_int_equal(count[UIML_JUDGE], 300);
	assert_int_equal(count[UIML_TUNE], 700);
	assert_true(high[UIML_JUDGE] < low[UIML_TUNE] && high[UIML_TUNE] < low[UIML_FIT]);
}

static void
test_items(void **state)
{
	UimlRows rows = uiml_rows_in_memory(&x);
	UimlEnv env = uiml_env_malloc();
	uint64_t hash[5] = {0};
	UimlSplitKeys keys = {hash, highest_first, NULL};
	const uint8_t role[] = {1, 1, 1, 1, 1};
	const size_t hidden[] = {0, 0, 1, 1, 2};
	UimlHoldout holdout;
	uint32_t *user;

	(void) state;
	assert_int_equal(uiml_split_items(&env, &rows, &keys, role, UIML_JUDGE, .8, &holdout, &user), UIML_OK);
	assert_int_equal(holdout.seen.n_users, 5);
	for (size_t u = 0; u < 5; u++)
	{
		size_t n = start[u + 1] - start[u];
		size_t from = holdout.hidden.row_start[u];

		assert_int_equal(user[u], u);
		assert_int_equal(holdout.hidden.row_start[u + 1] - from, hidden[u]);
		assert_int_equal(holdout.seen.row_start[u + 1] - holdout.seen.row_start[u], n - hidden[u]);
		for (size_t h = 0; h < hidden[u]; h++)
		{
			/* The highest items, ascending; what is hidden counts undecayed. */
			assert_int_equal(holdout.hidden.item[from + h], n - hidden[u] + h);
			assert_true(holdout.hidden.mass[from + h] == 2);
		}
	}
	for (size_t e = 0; e < holdout.seen.n_entries; e++)
		assert_true(holdout.seen.mass[e] == 1 && holdout.seen.strength[e] == 2);
	uiml_holdout_free(&env, &holdout);
	uiml_free(&env, user);

	/* Something always stays seen, whatever the share. */
	assert_int_equal(uiml_split_items(&env, &rows, &keys, role, UIML_JUDGE, 1e-12, &holdout, NULL), UIML_OK);
	assert_int_equal(holdout.seen.row_start[5] - holdout.seen.row_start[4], 1);
	uiml_holdout_free(&env, &holdout);
	assert_int_equal(uiml_split_items(&env, &rows, &keys, role, UIML_TUNE, .8, &holdout, NULL), UIML_OK);
	assert_int_equal(holdout.seen.n_users, 0);
	uiml_holdout_free(&env, &holdout);
	assert_int_equal(uiml_split_items(&env, &rows, &keys, role, UIML_JUDGE, 1, &holdout, NULL),
					 UIML_EINVALID);
	assert_int_equal(uiml_split_items(&env, &rows, &keys, role, UIML_JUDGE, NAN, &holdout, NULL),
					 UIML_EINVALID);
}

static void
test_time(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t after_start[] = {0, 2, 4, 4, 4, 4};
	uint32_t after_item[] = {3, 4, 0, 7};
	UimlInteractions after = {5, 10, 0, 4, after_start, after_item, strength, mass, NULL};
	const uint8_t role[] = {1, 1, 0, 0, 2};
	UimlHoldout holdout;

	(void) state;
	assert_int_equal(uiml_split_time(&env, &x, &after, role, UIML_JUDGE, &holdout, NULL), UIML_OK);
	assert_int_equal(holdout.seen.n_users, 2);
	assert_int_equal(holdout.seen.n_entries, 1);

	/* User 0 has no history, user 1 comes back to item 0 and finds item 7. */
	assert_int_equal(holdout.hidden.row_start[1], 2);
	assert_int_equal(holdout.hidden.row_start[2], 3);
	assert_int_equal(holdout.hidden.item[2], 7);
	uiml_holdout_free(&env, &holdout);
	{
		uint8_t flag[5];

		uiml_split_time_eligible(&x, &after, flag);
		assert_memory_equal(flag, ((uint8_t[]){0, 1, 0, 0, 0}), 5);
	}
	after.n_users = 4;
	assert_int_equal(uiml_split_time(&env, &x, &after, role, UIML_JUDGE, &holdout, NULL), UIML_EINVALID);
}

/* Texts stay seen, however many items are hidden, and what is new after a cut-off is an item. */
static void
test_texts(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t before_start[] = {0, 4, 5};
	size_t after_start[] = {0, 3, 5};
	uint32_t before_item[] = {0, 2, 5, 6, 7};
	uint32_t after_item[] = {1, 2, 7, 0, 6};
	UimlInteractions before = {2, 5, 3, 5, before_start, before_item, strength, mass, NULL};
	UimlRows rows = uiml_rows_in_memory(&before);
	UimlInteractions after = {2, 5, 3, 5, after_start, after_item, strength, mass, NULL};
	uint64_t hash[2] = {0};
	UimlSplitKeys keys = {hash, highest_first, NULL};
	const uint8_t role[] = {1, 1};
	uint8_t flag[2];
	UimlHoldout holdout;

	(void) state;
	assert_int_equal(uiml_items_end(&before, 0), 2);
	assert_int_equal(uiml_items_end(&before, 1), 4);
	assert_int_equal(uiml_split_items(&env, &rows, &keys, role, UIML_JUDGE, .1, &holdout, NULL), UIML_OK);
	assert_int_equal(holdout.hidden.n_entries, 1);
	assert_int_equal(holdout.hidden.item[0], 2);
	assert_int_equal(holdout.seen.n_texts, 3);
	assert_memory_equal(holdout.seen.item, ((uint32_t[]){0, 5, 6, 7}), 4 * sizeof(uint32_t));
	uiml_holdout_free(&env, &holdout);

	assert_int_equal(uiml_split_time(&env, &before, &after, role, UIML_JUDGE, &holdout, NULL), UIML_OK);
	assert_memory_equal(holdout.hidden.item, ((uint32_t[]){1, 0}), 2 * sizeof(uint32_t));
	assert_int_equal(holdout.seen.n_entries, 5);
	uiml_holdout_free(&env, &holdout);
	uiml_split_time_eligible(&before, &after, flag);
	assert_true(flag[0] && !flag[1]);
}

/* So many items stay seen, whoever has more hides the others, and texts are left out. */
static void
test_observed(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t row_start[] = {0, 4, 5};
	uint32_t item[] = {0, 2, 5, 6, 1};
	UimlInteractions some = {2, 5, 3, 5, row_start, item, strength, mass, NULL};
	UimlRows rows = uiml_rows_in_memory(&some);
	uint64_t hash[2] = {0};
	UimlSplitKeys keys = {hash, highest_first, NULL};
	const uint8_t role[] = {1, 1};
	UimlHoldout holdout;

	(void) state;
	for (size_t observed = 0; observed < 4; observed++)
	{
		size_t seen = (observed < 2 ? observed : 2) + (observed < 1 ? observed : 1);

		assert_int_equal(uiml_split_observed(&env, &rows, &keys, role, UIML_JUDGE, observed, &holdout, NULL),
						 UIML_OK);
		assert_int_equal(holdout.seen.n_entries, seen);
		assert_int_equal(holdout.hidden.n_entries, 3 - seen);
		if (observed == 1)
		{
			assert_int_equal(holdout.seen.item[0], 0);
			assert_int_equal(holdout.hidden.item[0], 2);
			assert_int_equal(holdout.seen.item[1], 1);
		}
		uiml_holdout_free(&env, &holdout);
	}
}

static UimlStatus
split_all(const UimlEnv *env)
{
	UimlRows rows = uiml_rows_in_memory(&x);
	uint64_t hash[5] = {3, 1, 2, 0, 4};
	UimlSplitKeys keys = {hash, highest_first, NULL};
	uint8_t role[5];
	UimlHoldout holdout;
	uint32_t *user;
	UimlStatus status = uiml_split_roles(env, &keys, 5, NULL, 3, 2, role);

	if (status != UIML_OK)
		return status;
	status = uiml_split_items(env, &rows, &keys, role, UIML_JUDGE, .8, &holdout, &user);
	if (status != UIML_OK)
		return status;
	uiml_holdout_free(env, &holdout);
	uiml_free(env, user);
	status = uiml_split_time(env, &x, &x, role, UIML_TUNE, &holdout, NULL);
	if (status == UIML_OK)
		uiml_holdout_free(env, &holdout);
	return status;
}

static void
test_failures(void **state)
{
	(void) state;
	for (int interrupt = 0; interrupt < 2; interrupt++)
	{
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = interrupt ? test_env_interrupting(&countdown) : test_env_failing_alloc(&countdown);
			UimlStatus status = split_all(&env);

			assert_int_equal(test_env_live(), 0);
			if (status == UIML_OK)
			{
				assert_true(k > 5);
				break;
			}
			assert_int_equal(status, interrupt ? UIML_EINTERRUPTED : UIML_ENOMEM);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),    cmocka_unit_test(test_many_roles), cmocka_unit_test(test_items),
		cmocka_unit_test(test_time),     cmocka_unit_test(test_texts),      cmocka_unit_test(test_observed),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
