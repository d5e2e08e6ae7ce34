/*
 * fuzz_itemfile.c
 *	  uiml_itemfile_open on arbitrary bytes; whatever it accepts is read to the last byte.
 *
 * Random bytes hardly ever carry a right magic and total size, so the first input byte can ask for a header that
 * fits: then the offsets and item numbers are what is fuzzed.
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

/* Writes a header for n_items and dims, the text taking what is left; returns how many of the bytes to use. */
static size_t
fit_header(char *data, size_t size, size_t n_items, size_t dims)
{
	size_t fixed = uiml_itemfile_size(n_items, dims, 0);
	uint32_t numbers[2] = {1, (uint32_t) dims};
	uint64_t lengths[3];

	size -= size % 64;
	if (fixed == 0 || fixed > size)
		return size;
	lengths[0] = n_items;
	lengths[1] = size - fixed;
	lengths[2] = size;
	memcpy(data, "uimlitem", 8);
	memcpy(data + 8, numbers, 8);
	memcpy(data + 16, lengths, 24);
	memset(data + 40, 0, 16);
	return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	volatile unsigned sink;
	UimlItemFile file;
	uint8_t mode;
	char *data;

	if (size == 0)
		return 0;
	mode = *input++;
	size--;
	data = malloc(size > 0 ? size : 1);
	if (data == NULL)
		return 0;
	memcpy(data, input, size);
	if (mode % 2 == 1)
		size = fit_header(data, size, mode / 2 % 8, mode / 16 % 4);
	if (uiml_itemfile_open(data, size, mode >= 0xF0, &file) == UIML_OK)
	{
		sink = read_all(&file);
		(void) sink;
	}
	free(data);
	return 0;
}
