/*
 * sourcecheck.h
 *	  What training and evaluation ask of the events they have read.
 */
#ifndef UIML_PG_SOURCECHECK_H
#define UIML_PG_SOURCECHECK_H

#include "core/behaviour.h"
#include "pg/source.h"

/*
 * uiml_source_check
 *		Tells in one NOTICE which rows do not count, and raises OBJECT_NOT_IN_PREREQUISITE_STATE, with how
 *		many users, items and events there are and are needed, where there are too few.  Returns the number of
 *		(user, item) pairs.
 */
extern size_t uiml_source_check(const UimlDomain *domain, const UimlSource *source);

/* The same of a training in passes, beside the keys and counts it has read. */
extern double uiml_passes_training_memory(const UimlDomain *domain, size_t n_users, size_t n_items,
										  size_t pairs, size_t n_events, bool has_time,
										  const UimlBehaviourParams *params);

/*
 * uiml_source_note_rls
 *		Whether a relation, or InvalidOid, has row-level security that the current user is not subject to, which is
 *		told in a NOTICE with this detail.
 */
extern bool uiml_source_note_rls(Oid relation, const char *detail);

/* Pairs of user and item, and users with two or more of them. */
extern size_t uiml_source_pairs(const UimlSource *source, size_t *multi_users);

/*
 * uiml_source_split_keys
 *		The hashes that splits follow: hashtextextended(user::text, seed), as the source has them, and
 *		hashtextextended(item::text, hash of the user).  Lives in context.
 */
extern UimlSplitKeys uiml_source_split_keys(const UimlSource *source, MemoryContext context);

/* Bytes of interactions. */
extern double uiml_interactions_memory(size_t n_users, size_t pairs);

/*
 * uiml_training_memory
 *		Bytes that a training takes at its peak beside the events and keys it has read.
 */
extern double uiml_training_memory(const UimlDomain *domain, size_t n_users, size_t n_items, size_t pairs,
								   size_t n_events, bool has_time, const UimlBehaviourParams *params);

#endif /* UIML_PG_SOURCECHECK_H */
