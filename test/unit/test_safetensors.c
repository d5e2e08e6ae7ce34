/*
 * test_safetensors.c
 *	  Tensors of every type, and each way in which a file isn't one.
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

#include "core/bytes.h"
#include "core/safetensors.h"
#include "testenv.h"

#define ROOM 8192

/* A file in memory, whose reading can fail from some call on. */
typedef struct TestFile
{
	uint8_t bytes[ROOM];
	size_t size;
	long reads; /* 0: all succeed */
	UimlInput input;
} TestFile;

static UimlStatus
file_read(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	TestFile *file = ctx;

	assert_true(offset <= file->size && count <= file->size - offset);
	if (file->reads > 0 && --file->reads == 0)
		return UIML_EINTERRUPTED;
	memcpy(bytes, file->bytes + offset, count);
	return UIML_OK;
}

/* The length of header, header, and data of zeros. */
static TestFile *
file_of(const char *header, size_t data)
{
	static TestFile file;

	memset(&file, 0, sizeof(file));
	uiml_put_bytes(file.bytes, strlen(header), 8);
	memcpy(file.bytes + 8, header, strlen(header));
	file.size = 8 + strlen(header) + data;
	assert_true(file.size <= ROOM);
	file.input = (UimlInput){.size = file.size, .read = file_read, .ctx = &file};
	return &file;
}

static UimlStatus
open_and_close(const UimlEnv *env, TestFile *file, UimlFault *fault)
{
	UimlSafetensors tensors;
	UimlStatus status = uiml_safetensors_open(env, &file->input, &tensors, fault);

	if (status == UIML_OK)
		uiml_safetensors_close(env, &tensors);
	return status;
}

static const char good[] = "{\"__metadata__\":{\"format\":\"pt\"},"
						   "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]},"
						   "\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
						   "\"none\":{\"dtype\":\"F16\",\"shape\":[3,0],\"data_offsets\":[8,8]},"
						   "\"scalar\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[32,40]}} ";

static void
test_open(void **state)
{
	UimlEnv env = test_env_counting();
	TestFile *file = file_of(good, 40);
	UimlSafetensors tensors;
	UimlFault fault = {""};
	const UimlTensor *b;

	(void) state;
	assert_int_equal(uiml_safetensors_open(&env, &file->input, &tensors, &fault), UIML_OK);
	assert_int_equal(tensors.n, 4);
	b = uiml_safetensors_find(&tensors, "b");
	assert_non_null(b);
	assert_int_equal(b->type, UIML_TENSOR_F32);
	assert_int_equal(b->dims, 2);
	assert_int_equal(b->shape[0], 2);
	assert_int_equal(b->shape[1], 3);
	assert_int_equal(b->count, 6);
	assert_int_equal(b->offset, 8 + strlen(good) + 8);
	assert_int_equal(uiml_safetensors_find(&tensors, "none")->count, 0);
	assert_int_equal(uiml_safetensors_find(&tensors, "scalar")->count, 1);
	assert_null(uiml_safetensors_find(&tensors, "__metadata__"));
	assert_null(uiml_safetensors_find(&tensors, "c"));
	uiml_safetensors_close(&env, &tensors);
	assert_int_equal(test_env_live(), 0);
}

/* A file of no tensors is one. */
static void
test_empty(void **state)
{
	UimlEnv env = test_env_counting();
	TestFile *file = file_of("{}", 0);
	UimlSafetensors tensors;
	UimlFault fault = {""};

	(void) state;
	assert_int_equal(uiml_safetensors_open(&env, &file->input, &tensors, &fault), UIML_OK);
	assert_int_equal(tensors.n, 0);
	assert_null(uiml_safetensors_find(&tensors, "a"));
	uiml_safetensors_close(&env, &tensors);
	assert_int_equal(test_env_live(), 0);
}

#define TENSOR(type, shape, offsets)                                                                         \
	"{\"t\":{\"dtype\":" type ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void
test_faults(void **state)
{
	static const struct
	{
		const char *header;
		size_t data;
		const char *fault;
	} bad[] = {
		{"[1]", 0, "The header of the safetensors file is not an object."},
		{"{\"a\":1", 0,
		 "The header of the safetensors file is not valid JSON: line 1, column 6: '}' expected near end of "
		 "file."},
		{"{\"t\":1}", 0, "Tensor \"t\" is not described by an object."},
		{"{\"t\":{}}", 0, "Tensor \"t\" has no type."},
		{"{\"t\":{},\"t\":{}}", 0,
		 "The header of the safetensors file is not valid JSON: line 1, column 11: duplicate object key near "
		 "'\"t\"'."},
		{TENSOR("3", "[1]", "[0,4]"), 4, "Tensor \"t\" has no type."},
		{TENSOR("\"F8_E4M3\"", "[1]", "[0,1]"), 1,
		 "Tensor \"t\" has type \"F8_E4M3\", which is not supported."},
		{TENSOR("\"F32\"", "3", "[0,4]"), 4, "The shape of tensor \"t\" is not a list of at most 8 sizes."},
		{TENSOR("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4,
		 "The shape of tensor \"t\" is not a list of at most 8 sizes."},
		{TENSOR("\"F32\"", "[-1]", "[0,4]"), 4, "The shape of tensor \"t\" has a size that is none."},
		{TENSOR("\"F32\"", "[0.5]", "[0,4]"), 4, "The shape of tensor \"t\" has a size that is none."},
		{TENSOR("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "The shape of tensor \"t\" is too large."},
		{TENSOR("\"F32\"", "[4294967296,4294967296,0]", "[0,0]"), 0,
		 "The shape of tensor \"t\" is too large."},
		{TENSOR("\"F32\"", "[4611686018427387904]", "[0,0]"), 0,
		 "Tensor \"t\" has 0 bytes, not those of its type and shape."},
		{TENSOR("\"F32\"", "[1]", "[0]"), 4, "Tensor \"t\" has no two data offsets."},
		{TENSOR("\"F32\"", "[1]", "[0,\"4\"]"), 4, "Tensor \"t\" has no two data offsets."},
		{TENSOR("\"F32\"", "[1]", "[0,4]"), 3, "The bytes 0 to 4 of tensor \"t\" are outside the file."},
		{TENSOR("\"F32\"", "[1]", "[-4,0]"), 4, "The bytes -4 to 0 of tensor \"t\" are outside the file."},
		{TENSOR("\"F32\"", "[1]", "[4,0]"), 4, "The bytes 4 to 0 of tensor \"t\" are outside the file."},
		{TENSOR("\"F32\"", "[1]", "[0,5]"), 5, "Tensor \"t\" has 5 bytes, not those of its type and shape."},
		{TENSOR("\"F32\"", "[1]", "[1,5]"), 5, "There is a gap before tensor \"t\" in the safetensors file."},
		{TENSOR("\"F32\"", "[1]", "[0,4]"), 5,
		 "The tensors of the safetensors file end at byte 66, the file at 67."},
		{"{\"s\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[0,3]},"
		 "\"t\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[2,5]}}",
		 5, "There are overlapping bytes before tensor \"t\" in the safetensors file."},
		{"{\"s\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[0,3]},"
		 "\"\xc3\xa9\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[4,7]}}",
		 7, "There is a gap before tensor \"??\" in the safetensors file."},
	};
	UimlEnv env = test_env_counting();

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		UimlFault fault = {""};

		assert_int_equal(open_and_close(&env, file_of(bad[i].header, bad[i].data), &fault), UIML_ECORRUPT);
		assert_string_equal(fault.text, bad[i].fault);
		assert_int_equal(test_env_live(), 0);
	}
}

/* Sizes that the first number tells and the file doesn't have, or that nobody reads. */
static void
test_header_length(void **state)
{
	UimlEnv env = test_env_counting();
	TestFile *file = file_of("{}", 0);
	UimlFault fault = {""};

	(void) state;
	uiml_put_bytes(file->bytes, 3, 8);
	assert_int_equal(open_and_close(&env, file, &fault), UIML_ECORRUPT);
	assert_string_equal(fault.text,
						"The header of the safetensors file is said to have 3 bytes, the file has 10.");
	fault.text[0] = '\0';
	uiml_put_bytes(file->bytes, UINT64_MAX, 8);
	assert_int_equal(open_and_close(&env, file, &fault), UIML_ECORRUPT);
	fault.text[0] = '\0';
	uiml_put_bytes(file->bytes, UIML_SAFETENSORS_HEADER + 1, 8);
	file->input.size = UINT64_MAX;
	assert_int_equal(open_and_close(&env, file, &fault), UIML_ECORRUPT);
	assert_string_equal(fault.text,
						"The header of the safetensors file has 4194305 bytes; at most 4194304 are read.");
}

/* No beginning of a file is one. */
static void
test_truncated(void **state)
{
	UimlEnv env = test_env_counting();
	TestFile *file = file_of(good, 40);

	(void) state;
	while (file->size-- > 0)
	{
		UimlFault fault = {""};

		file->input.size = file->size;
		assert_int_equal(open_and_close(&env, file, &fault), UIML_ECORRUPT);
		assert_true(fault.text[0] != '\0');
		assert_int_equal(test_env_live(), 0);
	}
}

/* ---------- elements ---------- */

typedef struct Elements
{
	const char *type;
	size_t size; /* of an element */
	uint64_t bits[4];
	double value[4];
} Elements;

static const Elements reals[] = {
	{"F64", 8, {0x3FF8000000000000, 0xBFB999999999999A, 0, 0x36A0000000000000}, {1.5, -.1, 0, 0x1p-149}},
	{"F32", 4, {0x3FC00000, 0xBDCCCCCD, 0x80000000, 1}, {1.5, -.1, 0, 0x1p-149}},
	{"F16", 2, {0x3E00, 0xFBFF, 0x0001, 0x8400}, {1.5, -65504, 0x1p-24, -0x1p-14}},
	{"BF16", 2, {0x3FC0, 0xC2F6, 0x0001, 0x0080}, {1.5, -123, 0x1p-133, 0x1p-126}},
};

static const Elements integers[] = {
	{"I64", 8, {7, UINT64_MAX, 0x7FFFFFFF, 0xFFFFFFFF80000000}, {7, -1, 2147483647, -2147483648.0}},
	{"I32", 4, {7, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000}, {7, -1, 2147483647, -2147483648.0}},
	{"I16", 2, {7, 0xFFFF, 0x7FFF, 0x8000}, {7, -1, 32767, -32768}},
	{"I8", 1, {7, 0xFF, 0x7F, 0x80}, {7, -1, 127, -128}},
	{"U8", 1, {7, 0xFF, 0x7F, 0x80}, {7, 255, 127, 128}},
	{"BOOL", 1, {0, 1, 1, 0}, {0, 1, 1, 0}},
};

/* n elements of a type, the four given ones over and over. */
static TestFile *
file_of_elements(const Elements *elements, size_t n)
{
	char header[200];
	TestFile *file;

	(void) snprintf(header, sizeof(header),
					"{\"t\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", elements->type, n,
					n * elements->size);
	file = file_of(header, n * elements->size);
	for (size_t i = 0; i < n; i++)
		uiml_put_bytes(file->bytes + 8 + strlen(header) + i * elements->size, elements->bits[i % 4],
					   (int) elements->size);
	return file;
}

static void
test_floats(void **state)
{
	UimlEnv env = test_env_counting();

	(void) state;
	for (size_t e = 0; e < sizeof(reals) / sizeof(reals[0]); e++)
	{
		TestFile *file = file_of_elements(&reals[e], 900);
		UimlSafetensors tensors;
		UimlFault fault = {""};
		const UimlTensor *t;
		float x[900];
		int32_t whole;

		assert_int_equal(uiml_safetensors_open(&env, &file->input, &tensors, &fault), UIML_OK);
		t = uiml_safetensors_find(&tensors, "t");
		assert_true(uiml_tensor_is_real(t));
		assert_string_equal(uiml_tensor_type_name(t->type), reals[e].type);
		assert_int_equal(uiml_tensor_floats(&tensors, t, 0, 900, x, &fault), UIML_OK);
		for (size_t i = 0; i < 900; i++)
			assert_true(x[i] == (float) reals[e].value[i % 4]);
		assert_int_equal(uiml_tensor_floats(&tensors, t, 897, 3, x, &fault), UIML_OK);
		assert_true(x[0] == (float) reals[e].value[1] && x[2] == (float) reals[e].value[3]);
		assert_int_equal(uiml_tensor_floats(&tensors, t, 900, 0, x, &fault), UIML_OK);
		assert_int_equal(uiml_tensor_floats(&tensors, t, 898, 3, x, &fault), UIML_EINVALID);
		assert_int_equal(uiml_tensor_integers(&tensors, t, 0, 1, &whole, &fault), UIML_ECORRUPT);
		assert_non_null(strstr(fault.text, "where integers are wanted"));
		uiml_safetensors_close(&env, &tensors);
	}
}

static void
test_integers(void **state)
{
	UimlEnv env = test_env_counting();

	(void) state;
	for (size_t e = 0; e < sizeof(integers) / sizeof(integers[0]); e++)
	{
		TestFile *file = file_of_elements(&integers[e], 10);
		UimlSafetensors tensors;
		UimlFault fault = {""};
		const UimlTensor *t;
		int32_t whole[10];
		float x[10];

		assert_int_equal(uiml_safetensors_open(&env, &file->input, &tensors, &fault), UIML_OK);
		t = uiml_safetensors_find(&tensors, "t");
		assert_false(uiml_tensor_is_real(t));
		assert_int_equal(uiml_tensor_integers(&tensors, t, 0, 10, whole, &fault), UIML_OK);
		assert_int_equal(uiml_tensor_floats(&tensors, t, 0, 10, x, &fault), UIML_OK);
		for (size_t i = 0; i < 10; i++)
		{
			assert_true(whole[i] == (int32_t) integers[e].value[i % 4]);
			assert_true(x[i] == (float) integers[e].value[i % 4]);
		}
		assert_int_equal(uiml_tensor_integers(&tensors, t, 11, 0, whole, &fault), UIML_EINVALID);
		uiml_safetensors_close(&env, &tensors);
	}
}

/* What is no number, or not one of the wanted kind, is told with its place. */
static void
test_values(void **state)
{
	static const struct
	{
		Elements elements;
		const char *fault;
	} bad[] = {
		{{"F32", 4, {0, 0, 0x7FC00000, 0}, {0}}, "Element 2 of tensor \"t\" is not a number."},
		{{"F32", 4, {0, 0xFF800000, 0, 0}, {0}}, "Element 1 of tensor \"t\" is not finite as float."},
		{{"F16", 2, {0, 0, 0x7C00, 0}, {0}}, "Element 2 of tensor \"t\" is not finite as float."},
		{{"F16", 2, {0, 0, 0xFC01, 0}, {0}}, "Element 2 of tensor \"t\" is not a number."},
		{{"BF16", 2, {0x7F80, 0, 0, 0}, {0}}, "Element 0 of tensor \"t\" is not finite as float."},
		{{"F64", 8, {0, 0, 0, 0x47F0000000000000}, {0}}, "Element 3 of tensor \"t\" is not finite as float."},
		{{"I64", 8, {0, 0x80000000, 0, 0}, {0}}, "Element 1 of tensor \"t\" is too large."},
	};
	UimlEnv env = test_env_counting();

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		TestFile *file = file_of_elements(&bad[i].elements, 4);
		UimlSafetensors tensors;
		UimlFault fault = {""};
		const UimlTensor *t;
		int32_t whole[4];
		float x[4];

		assert_int_equal(uiml_safetensors_open(&env, &file->input, &tensors, &fault), UIML_OK);
		t = uiml_safetensors_find(&tensors, "t");
		if (uiml_tensor_is_real(t))
			assert_int_equal(uiml_tensor_floats(&tensors, t, 0, 4, x, &fault), UIML_ENOTFINITE);
		else
			assert_int_equal(uiml_tensor_integers(&tensors, t, 0, 4, whole, &fault), UIML_ECORRUPT);
		assert_string_equal(fault.text, bad[i].fault);
		uiml_safetensors_close(&env, &tensors);
	}
	assert_int_equal(test_env_live(), 0);
}

/* ---------- what fails around it ---------- */

static void
test_memory(void **state)
{
	TestFile *file = file_of(good, 40);
	long k;

	(void) state;
	for (k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlFault fault = {""};
		UimlStatus status = open_and_close(&env, file, &fault);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
	assert_int_equal(k, 3);
}

static void
test_interrupts(void **state)
{
	TestFile *file = file_of(good, 40);

	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlFault fault = {""};
		UimlStatus status = open_and_close(&env, file, &fault);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
}

/* What reading returns is passed on. */
static void
test_reading(void **state)
{
	UimlEnv env = test_env_counting();
	TestFile *file = file_of(good, 40);
	UimlFault fault = {""};
	long k;

	(void) state;
	for (k = 1;; k++)
	{
		UimlStatus status;

		file->reads = k;
		status = open_and_close(&env, file, &fault);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	assert_int_equal(k, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),          cmocka_unit_test(test_empty),     cmocka_unit_test(test_faults),
		cmocka_unit_test(test_header_length), cmocka_unit_test(test_truncated), cmocka_unit_test(test_floats),
		cmocka_unit_test(test_integers),      cmocka_unit_test(test_values),    cmocka_unit_test(test_memory),
		cmocka_unit_test(test_interrupts),    cmocka_unit_test(test_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
