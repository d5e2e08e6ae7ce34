/*
 * sparse.h
 *	  Sparse matrices in compressed row form.
 */
#ifndef UIML_SPARSE_H
#define UIML_SPARSE_H

#include "core/uiml.h"

/*
 * n_rows x n_cols; the entries of row r are row_start[r] .. row_start[r + 1] - 1 of col and value, with
 * strictly ascending columns.
 */
typedef struct UimlSparse
{
	size_t n_rows;
	size_t n_cols;
	size_t *row_start; /* n_rows + 1 */
	uint32_t *col;
	float *value;
} UimlSparse;

#endif /* UIML_SPARSE_H */
