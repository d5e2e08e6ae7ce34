/*
 * unigram.c
 *	  The Unigram model: the most probable way to cut a piece into tokens (Kudo 2018).
 *
 * Every token has a score, the logarithm of a probability, and a cut is worth the sum.  Best ways end at every
 * position: from each one, in order, all tokens that the text goes on with are tried, and one of them replaces
 * what is known of the position where it ends when it makes a better way (Viterbi).  Where no token is a single
 * character long, the character itself is a token, the unknown one, 10 below the lowest score.  Sums are of
 * doubles in the order of the tokenizers library, which compares them so: of equal ways, that stays whose last
 * token begins first.  Unknown tokens side by side are one; where the model falls back to bytes, it is the
 * tokens of its bytes.
 *
 * Ways that differ somewhere meet again soon, so a long text needs no table of its length: when the window is
 * full, what all ways have in common is emitted and forgotten.  A text in which ways don't meet within
 * MAX_WINDOW positions is UIML_ELIMIT: repeated characters can be made to do that, writing isn't.
 *
 * model_bytes:
 *
 *		n tokens, unknown id, byte fallback		3 x uint32, and 4 zero bytes
 *		score of unknown characters				double
 *		byte tokens								256 x uint32: id of <0x00> ... <0xFF>, or UIML_NO_TOKEN
 *		scores									n x double
 *		trie									core/token_trie.h
 */
#include <math.h>
#include <stdio.h>

#include "core/token_trie.h"
#include "core/tokenizer_parts.h"

#define UNKNOWN_PENALTY 10.0

#define AT_TOKENS        0
#define AT_UNKNOWN       4
#define AT_BYTE_FALLBACK 8
#define AT_UNKNOWN_SCORE 16
#define AT_BYTES         24
#define AT_SCORES        ((size_t) 24 + 256 * 4)

/*
 * Positions of a window.  The smallest holds twice the longest token, so that a window of which half was
 * forgotten has room for the next ones.
 */
#define MIN_WINDOW ((size_t) 4 * TOKENIZER_MAX_TOKEN)
#define MAX_WINDOW ((size_t) 1 << 22)

/* An opened model. */
typedef struct Unigram
{
	size_t n;
	uint32_t unknown;
	bool byte_fallback;
	double unknown_score;
	const unsigned char *byte_ids;
	const unsigned char *scores;
	UimlTokenTrie trie;
} Unigram;

static double
load_double(const unsigned char *at)
{
	uint64_t bits = encoder_load64(at);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Of bytes of unknown origin; false where they are none of a model. */
static bool
unigram_open(const UimlTokenizer *tokenizer, Unigram *model)
{
	const unsigned char *bytes = tokenizer->model_bytes;
	size_t size = tokenizer->model_size;

	if (size < AT_SCORES)
		return false;
	model->n = encoder_load32(bytes + AT_TOKENS);
	model->unknown = encoder_load32(bytes + AT_UNKNOWN);
	model->byte_fallback = encoder_load32(bytes + AT_BYTE_FALLBACK) != 0;
	model->unknown_score = load_double(bytes + AT_UNKNOWN_SCORE);
	model->byte_ids = bytes + AT_BYTES;
	model->scores = bytes + AT_SCORES;
	if (model->n > tokenizer->vocabulary || model->unknown >= model->n || model->n > (size - AT_SCORES) / 8)
		return false;
	return uiml_token_trie_open(model->scores + 8 * model->n, size - AT_SCORES - 8 * model->n, &model->trie);
}

/* ---------- lattice ---------- */

/* What is known of a position: the last token of the best way there. */
typedef struct Node
{
	double score;    /* of the way */
	uint32_t id;     /* of its last token, */
	uint32_t length; /* and its bytes; 0: no way yet */
} Node;

/* In Node.length: the position is one of those whose ways are followed back. */
#define FOLLOWED ((uint32_t) 1 << 31)

typedef struct Lattice
{
	UimlTokenizing *run;
	Unigram model;
	const char *piece;
	size_t length;
	size_t longest; /* bytes of a token */

	Node *node;    /* of the positions base, base + 1, ... */
	size_t window; /* how many there is room for, */
	size_t known;  /* and how many are initialised */
	size_t base;

	size_t unknown_begin; /* of unknown characters that were passed, or NOWHERE */
} Lattice;

#define NOWHERE SIZE_MAX

/* Room for window nodes; those that are there stay. */
static UimlStatus
lattice_reserve(Lattice *lattice, size_t window)
{
	UimlBuffer *scratch = &lattice->run->scratch;
	UimlStatus status;

	scratch->length = lattice->known * sizeof(Node);
	status = uiml_buffer_reserve(lattice->run->env, scratch, window * sizeof(Node) - scratch->length);
	lattice->node = (Node *) scratch->bytes;
	lattice->window = window;
	return status;
}

/* A token of length bytes at a position makes a way of this score to its end. */
static void
lattice_offer(Lattice *lattice, size_t end, double score, uint32_t id, size_t length)
{
	size_t i = end - lattice->base;
	Node *node = &lattice->node[i];

	while (lattice->known <= i)
		lattice->node[lattice->known++].length = 0;
	if (node->length == 0 || score > node->score)
	{
		node->score = score;
		node->id = id;
		node->length = (uint32_t) length;
	}
}

/* Bytes of the character that starts with byte. */
static size_t
character_length(unsigned char byte)
{
	if (byte < 0x80)
		return 1;
	if (byte < 0xE0)
		return 2;
	return byte < 0xF0 ? 3 : 4;
}

/* Offers all tokens that begin at a position, whose character has so many bytes; returns the bytes it read. */
static size_t
lattice_extend(Lattice *lattice, size_t begin, size_t character)
{
	const UimlTokenTrie *trie = &lattice->model.trie;
	const char *piece = lattice->piece;
	double score = lattice->node[begin - lattice->base].score;
	size_t limit = lattice->length - begin > lattice->longest ? begin + lattice->longest : lattice->length;
	size_t end = begin + 1;
	bool single = false;
	uint32_t node = uiml_token_trie_begin(trie, (unsigned char) piece[begin]);

	while (node != 0)
	{
		uint32_t id = uiml_token_trie_value(trie, node);

		if (id < lattice->model.n)
		{
			lattice_offer(lattice, end, score + load_double(lattice->model.scores + 8 * (size_t) id), id,
						  end - begin);
			single |= end - begin == character;
		}
		if (end >= limit)
			break;
		node = uiml_token_trie_child(trie, node, (unsigned char) piece[end++]);
	}
	if (!single)
		lattice_offer(lattice, begin + character, score + lattice->model.unknown_score,
					  lattice->model.unknown, character);
	return end - begin;
}

/* ---------- emitting ---------- */

static bool
all_bytes_have_tokens(const Lattice *lattice, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
	{
		unsigned char byte = (unsigned char) lattice->piece[i];

		if (encoder_load32(lattice->model.byte_ids + 4 * (size_t) byte) >= lattice->model.n)
			return false;
	}
	return true;
}

/*
 * Emits the unknown characters that end here, if there are any.  Together they may be a token, and so is what
 * was found as the unknown token's own name.
 */
static void
emit_unknown(Lattice *lattice, size_t end)
{
	size_t begin = lattice->unknown_begin;
	uint32_t id = UIML_NO_TOKEN;

	if (begin == NOWHERE)
		return;
	lattice->unknown_begin = NOWHERE;
	if (end - begin <= lattice->longest)
		id = uiml_token_trie_find(&lattice->model.trie, lattice->piece + begin, end - begin);
	if (id >= lattice->model.n && lattice->model.byte_fallback && all_bytes_have_tokens(lattice, begin, end))
	{
		for (size_t i = begin; i < end; i++)
		{
			unsigned char byte = (unsigned char) lattice->piece[i];

			uiml_tokenizing_emit(lattice->run, encoder_load32(lattice->model.byte_ids + 4 * (size_t) byte));
		}
		return;
	}
	uiml_tokenizing_emit(lattice->run, id < lattice->model.n ? id : lattice->model.unknown);
}

/* Turns the links of the way to a node around: each then has the token that begins there. */
static void
turn_way(Node *node, size_t end)
{
	Node last = node[end];
	size_t at = end;

	while (at > 0)
	{
		size_t begin = at - last.length;
		Node before = node[begin];

		node[begin].id = last.id;
		node[begin].length = last.length;
		last = before;
		at = begin;
	}
}

/* Emits the way to a position, which all ways pass, and forgets what is before. */
static void
lattice_settle(Lattice *lattice, size_t position)
{
	size_t end = position - lattice->base;

	if (end == 0)
		return;
	turn_way(lattice->node, end);
	for (size_t i = 0; i < end && !uiml_tokenizing_full(lattice->run); i += lattice->node[i].length)
	{
		if (lattice->node[i].id != lattice->model.unknown)
		{
			emit_unknown(lattice, lattice->base + i);
			uiml_tokenizing_emit(lattice->run, lattice->node[i].id);
		}
		else if (lattice->unknown_begin == NOWHERE)
			lattice->unknown_begin = lattice->base + i;
	}
	lattice->known -= end;
	memmove(lattice->node, lattice->node + end, lattice->known * sizeof(Node));
	lattice->base = position;
}

/*
 * The last position that all ways pass of which one can still become the best, when all tokens that begin
 * before end were offered.  Those ways come from positions within the longest token of end; they are followed
 * back, the furthest one first, until one is left.
 */
static size_t
common_position(Lattice *lattice, size_t end)
{
	Node *node = lattice->node;
	size_t last = end - lattice->base;
	size_t first = last > lattice->longest ? last - lattice->longest : 0;
	size_t ways = 0;
	size_t at;

	for (size_t i = first; i <= last; i++)
	{
		if (i == 0 || node[i].length != 0)
		{
			node[i].length |= FOLLOWED;
			ways++;
		}
	}
	for (at = last; ways > 1; at--)
	{
		Node *from;

		if ((node[at].length & FOLLOWED) == 0)
			continue;
		node[at].length &= ~FOLLOWED;
		from = &node[at - node[at].length];
		if (from->length & FOLLOWED)
			ways--;
		from->length |= FOLLOWED;
	}
	while ((node[at].length & FOLLOWED) == 0)
		at--;
	node[at].length &= ~FOLLOWED;
	return lattice->base + at;
}

/* Makes room for the ends of tokens that begin at a position. */
static UimlStatus
lattice_make_room(Lattice *lattice, size_t begin)
{
	lattice_settle(lattice, common_position(lattice, begin));
	if (begin - lattice->base < lattice->window / 2)
		return UIML_OK;
	if (lattice->window >= MAX_WINDOW)
		return UIML_ELIMIT;
	return lattice_reserve(lattice, 2 * lattice->window);
}

static UimlStatus
unigram_run(UimlTokenizing *run, const char *piece, size_t length)
{
	Lattice lattice = {.run = run, .piece = piece, .length = length, .unknown_begin = NOWHERE};
	UimlStatus status;

	if (!unigram_open(run->tokenizer, &lattice.model))
		return UIML_ECORRUPT;
	lattice.longest =
		lattice.model.trie.longest < TOKENIZER_MAX_TOKEN ? lattice.model.trie.longest : TOKENIZER_MAX_TOKEN;
	lattice.longest = lattice.longest < 4 ? 4 : lattice.longest; /* an unknown character */
	status = lattice_reserve(&lattice, length < MIN_WINDOW ? length + 1 : MIN_WINDOW);
	if (status != UIML_OK)
		return status;
	lattice.node[0] = (Node){0};
	lattice.known = 1;
	for (size_t begin = 0; begin < length;)
	{
		size_t character = character_length((unsigned char) piece[begin]);
		size_t ahead = length - begin > lattice.longest ? lattice.longest : length - begin;

		if (begin - lattice.base + ahead >= lattice.window)
		{
			status = lattice_make_room(&lattice, begin);
			if (status != UIML_OK || uiml_tokenizing_full(run))
				return status;
		}
		character = character < length - begin ? character : length - begin;
		status = uiml_tokenizing_worked(run, lattice_extend(&lattice, begin, character));
		if (status != UIML_OK)
			return status;
		begin += character;
	}
	lattice_settle(&lattice, length);
	emit_unknown(&lattice, length);
	return UIML_OK;
}

/* ---------- compiling ---------- */

/* The members of vocab: pairs of a token and its score. */
typedef struct Pieces
{
	UimlTokenText *text;
	UimlBuffer scores; /* n x double, little-endian */
	size_t n;
	double lowest;
} Pieces;

static UimlStatus
append_double(const UimlEnv *env, UimlBuffer *buffer, double value)
{
	unsigned char bytes[8];
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	encoder_store64(bytes, bits);
	return uiml_buffer_append(env, buffer, bytes, sizeof(bytes));
}

static UimlStatus
read_piece(const UimlEnv *env, const json_t *pair, Pieces *pieces, UimlVocabulary *vocabulary,
		   UimlFault *fault)
{
	const json_t *text = json_array_get(pair, 0);
	const json_t *score = json_array_get(pair, 1);
	UimlTokenText *piece = &pieces->text[pieces->n];
	double value;
	UimlStatus status;

	if (!json_is_array(pair) || json_array_size(pair) != 2 || !json_is_string(text) || !json_is_number(score))
		return uiml_fault(
			fault, "Entry %zu of the vocabulary of the Unigram model is no pair of a token and a score.",
			pieces->n);
	value = json_number_value(score);
	if (!isfinite(value))
		return uiml_fault(fault, "The score of token %zu of the Unigram model is out of range.", pieces->n);
	piece->text = json_string_value(text);
	piece->length = json_string_length(text);
	pieces->lowest = value < pieces->lowest ? value : pieces->lowest;
	status = uiml_vocabulary_add(vocabulary, (uint32_t) pieces->n, piece->text, piece->length, true, fault);
	if (status == UIML_OK)
		status = append_double(env, &pieces->scores, value);
	pieces->n++;
	return status;
}

static UimlStatus
read_pieces(const UimlEnv *env, const json_t *vocab, Pieces *pieces, UimlVocabulary *vocabulary,
			UimlFault *fault)
{
	size_t n = json_array_size(vocab);
	UimlStatus status = UIML_OK;

	if (n == 0 || n > UIML_TOKENIZER_MAX_VOCABULARY)
		return uiml_fault(fault, "A Unigram model needs a vocabulary of 1 to %zu tokens.",
						  UIML_TOKENIZER_MAX_VOCABULARY);
	pieces->lowest = HUGE_VAL;
	pieces->text = uiml_alloc(env, n, sizeof(*pieces->text));
	if (pieces->text == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n && status == UIML_OK; i++)
	{
		if (i % 4096 == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		status = read_piece(env, json_array_get(vocab, i), pieces, vocabulary, fault);
	}
	return status;
}

/* The tokens of single bytes, where the model falls back to them. */
static UimlStatus
append_byte_ids(const UimlEnv *env, UimlBuffer *bytes, const UimlVocabulary *vocabulary)
{
	UimlStatus status = UIML_OK;

	for (unsigned int byte = 0; byte < 256 && status == UIML_OK; byte++)
	{
		char name[8];
		uint32_t id;

		snprintf(name, sizeof(name), "<0x%02X>", byte);
		if (!uiml_vocabulary_find(vocabulary, name, strlen(name), &id))
			id = UIML_NO_TOKEN;
		status = uiml_buffer_append32(env, bytes, id);
	}
	return status;
}

static UimlStatus
append_model(const UimlEnv *env, const Pieces *pieces, uint32_t unknown, bool byte_fallback,
			 const UimlVocabulary *vocabulary, UimlBuffer *bytes)
{
	void *trie = NULL;
	size_t trie_length = 0;
	UimlStatus status = uiml_buffer_append32(env, bytes, (uint32_t) pieces->n);

	if (status == UIML_OK)
		status = uiml_buffer_append32(env, bytes, unknown);
	if (status == UIML_OK)
		status = uiml_buffer_append32(env, bytes, byte_fallback);
	if (status == UIML_OK)
		status = uiml_buffer_append32(env, bytes, 0);
	if (status == UIML_OK)
		status = append_double(env, bytes, pieces->lowest - UNKNOWN_PENALTY);
	if (status == UIML_OK)
		status = append_byte_ids(env, bytes, vocabulary);
	if (status == UIML_OK)
		status = uiml_buffer_append(env, bytes, pieces->scores.bytes, pieces->scores.length);
	if (status == UIML_OK)
		status = uiml_token_trie_build(env, pieces->text, pieces->n, &trie, &trie_length);
	if (status == UIML_OK)
		status = uiml_buffer_append(env, bytes, trie, trie_length);
	uiml_free(env, trie);
	return status;
}

static UimlStatus
unigram_compile(const UimlEnv *env, const json_t *object, UimlVocabulary *vocabulary, UimlBuffer *bytes,
				UimlFault *fault)
{
	const json_t *vocab = json_object_get(object, "vocab");
	Pieces pieces = {0};
	long long unknown;
	bool byte_fallback;
	UimlStatus status;

	if (!json_is_array(vocab))
		return uiml_fault(fault, "The Unigram model has no array \"vocab\".");
	status = uiml_json_boolean(object, "Unigram", "byte_fallback", false, &byte_fallback, fault);
	if (status == UIML_OK)
		status = uiml_json_integer(object, "Unigram", "unk_id", 0, UIML_TOKENIZER_MAX_VOCABULARY, -1,
								   &unknown, fault);
	if (status != UIML_OK)
		return status;
	/* Without one, the tokenizers library fails at the first text with a character that isn't there. */
	if (unknown < 0 || (size_t) unknown >= json_array_size(vocab))
		return uiml_fault(fault, "The \"unk_id\" of the Unigram model is none of its tokens.");
	status = read_pieces(env, vocab, &pieces, vocabulary, fault);
	if (status == UIML_OK)
		status = append_model(env, &pieces, (uint32_t) unknown, byte_fallback, vocabulary, bytes);
	if (status == UIML_OK)
		uiml_vocabulary_unknown(vocabulary, (uint32_t) unknown);
	uiml_buffer_free(env, &pieces.scores);
	uiml_free(env, pieces.text);
	return status;
}

static bool
unigram_check(const UimlTokenizer *tokenizer, bool verify)
{
	Unigram model;

	if (!unigram_open(tokenizer, &model))
		return false;
	if (!verify)
		return true;
	for (size_t i = 0; i < model.n; i++)
	{
		if (!isfinite(load_double(model.scores + 8 * i)))
			return false;
	}
	for (size_t byte = 0; byte < 256; byte++)
	{
		uint32_t id = encoder_load32(model.byte_ids + 4 * byte);

		if (id != UIML_NO_TOKEN && id >= model.n)
			return false;
	}
	return isfinite(model.unknown_score) && uiml_token_trie_sound(&model.trie, model.n);
}

const UimlModel uiml_model_unigram = {.model = UIML_UNIGRAM,
									  .type = "Unigram",
									  .compile = unigram_compile,
									  .check = unigram_check,
									  .run = unigram_run};
