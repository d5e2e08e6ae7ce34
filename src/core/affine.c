/*
 * affine.c
 *	  Layers of a neural network, cut so that work can be interrupted.
 *
 * A block of columns takes all rows of a block before the next is begun: its weights are read from memory
 * once.
 */
#include "core/affine.h"

/* Multiplications between two questions whether to stop: some 2 ms with AVX2, 10 ms with SSE2. */
#define STEP_PRODUCTS ((size_t) 6e7)
#define STEP_ROWS     ((size_t) 384)

/* The columns, whole panels, of one step. */
static size_t
step_columns(size_t rows, size_t k)
{
	size_t panels = STEP_PRODUCTS / (UIML_AFFINE_PANEL * rows) / k;

	return UIML_AFFINE_PANEL * (panels > 2 ? panels : 2);
}

UimlStatus
uiml_affine(const UimlEnv *env, const UimlAffine *affine)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t rows = affine->m < STEP_ROWS ? affine->m : STEP_ROWS;
	size_t columns = step_columns(rows, affine->k);

	for (size_t i = 0; i < affine->m; i += rows)
		for (size_t j = 0; j < affine->n; j += columns)
		{
			UimlAffine step = *affine;

			if (uiml_interrupted(env))
				return UIML_EINTERRUPTED;
			step.m = affine->m - i < rows ? affine->m - i : rows;
			step.n = affine->n - j < columns ? affine->n - j : columns;
			step.x += i * affine->ldx;
			step.panels += j * affine->k;
			if (step.factor != NULL)
				step.factor += i;
			if (step.bias != NULL)
				step.bias += j;
			if (step.residual != NULL)
				step.residual += i * affine->ldr + j;
			step.y += i * affine->ldy + j;
			kernels->affine(&step);
		}
	return UIML_OK;
}
