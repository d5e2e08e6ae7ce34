/*
 * testenv.h
 *	  Environments for unit tests: every allocation is counted, the k-th one can fail, the k-th interrupt
 *	  check
 *	  can say stop.
 *
 * A test that must survive both loops k from 1 upwards until the call succeeds:
 *
 *		for (long k = 1;; k++)
 *		{
 *			long countdown = k;
 *			UimlEnv env = test_env_failing_alloc(&countdown);
 *			UimlStatus status = uiml_something(&env, ...);
 *
 *			if (status == UIML_OK)
 *				break;		(and free what it gave)
 *			assert_int_equal(status, UIML_ENOMEM);
 *			assert_int_equal(test_env_live(), 0);
 *		}
 *
 * Memory is filled with 0xA5, so that code which counts on fresh memory being zero is found out.
 */
#ifndef UIML_TESTENV_H
#define UIML_TESTENV_H

#include <stdlib.h>
#include <string.h>

#include "core/uiml.h"

/* Allocations of all test environments that are not freed yet. */
static long test_env_live_count;

static inline long
test_env_live(void)
{
	return test_env_live_count;
}

static inline void *
test_env_alloc(void *ctx, size_t size)
{
	void *pointer;

	(void) ctx;
	pointer = malloc(size);
	if (pointer != NULL)
	{
		memset(pointer, 0xA5, size);
		test_env_live_count++;
	}
	return pointer;
}

static inline void *
test_env_alloc_or_fail(void *ctx, size_t size)
{
	long *countdown = ctx;

	if (--*countdown == 0)
		return NULL;
	return test_env_alloc(ctx, size);
}

static inline void
test_env_free(void *ctx, void *pointer)
{
	(void) ctx;
	if (pointer != NULL)
		test_env_live_count--;
	free(pointer);
}

static inline bool
test_env_interrupted(void *ctx)
{
	long *countdown = ctx;

	return --*countdown <= 0;
}

/* Counts allocations; never fails, never interrupts. */
static inline UimlEnv
test_env_counting(void)
{
	UimlEnv env = {.alloc = test_env_alloc, .free = test_env_free};

	return env;
}

/*
 * The *countdown-th allocation fails, the others succeed; afterwards *countdown > 0 means it was not reached.
 */
static inline UimlEnv
test_env_failing_alloc(long *countdown)
{
	UimlEnv env = {.alloc = test_env_alloc_or_fail, .free = test_env_free, .ctx = countdown};

	return env;
}

/* From the *countdown-th interrupt check on, the answer is stop. */
static inline UimlEnv
test_env_interrupting(long *countdown)
{
	UimlEnv env = {.alloc = test_env_alloc,
				   .free = test_env_free,
				   .interrupted = test_env_interrupted,
				   .ctx = countdown};

	return env;
}

/* How many bytes are held, and how many were at the most. */
typedef struct TestEnvMeter
{
	size_t held;
	size_t peak;
} TestEnvMeter;

static inline void *
test_env_metered_alloc(void *ctx, size_t size)
{
	TestEnvMeter *meter = ctx;
	size_t *pointer = malloc(size + 64);

	if (pointer == NULL)
		return NULL;
	*pointer = size;
	meter->held += size;
	meter->peak = meter->held > meter->peak ? meter->held : meter->peak;
	return (char *) pointer + 64;
}

static inline void
test_env_metered_free(void *ctx, void *pointer)
{
	TestEnvMeter *meter = ctx;

	if (pointer == NULL)
		return;
	pointer = (char *) pointer - 64;
	meter->held -= *(size_t *) pointer;
	free(pointer);
}

/* What is allocated is measured. */
static inline UimlEnv
test_env_metered(TestEnvMeter *meter)
{
	UimlEnv env = {.alloc = test_env_metered_alloc, .free = test_env_metered_free, .ctx = meter};

	return env;
}

#endif /* UIML_TESTENV_H */
