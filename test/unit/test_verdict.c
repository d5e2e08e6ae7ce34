/*
 * test_verdict.c
 *	  Cross-validation from fold statistics against cross-validation row by row, and its verdicts.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/rng.h"
#include "core/verdict.h"
#include "testenv.h"

#define P     5
#define Q     3
#define N     240
#define FOLDS 6

/* Rows and the folds they are in; fold 3 is empty, the others differ in size and in where x lies. */
typedef struct Data
{
	double x[N * P], y[N * Q], weight[N];
	size_t fold[N];
	double prior[P * Q];
} Data;

static Data *
make_data(uint64_t seed, double signal)
{
	Data *data = malloc(sizeof(Data));
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < P * Q; i++)
		data->prior[i] = uiml_rng_normal(&rng);
	for (size_t i = 0; i < N; i++)
	{
		data->fold[i] = (size_t) uiml_rng_below(&rng, 10) * FOLDS / 10;
		data->fold[i] += data->fold[i] == 3;
		data->weight[i] = .5 + uiml_rng_uniform(&rng);
		for (size_t j = 0; j < P; j++)
			data->x[i * P + j] = uiml_rng_normal(&rng) * (1 + (double) j) + 3 + (double) data->fold[i];
		for (size_t j = 0; j < Q; j++)
		{
			double *y = &data->y[i * Q + j];

			*y = uiml_rng_normal(&rng) + 2;
			for (size_t k = 0; k < P; k++)
				*y += signal * data->x[i * P + k] * (data->prior[k * Q + j] + .3);
		}
	}
	return data;
}

static void
make_folds(const UimlEnv *env, const Data *data, UimlTransferStats **fold)
{
	for (size_t f = 0; f < FOLDS; f++)
	{
		fold[f] = uiml_transfer_create(env, P, Q);
		assert_non_null(fold[f]);
	}
	for (size_t i = 0; i < N; i++)
		assert_int_equal(uiml_transfer_add_f64(env, fold[data->fold[i]], data->x + i * P, data->y + i * Q,
											   data->weight + i, 1),
						 UIML_OK);
}

static void
free_folds(const UimlEnv *env, UimlTransferStats **fold)
{
	for (size_t f = 0; f < FOLDS; f++)
		uiml_free(env, fold[f]);
}

static UimlStatus
judge(const UimlEnv *env, UimlTransferStats **fold, bool intercept, const double *w, UimlVerdict *verdict)
{
	UimlPrior prior = {.w = w};

	return uiml_verdict(env, (const UimlTransferStats *const *) fold, FOLDS, intercept,
						w != NULL ? &prior : NULL, verdict);
}

/* --- row by row ----------------------------------------------------------------------------------------- */

/* Solves a (d x d) w = b (d x Q) by elimination with pivots. */
static void
solve(size_t d, long double *a, long double *b)
{
	for (size_t k = 0; k < d; k++)
	{
		size_t pivot = k;

		for (size_t i = k + 1; i < d; i++)
			if (fabsl(a[i * d + k]) > fabsl(a[pivot * d + k]))
				pivot = i;
		for (size_t j = 0; j < d; j++)
		{
			long double t = a[k * d + j];

			a[k * d + j] = a[pivot * d + j];
			a[pivot * d + j] = t;
		}
		for (size_t j = 0; j < Q; j++)
		{
			long double t = b[k * Q + j];

			b[k * Q + j] = b[pivot * Q + j];
			b[pivot * Q + j] = t;
		}
		for (size_t i = 0; i < d; i++)
		{
			long double factor = a[i * d + k] / a[k * d + k];

			if (i == k)
				continue;
			for (size_t j = 0; j < d; j++)
				a[i * d + j] -= factor * a[k * d + j];
			for (size_t j = 0; j < Q; j++)
				b[i * Q + j] -= factor * b[k * Q + j];
		}
	}
	for (size_t i = 0; i < d; i++)
		for (size_t j = 0; j < Q; j++)
			b[i * Q + j] /= a[i * d + i];
}

/* What is left of y by the prior (NULL: 0), as the target of a fit. */
static double
left(const Data *data, size_t i, size_t j, const double *prior)
{
	double y = data->y[i * Q + j];

	for (size_t k = 0; prior != NULL && k < P; k++)
		y -= data->x[i * P + k] * prior[k * Q + j];
	return y;
}

/* The weighted squared error on fold f of a fit to the other rows by their normal equations. */
static double
error_by_rows(const Data *data, size_t f, double lambda, bool intercept, const double *prior)
{
	long double a[(P + 1) * (P + 1)] = {0}, b[(P + 1) * Q] = {0};
	double error = 0;

	for (size_t k = 0; k < P; k++)
		a[k * (P + 1) + k] = lambda;
	a[(P + 1) * (P + 1) - 1] = intercept ? 0 : 1e30;
	for (size_t i = 0; i < N; i++)
	{
		if (data->fold[i] == f)
			continue;
		for (size_t k = 0; k <= P; k++)
		{
			long double xk = data->weight[i] * (k < P ? data->x[i * P + k] : 1);

			for (size_t l = 0; l <= P; l++)
				a[k * (P + 1) + l] += xk * (l < P ? data->x[i * P + l] : 1);
			for (size_t j = 0; j < Q; j++)
				b[k * Q + j] += xk * left(data, i, j, prior);
		}
	}
	solve(P + 1, a, b);
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; data->fold[i] == f && j < Q; j++)
		{
			long double e = left(data, i, j, prior) - b[P * Q + j];

			for (size_t k = 0; k < P; k++)
				e -= data->x[i * P + k] * b[k * Q + j];
			error += data->weight[i] * (double) (e * e);
		}
	return error;
}

/* Mean and standard error over folds. */
static void
average_by_rows(const Data *data, double lambda, bool intercept, const double *prior, double *mean,
				double *se)
{
	double error[FOLDS] = {0}, weight[FOLDS] = {0}, total = 0;

	*mean = *se = 0;
	for (size_t i = 0; i < N; i++)
	{
		weight[data->fold[i]] += data->weight[i];
		total += data->weight[i];
	}
	for (size_t f = 0; f < FOLDS; f++)
	{
		error[f] = error_by_rows(data, f, lambda, intercept, prior);
		*mean += error[f] / total;
	}
	for (size_t f = 0; f < FOLDS; f++)
		*se += pow((error[f] - *mean * weight[f]) / total, 2);
	*se = sqrt(*se * (FOLDS - 1) / (FOLDS - 2)); /* one fold is empty */
}

static void
assert_near(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance * fabs(b)))
		fail_msg("%.17g is not %.17g within %g", a, b, tolerance);
}

static void
check_path(const Data *data, const UimlPathPoint *path, bool intercept, const double *prior)
{
	double mean, se;

	for (size_t k = 0; k < UIML_RIDGE_PENALTIES; k++)
	{
		average_by_rows(data, path[k].lambda, intercept, prior, &mean, &se);
		assert_near(path[k].error, mean, 1e-11);
		assert_near(path[k].se, se, 1e-10);
	}
}

static void
check_rows(bool intercept)
{
	UimlEnv env = test_env_counting();
	Data *data = make_data(5, .2);
	UimlTransferStats *fold[FOLDS];
	UimlVerdict verdict;
	double mean, se;

	make_folds(&env, data, fold);
	assert_int_equal(judge(&env, fold, intercept, data->prior, &verdict), UIML_OK);
	check_path(data, verdict.path, intercept, NULL);
	check_path(data, verdict.biased, intercept, data->prior);
	average_by_rows(data, 1e25, intercept, data->prior, &mean, &se);
	assert_near(verdict.error[UIML_CANDIDATE_PRIOR], mean, 1e-11);
	assert_near(verdict.se[UIML_CANDIDATE_PRIOR], se, 1e-10);
	average_by_rows(data, 1e25, true, NULL, &mean, &se);
	assert_near(verdict.error[UIML_CANDIDATE_MEAN], mean, 1e-11);
	assert_near(verdict.se[UIML_CANDIDATE_MEAN], se, 1e-10);
	assert_true(isnan(verdict.fold_gain[3]));
	free_folds(&env, fold);
	free(data);
	assert_int_equal(test_env_live(), 0);
}

static void
test_rows(void **state)
{
	(void) state;
	check_rows(true);
	check_rows(false);
}

/* --- verdicts ------------------------------------------------------------------------------------------- */

/* W of ridge to 0 on all folds but one (FOLDS: on all). */
static void
fit_without(const UimlEnv *env, UimlTransferStats **fold, size_t without, double lambda, double *w)
{
	UimlTransferStats *rest = uiml_transfer_create(env, P, Q);
	UimlRidge ridge;

	for (size_t f = 0; f < FOLDS; f++)
		if (f != without)
			assert_int_equal(uiml_transfer_merge(rest, fold[f]), UIML_OK);
	assert_int_equal(uiml_ridge_begin(env, rest, true, NULL, &ridge), UIML_OK);
	assert_int_equal(uiml_ridge_solve(env, &ridge, lambda, w, NULL), UIML_OK);
	uiml_ridge_free(env, &ridge);
	uiml_free(env, rest);
}

/*
 * A prior that was fitted on the very rows: as it is without each fold it errs as ridge does with its penalty,
 * and not less, as it would where the held rows had their say.
 */
static void
test_prior_of_same_rows(void **state)
{
	UimlEnv env = test_env_counting();
	Data *data = make_data(3, .5);
	UimlTransferStats *fold[FOLDS];
	UimlVerdict verdict;
	double w[P * Q], by_fold[FOLDS * P * Q];
	UimlPrior prior = {w, by_fold};
	size_t k = UIML_RIDGE_PENALTIES / 2;

	(void) state;
	make_folds(&env, data, fold);
	assert_int_equal(judge(&env, fold, true, NULL, &verdict), UIML_OK);
	fit_without(&env, fold, FOLDS, verdict.path[k].lambda, w);
	for (size_t f = 0; f < FOLDS; f++)
		fit_without(&env, fold, f, verdict.path[k].lambda, by_fold + f * P * Q);
	assert_int_equal(
		uiml_verdict(&env, (const UimlTransferStats *const *) fold, FOLDS, true, &prior, &verdict), UIML_OK);
	assert_true(fabs(verdict.error[UIML_CANDIDATE_PRIOR] / verdict.path[k].error - 1) < 1e-9);
	assert_int_equal(judge(&env, fold, true, w, &verdict), UIML_OK);
	assert_true(verdict.error[UIML_CANDIDATE_PRIOR] < verdict.path[k].error);
	free_folds(&env, fold);
	free(data);
	assert_int_equal(test_env_live(), 0);
}

/* A source that says something is trusted; the prior, where it is the truth, more than what it could learn. */
static void
test_signal(void **state)
{
	UimlEnv env = test_env_counting();

	(void) state;
	for (uint64_t seed = 1; seed <= 5; seed++)
	{
		Data *data = make_data(seed, 1);
		double zero[P * Q] = {0}, truth[P * Q];
		UimlTransferStats *fold[FOLDS];
		UimlVerdict verdict;

		make_folds(&env, data, fold);
		assert_int_equal(judge(&env, fold, true, NULL, &verdict), UIML_OK);
		assert_true(verdict.used && verdict.best == UIML_CANDIDATE_RIDGE && verdict.gain > 0);
		assert_true(isnan(verdict.error[UIML_CANDIDATE_PRIOR]) && isnan(verdict.biased[0].error));
		for (size_t i = 0; i < P * Q; i++)
			truth[i] = data->prior[i] + .3;
		assert_int_equal(judge(&env, fold, true, truth, &verdict), UIML_OK);
		assert_true(verdict.used && verdict.best != UIML_CANDIDATE_RIDGE);

		/* 0 as the prior is ridge to 0, and alone it is the mean. */
		assert_int_equal(judge(&env, fold, true, zero, &verdict), UIML_OK);
		assert_memory_equal(verdict.path, verdict.biased, sizeof(verdict.path));
		assert_near(verdict.error[UIML_CANDIDATE_PRIOR], verdict.error[UIML_CANDIDATE_MEAN], 1e-12);
		free_folds(&env, fold);
		free(data);
	}
}

/*
 * How much larger than the mean's the expected error of what was chosen is, on new rows that lie as those of
 * the fit: y doesn't depend on x, so every bit of the map is wrong.
 */
static double
excess_error(const UimlVerdict *verdict, const Data *data)
{
	UimlEnv env = test_env_counting();
	UimlTransferStats *all = uiml_transfer_create(&env, P, Q);
	UimlRidge ridge;
	double w[P * Q], b[Q], excess = 0;

	assert_int_equal(uiml_transfer_add_f64(&env, all, data->x, data->y, data->weight, N), UIML_OK);
	assert_int_equal(
		uiml_ridge_begin(&env, all, true, verdict->best == UIML_CANDIDATE_RIDGE ? NULL : data->prior, &ridge),
		UIML_OK);
	assert_int_equal(uiml_ridge_solve(&env, &ridge, verdict->lambda, w, b), UIML_OK);
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < Q; j++)
		{
			double off = 0;

			for (size_t k = 0; k < P; k++)
				off += (data->x[i * P + k] - ridge.mean_x[k]) * w[k * Q + j];
			excess += off * off / N / Q;
		}
	uiml_ridge_free(&env, &ridge);
	uiml_free(&env, all);
	return excess; /* y has variance 1 */
}

/* Where y has nothing to do with x: none of the first 20 is trusted, few of 200, and they cost nothing. */
static void
test_scrambled(void **state)
{
	UimlEnv env = test_env_counting();
	size_t used = 0;
	double lost = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 200; seed++)
	{
		Data *data = make_data(seed, 0);
		UimlTransferStats *fold[FOLDS];
		UimlVerdict verdict;

		make_folds(&env, data, fold);
		assert_int_equal(judge(&env, fold, true, data->prior, &verdict), UIML_OK);
		used += verdict.used;
		assert_true(seed > 20 || !verdict.used);
		if (verdict.used)
			lost += excess_error(&verdict, data) / 200;
		free_folds(&env, fold);
		free(data);
	}
	print_message("%zu of 200 scrambled sources used, mean loss %.5f\n", used, lost);
	assert_true(used <= 12);
	assert_true(lost < .005);
}

/* A constant x leaves nothing to choose. */
static void
test_constant(void **state)
{
	UimlEnv env = test_env_counting();
	Data *data = make_data(1, 0);
	UimlTransferStats *fold[FOLDS];
	UimlVerdict verdict;

	(void) state;
	for (size_t i = 0; i < N * P; i++)
		data->x[i] = 2;
	make_folds(&env, data, fold);
	assert_int_equal(judge(&env, fold, true, NULL, &verdict), UIML_OK);
	assert_true(!verdict.used && verdict.best == UIML_CANDIDATE_MEAN && verdict.gain == 0);
	assert_true(isnan(verdict.path[0].error) && isnan(verdict.lambda));
	free_folds(&env, fold);
	free(data);
}

static void
test_arguments(void **state)
{
	UimlEnv env = test_env_counting();
	Data *data = make_data(1, 0);
	UimlTransferStats *fold[FOLDS], *other = uiml_transfer_create(&env, P, Q + 1);
	const UimlTransferStats *two[2];
	UimlPrior prior = {.w = data->prior};
	UimlVerdict verdict;

	(void) state;
	make_folds(&env, data, fold);
	two[0] = fold[0];
	two[1] = fold[3]; /* empty */
	assert_int_equal(uiml_verdict(&env, two, 2, true, NULL, &verdict), UIML_EEMPTY);
	two[1] = other;
	assert_int_equal(uiml_verdict(&env, two, 2, true, NULL, &verdict), UIML_EINVALID);
	assert_int_equal(uiml_verdict(&env, two, 1, true, NULL, &verdict), UIML_EINVALID);
	two[1] = fold[1];
	assert_int_equal(uiml_verdict(&env, two, 2, true, NULL, &verdict), UIML_OK);
	data->prior[1] = NAN;
	assert_int_equal(uiml_verdict(&env, two, 2, true, &prior, &verdict), UIML_ENOTFINITE);
	uiml_transfer_cxy(fold[1])[0] = INFINITY;
	assert_int_equal(uiml_verdict(&env, two, 2, true, NULL, &verdict), UIML_ENOTFINITE);
	free_folds(&env, fold);
	uiml_free(&env, other);
	free(data);
	assert_int_equal(test_env_live(), 0);
}

/* Runs with an environment that fails; what it returned. */
static UimlStatus
judge_failing(const UimlEnv *env)
{
	UimlEnv counting = test_env_counting();
	Data *data = make_data(2, .2);
	UimlTransferStats *fold[FOLDS];
	UimlVerdict verdict;
	UimlStatus status;

	make_folds(&counting, data, fold);
	status = judge(env, fold, true, data->prior, &verdict);
	free_folds(&counting, fold);
	free(data);
	assert_int_equal(test_env_live(), 0);
	return status;
}

static void
test_out_of_memory(void **state)
{
	UimlStatus status = UIML_ENOMEM;

	(void) state;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);

		status = judge_failing(&env);
		assert_true(status == UIML_OK || status == UIML_ENOMEM);
	}
}

static void
test_interrupted(void **state)
{
	UimlStatus status = UIML_EINTERRUPTED;

	(void) state;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);

		status = judge_failing(&env);
		assert_true(status == UIML_OK || status == UIML_EINTERRUPTED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_prior_of_same_rows),
									   cmocka_unit_test(test_rows),
									   cmocka_unit_test(test_signal),
									   cmocka_unit_test(test_scrambled),
									   cmocka_unit_test(test_constant),
									   cmocka_unit_test(test_arguments),
									   cmocka_unit_test(test_out_of_memory),
									   cmocka_unit_test(test_interrupted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
