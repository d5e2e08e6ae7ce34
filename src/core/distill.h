/*
 * distill.h
 *	  A static encoder from a transformer (Model2Vec).
 */
#ifndef UIML_DISTILL_H
#define UIML_DISTILL_H

#include "core/encoder.h"
#include "core/stream.h"

typedef struct UimlDistillParams
{
	size_t dims;      /* 1 .. UIML_ENCODER_MAX_DIMS; capped by the rank of the tokens' vectors */
	size_t least;     /* times that a word occurs in the texts to have a vector of its own */
	size_t max_words; /* that have one */
} UimlDistillParams;

/* 256 dims; words of three occurrences or more, at most 65,536. */
extern UimlDistillParams uiml_distill_defaults(void);

/* What came of it. */
typedef struct UimlDistilled
{
	size_t dims;
	size_t vocabulary; /* tokens of the tokenizer, those of no vector included */
	size_t words;      /* of which were added */
	double explained;  /* share of the variance of the tokens' vectors, 0 .. 1 */
	size_t size;       /* bytes */
} UimlDistilled;

typedef struct UimlDistiller UimlDistiller;

/*
 * uiml_distill_begin
 *		UIML_OK, with a distiller to be destroyed; UIML_EINVALID for an encoder that isn't of kind
 *		UIML_ENCODER_BERT or params out of range; UIML_ENOMEM.
 *
 * encoder: must stay
 * words:	words of texts are to be added to the vocabulary: UIML_EINVALID for a tokenizer other than WordPiece
 */
extern UimlStatus uiml_distill_begin(const UimlEnv *env, const UimlEncoder *encoder,
									 const UimlDistillParams *params, bool words, UimlDistiller **distiller);

/* Counts the words of a UTF-8 text.  Statuses of uiml_tokenizer_run. */
extern UimlStatus uiml_distill_add(UimlDistiller *distiller, const char *text, size_t length);

/*
 * uiml_distill_finish
 *		Encodes the vocabulary, and writes the bytes of the static encoder; the distiller is to be destroyed
 *		all the same.
 *
 * distilled: filled before the first byte is written, so that out->write may read it.  No memory but env's is
 * held while it is called: it may raise errors.
 *
 * Memory: hidden floats for each token.  Time: the transformer's for as many texts of one token.  UIML_OK;
 * UIML_EEMPTY where no two tokens have different vectors; UIML_ELIMIT where the vocabulary is too large;
 * UIML_ENOTFINITE, UIML_ENOMEM, UIML_EINTERRUPTED; what the encoder and out->write return.
 */
extern UimlStatus uiml_distill_finish(UimlDistiller *distiller, UimlOutput *out, UimlDistilled *distilled);

extern void uiml_distill_destroy(UimlDistiller *distiller);

#endif /* UIML_DISTILL_H */
