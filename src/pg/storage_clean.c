/*
 * storage_clean.c
 *	  Dropping the tables of retired versions without making a reader wait.
 *
 * Dropping a partition takes ACCESS EXCLUSIVE locks on it and on its parent.  Waiting for one would queue all
 * later readers behind us, so that the locks are taken only where they are free at once, at the end of a
 * training, for as long as it takes to commit.  And a snapshot from before the retirement could still choose
 * the old version: it goes only when the transaction that retired it precedes the horizon of all running
 * snapshots.  What can't be dropped now stays until a later training.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/attempt.h"
#include "pg/catalog.h"
#include "pg/env.h"
#include "pg/sql.h"
#include "pg/storage.h"

static Oid
retired_table(const UimlDomain *domain, const UimlRetired *retired, UimlTable which)
{
	switch (which)
	{
		case UIML_ITEMS:
			return retired->items_table;
		case UIML_INTERESTS:
			return retired->interests_table;
		case UIML_USERS:
			return retired->users_table;
		default: /* made when it is needed: the version's row doesn't know */
			return uiml_storage_partition(domain, which, retired->version);
	}
}

/* What the catalog calls a version's table, if it is one: a partition of the domain's parent. */
static bool
is_partition_of(Oid table, Oid parent)
{
	return get_rel_relkind(table) == RELKIND_RELATION && get_rel_relispartition(table) &&
		   get_partition_parent(table, true) == parent;
}

/* True once no running snapshot can see the version active.  relation: any table of this database. */
static bool
retirement_is_old(const UimlRetired *retired, Oid relation)
{
	Relation rel = try_relation_open(relation, AccessShareLock);
	TransactionId horizon;

	if (rel == NULL)
		return false;
	horizon = GetOldestNonRemovableTransactionId(rel);
	relation_close(rel, NoLock);
	return !TransactionIdIsNormal(retired->retired_by) || TransactionIdPrecedes(retired->retired_by, horizon);
}

/* Takes all locks or none. */
static bool
lock_at_once(const Oid *relation, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (ConditionalLockRelationOid(relation[i], AccessExclusiveLock))
			continue;
		while (--i >= 0)
			UnlockRelationOid(relation[i], AccessExclusiveLock);
		return false;
	}
	return true;
}

typedef struct Drop
{
	const UimlDomain *domain;
	const UimlRetired *retired;
} Drop;

/*
 * Drops a version's partitions and its row, or nothing when a lock is taken; raises an error when something
 * depends on a table.
 */
static void
drop_version(void *ctx)
{
	const UimlDomain *domain = ((Drop *) ctx)->domain;
	const UimlRetired *retired = ((Drop *) ctx)->retired;
	Oid locks[2 * UIML_N_TABLES];
	Oid drop[UIML_N_TABLES];
	int n_locks = 0;
	int n_drop = 0;

	for (UimlTable which = UIML_ITEMS; which < UIML_N_TABLES; which++)
	{
		Oid parent = uiml_storage_parent(domain, which);
		Oid table = retired_table(domain, retired, which);

		if (!is_partition_of(table, parent))
			continue; /* dropped or detached by hand */
		locks[n_locks++] = parent;
		locks[n_locks++] = table;
		drop[n_drop++] = table;
	}
	if (!lock_at_once(locks, n_locks))
		return;
	for (int i = 0; i < n_drop; i++)
		uiml_sql_run(psprintf("DROP TABLE %s", uiml_relation_name(drop[i])), NULL);
	uiml_version_forget(domain, retired->version_id);
}

/* A training must not fail for what it couldn't tidy up: the error becomes a notice, a cancel stays one. */
static void
try_drop_version(const UimlDomain *domain, const UimlRetired *retired)
{
	Drop work = {domain, retired};
	ErrorData *error = uiml_attempt(drop_version, &work);

	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	ereport(NOTICE,
			errmsg("keeping version %d of domain \"%s\": %s", retired->version, domain->name, error->message),
			error->detail != NULL ? errdetail_internal("%s", error->detail) : 0);
	FreeErrorData(error);
}

void
uiml_storage_clean(const UimlDomain *domain)
{
	List *retired;
	int surplus;
	ListCell *cell;

	if (IsTransactionBlock())
		return; /* the locks would be held until a COMMIT that may be far away */
	retired = uiml_version_retired(domain->domain_id);
	surplus = list_length(retired) + 1 - uiml_keep_versions;
	foreach (cell, retired)
	{
		if (foreach_current_index(cell) >= surplus)
			break;
		if (retirement_is_old(lfirst(cell), uiml_storage_parent(domain, UIML_ITEMS)))
			try_drop_version(domain, lfirst(cell));
	}
}
