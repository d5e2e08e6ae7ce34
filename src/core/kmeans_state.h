/*
 * kmeans_state.h
 *	  The working state of a clustering: shared by the files kmeans*.c, of no use elsewhere.
 */
#ifndef UIML_KMEANS_STATE_H
#define UIML_KMEANS_STATE_H

#include "core/kmeans.h"
#include "core/rng.h"

/* Points whose cosines to all centroids are computed together. */
#define BLOCK_POINTS 512

/* What clusters are numbered by. */
typedef struct UimlKmeansRank
{
	double mass;
	size_t first; /* member */
	size_t cluster;
} UimlKmeansRank;

typedef struct Kmeans
{
	const UimlEnv *env;
	size_t n; /* points that take part: not zero */
	size_t d;
	size_t max_k;       /* clusters there is room for */
	size_t k;           /* clusters now */
	float *unit;        /* n x d: directions */
	double *weight;     /* n */
	double total;       /* weight */
	size_t *origin;     /* n: index among the caller's points */
	uint32_t *cluster;  /* n */
	double *distance;   /* n: to the own centroid; in the seeding, of the sample to the nearest centroid */
	size_t *sample;     /* points that seeding looks at */
	float *sample_unit; /* their directions */
	float *cosine;      /* of a block of points to all centroids, or of the sample to one */
	float *centroid;    /* max_k x d */
	float *best;        /* max_k x d: centroids of the best restart */
	double *sum;        /* max_k x d */
	double *mass;       /* max_k: weight in the cluster */
	size_t *members;    /* max_k: points in the cluster */
	double inertia;
	size_t iterations;
} Kmeans;

/* Refuses numbers that are not finite and weights below zero; counts the points that are not zero. */
extern UimlStatus uiml_kmeans_check(const UimlEnv *env, const float *points, const float *weight, size_t n,
									size_t d, size_t *usable);

/* Allocates for n points and up to k clusters; release it whatever the status. */
extern UimlStatus uiml_kmeans_allocate(Kmeans *state, const UimlEnv *env, size_t n, size_t d, size_t k);
extern void uiml_kmeans_release(Kmeans *state);

/* Loads state->n of the usable points, all or a random sample.  UIML_EEMPTY when they have no weight. */
extern UimlStatus uiml_kmeans_load(Kmeans *state, const float *points, const float *weight, size_t n,
								   size_t usable, UimlRng *rng);

/* Draws the points that seeding looks at, all of them where there are few; returns how many. */
extern size_t uiml_kmeans_sample(Kmeans *state, UimlRng *rng);

/* The best of params->restarts clusterings with params->k <= max_k clusters. */
extern UimlStatus uiml_kmeans_run(Kmeans *state, const UimlKmeansParams *params, UimlRng *rng);

/* Weighted mean of the simplified silhouettes of the clustering at hand. */
extern UimlStatus uiml_kmeans_silhouette(Kmeans *state, double *silhouette);

#endif /* UIML_KMEANS_STATE_H */
