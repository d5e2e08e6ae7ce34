/*
 * modelfiles.h
 *	  Language models from their folders, for unit tests and benchmarks.
 *
 * Folders are test/models/NAME, and ../shared/models/NAME or that of $UIML_SHARED.
 */
#ifndef UIML_MODELFILES_H
#define UIML_MODELFILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model_convert.h"

/* A file's bytes, terminated, from malloc; NULL where there is none. */
static inline char *
model_file(const char *folder, const char *name, size_t *length)
{
	char path[2048];
	FILE *file;
	char *bytes;
	long size;

	(void) snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL)
		return NULL;
	if (fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0 ||
		(bytes = malloc((size_t) size + 1)) == NULL || fread(bytes, 1, (size_t) size, file) != (size_t) size)
		abort();
	bytes[size] = '\0';
	fclose(file);
	*length = (size_t) size;
	return bytes;
}

/* The folder of a published model in path, false where it isn't there. */
static inline bool
model_shared(const char *name, char *path, size_t size)
{
	const char *shared = getenv("UIML_SHARED");
	char *config;
	size_t length;

	(void) snprintf(path, size, "%s/models/%s", shared != NULL ? shared : "../shared", name);
	config = model_file(path, "config.json", &length);
	free(config);
	return config != NULL;
}

typedef struct ModelBytes
{
	unsigned char *bytes;
	size_t length;
	size_t room;
} ModelBytes;

static inline UimlStatus
model_bytes_write(void *ctx, const void *bytes, size_t count)
{
	ModelBytes *out = ctx;

	while (count > out->room - out->length)
	{
		out->room = out->room * 2 + 65536;
		out->bytes = realloc(out->bytes, out->room);
		if (out->bytes == NULL)
			return UIML_ENOMEM;
	}
	memcpy(out->bytes + out->length, bytes, count);
	out->length += count;
	return UIML_OK;
}

static inline UimlStatus
model_file_read(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	memcpy(bytes, (const char *) ctx + offset, count);
	return UIML_OK;
}

/*
 * The encoder of a folder, its bytes from malloc.  Aborts, with the fault, where it can't be converted.
 */
static inline unsigned char *
model_load(const char *folder, const UimlModelOptions *options, size_t *length)
{
	static const char *const names[] = {"config.json",
										"tokenizer.json",
										"vocab.txt",
										"tokenizer_config.json",
										"modules.json",
										"1_Pooling/config.json",
										"sentence_bert_config.json"};
	UimlEnv env = uiml_env_malloc();
	UimlModelFiles files = {0};
	UimlModelFile *const file[] = {&files.config,           &files.tokenizer, &files.vocabulary,
								   &files.tokenizer_config, &files.modules,   &files.pooling,
								   &files.sentences};
	UimlInput input = {.read = model_file_read};
	ModelBytes bytes = {0};
	UimlOutput out = {.write = model_bytes_write, .ctx = &bytes};
	UimlModelInfo info;
	UimlFault fault = {""};
	size_t size = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		file[i]->bytes = model_file(folder, names[i], &file[i]->length);
	input.ctx = model_file(folder, "model.safetensors", &size);
	input.size = size;
	files.weights = &input;
	if (input.ctx == NULL || uiml_model_convert(&env, &files, options, &out, &info, &fault) != UIML_OK)
	{
		fprintf(stderr, "%s: %s\n", folder, input.ctx == NULL ? "no weights" : fault.text);
		abort();
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		free((char *) file[i]->bytes);
	free(input.ctx);
	*length = bytes.length;
	return bytes.bytes;
}

#endif /* UIML_MODELFILES_H */
