/*
 * topk.c
 *	  The k best-scored of n candidates, by a heap with the worst chosen candidate at its root.
 *
 * The heap lives in the caller's index array.  Candidates come in ascending index, so one that ties with the
 * root loses to it and the common case is a single comparison with the root's score, kept in a register.
 */
#include <math.h>

#include "core/topk.h"

/* Whether candidate a ranks behind b: a lower score, or the same score and a higher index. */
static bool
ranks_behind(const float *score, uint32_t a, uint32_t b)
{
	if (score[a] != score[b])
		return score[a] < score[b];
	return a > b;
}

/* Moves heap[at] down until no child ranks behind it. */
static void
topk_sift(const float *score, uint32_t *heap, size_t size, size_t at)
{
	uint32_t moved = heap[at];

	for (;;)
	{
		size_t child = 2 * at + 1;

		if (child >= size)
			break;
		if (child + 1 < size && ranks_behind(score, heap[child + 1], heap[child]))
			child++;
		if (!ranks_behind(score, heap[child], moved))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
}

/* Takes the worst away again and again, filling the array from its end: best first. */
static void
topk_sort(const float *score, uint32_t *heap, size_t size)
{
	while (size > 1)
	{
		uint32_t worst = heap[0];

		size--;
		heap[0] = heap[size];
		topk_sift(score, heap, size, 0);
		heap[size] = worst;
	}
}

size_t
uiml_topk(const float *score, size_t n, size_t k, uint32_t *index)
{
	size_t size = 0;
	size_t i;
	float threshold;

	/* NaN fails this comparison as well, and is never chosen. */
	for (i = 0; i < n && size < k; i++)
	{
		if (score[i] > -INFINITY)
			index[size++] = (uint32_t) i;
	}
	if (size == 0)
		return 0;

	for (size_t at = size / 2; at-- > 0;)
		topk_sift(score, index, size, at);

	/* Candidates are left only when the heap is full. */
	threshold = score[index[0]];
	for (; i < n; i++)
	{
		if (score[i] > threshold)
		{
			index[0] = (uint32_t) i;
			topk_sift(score, index, size, 0);
			threshold = score[index[0]];
		}
	}
	topk_sort(score, index, size);
	return size;
}
