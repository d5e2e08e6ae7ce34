/*
 * metrics.h
 *	  Ranking metrics of one user's list, and bootstrap intervals over users.
 *
 * Full ranking, binary relevance.  Recall@k divides by min(k, relevant) and NDCG@k by the best DCG of
 * min(k, relevant) hits (Liang et al. 2018), so that a perfect list scores 1 at every k.
 */
#ifndef UIML_METRICS_H
#define UIML_METRICS_H

#include "core/uiml.h"

typedef enum UimlMetric
{
	UIML_RECALL,
	UIML_PRECISION,
	UIML_HR,
	UIML_NDCG,
	UIML_MRR,
	UIML_MAP,
	UIML_N_METRICS
} UimlMetric;

/* "recall", "precision", "hr", "ndcg", "mrr", "map" */
extern const char *uiml_metric_name(UimlMetric metric);

/*
 * uiml_metric
 *		The metric at k of one list.
 *
 * hit:		n flags in rank order, true where the item is relevant; ranks beyond n are misses
 * relevant: how many relevant items the user has, >= 1
 *
 * NaN when relevant or k is 0.  O(min(n, k)).
 */
extern double uiml_metric(UimlMetric metric, const bool *hit, size_t n, size_t relevant, size_t k);

/*
 * uiml_bootstrap
 *		Percentile interval of the mean by resampling users.
 *
 * value: n; NaN values are left out (a user without the quantity).  level e.g. .95.  rounds e.g. 1000.
 * mean, low, high receive the results; NaN when no value is left.  Deterministic for the seed.
 *
 * Returns UIML_OK, UIML_EINVALID (rounds 0, level not between 0 and 1), UIML_ENOTFINITE (an infinite value),
 * UIML_ENOMEM, UIML_EINTERRUPTED.  O(rounds n) time, n + rounds doubles.
 */
extern UimlStatus uiml_bootstrap(const UimlEnv *env, const double *value, size_t n, size_t rounds,
								 double level, uint64_t seed, double *mean, double *low, double *high);

#endif /* UIML_METRICS_H */
