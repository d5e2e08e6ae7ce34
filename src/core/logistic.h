/*
 * logistic.h
 *	  Multinomial logistic regression on counts: from where a row is to the shares of k classes.
 *
 * share = softmax(b + B' x).  Row i has counts y_it >= 0 of the classes, which need not be whole numbers; an
 * event is a unit of them.  B minimises
 *
 *		-sum_i sum_t y_it log share_it / events + lambda |B - B0|^2,
 *
 * B0 a prior or 0; b is not penalised.  The function is convex, and what L-BFGS needs of the rows, its value and
 * gradient, is a sum over them: a state of one pass, which adds up in any partition.  So rows may be in
 * memory or in a table that an aggregate reads.
 *
 * Coefficients are p + 1 rows of k doubles, row-major: B, and b as the last row.
 */
#ifndef UIML_LOGISTIC_H
#define UIML_LOGISTIC_H

#include "core/lbfgs.h"
#include "core/transfer.h"

#define UIML_LOGISTIC_MAX_CLASSES 4096

/* How many coefficients there are. */
static inline size_t
uiml_logistic_size(size_t p, size_t k)
{
	return (p + 1) * k;
}

/* --- a pass --------------------------------------------------------------------------------------------- */

/* Loss and gradient of rows at given coefficients.  A flat run of bytes, as UimlTransferStats. */
typedef struct UimlLogisticState
{
	uint32_t length_word; /* the owner's: a varlena header in the server */
	uint32_t p;           /* features, 1 .. UIML_TRANSFER_MAX_DIMS */
	uint32_t k;           /* classes, 1 .. UIML_LOGISTIC_MAX_CLASSES */
	uint32_t zero;
	int64_t n;         /* rows with an event */
	double events;     /* sum of counts */
	double loss;       /* nats */
	double gradient[]; /* (p + 1) x k: of the loss, by the coefficients */
} UimlLogisticState;

#define UIML_LOGISTIC_STATE_SIZE(p, k)                                                                       \
	(sizeof(UimlLogisticState) + sizeof(double) * ((size_t) (p) + 1) * (size_t) (k))

/* Makes UIML_LOGISTIC_STATE_SIZE(p, k) bytes an empty state; length_word is left alone. */
extern void uiml_logistic_init(UimlLogisticState *state, size_t p, size_t k);

/*
 * uiml_logistic_add
 *		Adds n rows x (n x p, finite) with counts y (n x k, finite, >= 0); rows without an event are passed by.
 *
 * Returns UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED; the state is to be dropped after an error.  O(n p k) by
 * BLAS; about 2 MB of workspace.
 */
extern UimlStatus uiml_logistic_add(const UimlEnv *env, UimlLogisticState *state, const double *coef,
									const float *x, const float *y, size_t n);

/* Adds one row, without BLAS; room for k doubles.  O(p k). */
extern void uiml_logistic_add_row(UimlLogisticState *state, const double *coef, const float *x,
								  const float *y, double *room);

/* Adds another state of the same p and k, at the same coefficients. */
extern void uiml_logistic_merge(UimlLogisticState *state, const UimlLogisticState *other);

/* share (k) at x (p): O(p k), no BLAS. */
extern void uiml_logistic_shares(const double *coef, size_t p, size_t k, const float *x, double *share);

/*
 * The binary form of a state, little-endian: magic "uvlg", uint16 version 1, uint16 zero, uint32 p, uint32 k,
 * int64 n, float8 events, float8 loss, gradient.
 */
#define UIML_LOGISTIC_HEADER 40
extern size_t uiml_logistic_binary_size(const UimlLogisticState *state);
extern void uiml_logistic_write(const UimlLogisticState *state, void *bytes);

/* Checks a binary form; *size receives the bytes of the state.  UIML_ECORRUPT where it is none. */
extern UimlStatus uiml_logistic_read_size(const void *bytes, size_t length, size_t *size);
extern void uiml_logistic_read(const void *bytes, UimlLogisticState *state);

/* --- a fit ---------------------------------------------------------------------------------------------- */

/*
 * The rows, as a fit sees them: writes the state of all of them at coef.  state is empty on entry, of the
 * fit's p and k.
 */
typedef UimlStatus (*UimlLogisticPassFn)(void *ctx, const double *coef, UimlLogisticState *state);

typedef struct UimlLogisticParams
{
	double lambda;       /* penalty per event, > 0; x of length 1 */
	const double *prior; /* p x k: B0, or NULL for 0 */
	double tolerance;    /* nats per event: passes end where about so little is left to gain, >= 0 */
	size_t most;         /* passes */
} UimlLogisticParams;

/* lambda 3e-4, no prior, tolerance 1e-8, 200 passes. */
extern UimlLogisticParams uiml_logistic_defaults(void);

/*
 * Directions in which rows vary, and how much: in them the Hessian is nearly diagonal, and L-BFGS takes a
 * dozen passes instead of a hundred.
 */
typedef struct UimlLogisticSpace
{
	size_t p;
	double *mean;   /* p: of x, by events */
	double *vector; /* p x p: eigenvectors of the covariance, in columns */
	double *value;  /* p: its eigenvalues */
} UimlLogisticSpace;

/*
 * uiml_logistic_space_create
 *		From the statistics of x weighted by each row's events (q may be 0); free with
 *		uiml_logistic_space_free in any case.
 *
 * Returns UIML_OK, UIML_EEMPTY (no event), UIML_ENOTFINITE, UIML_ENOMEM, UIML_EINTERRUPTED.  O(p^3).
 */
extern UimlStatus uiml_logistic_space_create(const UimlEnv *env, const UimlTransferStats *stats,
											 UimlLogisticSpace *space);
extern void uiml_logistic_space_free(const UimlEnv *env, UimlLogisticSpace *space);

/*
 * uiml_logistic_start
 *		Coefficients without knowledge of x: B0, or 0, and b such that a row at the mean of x has the shares
 *		of count (k, >= 0).  A class that has none gets as much as a tenth of an event.
 */
extern void uiml_logistic_start(const UimlLogisticSpace *space, const double *count, size_t k,
								const double *prior, double *coef);

/*
 * uiml_logistic_minimise
 *		The best coefficients by passes over the rows, from coef on, which receives them.
 *
 * Returns what the pass returned, or UIML_OK, UIML_EEMPTY (no event), UIML_EINVALID (lambda), UIML_ENOTFINITE
 * (rows or coef hold NaN or infinity), UIML_ENOMEM, UIML_EINTERRUPTED.  result (may be NULL) tells how many
 * passes there were; its value is the function above.  28 p k doubles of workspace.
 */
extern UimlStatus uiml_logistic_minimise(const UimlEnv *env, const UimlLogisticSpace *space, size_t k,
										 UimlLogisticPassFn pass, void *ctx, const UimlLogisticParams *params,
										 double *coef, UimlLbfgsResult *result);

/*
 * uiml_logistic_fit
 *		The best coefficients for n rows in memory, x (n x p) and counts y (n x k).
 *
 * coef: receives (p + 1) x k.  Returns as uiml_logistic_minimise; UIML_EINVALID also for counts that are
 * negative or not finite, UIML_ELIMIT for p or k out of range.
 */
extern UimlStatus uiml_logistic_fit(const UimlEnv *env, const float *x, const float *y, size_t n, size_t p,
									size_t k, const UimlLogisticParams *params, double *coef,
									UimlLbfgsResult *result);

#endif /* UIML_LOGISTIC_H */
