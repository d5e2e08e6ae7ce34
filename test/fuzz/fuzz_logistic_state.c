/*
 * fuzz_logistic_state.c
 *	  The reader of uiml_logistic_pass's state on arbitrary bytes; what it accepts goes through every operation.
 *
 * Random bytes hardly ever carry a right head, so the first input byte may ask for one that fits the length.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/logistic.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void *
allocate(size_t size)
{
	void *p = malloc(size);

	if (p == NULL)
		abort();
	return p;
}

/* Magic, version and p for as many rows of k as the bytes hold; returns how many of them to use. */
static size_t
fit_head(uint8_t *bytes, size_t size, size_t k)
{
	size_t rows;

	if (size < UIML_LOGISTIC_HEADER + 2 * k * sizeof(double))
		return size;
	rows = (size - UIML_LOGISTIC_HEADER) / (k * sizeof(double));
	memcpy(bytes, "uvlg\1\0\0", 8);
	uiml_put_bytes(bytes + 8, rows - 1, 4);
	uiml_put_bytes(bytes + 12, k, 4);
	return UIML_LOGISTIC_HEADER + rows * k * sizeof(double);
}

/* A state that was written reads back, and neither rows nor other states make it trap. */
static void
use_state(UimlLogisticState *state, size_t size)
{
	size_t length = uiml_logistic_binary_size(state);
	UimlLogisticState *again = allocate(size);
	uint8_t *written = allocate(length);
	float *x = calloc(state->p, sizeof(float));
	float *y = calloc(state->k, sizeof(float));
	double *room = calloc(state->k, sizeof(double));
	size_t found;

	if (x == NULL || y == NULL || room == NULL)
		abort();
	again->length_word = state->length_word = 0;
	uiml_logistic_write(state, written);
	if (uiml_logistic_read_size(written, length, &found) != UIML_OK || found != size)
		abort();
	uiml_logistic_read(written, again);
	if (memcmp(state, again, size) != 0)
		abort();
	x[0] = 3e38f;
	y[0] = 1;
	uiml_logistic_add_row(again, state->gradient, x, y, room);
	uiml_logistic_merge(again, state);
	uiml_logistic_shares(state->gradient, state->p, state->k, x, room);
	free(again);
	free(written);
	free(x);
	free(y);
	free(room);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *bytes;
	size_t found;

	if (size < 2)
		return 0;
	size--;
	bytes = allocate(size);
	memcpy(bytes, input + 1, size);
	if (input[0] % 4 != 0)
		size = fit_head(bytes, size, 1 + input[0] % 16);
	if (uiml_logistic_read_size(bytes, size, &found) == UIML_OK)
	{
		UimlLogisticState *state = allocate(found);

		uiml_logistic_read(bytes, state);
		use_state(state, found);
		free(state);
	}
	free(bytes);
	return 0;
}
