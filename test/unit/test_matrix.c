/*
 * test_matrix.c
 *	  Transfer matrices: texts, bytes, application, norm and rank.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/matrix.h"
#include "core/rng.h"
#include "testenv.h"

/* The text without a terminator, so that a reader beyond its end is found out. */
static UimlStatus
parse_text(const char *text, size_t capacity, double *data, UimlMatrixParse *parse)
{
	size_t length = strlen(text);
	char *exact = malloc(length > 0 ? length : 1);
	UimlStatus status;

	assert_non_null(exact);
	memcpy(exact, text, length);
	status = uiml_matrix_parse(exact, length, capacity, data, parse);
	free(exact);
	return status;
}

static UimlMatrix *
matrix_of(const char *text)
{
	size_t capacity = uiml_matrix_capacity(text, strlen(text));
	UimlMatrix *matrix = calloc(1, sizeof(UimlMatrix) + sizeof(double) * capacity);
	UimlMatrixParse parse;

	assert_int_equal(parse_text(text, capacity, matrix->data, &parse), UIML_OK);
	matrix->rows = (uint32_t) parse.rows;
	matrix->cols = (uint32_t) parse.cols;
	matrix->intercept = parse.intercept ? 1 : 0;
	return matrix;
}

static void
test_parse(void **state)
{
	double x[8];
	UimlMatrixParse parse;

	(void) state;
	assert_int_equal(parse_text(" [ [.6, 4e-1] ,[-.4,+6.]]\n+ [ .1 ,.2 ] ", 8, x, &parse), UIML_OK);
	assert_true(parse.rows == 2 && parse.cols == 2 && parse.intercept);
	assert_true(x[0] == .6 && x[1] == .4 && x[2] == -.4 && x[3] == 6 && x[4] == .1 && x[5] == .2);
	assert_int_equal(parse_text("[[1e-400]]", 8, x, &parse), UIML_OK);
	assert_true(x[0] == 0 && parse.rows == 1 && parse.cols == 1 && !parse.intercept);
	assert_int_equal(parse_text("[[1,2],[3,4]]", 3, x, &parse), UIML_ELIMIT);
	assert_true(uiml_matrix_capacity("[[1,2],[3,4]]+[5,6]", 19) >= 6);
}

static void
test_parse_refuses(void **state)
{
	static const struct
	{
		const char *text;
		UimlStatus status;
		UimlTextFault fault;
		size_t offset;
	} cases[] = {
		{"", UIML_ECORRUPT, UIML_TEXT_FAULT_EXPECTED, 0},
		{"[", UIML_ECORRUPT, UIML_TEXT_FAULT_EXPECTED, 1},
		{"[]", UIML_EEMPTY, UIML_TEXT_FAULT_EMPTY, 2},
		{"[[]]", UIML_EEMPTY, UIML_TEXT_FAULT_EMPTY, 3},
		{"[1]", UIML_ECORRUPT, UIML_TEXT_FAULT_EXPECTED, 1},
		{"[[1,2]", UIML_ECORRUPT, UIML_TEXT_FAULT_EXPECTED, 6},
		{"[[1,2", UIML_ECORRUPT, UIML_TEXT_FAULT_EXPECTED, 4},
		{"[[1,]]", UIML_ECORRUPT, UIML_TEXT_FAULT_EXPECTED, 4},
		{"[[1 2]]", UIML_ECORRUPT, UIML_TEXT_FAULT_EXPECTED, 4},
		{"[[1]]x", UIML_ECORRUPT, UIML_TEXT_FAULT_EXPECTED, 5},
		{"[[1]]+", UIML_ECORRUPT, UIML_TEXT_FAULT_EXPECTED, 6},
		{"[[0x1]]", UIML_ECORRUPT, UIML_TEXT_FAULT_EXPECTED, 2},
		{"[[1],[2,3]]", UIML_EINVALID, UIML_TEXT_FAULT_RAGGED, 9},
		{"[[1,2],[3]]", UIML_EINVALID, UIML_TEXT_FAULT_RAGGED, 10},
		{"[[1,2],[]]", UIML_EINVALID, UIML_TEXT_FAULT_RAGGED, 9},
		{"[[1,2]]+[3]", UIML_EINVALID, UIML_TEXT_FAULT_RAGGED, 11},
		{"[[1],[NaN]]", UIML_ENOTFINITE, UIML_TEXT_FAULT_NAN, 6},
		{"[[1],[-Infinity]]", UIML_ENOTFINITE, UIML_TEXT_FAULT_INFINITE, 6},
		{"[[1,-1e309]]", UIML_ENOTFINITE, UIML_TEXT_FAULT_RANGE, 4},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		double x[8];
		UimlMatrixParse parse;
		size_t capacity = uiml_matrix_capacity(cases[i].text, strlen(cases[i].text));

		if (parse_text(cases[i].text, capacity, x, &parse) != cases[i].status ||
			parse.error.fault != cases[i].fault || parse.error.offset != cases[i].offset)
			fail_msg("\"%s\": fault %d at %zu", cases[i].text, (int) parse.error.fault, parse.error.offset);
	}
}

static void
test_binary(void **state)
{
	const char *text[] = {"[[1,2,3],[4,5,1e-300]]", "[[1,2,3],[4,5,-6]]+[7,8,.1]"};

	(void) state;
	for (size_t i = 0; i < 2; i++)
	{
		UimlMatrix *matrix = matrix_of(text[i]);
		size_t length = UIML_MATRIX_BINARY_SIZE(2, 3, i == 1), size;
		uint8_t *bytes = malloc(length);
		UimlMatrix *copy;

		uiml_matrix_write(matrix, bytes);
		assert_int_equal(uiml_matrix_read_size(bytes, length, &size), UIML_OK);
		copy = malloc(size);
		assert_int_equal(uiml_matrix_read(bytes, copy), UIML_OK);
		assert_true(uiml_matrix_equal(matrix, copy));
		copy->data[1] += 1e-15;
		assert_false(uiml_matrix_equal(matrix, copy));

		/* every byte of the head is looked at, and no length is believed */
		assert_int_equal(uiml_matrix_read_size(bytes, length - 1, &size), UIML_ECORRUPT);
		assert_int_equal(uiml_matrix_read_size(bytes, UIML_MATRIX_HEADER - 1, &size), UIML_ECORRUPT);
		for (size_t b = 0; b < UIML_MATRIX_HEADER; b++)
		{
			bytes[b] ^= 0x40;
			assert_int_not_equal(uiml_matrix_read_size(bytes, length, &size), UIML_OK);
			bytes[b] ^= 0x40;
		}
		bytes[UIML_MATRIX_HEADER + 6] = 0xf0;
		bytes[UIML_MATRIX_HEADER + 7] = 0x7f;
		assert_int_equal(uiml_matrix_read(bytes, copy), UIML_ENOTFINITE);
		free(bytes);
		free(copy);
		free(matrix);
	}
}

/* The reference's example, which prints [.28, .52]; and one that is not square. */
static void
test_apply(void **state)
{
	UimlMatrix *worked = matrix_of("[[.6,.4],[.4,.6]]");
	UimlMatrix *wide = matrix_of("[[1,2,3],[10,20,30]]+[.5,0,-.5]");
	float u[] = {.2f, .8f}, v[] = {2, 1};
	double result[3];

	(void) state;
	uiml_matrix_apply(worked, u, result);
	assert_true(fabs(result[0] - .44) < 1e-7 && fabs(result[1] - .56) < 1e-7);
	uiml_matrix_apply(wide, v, result);
	assert_true(result[0] == 12.5 && result[1] == 24 && result[2] == 35.5);
	free(worked);
	free(wide);
}

static void
test_norm(void **state)
{
	UimlMatrix *small = matrix_of("[[3,4]]+[100,100]");
	UimlMatrix *zero = matrix_of("[[0,-0]]");
	UimlMatrix *large = matrix_of("[[3e300,4e300]]");
	UimlMatrix *tiny = matrix_of("[[3e-300],[4e-300]]");

	(void) state;
	assert_true(uiml_matrix_norm(small) == 5);
	assert_true(uiml_matrix_norm(zero) == 0);
	assert_true(fabs(uiml_matrix_norm(large) / 5e300 - 1) < 1e-15);
	assert_true(fabs(uiml_matrix_norm(tiny) / 5e-300 - 1) < 1e-15);
	free(small);
	free(zero);
	free(large);
	free(tiny);
}

static void
test_rank(void **state)
{
	static const struct
	{
		const char *text;
		size_t rank;
	} cases[] = {{"[[0,0],[0,0]]", 0},     {"[[1,2],[2,4],[3,6]]", 1},           {"[[1,0],[0,1e-12]]", 2},
				 {"[[1,2,3],[4,5,6]]", 2}, {"[[1,2,3],[4,5,6],[7,8,9]]", 2},     {"[[1e-300]]", 1},
				 {"[[1,0],[0,1e-17]]", 1}, {"[[.1,.2],[.3,.6000000000001]]", 2}, {"[[.1,.2],[.3,.6]]", 1}};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		UimlEnv env = test_env_counting();
		UimlMatrix *matrix = matrix_of(cases[i].text);
		size_t rank;

		assert_int_equal(uiml_matrix_rank(&env, matrix, &rank), UIML_OK);
		if (rank != cases[i].rank)
			fail_msg("%s: rank %zu", cases[i].text, rank);
		free(matrix);
	}
	assert_int_equal(test_env_live(), 0);
}

static void
test_out_of_memory(void **state)
{
	UimlMatrix *matrix = matrix_of("[[1,2],[2,4],[3,6]]");

	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		size_t rank;
		UimlStatus status = uiml_matrix_rank(&env, matrix, &rank);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
	free(matrix);
}

static void
test_interrupted(void **state)
{
	UimlMatrix *matrix = matrix_of("[[1,2],[2,4],[3,6]]");

	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		size_t rank;
		UimlStatus status = uiml_matrix_rank(&env, matrix, &rank);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	free(matrix);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),         cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_binary),        cmocka_unit_test(test_apply),
		cmocka_unit_test(test_norm),          cmocka_unit_test(test_rank),
		cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_interrupted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
