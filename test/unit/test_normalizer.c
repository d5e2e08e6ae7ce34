/*
 * test_normalizer.c
 *	  Normalizers and pre-tokenizers of tokenizer.json, beside known answers of the tokenizers library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/tokenizer_parts.h"
#include "testenv.h"

/* ---------- helpers ---------- */

/* Compiles the object, or the array of objects, of some JSON; "Sequence" is the frame's. */
static UimlStatus
compile_normalizers(const UimlEnv *env, const char *json, UimlSteps *steps, UimlFault *fault)
{
	json_t *root;
	UimlStatus status = uiml_json_parse(env, "test", json, strlen(json), &root, fault);
	size_t n;

	if (status != UIML_OK)
		return status;
	n = json_is_array(root) ? json_array_size(root) : 1;
	for (size_t i = 0; i < n && status == UIML_OK; i++)
	{
		const json_t *object = json_is_array(root) ? json_array_get(root, i) : root;
		const char *type = json_string_value(json_object_get(object, "type"));

		assert_non_null(uiml_normalizer_named(type));
		status = uiml_normalizer_named(type)->compile(env, object, steps, fault);
	}
	json_decref(root);
	return status;
}

/* The normalized text, terminated, to be freed by free; NULL with a status other than UIML_OK. */
static char *
normalize(const UimlEnv *env, const char *json, const char *text, size_t length, size_t *out_length,
		  UimlStatus *status)
{
	UimlSteps steps = {0};
	UimlTokenizing run = {.env = env};
	UimlFault fault = {""};
	char *copy = NULL;
	size_t at = 0;

	*status = compile_normalizers(env, json, &steps, &fault);
	if (*status == UIML_OK)
		*status = uiml_tokenizing_normalize(&run, steps.buffer.bytes, steps.buffer.length, steps.n, &at,
											&text, &length);
	if (*status == UIML_OK)
	{
		copy = calloc(length + 1, 1);
		if (length > 0)
			memcpy(copy, text, length);
		*out_length = length;
	}
	uiml_tokenizing_end(&run);
	uiml_buffer_free(env, &steps.buffer);
	return copy;
}

static void
check_bytes(const char *json, const char *text, size_t length, const char *expected, size_t expected_length)
{
	UimlEnv env = test_env_counting();
	UimlStatus status;
	size_t n;
	char *got = normalize(&env, json, text, length, &n, &status);

	assert_int_equal(status, UIML_OK);
	assert_string_equal(got, expected);
	assert_int_equal(n, expected_length);
	assert_int_equal(test_env_live(), 0);
	free(got);
}

static void
check(const char *json, const char *text, const char *expected)
{
	check_bytes(json, text, strlen(text), expected, strlen(expected));
}

static void
check_refused(const char *json, const char *fault)
{
	UimlEnv env = test_env_counting();
	UimlSteps steps = {0};
	UimlFault told = {""};

	assert_int_equal(compile_normalizers(&env, json, &steps, &told), UIML_ECORRUPT);
	assert_non_null(strstr(told.text, fault));
	uiml_buffer_free(&env, &steps.buffer);
	assert_int_equal(test_env_live(), 0);
}

#define TYPE(name) "{\"type\": \"" name "\"}"
#define REPLACE(pattern, content)                                                                            \
	"{\"type\": \"Replace\", \"pattern\": {\"String\": \"" pattern "\"}, \"content\": \"" content "\"}"
#define REGEX(pattern, content)                                                                              \
	"{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"" pattern "\"}, \"content\": \"" content "\"}"

/* ---------- replacing ---------- */

static void
replaces_strings(void **state)
{
	(void) state;
	check(REPLACE("''", "\\\""), "This is a ''test''", "This is a \"test\"");
	check(REPLACE("aa", "b"), "aaaaa", "bba");
	check(REPLACE("ab", ""), "abcabab", "c");
	check(REPLACE("ab", "abab"), "ab", "abab");
	check(REPLACE("\xE2\x96\x81", " "),
		  "\xE2\x96\x81"
		  "a\xE2\x96\x81\xE2\x96\x82",
		  " a \xE2\x96\x82");
	check(REPLACE("abc", "x"), "ab", "ab");
	check(REPLACE("abc", "x"), "", "");
}

/* A run of steps for one character each is one table, and means the same. */
static void
replaces_characters_at_once(void **state)
{
	(void) state;
	check(REPLACE("!", " ! "), "a!b!!", "a ! b !  ! ");
	check("[" REPLACE("a", "b") ", " REPLACE("b", "c") "]", "ab", "cc");
	check("[" REPLACE("b", "c") ", " REPLACE("a", "b") "]", "ab", "bc");
	check("[" REPLACE("a", "aba") ", " REPLACE("b", "") ", " REPLACE("a", "x") "]", "ab", "xx");
	check("[" REPLACE("a", "") ", " REPLACE("a", "x") "]", "aba", "b");
	check("[" REPLACE("a", "b") ", " REPLACE("a", "x") "]", "ab", "bb");
	check("[" REPLACE("a", "1") ", " REPLACE("1b", "2") ", " REPLACE("2", "3") "]", "ab2", "33");
	check("[" REPLACE("a", "\xC3\xA9") ", " REPLACE("c", "") "]",
		  "a\xC3\xA0"
		  "c",
		  "\xC3\xA9\xC3\xA0");
}

static void
makes_one_step_of_characters(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlSteps steps = {0};
	UimlFault fault = {""};

	(void) state;
	assert_int_equal(compile_normalizers(&env,
										 "[" REPLACE("!", " ! ") ", " REPLACE("?", " ? ") ", " REPLACE(
											 ".", " . ") ", " REGEX("\\\\s+", " ") "]",
										 &steps, &fault),
					 UIML_OK);
	assert_int_equal(steps.n, 2);
	uiml_buffer_free(&env, &steps.buffer);
}

/* Contents that contain their key would double with each step, so the table ends somewhere. */
static void
bounds_tables(void **state)
{
	char json[4096] = "[";
	size_t length = 1;

	(void) state;
	for (int i = 0; i < 17; i++)
		length += (size_t) snprintf(json + length, sizeof(json) - length, "%s" REPLACE("a", "aa"),
									i > 0 ? ", " : "");
	snprintf(json + length, sizeof(json) - length, ", " REGEX("a+", "x") "]");
	check(json, "bab", "bxb");
}

static void
replaces_runs(void **state)
{
	(void) state;
	check(REGEX("\\\\s+", " "), "This     is   a\t\n test", "This is a test");
	check(REGEX("\\\\s+", " "),
		  "  a\xC2\xA0\xE3\x80\x80"
		  "b ",
		  " a b ");
	check(REGEX("\\\\s", "_"), "a \tb", "a__b");
	check(REGEX(" {2,}", " "), "a  b c   \td ", "a b c \td ");
	check(REGEX(" {2,}", "\xE2\x96\x81"), "a  b",
		  "a\xE2\x96\x81"
		  "b");
	check(REGEX("\\\\s{3,}", ""), "a  b   c", "a  bc");
	check(REGEX("x+", "y"), "xxaXx", "yaXy");
	check_refused(REGEX("a|b", "y"), "regular expression");
	check_refused(REGEX("\\\\s*", "y"), "regular expression");
	check_refused(REGEX(" {2,3}", "y"), "regular expression");
	check_refused(REGEX(" {0,}", "y"), "regular expression");
	check_refused(REGEX("", "y"), "regular expression");
	check_refused(REGEX("+", "y"), "regular expression");
	check_refused(REPLACE("", "y"), "pattern");
	check_refused("{\"type\": \"Replace\", \"pattern\": {\"String\": \"x\"}}", "content");
}

/* ---------- the ends ---------- */

static void
strips_and_prepends(void **state)
{
	(void) state;
	check("{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}",
		  " \t\xE3\x80\x80 a b\xC2\x85 ", "a b");
	check("{\"type\": \"Strip\", \"strip_left\": false, \"strip_right\": true}", " a ", " a");
	check("{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": false}", " a ", "a ");
	check("{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}", " \n ", "");
	check("{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}", "\xE2\x80\x8B",
		  "\xE2\x80\x8B");
	check("{\"type\": \"Prepend\", \"prepend\": \"\xE2\x96\x81\"}", "a",
		  "\xE2\x96\x81"
		  "a");
	check("{\"type\": \"Prepend\", \"prepend\": \"\xE2\x96\x81\"}", "", "");
	check_refused(TYPE("Prepend"), "prepend");
}

/* ---------- characters ---------- */

static void
maps_characters(void **state)
{
	(void) state;
	check(TYPE("Lowercase"), "ABC \xC3\x89\xCE\xA3\xD0\x96 \xC4\xB0 Ab1",
		  "abc \xC3\xA9\xCF\x83\xD0\xB6 i\xCC\x87 ab1");
	check(TYPE("Nmt"),
		  "a\tb\x01"
		  "c\xEF\xBB\xBF"
		  "d\xE2\x96\x81\x7F\xC2\x9F"
		  "e\xC2\x85\xE2\x80\x8B",
		  "a bc d e\xC2\x85 ");
	check(TYPE("StripAccents"), "e\xCC\x84\xCC\x84\xCC\x84o \xC3\xA9 \xE0\xA4\x95\xE0\xA4\xBF",
		  "eo \xC3\xA9 \xE0\xA4\x95");
	/* a mark since Unicode 10, and one that became a letter in 12 */
	check(TYPE("StripAccents"), "\xE0\xAB\xBA\xE1\xB3\xB2", "\xE0\xAB\xBA");
	check_bytes(TYPE("Lowercase"), "A\0B", 3, "a\0b", 3);
}

static void
normal_forms(void **state)
{
	(void) state;
	check(TYPE("NFKC"), "\xEF\xAC\x81", "fi");
	check(TYPE("NFC"), "\xEF\xAC\x81", "\xEF\xAC\x81");
	check(TYPE("NFD"), "\xC3\xA9\xE1\xBA\xAD",
		  "e\xCC\x81"
		  "a\xCC\xA3\xCC\x82");
	check(TYPE("NFC"),
		  "e\xCC\x81"
		  "a\xCC\x82\xCC\xA3",
		  "\xC3\xA9\xE1\xBA\xAD");
	check(TYPE("NFC"), "a\xCC\xA3\xCC\x82 plain e\xCC\x81!", "\xE1\xBA\xAD plain \xC3\xA9!");
	check(TYPE("NFKD"), "\xEF\xBC\xA1\xC2\xBD\xE2\x80\xA6",
		  "A1\xE2\x81\x84"
		  "2...");
	/* Hangul both ways */
	check(TYPE("NFD"), "\xED\x95\x9C", "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB");
	check(TYPE("NFC"), "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xED\x95\x9C");
	/* a class of its own blocks nothing, the same class does: a, dot above, dot above */
	check(TYPE("NFC"), "a\xCC\x87\xCC\x87", "\xC8\xA7\xCC\x87");
	check(TYPE("NFC"), "a\xCC\x95\xCC\x80", "\xC3\xA0\xCC\x95");
	/* marks without a starter stay, in order */
	check(TYPE("NFC"), "\xCC\x81\xCC\xA3x", "\xCC\xA3\xCC\x81x");
	/* excluded from composition */
	check(TYPE("NFC"), "\xE0\xA5\x98", "\xE0\xA4\x95\xE0\xA4\xBC");
	check(TYPE("NFC"), "", "");
	/* a mark that two starters and nothing else separate: U+09C7 U+09BE compose, both of class 0 */
	check(TYPE("NFC"), "\xE0\xA7\x87\xE0\xA6\xBE", "\xE0\xA7\x8B");
}

/* What T5 and ALBERT do: the tests of the library itself. */
static void
accents_of_the_library(void **state)
{
	const char *json = "[" TYPE("NFKD") ", " TYPE("StripAccents") ", " TYPE("Lowercase") "]";

	(void) state;
	check(json, "Me llam\xC3\xB3", "me llamo");
	check(json, "\xE1\xBA\xAD\xE2\x80\xA6", "a...");
	check(json, "Cụ thể, bạn sẽ tham gia một nhóm các giám đốc điều hành tổ chức",
		  "cu the, ban se tham gia mot nhom cac giam đoc đieu hanh to chuc");
	check(json, "ำน\xE0\xB9\x89ำ3ลำ", "านา3ลา");
	check(json, "这很简单", "这很简单");
}

/* Unicode 9.0 had 2,097 marks, and the library removes these. */
static void
marks_are_of_unicode_9(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t n = 0;
	char *all = malloc(4 * 0x110000);
	size_t length = 0;
	size_t code_points = 0;
	UimlStatus status;
	size_t out_length;
	char *out;

	(void) state;
	for (uint32_t code = 1; code < 0x110000; code++)
	{
		if (code >= 0xD800 && code <= 0xDFFF)
			continue;
		length += uiml_utf8_put((unsigned char *) all + length, code);
		code_points++;
	}
	out = normalize(&env, TYPE("StripAccents"), all, length, &out_length, &status);
	for (size_t at = 0; at < out_length; n++)
		uiml_utf8_next(out, out_length, &at);
	assert_int_equal(code_points - n, 2097);
	free(out);
	free(all);
}

/* Ten thousand marks are no square. */
static void
many_marks(void **state)
{
	const size_t n = 10000;
	char *text = calloc(2 + 4 * n, 1);
	char *expected = calloc(2 + 4 * n, 1);
	size_t length = 0;

	(void) state;
	text[length] = expected[length] = 'x';
	length++;
	for (size_t i = 0; i < n; i++)
	{
		memcpy(text + length, "\xCC\x80\xCC\xA3", 4);
		memcpy(expected + 1 + 2 * i, "\xCC\xA3", 2);
		memcpy(expected + 1 + 2 * n + 2 * i, "\xCC\x80", 2);
		length += 4;
	}
	check_bytes(TYPE("NFD"), text, length, expected, length);
	free(text);
	free(expected);
}

/* ---------- Precompiled ---------- */

/* A double array over keys that are given in order of their bytes. */
typedef struct Trie
{
	uint32_t unit[4096];
	bool used[4096];
	bool base[4096]; /* of one node each: a label says then whose child a unit is */
} Trie;

typedef struct Key
{
	const char *key;
	uint32_t value;
} Key;

/* Places the children of the node at a position: the keys low .. high share depth bytes. */
static void
place_children(Trie *trie, size_t position, const Key *key, size_t low, size_t high, size_t depth)
{
	size_t base = 1;
	bool leaf = key[low].key[depth] == '\0';

	for (;; base++)
	{
		bool free_here = !trie->base[base] && (!leaf || !trie->used[base]);

		for (size_t i = low + leaf; i < high && free_here; i++)
			free_here = !trie->used[base ^ (unsigned char) key[i].key[depth]];
		if (free_here)
			break;
	}
	trie->base[base] = true;
	trie->unit[position] |= (uint32_t) (position ^ base) << 10 | (leaf ? 1u << 8 : 0);
	if (leaf)
	{
		trie->unit[base] = key[low].value | 1u << 31;
		trie->used[base] = true;
	}
	for (size_t i = low + leaf; i < high; i++)
	{
		unsigned char byte = (unsigned char) key[i].key[depth];

		trie->used[base ^ byte] = true;
		trie->unit[base ^ byte] = byte;
	}
	for (size_t i = low + leaf, j; i < high; i = j)
	{
		unsigned char byte = (unsigned char) key[i].key[depth];

		for (j = i; j < high && (unsigned char) key[j].key[depth] == byte; j++)
			;
		place_children(trie, base ^ byte, key, i, j, depth + 1);
	}
}

static size_t
encode_base64(const unsigned char *bytes, size_t n, char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t length = 0;

	for (size_t i = 0; i < n; i += 3)
	{
		uint32_t bits = (uint32_t) bytes[i] << 16 | (i + 1 < n ? (uint32_t) bytes[i + 1] << 8 : 0) |
						(i + 2 < n ? bytes[i + 2] : 0u);

		text[length++] = digits[bits >> 18];
		text[length++] = digits[bits >> 12 & 63];
		text[length++] = i + 1 < n ? digits[bits >> 6 & 63] : '=';
		text[length++] = i + 2 < n ? digits[bits & 63] : '=';
	}
	text[length] = '\0';
	return length;
}

/* {"type": "Precompiled", ...} of keys and the strings that their values point into. */
static char *
precompiled_json(const Key *key, size_t n, const char *strings, size_t strings_size)
{
	static const char begin[] = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"";
	Trie *trie = calloc(1, sizeof(*trie));
	unsigned char *bytes = calloc(1, 4 + sizeof(trie->unit) + strings_size);
	char *json = malloc(2 * (4 + sizeof(trie->unit) + strings_size) + 200);
	size_t length = sizeof(begin) - 1;

	trie->used[0] = true;
	place_children(trie, 0, key, 0, n, 0);
	encoder_store32(bytes, sizeof(trie->unit));
	for (size_t i = 0; i < 4096; i++)
		encoder_store32(bytes + 4 + 4 * i, trie->unit[i]);
	memcpy(bytes + 4 + sizeof(trie->unit), strings, strings_size);
	memcpy(json, begin, length);
	length += encode_base64(bytes, 4 + sizeof(trie->unit) + strings_size, json + length);
	memcpy(json + length, "\"}", 3);
	free(bytes);
	free(trie);
	return json;
}

/*
 * As in SentencePiece's table: TM, fi, e with acute for two code points, spaces, characters that go; and
 * a letter alone beside that letter with a mark, where the library takes the shorter key.
 */
static char *
small_charsmap(void)
{
	static const char strings[] = "TM\0fi\0\xC3\xA9\0 \0\0o\0\r\n\0Z";
	static const Key keys[] = {
		{"\r\n", 15},            /* two code points, one cluster -> line feed */
		{"\x1E", 11},            /* -> nothing */
		{"e\xCC\x81", 6},        /* e, acute -> é */
		{"o", 12},               /* -> o */
		{"o\xCC\x81", 6},        /* never: o is shorter */
		{"\xC2\xA0", 9},         /* no-break space -> space */
		{"\xE2\x80\x8D", 9},     /* zero-width joiner -> space */
		{"\xE2\x84\xA2", 0},     /* trademark -> TM */
		{"\xEF\xAC\x81", 3},     /* ligature -> fi */
		{"\xF0\x9D\x94\xBE", 17} /* double-struck G -> Z, the last string, which nothing ends */
	};

	return precompiled_json(keys, sizeof(keys) / sizeof(keys[0]), strings, sizeof(strings) - 1);
}

static void
charsmap_by_clusters(void **state)
{
	char *json = small_charsmap();

	(void) state;
	check(json, "\xE2\x84\xA2\x1Eg", "TMg");
	check(json, "\xEF\xAC\x81sh \xC2\xA0x", "fish  x");
	check(json, "\xF0\x9D\x94\xBE", "Z");
	/* a cluster of three bytes, and one of five that isn't the key but begins with it */
	check(json, "e\xCC\x81t\xC3\xA9", "\xC3\xA9t\xC3\xA9");
	check(json, "e\xCC\x81\xCC\x83.", "\xC3\xA9.");
	/* the shorter key counts, and the mark is lost */
	check(json, "o\xCC\x81", "o");
	/* six bytes or more: each character by itself, so marks stay */
	check(json, "e\xCC\x81\xCC\x83\xCC\x83", "e\xCC\x81\xCC\x83\xCC\x83");
	check(json, "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9", "\xF0\x9F\x91\xA8 \xF0\x9F\x91\xA9");
	check(json, "a\r\nb\r\rc\n", "a\nb\r\rc\n");
	check(json, "", "");
	check_bytes(json, "a\0\xE2\x84\xA2", 5, "a\0TM", 4);
	free(json);
}

static void
refuses_damaged_charsmaps(void **state)
{
	(void) state;
	check_refused(TYPE("Precompiled"), "precompiled_charsmap");
	check_refused("{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"abc\"}", "base64");
	check_refused("{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"a*cd\"}", "base64");
	check_refused("{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"\"}", "damaged");
	/* a trie of 16 bytes of which 4 are there */
	check_refused("{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"EAAAAAAAAAA=\"}", "damaged");
	/* strings that are not UTF-8 */
	check_refused("{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"BAAAAAAAAAD/\"}", "damaged");
}

/* A trie whose units lead anywhere is never read beyond. */
static void
damaged_tries_change_nothing_else(void **state)
{
	char json[200];
	uint32_t seed = 1;

	(void) state;
	for (int round = 0; round < 2000; round++)
	{
		unsigned char bytes[4 + 64 + 3] = {64};
		char text[100];
		UimlEnv env = test_env_counting();
		UimlStatus status;
		size_t n;
		char *out;

		for (size_t i = 4; i < 68; i++)
		{
			seed = seed * 1664525u + 1013904223u;
			bytes[i] = (unsigned char) (seed >> 24);
		}
		memcpy(bytes + 68, "a\0b", 3);
		encode_base64(bytes, sizeof(bytes), text);
		snprintf(json, sizeof(json), "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"%s\"}", text);
		out = normalize(&env, json, "\x01\x02\x03\x04 abc \xC3\xA9", 11, &n, &status);
		assert_int_equal(status, UIML_OK);
		free(out);
	}
}

/* ---------- pre-tokenizers ---------- */

typedef struct Joined
{
	char text[1000];
	size_t length;
	int left;
} Joined;

static UimlStatus
join_piece(void *ctx, const char *piece, size_t length, bool at_start)
{
	Joined *joined = ctx;

	if (joined->left-- == 0)
		return UIML_ELIMIT;
	assert_true(length > 0 && joined->length + length + 3 < sizeof(joined->text));
	joined->length +=
		(size_t) snprintf(joined->text + joined->length, sizeof(joined->text) - joined->length, "%s%.*s%s",
						  joined->length > 0 ? "|" : "", (int) length, piece, at_start ? "^" : "");
	return UIML_OK;
}

static UimlStatus
cut(const UimlEnv *env, const char *json, const char *piece, bool at_start, Joined *joined, UimlFault *fault)
{
	UimlSteps steps = {0};
	UimlTokenizing run = {.env = env};
	UimlStep step;
	json_t *root;
	UimlStatus status = uiml_json_parse(env, "test", json, strlen(json), &root, fault);

	if (status != UIML_OK)
		return status;
	status = uiml_pre_tokenizer_named(json_string_value(json_object_get(root, "type")))
				 ->compile(env, root, &steps, fault);
	if (status == UIML_OK)
	{
		assert_true(uiml_steps_last(&steps, &step));
		assert_true(uiml_pre_tokenizer_of(step.kind)->check(&step));
		status = uiml_pre_tokenizer_of(step.kind)->run(&run, &step, piece, strlen(piece), at_start,
													   join_piece, joined);
	}
	json_decref(root);
	uiml_tokenizing_end(&run);
	uiml_buffer_free(env, &steps.buffer);
	return status;
}

static void
check_cut(const char *json, const char *piece, bool at_start, const char *expected)
{
	UimlEnv env = test_env_counting();
	Joined joined = {.left = 1000};
	UimlFault fault = {""};

	assert_int_equal(cut(&env, json, piece, at_start, &joined, &fault), UIML_OK);
	assert_string_equal(joined.text, expected);
	assert_int_equal(test_env_live(), 0);
	for (int stop = 0; stop < 3; stop++)
	{
		joined = (Joined){.left = stop};
		cut(&env, json, piece, at_start, &joined, &fault);
		assert_int_equal(test_env_live(), 0);
	}
}

static void
cuts_at_whitespace(void **state)
{
	(void) state;
	check_cut(TYPE("Whitespace"), "Hey man!", true, "Hey^|man|!");
	check_cut(TYPE("Whitespace"), "How are you doing?", false, "How|are|you|doing|?");
	check_cut(TYPE("Whitespace"), "\n", true, "");
	check_cut(TYPE("Whitespace"), " a_1--\xC3\xA9\xE4\xB8\xAD, ", true, "a_1|--|\xC3\xA9\xE4\xB8\xAD|,");
	check_cut(TYPE("WhitespaceSplit"), "Hey, man, Good?", true, "Hey,^|man,|Good?");
	check_cut(TYPE("WhitespaceSplit"),
			  "\xE3\x80\x80"
			  "a\tb\xC2\x85",
			  true, "a|b");
}

#define PUNCTUATION(behavior) "{\"type\": \"Punctuation\", \"behavior\": \"" behavior "\"}"

static void
cuts_at_punctuation(void **state)
{
	(void) state;
	check_cut(TYPE("Punctuation"), "Hey friend!     How are you?!?", true,
			  "Hey friend^|!|     How are you|?|!|?");
	check_cut(PUNCTUATION("Removed"), "the-final--countdown", true, "the^|final|countdown");
	check_cut(PUNCTUATION("Isolated"), "the-final--countdown", true, "the^|-|final|-|-|countdown");
	check_cut(PUNCTUATION("MergedWithPrevious"), "the-final--countdown", true, "the-^|final-|-|countdown");
	check_cut(PUNCTUATION("MergedWithNext"), "the-final--countdown", true, "the^|-final|-|-countdown");
	check_cut(PUNCTUATION("Contiguous"), "the-final--countdown", true, "the^|-|final|--|countdown");
	check_cut(PUNCTUATION("Removed"), "--", true, "");
	check_cut(PUNCTUATION("MergedWithPrevious"), "--a-", true, "-^|-|a-");
	check_cut(PUNCTUATION("MergedWithNext"), "-a--", true, "-a^|-|-");
}

#define METASPACE(options) "{\"type\": \"Metaspace\", \"replacement\": \"\xE2\x96\x81\"" options "}"
#define BAR                "\xE2\x96\x81"

/* The first ones are the tests of the library itself. */
static void
marks_spaces(void **state)
{
	(void) state;
	check_cut(METASPACE(""), "Hey friend!", true, BAR "Hey^|" BAR "friend!");
	check_cut(METASPACE(""), "Hey   friend!", true, BAR "Hey^|" BAR "|" BAR "|" BAR "friend!");
	check_cut(METASPACE(", \"prepend_scheme\": \"first\", \"split\": false"), "Hey my friend ", true,
			  BAR "Hey" BAR "my" BAR "friend" BAR "^");
	check_cut(METASPACE(", \"prepend_scheme\": \"first\", \"split\": false"), "how" BAR "are you", false,
			  "how" BAR "are" BAR "you");
	check_cut(METASPACE(", \"prepend_scheme\": \"first\", \"split\": false"), " Hey ", true,
			  BAR "Hey" BAR "^");
	check_cut(METASPACE(", \"prepend_scheme\": \"never\""), "Hey you " BAR, true,
			  "Hey^|" BAR "you|" BAR "|" BAR);
	check_cut(METASPACE(", \"add_prefix_space\": false"), "Hey you", true, "Hey^|" BAR "you");
	check_cut(METASPACE(", \"add_prefix_space\": true, \"prepend_scheme\": \"always\""), BAR "Hey", false,
			  BAR "Hey");
	check_cut(METASPACE(", \"split\": false"), "a b", false, BAR "a" BAR "b");
	check_cut("{\"type\": \"Metaspace\", \"replacement\": \"_\"}", "a b\xE2\x96\x82", false,
			  "_a|_b\xE2\x96\x82");
}

static void
check_cut_refused(const char *json, const char *told)
{
	UimlEnv env = test_env_counting();
	Joined joined = {.left = 1000};
	UimlFault fault = {""};

	assert_int_equal(cut(&env, json, "a", true, &joined, &fault), UIML_ECORRUPT);
	assert_non_null(strstr(fault.text, told));
	assert_int_equal(test_env_live(), 0);
}

static void
refuses_unknown_options(void **state)
{
	(void) state;
	check_cut_refused(PUNCTUATION("Kept"), "behavior");
	check_cut_refused(METASPACE(", \"prepend_scheme\": \"last\""), "prepend_scheme");
	check_cut_refused(METASPACE(", \"add_prefix_space\": false, \"prepend_scheme\": \"always\""),
					  "prepend_scheme");
	check_cut_refused("{\"type\": \"Metaspace\", \"replacement\": \"ab\"}", "one character");
	check_cut_refused(TYPE("Metaspace"), "one character");
}

/* ---------- resources ---------- */

/* Every kind, over a text that all of them change. */
static const char *const every_kind[] = {
	"[" REPLACE("b", " b ") ", " REPLACE("c", "") "]",
	REPLACE("ab", "x"),
	REGEX("\\\\s+", " "),
	"{\"type\": \"Strip\"}",
	"{\"type\": \"Prepend\", \"prepend\": \"x\"}",
	TYPE("Lowercase"),
	TYPE("Nmt"),
	TYPE("StripAccents"),
	TYPE("NFC"),
	TYPE("NFD"),
	TYPE("NFKC"),
	TYPE("NFKD"),
};

#define N_KINDS (sizeof(every_kind) / sizeof(every_kind[0]))

static void
survives_running_out_of_memory(void **state)
{
	static const char text[] = "  ab C\xC3\xA9 e\xCC\x81 \xE1\xBA\xAD ab  ";
	char *charsmap = small_charsmap();

	(void) state;
	for (size_t kind = 0; kind <= N_KINDS; kind++)
	{
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = test_env_failing_alloc(&countdown);
			UimlStatus status;
			size_t n;
			char *out = normalize(&env, kind < N_KINDS ? every_kind[kind] : charsmap, text, sizeof(text) - 1,
								  &n, &status);

			assert_int_equal(test_env_live(), 0);
			free(out);
			if (status == UIML_OK)
				break;
			assert_int_equal(status, UIML_ENOMEM);
		}
	}
	free(charsmap);
}

static void
can_be_interrupted(void **state)
{
	const size_t length = 400000;
	char *text = malloc(length + 1);
	char *charsmap = small_charsmap();

	(void) state;
	for (size_t kind = 0; kind <= N_KINDS; kind++)
	{
		/* what can be long without an end: plain letters, spaces, marks */
		for (int fill = 0; fill < 3; fill++)
		{
			long most = 1 << 30;
			UimlEnv env = test_env_interrupting(&most);
			const char *json = kind < N_KINDS ? every_kind[kind] : charsmap;
			UimlStatus status;
			size_t n;

			for (size_t i = 0; i < length; i += 2)
				memcpy(text + i, fill == 0 ? "ac" : fill == 1 ? "  " : "\xCC\x81", 2);
			free(normalize(&env, json, text, length, &n, &status));
			assert_int_equal(status, UIML_OK);
			most = (1 << 30) - most; /* checks that a whole call makes */
			if (strstr(json, "Prepend") == NULL)
				assert_true(most >= 1 + (fill == 1 || strstr(json, "Strip\"") == NULL));
			for (long k = 1; k <= most; k++)
			{
				long countdown = k;

				env = test_env_interrupting(&countdown);
				free(normalize(&env, json, text, length, &n, &status));
				assert_int_equal(status, UIML_EINTERRUPTED);
				assert_int_equal(test_env_live(), 0);
			}
		}
	}
	free(charsmap);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_strings),
		cmocka_unit_test(replaces_characters_at_once),
		cmocka_unit_test(makes_one_step_of_characters),
		cmocka_unit_test(bounds_tables),
		cmocka_unit_test(replaces_runs),
		cmocka_unit_test(strips_and_prepends),
		cmocka_unit_test(maps_characters),
		cmocka_unit_test(normal_forms),
		cmocka_unit_test(accents_of_the_library),
		cmocka_unit_test(marks_are_of_unicode_9),
		cmocka_unit_test(many_marks),
		cmocka_unit_test(charsmap_by_clusters),
		cmocka_unit_test(refuses_damaged_charsmaps),
		cmocka_unit_test(damaged_tries_change_nothing_else),
		cmocka_unit_test(cuts_at_whitespace),
		cmocka_unit_test(cuts_at_punctuation),
		cmocka_unit_test(marks_spaces),
		cmocka_unit_test(refuses_unknown_options),
		cmocka_unit_test(survives_running_out_of_memory),
		cmocka_unit_test(can_be_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
