/*
 * behaviour.h
 *	  The whole course of a behaviour model: split, fit, tune, judge, refit.
 *
 * A model is fitted on users that neither tune nor judge; tuning users choose dims, alpha, item_alpha and
 * temperature; judging users, in none of the fits, say how good it is; then the same settings are fitted once
 * more on all users, and that is the model to serve.  Phases are told through env->progress, each ending with
 * done = total: "split", "item space" and, within it, "singular vectors"; "interests" and, where k is chosen,
 * "number of interests"; "tuning", "judging", "refit".
 */
#ifndef UIML_BEHAVIOUR_H
#define UIML_BEHAVIOUR_H

#include "core/model.h"
#include "core/split.h"

typedef struct UimlBehaviourParams
{
	UimlModelParams model;
	double fold_in;   /* share of a held-out user's items that is folded in, .8 */
	size_t max_users; /* judges, and as many tuners: min(n_users / 10, max_users), 1000 */
	const size_t *k;  /* cut-offs of the judgement */
	size_t n_k;
	const UimlHoldout *newest; /* of tuning users, for intervals (uiml_model_tune_intervals); NULL: what they
								* are tuned by */
} UimlBehaviourParams;

extern UimlBehaviourParams uiml_behaviour_defaults(void); /* k = 10, 20, 100 */

/*
 * uiml_behaviour_train
 *		Split, fit, tune, judge, and refit on all users.
 *
 * model receives the model to serve, judgement the judgement of its twin that never saw the judging users (no
 * users where there are too few to hold out).  Free both.  Returns the statuses of uiml_model_fit.
 */
extern UimlStatus uiml_behaviour_train(const UimlEnv *env, const UimlRows *rows, const UimlSplitKeys *keys,
									   const UimlBehaviourParams *params, UimlModel *model,
									   UimlJudgement *judgement);

/* What an evaluation by any split fits on, tunes on and judges on. */
typedef struct UimlTrial
{
	const UimlRows *fit;     /* what may be known while tuning */
	const uint8_t *fit_rows; /* NULL: all */
	const UimlHoldout *tuning;
	const UimlHoldout *newest; /* of users in no fit, for intervals; NULL: tuning */
	const UimlRows *refit;     /* NULL: the tuned model itself is judged */
	const uint8_t *refit_rows;
	const UimlHoldout *judging; /* NULL: nobody judges */
} UimlTrial;

/*
 * uiml_trial_run
 *		Fit on trial->fit, tune, fit on trial->refit with the chosen settings, judge.  Without judging,
 *		judgement is empty and k may be NULL.
 *
 * tuning may be NULL: the neutral settings are used.  model (may be NULL) receives what was judged.
 */
extern UimlStatus uiml_trial_run(const UimlEnv *env, const UimlTrial *trial, const UimlModelParams *params,
								 const size_t *k, size_t n_k, UimlModel *model, UimlJudgement *judgement);

/*
 * uiml_behaviour_memory
 *		Bytes at the peak of uiml_behaviour_train, the interactions themselves included; saturates.
 *
 * Where dims is chosen, this is what 64 need; params->model.memory says how much may be spent on trying more.
 * Holdouts are taken to hold half as many entries again as an even share of them.
 */
extern size_t uiml_behaviour_memory(size_t n_users, size_t n_items, size_t n_entries,
									const UimlBehaviourParams *params);

#endif /* UIML_BEHAVIOUR_H */
