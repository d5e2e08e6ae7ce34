/*
 * sequence_catalog.c
 *	  Sequence models as schema uiml keeps them.
 *
 * Rows are written as the owner of the catalog: they are what predictions of all who may use the domain are
 * made from, and nothing in them is anybody's to set by hand.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/catalog_parts.h"
#include "pg/sequence_catalog.h"
#include "pg/sql.h"

/* The digest is of pieces, one after the other: the hash takes lengths of type int. */
#define DIGEST_BYTES ((Size) 1024 * 1024)

static const char *const target_names[] = {[UIML_NEXT_INTEREST] = "interest", [UIML_NEXT_ITEM] = "item"};

const char *
uiml_sequence_target_name(UimlNextTarget target)
{
	return target_names[target];
}

UimlNextTarget
uiml_sequence_target(const char *name)
{
	for (size_t i = 0; i < lengthof(target_names); i++)
		if (strcmp(name, target_names[i]) == 0)
			return (UimlNextTarget) i;
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown target: \"%s\"", name),
			errdetail("A sequence model tells what comes next as interest or as item."),
			errhint("Pass 'interest' or 'item'."));
}

/* --- reading -------------------------------------------------------------------------------------------- */

UimlSequenceRow *
uiml_sequence_read(TupleTableSlot *slot)
{
	UimlSequenceRow *row = palloc(sizeof(UimlSequenceRow));
	Datum *value;

	slot_getsomeattrs(slot, UIML_SEQUENCE_N_COLUMNS);
	value = slot->tts_values;
	row->sequence_model_id = DatumGetInt64(value[0]);
	row->domain_id = DatumGetInt32(value[1]);
	row->owner = DatumGetObjectId(value[2]);
	row->version_id = DatumGetInt64(value[3]);
	row->target = uiml_sequence_target(TextDatumGetCString(value[4]));
	row->trained_by = DatumGetObjectId(value[5]);
	row->trained_at = DatumGetTimestampTz(value[6]);
	row->kind = TextDatumGetCString(value[7]);
	row->classes = DatumGetInt64(value[8]);
	row->embedding = DatumGetInt32(value[9]);
	row->hidden = DatumGetInt32(value[10]);
	row->max_length = DatumGetInt32(value[11]);
	row->users = DatumGetInt64(value[12]);
	row->events = DatumGetInt64(value[13]);
	row->sequences_table = DatumGetObjectId(value[14]);
	row->digest = DatumGetInt64(value[15]);
	row->bytes = DatumGetInt64(value[16]);
	return row;
}

static void
take_row(TupleTableSlot *slot, void *ctx)
{
	*(UimlSequenceRow **) ctx = uiml_sequence_read(slot);
}

UimlSequenceRow *
uiml_sequence_find(int64 version_id, UimlNextTarget target, bool read_only)
{
	UimlSqlParams params = {0};
	UimlSequenceRow *row = NULL;

	uiml_sql_param_int8(&params, version_id);
	uiml_sql_param_text(&params, uiml_sequence_target_name(target));
	uiml_sql_each("SELECT " UIML_SEQUENCE_COLUMNS " FROM uiml.sequence_model m "
				  "WHERE m.version_id OPERATOR(pg_catalog.=) $1 AND m.target OPERATOR(pg_catalog.=) $2",
				  &params, read_only, take_row, &row);
	return row;
}

UimlSequenceRow *
uiml_sequence_newest(int32 domain_id, UimlNextTarget target, bool read_only)
{
	UimlSqlParams params = {0};
	UimlSequenceRow *row = NULL;

	uiml_sql_param_int4(&params, domain_id);
	uiml_sql_param_text(&params, uiml_sequence_target_name(target));
	uiml_sql_each("SELECT " UIML_SEQUENCE_COLUMNS " FROM uiml.sequence_model m "
				  "WHERE m.domain_id OPERATOR(pg_catalog.=) $1 AND m.target OPERATOR(pg_catalog.=) $2 "
				  "ORDER BY m.version_id DESC LIMIT 1",
				  &params, read_only, take_row, &row);
	return row;
}

void
uiml_sequence_refuse(void)
{
	ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("a sequence model has invalid stored data"),
			errhint("Train it again with uiml_train_sequence."));
}

char *
uiml_sequence_bytes(const UimlSequenceRow *row, bool read_only, MemoryContext context)
{
	char *bytes;

	if (row->bytes < 1 || (uint64) row->bytes > MaxAllocHugeSize)
		uiml_sequence_refuse();
	bytes = uiml_parts_read("SELECT p.part, p.data FROM uiml.sequence_part p "
							"WHERE p.sequence_model_id OPERATOR(pg_catalog.=) $1 ORDER BY p.part",
							row->sequence_model_id, (Size) row->bytes, read_only, context);
	if (bytes == NULL)
		uiml_sequence_refuse();
	return bytes;
}

static void
take_jsonb(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(Jsonb **) ctx = DatumGetJsonbPCopy(slot_getattr(slot, 1, &null));
}

Jsonb *
uiml_sequence_settings(const UimlSequenceRow *row, bool read_only)
{
	UimlSqlParams params = {0};
	Jsonb *settings = NULL;

	uiml_sql_param_int8(&params, row->sequence_model_id);
	uiml_sql_each("SELECT m.settings FROM uiml.sequence_model m "
				  "WHERE m.sequence_model_id OPERATOR(pg_catalog.=) $1",
				  &params, read_only, take_jsonb, &settings);
	if (settings == NULL)
		uiml_sequence_refuse();
	return settings;
}

/* --- writing -------------------------------------------------------------------------------------------- */

static void
param_oid(UimlSqlParams *params, Oid value)
{
	uiml_sql_param(params, OIDOID, ObjectIdGetDatum(value), false);
}

static int64
digest_of(const char *data, Size size)
{
	uint64 digest = 0;

	for (Size at = 0; at < size; at += DIGEST_BYTES)
	{
		CHECK_FOR_INTERRUPTS();
		digest = hash_bytes_extended((const unsigned char *) data + at, (int) Min(DIGEST_BYTES, size - at),
									 digest);
	}
	return (int64) digest;
}

static void
take_id(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(int64 *) ctx = DatumGetInt64(slot_getattr(slot, 1, &null));
}

static void
insert_row(UimlSequenceRow *row, const UimlSequenceContents *contents)
{
	UimlSqlParams params = {0};

	uiml_sql_param_int4(&params, row->domain_id);
	param_oid(&params, row->owner);
	uiml_sql_param_int8(&params, row->version_id);
	uiml_sql_param_text(&params, uiml_sequence_target_name(row->target));
	param_oid(&params, row->trained_by);
	uiml_sql_param_text(&params, row->kind);
	uiml_sql_param_int8(&params, row->classes);
	uiml_sql_param_int4(&params, row->embedding);
	uiml_sql_param_int4(&params, row->hidden);
	uiml_sql_param_int4(&params, row->max_length);
	uiml_sql_param_int8(&params, row->users);
	uiml_sql_param_int8(&params, row->events);
	param_oid(&params, row->sequences_table);
	uiml_sql_param_text(&params, contents->settings);
	uiml_sql_param_text(&params, contents->metrics);
	uiml_sql_param_int8(&params, row->digest);
	uiml_sql_param_int8(&params, row->bytes);
	uiml_sql_each("INSERT INTO uiml.sequence_model AS m (domain_id, owner, version_id, target, trained_by, "
				  "kind, classes, embedding, hidden, max_length, users, events, sequences_table, settings, "
				  "metrics, digest, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
				  "$14::pg_catalog.jsonb, $15::pg_catalog.jsonb, $16, $17) RETURNING m.sequence_model_id",
				  &params, false, take_id, &row->sequence_model_id);
}

void
uiml_sequence_put(UimlSequenceRow *row, const UimlSequenceContents *contents)
{
	UimlSqlParams params = {0};
	UimlActing saved;

	row->digest = digest_of(contents->data, (Size) row->bytes);
	uiml_sql_param_int8(&params, row->version_id);
	uiml_sql_param_text(&params, uiml_sequence_target_name(row->target));
	uiml_act_as(uiml_catalog_owner(), &saved);
	uiml_sql_run("DELETE FROM uiml.sequence_model WHERE version_id OPERATOR(pg_catalog.=) $1 "
				 "AND target OPERATOR(pg_catalog.=) $2",
				 &params);
	insert_row(row, contents);
	uiml_parts_write("INSERT INTO uiml.sequence_part (sequence_model_id, part, data) VALUES ($1, $2, $3)",
					 row->sequence_model_id, contents->data, (Size) row->bytes);
	uiml_act_as_self(&saved);
}

uint64
uiml_sequence_delete(int32 domain_id, UimlNextTarget target)
{
	UimlSqlParams params = {0};

	uiml_sql_param_int4(&params, domain_id);
	uiml_sql_param_text(&params, uiml_sequence_target_name(target));
	return uiml_catalog_write("DELETE FROM uiml.sequence_model WHERE domain_id OPERATOR(pg_catalog.=) $1 "
							  "AND target OPERATOR(pg_catalog.=) $2",
							  &params);
}
