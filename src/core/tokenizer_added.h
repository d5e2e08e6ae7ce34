/*
 * tokenizer_added.h
 *	  Added tokens in a text.
 *
 * Internal to the files tokenizer*.c.
 */
#ifndef UIML_TOKENIZER_ADDED_H
#define UIML_TOKENIZER_ADDED_H

#include "core/tokenizer_parts.h"

/* A walk through a text: the caller fills in the first part, with gap_start 0. */
typedef struct UimlAddedSearch
{
	UimlTokenizing *run;
	const char *text;
	size_t length;
	bool normalized;  /* which tokens: those for normalized text */
	size_t gap_start; /* where the last match ended, with the space it took; the caller moves it */

	size_t at; /* where the search goes on */
	size_t space_start;
	size_t space_end;
} UimlAddedSearch;

/*
 * uiml_added_next
 *		The next match: *id; the text between gap_start and *gap_end is before it (none where that isn't
 *		greater), and it ends at *end, which is the next gap_start.  *found: false at the end, when the rest is
 *		the text from gap_start on.  UIML_OK, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_added_next(UimlAddedSearch *search, size_t *gap_end, size_t *end, uint32_t *id,
								  bool *found);

/* The order of patterns: bytes, then length; below, equal to or above 0. */
extern int uiml_added_compare(const unsigned char *a, size_t a_length, const unsigned char *b,
							  size_t b_length);

/* Checks all records, and fills in added_first and added_only. */
extern bool uiml_added_check(UimlTokenizer *tokenizer);

#endif /* UIML_TOKENIZER_ADDED_H */
