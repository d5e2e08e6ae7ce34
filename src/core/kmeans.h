/*
 * kmeans.h
 *	  Spherical k-means with greedy k-means++ seeding, and the choice of k by simplified silhouette.
 */
#ifndef UIML_KMEANS_H
#define UIML_KMEANS_H

#include "core/uiml.h"

typedef struct UimlKmeansParams
{
	size_t k;              /* clusters, 1 .. 65535 */
	size_t max_iterations; /* 100 */
	size_t restarts;       /* seedings tried, the lowest inertia is kept; 3 */
	double tolerance;      /* stop when inertia falls by less than this share, 1e-5 */
	uint64_t seed;
} UimlKmeansParams;

/* What a clustering is like. */
typedef struct UimlKmeansResult
{
	size_t k;       /* clusters that hold points, <= params.k when there are fewer distinct points */
	double inertia; /* weighted sum of 1 - cosine to the own centroid */
	double
		silhouette; /* weighted mean of simplified silhouettes, -1 .. 1; 0 for points alone and for k = 1 */
	size_t iterations;
} UimlKmeansResult;

extern UimlKmeansParams uiml_kmeans_defaults(size_t k);

/*
 * uiml_kmeans_spherical
 *		Clusters the directions of n points.
 *
 * points:	n x d row-major, finite; not changed.  All-zero points belong to no cluster.
 * weight:	n weights >= 0, or NULL for 1
 * centroid: receives k x d row-major unit vectors; clusters are numbered by falling total weight (ties by
 *			first member), so that numbers do not depend on the seeding; rows from result->k on are zero
 * cluster: receives n cluster numbers; UINT32_MAX for an all-zero point
 *
 * Deterministic for a seed.  Returns UIML_OK, UIML_EINVALID, UIML_EEMPTY (no non-zero point with weight),
 * UIML_ENOTFINITE, UIML_ENOMEM, UIML_EINTERRUPTED.  Cost by sgemm blocks, O(iterations n k d).
 */
extern UimlStatus uiml_kmeans_spherical(const UimlEnv *env, const float *points, const float *weight,
										size_t n, size_t d, const UimlKmeansParams *params, float *centroid,
										uint32_t *cluster, UimlKmeansResult *result);

/*
 * uiml_kmeans_choose
 *		The number of clusters: the smallest k of a grid whose simplified silhouette (Hruschka et al. 2004) is
 *		near the highest.  The rule and the evidence for it are at the top of kmeans_choose.c.
 *
 * Runs on at most 20,000 points drawn with the seed.  The grid is {4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128}
 * up to max_k (>= 1), which is itself tried where it is below 4; with fewer distinct points than a value, the
 * number of distinct points is tried and the grid ends.  k beyond 32 is chosen only where it is clearly
 * better.  silhouette may be NULL; it receives that of the chosen k.  Statuses as uiml_kmeans_spherical.
 */
extern UimlStatus uiml_kmeans_choose(const UimlEnv *env, const float *points, const float *weight, size_t n,
									 size_t d, size_t max_k, uint64_t seed, size_t *k, double *silhouette);

/* Bytes that uiml_kmeans_spherical allocates at its peak. */
extern size_t uiml_kmeans_memory(size_t n, size_t d, size_t k);

#endif /* UIML_KMEANS_H */
