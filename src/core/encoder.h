/*
 * encoder.h
 *	  Text to vector without a model of language: hashed features, and latent semantic analysis.
 *
 * A feature is a word (core/terms.h) or a run of characters within one, so that forms of a word share most of
 * their features, and Chinese needs no dictionary.  Encoder "hash" adds each feature, with a sign and its
 * inverse document frequency where texts were counted, to the dimensions its hash names (Weinberger et al.
 * 2009).  Encoder "lsa" multiplies the TF-IDF vector of a text with the right singular vectors of a training
 * collection (Deerwester et al. 1990).  Either may end in a whitening, learned from the same collection.
 *
 * An encoder is one flat, immutable, position-independent run of bytes, checked when it is opened: it can be
 * mapped from a file that all backends share.
 */
#ifndef UIML_ENCODER_H
#define UIML_ENCODER_H

#include "core/uiml.h"

#define UIML_ENCODER_MAX_DIMS 1024

typedef enum UimlEncoderKind
{
	UIML_ENCODER_HASH = 1,
	UIML_ENCODER_LSA = 2
} UimlEncoderKind;

typedef enum UimlWhitening
{
	UIML_WHITENING_NONE = 0,
	UIML_WHITENING_RELAXED =
		1,                  /* (L + mean(L))^-1/2: large directions are damped, small ones are not blown up */
	UIML_WHITENING_FULL = 2 /* L^-1/2 */
} UimlWhitening;

typedef struct UimlEncoderParams
{
	UimlEncoderKind kind;
	size_t dims; /* 1 .. UIML_ENCODER_MAX_DIMS; capped by the rank of the texts for lsa */
	UimlWhitening whitening;
	uint64_t seed;
	size_t max_bytes; /* of working memory; 0: no bound */
} UimlEncoderParams;

/* lsa: 128 dims; hash: 256 dims; relaxed whitening. */
extern UimlEncoderParams uiml_encoder_defaults(UimlEncoderKind kind);

/* --- training ------------------------------------------------------------------------------------------- */

typedef struct UimlEncoderTrainer UimlEncoderTrainer;

/* NULL: out of memory, or params out of range. */
extern UimlEncoderTrainer *uiml_encoder_train_begin(const UimlEnv *env, const UimlEncoderParams *params);

/*
 * Counts one UTF-8 text.  The order of texts makes no difference beyond rounding.  UIML_ENOMEM; UIML_ELIMIT
 * where max_bytes is full (rare features are dropped first, so that this takes very many texts).
 */
extern UimlStatus uiml_encoder_train_add(UimlEncoderTrainer *trainer, const char *text, size_t length);

/*
 * uiml_encoder_train_finish
 *		The encoder, as *length bytes from env; the trainer is to be destroyed all the same.
 *
 * Returns UIML_OK, UIML_EEMPTY (no text with a feature), UIML_ENOMEM, UIML_EINTERRUPTED, and what the singular
 * vectors return.
 */
extern UimlStatus uiml_encoder_train_finish(UimlEncoderTrainer *trainer, void **bytes, size_t *length);
extern void uiml_encoder_train_destroy(UimlEncoderTrainer *trainer);

/* --- use ------------------------------------------------------------------------------------------------ */

/* An opened encoder: points into its bytes, which must stay. */
typedef struct UimlEncoder
{
	UimlEncoderKind kind;
	UimlWhitening whitening;
	size_t dims;
	size_t texts; /* that it was trained on; 0 for the built-in hash encoder */
	const unsigned char *bytes;
	size_t length;
} UimlEncoder;

/*
 * uiml_encoder_open
 *		Checks bytes of unknown origin and opens them: UIML_ECORRUPT, or an encoder that no text makes read
 *		outside them.
 */
extern UimlStatus uiml_encoder_open(const void *bytes, size_t length, UimlEncoder *encoder);

/*
 * uiml_encoder_embed
 *		The vector of a text, dims floats of length 1; all zero for a text without a known feature.
 *
 * Invalid UTF-8 separates words.  Returns UIML_OK, UIML_ENOMEM.  Some microseconds for a title.
 */
extern UimlStatus uiml_encoder_embed(const UimlEnv *env, const UimlEncoder *encoder, const char *text,
									 size_t length, float *x);

/* The built-in encoder "hash" of some dims, which no texts have trained: static bytes need no catalog. */
extern UimlStatus uiml_encoder_builtin(size_t dims, UimlEncoder *encoder);

#endif /* UIML_ENCODER_H */
