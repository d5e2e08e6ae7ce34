/*
 * encoder_drop.c
 *	  uiml_drop_encoder: not while a domain's texts are encoded by it.
 *
 * A domain names its encoder in its options, so no foreign key holds the two together.  The domains are looked
 * for as the owner of the catalog: those of other roles count, too, where these may use the encoder.  So nobody
 * keeps another's encoder by naming it, and who was given the right to rely on one can.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "pg/encoder.h"
#include "pg/sql.h"

PG_FUNCTION_INFO_V1(uiml_drop_encoder);

/* The detail lists so many domains. */
#define MAX_DOMAINS_IN_DETAIL 10

/*
 * A bare name means the encoder of the domain's owner first, then the only other one of the name that he may
 * use.
 */
#define USERS_QUERY                                                                                          \
	"SELECT d.name, d.owner FROM uiml.domain d WHERE (d.options OPERATOR(pg_catalog.->>) 'encoder') "        \
	"OPERATOR(pg_catalog.=) ANY (ARRAY[$2, $3]) AND (d.owner OPERATOR(pg_catalog.=) $4 OR "                  \
	"((d.options OPERATOR(pg_catalog.->>) 'encoder' OPERATOR(pg_catalog.=) $3 OR NOT EXISTS ("               \
	"SELECT FROM uiml.encoder o WHERE o.name OPERATOR(pg_catalog.=) $2 "                                     \
	"AND o.owner OPERATOR(pg_catalog.=) d.owner)) "                                                          \
	"AND (pg_catalog.pg_has_role(d.owner, $4, 'USAGE') "                                                     \
	"OR EXISTS (SELECT FROM uiml.encoder_grant g WHERE g.encoder_id OPERATOR(pg_catalog.=) $1 "              \
	"AND (g.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid "                                               \
	"OR pg_catalog.pg_has_role(d.owner, g.grantee, 'USAGE')))))) "                                           \
	"ORDER BY d.owner, d.name COLLATE pg_catalog.\"C\""

typedef struct DomainList
{
	Oid caller;
	StringInfoData names; /* of those whose owner's privileges the caller has */
	int n;
	int n_others;
} DomainList;

static void
add_domain(TupleTableSlot *slot, void *ctx)
{
	DomainList *list = ctx;
	bool null;
	char *name = TextDatumGetCString(slot_getattr(slot, 1, &null));
	Oid owner = DatumGetObjectId(slot_getattr(slot, 2, &null));

	if (!has_privs_of_role(list->caller, owner))
		list->n_others++;
	else if (list->n++ < MAX_DOMAINS_IN_DETAIL)
		appendStringInfo(&list->names, "%s%s", list->names.len > 0 ? ", " : "",
						 owner == list->caller ? name
											   : psprintf("%s.%s", GetUserNameFromId(owner, false), name));
}

static void
check_unused(const UimlEncoderRow *row)
{
	UimlSqlParams params = {0};
	DomainList list = {.caller = GetUserId()};
	const char *role = GetUserNameFromId(row->owner, true); /* NULL: dropped, and its encoder stayed */
	UimlActing saved;

	initStringInfo(&list.names);
	uiml_sql_param_int8(&params, row->encoder_id);
	uiml_sql_param_text(&params, row->name);
	uiml_sql_param_text(&params, role != NULL ? psprintf("%s.%s", role, row->name) : NULL);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(row->owner), false);
	uiml_act_as(uiml_catalog_owner(), &saved);
	uiml_sql_each(USERS_QUERY, &params, false, add_domain, &list);
	uiml_act_as_self(&saved);
	if (list.n + list.n_others == 0)
		return;
	ereport(ERROR, errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			errmsg("cannot drop encoder \"%s\" because domains use it", row->name),
			list.n > 0 ? errdetail("Their option encoder names it: %s%s.", list.names.data,
								   list.n_others > 0 ? ", and domains of other roles" : "")
					   : errdetail("Domains of other roles have it as their option encoder."),
			list.n > 0 ? errhint("Name another one with uiml_alter_domain, or drop those domains.")
					   : errhint("Take it back with uiml_revoke_encoder first."));
}

static void
take_name(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(char **) ctx = TextDatumGetCString(slot_getattr(slot, 1, &null));
}

/* 'owner.name' of a domain that the caller may read; NULL where there is none. */
static char *
domain_name(int32 domain_id, Oid owner)
{
	UimlSqlParams params = {0};
	char *name = NULL;

	uiml_sql_param_int4(&params, domain_id);
	uiml_sql_each("SELECT d.name FROM uiml.domain d WHERE d.domain_id OPERATOR(pg_catalog.=) $1", &params,
				  false, take_name, &name);
	return name != NULL ? psprintf("%s.%s", GetUserNameFromId(owner, false), name) : NULL;
}

/* The caller owns the encoder, or has the privilege own on its domain. */
static void
check_rights(const UimlEncoderRow *row)
{
	const char *domain;

	if (has_privs_of_role(GetUserId(), row->owner))
		return;
	domain = domain_name(row->domain_id, row->owner);
	if (domain == NULL)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for encoder \"%s\"", row->name));
	(void) uiml_domain_get_locked(domain, UIML_OWN);
}

Datum
uiml_drop_encoder(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	UimlEncoderRow *row;

	if (strcmp(name, UIML_ENCODER_BUILTIN) == 0)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("cannot drop encoder \"%s\" because it is built in", name));
	row = uiml_encoder_row(name, false);
	check_rights(row);
	/* a loading of the same name waits, and finds it gone; so does another drop */
	if (uiml_encoder_namesake(row->owner, row->name).encoder_id != row->encoder_id)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("encoder \"%s\" does not exist", name),
				errdetail("It was dropped or replaced meanwhile."));
	check_unused(row);
	uiml_encoder_delete(row->encoder_id);
	PG_RETURN_VOID();
}
