/*
 * overlap.h
 *	  Users who are active in two domains: what transfers are fitted on and judged by.
 *
 * A row is a user.  x is where he is in the source's item space and y where he is in the target's, both of
 * length 1; source and target items are what he did.  Folds are of users, by a hash of the key, so that
 * nobody is in two of them and an order of rows changes nothing.
 */
#ifndef UIML_OVERLAP_H
#define UIML_OVERLAP_H

#include "core/model.h"

#define UIML_FOLDS 10

/* Of fewer users no transfer is made: what they seem to gain is chance. */
#define UIML_OVERLAP_MIN_USERS 20

/* A list of items for each of n users: those of user u are item[start[u]] .. item[start[u + 1] - 1]. */
typedef struct UimlItemLists
{
	size_t n_items; /* numbers are below */
	uint64_t *start;
	uint32_t *item; /* ascending within a user */
} UimlItemLists;

typedef struct UimlOverlap
{
	size_t n; /* users */
	size_t p; /* dims of the source's space */
	size_t q; /* dims of the target's */
	float *x; /* n x p, rows of length 1 */
	float *y; /* n x q, rows of length 1 */
	UimlItemLists source;
	UimlItemLists target;
	uint8_t *fold; /* n, below UIML_FOLDS */
	const float
		*source_popularity; /* source.n_items, of the source's model, somebody else's; NULL: how rare an
									 * item is follows from overlapping users alone */
} UimlOverlap;

/*
 * uiml_overlap_create
 *		Room for n users with that many source and target items; free with uiml_overlap_free in any case.
 *
 * Users are put in one after the other: rows of x and y, items at source.item + source.start[u], and
 * source.start[u + 1] where they end, which is also where those of user u + 1 begin.
 */
extern UimlStatus uiml_overlap_create(const UimlEnv *env, size_t n, size_t p, size_t q, size_t source_entries,
									  size_t target_entries, UimlOverlap *overlap);
extern void uiml_overlap_free(const UimlEnv *env, UimlOverlap *overlap);

/*
 * uiml_overlap_select
 *		The users that flag (n) names, as an overlap of its own; free with uiml_overlap_free.
 *
 * Returns UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_overlap_select(const UimlEnv *env, const UimlOverlap *overlap, const uint8_t *flag,
									  UimlOverlap *out);

/* Somebody's rows in the interactions of two domains. */
typedef struct UimlUserPair
{
	uint32_t source;
	uint32_t target;
	uint8_t fold; /* below UIML_FOLDS */
} UimlUserPair;

/* A fitted domain and what its users did, in memory. */
typedef struct UimlDomainRows
{
	const UimlModel *model;
	const UimlInteractions *rows; /* of the model's columns */
} UimlDomainRows;

/*
 * uiml_overlap_unit
 *		out = vector of length 1; false, and out is left alone, where there is no direction.  out may be
 *		vector.
 */
extern bool uiml_overlap_unit(const float *vector, size_t d, float *out);

/*
 * uiml_overlap_from_models
 *		The overlap of two domains from the rows of n users who are in both; free with uiml_overlap_free.
 *
 * Users whose vector is 0 in one of them are left out.  Returns UIML_OK, UIML_EINVALID (a row or a fold that
 * is not there), UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_overlap_from_models(const UimlEnv *env, const UimlDomainRows *source,
										   const UimlDomainRows *target, const UimlUserPair *pair, size_t n,
										   UimlOverlap *overlap);

#endif /* UIML_OVERLAP_H */
