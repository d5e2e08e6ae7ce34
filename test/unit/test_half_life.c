/*
 * test_half_life.c
 *	  The half-life that is chosen on events whose taste is planted to drift, or not to.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "core/half_life.h"
#include "core/model_tune.h"
#include "core/rng.h"
#include "testenv.h"

#define N_USERS  400
#define N_ITEMS  120
#define N_TOPICS 6
#define N_EVENTS 60 /* of each user, one a day */
#define DAY      86400.0

/*
 * Everybody likes one topic at a time, nine events of ten.  With a period, taste moves on to another topic
 * every so many days; without one it stays.
 */
static void
plant(int period, UimlEvent *events)
{
	UimlRng rng;

	uiml_rng_init(&rng, 7);
	for (uint32_t u = 0; u < N_USERS; u++)
	{
		uint32_t topic = 0;

		for (int day = 0; day < N_EVENTS; day++)
		{
			uint32_t item;

			if (day == 0 || (period > 0 && (day + (int) u) % period == 0))
				topic = (uint32_t) uiml_rng_below(&rng, N_TOPICS);
			item = (uint32_t) uiml_rng_below(&rng, N_ITEMS / N_TOPICS) * N_TOPICS + topic;
			if (uiml_rng_below(&rng, 10) == 0)
				item = (uint32_t) uiml_rng_below(&rng, N_ITEMS);
			events[u * N_EVENTS + (uint32_t) day] = (UimlEvent){u, item, day * DAY, 1};
		}
	}
}

static UimlStatus
choose(const UimlEnv *env, int period, const uint8_t *role, double *chosen)
{
	size_t n = (size_t) N_USERS * N_EVENTS;
	UimlEvent *events = malloc(n * sizeof(UimlEvent));
	UimlInteractions x;
	UimlStatus status;

	plant(period, events);
	status = uiml_events_sort(env, events, n, N_USERS);
	if (status == UIML_OK)
		status = uiml_interactions_build(env, events, n, N_USERS, N_ITEMS, 0, -INFINITY, INFINITY,
										 N_EVENTS * DAY, INFINITY, &x);
	if (status == UIML_OK)
	{
		UimlRows rows = uiml_rows_in_memory(&x);

		status = uiml_half_life_choose(env, events, n, INFINITY, &rows, role, 1, chosen);
		uiml_interactions_free(env, &x);
	}
	free(events);
	return status;
}

static void
test_drift(void **state)
{
	UimlEnv env = uiml_env_malloc();
	uint8_t role[N_USERS];
	double chosen;

	(void) state;
	for (size_t u = 0; u < N_USERS; u++)
		role[u] = u % 5 == 0 ? UIML_TUNE : UIML_FIT;
	assert_int_equal(choose(&env, 20, role, &chosen), UIML_OK);
	assert_true(chosen == 7 * DAY);
	assert_int_equal(choose(&env, 0, role, &chosen), UIML_OK);
	assert_true(chosen >= 90 * DAY);
}

/* Too few tuning users to tell: the default. */
static void
test_few(void **state)
{
	UimlEnv env = uiml_env_malloc();
	uint8_t role[N_USERS] = {[0] = UIML_TUNE};
	double chosen;

	(void) state;
	assert_int_equal(choose(&env, 20, role, &chosen), UIML_OK);
	assert_true(chosen == UIML_DEFAULT_HALF_LIFE);
	role[0] = UIML_FIT;
	assert_int_equal(choose(&env, 20, role, &chosen), UIML_OK);
	assert_true(chosen == UIML_DEFAULT_HALF_LIFE);
}

/* Of ten events of a user the newest two are hidden, but an item that he had before is not new to him. */
static void
test_newest(void **state)
{
	UimlEvent events[30];
	const uint8_t role[] = {UIML_TUNE, UIML_FIT, UIML_TUNE};
	UimlStatus status = UIML_ENOMEM;
	UimlHoldout holdout;

	(void) state;
	for (uint32_t e = 0; e < 30; e++)
		events[e] = (UimlEvent){.user = e / 10, .item = e % 10, .at = (e % 10) * DAY, .weight = 2};
	events[29].item = 3;
	for (long k = 1; status == UIML_ENOMEM; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);

		assert_int_equal(
			uiml_events_sort(&(UimlEnv){.alloc = test_env_alloc, .free = test_env_free}, events, 30, 3),
			UIML_OK);
		status = uiml_newest_holdout(&env, events, 30, INFINITY, 10, role, DAY, &holdout);
		if (status == UIML_OK)
		{
			assert_int_equal(holdout.seen.n_users, 2);
			assert_int_equal(uiml_row_length(&holdout.seen, 0), 8);
			assert_int_equal(uiml_row_length(&holdout.hidden, 0), 2);
			assert_int_equal(holdout.hidden.item[0], 8);
			assert_true(holdout.hidden.mass[0] == 2);
			/* of the second user the 9th event is hidden; the 10th is of an old item */
			assert_int_equal(uiml_row_length(&holdout.hidden, 1), 1);
			assert_true(holdout.seen.mass[7] > holdout.seen.mass[6] * 1.99f);
			uiml_holdout_free(&env, &holdout);
		}
		assert_int_equal(test_env_live(), 0);
	}
	assert_int_equal(status, UIML_OK);
}

static void
test_out_of_memory(void **state)
{
	uint8_t role[N_USERS];
	UimlStatus status = UIML_ENOMEM;

	(void) state;
	for (size_t u = 0; u < N_USERS; u++)
		role[u] = u % 5 == 0 ? UIML_TUNE : UIML_FIT;
	for (long k = 0; status == UIML_ENOMEM; k += 7)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		double chosen;

		assert_true(k < 1000);
		status = choose(&env, 0, role, &chosen);
		assert_int_equal(test_env_live(), 0);
	}
	assert_int_equal(status, UIML_OK);
}

/* The estimate is never below the peak, and not far above it. */
static void
test_memory(void **state)
{
	TestEnvMeter meter = {0};
	UimlEnv env = test_env_metered(&meter);
	size_t n = (size_t) N_USERS * N_EVENTS;
	UimlInteractions x;
	UimlRows rows;
	size_t estimate;
	UimlEvent *events = malloc(n * sizeof(UimlEvent));
	uint8_t role[N_USERS];
	double chosen;

	(void) state;
	for (size_t u = 0; u < N_USERS; u++)
		role[u] = u % 10 == 0 ? UIML_TUNE : UIML_FIT;
	plant(20, events);
	assert_int_equal(uiml_events_sort(&env, events, n, N_USERS), UIML_OK);
	assert_int_equal(uiml_interactions_build(&env, events, n, N_USERS, N_ITEMS, 0, -INFINITY, INFINITY,
											 N_EVENTS * DAY, INFINITY, &x),
					 UIML_OK);
	rows = uiml_rows_in_memory(&x);
	meter.peak = meter.held;
	assert_int_equal(uiml_half_life_choose(&env, events, n, INFINITY, &rows, role, 1, &chosen), UIML_OK);
	estimate = uiml_half_life_memory(N_USERS, N_ITEMS, x.n_entries, n, N_USERS / 10);
	assert_true(estimate >= meter.peak);
	assert_true((double) estimate <= 1.5 * (double) meter.peak + 2e6);
	uiml_interactions_free(&env, &x);
	assert_int_equal(meter.held, 0);
	free(events);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_drift), cmocka_unit_test(test_few),
									   cmocka_unit_test(test_newest), cmocka_unit_test(test_out_of_memory),
									   cmocka_unit_test(test_memory)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
