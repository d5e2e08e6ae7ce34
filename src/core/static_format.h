/*
 * static_format.h
 *	  The bytes of an encoder of kind "static".
 *
 * A header of 128 bytes, then parts, each at a multiple of 64 that follows from the header's numbers:
 *
 *		tokenizer		bytes of core/tokenizer.h
 *		embeddings		rows x dims floats
 *		mapping			vocabulary x uint32, optional: the row of each token; else token i has row i
 *		weights			vocabulary floats, optional: what each token counts; else 1
 *		end				64 bytes, of which the last 8 are the checksum of all before them
 *
 * All numbers are little-endian; floats are used where they lie, so that big-endian machines can't.
 */
#ifndef UIML_STATIC_FORMAT_H
#define UIML_STATIC_FORMAT_H

#include "core/tokenizer.h"

#define UIML_STATIC_MAX_ROWS ((size_t) 1 << 20)

/* The numbers of the header. */
typedef struct UimlStaticShape
{
	size_t dims;       /* 1 .. UIML_ENCODER_MAX_DIMS */
	size_t rows;       /* 1 .. UIML_STATIC_MAX_ROWS; at least the vocabulary where there is no mapping */
	size_t vocabulary; /* of the tokenizer, 1 .. UIML_TOKENIZER_MAX_VOCABULARY */
	size_t tokenizer;  /* its bytes, at least 1 */
	size_t max_tokens; /* of a text that count; 0: all of them */
	uint32_t left_out; /* id + 1 of a token that doesn't count; 0: none */
	bool mapping;
	bool weights;
	bool normalize; /* vectors have length 1 */
} UimlStaticShape;

/* Where each part starts, in bytes. */
typedef struct UimlStaticLayout
{
	size_t tokenizer;
	size_t embeddings;
	size_t mapping;
	size_t weights;
	size_t end;
	size_t size; /* of all */
} UimlStaticLayout;

/* False where a number of shape is out of its range, or the sum overflows size_t. */
extern bool uiml_static_layout(const UimlStaticShape *shape, UimlStaticLayout *layout);

/* The 128 bytes of the header of a shape with this layout. */
extern void uiml_static_put_header(const UimlStaticShape *shape, const UimlStaticLayout *layout,
								   unsigned char *header);

/*
 * uiml_static_get_header
 *		Checks the header of length bytes of unknown origin, at any address: UIML_OK with shape and layout, so
 *		that no place is outside the bytes, or UIML_ECORRUPT.  The parts and the checksum are not looked at.
 */
extern UimlStatus uiml_static_get_header(const void *bytes, size_t length, UimlStaticShape *shape,
										 UimlStaticLayout *layout);

/*
 * uiml_static_left_out
 *		Id + 1 of the token for what the tokenizer doesn't know where it doesn't count, else 0: as in
 *		Model2Vec it is left out of texts that WordPiece or BPE split, but not of those that Unigram does.
 */
extern uint32_t uiml_static_left_out(const UimlTokenizer *tokenizer);

#endif /* UIML_STATIC_FORMAT_H */
