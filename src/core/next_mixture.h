/*
 * next_mixture.h
 *	  Weights of a mixture of distributions, by expectation and maximisation.
 */
#ifndef UIML_NEXT_MIXTURE_H
#define UIML_NEXT_MIXTURE_H

#include "core/uiml.h"

#define UIML_MIXTURE_MAX 8

/*
 * uiml_mixture_fit
 *		The weights under which n events are most likely, given the share that each of k distributions gives them.
 *
 * share:	n x k row-major, >= 0; rows of zeros don't count
 * use:		n flags, or NULL for all
 * prior:	k, >= 0, sums to 1: counts as so many events as strength says, divided like it; where strength is 0 it is only
 *			where the search starts (a weight of 0 stays 0)
 * weight:	k: receives the weights, which sum to 1; the prior's where no event counts
 *
 * Each iteration makes sum of log(share' weight) + strength sum of prior log(weight) larger, until it changes by less than
 * 1e-7 for each event (Dempster, Laird & Rubin 1977), at most 200 times.  Returns UIML_OK, UIML_EINVALID (k of 0 or above
 * UIML_MIXTURE_MAX), UIML_EINTERRUPTED.  O(n k) an iteration, no allocation.
 */
extern UimlStatus uiml_mixture_fit(const UimlEnv *env, const float *share, const uint8_t *use, size_t n,
								   size_t k, const double *prior, double strength, double *weight);

#endif /* UIML_NEXT_MIXTURE_H */
