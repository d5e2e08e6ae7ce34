/*
 * test_sequence_carry.c
 *	  Class maps, and networks that are carried over by them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sequence_carry.h"
#include "testenv.h"

#define CLASSES 7

static float source_run[4096], target_run[4096];

static UimlLstmWeights
network(size_t classes, bool tied, float *run)
{
	UimlLstmShape shape = {
		.tokens = classes + 1, .embedding = tied ? 6 : 5, .hidden = 6, .classes = classes, .tied = tied};
	UimlLstmWeights weights;

	uiml_lstm_view(&weights, &shape, run);
	return weights;
}

/* Weights as drawn are small, and biases zero: larger ones show more. */
static UimlLstmWeights
drawn_network(bool tied)
{
	UimlLstmWeights weights = network(CLASSES, tied, source_run);
	UimlRng rng;

	uiml_rng_init(&rng, 3);
	for (size_t i = 0; i < uiml_lstm_size(&weights.shape); i++)
		source_run[i] = (float) uiml_rng_normal(&rng);
	return weights;
}

static void
predict(const UimlLstmWeights *weights, const uint32_t *token, size_t n, float *share)
{
	void *room = malloc(uiml_lstm_room(&weights->shape, n));

	uiml_lstm_predict(weights, token, n, room, share);
	free(room);
}

/* Target class t is source class of[t]. */
static void
check_renamed(const uint32_t *of, bool tied)
{
	const UimlEnv env = test_env_counting();
	UimlLstmWeights from = drawn_network(tied), to = network(CLASSES, tied, target_run);
	float matrix[CLASSES * CLASSES] = {0};
	float share[CLASSES], carried[CLASSES];
	const uint32_t history[] = {1, 4, 4, 2};
	uint32_t token[4], other[4];
	UimlClassMap map;
	UimlRng rng;

	for (size_t t = 0; t < CLASSES; t++)
		matrix[t * CLASSES + of[t]] = 2;
	assert_int_equal(uiml_class_map_dense(&env, CLASSES, CLASSES, matrix, &map), UIML_OK);
	uiml_rng_init(&rng, 1);
	assert_int_equal(uiml_sequence_carry(&env, &from, &map, &rng, &to), UIML_OK);
	for (size_t i = 0; i < 4; i++)
	{
		other[i] = 1 + history[i];
		token[i] = 1 + of[history[i]];
	}
	predict(&from, token, 4, share);
	predict(&to, other, 4, carried);
	for (size_t t = 0; t < CLASSES; t++)
		assert_true(fabsf(carried[t] - share[of[t]]) < 1e-6f);
	/* padding is what it was */
	assert_memory_equal(from.tensor[UIML_LSTM_EMBEDDING], to.tensor[UIML_LSTM_EMBEDDING],
						from.shape.embedding * sizeof(float));
	uiml_class_map_free(&env, &map);
	assert_int_equal(test_env_live(), 0);
}

static void
test_identity(void **state)
{
	static const uint32_t same[CLASSES] = {0, 1, 2, 3, 4, 5, 6};
	UimlLstmWeights weights;

	(void) state;
	check_renamed(same, false);
	check_renamed(same, true);
	weights = drawn_network(true);
	assert_memory_equal(source_run, target_run, uiml_lstm_size(&weights.shape) * sizeof(float));
}

static void
test_permuted(void **state)
{
	static const uint32_t permuted[CLASSES] = {3, 0, 6, 1, 2, 5, 4};

	(void) state;
	check_renamed(permuted, false);
	check_renamed(permuted, true);
}

/* A class of two halves lies between them; one that is new is drawn, with the lowest bias. */
static void
test_mixed_and_new(void **state)
{
	const UimlEnv env = test_env_counting();
	const float matrix[2 * CLASSES] = {0, 1, 0, 3};
	UimlLstmWeights from = drawn_network(false), to = network(2, false, target_run);
	const float *e = from.tensor[UIML_LSTM_EMBEDDING], *w = from.tensor[UIML_LSTM_DENSE];
	const float *b = from.tensor[UIML_LSTM_DENSE_BIAS];
	size_t D = from.shape.embedding;
	UimlClassMap map;
	UimlRng rng;

	(void) state;
	assert_int_equal(uiml_class_map_dense(&env, 2, CLASSES, matrix, &map), UIML_OK);
	assert_int_equal(map.row_start[1], 2);
	assert_int_equal(map.row_start[2], 2);
	uiml_rng_init(&rng, 1);
	assert_int_equal(uiml_sequence_carry(&env, &from, &map, &rng, &to), UIML_OK);
	for (size_t j = 0; j < D; j++)
	{
		assert_true(fabsf(to.tensor[UIML_LSTM_EMBEDDING][D + j] -
						  (.25f * e[2 * D + j] + .75f * e[4 * D + j])) < 1e-6f);
		assert_true(fabsf(to.tensor[UIML_LSTM_EMBEDDING][2 * D + j]) <= .05f);
	}
	for (size_t h = 0; h < from.shape.hidden; h++)
		assert_true(fabsf(to.tensor[UIML_LSTM_DENSE][2 * h] -
						  (.25f * w[CLASSES * h + 1] + .75f * w[CLASSES * h + 3])) < 1e-6f);
	assert_true(fabsf(to.tensor[UIML_LSTM_DENSE_BIAS][0] - (.25f * b[1] + .75f * b[3])) < 1e-6f);
	assert_true(to.tensor[UIML_LSTM_DENSE_BIAS][1] == to.tensor[UIML_LSTM_DENSE_BIAS][0]);
	assert_memory_equal(to.tensor[UIML_LSTM_RECURRENT], from.tensor[UIML_LSTM_RECURRENT],
						uiml_lstm_tensor_size(&to.shape, UIML_LSTM_RECURRENT) * sizeof(float));
	to.shape.hidden++;
	assert_int_equal(uiml_sequence_carry(&env, &from, &map, &rng, &to), UIML_EINVALID);
	uiml_class_map_free(&env, &map);
}

static void
assert_row(const UimlClassMap *map, size_t t, const float *expected)
{
	float row[16] = {0};

	for (size_t i = map->row_start[t]; i < map->row_start[t + 1]; i++)
		row[map->source[i]] = map->weight[i];
	for (size_t s = 0; s < map->n_source; s++)
		assert_true(fabsf(row[s] - expected[s]) < 1e-5f);
}

static void
test_shared_items(void **state)
{
	const UimlEnv env = test_env_counting();
	/* Items 0 1 2 are of class 0, 3 of class 1; the source has 0 2 3, as its 1 0 2, in classes 1 0 1. */
	const uint32_t target_class[] = {0, 0, 0, 1, UIML_NO_CLASS};
	const uint32_t source_class[] = {0, 1, 1};
	const uint32_t other[] = {1, UINT32_MAX, 0, 2, 0};
	const float weight[] = {3, 5, 1, 1, 1};
	UimlSequenceClasses target = {.n = 3, .n_items = 5, .class_no = target_class};
	UimlSequenceClasses source = {.n = 2, .n_items = 3, .class_no = source_class};
	UimlClassMap map;

	(void) state;
	assert_int_equal(uiml_class_map_shared(&env, &target, &source, other, weight, &map), UIML_OK);
	assert_row(&map, 0, (const float[]){.25f, .75f});
	assert_row(&map, 1, (const float[]){0, 1});
	assert_row(&map, 2, (const float[]){0, 0});
	uiml_class_map_free(&env, &map);
	/* of items themselves: the same item */
	target = (UimlSequenceClasses){.n = 5, .n_items = 5};
	source = (UimlSequenceClasses){.n = 3, .n_items = 3};
	assert_int_equal(uiml_class_map_shared(&env, &target, &source, other, NULL, &map), UIML_OK);
	assert_row(&map, 0, (const float[]){0, 1, 0});
	assert_row(&map, 1, (const float[]){0, 0, 0});
	assert_row(&map, 3, (const float[]){0, 0, 1});
	uiml_class_map_free(&env, &map);
	assert_int_equal(test_env_live(), 0);
}

/* Bayes: two sources of prior .75 and .25 that make class 0 likely by .2 and .6 share it evenly. */
static void
test_transfer(void **state)
{
	const UimlEnv env = test_env_counting();
	const float share[] = {.2f, .8f, .6f, .4f};
	const float prior[] = {.75f, .25f};
	const float wrong[] = {.2f, -.8f, .6f, NAN};
	UimlClassMap map;

	(void) state;
	assert_int_equal(uiml_class_map_transfer(&env, 2, 2, share, prior, &map), UIML_OK);
	assert_row(&map, 0, (const float[]){.5f, .5f});
	assert_row(&map, 1, (const float[]){.6f / .7f, .1f / .7f});
	uiml_class_map_free(&env, &map);
	assert_int_equal(uiml_class_map_transfer(&env, 2, 2, wrong, prior, &map), UIML_EINVALID);
	assert_int_equal(uiml_class_map_dense(&env, 1, 1, wrong + 3, &map), UIML_ENOTFINITE);
	assert_int_equal(test_env_live(), 0);
}

/* A target item is made of the heaviest items of the interests that its own is made of. */
static void
test_through_interests(void **state)
{
	const UimlEnv env = test_env_counting();
	const float matrix[] = {.4f, .6f, 0, 1};
	const uint32_t target_class[] = {1, 0, UIML_NO_CLASS};
	const uint32_t source_class[] = {0, 1, 1, 0, 1, 1};
	const float weight[] = {1, 6, 2, 3, 1, 0};
	UimlSequenceClasses target = {.n = 2, .n_items = 3, .class_no = target_class};
	UimlSequenceClasses source = {.n = 2, .n_items = 6, .class_no = source_class};
	UimlClassMap interests, map;

	(void) state;
	assert_int_equal(uiml_class_map_dense(&env, 2, 2, matrix, &interests), UIML_OK);
	assert_int_equal(uiml_class_map_through(&env, &interests, &target, &source, weight, 2, &map), UIML_OK);
	assert_int_equal(map.n_target, 3);
	assert_row(&map, 0, (const float[]){0, .75f, .25f, 0, 0, 0});
	assert_row(&map, 1, (const float[]){.1f, .45f, .15f, .3f, 0, 0});
	assert_row(&map, 2, (const float[]){0, 0, 0, 0, 0, 0});
	uiml_class_map_free(&env, &map);
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv failing = test_env_failing_alloc(&countdown);
		UimlStatus status = uiml_class_map_through(&failing, &interests, &target, &source, NULL, 2, &map);

		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
	uiml_class_map_free(&env, &map);
	uiml_class_map_free(&env, &interests);
	assert_int_equal(test_env_live(), 0);
}

/* What is negligible goes, but not a row of nothing else. */
static void
test_negligible(void **state)
{
	const UimlEnv env = test_env_counting();
	float row[5000];
	UimlClassMap map;

	(void) state;
	for (size_t i = 0; i < 5000; i++)
		row[i] = 1;
	assert_int_equal(uiml_class_map_dense(&env, 1, 5000, row, &map), UIML_OK);
	assert_int_equal(map.row_start[1], 5000);
	uiml_class_map_free(&env, &map);
	row[7] = 1e8f;
	assert_int_equal(uiml_class_map_dense(&env, 1, 5000, row, &map), UIML_OK);
	assert_int_equal(map.row_start[1], 1);
	assert_int_equal(map.source[0], 7);
	assert_true(map.weight[0] == 1);
	uiml_class_map_free(&env, &map);
}

static void
test_interrupts(void **state)
{
	float *matrix = calloc(300 * 300, sizeof(float));
	UimlStatus status = UIML_EINTERRUPTED;
	UimlClassMap map;

	(void) state;
	for (size_t i = 0; i < 300; i++)
		matrix[i * 301] = 1;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);

		status = uiml_class_map_dense(&env, 300, 300, matrix, &map);
		assert_true(status == UIML_OK || status == UIML_EINTERRUPTED);
		if (status == UIML_OK)
			assert_true(k > 1);
		uiml_class_map_free(&env, &map);
	}
	free(matrix);
	assert_int_equal(test_env_live(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),      cmocka_unit_test(test_permuted),
		cmocka_unit_test(test_mixed_and_new), cmocka_unit_test(test_shared_items),
		cmocka_unit_test(test_transfer),      cmocka_unit_test(test_through_interests),
		cmocka_unit_test(test_negligible),    cmocka_unit_test(test_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
