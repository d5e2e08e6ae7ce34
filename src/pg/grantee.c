/*
 * grantee.c
 *	  uiml_is_grantee: the condition of the catalog's policies for readers.
 *
 * Every prediction of a role that isn't the owner evaluates it.  As a subquery on uiml.grants it took more
 * than half of the time of finding the domain, most of it starting and ending a plan; the same look-up
 * through the index by hand takes a few microseconds.
 *
 * It looks past the row-level security of uiml.grants, and tells the caller of nothing but his own rights.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(uiml_is_grantee);

/* Columns of uiml.grants; see 20-catalog.sql. */
#define GRANTS_DOMAIN_ID 1
#define GRANTS_GRANTEE   3

static Oid
catalog_relation(const char *name)
{
	Oid relid = get_relname_relid(name, get_namespace_oid("uiml", false));

	if (!OidIsValid(relid))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"uiml.%s\" does not exist", name));
	return relid;
}

static bool
row_is_for(HeapTuple tuple, TupleDesc desc, Oid user)
{
	bool null;
	Oid grantee = DatumGetObjectId(heap_getattr(tuple, GRANTS_GRANTEE, desc, &null));

	return !null && (!OidIsValid(grantee) || has_privs_of_role(user, grantee));
}

/*
 * uiml_is_grantee
 *		Whether a domain was granted to the current user, a role whose privileges it has, or everybody.
 */
Datum
uiml_is_grantee(PG_FUNCTION_ARGS)
{
	int32 domain_id = PG_GETARG_INT32(0);
	Relation grants = table_open(catalog_relation("grants"), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool found = false;

	ScanKeyInit(&key, GRANTS_DOMAIN_ID, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(domain_id));
	/*
	 * The snapshot of the query, not the newest catalog's: what it sees of rights agrees with what it sees of
	 * domains.
	 */
	scan = systable_beginscan(grants, catalog_relation("grants_pkey"), true, GetActiveSnapshot(), 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = row_is_for(tuple, RelationGetDescr(grants), GetUserId());
	systable_endscan(scan);
	table_close(grants, AccessShareLock);
	PG_RETURN_BOOL(found);
}
