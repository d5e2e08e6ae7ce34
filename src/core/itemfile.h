/*
 * itemfile.h
 *	  The packed items of a version: one read-only block of bytes that every backend maps.
 *
 * Layout, little-endian, every part at a multiple of 64 bytes:
 *
 *	header		64 bytes: magic "uimlitem", layout version, n_items, dims, total size, checksum of the rest
 *	out			n_items x dims float, row-major: the vectors that are scored (padded rows are not used)
 *	in			n_items x dims float: the vectors that encode history
 *	popularity	n_items float: share of the domain's decayed mass
 *	interest	n_items uint32: interest row 0 .. k - 1, UINT32_MAX for none
 *	key_start	(n_items + 1) uint64: offsets into text of the item's key
 *	title_start	(n_items + 1) uint64: offsets into text of the item's title; empty means none
 *	text		bytes, UTF-8 or the database encoding, not terminated
 *	key_order	n_items uint32: item numbers in byte order of their keys, for look-up by key
 *
 * The reader trusts no length: it is the fuzz target test/fuzz/fuzz_itemfile.c.
 */
#ifndef UIML_ITEMFILE_H
#define UIML_ITEMFILE_H

#include "core/uiml.h"

/* A view into mapped bytes; nothing is owned. */
typedef struct UimlItemFile
{
	size_t n_items;
	size_t dims;
	const float *out;
	const float *in;
	const float *popularity;
	const uint32_t *interest;
	const uint64_t *key_start;
	const uint64_t *title_start;
	const char *text;
	size_t text_length;
	const uint32_t *key_order;
} UimlItemFile;

/* One item as given to the writer. */
typedef struct UimlItemRow
{
	const float *out; /* dims */
	const float *in;  /* dims */
	float popularity;
	uint32_t interest;
	const char *key;
	size_t key_length;
	const char *title;
	size_t title_length;
} UimlItemRow;

/* Bytes of a file, or 0 when the product overflows. text_length is the sum of all key and title lengths. */
extern size_t uiml_itemfile_size(size_t n_items, size_t dims, size_t text_length);

/*
 * A writer fills a buffer of uiml_itemfile_size bytes, 64-byte aligned: begin, one put per item in order, finish
 * (which sorts the keys and computes the checksum).  put returns UIML_EINVALID past n_items or text_length.
 */
typedef struct UimlItemWriter
{
	char *buffer;
	size_t size;
	size_t n_items;
	size_t dims;
	size_t text_length;
	size_t item_at;
	size_t text_at;
} UimlItemWriter;

extern UimlStatus uiml_itemfile_begin(UimlItemWriter *writer, char *buffer, size_t size, size_t n_items,
									  size_t dims, size_t text_length);
extern UimlStatus uiml_itemfile_put(UimlItemWriter *writer, const UimlItemRow *row);
extern UimlStatus uiml_itemfile_finish(const UimlEnv *env, UimlItemWriter *writer);

/*
 * uiml_itemfile_open
 *		Checks header, sizes and offsets (and, with verify, the checksum and that all floats are finite) and fills
 *		the view.  data must be 64-byte aligned.  Returns UIML_OK or UIML_ECORRUPT.  O(n_items); with verify
 *		O(size).
 */
extern UimlStatus uiml_itemfile_open(const char *data, size_t size, bool verify, UimlItemFile *file);

/* The number of the item with this key, or UINT32_MAX. */
extern uint32_t uiml_itemfile_find(const UimlItemFile *file, const char *key, size_t length);

#endif /* UIML_ITEMFILE_H */
