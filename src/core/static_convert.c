/*
 * static_convert.c
 *	  The tensors of a Model2Vec model to the bytes of an encoder of kind "static".
 *
 * embeddings (embedding.weight in files of sentence-transformers) is rows x dims; mapping, where the vocabulary
 * was quantized, has the row of each token, weights what each counts.  Models without a mapping have a row for
 * each token, and those of before 2025 have no weights: they are in the embeddings.  Tensors may be longer than
 * the vocabulary, never shorter.
 */
#include "core/encoder_format.h"
#include "core/model_source.h"
#include "core/static_format.h"

/* Elements that are converted at a time, between two interrupt checks. */
#define CHUNK ((size_t) 65536)

typedef struct StaticConversion
{
	const UimlEnv *env;
	const UimlModelSource *source;
	const UimlTensor *embeddings;
	const UimlTensor *mapping; /* NULL: none */
	const UimlTensor *weights; /* NULL: none */
	UimlStaticShape shape;
	UimlStaticLayout layout;
	UimlEncoderWriter writer;
	union
	{
		float real[CHUNK];
		int32_t integer[CHUNK];
	} * scratch;
	UimlFault *fault;
} StaticConversion;

/* ---------- what there is ---------- */

/* A tensor of a number for each token, or none. */
static UimlStatus
find_by_token(const StaticConversion *conversion, const char *name, const UimlTensor **tensor)
{
	size_t vocabulary = conversion->source->tokenizer->vocabulary;

	*tensor = uiml_safetensors_find(conversion->source->weights, name);
	if (*tensor == NULL)
		return UIML_OK;
	if ((*tensor)->dims != 1)
		return uiml_fault(conversion->fault, "Tensor \"%s\" has %zu dimensions instead of one.", name,
						  (*tensor)->dims);
	if ((*tensor)->shape[0] < vocabulary)
		return uiml_fault(conversion->fault, "Tensor \"%s\" has %zu elements for the tokenizer's %zu tokens.",
						  name, (*tensor)->shape[0], vocabulary);
	return UIML_OK;
}

/* NULL with a fault. */
static const UimlTensor *
find_embeddings(const StaticConversion *conversion)
{
	const UimlSafetensors *weights = conversion->source->weights;
	const UimlTensor *tensor = uiml_safetensors_find(weights, "embeddings");

	if (tensor == NULL)
		tensor = uiml_safetensors_find(weights, "embedding.weight");
	if (tensor == NULL)
		(void) uiml_fault(conversion->fault, "There is no tensor \"embeddings\".");
	else if (tensor->dims != 2)
		(void) uiml_fault(conversion->fault, "Tensor \"%s\" has %zu dimensions instead of two.", tensor->name,
						  tensor->dims);
	else if (tensor->shape[1] < 1 || tensor->shape[1] > UIML_ENCODER_MAX_DIMS)
		(void) uiml_fault(conversion->fault,
						  "Tensor \"%s\" has vectors of %zu dimensions; 1 to %d are possible.", tensor->name,
						  tensor->shape[1], UIML_ENCODER_MAX_DIMS);
	else if (tensor->shape[0] < 1 || tensor->shape[0] > UIML_STATIC_MAX_ROWS)
		(void) uiml_fault(conversion->fault, "Tensor \"%s\" has %zu rows; 1 to %zu are possible.",
						  tensor->name, tensor->shape[0], UIML_STATIC_MAX_ROWS);
	else
		return tensor;
	return NULL;
}

static UimlStatus
find_tensors(StaticConversion *conversion)
{
	size_t vocabulary = conversion->source->tokenizer->vocabulary;
	UimlStatus status;

	conversion->embeddings = find_embeddings(conversion);
	if (conversion->embeddings == NULL)
		return UIML_ECORRUPT;
	status = find_by_token(conversion, "mapping", &conversion->mapping);
	if (status == UIML_OK)
		status = find_by_token(conversion, "weights", &conversion->weights);
	if (status == UIML_OK && conversion->mapping == NULL && conversion->embeddings->shape[0] < vocabulary)
		return uiml_fault(conversion->fault, "Tensor \"%s\" has %zu rows for the tokenizer's %zu tokens.",
						  conversion->embeddings->name, conversion->embeddings->shape[0], vocabulary);
	return status;
}

static UimlStatus
lay_out(StaticConversion *conversion)
{
	const UimlModelConfig *config = conversion->source->config;
	const UimlTokenizer *tokenizer = conversion->source->tokenizer;

	conversion->shape = (UimlStaticShape){.dims = conversion->embeddings->shape[1],
										  .rows = conversion->embeddings->shape[0],
										  .vocabulary = tokenizer->vocabulary,
										  .tokenizer = tokenizer->length,
										  .max_tokens = config->max_tokens,
										  .left_out = uiml_static_left_out(tokenizer),
										  .mapping = conversion->mapping != NULL,
										  .weights = conversion->weights != NULL,
										  .normalize = config->normalize != 0};
	if (!uiml_static_layout(&conversion->shape, &conversion->layout))
		return uiml_fault(conversion->fault, "The model is too large.");
	return UIML_OK;
}

static void
tell(const StaticConversion *conversion, UimlModelInfo *info)
{
	const UimlStaticShape *shape = &conversion->shape;

	info->kind = UIML_ENCODER_STATIC;
	info->dims = shape->dims;
	info->vocabulary = shape->vocabulary;
	info->layers = 0;
	info->max_tokens = shape->max_tokens;
	info->pooling = UIML_POOLING_MEAN;
	info->normalize = shape->normalize;
	info->parameters = (uint64_t) shape->rows * shape->dims + (shape->weights ? shape->vocabulary : 0);
	info->size = conversion->layout.size;
}

/* ---------- the parts ---------- */

static UimlStatus
write_floats(StaticConversion *conversion, const UimlTensor *tensor, size_t count)
{
	UimlStatus status = UIML_OK;

	for (size_t at = 0; status == UIML_OK && at < count; at += CHUNK)
	{
		size_t n = count - at < CHUNK ? count - at : CHUNK;

		if (uiml_interrupted(conversion->env))
			return UIML_EINTERRUPTED;
		status = uiml_tensor_floats(conversion->source->weights, tensor, at, n, conversion->scratch->real,
									conversion->fault);
		if (status == UIML_OK)
			status = uiml_encoder_write(&conversion->writer, conversion->scratch->real, n * sizeof(float));
	}
	return status == UIML_OK ? uiml_encoder_write_pad(&conversion->writer) : status;
}

/* The first of n rows that isn't one of the embeddings'. */
static UimlStatus
check_rows(const StaticConversion *conversion, size_t first, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		int32_t row = conversion->scratch->integer[i];

		if (row < 0 || (size_t) row >= conversion->shape.rows)
			return uiml_fault(conversion->fault,
							  "Tensor \"mapping\" gives token %zu row %d of embeddings that have %zu.",
							  first + i, (int) row, conversion->shape.rows);
	}
	return UIML_OK;
}

static UimlStatus
write_mapping(StaticConversion *conversion)
{
	size_t count = conversion->shape.vocabulary;
	UimlStatus status = UIML_OK;

	for (size_t at = 0; status == UIML_OK && at < count; at += CHUNK)
	{
		size_t n = count - at < CHUNK ? count - at : CHUNK;

		if (uiml_interrupted(conversion->env))
			return UIML_EINTERRUPTED;
		status = uiml_tensor_integers(conversion->source->weights, conversion->mapping, at, n,
									  conversion->scratch->integer, conversion->fault);
		if (status == UIML_OK)
			status = check_rows(conversion, at, n);
		if (status == UIML_OK)
			status =
				uiml_encoder_write(&conversion->writer, conversion->scratch->integer, n * sizeof(int32_t));
	}
	return status == UIML_OK ? uiml_encoder_write_pad(&conversion->writer) : status;
}

static UimlStatus
write_parts(StaticConversion *conversion, UimlOutput *out)
{
	const UimlTokenizer *tokenizer = conversion->source->tokenizer;
	const UimlStaticShape *shape = &conversion->shape;
	unsigned char header[ENCODER_HEADER_SIZE];
	UimlStatus status;

	uiml_encoder_write_begin(&conversion->writer, out);
	uiml_static_put_header(shape, &conversion->layout, header);
	status = uiml_encoder_write(&conversion->writer, header, sizeof(header));
	if (status == UIML_OK)
		status = uiml_encoder_write(&conversion->writer, tokenizer->bytes, tokenizer->length);
	if (status == UIML_OK)
		status = uiml_encoder_write_pad(&conversion->writer);
	if (status == UIML_OK)
		status = write_floats(conversion, conversion->embeddings, shape->rows * shape->dims);
	if (status == UIML_OK && shape->mapping)
		status = write_mapping(conversion);
	if (status == UIML_OK && shape->weights)
		status = write_floats(conversion, conversion->weights, shape->vocabulary);
	return status == UIML_OK ? uiml_encoder_write_end(&conversion->writer) : status;
}

UimlStatus
uiml_static_convert(const UimlEnv *env, const UimlModelSource *source, UimlOutput *out, UimlModelInfo *info,
					UimlFault *fault)
{
	StaticConversion conversion = {.env = env, .source = source, .fault = fault};
	UimlStatus status = find_tensors(&conversion);

	if (status == UIML_OK)
		status = lay_out(&conversion);
	if (status != UIML_OK)
		return status;
	tell(&conversion, info);
	conversion.scratch = uiml_alloc(env, 1, sizeof(*conversion.scratch));
	if (conversion.scratch == NULL)
		return UIML_ENOMEM;
	status = write_parts(&conversion, out);
	uiml_free(env, conversion.scratch);
	return status;
}
