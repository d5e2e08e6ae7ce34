/*
 * tokenizer_extend.c
 *	  A tokenizer that knows more words.
 *
 * WordPiece takes the longest token that a word begins with, so a word that is a token is never cut; where it
 * begins a longer word, the rest is cut as before.
 */
#include "core/tokenizer_extend.h"
#include "core/tokenizer_vocabulary.h"

bool
uiml_tokenizer_is_added(const UimlTokenizer *tokenizer, uint32_t id)
{
	for (size_t i = 0; i < tokenizer->n_added; i++)
	{
		if (encoder_load32(tokenizer->added + i * TOKENIZER_ADDED_SIZE) == id)
			return true;
	}
	return false;
}

size_t
uiml_wordpiece_prefix(const UimlTokenizer *tokenizer)
{
	return tokenizer->model_size - UIML_WORDPIECE_AT_PREFIX;
}

bool
uiml_wordpiece_continues(const UimlTokenizer *tokenizer, uint32_t id)
{
	size_t prefix = uiml_wordpiece_prefix(tokenizer);
	size_t length;
	const char *token = uiml_tokenizer_token(tokenizer, id, &length);

	return prefix > 0 && length > prefix &&
		   memcmp(token, tokenizer->model_bytes + UIML_WORDPIECE_AT_PREFIX, prefix) == 0;
}

/* Does the model find a token, or is it only the name of an added one? */
static bool
is_found(const UimlTokenizer *tokenizer, uint32_t id, const char *token, size_t length)
{
	uint64_t hash = TOKENIZER_HASH_START;
	uint32_t found;

	for (size_t i = 0; i < length; i++)
		hash = tokenizer_hash_byte(hash, (unsigned char) token[i]);
	return uiml_tokenizer_lookup(tokenizer, hash, token, length, "", 0, &found) && found == id;
}

static UimlStatus
copy_tokens(const UimlTokenizer *tokenizer, UimlVocabulary *vocabulary)
{
	UimlStatus status = UIML_OK;

	for (uint32_t id = 0; status == UIML_OK && id < tokenizer->vocabulary; id++)
	{
		size_t length;
		const char *token = uiml_tokenizer_token(tokenizer, id, &length);

		if (is_found(tokenizer, id, token, length))
			status = uiml_vocabulary_add(vocabulary, id, token, length, false, NULL);
		else
			status = uiml_vocabulary_name(vocabulary, id, token, length, NULL);
	}
	if (tokenizer->unknown > 0)
		uiml_vocabulary_unknown(vocabulary, tokenizer->unknown - 1);
	return status;
}

static UimlStatus
add_words(const UimlTokenizer *tokenizer, const UimlText *words, size_t n, UimlVocabulary *vocabulary)
{
	for (size_t i = 0; i < n; i++)
	{
		uint32_t id = (uint32_t) (tokenizer->vocabulary + i);
		UimlStatus status;

		if (words[i].length == 0)
			return UIML_EINVALID;
		status = uiml_vocabulary_add(vocabulary, id, words[i].text, words[i].length, false, NULL);
		if (status != UIML_OK)
			return status == UIML_ECORRUPT ? UIML_EINVALID : status;
	}
	return UIML_OK;
}

static void
copy_part(unsigned char *to, const unsigned char *from, size_t size)
{
	if (size > 0)
		memcpy(to, from, size);
}

/* All but the vocabulary is as it was. */
static void
write_tokenizer(const UimlTokenizer *tokenizer, const UimlVocabulary *vocabulary, const TokenizerSizes *sizes,
				const TokenizerLayout *layout, unsigned char *bytes)
{
	memcpy(bytes, tokenizer->bytes, TOKENIZER_HEADER_SIZE);
	encoder_store32(bytes + TOKENIZER_AT_VOCABULARY, (uint32_t) sizes->vocabulary);
	encoder_store32(bytes + TOKENIZER_AT_SLOTS, (uint32_t) sizes->n_slots);
	encoder_store32(bytes + TOKENIZER_AT_LONGEST, (uint32_t) vocabulary->longest);
	encoder_store64(bytes + TOKENIZER_AT_STRINGS, sizes->strings);
	encoder_store64(bytes + TOKENIZER_AT_SIZE, layout->size);
	uiml_vocabulary_write(vocabulary, layout, bytes);
	copy_part(bytes + layout->added, tokenizer->added, sizes->n_added * TOKENIZER_ADDED_SIZE);
	copy_part(bytes + layout->patterns, tokenizer->patterns, sizes->patterns);
	copy_part(bytes + layout->steps, tokenizer->steps, sizes->steps);
	copy_part(bytes + layout->around, tokenizer->around, sizes->n_around * sizeof(uint32_t));
	copy_part(bytes + layout->model, tokenizer->model_bytes, sizes->model);
}

UimlStatus
uiml_tokenizer_extend(const UimlEnv *env, const UimlTokenizer *tokenizer, const UimlText *words, size_t n,
					  void **bytes, size_t *length)
{
	UimlVocabulary *vocabulary;
	TokenizerSizes sizes = {.n_added = tokenizer->n_added,
							.patterns = tokenizer->patterns_size,
							.steps = tokenizer->steps_size,
							.n_around = tokenizer->prefix + tokenizer->suffix,
							.model = tokenizer->model_size};
	TokenizerLayout layout;
	UimlStatus status;

	*bytes = NULL;
	if (tokenizer->model != UIML_WORDPIECE)
		return UIML_EINVALID;
	if (n > UIML_TOKENIZER_MAX_VOCABULARY - tokenizer->vocabulary)
		return UIML_ELIMIT;
	vocabulary = uiml_vocabulary_create(env);
	if (vocabulary == NULL)
		return UIML_ENOMEM;
	status = copy_tokens(tokenizer, vocabulary);
	if (status == UIML_OK)
		status = add_words(tokenizer, words, n, vocabulary);
	sizes.vocabulary = uiml_vocabulary_ids(vocabulary);
	sizes.strings = vocabulary->strings.length;
	sizes.n_slots = vocabulary->n_slots;
	if (status == UIML_OK)
		status = uiml_tokenizer_layout(&sizes, &layout) ? UIML_OK : UIML_ELIMIT;
	if (status == UIML_OK)
		*bytes = uiml_alloc0(env, layout.size, 1);
	if (*bytes != NULL)
	{
		write_tokenizer(tokenizer, vocabulary, &sizes, &layout, *bytes);
		*length = layout.size;
	}
	else if (status == UIML_OK)
		status = UIML_ENOMEM;
	uiml_vocabulary_destroy(vocabulary);
	return status;
}
