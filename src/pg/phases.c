/*
 * phases.c
 *	  What a training is doing.
 *
 * The time left follows from the share of the whole that each phase usually takes.  The shares are those of
 * movielens-1m; only their proportions matter, and an estimate is all that is promised.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "pg/phases.h"

#define FIRST_LINE 3000.0 /* milliseconds of silence: a short training says nothing */
#define NEXT_LINE  1000.0

static const struct
{
	const char *name;
	double share;
} usual[] = {{"reading", .13},    {"split", .02},
			 {"item space", .10}, {"singular vectors", .15},
			 {"interests", .01},  {"number of interests", .12},
			 {"tuning", .12},     {"judging", .08},
			 {"refit", .14},      {"texts", .01},
			 {"storing", .12}};

void
uiml_phases_begin(UimlPhases *phases, const char *subject)
{
	memset(phases, 0, sizeof(*phases));
	phases->subject = subject;
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

double
uiml_phases_elapsed(const UimlPhases *phases)
{
	return milliseconds_since(phases->start);
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
}

/* The share of the whole that is done, 0 .. 1, with this share of the current phase done. */
static double
share_done(const UimlPhases *phases, double part)
{
	double done = 0;

	for (size_t i = 0; i < lengthof(usual); i++)
	{
		if (strcmp(usual[i].name, phases->phase[phases->current].name) == 0)
			return done + usual[i].share * part;
		done += usual[i].share;
	}
	return 0;
}

void
uiml_phases_progress(void *ctx, const char *phase, double done, double total)
{
	UimlPhases *phases = ctx;
	double elapsed;
	double share;

	if (phases->current < 0 || strcmp(phases->phase[phases->current].name, phase) != 0)
		uiml_phases_enter(phases, phase);
	elapsed = uiml_phases_elapsed(phases);
	if (phases->current < 0 || elapsed < FIRST_LINE || elapsed - phases->told < NEXT_LINE)
		return;
	phases->told = elapsed;
	/* Phases that hold others are told before and after them: what is done never shrinks. */
	share = Max(phases->share, share_done(phases, total > 0 ? Min(done / total, 1) : 0));
	phases->share = share;

	/* errfinish looks for interrupts; the core has work in hand and asks for them itself. */
	HOLD_INTERRUPTS();
	if (share > 0)
		ereport(INFO, (errmsg("training \"%s\": %s, %.0f %% done, about %.0f s left", phases->subject, phase,
							  floor(share * 100), ceil(elapsed * (1 - share) / share / 1000))));
	else
		ereport(INFO, (errmsg("training \"%s\": %s", phases->subject, phase)));
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
