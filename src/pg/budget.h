/*
 * budget.h
 *	  Staying within maintenance_work_mem.
 *
 * What counts is what the memory contexts have taken from the system, so nothing has to be booked by hand: a
 * budget asks a context and its children.  Whoever is about to grow asks first.
 */
#ifndef UIML_PG_BUDGET_H
#define UIML_PG_BUDGET_H

#include "postgres.h"

#include "core/uiml.h"
#include "pg/compat.h"

typedef struct UimlBudget
{
	MemoryContext context;
	size_t limit;        /* bytes: maintenance_work_mem when the budget was made */
	size_t peak;         /* the most that was seen */
	bool refused;        /* an allocation of the core was refused */
	const char *purpose; /* a noun for messages, "training" unless the caller sets another */
	UimlEnv inner;
} UimlBudget;

extern void uiml_budget_init(UimlBudget *budget, MemoryContext context);

/* Bytes that the context and its children hold; remembers the peak. */
extern size_t uiml_budget_used(UimlBudget *budget);

/* May this many bytes be added? */
extern bool uiml_budget_fits(UimlBudget *budget, size_t more);

/*
 * uiml_budget_env
 *		An environment for the core whose allocations are watched: the peak is remembered, and one that would
 *		exceed the limit by more than the slack of an estimate (an eighth) fails with UIML_ENOMEM.
 */
extern UimlEnv uiml_budget_env(UimlBudget *budget, const UimlEnv *inner);

/*
 * uiml_budget_release
 *		Gives freed pages back to the system.  Once large blocks were freed, glibc takes the next ones from
 *		its heap and keeps the holes between them: a process then has more memory than what is in use.
 */
extern void uiml_budget_release(void);

/*
 * uiml_budget_exceeded
 *		Raises PROGRAM_LIMIT_EXCEEDED: what ("933517 events of 6040 users and 3706 items") needs about so many
 *		bytes; the hint names the value of maintenance_work_mem that would do.
 */
pg_noreturn extern void uiml_budget_exceeded(const UimlBudget *budget, const char *what, double needed);

#endif /* UIML_PG_BUDGET_H */
