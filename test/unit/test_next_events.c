/*
 * test_next_events.c
 *	  What is counted of pairs of classes, beside plain loops; rules by hand; ridges beside dense elimination.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/next_links.h"
#include "core/next_solve.h"
#include "next_source.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((double) (a) - (double) (b)) < (tolerance))

enum
{
	ITEMS = 9,
	STEPS = 50
};

static const UimlNextSpace space = {.n_items = ITEMS};

static void
read_events(const TestSource *t, UimlNextEvents *events)
{
	UimlEnv env = test_env_counting();

	assert_int_equal(uiml_next_events_read(&env, &t->source, UIML_NEXT_ITEM, &space, ITEMS, 0, events),
					 UIML_OK);
}

static void
two_sequences(TestSource *t)
{
	test_source_create(t, 2, 5);
	test_source_put(t, (const uint32_t[]){0, 1, 2}, 3);
	/* An item counts where it is first; one that nobody knows doesn't. */
	test_source_put(t, (const uint32_t[]){1, 0, 1, 77, 2}, 5);
}

static void
test_rules_by_hand(void **state)
{
	UimlEnv env = test_env_counting();
	TestSource t;
	UimlNextEvents events;
	UimlNextLinks links = {0};

	(void) state;
	two_sequences(&t);
	read_events(&t, &events);
	assert_int_equal(events.start[ITEMS], 6);
	assert_true(events.count[0] == 2 && events.count[1] == 2 && events.count[2] == 2);
	assert_int_equal(uiml_next_fit_rules(&env, &events, 10, &links), UIML_OK);

	/* 0: then 1, 2 and then 2; over sqrt(2). */
	assert_int_equal(links.start[1], 2);
	assert_int_equal(links.class_no[0], 1);
	assert_near(links.weight[0], 1 / sqrt(2), 1e-6);
	assert_int_equal(links.class_no[1], 2);
	assert_near(links.weight[1], 1.5 / sqrt(2), 1e-6);
	/* 1: then 2, and then 0, 2. */
	assert_int_equal(links.start[2], 4);
	assert_int_equal(links.class_no[2], 0);
	assert_near(links.weight[2], 1 / sqrt(2), 1e-6);
	assert_near(links.weight[3], 1.5 / sqrt(2), 1e-6);
	assert_int_equal(links.start[ITEMS], 4);
	uiml_next_links_free(&env, &links);
	uiml_next_events_free(&env, &events);
	test_source_free(&t);
	assert_int_equal(test_env_live(), 0);
}

/* X'X, X'Y of decayed histories, and of whole sequences, by loops over rows. */
static void
plain_matrices(const UimlNextEvents *events, double decay, double (*xx)[ITEMS], double (*xy)[ITEMS],
			   double (*both)[ITEMS])
{
	size_t first = 1;

	for (size_t i = 1; i < events->n; i++)
	{
		double x[ITEMS] = {0};

		if (events->class_no[i] == UIML_NEXT_END)
		{
			for (size_t a = first; a < i; a++)
				for (size_t b = first; b < i; b++)
					both[events->class_no[a]][events->class_no[b]] += 1;
			first = i + 1;
			continue;
		}
		for (size_t j = first; j < i; j++)
			x[events->class_no[j]] += pow(decay, (double) (i - 1 - j));
		for (size_t a = 0; a < ITEMS; a++)
		{
			xy[a][events->class_no[i]] += x[a];
			for (size_t b = 0; b < ITEMS; b++)
				xx[a][b] += x[a] * x[b];
		}
	}
}

static void
assert_rows(const UimlNextEvents *events, UimlNextCount count, float decay, double (*expected)[ITEMS],
			bool transposed)
{
	UimlEnv env = test_env_counting();
	UimlNextRow row;

	assert_int_equal(uiml_next_row_create(&env, ITEMS, &row), UIML_OK);
	for (uint32_t c = 0; c < ITEMS; c++)
	{
		assert_int_equal(count(&env, events, decay, STEPS, c, &row), UIML_OK);
		for (uint32_t j = 0; j < ITEMS; j++)
			assert_near(row.value[j], transposed ? expected[j][c] : expected[c][j], 1e-3);
		uiml_next_row_clear(&row);
	}
	uiml_next_row_free(&env, &row);
}

/* a (n x n) = inverse of a + lambda I, by Gauss and Jordan. */
static void
invert(double (*a)[ITEMS], double lambda, double (*inverse)[ITEMS])
{
	for (size_t i = 0; i < ITEMS; i++)
		for (size_t j = 0; j < ITEMS; j++)
			inverse[i][j] = i == j;
	for (size_t i = 0; i < ITEMS; i++)
		a[i][i] += lambda;
	for (size_t k = 0; k < ITEMS; k++)
	{
		double pivot = a[k][k];

		for (size_t j = 0; j < ITEMS; j++)
		{
			a[k][j] /= pivot;
			inverse[k][j] /= pivot;
		}
		for (size_t i = 0; i < ITEMS; i++)
		{
			double factor = a[i][k];

			for (size_t j = 0; i != k && j < ITEMS; j++)
			{
				a[i][j] -= factor * a[k][j];
				inverse[i][j] -= factor * inverse[k][j];
			}
		}
	}
}

static void
assert_links(const UimlNextLinks *links, double (*expected)[ITEMS])
{
	double weight[ITEMS][ITEMS] = {{0}};

	for (size_t i = 0; i < ITEMS; i++)
		for (uint64_t e = links->start[i]; e < links->start[i + 1]; e++)
			weight[i][links->class_no[e]] = (double) links->weight[e];
	for (size_t i = 0; i < ITEMS; i++)
		for (size_t j = 0; j < ITEMS; j++)
			assert_near(weight[i][j], expected[i][j], 1e-2);
}

static void
test_ridges(void **state)
{
	double xx[ITEMS][ITEMS] = {{0}}, xy[ITEMS][ITEMS] = {{0}}, both[ITEMS][ITEMS] = {{0}};
	double inverse[ITEMS][ITEMS], w[ITEMS][ITEMS] = {{0}};
	UimlNextRidgeSpec spec = {.decay = .8f, .steps = STEPS, .lambda = 5};
	UimlEnv env = test_env_counting();
	TestSource t;
	UimlNextEvents events;
	UimlNextLinks links;

	(void) state;
	test_source_ring(&t, 60, 8, ITEMS, .3, 5);
	read_events(&t, &events);
	plain_matrices(&events, .8, xx, xy, both);
	assert_rows(&events, uiml_next_count_histories, .8f, xx, false);
	assert_rows(&events, uiml_next_count_predecessors, .8f, xy, true);
	assert_rows(&events, uiml_next_count_together, 1, both, false);

	invert(xx, spec.lambda, inverse);
	for (size_t i = 0; i < ITEMS; i++)
		for (size_t j = 0; j < ITEMS; j++)
			for (size_t k = 0; k < ITEMS; k++)
				w[i][j] += inverse[i][k] * xy[k][j];
	assert_int_equal(uiml_next_fit_links(&env, &events, &spec, 0, &links), UIML_OK);
	assert_links(&links, w);
	uiml_next_links_free(&env, &links);

	spec.together = true;
	invert(both, spec.lambda, inverse);
	for (size_t i = 0; i < ITEMS; i++)
		for (size_t j = 0; j < ITEMS; j++)
			w[i][j] = i == j ? 0 : -inverse[i][j] / inverse[j][j];
	assert_int_equal(uiml_next_fit_links(&env, &events, &spec, 0, &links), UIML_OK);
	assert_links(&links, w);
	uiml_next_links_free(&env, &links);

	/* Not in a kilobyte. */
	assert_int_equal(uiml_next_fit_links(&env, &events, &spec, 1000, &links), UIML_ELIMIT);
	uiml_next_events_free(&env, &events);
	test_source_free(&t);
	assert_int_equal(test_env_live(), 0);
}

/* A writer keeps the largest, in the order of classes. */
static void
test_writer(void **state)
{
	static const float value[] = {.1f, -.5f, 0, .3f, .2f};
	static const float importance[] = {9, 1, 1, 1, 1};
	UimlEnv env = test_env_counting();
	UimlNextWriter writer;
	UimlNextLinks links;

	(void) state;
	assert_int_equal(uiml_next_writer_create(&env, 5, 10, &writer), UIML_OK);
	writer.most = 2;
	uiml_next_writer_put(&writer, NULL, value, 5, NULL);
	uiml_next_writer_put(&writer, NULL, value, 5, importance);
	uiml_next_writer_put(&writer, (const uint32_t[]){4, 2}, value, 2, NULL);
	uiml_next_writer_put(&writer, NULL, value, 0, NULL);
	uiml_next_writer_put(&writer, NULL, value, 0, NULL);
	uiml_next_writer_finish(&env, &writer, &links);
	assert_int_equal(links.start[5], 5);
	assert_memory_equal(links.class_no, ((const uint32_t[]){1, 3, 0, 1, 4}), 5 * sizeof(uint32_t));
	assert_near(links.weight[0], -.5, 1e-7);
	uiml_next_links_free(&env, &links);
}

/* Where memory holds few events, whole sequences are left out, but all count for popularity. */
static void
test_sample_of_sequences(void **state)
{
	UimlEnv env = test_env_counting();
	TestSource t;
	UimlNextEvents events;
	double total = 0;

	(void) state;
	test_source_ring(&t, 60, 8, ITEMS, 0, 5);
	assert_int_equal(uiml_next_events_read(&env, &t.source, UIML_NEXT_ITEM, &space, ITEMS, 500, &events),
					 UIML_OK);
	assert_true(events.n <= 50 && events.n > 30);
	assert_int_equal(events.class_no[events.n - 1], UIML_NEXT_END);
	for (size_t c = 0; c < ITEMS; c++)
		total += events.count[c];
	assert_near(total, t.all.n_events, .5);
	uiml_next_events_free(&env, &events);
	test_source_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_by_hand),
		cmocka_unit_test(test_ridges),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_sample_of_sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
