/*
 * metrics.h
 *	  Ranking metrics of one user's list, figures of values and vectors, and bootstrap intervals over users.
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
 * uiml_metric_graded_ndcg
 *		NDCG@k with a gain for each relevant item: sum of gain / log2(rank + 1) over the list, divided by that
 *		of the best list (Jarvelin & Kekalainen 2002).  Gains of 0 and 1 give uiml_metric's.
 *
 * gain:	n in rank order, 0 where the item is not relevant; ranks beyond n gain nothing
 * best:	n_best gains of all relevant items, descending
 *
 * NaN when no gain is above 0 or k is 0.  O(min(max(n, n_best), k)).
 */
extern double uiml_metric_graded_ndcg(const double *gain, size_t n, const double *best, size_t n_best,
									  size_t k);

/*
 * uiml_metric_auc
 *		The probability that a positive scores higher than a negative, equal scores counting one half: the
 *		area under the ROC curve, by ranks (Mann & Whitney 1947).
 *
 * score: n, not NaN.  auc receives NaN when there is no positive or no negative.  Returns UIML_OK or
 * UIML_ENOMEM.  O(n log p) for p positives.
 *
 * uiml_metric_above is what one negative adds: how many of the n ascending scores of the positives are above
 * x, one half for each that equals it.  The sum over the negatives, divided by the number of pairs, is the
 * AUC.
 */
extern UimlStatus uiml_metric_auc(const UimlEnv *env, const double *score, const bool *positive, size_t n,
								  double *auc);
extern double uiml_metric_above(const double *ascending, size_t n, double x);

/* Sorts values, none of them NaN, in ascending order. */
extern void uiml_metric_sort(double *value, size_t n);

/*
 * Quantile p, 0 .. 1, of n ascending values: linear between them (Hyndman & Fan 1996, type 7); NaN for none.
 */
extern double uiml_metric_quantile(const double *ascending, size_t n, double p);

/*
 * uiml_metric_gini
 *		Gini coefficient of n values, finite and >= 0: 0 where all are the same, (n - 1) / n where one has
 *		everything.  gini receives NaN when they add up to 0.  Returns UIML_OK, UIML_ENOMEM or
 *		UIML_EINTERRUPTED.  O(n log n).
 */
extern UimlStatus uiml_metric_gini(const UimlEnv *env, const double *value, size_t n, double *gini);

/*
 * uiml_metric_novelty
 *		Mean self-information of a list, -log2 of its items' shares (Zhou et al. 2010), in bits; each share is
 *		in 0 < share <= 1.  NaN when n is 0.
 */
extern double uiml_metric_novelty(const double *share, size_t n);

/*
 * uiml_metric_similarity
 *		Mean cosine over the n (n - 1) / 2 pairs of a list (Ziegler et al. 2005); a zero vector has cosine 0
 *		with every other.  One minus it is the intra-list diversity.
 *
 * vector: n pointers to d elements each; similarity receives NaN when n < 2.  Returns UIML_OK or UIML_ENOMEM.
 * O(n d): the pairs of unit vectors are what the square of their sum has beyond their own squares.
 *
 * A UimlListSimilarity is the same for a list that grows: start with d and a sum of d zeros.
 */
extern UimlStatus uiml_metric_similarity(const UimlEnv *env, const float *const *vector, size_t n, size_t d,
										 double *similarity);

typedef struct UimlListSimilarity
{
	size_t d;
	size_t n;    /* vectors so far */
	double own;  /* products of unit vectors with themselves */
	double *sum; /* d: of the unit vectors */
} UimlListSimilarity;

extern void uiml_list_similarity_add(UimlListSimilarity *list, const float *vector);
extern double uiml_list_similarity(const UimlListSimilarity *list); /* NaN for fewer than two */

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
