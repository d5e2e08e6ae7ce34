/*
 * interest_vector_ops.c
 *	  Functions and operators of interest_vector: arithmetic, distances, comparison, hashing.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "utils/fmgrprotos.h"

#include "core/vector.h"
#include "pg/interest_vector.h"

typedef void (*ElementwiseFn)(const float *a, const float *b, size_t dim, float *result);
typedef double (*DistanceFn)(const float *a, const float *b, size_t dim);

/* ---------- arithmetic ---------- */

static Datum
elementwise(FunctionCallInfo fcinfo, ElementwiseFn operation)
{
	InterestVector *a = PG_GETARG_INTEREST_VECTOR_P(0);
	InterestVector *b = PG_GETARG_INTEREST_VECTOR_P(1);
	InterestVector *result;

	uiml_vector_check_same_dim(a, b);
	result = uiml_vector_new(a->dim);
	operation(a->x, b->x, (size_t) a->dim, result->x);
	uiml_vector_check_overflow(result);
	PG_RETURN_INTEREST_VECTOR_P(result);
}

PG_FUNCTION_INFO_V1(interest_vector_add);
Datum
interest_vector_add(PG_FUNCTION_ARGS)
{
	return elementwise(fcinfo, uiml_vector_add);
}

PG_FUNCTION_INFO_V1(interest_vector_sub);
Datum
interest_vector_sub(PG_FUNCTION_ARGS)
{
	return elementwise(fcinfo, uiml_vector_subtract);
}

PG_FUNCTION_INFO_V1(interest_vector_mul);
Datum
interest_vector_mul(PG_FUNCTION_ARGS)
{
	return elementwise(fcinfo, uiml_vector_multiply);
}

static Datum
scale(InterestVector *vector, double factor)
{
	InterestVector *result = uiml_vector_new(vector->dim);

	if (isnan(factor) || isinf(factor))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("factor of an interest_vector must be a finite number")));
	uiml_vector_scale(vector->x, factor, (size_t) vector->dim, result->x);
	uiml_vector_check_overflow(result);
	PG_RETURN_INTEREST_VECTOR_P(result);
}

PG_FUNCTION_INFO_V1(interest_vector_scale);
Datum
interest_vector_scale(PG_FUNCTION_ARGS)
{
	return scale(PG_GETARG_INTEREST_VECTOR_P(0), PG_GETARG_FLOAT8(1));
}

PG_FUNCTION_INFO_V1(interest_vector_scale_left);
Datum
interest_vector_scale_left(PG_FUNCTION_ARGS)
{
	return scale(PG_GETARG_INTEREST_VECTOR_P(1), PG_GETARG_FLOAT8(0));
}

PG_FUNCTION_INFO_V1(interest_vector_concat);
Datum
interest_vector_concat(PG_FUNCTION_ARGS)
{
	InterestVector *a = PG_GETARG_INTEREST_VECTOR_P(0);
	InterestVector *b = PG_GETARG_INTEREST_VECTOR_P(1);
	InterestVector *result = uiml_vector_new(a->dim + b->dim);

	memcpy(result->x, a->x, sizeof(float) * (Size) a->dim);
	memcpy(result->x + a->dim, b->x, sizeof(float) * (Size) b->dim);
	PG_RETURN_INTEREST_VECTOR_P(result);
}

/* count elements from position start on, positions beyond either end left out, as substring() does. */
PG_FUNCTION_INFO_V1(uiml_subvector);
Datum
uiml_subvector(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);
	int64 start = PG_GETARG_INT32(1);
	int64 end = start + PG_GETARG_INT32(2);

	start = Max(start, 1);
	end = Min(end, (int64) vector->dim + 1);
	uiml_vector_check_dim(end - start);
	PG_RETURN_INTEREST_VECTOR_P(uiml_vector_from_floats(vector->x + start - 1, (int) (end - start)));
}

PG_FUNCTION_INFO_V1(uiml_dims);
Datum
uiml_dims(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(PG_GETARG_INTEREST_VECTOR_P(0)->dim);
}

PG_FUNCTION_INFO_V1(uiml_norm);
Datum
uiml_norm(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);

	PG_RETURN_FLOAT8(uiml_vector_norm(vector->x, (size_t) vector->dim));
}

PG_FUNCTION_INFO_V1(uiml_normalise);
Datum
uiml_normalise(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);
	double norm = uiml_vector_norm(vector->x, (size_t) vector->dim);
	InterestVector *result = uiml_vector_new(vector->dim);

	/* a zero vector has no direction and stays zero; the norm of any other is at least the smallest float */
	if (norm > 0)
		uiml_vector_scale(vector->x, 1 / norm, (size_t) vector->dim, result->x);
	PG_RETURN_INTEREST_VECTOR_P(result);
}

/* ---------- products and distances ---------- */

/* An index calls without an expression, and its values don't come in the order of a table. */
static inline bool
called_by_query(FunctionCallInfo fcinfo)
{
	return fcinfo->flinfo != NULL && fcinfo->flinfo->fn_expr != NULL;
}

/* Inline, so that function is called directly. */
static pg_attribute_always_inline double
distance(FunctionCallInfo fcinfo, DistanceFn function)
{
	UimlVectorView a, b;
	double result;

	uiml_vector_view(PG_GETARG_DATUM(0), &a);
	uiml_vector_view(PG_GETARG_DATUM(1), &b);
	if (unlikely(a.dim != b.dim))
		uiml_vector_differ(a.dim, b.dim);
	if (called_by_query(fcinfo))
	{
		uiml_vector_prefetch(&a);
		uiml_vector_prefetch(&b);
	}
	result = function(a.x, b.x, (size_t) a.dim);

	/* index support functions run in long-lived contexts and must not leak */
	if (unlikely(a.copy != NULL))
		pfree(a.copy);
	if (unlikely(b.copy != NULL))
		pfree(b.copy);
	return result;
}

PG_FUNCTION_INFO_V1(uiml_inner_product);
Datum
uiml_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(distance(fcinfo, uiml_vector_dot));
}

PG_FUNCTION_INFO_V1(interest_vector_negative_inner_product);
Datum
interest_vector_negative_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(-distance(fcinfo, uiml_vector_dot));
}

PG_FUNCTION_INFO_V1(uiml_l2_distance);
Datum
uiml_l2_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(sqrt(distance(fcinfo, uiml_vector_l2_squared)));
}

/* What an index compares: the same order as the distance without its root. */
PG_FUNCTION_INFO_V1(interest_vector_l2_squared);
Datum
interest_vector_l2_squared(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(distance(fcinfo, uiml_vector_l2_squared));
}

PG_FUNCTION_INFO_V1(uiml_l1_distance);
Datum
uiml_l1_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(distance(fcinfo, uiml_vector_l1));
}

PG_FUNCTION_INFO_V1(uiml_cosine_distance);
Datum
uiml_cosine_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(distance(fcinfo, uiml_vector_cosine_distance));
}

/* ---------- comparison ---------- */

static int
compare(FunctionCallInfo fcinfo)
{
	InterestVector *a = PG_GETARG_INTEREST_VECTOR_P(0);
	InterestVector *b = PG_GETARG_INTEREST_VECTOR_P(1);
	int result = uiml_vector_compare(a->x, (size_t) a->dim, b->x, (size_t) b->dim);

	/* index support functions run in long-lived contexts and must not leak */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

PG_FUNCTION_INFO_V1(interest_vector_cmp);
Datum
interest_vector_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}

PG_FUNCTION_INFO_V1(interest_vector_lt);
Datum
interest_vector_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

PG_FUNCTION_INFO_V1(interest_vector_le);
Datum
interest_vector_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

PG_FUNCTION_INFO_V1(interest_vector_eq);
Datum
interest_vector_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) == 0);
}

PG_FUNCTION_INFO_V1(interest_vector_ne);
Datum
interest_vector_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) != 0);
}

PG_FUNCTION_INFO_V1(interest_vector_ge);
Datum
interest_vector_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

PG_FUNCTION_INFO_V1(interest_vector_gt);
Datum
interest_vector_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

/* ---------- hashing ---------- */

/* The elements as bytes that are equal where the elements are: adding 0 turns -0 into 0. */
static unsigned char *
hash_bytes_of(const InterestVector *vector, int *length)
{
	float *x = palloc(sizeof(float) * (Size) vector->dim);

	for (int i = 0; i < vector->dim; i++)
		x[i] = vector->x[i] + 0.0f;
	*length = (int) sizeof(float) * vector->dim;
	return (unsigned char *) x;
}

PG_FUNCTION_INFO_V1(interest_vector_hash);
Datum
interest_vector_hash(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);
	int length;
	unsigned char *bytes = hash_bytes_of(vector, &length);
	Datum hash = hash_any(bytes, length);

	pfree(bytes);
	PG_FREE_IF_COPY(vector, 0);
	return hash;
}

PG_FUNCTION_INFO_V1(interest_vector_hash_extended);
Datum
interest_vector_hash_extended(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);
	int length;
	unsigned char *bytes = hash_bytes_of(vector, &length);
	Datum hash = hash_any_extended(bytes, length, (uint64) PG_GETARG_INT64(1));

	pfree(bytes);
	PG_FREE_IF_COPY(vector, 0);
	return hash;
}
