/*
 * sequence_serving.h
 *	  Sequence models at work: what comes next for a user, beside what predictions say without it.
 *
 * A model serves whoever may predict from its domain.  What a user did last is read from the version's table of
 * sequences; of somebody who has no row there, the model has nothing to say beside the rest.
 */
#ifndef UIML_PG_SEQUENCE_SERVING_H
#define UIML_PG_SEQUENCE_SERVING_H

#include "postgres.h"

#include "core/sequencefile.h"
#include "pg/prediction.h"
#include "pg/sequence_catalog.h"

/* What users did last: item numbers, oldest first; of user i from start[i] to start[i] + n[i] - 1. */
typedef struct UimlRecent
{
	int *n;
	uint32 **item;
} UimlRecent;

/* The model of one version and target, and whom it was last asked about. */
typedef struct UimlSequence
{
	const UimlState *state;
	const UimlSequenceRow *row;
	const UimlNextModel *model; /* NULL: there is none */
	UimlNextSpace space;
	bool strict;       /* what fails is an error; else it is as if there were no model */
	bool exclude_seen; /* of items: those that were given have share 0; the caller's to set */
	void *room;
	UimlRecent recent; /* of users read at once */
	float *share;      /* n_classes, sums to 1 unless nothing is left: */
	size_t n_known;    /* events that counted */
	double weight;     /* of share beside the rest, 0 .. 1; 0 where nothing is known */
} UimlSequence;

/*
 * uiml_sequence_open
 *		The model of a domain's active version for a target; false where it has none, which costs nothing where
 *		it has none for any target (serving->sequences).
 *
 * As transfers are, a model is left out whose bytes are damaged or don't fit the version, and one whose users' table
 * can't be read, unless the domain was named or is one's own: then DATA_CORRUPTED, or what reading raised.  Valid
 * until the end of the call's memory context.
 */
extern bool uiml_sequence_open(UimlSequence *sequence, const UimlState *state, UimlNextTarget target);

/*
 * uiml_sequence_user
 *		Reads what a user did last, and asks the model about it.
 *
 * key is of state->served->user_type.  False where his sequence can't be read, or the model gives no shares for it,
 * and that is no error, as above.
 */
extern bool uiml_sequence_user(UimlSequence *sequence, Datum key);

/*
 * uiml_sequence_users / uiml_sequence_choose
 *		The same for n users in one statement, in the caller's memory context, and then for the i-th of them.
 */
extern bool uiml_sequence_users(UimlSequence *sequence, const Datum *key, int n);
extern void uiml_sequence_choose(UimlSequence *sequence, int i);

/* Asks the model about n items in place of a user, oldest first; false, with weight 0, as above. */
extern bool uiml_sequence_ask(UimlSequence *sequence, const uint32 *item, size_t n);

/*
 * uiml_sequence_admit
 *		share (n_items) becomes that among the items that out does not leave out, and 0 for the others.
 *
 * False, with weight 0, where the model gives them nothing.
 */
extern bool uiml_sequence_admit(UimlSequence *sequence, const bool *out);

/* The expert that the share of a class rests on most, after one of the above. */
extern const char *uiml_sequence_reason(const UimlSequence *sequence, uint32 class_no);

#endif /* UIML_PG_SEQUENCE_SERVING_H */
