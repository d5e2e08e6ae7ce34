/*
 * affine.h
 *	  Layers of a neural network over all rows of a batch, in steps between which work can be interrupted.
 */
#ifndef UIML_AFFINE_H
#define UIML_AFFINE_H

#include "core/kernels.h"
#include "core/uiml.h"

/* Floats of n outputs of k inputs each in panels. */
#define UIML_AFFINE_PANEL_FLOATS(k, n)                                                                       \
	(((n) + UIML_AFFINE_PANEL - 1) / UIML_AFFINE_PANEL * UIML_AFFINE_PANEL * (k))

/*
 * The best distance of rows of n floats that are read as x: an odd number of cache lines.  Rows that lie a multiple of
 * 2048 bytes apart share a few sets of the first cache, and a product with them takes up to 1.6 times as long.
 */
static inline size_t
uiml_affine_stride(size_t n)
{
	return ((n + 15) / 16 | 1) * 16;
}

/*
 * uiml_affine
 *		Computes what affine says (see kernels.h) for any number of rows, m, k and n > 0.
 *
 * Returns UIML_OK or UIML_EINTERRUPTED.  2 m k n operations; nothing is allocated.
 */
extern UimlStatus uiml_affine(const UimlEnv *env, const UimlAffine *affine);

#endif /* UIML_AFFINE_H */
