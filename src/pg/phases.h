/*
 * phases.h
 *	  What a training is doing: the time of each phase, and INFO lines for those who wait.
 */
#ifndef UIML_PG_PHASES_H
#define UIML_PG_PHASES_H

#include "postgres.h"

#include "portability/instr_time.h"

#define UIML_MAX_PHASES 16

typedef struct UimlPhase
{
	char name[24];
	double milliseconds;
} UimlPhase;

typedef struct UimlPhases
{
	const char *subject;  /* the domain's name */
	const char *activity; /* for messages, "training" unless the caller sets another */
	instr_time start;
	instr_time entered; /* the current phase */
	double told;        /* milliseconds after start of the last INFO line */
	double pause;       /* milliseconds that lie between two lines of the current phase, at least */
	double share;       /* of the whole, that was told */
	int current;        /* -1: none */
	int n;
	UimlPhase phase[UIML_MAX_PHASES];
} UimlPhases;

extern void uiml_phases_begin(UimlPhases *phases, const char *subject);

/*
 * Ends the current phase and enters another (NULL: none).  A phase that is entered again goes on adding up.
 */
extern void uiml_phases_enter(UimlPhases *phases, const char *name);

/*
 * uiml_phases_progress
 *		A UimlProgressFn with a UimlPhases as ctx.  Tells phase, share done and time left, or for the encoding
 *		of texts how many are done and how fast, by an INFO line once a second (uiml_phases_pause: less often), from the
 *		third second on, unless client_min_messages is above notice; it never raises an error, so the core may call it with
 *		work in hand.
 */
extern void uiml_phases_progress(void *ctx, const char *phase, double done, double total);

/* At least so many milliseconds shall lie between two lines of the current phase. */
extern void uiml_phases_pause(UimlPhases *phases, double pause);

/*
 * uiml_phases_told
 *		The caller has a line of its own about the current phase.  False where less than so many milliseconds passed
 *		since the last one, and it should keep silent; else that line counts as told.
 */
extern bool uiml_phases_told(UimlPhases *phases, double pause);

/* {"reading": 131, "item space": 240}, in milliseconds; palloc'd. */
extern char *uiml_phases_json(const UimlPhases *phases);

#endif /* UIML_PG_PHASES_H */
