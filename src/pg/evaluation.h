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
#include "pg/phases.h"
#include "pg/source.h"

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

	/* what is read */
	MemoryContext context; /* "uiml evaluation" */
	UimlBudget budget;     /* of context */
	UimlPhases phases;
	UimlSource *source;
	size_t pairs;
	UimlSplitKeys keys;

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

/* A figure of a result row: four decimals, as intervals are wider than that and tables stay readable. */
extern Datum uiml_figure_datum(double value);

#endif /* UIML_PG_EVALUATION_H */
