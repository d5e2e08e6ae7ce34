/*
 * entries_file.c
 *	  A sparse matrix of (row, column, weight) entries in a temporary file.
 *
 * One statement sorts the entries by row, column and weight, so that the server's own external sort does what
 * memory can't; sums of duplicates are taken in that order, the same as in memory (uiml_entries_build).
 * Columns get their numbers as they come and are renumbered in key order when they are read.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_collation.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "pg/entries_file.h"
#include "pg/relation.h"
#include "pg/sql.h"

/* In front of each row in the file: key, columns and values follow. */
typedef struct RowHead
{
	uint32 key_length;
	uint32 n;
} RowHead;

struct UimlEntriesFile
{
	BufFile *file;
	UimlBudget *budget;
	MemoryContext scratch;     /* what comparisons and texts of keys leave behind */
	MemoryContext row_context; /* row_key */
	Datum row_key;             /* of the row being filled */
	const char *weight_col;
	UimlKeyType *row_type;
	UimlKeyTable *table;
	UimlKeys columns;
	uint32 *renumber;
	size_t n_rows;
	size_t n_entries;
	uint64 skipped;
	char *key; /* text of the current row's key, key_length of key_capacity bytes */
	size_t key_length;
	size_t key_capacity;
	bool begun;     /* a row is being filled */
	uint32 *column; /* n of capacity */
	double *sum;    /* while writing */
	float *value;
	size_t n;
	size_t capacity;
	size_t rows_read;
};

/* --- writing -------------------------------------------------------------------------------------------- */

static void
check_budget(const UimlEntriesFile *file, size_t more)
{
	if (!uiml_budget_fits(file->budget, more))
		uiml_budget_exceeded(file->budget,
							 psprintf("%zu columns and the longest row", uiml_keys_count(file->table)),
							 2 * (double) uiml_budget_used(file->budget) + (double) more);
}

static void
write_bytes(UimlEntriesFile *file, void *bytes, size_t length)
{
	BufFileWrite(file->file, bytes, length);
}

/* Writes the row that was filled: sums that are not zero, as floats. */
static void
write_row(UimlEntriesFile *file)
{
	RowHead head = {.key_length = (uint32) file->key_length};

	for (size_t i = 0; i < file->n; i++)
	{
		if (fabs(file->sum[i]) > FLT_MAX)
			ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("sum of weights out of range"),
							errdetail("Weights of the same row and column are added up.")));
		if ((float) file->sum[i] == 0)
			continue;
		file->column[head.n] = file->column[i];
		file->value[head.n++] = (float) file->sum[i];
	}
	write_bytes(file, &head, sizeof(head));
	write_bytes(file, file->key, file->key_length);
	write_bytes(file, file->column, head.n * sizeof(uint32));
	write_bytes(file, file->value, head.n * sizeof(float));
	file->n_rows++;
	file->n_entries += head.n;
	file->n = 0;
}

static void
set_row_capacity(UimlEntriesFile *file, size_t capacity)
{
	check_budget(file, (capacity - file->capacity) * (sizeof(uint32) + sizeof(double) + sizeof(float)));
	file->column = repalloc_huge(file->column, capacity * sizeof(uint32));
	file->sum = repalloc_huge(file->sum, capacity * sizeof(double));
	file->value = repalloc_huge(file->value, capacity * sizeof(float));
	file->capacity = capacity;
}

/* Keeps the text of a key as that of the row. */
static void
keep_text(UimlEntriesFile *file, text *name)
{
	file->key_length = VARSIZE_ANY_EXHDR(name);
	if (file->key_length > file->key_capacity)
	{
		file->key_capacity = file->key_length * 2;
		file->key = repalloc_huge(file->key, file->key_capacity);
	}
	memcpy(file->key, VARDATA_ANY(name), file->key_length);
}

static void
begin_row(UimlEntriesFile *file, Datum key)
{
	MemoryContext old = MemoryContextSwitchTo(file->row_context);

	MemoryContextReset(file->row_context);
	file->row_key = datumCopy(key, file->row_type->typbyval, file->row_type->typlen);
	MemoryContextSwitchTo(old);
	keep_text(file, uiml_key_as_text(file->row_type, key));
	file->begun = true;
}

/* As keys in memory do: of two equal ones that look different, the one whose text comes first stays. */
static void
keep_first_text(UimlEntriesFile *file, Datum key)
{
	UimlKeyType *type = file->row_type;
	text *name;

	if (type->is_integer || datum_image_eq(file->row_key, key, type->typbyval, type->typlen))
		return;
	name = uiml_key_as_text(type, key);
	if (varstr_cmp(VARDATA_ANY(name), (int) VARSIZE_ANY_EXHDR(name), file->key, (int) file->key_length,
				   C_COLLATION_OID) < 0)
		keep_text(file, name);
}

/* Begins another row where this key is not that of the current one; returns whether it did. */
static bool
enter_row(UimlEntriesFile *file, Datum key)
{
	MemoryContext old = MemoryContextSwitchTo(file->scratch);
	bool same;

	MemoryContextReset(file->scratch);
	if (file->row_type->typlen == -1)
		key = PointerGetDatum(PG_DETOAST_DATUM_PACKED(key));
	same = file->begun && uiml_key_compare(file->row_type, file->row_key, key) == 0;
	if (same)
		keep_first_text(file, key);
	else
	{
		if (file->begun)
			write_row(file);
		begin_row(file, key);
	}
	MemoryContextSwitchTo(old);
	return !same;
}

static void
write_entry(TupleTableSlot *slot, void *ctx)
{
	UimlEntriesFile *file = ctx;
	uint32 column;
	double weight;

	slot_getallattrs(slot);
	if (slot->tts_isnull[0] || slot->tts_isnull[1] || slot->tts_isnull[2])
	{
		file->skipped++;
		return;
	}
	weight = uiml_relation_weight(file->weight_col, slot->tts_values[2]);
	column = uiml_keys_number(file->table, slot->tts_values[1]);
	if (column == UIML_NO_KEY)
		check_budget(file, file->budget->limit);
	if (!enter_row(file, slot->tts_values[0]) && file->n > 0 && file->column[file->n - 1] == column)
	{
		file->sum[file->n - 1] += weight;
		return;
	}
	if (file->n == file->capacity)
		set_row_capacity(file, file->capacity * 2);
	file->column[file->n] = column;
	file->sum[file->n++] = weight;
}

/* Keys compare as they are numbered: text under the C collation. */
static char *
sort_key(Oid relation, const char *column, const UimlKeyType *type)
{
	return psprintf("%s%s", uiml_relation_column(relation, column),
					OidIsValid(type->collation) ? " COLLATE pg_catalog.\"C\"" : "");
}

static UimlKeyType *
key_type(Oid relation, const char *column, MemoryContext context)
{
	uiml_relation_column(relation, column);
	return uiml_key_type(get_atttype(relation, get_attnum(relation, column)), column, context);
}

UimlEntriesFile *
uiml_entries_file_write(Oid relation, const char *row_col, const char *column_col, const char *weight_col,
						UimlBudget *budget, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	UimlEntriesFile *file = palloc0(sizeof(UimlEntriesFile));
	UimlKeyType *column_type = key_type(relation, column_col, context);
	char *weight = weight_col != NULL ? uiml_relation_number(relation, weight_col) : "1::pg_catalog.float8";
	Oid types[2];

	file->budget = budget;
	file->weight_col = weight_col;
	file->row_type = key_type(relation, row_col, context);
	file->table = uiml_keys_begin(column_type, context, budget);
	file->scratch = AllocSetContextCreate(context, "uiml key texts", ALLOCSET_DEFAULT_SIZES);
	file->row_context = AllocSetContextCreate(context, "uiml row key", ALLOCSET_SMALL_SIZES);
	file->key_capacity = 64;
	file->key = palloc(file->key_capacity);
	file->capacity = 256;
	file->column = palloc(file->capacity * sizeof(uint32));
	file->sum = palloc(file->capacity * sizeof(double));
	file->value = palloc(file->capacity * sizeof(float));
	file->file = BufFileCreateTemp(false);
	types[0] = file->row_type->type;
	types[1] = column_type->type;
	uiml_sql_each_typed(
		psprintf("SELECT %s, %s, %s FROM %s r ORDER BY %s, %s, 3", uiml_relation_column(relation, row_col),
				 uiml_relation_column(relation, column_col), weight, uiml_relation_name(relation),
				 sort_key(relation, row_col, file->row_type), sort_key(relation, column_col, column_type)),
		NULL, true, types, lengthof(types), write_entry, file);
	if (file->begun)
		write_row(file);
	check_budget(file, uiml_keys_finish_memory(uiml_keys_count(file->table)));
	file->renumber = uiml_keys_finish(file->table, 0, &file->columns);
	MemoryContextSwitchTo(old);
	return file;
}

/* --- reading -------------------------------------------------------------------------------------------- */

static void
read_bytes(UimlEntriesFile *file, void *bytes, size_t length)
{
	if (length > 0 && BufFileRead(file->file, bytes, length) != length)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not read from temporary file: %m")));
}

void
uiml_entries_file_rewind(UimlEntriesFile *file)
{
	if (BufFileSeek(file->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not rewind temporary file: %m")));
	file->rows_read = 0;
}

bool
uiml_entries_file_next(UimlEntriesFile *file, UimlEntriesRow *row)
{
	RowHead head;

	if (file->rows_read == file->n_rows)
		return false;
	CHECK_FOR_INTERRUPTS();
	file->rows_read++;
	read_bytes(file, &head, sizeof(head));
	if (head.key_length > file->key_capacity || head.n > file->capacity)
		elog(ERROR, "unexpected row in temporary file");
	read_bytes(file, file->key, head.key_length);
	read_bytes(file, file->column, head.n * sizeof(uint32));
	read_bytes(file, file->value, head.n * sizeof(float));
	for (size_t i = 0; i < head.n; i++)
		file->column[i] = file->renumber[file->column[i]];
	row->key = file->key;
	row->key_length = head.key_length;
	row->n = head.n;
	row->column = file->column;
	row->value = file->value;
	return true;
}

void
uiml_entries_file_close(UimlEntriesFile *file)
{
	BufFileClose(file->file);
	file->file = NULL;
}

size_t
uiml_entries_file_rows(const UimlEntriesFile *file)
{
	return file->n_rows;
}

size_t
uiml_entries_file_entries(const UimlEntriesFile *file)
{
	return file->n_entries;
}

uint64
uiml_entries_file_skipped(const UimlEntriesFile *file)
{
	return file->skipped;
}

const UimlKeys *
uiml_entries_file_columns(const UimlEntriesFile *file)
{
	return &file->columns;
}
