/*
 * item_strength.c
 *	  How many items of a history an item transfer is worth.
 *
 * Some of the items of users are observed, as if they had just come; the others have a likelihood under what
 * their history and the transfer without their fold say together.
 */
#include "core/item_fit.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/minimise.h"
#include "core/model_tune.h"
#include "core/rng.h"

/* Bounds of the search. */
#define LOW_STRENGTH  .1
#define HIGH_STRENGTH 1e4
#define MOST_OBSERVED 5
#define SEARCH_STEPS  16
#define SEARCH_WITHIN 1e-2 /* of the logarithm */

/* A hidden item of somebody of whom a few others are known. */
typedef struct HiddenItem
{
	float observed;
	float history;
	float transfer;
} HiddenItem;

typedef struct Strength
{
	double neutral; /* logarithm */
	size_t n;
	HiddenItem *item;
} Strength;

static double
strength_loss(void *ctx, double x)
{
	const Strength *s = ctx;
	double strength = exp(x);
	double away = (x - s->neutral) / UIML_TUNING_SPREAD;
	double loss = away * away / 2;

	for (size_t h = 0; h < s->n; h++)
	{
		const HiddenItem *item = &s->item[h];
		double share =
			(item->observed * item->history + strength * item->transfer) / (item->observed + strength);

		loss -= log(share > 1e-12 ? share : 1e-12);
	}
	return loss;
}

/* Shares of user u's history of n items, which lie in observed, over the others. */
static void
history_shares(const UimlItemFit *g, size_t u, const uint32_t *observed, size_t n, float *share)
{
	const UimlModel *target = g->target;
	const UimlKernels *kernels = uiml_kernels();
	float best, mass, items;

	memset(g->bench.sum, 0, target->dims * sizeof(double));
	for (size_t k = 0; k < n; k++)
		kernels->accumulate(target->in + observed[k] * target->dims, target->dims, g->bench.sum);
	for (size_t j = 0; j < target->dims; j++)
		g->bench.vector[j] = (float) g->bench.sum[j];
	uiml_parts_score(&g->bench, u, g->bench.vector, share);
	for (size_t k = 0; k < n; k++)
		share[observed[k]] = -INFINITY;
	kernels->survey_scores(share, target->popularity, target->n_items, &best, &mass, &items);
	if (best >= 1e-30f)
	{
		double sum =
			kernels->raise_scores(share, target->n_items, 1 / best, (float) (1 / target->temperature));

		kernels->scale(share, 1 / sum, target->n_items, share);
	}
	else
		memset(share, 0, target->n_items * sizeof(float));
}

/* Observes some of the items of user u, who is on the bench, and adds the others. */
static void
observe_user(const UimlItemFit *g, size_t u, float *rest, float *history, Strength *s)
{
	const UimlItemLists *lists = &g->overlap->target;
	const double *weight = g->transfer->weight;
	size_t n = (size_t) (lists->start[u + 1] - lists->start[u]);
	size_t n_observed = n / 2 < MOST_OBSERVED ? n / 2 : MOST_OBSERVED;
	double say = weight[UIML_PART_NEIGHBOURS] * g->bench.evidence;
	double all = 1 - weight[UIML_PART_NEIGHBOURS] + say;
	double left = all;
	uint32_t observed[MOST_OBSERVED];
	UimlRng rng;

	if (n_observed == 0)
		return;
	uiml_rng_init(&rng, g->seed + u);
	n_observed = 1 + uiml_rng_below(&rng, n_observed);
	uiml_item_fit_mix(g, u, rest);
	uiml_kernels()->mix_scores(rest, lists->n_items, g->bench.chosen, 1, (float) say, 0);
	for (size_t k = 0; k < n_observed; k++)
	{
		/* one of each of n_observed runs of items */
		size_t first = k * n / n_observed;
		size_t run = (k + 1) * n / n_observed - first;

		observed[k] = lists->item[lists->start[u] + first + uiml_rng_below(&rng, run)];
		left -= rest[observed[k]];
	}
	history_shares(g, u, observed, n_observed, history);
	for (uint64_t e = lists->start[u]; e < lists->start[u + 1];
		 e += uiml_item_fit_item_step(g, u, UIML_RANKED_ITEMS))
	{
		uint32_t i = lists->item[e];

		if (history[i] >= 0 && g->bench.popularity[i] > 0 && left > 0)
			s->item[s->n++] = (HiddenItem){(float) n_observed, history[i], (float) (rest[i] / left)};
	}
}

/* How many items of a history are worth as much as the transfer. */
UimlStatus
uiml_item_fit_strength(const UimlEnv *env, UimlItemFit *g)
{
	size_t n = g->overlap->target.n_items;
	size_t step = uiml_item_fit_step(g, UIML_RANKED_USERS);
	Strength s = {.neutral = log(g->target->item_alpha)};
	float *rest = uiml_alloc(env, n, 2 * sizeof(float));
	double x, y;
	UimlStatus status;

	s.item = uiml_alloc(env, (g->overlap->n / step + 1) * UIML_RANKED_ITEMS, sizeof(HiddenItem));
	status = rest == NULL || s.item == NULL ? UIML_ENOMEM : UIML_OK;
	for (size_t u = 0; status == UIML_OK && u < g->overlap->n; u += step)
	{
		if (uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		else
		{
			uiml_parts_bench_place(&g->bench, u);
			observe_user(g, u, rest, rest + n, &s);
		}
	}
	if (status == UIML_OK)
		status = uiml_minimise(env, strength_loss, &s, log(LOW_STRENGTH), log(HIGH_STRENGTH), SEARCH_STEPS,
							   SEARCH_WITHIN, &x, &y);
	if (status == UIML_OK)
		g->transfer->strength = exp(x);
	uiml_free(env, rest);
	uiml_free(env, s.item);
	return status;
}
