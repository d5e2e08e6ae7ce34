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
#include "modelfiles.h"

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
	static const UimlModelOptions options = {.normalize = -1};
	UimlEnv env = uiml_env_malloc();
	char folder[512];
	UimlEncoder encoder;
	unsigned char *bytes;
	char *lines;
	size_t length;
	size_t size = 0;
	double largest = 0;
	size_t n = 0;

	(void) state;
	if (!model_shared("model2vec-tiny", folder, sizeof(folder)))
	{
		print_message("no models/model2vec-tiny in $UIML_SHARED: skipped\n");
		skip();
	}
	bytes = model_load(folder, &options, &length);
	assert_int_equal(uiml_encoder_open(bytes, length, true, &encoder), UIML_OK);
	assert_true(encoder.dims == 64 && encoder.features == 29524 && encoder.max_tokens == 0);
	lines = model_file(folder, "reference.jsonl", &size);
	assert_non_null(lines);
	for (size_t at = 0; at < size; n++)
	{
		const char *end = memchr(lines + at, '\n', size - at);
		size_t width = end != NULL ? (size_t) (end - lines) - at : size - at;
		json_t *line;

		assert_int_equal(uiml_json_parse(&env, "a line", lines + at, width, &line, NULL), UIML_OK);
		largest = fmax(largest, difference(&encoder, line));
		json_decref(line);
		at += width + 1;
	}
	print_message("%zu texts, largest difference %.2g\n", n, largest);
	assert_int_equal(n, 219);
	assert_true(largest <= 1e-5);
	free(lines);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model2vec_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
