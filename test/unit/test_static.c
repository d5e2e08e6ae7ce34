/*
 * test_static.c
 *	  Static encoders: means of known vectors, limits, damage.
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

#include "core/encoder_format.h"
#include "core/encoder_write.h"
#include "core/static_format.h"
#include "testenv.h"

static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nred\ngreen\n##er\nblue\n";

#define N_TOKENS 9

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

static void
write_part(UimlEncoderWriter *writer, const void *bytes, size_t count)
{
	assert_int_equal(uiml_encoder_write(writer, bytes, count), UIML_OK);
	assert_int_equal(uiml_encoder_write_pad(writer), UIML_OK);
}

/*
 * Two dimensions.  Row i is (i, 1), or with a mapping that of token i is row i % 3; weights are 1, 2, 1, 2, ...
 */
static Bytes
encoder_of(bool mapping, bool weights, bool normalize, size_t max_tokens)
{
	static const UimlWordPieceOptions lower = {true, true, true};
	UimlEnv env = uiml_env_malloc();
	Bytes result = {0};
	UimlOutput out = {.write = append, .ctx = &result};
	unsigned char header[ENCODER_HEADER_SIZE];
	float x[2 * N_TOKENS];
	uint32_t row[N_TOKENS];
	float weight[N_TOKENS];
	UimlStaticShape shape = {.dims = 2,
							 .rows = mapping ? 3 : N_TOKENS,
							 .vocabulary = N_TOKENS,
							 .max_tokens = max_tokens,
							 .mapping = mapping,
							 .weights = weights,
							 .normalize = normalize};
	UimlStaticLayout layout;
	UimlEncoderWriter writer;
	UimlTokenizer tokenizer;
	void *bytes;

	assert_int_equal(
		uiml_tokenizer_compile_vocabulary(&env, vocab, strlen(vocab), &lower, &bytes, &shape.tokenizer, NULL),
		UIML_OK);
	assert_int_equal(uiml_tokenizer_open(bytes, shape.tokenizer, true, &tokenizer), UIML_OK);
	assert_int_equal(tokenizer.vocabulary, N_TOKENS);
	shape.left_out = uiml_static_left_out(&tokenizer);
	assert_int_equal(shape.left_out, 2);
	for (size_t i = 0; i < N_TOKENS; i++)
	{
		x[2 * i] = (float) i;
		x[2 * i + 1] = 1;
		row[i] = (uint32_t) i % 3;
		weight[i] = (float) (1 + i % 2);
	}
	assert_true(uiml_static_layout(&shape, &layout));
	uiml_encoder_write_begin(&writer, &out);
	uiml_static_put_header(&shape, &layout, header);
	write_part(&writer, header, sizeof(header));
	write_part(&writer, bytes, shape.tokenizer);
	write_part(&writer, x, shape.rows * 2 * sizeof(float));
	if (mapping)
		write_part(&writer, row, sizeof(row));
	if (weights)
		write_part(&writer, weight, sizeof(weight));
	assert_int_equal(uiml_encoder_write_end(&writer), UIML_OK);
	assert_int_equal(result.size, layout.size);
	uiml_free(&env, bytes);
	return result;
}

static void
embeds(bool mapping, bool weights, bool normalize, size_t max_tokens, const char *text, double a, double b)
{
	UimlEnv env = test_env_counting();
	Bytes file = encoder_of(mapping, weights, normalize, max_tokens);
	UimlEncoder encoder;
	float x[2];

	assert_int_equal(uiml_encoder_open(file.bytes, file.size, true, &encoder), UIML_OK);
	assert_int_equal(encoder.kind, UIML_ENCODER_STATIC);
	assert_int_equal(encoder.features, N_TOKENS);
	assert_int_equal(encoder.max_tokens, max_tokens);
	assert_string_equal(uiml_encoder_kind_name(encoder.kind), "static");
	assert_int_equal(uiml_encoder_embed(&env, &encoder, text, strlen(text), x), UIML_OK);
	if (fabs(x[0] - a) > 1e-6 || fabs(x[1] - b) > 1e-6)
		fail_msg("\"%s\": %g %g instead of %g %g", text, x[0], x[1], a, b);
	assert_int_equal(test_env_live(), 0);
	free(file.bytes);
}

static void
means_of_tokens(void **state)
{
	(void) state;
	embeds(false, false, false, 0, "red", 5, 1);
	embeds(false, false, false, 0, "Green red", 5.5, 1);
	embeds(false, false, false, 0, "greener", 6.5, 1);
	embeds(false, false, true, 0, "red", 5 / sqrt(26), 1 / sqrt(26));
	embeds(false, true, false, 0, "red green", (10 + 6) / 2.0, 1.5);
	embeds(true, false, false, 0, "red blue red", 2, 1);
	embeds(true, true, false, 0, "red green", (4 + 0) / 2.0, 1.5);
}

/* Neither what is unknown nor what goes around a text counts; where nothing does, all is zero. */
static void
what_does_not_count(void **state)
{
	(void) state;
	embeds(false, false, false, 0, "red xyz!", 5, 1);
	embeds(false, false, false, 0, "xyz", 0, 0);
	embeds(false, false, true, 0, "", 0, 0);
	embeds(false, false, true, 0, " \t", 0, 0);
	embeds(false, false, false, 2, "red green blue blue", 5.5, 1);
	embeds(false, false, false, 1000, "red green", 5.5, 1);
}

/* More tokens than there is room for at first. */
static void
long_texts(void **state)
{
	UimlEnv env = test_env_counting();
	size_t n = 100000;
	char *text = malloc(11 * n + 1);
	Bytes file = encoder_of(false, false, false, 0);
	Bytes limited = encoder_of(false, false, false, 1500);
	UimlEncoder encoder;
	UimlText texts[3] = {{"red", 3}, {text, 11 * n}, {"blue", 4}};
	float x[6];

	(void) state;
	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + 11 * i, i < 500 ? "red blue   " : "red green  ", 11);
	assert_int_equal(uiml_encoder_open(file.bytes, file.size, true, &encoder), UIML_OK);
	assert_int_equal(uiml_encoder_embed_all(&env, &encoder, texts, 3, x), UIML_OK);
	assert_true(x[0] == 5 && x[4] == 8 && x[3] == 1);
	assert_true(fabs(x[2] - (5.5 + 0.005)) < 1e-6);
	assert_int_equal(uiml_encoder_open(limited.bytes, limited.size, true, &encoder), UIML_OK);
	assert_int_equal(uiml_encoder_embed_all(&env, &encoder, texts, 3, x), UIML_OK);
	assert_true(fabs(x[2] - (500 * 13 + 250 * 11) / 1500.0) < 1e-6);
	assert_int_equal(test_env_live(), 0);
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv failing = test_env_failing_alloc(&countdown);
		UimlStatus status;

		assert_int_equal(uiml_encoder_open(file.bytes, file.size, false, &encoder), UIML_OK);
		status = uiml_encoder_embed_all(&failing, &encoder, texts, 3, x);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv stopping = test_env_interrupting(&countdown);
		UimlStatus status = uiml_encoder_embed_all(&stopping, &encoder, texts, 3, x);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	free(text);
	free(file.bytes);
	free(limited.bytes);
}

static void
not_utf8(void **state)
{
	UimlEnv env = test_env_counting();
	Bytes file = encoder_of(false, false, true, 0);
	UimlEncoder encoder;
	float x[2];

	(void) state;
	assert_int_equal(uiml_encoder_open(file.bytes, file.size, true, &encoder), UIML_OK);
	assert_int_equal(uiml_encoder_embed(&env, &encoder, "red \xFF", 5, x), UIML_EINVALID);
	assert_int_equal(test_env_live(), 0);
	free(file.bytes);
}

/* Each flipped bit is noticed by verify; without it, no text reads outside (the sanitizers see to that). */
static void
damage(void **state)
{
	UimlEnv env = uiml_env_malloc();
	Bytes file = encoder_of(true, true, true, 0);
	UimlEncoder encoder;

	(void) state;
	for (size_t bit = 0; bit < 8 * file.size; bit += 3)
	{
		float x[UIML_ENCODER_MAX_DIMS];

		file.bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
		assert_int_not_equal(uiml_encoder_open(file.bytes, file.size, true, &encoder), UIML_OK);
		if (uiml_encoder_open(file.bytes, file.size, false, &encoder) == UIML_OK)
			(void) uiml_encoder_embed(&env, &encoder, "red greener blue [SEP] xyz", 26, x);
		file.bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
	}
	assert_int_equal(uiml_encoder_open(file.bytes, file.size, true, &encoder), UIML_OK);
	assert_int_equal(uiml_encoder_open(file.bytes, file.size - 64, true, &encoder), UIML_ECORRUPT);
	free(file.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(means_of_tokens), cmocka_unit_test(what_does_not_count),
		cmocka_unit_test(long_texts),      cmocka_unit_test(not_utf8),
		cmocka_unit_test(damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
