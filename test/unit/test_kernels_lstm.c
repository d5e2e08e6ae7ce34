/*
 * test_kernels_lstm.c
 *	  The kernels that train an LSTM, in every variant that this processor runs, against plain loops in double.
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

#include "testenv.h"

#define GAP  3 /* floats between rows, which no kernel may write */
#define MARK 42

typedef void (*CheckFn)(const UimlKernels *kernels);

static void
for_each_variant(CheckFn check)
{
	const UimlKernels *kernels;

	for (size_t i = 0; (kernels = uiml_kernels_variant(i)) != NULL; i++)
		check(kernels);
}

static void
assert_near(const UimlKernels *kernels, const char *what, size_t n, float got, double expected,
			double tolerance)
{
	if (!(fabs((double) got - expected) <= tolerance))
		fail_msg("%s %s of %zu: %.9g is not within %g of %.9g", kernels->name, what, n, (double) got,
				 tolerance, expected);
}

static void
fill(UimlRng *rng, float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float) uiml_rng_normal(rng);
}

/* ---------- outer products ---------- */

#define MAX_ROWS 300
#define MAX_M    30
#define MAX_N    70

static void
check_outer_of(const UimlKernels *kernels, UimlRng *rng, size_t rows, size_t m, size_t n)
{
	static float a[MAX_ROWS * (MAX_M + GAP)], b[MAX_ROWS * (MAX_N + GAP)];
	static float c[MAX_M * (MAX_N + GAP)], before[MAX_M * (MAX_N + GAP)];
	size_t lda = m + rows % GAP, ldb = n + m % GAP, ldc = n + GAP;

	fill(rng, a, rows * lda);
	fill(rng, b, rows * ldb);
	fill(rng, before, m * ldc);
	memcpy(c, before, sizeof(c));
	kernels->outer_add(a, lda, b, ldb, rows, m, n, c, ldc);
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < ldc; j++)
		{
			double sum = (double) before[i * ldc + j], size = 1;

			if (j >= n)
			{
				assert_true(c[i * ldc + j] == before[i * ldc + j]);
				continue;
			}
			for (size_t r = 0; r < rows; r++)
			{
				double product = (double) a[r * lda + i] * (double) b[r * ldb + j];

				sum += product;
				size += fabs(product);
			}
			assert_near(kernels, "outer_add", n, c[i * ldc + j], sum, 3e-7 * size + 1e-7 * (double) rows);
		}
}

static void
check_outer(const UimlKernels *kernels)
{
	static const size_t rows[] = {1, 2, 7, 127, 128, 129, MAX_ROWS};
	UimlRng rng;

	uiml_rng_init(&rng, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t m = 1; m <= MAX_M; m++)
			for (size_t n = 1; n <= MAX_N; n += m % 5 + 1)
				check_outer_of(kernels, &rng, rows[i], m, n);
}

/* An element is the same whatever rows and columns are computed with it, and however rows are cut. */
static void
check_cuts(const UimlKernels *kernels)
{
	enum
	{
		ROWS = 300,
		M = 40,
		N = 90
	};
	static float a[ROWS * M], b[ROWS * N], all[M * N], cut[M * N];
	UimlRng rng;

	uiml_rng_init(&rng, 2);
	fill(&rng, a, ROWS * M);
	fill(&rng, b, ROWS * N);
	memset(all, 0, sizeof(all));
	kernels->outer_add(a, M, b, N, ROWS, M, N, all, N);
	for (size_t width = 1; width < N; width += 7)
	{
		size_t rows = width * 3;

		memset(cut, 0, sizeof(cut));
		for (size_t r = 0; r < ROWS; r += rows)
			for (size_t j = 0; j < N; j += width)
				kernels->outer_add(a + r * M, M, b + r * N + j, N, ROWS - r < rows ? ROWS - r : rows, M,
								   N - j < width ? N - j : width, cut + j, N);
		assert_memory_equal(all, cut, sizeof(all));
	}
}

static void
test_outer(void **state)
{
	(void) state;
	for_each_variant(check_outer);
	for_each_variant(check_cuts);
}

/* Rows into those that their numbers say, or all into one. */
static void
check_add_rows(const UimlKernels *kernels)
{
	static const uint32_t index[] = {2, 0, 2, 3, 2};
	float x[5 * 210], y[4 * 210], before[4 * 210];
	UimlRng rng;

	uiml_rng_init(&rng, 7);
	for (size_t n = 1; n < 200; n++)
		for (size_t all = 0; all < 2; all++)
		{
			double sum[4 * 210];

			fill(&rng, x, 5 * 210);
			fill(&rng, before, 4 * 210);
			memcpy(y, before, sizeof(y));
			kernels->add_rows(5, n, x, n + 2, all ? NULL : index, y, n + 1);
			for (size_t i = 0; i < 4 * 210; i++)
				sum[i] = (double) before[i];
			for (size_t r = 0; r < 5; r++)
				for (size_t j = 0; j < n; j++)
					sum[(all ? 0 : index[r]) * (n + 1) + j] += (double) x[r * (n + 2) + j];
			for (size_t i = 0; i < 4 * 210; i++)
				assert_near(kernels, "add_rows", n, y[i], sum[i], 3e-6);
		}
}

static void
test_add_rows(void **state)
{
	(void) state;
	for_each_variant(check_add_rows);
}

/* ---------- gates ---------- */

#define ROWS        7
#define MAX_HIDDEN  130
#define LOGISTIC(x) (1 / (1 + exp(-(x))))

typedef struct Step
{
	float z[ROWS * 4 * MAX_HIDDEN], gates[ROWS * 4 * MAX_HIDDEN + 1], input[9 * 4 * MAX_HIDDEN];
	float before[ROWS * MAX_HIDDEN], c[ROWS * MAX_HIDDEN + 1], tanh_c[ROWS * MAX_HIDDEN + 1];
	float h[ROWS * MAX_HIDDEN + 1], dh[ROWS * MAX_HIDDEN], dc[ROWS * MAX_HIDDEN + 1];
	UimlLstmGates step;
} Step;

static const uint32_t number[ROWS] = {8, 0, 3, 3, 5, 1, 7};

/* kind: bit 0, with input; bit 1, with its index; bit 2, the first step; bit 3, without what was before. */
static Step *
make_step(UimlRng *rng, size_t hidden, unsigned kind)
{
	Step *s = malloc(sizeof(Step));

	fill(rng, s->z, ROWS * 4 * MAX_HIDDEN);
	fill(rng, s->input, 9 * 4 * MAX_HIDDEN);
	fill(rng, s->before, ROWS * MAX_HIDDEN);
	fill(rng, s->dh, ROWS * MAX_HIDDEN);
	fill(rng, s->dc, ROWS * MAX_HIDDEN);
	memcpy(s->gates, s->z, sizeof(s->z));
	s->gates[ROWS * 4 * hidden] = MARK;
	s->c[ROWS * hidden] = s->tanh_c[ROWS * hidden] = s->h[ROWS * hidden] = s->dc[ROWS * hidden] = MARK;
	s->step = (UimlLstmGates){.rows = ROWS, .hidden = hidden, .gates = s->gates};
	s->step.input = kind & 5 ? s->input : NULL;
	s->step.index = kind & 2 ? number : NULL;
	s->step.first = (kind & 4) != 0;
	s->step.c_before = kind & 8 ? NULL : s->before;
	s->step.c = s->c;
	s->step.tanh_c = s->tanh_c;
	s->step.h = s->h;
	s->step.dh = s->dh;
	s->step.dc = s->dc;
	return s;
}

/* What gate of unit j of row r is activated from. */
static double
before_activation(const Step *s, size_t r, size_t gate, size_t j)
{
	size_t width = 4 * s->step.hidden, at = gate * s->step.hidden + j;
	double z = s->step.first ? 0 : (double) s->z[r * width + at];

	if (s->step.input == NULL)
		return z;
	return z + (double) s->input[(s->step.index == NULL ? r : number[r]) * width + at];
}

static void
check_forward(const UimlKernels *kernels, const Step *s, size_t r, size_t j)
{
	size_t hidden = s->step.hidden, at = r * hidden + j;
	const float *gate = s->gates + 4 * r * hidden + j;
	double i = LOGISTIC(before_activation(s, r, 0, j)), f = LOGISTIC(before_activation(s, r, 1, j));
	double g = tanh(before_activation(s, r, 2, j)), o = LOGISTIC(before_activation(s, r, 3, j));
	double c = i * g + (s->step.c_before == NULL ? 0 : f * (double) s->before[at]);

	assert_near(kernels, "input gate", hidden, gate[0], i, 1e-6 * i);
	assert_near(kernels, "forget gate", hidden, gate[hidden], f, 1e-6 * f);
	assert_near(kernels, "candidate", hidden, gate[2 * hidden], g, 1e-6);
	assert_near(kernels, "output gate", hidden, gate[3 * hidden], o, 1e-6 * o);
	assert_near(kernels, "c", hidden, s->c[at], c, 3e-6);
	assert_near(kernels, "tanh(c)", hidden, s->tanh_c[at], tanh(c), 3e-6);
	assert_near(kernels, "h", hidden, s->h[at], o * tanh(c), 3e-6);
}

/* gate: as it was before the kernel, dc likewise. */
static void
check_backward(const UimlKernels *kernels, const Step *s, const float *gate, double dc, size_t r, size_t j)
{
	size_t hidden = s->step.hidden, at = r * hidden + j;
	double i = (double) gate[0], f = (double) gate[hidden], g = (double) gate[2 * hidden];
	double o = (double) gate[3 * hidden], t = (double) s->tanh_c[at], dh = (double) s->dh[at];
	double c = s->step.c_before == NULL ? 0 : (double) s->before[at];
	const float *d = s->gates + 4 * r * hidden + j;
	double most = 1e-6 * (1 + fabs(dc) + fabs(dh)) * (1 + fabs(c));

	dc += dh * o * (1 - t * t);
	assert_near(kernels, "input's gradient", hidden, d[0], dc * g * i * (1 - i), most);
	assert_near(kernels, "forget's gradient", hidden, d[hidden], dc * c * f * (1 - f), most);
	assert_near(kernels, "candidate's gradient", hidden, d[2 * hidden], dc * i * (1 - g * g), most);
	assert_near(kernels, "output's gradient", hidden, d[3 * hidden], dh * t * o * (1 - o), most);
	assert_near(kernels, "c's gradient", hidden, s->dc[at], dc * f, most);
}

static void
check_step(const UimlKernels *kernels, UimlRng *rng, size_t hidden, unsigned kind)
{
	Step *s = make_step(rng, hidden, kind);
	static float gates[ROWS * 4 * MAX_HIDDEN], dc[ROWS * MAX_HIDDEN];

	kernels->lstm_forward(&s->step);
	for (size_t r = 0; r < ROWS; r++)
		for (size_t j = 0; j < hidden; j++)
			check_forward(kernels, s, r, j);
	memcpy(gates, s->gates, sizeof(gates));
	memcpy(dc, s->dc, sizeof(dc));
	kernels->lstm_backward(&s->step);
	for (size_t r = 0; r < ROWS; r++)
		for (size_t j = 0; j < hidden; j++)
			check_backward(kernels, s, gates + 4 * r * hidden + j, (double) dc[r * hidden + j], r, j);
	assert_true(s->gates[ROWS * 4 * hidden] == MARK && s->c[ROWS * hidden] == MARK);
	assert_true(s->tanh_c[ROWS * hidden] == MARK && s->h[ROWS * hidden] == MARK &&
				s->dc[ROWS * hidden] == MARK);
	free(s);
}

static void
check_gates(const UimlKernels *kernels)
{
	UimlRng rng;

	uiml_rng_init(&rng, 3);
	for (size_t hidden = 1; hidden <= MAX_HIDDEN; hidden++)
		for (unsigned kind = 0; kind < 16; kind++)
			check_step(kernels, &rng, hidden, kind);
}

static void
test_gates(void **state)
{
	(void) state;
	for_each_variant(check_gates);
}

/* Of every 9973rd float.  Over all floats the largest relative error is: */
#define MAX_LOGISTIC 3.5e-7
#define MAX_TANH     3.5e-7

/* The units' activations of z alone. */
static void
activate(const UimlKernels *kernels, const float *z, float *logistic, float *hyperbolic)
{
	float gates[4 * 64], c[64], tanh_c[64], h[64];
	UimlLstmGates step = {.rows = 1, .hidden = 64, .gates = gates, .c = c, .tanh_c = tanh_c, .h = h};

	for (size_t gate = 0; gate < 4; gate++)
		memcpy(gates + gate * 64, z, sizeof(c));
	kernels->lstm_forward(&step);
	memcpy(logistic, gates, sizeof(c));
	memcpy(hyperbolic, gates + 2 * 64, sizeof(c));
	assert_memory_equal(gates, gates + 3 * 64, sizeof(c));
}

static void
check_functions(const UimlKernels *kernels)
{
	float z[64], logistic[64], hyperbolic[64];
	uint32_t bits = 0;

	for (size_t turn = 0; turn < 6730; turn++) /* 2^32 / 9973 / 64 */
	{
		for (size_t i = 0; i < 64; i++, bits += 9973)
		{
			memcpy(&z[i], &bits, sizeof(float));
			z[i] = isfinite(z[i]) ? z[i] : 0;
		}
		activate(kernels, z, logistic, hyperbolic);
		for (size_t i = 0; i < 64; i++)
		{
			double x = (double) z[i];

			assert_near(kernels, "logistic", i, logistic[i], LOGISTIC(x), MAX_LOGISTIC * LOGISTIC(x) + 2e-38);
			assert_near(kernels, "tanh", i, hyperbolic[i], tanh(x), MAX_TANH * fabs(tanh(x)) + 2e-38);
		}
	}
}

static void
check_function_ends(const UimlKernels *kernels)
{
	float z[64] = {0,       -0.0F,    20,           -20,           100,      -100,
				   FLT_MAX, -FLT_MAX, FLT_TRUE_MIN, -FLT_TRUE_MIN, INFINITY, -INFINITY};
	float logistic[64], hyperbolic[64];

	activate(kernels, z, logistic, hyperbolic);
	assert_true(logistic[0] == .5F && logistic[1] == .5F && hyperbolic[0] == 0 && hyperbolic[1] == 0);
	for (size_t i = 2; i < 12; i += i == 6 ? 4 : 2)
	{
		assert_true(logistic[i] == 1 && logistic[i + 1] >= 0 && logistic[i + 1] < 3e-9F);
		assert_true(fabsf(hyperbolic[i] - 1) < 2e-7F && hyperbolic[i + 1] == -hyperbolic[i]);
	}
	assert_true(fabsf(hyperbolic[8]) <= FLT_TRUE_MIN);
}

static void
test_functions(void **state)
{
	(void) state;
	for_each_variant(check_functions);
	for_each_variant(check_function_ends);
}

/* ---------- cross-entropy ---------- */

static void
check_cross_entropy_of(const UimlKernels *kernels, UimlRng *rng, size_t n, float size, float weight)
{
	static float x[4 * (3000 + GAP)], y[4 * (3000 + GAP)];
	uint32_t target[4] = {0, UINT32_MAX, (uint32_t) (n / 2), (uint32_t) n - 1};
	size_t ld = n + GAP, hits = 10, expected_hits = 10;
	double loss, expected = 0;

	fill(rng, x, 4 * ld);
	for (size_t i = 0; i < 4 * ld; i++)
		x[i] *= size;
	memcpy(y, x, sizeof(y));
	loss = kernels->cross_entropy(y, 4, n, ld, target, weight, &hits);
	for (size_t r = 0; r < 4; r++)
	{
		const float *row = x + r * ld;
		double largest = -INFINITY, sum = 0;

		for (size_t j = 0; j < n; j++)
			largest = fmax(largest, (double) row[j]);
		for (size_t j = 0; j < n; j++)
			sum += exp((double) row[j] - largest);
		for (size_t j = 0; j < n; j++)
		{
			double p = exp((double) row[j] - largest) / sum - (j == target[r]);

			assert_near(kernels, "cross_entropy", n, y[r * ld + j], target[r] < n ? (double) weight * p : 0,
						2e-6 * (double) weight);
		}
		for (size_t j = n; j < ld; j++)
			assert_true(y[r * ld + j] == row[j]);
		if (target[r] >= n)
			continue;
		expected += log(sum) + largest - (double) row[target[r]];
		expected_hits += (double) row[target[r]] >= largest;
	}
	assert_true(fabs(loss - expected) <= 2e-6 * (1 + fabs(expected)));
	assert_int_equal(hits, expected_hits);
	memcpy(y, x, sizeof(y));
	for (size_t r = 0; r < 4; r++)
		target[r] = (uint32_t) n - 1;
	loss = kernels->cross_entropy(y, 4, n, ld, target, weight, &hits);
	assert_true(kernels->cross_entropy(x, 4, n, ld, NULL, weight, &hits) == loss);
	assert_memory_equal(x, y, sizeof(float) * 4 * ld);
}

static void
check_cross_entropy(const UimlKernels *kernels)
{
	UimlRng rng;

	uiml_rng_init(&rng, 5);
	for (size_t n = 1; n <= 3000; n += n < 130 ? 1 : 977)
	{
		check_cross_entropy_of(kernels, &rng, n, 1, 1);
		check_cross_entropy_of(kernels, &rng, n, 20, .03125F);
		check_cross_entropy_of(kernels, &rng, n, 1e30F, .1F);
		check_cross_entropy_of(kernels, &rng, n, 0, 1);
	}
}

static void
test_cross_entropy(void **state)
{
	(void) state;
	for_each_variant(check_cross_entropy);
}

/* ---------- optimizers ---------- */

#define MAX_WEIGHTS 200

typedef struct Trained
{
	float gradient[MAX_WEIGHTS], weight[MAX_WEIGHTS + 1], mean[MAX_WEIGHTS + 1], square[MAX_WEIGHTS + 1];
} Trained;

static UimlOptimizer
optimizer_of(Trained *t)
{
	return (UimlOptimizer){.weight = t->weight,
						   .gradient = t->gradient,
						   .mean = t->mean,
						   .square = t->square,
						   .scale = .5F,
						   .rate = .01F,
						   .mean_rate = .1F,
						   .square_rate = .001F,
						   .epsilon = 1e-7F};
}

static void
make_trained(UimlRng *rng, Trained *t, size_t n)
{
	fill(rng, t->gradient, MAX_WEIGHTS);
	fill(rng, t->weight, MAX_WEIGHTS);
	fill(rng, t->mean, MAX_WEIGHTS);
	fill(rng, t->square, MAX_WEIGHTS);
	for (size_t i = 0; i < MAX_WEIGHTS; i++)
		t->square[i] *= t->square[i] * (i % 5 == 0 ? 1e-12F : 1);
	t->gradient[0] = t->mean[0] = t->square[0] = 0; /* of a weight that nothing has reached */
	t->weight[n] = t->mean[n] = t->square[n] = MARK;
}

static void
check_adam_of(const UimlKernels *kernels, UimlRng *rng, size_t n)
{
	Trained t, before;
	UimlOptimizer o = optimizer_of(&t);

	make_trained(rng, &t, n);
	before = t;
	kernels->adam(&o, n);
	for (size_t i = 0; i < n; i++)
	{
		double g = .5 * (double) t.gradient[i], mean, square, change;

		mean = .9 * (double) before.mean[i] + .1 * g;
		square = .999 * (double) before.square[i] + .001 * g * g;
		change = .01 * mean / (sqrt(square) + 1e-7);
		assert_near(kernels, "mean", n, t.mean[i], mean, 1e-6 * (fabs(g) + fabs((double) before.mean[i])));
		assert_near(kernels, "square", n, t.square[i], square, 1e-6 * square);
		assert_near(kernels, "weight by adam", n, t.weight[i], (double) before.weight[i] - change,
					1e-6 * (fabs((double) before.weight[i]) +
							.01 * (fabs(g) + fabs((double) before.mean[i])) / (sqrt(square) + 1e-7)));
	}
	assert_true(t.weight[0] == before.weight[0]);
	assert_true(t.weight[n] == MARK && t.mean[n] == MARK && t.square[n] == MARK);
}

static void
check_adagrad_of(const UimlKernels *kernels, UimlRng *rng, size_t n)
{
	Trained t, before;
	UimlOptimizer o = optimizer_of(&t);

	make_trained(rng, &t, n);
	o.mean = NULL;
	before = t;
	kernels->adagrad(&o, n);
	for (size_t i = 0; i < n; i++)
	{
		double g = .5 * (double) t.gradient[i], square = (double) before.square[i] + g * g;
		double change = .01 * g / (sqrt(square) + 1e-7);

		assert_near(kernels, "square", n, t.square[i], square, 1e-6 * square);
		assert_near(kernels, "weight by adagrad", n, t.weight[i], (double) before.weight[i] - change,
					1e-6 * (fabs((double) before.weight[i]) + fabs(change)));
	}
	assert_true(t.weight[0] == before.weight[0] && t.weight[n] == MARK && t.square[n] == MARK);
}

static void
check_optimizers(const UimlKernels *kernels)
{
	UimlRng rng;

	uiml_rng_init(&rng, 6);
	for (size_t n = 1; n < MAX_WEIGHTS; n++)
	{
		check_adam_of(kernels, &rng, n);
		check_adagrad_of(kernels, &rng, n);
	}
}

static void
test_optimizers(void **state)
{
	(void) state;
	for_each_variant(check_optimizers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outer),         cmocka_unit_test(test_add_rows),
		cmocka_unit_test(test_gates),         cmocka_unit_test(test_functions),
		cmocka_unit_test(test_cross_entropy), cmocka_unit_test(test_optimizers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
