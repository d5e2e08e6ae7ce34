/*
 * test_ward.c
 *	  Ward's clustering against known answers and brute force, and its state in any partition of the rows.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "core/vector.h"
#include "core/wardstate.h"
#include "testenv.h"

#define N 60
#define D 5

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static const float line[] = {0, 1, 10, 11};
static const float *const on_line[] = {line, line + 1, line + 2, line + 3};

static void
known_answer(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlWardMerge merge[3];
	uint32_t cluster[4];

	(void) state;
	assert_int_equal(uiml_ward_link(&env, on_line, 4, 1, merge), UIML_OK);
	assert_near(merge[0].height, 1, 1e-12);
	assert_near(merge[1].height, 1, 1e-12);
	assert_near(merge[2].height, 14.14213562373095, 1e-12);
	assert_int_equal(merge[2].a, 0);
	assert_int_equal(merge[2].b, 2);
	assert_int_equal(uiml_ward_cut(merge, 4, 0.5, cluster), 4);
	assert_int_equal(uiml_ward_cut(merge, 4, 1, cluster), 2);
	assert_true(cluster[0] == 0 && cluster[1] == 0 && cluster[2] == 1 && cluster[3] == 1);
	assert_int_equal(uiml_ward_cut(merge, 4, 15, cluster), 1);
}

static void
random_points(float *x, size_t n, size_t d, uint64_t seed, double step)
{
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < n * d; i++)
		x[i] = (float) (step > 0 ? floor(uiml_rng_normal(&rng) / step) * step : uiml_rng_normal(&rng));
}

/* The heights of always merging the pair that adds least, from means formed anew each time. */
static void
brute_force(const float *x, size_t n, size_t d, double *height)
{
	uint32_t cluster[N];
	double mean[N][D];
	double size[N];

	for (uint32_t i = 0; i < n; i++)
		cluster[i] = i;
	for (size_t step = 0; step + 1 < n; step++)
	{
		double least = INFINITY;
		uint32_t a = 0;
		uint32_t b = 0;

		memset(mean, 0, sizeof(mean));
		memset(size, 0, sizeof(size));
		for (size_t i = 0; i < n; i++)
		{
			size[cluster[i]]++;
			for (size_t j = 0; j < d; j++)
				mean[cluster[i]][j] += x[i * d + j];
		}
		for (uint32_t p = 0; p < n; p++)
			for (uint32_t q = 0; q < p; q++)
			{
				double square = 0;

				if (size[p] == 0 || size[q] == 0)
					continue;
				for (size_t j = 0; j < d; j++)
					square += pow(mean[p][j] / size[p] - mean[q][j] / size[q], 2);
				square *= 2 * size[p] * size[q] / (size[p] + size[q]);
				if (square < least)
				{
					least = square;
					a = q;
					b = p;
				}
			}
		for (size_t i = 0; i < n; i++)
			cluster[i] = cluster[i] == b ? a : cluster[i];
		height[step] = sqrt(least);
	}
}

static void
equals_brute_force(void **state)
{
	UimlEnv env = test_env_counting();
	float x[N * D];
	const float *point[N];
	UimlWardMerge merge[N];
	double height[N];

	(void) state;
	for (size_t i = 0; i < N; i++)
		point[i] = x + i * D;
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		random_points(x, N, D, seed, 0);
		assert_int_equal(uiml_ward_link(&env, point, N, D, merge), UIML_OK);
		assert_int_equal(test_env_live(), 0);
		brute_force(x, N, D, height);
		for (size_t i = 0; i + 1 < N; i++)
			assert_near(merge[i].height, height[i], 1e-5 * height[i]);
	}
}

/* With many equal distances the hierarchy is still one: merges join what is there, and heights ascend. */
static void
ties_end(void **state)
{
	UimlEnv env = uiml_env_malloc();
	float x[N * 2];
	const float *point[N];
	UimlWardMerge merge[N];
	uint32_t cluster[N];

	(void) state;
	for (size_t i = 0; i < N; i++)
		point[i] = x + i * 2;
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		bool gone[N] = {false};

		random_points(x, N, 2, seed, 1);
		assert_int_equal(uiml_ward_link(&env, point, N, 2, merge), UIML_OK);
		for (size_t i = 0; i + 1 < N; i++)
		{
			assert_true(i == 0 || merge[i].height >= merge[i - 1].height);
			assert_true(merge[i].a < merge[i].b && !gone[merge[i].a] && !gone[merge[i].b]);
			gone[merge[i].b] = true;
			assert_int_equal(uiml_ward_cut(merge, N, merge[i].height, cluster) <= N - i - 1, true);
		}
		assert_int_equal(uiml_ward_cut(merge, N, INFINITY, cluster), 1);
	}
}

static void
medoid_is_nearest_to_mean(void **state)
{
	const float x[] = {0, 2, 3, 100, 7};
	const float *const point[] = {x, x + 1, x + 2, x + 3, x + 4};
	const uint32_t cluster[] = {0, 0, 0, 1, 0};
	double mean[1];

	(void) state;
	assert_int_equal(uiml_ward_medoid(point, cluster, 5, 1, 0, mean), 2);
	assert_int_equal(uiml_ward_medoid(point, cluster, 5, 1, 1, mean), 3);
}

static void
link_edges(void **state)
{
	UimlEnv env = uiml_env_malloc();
	const float huge[] = {3e38f, -3e38f};
	const float *const two[] = {huge, huge + 1};
	static const float *many[UIML_WARD_MAX_POINTS + 1];
	UimlWardMerge merge[1];

	(void) state;
	for (size_t i = 0; i < UIML_WARD_MAX_POINTS + 1; i++)
		many[i] = line;
	assert_int_equal(uiml_ward_link(&env, NULL, 0, 1, NULL), UIML_OK);
	assert_int_equal(uiml_ward_link(&env, on_line, 1, 1, NULL), UIML_OK);
	assert_int_equal(uiml_ward_link(&env, many, UIML_WARD_MAX_POINTS + 1, 1, NULL), UIML_ELIMIT);
	assert_int_equal(uiml_ward_link(&env, two, 2, 1, merge), UIML_OK);
	assert_near(merge[0].height / 6e38, 1, 1e-6);
}

/* ---------- the state ---------- */

static UimlWardState *
state_new(size_t dim, size_t capacity, double cut)
{
	UimlWardState *state = malloc(UIML_WARD_STATE_SIZE(dim, capacity));

	assert_non_null(state);
	state->length_word = 0;
	uiml_ward_state_init(state, dim, capacity, cut);
	return state;
}

static size_t
clusters_of(const UimlWardState *state, UimlWardCluster *cluster)
{
	UimlEnv env = test_env_counting();
	size_t found;

	assert_int_equal(uiml_ward_state_clusters(&env, state, cluster, &found), UIML_OK);
	assert_int_equal(test_env_live(), 0);
	return found;
}

static void
clusters_known(void **state)
{
	UimlWardState *events = state_new(1, 4, 5);
	UimlWardCluster cluster[4];

	(void) state;
	uiml_ward_state_add(events, line, 1);
	uiml_ward_state_add(events, line + 2, 0.5);
	uiml_ward_state_add(events, line + 3, 4);
	uiml_ward_state_add(events, line + 1, 2);
	assert_int_equal(clusters_of(events, cluster), 2);
	assert_near(cluster[0].importance, 4.5, 0);
	assert_near(cluster[1].importance, 3, 0);
	assert_true(cluster[0].medoid[0] == 11 && cluster[1].medoid[0] == 1);
	assert_true(cluster[0].size == 2 && cluster[1].size == 2);
	assert_near(cluster[0].height, 1, 1e-12);
	free(events);
}

static void
assert_same_clusters(const UimlWardState *a, const UimlWardState *b)
{
	static UimlWardCluster x[UIML_WARD_MAX_POINTS];
	static UimlWardCluster y[UIML_WARD_MAX_POINTS];
	size_t found = clusters_of(a, x);

	assert_int_equal(clusters_of(b, y), found);
	for (size_t i = 0; i < found; i++)
	{
		assert_true(x[i].importance == y[i].importance && x[i].size == y[i].size &&
					x[i].height == y[i].height);
		assert_memory_equal(x[i].medoid, y[i].medoid, a->dim * sizeof(float));
	}
}

/* More events than are kept, with many equal weights: the same clusters to the last bit in any order and partition. */
static void
any_partition(void **state)
{
	enum
	{
		EVENTS = 2000,
		PARTS = 3
	};
	static float x[EVENTS * D];
	UimlWardState *all = state_new(D, UIML_WARD_MAX_POINTS, 6);
	UimlWardState *merged = state_new(D, UIML_WARD_MAX_POINTS, 6);
	UimlWardState *part[PARTS];
	double lightest = INFINITY;
	size_t heavier = 0;

	(void) state;
	random_points(x, EVENTS, D, 11, .5);
	for (size_t p = 0; p < PARTS; p++)
		part[p] = state_new(D, UIML_WARD_MAX_POINTS, 6);
	for (size_t i = 0; i < EVENTS; i++)
		uiml_ward_state_add(all, x + i * D, (double) (i * 7919 % 50));
	for (size_t i = EVENTS; i-- > 0;)
		uiml_ward_state_add(part[i * i % PARTS], x + i * D, (double) (i * 7919 % 50));
	for (size_t p = 0; p < PARTS; p++)
	{
		uiml_ward_state_merge(merged, part[p]);
		free(part[p]);
	}
	assert_same_clusters(all, merged);
	for (size_t i = 0; i < all->n; i++)
		lightest = fmin(lightest, uiml_ward_state_weight(all, i));
	for (size_t i = 0; i < EVENTS; i++)
		heavier += (double) (i * 7919 % 50) > lightest;
	assert_int_equal(all->n, UIML_WARD_MAX_POINTS);
	assert_true(heavier <= UIML_WARD_MAX_POINTS);
	free(merged);
	free(all);
}

static void
binary_round_trip(void **state)
{
	static uint8_t bytes[UIML_WARD_BINARY_SIZE(D, UIML_WARD_MAX_POINTS)];
	static float x[UIML_WARD_MAX_POINTS * D];

	(void) state;
	random_points(x, UIML_WARD_MAX_POINTS, D, 2, 0);
	for (size_t n = 0; n <= UIML_WARD_MAX_POINTS; n += UIML_WARD_MAX_POINTS / 2)
	{
		size_t length = UIML_WARD_BINARY_SIZE(D, n);
		UimlWardState *written = state_new(D, UIML_WARD_MAX_POINTS, 2.5);
		UimlWardState *read = state_new(D, n, 0);
		size_t dim, events;

		for (size_t i = 0; i < n; i++)
			uiml_ward_state_add(written, x + i * D, (double) (i % 10));
		uiml_ward_state_write(written, bytes);
		assert_int_equal(uiml_ward_state_read_head(bytes, length, D, &dim, &events), UIML_OK);
		assert_true(dim == D && events == n);
		assert_int_equal(uiml_ward_state_read(bytes, dim, events, read), UIML_OK);
		assert_true(read->cut == 2.5 && read->n == n);
		assert_same_clusters(written, read);
		free(read);
		free(written);
	}
}

static void
binary_is_checked(void **state)
{
	uint8_t bytes[UIML_WARD_BINARY_SIZE(2, 1)];
	const float x[] = {1, 2};
	UimlWardState *events = state_new(2, 1, 3);
	size_t dim, n;

	(void) state;
	uiml_ward_state_add(events, x, 1);
	uiml_ward_state_write(events, bytes);
	assert_int_equal(uiml_ward_state_read_head(bytes, sizeof(bytes) - 1, 9, &dim, &n), UIML_ECORRUPT);
	assert_int_equal(uiml_ward_state_read_head(bytes, 3, 9, &dim, &n), UIML_ECORRUPT);
	assert_int_equal(uiml_ward_state_read_head(bytes, sizeof(bytes), 1, &dim, &n), UIML_ELIMIT);
	for (size_t i = 0; i < 24; i++)
	{
		bytes[i] ^= 0x40;
		assert_int_not_equal(uiml_ward_state_read_head(bytes, sizeof(bytes), 9, &dim, &n), UIML_OK);
		bytes[i] ^= 0x40;
	}
	assert_int_equal(uiml_ward_state_read_head(bytes, sizeof(bytes), 9, &dim, &n), UIML_OK);
	bytes[31] |= 0x80; /* a negative cut */
	assert_int_equal(uiml_ward_state_read(bytes, 2, 1, events), UIML_ECORRUPT);
	bytes[31] &= 0x7f;
	bytes[39] |= 0x80; /* a negative weight */
	assert_int_equal(uiml_ward_state_read(bytes, 2, 1, events), UIML_ECORRUPT);
	bytes[39] = 0x7f; /* NaN */
	bytes[38] = 0xff;
	assert_int_equal(uiml_ward_state_read(bytes, 2, 1, events), UIML_ENOTFINITE);
	free(events);
}

static void
fails_cleanly(void **state)
{
	UimlWardState *events = state_new(1, 4, 5);
	UimlWardCluster cluster[4];
	UimlStatus status = UIML_ENOMEM;
	long failed = 0;
	size_t found;

	(void) state;
	for (size_t i = 0; i < 4; i++)
		uiml_ward_state_add(events, line + i, 1);
	for (long k = 1; status == UIML_ENOMEM; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);

		status = uiml_ward_state_clusters(&env, events, cluster, &found);
		failed += status == UIML_ENOMEM;
		assert_int_equal(test_env_live(), 0);
	}
	assert_int_equal(status, UIML_OK);
	assert_int_equal(failed, 9);

	status = UIML_EINTERRUPTED;
	for (long k = 1; status == UIML_EINTERRUPTED; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);

		status = uiml_ward_state_clusters(&env, events, cluster, &found);
		assert_int_equal(test_env_live(), 0);
	}
	assert_int_equal(status, UIML_OK);
	free(events);
}

static void
weights_overflow(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlWardState *events = state_new(1, 2, 5);
	UimlWardCluster cluster[2];
	size_t found;

	(void) state;
	uiml_ward_state_add(events, line, 1.5e308);
	uiml_ward_state_add(events, line + 1, 1.5e308);
	assert_int_equal(uiml_ward_state_clusters(&env, events, cluster, &found), UIML_ENOTFINITE);
	free(events);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answer),      cmocka_unit_test(equals_brute_force),
		cmocka_unit_test(ties_end),          cmocka_unit_test(medoid_is_nearest_to_mean),
		cmocka_unit_test(link_edges),        cmocka_unit_test(clusters_known),
		cmocka_unit_test(any_partition),     cmocka_unit_test(binary_round_trip),
		cmocka_unit_test(binary_is_checked), cmocka_unit_test(fails_cleanly),
		cmocka_unit_test(weights_overflow),
	};

	return cmocka_run_group_tests_name("ward", tests, NULL, NULL);
}
