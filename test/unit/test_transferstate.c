/*
 * test_transferstate.c
 *	  Aggregated statistics against those of all rows at once: any order, any partition, copies and bytes.
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

#include "core/rng.h"
#include "core/transferio.h"
#include "core/transferstate.h"
#include "testenv.h"

#define MAX_P 21
#define MAX_Q 13
#define N     300 /* some blocks, and rows left waiting */

static double x[N * MAX_P];
static double y[N * MAX_Q];
static double weight[N];

static int
fill_rows(void **state)
{
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 11);
	for (size_t i = 0; i < N * MAX_P; i++)
		x[i] = uiml_rng_normal(&rng) + 1;
	for (size_t i = 0; i < N * MAX_Q; i++)
		y[i] = x[i * MAX_P / MAX_Q] - uiml_rng_normal(&rng);
	for (size_t i = 0; i < N; i++)
		weight[i] = i % 7 == 0 ? 0 : uiml_rng_uniform(&rng) + .1;
	return 0;
}

static UimlTransferState *
new_state(size_t p, size_t q, UimlLoss loss)
{
	UimlTransferState *state = malloc(uiml_transfer_state_size(p, q, false));

	memset(state, 0xA5, uiml_transfer_state_size(p, q, false));
	uiml_transfer_state_init(state, p, q, loss, -1, NULL);
	return state;
}

static void
add_rows(UimlTransferState *state, size_t from, size_t to, bool weighted)
{
	for (size_t i = from; i < to; i++)
		uiml_transfer_state_add_f64(state, x + i * state->p, y + i * state->q, weighted ? weight[i] : 1);
}

static UimlTransferStats *
finish(const UimlTransferState *state)
{
	UimlTransferStats *stats = malloc(UIML_TRANSFER_STATS_SIZE(state->p, state->q));
	double *scratch = malloc(uiml_transfer_state_scratch(state) * sizeof(double));

	stats->length_word = 7;
	uiml_transfer_state_finish(state, stats, scratch);
	assert_int_equal(stats->length_word, 7);
	free(scratch);
	return stats;
}

/* The same rows in one call of the functions that training uses. */
static UimlTransferStats *
stats_of_rows(size_t p, size_t q, bool weighted)
{
	UimlEnv env = uiml_env_malloc();
	UimlTransferStats *stats = uiml_transfer_create(&env, p, q);

	assert_int_equal(uiml_transfer_add_f64(&env, stats, x, y, weighted ? weight : NULL, N), UIML_OK);
	return stats;
}

static double
difference(const UimlTransferStats *a, const UimlTransferStats *b)
{
	size_t cells = (UIML_TRANSFER_STATS_SIZE(a->p, a->q) - sizeof(UimlTransferStats)) / sizeof(double);
	double worst = fabs(a->weight - b->weight) + fabs(a->weight2 - b->weight2), largest = 1;

	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < cells; i++)
		largest = fmax(largest, fabs(b->data[i]));
	for (size_t i = 0; i < cells; i++)
		worst = fmax(worst, fabs(a->data[i] - b->data[i]));
	return worst / largest;
}

/* Every width, so that each way a panel or a tile can end is taken. */
static void
test_rows(void **state)
{
	(void) state;
	for (size_t p = 1; p <= MAX_P; p++)
		for (size_t q = 1; q <= MAX_Q; q += 3)
			for (int weighted = 0; weighted < 2; weighted++)
			{
				UimlTransferState *all = new_state(p, q, UIML_LOSS_SQUARED);
				UimlTransferStats *a, *b = stats_of_rows(p, q, weighted);

				add_rows(all, 0, N, weighted);
				a = finish(all);
				if (!(difference(a, b) < 1e-13))
					fail_msg("%zu x %zu: %g", p, q, difference(a, b));
				assert_int_equal(uiml_stats_check(a), UIML_OK);
				free(all);
				free(a);
				free(b);
			}
}

static void
test_floats(void **state)
{
	UimlTransferState *a = new_state(5, 3, UIML_LOSS_SQUARED), *b = new_state(5, 3, UIML_LOSS_SQUARED);

	(void) state;
	for (size_t i = 0; i < 50; i++)
	{
		char odd[1 + 8 * sizeof(float)];
		float row[8];
		double wide[8];

		for (size_t j = 0; j < 8; j++)
			wide[j] = row[j] = (float) x[i * 8 + j];
		memcpy(odd + 1, row, sizeof(row));
		uiml_transfer_state_add(a, (float *) (void *) (odd + 1), (float *) (void *) (odd + 1) + 5, weight[i]);
		uiml_transfer_state_add_f64(b, wide, wide + 5, weight[i]);
	}
	assert_memory_equal(a, b, uiml_transfer_state_size(5, 3, false));
	free(a);
	free(b);
}

static void
test_merge(void **state)
{
	size_t cut[] = {0, 1, 2, 31, 64, 96, 97, 200, N};
	UimlTransferStats *whole = stats_of_rows(9, 4, true);

	(void) state;
	for (int reverse = 0; reverse < 2; reverse++)
	{
		UimlTransferState *sum = new_state(9, 4, UIML_LOSS_SQUARED);
		UimlTransferStats *result;

		for (size_t i = 0; i < 8; i++)
		{
			size_t part = reverse ? 7 - i : i;
			UimlTransferState *s = new_state(9, 4, UIML_LOSS_SQUARED);

			add_rows(s, cut[part], cut[part + 1], true);
			assert_true(uiml_transfer_state_alike(sum, s));
			uiml_transfer_state_merge(sum, s);
			free(s);
		}
		result = finish(sum);
		assert_true(difference(result, whole) < 1e-12);
		free(sum);
		free(result);
	}
	free(whole);
}

/* Forgetting 1,000 of 20,000 rows. */
static void
test_forget(void **state)
{
	UimlTransferState *all = new_state(6, 3, UIML_LOSS_SQUARED), *gone = new_state(6, 3, UIML_LOSS_SQUARED);
	UimlTransferState *left = new_state(6, 3, UIML_LOSS_SQUARED);
	UimlTransferStats *a, *b, *c;
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 5);
	for (size_t i = 0; i < 20000; i++)
	{
		double row[9];

		for (size_t j = 0; j < 9; j++)
			row[j] = uiml_rng_normal(&rng) + (j > 0 ? row[j - 1] : 0);
		uiml_transfer_state_add_f64(all, row, row + 6, 1);
		uiml_transfer_state_add_f64(i % 20 == 3 ? gone : left, row, row + 6, 1);
	}
	a = finish(all);
	b = finish(gone);
	c = finish(left);
	assert_int_equal(b->n, 1000);
	assert_int_equal(uiml_transfer_subtract(a, b), UIML_OK);
	assert_true(difference(a, c) < 1e-12);
	assert_int_equal(uiml_stats_check(a), UIML_OK);

	/* others' rows are not forgotten */
	b->data[0] += 1e6;
	assert_int_equal(uiml_transfer_subtract(a, b), UIML_EINVALID);
	free(all);
	free(gone);
	free(left);
	free(a);
	free(b);
	free(c);
}

static void
test_cosine(void **state)
{
	UimlTransferState *cosine = new_state(2, 2, UIML_LOSS_COSINE), *unit = new_state(2, 2, UIML_LOSS_SQUARED);
	UimlTransferStats *a, *b;
	double nothing[] = {0, 0};

	(void) state;
	for (size_t i = 0; i < 40; i++)
	{
		double norm = hypot(y[2 * i], y[2 * i + 1]);
		double target[] = {y[2 * i] / norm, y[2 * i + 1] / norm};

		uiml_transfer_state_add_f64(cosine, x + 2 * i, y + 2 * i, 1);
		uiml_transfer_state_add_f64(cosine, x + 2 * i, nothing, 1);
		uiml_transfer_state_add_f64(unit, x + 2 * i, target, 1);
	}
	assert_false(uiml_transfer_state_alike(cosine, unit));
	a = finish(cosine);
	b = finish(unit);
	assert_true(difference(a, b) < 1e-14);
	free(cosine);
	free(unit);
	free(a);
	free(b);
}

static void
test_offset(void **state)
{
	UimlTransferState *s = new_state(1, 1, UIML_LOSS_SQUARED);
	UimlTransferStats *stats;
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 1);
	for (size_t i = 0; i < 100000; i++)
	{
		double deviate = uiml_rng_normal(&rng), from = 1e8 + deviate;
		double to = 2 * deviate + .1 * uiml_rng_normal(&rng);

		uiml_transfer_state_add_f64(s, &from, &to, 1);
	}
	stats = finish(s);
	assert_true(fabs(uiml_transfer_cxy(stats)[0] / uiml_transfer_cxx(stats)[0] - 2) < .001);
	free(s);
	free(stats);
}

static void
test_state_binary(void **state)
{
	double prior[9 * 4];

	(void) state;
	memcpy(prior, x, sizeof(prior));
	for (int with_prior = 0; with_prior < 2; with_prior++)
	{
		UimlTransferState *s = malloc(uiml_transfer_state_size(9, 4, with_prior));
		UimlTransferState *copy;
		size_t length, size;
		uint8_t *bytes;

		uiml_transfer_state_init(s, 9, 4, UIML_LOSS_COSINE, .5, with_prior ? prior : NULL);
		add_rows(s, 0, 75, false);
		assert_int_equal(s->pending, 75 % UIML_TRANSFER_BLOCK);
		length = uiml_transfer_state_binary_size(s);
		bytes = malloc(length);
		uiml_transfer_state_write(s, bytes);
		assert_int_equal(uiml_transfer_state_read_size(bytes, length, &size), UIML_OK);
		assert_int_equal(size, uiml_transfer_state_size(9, 4, with_prior));
		copy = malloc(size);
		assert_int_equal(uiml_transfer_state_read(bytes, copy), UIML_OK);
		assert_true(uiml_transfer_state_alike(s, copy));

		/* both go on as if nothing had happened */
		add_rows(s, 75, N, true);
		add_rows(copy, 75, N, true);
		assert_true(uiml_stats_equal(uiml_transfer_state_stats(s), uiml_transfer_state_stats(copy)));
		for (size_t b = 0; b < 32; b++)
		{
			bytes[b] ^= 0x40;
			assert_true(uiml_transfer_state_read_size(bytes, length, &size) != UIML_OK ||
						uiml_transfer_state_read(bytes, copy) != UIML_OK);
			bytes[b] ^= 0x40;
		}
		free(bytes);
		free(copy);
		free(s);
	}
}

/* ---------- external forms of statistics ---------- */

static UimlStatus
parse_stats(const char *text, UimlTransferStats **stats, UimlTextError *error)
{
	UimlEnv env = uiml_env_malloc();
	size_t length = strlen(text), p, q;
	char *exact = malloc(length > 0 ? length : 1);
	UimlStatus status;

	memcpy(exact, text, length);
	*stats = NULL;
	status = uiml_stats_text_shape(exact, length, &p, &q, error);
	if (status == UIML_OK)
	{
		*stats = uiml_transfer_create(&env, p, q);
		status = uiml_stats_parse(exact, length, *stats, error);
	}
	free(exact);
	return status;
}

static void
test_text(void **state)
{
	UimlTransferStats *stats;
	UimlTextError error;

	(void) state;
	assert_int_equal(parse_stats(" { \"n\" : 2, \"weight\":2,\"weight2\":2,\"mean_source\":[0.5,1],"
								 "\"mean_target\":[3],\"source\":[[0.5,1],[2]],\"cross\":[[1],[2]],"
								 "\"target\":[[2]] }\n",
								 &stats, &error),
					 UIML_OK);
	assert_true(stats->n == 2 && stats->weight == 2 && stats->p == 2 && stats->q == 1);
	assert_true(stats->data[0] == .5 && stats->data[1] == 1 && stats->data[2] == 3);
	assert_true(uiml_transfer_cxx(stats)[1] == 1 && uiml_transfer_cxx(stats)[2] == 0 &&
				uiml_transfer_cxx(stats)[3] == 2);
	assert_true(uiml_transfer_cxy(stats)[1] == 2 && uiml_transfer_cyy(stats)[0] == 2);
	free(stats);
}

/* One place of a good text replaced. */
static void
test_text_refuses(void **state)
{
	static const char good[] = "{\"n\":2,\"weight\":2,\"weight2\":2,\"mean_source\":[1],\"mean_target\":[3],"
							   "\"source\":[[2]],\"cross\":[[1]],\"target\":[[2]]}";
	static const struct
	{
		const char *from, *to;
		UimlStatus status;
	} cases[] = {{"\"n\":2", "\"n\":-2", UIML_EINVALID},
				 {"\"n\":2", "\"n\":2.5", UIML_ECORRUPT},
				 {"\"n\":2", "\"n\":1e3", UIML_ECORRUPT},
				 {"\"n\":2", "\"n\":99999999999999999999", UIML_ENOTFINITE},
				 {"\"n\":2", "\"n\":0", UIML_EINVALID},
				 {"\"n\":2", "\"m\":2", UIML_ECORRUPT},
				 {"\"weight\":2", "\"weight\":0", UIML_EINVALID},
				 {"\"weight\":2", "\"weight\":-2", UIML_EINVALID},
				 {"\"weight2\":2", "\"weight2\":1", UIML_EINVALID},
				 {"\"weight2\":2", "\"weight2\":5", UIML_EINVALID},
				 {"[1]", "[]", UIML_EEMPTY},
				 {"[1]", "[nan]", UIML_ENOTFINITE},
				 {"[1]", "[1e999]", UIML_ENOTFINITE},
				 {"[1]", "[1,2]", UIML_EINVALID},
				 {"[[1]]", "[[1,1]]", UIML_EINVALID},
				 {"[[1]]", "[[1],[1]]", UIML_ECORRUPT},
				 {"[[1]]", "[[-2.1]]", UIML_EINVALID},
				 {"[[2]]", "[[-2]]", UIML_EINVALID},
				 {"[[2]]", "[[0]]", UIML_EINVALID},
				 {"}", "", UIML_ECORRUPT},
				 {"}", "}}", UIML_ECORRUPT}};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *at = strstr(good, cases[i].from);
		char text[256];
		UimlTransferStats *stats;
		UimlTextError error;
		UimlStatus status;

		snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - good), good, cases[i].to,
				 at + strlen(cases[i].from));
		status = parse_stats(text, &stats, &error);
		if (status != cases[i].status)
			fail_msg("%s: %s", text, uiml_status_name(status));
		free(stats);
	}
}

static void
test_binary(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTransferStats *stats = stats_of_rows(7, 3, true), *copy = uiml_transfer_create(&env, 7, 3);
	size_t length = uiml_stats_binary_size(7, 3), p, q;
	uint8_t *bytes = malloc(length);

	(void) state;
	uiml_stats_write(stats, bytes);
	assert_int_equal(uiml_stats_read_shape(bytes, length, &p, &q), UIML_OK);
	assert_true(p == 7 && q == 3);
	assert_int_equal(uiml_stats_read(bytes, copy), UIML_OK);
	assert_true(uiml_stats_equal(stats, copy));
	assert_int_equal(uiml_stats_read_shape(bytes, length - 1, &p, &q), UIML_ECORRUPT);
	for (size_t b = 0; b < UIML_STATS_HEADER; b++)
	{
		bytes[b] ^= 0x80;
		assert_true(uiml_stats_read_shape(bytes, length, &p, &q) != UIML_OK ||
					uiml_stats_read(bytes, copy) != UIML_OK || !uiml_stats_equal(stats, copy));
		bytes[b] ^= 0x80;
	}
	free(bytes);
	free(stats);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),         cmocka_unit_test(test_floats),
									   cmocka_unit_test(test_merge),        cmocka_unit_test(test_forget),
									   cmocka_unit_test(test_cosine),       cmocka_unit_test(test_offset),
									   cmocka_unit_test(test_state_binary), cmocka_unit_test(test_text),
									   cmocka_unit_test(test_text_refuses), cmocka_unit_test(test_binary)};

	return cmocka_run_group_tests(tests, fill_rows, NULL);
}
