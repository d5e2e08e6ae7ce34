/*
 * roles.c
 *	  Recognising the columns of an event table.
 *
 * Names are compared without case and punctuation ("userId" = "user_id"), in tiers: a column of a better tier
 * wins, two of the same tier are ambiguous and the caller decides.  Only columns whose type suits the role
 * count.  A wrong guess costs more than a question: nothing is taken on a partial match.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/tupdesc.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "pg/roles.h"

#define MAX_TIERS 3

typedef struct RoleRule
{
	const char *noun;     /* in messages */
	const char *argument; /* of uiml_create_domain */
	bool required;
	bool (*suits)(Oid base_type);
	const char *type_detail;      /* which types suit, as a sentence */
	const char *names[MAX_TIERS]; /* normalised, each between spaces */
} RoleRule;

/*
 * Types
 */

bool
uiml_role_is_key(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_OPFAMILY);
	char typtype = get_typtype(type);

	return (typtype == TYPTYPE_BASE || typtype == TYPTYPE_ENUM) && !type_is_array(type) &&
		   OidIsValid(entry->btree_opf) && OidIsValid(entry->hash_opf);
}

static bool
suits_time(Oid type)
{
	return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID || type == INT4OID ||
		   type == INT8OID || type == NUMERICOID || type == FLOAT8OID;
}

static bool
suits_text(Oid type)
{
	char category;
	bool preferred;

	/* Also the string types of extensions, such as citext. */
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_STRING && type != NAMEOID && type != CHAROID;
}

/* Tags, as a rule.  Arrays are read as texts where somebody says so. */
static bool
is_text_array(Oid type)
{
	Oid element = get_element_type(type);

	return OidIsValid(element) && suits_text(getBaseType(element));
}

static bool
suits_kind(Oid type)
{
	return suits_text(type) || type == NAMEOID || type_is_enum(type);
}

static bool
suits_weight(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID || type == FLOAT4OID ||
		   type == FLOAT8OID;
}

/*
 * Rules
 */

static const RoleRule rules[] = {
	[UIML_ROLE_USER] =
		{"user",
		 "user_col",
		 true,
		 uiml_role_is_key,
		 "A key needs a scalar type with default btree and hash operator classes.",
		 {" userid uid useruuid userkey customerid custid memberid visitorid clientid accountid subscriberid "
		  "readerid viewerid listenerid playerid shopperid buyerid patientid studentid personid profileid "
		  "reviewerid authorid deviceid ",
		  " user usr username customer member visitor client account subscriber reader viewer listener "
		  "player "
		  "shopper buyer person reviewer login "}},
	[UIML_ROLE_ITEM] =
		{"item",
		 "item_col",
		 true,
		 uiml_role_is_key,
		 "A key needs a scalar type with default btree and hash operator classes.",
		 {" itemid itemuuid itemkey productid prodid articleid movieid filmid trackid songid albumid "
		  "artistid videoid "
		  "bookid isbn sku asin postid newsid storyid contentid pageid documentid docid paperid gameid appid "
		  "showid "
		  "seriesid episodeid podcastid courseid recipeid listingid offerid propertyid jobid placeid venueid "
		  "poiid "
		  "businessid restaurantid hotelid goodsid mediaid ",
		  " item product article movie film track song album artist video book post news story page url "
		  "document "
		  "paper game app show series episode podcast course recipe listing offer job place venue "}},
	[UIML_ROLE_TIME] =
		{"time",
		 "time_col",
		 false,
		 suits_time,
		 "A time is a timestamp, a date, or a number of seconds or milliseconds since 1970.",
		 {" occurredat happenedat eventtime eventat eventts eventtimestamp eventdatetime eventdate ",
		  " createdat createdon created createtime creationtime ts timestamp unixtime epoch time at datetime "
		  "viewedat "
		  "clickedat ratedat purchasedat orderedat playedat watchedat visitedat loggedat ",
		  " date day "}},
	[UIML_ROLE_KIND] = {"kind",
						"kind_col",
						false,
						suits_kind,
						"A kind is a text or an enum.",
						{" kind eventkind eventtype eventname actiontype actionname interactiontype "
						 "behaviortype behaviourtype ",
						 " event action interaction behavior behaviour activity verb type "}},
	[UIML_ROLE_WEIGHT] = {"weight",
						  "weight_col",
						  false,
						  suits_weight,
						  "A weight is a number.",
						  {" weight rating ", " score stars strength ",
						   " value quantity qty count plays playcount listens "}},
	[UIML_ROLE_TEXT] =
		{"text",
		 "text_cols",
		 false,
		 suits_text,
		 "A text is of type text, varchar or char, or an array of them.",
		 {" title headline itemtitle producttitle itemname productname subject caption ",
		  " name text query searchquery keywords tags genres description summary abstract body content ",
		  NULL}},
};

/*
 * Helpers
 */

static char *
normalised(const char *name)
{
	StringInfoData text;

	initStringInfo(&text);
	for (; *name != '\0'; name++)
	{
		if (strchr("_- ", *name) == NULL)
			appendStringInfoChar(&text, pg_ascii_tolower((unsigned char) *name));
	}
	return text.data;
}

static bool
is_listed(const char *list, const char *name)
{
	char *word = psprintf(" %s ", name);
	bool listed = list != NULL && *name != '\0' && strstr(list, word) != NULL;

	pfree(word);
	return listed;
}

static bool
is_taken(List *taken, const char *name)
{
	ListCell *cell;

	foreach (cell, taken)
	{
		if (lfirst(cell) != NULL && strcmp(lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

/* 'a', 'a and b', 'a, b and c', broken into lines that fit a terminal. */
static char *
enumerate(List *names, const char *last_word)
{
	StringInfoData text;
	int line = 0;
	ListCell *cell;

	initStringInfo(&text);
	foreach (cell, names)
	{
		const char *name = lfirst(cell);
		int left = list_length(names) - foreach_current_index(cell);

		if (text.len > 0)
			appendStringInfo(&text, left == 1 ? " %s" : ",", last_word);
		if (text.len > 0 && text.len + (int) strlen(name) - line > 60)
		{
			appendStringInfoChar(&text, '\n');
			line = text.len;
		}
		else if (text.len > 0)
			appendStringInfoChar(&text, ' ');
		appendStringInfoString(&text, name);
	}
	return text.data;
}

static List *
column_names(Relation rel)
{
	List *names = NIL;

	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), i);

		if (!column->attisdropped)
			names = lappend(names, pstrdup(NameStr(column->attname)));
	}
	return names;
}

static char *
columns_detail(Relation rel)
{
	List *names = column_names(rel);

	if (names == NIL)
		return psprintf("\"%s\" has no columns.", RelationGetRelationName(rel));
	return psprintf("\"%s\" has the columns %s.", RelationGetRelationName(rel), enumerate(names, "and"));
}

/* Columns of a role in one tier, or, with names NULL, any whose type alone tells. */
static List *
candidates(Relation rel, const RoleRule *rule, const char *names, List *taken)
{
	List *found = NIL;

	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), i);
		char *name = NameStr(column->attname);

		if (column->attisdropped || is_taken(taken, name) || !is_listed(names, normalised(name)))
			continue;
		if (rule->suits(getBaseType(column->atttypid)))
			found = lappend(found, pstrdup(name));
	}
	return found;
}

/* A single timestamp is the time of the event whatever its name, unless the name tells of something else. */
static List *
timestamp_candidates(Relation rel, List *taken)
{
	List *found = NIL;

	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), i);
		char *name = NameStr(column->attname);
		Oid type = column->attisdropped ? InvalidOid : getBaseType(column->atttypid);

		if ((type != TIMESTAMPTZOID && type != TIMESTAMPOID) || is_taken(taken, name))
			continue;
		if (!is_listed(
				" updatedat updated modifiedat modified deletedat expiresat expires birthdate birthday ",
				normalised(name)))
			found = lappend(found, pstrdup(name));
	}
	return list_length(found) == 1 ? found : NIL;
}

/*
 * Entry points
 */

Oid
uiml_role_type(Relation rel, const char *column, const char *argument)
{
	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), i);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), column) == 0)
			return getBaseType(attribute->atttypid);
	}
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column \"%s\" of relation \"%s\" does not exist", column, RelationGetRelationName(rel)),
			errdetail("%s", columns_detail(rel)), errhint("Pass one of them in the argument %s.", argument));
}

static void
check_type(Relation rel, const RoleRule *rule, const char *column, const char *argument)
{
	Oid type = uiml_role_type(rel, column, argument);

	if (!rule->suits(type))
		ereport(
			ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
			errmsg("column \"%s\" of type %s can't be used as %s", column, format_type_be(type), rule->noun),
			errdetail("%s", rule->type_detail), errhint("Pass another column in the argument %s.", argument));
}

static char *
recognise(Relation rel, UimlColumnRole role, List *taken)
{
	const RoleRule *rule = &rules[role];
	List *found = NIL;

	for (int tier = 0; tier < MAX_TIERS && found == NIL; tier++)
		found = candidates(rel, rule, rule->names[tier], taken);
	if (found == NIL && role == UIML_ROLE_TIME)
		found = timestamp_candidates(rel, taken);
	if (list_length(found) > 1)
		ereport(ERROR, errcode(ERRCODE_AMBIGUOUS_COLUMN),
				errmsg("more than one column of \"%s\" could be the %s", RelationGetRelationName(rel),
					   rule->noun),
				errdetail("Candidates are %s.", enumerate(found, "and")),
				rule->required
					? errhint("Pass one of them in the argument %s.", rule->argument)
					: errhint("Pass one of them in the argument %s, or '' for none.", rule->argument));
	if (found == NIL && rule->required)
		ereport(
			ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("no column of \"%s\" was recognized as the %s", RelationGetRelationName(rel), rule->noun),
			errdetail("%s", columns_detail(rel)),
			errhint("Pass one of them in the argument %s.", rule->argument));
	return found != NIL ? linitial(found) : NULL;
}

char *
uiml_role_column(Relation rel, UimlColumnRole role, const char *given, List *taken)
{
	const RoleRule *rule = &rules[role];

	if (given == NULL)
		return recognise(rel, role, taken);
	if (*given == '\0' && !rule->required)
		return NULL;
	check_type(rel, rule, given, rule->argument);
	return pstrdup(given);
}

List *
uiml_role_texts(Relation rel, bool has_given, List *given, const char *argument, List *taken)
{
	const RoleRule *rule = &rules[UIML_ROLE_TEXT];
	List *found = NIL;
	ListCell *cell;

	if (!has_given)
	{
		for (int tier = 0; tier < MAX_TIERS; tier++)
			found = list_concat(found, candidates(rel, rule, rule->names[tier], taken));
		return found;
	}
	foreach (cell, given)
		if (!is_text_array(uiml_role_type(rel, lfirst(cell), argument)))
			check_type(rel, rule, lfirst(cell), argument);
	return given;
}

List *
uiml_role_only_text(Relation rel, List *taken)
{
	List *found = NIL;

	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), i);

		if (!column->attisdropped && !is_taken(taken, NameStr(column->attname)) &&
			suits_text(getBaseType(column->atttypid)))
			found = lappend(found, pstrdup(NameStr(column->attname)));
	}
	return list_length(found) == 1 ? found : NIL;
}

Relation
uiml_role_open(Oid relid, const char *argument)
{
	Relation rel = try_relation_open(relid, AccessShareLock);
	char relkind;

	if (rel == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relid),
				errhint("Pass a table in the argument %s.", argument));
	relkind = rel->rd_rel->relkind;
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE && relkind != RELKIND_VIEW &&
		relkind != RELKIND_MATVIEW && relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is not a table, view, materialized view or foreign table",
					   RelationGetRelationName(rel)));
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR, errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				errmsg("temporary table \"%s\" can't be registered", RelationGetRelationName(rel)),
				errdetail("A domain outlives the session that could read it."));
	return rel;
}
