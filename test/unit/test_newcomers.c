/*
 * test_newcomers.c
 *	  Users who are new to a domain: what they are expected to do, against a world with two kinds of people.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/newcomers.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) < (tolerance))

#define USERS 200
#define EACH  10 /* items of a user in each domain */
#define ITEMS 20 /* of each domain, the first half of one kind */

static const size_t cut_off[] = {5};

/*
 * Users are of the kind of their number, even or odd.  In the source they do items of their kind only, in the
 * target nine of ten are of theirs.  The models know the kinds: as dimensions and as interests.
 */
typedef struct World
{
	float in[ITEMS * 2], out[ITEMS * 2], popularity[ITEMS], prior[2], centroid[4], one[USERS * EACH];
	double sigma[2];
	uint32_t interest[ITEMS];
	UimlModel model;
	size_t start[USERS + 1], seen_start[USERS + 1], hidden_start[USERS + 1];
	uint32_t did[USERS * EACH], seen_item[USERS * EACH], hidden_item[USERS * EACH], row[USERS];
	uint8_t fold[USERS];
	UimlInteractions source;
	UimlHoldout target;
	UimlNewcomerUsers users;
	float w[4], b[2], overlap[ITEMS], coef[4], average[2], rarity[ITEMS];
	uint64_t nobody[ITEMS + 1];
	UimlItemTransfer items;
	UimlInterestTransfer interests;
	UimlNewcomers newcomers;
} World;

static void
model_build(World *w)
{
	for (size_t i = 0; i < ITEMS; i++)
	{
		size_t kind = i / (ITEMS / 2);

		w->in[2 * i + kind] = w->out[2 * i + kind] = 1;
		w->interest[i] = (uint32_t) kind;
		w->popularity[i] = w->overlap[i] = 1.0F / ITEMS;
	}
	w->prior[0] = w->prior[1] = .5F;
	w->sigma[0] = w->sigma[1] = 1;
	w->model = (UimlModel){.n_items = ITEMS,
						   .dims = 2,
						   .interest_dims = 2,
						   .n_interests = 2,
						   .in = w->in,
						   .out = w->out,
						   .centroid = w->centroid,
						   .sigma = w->sigma,
						   .interest = w->interest,
						   .prior = w->prior,
						   .popularity = w->popularity,
						   .alpha = 2,
						   .item_alpha = 10,
						   .temperature = .6};
}

/* The last items of each user in the target are hidden, all but so many. */
static void
users_build(World *w, size_t observed)
{
	size_t seen = 0;
	size_t hidden = 0;

	for (size_t u = 0; u < USERS; u++)
	{
		w->start[u] = u * EACH;
		w->seen_start[u] = seen;
		w->hidden_start[u] = hidden;
		w->row[u] = (uint32_t) u;
		w->fold[u] = (uint8_t) (u / 2 % UIML_FOLDS);
		for (size_t i = 0; i < EACH; i++)
		{
			size_t kind = i == EACH - 1 ? 1 - u % 2 : u % 2; /* the last one is of the other kind */
			uint32_t item = (uint32_t) (kind * (ITEMS / 2) + (u + i) % (ITEMS / 2));

			w->did[u * EACH + i] = (uint32_t) (u % 2 * (ITEMS / 2) + i);
			w->one[u * EACH + i] = 1;
			if (i < observed)
				w->seen_item[seen++] = item;
			else
				w->hidden_item[hidden++] = item;
		}
	}
	w->start[USERS] = USERS * EACH;
	w->seen_start[USERS] = seen;
	w->hidden_start[USERS] = hidden;
}

static UimlInteractions
matrix(size_t *row_start, uint32_t *item, float *mass)
{
	return (UimlInteractions){.n_users = USERS,
							  .n_items = ITEMS,
							  .n_entries = row_start[USERS],
							  .row_start = row_start,
							  .item = item,
							  .strength = mass,
							  .mass = mass};
}

static void
world_build(World *w, size_t observed, bool used)
{
	*w = (World){.w = {1, 0, 0, 1}, .coef = {4, -4, -4, 4}, .average = {.5F, .5F}};
	model_build(w);
	users_build(w, observed);
	w->source = matrix(w->start, w->did, w->one);
	w->target.seen = matrix(w->seen_start, w->seen_item, w->one);
	w->target.hidden = matrix(w->hidden_start, w->hidden_item, w->one);
	w->users = (UimlNewcomerUsers){&w->source, w->row, &w->target, w->fold};
	w->items = (UimlItemTransfer){.p = 2,
								  .q = 2,
								  .n_items = ITEMS,
								  .w = w->w,
								  .b = w->b,
								  .weight = {[UIML_PART_MAP] = .9, [UIML_PART_POPULARITY] = .1},
								  .temperature = 1,
								  .strength = 5,
								  .overlap = w->overlap,
								  .pool = {.n_source_items = ITEMS,
										   .rarity = w->rarity,
										   .item_start = w->nobody,
										   .choice_start = w->nobody},
								  .used = used};
	w->interests = (UimlInterestTransfer){.p = 2,
										  .k = 2,
										  .coef = w->coef,
										  .b = w->b,
										  .average = w->average,
										  .mixing = .2,
										  .alpha = 8,
										  .used = used};
	w->newcomers = (UimlNewcomers){
		.source = &w->model, .target = &w->model, .items = &w->items, .interests = &w->interests};
}

static UimlStatus
judge(const UimlEnv *env, World *w, UimlJudgement *judgement)
{
	UimlJudgeParams params = {.k = cut_off, .n_k = 1, .negatives = 3, .seed = 1};
	UimlStatus status = uiml_newcomers_fit_rivals(env, &w->users, &w->newcomers);

	*judgement = (UimlJudgement){0};
	if (status == UIML_OK)
		status = uiml_newcomers_judge(env, &w->newcomers, &w->users, &params, judgement);
	uiml_newcomers_free(env, &w->newcomers);
	return status;
}

static double
mean(const double *value)
{
	double sum = 0;

	for (size_t u = 0; u < USERS; u++)
		sum += value[u];
	return sum / USERS;
}

/* Without history every prediction is known; nine of ten hidden items are of the user's kind. */
static void
test_new(void **state)
{
	static World w;
	UimlEnv env = test_env_counting();
	UimlJudgement j;
	double own = .8 / (1 + exp(-8)) + .1; /* the transfer's share of his kind */
	size_t loss;

	(void) state;
	for (int used = 0; used < 2; used++)
	{
		world_build(&w, 0, used);
		assert_int_equal(judge(&env, &w, &j), UIML_OK);
		assert_int_equal(j.n_rivals, UIML_N_RIVALS);
		loss = uiml_judgement_user_row(&j, UIML_LOGLOSS) * USERS;
		assert_near(mean(j.baseline + loss), log(2), 1e-6);
		assert_near(mean(j.value + loss), used ? -.9 * log(own) - .1 * log(1 - own) : log(2), 1e-5);
		assert_near(mean(j.rival_loss + UIML_RIVAL_ALONE * USERS), log(2), 1e-6);
		assert_near(mean(j.rival_loss + UIML_RIVAL_SMOOTHED * USERS), log(2), 1e-6);
		assert_near(mean(j.rival_loss + UIML_RIVAL_HISTORY * USERS), log(2), 1e-6);
		assert_near(mean(j.rival_loss + UIML_RIVAL_LINEAR * USERS), -.9 * log(.9) - .1 * log(.1), 1e-4);

		/* All first five are of his kind; nine of its ten items are hidden, and one of the other ten. */
		if (used)
			assert_true(mean(j.value) > .85);
		else
			assert_near(mean(j.value), mean(j.baseline), 1e-9);
		uiml_judgement_free(&env, &j);
	}
	assert_int_equal(test_env_live(), 0);
}

/* With history its strength is the transfer's; what was seen is not ranked. */
static void
test_observed(void **state)
{
	static World w;
	UimlEnv env = test_env_counting();
	UimlJudgement j;
	double own = .8 / (1 + exp(-8)) + .1;
	double with = (4 + 8 * own) / 12;
	double without = (4 + 2 * .5) / 6;
	double linear;
	size_t loss;

	(void) state;
	world_build(&w, 4, true);
	assert_int_equal(judge(&env, &w, &j), UIML_OK);
	loss = uiml_judgement_user_row(&j, UIML_LOGLOSS) * USERS;
	assert_near(mean(j.value + loss), -(5 * log(with) + log(1 - with)) / 6, 1e-5);
	assert_near(mean(j.rival_loss + UIML_RIVAL_HISTORY * USERS), -(5 * log(without) + log(1 - without)) / 6,
				1e-5);
	assert_near(mean(j.rival_loss + UIML_RIVAL_ALONE * USERS), -(5 * log(5.0 / 6) + log(1.0 / 6)) / 6, 1e-5);

	/* The best strength makes it what the hidden items say. */
	assert_near(mean(j.rival_loss + UIML_RIVAL_SMOOTHED * USERS), -(5 * log(5.0 / 6) + log(1.0 / 6)) / 6,
				1e-5);
	linear = mean(j.rival_loss + UIML_RIVAL_LINEAR * USERS);
	assert_true(linear < log(2) && linear > -(5 * log(5.0 / 6) + log(1.0 / 6)) / 6 - 1e-6);
	assert_true(mean(j.value) > mean(j.baseline) + .2);
	uiml_judgement_free(&env, &j);
	assert_int_equal(test_env_live(), 0);
}

/* Who did nothing in the source that has a place is expected to do what the domain does. */
static void
test_unknown(void **state)
{
	static World w;
	UimlEnv env = test_env_counting();
	UimlJudgement j;
	size_t loss;

	(void) state;
	world_build(&w, 0, true);
	w.row[0] = 1; /* everybody is somebody else, */
	for (size_t u = 0; u < USERS; u++)
		w.start[u] = USERS * EACH; /* who has done nothing */
	assert_int_equal(judge(&env, &w, &j), UIML_OK);
	loss = uiml_judgement_user_row(&j, UIML_LOGLOSS) * USERS;
	assert_near(mean(j.value + loss), log(2), 1e-6);
	assert_near(mean(j.rival_loss + UIML_RIVAL_LINEAR * USERS), log(2), 1e-6);
	assert_near(mean(j.value), mean(j.baseline), 1e-9);
	uiml_judgement_free(&env, &j);
	assert_int_equal(test_env_live(), 0);
}

/* A map of shares of three and two interests: one column of it is the other's rest. */
static void
test_map(void **state)
{
	UimlEnv env = test_env_counting();
	static float x[USERS * 3], y[USERS * 2], held_out[USERS * 2];
	static uint8_t fold[USERS];
	UimlShareRows rows = {.n = USERS, .p = 3, .k = 2, .x = x, .y = y, .fold = fold};
	UimlShareMap map;
	float share[2];

	(void) state;
	for (size_t u = 0; u < USERS; u++)
	{
		float a = (float) (u % 7) / 10, b = (float) (u % 4) / 10;

		x[3 * u] = a;
		x[3 * u + 1] = b;
		x[3 * u + 2] = 1 - a - b;
		y[2 * u] = .2F + .5F * a + .3F * b;
		y[2 * u + 1] = 1 - y[2 * u];
		fold[u] = (uint8_t) (u % UIML_FOLDS);
	}
	assert_int_equal(uiml_share_map_fit(&env, &rows, held_out, &map), UIML_OK);
	for (size_t i = 0; i < 2 * USERS; i++)
		assert_near(held_out[i], y[i], 1e-3);
	uiml_share_map_predict(&map, (float[]){0, 0, 1}, share);
	assert_near(share[0], .2, 1e-3);
	assert_near(share[1], .8, 1e-3);
	uiml_share_map_predict(&map, (float[]){-9, 0, 10}, share); /* below 0 is 0 */
	assert_true(share[0] == 0 && fabsf(share[1] - 1) < 1e-6F);
	uiml_share_map_free(&env, &map);

	rows.n = 1;
	assert_int_equal(uiml_share_map_fit(&env, &rows, held_out, &map), UIML_EEMPTY);
	assert_int_equal(test_env_live(), 0);
}

static void
test_failures(void **state)
{
	static World w;

	(void) state;
	for (int interrupt = 0; interrupt < 2; interrupt++)
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = interrupt ? test_env_interrupting(&countdown) : test_env_failing_alloc(&countdown);
			UimlJudgement j;
			UimlStatus status;

			world_build(&w, 2, true);
			status = judge(&env, &w, &j);
			if (status == UIML_OK)
			{
				uiml_judgement_free(&env, &j);
				assert_true(k > 5);
				break;
			}
			assert_int_equal(status, interrupt ? UIML_EINTERRUPTED : UIML_ENOMEM);
			assert_int_equal(test_env_live(), 0);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new), cmocka_unit_test(test_observed), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_map), cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("newcomers", tests, NULL, NULL);
}
