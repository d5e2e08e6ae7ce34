/*
 * item_transfer.c
 *	  The shares of a newcomer's next items, from what he did elsewhere.
 *
 *		share = (a m k + sum of the other parts, each with its weight) / (a m + the sum of these weights)
 *
 * k is what his neighbours chose, m how much they have to say (1 for the average overlapping user) and a their
 * weight: as everywhere in uiml, what is known little about gives way to what holds for all.  Divided by its
 * own sum for everybody, the same neighbourhood tells less: amazon-game-video, users without events in the
 * target, MRR / HR@10 in % among 1,000 items by the published protocol, map of 64 dimensions.  The first row is
 * numpy with weights set by hand, the second this code with neighbours saying twice what likelihood lets them:
 *
 *								target game		target video
 *	a and m constant			6.3 / 11.8		8.0 / 15.4
 *	a m							6.6 / 12.7		8.6 / 16.3
 */
#include "core/item_transfer.h"

#include <math.h>
#include <string.h>

#include "core/item_pool.h"
#include "core/kernels.h"

/* x W + b, summed in double. */
static void
map_vector(const UimlItemTransfer *transfer, const float *x, double *sum, float *vector)
{
	for (size_t j = 0; j < transfer->q; j++)
		sum[j] = transfer->b[j];
	for (size_t i = 0; i < transfer->p; i++)
		uiml_kernels()->accumulate_weighted(transfer->w + i * transfer->q, x[i], transfer->q, sum);
	for (size_t j = 0; j < transfer->q; j++)
		vector[j] = (float) sum[j];
}

/* Scores of the map in the items that take part, whose entries in share are not -INFINITY. */
static void
map_scores(const UimlItemTransfer *transfer, const float *out, const float *vector, float *share)
{
	for (size_t i = 0; i < transfer->n_items; i++)
		share[i] = share[i] == -INFINITY ? -INFINITY : 0;
	if (transfer->weight[UIML_PART_MAP] > 0)
		uiml_kernels()->score_rows(out, transfer->n_items, transfer->q, vector, transfer->q, share);
}

/* What there is of each part over the items that take part. */
typedef struct Sums
{
	double part[UIML_N_ITEM_PARTS];
	double items;
} Sums;

/* Sums the parts and turns scores into powers; chosen loses what takes no part. */
static Sums
survey(const UimlItemTransfer *transfer, const float *popularity, float *chosen, float *share)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t n = transfer->n_items;
	float best, mass, items;
	Sums sums = {{0}, 0};

	for (size_t i = 0; i < n; i++)
	{
		chosen[i] = share[i] == -INFINITY ? 0 : chosen[i];
		sums.part[UIML_PART_NEIGHBOURS] += chosen[i];
	}
	kernels->survey_scores(share, transfer->overlap, n, &best, &mass, &items);
	sums.part[UIML_PART_OVERLAP] = mass;
	kernels->survey_scores(share, popularity, n, &best, &mass, &items);
	sums.part[UIML_PART_POPULARITY] = mass;
	sums.items = items;
	if (best >= 1e-30f)
		sums.part[UIML_PART_MAP] =
			kernels->raise_scores(share, n, 1 / best, (float) (1 / transfer->temperature));
	else
		for (size_t i = 0; i < n; i++)
			share[i] = share[i] == -INFINITY ? -INFINITY : 0;
	return sums;
}

UimlStatus
uiml_item_transfer_shares(const UimlEnv *env, const UimlItemTransfer *transfer, const float *out,
						  const float *popularity, const float *x, const uint32_t *item, size_t n_source,
						  float *share)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t n = transfer->n_items;
	float *chosen = uiml_alloc0(env, n, sizeof(float));
	float *say = uiml_alloc0(env, transfer->pool.n_users, sizeof(float));
	double *sum = uiml_alloc(env, transfer->q, sizeof(double));
	float *vector = uiml_alloc(env, transfer->q, sizeof(float));
	UimlStatus status = UIML_OK;

	if (chosen == NULL || say == NULL || sum == NULL || vector == NULL)
		status = UIML_ENOMEM;
	else if (uiml_interrupted(env))
		status = UIML_EINTERRUPTED;
	else
	{
		double weight[UIML_N_ITEM_PARTS];
		double asked = uiml_item_pool_ask(&transfer->pool, item, n_source, NULL, 0, say, chosen);
		double total = 0;
		Sums sums;

		map_vector(transfer, x, sum, vector);
		map_scores(transfer, out, vector, share);
		sums = survey(transfer, popularity, chosen, share);
		for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
		{
			weight[part] = sums.part[part] > 0 ? transfer->weight[part] : 0;
			weight[part] *= part == UIML_PART_NEIGHBOURS ? asked : 1;
			total += weight[part];
		}
		for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
			weight[part] = weight[part] > 0 ? weight[part] / total / sums.part[part] : 0;
		kernels->mix_scores(
			share, n, popularity, weight[UIML_PART_MAP] > 0 ? (float) weight[UIML_PART_MAP] : 1,
			(float) weight[UIML_PART_POPULARITY], total > 0 ? 0 : (float) (1 / fmax(sums.items, 1)));
		kernels->mix_scores(share, n, transfer->overlap, 1, (float) weight[UIML_PART_OVERLAP], 0);
		kernels->mix_scores(share, n, chosen, 1, (float) weight[UIML_PART_NEIGHBOURS], 0);
	}
	uiml_free(env, chosen);
	uiml_free(env, say);
	uiml_free(env, sum);
	uiml_free(env, vector);
	return status;
}

void
uiml_item_transfer_free(const UimlEnv *env, UimlItemTransfer *transfer)
{
	uiml_free(env, (void *) transfer->w);
	uiml_free(env, (void *) transfer->b);
	uiml_free(env, (void *) transfer->fold_w);
	uiml_free(env, (void *) transfer->overlap);
	uiml_item_pool_free(env, &transfer->pool);
	*transfer = (UimlItemTransfer){0};
}
