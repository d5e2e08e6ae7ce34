/*
 * lstm_ops.h
 *	  What the network consists of: plain loops of real (lstm_ops_plain.h, float64), or kernels (lstm_ops_kernels.h, float32,
 *	  where UIML_LSTM_KERNELS is defined).
 *
 * All matrices are row-major, those with an ld with rows so far apart.  An element's result never depends on the other rows
 * and columns of a call, so work may be cut anywhere.
 */
#include <math.h>
#include <string.h>

#include "core/affine.h"

/*
 * Matrices of k inputs and n outputs, packed for op_affine: from rows that are inputs, or from rows that are outputs.  How
 * many elements: op_packed.
 */
static inline size_t
op_packed(size_t k, size_t n)
{
	return UIML_AFFINE_PANEL_FLOATS(k, n);
}

/* Of one optimizer step; gradients count times scale. */
typedef struct OpStep
{
	real scale;
	real rate; /* Adam: with the corrections of its moments */
} OpStep;

#define ADAM_BETA_1 .9
#define ADAM_BETA_2 .999
#define ADAM_EPS    1e-7
#define ADAGRAD_EPS 1e-7

#ifdef UIML_LSTM_KERNELS
#include "core/lstm_ops_kernels.h"
#else
#include "core/lstm_ops_plain.h"
#endif
