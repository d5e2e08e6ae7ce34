/*
 * catalog.c
 *	  Domains, versions and their records in schema uiml.
 *
 * Reads run as the caller, so that row-level security decides what is seen.  Domains of a name are resolved here and not in
 * SQL, because the errors tell the candidates.  Writes run as the domain's owner (rights.c).
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/domain.h"
#include "pg/sql.h"

/* Hints list so many names. */
#define MAX_NAMES_IN_HINT 20

/* Columns of uiml.domain in the order that read_domain expects. */
#define DOMAIN_COLUMNS                                                                                       \
	"d.domain_id, d.owner, d.name, d.events, d.user_col::text, d.item_col::text, d.time_col::text, "         \
	"d.kind_col::text, d.weight_col::text, d.text_cols::text[], d.items, d.item_key::text, "                 \
	"d.item_text::text[], d.kind_weights, EXTRACT(epoch FROM d.half_life)::double precision, d.features, "   \
	"d.dims, d.interests, d.options, d.items_table, d.interests_table, d.users_table"

/* The greatest privilege that was granted to the caller, as UimlPrivilege; NULL for none. */
#define GRANTED                                                                                              \
	"(SELECT pg_catalog.max(CASE g.privilege WHEN 'own' THEN 2 WHEN 'train' THEN 1 ELSE 0 END) "             \
	"FROM uiml.grants g WHERE g.domain_id OPERATOR(pg_catalog.=) d.domain_id "                               \
	"AND (g.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR pg_catalog.pg_has_role(g.grantee, "          \
	"'USAGE')))"

/* A visible domain of the name that was asked for. */
typedef struct Candidate
{
	UimlDomain *domain;
	int privilege; /* UimlPrivilege, -1: none */
} Candidate;

/*
 * Reading a row
 */

static char *
text_value(TupleTableSlot *slot, int attno)
{
	bool null;
	Datum value = slot_getattr(slot, attno, &null);

	return null ? NULL : TextDatumGetCString(value);
}

static Oid
oid_value(TupleTableSlot *slot, int attno)
{
	bool null;
	Datum value = slot_getattr(slot, attno, &null);

	return null ? InvalidOid : DatumGetObjectId(value);
}

static int
int_value(TupleTableSlot *slot, int attno, int if_null)
{
	bool null;
	Datum value = slot_getattr(slot, attno, &null);

	return null ? if_null : DatumGetInt32(value);
}

static Jsonb *
jsonb_value(TupleTableSlot *slot, int attno)
{
	bool null;
	Datum value = slot_getattr(slot, attno, &null);

	return null ? NULL : DatumGetJsonbPCopy(value);
}

static List *
texts_value(TupleTableSlot *slot, int attno)
{
	bool null;
	Datum value = slot_getattr(slot, attno, &null);

	return null ? NIL : uiml_text_list(DatumGetArrayTypeP(value), "uiml.domain");
}

/* Raises an error unless a number of the catalog, which its owner can write, lies where uiml puts it. */
static void
check_stored(bool ok, const char *domain, const char *column)
{
	if (!ok)
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("domain \"%s\" has an invalid value of %s in uiml.domain", domain, column));
}

static UimlDomain *
read_domain(TupleTableSlot *slot)
{
	UimlDomain *domain = palloc0(sizeof(UimlDomain));
	bool null;

	domain->domain_id = int_value(slot, 1, 0);
	domain->owner = oid_value(slot, 2);
	domain->name = text_value(slot, 3);
	domain->events = oid_value(slot, 4);
	domain->user_col = text_value(slot, 5);
	domain->item_col = text_value(slot, 6);
	domain->time_col = text_value(slot, 7);
	domain->kind_col = text_value(slot, 8);
	domain->weight_col = text_value(slot, 9);
	domain->text_cols = texts_value(slot, 10);
	domain->items = oid_value(slot, 11);
	domain->item_key = text_value(slot, 12);
	domain->item_text = texts_value(slot, 13);
	domain->kind_weights = jsonb_value(slot, 14);
	domain->half_life = DatumGetFloat8(slot_getattr(slot, 15, &null));
	if (null)
		domain->half_life = INFINITY;
	domain->features = text_value(slot, 16);
	domain->dims = int_value(slot, 17, 0);
	domain->interests = int_value(slot, 18, 0);
	domain->options = jsonb_value(slot, 19);
	domain->items_table = oid_value(slot, 20);
	domain->interests_table = oid_value(slot, 21);
	domain->users_table = oid_value(slot, 22);
	return domain;
}

static void
check_domain(const UimlDomain *domain)
{
	const char *name = domain->name;

	check_stored(domain->half_life > 0, name, "half_life");
	check_stored(domain->dims >= 0 && domain->dims <= UIML_MAX_DIMS, name, "dims");
	check_stored(domain->interests >= 0 && domain->interests <= UIML_MAX_INTERESTS, name, "interests");
	check_stored(uiml_kind_weights_problem(domain->kind_weights) == NULL, name, "kind_weights");
	check_stored(uiml_options_problem(domain->options) == NULL, name, "options");
	check_stored(uiml_features_known(domain->features), name, "features");
}

/*
 * Names
 */

/*
 * uiml_name_split
 *		'owner.shop' into a role and 'shop'.  Domain names hold no period, role names may: the last one parts them.
 *		owner becomes NULL for a bare name.
 */
const char *
uiml_name_split(const char *name, char **owner)
{
	const char *period = strrchr(name, '.');

	*owner = period != NULL ? pnstrdup(name, period - name) : NULL;
	return period != NULL ? period + 1 : name;
}

static void
add_name(TupleTableSlot *slot, void *ctx)
{
	List **names = ctx;
	Oid owner = oid_value(slot, 2);
	char *name = text_value(slot, 1);
	char *role = GetUserNameFromId(owner, true);

	if (owner != GetUserId() && role != NULL)
		name = psprintf("%s.%s", role, name);
	*names = lappend(*names, name);
}

/* A hint that lists the domains the caller can see. */
static char *
names_hint(void)
{
	List *names = NIL;
	StringInfoData text;
	ListCell *cell;

	uiml_sql_each("SELECT d.name, d.owner FROM uiml.domain d ORDER BY d.name COLLATE \"C\", d.owner", NULL,
				  true, add_name, &names);
	if (names == NIL)
		return "There are no domains you can use; register one with uiml_create_domain or uiml_train.";
	initStringInfo(&text);
	foreach (cell, names)
	{
		if (foreach_current_index(cell) == MAX_NAMES_IN_HINT)
		{
			appendStringInfo(&text, " and %d more", list_length(names) - MAX_NAMES_IN_HINT);
			break;
		}
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", (char *) lfirst(cell));
	}
	return psprintf("Domains you can use: %s.", text.data);
}

void
uiml_domain_unknown(const char *name)
{
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("domain \"%s\" does not exist", name),
			errhint("%s", names_hint()));
}

void
uiml_domain_ambiguous(const char *name, List *owners)
{
	StringInfoData text;
	ListCell *cell;

	initStringInfo(&text);
	foreach (cell, owners)
	{
		char *role = GetUserNameFromId(lfirst_oid(cell), true);

		if (role != NULL)
			appendStringInfo(&text, "%s%s.%s", text.len > 0 ? " or " : "", role, name);
	}
	ereport(ERROR, errcode(ERRCODE_AMBIGUOUS_ALIAS), errmsg("domain name \"%s\" is ambiguous", name),
			errdetail("Several roles own a domain of that name."), errhint("Write %s.", text.data));
}

/*
 * Resolving a name
 */

typedef struct Candidates
{
	const char *owner; /* of 'owner.shop', or NULL */
	List *all;         /* of Candidate * */
} Candidates;

static void
add_candidate(TupleTableSlot *slot, void *ctx)
{
	Candidates *found = ctx;
	Candidate *candidate;
	Oid owner = oid_value(slot, 2);

	if (found->owner != NULL && get_role_oid(found->owner, true) != owner)
		return;
	candidate = palloc(sizeof(Candidate));
	candidate->domain = read_domain(slot);
	candidate->privilege = has_privs_of_role(GetUserId(), owner) ? UIML_OWN : int_value(slot, 23, -1);
	found->all = lappend(found->all, candidate);
}

/*
 * One's own domain, else those on which the caller has the privilege; ambiguous where that leaves several.  NULL where nothing
 * is left.
 */
static UimlDomain *
choose_candidate(List *all, UimlPrivilege privilege, const char *bare)
{
	UimlDomain *choice = NULL;
	List *owners = NIL;
	ListCell *cell;

	foreach (cell, all)
	{
		Candidate *candidate = lfirst(cell);

		if (candidate->domain->owner == GetUserId())
			return candidate->domain;
		if (candidate->privilege >= (int) privilege)
		{
			choice = candidate->domain;
			owners = lappend_oid(owners, choice->owner);
		}
	}
	if (list_length(owners) > 1)
		uiml_domain_ambiguous(bare, owners);
	return choice;
}

static UimlDomain *
find_domain(const char *name, UimlPrivilege privilege, bool *visible)
{
	char *owner;
	const char *bare = uiml_name_split(name, &owner);
	Candidates found = {owner, NIL};
	UimlSqlParams params = {0};
	UimlDomain *domain;

	uiml_sql_param_text(&params, bare);
	uiml_sql_each("SELECT " DOMAIN_COLUMNS ", " GRANTED
				  " FROM uiml.domain d WHERE d.name OPERATOR(pg_catalog.=) $1 ORDER BY d.owner",
				  &params, false, add_candidate, &found);
	*visible = found.all != NIL;
	domain = choose_candidate(found.all, privilege, bare);
	if (domain != NULL)
		check_domain(domain);
	return domain;
}

UimlDomain *
uiml_domain_find(const char *name, UimlPrivilege privilege)
{
	bool visible;

	return find_domain(name, privilege, &visible);
}

UimlDomain *
uiml_domain_get(const char *name, UimlPrivilege privilege)
{
	static const char *const word[] = {"predict", "train", "own"};
	bool visible;
	UimlDomain *domain = find_domain(name, privilege, &visible);

	if (domain != NULL)
		return domain;
	if (!visible)
		uiml_domain_unknown(name);
	ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("permission denied for domain \"%s\"", name),
			errhint("Ask its owner for the privilege %s, with uiml_grant.", word[privilege]));
}

/*
 * Writing.  Everything here runs as the domain's owner.
 */

static void
param_int4(UimlSqlParams *params, int32 value)
{
	uiml_sql_param(params, INT4OID, Int32GetDatum(value), false);
}

/* 0 stands for SQL NULL. */
static void
param_int4_or_null(UimlSqlParams *params, int32 value)
{
	uiml_sql_param(params, INT4OID, Int32GetDatum(value), value == 0);
}

static void
param_int8(UimlSqlParams *params, int64 value)
{
	uiml_sql_param(params, INT8OID, Int64GetDatum(value), false);
}

/* Values that are not finite stand for SQL NULL. */
static void
param_float8(UimlSqlParams *params, double value)
{
	uiml_sql_param(params, FLOAT8OID, Float8GetDatum(value), !isfinite(value));
}

static void
param_oid(UimlSqlParams *params, Oid value)
{
	uiml_sql_param(params, OIDOID, ObjectIdGetDatum(value), !OidIsValid(value));
}

static void
param_bool(UimlSqlParams *params, bool value)
{
	uiml_sql_param(params, BOOLOID, BoolGetDatum(value), false);
}

static void
param_jsonb(UimlSqlParams *params, Jsonb *value)
{
	uiml_sql_param(params, JSONBOID, JsonbPGetDatum(value), value == NULL);
}

static void
param_texts(UimlSqlParams *params, List *value)
{
	uiml_sql_param(params, TEXTARRAYOID, uiml_text_array(value), value == NIL);
}

static void
take_int8(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(int64 *) ctx = DatumGetInt64(slot_getattr(slot, 1, &null));
}

/* $1 .. $16: what uiml_create_domain and uiml_alter_domain both write. */
static void
domain_params(UimlSqlParams *params, const UimlDomain *domain)
{
	param_oid(params, domain->events);
	uiml_sql_param_text(params, domain->user_col);
	uiml_sql_param_text(params, domain->item_col);
	uiml_sql_param_text(params, domain->time_col);
	uiml_sql_param_text(params, domain->kind_col);
	uiml_sql_param_text(params, domain->weight_col);
	param_texts(params, domain->text_cols);
	param_oid(params, domain->items);
	uiml_sql_param_text(params, domain->item_key);
	param_texts(params, domain->item_text);
	param_jsonb(params, domain->kind_weights);
	param_float8(params, domain->half_life);
	uiml_sql_param_text(params, domain->features);
	param_int4_or_null(params, domain->dims);
	param_int4_or_null(params, domain->interests);
	param_jsonb(params, domain->options);
}

int32
uiml_domain_insert(const UimlDomain *domain)
{
	UimlSqlParams params = {0};
	int64 id = 0;

	domain_params(&params, domain);
	param_oid(&params, domain->owner);
	uiml_sql_param_text(&params, domain->name);
	param_oid(&params, domain->items_table);
	param_oid(&params, domain->interests_table);
	param_oid(&params, domain->users_table);
	uiml_sql_each(
		"INSERT INTO uiml.domain AS d (events, user_col, item_col, time_col, kind_col, weight_col, "
		"text_cols, items, item_key, item_text, kind_weights, half_life, features, dims, interests, "
		"options, owner, name, items_table, interests_table, users_table) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7::name[], $8, $9, $10::name[], $11, "
		"pg_catalog.justify_hours(pg_catalog.make_interval(secs => $12)), "
		"$13, $14, $15, $16, $17, $18, $19, $20, $21) RETURNING d.domain_id::bigint",
		&params, false, take_int8, &id);
	return (int32) id;
}

void
uiml_domain_update(const UimlDomain *domain)
{
	UimlSqlParams params = {0};

	domain_params(&params, domain);
	param_int4(&params, domain->domain_id);
	uiml_sql_run(
		"UPDATE uiml.domain SET events = $1, user_col = $2, item_col = $3, time_col = $4, kind_col = $5, "
		"weight_col = $6, text_cols = $7::name[], items = $8, item_key = $9, item_text = $10::name[], "
		"kind_weights = $11, half_life = pg_catalog.justify_hours(pg_catalog.make_interval(secs => $12)), "
		"features = $13, dims = $14, interests = $15, options = $16 "
		"WHERE domain_id OPERATOR(pg_catalog.=) $17",
		&params);
}

void
uiml_domain_delete(const UimlDomain *domain)
{
	UimlSqlParams params = {0};

	param_int4(&params, domain->domain_id);
	uiml_sql_run("DELETE FROM uiml.domain WHERE domain_id OPERATOR(pg_catalog.=) $1", &params);
}

int32
uiml_version_next(int32 domain_id)
{
	UimlSqlParams params = {0};
	int64 last = 0;

	param_int4(&params, domain_id);
	/* The log too: numbers of versions that were dropped are not used again. */
	uiml_sql_each(
		"SELECT COALESCE(pg_catalog.max(n.version), 0)::bigint FROM "
		"(SELECT v.version FROM uiml.version v WHERE v.domain_id OPERATOR(pg_catalog.=) $1 UNION ALL "
		"SELECT l.version FROM uiml.training_log l WHERE l.domain_id OPERATOR(pg_catalog.=) $1) n",
		&params, false, take_int8, &last);
	if (last >= PG_INT32_MAX)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a domain has too many versions"));
	return (int32) last + 1;
}

int64
uiml_version_activate(const UimlDomain *domain, const UimlVersionRow *row)
{
	UimlSqlParams params = {0};
	int64 version_id = 0;

	param_int4(&params, domain->domain_id);
	uiml_sql_run(
		"UPDATE uiml.version SET active = false WHERE domain_id OPERATOR(pg_catalog.=) $1 AND active",
		&params);
	param_oid(&params, domain->owner);
	uiml_sql_param_text(&params, domain->name);
	param_int4(&params, row->version);
	param_oid(&params, row->trained_by);
	param_bool(&params, row->rls_bypassed);
	uiml_sql_param(&params, TIMESTAMPTZOID, TimestampTzGetDatum(row->data_until), !row->has_data_until);
	param_float8(&params, row->half_life);
	param_int8(&params, row->users);
	param_int8(&params, row->items);
	param_int8(&params, row->events);
	param_int4(&params, row->dims);
	param_int4(&params, row->interests);
	param_float8(&params, row->explained);
	param_float8(&params, row->silhouette);
	param_float8(&params, row->alpha);
	param_float8(&params, row->item_alpha);
	param_float8(&params, row->temperature);
	param_int8(&params, row->digest);
	uiml_sql_param_text(&params, row->settings);
	param_oid(&params, row->items_table);
	param_oid(&params, row->interests_table);
	param_oid(&params, row->users_table);
	uiml_sql_each(
		"INSERT INTO uiml.version AS v (domain_id, owner, domain, version, trained_by, rls_bypassed, "
		"data_until, half_life, users, items, events, dims, interests, explained, silhouette, alpha, "
		"item_alpha, temperature, digest, settings, items_table, interests_table, users_table, active) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
		"$20::jsonb, $21, $22, $23, true) RETURNING v.version_id",
		&params, false, take_int8, &version_id);
	return version_id;
}

void
uiml_training_log_add(const UimlDomain *domain, int32 version, Oid trained_by, TimestampTz started,
					  TimestampTz ended, const char *phases_json, int64 memory)
{
	UimlSqlParams params = {0};

	param_int4(&params, domain->domain_id);
	param_oid(&params, domain->owner);
	param_int4(&params, version);
	param_oid(&params, trained_by);
	uiml_sql_param(&params, TIMESTAMPTZOID, TimestampTzGetDatum(started), false);
	uiml_sql_param(&params, TIMESTAMPTZOID, TimestampTzGetDatum(ended), false);
	uiml_sql_param_text(&params, phases_json);
	param_int8(&params, memory);
	uiml_sql_run(
		"INSERT INTO uiml.training_log (domain_id, owner, version, trained_by, started_at, elapsed, phases, "
		"memory) VALUES ($1, $2, $3, $4, $5, $6 OPERATOR(pg_catalog.-) $5, $7::jsonb, $8)",
		&params);
}

void
uiml_evaluation_add(const UimlDomain *domain, int64 version_id, const UimlEvaluationRow *row)
{
	UimlSqlParams params = {0};

	param_int8(&params, version_id);
	param_oid(&params, domain->owner);
	uiml_sql_param_text(&params, row->metric);
	param_int4_or_null(&params, row->k);
	param_float8(&params, row->value);
	param_float8(&params, row->low);
	param_float8(&params, row->high);
	uiml_sql_param_text(&params, row->baseline);
	param_float8(&params, row->baseline_value);
	param_int8(&params, row->users);
	uiml_sql_run("INSERT INTO uiml.evaluation (version_id, owner, metric, k, value, low, high, baseline, "
				 "baseline_value, users) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
				 &params);
}

static void
add_retired(TupleTableSlot *slot, void *ctx)
{
	List **retired = ctx;
	UimlRetired *row = palloc0(sizeof(UimlRetired));
	bool null;

	row->version_id = DatumGetInt64(slot_getattr(slot, 1, &null));
	row->version = int_value(slot, 2, 0);
	row->retired_by = DatumGetTransactionId(slot_getattr(slot, 3, &null));
	row->items_table = oid_value(slot, 4);
	row->interests_table = oid_value(slot, 5);
	row->users_table = oid_value(slot, 6);
	*retired = lappend(*retired, row);
}

List *
uiml_version_retired(int32 domain_id)
{
	List *retired = NIL;
	UimlSqlParams params = {0};

	param_int4(&params, domain_id);
	uiml_sql_each("SELECT v.version_id, v.version, v.xmin, v.items_table, v.interests_table, v.users_table "
				  "FROM uiml.version v WHERE v.domain_id OPERATOR(pg_catalog.=) $1 AND NOT v.active "
				  "ORDER BY v.version",
				  &params, false, add_retired, &retired);
	return retired;
}

void
uiml_version_forget(const UimlDomain *domain, int64 version_id)
{
	UimlSqlParams params = {0};

	param_int8(&params, version_id);
	param_int4(&params, domain->domain_id);
	uiml_sql_run("DELETE FROM uiml.version WHERE version_id OPERATOR(pg_catalog.=) $1 "
				 "AND domain_id OPERATOR(pg_catalog.=) $2",
				 &params);
}
