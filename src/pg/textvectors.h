/*
 * textvectors.h
 *	  A vector for each text of a source, every distinct text encoded once at the most.
 */
#ifndef UIML_PG_TEXTVECTORS_H
#define UIML_PG_TEXTVECTORS_H

#include "core/encoder.h"
#include "pg/budget.h"
#include "pg/source.h"
#include "pg/textcache.h"

/* Vectors that were made and not stored, for the next run of the same call. */
typedef struct UimlTextMemory
{
	MemoryContext context;
	int64 digest; /* of their encoder */
	size_t n;
	UimlTextHash *hash; /* n */
	float *x;           /* n x dims of the encoder */
} UimlTextMemory;

/*
 * The work.  digest is that of an encoder whose vectors are kept in the domain's table of texts, 0 for one
 * that is as fast as reading them; keep: what is missing there is added, and what is no longer needed taken
 * away; else what is missing goes to memory (may be NULL).  x: (items.n + texts.n) x dims of the encoder,
 * zeroed; rows without a text stay so.
 */
typedef struct UimlTextVectors
{
	const UimlDomain *domain;
	const UimlSource *source;
	const UimlEncoder *encoder;
	const UimlEnv *env; /* watched by budget */
	UimlBudget *budget;
	int64 digest;
	bool keep;
	bool distinct; /* asked for */
	UimlTextMemory *memory;
	float *x;

	/* What comes out. */
	size_t embedded;  /* items that have a text */
	size_t n_encoded; /* texts the encoder was asked for */
	uint32 *item; /* n_items: one item of each distinct text of items, where distinct or a digest was given */
	size_t n_items;
	size_t n_distinct; /* texts, those of events too */
} UimlTextVectors;

/* Whether vectors of that encoder are worth keeping. */
extern bool uiml_text_vectors_kept(const UimlEncoder *encoder);

/* Bytes beside x that distinct texts take, for so many items and texts. */
extern double uiml_text_vectors_memory(size_t n_rows);

/*
 * uiml_text_vectors
 *		Reads the texts as the caller and fills x with what the encoder says of them, or said before.  With a
 *		digest, texts are read once to know which there are, and again where some are missing; one that changes
 *		in between counts as none until the next time.  What is missing is told as the phase "encoding texts".
 *		PROGRAM_LIMIT_EXCEEDED, CHARACTER_NOT_IN_REPERTOIRE.
 */
extern void uiml_text_vectors(UimlTextVectors *vectors);

#endif /* UIML_PG_TEXTVECTORS_H */
