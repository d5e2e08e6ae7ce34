/*
 * interest_choose.c
 *	  What an interest transfer is chosen by: cross-validation over groups of users.
 *
 * Penalties fall from the largest, each fit beginning where the one before ended, until one is worse than the
 * best: the path is a valley.  At each, every held-out user's loss is taken under all mixtures at once.  The
 * gain that decides is nested: a fold's users are judged under what the other groups would have chosen, so that
 * the best of many candidates isn't taken for a gain.  Losses are kept as sums and sums of squares by fold and
 * candidate, never by user.
 */
#include "core/interest_sample.h"

#include <math.h>
#include <string.h>

#define SHARE_FLOOR 1e-12 /* keeps the loss of an event under a zero share finite */
#define TOLERANCE   1e-6  /* nats per event: far below what held-out users can tell */
#define CHECK_USERS 256

static const double penalties[UIML_INTEREST_PENALTIES] = {1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6};
static const double mixtures[] = {.01, .02, .05, .1, .2, .4};

#define MIXTURES   (sizeof(mixtures) / sizeof(mixtures[0]))
#define AVERAGES   2
#define VARIANTS   (MIXTURES * AVERAGES) /* at one penalty */
#define CANDIDATES (2 * UIML_INTEREST_PENALTIES * VARIANTS)

/* Of a fold's users under a candidate: gains over the prior. */
typedef struct Gains
{
	double sum;
	double square;
} Gains;

typedef struct Path
{
	const UimlEnv *env;
	const UimlInterestSample *sample;
	const UimlLogisticSpace *space;
	const double *initial;
	double *coef;      /* UIML_INTEREST_GROUPS x (p + 1) x k: of the penalty at hand */
	double *average;   /* AVERAGES x k */
	double *share;     /* k */
	double prior_loss; /* sum over users */
	Gains gains[UIML_FOLDS][CANDIDATES];
	bool tried[CANDIDATES];
	size_t best; /* candidate */
	UimlInterestChoice *choice;
} Path;

/* Candidates are numbered by bias, penalty, average and mixture. */
static size_t
candidate_of(bool biased, size_t penalty, size_t average, size_t mixture)
{
	return ((biased * UIML_INTEREST_PENALTIES + penalty) * AVERAGES + average) * MIXTURES + mixture;
}

static double
safe_log(double share)
{
	return log(share > SHARE_FLOOR ? share : SHARE_FLOOR);
}

/* Adds a held-out user's gains under all mixtures of a fit. */
static void
judge_user(Path *path, size_t i, size_t fold, const double *coef, size_t first)
{
	const UimlInterestSample *s = path->sample;
	const float *y = s->y + i * s->k;
	double gain[VARIANTS] = {0};
	double events = 0;

	uiml_logistic_shares(coef, s->p, s->k, s->x + i * s->p, path->share);
	for (size_t t = 0; t < s->k; t++)
	{
		double of_prior;

		if (!(y[t] > 0))
			continue;
		events += y[t];
		of_prior = safe_log(s->prior[t]);
		for (size_t v = 0; v < VARIANTS; v++)
		{
			double e = mixtures[v % MIXTURES];
			double average = path->average[v / MIXTURES * s->k + t];

			gain[v] += y[t] * (safe_log((1 - e) * path->share[t] + e * average) - of_prior);
		}
	}
	for (size_t v = 0; v < VARIANTS; v++)
	{
		Gains *gains = &path->gains[fold][first + v];

		gains->sum += gain[v] / events;
		gains->square += gain[v] / events * (gain[v] / events);
	}
}

/* Fits without a group and judges its users. */
static UimlStatus
judge_group(Path *path, size_t group, bool biased, size_t penalty)
{
	const UimlInterestSample *s = path->sample;
	double *coef = path->coef + group * uiml_logistic_size(s->p, s->k);
	UimlLogisticParams params = uiml_logistic_defaults();
	UimlStatus status;

	if (uiml_interest_group_start(s, group) == uiml_interest_group_start(s, group + 1))
		return UIML_OK;
	params.lambda = penalties[penalty];
	params.tolerance = TOLERANCE;
	params.prior = biased ? path->initial : NULL;
	status = uiml_interest_sample_fit(path->env, s, group, path->space, &params, coef);
	for (size_t a = 0; a < AVERAGES; a++)
		uiml_interest_average(s, group, a == 1, path->average + a * s->k);
	for (size_t f = group * UIML_INTEREST_GROUP_FOLDS;
		 status == UIML_OK && f < (group + 1) * UIML_INTEREST_GROUP_FOLDS; f++)
		for (size_t i = s->fold_start[f]; i < s->fold_start[f + 1]; i++)
		{
			if (i % CHECK_USERS == 0 && uiml_interrupted(path->env))
				return UIML_EINTERRUPTED;
			judge_user(path, i, f, coef, candidate_of(biased, penalty, 0, 0));
		}
	return status;
}

/* Of all folds but those of a group (UIML_INTEREST_GROUPS: of all). */
static double
total_gain(const Path *path, size_t candidate, size_t group)
{
	double sum = 0;

	for (size_t f = 0; f < UIML_FOLDS; f++)
		sum += f / UIML_INTEREST_GROUP_FOLDS != group ? path->gains[f][candidate].sum : 0;
	return sum;
}

/* The candidate of the highest gain outside of a group; ties go to the first. */
static size_t
best_outside(const Path *path, size_t group)
{
	double most = -INFINITY;
	size_t best = 0;

	for (size_t c = 0; c < CANDIDATES; c++)
		if (path->tried[c] && total_gain(path, c, group) > most)
		{
			most = total_gain(path, c, group);
			best = c;
		}
	return best;
}

/* Coefficients that know nothing of x, or those of the initial transfer, for each group. */
static void
start_path(Path *path, bool biased, double *count)
{
	const UimlInterestSample *s = path->sample;

	for (size_t g = 0; g < UIML_INTEREST_GROUPS; g++)
	{
		memset(count, 0, s->k * sizeof(double));
		for (size_t i = 0; i < UIML_INTEREST_GROUPS * s->k; i++)
			count[i % s->k] += i / s->k != g ? s->count[i] : 0;
		uiml_logistic_start(path->space, count, s->k, biased ? path->initial : NULL,
							path->coef + g * uiml_logistic_size(s->p, s->k));
	}
}

/* Falls along the penalties until one is worse; evidence's path is that of the last bias that was better. */
static UimlStatus
walk(Path *path, bool biased, UimlInterestEvidence *evidence)
{
	const UimlInterestSample *s = path->sample;
	size_t size = UIML_INTEREST_GROUPS * uiml_logistic_size(s->p, s->k);
	double n = (double) s->n;
	UimlInterestPoint points[UIML_INTEREST_PENALTIES];
	double most = -INFINITY;
	bool better = false;
	UimlStatus status = UIML_OK;

	start_path(path, biased, path->share);
	for (size_t l = 0; l < UIML_INTEREST_PENALTIES; l++)
		points[l] = (UimlInterestPoint){penalties[l], NAN};
	for (size_t l = 0; status == UIML_OK && l < UIML_INTEREST_PENALTIES; l++)
	{
		double here = -INFINITY;

		for (size_t g = 0; status == UIML_OK && g < UIML_INTEREST_GROUPS; g++)
			status = judge_group(path, g, biased, l);
		if (status != UIML_OK)
			break;
		for (size_t v = 0; v < VARIANTS; v++)
		{
			size_t c = candidate_of(biased, l, 0, 0) + v;

			path->tried[c] = true;
			here = fmax(here, total_gain(path, c, UIML_INTEREST_GROUPS));
		}
		points[l].loss = (path->prior_loss - here) / n;
		if (best_outside(path, UIML_INTEREST_GROUPS) / VARIANTS == candidate_of(biased, l, 0, 0) / VARIANTS)
		{
			memcpy(path->choice->coef, path->coef, size * sizeof(double));
			better = true;
		}
		if (here < most)
			break;
		most = here;
	}
	if (better)
		memcpy(evidence->path, points, sizeof(points));
	return status;
}

/* The prior's loss, a sum over users. */
static double
prior_loss(const UimlInterestSample *s)
{
	double loss = 0;

	for (size_t i = 0; i < s->n; i++)
	{
		const float *y = s->y + i * s->k;
		double sum = 0;
		double events = 0;

		for (size_t t = 0; t < s->k; t++)
		{
			if (!(y[t] > 0))
				continue;
			events += y[t];
			sum -= y[t] * safe_log(s->prior[t]);
		}
		loss += sum / events;
	}
	return loss;
}

/* What the winner is, and what choosing like that gains. */
static void
conclude(const Path *path, UimlInterestEvidence *evidence)
{
	const UimlInterestSample *s = path->sample;
	size_t best = best_outside(path, UIML_INTEREST_GROUPS);
	UimlInterestChoice *choice = path->choice;
	double n = (double) s->n;
	double sum = 0;
	double square = 0;

	choice->mixing = mixtures[best % MIXTURES];
	choice->of_overlap = best / MIXTURES % AVERAGES == 1;
	choice->lambda = penalties[best / VARIANTS % UIML_INTEREST_PENALTIES];
	choice->biased = best / VARIANTS / UIML_INTEREST_PENALTIES == 1;
	for (size_t f = 0; f < UIML_FOLDS; f++)
	{
		const Gains *gains = &path->gains[f][best_outside(path, f / UIML_INTEREST_GROUP_FOLDS)];
		double users = (double) (s->fold_start[f + 1] - s->fold_start[f]);

		evidence->fold_gain[f] = users > 0 ? gains->sum / users : NAN;
		sum += gains->sum;
		square += gains->square;
	}
	evidence->users = s->n;
	evidence->lambda = choice->lambda;
	evidence->biased = choice->biased;
	evidence->of_overlap = choice->of_overlap;
	evidence->prior_loss = path->prior_loss / n;
	evidence->gain = sum / n;
	evidence->gain_se = n > 1 ? sqrt(fmax(square - sum * sum / n, 0) / (n - 1) / n) : INFINITY;
	evidence->loss = evidence->prior_loss - evidence->gain;
}

/* At least two groups have users, else nobody could be held out. */
static bool
can_be_judged(const UimlInterestSample *s)
{
	size_t groups = 0;

	for (size_t g = 0; g < UIML_INTEREST_GROUPS; g++)
		groups += uiml_interest_group_start(s, g + 1) > uiml_interest_group_start(s, g);
	return groups >= 2;
}

UimlStatus
uiml_interest_choose(const UimlEnv *env, const UimlInterestSample *s, const UimlLogisticSpace *space,
					 const double *initial, UimlInterestChoice *choice, UimlInterestEvidence *evidence)
{
	size_t size = UIML_INTEREST_GROUPS * uiml_logistic_size(s->p, s->k);
	Path *path;
	UimlStatus status = UIML_ENOMEM;

	*choice = (UimlInterestChoice){0};
	if (!can_be_judged(s))
		return UIML_EEMPTY;
	path = uiml_alloc0(env, 1, sizeof(Path));
	if (path == NULL)
		return UIML_ENOMEM;
	path->env = env;
	path->sample = s;
	path->space = space;
	path->initial = initial;
	path->choice = choice;
	path->coef = uiml_alloc(env, size, sizeof(double));
	path->average = uiml_alloc(env, AVERAGES, s->k * sizeof(double));
	path->share = uiml_alloc(env, s->k, sizeof(double));
	choice->coef = uiml_alloc(env, size, sizeof(double));
	if (path->coef != NULL && path->average != NULL && path->share != NULL && choice->coef != NULL)
	{
		path->prior_loss = prior_loss(s);
		status = walk(path, false, evidence);
		if (status == UIML_OK && initial != NULL)
			status = walk(path, true, evidence);
	}
	if (status == UIML_OK)
		conclude(path, evidence);
	uiml_free(env, path->coef);
	uiml_free(env, path->average);
	uiml_free(env, path->share);
	uiml_free(env, path);
	return status;
}
