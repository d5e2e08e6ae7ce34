/*
 * bpe.c
 *	  The BPE model: pairs of tokens become one, the earliest learnt pair first (Sennrich 2016).
 *
 * A piece starts as the tokens of its characters.  Of all pairs side by side that can be merged, that with the
 * lowest rank is, of equal ones the first; a queue holds them, and what it holds of pairs that are gone
 * is passed over when its turn comes.  The library tells that by the token that a merge makes alone, and so does
 * this.
 *
 * model_bytes:
 *
 *		flags, unknown id + 1 (0: none), slots of the table (a power of two), 4 zero bytes	uint32 each
 *		slots x (uint32 left, right, rank + 1, merged): open addressing by the pair; rank 0: free
 */
#include <stdio.h>

#include "core/token_trie.h"
#include "core/tokenizer_parts.h"

#define AT_FLAGS   0
#define AT_UNKNOWN 4
#define AT_SLOTS   8
#define AT_TABLE   ((size_t) 16)
#define SLOT_SIZE  16

#define FUSES_UNKNOWN  1u
#define BYTE_FALLBACK  2u
#define IGNORES_MERGES 4u /* a piece that is a token is that one */

/* Characters of a piece: what is held while it is merged is 36 bytes for each. */
#define MAX_PIECE ((size_t) 1 << 21)

#define NO_TOKEN UINT32_MAX
#define NOWHERE  UINT32_MAX

/* An opened model. */
typedef struct Bpe
{
	uint32_t flags;
	uint32_t unknown; /* or NO_TOKEN */
	size_t n_slots;
	const unsigned char *table;
	size_t vocabulary;
} Bpe;

static bool
bpe_open(const UimlTokenizer *tokenizer, Bpe *model)
{
	const unsigned char *bytes = tokenizer->model_bytes;
	size_t size = tokenizer->model_size;

	if (size < AT_TABLE)
		return false;
	model->flags = encoder_load32(bytes + AT_FLAGS);
	model->unknown = encoder_load32(bytes + AT_UNKNOWN) - 1;
	model->n_slots = encoder_load32(bytes + AT_SLOTS);
	model->table = bytes + AT_TABLE;
	model->vocabulary = tokenizer->vocabulary;
	if (model->unknown != NO_TOKEN && model->unknown >= tokenizer->vocabulary)
		return false;
	return model->n_slots > 0 && (model->n_slots & (model->n_slots - 1)) == 0 &&
		   size - AT_TABLE == model->n_slots * SLOT_SIZE;
}

/* ---------- merges ---------- */

static uint64_t
pair_hash(uint32_t left, uint32_t right)
{
	return tokenizer_hash_end(((uint64_t) left << 32 | right) * UINT64_C(0x9E3779B97F4A7C15));
}

/* The slot of a pair, or the free one where it belongs; NULL: there is neither within the probes. */
static const unsigned char *
find_slot(const unsigned char *table, size_t n_slots, uint32_t left, uint32_t right)
{
	uint64_t hash = pair_hash(left, right);

	for (size_t probe = 0; probe < TOKENIZER_MAX_PROBES; probe++)
	{
		const unsigned char *slot = table + SLOT_SIZE * ((hash + probe) & (n_slots - 1));

		if (encoder_load32(slot + 8) == 0 ||
			(encoder_load32(slot) == left && encoder_load32(slot + 4) == right))
			return slot;
	}
	return NULL;
}

/* What two tokens become, and when. */
typedef struct Merge
{
	uint32_t rank;
	uint32_t position; /* of the left one */
	uint32_t merged;
} Merge;

static bool
find_merge(const Bpe *model, uint32_t left, uint32_t right, Merge *merge)
{
	const unsigned char *slot = find_slot(model->table, model->n_slots, left, right);

	if (slot == NULL || encoder_load32(slot + 8) == 0)
		return false;
	merge->rank = encoder_load32(slot + 8) - 1;
	merge->merged = encoder_load32(slot + 12);
	return merge->merged < model->vocabulary;
}

/* ---------- a piece ---------- */

/* A token on its way: its neighbours' places. */
typedef struct Symbol
{
	uint32_t id; /* NO_TOKEN: merged into the one before */
	uint32_t previous;
	uint32_t next;
} Symbol;

typedef struct Word
{
	UimlTokenizing *run;
	const Bpe *model;
	Symbol *symbol;
	uint32_t n;
	Merge *queue; /* a heap: the least rank, then position, is first */
	size_t queued;
} Word;

static bool
comes_before(const Merge *a, const Merge *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->position < b->position;
}

static void
queue_push(Word *word, Merge merge)
{
	Merge *queue = word->queue;
	size_t at = word->queued++;

	while (at > 0 && comes_before(&merge, &queue[(at - 1) / 2]))
	{
		queue[at] = queue[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	queue[at] = merge;
}

static Merge
queue_pop(Word *word)
{
	Merge *queue = word->queue;
	Merge first = queue[0];
	Merge last = queue[--word->queued];
	size_t at = 0;

	for (;;)
	{
		size_t child = 2 * at + 1;

		if (child + 1 < word->queued && comes_before(&queue[child + 1], &queue[child]))
			child++;
		if (child >= word->queued || !comes_before(&queue[child], &last))
			break;
		queue[at] = queue[child];
		at = child;
	}
	queue[at] = last;
	return first;
}

/* Queues the merge of the token at a position and the next one, if there is one. */
static void
queue_pair(Word *word, uint32_t position)
{
	const Symbol *left = &word->symbol[position];
	Merge merge = {.position = position};

	if (left->next != NOWHERE && find_merge(word->model, left->id, word->symbol[left->next].id, &merge))
		queue_push(word, merge);
}

/* Merges all that can be. */
static UimlStatus
word_merge(Word *word)
{
	for (uint32_t i = 0; i + 1 < word->n; i++)
	{
		queue_pair(word, i);
		if (uiml_tokenizing_worked(word->run, 1) != UIML_OK)
			return UIML_EINTERRUPTED;
	}
	while (word->queued > 0)
	{
		Merge top = queue_pop(word);
		Symbol *left = &word->symbol[top.position];
		Symbol *right;
		Merge now;

		if (uiml_tokenizing_worked(word->run, 8) != UIML_OK)
			return UIML_EINTERRUPTED;
		if (left->id == NO_TOKEN || left->next == NOWHERE)
			continue;
		right = &word->symbol[left->next];
		if (!find_merge(word->model, left->id, right->id, &now) || now.merged != top.merged)
			continue;
		left->id = top.merged;
		left->next = right->next;
		right->id = NO_TOKEN;
		if (right->next != NOWHERE)
			word->symbol[right->next].previous = top.position;
		if (left->previous != NOWHERE)
			queue_pair(word, left->previous);
		queue_pair(word, top.position);
	}
	return UIML_OK;
}

static void
word_add(Word *word, uint32_t id)
{
	uint32_t at = word->n++;

	word->symbol[at] = (Symbol){.id = id, .previous = at > 0 ? at - 1 : NOWHERE, .next = NOWHERE};
	if (at > 0)
		word->symbol[at - 1].next = at;
}

/* The id of a token of the model. */
static bool
find_token(const UimlTokenizer *tokenizer, const char *text, size_t length, uint32_t *id)
{
	uint64_t hash = TOKENIZER_HASH_START;

	for (size_t i = 0; i < length; i++)
		hash = tokenizer_hash_byte(hash, (unsigned char) text[i]);
	return uiml_tokenizer_lookup(tokenizer, hash, text, 0, text, length, id);
}

/* Adds the tokens of a character's bytes, if each has one. */
static bool
word_add_bytes(Word *word, const char *text, size_t length)
{
	uint32_t ids[4];

	for (size_t i = 0; i < length; i++)
	{
		char name[8];

		snprintf(name, sizeof(name), "<0x%02X>", (unsigned int) (unsigned char) text[i]);
		if (!find_token(word->run->tokenizer, name, strlen(name), &ids[i]))
			return false;
	}
	for (size_t i = 0; i < length; i++)
		word_add(word, ids[i]);
	return true;
}

/*
 * Adds the tokens of a piece's characters.  An unknown one waits until it is clear that no other follows; that
 * bytes of a character overtake it is the library's way.  Without an unknown token such characters are dropped.
 */
static UimlStatus
word_start(Word *word, const char *piece, size_t length)
{
	bool waiting = false;
	size_t at = 0;

	while (at < length)
	{
		size_t begin = at;
		uint32_t id;

		uiml_utf8_next(piece, length, &at);
		if (uiml_tokenizing_worked(word->run, 1) != UIML_OK)
			return UIML_EINTERRUPTED;
		if (find_token(word->run->tokenizer, piece + begin, at - begin, &id))
		{
			if (waiting)
				word_add(word, word->model->unknown);
			waiting = false;
			word_add(word, id);
			continue;
		}
		if ((word->model->flags & BYTE_FALLBACK) != 0 && word_add_bytes(word, piece + begin, at - begin))
			continue;
		if (waiting && (word->model->flags & FUSES_UNKNOWN) == 0)
			word_add(word, word->model->unknown);
		waiting = word->model->unknown != NO_TOKEN;
	}
	if (waiting)
		word_add(word, word->model->unknown);
	return UIML_OK;
}

static UimlStatus
bpe_run(UimlTokenizing *run, const char *piece, size_t length)
{
	Bpe model;
	Word word = {.run = run, .model = &model};
	UimlBuffer *scratch = &run->scratch;
	UimlStatus status;
	uint32_t id;

	if (!bpe_open(run->tokenizer, &model))
		return UIML_ECORRUPT;
	if ((model.flags & IGNORES_MERGES) != 0 && length <= TOKENIZER_MAX_TOKEN &&
		find_token(run->tokenizer, piece, length, &id))
	{
		uiml_tokenizing_emit(run, id);
		return UIML_OK;
	}
	if (length > MAX_PIECE)
		return UIML_ELIMIT;

	/* A merge takes one from the queue and adds two: never more than two for each byte. */
	scratch->length = 0;
	status = uiml_buffer_reserve(run->env, scratch, length * (sizeof(Symbol) + 2 * sizeof(Merge)));
	if (status != UIML_OK)
		return status;
	word.symbol = (Symbol *) scratch->bytes;
	word.queue = (Merge *) (scratch->bytes + length * sizeof(Symbol));
	status = word_start(&word, piece, length);
	if (status == UIML_OK)
		status = word_merge(&word);
	for (uint32_t i = 0; i < word.n && status == UIML_OK; i++)
	{
		if (word.symbol[i].id != NO_TOKEN)
			uiml_tokenizing_emit(run, word.symbol[i].id);
	}
	return status;
}

/* ---------- compiling ---------- */

/* A member of "merges": "a b", or ["a", "b"] of which the halves may contain spaces. */
static bool
read_pair(const json_t *merge, UimlTokenText pair[2])
{
	const char *text = json_string_value(merge);
	const char *space;

	if (text == NULL)
	{
		for (size_t i = 0; i < 2; i++)
		{
			const json_t *half = json_array_get(merge, i);

			pair[i].text = json_string_value(half);
			pair[i].length = json_string_length(half);
		}
		return json_array_size(merge) == 2 && pair[0].text != NULL && pair[1].text != NULL;
	}
	space = strchr(text, ' ');
	if (space == NULL || strchr(space + 1, ' ') != NULL)
		return false;
	pair[0] = (UimlTokenText){text, (size_t) (space - text)};
	pair[1] = (UimlTokenText){space + 1, strlen(space + 1)};
	return true;
}

/* The ids of both and of what they make. */
static bool
find_pair(const UimlVocabulary *vocabulary, const UimlTokenText pair[2], uint32_t ids[3])
{
	char both[2 * TOKENIZER_MAX_TOKEN];

	if (pair[0].length > TOKENIZER_MAX_TOKEN || pair[1].length > TOKENIZER_MAX_TOKEN)
		return false;
	memcpy(both, pair[0].text, pair[0].length);
	memcpy(both + pair[0].length, pair[1].text, pair[1].length);
	return uiml_vocabulary_find(vocabulary, pair[0].text, pair[0].length, &ids[0]) &&
		   uiml_vocabulary_find(vocabulary, pair[1].text, pair[1].length, &ids[1]) &&
		   uiml_vocabulary_find(vocabulary, both, pair[0].length + pair[1].length, &ids[2]);
}

/* Of equal pairs the last one counts.  False: too many collide. */
static bool
put_merge(unsigned char *table, size_t n_slots, const uint32_t ids[3], uint32_t rank)
{
	size_t at;
	const unsigned char *slot = find_slot(table, n_slots, ids[0], ids[1]);

	if (slot == NULL)
		return false;
	at = (size_t) (slot - table);
	encoder_store32(table + at, ids[0]);
	encoder_store32(table + at + 4, ids[1]);
	encoder_store32(table + at + 8, rank + 1);
	encoder_store32(table + at + 12, ids[2]);
	return true;
}

static UimlStatus
fill_table(const UimlEnv *env, const json_t *merges, const UimlVocabulary *vocabulary, unsigned char *table,
		   size_t n_slots, UimlFault *fault)
{
	size_t n = json_array_size(merges);
	uint32_t rank = 0;

	for (size_t i = 0; i < n; i++)
	{
		const json_t *merge = json_array_get(merges, i);
		const char *text = json_string_value(merge);
		UimlTokenText pair[2];
		uint32_t ids[3];

		if (i % 4096 == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (text != NULL && strncmp(text, "#version", 8) == 0)
			continue;
		if (!read_pair(merge, pair))
			return uiml_fault(fault, "Merge %zu of the BPE model is no pair of tokens.", i);
		if (!find_pair(vocabulary, pair, ids))
			return uiml_fault(
				fault, "Merge %zu of the BPE model has or makes a token that is not in the vocabulary.", i);
		if (!put_merge(table, n_slots, ids, rank++))
			return uiml_fault(fault, "The merges of the BPE model collide.");
	}
	return UIML_OK;
}

static UimlStatus
append_model(const UimlEnv *env, const json_t *merges, const UimlVocabulary *vocabulary, uint32_t flags,
			 uint32_t unknown, UimlBuffer *bytes, UimlFault *fault)
{
	size_t n_slots = 4;
	size_t size;
	UimlStatus status;

	while (n_slots < 2 * json_array_size(merges))
		n_slots *= 2;
	size = AT_TABLE + n_slots * SLOT_SIZE;
	status = uiml_buffer_reserve(env, bytes, size);
	if (status != UIML_OK)
		return status;
	memset(bytes->bytes + bytes->length, 0, size);
	encoder_store32(bytes->bytes + bytes->length + AT_FLAGS, flags);
	encoder_store32(bytes->bytes + bytes->length + AT_UNKNOWN, unknown + 1);
	encoder_store32(bytes->bytes + bytes->length + AT_SLOTS, (uint32_t) n_slots);
	status = fill_table(env, merges, vocabulary, bytes->bytes + bytes->length + AT_TABLE, n_slots, fault);
	bytes->length += size;
	return status;
}

/* Options that would need more than is done here: to be absent, or as if they were. */
static UimlStatus
check_options(const json_t *object, UimlFault *fault)
{
	const char *prefix;
	const char *suffix;
	double dropout;
	UimlStatus status = uiml_json_real(object, "BPE", "dropout", 0, &dropout, fault);

	if (status == UIML_OK)
		status = uiml_json_string(object, "BPE", "continuing_subword_prefix", "", &prefix, fault);
	if (status == UIML_OK)
		status = uiml_json_string(object, "BPE", "end_of_word_suffix", "", &suffix, fault);
	if (status != UIML_OK)
		return status;
	if (dropout != 0 || prefix[0] != '\0' || suffix[0] != '\0')
		return uiml_fault(fault,
						  "The BPE model has dropout, a continuing_subword_prefix or an end_of_word_suffix, "
						  "which are not known.");
	return UIML_OK;
}

static UimlStatus
read_flags(const json_t *object, uint32_t *flags, UimlFault *fault)
{
	static const char *const names[] = {"fuse_unk", "byte_fallback", "ignore_merges"};
	UimlStatus status = UIML_OK;

	*flags = 0;
	for (uint32_t i = 0; i < 3 && status == UIML_OK; i++)
	{
		bool set = false;

		status = uiml_json_boolean(object, "BPE", names[i], false, &set, fault);
		*flags |= set ? 1u << i : 0;
	}
	return status;
}

static UimlStatus
bpe_compile(const UimlEnv *env, const json_t *object, UimlVocabulary *vocabulary, UimlBuffer *bytes,
			UimlFault *fault)
{
	const json_t *tokens = json_object_get(object, "vocab");
	const json_t *merges = json_object_get(object, "merges");
	const char *unknown = NULL;
	uint32_t unknown_id = NO_TOKEN;
	uint32_t flags = 0;
	UimlStatus status;

	if (!json_is_object(tokens) || !json_is_array(merges))
		return uiml_fault(fault, "The BPE model has no object \"vocab\" or no array \"merges\".");
	if (json_array_size(merges) > UIML_TOKENIZER_MAX_VOCABULARY)
		return uiml_fault(fault, "The BPE model has more than %zu merges.", UIML_TOKENIZER_MAX_VOCABULARY);
	status = check_options(object, fault);
	if (status == UIML_OK)
		status = read_flags(object, &flags, fault);
	if (status == UIML_OK)
		status = uiml_json_string(object, "BPE", "unk_token", NULL, &unknown, fault);
	if (status == UIML_OK)
		status = uiml_vocabulary_add_object(vocabulary, tokens, fault);
	if (status == UIML_OK && unknown != NULL)
	{
		if (!uiml_vocabulary_find(vocabulary, unknown, strlen(unknown), &unknown_id))
			return uiml_fault(fault, "The unknown token \"%s\" is not in the vocabulary.", unknown);
		uiml_vocabulary_unknown(vocabulary, unknown_id);
	}
	return status == UIML_OK ? append_model(env, merges, vocabulary, flags, unknown_id, bytes, fault)
							 : status;
}

static bool
bpe_check(const UimlTokenizer *tokenizer, bool verify)
{
	Bpe model;

	if (!bpe_open(tokenizer, &model))
		return false;
	for (size_t i = 0; verify && i < model.n_slots; i++)
	{
		const unsigned char *slot = model.table + SLOT_SIZE * i;

		if (encoder_load32(slot + 8) != 0 && (encoder_load32(slot) >= tokenizer->vocabulary ||
											  encoder_load32(slot + 4) >= tokenizer->vocabulary ||
											  encoder_load32(slot + 12) >= tokenizer->vocabulary))
			return false;
	}
	return true;
}

const UimlModel uiml_model_bpe = {
	.model = UIML_BPE, .type = "BPE", .compile = bpe_compile, .check = bpe_check, .run = bpe_run};
