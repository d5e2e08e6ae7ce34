/*
 * sequence_read_file.c
 *	  Sequences in temporary files, read in chunks.
 *
 * A fit wants sequences in an order that differs from one epoch to the next.  Each sequence goes to one of several
 * files by the hash of its user: a file is a chunk that fits into memory, and a random sample of users.  Each pass reads
 * the files in another order, and whoever makes batches shuffles each chunk.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "core/rng.h"
#include "pg/sequence_read.h"

/* More files than that would take more memory for their buffers than they save. */
#define MOST_CHUNKS 512

/* Chunks differ: by so many standard deviations, as if all sequences were of the same length. */
#define SPREAD 4

struct UimlSequenceChunks
{
	MemoryContext context;
	size_t n_sequences;
	size_t n_items;
	size_t n_chunks;
	BufFile **chunk;
	size_t *sequences; /* by chunk */
	size_t *items;
	uint32 *order; /* of chunks, in this pass */
	size_t given;  /* in this pass */
	size_t room_sequences;
	size_t room_items;
	size_t *start; /* room_sequences + 1 */
	uint32 *item;  /* room_items */
};

static size_t
chunks_of(size_t sequences, size_t items, size_t bytes)
{
	double all = (double) items * sizeof(uint32) + (double) sequences * sizeof(size_t);

	return (size_t) Max(Min(ceil(all / (double) Max(bytes, 1)), MOST_CHUNKS), 1);
}

void
uiml_sequence_chunks_largest(size_t sequences, size_t items, size_t bytes, size_t *chunk_sequences,
							 size_t *chunk_items)
{
	double n = (double) chunks_of(sequences, items, bytes);
	double mean = (double) sequences / n;
	double most = Min(mean + SPREAD * sqrt(mean) + 1, (double) sequences);

	*chunk_sequences = (size_t) most;
	*chunk_items = (size_t) Min((double) items, most / Max((double) sequences, 1) * (double) items);
}

UimlSequenceChunks *
uiml_sequence_chunks_begin(size_t sequences, size_t items, size_t bytes, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	UimlSequenceChunks *file = palloc0(sizeof(UimlSequenceChunks));

	file->context = context;
	file->n_chunks = chunks_of(sequences, items, bytes);
	file->chunk = palloc0(file->n_chunks * sizeof(BufFile *));
	file->sequences = palloc0(file->n_chunks * sizeof(size_t));
	file->items = palloc0(file->n_chunks * sizeof(size_t));
	file->order = palloc(file->n_chunks * sizeof(uint32));
	for (size_t c = 0; c < file->n_chunks; c++)
		file->chunk[c] = BufFileCreateTemp(false);
	MemoryContextSwitchTo(old);
	return file;
}

/* The high bits decide who is held out: others, mixed, decide here. */
static size_t
chunk_of(const UimlSequenceChunks *file, uint64 hash)
{
	return (size_t) (((hash * UINT64CONST(0x9e3779b97f4a7c15)) >> 32) % file->n_chunks);
}

void
uiml_sequence_chunks_add(UimlSequenceChunks *file, uint64 hash, const uint32 *item, size_t n)
{
	size_t c = chunk_of(file, hash);
	uint32 length = (uint32) n;

	BufFileWrite(file->chunk[c], &length, sizeof(length));
	BufFileWrite(file->chunk[c], unconstify(uint32 *, item), n * sizeof(uint32));
	file->sequences[c]++;
	file->items[c] += n;
	file->n_sequences++;
	file->n_items += n;
}

static void
read_bytes(BufFile *chunk, void *bytes, size_t length)
{
	if (length > 0 && BufFileRead(chunk, bytes, length) != length)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not read from temporary file: %m")));
}

/* All of a chunk. */
static void
read_chunk(UimlSequenceChunks *file, size_t c)
{
	size_t at = 0;

	if (BufFileSeek(file->chunk[c], 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not rewind temporary file: %m")));
	for (size_t s = 0; s < file->sequences[c]; s++)
	{
		uint32 length;

		if ((s & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		read_bytes(file->chunk[c], &length, sizeof(length));
		if (length > file->items[c] - at)
			elog(ERROR, "unexpected sequence in temporary file");
		read_bytes(file->chunk[c], file->item + at, length * sizeof(uint32));
		file->start[s] = at;
		at += length;
	}
	file->start[file->sequences[c]] = at;
}

/* Room for the largest chunk; it is known when everything was written. */
static void
make_room(UimlSequenceChunks *file)
{
	if (file->start != NULL)
		return;
	for (size_t c = 0; c < file->n_chunks; c++)
	{
		file->room_sequences = Max(file->room_sequences, file->sequences[c]);
		file->room_items = Max(file->room_items, file->items[c]);
	}
	file->start = MemoryContextAllocHuge(file->context, (file->room_sequences + 1) * sizeof(size_t));
	file->item = MemoryContextAllocHuge(file->context, Max(file->room_items, 1) * sizeof(uint32));
}

static UimlStatus
rewind_file(void *ctx, uint64_t pass)
{
	UimlSequenceChunks *file = ctx;
	UimlRng rng;

	make_room(file);
	uiml_rng_init(&rng, pass);
	for (size_t c = 0; c < file->n_chunks; c++)
		file->order[c] = (uint32) c;
	for (size_t c = file->n_chunks; c > 1; c--)
	{
		size_t other = uiml_rng_below(&rng, c);
		uint32 held = file->order[c - 1];

		file->order[c - 1] = file->order[other];
		file->order[other] = held;
	}
	file->given = 0;
	return UIML_OK;
}

static UimlStatus
next_chunk(void *ctx, UimlSequences *chunk)
{
	UimlSequenceChunks *file = ctx;
	size_t c;

	memset(chunk, 0, sizeof(*chunk));
	while (file->given < file->n_chunks && file->sequences[file->order[file->given]] == 0)
		file->given++;
	if (file->given == file->n_chunks)
		return UIML_OK;
	c = file->order[file->given++];
	read_chunk(file, c);
	*chunk = (UimlSequences){
		.n = file->sequences[c], .n_events = file->items[c], .start = file->start, .item = file->item};
	return UIML_OK;
}

/* What can't be read raises an error through the core: its memory is that of its environment's context. */
UimlSequenceSource
uiml_sequence_chunks_source(UimlSequenceChunks *file)
{
	return (UimlSequenceSource){.n = file->n_sequences,
								.n_events = file->n_items,
								.rewind = rewind_file,
								.next = next_chunk,
								.ctx = file};
}

void
uiml_sequence_chunks_close(UimlSequenceChunks *file)
{
	for (size_t c = 0; c < file->n_chunks; c++)
		BufFileClose(file->chunk[c]);
	file->n_chunks = 0;
}
