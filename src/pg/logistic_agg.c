/*
 * logistic_agg.c
 *	  uiml_logistic_pass, the aggregate that multinomial logistic regression passes over rows with, and the
 *	  type of its state.
 *
 * The state is a base type, so that a plan may have workers, each of which sends what it has added up.  Rows
 * are added in place, one by one and without BLAS: see interest_vector_agg.c for why that is safe.
 */
#include "postgres.h"

#include <math.h>

#include "core/logistic.h"
#include "pg/aggregate.h"
#include "pg/interest_vector.h"
#include "pg/logistic.h"
#include "pg/transfer_matrix.h"

StaticAssertDecl(offsetof(UimlLogisticState, length_word) == 0, "the length word is the varlena header");

/* ---------- the state ---------- */

static UimlLogisticState *
state_alloc(size_t size)
{
	UimlLogisticState *state = palloc(size);

	SET_VARSIZE(state, size);
	return state;
}

UimlLogisticState *
uiml_logistic_detoast(Datum d)
{
	UimlLogisticState *state = (UimlLogisticState *) PG_DETOAST_DATUM(d);
	Size size = VARSIZE(state);

	if (size < UIML_LOGISTIC_STATE_SIZE(1, 1) || state->p < 1 || state->p > UIML_TRANSFER_MAX_DIMS ||
		state->k < 1 || state->k > UIML_LOGISTIC_MAX_CLASSES ||
		size != UIML_LOGISTIC_STATE_SIZE(state->p, state->k))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("corrupt value of type uiml_logistic_state"),
						errdetail("The value has %zu bytes.", size)));
	return state;
}

static UimlLogisticState *
state_from_bytes(const char *bytes, size_t length)
{
	UimlLogisticState *state;
	size_t size;

	if (uiml_logistic_read_size(bytes, length, &size) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of type uiml_logistic_state")));
	state = state_alloc(size);
	uiml_logistic_read(bytes, state);
	return state;
}

static bytea *
state_to_bytes(const UimlLogisticState *state)
{
	Size size = VARHDRSZ + uiml_logistic_binary_size(state);
	bytea *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	uiml_logistic_write(state, VARDATA(bytes));
	return bytes;
}

UIML_STATE_IO(uiml_logistic_state, state_from_bytes, state_to_bytes, uiml_logistic_detoast)

static void
check_shape(const UimlLogisticState *state, uint32 p, uint32 k)
{
	if (state->p != p || state->k != k)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("different shapes in one pass of logistic regression"),
						errdetail("There are %u x %u and %u x %u coefficients.", state->p, state->k, p, k)));
}

/* ---------- accumulate ---------- */

static void
check_row(const InterestVector *source, const InterestVector *counts, const UimlMatrix *model)
{
	if (model->intercept == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("model must have an intercept")));
	if ((uint32) source->dim != model->rows)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("transfer_matrix with %u rows cannot be applied to %d dimensions", model->rows,
							   source->dim)));
	if ((uint32) counts->dim != model->cols)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("transfer_matrix has %u columns for %d counts", model->cols, counts->dim)));
	for (int t = 0; t < counts->dim; t++)
		if (counts->x[t] < 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("counts must be greater than or equal to zero")));
}

/* (state, source, counts, model) */
PG_FUNCTION_INFO_V1(uiml_logistic_accum);
Datum
uiml_logistic_accum(PG_FUNCTION_ARGS)
{
	UimlLogisticState *state;
	InterestVector *source;
	InterestVector *counts;
	UimlMatrix *model;
	double *room;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		return uiml_aggregate_skip(fcinfo);
	source = PG_GETARG_INTEREST_VECTOR_P(1);
	counts = PG_GETARG_INTEREST_VECTOR_P(2);
	model = PG_GETARG_MATRIX(3);
	check_row(source, counts, model);
	if (PG_ARGISNULL(0))
	{
		state = state_alloc(UIML_LOGISTIC_STATE_SIZE(model->rows, model->cols));
		uiml_logistic_init(state, model->rows, model->cols);
	}
	else
	{
		state = uiml_logistic_detoast(PG_GETARG_DATUM(0));
		check_shape(state, model->rows, model->cols);
	}
	room = palloc(model->cols * sizeof(double));
	uiml_logistic_add_row(state, model->data, source->x, counts->x, room);
	PG_RETURN_POINTER(state);
}

/* ---------- combine ---------- */

PG_FUNCTION_INFO_V1(uiml_logistic_combine);
Datum
uiml_logistic_combine(PG_FUNCTION_ARGS)
{
	UimlLogisticState *state;
	UimlLogisticState *other;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return uiml_aggregate_skip(fcinfo);
	other = uiml_logistic_detoast(PG_GETARG_DATUM(1));

	/* returned as it is: the executor copies it into the aggregate's context */
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);
	state = uiml_logistic_detoast(PG_GETARG_DATUM(0));
	check_shape(state, other->p, other->k);
	uiml_logistic_merge(state, other);
	PG_RETURN_POINTER(state);
}

/* ---------- what a state tells ---------- */

PG_FUNCTION_INFO_V1(uiml_logistic_loss);
Datum
uiml_logistic_loss(PG_FUNCTION_ARGS)
{
	UimlLogisticState *state = uiml_logistic_detoast(PG_GETARG_DATUM(0));

	if (!(state->events > 0))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(state->loss / state->events);
}

PG_FUNCTION_INFO_V1(uiml_logistic_gradient);
Datum
uiml_logistic_gradient(PG_FUNCTION_ARGS)
{
	UimlLogisticState *state = uiml_logistic_detoast(PG_GETARG_DATUM(0));
	UimlMatrix *gradient;

	if (!(state->events > 0))
		PG_RETURN_NULL();
	gradient = uiml_matrix_from_doubles(state->gradient, state->gradient + (Size) state->p * state->k,
										state->p, state->k);
	for (size_t i = 0; i < uiml_logistic_size(state->p, state->k); i++)
		gradient->data[i] /= state->events;
	PG_RETURN_POINTER(gradient);
}
