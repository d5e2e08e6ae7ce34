/*
 * sequence_export.c
 *	  uiml_export_sequence: the sequence model of a domain's active version as a safetensors file.
 *
 * Whoever may predict by a model may take it along: it is a policy of uiml.sequence_model that shows it.  Names are UTF-8
 * in the file, whatever the database's encoding.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/sequence_exchange.h"
#include "core/sequencefile.h"
#include "pg/env.h"
#include "pg/itemcache.h"
#include "pg/sequence_catalog.h"

PG_FUNCTION_INFO_V1(uiml_export_sequence);

#define NAMES_RESET 1024

/* What is exported. */
typedef struct Exporting
{
	const UimlServing *serving;
	UimlServed *served;
	const UimlItemFile *items; /* NULL: interests */
	UimlNextTarget target;
	UimlSequenceFile file;
} Exporting;

/* --- the model ------------------------------------------------------------------------------------------ */

static UimlSequenceRow *
find_model(const Exporting *exporting)
{
	UimlSequenceRow *row = uiml_sequence_find(exporting->serving->version_id, exporting->target, true);
	const char *domain = exporting->serving->domain;
	const char *target = uiml_sequence_target_name(exporting->target);

	if (row == NULL)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("domain \"%s\" has no sequence model of target \"%s\"", domain, target),
				errhint("Train it with: SELECT * FROM uiml_train_sequence(%s, %s);",
						quote_literal_cstr(domain), quote_literal_cstr(target)));
	return row;
}

static void
open_model(Exporting *exporting)
{
	UimlSequenceRow *row = find_model(exporting);
	char *bytes = uiml_sequence_bytes(row, true, CurrentMemoryContext);
	size_t n;

	if (UIML_SEQUENCEFILE_FOREIGN && uiml_sequencefile_swap(bytes, (size_t) row->bytes) != UIML_OK)
		uiml_sequence_refuse();
	exporting->served = uiml_served_open(exporting->serving);
	if (exporting->target == UIML_NEXT_ITEM)
		exporting->items = uiml_items_open(exporting->served, exporting->serving);
	n = exporting->items != NULL ? exporting->items->n_items : (size_t) exporting->served->k;
	if (uiml_sequencefile_open(bytes, (size_t) row->bytes, true, &exporting->file) != UIML_OK ||
		exporting->file.model.target != exporting->target || exporting->file.model.n_classes != n)
		uiml_sequence_refuse();
}

/* --- names of classes ----------------------------------------------------------------------------------- */

typedef const char *(*NameFn)(const Exporting *exporting, uint32 class_no, size_t *length);

static const char *
class_id(const Exporting *exporting, uint32 class_no, size_t *length)
{
	char *id;

	if (exporting->items != NULL)
		return uiml_itemfile_key(exporting->items, class_no, length);
	id = psprintf("%d", exporting->served->interest_id[class_no]);
	*length = strlen(id);
	return id;
}

static const char *
class_label(const Exporting *exporting, uint32 class_no, size_t *length)
{
	text *label;

	if (exporting->items != NULL)
		return uiml_itemfile_title(exporting->items, class_no, length);
	*length = 0;
	if (exporting->served->label[class_no] == (Datum) 0)
		return "";
	label = DatumGetTextPP(exporting->served->label[class_no]);
	*length = VARSIZE_ANY_EXHDR(label);
	return VARDATA_ANY(label);
}

/* One behind the other, in UTF-8. */
static UimlClassNames
names_of(const Exporting *exporting, NameFn name_fn)
{
	size_t n = exporting->file.model.n_classes;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "uiml names", ALLOCSET_SMALL_SIZES);
	int32_t *start = MemoryContextAllocHuge(caller, (n + 1) * sizeof(int32_t));
	StringInfoData text;

	initStringInfo(&text);
	start[0] = 0;
	MemoryContextSwitchTo(scratch);
	for (size_t i = 0; i < n; i++)
	{
		size_t length;
		const char *name = name_fn(exporting, (uint32) i, &length);
		const char *utf8 = pg_server_to_any(name, (int) length, PG_UTF8);

		appendBinaryStringInfo(&text, utf8, utf8 == name ? (int) length : (int) strlen(utf8));
		start[i + 1] = text.len;
		if ((i + 1) % NAMES_RESET != 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return (UimlClassNames){.text = text.data, .start = start};
}

/* --- the file ------------------------------------------------------------------------------------------- */

/* UimlOutput.write */
static UimlStatus
append_bytes(void *ctx, const void *bytes, size_t count)
{
	char **at = ctx;

	memcpy(*at, bytes, count);
	*at += count;
	return UIML_OK;
}

static bytea *
write_file(const UimlEnv *env, const UimlSequenceExport *prepared, const char *domain, MemoryContext context)
{
	char *at;
	UimlOutput out = {.write = append_bytes, .ctx = &at};
	bytea *result;

	if (prepared->size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("sequence model of domain \"%s\" is too large to export", domain),
				errdetail("It has %zu bytes as a file; a bytea has %zu at most.", prepared->size,
						  (size_t) (MaxAllocSize - VARHDRSZ)));
	result = MemoryContextAlloc(context, VARHDRSZ + prepared->size);
	SET_VARSIZE(result, VARHDRSZ + prepared->size);
	at = VARDATA(result);
	uiml_check(uiml_safetensors_write(env, &prepared->file, &out), "a sequence model");
	return result;
}

/* The result is in memory of context. */
static bytea *
export_model(const Exporting *exporting, MemoryContext context)
{
	const char *domain = exporting->serving->domain;
	UimlSequenceOut what = {.model = &exporting->file.model,
							.domain = pg_server_to_any(domain, (int) strlen(domain), PG_UTF8),
							.item_vectors = exporting->serving->digest};
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	UimlSequenceExport prepared;

	what.id = names_of(exporting, class_id);
	what.label = names_of(exporting, class_label);
	uiml_check(uiml_sequence_export_open(&env, &what, &prepared), "a sequence model");
	return write_file(&env, &prepared, domain, context);
}

/* uiml_export_sequence(domain, target) */
Datum
uiml_export_sequence(PG_FUNCTION_ARGS)
{
	Exporting exporting = {.target = uiml_sequence_target(text_to_cstring(PG_GETARG_TEXT_PP(1)))};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "uiml sequence export", ALLOCSET_DEFAULT_SIZES);
	bytea *result;

	MemoryContextSwitchTo(context);
	exporting.serving = linitial(uiml_serving_list(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	open_model(&exporting);
	result = export_model(&exporting, caller);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	PG_RETURN_BYTEA_P(result);
}
