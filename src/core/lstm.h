/*
 * lstm.h
 *	  A classifier of sequences: embedding, LSTM, dense, softmax; training, and inference for one user.
 *
 * The network and its tensors are those of Keras: gates in the order i, f, c, o; z = x K + h R + b with i, f, o by
 * sigmoid, the candidate g and the output by tanh; c' = f c + i g, h' = o tanh(c'); logits h W + b.  Dimension letters:
 * V tokens, D embedding, H hidden, C classes, B sequences, T steps.  Tokens are 0 for padding and 1 + class.
 *
 * Where there are many classes the output is tied: logits are h E' + b with the rows 1 .. C of the embedding, D = H, and
 * training compares the class that came next with some drawn ones.
 *
 * Everything is float32; lstm64.h declares the same in float64, for tests.
 */
#ifndef UIML_LSTM_H
#define UIML_LSTM_H

#include "core/rng.h"
#include "core/uiml.h"

typedef enum UimlLstmTensor
{
	UIML_LSTM_EMBEDDING = 0, /* V x D */
	UIML_LSTM_KERNEL,        /* D x 4H */
	UIML_LSTM_RECURRENT,     /* H x 4H */
	UIML_LSTM_BIAS,          /* 4H */
	UIML_LSTM_DENSE,         /* H x C; none where the output is tied */
	UIML_LSTM_DENSE_BIAS,    /* C */
	UIML_LSTM_N_TENSORS
} UimlLstmTensor;

#define UIML_LSTM_MAX_DIMS 1024

typedef struct UimlLstmShape
{
	size_t tokens;    /* V, 2^31 at most; C + 1 for sequences of classes, and where tied */
	size_t embedding; /* D, 1 .. UIML_LSTM_MAX_DIMS */
	size_t hidden;    /* H, likewise; D where tied */
	size_t classes;   /* C, > 0, 2^31 at most */
	bool tied;
} UimlLstmShape;

/* Whether a shape is within these ranges, with sizes that size_t holds. */
extern bool uiml_lstm_shape_valid(const UimlLstmShape *shape);

/* Elements of a tensor, and of all; 0 where the shape is not valid. */
extern size_t uiml_lstm_tensor_size(const UimlLstmShape *shape, UimlLstmTensor tensor);
extern size_t uiml_lstm_size(const UimlLstmShape *shape);

/*
 * A batch: sequences in order of falling length, time-major, packed without padding: step t has rows[t] tokens, those of
 * the first rows[t] sequences, from offset rows[0] + .. + rows[t - 1] on.  target: of each token's position, the class
 * that comes next, or UIML_LSTM_NO_TARGET where none is asked for.
 */
#define UIML_LSTM_NO_TARGET UINT32_MAX

typedef struct UimlLstmBatch
{
	size_t sequences; /* B = rows[0] */
	size_t steps;     /* T */
	const uint32_t *rows;
	const uint32_t *token;
	const uint32_t *target;
	size_t n_tokens;  /* the sum of rows */
	size_t n_targets; /* how many positions have one, > 0 */
} UimlLstmBatch;

typedef enum UimlLstmOptimizer
{
	UIML_LSTM_ADAM = 0, /* Keras's: a_t = rate sqrt(1 - .999^t) / (1 - .9^t), w -= a_t m / (sqrt(v) + 1e-7) */
	UIML_LSTM_ADAGRAD   /* v += g^2, w -= rate g / (sqrt(v) + 1e-7) */
} UimlLstmOptimizer;

typedef struct UimlLstmOptions
{
	UimlLstmOptimizer optimizer;
	double learning_rate;
	double clip_norm; /* the norm of all gradients together is cut to this; 0: never */
	double dropout;   /* of embedded tokens, and of h before the output; 0 .. below 1 */
	uint64_t seed;    /* of dropout and of draws */
	unsigned frozen;  /* bit 1 << tensor: stays as it is */

	/*
	 * Sampled softmax, for a tied output: so many draws a batch by share (C, >= 0, some > 0; the caller's, and alive as
	 * long as the trainer); 0: all classes.
	 */
	size_t negatives;
	const double *share;

	/* The largest batch. */
	size_t max_sequences;
	size_t max_steps;
	size_t max_tokens;
} UimlLstmOptions;

/* Sums over the targets of a batch; add those of several. */
typedef struct UimlLstmLoss
{
	double entropy; /* cross-entropy in nats */
	size_t n;       /* targets */
	size_t hits;    /* of them that had the highest logit (where classes are drawn: among these) */
} UimlLstmLoss;

#define real float
#include "core/lstm_network.h"
#undef real

/*
 * uiml_lstm_init
 *		Weights as Keras draws them: embedding U(-.05, .05), kernel and dense glorot uniform, recurrent orthogonal (its rows
 *		orthonormal), bias 1 for the forget gate and 0 elsewhere.
 *
 * weights: shape and tensors set, by uiml_lstm_view or otherwise; tensors that are NULL are left out.  Returns UIML_OK,
 * UIML_EINVALID, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_lstm_init(const UimlEnv *env, UimlRng *rng, UimlLstmWeights *weights);

/* Room in bytes that inference of sequences of up to n tokens needs; rooms are aligned for floats. */
extern size_t uiml_lstm_room(const UimlLstmShape *shape, size_t n);

/*
 * uiml_lstm_state
 *		h (H) after n tokens, each below V; zeros where n is 0.  No allocation, no BLAS; about n (D + H) 4H multiplications,
 *		between which nobody is asked.
 */
extern void uiml_lstm_state(const UimlLstmWeights *weights, const uint32_t *token, size_t n, void *room,
							float *h);

/* Logits (C) of a state. */
extern void uiml_lstm_logits(const UimlLstmWeights *weights, const float *h, float *logit);

/* The distribution (C, sums to 1) of what comes after n tokens. */
extern void uiml_lstm_predict(const UimlLstmWeights *weights, const uint32_t *token, size_t n, void *room,
							  float *share);

#endif /* UIML_LSTM_H */
