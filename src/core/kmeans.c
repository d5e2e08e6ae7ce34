/*
 * kmeans.c
 *	  Spherical k-means with greedy k-means++ seeding.
 *
 * Points are brought to unit length once; the distance is 1 - cosine, half the squared Euclidean distance on
 * the sphere, so that the proofs of k-means and of k-means++ (Arthur & Vassilvitskii 2007) carry over: the
 * centroid that minimises a cluster's inertia is the direction of its weighted sum (Dhillon & Modha 2001).
 *
 * Cosines come from sgemm over blocks of points; sums of points, weights and inertia are doubles.  A cosine
 * near 1 has lost its distance to rounding (1 - cos of two equal vectors of floats may be 1e-7), so distances
 * below CLOSE are computed again as half the squared difference, which is good to 1e-14: duplicates are
 * recognised, and k > distinct points ends with as many clusters as there are distinct points.
 *
 * A cluster that loses all its weight takes over the point that is farthest from its own centroid, the first
 * of equals, which lowers the inertia; nothing is random after the seeding.
 */
#include "core/kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kmeans_state.h"
#include "core/linalg.h"

#define MAX_K 65535
#define CLOSE 1e-4
#define SAME  1e-12 /* nearer points have the same direction, but for rounding */

UimlKmeansParams
uiml_kmeans_defaults(size_t k)
{
	UimlKmeansParams params = {.k = k, .max_iterations = 100, .restarts = 3, .tolerance = 1e-5, .seed = 0};

	return params;
}

/* Half the squared distance of two unit vectors, where 1 - cosine has cancelled. */
static double
exact_distance(const float *a, const float *b, size_t d)
{
	double sum = 0;

	for (size_t j = 0; j < d; j++)
	{
		double difference = (double) a[j] - (double) b[j];

		sum += difference * difference;
	}
	return sum / 2;
}

static double
distance_of(const float *point, const float *centroid, size_t d, float cosine)
{
	double distance = 1 - (double) cosine;

	return distance < CLOSE ? exact_distance(point, centroid, d) : distance;
}

/*
 * A point of the sample with probability proportional to weight times distance; size when all of that is
 * zero: every point with weight is a centroid already.
 */
static size_t
draw_seed(const Kmeans *state, size_t size, UimlRng *rng)
{
	double total = 0, target;
	size_t last = size;

	for (size_t i = 0; i < size; i++)
		total += state->weight[state->sample[i]] * state->distance[i];
	target = uiml_rng_uniform(rng) * total;
	for (size_t i = 0; i < size; i++)
	{
		double share = state->weight[state->sample[i]] * state->distance[i];

		if (share <= 0)
			continue;
		last = i;
		target -= share;
		if (target < 0)
			break;
	}
	return last;
}

/* Shortens the sample's distances by the newest centroid's. */
static UimlStatus
approach(Kmeans *state, size_t size, const float *centroid)
{
	UimlStatus status = uiml_gemm_f32(state->env, false, true, 1, size, state->d, 1, centroid,
									  state->sample_unit, 0, state->cosine);

	for (size_t i = 0; status == UIML_OK && i < size; i++)
	{
		double distance =
			distance_of(state->sample_unit + i * state->d, centroid, state->d, state->cosine[i]);

		if (distance < SAME)
			distance = 0;
		if (distance < state->distance[i])
			state->distance[i] = distance;
	}
	return status;
}

/* What the weighted sum of distances would be with one more centroid. */
static UimlStatus
potential_with(Kmeans *state, size_t size, const float *centroid, double *potential)
{
	UimlStatus status = uiml_gemm_f32(state->env, false, true, 1, size, state->d, 1, centroid,
									  state->sample_unit, 0, state->cosine);

	*potential = 0;
	for (size_t i = 0; status == UIML_OK && i < size; i++)
		*potential +=
			state->weight[state->sample[i]] * fmin(state->distance[i], 1 - (double) state->cosine[i]);
	return status;
}

/* Of some draws the one that leaves the lowest potential; size when there is none. */
static UimlStatus
draw_best(Kmeans *state, size_t size, size_t draws, UimlRng *rng, size_t *chosen)
{
	double lowest = INFINITY;
	UimlStatus status = UIML_OK;

	*chosen = size;
	for (size_t t = 0; status == UIML_OK && t < draws; t++)
	{
		size_t drawn = draw_seed(state, size, rng);
		double potential = 0;

		if (drawn == size)
			break;
		if (draws > 1)
			status = potential_with(state, size, state->sample_unit + drawn * state->d, &potential);
		if (potential < lowest)
		{
			lowest = potential;
			*chosen = drawn;
		}
	}
	return status;
}

/*
 * Greedy k-means++: centroids are points, drawn one after another by D squared, each the best of 2 + log k
 * draws (Arthur & Vassilvitskii 2007, section 7).  A plain draw often puts two centroids into one cluster and
 * none into another, which no iteration mends.
 */
static UimlStatus
seed_centroids(Kmeans *state, size_t k, UimlRng *rng)
{
	size_t size = uiml_kmeans_sample(state, rng);
	size_t draws = 2 + (size_t) log((double) k);
	UimlStatus status = UIML_OK;

	for (size_t i = 0; i < size; i++)
		state->distance[i] = 2; /* the farthest there is; the first draw goes by weight */
	for (state->k = 0; status == UIML_OK && state->k < k; state->k++)
	{
		float *centroid = state->centroid + state->k * state->d;
		size_t chosen;

		/* the first draw knows no distances yet */
		status = draw_best(state, size, state->k == 0 ? 1 : draws, rng, &chosen);
		if (status != UIML_OK || chosen == size)
			break;
		memcpy(centroid, state->sample_unit + chosen * state->d, state->d * sizeof(float));
		status = approach(state, size, centroid);
	}
	if (status == UIML_OK && state->k == 0)
	{
		/* the sample has no weight at all: start from the first point that has */
		size_t first = 0;

		while (state->weight[first] <= 0)
			first++;
		memcpy(state->centroid, state->unit + first * state->d, state->d * sizeof(float));
		state->k = 1;
	}
	/* points outside the sample may still be distinct: empty clusters that will look for them */
	for (; status == UIML_OK && size < state->n && state->k < k; state->k++)
		memcpy(state->centroid + state->k * state->d, state->centroid, state->d * sizeof(float));
	return status;
}

/* Own centroid and distance of the points first .. first + count - 1, whose cosines are known. */
static void
assign_block(Kmeans *state, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
	{
		const float *cosine = state->cosine + (i - first) * state->k;
		size_t own = 0;

		for (size_t c = 1; c < state->k; c++)
			if (cosine[c] > cosine[own])
				own = c;
		state->cluster[i] = (uint32_t) own;
		state->distance[i] =
			distance_of(state->unit + i * state->d, state->centroid + own * state->d, state->d, cosine[own]);
		state->inertia += state->weight[i] * state->distance[i];
		state->mass[own] += state->weight[i];
		state->members[own]++;
	}
}

static UimlStatus
block_cosines(Kmeans *state, size_t first, size_t count)
{
	return uiml_gemm_f32(state->env, false, true, count, state->k, state->d, 1,
						 state->unit + first * state->d, state->centroid, 0, state->cosine);
}

/* Assigns every point to its nearest centroid. */
static UimlStatus
assign(Kmeans *state)
{
	state->inertia = 0;
	memset(state->mass, 0, state->k * sizeof(double));
	memset(state->members, 0, state->k * sizeof(size_t));
	for (size_t first = 0; first < state->n; first += BLOCK_POINTS)
	{
		size_t count = state->n - first < BLOCK_POINTS ? state->n - first : BLOCK_POINTS;
		UimlStatus status = block_cosines(state, first, count);

		if (status != UIML_OK)
			return status;
		assign_block(state, first, count);
	}
	return UIML_OK;
}

/* The point farthest from its centroid, of clusters that can spare one; n when there is none. */
static size_t
farthest_point(const Kmeans *state)
{
	size_t farthest = state->n;

	for (size_t i = 0; i < state->n; i++)
		if (state->weight[i] > 0 && state->distance[i] > SAME &&
			state->mass[state->cluster[i]] > state->weight[i] &&
			(farthest == state->n || state->distance[i] > state->distance[farthest]))
			farthest = i;
	return farthest;
}

/* Gives each cluster without weight a point of another one, as long as there are any to give. */
static UimlStatus
refill_empty(Kmeans *state)
{
	for (size_t c = 0; c < state->k; c++)
	{
		size_t i;

		if (state->mass[c] > 0)
			continue;
		if (uiml_interrupted(state->env))
			return UIML_EINTERRUPTED;
		i = farthest_point(state);
		if (i == state->n)
			return UIML_OK;
		state->mass[state->cluster[i]] -= state->weight[i];
		state->members[state->cluster[i]]--;
		state->cluster[i] = (uint32_t) c;
		state->distance[i] = 0;
		state->mass[c] = state->weight[i];
		state->members[c]++;
		memcpy(state->centroid + c * state->d, state->unit + i * state->d, state->d * sizeof(float));
	}
	return UIML_OK;
}

/*
 * Centroids become the directions of their clusters' sums.  A sum of zero (opposite points) has no direction
 * and any centroid is as good: the old one stays.
 */
static UimlStatus
update_centroids(Kmeans *state)
{
	size_t d = state->d;

	memset(state->sum, 0, state->k * d * sizeof(double));
	for (size_t i = 0; i < state->n; i++)
	{
		double *sum = state->sum + state->cluster[i] * d;

		if (i % BLOCK_POINTS == 0 && uiml_interrupted(state->env))
			return UIML_EINTERRUPTED;
		for (size_t j = 0; j < d; j++)
			sum[j] += state->weight[i] * (double) state->unit[i * d + j];
	}
	for (size_t c = 0; c < state->k; c++)
	{
		const double *sum = state->sum + c * d;
		double squares = 0;

		for (size_t j = 0; j < d; j++)
			squares += sum[j] * sum[j];
		/* what is left of opposite points is rounding noise, not a direction */
		if (sqrt(squares) <= 1e-6 * state->mass[c])
			continue;
		for (size_t j = 0; j < d; j++)
			state->centroid[c * d + j] = (float) (sum[j] / sqrt(squares));
	}
	return UIML_OK;
}

/* Lloyd's iterations from the centroids there are, up to the tolerance. */
static UimlStatus
lloyd(Kmeans *state, const UimlKmeansParams *params)
{
	UimlStatus status = assign(state);

	for (state->iterations = 0; status == UIML_OK && state->iterations < params->max_iterations;)
	{
		double before = state->inertia;

		state->iterations++;
		status = refill_empty(state);
		if (status == UIML_OK)
			status = update_centroids(state);
		if (status == UIML_OK)
			status = assign(state);
		if (before - state->inertia <= params->tolerance * before)
			break;
	}
	return status;
}

/* Takes clusters without weight out; the points without weight that were in them are assigned anew. */
static UimlStatus
drop_empty(Kmeans *state)
{
	size_t kept = 0;

	for (size_t c = 0; c < state->k; c++)
		if (state->mass[c] > 0)
		{
			if (kept < c)
				memcpy(state->centroid + kept * state->d, state->centroid + c * state->d,
					   state->d * sizeof(float));
			kept++;
		}
	if (kept == state->k)
		return UIML_OK;
	state->k = kept;
	return assign(state);
}

UimlStatus
uiml_kmeans_run(Kmeans *state, const UimlKmeansParams *params, UimlRng *rng)
{
	double best_inertia = INFINITY;
	size_t best_k = 0, best_iterations = 0;
	UimlStatus status = UIML_OK;

	for (size_t restart = 0; status == UIML_OK && restart < params->restarts; restart++)
	{
		status = seed_centroids(state, params->k, rng);
		if (status == UIML_OK)
			status = lloyd(state, params);
		if (status == UIML_OK)
			status = drop_empty(state);
		if (status != UIML_OK || !(state->inertia < best_inertia))
			continue;
		best_inertia = state->inertia;
		best_k = state->k;
		best_iterations = state->iterations;
		memcpy(state->best, state->centroid, state->k * state->d * sizeof(float));
	}
	if (status != UIML_OK || params->restarts == 1)
		return status;
	state->k = best_k;
	state->iterations = best_iterations;
	memcpy(state->centroid, state->best, best_k * state->d * sizeof(float));
	return assign(state);
}

/* Sums the simplified silhouettes of a block whose cosines are known. */
static double
block_silhouette(const Kmeans *state, size_t first, size_t count)
{
	double sum = 0;

	for (size_t i = first; i < first + count; i++)
	{
		const float *cosine = state->cosine + (i - first) * state->k;
		size_t own = state->cluster[i];
		double nearest = -1, other;

		/* alone in its cluster: 0 by convention (Kaufman & Rousseeuw 1990), else singletons would win */
		if (state->members[own] < 2)
			continue;
		for (size_t c = 0; c < state->k; c++)
			if (c != own)
				nearest = fmax(nearest, cosine[c]);
		other = 1 - nearest;
		if (other > SAME)
			sum += state->weight[i] * (other - state->distance[i]) / fmax(other, state->distance[i]);
	}
	return sum;
}

UimlStatus
uiml_kmeans_silhouette(Kmeans *state, double *silhouette)
{
	double sum = 0;

	*silhouette = 0;
	if (state->k < 2)
		return UIML_OK;
	for (size_t first = 0; first < state->n; first += BLOCK_POINTS)
	{
		size_t count = state->n - first < BLOCK_POINTS ? state->n - first : BLOCK_POINTS;
		UimlStatus status = block_cosines(state, first, count);

		if (status != UIML_OK)
			return status;
		sum += block_silhouette(state, first, count);
	}
	*silhouette = sum / state->total;
	return UIML_OK;
}

/* By falling weight, ties by first member. */
static int
compare_ranks(const void *a, const void *b)
{
	const UimlKmeansRank *x = a, *y = b;

	if (x->mass != y->mass)
		return x->mass > y->mass ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

/* Numbers the clusters and writes them out in the caller's order. */
static UimlStatus
publish(const Kmeans *state, size_t n, size_t k, float *centroid, uint32_t *cluster)
{
	UimlKmeansRank *rank = uiml_alloc(state->env, state->k, sizeof(UimlKmeansRank));
	uint32_t *number = uiml_alloc(state->env, state->k, sizeof(uint32_t));
	UimlStatus status = rank != NULL && number != NULL ? UIML_OK : UIML_ENOMEM;

	if (status == UIML_OK)
	{
		for (size_t c = 0; c < state->k; c++)
			rank[c] = (UimlKmeansRank){.mass = state->mass[c], .first = n, .cluster = c};
		for (size_t i = state->n; i-- > 0;)
			rank[state->cluster[i]].first = state->origin[i];
		qsort(rank, state->k, sizeof(UimlKmeansRank), compare_ranks);
		memset(centroid, 0, k * state->d * sizeof(float));
		for (size_t c = 0; c < state->k; c++)
		{
			number[rank[c].cluster] = (uint32_t) c;
			memcpy(centroid + c * state->d, state->centroid + rank[c].cluster * state->d,
				   state->d * sizeof(float));
		}
		for (size_t i = 0; i < n; i++)
			cluster[i] = UINT32_MAX;
		for (size_t i = 0; i < state->n; i++)
			cluster[state->origin[i]] = number[state->cluster[i]];
	}
	uiml_free(state->env, rank);
	uiml_free(state->env, number);
	return status;
}

UimlStatus
uiml_kmeans_spherical(const UimlEnv *env, const float *points, const float *weight, size_t n, size_t d,
					  const UimlKmeansParams *params, float *centroid, uint32_t *cluster,
					  UimlKmeansResult *result)
{
	Kmeans state;
	UimlRng rng;
	size_t usable;
	UimlStatus status;

	if (params->k < 1 || params->k > MAX_K || d < 1 || params->restarts < 1 || !(params->tolerance >= 0))
		return UIML_EINVALID;
	status = uiml_kmeans_check(env, points, weight, n, d, &usable);
	if (status != UIML_OK)
		return status;
	if (usable == 0)
		return UIML_EEMPTY;
	uiml_rng_init(&rng, params->seed);
	status = uiml_kmeans_allocate(&state, env, usable, d, params->k < usable ? params->k : usable);
	if (status == UIML_OK)
		status = uiml_kmeans_load(&state, points, weight, n, usable, &rng);
	if (status == UIML_OK)
	{
		UimlKmeansParams capped = *params;

		capped.k = state.max_k;
		status = uiml_kmeans_run(&state, &capped, &rng);
	}
	if (status == UIML_OK)
		status = uiml_kmeans_silhouette(&state, &result->silhouette);
	if (status == UIML_OK)
		status = publish(&state, n, params->k, centroid, cluster);
	result->k = state.k;
	result->inertia = state.inertia;
	result->iterations = state.iterations;
	uiml_kmeans_release(&state);
	return status;
}
