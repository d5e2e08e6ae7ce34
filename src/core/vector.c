/*
 * vector.c
 *	  Arithmetic and distances of dense float vectors.
 *
 * The loops are in kernels_vector.h.  Here is what they leave: sums that overflow float, or underflow where
 * it would show, are taken again in double, whose range holds the square of any float.
 */
#include "core/vector.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"

/* Squared distances below this may have lost terms to underflow: FLT_MIN with room for 16000 of them. */
#define SMALL_SQUARE 1e-30

/* Elements may be unaligned. */
static double
element(const float *x, size_t i)
{
	float value;

	memcpy(&value, (const char *) x + i * sizeof(float), sizeof(value));
	return (double) value;
}

static double
dot_wide(const float *a, const float *b, size_t dim)
{
	double sum = 0;

	for (size_t i = 0; i < dim; i++)
		sum += element(a, i) * element(b, i);
	return sum;
}

static double
l2_squared_wide(const float *a, const float *b, size_t dim)
{
	double sum = 0;

	for (size_t i = 0; i < dim; i++)
	{
		double difference = element(a, i) - element(b, i);

		sum += difference * difference;
	}
	return sum;
}

static double
l1_wide(const float *a, const float *b, size_t dim)
{
	double sum = 0;

	for (size_t i = 0; i < dim; i++)
		sum += fabs(element(a, i) - element(b, i));
	return sum;
}

double
uiml_vector_dot(const float *a, const float *b, size_t dim)
{
	double sum = uiml_kernels()->dot(a, b, dim);

	return isfinite(sum) ? sum : dot_wide(a, b, dim);
}

double
uiml_vector_l2_squared(const float *a, const float *b, size_t dim)
{
	double sum = uiml_kernels()->l2_squared(a, b, dim);

	return isfinite(sum) && sum > SMALL_SQUARE ? sum : l2_squared_wide(a, b, dim);
}

double
uiml_vector_l1(const float *a, const float *b, size_t dim)
{
	double sum = uiml_kernels()->l1(a, b, dim);

	return isfinite(sum) ? sum : l1_wide(a, b, dim);
}

double
uiml_vector_cosine_distance(const float *a, const float *b, size_t dim)
{
	double products[3];
	double ab, aa, bb, cosine;

	uiml_kernels()->cosine(a, b, dim, products);
	ab = products[0];
	aa = products[1];
	bb = products[2];
	if (!(isfinite(ab) && isfinite(aa) && isfinite(bb) && aa > SMALL_SQUARE && bb > SMALL_SQUARE))
	{
		ab = dot_wide(a, b, dim);
		aa = dot_wide(a, a, dim);
		bb = dot_wide(b, b, dim);
	}
	if (aa == 0 || bb == 0)
		return 1;

	/* the product stays far inside double, and one root makes the distance of a vector to itself exactly 0 */
	cosine = ab / sqrt(aa * bb);
	return cosine > 1 ? 0 : cosine < -1 ? 2 : 1 - cosine;
}

double
uiml_vector_norm(const float *x, size_t dim)
{
	return sqrt(uiml_kernels()->square_sum(x, dim));
}

void
uiml_vector_add(const float *a, const float *b, size_t dim, float *result)
{
	uiml_kernels()->add(a, b, dim, result);
}

void
uiml_vector_subtract(const float *a, const float *b, size_t dim, float *result)
{
	uiml_kernels()->subtract(a, b, dim, result);
}

void
uiml_vector_multiply(const float *a, const float *b, size_t dim, float *result)
{
	uiml_kernels()->multiply(a, b, dim, result);
}

void
uiml_vector_scale(const float *x, double factor, size_t dim, float *result)
{
	uiml_kernels()->scale(x, factor, dim, result);
}

void
uiml_vector_accumulate(const float *x, double weight, size_t dim, double *sum)
{
	if (weight == 1)
		uiml_kernels()->accumulate(x, dim, sum);
	else
		uiml_kernels()->accumulate_weighted(x, weight, dim, sum);
}

void
uiml_vector_accumulate_f64(const double *x, double weight, size_t dim, double *sum)
{
	uiml_kernels()->accumulate_f64(x, weight, dim, sum);
}

int
uiml_vector_compare(const float *a, size_t dim_a, const float *b, size_t dim_b)
{
	size_t dim = dim_a < dim_b ? dim_a : dim_b;

	for (size_t i = 0; i < dim; i++)
	{
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return (dim_a > dim_b) - (dim_a < dim_b);
}

bool
uiml_vector_is_finite(const float *x, size_t dim)
{
	return uiml_kernels()->is_finite(x, dim);
}
