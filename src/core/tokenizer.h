/*
 * tokenizer.h
 *	  Text to the token ids of a language model, as the tokenizers library of Hugging Face gives them.
 *
 * A tokenizer is compiled once, from tokenizer.json or vocab.txt, into a flat, immutable,
 * position-independent run of bytes that is part of an encoder's (core/encoder.h) and mapped with it.  A text goes through
 * added tokens (cut out before anything else), the normalizer, the pre-tokenizer, the model (WordPiece,
 * Unigram or BPE), truncation and the tokens that the post-processor puts around it.
 */
#ifndef UIML_TOKENIZER_H
#define UIML_TOKENIZER_H

#include "core/fault.h"

#define UIML_TOKENIZER_MAX_VOCABULARY ((size_t) 1 << 20)

typedef enum UimlTokenizerModel
{
	UIML_WORDPIECE = 1,
	UIML_UNIGRAM = 2,
	UIML_BPE = 3
} UimlTokenizerModel;

/* --- compiling ------------------------------------------------------------------------------------------ */

/*
 * uiml_tokenizer_compile
 *		The tokenizer that a tokenizer.json describes, as *length bytes from env.  Truncation and padding that
 *		the file asks for are left out: they belong to whoever calls.
 *
 * UIML_OK; UIML_ECORRUPT with a fault, also for a kind of normalizer, pre-tokenizer, model or post-processor
 * that isn't known here: a tokenizer is exact or refused; UIML_ENOMEM; UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_tokenizer_compile(const UimlEnv *env, const char *json, size_t json_length,
										 void **bytes, size_t *length, UimlFault *fault);

/* What vocab.txt of a BERT model doesn't say; the defaults of BertTokenizer are lower, true and lower. */
typedef struct UimlWordPieceOptions
{
	bool lowercase;
	bool chinese; /* spaces around Han characters */
	bool strip_accents;
} UimlWordPieceOptions;

/* The same from vocab.txt, one token a line, its number the id; [UNK], [CLS] and [SEP] must be there. */
extern UimlStatus uiml_tokenizer_compile_vocabulary(const UimlEnv *env, const char *text, size_t text_length,
													const UimlWordPieceOptions *options, void **bytes,
													size_t *length, UimlFault *fault);

/* --- use ------------------------------------------------------------------------------------------------ */

/* An opened tokenizer: points into its bytes, which must stay. */
typedef struct UimlTokenizer
{
	UimlTokenizerModel model;
	size_t vocabulary; /* ids are below it */
	size_t prefix;     /* tokens that the post-processor puts before a text, */
	size_t suffix;     /* and after it */
	const unsigned char *bytes;
	size_t length;

	/* The parts (core/tokenizer_format.h). */
	const unsigned char *ends;
	const unsigned char *strings;
	size_t strings_size;
	const unsigned char *slots;
	size_t n_slots;
	size_t longest;
	uint32_t unknown; /* id + 1; 0: none */
	const unsigned char *added;
	size_t n_added;
	size_t n_added_raw;
	uint64_t added_first[2]
						[4]; /* bitmaps of the bytes that they begin with, before and after normalization */
	int added_only[2];       /* the byte that all of them begin with, or -1 */
	const unsigned char *patterns;
	size_t patterns_size;
	const unsigned char *steps;
	size_t steps_size;
	size_t n_normalizers;
	size_t n_pre_tokenizers;
	const unsigned char *around;
	const unsigned char *model_bytes;
	size_t model_size;
} UimlTokenizer;

/*
 * uiml_tokenizer_open
 *		Opens bytes of unknown origin, at any address: UIML_ECORRUPT, or a tokenizer that no text makes read
 *		outside them.
 *
 * verify: also checks the contents of all parts, which reads all bytes: damage that would only make wrong ids
 * is found as well.  Otherwise some microseconds.
 */
extern UimlStatus uiml_tokenizer_open(const void *bytes, size_t length, bool verify,
									  UimlTokenizer *tokenizer);

/*
 * uiml_tokenizer_run
 *		The ids of a UTF-8 text, with those that go around it.
 *
 * ids: receives at most max_tokens (>= prefix + suffix) ids; of a longer text the first ones are kept, and
 * what goes around them.  *n: how many they are.  *total (may be NULL): how many they would be without a
 * limit (counted only as far as needed where it is NULL: with BERT's normalizer and pre-tokenizer a long text
 * then costs what its beginning costs, beside a check for UTF-8 and a search for added tokens).  Bytes that are not UTF-8 are UIML_EINVALID.  UIML_OK; UIML_ENOMEM;
 * UIML_EINTERRUPTED; UIML_ELIMIT: a Unigram model finds no place within 4 MB that all good ways pass, as in
 * nothing but one character repeated, a word for a BPE model has more than 2 MB, or normalizers
 * make 64 times a text of it.  Some microseconds for a title.
 */
extern UimlStatus uiml_tokenizer_run(const UimlEnv *env, const UimlTokenizer *tokenizer, const char *text,
									 size_t length, size_t max_tokens, uint32_t *ids, size_t *n,
									 size_t *total);

/* The token of an id in UTF-8, not terminated; empty for one beyond the vocabulary. */
extern const char *uiml_tokenizer_token(const UimlTokenizer *tokenizer, uint32_t id, size_t *length);

/* The id of a token, or false. */
extern bool uiml_tokenizer_find(const UimlTokenizer *tokenizer, const char *token, size_t length,
								uint32_t *id);

#endif /* UIML_TOKENIZER_H */
