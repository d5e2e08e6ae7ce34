/*
 * next_dense.h
 *	  Ridges from the vectors of a space: of interests, and of items where their number forbids full rank.
 */
#ifndef UIML_NEXT_DENSE_H
#define UIML_NEXT_DENSE_H

#include "core/next.h"

/*
 * uiml_next_fit_dense
 *		Fits ridge->w and b for the ridge's decay and steps, by the penalty with the lowest generalised cross-validation.
 *
 * Rows are the events of a source but the first of each sequence, no more than some hundred thousand: those of a random
 * sample of the sequences beyond.  Of interests a row's target is a unit vector, of items the in-vector.  w and b are
 * freed with uiml_free.  Returns UIML_OK, UIML_EEMPTY (no such event), UIML_ELIMIT (too many dimensions, or more than
 * memory), UIML_ENOTFINITE, UIML_ENOMEM, UIML_EINTERRUPTED, what the source returns.
 */
extern UimlStatus uiml_next_fit_dense(const UimlEnv *env, const UimlSequenceSource *source,
									  UimlNextTarget target, const UimlNextSpace *space, size_t n_classes,
									  size_t memory, UimlNextRidge *ridge);

/* Bytes at the peak of a fit. */
extern size_t uiml_next_dense_memory(UimlNextTarget target, const UimlNextSpace *space, size_t n_classes);

#endif /* UIML_NEXT_DENSE_H */
