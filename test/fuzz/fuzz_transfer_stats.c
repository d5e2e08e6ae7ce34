/*
 * fuzz_transfer_stats.c
 *	  The readers of transfer_stats and of the aggregates' state on arbitrary texts and bytes; what they
 *	  accept goes through every operation.
 *
 * The first input byte chooses: text, statistics or state, the latter two as they are or with a head that
 * fits their length, which random bytes hardly ever carry.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/transferio.h"
#include "core/transferrows.h"
#include "core/transferstate.h"

#define LIMIT      12
#define STATE_HEAD 40

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* Statistics that were read are written back as they came, and neither adding nor subtracting traps. */
static void
use_stats(const UimlTransferStats *stats)
{
	size_t size = UIML_TRANSFER_STATS_SIZE(stats->p, stats->q);
	size_t length = uiml_stats_binary_size(stats->p, stats->q), p, q;
	UimlEnv env = uiml_env_malloc();
	UimlTransferStats *sum = uiml_transfer_create(&env, stats->p, stats->q);
	uint8_t *bytes = malloc(length);

	if (sum == NULL || bytes == NULL)
		abort();
	uiml_stats_write(stats, bytes);
	if (uiml_stats_read_shape(bytes, length, &p, &q) != UIML_OK || uiml_stats_read(bytes, sum) != UIML_OK ||
		!uiml_stats_equal(stats, sum))
		abort();
	(void) uiml_transfer_merge(sum, stats);
	if (uiml_transfer_subtract(sum, stats) == UIML_OK && uiml_stats_check(sum) == UIML_EINVALID)
		abort();
	memcpy(sum, stats, size);
	(void) uiml_transfer_subtract(sum, stats);
	free(sum);
	free(bytes);
}

static void
read_text(const char *text, size_t size)
{
	UimlEnv env = uiml_env_malloc();
	UimlTextError error;
	UimlTransferStats *stats;
	size_t p, q;

	if (uiml_stats_text_shape(text, size, &p, &q, &error) != UIML_OK)
	{
		if (error.offset + error.length > size)
			abort();
		return;
	}
	stats = uiml_transfer_create(&env, p, q);
	if (stats == NULL)
		abort();
	if (uiml_stats_parse(text, size, stats, &error) == UIML_OK)
		use_stats(stats);
	free(stats);
}

static void
read_stats(const uint8_t *bytes, size_t size)
{
	UimlEnv env = uiml_env_malloc();
	UimlTransferStats *stats;
	size_t p, q;

	if (uiml_stats_read_shape(bytes, size, &p, &q) != UIML_OK)
		return;
	stats = uiml_transfer_create(&env, p, q);
	if (stats == NULL)
		abort();
	if (uiml_stats_read(bytes, stats) == UIML_OK)
		use_stats(stats);
	free(stats);
}

/* A state that was read is written back as it came, takes rows, merges with itself and is finished. */
static void
use_state(const uint8_t *bytes, size_t size, UimlTransferState *state)
{
	static const float row[LIMIT] = {1, -1, 3e38f};
	size_t state_size = uiml_transfer_state_size(state->p, state->q, state->prior != 0);
	UimlTransferState *other = malloc(state_size);
	UimlTransferStats *stats = malloc(UIML_TRANSFER_STATS_SIZE(state->p, state->q));
	double *scratch = malloc(uiml_transfer_state_scratch(state) * sizeof(double));
	uint8_t *written = malloc(size);

	if (other == NULL || stats == NULL || scratch == NULL || written == NULL ||
		uiml_transfer_state_binary_size(state) != size)
		abort();
	uiml_transfer_state_write(state, written);
	if (memcmp(bytes, written, size) != 0)
		abort();
	memcpy(other, state, state_size);
	for (int i = 0; i < UIML_TRANSFER_BLOCK; i++)
		uiml_transfer_state_add(state, row, row, .5);
	if (uiml_transfer_state_alike(state, other))
		uiml_transfer_state_merge(other, state);
	uiml_transfer_state_finish(other, stats, scratch);
	free(other);
	free(stats);
	free(scratch);
	free(written);
}

static void
read_state(const uint8_t *bytes, size_t size)
{
	UimlTransferState *state;
	size_t needed;

	if (uiml_transfer_state_read_size(bytes, size, &needed) != UIML_OK)
		return;
	state = calloc(1, needed);
	if (state == NULL)
		abort();
	if (uiml_transfer_state_read(bytes, state) == UIML_OK && state->p <= LIMIT && state->q <= LIMIT)
		use_state(bytes, size, state);
	free(state);
}

/* Rows of a fit by cross-entropy are written back as they came. */
static void
read_rows(const uint8_t *bytes, size_t size)
{
	UimlTransferState *state;
	uint8_t *written;
	size_t needed;

	if (uiml_transfer_rows_read_size(bytes, size, &needed) != UIML_OK)
		return;
	state = calloc(1, needed);
	written = malloc(size);
	if (state == NULL || written == NULL)
		abort();
	if (uiml_transfer_rows_read(bytes, state) == UIML_OK)
	{
		if (uiml_transfer_rows_binary_size(state) != size || !uiml_transfer_rows_alike(state, state))
			abort();
		uiml_transfer_rows_write(state, written);
		if (memcmp(bytes, written, size) != 0)
			abort();
	}
	free(state);
	free(written);
}

static void
put(uint8_t *bytes, size_t at, size_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[at + (size_t) i] = (uint8_t) (value >> (8 * i));
}

/* A head of statistics for p x 1 dimensions, as many as the bytes hold; returns how many of them to use. */
static size_t
fit_stats(uint8_t *bytes, size_t size)
{
	size_t p = 0;

	while (p < LIMIT && uiml_stats_binary_size(p + 1, 1) <= size)
		p++;
	if (p == 0)
		return size;
	size = uiml_stats_binary_size(p, 1);
	memcpy(bytes, "utst\1\0\0", 8);
	put(bytes, 8, size);
	put(bytes, 12, p);
	put(bytes, 16, 1);
	put(bytes, 20, 0);
	return size;
}

/* A head of a state of 2 x 1 dimensions with as many rows waiting as the bytes hold. */
static size_t
fit_state(uint8_t *bytes, size_t size)
{
	size_t stats = uiml_stats_binary_size(2, 1), pending;

	if (size < STATE_HEAD + stats)
		return size;
	pending = (size - STATE_HEAD - stats) / (4 * sizeof(double));
	pending = pending < UIML_TRANSFER_BLOCK ? pending : UIML_TRANSFER_BLOCK - 1;
	size = STATE_HEAD + stats + pending * 4 * sizeof(double);
	memcpy(bytes, "uxst\1\0\0", 8);
	put(bytes, 8, size);
	put(bytes, 12, 2);
	put(bytes, 16, 1);
	put(bytes, 20, pending);
	put(bytes, 24, bytes[24] % 3);
	put(bytes, 28, 0);
	memcpy(bytes + STATE_HEAD, "utst\1\0\0", 8);
	put(bytes, STATE_HEAD + 8, stats);
	put(bytes, STATE_HEAD + 12, 2);
	put(bytes, STATE_HEAD + 16, 1);
	put(bytes, STATE_HEAD + 20, 0);
	return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *bytes;

	if (size < 2)
		return 0;
	size--;
	bytes = malloc(size);
	if (bytes == NULL)
		return 0;
	memcpy(bytes, input + 1, size);
	switch (input[0] % 6)
	{
		case 0:
			read_text((const char *) bytes, size);
			break;
		case 1:
			read_stats(bytes, size);
			break;
		case 2:
			read_stats(bytes, fit_stats(bytes, size));
			break;
		case 3:
			read_state(bytes, size);
			break;
		case 4:
			read_state(bytes, fit_state(bytes, size));
			break;
		default:
			read_rows(bytes, size);
	}
	free(bytes);
	return 0;
}
