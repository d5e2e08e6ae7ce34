/*
 * transferstate.h
 *	  The mergeable state of aggregates over pairs (source, target): statistics, and rows on the way to them.
 *
 * Rows wait in a block, source and target beside each other, until there are UIML_TRANSFER_BLOCK of them;
 * then they are centred on their mean and added to the co-moments by one product of matrices (kernels.h, not
 * BLAS: test/bench/stats compares them).  A state with rows waiting is as good as any: it can be copied, sent
 * and merged.
 */
#ifndef UIML_TRANSFERSTATE_H
#define UIML_TRANSFERSTATE_H

#include "core/transfer.h"

#define UIML_TRANSFER_BLOCK 32

/* How the error of a prediction counts. */
typedef enum UimlLoss
{
	UIML_LOSS_SQUARED = 0,
	UIML_LOSS_COSINE,        /* 1 - cosine: squared error, targets being brought to length 1 */
	UIML_LOSS_CROSS_ENTROPY, /* of distributions: such a state is that of core/transferrows.h */
	UIML_N_LOSSES
} UimlLoss;

typedef struct UimlTransferState
{
	uint32_t length_word; /* the owner's: a varlena header in the server */
	uint32_t p;           /* 1 .. UIML_TRANSFER_MAX_DIMS */
	uint32_t q;           /* 1 .. UIML_TRANSFER_MAX_DIMS */
	uint32_t pending;     /* rows waiting, < UIML_TRANSFER_BLOCK */
	uint32_t loss;        /* a UimlLoss */
	uint32_t prior;       /* 1 where W0 is there, else 0 */
	double lambda;        /* of the fit, >= 0, perhaps INFINITY; -1: to be chosen */
	double data[];        /* UimlTransferStats; then W0 (p x q); weights and panels of the block */
} UimlTransferState;

/* 0 where the size exceeds size_t; p and q within their limits. */
extern size_t uiml_transfer_state_size(size_t p, size_t q, bool prior);

/*
 * Makes that many bytes an empty state; length_word is left alone.  prior: p x q row-major, or NULL.
 */
extern void uiml_transfer_state_init(UimlTransferState *state, size_t p, size_t q, UimlLoss loss,
									 double lambda, const double *prior);

/* The statistics without the rows that wait. */
static inline UimlTransferStats *
uiml_transfer_state_stats(const UimlTransferState *state)
{
	return (UimlTransferStats *) state->data;
}

/* W0, or NULL. */
extern const double *uiml_transfer_state_prior(const UimlTransferState *state);

/*
 * uiml_transfer_state_add, uiml_transfer_state_add_f64
 *		Adds a row: x (p) and y (q), finite, of weight >= 0; of weight 0 it is left out, and with cosine loss so
 *		is one whose y is zero.  Floats need no alignment.  O((p + q)^2 / 2) on the average.
 */
extern void uiml_transfer_state_add(UimlTransferState *state, const float *x, const float *y, double weight);
extern void uiml_transfer_state_add_f64(UimlTransferState *state, const double *x, const double *y,
										double weight);

/* Are these states of the same fit, of rows of the same dimensions? */
extern bool uiml_transfer_state_alike(const UimlTransferState *a, const UimlTransferState *b);

/* Adds the rows of another state that is alike. */
extern void uiml_transfer_state_merge(UimlTransferState *state, const UimlTransferState *other);

/*
 * uiml_transfer_state_finish
 *		The statistics of all rows, those that wait too; the state is not changed.
 *
 * stats:	UIML_TRANSFER_STATS_SIZE(p, q) bytes, whose length_word is left alone
 * scratch: uiml_transfer_state_scratch(state) doubles
 */
extern size_t uiml_transfer_state_scratch(const UimlTransferState *state);
extern void uiml_transfer_state_finish(const UimlTransferState *state, UimlTransferStats *stats,
									   double *scratch);

/*
 * The binary form, little-endian: magic "uxst", uint16 version 1, uint16 flags (1: W0), uint32 length of all,
 * uint32 p, uint32 q, uint32 rows waiting, uint32 loss, uint32 zero, float8 lambda, then the binary form of the
 * statistics (core/transferio.h), float8 W0, and of each waiting row the weight, x and y.
 */
extern size_t uiml_transfer_state_binary_size(const UimlTransferState *state);
extern void uiml_transfer_state_write(const UimlTransferState *state, void *bytes);

/*
 * uiml_transfer_state_read_size
 *		Checks the head of a binary form against its length; size receives the bytes of the state.  UIML_OK,
 *		UIML_ECORRUPT, UIML_ELIMIT.
 */
extern UimlStatus uiml_transfer_state_read_size(const void *bytes, size_t length, size_t *size);

/*
 * uiml_transfer_state_read
 *		Reads a binary form whose head has been checked.  UIML_OK; UIML_ECORRUPT, UIML_EINVALID (statistics
 *		that contradict themselves), UIML_ENOTFINITE.
 */
extern UimlStatus uiml_transfer_state_read(const void *bytes, UimlTransferState *state);

#endif /* UIML_TRANSFERSTATE_H */
