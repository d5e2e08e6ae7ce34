/*
 * kmeans.c
 *	  K-means by Lloyd's iterations, Euclidean and spherical.
 *
 * Spherical k-means is the Euclidean one on points of unit length, with centroids brought to unit length
 * (Dhillon & Modha 2001): 1 - cosine is half the squared distance there.  So both share everything but the
 * scale of a point and what a sum becomes as a centroid.  Points are scaled as they are read; no copy of them
 * is made.
 *
 * Here are restarts and the result; kmeans_seed.c chooses the centroids to start from, kmeans_lloyd.c
 * iterates, kmeans_nearest.c assigns points.
 */
#include "core/kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kmeans_state.h"

UimlKmeansParams
uiml_kmeans_defaults(size_t k)
{
	UimlKmeansParams params = {.k = k, .max_iterations = 100, .restarts = 3, .tolerance = 1e-5, .seed = 0};

	return params;
}

/* --- restarts -------------------------------------------------------------------------------------- */

/* Takes clusters without weight out; the points without weight that were in them are assigned anew. */
static UimlStatus
drop_empty(Kmeans *state)
{
	size_t kept = 0;

	for (size_t c = 0; c < state->k; c++)
		if (state->members[c] > 0)
		{
			if (kept < c)
				memcpy(state->centroid + kept * state->d, state->centroid + c * state->d,
					   state->d * sizeof(float));
			kept++;
		}
	if (kept == state->k)
		return UIML_OK;
	state->k = kept;
	return uiml_kmeans_assign(state);
}

/* The inertia summed over points. */
static UimlStatus
measure_inertia(Kmeans *state)
{
	UimlStatus status = uiml_kmeans_measure(state);
	double sum = 0;

	for (size_t i = 0; status == UIML_OK && i < state->n; i++)
		if (state->cluster[i] != NO_CLUSTER)
			sum += kmeans_weight(state, i) * (double) state->upper[i] * (double) state->upper[i];
	state->inertia = state->spherical ? sum / 2 : sum;
	return status;
}

static bool
starts_from_sample(const Kmeans *state, const UimlKmeansParams *params)
{
	return params->initial == NULL && uiml_kmeans_refine_points(state->n, params->k) < state->n;
}

static UimlStatus
start(Kmeans *state, const UimlKmeansParams *params, UimlRng *rng)
{
	if (starts_from_sample(state, params))
		return uiml_kmeans_refine(state, params, rng);
	if (params->initial == NULL)
		return uiml_kmeans_seed(state, params->k, rng);
	state->k = params->k;
	for (size_t c = 0; c < params->k; c++)
	{
		const float *initial = params->initial + c * state->d;
		double scale = state->spherical ? uiml_direction_scale(initial, state->d) : 1;

		if (!uiml_kernels()->is_finite(initial, state->d))
			return UIML_ENOTFINITE;
		if (scale == 0)
			return UIML_EINVALID;
		memcpy(state->centroid + c * state->d, initial, state->d * sizeof(float));
		if (state->spherical)
			uiml_kernels()->scale(initial, scale, state->d, state->centroid + c * state->d);
	}
	return UIML_OK;
}

UimlStatus
uiml_kmeans_run(Kmeans *state, const UimlKmeansParams *params, UimlRng *rng)
{
	size_t restarts = params->initial != NULL || starts_from_sample(state, params) ? 1 : params->restarts;
	double best_inertia = INFINITY;
	size_t best_k = 0, best_iterations = 0;
	UimlStatus status = UIML_OK;

	for (size_t restart = 0; status == UIML_OK && restart < restarts; restart++)
	{
		status = start(state, params, rng);
		if (status == UIML_OK)
			status = uiml_kmeans_lloyd(state, params);
		if (status == UIML_OK)
			status = drop_empty(state);
		if (status == UIML_OK && restarts > 1)
			status = measure_inertia(state);
		if (status != UIML_OK || !(state->inertia < best_inertia))
			continue;
		best_inertia = state->inertia;
		best_k = state->k;
		best_iterations = state->iterations;
		memcpy(state->best, state->centroid, state->k * state->d * sizeof(float));
	}
	if (status != UIML_OK || restarts == 1)
		return status;
	state->k = best_k;
	state->iterations = best_iterations;
	memcpy(state->centroid, state->best, best_k * state->d * sizeof(float));
	return uiml_kmeans_assign(state);
}

/* --- the result ----------------------------------------------------------------------------------------- */

typedef struct Rank
{
	double mass;
	const float *centroid;
	size_t d;
	size_t cluster;
} Rank;

/* By falling weight, ties by the first element that differs. */
static int
compare_ranks(const void *a, const void *b)
{
	const Rank *x = a, *y = b;

	if (x->mass != y->mass)
		return x->mass > y->mass ? -1 : 1;
	for (size_t j = 0; j < x->d; j++)
		if (x->centroid[j] != y->centroid[j])
			return x->centroid[j] < y->centroid[j] ? -1 : 1;
	return (x->cluster > y->cluster) - (x->cluster < y->cluster);
}

UimlStatus
uiml_kmeans_number(const UimlEnv *env, const float *centroid, const UimlKmeansCluster *each, size_t k,
				   size_t d, uint32_t *number)
{
	Rank *rank = uiml_alloc(env, k, sizeof(Rank));

	if (rank == NULL)
		return UIML_ENOMEM;
	for (size_t c = 0; c < k; c++)
		rank[c] = (Rank){.mass = each[c].mass, .centroid = centroid + c * d, .d = d, .cluster = c};
	qsort(rank, k, sizeof(Rank), compare_ranks);
	for (size_t c = 0; c < k; c++)
		number[rank[c].cluster] = (uint32_t) c;
	uiml_free(env, rank);
	return UIML_OK;
}

/* Numbers the clusters and writes them out. */
static UimlStatus
publish(const Kmeans *state, size_t k, float *centroid, uint32_t *cluster, const UimlKmeansCluster *described,
		UimlKmeansCluster *each)
{
	size_t d = state->d;
	uint32_t *number = uiml_alloc(state->env, state->k, sizeof(uint32_t));
	UimlStatus status = UIML_ENOMEM;

	if (number != NULL)
		status = uiml_kmeans_number(state->env, state->centroid, described, state->k, d, number);
	if (status == UIML_OK)
	{
		memset(centroid, 0, k * d * sizeof(float));
		if (each != NULL)
			memset(each, 0, k * sizeof(UimlKmeansCluster));
		for (size_t c = 0; c < state->k; c++)
		{
			memcpy(centroid + number[c] * d, state->centroid + c * d, d * sizeof(float));
			if (each != NULL)
				each[number[c]] = described[c];
		}
		for (size_t i = 0; i < state->n; i++)
			cluster[i] = state->cluster[i] == NO_CLUSTER ? NO_CLUSTER : number[state->cluster[i]];
	}
	uiml_free(state->env, number);
	return status;
}

UimlStatus
uiml_kmeans(const UimlEnv *env, const float *points, const float *weight, size_t n, size_t d,
			const UimlKmeansParams *params, float *centroid, uint32_t *cluster, UimlKmeansResult *result,
			UimlKmeansCluster *each)
{
	Kmeans state;
	UimlKmeansParams capped = *params;
	UimlKmeansCluster *described = NULL;
	UimlRng rng;
	size_t usable;
	bool has_weight;
	UimlStatus status;

	if (params->k < 1 || params->k > UIML_KMEANS_MAX_K || d < 1 || params->restarts < 1 ||
		!(params->tolerance >= 0))
		return UIML_EINVALID;
	status = uiml_kmeans_check(env, points, weight, n, d, params->spherical, &usable, &has_weight);
	if (status != UIML_OK)
		return status;
	if (!has_weight)
		return UIML_EEMPTY;
	if (params->initial == NULL && params->k > usable)
		capped.k = usable;
	uiml_rng_init(&rng, params->seed);
	status = uiml_kmeans_allocate(&state, env, n, d, params->spherical, capped.k, false);
	if (status == UIML_OK && (described = uiml_alloc(env, capped.k, sizeof(UimlKmeansCluster))) == NULL)
		status = UIML_ENOMEM;
	if (status == UIML_OK)
		status = uiml_kmeans_load(&state, points, weight, n, usable, &rng);
	if (status == UIML_OK)
		status = uiml_kmeans_run(&state, &capped, &rng);
	if (status == UIML_OK)
		status = uiml_kmeans_describe(&state, described, &result->silhouette);
	if (status == UIML_OK)
		status = publish(&state, params->k, centroid, cluster, described, each);
	result->k = state.k;
	result->inertia = state.inertia;
	result->iterations = state.iterations;
	uiml_free(env, described);
	uiml_kmeans_release(&state);
	return status;
}

size_t
uiml_kmeans_memory(size_t n, size_t d, size_t k)
{
	double sample = (double) uiml_kmeans_seed_points(n, k);
	double points = (double) n * (2 * sizeof(uint32_t) + 2 * sizeof(float) + sizeof(double));
	double seeding = sample * ((double) d * sizeof(float) + 3 * sizeof(double) + sizeof(size_t)) + 8192 +
					 128.0 * (double) d * sizeof(float);
	double rows = (double) KMEANS_PIECES * UIML_NEAREST_POINTS * (double) d * sizeof(float);
	double clusters = (double) k * ((double) d * (2 * sizeof(float) + sizeof(double)) + 128) +
					  (double) uiml_centroids_memory(k, d);
	double nearest = fmin((double) n, STRIDE) * sizeof(UimlNearest);
	size_t refined = uiml_kmeans_refine_points(n, k);
	double refining =
		refined < n ? (double) refined * ((double) d * sizeof(float) + 28) + rows + clusters : 0;
	double bytes = points + fmax(seeding + refining, nearest) + rows + clusters;

	return bytes < 0.9 * (double) SIZE_MAX ? (size_t) bytes : SIZE_MAX;
}
