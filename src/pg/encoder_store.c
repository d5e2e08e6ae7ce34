/*
 * encoder_store.c
 *	  Encoders into the catalog: a row, and the bytes in parts of a megabyte, as they come.
 *
 * A language model is larger than what a backend should hold.  So its parts are inserted while it is
 * converted, and what is known only at the end, the digest, is written into the row then: before the
 * transaction commits nobody else sees either.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/encoder.h"
#include "pg/env.h"
#include "pg/sql.h"
#include "pg/storage.h"

#define PART_BYTES ((Size) UIML_ENCODER_PART_BYTES)

/* --- names ---------------------------------------------------------------------------------------------- */

static void
read_namesake(TupleTableSlot *slot, void *ctx)
{
	UimlNamesake *namesake = ctx;
	bool null;

	namesake->encoder_id = DatumGetInt64(slot_getattr(slot, 1, &null));
	namesake->domain_id = DatumGetInt32(slot_getattr(slot, 2, &null));
	namesake->bytes = DatumGetInt64(slot_getattr(slot, 3, &null));
	namesake->digest = DatumGetInt64(slot_getattr(slot, 4, &null));
}

/* Until the end of the transaction nobody else stores or looks for an encoder of that name and owner. */
static void
lock_name(Oid owner, const char *name)
{
	Oid catalog = get_relname_relid("encoder", get_namespace_oid("uiml", false));
	uint32 hash = DatumGetUInt32(hash_any((const unsigned char *) name, (int) strlen(name)));

	LockDatabaseObject(catalog, hash_combine(hash, owner), 0, ExclusiveLock);
}

UimlNamesake
uiml_encoder_namesake(Oid owner, const char *name)
{
	UimlSqlParams params = {0};
	UimlNamesake namesake = {0};

	lock_name(owner, name);
	uiml_sql_param_text(&params, name);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(owner), false);
	uiml_sql_each("SELECT e.encoder_id, COALESCE(e.domain_id, 0), e.bytes, e.digest FROM uiml.encoder e "
				  "WHERE e.name OPERATOR(pg_catalog.=) $1 AND e.owner OPERATOR(pg_catalog.=) $2",
				  &params, false, read_namesake, &namesake);
	return namesake;
}

void
uiml_encoder_check_word(const char *name)
{
	size_t length = strlen(name);

	if (length < 1 || length > UIML_MAX_DOMAIN_NAME || strchr(name, '.') != NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_NAME), errmsg("invalid encoder name: \"%s\"", name),
				errdetail("A name has 1 to %d bytes and no period.", UIML_MAX_DOMAIN_NAME));
	if (strcmp(name, UIML_ENCODER_BUILTIN) == 0)
		ereport(ERROR, errcode(ERRCODE_RESERVED_NAME), errmsg("encoder name \"%s\" is reserved", name),
				errdetail("It is the name of the built-in encoder."), errhint("Pass another name."));
}

static void
note_row(TupleTableSlot *slot, void *ctx)
{
	(void) slot;
	*(bool *) ctx = true;
}

/* Whether the domain's owner may use an encoder of that name, be it his own or another's. */
static bool
owner_finds(const UimlDomain *domain, const char *name)
{
	UimlSqlParams params = {0};
	UimlActing saved;
	bool found = false;

	uiml_sql_param_text(&params, name);
	uiml_act_as_owner(domain, &saved);
	uiml_sql_each("SELECT FROM uiml.encoder e WHERE e.name OPERATOR(pg_catalog.=) $1", &params, false,
				  note_row, &found);
	uiml_act_as_self(&saved);
	return found;
}

/*
 * Who may train another's domain makes encoders that are its owner's, which he finds before those that he was
 * granted.  The name of the domain is not the trainer's choice.
 */
static void
check_shadow(const UimlDomain *domain, const char *name)
{
	if (strcmp(name, domain->name) != 0 && !has_privs_of_role(GetUserId(), domain->owner) &&
		owner_finds(domain, name))
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("encoder \"%s\" already exists", name),
				errdetail("It is another role's, and the owner of domain \"%s\" would no longer find it.",
						  domain->name),
				errhint("Pass another name."));
}

void
uiml_encoder_check_name(const UimlDomain *domain, const char *name)
{
	UimlNamesake namesake;

	uiml_encoder_check_word(name);
	namesake = uiml_encoder_namesake(domain->owner, name);
	if (namesake.encoder_id == 0)
		check_shadow(domain, name);
	if (namesake.encoder_id != 0 && namesake.domain_id != domain->domain_id)
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
				namesake.domain_id == 0 ? errmsg("encoder \"%s\" already exists", name)
										: errmsg("encoder \"%s\" already exists for another domain", name),
				namesake.domain_id == 0 ? errdetail("It is of no domain, and a training replaces none such.")
										: 0,
				errhint("Pass another name, or drop that one with uiml_drop_encoder."));
}

/* --- rows ----------------------------------------------------------------------------------------------- */

static void
param_int8(UimlSqlParams *params, int64 value, bool null)
{
	uiml_sql_param(params, INT8OID, Int64GetDatum(value), null);
}

/* 0 stands for SQL NULL. */
static void
param_size(UimlSqlParams *params, size_t value)
{
	uiml_sql_param(params, INT4OID, Int32GetDatum((int32) value), value == 0);
}

static void
take_id(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(int64 *) ctx = DatumGetInt64(slot_getattr(slot, 1, &null));
}

static int64
insert_encoder(const UimlEncoderRecord *record)
{
	UimlSqlParams params = {0};
	int64 encoder_id = 0;

	uiml_sql_param(&params, INT4OID, Int32GetDatum(record->domain_id), record->domain_id == 0);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(record->owner), false);
	uiml_sql_param_text(&params, record->name);
	uiml_sql_param_text(&params, uiml_encoder_kind_name(record->kind));
	param_size(&params, record->dims);
	uiml_sql_param_text(&params, uiml_whitening_name(record->whitening));
	param_int8(&params, record->texts, record->texts == 0);
	param_int8(&params, record->features, record->features == 0);
	param_int8(&params, record->bytes, false);
	uiml_sql_param_text(&params, record->architecture);
	param_size(&params, record->max_tokens);
	param_size(&params, record->vocabulary);
	uiml_sql_param_text(&params, record->pooling);
	uiml_sql_param(&params, BOOLOID, BoolGetDatum(record->normalized), record->architecture == NULL);
	param_int8(&params, (int64) record->parameters, record->architecture == NULL);
	uiml_sql_param_text(&params, record->sha256);
	uiml_sql_param_text(&params, record->licence);
	uiml_sql_each(
		"INSERT INTO uiml.encoder AS e (domain_id, owner, name, kind, dims, whitening, texts, features, "
		"bytes, digest, architecture, max_tokens, vocabulary, pooling, normalized, parameters, sha256, "
		"licence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12, $13, $14, $15, $16, $17) "
		"RETURNING e.encoder_id",
		&params, false, take_id, &encoder_id);
	return encoder_id;
}

void
uiml_encoder_delete(int64 encoder_id)
{
	UimlSqlParams params = {0};

	param_int8(&params, encoder_id, false);
	(void) uiml_catalog_write("DELETE FROM uiml.encoder WHERE encoder_id OPERATOR(pg_catalog.=) $1", &params);
}

/* --- bytes ---------------------------------------------------------------------------------------------- */

void
uiml_encoder_store_begin(UimlEncoderStore *store, const UimlEncoderRecord *record)
{
	*store = (UimlEncoderStore){.part = palloc(VARHDRSZ + PART_BYTES)};
	if (record == NULL)
		return;
	store->encoder_id = insert_encoder(record);
	store->owner = record->owner;
}

static void
insert_part(const UimlEncoderStore *store)
{
	UimlSqlParams params = {0};

	param_int8(&params, store->encoder_id, false);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(store->owner), false);
	uiml_sql_param_int4(&params, store->n_parts);
	uiml_sql_param(&params, BYTEAOID, PointerGetDatum(store->part), false);
	uiml_sql_run("INSERT INTO uiml.encoder_part (encoder_id, owner, part, data) VALUES ($1, $2, $3, $4)",
				 &params);
}

static void
flush_part(UimlEncoderStore *store)
{
	SET_VARSIZE(store->part, VARHDRSZ + store->filled);
	store->digest =
		hash_bytes_extended((const unsigned char *) VARDATA(store->part), (int) store->filled, store->digest);
	if (store->encoder_id != 0)
		insert_part(store);
	store->n_parts++;
	store->filled = 0;
}

void
uiml_encoder_store_write(UimlEncoderStore *store, const void *bytes, Size size)
{
	const char *from = bytes;

	store->size += (int64) size;
	while (size > 0)
	{
		Size taken = Min(size, PART_BYTES - store->filled);

		CHECK_FOR_INTERRUPTS();
		memcpy(VARDATA(store->part) + store->filled, from, taken);
		store->filled += taken;
		from += taken;
		size -= taken;
		if (store->filled == PART_BYTES)
			flush_part(store);
	}
}

void
uiml_encoder_store_end(UimlEncoderStore *store)
{
	UimlSqlParams params = {0};

	if (store->filled > 0)
		flush_part(store);
	pfree(store->part);
	if (store->encoder_id == 0)
		return;
	param_int8(&params, store->encoder_id, false);
	param_int8(&params, (int64) store->digest, false);
	param_int8(&params, store->size, false);
	if (uiml_catalog_write("UPDATE uiml.encoder SET digest = $2 WHERE encoder_id OPERATOR(pg_catalog.=) $1 "
						   "AND bytes OPERATOR(pg_catalog.=) $3",
						   &params) != 1)
		elog(ERROR, "encoder has " INT64_FORMAT " bytes, not as many as were announced", store->size);
}

void
uiml_encoder_put(const UimlDomain *domain, const char *name, const void *bytes, size_t length)
{
	UimlEncoderStore store;
	UimlEncoderRecord record;
	UimlEncoder encoder;
	UimlNamesake namesake;

	uiml_encoder_check_name(domain, name);
	uiml_check(uiml_encoder_open(bytes, length, true, &encoder), "an encoder");
	namesake = uiml_encoder_namesake(domain->owner, name);
	if (namesake.encoder_id != 0)
		uiml_encoder_delete(namesake.encoder_id);
	record = (UimlEncoderRecord){.owner = domain->owner,
								 .domain_id = domain->domain_id,
								 .name = name,
								 .kind = encoder.kind,
								 .dims = encoder.dims,
								 .whitening = encoder.whitening,
								 .bytes = (int64) length,
								 .texts = (int64) encoder.texts,
								 .features = (int64) encoder.features};
	uiml_encoder_store_begin(&store, &record);
	uiml_encoder_store_write(&store, bytes, length);
	uiml_encoder_store_end(&store);
}
