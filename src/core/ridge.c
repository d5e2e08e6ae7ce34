/*
 * ridge.c
 *	  Ridge regression from transfer statistics: every penalty from one decomposition.
 *
 * With Cxx = Q L Q' and Z = Q'(Cxy - Cxx W0), W(lambda) = W0 + Q (L + lambda)^-1 Z.  The residual sum of
 * squares needs no W: RSS = R0 - 2 sum Z^2 / (L + lambda) + sum L Z^2 / (L + lambda)^2, R0 that of W0, and df
 * = 1 + sum L / (L + lambda), the 1 for the intercept.  So a grid of penalties costs no more than one.
 */
#include "core/ridge.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/linalg.h"

#define GRID_LOWEST  -4 /* powers of ten, about the mean eigenvalue */
#define GRID_HIGHEST 4

/* The full matrix of an upper triangle; without intercept, moments about the origin. */
static void
read_square(double *c, const double *upper, const double *mean, double weight, size_t d)
{
	for (size_t i = 0; i < d; i++)
		for (size_t j = i; j < d; j++)
			c[i * d + j] = c[j * d + i] = upper[i * d + j] + weight * mean[i] * mean[j];
}

/* Cxy - Cxx W0, and R0 = tr Cyy - tr W0'(Cxy + (Cxy - Cxx W0)). */
static UimlStatus
subtract_prior(const UimlEnv *env, UimlRidge *ridge, const double *cxx, double *cxy)
{
	size_t cells = ridge->p * ridge->q;
	UimlStatus status;

	if (ridge->prior == NULL)
		return UIML_OK;
	for (size_t i = 0; i < cells; i++)
		ridge->total -= ridge->prior[i] * cxy[i];
	status = uiml_gemm_f64(env, false, false, ridge->p, ridge->q, ridge->p, -1, cxx, ridge->prior, 1, cxy);
	for (size_t i = 0; i < cells; i++)
		ridge->total -= ridge->prior[i] * cxy[i];
	return status;
}

/* Reads the moments that are fitted: Cxx and Cxy into the caller's room, tr Cyy into ridge->total. */
static void
read_moments(const UimlTransferStats *stats, UimlRidge *ridge, double *cxx, double *cxy)
{
	double origin = ridge->intercept ? 0 : stats->weight;
	const double *mean_x = uiml_transfer_mean_x(stats);
	const double *mean_y = uiml_transfer_mean_y(stats);

	read_square(cxx, uiml_transfer_cxx(stats), mean_x, origin, ridge->p);
	for (size_t i = 0; i < ridge->p; i++)
		for (size_t j = 0; j < ridge->q; j++)
			cxy[i * ridge->q + j] =
				uiml_transfer_cxy(stats)[i * ridge->q + j] + origin * mean_x[i] * mean_y[j];
	for (size_t j = 0; j < ridge->q; j++)
		ridge->total += uiml_transfer_cyy(stats)[j * ridge->q + j] + origin * mean_y[j] * mean_y[j];
	for (size_t i = 0; i < ridge->p; i++)
		ridge->mean_x[i] = ridge->intercept ? mean_x[i] : 0;
	for (size_t j = 0; j < ridge->q; j++)
		ridge->mean_y[j] = ridge->intercept ? mean_y[j] : 0;
}

/* Eigenvalues of a matrix of squares are not negative, but rounding knows no such rule. */
static void
measure_energy(UimlRidge *ridge)
{
	for (size_t i = 0; i < ridge->p; i++)
	{
		const double *row = ridge->z + i * ridge->q;
		double sum = 0;

		for (size_t j = 0; j < ridge->q; j++)
			sum += row[j] * row[j];
		ridge->energy[i] = sum;
		ridge->value[i] = fmax(ridge->value[i], 0);
	}
}

static UimlStatus
decompose(const UimlEnv *env, const UimlTransferStats *stats, UimlRidge *ridge)
{
	double *cxx = uiml_alloc(env, ridge->p * ridge->p, sizeof(double));
	double *cxy = uiml_alloc(env, ridge->p * ridge->q, sizeof(double));
	UimlStatus status = cxx == NULL || cxy == NULL ? UIML_ENOMEM : UIML_OK;

	if (status == UIML_OK)
	{
		read_moments(stats, ridge, cxx, cxy);
		status = subtract_prior(env, ridge, cxx, cxy);
	}
	if (status == UIML_OK)
		status = uiml_eigh_f64(env, ridge->p, cxx, ridge->value, ridge->vector);
	if (status == UIML_OK)
		status =
			uiml_gemm_f64(env, true, false, ridge->p, ridge->q, ridge->p, 1, ridge->vector, cxy, 0, ridge->z);
	if (status == UIML_OK)
		measure_energy(ridge);
	uiml_free(env, cxx);
	uiml_free(env, cxy);
	return status;
}

size_t
uiml_ridge_memory(size_t p, size_t q)
{
	return (5 * p * p + 3 * p * q) * sizeof(double);
}

UimlStatus
uiml_ridge_begin(const UimlEnv *env, const UimlTransferStats *stats, bool intercept, const double *prior,
				 UimlRidge *ridge)
{
	UimlRidge r = {.p = stats->p,
				   .q = stats->q,
				   .n = (double) stats->n,
				   .weight = stats->weight,
				   .intercept = intercept};
	UimlStatus status;

	*ridge = (UimlRidge){0};
	if (stats->n == 0)
		return UIML_EEMPTY;
	r.value = uiml_alloc(env, r.p, sizeof(double));
	r.vector = uiml_alloc(env, r.p * r.p, sizeof(double));
	r.z = uiml_alloc(env, r.p * r.q, sizeof(double));
	r.energy = uiml_alloc(env, r.p, sizeof(double));
	r.mean_x = uiml_alloc(env, r.p, sizeof(double));
	r.mean_y = uiml_alloc(env, r.q, sizeof(double));
	r.prior = prior != NULL ? uiml_alloc(env, r.p * r.q, sizeof(double)) : NULL;
	if (r.value == NULL || r.vector == NULL || r.z == NULL || r.energy == NULL || r.mean_x == NULL ||
		r.mean_y == NULL || (prior != NULL && r.prior == NULL))
		status = UIML_ENOMEM;
	else
	{
		if (prior != NULL)
			memcpy(r.prior, prior, r.p * r.q * sizeof(double));
		status = decompose(env, stats, &r);
	}
	if (status != UIML_OK)
		uiml_ridge_free(env, &r);
	else
		*ridge = r;
	return status;
}

void
uiml_ridge_free(const UimlEnv *env, UimlRidge *ridge)
{
	uiml_free(env, ridge->value);
	uiml_free(env, ridge->vector);
	uiml_free(env, ridge->z);
	uiml_free(env, ridge->energy);
	uiml_free(env, ridge->mean_x);
	uiml_free(env, ridge->mean_y);
	uiml_free(env, ridge->prior);
	*ridge = (UimlRidge){0};
}

double
uiml_ridge_error(const UimlRidge *ridge, double lambda, double *df)
{
	double freedom = ridge->intercept ? 1 : 0;
	double error = ridge->total;

	for (size_t i = 0; i < ridge->p; i++)
	{
		double damped = ridge->value[i] + lambda;

		/* A direction in which x does not vary says nothing, penalty or not. */
		if (!(damped > 0))
			continue;
		error += ridge->energy[i] / damped * (ridge->value[i] / damped - 2);
		freedom += ridge->value[i] / damped;
	}
	if (df != NULL)
		*df = freedom;
	return fmax(error, 0) / ridge->weight;
}

double
uiml_ridge_gcv(const UimlRidge *ridge, double lambda, double *df)
{
	double freedom;
	double error = uiml_ridge_error(ridge, lambda, &freedom);
	double left = 1 - freedom / ridge->n;

	if (df != NULL)
		*df = freedom;
	return left > 0 ? error / (left * left) : INFINITY;
}

bool
uiml_ridge_penalties(const UimlRidge *ridge, double *lambda)
{
	double mean = 0;

	for (size_t i = 0; i < ridge->p; i++)
		mean += ridge->value[i] / (double) ridge->p;
	for (int step = 0; step < UIML_RIDGE_PENALTIES; step++)
	{
		double power =
			GRID_LOWEST + (double) (GRID_HIGHEST - GRID_LOWEST) * step / (UIML_RIDGE_PENALTIES - 1);

		lambda[step] = mean * pow(10, power);
	}
	return mean > 0;
}

double
uiml_ridge_choose(const UimlRidge *ridge)
{
	double lambda[UIML_RIDGE_PENALTIES];
	double best = INFINITY;
	double lowest = INFINITY;

	if (!uiml_ridge_penalties(ridge, lambda))
		return INFINITY;
	for (size_t k = UIML_RIDGE_PENALTIES; k-- > 0;)
	{
		double gcv = uiml_ridge_gcv(ridge, lambda[k], NULL);

		if (gcv < lowest)
		{
			lowest = gcv;
			best = lambda[k];
		}
	}
	return best;
}

/* scaled = (L + lambda)^-1 Z */
static void
damp(const UimlRidge *ridge, double lambda, double *scaled)
{
	for (size_t i = 0; i < ridge->p; i++)
		for (size_t j = 0; j < ridge->q; j++)
			scaled[i * ridge->q + j] = ridge->z[i * ridge->q + j] / (ridge->value[i] + lambda);
}

UimlStatus
uiml_ridge_allows(const UimlRidge *ridge, double lambda)
{
	if (!(lambda >= 0))
		return UIML_EINVALID;
	if (lambda == 0 && !(ridge->value[ridge->p - 1] > (double) ridge->p * DBL_EPSILON * ridge->value[0]))
		return UIML_ESINGULAR;
	return UIML_OK;
}

UimlStatus
uiml_ridge_solve(const UimlEnv *env, const UimlRidge *ridge, double lambda, double *w, double *b)
{
	UimlStatus status = uiml_ridge_allows(ridge, lambda);
	double *scaled;

	if (status != UIML_OK)
		return status;
	scaled = uiml_alloc(env, ridge->p * ridge->q, sizeof(double));
	if (scaled == NULL)
		return UIML_ENOMEM;
	damp(ridge, lambda, scaled);
	if (ridge->prior != NULL)
		memcpy(w, ridge->prior, ridge->p * ridge->q * sizeof(double));
	status = uiml_gemm_f64(env, false, false, ridge->p, ridge->q, ridge->p, 1, ridge->vector, scaled,
						   ridge->prior != NULL ? 1 : 0, w);
	uiml_free(env, scaled);
	for (size_t j = 0; b != NULL && j < ridge->q; j++)
	{
		b[j] = ridge->mean_y[j];
		for (size_t i = 0; i < ridge->p; i++)
			b[j] -= ridge->mean_x[i] * w[i * ridge->q + j];
	}
	return status;
}
