/*
 * test_interest_transfer.c
 *	  Interest transfers between two domains that share four kinds of users: what is found, what is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "core/interest_transfer.h"
#include "core/rng.h"
#include "testenv.h"

#define KINDS 4
#define P     6
#define ITEMS 40 /* item i is of interest i % KINDS; the last has none */
#define EACH  8

static uint32_t interest[ITEMS];
static const float prior[KINDS] = {.25f, .25f, .25f, .25f};
static const UimlInterestTarget target = {KINDS, interest, prior, 3, NULL};

/*
 * Users of each kind lie about a direction of their own, and three quarters of what they do in the target is of
 * the interest of the same number.  scrambled: what they do has nothing to do with where they are.
 */
static UimlOverlap
overlap_make(const UimlEnv *env, size_t n, bool scrambled, uint64_t seed)
{
	UimlOverlap overlap;
	UimlRng rng;

	for (size_t i = 0; i < ITEMS; i++)
		interest[i] = i == ITEMS - 1 ? UINT32_MAX : (uint32_t) (i % KINDS);
	uiml_rng_init(&rng, seed);
	assert_int_equal(uiml_overlap_create(env, n, P, 1, 0, n * EACH, &overlap), UIML_OK);
	overlap.target.n_items = ITEMS;
	for (size_t u = 0; u < n; u++)
	{
		size_t kind = uiml_rng_below(&rng, KINDS);
		float vector[P];

		for (size_t j = 0; j < P; j++)
			vector[j] = (float) (.3 * uiml_rng_normal(&rng) + (j == kind ? 1 : 0) + (j == P - 1 ? .5 : 0));
		assert_true(uiml_overlap_unit(vector, P, overlap.x + u * P));
		overlap.y[u] = 1;
		overlap.fold[u] = (uint8_t) uiml_rng_below(&rng, UIML_FOLDS);
		if (scrambled)
			kind = uiml_rng_below(&rng, KINDS);
		overlap.source.start[u + 1] = 0;
		overlap.target.start[u + 1] = (u + 1) * EACH;
		for (size_t e = 0; e < EACH; e++)
			overlap.target.item[u * EACH + e] =
				(uint32_t) (KINDS * e + (uiml_rng_below(&rng, 4) > 0 ? kind : uiml_rng_below(&rng, KINDS)));
		if (u % 9 == 0)
			overlap.target.item[u * EACH + EACH - 1] = ITEMS - 1;
	}
	return overlap;
}

static void
test_found(void **state)
{
	UimlEnv env = test_env_counting();
	UimlOverlap overlap = overlap_make(&env, 600, false, 1);
	UimlInterestTransfer transfer;
	UimlInterestEvidence evidence;
	double gain = 0;

	(void) state;
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence),
					 UIML_OK);
	assert_true(transfer.used);
	assert_int_equal(evidence.users, 600);
	assert_true(evidence.gain > 10 * evidence.gain_se);
	assert_true(fabs(evidence.prior_loss - log(KINDS)) < 1e-6);
	assert_true(fabs(evidence.prior_loss - evidence.loss - evidence.gain) < 1e-9);

	/* nobody can do better than the model that the data are drawn from: .8125 and three times .0625 */
	assert_true(evidence.loss > .68 && evidence.loss < .85);
	for (size_t f = 0; f < UIML_FOLDS; f++)
	{
		assert_true(evidence.fold_gain[f] > .3);
		gain += evidence.fold_gain[f] / UIML_FOLDS;
	}
	assert_true(fabs(gain - evidence.gain) < .03);
	for (size_t l = 1; l < UIML_INTEREST_PENALTIES && !isnan(evidence.path[l].loss); l++)
		assert_true(evidence.path[l].lambda < evidence.path[l - 1].lambda);
	assert_false(evidence.biased);

	/* who is known elsewhere needs more of a history to be told otherwise */
	assert_true(evidence.alpha_ratio > 1.5);
	assert_true(fabs(transfer.alpha - 3 * evidence.alpha_ratio) < 1e-9);
	for (size_t kind = 0; kind < KINDS; kind++)
	{
		float x[P] = {0};
		double share[KINDS];
		double sum = 0;

		x[kind] = x[P - 1] = (float) sqrt(.5);
		uiml_interest_transfer_shares(&transfer, x, share);
		for (size_t t = 0; t < KINDS; t++)
		{
			sum += share[t];
			assert_true(share[t] > 0 && (t == kind ? share[t] > .6 : share[t] < .25));
		}
		assert_true(fabs(sum - 1) < 1e-6);
	}
	uiml_interest_transfer_free(&env, &transfer);
	uiml_overlap_free(&env, &overlap);
	assert_int_equal(test_env_live(), 0);
}

/* Interests come in pairs, which the source doesn't tell: one item of either makes both likely. */
static void
test_history(void **state)
{
	UimlEnv env = test_env_counting();
	UimlOverlap overlap = overlap_make(&env, 600, true, 2);
	UimlInterestTransfer transfer;
	UimlInterestEvidence evidence;
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 3);
	for (size_t u = 0; u < 600; u++)
	{
		size_t pair = 2 * uiml_rng_below(&rng, 2);

		for (size_t e = 0; e < EACH; e++)
			overlap.target.item[u * EACH + e] = (uint32_t) (KINDS * e + pair + uiml_rng_below(&rng, 2));
	}
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence),
					 UIML_OK);
	assert_non_null(transfer.history);
	assert_true(evidence.history_gain > .05);
	for (size_t i = 0; i < KINDS; i++)
	{
		const double *w = transfer.history + i * KINDS;

		assert_true(fabs(w[0] + w[1] + w[2] + w[3] - 1) < 1e-9);
		assert_true(w[i] > .3 && w[i ^ 1] > .3);
	}
	uiml_interest_transfer_free(&env, &transfer);
	uiml_overlap_free(&env, &overlap);
	assert_int_equal(test_env_live(), 0);
}

/* Where the source says nothing, a transfer is trusted one time in six at the most, and then loses next to nothing. */
static void
test_refused(void **state)
{
	UimlEnv env = uiml_env_malloc();
	int used = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		UimlOverlap overlap = overlap_make(&env, 40 * seed, true, seed);
		UimlInterestTransfer transfer;
		UimlInterestEvidence evidence;

		assert_int_equal(
			uiml_interest_transfer_fit(&env, &overlap, &target, NULL, seed, &transfer, &evidence), UIML_OK);
		used += transfer.used;
		assert_true(evidence.gain < .05);
		assert_int_equal(transfer.used, evidence.gain > evidence.gain_se);
		uiml_interest_transfer_free(&env, &transfer);
		uiml_overlap_free(&env, &overlap);
	}
	assert_true(used <= 4);
}

/* The order of users changes nothing but rounding. */
static void
test_order(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlOverlap overlap = overlap_make(&env, 300, false, 2);
	UimlOverlap turned;
	UimlInterestTransfer a, b;
	UimlInterestEvidence of_a, of_b;

	(void) state;
	assert_int_equal(uiml_overlap_create(&env, 300, P, 1, 0, 300 * EACH, &turned), UIML_OK);
	turned.target.n_items = ITEMS;
	for (size_t u = 0; u < 300; u++)
	{
		memcpy(turned.x + u * P, overlap.x + (299 - u) * P, P * sizeof(float));
		memcpy(turned.target.item + u * EACH, overlap.target.item + (299 - u) * EACH,
			   EACH * sizeof(uint32_t));
		turned.target.start[u + 1] = (u + 1) * EACH;
		turned.fold[u] = overlap.fold[299 - u];
	}
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &a, &of_a), UIML_OK);
	assert_int_equal(uiml_interest_transfer_fit(&env, &turned, &target, NULL, 1, &b, &of_b), UIML_OK);
	assert_true(of_a.lambda == of_b.lambda && a.mixing == b.mixing);
	assert_true(fabs(of_a.gain - of_b.gain) < 1e-4);
	for (size_t i = 0; i < P * KINDS; i++)
		assert_true(fabs((double) a.coef[i] - b.coef[i]) < .02);
	uiml_interest_transfer_free(&env, &a);
	uiml_interest_transfer_free(&env, &b);
	uiml_overlap_free(&env, &overlap);
	uiml_overlap_free(&env, &turned);
}

/* Few users gain by what many others taught. */
static void
test_initial(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlOverlap many = overlap_make(&env, 2000, false, 3);
	UimlOverlap few = overlap_make(&env, 25, false, 4);
	UimlInterestTransfer first, alone, drawn;
	UimlInterestEvidence of_first, of_alone, of_drawn;

	(void) state;
	assert_int_equal(uiml_interest_transfer_fit(&env, &many, &target, NULL, 1, &first, &of_first), UIML_OK);
	assert_int_equal(uiml_interest_transfer_fit(&env, &few, &target, NULL, 1, &alone, &of_alone), UIML_OK);
	assert_int_equal(uiml_interest_transfer_fit(&env, &few, &target, &first, 1, &drawn, &of_drawn), UIML_OK);
	assert_true(of_drawn.biased);
	assert_true(of_drawn.gain > of_alone.gain);
	uiml_interest_transfer_free(&env, &first);
	uiml_interest_transfer_free(&env, &alone);
	uiml_interest_transfer_free(&env, &drawn);
	uiml_overlap_free(&env, &many);
	uiml_overlap_free(&env, &few);
}

static void
test_links(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlOverlap overlap = overlap_make(&env, 600, false, 5);
	UimlInterestTransfer transfer;
	UimlInterestEvidence evidence;
	float in[5 * P] = {0};
	const uint32_t of_item[5] = {0, 1, 2, 3, UINT32_MAX};
	const float weight[5] = {1, 2, 3, 4, 5};
	float place[(KINDS + 1) * P];
	double lift[(KINDS + 1) * KINDS];

	(void) state;
	for (size_t i = 0; i < 4; i++)
		in[i * P + i] = 2;
	uiml_interest_places(in, of_item, weight, 5, P, KINDS + 1, place);
	for (size_t i = 0; i < (KINDS + 1) * P; i++)
		assert_true(fabs(place[i] - (i % P == i / P && i / P < KINDS ? 1 : 0)) < 1e-6);
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence),
					 UIML_OK);
	uiml_interest_links(&transfer, place, KINDS + 1, prior, lift);
	for (size_t s = 0; s < KINDS; s++)
		for (size_t t = 0; t < KINDS; t++)
			assert_true(s == t ? lift[s * KINDS + t] > 2 : lift[s * KINDS + t] < 1);
	for (size_t t = 0; t < KINDS; t++)
		assert_true(isnan(lift[KINDS * KINDS + t]));
	uiml_interest_transfer_free(&env, &transfer);
	uiml_overlap_free(&env, &overlap);
}

static void
test_errors(void **state)
{
	UimlEnv env = test_env_counting();
	UimlOverlap overlap = overlap_make(&env, 30, false, 6);
	UimlInterestTarget wrong = target;
	UimlInterestTransfer transfer;
	UimlInterestTransfer other = {.p = P + 1, .k = KINDS};
	UimlInterestEvidence evidence;

	(void) state;
	wrong.k = 0;
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &wrong, NULL, 1, &transfer, &evidence),
					 UIML_EINVALID);
	wrong = target;
	wrong.alpha = 0;
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &wrong, NULL, 1, &transfer, &evidence),
					 UIML_EINVALID);
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, &other, 1, &transfer, &evidence),
					 UIML_EINVALID);

	/* nobody can be held out where all are in one group of folds, or nobody did anything of an interest */
	memset(overlap.fold, 3, 30);
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence),
					 UIML_EEMPTY);
	overlap.fold[0] = UIML_FOLDS;
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence),
					 UIML_EINVALID);
	overlap.fold[0] = 0;
	for (size_t e = 0; e < 30 * EACH; e++)
		overlap.target.item[e] = ITEMS - 1;
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence),
					 UIML_EEMPTY);
	overlap.n = 0;
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence),
					 UIML_EEMPTY);
	uiml_interest_transfer_free(&env, &transfer);
	uiml_overlap_free(&env, &overlap);
	assert_int_equal(test_env_live(), 0);
}

/* Two users, one event each; one interest. */
static void
test_tiny(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlOverlap overlap = overlap_make(&env, 2, false, 7);
	UimlInterestTarget one = {1, interest, prior, 1, NULL};
	float certain = 1;
	UimlInterestTransfer transfer;
	UimlInterestEvidence evidence;

	(void) state;
	overlap.fold[0] = 0;
	overlap.fold[1] = 9;
	overlap.target.start[1] = 1;
	overlap.target.start[2] = 2;
	overlap.target.item[0] = ITEMS - 1;
	overlap.target.item[1] = 4;
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence),
					 UIML_EEMPTY);
	overlap.target.item[0] = 0;
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence),
					 UIML_OK);
	assert_true(isfinite(transfer.alpha) && transfer.alpha > 0);
	uiml_interest_transfer_free(&env, &transfer);

	one.prior = &certain;
	assert_int_equal(uiml_interest_transfer_fit(&env, &overlap, &one, NULL, 1, &transfer, &evidence),
					 UIML_OK);
	assert_false(transfer.used);
	assert_true(fabs(evidence.gain) < 1e-12);
	uiml_interest_transfer_free(&env, &transfer);
	uiml_overlap_free(&env, &overlap);
}

static void
test_out_of_memory(void **state)
{
	UimlEnv roomy = uiml_env_malloc();
	UimlOverlap overlap = overlap_make(&roomy, 12, false, 8);
	long before = test_env_live();
	long failures = 0;

	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlInterestTransfer transfer;
		UimlInterestEvidence evidence;
		UimlStatus status =
			uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence);

		uiml_interest_transfer_free(&env, &transfer);
		assert_int_equal(test_env_live(), before);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
		failures++;
	}
	assert_true(failures > 30);
	uiml_overlap_free(&roomy, &overlap);
}

static void
test_interrupts(void **state)
{
	UimlEnv roomy = uiml_env_malloc();
	UimlOverlap overlap = overlap_make(&roomy, 12, false, 8);
	long before = test_env_live();
	long stops = 0;

	(void) state;
	for (long k = 1;; k += 1 + k / 8)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlInterestTransfer transfer;
		UimlInterestEvidence evidence;
		UimlStatus status =
			uiml_interest_transfer_fit(&env, &overlap, &target, NULL, 1, &transfer, &evidence);

		uiml_interest_transfer_free(&env, &transfer);
		assert_int_equal(test_env_live(), before);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
		stops++;
	}
	assert_true(stops > 20);
	uiml_overlap_free(&roomy, &overlap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),         cmocka_unit_test(test_refused),
		cmocka_unit_test(test_history),       cmocka_unit_test(test_order),
		cmocka_unit_test(test_initial),       cmocka_unit_test(test_links),
		cmocka_unit_test(test_errors),        cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_interrupts)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
