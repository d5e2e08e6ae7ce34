/*
 * encoder_format.h
 *	  The bytes of an encoder.
 *
 * Internal to the files encoder*.c.  A header of 128 bytes, then up to four parts, each at a multiple of 64
 * that follows from the header's numbers, so that there are no offsets that could lie:
 *
 *		slots	n_slots x (uint32 id, uint32 row + 1): open addressing by uiml_mix(id); 0 is a free slot
 *		idf		n_rows floats
 *		matrix	lsa: n_rows x dims floats; hash with whitening: dims x dims; else none
 *		offset	with whitening: dims floats
 *
 * All numbers are little-endian, whatever machine wrote them: tables are dumped and restored elsewhere.
 *
 * This is the format of the kinds that are trained here; the header's fields up to dims, and its size,
 * are those of every kind.  Language models (core/bert_format.h) are written as a stream, so they end in 64 bytes of
 * which the last 8 are the checksum, and have zero in the header's.
 */
#ifndef UIML_ENCODER_FORMAT_H
#define UIML_ENCODER_FORMAT_H

#include <string.h>

#include "core/encoder.h"

#define ENCODER_MAGIC       "uimlenco"
#define ENCODER_VERSION     1
#define ENCODER_HEADER_SIZE ((size_t) 128)
#define ENCODER_END_SIZE    ((size_t) 64) /* of language models */

/* Where each field of the header starts. */
#define ENCODER_AT_VERSION   8   /* uint32 */
#define ENCODER_AT_KIND      12  /* uint32 */
#define ENCODER_AT_WHITENING 16  /* uint32 */
#define ENCODER_AT_DIMS      20  /* uint32 */
#define ENCODER_AT_BITS      24  /* uint32 */
#define ENCODER_AT_FLAGS     28  /* uint32: 0 */
#define ENCODER_AT_TEXTS     32  /* uint64 */
#define ENCODER_AT_ROWS      40  /* uint64 */
#define ENCODER_AT_SLOTS     48  /* uint64 */
#define ENCODER_AT_SIZE      56  /* uint64 */
#define ENCODER_AT_RESERVED  64  /* 56 zero bytes */
#define ENCODER_AT_CHECKSUM  120 /* uint64: of all the other bytes */

typedef struct EncoderLayout
{
	size_t slots;
	size_t idf;
	size_t matrix;
	size_t matrix_rows;
	size_t offset;
	size_t size;
} EncoderLayout;

/* False where a number is out of range or the sum overflows. */
extern bool uiml_encoder_layout(UimlEncoderKind kind, UimlWhitening whitening, size_t dims, size_t n_rows,
								size_t n_slots, EncoderLayout *layout);

/* Of the whole encoder but for the checksum itself. */
extern uint64_t uiml_encoder_checksum(const unsigned char *bytes, size_t length);

static inline uint32_t
encoder_load32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap32(value);
#endif
	return value;
}

static inline uint64_t
encoder_load64(const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap64(value);
#endif
	return value;
}

static inline float
encoder_load_float(const unsigned char *at)
{
	uint32_t bits = encoder_load32(at);
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline void
encoder_store32(unsigned char *at, uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap32(value);
#endif
	memcpy(at, &value, sizeof(value));
}

static inline void
encoder_store64(unsigned char *at, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap64(value);
#endif
	memcpy(at, &value, sizeof(value));
}

static inline void
encoder_store_float(unsigned char *at, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	encoder_store32(at, bits);
}

/*
 * What a feature adds to the hashed dimensions: two of them, so that two features rarely meet in both, with a
 * sign each, so that those that meet cancel on average (Weinberger et al. 2009).
 */
static inline void
encoder_hash_add(float *x, size_t dims, uint32_t id, float value)
{
	uint64_t hash = (id + UINT64_C(1)) * UINT64_C(0x9E3779B97F4A7C15);

	hash = (hash ^ hash >> 32) * UINT64_C(0xD6E8FEB86659FD93);
	hash ^= hash >> 32;
	x[((hash & 0xFFFFFF) * dims) >> 24] += hash >> 62 & 1 ? value : -value;
	x[((hash >> 24 & 0xFFFFFF) * dims) >> 24] += hash >> 63 ? value : -value;
}

#endif /* UIML_ENCODER_FORMAT_H */
