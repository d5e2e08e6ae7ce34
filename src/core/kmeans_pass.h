/*
 * kmeans_pass.h
 *	  The mergeable state of one pass of k-means over rows that don't fit into memory.
 *
 * A pass assigns each row to the nearest of given centroids and adds it to the sums of that cluster: the same
 * step as in kmeans.c, through the same functions, so that both give the same clusters.  States of any
 * partition of the rows add up.  Rows wait until there are enough for the kernel.
 */
#ifndef UIML_KMEANS_PASS_H
#define UIML_KMEANS_PASS_H

#include "core/centroids.h"
#include "core/kmeans.h"

/* Sums over the points of a cluster. */
typedef struct UimlPassCluster
{
	double size;    /* points */
	double members; /* points with weight */
	double mass;
	double inertia;
	double silhouette;
} UimlPassCluster;

typedef struct UimlKmeansPass
{
	uint32_t length_word; /* the owner's: a varlena header in the server */
	uint32_t k;
	uint32_t d;
	uint32_t spherical; /* 0 or 1 */
	uint64_t waiting;   /* rows that wait, < UIML_NEAREST_POINTS */
	double data[];      /* see uiml_kmeans_pass_cluster and so on */
} UimlKmeansPass;

/* Bytes of a state; SIZE_MAX beyond size_t. */
extern size_t uiml_kmeans_pass_size(size_t k, size_t d);

/* The parts: k; k x d sums of weighted points or directions; k x d centroids; what waits. */
extern UimlPassCluster *uiml_kmeans_pass_cluster(UimlKmeansPass *pass);
extern double *uiml_kmeans_pass_sum(UimlKmeansPass *pass);
extern float *uiml_kmeans_pass_centroid(UimlKmeansPass *pass);

/* Makes uiml_kmeans_pass_size(k, d) bytes an empty state; length_word and the centroids are left alone. */
extern void uiml_kmeans_pass_init(UimlKmeansPass *pass, size_t k, size_t d, bool spherical);

/*
 * uiml_kmeans_pass_add
 *		Adds d elements x with a weight, finite and >= 0.  True when no more rows can wait:
 *		uiml_kmeans_pass_flush must be called before the next one.
 */
extern bool uiml_kmeans_pass_add(UimlKmeansPass *pass, const float *x, double weight);

/*
 * uiml_kmeans_pass_flush
 *		Assigns the rows that wait.  centroids are those of the state; rows has room for UIML_NEAREST_POINTS x
 *		d and is finite.
 */
extern void uiml_kmeans_pass_flush(UimlKmeansPass *pass, const UimlCentroids *centroids, float *rows);

/* Both have the same k, d and centroids, byte for byte. */
extern bool uiml_kmeans_pass_matches(const UimlKmeansPass *pass, const UimlKmeansPass *other);

/* Adds the sums of another state that matches and where no rows wait. */
extern void uiml_kmeans_pass_merge(UimlKmeansPass *pass, const UimlKmeansPass *other);

/* What the clusters (k) are like. */
extern void uiml_kmeans_pass_describe(const UimlKmeansPass *pass, UimlKmeansCluster *each);

/*
 * The binary form, little-endian: magic "ukms", uint16 version 1, uint16 1 if spherical, uint64 length of
 * all, uint32 k, uint32 d, k times the five float8 of UimlPassCluster, k x d float8 sums, k x d float4
 * centroids.  No rows wait.
 */
#define UIML_KMEANS_PASS_HEADER 24

/* Bytes of the binary form; SIZE_MAX beyond size_t. */
extern size_t uiml_kmeans_pass_binary_size(size_t k, size_t d);
extern void uiml_kmeans_pass_write(const UimlKmeansPass *pass, void *bytes);

/*
 * uiml_kmeans_pass_read_head
 *		Checks the head of a binary form against its length.  UIML_OK; UIML_ECORRUPT; UIML_ELIMIT when there
 *		are more than UIML_KMEANS_MAX_K clusters or max_d dimensions.
 */
extern UimlStatus uiml_kmeans_pass_read_head(const void *bytes, size_t length, size_t max_d, size_t *k,
											 size_t *d);

/*
 * uiml_kmeans_pass_read
 *		Reads a binary form whose head has been checked into a state of that k and d.  UIML_ECORRUPT when a
 *		field is out of its range, UIML_ENOTFINITE for a number that is not finite.
 */
extern UimlStatus uiml_kmeans_pass_read(const void *bytes, size_t k, size_t d, UimlKmeansPass *pass);

#endif /* UIML_KMEANS_PASS_H */
