/*
 * lstm.h
 *	  A classifier of sequences: embedding, LSTM, dense, softmax; forward, backward, and what training needs.
 *
 * The network and its tensors are those of Keras: gates in the order i, f, c, o; z = x K + h R + b with
 * i, f, o = sigmoid, the candidate and the output by tanh; c' = f c + i g, h' = o tanh(c').  Dimension letters: V tokens,
 * D embedding, H hidden, C classes, B sequences, T steps.  Tokens are 0 for padding and 1 + class.
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
	UIML_LSTM_DENSE,         /* H x C; none where the output is tied: rows 1 .. C of the embedding, D = H */
	UIML_LSTM_DENSE_BIAS,    /* C */
	UIML_LSTM_N_TENSORS
} UimlLstmTensor;

typedef struct UimlLstmShape
{
	size_t tokens;    /* V = C + 1 for sequences of classes */
	size_t embedding; /* D, 1 .. 1024 */
	size_t hidden;    /* H, 1 .. 1024 */
	size_t classes;   /* C */
	bool tied;
} UimlLstmShape;

/* Weights, or gradients, or moments: one run of floats, tensors row-major one behind the other (a view may point elsewhere). */
typedef struct UimlLstmWeights
{
	UimlLstmShape shape;
	float *tensor[UIML_LSTM_N_TENSORS]; /* NULL: has none */
} UimlLstmWeights;

/* Elements of a tensor, and of all; 0 on overflow or where the shape is out of range. */
extern size_t uiml_lstm_tensor_size(const UimlLstmShape *shape, UimlLstmTensor tensor);
extern size_t uiml_lstm_size(const UimlLstmShape *shape);

/*
 * A batch: sequences in order of falling length, time-major, packed without padding: step t has rows[t] tokens, those of
 * the first rows[t] sequences, from offset sum of rows[0 .. t - 1] on.  target: of each token's position, the class that
 * comes next, or UIML_LSTM_NO_TARGET where none is asked for.
 */
#define UIML_LSTM_NO_TARGET UINT32_MAX

typedef struct UimlLstmBatch
{
	size_t sequences; /* B = rows[0] */
	size_t steps;     /* T */
	const uint32_t *rows;
	const uint32_t *token;
	const uint32_t *target;
	size_t n_tokens;
	size_t n_targets;
} UimlLstmBatch;

/*
 * uiml_lstm_init
 *		Weights as Keras draws them: embedding U(-.05, .05), kernel and dense glorot uniform, recurrent orthogonal, bias 0
 *		and 1 for the forget gate.
 */
extern UimlStatus uiml_lstm_init(const UimlEnv *env, UimlRng *rng, UimlLstmWeights *weights);

/* Sketch: workspace from a size table, gradients, Adam / Adagrad, clipping, dropout, sampled softmax, one-user inference. */

#endif /* UIML_LSTM_H */
