/*
 * whitening.h
 *	  Whitening: vectors turned and scaled, so that the few directions in which all texts are alike don't drown
 *	  those in which they differ.
 *
 * For rows of mean m and covariance E L E' the matrix is W = E (L + e)^-1/2, with e = mean(L) for relaxed, 0
 * for full, and a vector x becomes (x - m) W (Mu & Viswanath 2018; Huang et al. 2021).  Directions that are
 * only noise are left out.  E alone would turn all vectors alike, so leaving out its transpose changes no
 * cosine.
 */
#ifndef UIML_WHITENING_H
#define UIML_WHITENING_H

#include "core/encoder.h"

/*
 * uiml_whitening_solve
 *		W from a covariance.
 *
 * cov:		dims x dims, symmetric; destroyed
 * vectors:	room for dims x dims
 * w:		receives dims x dims, row-major, scaled so that the mean of squares stays about what it was
 *
 * Returns UIML_OK, UIML_ENOMEM, UIML_ENOTFINITE.  O(dims^3).
 */
extern UimlStatus uiml_whitening_solve(const UimlEnv *env, UimlWhitening whitening, size_t dims, double *cov,
									   double *vectors, float *w);

/* offset (dims) = -m W */
extern void uiml_whitening_offset(size_t dims, const double *mean, const float *w, float *offset);

/*
 * uiml_row_covariance
 *		The mean (dims) and the covariance (dims x dims, both triangles) of rows of x: those that row names (n
 *		of them; NULL: the first n), but for rows of zeros, which are of no text.
 *
 * Returns UIML_OK, UIML_EEMPTY (fewer than two rows count), UIML_ENOMEM, UIML_EINTERRUPTED.  O(n dims^2).
 */
extern UimlStatus uiml_row_covariance(const UimlEnv *env, const float *x, size_t dims, const uint32_t *row,
									  size_t n, double *mean, double *cov);

/*
 * uiml_whitening_learn
 *		W and the mean (dims) from rows of x, as uiml_row_covariance takes them.
 *
 * Returns UIML_OK, UIML_EEMPTY (fewer than two rows count), UIML_ENOMEM, UIML_EINTERRUPTED, UIML_ENOTFINITE.
 * O(n dims^2 + dims^3) time, some 3 dims^2 doubles of workspace.
 */
extern UimlStatus uiml_whitening_learn(const UimlEnv *env, UimlWhitening whitening, const float *x,
									   size_t dims, const uint32_t *row, size_t n, float *w, double *mean);

/*
 * uiml_whitening_apply
 *		Each row of x (n x dims) becomes (x - mean) W, made unit; rows of zeros stay, and what is whitened to
 *		next to nothing becomes such a row.
 *
 * Returns UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_whitening_apply(const UimlEnv *env, const float *w, const double *mean, size_t dims,
									   float *x, size_t n);

/* Makes a row unit; false, and a row of zeros, where its length is not a positive number. */
extern bool uiml_unit_row(float *x, size_t dims);

#endif /* UIML_WHITENING_H */
