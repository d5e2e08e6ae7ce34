/*
 * next_source.h
 *	  Sequences in memory as a source, for the tests of what comes next.
 */
#ifndef NEXT_SOURCE_H
#define NEXT_SOURCE_H

#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "core/sequences.h"

typedef struct TestSource
{
	UimlSequences all;
	size_t chunk; /* sequences of a chunk */
	size_t at;
	size_t *start; /* of a chunk */
	UimlSequenceSource source;
} TestSource;

static inline UimlStatus
test_source_rewind(void *ctx, uint64_t pass)
{
	(void) pass;
	((TestSource *) ctx)->at = 0;
	return UIML_OK;
}

static inline UimlStatus
test_source_next(void *ctx, UimlSequences *chunk)
{
	TestSource *t = ctx;
	size_t left = t->all.n - t->at;

	chunk->n = left < t->chunk ? left : t->chunk;
	for (size_t s = 0; s <= chunk->n; s++)
		t->start[s] = t->all.start[t->at + s] - t->all.start[t->at];
	chunk->n_events = t->start[chunk->n];
	chunk->start = t->start;
	chunk->item = t->all.item + t->all.start[t->at];
	t->at += chunk->n;
	return UIML_OK;
}

/* Room for n sequences of at most `most` events, none yet. */
static inline void
test_source_create(TestSource *t, size_t n, size_t most)
{
	*t = (TestSource){.chunk = 7};
	t->all.start = calloc(n + 1, sizeof(size_t));
	t->all.item = calloc(n * most, sizeof(uint32_t));
	t->start = calloc(8, sizeof(size_t));
	t->source = (UimlSequenceSource){.rewind = test_source_rewind, .next = test_source_next, .ctx = t};
}

static inline void
test_source_put(TestSource *t, const uint32_t *item, size_t n)
{
	memcpy(t->all.item + t->all.n_events, item, n * sizeof(uint32_t));
	t->all.n_events += n;
	t->all.start[++t->all.n] = t->all.n_events;
	t->source.n = t->all.n;
	t->source.n_events = t->all.n_events;
}

static inline void
test_source_free(TestSource *t)
{
	free(t->all.start);
	free(t->all.item);
	free(t->start);
}

/* n sequences of 2 .. most events: mostly the next one of a ring of items, sometimes any. */
static inline void
test_source_ring(TestSource *t, size_t n, size_t most, uint32_t items, double noise, uint64_t seed)
{
	uint32_t item[256];
	UimlRng rng;

	test_source_create(t, n, most);
	uiml_rng_init(&rng, seed);
	for (size_t s = 0; s < n; s++)
	{
		size_t length = 2 + (size_t) uiml_rng_below(&rng, most - 1);

		item[0] = (uint32_t) uiml_rng_below(&rng, items);
		for (size_t i = 1; i < length; i++)
			item[i] = uiml_rng_uniform(&rng) < noise ? (uint32_t) uiml_rng_below(&rng, items)
													 : (item[i - 1] + 1) % items;
		test_source_put(t, item, length);
	}
}

#endif /* NEXT_SOURCE_H */
