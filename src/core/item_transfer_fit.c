/*
 * item_transfer_fit.c
 *	  Fits an item transfer by cross-validation over overlapping users.
 *
 * The map is what the verdict chooses (core/verdict.h).  Here are its fit, with all users and without each
 * fold, and the sample of users who are asked what they chose; item_weights.c weighs the parts and judges,
 * item_strength.c sets what a history is worth beside them.
 */
#include "core/item_fit.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"

/* Users looked at out of fold, scores computed for them, and items of each. */
#define MOST_USERS   2000
#define FEWEST_USERS 200
#define SCORE_BUDGET 3e9
#define MOST_ITEMS   50

/* Rows added to statistics at a time. */
#define STATISTICS_ROW 256

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
make_statistics(const UimlEnv *env, UimlItemFit *g)
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
prior_of(const UimlItemFit *g, size_t without)
{
	if (g->evidence->map.best == UIML_CANDIDATE_RIDGE)
		return NULL;
	return without < UIML_FOLDS && g->prior->by_fold != NULL
			   ? g->prior->by_fold + without * g->overlap->p * g->overlap->q
			   : g->prior->w;
}

/* W and b of the verdict's candidate on some statistics, as floats. */
static UimlStatus
solve(const UimlEnv *env, const UimlItemFit *g, const UimlTransferStats *stats, const double *prior, float *w,
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
fit_map(const UimlEnv *env, UimlItemFit *g)
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
judge_map(const UimlEnv *env, UimlItemFit *g)
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

size_t
uiml_item_fit_step(const UimlItemFit *g, double n_wanted)
{
	return (double) g->overlap->n > n_wanted ? (size_t) ceil((double) g->overlap->n / n_wanted) : 1;
}

size_t
uiml_item_fit_item_step(const UimlItemFit *g, size_t u, size_t n)
{
	const UimlItemLists *lists = &g->overlap->target;

	return ((size_t) (lists->start[u + 1] - lists->start[u]) + n - 1) / n;
}

static size_t
sample_step(const UimlItemFit *g)
{
	double n = SCORE_BUDGET / ((double) g->overlap->target.n_items * (double) (g->overlap->q + 16));

	return uiml_item_fit_step(g, n > MOST_USERS ? MOST_USERS : n < FEWEST_USERS ? FEWEST_USERS : n);
}

static UimlStatus
sample_create(const UimlEnv *env, UimlItemFit *g, size_t step)
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

/* The events of user u, who is on the bench. */
static void
sample_user(UimlItemFit *g, size_t u, float *power)
{
	const UimlItemLists *lists = &g->overlap->target;
	const UimlPartsBench *bench = &g->bench;
	UimlPartsSample *s = &g->sample;
	size_t first = s->n_events;
	uint8_t fold = g->overlap->fold[u];
	size_t step = uiml_item_fit_item_step(g, u, MOST_ITEMS);

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
	for (size_t t = 0; t < UIML_MAP_TEMPERATURES && uiml_item_fit_raise(g, uiml_map_temperature[t], power);
		 t++)
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
scale_evidence(UimlItemFit *g)
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
sample_users(const UimlEnv *env, UimlItemFit *g)
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

/* ---- all of it ----------------------------------------------------------------------------------------- */

static UimlStatus
create_transfer(const UimlEnv *env, UimlItemFit *g)
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
fit_parts(const UimlEnv *env, UimlItemFit *g)
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
	status = uiml_item_fit_weights(env, g);
	if (status == UIML_OK)
		status = uiml_item_fit_emphasis(env, g);
	if (status == UIML_OK)
		status = uiml_item_fit_strength(env, g);
	if (status == UIML_OK)
		status = uiml_item_fit_judge(env, g);
	if (status == UIML_OK && with_map)
	{
		g->transfer->fold_w = g->bench.w;
		g->bench.w = NULL;
	}
	return status;
}

static void
fitting_free(const UimlEnv *env, UimlItemFit *g)
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
	UimlItemFit g = {.overlap = overlap,
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
