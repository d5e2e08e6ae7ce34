/*
 * bulk.c
 *	  Loading a new table of ours.
 *
 * Rows go straight to the table's access method, past the executor: the table is this transaction's own, has
 * no indexes or triggers yet, and nobody else can see it.  The batch is bounded by rows and by bytes, since a
 * user's row may be large.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/bulk.h"

#define BATCH_ROWS  256
#define BATCH_BYTES ((Size) 1024 * 1024)

struct UimlBulk
{
	Relation relation;
	MemoryContext values; /* of the rows in the batch */
	BulkInsertState state;
	CommandId command;
	int n_columns;
	AttrNumber *attribute; /* n_columns */
	int n_rows;
	TupleTableSlot *slot[BATCH_ROWS];
};

static AttrNumber
checked_attribute(Relation relation, const char *column, Oid type)
{
	AttrNumber number = get_attnum(RelationGetRelid(relation), column);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" of relation \"%s\" does not exist",
														   column, RelationGetRelationName(relation))));
	if (TupleDescAttr(RelationGetDescr(relation), number - 1)->atttypid != type)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" of relation \"%s\" is not of type %s", column,
							   RelationGetRelationName(relation), format_type_be(type))));
	return number;
}

/* Columns that we don't know can only be NULL. */
static void
check_other_columns(const UimlBulk *bulk)
{
	TupleDesc desc = RelationGetDescr(bulk->relation);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		bool known = attribute->attisdropped || !attribute->attnotnull;

		for (int j = 0; j < bulk->n_columns && !known; j++)
			known = bulk->attribute[j] == i + 1;
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("unexpected column \"%s\" of relation \"%s\"", NameStr(attribute->attname),
							RelationGetRelationName(bulk->relation)),
					 errhint("Tables of trained states must keep the columns they were created with.")));
	}
}

UimlBulk *
uiml_bulk_begin(Oid table, int n_columns, const char *const *column, const Oid *type)
{
	UimlBulk *bulk = palloc0(sizeof(UimlBulk));

	bulk->relation = table_open(table, RowExclusiveLock);
	bulk->values = AllocSetContextCreate(CurrentMemoryContext, "uiml rows", ALLOCSET_DEFAULT_SIZES);
	bulk->n_columns = n_columns;
	bulk->attribute = palloc(n_columns * sizeof(AttrNumber));
	for (int i = 0; i < n_columns; i++)
		bulk->attribute[i] = checked_attribute(bulk->relation, column[i], type[i]);
	check_other_columns(bulk);
	bulk->state = GetBulkInsertState();
	bulk->command = GetCurrentCommandId(true);
	for (int i = 0; i < BATCH_ROWS; i++)
		bulk->slot[i] = table_slot_create(bulk->relation, NULL);
	return bulk;
}

MemoryContext
uiml_bulk_context(UimlBulk *bulk)
{
	return bulk->values;
}

static void
write_batch(UimlBulk *bulk)
{
	CHECK_FOR_INTERRUPTS();
	if (bulk->n_rows > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(bulk->values);

		/* Nobody else has seen the table: its free space map has nothing to offer. */
		table_multi_insert(bulk->relation, bulk->slot, bulk->n_rows, bulk->command, TABLE_INSERT_SKIP_FSM,
						   bulk->state);
		MemoryContextSwitchTo(old);
	}
	for (int i = 0; i < bulk->n_rows; i++)
		ExecClearTuple(bulk->slot[i]);
	bulk->n_rows = 0;
	MemoryContextReset(bulk->values);
}

void
uiml_bulk_add(UimlBulk *bulk, const Datum *value, const bool *null)
{
	TupleTableSlot *slot = bulk->slot[bulk->n_rows++];

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	for (int i = 0; i < bulk->n_columns; i++)
	{
		slot->tts_isnull[bulk->attribute[i] - 1] = null != NULL && null[i];
		slot->tts_values[bulk->attribute[i] - 1] = value[i];
	}
	ExecStoreVirtualTuple(slot);
	if (bulk->n_rows == BATCH_ROWS || MemoryContextMemAllocated(bulk->values, true) > BATCH_BYTES)
		write_batch(bulk);
}

void
uiml_bulk_end(UimlBulk *bulk)
{
	write_batch(bulk);
	for (int i = 0; i < BATCH_ROWS; i++)
		ExecDropSingleTupleTableSlot(bulk->slot[i]);
	FreeBulkInsertState(bulk->state);
	table_finish_bulk_insert(bulk->relation, TABLE_INSERT_SKIP_FSM);
	table_close(bulk->relation, NoLock);
	MemoryContextDelete(bulk->values);
	pfree(bulk->attribute);
	pfree(bulk);
}
