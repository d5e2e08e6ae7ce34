/*
 * solve_rows.c
 *	  What a solver says of single rows: the error of leaving one out, and predictive intervals.
 *
 * Such functions are called for every row of a table with the same statistics.  The decomposition is kept for
 * the call site, with copies of the arguments that it was made from, and is made anew when they differ: it
 * never decides what comes out, only how fast.
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "utils/memutils.h"

#include "core/predictive.h"
#include "core/student.h"
#include "pg/arrays.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/prediction.h"
#include "pg/solve.h"
#include "pg/toolargs.h"
#include "pg/transfer_matrix.h"
#include "pg/transfer_stats.h"

/* ---------- decompositions that are kept ---------- */

/* An argument that was seen, to know it again. */
typedef struct Seen
{
	void *value;                      /* a copy; NULL: it was NULL */
	bool stored;                      /* it came out of line from a table, */
	char pointer[TOAST_POINTER_SIZE]; /* by this pointer: no need to fetch it in order to compare it */
} Seen;

typedef struct Kept
{
	MemoryContext context; /* "uiml solver": all of it */
	bool intercept;
	Seen stats;
	Seen prior;
	UimlRidge ridge;
	double *x;    /* p */
	double *y;    /* q */
	double *v;    /* q */
	double *work; /* 2 p + q */
} Kept;

static bool
same_as_seen(FunctionCallInfo fcinfo, int argument, const Seen *seen)
{
	const struct varlena *raw, *value;

	if (PG_ARGISNULL(argument) || seen->value == NULL)
		return PG_ARGISNULL(argument) && seen->value == NULL;
	raw = (const struct varlena *) PG_GETARG_POINTER(argument);
	if (VARATT_IS_EXTERNAL_ONDISK(raw) && seen->stored)
		return memcmp(raw, seen->pointer, TOAST_POINTER_SIZE) == 0;
	value = PG_GETARG_VARLENA_P(argument);
	return VARSIZE(value) == VARSIZE(seen->value) && memcmp(value, seen->value, VARSIZE(value)) == 0;
}

/* Copies into the current memory context. */
static void
see(FunctionCallInfo fcinfo, int argument, const void *value, Seen *seen)
{
	const struct varlena *raw = (const struct varlena *) PG_GETARG_POINTER(argument);

	seen->value = MemoryContextAllocHuge(CurrentMemoryContext, VARSIZE(value));
	memcpy(seen->value, value, VARSIZE(value));
	seen->stored = VARATT_IS_EXTERNAL_ONDISK(raw);
	if (seen->stored)
		memcpy(seen->pointer, raw, TOAST_POINTER_SIZE);
}

/* Arguments stats, prior and intercept, decomposed in the current memory context. */
static Kept *
decompose(FunctionCallInfo fcinfo, int stats_argument, int prior_argument, bool intercept)
{
	const UimlTransferStats *stats = PG_GETARG_STATS(stats_argument);
	const double *prior = uiml_solve_prior(fcinfo, prior_argument, stats->p, stats->q);
	Kept *kept = palloc0(sizeof(Kept));

	uiml_solve_begin(stats, intercept, prior, &kept->ridge);
	kept->intercept = intercept;
	see(fcinfo, stats_argument, stats, &kept->stats);
	if (prior != NULL)
		see(fcinfo, prior_argument, PG_GETARG_MATRIX(prior_argument), &kept->prior);
	kept->x = palloc(sizeof(double) * kept->ridge.p);
	kept->y = palloc(sizeof(double) * kept->ridge.q);
	kept->v = palloc(sizeof(double) * kept->ridge.q);
	kept->work = palloc(sizeof(double) * (2 * kept->ridge.p + kept->ridge.q));
	return kept;
}

/* The decomposition of these arguments, the one that is kept where they are the same. */
static Kept *
keep(FunctionCallInfo fcinfo, int stats_argument, int prior_argument, int intercept_argument)
{
	Kept *kept = fcinfo->flinfo->fn_extra;
	bool intercept = uiml_solve_intercept(fcinfo, intercept_argument);
	MemoryContext context, old;

	if (kept != NULL && kept->intercept == intercept && same_as_seen(fcinfo, stats_argument, &kept->stats) &&
		same_as_seen(fcinfo, prior_argument, &kept->prior))
		return kept;
	fcinfo->flinfo->fn_extra = NULL;
	if (kept != NULL)
		MemoryContextDelete(kept->context);

	/* a child of the caller's until it is whole, so that an error leaves nothing behind */
	context = AllocSetContextCreate(CurrentMemoryContext, "uiml solver", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	kept = decompose(fcinfo, stats_argument, prior_argument, intercept);
	MemoryContextSwitchTo(old);
	kept->context = context;
	MemoryContextSetParent(context, fcinfo->flinfo->fn_mcxt);
	fcinfo->flinfo->fn_extra = kept;
	return kept;
}

/* The numbers of a vector of so many dimensions. */
static void
read_vector(const InterestVector *vector, size_t d, double *x)
{
	if ((size_t) vector->dim != d)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("different dimensions of interest_vector and transfer_stats: %d and %zu",
							   vector->dim, d)));
	for (size_t j = 0; j < d; j++)
		x[j] = vector->x[j];
}

/* ---------- leaving one out ---------- */

static double
weight_argument(FunctionCallInfo fcinfo, int argument)
{
	double weight;

	uiml_arg_required(fcinfo, argument, "weight");
	weight = PG_GETARG_FLOAT8(argument);
	if (!(weight >= 0) || isinf(weight))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("weight must be finite and greater than or equal to zero"),
						errdetail("weight is %g.", weight)));
	return weight;
}

/* The same for an array argument. */
static void
read_array(FunctionCallInfo fcinfo, int argument, const char *name, size_t d, double *x)
{
	size_t length;
	double *number = uiml_doubles_of_array(PG_GETARG_ARRAYTYPE_P(argument), 1, name, &length);

	if (length != d)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different dimensions of %s and transfer_stats: %zu and %zu", name, length, d)));
	memcpy(x, number, sizeof(double) * d);
	pfree(number);
}

static Datum
leave_one_out(FunctionCallInfo fcinfo, bool arrays)
{
	double weight = weight_argument(fcinfo, 6);
	double lambda;
	Kept *kept;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	kept = keep(fcinfo, 0, 4, 5);
	lambda = uiml_solve_lambda(fcinfo, 3, &kept->ridge);
	if (arrays)
	{
		read_array(fcinfo, 1, "source", kept->ridge.p, kept->x);
		read_array(fcinfo, 2, "target", kept->ridge.q, kept->y);
	}
	else
	{
		read_vector(PG_GETARG_INTEREST_VECTOR_P(1), kept->ridge.p, kept->x);
		read_vector(PG_GETARG_INTEREST_VECTOR_P(2), kept->ridge.q, kept->y);
	}
	PG_RETURN_FLOAT8(uiml_ridge_leave_one_out(&kept->ridge, lambda, kept->x, kept->y, weight, kept->work));
}

/* uiml_leave_one_out(stats, source, target, lambda, prior, intercept, weight) */
PG_FUNCTION_INFO_V1(uiml_leave_one_out);
Datum
uiml_leave_one_out(PG_FUNCTION_ARGS)
{
	return leave_one_out(fcinfo, false);
}

/* The same of double precision[]. */
PG_FUNCTION_INFO_V1(uiml_leave_one_out_f64);
Datum
uiml_leave_one_out_f64(PG_FUNCTION_ARGS)
{
	return leave_one_out(fcinfo, true);
}

/* ---------- intervals ---------- */

typedef struct Bounds
{
	UimlResult result;
	const Kept *kept;
	double lambda;
	double leverage;
	double quantile;
} Bounds;

static double
level_argument(FunctionCallInfo fcinfo, int argument)
{
	double level;

	uiml_arg_required(fcinfo, argument, "level");
	level = PG_GETARG_FLOAT8(argument);
	if (!(level > 0 && level < 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("level must be greater than zero and less than one"),
						errdetail("level is %g.", level), errhint("0.9 is an interval of 90 %%.")));
	return level;
}

/* Student's quantile for what the rows leave free. */
static double
quantile_of(const UimlRidge *ridge, double lambda, double level)
{
	double df;

	uiml_ridge_error(ridge, lambda, &df);
	if (!(ridge->n > df))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("no degree of freedom is left for an interval"),
						errdetail("%.0f rows, and %g degrees of freedom in the transfer.", ridge->n, df),
						errhint("Add rows or raise lambda.")));
	return uiml_student_quantile((1 + level) / 2, ridge->n - df);
}

/* The interval along kept->v; coordinate 0 is NULL. */
static void
put_interval(Bounds *bounds, int coordinate)
{
	const Kept *kept = bounds->kept;
	double noise = uiml_ridge_noise(&kept->ridge, kept->stats.value, bounds->lambda, kept->v, kept->work);
	double half = bounds->quantile * sqrt((1 + bounds->leverage) * noise);
	bool nulls[4] = {coordinate == 0, false, false, false};
	double predicted = 0;
	Datum values[4];

	for (size_t j = 0; j < kept->ridge.q; j++)
		if (kept->v[j] != 0)
			predicted += kept->v[j] * kept->y[j];
	values[0] = Int32GetDatum(coordinate);
	values[1] = Float8GetDatum(predicted);
	values[2] = Float8GetDatum(predicted - half);
	values[3] = Float8GetDatum(predicted + half);
	uiml_result_put(&bounds->result, values, nulls);
}

/* uiml_transfer_interval(stats, source, direction, level, lambda, prior, intercept) */
PG_FUNCTION_INFO_V1(uiml_transfer_interval);
Datum
uiml_transfer_interval(PG_FUNCTION_ARGS)
{
	double level = level_argument(fcinfo, 3);
	Bounds bounds = {0};
	Kept *kept;

	uiml_result_begin(fcinfo, 4, &bounds.result);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	bounds.kept = kept = keep(fcinfo, 0, 5, 6);
	bounds.lambda = uiml_solve_lambda(fcinfo, 4, &kept->ridge);
	bounds.quantile = quantile_of(&kept->ridge, bounds.lambda, level);
	read_vector(PG_GETARG_INTEREST_VECTOR_P(1), kept->ridge.p, kept->x);
	bounds.leverage = uiml_ridge_predict(&kept->ridge, bounds.lambda, kept->x, kept->work, kept->y);
	if (!PG_ARGISNULL(2))
	{
		read_vector(PG_GETARG_INTEREST_VECTOR_P(2), kept->ridge.q, kept->v);
		put_interval(&bounds, 0);
		return (Datum) 0;
	}
	memset(kept->v, 0, sizeof(double) * kept->ridge.q);
	for (size_t j = 0; j < kept->ridge.q; j++)
	{
		kept->v[j] = 1;
		put_interval(&bounds, (int) j + 1);
		kept->v[j] = 0;
	}
	return (Datum) 0;
}
