/*
 * safetensors_write.h
 *	  Writing tensors as a safetensors file.
 *
 * The same tensors and metadata give the same bytes: tensors come in the order in which they are given, in the header and
 * behind it, and the header is padded with blanks, so that data start at a multiple of 8.
 */
#ifndef UIML_SAFETENSORS_WRITE_H
#define UIML_SAFETENSORS_WRITE_H

#include "core/safetensors.h"
#include "core/stream.h"

/* data: floats for UIML_TENSOR_F32, int32_t for UIML_TENSOR_I32, bytes for UIML_TENSOR_U8; other types aren't written. */
typedef struct UimlTensorOut
{
	const char *name; /* UTF-8 */
	UimlTensorType type;
	size_t dims; /* up to UIML_TENSOR_DIMS */
	size_t shape[UIML_TENSOR_DIMS];
	const void *data; /* row-major */
} UimlTensorOut;

typedef struct UimlTensorFile
{
	const UimlTensorOut *tensor;
	size_t n;
	const UimlMetadata *metadata;
	size_t n_metadata;
} UimlTensorFile;

/*
 * uiml_safetensors_size
 *		Bytes of the file; 0 where it has more than size_t holds, more tensors or a longer header than
 *		uiml_safetensors_open reads, or a tensor of a type or shape that isn't written.
 */
extern size_t uiml_safetensors_size(const UimlTensorFile *file);

/*
 * uiml_safetensors_write
 *		Writes the file.  UIML_OK; UIML_ELIMIT where uiml_safetensors_size is 0; UIML_ENOMEM; UIML_EINTERRUPTED, asked every
 *		megabyte; what writing returns.
 *
 * Names and metadata must be UTF-8, names different from one another and from "__metadata__": neither is checked.
 */
extern UimlStatus uiml_safetensors_write(const UimlEnv *env, const UimlTensorFile *file, UimlOutput *out);

#endif /* UIML_SAFETENSORS_WRITE_H */
