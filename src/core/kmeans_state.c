/*
 * kmeans_state.c
 *	  The points of a clustering: checked, sampled; and the memory of its state.
 */
#include "core/kmeans_state.h"

#include <math.h>
#include <string.h>

UimlStatus
uiml_kmeans_check(const UimlEnv *env, const float *points, const float *weight, size_t n, size_t d,
				  bool spherical, size_t *usable, bool *has_weight)
{
	const UimlKernels *kernels = uiml_kernels();

	*usable = 0;
	*has_weight = false;
	for (size_t i = 0; i < n; i++)
	{
		const float *x = points + i * d;
		double squares;

		if (i % (1 + STRIDE / d) == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		squares = kernels->square_sum(x, d);
		if (!isfinite(squares) || (weight != NULL && !isfinite(weight[i])))
			return UIML_ENOTFINITE;
		if (weight != NULL && weight[i] < 0)
			return UIML_EINVALID;
		if (!spherical && squares > UIML_KMEANS_LARGEST * UIML_KMEANS_LARGEST)
			return UIML_ELIMIT;
		if (spherical && squares == 0)
			continue;
		(*usable)++;
		*has_weight = *has_weight || weight == NULL || weight[i] > 0;
	}
	return UIML_OK;
}

double
uiml_kmeans_same(const Kmeans *state, size_t i)
{
	if (state->spherical)
		return UIML_KMEANS_SAME_DIRECTION;
	return UIML_KMEANS_SAME_POINT * sqrt(state->now.kernels->square_sum(state->x + i * state->d, state->d));
}

static void
load_point(Kmeans *state, size_t i)
{
	double squares = 1;

	if (state->spherical)
		state->scale[i] = uiml_direction_scale(state->x + i * state->d, state->d);
	else
		squares = state->now.kernels->square_sum(state->x + i * state->d, state->d);
	if (state->scale != NULL && state->scale[i] == 0)
		return;
	state->total += kmeans_weight(state, i);
	state->squares += kmeans_weight(state, i) * squares;
}

/*
 * Selection sampling (Knuth, algorithm S): each of the left candidates is taken with the probability that
 * fills the open places.
 */
static void
copy_sample(Kmeans *state, const float *points, const float *weight, size_t n, size_t usable, UimlRng *rng)
{
	size_t d = state->d, filled = 0;

	for (size_t i = 0; i < n && filled < state->n; i++)
	{
		size_t open = state->n - filled;

		if (state->spherical && uiml_direction_scale(points + i * d, d) == 0)
			continue;
		if (open < usable-- && uiml_rng_uniform(rng) * (double) (usable + 1) >= (double) open)
			continue;
		memcpy(state->owned_x + filled * d, points + i * d, d * sizeof(float));
		if (weight != NULL)
			state->owned_weight[filled] = weight[i];
		filled++;
	}
}

UimlStatus
uiml_kmeans_load(Kmeans *state, const float *points, const float *weight, size_t n, size_t usable,
				 UimlRng *rng)
{
	state->x = points;
	state->weight = weight;
	if (state->owned_x != NULL)
	{
		copy_sample(state, points, weight, n, usable, rng);
		state->x = state->owned_x;
		state->weight = weight != NULL ? state->owned_weight : NULL;
	}
	state->total = state->squares = 0;
	for (size_t i = 0; i < state->n; i++)
	{
		if (i % (1 + STRIDE / state->d) == 0 && uiml_interrupted(state->env))
			return UIML_EINTERRUPTED;
		load_point(state, i);
	}
	return state->total > 0 ? UIML_OK : UIML_EEMPTY;
}

UimlStatus
uiml_kmeans_allocate(Kmeans *state, const UimlEnv *env, size_t n, size_t d, bool spherical, size_t k,
					 bool sample)
{
	size_t coordinates, centroids, layout = uiml_centroids_memory(k, d);

	*state = (Kmeans){.env = env, .n = n, .d = d, .max_k = k, .spherical = spherical};
	if (__builtin_mul_overflow(n, d, &coordinates) || __builtin_mul_overflow(k, d, &centroids) ||
		layout == SIZE_MAX)
		return UIML_ELIMIT;
	if (sample)
	{
		state->owned_x = uiml_alloc(env, coordinates, sizeof(float));
		state->owned_weight = uiml_alloc(env, n, sizeof(float));
		if (state->owned_x == NULL || state->owned_weight == NULL)
			return UIML_ENOMEM;
	}
	if (spherical && (state->scale = uiml_alloc(env, n, sizeof(double))) == NULL)
		return UIML_ENOMEM;
	state->cluster = uiml_alloc(env, n, sizeof(uint32_t));
	state->added = uiml_alloc(env, n, sizeof(uint32_t));
	state->upper = uiml_alloc(env, n, sizeof(float));
	state->lower = uiml_alloc(env, n, sizeof(float));
	state->rows = uiml_alloc0(env, KMEANS_PIECES * UIML_NEAREST_POINTS * d, sizeof(float));
	state->layout = uiml_alloc(env, layout, 1);
	state->centroid = uiml_alloc(env, centroids, sizeof(float));
	state->best = uiml_alloc(env, centroids, sizeof(float));
	state->moved = uiml_alloc(env, k, sizeof(float));
	state->sum = uiml_alloc(env, centroids, sizeof(double));
	state->mass = uiml_alloc(env, k, sizeof(double));
	state->members = uiml_alloc(env, k, sizeof(size_t));
	if (state->cluster == NULL || state->added == NULL || state->upper == NULL || state->lower == NULL ||
		state->rows == NULL || state->layout == NULL || state->centroid == NULL || state->best == NULL ||
		state->moved == NULL || state->sum == NULL || state->mass == NULL || state->members == NULL)
		return UIML_ENOMEM;
	uiml_centroids_init(&state->now, k, d, spherical, state->layout);
	return UIML_OK;
}

void
uiml_kmeans_release(Kmeans *state)
{
	void *all[] = {state->owned_x, state->owned_weight, state->scale, state->cluster, state->added,
				   state->upper,   state->lower,        state->rows,  state->layout,  state->centroid,
				   state->best,    state->moved,        state->sum,   state->mass,    state->members};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		uiml_free(state->env, all[i]);
}
