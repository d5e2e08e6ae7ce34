/*
 * test_neighbours.c
 *	  Nearest neighbours against all distances, one by one, sorted: data that make filters err.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/neighbours.h"
#include "core/rng.h"
#include "core/vector.h"
#include "testenv.h"

typedef enum Kind
{
	NORMAL,
	ALIKE,    /* few different vectors: most distances tie */
	FAR_AWAY, /* differences are lost beside the distance from the origin */
	HUGE_ONES,
	FAINT, /* products of elements keep few bits, or none */
	TINY,
	MIXED, /* lengths from 1e-30 to 1e30, and zeros */
	N_KINDS
} Kind;

static float *
vectors(Kind kind, size_t n, size_t d, uint64_t seed)
{
	float *x = malloc((n * d + 1) * sizeof(float));
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < n; i++)
	{
		double length = kind == MIXED && i % 7 > 0 ? pow(10, uiml_rng_normal(&rng) * 8) : kind != MIXED;

		for (size_t j = 0; j < d; j++)
		{
			double value = uiml_rng_normal(&rng);

			if (kind == ALIKE)
				value = (double) (i * 31 % 3) + (double) j;
			else if (kind == FAR_AWAY)
				value = 1e4 + 1e-2 * value;
			else if (kind == HUGE_ONES)
				value *= 5e36;
			else if (kind == FAINT)
				value *= 1e-22;
			else if (kind == TINY)
				value *= 1e-41;
			x[i * d + j] = (float) (value * length);
		}
	}
	return x;
}

static double
distance_of(UimlDistance distance, const float *a, const float *b, size_t d)
{
	if (distance == UIML_DISTANCE_COSINE)
		return uiml_vector_cosine_distance(a, b, d);
	if (distance == UIML_DISTANCE_L2)
		return sqrt(uiml_vector_l2_squared(a, b, d));
	return -uiml_vector_dot(a, b, d);
}

static int
compare(const void *a, const void *b)
{
	const UimlNeighbour *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Checks one query against the sorted distances to all candidates. */
static void
check_query(const UimlNeighboursJob *job, size_t query, const UimlNeighbour *found, size_t n_found)
{
	UimlNeighbour *all = malloc((job->n + 1) * sizeof(UimlNeighbour));
	const float *q = (job->query != NULL ? job->query : job->x) + query * job->d;
	size_t n = 0;

	for (size_t i = 0; i < job->n; i++)
		if (job->query != NULL || i != query)
			all[n++] =
				(UimlNeighbour){.index = (uint32_t) i,
								.distance = distance_of(job->distance, q, job->x + i * job->d, job->d)};
	qsort(all, n, sizeof(UimlNeighbour), compare);
	assert_int_equal(n_found, n < job->k ? n : job->k);
	for (size_t i = 0; i < n_found; i++)
	{
		assert_int_equal(found[i].index, all[i].index);
		assert_true(found[i].distance == all[i].distance);
	}
	free(all);
}

/* Checks each step-th query; returns the status. */
static UimlStatus
check(const UimlEnv *env, const UimlNeighboursJob *job, size_t step)
{
	size_t n_queries = job->query != NULL ? job->n_queries : job->n;
	size_t first, count, done = 0;
	UimlNeighbours *search;
	UimlStatus status = uiml_neighbours_begin(env, job, &search);

	while (status == UIML_OK)
	{
		status = uiml_neighbours_next(search, &first, &count);
		if (status != UIML_OK || count == 0)
			break;
		assert_int_equal(first, done);
		done += count;
		for (size_t i = first; i < done; i += step)
		{
			size_t found;
			const UimlNeighbour *neighbour = uiml_neighbours_of(search, i, &found);

			check_query(job, i, neighbour, found);
		}
	}
	uiml_neighbours_end(search);
	assert_true(status != UIML_OK || done == n_queries);
	return status;
}

static void
test_exact(void **state)
{
	const size_t size[][3] = {{1, 3, 1}, {2, 1, 5}, {90, 7, 10}, {1500, 16, 10}, {300, 129, 400}};
	UimlEnv env = uiml_env_malloc();

	(void) state;
	for (size_t s = 0; s < 5; s++)
		for (int kind = 0; kind < N_KINDS; kind++)
			for (int distance = 0; distance < 3; distance++)
			{
				float *x = vectors((Kind) kind, size[s][0], size[s][1], s);
				float *q = vectors((Kind) kind, 40, size[s][1], s + 100);
				UimlNeighboursJob job = {.distance = (UimlDistance) distance,
										 .n = size[s][0],
										 .d = size[s][1],
										 .k = size[s][2],
										 .x = x};

				assert_int_equal(check(&env, &job, 13), UIML_OK);
				job.query = q;
				job.n_queries = 40;
				assert_int_equal(check(&env, &job, 1), UIML_OK);
				free(x), free(q);
			}
}

static void
test_nothing(void **state)
{
	UimlEnv env = test_env_counting();
	float x[] = {1, 2};
	UimlNeighboursJob job = {.d = 2, .k = 3, .x = x};
	UimlNeighbours *search;

	(void) state;
	assert_int_equal(check(&env, &job, 1), UIML_OK);
	job.query = x, job.n_queries = 1;
	assert_int_equal(check(&env, &job, 1), UIML_OK);
	job.n = 1, job.n_queries = 0;
	assert_int_equal(check(&env, &job, 1), UIML_OK);
	job.k = 0;
	assert_int_equal(uiml_neighbours_begin(&env, &job, &search), UIML_EINVALID);
	job.k = 1, job.d = 0;
	assert_int_equal(uiml_neighbours_begin(&env, &job, &search), UIML_EINVALID);
	job.d = 2, job.n = (size_t) UINT32_MAX + 1;
	assert_int_equal(uiml_neighbours_begin(&env, &job, &search), UIML_ELIMIT);
	assert_null(search);
	uiml_neighbours_end(NULL);
	assert_int_equal(test_env_live(), 0);
}

static void
run_backwards(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	*(size_t *) ctx += n;
	while (n-- > 0)
		task(arg, n);
}

static void
test_pieces(void **state)
{
	size_t pieces = 0;
	UimlEnv env = uiml_env_malloc();
	float *x = vectors(NORMAL, 700, 8, 1);
	UimlNeighboursJob job = {.distance = UIML_DISTANCE_L2, .n = 700, .d = 8, .k = 5, .x = x};

	(void) state;
	env.parallel = run_backwards;
	env.ctx = &pieces;
	assert_int_equal(check(&env, &job, 1), UIML_OK);
	assert_true(pieces > 2);
	free(x);
}

static void
test_memory(void **state)
{
	const size_t size[][3] = {{3000, 20, 10}, {50, 3000, 40}, {2000, 4, 1000}};

	(void) state;
	for (size_t s = 0; s < 3; s++)
	{
		TestEnvMeter meter = {0};
		UimlEnv env = test_env_metered(&meter);
		float *x = vectors(NORMAL, size[s][0], size[s][1], 2);
		UimlNeighboursJob job = {
			.distance = UIML_DISTANCE_L2, .n = size[s][0], .d = size[s][1], .k = size[s][2], .x = x};
		size_t announced = uiml_neighbours_memory(job.n, job.n, job.d, job.k);

		assert_int_equal(check(&env, &job, 500), UIML_OK);
		assert_true(meter.peak <= announced && announced < meter.peak + meter.peak / 4);
		free(x);
	}
}

static void
test_failures(void **state)
{
	float *x = vectors(NORMAL, 60, 5, 3);
	UimlNeighboursJob job = {.distance = UIML_DISTANCE_L2, .n = 60, .d = 5, .k = 3, .x = x};

	(void) state;
	for (int what = 0; what < 2; what++)
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = what == 0 ? test_env_failing_alloc(&countdown) : test_env_interrupting(&countdown);
			UimlStatus status = check(&env, &job, 1);

			assert_int_equal(test_env_live(), 0);
			if (status == UIML_OK)
			{
				assert_true(k > 3);
				break;
			}
			assert_int_equal(status, what == 0 ? UIML_ENOMEM : UIML_EINTERRUPTED);
		}
	free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),  cmocka_unit_test(test_nothing),  cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_memory), cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("neighbours", tests, NULL, NULL);
}
