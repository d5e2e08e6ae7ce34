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
#include <stdint.h>

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

/* Turns count elements of width bytes into the other byte order, in place. */
extern void uiml_part_swap(char *part, size_t count, size_t width);

/* Whether n + 1 offsets ascend from 0 to the number of entries, and these are below a bound. */
extern bool uiml_lists_are_sound(const uint64_t *start, size_t n, const uint32_t *entry, size_t n_entries,
								 size_t bound);

/* Whether n floats are finite and, unless they may be, none is negative. */
extern bool uiml_floats_are_sound(const float *x, size_t n, bool negative);

#endif /* UIML_PARTS_H */
