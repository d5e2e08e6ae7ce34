/*
 * matrix.c
 *	  The value of a transfer: a matrix, perhaps with an intercept, and its external forms.
 */
#include "core/matrix.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/linalg.h"
#include "core/vector.h"

static const char magic[4] = {'u', 'm', 'a', 't'};

#define VERSION        1
#define FLAG_INTERCEPT 1

/* ---------- text ---------- */

size_t
uiml_matrix_capacity(const char *text, size_t length)
{
	size_t count = 2;

	for (size_t i = 0; i < length; i++)
		count += text[i] == ',';
	return count;
}

/* The first row tells how many columns there are; one too long for the room that is left is only counted. */
static UimlStatus
parse_row(UimlScan *scan, size_t capacity, double *data, UimlMatrixParse *parse)
{
	size_t used = parse->row * parse->cols;
	size_t left = capacity - used;
	UimlStatus status;

	if (parse->row > 0)
	{
		status = uiml_scan_row_of(scan, parse->cols, left < parse->cols ? NULL : data + used, &parse->col,
								  &parse->error);
		return status == UIML_OK && left < parse->cols
				   ? uiml_scan_refuse(scan, UIML_TEXT_FAULT_LIMIT, 0, NULL, &parse->error)
				   : status;
	}
	status = uiml_scan_row(scan, left < UIML_MATRIX_MAX_DIMS ? left : UIML_MATRIX_MAX_DIMS, data, &parse->col,
						   &parse->error);
	parse->cols = parse->col;
	return status;
}

/* '[' row, row ... ']' */
static UimlStatus
parse_rows(UimlScan *scan, size_t capacity, double *data, UimlMatrixParse *parse)
{
	UimlStatus status = uiml_scan_expect(scan, '[', "\"[\"", &parse->error);

	if (status != UIML_OK)
		return status;
	if (uiml_scan_accept(scan, ']'))
		return uiml_scan_refuse(scan, UIML_TEXT_FAULT_EMPTY, 0, NULL, &parse->error);
	do
	{
		if (parse->row == UIML_MATRIX_MAX_DIMS)
			return uiml_scan_refuse(scan, UIML_TEXT_FAULT_LIMIT, 0, NULL, &parse->error);
		status = parse_row(scan, capacity, data, parse);
		if (status != UIML_OK)
			return status;
		parse->rows = ++parse->row;
	} while (uiml_scan_accept(scan, ','));
	return uiml_scan_expect(scan, ']', "\",\" or \"]\"", &parse->error);
}

UimlStatus
uiml_matrix_parse(const char *text, size_t length, size_t capacity, double *data, UimlMatrixParse *parse)
{
	UimlScan scan = {.text = text, .length = length};
	UimlStatus status;

	*parse = (UimlMatrixParse){0};
	status = parse_rows(&scan, capacity, data, parse);
	if (status != UIML_OK)
		return status;
	if (uiml_scan_accept(&scan, '+'))
	{
		parse->intercept = true;
		status = parse_row(&scan, capacity, data, parse);
		if (status != UIML_OK)
			return status;
	}
	return uiml_scan_expect_end(&scan, &parse->error);
}

/* ---------- binary ---------- */

void
uiml_matrix_write(const UimlMatrix *matrix, void *bytes)
{
	size_t cells = uiml_matrix_cells(matrix->rows, matrix->cols, matrix->intercept != 0);
	uint8_t *byte = bytes;

	memcpy(byte, magic, sizeof(magic));
	byte = uiml_put_bytes(byte + sizeof(magic), VERSION, 2);
	byte = uiml_put_bytes(byte, matrix->intercept != 0 ? FLAG_INTERCEPT : 0, 2);
	byte = uiml_put_bytes(byte, 0, 4);
	byte = uiml_put_bytes(byte, UIML_MATRIX_HEADER + sizeof(double) * cells, 4);
	byte = uiml_put_bytes(byte, matrix->rows, 4);
	byte = uiml_put_bytes(byte, matrix->cols, 4);
	for (size_t i = 0; i < cells; i++)
		byte = uiml_put_f64(byte, matrix->data[i]);
}

UimlStatus
uiml_matrix_read_size(const void *bytes, size_t length, size_t *size)
{
	const uint8_t *byte = bytes;
	size_t rows, cols;
	bool intercept;

	if (length < UIML_MATRIX_HEADER || memcmp(byte, magic, sizeof(magic)) != 0 ||
		uiml_get_bytes(byte + 4, 2) != VERSION || uiml_get_bytes(byte + 6, 2) > FLAG_INTERCEPT ||
		uiml_get_bytes(byte + 8, 4) != 0 || uiml_get_bytes(byte + 12, 4) != length)
		return UIML_ECORRUPT;
	intercept = uiml_get_bytes(byte + 6, 2) == FLAG_INTERCEPT;
	rows = uiml_get_bytes(byte + 16, 4);
	cols = uiml_get_bytes(byte + 20, 4);
	if (rows > UIML_MATRIX_MAX_DIMS || cols > UIML_MATRIX_MAX_DIMS)
		return UIML_ELIMIT;
	if (rows == 0 || cols == 0 || length != UIML_MATRIX_BINARY_SIZE(rows, cols, intercept))
		return UIML_ECORRUPT;
	*size = UIML_MATRIX_SIZE(rows, cols, intercept);
	return UIML_OK;
}

UimlStatus
uiml_matrix_read(const void *bytes, UimlMatrix *matrix)
{
	const uint8_t *byte = bytes;
	size_t cells;
	bool finite = true;

	matrix->intercept = (uint32_t) uiml_get_bytes(byte + 6, 2);
	matrix->rows = (uint32_t) uiml_get_bytes(byte + 16, 4);
	matrix->cols = (uint32_t) uiml_get_bytes(byte + 20, 4);
	cells = uiml_matrix_cells(matrix->rows, matrix->cols, matrix->intercept != 0);
	for (size_t i = 0; i < cells; i++)
	{
		matrix->data[i] = uiml_get_f64(byte + UIML_MATRIX_HEADER + sizeof(double) * i);
		finite &= isfinite(matrix->data[i]) != 0;
	}
	return finite ? UIML_OK : UIML_ENOTFINITE;
}

/* ---------- operations ---------- */

bool
uiml_matrix_equal(const UimlMatrix *a, const UimlMatrix *b)
{
	size_t cells = uiml_matrix_cells(a->rows, a->cols, a->intercept != 0);

	if (a->rows != b->rows || a->cols != b->cols || a->intercept != b->intercept)
		return false;
	for (size_t i = 0; i < cells; i++)
		if (a->data[i] != b->data[i])
			return false;
	return true;
}

void
uiml_matrix_apply(const UimlMatrix *matrix, const float *x, double *result)
{
	const double *b = uiml_matrix_intercept(matrix);

	if (b != NULL)
		memcpy(result, b, matrix->cols * sizeof(double));
	else
		memset(result, 0, matrix->cols * sizeof(double));
	for (size_t i = 0; i < matrix->rows; i++)
	{
		float element;

		/* x may lie anywhere: see UimlVectorView */
		memcpy(&element, x + i, sizeof(element));
		uiml_vector_accumulate_f64(matrix->data + i * matrix->cols, element, matrix->cols, result);
	}
}

/* The largest magnitude is taken out first, as squares may leave the range of double. */
double
uiml_matrix_norm(const UimlMatrix *matrix)
{
	size_t cells = (size_t) matrix->rows * matrix->cols;
	double largest = 0, sum = 0;

	for (size_t i = 0; i < cells; i++)
		largest = fmax(largest, fabs(matrix->data[i]));
	if (largest == 0)
		return 0;
	for (size_t i = 0; i < cells; i++)
		sum += (matrix->data[i] / largest) * (matrix->data[i] / largest);
	return largest * sqrt(sum);
}

UimlStatus
uiml_matrix_rank(const UimlEnv *env, const UimlMatrix *matrix, size_t *rank)
{
	size_t larger = matrix->rows > matrix->cols ? matrix->rows : matrix->cols;
	size_t smaller = matrix->rows < matrix->cols ? matrix->rows : matrix->cols;
	size_t cells = (size_t) matrix->rows * matrix->cols;
	double *a = uiml_alloc(env, cells, sizeof(double));
	double *value = uiml_alloc(env, smaller, sizeof(double));
	UimlStatus status = UIML_ENOMEM;

	*rank = 0;
	if (a != NULL && value != NULL)
	{
		memcpy(a, matrix->data, cells * sizeof(double));
		status = uiml_svd_f64(env, matrix->rows, matrix->cols, a, NULL, value, NULL);
	}
	for (size_t i = 0; status == UIML_OK && i < smaller; i++)
		*rank += value[i] > (double) larger * DBL_EPSILON * value[0];
	uiml_free(env, a);
	uiml_free(env, value);
	return status;
}
