/*
 * threads.h
 *	  Threads for the pieces of a job of the core.
 */
#ifndef UIML_PG_THREADS_H
#define UIML_PG_THREADS_H

#include "core/uiml.h"

/*
 * uiml_threads_run
 *		The callback parallel of an environment: runs task(arg, 0 .. n - 1) on up to uiml.blas_threads
 *		threads, the caller's own among them, and returns when they have ended.
 */
extern void uiml_threads_run(void *ctx, size_t n, UimlTaskFn task, void *arg);

/*
 * uiml_threads_keep
 *		Keeps the threads of all jobs until the context is reset or deleted: for a training of many jobs that take less than
 *		a millisecond each.  Nothing happens where they are kept already, or uiml.blas_threads is 1.
 */
extern void uiml_threads_keep(MemoryContext context);

#endif /* UIML_PG_THREADS_H */
