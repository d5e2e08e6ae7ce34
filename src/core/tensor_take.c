/*
 * tensor_take.c
 *	  Whole tensors of a safetensors file in memory.
 */
#include "core/tensor_take.h"

/* Elements that are read between two questions for an interrupt. */
#define PIECE ((size_t) 64 * 1024)

bool
uiml_tensor_is_there(const UimlSafetensors *file, const char *name)
{
	return uiml_safetensors_find(file, name) != NULL;
}

UimlStatus
uiml_tensor_shaped(const UimlSafetensors *file, const char *name, size_t rows, size_t columns,
				   const UimlTensor **tensor, UimlFault *fault)
{
	const UimlTensor *t = uiml_safetensors_find(file, name);
	size_t dims = rows > 0 ? 2 : 1;

	*tensor = t;
	if (t == NULL)
		return uiml_fault(fault, "There is no tensor \"%s\".", name);
	if (t->dims == dims && t->shape[dims - 1] == columns && (dims == 1 || t->shape[0] == rows))
		return UIML_OK;
	if (dims == 1)
		return uiml_fault(fault, "Tensor \"%s\" must have shape [%zu].", name, columns);
	return uiml_fault(fault, "Tensor \"%s\" must have shape [%zu, %zu].", name, rows, columns);
}

UimlStatus
uiml_tensor_scalar(const UimlSafetensors *file, const char *name, const UimlTensor **tensor, UimlFault *fault)
{
	*tensor = uiml_safetensors_find(file, name);
	if (*tensor == NULL)
		return uiml_fault(fault, "There is no tensor \"%s\".", name);
	if ((*tensor)->count != 1)
		return uiml_fault(fault, "Tensor \"%s\" must have one element.", name);
	return UIML_OK;
}

UimlStatus
uiml_tensor_reals(const UimlEnv *env, const UimlSafetensors *file, const UimlTensor *tensor, size_t first,
				  size_t count, float *x, UimlFault *fault)
{
	UimlStatus status = UIML_OK;

	if (!uiml_tensor_is_real(tensor))
		return uiml_fault(fault, "Tensor \"%s\" has type %s where reals are wanted.", tensor->name,
						  uiml_tensor_type_name(tensor->type));
	for (size_t at = 0; at < count && status == UIML_OK; at += PIECE)
	{
		size_t n = count - at < PIECE ? count - at : PIECE;

		status = uiml_interrupted(env) ? UIML_EINTERRUPTED
									   : uiml_tensor_floats(file, tensor, first + at, n, x + at, fault);
	}
	return status;
}

UimlStatus
uiml_tensor_take(const UimlEnv *env, const UimlSafetensors *file, const char *name, size_t rows,
				 size_t columns, float **x, UimlFault *fault)
{
	const UimlTensor *tensor;
	UimlStatus status = uiml_tensor_shaped(file, name, rows, columns, &tensor, fault);

	*x = NULL;
	if (status != UIML_OK)
		return status;
	*x = uiml_alloc(env, tensor->count, sizeof(float));
	if (*x == NULL)
		return UIML_ENOMEM;
	return uiml_tensor_reals(env, file, tensor, 0, tensor->count, *x, fault);
}

/* The tensor of a name and one dimension, and memory for its elements. */
static UimlStatus
vector_begin(const UimlEnv *env, const UimlSafetensors *file, const char *name, size_t size,
			 const UimlTensor **tensor, void **x, size_t *n, UimlFault *fault)
{
	*x = NULL;
	*n = 0;
	*tensor = uiml_safetensors_find(file, name);
	if (*tensor == NULL)
		return uiml_fault(fault, "There is no tensor \"%s\".", name);
	if ((*tensor)->dims != 1)
		return uiml_fault(fault, "Tensor \"%s\" must have one dimension.", name);
	*x = uiml_alloc(env, (*tensor)->count, size);
	if (*x == NULL)
		return UIML_ENOMEM;
	*n = (*tensor)->count;
	return UIML_OK;
}

UimlStatus
uiml_tensor_take_integers(const UimlEnv *env, const UimlSafetensors *file, const char *name, int32_t **x,
						  size_t *n, UimlFault *fault)
{
	const UimlTensor *tensor;
	void *memory;
	UimlStatus status = vector_begin(env, file, name, sizeof(int32_t), &tensor, &memory, n, fault);

	*x = memory;
	for (size_t at = 0; at < *n && status == UIML_OK; at += PIECE)
	{
		size_t count = *n - at < PIECE ? *n - at : PIECE;

		status = uiml_interrupted(env) ? UIML_EINTERRUPTED
									   : uiml_tensor_integers(file, tensor, at, count, *x + at, fault);
	}
	return status;
}

UimlStatus
uiml_tensor_take_bytes(const UimlEnv *env, const UimlSafetensors *file, const char *name, char **x, size_t *n,
					   UimlFault *fault)
{
	const UimlTensor *tensor;
	void *memory;
	UimlStatus status = vector_begin(env, file, name, 1, &tensor, &memory, n, fault);

	*x = memory;
	if (status == UIML_OK && tensor->type != UIML_TENSOR_U8)
		return uiml_fault(fault, "Tensor \"%s\" must have type U8.", name);
	for (size_t at = 0; at < *n && status == UIML_OK; at += PIECE)
	{
		size_t count = *n - at < PIECE ? *n - at : PIECE;

		status = uiml_interrupted(env)
					 ? UIML_EINTERRUPTED
					 : file->input->read(file->input->ctx, tensor->offset + at, *x + at, count);
	}
	return status;
}
