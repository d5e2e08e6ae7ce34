/*
 * share_map.c
 *	  The linear map from shares of the source's interests to those of the target's.
 */
#include "core/share_map.h"

#include <math.h>
#include <string.h>

#include "core/overlap.h"
#include "core/verdict.h"

/* Statistics of each fold, and room for a sum of them. */
typedef struct Folds
{
	UimlTransferStats *of[UIML_FOLDS];
	UimlTransferStats *sum;
} Folds;

static void
folds_free(const UimlEnv *env, Folds *folds)
{
	for (size_t f = 0; f < UIML_FOLDS; f++)
		uiml_free(env, folds->of[f]);
	uiml_free(env, folds->sum);
}

/* A row at a time: users of a fold are not beside each other, and shares are few. */
static UimlStatus
folds_fill(const UimlEnv *env, const UimlShareRows *rows, Folds *folds)
{
	UimlStatus status = UIML_OK;

	if (rows->p > UIML_TRANSFER_MAX_DIMS || rows->k > UIML_TRANSFER_MAX_DIMS)
		return UIML_ELIMIT;
	for (size_t f = 0; f < UIML_FOLDS; f++)
	{
		folds->of[f] = uiml_transfer_create(env, rows->p, rows->k);
		if (folds->of[f] == NULL)
			return UIML_ENOMEM;
	}
	folds->sum = uiml_transfer_create(env, rows->p, rows->k);
	if (folds->sum == NULL)
		return UIML_ENOMEM;
	for (size_t u = 0; status == UIML_OK && u < rows->n; u++)
		status = uiml_transfer_add(env, folds->of[rows->fold[u]], rows->x + u * rows->p,
								   rows->y + u * rows->k, NULL, 1);
	return status;
}

/* Sums the folds but one (UIML_FOLDS: all). */
static UimlStatus
folds_sum(const Folds *folds, size_t but)
{
	UimlTransferStats *sum = folds->sum;
	UimlStatus status = UIML_OK;

	memset(sum->data, 0, UIML_TRANSFER_STATS_SIZE(sum->p, sum->q) - sizeof(UimlTransferStats));
	sum->n = 0;
	sum->weight = sum->weight2 = 0;
	for (size_t f = 0; status == UIML_OK && f < UIML_FOLDS; f++)
		if (f != but)
			status = uiml_transfer_merge(sum, folds->of[f]);
	return status;
}

/* Solves for the sum of the folds: the mean where the verdict is for it. */
static UimlStatus
solve(const UimlEnv *env, const Folds *folds, const UimlVerdict *verdict, double lambda, UimlShareMap *map)
{
	UimlRidge ridge;
	UimlStatus status;

	if (verdict->best == UIML_CANDIDATE_MEAN)
	{
		memset(map->w, 0, map->p * map->k * sizeof(double));
		memcpy(map->b, uiml_transfer_mean_y(folds->sum), map->k * sizeof(double));
		return UIML_OK;
	}
	status = uiml_ridge_begin(env, folds->sum, true, NULL, &ridge);
	if (status != UIML_OK)
		return status;
	status = uiml_ridge_solve(env, &ridge, lambda, map->w, map->b);
	uiml_ridge_free(env, &ridge);
	return status;
}

/* What each fold's users are told by a map of the others. */
static UimlStatus
hold_out(const UimlEnv *env, const UimlShareRows *rows, const Folds *folds, const UimlVerdict *verdict,
		 UimlShareMap *map, float *held_out)
{
	double weight = folds->sum->weight;
	UimlStatus status = UIML_OK;

	for (size_t f = 0; status == UIML_OK && f < UIML_FOLDS; f++)
	{
		if (folds->of[f]->n == 0)
			continue;
		status = folds_sum(folds, f);
		if (status == UIML_OK)
			status = solve(env, folds, verdict, verdict->lambda * folds->sum->weight / weight, map);
		for (size_t u = 0; status == UIML_OK && u < rows->n; u++)
			if (rows->fold[u] == f)
				uiml_share_map_predict(map, rows->x + u * rows->p, held_out + u * rows->k);
	}
	return status;
}

UimlStatus
uiml_share_map_fit(const UimlEnv *env, const UimlShareRows *rows, float *held_out, UimlShareMap *map)
{
	Folds folds = {0};
	UimlVerdict verdict;
	UimlStatus status = folds_fill(env, rows, &folds);

	*map = (UimlShareMap){.p = rows->p, .k = rows->k};
	if (status == UIML_OK)
	{
		map->w = uiml_alloc(env, rows->p, rows->k * sizeof(double));
		map->b = uiml_alloc(env, rows->k, sizeof(double));
		if (map->w == NULL || map->b == NULL)
			status = UIML_ENOMEM;
	}
	if (status == UIML_OK)
		status =
			uiml_verdict(env, (const UimlTransferStats *const *) folds.of, UIML_FOLDS, true, NULL, &verdict);
	if (status == UIML_OK)
		status = folds_sum(&folds, UIML_FOLDS);
	if (status == UIML_OK)
		status = hold_out(env, rows, &folds, &verdict, map, held_out);
	if (status == UIML_OK)
		status = folds_sum(&folds, UIML_FOLDS);
	if (status == UIML_OK)
		status = solve(env, &folds, &verdict, verdict.lambda, map);
	folds_free(env, &folds);
	if (status != UIML_OK)
		uiml_share_map_free(env, map);
	return status;
}

void
uiml_share_map_free(const UimlEnv *env, UimlShareMap *map)
{
	uiml_free(env, map->w);
	uiml_free(env, map->b);
	*map = (UimlShareMap){0};
}

void
uiml_share_map_predict(const UimlShareMap *map, const float *x, float *share)
{
	double total = 0;

	for (size_t j = 0; j < map->k; j++)
	{
		double sum = map->b[j];

		for (size_t i = 0; i < map->p; i++)
			sum += x[i] * map->w[i * map->k + j];
		sum = sum > 0 ? sum : 0;
		share[j] = (float) sum;
		total += sum;
	}
	for (size_t j = 0; j < map->k; j++)
		share[j] = total > 0 ? (float) (share[j] / total) : 1 / (float) map->k;
}
