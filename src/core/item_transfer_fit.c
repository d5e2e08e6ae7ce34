/*
 * item_transfer_fit.c
 *	  Fits an item transfer by cross-validation over overlapping users.
 *
 * The map is what the verdict chooses (core/verdict.h).  Temperature and weights maximise the likelihood of
 * what users chose under parts that were fitted without their folds (core/item_parts.h).  A likelihood is
 * decided by the many items that nobody can foresee, where neighbours have nothing to say; a list of ten is
 * not: there neighbours may say twice what the likelihood would let them, if that ranks these items better.
 */
#include "core/item_transfer.h"

#include <math.h>
#include <string.h>

#include "core/item_parts.h"
#include "core/kernels.h"
#include "core/minimise.h"
#include "core/model_tune.h"
#include "core/rng.h"

/* Users looked at out of fold, scores computed for them, and items of each. */
#define MOST_USERS   2000
#define FEWEST_USERS 200
#define SCORE_BUDGET 3e9
#define MOST_ITEMS   50

/* Users whose items are ranked, and who are observed to find the strength; items of each. */
#define RANKED_USERS 500
#define RANKED_ITEMS 20

/* Rounds of maximising per temperature, and for the best. */
#define FEW_ROUNDS  50
#define MANY_ROUNDS 200

/* Bounds of the search for the strength. */
#define LOW_STRENGTH   .1
#define HIGH_STRENGTH  1e4
#define MOST_OBSERVED  5
#define SEARCH_STEPS   16
#define SEARCH_WITHIN  1e-2 /* of the logarithm */
#define STATISTICS_ROW 256  /* rows added at a time */

/* Everything on its way from an overlap to a transfer. */
typedef struct Fitting
{
	const UimlOverlap *overlap;
	const UimlModel *target;
	const UimlPrior *prior;
	uint64_t seed;
	UimlTransferStats *own[UIML_FOLDS]; /* made here, NULL where they were given */
	const UimlTransferStats *fold[UIML_FOLDS];
	UimlTransferStats *sum;
	uint8_t *pool_fold;
	UimlPartsBench bench;
	UimlPartsSample sample;
	double emphasis;
	UimlItemTransfer *transfer;
	UimlItemEvidence *evidence;
} Fitting;

/* ---- the map ------------------------------------------------------------------------------------------- */

/* The statistics of a fold, from its rows gathered a few at a time. */
static UimlStatus
add_fold(const UimlEnv *env, const UimlOverlap *overlap, uint8_t fold, float *x, float *y,
		 UimlTransferStats *stats)
{
	size_t p = overlap->p;
	size_t q = overlap->q;
	size_t n = 0;
	UimlStatus status = UIML_OK;

	for (size_t u = 0; status == UIML_OK && u <= overlap->n; u++)
	{
		if (n == STATISTICS_ROW || (u == overlap->n && n > 0))
		{
			status = uiml_transfer_add(env, stats, x, y, NULL, n);
			n = 0;
		}
		if (u == overlap->n || overlap->fold[u] != fold)
			continue;
		memcpy(x + n * p, overlap->x + u * p, p * sizeof(float));
		memcpy(y + n * q, overlap->y + u * q, q * sizeof(float));
		n++;
	}
	return status;
}

static UimlStatus
make_statistics(const UimlEnv *env, Fitting *g)
{
	const UimlOverlap *overlap = g->overlap;
	float *x = uiml_alloc(env, STATISTICS_ROW * overlap->p, sizeof(float));
	float *y = uiml_alloc(env, STATISTICS_ROW * overlap->q, sizeof(float));
	UimlStatus status = x == NULL || y == NULL ? UIML_ENOMEM : UIML_OK;

	for (uint8_t f = 0; status == UIML_OK && f < UIML_FOLDS; f++)
	{
		g->own[f] = uiml_transfer_create(env, overlap->p, overlap->q);
		if (g->own[f] == NULL)
			status = UIML_ENOMEM;
		else
			status = add_fold(env, overlap, f, x, y, g->own[f]);
		g->fold[f] = g->own[f];
	}
	uiml_free(env, x);
	uiml_free(env, y);
	return status;
}

/* W0 of the verdict's candidate, without a fold (UIML_FOLDS: of all rows); NULL for 0. */
static const double *
prior_of(const Fitting *g, size_t without)
{
	if (g->evidence->map.best == UIML_CANDIDATE_RIDGE)
		return NULL;
	return without < UIML_FOLDS && g->prior->by_fold != NULL
			   ? g->prior->by_fold + without * g->overlap->p * g->overlap->q
			   : g->prior->w;
}

/* W and b of the verdict's candidate on some statistics, as floats. */
static UimlStatus
solve(const UimlEnv *env, const Fitting *g, const UimlTransferStats *stats, const double *prior, float *w,
	  float *b)
{
	const UimlVerdict *verdict = &g->evidence->map;
	size_t cells = (size_t) stats->p * stats->q;
	double *wide = uiml_alloc(env, cells + stats->q, sizeof(double));
	UimlRidge ridge = {0};
	UimlStatus status = wide == NULL ? UIML_ENOMEM : uiml_ridge_begin(env, stats, true, prior, &ridge);

	if (status == UIML_OK)
		status = uiml_ridge_solve(env, &ridge, verdict->lambda, wide, wide + cells);
	for (size_t i = 0; status == UIML_OK && i < cells; i++)
		w[i] = (float) wide[i];
	for (size_t j = 0; status == UIML_OK && j < stats->q; j++)
		b[j] = (float) wide[cells + j];
	uiml_ridge_free(env, &ridge);
	uiml_free(env, wide);
	return status;
}

/* The map of all rows, and for the bench that of all but each fold. */
static UimlStatus
fit_map(const UimlEnv *env, Fitting *g)
{
	size_t p = g->overlap->p;
	size_t q = g->overlap->q;
	UimlTransferStats *rest = uiml_transfer_create(env, p, q);
	UimlStatus status = rest == NULL ? UIML_ENOMEM : UIML_OK;

	if (status == UIML_OK)
		status = solve(env, g, g->sum, prior_of(g, UIML_FOLDS), (float *) g->transfer->w,
					   (float *) g->transfer->b);
	for (size_t f = 0; status == UIML_OK && f < UIML_FOLDS; f++)
	{
		memcpy(rest, g->sum, UIML_TRANSFER_STATS_SIZE(p, q));
		status = uiml_transfer_subtract(rest, g->fold[f]);
		if (status == UIML_OK)
			status = solve(env, g, rest, prior_of(g, f), g->bench.w + f * p * q, g->bench.b + f * q);
	}
	uiml_free(env, rest);
	return status;
}

static UimlStatus
judge_map(const UimlEnv *env, Fitting *g)
{
	UimlStatus status = UIML_OK;

	g->sum = uiml_transfer_create(env, g->overlap->p, g->overlap->q);
	if (g->sum == NULL)
		return UIML_ENOMEM;
	for (size_t f = 0; status == UIML_OK && f < UIML_FOLDS; f++)
		status = uiml_transfer_merge(g->sum, g->fold[f]);
	if (status == UIML_OK)
		status = uiml_verdict(env, g->fold, UIML_FOLDS, true, g->prior, &g->evidence->map);
	return status;
}

/* ---- the sample ---------------------------------------------------------------------------------------- */

/* The distance between users of whom about n_wanted take part. */
static size_t
step_of(const Fitting *g, double n_wanted)
{
	return (double) g->overlap->n > n_wanted ? (size_t) ceil((double) g->overlap->n / n_wanted) : 1;
}

static size_t
sample_step(const Fitting *g)
{
	double n = SCORE_BUDGET / ((double) g->overlap->target.n_items * (double) (g->overlap->q + 16));

	return step_of(g, n > MOST_USERS ? MOST_USERS : n < FEWEST_USERS ? FEWEST_USERS : n);
}

/* The distance between the items of u of which at most n are looked at. */
static size_t
item_step(const Fitting *g, size_t u, size_t n)
{
	const UimlItemLists *lists = &g->overlap->target;

	return ((size_t) (lists->start[u + 1] - lists->start[u]) + n - 1) / n;
}

static UimlStatus
sample_create(const UimlEnv *env, Fitting *g, size_t step)
{
	UimlPartsSample *s = &g->sample;
	size_t n_events = 0;

	for (size_t u = 0; u < g->overlap->n; u += step)
	{
		size_t n = (size_t) (g->overlap->target.start[u + 1] - g->overlap->target.start[u]);

		n_events += n < MOST_ITEMS ? n : MOST_ITEMS;
		s->n_users++;
	}
	s->user = uiml_alloc(env, s->n_users, sizeof(uint32_t));
	s->evidence = uiml_alloc(env, s->n_users, sizeof(float));
	s->event = uiml_alloc(env, n_events, sizeof(UimlPartsEvent));
	return s->user == NULL || s->evidence == NULL || s->event == NULL ? UIML_ENOMEM : UIML_OK;
}

/* The shares of the map at temperature t, in power (n_items); false where no score is above 0. */
static bool
raise(const Fitting *g, double temperature, float *power)
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

/* The events of user u, who is on the bench. */
static void
sample_user(Fitting *g, size_t u, float *power)
{
	const UimlItemLists *lists = &g->overlap->target;
	const UimlPartsBench *bench = &g->bench;
	UimlPartsSample *s = &g->sample;
	size_t first = s->n_events;
	uint8_t fold = g->overlap->fold[u];
	size_t step = item_step(g, u, MOST_ITEMS);

	for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e += step)
	{
		uint32_t i = lists->item[e];
		UimlPartsEvent *event = &s->event[s->n_events];

		/* What only he chose nobody could have told: it has no share under any weights. */
		if (!(bench->popularity[i] > 0))
			continue;
		*event = (UimlPartsEvent){.user = (uint32_t) s->n_users};
		event->part[UIML_PART_NEIGHBOURS] = bench->chosen[i];
		event->part[UIML_PART_OVERLAP] =
			(float) (bench->fold_items[fold * lists->n_items + i] / fmax(bench->fold_total[fold], 1));
		event->part[UIML_PART_POPULARITY] = bench->popularity[i];
		s->n_events++;
	}
	for (size_t t = 0; t < UIML_MAP_TEMPERATURES && raise(g, uiml_map_temperature[t], power); t++)
	{
		size_t at = first;

		for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e += step)
			if (bench->popularity[lists->item[e]] > 0)
				s->event[at++].map[t] = power[lists->item[e]];
	}
	s->user[s->n_users] = (uint32_t) u;
	s->evidence[s->n_users++] = (float) bench->evidence;
}

/* Makes what neighbours say 1 on the average, of the sample and of the pool. */
static void
scale_evidence(Fitting *g)
{
	UimlPartsSample *s = &g->sample;
	float *scale = (float *) g->transfer->pool.scale;
	double sum = 0;

	for (size_t k = 0; k < s->n_users; k++)
		sum += s->evidence[k];
	if (!(sum > 0))
		return;
	for (size_t k = 0; k < s->n_users; k++)
		s->evidence[k] = (float) (s->evidence[k] * (double) s->n_users / sum);
	uiml_kernels()->scale(scale, (double) s->n_users / sum, g->transfer->pool.n_users, scale);
}

static UimlStatus
sample_users(const UimlEnv *env, Fitting *g)
{
	size_t step = sample_step(g);
	float *power = uiml_alloc(env, g->overlap->target.n_items, sizeof(float));
	UimlStatus status = power == NULL ? UIML_ENOMEM : sample_create(env, g, step);

	g->sample.n_users = 0;
	for (size_t u = 0; status == UIML_OK && u < g->overlap->n; u += step)
	{
		if (uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		else
		{
			uiml_parts_bench_place(&g->bench, u);
			sample_user(g, u, power);
		}
	}
	if (status == UIML_OK)
		scale_evidence(g);
	uiml_free(env, power);
	return status;
}

/* ---- weights ------------------------------------------------------------------------------------------- */

/* Temperature and weights of highest likelihood. */
static UimlStatus
fit_weights(const UimlEnv *env, Fitting *g)
{
	double best = -INFINITY;
	size_t best_t = 0;
	double weight[UIML_N_ITEM_PARTS];

	for (size_t t = 0; t < UIML_MAP_TEMPERATURES; t++)
	{
		double likelihood;

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
			weight[part] = part == UIML_PART_MAP && !g->bench.with_map ? 0 : .25;
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

/* What the parts but the neighbours say of the user on the bench (rest), not divided by their weights. */
static void
mix_rest(const Fitting *g, size_t u, float *rest)
{
	const UimlPartsBench *bench = &g->bench;
	const double *weight = g->transfer->weight;
	size_t n = g->overlap->target.n_items;
	uint8_t fold = g->overlap->fold[u];

	if (raise(g, g->transfer->temperature, rest))
		uiml_kernels()->scale(rest, weight[UIML_PART_MAP], n, rest);
	else
		memset(rest, 0, n * sizeof(float));
	uiml_kernels()->mix_scores(rest, n, bench->popularity, 1, (float) weight[UIML_PART_POPULARITY], 0);
	uiml_kernels()->mix_scores(rest, n, bench->fold_items + fold * n, 1,
							   (float) (weight[UIML_PART_OVERLAP] / fmax(bench->fold_total[fold], 1)), 0);
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
rank_user(const Fitting *g, size_t u, float *rest, float *share, double *sum)
{
	const UimlItemLists *lists = &g->overlap->target;
	double say = g->transfer->weight[UIML_PART_NEIGHBOURS] * g->bench.evidence;
	size_t step = item_step(g, u, RANKED_ITEMS);

	mix_rest(g, u, rest);
	for (size_t k = 0; k < N_EMPHASES; k++)
	{
		memcpy(share, rest, lists->n_items * sizeof(float));
		uiml_kernels()->mix_scores(share, lists->n_items, g->bench.chosen, 1, (float) (say * emphases[k]), 0);
		for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e += step)
			if (g->bench.popularity[lists->item[e]] > 0)
				sum[k] += discounted_gain(share, lists->n_items, lists->item[e]);
	}
}

/* Lets neighbours say so many times as much. */
static void
emphasise(double emphasis, double *weight)
{
	double all = 1 + (emphasis - 1) * weight[UIML_PART_NEIGHBOURS];

	weight[UIML_PART_NEIGHBOURS] *= emphasis;
	for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
		weight[part] /= all;
}

/* Lets neighbours say as much as ranks the items of some users best. */
static UimlStatus
fit_emphasis(const UimlEnv *env, Fitting *g)
{
	size_t n = g->overlap->target.n_items;
	size_t step = step_of(g, RANKED_USERS);
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
	if (status == UIML_OK)
	{
		g->emphasis = emphases[best];
		emphasise(g->emphasis, g->transfer->weight);
	}
	uiml_free(env, rest);
	return status;
}

/* ---- strength ------------------------------------------------------------------------------------------ */

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
history_shares(const Fitting *g, size_t u, const uint32_t *observed, size_t n, float *share)
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
observe_user(const Fitting *g, size_t u, float *rest, float *history, Strength *s)
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
	mix_rest(g, u, rest);
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
	for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e += item_step(g, u, RANKED_ITEMS))
	{
		uint32_t i = lists->item[e];

		if (history[i] >= 0 && g->bench.popularity[i] > 0 && left > 0)
			s->item[s->n++] = (HiddenItem){(float) n_observed, history[i], (float) (rest[i] / left)};
	}
}

/* How many items of a history are worth as much as the transfer. */
static UimlStatus
fit_strength(const UimlEnv *env, Fitting *g)
{
	size_t n = g->overlap->target.n_items;
	size_t step = step_of(g, RANKED_USERS);
	Strength s = {.neutral = log(g->target->item_alpha)};
	float *rest = uiml_alloc(env, n, 2 * sizeof(float));
	double x, y;
	UimlStatus status;

	s.item = uiml_alloc(env, (g->overlap->n / step + 1) * RANKED_ITEMS, sizeof(HiddenItem));
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

/* ---- the verdict --------------------------------------------------------------------------------------- */

/* The weights that the users of the other folds choose; room for all events. */
static void
weights_without(const Fitting *g, uint8_t fold, UimlPartsEvent *room, double *weight)
{
	UimlPartsSample others = g->sample;

	others.event = room;
	others.n_events = 0;
	for (size_t e = 0; e < g->sample.n_events; e++)
		if (g->overlap->fold[g->sample.user[g->sample.event[e].user]] != fold)
			room[others.n_events++] = g->sample.event[e];
	for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
		weight[part] = part == UIML_PART_MAP && !g->bench.with_map ? 0 : .25;
	uiml_parts_maximise(&others, FEW_ROUNDS, weight);
	emphasise(g->emphasis, weight);
}

/* Likelihoods of a fold's events under weights, and under popularity in the domain: sums; how many events. */
static double
sum_fold(const Fitting *g, uint8_t fold, const double *weight, double *own, double *prior)
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
static UimlStatus
judge(const UimlEnv *env, Fitting *g)
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

/* ---- all of it ----------------------------------------------------------------------------------------- */

static UimlStatus
create_transfer(const UimlEnv *env, Fitting *g)
{
	const UimlOverlap *overlap = g->overlap;
	UimlItemTransfer *transfer = g->transfer;
	size_t n_items = overlap->target.n_items;
	uint32_t *member = NULL;
	float *counts = uiml_alloc0(env, n_items, sizeof(float));
	uint64_t n = overlap->target.start[overlap->n];
	UimlStatus status;

	transfer->w = uiml_alloc0(env, overlap->p, overlap->q * sizeof(float));
	transfer->b = uiml_alloc0(env, overlap->q, sizeof(float));
	transfer->overlap = counts;
	status = uiml_item_pool_build(env, overlap, &transfer->pool, &member);
	g->pool_fold = uiml_alloc(env, transfer->pool.n_users, sizeof(uint8_t));
	if (transfer->w == NULL || transfer->b == NULL || counts == NULL || g->pool_fold == NULL)
		status = UIML_ENOMEM;
	for (uint64_t e = 0; status == UIML_OK && e < n; e++)
		counts[overlap->target.item[e]]++;
	if (status == UIML_OK)
		uiml_kernels()->scale(counts, n > 0 ? 1 / (double) n : 0, n_items, counts);
	for (size_t v = 0; status == UIML_OK && v < transfer->pool.n_users; v++)
		g->pool_fold[v] = overlap->fold[member[v]];
	uiml_free(env, member);
	return status;
}

static UimlStatus
fit_parts(const UimlEnv *env, Fitting *g)
{
	bool with_map = g->evidence->map.used;
	UimlStatus status = create_transfer(env, g);

	if (status == UIML_OK)
		status = uiml_parts_bench_create(env, g->overlap, g->target, &g->transfer->pool, g->pool_fold,
										 with_map, &g->bench);
	if (status == UIML_OK && with_map)
		status = fit_map(env, g);
	if (status == UIML_OK)
		status = sample_users(env, g);
	if (status != UIML_OK || g->sample.n_events == 0)
		return status;
	status = fit_weights(env, g);
	if (status == UIML_OK)
		status = fit_emphasis(env, g);
	if (status == UIML_OK)
		status = fit_strength(env, g);
	if (status == UIML_OK)
		status = judge(env, g);
	if (status == UIML_OK && with_map)
	{
		g->transfer->fold_w = g->bench.w;
		g->bench.w = NULL;
	}
	return status;
}

static void
fitting_free(const UimlEnv *env, Fitting *g)
{
	for (size_t f = 0; f < UIML_FOLDS; f++)
		uiml_free(env, g->own[f]);
	uiml_free(env, g->sum);
	uiml_free(env, g->pool_fold);
	uiml_parts_bench_free(env, &g->bench);
	uiml_free(env, g->sample.user);
	uiml_free(env, g->sample.evidence);
	uiml_free(env, g->sample.event);
}

UimlStatus
uiml_item_transfer_fit(const UimlEnv *env, const UimlOverlap *overlap, const UimlModel *target,
					   const UimlPrior *prior, const UimlTransferStats *const *stats, uint64_t seed,
					   UimlItemTransfer *transfer, UimlItemEvidence *evidence)
{
	Fitting g = {.overlap = overlap,
				 .target = target,
				 .prior = prior,
				 .seed = seed,
				 .transfer = transfer,
				 .evidence = evidence};
	UimlStatus status = UIML_OK;

	*transfer = (UimlItemTransfer){.p = overlap->p,
								   .q = overlap->q,
								   .n_items = target->n_items,
								   .weight = {[UIML_PART_POPULARITY] = 1},
								   .temperature = 1,
								   .strength = target->item_alpha};
	*evidence = (UimlItemEvidence){.loss = NAN, .gain = NAN, .gain_se = NAN};
	for (size_t f = 0; f < UIML_FOLDS; f++)
		evidence->fold_gain[f] = NAN;
	if (overlap->target.n_items != target->n_items || overlap->q != target->dims)
		return UIML_EINVALID;
	if (stats == NULL)
		status = make_statistics(env, &g);
	for (size_t f = 0; f < UIML_FOLDS && stats != NULL; f++)
		g.fold[f] = stats[f];
	if (status == UIML_OK)
		status = judge_map(env, &g);
	if (status == UIML_OK)
		status = fit_parts(env, &g);
	else if (status == UIML_EEMPTY)
		status = UIML_OK;
	fitting_free(env, &g);
	if (status != UIML_OK)
		uiml_item_transfer_free(env, transfer);
	return status;
}
