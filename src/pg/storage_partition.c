/*
 * storage_partition.c
 *	  Finding a version's partition where the catalog doesn't tell it.
 *
 * By the bounds and not by its name, which is its owner's to change.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "pg/storage.h"

/* Partitioned as uiml does it, unless its owner made it anew. */
static bool
is_list_of_versions(PartitionKey key)
{
	return key->strategy == PARTITION_STRATEGY_LIST && key->partnatts == 1 && key->parttypid[0] == INT4OID;
}

static Oid
find_partition(Relation parent, int32 version)
{
	PartitionKey key = RelationGetPartitionKey(parent);
	PartitionDesc desc = RelationGetPartitionDesc(parent, true);
	bool equal = false;
	int at;

	if (!is_list_of_versions(key) || desc->nparts == 0)
		return InvalidOid;
	at = partition_list_bsearch(key->partsupfunc, key->partcollation, desc->boundinfo, Int32GetDatum(version),
								&equal);
	return at >= 0 && equal ? desc->oids[desc->boundinfo->indexes[at]] : InvalidOid;
}

Oid
uiml_storage_partition(const UimlDomain *domain, UimlTable which, int32 version)
{
	Oid relation = uiml_storage_parent(domain, which);
	Relation parent;
	Oid partition;

	if (get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE)
		return InvalidOid; /* dropped by hand */
	parent = table_open(relation, AccessShareLock);
	partition = find_partition(parent, version);
	table_close(parent, AccessShareLock);
	return partition;
}
