/*
 * textcache.h
 *	  Table <domain>_texts: vectors of texts that took a language model long to make.
 *
 *		text_hash uuid			the first half of SHA-256 of the text in UTF-8
 *		encoder bigint			digest of the encoder that made the vector
 *		vector interest_vector	as the encoder gave it, before any whitening
 *
 * It lies next to the domain's other tables, but is of no version: the same text has the same vector in all of
 * them.  It is made by the first training that needs it, belongs to the domain's owner, and nobody else is
 * granted it; whoever trains reads and writes it as the owner.  Rows are looked up by what a text says, so a
 * vector only ever serves a text that the reader has before him.
 */
#ifndef UIML_PG_TEXTCACHE_H
#define UIML_PG_TEXTCACHE_H

#include "common/cryptohash.h"

#include "pg/catalog.h"
#include "pg/interest_vector.h"

#define UIML_TEXT_HASH_SIZE 16 /* of a uuid */

typedef struct UimlTextHash
{
	unsigned char byte[UIML_TEXT_HASH_SIZE];
} UimlTextHash;

/* A hasher, and what it gives for a text; the hasher goes with the memory context, or with pg_cryptohash_free. */
extern pg_cryptohash_ctx *uiml_text_hasher(void);
extern UimlTextHash uiml_text_hash(pg_cryptohash_ctx *hasher, const char *utf8, size_t length);

/*
 * uiml_text_cache_read
 *		Calls fn for each vector of an encoder; for none where the domain has no such table.  The vector is
 *		whatever the table holds, of any dims, and not looked at: the owner may write there what he likes.
 */
typedef void (*UimlCachedFn)(void *ctx, const UimlTextHash *hash, const UimlVectorView *vector);
extern void uiml_text_cache_read(const UimlDomain *domain, int64 digest, UimlCachedFn fn, void *ctx);

/*
 * uiml_text_cache_add
 *		Adds n vectors of texts that the table has none of: row i of x is x[at[i] * dims].  Makes the table
 *		where there is none: DUPLICATE_TABLE where something else has its name.
 */
extern void uiml_text_cache_add(const UimlDomain *domain, int64 digest, const UimlTextHash *hash,
								const float *x, size_t dims, const uint32 *at, size_t n);

/* Takes away n texts of the encoder, and all that other encoders left. */
extern void uiml_text_cache_forget(const UimlDomain *domain, int64 digest, const UimlTextHash *hash,
								   size_t n);

#endif /* UIML_PG_TEXTCACHE_H */
