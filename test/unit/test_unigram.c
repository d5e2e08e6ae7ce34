/*
 * test_unigram.c
 *	  The Unigram model and its trie: known answers of the tokenizers library, and a real model where it is there.
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

#include "core/rng.h"
#include "core/token_trie.h"
#include "core/tokenizer_parts.h"
#include "testenv.h"

/* ---------- trie ---------- */

static void
check_value(const UimlTokenTrie *trie, const char *text, uint32_t expected)
{
	assert_int_equal(uiml_token_trie_find(trie, text, strlen(text)), expected);
}

static void
finds_tokens(void **state)
{
	static const UimlTokenText tokens[] = {{"abc", 3}, {"a", 1},   {"\xFF", 1}, {"ab", 2}, {"a", 1},
										   {"", 0},    {"b\0", 2}, {"b", 1},    {"abd", 3}};
	UimlEnv env = test_env_counting();
	UimlTokenTrie trie;
	void *bytes;
	size_t length;

	(void) state;
	assert_int_equal(uiml_token_trie_build(&env, tokens, 9, &bytes, &length), UIML_OK);
	assert_int_equal(length % 8, 0);
	assert_true(uiml_token_trie_open(bytes, length, &trie));
	assert_true(uiml_token_trie_sound(&trie, 9));
	assert_false(uiml_token_trie_sound(&trie, 8));
	assert_int_equal(trie.longest, 3);
	assert_int_equal(trie.nodes, 8);
	check_value(&trie, "abc", 0);
	check_value(&trie, "a", 4);
	check_value(&trie, "\xFF", 2);
	check_value(&trie, "ab", 3);
	check_value(&trie, "", 5);
	check_value(&trie, "b", 7);
	check_value(&trie, "abd", 8);
	assert_int_equal(uiml_token_trie_find(&trie, "b\0", 2), 6);
	check_value(&trie, "c", UIML_NO_TOKEN);
	check_value(&trie, "abcd", UIML_NO_TOKEN);
	check_value(&trie, "abe", UIML_NO_TOKEN);
	assert_false(uiml_token_trie_open(bytes, length - 1, &trie));
	uiml_free(&env, bytes);
}

/* All strings of up to three of many bytes: nodes with many children. */
static void
finds_many_tokens(void **state)
{
	enum
	{
		N = 20000
	};
	UimlEnv env = test_env_counting();
	UimlTokenText *tokens = calloc(N, sizeof(*tokens));
	unsigned char *text = malloc((size_t) N * 3);
	UimlTokenTrie trie;
	UimlRng rng;
	void *bytes;
	size_t length;

	(void) state;
	uiml_rng_init(&rng, 5);
	for (size_t i = 0; i < N; i++)
	{
		tokens[i].text = (const char *) text + 3 * i;
		tokens[i].length = 1 + (size_t) uiml_rng_below(&rng, 3);
		for (size_t j = 0; j < 3; j++)
			text[3 * i + j] = (unsigned char) uiml_rng_below(&rng, j == 0 ? 40 : 256);
	}
	assert_int_equal(uiml_token_trie_build(&env, tokens, N, &bytes, &length), UIML_OK);
	assert_true(uiml_token_trie_open(bytes, length, &trie) && uiml_token_trie_sound(&trie, N));
	for (size_t i = 0; i < N; i++)
	{
		uint32_t found = uiml_token_trie_find(&trie, tokens[i].text, tokens[i].length);

		assert_true(found < N && found >= i);
		assert_int_equal(tokens[found].length, tokens[i].length);
		assert_memory_equal(tokens[found].text, tokens[i].text, tokens[i].length);
	}
	uiml_free(&env, bytes);
	free(text);
	free(tokens);
}

/* Damaged nodes give wrong answers or none; the sound check finds most of them, and no walk leaves the bytes. */
static void
damaged_tries_are_safe(void **state)
{
	static const UimlTokenText tokens[] = {{"abc", 3}, {"a", 1}, {"abd", 3}, {"b", 1}};
	UimlEnv env = test_env_counting();
	UimlTokenTrie trie;
	UimlRng rng;
	void *bytes;
	size_t length;

	(void) state;
	uiml_rng_init(&rng, 6);
	assert_int_equal(uiml_token_trie_build(&env, tokens, 4, &bytes, &length), UIML_OK);
	for (int round = 0; round < 20000; round++)
	{
		unsigned char *copy = malloc(length); /* its end is the end of what may be read */

		memcpy(copy, bytes, length);
		for (int i = 0; i < 3; i++)
			copy[uiml_rng_below(&rng, length)] = (unsigned char) uiml_rng_below(&rng, 256);
		if (uiml_token_trie_open(copy, length, &trie))
		{
			uint32_t node = uiml_token_trie_begin(&trie, 'a');

			(void) uiml_token_trie_sound(&trie, 4);
			for (int i = 0; i < 5; i++)
				node = uiml_token_trie_child(&trie, node, (unsigned char) ("abcde"[i]));
			(void) uiml_token_trie_value(&trie, node);
		}
		free(copy);
	}
	uiml_free(&env, bytes);
}

/* ---------- model ---------- */

#define BAR "\xE2\x96\x81"

static char *
tokenizer_json(const char *model, const char *more)
{
	size_t size = strlen(model) + strlen(more) + 200;
	char *json = malloc(size);

	snprintf(json, size, "{\"version\": \"1.0\", \"added_tokens\": [], %s\"model\": %s}", more, model);
	return json;
}

static UimlStatus
compile(const UimlEnv *env, const char *model, const char *more, void **bytes, size_t *length,
		UimlFault *fault)
{
	char *json = tokenizer_json(model, more);
	UimlStatus status = uiml_tokenizer_compile(env, json, strlen(json), bytes, length, fault);

	free(json);
	return status;
}

/* That the tokens of a text are those given, joined by spaces; with a number for each unknown one: "?". */
static void
check(const char *model, const char *more, const char *text, const char *expected)
{
	UimlEnv env = test_env_counting();
	UimlFault fault = {""};
	UimlTokenizer tokenizer;
	uint32_t ids[200];
	char got[1000] = "";
	size_t total;
	size_t length;
	void *bytes;
	size_t n;

	assert_int_equal(compile(&env, model, more, &bytes, &length, &fault), UIML_OK);
	assert_int_equal(uiml_tokenizer_open(bytes, length, true, &tokenizer), UIML_OK);
	assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, text, strlen(text), 200, ids, &n, &total), UIML_OK);
	assert_int_equal(total, n);
	for (size_t i = 0; i < n; i++)
	{
		size_t token_length;
		const char *token = uiml_tokenizer_token(&tokenizer, ids[i], &token_length);

		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.*s", i > 0 ? " " : "", (int) token_length,
				 token);
	}
	assert_string_equal(got, expected);

	/* a limit keeps the first ones */
	for (size_t limit = 0; limit < n; limit++)
	{
		uint32_t first[200];
		size_t m;

		assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, text, strlen(text), limit, first, &m, NULL),
						 UIML_OK);
		assert_int_equal(m, limit);
		if (m > 0)
			assert_memory_equal(first, ids, m * sizeof(*ids));
	}
	uiml_free(&env, bytes);
	assert_int_equal(test_env_live(), 0);
}

/* The vocabulary of the library's own test. */
#define LIBRARY_MODEL                                                                                        \
	"{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<unk>\", 0.0], [\"ab\", 0.0], [\"cd\", -0.1], "   \
	"[\"abc\", -0.2], [\"a\", -0.3], [\"b\", -0.4], [\"c\", -0.5], [\"ABC\", -0.5], [\"abcdabcd\", 20.0], "  \
	"[\"q\", 20.5], [\"r\", 20.5], [\"qr\", -0.5]]}"

static void
answers_of_the_library(void **state)
{
	(void) state;
	check(LIBRARY_MODEL, "", "", "");
	check(LIBRARY_MODEL, "", "abc", "abc");
	check(LIBRARY_MODEL, "", "AB", "<unk>");
	check(LIBRARY_MODEL, "", "abcd", "ab cd");
	check(LIBRARY_MODEL, "", "abcc", "abc c");
	check(LIBRARY_MODEL, "", "xabcabaabcdd", "<unk> abc ab a ab cd <unk>");
	check(LIBRARY_MODEL, "", "xyz\xE6\x9D\xB1\xE4\xBA\xAC", "<unk>");
	check(LIBRARY_MODEL, "", "ABC", "ABC");
	check(LIBRARY_MODEL, "", "abABCcd", "ab ABC cd");
	check(LIBRARY_MODEL, "", "ababcdabcdcd", "ab abcdabcd cd");
	check(LIBRARY_MODEL, "", "abqrcd", "ab q r cd");
	/* the unknown token's own name joins its neighbours */
	check(LIBRARY_MODEL, "", "a<unk>xb", "a <unk> b");
}

static void
falls_back_to_bytes(void **state)
{
	const char *model =
		"{\"type\": \"Unigram\", \"unk_id\": 0, \"byte_fallback\": true, \"vocab\": [[\"<unk>\", 0.0], "
		"[\"<0xC3>\", -0.01], [\"<0xA9>\", -0.03], [\"x\", -1]]}";

	(void) state;
	check(model, "", "\xC3\xA9", "<0xC3> <0xA9>");
	/* one of the bytes has no token: unknown together, as they are found together */
	check(model, "", "?\xC3\xA9", "<unk>");
	check(model, "", "x\xC3\xA9\xC3\xA9x?", "x <0xC3> <0xA9> <0xC3> <0xA9> x <unk>");
}

/* Of equal ways the one whose last token begins first; a token given twice counts as the last one. */
static void
ties_and_duplicates(void **state)
{
	(void) state;
	check("{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"u\", 0], [\"a\", -1], [\"ab\", -2], [\"b\", "
		  "-1], "
		  "[\"abc\", -3], [\"c\", -1], [\"bc\", -2]]}",
		  "", "abc", "abc");
	check("{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"u\", -9], [\"a\", -1], [\"ab\", -3], "
		  "[\"b\", -1], "
		  "[\"ab\", -1.5]]}",
		  "", "ab", "ab");
	check("{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"u\", -9], [\"a\", -1], [\"ab\", -1.5], "
		  "[\"b\", -1], "
		  "[\"ab\", -3]]}",
		  "", "ab", "a b");
}

/* Unknown characters that are a token together: only with scores that no training gives. */
static void
unknown_characters_may_be_a_token(void **state)
{
	(void) state;
	check("{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"u\", 1000], [\"AB\", 100]]}", "", "AB",
		  "AB");
}

static void
refuses_models(void **state)
{
	static const char *const refused[][2] = {
		{"{\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]]}", "unk_id"},
		{"{\"type\": \"Unigram\", \"unk_id\": null, \"vocab\": [[\"a\", 0]]}", "unk_id"},
		{"{\"type\": \"Unigram\", \"unk_id\": 1, \"vocab\": [[\"a\", 0]]}", "unk_id"},
		{"{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": []}", "unk_id"},
		{"{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": {\"a\": 0}}", "vocab"},
		{"{\"type\": \"Unigram\", \"unk_id\": 0}", "vocab"},
		{"{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\", 0], [\"b\"]]}", "Entry 1"},
		{"{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\", \"0\"]]}", "Entry 0"},
		{"{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[1, 0]]}", "Entry 0"},
		{"{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [\"ab\"]}", "Entry 0"},
		{"{\"type\": \"Unigram\", \"unk_id\": 0, \"byte_fallback\": 1, \"vocab\": [[\"a\", 0]]}",
		 "byte_fallback"},
	};
	UimlEnv env = test_env_counting();

	(void) state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		UimlFault fault = {""};
		size_t length;
		void *bytes;

		assert_int_equal(compile(&env, refused[i][0], "", &bytes, &length, &fault), UIML_ECORRUPT);
		assert_non_null(strstr(fault.text, refused[i][1]));
		assert_int_equal(test_env_live(), 0);
	}
}

/* ---------- as multilingual models are put together ---------- */

#define XLM_MODEL                                                                                            \
	"{\"type\": \"Unigram\", \"unk_id\": 3, \"vocab\": [[\"<s>\", 0], [\"<pad>\", 0], [\"</s>\", 0], "       \
	"[\"<unk>\", 0], [\"" BAR "\", -2], [\"" BAR "he\", -3], [\"llo\", -4], [\"" BAR "hello\", -8], "        \
	"[\"" BAR "wor\", -5], [\"ld\", -5], [\"o\", -6], [\"l\", -6], [\"" BAR "a\", -3], [\"b\", -4]]}"

#define XLM_PARTS                                                                                            \
	"\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKC\"}, "                      \
	"{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \" \"}]}, "                   \
	"\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"WhitespaceSplit\"}, "      \
	"{\"type\": \"Metaspace\", \"replacement\": \"" BAR "\", \"prepend_scheme\": \"always\"}]}, "

/* Each word by itself, with a bar; -3 - 4 is above -8, so hello is two tokens. */
static void
cuts_words_with_bars(void **state)
{
	(void) state;
	check(XLM_MODEL, XLM_PARTS, "hello   world", BAR "he llo " BAR "wor ld");
	check(XLM_MODEL, XLM_PARTS, " hello\tx", BAR "he llo " BAR " <unk>");
	check(XLM_MODEL, XLM_PARTS, "xab", BAR " <unk> b");
	check(XLM_MODEL, XLM_PARTS, "a a" BAR "ab", BAR "a " BAR "a " BAR "a b");
	check(XLM_MODEL, XLM_PARTS, "\xEF\xBD\x81\xEF\xBD\x82", BAR "a b");
	check(XLM_MODEL, XLM_PARTS, "   ", "");
}

#define FIRST_PARTS(normalizer)                                                                              \
	"\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [" normalizer "]}, "                          \
	"\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"" BAR                                   \
	"\", \"prepend_scheme\": \"first\", \"split\": false}, "

/* The first piece is one that begins where the text began, before normalizers took anything away. */
static void
bars_where_a_text_begins(void **state)
{
	const char *strip = FIRST_PARTS("{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}");
	const char *nmt = FIRST_PARTS("{\"type\": \"Nmt\"}, {\"type\": \"Lowercase\"}");
	const char *runs =
		FIRST_PARTS("{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"x+\"}, \"content\": \"a\"}, "
					"{\"type\": \"Replace\", \"pattern\": {\"String\": \"yy\"}, \"content\": \"a\"}, "
					"{\"type\": \"Replace\", \"pattern\": {\"String\": \"z\"}, \"content\": \"\"}");

	(void) state;
	check(XLM_MODEL, strip, "ab ", BAR "a b");
	check(XLM_MODEL, strip, " b", "b");
	check(XLM_MODEL, nmt, "AB\x01", BAR "a b");
	check(XLM_MODEL, nmt,
		  "\x01"
		  "b",
		  "b");
	check(XLM_MODEL, runs, "xb", BAR "a b");
	check(XLM_MODEL, runs, "xxb", "<unk> b");
	check(XLM_MODEL, runs, "bxx", BAR " b <unk>");
	check(XLM_MODEL, runs, "yyb", "<unk> b");
	check(XLM_MODEL, runs, "zb", "b");
	check(XLM_MODEL, runs, "bz", BAR " b");
}

/* Thirty steps that double a text. */
static void
limits_what_normalizers_write(void **state)
{
	char parts[4000] = "\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [";
	UimlEnv env = test_env_counting();
	UimlFault fault = {""};
	UimlTokenizer tokenizer;
	uint32_t ids[10];
	size_t length;
	void *bytes;
	size_t n;

	(void) state;
	for (int i = 0; i < 30; i++)
		snprintf(parts + strlen(parts), sizeof(parts) - strlen(parts),
				 "%s{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"a\"}, \"content\": \"aa\"}",
				 i > 0 ? ", " : "");
	strcat(parts, "]}, ");
	assert_int_equal(compile(&env, XLM_MODEL, parts, &bytes, &length, &fault), UIML_OK);
	assert_int_equal(uiml_tokenizer_open(bytes, length, true, &tokenizer), UIML_OK);
	assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, "a", 1, 10, ids, &n, NULL), UIML_ELIMIT);
	assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, "b", 1, 10, ids, &n, NULL), UIML_OK);
	uiml_free(&env, bytes);
	assert_int_equal(test_env_live(), 0);
}

/* ---------- long texts ---------- */

typedef struct Tokenized
{
	uint32_t *ids;
	size_t n;
} Tokenized;

static Tokenized
tokenize(const UimlEnv *env, const char *model, const char *text, size_t length, UimlStatus *status)
{
	Tokenized result = {malloc((length + 1) * sizeof(uint32_t)), 0};
	UimlFault fault = {""};
	UimlTokenizer tokenizer;
	size_t total;
	size_t bytes_length;
	void *bytes;

	assert_int_equal(compile(env, model, "", &bytes, &bytes_length, &fault), UIML_OK);
	assert_int_equal(uiml_tokenizer_open(bytes, bytes_length, false, &tokenizer), UIML_OK);
	*status = uiml_tokenizer_run(env, &tokenizer, text, length, length + 1, result.ids, &result.n, &total);
	uiml_free(env, bytes);
	return result;
}

/* Tokens of one to three letters a, with which ways meet after a while. */
#define LETTERS_MODEL                                                                                        \
	"{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"u\", -20], [\"a\", -3.25], [\"aa\", -4.5], "      \
	"[\"aaa\", -7], [\"b\", -2], [\"ab\", -4.75], [\"ba\", -4.25], [\"bb\", -5.5], [\"abab\", -7.125]]}"

/* The same by a table of the whole text, in the same order. */
static Tokenized
tokenize_plainly(const char *text, size_t length)
{
	static const struct
	{
		const char *token;
		double score;
	} vocab[] = {{"u", -20},    {"a", -3.25},  {"aa", -4.5}, {"aaa", -7},     {"b", -2},
				 {"ab", -4.75}, {"ba", -4.25}, {"bb", -5.5}, {"abab", -7.125}};
	double *best = malloc((length + 5) * sizeof(*best));
	uint32_t *last = calloc(length + 5, sizeof(*last));
	Tokenized result = {malloc((length + 1) * sizeof(uint32_t)), 0};

	best[0] = 0;
	for (size_t at = 0; at < length; at++)
	{
		for (size_t n = 1; n <= 4 && n <= length - at; n++)
		{
			for (uint32_t id = 1; id < 9; id++)
			{
				if (strlen(vocab[id].token) != n || memcmp(vocab[id].token, text + at, n) != 0)
					continue;
				if (last[at + n] == 0 || best[at] + vocab[id].score > best[at + n])
				{
					best[at + n] = best[at] + vocab[id].score;
					last[at + n] = id;
				}
			}
		}
	}
	for (size_t at = length; at > 0; at -= strlen(vocab[last[at]].token))
		result.ids[length - result.n++] = last[at];
	memmove(result.ids, result.ids + length + 1 - result.n, result.n * sizeof(*result.ids));
	free(best);
	free(last);
	return result;
}

static void
long_texts_are_settled_in_pieces(void **state)
{
	(void) state;
	for (int kind = 0; kind < 3; kind++)
	{
		const size_t length = 100001;
		TestEnvMeter meter = {0};
		UimlEnv env = test_env_metered(&meter);
		char *text = malloc(length);
		Tokenized expected;
		Tokenized got;
		UimlStatus status;
		UimlRng rng;

		uiml_rng_init(&rng, 9 + (uint64_t) kind);
		for (size_t i = 0; i < length; i++)
			text[i] = uiml_rng_below(&rng, 10) < (kind == 0 ? 5u : kind == 1 ? 9u : 10u) ? 'a' : 'b';
		expected = tokenize_plainly(text, length);
		got = tokenize(&env, LETTERS_MODEL, text, length, &status);
		assert_int_equal(status, UIML_OK);
		assert_int_equal(got.n, expected.n);
		assert_memory_equal(got.ids, expected.ids, got.n * sizeof(*got.ids));
		/* sixteen bytes a position, but for what was settled */
		assert_true(meter.peak < 400000);
		free(got.ids);
		free(expected.ids);
		free(text);
	}
}

/* A token of two letters: ways to odd and to even places never meet. */
#define PAIRS_MODEL                                                                                          \
	"{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"u\", -50], [\"a\", -50], [\"aa\", -1]]}"

/* Beyond four million positions that is an error, not memory without end. */
static void
limits_what_it_holds(void **state)
{
	const size_t length = 5000000;
	TestEnvMeter meter = {0};
	UimlEnv env = test_env_metered(&meter);
	char *text = malloc(length);
	UimlStatus status;
	Tokenized got;

	(void) state;
	memset(text, 'a', length);
	got = tokenize(&env, PAIRS_MODEL, text, length, &status);
	assert_int_equal(status, UIML_ELIMIT);
	assert_true(meter.peak < 200000000);
	free(got.ids);
	free(text);
}

/* ---------- a real model ---------- */

static char *
read_file(const char *folder, const char *name, size_t *length)
{
	char path[1000];
	FILE *file;
	char *bytes = NULL;

	snprintf(path, sizeof(path), "%s/models/model2vec-tiny/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL)
		return NULL;
	fseek(file, 0, SEEK_END);
	*length = (size_t) ftell(file);
	rewind(file);
	bytes = malloc(*length + 1);
	assert_int_equal(fread(bytes, 1, *length, file), *length);
	bytes[*length] = '\0';
	fclose(file);
	return bytes;
}

/* A line of reference.jsonl. */
static void
check_reference(const UimlTokenizer *tokenizer, const char *line, size_t length)
{
	UimlEnv env = uiml_env_malloc();
	UimlFault fault = {""};
	const json_t *text;
	const json_t *expected;
	uint32_t *ids;
	json_t *root;
	size_t room;
	size_t n;

	assert_int_equal(uiml_json_parse(&env, "reference.jsonl", line, length, &root, &fault), UIML_OK);
	text = json_object_get(root, "text");
	expected = json_object_get(root, "ids");
	room = json_array_size(expected) + 10;
	ids = malloc(room * sizeof(*ids));
	assert_int_equal(uiml_tokenizer_run(&env, tokenizer, json_string_value(text), json_string_length(text),
										room, ids, &n, NULL),
					 UIML_OK);
	assert_int_equal(n, json_array_size(expected));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(ids[i], json_integer_value(json_array_get(expected, i)));
	free(ids);
	json_decref(root);
}

static void
ids_of_a_real_model(void **state)
{
	const char *shared = getenv("UIML_SHARED");
	UimlEnv env = test_env_counting();
	UimlFault fault = {""};
	UimlTokenizer tokenizer;
	size_t json_length;
	size_t lines_length;
	size_t length;
	size_t n = 0;
	void *bytes;
	char *json = read_file(shared != NULL ? shared : "../shared", "tokenizer.json", &json_length);
	char *lines = read_file(shared != NULL ? shared : "../shared", "reference.jsonl", &lines_length);

	(void) state;
	if (json == NULL || lines == NULL)
	{
		free(json);
		free(lines);
		skip();
	}
	assert_int_equal(uiml_tokenizer_compile(&env, json, json_length, &bytes, &length, &fault), UIML_OK);
	assert_int_equal(uiml_tokenizer_open(bytes, length, true, &tokenizer), UIML_OK);
	for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n"))
	{
		check_reference(&tokenizer, line, strlen(line));
		n++;
	}
	assert_int_equal(n, 219);
	uiml_free(&env, bytes);
	free(lines);
	free(json);
}

/* ---------- resources ---------- */

/* Compiles and runs; the ids must be right where nothing failed. */
static UimlStatus
everything(const UimlEnv *env)
{
	static const uint32_t expected[] = {5, 6, 8, 9, 4, 3};
	UimlFault fault = {""};
	UimlTokenizer tokenizer;
	uint32_t ids[10];
	void *bytes = NULL;
	size_t length;
	size_t n;
	UimlStatus status = compile(env, XLM_MODEL, XLM_PARTS, &bytes, &length, &fault);

	if (status != UIML_OK)
		return status;
	assert_int_equal(uiml_tokenizer_open(bytes, length, true, &tokenizer), UIML_OK);
	status = uiml_tokenizer_run(env, &tokenizer, "hello  world \xC3\xA9", 15, 10, ids, &n, NULL);
	uiml_free(env, bytes);
	if (status == UIML_OK)
	{
		assert_int_equal(n, 6);
		assert_memory_equal(ids, expected, sizeof(expected));
	}
	return status;
}

static void
survives_running_out_of_memory(void **state)
{
	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = everything(&env);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
}

static void
can_be_interrupted(void **state)
{
	const size_t length = 300000;
	char *text = malloc(length);

	(void) state;
	memset(text, 'a', length);
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = everything(&env);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	for (long k = 1;; k++)
	{
		long countdown = 1 << 30;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlFault fault = {""};
		UimlTokenizer tokenizer;
		uint32_t id;
		size_t bytes_length;
		size_t total;
		void *bytes;
		size_t n;
		UimlStatus status;

		assert_int_equal(compile(&env, LETTERS_MODEL, "", &bytes, &bytes_length, &fault), UIML_OK);
		assert_int_equal(uiml_tokenizer_open(bytes, bytes_length, true, &tokenizer), UIML_OK);
		countdown = k;
		status = uiml_tokenizer_run(&env, &tokenizer, text, length, 1, &id, &n, &total);
		uiml_free(&env, bytes);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
		{
			assert_true(k > 10);
			break;
		}
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_tokens),
		cmocka_unit_test(finds_many_tokens),
		cmocka_unit_test(damaged_tries_are_safe),
		cmocka_unit_test(answers_of_the_library),
		cmocka_unit_test(falls_back_to_bytes),
		cmocka_unit_test(ties_and_duplicates),
		cmocka_unit_test(unknown_characters_may_be_a_token),
		cmocka_unit_test(refuses_models),
		cmocka_unit_test(cuts_words_with_bars),
		cmocka_unit_test(bars_where_a_text_begins),
		cmocka_unit_test(limits_what_normalizers_write),
		cmocka_unit_test(long_texts_are_settled_in_pieces),
		cmocka_unit_test(limits_what_it_holds),
		cmocka_unit_test(ids_of_a_real_model),
		cmocka_unit_test(survives_running_out_of_memory),
		cmocka_unit_test(can_be_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
