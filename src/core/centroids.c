/*
 * centroids.c
 *	  Centroids laid out for speed, and the nearest of them to a point.
 *
 * Which centroid is nearest is decided in float by the fused kernel.  The distance to it is then taken again
 * as a sum of squared differences, and the second as what it exceeds the first by: so a point that is a
 * centroid has distance zero.  Where the two are not apart by more than the cancellation in |x|^2 - 2 x'c +
 * |c|^2 can make of them, all distances of the point are taken that way.  In most data these are some points
 * in ten thousand; where clusters lie together far from the others, it is all of theirs.
 */
#include "core/centroids.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MIDDLE_ROWS 255 /* that a middle is taken of */

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

static int
compare_floats(const void *a, const void *b)
{
	float x = *(const float *) a, y = *(const float *) b;

	return (x > y) - (x < y);
}

void
uiml_rows_middle(const float *x, const size_t *row, size_t n, size_t d, float *middle)
{
	size_t count = n < MIDDLE_ROWS ? n : MIDDLE_ROWS;
	float value[MIDDLE_ROWS];

	for (size_t j = 0; j < d; j++)
	{
		for (size_t i = 0; i < count; i++)
		{
			size_t at = (size_t) ((double) i / (double) count * (double) n);

			value[i] = x[(row != NULL ? row[at] : at) * d + j];
		}
		qsort(value, count, sizeof(float), compare_floats);
		middle[j] = value[count / 2];
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
	if (centroids->spherical)
		memset(centroids->shift, 0, d * sizeof(float));
	else
		uiml_rows_middle(centroid, NULL, k, d, centroids->shift);
	for (size_t c = 0; c < k; c++)
	{
		kernels->subtract(centroid + c * d, centroids->shift, d, centroids->near + c * d);
		longest = fmax(longest, kernels->square_sum(centroids->near + c * d, d));
	}
	centroids->longest = longest;
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

/* Both distances by comparing with every centroid, the lower number of equals. */
static void
compare_all(const UimlCentroids *centroids, const float *row, UimlNearest *nearest)
{
	*nearest = (UimlNearest){.distance = INFINITY, .second = INFINITY};
	for (size_t c = 0; c < centroids->k; c++)
	{
		double distance =
			centroids->kernels->l2_squared(row, centroids->near + c * centroids->d, centroids->d);

		if (distance < nearest->distance)
			*nearest = (UimlNearest){(uint32_t) c, distance, nearest->distance};
		else if (distance < nearest->second)
			nearest->second = distance;
	}
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
		double apart = 2 * ((double) second[i] - (double) best[i]);

		nearest[i] = (UimlNearest){.cluster = cluster[i], .distance = distance, .second = distance + apart};
		if (isfinite(distance) && !(apart > uiml_centroids_error(centroids, &nearest[i])))
			compare_all(centroids, rows + i * d, &nearest[i]);
	}
}

/*
 * A score is a chain of d fused multiply-adds, the last of them with the offset: each rounds by at most 2^-24
 * of what the sum of absolute products can be, |x| |c| (Higham 2002, section 3.1).  Placing rounds x and c
 * once more.  Two scores, doubled: 4 (d + 6) 2^-24 times |x| |c| + |c|^2 / 2, which is at most |x|^2 / 4 +
 * 3/2 |c|^2.  x is no longer than its centroid and the distance to it together; nor is any centroid as near
 * as the second longer than x and that distance, and farther ones can't be taken for near.
 */
double
uiml_centroids_error(const UimlCentroids *centroids, const UimlNearest *nearest)
{
	double x = 2 * (nearest->distance + 2 * (double) centroids->offset[nearest->cluster]);
	double c = fmin(centroids->longest, 2 * (x + fmax(nearest->second, nearest->distance)));

	return 4 * 0x1p-24 * ((double) centroids->d + 6) * (x / 4 + 1.5 * c);
}

double
uiml_direction_scale(const float *x, size_t d)
{
	double squares = uiml_kernels()->square_sum(x, d);

	return squares > 0 ? 1 / sqrt(squares) : 0;
}
