/*
 * transfer_agg.c
 *	  The aggregates uiml_transfer_stats, uiml_merge and uiml_transfer, and the type of their state.
 *
 * The state, uiml_transfer_state, is a base type: a plan may send it between processes and servers.  The
 * executor copies the state that the first row of a group makes into the aggregate's context, and keeps it
 * there as long as the same pointer comes back: so each further row is added in place.
 *
 * No BLAS up to the fit: a worker that aggregates for some milliseconds would load OpenBLAS for longer than
 * that, and for blocks of a few dozen rows it is no faster than our own kernels (test/bench/stats).
 */
#include "postgres.h"

#include <math.h>

#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/ridge.h"
#include "core/transferrows.h"
#include "core/transferstate.h"
#include "pg/aggregate.h"
#include "pg/arrays.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/transfer_matrix.h"
#include "pg/transfer_rows.h"
#include "pg/transfer_stats.h"

StaticAssertDecl(offsetof(UimlTransferState, length_word) == 0, "the length word is the varlena header");

/* What is fitted, and how: arguments of uiml_transfer. */
typedef struct Fit
{
	UimlLoss loss;
	double lambda;           /* -1: to be chosen */
	const UimlMatrix *prior; /* or NULL */
} Fit;

static const Fit statistics_only = {.loss = UIML_LOSS_SQUARED, .lambda = -1};

/* ---------- the state ---------- */

static UimlTransferState *
state_alloc(size_t p, size_t q, bool prior)
{
	size_t size = uiml_transfer_state_size(p, q, prior);
	UimlTransferState *state;

	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("statistics of %zu x %zu dimensions exceed %zu bytes", p, q, (size_t) MaxAllocSize)));
	state = palloc(size);
	SET_VARSIZE(state, size);
	return state;
}

static void
check_shape(size_t p, size_t q, const Fit *fit)
{
	if (p > UIML_TRANSFER_MAX_DIMS || q > UIML_TRANSFER_MAX_DIMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("transfer_stats cannot have more than %d dimensions", UIML_TRANSFER_MAX_DIMS)));
	if (fit->prior != NULL && (fit->prior->rows != p || fit->prior->cols != q))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("prior has %u rows and %u columns for %zu source and %zu target dimensions",
							   fit->prior->rows, fit->prior->cols, p, q)));
}

static UimlTransferState *
state_new(size_t p, size_t q, const Fit *fit)
{
	UimlTransferState *state;

	check_shape(p, q, fit);
	state = state_alloc(p, q, fit->prior != NULL);
	uiml_transfer_state_init(state, p, q, fit->loss, fit->lambda,
							 fit->prior != NULL ? fit->prior->data : NULL);
	return state;
}

static bool
keeps_rows(const UimlTransferState *state)
{
	return state->loss == UIML_LOSS_CROSS_ENTROPY;
}

/* Does the size of a state agree with what it says of itself? */
static bool
size_is_right(const UimlTransferState *state, Size size)
{
	size_t none;

	if (size < sizeof(UimlTransferState) || state->p < 1 || state->p > UIML_TRANSFER_MAX_DIMS ||
		state->q < 1 || state->q > UIML_TRANSFER_MAX_DIMS || state->prior > 1 || state->loss >= UIML_N_LOSSES)
		return false;
	none = uiml_transfer_rows_size(state->p, state->q, state->prior != 0, 0);
	if (keeps_rows(state))
		return size >= none &&
			   state->pending <= uiml_transfer_rows_capacity(state->p, state->q, state->prior != 0, size);
	return state->pending < UIML_TRANSFER_BLOCK &&
		   size == uiml_transfer_state_size(state->p, state->q, state->prior != 0) &&
		   uiml_transfer_state_stats(state)->p == state->p && uiml_transfer_state_stats(state)->q == state->q;
}

/* Detoasts, and checks what later reads rely on: a state can come from a table. */
static UimlTransferState *
state_detoast(Datum d)
{
	UimlTransferState *state = (UimlTransferState *) PG_DETOAST_DATUM(d);
	Size size = VARSIZE(state);

	if (unlikely(!size_is_right(state, size)))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("corrupt value of type uiml_transfer_state"),
						errdetail("The value has %zu bytes.", size)));
	return state;
}

static UimlTransferState *
state_from_bytes(const char *bytes, size_t length)
{
	UimlTransferState *state;
	bool rows = false;
	size_t size;
	UimlStatus status = uiml_transfer_state_read_size(bytes, length, &size);

	if (status != UIML_OK)
	{
		status = uiml_transfer_rows_read_size(bytes, length, &size);
		rows = true;
	}
	if (status != UIML_OK || size > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of type uiml_transfer_state")));
	state = palloc(size);
	SET_VARSIZE(state, size);
	if ((rows ? uiml_transfer_rows_read : uiml_transfer_state_read)(bytes, state) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid representation of type uiml_transfer_state"),
						errdetail("A number is out of its range.")));
	return state;
}

static bytea *
state_to_bytes(const UimlTransferState *state)
{
	bool rows = keeps_rows(state);
	Size size = VARHDRSZ + (rows ? uiml_transfer_rows_binary_size : uiml_transfer_state_binary_size)(state);
	bytea *bytes;

	if (!AllocSizeIsValid(size))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("value of type uiml_transfer_state is too large to be written")));
	bytes = palloc(size);
	SET_VARSIZE(bytes, size);
	(rows ? uiml_transfer_rows_write : uiml_transfer_state_write)(state, VARDATA(bytes));
	return bytes;
}

UIML_STATE_IO(uiml_transfer_state, state_from_bytes, state_to_bytes, state_detoast)

/* ---------- accumulate ---------- */

pg_noreturn static void
refuse_dims(const UimlTransferState *state, size_t p, size_t q)
{
	if (state->p != p)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("different source dimensions %u and %zu", state->p, p)));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION), errmsg("different target dimensions %u and %zu", state->q, q)));
}

/* A state can come from a table, and so into a function that it isn't for. */
pg_noreturn static void
refuse_rows(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("rows of a fit by cross_entropy have no statistics")));
}

/* The state that a row of p and q dimensions may be added to, or a new one for the first row. */
static UimlTransferState *
state_for_row(FunctionCallInfo fcinfo, size_t p, size_t q, const Fit *fit)
{
	UimlTransferState *state;

	if (PG_ARGISNULL(0))
		return state_new(p, q, fit);
	state = state_detoast(PG_GETARG_DATUM(0));
	if (unlikely(state->p != p || state->q != q))
		refuse_dims(state, p, q);
	if (unlikely(keeps_rows(state)))
		refuse_rows();
	return state;
}

/* Adds arguments 1 and 2, interest_vectors. */
static UimlTransferState *
add_vectors(FunctionCallInfo fcinfo, double weight, const Fit *fit)
{
	UimlVectorView x, y;
	UimlTransferState *state;

	uiml_vector_view(PG_GETARG_DATUM(1), &x);
	uiml_vector_view(PG_GETARG_DATUM(2), &y);
	uiml_vector_prefetch(&x);
	uiml_vector_prefetch(&y);
	state = state_for_row(fcinfo, (size_t) x.dim, (size_t) y.dim, fit);
	uiml_transfer_state_add(state, x.x, y.x, weight);
	return state;
}

/* An argument's numbers, finite. */
static double *
array_argument(FunctionCallInfo fcinfo, int argument, const char *name, size_t *n)
{
	double *x = uiml_doubles_of_array(PG_GETARG_ARRAYTYPE_P(argument), 1, name, n);

	for (size_t i = 0; i < *n; i++)
		if (!isfinite(x[i]))
			ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
							errmsg("NaN or infinite value not allowed in %s", name)));
	return x;
}

/* (state, source, target [, weight]) */
PG_FUNCTION_INFO_V1(uiml_transfer_stats_accum);
Datum
uiml_transfer_stats_accum(PG_FUNCTION_ARGS)
{
	double weight = 1;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || (PG_NARGS() > 3 && PG_ARGISNULL(3)))
		return uiml_aggregate_skip(fcinfo);
	if (PG_NARGS() > 3)
		weight = uiml_aggregate_weight(PG_GETARG_FLOAT8(3));
	PG_RETURN_POINTER(add_vectors(fcinfo, weight, &statistics_only));
}

/* The same of arrays, whose numbers keep their precision. */
PG_FUNCTION_INFO_V1(uiml_transfer_stats_accum_f64);
Datum
uiml_transfer_stats_accum_f64(PG_FUNCTION_ARGS)
{
	UimlTransferState *state;
	double weight = 1;
	double *x, *y;
	size_t p, q;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || (PG_NARGS() > 3 && PG_ARGISNULL(3)))
		return uiml_aggregate_skip(fcinfo);
	if (PG_NARGS() > 3)
		weight = uiml_aggregate_weight(PG_GETARG_FLOAT8(3));
	x = array_argument(fcinfo, 1, "source", &p);
	y = array_argument(fcinfo, 2, "target", &q);
	state = state_for_row(fcinfo, p, q, &statistics_only);
	uiml_transfer_state_add_f64(state, x, y, weight);
	PG_RETURN_POINTER(state);
}

/* ---------- arguments of a fit ---------- */

static UimlLoss
loss_argument(FunctionCallInfo fcinfo, int argument)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(argument));

	if (strcmp(name, "squared") == 0)
		return UIML_LOSS_SQUARED;
	if (strcmp(name, "cosine") == 0)
		return UIML_LOSS_COSINE;
	if (strcmp(name, "cross_entropy") == 0)
		return UIML_LOSS_CROSS_ENTROPY;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("loss \"%s\" does not exist", name),
					errhint("Losses are \"squared\", \"cosine\" and \"cross_entropy\".")));
}

static double
lambda_argument(FunctionCallInfo fcinfo, int argument)
{
	double lambda = PG_GETARG_FLOAT8(argument);

	if (!(lambda >= 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("lambda must be greater than or equal to zero")));
	return lambda;
}

/* (..., lambda, prior, loss) from argument 3 on, as many as there are. */
static Fit
fit_arguments(FunctionCallInfo fcinfo)
{
	Fit fit = statistics_only;

	if (PG_NARGS() > 3 && !PG_ARGISNULL(3))
		fit.lambda = lambda_argument(fcinfo, 3);
	if (PG_NARGS() > 4 && !PG_ARGISNULL(4))
		fit.prior = PG_GETARG_MATRIX(4);
	if (PG_NARGS() > 5 && !PG_ARGISNULL(5))
		fit.loss = loss_argument(fcinfo, 5);
	if (fit.loss == UIML_LOSS_CROSS_ENTROPY && (fit.lambda == 0 || isinf(fit.lambda)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("lambda of cross_entropy must be greater than zero and finite")));
	return fit;
}

/* Is an argument of the aggregate the same in all rows by its form alone? */
static bool
argument_is_constant(FunctionCallInfo fcinfo, int argument)
{
	Aggref *aggref = AggGetAggref(fcinfo);

	return aggref != NULL && IsA(((TargetEntry *) list_nth(aggref->args, argument - 1))->expr, Const);
}

static void
check_same_fit(const UimlTransferState *state, const Fit *fit)
{
	bool same = state->loss == (uint32) fit->loss && state->lambda == fit->lambda &&
				(state->prior != 0) == (fit->prior != NULL);
	const double *prior =
		keeps_rows(state) ? uiml_transfer_rows_prior(state) : uiml_transfer_state_prior(state);

	if (same && prior != NULL)
		same = fit->prior->rows == state->p && fit->prior->cols == state->q &&
			   memcmp(prior, fit->prior->data, sizeof(double) * state->p * state->q) == 0;
	if (!same)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("lambda, prior and loss must be the same for all rows of an aggregate")));
}

/* Looking at a large prior again for each row would take longer than the row does. */
static bool
fit_is_constant(FunctionCallInfo fcinfo)
{
	bool *constant = fcinfo->flinfo->fn_extra;

	if (constant == NULL)
	{
		constant = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(bool));
		*constant = true;
		for (int i = 3; i < PG_NARGS(); i++)
			*constant &= argument_is_constant(fcinfo, i);
		fcinfo->flinfo->fn_extra = constant;
	}
	return *constant;
}

/* ---------- accumulate for a fit ---------- */

/* Adds arguments 1 and 2 to a state that keeps rows. */
static UimlTransferState *
add_counts(FunctionCallInfo fcinfo, const Fit *fit)
{
	UimlVectorView x, y;
	UimlTransferState *state;

	uiml_vector_view(PG_GETARG_DATUM(1), &x);
	uiml_vector_view(PG_GETARG_DATUM(2), &y);
	if (PG_ARGISNULL(0))
	{
		check_shape((size_t) x.dim, (size_t) y.dim, fit);
		state = uiml_rows_new((size_t) x.dim, (size_t) y.dim, fit->lambda,
							  fit->prior != NULL ? fit->prior->data : NULL);
	}
	else
		state = state_detoast(PG_GETARG_DATUM(0));
	if (state->p != (uint32) x.dim || state->q != (uint32) y.dim)
		refuse_dims(state, (size_t) x.dim, (size_t) y.dim);
	return uiml_rows_add(state, &x, &y);
}

/* (state, source, target [, lambda [, prior [, loss]]]) */
PG_FUNCTION_INFO_V1(uiml_transfer_accum);
Datum
uiml_transfer_accum(PG_FUNCTION_ARGS)
{
	Fit fit = statistics_only;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return uiml_aggregate_skip(fcinfo);
	if (PG_ARGISNULL(0) || !fit_is_constant(fcinfo))
		fit = fit_arguments(fcinfo);
	if (!PG_ARGISNULL(0))
	{
		UimlTransferState *state = state_detoast(PG_GETARG_DATUM(0));

		if (!fit_is_constant(fcinfo))
			check_same_fit(state, &fit);
		fit.loss = (UimlLoss) state->loss;
	}
	if (fit.loss == UIML_LOSS_CROSS_ENTROPY)
		PG_RETURN_POINTER(add_counts(fcinfo, &fit));
	PG_RETURN_POINTER(add_vectors(fcinfo, 1, &fit));
}

/* ---------- combine ---------- */

PG_FUNCTION_INFO_V1(uiml_transfer_combine);
Datum
uiml_transfer_combine(PG_FUNCTION_ARGS)
{
	UimlTransferState *state;
	UimlTransferState *other;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return uiml_aggregate_skip(fcinfo);
	other = state_detoast(PG_GETARG_DATUM(1));

	/* returned as it is: the executor copies it into the aggregate's context */
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);
	state = state_detoast(PG_GETARG_DATUM(0));
	if (state->p != other->p || state->q != other->q)
		refuse_dims(state, other->p, other->q);
	if (state->loss != other->loss ||
		!(keeps_rows(state) ? uiml_transfer_rows_alike : uiml_transfer_state_alike)(state, other))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("lambda, prior and loss must be the same for all rows of an aggregate")));
	if (keeps_rows(state))
		PG_RETURN_POINTER(uiml_rows_combine(state, other));
	uiml_transfer_state_merge(state, other);
	PG_RETURN_POINTER(state);
}

/* Transition and combine function of uiml_merge. */
PG_FUNCTION_INFO_V1(uiml_transfer_merge_accum);
Datum
uiml_transfer_merge_accum(PG_FUNCTION_ARGS)
{
	UimlTransferStats *stats;
	UimlTransferStats *other;

	uiml_aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
		return uiml_aggregate_skip(fcinfo);
	other = PG_GETARG_STATS(1);
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);
	stats = PG_GETARG_STATS(0);
	uiml_stats_check_same(stats, other);
	(void) uiml_transfer_merge(stats, other);
	PG_RETURN_POINTER(stats);
}

/* ---------- final ---------- */

/* The statistics of a state's rows, or NULL where none has a weight. */
static UimlTransferStats *
finish(const UimlTransferState *state)
{
	UimlTransferStats *stats = uiml_stats_new(state->p, state->q);
	double *scratch;

	if (keeps_rows(state))
		refuse_rows();
	scratch = palloc(sizeof(double) * uiml_transfer_state_scratch(state));
	uiml_transfer_state_finish(state, stats, scratch);
	pfree(scratch);
	uiml_stats_check_overflow(stats);
	return stats->n > 0 ? stats : NULL;
}

PG_FUNCTION_INFO_V1(uiml_transfer_stats_final);
Datum
uiml_transfer_stats_final(PG_FUNCTION_ARGS)
{
	UimlTransferStats *stats = finish(state_detoast(PG_GETARG_DATUM(0)));

	if (stats == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(stats);
}

PG_FUNCTION_INFO_V1(uiml_transfer_merge_final);
Datum
uiml_transfer_merge_final(PG_FUNCTION_ARGS)
{
	UimlTransferStats *stats = PG_GETARG_STATS(0);

	uiml_stats_check_overflow(stats);
	PG_RETURN_POINTER(stats);
}

/* W and b, p x q and q, of the ridge regression that a state asks for. */
static UimlStatus
solve(const UimlEnv *env, const UimlTransferState *state, const UimlTransferStats *stats, double *w,
	  double *b)
{
	UimlRidge ridge;
	UimlStatus status = uiml_ridge_begin(env, stats, true, uiml_transfer_state_prior(state), &ridge);

	if (status != UIML_OK)
		return status;
	status =
		uiml_ridge_solve(env, &ridge, state->lambda < 0 ? uiml_ridge_choose(&ridge) : state->lambda, w, b);
	uiml_ridge_free(env, &ridge);
	return status;
}

/* The matrix by least squares, or NULL without rows. */
static UimlMatrix *
fit_stats(const UimlEnv *env, const UimlTransferState *state)
{
	UimlTransferStats *stats = finish(state);
	UimlMatrix *matrix;
	UimlStatus status;

	if (stats == NULL)
		return NULL;
	matrix = uiml_matrix_new(state->p, state->q, true);
	uiml_blas_begin();
	status = solve(env, state, stats, matrix->data, matrix->data + (Size) state->p * state->q);
	uiml_blas_end();
	if (status == UIML_ESINGULAR)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("singular matrix in transfer"),
						errdetail(INT64_FORMAT " rows don't span %u source dimensions.", stats->n, state->p),
						errhint("Add rows or set lambda greater than zero.")));
	uiml_check(status, "transfer");
	return matrix;
}

PG_FUNCTION_INFO_V1(uiml_transfer_final);
Datum
uiml_transfer_final(PG_FUNCTION_ARGS)
{
	UimlTransferState *state = state_detoast(PG_GETARG_DATUM(0));
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	UimlMatrix *matrix = keeps_rows(state) ? uiml_rows_fit(&env, state) : fit_stats(&env, state);

	if (matrix == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(matrix);
}
