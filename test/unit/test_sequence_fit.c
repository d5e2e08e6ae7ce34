/*
 * test_sequence_fit.c
 *	  Sequences whose law is known: what a network learns of them, and what fitting promises.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sequence_fit.h"
#include "testenv.h"

/* ---------- sequences ---------- */

#define N_SEQUENCES 400
#define LENGTH      12

typedef struct Fixture
{
	UimlSequences sequences;
	size_t start[2 * N_SEQUENCES + 1];
	uint32_t item[2 * N_SEQUENCES * 3 * LENGTH];
} Fixture;

static void
fixture_begin(Fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->sequences.start = fixture->start;
	fixture->sequences.item = fixture->item;
}

static void
fixture_put(Fixture *fixture, uint32_t item)
{
	fixture->item[fixture->sequences.n_events++] = item;
}

static void
fixture_end_sequence(Fixture *fixture)
{
	fixture->start[++fixture->sequences.n] = fixture->sequences.n_events;
}

/* A Markov chain: from class c to c + 1 (.8) or c + 2 (.2), modulo 5. */
#define CHAIN_CLASSES 5

static void
chain(Fixture *fixture, size_t n, uint64_t seed)
{
	UimlRng rng;

	fixture_begin(fixture);
	uiml_rng_init(&rng, seed);
	for (size_t s = 0; s < n; s++)
	{
		size_t length = 2 + (size_t) uiml_rng_below(&rng, 2 * LENGTH);
		uint32_t state = (uint32_t) uiml_rng_below(&rng, CHAIN_CLASSES);

		for (size_t i = 0; i < length; i++)
		{
			fixture_put(fixture, state);
			state = (state + (uiml_rng_uniform(&rng) < .8 ? 1 : 2)) % CHAIN_CLASSES;
		}
		fixture_end_sequence(fixture);
	}
}

/*
 * What comes last is what came first: five steps of noise, which is the same for all, lie between.  Neither popularity
 * nor what came just before tells which it is.
 */
#define MEMORY_KINDS   4
#define MEMORY_NOISE   2
#define MEMORY_CLASSES (MEMORY_KINDS + MEMORY_NOISE)

static void
remember(Fixture *fixture, size_t n, uint64_t seed)
{
	UimlRng rng;

	fixture_begin(fixture);
	uiml_rng_init(&rng, seed);
	for (size_t s = 0; s < n; s++)
	{
		uint32_t kind = (uint32_t) uiml_rng_below(&rng, MEMORY_KINDS);

		fixture_put(fixture, kind);
		for (size_t i = 0; i < 5; i++)
			fixture_put(fixture, MEMORY_KINDS + (uint32_t) uiml_rng_below(&rng, MEMORY_NOISE));
		fixture_put(fixture, kind);
		fixture_end_sequence(fixture);
	}
}

static UimlSequenceClasses
classes_of(size_t n)
{
	return (UimlSequenceClasses){.n = n, .n_items = n};
}

static UimlSequenceFitParams
small_params(size_t n_classes)
{
	UimlSequenceFitParams params = uiml_sequence_fit_defaults(n_classes, false);

	params.embedding = 8;
	params.hidden = 16;
	params.learning_rate = .01;
	params.patience = 0;
	return params;
}

static UimlStatus
fit(const UimlEnv *env, const UimlSequenceFitParams *params, const Fixture *fixture,
	const Fixture *validation, size_t n_classes, size_t chunk, UimlSequenceFit *result)
{
	UimlSequenceMemory memory = {.sequences = &fixture->sequences, .chunk = chunk};
	UimlSequenceSource source = uiml_sequence_memory_source(&memory);
	UimlSequenceClasses classes = classes_of(n_classes);
	UimlSequenceFitData data = {.fit = &source,
								.classes = &classes,
								.validation = validation == NULL ? NULL : &validation->sequences};

	return uiml_sequence_fit(env, params, &data, NULL, result);
}

static void
assert_same_weights(const UimlLstmWeights *a, const UimlLstmWeights *b)
{
	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
	{
		if (a->tensor[i] != NULL)
			assert_memory_equal(a->tensor[i], b->tensor[i],
								uiml_lstm_tensor_size(&a->shape, (UimlLstmTensor) i) * sizeof(float));
	}
}

/* ---------- what is learned ---------- */

static Fixture train_users, other_users;

static void
test_chain(void **state)
{
	const UimlEnv env = test_env_counting();
	const double entropy = -.8 * log(.8) - .2 * log(.2);
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);
	UimlSequenceFit result;

	(void) state;
	chain(&train_users, N_SEQUENCES, 1);
	chain(&other_users, N_SEQUENCES, 2);
	assert_int_equal(fit(&env, &params, &train_users, &other_users, CHAIN_CLASSES, 0, &result), UIML_OK);
	assert_int_equal(result.epochs, params.epochs);
	assert_int_equal(result.events, train_users.sequences.n_events);
	assert_int_equal(result.targets, train_users.sequences.n_events - N_SEQUENCES);
	assert_true(result.history[result.kept - 1].kept);
	assert_true(fabs(result.history[result.kept - 1].validation.loss - entropy) < .02);
	assert_true(fabs(result.history[result.kept - 1].validation.accuracy - .8) < .02);
	uiml_sequence_fit_free(&env, &result);
	assert_int_equal(test_env_live(), 0);
}

static void
test_memory_of_five_steps(void **state)
{
	const UimlEnv env = test_env_counting();
	UimlSequenceFitParams params = small_params(MEMORY_CLASSES);
	UimlSequenceJudging judging = {.max_length = 50, .mask = true, .last = true};
	UimlSequenceClasses classes = classes_of(MEMORY_CLASSES);
	const UimlLstmWeights *network;
	UimlSequenceJudgement judgement;
	UimlSequenceFit result;

	(void) state;
	params.epochs = 40;
	remember(&train_users, N_SEQUENCES, 1);
	remember(&other_users, N_SEQUENCES, 2);
	assert_int_equal(fit(&env, &params, &train_users, &other_users, MEMORY_CLASSES, 0, &result), UIML_OK);
	network = &result.weights;
	assert_int_equal(uiml_sequence_judge(&env, &network, 1, NULL, &other_users.sequences, &classes, &judging,
										 NULL, &judgement),
					 UIML_OK);
	assert_int_equal(judgement.events, N_SEQUENCES);
	/* chance is 1/4 and log(4) */
	assert_true(judgement.accuracy > .99);
	assert_true(judgement.loss < .1);
	uiml_sequence_fit_free(&env, &result);
}

/* Shared negatives out of 40 classes, tied: all classes are judged, and most of the chain is learned. */
static void
test_sampled(void **state)
{
	const UimlEnv env = test_env_counting();
	const double entropy = -.8 * log(.8) - .2 * log(.2);
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);
	UimlSequenceFit result;
	double first, last;

	(void) state;
	params.embedding = params.hidden = 16;
	params.tied = true;
	params.negatives = 64;
	params.optimizer = UIML_LSTM_ADAGRAD;
	params.learning_rate = .1;
	chain(&train_users, N_SEQUENCES, 1);
	chain(&other_users, N_SEQUENCES, 2);
	assert_int_equal(fit(&env, &params, &train_users, &other_users, CHAIN_CLASSES + 35, 0, &result), UIML_OK);
	first = result.history[0].validation.loss;
	last = result.history[result.kept - 1].validation.loss;
	assert_true(last < first && last < entropy + .1);
	uiml_sequence_fit_free(&env, &result);
}

/* Padding in front is processed where it isn't masked, and learned to be nothing. */
static void
test_padded(void **state)
{
	const UimlEnv env = test_env_counting();
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);
	UimlSequenceFit result;

	(void) state;
	params.mask = false;
	params.max_length = 10;
	params.last = true;
	params.epochs = 30;
	chain(&train_users, N_SEQUENCES, 1);
	chain(&other_users, N_SEQUENCES, 2);
	assert_int_equal(fit(&env, &params, &train_users, &other_users, CHAIN_CLASSES, 0, &result), UIML_OK);
	assert_int_equal(result.targets, N_SEQUENCES);
	assert_true(result.history[result.kept - 1].validation.accuracy > .7);
	uiml_sequence_fit_free(&env, &result);
}

/* ---------- what is promised ---------- */

/* Pieces run in the reverse order: what threads may do. */
static void
run_backwards(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	(void) ctx;
	while (n-- > 0)
		task(arg, n);
}

static void
test_same_seed(void **state)
{
	UimlEnv env = test_env_counting();
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);
	UimlSequenceFit a, b, c;

	(void) state;
	params.epochs = 2;
	params.dropout = .2;
	chain(&train_users, N_SEQUENCES, 1);
	chain(&other_users, N_SEQUENCES, 2);
	assert_int_equal(fit(&env, &params, &train_users, &other_users, CHAIN_CLASSES, 0, &a), UIML_OK);
	env.parallel = run_backwards;
	assert_int_equal(fit(&env, &params, &train_users, &other_users, CHAIN_CLASSES, 0, &b), UIML_OK);
	params.seed = 1;
	assert_int_equal(fit(&env, &params, &train_users, &other_users, CHAIN_CLASSES, 0, &c), UIML_OK);
	assert_same_weights(&a.weights, &b.weights);
	assert_true(a.history[1].validation.loss == b.history[1].validation.loss);
	assert_true(a.history[1].loss == b.history[1].loss);
	assert_true(a.history[1].loss != c.history[1].loss);
	uiml_sequence_fit_free(&env, &a);
	uiml_sequence_fit_free(&env, &b);
	uiml_sequence_fit_free(&env, &c);
}

static void
test_chunks(void **state)
{
	const UimlEnv env = test_env_counting();
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);
	UimlSequenceFit whole, parts;

	(void) state;
	chain(&train_users, N_SEQUENCES, 1);
	chain(&other_users, N_SEQUENCES, 2);
	assert_int_equal(fit(&env, &params, &train_users, &other_users, CHAIN_CLASSES, 0, &whole), UIML_OK);
	assert_int_equal(fit(&env, &params, &train_users, &other_users, CHAIN_CLASSES, 70, &parts), UIML_OK);
	assert_int_equal(parts.events, whole.events);
	assert_int_equal(parts.targets, whole.targets);
	assert_true(fabs(parts.history[9].validation.loss - whole.history[9].validation.loss) < .01);
	uiml_sequence_fit_free(&env, &whole);
	uiml_sequence_fit_free(&env, &parts);
}

/* Chunks of every size give each sequence once a pass, in orders that differ. */
static void
test_chunks_are_complete(void **state)
{
	UimlSequenceMemory memory = {.sequences = &train_users.sequences};
	bool differ = false;

	(void) state;
	chain(&train_users, 101, 1);
	for (memory.chunk = 1; memory.chunk < 102; memory.chunk += 9)
	{
		UimlSequenceSource source = uiml_sequence_memory_source(&memory);
		size_t first[2];

		for (uint64_t pass = 0; pass < 2; pass++)
		{
			uint8_t seen[101] = {0};
			UimlSequences chunk;

			first[pass] = SIZE_MAX;
			assert_int_equal(source.rewind(source.ctx, pass), UIML_OK);
			while (source.next(source.ctx, &chunk) == UIML_OK && chunk.n > 0)
			{
				size_t s = (size_t) (chunk.start - train_users.start);

				first[pass] = first[pass] == SIZE_MAX ? s : first[pass];
				assert_int_equal(chunk.n_events, chunk.start[chunk.n] - chunk.start[0]);
				for (size_t i = 0; i < chunk.n; i++)
					assert_int_equal(seen[s + i]++, 0);
			}
			for (size_t i = 0; i < 101; i++)
				assert_int_equal(seen[i], 1);
		}
		differ = differ || first[0] != first[1];
	}
	assert_true(differ);
}

/* Few sequences are learned by heart: validation gets worse, and the best epoch is what stays. */
static void
test_early_stopping(void **state)
{
	const UimlEnv env = test_env_counting();
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);
	UimlSequenceClasses classes = classes_of(CHAIN_CLASSES);
	UimlSequenceJudging judging = {.max_length = params.max_length, .mask = true};
	UimlSequenceJudgement judgement;
	const UimlLstmWeights *network;
	UimlSequenceFit result, again;

	(void) state;
	params.epochs = 200;
	params.hidden = 32;
	params.patience = 3;
	params.batch = 4;
	chain(&train_users, 20, 1);
	chain(&other_users, N_SEQUENCES, 2);
	assert_int_equal(fit(&env, &params, &train_users, &other_users, CHAIN_CLASSES, 0, &result), UIML_OK);
	assert_true(result.epochs < params.epochs);
	assert_int_equal(result.kept, result.epochs - params.patience);
	for (size_t i = 0; i < result.epochs; i++)
	{
		assert_int_equal(result.history[i].kept, i + 1 == result.kept);
		assert_true(result.history[i].validation.loss >= result.history[result.kept - 1].validation.loss);
	}
	network = &result.weights;
	assert_int_equal(uiml_sequence_judge(&env, &network, 1, NULL, &other_users.sequences, &classes, &judging,
										 NULL, &judgement),
					 UIML_OK);
	assert_true(judgement.loss == result.history[result.kept - 1].validation.loss);
	/* So many epochs and no more are the same weights. */
	params.epochs = result.kept;
	assert_int_equal(fit(&env, &params, &train_users, NULL, CHAIN_CLASSES, 0, &again), UIML_OK);
	assert_same_weights(&result.weights, &again.weights);
	assert_true(isnan(again.history[0].validation.loss));
	uiml_sequence_fit_free(&env, &result);
	uiml_sequence_fit_free(&env, &again);
}

static void
test_initial_and_frozen(void **state)
{
	const UimlEnv env = test_env_counting();
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);
	UimlSequenceClasses classes = classes_of(CHAIN_CLASSES);
	UimlSequenceMemory memory = {.sequences = &train_users.sequences};
	UimlSequenceSource source;
	UimlSequenceFitData data = {.fit = &source, .classes = &classes, .validation = &other_users.sequences};
	UimlSequenceFit first, second;

	(void) state;
	chain(&train_users, N_SEQUENCES, 1);
	chain(&other_users, N_SEQUENCES, 2);
	source = uiml_sequence_memory_source(&memory);
	assert_int_equal(uiml_sequence_fit(&env, &params, &data, NULL, &first), UIML_OK);
	/* A rate that ruins everything: what it began with is kept. */
	data.initial = &first.weights;
	params.epochs = 1;
	params.learning_rate = 3;
	assert_int_equal(uiml_sequence_fit(&env, &params, &data, NULL, &second), UIML_OK);
	assert_int_equal(second.kept, 0);
	assert_same_weights(&first.weights, &second.weights);
	uiml_sequence_fit_free(&env, &second);
	/* What is frozen stays, the rest moves. */
	params.learning_rate = .01;
	params.frozen[UIML_LSTM_RECURRENT] = params.frozen[UIML_LSTM_KERNEL] = true;
	data.validation = NULL;
	assert_int_equal(uiml_sequence_fit(&env, &params, &data, NULL, &second), UIML_OK);
	assert_int_equal(second.kept, 1);
	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
	{
		size_t bytes = uiml_lstm_tensor_size(&first.weights.shape, (UimlLstmTensor) i) * sizeof(float);
		bool same = memcmp(first.weights.tensor[i], second.weights.tensor[i], bytes) == 0;

		assert_int_equal(same, params.frozen[i]);
	}
	params.hidden++;
	uiml_sequence_fit_free(&env, &second);
	assert_int_equal(uiml_sequence_fit(&env, &params, &data, NULL, &second), UIML_EINVALID);
	uiml_sequence_fit_free(&env, &second);
	uiml_sequence_fit_free(&env, &first);
}

/* Two networks, of the chain and of nothing: the blend is the chain's. */
static void
test_blend(void **state)
{
	const UimlEnv env = test_env_counting();
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);
	UimlSequenceClasses classes = classes_of(CHAIN_CLASSES);
	UimlSequenceMemory memory = {.sequences = &train_users.sequences};
	UimlSequenceSource source;
	UimlSequenceFitData data = {.fit = &source, .classes = &classes, .test = &other_users.sequences};
	UimlSequenceEpoch *epoch;
	UimlSequenceFit good, blended;

	(void) state;
	chain(&train_users, N_SEQUENCES, 1);
	chain(&other_users, N_SEQUENCES, 2);
	source = uiml_sequence_memory_source(&memory);
	assert_int_equal(uiml_sequence_fit(&env, &params, &data, NULL, &good), UIML_OK);
	data.beside = &good.weights;
	params.epochs = 1;
	params.learning_rate = 1e-5;
	params.seed = 5;
	assert_int_equal(uiml_sequence_fit(&env, &params, &data, NULL, &blended), UIML_OK);
	epoch = &blended.history[0];
	assert_true(epoch->test.loss > 1.5);
	assert_true(epoch->blend_share < .01);
	assert_true(epoch->blend.loss < good.history[good.kept - 1].test.loss + .001);
	assert_int_equal(epoch->blend.events, epoch->test.events);
	uiml_sequence_fit_free(&env, &blended);
	uiml_sequence_fit_free(&env, &good);
	assert_int_equal(test_env_live(), 0);
}

/* ---------- judging ---------- */

/* The judgement of each event by inference of one user. */
static void
judge_plainly(const UimlLstmWeights *network, const Fixture *fixture, const UimlSequenceJudging *judging,
			  UimlSequenceJudgement *sum)
{
	size_t C = network->shape.classes;
	void *room = malloc(uiml_lstm_room(&network->shape, judging->max_length));
	float share[32];
	uint32_t token[64];

	memset(sum, 0, sizeof(*sum));
	for (size_t s = 0; s < fixture->sequences.n; s++)
	{
		size_t begin = fixture->start[s], end = fixture->start[s + 1];

		for (size_t at = judging->last ? end - 1 : begin + 1; at < end; at++)
		{
			uint32_t target = fixture->item[at];
			size_t rank = 1;
			bool seen[32] = {false};

			for (size_t i = begin; i < at; i++)
			{
				token[i - begin] = 1 + fixture->item[i];
				seen[fixture->item[i]] = judging->unseen;
			}
			uiml_lstm_predict(network, token, at - begin, room, share);
			sum->loss -= log((double) share[target]);
			sum->events++;
			for (size_t j = 0; j < C; j++)
				rank += j != target && !seen[j] && share[j] >= share[target];
			if (seen[target])
				continue;
			sum->ranked++;
			sum->hr += rank <= judging->k;
			sum->ndcg += rank <= judging->k ? 1 / log2(1.0 + (double) rank) : 0;
		}
	}
	sum->loss /= (double) sum->events;
	sum->hr /= (double) sum->ranked;
	sum->ndcg /= (double) sum->ranked;
	free(room);
}

static void
test_judge(void **state)
{
	const UimlEnv env = test_env_counting();
	UimlSequenceFitParams params = small_params(20);
	UimlSequenceClasses classes = classes_of(20);
	UimlSequenceFit result;

	(void) state;
	params.epochs = 1;
	chain(&train_users, 100, 1);
	assert_int_equal(fit(&env, &params, &train_users, NULL, 20, 0, &result), UIML_OK);
	for (int way = 0; way < 8; way++)
	{
		UimlSequenceJudging judging = {
			.max_length = 50, .mask = true, .last = way & 1, .k = 2 + (way & 4), .unseen = (way & 2) != 0};
		const UimlLstmWeights *network = &result.weights;
		UimlSequenceJudgement judgement, plain;

		judge_plainly(&result.weights, &train_users, &judging, &plain);
		assert_int_equal(uiml_sequence_judge(&env, &network, 1, NULL, &train_users.sequences, &classes,
											 &judging, NULL, &judgement),
						 UIML_OK);
		assert_int_equal(judgement.events, plain.events);
		assert_int_equal(judgement.events,
						 uiml_sequence_judged_events(&train_users.sequences, &classes, judging.last));
		assert_int_equal(judgement.ranked, plain.ranked);
		assert_true(fabs(judgement.loss - plain.loss) < 1e-5);
		assert_true(fabs(judgement.hr - plain.hr) < 1e-3);
		assert_true(fabs(judgement.ndcg - plain.ndcg) < 1e-3);
	}
	uiml_sequence_fit_free(&env, &result);
}

/* Probabilities come event by event; of few asked for, the last is one. */
static void
test_judged_events(void **state)
{
	const UimlEnv env = test_env_counting();
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);
	UimlSequenceClasses classes = classes_of(CHAIN_CLASSES);
	UimlSequenceJudging judging = {.max_length = 4, .mask = true};
	const UimlLstmWeights *network;
	float probability[N_SEQUENCES * 2 * LENGTH];
	UimlSequenceJudgement all, last;
	UimlSequenceFit result;
	double sum = 0;

	(void) state;
	params.epochs = 1;
	chain(&train_users, 50, 1);
	assert_int_equal(fit(&env, &params, &train_users, NULL, CHAIN_CLASSES, 0, &result), UIML_OK);
	network = &result.weights;
	assert_int_equal(uiml_sequence_judge(&env, &network, 1, NULL, &train_users.sequences, &classes, &judging,
										 probability, &all),
					 UIML_OK);
	for (size_t i = 0; i < all.events; i++)
		sum -= log((double) probability[i]);
	assert_true(fabs(sum / (double) all.events - all.loss) < 1e-9);
	judging.last = true;
	assert_int_equal(
		uiml_sequence_judge(&env, &network, 1, NULL, &train_users.sequences, &classes, &judging, NULL, &last),
		UIML_OK);
	judging.last = false;
	judging.most = 1;
	assert_int_equal(
		uiml_sequence_judge(&env, &network, 1, NULL, &train_users.sequences, &classes, &judging, NULL, &all),
		UIML_OK);
	assert_int_equal(all.events, 50);
	assert_true(all.loss == last.loss);
	uiml_sequence_fit_free(&env, &result);
}

/* ---------- what goes wrong ---------- */

static void
test_arguments(void **state)
{
	const UimlEnv env = test_env_counting();
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);
	UimlSequenceFit result;

	(void) state;
	fixture_begin(&train_users);
	assert_int_equal(fit(&env, &params, &train_users, NULL, CHAIN_CLASSES, 0, &result), UIML_EEMPTY);
	uiml_sequence_fit_free(&env, &result);
	fixture_put(&train_users, 0);
	fixture_put(&train_users, CHAIN_CLASSES); /* of no class */
	fixture_end_sequence(&train_users);
	assert_int_equal(fit(&env, &params, &train_users, NULL, CHAIN_CLASSES, 0, &result), UIML_EEMPTY);
	uiml_sequence_fit_free(&env, &result);
	params.learning_rate = 0;
	chain(&train_users, 10, 1);
	assert_int_equal(fit(&env, &params, &train_users, NULL, CHAIN_CLASSES, 0, &result), UIML_EINVALID);
	uiml_sequence_fit_free(&env, &result);
	params = small_params(CHAIN_CLASSES);
	params.epochs = 0;
	assert_int_equal(fit(&env, &params, &train_users, NULL, CHAIN_CLASSES, 0, &result), UIML_EINVALID);
	uiml_sequence_fit_free(&env, &result);
	params.epochs = 1;
	params.negatives = 4; /* not tied */
	assert_int_equal(fit(&env, &params, &train_users, NULL, CHAIN_CLASSES, 0, &result), UIML_EINVALID);
	uiml_sequence_fit_free(&env, &result);
	assert_int_equal(test_env_live(), 0);
}

static void
test_out_of_memory(void **state)
{
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);

	(void) state;
	params.epochs = 1;
	chain(&train_users, 20, 1);
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlSequenceFit result;
		UimlStatus status = fit(&env, &params, &train_users, &train_users, CHAIN_CLASSES, 7, &result);

		uiml_sequence_fit_free(&env, &result);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
}

static void
test_interrupts(void **state)
{
	UimlSequenceFitParams params = small_params(CHAIN_CLASSES);

	(void) state;
	params.epochs = 1;
	chain(&train_users, 20, 1);
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlSequenceFit result;
		UimlStatus status = fit(&env, &params, &train_users, &train_users, CHAIN_CLASSES, 7, &result);

		uiml_sequence_fit_free(&env, &result);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
}

/* What is promised to a budget is not exceeded. */
static void
test_memory(void **state)
{
	static const size_t most_classes[] = {CHAIN_CLASSES, 3000};

	(void) state;
	chain(&train_users, N_SEQUENCES, 1);
	for (size_t i = 0; i < 4; i++)
	{
		size_t n = most_classes[i / 2];
		UimlSequenceFitParams params = small_params(n);
		TestEnvMeter meter = {0};
		UimlEnv env = test_env_metered(&meter);
		UimlSequenceFit result;
		size_t bytes;

		params.epochs = 1;
		params.tied = i % 2 == 1;
		params.embedding = params.hidden;
		params.negatives = params.tied ? 100 : 0;
		bytes = uiml_sequence_fit_memory(&params, n, N_SEQUENCES, train_users.sequences.n_events, N_SEQUENCES,
										 train_users.sequences.n_events);
		assert_int_equal(fit(&env, &params, &train_users, &train_users, n, 0, &result), UIML_OK);
		assert_true(meter.peak <= bytes);
		assert_true(bytes < 2 * meter.peak);
		uiml_sequence_fit_free(&env, &result);
		assert_int_equal(meter.held, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_memory_of_five_steps),
		cmocka_unit_test(test_sampled),
		cmocka_unit_test(test_padded),
		cmocka_unit_test(test_same_seed),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_chunks_are_complete),
		cmocka_unit_test(test_early_stopping),
		cmocka_unit_test(test_initial_and_frozen),
		cmocka_unit_test(test_blend),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_judged_events),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
