/*
 * test_static_model2vec.c
 *	  A real Model2Vec model beside its reference, read from $UIML_SHARED (default ../shared); skipped where it
 *	  is missing.
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

#include "core/json.h"
#include "core/model_source.h"
#include "testenv.h"

typedef struct Bytes
{
	unsigned char *bytes;
	size_t size;
} Bytes;

static UimlStatus
append(void *ctx, const void *bytes, size_t count)
{
	Bytes *out = ctx;

	out->bytes = realloc(out->bytes, out->size + count);
	assert_non_null(out->bytes);
	memcpy(out->bytes + out->size, bytes, count);
	out->size += count;
	return UIML_OK;
}

/* A file of the model, NULL where it is missing. */
static char *
read_file(const char *name, size_t *size)
{
	const char *shared = getenv("UIML_SHARED");
	char path[1024];
	char *bytes;
	FILE *file;

	snprintf(path, sizeof(path), "%s/models/model2vec-tiny/%s", shared != NULL ? shared : "../shared", name);
	file = fopen(path, "rb");
	if (file == NULL)
		return NULL;
	fseek(file, 0, SEEK_END);
	*size = (size_t) ftell(file);
	rewind(file);
	bytes = malloc(*size);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *size, file), *size);
	fclose(file);
	return bytes;
}

static UimlStatus
read_memory(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	memcpy(bytes, (const char *) ctx + offset, count);
	return UIML_OK;
}

/* Its conversion; false where the model is missing. */
static bool
convert_model(Bytes *result)
{
	UimlEnv env = test_env_counting();
	UimlModelConfig config = {.normalize = 1};
	UimlModelInfo info = {0};
	UimlFault fault = {""};
	size_t size;
	char *json = read_file("tokenizer.json", &size);
	size_t weights_size;
	char *weights = read_file("model.safetensors", &weights_size);
	UimlInput input = {.size = weights_size, .read = read_memory, .ctx = weights};
	UimlOutput out = {.write = append, .ctx = result};
	UimlSafetensors tensors;
	UimlTokenizer tokenizer;
	UimlModelSource source = {.config = &config, .weights = &tensors, .tokenizer = &tokenizer};
	size_t length;
	void *bytes;

	if (json == NULL || weights == NULL)
		return false;
	if (uiml_tokenizer_compile(&env, json, size, &bytes, &length, &fault) != UIML_OK)
		fail_msg("%s", fault.text);
	assert_int_equal(uiml_tokenizer_open(bytes, length, true, &tokenizer), UIML_OK);
	assert_int_equal(uiml_safetensors_open(&env, &input, &tensors, &fault), UIML_OK);
	if (uiml_static_convert(&env, &source, &out, &info, &fault) != UIML_OK)
		fail_msg("%s", fault.text);
	assert_true(info.dims == 64 && info.vocabulary == 29524 && info.size == result->size);
	uiml_safetensors_close(&env, &tensors);
	uiml_free(&env, bytes);
	free(json);
	free(weights);
	assert_int_equal(test_env_live(), 0);
	return true;
}

/* Largest difference of a text's vector from the reference; no reference is a
 * vector of zeros. */
static double
difference(const UimlEncoder *encoder, const json_t *line)
{
	UimlEnv env = uiml_env_malloc();
	const json_t *text = json_object_get(line, "text");
	const json_t *reference = json_object_get(line, "emb");
	double largest = 0;
	float x[64];

	assert_int_equal(uiml_encoder_embed(&env, encoder, json_string_value(text), json_string_length(text), x),
					 UIML_OK);
	for (size_t j = 0; j < 64; j++)
	{
		double expected = json_is_array(reference) ? json_real_value(json_array_get(reference, j)) : 0;

		largest = fmax(largest, fabs(x[j] - expected));
	}
	return largest;
}

static void
model2vec_reference(void **state)
{
	UimlEnv env = uiml_env_malloc();
	Bytes file = {0};
	UimlEncoder encoder;
	size_t size;
	char *lines = read_file("reference.jsonl", &size);
	double largest = 0;
	size_t n = 0;

	(void) state;
	if (lines == NULL || !convert_model(&file))
	{
		print_message("no models/model2vec-tiny in $UIML_SHARED: skipped\n");
		skip();
	}
	assert_int_equal(uiml_encoder_open(file.bytes, file.size, true, &encoder), UIML_OK);
	for (size_t at = 0; at < size; n++)
	{
		const char *end = memchr(lines + at, '\n', size - at);
		size_t length = end != NULL ? (size_t) (end - lines) - at : size - at;
		json_t *line;

		assert_int_equal(uiml_json_parse(&env, "a line", lines + at, length, &line, NULL), UIML_OK);
		largest = fmax(largest, difference(&encoder, line));
		json_decref(line);
		at += length + 1;
	}
	print_message("%zu texts, largest difference %.2g\n", n, largest);
	assert_int_equal(n, 219);
	assert_true(largest <= 1e-5);
	free(lines);
	free(file.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model2vec_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
