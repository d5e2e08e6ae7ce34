/*
 * tensor_take.h
 *	  Whole tensors of a safetensors file in memory, read in pieces between which env is asked for interrupts.
 *
 * Statuses: UIML_OK; UIML_ECORRUPT with a fault where a tensor isn't there or has another type or shape; UIML_ENOTFINITE with
 * a fault; UIML_ENOMEM; UIML_EINTERRUPTED; what reading returns.
 */
#ifndef UIML_TENSOR_TAKE_H
#define UIML_TENSOR_TAKE_H

#include "core/safetensors.h"

extern bool uiml_tensor_is_there(const UimlSafetensors *file, const char *name);

/* The tensor of a name and of shape [rows, columns]; rows 0: [columns]. */
extern UimlStatus uiml_tensor_shaped(const UimlSafetensors *file, const char *name, size_t rows,
									 size_t columns, const UimlTensor **tensor, UimlFault *fault);

/* The tensor of a name that has one element, of any number of dimensions. */
extern UimlStatus uiml_tensor_scalar(const UimlSafetensors *file, const char *name, const UimlTensor **tensor,
									 UimlFault *fault);

/* count elements from first on, of a tensor of reals. */
extern UimlStatus uiml_tensor_reals(const UimlEnv *env, const UimlSafetensors *file, const UimlTensor *tensor,
									size_t first, size_t count, float *x, UimlFault *fault);

/* A tensor of reals in new memory, which is the caller's as soon as *x isn't NULL, whatever the status. */
extern UimlStatus uiml_tensor_take(const UimlEnv *env, const UimlSafetensors *file, const char *name,
								   size_t rows, size_t columns, float **x, UimlFault *fault);

/* The same for integers in one dimension, of any length: *n. */
extern UimlStatus uiml_tensor_take_integers(const UimlEnv *env, const UimlSafetensors *file, const char *name,
											int32_t **x, size_t *n, UimlFault *fault);

/* The same for the bytes of a tensor of type U8. */
extern UimlStatus uiml_tensor_take_bytes(const UimlEnv *env, const UimlSafetensors *file, const char *name,
										 char **x, size_t *n, UimlFault *fault);

#endif /* UIML_TENSOR_TAKE_H */
