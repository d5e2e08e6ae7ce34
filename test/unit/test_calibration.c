/*
 * test_calibration.c
 *	  Predicted and observed interest shares by hand, and of users who behave as the model says.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/calibration.h"
#include "core/rng.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) < (tolerance))

enum
{
	USERS = 3000,
	K = 3,
	SEEN = 6,
	HIDDEN = 10,
	ITEMS = K * (SEEN + HIDDEN)
};

typedef struct World
{
	uint32_t interest[ITEMS];
	float prior[K];
	float one[USERS * HIDDEN];
	size_t seen_start[USERS + 1], hidden_start[USERS + 1];
	uint32_t seen[USERS * SEEN], hidden[USERS * HIDDEN];
	UimlModel model;
	UimlHoldout holdout;
} World;

static UimlInteractions
matrix(size_t n_users, size_t n_items, size_t *row_start, uint32_t *item, float *mass)
{
	return (UimlInteractions){.n_users = n_users,
							  .n_items = n_items,
							  .n_entries = row_start[n_users],
							  .row_start = row_start,
							  .item = item,
							  .strength = mass,
							  .mass = mass};
}

/*
 * One user saw an item of interest 0 and hides one of interest 1, one saw nothing and hides one of each, one hides
 * nothing: shares .75 and .25 under a prior of strength 1, .5 and .5, and no pairs.
 */
static void
by_hand(void **state)
{
	uint32_t interest[] = {0, 1, UINT32_MAX};
	float prior[] = {.5F, .5F};
	float one[] = {1, 1, 1, 1};
	size_t seen_start[] = {0, 1, 1, 2};
	size_t hidden_start[] = {0, 2, 4, 4};
	uint32_t seen[] = {0, 0};
	uint32_t hidden[] = {1, 2, 0, 1};
	UimlModel model = {.n_items = 3, .n_interests = 2, .interest = interest, .prior = prior, .alpha = 1};
	UimlHoldout holdout = {matrix(3, 3, seen_start, seen, one), matrix(3, 3, hidden_start, hidden, one)};
	UimlEnv env = uiml_env_malloc();
	UimlCalibrationBin bin[5];

	(void) state;
	assert_int_equal(uiml_model_calibrate(&env, &model, &holdout, 4, .9, 1, bin), UIML_OK);
	assert_int_equal(bin[0].pairs, 0);
	assert_true(isnan(bin[0].predicted) && isnan(bin[0].observed) && isnan(bin[0].observed_low) &&
				isnan(bin[0].error) && isnan(bin[0].covered));
	assert_int_equal(bin[1].pairs, 1);
	assert_true(bin[1].low == .25 && bin[1].high == .5);
	assert_near(bin[1].predicted, .25, 1e-7);
	assert_near(bin[1].observed, 1, 1e-7);
	assert_near(bin[1].observed_low, 1, 1e-7);
	assert_near(bin[1].observed_high, 1, 1e-7);
	assert_int_equal(bin[2].pairs, 2);
	assert_near(bin[2].predicted, .5, 1e-7);
	assert_near(bin[2].observed, .5, 1e-7);
	assert_near(bin[2].error, 0, 1e-7);
	assert_int_equal(bin[3].pairs, 1);
	assert_near(bin[3].error, .75, 1e-7);
	assert_int_equal(bin[4].pairs, 4);
	assert_true(bin[4].low == 0 && bin[4].high == 1);
	assert_near(bin[4].predicted, .5, 1e-7);
	assert_near(bin[4].observed, .5, 1e-7);
	assert_near(bin[4].error, 1.5 / 4, 1e-7);
	assert_near(bin[4].covered, 1, 1e-15);

	/* narrow intervals: P(1 of 1) is .75 for the share .75, so 40 % of it is 1; the two events of .5 may be any */
	assert_int_equal(uiml_model_calibrate(&env, &model, &holdout, 4, .4, 1, bin), UIML_OK);
	assert_near(bin[1].covered, 0, 1e-15);
	assert_near(bin[2].covered, 1, 1e-15);
	assert_near(bin[3].covered, 0, 1e-15);
	assert_near(bin[4].covered, .5, 1e-15);

	assert_int_equal(uiml_model_calibrate(&env, &model, &holdout, 0, .9, 1, bin), UIML_EINVALID);
	assert_int_equal(uiml_model_calibrate(&env, &model, &holdout, 4, 1, 1, bin), UIML_EINVALID);

	/* nobody hides anything */
	memset(hidden_start, 0, sizeof(hidden_start));
	assert_int_equal(uiml_model_calibrate(&env, &model, &holdout, 4, .9, 1, bin), UIML_OK);
	assert_true(bin[4].pairs == 0 && isnan(bin[4].error) && isnan(bin[3].observed_high));
}

/*
 * Events from Polya's urn: each is of interest j with a probability proportional to alpha prior_j and the events of j
 * before it.  That is what the blend predicts from, without error.
 */
static void
world_build(World *w, double alpha, uint64_t seed)
{
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	w->prior[0] = .5F;
	w->prior[1] = .3F;
	w->prior[2] = .2F;
	for (size_t i = 0; i < ITEMS; i++)
		w->interest[i] = (uint32_t) (i % K);
	for (size_t e = 0; e < USERS * HIDDEN; e++)
		w->one[e] = 1;
	for (size_t u = 0; u < USERS; u++)
	{
		double weight[K];

		for (size_t j = 0; j < K; j++)
			weight[j] = alpha * w->prior[j];
		w->seen_start[u + 1] = (u + 1) * SEEN;
		w->hidden_start[u + 1] = (u + 1) * HIDDEN;
		for (size_t e = 0; e < SEEN + HIDDEN; e++)
		{
			double at = uiml_rng_uniform(&rng) * (alpha + (double) e);
			uint32_t j = at < weight[0] ? 0 : at < weight[0] + weight[1] ? 1 : 2;

			weight[j]++;
			if (e < SEEN)
				w->seen[u * SEEN + e] = (uint32_t) (e * K) + j;
			else
				w->hidden[u * HIDDEN + e - SEEN] = (uint32_t) (e * K) + j;
		}
	}
	w->model = (UimlModel){.n_items = ITEMS,
						   .n_interests = K,
						   .interest = w->interest,
						   .prior = w->prior,
						   .alpha = alpha,
						   .event_mass = 1};
	w->holdout.seen = matrix(USERS, ITEMS, w->seen_start, w->seen, w->one);
	w->holdout.hidden = matrix(USERS, ITEMS, w->hidden_start, w->hidden, w->one);
}

static void
true_model(void **state)
{
	static World world;
	UimlEnv env = uiml_env_malloc();
	UimlCalibrationBin bin[11], again[11];
	size_t inside = 0;
	size_t filled = 0;

	(void) state;
	world_build(&world, 4, 12);
	assert_int_equal(uiml_model_calibrate(&env, &world.model, &world.holdout, 10, .9, 5, bin), UIML_OK);
	for (size_t b = 0; b < 10; b++)
	{
		if (bin[b].pairs < 100)
			continue;
		filled++;
		assert_true(bin[b].error < .03);
		inside += bin[b].observed_low <= bin[b].predicted && bin[b].predicted <= bin[b].observed_high;
		assert_near(bin[b].covered, bin[b].expected, .03);
	}
	assert_true(filled >= 8 && inside >= filled - 1);
	assert_int_equal(bin[10].pairs, USERS * K);
	assert_near(bin[10].predicted, 1.0 / K, 1e-6);
	assert_near(bin[10].observed, 1.0 / K, 1e-6);
	assert_true(bin[10].error < .01);
	assert_near(bin[10].covered, bin[10].expected, .01);
	assert_near(bin[10].covered, .9, .03);
	assert_true(isnan(bin[10].observed_low));

	assert_int_equal(uiml_model_calibrate(&env, &world.model, &world.holdout, 10, .9, 5, again), UIML_OK);
	for (size_t b = 0; b <= 10; b++)
		assert_memory_equal(&bin[b].pairs, &again[b].pairs, sizeof(size_t));
	assert_true(bin[3].observed_low == again[3].observed_low);

	/* one that doubts history too little is too sure: high shares don't come true, and intervals miss */
	world.model.alpha = .1;
	assert_int_equal(uiml_model_calibrate(&env, &world.model, &world.holdout, 10, .9, 5, again), UIML_OK);
	assert_true(again[10].error > 5 * bin[10].error);
	assert_true(again[9].observed_high < again[9].predicted && again[0].observed_low > again[0].predicted);
	assert_true(again[10].covered < bin[10].covered - .05);
}

static void
fails_cleanly(void **state)
{
	static World world;
	UimlCalibrationBin bin[11];
	UimlStatus status = UIML_ENOMEM;
	long countdown;
	long failed = 0;
	UimlEnv env;

	(void) state;
	world_build(&world, 4, 3);
	for (long k = 1; status == UIML_ENOMEM; k++)
	{
		countdown = k;
		env = test_env_failing_alloc(&countdown);
		status = uiml_model_calibrate(&env, &world.model, &world.holdout, 10, .9, 5, bin);
		failed += status == UIML_ENOMEM;
		assert_int_equal(test_env_live(), 0);
	}
	assert_int_equal(status, UIML_OK);
	assert_int_equal(failed, 5);
	for (long k = 1; k < USERS + 1000; k += 499)
	{
		countdown = k;
		env = test_env_interrupting(&countdown);
		assert_int_equal(uiml_model_calibrate(&env, &world.model, &world.holdout, 10, .9, 5, bin),
						 UIML_EINTERRUPTED);
		assert_int_equal(test_env_live(), 0);
	}
}

/*
 * What users were seen at is taken for the interest after it: W_g finds out, and stays away where nothing is
 * wrong.
 */
static void
confused_model(void **state)
{
	static World world;
	UimlEnv env = test_env_counting();
	UimlCalibrationBin before[2], after[2];

	(void) state;
	world_build(&world, 4, 12);
	assert_int_equal(uiml_model_tune_generalization(&env, &world.model, &world.holdout), UIML_OK);
	assert_null(world.model.generalization);
	assert_int_equal(uiml_model_tune_intervals(&env, &world.model, &world.holdout), UIML_OK);
	assert_near(world.model.event_mass, 1, 1e-6);
	assert_true(world.model.dispersion < .01);

	for (size_t e = 0; e < (size_t) USERS * SEEN; e++)
		world.seen[e] = world.seen[e] / K * K + (world.seen[e] + 1) % K;
	assert_int_equal(uiml_model_calibrate(&env, &world.model, &world.holdout, 1, .9, 5, before), UIML_OK);
	assert_int_equal(uiml_model_tune_generalization(&env, &world.model, &world.holdout), UIML_OK);
	assert_non_null(world.model.generalization);
	for (size_t i = 0; i < K; i++)
		assert_true(world.model.generalization[i * K + (i + K - 1) % K] > .8);
	assert_int_equal(uiml_model_calibrate(&env, &world.model, &world.holdout, 1, .9, 5, after), UIML_OK);
	assert_true(before[1].covered < .8 && after[1].covered > before[1].covered + .1);
	uiml_free(&env, world.model.generalization);

	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlStatus status;

		env = test_env_failing_alloc(&countdown);
		world.model.generalization = NULL;
		status = uiml_model_tune_generalization(&env, &world.model, &world.holdout);
		if (status == UIML_OK)
			status = uiml_model_tune_intervals(&env, &world.model, &world.holdout);
		uiml_free(&env, world.model.generalization);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),
		cmocka_unit_test(true_model),
		cmocka_unit_test(confused_model),
		cmocka_unit_test(fails_cleanly),
	};

	return cmocka_run_group_tests_name("calibration", tests, NULL, NULL);
}
