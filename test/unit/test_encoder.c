/*
 * test_encoder.c
 *	  Features of texts, the encoders trained on a small collection, and damage to their bytes.
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

#include "core/encoder.h"
#include "core/features.h"
#include "testenv.h"

/* Three topics that share no word. */
static const char *const topic[3][6] = {
	{"striker", "goal", "football", "league", "keeper", "penalty"},
	{"guitar", "concert", "album", "singer", "melody", "orchestra"},
	{"股市", "基金", "上涨", "投资", "银行", "利率"},
};

#define N_TEXTS 240

/* Text i is about topic i % 3: three of its words. */
static void
text_of(size_t i, char *text, size_t size)
{
	const char *const *word = topic[i % 3];

	snprintf(text, size, "%s %s %s", word[i / 3 % 6], word[(i / 3 + 1 + i / 18 % 4) % 6], word[(i / 7) % 6]);
}

static UimlStatus
train(const UimlEnv *env, const UimlEncoderParams *params, bool backwards, void **bytes, size_t *length)
{
	UimlEncoderTrainer *trainer = uiml_encoder_train_begin(env, params);
	UimlStatus status = trainer != NULL ? UIML_OK : UIML_ENOMEM;

	for (size_t i = 0; status == UIML_OK && i < N_TEXTS; i++)
	{
		char text[128];

		text_of(backwards ? N_TEXTS - 1 - i : i, text, sizeof(text));
		status = uiml_encoder_train_add(trainer, text, strlen(text));
	}
	if (status == UIML_OK)
		status = uiml_encoder_train_finish(trainer, bytes, length);
	uiml_encoder_train_destroy(trainer);
	return status;
}

static UimlEncoderParams
params_of(UimlEncoderKind kind, size_t dims, UimlWhitening whitening)
{
	UimlEncoderParams params = uiml_encoder_defaults(kind);

	params.dims = dims;
	params.whitening = whitening;
	params.max_bytes = 4 * 1024 * 1024;
	return params;
}

static double
cosine(const float *a, const float *b, size_t dims)
{
	double sum = 0;

	for (size_t j = 0; j < dims; j++)
		sum += (double) a[j] * b[j];
	return sum;
}

static void
embed(const UimlEncoder *encoder, const char *text, float *x)
{
	UimlEnv env = uiml_env_malloc();

	assert_int_equal(uiml_encoder_embed(&env, encoder, text, strlen(text), x), UIML_OK);
}

static double
similarity(const UimlEncoder *encoder, const char *a, const char *b)
{
	float x[UIML_ENCODER_MAX_DIMS];
	float y[UIML_ENCODER_MAX_DIMS];

	embed(encoder, a, x);
	embed(encoder, b, y);
	return cosine(x, y, encoder->dims);
}

static size_t
n_features(const char *text)
{
	UimlEnv env = test_env_counting();
	UimlFeatures features;
	size_t n;

	uiml_features_init(&features, &env, 32);
	assert_int_equal(uiml_features_of(&features, text, strlen(text)), UIML_OK);
	n = features.n;
	uiml_features_free(&features);
	assert_int_equal(test_env_live(), 0);
	return n;
}

static void
features_of_known_texts(void **state)
{
	(void) state;
	/* <cat>: the word; <c ca at t>; <ca cat at>; <cat cat> */
	assert_int_equal(n_features("cat"), 1 + 4 + 3 + 2);
	assert_int_equal(n_features("Cat, CAT!"), 1 + 4 + 3 + 2);
	/* 4 characters, 3 pairs, 2 triples */
	assert_int_equal(n_features("人工智能"), 4 + 3 + 2);
	/* a run of one character, repeated, is one of each */
	assert_int_equal(n_features("哈哈哈哈"), 1 + 1 + 1);
	/* a number is a word: <1 19 99 95 5>; <19 199 995 95>; <199 1995 995> */
	assert_int_equal(n_features("1995"), 1 + 5 + 4 + 3);
	assert_int_equal(n_features(""), 0);
	assert_int_equal(n_features("the of and!"), 0);
	assert_int_equal(n_features("\xFF\xC0"), 0);
}

static void
counts_are_sublinear(void **state)
{
	UimlEnv env = test_env_counting();
	UimlFeatures features;

	(void) state;
	uiml_features_init(&features, &env, 20);
	assert_int_equal(uiml_features_of(&features, "cat cat cat", 11), UIML_OK);
	for (size_t i = 0; i < features.n_slots; i++)
	{
		const UimlFeature *feature = &features.slot[i];

		assert_true(feature->count == 0 || feature->count == 3);
		if (feature->count == 3)
			assert_true(feature->id < 1 << 20 && feature->weight > 1.04F && feature->weight < 2.1F);
	}
	uiml_features_free(&features);
}

static void
long_text_counts_from_its_beginning(void **state)
{
	UimlEnv env = test_env_counting();
	size_t length = 4 * UIML_FEATURES_MAX_TEXT;
	char *text = malloc(length);
	UimlFeatures features;

	(void) state;
	assert_non_null(text);
	memset(text, ' ', length);
	memcpy(text, "beginning", 9);
	memcpy(text + length - 3, "end", 3);
	uiml_features_init(&features, &env, 32);
	assert_int_equal(uiml_features_of(&features, text, length), UIML_OK);
	assert_int_equal(features.n, n_features("beginning"));
	/* many features: the table grows, and gives the memory back before the next text */
	for (size_t i = 0; i < length; i++)
		text[i] = (char) (i % 7 == 6 ? ' ' : 'a' + uiml_mix(i + 1) % 26);
	assert_int_equal(uiml_features_of(&features, text, length), UIML_OK);
	assert_true(features.n > 5000);
	assert_int_equal(uiml_features_of(&features, "cat", 3), UIML_OK);
	assert_int_equal(features.n, 10);
	assert_int_equal(test_env_live(), 0);
	uiml_features_free(&features);
	free(text);
}

static void
builtin_knows_forms_of_words(void **state)
{
	UimlEncoder encoder;
	float x[256];

	(void) state;
	assert_int_equal(uiml_encoder_builtin(0, &encoder), UIML_EINVALID);
	assert_int_equal(uiml_encoder_builtin(1025, &encoder), UIML_EINVALID);
	assert_int_equal(uiml_encoder_builtin(256, &encoder), UIML_OK);
	embed(&encoder, "interests of users", x);
	assert_true(fabs(cosine(x, x, 256) - 1) < 1e-6);
	assert_true(similarity(&encoder, "recommendation", "Recommendations") > 0.6);
	assert_true(similarity(&encoder, "人工智能改变生活", "人工智能的未来") > 0.3);
	assert_true(fabs(similarity(&encoder, "recommendation", "football")) < 0.3);
	embed(&encoder, "", x);
	assert_true(cosine(x, x, 256) == 0);
}

/* Texts of a topic are near each other and far from other topics, for every kind and whitening. */
static void
topics_are_told_apart(void **state)
{
	UimlEnv env = test_env_counting();

	(void) state;
	for (int kind = UIML_ENCODER_HASH; kind <= UIML_ENCODER_LSA; kind++)
		for (int whitening = UIML_WHITENING_NONE; whitening <= UIML_WHITENING_FULL; whitening++)
		{
			UimlEncoderParams params = params_of(kind, kind == UIML_ENCODER_LSA ? 8 : 64, whitening);
			UimlEncoder encoder;
			size_t length;
			void *bytes;
			float x[64];

			assert_int_equal(train(&env, &params, false, &bytes, &length), UIML_OK);
			assert_int_equal(uiml_encoder_open(bytes, length, true, &encoder), UIML_OK);
			assert_int_equal(encoder.kind, kind);
			assert_int_equal(encoder.whitening, whitening);
			assert_int_equal(encoder.texts, N_TEXTS);
			assert_int_equal(encoder.dims, params.dims);
			assert_true(encoder.features > 50);
			embed(&encoder, "goal keeper", x);
			assert_true(fabs(cosine(x, x, encoder.dims) - 1) < 1e-5);
			assert_true(similarity(&encoder, "striker goal league", "goal striker football") >
						similarity(&encoder, "striker goal league", "guitar album melody") + 0.2);
			assert_true(similarity(&encoder, "股市上涨", "股市 上涨 投资") >
						similarity(&encoder, "股市上涨", "guitar album melody") + 0.2);
			embed(&encoder, "...", x);
			assert_true(cosine(x, x, encoder.dims) == 0);
			uiml_free(&env, bytes);
			assert_int_equal(test_env_live(), 0);
		}
}

/* Words that never meet in a text, but meet the same words, are alike to lsa only. */
static void
lsa_finds_words_of_a_topic(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEncoderParams params = params_of(UIML_ENCODER_LSA, 3, UIML_WHITENING_NONE);
	UimlEncoder encoder;
	UimlEncoder hash;
	size_t length;
	void *bytes;

	(void) state;
	assert_int_equal(train(&env, &params, false, &bytes, &length), UIML_OK);
	assert_int_equal(uiml_encoder_open(bytes, length, true, &encoder), UIML_OK);
	assert_int_equal(uiml_encoder_builtin(256, &hash), UIML_OK);
	assert_true(similarity(&encoder, "guitar", "orchestra") > 0.9);
	assert_true(fabs(similarity(&encoder, "guitar", "striker")) < 0.3);
	assert_true(fabs(similarity(&hash, "guitar", "orchestra")) < 0.3);
	uiml_free(&env, bytes);
}

/* Whitened fully, the vectors of the collection have about the same variance in every direction. */
static void
full_whitening_whitens(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEncoderParams params = params_of(UIML_ENCODER_LSA, 4, UIML_WHITENING_FULL);
	double square[4] = {0};
	UimlEncoder encoder;
	size_t length;
	void *bytes;

	(void) state;
	assert_int_equal(train(&env, &params, false, &bytes, &length), UIML_OK);
	assert_int_equal(uiml_encoder_open(bytes, length, true, &encoder), UIML_OK);
	for (size_t i = 0; i < N_TEXTS; i++)
	{
		char text[128];
		float x[4];

		text_of(i, text, sizeof(text));
		embed(&encoder, text, x);
		for (size_t j = 0; j < 4; j++)
			square[j] += (double) x[j] * x[j] / N_TEXTS;
	}
	for (size_t j = 0; j < 4; j++)
		assert_true(square[j] > 0.1 && square[j] < 0.4);
	uiml_free(&env, bytes);
}

static void
order_makes_no_difference(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEncoderParams params = params_of(UIML_ENCODER_LSA, 3, UIML_WHITENING_RELAXED);
	UimlEncoder encoder[2];
	void *bytes[2];
	size_t length[2];
	float x[3];
	float y[3];

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		assert_int_equal(train(&env, &params, i == 1, &bytes[i], &length[i]), UIML_OK);
		assert_int_equal(uiml_encoder_open(bytes[i], length[i], true, &encoder[i]), UIML_OK);
	}
	assert_int_equal(length[0], length[1]);
	embed(&encoder[0], "goal melody 基金", x);
	embed(&encoder[1], "goal melody 基金", y);
	assert_true(fabs(fabs(cosine(x, y, 3)) - 1) < 1e-3);
	uiml_free(&env, bytes[0]);
	uiml_free(&env, bytes[1]);
}

/* The same training twice gives the same bytes; a seed of its own does not change what is alike. */
static void
training_is_repeatable(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEncoderParams params = params_of(UIML_ENCODER_LSA, 6, UIML_WHITENING_RELAXED);
	void *bytes[2];
	size_t length[2];

	(void) state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(train(&env, &params, false, &bytes[i], &length[i]), UIML_OK);
	assert_int_equal(length[0], length[1]);
	assert_memory_equal(bytes[0], bytes[1], length[0]);
	uiml_free(&env, bytes[0]);
	uiml_free(&env, bytes[1]);
}

static void
dims_are_at_most_the_rank(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEncoderParams params = params_of(UIML_ENCODER_LSA, 128, UIML_WHITENING_FULL);
	UimlEncoderTrainer *trainer = uiml_encoder_train_begin(&env, &params);
	UimlEncoder encoder;
	size_t length;
	void *bytes;

	(void) state;
	assert_non_null(trainer);
	assert_int_equal(uiml_encoder_train_finish(trainer, &bytes, &length), UIML_EEMPTY);
	assert_int_equal(uiml_encoder_train_add(trainer, "", 0), UIML_OK);
	assert_int_equal(uiml_encoder_train_finish(trainer, &bytes, &length), UIML_EEMPTY);
	assert_int_equal(uiml_encoder_train_add(trainer, "a cat", 5), UIML_OK);
	assert_int_equal(uiml_encoder_train_add(trainer, "a dog", 5), UIML_OK);
	assert_int_equal(uiml_encoder_train_finish(trainer, &bytes, &length), UIML_OK);
	uiml_encoder_train_destroy(trainer);
	assert_int_equal(uiml_encoder_open(bytes, length, true, &encoder), UIML_OK);
	assert_int_equal(encoder.dims, 2);
	uiml_free(&env, bytes);
}

static void
params_are_checked(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEncoderParams params = params_of(UIML_ENCODER_LSA, 0, UIML_WHITENING_NONE);

	(void) state;
	assert_null(uiml_encoder_train_begin(&env, &params));
	params.dims = UIML_ENCODER_MAX_DIMS + 1;
	assert_null(uiml_encoder_train_begin(&env, &params));
	params.dims = 16;
	params.kind = 7;
	assert_null(uiml_encoder_train_begin(&env, &params));
}

/* With little memory a sample of the texts is kept, and the topics are found all the same. */
static void
little_memory_takes_a_sample(void **state)
{
	TestEnvMeter meter = {0};
	UimlEnv env = test_env_metered(&meter);
	UimlEncoderParams params = params_of(UIML_ENCODER_LSA, 4, UIML_WHITENING_RELAXED);
	UimlEncoderTrainer *trainer;
	UimlEncoder encoder;
	size_t length;
	void *bytes;

	(void) state;
	params.max_bytes = 3 * 1024 * 1024;
	trainer = uiml_encoder_train_begin(&env, &params);
	assert_non_null(trainer);
	for (size_t i = 0; i < 100 * N_TEXTS; i++)
	{
		char text[160];
		size_t used;

		text_of(i, text, sizeof(text));
		used = strlen(text);
		snprintf(text + used, sizeof(text) - used, " %zu", i);
		assert_int_equal(uiml_encoder_train_add(trainer, text, strlen(text)), UIML_OK);
	}
	assert_int_equal(uiml_encoder_train_finish(trainer, &bytes, &length), UIML_OK);
	uiml_encoder_train_destroy(trainer);
	assert_true(meter.peak < params.max_bytes + params.max_bytes / 8);
	assert_int_equal(uiml_encoder_open(bytes, length, true, &encoder), UIML_OK);
	assert_int_equal(encoder.texts, 100 * N_TEXTS);
	assert_true(similarity(&encoder, "股市", "利率") > similarity(&encoder, "股市", "goal") + 0.3);
	uiml_free(&env, bytes);
}

/* A text that fills the sample by itself is still in it. */
static void
one_text_many_times(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEncoderParams params = params_of(UIML_ENCODER_LSA, 1, UIML_WHITENING_NONE);
	UimlEncoderTrainer *trainer;
	UimlEncoder encoder;
	size_t length;
	void *bytes;

	(void) state;
	params.max_bytes = 3 * 1024 * 1024;
	trainer = uiml_encoder_train_begin(&env, &params);
	assert_non_null(trainer);
	for (size_t i = 0; i < 30000; i++)
	{
		const char *text = i % 10000 == 9999 ? "a concert" : "the league and its striker";

		assert_int_equal(uiml_encoder_train_add(trainer, text, strlen(text)), UIML_OK);
	}
	assert_int_equal(uiml_encoder_train_finish(trainer, &bytes, &length), UIML_OK);
	uiml_encoder_train_destroy(trainer);
	assert_int_equal(uiml_encoder_open(bytes, length, true, &encoder), UIML_OK);
	assert_int_equal(encoder.texts, 30000);
	uiml_free(&env, bytes);
}

static void
survives_failing_allocations(void **state)
{
	(void) state;
	for (int kind = UIML_ENCODER_HASH; kind <= UIML_ENCODER_LSA; kind++)
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = test_env_failing_alloc(&countdown);
			UimlEncoderParams params = params_of(kind, 4, UIML_WHITENING_RELAXED);
			size_t length;
			void *bytes;
			UimlStatus status = train(&env, &params, false, &bytes, &length);

			if (status == UIML_OK)
			{
				uiml_free(&env, bytes);
				break;
			}
			assert_int_equal(status, UIML_ENOMEM);
			assert_int_equal(test_env_live(), 0);
		}
	assert_int_equal(test_env_live(), 0);
}

static void
stops_when_interrupted(void **state)
{
	(void) state;
	for (int kind = UIML_ENCODER_HASH; kind <= UIML_ENCODER_LSA; kind++)
	{
		long k = 1;

		for (;; k++)
		{
			long countdown = k;
			UimlEnv env = test_env_interrupting(&countdown);
			UimlEncoderParams params = params_of(kind, 4, UIML_WHITENING_RELAXED);
			size_t length;
			void *bytes;
			UimlStatus status = train(&env, &params, false, &bytes, &length);

			if (status == UIML_OK)
			{
				uiml_free(&env, bytes);
				break;
			}
			assert_int_equal(status, UIML_EINTERRUPTED);
			assert_int_equal(test_env_live(), 0);
		}
		assert_true(k > 3);
	}
	assert_int_equal(test_env_live(), 0);
}

/* Every bit of the bytes matters, and unverified damage never gives a number that is not finite. */
static void
damage_is_noticed(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlEncoderParams params = params_of(UIML_ENCODER_LSA, 4, UIML_WHITENING_RELAXED);
	UimlEncoder encoder;
	unsigned char *byte;
	size_t length;
	void *bytes;

	(void) state;
	assert_int_equal(train(&env, &params, false, &bytes, &length), UIML_OK);
	byte = bytes;
	for (size_t i = 0; i < length; i++)
	{
		unsigned char flip = (unsigned char) (1 << i % 8);

		byte[i] ^= flip;
		assert_int_equal(uiml_encoder_open(bytes, length, true, &encoder), UIML_ECORRUPT);
		if (i % 61 == 0 && uiml_encoder_open(bytes, length, false, &encoder) == UIML_OK)
		{
			float x[UIML_ENCODER_MAX_DIMS];

			embed(&encoder, "guitar concert goal 股市", x);
			for (size_t j = 0; j < encoder.dims; j++)
				assert_true(isfinite(x[j]));
		}
		byte[i] ^= flip;
	}
	assert_int_equal(uiml_encoder_open(bytes, length - 1, false, &encoder), UIML_ECORRUPT);
	assert_int_equal(uiml_encoder_open(bytes, 0, false, &encoder), UIML_ECORRUPT);
	assert_int_equal(uiml_encoder_open(bytes, length, true, &encoder), UIML_OK);
	uiml_free(&env, bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_of_known_texts),
		cmocka_unit_test(counts_are_sublinear),
		cmocka_unit_test(long_text_counts_from_its_beginning),
		cmocka_unit_test(builtin_knows_forms_of_words),
		cmocka_unit_test(topics_are_told_apart),
		cmocka_unit_test(lsa_finds_words_of_a_topic),
		cmocka_unit_test(full_whitening_whitens),
		cmocka_unit_test(order_makes_no_difference),
		cmocka_unit_test(training_is_repeatable),
		cmocka_unit_test(dims_are_at_most_the_rank),
		cmocka_unit_test(params_are_checked),
		cmocka_unit_test(little_memory_takes_a_sample),
		cmocka_unit_test(one_text_many_times),
		cmocka_unit_test(survives_failing_allocations),
		cmocka_unit_test(stops_when_interrupted),
		cmocka_unit_test(damage_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
