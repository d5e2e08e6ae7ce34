/*
 * sequences.c
 *	  Sequences in memory as a source, in one chunk or in shuffled ones.
 */
#include "core/sequences.h"

#include <string.h>

#include "core/rng.h"

/*
 * Chunk i of a pass is number (i * step + first) modulo their count, with a step that has no divisor in common with it: an
 * order that differs from pass to pass and needs no room.
 */
static size_t
chunk_of_pass(const UimlSequenceMemory *memory, size_t i)
{
	size_t n = memory->n_chunks;
	UimlRng rng;
	size_t first, step;

	if (n < 3)
		return (i + (size_t) memory->pass) % n;
	uiml_rng_init(&rng, memory->pass);
	first = (size_t) uiml_rng_below(&rng, n);
	for (;;)
	{
		size_t a = n;
		size_t b = step = 1 + (size_t) uiml_rng_below(&rng, n - 1);

		while (b != 0)
		{
			size_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return (size_t) (((uint64_t) i * step + first) % n);
	}
}

static UimlStatus
memory_rewind(void *ctx, uint64_t pass)
{
	UimlSequenceMemory *memory = ctx;

	memory->pass = pass;
	memory->given = 0;
	return UIML_OK;
}

static UimlStatus
memory_next(void *ctx, UimlSequences *chunk)
{
	UimlSequenceMemory *memory = ctx;
	const UimlSequences *all = memory->sequences;
	size_t first;

	memset(chunk, 0, sizeof(*chunk));
	if (memory->given == memory->n_chunks)
		return UIML_OK;
	first = chunk_of_pass(memory, memory->given++) * memory->chunk;
	*chunk = *all;
	chunk->start = all->start + first;
	chunk->n = all->n - first < memory->chunk ? all->n - first : memory->chunk;
	chunk->n_events = chunk->start[chunk->n] - chunk->start[0];
	return UIML_OK;
}

UimlSequenceSource
uiml_sequence_memory_source(UimlSequenceMemory *memory)
{
	size_t n = memory->sequences->n;
	UimlSequenceSource source = {.n = n,
								 .n_events = memory->sequences->n_events,
								 .rewind = memory_rewind,
								 .next = memory_next,
								 .ctx = memory};

	if (memory->chunk == 0 || memory->chunk > n)
		memory->chunk = n;
	memory->n_chunks = n == 0 ? 0 : (n + memory->chunk - 1) / memory->chunk;
	memory->given = 0;
	memory->pass = 0;
	return source;
}

void
uiml_sequences_free(const UimlEnv *env, UimlSequences *sequences)
{
	uiml_free(env, sequences->start);
	uiml_free(env, sequences->item);
	uiml_free(env, sequences->at);
	uiml_free(env, sequences->weight);
	memset(sequences, 0, sizeof(*sequences));
}
