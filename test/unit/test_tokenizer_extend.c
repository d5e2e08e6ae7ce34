/*
 * test_tokenizer_extend.c
 *	  Words that a WordPiece tokenizer has only in pieces: counted in texts, and added to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/distill_words.h"
#include "core/encoder_format.h"
#include "core/tokenizer_extend.h"
#include "testenv.h"

static const char json[] =
	"{\"version\":\"1.0\",\"added_tokens\":[{\"id\":1,\"content\":\"[CLS]\",\"special\":true},"
	"{\"id\":2,\"content\":\"[SEP]\",\"special\":true},{\"id\":12,\"content\":\"[NEW]\",\"special\":true}],"
	"\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true},"
	"\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
	"\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",2],\"cls\":[\"[CLS]\",1]},"
	"\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"vocab\":{\"[UNK]\":0,\"[CLS]\":1,\"[SEP]\":"
	"2,"
	"\"scrap\":3,\"##book\":4,\"##ing\":5,\"paint\":6,\"brush\":7,\"##brush\":8,\"##s\":9,\"a\":10,"
	"\"\xC3\xA9\":11}}}";

#define VOCABULARY 13

static void
compile(const UimlEnv *env, UimlTokenizer *tokenizer)
{
	UimlFault fault = {""};
	size_t length;
	void *bytes;

	if (uiml_tokenizer_compile(env, json, strlen(json), &bytes, &length, &fault) != UIML_OK)
		fail_msg("%s", fault.text);
	assert_int_equal(uiml_tokenizer_open(bytes, length, true, tokenizer), UIML_OK);
	assert_int_equal(tokenizer->vocabulary, VOCABULARY);
}

static void
gives(const UimlTokenizer *tokenizer, const char *text, const char *expected)
{
	UimlEnv env = uiml_env_malloc();
	uint32_t ids[64];
	char got[256] = "";
	size_t n;

	assert_int_equal(uiml_tokenizer_run(&env, tokenizer, text, strlen(text), 64, ids, &n, NULL), UIML_OK);
	for (size_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), i > 0 ? " %u" : "%u", ids[i]);
	assert_string_equal(got, expected);
}

static const UimlText added[] = {{"scrapbook", 9}, {"paintbrush", 10}};

static void
words_come_first(void **state)
{
	UimlEnv env = test_env_counting();
	UimlTokenizer tokenizer;
	UimlTokenizer more;
	size_t length;
	void *bytes;
	const char *token;

	(void) state;
	compile(&env, &tokenizer);
	gives(&tokenizer, "Scrapbooking paintbrush a [NEW]", "1 3 4 5 6 8 10 12 2");
	assert_int_equal(uiml_tokenizer_extend(&env, &tokenizer, added, 2, &bytes, &length), UIML_OK);
	assert_int_equal(uiml_tokenizer_open(bytes, length, true, &more), UIML_OK);
	assert_int_equal(more.vocabulary, VOCABULARY + 2);
	gives(&more, "Scrapbooking paintbrush a [NEW]", "1 13 5 14 10 12 2");
	gives(&more, "scrapbooks brush paints \xC3\xA9 xyz", "1 13 9 7 6 9 0 0 2");
	token = uiml_tokenizer_token(&more, 14, &length);
	assert_true(length == 10 && memcmp(token, "paintbrush", 10) == 0);
	assert_true(uiml_tokenizer_is_added(&more, 12) && !uiml_tokenizer_is_added(&more, 13));
	assert_true(uiml_wordpiece_prefix(&more) == 2 && uiml_wordpiece_continues(&more, 4) &&
				!uiml_wordpiece_continues(&more, 3));
	uiml_free(&env, bytes);
	uiml_free(&env, (void *) (uintptr_t) tokenizer.bytes);
	assert_int_equal(test_env_live(), 0);
}

static void
words_that_can_not_be_added(void **state)
{
	static const UimlText token = {"brush", 5};
	static const UimlText empty = {"", 0};
	static const UimlText twice[] = {{"x", 1}, {"x", 1}};
	char *text = calloc(1, 1025);
	UimlText large = {text, 1025};
	UimlEnv env = test_env_counting();
	UimlTokenizer tokenizer;
	size_t length;
	void *bytes;

	(void) state;
	assert_non_null(text);
	compile(&env, &tokenizer);
	assert_int_equal(uiml_tokenizer_extend(&env, &tokenizer, &token, 1, &bytes, &length), UIML_EINVALID);
	assert_int_equal(uiml_tokenizer_extend(&env, &tokenizer, &empty, 1, &bytes, &length), UIML_EINVALID);
	assert_int_equal(uiml_tokenizer_extend(&env, &tokenizer, twice, 2, &bytes, &length), UIML_EINVALID);
	assert_int_equal(uiml_tokenizer_extend(&env, &tokenizer, &large, 1, &bytes, &length), UIML_EINVALID);
	assert_int_equal(
		uiml_tokenizer_extend(&env, &tokenizer, added, UIML_TOKENIZER_MAX_VOCABULARY, &bytes, &length),
		UIML_ELIMIT);
	tokenizer.model = UIML_UNIGRAM;
	assert_int_equal(uiml_tokenizer_extend(&env, &tokenizer, added, 2, &bytes, &length), UIML_EINVALID);
	uiml_free(&env, (void *) (uintptr_t) tokenizer.bytes);
	free(text);
	assert_int_equal(test_env_live(), 0);
}

static void
word_is(const UimlDistillWords *words, size_t i, const char *expected, uint64_t count)
{
	char text[UIML_DISTILL_WORD_BYTES];
	size_t length = uiml_distill_word_text(words, &words->word[i], text);

	assert_true(length == strlen(expected) && memcmp(text, expected, length) == 0);
	assert_true(words->word[i].count == count);
}

static UimlStatus
count(const UimlEnv *env, const UimlTokenizer *tokenizer, UimlDistillWords *words)
{
	static const char *const texts[] = {"Scrapbooking, paints! a brush",
										"paints paints",
										"scrapbooking paintbrush [NEW] scrapbooking",
										"xyz a \xC3\xA9 brush scrap",
										"",
										"brushs scrapscrap"};
	UimlStatus status = uiml_distill_words_init(env, tokenizer, words);

	for (size_t i = 0; status == UIML_OK && i < sizeof(texts) / sizeof(texts[0]); i++)
		status = uiml_distill_words_add(env, words, texts[i], strlen(texts[i]));
	return status;
}

static void
words_are_counted(void **state)
{
	UimlEnv env = test_env_counting();
	UimlTokenizer tokenizer;
	UimlDistillWords words;

	(void) state;
	compile(&env, &tokenizer);
	assert_int_equal(count(&env, &tokenizer, &words), UIML_OK);
	assert_int_equal(words.n, 4);
	uiml_distill_words_choose(&words, 2, 10);
	assert_int_equal(words.n, 2);
	assert_true(words.word[0].n == 3 || words.word[1].n == 3);
	word_is(&words, words.word[0].n == 3 ? 0 : 1, "scrapbooking", 3);
	word_is(&words, words.word[0].n == 3 ? 1 : 0, "paints", 3);
	uiml_distill_words_choose(&words, 1, 1);
	assert_int_equal(words.n, 1);
	assert_int_equal(uiml_distill_words_add(&env, &words, "paints \xFF", 8), UIML_EINVALID);
	uiml_distill_words_free(&env, &words);
	tokenizer.model = UIML_UNIGRAM;
	assert_int_equal(uiml_distill_words_init(&env, &tokenizer, &words), UIML_EINVALID);
	uiml_free(&env, (void *) (uintptr_t) tokenizer.bytes);
	assert_int_equal(test_env_live(), 0);
}

/* Many words, so that the table grows. */
static void
table_grows(void **state)
{
	UimlEnv env = test_env_counting();
	UimlTokenizer tokenizer;
	UimlDistillWords words;

	(void) state;
	compile(&env, &tokenizer);
	assert_int_equal(uiml_distill_words_init(&env, &tokenizer, &words), UIML_OK);
	for (int round = 0; round < 3; round++)
	{
		for (unsigned i = 0; i < 4096; i++)
		{
			char text[128] = "scrap";

			for (int bit = 0; bit < 12; bit++)
				strcat(text, (i >> bit & 1) != 0 ? "s" : "ing");
			assert_int_equal(uiml_distill_words_add(&env, &words, text, strlen(text)), UIML_OK);
		}
	}
	assert_int_equal(words.n, 4096);
	for (size_t i = 0; i < words.n; i++)
		assert_true(words.word[i].count == 3);
	uiml_distill_words_free(&env, &words);
	uiml_free(&env, (void *) (uintptr_t) tokenizer.bytes);
	assert_int_equal(test_env_live(), 0);
}

static void
out_of_memory(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTokenizer tokenizer;
	UimlStatus status = UIML_ENOMEM;

	(void) state;
	compile(&env, &tokenizer);
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv failing = test_env_failing_alloc(&countdown);
		UimlDistillWords words;

		status = count(&failing, &tokenizer, &words);
		assert_true(status == UIML_OK || status == UIML_ENOMEM);
		uiml_distill_words_free(&failing, &words);
		assert_int_equal(test_env_live(), 0);
	}
	status = UIML_ENOMEM;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv failing = test_env_failing_alloc(&countdown);
		size_t length;
		void *bytes;

		status = uiml_tokenizer_extend(&failing, &tokenizer, added, 2, &bytes, &length);
		assert_true(status == UIML_OK || status == UIML_ENOMEM);
		uiml_free(&failing, bytes);
		assert_int_equal(test_env_live(), 0);
	}
	uiml_free(&env, (void *) (uintptr_t) tokenizer.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_come_first),  cmocka_unit_test(words_that_can_not_be_added),
		cmocka_unit_test(words_are_counted), cmocka_unit_test(table_grows),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
