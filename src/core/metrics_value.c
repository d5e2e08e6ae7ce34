/*
 * metrics_value.c
 *	  Metrics over values and vectors: graded NDCG, AUC, Gini, novelty, similarity within a list.
 */
#include <math.h>
#include <stdlib.h>

#include "core/metrics.h"
#include "core/vector.h"

double
uiml_metric_graded_ndcg(const double *gain, size_t n, const double *best, size_t n_best, size_t k)
{
	double dcg = 0;
	double ideal = 0;

	for (size_t i = 0; i < k && (i < n || i < n_best); i++)
	{
		double discount = 1.0 / log2((double) i + 2);

		if (i < n)
			dcg += gain[i] * discount;
		if (i < n_best)
			ideal += best[i] * discount;
	}
	return ideal > 0 ? dcg / ideal : NAN;
}

typedef struct ScoredItem
{
	double score;
	bool positive;
} ScoredItem;

static int
compare_scored(const void *a, const void *b)
{
	double x = ((const ScoredItem *) a)->score;
	double y = ((const ScoredItem *) b)->score;

	return (x > y) - (x < y);
}

UimlStatus
uiml_metric_auc(const UimlEnv *env, const double *score, const bool *positive, size_t n, double *auc)
{
	ScoredItem *item = uiml_alloc(env, n, sizeof(ScoredItem));
	double positives = 0;
	double rank_sum = 0; /* of the positives */

	*auc = NAN;
	if (item == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n; i++)
		item[i] = (ScoredItem){score[i], positive[i]};
	qsort(item, n, sizeof(ScoredItem), compare_scored);

	/* equal scores share the mean of their ranks */
	for (size_t from = 0, to; from < n; from = to)
	{
		double tied = 0;

		for (to = from; to < n && item[to].score == item[from].score; to++)
			tied += item[to].positive;
		positives += tied;
		rank_sum += tied * (double) (from + 1 + to) / 2;
	}
	if (positives > 0 && positives < (double) n)
		*auc = (rank_sum / positives - (positives + 1) / 2) / ((double) n - positives);
	uiml_free(env, item);
	return UIML_OK;
}

static int
compare_value(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

UimlStatus
uiml_metric_gini(const UimlEnv *env, const double *value, size_t n, double *gini)
{
	double *sorted = uiml_alloc(env, n, sizeof(double));
	double largest;
	double sum = 0;
	double weighted = 0;

	*gini = NAN;
	if (sorted == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = value[i];
	qsort(sorted, n, sizeof(double), compare_value);

	/* in units of the largest: the sum of finite values may be infinite */
	largest = n > 0 ? sorted[n - 1] : 0;
	for (size_t i = 0; largest > 0 && i < n; i++)
	{
		sum += sorted[i] / largest;
		weighted += (2 * (double) i + 1 - (double) n) * (sorted[i] / largest);
	}
	if (sum > 0)
		*gini = weighted / ((double) n * sum);
	uiml_free(env, sorted);
	return UIML_OK;
}

double
uiml_metric_novelty(const double *share, size_t n)
{
	double bits = 0;

	for (size_t i = 0; i < n; i++)
		bits -= log2(share[i]);
	return n > 0 ? bits / (double) n : NAN;
}

UimlStatus
uiml_metric_similarity(const UimlEnv *env, const float *const *vector, size_t n, size_t d, double *similarity)
{
	double *sum;
	double own = 0; /* unit vectors with themselves */
	double all = 0; /* every vector with every vector */

	*similarity = NAN;
	if (n < 2)
		return UIML_OK;
	sum = uiml_alloc0(env, d, sizeof(double));
	if (sum == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n; i++)
	{
		double norm = uiml_vector_norm(vector[i], d);

		if (norm == 0)
			continue;
		own += 1;
		uiml_vector_accumulate(vector[i], 1 / norm, d, sum);
	}
	for (size_t j = 0; j < d; j++)
		all += sum[j] * sum[j];
	*similarity = fmin(1, fmax(-1, (all - own) / ((double) n * ((double) n - 1))));
	uiml_free(env, sum);
	return UIML_OK;
}
