/*
 * sourcecheck.c
 *	  What training and evaluation ask of the events they have read.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "core/half_life.h"
#include "pg/passes.h"
#include "pg/sourcecheck.h"
#include "pg/sql.h"

/* Less than this is no basis for a model, nor for judging one. */
#define MIN_USERS       10
#define MIN_ITEMS       10
#define MIN_EVENTS      50
#define MIN_MULTI_USERS 2 /* with two items or more: one item alone relates to nothing */

/* Hashes between two resets of the memory they leave behind. */
#define SCRATCH_RESET 1024

/* One line about rows that do not count. */
static void
note_skipped(const UimlSource *source)
{
	const struct
	{
		uint64 n;
		const char *what;
	} skipped[] = {{source->skipped_null, "without user or item"},
				   {source->skipped_time, "without a finite time"},
				   {source->skipped_weight, "without a positive weight"}};
	StringInfoData text;

	initStringInfo(&text);
	for (size_t i = 0; i < lengthof(skipped); i++)
		if (skipped[i].n > 0)
			appendStringInfo(&text, "%s" UINT64_FORMAT " %s", text.len > 0 ? ", " : "", skipped[i].n,
							 skipped[i].what);
	if (text.len > 0)
		ereport(NOTICE, (errmsg("events that do not count: %s", text.data)));
	pfree(text.data);
}

static void
check_minimum(const UimlDomain *domain, const UimlSource *source, size_t multi_users)
{
	size_t items = source->items.n - source->n_new;

	if (source->users.n >= MIN_USERS && items >= MIN_ITEMS && source->n_events >= MIN_EVENTS &&
		multi_users >= MIN_MULTI_USERS)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		 errmsg("too few events to train domain \"%s\"", domain->name),
		 errdetail(
			 "There are %zu users, %zu items and %zu events, and %zu users with two items or more; needed "
			 "are at least %d users, %d items and %d events, and %d users with two items or more.",
			 source->users.n, items, source->n_events, multi_users, MIN_USERS, MIN_ITEMS, MIN_EVENTS,
			 MIN_MULTI_USERS)));
}

size_t
uiml_source_pairs(const UimlSource *source, size_t *multi_users)
{
	const UimlEvent *event = source->events;
	size_t pairs = 0;
	size_t of_user = 0; /* items */

	if (source->work != NULL)
	{
		*multi_users = source->work->multi_users;
		return source->work->n_pairs;
	}
	*multi_users = 0;
	for (size_t i = 0; i < source->n_events; i++)
	{
		bool same_user = i > 0 && event[i].user == event[i - 1].user;

		if ((i & 0xfffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (same_user && event[i].item == event[i - 1].item)
			continue;
		pairs++;
		of_user = (same_user ? of_user : 0) + (event[i].item < source->items.n);
		if (of_user == 2 && event[i].item < source->items.n)
			(*multi_users)++;
	}
	return pairs;
}

size_t
uiml_source_check(const UimlDomain *domain, const UimlSource *source)
{
	size_t multi_users;
	size_t pairs;

	if (!source->again)
		note_skipped(source);
	pairs = uiml_source_pairs(source, &multi_users);
	check_minimum(domain, source, multi_users);
	return pairs;
}

double
uiml_interactions_memory(size_t n_users, size_t pairs)
{
	return (double) pairs * (sizeof(uint32) + 2 * sizeof(float)) +
		   (double) n_users * (sizeof(size_t) + sizeof(double));
}

/*
 * The moments of most memory: events beside their sums, the choice of a half-life, and the fit without
 * events; what tuning users did last stays throughout.
 */
double
uiml_training_memory(const UimlDomain *domain, size_t n_users, size_t n_items, size_t pairs, size_t n_events,
					 bool has_time, const UimlBehaviourParams *params)
{
	double counts = (double) n_users * (sizeof(uint32) + sizeof(double)) + (double) n_items * sizeof(uint32);
	double fades = (double) n_users * sizeof(double);
	double sums = uiml_interactions_memory(n_users, pairs);
	double fit = (double) uiml_behaviour_memory(n_users, n_items, pairs, params) + fades -
				 (double) n_events * sizeof(UimlEvent);
	double half_life = 0;
	double newest = has_time ? (double) uiml_half_life_tuning_memory(
								   n_users, n_events, uiml_split_size(n_users, params->max_users))
							 : 0;

	if (has_time && domain->half_life == 0)
		half_life = (double) uiml_half_life_memory(n_users, n_items, pairs, n_events,
												   uiml_split_size(n_users, params->max_users)) +
					fades;
	return counts + Max(sums + newest, Max(fit + newest, half_life));
}

/* Model parameters with sizes for those that are to be chosen: what uiml_behaviour_memory reckons with. */
#define ASSUMED_DIMS 64

double
uiml_passes_training_memory(const UimlDomain *domain, size_t n_users, size_t n_items, size_t pairs,
							size_t n_events, bool has_time, const UimlBehaviourParams *params)
{
	const UimlModelParams *model = &params->model;
	size_t tuning = uiml_split_size(n_users, params->max_users);
	size_t dims = model->dims > 0 ? model->dims : ASSUMED_DIMS;
	double beside = (double) uiml_behaviour_memory(n_users, n_items, pairs, params) -
					(double) uiml_model_memory(n_users, n_items, pairs, model);
	double fit = beside + (double) uiml_passes_memory(n_users, n_items, dims, model->interests);
	double half_life = 0;
	double newest = has_time ? (double) uiml_half_life_tuning_memory(n_users, n_events, tuning) : 0;

	if (has_time && domain->half_life == 0)
		half_life = newest + (double) uiml_passes_memory(n_users, n_items, UIML_HALF_LIFE_DIMS, 1);
	return Max(fit + newest, half_life);
}

typedef struct ItemHasher
{
	const UimlKeys *items;
	MemoryContext scratch; /* text forms of keys */
	unsigned count;
} ItemHasher;

static uint64_t
hash_item(void *ctx, uint32_t item, uint64_t user_hash)
{
	ItemHasher *hasher = ctx;
	MemoryContext old = MemoryContextSwitchTo(hasher->scratch);
	uint64 hash = uiml_key_hash(hasher->items->type, hasher->items->key[item], user_hash);

	MemoryContextSwitchTo(old);
	if (++hasher->count % SCRATCH_RESET == 0)
		MemoryContextReset(hasher->scratch);
	return hash;
}

UimlSplitKeys
uiml_source_split_keys(const UimlSource *source, MemoryContext context)
{
	ItemHasher *hasher = MemoryContextAlloc(context, sizeof(ItemHasher));

	*hasher = (ItemHasher){&source->items,
						   AllocSetContextCreate(context, "uiml item hashes", ALLOCSET_SMALL_SIZES), 0};
	return (UimlSplitKeys){(const uint64_t *) source->users.hash, hash_item, hasher};
}

/* Whether any of the relation can be read; which columns is left to the query, which raises what is usual. */
static bool
may_read(Oid relation)
{
	return pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		   pg_attribute_aclcheck_all(relation, GetUserId(), ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
}

static void
check_relation(const UimlDomain *domain, Oid relation, const char *what)
{
	if (get_rel_relkind(relation) == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the %s of domain \"%s\" were dropped", what, domain->name),
				 errhint("Name another table with uiml_alter_domain(%s, %s => ...), or drop the domain.",
						 quote_literal_cstr(domain->name), what)));
	if (!may_read(relation))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied for the %s of domain \"%s\"", what, domain->name),
						errdetail("They are read with the rights of whoever trains or evaluates."),
						errhint("Run GRANT SELECT ON %s TO %s as their owner.", uiml_relation_name(relation),
								quote_identifier(GetUserNameFromId(GetUserId(), false)))));
}

static void
check_column(const UimlDomain *domain, Oid relation, const char *what, const char *column,
			 const char *argument)
{
	if (column != NULL && get_attnum(relation, column) == InvalidAttrNumber)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("column \"%s\" of the %s of domain \"%s\" does not exist", column, what,
							   domain->name),
						errdetail("It was renamed or dropped since the domain was registered."),
						errhint("Name another with uiml_alter_domain(%s, %s => ...).",
								quote_literal_cstr(domain->name), argument)));
}

static void
check_columns(const UimlDomain *domain, Oid relation, const char *what, const List *columns,
			  const char *argument)
{
	ListCell *cell;

	foreach (cell, columns)
		check_column(domain, relation, what, lfirst(cell), argument);
}

void
uiml_source_check_events(const UimlDomain *domain)
{
	Oid events = domain->events;

	check_relation(domain, events, "events");
	check_column(domain, events, "events", domain->user_col, "user_col");
	check_column(domain, events, "events", domain->item_col, "item_col");
	check_column(domain, events, "events", domain->time_col, "time_col");
	check_column(domain, events, "events", domain->kind_col, "kind_col");
	check_column(domain, events, "events", domain->weight_col, "weight_col");
	check_columns(domain, events, "events", domain->text_cols, "text_cols");
}

void
uiml_source_check_items(const UimlDomain *domain)
{
	if (!OidIsValid(domain->items))
		return;
	check_relation(domain, domain->items, "items");
	check_column(domain, domain->items, "items", domain->item_key, "item_key");
	check_columns(domain, domain->items, "items", domain->item_text, "item_text");
}

/* --- row-level security --------------------------------------------------------------------------------- */

static bool
bypasses_rls(Oid relation)
{
	HeapTuple tuple;
	bool has_rls;

	if (!OidIsValid(relation))
		return false;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	has_rls = HeapTupleIsValid(tuple) && ((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity;
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return has_rls && check_enable_rls(relation, InvalidOid, true) != RLS_ENABLED;
}

bool
uiml_source_note_rls(Oid relation, const char *detail)
{
	if (!bypasses_rls(relation))
		return false;
	ereport(NOTICE, (errmsg("row-level security of relation \"%s\" does not apply to role \"%s\"",
							get_rel_name(relation), GetUserNameFromId(GetUserId(), false)),
					 errdetail_internal("%s", detail)));
	return true;
}
