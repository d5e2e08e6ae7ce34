/*
 * sequence_judge.c
 *	  What a network, or a blend of two, says of sequences that it was not fitted on.
 *
 * Windows go through the networks in groups of PIECES batches, one for each task; then the states that something is asked
 * of go through the output, some rows for each task.  What the rows say is added up in their order, so figures
 * don't depend on the number of threads.
 */
#include "core/sequence_judge.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/affine.h"
#include "core/sequence_states.h"
#include "core/sequence_windows.h"

#define PIECES   4
#define NETWORKS 2

#define MOST_SEQUENCES 16      /* of a piece, */
#define PIECE_STATES   0x40000 /* and floats of their states, if more than one fits */
#define PIECE_LOGITS   0x10000 /* of an output's task, if more than one row fits */
#define PRODUCTS       4e6     /* multiplications of a task between two questions for an interrupt */

/* What is said of one event. */
typedef struct Said
{
	float own[NETWORKS]; /* probability of what came, by each network */
	float blended;
	uint32_t rank; /* 0: none */
	bool hit;
} Said;

/* Where an event that is asked for is. */
typedef struct Asked
{
	uint32_t piece;
	uint32_t token; /* of the piece's batch */
	uint32_t target;
	size_t position; /* of the windows */
	size_t begin;    /* of the sequence */
	double share;    /* of the first network */
} Asked;

typedef struct Piece
{
	UimlBatchRoom room;
	UimlLstmBatch batch;
	UimlStatesRoom states[NETWORKS];
	size_t at;               /* the first token of the next step */
	float *top[NETWORKS];    /* states of an output's rows */
	float *logits[NETWORKS]; /* and what becomes of them */
} Piece;

typedef struct Judge
{
	const UimlEnv *env;
	const UimlSequenceJudging *judging;
	size_t n_networks;
	UimlStates states[NETWORKS];
	const double *share;
	UimlWindows windows;
	uint32_t *number;    /* of the event that each position asks for; NULL where nobody wants to know */
	size_t sequences;    /* of a piece */
	size_t steps, slice; /* of the group, and at a time */
	size_t step;         /* the first of this task */
	size_t rows, ld;     /* of an output's task */
	size_t first;        /* the first row of these tasks */
	size_t n_asked;      /* of the group */
	Asked *asked;        /* room for a group's */
	Said *said;
	uint32_t *batch_memory;
	size_t *position_memory;
	float *memory;
	Piece piece[PIECES];
} Judge;

/* ---------- sizes ---------- */

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t
piece_sequences(const UimlLstmShape *shape, size_t max_length)
{
	size_t fit = PIECE_STATES / (max_length * shape->hidden);

	return fit == 0 ? 1 : least(fit, MOST_SEQUENCES);
}

/* Rows of an output's task: some for its tiles to be filled, few enough to be done soon. */
static size_t
output_rows(const UimlLstmShape *shape)
{
	double products = PRODUCTS / ((double) shape->classes * (double) shape->hidden);
	size_t fit = PIECE_LOGITS / uiml_affine_stride(shape->classes);

	if (products < (double) fit)
		fit = (size_t) products;
	return fit == 0 ? 1 : fit;
}

/* Floats of one piece's room for one network. */
static size_t
piece_floats(const UimlLstmShape *shape, size_t max_length)
{
	size_t sequences = piece_sequences(shape, max_length);

	return uiml_states_room(shape, sequences, sequences * max_length) +
		   output_rows(shape) * (uiml_affine_stride(shape->classes) + shape->hidden);
}

size_t
uiml_sequence_judge_memory(const UimlLstmShape *shape, size_t max_length, size_t n_sequences, size_t n_events)
{
	UimlWindowCut cut = {.max_length = max_length, .overlap = true};
	size_t windows = uiml_windows_memory(n_sequences, n_events, &cut);
	double networks =
		NETWORKS * sizeof(float) *
		((double) uiml_states_packed(shape) + PIECES * (double) piece_floats(shape, max_length));
	double tokens = (double) PIECES * (double) piece_sequences(shape, max_length) * (double) max_length;
	double bytes = networks +
				   tokens * (sizeof(Asked) + sizeof(Said) + 2 * sizeof(uint32_t) + sizeof(size_t)) +
				   (double) n_events * (sizeof(uint32_t) + NETWORKS * sizeof(float)) + (double) windows;

	return bytes < (double) (SIZE_MAX / 2) ? (size_t) bytes : SIZE_MAX;
}

size_t
uiml_sequence_judged_events(const UimlSequences *sequences, const UimlSequenceClasses *classes, bool last)
{
	size_t events = 0;

	for (size_t s = 0; s < sequences->n; s++)
	{
		size_t n = uiml_sequence_predictable(sequences, classes, s);

		events += last && n > 0 ? 1 : n;
	}
	return events;
}

/* ---------- what a distribution says ---------- */

/* Of n probabilities, of which own is one: is it the first of the highest? */
static bool
is_highest(const float *p, size_t n, size_t own)
{
	for (size_t i = 0; i < own; i++)
	{
		if (p[i] >= p[own])
			return false;
	}
	for (size_t i = own + 1; i < n; i++)
	{
		if (p[i] > p[own])
			return false;
	}
	return true;
}

static size_t
not_below(const float *p, size_t n, float own)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += p[i] >= own;
	return count;
}

/* The rank of what came, among classes not seen before where these alone are ranked; 0 for none. */
static uint32_t
rank_of(const Judge *judge, const Asked *asked, float *p)
{
	float own = p[asked->target];
	size_t n = judge->states[0].weights->shape.classes;

	if (judge->judging->k == 0)
		return 0;
	for (size_t i = asked->begin; judge->judging->unseen && i <= asked->position; i++)
		p[judge->windows.class_no[i]] = -1;
	return p[asked->target] < 0 ? 0 : (uint32_t) not_below(p, n, own);
}

static void
blend_rows(double share, const float *other, size_t n, float *p)
{
	float own = (float) share;

	for (size_t i = 0; i < n; i++)
		p[i] = own * p[i] + (1 - own) * other[i];
}

static void
say(const Judge *judge, const Asked *asked, float *const *p, Said *said)
{
	size_t n = judge->states[0].weights->shape.classes;

	said->own[0] = p[0][asked->target];
	if (judge->n_networks > 1)
	{
		said->own[1] = p[1][asked->target];
		blend_rows(asked->share, p[1], n, p[0]);
	}
	said->blended = p[0][asked->target];
	said->hit = is_highest(p[0], n, asked->target);
	said->rank = rank_of(judge, asked, p[0]);
}

/* ---------- tasks ---------- */

/* Some steps of a piece's batch. */
static void
run_steps(void *arg, size_t number)
{
	Judge *judge = arg;
	Piece *piece = &judge->piece[number];
	size_t end = least(judge->step + judge->slice, piece->batch.steps);

	for (size_t step = judge->step; step < end; step++)
	{
		for (size_t i = 0; i < judge->n_networks; i++)
			uiml_states_step(&judge->states[i], &piece->batch, step, piece->at, &piece->states[i]);
		piece->at += piece->batch.rows[step];
	}
}

/* Logits of some rows become probabilities. */
static void
distribute(const Judge *judge, Piece *piece, size_t network, const Asked *asked, size_t m)
{
	const UimlKernels *kernels = uiml_kernels();
	const UimlStates *states = &judge->states[network];
	size_t H = states->weights->shape.hidden, C = states->weights->shape.classes;
	float *logits = piece->logits[network];

	for (size_t r = 0; r < m; r++)
		memcpy(piece->top[network] + r * H,
			   judge->piece[asked[r].piece].states[network].h + asked[r].token * H, H * sizeof(float));
	uiml_states_logits(states, piece->top[network], m, logits, judge->ld);
	for (size_t r = 0; r < m; r++)
	{
		float factor;

		kernels->softmax(logits + r * judge->ld, 1, C, judge->ld, 1, &factor);
		kernels->scale(logits + r * judge->ld, (double) factor, C, logits + r * judge->ld);
	}
}

static void
run_output(void *arg, size_t number)
{
	Judge *judge = arg;
	Piece *piece = &judge->piece[number];
	size_t from = least(judge->first + number * judge->rows, judge->n_asked);
	size_t m = least(judge->rows, judge->n_asked - from);

	if (m == 0)
		return;
	for (size_t i = 0; i < judge->n_networks; i++)
		distribute(judge, piece, i, judge->asked + from, m);
	for (size_t r = 0; r < m; r++)
	{
		float *p[NETWORKS] = {piece->logits[0] + r * judge->ld, NULL};

		if (judge->n_networks > 1)
			p[1] = piece->logits[1] + r * judge->ld;
		say(judge, &judge->asked[from + r], p, &judge->said[from + r]);
	}
}

/* ---------- groups ---------- */

/* Windows from on go into the pieces' batches; returns how many there were left. */
static size_t
fill_pieces(Judge *judge, size_t from)
{
	size_t taken = 0;

	judge->steps = 0;
	for (size_t i = 0; i < PIECES; i++)
	{
		Piece *piece = &judge->piece[i];
		size_t n = least(judge->windows.n - from - taken, judge->sequences);

		piece->at = 0;
		piece->batch = (UimlLstmBatch){.sequences = 0};
		if (n > 0)
			piece->batch =
				uiml_windows_batch(&judge->windows, from + taken, n, !judge->judging->mask, &piece->room);
		if (piece->batch.steps > judge->steps)
			judge->steps = piece->batch.steps;
		taken += n;
	}
	return taken;
}

/* What the group's windows ask for. */
static void
list_asked(Judge *judge, size_t from)
{
	judge->n_asked = 0;
	for (size_t i = 0; i < PIECES; i++)
	{
		const Piece *piece = &judge->piece[i];
		const UimlLstmBatch *batch = &piece->batch;

		for (size_t step = 0, at = 0; step < batch->steps; at += batch->rows[step++])
			for (size_t row = 0; row < batch->rows[step]; row++)
			{
				const UimlWindow *window = &judge->windows.window[judge->windows.order[from + row]];
				Asked asked = {.piece = (uint32_t) i,
							   .token = (uint32_t) (at + row),
							   .target = batch->target[at + row],
							   .position = piece->room.position[at + row],
							   .begin = window->begin};

				if (asked.target == UIML_LSTM_NO_TARGET)
					continue;
				asked.share = judge->share == NULL ? 1 : judge->share[window->sequence % 2];
				judge->asked[judge->n_asked++] = asked;
			}
		from += batch->sequences;
	}
}

static UimlStatus
run_group(Judge *judge)
{
	for (judge->step = 0; judge->step < judge->steps; judge->step += judge->slice)
	{
		if (uiml_interrupted(judge->env))
			return UIML_EINTERRUPTED;
		uiml_parallel(judge->env, PIECES, run_steps, judge);
	}
	return UIML_OK;
}

static UimlStatus
run_outputs(Judge *judge)
{
	for (judge->first = 0; judge->first < judge->n_asked; judge->first += PIECES * judge->rows)
	{
		if (uiml_interrupted(judge->env))
			return UIML_EINTERRUPTED;
		uiml_parallel(judge->env, PIECES, run_output, judge);
	}
	return UIML_OK;
}

static UimlStatus
add_said(const Judge *judge, float *probability, UimlSequenceJudgement *sum)
{
	for (size_t i = 0; i < judge->n_asked; i++)
	{
		const Said *said = &judge->said[i];
		bool top = said->rank > 0 && said->rank <= judge->judging->k;

		if (!isfinite(said->blended))
			return UIML_ENOTFINITE;
		/* What underflowed counts as the smallest float: a finite loss, if a large one. */
		sum->loss -= log((double) (said->blended > FLT_MIN ? said->blended : FLT_MIN));
		sum->accuracy += said->hit;
		sum->hr += top;
		sum->ndcg += top ? 1 / log2(1.0 + said->rank) : 0;
		sum->events++;
		sum->ranked += said->rank > 0;
		for (size_t j = 0; probability != NULL && j < judge->n_networks; j++)
			probability[judge->number[judge->asked[i].position] * judge->n_networks + j] = said->own[j];
	}
	return UIML_OK;
}

static UimlStatus
judge_windows(Judge *judge, float *probability, UimlSequenceJudgement *sum)
{
	UimlStatus status = uiml_windows_arrange(judge->env, &judge->windows, judge->sequences, NULL);

	for (size_t from = 0; status == UIML_OK && from < judge->windows.n;)
	{
		size_t taken = fill_pieces(judge, from);

		status = run_group(judge);
		if (status == UIML_OK)
		{
			list_asked(judge, from);
			status = run_outputs(judge);
		}
		if (status == UIML_OK)
			status = add_said(judge, probability, sum);
		from += taken;
	}
	return status;
}

/* ---------- room ---------- */

static UimlStatus
number_events(Judge *judge)
{
	uint32_t n = 0;

	judge->number = uiml_alloc(judge->env, judge->windows.n_positions, sizeof(uint32_t));
	if (judge->number == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < judge->windows.n_positions; i++)
	{
		judge->number[i] = n;
		n += judge->windows.target[i] != UIML_LSTM_NO_TARGET;
	}
	return UIML_OK;
}

static void
cut_memory(Judge *judge, size_t max_length)
{
	size_t tokens = judge->sequences * max_length;
	float *floats = judge->memory;

	for (size_t i = 0; i < PIECES; i++)
	{
		Piece *piece = &judge->piece[i];
		uint32_t *numbers = judge->batch_memory + i * (max_length + 2 * tokens);

		piece->room = (UimlBatchRoom){.rows = numbers,
									  .token = numbers + max_length,
									  .target = numbers + max_length + tokens,
									  .position = judge->position_memory + i * tokens};
		for (size_t j = 0; j < judge->n_networks; j++)
		{
			const UimlLstmShape *shape = &judge->states[j].weights->shape;

			piece->states[j] = uiml_states_cut(shape, judge->sequences, floats);
			floats += uiml_states_room(shape, judge->sequences, tokens);
			piece->logits[j] = floats;
			floats += judge->rows * judge->ld;
			piece->top[j] = floats;
			floats += judge->rows * shape->hidden;
		}
	}
}

/* Rooms are those of the larger network, but for its states. */
static UimlStatus
make_room(Judge *judge)
{
	size_t max_length = judge->judging->max_length;
	double products = 0;
	size_t floats = 0, tokens;

	judge->sequences = MOST_SEQUENCES;
	judge->rows = SIZE_MAX;
	for (size_t j = 0; j < judge->n_networks; j++)
	{
		const UimlLstmShape *shape = &judge->states[j].weights->shape;

		judge->sequences = least(judge->sequences, piece_sequences(shape, max_length));
		judge->rows = least(judge->rows, output_rows(shape));
		products += (double) (shape->embedding + shape->hidden) * 4 * (double) shape->hidden;
	}
	tokens = judge->sequences * max_length;
	judge->ld = uiml_affine_stride(judge->states[0].weights->shape.classes);
	for (size_t j = 0; j < judge->n_networks; j++)
		floats += uiml_states_room(&judge->states[j].weights->shape, judge->sequences, tokens) +
				  judge->rows * (judge->ld + judge->states[j].weights->shape.hidden);
	products *= (double) judge->sequences;
	judge->slice = products < PRODUCTS ? (size_t) (PRODUCTS / products) : 1;
	judge->asked = uiml_alloc(judge->env, PIECES * tokens, sizeof(Asked));
	judge->said = uiml_alloc(judge->env, PIECES * tokens, sizeof(Said));
	judge->batch_memory = uiml_alloc(judge->env, PIECES * (max_length + 2 * tokens), sizeof(uint32_t));
	judge->position_memory = uiml_alloc(judge->env, PIECES * tokens, sizeof(size_t));
	judge->memory = uiml_alloc(judge->env, PIECES * floats, sizeof(float));
	if (judge->asked == NULL || judge->said == NULL || judge->batch_memory == NULL ||
		judge->position_memory == NULL || judge->memory == NULL)
		return UIML_ENOMEM;
	cut_memory(judge, max_length);
	return UIML_OK;
}

static void
judge_free(Judge *judge)
{
	for (size_t i = 0; i < judge->n_networks; i++)
		uiml_states_free(judge->env, &judge->states[i]);
	uiml_windows_free(judge->env, &judge->windows);
	uiml_free(judge->env, judge->number);
	uiml_free(judge->env, judge->asked);
	uiml_free(judge->env, judge->said);
	uiml_free(judge->env, judge->batch_memory);
	uiml_free(judge->env, judge->position_memory);
	uiml_free(judge->env, judge->memory);
}

/* ---------- judging ---------- */

static bool
arguments_valid(const UimlLstmWeights *const *network, size_t n, const double *share,
				const UimlSequenceClasses *classes, const UimlSequenceJudging *judging)
{
	if (n < 1 || n > NETWORKS || (n > 1 && share == NULL) || judging->max_length < 1 ||
		judging->max_length > UINT32_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		if (!uiml_lstm_shape_valid(&network[i]->shape) || network[i]->shape.classes != classes->n ||
			network[i]->shape.tokens != classes->n + 1)
			return false;
	}
	return share == NULL || (share[0] >= 0 && share[0] <= 1 && share[1] >= 0 && share[1] <= 1);
}

static void
take_means(UimlSequenceJudgement *judgement)
{
	judgement->loss /= (double) judgement->events;
	judgement->accuracy /= (double) judgement->events;
	judgement->hr /= (double) judgement->ranked;
	judgement->ndcg /= (double) judgement->ranked;
}

UimlStatus
uiml_sequence_judge(const UimlEnv *env, const UimlLstmWeights *const *network, size_t n, const double *share,
					const UimlSequences *sequences, const UimlSequenceClasses *classes,
					const UimlSequenceJudging *judging, float *probability, UimlSequenceJudgement *judgement)
{
	UimlWindowCut cut = {
		.max_length = judging->max_length, .overlap = true, .last = judging->last, .most = judging->most};
	Judge judge = {.env = env, .judging = judging, .n_networks = n, .share = n > 1 ? share : NULL};
	UimlStatus status = UIML_OK;

	memset(judgement, 0, sizeof(*judgement));
	if (!arguments_valid(network, n, share, classes, judging))
		return UIML_EINVALID;
	for (size_t i = 0; status == UIML_OK && i < n; i++)
		status = uiml_states_pack(env, network[i], &judge.states[i]);
	if (status == UIML_OK)
		status = uiml_windows_cut(env, sequences, classes, &cut, &judge.windows);
	if (status == UIML_OK)
		status = make_room(&judge);
	if (status == UIML_OK && probability != NULL)
		status = number_events(&judge);
	if (status == UIML_OK)
		status = judge_windows(&judge, probability, judgement);
	take_means(judgement);
	judge_free(&judge);
	return status;
}
