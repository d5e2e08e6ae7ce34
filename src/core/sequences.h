/*
 * sequences.h
 *	  What users did, in order of time: one sequence of items per user, and the classes that models see.
 *
 * A class is an interest or an item.  Events whose item is in no class (an item without interest, or one that the version
 * doesn't know) are left out.
 */
#ifndef UIML_SEQUENCES_H
#define UIML_SEQUENCES_H

#include "core/uiml.h"

/*
 * Sequence s is item[start[s]] .. item[start[s + 1] - 1], oldest first.  start[0] need not be 0: a chunk may be a part of
 * longer arrays.
 */
typedef struct UimlSequences
{
	size_t n;
	size_t n_events; /* start[n] - start[0] */
	size_t *start;   /* n + 1 */
	uint32_t *item;  /* n_events: item numbers */
	double *at;      /* n_events: seconds since any fixed instant; NULL where nobody asks */
	float *weight;   /* n_events: of the event, > 0; NULL likewise */
} UimlSequences;

/* Which class each item is of. */
#define UIML_NO_CLASS UINT32_MAX

typedef struct UimlSequenceClasses
{
	size_t n;                 /* classes, 1 .. UINT32_MAX - 2 */
	size_t n_items;           /* items with a higher number are in no class */
	const uint32_t *class_no; /* n_items, below n or UIML_NO_CLASS; NULL: each item is a class, n = n_items */
} UimlSequenceClasses;

static inline uint32_t
uiml_sequence_class(const UimlSequenceClasses *classes, uint32_t item)
{
	if (item >= classes->n_items)
		return UIML_NO_CLASS;
	return classes->class_no != NULL ? classes->class_no[item] : item;
}

/*
 * Where sequences come from: memory, or a file that is read in chunks.  Each pass gives every sequence once, in an order
 * that the pass's number shuffles (of one chunk with everything: in any order, the batches shuffle each chunk); what a
 * chunk points to is valid until the next call.  Chunks should have thousands of sequences: those of a batch come from one.
 */
typedef struct UimlSequenceSource
{
	size_t n;
	size_t n_events;
	UimlStatus (*rewind)(void *ctx, uint64_t pass);
	UimlStatus (*next)(void *ctx, UimlSequences *chunk); /* chunk->n is 0 behind the last */
	void *ctx;
} UimlSequenceSource;

/* A source over sequences in memory.  Zeroes but for the first two members. */
typedef struct UimlSequenceMemory
{
	const UimlSequences *sequences;
	size_t chunk; /* sequences of a chunk; 0: all in one */
	size_t n_chunks;
	size_t given; /* chunks, in this pass */
	uint64_t pass;
} UimlSequenceMemory;

/* The source refers to memory, which must stay. */
extern UimlSequenceSource uiml_sequence_memory_source(UimlSequenceMemory *memory);

/* Frees the arrays of sequences that env allocated, and zeroes them. */
extern void uiml_sequences_free(const UimlEnv *env, UimlSequences *sequences);

#endif /* UIML_SEQUENCES_H */
