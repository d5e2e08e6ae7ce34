/*
 * transfer_rows.h
 *	  States of uiml_transfer that keep their rows, for fits by cross-entropy: core/transferrows.h in the server.
 */
#ifndef UIML_PG_TRANSFER_ROWS_H
#define UIML_PG_TRANSFER_ROWS_H

#include "postgres.h"

#include "core/transferrows.h"
#include "pg/interest_vector.h"
#include "pg/transfer_matrix.h"

/* An empty state in the current memory context.  lambda: -1 is the default; prior: p x q, or NULL. */
extern UimlTransferState *uiml_rows_new(size_t p, size_t q, double lambda, const double *prior);

/*
 * Adds source x and counts y, of the state's dimensions, or errors where a count is negative.  Returns the state,
 * or a larger copy of it where it was full.
 */
extern UimlTransferState *uiml_rows_add(UimlTransferState *state, const UimlVectorView *x,
										const UimlVectorView *y);

/* A state with the rows of both, which are alike. */
extern UimlTransferState *uiml_rows_combine(const UimlTransferState *a, const UimlTransferState *b);

/* The matrix by cross-entropy with its intercept, or NULL where no row has events. */
extern UimlMatrix *uiml_rows_fit(const UimlEnv *env, const UimlTransferState *state);

#endif /* UIML_PG_TRANSFER_ROWS_H */
