/*
 * test_kmeans.c
 *	  K-means on planted clusters and at the edges, and the choice of k.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/kmeans.h"
#include "core/rng.h"
#include "testenv.h"

typedef struct Result
{
	float *centroid;
	uint32_t *cluster;
	UimlKmeansResult result;
	UimlStatus status;
} Result;

static UimlKmeansParams
spherical(size_t k)
{
	UimlKmeansParams params = uiml_kmeans_defaults(k);

	params.spherical = true;
	return params;
}

static Result
run(const UimlEnv *env, const float *points, const float *weight, size_t n, size_t d,
	const UimlKmeansParams *params)
{
	Result r = {0};

	r.centroid = malloc((params->k * d + 1) * sizeof(float));
	r.cluster = malloc((n + 1) * sizeof(uint32_t));
	r.status = uiml_kmeans(env, points, weight, n, d, params, r.centroid, r.cluster, &r.result, NULL);
	return r;
}

static void
result_free(Result *r)
{
	free(r->centroid);
	free(r->cluster);
}

/*
 * n points around k random directions, point i around direction i mod k or, skewed, more often around the
 * first.
 */
static float *
planted(size_t n, size_t d, size_t k, double noise, bool skewed, uint64_t seed, size_t *label)
{
	float *points = malloc(n * d * sizeof(float));
	double *centre = malloc(k * d * sizeof(double));
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < k * d; i++)
		centre[i] = uiml_rng_normal(&rng);
	for (size_t i = 0; i < n; i++)
	{
		size_t c = skewed ? (size_t) (pow(uiml_rng_uniform(&rng), 2) * (double) k) : i % k;
		double length = exp(uiml_rng_normal(&rng));

		if (label != NULL)
			label[i] = c;
		for (size_t j = 0; j < d; j++)
			points[i * d + j] = (float) (length * (centre[c * d + j] + noise * uiml_rng_normal(&rng)));
	}
	free(centre);
	return points;
}

/* Points with the same label are together and others apart. */
static bool
same_partition(size_t n, const size_t *label, const uint32_t *cluster)
{
	for (size_t i = 0; i < n; i++)
		for (size_t p = i % 7; p < i; p += 7)
			if ((label[i] == label[p]) != (cluster[i] == cluster[p]))
				return false;
	return true;
}

/* A centroid comes before the one behind it by the first element that differs. */
static bool
precedes(const float *centroid, size_t d)
{
	size_t j = 0;

	while (j < d && centroid[j] == centroid[d + j])
		j++;
	return j < d && centroid[j] < centroid[d + j];
}

/* What the header promises of any result. */
static void
check_result(const float *points, const float *weight, size_t n, size_t d, const UimlKmeansParams *params,
			 const Result *r)
{
	double *mass = calloc(params->k, sizeof(double));
	double inertia = 0;

	assert_int_equal(r->status, UIML_OK);
	assert_true(r->result.k >= 1 && r->result.k <= params->k);
	for (size_t c = 0; c < params->k; c++)
	{
		double squares = 0;

		for (size_t j = 0; j < d; j++)
			squares += pow(r->centroid[c * d + j], 2);
		assert_true(fabs(squares - (c < r->result.k)) < 1e-5);
	}
	for (size_t i = n; i-- > 0;)
	{
		double norm = 0, best = -2, own = 0;

		for (size_t j = 0; j < d; j++)
			norm += pow(points[i * d + j], 2);
		norm = sqrt(norm);
		if (norm == 0)
		{
			assert_true(r->cluster[i] == UINT32_MAX);
			continue;
		}
		assert_true(r->cluster[i] < r->result.k);
		for (size_t c = 0; c < r->result.k; c++)
		{
			double dot = 0;

			for (size_t j = 0; j < d; j++)
				dot += r->centroid[c * d + j] * (points[i * d + j] / norm);
			best = fmax(best, dot);
			own = c == r->cluster[i] ? dot : own;
		}
		assert_true(own > best - 1e-5);
		inertia += (weight != NULL ? weight[i] : 1) * (1 - own);
		mass[r->cluster[i]] += weight != NULL ? weight[i] : 1;
	}
	assert_true(fabs(inertia - r->result.inertia) < 1e-4 * (1 + inertia));
	for (size_t c = 0; c < r->result.k; c++)
	{
		assert_true(mass[c] > 0);
		assert_true(c == 0 || mass[c] < mass[c - 1] * (1 + 1e-9));
		assert_true(c == 0 || mass[c] != mass[c - 1] || precedes(r->centroid + (c - 1) * d, d));
	}
	assert_true(r->result.silhouette >= -1 && r->result.silhouette <= 1);
	free(mass);
}

static void
test_planted(void **state)
{
	UimlEnv env = test_env_counting();
	size_t n = 2000, d = 16;
	size_t *label = malloc(n * sizeof(size_t));
	float *points = planted(n, d, 9, .15, true, 1, label);
	UimlKmeansParams params = spherical(9);
	Result r, other;

	(void) state;
	r = run(&env, points, NULL, n, d, &params);
	check_result(points, NULL, n, d, &params, &r);
	assert_int_equal(r.result.k, 9);
	assert_true(same_partition(n, label, r.cluster));
	assert_true(r.result.silhouette > .8);
	assert_int_equal(test_env_live(), 0);

	/* well separated: another seeding finds and numbers the same */
	params.seed = 99;
	other = run(&env, points, NULL, n, d, &params);
	assert_memory_equal(r.cluster, other.cluster, n * sizeof(uint32_t));
	result_free(&r), result_free(&other);
	free(points), free(label);
}

static void
test_deterministic(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t n = 700, d = 8;
	float *points = planted(n, d, 30, 1, false, 2, NULL);
	UimlKmeansParams params = spherical(20);
	Result a = run(&env, points, NULL, n, d, &params), b = run(&env, points, NULL, n, d, &params);

	(void) state;
	check_result(points, NULL, n, d, &params, &a);
	assert_memory_equal(a.cluster, b.cluster, n * sizeof(uint32_t));
	assert_memory_equal(a.centroid, b.centroid, 20 * d * sizeof(float));
	assert_true(a.result.inertia == b.result.inertia);
	result_free(&a), result_free(&b);
	free(points);
}

/* More restarts are never worse, and k-means beats its own seeding. */
static void
test_restarts(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t n = 900, d = 6;
	float *points = planted(n, d, 25, .4, true, 3, NULL);
	UimlKmeansParams params = spherical(25);
	double last = INFINITY;

	(void) state;
	for (size_t restarts = 1; restarts <= 9; restarts += 4)
	{
		Result r;

		params.restarts = restarts;
		r = run(&env, points, NULL, n, d, &params);
		check_result(points, NULL, n, d, &params, &r);
		assert_true(r.result.inertia <= last);
		last = r.result.inertia;
		result_free(&r);
	}
	for (size_t iterations = 0; iterations < 2; iterations++)
	{
		Result r;

		params.restarts = 9;
		params.max_iterations = iterations;
		r = run(&env, points, NULL, n, d, &params);
		check_result(points, NULL, n, d, &params, &r);
		assert_int_equal(r.result.iterations, iterations);
		assert_true(r.result.inertia > last);
		result_free(&r);
	}
	free(points);
}

/* A weight of 3 is three copies; a weight of 0 is no influence, but a cluster. */
static void
test_weights(void **state)
{
	UimlEnv env = uiml_env_malloc();
	float points[] = {1, 0, .9F, .1F, 0, 1, .1F, .9F, -1, -1, 1, .2F};
	float weight[] = {1, 1, 3, 1, 0, 0};
	UimlKmeansParams params = spherical(2);
	Result r = run(&env, points, weight, 6, 2, &params);
	double x = 3 * 0 + .1 / hypot(.1, .9), y = 3 * 1 + .9 / hypot(.1, .9);

	(void) state;
	check_result(points, weight, 6, 2, &params, &r);
	assert_int_equal(r.cluster[0], 1);
	assert_int_equal(r.cluster[1], 1);
	assert_int_equal(r.cluster[2], 0);
	assert_int_equal(r.cluster[3], 0);
	assert_int_equal(r.cluster[5], 1);
	assert_true(fabs(r.centroid[0] - x / hypot(x, y)) < 1e-6);
	result_free(&r);
	memset(weight, 0, sizeof(weight));
	r = run(&env, points, weight, 6, 2, &params);
	assert_int_equal(r.status, UIML_EEMPTY);
	result_free(&r);
}

/* k > distinct directions, zero rows, one point, one dimension, opposite points. */
static void
test_degenerate(void **state)
{
	UimlEnv env = uiml_env_malloc();
	float repeated[60 * 3];
	float line[] = {5, -2, 0, 1e-3F, -7};
	float opposite[] = {1, 0, -1, 0, 2, 0, -3, 0};
	float zero[] = {0, 0, -0.F, 0};
	UimlKmeansParams params = spherical(10);
	Result r;

	(void) state;
	for (size_t i = 0; i < 60; i++)
	{
		repeated[i * 3] = (float) (i + 1) * (float) (i % 4 == 0);
		repeated[i * 3 + 1] = (float) (i + 1) * (float) (i % 4 == 1 ? 1. / 3 : 0);
		repeated[i * 3 + 2] = (float) (i + 1) * (float) (i % 4 == 1 ? .7 : i % 4 == 2);
	}
	r = run(&env, repeated, NULL, 60, 3, &params);
	check_result(repeated, NULL, 60, 3, &params, &r);
	assert_int_equal(r.result.k, 3);
	assert_true(r.result.inertia < 1e-10 && r.result.silhouette > 1 - 1e-6);
	assert_int_equal(r.cluster[0], 2);
	assert_int_equal(r.cluster[1], 1);
	assert_true(r.cluster[3] == UINT32_MAX);
	result_free(&r);

	r = run(&env, line, NULL, 5, 1, &params);
	check_result(line, NULL, 5, 1, &params, &r);
	assert_int_equal(r.result.k, 2);
	assert_true(r.centroid[0] == -1 && r.centroid[1] == 1);
	result_free(&r);

	r = run(&env, line, NULL, 1, 1, &params);
	check_result(line, NULL, 1, 1, &params, &r);
	assert_true(r.result.k == 1 && r.result.silhouette == 0);
	result_free(&r);

	params.k = 1;
	r = run(&env, opposite, NULL, 4, 2, &params);
	check_result(opposite, NULL, 4, 2, &params, &r);
	assert_true(fabs(r.result.inertia - 4) < 1e-5);
	result_free(&r);

	r = run(&env, zero, NULL, 2, 2, &params);
	assert_int_equal(r.status, UIML_EEMPTY);
	result_free(&r);
	r = run(&env, zero, NULL, 0, 2, &params);
	assert_int_equal(r.status, UIML_EEMPTY);
	result_free(&r);
}

/* Denormals and the largest floats have directions; an offset of 1e8 leaves nearly none. */
static void
test_scales(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t n = 300, d = 4;
	double scale[] = {1e-42, 1e-30, 1e30};
	size_t *label = malloc(n * sizeof(size_t));
	float *points = planted(n, d, 3, .02, false, 4, label), *scaled = malloc(n * d * sizeof(float));
	UimlKmeansParams params = spherical(3);
	Result r;

	(void) state;
	for (size_t s = 0; s < 3; s++)
	{
		for (size_t i = 0; i < n * d; i++)
			scaled[i] = (float) (points[i] * scale[s]);
		r = run(&env, scaled, NULL, n, d, &params);
		assert_int_equal(r.status, UIML_OK);
		if (s > 0)
		{
			check_result(scaled, NULL, n, d, &params, &r);
			assert_true(same_partition(n, label, r.cluster));
		}
		result_free(&r);
	}
	for (size_t i = 0; i < n * d; i++)
		scaled[i] = points[i] + 1e8F;
	r = run(&env, scaled, NULL, n, d, &params);
	check_result(scaled, NULL, n, d, &params, &r);
	assert_true(r.result.inertia >= 0 && r.result.inertia < 1e-9);
	result_free(&r);
	free(points), free(scaled), free(label);
}

/* Points that are nearly all the same, more than the seeding looks at: the few others are found. */
static void
test_rare(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t n = 60000, d = 2;
	float *points = malloc(n * d * sizeof(float));
	UimlKmeansParams params = spherical(4);
	Result r;

	(void) state;
	for (size_t i = 0; i < n; i++)
	{
		points[i * d] = i == 20001 || i == 59999 ? -1 : 1;
		points[i * d + 1] = i == 40000 || i == 59999 ? 1 : 0;
	}
	r = run(&env, points, NULL, n, d, &params);
	assert_int_equal(r.status, UIML_OK);
	assert_int_equal(r.result.k, 4);
	assert_true(r.result.inertia < 1e-9);
	assert_int_equal(r.cluster[0], 0);
	assert_int_equal(r.cluster[20001], 1);
	assert_int_equal(r.cluster[59999], 2);
	result_free(&r);
	free(points);
}

static void
test_invalid(void **state)
{
	UimlEnv env = uiml_env_malloc();
	float points[] = {1, 2, 3, 4}, weight[] = {1, -1};
	UimlKmeansParams params = spherical(2);
	Result r;
	size_t k;

	(void) state;
	r = run(&env, points, weight, 2, 2, &params);
	assert_int_equal(r.status, UIML_EINVALID);
	result_free(&r);
	weight[1] = NAN;
	r = run(&env, points, weight, 2, 2, &params);
	assert_int_equal(r.status, UIML_ENOTFINITE);
	result_free(&r);
	points[3] = NAN;
	r = run(&env, points, NULL, 2, 2, &params);
	assert_int_equal(r.status, UIML_ENOTFINITE);
	result_free(&r);
	assert_int_equal(uiml_kmeans_choose(&env, points, NULL, 2, 2, true, 8, 0, &k, NULL), UIML_ENOTFINITE);
	points[3] = 1;
	assert_int_equal(uiml_kmeans_choose(&env, points, NULL, 2, 2, true, 0, 0, &k, NULL), UIML_EINVALID);
	assert_int_equal(uiml_kmeans_choose(&env, points, NULL, 0, 2, true, 4, 0, &k, NULL), UIML_EEMPTY);
	for (int t = 0; t < 3; t++)
	{
		params = spherical(t == 0 ? 0 : t == 1 ? 65536 : 2);
		params.restarts = t == 2 ? 0 : 1;
		r = run(&env, points, NULL, 2, 2, &params);
		assert_int_equal(r.status, UIML_EINVALID);
		result_free(&r);
	}
}

static size_t
chosen(const float *points, size_t n, size_t d, size_t max_k, double *silhouette)
{
	UimlEnv env = test_env_counting();
	size_t k = 0;

	assert_int_equal(uiml_kmeans_choose(&env, points, NULL, n, d, true, max_k, 5, &k, silhouette), UIML_OK);
	assert_int_equal(test_env_live(), 0);
	return k;
}

/* Planted numbers are found, small or large; the cap and the number of distinct points are kept. */
static void
test_choose(void **state)
{
	size_t d = 24;
	size_t truth[] = {4, 8, 16, 64};
	double silhouette;
	float *points;

	(void) state;
	for (size_t t = 0; t < 4; t++)
	{
		points = planted(3000, d, truth[t], .2, false, 10 + t, NULL);
		assert_int_equal(chosen(points, 3000, d, 128, &silhouette), truth[t]);
		assert_true(silhouette > .7);
		free(points);
	}
	points = planted(3000, d, 64, .2, false, 20, NULL);
	assert_true(chosen(points, 3000, d, 24, NULL) <= 24);
	assert_int_equal(chosen(points, 3000, d, 3, NULL), 3);
	assert_int_equal(chosen(points, 3000, d, 1, NULL), 1);
	assert_int_equal(chosen(points, 1, d, 128, NULL), 1);
	assert_true(chosen(points, 5, d, 128, NULL) <= 5);
	for (size_t i = 0; i < 3000 * d; i++)
		points[i] = points[i % (2 * d)];
	assert_int_equal(chosen(points, 3000, d, 128, &silhouette), 2);
	assert_true(silhouette > .999);
	for (size_t i = 0; i < 3000 * d; i++)
		points[i] = 1;
	assert_int_equal(chosen(points, 3000, d, 128, &silhouette), 1);
	assert_true(silhouette == 0);
	free(points);

	/* without any structure: a moderate number all the same */
	points = planted(3000, d, 1, 1e6, false, 21, NULL);
	assert_true(chosen(points, 3000, d, 128, NULL) <= 32);
	free(points);
}

static void
test_failures(void **state)
{
	size_t n = 600, d = 3;
	float *points = planted(n, d, 5, .5, false, 30, NULL);
	UimlKmeansParams params = spherical(6);

	(void) state;
	params.restarts = 1;
	params.max_iterations = 4;
	for (int what = 0; what < 4; what++)
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env =
				what % 2 == 0 ? test_env_failing_alloc(&countdown) : test_env_interrupting(&countdown);
			UimlStatus status;

			if (what < 2)
			{
				Result r = run(&env, points, NULL, n, d, &params);

				status = r.status;
				result_free(&r);
			}
			else
			{
				size_t chosen_k;

				status = uiml_kmeans_choose(&env, points, NULL, n, d, true, 4, 0, &chosen_k, NULL);
			}
			assert_int_equal(test_env_live(), 0);
			if (status == UIML_OK)
			{
				assert_true(k > 10);
				break;
			}
			assert_int_equal(status, what % 2 == 0 ? UIML_ENOMEM : UIML_EINTERRUPTED);
		}
	free(points);
}

/* ---------- Euclidean ---------- */

/* Squared distance. */
static double
squared(const float *a, const double *b, size_t d)
{
	double sum = 0;

	for (size_t j = 0; j < d; j++)
		sum += ((double) a[j] - b[j]) * ((double) a[j] - b[j]);
	return sum;
}

/* Lloyd's algorithm as it is in books, in double; returns the inertia of the last assignment. */
static double
plain_lloyd(const float *points, const float *weight, size_t n, size_t d, size_t k, size_t iterations,
			double *centroid, uint32_t *cluster)
{
	double *sum = calloc(k * (d + 1), sizeof(double)), inertia = 0;

	for (size_t t = 0; t <= iterations; t++)
	{
		memset(sum, 0, k * (d + 1) * sizeof(double));
		inertia = 0;
		for (size_t i = 0; i < n; i++)
		{
			double w = weight != NULL ? (double) weight[i] : 1, best = INFINITY;

			for (size_t c = 0; c < k; c++)
				if (squared(points + i * d, centroid + c * d, d) < best)
				{
					best = squared(points + i * d, centroid + c * d, d);
					cluster[i] = (uint32_t) c;
				}
			inertia += w * best;
			sum[cluster[i] * (d + 1) + d] += w;
			for (size_t j = 0; j < d; j++)
				sum[cluster[i] * (d + 1) + j] += w * (double) points[i * d + j];
		}
		for (size_t c = 0; c < k && t < iterations; c++)
			for (size_t j = 0; j < d; j++)
				centroid[c * d + j] = (double) (float) (sum[c * (d + 1) + j] / sum[c * (d + 1) + d]);
	}
	free(sum);
	return inertia;
}

/* Runs the pieces of a job from the last to the first. */
static void
backwards(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	(void) ctx;
	while (n-- > 0)
		task(arg, n);
}

/*
 * From the same centroids the same clusters as the plain algorithm, whatever the bounds left out: many dimensions and
 * few, an offset, weights.
 */
static void
test_lloyd(void **state)
{
	size_t dims[] = {1, 3, 17, 40};

	(void) state;
	for (size_t t = 0; t < 16; t++)
	{
		UimlEnv env = uiml_env_malloc();
		size_t n = 3000, d = dims[t % 4], k = 11;
		float *points = planted(n, d, 14, t < 8 ? .3 : 2, true, 40 + t, NULL), *weight = NULL;
		float *initial = malloc(k * d * sizeof(float));
		double *centroid = malloc(k * d * sizeof(double)), inertia;
		uint32_t *cluster = malloc(n * sizeof(uint32_t));
		size_t *label = malloc(n * sizeof(size_t));
		UimlKmeansParams params = uiml_kmeans_defaults(k);
		Result r, other;

		for (size_t i = 0; i < n * d; i++)
			points[i] = points[i] + (t % 2 == 1 ? 1000.F : 0);
		if (t % 3 == 1)
		{
			weight = malloc(n * sizeof(float));
			for (size_t i = 0; i < n; i++)
				weight[i] = (float) (i % 5) / 2;
		}
		for (size_t i = 0; i < k * d; i++)
			centroid[i] = (double) (initial[i] = points[i / d * 97 * d + i % d]);
		params.initial = initial;
		params.max_iterations = 12;
		params.tolerance = 0;
		r = run(&env, points, weight, n, d, &params);
		inertia = plain_lloyd(points, weight, n, d, k, 12, centroid, cluster);
		assert_int_equal(r.status, UIML_OK);
		assert_int_equal(r.result.k, k);
		for (size_t i = 0; i < n; i++)
			label[i] = cluster[i];
		assert_true(same_partition(n, label, r.cluster));
		assert_true(fabs(r.result.inertia - inertia) < 1e-6 * inertia);
		for (size_t i = 0; i < n; i += 50)
			for (size_t j = 0; j < d; j++)
				assert_true(fabs((double) r.centroid[r.cluster[i] * d + j] - centroid[cluster[i] * d + j]) <
							1e-3);

		/* the order in which pieces run leaves no trace */
		env.parallel = backwards;
		other = run(&env, points, weight, n, d, &params);
		assert_memory_equal(r.cluster, other.cluster, n * sizeof(uint32_t));
		assert_memory_equal(r.centroid, other.centroid, k * d * sizeof(float));
		assert_true(r.result.inertia == other.result.inertia);
		result_free(&r), result_free(&other);
		free(points), free(weight), free(initial), free(centroid), free(cluster), free(label);
	}
}

/* Figures that can be checked by hand; a cluster without points takes the farthest. */
static void
test_known(void **state)
{
	UimlEnv env = test_env_counting();
	float points[] = {0, 0, 0, 2, 10, 0, 10, 2, 10, 4};
	float far[] = {0, 0, 10, 0, 100, 100};
	UimlKmeansParams params = uiml_kmeans_defaults(2);
	UimlKmeansCluster each[3];
	UimlKmeansResult result;
	float centroid[6];
	uint32_t cluster[5];

	(void) state;
	assert_int_equal(uiml_kmeans(&env, points, NULL, 5, 2, &params, centroid, cluster, &result, each),
					 UIML_OK);
	assert_int_equal(test_env_live(), 0);
	assert_true(result.k == 2 && result.inertia == 10);
	assert_true(centroid[0] == 10 && centroid[1] == 2 && centroid[2] == 0 && centroid[3] == 1);
	assert_true(each[0].size == 3 && each[0].mass == 3 && each[0].inertia == 8);
	assert_true(each[1].size == 2 && each[1].mass == 2 && each[1].inertia == 2);
	assert_true(fabs(each[1].silhouette - (2 - 1 / sqrt(104) - .1) / 2) < 1e-6);
	assert_true(fabs(result.silhouette - (3 * each[0].silhouette + 2 * each[1].silhouette) / 5) < 1e-12);

	params = uiml_kmeans_defaults(3);
	params.initial = far;
	assert_int_equal(uiml_kmeans(&env, points, NULL, 5, 2, &params, centroid, cluster, &result, each),
					 UIML_OK);
	assert_true(result.k == 3 && result.inertia == 4);

	/* more clusters than distinct points: as many as those */
	params = uiml_kmeans_defaults(3);
	for (size_t i = 0; i < 10; i++)
		points[i] = 1e6F + (float) (i / 2 % 2);
	assert_int_equal(uiml_kmeans(&env, points, NULL, 5, 2, &params, centroid, cluster, &result, each),
					 UIML_OK);
	assert_true(result.k == 2 && result.inertia == 0 && each[2].size == 0 && centroid[4] == 0);

	points[3] = 1e16F;
	assert_int_equal(uiml_kmeans(&env, points, NULL, 5, 2, &params, centroid, cluster, &result, each),
					 UIML_ELIMIT);
	points[3] = 1;
	far[2] = INFINITY;
	params.initial = far;
	assert_int_equal(uiml_kmeans(&env, points, NULL, 5, 2, &params, centroid, cluster, &result, each),
					 UIML_ENOTFINITE);
}

/* k-means++ finds planted clusters, and the number of them is chosen by Euclidean silhouettes too. */
static void
test_euclidean_planted(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t n = 30000, d = 5, k, *label = malloc(n * sizeof(size_t));
	float *points = malloc(n * d * sizeof(float));
	UimlKmeansParams params = uiml_kmeans_defaults(24);
	UimlRng rng;
	Result r;

	(void) state;
	uiml_rng_init(&rng, 3);
	for (size_t i = 0; i < n; i++)
	{
		label[i] = i % 24;
		for (size_t j = 0; j < d; j++)
			points[i * d + j] =
				(float) (1000 + 20 * (double) ((label[i] * (j + 7) + j) % 29) + uiml_rng_normal(&rng));
	}
	r = run(&env, points, NULL, n, d, &params);
	assert_int_equal(r.status, UIML_OK);
	assert_true(same_partition(n, label, r.cluster));
	assert_true(fabs(r.result.inertia / (double) (n * d) - 1) < .02);
	assert_int_equal(uiml_kmeans_choose(&env, points, NULL, n, d, false, 128, 0, &k, NULL), UIML_OK);
	assert_int_equal(k, 24);
	result_free(&r);
	free(points), free(label);
}

/* A few points far away leave the clusters of all others as they are. */
static void
test_far(void **state)
{
	UimlEnv env = uiml_env_malloc();
	double far[] = {1e3, 1e6, 1e9, 1e14};
	size_t n = 1000, d = 3, *label = malloc(n * sizeof(size_t));
	float *points = malloc(n * d * sizeof(float));
	UimlKmeansParams params = uiml_kmeans_defaults(7);
	UimlKmeansCluster each[7];
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 5);
	for (size_t t = 0; t < 4; t++)
	{
		UimlKmeansResult result;
		float centroid[7 * 3];
		uint32_t *cluster = malloc(n * sizeof(uint32_t));
		double inertia = 0;

		for (size_t i = 0; i < n; i++)
		{
			label[i] = i % 200 == 3 ? 6 : i % 6;
			for (size_t j = 0; j < d; j++)
				points[i * d + j] =
					label[i] == 6 ? (float) far[t]
								  : (float) ((double) (label[i] >> j & 1) * 4 +
											 (j == 0 ? (double) label[i] : 0) + .2 * uiml_rng_normal(&rng));
		}
		assert_int_equal(uiml_kmeans(&env, points, NULL, n, d, &params, centroid, cluster, &result, each),
						 UIML_OK);
		assert_int_equal(result.k, 7);
		assert_true(same_partition(n, label, cluster));
		for (size_t i = 0; i < n * d; i++)
			inertia += pow((double) points[i] - (double) centroid[cluster[i / d] * d + i % d], 2);
		assert_true(fabs(result.inertia - inertia) < 1e-5 * inertia);
		for (size_t c = 0; c < 6; c++)
			assert_true(each[c].silhouette > .8);
		free(cluster);
	}
	free(points), free(label);
}

/* What is said to be allocated at the peak is. */
static void
test_memory(void **state)
{
	size_t n = 20000, d = 12;
	float *points = planted(n, d, 9, .3, false, 5, NULL);

	(void) state;
	for (int s = 0; s < 2; s++)
	{
		TestEnvMeter meter = {0};
		UimlEnv env = test_env_metered(&meter);
		UimlKmeansParams params = uiml_kmeans_defaults(30);
		Result r;
		size_t estimate = uiml_kmeans_memory(n, d, 30);

		params.spherical = s == 1;
		r = run(&env, points, NULL, n, d, &params);
		assert_int_equal(r.status, UIML_OK);
		assert_true(meter.held == 0 && meter.peak <= estimate && meter.peak > estimate / 2);
		result_free(&r);
	}
	free(points);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_planted),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_restarts),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_degenerate),
		cmocka_unit_test(test_scales),
		cmocka_unit_test(test_rare),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_lloyd),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_euclidean_planted),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("kmeans", tests, NULL, NULL);
}
