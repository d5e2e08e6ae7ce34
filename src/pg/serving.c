/*
 * serving.c
 *	  Which domains a caller may predict from, and what their active versions look like.
 *
 * On the path of every prediction: one saved, generic plan over one small index, and checks against the
 * relation cache. What the catalog says was possibly written by hand, so that nothing of it is believed
 * (catalog.h).
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/domain.h"
#include "pg/sql.h"

/* Most domains have no transfer and no sequence model: that costs a look into an index each. */
#define SERVING_QUERY                                                                                        \
	"SELECT " UIML_SERVING_COLUMNS ", EXISTS (SELECT FROM uiml.transfer t "                                  \
	"WHERE t.version_id OPERATOR(pg_catalog.=) v.version_id AND t.bytes OPERATOR(pg_catalog.>) 0), "         \
	"EXISTS (SELECT FROM uiml.sequence_model m WHERE m.version_id OPERATOR(pg_catalog.=) v.version_id) "     \
	"FROM uiml.version v WHERE v.active "

/* The two questions; plans live as long as the backend. */
static UimlPlan *named_plan;
static UimlPlan *all_plan;

void
uiml_serving_read(TupleTableSlot *slot, UimlServing *serving)
{
	Datum *value;

	slot_getsomeattrs(slot, UIML_SERVING_N_COLUMNS);
	value = slot->tts_values;
	memset(serving, 0, sizeof(*serving));
	serving->owner = DatumGetObjectId(value[0]);
	serving->domain = TextDatumGetCString(value[1]);
	serving->version_id = DatumGetInt64(value[2]);
	serving->version = DatumGetInt32(value[3]);
	serving->has_data_until = !slot->tts_isnull[4];
	serving->data_until = serving->has_data_until ? DatumGetTimestampTz(value[4]) : 0;
	serving->half_life = slot->tts_isnull[5] ? INFINITY : DatumGetFloat8(value[5]);
	serving->items = DatumGetInt64(value[6]);
	serving->dims = DatumGetInt32(value[7]);
	serving->interests = DatumGetInt32(value[8]);
	serving->alpha = DatumGetFloat8(value[9]);
	serving->item_alpha = DatumGetFloat8(value[10]);
	serving->temperature = DatumGetFloat8(value[11]);
	serving->event_mass = DatumGetFloat8(value[12]);
	serving->dispersion = DatumGetFloat8(value[13]);
	serving->has_generalization = DatumGetBool(value[14]);
	serving->digest = DatumGetInt64(value[15]);
	serving->items_table = DatumGetObjectId(value[16]);
	serving->interests_table = DatumGetObjectId(value[17]);
	serving->users_table = DatumGetObjectId(value[18]);
}

static void
add_serving(TupleTableSlot *slot, void *ctx)
{
	List **list = ctx;
	UimlServing *serving = palloc(sizeof(UimlServing));
	bool null;

	uiml_serving_read(slot, serving);
	serving->transfers = DatumGetBool(slot_getattr(slot, UIML_SERVING_N_COLUMNS + 1, &null));
	serving->sequences = DatumGetBool(slot_getattr(slot, UIML_SERVING_N_COLUMNS + 2, &null));
	*list = lappend(*list, serving);
}

/*
 * Checks
 */

static bool
numbers_in_range(const UimlServing *serving)
{
	return serving->half_life > 0 && serving->items >= 1 && serving->items <= PG_INT32_MAX &&
		   serving->dims >= 1 && serving->dims <= UIML_MAX_DIMS && serving->interests >= 1 &&
		   serving->interests <= UIML_MAX_INTERESTS && isfinite(serving->alpha) && serving->alpha > 0 &&
		   isfinite(serving->item_alpha) && serving->item_alpha > 0 && isfinite(serving->temperature) &&
		   serving->temperature > 0 && isfinite(serving->event_mass) && serving->event_mass > 0 &&
		   isfinite(serving->dispersion) && serving->dispersion >= 0;
}

/*
 * A table that training could have made: reading a view, a foreign table or a table with policies could run
 * code of whoever wrote its OID into the catalog.
 */
static bool
table_is_sound(Oid relid, Oid owner)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class row;
	bool sound;

	if (!HeapTupleIsValid(tuple))
		return false;
	row = (Form_pg_class) GETSTRUCT(tuple);
	sound = row->relkind == RELKIND_RELATION && row->relowner == owner && !row->relrowsecurity;
	ReleaseSysCache(tuple);
	return sound;
}

static const char *
serving_problem(const UimlServing *serving)
{
	if (!numbers_in_range(serving))
		return "A number in uiml.version is out of range.";
	if (!table_is_sound(serving->items_table, serving->owner) ||
		!table_is_sound(serving->interests_table, serving->owner) ||
		!table_is_sound(serving->users_table, serving->owner))
		return "A table of the version was dropped, changed hands or got row-level security.";
	return NULL;
}

static bool
may_select(Oid relid)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/* True for a domain to predict from; raises an error, or tells to leave it out, otherwise. */
bool
uiml_serving_is_usable(const UimlServing *serving, bool named)
{
	const char *problem = serving_problem(serving);
	bool strict = named || serving->owner == GetUserId();

	if (problem != NULL && strict)
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("version %d of domain \"%s\" can't be used", serving->version, serving->domain),
				errdetail("%s", problem), errhint("Train the domain again."));
	if (problem != NULL)
		return false;
	if (may_select(serving->items_table) && may_select(serving->interests_table) &&
		may_select(serving->users_table))
		return true;
	if (strict)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for domain \"%s\"", serving->domain),
				errhint("Ask its owner for the privilege predict, with uiml_grant."));
	return false;
}

static void
take_serving(TupleTableSlot *slot, void *ctx)
{
	UimlServing *serving = palloc(sizeof(UimlServing));

	uiml_serving_read(slot, serving);
	*(UimlServing **) ctx = serving;
}

UimlServing *
uiml_serving_of_version(int64 version_id)
{
	UimlSqlParams params = {0};
	UimlServing *serving = NULL;

	uiml_sql_param_int8(&params, version_id);
	uiml_sql_each("SELECT " UIML_SERVING_COLUMNS " FROM uiml.version v "
				  "WHERE v.version_id OPERATOR(pg_catalog.=) $1",
				  &params, false, take_serving, &serving);
	if (serving == NULL || get_rel_relkind(serving->items_table) != RELKIND_RELATION ||
		get_rel_relkind(serving->interests_table) != RELKIND_RELATION ||
		!uiml_serving_is_usable(serving, false))
		return NULL;
	return serving;
}

/*
 * Lists
 */

static List *
serving_all(void)
{
	List *found = NIL;
	List *usable = NIL;
	ListCell *cell;

	if (all_plan == NULL)
		all_plan =
			uiml_plan_prepare(SERVING_QUERY "ORDER BY v.domain COLLATE pg_catalog.\"C\", v.owner", 0, NULL);
	uiml_plan_each(all_plan, NULL, NULL, add_serving, &found);
	foreach (cell, found)
	{
		if (uiml_serving_is_usable(lfirst(cell), false))
			usable = lappend(usable, lfirst(cell));
	}
	return usable;
}

/* One's own, else the only one; with an owner in the name, that one's. */
static UimlServing *
choose_serving(List *found, const char *owner_name, const char *bare)
{
	Oid owner = owner_name != NULL ? get_role_oid(owner_name, true) : InvalidOid;
	UimlServing *choice = NULL;
	List *owners = NIL;
	ListCell *cell;

	foreach (cell, found)
	{
		UimlServing *serving = lfirst(cell);

		if (owner_name != NULL && serving->owner != owner)
			continue;
		if (serving->owner == GetUserId())
			return serving;
		choice = serving;
		owners = lappend_oid(owners, serving->owner);
	}
	if (list_length(owners) > 1)
		uiml_domain_ambiguous(bare, owners);
	return choice;
}

/* Why a name has no active version: an error of the name, or it was never trained. */
static void
raise_not_serving(const char *name)
{
	(void) uiml_domain_get(name, UIML_PREDICT);
	ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("domain \"%s\" has not been trained yet", name),
			errhint("Train it with: SELECT * FROM uiml_train(%s);", quote_literal_cstr(name)));
}

static List *
serving_named(const char *name)
{
	char *owner;
	const char *bare = uiml_name_split(name, &owner);
	List *found = NIL;
	UimlServing *serving;
	Datum value = CStringGetTextDatum(bare);

	if (named_plan == NULL)
	{
		Oid type = TEXTOID;

		named_plan = uiml_plan_prepare(
			SERVING_QUERY "AND v.domain OPERATOR(pg_catalog.=) $1 ORDER BY v.owner", 1, &type);
	}
	uiml_plan_each(named_plan, &value, NULL, add_serving, &found);
	serving = choose_serving(found, owner, bare);
	if (serving == NULL)
		raise_not_serving(name);
	(void) uiml_serving_is_usable(serving, true);
	return list_make1(serving);
}

List *
uiml_serving_list(const char *domain)
{
	return domain != NULL ? serving_named(domain) : serving_all();
}
