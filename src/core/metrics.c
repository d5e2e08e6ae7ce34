/*
 * metrics.c
 *	  Ranking metrics of one user's list, and bootstrap intervals over users.
 *
 * Relevance is binary, the ranking full.  The bootstrap resamples users, the units that are independent:
 * resampling single events would give intervals that are too narrow.  Quantiles interpolate linearly between
 * order statistics (Hyndman & Fan 1996, type 7).
 */
#include <math.h>

#include "core/metrics.h"
#include "core/rng.h"

const char *
uiml_metric_name(UimlMetric metric)
{
	static const char *const name[UIML_N_METRICS] = {"recall", "precision", "hr", "ndcg", "mrr", "map"};

	return (unsigned) metric < UIML_N_METRICS ? name[metric] : "unknown";
}

/* Hits among the first depth ranks. */
static size_t
count_hits(const bool *hit, size_t depth)
{
	size_t hits = 0;

	for (size_t i = 0; i < depth; i++)
		hits += hit[i];
	return hits;
}

/* DCG of the list over that of one that starts with best hits. */
static double
ndcg(const bool *hit, size_t depth, size_t best)
{
	double dcg = 0;
	double ideal = 0;

	for (size_t i = 0; i < depth || i < best; i++)
	{
		double gain = 1.0 / log2((double) i + 2);

		if (i < depth && hit[i])
			dcg += gain;
		if (i < best)
			ideal += gain;
	}
	return dcg / ideal;
}

/* Reciprocal rank of the first hit. */
static double
reciprocal_rank(const bool *hit, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
	{
		if (hit[i])
			return 1.0 / (double) (i + 1);
	}
	return 0;
}

/* Precision at each hit, averaged over the hits that were possible. */
static double
average_precision(const bool *hit, size_t depth, size_t best)
{
	size_t hits = 0;
	double sum = 0;

	for (size_t i = 0; i < depth; i++)
	{
		if (hit[i])
			sum += (double) ++hits / (double) (i + 1);
	}
	return sum / (double) best;
}

double
uiml_metric(UimlMetric metric, const bool *hit, size_t n, size_t relevant, size_t k)
{
	size_t depth = n < k ? n : k;
	size_t best = relevant < k ? relevant : k;

	if (best == 0)
		return NAN;
	switch (metric)
	{
		case UIML_RECALL:
			return (double) count_hits(hit, depth) / (double) best;
		case UIML_PRECISION:
			return (double) count_hits(hit, depth) / (double) k;
		case UIML_HR:
			return count_hits(hit, depth) > 0 ? 1 : 0;
		case UIML_NDCG:
			return ndcg(hit, depth, best);
		case UIML_MRR:
			return reciprocal_rank(hit, depth);
		case UIML_MAP:
			return average_precision(hit, depth, best);
		case UIML_N_METRICS:
			break;
	}
	return NAN;
}

double
uiml_metric_quantile(const double *sorted, size_t n, double p)
{
	double at = p * ((double) n - 1);
	size_t below = n > 0 ? (size_t) at : 0;

	if (n == 0)
		return NAN;
	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - (double) below) * (sorted[below + 1] - sorted[below]);
}

/* Fills mean_of with the means of rounds resamples of n values. */
static UimlStatus
bootstrap_means(const UimlEnv *env, const double *value, size_t n, size_t rounds, uint64_t seed,
				double *mean_of)
{
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t r = 0; r < rounds; r++)
	{
		double sum = 0;

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		for (size_t i = 0; i < n; i++)
			sum += value[uiml_rng_below(&rng, n)];
		mean_of[r] = sum / (double) n;
	}
	return UIML_OK;
}

UimlStatus
uiml_bootstrap(const UimlEnv *env, const double *value, size_t n, size_t rounds, double level, uint64_t seed,
			   double *mean, double *low, double *high)
{
	UimlStatus status = UIML_OK;
	size_t kept = 0;
	double sum = 0;
	double *present;
	double *mean_of;

	*mean = *low = *high = NAN;
	if (rounds == 0 || !(level > 0 && level < 1))
		return UIML_EINVALID;
	present = uiml_alloc(env, n, sizeof(double));
	mean_of = uiml_alloc(env, rounds, sizeof(double));
	if (present == NULL || mean_of == NULL)
		status = UIML_ENOMEM;
	for (size_t i = 0; status == UIML_OK && i < n; i++)
	{
		if (isnan(value[i]))
			continue;
		if (isinf(value[i]))
			status = UIML_ENOTFINITE;
		present[kept++] = value[i];
		sum += value[i];
	}
	if (status == UIML_OK && kept > 0)
		status = bootstrap_means(env, present, kept, rounds, seed, mean_of);
	if (status == UIML_OK && kept > 0)
	{
		uiml_metric_sort(mean_of, rounds);
		*mean = sum / (double) kept;
		*low = uiml_metric_quantile(mean_of, rounds, (1 - level) / 2);
		*high = uiml_metric_quantile(mean_of, rounds, (1 + level) / 2);
	}
	uiml_free(env, mean_of);
	uiml_free(env, present);
	return status;
}
