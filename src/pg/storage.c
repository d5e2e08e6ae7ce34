/*
 * storage.c
 *	  Creating, filling in, granting and dropping the tables of a domain's trained state.
 *
 * All DDL is SQL run as the owner, so that PostgreSQL's own checks of rights, names and dependencies hold.
 * What training does while others read takes no lock that a reader waits for: a version's tables are built
 * apart and attached, which asks SHARE UPDATE EXCLUSIVE of the parent.  Dropping needs ACCESS EXCLUSIVE on
 * the parent as well, and is a matter of storage_clean.c.
 *
 * Keys come first in the primary keys, before the version: a partition holds one version only, so that a
 * look-up by key alone uses the index too.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/catalog.h"
#include "pg/interest_vector.h"
#include "pg/keys.h"
#include "pg/sql.h"
#include "pg/storage.h"

typedef struct TableShape
{
	const char *suffix;  /* of the view; parents append _versions, partitions _v<version> */
	const char *key;     /* column that is unique within a version */
	const char *columns; /* %1$s: type of the key, %2$s: interest_vector */
	const char *visible; /* columns of the view */
	const char *comment;
} TableShape;

static const TableShape shapes[] = {
	[UIML_ITEMS] =
		{"_items", "item_id",
		 "item_no integer NOT NULL, item_id %1$s NOT NULL, title text, interest_id integer, "
		 "popularity real NOT NULL, users integer NOT NULL, in_vector %2$s NOT NULL, "
		 "out_vector %2$s NOT NULL",
		 "item_no, item_id, title, interest_id, popularity, users, in_vector, out_vector",
		 "Items of domain %s: their vectors (in encodes history, out is scored), interest, popularity "
		 "(share of all decayed mass) and number of users"},
	[UIML_INTERESTS] =
		{"_interests", "interest_id",
		 "interest_no integer NOT NULL, interest_id %1$s NOT NULL, label text NOT NULL, "
		 "terms pg_catalog.text[], share real NOT NULL, items integer NOT NULL, "
		 "typical pg_catalog.text[], centroid %2$s NOT NULL",
		 "interest_no, interest_id, label, terms, share, items, typical, centroid",
		 "Interests of domain %s: label, terms, typical items, share (the prior, a mean over users) "
		 "and centroid"},
	[UIML_USERS] =
		{"_users", "user_id",
		 "user_id %1$s NOT NULL, events bigint NOT NULL, last_at timestamp with time zone, "
		 "mass real NOT NULL, interests %2$s NOT NULL, vector %2$s NOT NULL, items integer[], "
		 "texts real NOT NULL",
		 "user_id, events, last_at, mass, interests, vector, items, texts",
		 "Users of domain %s: decayed mass in all and per interest (by interest_no), vector, the item_no of "
		 "what they did, and for how many items their texts count"},
	[UIML_SEQUENCES] = {"_sequences", "user_id", "user_id %1$s NOT NULL, recent integer[] NOT NULL",
						"user_id, recent",
						"Sequences of domain %s: the item_no of what each user did last, in order of time"},
};

/* For comments on tables. */
static const char *const maker[] = {[UIML_ITEMS] = "uiml_train",
									[UIML_INTERESTS] = "uiml_train",
									[UIML_USERS] = "uiml_train",
									[UIML_SEQUENCES] = "uiml_train_sequence"};

/*
 * Names
 */

static char *
view_name(const UimlDomain *domain, UimlTable which)
{
	return psprintf("%s%s", domain->name, shapes[which].suffix);
}

static char *
parent_name(const UimlDomain *domain, UimlTable which)
{
	return psprintf("%s%s_versions", domain->name, shapes[which].suffix);
}

static char *
qualified(Oid schema, const char *name)
{
	char *schema_name = get_namespace_name(schema);

	if (schema_name == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_SCHEMA),
				errmsg("schema with OID %u does not exist", schema));
	return quote_qualified_identifier(schema_name, name);
}

static Oid *
parent_field(UimlDomain *domain, UimlTable which)
{
	return which == UIML_ITEMS       ? &domain->items_table
		   : which == UIML_INTERESTS ? &domain->interests_table
		   : which == UIML_USERS     ? &domain->users_table
									 : &domain->sequences_table;
}

Oid
uiml_storage_parent(const UimlDomain *domain, UimlTable which)
{
	return *parent_field(unconstify(UimlDomain *, domain), which);
}

/*
 * The parent, still there and still partitioned; its schema is where new partitions go, also after a SET
 * SCHEMA.
 */
static Oid
open_parent(const UimlDomain *domain, UimlTable which)
{
	Oid parent = uiml_storage_parent(domain, which);

	if (get_rel_relkind(parent) != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("table %s of domain \"%s\" is missing", quote_identifier(parent_name(domain, which)),
					   domain->name),
				errhint("Drop the domain with uiml_drop_domain and create it again."));
	return parent;
}

void
uiml_storage_check(const UimlDomain *domain)
{
	for (UimlTable which = UIML_ITEMS; which < UIML_N_TABLES; which++)
		(void) open_parent(domain, which);
}

/*
 * Creating
 */

/*
 * A key column's declaration.  A collation other than the default is taken over from the source, so that
 * joins with it don't end in a conflict of collations.  Otherwise "C": the order of keys means nothing to us,
 * comparing bytes is fast, and the index survives upgrades of the system's locales.  A nondeterministic
 * collation would make different keys equal.
 */
static char *
key_sql(Oid relation, const char *column, Oid type)
{
	Oid declared;
	int32 typmod;
	Oid collation = InvalidOid;
	HeapTuple tuple;
	char *text;

	if (!OidIsValid(get_typcollation(type)))
		return uiml_key_type_sql(type);
	get_atttypetypmodcoll(relation, get_attnum(relation, column), &declared, &typmod, &collation);
	if (!OidIsValid(collation) || collation == DEFAULT_COLLATION_OID ||
		!get_collation_isdeterministic(collation))
		collation = C_COLLATION_OID;
	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	text = psprintf("%s COLLATE %s", uiml_key_type_sql(type),
					qualified(((Form_pg_collation) GETSTRUCT(tuple))->collnamespace,
							  NameStr(((Form_pg_collation) GETSTRUCT(tuple))->collname)));
	ReleaseSysCache(tuple);
	return text;
}

static void
check_free(const UimlDomain *domain, Oid schema, const char *name)
{
	if (OidIsValid(get_relname_relid(name, schema)))
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_TABLE),
				errmsg("relation \"%s\" already exists in schema \"%s\"", name, get_namespace_name(schema)),
				errdetail("Domain \"%s\" needs the name for a table or view of its own.", domain->name),
				errhint("Pass another schema in the argument schema, or give the domain another name."));
}

static void
check_schema(Oid schema)
{
	if (object_aclcheck(NamespaceRelationId, schema, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for schema %s", get_namespace_name(schema)),
				errdetail("The tables and views of a domain are created there."),
				errhint("Pass a schema in which you may create tables in the argument schema."));
}

static void
comment_on(const char *kind, const char *relation, const char *text)
{
	uiml_sql_run(psprintf("COMMENT ON %s %s IS %s", kind, relation, quote_literal_cstr(text)), NULL);
}

static Oid
create_parent(const UimlDomain *domain, Oid schema, UimlTable which, const char *key)
{
	const TableShape *shape = &shapes[which];
	char *name = parent_name(domain, which);
	char *relation = qualified(schema, name);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE %s (version integer NOT NULL, ", relation);
	appendStringInfo(&sql, shape->columns, key, uiml_key_type_sql(uiml_vector_type()));
	appendStringInfo(&sql, ", PRIMARY KEY (%s, version)) PARTITION BY LIST (version)", shape->key);
	uiml_sql_run(sql.data, NULL);
	comment_on("TABLE", relation,
			   psprintf("All versions of view %s, a partition each; made by %s", view_name(domain, which),
						maker[which]));
	return get_relname_relid(name, schema);
}

void
uiml_storage_create(UimlDomain *domain, Oid schema, Oid user_type, Oid item_type)
{
	char *key[UIML_N_TABLES] = {[UIML_ITEMS] = key_sql(domain->events, domain->item_col, item_type),
								[UIML_INTERESTS] = "integer",
								[UIML_USERS] = key_sql(domain->events, domain->user_col, user_type)};

	key[UIML_SEQUENCES] = key[UIML_USERS];
	check_schema(schema);
	for (UimlTable which = UIML_ITEMS; which < UIML_N_TABLES; which++)
	{
		check_free(domain, schema, view_name(domain, which));
		check_free(domain, schema, parent_name(domain, which));
	}
	for (UimlTable which = UIML_ITEMS; which < UIML_N_TABLES; which++)
		*parent_field(domain, which) = create_parent(domain, schema, which, key[which]);
}

/*
 * The active version is looked up when the view is read, so that switching to another needs no DDL.  As an
 * uncorrelated subquery it is evaluated once, and lets the executor skip the other partitions.
 */
static void
create_view(const UimlDomain *domain, UimlTable which)
{
	Oid parent = uiml_storage_parent(domain, which);
	char *relation = qualified(get_rel_namespace(parent), view_name(domain, which));

	uiml_sql_run(psprintf("CREATE VIEW %s AS SELECT %s FROM %s WHERE version OPERATOR(pg_catalog.=) "
						  "(SELECT v.version FROM uiml.version v WHERE v.domain_id OPERATOR(pg_catalog.=) %d "
						  "AND v.active)",
						  relation, shapes[which].visible, uiml_relation_name(parent), domain->domain_id),
				 NULL);
	comment_on("VIEW", relation, psprintf(shapes[which].comment, domain->name));
}

void
uiml_storage_create_views(const UimlDomain *domain)
{
	for (UimlTable which = UIML_ITEMS; which < UIML_N_TABLES; which++)
		create_view(domain, which);
}

/*
 * Partitions
 */

Oid
uiml_storage_new_partition(const UimlDomain *domain, UimlTable which, int32 version)
{
	Oid parent = open_parent(domain, which);
	Oid schema = get_rel_namespace(parent);
	char *name = psprintf("%s%s_v%d", domain->name, shapes[which].suffix, version);

	check_free(domain, schema, name);
	uiml_sql_run(psprintf("CREATE TABLE %s (LIKE %s INCLUDING STORAGE)", qualified(schema, name),
						  uiml_relation_name(parent)),
				 NULL);
	return get_relname_relid(name, schema);
}

/*
 * Work tables are unlogged.  When the transaction of one aborts, its files are removed, but for an empty main file
 * that stays until a checkpoint, while nobody waits for the record of the abort to reach the disk.  After a crash
 * in that moment recovery would make the init file anew, fail to copy it over the main file ("File exists"), and
 * need a second start.  So the record, which is there when callbacks are called, is flushed before the files go.
 */
static bool work_table_made = false;

static void
flush_abort(void)
{
	/* by its first byte: what was inserted before is flushed as a whole */
	if (work_table_made && !XLogRecPtrIsInvalid(ProcLastRecPtr))
		XLogFlush(ProcLastRecPtr + 1);
}

static void
work_xact_callback(XactEvent event, void *arg)
{
	(void) arg;
	if (event == XACT_EVENT_ABORT)
		flush_abort();
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		work_table_made = false;
}

static void
work_subxact_callback(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void *arg)
{
	(void) own;
	(void) parent;
	(void) arg;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		flush_abort();
}

static void
note_work_table(void)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(work_xact_callback, NULL);
		RegisterSubXactCallback(work_subxact_callback, NULL);
		registered = true;
	}
	work_table_made = true;
}

Oid
uiml_storage_new_replacement(const UimlDomain *domain, UimlTable which)
{
	Oid parent = open_parent(domain, which);
	Oid schema = get_rel_namespace(parent);
	char *name = psprintf("%s_work%s", domain->name, shapes[which].suffix);

	check_free(domain, schema, name);
	note_work_table();
	uiml_sql_run(
		psprintf("CREATE UNLOGGED TABLE %s (LIKE %s INCLUDING STORAGE) WITH (autovacuum_enabled = off)",
				 qualified(schema, name), uiml_relation_name(parent)),
		NULL);
	return get_relname_relid(name, schema);
}

Oid
uiml_storage_new_work_table(const UimlDomain *domain, const char *suffix)
{
	Oid schema = get_rel_namespace(open_parent(domain, UIML_USERS));
	char *name = psprintf("%s_work_%s", domain->name, suffix);
	char *relation = qualified(schema, name);

	check_free(domain, schema, name);
	note_work_table();
	uiml_sql_run(
		psprintf("CREATE UNLOGGED TABLE %s (user_no integer NOT NULL, events pg_catalog.bytea NOT NULL) "
				 "WITH (toast_tuple_target = 8160, autovacuum_enabled = off, parallel_workers = %d)",
				 relation, max_parallel_workers_per_gather),
		NULL);
	uiml_sql_run(psprintf("ALTER TABLE %s ALTER COLUMN events SET STORAGE EXTERNAL", relation), NULL);
	return get_relname_relid(name, schema);
}

/*
 * Texts
 */

static char *
texts_name(const UimlDomain *domain)
{
	return psprintf("%s_texts", domain->name);
}

static bool
has_column(Oid table, const char *column, Oid type)
{
	return get_atttype(table, get_attnum(table, column)) == type;
}

static Oid
relation_owner(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid owner = HeapTupleIsValid(tuple) ? ((Form_pg_class) GETSTRUCT(tuple))->relowner : InvalidOid;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return owner;
}

/* The table that has the name, if we could have made it for this owner. */
static Oid
find_texts(const UimlDomain *domain, Oid schema)
{
	Oid table = get_relname_relid(texts_name(domain), schema);

	if (!OidIsValid(table) || get_rel_relkind(table) != RELKIND_RELATION ||
		relation_owner(table) != domain->owner || !has_column(table, "text_hash", UUIDOID) ||
		!has_column(table, "encoder", INT8OID) || !has_column(table, "vector", uiml_vector_type()))
		return InvalidOid;
	return table;
}

Oid
uiml_storage_texts(const UimlDomain *domain, bool create)
{
	Oid parent = uiml_storage_parent(domain, UIML_ITEMS);
	Oid schema = create ? get_rel_namespace(open_parent(domain, UIML_ITEMS)) : get_rel_namespace(parent);
	Oid table = find_texts(domain, schema);
	char *relation;

	if (OidIsValid(table) || !create)
		return table;
	check_free(domain, schema, texts_name(domain));
	relation = qualified(schema, texts_name(domain));
	uiml_sql_run(psprintf("CREATE TABLE %s (text_hash uuid NOT NULL, encoder bigint NOT NULL, "
						  "vector %s NOT NULL, PRIMARY KEY (text_hash, encoder))",
						  relation, uiml_key_type_sql(uiml_vector_type())),
				 NULL);
	comment_on("TABLE", relation,
			   psprintf("Vectors of texts of domain %s by its encoder, so that no text is encoded twice; "
						"made by uiml_train",
						domain->name));
	return find_texts(domain, schema);
}

static void
add_grantee(TupleTableSlot *slot, void *ctx)
{
	List **grantees = ctx;
	bool null;

	*grantees = lappend_oid(*grantees, DatumGetObjectId(slot_getattr(slot, 1, &null)));
}

static List *
grantees_of(const UimlDomain *domain)
{
	List *grantees = NIL;
	UimlSqlParams params = {0};

	uiml_sql_param_int4(&params, domain->domain_id);
	uiml_sql_each(
		"SELECT g.grantee FROM uiml.grants g WHERE g.domain_id OPERATOR(pg_catalog.=) $1 ORDER BY g.grantee",
		&params, false, add_grantee, &grantees);
	return grantees;
}

/*
 * GRANT or REVOKE SELECT on a comma-separated list of relations.  A role that was dropped has lost its grants
 * already.
 */
static void
grant_select(const char *relations, Oid grantee, bool grant)
{
	char *role = OidIsValid(grantee) ? GetUserNameFromId(grantee, true) : NULL;

	if (OidIsValid(grantee) && role == NULL)
		return;
	uiml_sql_run(psprintf("%s SELECT ON %s %s %s", grant ? "GRANT" : "REVOKE", relations,
						  grant ? "TO" : "FROM", role != NULL ? quote_identifier(role) : "PUBLIC"),
				 NULL);
}

/*
 * The CHECK constraint proves to ATTACH PARTITION that it needs no scan under its lock; it stays, as a guard
 * against rows written by hand.  The matching primary key becomes the partition's part of the parent's.
 */
void
uiml_storage_attach(const UimlDomain *domain, UimlTable which, Oid partition, int32 version)
{
	char *relation = uiml_relation_name(partition);
	char *parent = uiml_relation_name(open_parent(domain, which));
	List *grantees = grantees_of(domain);
	ListCell *cell;

	uiml_sql_run(
		psprintf(
			"ALTER TABLE %s ADD CHECK (version OPERATOR(pg_catalog.=) %d), ADD PRIMARY KEY (%s, version)",
			relation, version, shapes[which].key),
		NULL);
	comment_on(
		"TABLE", relation,
		psprintf("Version %d of view %s; made by %s", version, view_name(domain, which), maker[which]));
	foreach (cell, grantees)
		grant_select(relation, lfirst_oid(cell), true);
	uiml_sql_run(psprintf("ANALYZE %s", relation), NULL);
	uiml_sql_run(psprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES IN (%d)", parent, relation, version),
				 NULL);
}

/*
 * Granting and dropping
 */

/* The view of the active version, unless something else took its name. */
static Oid
find_view(const UimlDomain *domain, UimlTable which)
{
	Oid parent = uiml_storage_parent(domain, which);
	Oid view = get_relname_relid(view_name(domain, which), get_rel_namespace(parent));

	return OidIsValid(view) && get_rel_relkind(view) == RELKIND_VIEW ? view : InvalidOid;
}

static void
append_relation(StringInfo list, Oid relation)
{
	if (!OidIsValid(relation) || get_rel_relkind(relation) == '\0')
		return;
	appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", uiml_relation_name(relation));
}

void
uiml_storage_grant(const UimlDomain *domain, Oid grantee, bool grant)
{
	StringInfoData relations;
	ListCell *cell;

	initStringInfo(&relations);
	for (UimlTable which = UIML_ITEMS; which < UIML_N_TABLES; which++)
	{
		Oid parent = uiml_storage_parent(domain, which);

		if (get_rel_relkind(parent) != RELKIND_PARTITIONED_TABLE)
			continue; /* dropped by hand */
		append_relation(&relations, parent);
		append_relation(&relations, find_view(domain, which));
		foreach (cell, find_inheritance_children(parent, NoLock))
			append_relation(&relations, lfirst_oid(cell));
	}
	if (relations.len > 0)
		grant_select(relations.data, grantee, grant);
}

void
uiml_storage_drop(const UimlDomain *domain)
{
	Oid texts = uiml_storage_texts(domain, false);

	if (OidIsValid(texts))
		uiml_sql_run(psprintf("DROP TABLE %s", uiml_relation_name(texts)), NULL);
	for (UimlTable which = UIML_ITEMS; which < UIML_N_TABLES; which++)
	{
		Oid view = find_view(domain, which);
		Oid parent = uiml_storage_parent(domain, which);

		if (OidIsValid(view))
			uiml_sql_run(psprintf("DROP VIEW %s", uiml_relation_name(view)), NULL);
		if (get_rel_relkind(parent) == RELKIND_PARTITIONED_TABLE)
			uiml_sql_run(psprintf("DROP TABLE %s", uiml_relation_name(parent)), NULL);
	}
}

/*
 * The base type: the column could be of a DOMAIN that whoever wrote the OID into the catalog made, and its
 * constraints would run for whoever looks a key up.
 */
Oid
uiml_storage_key_type(Oid parent, UimlTable which)
{
	Oid type = get_atttype(parent, get_attnum(parent, shapes[which].key));

	if (!OidIsValid(type))
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("relation with OID %u has no column \"%s\"", parent, shapes[which].key));
	return getBaseType(type);
}
