/*
 * model_score.h
 *	  Held-out users scored a batch at a time, and which way an item points.
 */
#ifndef UIML_MODEL_SCORE_H
#define UIML_MODEL_SCORE_H

#include "core/model.h"

/*
 * Users scored together, so that each item vector is read from memory once for several of them: for tuning
 * and judging.  Whoever fills a batch sets n and user; what follows works on users from .. to - 1 of it, so
 * that threads can share a batch.
 */
typedef struct UimlBatch
{
	size_t most;    /* users that have room */
	size_t n;       /* users in it */
	uint32_t *user; /* most: rows of the holdout */
	float *vector;  /* most x d: interest vectors */
	float *score;   /* most x n_items; -INFINITY for what a user has seen */
	double *total;  /* most: how many items a user is known by */
} UimlBatch;

/*
 * uiml_batch_create
 *		Room for as many users as keep their scores within some megabytes.
 *
 * Returns UIML_OK, UIML_ENOMEM; free with uiml_batch_free in any case.
 */
extern UimlStatus uiml_batch_create(const UimlEnv *env, const UimlModel *model, UimlBatch *batch);
extern void uiml_batch_free(const UimlEnv *env, UimlBatch *batch);

/* Folds in users from .. to - 1 of the batch by their rows of seen, with scores of 0. */
extern void uiml_batch_start(const UimlModel *model, const UimlInteractions *seen, UimlBatch *batch,
							 size_t from, size_t to);

/* Adds what dimensions first .. end - 1 contribute to the scores of users from .. to - 1. */
extern void uiml_batch_add(const UimlModel *model, size_t first, size_t end, UimlBatch *batch, size_t from,
						   size_t to);

/*
 * uiml_item_direction
 *		The unit vector along v * sigma, v an item's row of the singular vectors: how alike two items are is
 *		the product of their directions.
 *
 * vector:	the item's in- or out-vector, d; both are v times a positive factor
 * sigma:	d
 *
 * A = U sigma V' makes that product the cosine, over users, of two items' columns of the matrix that the
 * dimensions keep.  Cosines of in- or out-vectors themselves weigh a dimension that hardly any user shows
 * like the first one, and change with every scaling of the dimensions between the two.  An item without a
 * vector has direction 0.
 */
extern void uiml_item_direction(const float *vector, const double *sigma, size_t d, float *direction);

#endif /* UIML_MODEL_SCORE_H */
