/*
 * lstm.c
 *	  Shapes, and what a batch must look like.
 */
#include "core/lstm.h"

#include <math.h>

#include "core/lstm_check.h"

#define MAX_TOKENS ((size_t) 1 << 31)

/* Rows that a tensor of so many columns may have: some copies of all of them must fit in memory. */
static size_t
most(size_t columns)
{
	size_t rows = SIZE_MAX / 256 / columns;

	return rows < MAX_TOKENS ? rows : MAX_TOKENS;
}

bool
uiml_lstm_shape_valid(const UimlLstmShape *s)
{
	return s->embedding >= 1 && s->embedding <= UIML_LSTM_MAX_DIMS && s->hidden >= 1 &&
		   s->hidden <= UIML_LSTM_MAX_DIMS && s->tokens >= 1 && s->classes >= 1 &&
		   most(s->embedding) >= s->tokens && most(s->hidden) >= s->classes &&
		   (!s->tied || (s->embedding == s->hidden && s->tokens == s->classes + 1));
}

size_t
uiml_lstm_tensor_size(const UimlLstmShape *s, UimlLstmTensor tensor)
{
	if (!uiml_lstm_shape_valid(s))
		return 0;
	switch (tensor)
	{
		case UIML_LSTM_EMBEDDING:
			return s->tokens * s->embedding;
		case UIML_LSTM_KERNEL:
			return s->embedding * 4 * s->hidden;
		case UIML_LSTM_RECURRENT:
			return s->hidden * 4 * s->hidden;
		case UIML_LSTM_BIAS:
			return 4 * s->hidden;
		case UIML_LSTM_DENSE:
			return s->tied ? 0 : s->hidden * s->classes;
		case UIML_LSTM_DENSE_BIAS:
			return s->classes;
		case UIML_LSTM_N_TENSORS:
			break;
	}
	return 0;
}

size_t
uiml_lstm_size(const UimlLstmShape *shape)
{
	size_t size = 0;

	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
		size += uiml_lstm_tensor_size(shape, (UimlLstmTensor) i);
	return size;
}

bool
uiml_lstm_options_valid(const UimlLstmShape *shape, const UimlLstmOptions *o)
{
	return uiml_lstm_shape_valid(shape) && o->optimizer <= UIML_LSTM_ADAGRAD && o->learning_rate > 0 &&
		   isfinite(o->learning_rate) && o->clip_norm >= 0 && isfinite(o->clip_norm) && o->dropout >= 0 &&
		   o->dropout < 1 && (o->negatives == 0 || (shape->tied && o->share != NULL)) &&
		   o->negatives <= MAX_TOKENS && o->max_tokens >= 1 && o->max_tokens < MAX_TOKENS &&
		   o->max_sequences >= 1 && o->max_sequences <= o->max_tokens && o->max_steps >= 1 &&
		   o->max_steps <= o->max_tokens;
}

/* Tokens and targets in range; counts targets. */
static bool
positions_valid(const UimlLstmShape *shape, const UimlLstmBatch *b)
{
	size_t n_targets = 0;

	for (size_t i = 0; i < b->n_tokens; i++)
	{
		if (b->token[i] >= shape->tokens)
			return false;
		if (b->target[i] == UIML_LSTM_NO_TARGET)
			continue;
		if (b->target[i] >= shape->classes)
			return false;
		n_targets++;
	}
	return n_targets > 0 && n_targets == b->n_targets;
}

bool
uiml_lstm_batch_valid(const UimlLstmShape *shape, const UimlLstmOptions *options, const UimlLstmBatch *b)
{
	size_t sum = 0;

	if (b->steps == 0 || b->steps > options->max_steps || b->sequences > options->max_sequences ||
		b->n_tokens > options->max_tokens || b->rows[0] != b->sequences)
		return false;
	for (size_t t = 0; t < b->steps; t++)
	{
		if (b->rows[t] == 0 || (t > 0 && b->rows[t] > b->rows[t - 1]))
			return false;
		sum += b->rows[t];
	}
	return sum == b->n_tokens && positions_valid(shape, b);
}
