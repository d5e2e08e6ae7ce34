/*
 * interest_transfer.h
 *	  From a user's place in the source's space to his shares of the target's interests.
 *
 * share = (1 - e) softmax(b + B' x) + e average: multinomial logistic regression, fitted by L-BFGS
 * (core/logistic.h), mixed with an average of the target domain.  lambda, e, the average and alpha, the
 * strength of these shares beside a history in the target, are chosen by cross-validation over users.  It is
 * used only where its gain over the target's prior exceeds one standard error.
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
	double mixing;        /* e, 0 .. 1 */
	double alpha;         /* strength beside a history, in units of the target's masses, > 0 */
	bool used;            /* the verdict */
} UimlInterestTransfer;

/* What speaks for it, or against. */
typedef struct UimlInterestEvidence
{
	double lambda;     /* per event */
	double prior_loss; /* nats per event under the target's prior, users without history in the target */
	double loss;       /* the same under the transfer, out of fold */
	double gain;       /* prior_loss - loss */
	double gain_se;    /* over users */
	double fold_gain[UIML_FOLDS];
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
 * interest: of each target item, UINT32_MAX for none; prior: k, the target's; initial (may be NULL): an
 * earlier transfer between the same spaces, which the new one is drawn towards and starts from.
 */
extern UimlStatus uiml_interest_transfer_fit(const UimlEnv *env, const UimlOverlap *overlap,
											 const uint32_t *interest, const float *prior, size_t k,
											 const UimlInterestTransfer *initial, uint64_t seed,
											 UimlInterestTransfer *transfer, UimlInterestEvidence *evidence);
extern void uiml_interest_transfer_free(const UimlEnv *env, UimlInterestTransfer *transfer);

#endif /* UIML_INTEREST_TRANSFER_H */
