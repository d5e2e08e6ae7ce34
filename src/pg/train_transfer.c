/*
 * train_transfer.c
 *	  uiml_train_transfer and uiml_drop_transfer.
 *
 * A call is about one pair of domains or about all ordered pairs the caller has the rights for.  Each pair is
 * trained by itself (train_transfer_fit.c) in the one transaction of the call.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "pg/prediction.h"
#include "pg/toolargs.h"
#include "pg/train_transfer.h"
#include "pg/transfer_matrix.h"

PG_FUNCTION_INFO_V1(uiml_train_transfer);
PG_FUNCTION_INFO_V1(uiml_drop_transfer);

#define RESULT_COLUMNS 9

/* --- which pairs ---------------------------------------------------------------------------------------- */

/* Trained domains on which the caller has a privilege; List of UimlDomain *. */
static List *
trained_domains(UimlPrivilege privilege)
{
	List *domains = NIL;
	ListCell *cell;

	foreach (cell, uiml_serving_list(NULL))
	{
		const UimlServing *serving = lfirst(cell);
		char *owner = GetUserNameFromId(serving->owner, true);
		UimlDomain *domain = NULL;

		if (owner != NULL)
			domain = uiml_domain_find(psprintf("%s.%s", owner, serving->domain), privilege);
		if (domain != NULL)
			domains = lappend(domains, domain);
	}
	return domains;
}

static List *
domains_arg(FunctionCallInfo fcinfo, int argument, UimlPrivilege privilege)
{
	if (PG_ARGISNULL(argument))
		return trained_domains(privilege);
	return list_make1(uiml_domain_get(text_to_cstring(PG_GETARG_TEXT_PP(argument)), privilege));
}

static UimlTransferOrder *
new_order(const UimlDomain *source, const UimlDomain *target)
{
	UimlTransferOrder *order = palloc0(sizeof(UimlTransferOrder));

	order->source = source;
	order->target = target;
	return order;
}

static List *
orders_of(List *sources, List *targets)
{
	List *orders = NIL;
	ListCell *s;
	ListCell *t;

	foreach (s, sources)
	{
		foreach (t, targets)
		{
			const UimlDomain *source = lfirst(s);
			const UimlDomain *target = lfirst(t);

			if (source->domain_id != target->domain_id)
				orders = lappend(orders, new_order(source, target));
		}
	}
	return orders;
}

static void
check_different(const List *sources, const List *targets)
{
	const UimlDomain *source = linitial(sources);
	const UimlDomain *target = linitial(targets);

	if (source->domain_id == target->domain_id)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("source and target are both domain \"%s\"", source->name),
				errhint("A transfer leads from one domain to another."));
}

static List *
orders_arg(FunctionCallInfo fcinfo)
{
	List *sources = domains_arg(fcinfo, 0, UIML_PREDICT);
	List *targets = domains_arg(fcinfo, 1, UIML_TRAIN);
	bool named = !PG_ARGISNULL(0) && !PG_ARGISNULL(1);
	const UimlMatrix *prior = PG_ARGISNULL(2) ? NULL : PG_GETARG_MATRIX(2);
	List *orders;
	ListCell *cell;

	uiml_arg_required(fcinfo, 3, "incremental");
	if (named)
		check_different(sources, targets);
	else if (prior != NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("prior needs both source and target"),
				errdetail("Its rows and columns are the dimensions of one pair of domains."));
	orders = orders_of(sources, targets);
	if (orders == NIL)
		ereport(NOTICE, errmsg("there are no two trained domains to transfer between"),
				errhint("It takes one that you may predict from and another that you may train; the view "
						"uiml.domains lists yours."));
	foreach (cell, orders)
	{
		UimlTransferOrder *order = lfirst(cell);

		order->prior = prior;
		order->incremental = PG_GETARG_BOOL(3);
		order->named = named;
	}
	return orders;
}

/* --- the work ------------------------------------------------------------------------------------------- */

/* Their trainings may be the first of a pair, which a training of one of its domains would not know of. */
static void
lock_domains(const List *orders)
{
	List *ids = NIL;
	ListCell *cell;

	foreach (cell, orders)
	{
		const UimlTransferOrder *order = lfirst(cell);

		ids = list_append_unique_int(ids, order->source->domain_id);
		ids = list_append_unique_int(ids, order->target->domain_id);
	}
	list_sort(ids, list_int_cmp);
	foreach (cell, ids)
		uiml_transfer_lock_domain(lfirst_int(cell), false);
}

void
uiml_transfer_lock_orders(const List *orders)
{
	UimlDomainPair *pair = palloc(sizeof(UimlDomainPair) * (Size) Max(list_length(orders), 1));
	ListCell *cell;

	foreach (cell, orders)
	{
		const UimlTransferOrder *order = lfirst(cell);

		pair[foreach_current_index(cell)] =
			(UimlDomainPair){order->source->domain_id, order->target->domain_id};
	}
	uiml_transfer_lock(pair, list_length(orders));
	pfree(pair);
}

void
uiml_transfer_snapshot_begin(void)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
uiml_transfer_snapshot_end(void)
{
	PopActiveSnapshot();
}

/* --- the result ----------------------------------------------------------------------------------------- */

/* Four decimals of nats. */
static Datum
gain_datum(double gain)
{
	return Float8GetDatum(rint(gain * 1e4) / 1e4);
}

/* Three digits: penalties are powers of ten. */
static Datum
lambda_datum(double lambda)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%.3g", lambda);
	return Float8GetDatum(strtod(digits, NULL));
}

static void
put_row(UimlResult *result, const UimlTransferOrder *order, const UimlTransferRow *row, const char *predicts,
		const char *verdict, const UimlTransferVerdict *figures)
{
	Datum value[RESULT_COLUMNS] = {CStringGetTextDatum(order->source->name),
								   CStringGetTextDatum(order->target->name),
								   CStringGetTextDatum(predicts),
								   CStringGetTextDatum(verdict),
								   BoolGetDatum(figures->used),
								   Int64GetDatum(row->users),
								   gain_datum(figures->gain),
								   gain_datum(figures->gain_se),
								   lambda_datum(figures->lambda)};
	bool null[RESULT_COLUMNS] = {false};

	null[6] = isnan(figures->gain);
	null[7] = isnan(figures->gain_se);
	null[8] = isnan(figures->lambda);
	uiml_result_put(result, value, null);
}

static const char *
interests_verdict(const UimlTransferRow *row)
{
	if (isnan(row->interests.gain))
		return "none";
	return row->interests.used ? "logistic" : "prior";
}

Datum
uiml_train_transfer(PG_FUNCTION_ARGS)
{
	UimlResult result;
	List *orders;
	ListCell *cell;

	uiml_result_begin(fcinfo, RESULT_COLUMNS, &result);
	orders = orders_arg(fcinfo);
	lock_domains(orders);
	uiml_transfer_lock_orders(orders);
	uiml_transfer_snapshot_begin();
	foreach (cell, orders)
	{
		const UimlTransferOrder *order = lfirst(cell);
		UimlTransferRow *row = order->named ? uiml_transfer_train(order) : uiml_transfer_try(order);

		if (row == NULL)
			continue;
		put_row(&result, order, row, "items", row->items_verdict, &row->items);
		put_row(&result, order, row, "interests", interests_verdict(row), &row->interests);
	}
	uiml_transfer_snapshot_end();
	return (Datum) 0;
}

Datum
uiml_drop_transfer(PG_FUNCTION_ARGS)
{
	UimlDomain *source = uiml_domain_get(text_to_cstring(PG_GETARG_TEXT_PP(0)), UIML_PREDICT);
	UimlDomain *target = uiml_domain_get(text_to_cstring(PG_GETARG_TEXT_PP(1)), UIML_TRAIN);
	UimlDomainPair pair = {source->domain_id, target->domain_id};

	uiml_transfer_lock(&pair, 1);
	if (uiml_transfer_delete(source->domain_id, target->domain_id) == 0)
		ereport(
			ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("there is no transfer from domain \"%s\" to domain \"%s\"", source->name, target->name));
	PG_RETURN_VOID();
}
