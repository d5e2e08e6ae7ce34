/*
 * sequence_fit.c
 *	  Fits an LSTM to sequences: epochs of shuffled batches, early stopping, the best epoch's weights.
 *
 * Each epoch is one pass over the source.  Its chunks are cut into windows (sequence_windows.c), the windows shuffled
 * and put together to batches, and each batch is one step of the optimizer (lstm.h).  Then validation users are
 * judged over all classes (sequence_judge.c), whatever the training compared, so that epochs are chosen by what counts.
 *
 * Everything random follows from the seed, the number of the pass and that of the chunk.
 */
#include "core/sequence_fit.h"

#include <math.h>
#include <string.h>

#include "core/sequence_windows.h"

#define NEGATIVES 2048

#define MANY_DROPOUT .3 /* where classes are many, events of each are few, and soon known by heart */

/* Logits that judging users once may take: a second or two.  What is judged of each user is thinned out to that. */
#define JUDGED_LOGITS 3e8

#define SEED_STEP UINT64_C(0x9e3779b97f4a7c15)

typedef struct Fit
{
	const UimlEnv *env;
	const UimlSequenceFitParams *params;
	const UimlSequenceFitData *data;
	const UimlSequenceMonitor *monitor;
	UimlSequenceFit *result;
	UimlLstmWeights weights; /* in training; the result's are those of the best epoch */
	UimlLstmTrainer *trainer;
	double *share; /* classes: chance to be drawn */
	UimlWindows windows;
	uint32_t *memory; /* of room */
	UimlBatchRoom room;
	double best;    /* lowest validation loss */
	size_t since;   /* epochs since */
	double done;    /* positions of all epochs, and */
	double total;   /* how many they will be */
	double started; /* the first epoch */
} Fit;

/* ---------- parameters ---------- */

UimlSequenceFitParams
uiml_sequence_fit_defaults(size_t n_classes, bool item)
{
	bool many = n_classes > uiml_sequence_full_classes(item);
	size_t negatives = n_classes / 3 < NEGATIVES ? n_classes / 3 : NEGATIVES;

	return (UimlSequenceFitParams){.embedding = item || many ? 64 : 32,
								   .hidden = 64,
								   .tied = many,
								   .epochs = 10,
								   .batch = 32,
								   .max_length = 50,
								   .patience = 2,
								   .mask = true,
								   .optimizer = many ? UIML_LSTM_ADAGRAD : UIML_LSTM_ADAM,
								   .learning_rate =
									   many ? UIML_SEQUENCE_ADAGRAD_RATE : UIML_SEQUENCE_ADAM_RATE,
								   .dropout = many ? MANY_DROPOUT : 0,
								   .negatives = many ? negatives : 0};
}

UimlLstmShape
uiml_sequence_fit_shape(const UimlSequenceFitParams *params, size_t n_classes)
{
	return (UimlLstmShape){.tokens = n_classes + 1,
						   .embedding = params->embedding,
						   .hidden = params->hidden,
						   .classes = n_classes,
						   .tied = params->tied};
}

static UimlWindowCut
training_cut(const UimlSequenceFitParams *params)
{
	return (UimlWindowCut){.max_length = params->max_length, .last = params->last};
}

static UimlLstmOptions
trainer_options(const UimlSequenceFitParams *params, const double *share)
{
	UimlLstmOptions options = {.optimizer = params->optimizer,
							   .learning_rate = params->learning_rate,
							   .clip_norm = params->clip_norm,
							   .dropout = params->dropout,
							   .seed = params->seed,
							   .negatives = params->negatives,
							   .share = share,
							   .max_sequences = params->batch,
							   .max_steps = params->max_length,
							   .max_tokens = params->batch * params->max_length};

	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
		options.frozen |= params->frozen[i] ? 1U << i : 0;
	return options;
}

static bool
same_shape(const UimlLstmShape *a, const UimlLstmShape *b)
{
	return a->tokens == b->tokens && a->embedding == b->embedding && a->hidden == b->hidden &&
		   a->classes == b->classes && a->tied == b->tied;
}

/* What the trainer does not check. */
static bool
params_valid(const UimlSequenceFitParams *params, const UimlSequenceFitData *data)
{
	UimlLstmShape shape = uiml_sequence_fit_shape(params, data->classes->n);

	return params->epochs >= 1 && params->epochs <= UIML_SEQUENCE_MAX_EPOCHS && params->batch >= 1 &&
		   params->batch <= UIML_SEQUENCE_MAX_BATCH && params->max_length >= 1 &&
		   params->max_length <= UIML_SEQUENCE_MAX_LENGTH && data->classes->n >= 1 &&
		   data->classes->n < UINT32_MAX - 1 && uiml_lstm_shape_valid(&shape) &&
		   (data->initial == NULL || same_shape(&data->initial->shape, &shape)) &&
		   (data->beside == NULL || data->beside->shape.classes == shape.classes);
}

/* ---------- memory ---------- */

static size_t
room_numbers(const UimlSequenceFitParams *params)
{
	return params->max_length * (1 + 2 * params->batch);
}

size_t
uiml_sequence_fit_memory(const UimlSequenceFitParams *params, size_t n_classes, size_t chunk_sequences,
						 size_t chunk_events, size_t judged_sequences, size_t judged_events)
{
	UimlLstmShape shape = uiml_sequence_fit_shape(params, n_classes);
	double share = 1;
	UimlLstmOptions options = trainer_options(params, &share);
	UimlWindowCut cut = training_cut(params);
	size_t trainer = uiml_lstm_trainer_bytes(&shape, &options);
	double bytes = 2 * (double) uiml_lstm_size(&shape) * sizeof(float) + (double) trainer +
				   (double) n_classes * sizeof(double) + (double) room_numbers(params) * sizeof(uint32_t) +
				   (double) uiml_windows_memory(chunk_sequences, chunk_events, &cut) +
				   (double) params->epochs * sizeof(UimlSequenceEpoch);

	if (judged_sequences > 0)
		bytes +=
			(double) uiml_sequence_judge_memory(&shape, params->max_length, judged_sequences, judged_events);
	return trainer > 0 && bytes < (double) (SIZE_MAX / 2) ? (size_t) bytes : SIZE_MAX;
}

static UimlStatus
alloc_weights(const UimlEnv *env, const UimlLstmShape *shape, UimlLstmWeights *weights)
{
	float *run = uiml_alloc(env, uiml_lstm_size(shape), sizeof(float));

	if (run == NULL)
		return UIML_ENOMEM;
	uiml_lstm_view(weights, shape, run);
	return UIML_OK;
}

/* The first tensor is where the run begins. */
static void
free_weights(const UimlEnv *env, UimlLstmWeights *weights)
{
	uiml_free(env, weights->tensor[UIML_LSTM_EMBEDDING]);
	memset(weights, 0, sizeof(*weights));
}

static void
copy_weights(const UimlLstmWeights *from, UimlLstmWeights *to)
{
	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
	{
		if (to->tensor[i] != NULL)
			memcpy(to->tensor[i], from->tensor[i],
				   uiml_lstm_tensor_size(&to->shape, (UimlLstmTensor) i) * sizeof(float));
	}
}

void
uiml_sequence_fit_free(const UimlEnv *env, UimlSequenceFit *fit)
{
	free_weights(env, &fit->weights);
	uiml_free(env, fit->history);
	memset(fit, 0, sizeof(*fit));
}

static void
fit_end(Fit *fit)
{
	uiml_lstm_trainer_destroy(fit->trainer);
	free_weights(fit->env, &fit->weights);
	uiml_windows_free(fit->env, &fit->windows);
	uiml_free(fit->env, fit->share);
	uiml_free(fit->env, fit->memory);
}

/* ---------- what there is to fit to ---------- */

/* A chunk of the current pass, cut; more becomes false behind the last. */
static UimlStatus
next_windows(Fit *fit, UimlSequences *chunk, bool *more)
{
	UimlWindowCut cut = training_cut(fit->params);
	UimlStatus status = fit->data->fit->next(fit->data->fit->ctx, chunk);

	*more = status == UIML_OK && chunk->n > 0;
	return *more ? uiml_windows_cut(fit->env, chunk, fit->data->classes, &cut, &fit->windows) : status;
}

/* One pass that counts: classes for the draws, positions for the progress. */
static UimlStatus
survey(Fit *fit)
{
	const UimlSequenceClasses *classes = fit->data->classes;
	UimlStatus status = fit->data->fit->rewind(fit->data->fit->ctx, 0);
	UimlSequences chunk;
	bool more = true;

	while (status == UIML_OK && more)
	{
		status = next_windows(fit, &chunk, &more);
		if (status != UIML_OK || !more)
			break;
		for (size_t i = 0; i < fit->windows.n_positions; i++)
			fit->share[fit->windows.class_no[i]]++;
		for (size_t i = 0; i < fit->windows.n; i++)
			fit->total += fit->windows.window[i].length;
		fit->result->events += fit->windows.n_positions;
		fit->result->targets += fit->windows.n_targets;
	}
	/* Nobody did what has the 1 alone: it must be drawn, or nothing would tell that it is unlikely. */
	for (size_t i = 0; i < classes->n; i++)
		fit->share[i] = sqrt(fit->share[i] + 1);
	fit->total *= (double) fit->params->epochs;
	return status == UIML_OK && fit->result->targets == 0 ? UIML_EEMPTY : status;
}

static UimlStatus
first_weights(Fit *fit)
{
	UimlRng rng;

	if (fit->data->initial != NULL)
	{
		copy_weights(fit->data->initial, &fit->weights);
		return UIML_OK;
	}
	uiml_rng_init(&rng, fit->params->seed);
	return uiml_lstm_init(fit->env, &rng, &fit->weights);
}

static UimlStatus
fit_begin(Fit *fit)
{
	const UimlSequenceFitParams *params = fit->params;
	size_t classes = fit->data->classes->n;
	UimlLstmShape shape = uiml_sequence_fit_shape(params, classes);
	UimlLstmOptions options;
	UimlStatus status = alloc_weights(fit->env, &shape, &fit->result->weights);

	if (status == UIML_OK)
		status = alloc_weights(fit->env, &shape, &fit->weights);
	fit->result->history = uiml_alloc(fit->env, params->epochs, sizeof(UimlSequenceEpoch));
	fit->share = uiml_alloc0(fit->env, classes, sizeof(double));
	fit->memory = uiml_alloc(fit->env, room_numbers(params), sizeof(uint32_t));
	if (status != UIML_OK || fit->result->history == NULL || fit->share == NULL || fit->memory == NULL)
		return UIML_ENOMEM;
	fit->room = (UimlBatchRoom){.rows = fit->memory,
								.token = fit->memory + params->max_length,
								.target = fit->memory + params->max_length * (1 + params->batch)};
	status = first_weights(fit);
	if (status == UIML_OK)
		status = survey(fit);
	if (status != UIML_OK)
		return status;
	options = trainer_options(params, fit->share);
	return uiml_lstm_trainer_create(fit->env, &fit->weights, &options, &fit->trainer);
}

/* ---------- judging ---------- */

static UimlSequenceJudging
judging_of(const Fit *fit, const UimlSequences *users)
{
	UimlSequenceJudging judging = fit->data->judging;

	if (judging.max_length == 0)
	{
		double most = JUDGED_LOGITS / (double) fit->data->classes->n / (double) (users->n + 1);

		judging = (UimlSequenceJudging){.max_length = fit->params->max_length, .mask = fit->params->mask};
		if (most < UINT32_MAX)
			judging.most = most > 1 ? (size_t) most : 1;
	}
	return judging;
}

static const UimlSequenceJudgement nothing = {.loss = NAN, .accuracy = NAN, .hr = NAN, .ndcg = NAN};

static UimlStatus
judge_users(const Fit *fit, const UimlSequences *users, UimlSequenceJudgement *judgement)
{
	const UimlLstmWeights *network = &fit->weights;
	UimlSequenceJudging judging;

	*judgement = nothing;
	if (users == NULL)
		return UIML_OK;
	judging = judging_of(fit, users);
	return uiml_sequence_judge(fit->env, &network, 1, NULL, users, fit->data->classes, &judging, NULL,
							   judgement);
}

static UimlStatus
judge_blend(const Fit *fit, UimlSequenceEpoch *epoch)
{
	const UimlLstmWeights *network[2] = {&fit->weights, fit->data->beside};
	UimlSequenceJudging judging;
	double share[2];
	UimlStatus status;

	epoch->blend = nothing;
	epoch->blend_share = NAN;
	if (fit->data->beside == NULL || fit->data->test == NULL)
		return UIML_OK;
	judging = judging_of(fit, fit->data->test);
	status = uiml_sequence_judge_blend(fit->env, network, fit->data->test, fit->data->classes, &judging,
									   share, &epoch->blend);
	epoch->blend_share = (share[0] + share[1]) / 2;
	return status;
}

static UimlStatus
judge_epoch(const Fit *fit, UimlSequenceEpoch *epoch)
{
	UimlStatus status = judge_users(fit, fit->data->validation, &epoch->validation);

	if (status == UIML_OK)
		status = judge_users(fit, fit->data->test, &epoch->test);
	return status == UIML_OK ? judge_blend(fit, epoch) : status;
}

/* ---------- epochs ---------- */

static double
now(const Fit *fit)
{
	return fit->monitor != NULL && fit->monitor->now != NULL ? fit->monitor->now(fit->monitor->ctx) : NAN;
}

/* The batches of a chunk's windows. */
static UimlStatus
step_windows(Fit *fit, UimlLstmLoss *loss)
{
	const UimlSequenceFitParams *params = fit->params;

	for (size_t from = 0; from < fit->windows.n; from += params->batch)
	{
		size_t n = fit->windows.n - from < params->batch ? fit->windows.n - from : params->batch;
		UimlLstmBatch batch = uiml_windows_batch(&fit->windows, from, n, !params->mask, &fit->room);
		UimlStatus status;

		if (uiml_interrupted(fit->env))
			return UIML_EINTERRUPTED;
		status = uiml_lstm_step(fit->trainer, &batch, loss);
		if (status != UIML_OK)
			return status;
		for (size_t i = from; i < from + n; i++)
			fit->done += fit->windows.window[fit->windows.order[i]].length;
		uiml_progress(fit->env, "fitting", fit->done, fit->total);
	}
	return UIML_OK;
}

static UimlStatus
run_pass(Fit *fit, size_t number, UimlLstmLoss *loss)
{
	UimlStatus status = fit->data->fit->rewind(fit->data->fit->ctx, number);
	bool more = true;

	for (size_t i = 0; status == UIML_OK && more; i++)
	{
		UimlSequences chunk;
		UimlRng rng;

		uiml_rng_init(&rng, fit->params->seed + SEED_STEP * (number + ((uint64_t) i << 32)));
		status = next_windows(fit, &chunk, &more);
		if (status == UIML_OK && more)
			status = uiml_windows_arrange(fit->env, &fit->windows, fit->params->batch, &rng);
		if (status == UIML_OK && more)
			status = step_windows(fit, loss);
	}
	return status;
}

/* Whether an epoch of this loss on validation users is to be kept. */
static bool
improves(Fit *fit, double loss)
{
	if (isnan(loss))
		return true;
	fit->since++;
	if (loss >= fit->best)
		return false;
	fit->best = loss;
	fit->since = 0;
	return true;
}

/* The weights are kept, and no earlier epoch's any more. */
static void
keep(Fit *fit, size_t number)
{
	for (size_t i = 0; i < fit->result->epochs; i++)
		fit->result->history[i].kept = i + 1 == number;
	fit->result->kept = number;
	copy_weights(&fit->weights, &fit->result->weights);
}

static void
tell(const Fit *fit, const UimlSequenceEpoch *epoch)
{
	if (fit->monitor != NULL && fit->monitor->epoch != NULL)
		fit->monitor->epoch(fit->monitor->ctx, epoch, fit->params->epochs);
}

static UimlStatus
run_epoch(Fit *fit, size_t number)
{
	UimlSequenceEpoch *epoch = &fit->result->history[number - 1];
	UimlLstmLoss loss = {0};
	double before = now(fit), positions = fit->done, seconds;
	UimlStatus status = run_pass(fit, number, &loss);

	if (status != UIML_OK)
		return status;
	seconds = now(fit) - before;
	memset(epoch, 0, sizeof(*epoch));
	epoch->epoch = number;
	epoch->loss = loss.entropy / (double) loss.n;
	epoch->accuracy = (double) loss.hits / (double) loss.n;
	epoch->events_per_second = seconds > 0 ? (fit->done - positions) / seconds : NAN;
	status = judge_epoch(fit, epoch);
	if (status != UIML_OK)
		return status;
	epoch->seconds_left =
		(now(fit) - fit->started) / (double) number * (double) (fit->params->epochs - number);
	fit->result->epochs = number;
	if (improves(fit, epoch->validation.loss))
		keep(fit, number);
	tell(fit, epoch);
	return UIML_OK;
}

/* Carried weights may be better than anything that follows. */
static UimlStatus
judge_initial(Fit *fit)
{
	UimlSequenceJudgement judgement;
	UimlStatus status = judge_users(fit, fit->data->validation, &judgement);

	if (status != UIML_OK || isnan(judgement.loss))
		return status;
	fit->best = judgement.loss;
	keep(fit, 0);
	return UIML_OK;
}

static UimlStatus
run_epochs(Fit *fit)
{
	const UimlSequenceFitParams *params = fit->params;
	UimlStatus status = fit->data->initial != NULL ? judge_initial(fit) : UIML_OK;

	fit->started = now(fit);
	for (size_t number = 1; status == UIML_OK && number <= params->epochs; number++)
	{
		status = run_epoch(fit, number);
		if (params->patience > 0 && fit->since >= params->patience)
			break;
	}
	return status;
}

UimlStatus
uiml_sequence_fit(const UimlEnv *env, const UimlSequenceFitParams *params, const UimlSequenceFitData *data,
				  const UimlSequenceMonitor *monitor, UimlSequenceFit *result)
{
	Fit fit = {
		.env = env, .params = params, .data = data, .monitor = monitor, .result = result, .best = INFINITY};
	UimlStatus status;

	memset(result, 0, sizeof(*result));
	if (!params_valid(params, data))
		return UIML_EINVALID;
	status = fit_begin(&fit);
	if (status == UIML_OK)
		status = run_epochs(&fit);
	fit_end(&fit);
	return status;
}
