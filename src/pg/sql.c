/*
 * sql.c
 *	  The only door to SPI.
 *
 * Rows stream through a DestReceiver of our own instead of SPI's tuple table, so that a scan of all events
 * needs no memory beyond what the callback keeps.  Statements run to their end, without a cursor and with
 * tcount 0, because the executor gives parallel workers to such a run only.
 *
 * PostgreSQL 14 to 18 agree in all that is used here: SPI_execute_extended, SPI_execute_plan_extended and
 * their options came with 14.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg/sql.h"

struct UimlPlan
{
	SPIPlanPtr spi;
	int n_params;
};

/* Hands each row to a callback. */
typedef struct RowReceiver
{
	DestReceiver pub;
	UimlRowFn row_fn;
	void *ctx;
	const Oid *types; /* n_types, of the first columns; InvalidOid: any */
	int n_types;
	MemoryContext context; /* of the caller; the executor's own is freed behind the callback's back */
} RowReceiver;

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;
	MemoryContext old;

	if (receiver->row_fn == NULL)
		return true;
	old = MemoryContextSwitchTo(receiver->context);
	receiver->row_fn(slot, receiver->ctx);
	MemoryContextSwitchTo(old);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
	const RowReceiver *receiver = (const RowReceiver *) self;

	(void) operation;
	for (int i = 0; i < receiver->n_types; i++)
	{
		Oid type = TupleDescAttr(typeinfo, i)->atttypid;

		if (OidIsValid(receiver->types[i]) && getBaseType(type) != getBaseType(receiver->types[i]))
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
							errmsg("a column that was to be read has changed its type from %s to %s",
								   format_type_be(receiver->types[i]), format_type_be(type)),
							errhint("Run the statement again when nobody alters the table.")));
	}
}

static void
receiver_done(DestReceiver *self)
{
	(void) self; /* lives on the stack of its caller */
}

static RowReceiver
row_receiver(UimlRowFn row_fn, void *ctx)
{
	RowReceiver receiver;

	receiver.pub.receiveSlot = receive_row;
	receiver.pub.rStartup = receiver_startup;
	receiver.pub.rShutdown = receiver_done;
	receiver.pub.rDestroy = receiver_done;
	/*
	 * Any destination but DestNone, which would skip result rows, and DestSPI, whose rows SPI counts in its
	 * table.
	 */
	receiver.pub.mydest = DestTuplestore;
	receiver.row_fn = row_fn;
	receiver.ctx = ctx;
	receiver.types = NULL;
	receiver.n_types = 0;
	receiver.context = CurrentMemoryContext;
	return receiver;
}

static ParamListInfo
param_list(int n, const Oid *type, const Datum *value, const bool *null)
{
	ParamListInfo list = makeParamList(n);

	for (int i = 0; i < n; i++)
	{
		list->params[i].ptype = type[i];
		list->params[i].value = value[i];
		list->params[i].isnull = null[i];
		list->params[i].pflags = PARAM_FLAG_CONST;
	}
	return list;
}

static void
connect_spi(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/* Ends a call of SPI and gives back its row count. */
static uint64
finish_spi(int result, const char *what)
{
	uint64 processed = SPI_processed;

	if (result < 0)
		elog(ERROR, "%s failed: %s", what, SPI_result_code_string(result));
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return processed;
}

/*
 * uiml_sql_param
 *		Appends a parameter: $1 first.  A by-reference value must outlive the statement.
 */
void
uiml_sql_param(UimlSqlParams *params, Oid type, Datum value, bool null)
{
	if (params->n >= UIML_SQL_MAX_PARAMS)
		elog(ERROR, "more than %d statement parameters", UIML_SQL_MAX_PARAMS);
	params->type[params->n] = type;
	params->value[params->n] = value;
	params->null[params->n] = null;
	params->n++;
}

void
uiml_sql_param_int4(UimlSqlParams *params, int32 value)
{
	uiml_sql_param(params, INT4OID, Int32GetDatum(value), false);
}

void
uiml_sql_param_int8(UimlSqlParams *params, int64 value)
{
	uiml_sql_param(params, INT8OID, Int64GetDatum(value), false);
}

void
uiml_sql_param_text(UimlSqlParams *params, const char *value)
{
	uiml_sql_param(params, TEXTOID, value != NULL ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
}

uint64
uiml_sql_each_typed(const char *sql, const UimlSqlParams *params, bool read_only, const Oid *types, int n,
					UimlRowFn row_fn, void *ctx)
{
	RowReceiver receiver = row_receiver(row_fn, ctx);
	SPIExecuteOptions options = {0};

	receiver.types = types;
	receiver.n_types = n;
	options.read_only = read_only;
	options.dest = &receiver.pub;
	connect_spi();
	if (params != NULL && params->n > 0)
		options.params = param_list(params->n, params->type, params->value, params->null);
	return finish_spi(SPI_execute_extended(sql, &options), sql);
}

uint64
uiml_sql_each(const char *sql, const UimlSqlParams *params, bool read_only, UimlRowFn row_fn, void *ctx)
{
	return uiml_sql_each_typed(sql, params, read_only, NULL, 0, row_fn, ctx);
}

uint64
uiml_sql_each_generic(const char *sql, const UimlSqlParams *params, UimlRowFn row_fn, void *ctx)
{
	RowReceiver receiver = row_receiver(row_fn, ctx);
	SPIExecuteOptions options = {0};
	SPIPlanPtr plan;

	options.dest = &receiver.pub;
	connect_spi();
	plan = SPI_prepare_cursor(sql, params->n, unconstify(Oid *, &params->type[0]),
							  CURSOR_OPT_PARALLEL_OK | CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "%s failed: %s", sql, SPI_result_code_string(SPI_result));
	options.params = param_list(params->n, params->type, params->value, params->null);
	return finish_spi(SPI_execute_plan_extended(plan, &options), sql);
}

void
uiml_sql_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

uint64
uiml_sql_run(const char *sql, const UimlSqlParams *params)
{
	return uiml_sql_each(sql, params, false, NULL, NULL);
}

/*
 * uiml_plan_prepare
 *		A generic plan from the first execution on: these statements look rows up by key, for which five
 *		rounds of custom planning would cost a new connection more than they could ever save.
 */
UimlPlan *
uiml_plan_prepare(const char *sql, int n_params, const Oid *types)
{
	UimlPlan *plan;
	SPIPlanPtr spi;

	connect_spi();
	spi = SPI_prepare_cursor(sql, n_params, unconstify(Oid *, types),
							 CURSOR_OPT_PARALLEL_OK | CURSOR_OPT_GENERIC_PLAN);
	if (spi == NULL)
		elog(ERROR, "%s failed: %s", sql, SPI_result_code_string(SPI_result));
	plan = MemoryContextAlloc(TopMemoryContext, sizeof(UimlPlan));
	plan->spi = spi;
	plan->n_params = n_params;
	if (SPI_keepplan(spi) != 0)
		elog(ERROR, "SPI_keepplan failed");
	finish_spi(0, sql);
	return plan;
}

void
uiml_plan_each_typed(UimlPlan *plan, const Datum *values, const char *nulls, const Oid *types, int n,
					 UimlRowFn row_fn, void *ctx)
{
	RowReceiver receiver = row_receiver(row_fn, ctx);
	SPIExecuteOptions options = {0};

	receiver.types = types;
	receiver.n_types = n;
	options.read_only = true;
	options.dest = &receiver.pub;
	connect_spi();
	if (plan->n_params > 0)
	{
		options.params = makeParamList(plan->n_params);
		for (int i = 0; i < plan->n_params; i++)
		{
			ParamExternData *param = &options.params->params[i];

			param->ptype = SPI_getargtypeid(plan->spi, i);
			param->value = values[i];
			param->isnull = nulls != NULL && nulls[i] == 'n';
			param->pflags = PARAM_FLAG_CONST;
		}
	}
	finish_spi(SPI_execute_plan_extended(plan->spi, &options), "saved plan");
}

void
uiml_plan_each(UimlPlan *plan, const Datum *values, const char *nulls, UimlRowFn row_fn, void *ctx)
{
	uiml_plan_each_typed(plan, values, nulls, NULL, 0, row_fn, ctx);
}

void
uiml_plan_free(UimlPlan *plan)
{
	if (plan == NULL)
		return;
	SPI_freeplan(plan->spi);
	pfree(plan);
}

char *
uiml_relation_name(Oid relid)
{
	char *name = get_rel_name(relid);
	char *schema = name != NULL ? get_namespace_name(get_rel_namespace(relid)) : NULL;

	if (schema == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation with OID %u does not exist", relid));
	return quote_qualified_identifier(schema, name);
}

char *
uiml_equality_of(Oid type)
{
	Oid equality = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(equality));
	Form_pg_operator row;
	char *text;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_FUNCTION),
				errmsg("could not identify an equality operator for type %s", format_type_be(type)));
	row = (Form_pg_operator) GETSTRUCT(tuple);
	text = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(row->oprnamespace)),
					NameStr(row->oprname));
	ReleaseSysCache(tuple);
	return text;
}
