/*
 * source.c
 *	  Reading a domain's events into memory.
 *
 * One SELECT of the columns that matter, planned with parallel workers where the table allows, streams into
 * 24 bytes an event.  The array grows by realloc, which for blocks of this size remaps pages instead of
 * copying them, so there is no moment at which it is held twice.  Keys are numbered as they come and
 * renumbered in sort order at the end, events are sorted: the order in which rows arrived leaves no trace.
 *
 * Where maintenance_work_mem runs out, the rest of the rows is counted only, so that the error can say what
 * would do.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg/domain.h"
#include "pg/env.h"
#include "pg/roles.h"
#include "pg/eventreader.h"
#include "pg/source.h"
#include "pg/texttemplate.h"
#include "pg/sourcecheck.h"
#include "pg/sql.h"

#define FIRST_EVENTS    4096
#define NAMED_KINDS     10 /* kinds without a weight that the notice lists */
#define INTERRUPT_EVERY 0xffff

/* --- the statement -------------------------------------------------------------------------------------- */

static TimeKind
time_kind_of(const UimlDomain *domain, const char **cast, Oid *read_as)
{
	AttrNumber number;
	Oid type;

	*cast = "pg_catalog.float8";
	*read_as = InvalidOid;
	if (domain->time_col == NULL)
		return TIME_NONE;
	number = get_attnum(domain->events, domain->time_col);
	type = number == InvalidAttrNumber ? InvalidOid : getBaseType(get_atttype(domain->events, number));
	switch (type)
	{
		case TIMESTAMPTZOID:
		case TIMESTAMPOID:
			*cast = NULL;
			*read_as = type;
			return TIME_STAMP;
		case DATEOID:
			*cast = NULL;
			*read_as = type;
			return TIME_DATE;
		default:
			return TIME_EPOCH;
	}
}

/* Appends ", e.column" with a cast and returns its position. */
static int
add_column(StringInfo sql, const char *column, const char *cast, int *n_columns)
{
	appendStringInfo(sql, "%s(e.%s)", *n_columns > 0 ? ", " : "", quote_identifier(column));
	if (cast != NULL)
		appendStringInfo(sql, "::%s", cast);
	return (*n_columns)++;
}

/* Keys have the type they are stored with; a column of another type is cast where a cast exists. */
static Oid
stored_key_type(Oid table, const char *column)
{
	AttrNumber number = get_attnum(table, column);
	Oid type;

	if (number == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation %s does not exist", column, uiml_relation_name(table))));
	type = get_atttype(table, number);
	/* Training casts to it: the constraints of a DOMAIN would run as whoever trains. */
	if (getBaseType(type) != type || !uiml_role_is_key(type))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("type %s of column \"%s\" of relation %s can't be a key", format_type_be(type),
							   column, uiml_relation_name(table)),
						errhint("Tables of trained states must keep the columns they were created with.")));
	return type;
}

/* The text of an event without an item, NULL for others and where it is empty. */
static int
add_text(StringInfo sql, const UimlDomain *domain, int *n_columns)
{
	ListCell *cell;

	appendStringInfo(sql, ", CASE WHEN (e.%s) IS NULL THEN NULLIF(pg_catalog.btrim(pg_catalog.concat_ws(' '",
					 quote_identifier(domain->item_col));
	foreach (cell, domain->text_cols)
		appendStringInfo(sql, ", %s", uiml_text_column_sql(domain->events, "e", lfirst(cell)));
	appendStringInfoString(sql, ")), '') END");
	return (*n_columns)++;
}

static char *
events_query(EventReader *reader, Oid user_type, Oid item_type, bool in_user_order)
{
	const UimlDomain *domain = reader->domain;
	StringInfoData sql;
	const char *time_cast;
	int n = 0;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	add_column(&sql, domain->user_col, uiml_key_type_sql(user_type), &n);
	add_column(&sql, domain->item_col, uiml_key_type_sql(item_type), &n);
	reader->time_kind = time_kind_of(domain, &time_cast, &reader->time_type);
	reader->time_at = reader->kind_at = reader->weight_at = reader->text_at = -1;
	if (reader->time_kind != TIME_NONE)
		reader->time_at = add_column(&sql, domain->time_col, time_cast, &n);
	if (domain->kind_col != NULL)
		reader->kind_at = add_column(&sql, domain->kind_col, "pg_catalog.text", &n);
	if (domain->weight_col != NULL)
		reader->weight_at = add_column(&sql, domain->weight_col, "pg_catalog.float8", &n);
	if (reader->texts != NULL)
		reader->text_at = add_text(&sql, domain, &n);
	appendStringInfo(&sql, " FROM %s e", uiml_relation_name(domain->events));
	if (in_user_order)
		appendStringInfo(&sql, " ORDER BY (e.%s)::%s%s", quote_identifier(domain->user_col),
						 uiml_key_type_sql(user_type),
						 OidIsValid(get_typcollation(user_type)) ? " COLLATE pg_catalog.\"C\"" : "");
	return sql.data;
}

/* --- after the last row --------------------------------------------------------------------------------- */

/* What numbering the keys in order takes, were there so many times as many. */
static size_t
finish_memory(const EventReader *reader, double times)
{
	size_t texts = reader->texts != NULL ? uiml_keys_count(reader->texts) : 0;

	return uiml_keys_finish_memory((size_t) (times * (double) uiml_keys_count(reader->users))) +
		   uiml_keys_finish_memory((size_t) (times * (double) uiml_keys_count(reader->items))) +
		   uiml_keys_finish_memory((size_t) (times * (double) texts));
}

/*
 * What would do: the rows that found no room are taken to bring new users and items at the rate of those that
 * did, and each to be a pair of its own.
 */
static void
report_overflow(EventReader *reader)
{
	UimlSource *source = reader->source;
	UimlBehaviourParams params = uiml_behaviour_defaults();
	double stored = (double) Max(source->n_events, 1);
	double all = stored + (double) reader->overflow;
	double users = (double) uiml_keys_count(reader->users) * all / stored;
	double items = (double) uiml_keys_count(reader->items) * all / stored;
	double needed = (double) uiml_budget_used(&reader->budget) * all / stored;

	params.model.dims = (size_t) reader->domain->dims;
	params.model.interests = (size_t) reader->domain->interests;
	needed += (double) finish_memory(reader, all / stored) +
			  (reader->spool != NULL ? uiml_passes_training_memory : uiml_training_memory)(
				  reader->domain, (size_t) users, (size_t) items, (size_t) all, (size_t) all,
				  reader->time_kind != TIME_NONE, &params);
	uiml_budget_exceeded(&reader->budget, psprintf("%.0f events", all), needed);
}

static void
report_kinds(EventReader *reader)
{
	UimlKeys kinds;
	size_t n = uiml_keys_count(reader->kinds);
	uint32 *number = uiml_keys_finish(reader->kinds, 0, &kinds);
	bool *unweighted = palloc0(Max(n, 1) * sizeof(bool));
	StringInfoData names;
	int n_unweighted = 0;

	for (size_t i = 0; i < n; i++)
		unweighted[number[i]] = reader->kind_weight[i] < 0;
	initStringInfo(&names);
	for (size_t i = 0; i < n; i++)
	{
		if (!unweighted[i] || n_unweighted++ >= NAMED_KINDS)
			continue;
		appendStringInfo(&names, "%s\"%s\"", n_unweighted > 1 ? ", " : "", TextDatumGetCString(kinds.key[i]));
	}
	if (n_unweighted > NAMED_KINDS)
		appendStringInfo(&names, " and %d more", n_unweighted - NAMED_KINDS);
	if (n_unweighted > 0)
		ereport(NOTICE, (errmsg("kinds of events without a weight count 1: %s", names.data),
						 errhint("Give them weights with uiml_alter_domain(%s, kind_weights => '{...}').",
								 quote_literal_cstr(reader->domain->name))));
}

static void
add_key(TupleTableSlot *slot, void *ctx)
{
	EventReader *reader = ctx;
	bool null;

	if (uiml_keys_number(reader->items, slot_getattr(slot, 1, &null)) == UIML_NO_KEY)
		reader->full = true;
}

/* Items of the items table that have a text but no event. */
static void
read_new_items(EventReader *reader, Oid item_type)
{
	size_t known = uiml_keys_count(reader->items);

	if (reader->source->features != UIML_FEATURES_BEHAVIOUR && !reader->full)
		uiml_source_text_keys(reader->domain, item_type, add_key, reader);
	reader->source->n_new = uiml_keys_count(reader->items) - known;
}

/* Is there room for the keys in order? */
static bool
keys_fit(EventReader *reader)
{
	return uiml_budget_fits(&reader->budget, finish_memory(reader, 1));
}

/* Users came in the order of their keys, and so got the numbers that keys have. */
static void
check_user_order(const uint32 *number, size_t n)
{
	for (size_t u = 0; u < n; u++)
		if (number[u] != u)
			elog(ERROR, "users came in another order than that of their keys");
}

/*
 * Dense numbers in key order, events in (user, item, at, weight) order, arrays no larger than they must be.
 */
static void
finish_events(EventReader *reader, uint64 seed)
{
	UimlSource *source = reader->source;
	uint32 *user;
	uint32 *item;
	uint32 *text = NULL;
	UimlColumnNumbers columns;
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, reader->context, NULL, NULL);

	if (source->events != NULL)
		source->events = repalloc_huge(source->events, Max(source->n_events, 1) * sizeof(UimlEvent));
	user = uiml_keys_finish(reader->users, seed, &source->users);
	item = uiml_keys_finish(reader->items, seed, &source->items);
	if (reader->texts != NULL)
		text = uiml_keys_finish(reader->texts, seed, &source->texts);
	if (source->items.n + source->texts.n > PG_INT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many items and texts")));
	columns = (UimlColumnNumbers){item, text, source->items.n, source->texts.n};
	for (size_t i = 0; source->events != NULL && i < source->n_events; i++)
	{
		UimlEvent *event = &source->events[i];

		event->user = user[event->user];
		event->item = uiml_column_number(&columns, event->item);
		if ((i & INTERRUPT_EVERY) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	if (reader->spool != NULL)
	{
		check_user_order(user, source->users.n);
		source->work = uiml_spool_finish(reader->spool, reader->domain, reader->suffix, &columns,
										 source->users.n, reader->context);
	}
	pfree(user);
	pfree(item);
	if (text != NULL)
		pfree(text);
	if (source->events != NULL)
		uiml_check(uiml_events_sort(&env, source->events, source->n_events, source->users.n),
				   "order of events");
	source->has_time = reader->time_kind != TIME_NONE && source->n_events > 0;
	if (source->has_time)
		source->data_until = (TimestampTz) rint(source->until * USECS_PER_SEC);
}

/* How many rows the statistics of the table tell; 0 for a view, or where it was never analysed. */
static double
expected_rows(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	double rows = 0;

	if (HeapTupleIsValid(tuple))
	{
		rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}
	return Max(rows, 0);
}

/*
 * One reading of all events.  Where again is set, the notices were given before; where room may lack, what
 * was read is dropped and NULL returned.
 */
static UimlSource *
read_events(const UimlDomain *domain, uint64 seed, MemoryContext parent, const UimlReading *reading,
			bool to_work, bool again, bool may_lack)
{
	MemoryContext context = AllocSetContextCreate(parent, "uiml source", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MemoryContext work = AllocSetContextCreate(context, "uiml events", ALLOCSET_DEFAULT_SIZES);
	UimlSource *source = palloc0(sizeof(UimlSource));
	UimlFeatureKind features = uiml_source_features(domain);
	Oid user_type = stored_key_type(domain->users_table, "user_id");
	Oid item_type = stored_key_type(domain->items_table, "item_id");
	EventReader reader = {.domain = domain,
						  .source = source,
						  .context = context,
						  .suffix = reading->suffix,
						  .progress = reading->progress,
						  .progress_ctx = reading->progress_ctx,
						  .expected_rows = expected_rows(domain->events)};
	Oid types[3] = {InvalidOid}; /* keys are cast to theirs; the time comes third */
	char *query;

	source->context = context;
	source->again = again;
	uiml_source_check_events(domain);
	uiml_budget_init(&reader.budget, parent);
	reader.users =
		uiml_keys_begin(uiml_key_type(user_type, domain->user_col, context), context, &reader.budget);
	reader.items =
		uiml_keys_begin(uiml_key_type(item_type, domain->item_col, context), context, &reader.budget);
	source->features = features;
	if (features != UIML_FEATURES_BEHAVIOUR && domain->text_cols != NIL)
		reader.texts = uiml_keys_begin(uiml_key_type(TEXTOID, "text_cols", context), context, &reader.budget);
	reader.kinds = uiml_keys_begin(uiml_key_type(TEXTOID, "kind", work), work, &reader.budget);
	reader.kind_capacity = 16;
	reader.kind_weight = MemoryContextAlloc(work, reader.kind_capacity * sizeof(float));
	reader.capacity = FIRST_EVENTS;
	query = events_query(&reader, user_type, item_type, to_work);
	if (to_work)
		reader.spool = uiml_spool_begin(context, &reader.budget, reader.time_kind != TIME_NONE);
	else
		source->events = MemoryContextAllocHuge(context, reader.capacity * sizeof(UimlEvent));

	MemoryContextSwitchTo(work);
	if (reader.time_at >= 0)
		types[reader.time_at] = reader.time_type;
	uiml_sql_each_typed(query, NULL, false, types, reader.time_at + 1, uiml_event_read, &reader);
	read_new_items(&reader, item_type);
	reader.full = reader.full || !keys_fit(&reader);
	if (reader.full && may_lack)
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		return NULL;
	}
	if (reader.full)
		report_overflow(&reader);
	if (!again)
		report_kinds(&reader);
	finish_events(&reader, seed);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	return source;
}

/* As far as statistics tell, the events alone exceed maintenance_work_mem. */
static bool
expects_overflow(const UimlDomain *domain)
{
	return expected_rows(domain->events) * sizeof(UimlEvent) > (double) maintenance_work_mem * 1024;
}

UimlSource *
uiml_source_read_mode(const UimlDomain *domain, uint64 seed, MemoryContext context,
					  const UimlReading *reading)
{
	UimlSource *source;
	bool read = false;

	if (uiml_memory_mode == UIML_MEMORY_ONLY)
		return read_events(domain, seed, context, reading, false, false, false);
	if (uiml_memory_mode == UIML_MEMORY_AUTO && !expects_overflow(domain))
	{
		source = read_events(domain, seed, context, reading, false, false, true);
		if (source != NULL && (reading->fits == NULL || reading->fits(reading->ctx, source)))
			return source;
		read = source != NULL;
		if (read)
			MemoryContextDelete(source->context);
		uiml_budget_release();
	}
	return read_events(domain, seed, context, reading, true, read, false);
}
