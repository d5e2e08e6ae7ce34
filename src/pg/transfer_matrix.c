/*
 * transfer_matrix.c
 *	  The type transfer_matrix: construction, checks, text and binary forms.
 *
 * Elements are finite in every value: each way in refuses NaN and infinity.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/memutils.h"

#include "pg/textinput.h"
#include "pg/transfer_matrix.h"

StaticAssertDecl(offsetof(UimlMatrix, length_word) == 0, "the length word is the varlena header");

/* ---------- construction and checks ---------- */

static UimlMatrix *
matrix_alloc(Size size)
{
	UimlMatrix *matrix = palloc0(size);

	SET_VARSIZE(matrix, size);
	return matrix;
}

static void
check_limit(size_t rows, size_t cols)
{
	if (rows > UIML_MATRIX_MAX_DIMS || cols > UIML_MATRIX_MAX_DIMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("transfer_matrix cannot have more than %d rows or columns", UIML_MATRIX_MAX_DIMS)));
}

UimlMatrix *
uiml_matrix_new(size_t rows, size_t cols, bool intercept)
{
	UimlMatrix *matrix;

	if (rows == 0 || cols == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("transfer_matrix must have at least one element")));
	check_limit(rows, cols);
	matrix = matrix_alloc(UIML_MATRIX_SIZE(rows, cols, intercept));
	matrix->rows = (uint32) rows;
	matrix->cols = (uint32) cols;
	matrix->intercept = intercept ? 1 : 0;
	return matrix;
}

UimlMatrix *
uiml_matrix_from_doubles(const double *w, const double *b, size_t rows, size_t cols)
{
	UimlMatrix *matrix = uiml_matrix_new(rows, cols, b != NULL);
	double zero = 0;

	memcpy(matrix->data, w, rows * cols * sizeof(double));
	if (b != NULL)
		memcpy(matrix->data + rows * cols, b, cols * sizeof(double));
	for (size_t i = 0; i < uiml_matrix_cells(rows, cols, b != NULL); i++)
		zero += matrix->data[i] * 0;
	if (!(zero == 0))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("NaN or infinite value not allowed in transfer_matrix")));
	return matrix;
}

UimlMatrix *
uiml_matrix_detoast(Datum d)
{
	UimlMatrix *matrix = (UimlMatrix *) PG_DETOAST_DATUM(d);
	Size size = VARSIZE(matrix);

	if (size < UIML_MATRIX_SIZE(1, 1, false) || matrix->rows < 1 || matrix->rows > UIML_MATRIX_MAX_DIMS ||
		matrix->cols < 1 || matrix->cols > UIML_MATRIX_MAX_DIMS || matrix->intercept > 1 ||
		size != UIML_MATRIX_SIZE(matrix->rows, matrix->cols, matrix->intercept != 0))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("corrupt value of type transfer_matrix"),
						errdetail("The value has %zu bytes.", size)));
	return matrix;
}

/* ---------- text ---------- */

static void
refuse_matrix(FunctionCallInfo fcinfo, const char *text, const UimlMatrixParse *parse)
{
	switch (parse->error.fault)
	{
		case UIML_TEXT_FAULT_EMPTY:
			uiml_refuse_input(fcinfo, (errcode(ERRCODE_DATA_EXCEPTION),
									   errmsg("transfer_matrix must have at least one element")));
			break;
		case UIML_TEXT_FAULT_LIMIT:
			uiml_refuse_input(fcinfo, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
									   errmsg("transfer_matrix cannot have more than %d rows or columns",
											  UIML_MATRIX_MAX_DIMS)));
			break;
		case UIML_TEXT_FAULT_RAGGED:
			uiml_refuse_input(
				fcinfo, (errcode(ERRCODE_DATA_EXCEPTION),
						 errmsg("rows of a transfer_matrix must have the same length"),
						 parse->intercept ? errdetail("The intercept doesn't have %zu elements.", parse->cols)
										  : errdetail("Row %zu doesn't have %zu elements as row 1 has.",
													  parse->row + 1, parse->cols)));
			break;
		default:
			uiml_refuse_text(fcinfo, "transfer_matrix", text, &parse->error);
	}
}

PG_FUNCTION_INFO_V1(transfer_matrix_in);
Datum
transfer_matrix_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	size_t length = strlen(text);
	size_t capacity = uiml_matrix_capacity(text, length);
	UimlMatrix *matrix;
	UimlMatrixParse parse;

	/* a text that is a matrix has as many elements as its commas promise; others may promise more */
	if (sizeof(UimlMatrix) + sizeof(double) * capacity > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("transfer_matrix cannot have more than %d rows or columns", UIML_MATRIX_MAX_DIMS)));
	matrix = matrix_alloc(sizeof(UimlMatrix) + sizeof(double) * capacity);
	if (uiml_matrix_parse(text, length, capacity, matrix->data, &parse) != UIML_OK)
	{
		refuse_matrix(fcinfo, text, &parse);
		PG_RETURN_NULL();
	}
	SET_VARSIZE(matrix, UIML_MATRIX_SIZE(parse.rows, parse.cols, parse.intercept));
	matrix->rows = (uint32) parse.rows;
	matrix->cols = (uint32) parse.cols;
	matrix->intercept = parse.intercept ? 1 : 0;
	PG_RETURN_POINTER(matrix);
}

PG_FUNCTION_INFO_V1(transfer_matrix_out);
Datum
transfer_matrix_out(PG_FUNCTION_ARGS)
{
	UimlMatrix *matrix = PG_GETARG_MATRIX(0);
	const double *intercept = uiml_matrix_intercept(matrix);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '[');
	for (uint32 i = 0; i < matrix->rows; i++)
	{
		if (i > 0)
			appendStringInfoChar(&text, ',');
		uiml_append_doubles(&text, matrix->data + (Size) i * matrix->cols, matrix->cols);
	}
	appendStringInfoChar(&text, ']');
	if (intercept != NULL)
	{
		appendStringInfoChar(&text, '+');
		uiml_append_doubles(&text, intercept, matrix->cols);
	}
	PG_RETURN_CSTRING(text.data);
}

/* ---------- binary ---------- */

PG_FUNCTION_INFO_V1(transfer_matrix_recv);
Datum
transfer_matrix_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	size_t length = (size_t) (buf->len - buf->cursor);
	const char *bytes = pq_getmsgbytes(buf, (int) length);
	UimlMatrix *matrix;
	UimlStatus status;
	size_t size;

	status = uiml_matrix_read_size(bytes, length, &size);
	if (status == UIML_ELIMIT)
		check_limit(UIML_MATRIX_MAX_DIMS + 1, 0);
	if (status != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid binary representation of type transfer_matrix")));
	matrix = matrix_alloc(size);
	if (uiml_matrix_read(bytes, matrix) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("NaN or infinite value not allowed in transfer_matrix")));
	PG_RETURN_POINTER(matrix);
}

PG_FUNCTION_INFO_V1(transfer_matrix_send);
Datum
transfer_matrix_send(PG_FUNCTION_ARGS)
{
	UimlMatrix *matrix = PG_GETARG_MATRIX(0);
	Size size = VARHDRSZ + UIML_MATRIX_BINARY_SIZE(matrix->rows, matrix->cols, matrix->intercept != 0);
	bytea *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	uiml_matrix_write(matrix, VARDATA(bytes));
	PG_RETURN_BYTEA_P(bytes);
}
