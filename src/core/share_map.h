/*
 * share_map.h
 *	  The linear map from shares of the source's interests to those of the target's.
 *
 * What the interest transfer is measured against: ridge regression of one distribution on the other, its
 * predictions clipped at 0 and normalised.
 */
#ifndef UIML_SHARE_MAP_H
#define UIML_SHARE_MAP_H

#include "core/uiml.h"

typedef struct UimlShareMap
{
	size_t p;  /* interests of the source */
	size_t k;  /* of the target */
	double *w; /* p x k */
	double *b; /* k */
} UimlShareMap;

/* Distributions of n users over the interests of both, and their folds. */
typedef struct UimlShareRows
{
	size_t n;
	size_t p;
	size_t k;
	const float *x;      /* n x p */
	const float *y;      /* n x k */
	const uint8_t *fold; /* n, below UIML_FOLDS */
} UimlShareRows;

/*
 * uiml_share_map_fit
 *		The map whose penalty cross-validation chooses: the mean of y where no map is better than that.
 *
 * held_out:	n x k, receives what maps predict that were fitted on the other folds
 *
 * Free with uiml_share_map_free.  Returns UIML_OK, UIML_EEMPTY (fewer than two folds have a user), UIML_ELIMIT,
 * UIML_ENOTFINITE, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_share_map_fit(const UimlEnv *env, const UimlShareRows *rows, float *held_out,
									 UimlShareMap *map);
extern void uiml_share_map_free(const UimlEnv *env, UimlShareMap *map);

/* The distribution (k) that the map makes of x (p). */
extern void uiml_share_map_predict(const UimlShareMap *map, const float *x, float *share);

#endif /* UIML_SHARE_MAP_H */
