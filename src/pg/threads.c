/*
 * threads.c
 *	  Threads for the pieces of a job of the core.
 *
 * A backend must have a single thread: PostgreSQL's signal handlers, memory contexts and errors assume the
 * main one.  So threads are made for one job and joined before it returns, or kept for as long as a memory context of one
 * training lives, which an error deletes, too; they are born with all signals blocked, and run tasks of the core, which call
 * nothing of the server.  Making one takes some ten microseconds, most jobs some milliseconds.
 *
 * Each thread takes the next piece that is left.  Which one takes which leaves no trace: see uiml_parallel.
 */
#include "postgres.h"

#include "core/team.h"
#include "pg/env.h"
#include "pg/threads.h"

static UimlTeam *kept = NULL;

void
uiml_threads_run(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	int threads = (int) Min((size_t) uiml_blas_threads, n);
	UimlTeam *team = kept != NULL ? kept : uiml_team_start(threads);

	(void) ctx;
	if (team != NULL)
		uiml_team_run(team, n, task, arg);
	else
		for (size_t piece = 0; piece < n; piece++)
			task(arg, piece);
	if (team != kept)
		uiml_team_end(team);
}

static void
end_kept(void *arg)
{
	(void) arg;
	uiml_team_end(kept);
	kept = NULL;
}

void
uiml_threads_keep(MemoryContext context)
{
	MemoryContextCallback *callback;

	if (kept != NULL || uiml_blas_threads == 1)
		return;
	callback = MemoryContextAllocZero(context, sizeof(*callback));
	callback->func = end_kept;
	MemoryContextRegisterResetCallback(context, callback);
	kept = uiml_team_start(uiml_blas_threads);
}
