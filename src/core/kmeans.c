/*
 * kmeans.c
 *	  K-means by Lloyd's iterations, Euclidean and spherical.
 *
 * Spherical k-means is the Euclidean one on points of unit length, with centroids brought to unit length (Dhillon &
 * Modha 2001): 1 - cosine is half the squared distance there.  So both share everything but the scale of a point
 * and what a sum becomes as a centroid.  Points are scaled as they are read; no copy of them is made.
 *
 * A point whose own centroid is nearer than any other can be is not looked at (Hamerly 2010): upper bounds the
 * distance to the own centroid, lower that to all others, and when centroids move, so do the bounds.  A point keeps
 * its cluster only where the bounds are apart by more than rounding can make of the comparison, so assignments are
 * those of the full computation.  After some iterations most points keep theirs, and nothing of them is read.
 *
 * Sums of clusters are doubles, changed by the points that change; each column of the sums is added up by one thread,
 * in the order of the points.  The inertia of an iteration follows from the sums:
 *
 *		sum w |x - c|^2  =  sum w |x|^2  +  sum over clusters of  mass |c|^2 - 2 c'sum
 *
 * which is good enough to stop by, unless points lie so far from the origin that nothing but rounding is left of it; the
 * one in the result is summed over points.
 *
 * A cluster that loses all its weight takes over the point that is farthest from its own centroid, the first
 * of equals, which lowers the inertia; nothing is random after the seeding.
 */
#include "core/kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kmeans_state.h"

/* A job of so many multiplications takes some ten milliseconds. */
#define JOB_PRODUCTS 5e8
/* Columns of the sums that one piece adds up: a line of the cache. */
#define COLUMNS 16
/* Distances are floats; bounds are rounded away from each other by more than half of the last digit. */
#define ROUND_UP   (1 + 0x1p-22)
#define ROUND_DOWN (1 - 0x1p-22)

UimlKmeansParams
uiml_kmeans_defaults(size_t k)
{
	UimlKmeansParams params = {.k = k, .max_iterations = 100, .restarts = 3, .tolerance = 1e-5, .seed = 0};

	return params;
}

/* --- assignment ----------------------------------------------------------------------------------------- */

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

/* Assigns points by the centroids as they are now; moved says how they got there since the last time. */
static UimlStatus
reassign(Kmeans *state, bool bounded)
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

/* --- sums ----------------------------------------------------------------------------------------------- */

typedef struct Summation
{
	Kmeans *state;
	size_t first, end;
} Summation;

/* Takes points out of the sums of the cluster they have left and adds them to the new one's, in some columns. */
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
	status = reassign(state, false);
	if (status == UIML_OK)
		status = update_sums(state, &changed);
	if (status == UIML_OK)
		state->inertia = inertia_of_sums(state);
	return status;
}

/* --- empty clusters ------------------------------------------------------------------------------------- */

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
	Assignment a = {.state = state};
	size_t changed, moved = 0;
	UimlStatus status = UIML_OK;

	for (size_t c = 0; status == UIML_OK && c < state->k; c++)
	{
		size_t i;

		if (state->members[c] > 0)
			continue;
		if (moved == 0)
			status = run_jobs(&a, measure_piece, NULL, NULL);
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
		status = reassign(state, true);
		if (status == UIML_OK)
			status = update_sums(state, &changed);
		state->inertia = inertia_of_sums(state);
		if (changed == 0 || has_settled(state, before, params->tolerance))
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
	Assignment a = {.state = state};
	UimlStatus status = run_jobs(&a, measure_piece, NULL, NULL);
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
