/*
 * itemcache.h
 *	  The packed items of a version, mapped read-only and shared by all backends.
 */
#ifndef UIML_PG_ITEMCACHE_H
#define UIML_PG_ITEMCACHE_H

#include "core/itemfile.h"
#include "pg/catalog.h"

/*
 * uiml_items_open
 *		The items of a domain's active version, after checking that the caller may SELECT its items partition.
 *
 * The file base/pgsql_tmp/pgsql_tmp_uiml/<database>-<relation>-<digest>.items is mapped, or built from the partition and published
 * by rename where it is missing, stale or damaged (the directory is left out of base backups and emptied at server start).
 * The view stays valid until the end of the transaction.  Mappings are kept by the backend, least recently used
 * ones given back.
 */
extern const UimlItemFile *uiml_items_open(const UimlServing *serving);

/* The digest that training stores in uiml.version: of everything that goes into the file. */
extern int64 uiml_items_digest(const char *data, size_t size);

#endif /* UIML_PG_ITEMCACHE_H */
