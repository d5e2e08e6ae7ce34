/*
 * predictive.c
 *	  What a ridge says of one row: its prediction, the error of leaving it out, and how far off it may be.
 *
 * With t = Q'(x - mean), the prediction is mean + W0'(x - mean) + sum t_i Z_i / (l_i + lambda), and the
 * leverage 1 / W + sum t_i^2 / (l_i + lambda), W the sum of weights.  A row of weight w that belongs to the
 * fit has e / (1 - w leverage) as its error when left out, e its residual (Cook & Weisberg 1982): the penalty
 * stays what it is, and so exactly one row is missing.
 *
 * Residuals in the direction v: those of W0 have the sum of squares R0 = v'(Cyy - W0'Cxy - Cxy'W0 + W0'Cxx
 * W0)v, those of W have R0 - 2 sum (Z v)^2 / (l + lambda) + sum l (Z v)^2 / (l + lambda)^2.
 */
#include "core/predictive.h"

#include <math.h>
#include <string.h>

/* Below this a row is taken to determine its own fit. */
#define NOTHING_LEFT 1e-10

/* 1 / (l_i + lambda); 0 in a direction in which x does not vary. */
static double
damping(const UimlRidge *ridge, size_t i, double lambda)
{
	double damped = ridge->value[i] + lambda;

	return damped > 0 ? 1 / damped : 0;
}

double
uiml_ridge_predict(const UimlRidge *ridge, double lambda, const double *x, double *work, double *y)
{
	size_t p = ridge->p;
	size_t q = ridge->q;
	double *centred = work;
	double *turned = work + p;
	double leverage = ridge->intercept ? 1 / ridge->weight : 0;

	memset(turned, 0, p * sizeof(double));
	memcpy(y, ridge->mean_y, q * sizeof(double));
	for (size_t i = 0; i < p; i++)
	{
		centred[i] = x[i] - ridge->mean_x[i];
		for (size_t j = 0; j < p; j++)
			turned[j] += centred[i] * ridge->vector[i * p + j];
		for (size_t j = 0; ridge->prior != NULL && j < q; j++)
			y[j] += centred[i] * ridge->prior[i * q + j];
	}
	for (size_t i = 0; i < p; i++)
	{
		double damped = turned[i] * damping(ridge, i, lambda);

		leverage += turned[i] * damped;
		for (size_t j = 0; j < q; j++)
			y[j] += damped * ridge->z[i * q + j];
	}
	return leverage;
}

double
uiml_ridge_leave_one_out(const UimlRidge *ridge, double lambda, const double *x, const double *y,
						 double weight, double *work)
{
	double *predicted = work + 2 * ridge->p;
	double left = 1 - weight * uiml_ridge_predict(ridge, lambda, x, work, predicted);
	double error = 0;

	for (size_t j = 0; j < ridge->q; j++)
		error += (y[j] - predicted[j]) * (y[j] - predicted[j]);
	return left > NOTHING_LEFT ? error / (left * left) : INFINITY;
}

/* v' c v of an upper triangle, plus weight (mean' v)^2. */
static double
quadratic_form(const double *upper, const double *mean, double weight, size_t d, const double *v)
{
	double sum = 0;
	double along = 0;

	for (size_t i = 0; i < d; i++)
	{
		const double *row = upper + i * d;
		double inner = v[i] * row[i];

		if (v[i] == 0)
			continue;
		for (size_t j = i + 1; j < d; j++)
			inner += 2 * v[j] * row[j];
		sum += v[i] * inner;
		along += v[i] * mean[i];
	}
	return sum + weight * along * along;
}

/* out = a v, a (rows x cols) and v mostly 0 perhaps. */
static void
multiply(const double *a, size_t rows, size_t cols, const double *v, double *out)
{
	memset(out, 0, rows * sizeof(double));
	for (size_t j = 0; j < cols; j++)
		for (size_t i = 0; v[j] != 0 && i < rows; i++)
			out[i] += v[j] * a[i * cols + j];
}

/* What the prior alone leaves: v'Ryy v = v'Cyy v - 2 u'Cxy v + u'Cxx u with u = W0 v. */
static double
prior_residual(const UimlRidge *ridge, const UimlTransferStats *stats, const double *v, double *work)
{
	double origin = ridge->intercept ? 0 : stats->weight;
	const double *mean_x = uiml_transfer_mean_x(stats);
	const double *mean_y = uiml_transfer_mean_y(stats);
	double *u = work;
	double *cross = work + ridge->p;
	double along_x = 0;
	double along_y = 0;
	double sum = quadratic_form(uiml_transfer_cyy(stats), mean_y, origin, ridge->q, v);

	if (ridge->prior == NULL)
		return sum;
	multiply(ridge->prior, ridge->p, ridge->q, v, u);
	multiply(uiml_transfer_cxy(stats), ridge->p, ridge->q, v, cross);
	for (size_t i = 0; i < ridge->p; i++)
	{
		sum -= 2 * u[i] * cross[i];
		along_x += u[i] * mean_x[i];
	}
	for (size_t j = 0; j < ridge->q; j++)
		along_y += v[j] * mean_y[j];
	return sum - 2 * origin * along_x * along_y +
		   quadratic_form(uiml_transfer_cxx(stats), mean_x, origin, ridge->p, u);
}

double
uiml_ridge_noise(const UimlRidge *ridge, const UimlTransferStats *stats, double lambda, const double *v,
				 double *work)
{
	double residual = prior_residual(ridge, stats, v, work);
	double freedom;

	uiml_ridge_error(ridge, lambda, &freedom);
	multiply(ridge->z, ridge->p, ridge->q, v, work);
	for (size_t i = 0; i < ridge->p; i++)
	{
		double share = damping(ridge, i, lambda);

		residual += work[i] * work[i] * share * (ridge->value[i] * share - 2);
	}
	return ridge->n > freedom ? fmax(residual, 0) / (ridge->n - freedom) : INFINITY;
}
