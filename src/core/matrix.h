/*
 * matrix.h
 *	  The value of a transfer: a matrix, perhaps with an intercept, and its external forms.
 *
 * A row vector x of the source (rows features) becomes x W + b in the target (cols features).  A matrix is
 * one flat run of bytes, so that it can be a value in the server.
 */
#ifndef UIML_MATRIX_H
#define UIML_MATRIX_H

#include "core/scan.h"
#include "core/uiml.h"

#define UIML_MATRIX_MAX_DIMS 4096

typedef struct UimlMatrix
{
	uint32_t length_word; /* the owner's: a varlena header in the server */
	uint32_t rows;        /* source features, 1 .. UIML_MATRIX_MAX_DIMS */
	uint32_t cols;        /* target features, 1 .. UIML_MATRIX_MAX_DIMS */
	uint32_t intercept;   /* 1 where b is there, else 0 */
	double data[];        /* W (rows x cols, row-major), then b (cols); all finite */
} UimlMatrix;

static inline size_t
uiml_matrix_cells(size_t rows, size_t cols, bool intercept)
{
	return (rows + (intercept ? 1 : 0)) * cols;
}

#define UIML_MATRIX_SIZE(rows, cols, intercept)                                                              \
	(sizeof(UimlMatrix) + sizeof(double) * uiml_matrix_cells(rows, cols, intercept))

/* b, or NULL. */
static inline const double *
uiml_matrix_intercept(const UimlMatrix *matrix)
{
	return matrix->intercept != 0 ? matrix->data + (size_t) matrix->rows * matrix->cols : NULL;
}

/* ---------- text ---------- */

/* An upper bound on the numbers that uiml_matrix_parse finds in a text: two more than its commas. */
extern size_t uiml_matrix_capacity(const char *text, size_t length);

/* What a text holds, or what is wrong where. */
typedef struct UimlMatrixParse
{
	size_t rows, cols;
	bool intercept;
	size_t row, col; /* of the fault, from 0; row = rows of W is the intercept */
	UimlTextError error;
} UimlMatrixParse;

/*
 * uiml_matrix_parse
 *		Reads '[[.6,.4],[.4,.6]]' or '[[.6,.4],[.4,.6]]+[.1,.2]': rows of decimal numbers, then the intercept;
 *		white space allowed around every token.
 *
 * text:	length bytes, no terminator needed; nothing beyond them is read
 * data:	receives at most capacity numbers
 *
 * Returns UIML_OK; UIML_ECORRUPT for a syntax error; UIML_EEMPTY for no element; UIML_EINVALID for rows of
 * different lengths; UIML_ELIMIT beyond capacity or UIML_MATRIX_MAX_DIMS; UIML_ENOTFINITE.
 */
extern UimlStatus uiml_matrix_parse(const char *text, size_t length, size_t capacity, double *data,
									UimlMatrixParse *parse);

/* ---------- binary ---------- */

/*
 * Little-endian: magic "umat", uint16 version 1, uint16 flags (1: intercept), uint32 zero, uint32 length of
 * all, uint32 rows, uint32 cols, float8 W row by row, float8 b.
 */
#define UIML_MATRIX_HEADER 24
#define UIML_MATRIX_BINARY_SIZE(rows, cols, intercept)                                                       \
	(UIML_MATRIX_HEADER + sizeof(double) * uiml_matrix_cells(rows, cols, intercept))

extern void uiml_matrix_write(const UimlMatrix *matrix, void *bytes);

/*
 * uiml_matrix_read_size
 *		Checks the head of a binary form against its length; size receives the bytes of the matrix.  UIML_OK,
 *		UIML_ECORRUPT; UIML_ELIMIT for more than UIML_MATRIX_MAX_DIMS rows or columns.
 */
extern UimlStatus uiml_matrix_read_size(const void *bytes, size_t length, size_t *size);

/* Reads a binary form whose head has been checked.  UIML_ENOTFINITE for NaN or infinity. */
extern UimlStatus uiml_matrix_read(const void *bytes, UimlMatrix *matrix);

/* ---------- operations ---------- */

/* The same shape and the same numbers, -0 being 0. */
extern bool uiml_matrix_equal(const UimlMatrix *a, const UimlMatrix *b);

/*
 * uiml_matrix_apply
 *		result = x W + b, in double precision throughout.
 *
 * x:		rows; result: cols.  What overflows becomes infinite or NaN.
 */
extern void uiml_matrix_apply(const UimlMatrix *matrix, const float *x, double *result);

/* The Frobenius norm of W; infinite where it exceeds double. */
extern double uiml_matrix_norm(const UimlMatrix *matrix);

/*
 * uiml_matrix_rank
 *		The number of singular values of W above max(rows, cols) times 2.2e-16 times the largest, as numpy and
 *		MATLAB count.
 *
 * Returns UIML_OK, UIML_ENOTFINITE (their computation overflows), UIML_ENOMEM, UIML_EINTERRUPTED.  By LAPACK;
 * O(rows cols min(rows, cols)).
 */
extern UimlStatus uiml_matrix_rank(const UimlEnv *env, const UimlMatrix *matrix, size_t *rank);

#endif /* UIML_MATRIX_H */
