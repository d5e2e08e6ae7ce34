/*
 * texts.c
 *	  Reading the texts of a domain's items.
 *
 * Titles live in an items table, or on the events, where the newest one of each item counts.  The statement
 * orders what could come twice, so the same rows give the same texts.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/source.h"
#include "pg/sql.h"
#include "pg/texttemplate.h"

typedef struct TextReader
{
	const UimlSource *source;
	UimlTextFn text_fn;
	void *ctx;
	MemoryContext row_context;
	bool *seen; /* by item */
} TextReader;

static void
read_text(TupleTableSlot *slot, void *ctx)
{
	TextReader *reader = ctx;
	MemoryContext old;
	size_t item;
	char *title = "";

	slot_getallattrs(slot);
	if (slot->tts_isnull[0] || slot->tts_isnull[2])
		return;
	MemoryContextReset(reader->row_context);
	old = MemoryContextSwitchTo(reader->row_context);
	item = uiml_keys_find(&reader->source->items, slot->tts_values[0]);
	if (item != SIZE_MAX && !reader->seen[item])
	{
		reader->seen[item] = true;
		if (!slot->tts_isnull[1])
			title = TextDatumGetCString(slot->tts_values[1]);
		reader->text_fn(reader->ctx, (uint32) item, title, TextDatumGetCString(slot->tts_values[2]));
	}
	MemoryContextSwitchTo(old);
}

/* "key::type AS k, first::text AS title, the text AS body" */
static void
add_columns(StringInfo sql, const UimlDomain *domain, Oid key_type, bool from_items)
{
	Oid relation = from_items ? domain->items : domain->events;
	const List *texts = from_items ? domain->item_text : domain->text_cols;

	appendStringInfo(sql, "(t.%s)::%s AS k, %s AS title, %s AS body",
					 quote_identifier(from_items ? domain->item_key : domain->item_col),
					 uiml_key_type_sql(key_type), uiml_text_column_sql(relation, "t", linitial(texts)),
					 uiml_text_sql(domain, from_items, "t"));
}

/*
 * The rows that have a text: k, title, body; where texts are on the events, the first of each item, if
 * ordered.
 */
static char *
texts_select(const UimlDomain *domain, Oid key_type)
{
	bool from_items = OidIsValid(domain->items);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %sk, title, body FROM (SELECT ", from_items ? "" : "DISTINCT ON (k) ");
	add_columns(&sql, domain, key_type, from_items);
	if (!from_items && domain->time_col != NULL)
		appendStringInfo(&sql, ", t.%s AS at", quote_identifier(domain->time_col));
	appendStringInfo(&sql, " FROM %s t) s WHERE body OPERATOR(pg_catalog.<>) ''",
					 uiml_relation_name(from_items ? domain->items : domain->events));
	return sql.data;
}

static char *
texts_query(const UimlDomain *domain, Oid key_type)
{
	return psprintf("%s ORDER BY k, %stitle COLLATE pg_catalog.\"C\", body COLLATE pg_catalog.\"C\"",
					texts_select(domain, key_type),
					!OidIsValid(domain->items) && domain->time_col != NULL ? "at DESC NULLS LAST, " : "");
}

/* Whether the domain has columns of texts of items, in the items table or else on the events. */
static bool
has_text_columns(const UimlDomain *domain)
{
	return OidIsValid(domain->items) ? domain->item_text != NIL : domain->text_cols != NIL;
}

void
uiml_source_texts_check(const UimlDomain *domain, const UimlSource *source)
{
	uiml_source_check_items(domain);
	if (has_text_columns(domain))
		uiml_sql_run(psprintf("%s LIMIT 0", texts_query(domain, source->items.type->type)), NULL);
}

void
uiml_source_texts(const UimlDomain *domain, const UimlSource *source, UimlTextFn text_fn, void *ctx)
{
	TextReader reader = {.source = source, .text_fn = text_fn, .ctx = ctx};
	MemoryContext work;
	MemoryContext old;

	if (!has_text_columns(domain))
		return;
	work = AllocSetContextCreate(CurrentMemoryContext, "uiml texts", ALLOCSET_DEFAULT_SIZES);
	reader.row_context = AllocSetContextCreate(work, "uiml text", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(work);
	reader.seen =
		MemoryContextAllocExtended(work, Max(source->items.n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uiml_sql_each(texts_query(domain, source->items.type->type), NULL, false, read_text, &reader);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
}

void
uiml_source_text_keys(const UimlDomain *domain, Oid key_type, UimlRowFn row_fn, void *ctx)
{
	if (!OidIsValid(domain->items) || domain->item_text == NIL)
		return;
	uiml_source_check_items(domain);
	uiml_sql_each(psprintf("SELECT k FROM (%s) q WHERE k IS NOT NULL", texts_select(domain, key_type)), NULL,
				  false, row_fn, ctx);
}

/* --- what they are for ---------------------------------------------------------------------------------- */

const char *
uiml_features_name(UimlFeatureKind features)
{
	static const char *const name[] = {[UIML_FEATURES_BEHAVIOUR] = "behaviour",
									   [UIML_FEATURES_TEXT] = "text",
									   [UIML_FEATURES_HYBRID] = "hybrid"};

	return name[features];
}

UimlFeatureKind
uiml_source_features(const UimlDomain *domain)
{
	bool has_texts = has_text_columns(domain);

	if (strcmp(domain->features, "behaviour") == 0)
		return UIML_FEATURES_BEHAVIOUR;
	if (strcmp(domain->features, "auto") == 0)
		return has_texts ? UIML_FEATURES_HYBRID : UIML_FEATURES_BEHAVIOUR;
	if (!has_texts)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("domain \"%s\" has no texts", domain->name),
				 errdetail("Its features are \"%s\", and it names no column with texts of items.",
						   domain->features),
				 errhint("Name the columns with uiml_alter_domain(%s, items => ..., item_text => ...), or "
						 "those of the events with text_cols.",
						 quote_literal_cstr(domain->name))));
	return strcmp(domain->features, "text") == 0 ? UIML_FEATURES_TEXT : UIML_FEATURES_HYBRID;
}
