/*
 * behaviour.c
 *	  The whole course of a behaviour model: split, fit, tune, judge, refit.
 *
 * Dims are not guessed.  A space of FIRST_DIMS is fitted and its nested prefixes are ranked on tuning users;
 * where the whole of it does best, twice as many dimensions are tried, up to MOST_DIMS.  Dense domains settle
 * at 64 after one fit, sparse ones pay for what they gain.
 */
#include "core/behaviour.h"

#include "core/place.h"

#define FIRST_DIMS 128
#define MOST_DIMS  256

/* As many as training chooses; what texts take hardly depends on it. */
#define MOST_INTERESTS 64

/* Tuning keeps 512 floats for each of 1,000 users, and their hidden items. */
#define TUNING_BYTES (1000 * 512 * sizeof(float))

static const size_t default_k[] = {10, 20, 100};

UimlBehaviourParams
uiml_behaviour_defaults(void)
{
	return (UimlBehaviourParams){
		.model = uiml_model_defaults(), .fold_in = .8, .max_users = 1000, .k = default_k, .n_k = 3};
}

/* Bytes of two holdouts like this one. */
static double
holdout_bytes(const UimlHoldout *holdout)
{
	double entries = (double) holdout->seen.n_entries + (double) holdout->hidden.n_entries;

	return 2 * (entries * (sizeof(uint32_t) + 2 * sizeof(float)) +
				2 * (double) holdout->seen.n_users * sizeof(size_t));
}

/* The dims to begin with or to end with, halved until what fitting and tuning them takes is allowed. */
static size_t
affordable_dims(const UimlRows *rows, const UimlModelParams *params, const UimlHoldout *tuning, size_t dims)
{
	double beside = holdout_bytes(tuning) + TUNING_BYTES;
	UimlModelParams p = *params;

	for (p.dims = dims; p.dims > 16; p.dims /= 2)
	{
		double fit = (double) rows->memory(rows->ctx, p.dims, p.interests) + beside;

		if (p.text != NULL)
			fit += (double) uiml_place_memory(0, rows->n_texts, p.text_dims, p.dims, MOST_INTERESTS);
		if (p.memory == 0 || fit <= (double) p.memory)
			break;
	}
	return p.dims;
}

/* Fits the space, of as many dimensions as pay on the tuning users where the caller did not say. */
static UimlStatus
fit_space(const UimlEnv *env, const UimlRows *rows, const uint8_t *used, const UimlModelParams *params,
		  const UimlHoldout *tuning, UimlModel *model)
{
	UimlModelParams p = *params;
	size_t most;
	size_t chosen = 0;
	UimlStatus status;

	if (params->dims > 0 || tuning == NULL || tuning->hidden.n_entries == 0)
		return uiml_model_fit_space(env, rows, used, params, model);
	most = affordable_dims(rows, params, tuning, MOST_DIMS);
	for (p.dims = affordable_dims(rows, params, tuning, FIRST_DIMS);; p.dims *= 2)
	{
		status = uiml_model_fit_space(env, rows, used, &p, model);
		if (status == UIML_OK)
			status = uiml_model_choose_dims(env, model, tuning, &chosen);
		if (status != UIML_OK || chosen < p.dims || p.dims >= most)
			break;
		uiml_model_free(env, model);
	}
	if (status == UIML_OK)
		uiml_model_truncate(model, chosen);
	return status;
}

/* Space, interests and tuned parameters from what may be known while tuning. */
static UimlStatus
fit_and_tune(const UimlEnv *env, const UimlRows *rows, const uint8_t *used, const UimlModelParams *params,
			 const UimlHoldout *tuning, const UimlHoldout *newest, UimlModel *model)
{
	UimlModelParams p = *params;
	UimlStatus status = fit_space(env, rows, used, params, tuning, model);

	p.drop_small |= params->interests == 0;
	if (status == UIML_OK)
		status = uiml_model_fit_interests(env, rows, used, &p, model);
	if (status == UIML_OK && tuning != NULL)
		status = uiml_model_tune(env, model, tuning);
	if (status == UIML_OK && tuning != NULL)
		status = uiml_model_tune_generalization(env, model, tuning);
	if (status == UIML_OK && tuning != NULL)
		status = uiml_model_tune_intervals(env, model, newest != NULL ? newest : tuning);
	if (status != UIML_OK)
		uiml_model_free(env, model);
	return status;
}

/* Fits space and interests on other rows, as one phase: those within have been told once. */
static UimlStatus
fit_again(const UimlEnv *env, const UimlRows *rows, const uint8_t *used, const UimlModelParams *params,
		  UimlModel *fresh)
{
	UimlEnv quiet = *env;
	UimlStatus status;

	quiet.progress = NULL;
	uiml_progress(env, "refit", 0, 2);
	status = uiml_model_fit_space(&quiet, rows, used, params, fresh);
	uiml_progress(env, "refit", 1, 2);
	if (status == UIML_OK)
		status = uiml_model_fit_interests(&quiet, rows, used, params, fresh);
	uiml_progress(env, "refit", 2, 2);
	return status;
}

/*
 * What tuning chose.  W_g is of numbered interests: clustering has started from those it was fitted for, and
 * without one of them it says nothing.
 */
static void
take_over(const UimlModel *old, size_t n_interests, UimlModel *fresh)
{
	fresh->alpha = old->alpha;
	fresh->item_alpha = old->item_alpha;
	fresh->text_weight = fresh->n_texts > 0 ? old->text_weight : 0;
	fresh->temperature = old->temperature;
	fresh->event_mass = old->event_mass;
	fresh->dispersion = old->dispersion;
	if (fresh->n_interests == n_interests)
		fresh->generalization = old->generalization;
}

/* Fits anew, on other rows, with the size and the parameters that model has; replaces it. */
static UimlStatus
refit(const UimlEnv *env, const UimlRows *rows, const uint8_t *used, const UimlModelParams *params,
	  UimlModel *model)
{
	UimlModelParams p = *params;
	UimlModel fresh = {0};
	UimlModel old = *model; /* the numbers of it, W_g and its interests */
	size_t n_interests = model->n_interests;
	UimlStatus status;

	p.dims = model->dims;
	p.interests = n_interests;
	p.drop_small |= params->interests == 0;
	model->generalization = NULL;
	if (old.generalization != NULL)
	{
		p.initial = model->interest;
		model->interest = NULL;
	}
	uiml_model_free(env, model);
	status = fit_again(env, rows, used, &p, &fresh);
	if (status == UIML_OK)
		take_over(&old, n_interests, &fresh);
	if (fresh.generalization != old.generalization)
		uiml_free(env, old.generalization);
	uiml_free(env, (void *) p.initial);
	if (status != UIML_OK)
	{
		uiml_model_free(env, &fresh);
		return status;
	}
	*model = fresh;
	return UIML_OK;
}

UimlStatus
uiml_trial_run(const UimlEnv *env, const UimlTrial *trial, const UimlModelParams *params, const size_t *k,
			   size_t n_k, UimlModel *model, UimlJudgement *judgement)
{
	UimlModel fitted = {0};
	UimlStatus status =
		fit_and_tune(env, trial->fit, trial->fit_rows, params, trial->tuning, trial->newest, &fitted);

	*judgement = (UimlJudgement){0};
	if (model != NULL)
		*model = (UimlModel){0};
	if (status == UIML_OK && trial->refit != NULL)
		status = refit(env, trial->refit, trial->refit_rows, params, &fitted);
	if (status == UIML_OK && trial->judging != NULL)
		status = uiml_model_judge(env, &fitted, trial->judging, k, n_k, judgement);
	if (status == UIML_OK && model != NULL)
		*model = fitted;
	else
		uiml_model_free(env, &fitted);
	return status;
}

UimlStatus
uiml_behaviour_train(const UimlEnv *env, const UimlRows *rows, const UimlSplitKeys *keys,
					 const UimlBehaviourParams *params, UimlModel *model, UimlJudgement *judgement)
{
	size_t n = uiml_split_size(rows->n_users, params->max_users);
	uint8_t *role = uiml_alloc(env, rows->n_users, 1);
	uint8_t *used = uiml_alloc(env, rows->n_users, 1);
	UimlHoldout tuning = {0};
	UimlHoldout judging = {0};
	UimlTrial trial = {
		.fit = rows, .fit_rows = used, .tuning = &tuning, .newest = params->newest, .judging = &judging};
	UimlStatus status = role == NULL || used == NULL ? UIML_ENOMEM : UIML_OK;

	*model = (UimlModel){0};
	*judgement = (UimlJudgement){0};
	uiml_progress(env, "split", 0, 1);
	if (status == UIML_OK)
		status = uiml_split_roles(env, keys, rows->n_users, NULL, n, n, role);
	if (status == UIML_OK)
	{
		uiml_split_fit_rows(role, rows->n_users, used);
		status = uiml_split_items(env, rows, keys, role, UIML_TUNE, params->fold_in, &tuning, NULL);
	}
	if (status == UIML_OK)
		status = uiml_split_items(env, rows, keys, role, UIML_JUDGE, params->fold_in, &judging, NULL);
	uiml_progress(env, "split", 1, 1);
	if (status == UIML_OK)
		status = uiml_trial_run(env, &trial, &params->model, params->k, params->n_k, model, judgement);
	uiml_holdout_free(env, &tuning);
	uiml_holdout_free(env, &judging);
	uiml_free(env, role);
	uiml_free(env, used);
	if (status == UIML_OK)
		status = refit(env, rows, NULL, &params->model, model);
	if (status != UIML_OK)
		uiml_judgement_free(env, judgement);
	return status;
}

size_t
uiml_behaviour_memory(size_t n_users, size_t n_items, size_t n_entries, const UimlBehaviourParams *params)
{
	double held_out = 2 * (double) uiml_split_size(n_users, params->max_users);
	double entries = n_users > 0 ? 1.5 * (double) n_entries * held_out / (double) n_users : 0;
	double fit = (double) uiml_model_memory(n_users, n_items, n_entries, &params->model);
	double bytes = 2 * (double) n_users + entries * (sizeof(uint32_t) + 2 * sizeof(float)) +
				   2 * (held_out + 2) * sizeof(size_t);

	bytes += fit + TUNING_BYTES + uiml_judgement_memory(held_out / 2, params->n_k);
	return bytes < .9 * (double) SIZE_MAX ? (size_t) bytes : SIZE_MAX;
}
