/*
 * transferrows.h
 *	  The state of an aggregate that fits cross-entropy: the rows themselves.
 *
 * A logistic regression has no statistics to add up; it looks at the rows again and again.  So the state holds
 * them, as UimlTransferState does whose loss is UIML_LOSS_CROSS_ENTROPY: pending is their number, and data W0
 * (p x q), where there is one, and for each row x (p) and counts y (q) as floats, padded to a double.
 */
#ifndef UIML_TRANSFERROWS_H
#define UIML_TRANSFERROWS_H

#include "core/lbfgs.h"
#include "core/transferstate.h"

/* Bytes of a state with room for so many rows. */
extern size_t uiml_transfer_rows_size(size_t p, size_t q, bool prior, size_t capacity);

/* For how many rows a state of so many bytes, which is at least one for none, has room. */
extern size_t uiml_transfer_rows_capacity(size_t p, size_t q, bool prior, size_t size);

/* Makes the bytes an empty state; length_word is left alone.  lambda: > 0, or -1 for the default. */
extern void uiml_transfer_rows_init(UimlTransferState *state, size_t p, size_t q, double lambda,
									const double *prior);

/* W0, or NULL. */
extern const double *uiml_transfer_rows_prior(const UimlTransferState *state);

/* Appends a row of finite elements, for which there is room; y >= 0.  Floats need no alignment. */
extern void uiml_transfer_rows_add(UimlTransferState *state, const float *x, const float *y);

/* Appends the rows of another state of the same p and q, for which there is room. */
extern void uiml_transfer_rows_append(UimlTransferState *state, const UimlTransferState *other);

/* Are these states of the same fit? */
extern bool uiml_transfer_rows_alike(const UimlTransferState *a, const UimlTransferState *b);

/*
 * uiml_transfer_rows_fit
 *		Multinomial logistic regression (core/logistic.h): coef receives (p + 1) x q, B and the intercept.
 *
 * Returns as uiml_logistic_fit.  A copy of the rows, and what uiml_logistic_fit allocates.
 */
extern UimlStatus uiml_transfer_rows_fit(const UimlEnv *env, const UimlTransferState *state, double *coef);

/*
 * The binary form, little-endian: magic "uxrw", uint16 version 1, uint16 flags (1: W0), uint32 length of all,
 * uint32 p, uint32 q, uint32 rows, uint64 zero, float8 lambda, float8 W0, float4 x and y of each row.
 */
extern size_t uiml_transfer_rows_binary_size(const UimlTransferState *state);
extern void uiml_transfer_rows_write(const UimlTransferState *state, void *bytes);

/* UIML_OK and the bytes of the state, UIML_ECORRUPT, UIML_ELIMIT. */
extern UimlStatus uiml_transfer_rows_read_size(const void *bytes, size_t length, size_t *size);

/* Reads a form whose head has been checked.  UIML_OK, UIML_ECORRUPT (lambda, a count), UIML_ENOTFINITE. */
extern UimlStatus uiml_transfer_rows_read(const void *bytes, UimlTransferState *state);

#endif /* UIML_TRANSFERROWS_H */
