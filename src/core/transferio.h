/*
 * transferio.h
 *	  The external forms of transfer statistics, and what makes statistics believable.
 */
#ifndef UIML_TRANSFERIO_H
#define UIML_TRANSFERIO_H

#include "core/scan.h"
#include "core/transfer.h"

/*
 * uiml_stats_check
 *		Could these be the statistics of some rows?  Every number is finite; without rows all are zero; sums
 *		of weights fit the number of rows; no sum of squares is negative, and none of products exceeds what
 *		its two sums of squares allow (Cauchy & Schwarz), but for rounding.
 *
 * Returns UIML_OK, UIML_ENOTFINITE, UIML_EINVALID.  What the functions of transfer.h make of finite rows
 * passes, unless it overflows.
 */
extern UimlStatus uiml_stats_check(const UimlTransferStats *stats);

/* The same shape and the same numbers, -0 being 0. */
extern bool uiml_stats_equal(const UimlTransferStats *a, const UimlTransferStats *b);

/* ---------- text ---------- */

/*
 * A text is one JSON object, its keys in this order:
 *
 *		{"n":2,"weight":2,"weight2":2,"mean_source":[0.5,1],"mean_target":[3],
 *		 "source":[[0.5,1],[2]],"cross":[[1],[2]],"target":[[2]]}
 *
 * source and target are the upper triangles of Cxx and Cyy: row i starts with its diagonal element.  cross is
 * Cxy, p rows of q.
 */

/*
 * uiml_stats_text_shape
 *		p and q of a text, from its means; the rest is not looked at.
 *
 * text:	length bytes, no terminator needed; nothing beyond them is read
 *
 * Returns UIML_OK, UIML_ECORRUPT (syntax), UIML_EEMPTY, UIML_ELIMIT, UIML_ENOTFINITE.
 */
extern UimlStatus uiml_stats_text_shape(const char *text, size_t length, size_t *p, size_t *q,
										UimlTextError *error);

/*
 * uiml_stats_parse
 *		Reads a text into empty statistics of its shape.
 *
 * Returns as uiml_stats_text_shape, and UIML_EINVALID: with error->fault UIML_TEXT_FAULT_RAGGED where a
 * row has another length than the means ask for, with UIML_TEXT_FAULT_NONE as uiml_stats_check.
 */
extern UimlStatus uiml_stats_parse(const char *text, size_t length, UimlTransferStats *stats,
								   UimlTextError *error);

/* ---------- binary ---------- */

/*
 * Little-endian: magic "utst", uint16 version 1, uint16 zero, uint32 length of all, uint32 p, uint32 q, uint32
 * zero, int64 n, float8 weight, float8 weight2, then float8 means and co-moments in the order of the text.
 */
#define UIML_STATS_HEADER 48

/* p + q means, two triangles and the cross moments. */
static inline size_t
uiml_stats_numbers(size_t p, size_t q)
{
	return p + q + p * (p + 1) / 2 + p * q + q * (q + 1) / 2;
}

static inline size_t
uiml_stats_binary_size(size_t p, size_t q)
{
	return UIML_STATS_HEADER + sizeof(double) * uiml_stats_numbers(p, q);
}

extern void uiml_stats_write(const UimlTransferStats *stats, void *bytes);

/*
 * uiml_stats_read_shape
 *		Checks the head of a binary form against its length.  UIML_OK, UIML_ECORRUPT; UIML_ELIMIT for more
 *		than UIML_TRANSFER_MAX_DIMS features.
 */
extern UimlStatus uiml_stats_read_shape(const void *bytes, size_t length, size_t *p, size_t *q);

/* Reads a binary form whose head has been checked into empty statistics of its shape; as uiml_stats_check. */
extern UimlStatus uiml_stats_read(const void *bytes, UimlTransferStats *stats);

#endif /* UIML_TRANSFERIO_H */
