/*
 * itemcache.c
 *	  The packed items of a version, in a mapped file.
 *
 * pg/mapfile.h keeps the file; here is what it must hold, and how it is built.  The caller may SELECT from
 * the partition, which has no row-level security: he would build the same bytes.
 */
#include "postgres.h"

#include "pg/itemcache.h"
#include "pg/mapfile.h"

typedef struct ItemsWanted
{
	const UimlServed *served;
	const UimlServing *serving;
} ItemsWanted;

typedef struct ItemsView
{
	UimlItemFile file;
	int interests; /* file.interest is below this */
} ItemsView;

/* The bytes are what this version's file must hold: structure, sizes and interest numbers. */
static bool
items_check(const char *data, Size size, bool verify, void *view, const void *ctx)
{
	const UimlServing *serving = ((const ItemsWanted *) ctx)->serving;
	UimlItemFile *file = &((ItemsView *) view)->file;

	if (uiml_itemfile_open(data, size, verify, file) != UIML_OK)
		return false;
	if (file->n_items != (size_t) serving->items || file->dims != (size_t) serving->dims)
		return false;
	for (size_t i = 0; i < file->n_items; i++)
		if (file->interest[i] != UINT32_MAX && file->interest[i] >= (uint32) serving->interests)
			return false;
	((ItemsView *) view)->interests = serving->interests;
	return true;
}

static void
items_build(const void *ctx, UimlMapWriter *writer)
{
	const ItemsWanted *wanted = ctx;
	Size size;
	const char *bytes = uiml_items_pack(wanted->served, wanted->serving, CurrentMemoryContext, &size);

	uiml_mapfile_begin(writer, size);
	uiml_mapfile_write(writer, bytes, size);
}

static bool
items_fit(const void *view, const void *ctx)
{
	const UimlServing *serving = ((const ItemsWanted *) ctx)->serving;
	const ItemsView *kept = view;

	return kept->interests == serving->interests && kept->file.n_items == (size_t) serving->items &&
		   kept->file.dims == (size_t) serving->dims;
}

const UimlItemFile *
uiml_items_open(UimlServed *served, const UimlServing *serving)
{
	static const UimlMapKind kind = {.noun = "packed items",
									 .view_size = sizeof(ItemsView),
									 .check = items_check,
									 .build = items_build,
									 .fits = items_fit};
	UimlMapKey key = {serving->items_table, serving->digest, "items"};
	ItemsWanted wanted = {served, serving};
	const ItemsView *view;

	uiml_served_items(served, serving);
	view = uiml_mapfile_open(&kind, &key, &wanted);
	return &view->file;
}
