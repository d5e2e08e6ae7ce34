/*
 * sequence_read.h
 *	  A domain's events as sequences of items of its active version, split by users.
 *
 * Whoever is held out is so with all he did: a sequence is that of a user who fits, tunes or judges (core/split.h).
 */
#ifndef UIML_PG_SEQUENCE_READ_H
#define UIML_PG_SEQUENCE_READ_H

#include "postgres.h"

#include "core/itemfile.h"
#include "core/sequences.h"
#include "core/split.h"
#include "pg/budget.h"
#include "pg/phases.h"
#include "pg/source.h"

/* Users with two events in a class that there must be at least. */
#define UIML_SEQUENCE_MIN_USERS 20

/* Users who tune, and who judge, at most. */
#define UIML_SEQUENCE_MAX_HELD_OUT 10000

typedef struct UimlSequenceReading
{
	const UimlDomain *domain; /* that has a time column */
	const UimlItemFile *file; /* items of its active version */
	Oid item_type;            /* base type of their keys */
	UimlSequenceClasses classes;
	uint64 seed;
	double validation; /* share of users who tune, 0 < validation <= .5 */
	double test;       /* who judge, likewise */
	UimlBudget *budget;
	UimlEnv env; /* whose memory is that of context */
	MemoryContext context;
	UimlPhases *phases;

	/* Bytes at the peak of what follows beside a source in memory or a work table, without sequences. */
	double (*source_needs)(void *ctx, const UimlSource *source);

	/* Bytes at the peak of the fit beside sequences, the largest chunk of which has so many. */
	double (*fit_needs)(void *ctx, size_t sequences, size_t events);
	void *ctx;
} UimlSequenceReading;

typedef struct UimlSequenceChunks UimlSequenceChunks;

/* Sequences hold the numbers that items have in the version; those it doesn't know are left out. */
typedef struct UimlUserSequences
{
	UimlSequenceReading reading;
	UimlSource *source;              /* its events are there until the sequences are loaded */
	uint32 *item_no;                 /* by item of the source: number in the version, UINT32_MAX for none */
	uint32 *length;                  /* by user: events of items that the version knows */
	uint8_t *role;                   /* by user: UimlRole */
	size_t n_users[UIML_TUNE + 1];   /* by role: of users with two events in a class */
	size_t n_events;                 /* in a class, of everybody */
	UimlSequences of[UIML_TUNE + 1]; /* by role; those who fit are not there where they are in chunks */
	UimlSequenceMemory memory;
	UimlSequenceChunks *chunks; /* NULL: in memory */
	UimlSequenceSource source_of_fit;
} UimlUserSequences;

/*
 * uiml_user_sequences_read
 *		Reads the events the caller can see, as a training does (pg/source.h), and splits users.
 *
 * OBJECT_NOT_IN_PREREQUISITE_STATE where fewer than UIML_SEQUENCE_MIN_USERS have two events in a class;
 * PROGRAM_LIMIT_EXCEEDED.
 */
extern UimlUserSequences *uiml_user_sequences_read(const UimlSequenceReading *reading);

/*
 * uiml_user_sequences_load
 *		Makes the sequences, each in order of time and, within an instant, of item numbers.  Events in memory are freed.
 *
 * Users who tune and judge are always in memory, with times and weights.  Those who fit are there, too, where they fit into
 * maintenance_work_mem beside what follows, else in a temporary file.
 */
extern void uiml_user_sequences_load(UimlUserSequences *users);

/*
 * uiml_user_sequences_first
 *		The sequences of n of the users who fit, or of all if there are fewer: those with the lowest hashes, so that more
 *		contain fewer.  In memory of context; users without two events in a class are not counted and left out.
 */
extern void uiml_user_sequences_first(const UimlUserSequences *users, size_t n, MemoryContext context,
									  UimlSequences *sequences);

/* Calls recent_fn for each user with an event, in key order: the items of his last events, oldest first. */
typedef void (*UimlRecentFn)(void *ctx, Datum user, const uint32 *item, size_t n);
extern void uiml_user_sequences_recent(const UimlUserSequences *users, UimlRecentFn recent_fn, void *ctx);

/* Drops the work table and closes the file; the rest goes with the context. */
extern void uiml_user_sequences_close(UimlUserSequences *users);

/* --- a file of sequences (sequence_read_file.c) -------------------------------------------------------------- */

/*
 * uiml_sequence_chunks_begin
 *		An empty temporary file for so many sequences and items in all, to be read in chunks of about so many bytes.
 *
 * A sequence goes to a chunk by its hash; each pass takes the chunks in another order.
 */
extern UimlSequenceChunks *uiml_sequence_chunks_begin(size_t sequences, size_t items, size_t bytes,
													  MemoryContext context);
extern void uiml_sequence_chunks_add(UimlSequenceChunks *file, uint64 hash, const uint32 *item, size_t n);
extern UimlSequenceSource uiml_sequence_chunks_source(UimlSequenceChunks *file);
extern void uiml_sequence_chunks_close(UimlSequenceChunks *file);

/* Sequences and items of the largest chunk that is to be expected. */
extern void uiml_sequence_chunks_largest(size_t sequences, size_t items, size_t bytes,
										 size_t *chunk_sequences, size_t *chunk_items);

/* Tells in a NOTICE where row-level security of the events does not apply to who reads them. */
extern void uiml_user_sequences_note_rls(const UimlDomain *domain);

#endif /* UIML_PG_SEQUENCE_READ_H */
