/*
 * kmeans_passes.c
 *	  K-means by passes over a relation whose vectors don't fit into memory.
 *
 * A sample that fits is clustered in memory, and its centroids are where the passes start, unless there are
 * others to start from.  Each pass is one aggregate (kmeans_assign.c) over the relation, with parallel
 * workers where the planner gives some; what comes back are the sums of the clusters.  From the same
 * centroids the steps are those of kmeans.c: the same assignments, the same way to fill clusters that are
 * empty, the same end.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/centroids.h"
#include "pg/interest_vector.h"
#include "pg/kmeans.h"
#include "pg/sql.h"

/* A sample of so many vectors per cluster places centroids well; more only takes longer. */
#define SAMPLE_PER_K 500
#define MIN_SAMPLE   50000

typedef struct Passes
{
	UimlClustering *c;
	MemoryContext scratch; /* of a pass */
	char *vector;          /* columns, for statements */
	char *weight;
	size_t k;
	float *centroid; /* k x d */
	float *next;     /* k x d */
	UimlKmeansPass *sums;
	double inertia;
	size_t filled; /* clusters without points that got one */
} Passes;

/* --- statements ----------------------------------------------------------------------------------------- */

/* $1: the centroids, $2: the distance. */
static UimlSqlParams
centroid_params(const Passes *passes)
{
	UimlSqlParams params = {0};
	size_t d = passes->c->d;
	Oid type = uiml_vector_type();
	Datum *vector = MemoryContextAllocHuge(CurrentMemoryContext, passes->k * sizeof(Datum));

	for (size_t i = 0; i < passes->k; i++)
		vector[i] = PointerGetDatum(uiml_vector_from_floats(passes->centroid + i * d, (int) d));
	uiml_sql_param(&params, get_array_type(type),
				   PointerGetDatum(construct_array(vector, (int) passes->k, type, -1, false, TYPALIGN_INT)),
				   false);
	uiml_sql_param_text(&params, passes->c->params.spherical ? "cosine" : "l2");
	return params;
}

static void
take_sums(TupleTableSlot *slot, void *ctx)
{
	Passes *passes = ctx;
	UimlKmeansPass *sums;

	slot_getallattrs(slot);
	if (slot->tts_isnull[0])
		return;
	sums = uiml_kmeans_pass_detoast(slot->tts_values[0]);
	passes->sums = palloc(VARSIZE(sums));
	memcpy(passes->sums, sums, VARSIZE(sums));
	uiml_kmeans_pass_complete(passes->sums);
}

/* Assigns all rows to the nearest of the centroids; sums and inertia are those of the clusters. */
static void
run_pass(Passes *passes)
{
	const UimlPassCluster *cluster;
	UimlSqlParams params;
	MemoryContext old;

	MemoryContextReset(passes->scratch);
	old = MemoryContextSwitchTo(passes->scratch);
	params = centroid_params(passes);
	passes->sums = NULL;
	uiml_sql_each(psprintf("SELECT %s.uiml_kmeans_pass(%s, %s, $1, $2) FROM %s r", passes->c->schema,
						   passes->vector, passes->weight, uiml_relation_name(passes->c->relation)),
				  &params, true, take_sums, passes);
	MemoryContextSwitchTo(old);
	if (passes->sums == NULL)
		uiml_check(UIML_EEMPTY, "k-means");
	cluster = uiml_kmeans_pass_cluster(passes->sums);
	passes->inertia = 0;
	for (size_t i = 0; i < passes->k; i++)
		passes->inertia += cluster[i].inertia;
}

/* --- clusters without points ---------------------------------------------------------------------------- */

/* The next cluster without weight, from one on; k when there is none. */
static size_t
next_empty(const Passes *passes, size_t from)
{
	const UimlPassCluster *cluster = uiml_kmeans_pass_cluster(passes->sums);

	while (from < passes->k && cluster[from].members > 0)
		from++;
	return from;
}

/* As in kmeans.c: nearer points count as the same as their centroid. */
static bool
is_same(const Passes *passes, const InterestVector *vector, double distance)
{
	if (passes->c->params.spherical)
		return distance <= UIML_KMEANS_SAME_DIRECTION;
	return distance <=
		   UIML_KMEANS_SAME_POINT * sqrt(uiml_kernels()->square_sum(vector->x, (size_t) vector->dim));
}

/* A row far from its centroid becomes the only one of a cluster without weight, if its own can spare it. */
static void
fill_empty(TupleTableSlot *slot, void *ctx)
{
	Passes *passes = ctx;
	UimlPassCluster *cluster = uiml_kmeans_pass_cluster(passes->sums);
	size_t empty = next_empty(passes, 0), d = passes->c->d, own;
	const UimlKernels *kernels = uiml_kernels();
	InterestVector *vector;
	double *sum = uiml_kmeans_pass_sum(passes->sums);
	double weight, scale = 1;

	slot_getallattrs(slot);
	own = (size_t) DatumGetInt32(slot->tts_values[2]) - 1;
	vector = DatumGetInterestVector(slot->tts_values[0]);
	if (empty == passes->k || cluster[own].members < 2 ||
		is_same(passes, vector, DatumGetFloat8(slot->tts_values[3])))
		return;
	weight = DatumGetFloat8(slot->tts_values[1]);
	if (passes->c->params.spherical)
		scale = uiml_direction_scale(vector->x, d);
	kernels->accumulate_weighted(vector->x, -weight * scale, d, sum + own * d);
	memset(sum + empty * d, 0, d * sizeof(double));
	kernels->accumulate_weighted(vector->x, weight * scale, d, sum + empty * d);
	kernels->scale(vector->x, scale, d, passes->centroid + empty * d);
	cluster[own].members--;
	cluster[own].mass -= weight;
	cluster[empty].members = 1;
	cluster[empty].mass = weight;
	passes->filled++;
}

static void
fill_clusters(Passes *passes)
{
	const char *distance =
		passes->c->params.spherical
			? "pg_catalog.sqrt(2 OPERATOR(pg_catalog.*) %s.uiml_cosine_distance(s.v, ($1)[s.c]))"
			: "%s.uiml_l2_distance(s.v, ($1)[s.c])";
	UimlSqlParams params;
	MemoryContext old;
	StringInfoData sql;

	passes->filled = 0;
	if (next_empty(passes, 0) == passes->k)
		return;
	old = MemoryContextSwitchTo(passes->scratch);
	params = centroid_params(passes);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT s.v, s.w, s.c, ");
	appendStringInfo(&sql, distance, passes->c->schema);
	appendStringInfo(&sql,
					 " FROM (SELECT %s AS v, %s AS w, %s.uiml_assign(%s, $1, $2) AS c FROM %s r OFFSET 0) s"
					 " WHERE s.w OPERATOR(pg_catalog.>) 0 AND s.c IS NOT NULL ORDER BY 4 DESC, s.v LIMIT %zu",
					 passes->vector, passes->weight, passes->c->schema, passes->vector,
					 uiml_relation_name(passes->c->relation), 2 * passes->k);
	uiml_sql_each(sql.data, &params, true, fill_empty, passes);
	MemoryContextSwitchTo(old);
}

/* --- iterations ----------------------------------------------------------------------------------------- */

/* Moves the centroids to the means, or directions, of their clusters; false when none has moved. */
static bool
move_centroids(Passes *passes)
{
	size_t d = passes->c->d;
	const UimlPassCluster *cluster = uiml_kmeans_pass_cluster(passes->sums);
	bool moved = passes->filled > 0;

	memcpy(passes->next, passes->centroid, passes->k * d * sizeof(float));
	for (size_t i = 0; i < passes->k; i++)
		(void) uiml_kmeans_centroid(uiml_kmeans_pass_sum(passes->sums) + i * d, cluster[i].mass, d,
									passes->c->params.spherical, passes->next + i * d);
	moved = moved || memcmp(passes->next, passes->centroid, passes->k * d * sizeof(float)) != 0;
	memcpy(passes->centroid, passes->next, passes->k * d * sizeof(float));
	return moved;
}

static void
iterate(Passes *passes)
{
	const UimlKmeansParams *params = &passes->c->params;
	UimlKmeansResult *result = &passes->c->result;

	run_pass(passes);
	for (result->iterations = 0; result->iterations < params->max_iterations;)
	{
		double before = passes->inertia;

		result->iterations++;
		fill_clusters(passes);
		if (!move_centroids(passes))
			break;
		run_pass(passes);
		if (params->tolerance > 0 && before - passes->inertia <= params->tolerance * before)
			break;
	}
}

/* Takes clusters without weight out, and assigns the points that were in them. */
static void
drop_empty(Passes *passes)
{
	const UimlPassCluster *cluster = uiml_kmeans_pass_cluster(passes->sums);
	size_t kept = 0, d = passes->c->d;

	for (size_t i = 0; i < passes->k; i++)
		if (cluster[i].members > 0)
			memmove(passes->centroid + kept++ * d, passes->centroid + i * d, d * sizeof(float));
	if (kept == passes->k)
		return;
	if (kept == 0)
		uiml_check(UIML_EEMPTY, "k-means");
	passes->k = kept;
	run_pass(passes);
}

static void
publish(const Passes *passes)
{
	UimlClustering *c = passes->c;
	UimlKmeansCluster *each = palloc(passes->k * sizeof(UimlKmeansCluster));
	uint32_t *number = palloc(passes->k * sizeof(uint32_t));
	double mass = 0;

	uiml_kmeans_pass_describe(passes->sums, each);
	uiml_check(uiml_kmeans_number(&c->env, passes->centroid, each, passes->k, c->d, number), "k-means");
	c->result.k = passes->k;
	c->result.inertia = passes->inertia;
	c->result.silhouette = 0;
	for (size_t i = 0; i < passes->k; i++)
	{
		memcpy(c->centroid + number[i] * c->d, passes->centroid + i * c->d, c->d * sizeof(float));
		c->each[number[i]] = each[i];
		c->result.silhouette += each[i].silhouette * each[i].mass;
		mass += each[i].mass;
	}
	c->result.silhouette /= mass;
}

/* --- where to start ------------------------------------------------------------------------------------- */

/*
 * Clusters a sample, whose centroids are the ones to start from; k is chosen by it where that is asked for.
 */
static void
start_from_sample(Passes *passes)
{
	UimlClustering *c = passes->c;
	size_t k = c->choose ? 128 : c->params.k;
	size_t most = Max(MIN_SAMPLE, SAMPLE_PER_K * k);
	UimlBudget half = c->budget;
	UimlVectors sample;
	uint64 n;
	uint32_t *cluster;

	half.limit /= 2;
	uiml_relation_vectors_sample(c->relation, c->vector_col, c->weight_col, most, c->params.seed, &half,
								 c->context, &sample, &n);
	if (n == 0)
		uiml_check(UIML_EEMPTY, "k-means");
	c->d = sample.d;
	c->skipped = sample.skipped;
	while (sample.n > 2 * k && !uiml_budget_fits(&c->budget, uiml_kmeans_memory(sample.n, c->d, k)))
		uiml_relation_vectors_cut(&sample, sample.n - sample.n / 4);
	if (sample.n < Min(n, 2 * k) || !uiml_budget_fits(&c->budget, uiml_kmeans_memory(sample.n, c->d, k)))
		uiml_budget_exceeded(&c->budget, psprintf("%zu clusters of vectors of %zu dimensions", k, c->d),
							 2.0 * (double) uiml_kmeans_memory(2 * k, c->d, k));
	uiml_clustering_choose(c, sample.x, sample.weight, sample.n);
	uiml_clustering_prepare(c);
	cluster = MemoryContextAllocHuge(c->context, sample.n * sizeof(uint32_t));
	uiml_check(uiml_kmeans(&c->env, sample.x, sample.weight, sample.n, c->d, &c->params, c->centroid, cluster,
						   &c->result, c->each),
			   "k-means");
	passes->k = c->result.k;
	passes->centroid = MemoryContextAllocHuge(c->context, c->params.k * c->d * sizeof(float));
	memcpy(passes->centroid, c->centroid, passes->k * c->d * sizeof(float));
	pfree(cluster);
	uiml_relation_vectors_free(&sample);
}

static void
start_from_initial(Passes *passes)
{
	UimlClustering *c = passes->c;

	c->d = c->initial_d;
	uiml_clustering_prepare(c);
	passes->k = c->params.k;
	passes->centroid = MemoryContextAllocHuge(c->context, passes->k * c->d * sizeof(float));
	for (size_t i = 0; i < passes->k; i++)
	{
		const float *x = c->params.initial + i * c->d;

		uiml_kernels()->scale(x, c->params.spherical ? uiml_direction_scale(x, c->d) : 1, c->d,
							  passes->centroid + i * c->d);
	}
}

void
uiml_clustering_by_passes(UimlClustering *c)
{
	Passes passes = {.c = c};

	passes.vector = uiml_relation_vector(c->relation, c->vector_col);
	/* float, as weights in memory are */
	passes.weight = c->weight_col != NULL ? psprintf("%s::pg_catalog.float4::pg_catalog.float8",
													 uiml_relation_column(c->relation, c->weight_col))
										  : "1::pg_catalog.float8";
	passes.scratch = AllocSetContextCreate(c->context, "uiml k-means pass", ALLOCSET_DEFAULT_SIZES);
	if (c->params.initial != NULL)
		start_from_initial(&passes);
	else
		start_from_sample(&passes);
	passes.next = MemoryContextAllocHuge(c->context, passes.k * c->d * sizeof(float));
	iterate(&passes);
	drop_empty(&passes);
	publish(&passes);
	MemoryContextDelete(passes.scratch);
}
