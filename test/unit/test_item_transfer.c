/*
 * test_item_transfer.c
 *	  Item transfers on planted worlds: found where there is something to find, harmless where there is not.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/item_parts.h"
#include "core/item_pool.h"
#include "core/item_transfer.h"
#include "core/rng.h"
#include "testenv.h"

/* Users of four groups, each of which prefers a quarter of the items in both domains. */
enum
{
	USERS = 480,
	FITTED = USERS / 2, /* the others are newcomers, in no fit */
	ITEMS = 80,
	GROUPS = 4,
	EVENTS = 12,
	DIMS = 6
};

typedef struct World
{
	UimlInteractions rows[2];
	UimlModel model[2];
	UimlUserPair pair[FITTED];
} World;

/* linked: the group of a user is the same in both domains. */
static void
world_create(const UimlEnv *env, World *world, uint64_t seed, bool linked)
{
	UimlEvent *event = malloc(USERS * EVENTS * sizeof(*event));
	UimlModelParams params = uiml_model_defaults();
	uint8_t fitted[USERS];
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t u = 0; u < USERS; u++)
		fitted[u] = u < FITTED;
	params.dims = DIMS;
	params.interests = GROUPS;
	for (int domain = 0; domain < 2; domain++)
	{
		UimlRows rows;

		for (size_t u = 0; u < USERS; u++)
		{
			size_t own = linked || domain == 0 ? u % GROUPS : (size_t) uiml_rng_below(&rng, GROUPS);

			for (size_t e = 0; e < EVENTS; e++)
			{
				bool stray = uiml_rng_uniform(&rng) < .2;
				size_t group = stray ? (size_t) uiml_rng_below(&rng, GROUPS) : own;
				double r = uiml_rng_uniform(&rng);

				event[u * EVENTS + e] = (UimlEvent){
					(uint32_t) u, (uint32_t) ((size_t) (r * r * ITEMS / GROUPS) * GROUPS + group), 0, 1};
			}
		}
		assert_int_equal(uiml_events_sort(env, event, USERS * EVENTS, USERS), UIML_OK);
		assert_int_equal(uiml_interactions_build(env, event, USERS * EVENTS, USERS, ITEMS, 0, -INFINITY,
												 INFINITY, 0, INFINITY, &world->rows[domain]),
						 UIML_OK);
		rows = uiml_rows_in_memory(&world->rows[domain]);
		assert_int_equal(uiml_model_fit(env, &rows, fitted, &params, &world->model[domain]), UIML_OK);
	}
	for (uint32_t u = 0; u < FITTED; u++)
		world->pair[u] = (UimlUserPair){u, u, (uint8_t) uiml_rng_below(&rng, UIML_FOLDS)};
	free(event);
}

static void
world_free(const UimlEnv *env, World *world)
{
	for (int domain = 0; domain < 2; domain++)
	{
		uiml_interactions_free(env, &world->rows[domain]);
		uiml_model_free(env, &world->model[domain]);
	}
}

/* Of the first n users. */
static void
world_overlap_of(const UimlEnv *env, const World *world, size_t n, UimlOverlap *overlap)
{
	UimlDomainRows source = {&world->model[0], &world->rows[0]};
	UimlDomainRows target = {&world->model[1], &world->rows[1]};

	assert_int_equal(uiml_overlap_from_models(env, &source, &target, world->pair, n, overlap), UIML_OK);
}

static void
world_overlap(const UimlEnv *env, const World *world, UimlOverlap *overlap)
{
	world_overlap_of(env, world, FITTED, overlap);
}

/* Shares of user u of the overlap over items that are not left out; their sum is 1. */
static void
shares_of(const World *world, const UimlOverlap *overlap, const UimlItemTransfer *transfer, size_t u,
		  float *share)
{
	UimlEnv env = test_env_counting();
	const UimlItemLists *source = &overlap->source;
	double sum = 0;

	assert_int_equal(uiml_item_transfer_shares(&env, transfer, world->model[1].out,
											   world->model[1].popularity, overlap->x + u * overlap->p,
											   source->item + source->start[u],
											   (size_t) (source->start[u + 1] - source->start[u]), share),
					 UIML_OK);
	for (size_t i = 0; i < ITEMS; i++)
	{
		assert_true(share[i] == -INFINITY || share[i] >= 0);
		sum += share[i] > 0 ? share[i] : 0;
	}
	assert_true(fabs(sum - 1) < 1e-5);
}

/* Nats per item of newcomers, under their popularity and under the transfer where it is used. */
static void
newcomers_loss(const World *world, const UimlItemTransfer *transfer, double *prior, double *loss)
{
	UimlEnv env = test_env_counting();
	const UimlInteractions *source = &world->rows[0];
	const UimlInteractions *target = &world->rows[1];
	size_t n = 0;

	*prior = *loss = 0;
	for (size_t u = FITTED; u < USERS; u++)
	{
		float x[DIMS];
		float share[ITEMS] = {0};
		size_t first = source->row_start[u];
		size_t m = source->row_start[u + 1] - first;

		uiml_model_user(&world->model[0], source->item + first, source->mass + first, m, x, NULL);
		assert_true(uiml_overlap_unit(x, DIMS, x));
		assert_int_equal(uiml_item_transfer_shares(&env, transfer, world->model[1].out,
												   world->model[1].popularity, x, source->item + first, m,
												   share),
						 UIML_OK);
		for (size_t e = target->row_start[u]; e < target->row_start[u + 1]; e++, n++)
		{
			double popularity = fmax(world->model[1].popularity[target->item[e]], 1e-4);

			*prior -= log(popularity);
			*loss -= log(transfer->used ? fmax(share[target->item[e]], 1e-4) : popularity);
		}
	}
	*prior /= (double) n;
	*loss /= (double) n;
}

/* What a group prefers is told from what it did in the source; whatever takes no part stays out. */
static void
test_planted(void **state)
{
	UimlEnv env = test_env_counting();
	World world;
	UimlOverlap overlap;
	UimlItemTransfer transfer;
	UimlItemEvidence evidence;
	double weight = 0;
	double prior, loss;
	float share[ITEMS];

	(void) state;
	world_create(&env, &world, 3, true);
	world_overlap(&env, &world, &overlap);
	assert_int_equal(
		uiml_item_transfer_fit(&env, &overlap, &world.model[1], NULL, NULL, 1, &transfer, &evidence),
		UIML_OK);
	assert_true(transfer.used && evidence.map.used);
	newcomers_loss(&world, &transfer, &prior, &loss);
	assert_true(loss < prior - .3);
	assert_true(evidence.gain > .3 && evidence.gain > 5 * evidence.gain_se);
	assert_true(transfer.strength > 0 && transfer.temperature > 0);
	for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
		weight += transfer.weight[part];
	assert_true(fabs(weight - 1) < 1e-9);
	for (size_t u = 0; u < 20; u++)
	{
		double own = 0;

		memset(share, 0, sizeof(share));
		shares_of(&world, &overlap, &transfer, u, share);
		for (size_t i = 0; i < ITEMS; i++)
			own += i % GROUPS == u % GROUPS ? share[i] : 0;
		assert_true(own > .5);
	}
	for (size_t i = 0; i < ITEMS; i++)
		share[i] = i % 7 == 0 ? 0 : -INFINITY;
	shares_of(&world, &overlap, &transfer, 5, share);
	for (size_t i = 0; i < ITEMS; i++)
		assert_true((share[i] == -INFINITY) == (i % 7 != 0));
	uiml_item_transfer_free(&env, &transfer);
	uiml_overlap_free(&env, &overlap);
	world_free(&env, &world);
	assert_int_equal(test_env_live(), 0);
}

/* Domains that have nothing to do with each other: over 20 of them newcomers lose next to nothing. */
static void
test_scrambled(void **state)
{
	double before = 0;
	double after = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		UimlEnv env = test_env_counting();
		World world;
		UimlOverlap overlap;
		UimlItemTransfer transfer;
		UimlItemEvidence evidence;
		double prior, loss;

		world_create(&env, &world, seed, false);
		world_overlap(&env, &world, &overlap);
		assert_int_equal(
			uiml_item_transfer_fit(&env, &overlap, &world.model[1], NULL, NULL, seed, &transfer, &evidence),
			UIML_OK);
		assert_true(transfer.used == (evidence.gain > evidence.gain_se));
		newcomers_loss(&world, &transfer, &prior, &loss);
		before += prior;
		after += loss;
		uiml_item_transfer_free(&env, &transfer);
		uiml_overlap_free(&env, &overlap);
		world_free(&env, &world);
	}
	assert_true(after <= 1.005 * before);
	assert_int_equal(test_env_live(), 0);
}

/*
 * What a fit of few users says that it gains is what newcomers gain, also where that is less than nothing; and
 * then it is hardly ever used.
 */
static void
test_few(void **state)
{
	double claimed = 0;
	double gained = 0;
	double before = 0;
	double after = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		UimlEnv env = test_env_counting();
		World world;
		UimlOverlap overlap;
		UimlItemTransfer transfer;
		UimlItemEvidence evidence;
		double prior, loss;

		world_create(&env, &world, seed, false);
		world_overlap_of(&env, &world, 20, &overlap);
		assert_int_equal(
			uiml_item_transfer_fit(&env, &overlap, &world.model[1], NULL, NULL, seed, &transfer, &evidence),
			UIML_OK);
		newcomers_loss(&world, &transfer, &prior, &loss);
		before += prior;
		after += loss;
		transfer.used = true;
		newcomers_loss(&world, &transfer, &prior, &loss);
		claimed += evidence.gain / 20;
		gained += (prior - loss) / 20;
		uiml_item_transfer_free(&env, &transfer);
		uiml_overlap_free(&env, &overlap);
		world_free(&env, &world);
	}
	assert_true(after <= 1.005 * before);
	assert_true(fabs(claimed - gained) < .03);
	assert_int_equal(test_env_live(), 0);
}

/* Rounds never lower the likelihood, whatever the parts are. */
static void
test_likelihood_rises(void **state)
{
	UimlPartsEvent event[200];
	float evidence[20];
	uint32_t user[20] = {0};
	UimlPartsSample sample = {20, user, evidence, 200, event};
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 5);
	for (size_t u = 0; u < 20; u++)
		evidence[u] = (float) (3 * uiml_rng_uniform(&rng) * uiml_rng_uniform(&rng));
	for (size_t e = 0; e < 200; e++)
	{
		event[e] = (UimlPartsEvent){.user = (uint32_t) e / 10};
		for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
			event[e].part[part] = (float) pow(uiml_rng_uniform(&rng), 1 + part);
	}
	for (int round = 0, trial = 0; trial < 20; trial++)
	{
		double weight[UIML_N_ITEM_PARTS];
		double sum = 0;
		double last;

		for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
			sum += weight[part] = uiml_rng_uniform(&rng);
		for (int part = 0; part < UIML_N_ITEM_PARTS; part++)
			weight[part] /= sum;
		last = uiml_parts_likelihood(&sample, weight);
		for (round = 0; round < 30; round++)
		{
			double next = uiml_parts_maximise(&sample, 1, weight);

			assert_true(next >= last - 1e-12);
			last = next;
		}
	}
}

/* Two of three users share the item that is asked for; the fold of one of them is left out. */
static void
test_pool(void **state)
{
	UimlEnv env = test_env_counting();
	UimlOverlap overlap;
	UimlItemPool pool;
	uint32_t asked[] = {1, 99};
	uint8_t fold[] = {0, 1, 2};
	float say[3] = {0};
	float chosen[4] = {0};
	double sum;

	(void) state;
	assert_int_equal(uiml_overlap_create(&env, 3, 1, 1, 4, 4, &overlap), UIML_OK);
	overlap.source.n_items = 3;
	overlap.target.n_items = 4;
	memcpy(overlap.source.start, ((uint64_t[]){0, 2, 3, 4}), 4 * sizeof(uint64_t));
	memcpy(overlap.source.item, ((uint32_t[]){0, 1, 1, 2}), 4 * sizeof(uint32_t));
	memcpy(overlap.target.start, ((uint64_t[]){0, 1, 3, 4}), 4 * sizeof(uint64_t));
	memcpy(overlap.target.item, ((uint32_t[]){3, 0, 3, 1}), 4 * sizeof(uint32_t));
	assert_int_equal(uiml_item_pool_build(&env, &overlap, &pool, NULL), UIML_OK);
	sum = uiml_item_pool_ask(&pool, asked, 2, NULL, 0, say, chosen);
	assert_true(chosen[0] > 0 && chosen[3] > chosen[0] && chosen[1] == 0 && chosen[2] == 0);
	assert_true(fabs(sum - chosen[0] - chosen[3]) < 1e-6);
	memset(chosen, 0, sizeof(chosen));
	sum = uiml_item_pool_ask(&pool, asked, 2, fold, 1, say, chosen);
	assert_true(chosen[0] == 0 && chosen[3] > 0 && fabs(sum - chosen[3]) < 1e-6);
	for (size_t v = 0; v < 3; v++)
		assert_true(say[v] == 0);
	uiml_item_pool_free(&env, &pool);
	uiml_overlap_free(&env, &overlap);
	assert_int_equal(test_env_live(), 0);
}

/* Nobody, and users of a single fold: nothing is fitted, and nothing is used. */
static void
test_too_few(void **state)
{
	UimlEnv env = test_env_counting();
	World world;
	UimlOverlap overlap;
	UimlItemTransfer transfer;
	UimlItemEvidence evidence;

	(void) state;
	world_create(&env, &world, 3, true);
	world_overlap(&env, &world, &overlap);
	for (size_t n = 0; n < 2; n++)
	{
		overlap.n = n;
		assert_int_equal(
			uiml_item_transfer_fit(&env, &overlap, &world.model[1], NULL, NULL, 1, &transfer, &evidence),
			UIML_OK);
		assert_false(transfer.used);
		assert_true(isnan(evidence.gain));
		uiml_item_transfer_free(&env, &transfer);
	}
	uiml_overlap_free(&env, &overlap);
	world_free(&env, &world);
	assert_int_equal(test_env_live(), 0);
}

/* The k-th allocation fails, or the k-th question says stop, in the fit and in a prediction. */
static void
test_failures(void **state)
{
	UimlEnv malloc_env = uiml_env_malloc();
	World world;
	UimlOverlap overlap;
	float share[ITEMS] = {0};
	uint32_t item[] = {1, 2};

	(void) state;
	world_create(&malloc_env, &world, 3, true);
	world_overlap(&malloc_env, &world, &overlap);
	overlap.n = 60;
	for (int interrupts = 0; interrupts < 2; interrupts++)
		for (long k = 1;; k += 1 + k / 8)
		{
			long countdown = k;
			UimlEnv env = interrupts ? test_env_interrupting(&countdown) : test_env_failing_alloc(&countdown);
			UimlItemTransfer transfer;
			UimlItemEvidence evidence;
			UimlStatus status =
				uiml_item_transfer_fit(&env, &overlap, &world.model[1], NULL, NULL, 1, &transfer, &evidence);

			if (status == UIML_OK)
			{
				status = uiml_item_transfer_shares(&env, &transfer, world.model[1].out,
												   world.model[1].popularity, overlap.x, item, 2, share);
				uiml_item_transfer_free(&env, &transfer);
			}
			assert_int_equal(test_env_live(), 0);
			if (status == UIML_OK)
				break;
			assert_int_equal(status, interrupts ? UIML_EINTERRUPTED : UIML_ENOMEM);
		}
	uiml_overlap_free(&malloc_env, &overlap);
	world_free(&malloc_env, &world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_planted),  cmocka_unit_test(test_scrambled),
		cmocka_unit_test(test_few),      cmocka_unit_test(test_likelihood_rises),
		cmocka_unit_test(test_pool),     cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
