/*
 * catalog.c
 *	  Domains read from schema uiml, found by their names.
 *
 * Reads run as the caller, so that row-level security decides what is seen.  Domains of a name are resolved
 * here and not in SQL, because the errors tell the candidates.  Writes are in catalog_write.c.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/domain.h"
#include "pg/sql.h"

/* Hints list so many names. */
#define MAX_NAMES_IN_HINT 20

/* Columns of uiml.domain in the order that read_domain expects. */
#define DOMAIN_COLUMNS                                                                                       \
	"d.domain_id, d.owner, d.name, d.events, d.user_col::pg_catalog.text, d.item_col::pg_catalog.text, "     \
	"d.time_col::pg_catalog.text, d.kind_col::pg_catalog.text, d.weight_col::pg_catalog.text, "              \
	"d.text_cols::pg_catalog.text[], d.items, d.item_key::pg_catalog.text, d.item_text::pg_catalog.text[], " \
	"d.kind_weights, EXTRACT(epoch FROM d.half_life)::double precision, d.features, d.dims, d.interests, "   \
	"d.options, d.items_table, d.interests_table, d.users_table, d.sequences_table"
#define DOMAIN_N_COLUMNS 23

/* The greatest privilege that was granted to the caller, as UimlPrivilege; NULL for none. */
#define GRANTED                                                                                              \
	"(SELECT pg_catalog.max(CASE WHEN g.privilege OPERATOR(pg_catalog.=) 'own' THEN 2 WHEN g.privilege "     \
	"OPERATOR(pg_catalog.=) 'train' THEN 1 ELSE 0 END) "                                                     \
	"FROM uiml.grants g WHERE g.domain_id OPERATOR(pg_catalog.=) d.domain_id "                               \
	"AND (g.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR pg_catalog.pg_has_role(g.grantee, "          \
	"'USAGE')))"

/* A visible domain of the name that was asked for. */
typedef struct Candidate
{
	UimlDomain *domain;
	int privilege; /* UimlPrivilege, -1: none */
} Candidate;

/*
 * Reading a row
 */

static char *
text_value(TupleTableSlot *slot, int attno)
{
	bool null;
	Datum value = slot_getattr(slot, attno, &null);

	return null ? NULL : TextDatumGetCString(value);
}

static Oid
oid_value(TupleTableSlot *slot, int attno)
{
	bool null;
	Datum value = slot_getattr(slot, attno, &null);

	return null ? InvalidOid : DatumGetObjectId(value);
}

static int
int_value(TupleTableSlot *slot, int attno, int if_null)
{
	bool null;
	Datum value = slot_getattr(slot, attno, &null);

	return null ? if_null : DatumGetInt32(value);
}

static Jsonb *
jsonb_value(TupleTableSlot *slot, int attno)
{
	bool null;
	Datum value = slot_getattr(slot, attno, &null);

	return null ? NULL : DatumGetJsonbPCopy(value);
}

static List *
texts_value(TupleTableSlot *slot, int attno)
{
	bool null;
	Datum value = slot_getattr(slot, attno, &null);

	return null ? NIL : uiml_text_list(DatumGetArrayTypeP(value), "uiml.domain");
}

/* Raises an error unless a number of the catalog, which its owner can write, lies where uiml puts it. */
static void
check_stored(bool ok, const char *domain, const char *column)
{
	if (!ok)
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("domain \"%s\" has an invalid value of %s in uiml.domain", domain, column));
}

static UimlDomain *
read_domain(TupleTableSlot *slot)
{
	UimlDomain *domain = palloc0(sizeof(UimlDomain));
	bool null;

	domain->domain_id = int_value(slot, 1, 0);
	domain->owner = oid_value(slot, 2);
	domain->name = text_value(slot, 3);
	domain->events = oid_value(slot, 4);
	domain->user_col = text_value(slot, 5);
	domain->item_col = text_value(slot, 6);
	domain->time_col = text_value(slot, 7);
	domain->kind_col = text_value(slot, 8);
	domain->weight_col = text_value(slot, 9);
	domain->text_cols = texts_value(slot, 10);
	domain->items = oid_value(slot, 11);
	domain->item_key = text_value(slot, 12);
	domain->item_text = texts_value(slot, 13);
	domain->kind_weights = jsonb_value(slot, 14);
	domain->half_life = DatumGetFloat8(slot_getattr(slot, 15, &null));
	/* '0' turns decay off, NULL leaves the choice to training. */
	if (null)
		domain->half_life = 0;
	else if (domain->half_life == 0)
		domain->half_life = INFINITY;
	domain->features = text_value(slot, 16);
	domain->dims = int_value(slot, 17, 0);
	domain->interests = int_value(slot, 18, 0);
	domain->options = jsonb_value(slot, 19);
	domain->items_table = oid_value(slot, 20);
	domain->interests_table = oid_value(slot, 21);
	domain->users_table = oid_value(slot, 22);
	domain->sequences_table = oid_value(slot, DOMAIN_N_COLUMNS);
	return domain;
}

static void
check_domain(const UimlDomain *domain)
{
	const char *name = domain->name;

	check_stored(domain->half_life >= 0, name, "half_life");
	check_stored(domain->dims >= 0 && domain->dims <= UIML_MAX_DIMS, name, "dims");
	check_stored(domain->interests >= 0 && domain->interests <= UIML_MAX_INTERESTS, name, "interests");
	check_stored(uiml_kind_weights_problem(domain->kind_weights) == NULL, name, "kind_weights");
	check_stored(uiml_options_problem(domain->options) == NULL, name, "options");
	check_stored(uiml_features_known(domain->features), name, "features");
}

/*
 * Names
 */

/*
 * uiml_name_split
 *		'owner.shop' into a role and 'shop'.  Domain names hold no period, role names may: the last one parts
 *		them. owner becomes NULL for a bare name.
 */
const char *
uiml_name_split(const char *name, char **owner)
{
	const char *period = strrchr(name, '.');

	*owner = period != NULL ? pnstrdup(name, period - name) : NULL;
	return period != NULL ? period + 1 : name;
}

static void
add_name(TupleTableSlot *slot, void *ctx)
{
	List **names = ctx;
	Oid owner = oid_value(slot, 2);
	char *name = text_value(slot, 1);
	char *role = GetUserNameFromId(owner, true);

	if (owner != GetUserId() && role != NULL)
		name = psprintf("%s.%s", role, name);
	*names = lappend(*names, name);
}

/* A hint that lists the domains the caller can see. */
static char *
names_hint(void)
{
	List *names = NIL;
	StringInfoData text;
	ListCell *cell;

	uiml_sql_each(
		"SELECT d.name, d.owner FROM uiml.domain d ORDER BY d.name COLLATE pg_catalog.\"C\", d.owner", NULL,
		true, add_name, &names);
	if (names == NIL)
		return "There are no domains you can use; register one with uiml_create_domain or uiml_train.";
	initStringInfo(&text);
	foreach (cell, names)
	{
		if (foreach_current_index(cell) == MAX_NAMES_IN_HINT)
		{
			appendStringInfo(&text, " and %d more", list_length(names) - MAX_NAMES_IN_HINT);
			break;
		}
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", (char *) lfirst(cell));
	}
	return psprintf("Domains you can use: %s.", text.data);
}

void
uiml_domain_unknown(const char *name)
{
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("domain \"%s\" does not exist", name),
			errhint("%s", names_hint()));
}

void
uiml_domain_ambiguous(const char *name, List *owners)
{
	StringInfoData text;
	ListCell *cell;

	initStringInfo(&text);
	foreach (cell, owners)
	{
		char *role = GetUserNameFromId(lfirst_oid(cell), true);

		if (role != NULL)
			appendStringInfo(&text, "%s%s.%s", text.len > 0 ? " or " : "", role, name);
	}
	ereport(ERROR, errcode(ERRCODE_AMBIGUOUS_ALIAS), errmsg("domain name \"%s\" is ambiguous", name),
			errdetail("Several roles own a domain of that name."), errhint("Write %s.", text.data));
}

/*
 * Resolving a name
 */

typedef struct Candidates
{
	const char *owner; /* of 'owner.shop', or NULL */
	List *all;         /* of Candidate * */
} Candidates;

static void
add_candidate(TupleTableSlot *slot, void *ctx)
{
	Candidates *found = ctx;
	Candidate *candidate;
	Oid owner = oid_value(slot, 2);

	if (found->owner != NULL && get_role_oid(found->owner, true) != owner)
		return;
	candidate = palloc(sizeof(Candidate));
	candidate->domain = read_domain(slot);
	candidate->privilege =
		has_privs_of_role(GetUserId(), owner) ? UIML_OWN : int_value(slot, DOMAIN_N_COLUMNS + 1, -1);
	found->all = lappend(found->all, candidate);
}

/*
 * One's own domain, else those on which the caller has the privilege; ambiguous where that leaves several.
 * NULL where nothing is left.
 */
static UimlDomain *
choose_candidate(List *all, UimlPrivilege privilege, const char *bare)
{
	UimlDomain *choice = NULL;
	List *owners = NIL;
	ListCell *cell;

	foreach (cell, all)
	{
		Candidate *candidate = lfirst(cell);

		if (candidate->domain->owner == GetUserId())
			return candidate->domain;
		if (candidate->privilege >= (int) privilege)
		{
			choice = candidate->domain;
			owners = lappend_oid(owners, choice->owner);
		}
	}
	if (list_length(owners) > 1)
		uiml_domain_ambiguous(bare, owners);
	return choice;
}

static UimlDomain *
find_domain(const char *name, UimlPrivilege privilege, bool *visible)
{
	char *owner;
	const char *bare = uiml_name_split(name, &owner);
	Candidates found = {owner, NIL};
	UimlSqlParams params = {0};
	UimlDomain *domain;

	uiml_sql_param_text(&params, bare);
	uiml_sql_each("SELECT " DOMAIN_COLUMNS ", " GRANTED
				  " FROM uiml.domain d WHERE d.name OPERATOR(pg_catalog.=) $1 ORDER BY d.owner",
				  &params, false, add_candidate, &found);
	*visible = found.all != NIL;
	domain = choose_candidate(found.all, privilege, bare);
	if (domain != NULL)
		check_domain(domain);
	return domain;
}

UimlDomain *
uiml_domain_find(const char *name, UimlPrivilege privilege)
{
	bool visible;

	return find_domain(name, privilege, &visible);
}

UimlDomain *
uiml_domain_get(const char *name, UimlPrivilege privilege)
{
	static const char *const word[] = {"predict", "train", "own"};
	bool visible;
	UimlDomain *domain = find_domain(name, privilege, &visible);

	if (domain != NULL)
		return domain;
	if (!visible)
		uiml_domain_unknown(name);
	ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("permission denied for domain \"%s\"", name),
			errhint("Ask its owner for the privilege %s, with uiml_grant.", word[privilege]));
}
