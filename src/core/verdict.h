/*
 * verdict.h
 *	  Is a transfer to be trusted?  Cross-validation of the least-squares candidates from fold statistics.
 *
 * Candidates: the target's mean, ridge to 0, ridge to a prior matrix W0, and W0 alone (with an intercept).
 * For each fold the sum of the other folds is decomposed once and every penalty is scored on the held one,
 * without a look at rows; the figures are those that rows would give.  The transfer is used where its gain
 * over the mean, on folds that neither fitted nor chose, exceeds one standard error; folds weigh by their
 * rows.
 */
#ifndef UIML_VERDICT_H
#define UIML_VERDICT_H

#include "core/ridge.h"

#define UIML_MAX_FOLDS 64

typedef enum UimlCandidate
{
	UIML_CANDIDATE_MEAN = 0,
	UIML_CANDIDATE_RIDGE,
	UIML_CANDIDATE_BIASED,
	UIML_CANDIDATE_PRIOR,
	UIML_N_CANDIDATES
} UimlCandidate;

/*
 * A matrix W0.  One that was itself fitted on rows of the folds, or on what these users did before, has had
 * their say: it is judged on each fold as it is without that one.
 */
typedef struct UimlPrior
{
	const double *w;       /* p x q row-major: for the fit to all rows */
	const double *by_fold; /* n_folds x p x q: W0 without each fold; NULL where w knows nothing of the rows */
} UimlPrior;

/* One penalty of a path. */
typedef struct UimlPathPoint
{
	double lambda; /* the same in each fold: it stands for what is known of W, not for a number of rows */
	double df;     /* of a fit to all rows */
	double error;  /* squares summed over outputs, averaged over rows, out of fold */
	double se;     /* over folds */
} UimlPathPoint;

typedef struct UimlVerdict
{
	UimlCandidate best;              /* of lowest error; ties go to the mean, then to larger penalties */
	bool used;                       /* best is not the mean, and gain exceeds gain_se */
	double lambda;                   /* of the best; INFINITY for the prior alone, NaN for the mean */
	double error[UIML_N_CANDIDATES]; /* of each at its best penalty; NaN: absent */
	double se[UIML_N_CANDIDATES];    /* over folds */
	double gain;                     /* error of the mean less that of what the other folds choose for each */
	double gain_se;                  /* over folds */
	double fold_gain[UIML_MAX_FOLDS];         /* n_folds; NaN: the fold has no row */
	UimlPathPoint path[UIML_RIDGE_PENALTIES]; /* ridge to 0, penalties rising; all NaN where x is constant */
	UimlPathPoint biased[UIML_RIDGE_PENALTIES]; /* ridge to the prior; all NaN without one */
} UimlVerdict;

/*
 * uiml_verdict
 *		Judges all candidates on every fold, each fitted on the other folds.
 *
 * fold:	n_folds (2 .. UIML_MAX_FOLDS) statistics of disjoint rows, of the same p and q; empty ones are skipped
 * prior:	NULL: then two candidates are absent
 *
 * Penalties are those of uiml_ridge_choose: 1e-4 .. 1e4 times the mean eigenvalue of Cxx of all rows.  The fit
 * to keep is uiml_ridge_solve's on the sum of all folds with verdict->lambda, and with the prior where best is
 * not UIML_CANDIDATE_RIDGE.
 *
 * Returns UIML_OK, UIML_EEMPTY (fewer than two folds have a row), UIML_EINVALID, UIML_ENOTFINITE, UIML_ELIMIT,
 * UIML_ENOMEM, UIML_EINTERRUPTED.  O(n_folds (p^3 + p^2 q + n_folds (p + q)^2)) time.
 */
extern UimlStatus uiml_verdict(const UimlEnv *env, const UimlTransferStats *const *fold, size_t n_folds,
							   bool intercept, const UimlPrior *prior, UimlVerdict *verdict);
extern size_t uiml_verdict_memory(size_t p, size_t q); /* bytes at its peak, besides the folds */

#endif /* UIML_VERDICT_H */
