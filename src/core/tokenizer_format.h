/*
 * tokenizer_format.h
 *	  The bytes of a tokenizer.
 *
 * Internal to the files tokenizer*.c, wordpiece.c and unigram*.c.  A header of 128 bytes, then eight parts,
 * each at a multiple of 64 that follows from the header's numbers, so that there are no places that could lie:
 *
 *		ends	vocabulary x uint32: where the token of each id ends in strings; it starts where the one before
 *				it ends, and is empty for an id without a token
 *		strings	strings_size bytes: the tokens in UTF-8, in the order of their ids
 *		slots	n_slots x (uint32 tag, uint32 id + 1): open addressing by the hash of a token; 0 is a free slot
 *		added	n_added x (uint32 id, flags, length, place in patterns), in the order of their patterns' bytes,
 *				those that are looked for before normalization first
 *		patterns	patterns_size bytes
 *		steps	steps_size bytes: n_normalizers steps, then n_pre_tokenizers steps, each (uint32 kind, uint32
 *				size) and size bytes of what the kind keeps, padded to a multiple of 8
 *		around	(n_prefix + n_suffix) x uint32: the ids before and after a text
 *		model	model_size bytes: what the model keeps
 *
 * All numbers are little-endian, whatever machine wrote them.  The parts begin at multiples of 64 from the
 * first byte, wherever that is: numbers are read by encoder_load32 and its like (core/encoder_format.h).
 */
#ifndef UIML_TOKENIZER_FORMAT_H
#define UIML_TOKENIZER_FORMAT_H

#include "core/encoder_format.h"
#include "core/tokenizer.h"

#define TOKENIZER_MAGIC       "uimltokn"
#define TOKENIZER_VERSION     1
#define TOKENIZER_HEADER_SIZE ((size_t) 128)

/* Where each field of the header starts. */
#define TOKENIZER_AT_VERSION        8  /* uint32 */
#define TOKENIZER_AT_MODEL          12 /* uint32: UimlTokenizerModel */
#define TOKENIZER_AT_VOCABULARY     16 /* uint32 */
#define TOKENIZER_AT_SLOTS          20 /* uint32: a power of two */
#define TOKENIZER_AT_LONGEST        24 /* uint32: bytes of the longest token of the model */
#define TOKENIZER_AT_UNKNOWN        28 /* uint32: id + 1 of the unknown token; 0: the model has none */
#define TOKENIZER_AT_ADDED          32 /* uint32 */
#define TOKENIZER_AT_ADDED_RAW      36 /* uint32: of which before normalization */
#define TOKENIZER_AT_PATTERNS       40 /* uint32 */
#define TOKENIZER_AT_NORMALIZERS    44 /* uint32 */
#define TOKENIZER_AT_PRE_TOKENIZERS 48 /* uint32 */
#define TOKENIZER_AT_STEPS          52 /* uint32: bytes */
#define TOKENIZER_AT_PREFIX         56 /* uint32 */
#define TOKENIZER_AT_SUFFIX         60 /* uint32 */
#define TOKENIZER_AT_STRINGS        64 /* uint64 */
#define TOKENIZER_AT_MODEL_SIZE     72 /* uint64 */
#define TOKENIZER_AT_SIZE           80 /* uint64 */
#define TOKENIZER_AT_RESERVED       88 /* 40 zero bytes */

/* What places the parts. */
typedef struct TokenizerSizes
{
	size_t vocabulary;
	size_t strings;
	size_t n_slots;
	size_t n_added;
	size_t patterns;
	size_t steps;
	size_t n_around;
	size_t model;
} TokenizerSizes;

typedef struct TokenizerLayout
{
	size_t ends;
	size_t strings;
	size_t slots;
	size_t added;
	size_t patterns;
	size_t steps;
	size_t around;
	size_t model;
	size_t size;
} TokenizerLayout;

/* False where the sum overflows. */
extern bool uiml_tokenizer_layout(const TokenizerSizes *sizes, TokenizerLayout *layout);

/* Limits that compiling and opening share. */
#define TOKENIZER_MAX_TOKEN  1024 /* bytes of a token */
#define TOKENIZER_MAX_PROBES 256  /* slots that a look-up may visit */
#define TOKENIZER_MAX_STEPS  256
#define TOKENIZER_MAX_AROUND 64
#define TOKENIZER_MAX_ADDED  ((size_t) 1 << 16)

/* An added token's record, and its flags. */
#define TOKENIZER_ADDED_SIZE        16
#define TOKENIZER_ADDED_SINGLE_WORD 1u
#define TOKENIZER_ADDED_LSTRIP      2u
#define TOKENIZER_ADDED_RSTRIP      4u

#define TOKENIZER_STEP_HEADER 8
#define TOKENIZER_STEP_ALIGN  8

/*
 * The hash of a token grows byte by byte (FNV-1a), so that one pass over a word gives the hashes of all its
 * beginnings; FNV's low bits are weak, hence the mixing at the end.  The slot comes from the low half, the tag
 * from the high half.
 */
#define TOKENIZER_HASH_START UINT64_C(0xCBF29CE484222325)

static inline uint64_t
tokenizer_hash_byte(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * UINT64_C(0x100000001B3);
}

static inline uint64_t
tokenizer_hash_end(uint64_t hash)
{
	hash = (hash ^ hash >> 32) * UINT64_C(0xD6E8FEB86659FD93);
	return hash ^ hash >> 32;
}

#endif /* UIML_TOKENIZER_FORMAT_H */
