/*
 * itemcache.h
 *	  The packed items of a version, mapped read-only and shared by all backends.
 */
#ifndef UIML_PG_ITEMCACHE_H
#define UIML_PG_ITEMCACHE_H

#include "core/itemfile.h"
#include "pg/catalog.h"
#include "pg/served.h"

/*
 * uiml_items_open
 *		The items of a domain's active version, after checking that the caller may SELECT its items partition.
 *
 * The file base/pgsql_tmp/pgsql_tmp_uiml/<database>-<relation>-<digest>.items is mapped, or built from the
 * partition and published by rename where it is missing, stale or damaged (the directory is left out of base
 * backups and emptied at server start).  Where it can't be written (a full disk), the backend keeps a copy of
 * its own and the server log says so.  The view stays valid until the end of the transaction.  Mappings are
 * kept by the backend, least recently used ones given back.  Sets served->item_type.
 */
extern const UimlItemFile *uiml_items_open(UimlServed *served, const UimlServing *serving);

/*
 * uiml_items_pack
 *		The bytes of the file, read from the items partition as the current user: *size of them, at an address
 *		that is a multiple of 64, in memory of context.
 */
extern char *uiml_items_pack(const UimlServed *served, const UimlServing *serving, MemoryContext context,
							 size_t *size);

#endif /* UIML_PG_ITEMCACHE_H */
