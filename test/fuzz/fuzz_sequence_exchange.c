/*
 * fuzz_sequence_exchange.c
 *	  uiml_sequence_import_open on arbitrary bytes; whatever it accepts is read as a model, its classes turned round, written
 *	  again, and read once more as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/sequence_exchange.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define MAX_CLASSES 64
#define DIMS        2

typedef struct Bytes
{
	uint8_t *bytes;
	size_t size;
} Bytes;

static UimlStatus
bytes_read(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	const Bytes *file = ctx;

	if (offset > file->size || count > file->size - offset)
		abort();
	memcpy(bytes, file->bytes + offset, count);
	return UIML_OK;
}

static UimlStatus
bytes_write(void *ctx, const void *bytes, size_t count)
{
	Bytes *file = ctx;

	memcpy(file->bytes + file->size, bytes, count);
	file->size += count;
	return UIML_OK;
}

/* Reads a model with classes in falling order, and that of what it is written as in the same, which is the first one's. */
static void
import(const Bytes *file, int times)
{
	static const float vectors[MAX_CLASSES * DIMS];
	UimlEnv env = uiml_env_malloc();
	UimlInput input = {.size = file->size, .read = bytes_read, .ctx = (void *) file};
	UimlSequenceImport read;
	UimlNextModel model;
	UimlFault fault = {""};
	uint32_t place[MAX_CLASSES];
	UimlStatus status = uiml_sequence_import_open(&env, &input, &read, &fault);

	if (status != UIML_OK)
	{
		if (fault.text[0] == '\0' || times > 0)
			abort();
		return;
	}
	if (read.n_classes <= MAX_CLASSES)
	{
		UimlNextSpace space = {
			.n_items = read.n_classes, .dims = DIMS, .in = vectors, .out = vectors, .interest = place};

		for (size_t i = 0; i < read.n_classes; i++)
			place[i] = (uint32_t) (read.n_classes - 1 - i);
		status = uiml_sequence_import_model(&env, &read, place, &space, &model, &fault);
		if (status != UIML_OK && (fault.text[0] == '\0' || times > 0))
			abort();
		if (status == UIML_OK && times == 0)
		{
			UimlSequenceOut what = {.model = &model, .id = read.id, .label = read.label, .domain = "d"};
			UimlSequenceExport prepared;
			Bytes written = {.size = 0};
			UimlOutput out = {.write = bytes_write, .ctx = &written};

			if (uiml_sequence_export_open(&env, &what, &prepared) != UIML_OK)
				abort();
			written.bytes = malloc(prepared.size);
			if (uiml_safetensors_write(&env, &prepared.file, &out) != UIML_OK ||
				written.size != prepared.size)
				abort();
			uiml_sequence_export_close(&env, &prepared);
			import(&written, 1);
			free(written.bytes);
		}
		uiml_sequence_import_free(&env, &model);
	}
	uiml_sequence_import_close(&env, &read);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Bytes file = {.bytes = (uint8_t *) data, .size = size};

	import(&file, 0);
	return 0;
}
