/*
 * sequences.h
 *	  What users did, in order of time: one sequence of classes per user.
 *
 * A class is an interest or an item.  Events whose item is in no class (an item that the version doesn't know) are left out.
 */
#ifndef UIML_SEQUENCES_H
#define UIML_SEQUENCES_H

#include "core/uiml.h"

/* Sequence s is item[start[s]] .. item[start[s + 1] - 1], oldest first. */
typedef struct UimlSequences
{
	size_t n;
	size_t n_events;
	size_t *start;  /* n + 1 */
	uint32_t *item; /* n_events: item numbers */
	double *at;     /* n_events: seconds since any fixed instant; NULL where nobody asks */
	float *weight;  /* n_events: of the event, > 0; NULL likewise */
} UimlSequences;

/*
 * Where sequences come from: memory, or a file that is read in chunks.  Each pass gives every sequence once, in an order
 * that the pass's number shuffles; what a chunk points to is valid until the next call.
 */
typedef struct UimlSequenceSource
{
	size_t n;
	size_t n_events;
	UimlStatus (*rewind)(void *ctx, uint64_t pass);
	UimlStatus (*next)(void *ctx, UimlSequences *chunk); /* chunk->n is 0 behind the last */
	void *ctx;
} UimlSequenceSource;

#endif /* UIML_SEQUENCES_H */
