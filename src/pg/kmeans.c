/*
 * kmeans.c
 *	  uiml_kmeans: clusters of the vectors of any relation.
 *
 * Where the vectors fit maintenance_work_mem they are read once and clustered in memory by the core, with as
 * many threads as uiml.blas_threads says; otherwise, or where uiml.memory_mode says so, they are read again
 * in each iteration (kmeans_passes.c).
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/interest_vector.h"
#include "pg/kmeans.h"
#include "pg/prediction.h"
#include "pg/toolargs.h"

#define MAX_CHOSEN     128
#define MAX_ITERATIONS 1000000
#define MAX_RESTARTS   1000

/* --- arguments ------------------------------------------------------------------------------------------ */

/* Called for each row by some, so without a copy. */
static bool
is_name(const text *name, const char *expected)
{
	size_t length = strlen(expected);

	return VARSIZE_ANY_EXHDR(name) == length && memcmp(VARDATA_ANY(name), expected, length) == 0;
}

bool
uiml_arg_spherical(FunctionCallInfo fcinfo, int argument)
{
	const text *name;

	uiml_arg_required(fcinfo, argument, "distance");
	name = PG_GETARG_TEXT_PP(argument);
	if (is_name(name, "l2"))
		return false;
	if (is_name(name, "cosine"))
		return true;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unrecognized distance: \"%s\"", text_to_cstring(name)),
					errhint("Use \"l2\" or \"cosine\".")));
}

/* The centroids to start from, as rows; there are as many as k says, or k is as many as there are. */
static void
initial_argument(FunctionCallInfo fcinfo, int argument, UimlClustering *c)
{
	const InterestVector **vector;
	float *initial;
	size_t k;

	if (PG_ARGISNULL(argument))
		return;
	vector = uiml_vector_array(PG_GETARG_ARRAYTYPE_P(argument), "init", false, &k);
	if (k == 0 || k > UIML_KMEANS_MAX_K || (!c->choose && k != c->params.k))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("init must have k vectors"),
						errdetail("There are %zu.", k)));
	c->initial_d = (size_t) vector[0]->dim;
	initial = MemoryContextAllocHuge(c->context, k * c->initial_d * sizeof(float));
	for (size_t i = 0; i < k; i++)
	{
		memcpy(initial + i * c->initial_d, vector[i]->x, c->initial_d * sizeof(float));
		if (c->params.spherical && uiml_direction_scale(vector[i]->x, c->initial_d) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("init must not contain zero vectors"),
					 errdetail("Vector %zu has no direction.", i + 1)));
	}
	c->params.initial = initial;
	c->params.k = k;
	c->choose = false;
}

static double
tolerance_argument(FunctionCallInfo fcinfo, int argument)
{
	double tolerance;

	uiml_arg_required(fcinfo, argument, "tolerance");
	tolerance = PG_GETARG_FLOAT8(argument);
	if (!(tolerance >= 0) || isinf(tolerance))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("tolerance must be a finite number greater than or equal to zero")));
	return tolerance;
}

/* (relation, vector_col, k, distance, weight_col, init, max_iterations, restarts, tolerance, seed) */
static void
read_arguments(FunctionCallInfo fcinfo, UimlClustering *c)
{
	UimlKmeansParams *params = &c->params;

	*params = uiml_kmeans_defaults(0);
	c->relation = uiml_arg_relation(fcinfo, 0, "relation");
	c->vector_col = uiml_arg_column(fcinfo, 1, "vector_col");
	c->choose = PG_ARGISNULL(2);
	if (!c->choose)
		params->k = (size_t) uiml_arg_int(fcinfo, 2, "k", 1, UIML_KMEANS_MAX_K);
	params->spherical = uiml_arg_spherical(fcinfo, 3);
	c->weight_col = uiml_arg_column_or_null(fcinfo, 4);
	params->max_iterations = (size_t) uiml_arg_int(fcinfo, 6, "max_iterations", 0, MAX_ITERATIONS);
	params->restarts = (size_t) uiml_arg_int(fcinfo, 7, "restarts", 1, MAX_RESTARTS);
	params->tolerance = tolerance_argument(fcinfo, 8);
	params->seed = uiml_arg_seed(fcinfo, 9);
	initial_argument(fcinfo, 5, c);
}

/* --- in memory ------------------------------------------------------------------------------------------ */

void
uiml_clustering_prepare(UimlClustering *c)
{
	if (c->params.initial != NULL && c->initial_d != c->d)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("different interest_vector dimensions %zu and %zu", c->d, c->initial_d)));
	c->centroid = MemoryContextAllocHuge(c->context, c->params.k * c->d * sizeof(float));
	c->each = MemoryContextAllocHuge(c->context, c->params.k * sizeof(UimlKmeansCluster));
}

void
uiml_clustering_choose(UimlClustering *c, const float *x, const float *weight, size_t n)
{
	if (c->choose)
		uiml_check(uiml_kmeans_choose(&c->env, x, weight, n, c->d, c->params.spherical, MAX_CHOSEN,
									  c->params.seed, &c->params.k, NULL),
				   "k-means");
}

/* Bytes that clustering takes beside the vectors. */
static size_t
needed_memory(const UimlClustering *c, const UimlVectors *vectors)
{
	size_t k = c->choose ? MAX_CHOSEN : c->params.k;
	size_t bytes = uiml_kmeans_memory(vectors->n, vectors->d, k);
	size_t result =
		vectors->n * sizeof(uint32_t) + k * (vectors->d * sizeof(float) + sizeof(UimlKmeansCluster));

	return bytes < SIZE_MAX - result ? bytes + result : SIZE_MAX;
}

static void
cluster_in_memory(UimlClustering *c, const UimlVectors *vectors)
{
	size_t n = vectors->n;
	size_t bytes;
	uint32_t *cluster;

	c->d = vectors->d;
	c->skipped = vectors->skipped;
	bytes = needed_memory(c, vectors);
	if (!uiml_budget_fits(&c->budget, bytes))
		uiml_budget_exceeded(&c->budget, psprintf("%zu vectors of %zu dimensions", n, c->d),
							 (double) uiml_budget_used(&c->budget) + (double) bytes);
	uiml_clustering_choose(c, vectors->x, vectors->weight, n);
	uiml_clustering_prepare(c);
	cluster = MemoryContextAllocHuge(c->context, n * sizeof(uint32_t));
	uiml_check(uiml_kmeans(&c->env, vectors->x, vectors->weight, n, c->d, &c->params, c->centroid, cluster,
						   &c->result, c->each),
			   "k-means");
}

static double
milliseconds_since(TimestampTz start)
{
	return (double) (GetCurrentTimestamp() - start) / 1000.0;
}

static void
report_reading(const UimlVectors *vectors, TimestampTz start)
{
	ereport(DEBUG1,
			(errmsg_internal("k-means: %zu vectors read in %.0f ms", vectors->n, milliseconds_since(start))));
}

/* Reads the vectors where they may and do fit, with what clustering them takes. */
static bool
read_vectors(UimlClustering *c, UimlVectors *vectors)
{
	TimestampTz start = GetCurrentTimestamp();

	if (uiml_memory_mode == UIML_MEMORY_PASSES)
		return false;
	if (uiml_memory_mode == UIML_MEMORY_ONLY)
		uiml_relation_vectors(c->relation, c->vector_col, NULL, c->weight_col, &c->budget, c->context,
							  vectors);
	else if (!uiml_relation_vectors_fit(c->relation, c->vector_col, c->weight_col, &c->budget, c->context,
										vectors))
		return false;
	report_reading(vectors, start);
	if (vectors->n == 0)
		uiml_check(UIML_EEMPTY, "k-means");
	if (uiml_memory_mode == UIML_MEMORY_ONLY || uiml_budget_fits(&c->budget, needed_memory(c, vectors)))
		return true;
	uiml_relation_vectors_free(vectors);
	return false;
}

static void
cluster_relation(UimlClustering *c)
{
	UimlVectors vectors;
	bool in_memory = read_vectors(c, &vectors);
	TimestampTz start = GetCurrentTimestamp();

	if (in_memory)
		cluster_in_memory(c, &vectors);
	else
		uiml_clustering_by_passes(c);
	ereport(DEBUG1, (errmsg_internal("k-means: clustered %s in %.0f ms, %zu iterations",
									 in_memory ? "in memory" : "by passes", milliseconds_since(start),
									 c->result.iterations)));
}

/* --- the result ----------------------------------------------------------------------------------------- */

static void
put_clusters(const UimlClustering *c, UimlResult *result)
{
	const bool nulls[5] = {false};

	for (size_t i = 0; i < c->result.k; i++)
	{
		InterestVector *centroid = uiml_vector_from_floats(c->centroid + i * c->d, (int) c->d);
		Datum values[] = {Int32GetDatum((int32) i + 1), PointerGetDatum(centroid),
						  Int64GetDatum((int64) c->each[i].size), Float8GetDatum(c->each[i].inertia),
						  Float8GetDatum(c->each[i].silhouette)};

		uiml_result_put(result, values, nulls);
		pfree(centroid);
	}
}

PG_FUNCTION_INFO_V1(uiml_kmeans_relation);
Datum
uiml_kmeans_relation(PG_FUNCTION_ARGS)
{
	UimlClustering c = {0};
	UimlResult result;

	c.context = AllocSetContextCreate(CurrentMemoryContext, "uiml k-means", ALLOCSET_DEFAULT_SIZES);
	read_arguments(fcinfo, &c);
	uiml_budget_init(&c.budget, c.context);
	c.budget.purpose = "k-means";
	c.inner = uiml_env_pg(&c.pg, c.context, NULL, NULL);
	c.env = uiml_budget_env(&c.budget, &c.inner);
	c.schema = pstrdup(quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid))));
	uiml_result_begin(fcinfo, 5, &result);

	cluster_relation(&c);
	uiml_relation_tell_skipped(c.skipped);
	if (c.result.k < c.params.k)
		ereport(NOTICE, (errmsg("there are no more than %zu clusters", c.result.k),
						 errdetail("%zu were asked for.", c.params.k)));
	put_clusters(&c, &result);
	MemoryContextDelete(c.context);
	uiml_budget_release();
	return (Datum) 0;
}
