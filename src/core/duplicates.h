/*
 * duplicates.h
 *	  The same thing in two domains: pairs of a source and a target item that the same users did.
 *
 * Where one product is listed in two categories, whoever has it in one has it in the other.  A transfer that
 * learns such pairs looks good on held-out users and has learned nothing about interests.
 */
#ifndef UIML_DUPLICATES_H
#define UIML_DUPLICATES_H

#include "core/overlap.h"

/* What counts as the same users unless a caller says otherwise. */
#define UIML_DUPLICATE_JACCARD .8
#define UIML_DUPLICATE_USERS   4

/* Duplicates matter to a transfer where they are more than this share of what users have in the target. */
#define UIML_DUPLICATES_MATTER .01

/* Users are those of the overlap. */
typedef struct UimlDuplicate
{
	uint32_t source;
	uint32_t target;
	uint32_t users;        /* who have both */
	uint32_t source_users; /* who have the source item */
	uint32_t target_users;
	double jaccard; /* users / (source_users + target_users - users) */
} UimlDuplicate;

typedef struct UimlDuplicates
{
	size_t n;
	UimlDuplicate *pair; /* most users first, then highest Jaccard, then in order of source and target */
	uint8_t *source;     /* flags of the source's items that are in a pair */
	uint8_t *target;     /* of the target's */
	size_t entries;      /* (user, target item), all of the overlap */
	size_t touched;      /* those whose target item is in a pair */
} UimlDuplicates;

/*
 * uiml_duplicates_find
 *		All pairs of items whose users have a Jaccard coefficient of at least jaccard, and of whom at least
 *		`users` have both.
 *
 * source, target:	what each of n_users did in the two domains, at most UINT32_MAX of them
 * jaccard:	0 < jaccard <= 1; users: at least 1
 *
 * Free with uiml_duplicates_free.  Returns UIML_OK, UIML_EINVALID, UIML_ENOMEM, UIML_EINTERRUPTED.  Memory:
 * twelve bytes for each entry of either side, some per item and user, and the pairs.
 */
extern UimlStatus uiml_duplicates_find(const UimlEnv *env, const UimlItemLists *source,
									   const UimlItemLists *target, size_t n_users, double jaccard,
									   size_t users, UimlDuplicates *duplicates);
extern void uiml_duplicates_free(const UimlEnv *env, UimlDuplicates *duplicates);

/* touched / entries, 0 where there is no entry. */
extern double uiml_duplicates_share(const UimlDuplicates *duplicates);

/*
 * uiml_overlap_without
 *		The overlap as it would be had nobody done the source items that flag (source.n_items) names.
 *
 * in:	the in-vectors of the source's model, source.n_items x p
 *
 * Who did none of them stays where he is.  Others are placed by the items that are left to them, each
 * counting alike, since an overlap has no masses; who has none left is left out.  Free with
 * uiml_overlap_free.  Returns UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_overlap_without(const UimlEnv *env, const UimlOverlap *overlap, const uint8_t *flag,
									   const float *in, UimlOverlap *out);

#endif /* UIML_DUPLICATES_H */
