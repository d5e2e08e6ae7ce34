/*
 * relation.h
 *	  Columns of any relation as arrays in memory: vectors, and (row, column, weight) entries.
 *
 * Read by one statement as the current user, so that column privileges and row-level security hold, within
 * maintenance_work_mem.
 */
#ifndef UIML_PG_RELATION_H
#define UIML_PG_RELATION_H

#include "postgres.h"

#include "core/sparse.h"
#include "pg/budget.h"
#include "pg/keys.h"

/* Rows of vectors of the same dimensions. */
typedef struct UimlVectors
{
	size_t n;
	size_t d;
	float *x;       /* n x d */
	float *weight;  /* n, finite, >= 0; NULL where no column was named */
	Oid key_type;   /* InvalidOid where no column was named */
	Datum *key;     /* n, in the type of the column; rows are then in key order, equal keys as they came */
	uint64 skipped; /* rows whose vector, key or weight is NULL */
} UimlVectors;

/*
 * uiml_relation_vectors
 *		Reads the column vector_col (interest_vector, or anything with a cast to it: pgvector's vector,
 *		real[], double precision[]), and where they are named the columns key_col and weight_col, in context.
 *
 * Errors: UNDEFINED_COLUMN, DATATYPE_MISMATCH, DATA_EXCEPTION (different dimensions, NaN, negative weight),
 * PROGRAM_LIMIT_EXCEEDED beyond maintenance_work_mem.  No rows: n = d = 0, and the arrays are no more than
 * valid pointers.
 */
extern void uiml_relation_vectors(Oid relation, const char *vector_col, const char *key_col,
								  const char *weight_col, UimlBudget *budget, MemoryContext context,
								  UimlVectors *vectors);

/*
 * uiml_relation_vectors_fit
 *		As uiml_relation_vectors without keys, where it fits.  Where it doesn't: false, no error; n and d tell
 *		what there is, and there are no arrays.
 */
extern bool uiml_relation_vectors_fit(Oid relation, const char *vector_col, const char *weight_col,
									  UimlBudget *budget, MemoryContext context, UimlVectors *vectors);

/*
 * uiml_relation_vectors_sample
 *		As uiml_relation_vectors without keys, of at most `most` rows, fewer where they don't fit: a random
 *		sample, by the seed and the order of the rows.  *n receives the number of rows there are.
 */
extern void uiml_relation_vectors_sample(Oid relation, const char *vector_col, const char *weight_col,
										 size_t most, uint64 seed, UimlBudget *budget, MemoryContext context,
										 UimlVectors *vectors, uint64 *n);

/* Keeps the first n rows of a sample. */
extern void uiml_relation_vectors_cut(UimlVectors *vectors, size_t n);

/* Gives back the arrays of vectors without keys. */
extern void uiml_relation_vectors_free(UimlVectors *vectors);

/* A sparse matrix with the keys of its rows and columns, both in key order. */
typedef struct UimlEntries
{
	UimlSparse matrix; /* weights of equal (row, column) are added up */
	UimlKeys rows;
	UimlKeys columns;
	uint64 skipped; /* rows with a NULL */
} UimlEntries;

/*
 * uiml_relation_entries
 *		Reads a sparse matrix from rows of (row_col, column_col, weight_col) in any order, in context; keys
 *		are of any scalar type.  weight_col NULL: each row of the relation counts 1.
 *
 * Weights may be negative; sums of zero are no entries, but their keys stay.  Errors: UNDEFINED_COLUMN,
 * DATATYPE_MISMATCH, DATA_EXCEPTION (a weight or sum that no float holds), PROGRAM_LIMIT_EXCEEDED.
 */
extern void uiml_relation_entries(Oid relation, const char *row_col, const char *column_col,
								  const char *weight_col, UimlBudget *budget, MemoryContext context,
								  UimlEntries *entries);

/* Bytes that the caller needs beside such a matrix once it is read. */
typedef double (*UimlEntriesMemoryFn)(const void *ctx, size_t n_rows, size_t n_columns, size_t n_entries);

/* As uiml_relation_entries, with room for what comes after the reading, which an error tells as well. */
extern void uiml_relation_entries_for(Oid relation, const char *row_col, const char *column_col,
									  const char *weight_col, UimlEntriesMemoryFn later, const void *ctx,
									  UimlBudget *budget, MemoryContext context, UimlEntries *entries);

/* The same, but false where it doesn't fit; what was read until then is left in context. */
extern bool uiml_relation_entries_fit(Oid relation, const char *row_col, const char *column_col,
									  const char *weight_col, UimlEntriesMemoryFn later, const void *ctx,
									  UimlBudget *budget, MemoryContext context, UimlEntries *entries);

/* A weight as read: a float8 that a float holds, or DATA_EXCEPTION, which names the column. */
extern double uiml_relation_weight(const char *weight_col, Datum value);

/* The relation's column cast to float8; DATATYPE_MISMATCH where its type is no number. */
extern char *uiml_relation_number(Oid relation, const char *column);

/* A notice where rows did not count because of a NULL. */
extern void uiml_relation_tell_skipped(uint64 skipped);

/* The relation's column as "r.\"name\"", checked to exist; UNDEFINED_COLUMN names relation and column. */
extern char *uiml_relation_column(Oid relation, const char *column);

/* The same with a cast to interest_vector where one is needed; DATATYPE_MISMATCH where there is none. */
extern char *uiml_relation_vector(Oid relation, const char *column);

#endif /* UIML_PG_RELATION_H */
