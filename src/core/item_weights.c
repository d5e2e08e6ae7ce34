/*
 * item_weights.c
 *	  How much each part of an item transfer says, and the verdict.
 *
 * Weights maximise the likelihood of what users chose under parts that were fitted without their folds
 * (core/item_parts.h).  The gain of a fold is measured under weights that the other folds chose; temperature
 * and emphasis, of which there are few to choose from, are those of all.
 *
 * A likelihood is decided by the many items that nobody can foresee, where neighbours have nothing to say; a list
 * of ten is not: there neighbours may say twice what the likelihood would let them, if that ranks these items
 * better.
 */
#include "core/item_fit.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"

/* Rounds of maximising per temperature and without each fold, and for the best. */
#define FEW_ROUNDS  50
#define MANY_ROUNDS 200

bool
uiml_item_fit_raise(const UimlItemFit *g, double temperature, float *power)
{
	const UimlPartsBench *bench = &g->bench;
	size_t n = g->overlap->target.n_items;
	float best, mass, items;
	double sum;

	uiml_kernels()->survey_scores(bench->score, bench->popularity, n, &best, &mass, &items);
	if (!(best >= 1e-30f))
		return false;
	memcpy(power, bench->score, n * sizeof(float));
	sum = uiml_kernels()->raise_scores(power, n, 1 / best, (float) (1 / temperature));
	uiml_kernels()->scale(power, 1 / sum, n, power);
	return true;
}

void
uiml_item_fit_mix(const UimlItemFit *g, size_t u, float *rest)
{
	const UimlPartsBench *bench = &g->bench;
	const double *weight = g->transfer->weight;
	size_t n = g->overlap->target.n_items;
	uint8_t fold = g->overlap->fold[u];

	if (uiml_item_fit_raise(g, g->transfer->temperature, rest))
		uiml_kernels()->scale(rest, weight[UIML_PART_MAP], n, rest);
	else
		memset(rest, 0, n * sizeof(float));
	uiml_kernels()->mix_scores(rest, n, bench->popularity, 1, (float) weight[UIML_PART_POPULARITY], 0);
	uiml_kernels()->mix_scores(rest, n, bench->fold_items + fold * n, 1,
							   (float) (weight[UIML_PART_OVERLAP] / fmax(bench->fold_total[fold], 1)), 0);
}

/* Where rounds of maximising begin. */
static void
start_weights(const UimlItemFit *g, double *weight)
{
	for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
		weight[part] = part == UIML_PART_MAP && !g->bench.with_map ? 0 : 1.0 / UIML_N_ITEM_PARTS;
}

/* Lets neighbours say more; weights sum to 1 as before. */
static void
emphasise(double *weight, double emphasis)
{
	double all = 1 + (emphasis - 1) * weight[UIML_PART_NEIGHBOURS];

	weight[UIML_PART_NEIGHBOURS] *= emphasis;
	for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
		weight[part] /= all;
}

UimlStatus
uiml_item_fit_weights(const UimlEnv *env, UimlItemFit *g)
{
	double best = -INFINITY;
	size_t best_t = 0;
	double weight[UIML_N_ITEM_PARTS];

	for (size_t t = 0; t < UIML_MAP_TEMPERATURES; t++)
	{
		double likelihood;

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		start_weights(g, weight);
		uiml_parts_take(&g->sample, t);
		likelihood = uiml_parts_maximise(&g->sample, FEW_ROUNDS, weight);
		if (likelihood > best)
		{
			best = likelihood;
			best_t = t;
			memcpy(g->transfer->weight, weight, sizeof(weight));
		}
	}
	g->transfer->temperature = uiml_map_temperature[best_t];
	uiml_parts_take(&g->sample, best_t);
	uiml_parts_maximise(&g->sample, MANY_ROUNDS, g->transfer->weight);
	return UIML_OK;
}

/* The gain of item i, 1 / log2(1 + rank) among all, equals counting half. */
static double
discounted_gain(const float *share, size_t n, uint32_t i)
{
	float own = share[i];
	uint32_t above = 0;
	uint32_t equal = 0;

	for (size_t j = 0; j < n; j++)
	{
		above += share[j] > own;
		equal += share[j] == own;
	}
	return 1 / log2(2 + above + .5 * (equal - 1));
}

static const double emphases[] = {1, 2};

#define N_EMPHASES (sizeof(emphases) / sizeof(*emphases))

/* Adds the reciprocal ranks of the items of the user on the bench under each emphasis. */
static void
rank_user(const UimlItemFit *g, size_t u, float *rest, float *share, double *sum)
{
	const UimlItemLists *lists = &g->overlap->target;
	double say = g->transfer->weight[UIML_PART_NEIGHBOURS] * g->bench.evidence;
	size_t step = uiml_item_fit_item_step(g, u, UIML_RANKED_ITEMS);

	uiml_item_fit_mix(g, u, rest);
	for (size_t k = 0; k < N_EMPHASES; k++)
	{
		memcpy(share, rest, lists->n_items * sizeof(float));
		uiml_kernels()->mix_scores(share, lists->n_items, g->bench.chosen, 1, (float) (say * emphases[k]), 0);
		for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e += step)
			if (g->bench.popularity[lists->item[e]] > 0)
				sum[k] += discounted_gain(share, lists->n_items, lists->item[e]);
	}
}

/* Lets neighbours say as much as ranks the items of some users best. */
UimlStatus
uiml_item_fit_emphasis(const UimlEnv *env, UimlItemFit *g)
{
	size_t n = g->overlap->target.n_items;
	size_t step = uiml_item_fit_step(g, UIML_RANKED_USERS);
	float *rest = uiml_alloc(env, n, 2 * sizeof(float));
	double sum[N_EMPHASES] = {0};
	size_t best = 0;
	UimlStatus status = rest == NULL ? UIML_ENOMEM : UIML_OK;

	for (size_t u = 0; status == UIML_OK && u < g->overlap->n; u += step)
	{
		if (uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		else
		{
			uiml_parts_bench_place(&g->bench, u);
			rank_user(g, u, rest, rest + n, sum);
		}
	}
	for (size_t k = 1; k < N_EMPHASES; k++)
		best = sum[k] > sum[best] ? k : best;
	g->emphasis = emphases[best];
	if (status == UIML_OK)
		emphasise(g->transfer->weight, g->emphasis);
	uiml_free(env, rest);
	return status;
}

/* ---- the verdict --------------------------------------------------------------------------------------- */

/* The weights that the users of the other folds choose; room for all events. */
static void
weights_without(const UimlItemFit *g, uint8_t fold, UimlPartsEvent *room, double *weight)
{
	UimlPartsSample others = g->sample;

	others.event = room;
	others.n_events = 0;
	for (size_t e = 0; e < g->sample.n_events; e++)
		if (g->overlap->fold[g->sample.user[g->sample.event[e].user]] != fold)
			room[others.n_events++] = g->sample.event[e];
	start_weights(g, weight);
	uiml_parts_maximise(&others, FEW_ROUNDS, weight);
	emphasise(weight, g->emphasis);
}

/* Likelihoods of a fold's events under weights, and under popularity in the domain: sums; how many events. */
static double
sum_fold(const UimlItemFit *g, uint8_t fold, const double *weight, double *own, double *prior)
{
	static const double nothing[UIML_N_ITEM_PARTS] = {[UIML_PART_POPULARITY] = 1};
	UimlPartsSample one = g->sample;
	double n = 0;

	*own = *prior = 0;
	one.n_events = 1;
	for (size_t e = 0; e < g->sample.n_events; e++)
	{
		one.event = g->sample.event + e;
		if (g->overlap->fold[g->sample.user[one.event->user]] != fold)
			continue;
		*own += uiml_parts_likelihood(&one, weight);
		*prior += uiml_parts_likelihood(&one, nothing);
		n++;
	}
	return n;
}

/* The gain of all events, and its standard error over folds, each by its share of them. */
static void
average_folds(const double *sum, const double *n, UimlItemEvidence *evidence)
{
	double all = 0;
	double square = 0;
	size_t folds = 0;

	evidence->gain = 0;
	for (size_t f = 0; f < UIML_FOLDS; f++)
	{
		evidence->gain += sum[f];
		all += n[f];
	}
	evidence->gain /= all;
	for (size_t f = 0; f < UIML_FOLDS; f++)
	{
		double away = sum[f] / all - n[f] / all * evidence->gain;

		evidence->fold_gain[f] = n[f] > 0 ? sum[f] / n[f] : NAN;
		square += away * away;
		folds += n[f] > 0;
	}
	evidence->gain_se = folds > 1 ? sqrt(square * (double) folds / (double) (folds - 1)) : NAN;
}

/*
 * What the transfer gains over popularity in the domain.  Each fold is judged under weights that the others
 * choose: of few users, the best weights fit their luck.
 */
UimlStatus
uiml_item_fit_judge(const UimlEnv *env, UimlItemFit *g)
{
	UimlItemEvidence *evidence = g->evidence;
	UimlPartsEvent *room = uiml_alloc(env, g->sample.n_events, sizeof(UimlPartsEvent));
	double n[UIML_FOLDS];
	double sum[UIML_FOLDS];
	UimlStatus status = room == NULL ? UIML_ENOMEM : UIML_OK;

	evidence->users = g->sample.n_users;
	evidence->items = g->sample.n_events;
	evidence->loss = 0;
	for (uint8_t f = 0; status == UIML_OK && f < UIML_FOLDS; f++)
	{
		double weight[UIML_N_ITEM_PARTS];
		double own, prior;

		weights_without(g, f, room, weight);
		n[f] = sum_fold(g, f, weight, &own, &prior);
		sum[f] = own - prior;
		evidence->loss -= own / (double) g->sample.n_events;
		if (uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
	}
	uiml_free(env, room);
	if (status == UIML_OK)
		average_folds(sum, n, evidence);
	g->transfer->used = status == UIML_OK && evidence->gain > evidence->gain_se;
	return status;
}
