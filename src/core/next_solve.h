/*
 * next_solve.h
 *	  Ridges of full rank from item to item, kept sparse.
 *
 * W = (X'X + lambda I)^-1 X'Y with a feature and an output for each item.  X'X is sparse, since people do few of all
 * things, and the penalty makes it well conditioned: so the inverse is found row by row by conjugate gradients, 32
 * rows in a panel, in memory of the order of the Gram matrix.  For 12,000 items that is 13 MB beside 1.2 GB of a dense
 * factor, and faster.  Each row of W is cut to its largest weights as soon as it is known.
 */
#ifndef UIML_NEXT_SOLVE_H
#define UIML_NEXT_SOLVE_H

#include "core/next_events.h"

typedef struct UimlNextRidgeSpec
{
	/*
	 * false: x = decayed history, y = what came next.  true: x = y = whole sequences, and no item may predict itself:
	 * w_ij = - p_ij / p_jj off the diagonal, p the inverse (Steck 2019).
	 */
	bool together;
	float decay; /* of x, below 1 */
	size_t steps;
	double lambda; /* > 0 */
} UimlNextRidgeSpec;

/*
 * uiml_next_fit_links
 *		The weights of a ridge, the largest uiml_next_most_links of each class.
 *
 * memory: bytes, the links included; 0: no bound.  Free links with uiml_next_links_free.
 *
 * Returns UIML_OK; UIML_ELIMIT where memory doesn't suffice or it would take more than some minutes; UIML_ENOMEM;
 * UIML_EINTERRUPTED.  Some ten products of X'X with n vectors.
 */
extern UimlStatus uiml_next_fit_links(const UimlEnv *env, const UimlNextEvents *events,
									  const UimlNextRidgeSpec *spec, size_t memory, UimlNextLinks *links);

#endif /* UIML_NEXT_SOLVE_H */
