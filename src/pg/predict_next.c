/*
 * predict_next.c
 *	  What comes next, as the sequence model alone has it: of users, or of histories.
 *
 * The distribution is that of core/next.h over the interests or the items of a version.  Somebody nothing is known of
 * gets the popularity that the model was trained with.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/topk.h"
#include "pg/prediction.h"
#include "pg/sequence_serving.h"
#include "pg/toolargs.h"

/* What a call asks for, in every domain. */
typedef struct Request
{
	int k;
	bool named; /* the domain was */
	bool any_target;
	UimlNextTarget target; /* unless any */
	bool exclude_seen;
	UimlResult result;
	bool found; /* there was a model */
} Request;

/* One domain, opened for the forecast of what comes next. */
typedef struct Forecast
{
	UimlState state;
	UimlSequence sequence;
	bool *out; /* items that are left out; NULL for interests */
} Forecast;

/* uiml_predict_next(user_id or history, domain, k, target, exclude_seen) */
static void
request_read(FunctionCallInfo fcinfo, Request *request)
{
	*request =
		(Request){.k = uiml_arg_k(fcinfo, 2), .named = !PG_ARGISNULL(1), .any_target = PG_ARGISNULL(3)};
	if (!request->any_target)
		request->target = uiml_sequence_target(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	uiml_arg_required(fcinfo, 4, "exclude_seen");
	request->exclude_seen = PG_GETARG_BOOL(4);
}

/* ---------- opening ---------- */

static void
refuse_untrained(const UimlServing *serving, const char *target)
{
	ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("domain \"%s\" has no sequence model of %s", serving->domain, target),
			errhint("Train one with: SELECT * FROM uiml_train_sequence(%s, %s);",
					quote_literal_cstr(serving->domain),
					strcmp(target, "items") == 0 ? "'item'" : "'interest'"));
}

/* The model of the target that was asked for, or of interests where there is one and else of items. */
static bool
open_target(const Request *request, Forecast *forecast)
{
	UimlSequence *sequence = &forecast->sequence;

	if (!request->any_target)
		return uiml_sequence_open(sequence, &forecast->state, request->target);
	return uiml_sequence_open(sequence, &forecast->state, UIML_NEXT_INTEREST) ||
		   uiml_sequence_open(sequence, &forecast->state, UIML_NEXT_ITEM);
}

/* False for a domain to leave out; an error where it was named and has no model. */
static bool
forecast_open(Request *request, const UimlServing *serving, int parts, Forecast *forecast)
{
	*forecast = (Forecast){0};
	if (serving->sequences)
	{
		if (!uiml_state_open(&forecast->state, serving, request->named, parts))
			return false;
		if (open_target(request, forecast))
		{
			request->found = true;
			if (forecast->sequence.model->target == UIML_NEXT_ITEM)
				forecast->out = palloc0((Size) serving->items);
			forecast->sequence.exclude_seen = request->exclude_seen;
			return true;
		}
	}
	if (request->named)
		refuse_untrained(serving, request->any_target                 ? "interests or items"
								  : request->target == UIML_NEXT_ITEM ? "items"
																	  : "interests");
	return false;
}

static void
require_found(const Request *request)
{
	if (!request->found)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("there is no sequence model that you may predict from"),
				errhint("Train one with SELECT * FROM uiml_train_sequence('name'), or ask its owner for "
						"uiml_grant."));
}

/* ---------- rows ---------- */

/* Key and title of an item, id and label of an interest. */
static void
name_class(const Forecast *forecast, uint32 class_no, Datum *id, Datum *label)
{
	const UimlServed *served = forecast->state.served;
	const UimlItemFile *file = forecast->state.file;
	const char *written;
	size_t length;

	if (forecast->out == NULL)
	{
		*id = CStringGetTextDatum(psprintf("%d", served->interest_id[class_no]));
		*label = served->label[class_no];
		return;
	}
	written = uiml_itemfile_key(file, class_no, &length);
	*id = PointerGetDatum(cstring_to_text_with_len(written, (int) length));
	written = uiml_itemfile_title(file, class_no, &length);
	*label = length > 0 ? PointerGetDatum(cstring_to_text_with_len(written, (int) length)) : (Datum) 0;
}

static void
put_class(Request *request, const Forecast *forecast, int rank, uint32 class_no)
{
	const UimlSequence *sequence = &forecast->sequence;
	Datum values[8];
	bool nulls[8] = {false};

	values[0] = CStringGetTextDatum(forecast->state.serving->domain);
	values[1] = CStringGetTextDatum(uiml_sequence_target_name(sequence->model->target));
	values[2] = Int32GetDatum(rank);
	name_class(forecast, class_no, &values[3], &values[4]);
	nulls[4] = values[4] == 0;
	values[5] = Float8GetDatum(sequence->share[class_no]);
	values[6] = CStringGetTextDatum(uiml_sequence_reason(sequence, class_no));
	values[7] = Int32GetDatum(forecast->state.serving->version);
	uiml_result_put(&request->result, values, nulls);
}

/* Ranks what the model was asked about, without the items that are left out. */
static void
forecast_put(Request *request, Forecast *forecast)
{
	UimlSequence *sequence = &forecast->sequence;
	size_t n = sequence->model->n_classes;
	size_t k = Min((size_t) request->k, n);
	uint32 *order = palloc(sizeof(uint32) * k);
	float *score = sequence->share;

	if (forecast->out != NULL)
	{
		(void) uiml_sequence_admit(sequence, forecast->out);
		score = palloc_extended(sizeof(float) * n, MCXT_ALLOC_HUGE);
		for (size_t i = 0; i < n; i++)
			score[i] = forecast->out[i] ? -INFINITY : sequence->share[i];
	}
	k = uiml_topk(score, n, k, order);
	for (size_t rank = 0; rank < k; rank++)
		put_class(request, forecast, (int) rank + 1, order[rank]);
}

/* ---------- users ---------- */

/* What the user did, beyond what his sequence remembers of it; false where the domain is to be left out. */
static bool
leave_out_seen(Forecast *forecast, Datum key)
{
	UimlUserRow row;

	if (!uiml_state_user(&forecast->state, key, UIML_USER_ITEMS, &row))
		return false;
	for (int i = 0; i < row.n_items; i++)
		forecast->out[row.items[i]] = true;
	return true;
}

static bool
ask_of_user(const Request *request, Forecast *forecast, Datum key)
{
	if (!uiml_sequence_user(&forecast->sequence, key))
		return false;
	return forecast->out == NULL || !request->exclude_seen || leave_out_seen(forecast, key);
}

static void
forecast_user(FunctionCallInfo fcinfo, Request *request, const UimlServing *serving)
{
	Forecast forecast;
	Datum key;
	bool known;

	if (!forecast_open(request, serving, UIML_STATE_USERS | UIML_STATE_ITEMS, &forecast))
		return;
	if (!uiml_arg_user(fcinfo, serving, forecast.state.served->user_type, request->named, &key, &known))
		return;
	if (known ? ask_of_user(request, &forecast, key) : uiml_sequence_ask(&forecast.sequence, NULL, 0))
		forecast_put(request, &forecast);
}

PG_FUNCTION_INFO_V1(uiml_predict_next);
Datum
uiml_predict_next(PG_FUNCTION_ARGS)
{
	Request request;
	ListCell *cell;

	request_read(fcinfo, &request);
	uiml_result_begin(fcinfo, 8, &request.result);
	foreach (cell, uiml_arg_domains(fcinfo, 1))
		forecast_user(fcinfo, &request, lfirst(cell));
	require_found(&request);
	return (Datum) 0;
}

/* ---------- a history without a user ---------- */

static void
forecast_history(Request *request, const UimlServing *serving, const UimlHistory *history)
{
	Forecast forecast;
	UimlFolded folded;

	if (!forecast_open(request, serving, UIML_STATE_ITEMS, &forecast))
		return;
	folded = uiml_history_fold(&forecast.state, history);
	if (forecast.out != NULL && request->exclude_seen)
		memcpy(forecast.out, folded.named, (Size) serving->items);
	if (uiml_sequence_ask(&forecast.sequence, folded.event, (size_t) folded.n_events))
		forecast_put(request, &forecast);
}

PG_FUNCTION_INFO_V1(uiml_predict_next_from);
Datum
uiml_predict_next_from(PG_FUNCTION_ARGS)
{
	UimlHistory history = uiml_arg_history(fcinfo, 0, -1);
	Request request;
	ListCell *cell;

	request_read(fcinfo, &request);
	uiml_result_begin(fcinfo, 8, &request.result);
	foreach (cell, uiml_arg_domains(fcinfo, 1))
		forecast_history(&request, lfirst(cell), &history);
	require_found(&request);
	return (Datum) 0;
}
