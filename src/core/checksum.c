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

uint64_t
uiml_checksum_block(const void *data, size_t size, size_t header_size)
{
	const unsigned char *bytes = data;
	uint64_t state = uiml_checksum(0, bytes, header_size - sizeof(uint64_t));

	return uiml_checksum(state, bytes + header_size, size - header_size);
}
