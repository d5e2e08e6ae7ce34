/*
 * test_model.c
 *	  Behaviour models on data with planted interests, and the shares that predictions compute.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/behaviour.h"
#include "core/model_score.h"
#include "core/rng.h"
#include "testenv.h"

/*
 * Users prefer one of four groups of items: three of four events go there, by a skewed popularity within it.
 */
enum
{
	USERS = 600,
	ITEMS = 200,
	GROUPS = 4,
	EVENTS = 24
};

typedef struct World
{
	UimlInteractions x;
	UimlRows rows;
	uint64_t hash[USERS];
} World;

static uint64_t
mix(uint64_t x)
{
	x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
	x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
	return x ^ (x >> 33);
}

static uint64_t
item_hash(void *ctx, uint32_t item, uint64_t user_hash)
{
	(void) ctx;
	return mix(user_hash ^ mix(item + 1));
}

static UimlEvent *
planted_events(size_t *n)
{
	UimlEvent *event = malloc(USERS * EVENTS * sizeof(*event));
	UimlRng rng;

	uiml_rng_init(&rng, 11);
	for (size_t i = 0; i < USERS * EVENTS; i++)
	{
		size_t user = i / EVENTS;
		size_t group = uiml_rng_uniform(&rng) < .75 ? user % GROUPS : (size_t) uiml_rng_below(&rng, GROUPS);
		double r = uiml_rng_uniform(&rng);
		size_t within = (size_t) (r * r * (ITEMS / GROUPS));

		event[i] = (UimlEvent){(uint32_t) user, (uint32_t) (within * GROUPS + group), (double) i, 1};
	}
	*n = USERS * EVENTS;
	return event;
}

static void
world_create(World *world)
{
	UimlEnv env = uiml_env_malloc();
	size_t n;
	UimlEvent *event = planted_events(&n);

	assert_int_equal(uiml_events_sort(&env, event, n, USERS), UIML_OK);
	assert_int_equal(
		uiml_interactions_build(&env, event, n, USERS, ITEMS, 0, -INFINITY, INFINITY, 0, INFINITY, &world->x),
		UIML_OK);
	free(event);
	world->rows = uiml_rows_in_memory(&world->x);
	for (size_t u = 0; u < USERS; u++)
		world->hash[u] = mix(u + 17);
}

static int
group_setup(void **state)
{
	World *world = malloc(sizeof(World));

	world_create(world);
	*state = world;
	return 0;
}

static int
group_teardown(void **state)
{
	UimlEnv env = uiml_env_malloc();
	World *world = *state;

	uiml_interactions_free(&env, &world->x);
	free(world);
	return 0;
}

static UimlBehaviourParams
small_params(const World *world, UimlSplitKeys *keys)
{
	UimlBehaviourParams params = uiml_behaviour_defaults();

	*keys = (UimlSplitKeys){world->hash, item_hash, NULL};
	params.model.dims = 8;
	params.model.interests = GROUPS;
	return params;
}

/* Each planted group is one interest: the share of items in their interest's majority group. */
static void
test_planted_interests(void **state)
{
	World *world = *state;
	UimlEnv env = uiml_env_malloc();
	UimlModelParams params = uiml_model_defaults();
	UimlModel model;
	size_t count[GROUPS][GROUPS] = {{0}};
	size_t pure = 0;
	double sum = 0;

	params.dims = 4;
	params.interests = GROUPS;
	assert_int_equal(uiml_model_fit(&env, &world->rows, NULL, &params, &model), UIML_OK);
	assert_int_equal(model.n_interests, GROUPS);
	for (size_t i = 0; i < ITEMS; i++)
		if (model.interest[i] != UINT32_MAX)
			count[model.interest[i]][i % GROUPS]++;
	for (size_t c = 0; c < GROUPS; c++)
	{
		size_t most = 0;

		for (size_t g = 0; g < GROUPS; g++)
			most = count[c][g] > most ? count[c][g] : most;
		pure += most;
		assert_true(most > ITEMS / GROUPS / 2);
		assert_true(fabs(model.prior[c] - 1.0 / GROUPS) < .05);
		sum += model.prior[c];
	}
	assert_true(pure >= .95 * ITEMS);
	assert_true(fabs(sum - 1) < 1e-5);
	sum = 0;
	for (size_t i = 0; i < ITEMS; i++)
		sum += model.popularity[i];
	assert_true(fabs(sum - 1) < 1e-5);
	assert_true(model.explained > 0 && model.explained < 1);
	uiml_model_free(&env, &model);
}

/*
 * A user folded in is his row of the training projection: in this matrix without scales it is X V, and scores
 * with all dimensions give X back.
 */
static void
test_fold_in(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlModelParams params = uiml_model_defaults();
	UimlModel model;
	float vector[3], score[3], interest[3];
	size_t start[] = {0, 2, 4, 5};
	uint32_t item[] = {0, 1, 1, 2, 2};
	float one[] = {1, 1, 1, 1, 1};
	UimlInteractions x = {3, 3, 0, 5, start, item, one, one, NULL};
	UimlRows rows = uiml_rows_in_memory(&x);
	const float row[3][3] = {{1, 1, 0}, {0, 1, 1}, {0, 0, 1}};

	(void) state;
	params.dims = 3;
	params.interests = 2;
	for (int scaled = 0; scaled < 2; scaled++)
	{
		params.row_scale = scaled ? .25 : 0;
		params.col_scale = scaled ? .25 : 0;
		assert_int_equal(uiml_model_fit(&env, &rows, NULL, &params, &model), UIML_OK);
		assert_int_equal(model.dims, 3);
		for (size_t u = 0; u < 3; u++)
		{
			uiml_model_user(&model, item + start[u], one, start[u + 1] - start[u], vector, interest);
			uiml_score_items(model.out, 3, 3, vector, score);
			for (size_t i = 0; i < 3; i++)
				assert_true(fabsf(score[i] - row[u][i]) < 1e-5f);
			assert_true(fabsf(interest[0] + interest[1] - (float) (start[u + 1] - start[u])) < 1e-6f);
		}
		uiml_model_free(&env, &model);
	}
}

static void
test_truncate(void **state)
{
	World *world = *state;
	UimlEnv env = uiml_env_malloc();
	UimlModelParams params = uiml_model_defaults();
	UimlModel model;
	float full[8], cut[8];
	double explained;

	params.dims = 8;
	params.interests = GROUPS;
	assert_int_equal(uiml_model_fit(&env, &world->rows, NULL, &params, &model), UIML_OK);
	explained = model.explained;
	uiml_model_user(&model, world->x.item, world->x.mass, world->x.row_start[1], full, NULL);
	uiml_model_truncate(&model, 3);
	uiml_model_user(&model, world->x.item, world->x.mass, world->x.row_start[1], cut, NULL);
	assert_int_equal(model.dims, 3);
	assert_memory_equal(full, cut, 3 * sizeof(float));
	assert_true(model.explained < explained && model.explained > 0);
	for (size_t c = 0; c < GROUPS; c++)
	{
		float *row = model.centroid + c * 3;

		assert_true(fabsf(row[0] * row[0] + row[1] * row[1] + row[2] * row[2] - 1) < 1e-5f);
	}
	uiml_model_free(&env, &model);
}

static void
test_item_shares(void **state)
{
	enum
	{
		N = 1037
	};
	float score[N], popularity[N], kept[N];
	double weight, sum, power = 0, popular = 0;
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 5);
	for (size_t i = 0; i < N; i++)
	{
		kept[i] = i % 10 == 3 ? -INFINITY : (float) uiml_rng_normal(&rng);
		popularity[i] = (float) uiml_rng_uniform(&rng) / N;
		if (kept[i] > 0)
			power += pow(kept[i], 1 / .6);
		if (kept[i] != -INFINITY)
			popular += popularity[i];
	}
	memcpy(score, kept, sizeof(score));
	uiml_item_shares(score, N, popularity, 30, 10, .6, &weight);
	assert_true(weight == .75);
	sum = 0;
	for (size_t i = 0; i < N; i++)
	{
		double expected =
			.25 * popularity[i] / popular + .75 * (kept[i] > 0 ? pow(kept[i], 1 / .6) / power : 0);

		if (kept[i] == -INFINITY)
		{
			assert_true(score[i] == -INFINITY);
			continue;
		}
		assert_true(fabs(score[i] / expected - 1) < 2e-6);
		sum += score[i];
	}
	assert_true(fabs(sum - 1) < 1e-5);

	/* Without history, or with nothing that scores above zero, popularity among those that take part. */
	for (int empty = 0; empty < 2; empty++)
	{
		for (size_t i = 0; i < N; i++)
			score[i] = empty || kept[i] == -INFINITY ? kept[i] : -1;
		uiml_item_shares(score, N, popularity, empty ? 0 : 30, 10, .6, &weight);
		assert_true(weight == 0);
		for (size_t i = 0; i < N; i++)
			assert_true(kept[i] == -INFINITY ? score[i] == -INFINITY
											 : fabs(score[i] / (popularity[i] / popular) - 1) < 1e-5);
	}

	/* Nothing known at all: even. A single item: all of it. Nobody: no harm. */
	memset(popularity, 0, sizeof(popularity));
	score[0] = score[1] = 0;
	uiml_item_shares(score, 2, popularity, 0, 10, .6, NULL);
	assert_true(score[0] == .5f && score[1] == .5f);
	score[0] = 1e-3f;
	uiml_item_shares(score, 1, popularity, 5, 10, .1, NULL);
	assert_true(fabsf(score[0] - 1) < 1e-6f);
	score[0] = -INFINITY;
	uiml_item_shares(score, 1, popularity, 5, 10, .6, NULL);
	assert_true(score[0] == -INFINITY);
	uiml_item_shares(score, 0, popularity, 5, 10, .6, NULL);
}

/* Rows of any length, scored one by one and in batches, agree with plain loops. */
static void
test_scores(void **state)
{
	enum
	{
		N = 301,
		MOST = 67
	};
	static float out[N * MOST], vector[2 * MOST], score[N], both[2 * N];
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 6);
	for (size_t i = 0; i < N * MOST; i++)
		out[i] = (float) uiml_rng_normal(&rng);
	for (size_t i = 0; i < 2 * MOST; i++)
		vector[i] = (float) uiml_rng_normal(&rng);
	for (size_t d = 1; d <= MOST; d += 3)
	{
		UimlModel model = {.n_items = N, .dims = d, .out = out};
		UimlBatch batch = {.most = 2, .n = 2, .vector = vector, .score = both};

		memset(both, 0, sizeof(both));
		uiml_batch_add(&model, 0, d / 2, &batch, 0, 2);
		uiml_batch_add(&model, d / 2, d, &batch, 0, 1);
		uiml_batch_add(&model, d / 2, d, &batch, 1, 2);
		for (size_t u = 0; u < 2; u++)
		{
			uiml_score_items(out, N, d, vector + u * d, score);
			for (size_t i = 0; i < N; i++)
			{
				double expected = 0;

				for (size_t j = 0; j < d; j++)
					expected += (double) out[i * d + j] * vector[u * d + j];
				assert_true(fabs(score[i] - expected) < 1e-4);
				assert_true(fabs(both[u * N + i] - expected) < 1e-4);
			}
		}
	}
}

/* Products of directions are the cosines of the columns of A, whatever items and dimensions are scaled by. */
static void
test_directions(void **state)
{
	/* A = [[3, 0, 4], [0, 2, 2]] = U diag(sigma) V': columns (3, 0), (0, 2) and (4, 2) */
	const double a[2][3] = {{3, 0, 4}, {0, 2, 2}};
	const double sigma[2] = {sqrt((33 + sqrt(545)) / 2), sqrt((33 - sqrt(545)) / 2)};
	const float nothing[2] = {0, 0};
	float v[3][2], direction[3][2], again[2];

	(void) state;
	for (int d = 0; d < 2; d++)
	{
		/* eigenvector of AA' = [[25, 8], [8, 8]] */
		double u[2] = {8, sigma[d] * sigma[d] - 25};
		double norm = hypot(u[0], u[1]);

		for (int i = 0; i < 3; i++)
			v[i][d] = (float) ((a[0][i] * u[0] + a[1][i] * u[1]) / norm / sigma[d]);
	}
	for (int i = 0; i < 3; i++)
		uiml_item_direction(v[i], sigma, 2, direction[i]);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
		{
			double cosine =
				(a[0][i] * a[0][j] + a[1][i] * a[1][j]) / (hypot(a[0][i], a[1][i]) * hypot(a[0][j], a[1][j]));

			assert_true(fabs(direction[i][0] * direction[j][0] + direction[i][1] * direction[j][1] - cosine) <
						1e-6);
		}
	v[2][0] *= 1e20f;
	v[2][1] *= 1e20f;
	uiml_item_direction(v[2], sigma, 2, again);
	assert_true(fabs(again[0] - direction[2][0]) < 1e-6 && fabs(again[1] - direction[2][1]) < 1e-6);
	uiml_item_direction(nothing, sigma, 2, again);
	assert_true(again[0] == 0 && again[1] == 0);
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
test_better_than_popularity(void **state)
{
	World *world = *state;
	UimlEnv env = uiml_env_malloc();
	UimlSplitKeys keys;
	UimlBehaviourParams params = small_params(world, &keys);
	UimlModel model;
	UimlJudgement judgement;
	UimlFigure figure[48];
	size_t n;

	assert_int_equal(uiml_behaviour_train(&env, &world->rows, &keys, &params, &model, &judgement), UIML_OK);
	assert_int_equal(judgement.n_users, USERS / 10);
	n = uiml_judgement_n_figures(&judgement);
	assert_int_equal(n, 3 * 10 + 3);
	assert_int_equal(uiml_judgement_figures(&env, &judgement, 1, figure), UIML_OK);
	for (size_t i = 0; i < n; i++)
	{
		bool lower_is_better =
			strcmp(figure[i].metric, "logloss") == 0 || strcmp(figure[i].metric, "gini") == 0;

		assert_int_equal(figure[i].users, USERS / 10);
		if (figure[i].k == 100 || strcmp(figure[i].metric, "diversity") == 0)
			continue;
		assert_true(lower_is_better ? figure[i].value < figure[i].baseline_value
									: figure[i].value > figure[i].baseline_value);
		if (!isnan(figure[i].low))
			assert_true(figure[i].low <= figure[i].value && figure[i].value <= figure[i].high);
	}
	assert_true(figure_of(figure, n, "accuracy", 0)->value > .7);
	assert_true(figure_of(figure, n, "ndcg", 20)->value >
				1.3 * figure_of(figure, n, "ndcg", 20)->baseline_value);
	assert_true(model.alpha > 0 && model.item_alpha > 0 && model.temperature > 0);
	uiml_judgement_free(&env, &judgement);
	uiml_model_free(&env, &model);
}

/* dims and interests chosen: what was planted is found without being told. */
static void
test_chosen(void **state)
{
	World *world = *state;
	UimlEnv env = uiml_env_malloc();
	UimlSplitKeys keys;
	UimlBehaviourParams params = small_params(world, &keys);
	UimlModel model;
	UimlJudgement judgement;

	params.model.dims = 0;
	params.model.interests = 0;
	assert_int_equal(uiml_behaviour_train(&env, &world->rows, &keys, &params, &model, &judgement), UIML_OK);
	assert_int_equal(model.dims, 16);
	assert_int_equal(model.n_interests, GROUPS);
	uiml_judgement_free(&env, &judgement);
	uiml_model_free(&env, &model);
}

static void
test_deterministic(void **state)
{
	World *world = *state;
	UimlEnv env = uiml_env_malloc();
	UimlSplitKeys keys;
	UimlBehaviourParams params = small_params(world, &keys);
	UimlModel a, b;
	UimlJudgement ja, jb;

	assert_int_equal(uiml_behaviour_train(&env, &world->rows, &keys, &params, &a, &ja), UIML_OK);
	assert_int_equal(uiml_behaviour_train(&env, &world->rows, &keys, &params, &b, &jb), UIML_OK);
	assert_memory_equal(a.out, b.out, ITEMS * a.dims * sizeof(float));
	assert_memory_equal(a.in, b.in, ITEMS * a.dims * sizeof(float));
	assert_memory_equal(a.interest, b.interest, ITEMS * sizeof(uint32_t));
	assert_true(a.alpha == b.alpha && a.item_alpha == b.item_alpha && a.temperature == b.temperature);
	assert_memory_equal(ja.value, jb.value, ja.n_users * ja.n_k * UIML_N_METRICS * sizeof(double));
	uiml_judgement_free(&env, &ja);
	uiml_judgement_free(&env, &jb);
	uiml_model_free(&env, &a);
	uiml_model_free(&env, &b);
}

/* Nobody is held out of ten users' world but one; a user with one item hides nothing and is not judged. */
static void
test_nothing_hidden(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t start[13];
	uint32_t item[12];
	float one[12];
	uint64_t hash[12];
	UimlInteractions x = {12, 4, 0, 12, start, item, one, one, NULL};
	UimlRows rows = uiml_rows_in_memory(&x);
	UimlSplitKeys keys = {hash, item_hash, NULL};
	UimlBehaviourParams params = uiml_behaviour_defaults();
	UimlModel model;
	UimlJudgement judgement;
	UimlFigure figure[48];

	(void) state;
	for (size_t u = 0; u < 12; u++)
	{
		start[u] = u;
		item[u] = (uint32_t) (u % 4);
		one[u] = 1;
		hash[u] = mix(u);
	}
	start[12] = 12;
	assert_int_equal(uiml_behaviour_train(&env, &rows, &keys, &params, &model, &judgement), UIML_OK);
	assert_int_equal(judgement.n_users, 1);
	assert_int_equal(uiml_judgement_figures(&env, &judgement, 0, figure), UIML_OK);
	assert_int_equal(figure[0].users, 0);
	assert_true(isnan(figure[0].value) &&
				isnan(judgement.value[uiml_judgement_user_row(&judgement, UIML_LOGLOSS)]));
	assert_true(model.temperature > 0 && model.item_alpha > 0 && model.alpha > 0);
	uiml_judgement_free(&env, &judgement);
	uiml_model_free(&env, &model);

	/* No entries at all. */
	memset(start, 0, sizeof(start));
	x.n_entries = 0;
	assert_int_equal(uiml_behaviour_train(&env, &rows, &keys, &params, &model, &judgement), UIML_EEMPTY);
	params.model.dims = 2000;
	assert_int_equal(uiml_behaviour_train(&env, &rows, &keys, &params, &model, &judgement), UIML_EINVALID);
}

static bool
all_finite(const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

/* Strengths that vanish beside 1, and users whose history has decayed to nothing. */
static void
test_faint(void **state)
{
	UimlEnv env = uiml_env_malloc();
	World world;
	UimlSplitKeys keys;
	UimlBehaviourParams params;
	UimlModel model;
	UimlJudgement judgement;

	(void) state;
	world_create(&world);
	params = small_params(&world, &keys);
	for (size_t e = 0; e < world.x.n_entries; e++)
		world.x.strength[e] = world.x.mass[e] = 1e-30f;
	memset(world.x.fade, 0, world.x.n_users * sizeof(double));
	assert_int_equal(uiml_behaviour_train(&env, &world.rows, &keys, &params, &model, &judgement), UIML_OK);
	assert_int_equal(model.dims, 8);
	assert_int_equal(model.n_interests, GROUPS);
	assert_true(all_finite(model.in, ITEMS * model.dims) && all_finite(model.out, ITEMS * model.dims));
	assert_true(all_finite(model.popularity, ITEMS) && all_finite(model.prior, GROUPS));
	uiml_judgement_free(&env, &judgement);
	uiml_model_free(&env, &model);
	uiml_interactions_free(&env, &world.x);
}

static void
test_out_of_memory(void **state)
{
	World *world = *state;
	UimlSplitKeys keys;
	UimlBehaviourParams params = small_params(world, &keys);

	params.model.interests = 0;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlModel model;
		UimlJudgement judgement;
		UimlStatus status = uiml_behaviour_train(&env, &world->rows, &keys, &params, &model, &judgement);

		if (status == UIML_OK)
		{
			uiml_model_free(&env, &model);
			uiml_judgement_free(&env, &judgement);
			assert_int_equal(test_env_live(), 0);
			assert_true(k > 50);
			break;
		}
		assert_int_equal(status, UIML_ENOMEM);
		assert_int_equal(test_env_live(), 0);
	}
}

static void
test_interrupted(void **state)
{
	World *world = *state;
	UimlSplitKeys keys;
	UimlBehaviourParams params = small_params(world, &keys);
	long step = 1;

	for (long k = 1;; k += step++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlModel model;
		UimlJudgement judgement;
		UimlStatus status = uiml_behaviour_train(&env, &world->rows, &keys, &params, &model, &judgement);

		if (status == UIML_OK)
		{
			uiml_model_free(&env, &model);
			uiml_judgement_free(&env, &judgement);
			assert_int_equal(test_env_live(), 0);
			assert_true(k > 100);
			break;
		}
		assert_int_equal(status, UIML_EINTERRUPTED);
		assert_int_equal(test_env_live(), 0);
	}
}

/* The estimate is never below the peak, and not far above it. */
static void
test_memory(void **state)
{
	World *world = *state;
	UimlInteractions *x = &world->x;
	size_t held = (x->n_users + 1) * sizeof(size_t) + x->n_entries * 12;
	const size_t sizes[][2] = {{8, GROUPS}, {64, 16}, {128, 0}, {0, 0}};

	for (size_t i = 0; i < 4; i++)
	{
		TestEnvMeter meter = {0};
		UimlEnv env = test_env_metered(&meter);
		UimlModelParams params = uiml_model_defaults();
		UimlModel model;
		size_t estimate;

		params.dims = sizes[i][0];
		params.interests = sizes[i][1];
		assert_int_equal(uiml_model_fit(&env, &world->rows, NULL, &params, &model), UIML_OK);
		estimate = uiml_model_memory(x->n_users, x->n_items, x->n_entries, &params);
		assert_true(estimate >= meter.peak + held);
		assert_true((double) estimate <= 1.5 * (double) (meter.peak + held) + 2e6);
		uiml_model_free(&env, &model);
		assert_int_equal(meter.held, 0);
	}
	{
		TestEnvMeter meter = {0};
		UimlEnv env = test_env_metered(&meter);
		UimlSplitKeys keys;
		UimlBehaviourParams params = small_params(world, &keys);
		UimlModel model;
		UimlJudgement judgement;

		assert_int_equal(uiml_behaviour_train(&env, &world->rows, &keys, &params, &model, &judgement),
						 UIML_OK);
		assert_true(uiml_behaviour_memory(x->n_users, x->n_items, x->n_entries, &params) >=
					meter.peak + held);
		uiml_model_free(&env, &model);
		uiml_judgement_free(&env, &judgement);
	}
	assert_true(uiml_model_memory(SIZE_MAX / 4, SIZE_MAX / 4, SIZE_MAX / 4,
								  &(UimlModelParams){.dims = 1024, .interests = 4096}) > SIZE_MAX / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_planted_interests),
		cmocka_unit_test(test_fold_in),
		cmocka_unit_test(test_truncate),
		cmocka_unit_test(test_item_shares),
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_directions),
		cmocka_unit_test(test_better_than_popularity),
		cmocka_unit_test(test_chosen),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_nothing_hidden),
		cmocka_unit_test(test_faint),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("model", tests, group_setup, group_teardown);
}
