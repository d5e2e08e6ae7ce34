/*
 * sequence_fit.h
 *	  Fits an LSTM to sequences: epochs of shuffled batches, early stopping, the best epoch's weights.
 */
#ifndef UIML_SEQUENCE_FIT_H
#define UIML_SEQUENCE_FIT_H

#include "core/lstm.h"
#include "core/sequence_judge.h"
#include "core/sequences.h"

/*
 * Above so many classes: tied output, sampled negatives, Adagrad; up to it full softmax and Adam.  Items are rare, and their
 * embeddings learn from both ends: on lastfm (3,646 items) four tied epochs came to 7.42 nats on validation users, three of
 * the full softmax to 7.88, at less than half the events a second.
 */
#define UIML_SEQUENCE_FULL_INTERESTS 5000
#define UIML_SEQUENCE_FULL_ITEMS     1000

static inline size_t
uiml_sequence_full_classes(bool item)
{
	return item ? UIML_SEQUENCE_FULL_ITEMS : UIML_SEQUENCE_FULL_INTERESTS;
}

/* Learning rates by default. */
#define UIML_SEQUENCE_ADAM_RATE    .003
#define UIML_SEQUENCE_ADAGRAD_RATE .1

#define UIML_SEQUENCE_MAX_EPOCHS 1000
#define UIML_SEQUENCE_MAX_BATCH  4096
#define UIML_SEQUENCE_MAX_LENGTH 1000

typedef struct UimlSequenceFitParams
{
	size_t embedding;  /* 1 .. 1024; with tied output = hidden */
	size_t hidden;     /* 1 .. 1024 */
	bool tied;         /* the output's rows are the embedding's */
	size_t epochs;     /* 1 .. UIML_SEQUENCE_MAX_EPOCHS */
	size_t batch;      /* sequences, 1 .. UIML_SEQUENCE_MAX_BATCH */
	size_t max_length; /* 1 .. UIML_SEQUENCE_MAX_LENGTH; longer sequences are cut into windows */
	size_t patience;   /* stop after so many epochs without a lower validation loss; 0: never */
	bool mask;         /* false: sequences are padded in front to max_length, and padding is processed */
	bool last;         /* one target a sequence, what came last; false: each event but the first */
	UimlLstmOptimizer optimizer;
	double learning_rate; /* > 0 */
	double clip_norm;     /* of a batch's gradient; 0: none */
	double dropout;       /* of embedded tokens and of outputs, 0 <= dropout < 1 */
	size_t
		negatives; /* sampled for each batch as count^.5, with logQ correction; only where tied; 0: full softmax */
	bool frozen[UIML_LSTM_N_TENSORS];
	uint64_t seed;
} UimlSequenceFitParams;

/*
 * uiml_sequence_fit_defaults
 *		For so many classes: of interests (item = false) or of items.
 *
 * Embedding 32 (interests) or 64, hidden 64, 10 epochs, batches of 32, max_length 50, patience 2, masked, no
 * clipping; with a tied output dropout .3 and 2,048 negatives, or a third of the classes if that is less, else none.
 */
extern UimlSequenceFitParams uiml_sequence_fit_defaults(size_t n_classes, bool item);

/* The network that params ask for. */
extern UimlLstmShape uiml_sequence_fit_shape(const UimlSequenceFitParams *params, size_t n_classes);

/* What one epoch was like.  Figures that nothing tells are NaN. */
typedef struct UimlSequenceEpoch
{
	size_t epoch; /* from 1 */
	double loss; /* nats per event, while weights were changing; with negatives: among them, not comparable */
	double accuracy; /* likewise */
	UimlSequenceJudgement validation;
	UimlSequenceJudgement test;
	UimlSequenceJudgement blend; /* on test users, with data->beside */
	double blend_share;          /* of the network in that; mean of the two */
	double events_per_second;    /* of fitting, without judging */
	double seconds_left;         /* for the epochs that may follow */
	bool kept;                   /* its weights are the result's: the last epoch so marked */
} UimlSequenceEpoch;

/* What is told meanwhile, and the clock.  epoch may be NULL; it must not raise errors. */
typedef struct UimlSequenceMonitor
{
	void (*epoch)(void *ctx, const UimlSequenceEpoch *epoch, size_t epochs);
	double (*now)(void *ctx); /* seconds since any fixed instant; NULL: speeds are NaN */
	void *ctx;
} UimlSequenceMonitor;

typedef struct UimlSequenceFitData
{
	const UimlSequenceSource *fit;
	const UimlSequenceClasses *classes;
	const UimlSequences *validation; /* judges each epoch and decides which is kept; NULL: the last one is */
	const UimlSequences *test;       /* judges each epoch, decides nothing; NULL: none */
	UimlSequenceJudging judging;     /* of both; max_length 0: as params, at every position, without ranks */
	const UimlLstmWeights *initial;  /* of the shape that params ask for; NULL: drawn by the seed */
	const UimlLstmWeights *beside;   /* a network to be blended with, of the same classes; NULL: none */
} UimlSequenceFitData;

typedef struct UimlSequenceFit
{
	UimlLstmWeights weights; /* of the epoch that is kept */
	size_t epochs;           /* that were run */
	size_t kept;             /* the epoch that is kept, from 1; 0: no epoch was better than initial weights */
	UimlSequenceEpoch *history; /* epochs */
	size_t events;              /* of sequences, in a class, in one epoch */
	size_t targets;             /* predicted in one epoch */
} UimlSequenceFit;

/*
 * uiml_sequence_fit
 *		Fits a network.
 *
 * monitor: may be NULL.  With initial weights, these are judged first: where no epoch has a lower validation loss, they are
 * the result.
 *
 * The same seed, data and order of chunks give the same weights, bit for bit, under any number of threads.  Free with
 * uiml_sequence_fit_free in any case.  Returns UIML_OK; UIML_EINVALID for params out of range, classes or initial
 * weights that don't fit; UIML_EEMPTY where no sequence has two events in a class; UIML_ENOTFINITE where the loss is no
 * number any more (a learning rate too high); UIML_ENOMEM, UIML_EINTERRUPTED; what the source returns.
 * progress is told ("fitting", done, total) in events of all epochs.
 */
extern UimlStatus uiml_sequence_fit(const UimlEnv *env, const UimlSequenceFitParams *params,
									const UimlSequenceFitData *data, const UimlSequenceMonitor *monitor,
									UimlSequenceFit *fit);
extern void uiml_sequence_fit_free(const UimlEnv *env, UimlSequenceFit *fit);

/*
 * uiml_sequence_fit_memory
 *		Bytes at the peak of a fit, without the sequences themselves; saturates.
 *
 * chunk_sequences, chunk_events: of the largest chunk of the source
 * judged_sequences, judged_events: of the larger one of validation and test
 */
extern size_t uiml_sequence_fit_memory(const UimlSequenceFitParams *params, size_t n_classes,
									   size_t chunk_sequences, size_t chunk_events, size_t judged_sequences,
									   size_t judged_events);

/*
 * The generalization network is the same function: fit over the validation users' sequences, validation some training
 * users' (whom it never saw, and who decide when to stop), test the test users, beside the network of the training users.
 */

#endif /* UIML_SEQUENCE_FIT_H */
