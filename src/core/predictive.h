/*
 * predictive.h
 *	  What a ridge says of one row: its prediction, the error of leaving it out, and how far off it may be.
 *
 * Everything comes from the decomposition (core/ridge.h), for any penalty and without a W, in O(p^2 + p q) for
 * a row: no allocation, no BLAS.  Callers check penalties by uiml_ridge_allows.
 */
#ifndef UIML_PREDICTIVE_H
#define UIML_PREDICTIVE_H

#include "core/ridge.h"

/*
 * uiml_ridge_predict
 *		y = x W + b, and the leverage of x.
 *
 * x:		p; may be of any row, of the fit or not
 * work:	2 p doubles
 * y:		receives q
 *
 * Returns 1 / weight + (x - mean)'(Cxx + lambda I)^-1 (x - mean), without the first term where there is no
 * intercept: the variance of the prediction in units of that of a row.
 */
extern double uiml_ridge_predict(const UimlRidge *ridge, double lambda, const double *x, double *work,
								 double *y);

/*
 * uiml_ridge_leave_one_out
 *		The squared error, summed over outputs, on a row of the fit when it is left out of it: exact.
 *
 * x, y:	p, q: a row that the statistics contain, with this weight; 0: one that they don't contain
 * work:	2 p + q doubles
 *
 * INFINITY where nothing else determines the fit at x.
 */
extern double uiml_ridge_leave_one_out(const UimlRidge *ridge, double lambda, const double *x,
									   const double *y, double weight, double *work);

/*
 * uiml_ridge_noise
 *		v' S v, S the covariance of residuals, of the sum of squares divided by n - df.
 *
 * stats:	those that the ridge was made of
 * v:		q
 * work:	2 p doubles
 *
 * INFINITY where no degree of freedom is left.  O(q^2 + p q), with a prior O(p^2) more; zeros in v cost
 * nothing.
 */
extern double uiml_ridge_noise(const UimlRidge *ridge, const UimlTransferStats *stats, double lambda,
							   const double *v, double *work);

#endif /* UIML_PREDICTIVE_H */
