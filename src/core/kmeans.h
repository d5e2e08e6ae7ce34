/*
 * kmeans.h
 *	  K-means, Euclidean and spherical, with greedy k-means++ seeding, and the choice of k by simplified
 *	  silhouette.
 */
#ifndef UIML_KMEANS_H
#define UIML_KMEANS_H

#include "core/uiml.h"

#define UIML_KMEANS_MAX_K 65535

/* Euclidean points are no longer than this, so that squares stay within float. */
#define UIML_KMEANS_LARGEST 1e15

/* Points this near, not squared, are the same: adjacent floats (times |x|), and directions rounded apart. */
#define UIML_KMEANS_SAME_POINT     2.5e-7
#define UIML_KMEANS_SAME_DIRECTION 1.5e-6

typedef struct UimlKmeansParams
{
	size_t k;       /* clusters, 1 .. UIML_KMEANS_MAX_K */
	bool spherical; /* cluster directions, by 1 - cosine; otherwise points, by squared distance */
	const float
		*initial; /* k x d centroids to start from, finite (and not zero if spherical); NULL: seeding */
	size_t max_iterations; /* 100 */
	size_t restarts; /* seedings tried, the lowest inertia is kept; 3.  Of many points, on a sample of them */
	double tolerance; /* stop when inertia falls by less than this share, 1e-5; 0: when no point moves */
	uint64_t seed;
} UimlKmeansParams;

/* What a clustering is like. */
typedef struct UimlKmeansResult
{
	size_t k;       /* clusters that hold points, <= params.k when there are fewer distinct points */
	double inertia; /* weighted sum of squared distances, or of 1 - cosine, to the own centroid */
	double
		silhouette; /* weighted mean of simplified silhouettes, -1 .. 1; 0 for points alone and for k = 1 */
	size_t iterations;
} UimlKmeansResult;

/* What one cluster is like. */
typedef struct UimlKmeansCluster
{
	size_t size; /* points, those without weight too */
	double mass; /* their weight */
	double inertia;
	double silhouette; /* weighted mean; 0 for a point alone */
} UimlKmeansCluster;

extern UimlKmeansParams uiml_kmeans_defaults(size_t k);

/*
 * uiml_kmeans
 *		Clusters n points.
 *
 * points:	n x d row-major, finite; not changed.  Euclidean ones are no longer than UIML_KMEANS_LARGEST, and
 *			differences below 1e-19 count as none.  All-zero points have no direction and belong to no
 *			spherical cluster.
 * weight:	n weights >= 0, or NULL for 1
 * centroid: receives k x d row-major centroids, unit vectors if spherical; clusters are numbered by falling
 *			total weight (ties by their first different element, the lower first), so that numbers depend
 *			neither on the seeding nor on the order of the points; rows from result->k on are zero
 * cluster: receives n cluster numbers; UINT32_MAX for a point of no cluster
 * each:	receives params->k descriptions, zero from result->k on; may be NULL
 *
 * Deterministic for a seed and an order of the points, whatever the number of threads.  Returns UIML_OK,
 * UIML_EINVALID, UIML_EEMPTY (no point with weight), UIML_ENOTFINITE, UIML_ELIMIT (a point beyond
 * UIML_KMEANS_LARGEST), UIML_ENOMEM, UIML_EINTERRUPTED.  O(iterations n k d) at worst; distances that the
 * triangle inequality makes needless are not computed.
 */
extern UimlStatus uiml_kmeans(const UimlEnv *env, const float *points, const float *weight, size_t n,
							  size_t d, const UimlKmeansParams *params, float *centroid, uint32_t *cluster,
							  UimlKmeansResult *result, UimlKmeansCluster *each);

/*
 * uiml_kmeans_centroid
 *		The mean of a cluster (d) from its weighted sum and its mass, or the direction of the sum.  False, and
 *		centroid
 *		is left as it is, where there is none: no mass, or opposite points that cancel.
 */
extern bool uiml_kmeans_centroid(const double *sum, double mass, size_t d, bool spherical, float *centroid);

/*
 * The simplified silhouette of a point, of squared distances to its own and to the second nearest centroid.
 */
extern double uiml_kmeans_point_silhouette(bool spherical, double distance, double second);

/* The number of each of k clusters in a result; UIML_OK or UIML_ENOMEM. */
extern UimlStatus uiml_kmeans_number(const UimlEnv *env, const float *centroid, const UimlKmeansCluster *each,
									 size_t k, size_t d, uint32_t *number);

/*
 * uiml_kmeans_choose
 *		The number of clusters: the smallest k of a grid whose simplified silhouette (Hruschka et al. 2004) is
 *		near the highest.  The rule and the evidence for it are at the top of kmeans_choose.c.
 *
 * Runs on at most UIML_KMEANS_CHOOSE_POINTS points drawn with the seed.  The grid is {4, 6, 8, 12, 16, 24,
 * 32, 48, 64, 96, 128} up to max_k (>= 1), which is itself tried where it is below 4; with fewer distinct
 * points than a value, the number of distinct points is tried and the grid ends.  k beyond 32 is chosen only
 * where it is clearly better.  silhouette may be NULL; it receives that of the chosen k.  Statuses as
 * uiml_kmeans.
 */
#define UIML_KMEANS_CHOOSE_POINTS 20000
extern UimlStatus uiml_kmeans_choose(const UimlEnv *env, const float *points, const float *weight, size_t n,
									 size_t d, bool spherical, size_t max_k, uint64_t seed, size_t *k,
									 double *silhouette);

/* Points that seeding looks at, n or fewer. */
extern size_t uiml_kmeans_seed_points(size_t n, size_t k);

/* Bytes that uiml_kmeans allocates at its peak. */
extern size_t uiml_kmeans_memory(size_t n, size_t d, size_t k);

#endif /* UIML_KMEANS_H */
