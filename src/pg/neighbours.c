/*
 * neighbours.c
 *	  The nearest vectors of any relation: of each of its rows, of the rows of another, or of a given vector.
 *
 * For many queries the vectors are read into memory and searched by products of matrices (core/neighbours.h).
 * For a single one that would read more than it computes: a statement that sorts by distance, with parallel
 * workers where the planner gives some, keeps only the k best.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/neighbours.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/prediction.h"
#include "pg/relation.h"
#include "pg/sql.h"
#include "pg/toolargs.h"

#define MAX_K 10000

static const struct
{
	const char *name;
	UimlDistance distance;
	const char *function; /* the same in SQL, "-" in front where it is negated */
} distances[] = {{"cosine", UIML_DISTANCE_COSINE, "%s.uiml_cosine_distance(%s, $1)"},
				 {"l2", UIML_DISTANCE_L2, "%s.uiml_l2_distance(%s, $1)"},
				 {"inner_product", UIML_DISTANCE_INNER_PRODUCT, "-%s.uiml_inner_product(%s, $1)"}};

/* A search among the vectors of a relation. */
typedef struct Search
{
	MemoryContext context; /* "uiml neighbours": all of it */
	UimlBudget budget;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env;
	UimlVectors candidates;
	UimlVectors queries; /* the same where each row is one */
	UimlKeyType *candidate_type;
	UimlKeyType *query_type;
	UimlNeighboursJob job;
} Search;

/* --- arguments ------------------------------------------------------------------------------------------ */

/* A place in distances. */
static int
distance_argument(FunctionCallInfo fcinfo, int argument)
{
	char *name;

	uiml_arg_required(fcinfo, argument, "distance");
	name = text_to_cstring(PG_GETARG_TEXT_PP(argument));
	for (size_t i = 0; i < lengthof(distances); i++)
		if (strcmp(name, distances[i].name) == 0)
			return (int) i;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unrecognized distance: \"%s\"", name),
					errhint("Use \"cosine\", \"l2\" or \"inner_product\".")));
}

/* --- each of many --------------------------------------------------------------------------------------- */

static void
read_vectors(Search *search, Oid relation, const char *key_col, const char *vector_col, UimlVectors *vectors,
			 UimlKeyType **type)
{
	uiml_relation_vectors(relation, vector_col, key_col, NULL, &search->budget, search->context, vectors);
	uiml_relation_tell_skipped(vectors->skipped);
	*type = uiml_key_type(vectors->key_type, key_col, search->context);
}

/* The job, once both relations are read; false where there is nothing to find. */
static bool
set_job(Search *search, bool has_queries)
{
	UimlNeighboursJob *job = &search->job;
	const UimlVectors *candidates = &search->candidates;
	const UimlVectors *queries = &search->queries;
	size_t bytes;

	if (candidates->n == 0 || queries->n == 0)
		return false;
	if (candidates->d != queries->d)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different interest_vector dimensions %zu and %zu", candidates->d, queries->d)));
	job->d = candidates->d;
	job->n = candidates->n;
	job->x = candidates->x;
	job->n_queries = queries->n;
	job->query = has_queries ? queries->x : NULL;
	bytes = uiml_neighbours_memory(job->n, job->n_queries, job->d, job->k);
	if (!uiml_budget_fits(&search->budget, bytes))
		uiml_budget_exceeded(
			&search->budget,
			psprintf("%zu vectors of %zu dimensions", candidates->n + (has_queries ? queries->n : 0), job->d),
			(double) uiml_budget_used(&search->budget) + (double) bytes);
	return true;
}

static void
put_neighbours(const Search *search, UimlResult *result, size_t query, const UimlNeighbour *neighbour,
			   size_t n)
{
	Datum key = PointerGetDatum(uiml_key_as_text(search->query_type, search->queries.key[query]));

	for (size_t i = 0; i < n; i++)
	{
		Datum name = search->candidates.key[neighbour[i].index];
		Datum values[] = {key, Int32GetDatum((int32) i + 1),
						  PointerGetDatum(uiml_key_as_text(search->candidate_type, name)),
						  Float8GetDatum(neighbour[i].distance)};
		const bool nulls[lengthof(values)] = {false};

		uiml_result_put(result, values, nulls);
	}
}

static void
find_all(Search *search, UimlResult *result)
{
	MemoryContext scratch =
		AllocSetContextCreate(search->context, "uiml result rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	UimlNeighbours *found;
	size_t first, count;

	uiml_blas_begin();
	uiml_check(uiml_neighbours_begin(&search->env, &search->job, &found), "neighbours");
	do
	{
		uiml_check(uiml_neighbours_next(found, &first, &count), "neighbours");
		for (size_t query = first; query < first + count; query++)
		{
			size_t n;
			const UimlNeighbour *neighbour = uiml_neighbours_of(found, query, &n);

			CHECK_FOR_INTERRUPTS();
			put_neighbours(search, result, query, neighbour, n);
			MemoryContextReset(scratch);
		}
	} while (count > 0);
	uiml_neighbours_end(found);
	uiml_blas_end();
	MemoryContextSwitchTo(old);
}

/* uiml_neighbours(relation, key_col, vector_col, k, distance, queries) */
PG_FUNCTION_INFO_V1(uiml_neighbours);
Datum
uiml_neighbours(PG_FUNCTION_ARGS)
{
	Oid relation = uiml_arg_relation(fcinfo, 0, "relation");
	char *key_col = uiml_arg_column(fcinfo, 1, "key_col");
	char *vector_col = uiml_arg_column(fcinfo, 2, "vector_col");
	bool has_queries = !PG_ARGISNULL(5);
	UimlResult result;
	Search search = {0};

	search.job.k = (size_t) uiml_arg_int(fcinfo, 3, "k", 1, MAX_K);
	search.job.distance = distances[distance_argument(fcinfo, 4)].distance;
	search.context = AllocSetContextCreate(CurrentMemoryContext, "uiml neighbours", ALLOCSET_DEFAULT_SIZES);
	uiml_budget_init(&search.budget, search.context);
	search.budget.purpose = "the search for neighbours";
	search.inner = uiml_env_pg(&search.pg, search.context, NULL, NULL);
	search.env = uiml_budget_env(&search.budget, &search.inner);
	uiml_result_begin(fcinfo, 4, &result);

	read_vectors(&search, relation, key_col, vector_col, &search.candidates, &search.candidate_type);
	search.queries = search.candidates;
	search.query_type = search.candidate_type;
	if (has_queries)
		read_vectors(&search, PG_GETARG_OID(5), key_col, vector_col, &search.queries, &search.query_type);
	if (set_job(&search, has_queries))
		find_all(&search, &result);
	MemoryContextDelete(search.context);
	uiml_budget_release();
	return (Datum) 0;
}

/* --- one given vector ----------------------------------------------------------------------------------- */

typedef struct Ranking
{
	UimlResult result;
	UimlKeyType *type;
	MemoryContext scratch;
	int32 rank;
} Ranking;

static void
put_ranked(TupleTableSlot *slot, void *ctx)
{
	Ranking *ranking = ctx;
	const bool nulls[] = {false, false, false};
	MemoryContext old = MemoryContextSwitchTo(ranking->scratch);
	Datum values[3];

	slot_getallattrs(slot);
	values[0] = Int32GetDatum(++ranking->rank);
	values[1] = PointerGetDatum(uiml_key_as_text(ranking->type, slot->tts_values[0]));
	values[2] = slot->tts_values[1];
	uiml_result_put(&ranking->result, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(ranking->scratch);
}

/* The k nearest by the SQL function of the distance, ties in the order of keys that numbers have. */
static char *
nearest_query(FunctionCallInfo fcinfo, Oid relation, const char *key_col, const char *vector_col,
			  int distance, int k, const UimlKeyType *type)
{
	char *schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
	char *key = uiml_relation_column(relation, key_col);
	char *vector = uiml_relation_vector(relation, vector_col);

	return psprintf(
		"SELECT %s, %s FROM %s r WHERE %s IS NOT NULL AND %s IS NOT NULL ORDER BY 2, %s%s LIMIT %d", key,
		psprintf(distances[distance].function, quote_identifier(schema), vector),
		uiml_relation_name(relation), key, vector, key,
		OidIsValid(type->collation) ? " COLLATE pg_catalog.\"C\"" : "", k);
}

/* uiml_neighbours(relation, key_col, vector_col, query, k, distance) */
PG_FUNCTION_INFO_V1(uiml_neighbours_of_vector);
Datum
uiml_neighbours_of_vector(PG_FUNCTION_ARGS)
{
	Oid relation = uiml_arg_relation(fcinfo, 0, "relation");
	char *key_col = uiml_arg_column(fcinfo, 1, "key_col");
	char *vector_col = uiml_arg_column(fcinfo, 2, "vector_col");
	int k = uiml_arg_int(fcinfo, 4, "k", 1, MAX_K);
	int distance = distance_argument(fcinfo, 5);
	Ranking ranking = {0};
	UimlSqlParams params = {0};

	uiml_result_begin(fcinfo, 3, &ranking.result);
	if (PG_ARGISNULL(3))
		return (Datum) 0;
	uiml_relation_column(relation, key_col);
	ranking.type =
		uiml_key_type(get_atttype(relation, get_attnum(relation, key_col)), key_col, CurrentMemoryContext);
	ranking.scratch = AllocSetContextCreate(CurrentMemoryContext, "uiml result rows", ALLOCSET_DEFAULT_SIZES);
	uiml_sql_param(&params, uiml_vector_type(), PointerGetDatum(PG_GETARG_INTEREST_VECTOR_P(3)), false);
	uiml_sql_each_typed(nearest_query(fcinfo, relation, key_col, vector_col, distance, k, ranking.type),
						&params, true, &ranking.type->type, 1, put_ranked, &ranking);
	MemoryContextDelete(ranking.scratch);
	return (Datum) 0;
}
