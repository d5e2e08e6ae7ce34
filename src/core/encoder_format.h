/*
 * encoder_format.h
 *	  What the bytes of all encoders have in common.
 *
 * Internal to the architectures of encoders and to who makes their bytes.  A header of 128 bytes, then parts,
 * each at a multiple of 64 that follows from the header's numbers, so that there are no offsets that could
 * lie.  Numbers of the header that are not named here, and the parts, are the architecture's.
 *
 * Encoders that are trained here have their checksum in the header.  Language models are written as a stream
 * (core/encoder_write.h), so they end in 64 bytes of which the last 8 are the checksum, and have zero in the
 * header's place.
 *
 * All numbers are little-endian, whatever machine wrote them: tables are dumped and restored elsewhere.
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
#define ENCODER_AT_OWN       24  /* 32 bytes of the architecture's */
#define ENCODER_AT_SIZE      56  /* uint64 */
#define ENCODER_AT_OWN_TOO   64  /* 56 bytes of the architecture's */
#define ENCODER_AT_CHECKSUM  120 /* uint64: of all the other bytes */

/* The fields that all architectures have, but for the checksum, which needs all bytes; others are 0. */
extern void uiml_encoder_put_header(unsigned char *header, UimlEncoderKind kind, UimlWhitening whitening,
									size_t dims, size_t size);

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

#endif /* UIML_ENCODER_FORMAT_H */
