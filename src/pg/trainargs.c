/*
 * trainargs.c
 *	  Which domain a call of uiml_train is about.
 *
 * uiml_train takes the arguments of uiml_create_domain, so that one call does for a newcomer.  A script that
 * repeats the call every night passes them again; where they have changed meanwhile, training on something
 * else than was registered would surprise, so that is an error.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "pg/sql.h"
#include "pg/storage.h"
#include "pg/trainargs.h"

/* The defaults in sql/install/40-train.sql: they can't be told from an argument that was left out. */
#define DEFAULT_FEATURES "auto"

double
uiml_domain_option(const UimlDomain *domain, const char *name, double default_value)
{
	JsonbValue value;

	if (domain->options == NULL || !JB_ROOT_IS_OBJECT(domain->options) ||
		getKeyJsonValueFromContainer(&domain->options->root, name, (int) strlen(name), &value) == NULL ||
		value.type != jbvNumeric)
		return default_value;
	return uiml_jsonb_number(&value);
}

char *
uiml_domain_option_text(const UimlDomain *domain, const char *name)
{
	JsonbValue value;

	if (domain->options == NULL || !JB_ROOT_IS_OBJECT(domain->options) ||
		getKeyJsonValueFromContainer(&domain->options->root, name, (int) strlen(name), &value) == NULL ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

static void
differs(const UimlDomain *domain, const char *argument, const char *registered)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument %s differs from what domain \"%s\" is registered with", argument, domain->name),
			 registered != NULL ? errdetail("It is registered with %s.", registered)
								: errdetail("It is registered without one."),
			 errhint("Leave the argument out, or change the domain with uiml_alter_domain first.")));
}

static void
check_name(const UimlDomain *domain, const char *argument, const char *given, const char *registered)
{
	/* '' asks for none. */
	if (given != NULL && strcmp(given, registered != NULL ? registered : "") != 0)
		differs(domain, argument, registered);
}

static void
check_relation(const UimlDomain *domain, const char *argument, Oid given, Oid registered)
{
	if (OidIsValid(given) && given != registered)
		differs(domain, argument, OidIsValid(registered) ? uiml_relation_name(registered) : NULL);
}

static char *
join_names(const List *names)
{
	StringInfoData joined;
	ListCell *cell;

	initStringInfo(&joined);
	foreach (cell, names)
		appendStringInfo(&joined, "%s%s", joined.len > 0 ? ", " : "", (char *) lfirst(cell));
	return joined.data;
}

static void
check_names(const UimlDomain *domain, const char *argument, bool has, const List *given,
			const List *registered)
{
	bool same = list_length(given) == list_length(registered);

	for (int i = 0; has && same && i < list_length(given); i++)
		same = strcmp(list_nth(given, i), list_nth(registered, i)) == 0;
	if (has && !same)
		differs(domain, argument, registered != NIL ? join_names(registered) : NULL);
}

static void
check_number(const UimlDomain *domain, const char *argument, int given, int registered)
{
	if (given != 0 && given != registered)
		differs(domain, argument, registered != 0 ? psprintf("%d", registered) : NULL);
}

static void
check_jsonb(const UimlDomain *domain, const char *argument, Jsonb *given, Jsonb *registered)
{
	if (given != NULL && (registered == NULL || compareJsonbContainers(&given->root, &registered->root) != 0))
		differs(domain, argument,
				registered != NULL ? JsonbToCString(NULL, &registered->root, VARSIZE(registered)) : NULL);
}

static void
check_half_life(const UimlDomain *domain, const UimlDomainArgs *args)
{
	double given = args->half_life;
	double registered = domain->half_life;

	if (!args->has_half_life || given == registered)
		return;
	/* A stored interval has microseconds. */
	if (!isinf(given) && !isinf(registered) && fabs(given - registered) <= 1e-6)
		return;
	differs(domain, "half_life",
			registered == 0     ? NULL
			: isinf(registered) ? "0"
								: psprintf("%g days", registered / SECS_PER_DAY));
}

static void
check_arguments(const UimlDomain *domain, const UimlDomainArgs *args)
{
	check_relation(domain, "events", args->events, domain->events);
	check_name(domain, "user_col", args->user_col, domain->user_col);
	check_name(domain, "item_col", args->item_col, domain->item_col);
	check_name(domain, "time_col", args->time_col, domain->time_col);
	check_name(domain, "kind_col", args->kind_col, domain->kind_col);
	check_name(domain, "weight_col", args->weight_col, domain->weight_col);
	check_names(domain, "text_cols", args->has_text_cols, args->text_cols, domain->text_cols);
	check_relation(domain, "items", args->items, domain->items);
	check_name(domain, "item_key", args->item_key, domain->item_key);
	check_names(domain, "item_text", args->has_item_text, args->item_text, domain->item_text);
	check_jsonb(domain, "kind_weights", args->kind_weights, domain->kind_weights);
	check_half_life(domain, args);
	if (args->features != NULL && strcmp(args->features, DEFAULT_FEATURES) != 0)
		check_name(domain, "features", args->features, domain->features);
	check_number(domain, "dims", args->dims, domain->dims);
	check_number(domain, "interests", args->interests, domain->interests);
	check_name(domain, "schema", args->schema, get_namespace_name(get_rel_namespace(domain->items_table)));
	check_jsonb(domain, "options", args->options, domain->options);
}

static void
take_version(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(int32 *) ctx = DatumGetInt32(slot_getattr(slot, 1, &null));
}

/* The newest version that the active snapshot sees, 0 for none. */
static int32
newest_version(int32 domain_id)
{
	UimlSqlParams params = {0};
	int32 version = 0;

	uiml_sql_param_int4(&params, domain_id);
	uiml_sql_each("SELECT COALESCE(pg_catalog.max(v.version), 0) FROM uiml.version v "
				  "WHERE v.domain_id OPERATOR(pg_catalog.=) $1",
				  &params, true, take_version, &version);
	return version;
}

/* A snapshot from before another training can't retire that one's version: told now, not after the work. */
static void
check_snapshot(const UimlDomain *domain)
{
	int32 seen;
	int32 newest;

	if (!IsolationUsesXactSnapshot())
		return;
	seen = newest_version(domain->domain_id);
	PushActiveSnapshot(GetLatestSnapshot());
	newest = newest_version(domain->domain_id);
	PopActiveSnapshot();
	if (newest != seen)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to a concurrent training of domain \"%s\"",
							   domain->name),
						errhint("Retry the transaction, or train in a READ COMMITTED one.")));
}

UimlDomain *
uiml_train_domain(const UimlDomainArgs *args)
{
	UimlDomain *domain = OidIsValid(args->events) ? uiml_domain_find(args->name, UIML_TRAIN)
												  : uiml_domain_get(args->name, UIML_TRAIN);

	if (domain == NULL)
	{
		domain = uiml_domain_create(args);
		uiml_domain_lock(domain->domain_id);
		return domain;
	}
	/* What was read before the lock was granted may have been altered, or dropped, by whom we waited for. */
	domain = uiml_domain_get_locked(args->name, UIML_TRAIN);
	uiml_storage_check(domain);
	check_snapshot(domain);
	check_arguments(domain, args);
	return domain;
}
