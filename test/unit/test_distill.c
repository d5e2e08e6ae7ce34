/*
 * test_distill.c
 *	  Static encoders from the tiny transformer of test/models, and the principal components they are made of.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/bert.h"
#include "core/distill.h"
#include "core/distill_reduce.h"
#include "core/rng.h"
#include "modelfiles.h"
#include "testenv.h"

#define TINY       "test/models/tiny-bert"
#define VOCABULARY 127
#define HIDDEN     24

static const UimlModelOptions no_options = {.normalize = -1};

/* The transformer. */
static unsigned char *teacher_bytes;
static UimlEncoder teacher;

static int
load_teacher(void **state)
{
	size_t length;

	(void) state;
	teacher_bytes = model_load(TINY, &no_options, &length);
	return uiml_encoder_open(teacher_bytes, length, true, &teacher) == UIML_OK ? 0 : -1;
}

static int
free_teacher(void **state)
{
	(void) state;
	free(teacher_bytes);
	return 0;
}

/* "data" and "base" are tokens, "##base" is one: words of more than one token, two of them often enough. */
static const char *const texts[] = {"newsbase, paintings", "newsbase filmed", "the newsbase is filmed",
									"filmed", "redly red"};

static UimlStatus
distill(const UimlEnv *env, size_t dims, bool words, ModelBytes *bytes, UimlDistilled *distilled)
{
	UimlOutput out = {.write = model_bytes_write, .ctx = bytes};
	UimlDistillParams params = uiml_distill_defaults();
	UimlDistiller *distiller;
	UimlStatus status;

	params.dims = dims;
	status = uiml_distill_begin(env, &teacher, &params, words, &distiller);
	for (size_t i = 0; words && status == UIML_OK && i < sizeof(texts) / sizeof(texts[0]); i++)
		status = uiml_distill_add(distiller, texts[i], strlen(texts[i]));
	if (status == UIML_OK)
		status = uiml_distill_finish(distiller, &out, distilled);
	uiml_distill_destroy(distiller);
	return status;
}

static void
embed(const UimlEncoder *encoder, const char *text, float *x)
{
	UimlEnv env = uiml_env_malloc();

	assert_int_equal(uiml_encoder_embed(&env, encoder, text, strlen(text), x), UIML_OK);
}

static double
length_of(const float *x, size_t dims)
{
	double squares = 0;

	for (size_t j = 0; j < dims; j++)
		squares += (double) x[j] * x[j];
	return sqrt(squares);
}

static size_t
n_tokens(const UimlEncoder *encoder, const char *text)
{
	UimlEnv env = uiml_env_malloc();
	uint32_t ids[64];
	size_t n;

	assert_int_equal(
		uiml_tokenizer_run(&env, uiml_encoder_tokenizer(encoder), text, strlen(text), 64, ids, &n, NULL),
		UIML_OK);
	return n - 2;
}

static void
vocabulary_alone(void **state)
{
	UimlEnv env = test_env_counting();
	ModelBytes bytes = {0};
	UimlDistilled distilled;
	UimlEncoder encoder;
	float x[HIDDEN];
	float y[HIDDEN];
	double difference = 0;

	(void) state;
	assert_int_equal(distill(&env, 8, false, &bytes, &distilled), UIML_OK);
	assert_true(distilled.dims == 8 && distilled.vocabulary == VOCABULARY && distilled.words == 0);
	assert_true(distilled.explained > 0.3 && distilled.explained < 1 && distilled.size == bytes.length);
	assert_int_equal(uiml_encoder_open(bytes.bytes, bytes.length, true, &encoder), UIML_OK);
	assert_true(encoder.kind == UIML_ENCODER_STATIC && encoder.dims == 8 && encoder.max_tokens == 0);
	embed(&encoder, "Red apples", x);
	assert_true(fabs(length_of(x, 8) - 1) < 1e-6);
	embed(&encoder, "apples red red red apples apples", y);
	for (size_t j = 0; j < 8; j++)
		difference = fmax(difference, fabs(x[j] - y[j]));
	assert_true(difference < 1e-6);

	/* special tokens and what is unknown have no vector */
	embed(&encoder, "[MASK] [CLS] [PAD] \xE2\x98\x83", x);
	assert_true(length_of(x, 8) == 0);
	free(bytes.bytes);
	assert_int_equal(test_env_live(), 0);
}

/* No more dimensions than the transformer's vectors have, which then are all explained. */
static void
dims_are_at_most_the_rank(void **state)
{
	UimlEnv env = test_env_counting();
	ModelBytes bytes = {0};
	UimlDistilled distilled;

	(void) state;
	assert_int_equal(distill(&env, 1000, false, &bytes, &distilled), UIML_OK);
	assert_true(distilled.dims >= 20 && distilled.dims <= HIDDEN);
	assert_true(fabs(distilled.explained - 1) < 1e-5);
	free(bytes.bytes);
	assert_int_equal(test_env_live(), 0);
}

static void
words_of_texts(void **state)
{
	UimlEnv env = test_env_counting();
	ModelBytes bytes = {0};
	ModelBytes again = {0};
	UimlDistilled distilled;
	UimlEncoder encoder;
	float x[8];

	(void) state;
	assert_int_equal(distill(&env, 8, true, &bytes, &distilled), UIML_OK);
	assert_true(distilled.words == 2 && distilled.vocabulary == VOCABULARY + 2);
	assert_int_equal(uiml_encoder_open(bytes.bytes, bytes.length, true, &encoder), UIML_OK);
	assert_int_equal(n_tokens(&encoder, "newsbase"), 1);
	assert_int_equal(n_tokens(&teacher, "newsbase"), 2);
	assert_int_equal(n_tokens(&encoder, "newsbases"), 2);
	assert_int_equal(n_tokens(&encoder, "redly"), 2);
	embed(&encoder, "newsbase", x);
	assert_true(fabs(length_of(x, 8) - 1) < 1e-6);

	/* the same once more gives the same bytes */
	assert_int_equal(distill(&env, 8, true, &again, &distilled), UIML_OK);
	assert_int_equal(again.length, bytes.length);
	assert_memory_equal(again.bytes, bytes.bytes, bytes.length);
	free(bytes.bytes);
	free(again.bytes);
	assert_int_equal(test_env_live(), 0);
}

static void
what_can_not_be_distilled(void **state)
{
	UimlEnv env = test_env_counting();
	UimlDistillParams params = uiml_distill_defaults();
	UimlDistiller *distiller;
	UimlEncoder hash;

	(void) state;
	assert_int_equal(uiml_encoder_builtin(64, &hash), UIML_OK);
	assert_int_equal(uiml_distill_begin(&env, &hash, &params, false, &distiller), UIML_EINVALID);
	assert_null(distiller);
	params.dims = 0;
	assert_int_equal(uiml_distill_begin(&env, &teacher, &params, false, &distiller), UIML_EINVALID);
	params.dims = UIML_ENCODER_MAX_DIMS + 1;
	assert_int_equal(uiml_distill_begin(&env, &teacher, &params, false, &distiller), UIML_EINVALID);
	assert_int_equal(test_env_live(), 0);
}

static void
stops_at_any_time(void **state)
{
	UimlStatus status = UIML_ENOMEM;

	(void) state;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		ModelBytes bytes = {0};
		UimlDistilled distilled;

		status = distill(&env, 8, true, &bytes, &distilled);
		assert_true(status == UIML_OK || status == UIML_ENOMEM);
		assert_int_equal(test_env_live(), 0);
		free(bytes.bytes);
	}
	status = UIML_EINTERRUPTED;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		ModelBytes bytes = {0};
		UimlDistilled distilled;

		status = distill(&env, 8, true, &bytes, &distilled);
		assert_true(status == UIML_OK || status == UIML_EINTERRUPTED);
		assert_int_equal(test_env_live(), 0);
		free(bytes.bytes);
	}
}

/* ---------- principal components ---------- */

/*
 * Variances 16, 1 and 1/16 along turned axes, far from the origin: variances become the square roots of theirs,
 * relative to the first; every seventh row is of zeros and stays.
 */
static void
known_directions(void **state)
{
	enum
	{
		N = 7000
	};
	static const double axis[3][3] = {{0.6, 0.8, 0}, {-0.8, 0.6, 0}, {0, 0, 1}};
	static const double deviation[3] = {4, 1, 0.25};
	UimlEnv env = test_env_counting();
	float *x = calloc(N, 3 * sizeof(float));
	double square[2] = {0};
	double mean[2] = {0};
	size_t dims = 2;
	double explained;
	UimlRng rng;

	(void) state;
	assert_non_null(x);
	uiml_rng_init(&rng, 1);
	for (size_t i = 0; i < N; i++)
	{
		for (int k = 0; k < 3 && i % 7 != 0; k++)
		{
			double z = uiml_rng_normal(&rng) * deviation[k];

			for (int j = 0; j < 3; j++)
				x[3 * i + j] += (float) (z * axis[k][j] + (k == 0 ? 10 * (j + 1) : 0));
		}
	}
	assert_int_equal(uiml_distill_reduce(&env, x, N, 3, &dims, &explained), UIML_OK);
	assert_int_equal(dims, 2);
	assert_true(fabs(explained - 17 / 17.0625) < 0.001);
	for (size_t i = 0; i < N; i++)
	{
		for (size_t j = 0; j < 2; j++)
		{
			assert_true(i % 7 != 0 || x[2 * i + j] == 0);
			mean[j] += x[2 * i + j] / 6000;
			square[j] += (double) x[2 * i + j] * x[2 * i + j] / 6000;
		}
	}
	assert_true(fabs(mean[0]) < 1e-4 && fabs(mean[1]) < 1e-4);
	assert_true(fabs(square[0] - 16) < 1 && fabs(square[1] - 4) < 0.3);
	free(x);
	assert_int_equal(test_env_live(), 0);
}

static void
rows_that_do_not_differ(void **state)
{
	UimlEnv env = test_env_counting();
	float x[] = {1, 2, 1, 2, 0, 0, 1, 2};
	float zero[8] = {0};
	float nan[] = {1, 2, 2, 2, NAN, 0, 1, 2};
	size_t dims = 2;
	double explained;

	(void) state;
	assert_int_equal(uiml_distill_reduce(&env, x, 4, 2, &dims, &explained), UIML_EEMPTY);
	assert_int_equal(uiml_distill_reduce(&env, zero, 4, 2, &dims, &explained), UIML_EEMPTY);
	dims = 2;
	assert_int_equal(uiml_distill_reduce(&env, nan, 4, 2, &dims, &explained), UIML_ENOTFINITE);
	assert_int_equal(test_env_live(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vocabulary_alone),        cmocka_unit_test(dims_are_at_most_the_rank),
		cmocka_unit_test(words_of_texts),          cmocka_unit_test(what_can_not_be_distilled),
		cmocka_unit_test(stops_at_any_time),       cmocka_unit_test(known_directions),
		cmocka_unit_test(rows_that_do_not_differ),
	};

	return cmocka_run_group_tests(tests, load_teacher, free_teacher);
}
