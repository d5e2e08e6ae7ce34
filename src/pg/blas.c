/*
 * blas.c
 *	  OpenBLAS inside a backend: one thread, except while training asks for more.
 *
 * A backend must have a single thread: PostgreSQL's signal handlers assume the main one.  The pthread build
 * of OpenBLAS starts one thread per CPU in its constructor.  So it is loaded by the first training, with all
 * signals blocked (blas_calls.c), its threads are ended at once, and threads start only between
 * uiml_blas_begin and uiml_blas_end, again with signals blocked: a thread inherits the mask of its creator.
 *
 * The builds differ: pthread has blas_thread_shutdown_ and blas_thread_init, OpenMP keeps its pool in libgomp
 * (released by omp_pause_resource_all of OpenMP 5.0), serial has none of these.  All are therefore looked up
 * by name, and what is missing is not needed.
 */
#include "postgres.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "access/xact.h"

#include "pg/blas.h"
#include "pg/env.h"

/* OpenBLAS takes a buffer of 128 MB on x86-64 for each thread; the rest is for its tables. */
#define BUFFER_BYTES   ((Size) 128 * 1024 * 1024)
#define HEADROOM_BYTES ((Size) 64 * 1024 * 1024)

#define OMP_PAUSE_HARD 2 /* omp_pause_hard of omp.h */

typedef struct BlasEntryPoints
{
	void (*set_num_threads)(int);
	int (*thread_init)(void);
	int (*thread_shutdown)(void);
	int (*omp_pause)(int);
	char *(*get_config)(void);
	char *(*get_corename)(void);
} BlasEntryPoints;

static BlasEntryPoints blas;
static int probed_threads = 0; /* this many buffers were found to fit */
static bool raised = false;    /* between uiml_blas_begin and uiml_blas_end */

/* POSIX lets a data pointer from dlsym be a function; ISO C wants the detour through memory. */
#define BLAS_LOOK_UP(field, name)                                                                            \
	do                                                                                                       \
	{                                                                                                        \
		void *symbol_ = uiml_blas_symbol(name);                                                              \
		memcpy(&blas.field, &symbol_, sizeof(blas.field));                                                   \
	} while (0)

/* Runs action with every signal blocked, so that threads it starts never run a handler. */
static void
with_signals_blocked(void (*action)(int), int argument)
{
	sigset_t all;
	sigset_t saved;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	action(argument);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

static void
start_threads(int threads)
{
	if (blas.set_num_threads != NULL)
		blas.set_num_threads(threads);
	/* Older versions restart the pool at the first product, which would be outside the block. */
	if (threads > 1 && blas.thread_init != NULL)
		blas.thread_init();
}

static void
end_threads(int threads)
{
	if (blas.set_num_threads != NULL)
		blas.set_num_threads(threads);
	if (blas.thread_shutdown != NULL)
		blas.thread_shutdown();
	if (blas.omp_pause != NULL)
		blas.omp_pause(OMP_PAUSE_HARD);
}

/* An error leaves the bracket without uiml_blas_end. */
static void
blas_xact_callback(XactEvent event, void *arg)
{
	(void) arg;
	if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PARALLEL_PRE_COMMIT &&
		event != XACT_EVENT_PRE_PREPARE)
		uiml_blas_end();
}

static void
blas_subxact_callback(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void *arg)
{
	(void) own;
	(void) parent;
	(void) arg;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		uiml_blas_end();
}

/*
 * OpenBLAS 0.3.21 tries for ever when it can't have its buffer, deaf to cancel and to fast shutdown.  Mapping
 * as much, as OpenBLAS does it, tells whether ulimit -v or strict overcommit would refuse.
 */
static void
probe_headroom(int threads, const char *hint)
{
	Size size = threads * BUFFER_BYTES + HEADROOM_BYTES;
	void *space = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (space == MAP_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("not enough address space for OpenBLAS"),
				 errdetail("Its work buffers need %zu MB for %d threads.", size / (1024 * 1024), threads),
				 errhint("Raise the address space limit of the server (ulimit -v), allow more overcommit "
						 "(vm.overcommit_memory), or %s.",
						 hint)));
	munmap(space, size);
}

/* Threads that the constructor of OpenBLAS starts: each takes a buffer before it can be ended. */
static int
threads_at_load(void)
{
	const char *limit = getenv("OPENBLAS_NUM_THREADS");
	int processors = (int) Max(sysconf(_SC_NPROCESSORS_ONLN), 1);
	int wanted = limit != NULL ? atoi(limit) : 0;

	return wanted > 0 ? Min(wanted, processors) : processors;
}

/* Loads the library, which starts its threads, and ends them. */
static void
load_once(void)
{
	static bool loaded = false;

	if (loaded)
		return;
	probe_headroom(threads_at_load(), "set OPENBLAS_NUM_THREADS=1 in the environment of the server");
	uiml_blas_load();
	BLAS_LOOK_UP(set_num_threads, "openblas_set_num_threads");
	BLAS_LOOK_UP(thread_init, "blas_thread_init");
	BLAS_LOOK_UP(thread_shutdown, "blas_thread_shutdown_");
	BLAS_LOOK_UP(omp_pause, "omp_pause_resource_all");
	BLAS_LOOK_UP(get_config, "openblas_get_config");
	BLAS_LOOK_UP(get_corename, "openblas_get_corename");

	with_signals_blocked(end_threads, 1);
	loaded = true;
}

void
uiml_blas_init(void)
{
	RegisterXactCallback(blas_xact_callback, NULL);
	RegisterSubXactCallback(blas_subxact_callback, NULL);
}

void
uiml_blas_begin(void)
{
	load_once();

	/* Once granted, a buffer is kept by OpenBLAS: one probe for each number of threads is enough. */
	if (uiml_blas_threads > probed_threads)
		probe_headroom(uiml_blas_threads, "lower \"uiml.blas_threads\"");
	probed_threads = Max(probed_threads, uiml_blas_threads);
	if (uiml_blas_threads == 1)
		return;
	raised = true;
	with_signals_blocked(start_threads, uiml_blas_threads);
}

void
uiml_blas_end(void)
{
	if (!raised)
		return;
	raised = false;
	with_signals_blocked(end_threads, 1);
}

const char *
uiml_blas_config(void)
{
	load_once();
	return blas.get_config != NULL ? blas.get_config() : NULL;
}

const char *
uiml_blas_core(void)
{
	load_once();
	return blas.get_corename != NULL ? blas.get_corename() : NULL;
}
