/*
 * relation_entries.c
 *	  (row, column, weight) entries of any relation, as a sparse matrix in memory.
 *
 * One SELECT of two or three columns streams into 24 bytes an entry; keys are numbered as they come and
 * renumbered in sort order at the end, and the entries are sorted and added up by the core: the order in
 * which rows arrived leaves no trace.
 *
 * Where maintenance_work_mem runs out, the rest of the rows is counted only, so that the error can say what
 * would do.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/entries.h"
#include "pg/env.h"
#include "pg/relation.h"
#include "pg/sql.h"

#define FIRST_ENTRIES   4096
#define INTERRUPT_EVERY 0xffff

typedef struct EntryReader
{
	MemoryContext context;
	UimlBudget *budget;
	UimlEntriesMemoryFn later;
	const void *later_ctx;
	const char *weight_col; /* NULL: each row counts 1 */
	UimlKeyTable *rows;
	UimlKeyTable *columns;
	UimlEntry *entry;
	size_t n;
	size_t capacity;
	uint64 skipped;
	uint64 overflow; /* entries that found no room */
} EntryReader;

/* --- one row -------------------------------------------------------------------------------------------- */

double
uiml_relation_weight(const char *weight_col, Datum value)
{
	double weight = DatumGetFloat8(value);

	if (!(fabs(weight) <= FLT_MAX))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("weight must be a finite number"),
						errdetail("Column \"%s\" holds %g.", weight_col, weight)));
	return weight;
}

/* Room for one more entry: a quarter more at a time; false where maintenance_work_mem is exhausted. */
static bool
make_room(EntryReader *reader)
{
	size_t capacity = reader->capacity + reader->capacity / 4;

	if (reader->n < reader->capacity)
		return true;
	if (!uiml_budget_fits(reader->budget, (capacity - reader->capacity) * sizeof(UimlEntry)))
		return false;
	reader->entry = repalloc_huge(reader->entry, capacity * sizeof(UimlEntry));
	reader->capacity = capacity;
	return true;
}

static void
read_entry(TupleTableSlot *slot, void *ctx)
{
	EntryReader *reader = ctx;
	double weight = 1;
	uint32 row, column;

	slot_getallattrs(slot);
	if (slot->tts_isnull[0] || slot->tts_isnull[1] || (reader->weight_col != NULL && slot->tts_isnull[2]))
	{
		reader->skipped++;
		return;
	}
	if (reader->weight_col != NULL)
		weight = uiml_relation_weight(reader->weight_col, slot->tts_values[2]);
	if (reader->overflow > 0 || !make_room(reader))
	{
		reader->overflow++;
		return;
	}
	row = uiml_keys_number(reader->rows, slot->tts_values[0]);
	column = uiml_keys_number(reader->columns, slot->tts_values[1]);
	if (row == UIML_NO_KEY || column == UIML_NO_KEY)
		reader->overflow++;
	else
		reader->entry[reader->n++] = uiml_entry(row, column, weight);
}

/* --- the statement -------------------------------------------------------------------------------------- */

char *
uiml_relation_number(Oid relation, const char *column)
{
	char *name = uiml_relation_column(relation, column);
	Oid type = get_atttype(relation, get_attnum(relation, column));
	Oid function;

	if (TypeCategory(getBaseType(type)) != TYPCATEGORY_NUMERIC ||
		find_coercion_pathway(FLOAT8OID, type, COERCION_EXPLICIT, &function) == COERCION_PATH_NONE)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" of relation %s has type %s, which is no number", column,
							   uiml_relation_name(relation), format_type_be(type))));
	return psprintf("%s::pg_catalog.float8", name);
}

static char *
entries_query(Oid relation, const char *row_col, const char *column_col, const char *weight_col)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s, %s", uiml_relation_column(relation, row_col),
					 uiml_relation_column(relation, column_col));
	if (weight_col != NULL)
		appendStringInfo(&sql, ", %s", uiml_relation_number(relation, weight_col));
	appendStringInfo(&sql, " FROM %s r", uiml_relation_name(relation));
	return sql.data;
}

static UimlKeyTable *
keys_begin(EntryReader *reader, Oid relation, const char *column, Oid *type)
{
	*type = get_atttype(relation, get_attnum(relation, column));
	return uiml_keys_begin(uiml_key_type(*type, column, reader->context), reader->context, reader->budget);
}

/* --- after the last row --------------------------------------------------------------------------------- */

/* Bytes that the matrix, the order of the keys, and what the caller does then take beside the entries. */
static double
bytes_beside(const EntryReader *reader, double n_rows, double n_columns, double n)
{
	double building = 8 * n + 24 * n_rows + (double) uiml_keys_finish_memory((size_t) n_rows) +
					  (double) uiml_keys_finish_memory((size_t) n_columns);
	double later = 0;

	/* the entries are gone by then */
	if (reader->later != NULL)
		later = reader->later(reader->later_ctx, (size_t) n_rows, (size_t) n_columns, (size_t) n) + building -
				n * (double) sizeof(UimlEntry);
	return Max(building, later);
}

static bool
fits_beside(const EntryReader *reader)
{
	double bytes = bytes_beside(reader, (double) uiml_keys_count(reader->rows),
								(double) uiml_keys_count(reader->columns), (double) reader->n);

	return bytes < (double) reader->budget->limit && uiml_budget_fits(reader->budget, (size_t) bytes);
}

/*
 * What would do: the rows that found no room are taken to bring new keys at the rate of those that did, and
 * each to be an entry of its own.
 */
static void
report_overflow(EntryReader *reader)
{
	double stored = (double) Max(reader->n, 1);
	double all = stored + (double) reader->overflow;
	double rows = (double) uiml_keys_count(reader->rows) * all / stored;
	double columns = (double) uiml_keys_count(reader->columns) * all / stored;
	double needed = (double) uiml_budget_used(reader->budget) * all / stored;

	uiml_budget_exceeded(reader->budget, psprintf("%.0f entries", all),
						 needed + bytes_beside(reader, rows, columns, all));
}

static void
number_entries(EntryReader *reader, UimlEntries *entries)
{
	uint32 *row = uiml_keys_finish(reader->rows, 0, &entries->rows);
	uint32 *column = uiml_keys_finish(reader->columns, 0, &entries->columns);

	for (size_t i = 0; i < reader->n; i++)
	{
		UimlEntry *entry = &reader->entry[i];

		*entry = uiml_entry(row[entry->user], column[entry->item], entry->at);
		if ((i & INTERRUPT_EVERY) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pfree(row);
	pfree(column);
}

static void
build_matrix(EntryReader *reader, UimlEntries *entries)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, reader->context, NULL, NULL);
	UimlStatus status = uiml_entries_build(&env, reader->entry, reader->n, entries->rows.n,
										   entries->columns.n, &entries->matrix);

	if (status == UIML_ENOTFINITE)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("sum of weights out of range"),
						errdetail("Weights of the same row and column are added up.")));
	uiml_check(status, "matrix of entries");
	uiml_budget_used(reader->budget);
	pfree(reader->entry);
}

/* Reads all rows; false where they, or what comes after them, find no room. */
static bool
read_relation(EntryReader *reader, Oid relation, const char *row_col, const char *column_col)
{
	char *sql = entries_query(relation, row_col, column_col, reader->weight_col);
	Oid types[2];

	reader->capacity = FIRST_ENTRIES;
	reader->rows = keys_begin(reader, relation, row_col, &types[0]);
	reader->columns = keys_begin(reader, relation, column_col, &types[1]);
	reader->entry = MemoryContextAllocHuge(reader->context, reader->capacity * sizeof(UimlEntry));
	uiml_sql_each_typed(sql, NULL, true, types, lengthof(types), read_entry, reader);
	reader->entry = repalloc_huge(reader->entry, Max(reader->n, 1) * sizeof(UimlEntry));
	return reader->overflow == 0 && fits_beside(reader);
}

static void
finish_entries(EntryReader *reader, UimlEntries *entries)
{
	memset(entries, 0, sizeof(*entries));
	number_entries(reader, entries);
	build_matrix(reader, entries);
	entries->skipped = reader->skipped;
}

bool
uiml_relation_entries_fit(Oid relation, const char *row_col, const char *column_col, const char *weight_col,
						  UimlEntriesMemoryFn later, const void *ctx, UimlBudget *budget,
						  MemoryContext context, UimlEntries *entries)
{
	EntryReader reader = {
		.context = context, .budget = budget, .later = later, .later_ctx = ctx, .weight_col = weight_col};

	if (!read_relation(&reader, relation, row_col, column_col))
		return false;
	finish_entries(&reader, entries);
	return true;
}

void
uiml_relation_entries_for(Oid relation, const char *row_col, const char *column_col, const char *weight_col,
						  UimlEntriesMemoryFn later, const void *ctx, UimlBudget *budget,
						  MemoryContext context, UimlEntries *entries)
{
	EntryReader reader = {
		.context = context, .budget = budget, .later = later, .later_ctx = ctx, .weight_col = weight_col};

	if (!read_relation(&reader, relation, row_col, column_col))
		report_overflow(&reader);
	finish_entries(&reader, entries);
}

void
uiml_relation_entries(Oid relation, const char *row_col, const char *column_col, const char *weight_col,
					  UimlBudget *budget, MemoryContext context, UimlEntries *entries)
{
	uiml_relation_entries_for(relation, row_col, column_col, weight_col, NULL, NULL, budget, context,
							  entries);
}

void
uiml_relation_tell_skipped(uint64 skipped)
{
	if (skipped > 0)
		ereport(NOTICE, (errmsg("rows that do not count: " UINT64_FORMAT " with a NULL", skipped)));
}
