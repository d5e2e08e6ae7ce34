/*
 * pass_agg.c
 *	  uiml_pass, the aggregate that training passes over a work table with, and the type of its state.
 *
 * The state is a base type, so that a plan may have workers: each sends what it has added up.  The executor
 * copies the state that the first row makes into the aggregate's context, and keeps it there as long as the
 * same pointer comes back, so each further user is added in place.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "core/pass.h"
#include "pg/aggregate.h"
#include "pg/compat.h"
#include "pg/env.h"

StaticAssertDecl(offsetof(UimlPassState, length_word) == 0, "the length word is the varlena header");

static UimlPassState *
state_alloc(size_t size)
{
	UimlPassState *state;

	if (size > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("partial result of a pass exceeds %zu bytes", (size_t) MaxAllocSize)));
	state = palloc(size);
	SET_VARSIZE(state, size);
	return state;
}

/* Detoasts, and checks what later reads rely on: a state can come from a table. */
static UimlPassState *
state_detoast(Datum d)
{
	UimlPassState *state = (UimlPassState *) PG_DETOAST_DATUM(d);
	Size size = VARSIZE(state);

	if (size < sizeof(UimlPassState) ||
		size != uiml_pass_state_size(state->kind, state->n_items, state->width))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("corrupt value of type uiml_pass_state"),
						errdetail("The value has %zu bytes.", size)));
	return state;
}

static void
check_shape(const UimlPassState *state, uint32 kind, uint64 n_items, uint64 width)
{
	if (state->kind != kind || state->n_items != n_items || state->width != width)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("different jobs in one pass over users")));
}

/* ---------- the state ---------- */

static UimlPassState *
state_from_bytes(const char *bytes, size_t length)
{
	UimlPassState *state;
	size_t size;

	if (uiml_pass_state_read_size(bytes, length, &size) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of type uiml_pass_state")));
	state = state_alloc(size);
	uiml_pass_state_read(bytes, state);
	return state;
}

static bytea *
state_to_bytes(const UimlPassState *state)
{
	Size size = VARHDRSZ + uiml_pass_state_binary_size(state);
	bytea *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	uiml_pass_state_write(state, VARDATA(bytes));
	return bytes;
}

UIML_STATE_IO(uiml_pass_state, state_from_bytes, state_to_bytes, state_detoast)

/* ---------- accumulate ---------- */

/* The job; what a statement passes as a parameter lies where it can be read as it is. */
static void
open_job(FunctionCallInfo fcinfo, int argument, UimlPass *pass)
{
	bytea *job = PG_GETARG_BYTEA_P(argument);

	if (uiml_pass_open(VARDATA(job), VARSIZE(job) - VARHDRSZ, pass) != UIML_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid job of a pass over users")));
}

/* (state, user_no, events, job) */
PG_FUNCTION_INFO_V1(uiml_pass_accum);
Datum
uiml_pass_accum(PG_FUNCTION_ARGS)
{
	UimlPassState *state;
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	UimlPass pass;
	UimlStatus status;
	bytea *events;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		return uiml_aggregate_skip(fcinfo);
	open_job(fcinfo, 3, &pass);
	if (PG_ARGISNULL(0))
	{
		state = state_alloc(uiml_pass_state_size(pass.job.kind, pass.job.n_items, pass.job.width));
		uiml_pass_state_init(state, pass.job.kind, pass.job.n_items, pass.job.width);
	}
	else
	{
		state = state_detoast(PG_GETARG_DATUM(0));
		check_shape(state, pass.job.kind, pass.job.n_items, pass.job.width);
	}
	events = PG_GETARG_BYTEA_PP(2);
	status = uiml_pass_add(&env, &pass, (uint32) PG_GETARG_INT32(1), VARDATA_ANY(events),
						   VARSIZE_ANY_EXHDR(events), state);
	if (status == UIML_ECORRUPT)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of the events of a user")));
	uiml_check(status, "events of a user");
	PG_RETURN_POINTER(state);
}

/* ---------- combine ---------- */

PG_FUNCTION_INFO_V1(uiml_pass_combine);
Datum
uiml_pass_combine(PG_FUNCTION_ARGS)
{
	UimlPassState *state;
	UimlPassState *other;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return uiml_aggregate_skip(fcinfo);
	other = state_detoast(PG_GETARG_DATUM(1));

	/* returned as it is: the executor copies it into the aggregate's context */
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);
	state = state_detoast(PG_GETARG_DATUM(0));
	check_shape(state, other->kind, other->n_items, other->width);
	uiml_pass_merge(state, other);
	PG_RETURN_POINTER(state);
}
