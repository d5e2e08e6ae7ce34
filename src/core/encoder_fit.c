/*
 * encoder_fit.c
 *	  Singular vectors and whitening of an encoder, and its bytes.
 *
 * The sample becomes the matrix of TF-IDF rows of length 1, in place.  Its right singular vectors V come from
 * core/svd.h.  Mean and covariance of the rows t V (hash: of the hashed rows) give the whitening
 * (core/whitening.h).
 */
#include <math.h>
#include <string.h>

#include "core/encoder_features.h"
#include "core/encoder_train.h"
#include "core/kernels.h"
#include "core/linalg.h"
#include "core/svd.h"
#include "core/whitening.h"

#define BLOCK_ROWS 256  /* of vectors for a covariance, of the matrix for a product */
#define CHECK_ROWS 4096 /* between two questions for an interrupt */

/* Fewer than behaviour wants: what ends a space of texts is noise, exact or not. */
#define SUBSPACE_ITERATIONS 2

/* ---------- the matrix ---------- */

/*
 * The rows of the sample as TF-IDF rows of length 1 over the chosen features, in place; rows without any are
 * dropped.
 */
static UimlStatus
weigh_sample(UimlEncoderTrainer *trainer)
{
	size_t kept = 0;
	size_t at = 0;

	for (size_t row = 0; row < trainer->n_rows; row++)
	{
		size_t start = trainer->row_start[row];
		size_t end = trainer->row_start[row + 1];
		size_t first = at;
		double squares = 0;

		if (row % CHECK_ROWS == 0 && uiml_interrupted(&trainer->env))
			return UIML_EINTERRUPTED;
		for (size_t i = start; i < end; i++)
		{
			uint32_t number = trainer->count[trainer->col[i]];
			float value;

			if (number == 0)
				continue;
			value = trainer->value[i] * trainer->idf[number - 1];
			trainer->col[at] = number - 1;
			trainer->value[at++] = value;
			squares += (double) value * value;
		}
		if (at == first)
			continue;
		for (size_t i = first; i < at; i++)
			trainer->value[i] = (float) (trainer->value[i] / sqrt(squares));
		trainer->row_start[kept++] = first;
	}
	trainer->row_start[kept] = at;
	trainer->n_rows = kept;
	return kept > 0 ? UIML_OK : UIML_EEMPTY;
}

/* V, of the dimensions that the rank of the rows has. */
static UimlStatus
singular_vectors(UimlEncoderTrainer *trainer)
{
	UimlSparse x = {.n_rows = trainer->n_rows,
					.n_cols = trainer->n_features,
					.row_start = trainer->row_start,
					.col = trainer->col,
					.value = trainer->value};
	const UimlEnv *env = &trainer->env;
	size_t most = x.n_rows < x.n_cols ? x.n_rows : x.n_cols;
	size_t dims = trainer->params.dims < most ? trainer->params.dims : most;
	UimlSvdParams params = uiml_svd_defaults(dims);
	double *sigma = uiml_alloc(env, dims, sizeof(double));
	float *col_factor = uiml_alloc(env, x.n_cols, sizeof(float));
	double explained;
	UimlStatus status = UIML_ENOMEM;

	params.row_scale = params.col_scale = 0;
	params.iterations = SUBSPACE_ITERATIONS;
	params.seed = trainer->params.seed;
	trainer->v = uiml_alloc(env, x.n_cols * dims, sizeof(float));
	if (sigma != NULL && col_factor != NULL && trainer->v != NULL)
		status = uiml_svd_items(env, &x, NULL, &params, trainer->v, sigma, col_factor, &explained);
	trainer->dims = dims;
	while (status == UIML_OK && trainer->dims > 1 && sigma[trainer->dims - 1] <= 0)
		trainer->dims--;
	uiml_free(env, col_factor);
	uiml_free(env, sigma);
	if (status != UIML_OK)
		return status;
	for (size_t i = 1; i < x.n_cols; i++)
		memmove(trainer->v + i * trainer->dims, trainer->v + i * dims, trainer->dims * sizeof(float));
	return UIML_OK;
}

/* ---------- whitening ---------- */

/* The vector of a row of the sample before whitening. */
static void
row_vector(const UimlEncoderTrainer *trainer, size_t row, const uint32_t *id_of, float *x)
{
	size_t dims = trainer->dims;
	size_t start = trainer->row_start[row];
	size_t end = trainer->row_start[row + 1];
	double squares = 0;

	memset(x, 0, dims * sizeof(float));
	if (trainer->params.kind == UIML_ENCODER_LSA)
	{
		uiml_kernels()->gather_rows(trainer->col + start, trainer->value + start, end - start, trainer->v,
									dims, dims, x);
		return;
	}
	for (size_t i = start; i < end; i++)
		encoder_hash_add(x, dims, id_of[trainer->col[i]], trainer->value[i]);
	for (size_t j = 0; j < dims; j++)
		squares += (double) x[j] * x[j];
	for (size_t j = 0; squares > 0 && j < dims; j++)
		x[j] = (float) (x[j] / sqrt(squares));
}

/* The mean of the rows' vectors, added to trainer->mean. */
static UimlStatus
mean_of_rows(UimlEncoderTrainer *trainer, const uint32_t *id_of, float *x)
{
	for (size_t row = 0; row < trainer->n_rows; row++)
	{
		if (row % BLOCK_ROWS == 0 && uiml_interrupted(&trainer->env))
			return UIML_EINTERRUPTED;
		row_vector(trainer, row, id_of, x);
		for (size_t j = 0; j < trainer->dims; j++)
			trainer->mean[j] += x[j] / (double) trainer->n_rows;
	}
	return UIML_OK;
}

/* Their products about the mean, block by block, added to cov. */
static UimlStatus
covariance_of_rows(UimlEncoderTrainer *trainer, const uint32_t *id_of, float *x, double *block,
				   double *product, double *cov)
{
	size_t dims = trainer->dims;
	size_t filled = 0;

	for (size_t row = 0; row < trainer->n_rows; row++)
	{
		UimlStatus status;

		row_vector(trainer, row, id_of, x);
		for (size_t j = 0; j < dims; j++)
			block[filled * dims + j] = x[j] - trainer->mean[j];
		if (++filled < BLOCK_ROWS && row + 1 < trainer->n_rows)
			continue;
		status = uiml_gram_f64(&trainer->env, filled, dims, block, product);
		if (status != UIML_OK)
			return status;
		for (size_t i = 0; i < dims * dims; i++)
			cov[i] += product[i] / (double) trainer->n_rows;
		filled = 0;
	}
	return UIML_OK;
}

/* The id of each row: count the other way round. */
static void
invert_numbers(const UimlEncoderTrainer *trainer, uint32_t *id_of)
{
	size_t n_ids = (size_t) 1 << trainer->bits;

	for (size_t id = 0; id < n_ids; id++)
	{
		if (trainer->count[id] != 0)
			id_of[trainer->count[id] - 1] = (uint32_t) id;
	}
}

static UimlStatus
learn_whitening(UimlEncoderTrainer *trainer)
{
	const UimlEnv *env = &trainer->env;
	size_t dims = trainer->dims;
	uint32_t *id_of = uiml_alloc(env, trainer->n_features, sizeof(uint32_t));
	float *x = uiml_alloc(env, dims, sizeof(float));
	double *block = uiml_alloc(env, BLOCK_ROWS * dims, sizeof(double));
	double *product = uiml_alloc(env, dims * dims, sizeof(double));
	double *cov = uiml_alloc0(env, dims * dims, sizeof(double));
	UimlStatus status = UIML_ENOMEM;

	trainer->mean = uiml_alloc0(env, dims, sizeof(double));
	trainer->whiten = uiml_alloc(env, dims * dims, sizeof(float));
	if (id_of != NULL && x != NULL && block != NULL && product != NULL && cov != NULL &&
		trainer->mean != NULL && trainer->whiten != NULL)
	{
		invert_numbers(trainer, id_of);
		status = mean_of_rows(trainer, id_of, x);
		if (status == UIML_OK)
			status = covariance_of_rows(trainer, id_of, x, block, product, cov);
		if (status == UIML_OK)
			status =
				uiml_whitening_solve(env, trainer->params.whitening, dims, cov, product, trainer->whiten);
	}
	uiml_free(env, cov);
	uiml_free(env, product);
	uiml_free(env, block);
	uiml_free(env, x);
	uiml_free(env, id_of);
	return status;
}

/* ---------- the bytes ---------- */

static void
write_header(const UimlEncoderTrainer *trainer, size_t n_slots, size_t size, unsigned char *bytes)
{
	uiml_encoder_put_header(bytes, trainer->params.kind, trainer->params.whitening, trainer->dims, size);
	encoder_store32(bytes + ENCODER_AT_BITS, (uint32_t) trainer->bits);
	encoder_store64(bytes + ENCODER_AT_TEXTS, trainer->n_texts);
	encoder_store64(bytes + ENCODER_AT_ROWS, trainer->n_features);
	encoder_store64(bytes + ENCODER_AT_SLOTS, n_slots);
	encoder_store64(bytes + ENCODER_AT_CHECKSUM, uiml_encoder_checksum(bytes, size));
}

static void
write_slots(const UimlEncoderTrainer *trainer, size_t n_slots, unsigned char *slots)
{
	size_t n_ids = (size_t) 1 << trainer->bits;

	for (size_t id = 0; id < n_ids; id++)
	{
		size_t at = (size_t) uiml_mix(id) & (n_slots - 1);

		if (trainer->count[id] == 0)
			continue;
		while (encoder_load32(slots + 8 * at + 4) != 0)
			at = (at + 1) & (n_slots - 1);
		encoder_store32(slots + 8 * at, (uint32_t) id);
		encoder_store32(slots + 8 * at + 4, trainer->count[id]);
	}
}

static void
write_floats(unsigned char *to, const float *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		encoder_store_float(to + i * sizeof(float), from[i]);
}

/* V W of lsa: a block of rows at a time, so that no second matrix of that size is needed. */
static UimlStatus
write_rotated(const UimlEncoderTrainer *trainer, unsigned char *to)
{
	size_t dims = trainer->dims;
	float *block = uiml_alloc(&trainer->env, BLOCK_ROWS * dims, sizeof(float));
	UimlStatus status = block != NULL ? UIML_OK : UIML_ENOMEM;

	for (size_t first = 0; status == UIML_OK && first < trainer->n_features; first += BLOCK_ROWS)
	{
		size_t rows = trainer->n_features - first < BLOCK_ROWS ? trainer->n_features - first : BLOCK_ROWS;

		status = uiml_gemm_f32(&trainer->env, false, false, rows, dims, dims, 1, trainer->v + first * dims,
							   trainer->whiten, 0, block);
		if (status == UIML_OK)
			write_floats(to + first * dims * sizeof(float), block, rows * dims);
	}
	uiml_free(&trainer->env, block);
	return status;
}

/* -m W */
static UimlStatus
write_offset(const UimlEncoderTrainer *trainer, unsigned char *to)
{
	float *offset = uiml_alloc(&trainer->env, trainer->dims, sizeof(float));

	if (offset == NULL)
		return UIML_ENOMEM;
	uiml_whitening_offset(trainer->dims, trainer->mean, trainer->whiten, offset);
	write_floats(to, offset, trainer->dims);
	uiml_free(&trainer->env, offset);
	return UIML_OK;
}

static UimlStatus
write_encoder(const UimlEncoderTrainer *trainer, void **bytes, size_t *length)
{
	bool whiten = trainer->params.whitening != UIML_WHITENING_NONE;
	size_t n_slots = 64;
	UimlStatus status = UIML_OK;
	EncoderLayout at;
	unsigned char *to;

	while (n_slots < 2 * trainer->n_features)
		n_slots *= 2;
	if (!uiml_encoder_layout(trainer->params.kind, trainer->params.whitening, trainer->dims,
							 trainer->n_features, n_slots, &at))
		return UIML_ELIMIT;
	to = uiml_alloc0(&trainer->env, at.size, 1);
	if (to == NULL)
		return UIML_ENOMEM;
	write_slots(trainer, n_slots, to + at.slots);
	write_floats(to + at.idf, trainer->idf, trainer->n_features);
	if (trainer->params.kind == UIML_ENCODER_HASH && whiten)
		write_floats(to + at.matrix, trainer->whiten, trainer->dims * trainer->dims);
	else if (trainer->params.kind == UIML_ENCODER_LSA && whiten)
		status = write_rotated(trainer, to + at.matrix);
	else if (trainer->params.kind == UIML_ENCODER_LSA)
		write_floats(to + at.matrix, trainer->v, trainer->n_features * trainer->dims);
	if (status == UIML_OK && whiten)
		status = write_offset(trainer, to + at.offset);
	if (status != UIML_OK)
	{
		uiml_free(&trainer->env, to);
		return status;
	}
	write_header(trainer, n_slots, at.size, to);
	*bytes = to;
	*length = at.size;
	return UIML_OK;
}

UimlStatus
uiml_encoder_fit(UimlEncoderTrainer *trainer, void **bytes, size_t *length)
{
	UimlStatus status = weigh_sample(trainer);

	if (status == UIML_OK && trainer->params.kind == UIML_ENCODER_LSA)
		status = singular_vectors(trainer);
	if (status == UIML_OK && trainer->params.whitening != UIML_WHITENING_NONE)
		status = learn_whitening(trainer);
	if (status == UIML_OK)
		status = write_encoder(trainer, bytes, length);
	return status;
}
