/*
 * lbfgs.h
 *	  Smooth functions of many variables, minimised by limited-memory BFGS.
 */
#ifndef UIML_LBFGS_H
#define UIML_LBFGS_H

#include "core/uiml.h"

/*
 * Writes the value at x (n) and the gradient (n).  A value that is no finite number says that x is outside
 * the function's domain: the line search comes back.  Any status but UIML_OK ends the search and is returned.
 */
typedef UimlStatus (*UimlGradientFn)(void *ctx, const double *x, double *value, double *gradient);

typedef struct UimlLbfgsParams
{
	double tolerance;    /* of the gradient's norm, relative to that at the start, >= 0 */
	double enough;       /* a norm that is small whatever that at the start was, >= 0 */
	size_t most;         /* evaluations of the function, >= 1 */
	const double *scale; /* n, > 0: a guess of the inverse of the Hessian's diagonal; NULL: unknown */
} UimlLbfgsParams;

typedef struct UimlLbfgsResult
{
	double value;
	double first; /* norm of the gradient at the start */
	double norm;  /* and at the end */
	size_t evaluations;
	size_t iterations;
	bool converged; /* within either tolerance, or no step can be told from rounding */
} UimlLbfgsResult;

extern UimlLbfgsParams uiml_lbfgs_defaults(void);

/*
 * uiml_lbfgs
 *		Walks downhill from x (n), which receives the lowest point seen.
 *
 * Norms are Euclidean, in the variables divided by the roots of scale where that is given: half the square is
 * then about the decrease that is left.  No memory is taken after the start: 24 n doubles.  Returns UIML_OK, also where params->most evaluations did not suffice;
 * UIML_ENOTFINITE where the value or the gradient at the start is not finite; UIML_EINVALID; UIML_ENOMEM;
 * UIML_EINTERRUPTED, asked before each evaluation; what the function returned.
 */
extern UimlStatus uiml_lbfgs(const UimlEnv *env, UimlGradientFn f, void *ctx, size_t n,
							 const UimlLbfgsParams *params, double *x, UimlLbfgsResult *result);

#endif /* UIML_LBFGS_H */
