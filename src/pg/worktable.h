/*
 * worktable.h
 *	  A domain's events in a table of our own, a row per user: what training passes over where they don't fit
 *	  into memory.
 *
 * The table is <domain>_work_<suffix> (user_no integer, events bytea), unlogged, next to the domain's other
 * tables and their owner's; it is made and dropped in one transaction.  user_no ascends in the order of the
 * rows, and events are packed as core/userpack.h says.
 *
 * What is read from it is checked all the same: functions of the owner's may run while it is there, in a view
 * that texts are read from, and the table is his to alter.
 */
#ifndef UIML_PG_WORKTABLE_H
#define UIML_PG_WORKTABLE_H

#include "core/interactions.h"
#include "pg/budget.h"
#include "pg/catalog.h"

typedef struct UimlWorkTable
{
	const UimlDomain *domain;
	Oid table;
	size_t n_users;
	size_t n_columns;    /* items and texts */
	size_t n_pairs;      /* of user and item */
	size_t multi_users;  /* with two items or more */
	uint8_t *multi;      /* by user: has two items or more */
	uint32 *user_events; /* by user */
	double *user_last;   /* by user: newest event; NULL without time */
	uint32 *item_users;  /* by item */
} UimlWorkTable;

/*
 * While events are read, items and texts have numbers of their own, as they came, and that of a text has this
 * bit, since the number of items isn't known yet.
 */
#define UIML_TEXT_BIT ((uint32) 1 << 31)

/*
 * The final number of each item and each text (NULL: there are none); columns of texts follow those of items.
 */
typedef struct UimlColumnNumbers
{
	const uint32 *item;
	const uint32 *text;
	size_t n_items;
	size_t n_texts;
} UimlColumnNumbers;

static inline uint32
uiml_column_number(const UimlColumnNumbers *columns, uint32 number)
{
	if (number & UIML_TEXT_BIT)
		return (uint32) columns->n_items + columns->text[number & ~UIML_TEXT_BIT];
	return columns->item[number];
}

/*
 * A spool takes events in user order, in a temporary file where they exceed work_mem, until all items are
 * known.  Items are numbered as they came; users are numbered from 0 as they come.
 */
typedef struct UimlSpool UimlSpool;

extern UimlSpool *uiml_spool_begin(MemoryContext parent, UimlBudget *budget, bool has_time);

/* False where the budget has no room for the events of this user. */
extern bool uiml_spool_add(UimlSpool *spool, const UimlEvent *event);

/*
 * uiml_spool_finish
 *		Writes the table as the domain's owner, and drops the spool; the result lives in context.
 */
extern UimlWorkTable *uiml_spool_finish(UimlSpool *spool, const UimlDomain *domain, const char *suffix,
										const UimlColumnNumbers *columns, size_t n_users,
										MemoryContext context);

/*
 * uiml_work_each
 *		Calls user_fn with the events of each user in order, as the owner; of users with role[user] = which
 *		only, unless role is NULL.
 */
typedef void (*UimlUserEventsFn)(void *ctx, uint32 user, const UimlEvent *events, size_t n);
extern void uiml_work_each(const UimlWorkTable *work, const uint8_t *role, uint8_t which,
						   UimlUserEventsFn user_fn, void *ctx);

/*
 * uiml_work_load
 *		Those users' events as one array in context, user after user, with their own numbers.
 */
extern UimlEvent *uiml_work_load(const UimlWorkTable *work, const uint8_t *role, uint8_t which,
								 MemoryContext context, size_t *n);

/*
 * uiml_work_time
 *		The time of the event of a rank, from 0, among all in order of time.  Four scans, whatever there is.
 */
extern double uiml_work_time(const UimlWorkTable *work, uint64 rank);

extern void uiml_work_drop(UimlWorkTable *work);

#endif /* UIML_PG_WORKTABLE_H */
