/*
 * test_bpe.c
 *	  The BPE model and the pre-tokenizer ByteLevel beside the tests of the tokenizers library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "core/tokenizer_parts.h"
#include "testenv.h"

/* ---------- helpers ---------- */

static UimlStatus
compile(const UimlEnv *env, const char *model, const char *more, void **bytes, size_t *length,
		UimlFault *fault)
{
	size_t size = strlen(model) + strlen(more) + 200;
	char *json = malloc(size);
	UimlStatus status;

	snprintf(json, size, "{\"version\": \"1.0\", \"added_tokens\": [], %s\"model\": %s}", more, model);
	status = uiml_tokenizer_compile(env, json, strlen(json), bytes, length, fault);
	free(json);
	return status;
}

/* That the tokens of a text are those given, joined by spaces. */
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
	uiml_free(&env, bytes);
	assert_int_equal(test_env_live(), 0);
}

/* ---------- merging ---------- */

#define UNRELATED                                                                                            \
	"{\"type\": \"BPE\", \"vocab\": {\"u\": 0, \"n\": 1, \"r\": 2, \"e\": 3, \"l\": 4, \"a\": 5, \"t\": 6, " \
	"\"d\": 7, \"re\": 8, \"at\": 9, \"ed\": 10, \"un\": 11, \"ated\": 12, \"rel\": 13, \"related\": 14, "   \
	"\"unrelated\": 15}, \"merges\": [\"r e\", \"a t\", \"e d\", \"u n\", \"at ed\", \"re l\", "             \
	"\"rel ated\", \"un related\"]}"

#define WITHOUT_MERGES(options)                                                                              \
	"{\"type\": \"BPE\", \"unk_token\": \"<unk>\", " options                                                 \
	"\"vocab\": {\"<unk>\": 0, \"a\": 1, \"b\": 2}, \"merges\": []}"

#define BELIRTILEN(options)                                                                                  \
	"{\"type\": \"BPE\", " options "\"vocab\": {\".:.:\": 0, \"Ġbelirtilen\": 1, \".\": 2, \":\": 3, "      \
	"\"bel\": 4, \"irtilen\": 5, \"Ġ\": 6, \".:\": 7, \"belirtilen\": 8, \".:.\": 9, \"be\": 10, "          \
	"\"l\": 11, \"ir\": 12, \"ti\": 13, \"en\": 14, \"irtil\": 15, \"irti\": 16, \"i\": 17, \"r\": 18, "     \
	"\"t\": 19, \"b\": 20, \"e\": 21, \"n\": 22}, \"merges\": [[\".\", \":\"], [\"b\", \"e\"], "             \
	"[\"be\", \"l\"], [\"i\", \"r\"], [\"t\", \"i\"], [\"ir\", \"ti\"], [\"e\", \"n\"], [\"irti\", \"l\"]]}"

static void
answers_of_the_library(void **state)
{
	(void) state;
	check(UNRELATED, "", "unrelated", "unrelated");
	check(UNRELATED, "", "unrelate", "un rel at e");
	check(UNRELATED, "", "", "");
	check(UNRELATED, "", "xrex", "re"); /* without an unknown token characters are dropped */
	check(WITHOUT_MERGES(""), "", "c", "<unk>");
	check(WITHOUT_MERGES(""), "", "cc", "<unk> <unk>");
	check(WITHOUT_MERGES(""), "", "accb", "a <unk> <unk> b");
	check(WITHOUT_MERGES("\"fuse_unk\": true, "), "", "cc", "<unk>");
	check(WITHOUT_MERGES("\"fuse_unk\": true, "), "", "accb", "a <unk> b");
	check(BELIRTILEN("\"ignore_merges\": true, "), "", ".:.:", ".:.:");
	check(BELIRTILEN("\"ignore_merges\": true, "), "", "Ġbelirtilen", "Ġbelirtilen");
	check(BELIRTILEN(""), "", ".:.:", ".: .:");
	check(BELIRTILEN(""), "", "Ġbelirtilen", "Ġ bel irtil en");
}

static void
falls_back_to_bytes(void **state)
{
	const char *model =
		"{\"type\": \"BPE\", \"unk_token\": \"<unk>\", \"byte_fallback\": true, \"vocab\": "
		"{\"<unk>\": 0, \"<0x61>\": 1, \"<0x0A>\": 2, \"<0xC3>\": 3, \"<0xA9>\": 4}, \"merges\": []}";

	(void) state;
	check(model, "", "c", "<unk>");
	check(model, "", "a", "<0x61>");
	check(model, "", "\n", "<0x0A>");
	check(model, "", "\xC3\xA9\xC3\xA8", "<0xC3> <0xA9> <unk>");
	check(model, "", "c\xC3\xA9", "<0xC3> <0xA9> <unk>"); /* the library's order */
}

/* The definition, one merge after the other, where every token is made by one pair only. */
static size_t
merge_plainly(const uint32_t (*made_of)[2], uint32_t n_letters, uint32_t n_tokens, uint32_t *word, size_t n)
{
	for (;;)
	{
		uint32_t best = n_tokens;
		size_t at = 0;

		for (size_t i = 0; i + 1 < n; i++)
		{
			for (uint32_t token = n_letters; token < best; token++)
			{
				if (made_of[token][0] == word[i] && made_of[token][1] == word[i + 1])
				{
					best = token;
					at = i;
				}
			}
		}
		if (best == n_tokens)
			return n;
		word[at] = best;
		memmove(word + at + 1, word + at + 2, (n - at - 2) * sizeof(*word));
		n--;
	}
}

enum
{
	LETTERS = 3,
	TOKENS = 60
};

/* Learns tokens at random: a pair whose string is new. */
static size_t
random_tokens(UimlRng *rng, char (*token)[64], uint32_t (*made_of)[2])
{
	size_t n = LETTERS;

	for (int i = 0; i < LETTERS; i++)
		snprintf(token[i], 64, "%c", 'a' + i);
	while (n < TOKENS)
	{
		uint32_t left = (uint32_t) uiml_rng_below(rng, n);
		uint32_t right = (uint32_t) uiml_rng_below(rng, n);
		bool known = strlen(token[left]) + strlen(token[right]) > 12;

		if (!known)
			snprintf(token[n], 64, "%.20s%.20s", token[left], token[right]);
		for (size_t i = 0; i < n && !known; i++)
			known = strcmp(token[i], token[n]) == 0;
		if (known)
			continue;
		made_of[n][0] = left;
		made_of[n][1] = right;
		n++;
	}
	return n;
}

static void
merges_as_defined(void **state)
{
	UimlEnv env = test_env_counting();
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 3);
	for (int round = 0; round < 20; round++)
	{
		char token[TOKENS][64];
		uint32_t made_of[TOKENS][2] = {{0}};
		char model[8000] = "{\"type\": \"BPE\", \"vocab\": {";
		size_t n = random_tokens(&rng, token, made_of);
		size_t at = strlen(model);
		UimlFault fault = {""};
		UimlTokenizer tokenizer;
		size_t length;
		void *bytes;

		for (size_t i = 0; i < n; i++)
			at += (size_t) snprintf(model + at, sizeof(model) - at, "%s\"%s\": %zu", i > 0 ? ", " : "",
									token[i], i);
		at += (size_t) snprintf(model + at, sizeof(model) - at, "}, \"merges\": [");
		for (size_t i = LETTERS; i < n; i++)
			at += (size_t) snprintf(model + at, sizeof(model) - at, "%s\"%s %s\"", i > LETTERS ? ", " : "",
									token[made_of[i][0]], token[made_of[i][1]]);
		snprintf(model + at, sizeof(model) - at, "]}");
		assert_int_equal(compile(&env, model, "", &bytes, &length, &fault), UIML_OK);
		assert_int_equal(uiml_tokenizer_open(bytes, length, true, &tokenizer), UIML_OK);
		for (int word = 0; word < 200; word++)
		{
			char text[100];
			uint32_t expected[100];
			uint32_t ids[100];
			size_t letters = (size_t) uiml_rng_below(&rng, 100);
			size_t n_expected;
			size_t n_ids;

			for (size_t i = 0; i < letters; i++)
			{
				expected[i] = (uint32_t) uiml_rng_below(&rng, LETTERS);
				text[i] = (char) ('a' + expected[i]);
			}
			n_expected =
				merge_plainly((const uint32_t(*)[2]) made_of, LETTERS, (uint32_t) n, expected, letters);
			assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, text, letters, 100, ids, &n_ids, NULL),
							 UIML_OK);
			assert_int_equal(n_ids, n_expected);
			if (n_ids > 0)
				assert_memory_equal(ids, expected, n_ids * sizeof(*ids));
		}
		uiml_free(&env, bytes);
	}
}

static void
refuses_models(void **state)
{
	static const char *const refused[][2] = {
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0}}", "merges"},
		{"{\"type\": \"BPE\", \"merges\": []}", "vocab"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a\"]}", "Merge 0"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a a a\"]}", "Merge 0"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [[\"a\"]]}", "Merge 0"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [1]}", "Merge 0"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a a\"]}", "not in the vocabulary"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [\"#version: 0.2\", \"a a\", \"a "
		 "b\"]}",
		 "Merge 2"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}", "no id"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"unk_token\": \"u\"}", "unknown token"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"dropout\": 0.1}", "dropout"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"end_of_word_suffix\": \"</w>\"}",
		 "suffix"},
		{"{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"fuse_unk\": 1}", "fuse_unk"},
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

/* ---------- ByteLevel ---------- */

typedef struct Joined
{
	char text[2000];
	size_t length;
} Joined;

static UimlStatus
join_piece(void *ctx, const char *piece, size_t length, bool at_start)
{
	Joined *joined = ctx;

	(void) at_start;
	assert_true(length > 0 && joined->length + length + 3 < sizeof(joined->text));
	joined->length += (size_t) snprintf(joined->text + joined->length, sizeof(joined->text) - joined->length,
										"%s%.*s", joined->length > 0 ? "|" : "", (int) length, piece);
	return UIML_OK;
}

static void
check_cut(const char *options, const char *text, const char *expected)
{
	UimlEnv env = test_env_counting();
	UimlTokenizing run = {.env = &env};
	UimlFault fault = {""};
	UimlSteps steps = {0};
	Joined joined = {.length = 0};
	char json[200];
	json_t *root;
	UimlStep step;

	snprintf(json, sizeof(json), "{\"type\": \"ByteLevel\", %s\"trim_offsets\": true}", options);
	assert_int_equal(uiml_json_parse(&env, "test", json, strlen(json), &root, &fault), UIML_OK);
	assert_int_equal(uiml_pre_tokenizer_byte_level.compile(&env, root, &steps, &fault), UIML_OK);
	json_decref(root);
	assert_true(uiml_steps_last(&steps, &step) && uiml_pre_tokenizer_byte_level.check(&step));
	assert_int_equal(
		uiml_pre_tokenizer_byte_level.run(&run, &step, text, strlen(text), true, join_piece, &joined),
		UIML_OK);
	assert_string_equal(joined.text, expected);
	uiml_tokenizing_end(&run);
	uiml_buffer_free(&env, &steps.buffer);
	assert_int_equal(test_env_live(), 0);
}

#define NO_PREFIX "\"add_prefix_space\": false, "
#define PREFIX    "\"add_prefix_space\": true, "

/* The first ones are the tests of the library itself. */
static void
cuts_bytes(void **state)
{
	(void) state;
	check_cut(NO_PREFIX, "Hello my friend, how is your day going?",
			  "Hello|Ġmy|Ġfriend|,|Ġhow|Ġis|Ġyour|Ġday|Ġgoing|?");
	check_cut(NO_PREFIX "\"use_regex\": false, ", "Hello my friend", "HelloĠmyĠfriend");
	check_cut(PREFIX "\"use_regex\": false, ", "Hello my", "ĠHelloĠmy");
	check_cut(PREFIX, "Hello my friend, how", "ĠHello|Ġmy|Ġfriend|,|Ġhow");
	check_cut(PREFIX, " Hello my friend, how", "ĠHello|Ġmy|Ġfriend|,|Ġhow");
	check_cut(NO_PREFIX, "Hello there\nHello there", "Hello|Ġthere|Ċ|Hello|Ġthere");
	check_cut(NO_PREFIX, "Hello there       dear", "Hello|Ġthere|ĠĠĠĠĠĠ|Ġdear");
	check_cut(NO_PREFIX, "i⭢j", "i|âŃ¢|j");
}

/* By the expression's alternatives. */
static void
cuts_by_the_expression(void **state)
{
	(void) state;
	check_cut(NO_PREFIX, "it's I'll they've we're I'd I'm don't",
			  "it|'s|ĠI|'ll|Ġthey|'ve|Ġwe|'re|ĠI|'d|ĠI|'m|Ġdon|'t");
	check_cut(NO_PREFIX, "IT'S 'tis '' 'x", "IT|'|S|Ġ'|tis|Ġ''|Ġ'|x");
	check_cut(NO_PREFIX, "'s'sx", "'s|'s|x");
	check_cut(NO_PREFIX, "a1b22 3.5 $4", "a|1|b|22|Ġ3|.|5|Ġ$|4");
	check_cut(NO_PREFIX, "a  ", "a|ĠĠ");
	check_cut(NO_PREFIX, "a \n b", "a|ĠĊ|Ġb");
	check_cut(NO_PREFIX, "a\n\nb", "a|Ċ|Ċ|b");
	check_cut(NO_PREFIX, "a \tb", "a|Ġ|ĉ|b");
	check_cut(NO_PREFIX,
			  "a\xC2\xA0"
			  "b",
			  "a|Âł|b");
	check_cut(NO_PREFIX, "\xE4\xB8\xAD\xE6\x96\x87\xEF\xBC\x8C\xC2\xB2", "ä¸Ńæĸĩ|ï¼Į|Â²");
	/* the space that is put before a text is part of what it begins with */
	check_cut(PREFIX, "\nb", "Ġ|Ċ|b");
	check_cut(PREFIX, "\n\nb", "ĠĊ|Ċ|b");
	check_cut(PREFIX, "\n", "ĠĊ");
	check_cut(PREFIX, "'s", "Ġ'|s");
	check_cut(PREFIX, " ", "Ġ");
	check_cut(NO_PREFIX, "\x7F\xC2\xAD\x01", "ġÂŃā");
}

/* ---------- as RoBERTa is put together ---------- */

#define ROBERTA_PARTS                                                                                        \
	"\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true}, "    \
	"\"post_processor\": {\"type\": \"RobertaProcessing\", \"sep\": [\"</s>\", 2], \"cls\": [\"<s>\", 0], "  \
	"\"trim_offsets\": true, \"add_prefix_space\": false}, "

#define ROBERTA_MODEL                                                                                          \
	"{\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, \"continuing_subword_prefix\": \"\", "        \
	"\"end_of_word_suffix\": \"\", \"fuse_unk\": false, \"vocab\": {\"<s>\": 0, \"<pad>\": 1, \"</s>\": 2, "   \
	"\"Ġ\": 3, \"l\": 4, \"o\": 5, \"w\": 6, \"e\": 7, \"r\": 8, \"Ġl\": 9, \"Ġlo\": 10, \"Ġlow\": 11, "   \
	"\"er\": 12, \"lo\": 13, \"Ã\": 14, \"©\": 15, \"Ã©\": 16}, \"merges\": [\"#version: 0.2\", \"e r\", " \
	"\"Ġ l\", \"Ġl o\", \"Ġlo w\", \"l o\", \"Ã ©\"]}"

static void
tokenizes_as_roberta(void **state)
{
	(void) state;
	check(ROBERTA_MODEL, ROBERTA_PARTS, "lower low", "<s> lo w er Ġlow </s>");
	check(ROBERTA_MODEL, ROBERTA_PARTS, "\xC3\xA9 lower", "<s> Ã© Ġlow er </s>");
	check(ROBERTA_MODEL, ROBERTA_PARTS, "", "<s> </s>");
}

/* ---------- resources ---------- */

static UimlStatus
everything(const UimlEnv *env, const char *text, size_t length)
{
	UimlFault fault = {""};
	UimlTokenizer tokenizer;
	uint32_t ids[10];
	void *bytes = NULL;
	size_t bytes_length;
	size_t total;
	size_t n;
	UimlStatus status = compile(env, ROBERTA_MODEL, ROBERTA_PARTS, &bytes, &bytes_length, &fault);

	if (status != UIML_OK)
		return status;
	assert_int_equal(uiml_tokenizer_open(bytes, bytes_length, true, &tokenizer), UIML_OK);
	status = uiml_tokenizer_run(env, &tokenizer, text, length, 10, ids, &n, &total);
	uiml_free(env, bytes);
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
		UimlStatus status = everything(&env, "lower low", 9);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
}

static void
can_be_interrupted(void **state)
{
	const size_t length = 200000;
	char *text = malloc(length);

	(void) state;
	for (int kind = 0; kind < 2; kind++)
	{
		for (size_t i = 0; i < length; i++)
			text[i] = kind == 0 ? "low er"[i % 6] : "lo"[i % 2];
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = test_env_interrupting(&countdown);
			UimlStatus status = everything(&env, text, length);

			assert_int_equal(test_env_live(), 0);
			if (status == UIML_OK)
			{
				assert_true(k > 10);
				break;
			}
			assert_int_equal(status, UIML_EINTERRUPTED);
		}
	}
	free(text);
}

/* A word without an end is an error. */
static void
limits_words(void **state)
{
	const size_t length = ((size_t) 1 << 21) + 1;
	UimlEnv env = uiml_env_malloc();
	char *text = malloc(length);

	(void) state;
	memset(text, 'l', length);
	assert_int_equal(everything(&env, text, length), UIML_ELIMIT);
	assert_int_equal(everything(&env, text, length - 1), UIML_OK);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_of_the_library),
		cmocka_unit_test(falls_back_to_bytes),
		cmocka_unit_test(merges_as_defined),
		cmocka_unit_test(refuses_models),
		cmocka_unit_test(cuts_bytes),
		cmocka_unit_test(cuts_by_the_expression),
		cmocka_unit_test(tokenizes_as_roberta),
		cmocka_unit_test(survives_running_out_of_memory),
		cmocka_unit_test(can_be_interrupted),
		cmocka_unit_test(limits_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
