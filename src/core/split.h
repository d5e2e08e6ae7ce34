/*
 * split.h
 *	  Who judges, who tunes and who is fitted on, and which of a held-out user's items are hidden.
 *
 * Everything follows from hashes that the caller computes (hashtextextended of the keys' text forms in the
 * server), so a split does not depend on the order of rows or on a random state, and SQL can reproduce it:
 *
 *	users	in the order of their hash as a signed 64-bit number (ties: key order); the first n_judge judge, the
 *			next n_tune tune, the rest is fitted on
 *	items	of a held-out user in the order of their hash under the user's hash as seed; the first
 *			floor((1 - fold_in) * items) are hidden, at least one; users with fewer than two items hide
 *			nothing; texts are never hidden.  Where a number of items is to be observed instead of a share,
 *			these are the last ones in that order, and texts are left out
 */
#ifndef UIML_SPLIT_H
#define UIML_SPLIT_H

#include "core/model.h"

typedef enum UimlRole
{
	UIML_FIT = 0,
	UIML_JUDGE = 1,
	UIML_TUNE = 2
} UimlRole;

/* The hash of an item under a user's hash: hashtextextended(item::text, user_hash) in the server. */
typedef uint64_t (*UimlItemHashFn)(void *ctx, uint32_t item, uint64_t user_hash);

typedef struct UimlSplitKeys
{
	const uint64_t *user_hash; /* n_users */
	UimlItemHashFn item_hash;
	void *ctx;
} UimlSplitKeys;

/* How many users to hold out for one role out of n: min(n / 10, wanted). */
extern size_t uiml_split_size(size_t n_users, size_t wanted);

/*
 * uiml_split_roles
 *		Gives the first n_judge users in hash order UIML_JUDGE, the next n_tune UIML_TUNE, the others
 *		UIML_FIT.
 *
 * eligible: n_users flags of who may be held out, or NULL for all; role: receives n_users values of UimlRole.
 * Fewer eligible users than n_judge + n_tune leave the later roles short.  Returns UIML_OK, UIML_ENOMEM.
 */
extern UimlStatus uiml_split_roles(const UimlEnv *env, const UimlSplitKeys *keys, size_t n_users,
								   const uint8_t *eligible, size_t n_judge, size_t n_tune, uint8_t *role);

/* row_used of uiml_model_fit: flag[u] = role[u] is fit. */
extern void uiml_split_fit_rows(const uint8_t *role, size_t n_users, uint8_t *flag);

/*
 * uiml_split_items
 *		The users with a role, as a holdout: their items split by hash into seen and hidden.
 *
 * fold_in: share of items that stay seen, 0 < fold_in < 1.  Hidden strengths and masses are both the plain
 * sum of the weights.  Users keep their order; user (may be NULL) receives their numbers,
 * uiml_alloc'd.  Free with uiml_holdout_free.  Returns UIML_OK, UIML_EINVALID, UIML_ENOMEM,
 * UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_split_items(const UimlEnv *env, const UimlRows *rows, const UimlSplitKeys *keys,
								   const uint8_t *role, UimlRole which, double fold_in, UimlHoldout *out,
								   uint32_t **user);

/*
 * uiml_split_observed
 *		As uiml_split_items, but so many items of each user stay seen, none of his texts does, and all other
 *		items are hidden.
 */
extern UimlStatus uiml_split_observed(const UimlEnv *env, const UimlRows *rows, const UimlSplitKeys *keys,
									  const uint8_t *role, UimlRole which, size_t observed, UimlHoldout *out,
									  uint32_t **user);

/*
 * uiml_split_time
 *		The users with a role, as a holdout: items of before are seen, items only in after are hidden.
 *
 * before, after: interactions of the same users and items, before and from a cut-off on.
 */
extern UimlStatus uiml_split_time(const UimlEnv *env, const UimlInteractions *before,
								  const UimlInteractions *after, const uint8_t *role, UimlRole which,
								  UimlHoldout *out, uint32_t **user);

/* flag[u]: user u has items before the cut-off, and after it items that he had not before. */
extern void uiml_split_time_eligible(const UimlInteractions *before, const UimlInteractions *after,
									 uint8_t *flag);

#endif /* UIML_SPLIT_H */
