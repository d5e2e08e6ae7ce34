/*
 * itemdigest.c
 *	  The digest of a version's items.
 *
 * Bytes go into PostgreSQL's 64-bit hash with the digest so far as seed.  It tells versions apart and files
 * that do not belong to a version; it is no protection against somebody who looks for a collision.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "pg/itemdigest.h"

static uint64
add(uint64 digest, const void *bytes, size_t length)
{
	return hash_bytes_extended(bytes, (int) length, digest + length);
}

uint64
uiml_item_digest(uint64 digest, const UimlItemRow *row, size_t dims)
{
	digest = add(digest, row->out, dims * sizeof(float));
	digest = add(digest, row->in, dims * sizeof(float));
	digest = add(digest, &row->popularity, sizeof(row->popularity));
	digest = add(digest, &row->interest, sizeof(row->interest));
	digest = add(digest, row->key, row->key_length);
	return add(digest, row->title, row->title_length);
}
