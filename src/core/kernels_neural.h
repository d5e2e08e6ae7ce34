/*
 * kernels_neural.h
 *	  What lies between the products of a language model: softmax, GELU, layer norm.
 *
 * exp(x) is 2^n exp(r) with |r| <= ln(2) / 2 and a polynomial for exp(r) (coefficients: Moshier, Cephes, expf).
 * The normal distribution below -a is R(a) exp(-a^2 / 2), where R, Mills' ratio / sqrt(2 pi), is a polynomial of
 * 1 / (1 + 0.3 a), fitted for the lowest relative error over 0 .. 13.2.  There a^2 / 2 reaches 87, and its rounding
 * would cost 40 units of the last place: so a is cut in two parts, the square of the first of which is exact.
 *
 * The largest relative errors, in units of 2^-23, over all floats where results are normal, are kept by
 * test_kernels_neural.c.
 */
#define LANES_MAX(a, b) SELECT(Lanes, (a) > (b), a, b)

#define EXP_LOWEST  -87.0f  /* exp of less is taken for 0; exp(-87) is 1.4 times the smallest normal float */
#define EXP2_LOWEST -126.0f /* where 2^x is the smallest normal float */
#define ROUNDER     12582912.0f /* 1.5 * 2^23: adding it rounds to an integer, which the last bits hold */

/* exp(x + low) for x <= 0 and |low| far below 1; 0 where x < EXP_LOWEST, and for NaN. */
INLINE Lanes
lanes_exp(Lanes x, Lanes low)
{
	IntLanes normal = x >= EXP_LOWEST;
	Lanes turns = x * 1.44269504f + ROUNDER, n = turns - ROUNDER;
	Lanes r = x - n * 0.693359375f; /* exact: nine bits times seven */
	Lanes y, squared;

	r = r + (n * 2.12194440e-4f + low);
	squared = r * r;
	y = (1.9875691500e-4f * r + 1.3981999507e-3f) * squared + (8.3334519073e-3f * r + 4.1665795894e-2f);
	y = y * squared + (1.6666665459e-1f * r + 5.0000001201e-1f);
	y = y * squared + r + 1.0f;
	y = (Lanes) ((IntLanes) y + ((IntLanes) turns << 23));
	return (Lanes) ((IntLanes) y & normal);
}

/*
 * 2^(x factor) for x factor <= 0, the smallest normal float below -126, and for NaN.  Relative error: 1.2e-7 + 6e-8
 * |x factor|.
 */
INLINE Lanes
lanes_power(Lanes x, float factor)
{
	const Lanes lowest = (Lanes){0} + EXP2_LOWEST;
	Lanes t = x * factor, turns, f, y;

	t = LANES_MAX(t, lowest);
	turns = t + ROUNDER;
	f = t - (turns - ROUNDER);
	y = 1.5345810970757157e-4f * f + 1.3399930903688073e-3f;
	y = y * f + 9.618489071726799e-3f;
	y = y * f + 5.550328642129898e-2f;
	y = y * f + 2.4022646248340607e-1f;
	y = y * f + 6.931471824645996e-1f;
	y = y * f + 1.0f;
	return (Lanes) ((IntLanes) y + ((IntLanes) turns << 23));
}

/* x times the share of the standard normal distribution below x. */
INLINE Lanes
lanes_gelu(Lanes x)
{
	Lanes a = ABSOLUTE(x);
	Lanes head = (Lanes) ((IntLanes) a & ~0xfff), tail = a - head;
	Lanes t = 1.0f / (1.0f + 0.3f * a), t2 = t * t, t4 = t2 * t2;
	Lanes y = (-1.6877982020378113e-1f * t + 2.2786068916320801e-1f) * t2 +
			  (-7.5590394437313080e-2f * t + 1.4190134406089783e-1f);

	y += 3.8298942148685455e-2f * t4;
	y = y * t4 + ((9.4954364001750946e-2f * t + 1.2185083329677582e-1f) * t2 +
				  (1.1949746310710907e-1f * t + 6.5926565184781793e-6f));
	y *= lanes_exp(head * head * -0.5f, tail * (a + head) * -0.5f);
	return x * SELECT(Lanes, x < 0.0f, y, 1.0f - y);
}

/* (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)), here by exp of what is negative. */
INLINE Lanes
lanes_gelu_tanh(Lanes x)
{
	const Lanes none = {0};
	Lanes u = x * (1.5957691216f + 0.0713548163f * x * x);
	Lanes e = lanes_exp(0.0f - ABSOLUTE(u), none);

	return x * SELECT(Lanes, u < 0.0f, e, none + 1.0f) / (1.0f + e);
}

INLINE float
lanes_largest(Lanes lanes)
{
	float largest = lanes[0];

	for (int l = 1; l < LANES; l++)
		largest = lanes[l] > largest ? lanes[l] : largest;
	return largest;
}

/* The first n elements, less than LANES, and missing in the others. */
INLINE Lanes
load_part(const float *x, size_t n, float missing)
{
	Lanes lanes = (Lanes){0} + missing;

	for (size_t j = 0; j < n; j++)
		lanes[j] = x[j];
	return lanes;
}

INLINE void
store_part(float *x, size_t n, Lanes lanes)
{
	for (size_t j = 0; j < n; j++)
		x[j] = lanes[j];
}

INLINE float
row_largest(const float *x, size_t n)
{
	Lanes a = (Lanes){0} - __builtin_inff(), b = a, c, d;
	size_t i = 0;

	for (; n - i >= 2 * LANES; i += 2 * LANES)
	{
		c = LOAD(x + i);
		d = LOAD(x + i + LANES);
		a = LANES_MAX(c, a);
		b = LANES_MAX(d, b);
	}
	for (; i < n; i += LANES)
	{
		c = n - i < LANES ? load_part(x + i, n - i, -__builtin_inff()) : (Lanes) LOAD(x + i);
		a = LANES_MAX(c, a);
	}
	return lanes_largest(LANES_MAX(a, b));
}

/* Every BLOCK elements the sum is added up in double: its error does not grow with long texts. */
INLINE double
row_power(float *x, size_t n, float largest, float factor)
{
	double sum = 0;
	size_t i = 0;
	Lanes e;

	while (n - i >= LANES)
	{
		size_t end = block_end(i, n);
		Lanes block = {0};

		for (; i < end; i += LANES)
		{
			e = lanes_power(LOAD(x + i) - largest, factor);
			*(LooseLanes *) (x + i) = e;
			block += e;
		}
		sum += (double) lanes_sum(block);
	}
	if (i == n)
		return sum;
	e = lanes_power(load_part(x + i, n - i, largest) - largest, factor);
	store_part(x + i, n - i, e);
	for (size_t j = 0; i + j < n; j++)
		sum += (double) e[j];
	return sum;
}

static void
softmax(float *x, size_t m, size_t n, size_t ld, float scale, float *share)
{
	for (size_t i = 0; i < m; i++, x += ld)
	{
		float largest = row_largest(x, n);

		/* infinity - infinity is NaN */
		share[i] = (float) (1.0 / row_power(x, n, largest, scale * 1.44269504f)) + (largest - largest);
	}
}

/* Of d elements: of x - centre, or of their squares. */
INLINE double
row_sum(const float *x, size_t d, float centre, const bool squares)
{
	double sum = 0;
	size_t i = 0;

	while (d - i >= LANES)
	{
		size_t end = block_end(i, d);
		Lanes s[2] = {{0}, {0}};

		for (size_t l = 0; i < end; i += LANES, l ^= 1)
		{
			Lanes y = LOAD(x + i) - centre;

			s[l] += squares ? y * y : y;
		}
		sum += (double) lanes_sum(s[0] + s[1]);
	}
	for (; i < d; i++)
	{
		float y = x[i] - centre;

		sum += (double) (squares ? y * y : y);
	}
	return sum;
}

/*
 * 1 / sqrt(x) of a normal x > 0, by Newton's iteration from a guess within 4 %: a square root that compilers
 * don't take from libm, and that is the same everywhere.
 */
INLINE double
inverse_root(double x)
{
	uint64_t bits;
	double y;

	__builtin_memcpy(&bits, &x, sizeof(bits));
	bits = 0x5fe6eb50c7b537a9 - (bits >> 1);
	__builtin_memcpy(&y, &bits, sizeof(y));
	for (int i = 0; i < 4; i++)
		y *= 1.5 - 0.5 * x * y * y;
	return y;
}

/* The mean is taken before squares are: they don't cancel however far off zero a row is. */
static void
layer_norm(float *x, size_t m, size_t d, size_t ld, const float *gain, const float *shift, float epsilon)
{
	for (size_t r = 0; r < m; r++, x += ld)
	{
		float mean = (float) (row_sum(x, d, 0.0f, false) / (double) d);
		double variance = row_sum(x, d, mean, true) / (double) d;
		float factor = (float) inverse_root(variance + (double) epsilon);
		size_t i = 0;

		for (; d - i >= LANES; i += LANES)
			*(LooseLanes *) (x + i) = (LOAD(x + i) - mean) * factor * LOAD(gain + i) + LOAD(shift + i);
		for (; i < d; i++)
			x[i] = (x[i] - mean) * factor * LOAD_ONE(gain + i) + LOAD_ONE(shift + i);
	}
}

static void
maximum(const float *a, const float *b, size_t dim, float *result)
{
	size_t i = 0;

	for (; dim - i >= LANES; i += LANES)
	{
		Lanes x = LOAD(a + i), y = LOAD(b + i);

		*(LooseLanes *) (result + i) = LANES_MAX(x, y);
	}
	for (; i < dim; i++)
	{
		float x = LOAD_ONE(a + i), y = LOAD_ONE(b + i);

		result[i] = x > y ? x : y;
	}
}
