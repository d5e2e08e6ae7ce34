/*
 * grantee.c
 *	  uiml_is_grantee and uiml_is_encoder_grantee: the conditions of the catalog's policies for readers.
 *
 * Every prediction of a role that isn't the owner evaluates it.  As a subquery on uiml.grants it took more
 * than half of the time of finding the domain, most of it starting and ending a plan; the same look-up
 * through the index by hand takes a few microseconds.
 *
 * They look past the row-level security of the grants, and tell the caller of nothing but his own rights.
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
PG_FUNCTION_INFO_V1(uiml_is_encoder_grantee);

/* Columns of uiml.grants and of uiml.encoder_grant; see 20-catalog.sql. */
#define GRANTS_ID      1
#define GRANTS_GRANTEE 3

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

/* Whether a row with that id has the current user, a role whose privileges it has, or everybody. */
static bool
is_granted(const char *table, const char *index, RegProcedure equals, Datum id)
{
	Relation grants = table_open(catalog_relation(table), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool found = false;

	ScanKeyInit(&key, GRANTS_ID, BTEqualStrategyNumber, equals, id);
	/*
	 * The snapshot of the query, not the newest catalog's: what it sees of rights agrees with what it sees of
	 * domains.
	 */
	scan = systable_beginscan(grants, catalog_relation(index), true, GetActiveSnapshot(), 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = row_is_for(tuple, RelationGetDescr(grants), GetUserId());
	systable_endscan(scan);
	table_close(grants, AccessShareLock);
	return found;
}

Datum
uiml_is_grantee(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_granted("grants", "grants_pkey", F_INT4EQ, Int32GetDatum(PG_GETARG_INT32(0))));
}

Datum
uiml_is_encoder_grantee(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(
		is_granted("encoder_grant", "encoder_grant_pkey", F_INT8EQ, Int64GetDatum(PG_GETARG_INT64(0))));
}
