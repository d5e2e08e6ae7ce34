/*
 * test_tokenizer.c
 *	  Tokenizers: ids of known texts, added tokens, truncation, faults of tokenizer.json, and texts of 10 MB.
 *
 * Where the folder UIML_SHARED has models, their ids are compared with what the tokenizers library gave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/json.h"
#include "core/tokenizer_parts.h"
#include "testenv.h"

#define BERT_NORMALIZER                                                                                      \
	"{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, "                  \
	"\"strip_accents\": null, \"lowercase\": true}"
#define TEMPLATE                                                                                             \
	"{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"[CLS]\", \"type_id\": "   \
	"0}}, "                                                                                                  \
	"{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, {\"SpecialToken\": {\"id\": \"[SEP]\", \"type_id\": "  \
	"0}}], "                                                                                                 \
	"\"special_tokens\": {\"[CLS]\": {\"id\": \"[CLS]\", \"ids\": [2]}, \"[SEP]\": {\"id\": \"[SEP]\", "     \
	"\"ids\": [3]}}}"
#define VOCABULARY                                                                                           \
	"{\"[PAD]\": 0, \"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": 3, \"[MASK]\": 4, \"want\": 5, \"##want\": 6, "   \
	"\"##ed\": 7, \"un\": 8, \"runn\": 9, \"##ing\": 10, \",\": 11, \"人\": 12, \"工\": 13, \"a\": 14, "   \
	"\"##a\": 15, \"cafe\": 16, \"!\": 17, \"i\": 18, \"İ\": 19, \"i̇\": 20, \"café\": 21, "              \
	"\"x〮〯\": 22, \"my\": 23, \"name\": 24, \"##ny\": 25, \"##〮\": 26, \"x\": 27}"
#define SPECIAL(id, content)                                                                                 \
	"{\"id\": " #id ", \"content\": \"" content "\", \"special\": true, \"normalized\": false, "             \
	"\"single_word\": false, \"lstrip\": false, \"rstrip\": false}"
#define ADDED SPECIAL(0, "[PAD]") ", " SPECIAL(2, "[CLS]") ", " SPECIAL(3, "[SEP]") ", " SPECIAL(4, "[MASK]")

/* A tokenizer.json with this normalizer, these added tokens and this post-processor. */
#define DOCUMENT(normalizer, added, processor)                                                               \
	"{\"version\": \"1.0\", \"truncation\": null, \"added_tokens\": [" added                                 \
	"], \"normalizer\": " normalizer                                                                         \
	", \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"post_processor\": " processor                  \
	", \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": "       \
	"\"##\", "                                                                                               \
	"\"max_input_chars_per_word\": 100, \"vocab\": " VOCABULARY "}}"

static const char plain[] = DOCUMENT(BERT_NORMALIZER, ADDED, TEMPLATE);

static void
compile(const char *json, UimlTokenizer *tokenizer)
{
	UimlEnv env = test_env_counting();
	UimlFault fault = {.text = ""};
	void *bytes = NULL;
	size_t length = 0;

	if (uiml_tokenizer_compile(&env, json, strlen(json), &bytes, &length, &fault) != UIML_OK)
		fail_msg("%s", fault.text);
	assert_int_equal(uiml_tokenizer_open(bytes, length, true, tokenizer), UIML_OK);
}

static void
discard(UimlTokenizer *tokenizer)
{
	UimlEnv env = test_env_counting();

	uiml_free(&env, (void *) (uintptr_t) tokenizer->bytes);
	assert_int_equal(test_env_live(), 0);
}

/* The tokens of a text, with spaces between. */
static void
tokens_of(const UimlTokenizer *tokenizer, const char *text, size_t max_tokens, char *tokens, size_t size)
{
	UimlEnv env = test_env_counting();
	uint32_t ids[512];
	size_t n;
	size_t used = 0;

	assert_int_equal(uiml_tokenizer_run(&env, tokenizer, text, strlen(text), max_tokens, ids, &n, NULL),
					 UIML_OK);
	assert_true(n <= max_tokens);
	tokens[0] = '\0';
	for (size_t i = 0; i < n; i++)
	{
		size_t length;
		const char *token = uiml_tokenizer_token(tokenizer, ids[i], &length);

		used +=
			(size_t) snprintf(tokens + used, size - used, "%s%.*s", i > 0 ? " " : "", (int) length, token);
	}
}

static void
expect(const UimlTokenizer *tokenizer, const char *text, const char *expected)
{
	char tokens[4096];

	tokens_of(tokenizer, text, 512, tokens, sizeof(tokens));
	assert_string_equal(tokens, expected);
}

/* ---------- words ---------- */

static void
words_are_cut_into_pieces(void **state)
{
	UimlTokenizer tokenizer;
	char word[512] = "";

	(void) state;
	compile(plain, &tokenizer);
	assert_int_equal(tokenizer.vocabulary, 28);
	expect(&tokenizer, "", "[CLS] [SEP]");
	expect(&tokenizer, " \t\r\n", "[CLS] [SEP]");
	expect(&tokenizer, "UNwanted,running", "[CLS] un ##want ##ed , runn ##ing [SEP]");
	expect(&tokenizer,
		   "UNwant\xC3\xA9"
		   "d , runningx",
		   "[CLS] un ##want ##ed , [UNK] [SEP]");
	expect(&tokenizer, "want!!wanted", "[CLS] want ! ! want ##ed [SEP]");
	expect(&tokenizer, "##want", "[CLS] [UNK] [UNK] want [SEP]");

	/* One hundred characters are a word, one more is not. */
	for (int i = 0; i < 100; i++)
		strcat(word, "a");
	{
		UimlEnv env = test_env_counting();
		uint32_t ids[512];
		size_t n;

		assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, word, 100, 512, ids, &n, NULL), UIML_OK);
		assert_int_equal(n, 102);
		assert_int_equal(ids[1], 14);
		assert_int_equal(ids[100], 15);
	}
	strcat(word, "a");
	expect(&tokenizer, word, "[CLS] [UNK] [SEP]");
	discard(&tokenizer);
}

static void
characters_are_normalized(void **state)
{
	UimlTokenizer tokenizer;

	(void) state;
	compile(plain, &tokenizer);
	expect(&tokenizer, "人工a人", "[CLS] 人 工 a 人 [SEP]");
	expect(&tokenizer,
		   "CAFÉ cafe\xCC\x81 ca\xE2\x80\x8B"
		   "fe",
		   "[CLS] cafe cafe cafe [SEP]");

	/* U+0085 is whitespace, but a control character before that; U+FFFD goes; U+00A0 and U+3000 separate. */
	expect(&tokenizer,
		   "a\xC2\x85"
		   "a\xEF\xBF\xBD"
		   "a\x01"
		   "a\x7F\x0B",
		   "[CLS] a ##a ##a ##a [SEP]");
	expect(&tokenizer,
		   "a\xC2\xA0"
		   "a\xE3\x80\x80"
		   "a",
		   "[CLS] a a a [SEP]");

	/* A compatibility ideograph decomposes: U+F9D6 is no other one, U+2F800 is U+4E3D. */
	expect(&tokenizer,
		   "a\xF0\xAF\xA0\x80"
		   "a",
		   "[CLS] a [UNK] a [SEP]");

	/* Dotted capital I decomposes, and the dot goes. */
	expect(&tokenizer, "İ ı", "[CLS] i [UNK] [SEP]");

	/* Marks that stay are sorted by class: U+1D165 (216) before U+302E and U+302F (224), which keep their order. */
	expect(&tokenizer, "x\xE3\x80\xAE\xE3\x80\xAF", "[CLS] x〮〯 [SEP]");
	expect(&tokenizer, "x\xE3\x80\xAE\xCC\x81\x01\xE3\x80\xAF", "[CLS] x〮〯 [SEP]");
	expect(&tokenizer, "x\xE3\x80\xAE x", "[CLS] x ##〮 x [SEP]");
	discard(&tokenizer);

	/* Without any of it. */
	compile(DOCUMENT("{\"type\": \"BertNormalizer\", \"clean_text\": false, \"handle_chinese_chars\": false, "
					 "\"strip_accents\": false, \"lowercase\": false}",
					 ADDED, "null"),
			&tokenizer);
	expect(&tokenizer, "cafe CAFE", "cafe [UNK]");
	expect(&tokenizer, "café cafe\xCC\x81 İ", "café [UNK] İ");
	expect(&tokenizer, "人a 人", "人 ##a 人");
	expect(&tokenizer,
		   "a\x01 a\xC2\x85"
		   "a\x0B"
		   "a",
		   "[UNK] a a a");
	discard(&tokenizer);

	/* Lower case alone keeps the dot above. */
	compile(DOCUMENT("{\"type\": \"BertNormalizer\", \"strip_accents\": false, \"lowercase\": true}", ADDED,
					 "null"),
			&tokenizer);
	expect(&tokenizer, "CAFÉ İ", "café i̇");
	discard(&tokenizer);
}

static void
classes_are_of_unicode_8(void **state)
{
	uint32_t lower[2];
	uint32_t part[UIML_UNICODE_DECOMPOSED];

	(void) state;
	assert_true(uiml_unicode_other(0) && uiml_unicode_other(0x85) && uiml_unicode_other(0xAD));
	assert_true(uiml_unicode_other(0x200D) && uiml_unicode_other(0xE000) && uiml_unicode_other(0x10FFFD));
	assert_false(uiml_unicode_other('a') || uiml_unicode_other(0x378) || uiml_unicode_other(0x10FFFF));
	assert_true(uiml_unicode_punctuation('$') && uiml_unicode_punctuation('~') &&
				uiml_unicode_punctuation(0x3002));
	assert_false(uiml_unicode_punctuation(0x2605) || uiml_unicode_punctuation('a') ||
				 uiml_unicode_punctuation(0x80));
	assert_true(uiml_unicode_nonspacing(0x301) && uiml_unicode_nonspacing(0xFE0F) &&
				uiml_unicode_nonspacing(0x1734));

	/* Of later versions: a hyphen of 9.0, a mark of 14.0. */
	assert_false(uiml_unicode_punctuation(0x2E43) || uiml_unicode_nonspacing(0x1ACE));
	assert_int_equal(uiml_unicode_combining_class(0x1ACE), 0);
	assert_int_equal(uiml_unicode_combining_class(0x301), 230);
	assert_int_equal(uiml_unicode_decompose(0x11938, false, part), 1);
	assert_int_equal(uiml_unicode_decompose(0xAC01, false, part), 3);
	assert_int_equal(uiml_unicode_decompose(0xFDFA, true, part), 18);
	assert_int_equal(uiml_unicode_decompose(0xFDFA, false, part), 1);
	assert_int_equal(uiml_unicode_lower(0x130, lower), 2);
	assert_int_equal(uiml_unicode_lower(0x3A3, lower), 1);
	assert_int_equal(lower[0], 0x3C3);
	assert_true(uiml_unicode_word('_') && uiml_unicode_word(0x4EBA) && uiml_unicode_word(0x24B6));
	assert_false(uiml_unicode_word('-') || uiml_unicode_word(0x2605));
}

/* ---------- added tokens ---------- */

static void
special_tokens_are_found_in_text(void **state)
{
	UimlTokenizer tokenizer;
	uint32_t id;

	(void) state;
	compile(plain, &tokenizer);
	expect(&tokenizer, "[CLS] a[MASK]a [mask] [PAD",
		   "[CLS] [CLS] a [MASK] a [UNK] [UNK] [UNK] [UNK] [UNK] [SEP]");
	assert_true(uiml_tokenizer_find(&tokenizer, "[MASK]", 6, &id));
	assert_int_equal(id, 4);
	assert_false(uiml_tokenizer_find(&tokenizer, "[MASK", 5, &id));
	assert_false(uiml_tokenizer_find(&tokenizer, "", 0, &id));
	discard(&tokenizer);
}

/* As the library's own tests of options have it. */
static void
added_tokens_have_options(void **state)
{
	static const char json[] = DOCUMENT(
		BERT_NORMALIZER,
		"{\"id\": 23, \"content\": \"my\", \"lstrip\": true, \"rstrip\": true, \"normalized\": true}, "
		"{\"id\": 24, \"content\": \"name\", \"normalized\": true}, "
		"{\"id\": 28, \"content\": \"ony\", \"single_word\": true, \"normalized\": true}, "
		"{\"id\": 29, \"content\": \"<MÁSK>\", \"normalized\": true, \"lstrip\": true}, "
		"{\"id\": 30, \"content\": \"<M>\", \"normalized\": false, \"rstrip\": true}",
		"null");
	UimlTokenizer tokenizer;
	uint32_t id;

	(void) state;
	compile(json, &tokenizer);
	assert_int_equal(tokenizer.vocabulary, 31);
	assert_int_equal(tokenizer.n_added_raw, 1);
	expect(&tokenizer, "My name x Anthony ony", "my name x [UNK] ony");
	expect(&tokenizer, "surname MyMy", "[UNK] name my my");
	expect(&tokenizer, "ony,ony_ony 人ony ony", "ony , [UNK] [UNK] [UNK] 人 ony ony");
	expect(&tokenizer, "x  <mask>x <másk", "x <MÁSK> x [UNK] [UNK]");
	expect(&tokenizer, "x<M>  x<m>", "x <M> x [UNK] [UNK] [UNK]");
	assert_true(uiml_tokenizer_find(&tokenizer, "ony", 3, &id));
	assert_int_equal(id, 28);
	discard(&tokenizer);
}

static void
the_longest_added_token_wins(void **state)
{
	UimlTokenizer tokenizer;

	(void) state;
	compile(DOCUMENT(BERT_NORMALIZER,
					 SPECIAL(28, "<a>") ", " SPECIAL(29, "<a><b") ", " SPECIAL(30, "<a><b><c>") ", " SPECIAL(
						 31, "<b"),
					 "null"),
			&tokenizer);
	expect(&tokenizer, "<a><b><c><a><b><", "<a><b><c> <a><b [UNK] [UNK]");
	expect(&tokenizer, "<a><<b", "<a> [UNK] <b");
	discard(&tokenizer);
}

/* ---------- around a text ---------- */

static void
truncation_keeps_the_end(void **state)
{
	UimlEnv env = test_env_counting();
	UimlTokenizer tokenizer;
	char tokens[512];
	uint32_t ids[16];
	size_t n;
	size_t total;

	(void) state;
	compile(plain, &tokenizer);
	tokens_of(&tokenizer, "unwanted, running", 8, tokens, sizeof(tokens));
	assert_string_equal(tokens, "[CLS] un ##want ##ed , runn ##ing [SEP]");
	tokens_of(&tokenizer, "unwanted, running", 5, tokens, sizeof(tokens));
	assert_string_equal(tokens, "[CLS] un ##want ##ed [SEP]");
	tokens_of(&tokenizer, "unwanted, running", 2, tokens, sizeof(tokens));
	assert_string_equal(tokens, "[CLS] [SEP]");
	assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, "a a a a [MASK]", 14, 4, ids, &n, &total), UIML_OK);
	assert_int_equal(n, 4);
	assert_int_equal(total, 7);
	assert_int_equal(ids[3], 3);
	assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, "a", 1, 1, ids, &n, NULL), UIML_EINVALID);

	/* A word that turns out to be unknown takes back what it gave beyond the limit too. */
	assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, "wantedwantedz a", 15, 4, ids, &n, &total),
					 UIML_OK);
	assert_int_equal(total, 4);
	assert_int_equal(ids[1], 1);
	assert_int_equal(ids[2], 14);
	discard(&tokenizer);
}

static void
post_processors_are_known(void **state)
{
	UimlTokenizer tokenizer;

	(void) state;
	compile(DOCUMENT(BERT_NORMALIZER, ADDED,
					 "{\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 3], \"cls\": [\"[CLS]\", 2]}"),
			&tokenizer);
	expect(&tokenizer, "a", "[CLS] a [SEP]");
	discard(&tokenizer);
	compile(DOCUMENT(BERT_NORMALIZER, ADDED,
					 "{\"type\": \"RobertaProcessing\", \"sep\": [\"[SEP]\", 3], \"cls\": [\"[CLS]\", 2], "
					 "\"trim_offsets\": true, \"add_prefix_space\": true}"),
			&tokenizer);
	expect(&tokenizer, "a", "[CLS] a [SEP]");
	discard(&tokenizer);
	compile(DOCUMENT(BERT_NORMALIZER, ADDED,
					 "{\"type\": \"Sequence\", \"processors\": [" TEMPLATE
					 ", {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"x\"}}, "
					 "{\"Sequence\": {\"id\": \"A\"}}], \"special_tokens\": {\"x\": {\"ids\": [18, 14]}}}]}"),
			&tokenizer);
	assert_int_equal(tokenizer.prefix, 3);
	assert_int_equal(tokenizer.suffix, 1);
	expect(&tokenizer, "want", "i a [CLS] want [SEP]");
	discard(&tokenizer);
}

static void
what_is_not_utf8_is_refused(void **state)
{
	static const char *const text[] = {
		"a\xFF",         "a\xC3",        "\xC0\x80",         "\xED\xA0\x80",    "\xF4\x90\x80\x80",
		"aaaaaaaaa\x80", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xF5\x80\x80\x80"};
	UimlEnv env = test_env_counting();
	UimlTokenizer tokenizer;
	uint32_t ids[8];
	size_t n;

	(void) state;
	compile(plain, &tokenizer);
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, text[i], strlen(text[i]), 8, ids, &n, NULL),
						 UIML_EINVALID);
	assert_int_equal(
		uiml_tokenizer_run(&env, &tokenizer, "\xF4\x8F\xBF\xBF\xED\x9F\xBF", 7, 8, ids, &n, NULL), UIML_OK);
	discard(&tokenizer);
}

/* ---------- compiling ---------- */

static void
vocab_txt_is_the_same(void **state)
{
	static const char text[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nwant \r\n##ed\ncafe\n,\nwant\n\ncafé";
	const UimlWordPieceOptions options = {.lowercase = true, .chinese = true, .strip_accents = true};
	const UimlWordPieceOptions cased = {.lowercase = false, .chinese = true, .strip_accents = false};
	UimlEnv env = test_env_counting();
	UimlFault fault = {.text = ""};
	UimlTokenizer tokenizer;
	void *bytes;
	size_t length;
	uint32_t id;

	(void) state;
	assert_int_equal(
		uiml_tokenizer_compile_vocabulary(&env, text, strlen(text), &options, &bytes, &length, &fault),
		UIML_OK);
	assert_int_equal(uiml_tokenizer_open(bytes, length, true, &tokenizer), UIML_OK);
	assert_int_equal(tokenizer.vocabulary, 11);
	expect(&tokenizer, "Wanted,CAFÉ[SEP]", "[CLS] want ##ed , cafe [SEP] [SEP]");

	/* Of two equal lines the last counts. */
	assert_true(uiml_tokenizer_find(&tokenizer, "want", 4, &id));
	assert_int_equal(id, 8);
	discard(&tokenizer);
	assert_int_equal(
		uiml_tokenizer_compile_vocabulary(&env, text, strlen(text), &cased, &bytes, &length, &fault),
		UIML_OK);
	assert_int_equal(uiml_tokenizer_open(bytes, length, true, &tokenizer), UIML_OK);
	expect(&tokenizer, "Wanted,café", "[CLS] [UNK] , café [SEP]");
	discard(&tokenizer);

	assert_int_equal(uiml_tokenizer_compile_vocabulary(&env, "a\n", 2, &options, &bytes, &length, &fault),
					 UIML_ECORRUPT);
	assert_string_equal(fault.text, "The unknown token \"[UNK]\" is not in the vocabulary.");
	fault.text[0] = '\0';
	assert_int_equal(
		uiml_tokenizer_compile_vocabulary(&env, "[UNK]\n[CLS]\n", 12, &options, &bytes, &length, &fault),
		UIML_ECORRUPT);
	assert_string_equal(fault.text, "vocab.txt doesn't have [CLS] and [SEP].");
	fault.text[0] = '\0';
	assert_int_equal(
		uiml_tokenizer_compile_vocabulary(&env, "[UNK]\n\xFF\n", 8, &options, &bytes, &length, &fault),
		UIML_ECORRUPT);
	assert_string_equal(fault.text, "Line 2 of vocab.txt is not UTF-8.");
	assert_int_equal(test_env_live(), 0);
}

static void
expect_fault(const char *json, const char *expected)
{
	UimlEnv env = test_env_counting();
	UimlFault fault = {.text = ""};
	void *bytes;
	size_t length;

	assert_int_equal(uiml_tokenizer_compile(&env, json, strlen(json), &bytes, &length, &fault),
					 UIML_ECORRUPT);
	assert_string_equal(fault.text, expected);
	assert_int_equal(test_env_live(), 0);
}

#define MODEL(vocabulary)                                                                                    \
	"{\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"u\", \"continuing_subword_prefix\": \"##\", "    \
	"\"max_input_chars_per_word\": 100, \"vocab\": " vocabulary "}}"

static void
faults_are_told(void **state)
{
	(void) state;
	expect_fault("[]", "tokenizer.json is not an object.");
	expect_fault("{\"version\": \"2.0\"}", "tokenizer.json is of version \"2.0\"; 1.0 is supported.");
	expect_fault("{}", "The tokenizer has no object \"model\".");
	expect_fault("{\"model\": {\"type\": \"WordLevel\"}}", "Tokenizer model \"WordLevel\" is not supported.");
	expect_fault("{\"model\": {\"type\": \"WordPiece\"}}", "The WordPiece model has no object \"vocab\".");
	expect_fault(MODEL("{\"a\": 0}"), "The unknown token \"u\" is not in the vocabulary.");
	expect_fault(MODEL("{\"a\": -1}"), "Token \"a\" of the vocabulary has no id from 0 to 1048575.");
	expect_fault(MODEL("{\"a\": 1048576}"), "Token \"a\" of the vocabulary has no id from 0 to 1048575.");
	expect_fault(MODEL("{\"a\": 0, \"b\": 0}"), "Id 0 has two tokens.");
	expect_fault(DOCUMENT("{\"type\": \"Sparkle\"}", ADDED, "null"),
				 "Normalizer \"Sparkle\" is not supported.");
	expect_fault(DOCUMENT("7", ADDED, "null"), "The normalizer is not an object.");
	expect_fault(DOCUMENT("{\"type\": \"Sequence\"}", ADDED, "null"),
				 "A sequence of the normalizer has no array \"normalizers\", or is too deep.");
	expect_fault(DOCUMENT(BERT_NORMALIZER, SPECIAL(5, "[PAD]"), "null"),
				 "Added token \"[PAD]\" has the id 5, but the vocabulary makes it 0.");
	expect_fault(DOCUMENT(BERT_NORMALIZER, SPECIAL(77, "<x>"), "null"),
				 "Added token \"<x>\" has the id 77, but the vocabulary makes it 28.");
	expect_fault(DOCUMENT(BERT_NORMALIZER, SPECIAL(0, "[PAD]") ", " SPECIAL(0, "[PAD]"), "null"),
				 "Added tokens 0 and 0 are looked for as the same text.");
	expect_fault(DOCUMENT(BERT_NORMALIZER, "{\"id\": 28, \"content\": \"\\u0301\"}", "null"),
				 "Added token \"??\" has 0 bytes when it is normalized.");
	expect_fault(DOCUMENT(BERT_NORMALIZER, ADDED, "{\"type\": \"Sparkle\"}"),
				 "Post-processor \"Sparkle\" is not supported.");
	expect_fault(DOCUMENT(BERT_NORMALIZER, ADDED, "{\"type\": \"BertProcessing\", \"sep\": 3}"),
				 "A token of the post-processor has no id of the vocabulary.");
	expect_fault(DOCUMENT(BERT_NORMALIZER, ADDED, "{\"type\": \"TemplateProcessing\", \"single\": []}"),
				 "The post-processor's template doesn't have the text once.");
	expect_fault(DOCUMENT(BERT_NORMALIZER, ADDED,
						  "{\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"A\", "
						  "\"type_id\": 1}}]}"),
				 "The post-processor's template uses token type 1; only 0 is supported.");
	expect_fault("{\"truncation\": {\"direction\": \"Left\"}}",
				 "tokenizer.json cuts the beginning of long texts off.");
}

static void
survives_failing_allocations(void **state)
{
	static const char text[] = "unwanted [MASK] café 人工 x\xE3\x80\xAE\xE3\x80\xAF";
	static const char json[] = DOCUMENT(
		BERT_NORMALIZER, ADDED ", {\"id\": 23, \"content\": \"my\", \"normalized\": true}", TEMPLATE);

	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlTokenizer tokenizer;
		uint32_t ids[32];
		void *bytes;
		size_t length;
		size_t n;
		UimlStatus status = uiml_tokenizer_compile(&env, json, strlen(json), &bytes, &length, NULL);

		if (status == UIML_OK)
		{
			assert_int_equal(uiml_tokenizer_open(bytes, length, true, &tokenizer), UIML_OK);
			status = uiml_tokenizer_run(&env, &tokenizer, text, strlen(text), 32, ids, &n, NULL);
			uiml_free(&env, bytes);
		}
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
}

/* ---------- bytes ---------- */

static void
damage_is_noticed(void **state)
{
	UimlTokenizer tokenizer;
	UimlTokenizer other;
	unsigned char *copy;
	size_t length;
	size_t noticed = 0;

	(void) state;
	compile(plain, &tokenizer);
	length = tokenizer.length;
	copy = malloc(length + 1);
	assert_non_null(copy);

	/* At any address. */
	memcpy(copy + 1, tokenizer.bytes, length);
	assert_int_equal(uiml_tokenizer_open(copy + 1, length, true, &other), UIML_OK);
	expect(&other, "unwanted", "[CLS] un ##want ##ed [SEP]");
	for (size_t i = 0; i < length; i++)
		assert_int_equal(uiml_tokenizer_open(tokenizer.bytes, i, true, &other), UIML_ECORRUPT);
	for (size_t i = 0; i < length; i++)
	{
		memcpy(copy, tokenizer.bytes, length);
		copy[i] ^= 0x11;
		noticed += uiml_tokenizer_open(copy, length, true, &other) != UIML_OK;
	}

	/* Padding and letters of tokens are not noticed here: the encoder has a checksum. */
	assert_true(noticed > length / 3);
	free(copy);
	discard(&tokenizer);
}

/* ---------- long texts ---------- */

#define LONG_TEXT ((size_t) 10 * 1024 * 1024)

/* Checks of an environment that never says stop. */
static bool
count_checks(void *ctx)
{
	++*(long *) ctx;
	return false;
}

/* Tokens of a unit repeated up to 10 MB; asks often enough, and stops at once when told so. */
static void
run_long(const UimlTokenizer *tokenizer, const char *unit, size_t expected)
{
	size_t unit_length = strlen(unit);
	size_t n_units = LONG_TEXT / unit_length;
	char *text = malloc(n_units * unit_length);
	UimlEnv env = test_env_counting();
	uint32_t ids[512];
	size_t n;
	size_t total;
	long checks = 0;
	long all_checks;
	long live = test_env_live();

	assert_non_null(text);
	for (size_t i = 0; i < n_units; i++)
		memcpy(text + i * unit_length, unit, unit_length);
	env.interrupted = count_checks;
	env.ctx = &checks;
	assert_int_equal(uiml_tokenizer_run(&env, tokenizer, text, n_units * unit_length, 512, ids, &n, &total),
					 UIML_OK);
	assert_int_equal(total, expected);
	assert_true(checks >= (long) (LONG_TEXT / UIML_TOKENIZING_WORK));
	all_checks = checks;
	for (long k = 1; k < all_checks; k += 1 + all_checks / 2)
	{
		long countdown = k;
		UimlEnv stopping = test_env_interrupting(&countdown);

		assert_int_equal(
			uiml_tokenizer_run(&stopping, tokenizer, text, n_units * unit_length, 512, ids, &n, &total),
			UIML_EINTERRUPTED);
		assert_int_equal(test_env_live(), live);
	}

	/*
	 * A text of many tokens costs no more than its beginning, after a check for UTF-8 and a search for added
	 * tokens, which is fast where little looks like one.
	 */
	checks = 0;
	assert_int_equal(uiml_tokenizer_run(&env, tokenizer, text, n_units * unit_length, 512, ids, &n, NULL),
					 UIML_OK);
	if (expected > 10000 && tokenizer->n_added == tokenizer->n_added_raw && strcmp(unit, "[MASK") != 0)
		assert_true(checks < 40);
	free(text);
}

static void
long_texts_are_linear(void **state)
{
	UimlTokenizer tokenizer;

	(void) state;
	compile(plain, &tokenizer);
	run_long(&tokenizer, "a", 3);
	run_long(&tokenizer, " ", 2);
	run_long(&tokenizer, "\xCC\x81", 2);
	run_long(&tokenizer, "\xE3\x80\xAE", 3);
	run_long(&tokenizer, "é", 3);
	run_long(&tokenizer, "人", LONG_TEXT / 3 + 2);
	run_long(&tokenizer, "!", LONG_TEXT + 2);
	run_long(&tokenizer, "[MASK]", LONG_TEXT / 6 + 2);
	run_long(&tokenizer, "[MASK", LONG_TEXT / 5 * 2 + 2);
	run_long(&tokenizer, "unwanted ", LONG_TEXT / 9 * 3 + 2);
	discard(&tokenizer);
	compile(DOCUMENT(
				BERT_NORMALIZER,
				"{\"id\": 28, \"content\": \" \", \"rstrip\": true, \"lstrip\": true}, "
				"{\"id\": 29, \"content\": \"<\", \"rstrip\": true, \"lstrip\": true, \"normalized\": false}",
				"null"),
			&tokenizer);
	run_long(&tokenizer, " ", LONG_TEXT);
	run_long(&tokenizer, "<", LONG_TEXT);
	run_long(&tokenizer, "< ", LONG_TEXT / 2);
	discard(&tokenizer);
}

/* ---------- models of the shared folder ---------- */

/* A file of a model, zero-terminated; NULL where it isn't there. */
static char *
read_shared(const char *model, const char *file, size_t *length)
{
	const char *shared = getenv("UIML_SHARED");
	char path[1024];
	FILE *stream;
	char *text = NULL;
	long size;

	snprintf(path, sizeof(path), "%s/models/%s/%s", shared != NULL ? shared : "../shared", model, file);
	stream = fopen(path, "rb");
	if (stream == NULL)
		return NULL;
	if (fseek(stream, 0, SEEK_END) == 0 && (size = ftell(stream)) >= 0 && fseek(stream, 0, SEEK_SET) == 0)
	{
		text = malloc((size_t) size + 1);
		assert_non_null(text);
		*length = fread(text, 1, (size_t) size, stream);
		text[*length] = '\0';
	}
	fclose(stream);
	return text;
}

/* A line of reference.jsonl. */
static void
compare_line(const UimlTokenizer *tokenizer, const char *line, size_t length)
{
	static uint32_t ids[65536];
	UimlEnv env = test_env_counting();
	json_t *root = json_loadb(line, length, 0, NULL);
	const json_t *text = json_object_get(root, "text");
	const json_t *reference = json_object_get(root, "ids");
	const json_t *full = json_object_get(root, "n_full");
	size_t expected_n = json_array_size(reference);
	size_t max_tokens = full != NULL ? 512 : sizeof(ids) / sizeof(ids[0]);
	size_t n;
	size_t total;

	assert_non_null(root);
	for (int counting = 0; counting < 2; counting++)
	{
		assert_int_equal(uiml_tokenizer_run(&env, tokenizer, json_string_value(text),
											json_string_length(text), max_tokens, ids, &n,
											counting ? &total : NULL),
						 UIML_OK);
		if (n != expected_n)
			fail_msg("\"%s\" has %zu ids instead of %zu", json_string_value(text), n, expected_n);
		for (size_t i = 0; i < n; i++)
		{
			if (ids[i] != (uint32_t) json_integer_value(json_array_get(reference, i)))
				fail_msg("\"%s\": id %zu is %u", json_string_value(text), i, ids[i]);
		}
	}
	assert_int_equal(total, full != NULL ? (size_t) json_integer_value(full) : expected_n);
	json_decref(root);
}

static void
compare_reference(const char *model, const UimlTokenizer *tokenizer, size_t n_lines)
{
	size_t length;
	char *reference = read_shared(model, "reference.jsonl", &length);
	size_t n = 0;

	assert_non_null(reference);
	for (char *line = reference; *line != '\0'; n++)
	{
		size_t line_length = strcspn(line, "\n");

		compare_line(tokenizer, line, line_length);
		line += line_length + (line[line_length] == '\n');
	}
	assert_int_equal(n, n_lines);
	free(reference);
}

static void
compare_model(const char *model, size_t n_lines)
{
	size_t length;
	char *json = read_shared(model, "tokenizer.json", &length);
	UimlTokenizer tokenizer;

	if (json == NULL)
	{
		print_message("skipped: no models/%s in UIML_SHARED\n", model);
		skip();
		return;
	}
	compile(json, &tokenizer);
	compare_reference(model, &tokenizer, n_lines);
	free(json);
	discard(&tokenizer);
}

static void
minilm_has_the_ids_of_the_library(void **state)
{
	(void) state;
	compare_model("all-MiniLM-L6-v2", 120);
}

static void
bge_zh_has_the_ids_of_the_library(void **state)
{
	(void) state;
	compare_model("zh-tiny", 120);
}

static void
vocab_txt_has_the_ids_of_the_library(void **state)
{
	const UimlWordPieceOptions options = {.lowercase = true, .chinese = true, .strip_accents = true};
	UimlEnv env = test_env_counting();
	size_t length;
	char *text = read_shared("all-MiniLM-L6-v2", "vocab.txt", &length);
	UimlTokenizer tokenizer;
	void *bytes;
	size_t bytes_length;

	(void) state;
	if (text == NULL)
	{
		print_message("skipped: no models/all-MiniLM-L6-v2 in UIML_SHARED\n");
		skip();
		return;
	}
	assert_int_equal(
		uiml_tokenizer_compile_vocabulary(&env, text, length, &options, &bytes, &bytes_length, NULL),
		UIML_OK);
	assert_int_equal(uiml_tokenizer_open(bytes, bytes_length, true, &tokenizer), UIML_OK);
	compare_reference("all-MiniLM-L6-v2", &tokenizer, 120);
	free(text);
	discard(&tokenizer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_cut_into_pieces),
		cmocka_unit_test(characters_are_normalized),
		cmocka_unit_test(classes_are_of_unicode_8),
		cmocka_unit_test(special_tokens_are_found_in_text),
		cmocka_unit_test(added_tokens_have_options),
		cmocka_unit_test(the_longest_added_token_wins),
		cmocka_unit_test(truncation_keeps_the_end),
		cmocka_unit_test(post_processors_are_known),
		cmocka_unit_test(what_is_not_utf8_is_refused),
		cmocka_unit_test(vocab_txt_is_the_same),
		cmocka_unit_test(faults_are_told),
		cmocka_unit_test(survives_failing_allocations),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(long_texts_are_linear),
		cmocka_unit_test(minilm_has_the_ids_of_the_library),
		cmocka_unit_test(bge_zh_has_the_ids_of_the_library),
		cmocka_unit_test(vocab_txt_has_the_ids_of_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
