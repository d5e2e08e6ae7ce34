/*
 * train.c
 *	  uiml_train: from a domain's events to a version that predictions are made from.
 *
 * The steps: read the events and texts as the caller, under his rights and row-level security; fit, tune,
 * judge and refit in the core; name the interests; then, as the domain's owner, write the version's tables
 * and, by the last statements, make it the active one.  All of it is one transaction: whatever fails leaves
 * the version before in place and no table behind.
 *
 * Memory: everything lives in one context, watched against maintenance_work_mem; the events are given back as
 * soon as their sums per user and item exist.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/encoder.h"
#include "pg/sourcecheck.h"
#include "pg/storage.h"
#include "pg/toolargs.h"
#include "pg/train_sequence.h"
#include "pg/train_transfer.h"
#include "pg/trainargs.h"
#include "pg/training.h"
#include "pg/trainstore.h"

#define METRICS_K 20

/* --- before the work ------------------------------------------------------------------------------------ */

static void
read_options(Training *training)
{
	const UimlDomain *domain = training->domain;
	UimlBehaviourParams *params = &training->params;

	*params = uiml_behaviour_defaults();
	training->seed = (uint64) (int64) uiml_domain_option(domain, "seed", 0);
	params->model.seed = training->seed;
	params->model.dims = (size_t) domain->dims;
	params->model.interests = (size_t) domain->interests;
	params->model.row_scale = uiml_domain_option(domain, "row_scale", params->model.row_scale);
	params->model.col_scale = uiml_domain_option(domain, "col_scale", params->model.col_scale);
}

static void
note_rls(Training *training)
{
	static const char detail[] =
		"The version is trained on all rows, and its tables don't have the policies of that relation.";
	const UimlDomain *domain = training->domain;

	training->row.rls_bypassed =
		uiml_source_note_rls(domain->events, detail) || uiml_source_note_rls(domain->items, detail);
}

/* What a fit may take: more dimensions are tried only where they fit. */
static void
bound_fit(Training *training)
{
	const UimlRows *rows = &training->rows;
	UimlBehaviourParams *params = &training->params;
	double held =
		training->source->work != NULL ? 0 : uiml_interactions_memory(rows->n_users, rows->n_entries);
	double beside = (double) uiml_budget_used(&training->budget) - held +
					(double) uiml_behaviour_memory(rows->n_users, rows->n_items, rows->n_entries, params) -
					(double) uiml_model_memory(rows->n_users, rows->n_items, rows->n_entries, &params->model);

	params->model.memory = (size_t) Max((double) training->budget.limit - beside, 1);
}

/* --- the work ------------------------------------------------------------------------------------------- */

/* Items without events that have a place. */
static size_t
count_placed(const Training *training)
{
	const UimlModel *model = &training->model;
	size_t placed = 0;

	for (size_t i = 0; i < model->n_items; i++)
		placed += training->item_users[i] == 0 && model->interest[i] != UINT32_MAX;
	return placed;
}

/* What came of the texts: "placed 450 items without events by their texts". */
static void
note_texts(const Training *training)
{
	size_t placed = count_placed(training);
	size_t n_texts = training->source->texts.n;
	StringInfoData found;

	if (training->texts == NULL)
		return;
	initStringInfo(&found);
	if (training->source->n_new > 0)
		appendStringInfo(&found, "placed %zu of %zu items without events by their texts", placed,
						 training->source->n_new);
	if (found.len > 0 && n_texts > 0)
		appendStringInfoString(&found, "; ");
	if (n_texts > 0 && training->model.text_weight > 0)
		appendStringInfo(&found, "%zu texts without an item count %g times as much as items", n_texts,
						 training->model.text_weight);
	else if (n_texts > 0)
		appendStringInfo(
			&found,
			"%zu texts without an item count nothing: held-out users are predicted no better with them",
			n_texts);
	if (found.len > 0)
		ereport(NOTICE, (errmsg("%s", found.data)));
}

static void
fit_model(Training *training)
{
	UimlJudgement judgement;

	uiml_phases_enter(&training->phases, "split");
	bound_fit(training);
	uiml_blas_begin();
	uiml_training_check(training,
						uiml_behaviour_train(&training->env, &training->rows, &training->keys,
											 &training->params, &training->model, &judgement),
						"item space and interests");
	uiml_blas_end();
	training->n_figures = uiml_judgement_n_figures(&judgement);
	training->figure =
		MemoryContextAlloc(training->context, Max(training->n_figures, 1) * sizeof(UimlFigure));
	uiml_phases_enter(&training->phases, "judging");
	uiml_check(uiml_judgement_figures(&training->env, &judgement, training->seed, training->figure),
			   "evaluation");
	uiml_judgement_free(&training->env, &judgement);

	note_texts(training);
	if (training->texts != NULL)
	{
		pfree(training->texts->x);
		training->texts->x = NULL;
	}
}

/* --- what is kept --------------------------------------------------------------------------------------- */

static void
add_number(StringInfo json, const char *name, double value)
{
	char number[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(value, number);
	appendStringInfo(json, "%s\"%s\": %s", json->len > 1 ? ", " : "", name, number);
}

static void
add_string(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, ", \"%s\": ", name);
	escape_json(json, value);
}

static void
add_texts(const Training *training, StringInfo json)
{
	add_string(json, "encoder", training->texts->encoder);
	add_string(json, "whitening", uiml_whitening_name(training->texts->whitening));
	if (training->texts->whitened_by > 0)
		add_number(json, "whitened_by", (double) training->texts->whitened_by);
	if (training->texts->kept)
	{
		add_number(json, "distinct_texts", (double) training->texts->n_distinct);
		add_number(json, "encoded_texts", (double) training->texts->n_encoded);
	}
	add_number(json, "text_dims", (double) training->texts->dims);
	add_number(json, "text_weight", training->model.text_weight);
	add_number(json, "placed", (double) count_placed(training));
	add_number(json, "texts", (double) training->model.n_texts);
}

static char *
settings_json(const Training *training)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"features\": \"%s\"", uiml_features_name(training->params.model.features));
	add_string(&json, "memory_mode", training->source->work != NULL ? "passes" : "memory");
	if (training->texts != NULL)
		add_texts(training, &json);
	add_number(&json, "dims", (double) training->params.model.dims);
	add_number(&json, "interests", (double) training->params.model.interests);
	add_number(&json, "row_scale", training->params.model.row_scale);
	add_number(&json, "col_scale", training->params.model.col_scale);
	add_number(&json, "fold_in", training->params.fold_in);
	add_number(&json, "seed", (double) (int64) training->seed);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* The model itself is gone when the row is written. */
static void
fill_row(Training *training)
{
	UimlVersionRow *row = &training->row;
	const UimlSource *source = training->source;
	const UimlModel *model = &training->model;

	row->trained_by = GetUserId();
	row->has_data_until = source->has_time;
	row->data_until = source->data_until;
	row->half_life = training->half_life;
	row->users = (int64) source->users.n;
	row->items = (int64) source->items.n;
	row->events = (int64) source->n_events;
	row->dims = (int) model->dims;
	row->interests = (int) model->n_interests;
	row->explained = model->explained;
	row->silhouette = model->silhouette;
	row->alpha = model->alpha;
	row->item_alpha = model->item_alpha;
	row->temperature = model->temperature;
	row->event_mass = model->event_mass;
	row->dispersion = model->dispersion;
	row->generalization = NULL;
	if (model->generalization != NULL)
		row->generalization =
			memcpy(palloc(model->n_interests * model->n_interests * sizeof(double)), model->generalization,
				   model->n_interests * model->n_interests * sizeof(double));
	row->sigma = memcpy(palloc(model->dims * sizeof(double)), model->sigma, model->dims * sizeof(double));
	row->settings = settings_json(training);
}

static void
store_evaluation(const Training *training, int64 version_id)
{
	for (size_t i = 0; i < training->n_figures; i++)
	{
		const UimlFigure *figure = &training->figure[i];
		UimlEvaluationRow row = {.metric = figure->metric,
								 .k = (int) figure->k,
								 .value = figure->value,
								 .low = figure->low,
								 .high = figure->high,
								 .baseline = figure->baseline,
								 .baseline_value = figure->baseline_value,
								 .users = (int64) figure->users};

		uiml_evaluation_add(training->domain, version_id, &row);
	}
}

/* Whatever is large and stored: ANALYZE and the building of indexes want memory of their own. */
static void
free_trained(Training *training)
{
	uiml_model_free(&training->env, &training->model);
	uiml_interactions_free(&training->env, &training->interactions);
	MemoryContextDelete(training->labels_context);
	training->labels = NULL;
	uiml_budget_release();
}

static void
store_model(Training *training)
{
	UimlTrained trained = {.domain = training->domain,
						   .source = training->source,
						   .rows = &training->rows,
						   .env = &training->env,
						   .model = &training->model,
						   .labels = training->labels,
						   .item_users = training->item_users,
						   .user_events = training->user_events,
						   .user_last = training->user_last};
	UimlActing caller;
	int64 version_id;

	uiml_phases_enter(&training->phases, "storing");
	fill_row(training);
	uiml_act_as_owner(training->domain, &caller);
	training->row.version = uiml_version_next(training->domain->domain_id);
	if (training->texts != NULL && training->texts->bytes != NULL)
		uiml_encoder_put(training->domain, training->texts->encoder, training->texts->bytes,
						 training->texts->length);
	uiml_trained_store(&trained, training->row.version, uiml_phases_progress, &training->phases,
					   &training->row);
	uiml_budget_used(&training->budget);
	free_trained(training);
	if (training->source->work != NULL)
		uiml_work_drop(training->source->work);
	uiml_trained_attach(training->domain, &training->row);
	uiml_phases_enter(&training->phases, NULL);

	version_id = uiml_version_activate(training->domain, &training->row);
	store_evaluation(training, version_id);
	uiml_training_log_add(training->domain, training->row.version, training->row.trained_by,
						  training->started, GetCurrentTimestamp(), uiml_phases_json(&training->phases),
						  (int64) training->budget.peak);
	uiml_storage_clean(training->domain);
	uiml_act_as_self(&caller);
}

/* --- the result ----------------------------------------------------------------------------------------- */

static void
add_figure(StringInfo json, const char *name, const UimlFigure *figure)
{
	if (isnan(figure->value))
		return;
	appendStringInfo(json, "%s\"%s\": %.4f", json->len > 1 ? ", " : "", name, figure->value);
	if (!isnan(figure->baseline_value))
		appendStringInfo(json, ", \"%s\": %.4f", figure->baseline, figure->baseline_value);
}

/* Recall and log loss on the users who judged, each beside its baseline; uiml.evaluation has the others. */
static Datum
metrics_jsonb(const Training *training)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (size_t i = 0; i < training->n_figures; i++)
	{
		const UimlFigure *figure = &training->figure[i];

		if (figure->k == METRICS_K && strcmp(figure->metric, "recall") == 0)
			add_figure(&json, psprintf("recall@%d", METRICS_K), figure);
		else if (strcmp(figure->metric, "logloss") == 0)
			add_figure(&json, figure->metric, figure);
	}
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static HeapTuple
result_tuple(const Training *training, TupleDesc desc)
{
	const UimlVersionRow *row = &training->row;
	Interval *elapsed = palloc0(sizeof(Interval));
	Datum value[] = {CStringGetTextDatum(training->domain->name),
					 Int32GetDatum(row->version),
					 Int64GetDatum(row->users),
					 Int64GetDatum(row->items),
					 Int64GetDatum(row->events),
					 Int32GetDatum(row->dims),
					 Int32GetDatum(row->interests),
					 Float8GetDatum(rint(row->explained * 1e4) / 1e4),
					 IntervalPGetDatum(elapsed),
					 metrics_jsonb(training)};
	bool null[lengthof(value)] = {false};

	elapsed->time = GetCurrentTimestamp() - training->started;
	return heap_form_tuple(desc, value, null);
}

static void
run_training(Training *training)
{
	uiml_phases_begin(&training->phases, training->domain->name);
	uiml_budget_init(&training->budget, training->context);
	training->inner = uiml_env_pg(&training->pg, training->context, uiml_phases_progress, &training->phases);
	training->env = uiml_budget_env(&training->budget, &training->inner);
	read_options(training);
	note_rls(training);
	uiml_training_read(training);
	uiml_training_texts(training);
	fit_model(training);
	uiml_phases_enter(&training->phases, "texts");
	training->labels_context =
		AllocSetContextCreate(training->context, "uiml titles and labels", ALLOCSET_DEFAULT_SIZES);
	training->labels = uiml_labels_find(training->domain, training->source, &training->model,
										training->item_users, &training->budget, training->labels_context);
	store_model(training);
	uiml_transfer_train_again(training->domain);
	uiml_sequence_train_again(training->domain);
}

/* One row; the training runs in the first call. */
PG_FUNCTION_INFO_V1(uiml_train);
Datum
uiml_train(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	HeapTuple tuple;

	if (SRF_IS_FIRSTCALL())
	{
		UimlDomainArgs args;
		Training *training;
		TupleDesc desc;
		MemoryContext context;
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		uiml_arg_required(fcinfo, 0, "domain");
		context = AllocSetContextCreate(CurrentMemoryContext, "uiml training", ALLOCSET_DEFAULT_SIZES);
		old = MemoryContextSwitchTo(context);
		training = palloc0(sizeof(Training));
		training->context = context;
		training->started = GetCurrentTimestamp();
		uiml_domain_args_read(fcinfo, 1, &args);
		args.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
		training->domain = uiml_train_domain(&args);
		run_training(training);
		MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->user_fctx = result_tuple(training, BlessTupleDesc(CreateTupleDescCopy(desc)));
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		uiml_budget_release();
	}
	call = SRF_PERCALL_SETUP();
	if (call->user_fctx == NULL)
		SRF_RETURN_DONE(call);
	tuple = call->user_fctx;
	call->user_fctx = NULL;
	SRF_RETURN_NEXT(call, HeapTupleGetDatum(tuple));
}
