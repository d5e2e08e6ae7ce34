/*
 * pooling.c
 *	  Mean, first and maximum of rows.
 */
#include <string.h>

#include "core/kernels.h"
#include "core/pooling.h"

static void
pool_mean(const float *rows, size_t n, size_t dims, size_t stride, double *sum, float *x)
{
	memset(sum, 0, dims * sizeof(double));
	for (size_t i = 0; i < n; i++)
		uiml_kernels()->accumulate(rows + i * stride, dims, sum);
	for (size_t j = 0; j < dims; j++)
		x[j] = (float) (sum[j] / (double) n);
}

void
uiml_pool(UimlPooling pooling, const float *rows, size_t n, size_t dims, size_t stride, double *sum, float *x)
{
	if (pooling == UIML_POOLING_MEAN)
	{
		pool_mean(rows, n, dims, stride, sum, x);
		return;
	}
	memcpy(x, rows, dims * sizeof(float));
	for (size_t i = 1; pooling == UIML_POOLING_MAX && i < n; i++)
		uiml_kernels()->maximum(x, rows + i * stride, dims, x);
}
