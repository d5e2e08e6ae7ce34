/*
 * served.h
 *	  The tables of an active version as predictions read them: checked for every caller, interests cached per
 *	  version.
 *
 * Interests (labels, prior) are read once per backend and version: a version doesn't change once it is
 * trained.  Users are read for each call, through a saved plan.  Rights are checked in each call, for the
 * tables a call reads.
 */
#ifndef UIML_PG_SERVED_H
#define UIML_PG_SERVED_H

#include "postgres.h"

#include "lib/ilist.h"

#include "pg/catalog.h"
#include "pg/interest_vector.h"
#include "pg/sql.h"

/* What is read of a user. */
typedef enum UimlUserPart
{
	UIML_USER_MASSES = 0, /* per interest: predictions of interests */
	UIML_USER_ITEMS,      /* vector, items and texts: recommendations */
	UIML_USER_VECTOR,     /* transfers to other domains */
	UIML_USER_N_PARTS
} UimlUserPart;

/* What a backend keeps of a version; valid until the end of the transaction at least. */
typedef struct UimlServed
{
	int64 version_id;
	Oid interests_table;
	int k;                  /* interests */
	float *prior;           /* k: share of the domain */
	int32 *interest_id;     /* k */
	Datum *label;           /* k: text, or 0 where there is no label */
	double *generalization; /* k x k: W_g (core/generalize.h); NULL for the identity */
	Oid vector_type;
	Oid user_type; /* base types of the keys; InvalidOid until the table is opened */
	Oid item_type;

	/* private to served.c */
	dlist_node node;
	double *sigma;    /* dims; NULL until asked for */
	char *users_name; /* that the plans were made for, as the type of its key */
	Oid plan_type;
	UimlPlan *user_plan[UIML_USER_N_PARTS];
	UimlPlan *recent_plan; /* of pg/sequence_serving.c, for a table of that name and a key of that type */
	char *recent_name;
	Oid recent_type;
	MemoryContext context;
	uint64 transaction; /* that used it last */
} UimlServed;

/*
 * A user's row; interests, vector and items are palloc'd.  Of an unknown user found is false and the rest is
 * zero.
 */
typedef struct UimlUserRow
{
	bool found;
	double mass;               /* decayed to data_until */
	InterestVector *interests; /* k: mass per interest; NULL unless asked for */
	InterestVector *vector;    /* dims; NULL unless asked for */
	int n_items;
	int32 *items; /* n_items item numbers; NULL unless asked for */
	double texts; /* as how many items his texts count; 0 unless asked for */
} UimlUserRow;

/* A column that a table must have; type 0 is interest_vector and ANYOID any type. */
typedef struct UimlServedColumn
{
	const char *name;
	Oid type;
} UimlServedColumn;

/*
 * uiml_served_table
 *		Opens a partition of the version for the caller and checks it; the lock stays.
 *
 * It must be an ordinary table of the domain's owner with n columns, the first of them a key, and without row-level
 * security.  Returns the base type of that key.  Errors: as below.
 */
extern Oid uiml_served_table(const UimlServing *serving, Oid relid, const UimlServedColumn *columns, int n,
							 Oid vector_type);

/*
 * uiml_served_open
 *		The interests of a version, for a caller who may SELECT them.
 *
 * Errors: INSUFFICIENT_PRIVILEGE; UNDEFINED_TABLE where the partition was dropped by hand; WRONG_OBJECT_TYPE
 * where it isn't a table as uiml makes them; DATA_CORRUPTED for numbers no training writes.
 */
extern UimlServed *uiml_served_open(const UimlServing *serving);

/*
 * uiml_served_users / uiml_served_items
 *		Check that the caller may SELECT the users or items partition and that it is what it should be; set
 *		user_type or item_type.  Errors as above.  To be called in each statement before the table is read.
 */
extern void uiml_served_users(UimlServed *served, const UimlServing *serving);
extern void uiml_served_items(UimlServed *served, const UimlServing *serving);

/*
 * uiml_served_user
 *		The row of a user, after uiml_served_users.  key is of served->user_type.
 *
 * part: which columns beside mass.  Values are checked against the version: k and dims
 * of the vectors, masses finite and not negative, item numbers in range.
 */
extern void uiml_served_user(UimlServed *served, const UimlServing *serving, Datum key, UimlUserPart part,
							 UimlUserRow *row);

/*
 * uiml_served_vectors
 *		The vectors of n users in one statement, after uiml_served_users.
 *
 * key: of served->user_type; found: on entry, whom to look for, then, who is there; vector: n x dims, of those.
 */
extern void uiml_served_vectors(UimlServed *served, const UimlServing *serving, const Datum *key, int n,
								bool *found, float *vector);

/* Keys of users: of those that are wanted (NULL: of all) the rows are read. */
typedef struct UimlServedKeys
{
	Oid type;
	const Datum *key; /* n, anything where not wanted */
	const bool *wanted;
	int n;
} UimlServedKeys;

/*
 * uiml_served_batch
 *		Reads one column of the rows of many users in one statement, after the table was checked, as its owner.
 *
 * row_fn receives the number of the key, from 1, as bigint, and the column.
 */
extern void uiml_served_batch(const UimlServing *serving, Oid relid, const char *column, Oid column_type,
							  const UimlServedKeys *keys, UimlRowFn row_fn, void *ctx);

/* The singular values of the version's item space, dims numbers >= 0, as the catalog has them. */
extern const double *uiml_served_sigma(UimlServed *served, const UimlServing *serving);

/*
 * uiml_served_each
 *		Runs a statement that reads tables of the version, which the caller may SELECT and which were checked,
 *		as their owner: row_fn too runs as the owner, and must not run code of the caller's.
 *
 * types: of all n columns, as in uiml_sql_each_typed.  What reads another table of the same owner can run
 * code of his that alters this one after the check.
 */
extern void uiml_served_each(const UimlServing *serving, const char *sql, const Oid *types, int n,
							 UimlRowFn row_fn, void *ctx);

/* Copies a vector of masses out of a tuple, with the checks of uiml_served_user. */
extern InterestVector *uiml_served_masses(const UimlServed *served, const UimlServing *serving, Datum value);

/* Raises DATA_CORRUPTED: what ("mass of a user") of the version is no value that a training writes. */
pg_noreturn extern void uiml_served_refuse(const UimlServing *serving, const char *what);

/* A number that differs from one transaction to the next, in this backend; starts at 1. */
extern uint64 uiml_transaction_number(void);

#endif /* UIML_PG_SERVED_H */
