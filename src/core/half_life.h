/*
 * half_life.h
 *	  How fast interests age in a domain, told by held-out users.
 */
#ifndef UIML_HALF_LIFE_H
#define UIML_HALF_LIFE_H

#include "core/split.h"

/* What is taken where too few users can tell: 30 days, in seconds. */
#define UIML_DEFAULT_HALF_LIFE (30.0 * 24 * 60 * 60)

/*
 * uiml_half_life_choose
 *		Of 7, 30, 90 and 365 days and no decay the one under which older events of tuning users predict their
 *		newest best.
 *
 * events:	sorted by uiml_events_sort, of the tuning users at least; those with at < before count
 * rows:	what all users did before, with any half-life
 * role:	rows->n_users values of UimlRole: the space is fitted on UIML_FIT, UIML_TUNE tells, UIML_JUDGE
 *			takes no part
 * seed:	of the space
 * chosen:	receives seconds, INFINITY for no decay
 *
 * Each tuning user's newest fifth of events is hidden, and the likelihood of its new items counts, under
 * parameters tuned for each candidate.  Fewer than 20 users who can tell, or nothing to fit on, give the
 * default.  Returns the statuses of uiml_model_fit_space but UIML_EEMPTY.
 */
extern UimlStatus uiml_half_life_choose(const UimlEnv *env, const UimlEvent *events, size_t n, double before,
										const UimlRows *rows, const uint8_t *role, uint64_t seed,
										double *chosen);

/*
 * uiml_newest_holdout
 *		Tuning users with their newest fifth of events hidden, as far as it is of items that are new to them.
 *
 * events, n, before, role as in uiml_half_life_choose; half_life: of the masses of what is seen.  Free with
 * uiml_holdout_free.  Returns UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_newest_holdout(const UimlEnv *env, const UimlEvent *events, size_t n, double before,
									  size_t n_items, const uint8_t *role, double half_life,
									  UimlHoldout *holdout);

/* Dimensions of the space that tells: it needs to rank items in the right order of magnitude only. */
#define UIML_HALF_LIFE_DIMS 32

/* The part of uiml_half_life_memory that is not the fit of the space: what is held of tuning users. */
extern size_t uiml_half_life_tuning_memory(size_t n_users, size_t n_events, size_t n_tuning);

/*
 * uiml_half_life_memory
 *		Bytes at the peak of uiml_half_life_choose with n_tuning tuning users; the interactions are included,
 *		the events are not.  Tuning users are taken to have half as many events again as an even share of
 *		them.  Saturates.
 */
extern size_t uiml_half_life_memory(size_t n_users, size_t n_items, size_t n_entries, size_t n_events,
									size_t n_tuning);

#endif /* UIML_HALF_LIFE_H */
