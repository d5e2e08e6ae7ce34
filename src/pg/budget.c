/*
 * budget.c
 *	  Staying within maintenance_work_mem.
 */
#include "postgres.h"

#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <math.h>

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "pg/budget.h"

void
uiml_budget_init(UimlBudget *budget, MemoryContext context)
{
	memset(budget, 0, sizeof(*budget));
	budget->context = context;
	budget->purpose = "training";
	budget->limit = (size_t) maintenance_work_mem * 1024;
}

size_t
uiml_budget_used(UimlBudget *budget)
{
	size_t used = MemoryContextMemAllocated(budget->context, true);

	budget->peak = Max(budget->peak, used);
	return used;
}

bool
uiml_budget_fits(UimlBudget *budget, size_t more)
{
	size_t used = uiml_budget_used(budget);

	return used <= budget->limit && more <= budget->limit - used;
}

static void *
budget_alloc(void *ctx, size_t size)
{
	UimlBudget *budget = ctx;
	size_t used = uiml_budget_used(budget);
	size_t limit = budget->limit + budget->limit / 8;
	void *pointer;

	if (used > limit || size > limit - used)
	{
		budget->refused = true;
		budget->peak = Max(budget->peak, used);
		return NULL;
	}
	pointer = budget->inner.alloc(budget->inner.ctx, size);
	budget->peak = Max(budget->peak, used + size);
	return pointer;
}

static void
budget_free(void *ctx, void *pointer)
{
	UimlBudget *budget = ctx;

	budget->inner.free(budget->inner.ctx, pointer);
}

static bool
budget_interrupted(void *ctx)
{
	return uiml_interrupted(&((UimlBudget *) ctx)->inner);
}

static void
budget_progress(void *ctx, const char *phase, double done, double total)
{
	uiml_progress(&((UimlBudget *) ctx)->inner, phase, done, total);
}

static void
budget_parallel(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	uiml_parallel(&((UimlBudget *) ctx)->inner, n, task, arg);
}

UimlEnv
uiml_budget_env(UimlBudget *budget, const UimlEnv *inner)
{
	UimlEnv env = {.alloc = budget_alloc,
				   .free = budget_free,
				   .interrupted = budget_interrupted,
				   .progress = budget_progress,
				   .ctx = budget,
				   .parallel = inner->parallel != NULL ? budget_parallel : NULL};

	budget->inner = *inner;
	return env;
}

void
uiml_budget_release(void)
{
#ifdef __GLIBC__
	(void) malloc_trim(0);
#endif
}

void
uiml_budget_exceeded(const UimlBudget *budget, const char *what, double needed)
{
	const double megabyte = 1024.0 * 1024.0;
	double megabytes = ceil(needed / megabyte);
	int wanted;

	/* Ask for a little more than the estimate, in steps that people type. */
	wanted = (int) Min(ceil(needed * 1.1 / megabyte / 16.0) * 16.0, MAX_KILOBYTES / 1024);
	ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("%s needs more memory than maintenance_work_mem allows", budget->purpose),
					errdetail("%s need about %.0f MB, and maintenance_work_mem is %.0f MB.", what, megabytes,
							  floor((double) budget->limit / megabyte)),
					errhint("Run SET maintenance_work_mem = '%dMB' before %s.", wanted, budget->purpose)));
}
