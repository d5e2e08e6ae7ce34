/*
 * entries.h
 *	  From (row, column, value) entries in any order to a sparse matrix.
 */
#ifndef UIML_ENTRIES_H
#define UIML_ENTRIES_H

#include "core/interactions.h"
#include "core/sparse.h"

/*
 * An entry is sorted as an event is: by row, column and value, which takes the place of the time because that
 * is a double of either sign.
 */
typedef UimlEvent UimlEntry;

static inline UimlEntry
uiml_entry(uint32_t row, uint32_t column, double value)
{
	UimlEntry entry = {.user = row, .item = column, .at = value, .weight = 1};

	return entry;
}

/*
 * uiml_entries_build
 *		Sorts entries in place and adds up those of the same row and column, in double precision and in an
 *		order that does not depend on how they arrived.  Sums of zero are no entries of the matrix.
 *
 * Free x with uiml_sparse_free.  Returns UIML_OK; UIML_EINVALID for a row or column out of range or a value
 * that is not finite; UIML_ENOTFINITE where a sum exceeds a float; UIML_ENOMEM; UIML_EINTERRUPTED.  8 bytes
 * an entry and 8 a row, beside 16 a row while sorting.
 */
extern UimlStatus uiml_entries_build(const UimlEnv *env, UimlEntry *entries, size_t n, size_t n_rows,
									 size_t n_cols, UimlSparse *x);

extern void uiml_sparse_free(const UimlEnv *env, UimlSparse *x);

#endif /* UIML_ENTRIES_H */
