/*
 * distill_reduce.h
 *	  Principal components of tokens' vectors, somewhat whitened.
 */
#ifndef UIML_DISTILL_REDUCE_H
#define UIML_DISTILL_REDUCE_H

#include "core/uiml.h"

/*
 * uiml_distill_reduce
 *		Turns n rows of x (hidden floats each) into *dims coordinates each along the directions of largest
 *		variance, of which each is divided by the fourth root of its variance; in place, row i ends up at x + i
 *		* *dims.  Rows of zeros take no part and stay.
 *
 * dims:		in: as many as are wanted; out: at most the rank of the rows about their mean
 * explained:	share of the variance that these directions have, before they are scaled
 *
 * Returns UIML_OK, UIML_EEMPTY (the rows don't differ), UIML_ENOTFINITE, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_distill_reduce(const UimlEnv *env, float *x, size_t n, size_t hidden, size_t *dims,
									  double *explained);

#endif /* UIML_DISTILL_REDUCE_H */
