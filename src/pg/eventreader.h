/*
 * eventreader.h
 *	  Events being read: shared by source.c and eventreader.c, of no use elsewhere.
 */
#ifndef UIML_PG_EVENTREADER_H
#define UIML_PG_EVENTREADER_H

#include "executor/tuptable.h"

#include "pg/budget.h"
#include "pg/source.h"

/* How a time column is turned into seconds since 2000-01-01 UTC. */
typedef enum TimeKind
{
	TIME_NONE,
	TIME_STAMP, /* timestamptz; timestamp is taken as UTC, so that no setting of a session changes a model */
	TIME_DATE,
	TIME_EPOCH /* integers, numeric and floats: Unix seconds or milliseconds */
} TimeKind;

typedef struct EventReader
{
	const UimlDomain *domain;
	UimlSource *source;
	MemoryContext context;
	UimlBudget budget;
	UimlKeyTable *users;
	UimlKeyTable *items;
	UimlKeyTable *texts; /* NULL: only events with an item count */
	UimlKeyTable *kinds;
	float *kind_weight; /* by number of kinds; negative: none given */
	size_t kind_capacity;
	TimeKind time_kind;
	Oid time_type; /* that is read without a cast, else InvalidOid */
	int time_at;   /* column positions in the slot, -1 for none */
	int kind_at;
	int weight_at;
	int text_at;
	size_t capacity;
	UimlSpool *spool; /* NULL: into memory */
	bool full;
	uint64 overflow;    /* events that found no room */
	const char *suffix; /* of the work table's name */
	UimlProgressFn progress;
	void *progress_ctx;
	uint64 rows;
	double expected_rows;
} EventReader;

/*
 * uiml_event_read
 *		Takes a row of the statement: counts it as skipped, or keeps its event in memory or in the spool;
 *		where there is no room it counts as overflow.
 *
 * ctx is the EventReader.  Errors: DATETIME_FIELD_OVERFLOW, DATA_EXCEPTION for weights,
 * INVALID_PARAMETER_VALUE for weights of kinds, PROGRAM_LIMIT_EXCEEDED for too many kinds.
 */
extern void uiml_event_read(TupleTableSlot *slot, void *ctx);

#endif /* UIML_PG_EVENTREADER_H */
