/*
 * parts.h
 *	  Parts of a block of bytes that is mapped: arrays, each at a multiple of 64.
 *
 * Where each part starts follows from the numbers in the block's header, so there are no offsets that could
 * lie: a reader computes the layout and compares its end with the length it was given.
 */
#ifndef UIML_PARTS_H
#define UIML_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#define UIML_PART_ALIGNMENT ((size_t) 64)

/* Places count elements of width bytes at *at, and moves *at behind them.  False when size_t overflows. */
static inline bool
uiml_part_place(size_t *at, size_t count, size_t width, size_t *start)
{
	size_t bytes;

	*start = *at;
	if (__builtin_mul_overflow(count, width, &bytes) || __builtin_add_overflow(bytes, *at, at) ||
		__builtin_add_overflow(*at, UIML_PART_ALIGNMENT - 1, at))
		return false;
	*at -= *at % UIML_PART_ALIGNMENT;
	return true;
}

#endif /* UIML_PARTS_H */
