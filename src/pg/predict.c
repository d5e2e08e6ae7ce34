/*
 * predict.c
 *	  Interests of users: known, unknown, given by their history, or all of a domain.
 *
 * score_j = (c_j + alpha prior_j) / (|c| + alpha), with c the user's decayed mass per interest
 * (core/blend.h).  Somebody without history has c = 0, so the same line gives the prior.  Where transfers tell
 * something of a user, what they tell stands for the prior, and their alpha for the domain's: what he did
 * elsewhere has no age, only a direction, so that as_of leaves it as it is.  Masses are stored
 * decayed to the version's data_until; at a later instant all of them are smaller by one factor f, which is
 * exact and costs nothing: (f c + alpha prior) / (|f c| + alpha) is the line above with alpha / f in place of
 * alpha.
 *
 * Where the version has a sequence model of interests and something is known of what the user did last, the share
 * is (1 - w) times that and w times the model's, with w by how much is known (core/next.h), whatever as_of.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/blend.h"
#include "core/generalize.h"
#include "pg/itemcache.h"
#include "pg/prediction.h"
#include "pg/sequence_serving.h"
#include "pg/sql.h"
#include "pg/transfer_serving.h"
#include "pg/userkey.h"

/* One domain, opened for predictions of interests. */
typedef struct Prediction
{
	const UimlServing *serving;
	UimlServed *served;
	UimlResult *result;
	int k;         /* rows wanted */
	double factor; /* of masses, for as_of; 0 .. 1 */
	Datum domain;  /* its name as text */
	UimlTransfers transfers;
	const float *prior; /* served->k: what is expected of the user beside his history */
	UimlBasis basis;    /* of the prior */
	double alpha;       /* strength of the prior */
	float *transferred; /* served->k: the prior where transfers give one */
	UimlSequence sequence;
	float *mass;   /* served->k, workspace */
	double *share; /* served->k, workspace */
	int *order;    /* served->k, workspace */
} Prediction;

/* 2^-((as_of - data_until) / half_life), the common factor of all masses; 1 where as_of is NULL. */
static double
decay_factor(FunctionCallInfo fcinfo, int argument, const UimlServing *serving)
{
	TimestampTz as_of;

	if (PG_ARGISNULL(argument) || !serving->has_data_until)
		return 1;
	as_of = PG_GETARG_TIMESTAMPTZ(argument);
	if (as_of < serving->data_until)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of is before the newest event of domain \"%s\"", serving->domain),
				 errdetail("The newest event is of %s.", timestamptz_to_str(serving->data_until)),
				 errhint("Events that a version was trained on can't be left out of its predictions.")));
	if (isinf(serving->half_life))
		return 1;
	if (TIMESTAMP_NOT_FINITE(as_of))
		return 0;
	return exp2(-((double) as_of - (double) serving->data_until) / USECS_PER_SEC / serving->half_life);
}

static void
prediction_open(Prediction *prediction, const UimlState *state, int k, UimlResult *result)
{
	UimlServed *served = state->served;

	prediction->serving = state->serving;
	prediction->served = served;
	prediction->result = result;
	prediction->k = Min(k, served->k);
	prediction->factor = 1;
	prediction->domain = CStringGetTextDatum(state->serving->domain);
	prediction->prior = served->prior;
	prediction->basis = UIML_BASIS_PRIOR;
	prediction->alpha = state->serving->alpha;
	prediction->mass = palloc0(sizeof(float) * served->k);
	prediction->share = palloc(sizeof(double) * served->k);
	prediction->order = palloc(sizeof(int) * served->k);
}

/* For predictions of users: what else can tell of them. */
static void
prediction_open_models(Prediction *prediction, const UimlState *state)
{
	(void) uiml_sequence_open(&prediction->sequence, state, UIML_NEXT_INTEREST);
	uiml_transfers_open(&prediction->transfers, state, UIML_TRANSFER_INTERESTS);
	prediction->transferred = palloc(sizeof(float) * prediction->served->k);
}

/* What is expected of somebody: what transfers tell of him, where they do, else the domain's prior. */
static void
prediction_expect(Prediction *prediction, bool told)
{
	prediction->prior = prediction->served->prior;
	prediction->basis = UIML_BASIS_PRIOR;
	prediction->alpha = prediction->serving->alpha;
	if (!told)
		return;
	prediction->alpha = uiml_transfers_interests(&prediction->transfers, prediction->transferred);
	prediction->prior = prediction->transferred;
	prediction->basis = UIML_BASIS_TRANSFER;
}

/* Higher shares first, ties by number. */
static int
compare_shares(const void *a, const void *b, void *arg)
{
	const double *share = arg;
	int i = *(const int *) a;
	int j = *(const int *) b;

	if (share[i] != share[j])
		return share[i] > share[j] ? -1 : 1;
	return i < j ? -1 : i > j;
}

/*
 * Ranks the interests of somebody with prediction->mass and adds the rows: domain, then user where it is not
 * 0, then rank and the rest.
 */
static void
prediction_put(Prediction *prediction, Datum user)
{
	const UimlServed *served = prediction->served;
	double alpha = prediction->alpha / prediction->factor;
	double total = 0;
	double next = prediction->sequence.weight;
	double strength;

	if (served->generalization != NULL)
		uiml_generalize_mass(served->generalization, (size_t) served->k, prediction->mass, prediction->share);
	if (prediction->basis == UIML_BASIS_TRANSFER)
		uiml_transfers_generalize(&prediction->transfers, prediction->mass);

	/* so late that nothing is left of any history */
	if (isinf(alpha))
	{
		memset(prediction->mass, 0, sizeof(float) * served->k);
		alpha = prediction->alpha;
	}
	for (int j = 0; j < served->k; j++)
		total += prediction->mass[j];
	uiml_blend(prediction->mass, prediction->prior, (size_t) served->k, alpha, prediction->share);
	for (int j = 0; next > 0 && j < served->k; j++)
		prediction->share[j] = (1 - next) * prediction->share[j] + next * prediction->sequence.share[j];
	strength = uiml_blend_strength(total * prediction->factor + prediction->alpha,
								   prediction->serving->event_mass, prediction->serving->dispersion);
	for (int j = 0; j < served->k; j++)
		prediction->order[j] = j;
	qsort_arg(prediction->order, (size_t) served->k, sizeof(int), compare_shares, prediction->share);

	for (int rank = 0; rank < prediction->k; rank++)
	{
		int j = prediction->order[rank];
		double history_part = (1 - next) * (prediction->mass[j] / (total + alpha));
		double sequence_part = next > 0 ? next * prediction->sequence.share[j] : 0;
		UimlForecast forecast =
			uiml_forecast(prediction->share[j], history_part, sequence_part, prediction->basis, strength);
		Datum values[11];
		bool nulls[11] = {false};
		int n = 0;

		values[n++] = prediction->domain;
		if (user != 0)
			values[n++] = user;
		values[n++] = Int32GetDatum(rank + 1);
		values[n++] = Int32GetDatum(served->interest_id[j]);
		nulls[n] = served->label[j] == 0;
		values[n++] = served->label[j];
		uiml_forecast_columns(&forecast, prediction->serving->version, &values[n]);
		uiml_result_put(prediction->result, values, nulls);
	}
}

/* ---------- one user ---------- */

static void
predict_user(FunctionCallInfo fcinfo, const UimlServing *serving, int k, bool named, UimlResult *result)
{
	Prediction prediction = {0};
	UimlState state;
	UimlUserRow row;
	Datum key;
	bool known;

	if (!uiml_state_open(&state, serving, named, UIML_STATE_USERS))
		return;
	prediction_open(&prediction, &state, k, result);
	prediction.factor = decay_factor(fcinfo, 3, serving);
	if (!uiml_arg_user(fcinfo, serving, prediction.served->user_type, named, &key, &known))
		return;
	if (known)
	{
		if (!uiml_state_user(&state, key, UIML_USER_MASSES, &row))
			return;
		if (row.found)
			memcpy(prediction.mass, row.interests->x, sizeof(float) * prediction.served->k);
		prediction_open_models(&prediction, &state);
		if (prediction.sequence.model != NULL)
			(void) uiml_sequence_user(&prediction.sequence, key);
		prediction_expect(&prediction,
						  uiml_transfers_user(&prediction.transfers, prediction.served->user_type, key));
	}
	prediction_put(&prediction, 0);
}

/* uiml_predict(user_id, domain, k, as_of) */
PG_FUNCTION_INFO_V1(uiml_predict);
Datum
uiml_predict(PG_FUNCTION_ARGS)
{
	int k = uiml_arg_k(fcinfo, 2);
	List *domains = uiml_arg_domains(fcinfo, 1);
	UimlResult result;
	ListCell *cell;

	uiml_result_begin(fcinfo, 10, &result);
	foreach (cell, domains)
		predict_user(fcinfo, lfirst(cell), k, !PG_ARGISNULL(1), &result);
	return (Datum) 0;
}

/* ---------- a history without a user ---------- */

static void
predict_history(const UimlServing *serving, const UimlHistory *history, int k, bool named, UimlResult *result)
{
	Prediction prediction = {0};
	UimlState state;
	const UimlItemFile *file;
	uint32 *event;
	size_t n_events = 0;

	if (!uiml_state_open(&state, serving, named, UIML_STATE_ITEMS))
		return;
	prediction_open(&prediction, &state, k, result);
	file = state.file;
	event = palloc(sizeof(uint32) * Max(history->n, 1));
	for (int i = 0; i < history->n; i++)
	{
		uint32 item =
			uiml_item_number(file, prediction.served, serving, named, history->type, history->key[i]);

		if (item == UINT32_MAX || file->interest[item] == UINT32_MAX)
			continue;
		prediction.mass[file->interest[item]] += history->weight[i];
		if (history->weight[i] > 0)
			event[n_events++] = item;
	}
	if (uiml_sequence_open(&prediction.sequence, &state, UIML_NEXT_INTEREST))
		(void) uiml_sequence_ask(&prediction.sequence, event, n_events);
	prediction_put(&prediction, 0);
}

/* A history in another domain. */
static void
predict_elsewhere(const UimlTransferSides *sides, const UimlHistory *history, int k, UimlResult *result)
{
	Prediction prediction = {0};
	UimlState state;

	(void) uiml_state_open(&state, sides->target.serving, true, 0);
	prediction_open(&prediction, &state, k, result);
	prediction.transferred = palloc(sizeof(float) * state.served->k);
	prediction_expect(&prediction, uiml_transfers_history(&prediction.transfers, &state,
														  UIML_TRANSFER_INTERESTS, sides, history));
	prediction_put(&prediction, 0);
}

/* uiml_predict_from(history, domain, k, weights, source) */
PG_FUNCTION_INFO_V1(uiml_predict_from);
Datum
uiml_predict_from(PG_FUNCTION_ARGS)
{
	int k = uiml_arg_k(fcinfo, 2);
	UimlHistory history = uiml_arg_history(fcinfo, 0, 3);
	UimlTransferSides sides;
	UimlResult result;
	ListCell *cell;

	uiml_result_begin(fcinfo, 10, &result);
	if (uiml_arg_sides(fcinfo, 4, 1, &sides))
	{
		predict_elsewhere(&sides, &history, k, &result);
		return (Datum) 0;
	}
	foreach (cell, uiml_arg_domains(fcinfo, 1))
		predict_history(lfirst(cell), &history, k, !PG_ARGISNULL(1), &result);
	return (Datum) 0;
}

/* ---------- all users ---------- */

/* Users whom transfers and sequences are asked about at once: one look into a source costs 35 us, and most of that once. */
#define BATCH_USERS 1000

typedef struct AllUsers
{
	Prediction prediction;
	int16 key_length;
	bool key_by_value;
	int n;
	Datum key[BATCH_USERS];
	InterestVector *mass[BATCH_USERS];
	MemoryContext batch_context; /* emptied after each batch */
	MemoryContext row_context;   /* emptied after each user */
} AllUsers;

static void
predict_batch(AllUsers *all)
{
	Prediction *prediction = &all->prediction;
	MemoryContext old = MemoryContextSwitchTo(all->batch_context);
	Oid type = prediction->served->user_type;
	bool sequences;

	uiml_transfers_users(&prediction->transfers, type, all->key, all->n);
	sequences =
		prediction->sequence.model != NULL && uiml_sequence_users(&prediction->sequence, all->key, all->n);
	MemoryContextSwitchTo(all->row_context);
	for (int i = 0; i < all->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (sequences)
			uiml_sequence_choose(&prediction->sequence, i);
		memcpy(prediction->mass, all->mass[i]->x, sizeof(float) * prediction->served->k);
		prediction_expect(prediction, uiml_transfers_choose(&prediction->transfers, i));
		prediction_put(prediction, CStringGetTextDatum(uiml_userkey_text(type, all->key[i])));
		MemoryContextReset(all->row_context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(all->batch_context);
	all->n = 0;
}

static void
add_user(TupleTableSlot *slot, void *ctx)
{
	AllUsers *all = ctx;
	Prediction *prediction = &all->prediction;
	MemoryContext old;

	slot_getallattrs(slot);
	if (slot->tts_isnull[0] || slot->tts_isnull[1])
		return;
	old = MemoryContextSwitchTo(all->batch_context);
	all->key[all->n] = datumCopy(slot->tts_values[0], all->key_by_value, all->key_length);
	all->mass[all->n++] = uiml_served_masses(prediction->served, prediction->serving, slot->tts_values[1]);
	MemoryContextSwitchTo(old);
	if (all->n == BATCH_USERS)
		predict_batch(all);
}

static void
predict_users(FunctionCallInfo fcinfo, const UimlState *state, int k, UimlResult *result)
{
	const UimlServing *serving = state->serving;
	const Oid types[] = {state->served->user_type, state->served->vector_type};
	AllUsers *all = palloc0(sizeof(AllUsers));

	prediction_open(&all->prediction, state, k, result);
	all->prediction.factor = decay_factor(fcinfo, 2, serving);
	prediction_open_models(&all->prediction, state);
	get_typlenbyval(state->served->user_type, &all->key_length, &all->key_by_value);
	all->batch_context = AllocSetContextCreate(CurrentMemoryContext, "uiml users", ALLOCSET_DEFAULT_SIZES);
	all->row_context = AllocSetContextCreate(CurrentMemoryContext, "uiml user", ALLOCSET_SMALL_SIZES);
	uiml_served_each(
		serving,
		psprintf("SELECT user_id, interests FROM ONLY %s WHERE version OPERATOR(pg_catalog.=) %d",
				 uiml_relation_name(serving->users_table), serving->version),
		types, lengthof(types), add_user, all);
	predict_batch(all);
	MemoryContextDelete(all->row_context);
	MemoryContextDelete(all->batch_context);
	pfree(all);
}

/* uiml_predict_all(domain, k, as_of) */
PG_FUNCTION_INFO_V1(uiml_predict_all);
Datum
uiml_predict_all(PG_FUNCTION_ARGS)
{
	int k = uiml_arg_k(fcinfo, 1);
	List *domains = uiml_arg_domains(fcinfo, 0);
	UimlResult result;
	ListCell *cell;

	uiml_result_begin(fcinfo, 11, &result);
	foreach (cell, domains)
	{
		UimlState state;

		if (uiml_state_open(&state, lfirst(cell), !PG_ARGISNULL(0), UIML_STATE_USERS))
			predict_users(fcinfo, &state, k, &result);
	}
	return (Datum) 0;
}

/* ---------- the interests themselves ---------- */

static void
put_interest(TupleTableSlot *slot, void *ctx)
{
	slot_getallattrs(slot);
	uiml_result_put(ctx, slot->tts_values, slot->tts_isnull);
}

/* uiml_interests(domain) */
PG_FUNCTION_INFO_V1(uiml_interests);
Datum
uiml_interests(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {INT4OID, TEXTOID, TEXTARRAYOID, FLOAT4OID, INT4OID, TEXTARRAYOID};
	UimlServing *serving;
	UimlResult result;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("domain must not be null"),
						errhint("Name a domain; the view uiml.domains lists them.")));
	serving = linitial(uiml_arg_domains(fcinfo, 0));
	uiml_result_begin(fcinfo, 6, &result);
	(void) uiml_served_open(serving);
	uiml_served_each(
		serving,
		psprintf("SELECT interest_id, label, terms, share, items, typical FROM ONLY %s WHERE version"
				 " OPERATOR(pg_catalog.=) %d ORDER BY interest_no",
				 uiml_relation_name(serving->interests_table), serving->version),
		types, lengthof(types), put_interest, &result);
	return (Datum) 0;
}
