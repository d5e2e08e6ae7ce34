/*
 * tokenizer_parts.h
 *	  What a tokenizer is put together from: normalizers, pre-tokenizers and models.
 *
 * Internal to the files tokenizer*.c, normalizer*.c, pretokenizer*.c, wordpiece.c and unigram*.c.  Each kind
 * of part is a constant of one of the three types below, in a file of its own, and one line in the table of
 * its type (tokenizer_parts.c).  A part is compiled from its JSON object into some bytes, which are checked
 * when a tokenizer is opened, and run on texts.
 *
 *		text -> added tokens | between them: normalizer, normalizer, ... -> added tokens that are looked for in
 *		normalized text | between them: pre-tokenizer, pre-tokenizer, ... -> pieces -> model -> ids
 *
 * All text here is valid UTF-8: uiml_tokenizer_run checks what comes in, and parts must keep it so (compiled
 * strings come from JSON, hence are valid; check must see to those of unknown bytes).  A piece is never empty:
 * the frame drops empty ones, as the tokenizers library does.
 */
#ifndef UIML_TOKENIZER_PARTS_H
#define UIML_TOKENIZER_PARTS_H

#include "core/json.h"
#include "core/tokenizer_format.h"

/* --- bytes that grow ------------------------------------------------------------------------------------ */

typedef struct UimlBuffer
{
	unsigned char *bytes;
	size_t length;
	size_t room;
} UimlBuffer;

/* Room for size more bytes: UIML_OK, UIML_ENOMEM.  Amortised linear; an empty buffer is all zero. */
extern UimlStatus uiml_buffer_reserve(const UimlEnv *env, UimlBuffer *buffer, size_t size);
extern UimlStatus uiml_buffer_append(const UimlEnv *env, UimlBuffer *buffer, const void *bytes, size_t size);
extern UimlStatus uiml_buffer_append32(const UimlEnv *env, UimlBuffer *buffer, uint32_t value);
extern void uiml_buffer_free(const UimlEnv *env, UimlBuffer *buffer);

/* --- a text on its way to ids --------------------------------------------------------------------------- */

/* One call of uiml_tokenizer_run. */
typedef struct UimlTokenizing
{
	const UimlEnv *env;
	const UimlTokenizer *tokenizer;
	uint32_t *ids;
	size_t room;    /* for ids of the text itself */
	size_t n;       /* ids so far, also those without room */
	bool count_all; /* the caller wants to know how many there would be */
	size_t work;    /* since the last question after interruption */
	size_t most;    /* bytes that a normalized text may have; 0: any number */
	bool moved;     /* normalizers took away what the text began with */

	UimlBuffer normalized[2]; /* between normalizers */
	UimlBuffer scratch;       /* the model's, kept from piece to piece */
	UimlBuffer piece;         /* the pre-tokenizers' that rewrite */
} UimlTokenizing;

/* The id of a piece's next token. */
static inline void
uiml_tokenizing_emit(UimlTokenizing *run, uint32_t id)
{
	if (run->n < run->room)
		run->ids[run->n] = id;
	run->n++;
}

/* Frees what it holds. */
extern void uiml_tokenizing_end(UimlTokenizing *run);

/*
 * Runs n normalizers of steps from *at on, which ends up behind them: *text and *length become those of a buffer
 * of run.  Of run only env is needed.
 */
extern UimlStatus uiml_tokenizing_normalize(UimlTokenizing *run, const unsigned char *steps,
											size_t steps_size, size_t n, size_t *at, const char **text,
											size_t *length);

/* Takes back what was emitted since there were n ids. */
static inline void
uiml_tokenizing_rewind(UimlTokenizing *run, size_t n)
{
	run->n = n;
}

/* True when no further id matters. */
static inline bool
uiml_tokenizing_full(const UimlTokenizing *run)
{
	return run->n >= run->room && !run->count_all;
}

/*
 * To be called in every loop over a text with how many bytes (or look-ups, or the like) were worked on: asks
 * after interruption now and then.
 */
#define UIML_TOKENIZING_WORK 65536

static inline UimlStatus
uiml_tokenizing_worked(UimlTokenizing *run, size_t work)
{
	run->work += work;
	if (run->work < UIML_TOKENIZING_WORK)
		return UIML_OK;
	run->work = 0;
	return uiml_interrupted(run->env) ? UIML_EINTERRUPTED : UIML_OK;
}

/*
 * True when a normalized text is longer than any model makes it: steps that put a letter for itself and more
 * could fill all memory.  To be asked where what is written isn't bounded by some times what is read.
 */
static inline bool
uiml_tokenizing_overflows(const UimlTokenizing *run, const UimlBuffer *out)
{
	return run->most > 0 && out->length > run->most;
}

/* --- normalizers and pre-tokenizers --------------------------------------------------------------------- */

/* A compiled step: the kind's own bytes, at a multiple of 8 from the tokenizer's beginning. */
typedef struct UimlStep
{
	uint32_t kind;
	const unsigned char *bytes;
	size_t size;
} UimlStep;

/* What steps are compiled into. */
typedef struct UimlSteps
{
	UimlBuffer buffer;
	size_t n;
	size_t last; /* where the last step's header starts */
} UimlSteps;

/*
 * Appends a step; kind is the number of its kind.  A compile function may look at the last step instead (find
 * it with uiml_steps_last, false where there is none) and replace it with uiml_steps_drop and this one, where
 * two make one.
 */
extern UimlStatus uiml_steps_append(const UimlEnv *env, UimlSteps *steps, uint32_t kind, const void *bytes,
									size_t size);
extern bool uiml_steps_last(const UimlSteps *steps, UimlStep *step);
extern void uiml_steps_drop(UimlSteps *steps);

/* The step at *at < size of steps of unknown origin, and *at behind it; false where there is no whole one. */
extern bool uiml_steps_next(const unsigned char *steps, size_t size, size_t *at, UimlStep *step);

/* Numbers of kinds: part of the format, never reused. */
#define UIML_NORMALIZER_BERT        1
#define UIML_NORMALIZER_REPLACE     2
#define UIML_NORMALIZER_NFC         3
#define UIML_NORMALIZER_NFD         4
#define UIML_NORMALIZER_NFKC        5
#define UIML_NORMALIZER_NFKD        6
#define UIML_NORMALIZER_LOWERCASE   7
#define UIML_NORMALIZER_ACCENTS     8
#define UIML_NORMALIZER_STRIP       9
#define UIML_NORMALIZER_PREPEND     10
#define UIML_NORMALIZER_NMT         11
#define UIML_NORMALIZER_PRECOMPILED 12
#define UIML_NORMALIZER_SPACES      13 /* Replace of a regular expression for runs of whitespace */

#define UIML_PRE_TOKENIZER_BERT             101
#define UIML_PRE_TOKENIZER_WHITESPACE       102
#define UIML_PRE_TOKENIZER_WHITESPACE_SPLIT 103
#define UIML_PRE_TOKENIZER_PUNCTUATION      104
#define UIML_PRE_TOKENIZER_METASPACE        105
#define UIML_PRE_TOKENIZER_BYTE_LEVEL       106

typedef struct UimlNormalizer
{
	uint32_t kind;
	const char *type; /* in tokenizer.json; NULL: never compiled by itself, only as another's step */

	/* Appends the step or steps of a JSON object; where none is needed, none.  As uiml_tokenizer_compile. */
	UimlStatus (*compile)(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault);

	/*
	 * Whether bytes of unknown origin can be run without reading outside them; called at each opening, so O(1)
	 * or linear in few bytes: what is large is checked where it is used.
	 */
	bool (*check)(const UimlStep *step);

	/* Appends the normalized text to out (empty at first).  UIML_OK, or what uiml_tokenizer_run returns. */
	UimlStatus (*run)(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length,
					  UimlBuffer *out);
} UimlNormalizer;

/* What a pre-tokenizer calls for each of its pieces in order; returns other than UIML_OK to stop. */
typedef UimlStatus (*UimlPieceVisit)(void *ctx, const char *piece, size_t length, bool at_start);

typedef struct UimlPreTokenizer
{
	uint32_t kind;
	const char *type;
	UimlStatus (*compile)(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault);
	bool (*check)(const UimlStep *step);

	/*
	 * Cuts a piece of what the steps before have left, and passes pieces on as they are found: visit may run the
	 * following steps and the model before it returns.  at_start: the piece begins where the text
	 * begins, with no added token before it and nothing taken away (Metaspace's prepend_scheme "first"); to be
	 * passed on.  Returns at once what visit returns, other than UIML_OK; UIML_ENOMEM, UIML_EINTERRUPTED.
	 */
	UimlStatus (*run)(UimlTokenizing *run, const UimlStep *step, const char *piece, size_t length,
					  bool at_start, UimlPieceVisit visit, void *ctx);
} UimlPreTokenizer;

/* --- models --------------------------------------------------------------------------------------------- */

/* A vocabulary while it is compiled. */
typedef struct UimlVocabulary UimlVocabulary;

/*
 * The token of an id, once for each id, in any order; text is copied.  UIML_OK; UIML_ENOMEM; UIML_ECORRUPT with
 * a fault: an id beyond UIML_TOKENIZER_MAX_VOCABULARY, an id or (unless replace, which gives the token this id)
 * a token given twice, a token of more than TOKENIZER_MAX_TOKEN bytes.
 */
extern UimlStatus uiml_vocabulary_add(UimlVocabulary *vocabulary, uint32_t id, const char *text,
									  size_t length, bool replace, UimlFault *fault);

/* All members of an object: the id of each token.  As uiml_vocabulary_add, without replace. */
extern UimlStatus uiml_vocabulary_add_object(UimlVocabulary *vocabulary, const json_t *tokens,
											 UimlFault *fault);

/* The id of a token so far. */
extern bool uiml_vocabulary_find(const UimlVocabulary *vocabulary, const char *text, size_t length,
								 uint32_t *id);

/* Names the unknown token's id (TOKENIZER_AT_UNKNOWN); without it the model has none. */
extern void uiml_vocabulary_unknown(UimlVocabulary *vocabulary, uint32_t id);

typedef struct UimlModel
{
	UimlTokenizerModel model;
	const char *type; /* in tokenizer.json */

	/*
	 * Adds the tokens of the member "model" of tokenizer.json to an empty vocabulary, and appends what else the
	 * model keeps to bytes (which end up at a multiple of 64 from the tokenizer's beginning).
	 */
	UimlStatus (*compile)(const UimlEnv *env, const json_t *object, UimlVocabulary *vocabulary,
						  UimlBuffer *bytes, UimlFault *fault);

	/* As UimlNormalizer's, of tokenizer->model_bytes; verify: check everything, whatever it takes. */
	bool (*check)(const UimlTokenizer *tokenizer, bool verify);

	/* Emits the ids of a piece. */
	UimlStatus (*run)(UimlTokenizing *run, const char *piece, size_t length);
} UimlModel;

/* --- looking up tokens (tokenizer.c) ----------------------------------------------------------------------- */

/*
 * The id of the token that is head and then tail, given the hash of its bytes (tokenizer_hash_byte, without
 * tokenizer_hash_end).  No allocation, some nanoseconds; at most TOKENIZER_MAX_PROBES slots are read, however
 * damaged they are.
 */
extern bool uiml_tokenizer_lookup(const UimlTokenizer *tokenizer, uint64_t hash, const void *head,
								  size_t head_length, const void *tail, size_t tail_length, uint32_t *id);

/* --- the tables (tokenizer_parts.c) --------------------------------------------------------------------- */

/* The part of a kind's number, or of a type's name; NULL where there is none. */
extern const UimlNormalizer *uiml_normalizer_of(uint32_t kind);
extern const UimlNormalizer *uiml_normalizer_named(const char *type);
extern const UimlPreTokenizer *uiml_pre_tokenizer_of(uint32_t kind);
extern const UimlPreTokenizer *uiml_pre_tokenizer_named(const char *type);
extern const UimlModel *uiml_model_of(uint32_t model);
extern const UimlModel *uiml_model_named(const char *type);

/* tokenizer_bert.c */
extern const UimlNormalizer uiml_normalizer_bert;
extern const UimlPreTokenizer uiml_pre_tokenizer_bert;

extern UimlStatus uiml_bert_append(const UimlEnv *env, UimlSteps *steps, bool clean, bool chinese,
								   bool accents, bool lower);

/*
 * Normalizer and pre-tokenizer in one pass, which ends early where visit says so: the same pieces, of which
 * none is called the first.
 */
extern UimlStatus uiml_bert_words(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length,
								  UimlPieceVisit visit, void *ctx);

/* wordpiece.c */
extern const UimlModel uiml_model_wordpiece;

/* Where the prefix of tokens within a word starts in what a WordPiece model keeps; it ends with it. */
#define UIML_WORDPIECE_AT_PREFIX 8

/* What a WordPiece model keeps, once its vocabulary is complete. */
extern UimlStatus uiml_wordpiece_finish(const UimlEnv *env, UimlVocabulary *vocabulary, const char *unknown,
										const char *prefix, uint32_t max_chars, UimlBuffer *bytes,
										UimlFault *fault);

/*
 * normalizer.c and normalizer_unicode.c: Replace (a string for a pattern; of regular expressions only those for
 * runs of whitespace or spaces, which make UIML_NORMALIZER_SPACES), NFC, NFD, NFKC, NFKD, Lowercase,
 * StripAccents, Strip, Prepend, Nmt; charsmap.c: Precompiled, over uiml_charsmap_*.  "Sequence" is the frame's.
 */
extern const UimlNormalizer uiml_normalizer_replace;
extern const UimlNormalizer uiml_normalizer_spaces;
extern const UimlNormalizer uiml_normalizer_nfc;
extern const UimlNormalizer uiml_normalizer_nfd;
extern const UimlNormalizer uiml_normalizer_nfkc;
extern const UimlNormalizer uiml_normalizer_nfkd;
extern const UimlNormalizer uiml_normalizer_lowercase;
extern const UimlNormalizer uiml_normalizer_accents;
extern const UimlNormalizer uiml_normalizer_strip;
extern const UimlNormalizer uiml_normalizer_prepend;
extern const UimlNormalizer uiml_normalizer_nmt;
extern const UimlNormalizer uiml_normalizer_precompiled;

/* pretokenizer.c */
extern const UimlPreTokenizer uiml_pre_tokenizer_whitespace;
extern const UimlPreTokenizer uiml_pre_tokenizer_whitespace_split;
extern const UimlPreTokenizer uiml_pre_tokenizer_punctuation;
extern const UimlPreTokenizer uiml_pre_tokenizer_metaspace;

/* pretokenizer_bytes.c */
extern const UimlPreTokenizer uiml_pre_tokenizer_byte_level;

/* bpe.c */
extern const UimlModel uiml_model_bpe;

/* unigram.c: uiml_unigram_compile, uiml_unigram_check, uiml_unigram_run */
extern const UimlModel uiml_model_unigram;

/* --- Unicode (tokenizer_unicode.c) ---------------------------------------------------------------------- */

/* False: not UTF-8.  Some gigabytes of ASCII a second. */
extern bool uiml_utf8_valid(const char *text, size_t length);

/*
 * The next code point of valid UTF-8, *at < length; moves *at behind it.  What isn't UTF-8 (damaged bytes) gives
 * any code point up to U+10FFFF, but nothing is read beyond length.
 */
extern uint32_t uiml_utf8_next(const char *text, size_t length, size_t *at);

/* Writes a code point, 1 to 4 bytes; returns how many. */
extern size_t uiml_utf8_put(unsigned char *bytes, uint32_t code);

/* char::is_whitespace of Rust: White_Space. */
extern bool uiml_unicode_space(uint32_t code);

/* Of the crate unicode_categories, as of its version of Unicode. */
extern bool uiml_unicode_other(uint32_t code);       /* is_other */
extern bool uiml_unicode_punctuation(uint32_t code); /* is_ascii_punctuation or is_punctuation */
extern bool uiml_unicode_nonspacing(uint32_t code);  /* is_mark_nonspacing */

/* \w of the crate regex: Alphabetic, M, Nd, Pc, Join_Control. */
extern bool uiml_unicode_word(uint32_t code);

/* char::to_lowercase of Rust, at most 2 code points; returns how many. */
extern size_t uiml_unicode_lower(uint32_t code, uint32_t lower[2]);

/* Of the crate unicode-normalization-alignments: Unicode 9.0. */
#define UIML_UNICODE_DECOMPOSED 18
extern int uiml_unicode_combining_class(uint32_t code);

/* The full decomposition, before reordering; returns how many code points it has, 1 to 18. */
extern size_t uiml_unicode_decompose(uint32_t code, bool compatibility,
									 uint32_t decomposed[UIML_UNICODE_DECOMPOSED]);

#endif /* UIML_TOKENIZER_PARTS_H */
