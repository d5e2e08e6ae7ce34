/*
 * mmr.h
 *	  Maximal marginal relevance: a list of relevant things that are not all the same.
 */
#ifndef UIML_MMR_H
#define UIML_MMR_H

#include "core/uiml.h"

/* Writes to similarity (n) how similar each candidate is to the one just chosen. */
typedef void (*UimlSimilarityFn)(void *ctx, size_t chosen, double *similarity);

/*
 * uiml_mmr_select
 *		Chooses k of n candidates one after the other, each the one with the highest lambda relevance_i - (1 -
 *		lambda) max_j similarity_ij over the chosen j (Carbonell & Goldstein 1998); nothing is subtracted from
 *		the first.  Ties go to the lower index.
 *
 * relevance: n, finite, on the scale of the similarities.  lambda in 0 .. 1: 1 is the order of relevance.
 * similar: called once for each chosen candidate but the last; similarities are finite.
 * chosen: receives min(k, n) indexes, best first.
 *
 * Returns UIML_OK, UIML_EINVALID (lambda), UIML_ENOMEM, UIML_EINTERRUPTED.  O(n k) time beside similar, 17
 * bytes of workspace per candidate.
 */
extern UimlStatus uiml_mmr_select(const UimlEnv *env, const double *relevance, size_t n, double lambda,
								  UimlSimilarityFn similar, void *ctx, size_t k, size_t *chosen);

#endif /* UIML_MMR_H */
