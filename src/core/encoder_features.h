/*
 * encoder_features.h
 *	  The bytes of encoders "hash" and "lsa".
 *
 * Internal to the files encoder*.c.  Behind the header (core/encoder_format.h) there are up to four parts:
 *
 *		slots	n_slots x (uint32 id, uint32 row + 1): open addressing by uiml_mix(id); 0 is a free slot
 *		idf		n_rows floats
 *		matrix	lsa: n_rows x dims floats; hash with whitening: dims x dims; else none
 *		offset	with whitening: dims floats
 */
#ifndef UIML_ENCODER_FEATURES_H
#define UIML_ENCODER_FEATURES_H

#include "core/encoder_format.h"

/* Fields of the header. */
#define ENCODER_AT_BITS     24 /* uint32: of a feature's hash */
#define ENCODER_AT_FLAGS    28 /* uint32: 0 */
#define ENCODER_AT_TEXTS    32 /* uint64 */
#define ENCODER_AT_ROWS     40 /* uint64 */
#define ENCODER_AT_SLOTS    48 /* uint64 */
#define ENCODER_AT_RESERVED 64 /* 56 zero bytes */

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

#endif /* UIML_ENCODER_FEATURES_H */
