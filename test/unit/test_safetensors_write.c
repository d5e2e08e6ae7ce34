/*
 * test_safetensors_write.c
 *	  What is written is read again, byte for byte the same each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/safetensors_write.h"
#include "testenv.h"

#define ROOM 2048

/* A file in memory, whose writing can fail from some call on. */
typedef struct TestFile
{
	uint8_t bytes[ROOM];
	size_t size;
	long writes; /* 0: all succeed */
} TestFile;

static UimlStatus
file_write(void *ctx, const void *bytes, size_t count)
{
	TestFile *file = ctx;

	if (file->writes > 0 && --file->writes == 0)
		return UIML_EINTERRUPTED;
	assert_true(count <= ROOM - file->size);
	memcpy(file->bytes + file->size, bytes, count);
	file->size += count;
	return UIML_OK;
}

static UimlStatus
file_read(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	TestFile *file = ctx;

	assert_true(offset <= file->size && count <= file->size - offset);
	memcpy(bytes, file->bytes + offset, count);
	return UIML_OK;
}

static const float kernel[] = {1, -2.5f, 0x1p-149f, 3.4e38f, 0, -0.1f};
static const int32_t start[] = {0, -7, INT32_MAX, INT32_MIN};
static const uint8_t text[] = "\xc3\xa9\n";

static const UimlTensorOut tensors[] = {
	{.name = "lstm/kernel", .type = UIML_TENSOR_F32, .dims = 2, .shape = {2, 3}, .data = kernel},
	{.name = "a \"name\"\\", .type = UIML_TENSOR_I32, .dims = 1, .shape = {4}, .data = start},
	{.name = "text", .type = UIML_TENSOR_U8, .dims = 1, .shape = {3}, .data = text},
	{.name = "empty", .type = UIML_TENSOR_F32, .dims = 2, .shape = {0, 7}, .data = NULL},
	{.name = "scalar", .type = UIML_TENSOR_F32, .dims = 0, .data = kernel + 1},
};

static const UimlMetadata metadata[] = {
	{"format", "uiml"}, {"gates", "i, f, c, o"}, {"odd", "\"\\\n\x01 \xc3\xa9"}, {"", ""}};

static const UimlTensorFile given = {.tensor = tensors, .n = 5, .metadata = metadata, .n_metadata = 4};

static UimlStatus
write_file(const UimlEnv *env, const UimlTensorFile *what, TestFile *file)
{
	UimlOutput out = {.write = file_write, .ctx = file};

	return uiml_safetensors_write(env, what, &out);
}

static void
assert_floats(const UimlSafetensors *file, const char *name, const float *x, size_t n)
{
	const UimlTensor *tensor = uiml_safetensors_find(file, name);
	float read[8];

	assert_non_null(tensor);
	assert_int_equal(tensor->type, UIML_TENSOR_F32);
	assert_int_equal(tensor->count, n);
	assert_int_equal(uiml_tensor_floats(file, tensor, 0, n, read, NULL), UIML_OK);
	assert_memory_equal(read, x, n * sizeof(float));
}

static void
assert_integers(const UimlSafetensors *file, const char *name, UimlTensorType type, size_t n, int32_t *read)
{
	const UimlTensor *tensor = uiml_safetensors_find(file, name);

	assert_non_null(tensor);
	assert_int_equal(tensor->type, type);
	assert_int_equal(tensor->count, n);
	assert_int_equal(uiml_tensor_integers(file, tensor, 0, n, read, NULL), UIML_OK);
}

static void
test_round_trip(void **state)
{
	UimlEnv env = test_env_counting();
	TestFile file = {.size = 0};
	UimlInput input = {.read = file_read, .ctx = &file};
	UimlSafetensors read;
	UimlFault fault = {""};
	int32_t whole[4];

	(void) state;
	assert_int_equal(write_file(&env, &given, &file), UIML_OK);
	assert_int_equal(file.size, uiml_safetensors_size(&given));
	input.size = file.size;
	assert_int_equal(uiml_safetensors_open(&env, &input, &read, &fault), UIML_OK);
	assert_int_equal(read.n, 5);
	assert_int_equal(uiml_safetensors_find(&read, "lstm/kernel")->offset % 8, 0);
	assert_int_equal(uiml_safetensors_find(&read, "lstm/kernel")->shape[1], 3);
	assert_floats(&read, "lstm/kernel", kernel, 6);
	assert_floats(&read, "scalar", kernel + 1, 1);
	assert_floats(&read, "empty", kernel, 0);
	assert_integers(&read, "a \"name\"\\", UIML_TENSOR_I32, 4, whole);
	assert_memory_equal(whole, start, sizeof(start));
	assert_integers(&read, "text", UIML_TENSOR_U8, 3, whole);
	assert_true(whole[0] == 0xC3 && whole[1] == 0xA9 && whole[2] == '\n');
	assert_int_equal(read.n_metadata, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(uiml_safetensors_metadata(&read, metadata[i].name), metadata[i].value);
	assert_null(uiml_safetensors_metadata(&read, "none"));
	uiml_safetensors_close(&env, &read);
	assert_int_equal(test_env_live(), 0);
}

/* Byte for byte, without metadata, padded and not. */
static void
test_bytes(void **state)
{
	static const char expected[] =
		"\x38\0\0\0\0\0\0\0{\"text\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}"
		"\xc3\xa9\n";
	static const UimlTensorFile plain = {.tensor = tensors + 2, .n = 1};
	static const UimlTensorFile none = {.n = 0};
	UimlEnv env = test_env_counting();
	TestFile file = {.size = 0};

	(void) state;
	assert_int_equal(write_file(&env, &plain, &file), UIML_OK);
	assert_int_equal(file.size, sizeof(expected) - 1);
	assert_memory_equal(file.bytes, expected, file.size);
	file = (TestFile){.size = 0};
	assert_int_equal(write_file(&env, &none, &file), UIML_OK);
	assert_int_equal(file.size, 16);
	assert_memory_equal(file.bytes, "\x08\0\0\0\0\0\0\0{}      ", 16);
}

/* Sizes that don't fit, types and headers that nobody reads. */
static void
test_limits(void **state)
{
	UimlTensorOut one = {
		.name = "t", .type = UIML_TENSOR_F32, .dims = 2, .shape = {SIZE_MAX / 4, 2}, .data = kernel};
	UimlTensorFile file = {.tensor = &one, .n = 1};
	UimlMetadata long_one = {.name = "n"};
	UimlEnv env = test_env_counting();
	TestFile written = {.size = 0};
	char *value = malloc(UIML_SAFETENSORS_HEADER + 1);

	(void) state;
	assert_int_equal(uiml_safetensors_size(&file), 0);
	assert_int_equal(write_file(&env, &file, &written), UIML_ELIMIT);
	one.shape[0] = 1;
	assert_int_not_equal(uiml_safetensors_size(&file), 0);
	one.type = UIML_TENSOR_F16;
	assert_int_equal(uiml_safetensors_size(&file), 0);
	one.type = UIML_TENSOR_F32;
	one.dims = UIML_TENSOR_DIMS + 1;
	assert_int_equal(uiml_safetensors_size(&file), 0);
	one.dims = 2;
	memset(value, 'x', UIML_SAFETENSORS_HEADER);
	value[UIML_SAFETENSORS_HEADER] = '\0';
	long_one.value = value;
	file.metadata = &long_one;
	file.n_metadata = 1;
	assert_int_equal(write_file(&env, &file, &written), UIML_ELIMIT);
	assert_int_equal(written.size, 0);
	assert_int_equal(test_env_live(), 0);
	free(value);
}

static void
test_failures(void **state)
{
	long k;

	(void) state;
	for (k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		TestFile file = {.size = 0};
		UimlStatus status = write_file(&env, &given, &file);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
	assert_int_equal(k, 2);
	for (k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		TestFile file = {.size = 0};
		UimlStatus status = write_file(&env, &given, &file);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	assert_int_equal(k, 5);
	for (k = 1;; k++)
	{
		UimlEnv env = test_env_counting();
		TestFile file = {.writes = k};
		UimlStatus status = write_file(&env, &given, &file);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	assert_int_equal(k, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
