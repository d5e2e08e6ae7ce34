/*
 * distill_reduce.c
 *	  Principal components of tokens' vectors, somewhat whitened.
 *
 * The sign of a direction is arbitrary; here its largest coordinate is positive, so that the same tokens give
 * the same vectors whatever library finds the directions.
 */
#include <math.h>
#include <string.h>

#include "core/distill_reduce.h"
#include "core/linalg.h"
#include "core/whitening.h"

#define BLOCK_ROWS 256

/* Directions of less than this share of the largest variance are rounding. */
#define NOISE 1e-7

/* A direction is divided by its variance to this power: 1/2 would whiten fully. */
#define WHITENING_POWER 0.25

/* The directions, falling, and what they explain. */
typedef struct Directions
{
	double *mean;    /* hidden */
	double *cov;     /* hidden x hidden */
	double *value;   /* hidden */
	double *vectors; /* hidden x hidden, columns */
	float *w;        /* hidden x dims */
	float *offset;   /* dims: -mean W */
	float *product;  /* BLOCK_ROWS x dims */
} Directions;

static void
free_directions(const UimlEnv *env, Directions *directions)
{
	uiml_free(env, directions->mean);
	uiml_free(env, directions->cov);
	uiml_free(env, directions->value);
	uiml_free(env, directions->vectors);
	uiml_free(env, directions->w);
	uiml_free(env, directions->offset);
	uiml_free(env, directions->product);
}

static bool
alloc_directions(const UimlEnv *env, size_t hidden, size_t dims, Directions *directions)
{
	*directions = (Directions){.mean = uiml_alloc(env, hidden, sizeof(double)),
							   .cov = uiml_alloc(env, hidden * hidden, sizeof(double)),
							   .value = uiml_alloc(env, hidden, sizeof(double)),
							   .vectors = uiml_alloc(env, hidden * hidden, sizeof(double)),
							   .w = uiml_alloc(env, hidden * dims, sizeof(float)),
							   .offset = uiml_alloc(env, dims, sizeof(float)),
							   .product = uiml_alloc(env, BLOCK_ROWS * dims, sizeof(float))};
	return directions->mean != NULL && directions->cov != NULL && directions->value != NULL &&
		   directions->vectors != NULL && directions->w != NULL && directions->offset != NULL &&
		   directions->product != NULL;
}

/* At most dims directions that are more than rounding, and their share of the variance. */
static size_t
count_directions(const double *value, size_t hidden, size_t dims, double *explained)
{
	double total = 0;
	double taken = 0;
	size_t n = 0;

	for (size_t j = 0; j < hidden; j++)
		total += fmax(value[j], 0);
	for (; n < dims && n < hidden && value[n] > NOISE * fmax(value[0], 1e-30); n++)
		taken += value[n];
	*explained = total > 0 ? fmin(taken / total, 1) : 0;
	return n;
}

/* 1 or -1, whichever makes the largest coordinate of column j positive. */
static double
sign_of(const double *vectors, size_t hidden, size_t j)
{
	double largest = 0;

	for (size_t i = 0; i < hidden; i++)
	{
		if (fabs(vectors[i * hidden + j]) > fabs(largest))
			largest = vectors[i * hidden + j];
	}
	return largest < 0 ? -1 : 1;
}

/* Scaled so that the first direction keeps its length. */
static void
scale_directions(const Directions *directions, size_t hidden, size_t dims)
{
	for (size_t j = 0; j < dims; j++)
	{
		double factor = sign_of(directions->vectors, hidden, j) *
						pow(directions->value[j] / directions->value[0], -WHITENING_POWER);
		double offset = 0;

		for (size_t i = 0; i < hidden; i++)
		{
			double w = directions->vectors[i * hidden + j] * factor;

			directions->w[i * dims + j] = (float) w;
			offset -= directions->mean[i] * w;
		}
		directions->offset[j] = (float) offset;
	}
}

static bool
is_zero(const float *x, size_t dims)
{
	for (size_t j = 0; j < dims; j++)
	{
		if (x[j] != 0)
			return false;
	}
	return true;
}

/* Rows come out before the place where they went in, so that those behind are untouched. */
static UimlStatus
project(const UimlEnv *env, const Directions *directions, float *x, size_t n, size_t hidden, size_t dims)
{
	for (size_t first = 0; first < n; first += BLOCK_ROWS)
	{
		size_t rows = n - first < BLOCK_ROWS ? n - first : BLOCK_ROWS;
		UimlStatus status;

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		status = uiml_gemm_f32(env, false, false, rows, dims, hidden, 1, x + first * hidden, directions->w, 0,
							   directions->product);
		if (status != UIML_OK)
			return status;
		for (size_t i = 0; i < rows; i++)
		{
			const float *product = directions->product + i * dims;
			bool zero = is_zero(x + (first + i) * hidden, hidden);

			for (size_t j = 0; j < dims; j++)
				x[(first + i) * dims + j] = zero ? 0 : product[j] + directions->offset[j];
		}
	}
	return UIML_OK;
}

UimlStatus
uiml_distill_reduce(const UimlEnv *env, float *x, size_t n, size_t hidden, size_t *dims, double *explained)
{
	size_t wanted = *dims < hidden ? *dims : hidden;
	Directions directions;
	UimlStatus status = UIML_ENOMEM;

	if (alloc_directions(env, hidden, wanted, &directions))
		status = uiml_row_covariance(env, x, hidden, NULL, n, directions.mean, directions.cov);
	if (status == UIML_OK)
		status = uiml_eigh_f64(env, hidden, directions.cov, directions.value, directions.vectors);
	if (status == UIML_OK)
	{
		*dims = count_directions(directions.value, hidden, wanted, explained);
		status = *dims > 0 ? UIML_OK : UIML_EEMPTY;
	}
	if (status == UIML_OK)
	{
		scale_directions(&directions, hidden, *dims);
		status = project(env, &directions, x, n, hidden, *dims);
	}
	free_directions(env, &directions);
	return status;
}
