/*
 * transferfile.h
 *	  A transfer, packed: one block of bytes that is kept in a table and mapped by every backend.
 *
 * A header of 256 bytes, then the arrays of what the transfer is used for, each at a multiple of 64
 * (core/parts.h); of what it is not used for there are none:
 *
 *		coef		p x k float: from x to the interests of the target
 *		bias		k float
 *		average		k float
 *		history		k x k double, where there is a W_g of histories
 *		w			p x q float: from x to the target's item space
 *		b			q float
 *		overlap		n_items float: popularity among overlapping users
 *		rarity		n_source_items float, of the pool, as what follows
 *		scale		n_users float
 *		item_start	(n_source_items + 1) uint64: into user
 *		user		n_entries uint32
 *		choice_start (n_users + 1) uint64: into choice
 *		choice		n_choices uint32
 *
 * Header fields are little-endian everywhere, the arrays in the order that the header tells: little-endian in
 * the table, which is dumped and restored elsewhere, and that of the machine in the file that is mapped.
 *
 * The reader trusts nothing: it is the fuzz target test/fuzz/fuzz_transferfile.c.
 */
#ifndef UIML_TRANSFERFILE_H
#define UIML_TRANSFERFILE_H

#include "core/interest_transfer.h"
#include "core/item_transfer.h"

/* A view into mapped bytes; nothing is owned.  What the transfer is not used for is all zero. */
typedef struct UimlTransferFile
{
	UimlItemTransfer items;
	UimlInterestTransfer interests;
	size_t size;
} UimlTransferFile;

/*
 * uiml_transferfile_size
 *		Bytes of a packed transfer.  0 where neither is used, or there are too many for size_t.
 *
 * items, interests: may be NULL; one that isn't used counts as NULL.  Both are of the same p.
 */
extern size_t uiml_transferfile_size(const UimlItemTransfer *items, const UimlInterestTransfer *interests);

/*
 * uiml_transferfile_pack
 *		Fills a buffer of uiml_transferfile_size bytes, as they are kept in a table.
 *
 * Returns UIML_OK; UIML_EINVALID where size is another, the two differ in p, or a number is out of the range
 * that their headers give; UIML_ENOTFINITE.
 */
extern UimlStatus uiml_transferfile_pack(const UimlItemTransfer *items, const UimlInterestTransfer *interests,
										 char *buffer, size_t size);

/*
 * uiml_transferfile_swap
 *		Turns the arrays of a block into the other byte order, in place.
 *
 * UIML_TRANSFERFILE_FOREIGN tells whether a table's bytes must be turned before they are opened here.
 * Returns UIML_OK, or UIML_ECORRUPT for bytes whose checksum, header or size is wrong.
 */
extern UimlStatus uiml_transferfile_swap(char *data, size_t size);

#define UIML_TRANSFERFILE_FOREIGN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/*
 * uiml_transferfile_open
 *		Checks header, sizes, the scalars' ranges, offsets and item numbers (and, with verify, the checksum and
 *		that floats are finite and shares not negative), and fills the view.
 *
 * Without verify, every access through the view stays within the bytes, but floats may be anything.  Returns
 * UIML_OK, UIML_ECORRUPT, or UIML_EINVALID when data is not 8-byte aligned or in the other byte order.
 * O(size of the pool); with verify O(size).
 */
extern UimlStatus uiml_transferfile_open(const char *data, size_t size, bool verify, UimlTransferFile *file);

#endif /* UIML_TRANSFERFILE_H */
