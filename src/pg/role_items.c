/*
 * role_items.c
 *	  The items table of a domain: its key and its texts.
 *
 * Found by the foreign key of the events' item column where none is given; a foreign key tells the key as
 * well.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"

#include "pg/roles.h"

/* Where a foreign key on the item column alone leads. */
typedef struct Reference
{
	Oid table;
	char *key;
} Reference;

/* References of the item column to table, or to any table where table is InvalidOid. */
static List *
references_of(Relation events, const char *item_col, Oid table)
{
	List *found = NIL;
	AttrNumber item = get_attnum(RelationGetRelid(events), item_col);
	ListCell *cell;

	foreach (cell, RelationGetFKeyList(events))
	{
		ForeignKeyCacheInfo *fk = lfirst(cell);
		Reference *reference;

		if (fk->nkeys != 1 || fk->conkey[0] != item || (OidIsValid(table) && fk->confrelid != table))
			continue;
		/* A reference to a partitioned table is there once more for each partition. */
		if (!OidIsValid(table) && get_rel_relispartition(fk->confrelid))
			continue;
		reference = palloc(sizeof(Reference));
		reference->table = fk->confrelid;
		reference->key = get_attname(fk->confrelid, fk->confkey[0], false);
		found = lappend(found, reference);
	}
	return found;
}

/* The column of a primary key that has one column only, or NULL. */
static char *
primary_key_column(Relation rel)
{
	Oid index;
	Relation index_rel;
	char *name = NULL;

	list_free(RelationGetIndexList(rel)); /* finds the primary key by the way */
	index = rel->rd_pkindex;
	if (!OidIsValid(index))
		return NULL;
	index_rel = index_open(index, AccessShareLock);
	if (index_rel->rd_index->indnkeyatts == 1)
		name = get_attname(RelationGetRelid(rel), index_rel->rd_index->indkey.values[0], false);
	index_close(index_rel, AccessShareLock);
	return name;
}

/* Keys that compare: the same type, or both numbers, or both texts. */
static void
check_key_types(Relation events, const char *item_col, Relation items, const char *item_key)
{
	Oid event_type = uiml_role_type(events, item_col, "item_col");
	Oid key_type = uiml_role_type(items, item_key, "item_key");
	TYPCATEGORY category = TypeCategory(event_type);

	if (event_type == key_type || (category == TypeCategory(key_type) &&
								   (category == TYPCATEGORY_NUMERIC || category == TYPCATEGORY_STRING)))
		return;
	ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
			errmsg("item column \"%s\" of type %s doesn't match key \"%s\" of type %s of the items table",
				   item_col, format_type_be(event_type), item_key, format_type_be(key_type)),
			errhint("Pass the key's column in the argument item_key."));
}

/*
 * As given, else by the foreign key, the primary key, the name of the events' column, or the names of an
 * item's key.
 */
static char *
items_key(Relation events, Relation items, const UimlDomainArgs *args, const char *item_col)
{
	List *references;
	char *key;

	if (args->item_key != NULL)
		return pstrdup(args->item_key);
	references = references_of(events, item_col, RelationGetRelid(items));
	if (references != NIL)
		return ((Reference *) linitial(references))->key;
	key = primary_key_column(items);
	if (key != NULL)
		return key;
	if (get_attnum(RelationGetRelid(items), item_col) != InvalidAttrNumber)
		return pstrdup(item_col);
	return uiml_role_column(items, UIML_ROLE_ITEM, NULL, NIL);
}

/* As given, else by their names, else the only text there is, as an items table says what its items are. */
static List *
item_texts(Relation items, const UimlDomainArgs *args, char *item_key)
{
	List *key = list_make1(item_key);
	List *texts = uiml_role_texts(items, args->has_item_text, args->item_text, "item_text", key);

	return texts != NIL || args->has_item_text ? texts : uiml_role_only_text(items, key);
}

static void
take_items(Relation events, const UimlDomainArgs *args, UimlDomain *domain, Oid table)
{
	Relation items = uiml_role_open(table, "items");
	List *texts;

	domain->items = table;
	domain->item_key = items_key(events, items, args, domain->item_col);
	check_key_types(events, domain->item_col, items, domain->item_key);
	texts = item_texts(items, args, domain->item_key);
	if (texts == NIL && !args->has_item_text)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("no column of \"%s\" was recognized as text", RelationGetRelationName(items)),
				errhint("Pass the columns in the argument item_text, the title first."));
	domain->item_text = texts;
	relation_close(items, NoLock);
}

/* The referenced table, if it can tell something about the items. */
static Oid
referenced_items(Relation events, const UimlDomainArgs *args, const char *item_col)
{
	List *references = references_of(events, item_col, InvalidOid);
	Reference *reference;
	Relation items;
	List *texts;

	if (list_length(references) != 1)
		return InvalidOid;
	reference = linitial(references);
	items = uiml_role_open(reference->table, "items");
	texts = item_texts(items, args, reference->key);
	relation_close(items, NoLock);
	return texts != NIL ? reference->table : InvalidOid;
}

void
uiml_role_items(Relation events, const UimlDomainArgs *args, UimlDomain *domain)
{
	Oid table = args->items;

	/* Texts of the events, or none, were asked for. */
	if (!OidIsValid(table) && !args->has_text_cols && !(args->has_item_text && args->item_text == NIL))
		table = referenced_items(events, args, domain->item_col);
	if (OidIsValid(table))
		take_items(events, args, domain, table);
	else if (args->item_key != NULL || args->item_text != NIL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item_key and item_text need an items table"),
				errhint("Pass the table in the argument items."));
}
