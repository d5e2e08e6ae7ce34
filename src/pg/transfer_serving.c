/*
 * transfer_serving.c
 *	  Transfers at work.
 *
 * Each source's tables are read by statements of their own, as their own owner, and joined with the target by
 * the user's key here: no statement reads the tables of two owners.  A transfer's bytes are mapped as an
 * encoder's are, tied to the id of its row, which the caller has read under his own rights.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/generalize.h"
#include "pg/env.h"
#include "pg/mapfile.h"
#include "pg/sql.h"
#include "pg/transfer_serving.h"
#include "pg/userkey.h"

#define FILE_SUFFIX ".transfer"

/* ---------- which there are ---------- */

#define SOURCES_QUERY                                                                                        \
	"SELECT " UIML_SERVING_COLUMNS                                                                           \
	", t.transfer_id, t.digest, t.bytes, t.interests_used, t.interests_gain, "                               \
	"t.items_used, t.items_gain FROM uiml.transfer t JOIN uiml.version v "                                   \
	"ON v.version_id OPERATOR(pg_catalog.=) t.source_version_id "                                            \
	"WHERE v.active AND t.version_id OPERATOR(pg_catalog.=) $1 AND t.bytes OPERATOR(pg_catalog.>) 0 "        \
	"ORDER BY t.source_version_id"

typedef struct SourcesReader
{
	UimlTransferUse use;
	List *sources; /* of UimlTransferSource * */
} SourcesReader;

/* A verdict is positive by a gain above 0; anything else is not from us. */
static bool
is_positive(bool used, double gain)
{
	return used && gain > 0 && !isinf(gain);
}

static void
read_source(TupleTableSlot *slot, void *ctx)
{
	SourcesReader *reader = ctx;
	UimlTransferSource *source = palloc0(sizeof(UimlTransferSource));
	int use = UIML_SERVING_N_COLUMNS + (reader->use == UIML_TRANSFER_INTERESTS ? 3 : 5);
	const Datum *value;

	slot_getallattrs(slot);
	value = slot->tts_values;
	if (slot->tts_isnull[use + 1] || !is_positive(DatumGetBool(value[use]), DatumGetFloat8(value[use + 1])))
		return;
	uiml_serving_read(slot, &source->serving);
	source->row.transfer_id = DatumGetInt64(value[UIML_SERVING_N_COLUMNS]);
	source->row.digest = DatumGetInt64(value[UIML_SERVING_N_COLUMNS + 1]);
	source->row.bytes = DatumGetInt64(value[UIML_SERVING_N_COLUMNS + 2]);
	source->gain = DatumGetFloat8(value[use + 1]);
	reader->sources = lappend(reader->sources, source);
}

static List *
find_sources(const UimlServing *target, UimlTransferUse use)
{
	static UimlPlan *plan;
	SourcesReader reader = {.use = use};
	Datum version_id = Int64GetDatum(target->version_id);

	if (plan == NULL)
	{
		Oid type = INT8OID;

		plan = uiml_plan_prepare(SOURCES_QUERY, 1, &type);
	}
	uiml_plan_each(plan, &version_id, NULL, read_source, &reader);
	return reader.sources;
}

/* ---------- bytes ---------- */

typedef struct TransferWanted
{
	const UimlServing *target;
	UimlTransferSource *source;
} TransferWanted;

static bool
file_fits(const void *view, const void *ctx)
{
	const TransferWanted *wanted = ctx;
	const UimlTransferFile *file = view;
	const UimlServing *target = wanted->target;
	const UimlServing *source = &wanted->source->serving;

	if (file->size != (Size) wanted->source->row.bytes)
		return false;
	if (file->interests.used &&
		(file->interests.p != (size_t) source->dims || file->interests.k != (size_t) target->interests))
		return false;
	return !file->items.used ||
		   (file->items.p == (size_t) source->dims && file->items.q == (size_t) target->dims &&
			file->items.n_items == (size_t) target->items);
}

static bool
file_check(const char *data, Size size, bool verify, void *view, const void *ctx)
{
	return uiml_transferfile_open(data, size, verify, view) == UIML_OK && file_fits(view, ctx);
}

static void
file_build(const void *ctx, UimlMapWriter *writer)
{
	const TransferWanted *wanted = ctx;
	char *bytes = uiml_transfer_bytes(&wanted->source->row, true, CurrentMemoryContext);
	Size size = (Size) wanted->source->row.bytes;
	UimlTransferFile file;

	if ((UIML_TRANSFERFILE_FOREIGN && uiml_transferfile_swap(bytes, size) != UIML_OK) ||
		!file_check(bytes, size, true, &file, ctx))
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("the transfer from domain \"%s\" to \"%s\" has invalid stored data",
					   wanted->source->serving.domain, wanted->target->domain),
				errhint("Train it again with uiml_train_transfer."));
	uiml_mapfile_begin(writer, size);
	uiml_mapfile_write(writer, bytes, size);
}

/* Files of transfers that were dropped or replaced. */
static bool
file_gone(Oid relation, const char *suffix)
{
	long long transfer_id;
	char rest[UIML_MAP_SUFFIX];

	(void) relation;
	if (sscanf(suffix, "%lld%31s", &transfer_id, rest) != 2 || strcmp(rest, FILE_SUFFIX) != 0)
		return false;
	return !uiml_catalog_has("SELECT FROM uiml.transfer t WHERE t.transfer_id OPERATOR(pg_catalog.=) $1",
							 (int64) transfer_id);
}

/* A UimlAttemptFn. */
static void
open_file(void *ctx)
{
	static const UimlMapKind kind = {.noun = "transfer",
									 .view_size = sizeof(UimlTransferFile),
									 .check = file_check,
									 .build = file_build,
									 .fits = file_fits,
									 .gone = file_gone};
	TransferWanted *wanted = ctx;
	UimlTransferSource *source = wanted->source;
	char suffix[UIML_MAP_SUFFIX];
	UimlMapKey key;

	snprintf(suffix, sizeof(suffix), INT64_FORMAT FILE_SUFFIX, source->row.transfer_id);
	key.relation = get_relname_relid("transfer", get_namespace_oid("uiml", false));
	key.digest = source->row.digest;
	key.suffix = suffix;
	source->file = uiml_mapfile_open(&kind, &key, wanted);
}

/* ---------- opening ---------- */

/* A UimlAttemptFn. */
static void
open_users(void *ctx)
{
	UimlTransferSource *source = ctx;

	source->served = uiml_served_open(&source->serving);
	uiml_served_users(source->served, &source->serving);
}

/* Its bytes; false where they can't be read and strict is false, or don't serve that use. */
static bool
open_transfer(const UimlTransfers *transfers, UimlTransferSource *source, bool strict)
{
	TransferWanted wanted = {.target = transfers->target, .source = source};
	const UimlTransferFile *file;

	if (!uiml_read_or_leave_out(open_file, &wanted, strict, source->serving.domain))
		return false;
	source->x = palloc(sizeof(float) * (Size) source->serving.dims);
	file = source->file;
	return transfers->use == UIML_TRANSFER_INTERESTS ? file->interests.used : file->items.used;
}

/* Faults of the source are its owner's, faults of the bytes the target's owner's. */
static bool
open_source(const UimlTransfers *transfers, UimlTransferSource *source)
{
	source->own = source->serving.owner == GetUserId();
	return uiml_serving_is_usable(&source->serving, false) &&
		   uiml_read_or_leave_out(open_users, source, source->own, source->serving.domain) &&
		   open_transfer(transfers, source, transfers->target->owner == GetUserId());
}

void
uiml_transfers_open(UimlTransfers *transfers, const UimlState *target, UimlTransferUse use)
{
	List *sources;
	ListCell *cell;

	*transfers = (UimlTransfers){.target = target->serving, .use = use};
	if (!target->serving->transfers)
		return;
	sources = find_sources(target->serving, use);
	transfers->source = palloc(sizeof(UimlTransferSource) * (Size) Max(list_length(sources), 1));
	foreach (cell, sources)
	{
		UimlTransferSource *source = lfirst(cell);

		if (open_source(transfers, source))
			transfers->source[transfers->n++] = *source;
	}
}

/* ---------- users ---------- */

/*
 * A key as one of the source's.  Transfers are learned from keys of the same text, so that '042' is not 42
 * here either.
 */
static bool
convert_key(const UimlTransferSource *source, Oid from, Datum key, Datum *converted)
{
	Oid to = source->served->user_type;
	int from_settings;
	int to_settings;
	bool same;

	*converted = key;
	if (from == to)
		return true;
	from_settings = uiml_settings_begin(from);
	to_settings = uiml_settings_begin(to);
	same = uiml_userkey_convert(from, key, to, converted) &&
		   strcmp(uiml_userkey_text(from, key), uiml_userkey_text(to, *converted)) == 0;
	uiml_settings_end(to_settings);
	uiml_settings_end(from_settings);
	return same;
}

typedef struct UserWanted
{
	UimlTransferSource *source;
	UimlUserPart part;
	Datum key;
	UimlUserRow row;
} UserWanted;

/* A UimlAttemptFn. */
static void
read_user(void *ctx)
{
	UserWanted *wanted = ctx;

	uiml_served_user(wanted->source->served, &wanted->source->serving, wanted->key, wanted->part,
					 &wanted->row);
}

/* To length 1; false for a vector that points nowhere. */
static bool
normalise(const float *vector, int dims, float *x)
{
	double square = 0;
	double scale;

	for (int j = 0; j < dims; j++)
		square += (double) vector[j] * vector[j];
	if (!(square > 0) || isinf(square))
		return false;
	scale = 1 / sqrt(square);
	for (int j = 0; j < dims; j++)
		x[j] = (float) (vector[j] * scale);
	return true;
}

/* False where the source can't be read. */
static bool
ask_source(UimlTransferSource *source, UimlTransferUse use, Oid type, Datum key)
{
	UserWanted wanted = {.source = source,
						 .part = use == UIML_TRANSFER_ITEMS ? UIML_USER_ITEMS : UIML_USER_VECTOR};

	source->known = false;
	if (!convert_key(source, type, key, &wanted.key))
		return true;
	if (!uiml_read_or_leave_out(read_user, &wanted, source->own, source->serving.domain))
		return false;
	if (!wanted.row.found)
		return true;
	source->known = normalise(wanted.row.vector->x, source->serving.dims, source->x);
	source->n_items = wanted.row.n_items;
	source->items = wanted.row.items;
	return true;
}

bool
uiml_transfers_user(UimlTransfers *transfers, Oid type, Datum key)
{
	bool known = false;
	int n = 0;

	for (int i = 0; i < transfers->n; i++)
	{
		UimlTransferSource source = transfers->source[i];

		if (!ask_source(&source, transfers->use, type, key))
			continue;
		known |= source.known;
		transfers->source[n++] = source;
	}
	transfers->n = n;
	return known;
}

/* ---------- many users at once ---------- */

typedef struct UsersWanted
{
	UimlTransferSource *source;
	Oid type;
	const Datum *key;
	int n;
} UsersWanted;

/* A UimlAttemptFn. */
static void
read_users(void *ctx)
{
	const UsersWanted *wanted = ctx;
	UimlTransferSource *source = wanted->source;
	Datum *key = palloc(sizeof(Datum) * (Size) Max(wanted->n, 1));

	for (int i = 0; i < wanted->n; i++)
		source->found[i] = convert_key(source, wanted->type, wanted->key[i], &key[i]);
	uiml_served_vectors(source->served, &source->serving, key, wanted->n, source->found, source->vector);
	pfree(key);
}

void
uiml_transfers_users(UimlTransfers *transfers, Oid type, const Datum *key, int n)
{
	int n_sources = 0;

	for (int i = 0; i < transfers->n; i++)
	{
		UimlTransferSource *source = &transfers->source[i];
		UsersWanted wanted = {.source = source, .type = type, .key = key, .n = n};

		source->found = palloc(sizeof(bool) * (Size) Max(n, 1));
		source->vector = palloc(sizeof(float) * (Size) Max(n, 1) * (Size) source->serving.dims);
		if (uiml_read_or_leave_out(read_users, &wanted, source->own, source->serving.domain))
			transfers->source[n_sources++] = *source;
	}
	transfers->n = n_sources;
}

bool
uiml_transfers_choose(UimlTransfers *transfers, int i)
{
	bool known = false;

	for (int s = 0; s < transfers->n; s++)
	{
		UimlTransferSource *source = &transfers->source[s];
		int dims = source->serving.dims;

		source->known = source->found[i] && normalise(source->vector + (Size) i * dims, dims, source->x);
		known |= source->known;
	}
	return known;
}

/* ---------- a history without a user ---------- */

bool
uiml_arg_sides(FunctionCallInfo fcinfo, int source_argument, int domain_argument, UimlTransferSides *sides)
{
	if (PG_ARGISNULL(source_argument))
		return false;
	if (PG_ARGISNULL(domain_argument))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("domain must not be null where source is given"),
				errhint("source is the domain of the history, domain the one to predict."));
	sides->row = uiml_transfer_sides(text_to_cstring(PG_GETARG_TEXT_PP(source_argument)),
									 text_to_cstring(PG_GETARG_TEXT_PP(domain_argument)), &sides->source,
									 &sides->target);
	return true;
}

bool
uiml_transfers_history(UimlTransfers *transfers, const UimlState *target, UimlTransferUse use,
					   const UimlTransferSides *sides, const UimlHistory *history)
{
	UimlTransferSource *source = palloc0(sizeof(UimlTransferSource));
	const UimlTransferVerdict *verdict =
		use == UIML_TRANSFER_INTERESTS ? &sides->row->interests : &sides->row->items;
	UimlState state;
	UimlFolded folded;

	*transfers = (UimlTransfers){.target = target->serving, .use = use, .n = 1, .source = source};
	/* keys of another type are told of, whatever the verdict */
	(void) uiml_state_open(&state, sides->source.serving, true, UIML_STATE_ITEMS);
	folded = uiml_history_fold(&state, history);
	if (!is_positive(verdict->used, verdict->gain) || sides->row->bytes == 0)
		return false;
	source->serving = *sides->source.serving;
	source->row = *sides->row;
	source->gain = verdict->gain;
	if (!open_transfer(transfers, source, true))
		return false;
	source->n_items = folded.n_items;
	source->items = folded.items;
	source->known = normalise(folded.vector, source->serving.dims, source->x);
	return source->known;
}

/* ---------- shares ---------- */

double
uiml_transfers_interests(const UimlTransfers *transfers, float *share)
{
	int k = transfers->target->interests;
	double *said = palloc(sizeof(double) * (Size) k);
	double *sum = palloc0(sizeof(double) * (Size) k);
	double alpha = 0;
	double gain = 0;

	for (int i = 0; i < transfers->n; i++)
	{
		const UimlTransferSource *source = &transfers->source[i];

		if (!source->known)
			continue;
		uiml_interest_transfer_shares(&source->file->interests, source->x, said);
		for (int j = 0; j < k; j++)
			sum[j] += source->gain * said[j];
		alpha += source->gain * source->file->interests.alpha;
		gain += source->gain;
	}
	for (int j = 0; j < k; j++)
		share[j] = (float) (sum[j] / gain);
	pfree(said);
	pfree(sum);
	return alpha / gain;
}

void
uiml_transfers_generalize(const UimlTransfers *transfers, float *mass)
{
	int k = transfers->target->interests;
	double *said = palloc(sizeof(double) * (Size) k);
	double *sum = palloc0(sizeof(double) * (Size) k);
	double *before = palloc(sizeof(double) * (Size) k);
	double gain = 0;

	for (int j = 0; j < k; j++)
		before[j] = mass[j];
	for (int i = 0; i < transfers->n; i++)
	{
		const UimlTransferSource *source = &transfers->source[i];
		const double *w;

		if (!source->known)
			continue;
		w = source->file->interests.history;
		if (w != NULL)
			uiml_generalize_apply(w, (size_t) k, before, said);
		for (int j = 0; j < k; j++)
			sum[j] += source->gain * (w != NULL ? said[j] : before[j]);
		gain += source->gain;
	}
	for (int j = 0; j < k; j++)
		mass[j] = (float) (sum[j] / gain);
	pfree(said);
	pfree(sum);
	pfree(before);
}

double
uiml_transfers_items(const UimlTransfers *transfers, const UimlItemFile *file, const bool *out, float *share)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	float *said = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * file->n_items);
	double strength = 0;
	double gain = 0;

	for (int i = 0; i < transfers->n; i++)
		gain += transfers->source[i].known ? transfers->source[i].gain : 0;
	memset(share, 0, sizeof(float) * file->n_items);
	for (int i = 0; i < transfers->n; i++)
	{
		const UimlTransferSource *source = &transfers->source[i];
		double weight = source->gain / gain;

		if (!source->known)
			continue;
		for (size_t j = 0; j < file->n_items; j++)
			said[j] = out[j] ? -INFINITY : 0;
		uiml_check(uiml_item_transfer_shares(&env, &source->file->items, file->out, file->popularity,
											 source->x, (const uint32_t *) source->items,
											 (size_t) source->n_items, said),
				   "items of a transfer");
		for (size_t j = 0; j < file->n_items; j++)
			if (!out[j])
				share[j] += (float) (weight * said[j]);
		strength += weight * source->file->items.strength;
	}
	pfree(said);
	return strength;
}
