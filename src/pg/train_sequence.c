/*
 * train_sequence.c
 *	  uiml_train_sequence: from a domain's events in order of time to a model of what users do next.
 *
 * The steps: read the events as the caller, under his rights and row-level security; fit, choose and judge
 * (train_sequence_fit.c); then write what users did last, as the domain's owner, and the model.  All of it is one
 * transaction: whatever fails leaves the model before in place.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/sequencefile.h"
#include "pg/prediction.h"
#include "pg/storage.h"
#include "pg/toolargs.h"
#include "pg/train_sequence_run.h"
#include "pg/train_transfer.h"

PG_FUNCTION_INFO_V1(uiml_train_sequence);

#define RESULT_COLUMNS 10

/* --- before the work ------------------------------------------------------------------------------------ */

void
uiml_sequence_check_time(const UimlDomain *domain)
{
	if (domain->time_col == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("domain \"%s\" has no column of times", domain->name),
			 errdetail("A sequence model learns from the order in which users did what they did."),
			 errhint(
				 "Name the column with uiml_alter_domain(%s, time_col => ...) and train the domain again.",
				 quote_literal_cstr(domain->name))));
}

static void
open_version(SequenceTraining *training)
{
	const UimlDomain *domain = training->domain;
	char *name = psprintf("%s.%s", GetUserNameFromId(domain->owner, false), domain->name);

	training->serving = linitial(uiml_serving_list(name));
	training->served = uiml_served_open(training->serving);
}

/* --- what is kept --------------------------------------------------------------------------------------- */

static const char *
kind_of(const SequenceTraining *training)
{
	return uiml_sequence_row_name(training->choice.kept);
}

static void
fill_row(SequenceTraining *training, size_t bytes)
{
	const UimlNextModel *model = &training->model;

	training->row = (UimlSequenceRow){.domain_id = training->domain->domain_id,
									  .owner = training->serving->owner,
									  .version_id = training->serving->version_id,
									  .target = training->settings.target,
									  .trained_by = GetUserId(),
									  .kind = kind_of(training),
									  .classes = (int64) training->classes.n,
									  .embedding = (int32) model->lstm.shape.embedding,
									  .hidden = (int32) model->lstm.shape.hidden,
									  .max_length = (int32) model->max_length,
									  .users = (int64) training->users->n_users[UIML_FIT],
									  .events = (int64) training->users->n_events,
									  .sequences_table = training->row.sequences_table,
									  .bytes = (int64) bytes};
}

static void
add_recent(void *ctx, Datum user, const uint32 *item, size_t n)
{
	uiml_sequence_store_add(ctx, user, item, n);
}

/* As the owner: what users did last, and the line in the log. */
static void
store_users(SequenceTraining *training)
{
	const UimlDomain *domain = training->domain;
	UimlSequenceStore *store;
	UimlActing caller;

	uiml_act_as_owner(domain, &caller);
	store = uiml_sequence_store_begin(domain, training->serving->version,
									  training->users->source->users.type->type);
	uiml_user_sequences_recent(training->users, add_recent, store);
	training->row.sequences_table = uiml_sequence_store_end(store);
	uiml_act_as_self(&caller);
	uiml_user_sequences_close(training->users);
}

static void
store_log(SequenceTraining *training)
{
	Oid trained_by = GetUserId();
	UimlActing caller;

	uiml_act_as_owner(training->domain, &caller);
	uiml_training_log_add(training->domain, training->serving->version, trained_by, training->started,
						  GetCurrentTimestamp(), uiml_phases_json(&training->phases),
						  (int64) training->budget.peak);
	uiml_act_as_self(&caller);
}

static void
store(SequenceTraining *training)
{
	UimlSequenceContents contents = {.settings = uiml_sequence_settings_json(&training->settings)};
	size_t size = uiml_sequencefile_size(&training->model);
	char *bytes;

	uiml_phases_enter(&training->phases, "storing");
	if (size == 0)
		uiml_sequence_check(training, UIML_ELIMIT, "packed model");
	bytes = MemoryContextAllocHuge(training->context, size);
	uiml_sequence_check(training, uiml_sequencefile_pack(&training->model, bytes, size), "packed model");
	contents.data = bytes;
	store_users(training);
	fill_row(training, size);
	uiml_budget_used(&training->budget);
	uiml_phases_enter(&training->phases, NULL);
	contents.metrics = uiml_sequence_metrics_json(training);
	uiml_sequence_put(&training->row, &contents);
	store_log(training);
}

/* --- the work ------------------------------------------------------------------------------------------- */

/* Trains and stores, in memory of its own; results, if asked for, are in that of the caller. */
static size_t
train(const UimlDomain *domain, const UimlSequenceSettings *settings, bool again, UimlSequenceResult *result)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "uiml sequence training", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SequenceTraining *training = palloc0(sizeof(SequenceTraining));
	size_t n;

	training->domain = domain;
	training->settings = *settings;
	training->again = again;
	training->context = context;
	training->started = GetCurrentTimestamp();
	uiml_sequence_check_time(domain);
	open_version(training);
	uiml_storage_check(domain);
	uiml_sequence_course(training);
	store(training);
	n = uiml_sequence_results(training, result);
	MemoryContextSwitchTo(old);
	for (size_t i = 0; i < n; i++)
		result[i].model = pstrdup(result[i].model);
	MemoryContextDelete(context);
	uiml_budget_release();
	return n;
}

void
uiml_sequence_retrain(const UimlDomain *domain, const UimlSequenceRow *previous)
{
	UimlSequenceResult *result = palloc(UIML_MOST_RESULTS * sizeof(UimlSequenceResult));
	UimlSequenceSettings settings;

	uiml_sequence_settings_read(uiml_sequence_settings(previous, false), previous->target, &settings);
	uiml_transfer_snapshot_begin();
	(void) train(domain, &settings, true, result);
	uiml_transfer_snapshot_end();
	pfree(result);
}

/* --- the function --------------------------------------------------------------------------------------- */

/* Four decimals, NULL for what is not known. */
static void
set_figure(double figure, Datum *value, bool *null)
{
	*null = !isfinite(figure);
	*value = *null ? (Datum) 0 : Float8GetDatum(rint(figure * 1e4) / 1e4);
}

static void
put_row(UimlResult *rows, const UimlSequenceResult *result)
{
	Datum value[RESULT_COLUMNS] = {CStringGetTextDatum(result->model), Int64GetDatum((int64) result->users),
								   Int32GetDatum((int32) result->epochs)};
	bool null[RESULT_COLUMNS] = {false, false, result->epochs == 0};
	const double figure[] = {result->validation_loss,
							 result->validation_accuracy,
							 result->loss,
							 result->accuracy,
							 result->hr,
							 result->ndcg};

	for (size_t i = 0; i < lengthof(figure); i++)
		set_figure(figure[i], &value[3 + i], &null[3 + i]);
	value[9] = BoolGetDatum(result->used);
	uiml_result_put(rows, value, null);
}

Datum
uiml_train_sequence(PG_FUNCTION_ARGS)
{
	UimlSequenceResult *result = palloc(UIML_MOST_RESULTS * sizeof(UimlSequenceResult));
	UimlSequenceSettings settings;
	UimlDomain *domain;
	UimlResult rows;
	size_t n;

	uiml_result_begin(fcinfo, RESULT_COLUMNS, &rows);
	uiml_arg_required(fcinfo, 0, "domain");
	uiml_sequence_settings_args(fcinfo, &settings);
	domain = uiml_domain_get_locked(text_to_cstring(PG_GETARG_TEXT_PP(0)), UIML_TRAIN);
	uiml_user_sequences_note_rls(domain);
	uiml_transfer_snapshot_begin();
	n = train(domain, &settings, false, result);
	uiml_transfer_snapshot_end();
	for (size_t i = 0; i < n; i++)
		put_row(&rows, &result[i]);
	return (Datum) 0;
}
