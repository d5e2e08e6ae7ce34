/*
 * newcomers.h
 *	  How well users are predicted in a domain that they are new to, from what they did in another.
 *
 * They are in no fit of either domain.  What they did in the source is folded in, and so is what little of
 * their history in the target they are taken to have; the rest is hidden and judged (core/model_judge.h).
 * Predictions are those of uiml_predict and uiml_recommend: a transfer that the verdict speaks against is not
 * used, and the target's prior and popularity stand.
 */
#ifndef UIML_NEWCOMERS_H
#define UIML_NEWCOMERS_H

#include "core/interest_transfer.h"
#include "core/item_transfer.h"
#include "core/model_judge.h"
#include "core/share_map.h"

/*
 * Rivals: the history in the target alone, with one event more of each interest (Laplace); the same smoothed
 * evenly by as much as suits those who are judged best; blended with the target's prior, as without a
 * transfer; and blended with the linear map of interest shares, again as suits those who are judged best.
 */
typedef enum UimlRival
{
	UIML_RIVAL_ALONE,
	UIML_RIVAL_SMOOTHED,
	UIML_RIVAL_HISTORY,
	UIML_RIVAL_LINEAR,
	UIML_N_RIVALS
} UimlRival;

extern const char *const uiml_rival_name[UIML_N_RIVALS];

/* Users of both domains, in the order of the holdout, who are split in the target. */
typedef struct UimlNewcomerUsers
{
	const UimlInteractions *source; /* rows of these and perhaps of other users */
	const uint32_t *source_row;     /* the row of each user */
	const UimlHoldout *target;
	const uint8_t *fold; /* of each, below UIML_FOLDS; NULL where nothing is fitted */
} UimlNewcomerUsers;

typedef struct UimlNewcomers
{
	const UimlModel *source;
	const UimlModel *target;
	const UimlItemTransfer *items;
	const UimlInterestTransfer *interests;
	UimlShareMap map;
} UimlNewcomers;

/*
 * uiml_newcomers_fit_rivals
 *		Fits map on users of the fit; models are set.
 *
 * Where there are too few users for a map, it is that to the target's prior.  Free with
 * uiml_newcomers_free.  Returns UIML_OK, UIML_ELIMIT, UIML_ENOTFINITE, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_newcomers_fit_rivals(const UimlEnv *env, const UimlNewcomerUsers *users,
											UimlNewcomers *newcomers);
extern void uiml_newcomers_free(const UimlEnv *env, UimlNewcomers *newcomers);

/*
 * uiml_newcomers_judge
 *		Judges users who were in no fit; of params, only k, n_k, negatives and seed are looked at.
 *
 * Returns the statuses of uiml_model_judge_expected and uiml_item_transfer_shares.
 */
extern UimlStatus uiml_newcomers_judge(const UimlEnv *env, const UimlNewcomers *newcomers,
									   const UimlNewcomerUsers *users, const UimlJudgeParams *params,
									   UimlJudgement *judgement);

#endif /* UIML_NEWCOMERS_H */
