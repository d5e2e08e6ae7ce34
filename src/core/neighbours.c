/*
 * neighbours.c
 *	  The k nearest of n vectors, exactly, for each of many queries: a filter by matrix product, refined.
 *
 * All three distances follow from inner products: products of unit vectors, |q|^2 + |x|^2 - 2 q'x, and
 * products themselves.  So a block of queries times a block of candidates is one product of matrices, many
 * times faster than one distance after the other; but its rounding differs from theirs, and |q - x|^2 of
 * close vectors far from the origin would be all rounding.  What is nearest must not depend on that.
 * Therefore the products only filter: with the rounding error e of a product bounded (Higham 2002, section
 * 3.5: |fl(q'x) - q'x| <= d u |q||x| / (1 - d u)), a candidate whose distance may be below that of the k-th
 * best so far, the error granted, has its distance computed by the function that defines it, and enters a
 * heap or doesn't.  Result: that of computing all n distances, ties included; cost: that of the product and
 * of some k ln(n / k) distances more.  Where all vectors are alike the filter lets all pass, and the cost is
 * that of n distances.
 *
 * A candidate x passes for the query q where q'x - offset(x) >= threshold(q):
 *
 *		cosine		q'x >= 1 - t - e, for unit vectors
 *		l2			q'x - (1 - e) |x|^2 / 2 >= ((1 - e) |q|^2 - t^2) / 2, with the mean of all x subtracted
 *		product		q'x + e |x|^2 >= -t - e (|t| + |q|^2), since |q||x| is below |q|^2 + |x|^2
 *
 * with t the distance of the k-th best so far.  For l2 and the product, vectors are first divided by a power
 * of two that none is longer than: nothing overflows.  Products of elements that are no normal floats are off
 * by half of the smallest one each in the distance that defines the result, which the threshold grants as
 * well.
 */
#include "core/neighbours.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/linalg.h"
#include "core/vector.h"

#define MAX_QUERIES      256     /* of a block */
#define MAX_CANDIDATES   1024    /* of a block */
#define PANEL_FLOATS     1048576 /* of a block of candidates */
#define BEST_NEIGHBOURS  524288  /* of a block of queries */
#define QUERIES_PER_TASK 16
#define CHECK_ROWS       4096

struct UimlNeighbours
{
	const UimlEnv *env;
	const UimlKernels *kernels;
	UimlNeighboursJob job;
	double error;  /* e, relative to the squared lengths of both vectors */
	double scale;  /* what vectors are divided by, unless by their lengths */
	float *mean;   /* d: what is subtracted then; NULL: nothing */
	float *offset; /* n */
	size_t block_queries;
	size_t block_candidates;
	float *query_panel;     /* block_queries x d */
	float *candidate_panel; /* block_candidates x d */
	float *score;           /* block_queries x block_candidates */
	double *square;         /* block_queries: |q|^2 */
	size_t *found;          /* block_queries */
	UimlNeighbour *best;    /* block_queries x k: heaps with the farthest at the root, then sorted */
	size_t next;            /* first query of the next block */
	size_t first;           /* of the current block */
	size_t n_block;
	size_t candidate; /* first of the current block of candidates */
	size_t n_candidates;
};

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- distances ------------------------------------------------------------------------------------------ */

static const float *
query_at(const UimlNeighbours *search, size_t i)
{
	const UimlNeighboursJob *job = &search->job;

	return (job->query != NULL ? job->query : job->x) + i * job->d;
}

/* As the SQL functions compute it. */
static double
distance_of(const UimlNeighboursJob *job, const float *a, const float *b)
{
	switch (job->distance)
	{
		case UIML_DISTANCE_COSINE:
			return uiml_vector_cosine_distance(a, b, job->d);
		case UIML_DISTANCE_L2:
			return sqrt(uiml_vector_l2_squared(a, b, job->d));
		default:
			return 0 - uiml_vector_dot(a, b, job->d);
	}
}

/* A vector as the products take it; returns its squared length. */
static double
transform(const UimlNeighbours *search, const float *x, float *y)
{
	size_t d = search->job.d;
	double divisor = search->scale;

	if (search->job.distance == UIML_DISTANCE_COSINE)
		divisor = uiml_vector_norm(x, d);
	search->kernels->scale(x, divisor > 0 ? 1 / divisor : 0, d, y);
	if (search->mean != NULL)
		search->kernels->subtract(y, search->mean, d, y);
	return search->kernels->square_sum(y, d);
}

/* What a product less the offset must reach for a distance below t. */
static float
threshold_of(const UimlNeighbours *search, double square, double t)
{
	double e = search->error;
	double threshold, lost;

	switch (search->job.distance)
	{
		case UIML_DISTANCE_COSINE:
			threshold = 1 - t - e;
			break;
		case UIML_DISTANCE_L2:
			t /= search->scale;
			threshold = ((1 - e) * square - (1 + e) * t * t) / 2;
			break;
		default:
			t = t / search->scale / search->scale;
			lost = (double) search->job.d * FLT_TRUE_MIN / search->scale / search->scale;
			threshold = -t - e * (fabs(t) + square) - lost;
	}
	return (float) (threshold - FLT_MIN); /* products may underflow */
}

static float
offset_of(const UimlNeighbours *search, double square)
{
	switch (search->job.distance)
	{
		case UIML_DISTANCE_COSINE:
			return 0;
		case UIML_DISTANCE_L2:
			return (float) ((1 - search->error) * square / 2);
		default:
			return (float) (-search->error * square);
	}
}

/* --- the best so far ------------------------------------------------------------------------------------ */

static bool
is_farther(const UimlNeighbour *a, const UimlNeighbour *b)
{
	return a->distance > b->distance || (a->distance == b->distance && a->index > b->index);
}

/* Moves heap[at] down until no child is farther. */
static void
sift_down(UimlNeighbour *heap, size_t size, size_t at)
{
	UimlNeighbour moved = heap[at];

	for (;;)
	{
		size_t child = 2 * at + 1;

		if (child >= size)
			break;
		if (child + 1 < size && is_farther(&heap[child + 1], &heap[child]))
			child++;
		if (!is_farther(&heap[child], &moved))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
}

/* A heap once it is full; candidates come in ascending index, so one that ties with the root is no better. */
static void
enter(UimlNeighbour *heap, size_t *size, size_t k, UimlNeighbour candidate)
{
	if (*size < k)
	{
		heap[(*size)++] = candidate;
		for (size_t at = *size == k ? k / 2 : 0; at-- > 0;)
			sift_down(heap, k, at);
	}
	else if (candidate.distance < heap[0].distance)
	{
		heap[0] = candidate;
		sift_down(heap, k, 0);
	}
}

/* Nearest first. */
static void
sort_best(UimlNeighbour *heap, size_t size, bool is_heap)
{
	for (size_t at = is_heap ? 0 : size / 2; at-- > 0;)
		sift_down(heap, size, at);
	while (size > 1)
	{
		UimlNeighbour farthest = heap[0];

		size--;
		heap[0] = heap[size];
		sift_down(heap, size, 0);
		heap[size] = farthest;
	}
}

/* --- one block of queries by one of candidates ---------------------------------------------------------- */

/* The candidates of the current block that pass for query i of the block. */
static void
refine_query(const UimlNeighbours *search, size_t i)
{
	const UimlNeighboursJob *job = &search->job;
	size_t query = search->first + i;
	size_t self = job->query == NULL ? query : SIZE_MAX;
	const float *score = search->score + i * search->n_candidates;
	const float *offset = search->offset + search->candidate;
	UimlNeighbour *best = search->best + i * job->k;
	float threshold = -INFINITY;

	if (search->found[i] == job->k)
		threshold = threshold_of(search, search->square[i], best[0].distance);
	for (size_t j = 0; j < search->n_candidates; j++)
	{
		UimlNeighbour candidate;

		j += search->kernels->find_above(score + j, offset + j, threshold, search->n_candidates - j);
		candidate.index = (uint32_t) (search->candidate + j);
		if (j == search->n_candidates || candidate.index == self)
			continue;
		candidate.distance = distance_of(job, query_at(search, query), job->x + candidate.index * job->d);
		enter(best, &search->found[i], job->k, candidate);
		if (search->found[i] == job->k)
			threshold = threshold_of(search, search->square[i], best[0].distance);
	}
}

static void
refine_piece(void *arg, size_t piece)
{
	const UimlNeighbours *search = arg;
	size_t end = smaller((piece + 1) * QUERIES_PER_TASK, search->n_block);

	for (size_t i = piece * QUERIES_PER_TASK; i < end; i++)
		refine_query(search, i);
}

static UimlStatus
search_candidates(UimlNeighbours *search)
{
	const UimlNeighboursJob *job = &search->job;
	size_t n_pieces = (search->n_block + QUERIES_PER_TASK - 1) / QUERIES_PER_TASK;
	UimlStatus status;

	for (size_t i = 0; i < search->n_candidates; i++)
		transform(search, job->x + (search->candidate + i) * job->d, search->candidate_panel + i * job->d);
	status = uiml_gemm_f32(search->env, false, true, search->n_block, search->n_candidates, job->d, 1,
						   search->query_panel, search->candidate_panel, 0, search->score);
	if (status == UIML_OK)
		uiml_parallel(search->env, n_pieces, refine_piece, search);
	return status;
}

UimlStatus
uiml_neighbours_next(UimlNeighbours *search, size_t *first, size_t *count)
{
	const UimlNeighboursJob *job = &search->job;
	UimlStatus status = UIML_OK;

	search->first = search->next;
	search->n_block = smaller(search->block_queries, job->n_queries - search->first);
	*first = search->first;
	*count = search->n_block;
	search->next = search->first + search->n_block;
	for (size_t i = 0; i < search->n_block; i++)
	{
		search->found[i] = 0;
		search->square[i] =
			transform(search, query_at(search, search->first + i), search->query_panel + i * job->d);
	}
	for (size_t at = 0; status == UIML_OK && search->n_block > 0 && at < job->n; at += search->n_candidates)
	{
		search->candidate = at;
		search->n_candidates = smaller(search->block_candidates, job->n - at);
		status = search_candidates(search);
	}
	for (size_t i = 0; status == UIML_OK && i < search->n_block; i++)
		sort_best(search->best + i * job->k, search->found[i], search->found[i] == job->k);
	return status;
}

const UimlNeighbour *
uiml_neighbours_of(const UimlNeighbours *search, size_t query, size_t *found)
{
	*found = search->found[query - search->first];
	return search->best + (query - search->first) * search->job.k;
}

/* --- before and after ----------------------------------------------------------------------------------- */

/* A power of two not below the longest of n vectors: dividing by it is exact. */
static UimlStatus
find_scale(UimlNeighbours *search, const float *x, size_t n)
{
	double longest = 0;
	int exponent;

	for (size_t i = 0; i < n; i++)
	{
		if (i % CHECK_ROWS == 0 && uiml_interrupted(search->env))
			return UIML_EINTERRUPTED;
		longest = fmax(longest, uiml_vector_norm(x + i * search->job.d, search->job.d));
	}
	frexp(longest, &exponent);
	search->scale = fmax(search->scale, longest > 0 ? ldexp(1, exponent) : 0);
	return UIML_OK;
}

static UimlStatus
find_mean(UimlNeighbours *search)
{
	const UimlNeighboursJob *job = &search->job;
	double *sum = uiml_alloc0(search->env, job->d, sizeof(double));
	UimlStatus status = sum != NULL ? UIML_OK : UIML_ENOMEM;

	for (size_t i = 0; status == UIML_OK && i < job->n; i++)
	{
		if (i % CHECK_ROWS == 0 && uiml_interrupted(search->env))
			status = UIML_EINTERRUPTED;
		search->kernels->accumulate(job->x + i * job->d, job->d, sum);
	}
	for (size_t j = 0; status == UIML_OK && j < job->d; j++)
		search->mean[j] = (float) (sum[j] / fmax((double) job->n, 1) / search->scale);
	uiml_free(search->env, sum);
	return status;
}

static UimlStatus
find_offsets(UimlNeighbours *search)
{
	const UimlNeighboursJob *job = &search->job;

	for (size_t i = 0; i < job->n; i++)
	{
		if (i % CHECK_ROWS == 0 && uiml_interrupted(search->env))
			return UIML_EINTERRUPTED;
		search->offset[i] =
			offset_of(search, transform(search, job->x + i * job->d, search->candidate_panel));
	}
	return UIML_OK;
}

static UimlStatus
prepare(UimlNeighbours *search)
{
	const UimlNeighboursJob *job = &search->job;
	UimlStatus status = UIML_OK;

	/* d u for the product, as much for the distance itself, and some for rounding vectors and thresholds */
	search->error = (2 * (double) job->d + 64) * (FLT_EPSILON / 2);
	if (job->distance != UIML_DISTANCE_COSINE)
		status = find_scale(search, job->x, job->n);
	if (status == UIML_OK && job->distance != UIML_DISTANCE_COSINE && job->query != NULL)
		status = find_scale(search, job->query, job->n_queries);
	if (search->scale == 0)
		search->scale = 1;
	if (status == UIML_OK && search->mean != NULL)
		status = find_mean(search);
	return status == UIML_OK ? find_offsets(search) : status;
}

/* How many queries and candidates go into a block: as many as matrix products like, less for long vectors. */
static void
choose_blocks(size_t d, size_t k, size_t *queries, size_t *candidates)
{
	size_t wanted = PANEL_FLOATS / (d > 0 ? d : 1);

	*candidates = wanted < 64 ? 64 : smaller(wanted, MAX_CANDIDATES);
	wanted = BEST_NEIGHBOURS / (k > 0 ? k : 1);
	*queries = wanted < QUERIES_PER_TASK ? QUERIES_PER_TASK : smaller(wanted, MAX_QUERIES);
}

static UimlStatus
allocate(UimlNeighbours *search)
{
	const UimlEnv *env = search->env;
	const UimlNeighboursJob *job = &search->job;
	size_t queries = search->block_queries;
	size_t candidates = search->block_candidates;

	if (job->distance == UIML_DISTANCE_L2)
		search->mean = uiml_alloc(env, job->d, sizeof(float));
	search->offset = uiml_alloc(env, job->n, sizeof(float));
	search->query_panel = uiml_alloc(env, queries * job->d, sizeof(float));
	search->candidate_panel = uiml_alloc(env, candidates * job->d, sizeof(float));
	search->score = uiml_alloc(env, queries * candidates, sizeof(float));
	search->square = uiml_alloc(env, queries, sizeof(double));
	search->found = uiml_alloc(env, queries, sizeof(size_t));
	search->best = uiml_alloc(env, queries * job->k, sizeof(UimlNeighbour));
	if ((job->distance == UIML_DISTANCE_L2 && search->mean == NULL) || search->offset == NULL ||
		search->query_panel == NULL || search->candidate_panel == NULL || search->score == NULL ||
		search->square == NULL || search->found == NULL || search->best == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

UimlStatus
uiml_neighbours_begin(const UimlEnv *env, const UimlNeighboursJob *job, UimlNeighbours **out)
{
	UimlNeighbours *search;
	UimlStatus status;

	*out = NULL;
	if (job->d == 0 || job->k == 0)
		return UIML_EINVALID;
	if (job->n > UINT32_MAX)
		return UIML_ELIMIT;
	search = uiml_alloc0(env, 1, sizeof(UimlNeighbours));
	if (search == NULL)
		return UIML_ENOMEM;
	search->env = env;
	search->kernels = uiml_kernels();
	search->job = *job;
	search->job.k = smaller(job->k, job->n > 0 ? job->n : 1);
	if (job->query == NULL)
		search->job.n_queries = job->n;
	choose_blocks(job->d, search->job.k, &search->block_queries, &search->block_candidates);
	search->block_queries = smaller(search->block_queries, search->job.n_queries);
	search->block_candidates = smaller(search->block_candidates, job->n);
	status = allocate(search);
	if (status == UIML_OK)
		status = prepare(search);
	if (status != UIML_OK)
		uiml_neighbours_end(search);
	else
		*out = search;
	return status;
}

void
uiml_neighbours_end(UimlNeighbours *search)
{
	const UimlEnv *env;

	if (search == NULL)
		return;
	env = search->env;
	uiml_free(env, search->mean);
	uiml_free(env, search->offset);
	uiml_free(env, search->query_panel);
	uiml_free(env, search->candidate_panel);
	uiml_free(env, search->score);
	uiml_free(env, search->square);
	uiml_free(env, search->found);
	uiml_free(env, search->best);
	uiml_free(env, search);
}

size_t
uiml_neighbours_memory(size_t n, size_t n_queries, size_t d, size_t k)
{
	size_t queries, candidates;

	k = smaller(k, n > 0 ? n : 1);
	choose_blocks(d, k, &queries, &candidates);
	queries = smaller(queries, n_queries);
	candidates = smaller(candidates, n);
	return sizeof(UimlNeighbours) + d * (sizeof(float) + sizeof(double)) + n * sizeof(float) +
		   (queries + candidates) * d * sizeof(float) + queries * candidates * sizeof(float) +
		   queries * (sizeof(double) + sizeof(size_t) + k * sizeof(UimlNeighbour));
}
