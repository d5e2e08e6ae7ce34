/*
 * next_mixture.c
 *	  Weights of a mixture of distributions, by expectation and maximisation.
 */
#include "core/next_mixture.h"

#include <math.h>
#include <string.h>

#define MAX_ITERATIONS 200
#define ENOUGH         1e-7 /* of the mean log-likelihood */
#define CHECK_ROWS     65536

/* Adds each event's responsibilities to count; how many events there are, and the sum of their log-likelihoods. */
static UimlStatus
expect(const UimlEnv *env, const float *share, const uint8_t *use, size_t n, size_t k, const double *weight,
	   double *count, double *events, double *sum)
{
	for (size_t i = 0; i < n; i++)
	{
		const float *row = share + i * k;
		double mixed = 0;

		if (i % CHECK_ROWS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (use != NULL && !use[i])
			continue;
		for (size_t j = 0; j < k; j++)
			mixed += weight[j] * (double) row[j];
		if (!(mixed > 0))
			continue;
		for (size_t j = 0; j < k; j++)
			count[j] += weight[j] * (double) row[j] / mixed;
		*events += 1;
		*sum += log(mixed);
	}
	return UIML_OK;
}

UimlStatus
uiml_mixture_fit(const UimlEnv *env, const float *share, const uint8_t *use, size_t n, size_t k,
				 const double *prior, double strength, double *weight)
{
	double before = -INFINITY;

	if (k == 0 || k > UIML_MIXTURE_MAX)
		return UIML_EINVALID;
	memcpy(weight, prior, k * sizeof(double));
	for (size_t iteration = 0; iteration < MAX_ITERATIONS; iteration++)
	{
		double count[UIML_MIXTURE_MAX] = {0};
		double events = 0;
		double sum = 0;
		UimlStatus status = expect(env, share, use, n, k, weight, count, &events, &sum);

		if (status != UIML_OK)
			return status;
		if (events == 0)
			return UIML_OK;
		for (size_t j = 0; j < k; j++)
			sum += strength > 0 && prior[j] > 0 ? strength * prior[j] * log(weight[j]) : 0;
		if (sum - before < ENOUGH * events)
			return UIML_OK;
		before = sum;
		for (size_t j = 0; j < k; j++)
			weight[j] = (count[j] + strength * prior[j]) / (events + strength);
	}
	return UIML_OK;
}
