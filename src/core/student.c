/*
 * student.c
 *	  Student's t distribution.
 *
 * P(|T| > t) is the regularised incomplete beta function I_x(df/2, 1/2) at x = df / (df + t^2), here by its
 * continued fraction (DLMF 8.17.22), which converges in a few steps on the side of the mode it is used on.
 * Its quantile is found by Newton's steps within a bracket.  The logarithm of the beta function loses digits
 * as df grows; beyond LARGE_DF quantiles are those of the normal distribution and four terms in 1 / df
 * (Abramowitz & Stegun 26.7.5).
 */
#include "core/student.h"

#include <float.h>
#include <math.h>

#define LARGE_DF      2000
#define MAX_TERMS     1000
#define MAX_STEPS     200
#define SQRT_HALF     .70710678118654752440
#define LOG_ROOT_2_PI .91893853320467274178

/* The continued fraction of I_x(a, b) by Lentz's method, two of its terms at a time. */
static double
beta_fraction(double a, double b, double x)
{
	double numerator = 1;
	double denominator = 1 / (1 - (a + b) * x / (a + 1));
	double value = denominator;

	for (int m = 1; m < MAX_TERMS; m++)
	{
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		denominator = 1 / (1 + even * denominator);
		numerator = 1 + even / numerator;
		value *= denominator * numerator;
		denominator = 1 / (1 + odd * denominator);
		numerator = 1 + odd / numerator;
		step = denominator * numerator;
		value *= step;
		if (fabs(step - 1) < DBL_EPSILON)
			break;
	}
	return value;
}

/* I_x(a, b); y is 1 - x, which the caller may know better. */
static double
incomplete_beta(double a, double b, double x, double y)
{
	double scale;

	if (!(x > 0))
		return 0;
	if (!(y > 0))
		return 1;
	scale = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
	if (x < (a + 1) / (a + b + 2))
		return scale * beta_fraction(a, b, x) / a;
	return 1 - scale * beta_fraction(b, a, y) / b;
}

double
uiml_student_tail(double t, double df)
{
	double ratio = fabs(t) / df * fabs(t); /* not t^2, which can overflow */
	double tail;

	if (isinf(df))
		return .5 * erfc(t * SQRT_HALF);
	if (isinf(ratio))
		tail = 0;
	else
		tail = .5 * incomplete_beta(df / 2, .5, 1 / (1 + ratio), ratio / (1 + ratio));
	return t < 0 ? 1 - tail : tail;
}

static double
density(double t, double df)
{
	if (isinf(df))
		return exp(-t * t / 2 - LOG_ROOT_2_PI);
	return exp(lgamma((df + 1) / 2) - lgamma(df / 2) - (df + 1) / 2 * log1p(t / df * t)) /
		   sqrt(df * acos(-1));
}

/* t > 0 of a given tail below one half. */
static double
find_upper(double tail, double df)
{
	double low = 0;
	double high = 1;
	double t;

	while (uiml_student_tail(high, df) > tail && high < DBL_MAX / 4)
	{
		low = high;
		high *= 2;
	}
	t = (low + high) / 2;
	for (int step = 0; step < MAX_STEPS; step++)
	{
		double excess = uiml_student_tail(t, df) - tail;
		double next;

		if (excess > 0)
			low = t;
		else
			high = t;
		next = t + excess / density(t, df);
		if (!(next > low && next < high))
			next = (low + high) / 2;
		if (fabs(next - t) <= 4 * DBL_EPSILON * t)
			return next;
		t = next;
	}
	return t;
}

double
uiml_student_quantile(double p, double df)
{
	double tail = fmin(p, 1 - p);
	double sign = p < .5 ? -1 : 1;
	double z, z2;

	if (!(p > 0 && p < 1 && df > 0))
		return NAN;
	if (tail == .5)
		return 0;
	if (df <= LARGE_DF)
		return sign * find_upper(tail, df);
	z = find_upper(tail, INFINITY);
	z2 = z * z;
	return sign * z *
		   (1 + (z2 + 1) / 4 / df + ((5 * z2 + 16) * z2 + 3) / 96 / df / df +
			(((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384 / df / df / df +
			((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160 / df / df / df / df);
}
