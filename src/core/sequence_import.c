/*
 * sequence_import.c
 *	  Sequence models as safetensors files: what a file of unknown origin says of itself.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/sequence_exchange.h"
#include "core/sequence_names.h"
#include "core/tensor_take.h"

/* A member of the metadata that must be there. */
static UimlStatus
metadata_get(const UimlSafetensors *file, const char *name, const char **value, UimlFault *fault)
{
	*value = uiml_safetensors_metadata(file, name);
	if (*value == NULL)
		return uiml_fault(fault, "The metadata has no \"%s\".", name);
	return UIML_OK;
}

/* A member that must have one value. */
static UimlStatus
metadata_is(const UimlSafetensors *file, const char *name, const char *wanted, UimlFault *fault)
{
	const char *value;
	UimlStatus status = metadata_get(file, name, &value, fault);

	if (status != UIML_OK || strcmp(value, wanted) == 0)
		return status;
	return uiml_fault(fault, "\"%s\" of the metadata must be \"%s\", not \"%.40s\".", name, wanted, value);
}

/* A member that must have one of two values. */
static UimlStatus
metadata_choice(const UimlSafetensors *file, const char *name, const char *first, const char *second,
				bool *is_second, UimlFault *fault)
{
	const char *value;
	UimlStatus status = metadata_get(file, name, &value, fault);

	if (status != UIML_OK)
		return status;
	*is_second = strcmp(value, second) == 0;
	if (*is_second || strcmp(value, first) == 0)
		return UIML_OK;
	return uiml_fault(fault, "\"%s\" of the metadata must be \"%s\" or \"%s\", not \"%.40s\".", name, first,
					  second, value);
}

static UimlStatus
metadata_integer(const UimlSafetensors *file, const char *name, int64_t least, int64_t most, int64_t *number,
				 UimlFault *fault)
{
	const char *value;
	char *end;
	UimlStatus status = metadata_get(file, name, &value, fault);

	if (status != UIML_OK)
		return status;
	errno = 0;
	*number = strtoll(value, &end, 10);
	if (end == value || *end != '\0' || errno != 0 || *number < least || *number > most)
		return uiml_fault(
			fault, "\"%s\" of the metadata must be a number from %" PRId64 " to %" PRId64 ", not \"%.40s\".",
			name, least, most, value);
	return UIML_OK;
}

/* What is said must fit what is there. */
static UimlStatus
metadata_agrees(const UimlSafetensors *file, UimlFault *fault)
{
	const char *output = uiml_safetensors_metadata(file, "output");

	if (uiml_safetensors_metadata(file, "gates") != NULL)
	{
		UimlStatus status = metadata_is(file, "gates", "i,f,c,o", fault);

		if (status != UIML_OK)
			return status;
	}
	if (output != NULL && strcmp(output, uiml_tensor_is_there(file, UIML_NAME_DENSE) ? "dense" : "tied") != 0)
		return uiml_fault(fault, "\"output\" of the metadata is \"%.40s\", and there is %stensor \"%s\".",
						  output, uiml_tensor_is_there(file, UIML_NAME_DENSE) ? "a " : "no ",
						  UIML_NAME_DENSE);
	return UIML_OK;
}

/* The names of the experts, in the order that this library has them. */
static UimlStatus
experts_agree(const UimlSafetensors *file, UimlFault *fault)
{
	const char *value = uiml_safetensors_metadata(file, "experts");
	const char *at = value;

	if (value == NULL)
		return UIML_OK;
	for (int e = 0; e < UIML_N_EXPERTS; e++)
	{
		const char *name = uiml_next_expert_name((UimlNextExpert) e);
		size_t length = strlen(name);

		if (strncmp(at, name, length) != 0 || at[length] != (e == UIML_N_EXPERTS - 1 ? '\0' : ','))
			return uiml_fault(fault, "The experts \"%.80s\" are not those of this version of uiml.", value);
		at += length + 1;
	}
	return UIML_OK;
}

static UimlStatus
head_take(UimlSequenceImport *import, UimlFault *fault)
{
	const UimlSafetensors *file = &import->tensors;
	bool item;
	int64_t number = 0;
	UimlStatus status = metadata_is(file, "format", UIML_SEQUENCE_FORMAT, fault);

	if (status == UIML_OK)
		status = metadata_is(file, "version", UIML_SEQUENCE_FORMAT_VERSION, fault);
	if (status == UIML_OK)
		status = metadata_choice(file, "target", "interest", "item", &item, fault);
	if (status == UIML_OK)
		status = metadata_integer(file, "max_length", 2, UIML_NEXT_MAX_STEPS, &number, fault);
	if (status == UIML_OK && uiml_safetensors_metadata(file, "mask") != NULL)
		status = metadata_choice(file, "mask", "true", "false", &import->padded, fault);
	if (status == UIML_OK)
		status = metadata_agrees(file, fault);
	if (status == UIML_OK)
		status = experts_agree(file, fault);
	if (status != UIML_OK)
		return status;
	import->target = item ? UIML_NEXT_ITEM : UIML_NEXT_INTEREST;
	import->max_length = (size_t) number;
	import->needs_vectors = uiml_tensor_is_there(file, UIML_NAME_RIDGE);
	return !import->needs_vectors
			   ? UIML_OK
			   : metadata_integer(file, "item_vectors", INT64_MIN, INT64_MAX, &import->item_vectors, fault);
}

/* Starts that don't fall, from 0 to the length of the text. */
static UimlStatus
starts_check(const char *name, const int32_t *start, size_t n, size_t length, UimlFault *fault)
{
	if (n < 2 || start[0] != 0 || start[n - 1] < 0 || (size_t) start[n - 1] != length)
		return uiml_fault(fault, "Tensor \"%s\" must start with 0 and end with %zu, the length of the text.",
						  name, length);
	for (size_t i = 1; i < n; i++)
	{
		if (start[i] < start[i - 1])
			return uiml_fault(fault, "Tensor \"%s\" must not fall, as element %zu does.", name, i);
	}
	return UIML_OK;
}

/* memory[0 .. 1] is to be freed whatever comes back. */
static UimlStatus
names_take(const UimlEnv *env, const UimlSafetensors *file, const char *text_name, const char *start_name,
		   size_t *n, UimlClassNames *names, void **memory, UimlFault *fault)
{
	int32_t *start;
	char *text;
	size_t n_starts;
	size_t length;
	UimlStatus status = uiml_tensor_take_integers(env, file, start_name, &start, &n_starts, fault);

	memory[0] = start;
	if (status != UIML_OK)
		return status;
	status = uiml_tensor_take_bytes(env, file, text_name, &text, &length, fault);
	memory[1] = text;
	if (status == UIML_OK)
		status = starts_check(start_name, start, n_starts, length, fault);
	if (status != UIML_OK)
		return status;
	*n = n_starts - 1;
	*names = (UimlClassNames){.text = text, .start = start};
	return UIML_OK;
}

UimlStatus
uiml_sequence_import_open(const UimlEnv *env, const UimlInput *input, UimlSequenceImport *import,
						  UimlFault *fault)
{
	size_t n_labels = 0;
	UimlStatus status;

	*import = (UimlSequenceImport){.n_classes = 0};
	status = uiml_safetensors_open(env, input, &import->tensors, fault);
	if (status != UIML_OK)
		return status;
	status = head_take(import, fault);
	if (status == UIML_OK)
		status = names_take(env, &import->tensors, UIML_NAME_ID, UIML_NAME_ID_START, &import->n_classes,
							&import->id, &import->memory[0], fault);
	if (status == UIML_OK && uiml_tensor_is_there(&import->tensors, UIML_NAME_LABEL_START))
		status = names_take(env, &import->tensors, UIML_NAME_LABEL, UIML_NAME_LABEL_START, &n_labels,
							&import->label, &import->memory[2], fault);
	if (status == UIML_OK && n_labels != 0 && n_labels != import->n_classes)
		status = uiml_fault(fault, "There are %zu labels of %zu classes.", n_labels, import->n_classes);
	if (status != UIML_OK)
		uiml_sequence_import_close(env, import);
	return status;
}

void
uiml_sequence_import_close(const UimlEnv *env, UimlSequenceImport *import)
{
	for (size_t i = 0; i < sizeof(import->memory) / sizeof(import->memory[0]); i++)
		uiml_free(env, import->memory[i]);
	uiml_safetensors_close(env, &import->tensors);
	*import = (UimlSequenceImport){.n_classes = 0};
}
