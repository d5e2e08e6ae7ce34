/*
 * model_judge.h
 *	  Judging a model on held-out users of whom more may be known than their history in the domain.
 */
#ifndef UIML_MODEL_JUDGE_H
#define UIML_MODEL_JUDGE_H

#include "core/model.h"

/*
 * What is expected of a user before his history in the domain is counted.  As it is passed to a UimlExpectFn
 * it holds popularity and prior of the domain and their strengths.
 */
typedef struct UimlExpectation
{
	float *popularity;     /* n_items */
	double item_alpha;     /* strength of popularity, as that of UimlModel */
	float *prior;          /* n_interests: a distribution */
	double alpha;          /* strength of the prior */
	const double *history; /* n_interests squared: W_g of masses after the model's own; NULL at first: none */
	float *rival;          /* n_rivals x n_interests: what rivals put in place of the prior, 0 at first */
	double rival_alpha[UIML_MAX_RIVALS];
	bool rival_generalized[UIML_MAX_RIVALS]; /* history is times W_g, as for the model; false at first */
} UimlExpectation;

/* Changes the expectation of a user of the holdout as far as he is known from elsewhere. */
typedef UimlStatus (*UimlExpectFn)(void *ctx, const UimlEnv *env, size_t user, UimlExpectation *of);

typedef struct UimlJudgeParams
{
	const size_t *k;
	size_t n_k;
	UimlExpectFn expect; /* NULL: nobody is known from elsewhere */
	void *ctx;
	size_t n_rivals; /* at most UIML_MAX_RIVALS; 0 without expect */
	const char *const *rival;
	size_t negatives; /* also rank each hidden item among so many sampled ones; 0: don't */
	uint64_t seed;    /* of the samples */
} UimlJudgeParams;

/*
 * uiml_model_judge_expected
 *		As uiml_model_judge, with expectations that differ by user; the baselines are popularity and prior of
 *		the domain all the same, and the rivals.
 *
 * Rivals are other predictions of a user's interests: uiml_blend of what he was seen to do with a rival's
 * expectation.  The judgement has their log-loss.
 *
 * With negatives, each hidden item is ranked among that many items of the domain, drawn uniformly, with
 * replacement, from those with training mass that the user has nothing of, scores that tie counting half: a
 * protocol of publications, which orders models differently from the full ranking (Krichene & Rendle 2020).
 * Figures are means over hidden items, as published ones are: a user's value is weighed by how many he has.
 *
 * Free with uiml_judgement_free.  Returns UIML_OK, UIML_EINVALID (too many rivals, or sampled negatives
 * without a k), UIML_ENOMEM, UIML_EINTERRUPTED, and what expect returns.
 */
extern UimlStatus uiml_model_judge_expected(const UimlEnv *env, const UimlModel *model,
											const UimlHoldout *holdout, const UimlJudgeParams *params,
											UimlJudgement *judgement);

#endif /* UIML_MODEL_JUDGE_H */
