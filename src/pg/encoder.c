/*
 * encoder.c
 *	  Encoders by name.
 *
 * A name is looked up in the catalog under the caller's rights once per statement, whatever the backend has
 * mapped: only who may read an encoder's rows gets at its file.  The bytes are tied to the row's id, which
 * nobody can choose, so a row that somebody writes by hand never stands for another's encoder.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/catalog_parts.h"
#include "pg/encoder.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/mapfile.h"
#include "pg/sql.h"

/* Hints list so many names. */
#define MAX_NAMES_IN_HINT 20

#define FILE_SUFFIX ".encoder"

/* --- names ---------------------------------------------------------------------------------------------- */

static void
add_name(TupleTableSlot *slot, void *ctx)
{
	StringInfo names = ctx;
	bool null;
	char *name = TextDatumGetCString(slot_getattr(slot, 1, &null));
	Oid owner = DatumGetObjectId(slot_getattr(slot, 2, &null));
	char *role = GetUserNameFromId(owner, true);

	appendStringInfoString(names, ", ");
	if (owner != GetUserId() && role != NULL)
		appendStringInfo(names, "%s.", role);
	appendStringInfoString(names, name);
}

static void
encoder_unknown(const char *name, bool read_only)
{
	StringInfoData names;

	initStringInfo(&names);
	uiml_sql_each(psprintf("SELECT e.name, e.owner FROM uiml.encoder e "
						   "ORDER BY e.name COLLATE pg_catalog.\"C\", e.owner LIMIT %d",
						   MAX_NAMES_IN_HINT),
				  NULL, read_only, add_name, &names);
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("encoder \"%s\" does not exist", name),
			errhint("Encoders you can use: %s%s; make one with uiml_train_encoder or uiml_load_encoder.",
					UIML_ENCODER_BUILTIN, names.data));
}

static void
encoder_ambiguous(const char *name, List *rows)
{
	StringInfoData text;
	ListCell *cell;

	initStringInfo(&text);
	foreach (cell, rows)
	{
		char *role = GetUserNameFromId(((UimlEncoderRow *) lfirst(cell))->owner, true);

		if (role != NULL)
			appendStringInfo(&text, "%s%s.%s", text.len > 0 ? " or " : "", role, name);
	}
	ereport(ERROR, errcode(ERRCODE_AMBIGUOUS_ALIAS), errmsg("encoder name \"%s\" is ambiguous", name),
			errdetail("Several roles own an encoder of that name."), errhint("Write %s.", text.data));
}

typedef struct RowReader
{
	const char *owner; /* of 'owner.name', or NULL */
	List *rows;        /* of UimlEncoderRow * */
} RowReader;

static void
read_row(TupleTableSlot *slot, void *ctx)
{
	RowReader *reader = ctx;
	UimlEncoderRow *row = palloc(sizeof(UimlEncoderRow));
	bool null;

	row->owner = DatumGetObjectId(slot_getattr(slot, 2, &null));
	if (reader->owner != NULL && get_role_oid(reader->owner, true) != row->owner)
		return;
	row->encoder_id = DatumGetInt64(slot_getattr(slot, 1, &null));
	row->domain_id = DatumGetInt32(slot_getattr(slot, 3, &null));
	row->name = TextDatumGetCString(slot_getattr(slot, 4, &null));
	row->dims = DatumGetInt32(slot_getattr(slot, 5, &null));
	row->bytes = DatumGetInt64(slot_getattr(slot, 6, &null));
	row->digest = DatumGetInt64(slot_getattr(slot, 7, &null));
	reader->rows = lappend(reader->rows, row);
}

static bool
is_trusted(Oid owner)
{
	return superuser_arg(owner) || is_member_of_role_nosuper(GetUserId(), owner);
}

/*
 * One's own; else those of roles that the caller is a member of, and of superusers, if there are such: a grant
 * asks nobody, and must neither take the place of what he relies on nor make its name ambiguous.
 */
static List *
candidates(List *rows)
{
	List *trusted = NIL;
	ListCell *cell;

	foreach (cell, rows)
	{
		UimlEncoderRow *row = lfirst(cell);

		if (row->owner == GetUserId())
			return list_make1(row);
		if (is_trusted(row->owner))
			trusted = lappend(trusted, row);
	}
	return trusted != NIL ? trusted : rows;
}

UimlEncoderRow *
uiml_encoder_row(const char *name, bool read_only)
{
	UimlSqlParams params = {0};
	RowReader reader = {0};
	char *owner;
	const char *bare = uiml_name_split(name, &owner);
	List *rows;

	reader.owner = owner;
	uiml_sql_param_text(&params, bare);
	uiml_sql_each("SELECT e.encoder_id, e.owner, COALESCE(e.domain_id, 0), e.name, e.dims, e.bytes, e.digest "
				  "FROM uiml.encoder e WHERE e.name OPERATOR(pg_catalog.=) $1 ORDER BY e.owner",
				  &params, read_only, read_row, &reader);
	rows = candidates(reader.rows);
	if (rows == NIL)
		encoder_unknown(name, read_only);
	if (list_length(rows) > 1)
		encoder_ambiguous(bare, rows);
	return linitial(rows);
}

/* --- bytes ---------------------------------------------------------------------------------------------- */

typedef struct EncoderWanted
{
	const UimlEncoderRow *row;
	bool read_only;
} EncoderWanted;

pg_noreturn static void
encoder_corrupt(const UimlEncoderRow *row)
{
	ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("encoder \"%s\" has invalid stored data", row->name),
			errhint("Train it again, or drop it and load it again."));
}

size_t
uiml_encoder_dims(const char *name, bool read_only)
{
	const UimlEncoderRow *row;

	if (strcmp(name, UIML_ENCODER_BUILTIN) == 0)
		return UIML_ENCODER_BUILTIN_DIMS;
	row = uiml_encoder_row(name, read_only);
	if (row->dims < 1 || row->dims > UIML_VECTOR_MAX_DIM)
		encoder_corrupt(row);
	return (size_t) row->dims;
}

static bool
encoder_check(const char *data, Size size, bool verify, void *view, const void *ctx)
{
	const UimlEncoderRow *row = ((const EncoderWanted *) ctx)->row;
	UimlEncoder *encoder = view;
	UimlStatus status;
	UimlPgEnv pg;
	UimlEnv env;

	if (size != (Size) row->bytes)
		return false;
	env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	status = verify ? uiml_encoder_verify(&env, data, size, encoder)
					: uiml_encoder_open(data, size, false, encoder);
	if (status == UIML_EINTERRUPTED)
		uiml_check(status, "an encoder");
	return status == UIML_OK && encoder->dims == (size_t) row->dims;
}

static bool
encoder_fits(const void *view, const void *ctx)
{
	const UimlEncoderRow *row = ((const EncoderWanted *) ctx)->row;
	const UimlEncoder *encoder = view;

	return encoder->length == (Size) row->bytes && encoder->dims == (size_t) row->dims;
}

static void
write_part(void *ctx, const char *bytes, Size size)
{
	uiml_mapfile_write(ctx, bytes, size);
}

static void
take_int8(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(int64 *) ctx = DatumGetInt64(slot_getattr(slot, 1, &null));
}

/* From the parts to the file, one of them in memory at a time. */
static void
encoder_build(const void *ctx, UimlMapWriter *writer)
{
	const EncoderWanted *wanted = ctx;
	UimlSqlParams params = {0};
	int64 stored = 0;

	uiml_sql_param_int8(&params, wanted->row->encoder_id);
	/* before room is made for what the row says that there is, or for a part that somebody wrote by hand */
	uiml_sql_each(
		psprintf("SELECT COALESCE(pg_catalog.sum(pg_catalog.octet_length(p.data)), 0)::pg_catalog.int8 "
				 "FROM uiml.encoder_part p WHERE p.encoder_id OPERATOR(pg_catalog.=) $1 "
				 "HAVING pg_catalog.max(pg_catalog.octet_length(p.data)) OPERATOR(pg_catalog.<=) %d",
				 UIML_ENCODER_PART_BYTES),
		&params, wanted->read_only, take_int8, &stored);
	if (stored < 1 || stored != wanted->row->bytes)
		encoder_corrupt(wanted->row);
	uiml_mapfile_begin(writer, (Size) stored);
	if (!uiml_parts_each("SELECT p.part, p.data FROM uiml.encoder_part p "
						 "WHERE p.encoder_id OPERATOR(pg_catalog.=) $1 ORDER BY p.part",
						 wanted->row->encoder_id, (Size) stored, wanted->read_only, write_part, writer))
		encoder_corrupt(wanted->row);
}

static void
encoder_is_corrupt(const void *ctx)
{
	encoder_corrupt(((const EncoderWanted *) ctx)->row);
}

/* Files of encoders that were dropped or replaced: no role but the catalog's owner sees all there are. */
static bool
encoder_gone(Oid relation, const char *suffix)
{
	long long encoder_id;
	char rest[UIML_MAP_SUFFIX];

	(void) relation;
	if (sscanf(suffix, "%lld%31s", &encoder_id, rest) != 2 || strcmp(rest, FILE_SUFFIX) != 0)
		return false;
	return !uiml_catalog_has("SELECT FROM uiml.encoder e WHERE e.encoder_id OPERATOR(pg_catalog.=) $1",
							 (int64) encoder_id);
}

static const UimlEncoder *
builtin_encoder(void)
{
	static UimlEncoder encoder;

	if (encoder.dims == 0)
		uiml_check(uiml_encoder_builtin(UIML_ENCODER_BUILTIN_DIMS, &encoder), "the built-in encoder");
	return &encoder;
}

const UimlEncoder *
uiml_encoder_get(const char *name, bool read_only)
{
	static const UimlMapKind kind = {.noun = "encoder",
									 .view_size = sizeof(UimlEncoder),
									 .check = encoder_check,
									 .build = encoder_build,
									 .corrupt = encoder_is_corrupt,
									 .fits = encoder_fits,
									 .gone = encoder_gone};
	EncoderWanted wanted = {.read_only = read_only};
	char suffix[UIML_MAP_SUFFIX];
	UimlMapKey key;

	if (strcmp(name, UIML_ENCODER_BUILTIN) == 0)
		return builtin_encoder();
	wanted.row = uiml_encoder_row(name, read_only);
	snprintf(suffix, sizeof(suffix), INT64_FORMAT FILE_SUFFIX, wanted.row->encoder_id);
	key.relation = get_relname_relid("encoder", get_namespace_oid("uiml", false));
	key.digest = wanted.row->digest;
	key.suffix = suffix;
	return uiml_mapfile_open(&kind, &key, &wanted);
}
