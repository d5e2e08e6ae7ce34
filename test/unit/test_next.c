/*
 * test_next.c
 *	  Distributions of what comes next by hand, and what is refused.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/next.h"
#include "core/next_sample.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((double) (a) - (double) (b)) < (tolerance))

enum
{
	N = 4
};

/* 0 -> 1 (weight 3) and 2 (1); 1 -> 2 (2); nothing of 2 and 3. */
static const uint64_t start[] = {0, 2, 3, 3, 3};
static const uint32_t class_no[] = {1, 2, 2};
static const float weight[] = {3, 1, 2};
static const float popularity[] = {.1f, .2f, .3f, .4f};

/* Rules alone for one known event, rules and popularity for two, popularity for more. */
static UimlNextModel
rules_model(void)
{
	UimlNextModel model = {
		.target = UIML_NEXT_ITEM,
		.n_classes = N,
		.max_length = 3,
		.mix = {{0, 1}, {.5f, .5f}, {1}, {1}, {1}},
		.temperature = {1, 1, 1, 1, 1},
		.popularity = popularity,
		.rules = {.decay = .5f, .steps = 2, .links = {start, class_no, weight}},
	};

	return model;
}

static const UimlNextSpace item_space = {.n_items = N};

static size_t
predict(const UimlNextModel *model, const UimlNextSpace *space, const uint32_t *item, size_t n,
		bool exclude_seen, float *share)
{
	size_t size = uiml_next_room(model, space);
	void *room = malloc(size);
	size_t known;
	float sum = 0;

	memset(room, 0xA5, size);
	known = uiml_next_predict(model, space, item, n, exclude_seen, room, share);
	for (size_t j = 0; j < model->n_classes; j++)
		sum += share[j];
	assert_near(sum, 1, 1e-5);
	free(room);
	return known;
}

static void
assert_shares(const float *share, double a, double b, double c, double d)
{
	const double expected[N] = {a, b, c, d};

	for (size_t j = 0; j < N; j++)
		assert_near(share[j], expected[j], 1e-5);
}

static void
test_rules(void **state)
{
	UimlNextModel model = rules_model();
	float share[N];

	(void) state;
	assert_true(uiml_next_valid(&model, &item_space));

	/* Nothing known, or nothing that there is. */
	assert_int_equal(predict(&model, &item_space, NULL, 0, true, share), 0);
	assert_shares(share, .1, .2, .3, .4);
	assert_int_equal(predict(&model, &item_space, (const uint32_t[]){9}, 1, true, share), 0);
	assert_shares(share, .1, .2, .3, .4);

	/* 3 : 1; at temperature .5 the squares, 9 : 1. */
	assert_int_equal(predict(&model, &item_space, (const uint32_t[]){0}, 1, true, share), 1);
	assert_shares(share, 0, .75, .25, 0);
	model.temperature[UIML_EXPERT_RULES] = .5f;
	predict(&model, &item_space, (const uint32_t[]){0}, 1, true, share);
	assert_shares(share, 0, .9, .1, 0);
	model.temperature[UIML_EXPERT_RULES] = 1;

	/* Rules that say nothing say popularity, of what is new. */
	predict(&model, &item_space, (const uint32_t[]){3}, 1, true, share);
	assert_shares(share, 1.0 / 6, 2.0 / 6, .5, 0);
	predict(&model, &item_space, (const uint32_t[]){3}, 1, false, share);
	assert_shares(share, .1, .2, .3, .4);

	/* 0, then 1: (1: 1.5, 2: 2.5), of which 1 was seen; half of it popularity of 2 and 3. */
	assert_int_equal(predict(&model, &item_space, (const uint32_t[]){0, 9, 1}, 3, true, share), 2);
	assert_shares(share, 0, 0, .5 + .5 * 3 / 7, .5 * 4 / 7);
	predict(&model, &item_space, (const uint32_t[]){0, 1}, 2, false, share);
	assert_shares(share, .05, .1 + .5 * 1.5 / 4, .15 + .5 * 2.5 / 4, .2);
}

static void
test_reason(void **state)
{
	UimlNextModel model = rules_model();
	void *room = malloc(uiml_next_room(&model, &item_space));
	float share[N];

	(void) state;
	assert_int_equal(uiml_next_predict(&model, &item_space, (const uint32_t[]){0, 1}, 2, false, room, share),
					 2);
	assert_int_equal(uiml_next_reason(&model, &item_space, 2, room, 2), UIML_EXPERT_RULES);
	assert_int_equal(uiml_next_reason(&model, &item_space, 2, room, 3), UIML_EXPERT_POPULARITY);
	free(room);
}

/* Items of two dimensions: x = in(newest) + .5 in(before), y = x W, score = y' out. */
static void
test_low_rank_items(void **state)
{
	static const float in[] = {1, 0, 0, 1, 1, 1, 0, 0};
	static const float out[] = {1, 0, 0, 2, 3, 0, -1, -1};
	static const float w[] = {0, 1, 1, 0};
	UimlNextSpace space = {.n_items = N, .dims = 2, .in = in, .out = out};
	UimlNextModel model = rules_model();
	float share[N];

	(void) state;
	memset(&model.rules, 0, sizeof(model.rules));
	model.ridge = (UimlNextRidge){.decay = .5f, .steps = 5, .p = 2, .q = 2, .w = w};
	memset(model.mix, 0, sizeof(model.mix));
	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
		model.mix[length][UIML_EXPERT_RIDGE] = 1;
	assert_true(uiml_next_valid(&model, &space));

	/* x = (.5, 1), y = (1, .5); scores 1, 1, 3, -1.5. */
	predict(&model, &space, (const uint32_t[]){0, 1}, 2, false, share);
	assert_shares(share, .2, .2, .6, 0);
	model.ridge.q = 3;
	assert_false(uiml_next_valid(&model, &space));
}

/* Two interests; item 3 has none.  x = (unit vector, shares), score = x W + b. */
static void
test_low_rank_interests(void **state)
{
	static const float in[] = {3, 0, 0, 4, 1, 1, 9, 9};
	static const uint32_t interest[] = {0, 1, 1, UINT32_MAX};
	static const float w[] = {1, 0, 0, 1, .2f, 0, 0, .1f};
	static const float b[] = {.1f, .2f};
	static const float prior[] = {.5f, .5f};
	UimlNextSpace space = {.n_items = N, .dims = 2, .in = in, .interest = interest};
	UimlNextModel model = {.target = UIML_NEXT_INTEREST,
						   .n_classes = 2,
						   .max_length = 3,
						   .temperature = {1, 1, 1, 1, 1},
						   .popularity = prior,
						   .ridge = {.decay = .5f, .steps = 9, .p = 4, .q = 2, .w = w, .b = b}};
	float share[2];

	(void) state;
	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
		model.mix[length][UIML_EXPERT_RIDGE] = 1;
	assert_true(uiml_next_valid(&model, &space));

	/* x = (0, 1, 0, 1): scores .1 and .2 + 1 + .1. */
	assert_int_equal(predict(&model, &space, (const uint32_t[]){1, 3}, 2, true, share), 1);
	assert_near(share[1], 1.3 / 1.4, 1e-5);
	/* Vector (1.5, 4), length 4.272; shares 1/3 and 2/3. */
	assert_int_equal(predict(&model, &space, (const uint32_t[]){0, 1}, 2, true, share), 2);
	assert_near(share[0],
				(.1 + 1.5 / sqrt(18.25) + .2 / 3) /
					(.1 + 1.5 / sqrt(18.25) + .2 / 3 + .2 + 4 / sqrt(18.25) + .1 * 2 / 3),
				1e-5);
}

/* Bytes may say anything: what can't be computed with is refused. */
static void
test_valid(void **state)
{
	UimlNextModel model = rules_model();

	(void) state;
	model.mix[1][0] = .7f;
	assert_false(uiml_next_valid(&model, &item_space));
	model = rules_model();
	model.mix[1][0] = NAN;
	assert_false(uiml_next_valid(&model, &item_space));
	model = rules_model();
	model.mix[1][UIML_EXPERT_RULES] = 0;
	model.mix[1][UIML_EXPERT_EASE] = .5f;
	assert_false(uiml_next_valid(&model, &item_space));
	model = rules_model();
	model.blend[3] = 1.5f;
	assert_false(uiml_next_valid(&model, &item_space));
	model = rules_model();
	model.temperature[UIML_EXPERT_LSTM] = 0;
	assert_false(uiml_next_valid(&model, &item_space));
	model = rules_model();
	model.rules.steps = UIML_NEXT_MAX_STEPS + 1;
	assert_false(uiml_next_valid(&model, &item_space));
	model = rules_model();
	model.rules.decay = 2;
	assert_false(uiml_next_valid(&model, &item_space));
	model = rules_model();
	model.n_classes = 3;
	assert_false(uiml_next_valid(&model, &item_space));
	model = rules_model();
	model.max_length = 0;
	assert_false(uiml_next_valid(&model, &item_space));
	assert_string_equal(uiml_next_expert_name(UIML_EXPERT_EASE), "ease");
}

/* The last five events are taken, items only where they are new, and each has something before it. */
static void
test_sample(void **state)
{
	UimlEnv env = test_env_counting();
	size_t starts[] = {0, 4, 5, 205};
	uint32_t item[205] = {0, 1, 0, 2, 3};
	UimlSequences users = {.n = 3, .n_events = 205, .start = starts, .item = item};
	UimlNextSpace space = {.n_items = 300};
	UimlNextSample sample;

	(void) state;
	for (uint32_t i = 5; i < 205; i++)
		item[i] = i;
	assert_int_equal(uiml_next_sample(&env, UIML_NEXT_ITEM, &space, 300, &users, &sample), UIML_OK);
	assert_int_equal(sample.n, 2 + 5);
	assert_int_equal(sample.position[0].n, 1);
	assert_int_equal(sample.position[0].class_no, 1);
	assert_int_equal(sample.position[0].length, 0);
	assert_int_equal(sample.position[1].n, 3);
	assert_int_equal(sample.position[1].class_no, 2);
	assert_int_equal(sample.position[1].length, 1);
	assert_int_equal(sample.position[6].n, 199);
	assert_int_equal(sample.position[6].length, 4);
	assert_int_equal(sample.position[6].first, 5);
	uiml_next_sample_free(&env, &sample);

	users.n = 0;
	assert_int_equal(uiml_next_sample(&env, UIML_NEXT_ITEM, &space, 300, &users, &sample), UIML_EEMPTY);
	uiml_next_sample_free(&env, &sample);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),          cmocka_unit_test(test_reason),
		cmocka_unit_test(test_low_rank_items), cmocka_unit_test(test_low_rank_interests),
		cmocka_unit_test(test_valid),          cmocka_unit_test(test_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
