/*
 * transfer_catalog.c
 *	  Transfers as schema uiml keeps them.
 *
 * Rows are written as the owner of the catalog: a transfer refers to versions of two owners, none of whom
 * could be let write it without letting him hold the other's version by a foreign key.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg/catalog_parts.h"
#include "pg/interest_vector.h"
#include "pg/sql.h"
#include "pg/transfer_catalog.h"

/* --- reading -------------------------------------------------------------------------------------------- */

static double
number_value(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NAN : DatumGetFloat8(slot->tts_values[column]);
}

static UimlTransferVerdict
verdict_value(TupleTableSlot *slot, int column)
{
	UimlTransferVerdict verdict = {.used = DatumGetBool(slot->tts_values[column]),
								   .gain = number_value(slot, column + 1),
								   .gain_se = number_value(slot, column + 2),
								   .lambda = number_value(slot, column + 3)};

	return verdict;
}

UimlTransferRow *
uiml_transfer_read(TupleTableSlot *slot)
{
	UimlTransferRow *row = palloc(sizeof(UimlTransferRow));
	Datum *value;

	slot_getsomeattrs(slot, UIML_TRANSFER_N_COLUMNS);
	value = slot->tts_values;
	row->transfer_id = DatumGetInt64(value[0]);
	row->source_domain_id = DatumGetInt32(value[1]);
	row->source_owner = DatumGetObjectId(value[2]);
	row->source_version_id = DatumGetInt64(value[3]);
	row->domain_id = DatumGetInt32(value[4]);
	row->owner = DatumGetObjectId(value[5]);
	row->version_id = DatumGetInt64(value[6]);
	row->trained_by = DatumGetObjectId(value[7]);
	row->trained_at = DatumGetTimestampTz(value[8]);
	row->users = DatumGetInt64(value[9]);
	row->items_verdict = TextDatumGetCString(value[10]);
	row->items = verdict_value(slot, 11);
	row->interests = verdict_value(slot, 15);
	row->digest = DatumGetInt64(value[19]);
	row->bytes = DatumGetInt64(value[20]);
	return row;
}

static void
take_row(TupleTableSlot *slot, void *ctx)
{
	*(UimlTransferRow **) ctx = uiml_transfer_read(slot);
}

UimlTransferRow *
uiml_transfer_find(int64 source_version_id, int64 version_id, bool read_only)
{
	UimlSqlParams params = {0};
	UimlTransferRow *row = NULL;

	uiml_sql_param_int8(&params, source_version_id);
	uiml_sql_param_int8(&params, version_id);
	uiml_sql_each("SELECT " UIML_TRANSFER_COLUMNS " FROM uiml.transfer t "
				  "WHERE t.source_version_id OPERATOR(pg_catalog.=) $1 "
				  "AND t.version_id OPERATOR(pg_catalog.=) $2",
				  &params, read_only, take_row, &row);
	return row;
}

void
uiml_transfer_refuse(void)
{
	ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("a transfer has invalid stored data"),
			errhint("Train it again with uiml_train_transfer."));
}

char *
uiml_transfer_bytes(const UimlTransferRow *row, bool read_only, MemoryContext context)
{
	char *bytes;

	/* none that was stored by us is larger */
	if (row->bytes < 1 || row->bytes > PG_INT32_MAX)
		uiml_transfer_refuse();
	bytes = uiml_parts_read("SELECT p.part, p.data FROM uiml.transfer_part p "
							"WHERE p.transfer_id OPERATOR(pg_catalog.=) $1 ORDER BY p.part",
							row->transfer_id, (Size) row->bytes, read_only, context);
	if (bytes == NULL)
		uiml_transfer_refuse();
	return bytes;
}

typedef struct CountedReader
{
	bool found;
	Datum statistics;
	Datum counted;
} CountedReader;

static void
read_counted(TupleTableSlot *slot, void *ctx)
{
	CountedReader *reader = ctx;
	bool null;

	reader->statistics = PointerGetDatum(PG_DETOAST_DATUM_COPY(slot_getattr(slot, 1, &null)));
	reader->counted = PointerGetDatum(PG_DETOAST_DATUM_COPY(slot_getattr(slot, 2, &null)));
	reader->found = true;
}

bool
uiml_transfer_counted(int64 transfer_id, uint64 seed, Datum *statistics, Datum *counted)
{
	CountedReader reader = {0};
	UimlSqlParams params = {0};

	uiml_sql_param_int8(&params, transfer_id);
	uiml_sql_param_int8(&params, (int64) seed);
	uiml_sql_each("SELECT t.statistics, t.counted FROM uiml.transfer t "
				  "WHERE t.transfer_id OPERATOR(pg_catalog.=) $1 AND t.seed OPERATOR(pg_catalog.=) $2 "
				  "AND t.statistics IS NOT NULL",
				  &params, false, read_counted, &reader);
	*statistics = reader.statistics;
	*counted = reader.counted;
	return reader.found;
}

static void
read_earlier(TupleTableSlot *slot, void *ctx)
{
	UimlEarlierMap *map = ctx;

	slot_getallattrs(slot);
	map->found = true;
	map->source_version_id = DatumGetInt64(slot->tts_values[0]);
	map->version_id = DatumGetInt64(slot->tts_values[1]);
	map->matrix = PointerGetDatum(PG_DETOAST_DATUM_COPY(slot->tts_values[2]));
	map->fold_matrices = PointerGetDatum(PG_DETOAST_DATUM_COPY(slot->tts_values[3]));
}

void
uiml_transfer_earlier(const UimlTransferRow *row, UimlEarlierMap *map)
{
	UimlSqlParams params = {0};

	memset(map, 0, sizeof(*map));
	uiml_sql_param_int4(&params, row->source_domain_id);
	uiml_sql_param_int4(&params, row->domain_id);
	uiml_sql_param_int8(&params, row->source_version_id);
	uiml_sql_param_int8(&params, row->version_id);
	uiml_sql_param_int8(&params, (int64) row->seed);
	uiml_sql_each(
		"SELECT t.source_version_id, t.version_id, t.matrix, t.fold_matrices FROM uiml.transfer t "
		"WHERE t.source_domain_id OPERATOR(pg_catalog.=) $1 AND t.domain_id OPERATOR(pg_catalog.=) $2 "
		"AND NOT (t.source_version_id OPERATOR(pg_catalog.=) $3 "
		"AND t.version_id OPERATOR(pg_catalog.=) $4) "
		"AND t.seed OPERATOR(pg_catalog.=) $5 AND t.matrix IS NOT NULL AND t.fold_matrices IS NOT NULL "
		"ORDER BY t.transfer_id DESC LIMIT 1",
		&params, false, read_earlier, map);
}

/* --- writing -------------------------------------------------------------------------------------------- */

static void
param_oid(UimlSqlParams *params, Oid value)
{
	uiml_sql_param(params, OIDOID, ObjectIdGetDatum(value), false);
}

static void
param_verdict(UimlSqlParams *params, const UimlTransferVerdict *verdict)
{
	const double number[] = {verdict->gain, verdict->gain_se, verdict->lambda};

	uiml_sql_param(params, BOOLOID, BoolGetDatum(verdict->used), false);
	for (size_t i = 0; i < lengthof(number); i++)
		uiml_sql_param(params, FLOAT8OID, Float8GetDatum(number[i]), isnan(number[i]));
}

Oid
uiml_transfer_type(const char *name)
{
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
							   ObjectIdGetDatum(uiml_schema()));

	if (!OidIsValid(type))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("type \"%s\" does not exist", name));
	return type;
}

static void
param_own(UimlSqlParams *params, const char *type, Datum value)
{
	uiml_sql_param(params, uiml_transfer_type(type), value, value == (Datum) 0);
}

static void
take_id(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(int64 *) ctx = DatumGetInt64(slot_getattr(slot, 1, &null));
}

static void
insert_row(UimlTransferRow *row, const UimlTransferContents *contents)
{
	UimlSqlParams params = {0};

	uiml_sql_param_int4(&params, row->source_domain_id);
	param_oid(&params, row->source_owner);
	uiml_sql_param_int8(&params, row->source_version_id);
	uiml_sql_param_int4(&params, row->domain_id);
	param_oid(&params, row->owner);
	uiml_sql_param_int8(&params, row->version_id);
	param_oid(&params, row->trained_by);
	uiml_sql_param_int8(&params, row->users);
	uiml_sql_param_int8(&params, (int64) row->seed);
	uiml_sql_param_text(&params, row->items_verdict);
	param_verdict(&params, &row->items);
	param_verdict(&params, &row->interests);
	uiml_sql_param_text(&params, contents->metrics);
	param_own(&params, "transfer_matrix", contents->matrix);
	param_own(&params, "_transfer_matrix", contents->fold_matrices);
	param_own(&params, "transfer_matrix", contents->interests);
	param_own(&params, "_transfer_stats", contents->statistics);
	uiml_sql_param(&params, INT8ARRAYOID, contents->counted, false);
	uiml_sql_param_int8(&params, row->digest);
	uiml_sql_param_int8(&params, row->bytes);
	uiml_sql_each_generic(
		"INSERT INTO uiml.transfer AS t (source_domain_id, source_owner, source_version_id, domain_id, "
		"owner, version_id, trained_by, users, seed, items_verdict, items_used, items_gain, items_gain_se, "
		"items_lambda, interests_used, interests_gain, interests_gain_se, interests_lambda, metrics, matrix, "
		"fold_matrices, interests, statistics, counted, digest, bytes) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
		"$19::pg_catalog.jsonb, $20, $21, $22, $23, $24, $25, $26) RETURNING t.transfer_id",
		&params, take_id, &row->transfer_id);
}

void
uiml_transfer_put(UimlTransferRow *row, const UimlTransferContents *contents)
{
	UimlSqlParams params = {0};
	UimlActing saved;

	if (row->bytes > PG_INT32_MAX)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a transfer is too large"),
				errdetail("It takes " INT64_FORMAT " bytes, and at most %d can be stored.", row->bytes,
						  PG_INT32_MAX));
	row->digest = (int64) hash_bytes_extended((const unsigned char *) contents->data, (int) row->bytes, 0);
	uiml_sql_param_int8(&params, row->source_version_id);
	uiml_sql_param_int8(&params, row->version_id);
	uiml_act_as(uiml_catalog_owner(), &saved);
	uiml_sql_run("DELETE FROM uiml.transfer WHERE source_version_id OPERATOR(pg_catalog.=) $1 "
				 "AND version_id OPERATOR(pg_catalog.=) $2",
				 &params);
	insert_row(row, contents);
	uiml_parts_write("INSERT INTO uiml.transfer_part (transfer_id, part, data) VALUES ($1, $2, $3)",
					 row->transfer_id, contents->data, (Size) row->bytes);
	uiml_act_as_self(&saved);
}

uint64
uiml_transfer_delete(int32 source_domain_id, int32 domain_id)
{
	UimlSqlParams params = {0};

	uiml_sql_param_int4(&params, source_domain_id);
	uiml_sql_param_int4(&params, domain_id);
	return uiml_catalog_write("DELETE FROM uiml.transfer WHERE source_domain_id OPERATOR(pg_catalog.=) $1 "
							  "AND domain_id OPERATOR(pg_catalog.=) $2",
							  &params);
}

/* The number of a pair's lock. */
static Oid
lock_number(const UimlDomainPair *pair)
{
	int32 domain_id[] = {Min(pair->domain_id, pair->other), Max(pair->domain_id, pair->other)};

	return (Oid) hash_bytes((const unsigned char *) domain_id, sizeof(domain_id));
}

static int
compare_numbers(const void *a, const void *b)
{
	Oid x = *(const Oid *) a;
	Oid y = *(const Oid *) b;

	return (x > y) - (x < y);
}

/* Locks have tags of this table and a number; the domains' have another third part than the pairs'. */
#define PAIR_LOCK   0
#define DOMAIN_LOCK 1

static Oid
lock_table(void)
{
	Oid catalog = get_relname_relid("transfer", get_namespace_oid("uiml", false));

	if (!OidIsValid(catalog))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"uiml.transfer\" does not exist"));
	return catalog;
}

/*
 * The lock's tag is the catalog table and a hash of the ids, since an object's has room for one number only.
 * Two pairs may share one: that costs a wait, and no deadlock, as the numbers are taken in order.
 */
void
uiml_transfer_lock(const UimlDomainPair *pair, int n)
{
	Oid catalog = lock_table();
	Oid *number = palloc(sizeof(Oid) * (Size) Max(n, 1));

	for (int i = 0; i < n; i++)
		number[i] = lock_number(&pair[i]);
	qsort(number, (size_t) n, sizeof(Oid), compare_numbers);
	for (int i = 0; i < n; i++)
		LockDatabaseObject(catalog, number[i], PAIR_LOCK, ExclusiveLock);
	pfree(number);
}

void
uiml_transfer_lock_domain(int32 domain_id, bool new_version)
{
	LockDatabaseObject(lock_table(), (Oid) domain_id, DOMAIN_LOCK, new_version ? ExclusiveLock : ShareLock);
}
