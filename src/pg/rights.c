/*
 * rights.c
 *	  Acting as a domain's owner, one writer at a time.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/catalog.h"

/*
 * As in PostgreSQL's own maintenance commands: nothing that the owner defined on his tables (an index
 * expression, a trigger) can leave the restricted operation or look names up through the caller's
 * search_path.
 */
static void
act_as(Oid role, UimlActing *saved)
{
	GetUserIdAndSecContext(&saved->user, &saved->context);
	saved->guc_level = NewGUCNestLevel();
	SetUserIdAndSecContext(role,
						   saved->context | SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
uiml_act_as_owner(const UimlDomain *domain, UimlActing *saved)
{
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(domain->owner)))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("the owner of domain \"%s\" does not exist", domain->name),
				errdetail("The role with OID %u was dropped.", domain->owner),
				errhint("A superuser can give the domain to another role: UPDATE uiml.domain SET owner = ... "
						"WHERE domain_id = %d;",
						domain->domain_id));
	act_as(domain->owner, saved);
}

void
uiml_act_as(Oid role, UimlActing *saved)
{
	saved->guc_level = 0;
	if (role != GetUserId())
		act_as(role, saved);
}

void
uiml_act_as_self(const UimlActing *saved)
{
	if (saved->guc_level == 0)
		return;
	AtEOXact_GUC(false, saved->guc_level);
	SetUserIdAndSecContext(saved->user, saved->context);
}

/*
 * A lock on the domain as an object: its tag is the catalog table and the domain's id.  Unlike a row lock it
 * needs no right to UPDATE, which a grantee who trains doesn't have.
 */
void
uiml_domain_lock(int32 domain_id)
{
	Oid catalog = get_relname_relid("domain", get_namespace_oid("uiml", false));

	if (!OidIsValid(catalog))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"uiml.domain\" does not exist"));
	LockDatabaseObject(catalog, (Oid) domain_id, 0, ExclusiveLock);
}

UimlDomain *
uiml_domain_get_locked(const char *name, UimlPrivilege privilege)
{
	UimlDomain *domain = uiml_domain_get(name, privilege);

	for (;;)
	{
		int32 locked = domain->domain_id;

		uiml_domain_lock(locked);
		domain = uiml_domain_get(name, privilege);
		if (domain->domain_id == locked)
			return domain;
	}
}
