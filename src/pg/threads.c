/*
 * threads.c
 *	  Threads for the pieces of a job of the core.
 *
 * A backend must have a single thread: PostgreSQL's signal handlers, memory contexts and errors assume the
 * main one.  So threads are made for one job and joined before it returns; they are born with all signals
 * blocked, and run tasks of the core, which call nothing of the server.  Making one takes some ten
 * microseconds, a job some milliseconds.
 *
 * Each thread takes the next piece that is left.  Which one takes which leaves no trace: see uiml_parallel.
 */
#include "postgres.h"

#include <pthread.h>
#include <signal.h>

#include "pg/env.h"
#include "pg/threads.h"

#define MAX_THREADS 64
#define STACK_BYTES ((size_t) 1024 * 1024) /* tasks keep blocks of points there, not whole matrices */

typedef struct Job
{
	UimlTaskFn task;
	void *arg;
	size_t n;
	size_t next; /* piece that nobody has taken */
} Job;

static void *
run_pieces(void *arg)
{
	Job *job = arg;
	size_t piece;

	while ((piece = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < job->n)
		job->task(job->arg, piece);
	return NULL;
}

/*
 * Starts up to wanted threads on the job; how many there are now.  The pieces of one that can't be had stay.
 */
static int
start_threads(Job *job, int wanted, pthread_t *threads)
{
	pthread_attr_t attributes;
	sigset_t all;
	sigset_t saved;
	int n = 0;

	if (pthread_attr_init(&attributes) != 0)
		return 0;
	(void) pthread_attr_setstacksize(&attributes, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	while (n < wanted && pthread_create(&threads[n], &attributes, run_pieces, job) == 0)
		n++;
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	pthread_attr_destroy(&attributes);
	return n;
}

void
uiml_threads_run(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	Job job = {.task = task, .arg = arg, .n = n};
	pthread_t threads[MAX_THREADS];
	int started = 0;

	(void) ctx;
	if (uiml_blas_threads > 1 && n > 1)
		started =
			start_threads(&job, (int) Min((size_t) Min(uiml_blas_threads, MAX_THREADS), n) - 1, threads);
	run_pieces(&job);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}
