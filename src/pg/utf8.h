/*
 * utf8.h
 *	  Texts as the core reads them, and back.
 */
#ifndef UIML_PG_UTF8_H
#define UIML_PG_UTF8_H

#include "postgres.h"

/*
 * uiml_utf8_from_server
 *		A text of the database encoding as UTF-8, which utf8_length receives the bytes of; the text itself
 *		where it is that already.  Bytes of unknown encoding (SQL_ASCII) may be UTF-8: the core passes over
 *		those that are not.
 */
extern const char *uiml_utf8_from_server(const char *text, size_t length, size_t *utf8_length);

/* A copy of a UTF-8 word in the database encoding, or NULL where that cannot hold it. */
extern char *uiml_utf8_to_server(const char *utf8, size_t length);

#endif /* UIML_PG_UTF8_H */
