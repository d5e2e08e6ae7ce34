/*
 * sampled.h
 *	  The protocol of sampled negatives, beside the full ranking: each hidden item among others drawn at random.
 *
 * For comparing with publications only: sampled metrics order models differently from the full ranking
 * (Krichene & Rendle 2020).
 */
#ifndef UIML_SAMPLED_H
#define UIML_SAMPLED_H

#include "core/judgement.h"

/* One user of a judgement to which uiml_judgement_add_sampled was applied. */
typedef struct UimlSampledUser
{
	size_t user;
	const uint32_t *hidden; /* n_hidden items */
	size_t n_hidden;
	const uint32_t *other; /* n_other items that he has nothing of */
	size_t n_other;
	const float *score;    /* by item: the model's */
	const float *baseline; /* popularity */
} UimlSampledUser;

/*
 * uiml_sampled_judge
 *		Ranks each hidden item among judgement->negatives draws from the others, uniform and with replacement,
 *		the same for model and baseline; scores that tie count half.  The user's values become sums over his
 *		hidden items; NaN stays where there is no other item.
 *
 * draw: room for judgement->negatives numbers.  Deterministic for the seed and the user.
 */
extern void uiml_sampled_judge(const UimlJudgement *judgement, const UimlSampledUser *user, uint64_t seed,
							   uint32_t *draw);

/*
 * uiml_sampled_weigh
 *		Turns sums into values whose mean over users is the mean over hidden items, as published figures are:
 *		resampling users then resamples their items with them.
 *
 * row_start: n_users + 1, of the hidden items
 */
extern void uiml_sampled_weigh(const UimlJudgement *judgement, const size_t *row_start);

#endif /* UIML_SAMPLED_H */
