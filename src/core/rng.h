/*
 * rng.h
 *	  Seeded random numbers: xoshiro256** (Blackman & Vigna 2018), state owned by the caller.
 */
#ifndef UIML_RNG_H
#define UIML_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct UimlRng
{
	uint64_t s[4];
} UimlRng;

extern void uiml_rng_init(UimlRng *rng, uint64_t seed);
extern uint64_t uiml_rng_next(UimlRng *rng);
extern double uiml_rng_uniform(UimlRng *rng);                 /* [0, 1), 53 bits */
extern uint64_t uiml_rng_below(UimlRng *rng, uint64_t bound); /* 0 .. bound - 1, unbiased */
extern double uiml_rng_normal(UimlRng *rng);                  /* standard normal */

#endif /* UIML_RNG_H */
