/*
 * utf8.c
 *	  Texts as the core reads them, and back.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"

#include "pg/utf8.h"

const char *
uiml_utf8_from_server(const char *text, size_t length, size_t *utf8_length)
{
	const char *utf8 = text;

	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		utf8 = (const char *) pg_server_to_any(text, (int) length, PG_UTF8);
	*utf8_length = utf8 == text ? length : strlen(utf8);
	return utf8;
}

char *
uiml_utf8_to_server(const char *utf8, size_t length)
{
	int encoding = GetDatabaseEncoding();
	Oid conversion;
	char *word;
	int converted;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return pnstrdup(utf8, length);
	conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	if (!OidIsValid(conversion))
		return NULL;
	word = palloc(length * MAX_CONVERSION_GROWTH + 1);
	converted = pg_do_encoding_conversion_buf(
		conversion, PG_UTF8, encoding, (unsigned char *) unconstify(char *, utf8), (int) length,
		(unsigned char *) word, (int) (length * MAX_CONVERSION_GROWTH + 1), true);
	return converted == (int) length ? word : NULL;
}
