/*
 * sequence_windows.h
 *	  Sequences cut into windows, and windows put together to batches.
 *
 * Internal to the files sequence_*.c.
 */
#ifndef UIML_SEQUENCE_WINDOWS_H
#define UIML_SEQUENCE_WINDOWS_H

#include "core/lstm.h"
#include "core/rng.h"
#include "core/sequences.h"

/* Events of a sequence that can be predicted. */
static inline size_t
uiml_sequence_predictable(const UimlSequences *sequences, const UimlSequenceClasses *classes, size_t s)
{
	size_t n = 0;

	for (size_t i = sequences->start[s]; i < sequences->start[s + 1]; i++)
		n += uiml_sequence_class(classes, sequences->item[i]) != UIML_NO_CLASS;
	return n == 0 ? 0 : n - 1;
}

/* How to cut. */
typedef struct UimlWindowCut
{
	size_t max_length; /* of a window */
	bool overlap; /* by half: only the second half of a window is asked for, but for a sequence's first one */
	bool last;    /* only what comes last in a sequence is asked for */
	size_t most;  /* positions of a sequence that are asked for, evenly spaced; 0: all */
} UimlWindowCut;

/* Positions at .. at + length - 1 are read; those from at + first on may have a target. */
typedef struct UimlWindow
{
	size_t at;
	size_t begin; /* of the sequence */
	uint32_t length;
	uint32_t first;
	uint32_t sequence; /* of the chunk */
} UimlWindow;

/* Zeroed before first use; free with uiml_windows_free. */
typedef struct UimlWindows
{
	size_t n_positions; /* events in a class */
	size_t n;
	size_t n_targets;
	size_t max_length;
	uint32_t *class_no; /* of each position, sequence by sequence */
	uint32_t *target;   /* the class that comes next, UIML_LSTM_NO_TARGET where none is asked for */
	UimlWindow *window; /* sequence by sequence */
	uint32_t *order;    /* of windows */
	size_t position_capacity;
	size_t window_capacity;
} UimlWindows;

/*
 * uiml_windows_cut
 *		Replaces what windows hold by a chunk's, in no order yet.  UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED,
 *		UIML_ELIMIT (2^32 windows).
 */
extern UimlStatus uiml_windows_cut(const UimlEnv *env, const UimlSequences *chunk,
								   const UimlSequenceClasses *classes, const UimlWindowCut *cut,
								   UimlWindows *windows);
extern void uiml_windows_free(const UimlEnv *env, UimlWindows *windows);

/* Bytes of them; saturates. */
extern size_t uiml_windows_memory(size_t n_sequences, size_t n_events, const UimlWindowCut *cut);

/*
 * uiml_windows_arrange
 *		An order in which each batch has windows of about one length, the longest first: sorted by length are some dozens of
 *		batches at a time.
 *
 * rng: shuffles the windows before, and then the batches that were sorted together, but for one that is short; NULL: as
 * they come
 */
extern UimlStatus uiml_windows_arrange(const UimlEnv *env, UimlWindows *windows, size_t batch, UimlRng *rng);

/* Room of a batch: rows (max_length), token, target and position (batch * max_length each). */
typedef struct UimlBatchRoom
{
	uint32_t *rows;
	uint32_t *token;
	uint32_t *target;
	size_t *position; /* of each token; may be NULL */
} UimlBatchRoom;

/*
 * uiml_windows_batch
 *		The batch of windows order[from] .. order[from + n - 1], which are sorted by falling length, in time-major order.
 *
 * padded: each is padded in front to max_length by token 0; positions of padding are SIZE_MAX.
 */
extern UimlLstmBatch uiml_windows_batch(const UimlWindows *windows, size_t from, size_t n, bool padded,
										const UimlBatchRoom *room);

#endif /* UIML_SEQUENCE_WINDOWS_H */
