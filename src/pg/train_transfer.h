/*
 * train_transfer.h
 *	  Training transfers between the active versions of domains.
 */
#ifndef UIML_PG_TRAIN_TRANSFER_H
#define UIML_PG_TRAIN_TRANSFER_H

#include "postgres.h"

#include "core/interest_transfer.h"
#include "core/item_transfer.h"
#include "core/matrix.h"
#include "pg/budget.h"
#include "pg/env.h"
#include "pg/overlap.h"
#include "pg/phases.h"
#include "pg/transfer_catalog.h"

/* What is to be trained. */
typedef struct UimlTransferOrder
{
	const UimlDomain *source; /* that the caller may predict from */
	const UimlDomain *target; /* that the caller may train */
	const UimlMatrix *prior;  /* W0, or NULL for the one that is there */
	bool incremental;
	bool named; /* both domains were, by the caller */
} UimlTransferOrder;

/*
 * uiml_transfer_train
 *		Trains and stores the transfer between two domains' active versions, or keeps the one there is where
 *		the order is incremental and no user is new.  The row, in the current memory context.
 *
 * Call with the pair locked and a snapshot that was taken afterwards.  Errors: those of uiml_serving_list and
 * of reading the tables; DATA_EXCEPTION for a prior of other dimensions; PROGRAM_LIMIT_EXCEEDED.
 */
extern UimlTransferRow *uiml_transfer_train(const UimlTransferOrder *order);

/*
 * uiml_transfer_train_again
 *		Trains the transfers into and out of a domain that has a new active version, as far as the caller has
 *		the rights; a NOTICE tells how many others have stopped serving, a WARNING which ones failed.
 */
extern void uiml_transfer_train_again(const UimlDomain *domain);

/*
 * uiml_transfer_try
 *		As uiml_transfer_train, in a subtransaction: a WARNING and NULL where it fails, by whose fault so ever, since
 *		one domain that can't be read is no reason to train no other.  A cancel still cancels.
 */
extern UimlTransferRow *uiml_transfer_try(const UimlTransferOrder *order);

/* Locks the pairs of all orders, a List of UimlTransferOrder *. */
extern void uiml_transfer_lock_orders(const List *orders);

/*
 * Between them read-only statements see what was committed until now, and what this transaction did: whoever
 * held a lock before us may have made other versions active.
 */
extern void uiml_transfer_snapshot_begin(void);
extern void uiml_transfer_snapshot_end(void);

/* A training under way: shared by train_transfer_fit.c and train_transfer_json.c, of no use elsewhere. */
typedef struct TransferTraining
{
	const UimlTransferOrder *order;
	MemoryContext context; /* "uiml transfer training" */
	UimlBudget budget;
	UimlPhases phases;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env; /* inner, watched by budget */
	UimlSide source;
	UimlSide target;
	UimlParts parts;
	UimlShared shared;                   /* the first part: all users, or a sample */
	UimlTransferStats *fold[UIML_FOLDS]; /* of all counted users */
	const uint64 *counted;               /* n_counted, ascending: of the stored transfer */
	size_t n_counted;
	uint64 *added; /* n_added: users counted by this training */
	size_t n_added;
	size_t added_room;
	UimlPrior prior;          /* W0; w is NULL where there is none */
	const char *prior_origin; /* "caller", "previous", "identity", or NULL */
	UimlItemTransfer items;
	UimlItemEvidence item_evidence;
	UimlInterestTransfer interests;
	UimlInterestEvidence interest_evidence;
	UimlTransferRow row;
} TransferTraining;

/* What the row's metrics tell: JSON text. */
extern char *uiml_transfer_metrics(const TransferTraining *training);

/* Sets prior and prior_origin: the caller's, that of the versions before, or the identity. */
extern void uiml_transfer_find_prior(TransferTraining *training);

/* "none", "mean", "ridge", "biased", "prior". */
extern const char *uiml_candidate_name(UimlCandidate candidate);

#endif /* UIML_PG_TRAIN_TRANSFER_H */
