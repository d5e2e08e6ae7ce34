/*
 * model_judge.c
 *	  How good a model is on users that no fit has seen.
 *
 * Every item but the seen ones is ranked, never a sample of negatives: sampled metrics order models
 * differently (Krichene & Rendle 2020).  Beside each figure stands what needs no model: the popularity order
 * for rankings, the prior for interests.
 *
 * Users come in batches; a batch is cut into pieces of a few users, which threads may share.  A piece writes
 * the values of its own users and their lists; how often each item is listed is counted afterwards, in the
 * order of users, so nothing depends on threads.
 *
 * What is expected of the users of a batch is asked for before it is cut into pieces.
 */
#include "core/model_judge.h"

#include <math.h>
#include <string.h>

#include "core/blend.h"
#include "core/generalize.h"
#include "core/model_score.h"
#include "core/sampled.h"
#include "core/topk.h"

/* Users of a piece: item vectors are still read from memory once for several of them. */
#define PIECE_USERS 8

/* Whose list: the model's, or that of popularity. */
typedef enum Side
{
	MODEL,
	BASELINE,
	N_SIDES
} Side;

/* Room for judging one user after the other. */
typedef struct Bench
{
	float *score;      /* n_items: by popularity */
	uint8_t *relevant; /* n_items: hidden items of the user at hand */
	bool *hit;         /* longest list */
	double *novelty;   /* longest list: popularity of its items */
	double *positive;  /* most hidden items: their scores */
	float *direction;  /* d: of an item */
	double *sum;       /* d: of a list's directions */
	float *mass;       /* 2 k: interests seen and hidden */
	double *share;     /* n_interests */
	uint32_t *other;   /* n_items: what the user has nothing of; NULL without sampled negatives */
	uint32_t *draw;    /* negatives: which of them were drawn */
} Bench;

typedef struct Judging
{
	const UimlModel *model;
	const UimlHoldout *holdout;
	const UimlJudgeParams *params;
	UimlJudgement *judgement;
	size_t longest;     /* the largest k, at most n_items */
	size_t most_hidden; /* items of one user */
	float rarest;       /* lowest popularity above 0: what an item nobody knows counts as */
	size_t first;       /* user of the holdout that the batch begins with */
	UimlBatch batch;
	UimlExpectation *expected; /* batch */
	size_t n_benches;          /* one per piece */
	Bench *bench;
	uint32_t *top[N_SIDES];    /* batch x longest */
	size_t *n_top[N_SIDES];    /* batch: lengths of these lists */
	uint32_t *listed[N_SIDES]; /* n_k x n_items: lists at k that an item is in */
} Judging;

static void
judging_free(const UimlEnv *env, Judging *g)
{
	for (size_t i = 0; g->bench != NULL && i < g->n_benches; i++)
	{
		uiml_free(env, g->bench[i].score);
		uiml_free(env, g->bench[i].relevant);
		uiml_free(env, g->bench[i].hit);
		uiml_free(env, g->bench[i].novelty);
		uiml_free(env, g->bench[i].positive);
		uiml_free(env, g->bench[i].direction);
		uiml_free(env, g->bench[i].sum);
		uiml_free(env, g->bench[i].mass);
		uiml_free(env, g->bench[i].share);
		uiml_free(env, g->bench[i].other);
		uiml_free(env, g->bench[i].draw);
	}
	uiml_free(env, g->bench);
	for (size_t b = 0; g->expected != NULL && b < g->batch.most; b++)
	{
		uiml_free(env, g->expected[b].popularity);
		uiml_free(env, g->expected[b].prior);
		uiml_free(env, g->expected[b].rival);
	}
	uiml_free(env, g->expected);
	for (int side = 0; side < N_SIDES; side++)
	{
		uiml_free(env, g->top[side]);
		uiml_free(env, g->n_top[side]);
		uiml_free(env, g->listed[side]);
	}
	uiml_batch_free(env, &g->batch);
}

static UimlStatus
bench_create(const UimlEnv *env, const Judging *g, Bench *b)
{
	const UimlModel *model = g->model;

	b->score = uiml_alloc(env, model->n_items, sizeof(float));
	b->relevant = uiml_alloc0(env, model->n_items, 1);
	b->hit = uiml_alloc(env, g->longest, sizeof(bool));
	b->novelty = uiml_alloc(env, g->longest, sizeof(double));
	b->positive = uiml_alloc(env, g->most_hidden, sizeof(double));
	b->direction = uiml_alloc(env, model->dims, sizeof(float));
	b->sum = uiml_alloc(env, model->dims, sizeof(double));
	b->mass = uiml_alloc(env, 2 * model->n_interests, sizeof(float));
	b->share = uiml_alloc(env, model->n_interests, sizeof(double));
	if (g->params->negatives > 0)
	{
		b->other = uiml_alloc(env, model->n_items, sizeof(uint32_t));
		b->draw = uiml_alloc(env, g->params->negatives, sizeof(uint32_t));
		if (b->other == NULL || b->draw == NULL)
			return UIML_ENOMEM;
	}
	if (b->score == NULL || b->relevant == NULL || b->hit == NULL || b->novelty == NULL ||
		b->positive == NULL || b->direction == NULL || b->sum == NULL || b->mass == NULL || b->share == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

/* Room for what is expected of each user of a batch. */
static UimlStatus
expectations_create(const UimlEnv *env, Judging *g)
{
	const UimlModel *model = g->model;

	if (g->params->expect == NULL)
		return UIML_OK;
	g->expected = uiml_alloc0(env, g->batch.most, sizeof(UimlExpectation));
	if (g->expected == NULL)
		return UIML_ENOMEM;
	for (size_t b = 0; b < g->batch.most; b++)
	{
		UimlExpectation *of = &g->expected[b];

		of->popularity = uiml_alloc(env, model->n_items, sizeof(float));
		of->prior = uiml_alloc(env, model->n_interests, sizeof(float));
		of->rival = uiml_alloc(env, g->params->n_rivals, model->n_interests * sizeof(float));
		if (of->popularity == NULL || of->prior == NULL || of->rival == NULL)
			return UIML_ENOMEM;
	}
	return UIML_OK;
}

/* What the model and the holdout tell before the work. */
static void
survey(Judging *g)
{
	const UimlInteractions *hidden = &g->holdout->hidden;
	const UimlJudgement *j = g->judgement;

	for (size_t i = 0; i < j->n_k; i++)
		g->longest = j->k[i] > g->longest ? j->k[i] : g->longest;
	if (g->longest > g->model->n_items)
		g->longest = g->model->n_items;
	for (size_t u = 0; u < hidden->n_users; u++)
	{
		size_t n = hidden->row_start[u + 1] - hidden->row_start[u];

		g->most_hidden = n > g->most_hidden ? n : g->most_hidden;
	}
	g->rarest = 1;
	for (size_t i = 0; i < g->model->n_items; i++)
		if (g->model->popularity[i] > 0 && g->model->popularity[i] < g->rarest)
			g->rarest = g->model->popularity[i];
}

static UimlStatus
judging_create(const UimlEnv *env, Judging *g)
{
	const UimlModel *model = g->model;
	UimlStatus status = uiml_batch_create(env, model, &g->batch);
	bool missing = false;

	survey(g);
	g->n_benches = (g->batch.most + PIECE_USERS - 1) / PIECE_USERS;
	g->bench = uiml_alloc0(env, g->n_benches, sizeof(Bench));
	for (int side = 0; side < N_SIDES; side++)
	{
		g->top[side] = uiml_alloc(env, g->batch.most, g->longest * sizeof(uint32_t));
		g->n_top[side] = uiml_alloc(env, g->batch.most, sizeof(size_t));
		g->listed[side] = uiml_alloc0(env, g->judgement->n_k, model->n_items * sizeof(uint32_t));
		missing |= g->top[side] == NULL || g->n_top[side] == NULL || g->listed[side] == NULL;
	}
	if (g->bench == NULL || missing)
		return UIML_ENOMEM;
	for (size_t i = 0; status == UIML_OK && i < g->n_benches; i++)
		status = bench_create(env, g, &g->bench[i]);
	if (status == UIML_OK)
		status = expectations_create(env, g);
	return status;
}

/* --- one user's ranking --------------------------------------------------------------------------------- */

/* The values of user u in what a side is judged by. */
static double *
values_of(const Judging *g, Side side, size_t u)
{
	return (side == MODEL ? g->judgement->value : g->judgement->baseline) + u;
}

/* How new and how varied the first n items of a list are, at each k. */
static void
judge_variety(const Judging *g, Bench *b, const uint32_t *top, size_t n, double *value)
{
	const UimlModel *model = g->model;
	const UimlJudgement *j = g->judgement;
	UimlListSimilarity list = {.d = model->dims, .sum = b->sum};
	size_t r = 0;

	for (size_t i = 0; i < j->n_k; i++)
	{
		/* cut-offs rise in most calls; where one is lower than that before it, the list starts anew */
		if (r == 0 || j->k[i] < r)
		{
			r = 0;
			list.n = 0;
			list.own = 0;
			memset(b->sum, 0, model->dims * sizeof(double));
		}
		for (; r < n && r < j->k[i]; r++)
		{
			b->novelty[r] = fmaxf(model->popularity[top[r]], g->rarest);
			uiml_item_direction(model->in + top[r] * model->dims, model->sigma, model->dims, b->direction);
			uiml_list_similarity_add(&list, b->direction);
		}
		value[uiml_judgement_list_row(j, UIML_NOVELTY, i) * j->n_users] = uiml_metric_novelty(b->novelty, r);
		value[uiml_judgement_list_row(j, UIML_DIVERSITY, i) * j->n_users] = 1 - uiml_list_similarity(&list);
	}
}

/* Area under the ROC curve of the hidden items against all others that take part. */
static double
judge_auc(const Bench *b, const float *score, size_t n_items)
{
	size_t positives = 0;
	size_t negatives = 0;
	double wins = 0;

	for (size_t i = 0; i < n_items; i++)
		if (b->relevant[i])
			b->positive[positives++] = score[i];
	uiml_metric_sort(b->positive, positives);
	for (size_t i = 0; i < n_items; i++)
	{
		if (b->relevant[i] || score[i] == -INFINITY)
			continue;
		negatives++;
		wins += uiml_metric_above(b->positive, positives, score[i]);
	}
	return negatives > 0 ? wins / ((double) positives * (double) negatives) : NAN;
}

/*
 * Ranks by score and writes all figures of the ranking of user b of the batch; relevant flags his hidden
 * items.
 */
static void
judge_ranking(const Judging *g, Bench *b, const float *score, size_t n_relevant, size_t in_batch, Side side)
{
	const UimlJudgement *j = g->judgement;
	double *value = values_of(g, side, g->first + in_batch);
	uint32_t *top = g->top[side] + in_batch * g->longest;
	size_t n = uiml_topk(score, g->model->n_items, g->longest, top);

	g->n_top[side][in_batch] = n;
	for (size_t r = 0; r < n; r++)
		b->hit[r] = b->relevant[top[r]] != 0;
	for (int metric = 0; metric < UIML_N_METRICS; metric++)
		for (size_t i = 0; i < j->n_k; i++)
			value[uiml_judgement_list_row(j, (size_t) metric, i) * j->n_users] =
				uiml_metric((UimlMetric) metric, b->hit, n, n_relevant, j->k[i]);
	judge_variety(g, b, top, n, value);
	value[uiml_judgement_user_row(j, UIML_AUC) * j->n_users] = judge_auc(b, score, g->model->n_items);
}

/* Ranks the hidden items of user u among sampled ones; score is -INFINITY for what he was seen to do. */
static void
judge_sampled(const Judging *g, Bench *b, const float *score, const float *popular, size_t u)
{
	const UimlInteractions *hidden = &g->holdout->hidden;
	UimlSampledUser user = {.user = u,
							.hidden = hidden->item + hidden->row_start[u],
							.n_hidden = hidden->row_start[u + 1] - hidden->row_start[u],
							.other = b->other,
							.score = score,
							.baseline = popular};

	for (size_t i = 0; i < g->model->n_items; i++)
		if (g->model->popularity[i] > 0 && !b->relevant[i] && score[i] != -INFINITY)
			b->other[user.n_other++] = (uint32_t) i;
	uiml_sampled_judge(g->judgement, &user, g->params->seed, b->draw);
}

/* Ranks what a user of the batch has not seen, by expected share and by popularity. */
static void
judge_items(const Judging *g, Bench *b, size_t in_batch)
{
	const UimlModel *model = g->model;
	const UimlExpectation *expected = g->expected != NULL ? &g->expected[in_batch] : NULL;
	const UimlInteractions *seen = &g->holdout->seen;
	const UimlInteractions *hidden = &g->holdout->hidden;
	size_t u = g->first + in_batch;
	size_t n_hidden = hidden->row_start[u + 1] - hidden->row_start[u];
	float *score = g->batch.score + in_batch * model->n_items;

	g->n_top[MODEL][in_batch] = g->n_top[BASELINE][in_batch] = 0;
	if (n_hidden == 0)
		return;
	for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
		b->relevant[hidden->item[e]] = 1;
	uiml_item_shares(score, model->n_items, expected != NULL ? expected->popularity : model->popularity,
					 g->batch.total[in_batch], expected != NULL ? expected->item_alpha : model->item_alpha,
					 model->temperature, NULL);
	judge_ranking(g, b, score, n_hidden, in_batch, MODEL);

	memcpy(b->score, model->popularity, model->n_items * sizeof(float));
	for (size_t e = seen->row_start[u]; e < uiml_items_end(seen, u); e++)
		b->score[seen->item[e]] = -INFINITY;
	judge_ranking(g, b, b->score, n_hidden, in_batch, BASELINE);
	if (g->params->negatives > 0)
		judge_sampled(g, b, score, b->score, u);
	for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
		b->relevant[hidden->item[e]] = 0;
}

/* --- one user's interests ------------------------------------------------------------------------------- */

/* Nats per hidden mass of a distribution over interests, against hidden masses that sum to total. */
static double
log_loss(const double *share, const float *held, size_t k, double total)
{
	double loss = 0;

	for (size_t i = 0; i < k; i++)
		if (held[i] > 0)
			loss -= held[i] * log(share[i] > 1e-12 ? share[i] : 1e-12);
	return loss / total;
}

/* Log-loss and accuracy of a distribution. */
static void
judge_shares(const UimlJudgement *j, const double *share, const float *held, size_t k, double total,
			 double *value)
{
	size_t first = 0;

	for (size_t i = 0; i < k; i++)
		first = share[i] > share[first] ? i : first;
	value[uiml_judgement_user_row(j, UIML_LOGLOSS) * j->n_users] = log_loss(share, held, k, total);
	value[uiml_judgement_user_row(j, UIML_ACCURACY) * j->n_users] = held[first] / total;
}

/* Log-losses for user u of the rivals' distributions that take his history as it now is in b->mass. */
static void
judge_rivals(const Judging *g, Bench *b, const UimlExpectation *expected, bool generalized, double total,
			 size_t u)
{
	size_t k = g->model->n_interests;

	for (size_t i = 0; expected != NULL && i < g->params->n_rivals; i++)
	{
		if (expected->rival_generalized[i] != generalized)
			continue;
		uiml_blend(b->mass, expected->rival + i * k, k, expected->rival_alpha[i], b->share);
		g->judgement->rival_loss[i * g->judgement->n_users + u] = log_loss(b->share, b->mass + k, k, total);
	}
}

static void
judge_interests(const Judging *g, Bench *b, size_t in_batch)
{
	const UimlModel *model = g->model;
	const UimlInteractions *seen = &g->holdout->seen;
	const UimlInteractions *hidden = &g->holdout->hidden;
	const UimlExpectation *expected = g->expected != NULL ? &g->expected[in_batch] : NULL;
	size_t u = g->first + in_batch;
	size_t k = model->n_interests;
	float *held = b->mass + k;
	double total = 0;

	uiml_model_user(model, seen->item + seen->row_start[u], seen->mass + seen->row_start[u],
					seen->row_start[u + 1] - seen->row_start[u], NULL, b->mass);
	uiml_model_user(model, hidden->item + hidden->row_start[u], hidden->mass + hidden->row_start[u],
					hidden->row_start[u + 1] - hidden->row_start[u], NULL, held);
	for (size_t i = 0; i < k; i++)
		total += held[i];
	if (!(total > 0))
		return;
	judge_rivals(g, b, expected, false, total, u);
	uiml_model_generalize(model, b->mass, b->share);
	judge_rivals(g, b, expected, true, total, u);
	if (expected != NULL && expected->history != NULL)
		uiml_generalize_mass(expected->history, k, b->mass, b->share);
	uiml_blend(b->mass, expected != NULL ? expected->prior : model->prior, k,
			   expected != NULL ? expected->alpha : model->alpha, b->share);
	judge_shares(g->judgement, b->share, held, k, total, values_of(g, MODEL, u));
	for (size_t i = 0; i < k; i++)
		b->share[i] = model->prior[i];
	judge_shares(g->judgement, b->share, held, k, total, values_of(g, BASELINE, u));
}

/* --- all users ------------------------------------------------------------------------------------------ */

/* A UimlTaskFn: scores and judges the users of one piece of the batch. */
static void
judge_piece(void *arg, size_t piece)
{
	Judging *g = arg;
	size_t from = piece * PIECE_USERS;
	size_t to = g->batch.n - from < PIECE_USERS ? g->batch.n : from + PIECE_USERS;

	uiml_batch_start(g->model, &g->holdout->seen, &g->batch, from, to);
	uiml_batch_add(g->model, 0, g->model->dims, &g->batch, from, to);
	for (size_t b = from; b < to; b++)
	{
		judge_items(g, &g->bench[piece], b);
		judge_interests(g, &g->bench[piece], b);
	}
}

/* Counts the lists of a batch. */
static void
count_lists(Judging *g, Side side)
{
	for (size_t b = 0; b < g->batch.n; b++)
		for (size_t i = 0; i < g->judgement->n_k; i++)
			for (size_t r = 0; r < g->n_top[side][b] && r < g->judgement->k[i]; r++)
				g->listed[side][i * g->model->n_items + g->top[side][b * g->longest + r]]++;
}

/* What is expected of the users of the batch. */
static UimlStatus
expect_batch(const UimlEnv *env, const Judging *g)
{
	const UimlModel *model = g->model;
	const UimlJudgeParams *params = g->params;
	UimlStatus status = UIML_OK;

	for (size_t b = 0; g->expected != NULL && status == UIML_OK && b < g->batch.n; b++)
	{
		UimlExpectation *of = &g->expected[b];

		memcpy(of->popularity, model->popularity, model->n_items * sizeof(float));
		memcpy(of->prior, model->prior, model->n_interests * sizeof(float));
		of->history = NULL;
		memset(of->rival, 0, params->n_rivals * model->n_interests * sizeof(float));
		of->item_alpha = model->item_alpha;
		of->alpha = model->alpha;
		for (size_t i = 0; i < params->n_rivals; i++)
		{
			of->rival_alpha[i] = model->alpha;
			of->rival_generalized[i] = false;
		}
		status = params->expect(params->ctx, env, g->first + b, of);
	}
	return status;
}

/* Judges the batch of n users that begins with first. */
static UimlStatus
judge_batch(const UimlEnv *env, Judging *g, size_t first, size_t n)
{
	UimlStatus status;

	g->first = first;
	g->batch.n = n;
	for (size_t b = 0; b < n; b++)
		g->batch.user[b] = (uint32_t) (first + b);
	status = expect_batch(env, g);
	if (status != UIML_OK)
		return status;
	uiml_parallel(env, (n + PIECE_USERS - 1) / PIECE_USERS, judge_piece, g);
	count_lists(g, MODEL);
	count_lists(g, BASELINE);
	return uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
}

/* Coverage and Gini coefficient of one side at each k, from how often each item is listed. */
static UimlStatus
judge_totals(const UimlEnv *env, const Judging *g, Side side)
{
	size_t n_items = g->model->n_items;
	size_t n_k = g->judgement->n_k;
	double *total = side == MODEL ? g->judgement->total : g->judgement->baseline_total;
	double *lists = uiml_alloc(env, n_items, sizeof(double));
	UimlStatus status = lists == NULL ? UIML_ENOMEM : UIML_OK;

	for (size_t i = 0; status == UIML_OK && i < n_k; i++)
	{
		size_t listed = 0;

		for (size_t item = 0; item < n_items; item++)
		{
			lists[item] = g->listed[side][i * n_items + item];
			listed += lists[item] > 0;
		}
		total[UIML_COVERAGE * n_k + i] = (double) listed / (double) n_items;
		status = uiml_metric_gini(env, lists, n_items, &total[UIML_GINI * n_k + i]);
	}
	uiml_free(env, lists);
	return status;
}

/* Room for values, and which of them there are. */
static UimlStatus
open_judgement(const UimlEnv *env, size_t n_users, const UimlJudgeParams *params, UimlJudgement *judgement)
{
	UimlStatus status = uiml_judgement_create(env, n_users, params->k, params->n_k, judgement);

	if (status == UIML_OK && params->expect != NULL && params->n_rivals > 0)
		status = uiml_judgement_add_rivals(env, params->rival, params->n_rivals, judgement);
	if (status == UIML_OK && params->negatives > 0)
		status = uiml_judgement_add_sampled(env, params->negatives, judgement);
	return status;
}

UimlStatus
uiml_model_judge_expected(const UimlEnv *env, const UimlModel *model, const UimlHoldout *holdout,
						  const UimlJudgeParams *params, UimlJudgement *judgement)
{
	size_t n_users = holdout->seen.n_users;
	Judging g = {.model = model, .holdout = holdout, .params = params, .judgement = judgement};
	UimlStatus status = open_judgement(env, n_users, params, judgement);

	if (status == UIML_OK)
		status = judging_create(env, &g);
	for (size_t u = 0; status == UIML_OK && u < n_users; u += g.batch.most)
	{
		uiml_progress(env, "judging", (double) u, (double) n_users);
		status = judge_batch(env, &g, u, n_users - u < g.batch.most ? n_users - u : g.batch.most);
	}
	if (status == UIML_OK && params->negatives > 0)
		uiml_sampled_weigh(judgement, holdout->hidden.row_start);
	for (int side = 0; status == UIML_OK && side < N_SIDES; side++)
		status = judge_totals(env, &g, (Side) side);
	uiml_progress(env, "judging", (double) n_users, (double) n_users);
	judging_free(env, &g);
	if (status != UIML_OK)
		uiml_judgement_free(env, judgement);
	return status;
}

UimlStatus
uiml_model_judge(const UimlEnv *env, const UimlModel *model, const UimlHoldout *holdout, const size_t *k,
				 size_t n_k, UimlJudgement *judgement)
{
	UimlJudgeParams params = {.k = k, .n_k = n_k};

	return uiml_model_judge_expected(env, model, holdout, &params, judgement);
}
