/*
 * bert_model.h
 *	  An opened transformer, and the hidden states of a batch of token sequences.
 *
 * Internal to the files bert*.c.
 */
#ifndef UIML_BERT_MODEL_H
#define UIML_BERT_MODEL_H

#include "core/bert_format.h"

/* The view of an encoder of kind "bert". */
typedef struct UimlBertModel
{
	const unsigned char *bytes;
	UimlBertShape shape;
	UimlBertLayout at;
} UimlBertModel;

/*
 * Sequences one behind the other, without padding: a token is a row of every matrix, and all but attention
 * works on rows.  Sequence i has tokens start[i] .. start[i + 1] - 1.
 */
typedef struct UimlBertBatch
{
	size_t n;            /* sequences, at least 1 */
	const size_t *start; /* n + 1 */
	const uint32_t *ids; /* below the vocabulary */
	size_t longest;      /* tokens of the longest sequence */
	bool first_only;     /* of each sequence, only the first token's state is wanted */
	float *scratch;      /* uiml_bert_scratch floats, at a multiple of 64 bytes */
} UimlBertBatch;

/* Floats from a row of hidden states to the next. */
extern size_t uiml_bert_row(const UimlBertModel *model);

/* Floats that a batch of so many tokens takes; grows with both. */
extern size_t uiml_bert_scratch(const UimlBertModel *model, size_t tokens, size_t longest);

/*
 * uiml_bert_forward
 *		The last hidden states: row t of batch->scratch (hidden floats, uiml_bert_row apart) is that of token
 *		t; where only the first are wanted, row i is that of sequence i.
 *
 * A row depends on its own sequence only, bit for bit.  UIML_OK, UIML_EINTERRUPTED; UIML_ECORRUPT for an id
 * beyond the vocabulary; UIML_ENOTFINITE where states overflow.
 */
extern UimlStatus uiml_bert_forward(const UimlEnv *env, const UimlBertModel *model,
									const UimlBertBatch *batch);

#endif /* UIML_BERT_MODEL_H */
