/*
 * wordpiece.c
 *	  The WordPiece model: the longest token that begins a word, then the longest that goes on, and so forth.
 *
 * A word that can't be cut so, or that has more than max_input_chars_per_word characters, is the unknown token.
 *
 * The hash of a token grows byte by byte, so one pass over the rest of a word gives the hashes of all its
 * beginnings, up to the longest token's length; they are looked for from the longest down.  That reads each
 * byte once where a word is a token, which most are, and never copies it: a token that continues a word
 * starts from the hash of the prefix ("##").
 *
 * Of its own the model keeps (uint32 max_input_chars_per_word, uint32 length of the prefix, the prefix).
 */
#include <limits.h>

#include "core/tokenizer_parts.h"

#define AT_MAX_CHARS 0

/* Where tokens of a word are looked for: hashes of its beginnings that end where a character does. */
typedef struct Beginnings
{
	size_t n;
	uint64_t hash[TOKENIZER_MAX_TOKEN];
	uint16_t length[TOKENIZER_MAX_TOKEN];
} Beginnings;

/* ---------- compiling ---------- */

UimlStatus
uiml_wordpiece_finish(const UimlEnv *env, UimlVocabulary *vocabulary, const char *unknown, const char *prefix,
					  uint32_t max_chars, UimlBuffer *bytes, UimlFault *fault)
{
	size_t length = strlen(prefix);
	UimlStatus status;
	uint32_t id;

	if (length >= TOKENIZER_MAX_TOKEN)
		return uiml_fault(fault, "The prefix of tokens within a word has %zu bytes.", length);

	/* The library fails at the first word it doesn't know. */
	if (!uiml_vocabulary_find(vocabulary, unknown, strlen(unknown), &id))
		return uiml_fault(fault, "The unknown token \"%s\" is not in the vocabulary.", unknown);
	uiml_vocabulary_unknown(vocabulary, id);
	status = uiml_buffer_append32(env, bytes, max_chars);
	if (status == UIML_OK)
		status = uiml_buffer_append32(env, bytes, (uint32_t) length);
	if (status == UIML_OK)
		status = uiml_buffer_append(env, bytes, prefix, length);
	return status;
}

static UimlStatus
wordpiece_compile(const UimlEnv *env, const json_t *object, UimlVocabulary *vocabulary, UimlBuffer *bytes,
				  UimlFault *fault)
{
	const json_t *tokens = json_object_get(object, "vocab");
	const char *what = "model";
	const char *unknown;
	const char *prefix;
	long long max_chars;
	UimlStatus status;

	if (!json_is_object(tokens))
		return uiml_fault(fault, "The WordPiece model has no object \"vocab\".");
	status = uiml_json_string(object, what, "unk_token", "[UNK]", &unknown, fault);
	if (status == UIML_OK)
		status = uiml_json_string(object, what, "continuing_subword_prefix", "##", &prefix, fault);
	if (status == UIML_OK)
		status =
			uiml_json_integer(object, what, "max_input_chars_per_word", 0, LLONG_MAX, 100, &max_chars, fault);
	if (status != UIML_OK)
		return status;
	status = uiml_vocabulary_add_object(vocabulary, tokens, fault);
	if (status != UIML_OK)
		return status;
	return uiml_wordpiece_finish(env, vocabulary, unknown, prefix,
								 max_chars > UINT32_MAX ? UINT32_MAX : (uint32_t) max_chars, bytes, fault);
}

static bool
wordpiece_check(const UimlTokenizer *tokenizer, bool verify)
{
	(void) verify;
	return tokenizer->unknown > 0 && tokenizer->model_size >= UIML_WORDPIECE_AT_PREFIX &&
		   encoder_load32(tokenizer->model_bytes + 4) == tokenizer->model_size - UIML_WORDPIECE_AT_PREFIX &&
		   tokenizer->model_size - UIML_WORDPIECE_AT_PREFIX < TOKENIZER_MAX_TOKEN;
}

/* ---------- use ---------- */

static inline bool
continues_character(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/* More characters than max; stops counting there. */
static bool
has_more_characters(const char *piece, size_t length, size_t max)
{
	size_t n = 0;

	if (length <= max)
		return false;
	for (size_t i = 0; i < length && n <= max; i++)
		n += !continues_character((unsigned char) piece[i]);
	return n > max;
}

/* The hashes of the beginnings of rest, at most longest bytes. */
static void
hash_beginnings(Beginnings *beginnings, uint64_t hash, const char *rest, size_t length, size_t longest)
{
	size_t end = length < longest ? length : longest;

	beginnings->n = 0;
	for (size_t i = 0; i < end; i++)
	{
		hash = tokenizer_hash_byte(hash, (unsigned char) rest[i]);
		if (i + 1 < length && continues_character((unsigned char) rest[i + 1]))
			continue;
		beginnings->hash[beginnings->n] = hash;
		beginnings->length[beginnings->n] = (uint16_t) (i + 1);
		beginnings->n++;
	}
}

/* The longest token that rest begins with; returns its length in rest, or 0. */
static size_t
longest_token(const UimlTokenizer *tokenizer, Beginnings *beginnings, bool inside, const char *rest,
			  size_t length, uint32_t *id)
{
	const unsigned char *prefix = tokenizer->model_bytes + UIML_WORDPIECE_AT_PREFIX;
	size_t prefix_length = inside ? tokenizer->model_size - UIML_WORDPIECE_AT_PREFIX : 0;
	uint64_t hash = TOKENIZER_HASH_START;

	if (prefix_length >= tokenizer->longest)
		return 0;
	for (size_t i = 0; i < prefix_length; i++)
		hash = tokenizer_hash_byte(hash, prefix[i]);
	hash_beginnings(beginnings, hash, rest, length, tokenizer->longest - prefix_length);
	for (size_t i = beginnings->n; i-- > 0;)
	{
		if (uiml_tokenizer_lookup(tokenizer, beginnings->hash[i], prefix, prefix_length, rest,
								  beginnings->length[i], id))
			return beginnings->length[i];
	}
	return 0;
}

static UimlStatus
wordpiece_run(UimlTokenizing *run, const char *piece, size_t length)
{
	const UimlTokenizer *tokenizer = run->tokenizer;
	size_t max_chars = encoder_load32(tokenizer->model_bytes + AT_MAX_CHARS);
	size_t before = run->n;
	Beginnings beginnings;

	for (size_t at = 0; at < length;)
	{
		UimlStatus status;
		size_t matched = 0;
		uint32_t id = 0;

		if (at > 0 || !has_more_characters(piece, length, max_chars))
			matched = longest_token(tokenizer, &beginnings, at > 0, piece + at, length - at, &id);
		if (matched == 0)
		{
			uiml_tokenizing_rewind(run, before);
			uiml_tokenizing_emit(run, tokenizer->unknown - 1);
			return uiml_tokenizing_worked(run, length);
		}
		uiml_tokenizing_emit(run, id);
		at += matched;
		status = uiml_tokenizing_worked(run, beginnings.n);
		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}

const UimlModel uiml_model_wordpiece = {.model = UIML_WORDPIECE,
										.type = "WordPiece",
										.compile = wordpiece_compile,
										.check = wordpiece_check,
										.run = wordpiece_run};
