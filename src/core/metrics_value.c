/*
 * metrics_value.c
 *	  Metrics over values and vectors: graded NDCG, AUC, Gini, novelty, similarity within a list.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/metrics.h"
#include "core/vector.h"

/* Values between two questions after interruption; runs of so many are sorted at once. */
#define CHECK_VALUES 65536

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

static int
compare_value(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

void
uiml_metric_sort(double *value, size_t n)
{
	qsort(value, n, sizeof(double), compare_value);
}

/* Merges two ascending runs, from .. middle - 1 and middle .. end - 1, into the same places of out. */
static UimlStatus
merge_runs(const UimlEnv *env, const double *value, size_t from, size_t middle, size_t end, double *out)
{
	size_t a = from;
	size_t b = middle;

	for (size_t i = from; i < end; i++)
	{
		if (i % CHECK_VALUES == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		out[i] = a < middle && (b == end || value[a] <= value[b]) ? value[a++] : value[b++];
	}
	return UIML_OK;
}

/*
 * As uiml_metric_sort, of as many as a caller likes: by runs that are merged, with questions after
 * interruption.
 */
static UimlStatus
sort_many(const UimlEnv *env, double *value, size_t n)
{
	double *from = value;
	double *to;
	double *spare;
	UimlStatus status = UIML_OK;

	for (size_t i = 0; i < n; i += CHECK_VALUES)
	{
		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		uiml_metric_sort(value + i, n - i < CHECK_VALUES ? n - i : CHECK_VALUES);
	}
	if (n <= CHECK_VALUES)
		return UIML_OK;
	spare = to = uiml_alloc(env, n, sizeof(double));
	if (spare == NULL)
		return UIML_ENOMEM;
	for (size_t run = CHECK_VALUES; status == UIML_OK && run < n; run *= 2)
	{
		double *sorted = to;

		for (size_t i = 0; status == UIML_OK && i < n; i += 2 * run)
			status =
				merge_runs(env, from, i, n - i < run ? n : i + run, n - i < 2 * run ? n : i + 2 * run, to);
		to = from;
		from = sorted;
	}
	if (from == spare)
		memcpy(value, spare, n * sizeof(double));
	uiml_free(env, spare);
	return status;
}

/* How many of n ascending values are less than x, or at most x. */
static size_t
count_below(const double *ascending, size_t n, double x, bool equal_too)
{
	size_t from = 0;

	while (n > 0)
	{
		size_t half = n / 2;
		double middle = ascending[from + half];

		if (middle < x || (equal_too && middle == x))
		{
			from += half + 1;
			n -= half + 1;
		}
		else
			n = half;
	}
	return from;
}

double
uiml_metric_above(const double *ascending, size_t n, double x)
{
	size_t below = count_below(ascending, n, x, false);
	size_t equal = 0;

	/* most values equal none */
	if (below < n && ascending[below] == x)
		equal = count_below(ascending + below, n - below, x, true);
	return (double) (n - below) - (double) equal / 2;
}

UimlStatus
uiml_metric_auc(const UimlEnv *env, const double *score, const bool *positive, size_t n, double *auc)
{
	double *ascending = uiml_alloc(env, n, sizeof(double));
	size_t positives = 0;
	double wins = 0;
	UimlStatus status;

	*auc = NAN;
	if (ascending == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (positive[i])
			ascending[positives++] = score[i];
	status = sort_many(env, ascending, positives);
	for (size_t i = 0; status == UIML_OK && i < n; i++)
	{
		if (i % CHECK_VALUES == 0 && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		else if (!positive[i])
			wins += uiml_metric_above(ascending, positives, score[i]);
	}
	if (status == UIML_OK && positives > 0 && positives < n)
		*auc = wins / ((double) positives * (double) (n - positives));
	uiml_free(env, ascending);
	return status;
}

UimlStatus
uiml_metric_gini(const UimlEnv *env, const double *value, size_t n, double *gini)
{
	double *sorted = uiml_alloc(env, n, sizeof(double));
	double largest;
	double sum = 0;
	double weighted = 0;
	UimlStatus status;

	*gini = NAN;
	if (sorted == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = value[i];
	status = sort_many(env, sorted, n);

	/* in units of the largest: the sum of finite values may be infinite */
	largest = n > 0 ? sorted[n - 1] : 0;
	for (size_t i = 0; status == UIML_OK && largest > 0 && i < n; i++)
	{
		sum += sorted[i] / largest;
		weighted += (2 * (double) i + 1 - (double) n) * (sorted[i] / largest);
	}
	if (sum > 0)
		*gini = weighted / ((double) n * sum);
	uiml_free(env, sorted);
	return status;
}

double
uiml_metric_novelty(const double *share, size_t n)
{
	double bits = 0;

	for (size_t i = 0; i < n; i++)
		bits -= log2(share[i]);
	return n > 0 ? bits / (double) n : NAN;
}

void
uiml_list_similarity_add(UimlListSimilarity *list, const float *vector)
{
	double norm = uiml_vector_norm(vector, list->d);

	list->n++;
	if (norm == 0)
		return;
	list->own += 1;
	uiml_vector_accumulate(vector, 1 / norm, list->d, list->sum);
}

double
uiml_list_similarity(const UimlListSimilarity *list)
{
	double pairs = (double) list->n * ((double) list->n - 1);
	double all = 0; /* every vector with every vector */

	if (list->n < 2)
		return NAN;
	for (size_t j = 0; j < list->d; j++)
		all += list->sum[j] * list->sum[j];
	return fmin(1, fmax(-1, (all - list->own) / pairs));
}

UimlStatus
uiml_metric_similarity(const UimlEnv *env, const float *const *vector, size_t n, size_t d, double *similarity)
{
	UimlListSimilarity list = {.d = d};

	*similarity = NAN;
	if (n < 2)
		return UIML_OK;
	list.sum = uiml_alloc0(env, d, sizeof(double));
	if (list.sum == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n; i++)
		uiml_list_similarity_add(&list, vector[i]);
	*similarity = uiml_list_similarity(&list);
	uiml_free(env, list.sum);
	return UIML_OK;
}
