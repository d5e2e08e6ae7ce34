/*
 * blend.c
 *	  Posterior shares of a Dirichlet-multinomial, the strength of its prior, and intervals of its forecasts.
 *
 * The interval is over the next m events, not over the unknown share: "2 to 6 of the next 20" can be checked
 * against what happens.  A share's marginal forecast is Beta-binomial with a = share * strength and b = (1 -
 * share) * strength.
 *
 * Numerical caveat: the probability of 0 events underflows for shares near 1, and a recurrence that starts
 * there is zero throughout.  The smaller of a and b is therefore counted: then P(0) >= 2^-m, weights relative
 * to it stay within double for m <= 1000, and no log-gamma is needed.
 */
#include <math.h>

#include "core/blend.h"
#include "core/minimise.h"

#define SHARE_FLOOR    1e-12 /* keeps the loss of an event under a zero share finite */
#define ALPHA_LOWEST   1e-2
#define ALPHA_HIGHEST  1e4
#define ALPHA_STEPS    24   /* four to a decade */
#define ALPHA_ACCURACY 1e-4 /* of log alpha: far finer than held-out users can tell */
#define INTERVAL_MAX_M 1000

static double
row_sum(const float *row, size_t k)
{
	double sum = 0;

	for (size_t j = 0; j < k; j++)
		sum += row[j];
	return sum;
}

void
uiml_blend(const float *mass, const float *prior, size_t k, double alpha, double *share)
{
	double total = mass != NULL ? row_sum(mass, k) : 0;

	for (size_t j = 0; j < k; j++)
		share[j] = ((mass != NULL ? mass[j] : 0) + alpha * prior[j]) / (total + alpha);
}

double
uiml_blend_loss(const float *mass, const float *held, const float *prior, size_t n, size_t k, double alpha)
{
	double loss = 0;
	double events = 0;

	for (size_t i = 0; i < n; i++)
	{
		const float *c = mass + i * k;
		const float *y = held + i * k;
		double total = -1;

		for (size_t j = 0; j < k; j++)
		{
			double share;

			if (!(y[j] > 0))
				continue;
			if (total < 0)
				total = row_sum(c, k);
			share = (c[j] + alpha * prior[j]) / (total + alpha);
			loss -= y[j] * log(share > SHARE_FLOOR ? share : SHARE_FLOOR);
			events += y[j];
		}
	}
	return events > 0 ? loss / events : NAN;
}

/* The loss as a function of log alpha. */
typedef struct AlphaSearch
{
	const float *mass;
	const float *held;
	const float *prior;
	size_t n;
	size_t k;
	double spread;
	double events; /* held-out ones */
} AlphaSearch;

static double
alpha_loss(void *ctx, double log_alpha)
{
	const AlphaSearch *search = ctx;

	double z = (log_alpha - log((double) search->k)) / search->spread;

	return uiml_blend_loss(search->mass, search->held, search->prior, search->n, search->k, exp(log_alpha)) +
		   z * z / 2 / search->events;
}

UimlStatus
uiml_blend_fit_alpha(const UimlEnv *env, const float *mass, const float *held, const float *prior, size_t n,
					 size_t k, double spread, double *alpha)
{
	AlphaSearch search = {mass, held, prior, n, k, spread, row_sum(held, n * k)};
	double log_alpha, loss;
	UimlStatus status = uiml_minimise(env, alpha_loss, &search, log(ALPHA_LOWEST), log(ALPHA_HIGHEST),
									  ALPHA_STEPS, ALPHA_ACCURACY, &log_alpha, &loss);

	*alpha = (double) k;
	if (status == UIML_OK && isnan(loss))
		return UIML_EEMPTY;
	if (status == UIML_OK)
		*alpha = exp(log_alpha);
	return status;
}

void
uiml_blend_interval(double share, double strength, unsigned m, double level, double *low, double *high)
{
	double weight[INTERVAL_MAX_M + 1];
	bool mirrored = share > 0.5;
	double scale = fmin(fmax(strength, 1e-12), 1e15);
	double a = (mirrored ? 1 - share : share) * scale;
	double b = (mirrored ? share : 1 - share) * scale;
	double total = 1;
	double tail;
	double cumulated = 0;
	unsigned first = 0;
	unsigned last = 0;

	*low = *high = NAN;
	if (!(share >= 0 && share <= 1) || m == 0 || m > INTERVAL_MAX_M || isnan(level))
		return;

	/* P(x + 1) / P(x) = (m - x)(a + x) / ((x + 1)(b + m - x - 1)); a is 0 for certain shares, b is not. */
	weight[0] = 1;
	for (unsigned x = 0; x < m; x++)
	{
		weight[x + 1] = weight[x] * ((m - x) * (a + x) / ((x + 1) * (b + (m - x - 1))));
		total += weight[x + 1];
	}

	/* Quantile p is the smallest x with P(X <= x) >= p. */
	tail = (1 - fmin(fmax(level, 0), 1)) / 2 * total;
	for (unsigned x = 0; x <= m && cumulated < total - tail; x++)
	{
		cumulated += weight[x];
		if (cumulated < tail)
			first = x + 1;
		last = x;
	}
	*low = (double) (mirrored ? m - last : first) / m;
	*high = (double) (mirrored ? m - first : last) / m;
}
