/*
 * tokenizer_vocabulary.c
 *	  A vocabulary while it is compiled: tokens by id, and the slots that they will be found by.
 */
#include "core/tokenizer_vocabulary.h"

#define MIN_SLOTS ((size_t) 16)

/* Slots between two questions after interruption. */
#define CHECK_SLOTS ((size_t) 65536)

/* No token: ids may have gaps. */
#define NOWHERE UINT32_MAX

UimlVocabulary *
uiml_vocabulary_create(const UimlEnv *env)
{
	UimlVocabulary *vocabulary = uiml_alloc0(env, 1, sizeof(UimlVocabulary));

	if (vocabulary != NULL)
		vocabulary->env = env;
	return vocabulary;
}

void
uiml_vocabulary_destroy(UimlVocabulary *vocabulary)
{
	if (vocabulary == NULL)
		return;
	uiml_buffer_free(vocabulary->env, &vocabulary->strings);
	uiml_buffer_free(vocabulary->env, &vocabulary->spans);
	uiml_free(vocabulary->env, vocabulary->slots);
	uiml_free(vocabulary->env, vocabulary);
}

static UimlSpan *
spans_of(const UimlVocabulary *vocabulary)
{
	return (UimlSpan *) (void *) vocabulary->spans.bytes;
}

size_t
uiml_vocabulary_ids(const UimlVocabulary *vocabulary)
{
	return vocabulary->spans.length / sizeof(UimlSpan);
}

const char *
uiml_vocabulary_token(const UimlVocabulary *vocabulary, uint32_t id, size_t *length)
{
	const UimlSpan *span;

	*length = 0;
	if (id >= uiml_vocabulary_ids(vocabulary))
		return "";
	span = spans_of(vocabulary) + id;
	if (span->start == NOWHERE || span->length == 0)
		return "";
	*length = span->length;
	return (const char *) vocabulary->strings.bytes + span->start;
}

/* ---------- slots ---------- */

static uint64_t
hash_of(const char *text, size_t length)
{
	uint64_t hash = TOKENIZER_HASH_START;

	for (size_t i = 0; i < length; i++)
		hash = tokenizer_hash_byte(hash, (unsigned char) text[i]);
	return tokenizer_hash_end(hash);
}

/*
 * The slot of a token, or the free one where it belongs; NULL where there are TOKENIZER_MAX_PROBES others, which
 * only happens to vocabularies that were made for it.
 */
static UimlSlot *
slot_of(const UimlVocabulary *vocabulary, uint64_t hash, const char *text, size_t length)
{
	for (size_t probe = 0; probe < TOKENIZER_MAX_PROBES; probe++)
	{
		UimlSlot *slot = &vocabulary->slots[(hash + probe) & (vocabulary->n_slots - 1)];
		const char *token;
		size_t token_length;

		if (slot->number == 0)
			return slot;
		if (slot->tag != (uint32_t) (hash >> 32))
			continue;
		token = uiml_vocabulary_token(vocabulary, slot->number - 1, &token_length);
		if (token_length == length && memcmp(token, text, length) == 0)
			return slot;
	}
	return NULL;
}

/* Room for one more; at least half of the slots stay free. */
static UimlStatus
grow_slots(UimlVocabulary *vocabulary, UimlFault *fault)
{
	size_t n = vocabulary->n_slots * 2 < MIN_SLOTS ? MIN_SLOTS : vocabulary->n_slots * 2;
	UimlSlot *slots;
	UimlSlot *old = vocabulary->slots;
	size_t n_old = vocabulary->n_slots;
	UimlStatus status = UIML_OK;

	if ((vocabulary->n_tokens + 1) * 2 <= vocabulary->n_slots)
		return UIML_OK;
	slots = uiml_alloc0(vocabulary->env, n, sizeof(UimlSlot));
	if (slots == NULL)
		return UIML_ENOMEM;
	vocabulary->slots = slots;
	vocabulary->n_slots = n;
	for (size_t i = 0; i < n_old && status == UIML_OK; i++)
	{
		const char *token;
		size_t length;
		UimlSlot *slot;

		if (i % CHECK_SLOTS == CHECK_SLOTS - 1 && uiml_interrupted(vocabulary->env))
		{
			status = UIML_EINTERRUPTED;
			break;
		}
		if (old[i].number == 0)
			continue;
		token = uiml_vocabulary_token(vocabulary, old[i].number - 1, &length);
		slot = slot_of(vocabulary, hash_of(token, length), token, length);
		if (slot == NULL)
			status = uiml_fault(fault, "The tokens of the vocabulary can't be told apart by their hashes.");
		else
			*slot = old[i];
	}
	uiml_free(vocabulary->env, old);
	return status;
}

static UimlStatus
index_token(UimlVocabulary *vocabulary, uint32_t id, const char *text, size_t length, bool replace,
			UimlFault *fault)
{
	uint64_t hash = hash_of(text, length);
	UimlStatus status = grow_slots(vocabulary, fault);
	UimlSlot *slot;

	if (status != UIML_OK)
		return status;
	slot = slot_of(vocabulary, hash, text, length);
	if (slot == NULL)
		return uiml_fault(fault, "The tokens of the vocabulary can't be told apart by their hashes.");
	if (slot->number != 0 && !replace)
		return uiml_fault(fault, "Token \"%.*s\" is in the vocabulary twice, as %u and %u.", (int) length,
						  text, slot->number - 1, id);
	vocabulary->n_tokens += slot->number == 0;
	slot->tag = (uint32_t) (hash >> 32);
	slot->number = id + 1;
	if (length > vocabulary->longest)
		vocabulary->longest = length;
	return UIML_OK;
}

/* ---------- tokens ---------- */

/* Room for the id, and gaps before it. */
static UimlStatus
grow_spans(UimlVocabulary *vocabulary, uint32_t id)
{
	size_t n = uiml_vocabulary_ids(vocabulary);
	UimlStatus status;

	if (id < n)
		return UIML_OK;
	status =
		uiml_buffer_reserve(vocabulary->env, &vocabulary->spans, (id + (size_t) 1 - n) * sizeof(UimlSpan));
	if (status != UIML_OK)
		return status;
	for (; n <= id; n++)
		spans_of(vocabulary)[n] = (UimlSpan){.start = NOWHERE};
	vocabulary->spans.length = n * sizeof(UimlSpan);
	return UIML_OK;
}

UimlStatus
uiml_vocabulary_name(UimlVocabulary *vocabulary, uint32_t id, const char *text, size_t length,
					 UimlFault *fault)
{
	UimlStatus status;

	if (id >= UIML_TOKENIZER_MAX_VOCABULARY)
		return uiml_fault(fault, "Token \"%.*s\" has the id %u; ids are below %zu.",
						  (int) (length < 100 ? length : 100), text, id, UIML_TOKENIZER_MAX_VOCABULARY);
	if (length > TOKENIZER_MAX_TOKEN)
		return uiml_fault(fault, "The token of id %u has %zu bytes; %d is the limit.", id, length,
						  TOKENIZER_MAX_TOKEN);
	if (++vocabulary->work % 4096 == 0 && uiml_interrupted(vocabulary->env))
		return UIML_EINTERRUPTED;
	status = grow_spans(vocabulary, id);
	if (status != UIML_OK)
		return status;
	if (spans_of(vocabulary)[id].start != NOWHERE)
		return uiml_fault(fault, "Id %u has two tokens.", id);
	spans_of(vocabulary)[id] =
		(UimlSpan){.start = (uint32_t) vocabulary->strings.length, .length = (uint32_t) length};
	return uiml_buffer_append(vocabulary->env, &vocabulary->strings, text, length);
}

UimlStatus
uiml_vocabulary_add(UimlVocabulary *vocabulary, uint32_t id, const char *text, size_t length, bool replace,
					UimlFault *fault)
{
	UimlStatus status = uiml_vocabulary_name(vocabulary, id, text, length, fault);

	if (status == UIML_OK)
		status = index_token(vocabulary, id, text, length, replace, fault);
	return status;
}

static UimlStatus
add_token(UimlVocabulary *vocabulary, const char *token, const json_t *value, UimlFault *fault)
{
	long long id;

	if (!uiml_json_whole(value, &id) || id < 0 || (size_t) id >= UIML_TOKENIZER_MAX_VOCABULARY)
		return uiml_fault(fault, "Token \"%s\" of the vocabulary has no id from 0 to %zu.", token,
						  UIML_TOKENIZER_MAX_VOCABULARY - 1);
	return uiml_vocabulary_add(vocabulary, (uint32_t) id, token, strlen(token), false, fault);
}

UimlStatus
uiml_vocabulary_add_object(UimlVocabulary *vocabulary, const json_t *tokens, UimlFault *fault)
{
	const char *token;
	json_t *value;

	json_object_foreach((json_t *) tokens, token, value)
	{
		UimlStatus status = add_token(vocabulary, token, value, fault);

		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}

bool
uiml_vocabulary_find(const UimlVocabulary *vocabulary, const char *text, size_t length, uint32_t *id)
{
	const UimlSlot *slot;

	if (vocabulary->n_slots == 0)
		return false;
	slot = slot_of(vocabulary, hash_of(text, length), text, length);
	if (slot == NULL || slot->number == 0)
		return false;
	*id = slot->number - 1;
	return true;
}

void
uiml_vocabulary_unknown(UimlVocabulary *vocabulary, uint32_t id)
{
	vocabulary->unknown = id + 1;
}

void
uiml_vocabulary_write(const UimlVocabulary *vocabulary, const TokenizerLayout *layout, unsigned char *bytes)
{
	size_t end = 0;

	for (size_t id = 0; id < uiml_vocabulary_ids(vocabulary); id++)
	{
		size_t length;
		const char *token = uiml_vocabulary_token(vocabulary, (uint32_t) id, &length);

		if (length > 0)
			memcpy(bytes + layout->strings + end, token, length);
		end += length;
		encoder_store32(bytes + layout->ends + 4 * id, (uint32_t) end);
	}
	for (size_t i = 0; i < vocabulary->n_slots; i++)
	{
		encoder_store32(bytes + layout->slots + 8 * i, vocabulary->slots[i].tag);
		encoder_store32(bytes + layout->slots + 8 * i + 4, vocabulary->slots[i].number);
	}
}
