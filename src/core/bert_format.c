/*
 * bert_format.c
 *	  Header and places of the parts of an encoder of kind "bert".
 */
#include <float.h>

#include "core/bert_format.h"
#include "core/encoder_format.h"
#include "core/parts.h"

/* Where the fields of this kind start in the header; the others are in encoder_format.h. */
#define AT_VOCABULARY 24 /* uint32, as those below */
#define AT_LAYERS     28
#define AT_HEADS      32
#define AT_FFN        36
#define AT_POSITIONS  40
#define AT_MAX_TOKENS 44
#define AT_TOKENIZER  48 /* uint64 */
#define AT_EPS        64 /* float */
#define AT_ACTIVATION 68
#define AT_POOLING    72
#define AT_NORMALIZE  76
#define AT_RESERVED   80 /* zero bytes to the end of the header */

_Static_assert(AT_TOKENIZER + 8 == ENCODER_AT_SIZE && ENCODER_AT_SIZE + 8 == AT_EPS,
			   "the fields of the header follow each other");

static const char *const pooling_names[] = {
	[UIML_POOLING_MEAN] = "mean", [UIML_POOLING_CLS] = "cls", [UIML_POOLING_MAX] = "max"};

const char *
uiml_pooling_name(UimlPooling pooling)
{
	return pooling_names[pooling];
}

bool
uiml_pooling_named(const char *name, UimlPooling *pooling)
{
	for (int i = UIML_POOLING_MEAN; i <= UIML_POOLING_MAX; i++)
	{
		if (strcmp(name, pooling_names[i]) == 0)
		{
			*pooling = (UimlPooling) i;
			return true;
		}
	}
	return false;
}

static bool
within(size_t value, size_t most)
{
	return value >= 1 && value <= most;
}

static bool
shape_is_known(const UimlBertShape *shape)
{
	return within(shape->vocabulary, UIML_BERT_MAX_VOCABULARY) &&
		   within(shape->hidden, UIML_BERT_MAX_HIDDEN) && within(shape->layers, UIML_BERT_MAX_LAYERS) &&
		   within(shape->heads, shape->hidden) && shape->hidden % shape->heads == 0 &&
		   within(shape->ffn, UIML_BERT_MAX_FFN) && within(shape->positions, UIML_BERT_MAX_POSITIONS) &&
		   within(shape->max_tokens, shape->positions) && shape->tokenizer >= 1 && shape->eps >= FLT_MIN &&
		   shape->eps <= 1 && shape->activation >= UIML_ACTIVATION_GELU &&
		   shape->activation <= UIML_ACTIVATION_RELU && shape->pooling >= UIML_POOLING_MEAN &&
		   shape->pooling <= UIML_POOLING_MAX;
}

/* The limits above keep the product far from overflow where size_t has 64 bits; uiml_part_place checks it. */
static bool
place_projection(size_t *at, size_t inputs, size_t outputs, UimlBertPlace *place)
{
	size_t padded = UIML_AFFINE_PANEL_FLOATS(1, outputs);

	return uiml_part_place(at, padded, inputs * sizeof(float), &place->weight) &&
		   uiml_part_place(at, padded, sizeof(float), &place->bias);
}

static bool
place_norm(size_t *at, size_t hidden, UimlBertPlace *place)
{
	return uiml_part_place(at, hidden, sizeof(float), &place->weight) &&
		   uiml_part_place(at, hidden, sizeof(float), &place->bias);
}

static bool
place_layer(const UimlBertShape *shape, UimlBertLayout *layout)
{
	layout->layer_size = 0;
	return place_projection(&layout->layer_size, shape->hidden, 3 * shape->hidden, &layout->qkv) &&
		   place_projection(&layout->layer_size, shape->hidden, shape->hidden, &layout->out) &&
		   place_norm(&layout->layer_size, shape->hidden, &layout->attention_norm) &&
		   place_projection(&layout->layer_size, shape->hidden, shape->ffn, &layout->up) &&
		   place_projection(&layout->layer_size, shape->ffn, shape->hidden, &layout->down) &&
		   place_norm(&layout->layer_size, shape->hidden, &layout->norm);
}

bool
uiml_bert_layout(const UimlBertShape *shape, UimlBertLayout *layout)
{
	size_t at = ENCODER_HEADER_SIZE;
	size_t row = shape->hidden * sizeof(float);

	if (!shape_is_known(shape) || !place_layer(shape, layout) ||
		!uiml_part_place(&at, shape->tokenizer, 1, &layout->tokenizer) ||
		!uiml_part_place(&at, shape->vocabulary, row, &layout->words) ||
		!uiml_part_place(&at, shape->positions, row, &layout->positions) ||
		!uiml_part_place(&at, 1, row, &layout->norm_weight) ||
		!uiml_part_place(&at, 1, row, &layout->norm_bias) ||
		!uiml_part_place(&at, shape->layers, layout->layer_size, &layout->layers) ||
		!uiml_part_place(&at, 1, ENCODER_END_SIZE, &layout->end))
		return false;
	layout->size = at;
	return true;
}

void
uiml_bert_put_header(const UimlBertShape *shape, const UimlBertLayout *layout, unsigned char *header)
{
	uiml_encoder_put_header(header, UIML_ENCODER_BERT, UIML_WHITENING_NONE, shape->hidden, layout->size);
	encoder_store32(header + AT_VOCABULARY, (uint32_t) shape->vocabulary);
	encoder_store32(header + AT_LAYERS, (uint32_t) shape->layers);
	encoder_store32(header + AT_HEADS, (uint32_t) shape->heads);
	encoder_store32(header + AT_FFN, (uint32_t) shape->ffn);
	encoder_store32(header + AT_POSITIONS, (uint32_t) shape->positions);
	encoder_store32(header + AT_MAX_TOKENS, (uint32_t) shape->max_tokens);
	encoder_store64(header + AT_TOKENIZER, shape->tokenizer);
	encoder_store_float(header + AT_EPS, shape->eps);
	encoder_store32(header + AT_ACTIVATION, shape->activation);
	encoder_store32(header + AT_POOLING, shape->pooling);
	encoder_store32(header + AT_NORMALIZE, shape->normalize);
}

UimlStatus
uiml_bert_get_header(const void *data, size_t length, UimlBertShape *shape, UimlBertLayout *layout)
{
	static const unsigned char reserved[ENCODER_HEADER_SIZE - AT_RESERVED];
	const unsigned char *bytes = data;

	if (length < ENCODER_HEADER_SIZE || memcmp(bytes, ENCODER_MAGIC, 8) != 0 ||
		encoder_load32(bytes + ENCODER_AT_VERSION) != ENCODER_VERSION ||
		encoder_load32(bytes + ENCODER_AT_KIND) != UIML_ENCODER_BERT ||
		encoder_load32(bytes + ENCODER_AT_WHITENING) != UIML_WHITENING_NONE ||
		encoder_load32(bytes + AT_NORMALIZE) > 1 || encoder_load64(bytes + AT_TOKENIZER) > length ||
		memcmp(bytes + AT_RESERVED, reserved, sizeof(reserved)) != 0)
		return UIML_ECORRUPT;
	*shape = (UimlBertShape){.vocabulary = encoder_load32(bytes + AT_VOCABULARY),
							 .hidden = encoder_load32(bytes + ENCODER_AT_DIMS),
							 .layers = encoder_load32(bytes + AT_LAYERS),
							 .heads = encoder_load32(bytes + AT_HEADS),
							 .ffn = encoder_load32(bytes + AT_FFN),
							 .positions = encoder_load32(bytes + AT_POSITIONS),
							 .max_tokens = encoder_load32(bytes + AT_MAX_TOKENS),
							 .tokenizer = (size_t) encoder_load64(bytes + AT_TOKENIZER),
							 .eps = encoder_load_float(bytes + AT_EPS),
							 .activation = encoder_load32(bytes + AT_ACTIVATION),
							 .pooling = encoder_load32(bytes + AT_POOLING),
							 .normalize = encoder_load32(bytes + AT_NORMALIZE) == 1};
	if (!uiml_bert_layout(shape, layout) || layout->size != length ||
		encoder_load64(bytes + ENCODER_AT_SIZE) != length)
		return UIML_ECORRUPT;
	return UIML_OK;
}
