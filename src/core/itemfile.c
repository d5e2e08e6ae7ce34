/*
 * itemfile.c
 *	  Writing, checking and searching the packed items of a version.
 *
 * The offset of every part follows from n_items, dims and text_length, so a file holds no part offsets that
 * could lie: the reader computes the layout and compares its total with the length it was given.  What is
 * left to check are the offsets of keys and titles and the item numbers in key_order.
 */
#include <math.h>
#include <string.h>

#include "core/checksum.h"
#include "core/itemfile.h"
#include "core/parts.h"

#define ITEMFILE_MAGIC   "uimlitem"
#define ITEMFILE_VERSION 1

typedef struct ItemHeader
{
	char magic[8];
	uint32_t version;
	uint32_t dims;
	uint64_t n_items;
	uint64_t text_length;
	uint64_t size;
	uint64_t reserved[2];
	uint64_t checksum;
} ItemHeader;

_Static_assert(sizeof(ItemHeader) == 64, "the header fills one cache line");

/* Where each part starts, in bytes. */
typedef struct ItemLayout
{
	size_t out;
	size_t in;
	size_t popularity;
	size_t interest;
	size_t key_start;
	size_t title_start;
	size_t text;
	size_t key_order;
	size_t size;
} ItemLayout;

static bool
layout_compute(size_t n_items, size_t dims, size_t text_length, ItemLayout *layout)
{
	size_t at = sizeof(ItemHeader);
	size_t n_floats;

	/* UINT32_MAX stands for no item. */
	if (n_items >= UINT32_MAX || dims > UINT32_MAX || __builtin_mul_overflow(n_items, dims, &n_floats))
		return false;
	if (!uiml_part_place(&at, n_floats, sizeof(float), &layout->out) ||
		!uiml_part_place(&at, n_floats, sizeof(float), &layout->in) ||
		!uiml_part_place(&at, n_items, sizeof(float), &layout->popularity) ||
		!uiml_part_place(&at, n_items, sizeof(uint32_t), &layout->interest) ||
		!uiml_part_place(&at, n_items + 1, sizeof(uint64_t), &layout->key_start) ||
		!uiml_part_place(&at, n_items + 1, sizeof(uint64_t), &layout->title_start) ||
		!uiml_part_place(&at, text_length, 1, &layout->text) ||
		!uiml_part_place(&at, n_items, sizeof(uint32_t), &layout->key_order))
		return false;
	layout->size = at;
	return true;
}

size_t
uiml_itemfile_size(size_t n_items, size_t dims, size_t text_length)
{
	ItemLayout layout;

	return layout_compute(n_items, dims, text_length, &layout) ? layout.size : 0;
}

/* Of the whole file but for the checksum field, which ends the header.  size is a multiple of 64. */
static uint64_t
checksum_file(const char *data, size_t size)
{
	return uiml_checksum_block(data, size, sizeof(ItemHeader));
}

/* No NaN, no infinity: their exponent bits are all set. */
static bool
all_finite(const float *value, size_t n)
{
	uint32_t largest = 0;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t bits;

		memcpy(&bits, &value[i], sizeof(bits));
		bits &= UINT32_C(0x7F800000);
		largest = bits > largest ? bits : largest;
	}
	return largest < UINT32_C(0x7F800000);
}

/* Byte order; of two strings of which one starts with the other, the shorter first. */
static int
compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t common = a_length < b_length ? a_length : b_length;
	int order = common > 0 ? memcmp(a, b, common) : 0;

	return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int
compare_keys(const UimlItemFile *file, uint32_t a, uint32_t b)
{
	size_t a_length;
	size_t b_length;
	const char *a_key = uiml_itemfile_key(file, a, &a_length);
	const char *b_key = uiml_itemfile_key(file, b, &b_length);

	return compare_bytes(a_key, a_length, b_key, b_length);
}

/* A part, aligned to 64 bytes within the file. */
static const void *
part_of(const char *data, size_t start)
{
	return data + start;
}

static void *
writable_part_of(const UimlItemWriter *writer, size_t start)
{
	return writer->buffer + start;
}

/* Points a view at the parts of a file whose layout is known to fit. */
static void
view_set(UimlItemFile *file, const char *data, size_t n_items, size_t dims, size_t text_length,
		 const ItemLayout *layout)
{
	file->n_items = n_items;
	file->dims = dims;
	file->out = part_of(data, layout->out);
	file->in = part_of(data, layout->in);
	file->popularity = part_of(data, layout->popularity);
	file->interest = part_of(data, layout->interest);
	file->key_start = part_of(data, layout->key_start);
	file->title_start = part_of(data, layout->title_start);
	file->text = data + layout->text;
	file->text_length = text_length;
	file->key_order = part_of(data, layout->key_order);
}

/* ---------- writer ---------- */

UimlStatus
uiml_itemfile_begin(UimlItemWriter *writer, char *buffer, size_t size, size_t n_items, size_t dims,
					size_t text_length)
{
	ItemLayout layout;

	if (!layout_compute(n_items, dims, text_length, &layout) || layout.size != size ||
		(uintptr_t) buffer % sizeof(uint64_t) != 0)
		return UIML_EINVALID;
	memset(buffer, 0, size);
	*writer = (UimlItemWriter){.buffer = buffer,
							   .size = size,
							   .n_items = n_items,
							   .dims = dims,
							   .text_length = text_length,
							   .title_at = text_length};
	return UIML_OK;
}

UimlStatus
uiml_itemfile_put(UimlItemWriter *writer, const UimlItemRow *row)
{
	size_t item = writer->item_at;
	size_t dims = writer->dims;
	size_t room = writer->title_at - writer->key_at;
	char *buffer = writer->buffer;
	ItemLayout at;
	float *popularity;
	uint32_t *interest;
	uint64_t *key_start;
	uint64_t *title_start;

	if (!layout_compute(writer->n_items, dims, writer->text_length, &at) || item >= writer->n_items ||
		row->key_length > room || row->title_length > room - row->key_length)
		return UIML_EINVALID;
	if (!all_finite(row->out, dims) || !all_finite(row->in, dims) || !all_finite(&row->popularity, 1))
		return UIML_ENOTFINITE;

	popularity = writable_part_of(writer, at.popularity);
	interest = writable_part_of(writer, at.interest);
	key_start = writable_part_of(writer, at.key_start);
	title_start = writable_part_of(writer, at.title_start);
	if (dims > 0)
	{
		memcpy(buffer + at.out + item * dims * sizeof(float), row->out, dims * sizeof(float));
		memcpy(buffer + at.in + item * dims * sizeof(float), row->in, dims * sizeof(float));
	}
	popularity[item] = row->popularity;
	interest[item] = row->interest;
	key_start[item] = writer->key_at;
	/* Only its length: titles move when all are there. */
	title_start[item] = row->title_length;

	if (row->key_length > 0)
		memcpy(buffer + at.text + writer->key_at, row->key, row->key_length);
	writer->key_at += row->key_length;
	writer->title_at -= row->title_length;
	if (row->title_length > 0)
		memcpy(buffer + at.text + writer->title_at, row->title, row->title_length);
	writer->item_at++;
	return UIML_OK;
}

static void
reverse_bytes(char *bytes, size_t n)
{
	for (size_t i = 0; i < n / 2; i++)
	{
		char moved = bytes[i];

		bytes[i] = bytes[n - 1 - i];
		bytes[n - 1 - i] = moved;
	}
}

/*
 * Titles were put from the end of the text backwards, last item first.  Reversing all their bytes puts the
 * items in order, and reversing each title makes it readable again: no second copy of the text is needed.
 */
static void
writer_order_titles(UimlItemWriter *writer, const ItemLayout *at)
{
	char *text = writer->buffer + at->text;
	uint64_t *title_start = writable_part_of(writer, at->title_start);
	uint64_t start = writer->title_at;

	reverse_bytes(text + writer->title_at, writer->text_length - writer->title_at);
	for (size_t i = 0; i < writer->n_items; i++)
	{
		size_t length = title_start[i];

		reverse_bytes(text + start, length);
		title_start[i] = start;
		start += length;
	}
	title_start[writer->n_items] = start;
}

/*
 * Merges the ascending runs from[start .. middle) and from[middle .. end) into to.  False when interrupted:
 * asked once per 64 Ki items, whether they come in many short runs or in one long one.
 */
static bool
merge_runs(const UimlEnv *env, const UimlItemFile *file, const uint32_t *from, size_t start, size_t middle,
		   size_t end, uint32_t *to)
{
	size_t left = start;
	size_t right = middle;

	for (size_t i = start; i < end; i++)
	{
		bool take_left = right >= end || (left < middle && compare_keys(file, from[left], from[right]) <= 0);

		if (i % 65536 == 0 && uiml_interrupted(env))
			return false;
		to[i] = take_left ? from[left++] : from[right++];
	}
	return true;
}

/* Bottom-up merge sort of item numbers by key: O(n log n) whatever the keys. */
static UimlStatus
sort_keys(const UimlEnv *env, const UimlItemFile *file, uint32_t *order)
{
	UimlStatus status = UIML_OK;
	size_t n = file->n_items;
	uint32_t *scratch = uiml_alloc(env, n, sizeof(uint32_t));
	uint32_t *from = order;
	uint32_t *to = scratch;

	if (scratch == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t) i;
	for (size_t run = 1; run < n && status == UIML_OK; run *= 2)
	{
		uint32_t *sorted = to;

		for (size_t start = 0; start < n && status == UIML_OK; start += 2 * run)
		{
			size_t middle = n - start < run ? n : start + run;
			size_t end = n - middle < run ? n : middle + run;

			if (!merge_runs(env, file, from, start, middle, end, to))
				status = UIML_EINTERRUPTED;
		}
		to = from;
		from = sorted;
	}
	if (status == UIML_OK && from != order)
		memcpy(order, from, n * sizeof(uint32_t));
	uiml_free(env, scratch);
	return status;
}

/* Whether key_order lists the items in strictly ascending order of keys, which makes it a permutation. */
static bool
keys_ascend(const UimlItemFile *file)
{
	for (size_t i = 1; i < file->n_items; i++)
	{
		if (compare_keys(file, file->key_order[i - 1], file->key_order[i]) >= 0)
			return false;
	}
	return true;
}

UimlStatus
uiml_itemfile_finish(const UimlEnv *env, UimlItemWriter *writer)
{
	ItemHeader header = {.magic = ITEMFILE_MAGIC,
						 .version = ITEMFILE_VERSION,
						 .dims = (uint32_t) writer->dims,
						 .n_items = writer->n_items,
						 .text_length = writer->text_length,
						 .size = writer->size};
	ItemLayout at;
	UimlItemFile file;
	uint64_t *key_start;
	UimlStatus status;

	if (!layout_compute(writer->n_items, writer->dims, writer->text_length, &at) ||
		writer->item_at != writer->n_items || writer->key_at != writer->title_at)
		return UIML_EINVALID;
	key_start = writable_part_of(writer, at.key_start);
	key_start[writer->n_items] = writer->key_at;
	writer_order_titles(writer, &at);

	view_set(&file, writer->buffer, writer->n_items, writer->dims, writer->text_length, &at);
	status = sort_keys(env, &file, writable_part_of(writer, at.key_order));
	if (status == UIML_OK && !keys_ascend(&file))
		status = UIML_EINVALID;
	if (status != UIML_OK)
		return status;

	memcpy(writer->buffer, &header, sizeof(header));
	header.checksum = checksum_file(writer->buffer, writer->size);
	memcpy(writer->buffer, &header, sizeof(header));
	return UIML_OK;
}

/* ---------- reader ---------- */

/* Whether n + 1 offsets ascend from first to last. */
static bool
offsets_valid(const uint64_t *start, size_t n, uint64_t first, uint64_t last)
{
	if (start[0] != first || start[n] != last)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		if (start[i] > start[i + 1])
			return false;
	}
	return true;
}

/* Everything that accesses through the view rely on. */
static bool
view_is_safe(const UimlItemFile *file)
{
	uint64_t titles = file->key_start[file->n_items];

	if (titles > file->text_length || !offsets_valid(file->key_start, file->n_items, 0, titles) ||
		!offsets_valid(file->title_start, file->n_items, titles, file->text_length))
		return false;
	for (size_t i = 0; i < file->n_items; i++)
	{
		if (file->key_order[i] >= file->n_items)
			return false;
	}
	return true;
}

UimlStatus
uiml_itemfile_open(const char *data, size_t size, bool verify, UimlItemFile *file)
{
	ItemHeader header;
	ItemLayout layout;

	if ((uintptr_t) data % sizeof(uint64_t) != 0)
		return UIML_EINVALID;
	if (size < sizeof(header))
		return UIML_ECORRUPT;
	memcpy(&header, data, sizeof(header));
	if (memcmp(header.magic, ITEMFILE_MAGIC, sizeof(header.magic)) != 0 ||
		header.version != ITEMFILE_VERSION || header.reserved[0] != 0 || header.reserved[1] != 0 ||
		header.n_items > SIZE_MAX || header.text_length > SIZE_MAX || header.size != size)
		return UIML_ECORRUPT;
	if (!layout_compute(header.n_items, header.dims, header.text_length, &layout) || layout.size != size)
		return UIML_ECORRUPT;
	if (verify && header.checksum != checksum_file(data, size))
		return UIML_ECORRUPT;

	view_set(file, data, header.n_items, header.dims, header.text_length, &layout);
	if (!view_is_safe(file))
		return UIML_ECORRUPT;
	if (verify && (!all_finite(file->out, file->n_items * file->dims) ||
				   !all_finite(file->in, file->n_items * file->dims) ||
				   !all_finite(file->popularity, file->n_items) || !keys_ascend(file)))
		return UIML_ECORRUPT;
	return UIML_OK;
}

const char *
uiml_itemfile_key(const UimlItemFile *file, uint32_t item, size_t *length)
{
	*length = file->key_start[item + 1] - file->key_start[item];
	return file->text + file->key_start[item];
}

const char *
uiml_itemfile_title(const UimlItemFile *file, uint32_t item, size_t *length)
{
	*length = file->title_start[item + 1] - file->title_start[item];
	return file->text + file->title_start[item];
}

uint32_t
uiml_itemfile_find(const UimlItemFile *file, const char *key, size_t length)
{
	size_t low = 0;
	size_t high = file->n_items;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;
		uint32_t item = file->key_order[middle];
		size_t found_length;
		const char *found = uiml_itemfile_key(file, item, &found_length);
		int order = compare_bytes(key, length, found, found_length);

		if (order == 0)
			return item;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return UINT32_MAX;
}
