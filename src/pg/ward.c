/*
 * ward.c
 *	  The aggregate uiml_ward: somebody's several interests, by Ward's clustering of what they did.
 *
 * Its state holds the events themselves (core/wardstate.h), in a base type that grows in steps: while there
 * is room, a row is added in place.  The executor copies a state that has grown into the aggregate's memory
 * context.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "core/wardstate.h"
#include "pg/aggregate.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/toolargs.h"

/* Events that a new state has room for; doubled until it has room for all. */
#define FIRST_EVENTS 8

/* ---------- the state ---------- */

StaticAssertDecl(offsetof(UimlWardState, length_word) == 0, "the length word is the varlena header");

static UimlWardState *
state_new(size_t dim, size_t capacity, double cut)
{
	UimlWardState *state = palloc(UIML_WARD_STATE_SIZE(dim, capacity));

	SET_VARSIZE(state, UIML_WARD_STATE_SIZE(dim, capacity));
	uiml_ward_state_init(state, dim, capacity, cut);
	return state;
}

/* Detoasts, and checks what later reads rely on: a state can come from a table. */
static UimlWardState *
state_detoast(Datum d)
{
	UimlWardState *state = (UimlWardState *) PG_DETOAST_DATUM(d);
	Size size = VARSIZE(state);

	if (size < sizeof(UimlWardState) || state->dim < 1 || state->dim > UIML_VECTOR_MAX_DIM ||
		state->capacity > UIML_WARD_MAX_POINTS || state->n > state->capacity || !(state->cut >= 0) ||
		size != UIML_WARD_STATE_SIZE(state->dim, state->capacity))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("corrupt value of type uiml_ward_state"),
						errdetail("The value has %zu bytes.", size)));
	return state;
}

#define PG_GETARG_STATE(n) state_detoast(PG_GETARG_DATUM(n))

/* The state itself where it has room for n more events or can't have more, else a larger copy. */
static UimlWardState *
state_with_room(UimlWardState *state, size_t more)
{
	size_t needed = Min(state->n + more, UIML_WARD_MAX_POINTS);
	size_t capacity = Max(state->capacity, FIRST_EVENTS);
	UimlWardState *larger;

	if (needed <= state->capacity)
		return state;
	while (capacity < needed)
		capacity *= 2;
	larger = state_new(state->dim, Min(capacity, UIML_WARD_MAX_POINTS), state->cut);
	uiml_ward_state_merge(larger, state);
	return larger;
}

static UimlWardState *
state_from_bytes(const char *bytes, size_t length)
{
	UimlWardState *state;
	size_t dim;
	size_t n;

	if (uiml_ward_state_read_head(bytes, length, UIML_VECTOR_MAX_DIM, &dim, &n) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of type uiml_ward_state")));
	state = state_new(dim, n, 0);
	if (uiml_ward_state_read(bytes, dim, n, state) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of type uiml_ward_state"),
						errdetail("A number is out of its range.")));
	return state;
}

static bytea *
state_to_bytes(const UimlWardState *state)
{
	Size size = VARHDRSZ + UIML_WARD_BINARY_SIZE(state->dim, state->n);
	bytea *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	uiml_ward_state_write(state, VARDATA(bytes));
	return bytes;
}

UIML_STATE_IO(uiml_ward_state, state_from_bytes, state_to_bytes, state_detoast)

/* ---------- accumulate ---------- */

static void
check_same(const UimlWardState *state, uint32 dim, double cut)
{
	if (state->dim != dim)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("different interest_vector dimensions %u and %u", state->dim, dim)));
	if (state->cut != cut)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("cut must be the same for all rows of an aggregate")));
}

static double
cut_argument(FunctionCallInfo fcinfo, int argument)
{
	double cut;

	uiml_arg_required(fcinfo, argument, "cut");
	cut = PG_GETARG_FLOAT8(argument);
	if (!(cut >= 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("cut must be greater than or equal to zero"), errdetail("cut is %g.", cut)));
	return cut;
}

/* (state, vector, weight, cut) */
PG_FUNCTION_INFO_V1(uiml_ward_accum);
Datum
uiml_ward_accum(PG_FUNCTION_ARGS)
{
	double cut = cut_argument(fcinfo, 3);
	UimlWardState *state;
	InterestVector *row;
	double weight;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return uiml_aggregate_skip(fcinfo);
	row = PG_GETARG_INTEREST_VECTOR_P(1);
	weight = uiml_aggregate_weight(PG_GETARG_FLOAT8(2));
	if (PG_ARGISNULL(0))
		state = state_new((size_t) row->dim, FIRST_EVENTS, cut);
	else
	{
		state = PG_GETARG_STATE(0);
		check_same(state, (uint32) row->dim, cut);
		state = state_with_room(state, 1);
	}
	uiml_ward_state_add(state, row->x, weight);
	PG_RETURN_POINTER(state);
}

/* ---------- combine ---------- */

PG_FUNCTION_INFO_V1(uiml_ward_combine);
Datum
uiml_ward_combine(PG_FUNCTION_ARGS)
{
	UimlWardState *state;
	UimlWardState *other;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return uiml_aggregate_skip(fcinfo);
	other = PG_GETARG_STATE(1);

	/* returned as it is: the executor copies it into the aggregate's context */
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);
	state = PG_GETARG_STATE(0);
	check_same(state, other->dim, other->cut);
	state = state_with_room(state, other->n);
	uiml_ward_state_merge(state, other);
	PG_RETURN_POINTER(state);
}

/* ---------- final ---------- */

static Datum
cluster_datum(const UimlWardCluster *cluster, size_t dim, TupleDesc desc)
{
	Datum values[4];
	bool nulls[4] = {false};

	values[0] = PointerGetDatum(uiml_vector_from_floats(cluster->medoid, (int) dim));
	values[1] = Float8GetDatum(cluster->importance);
	values[2] = Int32GetDatum((int32) cluster->size);
	values[3] = Float8GetDatum(cluster->height);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* uiml_ward_cluster[] */
PG_FUNCTION_INFO_V1(uiml_ward_final);
Datum
uiml_ward_final(PG_FUNCTION_ARGS)
{
	UimlWardState *state = PG_GETARG_STATE(0);
	Oid type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	UimlWardCluster *cluster = palloc(sizeof(UimlWardCluster) * Max(state->n, 1));
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	TupleDesc desc;
	Datum *value;
	size_t found;

	uiml_check(uiml_ward_state_clusters(&env, state, cluster, &found), "clusters of events");
	value = palloc(sizeof(Datum) * Max(found, 1));
	desc = lookup_rowtype_tupdesc(type, -1);
	for (size_t i = 0; i < found; i++)
		value[i] = cluster_datum(&cluster[i], state->dim, desc);
	ReleaseTupleDesc(desc);
	PG_RETURN_ARRAYTYPE_P(construct_array(value, (int) found, type, -1, false, TYPALIGN_DOUBLE));
}

/* ---------- heights ---------- */

/* uiml_ward_heights(vectors) */
PG_FUNCTION_INFO_V1(uiml_ward_heights);
Datum
uiml_ward_heights(PG_FUNCTION_ARGS)
{
	size_t n;
	const InterestVector **vector = uiml_vector_array(PG_GETARG_ARRAYTYPE_P(0), "vectors", false, &n);
	const float **point = palloc(sizeof(float *) * Max(n, 1));
	UimlWardMerge *merge = palloc(sizeof(UimlWardMerge) * Max(n, 1));
	Datum *height = palloc(sizeof(Datum) * Max(n, 1));
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);

	if (n > UIML_WARD_MAX_POINTS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("vectors must have at most %d elements", UIML_WARD_MAX_POINTS),
						errdetail("There are %zu.", n)));
	for (size_t i = 0; i < n; i++)
		point[i] = vector[i]->x;
	uiml_check(uiml_ward_link(&env, point, n, n > 0 ? (size_t) vector[0]->dim : 0, merge), "clusters");
	for (size_t i = 0; i + 1 < n; i++)
		height[i] = Float8GetDatum(merge[i].height);
	PG_RETURN_ARRAYTYPE_P(construct_array(height, n > 0 ? (int) n - 1 : 0, FLOAT8OID, sizeof(float8),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
