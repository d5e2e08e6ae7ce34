/*
 * bert_format.h
 *	  The bytes of an encoder of kind "bert".
 *
 * A header of 128 bytes, then parts, each at a multiple of 64 that follows from the header's numbers:
 *
 *		tokenizer		bytes of core/tokenizer.h
 *		words			vocabulary x hidden floats
 *		positions		positions x hidden floats; row t is added to token t, and has the token type 0 in it
 *		norm			weight, bias: hidden floats each, of the LayerNorm over the embeddings
 *		layers			layers x (qkv, out, norm, up, down, norm), all of one size
 *		end				64 bytes, of which the last 8 are the checksum of all before them
 *
 * where q, k, v and out are the projections of attention, up and down those of the feed-forward network.  A
 * projection of k inputs on n outputs is its panels and its bias.  A panel is 16 outputs wide: element (output j,
 * input p) is float (j / 16 * k + p) * 16 + j % 16 of the part; bias and panels are filled up with zeros to a
 * multiple of 16 outputs.  qkv is one projection with 3 x hidden outputs: those of q, of k, of v.
 *
 * All numbers are little-endian; floats are used where they lie, so that big-endian machines can't.
 */
#ifndef UIML_BERT_FORMAT_H
#define UIML_BERT_FORMAT_H

#include "core/affine.h"
#include "core/uiml.h"

#define UIML_BERT_MAX_HIDDEN     ((size_t) 4096)
#define UIML_BERT_MAX_LAYERS     ((size_t) 128)
#define UIML_BERT_MAX_FFN        ((size_t) 65536)
#define UIML_BERT_MAX_POSITIONS  ((size_t) 65536)
#define UIML_BERT_MAX_VOCABULARY ((size_t) 1 << 20)

typedef enum UimlPooling
{
	UIML_POOLING_MEAN = 1, /* over all tokens of a text, special ones included */
	UIML_POOLING_CLS = 2,  /* the first token */
	UIML_POOLING_MAX = 3   /* over all tokens, by dimension */
} UimlPooling;

/* "mean", "cls", "max"; static. */
extern const char *uiml_pooling_name(UimlPooling pooling);

/* The pooling of a name, false where there is none of that name. */
extern bool uiml_pooling_named(const char *name, UimlPooling *pooling);

/* The numbers of the header. */
typedef struct UimlBertShape
{
	size_t vocabulary;         /* 1 .. UIML_BERT_MAX_VOCABULARY: rows of words */
	size_t hidden;             /* 1 .. UIML_BERT_MAX_HIDDEN; dims of a vector */
	size_t layers;             /* 1 .. UIML_BERT_MAX_LAYERS */
	size_t heads;              /* divides hidden */
	size_t ffn;                /* 1 .. UIML_BERT_MAX_FFN: width of the feed-forward network */
	size_t positions;          /* 1 .. UIML_BERT_MAX_POSITIONS */
	size_t max_tokens;         /* 1 .. positions: what is kept of a text, special tokens included */
	size_t tokenizer;          /* its bytes, at least 1 */
	float eps;                 /* of LayerNorm: added to the variance; normal, at most 1 */
	UimlActivation activation; /* not UIML_ACTIVATION_NONE */
	UimlPooling pooling;
	bool normalize; /* vectors have length 1 */
} UimlBertShape;

/* Places of a projection's panels and bias, of a LayerNorm's weight and bias, from the beginning of a layer. */
typedef struct UimlBertPlace
{
	size_t weight;
	size_t bias;
} UimlBertPlace;

/* Where each part starts, in bytes. */
typedef struct UimlBertLayout
{
	size_t tokenizer;
	size_t words;
	size_t positions;
	size_t norm_weight;
	size_t norm_bias;
	size_t layers; /* layer i is at layers + i * layer_size, and in it: */
	size_t layer_size;
	UimlBertPlace qkv;
	UimlBertPlace out;
	UimlBertPlace attention_norm;
	UimlBertPlace up;
	UimlBertPlace down;
	UimlBertPlace norm;
	size_t end;
	size_t size; /* of all */
} UimlBertLayout;

/* False where a number of shape is out of its range, or the sum overflows size_t. */
extern bool uiml_bert_layout(const UimlBertShape *shape, UimlBertLayout *layout);

/* The 128 bytes of the header of a shape with this layout. */
extern void uiml_bert_put_header(const UimlBertShape *shape, const UimlBertLayout *layout,
								 unsigned char *header);

/*
 * uiml_bert_get_header
 *		Checks the header of length bytes of unknown origin, at any address: UIML_OK with shape and layout, so
 *		that no place is outside the bytes, or UIML_ECORRUPT.  The tokenizer and the checksum are not looked at.
 */
extern UimlStatus uiml_bert_get_header(const void *bytes, size_t length, UimlBertShape *shape,
									   UimlBertLayout *layout);

#endif /* UIML_BERT_FORMAT_H */
