/*
 * uiml.h
 *	  The contract of src/core: status codes, the environment, checked memory.
 *
 * The core is plain C over libc, cblas and lapacke.  It returns a status and gives results through
 * pointers; it never prints, aborts, exits or longjmps, keeps no mutable static state, and takes memory,
 * interruption and progress from the UimlEnv that its caller passes.  So the same code runs in a
 * PostgreSQL backend, in a unit test whose allocator fails at the k-th call, and in a fuzzer.
 */
#ifndef UIML_H
#define UIML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum UimlStatus
{
	UIML_OK = 0,
	UIML_ENOMEM,       /* the allocator returned NULL */
	UIML_EINTERRUPTED, /* env->interrupted said stop */
	UIML_EINVALID,     /* an argument is out of its documented range */
	UIML_EEMPTY,       /* no data to work on */
	UIML_ESINGULAR,    /* a matrix has no full rank where one is needed */
	UIML_ENOTFINITE,   /* NaN or infinity in the input or in a result */
	UIML_ELIMIT,       /* a size exceeds a documented limit or size_t */
	UIML_ECORRUPT      /* bytes that are not of the expected format */
} UimlStatus;

/*
 * One of the n pieces of a job, which may run on any thread: it reads shared input and writes its own output.
 */
typedef void (*UimlTaskFn)(void *arg, size_t piece);

/*
 * What the core may ask of whoever calls it.
 *
 * alloc:		size bytes, aligned for any type, or NULL; never called with 0
 * free:		gives back what alloc returned; NULL is allowed
 * interrupted: true when the work must stop; asked once per outer, data-bound iteration
 * progress:	told the phase and how much of it is done; may be NULL
 * parallel:	runs task(arg, 0 .. n - 1), each piece once and perhaps several at a time, and returns when
 *				all are done; may be NULL.  Tasks call nothing of env.
 */
typedef struct UimlEnv
{
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *pointer);
	bool (*interrupted)(void *ctx);
	void (*progress)(void *ctx, const char *phase, double done, double total);
	void *ctx;
	void (*parallel)(void *ctx, size_t n, UimlTaskFn task, void *arg);
} UimlEnv;

/* A static English name of a status, for tests and messages of last resort. */
extern const char *uiml_status_name(UimlStatus status);

/* count * size bytes, or NULL when the product overflows or memory is out; at least one byte. */
extern void *uiml_alloc(const UimlEnv *env, size_t count, size_t size);

/* As uiml_alloc, filled with zero bytes. */
extern void *uiml_alloc0(const UimlEnv *env, size_t count, size_t size);

/* Frees; NULL is allowed. */
extern void uiml_free(const UimlEnv *env, void *pointer);

/* True when the work must stop now (an env without the callback never stops). */
extern bool uiml_interrupted(const UimlEnv *env);

extern void uiml_progress(const UimlEnv *env, const char *phase, double done, double total);

/*
 * uiml_parallel
 *		Runs task(arg, piece) for each piece below n, one after the other where env has no threads.
 *
 * How a job is cut into pieces must not depend on the number of threads, and what pieces give is put together
 * in their order: then the result doesn't depend on it either.  Ask uiml_interrupted between two jobs: each
 * should take some tens of milliseconds at the most.
 */
extern void uiml_parallel(const UimlEnv *env, size_t n, UimlTaskFn task, void *arg);

/* An environment over malloc that is never interrupted: unit tests, fuzzers, tools. */
extern UimlEnv uiml_env_malloc(void);

#endif /* UIML_H */
