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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_shares),   cmocka_unit_test(test_known_steps),
		cmocka_unit_test(test_known_state),    cmocka_unit_test(test_gradients),
		cmocka_unit_test(test_tied_gradients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
