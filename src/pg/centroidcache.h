/*
 * centroidcache.h
 *	  Centroids given as an argument, laid out once for all rows of a query.
 */
#ifndef UIML_PG_CENTROIDCACHE_H
#define UIML_PG_CENTROIDCACHE_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "core/centroids.h"
#include "core/kmeans.h"
#include "pg/interest_vector.h"

typedef struct UimlCentroidCache
{
	MemoryContext context; /* all of it */
	bool constant;         /* the argument can't change between calls */
	bool spherical;
	size_t k;
	size_t d;
	ArrayType *array; /* the argument it was made from */
	float *centroid;  /* k x d, of unit length if spherical */
	UimlCentroids centroids;
	float *rows; /* UIML_NEAREST_POINTS x d, zero at first */
} UimlCentroidCache;

/*
 * uiml_centroid_cache
 *		The centroids of an argument of type interest_vector[], kept for the call site; where there is none,
 *		in the current memory context.  Errors: NULL_VALUE_NOT_ALLOWED, DATA_EXCEPTION (different dimensions),
 *		INVALID_PARAMETER_VALUE (none, too many, or a zero vector where directions are asked for),
 *		NUMERIC_VALUE_OUT_OF_RANGE.
 */
extern UimlCentroidCache *uiml_centroid_cache(FunctionCallInfo fcinfo, int argument, bool spherical);

extern void uiml_centroid_check_dim(const UimlCentroidCache *cache, const InterestVector *vector);

#endif /* UIML_PG_CENTROIDCACHE_H */
