/*
 * bulk.h
 *	  Loading a new table of ours, as COPY does: rows in batches, a buffer ring of their own.
 */
#ifndef UIML_PG_BULK_H
#define UIML_PG_BULK_H

#include "postgres.h"

typedef struct UimlBulk UimlBulk;

/*
 * uiml_bulk_begin
 *		Opens an empty table that this transaction created, to be filled with the named columns.
 *
 * type: what each column must have; DATATYPE_MISMATCH or UNDEFINED_COLUMN otherwise, and for a further column
 * that is NOT NULL.  The other columns stay NULL.
 */
extern UimlBulk *uiml_bulk_begin(Oid table, int n_columns, const char *const *column, const Oid *type);

/*
 * The context in which to make the values of the next row; they live until they are written.  uiml_bulk_add
 * is to be called once for each row; NULLs are flagged in null (NULL: none).
 */
extern MemoryContext uiml_bulk_context(UimlBulk *bulk);
extern void uiml_bulk_add(UimlBulk *bulk, const Datum *value, const bool *null);

/* Writes what is left and closes the table, whose lock stays. */
extern void uiml_bulk_end(UimlBulk *bulk);

#endif /* UIML_PG_BULK_H */
