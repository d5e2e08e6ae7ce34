/*
 * ward.h
 *	  Hierarchical clustering by Ward's criterion, of some hundred points: somebody's several interests.
 */
#ifndef UIML_WARD_H
#define UIML_WARD_H

#include "core/uiml.h"

/* The distances of all pairs are held: 2 MB for this many points. */
#define UIML_WARD_MAX_POINTS 512

/* Two clusters become one. */
typedef struct UimlWardMerge
{
	uint32_t a;    /* lowest point of the one cluster, and of both together */
	uint32_t b;    /* lowest point of the other, > a */
	double height; /* sqrt(2 |A| |B| / (|A| + |B|)) times the distance of the two means */
} UimlWardMerge;

/*
 * uiml_ward_link
 *		The n - 1 merges that each add least to the sum of squared distances to the means (Ward 1963), in the
 *		order of their heights.  Two single points merge at their distance, and height^2 / 2 is what a merge
 *		adds to the sum.
 *
 * point:	n pointers to d elements, n <= UIML_WARD_MAX_POINTS
 * merge:	receives n - 1; heights ascend, and none is below those of the clusters that it joins
 *
 * Where several pairs are equally near, the points' order decides.  Returns UIML_OK, UIML_ELIMIT,
 * UIML_ENOTFINITE (distances overflow), UIML_ENOMEM, UIML_EINTERRUPTED.  O(n^2 d) time, n^2 doubles.
 */
extern UimlStatus uiml_ward_link(const UimlEnv *env, const float *const *point, size_t n, size_t d,
								 UimlWardMerge *merge);

/*
 * uiml_ward_cut
 *		The clusters that merges of a height up to cut make.  cluster (n) receives their numbers from 0, in
 *		the order of their lowest points.  Returns how many there are.
 */
extern size_t uiml_ward_cut(const UimlWardMerge *merge, size_t n, double cut, uint32_t *cluster);

/*
 * uiml_ward_medoid
 *		The point of a cluster with the least sum of squared distances to its points: the one nearest to their
 *		mean, the first where several are.
 *
 * cluster: n numbers; at least one is number.  mean: d doubles of workspace.
 */
extern size_t uiml_ward_medoid(const float *const *point, const uint32_t *cluster, size_t n, size_t d,
							   uint32_t number, double *mean);

#endif /* UIML_WARD_H */
