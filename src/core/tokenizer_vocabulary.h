/*
 * tokenizer_vocabulary.h
 *	  A vocabulary while it is compiled.
 *
 * Internal to tokenizer_compile.c and tokenizer_vocabulary.c; models add to it by core/tokenizer_parts.h.
 */
#ifndef UIML_TOKENIZER_VOCABULARY_H
#define UIML_TOKENIZER_VOCABULARY_H

#include "core/tokenizer_parts.h"

/* Where the token of an id is in strings. */
typedef struct UimlSpan
{
	uint32_t start;
	uint32_t length;
} UimlSpan;

/* number: id + 1; 0 is a free slot. */
typedef struct UimlSlot
{
	uint32_t tag;
	uint32_t number;
} UimlSlot;

struct UimlVocabulary
{
	const UimlEnv *env;
	UimlBuffer strings; /* in the order they came; below 2^30 bytes by the limits of ids and tokens */
	UimlBuffer spans;   /* UimlSpan of each id */
	UimlSlot *slots;
	size_t n_slots;  /* a power of two, or 0 */
	size_t n_tokens; /* different ones that can be found */
	size_t longest;
	uint32_t unknown; /* id + 1; 0: none */
	size_t work;
};

/* NULL: out of memory. */
extern UimlVocabulary *uiml_vocabulary_create(const UimlEnv *env);
extern void uiml_vocabulary_destroy(UimlVocabulary *vocabulary);

/* The highest id + 1. */
extern size_t uiml_vocabulary_ids(const UimlVocabulary *vocabulary);

/* Empty for an id without a token. */
extern const char *uiml_vocabulary_token(const UimlVocabulary *vocabulary, uint32_t id, size_t *length);

/* As uiml_vocabulary_add, but the model doesn't find the token: an added token beyond its vocabulary. */
extern UimlStatus uiml_vocabulary_name(UimlVocabulary *vocabulary, uint32_t id, const char *text,
									   size_t length, UimlFault *fault);

/* Writes the parts ends, strings and slots of a tokenizer's bytes. */
extern void uiml_vocabulary_write(const UimlVocabulary *vocabulary, const TokenizerLayout *layout,
								  unsigned char *bytes);

#endif /* UIML_TOKENIZER_VOCABULARY_H */
