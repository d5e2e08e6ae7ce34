/*
 * interest_vector.h
 *	  The type interest_vector: float4 elements in a layout byte-identical to pgvector's vector.
 */
#ifndef UIML_PG_INTEREST_VECTOR_H
#define UIML_PG_INTEREST_VECTOR_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "pg/compat.h"

#define UIML_VECTOR_MAX_DIM 16000

typedef struct InterestVector
{
	int32 vl_len_; /* varlena header (do not touch directly!) */
	int16 dim;     /* number of dimensions, 1 .. UIML_VECTOR_MAX_DIM */
	int16 unused;  /* always zero */
	float x[FLEXIBLE_ARRAY_MEMBER];
} InterestVector;

#define UIML_VECTOR_SIZE(dim)          (offsetof(InterestVector, x) + sizeof(float) * (size_t) (dim))
#define DatumGetInterestVector(d)      uiml_vector_detoast(d)
#define PG_GETARG_INTEREST_VECTOR_P(n) DatumGetInterestVector(PG_GETARG_DATUM(n))
#define PG_RETURN_INTEREST_VECTOR_P(v) PG_RETURN_POINTER(v)

/* Reports a value whose size and dimensions disagree. */
pg_noreturn extern void uiml_vector_corrupt(const InterestVector *vector);

/*
 * Detoasts and checks size against dim: bytes from a table are never trusted.  Inline, as it runs once a row.
 */
static inline InterestVector *
uiml_vector_detoast(Datum d)
{
	InterestVector *vector = (InterestVector *) PG_DETOAST_DATUM(d);
	Size size = VARSIZE(vector);

	if (unlikely(size < UIML_VECTOR_SIZE(1) || vector->dim < 1 || vector->dim > UIML_VECTOR_MAX_DIM ||
				 vector->unused != 0 || size != UIML_VECTOR_SIZE(vector->dim)))
		uiml_vector_corrupt(vector);
	return vector;
}

/* A zeroed vector in the current memory context; dim is checked against 1 .. UIML_VECTOR_MAX_DIM. */
extern InterestVector *uiml_vector_new(int dim);

/* A copy of dim floats. */
extern InterestVector *uiml_vector_from_floats(const float *x, int dim);

/* Errors unless 1 <= dim <= UIML_VECTOR_MAX_DIM. */
extern void uiml_vector_check_dim(int64 dim);

/* Errors unless typmod is absent (negative) or dim. */
extern void uiml_vector_check_typmod(int32 typmod, int dim);

/* Errors unless both have the same dimensions. */
extern void uiml_vector_check_same_dim(const InterestVector *a, const InterestVector *b);

/* Errors when an element is NaN or infinite: for elements that come from outside. */
extern void uiml_vector_check_elements(const InterestVector *vector);

/* Errors when an element is infinite or NaN: for the result of arithmetic on finite elements. */
extern void uiml_vector_check_overflow(const InterestVector *vector);

/*
 * The n elements of an array of one dimension, all of the same dimensions; name is that of the argument.  NULL
 * elements are an error, or left out.
 */
extern const InterestVector **uiml_vector_array(ArrayType *array, const char *name, bool skip_nulls,
												size_t *n);

/* The OID of the type, looked up in the schema of the extension. */
extern Oid uiml_vector_type(void);

#endif /* UIML_PG_INTEREST_VECTOR_H */
