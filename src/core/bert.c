/*
 * bert.c
 *	  Encoders of kind "bert": opening them, and texts to vectors in batches.
 *
 * Sequences of tokens are put one behind the other until a batch is full.  Nothing is padded, so batches of
 * texts of equal length would gain nothing, and texts are taken in their order; a batch is there because a
 * product of many rows reads each weight once for all of them.
 */
#include "core/bert.h"
#include "core/bert_model.h"
#include "core/encoder_architecture.h"
#include "core/encoder_write.h"
#include "core/kernels.h"
#include "core/pooling.h"

/* Tokens of a batch; a longer sequence is one by itself. */
#define BATCH_TOKENS ((size_t) 384)

#define ALIGNMENT ((size_t) 64)

UIML_ENCODER_VIEW_FITS(UimlBertModel);

static UimlStatus
open_bert(UimlEncoder *encoder, const UimlEnv *verify)
{
	UimlBertModel model = {.bytes = encoder->bytes};
	UimlTokenizer *tokenizer = &encoder->tokenizer;
	UimlStatus status;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return UIML_EINVALID;
#endif
	status = uiml_bert_get_header(encoder->bytes, encoder->length, &model.shape, &model.at);
	if (status == UIML_OK)
		status = uiml_tokenizer_open(encoder->bytes + model.at.tokenizer, model.shape.tokenizer,
									 verify != NULL, tokenizer);
	if (status != UIML_OK)
		return status;
	if (tokenizer->vocabulary > model.shape.vocabulary ||
		tokenizer->prefix + tokenizer->suffix > model.shape.max_tokens)
		return UIML_ECORRUPT;
	if (verify != NULL)
		status = uiml_encoder_end_check(verify, encoder->bytes, encoder->length);
	if (status != UIML_OK)
		return status;
	encoder->has_tokenizer = true;
	encoder->features = tokenizer->vocabulary;
	encoder->max_tokens = model.shape.max_tokens;
	encoder->digest = encoder_load64(encoder->bytes + encoder->length - 8);
	memcpy(encoder->view.bytes, &model, sizeof(model));
	return UIML_OK;
}

/* ---------- batches ---------- */

typedef struct Run
{
	const UimlEnv *env;
	const UimlBertModel *model;
	UimlPooling pooling;
	bool normalize;
	float *x; /* receives vectors */

	/* The batch that is filled. */
	size_t n;
	size_t start[BATCH_TOKENS + 1]; /* of each sequence in ids; start[n] is where the next one goes */
	size_t to[BATCH_TOKENS];        /* whose vector it is */
	uint32_t *ids;                  /* BATCH_TOKENS + max_tokens */

	double *sum; /* hidden: for pooling */
	float *scratch;
	size_t scratch_size;
	void *scratch_memory;
} Run;

static UimlStatus
run_begin(const UimlEnv *env, const UimlEncoder *encoder, float *x, Run *run)
{
	const UimlBertModel *model = UIML_ENCODER_VIEW(UimlBertModel, encoder);

	run->env = env;
	run->model = model;
	run->pooling = model->shape.pooling;
	run->normalize = model->shape.normalize;
	run->x = x;
	run->n = 0;
	run->start[0] = 0;
	run->scratch = NULL;
	run->scratch_size = 0;
	run->scratch_memory = NULL;
	run->ids = uiml_alloc(env, BATCH_TOKENS + model->shape.max_tokens, sizeof(uint32_t));
	run->sum = uiml_alloc(env, model->shape.hidden, sizeof(double));
	return run->ids != NULL && run->sum != NULL ? UIML_OK : UIML_ENOMEM;
}

static void
run_end(Run *run)
{
	uiml_free(run->env, run->ids);
	uiml_free(run->env, run->sum);
	uiml_free(run->env, run->scratch_memory);
}

/* Scratch memory of that many floats: a single short text needs little, and batches mostly the same. */
static UimlStatus
make_room(Run *run, size_t floats)
{
	if (floats <= run->scratch_size)
		return UIML_OK;
	uiml_free(run->env, run->scratch_memory);
	run->scratch_size = 0;
	run->scratch_memory = uiml_alloc(run->env, floats + ALIGNMENT / sizeof(float), sizeof(float));
	if (run->scratch_memory == NULL)
		return UIML_ENOMEM;
	run->scratch = (float *) (((uintptr_t) run->scratch_memory + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
	run->scratch_size = floats;
	return UIML_OK;
}

/* The vector of a sequence from its tokens' hidden states. */
static void
pool(Run *run, const float *states, size_t tokens, float *x)
{
	size_t dims = run->model->shape.hidden;

	uiml_pool(run->pooling, states, tokens, dims, uiml_bert_row(run->model), run->sum, x);
	if (run->normalize)
		uiml_unit(x, dims);
}

/* Embeds the batch and empties it. */
static UimlStatus
run_batch(Run *run)
{
	UimlBertBatch batch = {.n = run->n, .start = run->start, .ids = run->ids};
	size_t dims = run->model->shape.hidden;
	UimlStatus status;

	for (size_t i = 0; i < run->n; i++)
		batch.longest = run->start[i + 1] - run->start[i] > batch.longest ? run->start[i + 1] - run->start[i]
																		  : batch.longest;
	batch.first_only = run->pooling == UIML_POOLING_CLS;
	status = make_room(run, uiml_bert_scratch(run->model, run->start[run->n], batch.longest));
	batch.scratch = run->scratch;
	if (status == UIML_OK)
		status = uiml_bert_forward(run->env, run->model, &batch);
	for (size_t i = 0; status == UIML_OK && i < run->n; i++)
	{
		size_t row = batch.first_only ? i : run->start[i];

		pool(run, run->scratch + row * uiml_bert_row(run->model), run->start[i + 1] - run->start[i],
			 run->x + run->to[i] * dims);
	}
	run->n = 0;
	return status;
}

/* Takes the count ids that were written behind the batch as those of sequence i. */
static UimlStatus
take(Run *run, size_t i, size_t count)
{
	size_t at = run->start[run->n];
	UimlStatus status = UIML_OK;

	/* a tokenizer that puts nothing around an empty text */
	if (count == 0)
	{
		memset(run->x + i * run->model->shape.hidden, 0, run->model->shape.hidden * sizeof(float));
		return UIML_OK;
	}
	if (run->n > 0 && at + count > BATCH_TOKENS)
	{
		status = run_batch(run);
		memmove(run->ids, run->ids + at, count * sizeof(uint32_t));
	}
	run->to[run->n] = i;
	run->n++;
	run->start[run->n] = run->start[run->n - 1] + count;
	if (status == UIML_OK && run->start[run->n] >= BATCH_TOKENS)
		status = run_batch(run);
	return status;
}

static UimlStatus
embed_texts(const UimlEnv *env, const UimlEncoder *encoder, const UimlText *texts, size_t n, float *x)
{
	Run run;
	UimlStatus status = run_begin(env, encoder, x, &run);

	for (size_t i = 0; status == UIML_OK && i < n; i++)
	{
		size_t count;

		status = uiml_tokenizer_run(env, &encoder->tokenizer, texts[i].text, texts[i].length,
									encoder->max_tokens, run.ids + run.start[run.n], &count, NULL);
		if (status == UIML_OK)
			status = take(&run, i, count);
	}
	if (status == UIML_OK && run.n > 0)
		status = run_batch(&run);
	run_end(&run);
	return status;
}

UimlStatus
uiml_bert_embed_ids(const UimlEnv *env, const UimlEncoder *encoder, const UimlTokenIds *sequence, size_t n,
					float *x)
{
	Run run;
	UimlStatus status = run_begin(env, encoder, x, &run);

	run.pooling = UIML_POOLING_MEAN;
	run.normalize = false;
	for (size_t i = 0; status == UIML_OK && i < n; i++)
	{
		if (sequence[i].n < 1 || sequence[i].n > encoder->max_tokens)
			status = UIML_EINVALID;
		for (size_t t = 0; status == UIML_OK && t < sequence[i].n; t++)
		{
			if (sequence[i].ids[t] >= run.model->shape.vocabulary)
				status = UIML_EINVALID;
		}
		if (status != UIML_OK)
			break;
		memcpy(run.ids + run.start[run.n], sequence[i].ids, sequence[i].n * sizeof(uint32_t));
		status = take(&run, i, sequence[i].n);
	}
	if (status == UIML_OK && run.n > 0)
		status = run_batch(&run);
	run_end(&run);
	return status;
}

const UimlArchitecture uiml_architecture_bert = {
	.kind = UIML_ENCODER_BERT, .name = "bert", .open = open_bert, .embed = embed_texts};
