/*
 * fuzz_vector_state.c
 *	  The reader of an aggregate's state on arbitrary bytes; what it accepts goes through every operation.
 *
 * Random bytes hardly ever carry a right head, so the first input byte may ask for one that fits the length.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/vectorstate.h"

#define LIMIT 16

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* Magic, version, lengths for as many dimensions as the bytes hold; returns how many of the bytes to use. */
static size_t
fit_head(uint8_t *bytes, size_t size)
{
	size_t dim;

	if (size < UIML_VECTOR_STATE_BINARY_SIZE(1))
		return size;
	dim = (size - UIML_VECTOR_STATE_HEADER) / sizeof(double);
	size = UIML_VECTOR_STATE_BINARY_SIZE(dim);
	memcpy(bytes, "uvst\1\0\0", 8);
	for (int i = 0; i < 4; i++)
	{
		bytes[8 + i] = (uint8_t) (size >> (8 * i));
		bytes[12 + i] = (uint8_t) (dim >> (8 * i));
	}
	return size;
}

/* A state that was read is written back as it came, and neither rows nor other states make it trap. */
static void
use_state(const uint8_t *bytes, size_t size, UimlVectorState *state, UimlVectorState *other)
{
	static const float row[LIMIT] = {1, -1, 3e38f};
	float result[LIMIT];
	uint8_t *written = malloc(size);

	if (written == NULL)
		abort();
	uiml_vector_state_write(state, written);
	if (memcmp(bytes, written, size) != 0)
		abort();
	free(written);

	memcpy(other, state, UIML_VECTOR_STATE_SIZE(state->dim));
	(void) uiml_vector_state_sum(state, result);
	(void) uiml_vector_state_mean(state, result);
	uiml_vector_state_add(state, row, 0.5, -12345);
	uiml_vector_state_merge(other, state);
	uiml_vector_state_add(other, row, 1e308, INT64_MAX);
	uiml_vector_state_merge(state, other);
	(void) uiml_vector_state_sum(state, result);
	(void) uiml_vector_state_mean(state, result);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *bytes;
	size_t dim;

	if (size < 2)
		return 0;
	size--;
	bytes = malloc(size);
	if (bytes == NULL)
		return 0;
	memcpy(bytes, input + 1, size);
	if (input[0] % 4 != 0)
		size = fit_head(bytes, size);
	if (uiml_vector_state_read_dim(bytes, size, LIMIT, &dim) == UIML_OK)
	{
		UimlVectorState *state = malloc(UIML_VECTOR_STATE_SIZE(dim));
		UimlVectorState *other = malloc(UIML_VECTOR_STATE_SIZE(dim));

		if (state == NULL || other == NULL)
			abort();
		state->length_word = 0;
		if (uiml_vector_state_read(bytes, dim, state) == UIML_OK)
			use_state(bytes, size, state, other);
		free(state);
		free(other);
	}
	free(bytes);
	return 0;
}
