/*
 * terms_table.h
 *	  The table behind UimlTerms, shared by counting (terms.c) and labelling (terms_top.c).
 */
#ifndef UIML_TERMS_TABLE_H
#define UIML_TERMS_TABLE_H

#include "core/terms.h"
#include "core/terms_split.h"

typedef struct UimlTerm
{
	const char *text;
	double count; /* over all classes: the sum of its texts' weights */
	uint32_t hash;
	uint32_t last_text; /* number of the text that counted it last */
	uint8_t length;
	uint8_t kind; /* UimlTermKind */
} UimlTerm;

/* texts is 0 in a free cell. */
typedef struct UimlTermCell
{
	double count; /* sum of the texts' weights */
	uint32_t term;
	uint32_t class_number;
	uint32_t texts;
} UimlTermCell;

typedef struct UimlTermBlock
{
	struct UimlTermBlock *next;
	size_t used;
	char bytes[];
} UimlTermBlock;

struct UimlTerms
{
	UimlEnv env;
	size_t max_bytes;
	size_t bytes; /* allocated so far */
	uint64_t seed;

	size_t n_classes;
	double *class_terms;   /* n_classes: sum of counts, without triples */
	double *class_texts;   /* n_classes: sum of the texts' weights */
	double *class_squares; /* n_classes: sum of the squares of the texts' weights */
	uint32_t n_texts;

	UimlTerm *term;
	size_t n_terms;
	size_t term_capacity;
	uint32_t *slot; /* number of the term plus 1, or 0 */
	size_t n_slots; /* a power of two, at least twice n_terms */

	UimlTermCell *cell;
	size_t n_cells_used;
	size_t n_cells; /* a power of two */

	UimlTermBlock *block;
};

/*
 * Copies length <= UIML_TERM_MAX_LENGTH bytes to where they never move.  UIML_OK, UIML_ELIMIT, UIML_ENOMEM.
 */
extern UimlStatus uiml_terms_store(UimlTerms *terms, const char *bytes, size_t length, const char **stored);

#endif /* UIML_TERMS_TABLE_H */
