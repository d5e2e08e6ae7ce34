/*
 * team.c
 *	  Threads that wait for one small job after the other.
 *
 * A job is published as one word: its number and how many of its pieces are left.  Who takes a piece counts that down, which
 * fails if another job has come since.  So a thread that wakes late finds no piece and touches nothing, and nobody waits for
 * it: a job has ended when its pieces have.
 */
#include "core/team.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define MAX_THREADS 64
#define STACK_BYTES ((size_t) 1024 * 1024) /* tasks keep blocks of points there, not whole matrices */
#define LOOKS       4000 /* for something to do before a thread sleeps: 50 to 100 microseconds */

struct UimlTeam
{
	uint64_t left; /* number of the job << 32 | its pieces that nobody has taken */
	size_t done;   /* its pieces that have ended */
	bool ending;

	/* Of the job at hand: read by those only who have taken a piece of it. */
	size_t n;
	UimlTaskFn task;
	void *arg;

	pthread_mutex_t mutex; /* of who sleeps */
	pthread_cond_t come, gone;
	int threads;
	pthread_t thread[MAX_THREADS];
};

static void
pause_briefly(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static bool
has_pieces(UimlTeam *team)
{
	return (uint32_t) __atomic_load_n(&team->left, __ATOMIC_ACQUIRE) > 0;
}

static bool
is_ending(UimlTeam *team)
{
	return __atomic_load_n(&team->ending, __ATOMIC_ACQUIRE);
}

static bool
all_done(UimlTeam *team)
{
	return __atomic_load_n(&team->done, __ATOMIC_ACQUIRE) == team->n;
}

/* Takes pieces while there are any. */
static void
run_pieces(UimlTeam *team)
{
	uint64_t left = __atomic_load_n(&team->left, __ATOMIC_ACQUIRE);

	while ((uint32_t) left > 0)
	{
		size_t n;

		if (!__atomic_compare_exchange_n(&team->left, &left, left - 1, false, __ATOMIC_ACQ_REL,
										 __ATOMIC_ACQUIRE))
			continue;
		n = team->n;
		team->task(team->arg, n - (uint32_t) left);
		if (__atomic_add_fetch(&team->done, 1, __ATOMIC_ACQ_REL) == n)
		{
			pthread_mutex_lock(&team->mutex);
			pthread_cond_signal(&team->gone);
			pthread_mutex_unlock(&team->mutex);
		}
		left = __atomic_load_n(&team->left, __ATOMIC_ACQUIRE);
	}
}

static void *
work(void *arg)
{
	UimlTeam *team = arg;

	while (!is_ending(team))
	{
		for (int i = 0; i < LOOKS && !has_pieces(team) && !is_ending(team); i++)
			pause_briefly();
		if (!has_pieces(team))
		{
			pthread_mutex_lock(&team->mutex);
			while (!has_pieces(team) && !is_ending(team))
				pthread_cond_wait(&team->come, &team->mutex);
			pthread_mutex_unlock(&team->mutex);
		}
		run_pieces(team);
	}
	return NULL;
}

/* All threads but the caller's, with all signals blocked. */
static void
start_threads(UimlTeam *team, int wanted)
{
	pthread_attr_t attributes;
	sigset_t all;
	sigset_t saved;

	if (pthread_attr_init(&attributes) != 0)
		return;
	(void) pthread_attr_setstacksize(&attributes, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	while (team->threads < wanted && team->threads < MAX_THREADS &&
		   pthread_create(&team->thread[team->threads], &attributes, work, team) == 0)
		team->threads++;
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	pthread_attr_destroy(&attributes);
}

UimlTeam *
uiml_team_start(int threads)
{
	UimlTeam *team = threads > 1 ? calloc(1, sizeof(UimlTeam)) : NULL;

	if (team == NULL)
		return NULL;
	pthread_mutex_init(&team->mutex, NULL);
	pthread_cond_init(&team->come, NULL);
	pthread_cond_init(&team->gone, NULL);
	start_threads(team, threads - 1);
	if (team->threads > 0)
		return team;
	uiml_team_end(team);
	return NULL;
}

void
uiml_team_run(UimlTeam *team, size_t n, UimlTaskFn task, void *arg)
{
	uint64_t number = (__atomic_load_n(&team->left, __ATOMIC_ACQUIRE) >> 32) + 1;

	if (n == 0)
		return;
	team->n = n;
	team->task = task;
	team->arg = arg;
	team->done = 0;
	pthread_mutex_lock(&team->mutex);
	__atomic_store_n(&team->left, number << 32 | n, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&team->come);
	pthread_mutex_unlock(&team->mutex);
	run_pieces(team);
	for (int i = 0; i < LOOKS && !all_done(team); i++)
		pause_briefly();
	if (all_done(team))
		return;
	pthread_mutex_lock(&team->mutex);
	while (!all_done(team))
		pthread_cond_wait(&team->gone, &team->mutex);
	pthread_mutex_unlock(&team->mutex);
}

void
uiml_team_end(UimlTeam *team)
{
	if (team == NULL)
		return;
	pthread_mutex_lock(&team->mutex);
	__atomic_store_n(&team->ending, true, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&team->come);
	pthread_mutex_unlock(&team->mutex);
	for (int i = 0; i < team->threads; i++)
		pthread_join(team->thread[i], NULL);
	pthread_cond_destroy(&team->gone);
	pthread_cond_destroy(&team->come);
	pthread_mutex_destroy(&team->mutex);
	free(team);
}
