/*
 * encoder_write.h
 *	  Writing the bytes of a language model as a stream: parts at multiples of 64, the checksum at the end.
 */
#ifndef UIML_ENCODER_WRITE_H
#define UIML_ENCODER_WRITE_H

#include "core/stream.h"

typedef struct UimlEncoderWriter
{
	UimlOutput *out;
	uint64_t written;
	uint64_t checksum;     /* of all written bytes but those in word */
	unsigned char word[8]; /* the last written % 8 bytes, in front */
} UimlEncoderWriter;

extern void uiml_encoder_write_begin(UimlEncoderWriter *writer, UimlOutput *out);

/* These return what out->write returns. */

/* The next count bytes. */
extern UimlStatus uiml_encoder_write(UimlEncoderWriter *writer, const void *bytes, size_t count);

/* Zeros up to the next multiple of 64, where a part starts. */
extern UimlStatus uiml_encoder_write_pad(UimlEncoderWriter *writer);

/* The 64 bytes at the end, after padding. */
extern UimlStatus uiml_encoder_write_end(UimlEncoderWriter *writer);

/*
 * True where the last 8 of length bytes (a multiple of 64, at least 64) are the checksum of those before them.
 */
extern bool uiml_encoder_end_is_right(const void *bytes, size_t length);

/* The same: UIML_OK, UIML_ECORRUPT, or UIML_EINTERRUPTED, which is asked about every two megabytes. */
extern UimlStatus uiml_encoder_end_check(const UimlEnv *env, const void *bytes, size_t length);

#endif /* UIML_ENCODER_WRITE_H */
