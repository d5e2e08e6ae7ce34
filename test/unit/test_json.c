/*
 * test_json.c
 *	  What is JSON and what isn't, members of objects, and faults that say where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/json.h"
#include "testenv.h"

/* Parses; the fault's text where it isn't JSON. */
static UimlStatus
parse(const char *text, size_t length, json_t **root, UimlFault *fault)
{
	UimlEnv env = test_env_counting();

	fault->text[0] = '\0';
	*root = NULL;
	return uiml_json_parse(&env, "file.json", text, length, root, fault);
}

static void
test_parse(void **state)
{
	json_t *root;
	UimlFault fault;

	(void) state;
	assert_int_equal(parse("{\"a\": [1, 2.5, true, null]}", 27, &root, &fault), UIML_OK);
	assert_int_equal(json_array_size(json_object_get(root, "a")), 4);
	assert_string_equal(fault.text, "");
	json_decref(root);
}

static void
test_not_json(void **state)
{
	static const struct
	{
		const char *text;
		const char *fault;
	} bad[] = {
		{"", "file.json is not valid JSON: line 1, column 0: '[' or '{' expected near end of file."},
		{"3", "file.json is not valid JSON: line 1, column 1: '[' or '{' expected near '3'."},
		{"{\"a\": 1,\n \"a\": 2}",
		 "file.json is not valid JSON: line 2, column 4: duplicate object key near '\"a\"'."},
		{"[1] 2", "file.json is not valid JSON: line 1, column 5: end of file expected near '2'."},
		{"[\"\\ud800\"]",
		 "file.json is not valid JSON: line 1, column 9: invalid Unicode '\\uD800' near '\"\\ud800\"'."},
		{"{\"a\\u0000\": 1}", "file.json is not valid JSON: line 1, column 10: NUL byte in object key not "
							  "supported near '\"a\\u0000\"'."},
		{"[1e999]", "file.json is not valid JSON: line 1, column 6: real number overflow near '1e999'."},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		json_t *root;
		UimlFault fault;

		assert_int_equal(parse(bad[i].text, strlen(bad[i].text), &root, &fault), UIML_ECORRUPT);
		assert_null(root);
		assert_string_equal(fault.text, bad[i].fault);
	}
}

/* No beginning of a text is one, and what is not UTF-8 never. */
static void
test_damaged(void **state)
{
	static const char text[] =
		"{\"model\": {\"vocab\": {\"\xe4\xba\xba\": 1, \"b\\n\": 2.5e3}}, \"t\": [true]}";
	json_t *root;
	UimlFault fault;

	(void) state;
	for (size_t length = 0; length < sizeof(text) - 1; length++)
	{
		assert_int_equal(parse(text, length, &root, &fault), UIML_ECORRUPT);
		assert_true(fault.text[0] != '\0');
	}
	assert_int_equal(parse(text, sizeof(text) - 1, &root, &fault), UIML_OK);
	json_decref(root);
	assert_int_equal(parse("[\"\xe4\xba\"]", 6, &root, &fault), UIML_ECORRUPT);
}

static void
test_depth(void **state)
{
	char text[8192];
	json_t *root;
	UimlFault fault;

	(void) state;
	memset(text, '[', 4096);
	memset(text + 4096, ']', 4096);
	assert_int_equal(parse(text + 4096 - 2048, 4096, &root, &fault), UIML_OK);
	json_decref(root);
	assert_int_equal(parse(text, sizeof(text), &root, &fault), UIML_ECORRUPT);
	assert_non_null(strstr(fault.text, "maximum parsing depth reached"));
}

static void
test_members(void **state)
{
	static const char text[] =
		"{\"i\": 12, \"w\": 3.0, \"r\": 0.5, \"b\": true, \"s\": \"mean\", \"n\": null, "
		"\"z\": \"a\\u0000b\"}";
	json_t *root;
	UimlFault fault;
	long long i;
	double r;
	bool b;
	const char *s;

	(void) state;
	assert_int_equal(parse(text, sizeof(text) - 1, &root, &fault), UIML_OK);
	assert_int_equal(uiml_json_integer(root, "x", "i", 0, 12, 7, &i, &fault), UIML_OK);
	assert_int_equal(i, 12);
	assert_int_equal(uiml_json_integer(root, "x", "w", 0, 12, 7, &i, &fault), UIML_OK);
	assert_int_equal(i, 3);
	assert_int_equal(uiml_json_integer(root, "x", "none", 0, 12, 7, &i, &fault), UIML_OK);
	assert_int_equal(i, 7);
	assert_int_equal(uiml_json_integer(root, "x", "n", 0, 12, -1, &i, &fault), UIML_OK);
	assert_int_equal(i, -1);
	assert_int_equal(uiml_json_real(root, "x", "r", 2, &r, &fault), UIML_OK);
	assert_true(r == .5);
	assert_int_equal(uiml_json_real(root, "x", "i", 2, &r, &fault), UIML_OK);
	assert_true(r == 12);
	assert_int_equal(uiml_json_real(root, "x", "none", 2, &r, &fault), UIML_OK);
	assert_true(r == 2);
	assert_int_equal(uiml_json_boolean(root, "x", "b", false, &b, &fault), UIML_OK);
	assert_true(b);
	assert_int_equal(uiml_json_boolean(root, "x", "n", false, &b, &fault), UIML_OK);
	assert_false(b);
	assert_int_equal(uiml_json_string(root, "x", "s", NULL, &s, &fault), UIML_OK);
	assert_string_equal(s, "mean");
	assert_int_equal(uiml_json_string(root, "x", "none", NULL, &s, &fault), UIML_OK);
	assert_null(s);
	assert_int_equal(json_string_length(json_object_get(root, "z")), 3);
	json_decref(root);
}

#define ASSERT_FAULT(call, expected)                                                                         \
	do                                                                                                       \
	{                                                                                                        \
		fault.text[0] = '\0';                                                                                \
		assert_int_equal(call, UIML_ECORRUPT);                                                               \
		assert_string_equal(fault.text, expected);                                                           \
	} while (0)

static void
test_member_faults(void **state)
{
	static const char text[] = "{\"i\": 12, \"r\": 0.5, \"b\": 1, \"s\": [], \"z\": \"a\\u0000b\"}";
	json_t *root;
	UimlFault fault;
	long long i;
	double r;
	bool b;
	const char *s;

	(void) state;
	assert_int_equal(parse(text, sizeof(text) - 1, &root, &fault), UIML_OK);
	ASSERT_FAULT(uiml_json_integer(root, "config.json", "i", 1, 11, 7, &i, &fault),
				 "\"i\" of config.json must be a whole number from 1 to 11.");
	ASSERT_FAULT(uiml_json_integer(root, "config.json", "r", 0, 12, 7, &i, &fault),
				 "\"r\" of config.json must be a whole number from 0 to 12.");
	ASSERT_FAULT(uiml_json_real(root, "config.json", "s", 0, &r, &fault),
				 "\"s\" of config.json must be a number.");
	ASSERT_FAULT(uiml_json_boolean(root, "config.json", "b", false, &b, &fault),
				 "\"b\" of config.json must be true or false.");
	ASSERT_FAULT(uiml_json_string(root, "config.json", "b", NULL, &s, &fault),
				 "\"b\" of config.json must be a string.");
	ASSERT_FAULT(uiml_json_string(root, "config.json", "z", NULL, &s, &fault),
				 "\"z\" of config.json contains a null character.");
	json_decref(root);
}

/* tokenizer_config.json says so where a model has no greatest length. */
static void
test_huge_integer(void **state)
{
	static const char text[] = "{\"model_max_length\": 1000000000000000019884624838656, \"id\": 5}";
	json_t *root;
	UimlFault fault;
	long long i;
	double r;

	(void) state;
	assert_int_equal(parse(text, sizeof(text) - 1, &root, &fault), UIML_OK);
	assert_int_equal(uiml_json_integer(root, "x", "id", 0, 12, 7, &i, &fault), UIML_OK);
	assert_int_equal(i, 5);
	assert_int_equal(uiml_json_real(root, "x", "model_max_length", 0, &r, &fault), UIML_OK);
	assert_true(r == 1e30);
	assert_false(uiml_json_whole(json_object_get(root, "model_max_length"), &i));
	json_decref(root);
}

static void
test_interrupts(void **state)
{
	size_t length = 200000;
	char *text = malloc(length);
	long checks = 0;

	(void) state;
	assert_non_null(text);
	memset(text, ' ', length);
	text[0] = '[';
	text[length - 1] = ']';
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlFault fault = {""};
		json_t *root;
		UimlStatus status = uiml_json_parse(&env, "file.json", text, length, &root, &fault);

		if (status == UIML_OK)
		{
			json_decref(root);
			break;
		}
		assert_int_equal(status, UIML_EINTERRUPTED);
		checks++;
	}
	assert_int_equal(checks, 4);
	free(text);
}

/* ---------- memory that runs out within jansson ---------- */

static long jansson_left;

static void *
failing_malloc(size_t size)
{
	return --jansson_left == 0 ? NULL : malloc(size);
}

static void
test_memory(void **state)
{
	static const char text[] = "{\"a\": {\"b\": [1, 2.5]}}";
	UimlEnv env = test_env_counting();
	bool told = false;

	(void) state;
	json_set_alloc_funcs(failing_malloc, free);
	for (long k = 1;; k++)
	{
		UimlFault fault = {""};
		json_t *root;
		UimlStatus status;

		jansson_left = k;
		status = uiml_json_parse(&env, "file.json", text, sizeof(text) - 1, &root, &fault);
		if (status == UIML_OK)
		{
			json_decref(root);
			break;
		}
		assert_true(status == UIML_ENOMEM || status == UIML_ECORRUPT);
		told = told || status == UIML_ENOMEM;
	}
	json_set_alloc_funcs(malloc, free);
	assert_true(told);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),        cmocka_unit_test(test_not_json),
		cmocka_unit_test(test_damaged),      cmocka_unit_test(test_depth),
		cmocka_unit_test(test_members),      cmocka_unit_test(test_member_faults),
		cmocka_unit_test(test_huge_integer), cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
