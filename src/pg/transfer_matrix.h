/*
 * transfer_matrix.h
 *	  The type transfer_matrix: core/matrix.h as a value of the server.
 */
#ifndef UIML_PG_TRANSFER_MATRIX_H
#define UIML_PG_TRANSFER_MATRIX_H

#include "postgres.h"

#include "fmgr.h"

#include "core/matrix.h"
#include "pg/compat.h"

#define PG_GETARG_MATRIX(n) uiml_matrix_detoast(PG_GETARG_DATUM(n))

/* A matrix of zeros in the current memory context; sizes are checked against 1 .. UIML_MATRIX_MAX_DIMS. */
extern UimlMatrix *uiml_matrix_new(size_t rows, size_t cols, bool intercept);

/* A copy of w (rows x cols, row-major) and b (cols, or NULL); an error for NaN or infinity. */
extern UimlMatrix *uiml_matrix_from_doubles(const double *w, const double *b, size_t rows, size_t cols);

/* Detoasts, and checks sizes: bytes from a table are never trusted. */
extern UimlMatrix *uiml_matrix_detoast(Datum d);

#endif /* UIML_PG_TRANSFER_MATRIX_H */
