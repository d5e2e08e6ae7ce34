/*
 * bert_forward.c
 *	  The layers of a transformer of the BERT family (Devlin et al. 2019), for a batch of sequences.
 *
 *		x = norm(word + position)			LayerNorm behind each sum, as BERT has it
 *		each layer:
 *			x = norm(x + attention(x Wqkv + b) Wout + b)
 *			x = norm(x + activation(x Wup + b) Wdown + b)
 *
 * Scratch memory is x, the queries, keys and values of all tokens (attention overwrites the queries), and the
 * feed-forward network's inner activations of a block of rows, which go through everything behind the
 * attention while they are in a near cache.
 */
#include <math.h>
#include <string.h>

#include "core/affine.h"
#include "core/attention.h"
#include "core/bert_model.h"

/* Rows of a block.  Weights come from the last cache once for each. */
#define BLOCK_ROWS ((size_t) 192)

/* Rows that are embedded between two questions for an interrupt. */
#define EMBED_ROWS ((size_t) 256)

/*
 * Of scratch, in floats: parts begin at multiples of 64 bytes, and their rows lie as uiml_affine_stride wants
 * them.
 */
typedef struct Parts
{
	float *x;         /* tokens x hidden */
	float *qkv;       /* tokens x 3 hidden */
	float *inner;     /* BLOCK_ROWS x ffn */
	float *attention; /* see uiml_attention_scratch */
	size_t ldx;
	size_t ldqkv;
	size_t ldinner;
} Parts;

static size_t
block_rows(size_t tokens)
{
	return tokens < BLOCK_ROWS ? tokens : BLOCK_ROWS;
}

size_t
uiml_bert_row(const UimlBertModel *model)
{
	return uiml_affine_stride(model->shape.hidden);
}

/* The strides of parts, for so many tokens; returns the floats of all before attention's. */
static size_t
measure_parts(const UimlBertModel *model, size_t tokens, Parts *parts)
{
	parts->ldx = uiml_bert_row(model);
	parts->ldqkv = uiml_affine_stride(3 * model->shape.hidden);
	parts->ldinner = uiml_affine_stride(model->shape.ffn);
	return tokens * (parts->ldx + parts->ldqkv) + block_rows(tokens) * parts->ldinner;
}

static void
lay_out(const UimlBertModel *model, size_t tokens, float *scratch, Parts *parts)
{
	size_t floats = measure_parts(model, tokens, parts);

	parts->x = scratch;
	parts->qkv = parts->x + tokens * parts->ldx;
	parts->inner = parts->qkv + tokens * parts->ldqkv;
	parts->attention = scratch + floats;
}

size_t
uiml_bert_scratch(const UimlBertModel *model, size_t tokens, size_t longest)
{
	Parts parts;

	return measure_parts(model, tokens, &parts) +
		   uiml_attention_scratch(longest, model->shape.hidden / model->shape.heads);
}

static const float *
floats_at(const unsigned char *bytes, size_t place)
{
	return (const float *) (const void *) (bytes + place);
}

static void
layer_norm(const UimlBertModel *model, const unsigned char *bytes, const UimlBertPlace *place, float *x,
		   size_t ldx, size_t rows)
{
	size_t d = model->shape.hidden;

	uiml_kernels()->layer_norm(x, rows, d, ldx, floats_at(bytes, place->weight),
							   floats_at(bytes, place->bias), model->shape.eps);
}

static UimlStatus
embed(const UimlEnv *env, const UimlBertModel *model, const UimlBertBatch *batch, float *x, size_t ldx)
{
	const UimlKernels *kernels = uiml_kernels();
	const UimlBertPlace norm = {.weight = model->at.norm_weight, .bias = model->at.norm_bias};
	const float *words = floats_at(model->bytes, model->at.words);
	const float *positions = floats_at(model->bytes, model->at.positions);
	size_t d = model->shape.hidden;

	for (size_t i = 0; i < batch->n; i++)
		for (size_t t = batch->start[i]; t < batch->start[i + 1]; t++)
		{
			if (t % EMBED_ROWS == 0 && uiml_interrupted(env))
				return UIML_EINTERRUPTED;
			if (batch->ids[t] >= model->shape.vocabulary)
				return UIML_ECORRUPT;
			kernels->add(words + batch->ids[t] * d, positions + (t - batch->start[i]) * d, d, x + t * ldx);
			layer_norm(model, model->bytes, &norm, x + t * ldx, ldx, 1);
		}
	return UIML_OK;
}

/* Each sequence by itself; the queries' place receives the result. */
static UimlStatus
attend(const UimlEnv *env, const UimlBertModel *model, const UimlBertBatch *batch, const Parts *parts)
{
	size_t d = model->shape.hidden;
	size_t size = d / model->shape.heads;
	UimlAttention attention = {.heads = model->shape.heads,
							   .size = size,
							   .ld = parts->ldqkv,
							   .scale = 1 / sqrtf((float) size),
							   .ldy = parts->ldqkv,
							   .scratch = parts->attention};
	UimlStatus status = UIML_OK;

	for (size_t i = 0; status == UIML_OK && i < batch->n; i++)
	{
		attention.tokens = batch->start[i + 1] - batch->start[i];
		attention.q = parts->qkv + batch->start[i] * parts->ldqkv;
		attention.k = attention.q + d;
		attention.v = attention.k + d;
		attention.y = parts->qkv + batch->start[i] * parts->ldqkv;
		status = uiml_attention(env, &attention);
	}
	return status;
}

/* Row i of x and of the attention's results becomes that of the first token of sequence i. */
static void
keep_first(const UimlBertModel *model, const UimlBertBatch *batch, const Parts *parts)
{
	size_t d = model->shape.hidden;

	for (size_t i = 1; i < batch->n; i++)
	{
		memcpy(parts->x + i * parts->ldx, parts->x + batch->start[i] * parts->ldx, d * sizeof(float));
		memcpy(parts->qkv + i * parts->ldqkv, parts->qkv + batch->start[i] * parts->ldqkv, d * sizeof(float));
	}
}

/* What a layer does behind its attention, on rows of x and of the attention's results from first on. */
static UimlStatus
finish_rows(const UimlEnv *env, const UimlBertModel *model, const unsigned char *layer, const Parts *parts,
			size_t first, size_t rows)
{
	const UimlBertLayout *at = &model->at;
	size_t d = model->shape.hidden;
	size_t ffn = model->shape.ffn;
	float *x = parts->x + first * parts->ldx;
	const float *attended = parts->qkv + first * parts->ldqkv;
	UimlAffine out = {.m = rows, .k = d, .n = d, .x = attended, .ldx = parts->ldqkv};
	UimlAffine up = {.m = rows, .k = d, .n = ffn, .x = x, .ldx = parts->ldx};
	UimlAffine down = {.m = rows, .k = ffn, .n = d, .x = parts->inner, .ldx = parts->ldinner};
	UimlStatus status;

	out.panels = floats_at(layer, at->out.weight);
	out.bias = floats_at(layer, at->out.bias);
	out.residual = x;
	out.ldr = parts->ldx;
	out.y = x;
	out.ldy = parts->ldx;
	status = uiml_affine(env, &out);
	if (status != UIML_OK)
		return status;
	layer_norm(model, layer, &at->attention_norm, x, parts->ldx, rows);
	up.panels = floats_at(layer, at->up.weight);
	up.bias = floats_at(layer, at->up.bias);
	up.activation = model->shape.activation;
	up.y = parts->inner;
	up.ldy = parts->ldinner;
	status = uiml_affine(env, &up);
	if (status != UIML_OK)
		return status;
	down.panels = floats_at(layer, at->down.weight);
	down.bias = floats_at(layer, at->down.bias);
	down.residual = x;
	down.ldr = parts->ldx;
	down.y = x;
	down.ldy = parts->ldx;
	status = uiml_affine(env, &down);
	if (status == UIML_OK)
		layer_norm(model, layer, &at->norm, x, parts->ldx, rows);
	return status;
}

/*
 * Weights may make numbers that overflow.  A query or key that did makes scores that are none, and these would
 * count as small ones; in the states, a maximum of rows would pass over them.
 */
static bool
rows_are_finite(const float *x, size_t rows, size_t d, size_t ld)
{
	const UimlKernels *kernels = uiml_kernels();

	for (size_t i = 0; i < rows; i++)
	{
		if (!kernels->is_finite(x + i * ld, d))
			return false;
	}
	return true;
}

static UimlStatus
run_layer(const UimlEnv *env, const UimlBertModel *model, const UimlBertBatch *batch, const Parts *parts,
		  size_t number)
{
	const unsigned char *layer = model->bytes + model->at.layers + number * model->at.layer_size;
	size_t d = model->shape.hidden;
	size_t rows = batch->start[batch->n];
	UimlAffine qkv = {.m = rows,
					  .k = d,
					  .n = 3 * d,
					  .x = parts->x,
					  .ldx = parts->ldx,
					  .y = parts->qkv,
					  .ldy = parts->ldqkv};
	UimlStatus status;

	qkv.panels = floats_at(layer, model->at.qkv.weight);
	qkv.bias = floats_at(layer, model->at.qkv.bias);
	status = uiml_affine(env, &qkv);
	if (status == UIML_OK && !rows_are_finite(parts->qkv, rows, 3 * d, parts->ldqkv))
		status = UIML_ENOTFINITE;
	if (status == UIML_OK)
		status = attend(env, model, batch, parts);
	if (batch->first_only && number == model->shape.layers - 1)
	{
		keep_first(model, batch, parts);
		rows = batch->n;
	}
	for (size_t i = 0; status == UIML_OK && i < rows; i += BLOCK_ROWS)
		status = finish_rows(env, model, layer, parts, i, block_rows(rows - i));
	return status;
}

UimlStatus
uiml_bert_forward(const UimlEnv *env, const UimlBertModel *model, const UimlBertBatch *batch)
{
	Parts parts;
	UimlStatus status;

	lay_out(model, batch->start[batch->n], batch->scratch, &parts);
	status = embed(env, model, batch, parts.x, parts.ldx);

	for (size_t i = 0; status == UIML_OK && i < model->shape.layers; i++)
		status = run_layer(env, model, batch, &parts, i);
	if (status == UIML_OK && !rows_are_finite(parts.x, batch->first_only ? batch->n : batch->start[batch->n],
											  model->shape.hidden, parts.ldx))
		status = UIML_ENOTFINITE;
	return status;
}
