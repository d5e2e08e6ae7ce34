/*
 * test_itemfile.c
 *	  Round trip of packed items, look-up by key, and that damage anywhere in the bytes is noticed.
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

#include "core/itemfile.h"
#include "testenv.h"

#define DIMS 3

/* Keys in an order that byte order changes; one is a prefix of another, one is empty, one has a zero byte. */
static const struct
{
	const char *key;
	size_t key_length;
	const char *title;
} sample[] = {
	{"20", 2, "Toy Story"}, {"2", 1, ""},        {"100", 3, "Jumanji"},
	{"", 0, "no key"},      {"a\0b", 3, "zero"}, {"\xE4\xBA\xBA", 3, "人工智能"},
};

#define N_SAMPLE (sizeof(sample) / sizeof(sample[0]))

static size_t
sample_text_length(void)
{
	size_t length = 0;

	for (size_t i = 0; i < N_SAMPLE; i++)
		length += sample[i].key_length + strlen(sample[i].title);
	return length;
}

static UimlItemRow
sample_row(size_t i, const float *vectors)
{
	UimlItemRow row = {.out = vectors + 6 * i,
					   .in = vectors + 6 * i + 3,
					   .popularity = 0.125f * (float) i,
					   .interest = i == 3 ? UINT32_MAX : (uint32_t) i,
					   .key = sample[i].key,
					   .key_length = sample[i].key_length,
					   .title = sample[i].title,
					   .title_length = strlen(sample[i].title)};

	return row;
}

/* The bytes of a file with the sample items. */
static char *
sample_file(size_t *size)
{
	UimlEnv env = uiml_env_malloc();
	float vectors[6 * N_SAMPLE];
	UimlItemWriter writer;
	char *buffer;

	for (size_t i = 0; i < 6 * N_SAMPLE; i++)
		vectors[i] = (float) i - 7.5f;
	*size = uiml_itemfile_size(N_SAMPLE, DIMS, sample_text_length());
	buffer = malloc(*size);
	assert_non_null(buffer);
	memset(buffer, 0xA5, *size);
	assert_int_equal(uiml_itemfile_begin(&writer, buffer, *size, N_SAMPLE, DIMS, sample_text_length()),
					 UIML_OK);
	for (size_t i = 0; i < N_SAMPLE; i++)
	{
		UimlItemRow row = sample_row(i, vectors);

		assert_int_equal(uiml_itemfile_put(&writer, &row), UIML_OK);
	}
	assert_int_equal(uiml_itemfile_finish(&env, &writer), UIML_OK);
	return buffer;
}

static void
round_trip(void **state)
{
	size_t size;
	char *data = sample_file(&size);
	UimlItemFile file;

	(void) state;
	assert_int_equal(size % 64, 0);
	assert_int_equal(uiml_itemfile_open(data, size, true, &file), UIML_OK);
	assert_int_equal(file.n_items, N_SAMPLE);
	assert_int_equal(file.dims, DIMS);
	assert_int_equal(file.text_length, sample_text_length());
	for (uint32_t i = 0; i < N_SAMPLE; i++)
	{
		size_t length;
		const char *text = uiml_itemfile_key(&file, i, &length);

		assert_int_equal(length, sample[i].key_length);
		assert_memory_equal(text, sample[i].key, length);
		text = uiml_itemfile_title(&file, i, &length);
		assert_int_equal(length, strlen(sample[i].title));
		assert_memory_equal(text, sample[i].title, length);
		assert_true(file.popularity[i] == 0.125f * (float) i);
		assert_int_equal(file.interest[i], i == 3 ? UINT32_MAX : i);
		for (size_t j = 0; j < DIMS; j++)
		{
			assert_true(file.out[i * DIMS + j] == (float) (6 * i + j) - 7.5f);
			assert_true(file.in[i * DIMS + j] == (float) (6 * i + j + 3) - 7.5f);
		}
		assert_int_equal(uiml_itemfile_find(&file, sample[i].key, sample[i].key_length), i);
	}
	assert_int_equal(uiml_itemfile_find(&file, "200", 3), UINT32_MAX);
	assert_int_equal(uiml_itemfile_find(&file, "a", 1), UINT32_MAX);
	assert_int_equal(uiml_itemfile_find(&file, "zzz", 3), UINT32_MAX);
	free(data);
}

static void
parts_are_aligned(void **state)
{
	size_t size;
	char *data = sample_file(&size);
	UimlItemFile file;

	(void) state;
	assert_int_equal(uiml_itemfile_open(data, size, true, &file), UIML_OK);
	assert_int_equal(((const char *) file.out - data) % 64, 0);
	assert_int_equal(((const char *) file.in - data) % 64, 0);
	assert_int_equal(((const char *) file.popularity - data) % 64, 0);
	assert_int_equal(((const char *) file.interest - data) % 64, 0);
	assert_int_equal(((const char *) file.key_start - data) % 64, 0);
	assert_int_equal(((const char *) file.title_start - data) % 64, 0);
	assert_int_equal((file.text - data) % 64, 0);
	assert_int_equal(((const char *) file.key_order - data) % 64, 0);
	free(data);
}

/* Every bit of the file matters, headers and padding included. */
static void
every_flipped_bit_is_noticed(void **state)
{
	size_t size;
	char *data = sample_file(&size);
	UimlItemFile file;

	(void) state;
	for (size_t bit = 0; bit < 8 * size; bit++)
	{
		data[bit / 8] = (char) (data[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(uiml_itemfile_open(data, size, true, &file), UIML_ECORRUPT);
		data[bit / 8] = (char) (data[bit / 8] ^ (1 << bit % 8));
	}
	assert_int_equal(uiml_itemfile_open(data, size, true, &file), UIML_OK);
	free(data);
}

/* Two flipped sign bits, a swapped pair of words, a lost page: what a weak checksum lets through. */
static void
wide_damage_is_noticed(void **state)
{
	size_t size;
	char *data = sample_file(&size);
	char *saved = malloc(size);
	UimlItemFile file;

	(void) state;
	memcpy(saved, data, size);
	for (size_t at = 64; at + 16 <= size; at += 8)
	{
		data[at + 7] = (char) (data[at + 7] ^ 0x80);
		data[at + 15] = (char) (data[at + 15] ^ 0x80);
		assert_int_equal(uiml_itemfile_open(data, size, true, &file), UIML_ECORRUPT);
		memcpy(data, saved, size);
		if (memcmp(data + at, data + at + 8, 8) != 0)
		{
			memcpy(data + at, saved + at + 8, 8);
			memcpy(data + at + 8, saved + at, 8);
			assert_int_equal(uiml_itemfile_open(data, size, true, &file), UIML_ECORRUPT);
			memcpy(data, saved, size);
		}
	}
	memset(data + size / 2, 0, size - size / 2);
	assert_int_equal(uiml_itemfile_open(data, size, true, &file), UIML_ECORRUPT);
	free(saved);
	free(data);
}

static void
wrong_length_is_noticed(void **state)
{
	size_t size;
	char *data = sample_file(&size);
	UimlItemFile file;

	(void) state;
	for (size_t length = 0; length < size; length++)
		assert_int_equal(uiml_itemfile_open(data, length, false, &file), UIML_ECORRUPT);
	assert_int_equal(uiml_itemfile_open(data + 1, size - 64, false, &file), UIML_EINVALID);
	free(data);
}

/* Without verify, offsets and item numbers are still safe to follow. */
static void
unverified_damage_is_safe(void **state)
{
	size_t size;
	char *data = sample_file(&size);
	UimlItemFile file;
	size_t lengths = 0;

	(void) state;
	for (size_t at = 0; at < size; at++)
	{
		char saved = data[at];

		data[at] = (char) 0xFF;
		if (uiml_itemfile_open(data, size, false, &file) == UIML_OK)
		{
			for (uint32_t i = 0; i < file.n_items; i++)
			{
				size_t length;
				const char *text = uiml_itemfile_key(&file, i, &length);

				for (size_t c = 0; c < length; c++)
					lengths += text[c] != 0;
				text = uiml_itemfile_title(&file, i, &length);
				for (size_t c = 0; c < length; c++)
					lengths += text[c] != 0;
				uiml_itemfile_find(&file, sample[i].key, sample[i].key_length);
			}
		}
		data[at] = saved;
	}
	assert_true(lengths > 0);
	free(data);
}

static void
empty_file(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlItemWriter writer;
	UimlItemFile file;
	size_t size = uiml_itemfile_size(0, 5, 0);
	char *data = malloc(size);

	(void) state;
	assert_int_equal(uiml_itemfile_begin(&writer, data, size, 0, 5, 0), UIML_OK);
	assert_int_equal(uiml_itemfile_finish(&env, &writer), UIML_OK);
	assert_int_equal(uiml_itemfile_open(data, size, true, &file), UIML_OK);
	assert_int_equal(file.n_items, 0);
	assert_int_equal(uiml_itemfile_find(&file, "", 0), UINT32_MAX);
	free(data);
}

static void
sizes_overflow_to_zero(void **state)
{
	(void) state;
	assert_int_equal(uiml_itemfile_size(UINT32_MAX, 1, 0), 0);
	assert_int_equal(uiml_itemfile_size(1, (size_t) UINT32_MAX + 1, 0), 0);
	assert_int_equal(uiml_itemfile_size(UINT32_MAX - 1, UINT32_MAX, 0), 0);
	assert_int_equal(uiml_itemfile_size(1, 1, SIZE_MAX), 0);
	assert_int_equal(uiml_itemfile_size(1, 1, SIZE_MAX - 500), 0);
}

static void
writer_checks(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlItemWriter writer;
	float vector[1] = {1};
	UimlItemRow row = {
		.out = vector, .in = vector, .key = "ab", .key_length = 2, .title = "t", .title_length = 1};
	size_t size = uiml_itemfile_size(2, 1, 5);
	char *data = malloc(size + 8);

	(void) state;
	assert_int_equal(uiml_itemfile_begin(&writer, data, size - 64, 2, 1, 5), UIML_EINVALID);
	assert_int_equal(uiml_itemfile_begin(&writer, data + 1, size, 2, 1, 5), UIML_EINVALID);
	assert_int_equal(uiml_itemfile_begin(&writer, data, size, 2, 1, 5), UIML_OK);
	vector[0] = NAN;
	assert_int_equal(uiml_itemfile_put(&writer, &row), UIML_ENOTFINITE);
	vector[0] = 1;
	assert_int_equal(uiml_itemfile_put(&writer, &row), UIML_OK);
	assert_int_equal(uiml_itemfile_finish(&env, &writer), UIML_EINVALID); /* an item is missing */
	assert_int_equal(uiml_itemfile_put(&writer, &row), UIML_EINVALID);    /* more text than announced */
	row.key_length = 1;
	row.title_length = 0;
	assert_int_equal(uiml_itemfile_put(&writer, &row), UIML_OK);
	assert_int_equal(uiml_itemfile_put(&writer, &row), UIML_EINVALID);    /* more items than announced */
	assert_int_equal(uiml_itemfile_finish(&env, &writer), UIML_EINVALID); /* less text than announced */

	/* Two items with one key. */
	size = uiml_itemfile_size(2, 1, 2);
	assert_int_equal(uiml_itemfile_begin(&writer, data, size, 2, 1, 2), UIML_OK);
	assert_int_equal(uiml_itemfile_put(&writer, &row), UIML_OK);
	assert_int_equal(uiml_itemfile_put(&writer, &row), UIML_OK);
	assert_int_equal(uiml_itemfile_finish(&env, &writer), UIML_EINVALID);
	free(data);
}

/* A file of n items with scattered five-digit keys and titles of varying length. */
static UimlStatus
write_many(const UimlEnv *env, char *data, size_t size, size_t n)
{
	UimlItemWriter writer;
	UimlStatus status = uiml_itemfile_begin(&writer, data, size, n, 0, 10 * n);

	for (size_t i = 0; i < n && status == UIML_OK; i++)
	{
		char key[6];
		UimlItemRow row = {.key = key, .key_length = 5, .title = "title", .title_length = 5};

		snprintf(key, sizeof(key), "%05u", (unsigned) (i * 7919 % 65537 % 100000));
		status = uiml_itemfile_put(&writer, &row);
	}
	return status == UIML_OK ? uiml_itemfile_finish(env, &writer) : status;
}

static void
finds_each_of_many(void **state)
{
	enum
	{
		N = 65536
	};
	UimlEnv env = uiml_env_malloc();
	size_t size = uiml_itemfile_size(N, 0, 10 * N);
	char *data = malloc(size);
	UimlItemFile file;

	(void) state;
	assert_int_equal(write_many(&env, data, size, N), UIML_OK);
	assert_int_equal(uiml_itemfile_open(data, size, true, &file), UIML_OK);
	for (uint32_t i = 0; i < N; i++)
	{
		size_t length;
		const char *key = uiml_itemfile_key(&file, i, &length);

		assert_int_equal(uiml_itemfile_find(&file, key, length), i);
	}
	free(data);
}

static void
fails_cleanly(void **state)
{
	size_t size = uiml_itemfile_size(1000, 0, 10000);
	char *data = malloc(size);
	long countdown = 1;
	UimlEnv env = test_env_failing_alloc(&countdown);

	(void) state;
	assert_int_equal(write_many(&env, data, size, 1000), UIML_ENOMEM);
	countdown = 3;
	env = test_env_interrupting(&countdown);
	assert_int_equal(write_many(&env, data, size, 1000), UIML_EINTERRUPTED);
	assert_int_equal(test_env_live(), 0);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(parts_are_aligned),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(wide_damage_is_noticed),
		cmocka_unit_test(wrong_length_is_noticed),
		cmocka_unit_test(unverified_damage_is_safe),
		cmocka_unit_test(empty_file),
		cmocka_unit_test(sizes_overflow_to_zero),
		cmocka_unit_test(writer_checks),
		cmocka_unit_test(finds_each_of_many),
		cmocka_unit_test(fails_cleanly),
	};

	return cmocka_run_group_tests_name("itemfile", tests, NULL, NULL);
}
