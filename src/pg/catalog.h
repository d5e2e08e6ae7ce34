/*
 * catalog.h
 *	  Domains and versions as C structs, read from schema uiml under the caller's rights.
 *
 * Whatever comes from the catalog could have been written by a table's owner by hand: numbers are
 * range-checked here, and relations are checked where they are opened.
 */
#ifndef UIML_PG_CATALOG_H
#define UIML_PG_CATALOG_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "pg/compat.h"
#include "pg/sql.h"

/* The rights of uiml_grant, each including those before it. */
typedef enum UimlPrivilege
{
	UIML_PREDICT,
	UIML_TRAIN,
	UIML_OWN
} UimlPrivilege;

/* A row of uiml.domain; absent columns are NULL or InvalidOid. */
typedef struct UimlDomain
{
	int32 domain_id;
	Oid owner;
	char *name;
	Oid events;
	char *user_col;
	char *item_col;
	char *time_col;
	char *kind_col;
	char *weight_col;
	List *text_cols; /* of char * */
	Oid items;
	char *item_key;
	List *item_text; /* of char * */
	Jsonb *kind_weights;
	double half_life; /* seconds, INFINITY for no decay, 0: chosen in training */
	char *features;
	int dims;      /* 0: chosen in training */
	int interests; /* 0: chosen in training */
	Jsonb *options;
	Oid items_table; /* partitioned by version */
	Oid interests_table;
	Oid users_table;
	Oid sequences_table;
} UimlDomain;

/* What predictions need of a domain's active version. */
typedef struct UimlServing
{
	Oid owner;
	char *domain; /* its name */
	int64 version_id;
	int32 version;
	bool has_data_until;
	TimestampTz data_until;
	double half_life; /* seconds, INFINITY for no decay */
	int64 items;
	int dims;
	int interests;
	double alpha;
	double item_alpha;
	double temperature;
	double event_mass;
	double dispersion;
	bool has_generalization;
	int64 digest;
	Oid items_table; /* the version's partitions */
	Oid interests_table;
	Oid users_table;
	bool transfers; /* there are some into it that predict (pg/transfer_serving.h) */
	bool sequences; /* there is a sequence model (pg/sequence_serving.h) */
} UimlServing;

/*
 * uiml_domain_get
 *		The domain of a name, for a caller that needs a privilege.
 *
 * name: 'shop' or 'owner.shop'.  A bare name is one's own domain, else the only one on which the caller has
 * the privilege.  Errors: UNDEFINED_OBJECT (hint: the domains there are), AMBIGUOUS_ALIAS when several owners
 * share a name (hint: write owner.name), INSUFFICIENT_PRIVILEGE when the caller sees the domain but lacks the
 * privilege. uiml_domain_find returns NULL instead of UNDEFINED_OBJECT and INSUFFICIENT_PRIVILEGE: another's
 * domain that the caller may only read doesn't keep him from registering his own of the same name.
 */
extern UimlDomain *uiml_domain_get(const char *name, UimlPrivilege privilege);
extern UimlDomain *uiml_domain_find(const char *name, UimlPrivilege privilege);

/*
 * uiml_serving_list
 *		The domains the caller may predict from, in order of name and owner: all that are trained (domain
 *		NULL), or the one of that name, resolved as uiml_domain_get does but among trained ones.  Where a
 *		named one isn't trained: OBJECT_NOT_IN_PREREQUISITE_STATE (hint: the uiml_train call).  List of
 *		UimlServing *, in the current memory context.  One indexed statement from a saved plan: this is on the
 *		path of every prediction.
 *
 * Checked here: numbers are in range, the three partitions are plain tables of the domain's owner without
 * row-level security (so that reading them runs nobody's code), and the caller may SELECT from them.  A
 * domain that fails raises an error (DATA_CORRUPTED, INSUFFICIENT_PRIVILEGE) where it was named or is one's
 * own; in a list of all it is left out otherwise, so that nobody can break the predictions of others by
 * granting them a broken domain.
 */
extern List *uiml_serving_list(const char *domain);

/* Columns of "uiml.version v" for a statement of one's own, and the reader of its rows but for transfers and sequences. */
#define UIML_SERVING_COLUMNS                                                                                 \
	"v.owner, v.domain, v.version_id, v.version, v.data_until, v.half_life, v.items, v.dims, v.interests, "  \
	"v.alpha, v.item_alpha, v.temperature, v.event_mass, v.dispersion, v.generalization IS NOT NULL, "       \
	"v.digest, v.items_table, v.interests_table, v.users_table"
#define UIML_SERVING_N_COLUMNS 19

extern void uiml_serving_read(TupleTableSlot *slot, UimlServing *serving);

/* The checks of uiml_serving_list: false where the version is to be left out. */
extern bool uiml_serving_is_usable(const UimlServing *serving, bool named);

/* A version, active or not, whose items can still be read; NULL where they were dropped by hand. */
extern UimlServing *uiml_serving_of_version(int64 version_id);

/*
 * uiml_act_as_owner / uiml_act_as_self
 *		Catalog writes and storage run as the domain's owner, in a security-restricted operation, after the
 *		caller's privilege has been checked by uiml_domain_get: tables then belong to the owner whoever
 *		trains, and no code of the owner's runs with the caller's rights.  An error restores the caller by
 *		itself.  uiml_act_as does the same for a role, and nothing where that is the caller already.
 */
typedef struct UimlActing
{
	Oid user;
	int context;
	int guc_level; /* 0: nothing was changed */
} UimlActing;

extern void uiml_act_as(Oid role, UimlActing *saved);
extern void uiml_act_as_owner(const UimlDomain *domain, UimlActing *saved);
extern void uiml_act_as_self(const UimlActing *saved);

/*
 * uiml_domain_lock
 *		One training, alteration or drop of a domain at a time, until the end of the transaction.  Waits.
 */
extern void uiml_domain_lock(int32 domain_id);

/*
 * uiml_domain_get and the lock; the domain as it is once the lock is held, perhaps altered or made anew
 * meanwhile.
 */
extern UimlDomain *uiml_domain_get_locked(const char *name, UimlPrivilege privilege);

/*
 * A new row of uiml.version is active from here on, the one before is not; also uiml.training_log,
 * uiml.evaluation.
 */
typedef struct UimlVersionRow
{
	int32 version;
	Oid trained_by;
	bool rls_bypassed;
	bool has_data_until;
	TimestampTz data_until;
	double half_life;
	int64 users;
	int64 items;
	int64 events;
	int dims;
	int interests;
	double explained;
	double silhouette;
	double alpha;
	double item_alpha;
	double temperature;
	double event_mass;
	double dispersion;
	const double *generalization; /* interests x interests, or NULL */
	const double *sigma;          /* dims */
	int64 digest;
	char *settings; /* JSON text */
	Oid items_table;
	Oid interests_table;
	Oid users_table;
} UimlVersionRow;

/* The number of the domain's next version, 1 for the first.  Call with the domain locked. */
extern int32 uiml_version_next(int32 domain_id);

/* Inserts the version as the only active one and returns its version_id.  Call as the owner. */
extern int64 uiml_version_activate(const UimlDomain *domain, const UimlVersionRow *row);

extern void uiml_training_log_add(const UimlDomain *domain, int32 version, Oid trained_by,
								  TimestampTz started, TimestampTz ended, const char *phases_json,
								  int64 memory);

typedef struct UimlEvaluationRow
{
	const char *metric;
	int k; /* 0: none */
	double value;
	double low;
	double high;
	const char *baseline;
	double baseline_value;
	int64 users;
} UimlEvaluationRow;

extern void uiml_evaluation_add(const UimlDomain *domain, int64 version_id, const UimlEvaluationRow *row);

/* Versions that are not active, oldest first, List of UimlRetired *; for clean-up. */
typedef struct UimlRetired
{
	int64 version_id;
	int32 version;
	TransactionId retired_by; /* xmin of its row: who switched it off */
	Oid items_table;
	Oid interests_table;
	Oid users_table;
} UimlRetired;

extern List *uiml_version_retired(int32 domain_id);
extern void uiml_version_forget(const UimlDomain *domain, int64 version_id);

/* Deletes a role's grant, InvalidOid: of PUBLIC; the number of rows, 0 where there was none. */
extern uint64 uiml_grant_delete(const UimlDomain *domain, Oid grantee);

/* The role of a name that something is granted to: 'public' is everybody, as in GRANT, InvalidOid. */
extern Oid uiml_grantee_oid(const char *role);

/* Registers a domain (its storage exists already) and returns its id.  Call as the owner-to-be. */
extern int32 uiml_domain_insert(const UimlDomain *domain);

/*
 * Writes back what an owner may change: all but id, name, owner and tables.  Delete takes versions and grants
 * along.
 */
extern void uiml_domain_update(const UimlDomain *domain);
extern void uiml_domain_delete(const UimlDomain *domain);

/* The owner of schema uiml's tables, whom their row-level security does not bind. */
extern Oid uiml_catalog_owner(void);

/* Whether a statement that asks for an id, $1, has a row, whoever may see it. */
extern bool uiml_catalog_has(const char *sql, int64 id);

/*
 * uiml_catalog_write
 *		Deletes or changes rows as the owner of the catalog; returns how many.
 *
 * DELETE can't be granted by column as INSERT and UPDATE are, and whoever has it on a table may LOCK it
 * against everybody; nor is UPDATE of what nobody may change by hand.  The statement names what the caller's rights were checked for.
 */
extern uint64 uiml_catalog_write(const char *sql, const UimlSqlParams *params);

/* Parts 'owner.shop' into owner (NULL for a bare name; palloc'd) and the bare name. */
extern const char *uiml_name_split(const char *name, char **owner);

/* The errors of a name: unknown (lists the domains there are), or owned by several roles (List of Oid). */
pg_noreturn extern void uiml_domain_unknown(const char *name);
pg_noreturn extern void uiml_domain_ambiguous(const char *name, List *owners);

#endif /* UIML_PG_CATALOG_H */
