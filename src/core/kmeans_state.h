/*
 * kmeans_state.h
 *	  The working state of a clustering: shared by the files kmeans*.c, of no use elsewhere.
 */
#ifndef UIML_KMEANS_STATE_H
#define UIML_KMEANS_STATE_H

#include "core/centroids.h"
#include "core/kmeans.h"
#include "core/rng.h"

/* Of a point that is in no cluster. */
#define NO_CLUSTER UINT32_MAX

/* Pieces of a job. */
#define KMEANS_PIECES 32

/* Points between two questions whether to stop, where little is done for each. */
#define STRIDE 65536

/* Distances are floats; bounds are rounded away from each other by more than half of the last digit. */
#define ROUND_UP   (1 + 0x1p-22)
#define ROUND_DOWN (1 - 0x1p-22)

typedef struct Kmeans
{
	const UimlEnv *env;
	bool spherical;
	size_t n;
	size_t d;
	size_t max_k;        /* clusters there is room for */
	size_t k;            /* clusters now */
	const float *x;      /* n x d: the caller's, or owned */
	const float *weight; /* n; NULL: 1 */
	float *owned_x;      /* of a sample; else NULL */
	float *owned_weight;
	double *scale;     /* n: 1 / |x|, 0 for a zero point; NULL unless spherical */
	double total;      /* weight */
	double squares;    /* weighted sum of |x|^2; of 1, if spherical */
	uint32_t *cluster; /* n: the nearest centroid */
	uint32_t *added;   /* n: the cluster whose sums hold the point */
	float *upper;      /* n: the own centroid is no farther than this; not squared */
	float *lower;      /* n: no other centroid is nearer than this */
	float *rows;       /* KMEANS_PIECES x UIML_NEAREST_POINTS x d: points in front of the kernel */
	UimlCentroids now; /* centroid, laid out */
	void *layout;      /* its memory */
	float *centroid;   /* max_k x d */
	float *best;       /* max_k x d: centroids of the best restart */
	float *moved;      /* max_k: how far a centroid went, not squared */
	double *sum;       /* max_k x d: weighted, of points or directions */
	double *mass;      /* max_k: weight in the cluster */
	size_t *members;   /* max_k: points with weight in the cluster */
	double inertia;
	size_t iterations;
} Kmeans;

static inline double
kmeans_weight(const Kmeans *state, size_t i)
{
	return state->weight != NULL ? (double) state->weight[i] : 1;
}

static inline double
kmeans_scale(const Kmeans *state, size_t i)
{
	return state->scale != NULL ? state->scale[i] : 1;
}

/*
 * Refuses numbers that are not finite or out of range and weights below zero; counts the points that can be
 * in a cluster, and tells whether one of them has weight.
 */
extern UimlStatus uiml_kmeans_check(const UimlEnv *env, const float *points, const float *weight, size_t n,
									size_t d, bool spherical, size_t *usable, bool *has_weight);

/*
 * Allocates for n points, owned ones if they are a sample, and up to k clusters; release it whatever the
 * status.
 */
extern UimlStatus uiml_kmeans_allocate(Kmeans *state, const UimlEnv *env, size_t n, size_t d, bool spherical,
									   size_t k, bool sample);
extern void uiml_kmeans_release(Kmeans *state);

/* Takes the n points, or, where the state is of a sample, a random one of the usable points. */
extern UimlStatus uiml_kmeans_load(Kmeans *state, const float *points, const float *weight, size_t n,
								   size_t usable, UimlRng *rng);

/* Greedy k-means++: sets state->k <= k and the centroids. */
extern UimlStatus uiml_kmeans_seed(Kmeans *state, size_t k, UimlRng *rng);

/* Points of the sample that seeding clusters first where there are more than these; else n. */
extern size_t uiml_kmeans_refine_points(size_t n, size_t k);

/* Sets state->k <= params->k and the centroids to those of a clustering of a sample. */
extern UimlStatus uiml_kmeans_refine(Kmeans *state, const UimlKmeansParams *params, UimlRng *rng);

/* Points nearer than this, not squared, count as the same: what rounding to float may set apart. */
extern double uiml_kmeans_same(const Kmeans *state, size_t i);

/*
 * Assigns points by the centroids as they are now; where bounded, the bounds hold for the centroids before,
 * and moved says how they got here since.
 */
extern UimlStatus uiml_kmeans_reassign(Kmeans *state, bool bounded);

/* Makes upper the distance to the own centroid. */
extern UimlStatus uiml_kmeans_measure(Kmeans *state);

/* Assigns every point to its nearest centroid, and brings the clusters' sums and the inertia up to date. */
extern UimlStatus uiml_kmeans_assign(Kmeans *state);

/* Lloyd's iterations from the centroids there are. */
extern UimlStatus uiml_kmeans_lloyd(Kmeans *state, const UimlKmeansParams *params);

/* The best of params->restarts clusterings with params->k <= max_k clusters. */
extern UimlStatus uiml_kmeans_run(Kmeans *state, const UimlKmeansParams *params, UimlRng *rng);

/* Takes each point's own and second centroid again; adds up inertia and silhouette of each cluster (k). */
extern UimlStatus uiml_kmeans_describe(Kmeans *state, UimlKmeansCluster *each, double *silhouette);

#endif /* UIML_KMEANS_STATE_H */
