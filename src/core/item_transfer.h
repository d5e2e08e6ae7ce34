/*
 * item_transfer.h
 *	  From what a user did in the source to the items of the target.
 *
 * A mixture of distributions over the target's items: the map (ridge from x to a target vector, scored as any
 * user's, core/ridge.h), what overlapping users with similar source histories chose, popularity among
 * overlapping users, and popularity in the domain.  Its weights maximise the likelihood of the items of users
 * in folds that the parts were not fitted on.
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

/* Pointers are the owner's: of the fit (uiml_item_transfer_free), or into a mapped file. */
typedef struct UimlItemTransfer
{
	size_t p;
	size_t q;
	size_t n_items;                   /* of the target */
	const float *w;                   /* p x q */
	const float *b;                   /* q */
	double weight[UIML_N_ITEM_PARTS]; /* sum to 1 */
	double temperature;               /* of the map's scores, as of UimlModel */
	double strength;                  /* beside a history: in items, as item_alpha of UimlModel */
	const float *overlap;             /* n_items: popularity among overlapping users */
	size_t neighbours;                /* how many are asked */
	double sharpness;                 /* a neighbour's say is his cosine to this power */
	size_t n_pool;                    /* users who may be asked */
	const float *pool_x;              /* n_pool x p, rows of length 1 */
	const uint64_t *pool_start;       /* n_pool + 1: into pool_item */
	const uint32_t *pool_item;
	bool used; /* the verdict */
} UimlItemTransfer;

typedef struct UimlItemEvidence
{
	UimlVerdict map; /* of the vectors */
	double gain;     /* nats per item over popularity in the domain, out of fold */
	double gain_se;
	double fold_gain[UIML_FOLDS];
} UimlItemEvidence;

/*
 * uiml_item_transfer_shares
 *		share (n_items) for a user with x (p) and no history in the target; sums to 1 over items whose share
 *		is not -INFINITY on entry (left out), the others are left out of all parts.
 */
extern UimlStatus uiml_item_transfer_shares(const UimlEnv *env, const UimlItemTransfer *transfer,
											const float *out, const float *popularity, const float *x,
											float *share);

/*
 * uiml_item_transfer_fit
 *		Fits and judges on the overlapping users.
 *
 * target: the model of the target, of which out, popularity, item_alpha and temperature are used
 * prior_w: p x q, the matrix W0, or NULL
 * stats (may be NULL): UIML_FOLDS statistics of x and y by fold, kept from before, instead of those of the overlap itself
 */
extern UimlStatus uiml_item_transfer_fit(const UimlEnv *env, const UimlOverlap *overlap,
										 const UimlModel *target, const double *prior_w,
										 const UimlTransferStats *const *stats, uint64_t seed,
										 UimlItemTransfer *transfer, UimlItemEvidence *evidence);
extern void uiml_item_transfer_free(const UimlEnv *env, UimlItemTransfer *transfer);

#endif /* UIML_ITEM_TRANSFER_H */
