/*
 * kmeans_state.c
 *	  The points of a clustering: checked, brought to unit length, sampled; and their memory.
 */
#include "core/kmeans_state.h"

#include <math.h>
#include <string.h>

/* Seeding walks over its points k times, at the speed of memory: a sample is enough to seed from. */
#define SEED_POINTS 20000
#define SEED_PER_K  50

UimlStatus
uiml_kmeans_check(const UimlEnv *env, const float *points, const float *weight, size_t n, size_t d,
				  size_t *usable)
{
	*usable = 0;
	for (size_t i = 0; i < n; i++)
	{
		bool zero = true;

		if (i % BLOCK_POINTS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		for (size_t j = 0; j < d; j++)
		{
			if (!isfinite(points[i * d + j]))
				return UIML_ENOTFINITE;
			zero = zero && points[i * d + j] == 0;
		}
		if (weight != NULL && !isfinite(weight[i]))
			return UIML_ENOTFINITE;
		if (weight != NULL && weight[i] < 0)
			return UIML_EINVALID;
		*usable += !zero;
	}
	return UIML_OK;
}

/* The direction of a point; false for a zero one.  In double precision, so that denormals have one too. */
static bool
direction(const float *point, size_t d, float *unit)
{
	double squares = 0, norm;

	for (size_t j = 0; j < d; j++)
		squares += (double) point[j] * (double) point[j];
	norm = sqrt(squares);
	if (norm == 0)
		return false;
	for (size_t j = 0; j < d; j++)
		unit[j] = (float) ((double) point[j] / norm);
	return true;
}

/*
 * Selection sampling (Knuth, algorithm S): each of the left candidates is taken with the probability that
 * fills the open places.
 */
static bool
takes_part(UimlRng *rng, size_t left, size_t open)
{
	return open >= left || uiml_rng_uniform(rng) * (double) left < (double) open;
}

UimlStatus
uiml_kmeans_load(Kmeans *state, const float *points, const float *weight, size_t n, size_t usable,
				 UimlRng *rng)
{
	size_t filled = 0;

	state->total = 0;
	for (size_t i = 0; i < n && filled < state->n; i++)
	{
		if (i % BLOCK_POINTS == 0 && uiml_interrupted(state->env))
			return UIML_EINTERRUPTED;
		if (!direction(points + i * state->d, state->d, state->unit + filled * state->d))
			continue;
		if (!takes_part(rng, usable--, state->n - filled))
			continue;
		state->weight[filled] = weight != NULL ? weight[i] : 1;
		state->total += state->weight[filled];
		state->origin[filled++] = i;
	}
	return state->total > 0 ? UIML_OK : UIML_EEMPTY;
}

static size_t
seed_points(size_t n, size_t k)
{
	size_t wanted = k > SEED_POINTS / SEED_PER_K ? k * SEED_PER_K : SEED_POINTS;

	return wanted < n ? wanted : n;
}

UimlStatus
uiml_kmeans_allocate(Kmeans *state, const UimlEnv *env, size_t n, size_t d, size_t k)
{
	size_t sample = seed_points(n, k);
	size_t cosines = sample > BLOCK_POINTS * k ? sample : BLOCK_POINTS * k;
	size_t coordinates, centroids;

	*state = (Kmeans){.env = env, .n = n, .d = d, .max_k = k};
	if (__builtin_mul_overflow(n, d, &coordinates) || __builtin_mul_overflow(k, d, &centroids))
		return UIML_ELIMIT;
	state->unit = uiml_alloc(env, coordinates, sizeof(float));
	state->weight = uiml_alloc(env, n, sizeof(double));
	state->origin = uiml_alloc(env, n, sizeof(size_t));
	state->cluster = uiml_alloc(env, n, sizeof(uint32_t));
	state->distance = uiml_alloc(env, n, sizeof(double));
	state->sample = uiml_alloc(env, sample, sizeof(size_t));
	state->sample_unit = uiml_alloc(env, sample * d, sizeof(float));
	state->cosine = uiml_alloc(env, cosines, sizeof(float));
	state->centroid = uiml_alloc(env, centroids, sizeof(float));
	state->best = uiml_alloc(env, centroids, sizeof(float));
	state->sum = uiml_alloc(env, centroids, sizeof(double));
	state->mass = uiml_alloc(env, k, sizeof(double));
	state->members = uiml_alloc(env, k, sizeof(size_t));
	if (state->unit == NULL || state->weight == NULL || state->origin == NULL || state->cluster == NULL ||
		state->distance == NULL || state->sample == NULL || state->sample_unit == NULL ||
		state->cosine == NULL || state->centroid == NULL || state->best == NULL || state->sum == NULL ||
		state->mass == NULL || state->members == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

void
uiml_kmeans_release(Kmeans *state)
{
	void *all[] = {state->unit,     state->weight, state->origin,      state->cluster, state->distance,
				   state->sample,   state->cosine, state->sample_unit, state->best,    state->sum,
				   state->centroid, state->mass,   state->members};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		uiml_free(state->env, all[i]);
}

size_t
uiml_kmeans_sample(Kmeans *state, UimlRng *rng)
{
	size_t size = seed_points(state->n, state->max_k);
	size_t filled = 0;

	for (size_t i = 0; i < state->n && filled < size; i++)
		if (takes_part(rng, state->n - i, size - filled))
		{
			memcpy(state->sample_unit + filled * state->d, state->unit + i * state->d,
				   state->d * sizeof(float));
			state->sample[filled++] = i;
		}
	return filled;
}

size_t
uiml_kmeans_memory(size_t n, size_t d, size_t k)
{
	double sample = (double) seed_points(n, k);
	double cosines = fmax(sample, (double) BLOCK_POINTS * (double) k);
	double bytes = (double) n * ((double) d * sizeof(float) + 3 * sizeof(double) + sizeof(uint32_t)) +
				   sample * ((double) d * sizeof(float) + sizeof(size_t)) + cosines * sizeof(float) +
				   (double) k * ((double) d * (2 * sizeof(float) + sizeof(double)) + sizeof(double) +
								 sizeof(size_t) + sizeof(UimlKmeansRank) + sizeof(uint32_t));

	return bytes < 0.9 * (double) SIZE_MAX ? (size_t) bytes : SIZE_MAX;
}
