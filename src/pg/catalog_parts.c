/*
 * catalog_parts.c
 *	  Bytes that a catalog table keeps in rows of a megabyte.
 *
 * A value of a column ends at 1 GB and is copied on its way in and out: parts bound both.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "pg/catalog_parts.h"
#include "pg/sql.h"

#define PART_BYTES ((Size) 1024 * 1024)

typedef struct PartReader
{
	UimlPartFn fn;
	void *ctx;
	Size left;
	int32 part;
	bool fits;
} PartReader;

static void
read_part(TupleTableSlot *slot, void *ctx)
{
	PartReader *reader = ctx;
	bool null;
	int32 part = DatumGetInt32(slot_getattr(slot, 1, &null));
	Datum value = slot_getattr(slot, 2, &null);
	struct varlena *data;
	Size size;

	CHECK_FOR_INTERRUPTS();
	/* before a part that was not written by us is copied */
	reader->fits =
		reader->fits && part == reader->part++ && toast_raw_datum_size(value) - VARHDRSZ <= reader->left;
	if (!reader->fits)
		return;
	data = PG_DETOAST_DATUM_PACKED(value);
	size = VARSIZE_ANY_EXHDR(data);
	reader->left -= size;
	reader->fn(reader->ctx, VARDATA_ANY(data), size);
	if ((Pointer) data != DatumGetPointer(value))
		pfree(data);
}

bool
uiml_parts_each(const char *sql, int64 id, Size size, bool read_only, UimlPartFn fn, void *ctx)
{
	PartReader reader = {.fn = fn, .ctx = ctx, .left = size, .fits = true};
	UimlSqlParams params = {0};

	uiml_sql_param_int8(&params, id);
	uiml_sql_each(sql, &params, read_only, read_part, &reader);
	return reader.fits && reader.left == 0;
}

static void
append_part(void *ctx, const char *bytes, Size size)
{
	char **end = ctx;

	memcpy(*end, bytes, size);
	*end += size;
}

char *
uiml_parts_read(const char *sql, int64 id, Size size, bool read_only, MemoryContext context)
{
	char *bytes = MemoryContextAllocHuge(context, size);
	char *end = bytes;

	if (uiml_parts_each(sql, id, size, read_only, append_part, &end))
		return bytes;
	pfree(bytes);
	return NULL;
}

void
uiml_parts_write(const char *sql, int64 id, const char *bytes, Size size)
{
	bytea *data = palloc(VARHDRSZ + Min(size, PART_BYTES));
	int32 part = 0;

	for (Size at = 0; at < size; at += PART_BYTES)
	{
		Size taken = Min(PART_BYTES, size - at);
		UimlSqlParams params = {0};

		CHECK_FOR_INTERRUPTS();
		SET_VARSIZE(data, VARHDRSZ + taken);
		memcpy(VARDATA(data), bytes + at, taken);
		uiml_sql_param_int8(&params, id);
		uiml_sql_param_int4(&params, part++);
		uiml_sql_param(&params, BYTEAOID, PointerGetDatum(data), false);
		uiml_sql_run(sql, &params);
	}
	pfree(data);
}
