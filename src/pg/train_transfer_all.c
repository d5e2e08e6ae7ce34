/*
 * train_transfer_all.c
 *	  Training the transfers of a domain again when it has a new version.
 *
 * A version's space is its own, so that the transfers of the one before end with it.  They are trained again
 * in the transaction that makes the new version active: there is no moment without them.  A transfer that
 * can't be trained is told of, and fails no training of a domain.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/attempt.h"
#include "pg/sql.h"
#include "pg/train_transfer.h"

/* The domains of a transfer, of which the caller may know neither. */
typedef struct KnownPair
{
	char *source; /* 'owner.name' */
	char *target;
	bool used;
} KnownPair;

static void
add_pair(TupleTableSlot *slot, void *ctx)
{
	List **pairs = ctx;
	KnownPair *pair = palloc(sizeof(KnownPair));

	slot_getallattrs(slot);
	pair->source = TextDatumGetCString(slot->tts_values[0]);
	pair->target = TextDatumGetCString(slot->tts_values[1]);
	pair->used = DatumGetBool(slot->tts_values[2]);
	*pairs = lappend(*pairs, pair);
}

/* All transfers into and out of a domain, between whatever versions. */
static List *
known_pairs(const UimlDomain *domain)
{
	List *pairs = NIL;
	UimlSqlParams params = {0};
	UimlActing saved;

	uiml_sql_param_int4(&params, domain->domain_id);
	uiml_act_as(uiml_catalog_owner(), &saved);
	uiml_sql_each(
		"SELECT pg_catalog.concat(pg_catalog.pg_get_userbyid(s.owner), '.', s.name), "
		"pg_catalog.concat(pg_catalog.pg_get_userbyid(d.owner), '.', d.name), "
		"pg_catalog.bool_or(t.items_used OR t.interests_used) "
		"FROM uiml.transfer t JOIN uiml.domain s ON s.domain_id OPERATOR(pg_catalog.=) t.source_domain_id "
		"JOIN uiml.domain d ON d.domain_id OPERATOR(pg_catalog.=) t.domain_id "
		"WHERE t.source_domain_id OPERATOR(pg_catalog.=) $1 OR t.domain_id OPERATOR(pg_catalog.=) $1 "
		"GROUP BY s.domain_id, d.domain_id ORDER BY s.domain_id, d.domain_id",
		&params, false, add_pair, &pairs);
	uiml_act_as_self(&saved);
	return pairs;
}

/* Those that the caller may train; *ended receives how many of the others have served until now. */
static List *
orders_of(List *pairs, int *ended)
{
	List *orders = NIL;
	ListCell *cell;

	*ended = 0;
	foreach (cell, pairs)
	{
		const KnownPair *pair = lfirst(cell);
		UimlTransferOrder *order = palloc0(sizeof(UimlTransferOrder));

		order->source = uiml_domain_find(pair->source, UIML_PREDICT);
		order->target = uiml_domain_find(pair->target, UIML_TRAIN);
		if (order->source != NULL && order->target != NULL)
			orders = lappend(orders, order);
		else if (pair->used)
			(*ended)++;
	}
	return orders;
}

typedef struct Trial
{
	const UimlTransferOrder *order;
	UimlTransferRow *row;
} Trial;

static void
call_train(void *ctx)
{
	Trial *trial = ctx;

	trial->row = uiml_transfer_train(trial->order);
}

UimlTransferRow *
uiml_transfer_try(const UimlTransferOrder *order)
{
	Trial trial = {.order = order};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "uiml transfer trial", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ErrorData *error = uiml_attempt(call_train, &trial);

	MemoryContextSwitchTo(old);
	if (error == NULL)
		return trial.row;
	uiml_blas_end();
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	ereport(WARNING,
			errmsg("the transfer from domain \"%s\" to domain \"%s\" was not trained: %s",
				   order->source->name, order->target->name, error->message),
			error->detail != NULL ? errdetail_internal("%s", error->detail) : 0,
			errhint("It doesn't serve until it is: SELECT * FROM uiml_train_transfer(%s, %s);",
					quote_literal_cstr(order->source->name), quote_literal_cstr(order->target->name)));
	MemoryContextDelete(context);
	uiml_budget_release();
	return NULL;
}

/* Not by name: who has no rights on a domain need not know it. */
static void
note_ended(const UimlDomain *domain, int ended)
{
	if (ended == 0)
		return;
	ereport(
		NOTICE,
		(errmsg_plural("%d transfer of domain \"%s\" doesn't serve any more",
					   "%d transfers of domain \"%s\" don't serve any more", (unsigned long) ended, ended,
					   domain->name),
		 errdetail("The domain has a new version, and role \"%s\" may not train what leads from or to "
				   "domains of others.",
				   GetUserNameFromId(GetUserId(), false)),
		 errhint("uiml_train_transfer needs the privilege predict on the source and train on the target.")));
}

void
uiml_transfer_train_again(const UimlDomain *domain)
{
	List *pairs;
	List *orders;
	ListCell *cell;
	int ended;

	uiml_transfer_lock_domain(domain->domain_id, true);
	pairs = known_pairs(domain);
	if (pairs == NIL)
		return;
	orders = orders_of(pairs, &ended);
	uiml_transfer_lock_orders(orders);
	uiml_transfer_snapshot_begin();
	foreach (cell, orders)
		(void) uiml_transfer_try(lfirst(cell));
	uiml_transfer_snapshot_end();
	note_ended(domain, ended);
}
