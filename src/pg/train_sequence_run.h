/*
 * train_sequence_run.h
 *	  The training of a sequence model under way: shared by the files train_sequence*.c, of no use elsewhere.
 */
#ifndef UIML_PG_TRAIN_SEQUENCE_RUN_H
#define UIML_PG_TRAIN_SEQUENCE_RUN_H

#include "core/sequence_carry.h"
#include "core/sequence_fit.h"
#include "pg/passes.h"
#include "pg/sequence_catalog.h"
#include "pg/sequence_read.h"
#include "pg/sequence_store.h"
#include "pg/served.h"
#include "pg/train_sequence.h"

/* Networks of one training: for each number of users three, two of generalization, one without from_domain. */
#define UIML_MOST_NETWORKS (3 * (UIML_SEQUENCE_MAX_CURVE + 1) + 2)

/* A network that was fitted, as it is reported. */
typedef struct UimlSequenceNetwork
{
	const char *name;  /* "lstm", "lstm migrated" ... */
	const char *title; /* the same with the number of users, where it is one of several */
	size_t users;      /* fitted on */
	size_t epochs;     /* that were run */
	UimlSequenceEpoch *history;
	UimlSequenceJudgement validation;
	UimlSequenceJudgement test;
	bool blend; /* with the one that is used: epochs tell figures on test users of both together */
	bool used;  /* its weights are those of the model */
} UimlSequenceNetwork;

/* A row of uiml_train_sequence; NaN, or no epochs: NULL. */
typedef struct UimlSequenceResult
{
	const char *model;
	size_t users;
	size_t epochs;
	double validation_loss;
	double validation_accuracy;
	double loss;
	double accuracy;
	double hr;
	double ndcg;
	bool used;
} UimlSequenceResult;

#define UIML_MOST_RESULTS (UIML_MOST_NETWORKS + UIML_NEXT_ROWS)

typedef struct SequenceTraining
{
	const UimlDomain *domain;
	const UimlServing *serving; /* the active version */
	UimlServed *served;
	const UimlItemFile *file;
	UimlSequenceSettings settings;
	UimlSequenceFitParams params;
	bool again;            /* after a training of the domain: nobody asked for it just now */
	MemoryContext context; /* "uiml sequence training" */
	TimestampTz started;
	UimlBudget budget;
	UimlPhases phases;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env; /* inner, watched by budget */
	UimlSequenceClasses classes;
	UimlUserSequences *users;

	/* Rows, until the honest space is fitted. */
	UimlInteractions interactions;
	UimlPasses passes;
	UimlRows rows;

	/* What knows nothing of held-out users: vectors of items, and what predictions say without the model. */
	UimlNextSpace space;
	UimlNextRest rest;

	/* Networks. */
	UimlLstmWeights
		initial;         /* of this domain before, or of another; one run of floats; shape.classes 0: none */
	UimlSequenceFit fit; /* of the one that is a candidate for the model; weights.shape.classes 0: none */
	size_t n_networks;
	UimlSequenceNetwork network[UIML_MOST_NETWORKS];
	UimlSequenceNetwork *current; /* whose epochs are told */
	bool brief;                   /* once a second at most; all of them are in the report */

	/* Experts. */
	UimlNextModel model; /* then the one that is kept, refitted */
	UimlNextChoice choice;
	UimlNextFigures validation[UIML_NEXT_ROWS];
	UimlNextFigures test[UIML_NEXT_ROWS];
	UimlSequenceRow row;
} SequenceTraining;

/*
 * uiml_sequence_settings_fit
 *		What the settings mean for a network of so many classes.
 *
 * INVALID_PARAMETER_VALUE where embedding and hidden differ although the output is tied to the embedding.
 */
extern UimlSequenceFitParams uiml_sequence_settings_fit(const UimlSequenceSettings *settings,
														size_t n_classes);

/* "recurrent", "embedding and recurrent" ...: what is frozen, palloc'd; NULL where nothing is. */
extern char *uiml_sequence_frozen_name(const UimlSequenceSettings *settings);

/* As uiml_check, but for memory that maintenance_work_mem does not allow. */
extern void uiml_sequence_check(const SequenceTraining *training, UimlStatus status, const char *what);

/*
 * uiml_sequence_course
 *		Reads, fits, chooses, judges and refits: all but what is stored.  domain, settings, context and version are set.
 */
extern void uiml_sequence_course(SequenceTraining *training);

/*
 * uiml_sequence_networks
 *		Fits the networks that the settings ask for, and sets fit to the one with the lowest loss on validation users.
 */
extern void uiml_sequence_networks(SequenceTraining *training);

/* Bytes at the peak of the fit of a network to sequences of which the largest chunk has so many. */
extern double uiml_sequence_network_memory(const SequenceTraining *training, size_t sequences, size_t events);

/*
 * uiml_sequence_start
 *		Sets initial: weights carried over from the domain that the settings name, or from the model of this domain before,
 *		where there is one that may be for the settings.
 *
 * Before anything is read: what is missing is told at once.  OBJECT_NOT_IN_PREREQUISITE_STATE where the other domain has
 * no LSTM of this target, or there is no transfer between the two, or nothing for the warm start that was asked for;
 * INVALID_PARAMETER_VALUE where layers are to be frozen that start from nothing.
 */
extern void uiml_sequence_start(SequenceTraining *training);

/* The rows of uiml_train_sequence, up to UIML_MOST_RESULTS; how many. */
extern size_t uiml_sequence_results(const SequenceTraining *training, UimlSequenceResult *result);

/* The metrics of a model, as pg/sequence_catalog.h tells them: JSON text. */
extern char *uiml_sequence_metrics_json(const SequenceTraining *training);

/* Does the model that is kept contain a row's expert, or is the row what is kept? */
extern bool uiml_sequence_row_used(const SequenceTraining *training, size_t row);

/* "popularity" .. "lstm", "mixture", "history", "blend". */
extern const char *uiml_sequence_row_name(size_t row);

#endif /* UIML_PG_TRAIN_SEQUENCE_RUN_H */
