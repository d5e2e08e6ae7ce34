/*
 * safetensors.h
 *	  Reading tensors of a safetensors file of unknown origin.
 *
 * A file is 8 bytes with the length n of the header, little-endian, n bytes of JSON that give type, shape and
 * the place of each tensor's bytes, and these bytes, without a hole and without an overlap.
 */
#ifndef UIML_SAFETENSORS_H
#define UIML_SAFETENSORS_H

#include "core/fault.h"
#include "core/stream.h"

#define UIML_TENSOR_DIMS         8
#define UIML_SAFETENSORS_TENSORS 16384
#define UIML_SAFETENSORS_HEADER  ((size_t) 4 * 1024 * 1024)

typedef enum UimlTensorType
{
	UIML_TENSOR_F64,
	UIML_TENSOR_F32,
	UIML_TENSOR_F16,
	UIML_TENSOR_BF16,
	UIML_TENSOR_I64,
	UIML_TENSOR_I32,
	UIML_TENSOR_I16,
	UIML_TENSOR_I8,
	UIML_TENSOR_U8,
	UIML_TENSOR_BOOL
} UimlTensorType;

typedef struct UimlTensor
{
	const char *name; /* UTF-8 */
	UimlTensorType type;
	size_t dims;
	size_t shape[UIML_TENSOR_DIMS]; /* row-major, the last dimension is contiguous; 0 is possible */
	size_t count;                   /* elements */
	uint64_t offset;                /* of its first byte in the file */
} UimlTensor;

/* What a file says of itself. */
typedef struct UimlMetadata
{
	const char *name; /* UTF-8, as value */
	const char *value;
} UimlMetadata;

typedef struct UimlSafetensors
{
	const UimlInput *input;
	UimlTensor *tensor; /* by name */
	size_t n;
	UimlMetadata *metadata; /* in any order; what isn't a string without null characters is left out */
	size_t n_metadata;
	void *memory;
} UimlSafetensors;

/*
 * uiml_safetensors_open
 *		Reads and checks the header.  UIML_OK (then close it); UIML_ECORRUPT with a fault, also for what
 *		exceeds the limits above; UIML_ENOMEM; what reading returns.
 */
extern UimlStatus uiml_safetensors_open(const UimlEnv *env, const UimlInput *input, UimlSafetensors *file,
										UimlFault *fault);
extern void uiml_safetensors_close(const UimlEnv *env, UimlSafetensors *file);

/* The tensor of a name, or NULL. */
extern const UimlTensor *uiml_safetensors_find(const UimlSafetensors *file, const char *name);

/* The value of a name in the metadata, or NULL. */
extern const char *uiml_safetensors_metadata(const UimlSafetensors *file, const char *name);

/* "F32", static; and whether it is one of F64, F32, F16, BF16. */
extern const char *uiml_tensor_type_name(UimlTensorType type);
extern bool uiml_tensor_is_real(const UimlTensor *tensor);

/*
 * Elements first .. first + count - 1 of a tensor, converted.  As floats: UIML_ENOTFINITE for NaN, infinity and
 * F64 values beyond float, with a fault.  As integers: UIML_ECORRUPT where the type is a real one or a
 * value is outside int32.  UIML_EINVALID for elements beyond the tensor; what reading returns.  Some hundred
 * megabytes a second: ask for interrupts every megabyte.
 */
extern UimlStatus uiml_tensor_floats(const UimlSafetensors *file, const UimlTensor *tensor, size_t first,
									 size_t count, float *x, UimlFault *fault);
extern UimlStatus uiml_tensor_integers(const UimlSafetensors *file, const UimlTensor *tensor, size_t first,
									   size_t count, int32_t *x, UimlFault *fault);

#endif /* UIML_SAFETENSORS_H */
