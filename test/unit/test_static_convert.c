/*
 * test_static_convert.c
 *	  Tensors of Model2Vec models to the bytes of static encoders, and tensors that don't fit each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/bytes.h"
#include "core/encoder_format.h"
#include "core/model_source.h"
#include "core/static_format.h"
#include "testenv.h"

#define ROOM 4096

/* What conversions read and write. */
typedef struct Bytes
{
	uint8_t bytes[ROOM];
	size_t size;
} Bytes;

static UimlStatus
read_bytes(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	memcpy(bytes, ((Bytes *) ctx)->bytes + offset, count);
	return UIML_OK;
}

static UimlStatus
write_bytes(void *ctx, const void *bytes, size_t count)
{
	Bytes *file = ctx;

	assert_true(count <= ROOM - file->size);
	memcpy(file->bytes + file->size, bytes, count);
	file->size += count;
	return UIML_OK;
}

/* A file of a header and zeros, after which the caller puts its numbers. */
static void
file_of(Bytes *file, const char *header, size_t data)
{
	memset(file, 0, sizeof(*file));
	uiml_put_bytes(file->bytes, strlen(header), 8);
	memcpy(file->bytes + 8, header, strlen(header));
	file->size = 8 + strlen(header) + data;
}

/* Five tokens, of which id 1 stands for unknown words. */
static const UimlTokenizer words = {.model = UIML_WORDPIECE,
									.vocabulary = 5,
									.bytes = (const unsigned char *) "the tokenizer",
									.length = 13,
									.unknown = 2};

static UimlStatus
convert(const UimlEnv *env, Bytes *file, const UimlTokenizer *tokenizer, const UimlModelConfig *config,
		Bytes *out, UimlModelInfo *info, UimlFault *fault)
{
	UimlInput input = {.size = file->size, .read = read_bytes, .ctx = file};
	UimlOutput output = {.write = write_bytes, .ctx = out};
	UimlSafetensors tensors;
	UimlModelSource source = {.config = config, .weights = &tensors, .tokenizer = tokenizer};
	UimlStatus status;

	out->size = 0;
	status = uiml_safetensors_open(env, &input, &tensors, fault);
	if (status != UIML_OK)
		return status;
	status = uiml_static_convert(env, &source, &output, info, fault);
	uiml_safetensors_close(env, &tensors);
	return status;
}

static const char quantized[] = "{\"weights\":{\"dtype\":\"F64\",\"shape\":[5],\"data_offsets\":[0,40]},"
								"\"embeddings\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[40,64]},"
								"\"mapping\":{\"dtype\":\"I32\",\"shape\":[5],\"data_offsets\":[64,84]}}";

static void
quantized_file(Bytes *file)
{
	static const int32_t mapping[] = {1, 0, 1, 1, 0};
	uint8_t *data;

	file_of(file, quantized, 84);
	data = file->bytes + 8 + strlen(quantized);
	for (int i = 0; i < 5; i++)
	{
		double weight = 0.1 * i;

		memcpy(data + 8 * i, &weight, 8);
	}
	for (int i = 0; i < 6; i++)
		encoder_store_float(data + 40 + 4 * i, (float) i - 2.5F);
	memcpy(data + 64, mapping, sizeof(mapping));
}

static void
quantized_model(void **state)
{
	UimlEnv env = test_env_counting();
	UimlModelConfig config = {.normalize = 1, .max_tokens = 7};
	UimlModelInfo info = {0};
	UimlFault fault = {""};
	UimlStaticShape shape;
	UimlStaticLayout layout;
	Bytes file;
	Bytes out;

	(void) state;
	quantized_file(&file);
	assert_int_equal(convert(&env, &file, &words, &config, &out, &info, &fault), UIML_OK);
	assert_int_equal(uiml_static_get_header(out.bytes, out.size, &shape, &layout), UIML_OK);
	assert_true(uiml_encoder_end_is_right(out.bytes, out.size));
	assert_true(shape.dims == 3 && shape.rows == 2 && shape.vocabulary == 5 && shape.tokenizer == 13);
	assert_true(shape.max_tokens == 7 && shape.left_out == 2 && shape.mapping && shape.weights &&
				shape.normalize);
	assert_memory_equal(out.bytes + layout.tokenizer, "the tokenizer", 13);
	assert_true(encoder_load_float(out.bytes + layout.embeddings + 4 * 5) == 2.5F);
	assert_int_equal(encoder_load32(out.bytes + layout.mapping + 4 * 3), 1);
	assert_true(encoder_load_float(out.bytes + layout.weights + 4 * 4) == (float) (0.1 * 4));
	assert_true(info.kind == UIML_ENCODER_STATIC && info.dims == 3 && info.vocabulary == 5 &&
				info.layers == 0);
	assert_true(info.max_tokens == 7 && info.normalize && info.parameters == 11 && info.size == out.size);
	assert_int_equal(test_env_live(), 0);
}

/* As sentence-transformers writes it: a row for each token, and more; Unigram counts unknown tokens. */
static void
plain_model(void **state)
{
	UimlEnv env = test_env_counting();
	UimlTokenizer tokenizer = words;
	UimlModelConfig config = {.normalize = 0};
	UimlModelInfo info = {0};
	UimlFault fault = {""};
	UimlStaticShape shape;
	UimlStaticLayout layout;
	Bytes file;
	Bytes out;

	(void) state;
	tokenizer.model = UIML_UNIGRAM;
	file_of(&file, "{\"embedding.weight\":{\"dtype\":\"F16\",\"shape\":[6,2],\"data_offsets\":[0,24]}}", 24);
	assert_int_equal(convert(&env, &file, &tokenizer, &config, &out, &info, &fault), UIML_OK);
	assert_int_equal(uiml_static_get_header(out.bytes, out.size, &shape, &layout), UIML_OK);
	assert_true(shape.rows == 6 && shape.vocabulary == 5 && shape.left_out == 0 && shape.max_tokens == 0);
	assert_true(!shape.mapping && !shape.weights && !shape.normalize);
	assert_true(uiml_encoder_end_is_right(out.bytes, out.size));
	assert_int_equal(test_env_live(), 0);
}

static void
refused(const char *header, size_t data, const char *expected)
{
	UimlEnv env = test_env_counting();
	UimlModelConfig config = {.normalize = -1};
	UimlModelInfo info = {0};
	UimlFault fault = {""};
	Bytes file;
	Bytes out;

	file_of(&file, header, data);
	assert_int_equal(convert(&env, &file, &words, &config, &out, &info, &fault), UIML_ECORRUPT);
	assert_string_equal(fault.text, expected);
	assert_int_equal(test_env_live(), 0);
}

static void
tensors_that_do_not_fit(void **state)
{
	(void) state;
	refused("{}", 0, "There is no tensor \"embeddings\".");
	refused("{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}", 24,
			"Tensor \"embeddings\" has 1 dimensions instead of two.");
	refused("{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[5,0],\"data_offsets\":[0,0]}}", 0,
			"Tensor \"embeddings\" has vectors of 0 dimensions; 1 to 1024 are possible.");
	refused("{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[0,0]}}", 0,
			"Tensor \"embeddings\" has 0 rows; 1 to 1048576 are possible.");
	refused("{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[1,1025],\"data_offsets\":[0,1025]}}", 1025,
			"Tensor \"embeddings\" has vectors of 1025 dimensions; 1 to 1024 are possible.");
	refused("{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[0,16]}}", 16,
			"Tensor \"embeddings\" has 4 rows for the tokenizer's 5 tokens.");
	refused("{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[5,1],\"data_offsets\":[0,20]},"
			"\"weights\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[20,36]}}",
			36, "Tensor \"weights\" has 4 elements for the tokenizer's 5 tokens.");
	refused("{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[5,1],\"data_offsets\":[0,20]},"
			"\"mapping\":{\"dtype\":\"I32\",\"shape\":[5,1],\"data_offsets\":[20,40]}}",
			40, "Tensor \"mapping\" has 2 dimensions instead of one.");
}

static void
rows_beyond_the_embeddings(void **state)
{
	UimlEnv env = test_env_counting();
	UimlModelConfig config = {.normalize = 1};
	UimlModelInfo info = {0};
	Bytes file;
	Bytes out;

	(void) state;
	for (int negative = 0; negative < 2; negative++)
	{
		UimlFault fault = {""};

		quantized_file(&file);
		encoder_store32(file.bytes + 8 + strlen(quantized) + 64 + 8, negative == 1 ? (uint32_t) -1 : 2);
		assert_int_equal(convert(&env, &file, &words, &config, &out, &info, &fault), UIML_ECORRUPT);
		assert_string_equal(
			fault.text, negative == 1 ? "Tensor \"mapping\" gives token 2 row -1 of embeddings that have 2."
									  : "Tensor \"mapping\" gives token 2 row 2 of embeddings that have 2.");
		assert_int_equal(test_env_live(), 0);
	}
}

static void
stops_at_any_time(void **state)
{
	UimlModelConfig config = {.normalize = 1};
	UimlModelInfo info = {0};
	Bytes file;
	Bytes out;
	UimlStatus status = UIML_ENOMEM;

	(void) state;
	quantized_file(&file);
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);

		status = convert(&env, &file, &words, &config, &out, &info, NULL);
		assert_true(status == UIML_OK || status == UIML_ENOMEM);
		assert_int_equal(test_env_live(), 0);
	}
	status = UIML_EINTERRUPTED;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);

		status = convert(&env, &file, &words, &config, &out, &info, NULL);
		assert_true(status == UIML_OK || status == UIML_EINTERRUPTED);
		assert_int_equal(test_env_live(), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantized_model),         cmocka_unit_test(plain_model),
		cmocka_unit_test(tensors_that_do_not_fit), cmocka_unit_test(rows_beyond_the_embeddings),
		cmocka_unit_test(stops_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
