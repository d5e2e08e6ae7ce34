/*
 * next_events.c
 *	  Sequences of classes with an index by class, and what is counted of the pairs of one class.
 */
#include "core/next_events.h"

#include <math.h>
#include <string.h>

#define BYTES_PER_EVENT 10
#define CHECK_PAIRS     1000000 /* some milliseconds */

/* A pass that fills the slots. */
typedef struct Reading
{
	const UimlSequenceSource *source;
	UimlNextTarget target;
	const UimlNextSpace *space;
	size_t room;    /* slots */
	uint32_t *seen; /* n_classes, of items: the number of the last sequence that had it, from 1 on */
	uint32_t sequence;
	UimlNextEvents *events;
} Reading;

static void
put_end(UimlNextEvents *events)
{
	events->class_no[events->n] = UIML_NEXT_END;
	events->left[events->n++] = 0;
}

/* Puts the classes of a sequence behind the others, as long as there is room for all of it, and counts them. */
static void
put_sequence(Reading *reading, const uint32_t *item, size_t n)
{
	UimlNextEvents *events = reading->events;
	size_t first = events->n;
	size_t length = 0;
	size_t skip;
	bool fits = reading->room - events->n > n;

	reading->sequence++;
	for (size_t i = 0; i < n; i++)
	{
		uint32_t c = uiml_next_class(reading->target, reading->space, item[i]);

		if (c >= events->n_classes)
			continue;
		if (reading->seen != NULL && reading->seen[c] == reading->sequence)
			continue;
		if (reading->seen != NULL)
			reading->seen[c] = reading->sequence;
		events->count[c]++;
		if (fits)
			events->class_no[first + length++] = c;
	}
	if (length < 2)
		return;
	skip = length > UIML_NEXT_MAX_EVENTS ? length - UIML_NEXT_MAX_EVENTS : 0;
	length -= skip;
	memmove(events->class_no + first, events->class_no + first + skip, length * sizeof(uint32_t));
	for (size_t i = 0; i < length; i++)
		events->left[first + i] = (uint16_t) (length - 1 - i);
	events->n += length;
	put_end(events);
}

static UimlStatus
read_all(const UimlEnv *env, Reading *reading)
{
	const UimlSequenceSource *source = reading->source;
	UimlSequences chunk;
	UimlStatus status = source->rewind(source->ctx, 0);

	put_end(reading->events);
	while (status == UIML_OK && (status = source->next(source->ctx, &chunk)) == UIML_OK && chunk.n > 0)
	{
		size_t checked = 0;

		for (size_t s = 0; s < chunk.n; s++)
		{
			put_sequence(reading, chunk.item + chunk.start[s], chunk.start[s + 1] - chunk.start[s]);
			if (chunk.start[s + 1] - checked < CHECK_PAIRS / 10)
				continue;
			checked = chunk.start[s + 1];
			if (uiml_interrupted(env))
				return UIML_EINTERRUPTED;
		}
		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
	}
	return status;
}

/* Lists the slots of each class. */
static UimlStatus
index_classes(const UimlEnv *env, UimlNextEvents *events)
{
	for (size_t i = 0; i < events->n; i++)
		if (events->class_no[i] != UIML_NEXT_END)
			events->start[events->class_no[i] + 1]++;
	for (size_t c = 0; c < events->n_classes; c++)
		events->start[c + 1] += events->start[c];
	if (uiml_interrupted(env))
		return UIML_EINTERRUPTED;
	events->slot = uiml_alloc(env, events->start[events->n_classes], sizeof(uint32_t));
	if (events->slot == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < events->n; i++)
	{
		if (events->class_no[i] != UIML_NEXT_END)
			events->slot[events->start[events->class_no[i]]++] = (uint32_t) i;
		if (i % CHECK_PAIRS == CHECK_PAIRS - 1 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
	}
	memmove(events->start + 1, events->start, events->n_classes * sizeof(size_t));
	events->start[0] = 0;
	return UIML_OK;
}

UimlStatus
uiml_next_events_read(const UimlEnv *env, const UimlSequenceSource *source, UimlNextTarget target,
					  const UimlNextSpace *space, size_t n_classes, size_t memory, UimlNextEvents *events)
{
	size_t room = source->n_events + source->n + 2;
	size_t most = memory > 0 ? memory / BYTES_PER_EVENT : UINT32_MAX;
	Reading reading = {.source = source, .target = target, .space = space, .events = events};
	UimlStatus status = UIML_ENOMEM;
	double total = 0;

	*events = (UimlNextEvents){.n_classes = n_classes};
	most = most < UINT32_MAX ? most : UINT32_MAX;
	reading.room = room < most ? room : most;
	reading.room = reading.room > 2 ? reading.room : 2;
	events->class_no = uiml_alloc(env, reading.room, sizeof(uint32_t));
	events->left = uiml_alloc(env, reading.room, sizeof(uint16_t));
	events->start = uiml_alloc0(env, n_classes + 1, sizeof(size_t));
	events->count = uiml_alloc0(env, n_classes, sizeof(double));
	if (target == UIML_NEXT_ITEM)
		reading.seen = uiml_alloc0(env, n_classes, sizeof(uint32_t));
	if (events->class_no != NULL && events->left != NULL && events->start != NULL && events->count != NULL &&
		(target != UIML_NEXT_ITEM || reading.seen != NULL))
		status = read_all(env, &reading);
	uiml_free(env, reading.seen);
	for (size_t c = 0; status == UIML_OK && c < n_classes; c++)
		total += events->count[c];
	if (status == UIML_OK && total == 0)
		status = UIML_EEMPTY;
	if (status == UIML_OK)
		status = index_classes(env, events);
	return status;
}

void
uiml_next_events_free(const UimlEnv *env, UimlNextEvents *events)
{
	uiml_free(env, events->class_no);
	uiml_free(env, events->left);
	uiml_free(env, events->start);
	uiml_free(env, events->slot);
	uiml_free(env, events->count);
	*events = (UimlNextEvents){0};
}

UimlStatus
uiml_next_row_create(const UimlEnv *env, size_t n_classes, UimlNextRow *row)
{
	*row = (UimlNextRow){0};
	row->value = uiml_alloc0(env, n_classes, sizeof(float));
	row->col = uiml_alloc(env, n_classes, sizeof(uint32_t));
	return row->value != NULL && row->col != NULL ? UIML_OK : UIML_ENOMEM;
}

void
uiml_next_row_free(const UimlEnv *env, UimlNextRow *row)
{
	uiml_free(env, row->value);
	uiml_free(env, row->col);
	*row = (UimlNextRow){0};
}

void
uiml_next_row_clear(UimlNextRow *row)
{
	for (size_t i = 0; i < row->n; i++)
		row->value[row->col[i]] = 0;
	row->n = 0;
}

/* Asks whether to stop after so many more pairs. */
static UimlStatus
check(const UimlEnv *env, size_t pairs, size_t *since)
{
	*since += pairs;
	if (*since < CHECK_PAIRS)
		return UIML_OK;
	*since = 0;
	return uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
}

UimlStatus
uiml_next_count_successors(const UimlEnv *env, const UimlNextEvents *events, float decay, size_t steps,
						   uint32_t c, UimlNextRow *row)
{
	UimlStatus status = UIML_OK;
	size_t since = 0;

	(void) decay;
	for (size_t i = events->start[c]; status == UIML_OK && i < events->start[c + 1]; i++)
	{
		const uint32_t *at = events->class_no + events->slot[i];

		for (size_t t = 1; t <= steps && at[t] != UIML_NEXT_END; t++)
			uiml_next_row_add(row, at[t], 1 / (float) t);
		status = check(env, steps, &since);
	}
	return status;
}

UimlStatus
uiml_next_count_predecessors(const UimlEnv *env, const UimlNextEvents *events, float decay, size_t steps,
							 uint32_t c, UimlNextRow *row)
{
	UimlStatus status = UIML_OK;
	size_t since = 0;

	for (size_t i = events->start[c]; status == UIML_OK && i < events->start[c + 1]; i++)
	{
		const uint32_t *at = events->class_no + events->slot[i];
		float weight = 1;

		for (size_t t = 1; t <= steps && *(at - t) != UIML_NEXT_END; t++, weight *= decay)
			uiml_next_row_add(row, *(at - t), weight);
		status = check(env, steps, &since);
	}
	return status;
}

/*
 * The histories of a sequence that hold the events at p <= q are those of the events behind q; there the two weigh
 * decay^(k - 1 - p) and decay^(k - 1 - q), so that the sum of products over k is decay^(q - p) times a geometric series.
 * Pairs farther apart than steps are left out.
 */
UimlStatus
uiml_next_count_histories(const UimlEnv *env, const UimlNextEvents *events, float decay, size_t steps,
						  uint32_t c, UimlNextRow *row)
{
	double series[UIML_NEXT_MAX_EVENTS] = {0};
	UimlStatus status = UIML_OK;
	size_t since = 0;

	for (size_t n = 1; n < UIML_NEXT_MAX_EVENTS; n++)
		series[n] = 1 + (double) decay * (double) decay * series[n - 1];
	for (size_t i = events->start[c]; status == UIML_OK && i < events->start[c + 1]; i++)
	{
		size_t slot = events->slot[i];
		const uint32_t *at = events->class_no + slot;
		double weight = series[events->left[slot]];

		uiml_next_row_add(row, c, (float) weight);
		for (size_t t = 1; t <= steps && *(at - t) != UIML_NEXT_END; t++)
			uiml_next_row_add(row, *(at - t), (float) (weight *= (double) decay));
		weight = 1;
		for (size_t t = 1; t <= steps && at[t] != UIML_NEXT_END; t++)
		{
			weight *= (double) decay;
			uiml_next_row_add(row, at[t], (float) (weight * series[events->left[slot + t]]));
		}
		status = check(env, 2 * steps, &since);
	}
	return status;
}

UimlStatus
uiml_next_count_together(const UimlEnv *env, const UimlNextEvents *events, float decay, size_t steps,
						 uint32_t c, UimlNextRow *row)
{
	UimlStatus status = UIML_OK;
	size_t since = 0;

	(void) decay;
	(void) steps;
	for (size_t i = events->start[c]; status == UIML_OK && i < events->start[c + 1]; i++)
	{
		const uint32_t *at = events->class_no + events->slot[i];
		const uint32_t *from = at;

		while (*(from - 1) != UIML_NEXT_END)
			from--;
		for (at = from; *at != UIML_NEXT_END; at++)
			uiml_next_row_add(row, *at, 1);
		status = check(env, (size_t) (at - from), &since);
	}
	return status;
}
