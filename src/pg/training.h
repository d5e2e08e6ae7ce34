/*
 * training.h
 *	  A training under way: shared by train.c and train_read.c, of no use elsewhere.
 */
#ifndef UIML_PG_TRAINING_H
#define UIML_PG_TRAINING_H

#include "core/behaviour.h"
#include "pg/budget.h"
#include "pg/env.h"
#include "pg/labels.h"
#include "pg/passes.h"
#include "pg/phases.h"
#include "pg/source.h"
#include "pg/textspace.h"

typedef struct Training
{
	UimlDomain *domain;
	MemoryContext context; /* "uiml training" */
	TimestampTz started;
	UimlBudget budget;
	UimlPhases phases;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env; /* inner, watched by budget */
	UimlBehaviourParams params;
	uint64 seed;
	UimlSource *source;
	double needed; /* bytes, without text vectors */
	UimlSplitKeys keys;
	UimlInteractions interactions; /* empty where the events are in a work table */
	UimlPasses passes;
	UimlRows rows;        /* of either */
	double half_life;     /* seconds, INFINITY for no decay */
	UimlHoldout newest;   /* of tuning users, where time is known */
	UimlTextSpace *texts; /* NULL: features are those of behaviour */
	uint32 *item_users;
	uint32 *user_events;
	double *user_last;
	UimlModel model;
	size_t n_figures;
	UimlFigure *figure;
	MemoryContext labels_context; /* "uiml titles and labels" */
	UimlLabels *labels;
	UimlVersionRow row;
} Training;

/*
 * uiml_training_read
 *		Reads the domain's events into memory or a work table, chooses the half-life where the domain has
 *		none, and opens the rows.  PROGRAM_LIMIT_EXCEEDED where maintenance_work_mem does not do for what is
 *		to follow.
 */
extern void uiml_training_read(Training *training);

/* Makes text vectors, where features want them. */
extern void uiml_training_texts(Training *training);

/* As uiml_check, but for memory that maintenance_work_mem does not allow. */
extern void uiml_training_check(const Training *training, UimlStatus status, const char *what);

#endif /* UIML_PG_TRAINING_H */
