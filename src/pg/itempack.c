/*
 * itempack.c
 *	  Reading the items partition of a version into the bytes of an item file.
 *
 * Two passes: the first adds up the lengths of keys and titles, the second writes rows in the order of
 * item_no into a buffer of exactly the file's size.  So the peak is one file, whatever the number of items.
 * Keys go through their type's output function and not through a cast in SQL, because anybody can create a
 * cast for a type of his own.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/env.h"
#include "pg/itemcache.h"
#include "pg/sql.h"
#include "pg/userkey.h"

typedef struct Packer
{
	const UimlServed *served;
	const UimlServing *serving;
	MemoryContext row_context; /* emptied after each row */
	size_t n_items;
	size_t text_length;
	UimlItemWriter writer;
} Packer;

static void
refuse_items(const UimlServing *serving, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("invalid items in version %d of domain \"%s\"", serving->version, serving->domain),
					errdetail("%s", detail), errhint("Train the domain again with uiml_train.")));
}

static const char *
title_of(TupleTableSlot *slot, int column, size_t *length)
{
	text *title;

	*length = 0;
	if (slot->tts_isnull[column])
		return "";
	title = DatumGetTextPP(slot->tts_values[column]);
	*length = VARSIZE_ANY_EXHDR(title);
	return VARDATA_ANY(title);
}

static char *
key_of(const Packer *packer, TupleTableSlot *slot)
{
	if (slot->tts_isnull[0])
		refuse_items(packer->serving, "An item has no key.");
	return uiml_userkey_text(packer->served->item_type, slot->tts_values[0]);
}

/* First pass: item_id, title. */
static void
measure_item(TupleTableSlot *slot, void *ctx)
{
	Packer *packer = ctx;
	MemoryContext old = MemoryContextSwitchTo(packer->row_context);
	size_t length;

	slot_getallattrs(slot);
	(void) title_of(slot, 1, &length);
	packer->text_length += length + strlen(key_of(packer, slot));
	packer->n_items++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(packer->row_context);
}

/* The row of an interest in prior and masses. */
static uint32
interest_row(const UimlServed *served, const UimlServing *serving, int32 id)
{
	if (id > 0 && id <= served->k && served->interest_id[id - 1] == id)
		return (uint32) id - 1;
	for (int j = 0; j < served->k; j++)
		if (served->interest_id[j] == id)
			return (uint32) j;
	refuse_items(serving, psprintf("There is no interest %d.", id));
	return UINT32_MAX;
}

static const float *
vector_of(const Packer *packer, TupleTableSlot *slot, int column)
{
	InterestVector *vector;

	if (slot->tts_isnull[column])
		refuse_items(packer->serving, "An item has no vector.");
	vector = DatumGetInterestVector(slot->tts_values[column]);
	if (vector->dim != packer->serving->dims)
		refuse_items(packer->serving, psprintf("A vector has %d dimensions, the version %d.", vector->dim,
											   packer->serving->dims));
	return vector->x;
}

/* Second pass: item_id, title, item_no, popularity, interest_id, out_vector, in_vector. */
static void
pack_item(TupleTableSlot *slot, void *ctx)
{
	Packer *packer = ctx;
	MemoryContext old = MemoryContextSwitchTo(packer->row_context);
	UimlItemRow row;

	slot_getallattrs(slot);
	if (slot->tts_isnull[2] || (uint32) DatumGetInt32(slot->tts_values[2]) != packer->writer.item_at)
		refuse_items(packer->serving, "Item numbers don't run from 0.");
	row.key = key_of(packer, slot);
	row.key_length = strlen(row.key);
	row.title = title_of(slot, 1, &row.title_length);
	row.popularity = slot->tts_isnull[3] ? NAN : DatumGetFloat4(slot->tts_values[3]);
	if (!(row.popularity >= 0 && row.popularity <= 1))
		refuse_items(packer->serving, "The popularity of an item isn't a share.");
	row.interest = slot->tts_isnull[4]
					   ? UINT32_MAX
					   : interest_row(packer->served, packer->serving, DatumGetInt32(slot->tts_values[4]));
	row.out = vector_of(packer, slot, 5);
	row.in = vector_of(packer, slot, 6);
	uiml_check(uiml_itemfile_put(&packer->writer, &row), "packed items");
	MemoryContextSwitchTo(old);
	MemoryContextReset(packer->row_context);
}

char *
uiml_items_pack(const UimlServed *served, const UimlServing *serving, MemoryContext context, size_t *size)
{
	Packer packer = {.served = served, .serving = serving};
	const Oid types[] = {served->item_type,  TEXTOID, INT4OID, FLOAT4OID, INT4OID, served->vector_type,
						 served->vector_type};
	char *name = uiml_relation_name(serving->items_table);
	char *buffer;
	int settings;
	UimlPgEnv pg;
	UimlEnv env;

	packer.row_context = AllocSetContextCreate(CurrentMemoryContext, "uiml item", ALLOCSET_SMALL_SIZES);
	settings = uiml_settings_begin(served->item_type);
	uiml_served_each(serving,
					 psprintf("SELECT item_id, title FROM ONLY %s WHERE version OPERATOR(pg_catalog.=) %d",
							  name, serving->version),
					 types, 2, measure_item, &packer);
	if (packer.n_items != (size_t) serving->items)
		refuse_items(serving, psprintf("There are %zu items, the version has " INT64_FORMAT ".",
									   packer.n_items, serving->items));
	*size = uiml_itemfile_size(packer.n_items, (size_t) serving->dims, packer.text_length);
	if (*size == 0)
		refuse_items(serving, "There are too many items.");

	buffer = MemoryContextAllocHuge(context, *size + 64);
	buffer = (char *) TYPEALIGN(64, buffer);
	uiml_check(uiml_itemfile_begin(&packer.writer, buffer, *size, packer.n_items, (size_t) serving->dims,
								   packer.text_length),
			   "packed items");
	uiml_served_each(serving,
					 psprintf("SELECT item_id, title, item_no, popularity, interest_id, out_vector, in_vector"
							  " FROM ONLY %s WHERE version OPERATOR(pg_catalog.=) %d ORDER BY item_no",
							  name, serving->version),
					 types, lengthof(types), pack_item, &packer);
	uiml_settings_end(settings);
	env = uiml_env_pg(&pg, packer.row_context, NULL, NULL);
	uiml_check(uiml_itemfile_finish(&env, &packer.writer), "packed items");
	MemoryContextDelete(packer.row_context);
	return buffer;
}
