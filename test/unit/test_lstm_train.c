/*
 * test_lstm_train.c
 *	  Training of the LSTM: draws, dropout, clipping, freezing, threads, first weights, faults.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/lstm_draw.h"
#include "lstm_batches.h"

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
	pair_create(&pair, &env, &small, &adam);
	assert_int_equal(uiml_lstm_gradient(pair.trainer, &b.batch, &plain), UIML_OK);
	pair_destroy(&pair);
	options.dropout = .1;
	options.learning_rate = 1e-12;
	pair_create(&pair, &env, &small, &options);
	assert_int_equal(uiml_lstm_gradient(pair.trainer, &b.batch, &loss), UIML_OK);
	assert_int_equal(uiml_lstm_gradient(pair.trainer, &b.batch, &again), UIML_OK);
	assert_true(loss.entropy == again.entropy);
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
train(const UimlEnv *env, float *run)
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
		UimlStatus status = train(&env, run);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
	for (long k = 1;; k++, stops++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = train(&env, run);

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
		cmocka_unit_test(test_all_drawn),  cmocka_unit_test(test_draws),     cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_clipping),   cmocka_unit_test(test_dropout),   cmocka_unit_test(test_threads),
		cmocka_unit_test(test_init),       cmocka_unit_test(test_faults),    cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_not_finite), cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
