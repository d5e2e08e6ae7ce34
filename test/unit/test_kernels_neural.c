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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_affine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
