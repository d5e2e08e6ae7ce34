/*
 * train_sequence.h
 *	  Training sequence models of a domain's active version.
 */
#ifndef UIML_PG_TRAIN_SEQUENCE_H
#define UIML_PG_TRAIN_SEQUENCE_H

#include "postgres.h"

#include "fmgr.h"
#include "pg/sequence_catalog.h"

/* OBJECT_NOT_IN_PREREQUISITE_STATE where a domain has no column of times. */
extern void uiml_sequence_check_time(const UimlDomain *domain);

/* Layers as freeze names them. */
typedef enum UimlSequenceLayer
{
	UIML_LAYER_EMBEDDING = 0,
	UIML_LAYER_RECURRENT, /* the LSTM: kernel, recurrent kernel, bias */
	UIML_LAYER_OUTPUT,    /* the dense layer: kernel, bias */
	UIML_N_LAYERS
} UimlSequenceLayer;

/* How a setting of yes and no that has a default is told. */
typedef enum UimlChoice
{
	UIML_CHOICE_DEFAULT = 0,
	UIML_CHOICE_NO,
	UIML_CHOICE_YES
} UimlChoice;

/* How often users are counted in a curve at most. */
#define UIML_SEQUENCE_MAX_CURVE 20

/* What a training is asked for, checked; the arguments of uiml_train_sequence and the keys of its options. */
typedef struct UimlSequenceSettings
{
	UimlNextTarget target;
	UimlNextExpert model; /* UIML_N_EXPERTS: auto */
	int32 embedding;      /* 0, as hidden: by the target */
	int32 hidden;
	int32 epochs;
	int32 batch;
	double learning_rate; /* 0: by the optimizer */
	int32 max_length;
	int32 patience;
	double validation;
	double test;
	uint64 seed;
	bool freeze[UIML_N_LAYERS];
	double dropout; /* -1: by the number of classes */
	double clip_norm;
	const char *optimizer; /* "adam", "adagrad"; NULL: by the number of classes */
	UimlChoice mask;
	bool last;       /* loss "last" */
	int32 negatives; /* -1: by the number of classes */
	UimlChoice warm_start;
	char *from_domain; /* NULL: none */
	int n_curve;       /* -1: where from_domain is given, the usual ones */
	int32 curve[UIML_SEQUENCE_MAX_CURVE];
} UimlSequenceSettings;

/*
 * uiml_sequence_retrain
 *		Trains a sequence model for a domain's active version with the settings of one of a version before, and from its
 *		weights.  Call with the domain locked, in the transaction that made the version active; errors as of
 *		uiml_train_sequence.
 */
extern void uiml_sequence_retrain(const UimlDomain *domain, const UimlSequenceRow *previous);

/*
 * uiml_sequence_train_again
 *		The same of all models of the domain that there are, each in a subtransaction: a WARNING tells which failed.
 */
extern void uiml_sequence_train_again(const UimlDomain *domain);

/* Reads the arguments from target on, of a call of uiml_train_sequence, in the current memory context. */
extern void uiml_sequence_settings_args(FunctionCallInfo fcinfo, UimlSequenceSettings *settings);

/* Those that a stored model was trained with; DATA_CORRUPTED for what no training writes. */
extern void uiml_sequence_settings_read(Jsonb *stored, UimlNextTarget target, UimlSequenceSettings *settings);

/* As JSON text, what uiml_sequence_settings_read reads; palloc'd. */
extern char *uiml_sequence_settings_json(const UimlSequenceSettings *settings);

#endif /* UIML_PG_TRAIN_SEQUENCE_H */
