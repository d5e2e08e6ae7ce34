/*
 * test_static_format.c
 *	  The header of static encoders: what is written is read back, and nothing else is accepted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/encoder.h"
#include "core/encoder_format.h"
#include "core/static_format.h"
#include "core/tokenizer.h"

static const UimlStaticShape good = {.dims = 3,
									 .rows = 7,
									 .vocabulary = 9,
									 .tokenizer = 65,
									 .max_tokens = 11,
									 .left_out = 2,
									 .mapping = true,
									 .weights = true,
									 .normalize = true};

static void
parts_follow_each_other(void **state)
{
	UimlStaticShape shape = good;
	UimlStaticLayout layout;

	(void) state;
	assert_true(uiml_static_layout(&shape, &layout));
	assert_int_equal(layout.tokenizer, 128);
	assert_int_equal(layout.embeddings, 256);
	assert_int_equal(layout.mapping, 256 + 128);
	assert_int_equal(layout.weights, 384 + 64);
	assert_int_equal(layout.end, 448 + 64);
	assert_int_equal(layout.size, 512 + 64);
	shape.mapping = shape.weights = false;
	shape.rows = 9;
	assert_true(uiml_static_layout(&shape, &layout));
	assert_int_equal(layout.mapping, layout.end);
	assert_int_equal(layout.weights, layout.end);
}

static void
shapes_out_of_range_are_refused(void **state)
{
	UimlStaticLayout layout;

	(void) state;
#define REFUSED(field, value)                                                                                \
	do                                                                                                       \
	{                                                                                                        \
		UimlStaticShape shape = good;                                                                        \
                                                                                                             \
		shape.field = (value);                                                                               \
		assert_false(uiml_static_layout(&shape, &layout));                                                   \
	} while (0)
	REFUSED(dims, 0);
	REFUSED(dims, UIML_ENCODER_MAX_DIMS + 1);
	REFUSED(rows, 0);
	REFUSED(rows, UIML_STATIC_MAX_ROWS + 1);
	REFUSED(vocabulary, 0);
	REFUSED(vocabulary, UIML_TOKENIZER_MAX_VOCABULARY + 1);
	REFUSED(tokenizer, 0);
	REFUSED(tokenizer, SIZE_MAX);
	REFUSED(max_tokens, SIZE_MAX);
	REFUSED(left_out, 10);
	REFUSED(mapping, false);
}

static void
header_is_read_back(void **state)
{
	unsigned char bytes[576] = {0};
	UimlStaticShape shape;
	UimlStaticLayout layout;
	UimlStaticLayout again;

	(void) state;
	assert_true(uiml_static_layout(&good, &layout));
	uiml_static_put_header(&good, &layout, bytes);
	assert_int_equal(uiml_static_get_header(bytes, layout.size, &shape, &again), UIML_OK);
	assert_int_equal(shape.dims, good.dims);
	assert_int_equal(shape.rows, good.rows);
	assert_int_equal(shape.vocabulary, good.vocabulary);
	assert_int_equal(shape.tokenizer, good.tokenizer);
	assert_int_equal(shape.max_tokens, good.max_tokens);
	assert_int_equal(shape.left_out, good.left_out);
	assert_true(shape.mapping && shape.weights && shape.normalize);
	assert_memory_equal(&layout, &again, sizeof(layout));
	assert_int_equal(uiml_static_get_header(bytes, layout.size - 64, &shape, &again), UIML_ECORRUPT);
	assert_int_equal(uiml_static_get_header(bytes, 127, &shape, &again), UIML_ECORRUPT);
}

/* Whatever bit of the header flips, either it is refused or all parts are within the bytes. */
static void
damaged_headers_stay_within(void **state)
{
	unsigned char bytes[576] = {0};
	UimlStaticLayout layout;
	size_t refused = 0;

	(void) state;
	assert_true(uiml_static_layout(&good, &layout));
	uiml_static_put_header(&good, &layout, bytes);
	for (size_t bit = 0; bit < 8 * ENCODER_HEADER_SIZE; bit++)
	{
		UimlStaticShape shape;
		UimlStaticLayout damaged;

		bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
		if (uiml_static_get_header(bytes, layout.size, &shape, &damaged) == UIML_OK)
		{
			assert_true(damaged.size == layout.size && damaged.end + 64 == damaged.size);
			assert_true(damaged.embeddings + shape.rows * shape.dims * sizeof(float) <= damaged.size);
		}
		else
			refused++;
		bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
	}
	assert_true(refused > 900);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_follow_each_other),
		cmocka_unit_test(shapes_out_of_range_are_refused),
		cmocka_unit_test(header_is_read_back),
		cmocka_unit_test(damaged_headers_stay_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
