/*
 * interest_transfer.c
 *	  From a user's place in the source's space to his shares of the target's interests.
 *
 * The regression is fitted without the mixture, which keeps it convex, and mixed afterwards: trained under the
 * mixture it was no better anywhere.
 */
#include "core/interest_transfer.h"

#include <math.h>
#include <string.h>

#include "core/interest_sample.h"
#include "core/kernels.h"

/* --- shares --------------------------------------------------------------------------------------------- */

void
uiml_interest_transfer_shares(const UimlInterestTransfer *transfer, const float *x, double *share)
{
	size_t k = transfer->k;
	double e = transfer->mixing;
	double most = -INFINITY;
	double sum = 0;

	for (size_t t = 0; t < k; t++)
		share[t] = transfer->b[t];
	for (size_t j = 0; j < transfer->p; j++)
		if (x[j] != 0)
			uiml_kernels()->accumulate_weighted(transfer->coef + j * k, x[j], k, share);
	for (size_t t = 0; t < k; t++)
		most = fmax(most, share[t]);
	for (size_t t = 0; t < k; t++)
	{
		share[t] = exp(share[t] - most);
		sum += share[t];
	}
	for (size_t t = 0; t < k; t++)
		share[t] = (1 - e) * share[t] / sum + e * transfer->average[t];
}

void
uiml_interest_transfer_free(const UimlEnv *env, UimlInterestTransfer *transfer)
{
	uiml_free(env, (void *) transfer->coef);
	uiml_free(env, (void *) transfer->b);
	uiml_free(env, (void *) transfer->average);
	uiml_free(env, (void *) transfer->history);
	*transfer = (UimlInterestTransfer){0};
}

/* --- the fit -------------------------------------------------------------------------------------------- */

/* Statistics of x by the events of each row. */
static UimlStatus
measure_space(const UimlEnv *env, const UimlInterestSample *s, UimlLogisticSpace *space)
{
	UimlTransferStats *stats = uiml_transfer_create(env, s->p, 0);
	double *events = uiml_alloc(env, s->n, sizeof(double));
	UimlStatus status = stats == NULL || events == NULL ? UIML_ENOMEM : UIML_OK;

	for (size_t i = 0; status == UIML_OK && i < s->n; i++)
	{
		events[i] = 0;
		for (size_t t = 0; t < s->k; t++)
			events[i] += s->y[i * s->k + t];
	}
	if (status == UIML_OK)
		status = uiml_transfer_add(env, stats, s->x, NULL, events, s->n);
	if (status == UIML_OK)
		status = uiml_logistic_space_create(env, stats, space);
	uiml_free(env, stats);
	uiml_free(env, events);
	return status;
}

static float *
to_floats(const UimlEnv *env, const double *from, size_t n)
{
	float *to = uiml_alloc(env, n, sizeof(float));

	for (size_t i = 0; to != NULL && i < n; i++)
		to[i] = (float) from[i];
	return to;
}

/* B of an earlier transfer in double; NULL for none. */
static UimlStatus
read_initial(const UimlEnv *env, const UimlInterestTransfer *initial, double **coef)
{
	*coef = NULL;
	if (initial == NULL)
		return UIML_OK;
	*coef = uiml_alloc(env, initial->p, initial->k * sizeof(double));
	if (*coef == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < initial->p * initial->k; i++)
		(*coef)[i] = initial->coef[i];
	return UIML_OK;
}

/* Fits all users as was chosen, beginning where the fit without the first group ended. */
static UimlStatus
fit_all(const UimlEnv *env, const UimlInterestSample *s, const UimlLogisticSpace *space,
		const double *initial, const UimlInterestChoice *choice, UimlInterestTransfer *transfer)
{
	UimlLogisticParams params = uiml_logistic_defaults();
	double *coef = choice->coef;
	double *average = uiml_alloc(env, s->k, sizeof(double));
	UimlStatus status = average == NULL ? UIML_ENOMEM : UIML_OK;

	params.lambda = choice->lambda;
	params.prior = choice->biased ? initial : NULL;
	if (status == UIML_OK)
		status = uiml_interest_sample_fit(env, s, UIML_INTEREST_GROUPS, space, &params, coef);
	if (status == UIML_OK)
	{
		uiml_interest_average(s, UIML_INTEREST_GROUPS, choice->of_overlap, average);
		transfer->p = s->p;
		transfer->k = s->k;
		transfer->mixing = choice->mixing;
		transfer->coef = to_floats(env, coef, s->p * s->k);
		transfer->b = to_floats(env, coef + s->p * s->k, s->k);
		transfer->average = to_floats(env, average, s->k);
		if (transfer->coef == NULL || transfer->b == NULL || transfer->average == NULL)
			status = UIML_ENOMEM;
	}
	uiml_free(env, average);
	return status;
}

static UimlStatus
fit_sample(const UimlEnv *env, const UimlOverlap *overlap, const UimlInterestTarget *target,
		   const UimlInterestSample *s, const double *initial, uint64_t seed, UimlInterestTransfer *transfer,
		   UimlInterestEvidence *evidence)
{
	UimlLogisticSpace space = {0};
	UimlInterestChoice choice = {0};
	UimlInterestStrength strength = {0};
	UimlStatus status = measure_space(env, s, &space);

	if (status == UIML_OK)
		status = uiml_interest_choose(env, s, &space, initial, &choice, evidence);
	if (status == UIML_OK)
		status = uiml_interest_strength(env, overlap, target, s, &choice, seed, &strength);
	transfer->history = strength.history;
	if (status == UIML_OK)
		status = fit_all(env, s, &space, initial, &choice, transfer);
	if (status == UIML_OK)
	{
		evidence->alpha_ratio = strength.ratio;
		evidence->history_gain = strength.history_gain;
		transfer->alpha = target->alpha * strength.ratio;
		transfer->used = evidence->gain > evidence->gain_se;
	}
	uiml_logistic_space_free(env, &space);
	uiml_free(env, choice.coef);
	return status;
}

UimlStatus
uiml_interest_transfer_fit(const UimlEnv *env, const UimlOverlap *overlap, const UimlInterestTarget *target,
						   const UimlInterestTransfer *initial, uint64_t seed, UimlInterestTransfer *transfer,
						   UimlInterestEvidence *evidence)
{
	UimlInterestSample sample = {0};
	double *coef = NULL;
	UimlStatus status;

	*transfer = (UimlInterestTransfer){0};
	*evidence = (UimlInterestEvidence){0};
	if (target->k == 0 || target->k > UIML_LOGISTIC_MAX_CLASSES || overlap->p == 0 ||
		overlap->p > UIML_TRANSFER_MAX_DIMS || !(target->alpha > 0) ||
		(initial != NULL && (initial->p != overlap->p || initial->k != target->k)))
		return UIML_EINVALID;
	status = read_initial(env, initial, &coef);
	if (status == UIML_OK)
		status = uiml_interest_sample_create(env, overlap, target, &sample);
	if (status == UIML_OK)
		status = fit_sample(env, overlap, target, &sample, coef, seed, transfer, evidence);
	uiml_interest_sample_free(env, &sample);
	uiml_free(env, coef);
	return status;
}

size_t
uiml_interest_transfer_memory(size_t n, size_t p, size_t k)
{
	double coefficients = (double) (p + 1) * (double) k * sizeof(double);
	double bytes = (double) n * (double) (p + k + 4) * sizeof(float) /* rows */
				   + UIML_STRENGTH_USERS * (double) k * 40           /* what alpha and W_g are fitted to */
				   + 4.0 * (double) p * (double) p * sizeof(double)  /* the space */
				   + (2 * UIML_INTEREST_GROUPS + 30) * coefficients  /* fits of groups, L-BFGS */
				   + 4e6;

	return bytes < (double) SIZE_MAX ? (size_t) bytes : SIZE_MAX;
}

/* --- links ---------------------------------------------------------------------------------------------- */

void
uiml_interest_places(const float *in, const uint32_t *interest, const float *weight, size_t n_items, size_t p,
					 size_t k, float *place)
{
	memset(place, 0, k * p * sizeof(float));
	for (size_t i = 0; i < n_items; i++)
		for (size_t j = 0; interest[i] < k && j < p; j++)
			place[interest[i] * p + j] += weight[i] * in[i * p + j];
	for (size_t t = 0; t < k; t++)
		(void) uiml_overlap_unit(place + t * p, p, place + t * p);
}

void
uiml_interest_links(const UimlInterestTransfer *transfer, const float *place, size_t n_source,
					const float *prior, double *lift)
{
	size_t k = transfer->k;

	for (size_t s = 0; s < n_source; s++)
	{
		const float *x = place + s * transfer->p;
		bool somewhere = uiml_kernels()->square_sum(x, transfer->p) > 0;

		uiml_interest_transfer_shares(transfer, x, lift + s * k);
		for (size_t t = 0; t < k; t++)
			lift[s * k + t] = somewhere && prior[t] > 0 ? lift[s * k + t] / prior[t] : NAN;
	}
}
