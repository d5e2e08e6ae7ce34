/*
 * grants.c
 *	  uiml_grant and uiml_revoke: who besides the owner may use a domain.
 *
 * A grant is two things that are made and ended together: a row of uiml.grants, which the catalog's policies
 * admit readers by, and PostgreSQL's own SELECT on the derived tables, which every read of them checks.
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/catalog.h"
#include "pg/sql.h"
#include "pg/storage.h"

PG_FUNCTION_INFO_V1(uiml_grant);
PG_FUNCTION_INFO_V1(uiml_revoke);

Oid
uiml_grantee_oid(const char *role)
{
	return strcmp(role, "public") == 0 ? InvalidOid : get_role_oid(role, false);
}

static void
check_privilege_word(const char *word)
{
	if (strcmp(word, "predict") != 0 && strcmp(word, "train") != 0 && strcmp(word, "own") != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unrecognized privilege: \"%s\"", word),
				errhint("Privileges are predict, train and own, each including those before it."));
}

/* Grants are beside the owner's rights: a REVOKE would take SELECT on his own tables from him. */
static void
check_not_owner(const UimlDomain *domain, Oid grantee)
{
	if (grantee == domain->owner)
		ereport(ERROR, errcode(ERRCODE_INVALID_GRANT_OPERATION),
				errmsg("role \"%s\" owns domain \"%s\"", GetUserNameFromId(grantee, false), domain->name));
}

static void
write_grant(const UimlDomain *domain, Oid grantee, const char *privilege)
{
	UimlSqlParams params = {0};

	uiml_sql_param_int4(&params, domain->domain_id);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(domain->owner), false);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(grantee), false);
	uiml_sql_param_text(&params, privilege);
	uiml_sql_run("INSERT INTO uiml.grants (domain_id, owner, grantee, privilege) VALUES ($1, $2, $3, $4) "
				 "ON CONFLICT (domain_id, grantee) DO UPDATE SET privilege = EXCLUDED.privilege",
				 &params);
}

/*
 * SELECT on a table is worth nothing without USAGE on its schema, which may not be the domain's owner's to
 * give.
 */
static void
warn_about_schema(const UimlDomain *domain, Oid grantee, const char *role)
{
	Oid schema = get_rel_namespace(domain->items_table);
	char *name = get_namespace_name(schema);

	if (name == NULL || object_aclcheck(NamespaceRelationId, schema, grantee, ACL_USAGE) == ACLCHECK_OK)
		return;
	ereport(WARNING, errmsg("role \"%s\" has no privilege USAGE on schema \"%s\"", role, name),
			errdetail("The derived tables of domain \"%s\" are there.", domain->name),
			errhint("GRANT USAGE ON SCHEMA %s TO %s;", quote_identifier(name),
					OidIsValid(grantee) ? quote_identifier(role) : "PUBLIC"));
}

Datum
uiml_grant(PG_FUNCTION_ARGS)
{
	UimlDomain *domain;
	char *role = NameStr(*PG_GETARG_NAME(1));
	Oid grantee = uiml_grantee_oid(role);
	char *privilege = text_to_cstring(PG_GETARG_TEXT_PP(2));
	UimlActing saved;

	check_privilege_word(privilege);
	domain = uiml_domain_get_locked(text_to_cstring(PG_GETARG_TEXT_PP(0)), UIML_OWN);
	check_not_owner(domain, grantee);
	uiml_act_as_owner(domain, &saved);
	write_grant(domain, grantee, privilege);
	uiml_storage_grant(domain, grantee, true);
	uiml_act_as_self(&saved);
	warn_about_schema(domain, grantee, role);
	PG_RETURN_VOID();
}

Datum
uiml_revoke(PG_FUNCTION_ARGS)
{
	char *role = NameStr(*PG_GETARG_NAME(1));
	Oid grantee = uiml_grantee_oid(role);
	UimlDomain *domain = uiml_domain_get_locked(text_to_cstring(PG_GETARG_TEXT_PP(0)), UIML_OWN);
	UimlActing saved;
	uint64 deleted;

	check_not_owner(domain, grantee);
	uiml_act_as_owner(domain, &saved);
	deleted = uiml_grant_delete(domain, grantee);
	uiml_storage_grant(domain, grantee, false);
	uiml_act_as_self(&saved);
	if (deleted == 0)
		ereport(NOTICE, errmsg("role \"%s\" had no privilege on domain \"%s\"", role, domain->name));
	PG_RETURN_VOID();
}
