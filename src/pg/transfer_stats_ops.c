/*
 * transfer_stats_ops.c
 *	  Functions and operators of transfer_stats.
 */
#include "postgres.h"

#include "core/transferio.h"
#include "pg/arrays.h"
#include "pg/transfer_stats.h"

/* ---------- accessors ---------- */

PG_FUNCTION_INFO_V1(uiml_stats_rows);
Datum
uiml_stats_rows(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) PG_GETARG_STATS(0)->p);
}

PG_FUNCTION_INFO_V1(uiml_stats_cols);
Datum
uiml_stats_cols(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) PG_GETARG_STATS(0)->q);
}

PG_FUNCTION_INFO_V1(uiml_n);
Datum
uiml_n(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_STATS(0)->n);
}

PG_FUNCTION_INFO_V1(uiml_weight);
Datum
uiml_weight(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(PG_GETARG_STATS(0)->weight);
}

PG_FUNCTION_INFO_V1(uiml_mean_source);
Datum
uiml_mean_source(PG_FUNCTION_ARGS)
{
	UimlTransferStats *stats = PG_GETARG_STATS(0);

	if (stats->n == 0)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(uiml_array_of_doubles(uiml_transfer_mean_x(stats), stats->p));
}

PG_FUNCTION_INFO_V1(uiml_mean_target);
Datum
uiml_mean_target(PG_FUNCTION_ARGS)
{
	UimlTransferStats *stats = PG_GETARG_STATS(0);

	if (stats->n == 0)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(uiml_array_of_doubles(uiml_transfer_mean_y(stats), stats->q));
}

/*
 * c (rows x cols) divided by W - W2 / W, which is n - 1 for weights of 1: unbiased where a weight tells how
 * much a row counts beside others.  upper: both triangles from the upper one.
 */
static Datum
covariance(FunctionCallInfo fcinfo, const UimlTransferStats *stats, const double *c, size_t rows, size_t cols,
		   bool upper)
{
	double divisor = stats->n > 1 ? stats->weight - stats->weight2 / stats->weight : 0;
	double *x;

	if (!(divisor > 0))
		PG_RETURN_NULL();
	x = MemoryContextAllocHuge(CurrentMemoryContext, rows * cols * sizeof(double));
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < cols; j++)
			x[i * cols + j] = (upper && j < i ? c[j * cols + i] : c[i * cols + j]) / divisor;
	PG_RETURN_ARRAYTYPE_P(uiml_array_of_rows(x, rows, cols));
}

PG_FUNCTION_INFO_V1(uiml_covariance_source);
Datum
uiml_covariance_source(PG_FUNCTION_ARGS)
{
	UimlTransferStats *stats = PG_GETARG_STATS(0);

	return covariance(fcinfo, stats, uiml_transfer_cxx(stats), stats->p, stats->p, true);
}

PG_FUNCTION_INFO_V1(uiml_covariance_cross);
Datum
uiml_covariance_cross(PG_FUNCTION_ARGS)
{
	UimlTransferStats *stats = PG_GETARG_STATS(0);

	return covariance(fcinfo, stats, uiml_transfer_cxy(stats), stats->p, stats->q, false);
}

PG_FUNCTION_INFO_V1(uiml_covariance_target);
Datum
uiml_covariance_target(PG_FUNCTION_ARGS)
{
	UimlTransferStats *stats = PG_GETARG_STATS(0);

	return covariance(fcinfo, stats, uiml_transfer_cyy(stats), stats->q, stats->q, true);
}

/* ---------- operators ---------- */

PG_FUNCTION_INFO_V1(transfer_stats_add);
Datum
transfer_stats_add(PG_FUNCTION_ARGS)
{
	UimlTransferStats *a = PG_GETARG_STATS(0);
	UimlTransferStats *b = PG_GETARG_STATS(1);
	UimlTransferStats *result;

	uiml_stats_check_same(a, b);
	result = uiml_stats_copy(a);
	(void) uiml_transfer_merge(result, b);
	uiml_stats_check_overflow(result);
	PG_RETURN_POINTER(result);
}

PG_FUNCTION_INFO_V1(transfer_stats_sub);
Datum
transfer_stats_sub(PG_FUNCTION_ARGS)
{
	UimlTransferStats *a = PG_GETARG_STATS(0);
	UimlTransferStats *b = PG_GETARG_STATS(1);
	UimlTransferStats *result;

	uiml_stats_check_same(a, b);
	result = uiml_stats_copy(a);
	if (uiml_transfer_subtract(result, b) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("transfer_stats to subtract are not part of those they are subtracted from"),
						errdetail("They have " INT64_FORMAT " rows of weight %g, the others " INT64_FORMAT
								  " rows of weight %g.",
								  b->n, b->weight, a->n, a->weight)));
	PG_RETURN_POINTER(result);
}

PG_FUNCTION_INFO_V1(transfer_stats_eq);
Datum
transfer_stats_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(uiml_stats_equal(PG_GETARG_STATS(0), PG_GETARG_STATS(1)));
}

PG_FUNCTION_INFO_V1(transfer_stats_ne);
Datum
transfer_stats_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!uiml_stats_equal(PG_GETARG_STATS(0), PG_GETARG_STATS(1)));
}
