/*
 * vector.c
 *	  Arithmetic and distances of dense float vectors.
 *
 * Reductions name their lanes (GNU vector types, which every target of gcc and clang lowers to what it has)
 * instead of leaving them to -fassociative-math: so the order of a sum is fixed by this file, and only the
 * fusing of multiply and add differs between CPUs.  Lanes are float; every BLOCK elements their sum is added
 * to a double, so the error does not grow with the dimensions.
 */
#include "core/vector.h"

#include <float.h>
#include <math.h>
#include <string.h>

/*
 * Clang and the sanitizers are left out: an instrumented resolver would run before their runtime is set up.
 */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&             \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define UIML_CLONES __attribute__((target_clones("default", "fma")))
#else
#define UIML_CLONES
#endif

#define LANES 8
#define STEP  (4 * LANES) /* four independent sums hide the latency of fused multiply-add */
#define BLOCK (16 * STEP)

/* Squared distances below this may have lost terms to underflow: FLT_MIN with room for 16000 of them. */
#define SMALL_SQUARE 1e-30

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t IntLanes __attribute__((vector_size(4 * LANES)));
typedef float UnalignedLanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float UnalignedHalf __attribute__((vector_size(2 * LANES), aligned(4), may_alias));
typedef double WideHalf __attribute__((vector_size(4 * LANES)));

#define LOAD(pointer)      (*(const UnalignedLanes *) (pointer))
#define LOAD_WIDE(pointer) __builtin_convertvector(*(const UnalignedHalf *) (pointer), WideHalf)

/* |x| by clearing sign bits. */
#define ABSOLUTE(lanes) ((Lanes) ((IntLanes) (lanes) &0x7fffffff))

/*
 * The sum of all lanes, as a tree: converting each to double first would take longer than a short vector
 * does.
 */
static inline double
total(const Lanes *lanes)
{
	UnalignedHalf low, high;

	memcpy(&low, lanes, sizeof(low));
	memcpy(&high, (const char *) lanes + sizeof(low), sizeof(high));
	low += high;
	return (double) ((low[0] + low[2]) + (low[1] + low[3]));
}

/* Where the block that starts at i ends: whole lanes away, at most BLOCK. */
static inline size_t
block_end(size_t i, size_t dim)
{
	size_t left = (dim - i) / LANES * LANES;

	return i + (left < BLOCK ? left : BLOCK);
}

static double
dot_wide(const float *a, const float *b, size_t dim)
{
	double sum = 0;

	for (size_t i = 0; i < dim; i++)
		sum += (double) a[i] * (double) b[i];
	return sum;
}

static double
l2_squared_wide(const float *a, const float *b, size_t dim)
{
	double sum = 0;

	for (size_t i = 0; i < dim; i++)
	{
		double difference = (double) a[i] - (double) b[i];

		sum += difference * difference;
	}
	return sum;
}

UIML_CLONES double
uiml_vector_dot(const float *a, const float *b, size_t dim)
{
	double sum = 0;
	size_t i = 0;

	while (dim - i >= LANES)
	{
		size_t end = block_end(i, dim);
		Lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};

		for (; end - i >= STEP; i += STEP)
		{
			s0 += LOAD(a + i) * LOAD(b + i);
			s1 += LOAD(a + i + LANES) * LOAD(b + i + LANES);
			s2 += LOAD(a + i + 2 * LANES) * LOAD(b + i + 2 * LANES);
			s3 += LOAD(a + i + 3 * LANES) * LOAD(b + i + 3 * LANES);
		}
		for (; i < end; i += LANES)
			s0 += LOAD(a + i) * LOAD(b + i);
		s0 = (s0 + s1) + (s2 + s3);
		sum += total(&s0);
	}
	for (; i < dim; i++)
		sum += (double) a[i] * (double) b[i];
	return isfinite(sum) ? sum : dot_wide(a, b, dim);
}

UIML_CLONES double
uiml_vector_l2_squared(const float *a, const float *b, size_t dim)
{
	double sum = 0;
	size_t i = 0;

	while (dim - i >= LANES)
	{
		size_t end = block_end(i, dim);
		Lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};

		for (; end - i >= STEP; i += STEP)
		{
			Lanes d0 = LOAD(a + i) - LOAD(b + i);
			Lanes d1 = LOAD(a + i + LANES) - LOAD(b + i + LANES);
			Lanes d2 = LOAD(a + i + 2 * LANES) - LOAD(b + i + 2 * LANES);
			Lanes d3 = LOAD(a + i + 3 * LANES) - LOAD(b + i + 3 * LANES);

			s0 += d0 * d0;
			s1 += d1 * d1;
			s2 += d2 * d2;
			s3 += d3 * d3;
		}
		for (; i < end; i += LANES)
		{
			Lanes d0 = LOAD(a + i) - LOAD(b + i);

			s0 += d0 * d0;
		}
		s0 = (s0 + s1) + (s2 + s3);
		sum += total(&s0);
	}
	for (; i < dim; i++)
	{
		double difference = (double) a[i] - (double) b[i];

		sum += difference * difference;
	}
	return isfinite(sum) && sum > SMALL_SQUARE ? sum : l2_squared_wide(a, b, dim);
}

UIML_CLONES double
uiml_vector_l1(const float *a, const float *b, size_t dim)
{
	double sum = 0;
	size_t i = 0;

	while (dim - i >= LANES)
	{
		size_t end = block_end(i, dim);
		Lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};

		for (; end - i >= STEP; i += STEP)
		{
			s0 += ABSOLUTE(LOAD(a + i) - LOAD(b + i));
			s1 += ABSOLUTE(LOAD(a + i + LANES) - LOAD(b + i + LANES));
			s2 += ABSOLUTE(LOAD(a + i + 2 * LANES) - LOAD(b + i + 2 * LANES));
			s3 += ABSOLUTE(LOAD(a + i + 3 * LANES) - LOAD(b + i + 3 * LANES));
		}
		for (; i < end; i += LANES)
			s0 += ABSOLUTE(LOAD(a + i) - LOAD(b + i));
		s0 = (s0 + s1) + (s2 + s3);
		sum += total(&s0);
	}
	for (; i < dim; i++)
		sum += fabs((double) a[i] - (double) b[i]);
	if (isfinite(sum))
		return sum;

	/* elements near the ends of float: their differences overflow it */
	sum = 0;
	for (i = 0; i < dim; i++)
		sum += fabs((double) a[i] - (double) b[i]);
	return sum;
}

/* a'b, a'a and b'b in one pass; they may overflow or underflow. */
UIML_CLONES static void
products(const float *a, const float *b, size_t dim, double *ab, double *aa, double *bb)
{
	size_t i = 0;

	*ab = *aa = *bb = 0;
	while (dim - i >= LANES)
	{
		size_t end = block_end(i, dim);
		Lanes ab0 = {0}, ab1 = {0}, aa0 = {0}, aa1 = {0}, bb0 = {0}, bb1 = {0};

		for (; end - i >= 2 * LANES; i += 2 * LANES)
		{
			Lanes a0 = LOAD(a + i), a1 = LOAD(a + i + LANES);
			Lanes b0 = LOAD(b + i), b1 = LOAD(b + i + LANES);

			ab0 += a0 * b0;
			ab1 += a1 * b1;
			aa0 += a0 * a0;
			aa1 += a1 * a1;
			bb0 += b0 * b0;
			bb1 += b1 * b1;
		}
		for (; i < end; i += LANES)
		{
			ab0 += LOAD(a + i) * LOAD(b + i);
			aa0 += LOAD(a + i) * LOAD(a + i);
			bb0 += LOAD(b + i) * LOAD(b + i);
		}
		ab0 += ab1;
		aa0 += aa1;
		bb0 += bb1;
		*ab += total(&ab0);
		*aa += total(&aa0);
		*bb += total(&bb0);
	}
	for (; i < dim; i++)
	{
		*ab += (double) a[i] * (double) b[i];
		*aa += (double) a[i] * (double) a[i];
		*bb += (double) b[i] * (double) b[i];
	}
}

double
uiml_vector_cosine_distance(const float *a, const float *b, size_t dim)
{
	double ab, aa, bb, cosine;

	products(a, b, dim, &ab, &aa, &bb);
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

UIML_CLONES double
uiml_vector_norm(const float *x, size_t dim)
{
	WideHalf s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
	double sum = 0;
	size_t i = 0;

	for (; dim - i >= 2 * LANES; i += 2 * LANES)
	{
		WideHalf x0 = LOAD_WIDE(x + i), x1 = LOAD_WIDE(x + i + LANES / 2);
		WideHalf x2 = LOAD_WIDE(x + i + LANES), x3 = LOAD_WIDE(x + i + 3 * LANES / 2);

		s0 += x0 * x0;
		s1 += x1 * x1;
		s2 += x2 * x2;
		s3 += x3 * x3;
	}
	s0 = (s0 + s1) + (s2 + s3);
	for (; i < dim; i++)
		sum += (double) x[i] * (double) x[i];
	sum += (s0[0] + s0[2]) + (s0[1] + s0[3]);
	return sqrt(sum);
}

UIML_CLONES void
uiml_vector_add(const float *a, const float *b, size_t dim, float *result)
{
	for (size_t i = 0; i < dim; i++)
		result[i] = a[i] + b[i];
}

UIML_CLONES void
uiml_vector_subtract(const float *a, const float *b, size_t dim, float *result)
{
	for (size_t i = 0; i < dim; i++)
		result[i] = a[i] - b[i];
}

UIML_CLONES void
uiml_vector_multiply(const float *a, const float *b, size_t dim, float *result)
{
	for (size_t i = 0; i < dim; i++)
		result[i] = a[i] * b[i];
}

UIML_CLONES void
uiml_vector_scale(const float *x, double factor, size_t dim, float *result)
{
	for (size_t i = 0; i < dim; i++)
		result[i] = (float) ((double) x[i] * factor);
}

UIML_CLONES void
uiml_vector_accumulate(const float *x, double weight, size_t dim, double *sum)
{
	for (size_t i = 0; i < dim; i++)
		sum[i] += (double) x[i] * weight;
}

UIML_CLONES void
uiml_vector_accumulate_f64(const double *x, double weight, size_t dim, double *sum)
{
	for (size_t i = 0; i < dim; i++)
		sum[i] += x[i] * weight;
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

UIML_CLONES bool
uiml_vector_is_finite(const float *x, size_t dim)
{
	int beyond = 0;

	/* no early exit: the loop vectorises, and the answer is almost always yes; NaN is not <= anything */
	for (size_t i = 0; i < dim; i++)
		beyond |= !(fabsf(x[i]) <= FLT_MAX);
	return beyond == 0;
}
