/*
 * nnls.h
 *	  Non-negative least squares, and several transfer matrices stacked by it.
 */
#ifndef UIML_NNLS_H
#define UIML_NNLS_H

#include "core/transfer.h"

#define UIML_NNLS_MAX 1000

/*
 * uiml_nnls
 *		beta >= 0 that minimises beta' gram beta - 2 cross' beta (Lawson & Hanson 1974, on normal equations).
 *
 * gram:	k x k, symmetric, positive semidefinite; k 1 .. UIML_NNLS_MAX
 * cross:	k
 * beta:	receives k; of columns that say the same, one has it all
 *
 * Returns UIML_OK, UIML_ELIMIT, UIML_ENOTFINITE, UIML_ENOMEM, UIML_EINTERRUPTED.  O(k^4) at the worst; k^3
 * where few are not 0.
 */
extern UimlStatus uiml_nnls(const UimlEnv *env, size_t k, const double *gram, const double *cross,
							double *beta);

/*
 * uiml_transfer_stack
 *		Weights beta >= 0 of k matrices, such that x sum beta_k W_k + b comes closest to y.
 *
 * w:		k matrices, p x q row-major
 * intercept: false: b is 0
 * beta:	receives k
 * stacked:	receives p x q, sum beta_k W_k: a prior for uiml_ridge_begin
 * error:	(may be NULL) receives the mean squared error on the statistics, squares summed over outputs
 *
 * Returns those of uiml_nnls; UIML_EEMPTY (no row).  O(k p^2 q + k^2 p q).
 */
extern UimlStatus uiml_transfer_stack(const UimlEnv *env, const UimlTransferStats *stats, size_t k,
									  const double *const *w, bool intercept, double *beta, double *stacked,
									  double *error);

#endif /* UIML_NNLS_H */
