/*
 * test_metrics.c
 *	  Every metric against values worked out by hand or pair by pair, and what a bootstrap interval must satisfy.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/metrics.h"
#include "core/rng.h"
#include "core/vector.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) < (tolerance))

static void
names(void **state)
{
	(void) state;
	assert_string_equal(uiml_metric_name(UIML_RECALL), "recall");
	assert_string_equal(uiml_metric_name(UIML_PRECISION), "precision");
	assert_string_equal(uiml_metric_name(UIML_HR), "hr");
	assert_string_equal(uiml_metric_name(UIML_NDCG), "ndcg");
	assert_string_equal(uiml_metric_name(UIML_MRR), "mrr");
	assert_string_equal(uiml_metric_name(UIML_MAP), "map");
}

/* Hits at ranks 2, 3 and 6 of a user with 4 relevant items. */
static void
by_hand(void **state)
{
	const bool hit[] = {false, true, true, false, false, true};
	double dcg3 = 1 / log2(3) + 1 / log2(4);
	double ideal3 = 1 + 1 / log2(3) + 1 / log2(4);
	double ideal4 = ideal3 + 1 / log2(5);

	(void) state;
	assert_near(uiml_metric(UIML_RECALL, hit, 6, 4, 3), 2.0 / 3, 1e-15);
	assert_near(uiml_metric(UIML_RECALL, hit, 6, 4, 6), 3.0 / 4, 1e-15);
	assert_near(uiml_metric(UIML_PRECISION, hit, 6, 4, 3), 2.0 / 3, 1e-15);
	assert_near(uiml_metric(UIML_PRECISION, hit, 6, 4, 10), 3.0 / 10, 1e-15);
	assert_near(uiml_metric(UIML_HR, hit, 6, 4, 1), 0, 1e-15);
	assert_near(uiml_metric(UIML_HR, hit, 6, 4, 2), 1, 1e-15);
	assert_near(uiml_metric(UIML_NDCG, hit, 6, 4, 3), dcg3 / ideal3, 1e-15);
	assert_near(uiml_metric(UIML_NDCG, hit, 6, 4, 10), (dcg3 + 1 / log2(7)) / ideal4, 1e-15);
	assert_near(uiml_metric(UIML_MRR, hit, 6, 4, 1), 0, 1e-15);
	assert_near(uiml_metric(UIML_MRR, hit, 6, 4, 10), 0.5, 1e-15);
	assert_near(uiml_metric(UIML_MAP, hit, 6, 4, 3), (1.0 / 2 + 2.0 / 3) / 3, 1e-15);
	assert_near(uiml_metric(UIML_MAP, hit, 6, 4, 10), (1.0 / 2 + 2.0 / 3 + 3.0 / 6) / 4, 1e-15);
}

static void
ndcg_known_answer(void **state)
{
	const bool hit[] = {true, false, true};

	(void) state;
	assert_near(uiml_metric(UIML_NDCG, hit, 3, 2, 3), 0.9197207891, 1e-10);
}

/* A list that starts with all hits scores 1 at every k, but for precision beyond the relevant items. */
static void
perfect_list(void **state)
{
	const bool hit[] = {true, true, true, true, false, false};

	(void) state;
	for (size_t k = 1; k <= 8; k++)
	{
		for (int metric = 0; metric < UIML_N_METRICS; metric++)
		{
			double expected = metric == UIML_PRECISION && k > 4 ? 4.0 / (double) k : 1;

			assert_near(uiml_metric((UimlMetric) metric, hit, 6, 4, k), expected, 1e-15);
		}
	}
}

static void
undefined_is_nan(void **state)
{
	const bool hit[] = {true};

	(void) state;
	for (int metric = 0; metric < UIML_N_METRICS; metric++)
	{
		assert_true(isnan(uiml_metric((UimlMetric) metric, hit, 1, 0, 5)));
		assert_true(isnan(uiml_metric((UimlMetric) metric, hit, 1, 1, 0)));
		assert_near(uiml_metric((UimlMetric) metric, hit, 0, 1, 5), 0, 1e-15);
	}
}

/* Gains 3, 2, 1 at ranks 2, 1, 4, and a fourth relevant item of gain 5 that the list lacks. */
static void
graded(void **state)
{
	const double gain[] = {2, 3, 0, 1};
	const double best[] = {5, 3, 2, 1};
	const double hit[] = {1, 0, 1};
	const double relevant[] = {1, 1};
	const double none[] = {0};
	double dcg2 = 2 + 3 / log2(3);
	double ideal2 = 5 + 3 / log2(3);

	(void) state;
	assert_near(uiml_metric_graded_ndcg(gain, 4, best, 4, 2), dcg2 / ideal2, 1e-15);
	assert_near(uiml_metric_graded_ndcg(gain, 4, best, 4, 9),
				(dcg2 + 1 / log2(5)) / (ideal2 + 2 / log2(4) + 1 / log2(5)), 1e-15);
	assert_near(uiml_metric_graded_ndcg(hit, 3, relevant, 2, 3), 0.9197207891, 1e-10);
	assert_true(uiml_metric_graded_ndcg(gain, 0, best, 4, 5) == 0);
	assert_true(isnan(uiml_metric_graded_ndcg(none, 1, none, 1, 5)));
	assert_true(isnan(uiml_metric_graded_ndcg(gain, 4, best, 4, 0)));
}

/* Eleven scores for sixty items: scikit-learn's roc_auc_score. */
static void
auc_of_ties(void **state)
{
	UimlEnv env = uiml_env_malloc();
	const double ascending[] = {1, 2, 2, 2, 5};
	double score[60];
	bool positive[60];
	double auc;

	(void) state;
	for (int i = 0; i < 60; i++)
	{
		score[i] = i * 7919 % 101 / 10;
		positive[i] = i * 37 % 11 < 3;
	}
	assert_int_equal(uiml_metric_auc(&env, score, positive, 60, &auc), UIML_OK);
	assert_near(auc, 0.4801641586867305, 1e-15);
	assert_near(uiml_metric_above(ascending, 5, 0), 5, 1e-15);
	assert_near(uiml_metric_above(ascending, 5, 2), 1 + 3.0 / 2, 1e-15);
	assert_near(uiml_metric_above(ascending, 5, 3), 1, 1e-15);
	assert_near(uiml_metric_above(ascending, 5, 5), 1.0 / 2, 1e-15);
	assert_near(uiml_metric_above(ascending, 5, 6), 0, 1e-15);
	assert_near(uiml_metric_above(ascending, 0, 6), 0, 1e-15);
}

static void
auc_counts_pairs(void **state)
{
	UimlEnv env = uiml_env_malloc();
	const double score[] = {0.1, 0.4, 0.35, 0.8, 0.4, INFINITY};
	const bool positive[] = {false, false, true, true, true, false};
	const bool all[] = {true, true};
	double pairs = 0;
	double auc;

	(void) state;
	for (int i = 0; i < 6; i++)
		for (int j = 0; j < 6; j++)
			if (positive[i] && !positive[j])
				pairs += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
	assert_int_equal(uiml_metric_auc(&env, score, positive, 6, &auc), UIML_OK);
	assert_near(auc, pairs / 9, 1e-15);
	assert_int_equal(uiml_metric_auc(&env, score, positive, 4, &auc), UIML_OK);
	assert_near(auc, 0.75, 1e-15); /* scikit-learn's example */
	assert_int_equal(uiml_metric_auc(&env, score, all, 2, &auc), UIML_OK);
	assert_true(isnan(auc));
	assert_int_equal(uiml_metric_auc(&env, score, all, 0, &auc), UIML_OK);
	assert_true(isnan(auc));
}

static void
gini_known_answers(void **state)
{
	UimlEnv env = uiml_env_malloc();
	const double equal[] = {3, 3, 3};
	const double one[] = {0, 7, 0, 0};
	const double uneven[] = {4, 1, 3, 2};
	const double huge[] = {1e308, 1e308, 1e308, 0};
	const double none[] = {0, 0};
	double gini;

	(void) state;
	assert_int_equal(uiml_metric_gini(&env, equal, 3, &gini), UIML_OK);
	assert_near(gini, 0, 1e-15);
	assert_int_equal(uiml_metric_gini(&env, one, 4, &gini), UIML_OK);
	assert_near(gini, 0.75, 1e-15);
	assert_int_equal(uiml_metric_gini(&env, uneven, 4, &gini), UIML_OK);
	assert_near(gini, 0.25, 1e-15);
	assert_int_equal(uiml_metric_gini(&env, huge, 4, &gini), UIML_OK);
	assert_near(gini, 0.25, 1e-15);
	assert_int_equal(uiml_metric_gini(&env, none, 2, &gini), UIML_OK);
	assert_true(isnan(gini));
	assert_int_equal(uiml_metric_gini(&env, none, 0, &gini), UIML_OK);
	assert_true(isnan(gini));
}

static void
novelty_in_bits(void **state)
{
	const double share[] = {0.5, 0.125, 1};

	(void) state;
	assert_near(uiml_metric_novelty(share, 3), 4.0 / 3, 1e-15);
	assert_true(isnan(uiml_metric_novelty(share, 0)));
}

/* Against every pair by itself; a zero vector is as far from all as an orthogonal one. */
static void
similarity_of_pairs(void **state)
{
	UimlEnv env = uiml_env_malloc();
	float x[20][7];
	const float *vector[20];
	double sum = 0;
	double similarity;
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 5);
	for (int i = 0; i < 20; i++)
	{
		vector[i] = x[i];
		for (int j = 0; j < 7; j++)
			x[i][j] = i == 3 ? 0 : (float) (1 + uiml_rng_normal(&rng)) * (float) (i + 1);
	}
	for (int i = 0; i < 20; i++)
		for (int j = 0; j < i; j++)
			sum += 1 - uiml_vector_cosine_distance(x[i], x[j], 7);
	assert_int_equal(uiml_metric_similarity(&env, vector, 20, 7, &similarity), UIML_OK);
	assert_near(similarity, sum / 190, 1e-6);
	vector[1] = vector[0];
	assert_int_equal(uiml_metric_similarity(&env, vector, 2, 7, &similarity), UIML_OK);
	assert_near(similarity, 1, 1e-12);
	assert_int_equal(uiml_metric_similarity(&env, vector, 1, 7, &similarity), UIML_OK);
	assert_true(isnan(similarity));
}

static void
values_fail_cleanly(void **state)
{
	const double value[] = {1, 2};
	const float x[] = {1, 2};
	const float *vector[] = {x, x};
	const bool positive[] = {true, false};
	double result;

	(void) state;
	for (int which = 0; which < 3; which++)
	{
		long countdown = 1;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status;

		if (which == 0)
			status = uiml_metric_auc(&env, value, positive, 2, &result);
		else if (which == 1)
			status = uiml_metric_gini(&env, value, 2, &result);
		else
			status = uiml_metric_similarity(&env, vector, 2, 2, &result);
		assert_int_equal(status, UIML_ENOMEM);
		assert_int_equal(test_env_live(), 0);
	}
}

/* More values than are sorted at once: the figures are those of all, and each question can stop the work. */
static void
many_values(void **state)
{
	enum
	{
		N = 300000
	};
	UimlEnv plain = uiml_env_malloc();
	double *value = malloc(N * sizeof(double));
	bool *positive = malloc(N);
	double gini, auc;
	UimlStatus status = UIML_EINTERRUPTED;

	(void) state;
	for (size_t i = 0; i < N; i++)
	{
		value[i] = (double) (i * 7919 % N); /* each number below N once */
		positive[i] = value[i] >= N / 3;
	}
	assert_int_equal(uiml_metric_gini(&plain, value, N, &gini), UIML_OK);
	assert_near(gini, ((double) N + 1) / (3 * (double) N), 1e-12);
	assert_int_equal(uiml_metric_auc(&plain, value, positive, N, &auc), UIML_OK);
	assert_near(auc, 1, 1e-15);
	for (int which = 0; which < 2; which++)
	{
		long question = 0;

		for (status = UIML_EINTERRUPTED; status == UIML_EINTERRUPTED && question < 100;)
		{
			long countdown = ++question;
			UimlEnv env = test_env_interrupting(&countdown);

			status = which == 0 ? uiml_metric_gini(&env, value, N, &gini)
								: uiml_metric_auc(&env, value, positive, N, &auc);
			assert_int_equal(test_env_live(), 0);
		}
		assert_int_equal(status, UIML_OK);
		assert_true(question > 10);
	}
	free(positive);
	free(value);
}

static void
quantiles(void **state)
{
	const double value[] = {1, 2, 4, 8};

	(void) state;
	assert_near(uiml_metric_quantile(value, 4, 0), 1, 1e-15);
	assert_near(uiml_metric_quantile(value, 4, .5), 3, 1e-15);
	assert_near(uiml_metric_quantile(value, 4, .9), 4 + .7 * 4, 1e-14);
	assert_near(uiml_metric_quantile(value, 4, 1), 8, 1e-15);
	assert_near(uiml_metric_quantile(value, 1, .5), 1, 1e-15);
	assert_true(isnan(uiml_metric_quantile(value, 0, .5)));
}

/* The interval of a mean of 400 normal values is mean +- 1.96 sd / 20, up to Monte Carlo error. */
static void
bootstrap_normal(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlRng rng;
	double value[401];
	double sum = 0;
	double squares = 0;
	double error;
	double mean, low, high, mean2, low2, high2;

	(void) state;
	uiml_rng_init(&rng, 7);
	for (int i = 0; i < 400; i++)
	{
		value[i] = 3 + 2 * uiml_rng_normal(&rng);
		sum += value[i];
		squares += value[i] * value[i];
	}
	value[400] = NAN;
	error = sqrt((squares / 400 - sum / 400 * sum / 400) / 400);
	assert_int_equal(uiml_bootstrap(&env, value, 401, 4000, 0.95, 42, &mean, &low, &high), UIML_OK);
	assert_near(mean, sum / 400, 1e-12);
	assert_near(low, mean - 1.96 * error, 0.15 * error);
	assert_near(high, mean + 1.96 * error, 0.15 * error);

	assert_int_equal(uiml_bootstrap(&env, value, 401, 4000, 0.95, 42, &mean2, &low2, &high2), UIML_OK);
	assert_true(mean == mean2 && low == low2 && high == high2);
}

static void
bootstrap_edges(void **state)
{
	UimlEnv env = uiml_env_malloc();
	const double one[] = {NAN, 0.25};
	const double infinite[] = {1, INFINITY};
	double mean, low, high;

	(void) state;
	assert_int_equal(uiml_bootstrap(&env, one, 2, 100, 0.9, 1, &mean, &low, &high), UIML_OK);
	assert_true(mean == 0.25 && low == 0.25 && high == 0.25);
	assert_int_equal(uiml_bootstrap(&env, one, 1, 100, 0.9, 1, &mean, &low, &high), UIML_OK);
	assert_true(isnan(mean) && isnan(low) && isnan(high));
	assert_int_equal(uiml_bootstrap(&env, one, 0, 100, 0.9, 1, &mean, &low, &high), UIML_OK);
	assert_true(isnan(mean) && isnan(low) && isnan(high));
	assert_int_equal(uiml_bootstrap(&env, one, 2, 0, 0.9, 1, &mean, &low, &high), UIML_EINVALID);
	assert_int_equal(uiml_bootstrap(&env, one, 2, 10, 1, 1, &mean, &low, &high), UIML_EINVALID);
	assert_int_equal(uiml_bootstrap(&env, infinite, 2, 10, 0.9, 1, &mean, &low, &high), UIML_ENOTFINITE);
}

static void
bootstrap_fails_cleanly(void **state)
{
	const double value[] = {1, 2, 3};
	double mean, low, high;
	UimlStatus status = UIML_ENOMEM;
	long failed = 0;
	long countdown;
	UimlEnv env;

	(void) state;
	for (long k = 1; status == UIML_ENOMEM; k++)
	{
		countdown = k;
		env = test_env_failing_alloc(&countdown);
		status = uiml_bootstrap(&env, value, 3, 10, 0.9, 1, &mean, &low, &high);
		failed += status == UIML_ENOMEM;
		assert_int_equal(test_env_live(), 0);
	}
	assert_int_equal(status, UIML_OK);
	assert_int_equal(failed, 2);

	countdown = 5;
	env = test_env_interrupting(&countdown);
	assert_int_equal(uiml_bootstrap(&env, value, 3, 10, 0.9, 1, &mean, &low, &high), UIML_EINTERRUPTED);
	assert_int_equal(test_env_live(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(by_hand),
		cmocka_unit_test(ndcg_known_answer),
		cmocka_unit_test(perfect_list),
		cmocka_unit_test(undefined_is_nan),
		cmocka_unit_test(graded),
		cmocka_unit_test(auc_counts_pairs),
		cmocka_unit_test(auc_of_ties),
		cmocka_unit_test(gini_known_answers),
		cmocka_unit_test(novelty_in_bits),
		cmocka_unit_test(similarity_of_pairs),
		cmocka_unit_test(values_fail_cleanly),
		cmocka_unit_test(many_values),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(bootstrap_normal),
		cmocka_unit_test(bootstrap_edges),
		cmocka_unit_test(bootstrap_fails_cleanly),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
