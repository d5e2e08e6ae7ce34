/*
 * textcache.c
 *	  Table <domain>_texts.
 *
 * The table is found by its name, and taken for ours only if it is a plain table of the domain's owner with
 * our columns: another role's could have triggers, which would run as the owner.
 *
 * Reading and matching a vector of 384 dimensions takes some 8 us, hash included ("text vectors" of a training that
 * finds all of them; test/bench/encoders), and MiniLM milliseconds to make it.  "lsa", "hash" and static models
 * embed a title in the time that reading takes, so theirs are not kept.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "pg/sql.h"
#include "pg/storage.h"
#include "pg/textcache.h"

/* Rows of a statement that writes. */
#define BATCH_ROWS 256

/* Bytes of a text that are hashed between two looks for a cancel. */
#define HASH_CHUNK ((size_t) 1024 * 1024)

StaticAssertDecl(UIML_TEXT_HASH_SIZE == UUID_LEN, "hashes of texts are stored as uuid");

/* --- hashes --------------------------------------------------------------------------------------------- */

pg_cryptohash_ctx *
uiml_text_hasher(void)
{
	pg_cryptohash_ctx *hasher = pg_cryptohash_create(PG_SHA256);

	if (hasher == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return hasher;
}

UimlTextHash
uiml_text_hash(pg_cryptohash_ctx *hasher, const char *utf8, size_t length)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	UimlTextHash hash;

	bool hashed = pg_cryptohash_init(hasher) >= 0;

	for (size_t at = 0; hashed && at < length; at += HASH_CHUNK)
	{
		hashed = pg_cryptohash_update(hasher, (const uint8 *) utf8 + at, Min(length - at, HASH_CHUNK)) >= 0;
		if (length > HASH_CHUNK)
			CHECK_FOR_INTERRUPTS();
	}
	if (!hashed || pg_cryptohash_final(hasher, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute SHA-256 of a text");
	memcpy(hash.byte, digest, sizeof(hash.byte));
	return hash;
}

/* --- reading -------------------------------------------------------------------------------------------- */

typedef struct CacheReader
{
	UimlCachedFn fn;
	void *ctx;
} CacheReader;

static void
read_row(TupleTableSlot *slot, void *ctx)
{
	const CacheReader *reader = ctx;
	UimlTextHash hash;
	UimlVectorView view;

	slot_getallattrs(slot);
	if (slot->tts_isnull[0] || slot->tts_isnull[1])
		return;
	memcpy(hash.byte, DatumGetUUIDP(slot->tts_values[0])->data, sizeof(hash.byte));
	uiml_vector_view(slot->tts_values[1], &view);
	reader->fn(reader->ctx, &hash, &view);
	if (view.copy != NULL)
		pfree(view.copy);
}

void
uiml_text_cache_read(const UimlDomain *domain, int64 digest, UimlCachedFn fn, void *ctx)
{
	CacheReader reader = {.fn = fn, .ctx = ctx};
	const Oid types[] = {UUIDOID, uiml_vector_type()};
	UimlSqlParams params = {0};
	UimlActing saved;
	Oid table;

	uiml_act_as_owner(domain, &saved);
	table = uiml_storage_texts(domain, false);
	uiml_sql_param_int8(&params, digest);
	if (OidIsValid(table))
		uiml_sql_each_typed(psprintf("SELECT t.text_hash, t.vector FROM ONLY %s t "
									 "WHERE t.encoder OPERATOR(pg_catalog.=) $1",
									 uiml_relation_name(table)),
							&params, false, types, lengthof(types), read_row, &reader);
	uiml_act_as_self(&saved);
}

/* --- writing -------------------------------------------------------------------------------------------- */

static Datum
hash_array(const UimlTextHash *hash, size_t n)
{
	Datum value[BATCH_ROWS];

	for (size_t i = 0; i < n; i++)
		value[i] = PointerGetDatum(&hash[i]);
	return PointerGetDatum(construct_array(value, (int) n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

static Datum
vector_array(const float *x, size_t dims, const uint32 *at, size_t n)
{
	Oid type = uiml_vector_type();
	Datum value[BATCH_ROWS];
	int16 typlen;
	bool typbyval;
	char typalign;

	for (size_t i = 0; i < n; i++)
		value[i] = PointerGetDatum(uiml_vector_from_floats(x + (size_t) at[i] * dims, (int) dims));
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_array(value, (int) n, type, typlen, typbyval, typalign));
}

/* One statement a batch: an array of hashes, for adding one of vectors, too. */
static void
write_batch(const char *sql, int64 digest, Datum hashes, Datum vectors)
{
	UimlSqlParams params = {0};

	CHECK_FOR_INTERRUPTS();
	uiml_sql_param_int8(&params, digest);
	uiml_sql_param(&params, UUIDARRAYOID, hashes, false);
	if (vectors != (Datum) 0)
		uiml_sql_param(&params, get_array_type(uiml_vector_type()), vectors, false);
	uiml_sql_run(sql, &params);
}

void
uiml_text_cache_add(const UimlDomain *domain, int64 digest, const UimlTextHash *hash, const float *x,
					size_t dims, const uint32 *at, size_t n)
{
	MemoryContext work =
		AllocSetContextCreate(CurrentMemoryContext, "uiml text cache", ALLOCSET_DEFAULT_SIZES);
	UimlActing saved;
	char *sql;

	uiml_act_as_owner(domain, &saved);

	/* A row that somebody else adds meanwhile has the same vector. */
	sql = psprintf("INSERT INTO %s (text_hash, encoder, vector) SELECT u.h, $1, u.v "
				   "FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) u (h, v) "
				   "ON CONFLICT DO NOTHING",
				   uiml_relation_name(uiml_storage_texts(domain, true)));
	for (size_t first = 0; first < n; first += BATCH_ROWS)
	{
		size_t rows = Min(n - first, BATCH_ROWS);
		MemoryContext old = MemoryContextSwitchTo(work);

		write_batch(sql, digest, hash_array(hash + first, rows), vector_array(x, dims, at + first, rows));
		MemoryContextSwitchTo(old);
		MemoryContextReset(work);
	}
	uiml_act_as_self(&saved);
	MemoryContextDelete(work);
}

void
uiml_text_cache_forget(const UimlDomain *domain, int64 digest, const UimlTextHash *hash, size_t n)
{
	MemoryContext work =
		AllocSetContextCreate(CurrentMemoryContext, "uiml text cache", ALLOCSET_DEFAULT_SIZES);
	UimlActing saved;
	Oid table;

	uiml_act_as_owner(domain, &saved);
	table = uiml_storage_texts(domain, false);
	if (OidIsValid(table))
	{
		char *relation = uiml_relation_name(table);
		char *sql = psprintf("DELETE FROM ONLY %s t WHERE t.encoder OPERATOR(pg_catalog.=) $1 "
							 "AND t.text_hash OPERATOR(pg_catalog.=) ANY ($2)",
							 relation);
		UimlSqlParams params = {0};

		uiml_sql_param_int8(&params, digest);
		uiml_sql_run(psprintf("DELETE FROM ONLY %s t WHERE t.encoder OPERATOR(pg_catalog.<>) $1", relation),
					 &params);
		for (size_t first = 0; first < n; first += BATCH_ROWS)
		{
			MemoryContext old = MemoryContextSwitchTo(work);

			write_batch(sql, digest, hash_array(hash + first, Min(n - first, BATCH_ROWS)), (Datum) 0);
			MemoryContextSwitchTo(old);
			MemoryContextReset(work);
		}
	}
	uiml_act_as_self(&saved);
	MemoryContextDelete(work);
}
