/*
 * tokenizer_draft.h
 *	  A tokenizer while it is compiled.
 *
 * Internal to the files tokenizer_compile*.c.
 */
#ifndef UIML_TOKENIZER_DRAFT_H
#define UIML_TOKENIZER_DRAFT_H

#include "core/tokenizer_vocabulary.h"

/* Sequences within sequences. */
#define UIML_DRAFT_DEPTH 8

/* An added token on its way. */
typedef struct UimlAddedToken
{
	uint32_t id;
	uint32_t flags;
	bool normalized;
	uint32_t at; /* of its pattern */
	uint32_t length;
	const unsigned char *pattern; /* for sorting; known when all are there */
} UimlAddedToken;

/* Ids around a text. */
typedef struct UimlAround
{
	uint32_t ids[TOKENIZER_MAX_AROUND];
	size_t n;
} UimlAround;

/* A tokenizer while it is compiled. */
typedef struct UimlDraft
{
	const UimlEnv *env;
	UimlFault *fault;
	UimlVocabulary *vocabulary;
	UimlTokenizerModel model;
	UimlBuffer model_bytes;
	UimlSteps steps;
	size_t n_normalizers;
	size_t n_pre_tokenizers;
	UimlBuffer added;    /* UimlAddedToken */
	UimlBuffer patterns; /* of added */
	size_t n_named;      /* of added: those that the model doesn't know */
	UimlAround prefix;   /* in reverse: the first is next to the text */
	UimlAround suffix;
} UimlDraft;

/* Member "added_tokens" of tokenizer.json (NULL: none), once the vocabulary and the normalizers are there. */
extern UimlStatus uiml_draft_added(UimlDraft *draft, const json_t *array);

/*
 * An added token; normalized: looked for in normalized text.  stated: the id that it has where it comes from,
 * -1 where none is said.
 */
extern UimlStatus uiml_draft_add(UimlDraft *draft, const char *content, long long stated, uint32_t flags,
								 bool normalized);

/* They in the order of the format, once all are there. */
extern UimlStatus uiml_draft_sort_added(UimlDraft *draft);
extern size_t uiml_draft_added_count(const UimlDraft *draft);
extern const UimlAddedToken *uiml_draft_added_tokens(const UimlDraft *draft);

/* Member "post_processor" (NULL: none), once all ids are known. */
extern UimlStatus uiml_draft_processor(UimlDraft *draft, const json_t *object);

#endif /* UIML_TOKENIZER_DRAFT_H */
