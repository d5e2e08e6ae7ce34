/*
 * next_choose.c
 *	  Temperatures, mixtures and blend from what validation users did, and what is kept.
 *
 * For each event that is predicted, the share of what came is computed under each expert at some temperatures.  All that
 * follows is about this table: an expert's temperature is the one under which, beside popularity, the events are most
 * likely, and weights are found by expectation and maximisation, for all events first and then for those with so many
 * known events, drawn to the common ones.
 */
#include <math.h>
#include <string.h>

#include "core/next_mixture.h"
#include "core/next_sample.h"

#define TEMPERATURES 7
#define STRENGTH     20    /* of the common weights beside those of a number of known events, in events */
#define LEAST_SHARE  1e-12 /* that a loss is computed of */

static const float power_temperature[TEMPERATURES] = {.3f, .45f, .6f, .8f, 1, 1.4f, 2};
static const float logit_temperature[TEMPERATURES] = {.7f, .8f, .9f, 1, 1.15f, 1.35f, 1.6f};

static const float *
temperatures(UimlNextExpert expert)
{
	return expert == UIML_EXPERT_LSTM ? logit_temperature : power_temperature;
}

/* Of n events, the shares of what came. */
typedef struct Likelihoods
{
	size_t n;
	float *tried;   /* UIML_N_EXPERTS x TEMPERATURES x n */
	float *share;   /* n x UIML_N_EXPERTS, at the temperatures chosen */
	float *pair;    /* n x 2: popularity and an expert, or the rest and what is kept */
	float *rest;    /* n */
	uint8_t *use;   /* n: of a number of known events */
	double *loss;   /* UIML_NEXT_MIXTURE + 1 rows of n: nats */
	double *gained; /* n: by one of two */
} Likelihoods;

static void
likelihoods_free(const UimlEnv *env, Likelihoods *l)
{
	uiml_free(env, l->tried);
	uiml_free(env, l->share);
	uiml_free(env, l->pair);
	uiml_free(env, l->rest);
	uiml_free(env, l->use);
	uiml_free(env, l->loss);
	uiml_free(env, l->gained);
}

static UimlStatus
likelihoods_create(const UimlEnv *env, size_t n, Likelihoods *l)
{
	*l = (Likelihoods){.n = n};
	l->tried = uiml_alloc0(env, n, UIML_N_EXPERTS * TEMPERATURES * sizeof(float));
	l->share = uiml_alloc0(env, n, UIML_N_EXPERTS * sizeof(float));
	l->pair = uiml_alloc(env, n, 2 * sizeof(float));
	l->rest = uiml_alloc0(env, n, sizeof(float));
	l->use = uiml_alloc(env, n, sizeof(uint8_t));
	l->loss = uiml_alloc(env, n, (UIML_NEXT_MIXTURE + 1) * sizeof(double));
	l->gained = uiml_alloc(env, n, sizeof(double));
	return l->tried != NULL && l->share != NULL && l->pair != NULL && l->rest != NULL && l->use != NULL &&
				   l->loss != NULL && l->gained != NULL
			   ? UIML_OK
			   : UIML_ENOMEM;
}

static float *
tried(const Likelihoods *l, UimlNextExpert expert, size_t temperature)
{
	return l->tried + ((size_t) expert * TEMPERATURES + temperature) * l->n;
}

/* A UimlNextFn: the shares of what came at position i. */
static void
try_position(const UimlNextJob *job, size_t i, UimlNextDesk *desk)
{
	const Likelihoods *l = job->arg;
	const UimlNextModel *model = job->model;
	uint32_t c = job->sample->position[i].class_no;

	l->share[i * UIML_N_EXPERTS + UIML_EXPERT_POPULARITY] = desk->popularity[c];
	if (job->rest != NULL)
		l->rest[i] = desk->rest[c];
	for (UimlNextExpert e = UIML_EXPERT_POPULARITY + 1; e < UIML_N_EXPERTS; e++)
	{
		if (!uiml_next_present(model, e))
			continue;
		uiml_next_scores(model, job->space, e, &desk->room, desk->share);
		for (size_t t = 0; t < TEMPERATURES; t++)
		{
			memcpy(desk->room.share[e], desk->share, model->n_classes * sizeof(float));
			uiml_next_shares(e, (double) temperatures(e)[t], desk->popularity, desk->item, desk->n_out,
							 model->n_classes, desk->room.share[e]);
			tried(l, e, t)[i] = desk->room.share[e][c];
		}
	}
}

static double
loss_of(double share)
{
	return -log(share > LEAST_SHARE ? share : LEAST_SHARE);
}

/* Pairs an array of shares, a elements apart, with another, b apart. */
static void
make_pairs(Likelihoods *l, const float *a, size_t step_a, const float *b, size_t step_b)
{
	for (size_t i = 0; i < l->n; i++)
	{
		l->pair[2 * i] = a[i * step_a];
		l->pair[2 * i + 1] = b[i * step_b];
	}
}

/* The temperature under which an expert beside popularity has the lowest loss. */
static UimlStatus
choose_temperature(const UimlEnv *env, Likelihoods *l, UimlNextExpert expert, UimlNextChoice *choice)
{
	static const double even[2] = {.5, .5};
	double lowest = INFINITY;
	size_t best = 0;

	for (size_t t = 0; t < TEMPERATURES; t++)
	{
		double weight[2];
		double loss = 0;
		UimlStatus status;

		make_pairs(l, l->share + UIML_EXPERT_POPULARITY, UIML_N_EXPERTS, tried(l, expert, t), 1);
		status = uiml_mixture_fit(env, l->pair, NULL, l->n, 2, even, 0, weight);
		if (status != UIML_OK)
			return status;
		for (size_t i = 0; i < l->n; i++)
			loss += loss_of(weight[0] * (double) l->pair[2 * i] + weight[1] * (double) l->pair[2 * i + 1]);
		if (loss < lowest)
		{
			lowest = loss;
			best = t;
		}
	}
	choice->temperature[expert] = temperatures(expert)[best];
	for (size_t i = 0; i < l->n; i++)
		l->share[i * UIML_N_EXPERTS + expert] = tried(l, expert, best)[i];
	return UIML_OK;
}

/* Weights (UIML_NEXT_LENGTHS x k) of k distributions: common ones, and those of each number of known events. */
static UimlStatus
fit_by_length(const UimlEnv *env, const UimlNextSample *sample, Likelihoods *l, const float *share, size_t k,
			  const double *prior, double *weight)
{
	double common[UIML_MIXTURE_MAX];
	UimlStatus status = uiml_mixture_fit(env, share, NULL, l->n, k, prior, 0, common);

	for (size_t length = 0; status == UIML_OK && length < UIML_NEXT_LENGTHS; length++)
	{
		for (size_t i = 0; i < l->n; i++)
			l->use[i] = sample->position[i].length == length;
		status = uiml_mixture_fit(env, share, l->use, l->n, k, common, STRENGTH, weight + length * k);
	}
	return status;
}

/* The mixture of a row: an expert beside popularity, or all; and the loss of each event under it. */
static UimlStatus
fit_row(const UimlEnv *env, const UimlNextSample *sample, Likelihoods *l, size_t row, UimlNextChoice *choice)
{
	double prior[UIML_N_EXPERTS] = {0};
	double weight[UIML_NEXT_LENGTHS * UIML_N_EXPERTS];
	double sum = 0;
	UimlStatus status;

	for (size_t e = 0; e < UIML_N_EXPERTS; e++)
		if (choice->present[e] && (e == UIML_EXPERT_POPULARITY || e == row || row == UIML_NEXT_MIXTURE))
			prior[e] = 1;
	for (size_t e = 0; e < UIML_N_EXPERTS; e++)
		sum += prior[e];
	for (size_t e = 0; e < UIML_N_EXPERTS; e++)
		prior[e] /= sum;
	status = fit_by_length(env, sample, l, l->share, UIML_N_EXPERTS, prior, weight);
	if (status != UIML_OK)
		return status;
	for (size_t i = 0; i < UIML_NEXT_LENGTHS * UIML_N_EXPERTS; i++)
		choice->mix[row][i / UIML_N_EXPERTS][i % UIML_N_EXPERTS] = (float) weight[i];
	for (size_t i = 0; i < l->n; i++)
	{
		const double *mix = weight + sample->position[i].length * UIML_N_EXPERTS;
		double mixed = 0;

		for (size_t e = 0; e < UIML_N_EXPERTS; e++)
			mixed += mix[e] * (double) l->share[i * UIML_N_EXPERTS + e];
		l->loss[row * l->n + i] = loss_of(mixed);
	}
	return UIML_OK;
}

static double
mean_loss(const Likelihoods *l, size_t row)
{
	double sum = 0;

	for (size_t i = 0; i < l->n; i++)
		sum += l->loss[row * l->n + i];
	return sum / (double) l->n;
}

/*
 * The mean of what each event has gained, and its standard error: of a ratio, of the users' sums to their numbers of
 * events.
 */
static double
mean_gain(const UimlNextSample *sample, const double *gained, size_t n, double *se)
{
	double gain = 0;
	double square = 0;
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		gain += gained[i] / (double) n;
	for (size_t i = 0; i < n; i++)
	{
		sum += gained[i] - gain;
		if (i + 1 < n && sample->position[i + 1].user == sample->position[i].user)
			continue;
		square += sum * sum;
		sum = 0;
	}
	*se = sqrt(square) / (double) n;
	return gain;
}

/* What is to be kept of what is there. */
static UimlStatus
keep(const UimlNextSample *sample, Likelihoods *l, UimlNextWanted wanted, UimlNextChoice *choice)
{
	static const UimlNextExpert expert[] = {[UIML_WANTED_AUTO] = UIML_EXPERT_POPULARITY,
											[UIML_WANTED_RULES] = UIML_EXPERT_RULES,
											[UIML_WANTED_RIDGE] = UIML_EXPERT_RIDGE,
											[UIML_WANTED_LSTM] = UIML_EXPERT_LSTM};
	size_t best = UIML_EXPERT_POPULARITY;

	for (size_t e = 0; e < UIML_N_EXPERTS; e++)
		if (choice->present[e] && mean_loss(l, e) < mean_loss(l, best))
			best = e;
	for (size_t i = 0; i < l->n; i++)
		l->gained[i] = l->loss[best * l->n + i] - l->loss[UIML_NEXT_MIXTURE * l->n + i];
	choice->gain = mean_gain(sample, l->gained, l->n, &choice->gain_se);
	choice->kept = choice->gain > choice->gain_se ? UIML_NEXT_MIXTURE : best;
	if (wanted == UIML_WANTED_AUTO)
		return UIML_OK;
	choice->kept = expert[wanted];
	return choice->present[choice->kept] ? UIML_OK : UIML_EINVALID;
}

/* The part of what is kept beside the rest; none where that gains no more than a standard error. */
static UimlStatus
fit_blend(const UimlEnv *env, const UimlNextSample *sample, Likelihoods *l, UimlNextChoice *choice)
{
	static const double even[2] = {.5, .5};
	double weight[UIML_NEXT_LENGTHS * 2];
	double se;
	UimlStatus status;

	for (size_t i = 0; i < l->n; i++)
	{
		l->pair[2 * i] = l->rest[i];
		l->pair[2 * i + 1] = (float) exp(-l->loss[choice->kept * l->n + i]);
	}
	status = fit_by_length(env, sample, l, l->pair, 2, even, weight);
	if (status != UIML_OK)
		return status;
	for (size_t i = 0; i < l->n; i++)
	{
		const double *part = weight + 2 * (size_t) sample->position[i].length;
		double rest = (double) l->pair[2 * i];

		l->gained[i] = loss_of(rest) - loss_of(part[0] * rest + part[1] * (double) l->pair[2 * i + 1]);
	}
	if (!(mean_gain(sample, l->gained, l->n, &se) > se))
		memset(weight, 0, sizeof(weight));
	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
		choice->blend[length] = (float) weight[2 * length + 1];
	return UIML_OK;
}

static UimlStatus
choose(const UimlEnv *env, const UimlNextJob *job, Likelihoods *l, UimlNextWanted wanted,
	   UimlNextChoice *choice)
{
	UimlStatus status = uiml_next_each(env, job);

	for (size_t e = UIML_EXPERT_POPULARITY + 1; status == UIML_OK && e < UIML_N_EXPERTS; e++)
		if (choice->present[e])
			status = choose_temperature(env, l, (UimlNextExpert) e, choice);
	for (size_t row = 0; status == UIML_OK && row <= UIML_NEXT_MIXTURE; row++)
		if (choice->present[row])
			status = fit_row(env, job->sample, l, row, choice);
	if (status == UIML_OK)
		status = keep(job->sample, l, wanted, choice);
	if (status == UIML_OK && job->rest != NULL)
		status = fit_blend(env, job->sample, l, choice);
	return status;
}

UimlStatus
uiml_next_choose(const UimlEnv *env, const UimlNextModel *model, const UimlNextSpace *space,
				 const UimlSequences *users, const UimlNextRest *rest, UimlNextWanted wanted,
				 UimlNextChoice *choice, UimlNextFigures *figures)
{
	UimlNextSample sample;
	Likelihoods likelihoods = {0};
	UimlNextJob job = {.model = model,
					   .space = space,
					   .sample = &sample,
					   .rest = rest,
					   .at = try_position,
					   .arg = &likelihoods};
	UimlStatus status = uiml_next_sample(env, model->target, space, model->n_classes, users, &sample);

	*choice = (UimlNextChoice){.kept = UIML_EXPERT_POPULARITY};
	for (size_t e = 0; e < UIML_N_EXPERTS; e++)
	{
		choice->present[e] = uiml_next_present(model, (UimlNextExpert) e);
		choice->temperature[e] = 1;
	}
	choice->present[UIML_NEXT_MIXTURE] = true;
	choice->present[UIML_NEXT_HISTORY] = choice->present[UIML_NEXT_BLEND] = rest != NULL;
	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
		choice->blend[length] = 1;
	if (status == UIML_OK)
		status = likelihoods_create(env, sample.n, &likelihoods);
	if (status == UIML_OK)
		status = choose(env, &job, &likelihoods, wanted, choice);
	likelihoods_free(env, &likelihoods);
	uiml_next_sample_free(env, &sample);
	if (status == UIML_OK && figures != NULL)
		status = uiml_next_judge(env, model, space, users, rest, choice, figures);
	return status;
}

void
uiml_next_apply(const UimlNextChoice *choice, UimlNextModel *model)
{
	memcpy(model->mix, choice->mix[choice->kept], sizeof(model->mix));
	memcpy(model->blend, choice->blend, sizeof(model->blend));
	memcpy(model->temperature, choice->temperature, sizeof(model->temperature));
}
