/*
 * next_events.h
 *	  Sequences of classes with an index by class: what rules and full-rank ridges are counted in.
 *
 * All that is counted is of pairs of classes in one sequence.  With the places of each class at hand the pairs of one
 * class are counted by themselves, into one row of floats: no table of all pairs is ever needed.  Ten bytes are held
 * for an event; where there are more than memory allows, they are those of a random sample of the sequences.
 */
#ifndef UIML_NEXT_EVENTS_H
#define UIML_NEXT_EVENTS_H

#include "core/next.h"

/* Behind and before each sequence. */
#define UIML_NEXT_END UINT32_MAX

/* Of a sequence, the last so many events count. */
#define UIML_NEXT_MAX_EVENTS 1000

typedef struct UimlNextEvents
{
	size_t n_classes;
	size_t n;           /* slots, ends included; the first and the last one are ends */
	uint32_t *class_no; /* n: of items, each only where it comes first in its sequence */
	uint16_t *left;     /* n: how many events follow in the sequence */
	size_t *start;      /* n_classes + 1 */
	uint32_t *slot;     /* the slots of class c, rising: slot[start[c]] .. slot[start[c + 1] - 1] */
	double *count;      /* n_classes: of all sequences, also those that memory has no room for */
} UimlNextEvents;

/*
 * uiml_next_events_read
 *		One pass over a source.  memory: bytes for the events, 0: no bound.
 *
 * Free with uiml_next_events_free in any case.  Returns UIML_OK, UIML_EEMPTY (no event of a class), UIML_ENOMEM,
 * UIML_EINTERRUPTED, what the source returns.
 */
extern UimlStatus uiml_next_events_read(const UimlEnv *env, const UimlSequenceSource *source,
										UimlNextTarget target, const UimlNextSpace *space, size_t n_classes,
										size_t memory, UimlNextEvents *events);
extern void uiml_next_events_free(const UimlEnv *env, UimlNextEvents *events);

/* One row of what is counted. */
typedef struct UimlNextRow
{
	float *value; /* n_classes: 0 but for those of col */
	uint32_t *col;
	size_t n;
} UimlNextRow;

/* Free with uiml_next_row_free in any case. */
extern UimlStatus uiml_next_row_create(const UimlEnv *env, size_t n_classes, UimlNextRow *row);
extern void uiml_next_row_free(const UimlEnv *env, UimlNextRow *row);
extern void uiml_next_row_clear(UimlNextRow *row);

/* Values that are not above 0 (they may have underflowed) are left out: a row's columns are those with a value. */
static inline void
uiml_next_row_add(UimlNextRow *row, uint32_t col, float value)
{
	if (!(value > 0))
		return;
	if (row->value[col] == 0)
		row->col[row->n++] = col;
	row->value[col] += value;
}

/* Fills a row, which is clear, for class c; values added are > 0.  Returns UIML_OK or UIML_EINTERRUPTED. */
typedef UimlStatus (*UimlNextCount)(const UimlEnv *env, const UimlNextEvents *events, float decay,
									size_t steps, uint32_t c, UimlNextRow *row);

/* Successors: sum of 1 / t over those at a distance t of at most steps; no decay. */
extern UimlStatus uiml_next_count_successors(const UimlEnv *env, const UimlNextEvents *events, float decay,
											 size_t steps, uint32_t c, UimlNextRow *row);

/* Predecessors: sum of decay^(t - 1): a row of y'x where x is decayed history and y what came next. */
extern UimlStatus uiml_next_count_predecessors(const UimlEnv *env, const UimlNextEvents *events, float decay,
											   size_t steps, uint32_t c, UimlNextRow *row);

/* x'x of such x, one for each event but the first of a sequence. */
extern UimlStatus uiml_next_count_histories(const UimlEnv *env, const UimlNextEvents *events, float decay,
											size_t steps, uint32_t c, UimlNextRow *row);

/* Sequences that have both classes: x'x where x are whole sequences of items; no decay, no steps. */
extern UimlStatus uiml_next_count_together(const UimlEnv *env, const UimlNextEvents *events, float decay,
										   size_t steps, uint32_t c, UimlNextRow *row);

#endif /* UIML_NEXT_EVENTS_H */
