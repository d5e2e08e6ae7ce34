/*
 * kernels_above.h
 *	  The next of many scores that reaches a threshold: where few do, a search reads the others once and does
 *	  no more.
 */
#define ABOVE_VECTORS 4 /* between two branches */

static size_t
find_above(const float *score, const float *offset, float threshold, size_t n)
{
	size_t i = 0;

	for (; i + ABOVE_VECTORS * LANES <= n; i += ABOVE_VECTORS * LANES)
	{
		IntLanes above = {0};
		uint64_t word[WIDE];
		uint64_t any = 0;

#pragma GCC unroll 4
		for (size_t j = 0; j < ABOVE_VECTORS; j++)
			above |= LOAD(score + i + j * LANES) - LOAD(offset + i + j * LANES) >= threshold;
		__builtin_memcpy(word, &above, sizeof(above));
#pragma GCC unroll 8
		for (size_t j = 0; j < WIDE; j++)
			any |= word[j];
		if (any != 0)
			break;
	}
	while (i < n && !(score[i] - offset[i] >= threshold))
		i++;
	return i;
}
