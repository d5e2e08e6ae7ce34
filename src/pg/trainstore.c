/*
 * trainstore.c
 *	  Writing a trained model into the tables of a new version.
 *
 * The tables are new, plain and not attached while they are loaded, in key order, so that the index built
 * afterwards is in the order of the heap.  A user's vector and interest masses are computed while the row is
 * written: no block of users x dims is ever held.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/bulk.h"
#include "pg/domain.h"
#include "pg/interest_vector.h"
#include "pg/itemdigest.h"
#include "pg/storage.h"
#include "pg/trainstore.h"

#define TELL_EVERY 1024 /* users between two reports of progress */

/* A vector for storage: what is stored is finite. */
static Datum
vector_datum(const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("interest vector out of range"),
					 errdetail("The weights of the events are too large to be added up.")));
	return PointerGetDatum(uiml_vector_from_floats(x, (int) n));
}

/* --- items ---------------------------------------------------------------------------------------------- */

static uint64
add_to_digest(uint64 digest, const UimlTrained *trained, size_t item)
{
	const UimlModel *model = trained->model;
	text *key = uiml_key_as_text(trained->source->items.type, trained->source->items.key[item]);
	const char *title = trained->labels->title[item];
	UimlItemRow row = {.out = model->out + item * model->dims,
					   .in = model->in + item * model->dims,
					   .popularity = model->popularity[item],
					   .interest = model->interest[item],
					   .key = VARDATA_ANY(key),
					   .key_length = VARSIZE_ANY_EXHDR(key),
					   .title = title != NULL ? title : "",
					   .title_length = title != NULL ? strlen(title) : 0};

	return uiml_item_digest(digest, &row, model->dims);
}

static uint64
store_items(const UimlTrained *trained, int32 version, Oid table)
{
	static const char *const column[] = {"version",    "item_no", "item_id",   "title",     "interest_id",
										 "popularity", "users",   "in_vector", "out_vector"};
	const UimlModel *model = trained->model;
	Oid vector = uiml_vector_type();
	Oid type[] = {INT4OID, INT4OID, trained->source->items.type->type, TEXTOID, INT4OID, FLOAT4OID, INT4OID,
				  vector,  vector};
	UimlBulk *bulk = uiml_bulk_begin(table, lengthof(column), column, type);
	uint64 digest = 0;

	for (size_t i = 0; i < model->n_items; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(uiml_bulk_context(bulk));
		const char *title = trained->labels->title[i];
		bool has_interest = model->interest[i] != UINT32_MAX;
		Datum value[] = {Int32GetDatum(version),
						 Int32GetDatum((int32) i),
						 trained->source->items.key[i],
						 title != NULL ? CStringGetTextDatum(title) : (Datum) 0,
						 has_interest ? Int32GetDatum((int32) model->interest[i] + 1) : (Datum) 0,
						 Float4GetDatum(model->popularity[i]),
						 Int32GetDatum((int32) trained->item_users[i]),
						 vector_datum(model->in + i * model->dims, model->dims),
						 vector_datum(model->out + i * model->dims, model->dims)};
		bool null[lengthof(value)] = {false};

		null[3] = title == NULL;
		null[4] = !has_interest;
		digest = add_to_digest(digest, trained, i);
		MemoryContextSwitchTo(old);
		uiml_bulk_add(bulk, value, null);
	}
	uiml_bulk_end(bulk);
	return digest;
}

/* --- interests ------------------------------------------------------------------------------------------ */

static void
store_interests(const UimlTrained *trained, int32 version, Oid table)
{
	static const char *const column[] = {"version", "interest_no", "interest_id", "label",   "terms",
										 "share",   "items",       "typical",     "centroid"};
	const UimlModel *model = trained->model;
	Oid type[] = {INT4OID,   INT4OID, INT4OID,      TEXTOID,           TEXTARRAYOID,
				  FLOAT4OID, INT4OID, TEXTARRAYOID, uiml_vector_type()};
	UimlBulk *bulk = uiml_bulk_begin(table, lengthof(column), column, type);

	for (size_t j = 0; j < model->n_interests; j++)
	{
		MemoryContext old = MemoryContextSwitchTo(uiml_bulk_context(bulk));
		const UimlLabel *label = &trained->labels->label[j];
		Datum value[] = {Int32GetDatum(version),
						 Int32GetDatum((int32) j),
						 Int32GetDatum((int32) j + 1),
						 CStringGetTextDatum(label->label),
						 uiml_text_array(label->terms),
						 Float4GetDatum(model->prior[j]),
						 Int32GetDatum((int32) label->n_items),
						 uiml_text_array(label->typical),
						 vector_datum(model->centroid + j * model->dims, model->dims)};

		MemoryContextSwitchTo(old);
		uiml_bulk_add(bulk, value, NULL);
	}
	uiml_bulk_end(bulk);
}

/* --- users ---------------------------------------------------------------------------------------------- */

static Datum
item_numbers(const uint32 *item, size_t n)
{
	Datum *value = palloc(Max(n, 1) * sizeof(Datum));
	ArrayType *array;

	for (size_t i = 0; i < n; i++)
		value[i] = Int32GetDatum((int32) item[i]);
	array = construct_array(value, (int) n, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	pfree(value);
	return PointerGetDatum(array);
}

/* Users on their way into the table; room for one user's vector and masses is used again for the next. */
typedef struct UserStore
{
	const UimlTrained *trained;
	UimlBulk *bulk;
	int32 version;
	UimlProgressFn progress;
	void *progress_ctx;
	float *vector;    /* dims */
	float *interests; /* n_interests */
} UserStore;

static void
add_user(void *ctx, uint32 user, const uint32 *item, const float *masses, size_t n)
{
	UserStore *store = ctx;
	const UimlTrained *trained = store->trained;
	const UimlModel *model = trained->model;
	MemoryContext old = MemoryContextSwitchTo(uiml_bulk_context(store->bulk));
	size_t n_items = n;
	bool has_time = trained->user_last != NULL;
	double mass = 0;

	while (n_items > 0 && item[n_items - 1] >= model->n_items)
		n_items--;
	uiml_model_user(model, item, masses, n, store->vector, store->interests);
	for (size_t j = 0; j < model->n_interests; j++)
		mass += store->interests[j];
	{
		Datum value[] = {
			Int32GetDatum(store->version),
			trained->source->users.key[user],
			Int64GetDatum(trained->user_events[user]),
			has_time ? TimestampTzGetDatum((TimestampTz) rint(trained->user_last[user] * USECS_PER_SEC))
					 : (Datum) 0,
			Float4GetDatum((float) mass),
			vector_datum(store->interests, model->n_interests),
			vector_datum(store->vector, model->dims),
			item_numbers(item, n_items),
			Float4GetDatum((float) (model->text_weight * (double) (n - n_items)))};
		bool null[lengthof(value)] = {false};

		null[3] = !has_time;
		MemoryContextSwitchTo(old);
		uiml_bulk_add(store->bulk, value, null);
	}
	if (store->progress != NULL && user % TELL_EVERY == 0)
		store->progress(store->progress_ctx, "storing", (double) user, (double) trained->rows->n_users);
}

static void
store_users(const UimlTrained *trained, int32 version, Oid table, UimlProgressFn progress, void *progress_ctx)
{
	static const char *const column[] = {"version",   "user_id", "events", "last_at", "mass",
										 "interests", "vector",  "items",  "texts"};
	const UimlModel *model = trained->model;
	const UimlRows *rows = trained->rows;
	Oid vector = uiml_vector_type();
	Oid type[] = {INT4OID,   trained->source->users.type->type,
				  INT8OID,   TIMESTAMPTZOID,
				  FLOAT4OID, vector,
				  vector,    INT4ARRAYOID,
				  FLOAT4OID};
	UserStore store = {.trained = trained,
					   .bulk = uiml_bulk_begin(table, lengthof(column), column, type),
					   .version = version,
					   .progress = progress,
					   .progress_ctx = progress_ctx,
					   .vector = palloc(model->dims * sizeof(float)),
					   .interests = palloc(model->n_interests * sizeof(float))};

	uiml_check(rows->each(rows->ctx, trained->env, add_user, &store), "users");
	uiml_bulk_end(store.bulk);
	pfree(store.vector);
	pfree(store.interests);
}

void
uiml_trained_store(const UimlTrained *trained, int32 version, UimlProgressFn progress, void *progress_ctx,
				   UimlVersionRow *row)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "uiml storing", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);

	row->items_table = uiml_storage_new_partition(trained->domain, UIML_ITEMS, version);
	row->digest = (int64) store_items(trained, version, row->items_table);
	row->interests_table = uiml_storage_new_partition(trained->domain, UIML_INTERESTS, version);
	store_interests(trained, version, row->interests_table);
	row->users_table = uiml_storage_new_partition(trained->domain, UIML_USERS, version);
	store_users(trained, version, row->users_table, progress, progress_ctx);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
}

void
uiml_trained_attach(const UimlDomain *domain, const UimlVersionRow *row)
{
	uiml_storage_attach(domain, UIML_ITEMS, row->items_table, row->version);
	uiml_storage_attach(domain, UIML_INTERESTS, row->interests_table, row->version);
	uiml_storage_attach(domain, UIML_USERS, row->users_table, row->version);
}
