/*
 * sequence_store.c
 *	  Writing what the users of a version did last into its partition of <domain>_sequences_versions.
 *
 * The first time the rows go into a new table, which is attached at the end.  Later there is one that others
 * read: the rows go into a table apart, and what differs is replaced from there.  A training for the other
 * target, or without new events, writes nothing but that.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "pg/bulk.h"
#include "pg/sequence_store.h"
#include "pg/sql.h"
#include "pg/storage.h"

struct UimlSequenceStore
{
	const UimlDomain *domain;
	int32 version;
	Oid user_type;
	Oid partition; /* InvalidOid: this transaction makes it */
	Oid loaded;    /* takes the rows: the table that becomes the partition, or one beside it */
	UimlBulk *bulk;
};

UimlSequenceStore *
uiml_sequence_store_begin(const UimlDomain *domain, int32 version, Oid user_type)
{
	static const char *const column[] = {"version", "user_id", "recent"};
	const Oid type[] = {INT4OID, user_type, INT4ARRAYOID};
	UimlSequenceStore *store = palloc(sizeof(UimlSequenceStore));

	store->domain = domain;
	store->version = version;
	store->user_type = user_type;
	store->partition = uiml_storage_partition(domain, UIML_SEQUENCES, version);
	store->loaded = OidIsValid(store->partition)
						? uiml_storage_new_replacement(domain, UIML_SEQUENCES)
						: uiml_storage_new_partition(domain, UIML_SEQUENCES, version);
	store->bulk = uiml_bulk_begin(store->loaded, lengthof(column), column, type);
	return store;
}

void
uiml_sequence_store_add(UimlSequenceStore *store, Datum user, const uint32 *item, size_t n)
{
	Datum recent[UIML_MAX_RECENT];
	size_t kept = Min(n, UIML_MAX_RECENT);
	MemoryContext old;

	if (n == 0)
		return;
	for (size_t i = 0; i < kept; i++)
		recent[i] = Int32GetDatum((int32) item[n - kept + i]);
	old = MemoryContextSwitchTo(uiml_bulk_context(store->bulk));
	{
		const Datum value[] = {
			Int32GetDatum(store->version), user,
			PointerGetDatum(construct_array(recent, (int) kept, INT4OID, sizeof(int32), true, TYPALIGN_INT))};

		MemoryContextSwitchTo(old);
		uiml_bulk_add(store->bulk, value, NULL);
	}
}

/* Rows of users that are gone, then those that changed or are new. */
static void
replace_rows(const UimlSequenceStore *store)
{
	char *partition = uiml_relation_name(store->partition);
	char *loaded = uiml_relation_name(store->loaded);

	uiml_sql_run(psprintf("ANALYZE %s", loaded), NULL);
	uiml_sql_run(psprintf("DELETE FROM %s p WHERE NOT EXISTS (SELECT FROM %s l WHERE l.user_id %s p.user_id)",
						  partition, loaded, uiml_equality_of(getBaseType(store->user_type))),
				 NULL);
	uiml_sql_run(psprintf("INSERT INTO %s AS p (version, user_id, recent) "
						  "SELECT l.version, l.user_id, l.recent FROM %s l "
						  "ON CONFLICT (user_id, version) DO UPDATE SET recent = EXCLUDED.recent "
						  "WHERE p.recent OPERATOR(pg_catalog.<>) EXCLUDED.recent",
						  partition, loaded),
				 NULL);
	uiml_sql_run(psprintf("DROP TABLE %s", loaded), NULL);
}

Oid
uiml_sequence_store_end(UimlSequenceStore *store)
{
	Oid partition = store->partition;

	uiml_bulk_end(store->bulk);
	if (OidIsValid(partition))
		replace_rows(store);
	else
	{
		partition = store->loaded;
		uiml_storage_attach(store->domain, UIML_SEQUENCES, partition, store->version);
	}
	pfree(store);
	return partition;
}

void
uiml_sequence_store_tidy(const UimlDomain *domain)
{
	Oid parent = uiml_storage_parent(domain, UIML_SEQUENCES);
	UimlSqlParams params = {0};

	if (get_rel_relkind(parent) != RELKIND_PARTITIONED_TABLE)
		return; /* dropped by hand */
	uiml_sql_param_int4(&params, domain->domain_id);
	uiml_sql_run(psprintf("DELETE FROM %s s WHERE NOT EXISTS (SELECT FROM uiml.sequence_model m "
						  "JOIN uiml.version v ON v.version_id OPERATOR(pg_catalog.=) m.version_id "
						  "WHERE m.domain_id OPERATOR(pg_catalog.=) $1 "
						  "AND v.version OPERATOR(pg_catalog.=) s.version)",
						  uiml_relation_name(parent)),
				 &params);
}
