/*
 * test_next_choose.c
 *	  From sequences to a model that was chosen and judged; refits, memory, failures.
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
#include "next_source.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((double) (a) - (double) (b)) < (tolerance))

enum
{
	ITEMS = 24,
	DIMS = 6,
	MANY = 3000,
	K = 6
};

/* A world of items on a ring: vectors that turn with them, interests of neighbours; and users of three roles. */
typedef struct World
{
	float in[ITEMS * DIMS];
	uint32_t interest[ITEMS];
	float popularity[ITEMS];
	float prior[K];
	UimlNextSpace space;
	UimlNextRest rest;
	UimlNextParams params;
	TestSource fit, tune, judge;
} World;

static World *
create_world(UimlNextTarget target, size_t users)
{
	World *world = calloc(1, sizeof(World));

	for (uint32_t i = 0; i < ITEMS; i++)
	{
		for (size_t j = 0; j < DIMS; j++)
			world->in[i * DIMS + j] = (float) cos(2 * M_PI * (double) i / ITEMS * (double) (j / 2 + 1) -
												  M_PI / 2 * (double) (j % 2));
		world->interest[i] = i == ITEMS - 1 ? UINT32_MAX : i / (ITEMS / K);
		world->popularity[i] = 1.0f / ITEMS;
	}
	for (size_t c = 0; c < K; c++)
		world->prior[c] = 1.0f / K;
	world->space = (UimlNextSpace){
		.n_items = ITEMS, .dims = DIMS, .in = world->in, .out = world->in, .interest = world->interest};
	world->rest = (UimlNextRest){.half_life = INFINITY,
								 .prior = world->prior,
								 .alpha = 2,
								 .popularity = world->popularity,
								 .item_alpha = 5,
								 .temperature = .6};
	world->params = (UimlNextParams){.target = target,
									 .n_classes = target == UIML_NEXT_ITEM ? ITEMS : K,
									 .max_length = 20,
									 .rules = true,
									 .ridge = true,
									 .ease = true};
	test_source_ring(&world->fit, users, 12, ITEMS, .1, 1);
	test_source_ring(&world->tune, users / 2, 12, ITEMS, .1, 2);
	test_source_ring(&world->judge, users / 2, 12, ITEMS, .1, 3);
	return world;
}

static void
free_world(World *world)
{
	test_source_free(&world->fit);
	test_source_free(&world->tune);
	test_source_free(&world->judge);
	free(world);
}

static UimlStatus
run(const UimlEnv *env, const World *world, UimlNextWanted wanted, UimlNextModel *model,
	UimlNextChoice *choice, UimlNextFigures *figures)
{
	UimlStatus status = uiml_next_fit(env, &world->fit.source, &world->params, &world->space, NULL, model);

	if (status == UIML_OK)
		status =
			uiml_next_choose(env, model, &world->space, &world->tune.all, &world->rest, wanted, choice, NULL);
	if (status == UIML_OK)
		status = uiml_next_judge(env, model, &world->space, &world->judge.all, &world->rest, choice, figures);
	return status;
}

static void
test_items(void **state)
{
	World *world = create_world(UIML_NEXT_ITEM, 400);
	UimlEnv env = test_env_counting();
	UimlNextModel model, all;
	UimlNextChoice choice;
	UimlNextFigures figures[UIML_NEXT_ROWS];
	float share[ITEMS];
	float sum = 0;
	void *room;

	(void) state;
	assert_int_equal(run(&env, world, UIML_WANTED_AUTO, &model, &choice, figures), UIML_OK);
	for (size_t i = 0; i < ITEMS; i++)
		sum += model.popularity[i];
	assert_near(sum, 1, 1e-5);
	assert_non_null(model.ridge.links.start);
	assert_non_null(model.ease.links.start);

	/* Nine of ten events follow from the one before; popularity knows of nothing. */
	assert_near(figures[UIML_EXPERT_POPULARITY].loss, log(ITEMS - 3), .3);
	assert_true(figures[UIML_EXPERT_RULES].loss < 1.3 && figures[UIML_EXPERT_RULES].accuracy > .8);
	assert_true(figures[UIML_EXPERT_RIDGE].loss < 1.3 && figures[UIML_EXPERT_RIDGE].accuracy > .8);
	assert_true(figures[UIML_EXPERT_EASE].loss < 2.6);
	assert_int_equal(figures[UIML_EXPERT_LSTM].users, 0);
	assert_true(isnan(figures[UIML_EXPERT_LSTM].loss));
	assert_true(figures[UIML_NEXT_MIXTURE].loss < figures[UIML_EXPERT_RULES].loss + .02);
	assert_true(figures[UIML_NEXT_BLEND].loss < figures[UIML_NEXT_HISTORY].loss - .5);
	assert_true(figures[UIML_NEXT_BLEND].loss < figures[choice.kept].loss + .02);
	assert_true(figures[UIML_EXPERT_RULES].hr > .85 &&
				figures[UIML_EXPERT_RULES].hr >= figures[UIML_EXPERT_RULES].ndcg);

	uiml_next_apply(&choice, &model);
	assert_true(uiml_next_valid(&model, &world->space));
	room = malloc(uiml_next_room(&model, &world->space));
	uiml_next_predict(&model, &world->space, (const uint32_t[]){3, 4, 5}, 3, true, room, share);
	for (size_t i = 0; i < ITEMS; i++)
		assert_true(i == 6 || share[i] < share[6]);
	free(room);

	/* A refit has what is kept, and no more. */
	choice.kept = UIML_EXPERT_RULES;
	uiml_next_apply(&choice, &model);
	uiml_next_free(&env, &model);
	assert_int_equal(uiml_next_fit(&env, &world->judge.source, &world->params, &world->space, &model, &all),
					 UIML_OK);
	assert_non_null(all.rules.links.start);
	assert_null(all.ridge.links.start);
	assert_null(all.ease.links.start);
	assert_memory_equal(all.mix, model.mix, sizeof(all.mix));
	assert_memory_equal(all.blend, model.blend, sizeof(all.blend));
	assert_true(uiml_next_valid(&all, &world->space));
	uiml_next_free(&env, &all);

	/* Where there is no room for one of them any more, the others have its weight. */
	choice.kept = UIML_NEXT_MIXTURE;
	uiml_next_apply(&choice, &model);
	world->params.memory = 40000;
	assert_int_equal(uiml_next_fit(&env, &world->judge.source, &world->params, &world->space, &model, &all),
					 UIML_OK);
	assert_null(all.ease.links.start);
	assert_true(uiml_next_valid(&all, &world->space));
	uiml_next_free(&env, &all);
	assert_int_equal(test_env_live(), 0);
	free_world(world);
}

static void
test_interests(void **state)
{
	World *world = create_world(UIML_NEXT_INTEREST, 400);
	UimlEnv env = test_env_counting();
	UimlNextModel model;
	UimlNextChoice choice;
	UimlNextFigures figures[UIML_NEXT_ROWS];

	(void) state;
	assert_int_equal(run(&env, world, UIML_WANTED_RIDGE, &model, &choice, figures), UIML_OK);
	assert_int_equal(choice.kept, UIML_EXPERT_RIDGE);
	assert_null(model.ease.links.start);
	assert_non_null(model.ridge.b);
	assert_int_equal(model.ridge.p, DIMS + K);
	assert_true(figures[UIML_EXPERT_RIDGE].loss < figures[UIML_EXPERT_POPULARITY].loss - .3);
	assert_true(isnan(figures[UIML_EXPERT_RIDGE].hr));
	assert_true(figures[UIML_NEXT_BLEND].loss < figures[UIML_NEXT_HISTORY].loss);
	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
		assert_true(choice.blend[length] >= 0 && choice.blend[length] <= 1);
	uiml_next_free(&env, &model);

	/* Who forgets at once only knows the newest interest: the rest is another. */
	world->tune.all.at = calloc(world->tune.all.n_events, sizeof(double));
	world->tune.all.weight = malloc(world->tune.all.n_events * sizeof(float));
	for (size_t e = 0; e < world->tune.all.n_events; e++)
	{
		world->tune.all.at[e] = (double) e;
		world->tune.all.weight[e] = 1;
	}
	world->rest.half_life = .01;
	assert_int_equal(uiml_next_fit(&env, &world->fit.source, &world->params, &world->space, NULL, &model),
					 UIML_OK);
	assert_int_equal(uiml_next_choose(&env, &model, &world->space, &world->tune.all, &world->rest,
									  UIML_WANTED_AUTO, &choice, figures),
					 UIML_OK);
	/* Of six interests of four items the ring leaves three quarters within: (1 + 2 / 6) / 3 on the own one. */
	assert_near(figures[UIML_NEXT_HISTORY].loss, -.7 * log(4.0 / 9) - .3 * log(1.0 / 9), .15);
	uiml_next_free(&env, &model);

	/* What says no more than the rest has no part beside it. */
	world->params.rules = world->params.ridge = false;
	world->rest.half_life = INFINITY;
	world->rest.alpha = 1e5;
	assert_int_equal(uiml_next_fit(&env, &world->fit.source, &world->params, &world->space, NULL, &model),
					 UIML_OK);
	memcpy(world->prior, model.popularity, sizeof(world->prior));
	assert_int_equal(uiml_next_choose(&env, &model, &world->space, &world->tune.all, &world->rest,
									  UIML_WANTED_AUTO, &choice, figures),
					 UIML_OK);
	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
		assert_true(choice.blend[length] == 0);
	free(world->tune.all.at);
	free(world->tune.all.weight);
	uiml_next_free(&env, &model);
	assert_int_equal(test_env_live(), 0);
	free_world(world);
}

/* Memory bounds what is tried; where links don't fit there is the low rank. */
static void
test_memory(void **state)
{
	World *world = create_world(UIML_NEXT_ITEM, 400);
	TestEnvMeter meter = {0};
	UimlEnv env = test_env_metered(&meter);
	UimlNextModel model;
	float *vectors;

	(void) state;
	world->params.memory = 1 << 20;
	assert_int_equal(uiml_next_fit(&env, &world->fit.source, &world->params, &world->space, NULL, &model),
					 UIML_OK);
	assert_true(meter.peak <= world->params.memory);
	assert_non_null(model.ease.links.start);
	uiml_next_free(&env, &model);

	/* Many items make panels large, but not the statistics of a few dimensions. */
	vectors = calloc(MANY * DIMS, sizeof(float));
	memcpy(vectors, world->in, sizeof(world->in));
	world->space.n_items = world->params.n_classes = MANY;
	world->space.in = world->space.out = vectors;
	meter.peak = 0;
	world->params.memory = 700000;
	assert_int_equal(uiml_next_fit(&env, &world->fit.source, &world->params, &world->space, NULL, &model),
					 UIML_OK);
	assert_true(meter.peak <= world->params.memory);
	assert_true(uiml_next_memory(&world->params, &world->space, world->fit.all.n_events) <= 700000);
	assert_null(model.ease.links.start);
	assert_null(model.ridge.links.start);
	assert_non_null(model.ridge.w);
	assert_int_equal(model.ridge.q, DIMS);
	uiml_next_free(&env, &model);
	free(vectors);
	assert_int_equal(meter.held, 0);
	free_world(world);
}

static void
test_refused(void **state)
{
	World *world = create_world(UIML_NEXT_ITEM, 20);
	UimlEnv env = test_env_counting();
	UimlNextModel model;
	UimlNextChoice choice;
	UimlNextFigures figures[UIML_NEXT_ROWS];

	(void) state;
	assert_int_equal(run(&env, world, UIML_WANTED_LSTM, &model, &choice, figures), UIML_EINVALID);
	uiml_next_free(&env, &model);
	world->params.max_length = 0;
	assert_int_equal(run(&env, world, UIML_WANTED_AUTO, &model, &choice, figures), UIML_EINVALID);
	uiml_next_free(&env, &model);
	world->params.max_length = 20;
	world->fit.all.n = 0;
	assert_int_equal(run(&env, world, UIML_WANTED_AUTO, &model, &choice, figures), UIML_EEMPTY);
	uiml_next_free(&env, &model);
	assert_int_equal(test_env_live(), 0);
	free_world(world);
}

/* Whichever allocation fails, and whenever somebody asks to stop: nothing is left behind. */
static void
test_failures(void **state)
{
	for (UimlNextTarget target = UIML_NEXT_INTEREST; target <= UIML_NEXT_ITEM; target++)
	{
		World *world = create_world(target, 20);
		long live = test_env_live();

		(void) state;
		for (int interrupting = 0; interrupting < 2; interrupting++)
		{
			bool done = false;

			for (long k = 1; !done; k++)
			{
				long countdown = k;
				UimlEnv env =
					interrupting ? test_env_interrupting(&countdown) : test_env_failing_alloc(&countdown);
				UimlNextModel model;
				UimlNextChoice choice;
				UimlNextFigures figures[UIML_NEXT_ROWS];
				UimlStatus status = run(&env, world, UIML_WANTED_AUTO, &model, &choice, figures);

				done = countdown > 0;
				assert_int_equal(status, done ? UIML_OK : interrupting ? UIML_EINTERRUPTED : UIML_ENOMEM);
				uiml_next_free(&env, &model);
				assert_int_equal(test_env_live(), live);
			}
		}
		free_world(world);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items),   cmocka_unit_test(test_interests), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
