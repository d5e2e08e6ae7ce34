/*
 * uiml.c
 *	  Status names, checked memory and the malloc environment of the core.
 */
#include "core/uiml.h"

#include <stdlib.h>
#include <string.h>

const char *
uiml_status_name(UimlStatus status)
{
	switch (status)
	{
		case UIML_OK:
			return "ok";
		case UIML_ENOMEM:
			return "out of memory";
		case UIML_EINTERRUPTED:
			return "interrupted";
		case UIML_EINVALID:
			return "invalid argument";
		case UIML_EEMPTY:
			return "no data";
		case UIML_ESINGULAR:
			return "singular matrix";
		case UIML_ENOTFINITE:
			return "value is not finite";
		case UIML_ELIMIT:
			return "size limit exceeded";
		case UIML_ECORRUPT:
			return "corrupt data";
	}
	return "unknown status";
}

void *
uiml_alloc(const UimlEnv *env, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return env->alloc(env->ctx, bytes > 0 ? bytes : 1);
}

void *
uiml_alloc0(const UimlEnv *env, size_t count, size_t size)
{
	void *pointer = uiml_alloc(env, count, size);

	if (pointer != NULL)
		memset(pointer, 0, count * size);
	return pointer;
}

void
uiml_free(const UimlEnv *env, void *pointer)
{
	if (pointer != NULL)
		env->free(env->ctx, pointer);
}

bool
uiml_interrupted(const UimlEnv *env)
{
	return env->interrupted != NULL && env->interrupted(env->ctx);
}

void
uiml_progress(const UimlEnv *env, const char *phase, double done, double total)
{
	if (env->progress != NULL)
		env->progress(env->ctx, phase, done, total);
}

void
uiml_parallel(const UimlEnv *env, size_t n, UimlTaskFn task, void *arg)
{
	if (env->parallel != NULL)
	{
		env->parallel(env->ctx, n, task, arg);
		return;
	}
	for (size_t piece = 0; piece < n; piece++)
		task(arg, piece);
}

static void *
malloc_alloc(void *ctx, size_t size)
{
	(void) ctx;
	return malloc(size);
}

static void
malloc_free(void *ctx, void *pointer)
{
	(void) ctx;
	free(pointer);
}

UimlEnv
uiml_env_malloc(void)
{
	UimlEnv env = {.alloc = malloc_alloc, .free = malloc_free};

	return env;
}
