/*
 * blend.c
 *	  Posterior shares of a Dirichlet-multinomial, the strength of its prior, and intervals of its forecasts.
 *
 * The interval is over the next m events, not over the unknown share: "2 to 6 of the next 20" can be checked
 * against what happens.  A share's marginal forecast is Beta-binomial with a = share * strength and b = (1 -
 * share) * strength.
 *
 * A count has few values, and central intervals waste them: where 0 is likely nothing is cut off below, so that
 * 5 % above leave 95 %, and whole steps leave more.  They covered 94 to 98 % of what held-out users did where
 * 90 % was meant.  Runs of counts that are grown from the mode, up to the nearest step, waste nothing.
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

#define DISPERSION_LOWEST   1e-4 /* beside 20 events: none */
#define DISPERSION_HIGHEST  1e1
#define DISPERSION_STEPS    20
#define DISPERSION_ACCURACY 1e-3 /* of its log */

#define TIE 1e-9

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

/* --- how far events are from shares --------------------------------------------------------------------- */

typedef struct DispersionSearch
{
	const double *share;
	const double *weight;
	const float *held;
	const uint32_t *events;
	size_t n;
	size_t k;
	double event_mass;
} DispersionSearch;

/* Negative log-likelihood of one user's counts, less what depends on the counts alone. */
static double
user_loss(const DispersionSearch *search, size_t user, double dispersion)
{
	const double *share = search->share + user * search->k;
	const float *y = search->held + user * search->k;
	double total = row_sum(y, search->k);
	double strength = uiml_blend_strength(search->weight[user], search->event_mass, dispersion);
	double loss;

	if (!(total > 0))
		return 0;
	loss = lgamma(strength + search->events[user]) - lgamma(strength);
	for (size_t j = 0; j < search->k; j++)
	{
		double a;

		if (!(y[j] > 0))
			continue;
		a = fmax(strength * share[j], SHARE_FLOOR);
		loss -= lgamma(a + y[j] / total * search->events[user]) - lgamma(a);
	}
	return loss;
}

static double
dispersion_loss(const DispersionSearch *search, double dispersion)
{
	double loss = 0;

	for (size_t i = 0; i < search->n; i++)
		loss += user_loss(search, i, dispersion);
	return loss;
}

static double
log_dispersion_loss(void *ctx, double log_dispersion)
{
	return dispersion_loss(ctx, exp(log_dispersion));
}

UimlStatus
uiml_blend_fit_dispersion(const UimlEnv *env, const double *share, const double *weight, const float *held,
						  const uint32_t *events, size_t n, size_t k, double *event_mass, double *dispersion)
{
	DispersionSearch search = {share, weight, held, events, n, k, 1};
	double total = row_sum(held, n * k);
	double count = 0;
	double log_best, loss;
	UimlStatus status;

	*event_mass = 1;
	*dispersion = 0;
	for (size_t i = 0; i < n; i++)
		count += events[i];
	if (!(total > 0) || !(count > 0))
		return UIML_EEMPTY;
	search.event_mass = total / count;
	status = uiml_minimise(env, log_dispersion_loss, &search, log(DISPERSION_LOWEST), log(DISPERSION_HIGHEST),
						   DISPERSION_STEPS, DISPERSION_ACCURACY, &log_best, &loss);
	if (status != UIML_OK)
		return status;
	*event_mass = search.event_mass;
	if (loss < dispersion_loss(&search, 0) - 1)
		*dispersion = exp(log_best);
	return UIML_OK;
}

/* --- intervals ------------------------------------------------------------------------------------------ */

/* Relative probabilities of 0 .. m events into weight; returns their sum. */
static double
count_weights(double a, double b, unsigned m, double *weight)
{
	double total = 1;

	/* P(x + 1) / P(x) = (m - x)(a + x) / ((x + 1)(b + m - x - 1)); a is 0 for certain shares, b is not. */
	weight[0] = 1;
	for (unsigned x = 0; x < m; x++)
	{
		weight[x + 1] = weight[x] * ((m - x) * (a + x) / ((x + 1) * (b + (m - x - 1))));
		total += weight[x + 1];
	}
	return total;
}

/*
 * Grows a run from the most likely count, always to the likelier side, until it holds level of total; without
 * its last step where that is nearer.  Returns what it holds.
 */
static double
grow_run(const double *weight, unsigned m, double level, double total, unsigned *first, unsigned *last)
{
	unsigned mode = 0;
	double held;

	for (unsigned x = 1; x <= m; x++)
		mode = weight[x] > weight[mode] ? x : mode;
	*first = *last = mode;
	held = weight[mode];
	while (held < level * total && (*first > 0 || *last < m))
	{
		double below = *first > 0 ? weight[*first - 1] : -1;
		double above = *last < m ? weight[*last + 1] : -1;
		bool up = above > below * (1 + TIE); /* rounding must not choose between equals */
		double more = up ? above : below;

		if (held + more - level * total > level * total - held)
			break;
		held += more;
		*first -= !up;
		*last += up;
	}
	return held;
}

void
uiml_blend_interval(double share, double strength, unsigned m, double level, double *low, double *high,
					double *probability)
{
	double weight[INTERVAL_MAX_M + 1];
	bool mirrored = share > 0.5;
	double scale = fmin(fmax(strength, 1e-12), 1e15);
	double a = (mirrored ? 1 - share : share) * scale;
	double b = (mirrored ? share : 1 - share) * scale;
	double total, held;
	unsigned first, last;

	*low = *high = NAN;
	if (!(share >= 0 && share <= 1) || m == 0 || m > INTERVAL_MAX_M || isnan(level))
		return;
	total = count_weights(a, b, m, weight);
	held = grow_run(weight, m, fmin(fmax(level, 0), 1), total, &first, &last);
	*low = (double) (mirrored ? m - last : first) / m;
	*high = (double) (mirrored ? m - first : last) / m;
	if (probability != NULL)
		*probability = held / total;
}
