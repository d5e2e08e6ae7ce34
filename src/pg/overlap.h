/*
 * overlap.h
 *	  The users that two active versions share, read from their users tables.
 *
 * Each table is read as its own owner, in statements of its own, and the two are joined here by the text of
 * the keys: as 128 bits of hash, of which the first 64 also put users into folds.  Rows come in order of the
 * hash, so that no plan changes a result.
 *
 * Where all of them don't fit, they are read in parts: a part is a share of the hashes, so a sample of the
 * users as well.
 */
#ifndef UIML_PG_OVERLAP_H
#define UIML_PG_OVERLAP_H

#include "core/overlap.h"
#include "pg/budget.h"
#include "pg/catalog.h"
#include "pg/itemcache.h"
#include "pg/served.h"

/* One of the two versions, which the caller may predict from. */
typedef struct UimlSide
{
	const UimlServing *serving;
	UimlServed *served;
} UimlSide;

/* Overlapping users of one part; those with a vector of length zero in either version are left out. */
typedef struct UimlShared
{
	UimlOverlap users;
	uint64 *hash; /* users.n: hashtextextended(user::text, seed), ascending */
} UimlShared;

/* How the users are cut. */
typedef struct UimlParts
{
	uint64 seed;  /* of folds */
	size_t n;     /* parts there are, 1 to begin with */
	size_t bytes; /* that one may take */
} UimlParts;

/*
 * uiml_shared_read
 *		Reads a part of the users, 0 .. parts->n - 1, in the current memory context and from env.
 *
 * Returns false, and raises parts->n, where they take more than parts->bytes: begin again with part 0.
 * Errors: those of uiml_served_users, DATA_CORRUPTED, PROGRAM_LIMIT_EXCEEDED from the budget of env.  Free
 * with uiml_shared_free.
 */
extern bool uiml_shared_read(const UimlSide *source, const UimlSide *target, UimlParts *parts, size_t part,
							 const UimlEnv *env, UimlShared *shared);
extern void uiml_shared_free(const UimlEnv *env, UimlShared *shared);

/* What fits of a transfer ask of a version's model, pointing into its opened items, which are only read. */
extern UimlModel uiml_side_model(const UimlSide *side, const UimlItemFile *file);

#endif /* UIML_PG_OVERLAP_H */
