/*
 * lstm_batches.h
 *	  Batches, weights and trainers for tests of the LSTM; included behind cmocka.h.
 */
#ifndef UIML_LSTM_BATCHES_H
#define UIML_LSTM_BATCHES_H

#include "core/lstm.h"
#include "core/lstm64.h"
#include "testenv.h"

#define MAX_POSITIONS 400
#define MAX_STEPS     24
#define MAX_CLASSES   40

/* A batch and what it consists of. */
typedef struct Batch
{
	UimlLstmBatch batch;
	uint32_t rows[MAX_STEPS];
	uint32_t token[MAX_POSITIONS];
	uint32_t target[MAX_POSITIONS];
} Batch;

static const UimlLstmOptions adam = {.optimizer = UIML_LSTM_ADAM,
									 .learning_rate = .01,
									 .max_sequences = 64,
									 .max_steps = MAX_STEPS,
									 .max_tokens = MAX_POSITIONS};

static inline void
finish(Batch *b, size_t steps)
{
	b->batch = (UimlLstmBatch){
		.sequences = b->rows[0], .steps = steps, .rows = b->rows, .token = b->token, .target = b->target};
	for (size_t t = 0; t < steps; t++)
		b->batch.n_tokens += b->rows[t];
	for (size_t i = 0; i < b->batch.n_tokens; i++)
		b->batch.n_targets += b->target[i] != UIML_LSTM_NO_TARGET;
}

/* Random tokens, lengths that differ, and a target at most positions. */
static inline void
random_batch(Batch *b, const UimlLstmShape *shape, size_t sequences, size_t steps, uint64_t seed)
{
	size_t n = 0;
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t t = 0; t < steps; t++)
	{
		b->rows[t] = (uint32_t) (sequences - t * (sequences - 1) / steps);
		for (size_t r = 0; r < b->rows[t]; r++, n++)
		{
			b->token[n] = (uint32_t) uiml_rng_below(&rng, shape->tokens);
			b->target[n] = uiml_rng_below(&rng, 4) == 0 ? UIML_LSTM_NO_TARGET
														: (uint32_t) uiml_rng_below(&rng, shape->classes);
		}
	}
	b->target[0] = 1;
	finish(b, steps);
}

static inline double *
random_weights(UimlLstm64Weights *weights, const UimlLstmShape *shape)
{
	size_t n = uiml_lstm_size(shape);
	double *run = malloc(n * sizeof(double));
	UimlRng rng;

	uiml_rng_init(&rng, 7);
	for (size_t i = 0; i < n; i++)
		run[i] = .8 * uiml_rng_normal(&rng);
	uiml_lstm64_view(weights, shape, run);
	return run;
}

/* The same in float32. */
static inline float *
narrow(UimlLstmWeights *weights, const UimlLstm64Weights *from)
{
	size_t n = uiml_lstm_size(&from->shape);
	float *run = malloc(n * sizeof(float));

	for (size_t i = 0; i < n; i++)
		run[i] = (float) from->tensor[0][i];
	uiml_lstm_view(weights, &from->shape, run);
	return run;
}

static const UimlLstmShape small = {.tokens = 13, .embedding = 5, .hidden = 6, .classes = 9};
static const UimlLstmShape tied = {
	.tokens = MAX_CLASSES + 1, .embedding = 6, .hidden = 6, .classes = MAX_CLASSES, .tied = true};

static double shares[MAX_CLASSES];

static inline UimlLstmOptions
sampled_options(size_t negatives)
{
	UimlLstmOptions options = adam;

	for (size_t c = 0; c < MAX_CLASSES; c++)
		shares[c] = sqrt((double) (1 + c % 7));
	options.optimizer = UIML_LSTM_ADAGRAD;
	options.negatives = negatives;
	options.share = shares;
	return options;
}

/* Trainers of the same weights in both widths. */
typedef struct Pair
{
	UimlLstm64Weights weights64;
	UimlLstmWeights weights;
	double *run64;
	float *run;
	UimlLstm64Trainer *trainer64;
	UimlLstmTrainer *trainer;
} Pair;

static inline void
pair_create(Pair *pair, const UimlEnv *env, const UimlLstmShape *shape, const UimlLstmOptions *options)
{
	pair->run64 = random_weights(&pair->weights64, shape);
	pair->run = narrow(&pair->weights, &pair->weights64);
	assert_int_equal(uiml_lstm64_trainer_create(env, &pair->weights64, options, &pair->trainer64), UIML_OK);
	assert_int_equal(uiml_lstm_trainer_create(env, &pair->weights, options, &pair->trainer), UIML_OK);
}

static inline void
pair_destroy(Pair *pair)
{
	uiml_lstm64_trainer_destroy(pair->trainer64);
	uiml_lstm_trainer_destroy(pair->trainer);
	free(pair->run64);
	free(pair->run);
	assert_int_equal(test_env_live(), 0);
}

#endif /* UIML_LSTM_BATCHES_H */
