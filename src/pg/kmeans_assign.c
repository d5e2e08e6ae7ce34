/*
 * kmeans_assign.c
 *	  uiml_assign: the nearest of given centroids, and the aggregate behind a pass of k-means over a relation.
 *
 * The aggregate's state is a base type, as those of the averages are: it is changed in place, and a plan may
 * send it between processes and servers.  It holds the centroids, so a state can be completed and combined
 * wherever it is.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/kmeans_pass.h"
#include "pg/aggregate.h"
#include "pg/centroidcache.h"
#include "pg/interest_vector.h"
#include "pg/kmeans.h"

StaticAssertDecl(offsetof(UimlKmeansPass, length_word) == 0, "the length word is the varlena header");

/* ---------- the nearest centroid ---------- */

static void
refuse_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("vector is out of range"),
			 errdetail("Distances to vectors longer than %g can't be compared.", UIML_KMEANS_LARGEST)));
}

/* uiml_assign(vector, centroids, distance) */
PG_FUNCTION_INFO_V1(uiml_assign);
Datum
uiml_assign(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);
	bool spherical = uiml_arg_spherical(fcinfo, 2);
	UimlCentroidCache *cache = uiml_centroid_cache(fcinfo, 1, spherical);
	double scale = 1;
	UimlNearest nearest;

	uiml_centroid_check_dim(cache, vector);
	if (spherical && (scale = uiml_direction_scale(vector->x, cache->d)) == 0)
		PG_RETURN_NULL();
	uiml_centroids_place(&cache->centroids, vector->x, scale, cache->rows);
	uiml_centroids_nearest(&cache->centroids, cache->rows, 1, &nearest);
	if (!(nearest.distance <= 4 * UIML_KMEANS_LARGEST * UIML_KMEANS_LARGEST))
	{
		memset(cache->rows, 0, cache->d * sizeof(float));
		refuse_range();
	}
	PG_FREE_IF_COPY(vector, 0);
	PG_RETURN_INT32((int32) nearest.cluster + 1);
}

/* ---------- the state of a pass ---------- */

static UimlKmeansPass *
pass_new(size_t k, size_t d, bool spherical)
{
	size_t size = uiml_kmeans_pass_size(k, d);
	UimlKmeansPass *pass;

	if (!AllocSizeIsValid(size))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many centroids for a pass"),
						errdetail("The state of %zu centroids of %zu dimensions exceeds 1 GB.", k, d)));
	pass = palloc(size);
	SET_VARSIZE(pass, size);
	uiml_kmeans_pass_init(pass, k, d, spherical);
	return pass;
}

UimlKmeansPass *
uiml_kmeans_pass_detoast(Datum d)
{
	UimlKmeansPass *pass = (UimlKmeansPass *) PG_DETOAST_DATUM(d);
	Size size = VARSIZE(pass);

	if (size < sizeof(UimlKmeansPass) || pass->k < 1 || pass->k > UIML_KMEANS_MAX_K || pass->d < 1 ||
		pass->d > UIML_VECTOR_MAX_DIM || pass->spherical > 1 || pass->waiting >= UIML_NEAREST_POINTS ||
		size != uiml_kmeans_pass_size(pass->k, pass->d))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("corrupt value of type uiml_kmeans_state"),
						errdetail("The value has %zu bytes.", size)));
	return pass;
}

#define PG_GETARG_PASS(n) uiml_kmeans_pass_detoast(PG_GETARG_DATUM(n))

void
uiml_kmeans_pass_complete(UimlKmeansPass *pass)
{
	size_t k = pass->k, d = pass->d;
	UimlCentroids centroids;
	void *memory;
	float *rows;

	if (pass->waiting == 0)
		return;
	memory = MemoryContextAllocHuge(CurrentMemoryContext, uiml_centroids_memory(k, d));
	rows = palloc0(UIML_NEAREST_POINTS * d * sizeof(float));
	uiml_centroids_init(&centroids, k, d, pass->spherical != 0, memory);
	uiml_centroids_set(&centroids, uiml_kmeans_pass_centroid(pass), k);
	uiml_kmeans_pass_flush(pass, &centroids, rows);
	pfree(rows);
	pfree(memory);
}

/* A copy where no rows wait, unless there are none anyway. */
static UimlKmeansPass *
completed(UimlKmeansPass *pass)
{
	UimlKmeansPass *copy;

	if (pass->waiting == 0)
		return pass;
	copy = palloc(VARSIZE(pass));
	memcpy(copy, pass, VARSIZE(pass));
	uiml_kmeans_pass_complete(copy);
	return copy;
}

static UimlKmeansPass *
pass_from_bytes(const char *bytes, size_t length)
{
	UimlKmeansPass *pass;
	size_t k, d;

	if (uiml_kmeans_pass_read_head(bytes, length, UIML_VECTOR_MAX_DIM, &k, &d) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of type uiml_kmeans_state")));
	pass = pass_new(k, d, false);
	if (uiml_kmeans_pass_read(bytes, k, d, pass) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of type uiml_kmeans_state"),
						errdetail("A number is out of its range.")));
	return pass;
}

static bytea *
pass_to_bytes(UimlKmeansPass *pass)
{
	Size size = VARHDRSZ + uiml_kmeans_pass_binary_size(pass->k, pass->d);
	bytea *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	uiml_kmeans_pass_write(completed(pass), VARDATA(bytes));
	return bytes;
}

UIML_STATE_IO(uiml_kmeans_state, pass_from_bytes, pass_to_bytes, uiml_kmeans_pass_detoast)

/* ---------- the aggregate ---------- */

/* uiml_kmeans_pass(vector, weight, centroids, distance) */
PG_FUNCTION_INFO_V1(uiml_kmeans_accum);
Datum
uiml_kmeans_accum(PG_FUNCTION_ARGS)
{
	InterestVector *vector;
	UimlCentroidCache *cache;
	UimlKmeansPass *pass;
	double weight;
	bool spherical;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		return uiml_aggregate_skip(fcinfo);
	weight = uiml_aggregate_weight(PG_GETARG_FLOAT8(2));
	spherical = uiml_arg_spherical(fcinfo, 4);
	cache = uiml_centroid_cache(fcinfo, 3, spherical);
	vector = PG_GETARG_INTEREST_VECTOR_P(1);
	uiml_centroid_check_dim(cache, vector);
	if (!cache->spherical &&
		uiml_kernels()->square_sum(vector->x, cache->d) > UIML_KMEANS_LARGEST * UIML_KMEANS_LARGEST)
		refuse_range();
	if (PG_ARGISNULL(0))
	{
		pass = pass_new(cache->k, cache->d, cache->spherical);
		memcpy(uiml_kmeans_pass_centroid(pass), cache->centroid, cache->k * cache->d * sizeof(float));
	}
	else
		pass = PG_GETARG_PASS(0);
	if (pass->spherical != (uint32) spherical)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("distance must be the same for all rows of an aggregate")));
	if (pass->k != cache->k || pass->d != cache->d ||
		(!cache->constant &&
		 memcmp(uiml_kmeans_pass_centroid(pass), cache->centroid, cache->k * cache->d * sizeof(float)) != 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("centroids must be the same for all rows of an aggregate")));
	if (uiml_kmeans_pass_add(pass, vector->x, weight))
		uiml_kmeans_pass_flush(pass, &cache->centroids, cache->rows);
	PG_RETURN_POINTER(pass);
}

PG_FUNCTION_INFO_V1(uiml_kmeans_combine);
Datum
uiml_kmeans_combine(PG_FUNCTION_ARGS)
{
	UimlKmeansPass *pass;
	UimlKmeansPass *other;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return uiml_aggregate_skip(fcinfo);
	other = PG_GETARG_PASS(1);

	/* returned as it is: the executor copies it into the aggregate's context */
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);
	pass = PG_GETARG_PASS(0);
	if (!uiml_kmeans_pass_matches(pass, other))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("centroids must be the same for all rows of an aggregate")));
	uiml_kmeans_pass_complete(pass);
	uiml_kmeans_pass_merge(pass, completed(other));
	PG_RETURN_POINTER(pass);
}
