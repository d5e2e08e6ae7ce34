/*
 * item_transfer.h
 *	  From what a user did in the source to the items of the target.
 *
 * A mixture of distributions over the target's items: the map (ridge from x to a target vector, scored as any
 * user's, core/ridge.h), what overlapping users with similar source histories chose, popularity among
 * overlapping users, and popularity in the domain.  Its weights maximise the likelihood of the items of users
 * in folds that the parts were not fitted on.
 *
 * Similar is the cosine of source histories, item by item, items weighed by how rare they are.  Cosines of
 * vectors are worth less: they can't tell the one item that two users share from its surroundings.  So a
 * prediction is given the user's source items beside his vector.
 */
#ifndef UIML_ITEM_TRANSFER_H
#define UIML_ITEM_TRANSFER_H

#include "core/overlap.h"
#include "core/verdict.h"

typedef enum UimlItemPart
{
	UIML_PART_MAP = 0,
	UIML_PART_NEIGHBOURS,
	UIML_PART_OVERLAP,    /* popularity among overlapping users */
	UIML_PART_POPULARITY, /* of the domain */
	UIML_N_ITEM_PARTS
} UimlItemPart;

/* Users of the pool at most. */
#define UIML_POOL_USERS 20000

/*
 * Users whose choices are asked for, by their source items: those of item i are
 * user[item_start[i]] .. user[item_start[i + 1] - 1], and user v chose choice[choice_start[v]] ..
 * choice[choice_start[v + 1] - 1] in the target.
 */
typedef struct UimlItemPool
{
	size_t n_users;
	size_t n_source_items;
	size_t n_entries; /* of user */
	size_t n_choices;
	const float *rarity;          /* n_source_items: what sharing the item says, >= 0 */
	const float *scale;           /* n_users: what similarity counts, so that all say 1 on the average */
	const uint64_t *item_start;   /* n_source_items + 1, ascending from 0 to n_entries */
	const uint32_t *user;         /* n_entries, below n_users */
	const uint64_t *choice_start; /* n_users + 1, ascending from 0 to n_choices */
	const uint32_t *choice;       /* n_choices, below n_items */
} UimlItemPool;

/* Pointers are the owner's: of the fit (uiml_item_transfer_free), or into a mapped file. */
typedef struct UimlItemTransfer
{
	size_t p;
	size_t q;
	size_t n_items;      /* of the target */
	const float *w;      /* p x q */
	const float *b;      /* q */
	const float *fold_w; /* UIML_FOLDS x p x q: W without each fold; of a fit whose map is used, else NULL */
	double
		weight[UIML_N_ITEM_PARTS]; /* sum to 1: of somebody whose neighbours say as much as the average's */
	double temperature;            /* of the map's scores, as of UimlModel, > 0 */
	double strength;               /* beside a history: in items, as item_alpha of UimlModel, > 0 */
	const float *overlap;          /* n_items: popularity among overlapping users, sums to 1 */
	UimlItemPool pool;
	bool used; /* the verdict */
} UimlItemTransfer;

typedef struct UimlItemEvidence
{
	UimlVerdict map;              /* of the vectors */
	size_t users;                 /* that cross-validation looked at */
	size_t items;                 /* of theirs */
	double loss;                  /* nats per item, out of fold */
	double gain;                  /* nats per item over popularity in the domain, out of fold */
	double gain_se;               /* over folds */
	double fold_gain[UIML_FOLDS]; /* NaN: nobody of the fold was looked at */
} UimlItemEvidence;

/*
 * uiml_item_transfer_shares
 *		The expected shares of the next items of somebody without a history in the target.
 *
 * out, popularity: of the target's model, n_items x q and n_items
 * x:		p, of length 1
 * item:	his n_source source items; those that are not below pool.n_source_items count nothing
 * share:	n_items; on entry -INFINITY leaves an item out of all parts, and stays; the others receive shares that
 *			sum to 1
 *
 * The weight of neighbours grows with how much they have to say, so that somebody who shares rare items
 * with many is told more by them.  What a part can't tell (no neighbour, no score above 0) the other parts
 * tell in its place.  Returns UIML_OK,
 * UIML_ENOMEM, UIML_EINTERRUPTED.  O(n_items q + p q + entries of the pool that share an item with him): no
 * BLAS, it runs in predictions; n_items + n_users floats of workspace.
 */
extern UimlStatus uiml_item_transfer_shares(const UimlEnv *env, const UimlItemTransfer *transfer,
											const float *out, const float *popularity, const float *x,
											const uint32_t *item, size_t n_source, float *share);

/*
 * uiml_item_transfer_fit
 *		Fits and judges on the overlapping users.
 *
 * target: the model of the target, of which in, out, sigma, popularity and temperature are used; its users may
 * have been overlapping ones
 * prior: W0, or NULL
 * stats (may be NULL): UIML_FOLDS statistics of x and y by fold, kept from before, instead of those of the
 * overlap itself
 *
 * Without two folds that have users, nothing is fitted: used is false and the gain NaN.  Free with
 * uiml_item_transfer_free in any case.  Returns UIML_OK, UIML_EINVALID, UIML_ENOTFINITE, UIML_ELIMIT,
 * UIML_ENOMEM, UIML_EINTERRUPTED.  Every user is in the statistics, UIML_POOL_USERS in the pool; out of fold
 * 2,000 users at most are looked at, fewer where there are very many items: seconds.
 */
extern UimlStatus uiml_item_transfer_fit(const UimlEnv *env, const UimlOverlap *overlap,
										 const UimlModel *target, const UimlPrior *prior,
										 const UimlTransferStats *const *stats, uint64_t seed,
										 UimlItemTransfer *transfer, UimlItemEvidence *evidence);
extern void uiml_item_transfer_free(const UimlEnv *env, UimlItemTransfer *transfer);

#endif /* UIML_ITEM_TRANSFER_H */
