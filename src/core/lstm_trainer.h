/*
 * lstm_trainer.h
 *	  What a trainer holds, and how its work is cut.
 *
 * Work is cut into pieces in two ways.  Forward and backward, each shard of the sequences (every second or fourth of them)
 * goes its way; where the gradient of a tensor is summed over a batch, each piece has some of its columns and goes through
 * all positions.  So no gradient is kept twice, each element is one sum in the order of positions, and the result is the same
 * under any number of threads.
 *
 * Positions are numbered shard by shard, in each step by step.  The products of the inputs and K are computed once per
 * distinct token of a batch (per position where dropout makes all of them different) and gathered.  Rows of the embedding
 * that a batch touches have slots; the gradient of the embedding is kept for these alone.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/lstm_check.h"
#include "core/lstm_draw.h"
#include "core/lstm_ops.h"

#define NONE       UINT32_MAX
#define MAX_SHARDS 4
#define ROW_BLOCK  32 /* sequences of a shard that go forward together */
#define ALIGN      16 /* elements at which columns are cut: a line of memory */

/* Multiplications between two questions whether to stop: some milliseconds. */
#define JOB_PRODUCTS 1e8

/* Logits that are in memory at a time: each of two shards has half of them in its cache. */
#define LOGITS ((size_t) 1 << 17)

struct UimlLstmTrainer
{
	const UimlEnv *env;
	UimlLstmWeights weights;
	UimlLstmOptions options;
	uint64_t steps; /* done */
	bool packed;    /* the weights as they are now */

	/* Most of each. */
	size_t max_inputs;
	size_t max_slots;
	size_t max_outputs; /* classes that are compared at a time */
	size_t max_logits;

	/* Matrices for op_affine: x to z, z to x, h to z, z to h, h to logits, logits to h. */
	real *kernel, *kernel_back;
	real *recurrent, *recurrent_back;
	real *dense, *dense_back;

	/* Gradients; of the embedding, and of the dense bias where tied, by slot. */
	real *gradient[UIML_LSTM_N_TENSORS];
	real *first_run, *second_run;
	UimlLstmWeights first, second; /* moments */
	real *zero;                    /* D: the gradient of rows without a slot */

	/* Inputs: embedded, times K; then their gradients. */
	real *x;
	real *table;
	real *dx;

	/* Positions: gates, then their gradient; cell, tanh of it, h, h of the step before. */
	real *z;
	real *c, *tanh_c;
	real *h, *h_before;

	/* Sequences: gradients of h and c. */
	real *dh, *dc;

	/* Targets: h after dropout, its gradient, logits. */
	real *top;
	real *dtop;
	real *logits;

	/* Tied: the rows of the embedding that h is compared with, and their bias. */
	real *candidate;
	real *candidate_bias;
	double *cumulative; /* shares of classes, for draws */

	uint32_t *slot_of;    /* V */
	uint32_t *slot_token; /* of each slot */
	uint32_t *slot_input; /* of each slot, where inputs are distinct tokens */
	uint32_t *input_slot; /* of each input */
	uint32_t *input;      /* of each position */
	uint32_t *target_at;  /* number of each position's target, or NONE */
	uint32_t *target;     /* of each target: class, or place among the logits */
	uint32_t *position;   /* of each target */
	uint32_t *start;      /* MAX_SHARDS x (max_steps + 1): positions at which steps begin */

	/* The batch at hand. */
	size_t n_shards;
	size_t n_blocks; /* of ROW_BLOCK sequences, of the largest shard */
	size_t n_steps;
	size_t n_positions;
	size_t n_inputs;
	size_t n_slots;
	size_t n_targets;
	size_t n_outputs; /* classes that are compared now: slots 0 .. where tied */
	size_t ld_logits;
	size_t first_target; /* of the logits at hand */
	const real *output_bias;
	double entropy[MAX_SHARDS];
	size_t hits[MAX_SHARDS];
	OpStep op;
	UimlLstmTensor updated; /* by the work at hand */
};

/* A piece of [from, to) of work. */
typedef void (*Work)(UimlLstmTrainer *t, size_t piece, size_t from, size_t to);

typedef struct Job
{
	UimlLstmTrainer *trainer;
	Work work;
	size_t from, to;
} Job;

static void
run_piece(void *arg, size_t piece)
{
	Job *job = arg;

	job->work(job->trainer, piece, job->from, job->to);
}

/* Does work 0 .. n - 1, each of so many products, in jobs of all pieces. */
static UimlStatus
run(UimlLstmTrainer *t, Work work, size_t n, double products)
{
	double most = JOB_PRODUCTS / products;
	size_t step = most < 1 ? 1 : most < (double) n ? (size_t) most : n;
	Job job = {.trainer = t, .work = work};

	for (size_t i = 0; i < n; i += step)
	{
		if (uiml_interrupted(t->env))
			return UIML_EINTERRUPTED;
		job.from = i;
		job.to = n - i < step ? n : i + step;
		uiml_parallel(t->env, t->n_shards, run_piece, &job);
	}
	return UIML_OK;
}

typedef struct Part
{
	size_t from;
	size_t n;
} Part;

/* A piece of [from, to), cut between units. */
static Part
part_of(const UimlLstmTrainer *t, size_t piece, size_t from, size_t to, size_t unit)
{
	size_t units = (to - from + unit - 1) / unit;
	size_t begin = units * piece / t->n_shards * unit, end = units * (piece + 1) / t->n_shards * unit;

	end = end < to - from ? end : to - from;
	return (Part){.from = from + (begin < end ? begin : end), .n = begin < end ? end - begin : 0};
}

static bool
learns(const UimlLstmTrainer *t, UimlLstmTensor tensor)
{
	return (t->options.frozen >> tensor & 1) == 0;
}

/* A shard's position at which a step begins. */
static size_t
start_of(const UimlLstmTrainer *t, size_t shard, size_t step)
{
	return t->start[shard * (t->options.max_steps + 1) + step];
}

static size_t
rows_of(const UimlLstmTrainer *t, size_t shard, size_t step)
{
	return step < t->n_steps ? start_of(t, shard, step + 1) - start_of(t, shard, step) : 0;
}

/* Sequences of the shards before: where its rows of dh and dc begin. */
static size_t
first_row(const UimlLstmTrainer *t, size_t shard)
{
	return shard * ((t->options.max_sequences + t->n_shards - 1) / t->n_shards);
}

/*
 * Takes elements out with the probability of dropout and scales the others, or does so with their gradient: x is row number
 * row of n elements.
 */
static void
drop(const UimlLstmTrainer *t, UimlLstmStream which, size_t row, size_t n, real *x)
{
	uint64_t threshold = (uint64_t) (t->options.dropout * 65536);
	real scale = (real) (65536 / (double) (65536 - threshold));
	uint64_t stream = uiml_lstm_stream(t->options.seed, t->steps, which);

	for (size_t j = 0; j < n; j += 4)
	{
		uint64_t bits = uiml_lstm_bits(stream, row * ((n + 3) / 4) + j / 4);

		for (size_t e = j; e < n && e < j + 4; e++, bits >>= 16)
			x[e] = (bits & 0xffff) < threshold ? 0 : x[e] * scale;
	}
}

static bool
drops(const UimlLstmTrainer *t)
{
	return t->options.dropout > 0;
}
