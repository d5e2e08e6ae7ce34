/*
 * test_judgement.c
 *	  A judgement against values worked out by hand, and two judgements compared.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/model_judge.h"
#include "core/rng.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) < (tolerance))

static const size_t cut_off[] = {1, 2};

/*
 * Four items, 0 seen and 2 hidden by the first user; the second one hides nothing.  Scores put the others in the
 * order 1, 2, 3, popularity in the order 2, 3, 1.
 */
typedef struct Small
{
	float in[8], out[8], popularity[4], prior[2], centroid[4];
	double sigma[2];
	uint32_t interest[4];
	size_t seen_start[3], hidden_start[3];
	uint32_t seen[2], hidden[1];
	float one[2];
	UimlModel model;
	UimlHoldout holdout;
} Small;

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

static void
small_build(Small *s)
{
	*s = (Small){.in = {1, 0, 1, 0, 1, 2, 0, 1},
				 .out = {9, 0, 3, 0, 2, 0, 1, 0},
				 .popularity = {.4F, .1F, .3F, .2F},
				 .prior = {.5F, .5F},
				 .sigma = {2, 1},
				 .interest = {0, 0, 1, 1},
				 .seen_start = {0, 1, 2},
				 .hidden_start = {0, 1, 1},
				 .seen = {0, 3},
				 .hidden = {2},
				 .one = {1, 1}};
	s->model = (UimlModel){.n_items = 4,
						   .dims = 2,
						   .n_interests = 2,
						   .in = s->in,
						   .out = s->out,
						   .centroid = s->centroid,
						   .sigma = s->sigma,
						   .interest = s->interest,
						   .prior = s->prior,
						   .popularity = s->popularity,
						   .alpha = 1,
						   .item_alpha = 1e-9,
						   .temperature = 1};
	s->holdout.seen = matrix(2, 4, s->seen_start, s->seen, s->one);
	s->holdout.hidden = matrix(2, 4, s->hidden_start, s->hidden, s->one);
}

static const UimlFigure *
figure_of(const UimlFigure *figure, size_t n, const char *metric, size_t k)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(figure[i].metric, metric) == 0 && figure[i].k == k)
			return &figure[i];
	fail();
	return NULL;
}

static void
by_hand(void **state)
{
	static const struct
	{
		const char *metric;
		size_t k;
		double value, baseline;
	} expected[] = {
		{"recall", 1, 0, 1},
		{"recall", 2, 1, 1},
		{"mrr", 2, .5, 1},
		{"novelty", 1, 3.321928094887362, 1.736965594166206}, /* -log2 of .1 and .3 */
		{"novelty", 2, 2.529446844526784, 2.029446844526784},
		{"diversity", 2, .2928932188134524, .2928932188134524}, /* 1 - cos of (2, 0) or (0, 1) and (2, 2) */
		{"coverage", 1, .25, .25},
		{"coverage", 2, .5, .5},
		{"gini", 1, .75, .75},
		{"gini", 2, .5, .5},
		{"auc", 0, .5, 1},
		{"logloss", 0, 1.3862943611198906, .6931471805599453}, /* ln 4 and ln 2 */
		{"accuracy", 0, 0, 0},
	};
	UimlEnv env = test_env_counting();
	UimlJudgement judgement;
	UimlFigure figure[32];
	Small small;
	size_t n;

	(void) state;
	small_build(&small);
	assert_int_equal(uiml_model_judge(&env, &small.model, &small.holdout, cut_off, 2, &judgement), UIML_OK);
	n = uiml_judgement_n_figures(&judgement);
	assert_int_equal(n, 2 * 10 + 3);
	assert_int_equal(uiml_judgement_figures(&env, &judgement, 0, figure), UIML_OK);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
	{
		const UimlFigure *found = figure_of(figure, n, expected[i].metric, expected[i].k);

		assert_near(found->value, expected[i].value, 1e-6);
		assert_near(found->baseline_value, expected[i].baseline, 1e-6);
		assert_int_equal(found->users, 1);
	}
	/* a list of one item has no diversity */
	assert_true(isnan(figure_of(figure, n, "diversity", 1)->value));
	assert_int_equal(figure_of(figure, n, "diversity", 1)->users, 0);
	assert_true(isnan(figure_of(figure, n, "gini", 1)->low));
	uiml_judgement_free(&env, &judgement);
	assert_int_equal(test_env_live(), 0);
}

/* A hundred users of a random model: enough for several batches of several pieces. */
enum
{
	USERS = 100,
	ITEMS = 300,
	D = 5,
	SEEN = 7
};

typedef struct World
{
	float in[ITEMS * D], out[ITEMS * D], popularity[ITEMS], prior[3], centroid[3 * D];
	double sigma[D];
	uint32_t interest[ITEMS];
	size_t seen_start[USERS + 1], hidden_start[USERS + 1];
	uint32_t seen[USERS * SEEN], hidden[USERS * 2];
	float one[USERS * SEEN];
	UimlModel model;
	UimlHoldout holdout;
} World;

static void
world_build(World *w, uint64_t seed)
{
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < ITEMS * D; i++)
	{
		w->in[i] = (float) uiml_rng_normal(&rng);
		w->out[i] = (float) uiml_rng_normal(&rng);
	}
	for (size_t i = 0; i < ITEMS; i++)
	{
		w->popularity[i] = i % 10 == 0 ? 0 : 1.0F / ITEMS;
		w->interest[i] = (uint32_t) (i % 3);
	}
	for (size_t j = 0; j < D; j++)
		w->sigma[j] = D - (double) j;
	w->prior[0] = w->prior[1] = w->prior[2] = 1.0F / 3;
	for (size_t u = 0; u < USERS; u++)
	{
		w->seen_start[u] = u * SEEN;
		w->hidden_start[u] = u * 2;
		for (size_t e = 0; e < SEEN; e++)
			w->seen[u * SEEN + e] = (uint32_t) (u + 31 * e);
		w->hidden[u * 2] = (uint32_t) ((u + 5) % 31);
		w->hidden[u * 2 + 1] = (uint32_t) (250 + u % 50);
	}
	w->seen_start[USERS] = USERS * SEEN;
	w->hidden_start[USERS] = USERS * 2;
	for (size_t e = 0; e < USERS * SEEN; e++)
		w->one[e] = 1;
	w->model = (UimlModel){.n_items = ITEMS,
						   .dims = D,
						   .n_interests = 3,
						   .in = w->in,
						   .out = w->out,
						   .centroid = w->centroid,
						   .sigma = w->sigma,
						   .interest = w->interest,
						   .prior = w->prior,
						   .popularity = w->popularity,
						   .alpha = 3,
						   .item_alpha = 10,
						   .temperature = .6};
	w->holdout.seen = matrix(USERS, ITEMS, w->seen_start, w->seen, w->one);
	w->holdout.hidden = matrix(USERS, ITEMS, w->hidden_start, w->hidden, w->one);
}

static void
backwards(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	(void) ctx;
	while (n-- > 0)
		task(arg, n);
}

/* Whatever the order of pieces, and however cut-offs are ordered, the values are the same. */
static void
order_is_nothing(void **state)
{
	static const size_t rising[] = {5, 20, 400};
	static const size_t falling[] = {400, 20, 5};
	static World world;
	UimlEnv env = uiml_env_malloc();
	UimlJudgement a, b;
	UimlFigure of_a[64], of_b[64];
	size_t n;

	(void) state;
	world_build(&world, 3);
	assert_int_equal(uiml_model_judge(&env, &world.model, &world.holdout, rising, 3, &a), UIML_OK);
	env.parallel = backwards;
	assert_int_equal(uiml_model_judge(&env, &world.model, &world.holdout, falling, 3, &b), UIML_OK);
	n = uiml_judgement_n_figures(&a);
	assert_int_equal(uiml_judgement_figures(&env, &a, 1, of_a), UIML_OK);
	assert_int_equal(uiml_judgement_figures(&env, &b, 1, of_b), UIML_OK);
	for (size_t i = 0; i < n; i++)
	{
		const UimlFigure *same = figure_of(of_b, n, of_a[i].metric, of_a[i].k);

		assert_int_equal(of_a[i].users, USERS);
		assert_true(isfinite(of_a[i].value) && of_a[i].value == same->value);
		assert_true(of_a[i].baseline_value == same->baseline_value);
		assert_true(isnan(of_a[i].low) || (of_a[i].low == same->low && of_a[i].high == same->high));
	}
	/* at 400 every unseen item is listed */
	assert_near(figure_of(of_a, n, "coverage", 400)->value, 1, 1e-15);
	assert_near(figure_of(of_a, n, "recall", 400)->value, 1, 1e-15);
	uiml_judgement_free(&env, &a);
	uiml_judgement_free(&env, &b);
}

/* A judgement with itself differs by nothing; one that is .25 higher for each user, by exactly that. */
static void
compared(void **state)
{
	static World world;
	UimlEnv env = uiml_env_malloc();
	UimlJudgement a, b;
	UimlDifference d[32];
	size_t n;
	size_t logloss;

	(void) state;
	world_build(&world, 4);
	assert_int_equal(uiml_model_judge(&env, &world.model, &world.holdout, cut_off, 2, &a), UIML_OK);
	assert_int_equal(uiml_model_judge(&env, &world.model, &world.holdout, cut_off, 2, &b), UIML_OK);
	n = uiml_judgement_n_figures(&a);
	assert_int_equal(uiml_judgement_compare(&env, &a, &b, 1, d), UIML_OK);
	for (size_t i = 0; i < n; i++)
	{
		bool is_total = strcmp(d[i].metric, "coverage") == 0 || strcmp(d[i].metric, "gini") == 0;

		if (strcmp(d[i].metric, "diversity") == 0 && d[i].k == 1)
		{
			assert_true(d[i].users == 0 && isnan(d[i].difference));
			continue;
		}
		assert_int_equal(d[i].users, USERS);
		assert_true(d[i].difference == 0 && d[i].a == d[i].b);
		assert_true(is_total ? isnan(d[i].low) && isnan(d[i].high) : d[i].low == 0 && d[i].high == 0);
	}

	logloss = uiml_judgement_user_row(&b, UIML_LOGLOSS) * USERS;
	for (size_t u = 0; u < USERS; u++)
	{
		a.value[logloss + u] = (double) (u % 7) / 8;
		b.value[logloss + u] = a.value[logloss + u] + .25;
	}
	a.value[logloss] = NAN;
	b.value[logloss + 1] = NAN;
	assert_int_equal(uiml_judgement_compare(&env, &a, &b, 1, d), UIML_OK);
	assert_string_equal(d[n - 2].metric, "logloss");
	assert_int_equal(d[n - 2].users, USERS - 2);
	assert_true(d[n - 2].difference == .25 && d[n - 2].low == .25 && d[n - 2].high == .25);
	assert_near(d[n - 2].b - d[n - 2].a, .25, 1e-12);
	assert_int_equal(d[n - 2].better, -1);
	assert_true(d[n - 2].of_interests);
	assert_string_equal(d[n - 3].metric, "auc");
	assert_true(d[n - 3].better == 1 && !d[n - 3].of_interests);

	b.k[1]++;
	assert_int_equal(uiml_judgement_compare(&env, &a, &b, 1, d), UIML_EINVALID);
	b.k[1]--;
	b.n_users--;
	assert_int_equal(uiml_judgement_compare(&env, &a, &b, 1, d), UIML_EINVALID);
	b.n_users++;
	uiml_judgement_free(&env, &a);
	uiml_judgement_free(&env, &b);
}

static UimlStatus
know_nothing(void *ctx, const UimlEnv *env, size_t user, UimlExpectation *of)
{
	(void) ctx;
	(void) env;
	(void) user;
	(void) of;
	return UIML_OK;
}

static const char *const rivals[] = {"one", "other"};

static UimlStatus
judge_and_compare(const UimlEnv *env, const World *world)
{
	UimlJudgement judgement;
	UimlFigure figure[40];
	UimlDifference difference[32];
	UimlJudgeParams params = {
		.k = cut_off, .n_k = 2, .expect = know_nothing, .n_rivals = 2, .rival = rivals, .negatives = 3};
	UimlStatus status = uiml_model_judge_expected(env, &world->model, &world->holdout, &params, &judgement);

	if (status == UIML_OK)
		status = uiml_judgement_figures(env, &judgement, 0, figure);
	if (status == UIML_OK)
		status = uiml_judgement_compare(env, &judgement, &judgement, 0, difference);
	uiml_judgement_free(env, &judgement);
	return status;
}

static void
fails_cleanly(void **state)
{
	static World world;
	UimlStatus status = UIML_ENOMEM;
	long countdown;
	long failed = 0;
	UimlEnv env;

	(void) state;
	world_build(&world, 5);
	for (long k = 1; status == UIML_ENOMEM; k++)
	{
		countdown = k;
		env = test_env_failing_alloc(&countdown);
		status = judge_and_compare(&env, &world);
		failed += status == UIML_ENOMEM;
		assert_int_equal(test_env_live(), 0);
	}
	assert_int_equal(status, UIML_OK);
	assert_true(failed > 20);

	for (long k = 1; k < 2000; k *= 3)
	{
		countdown = k;
		env = test_env_interrupting(&countdown);
		assert_int_equal(judge_and_compare(&env, &world), UIML_EINTERRUPTED);
		assert_int_equal(test_env_live(), 0);
	}
}

/* The first user is known from elsewhere: any item alike, little of interest 1. */
static UimlStatus
know_first(void *ctx, const UimlEnv *env, size_t user, UimlExpectation *of)
{
	(void) env;
	if (*(bool *) ctx)
		return UIML_EINVALID;
	assert_true(of->alpha == 1 && of->prior[0] == .5F && of->rival[1] == 0 && of->rival_alpha[1] == 1);
	if (user != 0)
		return UIML_OK;
	for (size_t i = 0; i < 4; i++)
		of->popularity[i] = .25F;
	of->item_alpha = 1e30;
	of->prior[0] = .9F;
	of->prior[1] = .1F;
	of->alpha = 3;
	of->rival[0] = .25F;
	of->rival[1] = .75F;
	of->rival[2] = of->rival[3] = .5F;
	of->rival_alpha[1] = 2;
	return UIML_OK;
}

/*
 * Of two negatives that score like the hidden item, both stand half before it: it is second.  By popularity
 * it is first.
 */
static void
expected(void **state)
{
	static const struct
	{
		const char *metric, *baseline;
		size_t k, negatives;
		double value, baseline_value;
	} wanted[] = {
		{"recall", "popularity", 1, 0, 0, 1},
		{"recall", "popularity", 2, 0, 1, 1},
		{"logloss", "prior", 0, 0, 2.590267165445, .6931471805599453},  /* ln (4 / .3) and ln 2 */
		{"logloss", "one", 0, 0, 2.590267165445, .9808292530117262},    /* ln (2 / .75) */
		{"logloss", "other", 0, 0, 2.590267165445, 1.0986122886681098}, /* ln 3 */
		{"hr", "popularity", 1, 2, 0, 1},
		{"hr", "popularity", 2, 2, 1, 1},
		{"ndcg", "popularity", 2, 2, .6309297535714574, 1},
		{"mrr", "popularity", 0, 2, .5, 1},
	};
	UimlEnv env = test_env_counting();
	UimlFigure figure[40];
	UimlJudgement judgement;
	Small small;
	bool fails = false;
	UimlJudgeParams params = {.k = cut_off,
							  .n_k = 2,
							  .expect = know_first,
							  .ctx = &fails,
							  .n_rivals = 2,
							  .rival = rivals,
							  .negatives = 2};
	size_t n;

	(void) state;
	small_build(&small);
	assert_int_equal(uiml_model_judge_expected(&env, &small.model, &small.holdout, &params, &judgement),
					 UIML_OK);
	n = uiml_judgement_n_figures(&judgement);
	assert_int_equal(n, 2 * 8 + 4 + 3 + 2 + 5);
	assert_int_equal(uiml_judgement_figures(&env, &judgement, 1, figure), UIML_OK);
	for (size_t w = 0; w < sizeof(wanted) / sizeof(*wanted); w++)
	{
		size_t found = 0;

		for (size_t i = 0; i < n; i++)
			if (strcmp(figure[i].metric, wanted[w].metric) == 0 && figure[i].k == wanted[w].k &&
				figure[i].negatives == wanted[w].negatives &&
				strcmp(figure[i].baseline, wanted[w].baseline) == 0)
			{
				assert_near(figure[i].value, wanted[w].value, 1e-6);
				assert_near(figure[i].baseline_value, wanted[w].baseline_value, 1e-6);
				assert_int_equal(figure[i].users, 1);
				found++;
			}
		assert_int_equal(found, 1);
	}
	uiml_judgement_free(&env, &judgement);
	fails = true;
	assert_int_equal(uiml_model_judge_expected(&env, &small.model, &small.holdout, &params, &judgement),
					 UIML_EINVALID);
	params.expect = NULL;
	params.n_k = 0;
	assert_int_equal(uiml_model_judge_expected(&env, &small.model, &small.holdout, &params, &judgement),
					 UIML_EINVALID);
	assert_int_equal(test_env_live(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),  cmocka_unit_test(order_is_nothing), cmocka_unit_test(compared),
		cmocka_unit_test(expected), cmocka_unit_test(fails_cleanly),
	};

	return cmocka_run_group_tests_name("judgement", tests, NULL, NULL);
}
