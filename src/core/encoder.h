/*
 * encoder.h
 *	  Text to vector, by any of several architectures (core/encoder_architecture.h).
 *
 * Two need no model of language.  A feature is a word (core/terms.h) or a run of characters within one, so
 * that forms of a word share most of their features, and Chinese needs no dictionary.  Encoder "hash" adds
 * each feature, with a sign, to the dimensions its hash names (Weinberger et al. 2009); where it was trained,
 * features that no two texts shared are left out.  Encoder "lsa" multiplies the TF-IDF vector of a text with
 * the right singular vectors of a training collection (Deerwester et al. 1990).  Either may end in a
 * whitening, learned from the same collection.
 *
 * The others are models of language that were trained elsewhere and converted: "bert", a transformer
 * (core/bert.h), and "static", which adds up vectors of tokens (core/static.h).
 *
 * An encoder is one flat, immutable, position-independent run of bytes, checked when it is opened: it can be
 * mapped from a file that all backends share.
 */
#ifndef UIML_ENCODER_H
#define UIML_ENCODER_H

#include "core/tokenizer.h"

#define UIML_ENCODER_MAX_DIMS 1024

typedef enum UimlEncoderKind
{
	UIML_ENCODER_HASH = 1,
	UIML_ENCODER_LSA = 2,
	UIML_ENCODER_BERT = 3,
	UIML_ENCODER_STATIC = 4
} UimlEncoderKind;

/* "hash", "lsa", "bert", "static"; static; NULL for a kind that is none. */
extern const char *uiml_encoder_kind_name(UimlEncoderKind kind);

typedef enum UimlWhitening
{
	UIML_WHITENING_NONE = 0,
	UIML_WHITENING_RELAXED =
		1,                  /* (L + mean(L))^-1/2: large directions are damped, small ones are not blown up */
	UIML_WHITENING_FULL = 2 /* L^-1/2 */
} UimlWhitening;

/* "none", "relaxed", "full"; static. */
extern const char *uiml_whitening_name(UimlWhitening whitening);

/* The whitening of a name, false where there is none of that name. */
extern bool uiml_whitening_named(const char *name, UimlWhitening *whitening);

/* --- training "hash" and "lsa" -------------------------------------------------------------------------- */

typedef struct UimlEncoderParams
{
	UimlEncoderKind kind; /* UIML_ENCODER_HASH or UIML_ENCODER_LSA */
	size_t dims;          /* 1 .. UIML_ENCODER_MAX_DIMS; capped by the rank of the texts for lsa */
	UimlWhitening whitening;
	uint64_t seed;
	size_t max_bytes; /* of working memory; 0: no bound */
} UimlEncoderParams;

/* lsa: 64 dims; hash: 256 dims; no whitening; 64 MB: see the figures in encoder_features.c. */
extern UimlEncoderParams uiml_encoder_defaults(UimlEncoderKind kind);

typedef struct UimlEncoderTrainer UimlEncoderTrainer;

/* NULL: out of memory, or params out of range. */
extern UimlEncoderTrainer *uiml_encoder_train_begin(const UimlEnv *env, const UimlEncoderParams *params);

/*
 * uiml_encoder_train_add
 *		Counts one UTF-8 text.
 *
 * Every text counts in the frequencies of features.  The singular vectors and the whitening are learned from
 * as many texts as there is room for, at most 262,144: those with the smallest hashes, so that the order of
 * texts makes no difference beyond rounding.  Returns UIML_OK, UIML_ENOMEM.
 */
extern UimlStatus uiml_encoder_train_add(UimlEncoderTrainer *trainer, const char *text, size_t length);

/*
 * uiml_encoder_train_finish
 *		The encoder, as *length bytes from env; the trainer is to be destroyed all the same.
 *
 * dims of an lsa encoder are at most the rank of the texts.  Returns UIML_OK, UIML_EEMPTY (no text with a
 * feature), UIML_ELIMIT (max_bytes has room for less than 8 features per dimension), UIML_ENOMEM,
 * UIML_EINTERRUPTED, and what the singular vectors return.
 */
extern UimlStatus uiml_encoder_train_finish(UimlEncoderTrainer *trainer, void **bytes, size_t *length);
extern void uiml_encoder_train_destroy(UimlEncoderTrainer *trainer);

/* --- use ------------------------------------------------------------------------------------------------ */

/* Bytes of an opened encoder that are its architecture's. */
#define UIML_ENCODER_VIEW_SIZE 512

/* An opened encoder: points into its bytes, which must stay. */
typedef struct UimlEncoder
{
	const struct UimlArchitecture *architecture;
	UimlEncoderKind kind;
	UimlWhitening whitening;
	size_t dims;
	size_t texts;    /* that it was trained on here; 0 for the built-in hash encoder and models of language */
	size_t features; /* that it knows, or tokens */
	size_t max_tokens; /* of a text, those around it included, that count; 0: no limit, or no tokens */
	uint64_t digest;   /* of all there is in it: two encoders with the same one give the same vectors */
	const unsigned char *bytes; /* NULL: built in */
	size_t length;
	bool has_tokenizer;
	UimlTokenizer tokenizer; /* read it through uiml_encoder_tokenizer */
	union
	{
		uint64_t number; /* aligned as the server allocates, for 8 bytes */
		const void *pointer;
		unsigned char bytes[UIML_ENCODER_VIEW_SIZE];
	} view;
} UimlEncoder;

/*
 * uiml_encoder_open
 *		Checks bytes of unknown origin and opens them: UIML_ECORRUPT, or an encoder that no text makes read
 *		outside them.
 *
 * bytes:	aligned for any type, as memory and mapped files are
 * verify: also compares the checksum, which reads all bytes.
 *
 * On a big-endian machine models of language are UIML_EINVALID: their numbers are used where they lie.
 */
extern UimlStatus uiml_encoder_open(const void *bytes, size_t length, bool verify, UimlEncoder *encoder);

/*
 * As uiml_encoder_open with verify, for bytes of any size: asks env->interrupted every few megabytes.  Also
 * UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_encoder_verify(const UimlEnv *env, const void *bytes, size_t length,
									  UimlEncoder *encoder);

/* The tokenizer of a model of language, as long as the encoder; NULL for others. */
extern const UimlTokenizer *uiml_encoder_tokenizer(const UimlEncoder *encoder);

/* A text to embed, in UTF-8, not terminated. */
typedef struct UimlText
{
	const char *text;
	size_t length;
} UimlText;

/*
 * uiml_encoder_embed_all
 *		The vectors of n texts, x (n x dims).  A text's vector is the same, bit for bit, whatever texts it is
 *		embedded with, so a caller gathers as many as suit him: a hundred or more where there are.
 *
 * hash, lsa: a vector of length 1; all zero for a text without a known feature.  Invalid UTF-8 separates
 * words; of a text beyond 256 KiB only the beginning counts.  Some tens of microseconds for a title.
 *
 * bert, static: of length 1 where the model is to normalise, all zero where there is nothing to scale.
 * Tokens beyond max_tokens don't count.  Invalid UTF-8 is UIML_EINVALID.
 *
 * Scratch memory does not grow with n.  Returns UIML_OK, UIML_EINVALID, UIML_ENOMEM, UIML_EINTERRUPTED; and
 * UIML_ENOTFINITE where numbers that weights make overflow.
 */
extern UimlStatus uiml_encoder_embed_all(const UimlEnv *env, const UimlEncoder *encoder,
										 const UimlText *texts, size_t n, float *x);

/* The same for one text. */
extern UimlStatus uiml_encoder_embed(const UimlEnv *env, const UimlEncoder *encoder, const char *text,
									 size_t length, float *x);

/*
 * uiml_encoder_builtin
 *		The encoder "hash" of some dims, which no texts have trained: it has no bytes.  UIML_OK,
 *		UIML_EINVALID.
 */
extern UimlStatus uiml_encoder_builtin(size_t dims, UimlEncoder *encoder);

#endif /* UIML_ENCODER_H */
