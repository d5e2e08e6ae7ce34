/*
 * centroids.h
 *	  Centroids laid out for speed, and the nearest of them to a point.
 */
#ifndef UIML_CENTROIDS_H
#define UIML_CENTROIDS_H

#include "core/kernels.h"
#include "core/uiml.h"

/*
 * k centroids of d dimensions.  Points and centroids are taken relative to shift, the middle of the
 * centroids: |c|^2 / 2 - x'c would cancel where the data lie far from the origin.  Directions (spherical) are
 * not shifted.
 */
typedef struct UimlCentroids
{
	const UimlKernels *kernels;
	size_t k;
	size_t d;
	bool spherical;
	float *shift;   /* d */
	float *near;    /* k x d: centroid - shift */
	float *panels;  /* as kernels->nearest takes them */
	float *offset;  /* k, rounded up to whole panels */
	double longest; /* squared norm of the longest row of near */
} UimlCentroids;

/* Bytes of the arrays for up to k centroids. */
extern size_t uiml_centroids_memory(size_t k, size_t d);

/*
 * uiml_centroids_init
 *		Prepares for up to k centroids; memory, of uiml_centroids_memory(k, d) bytes aligned for doubles,
 *		stays the caller's.
 */
extern void uiml_centroids_init(UimlCentroids *centroids, size_t k, size_t d, bool spherical, void *memory);

/*
 * uiml_panels_pack
 *		Lays rows (k x d) out as kernels->nearest and kernels->scores take them.  panels and offset have room
 *		for k rounded up to whole panels.
 */
extern void uiml_panels_pack(const UimlKernels *kernels, const float *row, size_t k, size_t d, float *panels,
							 float *offset);

/* Takes k centroids (k x d row-major, finite; of unit length where they are directions). */
extern void uiml_centroids_set(UimlCentroids *centroids, const float *centroid, size_t k);

/*
 * uiml_centroids_place
 *		Writes x * scale - shift, rounded to float, to row: what uiml_centroids_nearest takes.  scale must be
 *		1 unless centroids are spherical, where it is 1 / |x|.
 */
extern void uiml_centroids_place(const UimlCentroids *centroids, const float *x, double scale, float *row);

/* What uiml_centroids_nearest found for a point. */
typedef struct UimlNearest
{
	uint32_t cluster;
	double distance; /* squared, to the nearest centroid; summed directly, so that equal is 0 */
	double second;   /* squared, to the second nearest; infinite for k = 1 */
} UimlNearest;

/*
 * The nearest for n <= UIML_NEAREST_POINTS placed rows; there must be UIML_NEAREST_POINTS rows, all finite.
 */
extern void uiml_centroids_nearest(const UimlCentroids *centroids, const float *rows, size_t n,
								   UimlNearest *nearest);

/*
 * uiml_centroids_error
 *		A bound on the rounding error of second - distance, as a difference of scores, for a point that
 *		nearest is about.
 */
extern double uiml_centroids_error(const UimlCentroids *centroids, const UimlNearest *nearest);

/*
 * uiml_rows_middle
 *		The median of each column of n > 0 rows of d elements, finite, or of a few hundred of the rows, evenly
 *		spaced.  Near most rows however far away some are, as a mean is not.
 *
 * row:		which rows of x; NULL: the first n
 */
extern void uiml_rows_middle(const float *x, const size_t *row, size_t n, size_t d, float *middle);

/* 1 / |x|, or 0 for a zero vector: the scale of a direction.  In double, so that denormals have one too. */
extern double uiml_direction_scale(const float *x, size_t d);

#endif /* UIML_CENTROIDS_H */
