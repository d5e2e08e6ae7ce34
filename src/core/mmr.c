/*
 * mmr.c
 *	  Maximal marginal relevance, greedily.
 *
 * For each candidate we keep its highest similarity to what has been chosen, so a step costs one comparison
 * per candidate.
 */
#include "core/mmr.h"

#include <math.h>

/* The candidates during a selection; arrays of n. */
typedef struct Selection
{
	double *nearest;    /* highest similarity to a chosen one, -INFINITY before the first */
	double *similarity; /* to the one just chosen */
	bool *taken;
} Selection;

static size_t
best_candidate(const Selection *selection, const double *relevance, size_t n, double lambda)
{
	size_t best = SIZE_MAX;
	double best_value = -INFINITY;

	for (size_t i = 0; i < n; i++)
	{
		double nearest = selection->nearest[i];
		double value = lambda * relevance[i] - (nearest > -INFINITY ? (1 - lambda) * nearest : 0);

		if (!selection->taken[i] && (best == SIZE_MAX || value > best_value))
		{
			best = i;
			best_value = value;
		}
	}
	return best;
}

static UimlStatus
select_all(const UimlEnv *env, Selection *selection, const double *relevance, size_t n, double lambda,
		   UimlSimilarityFn similar, void *ctx, size_t k, size_t *chosen)
{
	for (size_t i = 0; i < n; i++)
		selection->nearest[i] = -INFINITY;
	for (size_t rank = 0; rank < k; rank++)
	{
		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		chosen[rank] = best_candidate(selection, relevance, n, lambda);
		selection->taken[chosen[rank]] = true;
		if (rank + 1 == k)
			break;
		similar(ctx, chosen[rank], selection->similarity);
		for (size_t i = 0; i < n; i++)
			if (selection->similarity[i] > selection->nearest[i])
				selection->nearest[i] = selection->similarity[i];
	}
	return UIML_OK;
}

UimlStatus
uiml_mmr_select(const UimlEnv *env, const double *relevance, size_t n, double lambda,
				UimlSimilarityFn similar, void *ctx, size_t k, size_t *chosen)
{
	Selection selection;
	UimlStatus status = UIML_ENOMEM;

	if (!(lambda >= 0 && lambda <= 1))
		return UIML_EINVALID;
	if (n == 0 || k == 0)
		return UIML_OK;
	selection.nearest = uiml_alloc(env, n, sizeof(double));
	selection.similarity = uiml_alloc(env, n, sizeof(double));
	selection.taken = uiml_alloc0(env, n, sizeof(bool));
	if (selection.nearest != NULL && selection.similarity != NULL && selection.taken != NULL)
		status = select_all(env, &selection, relevance, n, lambda, similar, ctx, k < n ? k : n, chosen);
	uiml_free(env, selection.taken);
	uiml_free(env, selection.similarity);
	uiml_free(env, selection.nearest);
	return status;
}
