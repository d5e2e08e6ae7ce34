/*
 * checksum.c
 *	  A checksum of flat bytes.
 */
#include <string.h>

#include "core/checksum.h"

uint64_t
uiml_checksum(uint64_t state, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t at = 0; at + 8 <= size; at += 8)
	{
		uint64_t word;

		memcpy(&word, bytes + at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
		state = (state ^ word) * UINT64_C(0x9E3779B97F4A7C15);
		state = state << 29 | state >> 35;
	}
	return state;
}
