/*
 * test_generalize.c
 *	  W_g: the identity on calibrated shares, planted confusions found again, nothing on noise.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/generalize.h"
#include "core/rng.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) < (tolerance))

enum
{
	N = 4000,
	K = 4,
	EVENTS = 20
};

/* Predictions, and what was drawn from them times some W. */
typedef struct Sample
{
	double share[N * K];
	float held[N * K];
	uint8_t judge[N];
} Sample;

static const double confusion[K * K] = {.7, .3, 0, 0, 0, 1, 0, 0, .1, .1, .6, .2, 0, 0, .5, .5};

static Sample *
draw(const double *w)
{
	Sample *s = calloc(1, sizeof(Sample));
	UimlRng rng;

	uiml_rng_init(&rng, 3);
	for (size_t u = 0; u < N; u++)
	{
		double *share = s->share + u * K;
		double truth[K];
		double sum = 0;

		for (size_t j = 0; j < K; j++)
			sum += share[j] = -log(1 - uiml_rng_uniform(&rng));
		for (size_t j = 0; j < K; j++)
			share[j] /= sum;
		uiml_generalize_apply(w, K, share, truth);
		for (size_t e = 0; e < EVENTS; e++)
		{
			double draw = uiml_rng_uniform(&rng);
			size_t j = 0;

			while (j + 1 < K && draw >= truth[j])
				draw -= truth[j++];
			s->held[u * K + j]++;
		}
		s->judge[u] = u % 2;
	}
	return s;
}

static void
assert_stochastic(const double *w, size_t k)
{
	for (size_t i = 0; i < k; i++)
	{
		double sum = 0;

		for (size_t j = 0; j < k; j++)
		{
			assert_true(w[i * k + j] >= 0);
			sum += w[i * k + j];
		}
		assert_near(sum, 1, 1e-12);
	}
}

static double
distance(const double *a, const double *b)
{
	double most = 0;

	for (size_t i = 0; i < K * K; i++)
		most = fmax(most, fabs(a[i] - b[i]));
	return most;
}

static void
confusion_is_found(void **state)
{
	UimlEnv env = uiml_env_malloc();
	Sample *s = draw(confusion);
	UimlGeneralization result;
	double w[K * K], identity[K * K];

	(void) state;
	uiml_generalize_identity(identity, K);
	assert_int_equal(uiml_generalize_fit(&env, s->share, NULL, s->held, NULL, N, K, 0, w), UIML_OK);
	assert_stochastic(w, K);
	assert_true(distance(w, confusion) < .03);
	/* a prior as heavy as the world leaves nothing of it */
	assert_int_equal(uiml_generalize_fit(&env, s->share, NULL, s->held, NULL, N, K, 1e9, w), UIML_OK);
	assert_true(distance(w, identity) < 1e-3);

	assert_int_equal(uiml_generalize(&env, s->share, NULL, s->held, s->judge, N, K, w, &result), UIML_OK);
	assert_stochastic(w, K);
	assert_true(result.used && result.users == N / 2 && result.gain > 5 * result.gain_se);
	assert_true(distance(w, confusion) < .1);
	free(s);
}

/* Calibrated shares: close to the identity, and of no use to those who judge. */
static void
calibrated_shares_stay(void **state)
{
	UimlEnv env = uiml_env_malloc();
	double w[K * K], identity[K * K];
	UimlGeneralization result;
	Sample *s;

	(void) state;
	uiml_generalize_identity(identity, K);
	s = draw(identity);
	assert_int_equal(uiml_generalize_fit(&env, s->share, NULL, s->held, NULL, N, K, 0, w), UIML_OK);
	assert_true(distance(w, identity) < .03);
	assert_int_equal(uiml_generalize(&env, s->share, NULL, s->held, s->judge, N, K, w, &result), UIML_OK);
	assert_true(!result.used && distance(w, identity) == 0);
	assert_near(result.gain, 0, 1e-3);

	/* Noise: what was held out has nothing to do with what was predicted, but for those who judge it has. */
	for (size_t u = 0; u < N; u += 2)
		for (size_t j = 0; j < K; j++)
			s->held[u * K + j] = (float) (j == u / 2 % K) * EVENTS;
	assert_int_equal(uiml_generalize(&env, s->share, NULL, s->held, s->judge, N, K, w, &result), UIML_OK);
	assert_true(!result.used && result.gain < 0 && distance(w, identity) == 0);
	free(s);
}

/* The likelihood that EM climbs to is higher than that of any matrix a little beside it. */
static void
fit_is_a_maximum(void **state)
{
	UimlEnv env = uiml_env_malloc();
	Sample *s = draw(confusion);
	double w[K * K];

	(void) state;
	assert_int_equal(uiml_generalize_fit(&env, s->share, NULL, s->held, NULL, N, K, 0, w), UIML_OK);
	for (size_t i = 0; i < K; i++)
	{
		double beside[K * K];
		double loss[2] = {0};

		memcpy(beside, w, sizeof(w));
		for (size_t j = 0; j < K; j++)
			beside[i * K + j] = .98 * w[i * K + j] + .02 / K;
		for (size_t u = 0; u < N; u++)
		{
			double before[K], after[K];

			uiml_generalize_apply(w, K, s->share + u * K, before);
			uiml_generalize_apply(beside, K, s->share + u * K, after);
			for (size_t j = 0; j < K; j++)
			{
				loss[0] -= s->held[u * K + j] * log(before[j]);
				loss[1] -= s->held[u * K + j] * log(after[j]);
			}
		}
		assert_true(loss[0] < loss[1]);
	}
	free(s);
}

/* Half of each prediction is out of reach of W_g: it is found in the other half. */
static void
base_is_left(void **state)
{
	UimlEnv env = uiml_env_malloc();
	Sample *s = draw(confusion);
	double *base = calloc(N * K, sizeof(double));
	double w[K * K], identity[K * K], room[K];
	float mass[K] = {2, 0, 1, 0};
	UimlRng rng;

	(void) state;
	uiml_generalize_identity(identity, K);
	uiml_rng_init(&rng, 9);
	memset(s->held, 0, sizeof(s->held));
	for (size_t u = 0; u < N; u++)
	{
		double truth[K];

		for (size_t j = 0; j < K; j++)
		{
			base[u * K + j] = .5 / K;
			s->share[u * K + j] /= 2;
		}
		uiml_generalize_apply(confusion, K, s->share + u * K, truth);
		for (size_t j = 0; j < K; j++)
			s->held[u * K + j] = (float) (EVENTS * (truth[j] + base[u * K + j]));
	}
	assert_int_equal(uiml_generalize_fit(&env, s->share, base, s->held, NULL, N, K, 0, w), UIML_OK);
	assert_stochastic(w, K);
	assert_true(distance(w, confusion) < .05);
	uiml_generalize_mass(confusion, K, mass, room);
	assert_near(mass[0], 1.5, 1e-6);
	assert_near(mass[1], .7, 1e-6);
	assert_near(mass[2], .6, 1e-6);
	assert_near(mass[3], .2, 1e-6);
	free(base);
	free(s);
}

static void
edges(void **state)
{
	UimlEnv env = uiml_env_malloc();
	Sample *s = draw(confusion);
	double w[K * K], identity[K * K];
	double one;
	UimlGeneralization result;

	(void) state;
	uiml_generalize_identity(identity, K);
	assert_int_equal(uiml_generalize_fit(&env, s->share, NULL, s->held, NULL, N, K, -1, w), UIML_EINVALID);
	assert_int_equal(uiml_generalize_fit(&env, s->share, NULL, s->held, NULL, N, K, NAN, w), UIML_EINVALID);
	assert_int_equal(
		uiml_generalize_fit(&env, s->share, NULL, s->held, NULL, N, UIML_GENERALIZE_MAX_K + 1, 1, w),
		UIML_EINVALID);
	/* an interest that nobody is predicted to have, and nobody at all */
	for (size_t u = 0; u < N; u++)
		s->share[u * K + 3] = 0;
	assert_int_equal(uiml_generalize_fit(&env, s->share, NULL, s->held, NULL, N, K, 0, w), UIML_OK);
	assert_stochastic(w, K);
	assert_near(w[3 * K + 3], 1, 1e-12);
	assert_int_equal(uiml_generalize_fit(&env, s->share, NULL, s->held, NULL, 0, K, 0, w), UIML_OK);
	assert_true(distance(w, identity) == 0);
	assert_int_equal(uiml_generalize(&env, s->share, NULL, s->held, s->judge, 30, K, w, &result), UIML_OK);
	assert_true(!result.used && isnan(result.gain) && distance(w, identity) == 0);
	assert_int_equal(uiml_generalize(&env, s->share, NULL, s->held, s->judge, N, 1, &one, &result), UIML_OK);
	assert_true(!result.used && one == 1);
	free(s);
}

static void
failures(void **state)
{
	Sample *s = draw(confusion);
	double w[K * K];
	UimlGeneralization result;

	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = uiml_generalize(&env, s->share, NULL, s->held, s->judge, 200, K, w, &result);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
	for (long k = 1;; k += 7)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = uiml_generalize(&env, s->share, NULL, s->held, s->judge, 200, K, w, &result);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(confusion_is_found), cmocka_unit_test(calibrated_shares_stay),
		cmocka_unit_test(fit_is_a_maximum),   cmocka_unit_test(edges),
		cmocka_unit_test(base_is_left),       cmocka_unit_test(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
