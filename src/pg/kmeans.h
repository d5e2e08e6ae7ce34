/*
 * kmeans.h
 *	  A clustering of the vectors of a relation: shared by the files pg/kmeans*.c.
 */
#ifndef UIML_PG_KMEANS_H
#define UIML_PG_KMEANS_H

#include "postgres.h"

#include "core/centroids.h"
#include "core/kmeans.h"
#include "core/kmeans_pass.h"
#include "pg/budget.h"
#include "pg/env.h"
#include "pg/relation.h"

typedef struct UimlClustering
{
	Oid relation;
	char *vector_col;
	char *weight_col; /* NULL: 1 */
	char *schema;     /* of the extension, quoted */
	bool choose;      /* params.k is to be found */
	UimlKmeansParams params;
	size_t initial_d;      /* dimensions of params.initial */
	MemoryContext context; /* "uiml k-means": all of it */
	UimlBudget budget;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env;

	size_t d;
	uint64 skipped; /* rows with a NULL */
	UimlKmeansResult result;
	float *centroid;         /* params.k x d, in the order of numbers */
	UimlKmeansCluster *each; /* params.k */
} UimlClustering;

/*
 * Errors unless the centroids to start from have the dimensions of the vectors; then allocates the results.
 */
extern void uiml_clustering_prepare(UimlClustering *clustering);

/* Finds params.k where it is to be chosen, among n vectors. */
extern void uiml_clustering_choose(UimlClustering *clustering, const float *x, const float *weight, size_t n);

/* "distance" as an argument: 'l2' or 'cosine' (true). */
extern bool uiml_arg_spherical(FunctionCallInfo fcinfo, int argument);

/* A value of type uiml_kmeans_state, checked. */
extern UimlKmeansPass *uiml_kmeans_pass_detoast(Datum d);

/* Assigns the rows that wait in a state. */
extern void uiml_kmeans_pass_complete(UimlKmeansPass *pass);

/*
 * Clusters by passes over the relation, each a parallel-safe aggregate: where its vectors don't fit into
 * memory.
 */
extern void uiml_clustering_by_passes(UimlClustering *clustering);

#endif /* UIML_PG_KMEANS_H */
