/*
 * sequencefile.h
 *	  A sequence model, packed: one block of bytes that is kept in a table and mapped by every backend.
 *
 * A header of 320 bytes, then the arrays of the experts, each at a multiple of 64 (core/parts.h); of experts that
 * the model does not have there are none.  C is the number of classes:
 *
 *		popularity		C float
 *		rules_start		(C + 1) uint64: into rules_class and rules_weight
 *		rules_class		uint32
 *		rules_weight	float
 *		ridge_start, ridge_class, ridge_weight: likewise, where the ridge is of full rank
 *		ridge_w			p x q float: where it is of low rank
 *		ridge_b			q float: where it has one
 *		ease_start, ease_class, ease_weight: likewise
 *		embedding		(C + 1) x D float, and the other tensors of core/lstm.h in their order
 *
 * Header fields are little-endian everywhere, the arrays in the order that the header tells: little-endian in
 * the table, which is dumped and restored elsewhere, and that of the machine in the file that is mapped.
 *
 * The reader trusts nothing: it is the fuzz target test/fuzz/fuzz_sequencefile.c.
 */
#ifndef UIML_SEQUENCEFILE_H
#define UIML_SEQUENCEFILE_H

#include "core/next.h"

/* A view into mapped bytes; nothing is owned, and nothing may be written through the tensors. */
typedef struct UimlSequenceFile
{
	UimlNextModel model;
	size_t size;
} UimlSequenceFile;

/*
 * uiml_sequencefile_size
 *		Bytes of a packed model.  0 where a number of it is out of the range that core/next.h gives, or there are
 *		too many for size_t.
 */
extern size_t uiml_sequencefile_size(const UimlNextModel *model);

/*
 * Weights are no greater than this: no training comes near it, and sums of products of two of them, over all that
 * they are taken over, are finite in single precision.  So a model that others wrote gives probabilities.
 */
#define UIML_SEQUENCEFILE_MAX_WEIGHT 1e12F

/*
 * uiml_sequencefile_pack
 *		Fills a buffer of uiml_sequencefile_size bytes, 8-byte aligned, as they are kept in a table.
 *
 * Returns UIML_OK; UIML_EINVALID where size is another or a number is out of range; UIML_ENOTFINITE
 * where a weight is no number or beyond UIML_SEQUENCEFILE_MAX_WEIGHT.
 */
extern UimlStatus uiml_sequencefile_pack(const UimlNextModel *model, char *buffer, size_t size);

/*
 * uiml_sequencefile_swap
 *		Turns the arrays of a block into the other byte order, in place.
 *
 * UIML_SEQUENCEFILE_FOREIGN tells whether a table's bytes must be turned before they are opened here.
 * Returns UIML_OK, or UIML_ECORRUPT for bytes whose checksum, header or size is wrong.
 */
extern UimlStatus uiml_sequencefile_swap(char *data, size_t size);

#define UIML_SEQUENCEFILE_FOREIGN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/*
 * uiml_sequencefile_open
 *		Checks header, sizes, the scalars' ranges and the links (and, with verify, the checksum and that weights
 *		are in range and popularities shares), and fills the view.
 *
 * Without verify, every access through the view stays within the bytes, but floats of arrays may be anything.
 * Whether the model fits the items of a version is for uiml_next_valid to say.  Returns UIML_OK, UIML_ECORRUPT,
 * or UIML_EINVALID when data is not 8-byte aligned or in the other byte order.  O(links); with verify O(size).
 */
extern UimlStatus uiml_sequencefile_open(const char *data, size_t size, bool verify, UimlSequenceFile *file);

#endif /* UIML_SEQUENCEFILE_H */
