/*
 * worktable.c
 *	  A domain's events in a table of our own, a row per user.
 *
 * Items get their numbers in key order, which is known only when all events were read.  So users go to a
 * tuplestore first, and from there, with final numbers and sorted, to the table: two sequential writes, of 16
 * bytes an event.
 *
 * Events are not compressed: they are read some fifty times.  What a page can hold stays in the heap.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "core/userpack.h"
#include "pg/bulk.h"
#include "pg/env.h"
#include "pg/sql.h"
#include "pg/storage.h"
#include "pg/worktable.h"

#define FIRST_EVENTS 1024

/* A spool holds this part of maintenance_work_mem in memory at most. */
#define SPOOL_SHARE 8

struct UimlSpool
{
	MemoryContext context; /* "uiml spool" */
	UimlBudget *budget;
	Tuplestorestate *store;
	TupleDesc desc;
	bool has_time;
	uint32 user; /* of the events at hand */
	size_t n;
	size_t capacity;
	UimlEvent *event;
};

/* Packed events as a value; a user has so many that it can't be one is an error. */
static bytea *
pack(const UimlEvent *events, size_t n, bool has_time)
{
	size_t size = VARHDRSZ + uiml_userpack_size(n, has_time);
	bytea *bytes;

	if (size > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many events of one user"),
						errdetail("A user has %zu events.", n)));
	bytes = palloc(size);
	SET_VARSIZE(bytes, size);
	uiml_userpack_write(events, n, has_time, VARDATA(bytes));
	return bytes;
}

/* The events of a value, for a user; palloc'd. */
static UimlEvent *
unpack(Datum value, uint32 user, size_t *n)
{
	bytea *bytes = DatumGetByteaPP(value);
	UimlEvent *events = NULL;
	UimlStatus status = uiml_userpack_count(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), n);

	if (status == UIML_OK)
	{
		events = MemoryContextAllocHuge(CurrentMemoryContext, Max(*n, 1) * sizeof(UimlEvent));
		status = uiml_userpack_read(VARDATA_ANY(bytes), *n, user, events);
	}
	uiml_check(status, "events of a user");
	return events;
}

/* ---------- the spool ---------- */

UimlSpool *
uiml_spool_begin(MemoryContext parent, UimlBudget *budget, bool has_time)
{
	MemoryContext context = AllocSetContextCreate(parent, "uiml spool", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	UimlSpool *spool = palloc0(sizeof(UimlSpool));

	spool->context = context;
	spool->budget = budget;
	spool->has_time = has_time;
	spool->capacity = FIRST_EVENTS;
	spool->event = palloc(spool->capacity * sizeof(UimlEvent));
	spool->desc = CreateTemplateTupleDesc(2);
	TupleDescInitEntry(spool->desc, 1, "user_no", INT4OID, -1, 0);
	TupleDescInitEntry(spool->desc, 2, "events", BYTEAOID, -1, 0);
	spool->store =
		tuplestore_begin_heap(false, false, (int) Min(work_mem, maintenance_work_mem / SPOOL_SHARE));
	MemoryContextSwitchTo(old);
	return spool;
}

/* As raw bytes: their order is not yet that of packed events. */
static void
spool_user(UimlSpool *spool)
{
	size_t size = VARHDRSZ + spool->n * sizeof(UimlEvent);
	bytea *bytes;
	Datum value[2];
	bool null[2] = {false, false};

	if (spool->n == 0)
		return;
	if (size > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many events of one user"),
						errdetail("A user has %zu events or more.", spool->n)));
	bytes = MemoryContextAlloc(spool->context, size);
	SET_VARSIZE(bytes, size);
	memcpy(VARDATA(bytes), spool->event, size - VARHDRSZ);
	value[0] = Int32GetDatum((int32) spool->user);
	value[1] = PointerGetDatum(bytes);
	tuplestore_putvalues(spool->store, spool->desc, value, null);
	pfree(bytes);
	spool->n = 0;
}

bool
uiml_spool_add(UimlSpool *spool, const UimlEvent *event)
{
	if (event->user != spool->user)
		spool_user(spool);
	spool->user = event->user;
	if (spool->n == spool->capacity)
	{
		/* Twice: the values they are written as. */
		if (!uiml_budget_fits(spool->budget, 2 * spool->capacity * sizeof(UimlEvent)))
			return false;
		spool->capacity *= 2;
		spool->event = repalloc_huge(spool->event, spool->capacity * sizeof(UimlEvent));
	}
	spool->event[spool->n++] = *event;
	return true;
}

/* Sorts the events of one user and notes what they tell beside their sums. */
static void
count_user(UimlWorkTable *work, const UimlEvent *events, size_t n, size_t n_items)
{
	uint32 user = events[0].user;
	size_t items = 0;

	work->user_events[user] = (uint32) n;
	for (size_t i = 0; i < n; i++)
	{
		if (work->user_last != NULL)
			work->user_last[user] = Max(work->user_last[user], events[i].at);
		if (i > 0 && events[i].item == events[i - 1].item)
			continue;
		work->n_pairs++;
		if (events[i].item >= n_items)
			continue;
		work->item_users[events[i].item]++;
		items++;
	}
	work->multi[user] = items >= 2;
	work->multi_users += items >= 2;
}

static UimlWorkTable *
work_create(const UimlSpool *spool, const UimlDomain *domain, size_t n_users, size_t n_items,
			MemoryContext context)
{
	UimlWorkTable *work = MemoryContextAllocZero(context, sizeof(UimlWorkTable));
	const int flags = MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO;

	work->domain = domain;
	work->n_users = n_users;
	work->multi = MemoryContextAllocExtended(context, Max(n_users, 1), flags);
	work->user_events = MemoryContextAllocExtended(context, Max(n_users, 1) * sizeof(uint32), flags);
	work->item_users = MemoryContextAllocExtended(context, Max(n_items, 1) * sizeof(uint32), flags);
	if (spool->has_time)
		work->user_last = MemoryContextAllocHuge(context, Max(n_users, 1) * sizeof(double));
	for (size_t u = 0; spool->has_time && u < n_users; u++)
		work->user_last[u] = -INFINITY;
	return work;
}

/* From the spool to the table. */
static void
write_users(UimlSpool *spool, UimlWorkTable *work, const UimlColumnNumbers *columns)
{
	static const char *const column[] = {"user_no", "events"};
	static const Oid type[] = {INT4OID, BYTEAOID};
	UimlBulk *bulk = uiml_bulk_begin(work->table, lengthof(column), column, type);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(spool->desc, &TTSOpsMinimalTuple);
	MemoryContext scratch = AllocSetContextCreate(spool->context, "uiml user", ALLOCSET_DEFAULT_SIZES);
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, scratch, NULL, NULL);

	while (tuplestore_gettupleslot(spool->store, true, false, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);
		bytea *bytes;
		UimlEvent *events;
		size_t n;
		Datum value[2];

		slot_getallattrs(slot);
		bytes = DatumGetByteaPP(slot->tts_values[1]);
		n = VARSIZE_ANY_EXHDR(bytes) / sizeof(UimlEvent);
		events = MemoryContextAllocHuge(scratch, n * sizeof(UimlEvent));
		memcpy(events, VARDATA_ANY(bytes), n * sizeof(UimlEvent));
		for (size_t i = 0; i < n; i++)
			events[i].item = uiml_column_number(columns, events[i].item);
		uiml_check(uiml_events_sort_user(&env, events, n), "order of events");
		count_user(work, events, n, columns->n_items);
		MemoryContextSwitchTo(uiml_bulk_context(bulk));
		value[0] = slot->tts_values[0];
		value[1] = PointerGetDatum(pack(events, n, spool->has_time));
		MemoryContextSwitchTo(old);
		uiml_bulk_add(bulk, value, NULL);
		MemoryContextReset(scratch);
	}
	ExecDropSingleTupleTableSlot(slot);
	uiml_bulk_end(bulk);
	MemoryContextDelete(scratch);
}

UimlWorkTable *
uiml_spool_finish(UimlSpool *spool, const UimlDomain *domain, const char *suffix,
				  const UimlColumnNumbers *columns, size_t n_users, MemoryContext context)
{
	UimlWorkTable *work;
	MemoryContext old;
	UimlActing caller;

	spool_user(spool);
	work = work_create(spool, domain, n_users, columns->n_items, context);
	work->n_columns = columns->n_items + columns->n_texts;
	uiml_act_as_owner(domain, &caller);
	work->table = uiml_storage_new_work_table(domain, suffix);
	old = MemoryContextSwitchTo(spool->context);
	write_users(spool, work, columns);
	MemoryContextSwitchTo(old);
	uiml_act_as_self(&caller);
	tuplestore_end(spool->store);
	MemoryContextDelete(spool->context);
	return work;
}

/* ---------- reading ---------- */

typedef struct WorkReader
{
	const UimlWorkTable *work;
	const uint8_t *role;
	uint8_t which;
	UimlUserEventsFn user_fn;
	void *ctx;
	MemoryContext scratch;
	int64 last;
} WorkReader;

pg_noreturn static void
refuse_stored(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid stored data in %s", "work table")));
}

static void
read_user(TupleTableSlot *slot, void *ctx)
{
	WorkReader *reader = ctx;
	MemoryContext old;
	uint32 user;
	size_t n;
	UimlEvent *events;

	slot_getallattrs(slot);
	user = (uint32) DatumGetInt32(slot->tts_values[0]);
	if (slot->tts_isnull[0] || slot->tts_isnull[1] || (int64) user <= reader->last ||
		user >= reader->work->n_users)
		refuse_stored();
	reader->last = user;
	if (reader->role != NULL && reader->role[user] != reader->which)
		return;
	old = MemoryContextSwitchTo(reader->scratch);
	events = unpack(slot->tts_values[1], user, &n);
	if (n > 0 && events[n - 1].item >= reader->work->n_columns)
		refuse_stored(); /* they are in order */
	MemoryContextSwitchTo(old);
	reader->user_fn(reader->ctx, user, events, n);
	MemoryContextReset(reader->scratch);
}

void
uiml_work_each(const UimlWorkTable *work, const uint8_t *role, uint8_t which, UimlUserEventsFn user_fn,
			   void *ctx)
{
	WorkReader reader = {.work = work,
						 .role = role,
						 .which = which,
						 .user_fn = user_fn,
						 .ctx = ctx,
						 .scratch =
							 AllocSetContextCreate(CurrentMemoryContext, "uiml user", ALLOCSET_DEFAULT_SIZES),
						 .last = -1};
	static const Oid types[] = {INT4OID, BYTEAOID};
	UimlActing caller;

	uiml_act_as_owner(work->domain, &caller);
	/* In the order of the heap: from its first page on, by one process. */
	uiml_sql_setting("synchronize_seqscans", "off");
	uiml_sql_setting("max_parallel_workers_per_gather", "0");
	uiml_sql_each_typed(psprintf("SELECT w.user_no, w.events FROM %s w", uiml_relation_name(work->table)),
						NULL, false, types, lengthof(types), read_user, &reader);
	uiml_act_as_self(&caller);
	MemoryContextDelete(reader.scratch);
}

typedef struct Loading
{
	const UimlWorkTable *work;
	UimlEvent *event;
	size_t n;
} Loading;

static void
load_user(void *ctx, uint32 user, const UimlEvent *events, size_t n)
{
	Loading *loading = ctx;

	if (n != loading->work->user_events[user])
		refuse_stored();
	memcpy(loading->event + loading->n, events, n * sizeof(UimlEvent));
	loading->n += n;
}

UimlEvent *
uiml_work_load(const UimlWorkTable *work, const uint8_t *role, uint8_t which, MemoryContext context,
			   size_t *n)
{
	Loading loading = {.work = work};
	size_t total = 0;

	for (size_t u = 0; u < work->n_users; u++)
		if (role[u] == which)
			total += work->user_events[u];
	loading.event = MemoryContextAllocHuge(context, Max(total, 1) * sizeof(UimlEvent));
	uiml_work_each(work, role, which, load_user, &loading);
	*n = loading.n;
	return loading.event;
}

/*
 * Doubles as unsigned numbers in the same order; a rank is found 16 bits at a time, by counting those of the
 * events that agree in the bits found before.
 */
typedef struct RankSearch
{
	uint64 prefix;
	int known; /* bits */
	uint64 *count;
} RankSearch;

#define DIGIT_BITS 16

static uint64
ordered_bits(double x)
{
	uint64 bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits >> 63 != 0 ? ~bits : bits | UINT64CONST(1) << 63;
}

static double
double_of(uint64 ordered)
{
	uint64 bits = ordered >> 63 != 0 ? ordered & ~(UINT64CONST(1) << 63) : ~ordered;
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

static void
count_times(void *ctx, uint32 user, const UimlEvent *events, size_t n)
{
	const RankSearch *search = ctx;

	(void) user;
	for (size_t i = 0; i < n; i++)
	{
		/* -0 is 0 */
		uint64 bits = ordered_bits(events[i].at + 0.0);

		if (search->known == 0 || bits >> (64 - search->known) == search->prefix)
			search->count[(bits >> (64 - search->known - DIGIT_BITS)) & 0xffff]++;
	}
}

double
uiml_work_time(const UimlWorkTable *work, uint64 rank)
{
	RankSearch search = {.count = palloc((1 << DIGIT_BITS) * sizeof(uint64))};

	while (search.known < 64)
	{
		uint64 digit = 0;

		memset(search.count, 0, (1 << DIGIT_BITS) * sizeof(uint64));
		uiml_work_each(work, NULL, 0, count_times, &search);
		for (; digit < 0xffff && rank >= search.count[digit]; digit++)
			rank -= search.count[digit];
		search.prefix = search.prefix << DIGIT_BITS | digit;
		search.known += DIGIT_BITS;
	}
	pfree(search.count);
	return double_of(search.prefix);
}

void
uiml_work_drop(UimlWorkTable *work)
{
	UimlActing caller;

	uiml_act_as_owner(work->domain, &caller);
	uiml_sql_run(psprintf("DROP TABLE %s", uiml_relation_name(work->table)), NULL);
	uiml_act_as_self(&caller);
	work->table = InvalidOid;
}
