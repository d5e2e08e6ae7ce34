/*
 * transfer_stats.h
 *	  The type transfer_stats: core/transfer.h as a value of the server.
 */
#ifndef UIML_PG_TRANSFER_STATS_H
#define UIML_PG_TRANSFER_STATS_H

#include "postgres.h"

#include "fmgr.h"

#include "core/transfer.h"
#include "pg/compat.h"

#define PG_GETARG_STATS(n) uiml_stats_detoast(PG_GETARG_DATUM(n))

/*
 * Empty statistics in the current memory context; dimensions are checked against 1 ..
 * UIML_TRANSFER_MAX_DIMS.
 */
extern UimlTransferStats *uiml_stats_new(size_t p, size_t q);

/* A copy in the current memory context. */
extern UimlTransferStats *uiml_stats_copy(const UimlTransferStats *stats);

/* Detoasts, and checks sizes: bytes from a table are never trusted.  To be read, not changed. */
extern UimlTransferStats *uiml_stats_detoast(Datum d);

/* Errors unless both are of the same dimensions. */
extern void uiml_stats_check_same(const UimlTransferStats *a, const UimlTransferStats *b);

/* Errors where a sum has overflown: for what aggregates and operators return. */
extern void uiml_stats_check_overflow(const UimlTransferStats *stats);

#endif /* UIML_PG_TRANSFER_STATS_H */
