/*
 * item_fit.h
 *	  The fit of an item transfer under way: shared by item_transfer_fit.c, item_weights.c and item_strength.c, of
 *	  no use elsewhere.
 */
#ifndef UIML_ITEM_FIT_H
#define UIML_ITEM_FIT_H

#include "core/item_parts.h"
#include "core/item_transfer.h"

/* Users whose items are ranked, and who are observed to find the strength; items of each. */
#define UIML_RANKED_USERS 500
#define UIML_RANKED_ITEMS 20

/* Everything on its way from an overlap to a transfer. */
typedef struct UimlItemFit
{
	const UimlOverlap *overlap;
	const UimlModel *target;
	const UimlPrior *prior;
	uint64_t seed;
	UimlTransferStats *own[UIML_FOLDS]; /* made here, NULL where they were given */
	const UimlTransferStats *fold[UIML_FOLDS];
	UimlTransferStats *sum;
	uint8_t *pool_fold;
	UimlPartsBench bench;
	UimlPartsSample sample;
	double emphasis; /* of neighbours over what the likelihood gives them */
	UimlItemTransfer *transfer;
	UimlItemEvidence *evidence;
} UimlItemFit;

/* The distance between users of whom about n_wanted take part. */
extern size_t uiml_item_fit_step(const UimlItemFit *g, double n_wanted);

/* The distance between the items of u of which at most n are looked at. */
extern size_t uiml_item_fit_item_step(const UimlItemFit *g, size_t u, size_t n);

/* The shares of the map at temperature t, in power (n_items); false where no score is above 0. */
extern bool uiml_item_fit_raise(const UimlItemFit *g, double temperature, float *power);

/* What the parts but the neighbours say of the user on the bench (rest), not divided by their weights. */
extern void uiml_item_fit_mix(const UimlItemFit *g, size_t u, float *rest);

/* Temperature and weights of highest likelihood. */
extern UimlStatus uiml_item_fit_weights(const UimlEnv *env, UimlItemFit *g);

/* Lets neighbours say as much as ranks the items of some users best. */
extern UimlStatus uiml_item_fit_emphasis(const UimlEnv *env, UimlItemFit *g);

/* How many items of a history are worth as much as the transfer. */
extern UimlStatus uiml_item_fit_strength(const UimlEnv *env, UimlItemFit *g);

/* Gain over popularity in the domain by fold, its mean, and the standard error of that; the verdict. */
extern UimlStatus uiml_item_fit_judge(const UimlEnv *env, UimlItemFit *g);

#endif /* UIML_ITEM_FIT_H */
