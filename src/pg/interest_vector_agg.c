/*
 * interest_vector_agg.c
 *	  Aggregates over interest_vector: sum, avg, weighted and decayed averages, and the type of their state.
 *
 * All four share one state, uiml_vector_state, a base type: a plan may send it between processes and servers
 * (parallel query, Citus, postgres_fdw).  The executor copies the state that the first row of a group makes
 * into the aggregate's memory context, and keeps it there as long as the same pointer comes back: so each
 * further row is added in place.
 */
#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "core/vector.h"
#include "core/vectorstate.h"
#include "pg/aggregate.h"
#include "pg/interest_vector.h"

/* ---------- the state ---------- */

StaticAssertDecl(offsetof(UimlVectorState, length_word) == 0, "the length word is the varlena header");

static UimlVectorState *
state_new(size_t dim, int64 half_life)
{
	UimlVectorState *state = palloc(UIML_VECTOR_STATE_SIZE(dim));

	SET_VARSIZE(state, UIML_VECTOR_STATE_SIZE(dim));
	uiml_vector_state_init(state, dim, half_life);
	return state;
}

/* Detoasts, and checks what later reads rely on: a state can come from a table. */
static UimlVectorState *
state_detoast(Datum d)
{
	UimlVectorState *state = (UimlVectorState *) PG_DETOAST_DATUM(d);
	Size size = VARSIZE(state);

	if (size < UIML_VECTOR_STATE_SIZE(1) || state->dim < 1 || state->dim > UIML_VECTOR_MAX_DIM ||
		size != UIML_VECTOR_STATE_SIZE(state->dim) || state->half_life < 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("corrupt value of type uiml_vector_state"),
						errdetail("The value has %zu bytes.", size)));
	return state;
}

#define PG_GETARG_STATE(n) state_detoast(PG_GETARG_DATUM(n))

static void
check_state_dim(const UimlVectorState *state, uint32 dim)
{
	if (state->dim != dim)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("different interest_vector dimensions %u and %u", state->dim, dim)));
}

static UimlVectorState *
state_from_bytes(const char *bytes, size_t length)
{
	UimlVectorState *state;
	size_t dim;

	if (uiml_vector_state_read_dim(bytes, length, UIML_VECTOR_MAX_DIM, &dim) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of type uiml_vector_state")));
	state = state_new(dim, 0);
	if (uiml_vector_state_read(bytes, dim, state) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of type uiml_vector_state"),
						errdetail("A number is out of its range.")));
	return state;
}

static bytea *
state_to_bytes(const UimlVectorState *state)
{
	Size size = VARHDRSZ + UIML_VECTOR_STATE_BINARY_SIZE(state->dim);
	bytea *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	uiml_vector_state_write(state, VARDATA(bytes));
	return bytes;
}

UIML_STATE_IO(uiml_vector_state, state_from_bytes, state_to_bytes, state_detoast)

/* ---------- accumulate ---------- */

/* Argument 1.  A copy is left to the executor, which resets the context of a row. */
static inline void
view_row(FunctionCallInfo fcinfo, UimlVectorView *row)
{
	uiml_vector_view(PG_GETARG_DATUM(1), row);
	uiml_vector_prefetch(row);
}

/* Argument 0 as a state that the row may be added to, or a new one for the first row. */
static UimlVectorState *
state_for_row(FunctionCallInfo fcinfo, const UimlVectorView *row, int64 half_life)
{
	UimlVectorState *state;

	if (PG_ARGISNULL(0))
		return state_new((size_t) row->dim, half_life);
	state = PG_GETARG_STATE(0);
	check_state_dim(state, (uint32) row->dim);
	if (state->half_life != half_life)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("half-life must be the same for all rows of an aggregate")));
	return state;
}

/* An interval in microseconds, months of 30 days as comparisons of intervals take them. */
static int64
half_life_argument(const Interval *interval)
{
	int64 days;
	int64 result;

	days = (int64) interval->month * DAYS_PER_MONTH + interval->day;
	if (__builtin_mul_overflow(days, USECS_PER_DAY, &result) ||
		__builtin_add_overflow(result, interval->time, &result))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("half-life out of range")));
	if (result <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("half-life must be greater than zero")));
	return result;
}

PG_FUNCTION_INFO_V1(interest_vector_accum);
Datum
interest_vector_accum(PG_FUNCTION_ARGS)
{
	UimlVectorView row;
	UimlVectorState *state;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return uiml_aggregate_skip(fcinfo);
	view_row(fcinfo, &row);
	state = state_for_row(fcinfo, &row, 0);
	uiml_vector_state_add(state, row.x, 1, 0);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(interest_vector_weighted_accum);
Datum
interest_vector_weighted_accum(PG_FUNCTION_ARGS)
{
	UimlVectorView row;
	UimlVectorState *state;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return uiml_aggregate_skip(fcinfo);
	view_row(fcinfo, &row);
	state = state_for_row(fcinfo, &row, 0);
	uiml_vector_state_add(state, row.x, uiml_aggregate_weight(PG_GETARG_FLOAT8(2)), 0);
	PG_RETURN_POINTER(state);
}

/* (state, vector, weight, at, half_life [, as_of]) */
PG_FUNCTION_INFO_V1(interest_vector_decay_accum);
Datum
interest_vector_decay_accum(PG_FUNCTION_ARGS)
{
	UimlVectorView row;
	UimlVectorState *state;
	double weight;
	TimestampTz at;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(4))
		return uiml_aggregate_skip(fcinfo);
	weight = uiml_aggregate_weight(PG_GETARG_FLOAT8(2));
	at = PG_GETARG_TIMESTAMPTZ(3);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("time of a row must be finite")));

	/* at as_of, what comes later has not happened yet */
	if (PG_NARGS() > 5 && !PG_ARGISNULL(5) && at > PG_GETARG_TIMESTAMPTZ(5))
		return uiml_aggregate_skip(fcinfo);

	view_row(fcinfo, &row);
	state = state_for_row(fcinfo, &row, half_life_argument(PG_GETARG_INTERVAL_P(4)));
	uiml_vector_state_add(state, row.x, weight, at);
	PG_RETURN_POINTER(state);
}

/* ---------- combine ---------- */

PG_FUNCTION_INFO_V1(interest_vector_combine);
Datum
interest_vector_combine(PG_FUNCTION_ARGS)
{
	UimlVectorState *state;
	UimlVectorState *other;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return uiml_aggregate_skip(fcinfo);
	other = PG_GETARG_STATE(1);

	/* returned as it is: the executor copies it into the aggregate's context */
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);
	state = PG_GETARG_STATE(0);
	check_state_dim(state, other->dim);
	if (state->half_life != other->half_life)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("half-life must be the same for all rows of an aggregate")));
	uiml_vector_state_merge(state, other);
	PG_RETURN_POINTER(state);
}

/* ---------- final ---------- */

static Datum
finish(FunctionCallInfo fcinfo, UimlStatus (*function)(const UimlVectorState *state, float *x))
{
	UimlVectorState *state = PG_GETARG_STATE(0);
	InterestVector *result = uiml_vector_new((int) state->dim);

	if (function(state, result->x) == UIML_EEMPTY)
		PG_RETURN_NULL();
	uiml_vector_check_overflow(result);
	PG_RETURN_INTEREST_VECTOR_P(result);
}

PG_FUNCTION_INFO_V1(interest_vector_sum_final);
Datum
interest_vector_sum_final(PG_FUNCTION_ARGS)
{
	return finish(fcinfo, uiml_vector_state_sum);
}

PG_FUNCTION_INFO_V1(interest_vector_avg_final);
Datum
interest_vector_avg_final(PG_FUNCTION_ARGS)
{
	return finish(fcinfo, uiml_vector_state_mean);
}
