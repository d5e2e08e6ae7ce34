/*
 * centroidcache.c
 *	  Centroids given as an argument, laid out once for all rows of a query.
 */
#include "postgres.h"

#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "pg/centroidcache.h"
#include "pg/interest_vector.h"

/*
 * Only a constant can't change between calls: a parameter may, in the simple expressions of PL/pgSQL.  A
 * transition function finds its arguments, but the state, in the call of the aggregate.
 */
static bool
is_constant(FunctionCallInfo fcinfo, int argument)
{
	const Aggref *aggregate = AggCheckCallContext(fcinfo, NULL) ? AggGetAggref(fcinfo) : NULL;
	const Node *call = fcinfo->flinfo->fn_expr;

	if (aggregate != NULL)
		return argument <= list_length(aggregate->args) &&
			   IsA(((const TargetEntry *) list_nth(aggregate->args, argument - 1))->expr, Const);
	return call != NULL && IsA(call, FuncExpr) && argument < list_length(((const FuncExpr *) call)->args) &&
		   IsA(list_nth(((const FuncExpr *) call)->args, argument), Const);
}

/* Lays the array out in the current memory context. */
static UimlCentroidCache *
lay_out(ArrayType *array, bool spherical)
{
	UimlCentroidCache *cache = palloc0(sizeof(UimlCentroidCache));
	size_t k;
	const InterestVector **vector = uiml_vector_array(array, "centroids", false, &k);
	size_t d;

	if (k == 0 || k > UIML_KMEANS_MAX_K)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there must be between 1 and %d centroids", UIML_KMEANS_MAX_K),
						errdetail("There are %zu.", k)));
	d = (size_t) vector[0]->dim;
	cache->k = k;
	cache->d = d;
	cache->spherical = spherical;
	cache->centroid = MemoryContextAllocHuge(CurrentMemoryContext, k * d * sizeof(float));
	cache->rows = MemoryContextAllocExtended(CurrentMemoryContext, UIML_NEAREST_POINTS * d * sizeof(float),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (size_t c = 0; c < k; c++)
	{
		double scale = uiml_direction_scale(vector[c]->x, d);

		if (spherical && scale == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("centroids must not contain zero vectors"),
							errdetail("Vector %zu has no direction.", c + 1)));
		if (spherical)
			uiml_kernels()->scale(vector[c]->x, scale, d, cache->centroid + c * d);
		else
			memcpy(cache->centroid + c * d, vector[c]->x, d * sizeof(float));
	}
	pfree(vector);
	uiml_centroids_init(&cache->centroids, k, d, spherical,
						MemoryContextAllocHuge(CurrentMemoryContext, uiml_centroids_memory(k, d)));
	uiml_centroids_set(&cache->centroids, cache->centroid, k);
	if (!spherical && cache->centroids.longest > UIML_KMEANS_LARGEST)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("centroids are out of range"),
				 errdetail("Distances to vectors longer than %g can't be compared.", UIML_KMEANS_LARGEST)));
	return cache;
}

UimlCentroidCache *
uiml_centroid_cache(FunctionCallInfo fcinfo, int argument, bool spherical)
{
	FmgrInfo *flinfo = fcinfo->flinfo;
	UimlCentroidCache *cache = flinfo != NULL ? flinfo->fn_extra : NULL;
	MemoryContext context, old;
	ArrayType *array;

	if (cache != NULL && cache->constant && cache->spherical == spherical)
		return cache;
	array = PG_GETARG_ARRAYTYPE_P(argument);
	if (cache != NULL && cache->spherical == spherical && VARSIZE(cache->array) == VARSIZE(array) &&
		memcmp(cache->array, array, VARSIZE(array)) == 0)
		return cache;
	if (flinfo == NULL)
		return lay_out(array, spherical);
	context = AllocSetContextCreate(flinfo->fn_mcxt, "uiml centroids", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	flinfo->fn_extra = NULL;
	if (cache != NULL)
		MemoryContextDelete(cache->context);
	cache = lay_out(array, spherical);
	cache->context = context;
	cache->constant = is_constant(fcinfo, argument);
	cache->array = MemoryContextAllocHuge(context, VARSIZE(array));
	memcpy(cache->array, array, VARSIZE(array));
	MemoryContextSwitchTo(old);
	flinfo->fn_extra = cache;
	return cache;
}

void
uiml_centroid_check_dim(const UimlCentroidCache *cache, const InterestVector *vector)
{
	if ((size_t) vector->dim != cache->d)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("different interest_vector dimensions %d and %zu", vector->dim, cache->d)));
}
