/*
 * catalog_write.c
 *	  Writing domains, versions and their records in schema uiml.
 *
 * All of these run as the domain's owner (uiml_act_as_owner), whose policies they have to pass.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/domain.h"
#include "pg/sql.h"

/* 0 stands for SQL NULL. */
static void
param_int4_or_null(UimlSqlParams *params, int32 value)
{
	uiml_sql_param(params, INT4OID, Int32GetDatum(value), value == 0);
}

/* Values that are not finite stand for SQL NULL. */
static void
param_float8(UimlSqlParams *params, double value)
{
	uiml_sql_param(params, FLOAT8OID, Float8GetDatum(value), !isfinite(value));
}

static void
param_float8s(UimlSqlParams *params, const double *value, int n)
{
	Datum *element = palloc((size_t) n * sizeof(Datum));

	for (int i = 0; i < n; i++)
		element[i] = Float8GetDatum(value[i]);
	uiml_sql_param(params, FLOAT8ARRAYOID,
				   PointerGetDatum(construct_array(element, n, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
												   TYPALIGN_DOUBLE)),
				   false);
}

/* A k x k matrix, or NULL. */
static void
param_square(UimlSqlParams *params, const double *value, int k)
{
	size_t n = value != NULL ? (size_t) k * (size_t) k : 0;
	Datum *element = palloc(Max(n, 1) * sizeof(Datum));
	int length[2] = {k, k};
	int first[2] = {1, 1};

	for (size_t i = 0; i < n; i++)
		element[i] = Float8GetDatum(value[i]);
	uiml_sql_param(params, FLOAT8ARRAYOID,
				   value != NULL
					   ? PointerGetDatum(construct_md_array(element, NULL, 2, length, first, FLOAT8OID,
															sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE))
					   : (Datum) 0,
				   value == NULL);
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
	param_float8(params, domain->half_life == 0     ? INFINITY
						 : isinf(domain->half_life) ? 0
													: domain->half_life);
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
	param_oid(&params, domain->sequences_table);
	uiml_sql_each(
		"INSERT INTO uiml.domain AS d (events, user_col, item_col, time_col, kind_col, weight_col, "
		"text_cols, items, item_key, item_text, kind_weights, half_life, features, dims, interests, "
		"options, owner, name, items_table, interests_table, users_table, sequences_table) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7::pg_catalog.name[], $8, $9, $10::pg_catalog.name[], $11, "
		"pg_catalog.justify_hours(pg_catalog.make_interval(secs => $12)), "
		"$13, $14, $15, $16, $17, $18, $19, $20, $21, $22) RETURNING d.domain_id::bigint",
		&params, false, take_int8, &id);
	return (int32) id;
}

void
uiml_domain_update(const UimlDomain *domain)
{
	UimlSqlParams params = {0};

	domain_params(&params, domain);
	uiml_sql_param_int4(&params, domain->domain_id);
	uiml_sql_run(
		"UPDATE uiml.domain SET events = $1, user_col = $2, item_col = $3, time_col = $4, kind_col = $5, "
		"weight_col = $6, text_cols = $7::pg_catalog.name[], items = $8, item_key = $9, item_text = "
		"$10::pg_catalog.name[], kind_weights = $11, half_life = "
		"pg_catalog.justify_hours(pg_catalog.make_interval(secs => $12)), "
		"features = $13, dims = $14, interests = $15, options = $16 "
		"WHERE domain_id OPERATOR(pg_catalog.=) $17",
		&params);
}

Oid
uiml_catalog_owner(void)
{
	Oid catalog = get_relname_relid("domain", get_namespace_oid("uiml", false));
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(catalog));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"uiml.domain\" does not exist"));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
note_row(TupleTableSlot *slot, void *ctx)
{
	(void) slot;
	*(bool *) ctx = true;
}

bool
uiml_catalog_has(const char *sql, int64 id)
{
	UimlSqlParams params = {0};
	UimlActing saved;
	bool found = false;

	uiml_sql_param_int8(&params, id);
	uiml_act_as(uiml_catalog_owner(), &saved);
	uiml_sql_each(sql, &params, true, note_row, &found);
	uiml_act_as_self(&saved);
	return found;
}

uint64
uiml_catalog_write(const char *sql, const UimlSqlParams *params)
{
	UimlActing saved;
	uint64 changed;

	uiml_act_as(uiml_catalog_owner(), &saved);
	changed = uiml_sql_run(sql, params);
	uiml_act_as_self(&saved);
	return changed;
}

void
uiml_domain_delete(const UimlDomain *domain)
{
	UimlSqlParams params = {0};

	uiml_sql_param_int4(&params, domain->domain_id);
	(void) uiml_catalog_write("DELETE FROM uiml.domain WHERE domain_id OPERATOR(pg_catalog.=) $1", &params);
}

int32
uiml_version_next(int32 domain_id)
{
	UimlSqlParams params = {0};
	int64 last = 0;

	uiml_sql_param_int4(&params, domain_id);
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

	uiml_sql_param_int4(&params, domain->domain_id);
	uiml_sql_run(
		"UPDATE uiml.version SET active = false WHERE domain_id OPERATOR(pg_catalog.=) $1 AND active",
		&params);
	param_oid(&params, domain->owner);
	uiml_sql_param_text(&params, domain->name);
	uiml_sql_param_int4(&params, row->version);
	param_oid(&params, row->trained_by);
	param_bool(&params, row->rls_bypassed);
	uiml_sql_param(&params, TIMESTAMPTZOID, TimestampTzGetDatum(row->data_until), !row->has_data_until);
	param_float8(&params, row->half_life);
	uiml_sql_param_int8(&params, row->users);
	uiml_sql_param_int8(&params, row->items);
	uiml_sql_param_int8(&params, row->events);
	uiml_sql_param_int4(&params, row->dims);
	uiml_sql_param_int4(&params, row->interests);
	param_float8(&params, row->explained);
	param_float8(&params, row->silhouette);
	param_float8(&params, row->alpha);
	param_float8(&params, row->item_alpha);
	param_float8(&params, row->temperature);
	param_float8(&params, row->event_mass);
	param_float8(&params, row->dispersion);
	param_square(&params, row->generalization, row->interests);
	param_float8s(&params, row->sigma, row->dims);
	uiml_sql_param_int8(&params, row->digest);
	uiml_sql_param_text(&params, row->settings);
	param_oid(&params, row->items_table);
	param_oid(&params, row->interests_table);
	param_oid(&params, row->users_table);
	uiml_sql_each(
		"INSERT INTO uiml.version AS v (domain_id, owner, domain, version, trained_by, rls_bypassed, "
		"data_until, half_life, users, items, events, dims, interests, explained, silhouette, alpha, "
		"item_alpha, temperature, event_mass, dispersion, generalization, sigma, digest, settings, "
		"items_table, interests_table, users_table, active) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
		"$20, $21, $22, $23, $24::pg_catalog.jsonb, $25, $26, $27, true) RETURNING v.version_id",
		&params, false, take_int8, &version_id);
	return version_id;
}

void
uiml_training_log_add(const UimlDomain *domain, int32 version, Oid trained_by, TimestampTz started,
					  TimestampTz ended, const char *phases_json, int64 memory)
{
	UimlSqlParams params = {0};

	uiml_sql_param_int4(&params, domain->domain_id);
	param_oid(&params, domain->owner);
	uiml_sql_param_int4(&params, version);
	param_oid(&params, trained_by);
	uiml_sql_param(&params, TIMESTAMPTZOID, TimestampTzGetDatum(started), false);
	uiml_sql_param(&params, TIMESTAMPTZOID, TimestampTzGetDatum(ended), false);
	uiml_sql_param_text(&params, phases_json);
	uiml_sql_param_int8(&params, memory);
	uiml_sql_run(
		"INSERT INTO uiml.training_log (domain_id, owner, version, trained_by, started_at, elapsed, phases, "
		"memory) VALUES ($1, $2, $3, $4, $5, $6 OPERATOR(pg_catalog.-) $5, $7::pg_catalog.jsonb, $8)",
		&params);
}

void
uiml_evaluation_add(const UimlDomain *domain, int64 version_id, const UimlEvaluationRow *row)
{
	UimlSqlParams params = {0};

	uiml_sql_param_int8(&params, version_id);
	param_oid(&params, domain->owner);
	uiml_sql_param_text(&params, row->metric);
	param_int4_or_null(&params, row->k);
	param_float8(&params, row->value);
	param_float8(&params, row->low);
	param_float8(&params, row->high);
	uiml_sql_param_text(&params, row->baseline);
	param_float8(&params, row->baseline_value);
	uiml_sql_param_int8(&params, row->users);
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
	row->version = DatumGetInt32(slot_getattr(slot, 2, &null));
	row->retired_by = DatumGetTransactionId(slot_getattr(slot, 3, &null));
	row->items_table = DatumGetObjectId(slot_getattr(slot, 4, &null));
	row->interests_table = DatumGetObjectId(slot_getattr(slot, 5, &null));
	row->users_table = DatumGetObjectId(slot_getattr(slot, 6, &null));
	*retired = lappend(*retired, row);
}

List *
uiml_version_retired(int32 domain_id)
{
	List *retired = NIL;
	UimlSqlParams params = {0};

	uiml_sql_param_int4(&params, domain_id);
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

	uiml_sql_param_int8(&params, version_id);
	uiml_sql_param_int4(&params, domain->domain_id);
	(void) uiml_catalog_write("DELETE FROM uiml.version WHERE version_id OPERATOR(pg_catalog.=) $1 "
							  "AND domain_id OPERATOR(pg_catalog.=) $2",
							  &params);
}

uint64
uiml_grant_delete(const UimlDomain *domain, Oid grantee)
{
	UimlSqlParams params = {0};

	uiml_sql_param_int4(&params, domain->domain_id);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(grantee), false);
	return uiml_catalog_write("DELETE FROM uiml.grants WHERE domain_id OPERATOR(pg_catalog.=) $1 "
							  "AND grantee OPERATOR(pg_catalog.=) $2",
							  &params);
}
