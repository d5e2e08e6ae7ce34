/*
 * svd_file.h
 *	  Singular vectors of a matrix in a temporary file, by passes over it.
 */
#ifndef UIML_PG_SVD_FILE_H
#define UIML_PG_SVD_FILE_H

#include "core/svd.h"
#include "pg/entries_file.h"

/*
 * The rows of a file as a matrix.  idf: n_columns, or NULL; where it is given, values are counts of terms and
 * a row is that of their TF-IDF weights, of length 1.
 */
typedef struct UimlSvdFile
{
	const UimlEnv *env;
	UimlEntriesFile *file;
	size_t n_columns;
	const double *idf;
	const double *divisor; /* of the columns; set by the decomposition */
	double row_scale;
	double scale;
} UimlSvdFile;

/* Reads the next row with its entries as those of A, the matrix that is decomposed; false behind the last. */
extern bool uiml_svd_file_next(UimlSvdFile *svd, UimlEntriesRow *row);

/*
 * The passes of core/svd.h.  Errors of the file are raised through the core: its memory goes with its
 * context.
 */
extern UimlSvdMatrix uiml_svd_file_matrix(UimlSvdFile *svd);

/* How many entries each column has; returns whether none of them is negative. */
extern bool uiml_svd_file_count(UimlSvdFile *svd, double *count);

#endif /* UIML_PG_SVD_FILE_H */
