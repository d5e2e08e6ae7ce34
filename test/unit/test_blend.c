/*
 * test_blend.c
 *	  The blend, its loss, the fit of alpha on data of a known alpha, and intervals against SciPy.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/blend.h"
#include "core/rng.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) < (tolerance))

static const float third[] = {0.5f, 0.25f, 0.25f};

static void
blend_by_hand(void **state)
{
	const float mass[] = {0, 3, 1};
	double share[3];

	(void) state;
	uiml_blend(mass, third, 3, 4, share);
	assert_near(share[0], 2.0 / 8, 1e-15);
	assert_near(share[1], 4.0 / 8, 1e-15);
	assert_near(share[2], 2.0 / 8, 1e-15);
	uiml_blend(NULL, third, 3, 4, share);
	for (int j = 0; j < 3; j++)
		assert_near(share[j], third[j], 1e-15);
}

static void
loss_by_hand(void **state)
{
	const float mass[] = {0, 3, 1, 9, 9, 9, 0, 0, 0};
	const float held[] = {1, 2, 0, 0, 0, 0, 0, 0, 1};
	const float certain[] = {1, 0, 0};

	(void) state;
	/* The second user has nothing held out; the third has no history. */
	assert_near(uiml_blend_loss(mass, held, third, 3, 3, 4), (log(4) + 2 * log(2) + log(4)) / 4, 1e-12);
	/* A share of zero is floored. */
	assert_near(uiml_blend_loss(mass + 6, held + 6, certain, 1, 3, 4), -log(1e-12), 1e-9);
	assert_true(isnan(uiml_blend_loss(mass, held + 3, third, 1, 3, 4)));
}

/* The number of a class drawn from shares. */
static size_t
draw_class(UimlRng *rng, const double *share, size_t k)
{
	double u = uiml_rng_uniform(rng);
	size_t j = 0;

	while (j + 1 < k && u >= share[j])
		u -= share[j++];
	return j;
}

/*
 * A Polya urn: each event is drawn from the blend of what was drawn before.  That is a Dirichlet-multinomial
 * with alpha times the prior, so the fit must find alpha again.
 */
static double
fitted_alpha(double alpha, size_t n, unsigned events)
{
	enum
	{
		K = 5
	};
	const float prior[K] = {0.4f, 0.25f, 0.2f, 0.1f, 0.05f};
	UimlEnv env = uiml_env_malloc();
	float *mass = calloc(n * K, sizeof(float));
	float *held = calloc(n * K, sizeof(float));
	double found;
	UimlRng rng;

	uiml_rng_init(&rng, 11);
	for (size_t i = 0; i < n; i++)
	{
		double share[K];
		float urn[K] = {0};

		for (unsigned e = 0; e < 2 * events; e++)
		{
			size_t j;

			uiml_blend(urn, prior, K, alpha, share);
			j = draw_class(&rng, share, K);
			urn[j]++;
			(e < events ? mass : held)[i * K + j]++;
		}
	}
	assert_int_equal(uiml_blend_fit_alpha(&env, mass, held, prior, n, K, INFINITY, &found), UIML_OK);
	free(mass);
	free(held);
	return found;
}

static void
fit_recovers_alpha(void **state)
{
	(void) state;
	assert_near(fitted_alpha(0.5, 6000, 8) / 0.5, 1, 0.1);
	assert_near(fitted_alpha(3, 6000, 8) / 3, 1, 0.1);
	assert_near(fitted_alpha(20, 6000, 20) / 20, 1, 0.1);
}

static void
fit_edges(void **state)
{
	UimlEnv env = uiml_env_malloc();
	const float mass[] = {0, 4, 0};
	const float same[] = {0, 7, 0};
	const float nothing[] = {0, 0, 0};
	double alpha = -1;
	long countdown = 3;

	(void) state;
	assert_int_equal(uiml_blend_fit_alpha(&env, mass, nothing, third, 1, 3, INFINITY, &alpha), UIML_EEMPTY);
	assert_near(alpha, 3, 1e-15);
	assert_int_equal(uiml_blend_fit_alpha(&env, mass, nothing, third, 0, 3, INFINITY, &alpha), UIML_EEMPTY);

	/* History tells all, or nothing: alpha stays within 1e-2 .. 1e4. */
	assert_int_equal(uiml_blend_fit_alpha(&env, mass, same, third, 1, 3, INFINITY, &alpha), UIML_OK);
	assert_true(alpha >= 0.00999 && alpha < 0.011);
	assert_int_equal(
		uiml_blend_fit_alpha(&env, same, (const float[]){5, 0, 5}, third, 1, 3, INFINITY, &alpha), UIML_OK);
	assert_true(alpha > 9900 && alpha < 10001);

	/* One event does not send alpha to its bound where it has a prior of its own. */
	assert_int_equal(uiml_blend_fit_alpha(&env, mass, same, third, 1, 3, 1.5, &alpha), UIML_OK);
	assert_true(alpha > .1 && alpha < 100);

	env = test_env_interrupting(&countdown);
	assert_int_equal(uiml_blend_fit_alpha(&env, mass, same, third, 1, 3, INFINITY, &alpha),
					 UIML_EINTERRUPTED);
}

/* n users: shares from alpha * prior, seen events from them, held ones from shares dispersed about them. */
typedef struct Population
{
	enum
	{
		N_USERS = 3000,
		K = 5
	} shape;
	float mass[N_USERS * K];
	float held[N_USERS * K];
	uint32_t events[N_USERS];
} Population;

static const float five[K] = {0.4f, 0.25f, 0.2f, 0.1f, 0.05f};

/* Marsaglia and Tsang's gamma variate; shape > 0. */
static double
draw_gamma(UimlRng *rng, double shape)
{
	double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3;
	double boost = shape < 1 ? pow(1 - uiml_rng_uniform(rng), 1 / shape) : 1;

	for (;;)
	{
		double x = sqrt(-2 * log(1 - uiml_rng_uniform(rng))) * cos(2 * M_PI * uiml_rng_uniform(rng));
		double v = pow(1 + x / sqrt(9 * d), 3);

		if (v > 0 && log(1 - uiml_rng_uniform(rng)) < x * x / 2 + d - d * v + d * log(v))
			return boost * d * v;
	}
}

static void
draw_shares(UimlRng *rng, const double *mean, double strength, double *share)
{
	double sum = 0;

	for (size_t j = 0; j < K; j++)
		sum += share[j] = draw_gamma(rng, fmax(strength * mean[j], 1e-9));
	for (size_t j = 0; j < K; j++)
		share[j] /= sum;
}

static Population *
draw_population(double alpha, double dispersion, double event_mass, unsigned n_held)
{
	Population *p = calloc(1, sizeof(Population));
	UimlRng rng;

	uiml_rng_init(&rng, 5);
	for (size_t u = 0; u < N_USERS; u++)
	{
		double prior[K], share[K];

		for (size_t j = 0; j < K; j++)
			prior[j] = five[j];
		draw_shares(&rng, prior, alpha, share);
		for (size_t e = 0; e < u % 40; e++)
			p->mass[u * K + draw_class(&rng, share, K)] += (float) event_mass;
		if (dispersion > 0)
		{
			memcpy(prior, share, sizeof(prior));
			draw_shares(&rng, prior, 1 / dispersion, share);
		}
		p->events[u] = n_held;
		for (size_t e = 0; e < n_held; e++)
			p->held[u * K + draw_class(&rng, share, K)] += (float) event_mass;
	}
	return p;
}

static UimlStatus
fit_dispersion(const UimlEnv *env, const Population *p, double alpha, double *event_mass, double *dispersion)
{
	static double share[N_USERS * K];
	static double weight[N_USERS];

	for (size_t u = 0; u < N_USERS; u++)
	{
		uiml_blend(p->mass + u * K, five, K, alpha, share + u * K);
		weight[u] = alpha;
		for (size_t j = 0; j < K; j++)
			weight[u] += p->mass[u * K + j];
	}
	return uiml_blend_fit_dispersion(env, share, weight, p->held, p->events, N_USERS, K, event_mass,
									 dispersion);
}

/* What was drawn with is found again, whatever an event weighs; single events tell nothing. */
static void
fit_recovers_dispersion(void **state)
{
	UimlEnv env = uiml_env_malloc();
	Population *p = draw_population(6, .05, 3, 20);
	double event_mass, dispersion;
	long countdown = 3;

	(void) state;
	assert_int_equal(fit_dispersion(&env, p, 18, &event_mass, &dispersion), UIML_OK);
	assert_near(event_mass, 3, 1e-6);
	assert_near(dispersion / .05, 1, .25);
	env = test_env_interrupting(&countdown);
	assert_int_equal(fit_dispersion(&env, p, 18, &event_mass, &dispersion), UIML_EINTERRUPTED);
	free(p);

	env = uiml_env_malloc();
	p = draw_population(6, 0, 1, 20);
	assert_int_equal(fit_dispersion(&env, p, 6, &event_mass, &dispersion), UIML_OK);
	assert_true(dispersion < .004);
	memset(p->held, 0, sizeof(p->held));
	assert_int_equal(fit_dispersion(&env, p, 6, &event_mass, &dispersion), UIML_EEMPTY);
	assert_true(event_mass == 1 && dispersion == 0);
	free(p);

	p = draw_population(6, .5, 1, 1);
	assert_int_equal(fit_dispersion(&env, p, 6, &event_mass, &dispersion), UIML_OK);
	assert_true(dispersion == 0);
	free(p);
}

/* How often the intervals of a population hold, all pairs, and how often they are expected to. */
static double
coverage(const Population *p, double alpha, double event_mass, double dispersion, double *expected)
{
	double covered = 0;

	*expected = 0;
	for (size_t u = 0; u < N_USERS; u++)
	{
		double share[K];
		double mass = alpha;

		uiml_blend(p->mass + u * K, five, K, alpha, share);
		for (size_t j = 0; j < K; j++)
			mass += p->mass[u * K + j];
		for (size_t j = 0; j < K; j++)
		{
			double low, high, probability;
			double count = rint(p->held[u * K + j] / event_mass);

			uiml_blend_interval(share[j], uiml_blend_strength(mass, event_mass, dispersion), p->events[u], .9,
								&low, &high, &probability);
			covered += count >= rint(low * p->events[u]) && count <= rint(high * p->events[u]);
			*expected += probability;
		}
	}
	*expected /= N_USERS * K;
	return covered / (N_USERS * K);
}

static void
intervals_hold(void **state)
{
	static const double dispersions[] = {0, .05, .3};

	(void) state;
	for (size_t i = 0; i < 3; i++)
	{
		Population *p = draw_population(6, dispersions[i], 2, 20);
		double expected;
		double covered = coverage(p, 12, 2, dispersions[i], &expected);

		assert_near(expected, .9, .02);
		assert_near(covered, expected, .01);
		assert_near(covered, .9, .02);
		free(p);
	}
}

/*
 * Of scipy.stats.betabinom(m, share * strength, (1 - share) * strength) in SciPy 1.10, by trying every run of
 * counts: the most probable one of each length, and of these the one nearest to level.
 */
static const struct
{
	double share;
	double strength;
	unsigned m;
	double level;
	int low;
	int high;
	double probability;
} reference[] = {
	{0.1, 5, 20, 0.9, 0, 5, 0.888353215},          {0.1, 50, 20, 0.9, 0, 4, 0.927714950},
	{0.3, 12, 20, 0.9, 1, 10, 0.887591727},        {0.4, 4, 20, 0.9, 1, 15, 0.890291028},
	{0.5, 0.01, 20, 0.9, 0, 20, 1.000000000},      {0.7, 12, 20, 0.9, 10, 19, 0.887591727},
	{0.9, 50, 20, 0.9, 16, 20, 0.927714950},       {0.25, 1e+06, 20, 0.9, 2, 7, 0.873872322},
	{0.05, 1000, 20, 0.95, 0, 2, 0.922669410},     {0.6, 30, 20, 0.5, 11, 14, 0.517101020},
	{0.02, 3, 20, 0.8, 0, 0, 0.876266306},         {1e-09, 100, 20, 0.9, 0, 0, 0.999999982},
	{1 - 1e-9, 100, 20, 0.9, 20, 20, 0.999999982}, {0.4, 7, 100, 0.9, 11, 68, 0.897455273},
	{0.4, 0.001, 20, 0.9, 0, 20, 1.000000000},     {0.37, 25, 7, 0.9, 1, 5, 0.917587392},
	{0.8, 4, 500, 0.99, 132, 500, 0.990061523},    {0.012, 25, 20, 0.9, 0, 1, 0.950084805},
	{0.02, 25, 20, 0.9, 0, 1, 0.910482976},
};

static void
interval_reference(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(reference) / sizeof(reference[0]); i++)
	{
		double low, high, probability;
		double m = reference[i].m;

		uiml_blend_interval(reference[i].share, reference[i].strength, reference[i].m, reference[i].level,
							&low, &high, &probability);
		assert_near(probability, reference[i].probability, 2e-9);
		assert_near(low * m, reference[i].low, 1e-9);
		assert_near(high * m, reference[i].high, 1e-9);
	}
}

/* Bounds, order and mirror symmetry over the whole range of shares and strengths, up to the ends. */
static void
interval_extremes(void **state)
{
	const double share[] = {0, 1e-300, 1e-17, 1e-9, 1e-3, 0.31, 0.5};
	const double strength[] = {1e-300, 1e-9, 1e-3, 1, 30, 1e6, 1e9, 1e300};
	const unsigned length[] = {1, 2, 20, 1000};

	(void) state;
	for (size_t s = 0; s < 7; s++)
	{
		for (size_t t = 0; t < 8; t++)
		{
			for (size_t l = 0; l < 4; l++)
			{
				double low, high, low2, high2;

				uiml_blend_interval(share[s], strength[t], length[l], 0.9, &low, &high, NULL);
				assert_true(low >= 0 && low <= high && high <= 1);
				uiml_blend_interval(1 - share[s], strength[t], length[l], 0.9, &low2, &high2, NULL);
				assert_true(low2 >= 0 && low2 <= high2 && high2 <= 1);
				if (share[s] == 0 || (share[s] > 1e-4 && share[s] < 0.5))
				{
					assert_near(low2, 1 - high, 1e-12);
					assert_near(high2, 1 - low, 1e-12);
				}
			}
		}
	}
}

static void
interval_edges(void **state)
{
	double low, high;

	(void) state;
	uiml_blend_interval(0, 5, 20, 0.9, &low, &high, NULL);
	assert_true(low == 0 && high == 0);
	uiml_blend_interval(1, 5, 20, 0.9, &low, &high, NULL);
	assert_true(low == 1 && high == 1);
	uiml_blend_interval(0.3, 5, 20, 0, &low, &high, NULL);
	assert_true(low == high);
	uiml_blend_interval(0.3, 5, 20, 1, &low, &high, NULL);
	assert_true(low == 0 && high == 1);
	uiml_blend_interval(NAN, 5, 20, 0.9, &low, &high, NULL);
	assert_true(isnan(low) && isnan(high));
	uiml_blend_interval(0.3, 5, 0, 0.9, &low, &high, NULL);
	assert_true(isnan(low) && isnan(high));
	uiml_blend_interval(0.3, 5, 1001, 0.9, &low, &high, NULL);
	assert_true(isnan(low) && isnan(high));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blend_by_hand),      cmocka_unit_test(loss_by_hand),
		cmocka_unit_test(fit_recovers_alpha), cmocka_unit_test(fit_recovers_dispersion),
		cmocka_unit_test(intervals_hold),     cmocka_unit_test(fit_edges),
		cmocka_unit_test(interval_reference), cmocka_unit_test(interval_extremes),
		cmocka_unit_test(interval_edges),
	};

	return cmocka_run_group_tests_name("blend", tests, NULL, NULL);
}
