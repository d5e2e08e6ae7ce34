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
 * The best distance of rows of n floats that are read as x: at least n, a multiple of 16, and never less for a larger
 * n.
 *
 * A tile reads some 1000 bytes of each of 6 or 12 rows again and again.  Rows that lie, say, 4096 bytes apart share
 * so few sets of the first cache that a product takes 2.5 times as long (1024 inputs, Zen 3).  Multiples of 11 or 25
 * lines of 64 bytes, and of what mirrors them, spread over the 64 sets; so few lines as don't go round don't collide.
 */
static inline size_t
uiml_affine_stride(size_t n)
{
	size_t lines = (n + 15) / 16;
	size_t turn = lines / 64 * 64, rest = lines % 64;

	if (lines <= 10)
		return lines * 16;
	if (rest > 53)
		turn += 64;
	rest = rest > 53 || rest <= 11 ? 11 : (rest - 11 + 13) / 14 * 14 + 11;
	return (turn + rest) * 16;
}

/*
 * uiml_affine
 *		Computes what affine says (see kernels.h) for any number of rows, m, k and n > 0.
 *
 * Returns UIML_OK or UIML_EINTERRUPTED.  2 m k n operations; nothing is allocated.
 */
extern UimlStatus uiml_affine(const UimlEnv *env, const UimlAffine *affine);

#endif /* UIML_AFFINE_H */
