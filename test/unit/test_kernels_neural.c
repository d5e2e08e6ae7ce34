/*
 * test_kernels_neural.c
 *	  The kernels of language models, in every variant that this processor runs, against plain loops in double.
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

#include "core/affine.h"
#include "core/attention.h"
#include "core/kernels.h"
#include "core/rng.h"

#include "testenv.h"

typedef void (*CheckFn)(const UimlKernels *kernels);

static void
for_each_variant(CheckFn check)
{
	const UimlKernels *kernels;

	for (size_t i = 0; (kernels = uiml_kernels_variant(i)) != NULL; i++)
		check(kernels);
}

static void
assert_near(const UimlKernels *kernels, const char *what, size_t n, double got, double expected,
			double tolerance)
{
	if (!(fabs(got - expected) <= tolerance))
		fail_msg("%s %s of %zu: %.9g is not within %g of %.9g", kernels->name, what, n, got, tolerance,
				 expected);
}

static void
fill(UimlRng *rng, float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float) uiml_rng_normal(rng);
}

/* ---------- layers ---------- */

#define MAX_M 21
#define MAX_K 1100
#define MAX_N 70
#define GAP   3 /* floats between rows, which no kernel may write */

static double
activate(UimlActivation activation, double x)
{
	switch (activation)
	{
		case UIML_ACTIVATION_GELU:
			return x * .5 * erfc(-x * sqrt(.5));
		case UIML_ACTIVATION_GELU_TANH:
			return x / (1 + exp(-2 * sqrt(2 / M_PI) * (x + .044715 * x * x * x)));
		case UIML_ACTIVATION_RELU:
			return fmax(x, 0);
		default:
			return x;
	}
}

typedef struct Layer
{
	float x[MAX_M * (MAX_K + GAP)], weights[MAX_N * MAX_K], bias[MAX_N], factor[MAX_M];
	float residual[MAX_M * (MAX_N + 2 * GAP)], y[MAX_M * (MAX_N + GAP)];
	float panels[UIML_AFFINE_PANEL_FLOATS(MAX_K, MAX_N)];
	UimlAffine affine;
} Layer;

static Layer *
make_layer(UimlRng *rng, const UimlKernels *kernels, size_t m, size_t k, size_t n)
{
	Layer *layer = malloc(sizeof(Layer));

	fill(rng, layer->x, MAX_M * (k + GAP));
	fill(rng, layer->weights, n * k);
	fill(rng, layer->bias, n);
	fill(rng, layer->factor, m);
	fill(rng, layer->residual, m * (n + 2 * GAP));
	for (size_t i = 0; i < MAX_M * (n + GAP); i++)
		layer->y[i] = 42;
	kernels->pack_outputs(layer->weights, n, k, k, layer->panels);
	layer->affine = (UimlAffine){.m = m, .k = k, .n = n};
	layer->affine.x = layer->x;
	layer->affine.ldx = k + GAP;
	layer->affine.panels = layer->panels;
	layer->affine.ldr = n + 2 * GAP;
	layer->affine.y = layer->y;
	layer->affine.ldy = n + GAP;
	return layer;
}

/* The kernel's y against sums in double; n + GAP elements of each row. */
static void
check_layer(const UimlKernels *kernels, const Layer *layer)
{
	const UimlAffine *a = &layer->affine;

	for (size_t i = 0; i < MAX_M; i++)
		for (size_t j = 0; j < a->n + GAP; j++)
		{
			double sum = 0, size = 1;

			if (i >= a->m || j >= a->n)
			{
				assert_true(layer->y[i * a->ldy + j] == 42);
				continue;
			}
			for (size_t p = 0; p < a->k; p++)
			{
				double product = (double) a->x[i * a->ldx + p] * (double) layer->weights[j * a->k + p];

				sum += product;
				size += fabs(product);
			}
			if (a->factor != NULL)
			{
				sum *= (double) a->factor[i];
				size *= fabs((double) a->factor[i]);
			}
			if (a->bias != NULL)
				sum += (double) a->bias[j];
			sum = activate(a->activation, sum);
			if (a->residual != NULL)
				sum += (double) layer->residual[i * a->ldr + j];
			assert_near(kernels, "affine", a->n, (double) a->y[i * a->ldy + j], sum, 5e-7 * (size + 3));
		}
}

/* Which of the optional parts a layer has follows from its shape. */
static void
check_affine_of(const UimlKernels *kernels, UimlRng *rng, size_t m, size_t k, size_t n)
{
	Layer *layer = make_layer(rng, kernels, m, k, n);
	UimlAffine *a = &layer->affine;

	a->factor = (m + k) % 3 == 0 ? layer->factor : NULL;
	a->bias = (m + n) % 3 != 0 ? layer->bias : NULL;
	a->residual = (m + k + n) % 2 == 0 ? layer->residual : NULL;
	a->activation = (UimlActivation) ((m + n) % 4);
	kernels->affine(a);
	check_layer(kernels, layer);
	free(layer);
}

static void
check_affine(const UimlKernels *kernels)
{
	static const size_t ks[] = {1, 2, 3, 5, 16, 31, 64, 300, 515, MAX_K};
	static const size_t ns[] = {1, 2, 7, 15, 16, 17, 31, 32, 33, 48, 50, 64, MAX_N};
	UimlRng rng;

	uiml_rng_init(&rng, 1);
	for (size_t m = 1; m <= MAX_M; m++)
		for (size_t i = 0; i < sizeof(ks) / sizeof(ks[0]); i++)
			for (size_t j = 0; j < sizeof(ns) / sizeof(ns[0]); j++)
				check_affine_of(kernels, &rng, m, ks[i], ns[j]);
}

static void
test_affine(void **state)
{
	(void) state;
	for_each_variant(check_affine);
}

/* In place: y is the residual, too. */
static void
check_in_place(const UimlKernels *kernels)
{
	UimlRng rng;

	uiml_rng_init(&rng, 2);
	for (size_t m = 1; m <= MAX_M; m++)
	{
		Layer *layer = make_layer(&rng, kernels, m, MAX_K, MAX_N);
		UimlAffine *a = &layer->affine;

		a->ldr = a->ldy;
		a->bias = layer->bias;
		for (size_t i = 0; i < m; i++)
			memcpy(layer->y + i * a->ldy, layer->residual + i * a->ldr, MAX_N * sizeof(float));
		a->residual = layer->y;
		kernels->affine(a);
		a->residual = layer->residual;
		check_layer(kernels, layer);
		free(layer);
	}
}

static void
test_in_place(void **state)
{
	(void) state;
	for_each_variant(check_in_place);
}

/* A row's result is the same, bit by bit, in any company and at any place. */
static void
check_company(const UimlKernels *kernels)
{
	enum
	{
		M = 250,
		K = 700,
		N = 100
	};
	float *x = malloc(sizeof(float) * M * K), *weights = malloc(sizeof(float) * N * K);
	float *panels = malloc(sizeof(float) * UIML_AFFINE_PANEL_FLOATS(K, N));
	float *all = malloc(sizeof(float) * M * N), *some = malloc(sizeof(float) * M * (N + 1));
	UimlRng rng;

	uiml_rng_init(&rng, 3);
	fill(&rng, x, M * K);
	fill(&rng, weights, N * K);
	kernels->pack_outputs(weights, N, K, K, panels);
	for (size_t plain = 0; plain < 2; plain++)
	{
		UimlAffine a = {.m = M, .k = K, .n = N, .ldx = K};

		a.x = x;
		a.panels = panels;
		a.activation = plain ? UIML_ACTIVATION_NONE : UIML_ACTIVATION_GELU;
		a.y = all;
		a.ldy = N;
		kernels->affine(&a);
		for (size_t m = 1, first = 0; m < 60; first = (first + m) % (M - m - 1), m++)
		{
			a.m = m;
			a.x = x + first * K;
			a.y = some;
			a.ldy = N + m % 2;
			kernels->affine(&a);
			for (size_t i = 0; i < m; i++)
				assert_memory_equal(some + i * a.ldy, all + (first + i) * N, sizeof(float) * N);
		}
	}
	free(x), free(weights), free(panels), free(all), free(some);
}

static void
test_company(void **state)
{
	(void) state;
	for_each_variant(check_company);
}

/* Rows as outputs and as inputs. */
static void
check_pack(const UimlKernels *kernels)
{
	UimlRng rng;
	float rows[40 * 50], panels[48 * 48 + 1];

	uiml_rng_init(&rng, 4);
	fill(&rng, rows, 40 * 50);
	for (size_t n = 1; n <= 40; n++)
		for (size_t d = 1; d <= 40; d++)
		{
			size_t ld = d + n % 10, outputs = UIML_AFFINE_PANEL_FLOATS(d, n);

			panels[outputs] = 42;
			kernels->pack_outputs(rows, n, d, ld, panels);
			for (size_t j = 0; j < outputs / d; j++)
				for (size_t p = 0; p < d; p++)
					assert_true(panels[(j / 16 * d + p) * 16 + j % 16] == (j < n ? rows[j * ld + p] : 0));
			assert_true(panels[outputs] == 42);
			outputs = UIML_AFFINE_PANEL_FLOATS(n, d);
			panels[outputs] = 42;
			kernels->pack_inputs(rows, n, d, ld, panels);
			for (size_t j = 0; j < outputs / n; j++)
				for (size_t p = 0; p < n; p++)
					assert_true(panels[(j / 16 * n + p) * 16 + j % 16] == (j < d ? rows[p * ld + j] : 0));
			assert_true(panels[outputs] == 42);
		}
}

static void
test_pack(void **state)
{
	(void) state;
	for_each_variant(check_pack);
}

/* ---------- functions ---------- */

#define VALUES 4096

/* activation(x) of VALUES numbers: as the outputs of a layer with one input, 1. */
static void
activate_all(const UimlKernels *kernels, UimlActivation activation, const float *x, float *y)
{
	static float panels[VALUES];
	const float one = 1;
	UimlAffine a = {.m = 1, .k = 1, .n = VALUES, .x = &one, .ldx = 1};

	kernels->pack_outputs(x, VALUES, 1, 1, panels);
	a.panels = panels;
	a.activation = activation;
	a.y = y;
	a.ldy = VALUES;
	kernels->affine(&a);
}

/* The next VALUES floats by their bits, beginning with *bits, so many bits apart. */
static void
next_floats(uint32_t *bits, uint32_t stride, float *x)
{
	for (size_t i = 0; i < VALUES; i++, *bits += stride)
	{
		float value;

		memcpy(&value, bits, sizeof(value));
		x[i] = isfinite(value) ? value : 0;
	}
}

/*
 * Of every 9973th float.  Over all floats the largest error is, where results are normal, MAX_GELU and
 * MAX_GELU_TANH.
 */
#define MAX_GELU      6e-7
#define MAX_GELU_TANH 3e-5

static void
check_activations(const UimlKernels *kernels)
{
	static const double most[] = {0, MAX_GELU, MAX_GELU_TANH, 0};
	static const UimlActivation kinds[] = {UIML_ACTIVATION_GELU, UIML_ACTIVATION_GELU_TANH,
										   UIML_ACTIVATION_RELU};
	float x[VALUES], y[VALUES];
	uint32_t bits = 0;

	for (size_t turn = 0; turn < 105; turn++)
	{
		next_floats(&bits, 9973, x);
		for (size_t k = 0; k < 3; k++)
		{
			activate_all(kernels, kinds[k], x, y);
			for (size_t i = 0; i < VALUES; i++)
			{
				double expected = activate(kinds[k], (double) x[i]);

				assert_near(kernels, "activation", kinds[k], (double) y[i], expected,
							most[kinds[k]] * fabs(expected) + 14 * (double) FLT_MIN);
			}
		}
	}
}

static void
check_activation_ends(const UimlKernels *kernels)
{
	float x[VALUES] = {100, -100, 0, -0.0f, FLT_MAX, -FLT_MAX, FLT_TRUE_MIN, -FLT_TRUE_MIN, 1e30F, -1e30F};
	float y[VALUES];

	for (int kind = UIML_ACTIVATION_GELU; kind <= UIML_ACTIVATION_RELU; kind++)
	{
		activate_all(kernels, (UimlActivation) kind, x, y);
		assert_true(y[0] == 100 && y[1] == 0 && y[2] == 0 && y[3] == 0);
		assert_true(y[4] == FLT_MAX && y[5] == 0 && y[8] == 1e30F && y[9] == 0);
		assert_true(fabsf(y[6]) <= FLT_TRUE_MIN && fabsf(y[7]) <= FLT_TRUE_MIN);
	}
}

static void
test_activations(void **state)
{
	(void) state;
	for_each_variant(check_activations);
	for_each_variant(check_activation_ends);
}

/* exp over all its range, by a row whose largest element is 0. */
#define MAX_EXP 1.2e-7 /* for each unit of the exponent */

static void
check_exp(const UimlKernels *kernels)
{
	float x[VALUES], y[VALUES], share;
	uint32_t bits = 0x80000000;

	while (bits < 0xc3000000) /* -0 .. -128 */
	{
		next_floats(&bits, 9973, x);
		x[0] = 0;
		memcpy(y, x, sizeof(y));
		kernels->softmax(y, 1, VALUES, VALUES, 1, &share);
		for (size_t i = 0; i < VALUES; i++)
			assert_near(kernels, "exp", VALUES, (double) y[i], exp((double) x[i]),
						(2 - (double) x[i]) * MAX_EXP * exp((double) x[i]) + 1.7e-38);
	}
}

static void
check_softmax_of(const UimlKernels *kernels, UimlRng *rng, size_t n, float scale, float size)
{
	static float x[3 * (3000 + GAP)], y[3 * (3000 + GAP)];
	float share[4] = {0, 0, 0, 42};
	size_t ld = n + GAP;

	fill(rng, x, 3 * ld);
	for (size_t i = 0; i < 3 * ld; i++)
		x[i] *= size;
	memcpy(y, x, sizeof(y));
	kernels->softmax(y, 3, n, ld, scale, share);
	assert_true(share[3] == 42);
	for (size_t r = 0; r < 3; r++)
	{
		double largest = -INFINITY, sum = 0;

		for (size_t i = 0; i < n; i++)
			largest = fmax(largest, (double) x[r * ld + i]);
		for (size_t i = 0; i < n; i++)
		{
			double d = (double) scale * ((double) x[r * ld + i] - largest), e = exp(d);

			sum += e;
			assert_near(kernels, "softmax", n, (double) y[r * ld + i], e, (2 - 2 * d) * 1.2e-7 * e + 1.7e-38);
		}
		assert_near(kernels, "sum of softmax", n, (double) share[r], 1 / sum, 2e-6 / sum);
		for (size_t i = n; i < ld; i++)
			assert_true(y[r * ld + i] == x[r * ld + i]);
	}
}

static void
check_softmax(const UimlKernels *kernels)
{
	UimlRng rng;

	uiml_rng_init(&rng, 5);
	for (size_t n = 1; n <= 3000; n += n < 70 ? 1 : 977)
	{
		check_softmax_of(kernels, &rng, n, 1, 1);
		check_softmax_of(kernels, &rng, n, .176776695F, 10);
		check_softmax_of(kernels, &rng, n, 0, 10);
		check_softmax_of(kernels, &rng, n, 1, 1e30F);
		check_softmax_of(kernels, &rng, n, 1, 1e-40F);
	}
}

static void
test_softmax(void **state)
{
	(void) state;
	for_each_variant(check_exp);
	for_each_variant(check_softmax);
}

/* Rows around offset. */
static void
check_layer_norm_of(const UimlKernels *kernels, UimlRng *rng, size_t d, float offset, float size)
{
	static float x[3 * (4096 + GAP)], y[3 * (4096 + GAP)], gain[4096], shift[4096];
	size_t ld = d + GAP;

	fill(rng, x, 3 * ld);
	fill(rng, gain, d);
	fill(rng, shift, d);
	for (size_t i = 0; i < 3 * ld; i++)
		x[i] = x[i] * size + offset;
	memcpy(y, x, sizeof(y));
	kernels->layer_norm(y, 3, d, ld, gain, shift, 1e-12F);
	for (size_t r = 0; r < 3; r++)
	{
		const float *row = x + r * ld;
		double mean = 0, variance = 0, largest = 0;

		for (size_t i = 0; i < d; i++)
			mean += (double) row[i] / (double) d;
		for (size_t i = 0; i < d; i++)
			variance += ((double) row[i] - mean) * ((double) row[i] - mean) / (double) d;
		for (size_t i = 0; i < d; i++)
			largest = fmax(largest, fabs((double) row[i]));
		for (size_t i = 0; i < d; i++)
		{
			double factor = (double) gain[i] / sqrt(variance + 1e-12), expected;

			expected = ((double) row[i] - mean) * factor + (double) shift[i];
			assert_near(kernels, "layer_norm", d, (double) y[r * ld + i], expected,
						4e-7 * fabs(factor) * largest + 4e-7 * fabs((double) shift[i]));
		}
		for (size_t i = d; i < ld; i++)
			assert_true(y[r * ld + i] == x[r * ld + i]);
	}
}

static void
check_layer_norm(const UimlKernels *kernels)
{
	UimlRng rng;

	uiml_rng_init(&rng, 6);
	for (size_t d = 2; d <= 4096; d += d < 70 ? 1 : 671)
	{
		check_layer_norm_of(kernels, &rng, d, 0, 1);
		check_layer_norm_of(kernels, &rng, d, 100, .1F);
		check_layer_norm_of(kernels, &rng, d, -3, 1e-5F);
		check_layer_norm_of(kernels, &rng, d, 0, 1e10F);
	}
}

static void
check_maximum(const UimlKernels *kernels)
{
	float a[70], b[70], c[71];
	UimlRng rng;

	uiml_rng_init(&rng, 7);
	fill(&rng, a, 70);
	fill(&rng, b, 70);
	for (size_t d = 1; d <= 70; d++)
	{
		c[d] = 42;
		kernels->maximum(a, b, d, c);
		for (size_t i = 0; i < d; i++)
			assert_true(c[i] == fmaxf(a[i], b[i]));
		assert_true(c[d] == 42);
	}
}

static void
test_layer_norm(void **state)
{
	(void) state;
	for_each_variant(check_layer_norm);
	for_each_variant(check_maximum);
}

/* ---------- attention ---------- */

#define HEADS 3

/* softmax(scale q k') v of one token and head. */
static void
plain_attention(const UimlAttention *a, size_t token, size_t head, double *y)
{
	double *weight = malloc(sizeof(double) * a->tokens);
	double largest = -INFINITY, sum = 0;

	for (size_t j = 0; j < a->tokens; j++)
	{
		weight[j] = 0;
		for (size_t p = 0; p < a->size; p++)
			weight[j] += (double) a->q[token * a->ld + head * a->size + p] *
						 (double) a->k[j * a->ld + head * a->size + p] * (double) a->scale;
		largest = fmax(largest, weight[j]);
	}
	for (size_t p = 0; p < a->size; p++)
		y[p] = 0;
	for (size_t j = 0; j < a->tokens; j++)
	{
		double e = exp(weight[j] - largest);

		sum += e;
		for (size_t p = 0; p < a->size; p++)
			y[p] += e * (double) a->v[j * a->ld + head * a->size + p];
	}
	for (size_t p = 0; p < a->size; p++)
		y[p] /= sum;
	free(weight);
}

/* Every token, or, of a long text, some. */
static void
check_attention_of(UimlRng *rng, size_t tokens, size_t size, float spread)
{
	size_t width = HEADS * size, ld = 3 * width + 5;
	float *qkv = malloc(sizeof(float) * tokens * ld), *y = malloc(sizeof(float) * tokens * width);
	float *scratch = malloc(sizeof(float) * uiml_attention_scratch(tokens, size));
	double expected[128];
	UimlEnv env = uiml_env_malloc();
	UimlAttention a = {.tokens = tokens, .heads = HEADS, .size = size, .ld = ld};

	fill(rng, qkv, tokens * ld);
	for (size_t i = 0; i < tokens * ld; i++)
		qkv[i] *= spread;
	a.q = qkv;
	a.k = qkv + width;
	a.v = qkv + 2 * width;
	a.scale = 1 / sqrtf((float) size);
	a.y = y;
	a.ldy = width;
	a.scratch = scratch;
	assert_int_equal(uiml_attention(&env, &a), UIML_OK);
	for (size_t token = 0; token < tokens; token += 1 + tokens / 50)
		for (size_t head = 0; head < HEADS; head++)
		{
			plain_attention(&a, token, head, expected);
			for (size_t p = 0; p < size; p++)
				assert_near(uiml_kernels(), "attention", tokens, (double) y[token * width + head * size + p],
							expected[p], 3e-6 * spread * (1 + spread * spread));
		}
	free(qkv), free(y), free(scratch);
}

static void
test_attention(void **state)
{
	static const size_t sizes[] = {1, 8, 16, 24, 32, 64, 128};
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 8);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (size_t tokens = 1; tokens < 700; tokens += tokens < 20 ? 1 : 83)
			check_attention_of(&rng, tokens, sizes[s], 1);
	check_attention_of(&rng, 100, 32, 4);
	check_attention_of(&rng, 3001, 32, 1);
}

/* Strides fit their rows, and neither they nor scratch memory shrink. */
static void
test_sizes(void **state)
{
	(void) state;
	for (size_t n = 1; n < 9000; n++)
	{
		size_t stride = uiml_affine_stride(n);

		assert_true(stride >= n && stride < n + 23 * 16 && stride % 16 == 0);
		assert_true(stride <= uiml_affine_stride(n + 1));
		assert_true(uiml_attention_scratch(n, 1) <= uiml_attention_scratch(n + 1, 1));
	}
}

/* Work that is stopped at the k-th question whether to stop. */
static void
test_interrupts(void **state)
{
	enum
	{
		TOKENS = 900,
		SIZE = 32
	};
	float *x = calloc(TOKENS * 1536, sizeof(float)), *y = calloc(TOKENS * 1536, sizeof(float));
	float *panels = calloc(1536 * 384, sizeof(float));
	float *scratch = calloc(uiml_attention_scratch(TOKENS, SIZE), sizeof(float));
	UimlAffine affine = {.m = TOKENS, .k = 1536, .n = 384, .ldx = 1536, .ldy = 384};
	UimlAttention attention = {.tokens = TOKENS, .heads = 2, .size = SIZE, .ld = 3 * SIZE, .ldy = SIZE * 2};
	UimlStatus status = UIML_EINTERRUPTED;
	long k;

	(void) state;
	affine.x = attention.q = attention.k = attention.v = x;
	affine.panels = panels;
	affine.y = attention.y = y;
	attention.scratch = scratch;
	for (k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);

		status = uiml_affine(&env, &affine);
		assert_true(status == UIML_OK || status == UIML_EINTERRUPTED);
	}
	assert_true(k > 9); /* 530 million products */
	status = UIML_EINTERRUPTED;
	for (k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);

		status = uiml_attention(&env, &attention);
		assert_true(status == UIML_OK || status == UIML_EINTERRUPTED);
	}
	assert_true(k > 20);
	free(x), free(y), free(panels), free(scratch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_affine),      cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_company),     cmocka_unit_test(test_pack),
		cmocka_unit_test(test_activations), cmocka_unit_test(test_softmax),
		cmocka_unit_test(test_layer_norm),  cmocka_unit_test(test_attention),
		cmocka_unit_test(test_interrupts),  cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
