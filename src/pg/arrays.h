/*
 * arrays.h
 *	  Arrays of double precision.
 */
#ifndef UIML_PG_ARRAYS_H
#define UIML_PG_ARRAYS_H

#include "postgres.h"

#include "utils/array.h"

/* An array of one dimension of n numbers, and one of two, row-major. */
extern ArrayType *uiml_array_of_doubles(const double *x, size_t n);
extern ArrayType *uiml_array_of_rows(const double *x, size_t rows, size_t cols);

/*
 * uiml_doubles_of_array
 *		The numbers of an array of double precision, real, integer or numeric, which has so many dimensions
 *		and no NULL; what names it in errors.  length receives its extent in each dimension.
 */
extern double *uiml_doubles_of_array(ArrayType *array, int dimensions, const char *what, size_t *length);

#endif /* UIML_PG_ARRAYS_H */
