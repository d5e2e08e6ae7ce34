/*
 * kernels_vector.h
 *	  Kernels of dense vectors: products, distances, element-wise arithmetic, sums.
 *
 * Reductions name their lanes instead of leaving them to -fassociative-math: so the order of a sum is fixed.
 * Lanes are float; every BLOCK elements their sum is added to a double, so the error does not grow with the
 * dimensions.
 */
#define STEP  (4 * LANES) /* four independent sums hide the latency of fused multiply-add */
#define BLOCK 512

/* Where the block that starts at i ends: whole lanes away, at most BLOCK. */
INLINE size_t
block_end(size_t i, size_t dim)
{
	size_t left = (dim - i) / LANES * LANES;

	return i + (left < BLOCK ? left : BLOCK);
}

static double
dot(const float *a, const float *b, size_t dim)
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
		sum += (double) lanes_sum((s0 + s1) + (s2 + s3));
	}
	for (; i < dim; i++)
		sum += (double) LOAD_ONE(a + i) * (double) LOAD_ONE(b + i);
	return sum;
}

static double
l2_squared(const float *a, const float *b, size_t dim)
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
		sum += (double) lanes_sum((s0 + s1) + (s2 + s3));
	}
	for (; i < dim; i++)
	{
		double difference = (double) LOAD_ONE(a + i) - (double) LOAD_ONE(b + i);

		sum += difference * difference;
	}
	return sum;
}

static double
l1(const float *a, const float *b, size_t dim)
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
		sum += (double) lanes_sum((s0 + s1) + (s2 + s3));
	}
	for (; i < dim; i++)
		sum += __builtin_fabs((double) LOAD_ONE(a + i) - (double) LOAD_ONE(b + i));
	return sum;
}

static void
cosine(const float *a, const float *b, size_t dim, double *products)
{
	double ab = 0, aa = 0, bb = 0;
	size_t i = 0;

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
		ab += (double) lanes_sum(ab0 + ab1);
		aa += (double) lanes_sum(aa0 + aa1);
		bb += (double) lanes_sum(bb0 + bb1);
	}
	for (; i < dim; i++)
	{
		double x = (double) LOAD_ONE(a + i), y = (double) LOAD_ONE(b + i);

		ab += x * y;
		aa += x * x;
		bb += y * y;
	}
	products[0] = ab;
	products[1] = aa;
	products[2] = bb;
}

static double
square_sum(const float *x, size_t dim)
{
	WideLanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
	double sum = 0;
	size_t i = 0;

	for (; dim - i >= 4 * WIDE; i += 4 * WIDE)
	{
		WideLanes x0 = LOAD_WIDE(x + i), x1 = LOAD_WIDE(x + i + WIDE);
		WideLanes x2 = LOAD_WIDE(x + i + 2 * WIDE), x3 = LOAD_WIDE(x + i + 3 * WIDE);

		s0 += x0 * x0;
		s1 += x1 * x1;
		s2 += x2 * x2;
		s3 += x3 * x3;
	}
	for (; i < dim; i++)
		sum += (double) LOAD_ONE(x + i) * (double) LOAD_ONE(x + i);
	s0 = (s0 + s1) + (s2 + s3);
	for (int j = 0; j < WIDE; j++)
		sum += s0[j];
	return sum;
}

/* result = a OPERATOR b. */
#define DEFINE_ELEMENTWISE(NAME, OPERATOR)                                                                   \
	static void NAME(const float *a, const float *b, size_t dim, float *result)                              \
	{                                                                                                        \
		size_t i = 0;                                                                                        \
                                                                                                             \
		for (; dim - i >= LANES; i += LANES)                                                                 \
			*(LooseLanes *) (result + i) = LOAD(a + i) OPERATOR LOAD(b + i);                                 \
		for (; i < dim; i++)                                                                                 \
			*(LooseFloat *) (result + i) = LOAD_ONE(a + i) OPERATOR LOAD_ONE(b + i);                         \
	}

DEFINE_ELEMENTWISE(add, +)
DEFINE_ELEMENTWISE(subtract, -)
DEFINE_ELEMENTWISE(multiply, *)

static void
scale(const float *x, double factor, size_t dim, float *result)
{
	size_t i = 0;

	for (; dim - i >= WIDE; i += WIDE)
		*(LooseHalf *) (result + i) = __builtin_convertvector(LOAD_WIDE(x + i) * factor, LooseHalf);
	for (; i < dim; i++)
		*(LooseFloat *) (result + i) = (float) ((double) LOAD_ONE(x + i) * factor);
}

/* No early exit, as the answer is almost always yes: x - x is 0, but NaN for NaN and infinity. */
static bool
is_finite(const float *x, size_t dim)
{
	IntLanes beyond = {0};
	int rest = 0;
	size_t i = 0;

	for (; dim - i >= LANES; i += LANES)
	{
		Lanes zero = LOAD(x + i) - LOAD(x + i);

		beyond |= (IntLanes) zero;
	}
	for (; i < dim; i++)
		rest |= LOAD_ONE(x + i) - LOAD_ONE(x + i) != 0;
	for (int j = 0; j < LANES; j++)
		rest |= beyond[j];
	return rest == 0;
}

static void
accumulate(const float *x, size_t dim, double *sum)
{
	size_t i = 0;

	for (; dim - i >= 4 * WIDE; i += 4 * WIDE)
	{
		*(LooseWide *) (sum + i) += LOAD_WIDE(x + i);
		*(LooseWide *) (sum + i + WIDE) += LOAD_WIDE(x + i + WIDE);
		*(LooseWide *) (sum + i + 2 * WIDE) += LOAD_WIDE(x + i + 2 * WIDE);
		*(LooseWide *) (sum + i + 3 * WIDE) += LOAD_WIDE(x + i + 3 * WIDE);
	}
	for (; i < dim; i++)
		sum[i] += (double) LOAD_ONE(x + i);
}

static void
accumulate_weighted(const float *x, double weight, size_t dim, double *sum)
{
	size_t i = 0;

	for (; dim - i >= 4 * WIDE; i += 4 * WIDE)
	{
		*(LooseWide *) (sum + i) += LOAD_WIDE(x + i) * weight;
		*(LooseWide *) (sum + i + WIDE) += LOAD_WIDE(x + i + WIDE) * weight;
		*(LooseWide *) (sum + i + 2 * WIDE) += LOAD_WIDE(x + i + 2 * WIDE) * weight;
		*(LooseWide *) (sum + i + 3 * WIDE) += LOAD_WIDE(x + i + 3 * WIDE) * weight;
	}
	for (; i < dim; i++)
		sum[i] += (double) LOAD_ONE(x + i) * weight;
}

static void
accumulate_f64(const double *x, double weight, size_t dim, double *sum)
{
	size_t i = 0;

	for (; dim - i >= WIDE; i += WIDE)
		*(LooseWide *) (sum + i) += *(const LooseWide *) (x + i) * weight;
	for (; i < dim; i++)
		sum[i] += x[i] * weight;
}
