/*
 * test_vector.c
 *	  Vectors: loops against double precision, readers of text and bytes, mergeable sums with decay.
 */
#include <float.h>
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
#include "core/vectorstate.h"
#include "testenv.h"

#define MAX_DIM 2100

static void
assert_close(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance))
		fail_msg("%.17g and %.17g differ by more than %g", a, b, tolerance);
}

static void
fill(UimlRng *rng, float *x, size_t dim)
{
	for (size_t i = 0; i < dim; i++)
		x[i] = (float) uiml_rng_normal(rng);
}

/* ---------- loops ---------- */

static void
test_loops_match_double(void **state)
{
	static float a[MAX_DIM], b[MAX_DIM];
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 1);
	for (size_t dim = 1; dim <= MAX_DIM; dim += dim < 150 ? 1 : 487)
	{
		double dot = 0, l2 = 0, l1 = 0, aa = 0, bb = 0;

		fill(&rng, a, dim);
		fill(&rng, b, dim);
		for (size_t i = 0; i < dim; i++)
		{
			double d = (double) a[i] - (double) b[i];

			dot += (double) a[i] * b[i];
			l2 += d * d;
			l1 += fabs(d);
			aa += (double) a[i] * a[i];
			bb += (double) b[i] * b[i];
		}
		assert_close(uiml_vector_dot(a, b, dim), dot, 1e-6 * sqrt(aa * bb));
		assert_close(uiml_vector_l2_squared(a, b, dim), l2, 1e-6 * l2);
		assert_close(uiml_vector_l1(a, b, dim), l1, 1e-6 * l1);
		assert_close(uiml_vector_norm(a, dim), sqrt(aa), 1e-14 * sqrt(aa));
		assert_close(uiml_vector_cosine_distance(a, b, dim), 1 - dot / sqrt(aa * bb), 2e-6);
		assert_true(uiml_vector_cosine_distance(a, a, dim) == 0);
		assert_true(uiml_vector_l2_squared(a, a, dim) == 0);
	}
}

static void
test_extremes_stay_finite(void **state)
{
	float large[40], small[40], zero[40] = {0};

	(void) state;
	for (int i = 0; i < 40; i++)
	{
		large[i] = i % 2 == 0 ? FLT_MAX : -FLT_MAX;
		small[i] = FLT_TRUE_MIN;
	}
	assert_close(uiml_vector_dot(large, large, 40) / (40.0 * FLT_MAX * FLT_MAX), 1, 1e-12);
	assert_close(sqrt(uiml_vector_l2_squared(large, zero, 40)) / (sqrt(40) * FLT_MAX), 1, 1e-12);
	assert_close(uiml_vector_l1(large, zero, 40) / (40.0 * FLT_MAX), 1, 1e-6);
	assert_close(uiml_vector_norm(large, 40) / (sqrt(40) * FLT_MAX), 1, 1e-12);
	assert_close(uiml_vector_norm(small, 40) / (sqrt(40) * FLT_TRUE_MIN), 1, 1e-12);
	assert_close(uiml_vector_l2_squared(small, zero, 40) / (40.0 * FLT_TRUE_MIN * FLT_TRUE_MIN), 1, 1e-12);
	assert_true(uiml_vector_cosine_distance(small, small, 40) == 0);
	assert_true(uiml_vector_cosine_distance(large, large, 40) == 0);
	assert_true(uiml_vector_cosine_distance(zero, large, 40) == 1);
	assert_true(uiml_vector_cosine_distance(zero, zero, 40) == 1);
}

static void
test_elementwise(void **state)
{
	float a[3] = {1, -2, 3}, b[3] = {4, 0.5f, FLT_MAX}, r[3];

	(void) state;
	uiml_vector_add(a, b, 3, r);
	assert_true(r[0] == 5 && r[1] == -1.5f && uiml_vector_is_finite(r, 3));
	uiml_vector_subtract(a, b, 3, r);
	assert_true(r[0] == -3 && r[1] == -2.5f);
	uiml_vector_multiply(a, b, 3, r);
	assert_true(r[0] == 4 && r[1] == -1 && isinf(r[2]) && !uiml_vector_is_finite(r, 3));
	uiml_vector_scale(a, 1e38, 3, r);
	assert_true(r[0] == 1e38f && uiml_vector_is_finite(r, 3));
	r[1] = NAN;
	assert_false(uiml_vector_is_finite(r, 3));
	assert_true(uiml_vector_is_finite(r, 1));
}

static void
test_compare(void **state)
{
	float a[2] = {0, 1}, b[3] = {-0.0f, 1, -5}, c[1] = {0.5f};

	(void) state;
	assert_int_equal(uiml_vector_compare(a, 2, b, 2), 0);
	assert_int_equal(uiml_vector_compare(a, 2, b, 3), -1);
	assert_int_equal(uiml_vector_compare(b, 3, a, 2), 1);
	assert_int_equal(uiml_vector_compare(c, 1, a, 2), 1);
	assert_int_equal(uiml_vector_compare(a, 2, c, 1), -1);
}

/* ---------- text and binary ---------- */

/* Parses from a buffer of exactly that many bytes, so that a sanitizer sees a read beyond. */
static UimlStatus
parse_text(const char *text, size_t capacity, float *x, UimlVectorParse *parse)
{
	size_t length = strlen(text);
	char *exact = malloc(length > 0 ? length : 1);
	UimlStatus status;

	assert_non_null(exact);
	memcpy(exact, text, length);
	status = uiml_vector_parse(exact, length, capacity, x, parse);
	free(exact);
	return status;
}

static void
test_parse(void **state)
{
	float x[8];
	UimlVectorParse parse;

	(void) state;
	assert_int_equal(parse_text(" [ 1 ,-2.5e-1,\t+.5, 3. ]\n", 8, x, &parse), UIML_OK);
	assert_int_equal(parse.dim, 4);
	assert_true(x[0] == 1 && x[1] == -0.25f && x[2] == 0.5f && x[3] == 3);
	assert_int_equal(parse_text("[1,2,3]", 2, x, &parse), UIML_ELIMIT);
	assert_int_equal(parse_text("[1e-60]", 8, x, &parse), UIML_OK);
	assert_true(x[0] == 0);
	/* rounded once: through double this would come out one unit lower */
	assert_int_equal(parse_text("[1.00000017881393432617187499]", 8, x, &parse), UIML_OK);
	assert_true(x[0] == 1.00000011920928955078125f);
	assert_int_equal(uiml_vector_capacity("[1,2,3]", 7), 3);
	assert_int_equal(uiml_vector_capacity("", 0), 1);
}

static void
test_parse_refuses(void **state)
{
	static const struct
	{
		const char *text;
		UimlStatus status;
		UimlVectorFault fault;
		size_t offset;
	} cases[] = {
		{"", UIML_ECORRUPT, UIML_VECTOR_FAULT_START, 0},
		{" 1,2", UIML_ECORRUPT, UIML_VECTOR_FAULT_START, 1},
		{"[", UIML_ECORRUPT, UIML_VECTOR_FAULT_END, 1},
		{"[]", UIML_EEMPTY, UIML_VECTOR_FAULT_NONE, 0},
		{"[] 1", UIML_ECORRUPT, UIML_VECTOR_FAULT_JUNK, 3},
		{"[1", UIML_ECORRUPT, UIML_VECTOR_FAULT_END, 2},
		{"[1 ", UIML_ECORRUPT, UIML_VECTOR_FAULT_END, 3},
		{"[1,", UIML_ECORRUPT, UIML_VECTOR_FAULT_END, 3},
		{"[1 2]", UIML_ECORRUPT, UIML_VECTOR_FAULT_ELEMENT, 3},
		{"[1,,2]", UIML_ECORRUPT, UIML_VECTOR_FAULT_ELEMENT, 3},
		{"[1e]", UIML_ECORRUPT, UIML_VECTOR_FAULT_ELEMENT, 1},
		{"[0x1]", UIML_ECORRUPT, UIML_VECTOR_FAULT_ELEMENT, 1},
		{"[1]]", UIML_ECORRUPT, UIML_VECTOR_FAULT_JUNK, 3},
		{"[1,+nAn]", UIML_ENOTFINITE, UIML_VECTOR_FAULT_NAN, 3},
		{"[-Infinity]", UIML_ENOTFINITE, UIML_VECTOR_FAULT_INFINITE, 1},
		{"[inf]", UIML_ENOTFINITE, UIML_VECTOR_FAULT_INFINITE, 1},
		{"[1e39]", UIML_ENOTFINITE, UIML_VECTOR_FAULT_RANGE, 1},
		{"[infinit]", UIML_ECORRUPT, UIML_VECTOR_FAULT_ELEMENT, 1},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		float x[4];
		UimlVectorParse parse;

		if (parse_text(cases[i].text, 4, x, &parse) != cases[i].status || parse.fault != cases[i].fault ||
			parse.offset != cases[i].offset)
			fail_msg("\"%s\": fault %d at %zu", cases[i].text, (int) parse.fault, parse.offset);
	}
}

static void
test_binary(void **state)
{
	float x[3] = {1, -0.0f, FLT_TRUE_MIN}, y[3];
	uint8_t bytes[UIML_VECTOR_BINARY_SIZE(3)];
	int dim;

	(void) state;
	uiml_vector_write(x, 3, bytes);
	assert_int_equal(uiml_vector_read_dim(bytes, sizeof(bytes), &dim), UIML_OK);
	assert_int_equal(dim, 3);
	assert_int_equal(uiml_vector_read(bytes, 3, y), UIML_OK);
	assert_memory_equal(x, y, sizeof(x));
	for (size_t length = 0; length < sizeof(bytes); length++)
		assert_int_equal(uiml_vector_read_dim(bytes, length, &dim), UIML_ECORRUPT);
	bytes[3] = 1;
	assert_int_equal(uiml_vector_read_dim(bytes, sizeof(bytes), &dim), UIML_ECORRUPT);
	memcpy(bytes, "\xff\xfe\0\0\x7f\x80\0\0", 8);
	assert_int_equal(uiml_vector_read_dim(bytes, sizeof(bytes), &dim), UIML_OK);
	assert_int_equal(dim, -2);
	assert_int_equal(uiml_vector_read(bytes, 1, y), UIML_ENOTFINITE);
}

/* ---------- mergeable sums ---------- */

#define DIM  5
#define ROWS 1000

typedef struct Rows
{
	float x[ROWS][DIM];
	double weight[ROWS];
	int64_t at[ROWS];
} Rows;

static UimlVectorState *
new_state(int64_t half_life)
{
	UimlVectorState *state = malloc(UIML_VECTOR_STATE_SIZE(DIM));

	assert_non_null(state);
	state->length_word = 0;
	uiml_vector_state_init(state, DIM, half_life);
	return state;
}

static void
make_rows(Rows *rows, uint64_t seed, int64_t span)
{
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (int i = 0; i < ROWS; i++)
	{
		fill(&rng, rows->x[i], DIM);
		rows->weight[i] = fabs(uiml_rng_normal(&rng)) * (i % 7 == 0 ? 0 : i % 5 == 0 ? 1e-200 : 1);
		rows->at[i] = (int64_t) (uiml_rng_normal(&rng) * (double) span);
	}
}

/* The mean in double, weights relative to the newest row. */
static void
reference_mean(const Rows *rows, int64_t half_life, double *mean)
{
	int64_t newest = INT64_MIN;
	long double total = 0, sum[DIM] = {0};

	for (int i = 0; i < ROWS; i++)
		newest = rows->at[i] > newest ? rows->at[i] : newest;
	for (int i = 0; i < ROWS; i++)
	{
		long double decay = exp2l((long double) (rows->at[i] - newest) / (long double) half_life);

		total += rows->weight[i] * decay;
		for (int j = 0; j < DIM; j++)
			sum[j] += rows->weight[i] * decay * rows->x[i][j];
	}
	for (int j = 0; j < DIM; j++)
		mean[j] = (double) (sum[j] / total);
}

static double
state_mean(const UimlVectorState *state, int j)
{
	return state->sum[j] / state->weight;
}

static void
test_decay_and_merge(void **unused)
{
	static const int64_t half_lives[] = {1, 1000, 1000000, INT64_C(86400000000) * 30};
	static Rows rows;

	(void) unused;
	for (size_t h = 0; h < 4; h++)
	{
		int64_t half_life = half_lives[h];
		double mean[DIM];
		UimlVectorState *whole = new_state(half_life);

		make_rows(&rows, h + 1, half_life * 300);
		reference_mean(&rows, half_life, mean);
		for (int i = 0; i < ROWS; i++)
			uiml_vector_state_add(whole, rows.x[i], rows.weight[i], rows.at[i]);
		for (int j = 0; j < DIM; j++)
			assert_close(state_mean(whole, j), mean[j], 1e-12);

		for (int parts = 1; parts <= ROWS; parts *= 10)
		{
			UimlVectorState *merged = new_state(half_life);

			for (int part = 0; part < parts; part++)
			{
				UimlVectorState *some = new_state(half_life);

				for (int i = part; i < ROWS; i += parts)
					uiml_vector_state_add(some, rows.x[i], rows.weight[i], rows.at[i]);
				uiml_vector_state_merge(merged, some);
				free(some);
			}
			assert_int_equal(merged->count, ROWS);
			for (int j = 0; j < DIM; j++)
				assert_close(state_mean(merged, j), mean[j], 1e-12);
			free(merged);
		}
		free(whole);
	}
}

static void
test_times_far_apart(void **unused)
{
	static const int64_t times[] = {INT64_MIN + 1, -5, 0, 7, INT64_MAX};
	float one[DIM] = {1, 1, 1, 1, 1}, result[DIM];

	(void) unused;
	for (int first = 0; first < 5; first++)
	{
		UimlVectorState *state = new_state(1);

		/* the last of the times gets the vector 1, all others 0, in each rotation of the order */
		for (int i = 0; i < 5; i++)
		{
			int k = (first + i) % 5;
			float zero[DIM] = {0};

			uiml_vector_state_add(state, k == 4 ? one : zero, 1e308, times[k]);
		}
		assert_int_equal(uiml_vector_state_mean(state, result), UIML_OK);
		assert_true(result[0] == 1);
		free(state);
	}
}

static void
test_sum_and_mean(void **unused)
{
	UimlVectorState *state = new_state(0);
	float x[DIM] = {1, 2, 3, -4, 3e38f}, result[DIM];

	(void) unused;
	assert_int_equal(uiml_vector_state_mean(state, result), UIML_EEMPTY);
	uiml_vector_state_add(state, x, 0, 0);
	assert_int_equal(uiml_vector_state_mean(state, result), UIML_EEMPTY);
	uiml_vector_state_add(state, x, 1, 0);
	uiml_vector_state_add(state, x, 1, 0);
	assert_int_equal(state->count, 3);
	assert_true(state->weight == 2 && state->sum[3] == -8);
	assert_int_equal(uiml_vector_state_mean(state, result), UIML_OK);
	assert_memory_equal(result, x, sizeof(x));
	assert_int_equal(uiml_vector_state_sum(state, result), UIML_ENOTFINITE);
	free(state);
}

static void
test_state_binary(void **unused)
{
	static Rows rows;
	UimlVectorState *state = new_state(1000), *other = new_state(0);
	uint8_t bytes[UIML_VECTOR_STATE_BINARY_SIZE(DIM)];
	size_t dim;

	(void) unused;
	make_rows(&rows, 9, 100000);
	for (int i = 0; i < 50; i++)
		uiml_vector_state_add(state, rows.x[i], rows.weight[i], rows.at[i]);
	uiml_vector_state_write(state, bytes);
	assert_int_equal(uiml_vector_state_read_dim(bytes, sizeof(bytes), DIM, &dim), UIML_OK);
	assert_int_equal(dim, DIM);
	assert_int_equal(uiml_vector_state_read(bytes, dim, other), UIML_OK);
	assert_memory_equal(state, other, UIML_VECTOR_STATE_SIZE(DIM));

	assert_int_equal(uiml_vector_state_read_dim(bytes, sizeof(bytes), DIM - 1, &dim), UIML_ELIMIT);
	for (size_t length = 0; length < sizeof(bytes); length++)
		assert_int_equal(uiml_vector_state_read_dim(bytes, length, DIM, &dim), UIML_ECORRUPT);
	for (size_t i = 0; i < 12; i++)
	{
		bytes[i] ^= 0x40;
		assert_int_equal(uiml_vector_state_read_dim(bytes, sizeof(bytes), DIM, &dim), UIML_ECORRUPT);
		bytes[i] ^= 0x40;
	}
	memset(bytes + 40, 0xff, 8);
	assert_int_equal(uiml_vector_state_read(bytes, DIM, other), UIML_ENOTFINITE);
	memset(bytes + 16, 0xff, 8);
	assert_int_equal(uiml_vector_state_read(bytes, DIM, other), UIML_ECORRUPT);
	free(state);
	free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loops_match_double),
		cmocka_unit_test(test_extremes_stay_finite),
		cmocka_unit_test(test_elementwise),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_decay_and_merge),
		cmocka_unit_test(test_times_far_apart),
		cmocka_unit_test(test_sum_and_mean),
		cmocka_unit_test(test_state_binary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
