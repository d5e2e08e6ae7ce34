/*
 * svd_kernel.h
 *	  Sums of panel rows: the two inner loops of a sparse-times-panel product.
 */
#ifndef UIML_SVD_KERNEL_H
#define UIML_SVD_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* z (l) += sum of value[k] * row col[k] of panel, k < n; panel rows have l floats. */
typedef void (*UimlGatherRows)(const uint32_t *col, const float *value, size_t n, const float *panel,
							   size_t l, float *z);

/* row col[k] of panel += value[k] * z, k < n. */
typedef void (*UimlScatterRows)(const uint32_t *col, const float *value, size_t n, const float *z, size_t l,
								float *panel);

typedef struct UimlSvdKernels
{
	UimlGatherRows gather;
	UimlScatterRows scatter;
} UimlSvdKernels;

/* The fastest pair that this processor runs. */
extern UimlSvdKernels uiml_svd_kernels(void);

#endif /* UIML_SVD_KERNEL_H */
