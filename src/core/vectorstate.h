/*
 * vectorstate.h
 *	  The mergeable state of vector aggregates: sums of weighted vectors, with exponential decay.
 *
 * Forward decay (Cormode, Shkapenyuk, Srivastava & Xu, ICDE 2009): instead of shrinking the sums as time goes
 * on, an event at time t is weighted by 2^((t - landmark) / half_life), and the common factor cancels in an
 * average.  The landmark is time zero for everybody, so states of any partition of the rows add up without
 * regard to what each has seen.  The weights would overflow soon; so they are kept as mantissa times a power
 * of two, and the sums carry a common exponent of two, which changes without rounding.
 */
#ifndef UIML_VECTORSTATE_H
#define UIML_VECTORSTATE_H

#include "core/uiml.h"

typedef struct UimlVectorState
{
	uint32_t length_word; /* the owner's: a varlena header in the server */
	uint32_t dim;
	int64_t count;     /* rows added, those of weight zero too */
	int64_t half_life; /* of the decay, in the unit of time; 0 means no decay */
	int64_t exponent;  /* weight and sum are to be multiplied by 2^exponent */
	double weight;     /* sum of weights, >= 0 */
	double sum[];      /* dim sums of weight * element */
} UimlVectorState;

#define UIML_VECTOR_STATE_SIZE(dim) (sizeof(UimlVectorState) + sizeof(double) * (size_t) (dim))

/* Makes UIML_VECTOR_STATE_SIZE(dim) bytes an empty state; length_word is left alone. */
extern void uiml_vector_state_init(UimlVectorState *state, size_t dim, int64_t half_life);

/*
 * uiml_vector_state_add
 *		Adds dim elements x with a weight (finite, >= 0) that is decayed from time at; at is not used when the
 *		state has no half-life.  O(dim).
 */
extern void uiml_vector_state_add(UimlVectorState *state, const float *x, double weight, int64_t at);

/* Adds another state of the same dim and half_life. */
extern void uiml_vector_state_merge(UimlVectorState *state, const UimlVectorState *other);

/*
 * uiml_vector_state_sum, uiml_vector_state_mean
 *		Write the weighted sum, or the weighted mean, to x (dim elements).
 *
 * Return UIML_OK; UIML_EEMPTY (mean only) when the weights add up to zero; UIML_ENOTFINITE when an element
 * overflows.
 */
extern UimlStatus uiml_vector_state_sum(const UimlVectorState *state, float *x);
extern UimlStatus uiml_vector_state_mean(const UimlVectorState *state, float *x);

/*
 * The binary form, little-endian: magic "uvst", uint16 version 1, uint16 zero, uint32 length of all, uint32
 * dim, int64 count, int64 half_life, int64 exponent, float8 weight, dim float8 sums.
 */
#define UIML_VECTOR_STATE_HEADER           48
#define UIML_VECTOR_STATE_BINARY_SIZE(dim) (UIML_VECTOR_STATE_HEADER + sizeof(double) * (size_t) (dim))

extern void uiml_vector_state_write(const UimlVectorState *state, void *bytes);

/*
 * uiml_vector_state_read_dim
 *		Checks the head of a binary form against its length and against max_dim.  Returns UIML_OK;
 *		UIML_ECORRUPT; UIML_ELIMIT when there are more than max_dim dimensions.
 */
extern UimlStatus uiml_vector_state_read_dim(const void *bytes, size_t length, size_t max_dim, size_t *dim);

/*
 * uiml_vector_state_read
 *		Reads a binary form whose head has been checked into a state of that dim.  UIML_ECORRUPT when a field
 *		is out of its range, UIML_ENOTFINITE for a number that is not finite.
 */
extern UimlStatus uiml_vector_state_read(const void *bytes, size_t dim, UimlVectorState *state);

#endif /* UIML_VECTORSTATE_H */
