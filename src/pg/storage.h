/*
 * storage.h
 *	  The tables that hold a domain's trained state, next to its events.
 *
 * For domain shop four parents, LIST-partitioned by version, and four views of the active version:
 *
 *	shop_items_versions		version integer, item_no integer, item_id <key type>, title text,
 *							interest_id integer, popularity real, users integer,
 *							in_vector interest_vector, out_vector interest_vector
 *	shop_interests_versions version integer, interest_no integer, interest_id integer, label text,
 *							terms text[], share real, items integer, typical text[], centroid interest_vector
 *	shop_users_versions		version integer, user_id <key type>, events bigint, last_at timestamptz, mass real,
 *							interests interest_vector, vector interest_vector, items integer[],
 *							texts real
 *	shop_sequences_versions	version integer, user_id <key type>, recent integer[]
 *
 * Primary keys are (item_id, version), (interest_id, version) and (user_id, version).  item_no runs from 0 in
 * key order and interest_no from 0: positions in packed matrices and in a user's interests vector (decayed
 * mass per interest, its sum is mass); items lists the item_no of what the user did, ascending; texts tells
 * how many items the texts that he wrote without an item count for.  share is the
 * domain's prior. Views shop_items, shop_interests, shop_users and shop_sequences show the active version.
 * Partition shop_items_v3 belongs to version 3.  recent lists the item_no of what the user did last, in order of
 * time; the first uiml_train_sequence of a version makes its partition of sequences (pg/sequence_store.h), and a
 * version of which there is no sequence model has none, or none with rows.
 *
 * Where a language model is the domain's encoder there is also shop_texts, of no version: see pg/textcache.h.
 */
#ifndef UIML_PG_STORAGE_H
#define UIML_PG_STORAGE_H

#include "pg/catalog.h"

typedef enum UimlTable
{
	UIML_ITEMS,
	UIML_INTERESTS,
	UIML_USERS,
	UIML_SEQUENCES,
	UIML_N_TABLES
} UimlTable;

/* Longest domain name: the longest derived name must fit NAMEDATALEN. */
#define UIML_MAX_DOMAIN_NAME 40

/* All of these run between uiml_act_as_owner and uiml_act_as_self. */

/* Creates parents and views in a schema and sets the four *_table fields.  Errors where a name is taken. */
extern void uiml_storage_create(UimlDomain *domain, Oid schema, Oid user_type, Oid item_type);

/* The views read uiml.version by domain_id, so they are made once that is known. */
extern void uiml_storage_create_views(const UimlDomain *domain);

/*
 * OBJECT_NOT_IN_PREREQUISITE_STATE where a parent was dropped by hand; to be called before work that ends in
 * a new partition.
 */
extern void uiml_storage_check(const UimlDomain *domain);

/* Drops views and tables; tolerates those dropped by hand. */
extern void uiml_storage_drop(const UimlDomain *domain);

/* A version's partition of one kind, whatever it is called now, or InvalidOid. */
extern Oid uiml_storage_partition(const UimlDomain *domain, UimlTable which, int32 version);

/* A plain table shaped like the parent, not attached and without indexes: load it, then attach it. */
extern Oid uiml_storage_new_partition(const UimlDomain *domain, UimlTable which, int32 version);

/*
 * uiml_storage_new_replacement
 *		A plain, unlogged table <domain>_work_<kind> shaped like the parent, empty: rows that are to take the
 *		place of a partition's.  To be dropped in the transaction.
 */
extern Oid uiml_storage_new_replacement(const UimlDomain *domain, UimlTable which);

/*
 * Table <domain>_work_<suffix> of a training at work (pg/worktable.h), empty.  It is read with as many
 * workers as max_parallel_workers_per_gather says.
 */
extern Oid uiml_storage_new_work_table(const UimlDomain *domain, const char *suffix);

/*
 * uiml_storage_texts
 *		Table <domain>_texts of the vectors of texts (pg/textcache.h); InvalidOid where there is none of the
 *		owner's and of our columns, unless it is to be made.  DUPLICATE_TABLE where its name is taken.
 */
extern Oid uiml_storage_texts(const UimlDomain *domain, bool create);

/* Indexes, CHECK (version = n), grants, ANALYZE and ATTACH: blocks no reader. */
extern void uiml_storage_attach(const UimlDomain *domain, UimlTable which, Oid partition, int32 version);

/*
 * Drops inactive versions beyond uiml.keep_versions whose retirement every running snapshot has seen and
 * whose locks are free (ConditionalLockRelationOid: nobody queues behind us), the rest next time.  Does
 * nothing inside a transaction block.
 */
extern void uiml_storage_clean(const UimlDomain *domain);

/* GRANT or REVOKE SELECT on parents, partitions and views. grantee InvalidOid: PUBLIC. */
extern void uiml_storage_grant(const UimlDomain *domain, Oid grantee, bool grant);

/* The parent of one kind: items_table, interests_table, users_table or sequences_table. */
extern Oid uiml_storage_parent(const UimlDomain *domain, UimlTable which);

/* The base type of a key column: of a table's user_id or item_id. */
extern Oid uiml_storage_key_type(Oid parent, UimlTable which);

#endif /* UIML_PG_STORAGE_H */
