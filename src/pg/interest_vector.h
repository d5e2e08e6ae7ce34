/*
 * interest_vector.h
 *	  The type interest_vector: float4 elements in a layout byte-identical to pgvector's vector.
 */
#ifndef UIML_PG_INTEREST_VECTOR_H
#define UIML_PG_INTEREST_VECTOR_H

#include "postgres.h"

#include "access/heaptoast.h"
#include "access/htup_details.h"
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

/* Reports a value of so many bytes whose size and dimensions disagree. */
pg_noreturn extern void uiml_vector_corrupt(Size size);

/* Checks size against dim: bytes from a table are never trusted.  Inline, as it runs once a row. */
static inline void
uiml_vector_check(const InterestVector *vector)
{
	Size size = VARSIZE(vector);

	if (unlikely(size < UIML_VECTOR_SIZE(1) || vector->dim < 1 || vector->dim > UIML_VECTOR_MAX_DIM ||
				 vector->unused != 0 || size != UIML_VECTOR_SIZE(vector->dim)))
		uiml_vector_corrupt(size);
}

/* Detoasts and checks. */
static inline InterestVector *
uiml_vector_detoast(Datum d)
{
	InterestVector *vector = (InterestVector *) PG_DETOAST_DATUM(d);

	uiml_vector_check(vector);
	return vector;
}

/*
 * A vector as it lies, without a copy where that can be.  In a tuple, one of up to 30 dimensions has a header
 * of one byte, so its elements are not aligned: kernels don't mind, other code must.
 */
typedef struct UimlVectorView
{
	const float *x;
	int dim;
	void *copy; /* what detoasting allocated, for pfree; else NULL */
} UimlVectorView;

/* As uiml_vector_view, for any header. */
extern void uiml_vector_view_extended(Datum d, UimlVectorView *view);

/* Errors as uiml_vector_check_same_dim. */
pg_noreturn extern void uiml_vector_differ(int dim_a, int dim_b);

/*
 * Views a value, checked as uiml_vector_detoast does.  Its elements end with the value, or with a pfree of
 * copy.
 */
static inline void
uiml_vector_view(Datum d, UimlVectorView *view)
{
	const InterestVector *vector = (const InterestVector *) DatumGetPointer(d);

	if (unlikely(VARATT_IS_EXTENDED(vector)))
		uiml_vector_view_extended(d, view);
	else
	{
		uiml_vector_check(vector);
		view->x = vector->x;
		view->dim = vector->dim;
		view->copy = NULL;
	}
}

/* What arrives while the processor works on two rows of 64 dimensions. */
#define UIML_PREFETCH_AHEAD 512
#define UIML_CACHE_LINE     64

/*
 * Asks memory for the row that a scan comes to next, or next but one.  A page is filled from its end: that
 * row lies in front of this one, where no processor looks for it by itself.  If rows are not of one length,
 * or the value is not in a page, some loads are wasted.  Waiting for elements was half of the time of a
 * distance: test/bench/vector.
 */
static inline void
uiml_vector_prefetch(const UimlVectorView *view)
{
	Size row = MAXALIGN(SizeofHeapTupleHeader) + UIML_VECTOR_SIZE(view->dim);
	Size ahead = row;
	const char *line, *end;

	/* longer ones are not in a page, as a rule */
	if (view->copy != NULL || row > TOAST_TUPLE_THRESHOLD)
		return;
	while (ahead < UIML_PREFETCH_AHEAD)
		ahead += row;
	line = (const char *) view->x - ahead;
	for (end = line + row; line < end; line += UIML_CACHE_LINE)
		__builtin_prefetch(line);
}

/* A zeroed vector in the current memory context; dim is checked against 1 .. UIML_VECTOR_MAX_DIM. */
extern InterestVector *uiml_vector_new(int dim);

/* A copy of dim floats. */
extern InterestVector *uiml_vector_from_floats(const float *x, int dim);

/* Errors unless 1 <= dim <= UIML_VECTOR_MAX_DIM. */
extern void uiml_vector_check_dim(int64 dim);

/* Errors unless both have the same dimensions. */
extern void uiml_vector_check_same_dim(const InterestVector *a, const InterestVector *b);

/* Errors when an element is infinite or NaN: for the result of arithmetic on finite elements. */
extern void uiml_vector_check_overflow(const InterestVector *vector);

/*
 * The n elements of an array of one dimension, all of the same dimensions; name is that of the argument.
 * NULL elements are an error, or left out.
 */
extern const InterestVector **uiml_vector_array(ArrayType *array, const char *name, bool skip_nulls,
												size_t *n);

/* The schema of the extension. */
extern Oid uiml_schema(void);

/* The OID of the type, looked up in the schema of the extension. */
extern Oid uiml_vector_type(void);

#endif /* UIML_PG_INTEREST_VECTOR_H */
