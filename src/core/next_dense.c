/*
 * next_dense.c
 *	  Ridges from the vectors of a space, by the statistics of core/transfer.h.
 *
 * A user's history is carried along: x of the next event is decay times x of this one, plus its item.  The steps that a
 * prediction looks back are those that decay has left anything of.
 */
#include "core/next_dense.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/ridge.h"

#define BLOCK_ROWS 256
#define MOST_FLOPS 1e11 /* of all rows, (p + q)^2 each: ten seconds or so */
#define LEAST_ROWS 20000

typedef struct Fit
{
	const UimlEnv *env;
	UimlNextTarget target;
	const UimlNextSpace *space;
	size_t n_classes;
	double decay;
	size_t p, q;
	size_t n; /* rows in the block */
	size_t n_rows;
	size_t most_rows;
	double *vector;    /* dims: decayed in-vectors of the history */
	double *interests; /* n_classes: decayed events by interest; items: NULL */
	float *x;          /* BLOCK_ROWS x p */
	float *y;          /* BLOCK_ROWS x q */
	UimlTransferStats *stats;
} Fit;

static void
sizes(UimlNextTarget target, const UimlNextSpace *space, size_t n_classes, size_t *p, size_t *q)
{
	*p = space->dims + (target == UIML_NEXT_ITEM ? 0 : n_classes);
	*q = target == UIML_NEXT_ITEM ? space->dims : n_classes;
}

size_t
uiml_next_dense_memory(UimlNextTarget target, const UimlNextSpace *space, size_t n_classes)
{
	size_t p, q;

	sizes(target, space, n_classes, &p, &q);
	if (p > UIML_TRANSFER_MAX_DIMS || q > UIML_TRANSFER_MAX_DIMS)
		return SIZE_MAX;
	return UIML_TRANSFER_STATS_SIZE(p, q) + uiml_ridge_memory(p, q) + 3 * p * q * sizeof(double) +
		   2 * BLOCK_ROWS * (p + q) * sizeof(double);
}

static UimlStatus
flush(Fit *fit)
{
	UimlStatus status = UIML_OK;

	if (uiml_interrupted(fit->env))
		return UIML_EINTERRUPTED;
	if (fit->n > 0)
		status = uiml_transfer_add(fit->env, fit->stats, fit->x, fit->y, NULL, fit->n);
	fit->n = 0;
	return status;
}

/* The history as features: as uiml_next_features. */
static void
put_features(const Fit *fit, float *x)
{
	size_t dims = fit->space->dims;
	double square = 0;
	double sum = 0;
	double factor = 1;

	if (fit->interests != NULL)
	{
		for (size_t j = 0; j < dims; j++)
			square += fit->vector[j] * fit->vector[j];
		factor = square > 0 ? 1 / sqrt(square) : 0;
		for (size_t c = 0; c < fit->n_classes; c++)
			sum += fit->interests[c];
		for (size_t c = 0; c < fit->n_classes; c++)
			x[dims + c] = (float) (fit->interests[c] / sum);
	}
	for (size_t j = 0; j < dims; j++)
		x[j] = (float) (factor * fit->vector[j]);
}

static UimlStatus
add_row(Fit *fit, uint32_t item, uint32_t c)
{
	float *y = fit->y + fit->n * fit->q;

	put_features(fit, fit->x + fit->n * fit->p);
	if (fit->target == UIML_NEXT_ITEM)
		memcpy(y, fit->space->in + (size_t) item * fit->q, fit->q * sizeof(float));
	else
	{
		memset(y, 0, fit->q * sizeof(float));
		y[c] = 1;
	}
	fit->n_rows++;
	return ++fit->n == BLOCK_ROWS ? flush(fit) : UIML_OK;
}

static void
remember(Fit *fit, uint32_t item, uint32_t c)
{
	size_t dims = fit->space->dims;

	for (size_t j = 0; j < dims; j++)
		fit->vector[j] *= fit->decay;
	uiml_kernels()->accumulate(fit->space->in + (size_t) item * dims, dims, fit->vector);
	if (fit->interests == NULL)
		return;
	for (size_t i = 0; i < fit->n_classes; i++)
		fit->interests[i] *= fit->decay;
	fit->interests[c]++;
}

static UimlStatus
add_sequence(Fit *fit, const uint32_t *item, size_t n)
{
	UimlStatus status = UIML_OK;
	size_t known = 0;

	memset(fit->vector, 0, fit->space->dims * sizeof(double));
	if (fit->interests != NULL)
		memset(fit->interests, 0, fit->n_classes * sizeof(double));
	for (size_t i = 0; status == UIML_OK && i < n; i++)
	{
		uint32_t c = uiml_next_class(fit->target, fit->space, item[i]);

		if (c >= fit->n_classes)
			continue;
		if (known++ > 0)
			status = add_row(fit, item[i], c);
		remember(fit, item[i], c);
	}
	return status;
}

static UimlStatus
add_all(Fit *fit, const UimlSequenceSource *source)
{
	UimlSequences chunk;
	UimlStatus status = source->rewind(source->ctx, 1);

	while (status == UIML_OK && fit->n_rows < fit->most_rows &&
		   (status = source->next(source->ctx, &chunk)) == UIML_OK && chunk.n > 0)
		for (size_t s = 0; status == UIML_OK && s < chunk.n && fit->n_rows < fit->most_rows; s++)
			status = add_sequence(fit, chunk.item + chunk.start[s], chunk.start[s + 1] - chunk.start[s]);
	return status == UIML_OK ? flush(fit) : status;
}

/* Solves for the best penalty, and keeps the weights as floats. */
static UimlStatus
solve(const UimlEnv *env, const Fit *fit, UimlNextRidge *out)
{
	bool intercept = fit->target == UIML_NEXT_INTEREST;
	UimlRidge ridge = {0};
	double *w = uiml_alloc(env, fit->p * fit->q, sizeof(double));
	double *b = uiml_alloc(env, fit->q, sizeof(double));
	float *w32 = uiml_alloc(env, fit->p * fit->q, sizeof(float));
	float *b32 = intercept ? uiml_alloc(env, fit->q, sizeof(float)) : NULL;
	UimlStatus status = UIML_ENOMEM;

	if (w != NULL && b != NULL && w32 != NULL && (!intercept || b32 != NULL))
		status = uiml_ridge_begin(env, fit->stats, intercept, NULL, &ridge);
	if (status == UIML_OK)
		status = uiml_ridge_solve(env, &ridge, uiml_ridge_choose(&ridge), w, b);
	uiml_ridge_free(env, &ridge);
	for (size_t i = 0; status == UIML_OK && i < fit->p * fit->q; i++)
		w32[i] = (float) w[i];
	for (size_t i = 0; status == UIML_OK && intercept && i < fit->q; i++)
		b32[i] = (float) b[i];
	if (status == UIML_OK && !uiml_kernels()->is_finite(w32, fit->p * fit->q))
		status = UIML_ENOTFINITE;
	out->w = w32;
	out->b = b32;
	uiml_free(env, w);
	uiml_free(env, b);
	return status;
}

UimlStatus
uiml_next_fit_dense(const UimlEnv *env, const UimlSequenceSource *source, UimlNextTarget target,
					const UimlNextSpace *space, size_t n_classes, size_t memory, UimlNextRidge *ridge)
{
	size_t bytes = uiml_next_dense_memory(target, space, n_classes);
	Fit fit = {
		.env = env, .target = target, .space = space, .n_classes = n_classes, .decay = (double) ridge->decay};
	double rows;
	UimlStatus status = UIML_ENOMEM;

	if (bytes == SIZE_MAX || (memory > 0 && bytes > memory))
		return UIML_ELIMIT;
	sizes(target, space, n_classes, &fit.p, &fit.q);
	rows = MOST_FLOPS / ((double) (fit.p + fit.q) * (double) (fit.p + fit.q));
	fit.most_rows = rows > LEAST_ROWS ? (size_t) rows : LEAST_ROWS;
	fit.vector = uiml_alloc(env, space->dims, sizeof(double));
	fit.x = uiml_alloc(env, BLOCK_ROWS * fit.p, sizeof(float));
	fit.y = uiml_alloc(env, BLOCK_ROWS * fit.q, sizeof(float));
	if (target == UIML_NEXT_INTEREST)
		fit.interests = uiml_alloc(env, n_classes, sizeof(double));
	fit.stats = uiml_transfer_create(env, fit.p, fit.q);
	if (fit.vector != NULL && fit.x != NULL && fit.y != NULL && fit.stats != NULL &&
		(target == UIML_NEXT_ITEM || fit.interests != NULL))
		status = add_all(&fit, source);
	if (status == UIML_OK)
		status = solve(env, &fit, ridge);
	ridge->p = (uint32_t) fit.p;
	ridge->q = (uint32_t) fit.q;
	uiml_free(env, fit.vector);
	uiml_free(env, fit.interests);
	uiml_free(env, fit.x);
	uiml_free(env, fit.y);
	uiml_free(env, fit.stats);
	return status;
}
