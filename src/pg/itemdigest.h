/*
 * itemdigest.h
 *	  The digest of a version's items, which names the packed file that predictions map.
 *
 * It is computed from the rows in order of item_no, so training can compute it while it writes the rows, and
 * whoever packs them while it reads them, without either holding the packed bytes.
 */
#ifndef UIML_PG_ITEMDIGEST_H
#define UIML_PG_ITEMDIGEST_H

#include "postgres.h"

#include "core/itemfile.h"

/* Adds the next row to a digest that starts as 0. */
extern uint64 uiml_item_digest(uint64 digest, const UimlItemRow *row, size_t dims);

#endif /* UIML_PG_ITEMDIGEST_H */
