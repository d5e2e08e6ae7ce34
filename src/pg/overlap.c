/*
 * overlap.c
 *	  The users that two active versions share.
 *
 * Four scans: the keys of the source, the keys of the target that are among them, and then the rows of both,
 * which are put where their hash says.  Between the second and the third it is known how much memory they
 * take.  All see the same snapshot.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "pg/env.h"
#include "pg/itemcache.h"
#include "pg/overlap.h"
#include "pg/sql.h"
#include "pg/userkey.h"

/* The second half of a hash is by another seed. */
#define OTHER_SEED UINT64CONST(0x9e3779b97f4a7c15)

/* A user of the source, and of the target if he was found there. */
typedef struct Place
{
	uint64 hash[2];
	uint32 source_items;
	uint32 target_items;
	bool found;
	bool put; /* his row of the side being read */
} Place;

typedef struct SharedReader
{
	const UimlSide *side; /* being read */
	const UimlParts *parts;
	size_t part;
	MemoryContext row_context; /* emptied after each row */
	const char *user_key;      /* of the row */
	Place *place;              /* in order of hash, once the source's are all there */
	size_t n;
	size_t room; /* places there are */
	size_t seen; /* users of the source, of whom only those are kept that parts->bytes allow */
	UimlOverlap *users;
	float *vectors; /* users.x or users.y */
	UimlItemLists *lists;
} SharedReader;

/* --- keys ----------------------------------------------------------------------------------------------- */

static void
hash_key(const SharedReader *reader, TupleTableSlot *slot, uint64 hash[2])
{
	const char *key;

	if (slot->tts_isnull[0])
		uiml_served_refuse(reader->side->serving, "row of a user");
	key = uiml_userkey_text(reader->side->served->user_type, slot->tts_values[0]);
	hash[0] = hash_bytes_extended((const unsigned char *) key, (int) strlen(key), reader->parts->seed);
	hash[1] =
		hash_bytes_extended((const unsigned char *) key, (int) strlen(key), reader->parts->seed ^ OTHER_SEED);
}

/* By the half of the hash that has no say in folds. */
static bool
in_part(const SharedReader *reader, const uint64 hash[2])
{
	return hash[1] % reader->parts->n == reader->part;
}

static int
compare_places(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	for (int i = 0; i < 2; i++)
		if (x->hash[i] != y->hash[i])
			return x->hash[i] < y->hash[i] ? -1 : 1;
	return 0;
}

static Place *
find_place(const SharedReader *reader, const uint64 hash[2])
{
	Place wanted = {.hash = {hash[0], hash[1]}};

	return bsearch(&wanted, reader->place, reader->n, sizeof(Place), compare_places);
}

/* --- rows ----------------------------------------------------------------------------------------------- */

/* The user's vector, and its length; valid until the row's memory is given back. */
static double
vector_of(const SharedReader *reader, TupleTableSlot *slot, UimlVectorView *view)
{
	double square = 0;

	if (slot->tts_isnull[1])
		uiml_served_refuse(reader->side->serving, "row of a user");
	uiml_vector_view(slot->tts_values[1], view);
	if (view->dim != reader->side->serving->dims)
		uiml_served_refuse(reader->side->serving, "vector of a user");
	for (int j = 0; j < view->dim; j++)
	{
		float element;

		memcpy(&element, (const char *) view->x + sizeof(float) * (size_t) j, sizeof(float));
		square += (double) element * element;
	}
	if (!isfinite(square))
		uiml_served_refuse(reader->side->serving, "vector of a user");
	return sqrt(square);
}

static const int32 *
items_of(const SharedReader *reader, TupleTableSlot *slot, uint32 *n)
{
	ArrayType *array;

	if (slot->tts_isnull[2])
		uiml_served_refuse(reader->side->serving, "row of a user");
	array = DatumGetArrayTypeP(slot->tts_values[2]);
	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT4OID)
		uiml_served_refuse(reader->side->serving, "list of a user's items");
	*n = ARR_NDIM(array) == 0 ? 0 : (uint32) ARR_DIMS(array)[0];
	return (const int32 *) ARR_DATA_PTR(array);
}

/* First scan: keeps the users of the source, or counts them only where they are too many. */
static void
keep_source(SharedReader *reader, TupleTableSlot *slot, const uint64 hash[2])
{
	Place place = {.hash = {hash[0], hash[1]}};

	if (++reader->seen > reader->parts->bytes / sizeof(Place))
		return;
	if (reader->n == reader->room)
	{
		reader->room *= 2;
		reader->place = repalloc_huge(reader->place, reader->room * sizeof(Place));
	}
	(void) items_of(reader, slot, &place.source_items);
	reader->place[reader->n++] = place;
}

static void
mark_target(SharedReader *reader, TupleTableSlot *slot, const uint64 hash[2])
{
	Place *place = find_place(reader, hash);

	if (place == NULL)
		return;
	place->found = true;
	(void) items_of(reader, slot, &place->target_items);
}

static void
put_items(SharedReader *reader, TupleTableSlot *slot, size_t user)
{
	UimlItemLists *lists = reader->lists;
	uint32 *to = lists->item + lists->start[user];
	int64 before = -1;
	uint32 n;
	const int32 *item = items_of(reader, slot, &n);

	if (n != lists->start[user + 1] - lists->start[user])
		uiml_served_refuse(reader->side->serving, "list of a user's items");
	for (uint32 i = 0; i < n; i++)
	{
		if (item[i] <= before || item[i] >= reader->side->serving->items)
			uiml_served_refuse(reader->side->serving, "list of a user's items");
		before = item[i];
		to[i] = (uint32) item[i];
	}
}

/* Third and fourth scan: each user once. */
static void
put_row(SharedReader *reader, TupleTableSlot *slot, const uint64 hash[2])
{
	Place *place = find_place(reader, hash);
	size_t d = (size_t) reader->side->serving->dims;
	UimlVectorView view;
	double length;
	size_t user;
	float *to;

	if (place == NULL)
		return;
	if (place->put)
		uiml_served_refuse(reader->side->serving, "row of a user");
	place->put = true;
	user = (size_t) (place - reader->place);
	length = vector_of(reader, slot, &view);
	to = reader->vectors + user * d;
	memcpy(to, view.x, d * sizeof(float));
	for (size_t j = 0; j < d; j++)
		to[j] = (float) (to[j] / length);
	put_items(reader, slot, user);
}

/* --- scans ---------------------------------------------------------------------------------------------- */

typedef void (*SharedRowFn)(SharedReader *reader, TupleTableSlot *slot, const uint64 hash[2]);

typedef struct Scan
{
	SharedReader *reader;
	SharedRowFn row_fn;
} Scan;

/* Users of the part whose vector has a length. */
static void
scan_row(TupleTableSlot *slot, void *ctx)
{
	const Scan *scan = ctx;
	SharedReader *reader = scan->reader;
	MemoryContext old = MemoryContextSwitchTo(reader->row_context);
	UimlVectorView view;
	uint64 hash[2];

	slot_getallattrs(slot);
	hash_key(reader, slot, hash);
	if (in_part(reader, hash) && vector_of(reader, slot, &view) > 0)
		scan->row_fn(reader, slot, hash);
	MemoryContextSwitchTo(old);
	MemoryContextReset(reader->row_context);
}

static void
scan_users(SharedReader *reader, const UimlSide *side, SharedRowFn row_fn)
{
	Scan scan = {reader, row_fn};
	const Oid types[] = {side->served->user_type, side->served->vector_type, INT4ARRAYOID};
	int level = uiml_settings_begin(side->served->user_type);

	reader->side = side;
	uiml_served_each(side->serving,
					 psprintf("SELECT user_id, vector, items FROM ONLY %s WHERE version "
							  "OPERATOR(pg_catalog.=) %d",
							  uiml_relation_name(side->serving->users_table), side->serving->version),
					 types, lengthof(types), scan_row, &scan);
	uiml_settings_end(level);
}

/* Keeps the users who are in both and tells how many items they have. */
static void
keep_found(SharedReader *reader, size_t *source_items, size_t *target_items)
{
	size_t n = 0;

	*source_items = *target_items = 0;
	for (size_t i = 0; i < reader->n; i++)
	{
		if (!reader->place[i].found)
			continue;
		*source_items += reader->place[i].source_items;
		*target_items += reader->place[i].target_items;
		reader->place[n++] = reader->place[i];
	}
	reader->n = n;
}

/* Cuts the users into more parts where this one takes so many bytes; they are not all of one size. */
static bool
fits(UimlParts *parts, double bytes)
{
	double slack = 1.05;

	if (bytes <= (double) parts->bytes)
		return true;
	parts->n = (size_t) ceil((double) parts->n * slack * bytes / (double) parts->bytes);
	return false;
}

static double
users_bytes(const SharedReader *reader, size_t dims, size_t items)
{
	double user = sizeof(Place) + 3 * sizeof(uint64) + sizeof(uint8) + (double) dims * sizeof(float);

	return (double) reader->n * user + (double) items * sizeof(uint32);
}

/* --- the join ------------------------------------------------------------------------------------------- */

/*
 * The rows of the users who are laid out.  Between two scans the owner's code may have made others of them (a
 * column can be renamed in a moment): whoever has none now would have what was in the memory before.
 */
static void
scan_rows(SharedReader *reader, const UimlSide *side, float *vectors, UimlItemLists *lists)
{
	reader->vectors = vectors;
	reader->lists = lists;
	for (size_t i = 0; i < reader->n; i++)
		reader->place[i].put = false;
	scan_users(reader, side, put_row);
	for (size_t i = 0; i < reader->n; i++)
		if (!reader->place[i].put)
			uiml_served_refuse(side->serving, "row of a user");
}

/* Lays out the users, in order of hash. */
static void
lay_out(const SharedReader *reader, UimlShared *shared)
{
	UimlOverlap *users = &shared->users;

	for (size_t i = 0; i < reader->n; i++)
	{
		const Place *place = &reader->place[i];

		shared->hash[i] = place->hash[0];
		users->fold[i] = (uint8) ((place->hash[0] & PG_INT64_MAX) % UIML_FOLDS);
		users->source.start[i + 1] = users->source.start[i] + place->source_items;
		users->target.start[i + 1] = users->target.start[i] + place->target_items;
	}
}

static bool
read_part(SharedReader *reader, const UimlSide *source, const UimlSide *target, UimlParts *parts,
		  const UimlEnv *env, UimlShared *shared)
{
	size_t p = (size_t) source->serving->dims;
	size_t q = (size_t) target->serving->dims;
	size_t source_items;
	size_t target_items;

	scan_users(reader, source, keep_source);
	if (!fits(parts, (double) reader->seen * sizeof(Place)))
		return false;
	pg_qsort(reader->place, reader->n, sizeof(Place), compare_places);
	scan_users(reader, target, mark_target);
	keep_found(reader, &source_items, &target_items);
	if (!fits(parts, users_bytes(reader, p + q, source_items + target_items)))
		return false;
	uiml_check(uiml_overlap_create(env, reader->n, p, q, source_items, target_items, &shared->users),
			   "overlapping users");
	shared->users.source_popularity = uiml_items_open(source->served, source->serving)->popularity;
	shared->users.source.n_items = (size_t) source->serving->items;
	shared->users.target.n_items = (size_t) target->serving->items;
	shared->hash = uiml_alloc(env, reader->n, sizeof(uint64));
	if (shared->hash == NULL)
		uiml_check(UIML_ENOMEM, "overlapping users");
	lay_out(reader, shared);
	scan_rows(reader, source, shared->users.x, &shared->users.source);
	scan_rows(reader, target, shared->users.y, &shared->users.target);
	return true;
}

bool
uiml_shared_read(const UimlSide *source, const UimlSide *target, UimlParts *parts, size_t part,
				 const UimlEnv *env, UimlShared *shared)
{
	SharedReader reader = {.parts = parts, .part = part, .room = 1024};
	bool done;

	memset(shared, 0, sizeof(*shared));
	uiml_served_users(source->served, source->serving);
	uiml_served_users(target->served, target->serving);
	reader.row_context = AllocSetContextCreate(CurrentMemoryContext, "uiml user", ALLOCSET_DEFAULT_SIZES);
	reader.place = palloc(reader.room * sizeof(Place));
	done = read_part(&reader, source, target, parts, env, shared);
	pfree(reader.place);
	MemoryContextDelete(reader.row_context);
	return done;
}

void
uiml_shared_free(const UimlEnv *env, UimlShared *shared)
{
	uiml_overlap_free(env, &shared->users);
	uiml_free(env, shared->hash);
	shared->hash = NULL;
}

UimlModel
uiml_side_model(const UimlSide *side, const UimlItemFile *file)
{
	UimlModel model = {.n_items = file->n_items,
					   .dims = file->dims,
					   .n_interests = (size_t) side->served->k,
					   .in = unconstify(float *, file->in),
					   .out = unconstify(float *, file->out),
					   .interest = unconstify(uint32 *, file->interest),
					   .sigma = unconstify(double *, uiml_served_sigma(side->served, side->serving)),
					   .prior = side->served->prior,
					   .generalization = side->served->generalization,
					   .popularity = unconstify(float *, file->popularity),
					   .alpha = side->serving->alpha,
					   .item_alpha = side->serving->item_alpha,
					   .temperature = side->serving->temperature};

	return model;
}
