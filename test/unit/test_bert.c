/*
 * test_bert.c
 *	  Transformers beside reference vectors in float64 (test/reference/tiny_models.py) and, where $UIML_SHARED
 *	  has them, beside those of published models; batches, damage, lack of memory.
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
#include "core/json.h"
#include "modelfiles.h"
#include "testenv.h"

#define TINY      "test/models/tiny-bert"
#define TINY_DIMS 24
#define MAX_DIMS  384

static const UimlModelOptions plain = {.pooling = UIML_POOLING_MEAN, .normalize = 0};
static const UimlModelOptions usual = {.normalize = -1};

typedef struct Opened
{
	unsigned char *bytes;
	size_t length;
	UimlEncoder encoder;
} Opened;

static Opened
model_opened(const char *folder, const UimlModelOptions *options)
{
	Opened opened;

	opened.bytes = model_load(folder, options, &opened.length);
	assert_int_equal(uiml_encoder_open(opened.bytes, opened.length, true, &opened.encoder), UIML_OK);
	assert_int_equal(opened.encoder.kind, UIML_ENCODER_BERT);
	return opened;
}

static void
embed(const UimlEncoder *encoder, const char *text, float *x)
{
	UimlEnv env = test_env_counting();

	assert_int_equal(uiml_encoder_embed(&env, encoder, text, strlen(text), x), UIML_OK);
	assert_int_equal(test_env_live(), 0);
}

/* Lines of JSON, or one array. */
static json_t *
references_of(const char *folder, const char *name)
{
	UimlEnv env = uiml_env_malloc();
	json_t *all = NULL;
	size_t size;
	char *text = model_file(folder, name, &size);

	assert_non_null(text);
	if (text[0] == '[')
		assert_int_equal(uiml_json_parse(&env, name, text, size, &all, NULL), UIML_OK);
	else
		all = json_array();
	for (size_t at = 0; text[0] != '[' && at < size;)
	{
		size_t length = strcspn(text + at, "\n");
		json_t *line;

		assert_int_equal(uiml_json_parse(&env, name, text + at, length, &line, NULL), UIML_OK);
		assert_int_equal(json_array_append_new(all, line), 0);
		at += length + 1;
	}
	free(text);
	return all;
}

/* How far vectors are from their references. */
typedef struct Distance
{
	size_t n;
	double cosine;   /* the smallest */
	double absolute; /* the largest difference of two elements */
} Distance;

static Distance
distance_of(const UimlEncoder *encoder, const json_t *references, const char *key)
{
	Distance distance = {.cosine = 1};

	for (size_t i = 0; i < json_array_size(references); i++)
	{
		const json_t *line = json_array_get(references, i);
		const json_t *vector = json_object_get(line, key);
		double product = 0, squares = 0, expected_squares = 0;
		float x[MAX_DIMS];

		if (vector == NULL)
			continue;
		embed(encoder, json_string_value(json_object_get(line, "text")), x);
		assert_int_equal(json_array_size(vector), encoder->dims);
		for (size_t j = 0; j < encoder->dims; j++)
		{
			double expected = json_number_value(json_array_get(vector, j));

			product += expected * (double) x[j];
			squares += (double) x[j] * (double) x[j];
			expected_squares += expected * expected;
			distance.absolute = fmax(distance.absolute, fabs((double) x[j] - expected));
		}
		distance.cosine = fmin(distance.cosine, product / sqrt(squares * expected_squares));
		distance.n++;
	}
	return distance;
}

/* ---------- beside the reference ---------- */

static void
ids_are_those_of(const UimlEncoder *encoder, const json_t *references)
{
	for (size_t i = 0; i < json_array_size(references); i++)
	{
		UimlEnv env = test_env_counting();
		const json_t *line = json_array_get(references, i);
		const json_t *text = json_object_get(line, "text");
		const json_t *expected = json_object_get(line, "ids");
		uint32_t ids[64];
		size_t n;

		assert_int_equal(uiml_tokenizer_run(&env, uiml_encoder_tokenizer(encoder), json_string_value(text),
											json_string_length(text), encoder->max_tokens, ids, &n, NULL),
						 UIML_OK);
		assert_int_equal(n, json_array_size(expected));
		for (size_t t = 0; t < n; t++)
			assert_int_equal(ids[t], json_integer_value(json_array_get(expected, t)));
	}
}

/* Every layout, activation, type of weights and pooling. */
static void
tiny_models_are_exact(void **state)
{
	static const char *const folders[] = {TINY, "test/models/tiny-roberta", "test/models/tiny-distilbert"};

	(void) state;
	for (size_t i = 0; i < 3; i++)
		for (int pooling = UIML_POOLING_MEAN; pooling <= UIML_POOLING_MAX; pooling++)
		{
			UimlModelOptions options = {.pooling = pooling, .normalize = 0};
			Opened model = model_opened(folders[i], &options);
			json_t *references = references_of(folders[i], "reference.json");
			Distance distance = distance_of(&model.encoder, references, uiml_pooling_name(pooling));

			ids_are_those_of(&model.encoder, references);
			assert_int_equal(distance.n, 6);
			assert_true(distance.absolute < 1e-5);
			json_decref(references);
			free(model.bytes);
		}
}

static void
normalized_vectors_have_length_1(void **state)
{
	Opened raw = model_opened(TINY, &plain);
	Opened unit = model_opened(TINY, &usual);
	float x[TINY_DIMS], y[TINY_DIMS];
	double squares = 0;

	(void) state;
	embed(&raw.encoder, "red apples", x);
	embed(&unit.encoder, "red apples", y);
	for (size_t j = 0; j < TINY_DIMS; j++)
		squares += (double) x[j] * (double) x[j];
	for (size_t j = 0; j < TINY_DIMS; j++)
		assert_true(fabs((double) y[j] - (double) x[j] / sqrt(squares)) < 1e-6);
	free(raw.bytes);
	free(unit.bytes);
}

static void
published_model(const char *name, const UimlModelOptions *options, const char *key, size_t n)
{
	char folder[1024];
	json_t *references;
	Distance distance;
	Opened model;

	if (!model_shared(name, folder, sizeof(folder)))
	{
		print_message("no models/%s in $UIML_SHARED: skipped\n", name);
		skip();
	}
	model = model_opened(folder, options);
	references = references_of(folder, "reference.jsonl");
	distance = distance_of(&model.encoder, references, key);
	print_message("%s, %s: %zu texts, smallest cosine %.8f, largest difference %.2g\n", name, key, distance.n,
				  distance.cosine, distance.absolute);
	assert_int_equal(distance.n, n);
	assert_true(distance.cosine >= 0.99999);
	assert_true(distance.absolute <= 1e-4);
	json_decref(references);
	free(model.bytes);
}

static void
minilm_is_exact(void **state)
{
	(void) state;
	published_model("all-MiniLM-L6-v2", &usual, "emb", 120);
}

static void
minilm_of_256_tokens_is_exact(void **state)
{
	UimlModelOptions options = {.normalize = -1, .max_tokens = 256};

	(void) state;
	published_model("all-MiniLM-L6-v2", &options, "emb_max256", 8);
}

static void
zh_tiny_is_exact(void **state)
{
	UimlModelOptions cls = {.pooling = UIML_POOLING_CLS, .normalize = 1};
	UimlModelOptions mean = {.pooling = UIML_POOLING_MEAN, .normalize = 1};

	(void) state;
	published_model("zh-tiny", &cls, "emb_cls", 120);
	published_model("zh-tiny", &mean, "emb_mean", 120);
}

/* ---------- batches ---------- */

#define N_TEXTS 300

/* Texts of 0 to 40 words, many of them longer than the model takes, and where they begin. */
static char texts_room[N_TEXTS][400];
static UimlText texts[N_TEXTS];

static void
make_texts(void)
{
	static const char *const word[] = {"red", "apples", "data", "bases", "film",
									   "人",  "工智",   "zzz",  "naïve", "?"};

	for (size_t i = 0; i < N_TEXTS; i++)
	{
		size_t words = i * i % 41;

		texts_room[i][0] = '\0';
		for (size_t w = 0; w < words; w++)
		{
			strcat(texts_room[i], word[(i + w * w + i / 7) % 10]);
			strcat(texts_room[i], " ");
		}
		texts[i] = (UimlText){.text = texts_room[i], .length = strlen(texts_room[i])};
	}
}

static void
company_changes_no_bit(void **state)
{
	(void) state;
	make_texts();
	for (int pooling = UIML_POOLING_MEAN; pooling <= UIML_POOLING_MAX; pooling++)
	{
		UimlEnv env = test_env_counting();
		UimlModelOptions options = {.pooling = pooling, .normalize = -1};
		Opened model = model_opened(TINY, &options);
		static float x[N_TEXTS][TINY_DIMS];

		assert_int_equal(uiml_encoder_embed_all(&env, &model.encoder, texts, N_TEXTS, x[0]), UIML_OK);
		for (size_t i = 0; i < N_TEXTS; i++)
		{
			float y[TINY_DIMS];

			embed(&model.encoder, texts[i].text, y);
			assert_memory_equal(x[i], y, sizeof(y));
		}
		free(model.bytes);
	}
}

static void
scratch_does_not_grow_with_texts(void **state)
{
	Opened model = model_opened(TINY, &usual);
	static float x[N_TEXTS][TINY_DIMS];
	size_t peak[2];

	(void) state;
	make_texts();
	for (size_t i = 0; i < 2; i++)
	{
		TestEnvMeter meter = {0};
		UimlEnv env = test_env_metered(&meter);

		assert_int_equal(uiml_encoder_embed_all(&env, &model.encoder, texts, i == 0 ? 150 : 300, x[0]),
						 UIML_OK);
		assert_int_equal(meter.held, 0);
		peak[i] = meter.peak;
	}
	assert_true(peak[1] < peak[0] + peak[0] / 8);
	free(model.bytes);
}

static void
ids_give_means(void **state)
{
	UimlEnv env = test_env_counting();
	UimlModelOptions options = {.pooling = UIML_POOLING_MAX, .normalize = 1};
	Opened raw = model_opened(TINY, &plain);
	Opened model = model_opened(TINY, &options);
	uint32_t ids[2][32];
	UimlTokenIds sequence[2] = {{.ids = ids[0]}, {.ids = ids[1]}};
	float x[2 * TINY_DIMS], y[TINY_DIMS];

	(void) state;
	make_texts();
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(uiml_tokenizer_run(&env, uiml_encoder_tokenizer(&raw.encoder), texts[i + 3].text,
											texts[i + 3].length, 32, ids[i], &sequence[i].n, NULL),
						 UIML_OK);
	assert_int_equal(uiml_bert_embed_ids(&env, &model.encoder, sequence, 2, x), UIML_OK);
	for (size_t i = 0; i < 2; i++)
	{
		embed(&raw.encoder, texts[i + 3].text, y);
		assert_memory_equal(x + i * TINY_DIMS, y, sizeof(y));
	}
	ids[1][0] = 127;
	assert_int_equal(uiml_bert_embed_ids(&env, &model.encoder, sequence, 2, x), UIML_EINVALID);
	sequence[1].n = 0;
	assert_int_equal(uiml_bert_embed_ids(&env, &model.encoder, sequence, 2, x), UIML_EINVALID);
	sequence[1].n = 33;
	assert_int_equal(uiml_bert_embed_ids(&env, &model.encoder, sequence, 2, x), UIML_EINVALID);
	assert_int_equal(test_env_live(), 0);
	free(raw.bytes);
	free(model.bytes);
}

static void
invalid_text_is_refused(void **state)
{
	UimlEnv env = test_env_counting();
	Opened model = model_opened(TINY, &usual);
	float x[TINY_DIMS];

	(void) state;
	assert_int_equal(uiml_encoder_embed(&env, &model.encoder, "red \xFF", 5, x), UIML_EINVALID);
	assert_int_equal(uiml_encoder_embed(&env, &model.encoder, "caf\xC3", 4, x), UIML_EINVALID);
	assert_int_equal(test_env_live(), 0);
	free(model.bytes);
}

/* ---------- when things go wrong ---------- */

static void
memory_runs_out(void **state)
{
	Opened model = model_opened(TINY, &usual);
	static float x[40 * TINY_DIMS];

	(void) state;
	make_texts();
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = uiml_encoder_embed_all(&env, &model.encoder, texts, 40, x);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
	free(model.bytes);
}

static void
interrupts_are_heard(void **state)
{
	Opened model = model_opened(TINY, &usual);
	static float x[40 * TINY_DIMS];
	long k;

	(void) state;
	make_texts();
	for (k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = uiml_encoder_embed_all(&env, &model.encoder, texts, 40, x);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	/* four products and each text's heads, in each layer */
	assert_true(k > 2 * (4 + 40 * 2));
	free(model.bytes);
}

/* Any byte: noticed where the checksum is compared, and harmless where it is not. */
static void
damage_is_noticed(void **state)
{
	UimlEnv env = test_env_counting();
	Opened model = model_opened(TINY, &usual);

	(void) state;
	for (size_t at = 0; at < model.length; at += at < 128 ? 1 : 61)
		for (int bit = 0; bit < 8; bit += 3)
		{
			UimlEncoder encoder;
			float x[TINY_DIMS];

			model.bytes[at] ^= (unsigned char) (1 << bit);
			assert_int_equal(uiml_encoder_open(model.bytes, model.length, true, &encoder), UIML_ECORRUPT);
			if (uiml_encoder_open(model.bytes, model.length, false, &encoder) == UIML_OK)
			{
				UimlStatus status = uiml_encoder_embed(&env, &encoder, "red 人工 apples", 17, x);

				assert_true(encoder.dims == TINY_DIMS &&
							(status == UIML_OK || status == UIML_ECORRUPT || status == UIML_ENOTFINITE));
			}
			model.bytes[at] ^= (unsigned char) (1 << bit);
		}
	for (size_t length = 0; length < model.length; length += length < 300 ? 1 : 64)
	{
		UimlEncoder encoder;

		assert_int_equal(uiml_encoder_open(model.bytes, length, false, &encoder), UIML_ECORRUPT);
	}
	assert_int_equal(test_env_live(), 0);
	free(model.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiny_models_are_exact),
		cmocka_unit_test(normalized_vectors_have_length_1),
		cmocka_unit_test(minilm_is_exact),
		cmocka_unit_test(minilm_of_256_tokens_is_exact),
		cmocka_unit_test(zh_tiny_is_exact),
		cmocka_unit_test(company_changes_no_bit),
		cmocka_unit_test(scratch_does_not_grow_with_texts),
		cmocka_unit_test(ids_give_means),
		cmocka_unit_test(invalid_text_is_refused),
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(interrupts_are_heard),
		cmocka_unit_test(damage_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
