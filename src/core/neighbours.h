/*
 * neighbours.h
 *	  The k nearest of n vectors, exactly, for each of many queries.
 */
#ifndef UIML_NEIGHBOURS_H
#define UIML_NEIGHBOURS_H

#include "core/uiml.h"

typedef enum UimlDistance
{
	UIML_DISTANCE_COSINE,       /* uiml_vector_cosine_distance */
	UIML_DISTANCE_L2,           /* square root of uiml_vector_l2_squared */
	UIML_DISTANCE_INNER_PRODUCT /* minus uiml_vector_dot, so that the nearest has the largest product */
} UimlDistance;

typedef struct UimlNeighboursJob
{
	UimlDistance distance;
	size_t d;       /* > 0 */
	size_t n;       /* candidates, at most UINT32_MAX */
	const float *x; /* n x d, finite */
	size_t n_queries;
	const float *query; /* n_queries x d, finite; NULL: each candidate among all others */
	size_t k;           /* >= 1 */
} UimlNeighboursJob;

typedef struct UimlNeighbour
{
	uint32_t index; /* of the candidate */
	double distance;
} UimlNeighbour;

typedef struct UimlNeighbours UimlNeighbours;

/*
 * uiml_neighbours_begin
 *		Starts a search; the arrays of job must outlive it.
 *
 * Returns UIML_OK, UIML_EINVALID, UIML_ELIMIT, UIML_ENOMEM, UIML_EINTERRUPTED.  O(n d) time.
 */
extern UimlStatus uiml_neighbours_begin(const UimlEnv *env, const UimlNeighboursJob *job,
										UimlNeighbours **search);

/*
 * uiml_neighbours_next
 *		The neighbours of the next block of queries, *first .. *first + *count - 1; *count is 0 behind the
 *		last.
 *
 * Results are those of computing every distance: distances are what the functions of vector.h give, nearest
 * first, ties in order of index.  They don't depend on the number of threads.  Returns UIML_OK, UIML_ELIMIT,
 * UIML_EINTERRUPTED.  O(n d) time for each query, as a product of matrices.
 */
extern UimlStatus uiml_neighbours_next(UimlNeighbours *search, size_t *first, size_t *count);

/* Those of a query of the current block, *found of them: k, or all there are. */
extern const UimlNeighbour *uiml_neighbours_of(const UimlNeighbours *search, size_t query, size_t *found);

extern void uiml_neighbours_end(UimlNeighbours *search);

/* Bytes that a search holds. */
extern size_t uiml_neighbours_memory(size_t n, size_t n_queries, size_t d, size_t k);

#endif /* UIML_NEIGHBOURS_H */
