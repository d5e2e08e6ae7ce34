/*
 * lstm_init.c
 *	  Weights before training, as Keras draws them.
 *
 * A random orthogonal matrix is the Q of a matrix of normal variates, where the decomposition is the one whose R has a
 * positive diagonal: then it is uniform over all orthogonal ones (Saxe, McClelland & Ganguli 2014; Mezzadri 2007).
 */
#include <math.h>

#include "core/linalg.h"
#include "core/lstm.h"

#define EMBEDDING_LIMIT .05
#define CHECK_EVERY     65536

/* n numbers from U(-limit, limit); no tensor, no numbers. */
static UimlStatus
fill_uniform(const UimlEnv *env, UimlRng *rng, double limit, size_t n, float *x)
{
	for (size_t i = 0; x != NULL && i < n; i++)
	{
		if (i % CHECK_EVERY == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		x[i] = (float) (limit * (2 * uiml_rng_uniform(rng) - 1));
	}
	return UIML_OK;
}

/* Glorot & Bengio 2010: the variance is 2 / (inputs + outputs). */
static UimlStatus
fill_glorot(const UimlEnv *env, UimlRng *rng, size_t inputs, size_t outputs, float *x)
{
	return fill_uniform(env, rng, sqrt(6 / (double) (inputs + outputs)), inputs * outputs, x);
}

/* x (H x 4H): orthonormal rows. */
static UimlStatus
fill_orthogonal(const UimlEnv *env, UimlRng *rng, size_t hidden, float *x)
{
	size_t columns = 4 * hidden;
	double *q;
	UimlStatus status;

	if (x == NULL)
		return UIML_OK;
	if (uiml_interrupted(env))
		return UIML_EINTERRUPTED;
	q = uiml_alloc(env, columns * hidden, sizeof(double));
	if (q == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < columns * hidden; i++)
		q[i] = uiml_rng_normal(rng);
	status = uiml_orthonormalise_f64(env, columns, hidden, q);
	for (size_t i = 0; status == UIML_OK && i < hidden; i++)
		for (size_t j = 0; j < columns; j++)
			x[i * columns + j] = (float) q[j * hidden + i];
	uiml_free(env, q);
	return status;
}

UimlStatus
uiml_lstm_init(const UimlEnv *env, UimlRng *rng, UimlLstmWeights *weights)
{
	const UimlLstmShape *s = &weights->shape;
	float *bias = weights->tensor[UIML_LSTM_BIAS], *dense_bias = weights->tensor[UIML_LSTM_DENSE_BIAS];
	UimlStatus status;

	if (!uiml_lstm_shape_valid(s))
		return UIML_EINVALID;
	for (size_t j = 0; bias != NULL && j < 4 * s->hidden; j++)
		bias[j] = j / s->hidden == 1 ? 1 : 0;
	for (size_t c = 0; dense_bias != NULL && c < s->classes; c++)
		dense_bias[c] = 0;
	status = fill_uniform(env, rng, EMBEDDING_LIMIT, s->tokens * s->embedding,
						  weights->tensor[UIML_LSTM_EMBEDDING]);
	if (status == UIML_OK)
		status = fill_glorot(env, rng, s->embedding, 4 * s->hidden, weights->tensor[UIML_LSTM_KERNEL]);
	if (status == UIML_OK)
		status = fill_orthogonal(env, rng, s->hidden, weights->tensor[UIML_LSTM_RECURRENT]);
	if (status == UIML_OK)
		status = fill_glorot(env, rng, s->hidden, s->classes, weights->tensor[UIML_LSTM_DENSE]);
	return status;
}
