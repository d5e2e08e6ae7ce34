/*
 * entries_file.h
 *	  A sparse matrix of (row, column, weight) entries in a temporary file, for what does not fit in memory.
 *
 * Written once, sorted by the server; read again from its start for each pass.  In memory are the keys of the
 * columns and one row.
 */
#ifndef UIML_PG_ENTRIES_FILE_H
#define UIML_PG_ENTRIES_FILE_H

#include "postgres.h"

#include "pg/budget.h"
#include "pg/keys.h"

typedef struct UimlEntriesFile UimlEntriesFile;

/* One row: its key as text, and its entries in order of column keys.  Valid until the next one is read. */
typedef struct UimlEntriesRow
{
	const char *key;
	size_t key_length;
	size_t n;
	uint32 *column;
	float *value;
} UimlEntriesRow;

/*
 * uiml_entries_file_write
 *		Reads a relation as uiml_relation_entries does, in context; PROGRAM_LIMIT_EXCEEDED where the keys of
 *		the columns and the longest row don't fit.  The file counts for temp_file_limit and ends with the
 *		statement.
 */
extern UimlEntriesFile *uiml_entries_file_write(Oid relation, const char *row_col, const char *column_col,
												const char *weight_col, UimlBudget *budget,
												MemoryContext context);

extern size_t uiml_entries_file_rows(const UimlEntriesFile *file);
extern size_t uiml_entries_file_entries(const UimlEntriesFile *file);
extern uint64 uiml_entries_file_skipped(const UimlEntriesFile *file);
extern const UimlKeys *uiml_entries_file_columns(const UimlEntriesFile *file);

/* Gives the file back; errors do so, too. */
extern void uiml_entries_file_close(UimlEntriesFile *file);

/* Goes back to the first row. */
extern void uiml_entries_file_rewind(UimlEntriesFile *file);

/* The next row, in key order; false behind the last. */
extern bool uiml_entries_file_next(UimlEntriesFile *file, UimlEntriesRow *row);

#endif /* UIML_PG_ENTRIES_FILE_H */
