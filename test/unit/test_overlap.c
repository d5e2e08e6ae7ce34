/*
 * test_overlap.c
 *	  Overlapping users out of two domains, and the choice of some of them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/overlap.h"
#include "testenv.h"

/*
 * Source: three users of four items, the last of which has no place, and one text; target: two users of three
 * items.
 */
static size_t source_start[] = {0, 3, 4, 6};
static uint32_t source_item[] = {0, 2, 4, 3, 1, 2};
static size_t target_start[] = {0, 1, 3};
static uint32_t target_item[] = {1, 0, 2};
static float mass[] = {2, 1, 1, 1, 1, 3};
static float source_in[] = {1, 0, 0, 1, 0, 1, 0, 0, 1, 1};
static float target_in[] = {3, 4, 0, 0, 0, 2, 0, 0, 5};

static UimlInteractions source_rows = {.n_users = 3,
									   .n_items = 4,
									   .n_texts = 1,
									   .n_entries = 6,
									   .row_start = source_start,
									   .item = source_item,
									   .strength = mass,
									   .mass = mass};
static UimlInteractions target_rows = {.n_users = 2,
									   .n_items = 3,
									   .n_entries = 3,
									   .row_start = target_start,
									   .item = target_item,
									   .strength = mass,
									   .mass = mass};
static UimlModel source_model = {.n_items = 4, .n_texts = 1, .dims = 2, .in = source_in, .text_weight = 1};
static UimlModel target_model = {.n_items = 3, .dims = 3, .in = target_in};

static UimlStatus
make(const UimlEnv *env, const UimlUserPair *pair, size_t n, UimlOverlap *overlap)
{
	UimlDomainRows source = {&source_model, &source_rows};
	UimlDomainRows target = {&target_model, &target_rows};

	return uiml_overlap_from_models(env, &source, &target, pair, n, overlap);
}

static const UimlUserPair pairs[] = {{2, 1, 7}, {1, 0, 1}, {0, 0, 3}};

/* Somebody whose only source item has no place is left out; texts have a say in x and are no items. */
static void
test_from_models(void **state)
{
	static const float x[] = {0, 1, .8320503f, .5547002f};
	UimlEnv env = test_env_counting();
	UimlOverlap overlap;

	(void) state;
	assert_int_equal(make(&env, pairs, 3, &overlap), UIML_OK);
	assert_int_equal(overlap.n, 2);
	assert_int_equal(overlap.p, 2);
	assert_int_equal(overlap.q, 3);
	assert_int_equal(overlap.fold[0], 7);
	assert_int_equal(overlap.fold[1], 3);
	for (size_t i = 0; i < 4; i++)
		assert_true(fabsf(overlap.x[i] - x[i]) < 1e-6f);
	for (size_t u = 0; u < 2; u++)
	{
		float *row = overlap.y + u * 3;

		assert_true(fabsf(row[0] * row[0] + row[1] * row[1] + row[2] * row[2] - 1) < 1e-6f);
	}
	assert_int_equal(overlap.source.n_items, 4);
	assert_int_equal(overlap.source.start[1], 2);
	assert_int_equal(overlap.source.start[2], 4);
	assert_memory_equal(overlap.source.item, ((uint32_t[]){1, 2, 0, 2}), 4 * sizeof(uint32_t));
	assert_int_equal(overlap.target.start[2], 3);
	assert_memory_equal(overlap.target.item, ((uint32_t[]){0, 2, 1}), 3 * sizeof(uint32_t));
	uiml_overlap_free(&env, &overlap);
	assert_int_equal(test_env_live(), 0);
}

static void
test_select(void **state)
{
	static const uint8_t flag[] = {0, 1};
	static const uint8_t nobody[] = {0, 0};
	UimlEnv env = test_env_counting();
	UimlOverlap overlap, chosen;

	(void) state;
	assert_int_equal(make(&env, pairs, 3, &overlap), UIML_OK);
	assert_int_equal(uiml_overlap_select(&env, &overlap, flag, &chosen), UIML_OK);
	assert_int_equal(chosen.n, 1);
	assert_int_equal(chosen.fold[0], 3);
	assert_int_equal(chosen.source.n_items, 4);
	assert_int_equal(chosen.target.n_items, 3);
	assert_memory_equal(chosen.x, overlap.x + 2, 2 * sizeof(float));
	assert_memory_equal(chosen.y, overlap.y + 3, 3 * sizeof(float));
	assert_int_equal(chosen.source.start[1], 2);
	assert_memory_equal(chosen.source.item, overlap.source.item + 2, 2 * sizeof(uint32_t));
	assert_int_equal(chosen.target.item[0], 1);
	uiml_overlap_free(&env, &chosen);
	assert_int_equal(uiml_overlap_select(&env, &overlap, nobody, &chosen), UIML_OK);
	assert_int_equal(chosen.n, 0);
	uiml_overlap_free(&env, &chosen);
	uiml_overlap_free(&env, &overlap);
	assert_int_equal(test_env_live(), 0);
}

static void
test_pairs_out_of_range(void **state)
{
	static const UimlUserPair wrong[] = {{3, 0, 0}, {0, 2, 0}, {0, 0, UIML_FOLDS}};
	UimlEnv env = test_env_counting();
	UimlOverlap overlap;

	(void) state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(make(&env, wrong + i, 1, &overlap), UIML_EINVALID);
	assert_int_equal(test_env_live(), 0);
}

static void
test_unit(void **state)
{
	float vector[] = {3, 4};
	float none[] = {0, 0};

	(void) state;
	assert_true(uiml_overlap_unit(vector, 2, vector));
	assert_true(fabsf(vector[0] - .6f) < 1e-7f && fabsf(vector[1] - .8f) < 1e-7f);
	assert_false(uiml_overlap_unit(none, 2, vector));
	none[0] = NAN;
	assert_false(uiml_overlap_unit(none, 2, vector));
	assert_true(fabsf(vector[0] - .6f) < 1e-7f);
}

static UimlStatus
make_and_select(const UimlEnv *env)
{
	static const uint8_t flag[] = {1, 1};
	UimlOverlap overlap, chosen;
	UimlStatus status = make(env, pairs, 3, &overlap);

	if (status != UIML_OK)
		return status;
	status = uiml_overlap_select(env, &overlap, flag, &chosen);
	if (status == UIML_OK)
		uiml_overlap_free(env, &chosen);
	uiml_overlap_free(env, &overlap);
	return status;
}

static void
test_out_of_memory(void **state)
{
	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = make_and_select(&env);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
}

static void
test_interrupts(void **state)
{
	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = make_and_select(&env);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_models),        cmocka_unit_test(test_select),
		cmocka_unit_test(test_pairs_out_of_range), cmocka_unit_test(test_unit),
		cmocka_unit_test(test_out_of_memory),      cmocka_unit_test(test_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
