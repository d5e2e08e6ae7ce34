/*
 * transfer.h
 *	  The mergeable statistics of least squares between two spaces.
 *
 * Of rows x (p source features) and y (q target features) with weights w they keep the number of rows, the
 * sums of w and w^2, the means and the centred co-moments Cxx, Cxy, Cyy.  States of any partition of the rows
 * add up to the state of all of them, and rows are forgotten by subtracting theirs.  Everything that least
 * squares can tell follows without a second look at the rows: ridge for every penalty (core/ridge.h),
 * whitening, k-fold validation.
 *
 * A state is one flat run of bytes, so that it can be a value in the server, changed in place.
 */
#ifndef UIML_TRANSFER_H
#define UIML_TRANSFER_H

#include "core/uiml.h"

#define UIML_TRANSFER_MAX_DIMS 4096

typedef struct UimlTransferStats
{
	uint32_t length_word; /* the owner's: a varlena header in the server */
	uint32_t p;           /* source features, 1 .. UIML_TRANSFER_MAX_DIMS */
	uint32_t q;           /* target features, 0 .. UIML_TRANSFER_MAX_DIMS */
	uint32_t zero;
	int64_t n;      /* rows of positive weight */
	double weight;  /* sum of w */
	double weight2; /* sum of w^2 */
	double data[]; /* mean x (p), mean y (q), Cxx (p x p), Cxy (p x q), Cyy (q x q), row-major; of Cxx and Cyy
	                 * the upper triangle only, zero below */
} UimlTransferStats;

#define UIML_TRANSFER_STATS_SIZE(p, q)                                                                       \
	(sizeof(UimlTransferStats) + sizeof(double) * ((size_t) (p) + (size_t) (q) + (size_t) (p) * (p) +        \
												   (size_t) (p) * (q) + (size_t) (q) * (q)))

static inline double *
uiml_transfer_mean_x(const UimlTransferStats *stats)
{
	return (double *) stats->data;
}

static inline double *
uiml_transfer_mean_y(const UimlTransferStats *stats)
{
	return uiml_transfer_mean_x(stats) + stats->p;
}

static inline double *
uiml_transfer_cxx(const UimlTransferStats *stats)
{
	return uiml_transfer_mean_y(stats) + stats->q;
}

static inline double *
uiml_transfer_cxy(const UimlTransferStats *stats)
{
	return uiml_transfer_cxx(stats) + (size_t) stats->p * stats->p;
}

static inline double *
uiml_transfer_cyy(const UimlTransferStats *stats)
{
	return uiml_transfer_cxy(stats) + (size_t) stats->p * stats->q;
}

/* Counts saturate: statistics read from a table may claim any. */
static inline void
uiml_transfer_count(UimlTransferStats *stats, int64_t rows)
{
	if (__builtin_add_overflow(stats->n, rows, &stats->n))
		stats->n = INT64_MAX;
}

/* Makes UIML_TRANSFER_STATS_SIZE(p, q) bytes an empty state; length_word is left alone. */
extern void uiml_transfer_init(UimlTransferStats *stats, size_t p, size_t q);

/* An empty state from env, to be freed with uiml_free; NULL: out of memory, or p or q out of range. */
extern UimlTransferStats *uiml_transfer_create(const UimlEnv *env, size_t p, size_t q);

/*
 * uiml_transfer_add, uiml_transfer_add_f64
 *		Add n rows.
 *
 * x, y:	n x p and n x q row-major
 * weight:	n, finite, >= 0, or NULL for 1; rows of weight 0 are left out
 *
 * Returns UIML_OK, UIML_EINVALID (a weight), UIML_ENOTFINITE (a row), UIML_ENOMEM, UIML_EINTERRUPTED; the
 * state is to be dropped after an error.  O(n (p + q)^2) by BLAS, 257 (p + q) doubles of workspace.
 */
extern UimlStatus uiml_transfer_add(const UimlEnv *env, UimlTransferStats *stats, const float *x,
									const float *y, const double *weight, size_t n);
extern UimlStatus uiml_transfer_add_f64(const UimlEnv *env, UimlTransferStats *stats, const double *x,
										const double *y, const double *weight, size_t n);

/*
 * uiml_transfer_merge, uiml_transfer_subtract
 *		stats plus, or minus, other, both of the same p and q; relative error of co-moments below 1e-12 where
 *		means lie within a thousand deviations of zero (beyond, 1e-16 for each) and what is left is not small
 *		beside what was subtracted.
 *
 * Return UIML_OK; UIML_EINVALID for different p or q, or where other can't be a part of stats: it
 * holds more rows, more weight, or larger sums of squares about the mean.  O((p + q)^2).
 */
extern UimlStatus uiml_transfer_merge(UimlTransferStats *stats, const UimlTransferStats *other);
extern UimlStatus uiml_transfer_subtract(UimlTransferStats *stats, const UimlTransferStats *other);

#endif /* UIML_TRANSFER_H */
