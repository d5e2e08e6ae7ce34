/*
 * minimise.h
 *	  The lowest point of a function of one variable.
 */
#ifndef UIML_MINIMISE_H
#define UIML_MINIMISE_H

#include "core/uiml.h"

typedef double (*UimlFunction)(void *ctx, double x);

/*
 * uiml_minimise
 *		The lowest of steps + 1 evenly spaced points of low .. high, then golden section (Kiefer 1953) between
 *		its neighbours, until they are closer than accuracy > 0.
 *
 * x, y: receive the lowest point seen and its value; ties go to the smaller x.  A NaN ends the search: y is
 * NaN and x is low.  Asks for an interrupt before each evaluation.  Returns UIML_OK, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_minimise(const UimlEnv *env, UimlFunction f, void *ctx, double low, double high,
								size_t steps, double accuracy, double *x, double *y);

#endif /* UIML_MINIMISE_H */
