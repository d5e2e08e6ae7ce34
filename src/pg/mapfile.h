/*
 * mapfile.h
 *	  Large read-only state, derived from tables, in files that all backends map.
 *
 * A file's name says database, relation, digest of the contents and kind, base/pgsql_tmp/pgsql_tmp_uiml/
 * <database>-<relation>-<digest>.<suffix>, so neither a new state nor a restored database can find another's.
 */
#ifndef UIML_PG_MAPFILE_H
#define UIML_PG_MAPFILE_H

#include "postgres.h"

#define UIML_MAP_SUFFIX 32

typedef struct UimlMapKey
{
	Oid relation; /* the file goes when this does */
	int64 digest;
	const char *suffix; /* shorter than UIML_MAP_SUFFIX, only letters, digits and periods */
} UimlMapKey;

/* Takes the bytes of a file that is being made. */
typedef struct UimlMapWriter UimlMapWriter;

/*
 * What is kept in a file.
 *
 * noun:		"packed items", for the server log
 * view_size:	of what check fills
 * check:		whether bytes are what the caller (ctx) must find, without raising an error but that of an
 *				interrupt; points the view at them. verify: read all of them (a file is verified before it is published, and at each
 *				mapping where it is small), else look at no more than a new connection has time for.  The
 *				bytes are at a multiple of the page size, or of MAXALIGN
 * build:		hands the bytes to the writer: first how many there are, then all of them in order.  May raise
 *				errors.  Its memory context goes when it returns.  Where the file can't be written it is
 *				called once more
 * corrupt:		raises the error that what was built isn't what check wants; NULL: that can't happen
 * fits:		whether a view that the backend has kept is still what the caller must find
 * gone:		whether a file of this database, told by its suffix, serves nobody any more; NULL: none does
 */
typedef struct UimlMapKind
{
	const char *noun;
	Size view_size;
	bool (*check)(const char *data, Size size, bool verify, void *view, const void *ctx);
	void (*build)(const void *ctx, UimlMapWriter *writer);
	void (*corrupt)(const void *ctx);
	bool (*fits)(const void *view, const void *ctx);
	bool (*gone)(Oid relation, const char *suffix);
} UimlMapKind;

/* For build. */
extern void uiml_mapfile_begin(UimlMapWriter *writer, Size size);
extern void uiml_mapfile_write(UimlMapWriter *writer, const void *bytes, Size size);

/*
 * uiml_mapfile_open
 *		The view of a file that is mapped, after building and publishing it by rename where it is missing,
 *		stale or damaged (the directory is left out of base backups and emptied at server start).
 *
 * The caller has checked that the current user may read what it is built from.  Bytes go to the file as
 * they are built, so that no copy of all of them is needed.  Where it can't be written (a full disk), the server
 * log says so, and the backend keeps a copy of its own, or raises an error where that would have more than 256
 * MB.  The view stays valid until the end of the transaction; mappings are kept by the backend, least recently
 * used ones given back.
 */
extern const void *uiml_mapfile_open(const UimlMapKind *kind, const UimlMapKey *key, const void *ctx);

#endif /* UIML_PG_MAPFILE_H */
