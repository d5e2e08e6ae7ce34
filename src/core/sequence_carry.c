/*
 * sequence_carry.c
 *	  The weights of a network carried over to other classes.
 *
 * A mean of rows is shorter than they are, which says less of a class the more it is a mixture: that is as it should be, as is
 * an output bias that is the mean of those of what a class is made of.
 */
#include "core/sequence_carry.h"

#include <math.h>
#include <string.h>

#define CHECK_ELEMENTS 0x40000 /* between two questions for an interrupt */

static bool
shapes_agree(const UimlLstmShape *from, const UimlClassMap *map, const UimlLstmShape *to)
{
	return uiml_lstm_shape_valid(from) && uiml_lstm_shape_valid(to) && from->embedding == to->embedding &&
		   from->hidden == to->hidden && from->tied == to->tied && from->classes == map->n_source &&
		   to->classes == map->n_target && from->tokens == from->classes + 1 && to->tokens == to->classes + 1;
}

static void
copy_tensor(const UimlLstmWeights *from, UimlLstmTensor tensor, UimlLstmWeights *to)
{
	memcpy(to->tensor[tensor], from->tensor[tensor],
		   uiml_lstm_tensor_size(&to->shape, tensor) * sizeof(float));
}

/* A target class's row, from rows of n elements; left as drawn where the map knows nothing. */
static void
carry_row(const UimlClassMap *map, size_t t, const float *from, size_t n, float *to)
{
	size_t first = map->row_start[t], end = map->row_start[t + 1];

	if (first == end)
		return;
	memset(to, 0, n * sizeof(float));
	for (size_t i = first; i < end; i++)
		for (size_t j = 0; j < n; j++)
			to[j] += map->weight[i] * from[map->source[i] * n + j];
}

/* A column of the output, whose rows are inputs. */
static void
carry_column(const UimlClassMap *map, size_t t, const UimlLstmWeights *from, UimlLstmWeights *to)
{
	const float *source = from->tensor[UIML_LSTM_DENSE];
	float *target = to->tensor[UIML_LSTM_DENSE];
	size_t p = from->shape.classes, q = to->shape.classes;

	if (map->row_start[t] == map->row_start[t + 1])
		return;
	for (size_t h = 0; h < to->shape.hidden; h++)
	{
		double sum = 0;

		for (size_t i = map->row_start[t]; i < map->row_start[t + 1]; i++)
			sum += (double) map->weight[i] * (double) source[h * p + map->source[i]];
		target[h * q + t] = (float) sum;
	}
}

/* Biases; classes of which nothing is known have the lowest of the others'. */
static void
carry_biases(const UimlClassMap *map, const float *from, float *to)
{
	float lowest = INFINITY;

	for (size_t t = 0; t < map->n_target; t++)
	{
		carry_row(map, t, from, 1, to + t);
		if (map->row_start[t] < map->row_start[t + 1] && to[t] < lowest)
			lowest = to[t];
	}
	for (size_t t = 0; t < map->n_target; t++)
	{
		if (map->row_start[t] == map->row_start[t + 1])
			to[t] = isfinite(lowest) ? lowest : 0;
	}
}

static UimlStatus
carry_classes(const UimlEnv *env, const UimlLstmWeights *from, const UimlClassMap *map, UimlLstmWeights *to)
{
	size_t D = to->shape.embedding, work = 0;

	memcpy(to->tensor[UIML_LSTM_EMBEDDING], from->tensor[UIML_LSTM_EMBEDDING], D * sizeof(float));
	for (size_t t = 0; t < map->n_target; t++)
	{
		carry_row(map, t, from->tensor[UIML_LSTM_EMBEDDING] + D, D,
				  to->tensor[UIML_LSTM_EMBEDDING] + (1 + t) * D);
		if (!to->shape.tied)
			carry_column(map, t, from, to);
		work += (map->row_start[t + 1] - map->row_start[t] + 1) * (D + to->shape.hidden);
		if (work < CHECK_ELEMENTS)
			continue;
		work = 0;
		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
	}
	carry_biases(map, from->tensor[UIML_LSTM_DENSE_BIAS], to->tensor[UIML_LSTM_DENSE_BIAS]);
	return UIML_OK;
}

UimlStatus
uiml_sequence_carry(const UimlEnv *env, const UimlLstmWeights *from, const UimlClassMap *map, UimlRng *rng,
					UimlLstmWeights *to)
{
	UimlStatus status;

	if (!shapes_agree(&from->shape, map, &to->shape))
		return UIML_EINVALID;
	status = uiml_lstm_init(env, rng, to);
	if (status != UIML_OK)
		return status;
	copy_tensor(from, UIML_LSTM_KERNEL, to);
	copy_tensor(from, UIML_LSTM_RECURRENT, to);
	copy_tensor(from, UIML_LSTM_BIAS, to);
	return carry_classes(env, from, map, to);
}
