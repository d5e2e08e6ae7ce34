/*
 * centroids.c
 *	  Centroids laid out for speed, and the nearest of them to a point.
 *
 * Which centroid is nearest is decided in float by the fused kernel.  The distance to it is then taken again as
 * a sum of squared differences, and the second as what it exceeds the first by: so a point that is a centroid
 * has distance zero, and near ties apart, no figure suffers from the cancellation in |x|^2 - 2 x'c + |c|^2.
 */
#include "core/centroids.h"

#include <math.h>
#include <string.h>

static size_t
padded(const UimlKernels *kernels, size_t k)
{
	return (k + kernels->panel - 1) / kernels->panel * kernels->panel;
}

size_t
uiml_centroids_memory(size_t k, size_t d)
{
	size_t whole = padded(uiml_kernels(), k);
	size_t floats, bytes;

	if (__builtin_mul_overflow(k + whole + 1, d, &floats) || __builtin_add_overflow(floats, whole, &floats) ||
		__builtin_mul_overflow(floats, sizeof(float), &bytes))
		return SIZE_MAX;
	return bytes;
}

void
uiml_centroids_init(UimlCentroids *centroids, size_t k, size_t d, bool spherical, void *memory)
{
	const UimlKernels *kernels = uiml_kernels();
	float *next = memory;

	*centroids = (UimlCentroids){.kernels = kernels, .d = d, .spherical = spherical};
	centroids->shift = next;
	centroids->near = next + d;
	centroids->panels = centroids->near + k * d;
	centroids->offset = centroids->panels + padded(kernels, k) * d;
}

/* The mean of the centroids, by columns in double. */
static void
set_shift(UimlCentroids *centroids, const float *centroid)
{
	size_t k = centroids->k, d = centroids->d;

	for (size_t j = 0; j < d; j++)
	{
		double sum = 0;

		for (size_t c = 0; c < k && !centroids->spherical; c++)
			sum += (double) centroid[c * d + j];
		centroids->shift[j] = (float) (sum / (double) k);
	}
}

void
uiml_panels_pack(const UimlKernels *kernels, const float *row, size_t k, size_t d, float *panels,
				 float *offset)
{
	size_t panel = kernels->panel;

	for (size_t c = 0; c < padded(kernels, k); c++)
	{
		float *packed = panels + c / panel * panel * d + c % panel;

		offset[c] = c < k ? (float) (kernels->square_sum(row + c * d, d) / 2) : INFINITY;
		for (size_t j = 0; j < d; j++)
			packed[j * panel] = c < k ? row[c * d + j] : 0;
	}
}

void
uiml_centroids_set(UimlCentroids *centroids, const float *centroid, size_t k)
{
	const UimlKernels *kernels = centroids->kernels;
	size_t d = centroids->d;
	double longest = 0;

	centroids->k = k;
	set_shift(centroids, centroid);
	for (size_t c = 0; c < k; c++)
	{
		kernels->subtract(centroid + c * d, centroids->shift, d, centroids->near + c * d);
		longest = fmax(longest, kernels->square_sum(centroids->near + c * d, d));
	}
	centroids->longest = sqrt(longest);
	uiml_panels_pack(kernels, centroids->near, k, d, centroids->panels, centroids->offset);
}

void
uiml_centroids_place(const UimlCentroids *centroids, const float *x, double scale, float *row)
{
	if (centroids->spherical)
		centroids->kernels->scale(x, scale, centroids->d, row);
	else
		centroids->kernels->subtract(x, centroids->shift, centroids->d, row);
}

void
uiml_centroids_nearest(const UimlCentroids *centroids, const float *rows, size_t n, UimlNearest *nearest)
{
	uint32_t cluster[UIML_NEAREST_POINTS];
	float best[UIML_NEAREST_POINTS], second[UIML_NEAREST_POINTS];
	size_t d = centroids->d;

	centroids->kernels->nearest(rows, n, d, centroids->panels, centroids->offset, centroids->k, cluster, best,
								second);
	for (size_t i = 0; i < n; i++)
	{
		const float *near = centroids->near + cluster[i] * d;
		double distance = centroids->kernels->l2_squared(rows + i * d, near, d);

		nearest[i] = (UimlNearest){.cluster = cluster[i],
								   .distance = distance,
								   .second = distance + 2 * ((double) second[i] - (double) best[i])};
	}
}

/*
 * A score is a chain of d fused multiply-adds, the last of them with the offset: each rounds by at most 2^-24 of
 * what the sum of absolute products can be, |x| |c| (Higham 2002, section 3.1).  Placing rounds x and c once
 * more.  Two scores, doubled.
 */
double
uiml_centroids_error(const UimlCentroids *centroids, double distance)
{
	double c = centroids->longest;
	double x = distance + c;

	return 4 * ldexp((double) centroids->d + 6, -24) * (x * c + c * c / 2);
}

double
uiml_direction_scale(const float *x, size_t d)
{
	double squares = uiml_kernels()->square_sum(x, d);

	return squares > 0 ? 1 / sqrt(squares) : 0;
}
