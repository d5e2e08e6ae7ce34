/*
 * kmeans_nearest.c
 *	  K-means over the points: who is nearest to which centroid, and how near.
 *
 * A point whose own centroid is nearer than any other can be is not looked at (Hamerly 2010): upper bounds
 * the distance to the own centroid, lower that to all others, and when centroids move, so do the bounds.  A
 * point keeps its cluster only where the bounds are apart by more than rounding can make of the comparison,
 * so assignments are those of the full computation.  After some iterations most points keep theirs, and
 * nothing of them is read.
 *
 * Points are taken a job at a time, each of which threads may share in pieces.
 */
#include <math.h>
#include <string.h>

#include "core/kmeans_state.h"

/* A job of so many multiplications takes some ten milliseconds. */
#define JOB_PRODUCTS 5e8

typedef struct Assignment
{
	Kmeans *state;
	bool bounded;    /* the bounds and how centroids moved are known */
	double farthest; /* of moved, and the farthest of the others */
	double second;
	size_t mover;         /* the centroid that moved farthest */
	size_t first, end;    /* points of the job */
	size_t piece;         /* points of a piece */
	UimlNearest *nearest; /* where they are asked for: of the points of the job */
} Assignment;

/* Moves a point's bounds as the centroids moved; true when it surely keeps its cluster. */
static bool
keeps_cluster(const Assignment *a, size_t i)
{
	const Kmeans *state = a->state;
	uint32_t own = state->cluster[i];
	double others = own == a->mover ? a->second : a->farthest;
	double upper = ((double) state->upper[i] + (double) state->moved[own]) * ROUND_UP;
	double lower = ((double) state->lower[i] - others) * ROUND_DOWN;
	UimlNearest nearest = {own, upper * upper, lower * lower};

	state->upper[i] = (float) upper;
	state->lower[i] = (float) lower;
	return lower > upper && (lower - upper) * (lower + upper) > uiml_centroids_error(&state->now, &nearest);
}

/* Finds the nearest centroids of count points. */
static void
assign_points(const Assignment *a, const size_t *point, size_t count, float *rows)
{
	Kmeans *state = a->state;
	UimlNearest nearest[UIML_NEAREST_POINTS];

	for (size_t r = 0; r < count; r++)
		uiml_centroids_place(&state->now, state->x + point[r] * state->d, kmeans_scale(state, point[r]),
							 rows + r * state->d);
	uiml_centroids_nearest(&state->now, rows, count, nearest);
	for (size_t r = 0; r < count; r++)
	{
		double distance = sqrt(nearest[r].distance);
		double second = nearest[r].second - uiml_centroids_error(&state->now, &nearest[r]);

		state->cluster[point[r]] = nearest[r].cluster;
		state->upper[point[r]] = (float) (distance * ROUND_UP);
		state->lower[point[r]] = (float) (sqrt(fmax(second, 0)) * ROUND_DOWN);
		if (a->nearest != NULL)
			a->nearest[point[r] - a->first] = nearest[r];
	}
}

static void
assign_piece(void *arg, size_t piece)
{
	const Assignment *a = arg;
	const Kmeans *state = a->state;
	float *rows = state->rows + piece * UIML_NEAREST_POINTS * state->d;
	size_t first = a->first + piece * a->piece;
	size_t end = first + a->piece < a->end ? first + a->piece : a->end;
	size_t point[UIML_NEAREST_POINTS], count = 0;

	for (size_t i = first; i < end; i++)
	{
		if (state->scale != NULL && state->scale[i] == 0)
			continue;
		if (a->bounded && keeps_cluster(a, i))
			continue;
		point[count++] = i;
		if (count == UIML_NEAREST_POINTS)
		{
			assign_points(a, point, count, rows);
			count = 0;
		}
	}
	if (count > 0)
		assign_points(a, point, count, rows);
}

/* Points of a job that takes some ten milliseconds: whole pieces, at most STRIDE. */
static size_t
job_points(const Kmeans *state)
{
	double points = JOB_PRODUCTS / ((double) state->k * (double) state->d);
	size_t blocks = points < STRIDE ? (size_t) points / (KMEANS_PIECES * UIML_NEAREST_POINTS)
									: STRIDE / (KMEANS_PIECES * UIML_NEAREST_POINTS);

	return (blocks > 0 ? blocks : 1) * KMEANS_PIECES * UIML_NEAREST_POINTS;
}

/* Calls task on all points, a job at a time; job_fn, if any, on each job when it is done. */
static UimlStatus
run_jobs(Assignment *a, UimlTaskFn task, void (*job_fn)(const Assignment *a, void *arg), void *arg)
{
	Kmeans *state = a->state;
	size_t points = job_points(state);

	a->piece = points / KMEANS_PIECES;
	for (a->first = 0; a->first < state->n; a->first = a->end)
	{
		a->end = state->n - a->first < points ? state->n : a->first + points;
		if (uiml_interrupted(state->env))
			return UIML_EINTERRUPTED;
		uiml_parallel(state->env, (a->end - a->first + a->piece - 1) / a->piece, task, a);
		if (job_fn != NULL)
			job_fn(a, arg);
	}
	return UIML_OK;
}

UimlStatus
uiml_kmeans_reassign(Kmeans *state, bool bounded)
{
	Assignment a = {.state = state, .bounded = bounded};

	uiml_centroids_set(&state->now, state->centroid, state->k);
	for (size_t c = 0; bounded && c < state->k; c++)
	{
		double moved = (double) state->moved[c];

		if (moved > a.farthest)
		{
			a.second = a.farthest;
			a.farthest = moved;
			a.mover = c;
		}
		else if (moved > a.second)
			a.second = moved;
	}
	return run_jobs(&a, assign_piece, NULL, NULL);
}

/* Makes upper the distance to the own centroid. */
static void
measure_piece(void *arg, size_t piece)
{
	const Assignment *a = arg;
	Kmeans *state = a->state;
	float *row = state->rows + piece * UIML_NEAREST_POINTS * state->d;
	size_t first = a->first + piece * a->piece;
	size_t end = first + a->piece < a->end ? first + a->piece : a->end;

	for (size_t i = first; i < end; i++)
	{
		const float *near = state->now.near + state->cluster[i] * state->d;

		if (state->cluster[i] == NO_CLUSTER)
			continue;
		uiml_centroids_place(&state->now, state->x + i * state->d, kmeans_scale(state, i), row);
		state->upper[i] = (float) (sqrt(state->now.kernels->l2_squared(row, near, state->d)) * ROUND_UP);
	}
}

UimlStatus
uiml_kmeans_measure(Kmeans *state)
{
	Assignment a = {.state = state};

	return run_jobs(&a, measure_piece, NULL, NULL);
}

double
uiml_kmeans_point_silhouette(bool spherical, double distance, double second)
{
	double a = spherical ? distance / 2 : sqrt(distance);
	double b = spherical ? second / 2 : sqrt(fmax(second, 0));

	return b > 0 && isfinite(b) ? (b - a) / fmax(a, b) : 0;
}

/* Adds the points of a job to the descriptions of their clusters. */
static void
describe_job(const Assignment *a, void *arg)
{
	const Kmeans *state = a->state;
	UimlKmeansCluster *each = arg;

	for (size_t i = a->first; i < a->end; i++)
	{
		const UimlNearest *nearest = &a->nearest[i - a->first];
		UimlKmeansCluster *own;
		double weight = kmeans_weight(state, i);

		if (state->cluster[i] == NO_CLUSTER)
			continue;
		own = &each[state->cluster[i]];
		own->size++;
		own->mass += weight;
		own->inertia += weight * (state->spherical ? nearest->distance / 2 : nearest->distance);
		own->silhouette +=
			weight * uiml_kmeans_point_silhouette(state->spherical, nearest->distance, nearest->second);
	}
}

UimlStatus
uiml_kmeans_describe(Kmeans *state, UimlKmeansCluster *each, double *silhouette)
{
	Assignment a = {.state = state};
	size_t points = job_points(state) < state->n ? job_points(state) : state->n;
	double sum = 0;
	UimlStatus status;

	a.nearest = uiml_alloc0(state->env, points, sizeof(UimlNearest));
	if (a.nearest == NULL)
		return UIML_ENOMEM;
	memset(each, 0, state->k * sizeof(UimlKmeansCluster));
	status = run_jobs(&a, assign_piece, describe_job, each);
	uiml_free(state->env, a.nearest);
	state->inertia = 0;
	for (size_t c = 0; c < state->k; c++)
	{
		state->inertia += each[c].inertia;
		/* alone in its cluster: 0 by convention (Kaufman & Rousseeuw 1990), else singletons would win */
		if (each[c].size < 2)
			each[c].silhouette = 0;
		sum += each[c].silhouette;
		each[c].silhouette /= each[c].mass > 0 ? each[c].mass : 1;
	}
	*silhouette = sum / state->total;
	return status;
}
