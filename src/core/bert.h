/*
 * bert.h
 *	  Transformer encoders at the level of token ids.
 */
#ifndef UIML_BERT_H
#define UIML_BERT_H

#include "core/encoder.h"

/* Token ids in order, with those that go around a text. */
typedef struct UimlTokenIds
{
	const uint32_t *ids;
	size_t n; /* 1 .. max_tokens of the encoder */
} UimlTokenIds;

/*
 * uiml_bert_embed_ids
 *		As uiml_encoder_embed_all, of token ids instead of texts: tokens within words can't be written as text.
 *
 * encoder:	of kind UIML_ENCODER_BERT
 * x:		receives n x dims: the mean of a sequence's last hidden states, whatever the encoder's own pooling
 *			is, and not normalized
 *
 * UIML_EINVALID for an id or a length out of range.
 */
extern UimlStatus uiml_bert_embed_ids(const UimlEnv *env, const UimlEncoder *encoder,
									  const UimlTokenIds *sequence, size_t n, float *x);

#endif /* UIML_BERT_H */
