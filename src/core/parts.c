/*
 * parts.c
 *	  What readers of mapped bytes check of their arrays, whatever these are of.
 */
#include "core/parts.h"
#include "core/vector.h"

void
uiml_part_swap(char *part, size_t count, size_t width)
{
	for (size_t i = 0; i < count; i++)
	{
		char *element = part + i * width;

		for (size_t b = 0; b < width / 2; b++)
		{
			char byte = element[b];

			element[b] = element[width - 1 - b];
			element[width - 1 - b] = byte;
		}
	}
}

/* Entries are looked at all at once: a vectorised maximum reads them as fast as they come. */
bool
uiml_lists_are_sound(const uint64_t *start, size_t n, const uint32_t *entry, size_t n_entries, size_t bound)
{
	uint32_t most = 0;

	if (start[0] != 0 || start[n] != n_entries)
		return false;
	for (size_t i = 0; i < n; i++)
		if (start[i] > start[i + 1])
			return false;
	for (size_t e = 0; e < n_entries; e++)
		most = entry[e] > most ? entry[e] : most;
	return n_entries == 0 || most < bound;
}

bool
uiml_floats_are_sound(const float *x, size_t n, bool negative)
{
	if (!uiml_vector_is_finite(x, n))
		return false;
	for (size_t i = 0; !negative && i < n; i++)
		if (x[i] < 0)
			return false;
	return true;
}
