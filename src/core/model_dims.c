/*
 * model_dims.c
 *	  How many dimensions rank best the items that tuning users hide.
 */
#include "core/model_tune.h"
#include "core/topk.h"

/* Multiplications that choosing dims may spend: some seconds. */
#define DIMS_BUDGET 2e10

#define NDCG_K 100

/* The fewest dims that come this close to the best NDCG: less than tuning users can tell apart. */
#define DIMS_TOLERANCE .005

/* NDCG of one user's ranking by score; relevant flags the hidden items and is left as it was. */
static double
user_ndcg(const float *score, const UimlHoldout *holdout, size_t u, size_t n_items, uint8_t *relevant)
{
	const UimlInteractions *hidden = &holdout->hidden;
	uint32_t top[NDCG_K];
	bool hit[NDCG_K];
	size_t n = uiml_topk(score, n_items, NDCG_K, top);

	for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
		relevant[hidden->item[e]] = 1;
	for (size_t r = 0; r < n; r++)
		hit[r] = relevant[top[r]] != 0;
	for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
		relevant[hidden->item[e]] = 0;
	return uiml_metric(UIML_NDCG, hit, n, uiml_row_length(hidden, u), NDCG_K);
}

/* The prefixes to try, rising; the last is d itself. */
static size_t
list_prefixes(size_t d, size_t prefix[7])
{
	size_t n = 0;

	for (size_t p = 16; p <= 512 && p < d; p *= 2)
		prefix[n++] = p;
	prefix[n++] = d;
	return n;
}

/* Scores of a batch that grow with the prefix of dimensions. */
typedef struct Growth
{
	const UimlModel *model;
	const UimlHoldout *tuning;
	UimlBatch *batch;
	size_t first; /* dimensions to add */
	size_t end;
} Growth;

/* A UimlTaskFn: adds to the scores of a piece of the batch; they begin with the first dimension. */
static void
grow_piece(void *arg, size_t piece)
{
	const Growth *g = arg;
	size_t from = piece * UIML_PIECE_USERS;
	size_t to = uiml_batch_piece_end(g->batch, piece);

	if (g->first == 0)
		uiml_batch_start(g->model, &g->tuning->seen, g->batch, from, to);
	uiml_batch_add(g->model, g->first, g->end, g->batch, from, to);
}

UimlStatus
uiml_model_choose_dims(const UimlEnv *env, const UimlModel *model, const UimlHoldout *tuning, size_t *dims)
{
	size_t prefix[7];
	double sum[7] = {0};
	size_t n_prefix = list_prefixes(model->dims, prefix);
	size_t step = uiml_tuning_step(tuning->seen.n_users,
								   DIMS_BUDGET / ((double) model->n_items * (double) model->dims));
	size_t best = n_prefix - 1;
	double most;
	UimlBatch batch;
	uint8_t *relevant = uiml_alloc0(env, model->n_items, 1);
	Growth growth = {.model = model, .tuning = tuning, .batch = &batch};
	UimlStatus status = uiml_batch_create(env, model, &batch);

	if (relevant == NULL)
		status = UIML_ENOMEM;
	for (size_t at = 0; status == UIML_OK && at < tuning->seen.n_users;)
	{
		uiml_tuning_fill(&batch, tuning, step, false, &at);
		for (size_t p = 0; status == UIML_OK && p < n_prefix; p++)
		{
			/* Prefixes are nested: each adds the dimensions that the one before lacks. */
			growth.first = p > 0 ? prefix[p - 1] : 0;
			growth.end = prefix[p];
			uiml_parallel(env, uiml_batch_pieces(&batch), grow_piece, &growth);
			for (size_t b = 0; b < batch.n; b++)
				sum[p] += user_ndcg(batch.score + b * model->n_items, tuning, batch.user[b], model->n_items,
									relevant);
			status = uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
		}
	}

	for (size_t p = 0; p < n_prefix; p++)
		if (sum[p] > sum[best])
			best = p;
	most = sum[best];
	for (size_t p = best; p-- > 0;)
		if (sum[p] > 0 && sum[p] >= (1 - DIMS_TOLERANCE) * most)
			best = p;
	*dims = prefix[best];
	uiml_batch_free(env, &batch);
	uiml_free(env, relevant);
	return status;
}
