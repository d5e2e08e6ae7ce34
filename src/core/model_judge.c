/*
 * model_judge.c
 *	  How good a model is on users that no fit has seen.
 *
 * Every item but the seen ones is ranked, never a sample of negatives: sampled metrics order models
 * differently (Krichene & Rendle 2020).  Beside each figure stands what needs no model: the popularity order
 * for rankings, the prior for interests.
 */
#include "core/model_score.h"

#include <math.h>
#include <string.h>

#include "core/blend.h"
#include "core/topk.h"

/* Room for judging one user after the other. */
typedef struct Bench
{
	UimlBatch batch;
	float *score;      /* n_items: of the user at hand */
	uint8_t *relevant; /* n_items: hidden items of the user at hand */
	uint32_t *top;     /* longest list */
	bool *hit;         /* longest list */
	float *mass;       /* 2 k: interests seen and hidden */
	double *share;     /* n_interests */
	uint8_t *listed;   /* n_k x n_items: in at least one list */
	uint8_t *baseline_listed;
	size_t longest; /* the largest k, at most n_items */
} Bench;

static void
bench_free(const UimlEnv *env, Bench *b)
{
	uiml_batch_free(env, &b->batch);
	uiml_free(env, b->score);
	uiml_free(env, b->relevant);
	uiml_free(env, b->top);
	uiml_free(env, b->hit);
	uiml_free(env, b->mass);
	uiml_free(env, b->share);
	uiml_free(env, b->listed);
	uiml_free(env, b->baseline_listed);
}

static UimlStatus
bench_create(const UimlEnv *env, const UimlModel *model, const UimlJudgement *j, Bench *b)
{
	*b = (Bench){0};
	for (size_t i = 0; i < j->n_k; i++)
		b->longest = j->k[i] > b->longest ? j->k[i] : b->longest;
	if (b->longest > model->n_items)
		b->longest = model->n_items;
	b->score = uiml_alloc(env, model->n_items, sizeof(float));
	b->relevant = uiml_alloc0(env, model->n_items, 1);
	b->top = uiml_alloc(env, b->longest, sizeof(uint32_t));
	b->hit = uiml_alloc(env, b->longest, sizeof(bool));
	b->mass = uiml_alloc(env, 2 * model->n_interests, sizeof(float));
	b->share = uiml_alloc(env, model->n_interests, sizeof(double));
	b->listed = uiml_alloc0(env, j->n_k, model->n_items);
	b->baseline_listed = uiml_alloc0(env, j->n_k, model->n_items);
	if (b->score == NULL || b->relevant == NULL || b->top == NULL || b->hit == NULL || b->mass == NULL ||
		b->share == NULL || b->listed == NULL || b->baseline_listed == NULL)
		return UIML_ENOMEM;
	return uiml_batch_create(env, model, &b->batch);
}

/* Ranks by score and writes all metrics of user u into value; marks the listed items. */
static void
judge_ranking(const UimlJudgement *j, Bench *b, const float *score, size_t n_items, size_t n_relevant,
			  size_t u, double *value, uint8_t *listed)
{
	size_t n = uiml_topk(score, n_items, b->longest, b->top);

	for (size_t r = 0; r < n; r++)
		b->hit[r] = b->relevant[b->top[r]] != 0;
	for (size_t i = 0; i < j->n_k; i++)
	{
		for (size_t r = 0; r < n && r < j->k[i]; r++)
			listed[i * n_items + b->top[r]] = 1;
		for (int metric = 0; metric < UIML_N_METRICS; metric++)
			value[((size_t) metric * j->n_k + i) * j->n_users + u] =
				uiml_metric((UimlMetric) metric, b->hit, n, n_relevant, j->k[i]);
	}
}

static void
blank_ranking(const UimlJudgement *j, size_t u)
{
	for (size_t row = 0; row < UIML_N_METRICS * j->n_k; row++)
	{
		j->value[row * j->n_users + u] = NAN;
		j->baseline[row * j->n_users + u] = NAN;
	}
}

/* Ranks what user u has not seen, by expected share and by popularity; score holds his scores. */
static void
judge_items(const UimlModel *model, const UimlHoldout *holdout, const UimlJudgement *j, Bench *b, size_t u,
			float *score, double total)
{
	const UimlInteractions *seen = &holdout->seen;
	const UimlInteractions *hidden = &holdout->hidden;
	size_t n_hidden = hidden->row_start[u + 1] - hidden->row_start[u];

	if (n_hidden == 0)
	{
		blank_ranking(j, u);
		return;
	}
	for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
		b->relevant[hidden->item[e]] = 1;
	uiml_item_shares(score, model->n_items, model->popularity, total, model->item_alpha, model->temperature,
					 NULL);
	judge_ranking(j, b, score, model->n_items, n_hidden, u, j->value, b->listed);

	memcpy(b->score, model->popularity, model->n_items * sizeof(float));
	for (size_t e = seen->row_start[u]; e < uiml_items_end(seen, u); e++)
		b->score[seen->item[e]] = -INFINITY;
	judge_ranking(j, b, b->score, model->n_items, n_hidden, u, j->baseline, b->baseline_listed);
	for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
		b->relevant[hidden->item[e]] = 0;
}

/* Log-loss and accuracy of a distribution over interests, against hidden masses that sum to total. */
static void
judge_shares(const double *share, const float *held, size_t k, double total, double *logloss,
			 double *accuracy)
{
	size_t first = 0;
	double loss = 0;

	for (size_t i = 0; i < k; i++)
	{
		first = share[i] > share[first] ? i : first;
		if (held[i] > 0)
			loss -= held[i] * log(share[i] > 1e-12 ? share[i] : 1e-12);
	}
	*logloss = loss / total;
	*accuracy = held[first] / total;
}

static void
judge_interests(const UimlModel *model, const UimlHoldout *holdout, const UimlJudgement *j, Bench *b,
				size_t u)
{
	const UimlInteractions *seen = &holdout->seen;
	const UimlInteractions *hidden = &holdout->hidden;
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
	{
		j->logloss[u] = j->accuracy[u] = j->baseline_logloss[u] = j->baseline_accuracy[u] = NAN;
		return;
	}
	uiml_blend(b->mass, model->prior, k, model->alpha, b->share);
	judge_shares(b->share, held, k, total, &j->logloss[u], &j->accuracy[u]);
	for (size_t i = 0; i < k; i++)
		b->share[i] = model->prior[i];
	judge_shares(b->share, held, k, total, &j->baseline_logloss[u], &j->baseline_accuracy[u]);
}

/* Judges users first .. first + n - 1. */
static void
judge_batch(const UimlModel *model, const UimlHoldout *holdout, const UimlJudgement *j, Bench *b,
			size_t first, size_t n)
{
	b->batch.n = n;
	for (size_t i = 0; i < n; i++)
		b->batch.user[i] = (uint32_t) (first + i);
	uiml_batch_start(model, &holdout->seen, &b->batch, 0, n);
	uiml_batch_add(model, 0, model->dims, &b->batch, 0, n);
	for (size_t i = 0; i < n; i++)
	{
		judge_items(model, holdout, j, b, first + i, b->batch.score + i * model->n_items, b->batch.total[i]);
		judge_interests(model, holdout, j, b, first + i);
	}
}

static double
share_set(const uint8_t *flag, size_t n)
{
	size_t set = 0;

	for (size_t i = 0; i < n; i++)
		set += flag[i];
	return (double) set / (double) n;
}

UimlStatus
uiml_model_judge(const UimlEnv *env, const UimlModel *model, const UimlHoldout *holdout, const size_t *k,
				 size_t n_k, UimlJudgement *judgement)
{
	size_t n_users = holdout->seen.n_users;
	UimlJudgement j;
	Bench bench = {0};
	UimlStatus status = uiml_judgement_create(env, n_users, k, n_k, &j);

	*judgement = (UimlJudgement){0};
	if (status == UIML_OK)
		status = bench_create(env, model, &j, &bench);
	for (size_t u = 0; status == UIML_OK && u < n_users; u += bench.batch.most)
	{
		uiml_progress(env, "judging", (double) u, (double) n_users);
		judge_batch(model, holdout, &j, &bench, u,
					n_users - u < bench.batch.most ? n_users - u : bench.batch.most);
		status = uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
	}
	for (size_t i = 0; status == UIML_OK && i < n_k; i++)
	{
		j.coverage[i] = share_set(bench.listed + i * model->n_items, model->n_items);
		j.baseline_coverage[i] = share_set(bench.baseline_listed + i * model->n_items, model->n_items);
	}
	uiml_progress(env, "judging", (double) n_users, (double) n_users);
	bench_free(env, &bench);
	if (status != UIML_OK)
		uiml_judgement_free(env, &j);
	else
		*judgement = j;
	return status;
}
