/*
 * train_sequence_network.c
 *	  The networks of a training: one, or those that tell what migrating from another domain is worth.
 *
 * With from_domain networks are fitted from scratch and from the other domain's weights, to few users and to all: what
 * the weights are worth depends on how little there is to learn from.  The generalization network is of the same
 * architecture, fitted to users who tune and judged on users it never saw, alone and beside the migrated one.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "pg/threads.h"
#include "pg/train_sequence_run.h"

/* Milliseconds that an epoch may take before its progress is told: its own line comes soon enough. */
#define LONG_EPOCH 10000.0

/* Milliseconds between two lines about networks of some users, of which there are many with many short epochs. */
#define BRIEF 1000.0

/* Of how many users of the target a migration is tried where nothing is said, beside all. */
static const int32 usual_curve[] = {50, 200, 1000};

/* What ranks are judged at. */
#define RANK 10

/* Events of a user that are judged at most, and of all users, times the classes that each is told from. */
#define MOST_EVENTS 50
#define MOST_SCORES 2e9

double
uiml_sequence_network_memory(const SequenceTraining *training, size_t sequences, size_t events)
{
	const UimlSequenceSettings *settings = &training->settings;
	double share = Max(settings->validation, settings->test);
	const UimlUserSequences *users = training->users;
	UimlLstmShape shape = uiml_sequence_fit_shape(&training->params, training->classes.n);
	double n = users != NULL ? (double) Max(users->of[UIML_TUNE].n, users->of[UIML_JUDGE].n)
							 : Min(share * (double) sequences, UIML_SEQUENCE_MAX_HELD_OUT);
	double n_events = users != NULL
						  ? (double) Max(users->of[UIML_TUNE].n_events, users->of[UIML_JUDGE].n_events)
						  : n * (double) events / Max((double) sequences, 1);

	return (double) uiml_sequence_fit_memory(&training->params, training->classes.n, sequences, events,
											 (size_t) n, (size_t) n_events) +
		   2 * (double) uiml_lstm_size(&shape) * sizeof(float);
}

/* --- what is told of an epoch --------------------------------------------------------------------------- */

/* "183,000": three digits that count. */
static char *
rounded(double value)
{
	double unit = pow(10, Max(floor(log10(Max(value, 1))) - 2, 0));
	char *digits = psprintf("%.0f", rint(value / unit) * unit);
	size_t length = strlen(digits);
	StringInfoData text;

	initStringInfo(&text);
	for (size_t i = 0; i < length; i++)
	{
		if (i > 0 && (length - i) % 3 == 0)
			appendStringInfoChar(&text, ',');
		appendStringInfoChar(&text, digits[i]);
	}
	return text.data;
}

/* "epoch 3 of 10: loss 2.3456, accuracy 0.1234; validation loss 2.4012, accuracy 0.1190; 183,000 events/s, 12 s left" */
static char *
epoch_text(const UimlSequenceEpoch *epoch, size_t epochs)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "epoch %zu of %zu: loss %.4f, accuracy %.4f", epoch->epoch, epochs, epoch->loss,
					 epoch->accuracy);
	if (!isnan(epoch->validation.loss))
		appendStringInfo(&text, "; validation loss %.4f, accuracy %.4f", epoch->validation.loss,
						 epoch->validation.accuracy);
	if (!isnan(epoch->events_per_second))
		appendStringInfo(&text, "; %s events/s", rounded(epoch->events_per_second));
	if (!isnan(epoch->seconds_left) && epoch->epoch < epochs)
		appendStringInfo(&text, ", %.0f s left", ceil(epoch->seconds_left));
	return text.data;
}

/* Who wants no notices wants no progress; the core has work in hand and asks for interrupts itself. */
static void
tell_epoch(void *ctx, const UimlSequenceEpoch *epoch, size_t epochs)
{
	SequenceTraining *training = ctx;
	const UimlSequenceNetwork *network = training->current;
	char *text;

	if (!uiml_phases_told(&training->phases, training->brief ? BRIEF : 0) || client_min_messages > NOTICE)
		return;
	text = epoch_text(epoch, epochs);
	HOLD_INTERRUPTS();
	if (training->settings.from_domain != NULL)
		ereport(INFO, (errmsg("%s: %s", network->title, text)));
	else if (training->again)
		ereport(INFO, (errmsg("sequence model of domain \"%s\", target \"%s\": %s", training->domain->name,
							  uiml_sequence_target_name(training->settings.target), text)));
	else
		ereport(INFO, (errmsg("%s", text)));
	RESUME_INTERRUPTS();
	pfree(text);
}

static double
seconds_now(void *ctx)
{
	instr_time now;

	(void) ctx;
	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* --- one network ---------------------------------------------------------------------------------------- */

static UimlSequenceJudging
judging(const SequenceTraining *training)
{
	bool item = training->settings.target == UIML_NEXT_ITEM;
	const size_t *n_users = training->users->n_users;
	double scores = (double) Max(n_users[UIML_TUNE], n_users[UIML_JUDGE]) * (double) training->classes.n;

	return (UimlSequenceJudging){.max_length = training->params.max_length,
								 .mask = training->params.mask,
								 .most = (size_t) Max(Min(MOST_SCORES / scores, MOST_EVENTS), 1),
								 .k = item ? RANK : 0,
								 .unseen = item};
}

static void
judge(const SequenceTraining *training, const UimlLstmWeights *weights, const UimlSequences *sequences,
	  UimlSequenceJudgement *judgement)
{
	UimlSequenceJudging how = judging(training);

	uiml_sequence_check(training,
						uiml_sequence_judge(&training->env, &weights, 1, NULL, sequences, &training->classes,
											&how, NULL, judgement),
						"judging");
}

static size_t
network_users(const UimlSequences *sequences)
{
	size_t n = 0;

	for (size_t s = 0; s < sequences->n; s++)
		n += sequences->start[s + 1] - sequences->start[s] >= 2;
	return n;
}

/* Fits a network of so many users; fit is the caller's to free.  Frozen layers are those of weights that it starts from. */
static UimlSequenceNetwork *
fit_network(SequenceTraining *training, const char *name, size_t n_users, const UimlSequenceFitData *data,
			bool freeze, UimlSequenceFit *fit)
{
	UimlSequenceNetwork *network = &training->network[training->n_networks++];
	UimlSequenceMonitor monitor = {.epoch = tell_epoch, .now = seconds_now, .ctx = training};
	UimlSequenceFitParams params = training->params;
	MemoryContext threads = AllocSetContextCreate(training->context, "uiml threads", ALLOCSET_SMALL_SIZES);

	network->name = name;
	network->title = psprintf("%s, %zu users", name, n_users);
	network->users = n_users;
	training->current = network;
	if (!freeze)
		memset(params.frozen, 0, sizeof(params.frozen));
	uiml_phases_enter(&training->phases, "fitting");
	uiml_phases_pause(&training->phases, LONG_EPOCH);
	uiml_threads_keep(threads); /* a batch is some jobs of a tenth of a millisecond */
	uiml_sequence_check(training, uiml_sequence_fit(&training->env, &params, data, &monitor, fit), "network");
	network->epochs = fit->epochs;
	network->history = MemoryContextAlloc(training->context, Max(fit->epochs, 1) * sizeof(UimlSequenceEpoch));
	memcpy(network->history, fit->history, fit->epochs * sizeof(UimlSequenceEpoch));
	/* One that is alone is judged among the experts. */
	if (training->settings.from_domain != NULL)
	{
		uiml_phases_enter(&training->phases, "judging");
		judge(training, &fit->weights, &training->users->of[UIML_TUNE], &network->validation);
		judge(training, &fit->weights, &training->users->of[UIML_JUDGE], &network->test);
	}
	MemoryContextDelete(threads);
	return network;
}

static UimlSequenceFitData
data_of(const SequenceTraining *training, const UimlSequenceSource *source)
{
	return (UimlSequenceFitData){.fit = source,
								 .classes = &training->classes,
								 .validation = &training->users->of[UIML_TUNE],
								 .judging = judging(training)};
}

/* --- one of the domain's own ---------------------------------------------------------------------------- */

static void
fit_alone(SequenceTraining *training)
{
	UimlSequenceFitData data = data_of(training, &training->users->source_of_fit);
	bool warm = training->initial.shape.classes > 0;
	UimlSequenceNetwork *network;

	if (warm)
		data.initial = &training->initial;
	network = fit_network(training, "lstm", training->users->n_users[UIML_FIT], &data, warm, &training->fit);
	network->title = network->name;
	network->used = true;
}

/* --- migration ------------------------------------------------------------------------------------------ */

/* How a network of a migration begins. */
typedef struct Variant
{
	const char *name;
	const UimlLstmWeights *initial;
	bool freeze;
} Variant;

/* Keeps the fit where it is the best so far on users who tune. */
static void
offer(SequenceTraining *training, UimlSequenceNetwork *network, UimlSequenceFit *fit)
{
	UimlSequenceNetwork *best = NULL;

	for (size_t i = 0; i < training->n_networks; i++)
		if (training->network[i].used)
			best = &training->network[i];
	if (best != NULL && !(network->validation.loss < best->validation.loss))
	{
		uiml_sequence_fit_free(&training->env, fit);
		return;
	}
	if (best != NULL)
		best->used = false;
	uiml_sequence_fit_free(&training->env, &training->fit);
	training->fit = *fit;
	network->used = true;
}

/* All variants on the same users; those of all users are candidates for the model. */
static void
fit_variants(SequenceTraining *training, const UimlSequenceSource *source, size_t n_users,
			 const Variant *variant, size_t n, bool all)
{
	for (size_t v = 0; v < n; v++)
	{
		UimlSequenceFitData data = data_of(training, source);
		UimlSequenceNetwork *network;
		UimlSequenceFit fit;

		data.test = &training->users->of[UIML_JUDGE];
		data.initial = variant[v].initial;
		network = fit_network(training, variant[v].name, n_users, &data, variant[v].freeze, &fit);
		if (all)
			offer(training, network, &fit);
		else
			uiml_sequence_fit_free(&training->env, &fit);
	}
}

static void
fit_few(SequenceTraining *training, size_t n_users, const Variant *variant, size_t n)
{
	MemoryContext context =
		AllocSetContextCreate(training->context, "uiml sequences of some users", ALLOCSET_DEFAULT_SIZES);
	UimlSequences sequences;
	UimlSequenceMemory memory = {.sequences = &sequences};
	UimlSequenceSource source;

	uiml_user_sequences_first(training->users, n_users, context, &sequences);
	source = uiml_sequence_memory_source(&memory);
	training->brief = true;
	fit_variants(training, &source, n_users, variant, n, false);
	training->brief = false;
	MemoryContextDelete(context);
}

/*
 * Fitted to users who tune; users who fit, whom it never saw, say when to stop.  Of both networks together they say nothing:
 * the migrated one was fitted to them.
 */
static void
fit_generalization(SequenceTraining *training)
{
	const UimlUserSequences *users = training->users;
	UimlSequenceMemory memory = {.sequences = &users->of[UIML_TUNE]};
	UimlSequenceSource source = uiml_sequence_memory_source(&memory);
	UimlSequenceFitData data = data_of(training, &source);
	const UimlLstmWeights *both[2];
	UimlSequenceJudging how = judging(training);
	UimlSequenceNetwork *network;
	UimlSequenceNetwork *blend;
	UimlSequences others;
	UimlSequenceFit fit;
	double share[2];

	uiml_user_sequences_first(users, users->n_users[UIML_TUNE], training->context, &others);
	data.validation = &others;
	data.test = &users->of[UIML_JUDGE];
	data.beside = &training->fit.weights;
	network =
		fit_network(training, "generalization", network_users(&users->of[UIML_TUNE]), &data, false, &fit);
	judge(training, &fit.weights, &others, &network->validation);
	blend = &training->network[training->n_networks++];
	*blend = *network;
	blend->blend = true;
	blend->name = blend->title = "generalization with migrated";
	blend->validation = (UimlSequenceJudgement){.loss = NAN, .accuracy = NAN, .hr = NAN, .ndcg = NAN};
	both[0] = &fit.weights;
	both[1] = &training->fit.weights;
	uiml_sequence_check(training,
						uiml_sequence_judge_blend(&training->env, both, data.test, &training->classes, &how,
												  share, &blend->test),
						"judging");
	uiml_sequence_fit_free(&training->env, &fit);
}

static void
fit_migration(SequenceTraining *training)
{
	const UimlSequenceSettings *settings = &training->settings;
	const int32 *curve = settings->n_curve < 0 ? usual_curve : settings->curve;
	int n_curve = settings->n_curve < 0 ? (int) lengthof(usual_curve) : settings->n_curve;
	size_t all = training->users->n_users[UIML_FIT];
	char *frozen = uiml_sequence_frozen_name(settings);
	Variant variant[] = {
		{"lstm from scratch", NULL, false},
		{"lstm migrated", &training->initial, false},
		{psprintf("lstm migrated, frozen %s", frozen != NULL ? frozen : ""), &training->initial, true}};
	size_t n = frozen != NULL ? 3 : 2;

	for (int i = 0; i < n_curve; i++)
		if ((size_t) curve[i] < all && (i == 0 || curve[i] > curve[i - 1]))
			fit_few(training, (size_t) curve[i], variant, n);
	fit_variants(training, &training->users->source_of_fit, all, variant, n, true);
	fit_generalization(training);
}

void
uiml_sequence_networks(SequenceTraining *training)
{
	if (training->settings.from_domain != NULL)
		fit_migration(training);
	else
		fit_alone(training);
	uiml_free(&training->env, training->initial.tensor[UIML_LSTM_EMBEDDING]);
	training->initial = (UimlLstmWeights){0};
}
