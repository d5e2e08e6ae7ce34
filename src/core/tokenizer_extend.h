/*
 * tokenizer_extend.h
 *	  A tokenizer that knows more words.
 */
#ifndef UIML_TOKENIZER_EXTEND_H
#define UIML_TOKENIZER_EXTEND_H

#include "core/encoder.h"

/*
 * uiml_tokenizer_extend
 *		A WordPiece tokenizer with n words more, as *length bytes from env: word i is a token of the id
 *		vocabulary + i.  Words are as texts are after normalization, and not among the tokens that begin a
 *		word.
 *
 * UIML_OK; UIML_EINVALID for another model, or a word that is a token, empty or too long; UIML_ELIMIT where the
 * vocabulary would be too large; UIML_ENOMEM; UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_tokenizer_extend(const UimlEnv *env, const UimlTokenizer *tokenizer,
										const UimlText *words, size_t n, void **bytes, size_t *length);

/* Whether a token is cut out of texts before all else. */
extern bool uiml_tokenizer_is_added(const UimlTokenizer *tokenizer, uint32_t id);

/* Bytes of what stands before tokens that continue a word ("##"), and whether a token does. */
extern size_t uiml_wordpiece_prefix(const UimlTokenizer *tokenizer);
extern bool uiml_wordpiece_continues(const UimlTokenizer *tokenizer, uint32_t id);

#endif /* UIML_TOKENIZER_EXTEND_H */
