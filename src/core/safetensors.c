/*
 * safetensors.c
 *	  Reading tensors of a safetensors file of unknown origin.
 *
 * The format is that of huggingface/safetensors.  Its rules are kept to the letter: no hole, no overlap, no byte
 * behind the last tensor, so that nothing but tensors hides in a file.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/json.h"
#include "core/safetensors.h"

/* The number in front of the header. */
#define LENGTH_SIZE 8

/* Bytes that are converted at a time, and those of a header that are read at a time. */
#define PIECE      ((size_t) 16 * 1024)
#define READ_PIECE ((size_t) 256 * 1024)

/* The member of the header that is no tensor. */
#define METADATA "__metadata__"

/* Of a name, in a fault. */
#define SHOWN 120

static const struct
{
	const char *name;
	size_t size;
} tensor_types[] = {
	[UIML_TENSOR_F64] = {"F64", 8},   [UIML_TENSOR_F32] = {"F32", 4}, [UIML_TENSOR_F16] = {"F16", 2},
	[UIML_TENSOR_BF16] = {"BF16", 2}, [UIML_TENSOR_I64] = {"I64", 8}, [UIML_TENSOR_I32] = {"I32", 4},
	[UIML_TENSOR_I16] = {"I16", 2},   [UIML_TENSOR_I8] = {"I8", 1},   [UIML_TENSOR_U8] = {"U8", 1},
	[UIML_TENSOR_BOOL] = {"BOOL", 1},
};

const char *
uiml_tensor_type_name(UimlTensorType type)
{
	return tensor_types[type].name;
}

bool
uiml_tensor_is_real(const UimlTensor *tensor)
{
	return tensor->type <= UIML_TENSOR_BF16;
}

/* ---------- the header ---------- */

/* Reads the header's text into memory of env, which is to be freed whatever comes back. */
static UimlStatus
header_read(const UimlEnv *env, const UimlInput *input, char **text, size_t *length, UimlFault *fault)
{
	uint8_t bytes[LENGTH_SIZE];
	uint64_t n;
	UimlStatus status;

	*text = NULL;
	if (input->size < LENGTH_SIZE)
		return uiml_fault(fault, "A safetensors file of %llu bytes has no header.",
						  (unsigned long long) input->size);
	status = input->read(input->ctx, 0, bytes, LENGTH_SIZE);
	if (status != UIML_OK)
		return status;
	n = uiml_get_bytes(bytes, LENGTH_SIZE);
	if (n > input->size - LENGTH_SIZE)
		return uiml_fault(fault,
						  "The header of the safetensors file is said to have %llu bytes, the file has %llu.",
						  (unsigned long long) n, (unsigned long long) input->size);
	if (n > UIML_SAFETENSORS_HEADER)
		return uiml_fault(fault, "The header of the safetensors file has %llu bytes; at most %zu are read.",
						  (unsigned long long) n, UIML_SAFETENSORS_HEADER);
	*length = (size_t) n;
	*text = uiml_alloc(env, *length, 1);
	if (*text == NULL)
		return UIML_ENOMEM;
	for (size_t at = 0; at < *length && status == UIML_OK; at += READ_PIECE)
	{
		size_t count = *length - at < READ_PIECE ? *length - at : READ_PIECE;

		status = uiml_interrupted(env) ? UIML_EINTERRUPTED
									   : input->read(input->ctx, LENGTH_SIZE + at, *text + at, count);
	}
	return status;
}

static UimlStatus
type_named(const UimlTensor *tensor, const json_t *name, UimlTensorType *type, UimlFault *fault)
{
	const char *given = json_string_value(name);

	if (given == NULL)
		return uiml_fault(fault, "Tensor \"%.*s\" has no type.", SHOWN, tensor->name);
	for (size_t i = 0; i < sizeof(tensor_types) / sizeof(tensor_types[0]); i++)
	{
		if (strcmp(given, tensor_types[i].name) == 0)
		{
			*type = (UimlTensorType) i;
			return UIML_OK;
		}
	}
	return uiml_fault(fault, "Tensor \"%.*s\" has type \"%.*s\", which is not supported.", SHOWN,
					  tensor->name, SHOWN, given);
}

static UimlStatus
shape_take(UimlTensor *tensor, const json_t *shape, UimlFault *fault)
{
	bool overflow = false;

	if (!json_is_array(shape) || json_array_size(shape) > UIML_TENSOR_DIMS)
		return uiml_fault(fault, "The shape of tensor \"%.*s\" is not a list of at most %d sizes.", SHOWN,
						  tensor->name, UIML_TENSOR_DIMS);
	tensor->dims = json_array_size(shape);
	tensor->count = 1;
	for (size_t i = 0; i < tensor->dims; i++)
	{
		long long size;

		if (!uiml_json_whole(json_array_get(shape, i), &size) || size < 0 ||
			(unsigned long long) size > SIZE_MAX / 2)
			return uiml_fault(fault, "The shape of tensor \"%.*s\" has a size that is none.", SHOWN,
							  tensor->name);
		tensor->shape[i] = (size_t) size;
		/* What overflows before a size of 0 is a fault all the same. */
		overflow |= __builtin_mul_overflow(tensor->count, (size_t) size, &tensor->count);
	}
	if (overflow)
		return uiml_fault(fault, "The shape of tensor \"%.*s\" is too large.", SHOWN, tensor->name);
	return UIML_OK;
}

/* The place of a tensor's bytes, data: where those of all tensors start, until: the file's end. */
static UimlStatus
place_take(UimlTensor *tensor, const json_t *offsets, uint64_t data, uint64_t until, UimlFault *fault)
{
	long long begin;
	long long end;
	size_t bytes;

	if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
		!uiml_json_whole(json_array_get(offsets, 0), &begin) ||
		!uiml_json_whole(json_array_get(offsets, 1), &end))
		return uiml_fault(fault, "Tensor \"%.*s\" has no two data offsets.", SHOWN, tensor->name);
	if (begin < 0 || end < begin || (uint64_t) end > until - data)
		return uiml_fault(fault, "The bytes %lld to %lld of tensor \"%.*s\" are outside the file.", begin,
						  end, SHOWN, tensor->name);
	if (__builtin_mul_overflow(tensor->count, tensor_types[tensor->type].size, &bytes) ||
		bytes != (uint64_t) (end - begin))
		return uiml_fault(fault, "Tensor \"%.*s\" has %lld bytes, not those of its type and shape.", SHOWN,
						  tensor->name, end - begin);
	tensor->offset = data + (uint64_t) begin;
	return UIML_OK;
}

static UimlStatus
tensor_take(UimlTensor *tensor, const json_t *value, uint64_t data, uint64_t until, UimlFault *fault)
{
	UimlStatus status;

	if (!json_is_object(value))
		return uiml_fault(fault, "Tensor \"%.*s\" is not described by an object.", SHOWN, tensor->name);
	status = type_named(tensor, json_object_get(value, "dtype"), &tensor->type, fault);
	if (status == UIML_OK)
		status = shape_take(tensor, json_object_get(value, "shape"), fault);
	if (status == UIML_OK)
		status = place_take(tensor, json_object_get(value, "data_offsets"), data, until, fault);
	return status;
}

static bool
is_plain_string(const json_t *value)
{
	return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

/* Counts the tensors, the metadata, and the bytes of all their names and values. */
static UimlStatus
names_measure(json_t *root, UimlSafetensors *file, size_t *names, UimlFault *fault)
{
	const char *key;
	json_t *value;

	if (!json_is_object(root))
		return uiml_fault(fault, "The header of the safetensors file is not an object.");
	*names = 0;
	json_object_foreach(root, key, value)
	{
		if (strcmp(key, METADATA) == 0)
			continue;
		file->n++;
		*names += strlen(key) + 1;
	}
	json_object_foreach(json_object_get(root, METADATA), key, value)
	{
		if (!is_plain_string(value))
			continue;
		file->n_metadata++;
		*names += strlen(key) + 1 + json_string_length(value) + 1;
	}
	if (file->n > UIML_SAFETENSORS_TENSORS)
		return uiml_fault(fault, "The safetensors file has %zu tensors; at most %d are read.", file->n,
						  UIML_SAFETENSORS_TENSORS);
	return UIML_OK;
}

/* Copies a string to *at, which it moves behind it. */
static const char *
copy_string(char **at, const char *string)
{
	size_t size = strlen(string) + 1;
	char *copy = memcpy(*at, string, size);

	*at += size;
	return copy;
}

static void
metadata_take(UimlSafetensors *file, json_t *metadata, char **names)
{
	const char *key;
	json_t *value;
	UimlMetadata *next = file->metadata;

	json_object_foreach(metadata, key, value)
	{
		if (!is_plain_string(value))
			continue;
		next->name = copy_string(names, key);
		next->value = copy_string(names, json_string_value(value));
		next++;
	}
}

/* Takes metadata and all tensors of the header, in any order. */
static UimlStatus
tensors_take(const UimlEnv *env, UimlSafetensors *file, json_t *root, uint64_t data, UimlFault *fault)
{
	size_t names = 0;
	char *name;
	const char *key;
	json_t *value;
	UimlStatus status = names_measure(root, file, &names, fault);

	if (status != UIML_OK)
		return status;
	file->memory =
		uiml_alloc(env, file->n * sizeof(UimlTensor) + file->n_metadata * sizeof(UimlMetadata) + names, 1);
	if (file->memory == NULL)
		return UIML_ENOMEM;
	file->tensor = file->memory;
	file->metadata = (UimlMetadata *) (file->tensor + file->n);
	name = (char *) (file->metadata + file->n_metadata);
	metadata_take(file, json_object_get(root, METADATA), &name);
	file->n = 0;
	json_object_foreach(root, key, value)
	{
		UimlTensor *tensor = &file->tensor[file->n];

		if (strcmp(key, METADATA) == 0)
			continue;
		*tensor = (UimlTensor){.name = copy_string(&name, key)};
		status = tensor_take(tensor, value, data, file->input->size, fault);
		if (status != UIML_OK)
			return status;
		file->n++;
	}
	return UIML_OK;
}

static size_t
tensor_bytes(const UimlTensor *tensor)
{
	return tensor->count * tensor_types[tensor->type].size;
}

/* By place; those without a byte come first. */
static int
compare_places(const void *left, const void *right)
{
	const UimlTensor *a = left;
	const UimlTensor *b = right;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	if (tensor_bytes(a) != tensor_bytes(b))
		return tensor_bytes(a) < tensor_bytes(b) ? -1 : 1;
	return 0;
}

static int
compare_names(const void *left, const void *right)
{
	return strcmp(((const UimlTensor *) left)->name, ((const UimlTensor *) right)->name);
}

/* Each tensor starts where the one before it ends, the last ends where the file does. */
static UimlStatus
places_check(UimlSafetensors *file, uint64_t data, UimlFault *fault)
{
	uint64_t at = data;

	if (file->n > 0)
		qsort(file->tensor, file->n, sizeof(UimlTensor), compare_places);
	for (size_t i = 0; i < file->n; i++)
	{
		const UimlTensor *tensor = &file->tensor[i];

		if (tensor->offset != at)
			return uiml_fault(fault, "There %s before tensor \"%.*s\" in the safetensors file.",
							  tensor->offset > at ? "is a gap" : "are overlapping bytes", SHOWN,
							  tensor->name);
		at += tensor_bytes(tensor);
	}
	if (at != file->input->size)
		return uiml_fault(fault, "The tensors of the safetensors file end at byte %llu, the file at %llu.",
						  (unsigned long long) at, (unsigned long long) file->input->size);
	if (file->n > 0)
		qsort(file->tensor, file->n, sizeof(UimlTensor), compare_names);
	return UIML_OK;
}

UimlStatus
uiml_safetensors_open(const UimlEnv *env, const UimlInput *input, UimlSafetensors *file, UimlFault *fault)
{
	char *text;
	size_t length = 0;
	json_t *root;
	UimlStatus status;

	*file = (UimlSafetensors){.input = input};
	status = header_read(env, input, &text, &length, fault);
	if (status == UIML_OK)
		status = uiml_json_parse(env, "The header of the safetensors file", text, length, &root, fault);
	uiml_free(env, text);
	if (status != UIML_OK)
		return status;
	status = tensors_take(env, file, root, LENGTH_SIZE + (uint64_t) length, fault);
	json_decref(root);
	if (status == UIML_OK)
		status = places_check(file, LENGTH_SIZE + (uint64_t) length, fault);
	if (status != UIML_OK)
		uiml_safetensors_close(env, file);
	return status;
}

void
uiml_safetensors_close(const UimlEnv *env, UimlSafetensors *file)
{
	uiml_free(env, file->memory);
	file->memory = NULL;
	file->tensor = NULL;
	file->n = 0;
	file->metadata = NULL;
	file->n_metadata = 0;
}

const UimlTensor *
uiml_safetensors_find(const UimlSafetensors *file, const char *name)
{
	const UimlTensor key = {.name = name};

	return file->n == 0 ? NULL : bsearch(&key, file->tensor, file->n, sizeof(key), compare_names);
}

const char *
uiml_safetensors_metadata(const UimlSafetensors *file, const char *name)
{
	for (size_t i = 0; i < file->n_metadata; i++)
	{
		if (strcmp(file->metadata[i].name, name) == 0)
			return file->metadata[i].value;
	}
	return NULL;
}

/* ---------- elements ---------- */

static float
float_of_bits(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* IEEE 754 binary16, also its subnormals, infinity and NaN. */
static float
float_of_half(uint32_t half)
{
	uint32_t sign = (half & 0x8000) << 16;
	uint32_t exponent = half >> 10 & 0x1F;
	uint32_t fraction = half & 0x3FF;

	if (exponent == 0x1F)
		return float_of_bits(sign | 0x7F800000 | fraction << 13);
	if (exponent == 0)
		return (sign != 0 ? -1.0f : 1.0f) * (float) fraction * 0x1p-24f;
	return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static int64_t
integer_at(UimlTensorType type, const uint8_t *at)
{
	switch (type)
	{
		case UIML_TENSOR_I64:
			return (int64_t) uiml_get_bytes(at, 8);
		case UIML_TENSOR_I32:
			return (int32_t) uiml_get_bytes(at, 4);
		case UIML_TENSOR_I16:
			return (int16_t) uiml_get_bytes(at, 2);
		case UIML_TENSOR_I8:
			return (int8_t) *at;
		default:
			return *at;
	}
}

/* A double beyond float becomes infinite. */
static void
floats_of(UimlTensorType type, const uint8_t *bytes, size_t count, float *x)
{
	size_t size = tensor_types[type].size;

	for (size_t i = 0; i < count; i++, bytes += size)
	{
		if (type == UIML_TENSOR_F64)
			x[i] = (float) uiml_get_f64(bytes);
		else if (type == UIML_TENSOR_F32)
			x[i] = uiml_get_f32(bytes);
		else if (type == UIML_TENSOR_F16)
			x[i] = float_of_half((uint32_t) uiml_get_bytes(bytes, 2));
		else if (type == UIML_TENSOR_BF16)
			x[i] = float_of_bits((uint32_t) uiml_get_bytes(bytes, 2) << 16);
		else
			x[i] = (float) integer_at(type, bytes);
	}
}

static UimlStatus
check_finite(const UimlTensor *tensor, size_t first, const float *x, size_t count, UimlFault *fault)
{
	for (size_t i = 0; i < count; i++)
	{
		if (isfinite(x[i]))
			continue;
		(void) uiml_fault(fault, "Element %zu of tensor \"%.*s\" is %s.", first + i, SHOWN, tensor->name,
						  isnan(x[i]) ? "not a number" : "not finite as float");
		return UIML_ENOTFINITE;
	}
	return UIML_OK;
}

static bool
range_is_inside(const UimlTensor *tensor, size_t first, size_t count)
{
	return first <= tensor->count && count <= tensor->count - first;
}

UimlStatus
uiml_tensor_floats(const UimlSafetensors *file, const UimlTensor *tensor, size_t first, size_t count,
				   float *x, UimlFault *fault)
{
	size_t size = tensor_types[tensor->type].size;
	uint64_t at = tensor->offset + (uint64_t) first * size;
	uint8_t piece[PIECE];

	if (!range_is_inside(tensor, first, count))
		return UIML_EINVALID;
	while (count > 0)
	{
		size_t n = count < PIECE / size ? count : PIECE / size;
		UimlStatus status = file->input->read(file->input->ctx, at, piece, n * size);

		if (status != UIML_OK)
			return status;
		floats_of(tensor->type, piece, n, x);
		status = check_finite(tensor, first, x, n, fault);
		if (status != UIML_OK)
			return status;
		x += n;
		first += n;
		count -= n;
		at += n * size;
	}
	return UIML_OK;
}

UimlStatus
uiml_tensor_integers(const UimlSafetensors *file, const UimlTensor *tensor, size_t first, size_t count,
					 int32_t *x, UimlFault *fault)
{
	size_t size = tensor_types[tensor->type].size;
	uint64_t at = tensor->offset + (uint64_t) first * size;
	uint8_t piece[PIECE];

	if (!range_is_inside(tensor, first, count))
		return UIML_EINVALID;
	if (uiml_tensor_is_real(tensor))
		return uiml_fault(fault, "Tensor \"%.*s\" has type %s where integers are wanted.", SHOWN,
						  tensor->name, uiml_tensor_type_name(tensor->type));
	while (count > 0)
	{
		size_t n = count < PIECE / size ? count : PIECE / size;
		UimlStatus status = file->input->read(file->input->ctx, at, piece, n * size);

		if (status != UIML_OK)
			return status;
		for (size_t i = 0; i < n; i++)
		{
			int64_t value = integer_at(tensor->type, piece + i * size);

			if (value < INT32_MIN || value > INT32_MAX)
				return uiml_fault(fault, "Element %zu of tensor \"%.*s\" is too large.", first + i, SHOWN,
								  tensor->name);
			*x++ = (int32_t) value;
		}
		first += n;
		count -= n;
		at += n * size;
	}
	return UIML_OK;
}
