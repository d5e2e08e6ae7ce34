/*
 * encoder_grants.c
 *	  uiml_grant_encoder and uiml_revoke_encoder: who besides the owner may use an encoder of no domain.
 *
 * One that belongs to a domain goes with the domain's grants (pg/grants.c).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "pg/encoder.h"
#include "pg/sql.h"

PG_FUNCTION_INFO_V1(uiml_grant_encoder);
PG_FUNCTION_INFO_V1(uiml_revoke_encoder);

/* An encoder that the caller may grant: he has the privileges of its owner, and it is of no domain. */
static UimlEncoderRow *
encoder_to_grant(const char *name, Oid grantee)
{
	UimlEncoderRow *row;

	if (strcmp(name, UIML_ENCODER_BUILTIN) == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_GRANT_OPERATION), errmsg("encoder \"%s\" is built in", name),
				errdetail("Everybody may use it."));
	row = uiml_encoder_row(name, false);
	if (!has_privs_of_role(GetUserId(), row->owner))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for encoder \"%s\"", row->name));
	if (row->domain_id != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_GRANT_OPERATION),
				errmsg("encoder \"%s\" belongs to a domain", row->name),
				errdetail("Whoever may predict from the domain may use it."),
				errhint("Grant the domain with uiml_grant."));
	if (grantee == row->owner)
		ereport(ERROR, errcode(ERRCODE_INVALID_GRANT_OPERATION),
				errmsg("role \"%s\" owns encoder \"%s\"", GetUserNameFromId(grantee, false), row->name));
	return row;
}

static void
add_params(UimlSqlParams *params, const UimlEncoderRow *row, Oid grantee)
{
	uiml_sql_param_int8(params, row->encoder_id);
	uiml_sql_param(params, OIDOID, ObjectIdGetDatum(grantee), false);
}

Datum
uiml_grant_encoder(PG_FUNCTION_ARGS)
{
	Oid grantee = uiml_grantee_oid(NameStr(*PG_GETARG_NAME(1)));
	UimlEncoderRow *row = encoder_to_grant(text_to_cstring(PG_GETARG_TEXT_PP(0)), grantee);
	UimlSqlParams params = {0};
	UimlActing saved;

	add_params(&params, row, grantee);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(row->owner), false);
	uiml_act_as(row->owner, &saved);
	uiml_sql_run("INSERT INTO uiml.encoder_grant (encoder_id, grantee, owner) VALUES ($1, $2, $3) "
				 "ON CONFLICT (encoder_id, grantee) DO NOTHING",
				 &params);
	uiml_act_as_self(&saved);
	PG_RETURN_VOID();
}

Datum
uiml_revoke_encoder(PG_FUNCTION_ARGS)
{
	char *role = NameStr(*PG_GETARG_NAME(1));
	Oid grantee = uiml_grantee_oid(role);
	UimlEncoderRow *row = encoder_to_grant(text_to_cstring(PG_GETARG_TEXT_PP(0)), grantee);
	UimlSqlParams params = {0};

	add_params(&params, row, grantee);
	if (uiml_catalog_write("DELETE FROM uiml.encoder_grant WHERE encoder_id OPERATOR(pg_catalog.=) $1 "
						   "AND grantee OPERATOR(pg_catalog.=) $2",
						   &params) == 0)
		ereport(NOTICE, errmsg("role \"%s\" had no privilege on encoder \"%s\"", role, row->name));
	PG_RETURN_VOID();
}
