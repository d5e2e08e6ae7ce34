/*
 * duplicates.c
 *	  A word about items that are the same in two domains.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "pg/duplicates.h"
#include "pg/env.h"

void
uiml_duplicates_warn(const UimlEnv *env, const UimlOverlap *overlap, const char *source, const char *target)
{
	UimlDuplicates duplicates;
	double share;
	size_t n;

	uiml_check(uiml_duplicates_find(env, &overlap->source, &overlap->target, overlap->n,
									UIML_DUPLICATE_JACCARD, UIML_DUPLICATE_USERS, &duplicates),
			   "items in common");
	share = uiml_duplicates_share(&duplicates);
	n = duplicates.n;
	uiml_duplicates_free(env, &duplicates);
	if (share > UIML_DUPLICATES_MATTER)
		ereport(
			WARNING,
			(errmsg("%zu pairs of items of domains \"%s\" and \"%s\" have nearly the same users", n, source,
					target),
			 errdetail("They are %.1f %% of what users of both did in \"%s\". If they are one thing listed "
					   "twice, the transfer is worth less than it seems.",
					   100 * share, target),
			 errhint("See them, and what it is worth without them: SELECT * FROM uiml_check_domains(%s, "
					 "%s);",
					 quote_literal_cstr(source), quote_literal_cstr(target))));
}
