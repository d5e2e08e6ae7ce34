/*
 * rng.c
 *	  xoshiro256** with splitmix64 seeding, and the variates that the core needs.
 *
 * The generator and its seeding are those of Blackman & Vigna (2021), "Scrambled linear pseudorandom number
 * generators", and Steele, Lea & Flood (2014).  Nothing is kept beside the 256 bits of state, so that a
 * copied UimlRng replays its stream; the normal variate therefore throws away the second one of its pair.
 */
#include "core/rng.h"

#include <math.h>

static uint64_t
rotate_left(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

/*
 * uiml_rng_init
 *		Spreads a seed over the state.  splitmix64 is a bijection of a counter, so four consecutive outputs
 *		are never all zero, the one state that xoshiro can't leave.
 */
void
uiml_rng_init(UimlRng *rng, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
	{
		uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		rng->s[i] = z ^ (z >> 31);
	}
}

uint64_t
uiml_rng_next(UimlRng *rng)
{
	uint64_t *s = rng->s;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

double
uiml_rng_uniform(UimlRng *rng)
{
	return (double) (uiml_rng_next(rng) >> 11) * 0x1.0p-53;
}

/*
 * uiml_rng_below
 *		Lemire (2019): the high half of a 128-bit product, rejecting the few low halves that would favour some
 *		results.  A bound of 0 gives 0.
 */
uint64_t
uiml_rng_below(UimlRng *rng, uint64_t bound)
{
	unsigned __int128 product = (unsigned __int128) uiml_rng_next(rng) * bound;

	if ((uint64_t) product < bound)
	{
		uint64_t threshold = (0 - bound) % bound; /* 2^64 mod bound */

		while ((uint64_t) product < threshold)
			product = (unsigned __int128) uiml_rng_next(rng) * bound;
	}
	return (uint64_t) (product >> 64);
}

/* Marsaglia's polar method. */
double
uiml_rng_normal(UimlRng *rng)
{
	double u, s;

	do
	{
		double v;

		u = 2 * uiml_rng_uniform(rng) - 1;
		v = 2 * uiml_rng_uniform(rng) - 1;
		s = u * u + v * v;
	} while (s >= 1 || s == 0);
	return u * sqrt(-2 * log(s) / s);
}
