/*
 * interest_strength.c
 *	  How strong transferred shares are beside a history in the target.
 *
 * As in core/blend.c, p = (c + alpha pi) / (|c| + alpha), alpha fitted to items that are hidden, given others of
 * the same user; but pi is each user's own, from a fit without his group.  How many items are seen is drawn
 * from all scales alike: newcomers with one or two matter as much as regulars.
 *
 * Overlapping users are known by items, predictions weigh a history by decayed masses.  So what is told is a
 * ratio: alpha for the transfer over alpha for the prior, both fitted in the same way to the same items.
 *
 * Where a domain is sparse, two items tell of more interests than their own.  W_g (core/generalize.h) moves the
 * history's part, with the transfer's as its base, where that helps users it was not fitted to; more users
 * overlap than tune the target, and their few items are what the domain's own W_g sees little of.
 */
#include "core/interest_sample.h"

#include <math.h>
#include <string.h>

#include "core/generalize.h"
#include "core/minimise.h"
#include "core/rng.h"

#define SHARE_FLOOR    1e-12
#define ALPHA_LOWEST   1e-1
#define ALPHA_HIGHEST  1e4
#define ALPHA_STEPS    20
#define ALPHA_ACCURACY 1e-3
#define ALPHA_SPREAD   1.5 /* of a normal prior of log alpha about log k, worth one user */

typedef struct Split
{
	size_t n; /* users */
	size_t k;
	float *seen;    /* n x k: items by interest */
	float *hidden;  /* n x k: shares of the hidden items */
	double *share;  /* n x k: transferred */
	uint8_t *judge; /* n flags: who judges W_g */
	const float *prior;
	bool of_prior; /* which one alpha is fitted to */
} Split;

static void
shuffle(uint32_t *item, size_t n, UimlRng *rng)
{
	for (size_t i = n; i > 1; i--)
	{
		size_t j = uiml_rng_below(rng, i);
		uint32_t swap = item[i - 1];

		item[i - 1] = item[j];
		item[j] = swap;
	}
}

/* Splits a user's items, whose interests are listed; false where there are fewer than two. */
static bool
split_user(Split *split, uint32_t *interest, size_t n, UimlRng *rng)
{
	float *seen = split->seen + split->n * split->k;
	float *hidden = split->hidden + split->n * split->k;
	size_t n_seen = (size_t) pow((double) n, uiml_rng_uniform(rng));

	if (n < 2)
		return false;
	n_seen = n_seen < n ? n_seen : n - 1;
	shuffle(interest, n, rng);
	memset(seen, 0, split->k * sizeof(float));
	memset(hidden, 0, split->k * sizeof(float));
	for (size_t i = 0; i < n; i++)
		if (i < n_seen)
			seen[interest[i]]++;
		else
			hidden[interest[i]] += 1 / (float) (n - n_seen);
	return true;
}

/* Mean over users of the nats per hidden item, and what the prior of alpha adds. */
static double
strength_loss(void *ctx, double log_alpha)
{
	const Split *split = ctx;
	double alpha = exp(log_alpha);
	double z = (log_alpha - log((double) split->k)) / ALPHA_SPREAD;
	double loss = z * z / 2;

	for (size_t u = 0; u < split->n; u++)
	{
		const float *seen = split->seen + u * split->k;
		const float *hidden = split->hidden + u * split->k;
		double total = alpha;

		for (size_t t = 0; t < split->k; t++)
			total += seen[t];
		for (size_t t = 0; t < split->k; t++)
		{
			double pi = split->of_prior ? split->prior[t] : split->share[u * split->k + t];

			if (hidden[t] > 0)
				loss -= hidden[t] * log(fmax((seen[t] + alpha * pi) / total, SHARE_FLOOR));
		}
	}
	return loss / (double) split->n;
}

static UimlStatus
fit_strength(const UimlEnv *env, Split *split, bool of_prior, double *alpha)
{
	double log_alpha, loss;
	UimlStatus status;

	split->of_prior = of_prior;
	status = uiml_minimise(env, strength_loss, split, log(ALPHA_LOWEST), log(ALPHA_HIGHEST), ALPHA_STEPS,
						   ALPHA_ACCURACY, &log_alpha, &loss);
	*alpha = exp(log_alpha);
	return status;
}

/* Interests of a user's items; how many. */
static size_t
list_interests(const UimlItemLists *lists, const UimlInterestTarget *target, size_t u, uint32_t *interest)
{
	size_t n = 0;

	for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e++)
		if (target->interest[lists->item[e]] < target->k)
			interest[n++] = target->interest[lists->item[e]];
	return n;
}

/* Every step-th user of each group, with his shares from the fit without it. */
static UimlStatus
fill_split(const UimlEnv *env, const UimlOverlap *overlap, const UimlInterestTarget *target,
		   const UimlInterestSample *s, const UimlInterestChoice *choice, uint64_t seed, uint32_t *interest,
		   double *average, Split *split)
{
	size_t step = (s->n + UIML_STRENGTH_USERS - 1) / UIML_STRENGTH_USERS;

	for (size_t g = 0; g < UIML_INTEREST_GROUPS; g++)
	{
		const double *coef = choice->coef + g * uiml_logistic_size(s->p, s->k);
		size_t end = uiml_interest_group_start(s, g + 1);

		uiml_interest_average(s, g, choice->of_overlap, average);
		for (size_t i = (uiml_interest_group_start(s, g) + step - 1) / step * step; i < end; i += step)
		{
			size_t n = list_interests(&overlap->target, target, s->user[i], interest);
			UimlRng rng;

			if (uiml_interrupted(env))
				return UIML_EINTERRUPTED;
			uiml_rng_init(&rng, seed + i);
			if (!split_user(split, interest, n, &rng))
				continue;
			uiml_interest_mixed_shares(coef, s->p, s->k, s->x + i * s->p, choice->mixing, average,
									   split->share + split->n * s->k);
			split->judge[split->n] = i >= s->fold_start[UIML_FOLDS / 2];
			split->n++;
		}
	}
	return UIML_OK;
}

static size_t
longest_list(const UimlItemLists *lists, size_t n)
{
	size_t longest = 0;

	for (size_t u = 0; u < n; u++)
		if (lists->start[u + 1] - lists->start[u] > longest)
			longest = lists->start[u + 1] - lists->start[u];
	return longest;
}

/* What was seen, times a W_g. */
static void
move_history(Split *split, const double *w, double *room)
{
	for (size_t u = 0; u < split->n; u++)
		uiml_generalize_mass(w, split->k, split->seen + u * split->k, room);
}

/* What history and transfer give to the shares (n x k each), under alpha. */
static void
predict_parts(const Split *split, double alpha, double *share, double *base)
{
	for (size_t u = 0; u < split->n; u++)
	{
		const float *seen = split->seen + u * split->k;
		double total = alpha;

		for (size_t t = 0; t < split->k; t++)
			total += seen[t];
		for (size_t t = 0; t < split->k; t++)
		{
			share[u * split->k + t] = seen[t] / total;
			base[u * split->k + t] = alpha * split->share[u * split->k + t] / total;
		}
	}
}

/* W_g beside the transfer, which it is if it gains: then what was seen is moved, and alpha fitted anew. */
static UimlStatus
fit_history(const UimlEnv *env, Split *split, double *room, double *alpha, UimlInterestStrength *strength)
{
	size_t n = split->n;
	size_t k = split->k;
	UimlGeneralization result = {0};
	double *parts;
	UimlStatus status;

	if (k > UIML_GENERALIZE_MAX_K)
		return UIML_OK;
	parts = uiml_alloc(env, n, 2 * k * sizeof(double));
	strength->history = uiml_alloc(env, k * k, sizeof(double));
	status = parts == NULL || strength->history == NULL ? UIML_ENOMEM : UIML_OK;
	if (status == UIML_OK)
	{
		predict_parts(split, *alpha, parts, parts + n * k);
		status = uiml_generalize(env, parts, parts + n * k, split->hidden, split->judge, n, k,
								 strength->history, &result);
	}
	uiml_free(env, parts);
	if (status == UIML_OK && result.used)
	{
		strength->history_gain = result.gain;
		move_history(split, strength->history, room);
		return fit_strength(env, split, false, alpha);
	}
	uiml_free(env, strength->history);
	strength->history = NULL;
	return status;
}

/* The prior beside histories as they are, the transfer beside them as predictions see them. */
static UimlStatus
fit_both(const UimlEnv *env, const UimlInterestTarget *target, Split *split, double *room,
		 UimlInterestStrength *strength)
{
	double of_transfer, of_prior;
	UimlStatus status;

	if (split->n == 0)
		return UIML_OK;
	status = fit_strength(env, split, true, &of_prior);
	if (status != UIML_OK)
		return status;
	if (target->generalization != NULL)
		move_history(split, target->generalization, room);
	status = fit_strength(env, split, false, &of_transfer);
	if (status == UIML_OK)
		status = fit_history(env, split, room, &of_transfer, strength);
	if (status == UIML_OK)
		strength->ratio = of_transfer / of_prior;
	return status;
}

UimlStatus
uiml_interest_strength(const UimlEnv *env, const UimlOverlap *overlap, const UimlInterestTarget *target,
					   const UimlInterestSample *s, const UimlInterestChoice *choice, uint64_t seed,
					   UimlInterestStrength *strength)
{
	size_t most = s->n < UIML_STRENGTH_USERS ? s->n : UIML_STRENGTH_USERS;
	Split split = {.k = s->k, .prior = s->prior};
	uint32_t *interest = uiml_alloc(env, longest_list(&overlap->target, overlap->n), sizeof(uint32_t));
	double *average = uiml_alloc(env, s->k, sizeof(double));
	UimlStatus status = UIML_ENOMEM;

	*strength = (UimlInterestStrength){.ratio = 1};
	split.seen = uiml_alloc(env, most, s->k * sizeof(float));
	split.hidden = uiml_alloc(env, most, s->k * sizeof(float));
	split.share = uiml_alloc(env, most, s->k * sizeof(double));
	split.judge = uiml_alloc(env, most, 1);
	if (interest != NULL && average != NULL && split.seen != NULL && split.hidden != NULL &&
		split.share != NULL && split.judge != NULL)
		status = fill_split(env, overlap, target, s, choice, seed, interest, average, &split);
	if (status == UIML_OK)
		status = fit_both(env, target, &split, average, strength);
	uiml_free(env, interest);
	uiml_free(env, average);
	uiml_free(env, split.seen);
	uiml_free(env, split.hidden);
	uiml_free(env, split.share);
	uiml_free(env, split.judge);
	return status;
}
