/*
 * itemfile.h
 *	  The packed items of a version: one read-only block of bytes that every backend maps.
 *
 * Layout, in the byte order of the machine (the file never leaves it, and the version number read in the
 * other order is none that is known), every part at a multiple of 64 bytes, the bytes between two parts zero:
 *
 *	header		64 bytes: magic "uimlitem", uint32 layout version and dims, uint64 n_items, text_length and
 *				total size, 16 bytes of zeros, uint64 checksum of everything else
 *	out			n_items x dims float, row-major: the vectors that are scored (padded rows are not used)
 *	in			n_items x dims float: the vectors that encode history
 *	popularity	n_items float: share of the domain's decayed mass
 *	interest	n_items uint32: interest row 0 .. k - 1, UINT32_MAX for none
 *	key_start	(n_items + 1) uint64: the key of item i is text[key_start[i]] .. text[key_start[i + 1] - 1]
 *	title_start	(n_items + 1) uint64: its title, likewise; empty means none
 *	text		all keys, then all titles, in the database encoding, not terminated
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

/*
 * Bytes of a file, or 0 when there are too many for size_t or uint32 numbers.  text_length is the sum of all
 * key and title lengths.
 */
extern size_t uiml_itemfile_size(size_t n_items, size_t dims, size_t text_length);

/*
 * A writer fills a buffer of uiml_itemfile_size bytes, 8-byte aligned: begin, one put per item in order,
 * finish (which sorts the keys and computes the checksum).  All fields are the writer's own.
 *
 * begin returns UIML_OK or UIML_EINVALID (size or alignment of the buffer).  put returns UIML_OK,
 * UIML_EINVALID past n_items or text_length, UIML_ENOTFINITE.  finish returns UIML_OK, UIML_EINVALID (fewer
 * items or less text than announced, or two items with the same key), UIML_ENOMEM, UIML_EINTERRUPTED; n_items
 * uint32 of workspace.
 */
typedef struct UimlItemWriter
{
	char *buffer;
	size_t size;
	size_t n_items;
	size_t dims;
	size_t text_length;
	size_t item_at;  /* items put */
	size_t key_at;   /* where the next key starts: keys grow from the front of the text */
	size_t title_at; /* where the last title starts: titles grow from its end */
} UimlItemWriter;

extern UimlStatus uiml_itemfile_begin(UimlItemWriter *writer, char *buffer, size_t size, size_t n_items,
									  size_t dims, size_t text_length);
extern UimlStatus uiml_itemfile_put(UimlItemWriter *writer, const UimlItemRow *row);
extern UimlStatus uiml_itemfile_finish(const UimlEnv *env, UimlItemWriter *writer);

/*
 * uiml_itemfile_open
 *		Checks header, sizes and offsets (and, with verify, the checksum and that all floats are finite) and
 *		fills the view.  Without verify, every access through the view stays within the bytes, but their
 *		values may be anything.  Returns UIML_OK, UIML_ECORRUPT, or UIML_EINVALID when data is not 8-byte
 *		aligned.  O(n_items); with verify O(size).
 */
extern UimlStatus uiml_itemfile_open(const char *data, size_t size, bool verify, UimlItemFile *file);

/* The key and the title of an item, not terminated; *length receives the bytes (0: no title). */
extern const char *uiml_itemfile_key(const UimlItemFile *file, uint32_t item, size_t *length);
extern const char *uiml_itemfile_title(const UimlItemFile *file, uint32_t item, size_t *length);

/* The number of the item with this key, or UINT32_MAX.  O(log n_items). */
extern uint32_t uiml_itemfile_find(const UimlItemFile *file, const char *key, size_t length);

#endif /* UIML_ITEMFILE_H */
