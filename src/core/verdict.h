/*
 * verdict.h
 *	  Is a transfer to be trusted?  Cross-validation of the least-squares candidates from fold statistics.
 *
 * Candidates: the target's mean, ridge to 0, ridge to a prior matrix W0, and W0 alone (with an intercept).
 * For each fold the sum of the other folds is decomposed once and every penalty is scored on the held one,
 * without a look at rows.  The transfer is used where the best candidate's gain over the mean exceeds one
 * standard error; folds weigh by their rows.
 */
#ifndef UIML_VERDICT_H
#define UIML_VERDICT_H

#include "core/ridge.h"

#define UIML_RIDGE_PENALTIES 25

typedef enum UimlCandidate
{
	UIML_CANDIDATE_MEAN = 0,
	UIML_CANDIDATE_RIDGE,
	UIML_CANDIDATE_BIASED,
	UIML_CANDIDATE_PRIOR,
	UIML_N_CANDIDATES
} UimlCandidate;

/* One penalty of a path. */
typedef struct UimlPathPoint
{
	double lambda; /* for all rows; folds use it times their share of the weight */
	double df;
	double error; /* squares summed over outputs, averaged over rows, out of fold */
	double se;    /* over folds */
} UimlPathPoint;

typedef struct UimlVerdict
{
	UimlCandidate best;
	bool used;
	double lambda;                   /* of the best; INFINITY for the prior alone, NaN for the mean */
	double error[UIML_N_CANDIDATES]; /* NaN: absent */
	double gain;                     /* error of the mean less that of the best */
	double gain_se;                  /* over folds */
	double fold_gain[64];            /* n_folds */
	UimlPathPoint path[UIML_RIDGE_PENALTIES]; /* ridge to 0, or to the prior where that is better */
} UimlVerdict;

/*
 * uiml_verdict
 *		fold: n_folds (2 .. 64) statistics of disjoint rows, of the same p and q; prior: p x q or NULL.
 *
 * Returns UIML_OK, UIML_EEMPTY (fewer than two folds have a row), UIML_EINVALID, UIML_ENOTFINITE, UIML_ENOMEM,
 * UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_verdict(const UimlEnv *env, const UimlTransferStats *const *fold, size_t n_folds,
							   bool intercept, const double *prior, UimlVerdict *verdict);

#endif /* UIML_VERDICT_H */
