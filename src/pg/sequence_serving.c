/*
 * sequence_serving.c
 *	  Sequence models at work.
 *
 * A model's bytes are mapped as a transfer's are, tied to the id of its row, which the caller has read under his
 * own rights.  The table of sequences is read as users are (pg/served.c): as its owner, after the caller's right to
 * SELECT was checked, by a saved plan, and nothing of what is in it is believed.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/itemcache.h"
#include "pg/mapfile.h"
#include "pg/sequence_serving.h"
#include "pg/sequence_store.h"
#include "pg/sql.h"

#define FILE_SUFFIX ".sequence"

static const UimlServedColumn sequences_columns[] = {
	{"user_id", ANYOID}, {"version", INT4OID}, {"recent", INT4ARRAYOID}};

/* ---------- which there is ---------- */

static void
read_row(TupleTableSlot *slot, void *ctx)
{
	*(UimlSequenceRow **) ctx = uiml_sequence_read(slot);
}

/* As uiml_sequence_find, by a plan that lives as long as the backend. */
static const UimlSequenceRow *
find_model(const UimlServing *serving, UimlNextTarget target)
{
	static UimlPlan *plan;
	UimlSequenceRow *row = NULL;
	Datum value[] = {Int64GetDatum(serving->version_id),
					 CStringGetTextDatum(uiml_sequence_target_name(target))};

	if (plan == NULL)
	{
		static const Oid type[] = {INT8OID, TEXTOID};

		plan = uiml_plan_prepare(
			"SELECT " UIML_SEQUENCE_COLUMNS " FROM uiml.sequence_model m "
			"WHERE m.version_id OPERATOR(pg_catalog.=) $1 AND m.target OPERATOR(pg_catalog.=) $2",
			lengthof(type), type);
	}
	uiml_plan_each(plan, value, NULL, read_row, &row);
	return row;
}

/* ---------- bytes ---------- */

static bool
file_fits(const void *view, const void *ctx)
{
	const UimlSequence *sequence = ctx;
	const UimlSequenceFile *file = view;
	const UimlServing *serving = sequence->state->serving;
	int64 classes = sequence->row->target == UIML_NEXT_INTEREST ? (int64) serving->interests : serving->items;

	return file->size == (Size) sequence->row->bytes && file->model.target == sequence->row->target &&
		   file->model.n_classes == (size_t) classes && uiml_next_valid(&file->model, &sequence->space);
}

static bool
file_check(const char *data, Size size, bool verify, void *view, const void *ctx)
{
	return uiml_sequencefile_open(data, size, verify, view) == UIML_OK && file_fits(view, ctx);
}

static void
refuse_model(const UimlSequence *sequence)
{
	ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("the sequence model of domain \"%s\" has invalid stored data",
				   sequence->state->serving->domain),
			errhint("Train it again with uiml_train_sequence."));
}

static void
file_build(const void *ctx, UimlMapWriter *writer)
{
	const UimlSequence *sequence = ctx;
	char *bytes = uiml_sequence_bytes(sequence->row, true, CurrentMemoryContext);
	Size size = (Size) sequence->row->bytes;
	UimlSequenceFile file;

	if ((UIML_SEQUENCEFILE_FOREIGN && uiml_sequencefile_swap(bytes, size) != UIML_OK) ||
		!file_check(bytes, size, true, &file, ctx))
		refuse_model(sequence);
	uiml_mapfile_begin(writer, size);
	uiml_mapfile_write(writer, bytes, size);
}

/* Files of models that were dropped or replaced. */
static bool
file_gone(Oid relation, const char *suffix)
{
	long long model_id;
	char rest[UIML_MAP_SUFFIX];

	(void) relation;
	if (sscanf(suffix, "%lld%31s", &model_id, rest) != 2 || strcmp(rest, FILE_SUFFIX) != 0)
		return false;
	return !uiml_catalog_has(
		"SELECT FROM uiml.sequence_model m WHERE m.sequence_model_id OPERATOR(pg_catalog.=) $1",
		(int64) model_id);
}

static const UimlNextModel *
open_file(const UimlSequence *sequence)
{
	static const UimlMapKind kind = {.noun = "sequence model",
									 .view_size = sizeof(UimlSequenceFile),
									 .check = file_check,
									 .build = file_build,
									 .fits = file_fits,
									 .gone = file_gone};
	char suffix[UIML_MAP_SUFFIX];
	UimlMapKey key;
	const UimlSequenceFile *file;

	snprintf(suffix, sizeof(suffix), INT64_FORMAT FILE_SUFFIX, sequence->row->sequence_model_id);
	key.relation = get_relname_relid("sequence_model", get_namespace_oid("uiml", false));
	key.digest = sequence->row->digest;
	key.suffix = suffix;
	file = uiml_mapfile_open(&kind, &key, sequence);
	return &file->model;
}

/* ---------- opening ---------- */

/* The key of the table of sequences is that of the users'. */
static void
check_sequences(const UimlSequence *sequence)
{
	const UimlServing *serving = sequence->state->serving;
	UimlServed *served = sequence->state->served;

	if (!OidIsValid(served->user_type))
		uiml_served_users(served, serving);
	if (uiml_served_table(serving, sequence->row->sequences_table, sequences_columns,
						  lengthof(sequences_columns), InvalidOid) != served->user_type)
		uiml_served_refuse(serving, "type of a key");
}

/* A UimlAttemptFn. */
static void
open_model(void *ctx)
{
	UimlSequence *sequence = ctx;
	const UimlState *state = sequence->state;
	const UimlItemFile *file =
		state->file != NULL ? state->file : uiml_items_open(state->served, state->serving);
	Size room;

	sequence->space = (UimlNextSpace){.n_items = file->n_items,
									  .dims = file->dims,
									  .in = file->in,
									  .out = file->out,
									  .interest = file->interest};
	check_sequences(sequence);
	sequence->model = open_file(sequence);
	room = uiml_next_room(sequence->model, &sequence->space);
	if (room == 0)
		refuse_model(sequence);
	sequence->room = palloc_extended(room, MCXT_ALLOC_HUGE);
	sequence->share = palloc_extended(sizeof(float) * sequence->model->n_classes, MCXT_ALLOC_HUGE);
}

bool
uiml_sequence_open(UimlSequence *sequence, const UimlState *state, UimlNextTarget target)
{
	const UimlServing *serving = state->serving;

	*sequence = (UimlSequence){.state = state, .strict = state->named || serving->owner == GetUserId()};
	if (!serving->sequences)
		return false;
	sequence->row = find_model(serving, target);
	if (sequence->row == NULL)
		return false;
	if (uiml_read_or_leave_out(open_model, sequence, sequence->strict, serving->domain))
		return true;
	sequence->model = NULL;
	return false;
}

/* ---------- what users did last ---------- */

/* The array of the last events: no NULL, one dimension at most, numbers of items, no more than are stored. */
static int
copy_recent(const UimlServing *serving, Datum value, uint32 **item)
{
	ArrayType *array = DatumGetArrayTypePCopy(value);
	int n = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];

	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT4OID || n > UIML_MAX_RECENT)
		uiml_served_refuse(serving, "sequence of a user");
	*item = (uint32 *) ARR_DATA_PTR(array);
	/* as unsigned numbers the negative ones are too high as well */
	for (int i = 0; i < n; i++)
		if ((*item)[i] >= (uint64) serving->items)
			uiml_served_refuse(serving, "sequence of a user");
	return n;
}

typedef struct RecentReader
{
	UimlSequence *sequence;
	Datum key;
	uint32 *item;
	int n;
	UimlServedKeys keys; /* of many users at once */
} RecentReader;

static void
read_recent(TupleTableSlot *slot, void *ctx)
{
	RecentReader *reader = ctx;
	const UimlServing *serving = reader->sequence->state->serving;
	bool null;
	Datum value = slot_getattr(slot, 1, &null);

	if (null)
		uiml_served_refuse(serving, "sequence of a user");
	reader->n = copy_recent(serving, value, &reader->item);
}

/* The statement that fetches one user's; prepared again when the table was renamed, moved or replaced. */
static UimlPlan *
recent_plan(const UimlSequence *sequence)
{
	UimlServed *served = sequence->state->served;
	char *name = uiml_relation_name(sequence->row->sequences_table);

	if (served->recent_name == NULL || strcmp(served->recent_name, name) != 0 ||
		served->recent_type != served->user_type)
	{
		uiml_plan_free(served->recent_plan);
		served->recent_plan = NULL;
		served->recent_name = MemoryContextStrdup(served->context, name);
		served->recent_type = served->user_type;
	}
	if (served->recent_plan == NULL)
		served->recent_plan = uiml_plan_prepare(
			psprintf("SELECT recent FROM ONLY %s WHERE version OPERATOR(pg_catalog.=) %d AND user_id %s $1",
					 name, sequence->state->serving->version, uiml_equality_of(served->user_type)),
			1, &served->user_type);
	return served->recent_plan;
}

/* A UimlAttemptFn. */
static void
read_user(void *ctx)
{
	static const Oid types[] = {INT4ARRAYOID};
	RecentReader *reader = ctx;
	UimlActing caller;

	uiml_act_as(reader->sequence->state->serving->owner, &caller);
	uiml_plan_each_typed(recent_plan(reader->sequence), &reader->key, NULL, types, lengthof(types),
						 read_recent, reader);
	uiml_act_as_self(&caller);
}

bool
uiml_sequence_user(UimlSequence *sequence, Datum key)
{
	RecentReader reader = {.sequence = sequence, .key = key};

	sequence->weight = 0;
	if (!uiml_read_or_leave_out(read_user, &reader, sequence->strict, sequence->state->serving->domain))
		return false;
	return uiml_sequence_ask(sequence, reader.item, (size_t) reader.n);
}

/* ---------- many users at once ---------- */

static void
read_one_of_many(TupleTableSlot *slot, void *ctx)
{
	const RecentReader *reader = ctx;
	const UimlServing *serving = reader->sequence->state->serving;
	UimlRecent *recent = &reader->sequence->recent;
	int64 i;

	slot_getallattrs(slot);
	if (slot->tts_isnull[1])
		uiml_served_refuse(serving, "sequence of a user");
	i = DatumGetInt64(slot->tts_values[0]) - 1;
	recent->n[i] = copy_recent(serving, slot->tts_values[1], &recent->item[i]);
}

/* A UimlAttemptFn. */
static void
read_users(void *ctx)
{
	RecentReader *reader = ctx;
	const UimlSequence *sequence = reader->sequence;

	uiml_served_batch(sequence->state->serving, sequence->row->sequences_table, "recent", INT4ARRAYOID,
					  &reader->keys, read_one_of_many, reader);
}

bool
uiml_sequence_users(UimlSequence *sequence, const Datum *key, int n)
{
	RecentReader reader = {.sequence = sequence,
						   .keys = {.type = sequence->state->served->user_type, .key = key, .n = n}};

	sequence->recent.n = palloc0(sizeof(int) * (Size) Max(n, 1));
	sequence->recent.item = palloc0(sizeof(uint32 *) * (Size) Max(n, 1));
	return uiml_read_or_leave_out(read_users, &reader, sequence->strict, sequence->state->serving->domain);
}

void
uiml_sequence_choose(UimlSequence *sequence, int i)
{
	(void) uiml_sequence_ask(sequence, sequence->recent.item[i], (size_t) sequence->recent.n[i]);
}

/* ---------- asking ---------- */

/* Item vectors, which the domain's owner may have written, can lead beyond all numbers. */
static bool
has_shares(const UimlSequence *sequence)
{
	double sum = 0;

	for (size_t j = 0; j < sequence->model->n_classes; j++)
		sum += sequence->share[j];
	return sum >= 0 && !isinf(sum);
}

bool
uiml_sequence_ask(UimlSequence *sequence, const uint32 *item, size_t n)
{
	sequence->n_known = uiml_next_predict(sequence->model, &sequence->space, item, n, sequence->exclude_seen,
										  sequence->room, sequence->share);
	sequence->weight = 0;
	if (!has_shares(sequence))
	{
		if (sequence->strict)
			refuse_model(sequence);
		return false;
	}
	if (sequence->n_known > 0)
		sequence->weight = sequence->model->blend[uiml_next_length(sequence->n_known)];
	return true;
}

bool
uiml_sequence_admit(UimlSequence *sequence, const bool *out)
{
	size_t n = sequence->model->n_classes;
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += out[i] ? 0 : sequence->share[i];
	if (!(sum > 0))
		sequence->weight = 0;
	for (size_t i = 0; i < n; i++)
		sequence->share[i] = out[i] || !(sum > 0) ? 0 : (float) (sequence->share[i] / sum);
	return sum > 0;
}

const char *
uiml_sequence_reason(const UimlSequence *sequence, uint32 class_no)
{
	return uiml_next_expert_name(
		uiml_next_reason(sequence->model, &sequence->space, sequence->n_known, sequence->room, class_no));
}
