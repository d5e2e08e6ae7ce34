/*
 * item_parts.c
 *	  Overlapping users under the parts of an item transfer that were fitted without them.
 *
 * The item space of the target was fitted to these users, too, and nobody can ask for one fit for each fold.
 * In A = U S V' an item's vector is v_j = sum over users of a_uj u_u / s, so what user u himself did to the
 * score of one of his items under a vector p is
 *
 *		a_uj (a_u V) p / (s^2 - t^2),		in our scaling  sum_i in_i p_i / (s_i^2 - t^2) / sqrt(items of u)
 *
 * to first order in perturbation theory, where t stands for the singular values that were cut off.  Half of the
 * last squared one that was kept is taken for t^2: a heuristic, right where the cut ones fall off slowly.  On
 * amazon-game-video, target game, 64 dimensions, numpy, the likelihood of overlapping users' items is -8.488 nats
 * per item as they are, -8.654 corrected with t = 0, and -8.728 in spaces that were fitted without the fold:
 * the plain step falls short, so t.
 *
 * Weights are found by minorisation (Hunter 2004): a user's parts are normalised by what his neighbours have
 * to say, so that the plain steps of EM don't apply.
 */
#include "core/item_parts.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/metrics.h"

const double uiml_map_temperature[UIML_MAP_TEMPERATURES] = {.5, .7, 1, 1.4};

static size_t
list_length(const UimlItemLists *lists, size_t u)
{
	return (size_t) (lists->start[u + 1] - lists->start[u]);
}

/* How often the other folds chose each item, and in all. */
static void
count_folds(UimlPartsBench *bench)
{
	const UimlOverlap *overlap = bench->overlap;
	const UimlItemLists *target = &overlap->target;
	size_t n_items = target->n_items;
	size_t left[UIML_FOLDS] = {0};

	for (size_t u = 0; u < overlap->n; u++)
		for (uint64_t e = target->start[u]; e < target->start[u + 1]; e++)
			bench->fold_items[overlap->fold[u] * n_items + target->item[e]]++;
	for (size_t i = 0; i < n_items; i++)
	{
		float all = 0;

		for (size_t f = 0; f < UIML_FOLDS; f++)
			all += bench->fold_items[f * n_items + i];
		for (size_t f = 0; f < UIML_FOLDS; f++)
		{
			bench->fold_items[f * n_items + i] = all - bench->fold_items[f * n_items + i];
			bench->fold_total[f] += bench->fold_items[f * n_items + i];
		}
	}
	for (size_t v = 0; v < bench->pool->n_users; v++)
		left[bench->pool_fold[v]]++;
	for (size_t f = 0; f < UIML_FOLDS; f++)
		bench->fold_share[f] = 1 - (double) left[f] / (double) bench->pool->n_users;
}

/*
 * The popularity that one choice adds: the smallest step between two items, or from none to one.  The rarest
 * item alone does not tell where all are common; too large a choice would take from popularity what others
 * did, and make everything else look better.  No more in any case than a choice's share of the overlap.
 */
static UimlStatus
measure_choice(const UimlEnv *env, const UimlModel *target, UimlPartsBench *bench)
{
	double *popularity = uiml_alloc(env, target->n_items, sizeof(double));
	double before = 0;

	if (popularity == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < target->n_items; i++)
		popularity[i] = target->popularity[i];
	uiml_metric_sort(popularity, target->n_items);
	for (size_t i = 0; i < target->n_items; i++)
	{
		double step = popularity[i] - before;

		/* what floats round is no step */
		if (step > 4 * FLT_EPSILON * popularity[i])
			bench->choice = fminf(bench->choice, (float) step);
		before = popularity[i];
	}
	uiml_free(env, popularity);
	return UIML_OK;
}

UimlStatus
uiml_parts_bench_create(const UimlEnv *env, const UimlOverlap *overlap, const UimlModel *target,
						const UimlItemPool *pool, const uint8_t *pool_fold, bool with_map,
						UimlPartsBench *bench)
{
	size_t n_items = overlap->target.n_items;
	size_t q = overlap->q;

	*bench = (UimlPartsBench){.overlap = overlap,
							  .target = target,
							  .pool = pool,
							  .pool_fold = pool_fold,
							  .with_map = with_map,
							  .choice = 1.0f / (float) (overlap->target.start[overlap->n] + 1)};
	bench->w = uiml_alloc(env, UIML_FOLDS * overlap->p, q * sizeof(float));
	bench->b = uiml_alloc(env, UIML_FOLDS, q * sizeof(float));
	bench->fold_items = uiml_alloc0(env, UIML_FOLDS, n_items * sizeof(float));
	bench->influence = uiml_alloc(env, q, sizeof(double));
	bench->vector = uiml_alloc(env, q, sizeof(float));
	bench->sum = uiml_alloc(env, q, sizeof(double));
	bench->say = uiml_alloc0(env, pool->n_users, sizeof(float));
	bench->score = uiml_alloc(env, n_items, sizeof(float));
	bench->chosen = uiml_alloc(env, n_items, sizeof(float));
	bench->popularity = uiml_alloc(env, n_items, sizeof(float));
	if (bench->w == NULL || bench->b == NULL || bench->fold_items == NULL || bench->influence == NULL ||
		bench->vector == NULL || bench->sum == NULL || bench->say == NULL || bench->score == NULL ||
		bench->chosen == NULL || bench->popularity == NULL)
		return UIML_ENOMEM;
	count_folds(bench);
	return measure_choice(env, target, bench);
}

void
uiml_parts_bench_free(const UimlEnv *env, UimlPartsBench *bench)
{
	uiml_free(env, bench->w);
	uiml_free(env, bench->b);
	uiml_free(env, bench->fold_items);
	uiml_free(env, bench->influence);
	uiml_free(env, bench->vector);
	uiml_free(env, bench->sum);
	uiml_free(env, bench->say);
	uiml_free(env, bench->score);
	uiml_free(env, bench->chosen);
	uiml_free(env, bench->popularity);
	*bench = (UimlPartsBench){0};
}

/* What user u did to the score of one of his items under a vector. */
static double
own_score(const UimlPartsBench *bench, size_t u, const float *vector)
{
	const UimlModel *target = bench->target;
	const UimlItemLists *lists = &bench->overlap->target;
	size_t q = target->dims;
	double last = q > 0 ? target->sigma[q - 1] * target->sigma[q - 1] / 2 : 0;
	double own = 0;

	/* A space of texts, whose singular values are all 1, owes him nothing. */
	if (q == 0 || (target->sigma[0] == 1 && target->sigma[q - 1] == 1))
		return 0;
	memset(bench->influence, 0, q * sizeof(double));
	for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e++)
		uiml_kernels()->accumulate(target->in + lists->item[e] * q, q, bench->influence);
	for (size_t i = 0; i < q; i++)
		if (target->sigma[i] > 0)
			own += bench->influence[i] * vector[i] / (target->sigma[i] * target->sigma[i] - last);
	return own / sqrt((double) list_length(lists, u));
}

void
uiml_parts_score(const UimlPartsBench *bench, size_t u, const float *vector, float *score)
{
	const UimlItemLists *lists = &bench->overlap->target;
	double own = own_score(bench, u, vector);

	uiml_score_items(bench->target->out, bench->target->n_items, bench->target->dims, vector, score);
	for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e++)
		score[lists->item[e]] -= (float) own;
}

/* Popularity in the domain as it were without user u. */
static void
place_popularity(UimlPartsBench *bench, size_t u)
{
	const UimlItemLists *lists = &bench->overlap->target;
	double others = 1 - (double) list_length(lists, u) * bench->choice;
	float scale = others > .5 ? (float) (1 / others) : 1;

	uiml_kernels()->scale(bench->target->popularity, scale, lists->n_items, bench->popularity);
	for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e++)
	{
		float less = bench->popularity[lists->item[e]] - scale * bench->choice;

		bench->popularity[lists->item[e]] = less > 0 ? less : 0;
	}
}

void
uiml_parts_bench_place(UimlPartsBench *bench, size_t u)
{
	const UimlOverlap *overlap = bench->overlap;
	const UimlItemLists *source = &overlap->source;
	size_t n_items = overlap->target.n_items;
	size_t p = overlap->p;
	size_t q = overlap->q;
	uint8_t fold = overlap->fold[u];

	memset(bench->score, 0, n_items * sizeof(float));
	if (bench->with_map)
	{
		for (size_t j = 0; j < q; j++)
			bench->sum[j] = bench->b[fold * q + j];
		for (size_t i = 0; i < p; i++)
			uiml_kernels()->accumulate_weighted(bench->w + (fold * p + i) * q, overlap->x[u * p + i], q,
												bench->sum);
		for (size_t j = 0; j < q; j++)
			bench->vector[j] = (float) bench->sum[j];
		uiml_parts_score(bench, u, bench->vector, bench->score);
	}
	memset(bench->chosen, 0, n_items * sizeof(float));
	bench->evidence = uiml_item_pool_ask(bench->pool, source->item + source->start[u], list_length(source, u),
										 bench->pool_fold, fold, bench->say, bench->chosen);
	if (bench->evidence > 0)
	{
		uiml_kernels()->scale(bench->chosen, 1 / bench->evidence, n_items, bench->chosen);
		bench->evidence /= bench->fold_share[fold];
	}
	place_popularity(bench, u);
}

void
uiml_parts_take(UimlPartsSample *sample, size_t t)
{
	for (size_t e = 0; e < sample->n_events; e++)
		sample->event[e].part[UIML_PART_MAP] = sample->event[e].map[t];
}

/* What each part adds to an event's share before division, their sum, and that of their weights. */
static double
weigh(const UimlPartsSample *sample, const UimlPartsEvent *event, const double *weight, double *own,
	  double *total)
{
	double sum = 0;

	*total = 0;
	for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
	{
		double w = weight[part] * (part == UIML_PART_NEIGHBOURS ? sample->evidence[event->user] : 1);

		own[part] = w * event->part[part];
		sum += own[part];
		*total += w;
	}
	return sum;
}

double
uiml_parts_likelihood(const UimlPartsSample *sample, const double *weight)
{
	double own[UIML_N_ITEM_PARTS];
	double total;
	double sum = 0;

	for (size_t e = 0; e < sample->n_events; e++)
	{
		double share = weigh(sample, &sample->event[e], weight, own, &total);

		sum += log(share > 0 && total > 0 ? fmax(share / total, 1e-12) : 1e-12);
	}
	return sum / (double) sample->n_events;
}

double
uiml_parts_maximise(const UimlPartsSample *sample, size_t rounds, double *weight)
{
	for (size_t round = 0; round < rounds; round++)
	{
		double gained[UIML_N_ITEM_PARTS] = {0};
		double asked[UIML_N_ITEM_PARTS] = {0};
		double sum = 0;

		for (size_t e = 0; e < sample->n_events; e++)
		{
			const UimlPartsEvent *event = &sample->event[e];
			double own[UIML_N_ITEM_PARTS];
			double total;
			double share = weigh(sample, event, weight, own, &total);

			if (!(share > 0) || !(total > 0))
				continue;
			for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
			{
				gained[part] += own[part] / share;
				asked[part] += (part == UIML_PART_NEIGHBOURS ? sample->evidence[event->user] : 1) / total;
			}
		}
		for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
		{
			weight[part] = asked[part] > 0 ? gained[part] / asked[part] : 0;
			sum += weight[part];
		}
		if (!(sum > 0))
		{
			memset(weight, 0, UIML_N_ITEM_PARTS * sizeof(double));
			weight[UIML_PART_POPULARITY] = sum = 1;
		}
		for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
			weight[part] /= sum;
	}
	return uiml_parts_likelihood(sample, weight);
}
