/*
 * test_kernels.c
 *	  Every variant of the kernels that this processor runs, against plain loops in double.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "core/rng.h"

#define MAX_DIM 2100
#define OFFSETS 5 /* bytes in front of a vector */

/* The next length: each up to 200, then some of several blocks. */
#define EACH_DIM(dim) (size_t dim = 1; dim <= MAX_DIM; dim += dim < 200 ? 1 : 473)

typedef void (*CheckFn)(const UimlKernels *kernels);

static void
for_each_variant(CheckFn check)
{
	const UimlKernels *kernels;
	size_t i = 0;

	for (; (kernels = uiml_kernels_variant(i)) != NULL; i++)
		check(kernels);
	assert_true(i > 0);
}

static void
assert_near(const UimlKernels *kernels, const char *kernel, size_t dim, double got, double expected,
			double tolerance)
{
	if (!(fabs(got - expected) <= tolerance))
		fail_msg("%s %s of %zu: %.17g is not within %g of %.17g", kernels->name, kernel, dim, got, tolerance,
				 expected);
}

/* dim floats that start offset bytes into the buffer, so at an address of any kind. */
static float *
place(unsigned char *buffer, size_t offset, const float *x, size_t dim)
{
	memcpy(buffer + offset, x, dim * sizeof(float));
	return (float *) (void *) (buffer + offset);
}

static void
fill(UimlRng *rng, float *x, size_t dim)
{
	for (size_t i = 0; i < dim; i++)
		x[i] = (float) uiml_rng_normal(rng);
}

/* ---------- the choice ---------- */

static void
test_choice(void **state)
{
	size_t n = 0;

	(void) state;
	while (uiml_kernels_variant(n) != NULL)
	{
		for (size_t i = 0; i < n; i++)
			assert_string_not_equal(uiml_kernels_variant(i)->name, uiml_kernels_variant(n)->name);
		n++;
	}
	assert_true(n > 0);
	assert_ptr_equal(uiml_kernels(), uiml_kernels_variant(n - 1));
	assert_null(uiml_kernels_variant(n + 1));
	print_message("kernels: %s, of %zu that run here\n", uiml_kernels()->name, n);
}

/* ---------- products and distances ---------- */

typedef struct Sums
{
	double dot, l2, l1, aa, bb;
} Sums;

static Sums
naive_sums(const float *a, const float *b, size_t dim)
{
	Sums sums = {0};

	for (size_t i = 0; i < dim; i++)
	{
		double x = (double) a[i], y = (double) b[i];

		sums.dot += x * y;
		sums.l2 += (x - y) * (x - y);
		sums.l1 += fabs(x - y);
		sums.aa += x * x;
		sums.bb += y * y;
	}
	return sums;
}

static void
check_sums_of(const UimlKernels *kernels, const float *a, const float *b, size_t dim, const Sums *sums)
{
	double norms = sqrt(sums->aa * sums->bb);
	double products[3];

	kernels->cosine(a, b, dim, products);
	assert_near(kernels, "dot", dim, kernels->dot(a, b, dim), sums->dot, 1e-6 * norms);
	assert_near(kernels, "l2_squared", dim, kernels->l2_squared(a, b, dim), sums->l2, 1e-6 * sums->l2);
	assert_near(kernels, "l1", dim, kernels->l1(a, b, dim), sums->l1, 1e-6 * sums->l1);
	assert_near(kernels, "a'b", dim, products[0], sums->dot, 1e-6 * norms);
	assert_near(kernels, "a'a", dim, products[1], sums->aa, 1e-6 * sums->aa);
	assert_near(kernels, "b'b", dim, products[2], sums->bb, 1e-6 * sums->bb);
	assert_near(kernels, "square_sum", dim, kernels->square_sum(a, dim), sums->aa, 1e-14 * sums->aa);
}

static void
check_sums(const UimlKernels *kernels)
{
	static unsigned char at_a[sizeof(float) * MAX_DIM + OFFSETS], at_b[sizeof(float) * MAX_DIM + OFFSETS];
	static float a[MAX_DIM], b[MAX_DIM];
	UimlRng rng;

	uiml_rng_init(&rng, 1);
	for
		EACH_DIM(dim)
		{
			Sums sums;

			fill(&rng, a, dim);
			fill(&rng, b, dim);
			sums = naive_sums(a, b, dim);
			for (size_t offset = 0; offset < OFFSETS; offset++)
				check_sums_of(kernels, place(at_a, offset, a, dim), place(at_b, dim % OFFSETS, b, dim), dim,
							  &sums);
			assert_true(kernels->l2_squared(a, a, dim) == 0 && kernels->l1(a, a, dim) == 0);
		}
}

static void
test_sums(void **state)
{
	(void) state;
	for_each_variant(check_sums);
}

/* What overflows is infinite and never wrong; sums of the smallest numbers hold where they can. */
static void
check_extremes(const UimlKernels *kernels)
{
	static float large[MAX_DIM], small[MAX_DIM], zero[MAX_DIM];
	double products[3];

	for (size_t i = 0; i < MAX_DIM; i++)
	{
		large[i] = i % 2 == 0 ? FLT_MAX : -FLT_MAX;
		small[i] = FLT_TRUE_MIN;
	}
	for (size_t dim = 1; dim <= 200; dim++)
	{
		double sum = kernels->dot(large, large, dim);

		assert_true(isinf(sum) || fabs(sum / ((double) dim * FLT_MAX * FLT_MAX) - 1) < 1e-6);
		assert_near(kernels, "l1", dim, kernels->l1(small, zero, dim), (double) dim * FLT_TRUE_MIN, 0);
		assert_near(kernels, "square_sum", dim, kernels->square_sum(small, dim) / FLT_TRUE_MIN / FLT_TRUE_MIN,
					(double) dim, 1e-12 * (double) dim);
		assert_near(kernels, "square_sum", dim, kernels->square_sum(large, dim) / FLT_MAX / FLT_MAX,
					(double) dim, 1e-12 * (double) dim);
		kernels->cosine(zero, large, dim, products);
		assert_true(products[0] == 0 && products[1] == 0 && products[2] > 0);
		assert_true(kernels->dot(zero, zero, dim) == 0 && kernels->l1(zero, zero, dim) == 0);
	}
}

static void
test_extremes(void **state)
{
	(void) state;
	for_each_variant(check_extremes);
}

/* ---------- element by element ---------- */

/* Bit for bit: each element is rounded once, in every variant. */
static void
check_elementwise(const UimlKernels *kernels)
{
	static float a[MAX_DIM + 1], b[MAX_DIM], r[MAX_DIM + 1];
	UimlRng rng;

	uiml_rng_init(&rng, 2);
	for
		EACH_DIM(dim)
		{
			const float *x = a + dim % 2;

			fill(&rng, a, dim + 1);
			fill(&rng, b, dim);
			r[dim] = 42;
			kernels->add(x, b, dim, r);
			for (size_t i = 0; i < dim; i++)
				assert_true(r[i] == x[i] + b[i]);
			kernels->subtract(x, b, dim, r);
			for (size_t i = 0; i < dim; i++)
				assert_true(r[i] == x[i] - b[i]);
			kernels->multiply(x, b, dim, r);
			for (size_t i = 0; i < dim; i++)
				assert_true(r[i] == x[i] * b[i]);
			kernels->scale(x, 1 / 3.0, dim, r);
			for (size_t i = 0; i < dim; i++)
				assert_true(r[i] == (float) ((double) x[i] * (1 / 3.0)));
			assert_true(r[dim] == 42);
			memcpy(r, b, dim * sizeof(float));
			kernels->add(r, x, dim, r);
			for (size_t i = 0; i < dim; i++)
				assert_true(r[i] == b[i] + x[i]);
		}
}

static void
test_elementwise(void **state)
{
	(void) state;
	for_each_variant(check_elementwise);
}

static void
check_is_finite(const UimlKernels *kernels)
{
	static const float ends[] = {FLT_MAX, -FLT_MAX, FLT_TRUE_MIN, -0.0f};
	static const float beyond[] = {NAN, -NAN, INFINITY, -INFINITY};
	float x[201];

	for (size_t dim = 1; dim <= 200; dim++)
	{
		for (size_t i = 0; i < dim; i++)
			x[i] = ends[i % 4];
		x[dim] = NAN;
		assert_true(kernels->is_finite(x, dim));
		for (size_t i = 0; i < dim; i++)
		{
			x[i] = beyond[i % 4];
			assert_false(kernels->is_finite(x, dim));
			x[i] = 0;
		}
	}
}

static void
test_is_finite(void **state)
{
	(void) state;
	for_each_variant(check_is_finite);
}

/* ---------- sums of vectors ---------- */

static void
check_accumulate(const UimlKernels *kernels)
{
	static unsigned char at[sizeof(float) * MAX_DIM + OFFSETS];
	static float x[MAX_DIM];
	static double sum[MAX_DIM + 1], more[MAX_DIM];
	UimlRng rng;

	uiml_rng_init(&rng, 3);
	for
		EACH_DIM(dim)
		{
			fill(&rng, x, dim);
			for (size_t i = 0; i < dim; i++)
				sum[i] = more[i] = (double) i;
			sum[dim] = 42;
			kernels->accumulate(place(at, dim % OFFSETS, x, dim), dim, sum);
			for (size_t i = 0; i < dim; i++)
				assert_true(sum[i] == (double) i + (double) x[i]);
			kernels->accumulate_weighted(place(at, dim % OFFSETS, x, dim), -0.5, dim, sum);
			for (size_t i = 0; i < dim; i++)
				assert_near(kernels, "accumulate_weighted", dim, sum[i], (double) i + (double) x[i] / 2,
							1e-15 * (double) (i + 8));
			kernels->accumulate_f64(more, 2, dim, sum);
			for (size_t i = 0; i < dim; i++)
				assert_near(kernels, "accumulate_f64", dim, sum[i], 3 * (double) i + (double) x[i] / 2,
							2e-15 * (double) (i + 8));
			assert_true(sum[dim] == 42);
		}
}

static void
test_accumulate(void **state)
{
	(void) state;
	for_each_variant(check_accumulate);
}

/* ---------- scores ---------- */

#define ROWS 21

static void
check_scores(const UimlKernels *kernels)
{
	static float rows[ROWS * 220], vectors[2 * 220], score[3][ROWS + 1];
	UimlRng rng;

	uiml_rng_init(&rng, 11);
	fill(&rng, rows, ROWS * 220);
	fill(&rng, vectors, 2 * 220);
	for (size_t d = 1; d <= 210; d++)
	{
		const float *pair[2] = {vectors, vectors + 220};
		float *scores[2] = {score[0], score[1]};
		size_t n = d % ROWS + 1, stride = d + d % 3;

		for (size_t i = 0; i <= ROWS; i++)
			score[0][i] = score[1][i] = score[2][i] = i == 3 ? -INFINITY : 1;
		kernels->score_rows_twice(rows, n, stride, pair, d, scores);
		kernels->score_rows(rows, n, stride, pair[1], d, score[2]);
		for (size_t i = 0; i < n; i++)
			for (size_t u = 0; u < 3; u++)
			{
				double expected = 1, size = 1;

				for (size_t j = 0; j < d; j++)
				{
					double product = (double) rows[i * stride + j] * (double) pair[u > 0][j];

					expected += product;
					size += fabs(product);
				}
				if (i == 3)
					assert_true(score[u][i] == -INFINITY);
				else
					assert_near(kernels, "score_rows", d, (double) score[u][i], expected, 3e-7 * size);
			}
		for (size_t u = 0; u < 3; u++)
			assert_true(n == 3 || score[u][n] == 1);
	}
}

static void
test_scores(void **state)
{
	(void) state;
	for_each_variant(check_scores);
}

/* Scores, some of items left out, and popularities of n items. */
static void
fill_items(UimlRng *rng, float *score, float *popularity, size_t n)
{
	fill(rng, score, n);
	for (size_t i = 0; i < n; i++)
	{
		score[i] = uiml_rng_uniform(rng) < .1 ? -INFINITY : score[i] / 4;
		popularity[i] = (float) uiml_rng_uniform(rng);
	}
}

/* What raise_scores, mix_scores and score_depths make of each score. */
static void
check_raised(const UimlKernels *kernels, const float *score, const float *popularity, size_t n, float best,
			 double power)
{
	static float raised[MAX_DIM], mixed[MAX_DIM], depth[MAX_DIM];
	double sum = 0, got;

	memcpy(raised, score, n * sizeof(float));
	memcpy(mixed, score, n * sizeof(float));
	got = kernels->raise_scores(raised, n, 1 / best, (float) power);
	kernels->mix_scores(mixed, n, popularity, 2, 3, -1);
	kernels->score_depths(score, n, 1 / best, depth);
	for (size_t i = 0; i < n; i++)
	{
		double x = (double) score[i];

		if (x > 0)
			assert_near(kernels, "score_depths", n, (double) depth[i], -log2(x / (double) best), 1e-5);
		else
			assert_true(depth[i] == INFINITY);
		if (isinf(x))
		{
			assert_true(raised[i] == -INFINITY && mixed[i] == -INFINITY);
			continue;
		}
		assert_near(kernels, "raise_scores", n, (double) raised[i], x > 0 ? pow(x / (double) best, power) : 0,
					1e-5);
		assert_near(kernels, "mix_scores", n, (double) mixed[i], x * 2 + 3 * (double) popularity[i] - 1,
					1e-6);
		sum += (double) raised[i];
	}
	assert_near(kernels, "sum of raise_scores", n, got, sum, 1e-6 * sum);
}

static void
check_shares(const UimlKernels *kernels)
{
	static float score[MAX_DIM], popularity[MAX_DIM];
	UimlRng rng;

	uiml_rng_init(&rng, 12);
	for
		EACH_DIM(n)
		{
			float best, mass, items;
			double highest = 0, popular = 0, kept = 0;

			fill_items(&rng, score, popularity, n);
			for (size_t i = 0; i < n; i++)
				if (score[i] > -INFINITY)
				{
					highest = fmax(highest, (double) score[i]);
					popular += (double) popularity[i];
					kept++;
				}
			kernels->survey_scores(score, popularity, n, &best, &mass, &items);
			assert_true((double) best == highest && (double) items == kept);
			assert_near(kernels, "survey_scores", n, (double) mass, popular, 1e-6 * popular);
			if (best > 0)
				check_raised(kernels, score, popularity, n, best, .3 + (double) (n % 40));
		}
}

/* As many equal popularities as make a sum in float go wrong. */
static void
check_long_survey(const UimlKernels *kernels)
{
	size_t n = 1000003;
	float *score = calloc(n, sizeof(float)), *popularity = malloc(n * sizeof(float));
	float best, mass, items;

	for (size_t i = 0; i < n; i++)
		popularity[i] = 1 / (float) n;
	kernels->survey_scores(score, popularity, n, &best, &mass, &items);
	assert_near(kernels, "survey_scores", n, (double) mass, (double) popularity[0] * (double) n, 1e-5);
	assert_true((size_t) items == n);
	free(score), free(popularity);
}

static void
test_shares(void **state)
{
	(void) state;
	for_each_variant(check_shares);
	for_each_variant(check_long_survey);
}

/* ---------- sparse products ---------- */

/* Every width of panel, with three columns beyond it. */
static void
check_rows(const UimlKernels *kernels)
{
	static float panel[10 * 443], copy[10 * 443], z[440];
	uint32_t col[] = {2, 0, 9, 2, 5};
	float value[] = {1, -2, .5F, 3, -1};
	UimlRng rng;

	uiml_rng_init(&rng, 7);
	for (size_t l = 1; l <= 440; l++)
	{
		size_t stride = l + 3;
		double expected;

		fill(&rng, panel, 10 * stride);
		memcpy(copy, panel, 10 * stride * sizeof(float));
		for (size_t j = 0; j < l; j++)
			z[j] = 1;
		kernels->gather_rows(col, value, 5, panel, stride, l, z);
		for (size_t j = 0; j < l; j++)
		{
			expected = 1;
			for (size_t k = 0; k < 5; k++)
				expected += (double) value[k] * (double) panel[col[k] * stride + j];
			assert_near(kernels, "gather_rows", l, z[j], expected, 1e-5);
		}
		kernels->scatter_rows(col, value, 5, z, stride, l, panel);
		for (size_t i = 0; i < 10 * stride; i++)
		{
			expected = copy[i];
			for (size_t k = 0; k < 5; k++)
				if (col[k] == i / stride && i % stride < l)
					expected += (double) value[k] * (double) z[i % stride];
			assert_near(kernels, "scatter_rows", l, panel[i], expected, 1e-4);
		}
	}
}

static void
test_rows(void **state)
{
	(void) state;
	for_each_variant(check_rows);
}

/* ---------- nearest centroids ---------- */

#define MAX_K 70

/* Centroids in panels, with half their squared norms. */
static void
pack_panels(const UimlKernels *kernels, const float *centroid, size_t k, size_t d, float *panels,
			float *offset)
{
	size_t width = kernels->panel;

	for (size_t c = 0; c < (k + width - 1) / width * width; c++)
	{
		double squares = 0;

		for (size_t j = 0; j < d; j++)
		{
			float element = c < k ? centroid[c * d + j] : 0;

			panels[(c / width * d + j) * width + c % width] = element;
			squares += (double) element * (double) element;
		}
		offset[c] = c < k ? (float) (squares / 2) : INFINITY;
	}
}

/* |c|^2 / 2 - x'c in double: all, the lowest and the second lowest. */
static void
plain_scores(const float *x, const float *centroid, size_t k, size_t d, double *score, double *lowest)
{
	lowest[0] = lowest[1] = INFINITY;
	for (size_t c = 0; c < k; c++)
	{
		score[c] = 0;
		for (size_t j = 0; j < d; j++)
			score[c] += (double) centroid[c * d + j] * ((double) centroid[c * d + j] / 2 - (double) x[j]);
		lowest[1] = fmin(lowest[1], fmax(lowest[0], score[c]));
		lowest[0] = fmin(lowest[0], score[c]);
	}
}

static void
check_nearest_of(const UimlKernels *kernels, UimlRng *rng, size_t n, size_t k, size_t d)
{
	static float x[UIML_NEAREST_POINTS * MAX_DIM], centroid[MAX_K * MAX_DIM], panels[2 * MAX_K * MAX_DIM];
	float offset[2 * MAX_K], best[UIML_NEAREST_POINTS], second[UIML_NEAREST_POINTS];
	float scores[UIML_NEAREST_POINTS * UIML_PANEL_MAX];
	uint32_t cluster[UIML_NEAREST_POINTS];
	double tolerance = 1e-6 * (double) (d + 20);

	fill(rng, x, UIML_NEAREST_POINTS * d);
	fill(rng, centroid, k * d);
	/* a copy of the first: the first of equals wins */
	memcpy(centroid + (k - 1) * d, centroid, d * sizeof(float));
	pack_panels(kernels, centroid, k, d, panels, offset);
	kernels->nearest(x, n, d, panels, offset, k, cluster, best, second);
	kernels->scores(x, n, d, panels, offset, scores);
	for (size_t i = 0; i < n; i++)
	{
		double score[MAX_K], lowest[2];

		plain_scores(x + i * d, centroid, k, d, score, lowest);
		assert_true(cluster[i] < k && (k == 1 || cluster[i] != k - 1));
		assert_near(kernels, "nearest", d, score[cluster[i]], lowest[0], tolerance);
		assert_near(kernels, "nearest", d, (double) best[i], lowest[0], tolerance);
		if (k > 1)
			assert_near(kernels, "nearest", d, (double) second[i], lowest[1], tolerance);
		else
			assert_true(isinf(second[i]));
		for (size_t c = 0; c < k && c < kernels->panel; c++)
			assert_near(kernels, "scores", d, (double) scores[i * kernels->panel + c], score[c], tolerance);
	}
}

static void
check_nearest(const UimlKernels *kernels)
{
	size_t ks[] = {1, 2, 7, 8, 9, 16, 17, 31, 32, 33, MAX_K};
	size_t ds[] = {1, 2, 5, 64, 300};
	size_t ns[] = {1, 5, 6, 7, 23, UIML_NEAREST_POINTS};
	UimlRng rng;

	uiml_rng_init(&rng, 4);
	for (size_t a = 0; a < sizeof(ks) / sizeof(ks[0]); a++)
		for (size_t b = 0; b < sizeof(ds) / sizeof(ds[0]); b++)
			for (size_t c = 0; c < sizeof(ns) / sizeof(ns[0]); c++)
				check_nearest_of(kernels, &rng, ns[c], ks[a], ds[b]);
}

static void
test_nearest(void **state)
{
	(void) state;
	for_each_variant(check_nearest);
}

static void
check_above(const UimlKernels *kernels)
{
	enum
	{
		N = 300
	};
	float score[N], offset[N];
	UimlRng rng;

	uiml_rng_init(&rng, 9);
	fill(&rng, score, N), fill(&rng, offset, N);
	for (size_t n = 0; n <= N; n++)
		for (float threshold = 1; threshold < 6; threshold += 1)
		{
			size_t expected = 0;

			while (expected < n && !(score[expected] - offset[expected] >= threshold))
				expected++;
			assert_int_equal(kernels->find_above(score, offset, threshold, n), expected);
		}
	assert_int_equal(kernels->find_above(score, offset, -INFINITY, N), 0);
	assert_int_equal(kernels->find_above(score, offset, INFINITY, N), N);
}

static void
test_above(void **state)
{
	(void) state;
	for_each_variant(check_above);
}

/* Blocks in panels: widened from floats, centred, and multiplied into matrices of every width. */
#define BLOCK_ROWS   9
#define BLOCK_COLS   60 /* of the widest: more than one turn of columns */
#define PANEL_STRIDE ((BLOCK_ROWS + 1) * UIML_GRAM_PAD)

static double *
cell(double *block, size_t i, size_t j)
{
	return &block[j / UIML_GRAM_PAD * PANEL_STRIDE + i * UIML_GRAM_PAD + j % UIML_GRAM_PAD];
}

static void
check_centre(const UimlKernels *kernels, double *block, size_t cols)
{
	double share[BLOCK_ROWS], root[BLOCK_ROWS], before[BLOCK_ROWS][BLOCK_COLS];

	for (size_t i = 0; i < BLOCK_ROWS; i++)
	{
		share[i] = (double) (i + 1) / (BLOCK_ROWS * (BLOCK_ROWS + 1) / 2);
		root[i] = 1 + .1 * (double) i;
		for (size_t j = 0; j < cols; j++)
			before[i][j] = *cell(block, i, j);
	}
	kernels->centre(block, (cols + UIML_GRAM_PAD - 1) / UIML_GRAM_PAD, PANEL_STRIDE, BLOCK_ROWS, share, root);
	for (size_t j = 0; j < cols; j++)
	{
		double mean = 0;

		for (size_t i = 0; i < BLOCK_ROWS; i++)
			mean += share[i] * before[i][j];
		assert_near(kernels, "centre", cols, *cell(block, BLOCK_ROWS, j), mean, 1e-14);
		for (size_t i = 0; i < BLOCK_ROWS; i++)
			assert_near(kernels, "centre", cols, *cell(block, i, j), (before[i][j] - mean) * root[i], 1e-14);
	}
}

static void
check_products(const UimlKernels *kernels, double *a, size_t m, double *b, size_t n, bool upper)
{
	static double c[BLOCK_COLS * BLOCK_COLS + 1];

	for (size_t i = 0; i <= m * n; i++)
		c[i] = (double) i;
	kernels->gram_add(a, m, b, n, PANEL_STRIDE, BLOCK_ROWS, upper, c);
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++)
		{
			double sum = (double) (i * n + j);

			for (size_t r = 0; r < BLOCK_ROWS && (!upper || j >= i); r++)
				sum += *cell(a, r, i) * *cell(b, r, j);
			assert_near(kernels, "gram_add", n, c[i * n + j], sum, 1e-12 * (1 + fabs(sum)));
		}
	assert_true(c[m * n] == (double) (m * n));
}

static void
check_blocks(const UimlKernels *kernels)
{
	static double block[2][(BLOCK_COLS / UIML_GRAM_PAD + 1) * PANEL_STRIDE];
	static unsigned char at[sizeof(float) * BLOCK_COLS + OFFSETS];
	UimlRng rng;

	uiml_rng_init(&rng, 8);
	for (size_t cols = 1; cols <= BLOCK_COLS; cols++)
	{
		memset(block, 0, sizeof(block));
		for (size_t side = 0; side < 2; side++)
			for (size_t i = 0; i < BLOCK_ROWS; i++)
			{
				float x[BLOCK_COLS];

				fill(&rng, x, cols);
				kernels->widen(place(at, i % OFFSETS, x, cols), cols, cell(block[side], i, 0), PANEL_STRIDE);
				for (size_t j = 0; j < cols; j++)
					assert_true(*cell(block[side], i, j) == (double) x[j]);
			}
		check_centre(kernels, block[0], cols);
		check_products(kernels, block[0], cols, block[0], cols, true);
		check_products(kernels, block[0], cols, block[1], cols / 2 + 1, false);
	}
}

static void
test_blocks(void **state)
{
	(void) state;
	for_each_variant(check_blocks);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),    cmocka_unit_test(test_sums),
		cmocka_unit_test(test_extremes),  cmocka_unit_test(test_elementwise),
		cmocka_unit_test(test_is_finite), cmocka_unit_test(test_accumulate),
		cmocka_unit_test(test_nearest),   cmocka_unit_test(test_rows),
		cmocka_unit_test(test_scores),    cmocka_unit_test(test_shares),
		cmocka_unit_test(test_above),     cmocka_unit_test(test_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
