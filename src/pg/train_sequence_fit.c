/*
 * train_sequence_fit.c
 *	  The course of a sequence model's training: what is read, fitted, chosen, judged and refitted.
 *
 * Whatever is compared is fitted on the users who fit.  Those who tune choose: the epoch of a network, temperatures,
 * mixture, blend.  Those who judge tell how good it is.  Item vectors and priors that predictions without the model rest
 * on have seen everybody, so that they are fitted anew without held-out users, or their blend would trust them too
 * much.  In the end rules and ridge, which take seconds, are fitted to everybody, in the version's own space.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/itemcache.h"
#include "pg/sourcecheck.h"
#include "pg/train_sequence_run.h"
#include "pg/trainargs.h"

void
uiml_sequence_check(const SequenceTraining *training, UimlStatus status, const char *what)
{
	const UimlSource *source = training->users != NULL ? training->users->source : NULL;

	if (status == UIML_ENOMEM && training->budget.refused)
		uiml_budget_exceeded(&training->budget,
							 source != NULL ? psprintf("%zu events of %zu users and %zu classes",
													   source->n_events, source->users.n, training->classes.n)
											: psprintf("%zu classes", training->classes.n),
							 1.5 * (double) training->budget.peak);
	uiml_check(status, what);
}

/* --- memory --------------------------------------------------------------------------------------------- */

static bool
is_item(const SequenceTraining *training)
{
	return training->settings.target == UIML_NEXT_ITEM;
}

static UimlNextParams
next_params(const SequenceTraining *training)
{
	UimlNextExpert model = training->settings.model;
	bool all = model == UIML_N_EXPERTS;

	return (UimlNextParams){.target = training->settings.target,
							.n_classes = training->classes.n,
							.max_length = (size_t) training->settings.max_length,
							.rules = all || model == UIML_EXPERT_RULES,
							.ridge = all || model == UIML_EXPERT_RIDGE,
							.ease = all};
}

static bool
wants_network(const SequenceTraining *training)
{
	return training->settings.model == UIML_N_EXPERTS || training->settings.model == UIML_EXPERT_LSTM;
}

/* Whether anything that is compared goes by items' vectors, and these by who did what. */
static bool
wants_space(const SequenceTraining *training)
{
	return (is_item(training) || next_params(training).ridge) &&
		   uiml_source_features(training->domain) != UIML_FEATURES_TEXT;
}

static UimlNextSpace
own_space(const SequenceTraining *training)
{
	const UimlItemFile *file = training->file;

	return (UimlNextSpace){.n_items = file->n_items,
						   .dims = file->dims,
						   .in = file->in,
						   .out = file->out,
						   .interest = file->interest};
}

/* What is fitted while the sequences are there. */
static double
fit_needs(void *ctx, size_t sequences, size_t events)
{
	const SequenceTraining *training = ctx;
	const UimlItemFile *file = training->file;
	UimlNextParams params = next_params(training);
	UimlNextSpace space = own_space(training);
	double experts = (double) uiml_next_memory(&params, &space, events);
	double network = wants_network(training) ? uiml_sequence_network_memory(training, sequences, events) : 0;
	double vectors =
		wants_space(training) ? (double) file->n_items * (2 * (double) file->dims + 1) * sizeof(float) : 0;

	return vectors + experts + network;
}

/* Beside events: the sums of rows, then the space, then what is fitted. */
static double
source_needs(void *ctx, const UimlSource *source)
{
	const SequenceTraining *training = ctx;
	size_t multi_users;
	size_t pairs = uiml_source_pairs(source, &multi_users);
	double sums = source->work != NULL ? 0 : uiml_interactions_memory(source->users.n, pairs);
	double events = source->work != NULL ? 0 : (double) source->n_events * sizeof(UimlEvent);
	double space = 0;

	if (wants_space(training))
	{
		UimlModelParams params = uiml_model_defaults();

		params.dims = (size_t) training->serving->dims;
		space =
			(double) uiml_model_memory(source->users.n, source->items.n + source->texts.n, pairs, &params);
	}
	return Max(sums, Max(space, fit_needs(ctx, source->users.n, source->n_events)) - events);
}

/* --- what held-out users have no part in ---------------------------------------------------------------- */

static void
open_rows(SequenceTraining *training)
{
	UimlSource *source = training->users->source;
	double half_life = training->serving->half_life;

	if (source->work != NULL)
	{
		training->passes = (UimlPasses){.work = source->work,
										.budget = &training->budget,
										.n_items = source->items.n,
										.n_texts = source->texts.n,
										.window = {-INFINITY, INFINITY, source->until, half_life}};
		training->rows = uiml_passes_rows(&training->passes);
		return;
	}
	uiml_sequence_check(training,
						uiml_interactions_build(&training->env, source->events, source->n_events,
												source->users.n, source->items.n, source->texts.n, -INFINITY,
												INFINITY, source->until, half_life, &training->interactions),
						"interactions");
	training->rows = uiml_rows_in_memory(&training->interactions);
}

static void
close_rows(SequenceTraining *training)
{
	uiml_interactions_free(&training->env, &training->interactions);
	uiml_budget_release();
}

static uint8_t *
fit_rows(const SequenceTraining *training)
{
	size_t n = training->users->source->users.n;
	uint8_t *flag = MemoryContextAllocHuge(training->context, n);

	uiml_split_fit_rows(training->users->role, n, flag);
	return flag;
}

/* The prior of interests of those who fit; the version's own where they have none. */
static void
fit_prior(SequenceTraining *training)
{
	const UimlSource *source = training->users->source;
	size_t k = training->classes.n;
	float *prior = MemoryContextAlloc(training->context, k * sizeof(float));
	double *sum = MemoryContextAllocZero(training->context, k * sizeof(double));
	uint32 *interest = MemoryContextAllocHuge(training->context, Max(source->items.n, 1) * sizeof(uint32));
	uint8_t *flag = fit_rows(training);
	double users = 0;

	for (size_t i = 0; i < source->items.n; i++)
		interest[i] = uiml_sequence_class(&training->classes, training->users->item_no[i]);
	uiml_sequence_check(training,
						training->rows.prior(training->rows.ctx, &training->env, flag, interest,
											 source->items.n, k, sum, &users),
						"prior");
	for (size_t j = 0; j < k; j++)
		prior[j] = users > 0 ? (float) (sum[j] / users) : training->served->prior[j];
	training->rest = (UimlNextRest){.half_life = training->serving->half_life,
									.prior = prior,
									.alpha = training->serving->alpha,
									.generalization = training->served->generalization};
	pfree(flag);
	pfree(interest);
	pfree(sum);
}

/* Vectors and popularity by the version's numbers; of what the fit does not know they are zero. */
static void
place_vectors(SequenceTraining *training, const UimlModel *model)
{
	size_t n = training->file->n_items;
	size_t d = model->dims;
	const int flags = MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO;
	float *in = MemoryContextAllocExtended(training->context, n * d * sizeof(float), flags);
	float *out = MemoryContextAllocExtended(training->context, n * d * sizeof(float), flags);
	float *popularity = MemoryContextAllocExtended(training->context, n * sizeof(float), flags);

	for (size_t i = 0; i < model->n_items; i++)
	{
		uint32 item = training->users->item_no[i];

		if (item == UINT32_MAX)
			continue;
		memcpy(in + item * d, model->in + i * d, d * sizeof(float));
		memcpy(out + item * d, model->out + i * d, d * sizeof(float));
		popularity[item] = model->popularity[i];
	}
	training->space.dims = d;
	training->space.in = in;
	training->space.out = out;
	training->rest.popularity = popularity;
}

/* The item space of those who fit, as large as the version's. */
static void
fit_space(SequenceTraining *training)
{
	UimlModelParams params = uiml_model_defaults();
	uint8_t *flag = fit_rows(training);
	UimlModel model;

	uiml_phases_enter(&training->phases, "item space");
	params.dims = (size_t) training->serving->dims;
	params.seed = (uint64) (int64) uiml_domain_option(training->domain, "seed", 0);
	params.row_scale = uiml_domain_option(training->domain, "row_scale", params.row_scale);
	params.col_scale = uiml_domain_option(training->domain, "col_scale", params.col_scale);
	uiml_sequence_check(
		training, uiml_model_fit_space(&training->env, &training->rows, flag, &params, &model), "item space");
	place_vectors(training, &model);
	uiml_model_free(&training->env, &model);
	pfree(flag);
}

/* Where vectors follow from texts alone, popularity still is of those who fit, and has its place by the version's numbers. */
static void
fit_popularity(SequenceTraining *training)
{
	size_t n = training->users->source->items.n;
	const int flags = MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO;
	float *popularity =
		MemoryContextAllocExtended(training->context, training->file->n_items * sizeof(float), flags);
	float *fitted = MemoryContextAllocHuge(training->context, n * sizeof(float));
	uint8_t *flag = fit_rows(training);

	uiml_sequence_check(training, uiml_model_popularity(&training->env, &training->rows, flag, fitted, NULL),
						"popularity");
	for (size_t i = 0; i < n; i++)
		if (training->users->item_no[i] != UINT32_MAX)
			popularity[training->users->item_no[i]] = fitted[i];
	training->rest.popularity = popularity;
	pfree(flag);
	pfree(fitted);
}

/* Items whose places follow from texts alone are where they are whoever is held out. */
static void
fit_rest(SequenceTraining *training)
{
	const UimlServing *serving = training->serving;

	training->space = own_space(training);
	if (is_item(training))
		training->rest = (UimlNextRest){.half_life = serving->half_life,
										.item_alpha = serving->item_alpha,
										.temperature = serving->temperature};
	else
		fit_prior(training);
	if (wants_space(training))
		fit_space(training);
	else if (is_item(training))
		fit_popularity(training);
}

/* --- experts -------------------------------------------------------------------------------------------- */

/* What may still be spent. */
static size_t
memory_left(SequenceTraining *training)
{
	size_t used = uiml_budget_used(&training->budget);

	return used < training->budget.limit ? training->budget.limit - used : 1;
}

static void
fit_experts(SequenceTraining *training)
{
	UimlNextParams params = next_params(training);

	uiml_phases_enter(&training->phases, "rules and ridge");
	params.memory = memory_left(training);
	uiml_sequence_check(training,
						uiml_next_fit(&training->env, &training->users->source_of_fit, &params,
									  &training->space, NULL, &training->model),
						"rules and ridge");
}

static UimlNextWanted
wanted(const SequenceTraining *training)
{
	switch (training->settings.model)
	{
		case UIML_EXPERT_RULES:
			return UIML_WANTED_RULES;
		case UIML_EXPERT_RIDGE:
			return UIML_WANTED_RIDGE;
		case UIML_EXPERT_LSTM:
			return UIML_WANTED_LSTM;
		default:
			return UIML_WANTED_AUTO;
	}
}

static void
choose(SequenceTraining *training)
{
	uiml_phases_enter(&training->phases, "choosing");
	training->model.lstm = training->fit.weights;
	training->model.padded = !training->params.mask;
	uiml_sequence_check(training,
						uiml_next_choose(&training->env, &training->model, &training->space,
										 &training->users->of[UIML_TUNE], &training->rest, wanted(training),
										 &training->choice, training->validation),
						"choice of a model");
	uiml_phases_enter(&training->phases, "judging");
	uiml_sequence_check(training,
						uiml_next_judge(&training->env, &training->model, &training->space,
										&training->users->of[UIML_JUDGE], &training->rest, &training->choice,
										training->test),
						"judging");
}

/* --- everybody ------------------------------------------------------------------------------------------ */

/* Those who fit, and then those who tune and judge. */
typedef struct Everybody
{
	const UimlUserSequences *users;
	bool begun; /* those who fit are done */
	UimlRole next;
} Everybody;

static UimlStatus
rewind_everybody(void *ctx, uint64_t pass)
{
	Everybody *everybody = ctx;

	everybody->begun = false;
	everybody->next = UIML_JUDGE;
	return everybody->users->source_of_fit.rewind(everybody->users->source_of_fit.ctx, pass);
}

static UimlStatus
next_of_everybody(void *ctx, UimlSequences *chunk)
{
	Everybody *everybody = ctx;
	const UimlUserSequences *users = everybody->users;
	UimlStatus status = UIML_OK;

	memset(chunk, 0, sizeof(*chunk));
	if (!everybody->begun)
		status = users->source_of_fit.next(users->source_of_fit.ctx, chunk);
	if (status != UIML_OK || chunk->n > 0)
		return status;
	everybody->begun = true;
	while (chunk->n == 0 && everybody->next <= UIML_TUNE)
		*chunk = users->of[everybody->next++];
	return UIML_OK;
}

static bool
has_lstm(const UimlNextModel *model)
{
	for (size_t l = 0; l < UIML_NEXT_LENGTHS; l++)
		if (model->mix[l][UIML_EXPERT_LSTM] > 0)
			return true;
	return false;
}

/* What is kept, of everybody and in the version's own space; a network stays as it is. */
static void
refit(SequenceTraining *training)
{
	UimlNextParams params = next_params(training);
	const UimlUserSequences *users = training->users;
	UimlNextSpace space = own_space(training);
	Everybody everybody = {.users = users};
	UimlSequenceSource source = {.rewind = rewind_everybody, .next = next_of_everybody, .ctx = &everybody};
	UimlNextModel kept;

	uiml_phases_enter(&training->phases, "refit");
	source.n = users->source_of_fit.n + users->of[UIML_TUNE].n + users->of[UIML_JUDGE].n;
	source.n_events =
		users->source_of_fit.n_events + users->of[UIML_TUNE].n_events + users->of[UIML_JUDGE].n_events;
	uiml_next_apply(&training->choice, &training->model);
	uiml_next_free(&training->env, &training->model); /* settings remain */
	params.memory = memory_left(training);
	uiml_sequence_check(
		training, uiml_next_fit(&training->env, &source, &params, &space, &training->model, &kept), "refit");
	if (has_lstm(&training->model))
		kept.lstm = training->fit.weights;
	training->model = kept;
}

/* --- the course ----------------------------------------------------------------------------------------- */

static void
begin(SequenceTraining *training)
{
	uiml_phases_begin(&training->phases, training->domain->name);
	uiml_budget_init(&training->budget, training->context);
	training->inner = uiml_env_pg(&training->pg, training->context, uiml_phases_progress, &training->phases);
	training->env = uiml_budget_env(&training->budget, &training->inner);
	training->file = uiml_items_open(training->served, training->serving);
	training->classes =
		(UimlSequenceClasses){.n = training->file->n_items, .n_items = training->file->n_items};
	if (!is_item(training))
	{
		training->classes.n = (size_t) training->served->k;
		training->classes.class_no = training->file->interest;
	}
	training->params = uiml_sequence_settings_fit(&training->settings, training->classes.n);
}

static void
read_users(SequenceTraining *training)
{
	UimlSequenceReading reading = {.domain = training->domain,
								   .file = training->file,
								   .item_type = training->served->item_type,
								   .classes = training->classes,
								   .seed = training->settings.seed,
								   .validation = training->settings.validation,
								   .test = training->settings.test,
								   .budget = &training->budget,
								   .env = training->env,
								   .context = training->context,
								   .phases = &training->phases,
								   .source_needs = source_needs,
								   .fit_needs = fit_needs,
								   .ctx = training};

	uiml_phases_enter(&training->phases, "reading");
	training->users = uiml_user_sequences_read(&reading);
}

void
uiml_sequence_course(SequenceTraining *training)
{
	begin(training);
	uiml_blas_begin();
	if (wants_network(training))
		uiml_sequence_start(training);
	uiml_blas_end();
	read_users(training);
	uiml_blas_begin();
	open_rows(training);
	uiml_phases_enter(&training->phases, "sequences");
	uiml_user_sequences_load(training->users);
	fit_rest(training);
	close_rows(training);
	fit_experts(training);
	if (wants_network(training))
		uiml_sequence_networks(training);
	choose(training);
	refit(training);
	uiml_blas_end();
	uiml_phases_enter(&training->phases, NULL);
}

/* --- what is told --------------------------------------------------------------------------------------- */

const char *
uiml_sequence_row_name(size_t row)
{
	switch (row)
	{
		case UIML_NEXT_MIXTURE:
			return "mixture";
		case UIML_NEXT_HISTORY:
			return "history";
		case UIML_NEXT_BLEND:
			return "blend";
		default:
			return uiml_next_expert_name(row);
	}
}

bool
uiml_sequence_row_used(const SequenceTraining *training, size_t row)
{
	const UimlNextModel *model = &training->model;
	bool part = false;

	for (size_t l = 0; l < UIML_NEXT_LENGTHS; l++)
		part = part || (row < UIML_N_EXPERTS ? model->mix[l][row] > 0 : model->blend[l] > 0);
	if (row == UIML_NEXT_HISTORY)
		return !part;
	if (row == UIML_NEXT_BLEND)
		return part;
	return row == training->choice.kept ||
		   (training->choice.kept == UIML_NEXT_MIXTURE && row < UIML_N_EXPERTS && part);
}
