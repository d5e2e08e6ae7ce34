/*
 * interest_sample.c
 *	  Users of an interest transfer's fit: x, counts of interests, and passes that leave a group out.
 *
 * Rows are in the order of folds, so that those outside of a group are two runs.
 */
#include "core/interest_sample.h"

#include <math.h>
#include <string.h>

/*
 * Events that a user counts for at the most: who did a thousand things tells more than who did ten, but not a
 * hundred times more about where others go.
 */
#define MOST_EVENTS 20

/* Of a class nobody has, in an average. */
#define LEAST_SHARE 1e-6

/* Users between two questions after interruption. */
#define CHECK_USERS 1024

/* Items of user u in an interest. */
static size_t
count_items(const UimlOverlap *overlap, const UimlInterestTarget *target, size_t u)
{
	const UimlItemLists *lists = &overlap->target;
	size_t n = 0;

	for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e++)
		n += target->interest[lists->item[e]] < target->k;
	return n;
}

static void
put_user(const UimlOverlap *overlap, const UimlInterestTarget *target, UimlInterestSample *s, size_t u,
		 size_t at)
{
	const UimlItemLists *lists = &overlap->target;
	size_t group = overlap->fold[u] / UIML_INTEREST_GROUP_FOLDS;
	size_t n = count_items(overlap, target, u);
	float each = n > MOST_EVENTS ? (float) MOST_EVENTS / (float) n : 1;
	float *y = s->y + at * s->k;

	s->user[at] = (uint32_t) u;
	memcpy(s->x + at * s->p, overlap->x + u * s->p, s->p * sizeof(float));
	memset(y, 0, s->k * sizeof(float));
	for (uint64_t e = lists->start[u]; e < lists->start[u + 1]; e++)
	{
		uint32_t t = target->interest[lists->item[e]];

		if (t >= s->k)
			continue;
		y[t] += each;
		s->count[group * s->k + t] += each;
		s->share[group * s->k + t] += 1 / (double) n;
	}
}

/* How many users of each fold have something to tell; their rows' starts. */
static UimlStatus
count_users(const UimlOverlap *overlap, const UimlInterestTarget *target, UimlInterestSample *s)
{
	size_t in_fold[UIML_FOLDS] = {0};

	for (size_t u = 0; u < overlap->n; u++)
	{
		if (overlap->fold[u] >= UIML_FOLDS)
			return UIML_EINVALID;
		in_fold[overlap->fold[u]] += count_items(overlap, target, u) > 0;
	}
	for (size_t f = 0; f < UIML_FOLDS; f++)
		s->fold_start[f + 1] = s->fold_start[f] + in_fold[f];
	s->n = s->fold_start[UIML_FOLDS];
	return UIML_OK;
}

UimlStatus
uiml_interest_sample_create(const UimlEnv *env, const UimlOverlap *overlap, const UimlInterestTarget *target,
							UimlInterestSample *s)
{
	size_t next[UIML_FOLDS];
	UimlStatus status;

	*s = (UimlInterestSample){.p = overlap->p, .k = target->k, .prior = target->prior};
	status = count_users(overlap, target, s);
	if (status != UIML_OK)
		return status;
	s->user = uiml_alloc(env, s->n, sizeof(uint32_t));
	s->x = uiml_alloc(env, s->n, s->p * sizeof(float));
	s->y = uiml_alloc(env, s->n, s->k * sizeof(float));
	s->count = uiml_alloc0(env, UIML_INTEREST_GROUPS, s->k * sizeof(double));
	s->share = uiml_alloc0(env, UIML_INTEREST_GROUPS, s->k * sizeof(double));
	if (s->user == NULL || s->x == NULL || s->y == NULL || s->count == NULL || s->share == NULL)
		return UIML_ENOMEM;
	memcpy(next, s->fold_start, sizeof(next));
	for (size_t u = 0; u < overlap->n; u++)
	{
		if (u % CHECK_USERS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (count_items(overlap, target, u) > 0)
			put_user(overlap, target, s, u, next[overlap->fold[u]]++);
	}
	return UIML_OK;
}

void
uiml_interest_sample_free(const UimlEnv *env, UimlInterestSample *s)
{
	uiml_free(env, s->user);
	uiml_free(env, s->x);
	uiml_free(env, s->y);
	uiml_free(env, s->count);
	uiml_free(env, s->share);
	*s = (UimlInterestSample){0};
}

/* Sums over groups but one. */
static void
sum_others(const double *sums, size_t k, size_t group, double *out)
{
	memset(out, 0, k * sizeof(double));
	for (size_t g = 0; g < UIML_INTEREST_GROUPS; g++)
		for (size_t t = 0; g != group && t < k; t++)
			out[t] += sums[g * k + t];
}

void
uiml_interest_average(const UimlInterestSample *s, size_t group, bool of_overlap, double *average)
{
	double sum = 0;

	if (of_overlap)
		sum_others(s->share, s->k, group, average);
	for (size_t t = 0; t < s->k; t++)
	{
		average[t] = of_overlap ? average[t] : s->prior[t];
		sum += average[t];
	}
	for (size_t t = 0; t < s->k; t++)
		average[t] = (average[t] / sum + LEAST_SHARE) / (1 + LEAST_SHARE * (double) s->k);
}

void
uiml_interest_mixed_shares(const double *coef, size_t p, size_t k, const float *x, double mixing,
						   const double *average, double *share)
{
	uiml_logistic_shares(coef, p, k, x, share);
	for (size_t t = 0; t < k; t++)
		share[t] = (1 - mixing) * share[t] + mixing * average[t];
}

/* Rows of a fit: all but those of a group. */
typedef struct Rows
{
	const UimlEnv *env;
	const UimlInterestSample *sample;
	size_t from; /* rows left out */
	size_t to;
} Rows;

/* A UimlLogisticPassFn. */
static UimlStatus
pass_rows(void *ctx, const double *coef, UimlLogisticState *state)
{
	const Rows *rows = ctx;
	const UimlInterestSample *s = rows->sample;
	UimlStatus status = uiml_logistic_add(rows->env, state, coef, s->x, s->y, rows->from);

	if (status != UIML_OK)
		return status;
	return uiml_logistic_add(rows->env, state, coef, s->x + rows->to * s->p, s->y + rows->to * s->k,
							 s->n - rows->to);
}

UimlStatus
uiml_interest_sample_fit(const UimlEnv *env, const UimlInterestSample *s, size_t group,
						 const UimlLogisticSpace *space, const UimlLogisticParams *params, double *coef)
{
	Rows rows = {.env = env, .sample = s, .from = s->n, .to = s->n};

	if (group < UIML_INTEREST_GROUPS)
	{
		rows.from = uiml_interest_group_start(s, group);
		rows.to = uiml_interest_group_start(s, group + 1);
	}
	return uiml_logistic_minimise(env, space, s->k, pass_rows, &rows, params, coef, NULL);
}
