/*
 * env.h
 *	  The core's environment inside a backend, and how its statuses become PostgreSQL errors.
 */
#ifndef UIML_PG_ENV_H
#define UIML_PG_ENV_H

#include "postgres.h"

#include "core/uiml.h"

/* Told what the core is doing; see uiml_progress in core/uiml.h. */
typedef void (*UimlProgressFn)(void *ctx, const char *phase, double done, double total);

typedef struct UimlPgEnv
{
	MemoryContext context;
	UimlProgressFn progress;
	void *progress_ctx;
} UimlPgEnv;

/*
 * uiml_env_pg
 *		An environment whose memory comes from a context (MCXT_ALLOC_NO_OOM | HUGE) and that stops for a
 *		pending cancel or termination.  Jobs are shared by up to uiml.blas_threads threads, which are there
 *		for one job each.  pg must outlive the environment.
 */
extern UimlEnv uiml_env_pg(UimlPgEnv *pg, MemoryContext context, UimlProgressFn progress, void *progress_ctx);

/*
 * uiml_check
 *		Does nothing for UIML_OK, else raises the error of that status; what, a short noun phrase ("item
 *		space", "interests"), tells what was being computed.  UIML_EINTERRUPTED raises the cancel or
 *		termination that is pending.
 */
extern void uiml_check(UimlStatus status, const char *what);

/* Settings (GUCs), defined in module.c. */
extern int uiml_blas_threads;  /* uiml.blas_threads, 1 .. 64 */
extern int uiml_keep_versions; /* uiml.keep_versions, 1 .. 1000 */
extern int uiml_memory_mode;   /* uiml.memory_mode, a UimlMemoryMode */

typedef enum UimlMemoryMode
{
	UIML_MEMORY_AUTO,  /* in memory where it fits maintenance_work_mem, else by passes */
	UIML_MEMORY_ONLY,  /* in memory, or an error */
	UIML_MEMORY_PASSES /* always by passes over the rows */
} UimlMemoryMode;

/*
 * uiml_blas_begin / uiml_blas_end
 *		Bracket the BLAS work of a training call: begin loads OpenBLAS where this is the first one, checks
 *		once that it can have its buffer (OpenBLAS 0.3.21 spins for ever when it can't), and raises the thread
 *		count to uiml.blas_threads with signals blocked; end puts it back to one and ends the idle threads.
 *		end also runs by a transaction callback after an error.
 */
extern void uiml_blas_begin(void);
extern void uiml_blas_end(void);

#endif /* UIML_PG_ENV_H */
