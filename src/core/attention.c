/*
 * attention.c
 *	  Self-attention as two products with packed operands.
 *
 * The keys of a head are to its queries what weights are to the rows of a layer: packed into panels, they
 * give the scores of a block of queries, whose softmax, again rows, is multiplied with the packed values.  A
 * block has so few queries that its scores stay in the second cache.  Its softmax is left undivided: its
 * product is divided instead, which is shorter.
 */
#include "core/attention.h"

#include "core/affine.h"

#define SCORES    ((size_t) 24576) /* of a block, but one tile of queries at least */
#define MIN_BLOCK ((size_t) 12)
#define MAX_BLOCK ((size_t) 96)
#define ROUND(n)  (((n) + UIML_AFFINE_PANEL - 1) / UIML_AFFINE_PANEL * UIML_AFFINE_PANEL)

/* The queries of one block. */
static size_t
block_rows(size_t tokens)
{
	size_t rows = SCORES / uiml_affine_stride(tokens) / MIN_BLOCK * MIN_BLOCK;

	return rows < MIN_BLOCK ? MIN_BLOCK : rows > MAX_BLOCK ? MAX_BLOCK : rows;
}

/* Floats of scores of a block for any number of tokens up to this one: fewer tokens may take more. */
static size_t
block_scores(size_t tokens)
{
	size_t stride = uiml_affine_stride(tokens);
	size_t most = MIN_BLOCK * stride > SCORES ? MIN_BLOCK * stride : SCORES;

	return most < MAX_BLOCK * stride ? most : MAX_BLOCK * stride;
}

size_t
uiml_attention_scratch(size_t tokens, size_t size)
{
	return UIML_AFFINE_PANEL_FLOATS(size, tokens) + UIML_AFFINE_PANEL_FLOATS(tokens, size) +
		   block_scores(tokens) + MAX_BLOCK;
}

/* One head, from its first column on. */
static UimlStatus
attend(const UimlEnv *env, const UimlAttention *attention, size_t column)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t tokens = attention->tokens, size = attention->size;
	size_t rows = block_rows(tokens), stride = uiml_affine_stride(tokens);
	float *keys = attention->scratch;
	float *values = keys + UIML_AFFINE_PANEL_FLOATS(size, tokens);
	float *scores = values + UIML_AFFINE_PANEL_FLOATS(tokens, size);
	float *share = scores + rows * stride;

	kernels->pack_outputs(attention->k + column, tokens, size, attention->ld, keys);
	kernels->pack_inputs(attention->v + column, tokens, size, attention->ld, values);
	for (size_t i = 0; i < tokens; i += rows)
	{
		size_t m = tokens - i < rows ? tokens - i : rows;
		UimlAffine score = {.m = m, .k = size, .n = ROUND(tokens)};
		UimlAffine mix = {.m = m, .k = tokens, .n = size};

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		score.x = attention->q + i * attention->ld + column;
		score.ldx = attention->ld;
		score.panels = keys;
		score.y = scores;
		score.ldy = stride;
		kernels->affine(&score);
		kernels->softmax(scores, m, tokens, stride, attention->scale, share);
		mix.x = scores;
		mix.ldx = stride;
		mix.panels = values;
		mix.factor = share;
		mix.y = attention->y + i * attention->ldy + column;
		mix.ldy = attention->ldy;
		kernels->affine(&mix);
	}
	return UIML_OK;
}

UimlStatus
uiml_attention(const UimlEnv *env, const UimlAttention *attention)
{
	for (size_t head = 0; head < attention->heads; head++)
	{
		UimlStatus status = attend(env, attention, head * attention->size);

		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}
