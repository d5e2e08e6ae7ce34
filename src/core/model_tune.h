/*
 * model_tune.h
 *	  What the parts of tuning have in common: which users, a batch at a time, and how their losses are told.
 */
#ifndef UIML_MODEL_TUNE_H
#define UIML_MODEL_TUNE_H

#include "core/model_score.h"

/*
 * A domain of ten users has one to tune on, whose single hidden item is best told by the end of every range:
 * no doubt at all, or no history.  So logarithms of parameters have a normal prior of this deviation about
 * the neutral values, worth one user or less: with a hundred users it is not noticed.
 */
#define UIML_TUNING_SPREAD 1.5

/* Users of a batch that a thread takes at a time. */
#define UIML_PIECE_USERS 4

static inline size_t
uiml_batch_pieces(const UimlBatch *batch)
{
	return (batch->n + UIML_PIECE_USERS - 1) / UIML_PIECE_USERS;
}

static inline size_t
uiml_batch_piece_end(const UimlBatch *batch, size_t piece)
{
	return piece + 1 < uiml_batch_pieces(batch) ? (piece + 1) * UIML_PIECE_USERS : batch->n;
}

/* Columns of row u. */
static inline size_t
uiml_row_length(const UimlInteractions *x, size_t u)
{
	return x->row_start[u + 1] - x->row_start[u];
}

/*
 * uiml_tuning_step
 *		Every step-th user, so that about n_wanted take part whatever order users come in: 100 at least and
 *		1,000 at most, where there are so many.
 */
extern size_t uiml_tuning_step(size_t n_users, double n_wanted);

/*
 * uiml_tuning_fill
 *		Fills the batch with the next users, from *at on in steps, that have both seen and hidden items, or
 *		seen texts, too (with_texts).  *at receives where to go on.
 */
extern void uiml_tuning_fill(UimlBatch *batch, const UimlHoldout *tuning, size_t step, bool with_texts,
							 size_t *at);

/*
 * uiml_model_writer_losses
 *		The mean nats per hidden item of each user who wrote texts, under the model's parameters; NaN for all
 *		others and for those of them who take no part.
 *
 * loss:	as many as tuning has users
 *
 * Returns UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_model_writer_losses(const UimlEnv *env, const UimlModel *model,
										   const UimlHoldout *tuning, double *loss);

#endif /* UIML_MODEL_TUNE_H */
