/*
 * test_lstm.c
 *	  The LSTM: known answers, every gradient against finite differences, float32 beside float64.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lstm_batches.h"

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
	double run[200];
	Batch b;

	(void) state;
	known(&weights, run, &b);
	assert_int_equal(uiml_lstm64_trainer_create(&env, &weights, &adam, &trainer), UIML_OK);
	b.batch.n_targets = 1;
	for (uint32_t i = 0; i < 9; i++)
	{
		UimlLstmLoss loss = {0};

		b.target[6] = b.target[7] = b.target[8] = UIML_LSTM_NO_TARGET;
		b.target[6 + i / 3] = i % 3;
		assert_int_equal(uiml_lstm64_gradient(trainer, &b.batch, &loss), UIML_OK);
		assert_true(fabs(exp(-loss.entropy) - share[i / 3][i % 3]) < 6e-9);
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
	assert_int_equal(uiml_lstm64_gradient(trainer, &b.batch, &loss), UIML_OK);
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

/* The loss, and the gradient of a tensor unless that is NULL. */
static double
differentiate(const UimlLstm64Weights *weights, const UimlLstmOptions *options, const UimlLstmBatch *batch,
			  UimlLstmTensor tensor, double *gradient)
{
	UimlEnv env = test_env_counting();
	UimlLstm64Trainer *trainer;
	UimlLstmLoss loss = {0};

	assert_int_equal(uiml_lstm64_trainer_create(&env, weights, options, &trainer), UIML_OK);
	assert_int_equal(uiml_lstm64_gradient(trainer, batch, &loss), UIML_OK);
	if (gradient != NULL)
		uiml_lstm64_get_gradient(trainer, tensor, gradient);
	uiml_lstm64_trainer_destroy(trainer);
	assert_int_equal(test_env_live(), 0);
	return loss.entropy / (double) loss.n;
}

/* Every element of every tensor, up to some hundred of each. */
static void
check_gradients(const UimlLstmShape *shape, const UimlLstmOptions *options, const UimlLstmBatch *batch)
{
	UimlLstm64Weights weights;
	double *run = random_weights(&weights, shape);

	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
	{
		size_t n = uiml_lstm_tensor_size(shape, (UimlLstmTensor) i);
		double *gradient = malloc((n + 1) * sizeof(double));

		differentiate(&weights, options, batch, (UimlLstmTensor) i, gradient);
		for (size_t k = 0; k < n; k += 1 + n / 150)
		{
			double weight = weights.tensor[i][k], above, difference;

			weights.tensor[i][k] = weight + 1e-5;
			above = differentiate(&weights, options, batch, (UimlLstmTensor) i, NULL);
			weights.tensor[i][k] = weight - 1e-5;
			difference = (above - differentiate(&weights, options, batch, (UimlLstmTensor) i, NULL)) / 2e-5;
			weights.tensor[i][k] = weight;
			if (!(fabs(gradient[k] - difference) < 1e-8))
				fail_msg("tensor %d, element %zu: gradient %g, difference %g", i, k, gradient[k], difference);
		}
		free(gradient);
	}
	free(run);
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
	assert_int_equal(uiml_lstm_gradient(pair.trainer, batch, &loss), UIML_OK);
	assert_int_equal(uiml_lstm64_gradient(pair.trainer64, batch, &loss64), UIML_OK);
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

/* What one user is told, after so many tokens, is what training works with. */
static void
check_one_user(const UimlLstmShape *shape)
{
	UimlEnv env = test_env_counting();
	float *share = malloc(shape->classes * sizeof(float));
	uint32_t token[MAX_STEPS];
	void *room = malloc(uiml_lstm_room(shape, MAX_STEPS));
	Pair pair;
	Batch b;

	random_batch(&b, shape, 1, MAX_STEPS, 5);
	b.token[9] = b.token[3];
	memset(b.target, 0xff, sizeof(b.target)); /* none */
	pair_create(&pair, &env, shape, &adam);
	for (size_t t = 0; t < MAX_STEPS; t++)
	{
		UimlLstmLoss loss = {0};
		double sum = 0;

		token[t] = b.token[t];
		b.target[t] = (uint32_t) (t % shape->classes);
		finish(&b, t + 1);
		assert_int_equal(uiml_lstm64_gradient(pair.trainer64, &b.batch, &loss), UIML_OK);
		b.target[t] = UIML_LSTM_NO_TARGET;
		uiml_lstm_predict(&pair.weights, token, t + 1, room, share);
		assert_true(fabs(log((double) share[t % shape->classes]) + loss.entropy) < 1e-4);
		for (size_t c = 0; c < shape->classes; c++)
			sum += (double) share[c];
		assert_true(fabs(sum - 1) < 1e-5);
	}
	pair_destroy(&pair);
	free(share);
	free(room);
}

static void
test_one_user(void **state)
{
	(void) state;
	check_one_user(&small);
	check_one_user(&tied);
	check_one_user(
		&(UimlLstmShape){.tokens = 2501, .embedding = 33, .hidden = 17, .classes = 2500, .tied = false});
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_shares),   cmocka_unit_test(test_known_steps),
		cmocka_unit_test(test_known_state),    cmocka_unit_test(test_gradients),
		cmocka_unit_test(test_tied_gradients), cmocka_unit_test(test_float32),
		cmocka_unit_test(test_one_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
