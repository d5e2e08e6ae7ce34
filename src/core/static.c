/*
 * static.c
 *	  Encoder "static": the vector of a text is the mean of vectors of its tokens.
 *
 * Tokens have the vectors that a transformer gives each of them alone, in fewer dimensions and weighted by how
 * rare they are (Tulkens & van Dongen 2024, Model2Vec): what is lost is the context, what is won is a factor of
 * some hundred.  A text costs its tokenizing and some tens of nanoseconds a token.
 *
 * Sums are of doubles: exact to float whatever the order of the tokens, and no different for a text of a
 * million tokens from one of ten.
 */
#include "core/encoder_architecture.h"
#include "core/encoder_write.h"
#include "core/kernels.h"
#include "core/static_format.h"

/* Most texts have no more tokens: of a longer one they are counted first, then there is room for them. */
#define USUAL_TOKENS 512

/* Tokens that are added up between two interrupt checks. */
#define TOKENS_AT_ONCE 4096

typedef struct StaticView
{
	UimlStaticShape shape;
	const float *embeddings;
	const uint32_t *mapping; /* NULL: none */
	const float *weights;    /* NULL: none */
} StaticView;

UIML_ENCODER_VIEW_FITS(StaticView);

static UimlStatus
open_static(UimlEncoder *encoder, const UimlEnv *verify)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	(void) encoder;
	(void) verify;
	return UIML_EINVALID;
#else
	StaticView *view = (StaticView *) (void *) encoder->view.bytes;
	const unsigned char *bytes = encoder->bytes;
	UimlStaticLayout layout;
	UimlStatus status = uiml_static_get_header(bytes, encoder->length, &view->shape, &layout);

	if (status == UIML_OK && verify != NULL)
		status = uiml_encoder_end_check(verify, bytes, encoder->length);
	if (status == UIML_OK)
		status = uiml_tokenizer_open(bytes + layout.tokenizer, view->shape.tokenizer, verify != NULL,
									 &encoder->tokenizer);
	if (status != UIML_OK)
		return status;
	if (encoder->tokenizer.vocabulary != view->shape.vocabulary)
		return UIML_ECORRUPT;
	encoder->has_tokenizer = true;
	encoder->features = view->shape.vocabulary;
	encoder->max_tokens = view->shape.max_tokens;
	encoder->digest = encoder_load64(bytes + encoder->length - 8);
	view->embeddings = (const void *) (bytes + layout.embeddings);
	view->mapping = view->shape.mapping ? (const void *) (bytes + layout.mapping) : NULL;
	view->weights = view->shape.weights ? (const void *) (bytes + layout.weights) : NULL;
	return UIML_OK;
#endif
}

/* ---------- embedding ---------- */

/* The ids of one text after the other. */
typedef struct TokenBuffer
{
	uint32_t usual[USUAL_TOKENS];
	uint32_t *ids;
	size_t room;
} TokenBuffer;

static bool
make_room(const UimlEnv *env, TokenBuffer *buffer, size_t room)
{
	uint32_t *ids;

	if (room <= buffer->room)
		return true;
	ids = uiml_alloc(env, room, sizeof(uint32_t));
	if (ids == NULL)
		return false;
	if (buffer->ids != buffer->usual)
		uiml_free(env, buffer->ids);
	buffer->ids = ids;
	buffer->room = room;
	return true;
}

/* The ids of a text, with those that go around it: where they are more than there is room for, once more. */
static UimlStatus
tokenize(const UimlEnv *env, const UimlEncoder *encoder, const UimlText *text, TokenBuffer *buffer, size_t *n)
{
	const UimlTokenizer *tokenizer = &encoder->tokenizer;
	size_t around = tokenizer->prefix + tokenizer->suffix;
	size_t limit = encoder->max_tokens > 0 ? encoder->max_tokens + around : SIZE_MAX;
	size_t total = 0;
	UimlStatus status;

	if (!make_room(env, buffer, around))
		return UIML_ENOMEM;
	status = uiml_tokenizer_run(env, tokenizer, text->text, text->length,
								limit < buffer->room ? limit : buffer->room, buffer->ids, n,
								limit <= buffer->room ? NULL : &total);
	if (status != UIML_OK || limit <= buffer->room || total <= buffer->room)
		return status;
	if (!make_room(env, buffer, total < limit ? total : limit))
		return UIML_ENOMEM;
	return uiml_tokenizer_run(env, tokenizer, text->text, text->length, total < limit ? total : limit,
							  buffer->ids, n, NULL);
}

/*
 * sum += the vectors of n tokens; returns how many of them count.  A mapping that was damaged names a row that
 * isn't there: such a token doesn't.
 */
static size_t
add_tokens(const UimlEncoder *encoder, const uint32_t *ids, size_t n, double *sum)
{
	const StaticView *view = UIML_ENCODER_VIEW(StaticView, encoder);
	const UimlKernels *kernels = uiml_kernels();
	size_t counted = 0;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t id = ids[i];
		uint32_t row;

		if (id + 1 == view->shape.left_out || id >= view->shape.vocabulary)
			continue;
		row = view->mapping != NULL ? view->mapping[id] : id;
		if (row >= view->shape.rows)
			continue;
		kernels->accumulate_weighted(view->embeddings + row * encoder->dims,
									 view->weights != NULL ? view->weights[id] : 1, encoder->dims, sum);
		counted++;
	}
	return counted;
}

static UimlStatus
embed_text(const UimlEnv *env, const UimlEncoder *encoder, const UimlText *text, TokenBuffer *buffer,
		   float *x)
{
	double sum[UIML_ENCODER_MAX_DIMS] = {0};
	size_t around = encoder->tokenizer.prefix + encoder->tokenizer.suffix;
	size_t counted = 0;
	size_t n;
	UimlStatus status = tokenize(env, encoder, text, buffer, &n);

	if (status != UIML_OK)
		return status;
	n -= around < n ? around : n;
	for (size_t at = 0; at < n; at += TOKENS_AT_ONCE)
	{
		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		counted += add_tokens(encoder, buffer->ids + encoder->tokenizer.prefix + at,
							  n - at < TOKENS_AT_ONCE ? n - at : TOKENS_AT_ONCE, sum);
	}
	for (size_t j = 0; j < encoder->dims; j++)
		x[j] = counted > 0 ? (float) (sum[j] / (double) counted) : 0;
	if (!uiml_kernels()->is_finite(x, encoder->dims))
		return UIML_ENOTFINITE;
	if (UIML_ENCODER_VIEW(StaticView, encoder)->shape.normalize)
		uiml_unit(x, encoder->dims);
	return UIML_OK;
}

static UimlStatus
embed_static(const UimlEnv *env, const UimlEncoder *encoder, const UimlText *texts, size_t n, float *x)
{
	TokenBuffer buffer;
	UimlStatus status = UIML_OK;

	buffer.ids = buffer.usual;
	buffer.room = USUAL_TOKENS;
	for (size_t i = 0; status == UIML_OK && i < n; i++)
		status = embed_text(env, encoder, &texts[i], &buffer, x + i * encoder->dims);
	if (buffer.ids != buffer.usual)
		uiml_free(env, buffer.ids);
	return status;
}

const UimlArchitecture uiml_architecture_static = {
	.kind = UIML_ENCODER_STATIC, .name = "static", .open = open_static, .embed = embed_static};
