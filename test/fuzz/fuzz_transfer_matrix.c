/*
 * fuzz_transfer_matrix.c
 *	  The readers of a transfer_matrix on arbitrary texts and bytes; what they accept goes through every
 *	  operation.
 *
 * The first input byte chooses: text, bytes as they are, or bytes with a head that fits their length, which
 * random ones hardly ever carry.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/matrix.h"

#define LIMIT 64

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A matrix that was read is finite, equals itself, and is written back as it came. */
static void
use_matrix(const UimlMatrix *matrix)
{
	size_t cells = uiml_matrix_cells(matrix->rows, matrix->cols, matrix->intercept != 0);
	size_t length = UIML_MATRIX_BINARY_SIZE(matrix->rows, matrix->cols, matrix->intercept != 0), size;
	float *x = calloc(matrix->rows, sizeof(float));
	double *result = malloc(matrix->cols * sizeof(double));
	uint8_t *bytes = malloc(length);
	UimlMatrix *copy;
	UimlEnv env = uiml_env_malloc();

	if (x == NULL || result == NULL || bytes == NULL)
		abort();
	for (size_t i = 0; i < cells; i++)
		if (!isfinite(matrix->data[i]))
			abort();
	uiml_matrix_apply(matrix, x, result);
	if (uiml_matrix_norm(matrix) < 0)
		abort();
	if (matrix->rows <= 8 && matrix->cols <= 8)
		(void) uiml_matrix_rank(&env, matrix, &size);

	uiml_matrix_write(matrix, bytes);
	if (uiml_matrix_read_size(bytes, length, &size) != UIML_OK)
		abort();
	copy = malloc(size);
	if (copy == NULL || uiml_matrix_read(bytes, copy) != UIML_OK || !uiml_matrix_equal(matrix, copy))
		abort();
	free(x);
	free(result);
	free(bytes);
	free(copy);
}

static void
read_text(const char *text, size_t size)
{
	size_t capacity = uiml_matrix_capacity(text, size);
	UimlMatrix *matrix = malloc(sizeof(UimlMatrix) + capacity * sizeof(double));
	UimlMatrixParse parse;

	if (matrix == NULL)
		abort();
	if (uiml_matrix_parse(text, size, capacity, matrix->data, &parse) == UIML_OK)
	{
		if (uiml_matrix_cells(parse.rows, parse.cols, parse.intercept) > capacity)
			abort();
		matrix->rows = (uint32_t) parse.rows;
		matrix->cols = (uint32_t) parse.cols;
		matrix->intercept = parse.intercept ? 1 : 0;
		use_matrix(matrix);
	}
	else if (parse.error.offset + parse.error.length > size)
		abort();
	free(matrix);
}

static void
read_bytes(const uint8_t *bytes, size_t size)
{
	UimlMatrix *matrix;
	size_t needed;

	if (uiml_matrix_read_size(bytes, size, &needed) != UIML_OK)
		return;
	matrix = malloc(needed);
	if (matrix == NULL)
		abort();
	if (uiml_matrix_read(bytes, matrix) == UIML_OK)
		use_matrix(matrix);
	free(matrix);
}

/* Magic, version, lengths for one column; returns how many of the bytes to use. */
static size_t
fit_head(uint8_t *bytes, size_t size)
{
	size_t rows;

	if (size < UIML_MATRIX_BINARY_SIZE(2, 1, false))
		return size;
	rows = (size - UIML_MATRIX_HEADER) / sizeof(double);
	rows = rows < LIMIT ? rows : LIMIT;
	size = UIML_MATRIX_BINARY_SIZE(rows, 1, false);
	memcpy(bytes, "umat\1\0", 6);
	bytes[6] &= 1;
	memset(bytes + 7, 0, 5);
	memset(bytes + 12, 0, 12);
	for (int i = 0; i < 2; i++)
		bytes[12 + i] = (uint8_t) (size >> (8 * i));
	bytes[16] = (uint8_t) (rows - bytes[6]);
	bytes[20] = 1;
	return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *bytes;

	if (size < 2)
		return 0;
	size--;
	bytes = malloc(size);
	if (bytes == NULL)
		return 0;
	memcpy(bytes, input + 1, size);
	if (input[0] % 3 == 0)
		read_text((const char *) bytes, size);
	else
		read_bytes(bytes, input[0] % 3 == 1 ? size : fit_head(bytes, size));
	free(bytes);
	return 0;
}
