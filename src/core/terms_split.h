/*
 * terms_split.h
 *	  Text into terms: words of scripts with spaces, character pairs and triples of scripts without.
 *
 * Internal to the files terms*.c; uiml_terms_each (core/terms.h) is the public door.
 */
#ifndef UIML_TERMS_SPLIT_H
#define UIML_TERMS_SPLIT_H

#include "core/uiml.h"

typedef enum UimlTermKind
{
	UIML_TERM_WORD,
	UIML_TERM_CHARACTER, /* of a script without spaces, standing alone */
	UIML_TERM_PAIR,      /* two neighbours of a script without spaces */
	UIML_TERM_TRIPLE,    /* three: not a term by itself, but the proof that two pairs belong together */
	UIML_TERM_NUMBER     /* digits without letters: labels nothing, but a year makes films alike */
} UimlTermKind;

#define UIML_TERM_MAX_LENGTH 64 /* bytes */

typedef UimlStatus (*UimlTermVisit)(void *ctx, UimlTermKind kind, const char *term, size_t length);

/*
 * Calls visit for each term in order until it returns other than UIML_OK, and returns that; UIML_EINTERRUPTED.  No
 * allocation.
 */
extern UimlStatus uiml_terms_split(const UimlEnv *env, const char *text, size_t length, UimlTermVisit visit,
								   void *ctx);

#endif /* UIML_TERMS_SPLIT_H */
