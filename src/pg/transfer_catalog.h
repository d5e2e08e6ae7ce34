/*
 * transfer_catalog.h
 *	  Transfers as schema uiml keeps them.
 *
 * Rows are read under the caller's rights: their policy shows a transfer to those who may use both domains.
 * Nobody may write them, so what is read was written here; bytes are checked all the same where they are
 * opened, for a dump can be edited.
 */
#ifndef UIML_PG_TRANSFER_CATALOG_H
#define UIML_PG_TRANSFER_CATALOG_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/array.h"

#include "pg/catalog.h"

/* What speaks for one of the two things a transfer predicts; NaN where there is no number. */
typedef struct UimlTransferVerdict
{
	bool used;
	double gain;
	double gain_se;
	double lambda;
} UimlTransferVerdict;

/* A row of uiml.transfer without what is large. */
typedef struct UimlTransferRow
{
	int64 transfer_id;
	int32 source_domain_id;
	Oid source_owner;
	int64 source_version_id;
	int32 domain_id; /* of the target, as owner and version_id */
	Oid owner;
	int64 version_id;
	Oid trained_by;
	TimestampTz trained_at;
	int64 users;
	uint64 seed;               /* of folds; written, not read */
	const char *items_verdict; /* "none", "mean", "ridge", "biased", "prior" */
	UimlTransferVerdict items;
	UimlTransferVerdict interests;
	int64 digest;
	int64 bytes; /* 0: nothing to predict by */
} UimlTransferRow;

/* What is large: values of the types that the columns have, (Datum) 0 for NULL. */
typedef struct UimlTransferContents
{
	char *metrics;       /* JSON text */
	Datum matrix;        /* transfer_matrix */
	Datum fold_matrices; /* transfer_matrix[] */
	Datum interests;     /* transfer_matrix */
	Datum statistics;    /* transfer_stats[] */
	Datum counted;       /* bigint[], never NULL */
	const char *data;    /* row->bytes of them */
} UimlTransferContents;

/*
 * uiml_transfer_find
 *		The transfer from one version to another, or NULL where there is none that the caller may see.
 *
 * read_only: with the snapshot of the query (STABLE functions), else with one that sees all this transaction
 * did.
 */
extern UimlTransferRow *uiml_transfer_find(int64 source_version_id, int64 version_id, bool read_only);

/* Columns of "uiml.transfer t" for a statement of one's own, and the reader of its rows. */
#define UIML_TRANSFER_COLUMNS                                                                                \
	"t.transfer_id, t.source_domain_id, t.source_owner, t.source_version_id, t.domain_id, t.owner, "         \
	"t.version_id, t.trained_by, t.trained_at, t.users, t.items_verdict, t.items_used, t.items_gain, "       \
	"t.items_gain_se, t.items_lambda, t.interests_used, t.interests_gain, t.interests_gain_se, "             \
	"t.interests_lambda, t.digest, t.bytes"
#define UIML_TRANSFER_N_COLUMNS 21

extern UimlTransferRow *uiml_transfer_read(TupleTableSlot *slot);

/*
 * uiml_transfer_bytes
 *		The bytes of a transfer from its parts, row->bytes of them, in memory of context at an address that is
 *		a multiple of 8.  DATA_CORRUPTED where they are not all there.
 */
extern char *uiml_transfer_bytes(const UimlTransferRow *row, bool read_only, MemoryContext context);

/*
 * uiml_transfer_counted
 *		What an incremental training goes on from: the statistics, transfer_stats[], and hashes of users,
 *		bigint[], of a transfer, copied.  False where it has none of that seed.
 */
extern bool uiml_transfer_counted(int64 transfer_id, uint64 seed, Datum *statistics, Datum *counted);

/* The map of vectors between earlier versions of two domains. */
typedef struct UimlEarlierMap
{
	bool found;
	int64 source_version_id;
	int64 version_id;
	Datum matrix;        /* transfer_matrix */
	Datum fold_matrices; /* transfer_matrix[] */
} UimlEarlierMap;

/*
 * uiml_transfer_earlier
 *		The newest map that was used between other versions of a row's domains than the row's, and whose folds
 *		are those of row->seed; copied.
 */
extern void uiml_transfer_earlier(const UimlTransferRow *row, UimlEarlierMap *map);

/* Raises DATA_CORRUPTED: what is stored of a transfer is not what a training writes. */
pg_noreturn extern void uiml_transfer_refuse(void);

/*
 * uiml_transfer_put
 *		Stores a transfer in place of the one between the same versions.  The id is the caller's to read:
 *		row->transfer_id.  The caller's rights on both domains have been checked.
 */
extern void uiml_transfer_put(UimlTransferRow *row, const UimlTransferContents *contents);

/* A type of the extension; an underscore before its name means the array of it. */
extern Oid uiml_transfer_type(const char *name);

/* Deletes the transfers from one domain to another, between any versions; how many. */
extern uint64 uiml_transfer_delete(int32 source_domain_id, int32 domain_id);

/*
 * uiml_transfer_lock
 *		One training at a time of the transfers between two domains, in either direction, until the end of the
 *		transaction.  Waits.
 *
 * pair: all that are needed, at once: they are taken in an order that is everyone's.  Look up active versions
 * afterwards, with a new snapshot.
 */
typedef struct UimlDomainPair
{
	int32 domain_id;
	int32 other;
} UimlDomainPair;

extern void uiml_transfer_lock(const UimlDomainPair *pair, int n);

/*
 * uiml_transfer_lock_domain
 *		Keeps a new version of a domain and transfers that it doesn't know of apart, until the end of the
 *		transaction.  Waits.
 *
 * new_version: whoever has made one active, before looking for the domain's transfers; otherwise, before the
 * pairs are locked, each domain of a transfer that may be the first of its pair, in ascending order.  Either
 * the training of the domain then finds the transfer, or that of the transfer the new version.
 */
extern void uiml_transfer_lock_domain(int32 domain_id, bool new_version);

#endif /* UIML_PG_TRANSFER_CATALOG_H */
