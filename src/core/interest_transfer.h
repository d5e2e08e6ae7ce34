/*
 * interest_transfer.h
 *	  From a user's place in the source's space to his shares of the target's interests.
 *
 * share = (1 - e) softmax(b + B' x) + e average: multinomial logistic regression, fitted by L-BFGS
 * (core/logistic.h), mixed with an average of the target domain.  lambda, e, the average and alpha, the
 * strength of these shares beside a history in the target, are chosen by cross-validation over users, and so is
 * W_g, which says what else a history of few events makes likely.  All this is used only where its gain over the target's prior exceeds one standard error.
 */
#ifndef UIML_INTEREST_TRANSFER_H
#define UIML_INTEREST_TRANSFER_H

#include "core/overlap.h"

/* Pointers are the owner's: of the fit (uiml_interest_transfer_free), or into a mapped file. */
typedef struct UimlInterestTransfer
{
	size_t p;
	size_t k;             /* interests of the target */
	const float *coef;    /* p x k: B */
	const float *b;       /* k */
	const float *average; /* k: a distribution */
	const double
		*history;  /* k x k: W_g (core/generalize.h) of the masses of a user whom this serves; NULL for
							* the identity */
	double mixing; /* e, 0 .. 1 */
	double alpha;  /* strength beside a history, in units of the target's masses, > 0 */
	bool used;     /* the verdict */
} UimlInterestTransfer;

/* What the fit needs to know of the target. */
typedef struct UimlInterestTarget
{
	size_t k;                     /* interests, 1 .. UIML_LOGISTIC_MAX_CLASSES */
	const uint32_t *interest;     /* of each item, UINT32_MAX for none */
	const float *prior;           /* k: a distribution */
	double alpha;                 /* strength of the prior beside a history, in units of masses, > 0 */
	const double *generalization; /* k x k: the domain's own W_g, which masses meet first; NULL: none */
} UimlInterestTarget;

#define UIML_INTEREST_PENALTIES 8

/* One penalty of a path. */
typedef struct UimlInterestPoint
{
	double lambda; /* per event; falling */
	double loss;   /* nats per event, out of fold, at the best e and average; NaN: not tried */
} UimlInterestPoint;

/* What speaks for it, or against.  Losses are means over users of each one's nats per event. */
typedef struct UimlInterestEvidence
{
	size_t users;      /* with an event in an interest */
	double lambda;     /* per event */
	bool biased;       /* drawn towards the initial B */
	bool of_overlap;   /* the average is that of overlapping users, not the target's prior */
	double prior_loss; /* under the target's prior, users without history in the target */
	double loss;       /* the same under the transfer: each fold's as the others would have chosen it */
	double gain;       /* prior_loss - loss */
	double gain_se;    /* over users */
	double
		history_gain;   /* nats per hidden item by W_g, on users it wasn't fitted to; 0 where there is none */
	double alpha_ratio; /* of the transfer's strength to the prior's, both fitted on overlapping users */
	double fold_gain[UIML_FOLDS]; /* NaN: nobody */
	UimlInterestPoint path[UIML_INTEREST_PENALTIES];
} UimlInterestEvidence;

/*
 * uiml_interest_transfer_shares
 *		share (k) for x (p, of length 1).  O(p k), no allocation, no BLAS: it runs in predictions.
 */
extern void uiml_interest_transfer_shares(const UimlInterestTransfer *transfer, const float *x,
										  double *share);

/*
 * uiml_interest_transfer_fit
 *		Fits and judges on the overlapping users.
 *
 * initial (may be NULL): a transfer between the same spaces, which the new one may be drawn towards if that
 * helps.  It must not have been fitted on these users: those who are held out would have had their say.
 * seed: of which items count as observed while alpha is fitted
 *
 * Free with uiml_interest_transfer_free in any case.  Returns UIML_OK, also for what is not to be used;
 * UIML_EEMPTY where fewer than two fifths of the folds have a user with an event in an interest; UIML_EINVALID;
 * UIML_ENOTFINITE; UIML_ENOMEM; UIML_EINTERRUPTED.  Some 200 passes of uiml_logistic_add, O(n p k) each.
 */
extern UimlStatus uiml_interest_transfer_fit(const UimlEnv *env, const UimlOverlap *overlap,
											 const UimlInterestTarget *target,
											 const UimlInterestTransfer *initial, uint64_t seed,
											 UimlInterestTransfer *transfer, UimlInterestEvidence *evidence);
extern void uiml_interest_transfer_free(const UimlEnv *env, UimlInterestTransfer *transfer);

/* Bytes at the peak of a fit, without the overlap; saturates. */
extern size_t uiml_interest_transfer_memory(size_t n, size_t p, size_t k);

/*
 * uiml_interest_places
 *		Where a user is who did nothing but what is of one interest: place (k x p), rows of length 1 or 0.
 *
 * in: n_items x p, the items' in-vectors; interest: n_items, UINT32_MAX for none; weight: n_items, e.g. the
 * popularity
 */
extern void uiml_interest_places(const float *in, const uint32_t *interest, const float *weight,
								 size_t n_items, size_t p, size_t k, float *place);

/*
 * uiml_interest_links
 *		lift (n_source x k): the share of each target interest at a source interest's place over that under
 *		the prior; NaN for a place of length 0 or a prior of 0.
 */
extern void uiml_interest_links(const UimlInterestTransfer *transfer, const float *place, size_t n_source,
								const float *prior, double *lift);

#endif /* UIML_INTEREST_TRANSFER_H */
