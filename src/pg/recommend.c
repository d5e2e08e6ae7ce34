/*
 * recommend.c
 *	  Items for users: known, unknown, or given by their history.
 *
 * Every item that takes part is scored by the product of its out-vector with the user's vector, and scores
 * become shares of the user's next events (core/model.h).  Items left out (seen ones, or all that are no
 * candidates) score -infinity before that, so the shares of those that remain sum to one.
 *
 * Beside the history stands the popularity of items, or, where transfers tell something of a user, what they
 * tell.  Where the version has a sequence model of items and something is known of what the user did last, the
 * share is (1 - w) times that and w times the model's among the items that take part.
 *
 * A diverse list is chosen from the best shares by maximal marginal relevance.  Relevance is the share over
 * the highest one, and how alike two items are is the cosine of their rows of V sigma (core/model_score.h): a
 * similarity of the users they have in common, on the same scale of 0 to 1, where the cosine of the stored
 * vectors would depend on how sigma was divided between the two.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/mmr.h"
#include "core/model_score.h"
#include "core/topk.h"
#include "pg/env.h"
#include "pg/itemcache.h"
#include "pg/prediction.h"
#include "pg/sequence_serving.h"
#include "pg/sql.h"
#include "pg/toolargs.h"
#include "pg/transfer_serving.h"

/* Products between two looks for a cancel: some milliseconds. */
#define SCORE_BLOCK ((size_t) 1 << 22)

/* A diverse list of k is chosen among this many times k of the best, and this many at least. */
#define POOL_FACTOR 10
#define POOL_ITEMS  100

/* What a call asks for, in every domain. */
typedef struct Request
{
	int k;
	bool named; /* the domain was */
	bool exclude_seen;
	ArrayType *candidates; /* NULL: any item */
	Oid candidates_from;   /* InvalidOid: any item */
	double diversity;      /* 0 .. 1 */
} Request;

/* One domain, opened for recommendations. */
typedef struct Recommendation
{
	const Request *request;
	const UimlServing *serving;
	UimlServed *served;
	const UimlItemFile *file;
	const double *sigma;   /* dims; for a diverse list only */
	float *vector;         /* dims: the user's */
	double total;          /* items the user is known by: what a blend with the expected shares weighs */
	bool *out;             /* n_items: left out */
	const float *expected; /* n_items: popularity, or what transfers tell */
	UimlBasis basis;       /* of the expected shares */
	double item_alpha;     /* their strength, in items */
	UimlSequence sequence;
} Recommendation;

/* ---------- arguments ---------- */

/* The arguments k, exclude_seen, candidates, candidates_from and diversity. */
static Request
request_read(FunctionCallInfo fcinfo, int exclude_argument)
{
	Request request = {.k = uiml_arg_k(fcinfo, 2), .named = !PG_ARGISNULL(1)};

	uiml_arg_required(fcinfo, exclude_argument, "exclude_seen");
	request.exclude_seen = PG_GETARG_BOOL(exclude_argument);
	if (!PG_ARGISNULL(exclude_argument + 1))
		request.candidates = PG_GETARG_ARRAYTYPE_P(exclude_argument + 1);
	if (!PG_ARGISNULL(exclude_argument + 2))
		request.candidates_from = PG_GETARG_OID(exclude_argument + 2);
	if (request.candidates != NULL && OidIsValid(request.candidates_from))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("candidates and candidates_from cannot be used together"),
						errhint("Pass one of them.")));
	request.diversity =
		uiml_arg_share(fcinfo, exclude_argument + 3, "diversity",
					   "0 is the order of the scores, 1 the list of the least similar items.");
	return request;
}

/* ---------- candidates ---------- */

typedef struct CandidateReader
{
	Recommendation *recommendation;
	Oid type;
	MemoryContext row_context; /* emptied after each row */
} CandidateReader;

static void
admit_item(const Recommendation *recommendation, Oid type, Datum value)
{
	uint32 item = uiml_item_number(recommendation->file, recommendation->served, recommendation->serving,
								   recommendation->request->named, type, value);

	if (item != UINT32_MAX)
		recommendation->out[item] = false;
}

static void
admit_row(TupleTableSlot *slot, void *ctx)
{
	CandidateReader *reader = ctx;
	MemoryContext old = MemoryContextSwitchTo(reader->row_context);
	bool null;
	Datum value = slot_getattr(slot, 1, &null);

	if (!null)
		admit_item(reader->recommendation, reader->type, value);
	MemoryContextSwitchTo(old);
	MemoryContextReset(reader->row_context);
}

static void
admit_array(const Recommendation *recommendation, ArrayType *array)
{
	Oid type = ARR_ELEMTYPE(array);
	int16 length;
	bool by_value;
	char align;
	Datum *value;
	bool *null;
	int n;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(array, type, length, by_value, align, &value, &null, &n);
	for (int i = 0; i < n; i++)
		if (!null[i])
			admit_item(recommendation, type, value[i]);
}

/* The column that holds item keys: item_id, or the only one. */
static char *
candidate_column(Oid relid, Oid *type)
{
	Relation rel = try_relation_open(relid, AccessShareLock);
	Form_pg_attribute chosen = NULL;
	int n_columns = 0;
	TupleDesc desc;
	char *name;

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relid)));
	desc = RelationGetDescr(rel);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped)
			continue;
		n_columns++;
		if (chosen == NULL || strcmp(NameStr(attribute->attname), "item_id") == 0)
			chosen = attribute;
	}
	if (chosen == NULL || (n_columns > 1 && strcmp(NameStr(chosen->attname), "item_id") != 0))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("relation \"%s\" has no column \"item_id\"", RelationGetRelationName(rel)),
				 errhint("candidates_from takes a table or view with a column item_id, or with a single "
						 "column.")));
	*type = chosen->atttypid;
	name = pstrdup(quote_identifier(NameStr(chosen->attname)));
	relation_close(rel, NoLock);
	return name;
}

static void
admit_relation(Recommendation *recommendation, Oid relid)
{
	CandidateReader reader = {.recommendation = recommendation};
	char *column = candidate_column(relid, &reader.type);

	reader.row_context = AllocSetContextCreate(CurrentMemoryContext, "uiml candidate", ALLOCSET_SMALL_SIZES);
	uiml_sql_each(psprintf("SELECT %s FROM %s", column, uiml_relation_name(relid)), NULL, true, admit_row,
				  &reader);
	MemoryContextDelete(reader.row_context);
}

/* ---------- ranking ---------- */

static void
recommendation_open(Recommendation *recommendation, const Request *request, const UimlState *state)
{
	recommendation->request = request;
	recommendation->serving = state->serving;
	recommendation->served = state->served;
	recommendation->file = state->file;
	recommendation->sigma = state->sigma;
	recommendation->vector = palloc0(sizeof(float) * recommendation->file->dims);
	recommendation->total = 0;
	recommendation->expected = state->file->popularity;
	recommendation->basis = UIML_BASIS_PRIOR;
	recommendation->item_alpha = state->serving->item_alpha;
	recommendation->sequence = (UimlSequence){0};
	recommendation->out = palloc0(recommendation->file->n_items);
	if (request->candidates == NULL && !OidIsValid(request->candidates_from))
		return;
	memset(recommendation->out, true, recommendation->file->n_items);
	if (request->candidates != NULL)
		admit_array(recommendation, request->candidates);
	else
		admit_relation(recommendation, request->candidates_from);
}

static float *
score_items(const Recommendation *recommendation)
{
	const UimlItemFile *file = recommendation->file;
	size_t block = SCORE_BLOCK / file->dims;
	float *score = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * file->n_items);

	for (size_t at = 0; at < file->n_items; at += block)
	{
		CHECK_FOR_INTERRUPTS();
		uiml_score_items(file->out + at * file->dims, Min(block, file->n_items - at), file->dims,
						 recommendation->vector, score + at);
	}
	for (size_t i = 0; i < file->n_items; i++)
		if (recommendation->out[i])
			score[i] = -INFINITY;
	return score;
}

/* The items that take part: what their expected shares are divided by. */
typedef struct Field
{
	size_t items;
	double expected;
} Field;

static Field
survey_items(const Recommendation *recommendation)
{
	Field field = {0};

	for (size_t i = 0; i < recommendation->file->n_items; i++)
	{
		if (recommendation->out[i])
			continue;
		field.items++;
		field.expected += recommendation->expected[i];
	}
	return field;
}

/* What an item's share is to somebody without history. */
static double
expected_share(const Recommendation *recommendation, const Field *field, uint32 item)
{
	if (field->expected > 0)
		return recommendation->expected[item] / field->expected;
	return 1.0 / field->items;
}

static void
put_item(const Recommendation *recommendation, Datum domain, int rank, uint32 item,
		 const UimlForecast *forecast, UimlResult *result)
{
	Datum values[10];
	bool nulls[10] = {false};
	const char *written;
	size_t length;

	values[0] = domain;
	values[1] = Int32GetDatum(rank);
	written = uiml_itemfile_key(recommendation->file, item, &length);
	values[2] = PointerGetDatum(cstring_to_text_with_len(written, (int) length));
	written = uiml_itemfile_title(recommendation->file, item, &length);
	nulls[3] = length == 0;
	values[3] = nulls[3] ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(written, (int) length));
	uiml_forecast_columns(forecast, recommendation->serving->version, &values[4]);
	uiml_result_put(result, values, nulls);
}

/* ---------- diversity ---------- */

/* Items that a diverse list is chosen from, best first. */
typedef struct Pool
{
	size_t n;
	size_t dims;
	float *direction;  /* n x dims, unit */
	float *similarity; /* n, workspace */
} Pool;

static void
pool_similarity(void *ctx, size_t chosen, double *similarity)
{
	const Pool *pool = ctx;

	uiml_score_items(pool->direction, pool->n, pool->dims, pool->direction + chosen * pool->dims,
					 pool->similarity);
	for (size_t i = 0; i < pool->n; i++)
		similarity[i] = pool->similarity[i];
}

/* Puts k of the n items in order, which are the best by their shares, into the order of a diverse list. */
static size_t
diversify(const Recommendation *recommendation, const float *share, uint32 *order, size_t n)
{
	const UimlItemFile *file = recommendation->file;
	size_t k = Min((size_t) recommendation->request->k, n);
	double lambda = 1 - recommendation->request->diversity;
	Pool pool = {.n = n, .dims = file->dims};
	double *relevance = palloc(sizeof(double) * Max(n, 1));
	size_t *chosen = palloc(sizeof(size_t) * Max(k, 1));
	uint32 *item = memcpy(palloc(sizeof(uint32) * Max(n, 1)), order, sizeof(uint32) * n);
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);

	pool.direction = palloc_extended(sizeof(float) * Max(n, 1) * file->dims, MCXT_ALLOC_HUGE);
	pool.similarity = palloc(sizeof(float) * Max(n, 1));
	for (size_t i = 0; i < n; i++)
	{
		uiml_item_direction(file->in + item[i] * file->dims, recommendation->sigma, file->dims,
							pool.direction + i * file->dims);
		relevance[i] = share[item[0]] > 0 ? (double) share[item[i]] / share[item[0]] : 0;
	}
	uiml_check(uiml_mmr_select(&env, relevance, n, lambda, pool_similarity, &pool, k, chosen), "diversity");
	for (size_t rank = 0; rank < k; rank++)
		order[rank] = item[chosen[rank]];
	return k;
}

/* ---------- rows ---------- */

/* Items to return, as many as k and as there are; order is palloc'd. */
static size_t
choose_items(const Recommendation *recommendation, const float *share, uint32 **order)
{
	size_t k = (size_t) recommendation->request->k;
	size_t n_items = recommendation->file->n_items;
	size_t n = recommendation->request->diversity > 0 ? Max(POOL_FACTOR * k, POOL_ITEMS) : k;

	n = Min(n, n_items);
	*order = palloc(sizeof(uint32) * n);
	n = uiml_topk(share, n_items, n, *order);
	return recommendation->request->diversity > 0 ? diversify(recommendation, share, *order, n) : n;
}

/* What the sequence model says beside the shares of the items that take part. */
static void
blend_sequence(const Recommendation *recommendation, float *share)
{
	const UimlSequence *sequence = &recommendation->sequence;
	double next = sequence->weight;

	for (size_t i = 0; i < recommendation->file->n_items; i++)
		if (!recommendation->out[i])
			share[i] = (float) ((1 - next) * share[i] + next * sequence->share[i]);
}

/* The share of an item to be returned; expected: the part of it that is no history, without the sequence model. */
static UimlForecast
item_forecast(const Recommendation *recommendation, uint32 item, double share, double expected)
{
	double next = recommendation->sequence.weight;
	double sequence_part = next > 0 ? next * recommendation->sequence.share[item] : 0;

	return uiml_forecast(share, Max(share - sequence_part - (1 - next) * expected, 0), sequence_part,
						 recommendation->basis, recommendation->total + recommendation->item_alpha);
}

/* Scores, ranks and adds the rows. */
static void
recommendation_put(Recommendation *recommendation, UimlResult *result)
{
	const UimlItemFile *file = recommendation->file;
	const UimlServing *serving = recommendation->serving;
	float *share = score_items(recommendation);
	uint32 *order;
	Datum domain = CStringGetTextDatum(serving->domain);
	Field field = survey_items(recommendation);
	double history_weight;
	size_t n;

	uiml_item_shares(share, file->n_items, recommendation->expected, recommendation->total,
					 recommendation->item_alpha, serving->temperature, &history_weight);
	if (recommendation->sequence.weight > 0 &&
		uiml_sequence_admit(&recommendation->sequence, recommendation->out))
		blend_sequence(recommendation, share);
	n = choose_items(recommendation, share, &order);
	for (size_t rank = 0; rank < n; rank++)
	{
		uint32 item = order[rank];
		double expected = (1 - history_weight) * expected_share(recommendation, &field, item);
		UimlForecast forecast = item_forecast(recommendation, item, share[item], expected);

		put_item(recommendation, domain, (int) rank + 1, item, &forecast, result);
	}
	pfree(share);
}

/* What is read of a domain beside its users. */
static int
recommend_parts(const Request *request)
{
	return request->diversity > 0 ? UIML_STATE_ITEMS | UIML_STATE_SIGMA : UIML_STATE_ITEMS;
}

/* ---------- one user ---------- */

/* What transfers tell is expected of a user beside his history; which items take part is known. */
static void
recommendation_expect(Recommendation *recommendation, const UimlState *state, const UimlTransfers *transfers)
{
	float *share;

	if (survey_items(recommendation).items == 0)
		return;
	share = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * state->file->n_items);
	recommendation->item_alpha = uiml_transfers_items(transfers, state->file, recommendation->out, share);
	recommendation->expected = share;
	recommendation->basis = UIML_BASIS_TRANSFER;
}

static bool
recommendation_open_sequence(Recommendation *recommendation, const UimlState *state)
{
	bool there = uiml_sequence_open(&recommendation->sequence, state, UIML_NEXT_ITEM);

	recommendation->sequence.exclude_seen = recommendation->request->exclude_seen;
	return there;
}

static void
recommend_user(FunctionCallInfo fcinfo, const Request *request, const UimlServing *serving,
			   UimlResult *result)
{
	Recommendation recommendation;
	UimlState state;
	UimlTransfers transfers;
	UimlUserRow row = {0};
	Datum key;
	bool known;

	if (!uiml_state_open(&state, serving, request->named, UIML_STATE_USERS | recommend_parts(request)))
		return;
	recommendation_open(&recommendation, request, &state);
	if (!uiml_arg_user(fcinfo, serving, recommendation.served->user_type, request->named, &key, &known))
		return;
	if (known && !uiml_state_user(&state, key, UIML_USER_ITEMS, &row))
		return;
	if (row.found)
	{
		memcpy(recommendation.vector, row.vector->x, sizeof(float) * recommendation.file->dims);
		recommendation.total = row.n_items + row.texts;
		for (int i = 0; request->exclude_seen && i < row.n_items; i++)
			recommendation.out[row.items[i]] = true;
	}
	if (known)
	{
		uiml_transfers_open(&transfers, &state, UIML_TRANSFER_ITEMS);
		if (uiml_transfers_user(&transfers, state.served->user_type, key))
			recommendation_expect(&recommendation, &state, &transfers);
		if (recommendation_open_sequence(&recommendation, &state))
			(void) uiml_sequence_user(&recommendation.sequence, key);
	}
	recommendation_put(&recommendation, result);
}

/* uiml_recommend(user_id, domain, k, exclude_seen, candidates, candidates_from, diversity) */
PG_FUNCTION_INFO_V1(uiml_recommend);
Datum
uiml_recommend(PG_FUNCTION_ARGS)
{
	Request request = request_read(fcinfo, 3);
	List *domains = uiml_arg_domains(fcinfo, 1);
	UimlResult result;
	ListCell *cell;

	uiml_result_begin(fcinfo, 10, &result);
	foreach (cell, domains)
		recommend_user(fcinfo, &request, lfirst(cell), &result);
	return (Datum) 0;
}

/* ---------- a history without a user ---------- */

static void
recommend_history(const Request *request, const UimlServing *serving, const UimlHistory *history,
				  UimlResult *result)
{
	Recommendation recommendation;
	UimlState state;
	UimlFolded folded;

	if (!uiml_state_open(&state, serving, request->named, recommend_parts(request)))
		return;
	recommendation_open(&recommendation, request, &state);
	folded = uiml_history_fold(&state, history);
	recommendation.vector = folded.vector;
	recommendation.total = folded.n_items;
	for (size_t i = 0; request->exclude_seen && i < state.file->n_items; i++)
		recommendation.out[i] |= folded.named[i];
	if (recommendation_open_sequence(&recommendation, &state))
		(void) uiml_sequence_ask(&recommendation.sequence, folded.event, (size_t) folded.n_events);
	recommendation_put(&recommendation, result);
}

/* A history in another domain. */
static void
recommend_elsewhere(const Request *request, const UimlTransferSides *sides, const UimlHistory *history,
					UimlResult *result)
{
	Recommendation recommendation;
	UimlTransfers transfers;
	UimlState state;

	(void) uiml_state_open(&state, sides->target.serving, true, recommend_parts(request));
	recommendation_open(&recommendation, request, &state);
	if (uiml_transfers_history(&transfers, &state, UIML_TRANSFER_ITEMS, sides, history))
		recommendation_expect(&recommendation, &state, &transfers);
	recommendation_put(&recommendation, result);
}

/*
 * uiml_recommend_from(history, domain, k, weights, exclude_seen, candidates, candidates_from, diversity,
 * source)
 */
PG_FUNCTION_INFO_V1(uiml_recommend_from);
Datum
uiml_recommend_from(PG_FUNCTION_ARGS)
{
	Request request = request_read(fcinfo, 4);
	UimlHistory history = uiml_arg_history(fcinfo, 0, 3);
	UimlTransferSides sides;
	UimlResult result;
	ListCell *cell;

	uiml_result_begin(fcinfo, 10, &result);
	if (uiml_arg_sides(fcinfo, 8, 1, &sides))
	{
		recommend_elsewhere(&request, &sides, &history, &result);
		return (Datum) 0;
	}
	foreach (cell, uiml_arg_domains(fcinfo, 1))
		recommend_history(&request, lfirst(cell), &history, &result);
	return (Datum) 0;
}
