/*
 * model_score.c
 *	  What a prediction computes: a user's vector, the scores of all items, and the shares they stand for.
 *
 * Form of the shares.  The in/out product of a user with an item estimates the strength of that pair, so the
 * natural share is a power of it: q_j ~ max(score_j, 0)^(1 / temperature), mixed with popularity.  A softmax
 * of the score, and factors of popularity^b, were tried beside it; all parameters fitted on the held-out
 * items of 400 other users:
 *
 *	movielens-1m, 64 dims, 1,000 users	nats per hidden item	Recall@20	NDCG@100
 *	popularity									7.211			.173		.216
 *	raw score (a ranking only)					  -				.387		.459
 *	softmax(t score / |vector|), mixed			6.788			.370		.434
 *	softmax * popularity^b, mixed				6.674			.379		.443
 *	score^(1/t) * popularity^b, mixed			6.380			.380		.449
 *	score^(1/t), mixed							6.332			.387		.459
 *
 * On amazon-beauty (very sparse, 128 dims): 8.08 nats against 8.93 of popularity, Recall@20 .125 and NDCG@100
 * .086 against .126 and .087 of the raw score.  So the power is the better distribution and costs no rank.
 *
 * Weight of history against popularity: n / (n + item_alpha), with n the items the user is known by and not
 * the decayed mass.  The mass forgets that there is a history: on movielens-small with a half-life of 30
 * days, as of the newest event of 20 years, Recall@20 of 152 users is .074 by mass and .135 by count.  A
 * constant weight forgets how long it is: on movielens-1m with one or two items folded in, NDCG@100 is .356
 * by a constant and .407 by count.
 *
 * The loops are kernels and call neither BLAS nor libm: powers go through log2 and exp2 of Cephes (Moshier
 * 1992), good to 3e-7 relative.
 */
#include "core/model_score.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"

/* Sums of a user run in double over this many dimensions or interests at a time. */
#define USER_BLOCK 256

void
uiml_score_items(const float *out, size_t n_items, size_t d, const float *vector, float *score)
{
	memset(score, 0, n_items * sizeof(float));
	uiml_kernels()->score_rows(out, n_items, d, vector, d, score);
}

void
uiml_item_shares(float *score, size_t n_items, const float *popularity, double total, double item_alpha,
				 double temperature, double *history_weight)
{
	const UimlKernels *kernels = uiml_kernels();
	float best, mass, items;
	double weight;
	double common = 0;
	double even = 0;
	double sum = 1;

	kernels->survey_scores(score, popularity, n_items, &best, &mass, &items);
	weight = total > 0 && best >= 1e-30f ? total / (total + item_alpha) : 0;
	if (mass > 0)
		common = (1 - weight) / mass;
	else if (items > 0)
		even = (1 - weight) / items;
	if (weight > 0)
		sum = kernels->raise_scores(score, n_items, 1 / best, (float) (1 / temperature));
	else
		for (size_t i = 0; i < n_items; i++)
			score[i] = score[i] == -INFINITY ? -INFINITY : 0;

	/* -INFINITY times a positive factor stays; without history the factor is 1 over zeros. */
	kernels->mix_scores(score, n_items, popularity, weight > 0 ? (float) (weight / sum) : 1.0f,
						(float) common, (float) even);
	if (history_weight != NULL)
		*history_weight = weight;
}

static inline double
entry_weight(const UimlModel *model, uint32_t item, float mass)
{
	return item < model->n_items ? mass : model->text_weight * mass;
}

void
uiml_model_user(const UimlModel *model, const uint32_t *item, const float *mass, size_t n, float *vector,
				float *interest_mass)
{
	double sum[USER_BLOCK];
	size_t d = model->dims;

	/* Texts are behind the items; where they count nothing, they need have no vectors either. */
	while (!(model->text_weight > 0) && n > 0 && item[n - 1] >= model->n_items)
		n--;
	for (size_t from = 0; vector != NULL && from < d; from += USER_BLOCK)
	{
		size_t m = d - from < USER_BLOCK ? d - from : USER_BLOCK;

		memset(sum, 0, m * sizeof(double));
		for (size_t e = 0; e < n; e++)
			uiml_kernels()->accumulate_weighted(model->in + item[e] * d + from,
												entry_weight(model, item[e], mass[e]), m, sum);
		for (size_t j = 0; j < m; j++)
			vector[from + j] = (float) sum[j];
	}
	for (size_t from = 0; interest_mass != NULL && from < model->n_interests; from += USER_BLOCK)
	{
		size_t left = model->n_interests - from;
		size_t m = left < USER_BLOCK ? left : USER_BLOCK;

		memset(sum, 0, m * sizeof(double));
		for (size_t e = 0; e < n; e++)
		{
			size_t interest = model->interest[item[e]];

			if (interest >= from && interest < from + m)
				sum[interest - from] += entry_weight(model, item[e], mass[e]);
		}
		for (size_t j = 0; j < m; j++)
			interest_mass[from + j] = (float) sum[j];
	}
}

/* Item vectors that stay in the second-level cache while several users are scored against them. */
#define PANEL_BYTES 131072
#define PANEL_ROWS  8 /* its rows are a multiple of these, which kernels score together */

/* What the scores of a batch may take, and users per batch at most. */
#define BATCH_BYTES 4194304
#define BATCH_USERS 32

/* How many users to take at a time. */
static size_t
batch_size(size_t n_items)
{
	size_t users = BATCH_BYTES / (sizeof(float) * (n_items > 0 ? n_items : 1));

	if (users < 1)
		return 1;
	return users < BATCH_USERS ? users : BATCH_USERS;
}

UimlStatus
uiml_batch_create(const UimlEnv *env, const UimlModel *model, UimlBatch *batch)
{
	size_t most = batch_size(model->n_items);

	*batch = (UimlBatch){.most = most};
	batch->user = uiml_alloc(env, most, sizeof(uint32_t));
	batch->vector = uiml_alloc(env, most, model->dims * sizeof(float));
	batch->score = uiml_alloc(env, most, model->n_items * sizeof(float));
	batch->total = uiml_alloc(env, most, sizeof(double));
	if (batch->user == NULL || batch->vector == NULL || batch->score == NULL || batch->total == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

void
uiml_batch_free(const UimlEnv *env, UimlBatch *batch)
{
	uiml_free(env, batch->user);
	uiml_free(env, batch->vector);
	uiml_free(env, batch->score);
	uiml_free(env, batch->total);
}

void
uiml_batch_start(const UimlModel *model, const UimlInteractions *seen, UimlBatch *batch, size_t from,
				 size_t to)
{
	for (size_t b = from; b < to; b++)
	{
		size_t first = seen->row_start[batch->user[b]];
		size_t items_end = uiml_items_end(seen, batch->user[b]);
		size_t end = seen->row_start[batch->user[b] + 1];
		float *score = batch->score + b * model->n_items;

		uiml_model_user(model, seen->item + first, seen->mass + first, end - first,
						batch->vector + b * model->dims, NULL);
		batch->total[b] = (double) (items_end - first) + model->text_weight * (double) (end - items_end);
		memset(score, 0, model->n_items * sizeof(float));
		for (size_t e = first; e < items_end; e++)
			score[seen->item[e]] = -INFINITY;
	}
}

/*
 * Scores of rows first_row .. first_row + n - 1 of out, over dimensions first .. end - 1, for the users from
 * .. to - 1.
 */
static void
score_panel(const UimlModel *model, size_t first_row, size_t n, size_t first, size_t end, UimlBatch *batch,
			size_t from, size_t to)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t d = model->dims;
	const float *rows = model->out + first_row * d + first;
	size_t b = from;

	for (; b + 1 < to; b += 2)
	{
		const float *vector[2] = {batch->vector + b * d + first, batch->vector + (b + 1) * d + first};
		float *score[2] = {batch->score + b * model->n_items + first_row,
						   batch->score + (b + 1) * model->n_items + first_row};

		kernels->score_rows_twice(rows, n, d, vector, end - first, score);
	}
	if (b < to)
		kernels->score_rows(rows, n, d, batch->vector + b * d + first, end - first,
							batch->score + b * model->n_items + first_row);
}

void
uiml_batch_add(const UimlModel *model, size_t first, size_t end, UimlBatch *batch, size_t from, size_t to)
{
	size_t panel = PANEL_BYTES / (sizeof(float) * model->dims) / PANEL_ROWS * PANEL_ROWS + PANEL_ROWS;

	for (size_t i = 0; i < model->n_items; i += panel)
		score_panel(model, i, model->n_items - i < panel ? model->n_items - i : panel, first, end, batch,
					from, to);
}

void
uiml_item_direction(const float *vector, const double *sigma, size_t d, float *direction)
{
	double square = 0;
	double scale;

	for (size_t j = 0; j < d; j++)
	{
		double x = vector[j] * sigma[j];

		square += x * x;
	}
	scale = square > 0 ? 1 / sqrt(square) : 0;
	for (size_t j = 0; j < d; j++)
		direction[j] = (float) (vector[j] * sigma[j] * scale);
}
