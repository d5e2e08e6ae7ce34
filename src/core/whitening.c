/*
 * whitening.c
 *	  Whitening of vectors.
 *
 * Sums of squares are taken about the mean, in double: language models put their texts into a narrow cone,
 * whose mean is most of every vector, and raw sums would cancel.
 */
#include "core/whitening.h"

#include <math.h>
#include <string.h>

#include "core/linalg.h"

#define BLOCK_ROWS 256 /* of vectors for a covariance or a product */

/* Directions of less than this share of the largest variance are rounding. */
#define NOISE 1e-7

/* A whitened vector this short was the mean itself. */
#define SHORTEST 1e-6

UimlStatus
uiml_whitening_solve(const UimlEnv *env, UimlWhitening whitening, size_t dims, double *cov, double *vectors,
					 float *w)
{
	double *value = uiml_alloc(env, dims, sizeof(double));
	double mean = 0;
	UimlStatus status = UIML_ENOMEM;

	if (value != NULL)
		status = uiml_eigh_f64(env, dims, cov, value, vectors);
	for (size_t j = 0; status == UIML_OK && j < dims; j++)
		mean += fmax(value[j], 0) / (double) dims;
	for (size_t j = 0; status == UIML_OK && j < dims; j++)
	{
		bool noise = value[j] <= NOISE * fmax(value[0], 1e-30);
		double damp = whitening == UIML_WHITENING_RELAXED ? mean : 0;
		double factor = noise ? 0 : sqrt(fmax(mean, 1e-30)) / sqrt(value[j] + damp);

		for (size_t i = 0; i < dims; i++)
			w[i * dims + j] = (float) (vectors[i * dims + j] * factor);
	}
	uiml_free(env, value);
	return status;
}

void
uiml_whitening_offset(size_t dims, const double *mean, const float *w, float *offset)
{
	for (size_t j = 0; j < dims; j++)
	{
		double sum = 0;

		for (size_t i = 0; i < dims; i++)
			sum -= mean[i] * w[i * dims + j];
		offset[j] = (float) sum;
	}
}

/* ---------- learning ---------- */

/* The rows to learn from. */
typedef struct Sample
{
	const float *x;
	size_t dims;
	const uint32_t *row;
	size_t n;
	size_t counted;
} Sample;

/* The k-th row, NULL where it is of zeros. */
static const float *
sample_row(const Sample *sample, size_t k)
{
	const float *x = sample->x + (sample->row != NULL ? sample->row[k] : k) * sample->dims;

	for (size_t j = 0; j < sample->dims; j++)
	{
		if (x[j] != 0)
			return x;
	}
	return NULL;
}

static UimlStatus
mean_of_sample(const UimlEnv *env, Sample *sample, double *mean)
{
	sample->counted = 0;
	for (size_t k = 0; k < sample->n; k++)
	{
		const float *x;

		if (k % BLOCK_ROWS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		x = sample_row(sample, k);
		if (x == NULL)
			continue;
		sample->counted++;
		for (size_t j = 0; j < sample->dims; j++)
			mean[j] += x[j];
	}
	for (size_t j = 0; j < sample->dims && sample->counted > 0; j++)
		mean[j] /= (double) sample->counted;
	return sample->counted > 1 ? UIML_OK : UIML_EEMPTY;
}

/* Products about the mean, a block at a time, the upper triangle of cov; both when all is added. */
static UimlStatus
covariance_of_sample(const UimlEnv *env, const Sample *sample, const double *mean, double *block, double *cov)
{
	size_t dims = sample->dims;
	size_t filled = 0;

	for (size_t k = 0; k < sample->n; k++)
	{
		const float *x = sample_row(sample, k);
		UimlStatus status;

		for (size_t j = 0; x != NULL && j < dims; j++)
			block[filled * dims + j] = x[j] - mean[j];
		filled += x != NULL;
		if (filled == 0 || (filled < BLOCK_ROWS && k + 1 < sample->n))
			continue;
		status = uiml_gram_add_f64(env, filled, dims, block, cov);
		if (status != UIML_OK)
			return status;
		filled = 0;
	}
	for (size_t i = 0; i < dims; i++)
	{
		for (size_t j = i; j < dims; j++)
			cov[j * dims + i] = cov[i * dims + j] /= (double) sample->counted;
	}
	return UIML_OK;
}

UimlStatus
uiml_row_covariance(const UimlEnv *env, const float *x, size_t dims, const uint32_t *row, size_t n,
					double *mean, double *cov)
{
	Sample sample = {.x = x, .dims = dims, .row = row, .n = n};
	double *block = uiml_alloc(env, BLOCK_ROWS * dims, sizeof(double));
	UimlStatus status = UIML_ENOMEM;

	memset(mean, 0, dims * sizeof(double));
	memset(cov, 0, dims * dims * sizeof(double));
	if (block != NULL)
		status = mean_of_sample(env, &sample, mean);
	if (status == UIML_OK)
		status = covariance_of_sample(env, &sample, mean, block, cov);
	uiml_free(env, block);
	return status;
}

UimlStatus
uiml_whitening_learn(const UimlEnv *env, UimlWhitening whitening, const float *x, size_t dims,
					 const uint32_t *row, size_t n, float *w, double *mean)
{
	double *cov = uiml_alloc(env, dims * dims, sizeof(double));
	double *vectors = uiml_alloc(env, dims * dims, sizeof(double));
	UimlStatus status = UIML_ENOMEM;

	if (cov != NULL && vectors != NULL)
		status = uiml_row_covariance(env, x, dims, row, n, mean, cov);
	if (status == UIML_OK)
		status = uiml_whitening_solve(env, whitening, dims, cov, vectors, w);
	uiml_free(env, vectors);
	uiml_free(env, cov);
	return status;
}

/* ---------- applying ---------- */

bool
uiml_unit_row(float *x, size_t dims)
{
	double squares = 0;
	bool usable;

	for (size_t j = 0; j < dims; j++)
		squares += (double) x[j] * x[j];
	usable = squares > 0 && isfinite(squares);
	for (size_t j = 0; j < dims; j++)
		x[j] = usable ? (float) (x[j] / sqrt(squares)) : 0;
	return usable;
}

/* Rows about the mean: subtracted from the products instead, it would cancel most of their digits. */
static void
centre_rows(const float *x, const double *mean, size_t rows, size_t dims, float *centred)
{
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < dims; j++)
			centred[i * dims + j] = (float) (x[i * dims + j] - mean[j]);
}

/* x = product made unit, where x was of a text. */
static void
finish_row(const float *product, size_t dims, float *x)
{
	bool empty = true;
	double squares = 0;

	for (size_t j = 0; j < dims && empty; j++)
		empty = x[j] == 0;
	if (empty)
		return;
	for (size_t j = 0; j < dims; j++)
	{
		x[j] = product[j];
		squares += (double) x[j] * x[j];
	}
	if (squares < SHORTEST * SHORTEST)
		memset(x, 0, dims * sizeof(float));
	else
		(void) uiml_unit_row(x, dims);
}

UimlStatus
uiml_whitening_apply(const UimlEnv *env, const float *w, const double *mean, size_t dims, float *x, size_t n)
{
	float *centred = uiml_alloc(env, BLOCK_ROWS * dims, sizeof(float));
	float *product = uiml_alloc(env, BLOCK_ROWS * dims, sizeof(float));
	UimlStatus status = centred != NULL && product != NULL ? UIML_OK : UIML_ENOMEM;

	for (size_t first = 0; status == UIML_OK && first < n; first += BLOCK_ROWS)
	{
		size_t rows = n - first < BLOCK_ROWS ? n - first : BLOCK_ROWS;

		if (uiml_interrupted(env))
		{
			status = UIML_EINTERRUPTED;
			break;
		}
		centre_rows(x + first * dims, mean, rows, dims, centred);
		status = uiml_gemm_f32(env, false, false, rows, dims, dims, 1, centred, w, 0, product);
		for (size_t i = 0; status == UIML_OK && i < rows; i++)
			finish_row(product + i * dims, dims, x + (first + i) * dims);
	}
	uiml_free(env, product);
	uiml_free(env, centred);
	return status;
}
