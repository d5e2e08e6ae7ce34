/*
 * distill_words.c
 *	  The words of texts that a WordPiece tokenizer knows only in pieces, and how often each occurs.
 */
#include <stdlib.h>
#include <string.h>

#include "core/distill_words.h"
#include "core/features.h"
#include "core/tokenizer_extend.h"

#define TEXT_TOKENS 8192

UimlStatus
uiml_distill_words_init(const UimlEnv *env, const UimlTokenizer *tokenizer, UimlDistillWords *words)
{
	*words = (UimlDistillWords){.tokenizer = tokenizer};
	if (tokenizer->model != UIML_WORDPIECE)
		return UIML_EINVALID;
	words->text = uiml_alloc(env, TEXT_TOKENS + tokenizer->prefix + tokenizer->suffix, sizeof(*words->text));
	return words->text != NULL ? UIML_OK : UIML_ENOMEM;
}

void
uiml_distill_words_free(const UimlEnv *env, UimlDistillWords *words)
{
	uiml_free(env, words->word);
	uiml_free(env, words->ids);
	uiml_free(env, words->slot);
	uiml_free(env, words->text);
	*words = (UimlDistillWords){0};
}

/* ---------- the table ---------- */

/* Room for n elements of an array that grows by halves; false: out of memory. */
static bool
grow(const UimlEnv *env, void **array, size_t *room, size_t used, size_t n, size_t width)
{
	size_t larger = n + n / 2 + 256;
	void *copy;

	if (n <= *room)
		return true;
	copy = uiml_alloc(env, larger, width);
	if (copy == NULL)
		return false;
	if (used > 0)
		memcpy(copy, *array, used * width);
	uiml_free(env, *array);
	*array = copy;
	*room = larger;
	return true;
}

static uint64_t
hash_of(const uint32_t *ids, size_t n)
{
	uint64_t hash = n;

	for (size_t i = 0; i < n; i++)
		hash = uiml_mix(hash ^ ids[i]);
	return hash;
}

/* The slot of a word, or the free one where it belongs. */
static uint32_t *
find_slot(const UimlDistillWords *words, const uint32_t *ids, size_t n, uint64_t hash)
{
	for (size_t at = (size_t) hash;; at++)
	{
		uint32_t *slot = &words->slot[at & (words->n_slots - 1)];
		const UimlDistillWord *word = &words->word[*slot - (*slot > 0)];

		if (*slot == 0 || (word->hash == hash && word->n == n &&
						   memcmp(words->ids + word->first, ids, n * sizeof(*ids)) == 0))
			return slot;
	}
}

static bool
grow_slots(const UimlEnv *env, UimlDistillWords *words)
{
	size_t n_slots = words->n_slots > 0 ? 2 * words->n_slots : 1024;
	uint32_t *slot;

	if (2 * (words->n + 1) <= words->n_slots)
		return true;
	slot = uiml_alloc0(env, n_slots, sizeof(*slot));
	if (slot == NULL)
		return false;
	uiml_free(env, words->slot);
	words->slot = slot;
	words->n_slots = n_slots;
	for (size_t i = 0; i < words->n; i++)
	{
		const UimlDistillWord *word = &words->word[i];

		*find_slot(words, words->ids + word->first, word->n, word->hash) = (uint32_t) i + 1;
	}
	return true;
}

static UimlStatus
count_word(const UimlEnv *env, UimlDistillWords *words, const uint32_t *ids, size_t n)
{
	uint64_t hash = hash_of(ids, n);
	uint32_t *slot;

	if (!grow_slots(env, words) ||
		!grow(env, (void **) &words->word, &words->room, words->n, words->n + 1, sizeof(*words->word)))
		return UIML_ENOMEM;
	slot = find_slot(words, ids, n, hash);
	if (*slot > 0)
	{
		words->word[*slot - 1].count++;
		return UIML_OK;
	}
	if (words->n >= UIML_DISTILL_MAX_WORDS)
		return UIML_OK;
	if (!grow(env, (void **) &words->ids, &words->ids_room, words->n_ids, words->n_ids + n, sizeof(*ids)))
		return UIML_ENOMEM;
	memcpy(words->ids + words->n_ids, ids, n * sizeof(*ids));
	words->word[words->n] = (UimlDistillWord){.first = words->n_ids, .n = n, .hash = hash, .count = 1};
	words->n_ids += n;
	*slot = (uint32_t) ++words->n;
	return UIML_OK;
}

/* ---------- texts ---------- */

static size_t
bytes_of(const UimlTokenizer *tokenizer, const uint32_t *ids, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
	{
		size_t length;

		(void) uiml_tokenizer_token(tokenizer, ids[i], &length);
		bytes += length - (i > 0 ? uiml_wordpiece_prefix(tokenizer) : 0);
	}
	return bytes;
}

UimlStatus
uiml_distill_words_add(const UimlEnv *env, UimlDistillWords *words, const char *text, size_t length)
{
	const UimlTokenizer *tokenizer = words->tokenizer;
	size_t around = tokenizer->prefix + tokenizer->suffix;
	const uint32_t *ids = words->text + tokenizer->prefix;
	size_t n;
	size_t end;
	UimlStatus status =
		uiml_tokenizer_run(env, tokenizer, text, length, TEXT_TOKENS + around, words->text, &n, NULL);

	if (status != UIML_OK)
		return status;
	n -= around < n ? around : n;
	for (size_t at = 0; status == UIML_OK && at < n; at = end)
	{
		for (end = at + 1; end < n && uiml_wordpiece_continues(tokenizer, ids[end]); end++)
			;
		if (end - at >= 2 && end - at <= UIML_DISTILL_WORD_TOKENS &&
			bytes_of(tokenizer, ids + at, end - at) <= UIML_DISTILL_WORD_BYTES)
			status = count_word(env, words, ids + at, end - at);
	}
	return status;
}

/* ---------- choosing ---------- */

static int
compare_words(const void *a, const void *b)
{
	const UimlDistillWord *x = a;
	const UimlDistillWord *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

void
uiml_distill_words_choose(UimlDistillWords *words, size_t least, size_t max)
{
	size_t n = 0;

	words->n_slots = 0;
	if (words->n > 0)
		qsort(words->word, words->n, sizeof(*words->word), compare_words);
	while (n < words->n && n < max && words->word[n].count >= least)
		n++;
	words->n = n;
}

size_t
uiml_distill_word_text(const UimlDistillWords *words, const UimlDistillWord *word, char *text)
{
	size_t prefix = uiml_wordpiece_prefix(words->tokenizer);
	size_t at = 0;

	for (size_t i = 0; i < word->n; i++)
	{
		size_t length;
		size_t skipped = i > 0 ? prefix : 0;
		const char *token = uiml_tokenizer_token(words->tokenizer, words->ids[word->first + i], &length);

		memcpy(text + at, token + skipped, length - skipped);
		at += length - skipped;
	}
	return at;
}
