/*
 * phases.c
 *	  What a training is doing.
 *
 * The time left follows from the share of the whole that each phase usually takes.  The shares are those of
 * movielens-1m; only their proportions matter, and an estimate is all that is promised.  A phase of share 0 may
 * take no time or hours, whatever the others take: it tells its own count and rate, and its time is left out of
 * the estimates.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "pg/budget.h"
#include "pg/phases.h"

#define FIRST_LINE 3000.0 /* milliseconds of silence: a short training says nothing */
#define NEXT_LINE  1000.0

static const struct
{
	const char *name;
	double share;
} usual[] = {{"reading", .10},
			 {"half-life", .30},
			 {"text vectors", .08},
			 {"encoding texts", 0},
			 {"split", .01},
			 {"item space", .07},
			 {"singular vectors", .10},
			 {"interests", .01},
			 {"number of interests", .09},
			 {"placing", .01},
			 {"tuning", .08},
			 {"judging", .06},
			 {"refit", .10},
			 {"texts", .01},
			 {"storing", .10},
			 {"ridge", 0},
			 {"ease", 0},
			 {"fitting", 0}};

void
uiml_phases_begin(UimlPhases *phases, const char *subject)
{
	memset(phases, 0, sizeof(*phases));
	phases->subject = subject;
	phases->activity = "training";
	phases->current = -1;
	INSTR_TIME_SET_CURRENT(phases->start);
}

static double
milliseconds_since(instr_time then)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, then);
	return INSTR_TIME_GET_MILLISEC(now);
}

static int
find_phase(UimlPhases *phases, const char *name)
{
	int i = 0;

	while (i < phases->n && strcmp(phases->phase[i].name, name) != 0)
		i++;
	if (i == phases->n && phases->n < UIML_MAX_PHASES)
		strlcpy(phases->phase[phases->n++].name, name, sizeof(phases->phase[0].name));
	return i < phases->n ? i : -1;
}

void
uiml_phases_enter(UimlPhases *phases, const char *name)
{
	if (phases->current >= 0)
		phases->phase[phases->current].milliseconds += milliseconds_since(phases->entered);
	INSTR_TIME_SET_CURRENT(phases->entered);
	phases->current = name != NULL ? find_phase(phases, name) : -1;
	phases->pause = NEXT_LINE;
	uiml_budget_release();
}

void
uiml_phases_pause(UimlPhases *phases, double pause)
{
	phases->pause = pause;
}

bool
uiml_phases_told(UimlPhases *phases, double pause)
{
	double elapsed = milliseconds_since(phases->start);

	if (elapsed - phases->told < pause)
		return false;
	phases->told = elapsed;
	return true;
}

static bool
was_entered(const UimlPhases *phases, const char *name)
{
	for (int i = 0; i < phases->n; i++)
		if (strcmp(phases->phase[i].name, name) == 0)
			return true;
	return false;
}

/*
 * The share of the whole that is done, 0 .. 1, with this share of the current phase done.  A phase that was
 * passed over, because there was nothing to choose, is no part of the whole; an unusual one that is alone is all of
 * it.
 */
static double
share_done(const UimlPhases *phases, double part)
{
	const char *current = phases->phase[phases->current].name;
	double before = 0;
	double whole = 0;
	bool found = false;

	for (size_t i = 0; i < lengthof(usual); i++)
	{
		if (strcmp(usual[i].name, current) == 0)
		{
			before = whole + usual[i].share * part;
			found = true;
		}
		if (found || was_entered(phases, usual[i].name))
			whole += usual[i].share;
	}
	if (found)
		return before / whole;
	return phases->n == 1 ? part : 0;
}

static bool
is_counted(const char *phase)
{
	for (size_t i = 0; i < lengthof(usual); i++)
		if (strcmp(usual[i].name, phase) == 0)
			return usual[i].share == 0;
	return false;
}

/* Milliseconds of the phases that have a share. */
static double
shared_milliseconds(const UimlPhases *phases)
{
	double milliseconds = milliseconds_since(phases->start);

	for (int i = 0; i < phases->n; i++)
		if (is_counted(phases->phase[i].name))
			milliseconds -= phases->phase[i].milliseconds;
	return milliseconds;
}

/* "training "shop": encoding texts, 5120 of 38396, 310 a second, about 108 s left" */
static void
tell_count(const UimlPhases *phases, const char *phase, double done, double total)
{
	double rate = done / Max(milliseconds_since(phases->entered) / 1000, 1e-3);

	if (rate > 0)
		ereport(INFO, (errmsg("training \"%s\": %s, %.0f of %.0f, %.0f a second, about %.0f s left",
							  phases->subject, phase, done, total, rate, ceil(Max(total - done, 0) / rate))));
	else
		ereport(INFO, (errmsg("training \"%s\": %s, %.0f of %.0f", phases->subject, phase, done, total)));
}

static void
tell_share(UimlPhases *phases, const char *phase, double part)
{
	/* Phases that hold others are told before and after them: what is done never shrinks. */
	double share = Max(phases->share, share_done(phases, part));

	phases->share = share;
	if (share > 0)
		ereport(INFO, (errmsg("%s \"%s\": %s, %.0f %% done, about %.0f s left", phases->activity,
							  phases->subject, phase, floor(share * 100),
							  ceil(shared_milliseconds(phases) * (1 - share) / share / 1000))));
	else
		ereport(INFO, (errmsg("%s \"%s\": %s", phases->activity, phases->subject, phase)));
}

void
uiml_phases_progress(void *ctx, const char *phase, double done, double total)
{
	UimlPhases *phases = ctx;
	double elapsed;

	if (phases->current < 0 || strcmp(phases->phase[phases->current].name, phase) != 0)
		uiml_phases_enter(phases, phase);
	elapsed = milliseconds_since(phases->start);
	if (phases->current < 0 || elapsed < FIRST_LINE || elapsed - phases->told < phases->pause)
		return;
	/* The server sends INFO whatever client_min_messages says; who wants no notices wants no progress. */
	if (client_min_messages > NOTICE)
		return;
	phases->told = elapsed;

	/* errfinish looks for interrupts; the core has work in hand and asks for them itself. */
	HOLD_INTERRUPTS();
	if (is_counted(phase))
		tell_count(phases, phase, done, total);
	else
		tell_share(phases, phase, total > 0 ? Min(done / total, 1) : 0);
	RESUME_INTERRUPTS();
}

char *
uiml_phases_json(const UimlPhases *phases)
{
	StringInfoData json;

	initStringInfo(&json);
	for (int i = 0; i < phases->n; i++)
		appendStringInfo(&json, "%s\"%s\": %.0f", i == 0 ? "{" : ", ", phases->phase[i].name,
						 phases->phase[i].milliseconds);
	appendStringInfoString(&json, phases->n == 0 ? "{}" : "}");
	return json.data;
}
