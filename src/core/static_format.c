/*
 * static_format.c
 *	  The bytes of an encoder of kind "static".
 */
#include "core/encoder_format.h"
#include "core/parts.h"
#include "core/static_format.h"

/* Where the fields of this kind are in the header. */
#define AT_FLAGS      24 /* uint32: FLAG_... */
#define AT_MAX_TOKENS 28 /* uint32 */
#define AT_TOKENIZER  32 /* uint64 */
#define AT_ROWS       40 /* uint32 */
#define AT_VOCABULARY 44 /* uint32 */
#define AT_LEFT_OUT   48 /* uint32 */
#define AT_ZERO       52 /* uint32: 0 */
#define AT_RESERVED   64 /* 64 zero bytes */

#define FLAG_MAPPING   1u
#define FLAG_WEIGHTS   2u
#define FLAG_NORMALIZE 4u

static bool
shape_is_known(const UimlStaticShape *shape)
{
	return shape->dims >= 1 && shape->dims <= UIML_ENCODER_MAX_DIMS && shape->rows >= 1 &&
		   shape->rows <= UIML_STATIC_MAX_ROWS && shape->vocabulary >= 1 &&
		   shape->vocabulary <= UIML_TOKENIZER_MAX_VOCABULARY && shape->tokenizer >= 1 &&
		   shape->max_tokens <= INT32_MAX && shape->left_out <= shape->vocabulary &&
		   (shape->mapping || shape->rows >= shape->vocabulary);
}

bool
uiml_static_layout(const UimlStaticShape *shape, UimlStaticLayout *layout)
{
	size_t at = ENCODER_HEADER_SIZE;

	if (!shape_is_known(shape) || !uiml_part_place(&at, shape->tokenizer, 1, &layout->tokenizer) ||
		!uiml_part_place(&at, shape->rows, shape->dims * sizeof(float), &layout->embeddings) ||
		!uiml_part_place(&at, shape->mapping ? shape->vocabulary : 0, sizeof(uint32_t), &layout->mapping) ||
		!uiml_part_place(&at, shape->weights ? shape->vocabulary : 0, sizeof(float), &layout->weights) ||
		!uiml_part_place(&at, 1, ENCODER_END_SIZE, &layout->end))
		return false;
	layout->size = at;
	return true;
}

void
uiml_static_put_header(const UimlStaticShape *shape, const UimlStaticLayout *layout, unsigned char *header)
{
	uiml_encoder_put_header(header, UIML_ENCODER_STATIC, UIML_WHITENING_NONE, shape->dims, layout->size);
	encoder_store32(header + AT_FLAGS, (shape->mapping ? FLAG_MAPPING : 0) |
										   (shape->weights ? FLAG_WEIGHTS : 0) |
										   (shape->normalize ? FLAG_NORMALIZE : 0));
	encoder_store32(header + AT_MAX_TOKENS, (uint32_t) shape->max_tokens);
	encoder_store64(header + AT_TOKENIZER, shape->tokenizer);
	encoder_store32(header + AT_ROWS, (uint32_t) shape->rows);
	encoder_store32(header + AT_VOCABULARY, (uint32_t) shape->vocabulary);
	encoder_store32(header + AT_LEFT_OUT, shape->left_out);
}

UimlStatus
uiml_static_get_header(const void *data, size_t length, UimlStaticShape *shape, UimlStaticLayout *layout)
{
	static const unsigned char reserved[ENCODER_HEADER_SIZE - AT_RESERVED];
	const unsigned char *bytes = data;
	uint32_t flags;

	if (length < ENCODER_HEADER_SIZE || memcmp(bytes, ENCODER_MAGIC, 8) != 0 ||
		encoder_load32(bytes + ENCODER_AT_VERSION) != ENCODER_VERSION ||
		encoder_load32(bytes + ENCODER_AT_KIND) != UIML_ENCODER_STATIC ||
		encoder_load32(bytes + ENCODER_AT_WHITENING) != UIML_WHITENING_NONE ||
		encoder_load64(bytes + ENCODER_AT_SIZE) != length || encoder_load64(bytes + AT_TOKENIZER) > length ||
		encoder_load32(bytes + AT_ZERO) != 0 || memcmp(bytes + AT_RESERVED, reserved, sizeof(reserved)) != 0)
		return UIML_ECORRUPT;
	flags = encoder_load32(bytes + AT_FLAGS);
	*shape = (UimlStaticShape){.dims = encoder_load32(bytes + ENCODER_AT_DIMS),
							   .rows = encoder_load32(bytes + AT_ROWS),
							   .vocabulary = encoder_load32(bytes + AT_VOCABULARY),
							   .tokenizer = (size_t) encoder_load64(bytes + AT_TOKENIZER),
							   .max_tokens = encoder_load32(bytes + AT_MAX_TOKENS),
							   .left_out = encoder_load32(bytes + AT_LEFT_OUT),
							   .mapping = (flags & FLAG_MAPPING) != 0,
							   .weights = (flags & FLAG_WEIGHTS) != 0,
							   .normalize = (flags & FLAG_NORMALIZE) != 0};
	if (flags > (FLAG_MAPPING | FLAG_WEIGHTS | FLAG_NORMALIZE) || !uiml_static_layout(shape, layout) ||
		layout->size != length)
		return UIML_ECORRUPT;
	return UIML_OK;
}

uint32_t
uiml_static_left_out(const UimlTokenizer *tokenizer)
{
	return tokenizer->model != UIML_UNIGRAM ? tokenizer->unknown : 0;
}
