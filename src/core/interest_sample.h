/*
 * interest_sample.h
 *	  What the files of interest transfers share: the users of a fit, and what is chosen on them.
 */
#ifndef UIML_INTEREST_SAMPLE_H
#define UIML_INTEREST_SAMPLE_H

#include "core/interest_transfer.h"
#include "core/logistic.h"

/* Users are held out in groups of two folds. */
#define UIML_INTEREST_GROUPS      5
#define UIML_INTEREST_GROUP_FOLDS (UIML_FOLDS / UIML_INTEREST_GROUPS)

/* Users with an event in an interest, in the order of their folds. */
typedef struct UimlInterestSample
{
	size_t n;
	size_t p;
	size_t k;
	const float *prior;                /* k: the target's */
	uint32_t *user;                    /* n: rows of the overlap */
	float *x;                          /* n x p */
	float *y;                          /* n x k: items by interest, scaled down where they are many */
	size_t fold_start[UIML_FOLDS + 1]; /* rows of fold f */
	double *count;                     /* UIML_INTEREST_GROUPS x k: sums of y */
	double *share;                     /* UIML_INTEREST_GROUPS x k: sums of users' shares */
} UimlInterestSample;

/* Free with uiml_interest_sample_free in any case. */
extern UimlStatus uiml_interest_sample_create(const UimlEnv *env, const UimlOverlap *overlap,
											  const UimlInterestTarget *target, UimlInterestSample *sample);
extern void uiml_interest_sample_free(const UimlEnv *env, UimlInterestSample *sample);

/* Rows of a group. */
static inline size_t
uiml_interest_group_start(const UimlInterestSample *sample, size_t group)
{
	return sample->fold_start[group * UIML_INTEREST_GROUP_FOLDS];
}

/*
 * uiml_interest_average
 *		average (k): the mean share of users outside of a group (UIML_INTEREST_GROUPS: of all), or the
 *		target's prior; classes without any have a little.
 */
extern void uiml_interest_average(const UimlInterestSample *sample, size_t group, bool of_overlap,
								  double *average);

/* share (k) = (1 - mixing) softmax(b + B' x) + mixing average. */
extern void uiml_interest_mixed_shares(const double *coef, size_t p, size_t k, const float *x, double mixing,
									   const double *average, double *share);

/*
 * uiml_interest_sample_fit
 *		coef, from where it is, for the users outside of a group (UIML_INTEREST_GROUPS: for all).
 */
extern UimlStatus uiml_interest_sample_fit(const UimlEnv *env, const UimlInterestSample *sample, size_t group,
										   const UimlLogisticSpace *space, const UimlLogisticParams *params,
										   double *coef);

/* What cross-validation chose. */
typedef struct UimlInterestChoice
{
	double lambda;
	bool biased;
	double mixing;
	bool of_overlap;
	double *coef; /* UIML_INTEREST_GROUPS x (p + 1) x k: fitted without the group */
} UimlInterestChoice;

/*
 * uiml_interest_choose
 *		Cross-validates penalties, mixtures and averages; fills evidence but for alpha_ratio.
 *
 * initial: p x k or NULL; choice->coef is the caller's to free in any case.
 */
extern UimlStatus uiml_interest_choose(const UimlEnv *env, const UimlInterestSample *sample,
									   const UimlLogisticSpace *space, const double *initial,
									   UimlInterestChoice *choice, UimlInterestEvidence *evidence);

/* Users that strengths are fitted to at the most. */
#define UIML_STRENGTH_USERS 4000

/* How transferred shares and a history in the target are weighed. */
typedef struct UimlInterestStrength
{
	double ratio;        /* of the transfer's alpha to the prior's */
	double *history;     /* k x k: W_g of the history's masses, or NULL; the caller's to free */
	double history_gain; /* nats per hidden item, of users it was not fitted to */
} UimlInterestStrength;

/*
 * uiml_interest_strength
 *		How much stronger than the prior the shares are beside a history: both are fitted to a part of each
 *		user's items, given the others.  W_g is fitted on the first half of the folds and judged on the other.
 */
extern UimlStatus uiml_interest_strength(const UimlEnv *env, const UimlOverlap *overlap,
										 const UimlInterestTarget *target, const UimlInterestSample *sample,
										 const UimlInterestChoice *choice, uint64_t seed,
										 UimlInterestStrength *strength);

#endif /* UIML_INTEREST_SAMPLE_H */
