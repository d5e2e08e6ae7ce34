/*
 * sequence_windows.c
 *	  Sequences cut into windows, and windows put together to batches.
 *
 * A sequence of n classes has n - 1 positions that predict the next one.  They are cut from the end, so that what is short is
 * the first window, and the newest events are seen with all that precedes them.
 *
 * A batch is packed: a window takes no more steps than it has positions.  What makes that dense is that windows of a batch are of
 * about the same length; what keeps it random is that only BUCKET batches are sorted at a time.
 */
#include "core/sequence_windows.h"

#include <string.h>

#define BUCKET       64
#define CHECK_EVENTS 0x10000 /* between two questions for an interrupt */

/* ---------- cutting ---------- */

static size_t
stride_of(const UimlWindowCut *cut)
{
	return cut->overlap ? (cut->max_length + 1) / 2 : cut->max_length;
}

/* Windows that sequences can have at the most; SIZE_MAX where that can't be counted. */
static size_t
most_windows(size_t n_sequences, size_t n_events, const UimlWindowCut *cut)
{
	size_t cuts = cut->last ? 0 : n_events / stride_of(cut);

	return n_sequences > SIZE_MAX - cuts ? SIZE_MAX : n_sequences + cuts;
}

static size_t
saturated(size_t count, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}

size_t
uiml_windows_memory(size_t n_sequences, size_t n_events, const UimlWindowCut *cut)
{
	size_t windows =
		saturated(most_windows(n_sequences, n_events, cut), sizeof(UimlWindow) + sizeof(uint32_t));
	size_t positions = saturated(n_events, 2 * sizeof(uint32_t));

	return windows > SIZE_MAX - positions ? SIZE_MAX : windows + positions;
}

void
uiml_windows_free(const UimlEnv *env, UimlWindows *windows)
{
	uiml_free(env, windows->class_no);
	uiml_free(env, windows->target);
	uiml_free(env, windows->window);
	uiml_free(env, windows->order);
	memset(windows, 0, sizeof(*windows));
}

static UimlStatus
reserve(const UimlEnv *env, size_t n_positions, size_t n_windows, UimlWindows *windows)
{
	if (n_windows > UINT32_MAX)
		return UIML_ELIMIT;
	if (windows->class_no != NULL && n_positions <= windows->position_capacity &&
		n_windows <= windows->window_capacity)
		return UIML_OK;
	uiml_windows_free(env, windows);
	windows->class_no = uiml_alloc(env, n_positions, sizeof(uint32_t));
	windows->target = uiml_alloc(env, n_positions, sizeof(uint32_t));
	windows->window = uiml_alloc(env, n_windows, sizeof(UimlWindow));
	windows->order = uiml_alloc(env, n_windows, sizeof(uint32_t));
	windows->position_capacity = n_positions;
	windows->window_capacity = n_windows;
	if (windows->class_no != NULL && windows->target != NULL && windows->window != NULL &&
		windows->order != NULL)
		return UIML_OK;
	uiml_windows_free(env, windows);
	return UIML_ENOMEM;
}

/* The classes of a sequence, behind those there are; returns how many. */
static size_t
append_classes(const UimlSequences *chunk, size_t s, const UimlSequenceClasses *classes, UimlWindows *windows)
{
	size_t begin = windows->n_positions;

	for (size_t i = chunk->start[s]; i < chunk->start[s + 1]; i++)
	{
		uint32_t class_no = uiml_sequence_class(classes, chunk->item[i]);

		if (class_no != UIML_NO_CLASS)
			windows->class_no[windows->n_positions++] = class_no;
	}
	return windows->n_positions - begin;
}

/* What is asked for of n positions from begin on; the one behind them has no target. */
static void
set_targets(const UimlWindowCut *cut, size_t begin, size_t n, UimlWindows *windows)
{
	uint64_t most = cut->last ? 1 : cut->most == 0 || cut->most > n ? n : cut->most;

	for (size_t i = 0; i < n; i++)
	{
		bool asked = (i + 1) * most / n > i * most / n;

		windows->target[begin + i] = asked ? windows->class_no[begin + i + 1] : UIML_LSTM_NO_TARGET;
		windows->n_targets += asked;
	}
	windows->target[begin + n] = UIML_LSTM_NO_TARGET;
}

static bool
asks(const UimlWindows *windows, const UimlWindow *window)
{
	for (size_t i = window->first; i < window->length; i++)
	{
		if (windows->target[window->at + i] != UIML_LSTM_NO_TARGET)
			return true;
	}
	return false;
}

/* The windows of n positions from begin on, the last one first; of no use are those without a target. */
static void
cut_sequence(const UimlWindowCut *cut, size_t begin, size_t n, uint32_t sequence, UimlWindows *windows)
{
	size_t stride = stride_of(cut);

	for (size_t end = n; end > 0; end = end > stride ? end - stride : 0)
	{
		size_t at = end > cut->max_length ? end - cut->max_length : 0;
		UimlWindow window = {.at = begin + at,
							 .begin = begin,
							 .length = (uint32_t) (end - at),
							 .first = at == 0 ? 0 : (uint32_t) (end - at - stride),
							 .sequence = sequence};

		if (asks(windows, &window))
			windows->window[windows->n++] = window;
		if (at == 0 || cut->last)
			break;
	}
}

UimlStatus
uiml_windows_cut(const UimlEnv *env, const UimlSequences *chunk, const UimlSequenceClasses *classes,
				 const UimlWindowCut *cut, UimlWindows *windows)
{
	size_t since_check = 0;
	UimlStatus status = reserve(env, chunk->n_events, most_windows(chunk->n, chunk->n_events, cut), windows);

	if (status != UIML_OK)
		return status;
	windows->n = windows->n_positions = windows->n_targets = 0;
	windows->max_length = cut->max_length;
	for (size_t s = 0; s < chunk->n; s++)
	{
		size_t begin = windows->n_positions;
		size_t n = append_classes(chunk, s, classes, windows);

		since_check += n + 1;
		if (since_check >= CHECK_EVENTS && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		since_check = since_check >= CHECK_EVENTS ? 0 : since_check;
		if (n < 2)
		{
			windows->n_positions = begin;
			continue;
		}
		set_targets(cut, begin, n - 1, windows);
		cut_sequence(cut, begin, n - 1, (uint32_t) s, windows);
	}
	return UIML_OK;
}

/* ---------- orders ---------- */

/* Whether window a comes behind b: it is shorter, or the same and has a higher number. */
static bool
comes_later(const UimlWindows *windows, uint32_t a, uint32_t b)
{
	uint32_t x = windows->window[a].length;
	uint32_t y = windows->window[b].length;

	return x != y ? x < y : a > b;
}

static void
sink(const UimlWindows *windows, uint32_t *heap, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child)
	{
		uint32_t window = heap[root];

		if (child + 1 < n && comes_later(windows, heap[child + 1], heap[child]))
			child++;
		if (!comes_later(windows, heap[child], window))
			return;
		heap[root] = heap[child];
		heap[child] = window;
	}
}

/* Heapsort: in place, and never slow. */
static void
sort_windows(const UimlWindows *windows, uint32_t *order, size_t n)
{
	for (size_t root = n / 2; root-- > 0;)
		sink(windows, order, root, n);
	for (size_t left = n; left-- > 1;)
	{
		uint32_t last = order[0];

		order[0] = order[left];
		order[left] = last;
		sink(windows, order, 0, left);
	}
}

static void
swap_blocks(uint32_t *a, uint32_t *b, size_t n)
{
	for (size_t i = 0; a != b && i < n; i++)
	{
		uint32_t x = a[i];

		a[i] = b[i];
		b[i] = x;
	}
}

/* Fisher and Yates, of blocks of so many numbers. */
static void
shuffle_blocks(uint32_t *order, size_t blocks, size_t size, UimlRng *rng)
{
	for (size_t i = blocks; i > 1; i--)
		swap_blocks(order + (i - 1) * size, order + (size_t) uiml_rng_below(rng, i) * size, size);
}

static UimlStatus
shuffle_windows(const UimlEnv *env, UimlWindows *windows, UimlRng *rng)
{
	for (size_t i = windows->n; i > 1; i--)
	{
		if (i % CHECK_EVENTS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		swap_blocks(windows->order + i - 1, windows->order + uiml_rng_below(rng, i), 1);
	}
	return UIML_OK;
}

UimlStatus
uiml_windows_arrange(const UimlEnv *env, UimlWindows *windows, size_t batch, UimlRng *rng)
{
	size_t bucket = BUCKET * batch;
	UimlStatus status = UIML_OK;

	for (size_t i = 0; i < windows->n; i++)
		windows->order[i] = (uint32_t) i;
	if (rng != NULL)
		status = shuffle_windows(env, windows, rng);
	for (size_t first = 0; status == UIML_OK && first < windows->n; first += bucket)
	{
		size_t n = windows->n - first < bucket ? windows->n - first : bucket;

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		sort_windows(windows, windows->order + first, n);
		if (rng != NULL)
			shuffle_blocks(windows->order + first, n / batch, batch, rng);
	}
	return status;
}

/* ---------- batches ---------- */

/* A window's step of a batch; false behind its end. */
static bool
put_token(const UimlWindows *windows, const UimlWindow *window, size_t step, bool padded, size_t i,
		  const UimlBatchRoom *room)
{
	size_t padding = padded ? windows->max_length - window->length : 0;
	size_t at;

	if (step < padding)
	{
		room->token[i] = 0;
		room->target[i] = UIML_LSTM_NO_TARGET;
		if (room->position != NULL)
			room->position[i] = SIZE_MAX;
		return true;
	}
	step -= padding;
	if (step >= window->length)
		return false;
	at = window->at + step;
	room->token[i] = 1 + windows->class_no[at];
	room->target[i] = step >= window->first ? windows->target[at] : UIML_LSTM_NO_TARGET;
	if (room->position != NULL)
		room->position[i] = at;
	return true;
}

UimlLstmBatch
uiml_windows_batch(const UimlWindows *windows, size_t from, size_t n, bool padded, const UimlBatchRoom *room)
{
	const uint32_t *order = windows->order + from;
	size_t steps = padded ? windows->max_length : windows->window[order[0]].length;
	UimlLstmBatch batch = {
		.sequences = n, .steps = steps, .rows = room->rows, .token = room->token, .target = room->target};

	for (size_t step = 0; step < steps; step++)
	{
		size_t row = 0;

		while (row < n &&
			   put_token(windows, &windows->window[order[row]], step, padded, batch.n_tokens + row, room))
		{
			batch.n_targets += room->target[batch.n_tokens + row] != UIML_LSTM_NO_TARGET;
			row++;
		}
		room->rows[step] = (uint32_t) row;
		batch.n_tokens += row;
	}
	return batch;
}
