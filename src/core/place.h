/*
 * place.h
 *	  Places in the item space for what has a text but no history: new items, and texts that users wrote.
 */
#ifndef UIML_PLACE_H
#define UIML_PLACE_H

#include "core/model.h"

/*
 * uiml_model_place
 *		Ridge from the text vectors of items with history to their vectors, and by it vectors and an interest
 *		for items without, and for texts.
 *
 * params:	text, text_dims and col_scale are used; with UIML_FEATURES_TEXT, where texts are the space,
 *			nothing is
 *			predicted: texts are put into it as they are
 * n_texts: texts behind the items in params->text
 * model:	fitted, with interests; receives n_texts and their rows of in and interest, and the rows of items
 *			without history, whose popularity stays 0; text_weight stays 0 until it is tuned
 *
 * Where fewer than 20 items have both text and history, or texts tell nothing of behaviour (no penalty has a
 * lower GCV than the mean), nothing is placed, and n_texts stays 0.  Deterministic.  Returns UIML_OK,
 * UIML_ELIMIT, UIML_ENOMEM, UIML_EINTERRUPTED and UIML_ENOTFINITE; the model is to be freed after an error.
 * O(n p (p + d)) time for n rows.
 */
extern UimlStatus uiml_model_place(const UimlEnv *env, const UimlModelParams *params, size_t n_texts,
								   UimlModel *model);

/*
 * Bytes that uiml_model_place allocates at its peak, what it leaves in the model included.  With 0 items, what
 * texts add to the memory of a fit: by then the work of the decomposition, larger than a copy of the
 * in-vectors, is free.
 */
extern size_t uiml_place_memory(size_t n_items, size_t n_texts, size_t text_dims, size_t dims, size_t k);

#endif /* UIML_PLACE_H */
