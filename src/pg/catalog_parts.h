/*
 * catalog_parts.h
 *	  Bytes that a catalog table keeps in rows of a megabyte: columns id, part from 0, and data.
 */
#ifndef UIML_PG_CATALOG_PARTS_H
#define UIML_PG_CATALOG_PARTS_H

#include "postgres.h"

/* Takes the next bytes, valid during the call. */
typedef void (*UimlPartFn)(void *ctx, const char *bytes, Size size);

/*
 * uiml_parts_each
 *		Hands the bytes of an id to fn, in order, a part of them in memory at a time.
 *
 * sql: a statement that asks for $1, the id, and returns part and data in order of parts.  size: how many bytes
 * there are to be.  False, after none or some of them, where the parts are not theirs.  read_only: as in
 * uiml_sql_each.
 */
extern bool uiml_parts_each(const char *sql, int64 id, Size size, bool read_only, UimlPartFn fn, void *ctx);

/*
 * uiml_parts_read
 *		The same into memory of context, at an address that is a multiple of 8; NULL instead of false.
 */
extern char *uiml_parts_read(const char *sql, int64 id, Size size, bool read_only, MemoryContext context);

/*
 * uiml_parts_write
 *		Inserts bytes in parts.  sql: an INSERT of $1, the id, $2, the part's number, and $3, its data; runs as the
 *		current user.
 */
extern void uiml_parts_write(const char *sql, int64 id, const char *bytes, Size size);

#endif /* UIML_PG_CATALOG_PARTS_H */
