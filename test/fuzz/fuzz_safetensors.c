/*
 * fuzz_safetensors.c
 *	  uiml_safetensors_open on arbitrary bytes; whatever it accepts is read, and converted as a transformer.
 *
 * The settings of the transformer are fixed and tiny, so that a seed can have all its tensors: what is found of
 * them then depends on the input.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/encoder_format.h"
#include "core/model_source.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

typedef struct File
{
	const uint8_t *bytes;
	size_t size;
} File;

/* The beginning of what is written, and its length. */
typedef struct Sink
{
	unsigned char header[ENCODER_HEADER_SIZE];
	uint64_t length;
} Sink;

static UimlStatus
file_read(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	const File *file = ctx;

	if (offset > file->size || count > file->size - offset)
		abort();
	memcpy(bytes, file->bytes + offset, count);
	return UIML_OK;
}

static UimlStatus
sink_write(void *ctx, const void *bytes, size_t count)
{
	Sink *sink = ctx;

	for (size_t i = 0; i < count && sink->length + i < ENCODER_HEADER_SIZE; i++)
		sink->header[sink->length + i] = ((const unsigned char *) bytes)[i];
	sink->length += count;
	return UIML_OK;
}

/* Every element of every tensor, in pieces. */
static void
read_all(const UimlSafetensors *file)
{
	UimlFault fault = {""};

	for (size_t i = 0; i < file->n; i++)
	{
		const UimlTensor *tensor = &file->tensor[i];

		if (uiml_safetensors_find(file, tensor->name) != tensor)
			abort();
		for (size_t at = 0; at < tensor->count; at += 100)
		{
			size_t count = tensor->count - at < 100 ? tensor->count - at : 100;
			float x[100];
			int32_t whole[100];

			if (uiml_tensor_floats(file, tensor, at, count, x, &fault) == UIML_OK)
			{
				for (size_t j = 0; j < count; j++)
				{
					if (!isfinite(x[j]))
						abort();
				}
			}
			(void) uiml_tensor_integers(file, tensor, at, count, whole, &fault);
		}
	}
}

static void
convert(const UimlEnv *env, const UimlSafetensors *weights)
{
	static const unsigned char bytes[] = "tokenizer";
	const UimlModelConfig config = {.kind = UIML_ENCODER_BERT,
									.vocabulary = 3,
									.hidden = 2,
									.layers = 1,
									.heads = 1,
									.ffn = 3,
									.positions = 4,
									.position_first = 1,
									.token_types = 1,
									.eps = 1e-12,
									.activation = UIML_ACTIVATION_GELU,
									.pooling = UIML_POOLING_MEAN,
									.normalize = -1,
									.max_tokens = 3};
	const UimlTokenizer tokenizer = {
		.vocabulary = 3, .prefix = 1, .suffix = 1, .bytes = bytes, .length = sizeof(bytes)};
	UimlModelSource source = {.config = &config, .weights = weights, .tokenizer = &tokenizer};
	Sink sink = {.length = 0};
	UimlOutput out = {.write = sink_write, .ctx = &sink};
	UimlModelInfo info;
	UimlFault fault = {""};
	UimlBertShape shape;
	UimlBertLayout layout;
	UimlStatus status = uiml_bert_convert(env, &source, &out, &info, &fault);

	if ((status == UIML_OK) != (fault.text[0] == '\0'))
		abort();
	if (status == UIML_OK &&
		(sink.length != info.size ||
		 uiml_bert_get_header(sink.header, (size_t) sink.length, &shape, &layout) != UIML_OK))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	UimlEnv env = uiml_env_malloc();
	File bytes = {.bytes = data, .size = size};
	UimlInput input = {.size = size, .read = file_read, .ctx = &bytes};
	UimlSafetensors file;
	UimlFault fault = {""};

	if (uiml_safetensors_open(&env, &input, &file, &fault) != UIML_OK)
	{
		if (fault.text[0] == '\0')
			abort();
		return 0;
	}
	read_all(&file);
	convert(&env, &file);
	uiml_safetensors_close(&env, &file);
	return 0;
}
