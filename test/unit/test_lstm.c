/*
 * test_lstm.c
 *	  The LSTM: known answers, every gradient against finite differences, float32 beside float64, faults.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/lstm.h"
#include "core/lstm64.h"
#include "core/lstm_draw.h"
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

static void
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
static void
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

static double *
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
static float *
narrow(UimlLstmWeights *weights, const UimlLstm64Weights *from)
{
	size_t n = uiml_lstm_size(&from->shape);
	float *run = malloc(n * sizeof(float));

	for (size_t i = 0; i < n; i++)
		run[i] = (float) from->tensor[0][i];
	uiml_lstm_view(weights, &from->shape, run);
	return run;
}

/* --- known answers -------------------------------------------------------------------------------------- */

static const UimlLstmShape known_shape = {.tokens = 5, .embedding = 3, .hidden = 4, .classes = 3};

static void
known(UimlLstm64Weights *weights, double *run, Batch *b)
{
	static const uint32_t token[] = {1, 4, 2, 2, 0, 2, 3, 2, 1}, target[] = {0, 2, 1};

	uiml_lstm64_view(weights, &known_shape, run);
	memset(run, 0, uiml_lstm_size(&known_shape) * sizeof(double));
	for (int i = 0; i <= UIML_LSTM_DENSE; i++)
		for (size_t k = 0; i != UIML_LSTM_BIAS && k < uiml_lstm_tensor_size(&known_shape, i); k++)
			weights->tensor[i][k] = .5 * sin(.7 * (double) (k + 1) + (i == UIML_LSTM_DENSE ? 4 : i + 1) * .1);
	for (size_t j = 4; j < 8; j++)
		weights->tensor[UIML_LSTM_BIAS][j] = 1;
	memcpy(b->token, token, sizeof(token));
	for (size_t i = 0; i < 9; i++)
		b->target[i] = i < 6 ? UIML_LSTM_NO_TARGET : target[i - 6];
	b->rows[0] = b->rows[1] = b->rows[2] = 3;
	finish(b, 3);
}

static double
norm(const double *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i] * x[i];
	return sqrt(sum);
}

static void
test_known_shares(void **state)
{
	static const double share[3][3] = {{.32978707, .33380063, .33641229},
									   {.33322398, .33374805, .33302797},
									   {.33788105, .33309382, .32902514}};
	UimlEnv env = test_env_counting();
	UimlLstm64Weights weights;
	UimlLstm64Trainer *trainer;
	double run[200], log_share[3];
	Batch b;

	(void) state;
	known(&weights, run, &b);
	assert_int_equal(uiml_lstm64_trainer_create(&env, &weights, &adam, &trainer), UIML_OK);
	for (uint32_t c = 0; c < 3; c++)
	{
		UimlLstmLoss loss = {0};

		b.target[6] = b.target[7] = b.target[8] = c;
		assert_int_equal(uiml_lstm64_evaluate(trainer, &b.batch, &loss, log_share), UIML_OK);
		for (int i = 0; i < 3; i++)
			assert_true(fabs(exp(log_share[i]) - share[i][c]) < 6e-9);
	}
	uiml_lstm64_trainer_destroy(trainer);
	assert_int_equal(test_env_live(), 0);
}

static void
test_known_steps(void **state)
{
	static const double norms[] = {.0146465774, .0145167325, .0067820611, .0130785859, .0462778894};
	UimlEnv env = test_env_counting();
	UimlLstm64Weights weights;
	UimlLstm64Trainer *trainer;
	double run[200], gradient[200];
	UimlLstmLoss loss = {0};
	Batch b;

	(void) state;
	known(&weights, run, &b);
	assert_int_equal(uiml_lstm64_trainer_create(&env, &weights, &adam, &trainer), UIML_OK);
	assert_int_equal(uiml_lstm64_gradient(trainer, &b.batch, &loss), UIML_OK);
	assert_true(fabs(loss.entropy / 3 - 1.102722657094829) < 1e-10);
	assert_int_equal(loss.n, 3);
	for (int i = 0; i <= UIML_LSTM_DENSE; i++)
	{
		uiml_lstm64_get_gradient(trainer, (UimlLstmTensor) i, gradient);
		assert_true(fabs(norm(gradient, uiml_lstm_tensor_size(&known_shape, i)) - norms[i]) < 6e-11);
	}
	for (int i = 0; i < 10; i++)
		assert_int_equal(uiml_lstm64_step(trainer, &b.batch, &loss), UIML_OK);
	loss = (UimlLstmLoss){0};
	assert_int_equal(uiml_lstm64_evaluate(trainer, &b.batch, &loss, NULL), UIML_OK);
	assert_true(fabs(loss.entropy / 3 - 1.0731690584147269) < 1e-10);
	uiml_lstm64_trainer_destroy(trainer);
	assert_int_equal(test_env_live(), 0);
}

/* One user in float32. */
static void
test_known_state(void **state)
{
	static const double h1[] = {-.03339973, -.01357514, .02679749, .05049678};
	static const double p1[] = {.32978707, .33380063, .33641229};
	static const uint32_t token[] = {1, 2, 3};
	UimlLstm64Weights weights;
	UimlLstmWeights single;
	double run[200];
	float *narrowed, h[4], share[3];
	void *room = malloc(uiml_lstm_room(&known_shape, 3));
	Batch b;

	(void) state;
	known(&weights, run, &b);
	narrowed = narrow(&single, &weights);
	uiml_lstm_state(&single, token, 3, room, h);
	for (int j = 0; j < 4; j++)
		assert_true(fabs((double) h[j] - h1[j]) < 2e-8);
	uiml_lstm_predict(&single, token, 3, room, share);
	for (int c = 0; c < 3; c++)
		assert_true(fabs((double) share[c] - p1[c]) < 6e-8);
	free(narrowed);
	free(room);
}

/* --- gradients ------------------------------------------------------------------------------------------ */

static double
mean_loss(UimlLstm64Trainer *trainer, const UimlLstmBatch *batch)
{
	UimlLstmLoss loss = {0};

	assert_int_equal(uiml_lstm64_gradient(trainer, batch, &loss), UIML_OK);
	return loss.entropy / (double) loss.n;
}

/* Every element of every tensor, up to some hundred of each. */
static void
check_gradients(const UimlLstmShape *shape, const UimlLstmOptions *options, const UimlLstmBatch *batch)
{
	UimlEnv env = test_env_counting();
	UimlLstm64Weights weights;
	UimlLstm64Trainer *trainer;
	double *run = random_weights(&weights, shape);

	assert_int_equal(uiml_lstm64_trainer_create(&env, &weights, options, &trainer), UIML_OK);
	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
	{
		size_t n = uiml_lstm_tensor_size(shape, (UimlLstmTensor) i);
		double *gradient = malloc((n + 1) * sizeof(double));

		mean_loss(trainer, batch);
		uiml_lstm64_get_gradient(trainer, (UimlLstmTensor) i, gradient);
		for (size_t k = 0; k < n; k += 1 + n / 150)
		{
			double weight = weights.tensor[i][k], above, difference;

			weights.tensor[i][k] = weight + 1e-5;
			uiml_lstm64_weights_changed(trainer);
			above = mean_loss(trainer, batch);
			weights.tensor[i][k] = weight - 1e-5;
			uiml_lstm64_weights_changed(trainer);
			difference = (above - mean_loss(trainer, batch)) / 2e-5;
			weights.tensor[i][k] = weight;
			uiml_lstm64_weights_changed(trainer);
			if (!(fabs(gradient[k] - difference) < 1e-8))
				fail_msg("tensor %d, element %zu: gradient %g, difference %g", i, k, gradient[k], difference);
		}
		free(gradient);
	}
	uiml_lstm64_trainer_destroy(trainer);
	free(run);
	assert_int_equal(test_env_live(), 0);
}

static const UimlLstmShape small = {.tokens = 13, .embedding = 5, .hidden = 6, .classes = 9};
static const UimlLstmShape tied = {
	.tokens = MAX_CLASSES + 1, .embedding = 6, .hidden = 6, .classes = MAX_CLASSES, .tied = true};

static double shares[MAX_CLASSES];

static UimlLstmOptions
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

static void
test_gradients(void **state)
{
	UimlLstmOptions options = adam;
	Batch b;

	(void) state;
	random_batch(&b, &small, 3, 5, 1);
	check_gradients(&small, &options, &b.batch);
	random_batch(&b, &small, 11, 4, 2);
	check_gradients(&small, &options, &b.batch);
	options.dropout = .3;
	check_gradients(&small, &options, &b.batch);
	random_batch(&b, &small, 100, 3, 3);
	options.max_sequences = 100;
	check_gradients(&small, &options, &b.batch);
}

static void
test_tied_gradients(void **state)
{
	UimlLstmOptions options = sampled_options(12);
	Batch b;

	(void) state;
	random_batch(&b, &tied, 10, 5, 4);
	check_gradients(&tied, &adam, &b.batch);
	check_gradients(&tied, &options, &b.batch);
	options.dropout = .2;
	check_gradients(&tied, &options, &b.batch);
}

/* --- float32 -------------------------------------------------------------------------------------------- */

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

static void
pair_create(Pair *pair, const UimlEnv *env, const UimlLstmShape *shape, const UimlLstmOptions *options)
{
	pair->run64 = random_weights(&pair->weights64, shape);
	pair->run = narrow(&pair->weights, &pair->weights64);
	assert_int_equal(uiml_lstm64_trainer_create(env, &pair->weights64, options, &pair->trainer64), UIML_OK);
	assert_int_equal(uiml_lstm_trainer_create(env, &pair->weights, options, &pair->trainer), UIML_OK);
}

static void
pair_destroy(Pair *pair)
{
	uiml_lstm64_trainer_destroy(pair->trainer64);
	uiml_lstm_trainer_destroy(pair->trainer);
	free(pair->run64);
	free(pair->run);
	assert_int_equal(test_env_live(), 0);
}

static void
check_near(Pair *pair, const UimlLstmShape *shape)
{
	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
	{
		size_t n = uiml_lstm_tensor_size(shape, (UimlLstmTensor) i);
		double *gradient64 = malloc((n + 1) * sizeof(double)), largest = 1e-3;
		float *gradient = malloc((n + 1) * sizeof(float));

		uiml_lstm64_get_gradient(pair->trainer64, (UimlLstmTensor) i, gradient64);
		uiml_lstm_get_gradient(pair->trainer, (UimlLstmTensor) i, gradient);
		for (size_t k = 0; k < n; k++)
			largest = fmax(largest, fabs(gradient64[k]));
		for (size_t k = 0; k < n; k++)
			assert_true(fabs((double) gradient[k] - gradient64[k]) < 1e-5 * largest);
		free(gradient64);
		free(gradient);
	}
}

static void
check_pair(const UimlLstmShape *shape, const UimlLstmOptions *options, const UimlLstmBatch *batch)
{
	UimlEnv env = test_env_counting();
	UimlLstmLoss loss = {0}, loss64 = {0};
	Pair pair;

	pair_create(&pair, &env, shape, options);
	assert_int_equal(uiml_lstm_gradient(pair.trainer, batch, &loss), UIML_OK);
	assert_int_equal(uiml_lstm64_gradient(pair.trainer64, batch, &loss64), UIML_OK);
	assert_true(fabs(loss.entropy - loss64.entropy) < 1e-5 * loss64.entropy);
	assert_int_equal(loss.hits, loss64.hits);
	check_near(&pair, shape);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(uiml_lstm_step(pair.trainer, batch, &loss), UIML_OK);
		assert_int_equal(uiml_lstm64_step(pair.trainer64, batch, &loss64), UIML_OK);
	}
	loss = loss64 = (UimlLstmLoss){0};
	assert_int_equal(uiml_lstm_evaluate(pair.trainer, batch, &loss, NULL), UIML_OK);
	assert_int_equal(uiml_lstm64_evaluate(pair.trainer64, batch, &loss64, NULL), UIML_OK);
	assert_true(fabs(loss.entropy - loss64.entropy) < 1e-4 * loss64.entropy);
	pair_destroy(&pair);
}

/* Widths around those of vectors and panels. */
static void
test_float32(void **state)
{
	static const size_t dims[] = {1, 7, 16, 33};
	UimlLstmOptions options = adam;
	Batch b;

	(void) state;
	for (size_t i = 0; i < 4; i++)
	{
		UimlLstmShape shape = {
			.tokens = 30, .embedding = dims[3 - i], .hidden = dims[i], .classes = 17 + 5 * i};

		random_batch(&b, &shape, 19, 6, i);
		options.dropout = i == 2 ? .25 : 0;
		check_pair(&shape, &options, &b.batch);
	}
	random_batch(&b, &tied, 19, 6, 8);
	options = sampled_options(15);
	check_pair(&tied, &options, &b.batch);
	check_pair(&tied, &adam, &b.batch);
}

/* All classes a block at a time, and one user alone, are the same network. */
static void
test_evaluation(void **state)
{
	static const UimlLstmShape many = {
		.tokens = 2501, .embedding = 8, .hidden = 8, .classes = 2500, .tied = true};
	UimlEnv env = test_env_counting();
	UimlLstmOptions options = adam;
	UimlLstmLoss loss = {0}, trained = {0};
	double *even = malloc(2500 * sizeof(double)), log_share[64];
	float *share = malloc(2500 * sizeof(float));
	uint32_t token[MAX_STEPS];
	void *room = malloc(uiml_lstm_room(&many, MAX_STEPS));
	Pair pair;
	Batch b;

	(void) state;
	random_batch(&b, &many, 1, 7, 5);
	for (size_t c = 0; c < 2500; c++)
		even[c] = 1;
	options.negatives = 100;
	options.share = even;
	pair_create(&pair, &env, &many, &options);
	assert_int_equal(uiml_lstm_evaluate(pair.trainer, &b.batch, &loss, log_share), UIML_OK);
	for (size_t t = 0, i = 0; t < 7; t++)
	{
		token[t] = b.token[t];
		uiml_lstm_predict(&pair.weights, token, t + 1, room, share);
		if (b.target[t] != UIML_LSTM_NO_TARGET)
			assert_true(fabs(log((double) share[b.target[t]]) - log_share[i++]) < 1e-4);
	}
	pair_destroy(&pair);
	options.negatives = 0;
	pair_create(&pair, &env, &many, &options);
	assert_int_equal(uiml_lstm_gradient(pair.trainer, &b.batch, &trained), UIML_OK);
	assert_true(fabs(trained.entropy - loss.entropy) < 1e-4 * loss.entropy);
	pair_destroy(&pair);
	free(even);
	free(share);
	free(room);
}

/* --- training ------------------------------------------------------------------------------------------- */

/* Where nearly all classes are among the draws, they are the full softmax. */
static void
test_all_drawn(void **state)
{
	UimlEnv env = test_env_counting();
	UimlLstmOptions options = sampled_options(4000);
	UimlLstmLoss loss = {0}, all = {0};
	Pair drawn, full;
	Batch b;

	(void) state;
	random_batch(&b, &tied, 10, 5, 4);
	pair_create(&drawn, &env, &tied, &options);
	pair_create(&full, &env, &tied, &adam);
	assert_int_equal(uiml_lstm64_gradient(drawn.trainer64, &b.batch, &loss), UIML_OK);
	assert_int_equal(uiml_lstm64_gradient(full.trainer64, &b.batch, &all), UIML_OK);
	assert_true(fabs(loss.entropy - all.entropy) < 1e-8);
	uiml_lstm64_trainer_destroy(drawn.trainer64);
	drawn.trainer64 = NULL;
	uiml_lstm64_trainer_destroy(full.trainer64);
	full.trainer64 = NULL;
	uiml_lstm_trainer_destroy(drawn.trainer);
	drawn.trainer = NULL;
	pair_destroy(&full);
	pair_destroy(&drawn);
}

/* Draws follow the shares, and so does the chance to be drawn. */
static void
test_draws(void **state)
{
	static const double share[] = {0, 4, 1, 0, 3, 2};
	double cumulative[6], counted[6] = {0}, among = 0;
	const size_t draws = 3, rounds = 100000;

	(void) state;
	uiml_lstm_cumulate(share, 6, cumulative);
	assert_true(cumulative[5] == 1);
	for (size_t i = 0; i < rounds; i++)
	{
		bool seen = false;

		for (size_t k = 0; k < draws; k++)
		{
			uint32_t c = uiml_lstm_draw(cumulative, 6, 99, i * draws + k);

			counted[c]++;
			seen |= c == 5;
		}
		among += seen;
	}
	for (size_t c = 0; c < 6; c++)
		assert_true(fabs(counted[c] / (double) (rounds * draws) - share[c] / 10) < .003);
	assert_true(fabs(among / (double) rounds - exp(uiml_lstm_log_chance(cumulative, 5, draws))) < .005);
	assert_true(uiml_lstm_log_chance(cumulative, 3, draws) == log(1e-9));
}

static void
test_frozen(void **state)
{
	UimlLstmOptions options[] = {adam, adam, sampled_options(10)};
	UimlEnv env = test_env_counting();
	Batch b;

	(void) state;
	for (int k = 0; k < 3; k++)
		for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
		{
			const UimlLstmShape *shape = k == 0 ? &small : &tied;
			UimlLstmLoss loss = {0};
			UimlLstm64Weights before;
			double *run = random_weights(&before, shape);
			Pair pair;

			random_batch(&b, shape, 10, 4, 3);
			options[k].frozen = 1U << i;
			pair_create(&pair, &env, shape, &options[k]);
			assert_int_equal(uiml_lstm64_step(pair.trainer64, &b.batch, &loss), UIML_OK);
			assert_int_equal(uiml_lstm64_step(pair.trainer64, &b.batch, &loss), UIML_OK);
			for (int j = 0; j < UIML_LSTM_N_TENSORS; j++)
			{
				size_t size = uiml_lstm_tensor_size(shape, (UimlLstmTensor) j) * sizeof(double);
				bool same = size == 0 || memcmp(before.tensor[j], pair.weights64.tensor[j], size) == 0;

				assert_true(same == (size == 0 || j == i));
			}
			pair_destroy(&pair);
			free(run);
		}
}

/* A norm beyond the bound is cut to it: the step of Adagrad then is that of the shorter gradient. */
static void
test_clipping(void **state)
{
	UimlEnv env = test_env_counting();
	UimlLstmOptions options = adam;
	UimlLstmLoss loss = {0};
	double square = 0;
	size_t n = uiml_lstm_size(&small);
	double *before, *gradient = malloc(n * sizeof(double));
	UimlLstm64Weights weights, gradients;
	Pair pair;
	Batch b;

	(void) state;
	random_batch(&b, &small, 10, 4, 3);
	options.optimizer = UIML_LSTM_ADAGRAD;
	options.clip_norm = 1e-6; /* not far from what is added to the root */
	pair_create(&pair, &env, &small, &options);
	before = random_weights(&weights, &small);
	assert_int_equal(uiml_lstm64_step(pair.trainer64, &b.batch, &loss), UIML_OK);
	uiml_lstm64_view(&gradients, &small, gradient);
	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
		uiml_lstm64_get_gradient(pair.trainer64, (UimlLstmTensor) i, gradients.tensor[i]);
	for (size_t i = 0; i < n; i++)
		square += gradient[i] * gradient[i];
	for (size_t i = 0; i < n; i++)
	{
		double g = gradient[i] * 1e-6 / sqrt(square);

		assert_true(fabs(before[i] - pair.run64[i] - .01 * g / (fabs(g) + 1e-7)) < 1e-12);
	}
	pair_destroy(&pair);
	free(before);
	free(gradient);
}

/* In the mean, dropout changes neither inputs nor h. */
static void
test_dropout(void **state)
{
	UimlEnv env = test_env_counting();
	UimlLstmOptions options = adam;
	UimlLstmLoss loss = {0}, again = {0}, plain = {0};
	Pair pair;
	Batch b;

	(void) state;
	random_batch(&b, &small, 10, 4, 3);
	options.dropout = .1;
	options.learning_rate = 1e-12;
	pair_create(&pair, &env, &small, &options);
	assert_int_equal(uiml_lstm_gradient(pair.trainer, &b.batch, &loss), UIML_OK);
	assert_int_equal(uiml_lstm_gradient(pair.trainer, &b.batch, &again), UIML_OK);
	assert_true(loss.entropy == again.entropy);
	assert_int_equal(uiml_lstm_evaluate(pair.trainer, &b.batch, &plain, NULL), UIML_OK);
	loss = (UimlLstmLoss){0};
	for (int i = 0; i < 2000; i++)
		assert_int_equal(uiml_lstm_step(pair.trainer, &b.batch, &loss), UIML_OK);
	assert_true(loss.entropy / 2000 != again.entropy);
	assert_true(fabs(loss.entropy / 2000 / plain.entropy - 1) < .1);
	pair_destroy(&pair);
}

/* Pieces in the opposite order, as other threads might run them. */
static void
backwards(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	(void) ctx;
	while (n-- > 0)
		task(arg, n);
}

static void
test_threads(void **state)
{
	UimlLstmOptions options[] = {adam, sampled_options(15)};
	Batch b;

	(void) state;
	for (int k = 0; k < 2; k++)
	{
		UimlEnv env = test_env_counting(), other = env;
		UimlLstmLoss loss = {0}, same = {0};
		Pair one, two;

		other.parallel = backwards;
		options[k].dropout = .1;
		options[k].clip_norm = 1;
		options[k].max_sequences = 100;
		random_batch(&b, &tied, k == 0 ? 100 : 9, 3, 2);
		pair_create(&one, &env, &tied, &options[k]);
		pair_create(&two, &other, &tied, &options[k]);
		for (int i = 0; i < 3; i++)
		{
			assert_int_equal(uiml_lstm_step(one.trainer, &b.batch, &loss), UIML_OK);
			assert_int_equal(uiml_lstm_step(two.trainer, &b.batch, &same), UIML_OK);
		}
		assert_memory_equal(one.run, two.run, uiml_lstm_size(&tied) * sizeof(float));
		assert_true(loss.entropy == same.entropy && loss.hits == same.hits);
		uiml_lstm_trainer_destroy(one.trainer);
		uiml_lstm64_trainer_destroy(one.trainer64);
		free(one.run);
		free(one.run64);
		pair_destroy(&two);
	}
}

/* --- initial weights ------------------------------------------------------------------------------------ */

static void
check_uniform(const float *x, size_t n, double limit)
{
	double sum = 0, squares = 0, largest = 0;

	for (size_t i = 0; i < n; i++)
	{
		sum += (double) x[i];
		squares += (double) x[i] * (double) x[i];
		largest = fmax(largest, fabs((double) x[i]));
	}
	assert_true(largest <= limit && largest > .99 * limit);
	assert_true(fabs(sum / (double) n) < .05 * limit);
	assert_true(fabs(squares / (double) n - limit * limit / 3) < .05 * limit * limit);
}

static void
test_init(void **state)
{
	static const UimlLstmShape shape = {.tokens = 50, .embedding = 32, .hidden = 24, .classes = 49};
	UimlEnv env = test_env_counting();
	UimlLstmWeights weights;
	float *run = malloc(uiml_lstm_size(&shape) * sizeof(float));
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 1);
	uiml_lstm_view(&weights, &shape, run);
	assert_int_equal(uiml_lstm_init(&env, &rng, &weights), UIML_OK);
	check_uniform(weights.tensor[UIML_LSTM_EMBEDDING], 50 * 32, .05);
	check_uniform(weights.tensor[UIML_LSTM_KERNEL], 32 * 96, sqrt(6. / (32 + 96)));
	check_uniform(weights.tensor[UIML_LSTM_DENSE], 24 * 49, sqrt(6. / (24 + 49)));
	for (size_t j = 0; j < 96; j++)
		assert_true(weights.tensor[UIML_LSTM_BIAS][j] == (j / 24 == 1 ? 1 : 0));
	for (size_t c = 0; c < 49; c++)
		assert_true(weights.tensor[UIML_LSTM_DENSE_BIAS][c] == 0);
	for (size_t i = 0; i < 24; i++)
		for (size_t k = 0; k < 24; k++)
		{
			const float *r = weights.tensor[UIML_LSTM_RECURRENT];
			double sum = 0;

			for (size_t j = 0; j < 96; j++)
				sum += (double) r[i * 96 + j] * (double) r[k * 96 + j];
			assert_true(fabs(sum - (i == k)) < 1e-6);
		}
	free(run);
	assert_int_equal(test_env_live(), 0);
}

/* --- faults --------------------------------------------------------------------------------------------- */

/* All that uses env. */
static UimlStatus
train_and_evaluate(const UimlEnv *env, float *run)
{
	UimlLstmOptions options = sampled_options(10);
	UimlLstmTrainer *trainer;
	UimlLstmWeights weights;
	UimlLstmLoss loss = {0};
	UimlStatus status;
	UimlRng rng;
	Batch b;

	random_batch(&b, &tied, 10, 4, 3);
	uiml_rng_init(&rng, 1);
	uiml_lstm_view(&weights, &tied, run);
	status = uiml_lstm_init(env, &rng, &weights);
	if (status != UIML_OK)
		return status;
	status = uiml_lstm_trainer_create(env, &weights, &options, &trainer);
	for (int i = 0; status == UIML_OK && i < 2; i++)
		status = uiml_lstm_step(trainer, &b.batch, &loss);
	if (status == UIML_OK)
		status = uiml_lstm_evaluate(trainer, &b.batch, &loss, NULL);
	uiml_lstm_trainer_destroy(trainer);
	return status;
}

static void
test_faults(void **state)
{
	float *run = malloc(uiml_lstm_size(&tied) * sizeof(float));
	long failures = 0, stops = 0;

	(void) state;
	for (long k = 1;; k++, failures++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = train_and_evaluate(&env, run);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
	for (long k = 1;; k++, stops++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = train_and_evaluate(&env, run);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	assert_true(failures > 2 && stops > 20);
	free(run);
}

/* After a stop the trainer goes on. */
static void
test_stopped(void **state)
{
	UimlEnv env = test_env_counting();
	UimlLstmLoss loss = {0}, again = {0};
	Pair pair;
	Batch b, other;

	(void) state;
	random_batch(&b, &small, 10, 4, 3);
	random_batch(&other, &small, 10, 4, 4);
	pair_create(&pair, &env, &small, &adam);
	assert_int_equal(uiml_lstm_gradient(pair.trainer, &b.batch, &loss), UIML_OK);
	for (long k = 1; k < 8; k++)
	{
		long countdown = k;

		env.interrupted = test_env_interrupted;
		env.ctx = &countdown;
		assert_int_equal(uiml_lstm_gradient(pair.trainer, &other.batch, &again), UIML_EINTERRUPTED);
	}
	env.interrupted = NULL;
	assert_true(again.n == 0);
	assert_int_equal(uiml_lstm_gradient(pair.trainer, &b.batch, &again), UIML_OK);
	assert_true(loss.entropy == again.entropy);
	pair_destroy(&pair);
}

static void
test_not_finite(void **state)
{
	UimlEnv env = test_env_counting();
	UimlLstmLoss loss = {0};
	Pair pair;
	Batch b;

	(void) state;
	random_batch(&b, &small, 10, 4, 3);
	pair_create(&pair, &env, &small, &adam);
	for (size_t i = 0; i < 9; i++)
		pair.weights.tensor[UIML_LSTM_DENSE_BIAS][i] = NAN;
	assert_int_equal(uiml_lstm_step(pair.trainer, &b.batch, &loss), UIML_ENOTFINITE);
	assert_int_equal(uiml_lstm_evaluate(pair.trainer, &b.batch, &loss, NULL), UIML_ENOTFINITE);
	assert_true(loss.n == 0 && isfinite(pair.weights.tensor[UIML_LSTM_KERNEL][0]));
	pair_destroy(&pair);
}

static void
test_arguments(void **state)
{
	UimlLstmShape shapes[] = {small, small, small, small, tied, tied};
	UimlLstmOptions options[] = {adam, adam, adam, adam, adam, adam, adam};
	UimlEnv env = test_env_counting();
	UimlLstmLoss loss = {0};
	Pair pair;
	Batch b;

	(void) state;
	shapes[0].tokens = 0;
	shapes[1].embedding = 1025;
	shapes[2].hidden = 0;
	shapes[3].classes = SIZE_MAX;
	shapes[4].hidden = 7;
	shapes[5].classes = 41;
	for (int i = 0; i < 6; i++)
	{
		assert_int_equal(uiml_lstm_size(&shapes[i]), 0);
		assert_int_equal(uiml_lstm_trainer_bytes(&shapes[i], &adam), 0);
	}
	options[0].learning_rate = 0;
	options[1].learning_rate = NAN;
	options[2].dropout = 1;
	options[3].clip_norm = -1;
	options[4].negatives = 10; /* not tied */
	options[5].max_tokens = 0;
	options[6].max_sequences = MAX_POSITIONS + 1;
	for (int i = 0; i < 7; i++)
		assert_int_equal(uiml_lstm_trainer_bytes(&small, &options[i]), 0);

	pair_create(&pair, &env, &small, &adam);
#define REFUSED(change)                                                                                      \
	random_batch(&b, &small, 10, 4, 3);                                                                      \
	change;                                                                                                  \
	assert_int_equal(uiml_lstm_step(pair.trainer, &b.batch, &loss), UIML_EINVALID)
	REFUSED(b.token[5] = 13);
	REFUSED(b.target[0] = 9);
	REFUSED(b.batch.n_targets++);
	REFUSED(b.batch.n_tokens--);
	REFUSED(b.rows[2] = b.rows[1] + 1);
	REFUSED(b.batch.steps = 0);
	REFUSED(b.batch.steps = MAX_STEPS + 1);
	REFUSED(b.batch.sequences = 65);
	pair_destroy(&pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_shares),   cmocka_unit_test(test_known_steps),
		cmocka_unit_test(test_known_state),    cmocka_unit_test(test_gradients),
		cmocka_unit_test(test_tied_gradients), cmocka_unit_test(test_float32),
		cmocka_unit_test(test_evaluation),     cmocka_unit_test(test_all_drawn),
		cmocka_unit_test(test_draws),          cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_clipping),       cmocka_unit_test(test_dropout),
		cmocka_unit_test(test_threads),        cmocka_unit_test(test_init),
		cmocka_unit_test(test_faults),         cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_not_finite),     cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
