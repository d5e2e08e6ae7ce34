/*
 * duplicates.h
 *	  A word about items that are the same in two domains.
 */
#ifndef UIML_PG_DUPLICATES_H
#define UIML_PG_DUPLICATES_H

#include "postgres.h"

#include "core/duplicates.h"

/*
 * uiml_duplicates_warn
 *		Raises a WARNING where pairs of items that the same users did are more than UIML_DUPLICATES_MATTER of
 *		what overlapping users did in the target.  Errors as uiml_check.
 */
extern void uiml_duplicates_warn(const UimlEnv *env, const UimlOverlap *overlap, const char *source,
								 const char *target);

#endif /* UIML_PG_DUPLICATES_H */
