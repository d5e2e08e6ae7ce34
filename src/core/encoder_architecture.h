/*
 * encoder_architecture.h
 *	  What an architecture of encoders is: one constant of its own file, and a line in the table of encoder.c.
 */
#ifndef UIML_ENCODER_ARCHITECTURE_H
#define UIML_ENCODER_ARCHITECTURE_H

#include "core/encoder_format.h"

/*
 * open: encoder has bytes, length, kind, whitening and dims (not 0) from a header whose size is length; the
 * rest is zero.  Checks everything else that the length depends on, down to its last byte, and where verify
 * isn't NULL the checksum, asking that environment for interrupts; fills in digest, texts, features, max_tokens,
 * the tokenizer and the view.  UIML_OK; UIML_ECORRUPT; UIML_EINVALID; UIML_EINTERRUPTED.
 *
 * embed: see uiml_encoder_embed_all; n is at least 1.
 */
typedef struct UimlArchitecture
{
	UimlEncoderKind kind;
	const char *name;
	UimlStatus (*open)(UimlEncoder *encoder, const UimlEnv *verify);
	UimlStatus (*embed)(const UimlEnv *env, const UimlEncoder *encoder, const UimlText *texts, size_t n,
						float *x);
} UimlArchitecture;

extern const UimlArchitecture uiml_architecture_hash;
extern const UimlArchitecture uiml_architecture_lsa;
extern const UimlArchitecture uiml_architecture_static;
extern const UimlArchitecture uiml_architecture_bert;

/* The view of an encoder as its architecture declares it: UIML_ENCODER_VIEW(FeatureView, encoder)->idf. */
#define UIML_ENCODER_VIEW(type, encoder) ((const type *) (const void *) (encoder)->view.bytes)
#define UIML_ENCODER_VIEW_FITS(type)                                                                         \
	_Static_assert(sizeof(type) <= UIML_ENCODER_VIEW_SIZE, "the view of " #type " fits into UimlEncoder")

/*
 * uiml_unit
 *		Scales x (dims floats) to length 1; all zero where its length is zero, or not finite since bytes were
 *		damaged.
 */
extern void uiml_unit(float *x, size_t dims);

#endif /* UIML_ENCODER_ARCHITECTURE_H */
