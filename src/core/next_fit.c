/*
 * next_fit.c
 *	  Fits the experts that have closed forms: popularity, rules, ridge, ease.
 *
 * Their settings are constants.  Of those tried on the validation events of two public data sets (amazon-beauty, very
 * sparse; lastfm, long sequences; the last event but one of each user, full ranking), HR@10 / NDCG@10:
 *
 *															beauty			lastfm
 *	rules, decay .5 (.8)									.105 / .067		.087 / .047	(.103 / .064, .082 / .044)
 *	   and predecessors half, not over a root				.105 / .066		.077 / .041
 *	ridge, decay .8 (.5), lambda 30							.103 / .066		.084 / .046	(.100 / .065, .073 / .040)
 *	ease, queries decayed by .9 (.8), lambda 100			.097 / .056		.080 / .044	(.099 / .059, .078 / .044)
 *	   lambda 300											.093 / .053		.087 / .046
 *	.4 ridge + .6 ease										.109 / .069		.115 / .061
 *	.4 ridge + .3 ease + .3 rules							.109 / .069		.100 / .053
 *
 * What each says alone is much alike; what they say together is better.
 */
#include <math.h>
#include <string.h>

#include "core/next_dense.h"
#include "core/next_links.h"
#include "core/next_score.h"
#include "core/next_solve.h"

#define RULES_DECAY  .5f
#define RULES_STEPS  10
#define RIDGE_DECAY  .8f
#define RIDGE_STEPS  50
#define RIDGE_LAMBDA 50
#define EASE_DECAY   .9f
#define EASE_STEPS   50
#define EASE_LAMBDA  100

/* What a class counts that was never seen, so that its share isn't 0. */
#define UNSEEN_COUNT .5

static UimlStatus
fit_popularity(const UimlEnv *env, const UimlNextEvents *events, UimlNextModel *model)
{
	float *popularity = uiml_alloc(env, events->n_classes, sizeof(float));
	double total = UNSEEN_COUNT * (double) events->n_classes;

	if (popularity == NULL)
		return UIML_ENOMEM;
	for (size_t c = 0; c < events->n_classes; c++)
		total += events->count[c];
	for (size_t c = 0; c < events->n_classes; c++)
		popularity[c] = (float) ((events->count[c] + UNSEEN_COUNT) / total);
	model->popularity = popularity;
	return UIML_OK;
}

/* Where links can't be had for want of memory or time, there are none. */
static UimlStatus
try_links(const UimlEnv *env, const UimlNextEvents *events, const UimlNextRidgeSpec *spec, size_t memory,
		  UimlNextLinks *links)
{
	UimlStatus status = uiml_next_fit_links(env, events, spec, memory, links);

	return status == UIML_ELIMIT ? UIML_OK : status;
}

static UimlStatus
fit_ridge(const UimlEnv *env, const UimlSequenceSource *source, const UimlNextParams *params,
		  const UimlNextSpace *space, const UimlNextEvents *events, size_t memory, const UimlNextModel *refit,
		  UimlNextModel *model)
{
	bool full = params->target == UIML_NEXT_ITEM && (refit == NULL || refit->ridge.p == 0);
	bool dense = space->in != NULL && (params->target != UIML_NEXT_ITEM || space->out != NULL) &&
				 (refit == NULL || refit->ridge.p > 0);
	UimlNextRidgeSpec spec = {.decay = RIDGE_DECAY, .steps = RIDGE_STEPS, .lambda = RIDGE_LAMBDA};
	UimlStatus status = UIML_OK;

	model->ridge.decay = RIDGE_DECAY;
	model->ridge.steps = RIDGE_STEPS;
	if (full)
		status = try_links(env, events, &spec, memory, &model->ridge.links);
	if (status != UIML_OK || model->ridge.links.start != NULL || !dense)
		return status;
	status =
		uiml_next_fit_dense(env, source, params->target, space, params->n_classes, memory, &model->ridge);
	return status == UIML_ELIMIT || status == UIML_EEMPTY ? UIML_OK : status;
}

static size_t
links_bytes(const UimlNextLinks *links, size_t n_classes)
{
	return links->start != NULL ? (size_t) links->start[n_classes] * 8 + n_classes * 8 : 0;
}

/* What the next expert may take; 0: no bound. */
static size_t
memory_left(const UimlNextParams *params, const UimlNextEvents *events, const UimlNextModel *model)
{
	size_t n = params->n_classes;
	size_t taken =
		10 * events->n + 40 * n + links_bytes(&model->rules.links, n) + links_bytes(&model->ridge.links, n);

	if (params->memory == 0)
		return 0;
	return params->memory > taken ? params->memory - taken : 1;
}

static UimlStatus
fit_experts(const UimlEnv *env, const UimlSequenceSource *source, const UimlNextParams *params,
			const UimlNextSpace *space, const UimlNextEvents *events, const UimlNextModel *refit,
			UimlNextModel *model)
{
	UimlNextRidgeSpec ease = {.together = true, .lambda = EASE_LAMBDA};
	UimlStatus status = fit_popularity(env, events, model);

	if (status == UIML_OK && params->rules)
	{
		model->rules.decay = RULES_DECAY;
		model->rules.steps = RULES_STEPS;
		status = uiml_next_fit_rules(env, events, RULES_STEPS, &model->rules.links);
	}
	if (status == UIML_OK && params->ridge)
		status =
			fit_ridge(env, source, params, space, events, memory_left(params, events, model), refit, model);
	if (status == UIML_OK && params->ease && params->target == UIML_NEXT_ITEM)
	{
		model->ease.decay = EASE_DECAY;
		model->ease.steps = EASE_STEPS;
		status = try_links(env, events, &ease, memory_left(params, events, model), &model->ease.links);
	}
	return status;
}

/* The experts that a model was left with. */
static UimlNextParams
kept_params(const UimlNextParams *params, const UimlNextModel *refit)
{
	UimlNextParams kept = *params;
	bool used[UIML_N_EXPERTS] = {false};

	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
		for (size_t e = 0; e < UIML_N_EXPERTS; e++)
			used[e] = used[e] || refit->mix[length][e] > 0;
	kept.rules = used[UIML_EXPERT_RULES];
	kept.ridge = used[UIML_EXPERT_RIDGE];
	kept.ease = used[UIML_EXPERT_EASE];
	return kept;
}

/* Passes the weights of experts that a refit had no memory for on to the others, or to popularity. */
static void
drop_absent(UimlNextModel *model)
{
	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
	{
		float *mix = model->mix[length];
		float left = 0;
		float dropped = 0;

		/* The lstm's owner puts it in place later. */
		for (UimlNextExpert e = 0; e < UIML_N_EXPERTS; e++)
		{
			bool absent = e != UIML_EXPERT_LSTM && !uiml_next_present(model, e);

			*(absent ? &dropped : &left) += mix[e];
			mix[e] = absent ? 0 : mix[e];
		}
		for (size_t e = 0; dropped > 0 && left > 0 && e < UIML_N_EXPERTS; e++)
			mix[e] /= left;
		if (!(left > 0))
			mix[UIML_EXPERT_POPULARITY] = 1;
	}
}

UimlStatus
uiml_next_fit(const UimlEnv *env, const UimlSequenceSource *source, const UimlNextParams *params,
			  const UimlNextSpace *space, const UimlNextModel *refit, UimlNextModel *model)
{
	UimlNextParams wanted = refit != NULL ? kept_params(params, refit) : *params;
	UimlNextEvents events;
	UimlStatus status;

	*model = (UimlNextModel){
		.target = params->target, .n_classes = params->n_classes, .max_length = params->max_length};
	if (params->n_classes == 0 || params->n_classes >= UINT32_MAX || params->max_length < 1 ||
		params->max_length > UIML_NEXT_MAX_STEPS ||
		(params->target == UIML_NEXT_ITEM ? params->n_classes != space->n_items : space->interest == NULL))
		return UIML_EINVALID;
	for (size_t e = 0; e < UIML_N_EXPERTS; e++)
		model->temperature[e] = refit != NULL ? refit->temperature[e] : 1;
	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
	{
		model->mix[length][UIML_EXPERT_POPULARITY] = 1;
		model->blend[length] = refit != NULL ? refit->blend[length] : 1;
		if (refit != NULL)
			memcpy(model->mix[length], refit->mix[length], sizeof(model->mix[length]));
	}
	status = uiml_next_events_read(env, source, params->target, space, params->n_classes, params->memory / 4,
								   &events);
	if (status == UIML_OK)
		status = fit_experts(env, source, &wanted, space, &events, refit, model);
	if (status == UIML_OK)
		drop_absent(model);
	uiml_next_events_free(env, &events);
	return status;
}

void
uiml_next_free(const UimlEnv *env, UimlNextModel *model)
{
	uiml_free(env, (void *) model->popularity);
	uiml_next_links_free(env, &model->rules.links);
	uiml_next_links_free(env, &model->ridge.links);
	uiml_next_links_free(env, &model->ease.links);
	uiml_free(env, (void *) model->ridge.w);
	uiml_free(env, (void *) model->ridge.b);
	model->popularity = NULL;
	model->ridge.w = NULL;
	model->ridge.b = NULL;
}

size_t
uiml_next_memory(const UimlNextParams *params, const UimlNextSpace *space, size_t n_events)
{
	double n = (double) params->n_classes;
	double links = n * (double) uiml_next_most_links(params->n_classes);
	double pairs = (double) n_events * RULES_STEPS;
	double dense = params->ridge && params->target == UIML_NEXT_INTEREST && space->in != NULL
					   ? (double) uiml_next_dense_memory(params->target, space, params->n_classes)
					   : 0;
	/* Events can be a sample of them: four megabytes make one of four hundred thousand. */
	double events = fmin(10 * (double) n_events, 4e6);
	double bytes = events + 40 * n + 8 * (params->rules ? fmin(links, pairs) : 0) + dense;

	return bytes < (double) SIZE_MAX ? (size_t) bytes : SIZE_MAX;
}
