/*
 * item_pool.h
 *	  What overlapping users with similar source histories chose.
 *
 * Two histories are as similar as the rarities of the items they share sum up to, over the square root of their
 * lengths: half way from their product to their cosine, since who did much is known well, and his neighbours
 * have more to say beside what others tell (core/item_transfer.c).
 */
#ifndef UIML_ITEM_POOL_H
#define UIML_ITEM_POOL_H

#include "core/item_transfer.h"

/*
 * uiml_item_pool_build
 *		The pool of all users of the overlap, or of UIML_POOL_USERS evenly spaced ones; member (may be NULL)
 *		receives their numbers, uiml_alloc'd.
 *
 * The rarity of an item is log(users / users who have it) to the third power.  Free with uiml_item_pool_free in any
 * case.  Returns UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_item_pool_build(const UimlEnv *env, const UimlOverlap *overlap, UimlItemPool *pool,
									   uint32_t **member);
extern void uiml_item_pool_free(const UimlEnv *env, UimlItemPool *pool);

/*
 * uiml_item_pool_ask
 *		Adds what the pool's users chose, each with his similarity to somebody with n source items, to chosen
 *		(n_items), and returns the sum of what was added.
 *
 * say:		n_users, all 0 on entry and on return
 * fold:	n_users, or NULL; users of the fold left_out are not asked
 */
extern double uiml_item_pool_ask(const UimlItemPool *pool, const uint32_t *item, size_t n,
								 const uint8_t *fold, uint8_t left_out, float *say, float *chosen);

#endif /* UIML_ITEM_POOL_H */
