/*
 * test_transferfile.c
 *	  Round trip of packed transfers, in both byte orders, and that damage anywhere in the bytes is noticed.
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

#include "core/checksum.h"
#include "core/transferfile.h"
#include "testenv.h"

#define P      3
#define Q      2
#define K      4
#define ITEMS  5
#define SOURCE 4
#define POOL   3
#define HEADER 256

/* A transfer for items and one for interests, and what they point to. */
typedef struct Sample
{
	float coef[P * K];
	float bias[K];
	float average[K];
	double history[K * K];
	float w[P * Q];
	float b[Q];
	float overlap[ITEMS];
	float rarity[SOURCE];
	float scale[POOL];
	uint64_t item_start[SOURCE + 1];
	uint32_t user[5];
	uint64_t choice_start[POOL + 1];
	uint32_t choice[6];
	UimlItemTransfer items;
	UimlInterestTransfer interests;
} Sample;

static void
fill(float *x, size_t n, float first)
{
	for (size_t i = 0; i < n; i++)
		x[i] = first + 0.125f * (float) i;
}

static void
sample_make(Sample *s)
{
	static const uint64_t item_start[SOURCE + 1] = {0, 2, 2, 3, 5};
	static const uint32_t user[5] = {0, 2, 1, 0, 1};
	static const uint64_t choice_start[POOL + 1] = {0, 2, 2, 6};
	static const uint32_t choice[6] = {0, 4, 1, 2, 3, 4};

	fill(s->coef, P * K, -1);
	fill(s->bias, K, 2);
	fill(s->average, K, 0);
	for (size_t i = 0; i < K * K; i++)
		s->history[i] = i % K == i / K ? .625 : .125;
	fill(s->w, P * Q, -.5f);
	fill(s->b, Q, 3);
	fill(s->overlap, ITEMS, .25f);
	fill(s->rarity, SOURCE, 1);
	fill(s->scale, POOL, .5f);
	memcpy(s->item_start, item_start, sizeof(item_start));
	memcpy(s->user, user, sizeof(user));
	memcpy(s->choice_start, choice_start, sizeof(choice_start));
	memcpy(s->choice, choice, sizeof(choice));
	s->items = (UimlItemTransfer){.p = P,
								  .q = Q,
								  .n_items = ITEMS,
								  .w = s->w,
								  .b = s->b,
								  .weight = {.5, .25, .125, .125},
								  .temperature = .6,
								  .strength = 10,
								  .overlap = s->overlap,
								  .pool = {.n_users = POOL,
										   .n_source_items = SOURCE,
										   .n_entries = 5,
										   .n_choices = 6,
										   .rarity = s->rarity,
										   .scale = s->scale,
										   .item_start = s->item_start,
										   .user = s->user,
										   .choice_start = s->choice_start,
										   .choice = s->choice},
								  .used = true};
	s->interests = (UimlInterestTransfer){.p = P,
										  .k = K,
										  .coef = s->coef,
										  .b = s->bias,
										  .average = s->average,
										  .history = s->history,
										  .mixing = .05,
										  .alpha = 7.5,
										  .used = true};
}

static char *
pack(const UimlItemTransfer *items, const UimlInterestTransfer *interests, size_t *size)
{
	char *data;

	*size = uiml_transferfile_size(items, interests);
	assert_true(*size > HEADER && *size % 64 == 0);
	data = malloc(*size);
	assert_non_null(data);
	memset(data, 0xA5, *size);
	assert_int_equal(uiml_transferfile_pack(items, interests, data, *size), UIML_OK);
	return data;
}

/* As it is opened on this machine. */
static char *
pack_here(const UimlItemTransfer *items, const UimlInterestTransfer *interests, size_t *size)
{
	char *data = pack(items, interests, size);

	if (UIML_TRANSFERFILE_FOREIGN)
		assert_int_equal(uiml_transferfile_swap(data, *size), UIML_OK);
	return data;
}

static void
check_items(const Sample *s, const UimlItemTransfer *items)
{
	assert_int_equal(items->p, P);
	assert_int_equal(items->q, Q);
	assert_int_equal(items->n_items, ITEMS);
	assert_memory_equal(items->w, s->w, sizeof(s->w));
	assert_memory_equal(items->b, s->b, sizeof(s->b));
	assert_memory_equal(items->weight, s->items.weight, sizeof(s->items.weight));
	assert_true(items->temperature == .6 && items->strength == 10);
	assert_memory_equal(items->overlap, s->overlap, sizeof(s->overlap));
	assert_int_equal(items->pool.n_users, POOL);
	assert_int_equal(items->pool.n_source_items, SOURCE);
	assert_int_equal(items->pool.n_entries, 5);
	assert_int_equal(items->pool.n_choices, 6);
	assert_memory_equal(items->pool.rarity, s->rarity, sizeof(s->rarity));
	assert_memory_equal(items->pool.scale, s->scale, sizeof(s->scale));
	assert_memory_equal(items->pool.item_start, s->item_start, sizeof(s->item_start));
	assert_memory_equal(items->pool.user, s->user, sizeof(s->user));
	assert_memory_equal(items->pool.choice_start, s->choice_start, sizeof(s->choice_start));
	assert_memory_equal(items->pool.choice, s->choice, sizeof(s->choice));
	assert_true(items->used);
}

static void
check_interests(const Sample *s, const UimlInterestTransfer *interests)
{
	assert_int_equal(interests->p, P);
	assert_int_equal(interests->k, K);
	assert_memory_equal(interests->coef, s->coef, sizeof(s->coef));
	assert_memory_equal(interests->b, s->bias, sizeof(s->bias));
	assert_memory_equal(interests->average, s->average, sizeof(s->average));
	assert_memory_equal(interests->history, s->history, sizeof(s->history));
	assert_true(interests->mixing == .05 && interests->alpha == 7.5 && interests->used);
}

static void
round_trip(void **state)
{
	UimlTransferFile file;
	Sample s;
	size_t size;
	char *data;

	(void) state;
	sample_make(&s);
	data = pack_here(&s.items, &s.interests, &size);
	assert_int_equal(uiml_transferfile_open(data, size, true, &file), UIML_OK);
	assert_int_equal(file.size, size);
	check_items(&s, &file.items);
	check_interests(&s, &file.interests);
	assert_int_equal(((const char *) file.items.w - data) % 64, 0);
	assert_int_equal(((const char *) file.items.pool.user - data) % 64, 0);
	assert_int_equal(((const char *) file.items.pool.choice_start - data) % 64, 0);
	assert_int_equal(((const char *) file.interests.coef - data) % 64, 0);
	free(data);
}

/* What a transfer is not used for takes no room. */
static void
only_what_is_used(void **state)
{
	UimlTransferFile file;
	Sample s;
	size_t both;
	size_t size;
	char *data;

	(void) state;
	sample_make(&s);
	both = uiml_transferfile_size(&s.items, &s.interests);
	s.interests.used = false;
	data = pack_here(&s.items, &s.interests, &size);
	assert_true(size < both);
	assert_int_equal(size, uiml_transferfile_size(&s.items, NULL));
	assert_int_equal(uiml_transferfile_open(data, size, true, &file), UIML_OK);
	check_items(&s, &file.items);
	assert_false(file.interests.used);
	assert_null(file.interests.coef);
	free(data);

	s.interests.used = true;
	data = pack_here(NULL, &s.interests, &size);
	assert_true(size < both);
	assert_int_equal(uiml_transferfile_open(data, size, true, &file), UIML_OK);
	check_interests(&s, &file.interests);
	assert_false(file.items.used);
	assert_null(file.items.w);
	free(data);

	/* nor does the identity */
	both = size;
	s.interests.history = NULL;
	data = pack_here(NULL, &s.interests, &size);
	assert_true(size < both);
	assert_int_equal(uiml_transferfile_open(data, size, true, &file), UIML_OK);
	assert_true(file.interests.used && file.interests.history == NULL);
	free(data);

	s.items.used = s.interests.used = false;
	assert_int_equal(uiml_transferfile_size(&s.items, &s.interests), 0);
	assert_int_equal(uiml_transferfile_size(NULL, NULL), 0);
	assert_int_equal(uiml_transferfile_pack(&s.items, NULL, (char *) &both, 0), UIML_EINVALID);
}

static void
no_pool(void **state)
{
	UimlTransferFile file;
	Sample s;
	size_t size;
	char *data;

	(void) state;
	sample_make(&s);
	s.items.pool = (UimlItemPool){.n_source_items = SOURCE};
	data = pack_here(&s.items, NULL, &size);
	assert_int_equal(uiml_transferfile_open(data, size, true, &file), UIML_OK);
	assert_int_equal(file.items.pool.n_users, 0);
	assert_int_equal(file.items.pool.n_source_items, 0);
	assert_int_equal(file.items.pool.choice_start[0], 0);
	free(data);
}

/* The other byte order is told apart, and turning twice is nothing. */
static void
other_byte_order(void **state)
{
	UimlTransferFile file;
	Sample s;
	size_t size;
	char *data;
	char *saved;

	(void) state;
	sample_make(&s);
	data = pack_here(&s.items, &s.interests, &size);
	saved = malloc(size);
	memcpy(saved, data, size);
	assert_int_equal(uiml_transferfile_swap(data, size), UIML_OK);
	assert_memory_not_equal(data, saved, size);
	assert_int_equal(uiml_transferfile_open(data, size, true, &file), UIML_EINVALID);
	assert_int_equal(uiml_transferfile_open(data, size, false, &file), UIML_EINVALID);
	assert_int_equal(uiml_transferfile_swap(data, size), UIML_OK);
	assert_memory_equal(data, saved, size);
	data[size / 2] = (char) (data[size / 2] ^ 1);
	assert_int_equal(uiml_transferfile_swap(data, size), UIML_ECORRUPT);
	assert_int_equal(uiml_transferfile_swap(data, size - 64), UIML_ECORRUPT);
	free(saved);
	free(data);
}

/* Every bit of the file matters, headers and padding included. */
static void
every_flipped_bit_is_noticed(void **state)
{
	UimlTransferFile file;
	Sample s;
	size_t size;
	char *data;

	(void) state;
	sample_make(&s);
	data = pack_here(&s.items, &s.interests, &size);
	for (size_t bit = 0; bit < 8 * size; bit++)
	{
		data[bit / 8] = (char) (data[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(uiml_transferfile_open(data, size, true, &file), UIML_ECORRUPT);
		data[bit / 8] = (char) (data[bit / 8] ^ (1 << bit % 8));
	}
	for (size_t length = 0; length < size; length++)
		assert_int_equal(uiml_transferfile_open(data, length, false, &file), UIML_ECORRUPT);
	assert_int_equal(uiml_transferfile_open(data + 1, size - 64, false, &file), UIML_EINVALID);
	free(data);
}

/* Writes a number of the header and makes the checksum right again, as a forger would. */
static void
forge(char *data, size_t size, size_t at, const void *bytes, size_t n)
{
	uint64_t sum;

	memcpy(data + at, bytes, n);
	sum = uiml_checksum(0, data, HEADER - 8);
	sum = uiml_checksum(sum, data + HEADER, size - HEADER);
	for (int i = 0; i < 8; i++)
		data[HEADER - 8 + i] = (char) (sum >> (8 * i));
}

/* Whether n elements of width bytes lie between the header and the end. */
static bool
lies_within(const char *data, size_t size, const void *part, size_t n, size_t width)
{
	const char *start = part;

	return n == 0 || (start >= data + HEADER && start + n * width <= data + size);
}

static bool
view_is_safe(const char *data, size_t size, const UimlTransferFile *file)
{
	const UimlItemTransfer *items = &file->items;
	const UimlInterestTransfer *interests = &file->interests;

	return lies_within(data, size, interests->coef, interests->p * interests->k, 4) &&
		   lies_within(data, size, interests->average, interests->k, 4) &&
		   (interests->history == NULL ||
			lies_within(data, size, interests->history, interests->k * interests->k, 8)) &&
		   lies_within(data, size, items->w, items->p * items->q, 4) &&
		   lies_within(data, size, items->overlap, items->n_items, 4) &&
		   lies_within(data, size, items->pool.rarity, items->pool.n_source_items, 4) &&
		   lies_within(data, size, items->pool.scale, items->pool.n_users, 4) &&
		   lies_within(data, size, items->pool.item_start, items->pool.n_source_items, 8) &&
		   lies_within(data, size, items->pool.user, items->pool.n_entries, 4) &&
		   lies_within(data, size, items->pool.choice_start, items->pool.n_users, 8) &&
		   lies_within(data, size, items->pool.choice, items->pool.n_choices, 4);
}

/* A right checksum makes no wrong number right: numbers of 64 bits and scalars at every place of the header. */
static void
forged_headers_are_refused(void **state)
{
	static const uint64_t value[] = {
		0, 1, 7, UINT32_MAX, (uint64_t) 1 << 40, UINT64_MAX / 2, UINT64_MAX - 3, UINT64_C(0x7FF0000000000000),
	};
	UimlTransferFile file;
	Sample s;
	size_t size;
	char *data;
	char *saved;

	(void) state;
	sample_make(&s);
	data = pack_here(&s.items, &s.interests, &size);
	saved = malloc(size);
	memcpy(saved, data, size);
	for (size_t at = 8; at < HEADER - 8; at += 8)
		for (size_t v = 0; v < sizeof(value) / sizeof(value[0]); v++)
		{
			UimlStatus status;

			forge(data, size, at, &value[v], 8);
			status = uiml_transferfile_open(data, size, true, &file);
			/* some are somebody's choice, or change no part's place */
			if (status == UIML_OK)
				assert_true(view_is_safe(data, size, &file) && isfinite(file.items.strength) &&
							isfinite(file.interests.alpha));
			else
				assert_int_equal(status, UIML_ECORRUPT);
			memcpy(data, saved, size);
		}
	free(saved);
	free(data);
}

static void
forged_arrays_are_refused(void **state)
{
	static const float nan_value = NAN;
	static const float minus = -1;
	static const uint64_t far = 7;
	static const uint32_t high = ITEMS;
	UimlTransferFile file;
	Sample s;
	size_t size;
	char *data;
	char *saved;

	(void) state;
	sample_make(&s);
	data = pack_here(&s.items, &s.interests, &size);
	saved = malloc(size);
	memcpy(saved, data, size);
	assert_int_equal(uiml_transferfile_open(data, size, true, &file), UIML_OK);
	forge(data, size, (size_t) ((const char *) file.items.w - data) + 8, &nan_value, 4);
	assert_int_equal(uiml_transferfile_open(data, size, true, &file), UIML_ECORRUPT);
	assert_int_equal(uiml_transferfile_open(data, size, false, &file), UIML_OK);
	memcpy(data, saved, size);
	forge(data, size, (size_t) ((const char *) file.interests.average - data), &minus, 4);
	assert_int_equal(uiml_transferfile_open(data, size, true, &file), UIML_ECORRUPT);
	memcpy(data, saved, size);
	forge(data, size, (size_t) ((const char *) file.items.pool.choice_start - data) + 8, &far, 8);
	assert_int_equal(uiml_transferfile_open(data, size, false, &file), UIML_ECORRUPT);
	memcpy(data, saved, size);
	forge(data, size, (size_t) ((const char *) file.items.pool.choice - data) + 4, &high, 4);
	assert_int_equal(uiml_transferfile_open(data, size, false, &file), UIML_ECORRUPT);
	memcpy(data, saved, size);
	forge(data, size, (size_t) ((const char *) file.items.pool.user - data) + 4, &high, 4);
	assert_int_equal(uiml_transferfile_open(data, size, false, &file), UIML_ECORRUPT);
	free(saved);
	free(data);
}

static void
expect_refused(const Sample *s, UimlStatus status)
{
	size_t size = uiml_transferfile_size(&s->items, &s->interests);
	char *data = malloc(size);

	assert_int_equal(uiml_transferfile_pack(&s->items, &s->interests, data, size), status);
	free(data);
}

static void
writer_checks(void **state)
{
	Sample s;

	(void) state;
	sample_make(&s);
	s.interests.p = P + 1;
	expect_refused(&s, UIML_EINVALID);
	sample_make(&s);
	s.interests.alpha = 0;
	expect_refused(&s, UIML_EINVALID);
	sample_make(&s);
	s.interests.mixing = NAN;
	expect_refused(&s, UIML_EINVALID);
	sample_make(&s);
	s.items.weight[UIML_PART_MAP] = .6;
	expect_refused(&s, UIML_EINVALID);
	sample_make(&s);
	s.user[1] = POOL;
	expect_refused(&s, UIML_EINVALID);
	sample_make(&s);
	s.items.temperature = INFINITY;
	expect_refused(&s, UIML_EINVALID);
	sample_make(&s);
	s.choice[2] = ITEMS;
	expect_refused(&s, UIML_EINVALID);
	sample_make(&s);
	s.choice_start[1] = 3;
	expect_refused(&s, UIML_EINVALID);
	sample_make(&s);
	s.coef[1] = INFINITY;
	expect_refused(&s, UIML_ENOTFINITE);
	sample_make(&s);
	s.items.n_items = SIZE_MAX / 4;
	assert_int_equal(uiml_transferfile_size(&s.items, NULL), 0);
	s.items.n_items = SIZE_MAX;
	assert_int_equal(uiml_transferfile_size(&s.items, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(only_what_is_used),
		cmocka_unit_test(no_pool),
		cmocka_unit_test(other_byte_order),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(forged_headers_are_refused),
		cmocka_unit_test(forged_arrays_are_refused),
		cmocka_unit_test(writer_checks),
	};

	return cmocka_run_group_tests_name("transferfile", tests, NULL, NULL);
}
