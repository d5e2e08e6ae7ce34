/*
 * kmeans_seed.c
 *	  Greedy k-means++: where Lloyd's iterations start.
 *
 * Centroids are points, drawn one after another with probability proportional to weight times squared
 * distance to the nearest centroid so far (Arthur & Vassilvitskii 2007), each the best of 2 + log k draws
 * (section 7 there).  A plain draw often puts two centroids into one cluster and none into another, which no
 * iteration mends.
 *
 * Seeding walks over its points k times; a sample is enough to seed from.  All candidates of a round are
 * compared in one walk by the blocked kernel.
 *
 * Where there are many points, a larger sample is clustered first, several times, and the best of these
 * clusterings is where all points start from (Bradley & Fayyad 1998): for little time that is better than one
 * seeding from all points, and fewer iterations over all of them follow.
 */
#include "core/kmeans_state.h"

#include <math.h>
#include <string.h>

#define SEED_POINTS 20000
#define SEED_PER_K  50
#define MAX_DRAWS   16 /* 2 + log(65535) = 13 */

/* Where there are more points, seeding is a clustering of so many. */
#define REFINE_POINTS     25000
#define REFINE_PER_K      500
#define REFINE_RESTARTS   4 /* for each restart that is asked for */
#define REFINE_ITERATIONS 30
#define REFINE_TOLERANCE  1e-4

typedef struct Seeding
{
	Kmeans *state;
	const UimlKernels *kernels;
	size_t n, d;
	size_t piece_points;
	size_t *point;      /* n: index among the state's points */
	float *shift;       /* d: the middle of the sample; zero for directions */
	float *row;         /* n, and UIML_NEAREST_POINTS more, x d: x - shift, or directions */
	double *squares;    /* n: |row|^2 */
	double *distance;   /* n: squared, to the nearest centroid */
	double *cumulative; /* n: weight times distance, added up */
	float *candidate;   /* MAX_DRAWS x d */
	float *panels, *offset;
	size_t draws;
	double *potential; /* KMEANS_PIECES x MAX_DRAWS */
} Seeding;

size_t
uiml_kmeans_seed_points(size_t n, size_t k)
{
	size_t wanted = k > SEED_POINTS / SEED_PER_K ? k * SEED_PER_K : SEED_POINTS;

	return wanted < n ? wanted : n;
}

/* --- the sample ----------------------------------------------------------------------------------------- */

static void
seeding_release(Seeding *seeding)
{
	void *all[] = {seeding->point,    seeding->shift,      seeding->row,       seeding->squares,
				   seeding->distance, seeding->cumulative, seeding->candidate, seeding->panels,
				   seeding->offset,   seeding->potential};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		uiml_free(seeding->state->env, all[i]);
}

static UimlStatus
seeding_allocate(Seeding *seeding, Kmeans *state)
{
	const UimlEnv *env = state->env;
	size_t n = uiml_kmeans_seed_points(state->n, state->max_k), d = state->d;
	size_t padded = MAX_DRAWS + UIML_PANEL_MAX;

	*seeding = (Seeding){.state = state, .kernels = state->now.kernels, .n = n, .d = d};
	seeding->piece_points = (n / KMEANS_PIECES / UIML_NEAREST_POINTS + 1) * UIML_NEAREST_POINTS;
	seeding->point = uiml_alloc(env, n, sizeof(size_t));
	seeding->shift = uiml_alloc0(env, d, sizeof(float));
	seeding->row = uiml_alloc0(env, (n + UIML_NEAREST_POINTS) * d, sizeof(float));
	seeding->squares = uiml_alloc(env, n, sizeof(double));
	seeding->distance = uiml_alloc(env, n, sizeof(double));
	seeding->cumulative = uiml_alloc(env, n, sizeof(double));
	seeding->candidate = uiml_alloc(env, MAX_DRAWS * d, sizeof(float));
	seeding->panels = uiml_alloc(env, padded * d, sizeof(float));
	seeding->offset = uiml_alloc(env, padded, sizeof(float));
	seeding->potential = uiml_alloc(env, KMEANS_PIECES * MAX_DRAWS, sizeof(double));
	if (seeding->point == NULL || seeding->shift == NULL || seeding->row == NULL ||
		seeding->squares == NULL || seeding->distance == NULL || seeding->cumulative == NULL ||
		seeding->candidate == NULL || seeding->panels == NULL || seeding->offset == NULL ||
		seeding->potential == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

/* Selection sampling (Knuth, algorithm S) of the points that can be in a cluster. */
static void
draw_sample(Seeding *seeding, UimlRng *rng)
{
	const Kmeans *state = seeding->state;
	size_t left = state->n, filled = 0;

	for (size_t i = 0; i < state->n && state->scale != NULL; i++)
		left -= state->scale[i] == 0;
	seeding->n = left < seeding->n ? left : seeding->n;
	for (size_t i = 0; filled < seeding->n; i++)
	{
		size_t open = seeding->n - filled;

		if (kmeans_scale(state, i) == 0)
			continue;
		if (open >= left || uiml_rng_uniform(rng) * (double) left < (double) open)
			seeding->point[filled++] = i;
		left--;
	}
}

/* The rows of the sample, relative to its middle unless they are directions. */
static void
place_sample(Seeding *seeding)
{
	const Kmeans *state = seeding->state;
	size_t n = seeding->n, d = seeding->d;

	if (!state->spherical)
		uiml_rows_middle(state->x, seeding->point, n, d, seeding->shift);
	for (size_t i = 0; i < n; i++)
	{
		const float *x = state->x + seeding->point[i] * d;
		float *row = seeding->row + i * d;

		if (state->spherical)
			seeding->kernels->scale(x, kmeans_scale(state, seeding->point[i]), d, row);
		else
			seeding->kernels->subtract(x, seeding->shift, d, row);
		seeding->squares[i] = seeding->kernels->square_sum(row, d);
		seeding->distance[i] = 1; /* no centroid yet: the first draw goes by weight */
	}
}

/* --- rounds --------------------------------------------------------------------------------------------- */

/* One point with probability proportional to weight times distance; n when all of that is zero. */
static size_t
draw(const Seeding *seeding, UimlRng *rng)
{
	double target = uiml_rng_uniform(rng) * seeding->cumulative[seeding->n - 1];
	size_t low = 0, high = seeding->n;

	if (!(seeding->cumulative[seeding->n - 1] > 0))
		return seeding->n;
	/* the first whose running sum exceeds the target: never one without a share */
	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (seeding->cumulative[middle] > target)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void
add_up(Seeding *seeding)
{
	double sum = 0;

	for (size_t i = 0; i < seeding->n; i++)
	{
		sum += kmeans_weight(seeding->state, seeding->point[i]) * seeding->distance[i];
		seeding->cumulative[i] = sum;
	}
}

static size_t
piece_end(const Seeding *seeding, size_t piece)
{
	size_t end = (piece + 1) * seeding->piece_points;

	return end < seeding->n ? end : seeding->n;
}

/* What the weighted sum of distances of a piece would be with each of the candidates of a panel. */
static void
add_potential(const Seeding *seeding, size_t i, size_t count, const float *scores, size_t first,
			  double *potential)
{
	size_t width = seeding->kernels->panel;

	for (size_t r = 0; r < count; r++)
	{
		double weight = kmeans_weight(seeding->state, seeding->point[i + r]);
		double squares = seeding->squares[i + r], distance = seeding->distance[i + r];

		for (size_t c = 0; c < width && first + c < seeding->draws; c++)
		{
			double with = squares + 2 * (double) scores[r * width + c];

			potential[first + c] += weight * (with < distance ? fmax(with, 0) : distance);
		}
	}
}

static void
potential_piece(void *arg, size_t piece)
{
	const Seeding *seeding = arg;
	double *potential = seeding->potential + piece * MAX_DRAWS;
	size_t width = seeding->kernels->panel, d = seeding->d, end = piece_end(seeding, piece);
	float scores[UIML_NEAREST_POINTS * UIML_PANEL_MAX];

	for (size_t i = piece * seeding->piece_points; i < end; i += UIML_NEAREST_POINTS)
	{
		size_t count = end - i < UIML_NEAREST_POINTS ? end - i : UIML_NEAREST_POINTS;

		for (size_t c = 0; c < seeding->draws; c += width)
		{
			seeding->kernels->scores(seeding->row + i * d, count, d, seeding->panels + c * d,
									 seeding->offset + c, scores);
			add_potential(seeding, i, count, scores, c, potential);
		}
	}
}

/* Of the candidates the one that leaves the lowest potential, the first of equals. */
static size_t
best_candidate(Seeding *seeding)
{
	size_t best = 0;
	double total[MAX_DRAWS] = {0};

	if (seeding->draws == 1)
		return 0;
	uiml_panels_pack(seeding->kernels, seeding->candidate, seeding->draws, seeding->d, seeding->panels,
					 seeding->offset);
	memset(seeding->potential, 0, KMEANS_PIECES * MAX_DRAWS * sizeof(double));
	uiml_parallel(seeding->state->env, KMEANS_PIECES, potential_piece, seeding);
	for (size_t piece = 0; piece < KMEANS_PIECES; piece++)
		for (size_t c = 0; c < seeding->draws; c++)
			total[c] += seeding->potential[piece * MAX_DRAWS + c];
	for (size_t c = 1; c < seeding->draws; c++)
		if (total[c] < total[best])
			best = c;
	return best;
}

/* Shortens the distances by the centroid in candidate[0]; what it coincides with has distance zero. */
static void
approach_piece(void *arg, size_t piece)
{
	const Seeding *seeding = arg;
	size_t d = seeding->d, end = piece_end(seeding, piece);

	for (size_t i = piece * seeding->piece_points; i < end; i++)
	{
		double distance = seeding->kernels->l2_squared(seeding->row + i * d, seeding->candidate, d);
		double same;

		if (seeding->distance[i] == 0 || (distance >= seeding->distance[i] && seeding->state->k > 0))
			continue;
		same = uiml_kmeans_same(seeding->state, seeding->point[i]);
		seeding->distance[i] = distance <= same * same ? 0 : distance;
	}
}

/* Draws and takes one more centroid; false when every point with weight is one already. */
static bool
next_centroid(Seeding *seeding, size_t draws, UimlRng *rng)
{
	Kmeans *state = seeding->state;
	size_t d = seeding->d, drawn[MAX_DRAWS] = {0}, chosen;

	add_up(seeding);
	for (seeding->draws = 0; seeding->draws < draws; seeding->draws++)
	{
		size_t i = draw(seeding, rng);

		if (i == seeding->n)
			return false;
		drawn[seeding->draws] = i;
		memcpy(seeding->candidate + seeding->draws * d, seeding->row + i * d, d * sizeof(float));
	}
	chosen = drawn[best_candidate(seeding)];
	memcpy(seeding->candidate, seeding->row + chosen * d, d * sizeof(float));
	uiml_parallel(state->env, KMEANS_PIECES, approach_piece, seeding);
	/* a direction is its row; a point is taken as it is */
	memcpy(state->centroid + state->k * d,
		   state->spherical ? seeding->candidate : state->x + seeding->point[chosen] * d, d * sizeof(float));
	return true;
}

/* The sample has no weight at all: start from the first point that has. */
static void
take_first(Kmeans *state)
{
	size_t first = 0;

	while (kmeans_weight(state, first) <= 0 || kmeans_scale(state, first) == 0)
		first++;
	if (state->spherical)
		state->now.kernels->scale(state->x + first * state->d, kmeans_scale(state, first), state->d,
								  state->centroid);
	else
		memcpy(state->centroid, state->x + first * state->d, state->d * sizeof(float));
	state->k = 1;
}

/* Points outside the sample may still be distinct: empty clusters that will look for them. */
static void
add_empty(Kmeans *state, size_t k)
{
	for (; state->k < k; state->k++)
		memcpy(state->centroid + state->k * state->d, state->centroid, state->d * sizeof(float));
}

UimlStatus
uiml_kmeans_seed(Kmeans *state, size_t k, UimlRng *rng)
{
	size_t draws = 2 + (size_t) log((double) k);
	Seeding seeding;
	UimlStatus status = seeding_allocate(&seeding, state);

	if (status == UIML_OK)
	{
		draw_sample(&seeding, rng);
		place_sample(&seeding);
	}
	for (state->k = 0; status == UIML_OK && state->k < k; state->k++)
	{
		if (uiml_interrupted(state->env))
			status = UIML_EINTERRUPTED;
		/* the first draw knows no distances yet */
		else if (!next_centroid(&seeding, state->k == 0 ? 1 : draws, rng))
			break;
	}
	if (status == UIML_OK && state->k == 0)
		take_first(state);
	if (status == UIML_OK && seeding.n < state->n)
		add_empty(state, k);
	seeding_release(&seeding);
	return status;
}

size_t
uiml_kmeans_refine_points(size_t n, size_t k)
{
	size_t wanted = k > REFINE_POINTS / REFINE_PER_K ? k * REFINE_PER_K : REFINE_POINTS;

	return wanted < n ? wanted : n;
}

UimlStatus
uiml_kmeans_refine(Kmeans *state, const UimlKmeansParams *params, UimlRng *rng)
{
	size_t n = uiml_kmeans_refine_points(state->n, params->k), usable = state->n;
	UimlKmeansParams inner = *params;
	Kmeans sample;
	UimlStatus status;

	inner.restarts = params->restarts * REFINE_RESTARTS;
	inner.max_iterations = REFINE_ITERATIONS;
	inner.tolerance = REFINE_TOLERANCE;
	for (size_t i = 0; i < state->n && state->scale != NULL; i++)
		usable -= state->scale[i] == 0;
	if (usable <= n)
		return uiml_kmeans_seed(state, params->k, rng);
	status = uiml_kmeans_allocate(&sample, state->env, n, state->d, state->spherical, params->k, true);
	if (status == UIML_OK)
		status = uiml_kmeans_load(&sample, state->x, state->weight, state->n, usable, rng);
	if (status == UIML_OK)
		status = uiml_kmeans_run(&sample, &inner, rng);
	if (status == UIML_OK)
	{
		memcpy(state->centroid, sample.centroid, sample.k * state->d * sizeof(float));
		state->k = sample.k;
		add_empty(state, params->k);
	}
	uiml_kmeans_release(&sample);
	/* the sample has no weight at all */
	return status == UIML_EEMPTY ? uiml_kmeans_seed(state, params->k, rng) : status;
}
