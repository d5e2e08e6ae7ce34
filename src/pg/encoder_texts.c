/*
 * encoder_texts.c
 *	  The texts of a domain that encoders learn from.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/encoder.h"
#include "pg/source.h"
#include "pg/sql.h"
#include "pg/texttemplate.h"
#include "pg/utf8.h"

typedef struct TextReader
{
	UimlEncoderTextFn text_fn;
	void *ctx;
	MemoryContext row_context;
} TextReader;

void
uiml_encoder_check_texts(const UimlDomain *domain)
{
	if (OidIsValid(domain->items))
		uiml_source_check_items(domain);
	else
		uiml_source_check_events(domain);
	if ((OidIsValid(domain->items) ? domain->item_text : domain->text_cols) == NIL)
		ereport(
			ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("domain \"%s\" has no texts", domain->name),
			errhint("Name them with uiml_alter_domain: items, item_key and item_text, or text_cols of the "
					"events."));
}

static void
read_text(TupleTableSlot *slot, void *ctx)
{
	TextReader *reader = ctx;
	MemoryContext old;
	bool null;
	Datum value = slot_getattr(slot, 1, &null);
	text *body;
	const char *utf8;
	size_t length;

	if (null)
		return;
	MemoryContextReset(reader->row_context);
	old = MemoryContextSwitchTo(reader->row_context);
	body = DatumGetTextPP(value);
	utf8 = uiml_utf8_from_server(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), &length);
	MemoryContextSwitchTo(old);
	reader->text_fn(reader->ctx, utf8, length);
}

/* Each text of the events once: what many did would count many times. */
static char *
texts_query(const UimlDomain *domain)
{
	bool from_items = OidIsValid(domain->items);

	return psprintf("SELECT %s%s FROM %s t", from_items ? "" : "DISTINCT ",
					uiml_text_sql(domain, from_items, "t"),
					uiml_relation_name(from_items ? domain->items : domain->events));
}

void
uiml_encoder_texts(const UimlDomain *domain, MemoryContext context, UimlEncoderTextFn text_fn, void *ctx)
{
	TextReader reader = {.text_fn = text_fn, .ctx = ctx};

	reader.row_context = AllocSetContextCreate(context, "uiml text", ALLOCSET_DEFAULT_SIZES);
	uiml_sql_each(texts_query(domain), NULL, false, read_text, &reader);
	MemoryContextDelete(reader.row_context);
}
