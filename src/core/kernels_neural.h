/*
 * kernels_neural.h
 *	  What lies between the products of a language model: softmax, GELU, layer norm.
 */

#define LANES_MAX(a, b) SELECT(Lanes, (a) > (b), a, b)

/* exp(x) for x <= 0, zero below -87. */
INLINE Lanes
lanes_exp(Lanes x)
{
	return lanes_exp2(x * 1.44269504089f);
}

INLINE Lanes
lanes_gelu(Lanes x)
{
	Lanes z = ABSOLUTE(x) * 0.70710678f;
	Lanes t = 1.0f / (1.0f + 0.3275911f * z);
	Lanes y = 1.061405429f * t - 1.453152027f;

	y = y * t + 1.421413741f;
	y = y * t - 0.284496736f;
	y = y * t + 0.254829592f;
	y = y * t * lanes_exp(0.0f - z * z) * 0.5f;
	return x * SELECT(Lanes, x < 0.0f, y, 1.0f - y);
}

INLINE Lanes
lanes_gelu_tanh(Lanes x)
{
	Lanes u = 1.5957691216f * (x + 0.044715f * x * x * x);
	Lanes e = lanes_exp(0.0f - ABSOLUTE(u));

	return x * SELECT(Lanes, u < 0.0f, e, (Lanes){0} + 1.0f) / (1.0f + e);
}

/* 1 / sqrt(x) of a normal x > 0, by Newton's iteration from a guess within 4 %. */
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

static void
softmax(float *x, size_t m, size_t n, size_t ld, float scale, float *share)
{
	for (size_t r = 0; r < m; r++, x += ld)
	{
		float largest = x[0];
		Lanes s = {0};
		float sum = 0;
		size_t i = 0;

		for (size_t j = 1; j < n; j++)
			largest = x[j] > largest ? x[j] : largest;
		for (; n - i >= LANES; i += LANES)
		{
			Lanes e = lanes_exp((LOAD(x + i) - largest) * scale);

			*(LooseLanes *) (x + i) = e;
			s += e;
		}
		for (; i < n; i++)
		{
			Lanes e = lanes_exp((Lanes){0} + (x[i] - largest) * scale);

			x[i] = e[0];
			sum += e[0];
		}
		share[r] = 1.0f / (lanes_sum(s) + sum);
	}
}

static void
layer_norm(float *x, size_t m, size_t d, size_t ld, const float *gain, const float *shift, float epsilon)
{
	for (size_t r = 0; r < m; r++, x += ld)
	{
		double sum = 0, squares = 0;
		float mean, factor;

		for (size_t j = 0; j < d; j++)
			sum += (double) x[j];
		mean = (float) (sum / (double) d);
		for (size_t j = 0; j < d; j++)
			squares += (double) (x[j] - mean) * (double) (x[j] - mean);
		factor = (float) inverse_root(squares / (double) d + (double) epsilon);
		for (size_t j = 0; j < d; j++)
			x[j] = (x[j] - mean) * factor * gain[j] + shift[j];
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
		result[i] = a[i] > b[i] ? a[i] : b[i];
}
