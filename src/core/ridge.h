/*
 * ridge.h
 *	  Ridge regression from transfer statistics: every penalty from one decomposition.
 *
 * Rows x W + b approximate rows y.  W minimises the weighted squared error plus lambda |W - W0|^2, W0 a prior
 * or 0; the intercept b is not penalised.
 */
#ifndef UIML_RIDGE_H
#define UIML_RIDGE_H

#include "core/transfer.h"

#define UIML_RIDGE_PENALTIES 25

/* Penalties are in the unit of the eigenvalues: squared units of x times weight. */
typedef struct UimlRidge
{
	size_t p, q;
	double n;       /* rows */
	double weight;  /* sum of weights */
	bool intercept; /* false: b is 0 */
	double total;   /* sum of squared errors of the prior alone */
	double *value;  /* p: eigenvalues of Cxx, falling, >= 0 */
	double *vector; /* p x p: eigenvectors, in columns */
	double *z;      /* p x q: eigenvectors' (Cxy - Cxx W0) */
	double *energy; /* p: sums of squares of the rows of z */
	double *prior;  /* p x q: W0, NULL for 0 */
	double *mean_x; /* p; 0 without intercept */
	double *mean_y; /* q */
} UimlRidge;

/*
 * uiml_ridge_begin
 *		Decomposes the statistics.
 *
 * intercept: false fits through the origin; prior: p x q row-major, or NULL
 *
 * Free with uiml_ridge_free.  Returns UIML_OK, UIML_EEMPTY (no row), UIML_ENOTFINITE, UIML_ELIMIT,
 * UIML_ENOMEM, UIML_EINTERRUPTED.  O(p^3 + p^2 q) time, once for all penalties.
 */
extern UimlStatus uiml_ridge_begin(const UimlEnv *env, const UimlTransferStats *stats, bool intercept,
								   const double *prior, UimlRidge *ridge);
extern size_t uiml_ridge_memory(size_t p, size_t q); /* bytes at its peak */
extern void uiml_ridge_free(const UimlEnv *env, UimlRidge *ridge);

/*
 * uiml_ridge_error
 *		The mean squared error on the rows of the fit, summed over outputs.  df (may be NULL) receives the
 *		degrees of freedom.  O(p).
 */
extern double uiml_ridge_error(const UimlRidge *ridge, double lambda, double *df);

/*
 * uiml_ridge_gcv
 *		Generalised cross-validation (Golub, Heath & Wahba 1979): the mean squared error, summed over outputs,
 *		of leaving rows out, to within rounding of their leverage.  df (may be NULL) receives the degrees of
 *		freedom.  INFINITY where these are as many as there are rows.  O(p).
 */
extern double uiml_ridge_gcv(const UimlRidge *ridge, double lambda, double *df);

/*
 * uiml_ridge_penalties
 *		UIML_RIDGE_PENALTIES log-spaced penalties, rising, 1e-4 .. 1e4 times the mean eigenvalue; false where
 *		x doesn't vary (they are 0 then).
 */
extern bool uiml_ridge_penalties(const UimlRidge *ridge, double *lambda);

/* That of lowest GCV among them, the larger of two equal ones; INFINITY where x doesn't vary. */
extern double uiml_ridge_choose(const UimlRidge *ridge);

/*
 * uiml_ridge_solve
 *		W for a penalty lambda >= 0; INFINITY gives the prior.
 *
 * w:		receives p x q row-major
 * b:		receives q; may be NULL
 *
 * Returns the statuses of uiml_ridge_allows, UIML_ENOMEM, UIML_EINTERRUPTED.  O(p^2 q).
 */
extern UimlStatus uiml_ridge_solve(const UimlEnv *env, const UimlRidge *ridge, double lambda, double *w,
								   double *b);

/* UIML_OK; UIML_EINVALID for a negative lambda, UIML_ESINGULAR where lambda is 0 and Cxx has not full rank. */
extern UimlStatus uiml_ridge_allows(const UimlRidge *ridge, double lambda);

#endif /* UIML_RIDGE_H */
