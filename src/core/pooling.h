/*
 * pooling.h
 *	  The vectors of a text's tokens become one.
 */
#ifndef UIML_POOLING_H
#define UIML_POOLING_H

#include "core/bert_format.h"

/*
 * uiml_pool
 *		x (dims floats) of n rows, n > 0, of dims floats each, stride apart; UIML_POOLING_CLS looks at the
 *		first only.
 *
 * sum:		room for dims doubles
 */
extern void uiml_pool(UimlPooling pooling, const float *rows, size_t n, size_t dims, size_t stride,
					  double *sum, float *x);

#endif /* UIML_POOLING_H */
