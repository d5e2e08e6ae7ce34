/*
 * test_kmeans_pass.c
 *	  A pass of k-means in any partition of the rows, beside the clustering in memory; and its binary form.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kmeans_pass.h"
#include "core/rng.h"
#include "testenv.h"

#define N 1000
#define D 7
#define K 5

typedef struct Data
{
	float x[N * D];
	float weight[N];
	float centroid[K * D];
	UimlCentroids centroids;
	void *layout;
	float rows[UIML_NEAREST_POINTS * D];
} Data;

static Data *
data_new(bool spherical)
{
	Data *data = calloc(1, sizeof(Data));
	UimlRng rng;

	uiml_rng_init(&rng, 7);
	for (size_t i = 0; i < N * D; i++)
		data->x[i] = (float) (uiml_rng_normal(&rng) + 3 * (double) (i / D % K == i % D));
	for (size_t i = 0; i < N; i++)
		data->weight[i] = (float) (i % 4) / 2;
	memset(data->x + 17 * (size_t) D, 0, D * sizeof(float));
	for (size_t i = 0; i < K * D; i++)
		data->centroid[i] = data->x[i];
	for (size_t c = 0; c < K && spherical; c++)
		uiml_kernels()->scale(data->x + c * D, uiml_direction_scale(data->x + c * D, D), D,
							  data->centroid + c * D);
	data->layout = malloc(uiml_centroids_memory(K, D));
	uiml_centroids_init(&data->centroids, K, D, spherical, data->layout);
	uiml_centroids_set(&data->centroids, data->centroid, K);
	return data;
}

static void
data_free(Data *data)
{
	free(data->layout);
	free(data);
}

/* A pass over rows first .. end - 1, flushed. */
static UimlKmeansPass *
pass_over(Data *data, size_t first, size_t end)
{
	UimlKmeansPass *pass = malloc(uiml_kmeans_pass_size(K, D));

	pass->length_word = 42;
	uiml_kmeans_pass_init(pass, K, D, data->centroids.spherical);
	memcpy(uiml_kmeans_pass_centroid(pass), data->centroid, sizeof(data->centroid));
	for (size_t i = first; i < end; i++)
		if (uiml_kmeans_pass_add(pass, data->x + i * D, (double) data->weight[i]))
			uiml_kmeans_pass_flush(pass, &data->centroids, data->rows);
	uiml_kmeans_pass_flush(pass, &data->centroids, data->rows);
	assert_int_equal(pass->waiting, 0);
	assert_int_equal(pass->length_word, 42);
	return pass;
}

/* The clusters are those of uiml_kmeans without an iteration, and the sums those of their points. */
static void
check_against_memory(Data *data, UimlKmeansPass *pass)
{
	UimlEnv env = uiml_env_malloc();
	UimlKmeansParams params = uiml_kmeans_defaults(K);
	UimlKmeansCluster each[K], passed[K];
	UimlKmeansResult result;
	float centroid[K * D];
	uint32_t cluster[N], number[K];
	double sum[K * D] = {0};

	params.spherical = data->centroids.spherical;
	params.initial = data->centroid;
	params.max_iterations = 0;
	assert_int_equal(
		uiml_kmeans(&env, data->x, data->weight, N, D, &params, centroid, cluster, &result, each), UIML_OK);
	uiml_kmeans_pass_describe(pass, passed);
	assert_int_equal(uiml_kmeans_number(&env, data->centroid, passed, K, D, number), UIML_OK);
	for (size_t i = 0; i < N; i++)
	{
		double scale = params.spherical ? uiml_direction_scale(data->x + i * D, D) : 1;

		if (cluster[i] == UINT32_MAX)
			continue;
		for (size_t j = 0; j < D; j++)
			sum[cluster[i] * D + j] += (double) data->weight[i] * scale * (double) data->x[i * D + j];
	}
	for (size_t c = 0; c < K; c++)
	{
		const UimlKmeansCluster *own = &each[number[c]];

		assert_true(passed[c].size == own->size && fabs(passed[c].mass - own->mass) < 1e-9);
		assert_true(fabs(passed[c].inertia - own->inertia) <= 1e-12 * own->inertia);
		assert_true(fabs(passed[c].silhouette - own->silhouette) < 1e-12);
		for (size_t j = 0; j < D; j++)
			assert_true(fabs(uiml_kmeans_pass_sum(pass)[c * D + j] - sum[number[c] * D + j]) < 1e-9);
	}
}

static void
test_merge(void **state)
{
	(void) state;
	for (int spherical = 0; spherical < 2; spherical++)
	{
		Data *data = data_new(spherical == 1);
		UimlKmeansPass *whole = pass_over(data, 0, N);
		size_t cuts[] = {0, 1, 23, 24, 25, 500, N};

		check_against_memory(data, whole);
		for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		{
			UimlKmeansPass *left = pass_over(data, 0, cuts[i]), *right = pass_over(data, cuts[i], N);

			assert_true(uiml_kmeans_pass_matches(left, right));
			uiml_kmeans_pass_merge(left, right);
			check_against_memory(data, left);
			uiml_kmeans_pass_centroid(right)[3] += 1;
			assert_false(uiml_kmeans_pass_matches(left, right));
			free(left), free(right);
		}
		free(whole);
		data_free(data);
	}
}

static void
test_binary(void **state)
{
	Data *data = data_new(true);
	UimlKmeansPass *pass = pass_over(data, 0, 100), *read = malloc(uiml_kmeans_pass_size(K, D));
	size_t size = uiml_kmeans_pass_binary_size(K, D), k, d;
	uint8_t *bytes = malloc(size), *again = malloc(size);

	(void) state;
	uiml_kmeans_pass_write(pass, bytes);
	assert_int_equal(uiml_kmeans_pass_read_head(bytes, size, 100, &k, &d), UIML_OK);
	assert_true(k == K && d == D);
	assert_int_equal(uiml_kmeans_pass_read(bytes, k, d, read), UIML_OK);
	assert_true(uiml_kmeans_pass_matches(pass, read));
	uiml_kmeans_pass_write(read, again);
	assert_memory_equal(bytes, again, size);

	assert_int_equal(uiml_kmeans_pass_read_head(bytes, size, D - 1, &k, &d), UIML_ELIMIT);
	for (size_t length = 0; length < size; length += 13)
		assert_int_equal(uiml_kmeans_pass_read_head(bytes, length, 100, &k, &d), UIML_ECORRUPT);
	for (size_t at = 0; at < UIML_KMEANS_PASS_HEADER; at++)
		if (at != 6) /* spherical or not */
		{
			bytes[at] ^= 0x15;
			assert_int_not_equal(uiml_kmeans_pass_read_head(bytes, size, 100, &k, &d), UIML_OK);
			bytes[at] ^= 0x15;
		}
	/* a size below zero, and a centroid that is not finite */
	bytes[UIML_KMEANS_PASS_HEADER + 7] |= 0x80;
	assert_int_equal(uiml_kmeans_pass_read(bytes, K, D, read), UIML_ECORRUPT);
	bytes[UIML_KMEANS_PASS_HEADER + 7] &= 0x7f;
	memset(bytes + size - 4, 0xff, 4);
	assert_int_equal(uiml_kmeans_pass_read(bytes, K, D, read), UIML_ENOTFINITE);
	assert_true(uiml_kmeans_pass_size(SIZE_MAX / 64, 64) == SIZE_MAX);
	assert_true(uiml_kmeans_pass_binary_size(SIZE_MAX / 64, 64) == SIZE_MAX);
	free(pass), free(read), free(bytes), free(again);
	data_free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_binary),
	};

	return cmocka_run_group_tests_name("kmeans_pass", tests, NULL, NULL);
}
