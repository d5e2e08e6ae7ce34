/*
 * test_encoder_write.c
 *	  The end that streamed bytes get, in whatever pieces they came.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/checksum.h"
#include "core/encoder_format.h"
#include "core/encoder_write.h"
#include "testenv.h"

#define ROOM 4096

typedef struct Sink
{
	unsigned char bytes[ROOM];
	size_t length;
	size_t room;
} Sink;

static UimlStatus
sink_write(void *ctx, const void *bytes, size_t count)
{
	Sink *sink = ctx;

	if (count > sink->room - sink->length)
		return UIML_ELIMIT;
	memcpy(sink->bytes + sink->length, bytes, count);
	sink->length += count;
	return UIML_OK;
}

/* Writes count bytes in pieces of at most piece, and the end. */
static UimlStatus
write_all(Sink *sink, size_t room, const unsigned char *bytes, size_t count, size_t piece)
{
	UimlOutput out = {.write = sink_write, .ctx = sink};
	UimlEncoderWriter writer;

	*sink = (Sink){.room = room};
	uiml_encoder_write_begin(&writer, &out);
	for (size_t at = 0; at < count; at += piece)
	{
		UimlStatus status = uiml_encoder_write(&writer, bytes + at, count - at < piece ? count - at : piece);

		if (status != UIML_OK)
			return status;
	}
	return uiml_encoder_write_end(&writer);
}

static void
test_pieces(void **state)
{
	static const size_t lengths[] = {0, 1, 7, 8, 63, 64, 65, 200, 1000};
	unsigned char bytes[1000];

	(void) state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char) (i * 37 + i / 251);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		Sink whole;

		assert_int_equal(write_all(&whole, ROOM, bytes, lengths[i], sizeof(bytes)), UIML_OK);
		assert_int_equal(whole.length, (lengths[i] + 63) / 64 * 64 + 64);
		assert_memory_equal(whole.bytes, bytes, lengths[i]);
		assert_true(uiml_encoder_end_is_right(whole.bytes, whole.length));
		for (size_t piece = 1; piece < 20; piece++)
		{
			Sink sink;

			assert_int_equal(write_all(&sink, ROOM, bytes, lengths[i], piece), UIML_OK);
			assert_int_equal(sink.length, whole.length);
			assert_memory_equal(sink.bytes, whole.bytes, whole.length);
		}
	}
}

/* A changed bit anywhere is noticed. */
static void
test_damage(void **state)
{
	static const unsigned char bytes[150];
	Sink sink;

	(void) state;
	assert_int_equal(write_all(&sink, ROOM, bytes, sizeof(bytes), 11), UIML_OK);
	for (size_t bit = 0; bit < 8 * sink.length; bit++)
	{
		sink.bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
		assert_false(uiml_encoder_end_is_right(sink.bytes, sink.length));
		sink.bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
	}
	assert_true(uiml_encoder_end_is_right(sink.bytes, sink.length));
}

/* Many megabytes are read in pieces, with the same result; between them reading can be stopped. */
static void
test_large(void **state)
{
	size_t size = (size_t) 5 << 20;
	unsigned char *bytes = malloc(size);
	long k = 0;
	UimlStatus status;

	(void) state;
	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char) (i * 37 + i / 251);
	encoder_store64(bytes + size - 8, uiml_checksum(0, bytes, size - 8));
	do
	{
		long countdown = ++k;
		UimlEnv env = test_env_interrupting(&countdown);

		status = uiml_encoder_end_check(&env, bytes, size);
	} while (status == UIML_EINTERRUPTED);
	assert_int_equal(status, UIML_OK);
	assert_true(k > 2);
	bytes[size - 9] ^= 1;
	assert_false(uiml_encoder_end_is_right(bytes, size));
	free(bytes);
}

/* What writing returns is passed on, wherever it fails. */
static void
test_full(void **state)
{
	static const unsigned char bytes[150];
	Sink sink;

	(void) state;
	for (size_t room = 0; room < 256; room++)
		assert_int_equal(write_all(&sink, room, bytes, sizeof(bytes), 11), UIML_ELIMIT);
	assert_int_equal(write_all(&sink, 256, bytes, sizeof(bytes), 11), UIML_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
