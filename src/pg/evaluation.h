/*
 * evaluation.h
 *	  A domain trained on a part of its events and judged on the rest; nothing is stored.
 */
#ifndef UIML_PG_EVALUATION_H
#define UIML_PG_EVALUATION_H

#include "postgres.h"

#include "fmgr.h"

#include "core/behaviour.h"
#include "pg/env.h"
#include "pg/passes.h"
#include "pg/phases.h"
#include "pg/source.h"
#include "pg/textvectors.h"

typedef struct UimlEvaluation
{
	/* what is asked */
	UimlDomain *domain; /* with the settings to be trained with */
	bool by_time;
	double fold_in;
	size_t users;
	uint64 seed;       /* of the split */
	uint64 train_seed; /* of the training */
	size_t n_k;
	size_t *k;
	bool keep_events; /* for another run */
	bool keep_model;
	bool newcomers;              /* test users are new to the domain, and known from another one */
	struct UimlEvaluation *from; /* that one; NULL without newcomers */
	size_t observed;             /* of newcomers' items in the domain, seen */
	size_t overlap;              /* users the transfers are fitted on at most */
	size_t negatives;            /* sampled ones to rank hidden items among, 0 for none */

	/* what is read */
	MemoryContext context; /* "uiml evaluation" */
	UimlBudget budget;     /* of context */
	UimlPhases phases;
	UimlSource *source;
	size_t pairs;
	UimlSplitKeys keys;
	UimlTextMemory texts; /* that an encoder was asked for in the runs before */

	/* the run */
	MemoryContext run_context; /* "uiml trial", below context */
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env; /* inner, watched by budget */
	UimlModelParams params;
	double half_life; /* seconds, INFINITY for no decay */
	uint8_t *role;
	uint8_t *rows;
	UimlHoldout tuning;
	UimlHoldout judging;
	UimlModel model; /* where keep_model */
	UimlJudgement judgement;
} UimlEvaluation;

/* Positions of the arguments that evaluations share; -1: the function has none. */
typedef struct UimlEvaluationArgs
{
	int domain;
	int holdout;
	int at;
	int fold_in;
	int users;
	int seed;
	int dims;
	int interests;
	int half_life;
	int features;
	int source; /* of newcomers; the next three, too */
	int observed;
	int overlap;
	int negatives;
} UimlEvaluationArgs;

/*
 * uiml_evaluation_begin
 *		Reads and checks the arguments of a call, in a context of its own below the current one, which is made
 *		current.
 *
 * dims, interests, half_life and features replace what the domain is registered with where they are not NULL;
 * the others must not be NULL.
 */
extern UimlEvaluation *uiml_evaluation_begin(FunctionCallInfo fcinfo, const UimlEvaluationArgs *args);

/* Reads the events as the caller. */
extern void uiml_evaluation_read(UimlEvaluation *e);

/*
 * uiml_evaluation_run
 *		Splits, fits, tunes and judges with the domain's settings: judgement and, where it is to be kept, the
 *		model.  What a run made is gone after uiml_evaluation_rewind, and another may follow where the events
 *		were kept.
 */
extern void uiml_evaluation_run(UimlEvaluation *e);
extern void uiml_evaluation_rewind(UimlEvaluation *e);

/* Gives all memory back and makes the context current that was when it began. */
extern void uiml_evaluation_end(UimlEvaluation *e);

/*
 * Parts of a run, shared by evaluation_run.c and evaluate_newcomers.c.
 */

/* Test users are at most one in so many, and so are tuning users. */
#define UIML_SMALLEST_FIT_SHARE 4

/* What is known of a span of time, in memory or in the work table. */
typedef struct UimlKnown
{
	UimlInteractions x;
	UimlPasses passes;
	UimlRows rows;
} UimlKnown;

/* Context, environment and settings of a run, and whether memory does for it. */
extern void uiml_evaluation_start(UimlEvaluation *e);

/*
 * uiml_evaluation_build
 *		What happened in from <= at < before, decayed to until: at each user's own time, or for everybody
 *		(faded).
 */
extern void uiml_evaluation_build(UimlEvaluation *e, double from, double before, double until, bool faded,
								  UimlKnown *known);

/*
 * uiml_evaluation_fit
 *		Fits and tunes the model with the roles of users in e->role, which are used up, and judges it on
 *		UIML_JUDGE unless these are newcomers.
 */
extern void uiml_evaluation_fit(UimlEvaluation *e, UimlKnown *all);

pg_noreturn extern void uiml_evaluation_no_users(const UimlEvaluation *e, const char *detail);

/* The whole run: both models, the transfers, the judgement. */
extern void uiml_evaluate_newcomers(UimlEvaluation *e);

/* A figure of a result row: four decimals, as intervals are wider than that and tables stay readable. */
extern Datum uiml_figure_datum(double value);

#endif /* UIML_PG_EVALUATION_H */
