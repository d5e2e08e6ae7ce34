/*
 * env.c
 *	  The core's environment inside a backend, and how its statuses become PostgreSQL errors.
 *
 * The core never raises an error itself: it asks whether to stop, returns a status, and gives its memory
 * back.  What it leaves allocated when a served interrupt does raise an error goes with the memory context.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/env.h"
#include "pg/threads.h"

static void *
env_alloc(void *ctx, size_t size)
{
	UimlPgEnv *pg = ctx;

	if (!AllocHugeSizeIsValid(size))
		return NULL;
	return MemoryContextAllocExtended(pg->context, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static void
env_free(void *ctx, void *pointer)
{
	(void) ctx;
	if (pointer != NULL)
		pfree(pointer);
}

/*
 * A cancel or termination stops the core, which then returns UIML_EINTERRUPTED to uiml_check.  Other
 * interrupts (barriers, catch-up, a lost client) are served right here, so that a long training doesn't hold
 * up the server.
 */
static bool
env_interrupted(void *ctx)
{
	(void) ctx;
	if (!InterruptPending)
		return false;
	if (QueryCancelPending || ProcDiePending)
		return true;
	CHECK_FOR_INTERRUPTS();
	return false;
}

static void
env_progress(void *ctx, const char *phase, double done, double total)
{
	UimlPgEnv *pg = ctx;

	pg->progress(pg->progress_ctx, phase, done, total);
}

UimlEnv
uiml_env_pg(UimlPgEnv *pg, MemoryContext context, UimlProgressFn progress, void *progress_ctx)
{
	UimlEnv env = {.alloc = env_alloc,
				   .free = env_free,
				   .interrupted = env_interrupted,
				   .progress = progress != NULL ? env_progress : NULL,
				   .ctx = pg,
				   .parallel = uiml_blas_threads > 1 ? uiml_threads_run : NULL};

	pg->context = context;
	pg->progress = progress;
	pg->progress_ctx = progress_ctx;
	return env;
}

void
uiml_check(UimlStatus status, const char *what)
{
	switch (status)
	{
		case UIML_OK:
			return;
		case UIML_ENOMEM:
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
							errdetail("Memory ran out while computing: %s.", what)));
			break;
		case UIML_EINTERRUPTED:
			CHECK_FOR_INTERRUPTS();
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED), errmsg("canceling statement due to user request")));
			break;
		case UIML_EINVALID:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument out of range for %s", what)));
			break;
		case UIML_EEMPTY:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("no data for %s", what)));
			break;
		case UIML_ESINGULAR:
			ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("singular matrix in %s", what),
							errdetail("The data don't span as many dimensions as are asked for.")));
			break;
		case UIML_ENOTFINITE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("value out of range in %s", what),
					 errdetail("The input or a result contains NaN or infinity.")));
			break;
		case UIML_ELIMIT:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("size limit exceeded in %s", what)));
			break;
		case UIML_ECORRUPT:
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid stored data in %s", what)));
			break;
	}
	elog(ERROR, "unexpected status %d in %s", (int) status, what);
}
