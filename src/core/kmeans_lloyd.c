/*
 * kmeans_lloyd.c
 *	  Lloyd's iterations.
 *
 * Sums of clusters are doubles, changed by the points that change; each column of the sums is added up by one
 * thread, in the order of the points.  The inertia of an iteration follows from the sums:
 *
 *		sum w |x - c|^2  =  sum w |x|^2  +  sum over clusters of  mass |c|^2 - 2 c'sum
 *
 * which is good enough to stop by, unless points lie so far from the origin that nothing but rounding is left
 * of it; the one in the result is summed over points.
 *
 * A cluster that loses all its weight takes over the point that is farthest from its own centroid, the first
 * of equals, which lowers the inertia; nothing is random after the seeding.
 */
#include <math.h>
#include <string.h>

#include "core/kmeans_state.h"

/* Columns of the sums that one piece adds up: a line of the cache. */
#define COLUMNS 16

/* --- sums ----------------------------------------------------------------------------------------------- */

typedef struct Summation
{
	Kmeans *state;
	size_t first, end;
} Summation;

/*
 * Takes points out of the sums of the cluster they have left and adds them to the new one's, in some columns.
 */
static void
sum_columns(void *arg, size_t piece)
{
	const Summation *s = arg;
	const Kmeans *state = s->state;
	size_t d = state->d, j = piece * COLUMNS, width = d - j < COLUMNS ? d - j : COLUMNS;

	for (size_t i = s->first; i < s->end; i++)
	{
		uint32_t old = state->added[i], new = state->cluster[i];
		double factor;

		if (old == new || (factor = kmeans_weight(state, i) * kmeans_scale(state, i)) == 0)
			continue;
		if (old != NO_CLUSTER)
			state->now.kernels->accumulate_weighted(state->x + i * d + j, -factor, width,
													state->sum + old * d + j);
		state->now.kernels->accumulate_weighted(state->x + i * d + j, factor, width, state->sum + new *d + j);
	}
}

static size_t
sum_weights(const Summation *s)
{
	Kmeans *state = s->state;
	size_t changed = 0;

	for (size_t i = s->first; i < s->end; i++)
	{
		uint32_t old = state->added[i], new = state->cluster[i];
		double weight;

		if (old == new)
			continue;
		changed++;
		state->added[i] = new;
		weight = kmeans_weight(state, i);
		if (weight == 0)
			continue;
		if (old != NO_CLUSTER)
		{
			state->mass[old] -= weight;
			state->members[old]--;
		}
		state->mass[new] += weight;
		state->members[new]++;
	}
	return changed;
}

/* What rounding has left of the sums of a cluster that lost its last point. */
static void
clear_empty(Kmeans *state)
{
	for (size_t c = 0; c < state->k; c++)
		if (state->members[c] == 0)
		{
			state->mass[c] = 0;
			memset(state->sum + c * state->d, 0, state->d * sizeof(double));
		}
}

/* Brings the sums up to date with the assignment; how many points changed their cluster. */
static UimlStatus
update_sums(Kmeans *state, size_t *changed)
{
	Summation s = {.state = state};
	size_t points = 1 + STRIDE * 64 / state->d;

	*changed = 0;
	for (; s.first < state->n; s.first = s.end)
	{
		s.end = state->n - s.first < points ? state->n : s.first + points;
		if (uiml_interrupted(state->env))
			return UIML_EINTERRUPTED;
		uiml_parallel(state->env, (state->d + COLUMNS - 1) / COLUMNS, sum_columns, &s);
		*changed += sum_weights(&s);
	}
	clear_empty(state);
	return UIML_OK;
}

/* The inertia of the assignment, from the sums: see above. */
static double
inertia_of_sums(const Kmeans *state)
{
	double inertia = state->squares;

	for (size_t c = 0; c < state->k; c++)
	{
		const float *centroid = state->centroid + c * state->d;
		double product = 0;

		for (size_t j = 0; j < state->d; j++)
			product += (double) centroid[j] *
					   (state->mass[c] * (double) centroid[j] - 2 * state->sum[c * state->d + j]);
		inertia += product;
	}
	return state->spherical ? inertia / 2 : inertia;
}

UimlStatus
uiml_kmeans_assign(Kmeans *state)
{
	size_t changed;
	UimlStatus status;

	memset(state->added, 0xff, state->n * sizeof(uint32_t));
	memset(state->cluster, 0xff, state->n * sizeof(uint32_t));
	memset(state->sum, 0, state->k * state->d * sizeof(double));
	memset(state->mass, 0, state->k * sizeof(double));
	memset(state->members, 0, state->k * sizeof(size_t));
	status = uiml_kmeans_reassign(state, false);
	if (status == UIML_OK)
		status = update_sums(state, &changed);
	if (status == UIML_OK)
		state->inertia = inertia_of_sums(state);
	return status;
}

/* --- empty clusters ------------------------------------------------------------------------------------- */

/* The point farthest from its centroid, of clusters that can spare one; n when there is none. */
static size_t
farthest_point(const Kmeans *state)
{
	size_t farthest = state->n;

	for (size_t i = 0; i < state->n; i++)
		if (state->cluster[i] != NO_CLUSTER && kmeans_weight(state, i) > 0 &&
			state->members[state->cluster[i]] > 1 &&
			(farthest == state->n || state->upper[i] > state->upper[farthest]) &&
			(double) state->upper[i] > uiml_kmeans_same(state, i))
			farthest = i;
	return farthest;
}

static double
distance_of(const float *a, const float *b, size_t d)
{
	double sum = 0;

	for (size_t j = 0; j < d; j++)
	{
		double difference = (double) a[j] - (double) b[j];

		sum += difference * difference;
	}
	return sqrt(sum);
}

/* Makes point i the only one of cluster c. */
static void
move_point(Kmeans *state, size_t i, size_t c)
{
	float *centroid = state->centroid + c * state->d;
	float *row = state->rows;

	memcpy(row, state->x + i * state->d, state->d * sizeof(float));
	if (state->spherical)
		state->now.kernels->scale(row, state->scale[i], state->d, row);
	state->moved[c] += (float) (distance_of(row, centroid, state->d) * ROUND_UP);
	memcpy(centroid, row, state->d * sizeof(float));
	state->members[state->cluster[i]]--;
	state->members[c]++;
	state->cluster[i] = (uint32_t) c;
	state->upper[i] = state->lower[i] = 0;
}

/* Gives each cluster without weight a point of another one, as long as there are any to give. */
static UimlStatus
refill_empty(Kmeans *state)
{
	size_t changed, moved = 0;
	UimlStatus status = UIML_OK;

	for (size_t c = 0; status == UIML_OK && c < state->k; c++)
	{
		size_t i;

		if (state->members[c] > 0)
			continue;
		if (moved == 0)
			status = uiml_kmeans_measure(state);
		if (status == UIML_OK && uiml_interrupted(state->env))
			status = UIML_EINTERRUPTED;
		if (status != UIML_OK || (i = farthest_point(state)) == state->n)
			break;
		move_point(state, i, c);
		moved++;
	}
	if (status == UIML_OK && moved > 0)
	{
		/* counted already: update_sums counts again */
		for (size_t i = 0; i < state->n; i++)
			if (state->added[i] != state->cluster[i])
			{
				state->members[state->added[i]]++;
				state->members[state->cluster[i]]--;
			}
		status = update_sums(state, &changed);
	}
	return status;
}

/* --- iterations ----------------------------------------------------------------------------------------- */

/* The inertia fell by less than the tolerance, and not by less than what it is known to. */
static bool
has_settled(const Kmeans *state, double before, double tolerance)
{
	double enough = tolerance * fabs(before);

	return tolerance > 0 && before - state->inertia <= enough && ldexp(state->squares, -50) <= enough;
}

bool
uiml_kmeans_centroid(const double *sum, double mass, size_t d, bool spherical, float *centroid)
{
	double norm = mass;

	if (mass <= 0)
		return false;
	if (spherical)
	{
		double squares = 0;

		for (size_t j = 0; j < d; j++)
			squares += sum[j] * sum[j];
		norm = sqrt(squares);
		/* what is left of opposite points is rounding noise, not a direction */
		if (norm <= 1e-6 * mass)
			return false;
	}
	for (size_t j = 0; j < d; j++)
		centroid[j] = (float) (sum[j] / norm);
	return true;
}

/* Centroids move to their clusters; where a cluster has none, any is as good and the old one stays. */
static void
update_centroids(Kmeans *state)
{
	size_t d = state->d;
	float *old = state->rows;

	for (size_t c = 0; c < state->k; c++)
	{
		float *centroid = state->centroid + c * d;

		memcpy(old, centroid, d * sizeof(float));
		if (uiml_kmeans_centroid(state->sum + c * d, state->mass[c], d, state->spherical, centroid))
			state->moved[c] += (float) (distance_of(old, centroid, d) * ROUND_UP);
	}
}

UimlStatus
uiml_kmeans_lloyd(Kmeans *state, const UimlKmeansParams *params)
{
	UimlStatus status = uiml_kmeans_assign(state);
	size_t changed = 1;

	for (state->iterations = 0; status == UIML_OK && state->iterations < params->max_iterations;)
	{
		double before = state->inertia;

		state->iterations++;
		memset(state->moved, 0, state->k * sizeof(float));
		status = refill_empty(state);
		if (status != UIML_OK)
			break;
		update_centroids(state);
		status = uiml_kmeans_reassign(state, true);
		if (status == UIML_OK)
			status = update_sums(state, &changed);
		state->inertia = inertia_of_sums(state);
		if (changed == 0 || has_settled(state, before, params->tolerance))
			break;
	}
	return status;
}
