/*
 * fuzz_itemfile.c
 *	  uiml_itemfile_open on arbitrary bytes; whatever it accepts is read to the last byte.
 *
 * Random bytes hardly ever carry a right magic and total size, so the first input byte can ask for a written
 * file instead; the other bytes then are the damage done to it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/itemfile.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* Reads all that the view gives access to. */
static unsigned
read_all(const UimlItemFile *file)
{
	unsigned sum = 0;

	for (size_t i = 0; i < file->n_items * file->dims; i++)
		sum += file->out[i] > file->in[i];
	for (uint32_t i = 0; i < file->n_items; i++)
	{
		size_t length;
		const char *key = uiml_itemfile_key(file, i, &length);
		const char *title;

		sum += uiml_itemfile_find(file, key, length);
		for (size_t c = 0; c < length; c++)
			sum += (unsigned char) key[c];
		title = uiml_itemfile_title(file, i, &length);
		for (size_t c = 0; c < length; c++)
			sum += (unsigned char) title[c];
		sum += (file->popularity[i] > 0) + file->interest[i] + file->key_order[i];
	}
	return sum;
}

/* A good file of n_items items; receives its size. */
static char *
written_file(size_t n_items, size_t dims, size_t *size)
{
	const float vector[4] = {1, -2, 3, -4};
	UimlEnv env = uiml_env_malloc();
	UimlItemWriter writer;
	char *data;

	*size = uiml_itemfile_size(n_items, dims, 5 * n_items);
	data = malloc(*size);
	if (data == NULL || uiml_itemfile_begin(&writer, data, *size, n_items, dims, 5 * n_items) != UIML_OK)
		abort();
	for (size_t i = 0; i < n_items; i++)
	{
		char key = (char) ('z' - i);
		UimlItemRow row = {.out = vector, .in = vector, .popularity = 1, .key = &key, .key_length = 1};

		row.title = "film";
		row.title_length = 4;
		if (uiml_itemfile_put(&writer, &row) != UIML_OK)
			abort();
	}
	if (uiml_itemfile_finish(&env, &writer) != UIML_OK)
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
	UimlItemFile file;
	size_t length;
	uint8_t mode;
	char *data;

	if (size < 2)
		return 0;
	mode = input[0];
	if (mode % 2 == 1)
	{
		data = written_file(mode / 2 % 8, mode / 16 % 4, &length);
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
	if (uiml_itemfile_open(data, length, mode >= 0xC0, &file) == UIML_OK)
	{
		sink = read_all(&file);
		(void) sink;
	}
	free(data);
	return 0;
}
