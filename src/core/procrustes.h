/*
 * procrustes.h
 *	  Rotating one space onto another by the items that both have, and carrying a transfer over.
 *
 * Each training turns the basis of a domain's space, so a transfer between earlier versions maps between
 * spaces that are no more.  With R_s and R_t the rotations of both sides, R_s' W R_t is the same map between
 * the new ones: the prior W0 of the next transfer (uiml_ridge_begin, uiml_verdict).  A caller
 *
 * - reads the in-vectors, in both versions, of the items that both versions of a domain have, in any order
 *   but the same in both, and gives each a weight, its number of users say;
 * - does so for the source and for the target domain;
 * - has uiml_align turn the earlier W.  Its intercept isn't needed: it is not penalised.
 *
 * A domain that has no new version is given as NULL.  Without common items there is no prior (UIML_EEMPTY).
 */
#ifndef UIML_PROCRUSTES_H
#define UIML_PROCRUSTES_H

#include "core/uiml.h"

/* Rows that are the same things in two spaces. */
typedef struct UimlSharedRows
{
	size_t n;
	size_t p;             /* dims of the space to be turned */
	size_t q;             /* dims of the space it is turned onto */
	const float *from;    /* n x p */
	const float *onto;    /* n x q */
	const double *weight; /* n, finite, >= 0, or NULL for 1 */
} UimlSharedRows;

/*
 * uiml_procrustes
 *		R that turns rows from into rows onto (Schönemann 1966): U V' of the singular value decomposition U S V'
 *		of from' diag(weight) onto.
 *
 * r:		receives p x q row-major.  p = q: orthogonal, a rotation or reflection.  p < q: R R' = I, lengths
 *			stay.  p > q: R'R = I, a projection, and its transpose takes the smaller space into the larger.
 *			It minimises sum weight |from R - onto|^2 for p <= q, and sum weight |from - onto R'|^2 for p >= q.
 * fit:		(may be NULL) receives the cosine between from R and onto, all rows as one long vector: 1 where they
 *			agree; for p > q that between from and onto R'
 *
 * Directions in which the rows don't vary are paired somehow.  Returns UIML_OK, UIML_EEMPTY (no row of positive
 * weight, or nothing but zeros on a side), UIML_EINVALID (a weight, or p or q of 0), UIML_ENOTFINITE,
 * UIML_ELIMIT, UIML_ENOMEM, UIML_EINTERRUPTED.  O(n p q + p q min(p, q)).
 */
extern UimlStatus uiml_procrustes(const UimlEnv *env, const UimlSharedRows *rows, double *r, double *fit);

/*
 * uiml_align
 *		Matrices of an earlier transfer, between the spaces that its domains have now.
 *
 * source, target: from is the earlier version, onto the new one.  NULL: that space is the same.
 * n, p, q:	of the earlier matrices w, n x p x q, rows first; source->p = p, target->p = q
 * aligned:	receives n x source->q x target->q (p or q where NULL): R_s' W R_t of each
 *
 * Returns the statuses of uiml_procrustes.
 */
extern UimlStatus uiml_align(const UimlEnv *env, const UimlSharedRows *source, const UimlSharedRows *target,
							 size_t n, size_t p, size_t q, const double *w, double *aligned);

#endif /* UIML_PROCRUSTES_H */
