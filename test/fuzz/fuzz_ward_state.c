/*
 * fuzz_ward_state.c
 *	  The reader of uiml_ward's state on arbitrary bytes; what it accepts goes through every operation.
 *
 * Random bytes hardly ever carry a right head, so the first input byte may ask for one that fits the length.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/wardstate.h"

#define LIMIT 16

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* Magic, version, lengths for as many events of dim elements as the bytes hold; returns how many of them to use. */
static size_t
fit_head(uint8_t *bytes, size_t size, size_t dim)
{
	size_t n;

	if (size < UIML_WARD_BINARY_SIZE(dim, 0))
		return size;
	n = (size - UIML_WARD_HEADER) / (UIML_WARD_BINARY_SIZE(dim, 1) - UIML_WARD_HEADER);
	size = UIML_WARD_BINARY_SIZE(dim, n);
	memcpy(bytes, "uwst\1\0\0", 8);
	uiml_put_bytes(bytes + 8, size, 4);
	uiml_put_bytes(bytes + 12, dim, 4);
	uiml_put_bytes(bytes + 16, n, 4);
	uiml_put_bytes(bytes + 20, 0, 4);
	return size;
}

static UimlWardState *
state_new(size_t dim, size_t capacity)
{
	UimlWardState *state = malloc(UIML_WARD_STATE_SIZE(dim, capacity));

	if (state == NULL)
		abort();
	state->length_word = 0;
	uiml_ward_state_init(state, dim, capacity, 0);
	return state;
}

/* A state that was written reads back, and neither rows nor other states nor clustering make it trap. */
static void
use_state(const UimlWardState *state)
{
	static const float row[LIMIT] = {1, -1, 3e38f};
	static UimlWardCluster cluster[UIML_WARD_MAX_POINTS];
	size_t size = UIML_WARD_BINARY_SIZE(state->dim, state->n);
	UimlWardState *again = state_new(state->dim, state->n);
	UimlWardState *sum = state_new(state->dim, UIML_WARD_MAX_POINTS);
	UimlEnv env = uiml_env_malloc();
	uint8_t *written = malloc(size);
	size_t found;

	if (written == NULL)
		abort();
	uiml_ward_state_write(state, written);
	if (uiml_ward_state_read(written, state->dim, state->n, again) != UIML_OK || again->n != state->n)
		abort();
	sum->cut = state->cut;
	uiml_ward_state_add(sum, row, 0.5);
	uiml_ward_state_merge(sum, again);
	uiml_ward_state_merge(sum, state);
	(void) uiml_ward_state_clusters(&env, sum, cluster, &found);
	free(written);
	free(sum);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *bytes;
	size_t dim, n;

	if (size < 2)
		return 0;
	size--;
	bytes = malloc(size);
	if (bytes == NULL)
		return 0;
	memcpy(bytes, input + 1, size);
	if (input[0] % 4 != 0)
		size = fit_head(bytes, size, 1 + input[0] % LIMIT);
	if (uiml_ward_state_read_head(bytes, size, LIMIT, &dim, &n) == UIML_OK)
	{
		UimlWardState *state = state_new(dim, n);

		if (uiml_ward_state_read(bytes, dim, n, state) == UIML_OK)
			use_state(state);
		free(state);
	}
	free(bytes);
	return 0;
}
