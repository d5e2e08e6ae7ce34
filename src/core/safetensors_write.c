/*
 * safetensors_write.c
 *	  Writing tensors as a safetensors file.
 *
 * The header is made twice by the same code: once to count its bytes, once to keep them.
 */
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/safetensors_write.h"

#define LENGTH_SIZE 8

/* Elements that are turned into bytes at a time, and between two questions for an interrupt. */
#define PIECE   ((size_t) 2048)
#define CHECKED ((size_t) 128 * PIECE)

/* Text that is counted, and kept as far as there is room. */
typedef struct Text
{
	char *bytes;
	size_t room;
	size_t length;
} Text;

static void
append(Text *text, const char *bytes, size_t length)
{
	if (text->length < text->room)
		memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

static void
append_text(Text *text, const char *string)
{
	append(text, string, strlen(string));
}

static void
append_size(Text *text, size_t size)
{
	char digits[24];

	(void) snprintf(digits, sizeof(digits), "%zu", size);
	append_text(text, digits);
}

/* A string of JSON: what isn't ASCII stays as it is. */
static void
append_string(Text *text, const char *string)
{
	append_text(text, "\"");
	for (const char *c = string; *c != '\0'; c++)
	{
		char escape[8];

		if (*c == '"' || *c == '\\')
			(void) snprintf(escape, sizeof(escape), "\\%c", *c);
		else if ((unsigned char) *c < ' ')
			(void) snprintf(escape, sizeof(escape), "\\u%04x", (unsigned) *c);
		else
			(void) snprintf(escape, sizeof(escape), "%c", *c);
		append_text(text, escape);
	}
	append_text(text, "\"");
}

/* Bytes of an element as it is written; 0: it isn't. */
static size_t
element_size(UimlTensorType type)
{
	switch (type)
	{
		case UIML_TENSOR_F32:
		case UIML_TENSOR_I32:
			return 4;
		case UIML_TENSOR_U8:
			return 1;
		default:
			return 0;
	}
}

/* Elements and bytes of a tensor, false on overflow. */
static bool
tensor_measure(const UimlTensorOut *tensor, size_t *count, size_t *bytes)
{
	*count = 1;
	if (element_size(tensor->type) == 0 || tensor->dims > UIML_TENSOR_DIMS)
		return false;
	for (size_t i = 0; i < tensor->dims; i++)
	{
		if (__builtin_mul_overflow(*count, tensor->shape[i], count))
			return false;
	}
	return !__builtin_mul_overflow(*count, element_size(tensor->type), bytes);
}

static void
append_metadata(Text *text, const UimlTensorFile *file)
{
	append_text(text, "\"__metadata__\":{");
	for (size_t i = 0; i < file->n_metadata; i++)
	{
		if (i > 0)
			append_text(text, ",");
		append_string(text, file->metadata[i].name);
		append_text(text, ":");
		append_string(text, file->metadata[i].value);
	}
	append_text(text, "}");
}

/* A tensor whose bytes are begin .. end - 1. */
static void
append_tensor(Text *text, const UimlTensorOut *tensor, size_t begin, size_t end)
{
	append_string(text, tensor->name);
	append_text(text, ":{\"dtype\":");
	append_string(text, uiml_tensor_type_name(tensor->type));
	append_text(text, ",\"shape\":[");
	for (size_t i = 0; i < tensor->dims; i++)
	{
		if (i > 0)
			append_text(text, ",");
		append_size(text, tensor->shape[i]);
	}
	append_text(text, "],\"data_offsets\":[");
	append_size(text, begin);
	append_text(text, ",");
	append_size(text, end);
	append_text(text, "]}");
}

/* The header's text with its padding; *data receives the bytes behind it.  False where some size overflows. */
static bool
append_header(Text *text, const UimlTensorFile *file, size_t *data)
{
	*data = 0;
	append_text(text, "{");
	if (file->n_metadata > 0)
		append_metadata(text, file);
	for (size_t i = 0; i < file->n; i++)
	{
		size_t begin = *data;
		size_t count;
		size_t bytes;

		if (!tensor_measure(&file->tensor[i], &count, &bytes) || __builtin_add_overflow(*data, bytes, data))
			return false;
		if (i > 0 || file->n_metadata > 0)
			append_text(text, ",");
		append_tensor(text, &file->tensor[i], begin, *data);
	}
	append_text(text, "}");
	while (text->length % 8 != 0)
		append_text(text, " ");
	return true;
}

/* As uiml_safetensors_size, with the bytes of the header's text. */
static size_t
file_measure(const UimlTensorFile *file, size_t *header)
{
	Text text = {.length = 0};
	size_t size;

	if (file->n > UIML_SAFETENSORS_TENSORS || !append_header(&text, file, &size) ||
		text.length > UIML_SAFETENSORS_HEADER ||
		__builtin_add_overflow(size, LENGTH_SIZE + text.length, &size))
		return 0;
	*header = text.length;
	return size;
}

size_t
uiml_safetensors_size(const UimlTensorFile *file)
{
	size_t header;

	return file_measure(file, &header);
}

static UimlStatus
header_write(const UimlEnv *env, const UimlTensorFile *file, size_t length, UimlOutput *out)
{
	Text text = {.bytes = uiml_alloc(env, length, 1), .room = length};
	uint8_t number[LENGTH_SIZE];
	size_t data;
	UimlStatus status;

	if (text.bytes == NULL)
		return UIML_ENOMEM;
	(void) append_header(&text, file, &data);
	uiml_put_bytes(number, length, LENGTH_SIZE);
	status = out->write(out->ctx, number, LENGTH_SIZE);
	if (status == UIML_OK)
		status = out->write(out->ctx, text.bytes, length);
	uiml_free(env, text.bytes);
	return status;
}

/* Elements first .. first + count - 1, little-endian. */
static size_t
bytes_of(const UimlTensorOut *tensor, size_t first, size_t count, uint8_t *byte)
{
	if (tensor->type == UIML_TENSOR_U8)
		memcpy(byte, (const uint8_t *) tensor->data + first, count);
	for (size_t i = first; i < first + count; i++)
	{
		if (tensor->type == UIML_TENSOR_F32)
			byte = uiml_put_f32(byte, ((const float *) tensor->data)[i]);
		else if (tensor->type == UIML_TENSOR_I32)
			byte = uiml_put_bytes(byte, (uint32_t) ((const int32_t *) tensor->data)[i], 4);
	}
	return count * element_size(tensor->type);
}

static UimlStatus
tensor_write(const UimlEnv *env, const UimlTensorOut *tensor, UimlOutput *out)
{
	uint8_t bytes[PIECE * 4];
	size_t count;
	size_t ignored;

	(void) tensor_measure(tensor, &count, &ignored);
	for (size_t first = 0; first < count; first += PIECE)
	{
		size_t n = count - first < PIECE ? count - first : PIECE;
		UimlStatus status = UIML_OK;

		if (first % CHECKED == 0 && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		if (status == UIML_OK)
			status = out->write(out->ctx, bytes, bytes_of(tensor, first, n, bytes));
		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}

UimlStatus
uiml_safetensors_write(const UimlEnv *env, const UimlTensorFile *file, UimlOutput *out)
{
	size_t header;
	UimlStatus status;

	if (file_measure(file, &header) == 0)
		return UIML_ELIMIT;
	status = header_write(env, file, header, out);
	for (size_t i = 0; i < file->n && status == UIML_OK; i++)
		status = tensor_write(env, &file->tensor[i], out);
	return status;
}
