/*
 * transfer_stats.c
 *	  The type transfer_stats: construction, checks, text and binary forms.
 *
 * The text is a JSON object, not hexadecimal as that of the states of aggregates: people look at these
 * values, and other programs take them over from it (cast to jsonb, numpy).  Its numbers are the shortest
 * that read back as the same doubles, so nothing is lost, and its reader (core/transferio.h) checks as much
 * as that of the binary form does.
 */
#include "postgres.h"

#include "common/shortest_dec.h"
#include "libpq/pqformat.h"

#include "core/transferio.h"
#include "pg/textinput.h"
#include "pg/transfer_stats.h"

StaticAssertDecl(offsetof(UimlTransferStats, length_word) == 0, "the length word is the varlena header");

/* ---------- construction and checks ---------- */

pg_noreturn static void
refuse_limit(void)
{
	ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("transfer_stats cannot have more than %d dimensions", UIML_TRANSFER_MAX_DIMS)));
}

UimlTransferStats *
uiml_stats_new(size_t p, size_t q)
{
	UimlTransferStats *stats;

	if (p < 1 || q < 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("transfer_stats must have at least 1 dimension")));
	if (p > UIML_TRANSFER_MAX_DIMS || q > UIML_TRANSFER_MAX_DIMS)
		refuse_limit();
	stats = palloc(UIML_TRANSFER_STATS_SIZE(p, q));
	SET_VARSIZE(stats, UIML_TRANSFER_STATS_SIZE(p, q));
	uiml_transfer_init(stats, p, q);
	return stats;
}

UimlTransferStats *
uiml_stats_copy(const UimlTransferStats *stats)
{
	UimlTransferStats *copy = palloc(VARSIZE(stats));

	memcpy(copy, stats, VARSIZE(stats));
	return copy;
}

UimlTransferStats *
uiml_stats_detoast(Datum d)
{
	UimlTransferStats *stats = (UimlTransferStats *) PG_DETOAST_DATUM(d);
	Size size = VARSIZE(stats);

	if (size < UIML_TRANSFER_STATS_SIZE(1, 1) || stats->p < 1 || stats->p > UIML_TRANSFER_MAX_DIMS ||
		stats->q < 1 || stats->q > UIML_TRANSFER_MAX_DIMS || stats->n < 0 ||
		size != UIML_TRANSFER_STATS_SIZE(stats->p, stats->q))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("corrupt value of type transfer_stats"),
						errdetail("The value has %zu bytes.", size)));
	return stats;
}

void
uiml_stats_check_same(const UimlTransferStats *a, const UimlTransferStats *b)
{
	if (a->p != b->p || a->q != b->q)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different transfer_stats dimensions %u x %u and %u x %u", a->p, a->q, b->p, b->q)));
}

void
uiml_stats_check_overflow(const UimlTransferStats *stats)
{
	if (uiml_stats_check(stats) == UIML_ENOTFINITE)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("value out of range: overflow")));
}

/* ---------- text ---------- */

static void
refuse_implausible(FunctionCallInfo fcinfo)
{
	uiml_refuse_input(fcinfo,
					  (errcode(ERRCODE_DATA_EXCEPTION), errmsg("transfer_stats contradict themselves"),
					   errdetail("No rows have such counts, weights and sums of squares and products.")));
}

static void
refuse_stats(FunctionCallInfo fcinfo, const char *text, const UimlTextError *error)
{
	switch (error->fault)
	{
		case UIML_TEXT_FAULT_NONE:
			refuse_implausible(fcinfo);
			break;
		case UIML_TEXT_FAULT_EMPTY:
			uiml_refuse_input(fcinfo, (errcode(ERRCODE_DATA_EXCEPTION),
									   errmsg("transfer_stats must have at least 1 dimension")));
			break;
		case UIML_TEXT_FAULT_LIMIT:
			uiml_refuse_input(fcinfo, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
									   errmsg("transfer_stats cannot have more than %d dimensions",
											  UIML_TRANSFER_MAX_DIMS)));
			break;
		case UIML_TEXT_FAULT_RAGGED:
			uiml_refuse_input(fcinfo,
							  (errcode(ERRCODE_DATA_EXCEPTION),
							   errmsg("rows of transfer_stats must be as long as its means"),
							   errdetail("The row before \"%s\" has another length.",
										 uiml_excerpt(text + error->offset, strlen(text) - error->offset))));
			break;
		default:
			uiml_refuse_text(fcinfo, "transfer_stats", text, error);
	}
}

PG_FUNCTION_INFO_V1(transfer_stats_in);
Datum
transfer_stats_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	size_t length = strlen(text);
	UimlTransferStats *stats = NULL;
	UimlTextError error;
	UimlStatus status;
	size_t p, q;

	status = uiml_stats_text_shape(text, length, &p, &q, &error);

	/* each number takes a digit and a mark: no small text makes us allocate much */
	if (status == UIML_OK && uiml_stats_binary_size(p, q) / sizeof(double) > length)
		status = uiml_scan_refuse(&(UimlScan){.text = text, .length = length, .at = length},
								  UIML_TEXT_FAULT_EXPECTED, 0, "all co-moments", &error);
	if (status == UIML_OK)
	{
		stats = uiml_stats_new(p, q);
		status = uiml_stats_parse(text, length, stats, &error);
	}
	if (status != UIML_OK)
	{
		refuse_stats(fcinfo, text, &error);
		PG_RETURN_NULL();
	}
	PG_RETURN_POINTER(stats);
}

/* Rows of a matrix of m x n; upper: each from the diagonal on. */
static void
append_moments(StringInfo text, const char *key, const double *c, size_t m, size_t n, bool upper)
{
	appendStringInfo(text, ",\"%s\":[", key);
	for (size_t i = 0; i < m; i++)
	{
		size_t first = upper ? i : 0;

		if (i > 0)
			appendStringInfoChar(text, ',');
		uiml_append_doubles(text, c + i * n + first, n - first);
	}
	appendStringInfoChar(text, ']');
}

static void
append_double(StringInfo text, const char *key, double x)
{
	char number[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(x, number);
	appendStringInfo(text, ",\"%s\":%s", key, number);
}

PG_FUNCTION_INFO_V1(transfer_stats_out);
Datum
transfer_stats_out(PG_FUNCTION_ARGS)
{
	UimlTransferStats *stats = PG_GETARG_STATS(0);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"n\":" INT64_FORMAT, stats->n);
	append_double(&text, "weight", stats->weight);
	append_double(&text, "weight2", stats->weight2);
	appendStringInfoString(&text, ",\"mean_source\":");
	uiml_append_doubles(&text, uiml_transfer_mean_x(stats), stats->p);
	appendStringInfoString(&text, ",\"mean_target\":");
	uiml_append_doubles(&text, uiml_transfer_mean_y(stats), stats->q);
	append_moments(&text, "source", uiml_transfer_cxx(stats), stats->p, stats->p, true);
	append_moments(&text, "cross", uiml_transfer_cxy(stats), stats->p, stats->q, false);
	append_moments(&text, "target", uiml_transfer_cyy(stats), stats->q, stats->q, true);
	appendStringInfoChar(&text, '}');
	PG_RETURN_CSTRING(text.data);
}

/* ---------- binary ---------- */

PG_FUNCTION_INFO_V1(transfer_stats_recv);
Datum
transfer_stats_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	size_t length = (size_t) (buf->len - buf->cursor);
	const char *bytes = pq_getmsgbytes(buf, (int) length);
	UimlTransferStats *stats;
	size_t p, q;
	UimlStatus status = uiml_stats_read_shape(bytes, length, &p, &q);

	if (status == UIML_ELIMIT)
		refuse_limit();
	if (status != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid binary representation of type transfer_stats")));
	stats = uiml_stats_new(p, q);
	status = uiml_stats_read(bytes, stats);
	if (status == UIML_ENOTFINITE)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("NaN or infinite value not allowed in transfer_stats")));
	if (status != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("transfer_stats contradict themselves"),
						errdetail("No rows have such counts, weights and sums of squares and products.")));
	PG_RETURN_POINTER(stats);
}

PG_FUNCTION_INFO_V1(transfer_stats_send);
Datum
transfer_stats_send(PG_FUNCTION_ARGS)
{
	UimlTransferStats *stats = PG_GETARG_STATS(0);
	Size size = VARHDRSZ + uiml_stats_binary_size(stats->p, stats->q);
	bytea *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	uiml_stats_write(stats, VARDATA(bytes));
	PG_RETURN_BYTEA_P(bytes);
}
