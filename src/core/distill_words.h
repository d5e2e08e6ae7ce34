/*
 * distill_words.h
 *	  The words of texts that a WordPiece tokenizer knows only in pieces, and how often each occurs.
 *
 * A word is what the tokenizer cut: a token that begins one and those that continue it.  So words are
 * normalized as the tokenizer does, and splitting them needs no second opinion of what a word is.
 */
#ifndef UIML_DISTILL_WORDS_H
#define UIML_DISTILL_WORDS_H

#include "core/tokenizer.h"

/* Different words that are counted; of those that come when so many are known nothing is remembered. */
#define UIML_DISTILL_MAX_WORDS ((size_t) 1 << 18)

/* Words of more bytes or tokens are left out: they are no words. */
#define UIML_DISTILL_WORD_BYTES  ((size_t) 64)
#define UIML_DISTILL_WORD_TOKENS ((size_t) 32)

typedef struct UimlDistillWord
{
	uint64_t hash; /* of its ids */
	uint64_t count;
	size_t first; /* its tokens are ids[first .. first + n - 1] of the table */
	size_t n;     /* at least 2 */
} UimlDistillWord;

typedef struct UimlDistillWords
{
	const UimlTokenizer *tokenizer;
	UimlDistillWord *word;
	size_t n;
	size_t room;
	uint32_t *ids;
	size_t n_ids;
	size_t ids_room;
	uint32_t *slot; /* number of the word + 1, or 0 */
	size_t n_slots; /* a power of two, at least twice n */
	uint32_t *text; /* tokens of one text */
} UimlDistillWords;

/* An empty table.  UIML_OK; UIML_EINVALID where the tokenizer's model isn't WordPiece; UIML_ENOMEM. */
extern UimlStatus uiml_distill_words_init(const UimlEnv *env, const UimlTokenizer *tokenizer,
										  UimlDistillWords *words);
extern void uiml_distill_words_free(const UimlEnv *env, UimlDistillWords *words);

/* Counts the words of a UTF-8 text, of which the first 8,192 tokens.  Statuses of uiml_tokenizer_run. */
extern UimlStatus uiml_distill_words_add(const UimlEnv *env, UimlDistillWords *words, const char *text,
										 size_t length);

/*
 * uiml_distill_words_choose
 *		Leaves the most frequent words, at most max, of those that occur at least least times, most frequent
 *		first, ties by their hashes, so that the order of texts makes no difference.
 *
 * After it nothing can be counted any more.
 */
extern void uiml_distill_words_choose(UimlDistillWords *words, size_t least, size_t max);

/* Writes a word's bytes, at most UIML_DISTILL_WORD_BYTES; returns how many. */
extern size_t uiml_distill_word_text(const UimlDistillWords *words, const UimlDistillWord *word, char *text);

#endif /* UIML_DISTILL_WORDS_H */
