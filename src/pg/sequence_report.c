/*
 * sequence_report.c
 *	  uiml_sequence_report: how a sequence model was trained, by epoch; and uiml_drop_sequence.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "pg/catalog.h"
#include "pg/prediction.h"
#include "pg/sequence_catalog.h"
#include "pg/sequence_store.h"
#include "pg/sql.h"

PG_FUNCTION_INFO_V1(uiml_sequence_report);
PG_FUNCTION_INFO_V1(uiml_drop_sequence);

#define REPORT_COLUMNS 10

/* There is none of the domain's, or of its active version. */
pg_noreturn static void
no_model(const char *domain, UimlNextTarget target)
{
	const char *name = uiml_sequence_target_name(target);

	ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("there is no sequence model for target \"%s\" of domain \"%s\"", name, domain),
			errhint("Train one: SELECT * FROM uiml_train_sequence(%s, %s);", quote_literal_cstr(domain),
					quote_literal_cstr(name)));
}

static void
put_row(TupleTableSlot *slot, void *ctx)
{
	slot_getallattrs(slot);
	uiml_result_put(ctx, slot->tts_values, slot->tts_isnull);
}

/*
 * Four decimals, as intervals are wider than that.  A number that a dump's editor wrote as text is an error of
 * the cast, and nothing else.
 */
static void
put_rows(const UimlSequenceRow *row, UimlResult *result)
{
	static const Oid type[REPORT_COLUMNS] = {TEXTOID,   INT4OID,   FLOAT8OID, FLOAT8OID, FLOAT8OID,
											 FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, BOOLOID};
	UimlSqlParams params = {0};

	uiml_sql_param_int8(&params, row->sequence_model_id);
	uiml_sql_each_typed(
		"SELECT n.network OPERATOR(pg_catalog.->>) 'network', e.epoch, "
		"pg_catalog.round(e.loss, 4)::pg_catalog.float8, pg_catalog.round(e.accuracy, 4)::pg_catalog.float8, "
		"pg_catalog.round(e.validation_loss, 4)::pg_catalog.float8, "
		"pg_catalog.round(e.validation_accuracy, 4)::pg_catalog.float8, "
		"pg_catalog.round(e.test_loss, 4)::pg_catalog.float8, "
		"pg_catalog.round(e.test_accuracy, 4)::pg_catalog.float8, "
		"pg_catalog.round(e.events_per_second)::pg_catalog.float8, e.kept "
		"FROM uiml.sequence_model m CROSS JOIN LATERAL "
		"pg_catalog.jsonb_array_elements(m.metrics OPERATOR(pg_catalog.->) 'networks') WITH ORDINALITY "
		"AS n (network, at) CROSS JOIN LATERAL "
		"pg_catalog.jsonb_to_recordset(n.network OPERATOR(pg_catalog.->) 'epochs') AS e (epoch "
		"pg_catalog.int4, "
		"loss pg_catalog.numeric, accuracy pg_catalog.numeric, validation_loss pg_catalog.numeric, "
		"validation_accuracy pg_catalog.numeric, test_loss pg_catalog.numeric, "
		"test_accuracy pg_catalog.numeric, events_per_second pg_catalog.numeric, kept pg_catalog.bool) "
		"WHERE m.sequence_model_id OPERATOR(pg_catalog.=) $1 ORDER BY n.at, e.epoch",
		&params, true, type, REPORT_COLUMNS, put_row, result);
}

Datum
uiml_sequence_report(PG_FUNCTION_ARGS)
{
	const char *domain = text_to_cstring(PG_GETARG_TEXT_PP(0));
	UimlNextTarget target = uiml_sequence_target(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	const UimlServing *serving;
	const UimlSequenceRow *row;
	UimlResult result;

	uiml_result_begin(fcinfo, REPORT_COLUMNS, &result);
	serving = linitial(uiml_serving_list(domain));
	row = uiml_sequence_find(serving->version_id, target, true);
	if (row == NULL)
		no_model(serving->domain, target);
	put_rows(row, &result);
	return (Datum) 0;
}

Datum
uiml_drop_sequence(PG_FUNCTION_ARGS)
{
	UimlNextTarget target = uiml_sequence_target(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	UimlDomain *domain = uiml_domain_get_locked(text_to_cstring(PG_GETARG_TEXT_PP(0)), UIML_TRAIN);
	UimlActing caller;

	if (uiml_sequence_delete(domain->domain_id, target) == 0)
		no_model(domain->name, target);
	uiml_act_as_owner(domain, &caller);
	uiml_sequence_store_tidy(domain);
	uiml_act_as_self(&caller);
	PG_RETURN_VOID();
}
