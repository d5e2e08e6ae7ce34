/*
 * team.h
 *	  Threads that wait for one small job after the other.
 *
 * Making and joining a thread takes some ten microseconds, which a job of a millisecond doesn't notice but one of a
 * hundred does.  The threads of a team stay between jobs: for some microseconds they look for the next one, then they
 * sleep.
 */
#ifndef UIML_TEAM_H
#define UIML_TEAM_H

#include "core/uiml.h"

typedef struct UimlTeam UimlTeam;

/*
 * uiml_team_start
 *		A team of up to threads threads, the caller's among them; signals are blocked in the others.
 *
 * NULL where no other thread is wanted or can be had, or memory is out; memory is malloc's, as it outlives errors of
 * whoever started it.
 */
extern UimlTeam *uiml_team_start(int threads);

/* Runs task(arg, 0 .. n - 1), n below 2^32, on the team's threads; returns when all have ended.  See uiml_parallel. */
extern void uiml_team_run(UimlTeam *team, size_t n, UimlTaskFn task, void *arg);

/* Ends the threads, and waits for that; NULL is allowed. */
extern void uiml_team_end(UimlTeam *team);

#endif /* UIML_TEAM_H */
