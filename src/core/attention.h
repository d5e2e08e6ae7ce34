/*
 * attention.h
 *	  Self-attention of one text: softmax(scale q k') v for each head.
 */
#ifndef UIML_ATTENTION_H
#define UIML_ATTENTION_H

#include "core/kernels.h"
#include "core/uiml.h"

/*
 * tokens, heads, size: rows of the text, heads, and dimensions of a head; each > 0
 * q, k, v:	tokens x (heads * size), rows ld floats apart, head h in columns h * size on: columns of one matrix
 *			where Q, K and V are one product
 * scale:	>= 0, usually 1 / sqrt(size)
 * y:		receives tokens x (heads * size), rows ldy apart; may be q, not k or v
 * scratch:	uiml_attention_scratch(tokens, size) floats, best at a multiple of 64 bytes
 */
typedef struct UimlAttention
{
	size_t tokens, heads, size;
	const float *q, *k, *v;
	size_t ld;
	float scale;
	float *y;
	size_t ldy;
	float *scratch;
} UimlAttention;

/* Floats of scratch memory for so many tokens or less; about 25000 + tokens * (2 size + 12). */
extern size_t uiml_attention_scratch(size_t tokens, size_t size);

/*
 * uiml_attention
 *		Attends.  A row of y depends on this text only, and not on what else is computed.
 *
 * Returns UIML_OK or UIML_EINTERRUPTED.  4 tokens^2 heads size operations; nothing is allocated.
 */
extern UimlStatus uiml_attention(const UimlEnv *env, const UimlAttention *attention);

#endif /* UIML_ATTENTION_H */
