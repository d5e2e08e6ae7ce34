/*
 * logistic_fit.c
 *	  Multinomial logistic regression: coefficients by L-BFGS over passes.
 *
 * At shares s the Hessian per event is (diag s - s s') x Cov(x) + 2 lambda I.  In the eigenvectors Q of the
 * covariance it is diagonal but for s s', so L-BFGS works in coordinates G = Q' (B - B0) and c = b + B' mean,
 * with 1 / (s_t (1 - s_t) value_j + 2 lambda) as scale.  |G| is |B - B0|, so the penalty stays what it is; rows
 * are not touched, coefficients and gradients are turned instead, O(p^2 k) a pass.
 */
#include "core/logistic.h"

#include <math.h>
#include <string.h>

#include "core/linalg.h"

#define LEAST_COUNT  .1   /* events of a class that has none */
#define LEAST_SPREAD 1e-4 /* of s (1 - s): below it the classes' scales would leap */

UimlLogisticParams
uiml_logistic_defaults(void)
{
	return (UimlLogisticParams){.lambda = 3e-4, .tolerance = 1e-8, .most = 200};
}

/* --- the space ------------------------------------------------------------------------------------------ */

UimlStatus
uiml_logistic_space_create(const UimlEnv *env, const UimlTransferStats *stats, UimlLogisticSpace *space)
{
	size_t p = stats->p;
	double *covariance;
	UimlStatus status = UIML_OK;

	*space = (UimlLogisticSpace){.p = p};
	if (!(stats->weight > 0))
		return UIML_EEMPTY;
	space->mean = uiml_alloc(env, p, sizeof(double));
	space->vector = uiml_alloc(env, p, p * sizeof(double));
	space->value = uiml_alloc(env, p, sizeof(double));
	covariance = uiml_alloc(env, p, p * sizeof(double));
	if (space->mean == NULL || space->vector == NULL || space->value == NULL || covariance == NULL)
		status = UIML_ENOMEM;
	if (status == UIML_OK)
	{
		memcpy(space->mean, uiml_transfer_mean_x(stats), p * sizeof(double));
		for (size_t i = 0; i < p; i++)
			for (size_t j = 0; j < p; j++)
				covariance[i * p + j] =
					uiml_transfer_cxx(stats)[i <= j ? i * p + j : j * p + i] / stats->weight;
		status = uiml_eigh_f64(env, p, covariance, space->value, space->vector);
	}
	for (size_t j = 0; status == UIML_OK && j < p; j++)
		space->value[j] = fmax(space->value[j], 0);
	uiml_free(env, covariance);
	return status;
}

void
uiml_logistic_space_free(const UimlEnv *env, UimlLogisticSpace *space)
{
	uiml_free(env, space->mean);
	uiml_free(env, space->vector);
	uiml_free(env, space->value);
	*space = (UimlLogisticSpace){0};
}

/* b += sign B' mean. */
static void
shift(const UimlLogisticSpace *space, size_t k, double sign, double *coef)
{
	double *b = coef + space->p * k;

	for (size_t j = 0; j < space->p; j++)
		for (size_t t = 0; t < k; t++)
			b[t] += sign * space->mean[j] * coef[j * k + t];
}

void
uiml_logistic_start(const UimlLogisticSpace *space, const double *count, size_t k, const double *prior,
					double *coef)
{
	double *b = coef + space->p * k;
	double sum = 0;

	for (size_t i = 0; i < space->p * k; i++)
		coef[i] = prior != NULL ? prior[i] : 0;
	for (size_t t = 0; t < k; t++)
		sum += fmax(count[t], LEAST_COUNT);
	for (size_t t = 0; t < k; t++)
		b[t] = log(fmax(count[t], LEAST_COUNT) / sum);
	shift(space, k, -1, coef);
}

/* --- the minimum ---------------------------------------------------------------------------------------- */

typedef struct Fit
{
	const UimlEnv *env;
	const UimlLogisticSpace *space;
	size_t k;
	UimlLogisticPassFn pass;
	void *ctx;
	const UimlLogisticParams *params;
	double *coef;     /* (p + 1) x k */
	double *variable; /* the same: G and c */
	double *scale;    /* the same */
	UimlLogisticState *state;
} Fit;

/* coef = B0 + Q G, b = c - B' mean. */
static UimlStatus
coef_of(const Fit *fit, const double *variable, double *coef)
{
	size_t p = fit->space->p;
	const double *prior = fit->params->prior;
	UimlStatus status;

	for (size_t i = 0; i < p * fit->k; i++)
		coef[i] = prior != NULL ? prior[i] : 0;
	status = uiml_gemm_f64(fit->env, false, false, p, fit->k, p, 1, fit->space->vector, variable, 1, coef);
	memcpy(coef + p * fit->k, variable + p * fit->k, fit->k * sizeof(double));
	shift(fit->space, fit->k, -1, coef);
	return status;
}

/* The way back; coef becomes B - B0 and c. */
static UimlStatus
variable_of(const Fit *fit, double *coef, double *variable)
{
	size_t p = fit->space->p;
	const double *prior = fit->params->prior;

	shift(fit->space, fit->k, 1, coef);
	for (size_t i = 0; prior != NULL && i < p * fit->k; i++)
		coef[i] -= prior[i];
	memcpy(variable + p * fit->k, coef + p * fit->k, fit->k * sizeof(double));
	return uiml_gemm_f64(fit->env, true, false, p, fit->k, p, 1, fit->space->vector, coef, 0, variable);
}

/* A UimlGradientFn. */
static UimlStatus
evaluate(void *ctx, const double *variable, double *value, double *gradient)
{
	Fit *fit = ctx;
	size_t p = fit->space->p;
	size_t k = fit->k;
	double lambda = fit->params->lambda;
	double *of_coef = fit->state->gradient;
	const double *of_b = of_coef + p * k;
	UimlStatus status = coef_of(fit, variable, fit->coef);

	if (status != UIML_OK)
		return status;
	uiml_logistic_init(fit->state, p, k);
	status = fit->pass(fit->ctx, fit->coef, fit->state);
	if (status != UIML_OK)
		return status;
	if (!(fit->state->events > 0))
		return UIML_EEMPTY;
	for (size_t j = 0; j < p; j++)
		for (size_t t = 0; t < k; t++)
			of_coef[j * k + t] -= fit->space->mean[j] * of_b[t];
	status = uiml_gemm_f64(fit->env, true, false, p, k, p, 1 / fit->state->events, fit->space->vector,
						   of_coef, 0, gradient);
	*value = fit->state->loss / fit->state->events;
	for (size_t i = 0; i < p * k; i++)
	{
		*value += lambda * variable[i] * variable[i];
		gradient[i] += 2 * lambda * variable[i];
	}
	for (size_t t = 0; t < k; t++)
		gradient[p * k + t] = of_b[t] / fit->state->events;
	return status;
}

/* The inverse of the Hessian's diagonal, at the shares of a row at the mean of x. */
static void
measure_scale(Fit *fit)
{
	size_t p = fit->space->p;
	size_t k = fit->k;
	const double *c = fit->variable + p * k;
	double most = c[0];
	double sum = 0;

	for (size_t t = 1; t < k; t++)
		most = fmax(most, c[t]);
	for (size_t t = 0; t < k; t++)
		sum += exp(c[t] - most);
	for (size_t t = 0; t < k; t++)
	{
		double share = exp(c[t] - most) / sum;
		double spread = fmax(share * (1 - share), LEAST_SPREAD);

		for (size_t j = 0; j < p; j++)
			fit->scale[j * k + t] = 1 / (spread * fit->space->value[j] + 2 * fit->params->lambda);
		fit->scale[p * k + t] = 1 / spread;
	}
}

static UimlStatus
minimise(Fit *fit, double *coef, UimlLbfgsResult *result)
{
	size_t size = uiml_logistic_size(fit->space->p, fit->k);
	UimlLbfgsParams lbfgs = {
		.enough = sqrt(2 * fit->params->tolerance), .most = fit->params->most, .scale = fit->scale};
	UimlStatus status;

	memcpy(fit->coef, coef, size * sizeof(double));
	status = variable_of(fit, fit->coef, fit->variable);
	measure_scale(fit);
	if (status == UIML_OK)
		status = uiml_lbfgs(fit->env, evaluate, fit, size, &lbfgs, fit->variable, result);
	if (status == UIML_OK)
		status = coef_of(fit, fit->variable, coef);
	return status;
}

UimlStatus
uiml_logistic_minimise(const UimlEnv *env, const UimlLogisticSpace *space, size_t k, UimlLogisticPassFn pass,
					   void *ctx, const UimlLogisticParams *params, double *coef, UimlLbfgsResult *result)
{
	UimlLbfgsResult unused;
	size_t size = uiml_logistic_size(space->p, k);
	Fit fit = {.env = env, .space = space, .k = k, .pass = pass, .ctx = ctx, .params = params};
	UimlStatus status = UIML_ENOMEM;

	if (!(params->lambda > 0) || isinf(params->lambda) || !(params->tolerance >= 0))
		return UIML_EINVALID;
	fit.coef = uiml_alloc(env, size, sizeof(double));
	fit.variable = uiml_alloc(env, size, sizeof(double));
	fit.scale = uiml_alloc(env, size, sizeof(double));
	fit.state = uiml_alloc(env, 1, UIML_LOGISTIC_STATE_SIZE(space->p, k));
	if (fit.coef != NULL && fit.variable != NULL && fit.scale != NULL && fit.state != NULL)
		status = minimise(&fit, coef, result != NULL ? result : &unused);
	uiml_free(env, fit.coef);
	uiml_free(env, fit.variable);
	uiml_free(env, fit.scale);
	uiml_free(env, fit.state);
	return status;
}

/* --- rows in memory ------------------------------------------------------------------------------------- */

typedef struct Rows
{
	const UimlEnv *env;
	const float *x;
	const float *y;
	size_t n;
} Rows;

/* A UimlLogisticPassFn. */
static UimlStatus
pass_rows(void *ctx, const double *coef, UimlLogisticState *state)
{
	const Rows *rows = ctx;

	return uiml_logistic_add(rows->env, state, coef, rows->x, rows->y, rows->n);
}

/* Events of each row and count of each class. */
static UimlStatus
count_events(const Rows *rows, size_t k, double *events, double *count)
{
	memset(count, 0, k * sizeof(double));
	for (size_t i = 0; i < rows->n; i++)
	{
		events[i] = 0;
		for (size_t t = 0; t < k; t++)
		{
			double y = rows->y[i * k + t];

			if (!(y >= 0) || isinf(y))
				return UIML_EINVALID;
			events[i] += y;
			count[t] += y;
		}
	}
	return UIML_OK;
}

UimlStatus
uiml_logistic_fit(const UimlEnv *env, const float *x, const float *y, size_t n, size_t p, size_t k,
				  const UimlLogisticParams *params, double *coef, UimlLbfgsResult *result)
{
	Rows rows = {env, x, y, n};
	UimlLogisticSpace space = {0};
	UimlTransferStats *stats = NULL;
	double *events, *count;
	UimlStatus status = UIML_ENOMEM;

	if (p == 0 || p > UIML_TRANSFER_MAX_DIMS || k == 0 || k > UIML_LOGISTIC_MAX_CLASSES)
		return UIML_ELIMIT;
	events = uiml_alloc(env, n, sizeof(double));
	count = uiml_alloc(env, k, sizeof(double));
	if (events != NULL && count != NULL)
		status = count_events(&rows, k, events, count);
	if (status == UIML_OK && (stats = uiml_transfer_create(env, p, 0)) == NULL)
		status = UIML_ENOMEM;
	if (status == UIML_OK)
		status = uiml_transfer_add(env, stats, x, NULL, events, n);
	if (status == UIML_OK)
		status = uiml_logistic_space_create(env, stats, &space);
	if (status == UIML_OK)
	{
		uiml_logistic_start(&space, count, k, params->prior, coef);
		status = uiml_logistic_minimise(env, &space, k, pass_rows, &rows, params, coef, result);
	}
	uiml_logistic_space_free(env, &space);
	uiml_free(env, stats);
	uiml_free(env, events);
	uiml_free(env, count);
	return status;
}
