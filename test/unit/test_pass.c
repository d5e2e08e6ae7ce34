/*
 * test_pass.c
 *	  Packed users, and passes over them in any partition.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/model.h"
#include "core/pass.h"
#include "core/rng.h"
#include "testenv.h"

enum
{
	USERS = 60,
	ITEMS = 25,
	TEXTS = 3,
	EVENTS = 20,
	WIDTH = 11
};

/* Everybody's events, as they are and packed. */
typedef struct World
{
	UimlEvent event[USERS][EVENTS];
	uint8_t *packed[USERS];
	size_t length;
	UimlInteractions x;
	float basis[ITEMS * WIDTH];
	uint32_t interest[ITEMS];
} World;

static World world;

static int
group_setup(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 3);
	world.length = uiml_userpack_size(EVENTS, true);
	for (size_t u = 0; u < USERS; u++)
	{
		for (size_t i = 0; i < EVENTS; i++)
			world.event[u][i] =
				(UimlEvent){(uint32_t) u, (uint32_t) uiml_rng_below(&rng, ITEMS + TEXTS),
							uiml_rng_uniform(&rng) * 1e6, .5f + (float) uiml_rng_uniform(&rng)};
		assert_int_equal(uiml_events_sort_user(&env, world.event[u], EVENTS), UIML_OK);
		world.packed[u] = malloc(world.length);
		uiml_userpack_write(world.event[u], EVENTS, true, world.packed[u]);
	}
	assert_int_equal(uiml_interactions_build(&env, world.event[0], (size_t) USERS * EVENTS, USERS, ITEMS,
											 TEXTS, -INFINITY, INFINITY, 1e6, 3e5, &world.x),
					 UIML_OK);
	for (size_t i = 0; i < ITEMS * WIDTH; i++)
		world.basis[i] = (float) uiml_rng_normal(&rng);
	for (size_t i = 0; i < ITEMS; i++)
		world.interest[i] = i == 4 ? UINT32_MAX : (uint32_t) (i % WIDTH);
	return 0;
}

static int
group_teardown(void **state)
{
	UimlEnv env = uiml_env_malloc();

	(void) state;
	uiml_interactions_free(&env, &world.x);
	for (size_t u = 0; u < USERS; u++)
		free(world.packed[u]);
	return 0;
}

/* A job of a kind, with users 3 and 40 left out. */
static uint8_t *
job_of(UimlPassKind kind, UimlPass *pass, size_t *length)
{
	UimlPassJob job = {.mark = UIML_PASS_MARK,
					   .kind = kind,
					   .n_items = ITEMS,
					   .width = WIDTH,
					   .n_excluded = 2,
					   .window = {-INFINITY, INFINITY, 1e6, 3e5},
					   .row_scale = .25,
					   .scale = 1};
	const uint32_t excluded[] = {3, 40};
	uint8_t *bytes = malloc(uiml_pass_job_size(&job));
	size_t payload = uiml_pass_payload_size(&job);

	*length = uiml_pass_job_size(&job);
	memcpy(bytes, &job, sizeof(job));
	memcpy(bytes + sizeof(job), kind == UIML_PASS_PRIOR ? (const void *) world.interest : world.basis,
		   payload);
	memcpy(bytes + sizeof(job) + payload, excluded, sizeof(excluded));
	assert_int_equal(uiml_pass_open(bytes, *length, pass), UIML_OK);
	return bytes;
}

static UimlPassState *
new_state(UimlPassKind kind)
{
	UimlPassState *state = malloc(uiml_pass_state_size(kind, ITEMS, WIDTH));

	state->length_word = 0;
	uiml_pass_state_init(state, kind, ITEMS, WIDTH);
	return state;
}

/* The pass in as many processes as said, each of which takes every n-th user. */
static UimlPassState *
run(UimlPassKind kind, size_t processes)
{
	UimlEnv env = uiml_env_malloc();
	UimlPass pass;
	size_t length;
	uint8_t *job = job_of(kind, &pass, &length);
	UimlPassState *sum = new_state(kind);

	for (size_t p = 0; p < processes; p++)
	{
		UimlPassState *state = new_state(kind);

		for (size_t u = p; u < USERS; u += processes)
			assert_int_equal(uiml_pass_add(&env, &pass, (uint32_t) u, world.packed[u], world.length, state),
							 UIML_OK);
		uiml_pass_merge(sum, state);
		free(state);
	}
	free(job);
	return sum;
}

static bool
is_used(size_t user)
{
	return user != 3 && user != 40;
}

static void
test_packed(void **state)
{
	UimlEvent events[EVENTS];
	uint8_t timeless[UIML_USERPACK_HEADER + 8 * EVENTS];
	size_t n;

	(void) state;
	assert_int_equal(uiml_userpack_count(world.packed[5], world.length, &n), UIML_OK);
	assert_int_equal(n, EVENTS);
	assert_int_equal(uiml_userpack_read(world.packed[5], n, 5, events), UIML_OK);
	for (size_t i = 0; i < n; i++)
	{
		const UimlEvent *e = &world.event[5][i];

		assert_true(events[i].user == 5 && events[i].item == e->item && events[i].at == e->at &&
					events[i].weight == e->weight);
	}
	uiml_userpack_write(world.event[5], EVENTS, false, timeless);
	assert_int_equal(uiml_userpack_count(timeless, sizeof(timeless), &n), UIML_OK);
	assert_int_equal(uiml_userpack_read(timeless, n, 5, events), UIML_OK);
	assert_true(events[3].at == 0 && events[3].weight == world.event[5][3].weight);
}

static void
test_packed_corrupt(void **state)
{
	UimlEvent events[EVENTS];
	uint8_t bytes[UIML_USERPACK_HEADER + 16 * EVENTS];
	size_t n;

	(void) state;
	assert_int_equal(sizeof(bytes), world.length);
	for (size_t i = 0; i < UIML_USERPACK_HEADER; i++)
	{
		memcpy(bytes, world.packed[0], sizeof(bytes));
		bytes[i] ^= 0x40;
		assert_int_equal(uiml_userpack_count(bytes, sizeof(bytes), &n), UIML_ECORRUPT);
	}
	memcpy(bytes, world.packed[0], sizeof(bytes));
	for (size_t length = 0; length < sizeof(bytes); length++)
		assert_int_equal(uiml_userpack_count(bytes, length, &n), UIML_ECORRUPT);
	bytes[UIML_USERPACK_HEADER + 3] = 0x7f; /* the first item comes after the second */
	assert_int_equal(uiml_userpack_read(bytes, EVENTS, 0, events), UIML_ECORRUPT);
	memcpy(bytes, world.packed[0], sizeof(bytes));
	memcpy(bytes + UIML_USERPACK_HEADER + 4 * EVENTS, "\0\0\0\0", 4); /* weight 0 */
	assert_int_equal(uiml_userpack_read(bytes, EVENTS, 0, events), UIML_ECORRUPT);
	memcpy(bytes, world.packed[0], sizeof(bytes));
	memcpy(bytes + UIML_USERPACK_HEADER + 8 * EVENTS, "\0\0\0\0\0\0\xf8\x7f", 8); /* time NaN */
	assert_int_equal(uiml_userpack_read(bytes, EVENTS, 0, events), UIML_ECORRUPT);
}

/* The same sums as over the interactions in memory, in one process and in seven. */
static void
test_masses(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlRows rows = uiml_rows_in_memory(&world.x);
	uint8_t used[USERS];
	double mass[ITEMS], faded[ITEMS];
	size_t n_rows;

	(void) state;
	for (size_t u = 0; u < USERS; u++)
		used[u] = is_used(u);
	assert_int_equal(rows.masses(rows.ctx, &env, used, false, mass, &n_rows), UIML_OK);
	assert_int_equal(rows.masses(rows.ctx, &env, used, true, faded, NULL), UIML_OK);
	for (size_t processes = 1; processes <= 7; processes += 6)
	{
		UimlPassState *sum = run(UIML_PASS_MASSES, processes);
		const UimlPassItem *item = (const UimlPassItem *) (const void *) sum->cell;

		assert_int_equal(sum->users, n_rows);
		for (size_t i = 0; i < ITEMS; i++)
		{
			assert_true(fabs(item[i].mass / mass[i] - 1) < 1e-12);
			assert_true(fabs(item[i].faded / faded[i] - 1) < 1e-12);
		}
		free(sum);
	}
}

static void
test_prior(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlRows rows = uiml_rows_in_memory(&world.x);
	uint8_t used[USERS];
	double prior[WIDTH], users;

	(void) state;
	for (size_t u = 0; u < USERS; u++)
		used[u] = is_used(u);
	assert_int_equal(rows.prior(rows.ctx, &env, used, world.interest, ITEMS, WIDTH, prior, &users), UIML_OK);
	for (size_t processes = 1; processes <= 7; processes += 6)
	{
		UimlPassState *sum = run(UIML_PASS_PRIOR, processes);

		assert_true(sum->users == users);
		for (size_t j = 0; j < WIDTH; j++)
			assert_true(fabs(sum->cell[j] / prior[j] - 1) < 1e-12);
		free(sum);
	}
}

/* A of the test's users, dense, in doubles. */
static void
dense_matrix(double *a)
{
	memset(a, 0, USERS * ITEMS * sizeof(double));
	for (size_t u = 0; u < USERS; u++)
	{
		size_t end = uiml_items_end(&world.x, u);

		for (size_t e = world.x.row_start[u]; is_used(u) && e < end; e++)
			a[u * ITEMS + world.x.item[e]] =
				log2(1 + (double) world.x.strength[e]) / pow((double) (end - world.x.row_start[u]), .25);
	}
}

static void
test_products(void **state)
{
	double a[USERS * ITEMS], z[USERS * WIDTH] = {0};

	(void) state;
	dense_matrix(a);
	for (size_t u = 0; u < USERS; u++)
		for (size_t i = 0; i < ITEMS; i++)
			for (size_t j = 0; j < WIDTH; j++)
				z[u * WIDTH + j] += a[u * ITEMS + i] * world.basis[i * WIDTH + j];
	for (size_t processes = 1; processes <= 7; processes += 6)
	{
		UimlPassState *product = run(UIML_PASS_PRODUCT, processes);
		UimlPassState *gram = run(UIML_PASS_GRAM, processes);
		const float *cell = (const float *) (const void *) product->cell;

		for (size_t j = 0; j < WIDTH; j++)
		{
			for (size_t i = 0; i < ITEMS; i++)
			{
				double expected = 0;

				for (size_t u = 0; u < USERS; u++)
					expected += a[u * ITEMS + i] * z[u * WIDTH + j];
				assert_true(fabs(cell[i * WIDTH + j] - expected) < 1e-4);
			}
			for (size_t k = j; k < WIDTH; k++)
			{
				double expected = 0;

				for (size_t u = 0; u < USERS; u++)
					expected += z[u * WIDTH + j] * z[u * WIDTH + k];
				assert_true(fabs(gram->cell[j * WIDTH + k] - expected) < 1e-3);
			}
		}
		free(product);
		free(gram);
	}
}

static void
test_state_binary(void **state)
{
	(void) state;
	for (UimlPassKind kind = UIML_PASS_MASSES; kind <= UIML_PASS_PRIOR; kind++)
	{
		UimlPassState *sum = run(kind, 1);
		UimlPassState *copy = new_state(kind);
		size_t length = uiml_pass_state_binary_size(sum);
		uint8_t *bytes = malloc(length);
		size_t size;

		uiml_pass_state_write(sum, bytes);
		assert_int_equal(uiml_pass_state_read_size(bytes, length, &size), UIML_OK);
		assert_int_equal(size, uiml_pass_state_size(kind, ITEMS, WIDTH));
		uiml_pass_state_read(bytes, copy);
		assert_memory_equal(&sum->kind, &copy->kind, size - sizeof(uint32_t));
		assert_int_equal(uiml_pass_state_read_size(bytes, length - 1, &size), UIML_ECORRUPT);
		for (size_t i = 0; i < UIML_PASS_STATE_HEADER - 8; i++)
		{
			/* Sums by item have no width, the others by dimension or interest no items. */
			if ((kind >= UIML_PASS_GRAM && i / 8 == 2) || (kind == UIML_PASS_MASSES && i / 8 == 3))
				continue;
			bytes[i] ^= 0x21;
			assert_int_equal(uiml_pass_state_read_size(bytes, length, &size), UIML_ECORRUPT);
			bytes[i] ^= 0x21;
		}
		free(bytes);
		free(copy);
		free(sum);
	}
	assert_true(uiml_pass_state_size(UIML_PASS_PRODUCT, UINT64_MAX, 2) == SIZE_MAX);
	assert_true(uiml_pass_state_size(9, 1, 1) == SIZE_MAX);
}

static void
test_job_invalid(void **state)
{
	UimlPass pass;
	size_t length;
	uint8_t *job = job_of(UIML_PASS_GRAM, &pass, &length);
	UimlPassJob head;

	(void) state;
	assert_int_equal(uiml_pass_open(job, length - 4, &pass), UIML_ECORRUPT);
	assert_int_equal(uiml_pass_open(job, 3, &pass), UIML_ECORRUPT);
	memcpy(&head, job, sizeof(head));

#define REFUSED(FIELD, VALUE)                                                                                \
	do                                                                                                       \
	{                                                                                                        \
		UimlPassJob wrong = head;                                                                            \
		wrong.FIELD = (VALUE);                                                                               \
		memcpy(job, &wrong, sizeof(wrong));                                                                  \
		assert_int_equal(uiml_pass_open(job, length, &pass), UIML_ECORRUPT);                                 \
	} while (0)

	REFUSED(mark, 0);
	REFUSED(kind, 5);
	REFUSED(n_items, UINT64_MAX);
	REFUSED(width, WIDTH + 1);
	REFUSED(n_excluded, UINT64_MAX / 2);
	REFUSED(row_scale, NAN);
	REFUSED(scale, 0);
	REFUSED(window.half_life, -1);
	REFUSED(window.until, INFINITY);
	free(job);
}

static void
test_failures(void **state)
{
	(void) state;
	for (UimlPassKind kind = UIML_PASS_MASSES; kind <= UIML_PASS_PRIOR; kind++)
		for (int what = 0; what < 2; what++)
			for (long k = 1;; k++)
			{
				long countdown = k;
				UimlEnv env =
					what == 0 ? test_env_failing_alloc(&countdown) : test_env_interrupting(&countdown);
				UimlPass pass;
				size_t length;
				uint8_t *job = job_of(kind, &pass, &length);
				UimlPassState *sum = new_state(kind);
				UimlStatus status = uiml_pass_add(&env, &pass, 0, world.packed[0], world.length, sum);

				free(job);
				free(sum);
				assert_int_equal(test_env_live(), 0);
				if (status == UIML_OK)
					break;
				assert_int_equal(status, what == 0 ? UIML_ENOMEM : UIML_EINTERRUPTED);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packed),      cmocka_unit_test(test_packed_corrupt),
		cmocka_unit_test(test_masses),      cmocka_unit_test(test_prior),
		cmocka_unit_test(test_products),    cmocka_unit_test(test_state_binary),
		cmocka_unit_test(test_job_invalid), cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("pass", tests, group_setup, group_teardown);
}
