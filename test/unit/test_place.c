/*
 * test_place.c
 *	  Items without history and texts, placed by what their texts say, in a world of planted groups.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/behaviour.h"
#include "core/place.h"
#include "core/rng.h"
#include "testenv.h"

/*
 * A user likes items of one of four groups; the last items have no user.  Text vectors point to the group, with
 * some noise; item 0 has no text.  Each user wrote one of the texts, which is of the group of his hidden taste.
 */
enum
{
	USERS = 400,
	ITEMS = 120,
	WARM = 100,
	GROUPS = 4,
	TEXTS = 8,
	TEXT_DIMS = 6
};

typedef struct World
{
	UimlInteractions x;
	float text[(ITEMS + TEXTS) * TEXT_DIMS];
	uint64_t hash[USERS];
} World;

static uint64_t
mix(uint64_t x)
{
	x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
	return x ^ (x >> 33);
}

static uint64_t
item_hash(void *ctx, uint32_t item, uint64_t user_hash)
{
	(void) ctx;
	return mix(user_hash ^ mix(item + 1));
}

static void
make_texts(World *world, UimlRng *rng)
{
	for (size_t i = 0; i < ITEMS + TEXTS; i++)
	{
		float *text = world->text + i * TEXT_DIMS;
		double square = 0;

		for (size_t j = 0; j < TEXT_DIMS; j++)
		{
			text[j] = (float) ((j == i % GROUPS) + .1 * uiml_rng_normal(rng));
			square += text[j] * text[j];
		}
		for (size_t j = 0; j < TEXT_DIMS; j++)
			text[j] = i == 0 ? 0 : (float) (text[j] / sqrt(square));
	}
}

static void
make_events(World *world, UimlRng *rng)
{
	UimlEnv env = uiml_env_malloc();
	size_t n = 0;
	UimlEvent *event = malloc(USERS * 13 * sizeof(*event));

	for (uint32_t u = 0; u < USERS; u++)
	{
		for (int i = 0; i < 12; i++)
		{
			uint32_t group = uiml_rng_uniform(rng) < .7 ? u % GROUPS : (uint32_t) uiml_rng_below(rng, GROUPS);
			uint32_t item = (uint32_t) uiml_rng_below(rng, WARM / GROUPS) * GROUPS + group;

			event[n++] = (UimlEvent){u, item, 0, 1};
		}
		event[n++] = (UimlEvent){u, ITEMS + u % TEXTS, 0, 1};
	}
	assert_int_equal(uiml_events_sort(&env, event, n, USERS), UIML_OK);
	assert_int_equal(uiml_interactions_build(&env, event, n, USERS, ITEMS, TEXTS, -INFINITY, INFINITY, 0,
											 INFINITY, &world->x),
					 UIML_OK);
	free(event);
}

static int
setup(void **state)
{
	World *world = malloc(sizeof(World));
	UimlRng rng;

	uiml_rng_init(&rng, 5);
	make_texts(world, &rng);
	make_events(world, &rng);
	for (size_t u = 0; u < USERS; u++)
		world->hash[u] = mix(u + 17);
	*state = world;
	return 0;
}

static int
teardown(void **state)
{
	UimlEnv env = uiml_env_malloc();
	World *world = *state;

	uiml_interactions_free(&env, &world->x);
	free(world);
	return 0;
}

static UimlModelParams
params_of(const World *world, UimlFeatureKind features)
{
	UimlModelParams params = uiml_model_defaults();

	params.dims = 8;
	params.interests = GROUPS;
	params.features = features;
	params.text = world->text;
	params.text_dims = TEXT_DIMS;
	return params;
}

static UimlStatus
fit(const UimlEnv *env, World *world, const UimlModelParams *params, UimlModel *model)
{
	UimlRows rows = uiml_rows_in_memory(&world->x);

	return uiml_model_fit(env, &rows, NULL, params, model);
}

/* The interest that most warm items of a group have. */
static uint32_t
interest_of(const UimlModel *model, size_t group)
{
	size_t count[GROUPS] = {0};
	uint32_t best = 0;

	for (size_t i = group; i < WARM; i += GROUPS)
		if (model->interest[i] != UINT32_MAX)
			count[model->interest[i]]++;
	for (uint32_t j = 1; j < GROUPS; j++)
		best = count[j] > count[best] ? j : best;
	return best;
}

/* Everything that has a text is where its group is. */
static void
check_places(const UimlModel *model)
{
	assert_int_equal(model->n_texts, TEXTS);
	assert_true(model->text_weight == 0);
	for (size_t i = WARM; i < ITEMS + TEXTS; i++)
		assert_int_equal(model->interest[i], interest_of(model, i % GROUPS));
	for (size_t i = WARM; i < ITEMS; i++)
		assert_true(model->popularity[i] == 0);
}

/* A user of a group prefers cold items of it to all other cold items. */
static void
check_scores(const UimlModel *model, const World *world)
{
	float vector[TEXT_DIMS + 2];
	float score[ITEMS];

	for (size_t u = 0; u < GROUPS; u++)
	{
		size_t first = world->x.row_start[u];
		float worst = INFINITY, best = -INFINITY;

		uiml_model_user(model, world->x.item + first, world->x.mass + first,
						world->x.row_start[u + 1] - first, vector, NULL);
		uiml_score_items(model->out, ITEMS, model->dims, vector, score);
		for (size_t i = WARM; i < ITEMS; i++)
		{
			if (i % GROUPS == u)
				worst = fminf(worst, score[i]);
			else
				best = fmaxf(best, score[i]);
		}
		assert_true(worst > best);
	}
}

static void
test_hybrid(void **state)
{
	World *world = *state;
	UimlEnv env = test_env_counting();
	UimlModelParams params = params_of(world, UIML_FEATURES_HYBRID);
	UimlModelParams plain = params_of(world, UIML_FEATURES_BEHAVIOUR);
	UimlModel model, behaviour;

	assert_int_equal(fit(&env, world, &params, &model), UIML_OK);
	assert_int_equal(fit(&env, world, &plain, &behaviour), UIML_OK);
	check_places(&model);
	check_scores(&model, world);

	/* What has a history is where it was. */
	assert_memory_equal(model.out, behaviour.out, WARM * model.dims * sizeof(float));
	assert_memory_equal(model.in, behaviour.in, WARM * model.dims * sizeof(float));
	assert_memory_equal(model.interest, behaviour.interest, WARM * sizeof(uint32_t));
	assert_memory_equal(model.prior, behaviour.prior, GROUPS * sizeof(float));
	assert_true(behaviour.out[(ITEMS - 1) * behaviour.dims] == 0);
	uiml_model_free(&env, &model);
	uiml_model_free(&env, &behaviour);
	assert_int_equal(test_env_live(), 0);
}

static void
test_text(void **state)
{
	World *world = *state;
	UimlEnv env = test_env_counting();
	UimlModelParams params = params_of(world, UIML_FEATURES_TEXT);
	UimlModel model;

	assert_int_equal(fit(&env, world, &params, &model), UIML_OK);
	assert_int_equal(model.dims, TEXT_DIMS);
	assert_memory_equal(model.out, world->text, ITEMS * TEXT_DIMS * sizeof(float));
	assert_memory_equal(model.in, world->text, (ITEMS + TEXTS) * TEXT_DIMS * sizeof(float));
	assert_int_equal(model.interest[0], UINT32_MAX); /* has no text */
	check_places(&model);
	check_scores(&model, world);
	uiml_model_free(&env, &model);

	params.text = NULL;
	assert_int_equal(fit(&env, world, &params, &model), UIML_EINVALID);
	assert_int_equal(test_env_live(), 0);
}

/* Texts that are all the same, or too few of them, place nothing. */
static void
test_nothing_told(void **state)
{
	World *world = *state;
	UimlEnv env = test_env_counting();
	UimlModelParams params = params_of(world, UIML_FEATURES_HYBRID);
	float text[(ITEMS + TEXTS) * TEXT_DIMS] = {0};
	UimlModel model;

	params.text = text;
	for (int few = 0; few < 2; few++)
	{
		for (size_t i = 0; i < ITEMS + TEXTS; i++)
			text[i * TEXT_DIMS] = few && i > 18 && i < WARM ? 0 : 1;
		assert_int_equal(fit(&env, world, &params, &model), UIML_OK);
		assert_int_equal(model.n_texts, 0);
		assert_int_equal(model.interest[ITEMS - 1], UINT32_MAX);
		assert_true(model.out[(ITEMS - 1) * model.dims] == 0);
		uiml_model_free(&env, &model);
	}
	assert_int_equal(test_env_live(), 0);
}

static UimlStatus
train(const UimlEnv *env, World *world, UimlFeatureKind features, UimlModel *model, UimlJudgement *judgement)
{
	UimlRows rows = uiml_rows_in_memory(&world->x);
	UimlSplitKeys keys = {world->hash, item_hash, NULL};
	UimlBehaviourParams params = uiml_behaviour_defaults();

	params.model = params_of(world, features);
	params.max_users = 100;
	return uiml_behaviour_train(env, &rows, &keys, &params, model, judgement);
}

/* Who wrote of a group likes items of that group: texts count something, and users are known by them. */
static void
test_evidence(void **state)
{
	World *world = *state;
	UimlEnv env = test_env_counting();
	UimlModel model;
	UimlJudgement judgement;
	const uint32_t item[] = {4, ITEMS + 1};
	const float mass[] = {1, 1};
	float interests[GROUPS], alone[GROUPS];

	assert_int_equal(train(&env, world, UIML_FEATURES_HYBRID, &model, &judgement), UIML_OK);
	assert_int_equal(model.n_texts, TEXTS);
	assert_true(model.text_weight > 0);
	uiml_model_user(&model, item, mass, 1, NULL, alone);
	uiml_model_user(&model, item, mass, 2, NULL, interests);
	assert_true(interests[model.interest[ITEMS + 1]] ==
				alone[model.interest[ITEMS + 1]] + (float) model.text_weight);
	model.text_weight = 0;
	uiml_model_user(&model, item, mass, 2, NULL, interests);
	assert_memory_equal(interests, alone, sizeof(alone));
	uiml_model_free(&env, &model);
	uiml_judgement_free(&env, &judgement);
	assert_int_equal(test_env_live(), 0);
}

/* Texts that have nothing to do with what their writers like count nothing. */
static void
test_no_evidence(void **state)
{
	World *world = *state;
	World other = *world;
	UimlEnv env = test_env_counting();
	UimlModel model;
	UimlJudgement judgement;
	UimlRng rng;

	uiml_rng_init(&rng, 9);
	other.x.item = malloc(world->x.n_entries * sizeof(uint32_t));
	memcpy(other.x.item, world->x.item, world->x.n_entries * sizeof(uint32_t));
	for (size_t u = 0; u < USERS; u++)
		other.x.item[world->x.row_start[u + 1] - 1] = ITEMS + (uint32_t) uiml_rng_below(&rng, TEXTS);
	assert_int_equal(train(&env, &other, UIML_FEATURES_HYBRID, &model, &judgement), UIML_OK);
	assert_int_equal(model.n_texts, TEXTS);
	assert_true(model.text_weight == 0);
	uiml_model_free(&env, &model);
	uiml_judgement_free(&env, &judgement);
	free(other.x.item);
	assert_int_equal(test_env_live(), 0);
}

static UimlStatus
fit_and_place(const UimlEnv *env, World *world)
{
	UimlModelParams params = params_of(world, UIML_FEATURES_HYBRID);
	UimlModel model;
	UimlEnv counting = test_env_counting();
	UimlModelParams plain = params_of(world, UIML_FEATURES_BEHAVIOUR);
	UimlStatus status;

	assert_int_equal(fit(&counting, world, &plain, &model), UIML_OK);
	status = uiml_model_place(env, &params, TEXTS, &model);
	uiml_model_free(&counting, &model);
	return status;
}

static void
test_out_of_memory(void **state)
{
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = fit_and_place(&env, *state);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
}

static void
test_interrupted(void **state)
{
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = fit_and_place(&env, *state);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
}

/* What is allocated at the peak is what uiml_place_memory says, within an eighth. */
static void
test_memory(void **state)
{
	World *world = *state;
	UimlEnv counting = test_env_counting();
	UimlModelParams params = params_of(world, UIML_FEATURES_HYBRID);
	UimlModelParams plain = params_of(world, UIML_FEATURES_BEHAVIOUR);
	TestEnvMeter meter = {0};
	UimlEnv env = test_env_metered(&meter);
	UimlModel model;
	size_t said, d;

	plain.dims = 8;
	assert_int_equal(fit(&counting, world, &plain, &model), UIML_OK);
	d = model.dims;
	{
		/* freed and replaced within: of the metered environment, too */
		float *in = uiml_alloc(&env, ITEMS * d, sizeof(float));
		uint32_t *interest = uiml_alloc(&env, ITEMS, sizeof(uint32_t));

		memcpy(in, model.in, ITEMS * d * sizeof(float));
		memcpy(interest, model.interest, ITEMS * sizeof(uint32_t));
		uiml_free(&counting, model.in);
		uiml_free(&counting, model.interest);
		model.in = in;
		model.interest = interest;
	}
	said = uiml_place_memory(ITEMS, TEXTS, TEXT_DIMS, d, GROUPS);
	meter.peak = meter.held = 0;
	assert_int_equal(uiml_model_place(&env, &params, TEXTS, &model), UIML_OK);
	assert_true((double) meter.peak < 1.125 * (double) said);
	assert_true((double) meter.peak > .5 * (double) said);
	uiml_free(&env, model.in);
	uiml_free(&env, model.interest);
	model.in = NULL;
	model.interest = NULL;
	uiml_model_free(&counting, &model);
	assert_int_equal(test_env_live(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hybrid),       cmocka_unit_test(test_text),
		cmocka_unit_test(test_nothing_told), cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_no_evidence),  cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_interrupted),  cmocka_unit_test(test_memory)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
