/*
 * interactions.h
 *	  From single events to the user x item matrix that models are fitted on.
 *
 * An event is one thing a user did to an item at a time, with a weight.  Interactions are its sums per user
 * and item: strength, the plain sum of weights (what the user ever did, for the item space), and mass, the
 * sum decayed to the user's newest event (what the user was interested in when last seen).  Each user has a
 * clock of his own, because a prediction is made when somebody is there: models are fitted and judged at that
 * moment.  What decays further, until a common instant, is one factor per user, his fade.
 *
 * A text that somebody wrote without an item (a search, a comment) is a column behind those of the items: it
 * says what the user is interested in, but it is nothing that could be recommended, hidden or ranked.
 */
#ifndef UIML_INTERACTIONS_H
#define UIML_INTERACTIONS_H

#include "core/sparse.h"

typedef struct UimlEvent
{
	uint32_t user;
	uint32_t item; /* below n_items, or a text: n_items + its number */
	double at;     /* seconds since any fixed instant; 0 where the domain has no time */
	float weight;  /* kind weight times weight column, finite, > 0 */
} UimlEvent;

/*
 * Entries of user u are row_start[u] .. row_start[u + 1] - 1, items strictly ascending: first those of items,
 * up to uiml_items_end, then those of texts.
 */
typedef struct UimlInteractions
{
	size_t n_users;
	size_t n_items;
	size_t n_texts; /* columns n_items .. n_items + n_texts - 1 */
	size_t n_entries;
	size_t *row_start; /* n_users + 1 */
	uint32_t *item;    /* n_entries */
	float *strength;   /* n_entries: sum of weights */
	float *mass;  /* n_entries: sum of weight * 2^(-(last - at) / half_life), last the user's newest event */
	double *fade; /* n_users: 2^(-(until - last) / half_life); NULL means 1 for everybody */
} UimlInteractions;

/* The end of the entries of user u that are of items.  O(texts of the user). */
static inline size_t
uiml_items_end(const UimlInteractions *x, size_t u)
{
	size_t end = x->row_start[u + 1];

	while (x->n_texts > 0 && end > x->row_start[u] && x->item[end - 1] >= x->n_items)
		end--;
	return end;
}

/*
 * uiml_events_sort
 *		Sorts by (user, item, at, weight), in place: the order in which rows arrived is gone.
 */
extern UimlStatus uiml_events_sort(const UimlEnv *env, UimlEvent *events, size_t n, size_t n_users);

/* The same of one user's events, whose users are not looked at. */
extern UimlStatus uiml_events_sort_user(const UimlEnv *env, UimlEvent *events, size_t n);

/* The window of time that counts, and how masses decay in it; see uiml_interactions_build. */
typedef struct UimlWindow
{
	double from;
	double before;
	double until;
	double half_life;
} UimlWindow;

/* The sums of one user's events, with room for as many items as there are events. */
typedef struct UimlUserSums
{
	size_t n;
	uint32_t *item;
	float *strength;
	float *mass; /* NULL: not wanted */
	double fade;
} UimlUserSums;

/*
 * uiml_events_sum_user
 *		Sums one user's events, sorted, as uiml_interactions_build does those of all.
 *
 * Returns UIML_OK, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_events_sum_user(const UimlEnv *env, const UimlEvent *events, size_t n,
									   const UimlWindow *window, UimlUserSums *sums);

/*
 * uiml_interactions_build
 *		Sums sorted events into interactions.
 *
 * events:	sorted by uiml_events_sort; those with from <= at < before count (-INFINITY, INFINITY: all)
 * until:	the instant that fades count to, in the unit of at
 * half_life: seconds, > 0, or INFINITY for no decay
 *
 * Sums run in double.  Masses below the smallest normal float become that float, so no entry loses its sign.
 * Free with uiml_interactions_free.  Returns UIML_OK, UIML_EINVALID, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_interactions_build(const UimlEnv *env, const UimlEvent *events, size_t n,
										  size_t n_users, size_t n_items, size_t n_texts, double from,
										  double before, double until, double half_life,
										  UimlInteractions *out);

/*
 * uiml_interactions_decay
 *		Computes masses and fades anew for another half-life; events, from, before and until as x was built
 *		from.
 */
extern UimlStatus uiml_interactions_decay(const UimlEnv *env, const UimlEvent *events, size_t n, double from,
										  double before, double until, double half_life, UimlInteractions *x);

/*
 * uiml_interactions_fade
 *		Multiplies masses by their user's fade, 2^-50 at least: x is then decayed to until for everybody, and
 *		has no fades.  Returns UIML_OK; UIML_EINTERRUPTED leaves x half faded.
 */
extern UimlStatus uiml_interactions_fade(const UimlEnv *env, UimlInteractions *x);

/* A sum of weights as a float that keeps its sign and stays finite. */
extern float uiml_mass(double sum);

/* A fade as it is applied to masses: 2^-50 at least. */
extern double uiml_fade(double fade);

extern void uiml_interactions_free(const UimlEnv *env, UimlInteractions *x);

#endif /* UIML_INTERACTIONS_H */
