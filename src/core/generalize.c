/*
 * generalize.c
 *	  W_g: what shares should have been, told by users held out of training.
 *
 * An event of user u in interest j has probability q_uj = base_uj + sum_i share_ui W_ij, as if interest i was
 * drawn from the prediction and j from row i.  With i as what is not seen, expectation maximisation is
 *
 *		N_ij = sum_u held_uj share_ui W_ij / q_uj,	W_ij = (N_ij + strength [i = j]) / sum_j (N_ij + ...)
 *
 * where strength is what a Dirichlet prior adds (Lange 1995).  Each step raises the likelihood, rows stay
 * distributions without a constraint being written down, and an entry of 0 would stay 0: so it starts between
 * the identity and the mean of what was held out.
 *
 * Numerical caveat: q is floored, as a share of 0 that comes true would divide by zero.
 */
#include "core/generalize.h"

#include <math.h>
#include <string.h>

#define MOST_STEPS  100
#define ACCURACY    1e-6 /* of the loss, in nats per event, between two steps */
#define START       .1   /* of the mean of what was held out, in each row that EM starts from */
#define SHARE_FLOOR 1e-12

/* Events that speak for the identity, as parts of an even share of all events for each interest. */
static const double strengths[] = {.01, .03, .1, .3, 1};

#define N_STRENGTHS (sizeof(strengths) / sizeof(*strengths))

void
uiml_generalize_identity(double *w, size_t k)
{
	memset(w, 0, k * k * sizeof(double));
	for (size_t i = 0; i < k; i++)
		w[i * k + i] = 1;
}

void
uiml_generalize_apply(const double *w, size_t k, const double *share, double *out)
{
	memset(out, 0, k * sizeof(double));
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < k; j++)
			out[j] += share[i] * w[i * k + j];
}

void
uiml_generalize_mass(const double *w, size_t k, float *mass, double *room)
{
	memset(room, 0, k * sizeof(double));
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < k && mass[i] > 0; j++)
			room[j] += mass[i] * w[i * k + j];
	for (size_t j = 0; j < k; j++)
		mass[j] = (float) room[j];
}

static double
dot(const double *a, const double *b, size_t k)
{
	double sum = 0;

	for (size_t i = 0; i < k; i++)
		sum += a[i] * b[i];
	return sum;
}

/* --- the fit -------------------------------------------------------------------------------------------- */

/* Matrices are transposed here: an event of interest j needs column j of W. */
typedef struct Fit
{
	const double *share;
	const double *base;
	const float *held;
	const uint8_t *skip;
	size_t n;
	size_t k;
	double strength;
	double *column;   /* k x k: W' */
	double *gradient; /* k x k: of the log-likelihood, transposed */
	double *row_sum;  /* k */
} Fit;

static void
start(Fit *fit)
{
	size_t k = fit->k;
	double *mean = fit->row_sum;
	double total = 0;

	memset(mean, 0, k * sizeof(double));
	for (size_t u = 0; u < fit->n; u++)
		for (size_t j = 0; j < k && !(fit->skip != NULL && fit->skip[u]); j++)
		{
			mean[j] += fit->held[u * k + j];
			total += fit->held[u * k + j];
		}
	for (size_t j = 0; j < k; j++)
		for (size_t i = 0; i < k; i++)
			fit->column[j * k + i] =
				total > 0 ? START * mean[j] / total + (1 - START) * (i == j) : (double) (i == j);
}

/* The gradient of the log-likelihood under W; returns nats per event, NaN without one. */
static double
expect(Fit *fit)
{
	size_t k = fit->k;
	double loss = 0;
	double events = 0;

	memset(fit->gradient, 0, k * k * sizeof(double));
	for (size_t u = 0; u < fit->n; u++)
	{
		const double *p = fit->share + u * k;
		const float *y = fit->held + u * k;

		if (fit->skip != NULL && fit->skip[u])
			continue;
		for (size_t j = 0; j < k; j++)
		{
			double q, factor;

			if (!(y[j] > 0))
				continue;
			q = dot(p, fit->column + j * k, k) + (fit->base != NULL ? fit->base[u * k + j] : 0);
			q = fmax(q, SHARE_FLOOR);
			factor = y[j] / q;
			for (size_t i = 0; i < k; i++)
				fit->gradient[j * k + i] += factor * p[i];
			loss -= y[j] * log(q);
			events += y[j];
		}
	}
	return loss / events;
}

static void
maximise(Fit *fit)
{
	size_t k = fit->k;

	memset(fit->row_sum, 0, k * sizeof(double));
	for (size_t j = 0; j < k; j++)
	{
		for (size_t i = 0; i < k; i++)
		{
			double *w = &fit->column[j * k + i];

			*w = *w * fit->gradient[j * k + i] + (i == j ? fit->strength : 0);
			fit->row_sum[i] += *w;
		}
	}
	for (size_t j = 0; j < k; j++)
		for (size_t i = 0; i < k; i++)
			fit->column[j * k + i] =
				fit->row_sum[i] > 0 ? fit->column[j * k + i] / fit->row_sum[i] : (double) (i == j);
}

static UimlStatus
run(const UimlEnv *env, Fit *fit)
{
	double before = INFINITY;

	start(fit);
	for (size_t step = 0; step < MOST_STEPS; step++)
	{
		double loss;

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		loss = expect(fit);
		maximise(fit);
		/* NaN, where there is no event, ends it too */
		if (!(fabs(before - loss) > ACCURACY))
			break;
		before = loss;
	}
	return UIML_OK;
}

UimlStatus
uiml_generalize_fit(const UimlEnv *env, const double *share, const double *base, const float *held,
					const uint8_t *skip, size_t n, size_t k, double strength, double *w)
{
	Fit fit = {
		.share = share, .base = base, .held = held, .skip = skip, .n = n, .k = k, .strength = strength};
	UimlStatus status;

	if (!(strength >= 0) || isinf(strength) || k == 0 || k > UIML_GENERALIZE_MAX_K)
		return UIML_EINVALID;
	fit.column = uiml_alloc(env, k * k, sizeof(double));
	fit.gradient = uiml_alloc(env, k * k, sizeof(double));
	fit.row_sum = uiml_alloc(env, k, sizeof(double));
	status = fit.column == NULL || fit.gradient == NULL || fit.row_sum == NULL ? UIML_ENOMEM : UIML_OK;
	if (status == UIML_OK)
		status = run(env, &fit);
	for (size_t i = 0; status == UIML_OK && i < k; i++)
		for (size_t j = 0; j < k; j++)
			w[i * k + j] = fit.column[j * k + i];
	uiml_free(env, fit.column);
	uiml_free(env, fit.gradient);
	uiml_free(env, fit.row_sum);
	return status;
}

/* --- the verdict ---------------------------------------------------------------------------------------- */

/* What W_g changes for the users that skip doesn't flag. */
typedef struct Change
{
	size_t users;
	double events;
	double loss; /* sums */
	double gain;
	double square; /* of a user's gain less his events times the mean gain */
} Change;

/* User u's loss under his shares, and his gain under w; returns his events. */
static double
judge_user(const Fit *fit, size_t u, const double *w, double *work, double *loss, double *gain)
{
	size_t k = fit->k;
	const double *share = fit->share + u * k;
	const float *held = fit->held + u * k;
	double events = 0;

	*loss = *gain = 0;
	uiml_generalize_apply(w, k, share, work);
	for (size_t j = 0; j < k; j++)
	{
		double base = fit->base != NULL ? fit->base[u * k + j] : 0;
		double before;

		if (!(held[j] > 0))
			continue;
		before = log(fmax(share[j] + base, SHARE_FLOOR));
		*loss -= held[j] * before;
		*gain += held[j] * (log(fmax(work[j] + base, SHARE_FLOOR)) - before);
		events += held[j];
	}
	return events;
}

static void
judge(const Fit *fit, const double *w, double *work, Change *change)
{
	*change = (Change){0};
	for (int pass = 0; pass < 2; pass++)
	{
		double mean = change->gain / change->events;

		for (size_t u = 0; u < fit->n; u++)
		{
			double loss, gain, events;

			if (fit->skip[u])
				continue;
			events = judge_user(fit, u, w, work, &loss, &gain);
			if (!(events > 0))
				continue;
			if (pass == 1)
			{
				change->square += (gain - mean * events) * (gain - mean * events);
				continue;
			}
			change->users++;
			change->events += events;
			change->loss += loss;
			change->gain += gain;
		}
	}
}

/* How many events of how many users those have who are not skipped. */
static size_t
count_users(const Fit *fit, double *events)
{
	size_t users = 0;

	*events = 0;
	for (size_t u = 0; u < fit->n; u++)
	{
		double own = 0;

		for (size_t j = 0; j < fit->k && !fit->skip[u]; j++)
			own += fit->held[u * fit->k + j];
		users += own > 0;
		*events += own;
	}
	return users;
}

/*
 * The strength, in events of all who fit, under which each half of them predicts the other best; work has
 * room for k and a flag for each user.
 */
static UimlStatus
choose_strength(const UimlEnv *env, const Fit *fit, const uint8_t *judges, double unit, double *w,
				double *work, uint8_t *flag, double *strength)
{
	Fit half = *fit;
	double best = -INFINITY;

	half.skip = flag;
	for (size_t s = 0; s < N_STRENGTHS; s++)
	{
		double gain = 0;

		for (size_t part = 0; part < 2; part++)
		{
			Change change;
			UimlStatus status;

			for (size_t u = 0, r = 0; u < fit->n; u++)
				flag[u] = judges[u] || r++ % 2 == part;
			status = uiml_generalize_fit(env, fit->share, fit->base, fit->held, flag, fit->n, fit->k,
										 strengths[s] * unit / 2, w);
			if (status != UIML_OK)
				return status;
			for (size_t u = 0; u < fit->n; u++)
				flag[u] = judges[u] || !flag[u];
			judge(&half, w, work, &change);
			gain += change.gain;
		}
		if (gain >= best)
		{
			best = gain;
			*strength = strengths[s] * unit;
		}
	}
	return UIML_OK;
}

static UimlStatus
fit_and_judge(const UimlEnv *env, Fit *fit, const uint8_t *judges, double *work, uint8_t *flag, double *w,
			  UimlGeneralization *result)
{
	double events;
	Change change;
	UimlStatus status;

	fit->skip = judges;
	if (count_users(fit, &events) < UIML_GENERALIZE_MIN_USERS)
		return UIML_OK;
	status = choose_strength(env, fit, judges, events / (double) fit->k, w, work, flag, &result->strength);
	if (status == UIML_OK)
		status = uiml_generalize_fit(env, fit->share, fit->base, fit->held, judges, fit->n, fit->k,
									 result->strength, w);
	if (status != UIML_OK)
		return status;
	for (size_t u = 0; u < fit->n; u++)
		flag[u] = !judges[u];
	fit->skip = flag;
	judge(fit, w, work, &change);
	result->users = change.users;
	if (change.users == 0)
		return UIML_OK;
	result->loss = change.loss / change.events;
	result->gain = change.gain / change.events;
	result->gain_se =
		change.users > 1
			? sqrt(change.square * (double) change.users / (double) (change.users - 1)) / change.events
			: INFINITY;
	result->used = change.users >= UIML_GENERALIZE_MIN_USERS && result->gain > result->gain_se;
	return UIML_OK;
}

UimlStatus
uiml_generalize(const UimlEnv *env, const double *share, const double *base, const float *held,
				const uint8_t *judge_flag, size_t n, size_t k, double *w, UimlGeneralization *result)
{
	Fit fit = {.share = share, .base = base, .held = held, .n = n, .k = k};
	double *work;
	uint8_t *flag;
	UimlStatus status = UIML_OK;

	*result = (UimlGeneralization){.strength = NAN, .loss = NAN, .gain = NAN, .gain_se = NAN};
	uiml_generalize_identity(w, k);
	if (k < 2 || k > UIML_GENERALIZE_MAX_K)
		return UIML_OK;
	work = uiml_alloc(env, k, sizeof(double));
	flag = uiml_alloc(env, n > 0 ? n : 1, 1);
	status = work == NULL || flag == NULL ? UIML_ENOMEM
										  : fit_and_judge(env, &fit, judge_flag, work, flag, w, result);
	if (!result->used)
		uiml_generalize_identity(w, k);
	uiml_free(env, work);
	uiml_free(env, flag);
	return status;
}
