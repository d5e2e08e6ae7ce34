/*
 * transfer_serving.h
 *	  Transfers at work: what a user did in other domains, as shares of a target's interests and items.
 *
 * A transfer serves a caller where he may predict from both domains, both its versions are active, and its
 * verdict is positive.  Somebody who has a history in several sources gets the mean of what they say, each
 * weighed by its transfer's gain.
 */
#ifndef UIML_PG_TRANSFER_SERVING_H
#define UIML_PG_TRANSFER_SERVING_H

#include "postgres.h"

#include "core/transferfile.h"
#include "pg/prediction.h"
#include "pg/transfer_catalog.h"
#include "pg/transfer_links.h"

typedef enum UimlTransferUse
{
	UIML_TRANSFER_INTERESTS,
	UIML_TRANSFER_ITEMS
} UimlTransferUse;

/* One transfer, and the user it was last asked about, or a history in place of one. */
typedef struct UimlTransferSource
{
	UimlServing serving; /* of the source */
	bool own;            /* it is the caller's */
	UimlServed *served;
	UimlTransferRow row; /* transfer_id, digest and bytes only */
	double gain;         /* of what it is used for */
	const UimlTransferFile *file;
	bool *found;   /* users read at once: */
	float *vector; /* of each, dims */
	bool known;    /* the user has a history in the source: */
	float *x;      /* dims, of length 1 */
	int n_items;   /* asked for with UIML_TRANSFER_ITEMS */
	int32 *items;  /* n_items */
} UimlTransferSource;

/* The transfers into a target that serve the caller. */
typedef struct UimlTransfers
{
	const UimlServing *target;
	UimlTransferUse use;
	int n;
	UimlTransferSource *source;
} UimlTransfers;

/*
 * uiml_transfers_open
 *		Opens the transfers into a target's active version, for one use; none costs nothing where the target
 *		has none (serving->transfers).
 *
 * Left out, as uiml_state_open leaves out domains: a transfer whose bytes are damaged, unless the target is
 * one's own (DATA_CORRUPTED), and a source that can't be read, unless it is one's own.  Valid until the end of
 * the call's memory context.
 */
extern void uiml_transfers_open(UimlTransfers *transfers, const UimlState *target, UimlTransferUse use);

/*
 * uiml_transfers_user
 *		Reads what a user, of a key of some type, did in the sources; false where none of them knows him.
 *
 * Keys are the same where their text is.  A source that fails is left out from here on, or the error stands,
 * as above.
 */
extern bool uiml_transfers_user(UimlTransfers *transfers, Oid type, Datum key);

/*
 * uiml_transfers_users / uiml_transfers_choose
 *		The same for n users in one statement per source, and then for the i-th of them.  For
 *		UIML_TRANSFER_INTERESTS, in the caller's memory context.
 */
extern void uiml_transfers_users(UimlTransfers *transfers, Oid type, const Datum *key, int n);
extern bool uiml_transfers_choose(UimlTransfers *transfers, int i);

/* Two domains, and the transfer between their active versions. */
typedef struct UimlTransferSides
{
	UimlSide source;
	UimlSide target;
	const UimlTransferRow *row;
} UimlTransferSides;

/*
 * uiml_arg_sides
 *		The arguments source and domain of a history in another domain; false where source is NULL.
 *
 * Errors: as uiml_transfer_sides; NULL_VALUE_NOT_ALLOWED where domain is NULL and source is not.
 */
extern bool uiml_arg_sides(FunctionCallInfo fcinfo, int source_argument, int domain_argument,
						   UimlTransferSides *sides);

/*
 * uiml_transfers_history
 *		Opens one transfer, and asks it about a history in its source in place of a user.
 *
 * False where the verdict is against its use or the history has no known item.  Faults of either domain are
 * errors, since both were named.
 */
extern bool uiml_transfers_history(UimlTransfers *transfers, const UimlState *target, UimlTransferUse use,
								   const UimlTransferSides *sides, const UimlHistory *history);

/*
 * uiml_transfers_interests
 *		share (k of the target) of somebody whom one of the above found.  Returns their strength beside a
 *		history, alpha.
 */
extern double uiml_transfers_interests(const UimlTransfers *transfers, float *share);

/*
 * uiml_transfers_generalize
 *		mass (k of the target), what that user did in the target, as the transfers see it: times W_g, in place.
 */
extern void uiml_transfers_generalize(const UimlTransfers *transfers, float *mass);

/*
 * uiml_transfers_items
 *		share (n_items of the target) of somebody whom one of the above found, summing to 1 over the items
 *		that out does not leave out and 0 for those it does.  Returns their strength, item_alpha.
 */
extern double uiml_transfers_items(const UimlTransfers *transfers, const UimlItemFile *file, const bool *out,
								   float *share);

#endif /* UIML_PG_TRANSFER_SERVING_H */
