/*
 * domain.c
 *	  uiml_create_domain, uiml_alter_domain, uiml_drop_domain.
 *
 * Creating and altering resolve the columns in the same way; an alteration hands over the columns it leaves
 * alone as if they had been given.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/catalog.h"
#include "pg/domain.h"
#include "pg/roles.h"
#include "pg/sql.h"
#include "pg/storage.h"
#include "pg/texttemplate.h"

PG_FUNCTION_INFO_V1(uiml_create_domain);
PG_FUNCTION_INFO_V1(uiml_alter_domain);
PG_FUNCTION_INFO_V1(uiml_drop_domain);

#define DEFAULT_KIND_WEIGHTS "{\"view\": 1, \"search\": 2, \"like\": 3, \"comment\": 4}"

static Jsonb *
jsonb_of(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/*
 * Columns
 */

/* Fills in the column fields of domain; the types of the keys come back for the storage. */
static void
resolve_columns(const UimlDomainArgs *args, UimlDomain *domain, Oid *user_type, Oid *item_type)
{
	Relation events = uiml_role_open(args->events, "events");
	List *taken = list_make5(unconstify(char *, args->user_col), unconstify(char *, args->item_col),
							 unconstify(char *, args->time_col), unconstify(char *, args->kind_col),
							 unconstify(char *, args->weight_col));

	domain->events = args->events;
	domain->user_col = uiml_role_column(events, UIML_ROLE_USER, args->user_col, taken);
	taken = lappend(taken, domain->user_col);
	domain->item_col = uiml_role_column(events, UIML_ROLE_ITEM, args->item_col, taken);
	if (strcmp(domain->user_col, domain->item_col) == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("column \"%s\" can't be both the user and the item", domain->user_col));
	taken = lappend(taken, domain->item_col);
	domain->time_col = uiml_role_column(events, UIML_ROLE_TIME, args->time_col, taken);
	taken = lappend(taken, domain->time_col);
	domain->kind_col = uiml_role_column(events, UIML_ROLE_KIND, args->kind_col, taken);
	taken = lappend(taken, domain->kind_col);
	domain->weight_col = uiml_role_column(events, UIML_ROLE_WEIGHT, args->weight_col, taken);
	taken = lappend(taken, domain->weight_col);
	uiml_role_items(events, args, domain);
	domain->text_cols = uiml_role_texts(events, args->has_text_cols, args->text_cols, "text_cols", taken);
	*user_type = uiml_role_type(events, domain->user_col, "user_col");
	*item_type = uiml_role_type(events, domain->item_col, "item_col");
	relation_close(events, NoLock);
}

/* A line of the notice, broken before a name that would pass the 80th column. */
static void
append_line(StringInfo text, const char *role, List *names, const char *otherwise)
{
	int line = text->len + 1;
	ListCell *cell;

	appendStringInfo(text, "\n  %-7s ", role);
	if (names == NIL)
		appendStringInfoString(text, otherwise);
	foreach (cell, names)
	{
		const char *name = lfirst(cell);

		if (foreach_current_index(cell) > 0)
			appendStringInfoString(text, ", ");
		if (foreach_current_index(cell) > 0 && text->len - line + strlen(name) > 78)
		{
			text->data[--text->len] = '\0';
			line = text->len + 1;
			appendStringInfoString(text, "\n          ");
		}
		appendStringInfoString(text, name);
	}
}

static List *
one_name(char *name)
{
	return name != NULL ? list_make1(name) : NIL;
}

/* An alteration may meet a relation that was dropped. */
static List *
relation_names(Oid relid)
{
	return get_rel_relkind(relid) != '\0' ? list_make1(uiml_relation_name(relid)) : NIL;
}

/* Which columns were chosen, as a notice tells it. */
static char *
columns_notice(const UimlDomain *domain)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "domain \"%s\" reads these columns", domain->name);
	append_line(&text, "events", relation_names(domain->events), "");
	append_line(&text, "user", one_name(domain->user_col), "");
	append_line(&text, "item", one_name(domain->item_col), "");
	append_line(&text, "time", one_name(domain->time_col), "none: events don't decay");
	append_line(&text, "kind", one_name(domain->kind_col), "none: events count alike");
	append_line(&text, "weight", one_name(domain->weight_col), "none");
	if (OidIsValid(domain->items))
	{
		append_line(&text, "items", relation_names(domain->items), "");
		append_line(&text, "key", one_name(domain->item_key), "");
		append_line(&text, "text", domain->item_text, "none");
		if (domain->text_cols != NIL)
			append_line(&text, "written", domain->text_cols, "");
	}
	else
		append_line(&text, "text", domain->text_cols, "none: labels are item keys; pass items or text_cols");
	return text.data;
}

/*
 * Creating
 */

static void
check_name(const char *name)
{
	size_t length = strlen(name);

	if (length >= 1 && length <= UIML_MAX_DOMAIN_NAME && strchr(name, '.') == NULL)
		return;
	ereport(ERROR, errcode(ERRCODE_INVALID_NAME), errmsg("invalid domain name: \"%s\"", name),
			errdetail("A name has 1 to %d bytes and no period.", UIML_MAX_DOMAIN_NAME));
}

static void
note_row(TupleTableSlot *slot, void *ctx)
{
	(void) slot;
	*(bool *) ctx = true;
}

static void
check_not_registered(const char *name)
{
	UimlSqlParams params = {0};
	bool exists = false;

	uiml_sql_param_text(&params, name);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	uiml_sql_each("SELECT FROM uiml.domain d WHERE d.name OPERATOR(pg_catalog.=) $1 AND d.owner "
				  "OPERATOR(pg_catalog.=) $2",
				  &params, false, note_row, &exists);
	if (exists)
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("domain \"%s\" already exists", name),
				errhint("Change it with uiml_alter_domain or drop it with uiml_drop_domain."));
}

UimlDomain *
uiml_domain_create(const UimlDomainArgs *args)
{
	UimlDomain *domain = palloc0(sizeof(UimlDomain));
	UimlActing saved;
	Oid schema;
	Oid user_type;
	Oid item_type;

	check_name(args->name);
	if (!OidIsValid(args->events))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("events must not be null"),
				errhint("Pass the table that holds the events."));
	check_not_registered(args->name);
	domain->owner = GetUserId();
	domain->name = pstrdup(args->name);
	resolve_columns(args, domain, &user_type, &item_type);
	domain->kind_weights = args->kind_weights != NULL ? args->kind_weights : jsonb_of(DEFAULT_KIND_WEIGHTS);
	domain->half_life = args->half_life;
	domain->features = pstrdup(args->features != NULL ? args->features : "auto");
	domain->dims = args->dims;
	domain->interests = args->interests;
	domain->options = args->options != NULL ? args->options : jsonb_of("{}");
	uiml_text_template_check(domain);
	schema =
		args->schema != NULL ? get_namespace_oid(args->schema, false) : get_rel_namespace(domain->events);

	uiml_act_as_owner(domain, &saved);
	uiml_storage_create(domain, schema, user_type, item_type);
	domain->domain_id = uiml_domain_insert(domain);
	uiml_storage_create_views(domain);
	uiml_act_as_self(&saved);
	ereport(NOTICE, errmsg_internal("%s", columns_notice(domain)));
	return domain;
}

static char *
domain_name_arg(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("domain name must not be null"));
	return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

Datum
uiml_create_domain(PG_FUNCTION_ARGS)
{
	UimlDomainArgs args;

	uiml_domain_args_read(fcinfo, 1, &args);
	args.name = domain_name_arg(fcinfo);
	uiml_domain_create(&args);
	PG_RETURN_VOID();
}

/*
 * Altering
 */

/* Takes away what the argument unset lists. */
static void
unset_fields(UimlDomain *domain, List *names)
{
	ListCell *cell;

	foreach (cell, names)
	{
		const char *name = lfirst(cell);

		if (strcmp(name, "time_col") == 0)
			domain->time_col = NULL;
		else if (strcmp(name, "kind_col") == 0)
			domain->kind_col = NULL;
		else if (strcmp(name, "weight_col") == 0)
			domain->weight_col = NULL;
		else if (strcmp(name, "text_cols") == 0)
			domain->text_cols = NIL;
		else if (strcmp(name, "items") == 0)
			domain->items = InvalidOid;
		else if (strcmp(name, "half_life") == 0)
			domain->half_life = 0;
		else if (strcmp(name, "dims") == 0)
			domain->dims = 0;
		else if (strcmp(name, "interests") == 0)
			domain->interests = 0;
		else
			ereport(
				ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" can't be unset", name),
				errhint(
					"Use time_col, kind_col, weight_col, text_cols, items, half_life, dims or interests."));
	}
}

static const char *
changed(const char *argument, const char *now)
{
	return argument != NULL ? argument : now != NULL ? now : "";
}

/* Hands columns that stay as they are over as given ones. */
static void
keep_columns(UimlDomainArgs *args, const UimlDomain *domain)
{
	bool same_items = !OidIsValid(args->items) || args->items == domain->items;

	if (!OidIsValid(args->events) && get_rel_relkind(domain->events) == '\0')
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("the events of domain \"%s\" were dropped", domain->name),
				errhint("Pass another table in the argument events."));
	args->events = OidIsValid(args->events) ? args->events : domain->events;
	args->user_col = changed(args->user_col, domain->user_col);
	args->item_col = changed(args->item_col, domain->item_col);
	args->time_col = changed(args->time_col, domain->time_col);
	args->kind_col = changed(args->kind_col, domain->kind_col);
	args->weight_col = changed(args->weight_col, domain->weight_col);
	if (!args->has_text_cols)
		args->text_cols = domain->text_cols;
	args->has_text_cols = true;
	args->items = OidIsValid(args->items) ? args->items : domain->items;
	if (!same_items || !OidIsValid(args->items))
		return;
	if (args->item_key == NULL)
		args->item_key = domain->item_key;
	if (!args->has_item_text)
		args->item_text = domain->item_text;
	args->has_item_text = true;
}

static void
check_key_type(const UimlDomain *domain, UimlTable which, const char *noun, Oid type)
{
	Oid stored = uiml_storage_key_type(uiml_storage_parent(domain, which), which);

	if (stored != type)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("type of the %s key can't change from %s to %s", noun, format_type_be(stored),
					   format_type_be(type)),
				errhint("Drop the domain with uiml_drop_domain and create it again."));
}

static void
alter_domain(UimlDomain *domain, UimlDomainArgs *args, List *unset)
{
	UimlDomain altered;
	Oid user_type;
	Oid item_type;

	unset_fields(domain, unset);
	keep_columns(args, domain);
	altered = *domain;
	altered.items = InvalidOid;
	altered.item_key = NULL;
	altered.item_text = NIL;
	resolve_columns(args, &altered, &user_type, &item_type);
	check_key_type(domain, UIML_USERS, "user", user_type);
	check_key_type(domain, UIML_ITEMS, "item", item_type);
	if (args->kind_weights != NULL)
		altered.kind_weights = args->kind_weights;
	if (args->has_half_life)
		altered.half_life = args->half_life;
	if (args->features != NULL)
		altered.features = unconstify(char *, args->features);
	if (args->dims != 0)
		altered.dims = args->dims;
	if (args->interests != 0)
		altered.interests = args->interests;
	if (args->options != NULL)
		altered.options = args->options;
	uiml_text_template_check(&altered);
	*domain = altered;
}

/* Arguments: name, those of uiml_create_domain without schema, unset. */
Datum
uiml_alter_domain(PG_FUNCTION_ARGS)
{
	char *name = domain_name_arg(fcinfo);
	int unset_at = UIML_DOMAIN_ARGS;
	UimlDomainArgs args;
	UimlDomain *domain;
	List *unset;
	UimlActing saved;
	const char *before;
	const char *after;

	uiml_domain_changes_read(fcinfo, 1, &args);
	unset = PG_ARGISNULL(unset_at) ? NIL : uiml_text_list(PG_GETARG_ARRAYTYPE_P(unset_at), "unset");
	domain = uiml_domain_get_locked(name, UIML_OWN);
	before = columns_notice(domain);
	alter_domain(domain, &args, unset);
	uiml_act_as_owner(domain, &saved);
	uiml_domain_update(domain);
	uiml_act_as_self(&saved);
	after = columns_notice(domain);
	if (strcmp(before, after) != 0)
		ereport(NOTICE, errmsg_internal("%s", after));
	PG_RETURN_VOID();
}

Datum
uiml_drop_domain(PG_FUNCTION_ARGS)
{
	UimlDomain *domain = uiml_domain_get_locked(text_to_cstring(PG_GETARG_TEXT_PP(0)), UIML_OWN);
	UimlActing saved;

	uiml_act_as_owner(domain, &saved);
	uiml_storage_drop(domain);
	uiml_domain_delete(domain);
	uiml_act_as_self(&saved);
	PG_RETURN_VOID();
}
