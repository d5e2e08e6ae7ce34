/*
 * sparse.h
 *	  Sparse matrices in compressed row form.
 */
#ifndef UIML_SPARSE_H
#define UIML_SPARSE_H

#include "core/uiml.h"

/*
 * n_rows x n_cols; the entries of row r are row_start[r] .. row_start[r + 1] - 1 of col and value, with
 * strictly ascending columns.  Where row_end is given, a row ends there, and what lies before the next is no
 * part of the matrix.
 */
typedef struct UimlSparse
{
	size_t n_rows;
	size_t n_cols;
	size_t *row_start; /* n_rows + 1 */
	uint32_t *col;
	float *value;
	const size_t *row_end; /* n_rows, or NULL: row_start + 1 */
} UimlSparse;

static inline size_t
uiml_row_end(const UimlSparse *x, size_t row)
{
	return x->row_end != NULL ? x->row_end[row] : x->row_start[row + 1];
}

#endif /* UIML_SPARSE_H */
