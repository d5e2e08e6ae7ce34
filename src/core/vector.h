/*
 * vector.h
 *	  Dense float vectors: arithmetic, distances, and the readers of their external forms.
 *
 * The loops run per row of a query, so they call no BLAS and allocate nothing; kernels.h has them for several
 * instruction sets.
 */
#ifndef UIML_VECTOR_H
#define UIML_VECTOR_H

#include "core/uiml.h"

/* Where and why a text was refused; offset counts bytes from its start. */
typedef enum UimlVectorFault
{
	UIML_VECTOR_FAULT_NONE = 0,
	UIML_VECTOR_FAULT_START,    /* the text does not start with '[' */
	UIML_VECTOR_FAULT_ELEMENT,  /* no number where one is expected */
	UIML_VECTOR_FAULT_END,      /* the text ends before ']' */
	UIML_VECTOR_FAULT_JUNK,     /* something follows ']' */
	UIML_VECTOR_FAULT_NAN,      /* an element is NaN */
	UIML_VECTOR_FAULT_INFINITE, /* an element is infinite */
	UIML_VECTOR_FAULT_RANGE     /* an element overflows float */
} UimlVectorFault;

typedef struct UimlVectorParse
{
	size_t dim;
	UimlVectorFault fault;
	size_t offset; /* of the faulty element or byte */
	size_t length; /* bytes of the faulty element, as far as they could belong to a number */
} UimlVectorParse;

/*
 * uiml_vector_capacity
 *		An upper bound on the elements that uiml_vector_parse finds in a text: one more than its commas.
 */
extern size_t uiml_vector_capacity(const char *text, size_t length);

/*
 * uiml_vector_parse
 *		Reads '[1,2.5,-3e4]': decimal numbers, white space allowed around every token.
 *
 * text:	length bytes, no terminator needed; nothing beyond them is read
 * x:		receives at most capacity elements
 * parse:	receives the number of elements, or what is wrong and where
 *
 * Returns UIML_OK; UIML_ECORRUPT for a syntax error; UIML_EEMPTY for '[]'; UIML_ELIMIT for more than capacity
 * elements; UIML_ENOTFINITE for NaN, infinity or a number beyond float.  A number too small for float becomes
 * zero or a denormal.
 */
extern UimlStatus uiml_vector_parse(const char *text, size_t length, size_t capacity, float *x,
									UimlVectorParse *parse);

/*
 * The binary form: int16 dimensions, int16 zero, float4 elements, all big-endian (the network order of
 * PostgreSQL).
 */
#define UIML_VECTOR_BINARY_SIZE(dim) (4 + 4 * (size_t) (dim))

/*
 * uiml_vector_read_dim
 *		Reads the head of a binary form and checks that length bytes hold all of its elements.
 *
 * Returns UIML_OK; UIML_ECORRUPT when the bytes are too few or the reserved field is not zero.  dim is as
 * read, not checked against any range: negative and zero come back with UIML_OK.
 */
extern UimlStatus uiml_vector_read_dim(const void *bytes, size_t length, int *dim);

/*
 * uiml_vector_read
 *		Reads dim elements of a binary form whose head has been read.  UIML_ENOTFINITE when one is NaN or
 *		infinite.
 */
extern UimlStatus uiml_vector_read(const void *bytes, size_t dim, float *x);

/* Writes the binary form, UIML_VECTOR_BINARY_SIZE(dim) bytes. */
extern void uiml_vector_write(const float *x, size_t dim, void *bytes);

/*
 * Distances and products.  dim elements each, all finite; results are finite.  Sums run over float lanes that
 * are added up in double every few hundred elements; where a float overflows, or underflow would show, the
 * sum is taken again in double.  A product may round to -0 or lose what lies below the smallest float.
 * Vectors need no alignment.
 */
extern double uiml_vector_dot(const float *a, const float *b, size_t dim);
extern double uiml_vector_l2_squared(const float *a, const float *b, size_t dim);
extern double uiml_vector_l1(const float *a, const float *b, size_t dim);

/*
 * 1 - cos(a, b), within 0 .. 2; 1 when a or b is zero, as if they were orthogonal: a zero vector points
 * nowhere.
 */
extern double uiml_vector_cosine_distance(const float *a, const float *b, size_t dim);

/* Euclidean norm, summed in double. */
extern double uiml_vector_norm(const float *x, size_t dim);

/*
 * Element-wise arithmetic; result may be a or b.  What overflows becomes infinite: see uiml_vector_is_finite.
 */
extern void uiml_vector_add(const float *a, const float *b, size_t dim, float *result);
extern void uiml_vector_subtract(const float *a, const float *b, size_t dim, float *result);
extern void uiml_vector_multiply(const float *a, const float *b, size_t dim, float *result);

/* result = x * factor, multiplied in double and rounded once. */
extern void uiml_vector_scale(const float *x, double factor, size_t dim, float *result);

/*
 * sum += x * weight, and sum += x * weight of doubles: the accumulators of averages.  Floats need no
 * alignment.
 */
extern void uiml_vector_accumulate(const float *x, double weight, size_t dim, double *sum);
extern void uiml_vector_accumulate_f64(const double *x, double weight, size_t dim, double *sum);

/* -1, 0, 1: by the first element that differs, then by length; -0 equals 0. */
extern int uiml_vector_compare(const float *a, size_t dim_a, const float *b, size_t dim_b);

/* True when no element is NaN or infinite. */
extern bool uiml_vector_is_finite(const float *x, size_t dim);

#endif /* UIML_VECTOR_H */
