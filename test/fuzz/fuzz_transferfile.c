/*
 * fuzz_transferfile.c
 *	  uiml_transferfile_open on arbitrary bytes; whatever it accepts is read to the last byte.
 *
 * Random bytes hardly ever carry a right magic and total size, so the first input byte can ask for a written
 * file instead; the other bytes then are the damage done to it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/transferfile.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static unsigned
read_floats(const float *x, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i] > 0;
	return sum;
}

/* Reads all that the view gives access to. */
static unsigned
read_all(const UimlTransferFile *file)
{
	const UimlItemTransfer *items = &file->items;
	const UimlItemPool *pool = &items->pool;
	const UimlInterestTransfer *interests = &file->interests;
	unsigned sum = 0;

	if (interests->used)
		sum += read_floats(interests->coef, interests->p * interests->k) +
			   read_floats(interests->b, interests->k) + read_floats(interests->average, interests->k);
	for (size_t i = 0; interests->history != NULL && i < interests->k * interests->k; i++)
		sum += interests->history[i] > 0;
	if (!items->used)
		return sum;
	sum += read_floats(items->w, items->p * items->q) + read_floats(items->b, items->q) +
		   read_floats(items->overlap, items->n_items) + read_floats(pool->rarity, pool->n_source_items);
	for (size_t i = 0; i < pool->n_source_items; i++)
		for (uint64_t e = pool->item_start[i]; e < pool->item_start[i + 1]; e++)
			sum += pool->scale[pool->user[e]] > 0;
	for (size_t v = 0; v < pool->n_users; v++)
		for (uint64_t c = pool->choice_start[v]; c < pool->choice_start[v + 1]; c++)
			sum += items->overlap[pool->choice[c]] > 0;
	return sum;
}

/* A good file whose shape the bits of mode choose; receives its size. */
static char *
written_file(uint8_t mode, size_t *size)
{
	static const float x[64] = {.25f, -.5f, 1};
	static const float share[8] = {.5f, .5f};
	static const uint64_t start[4] = {0, 1, 1, 3};
	static const uint32_t item[3] = {0, 1, 0};
	static const uint32_t user[3] = {0, 0, 0};
	UimlItemTransfer items = {.p = 3,
							  .q = 2,
							  .n_items = 2 + mode / 8 % 4,
							  .w = x,
							  .b = x,
							  .weight = {1},
							  .temperature = 1,
							  .strength = 1,
							  .overlap = share,
							  .pool = {.n_users = mode / 32 % 4,
									   .n_source_items = 3,
									   .n_entries = 3,
									   .n_choices = start[mode / 32 % 4],
									   .rarity = share,
									   .scale = share,
									   .item_start = start,
									   .user = user,
									   .choice_start = start,
									   .choice = item},
							  .used = (mode & 2) != 0};
	static const double history[16] = {[0] = 1, [5] = 1, [10] = .5, [11] = .5, [15] = 1};
	UimlInterestTransfer interests = {.p = 3,
									  .k = 4,
									  .coef = x,
									  .b = x,
									  .average = share,
									  .history = mode & 128 ? history : NULL,
									  .alpha = 1,
									  .used = (mode & 4) != 0};
	char *data;

	if (!items.used)
		interests.used = true;
	*size = uiml_transferfile_size(&items, &interests);
	data = malloc(*size);
	if (data == NULL || uiml_transferfile_pack(&items, &interests, data, *size) != UIML_OK)
		abort();
	return data;
}

/* Each three bytes of the input are a position and a value. */
static void
damage(char *data, size_t size, const uint8_t *input, size_t length)
{
	for (size_t i = 0; i + 3 <= length; i += 3)
	{
		size_t at = ((size_t) input[i] << 8 | input[i + 1]) % size;

		data[at] = (char) input[i + 2];
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	volatile unsigned sink;
	UimlTransferFile file;
	size_t length;
	uint8_t mode;
	char *data;

	if (size < 2)
		return 0;
	mode = input[0];
	if (mode % 2 == 1)
	{
		data = written_file(mode, &length);
		damage(data, length, input + 1, size - 1);
	}
	else
	{
		length = size - 1;
		data = malloc(length);
		if (data == NULL)
			return 0;
		memcpy(data, input + 1, length);
	}
	if (uiml_transferfile_open(data, length, input[1] % 2 == 1, &file) == UIML_OK)
	{
		sink = read_all(&file);
		(void) sink;
	}
	/* whichever byte order it came in, it is safe in the other */
	if (uiml_transferfile_swap(data, length) == UIML_OK &&
		uiml_transferfile_open(data, length, false, &file) == UIML_OK)
	{
		sink = read_all(&file);
		(void) sink;
	}
	free(data);
	return 0;
}
