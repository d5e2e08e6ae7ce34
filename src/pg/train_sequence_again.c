/*
 * train_sequence_again.c
 *	  Training the sequence models of a domain again when it has a new version.
 *
 * The classes are interests or items of a version, so that the models of the one before end with it.  They are
 * trained again in the transaction that makes the new version active: there is no moment without them.  A model
 * that can't be trained is told of, and fails no training of a domain.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/attempt.h"
#include "pg/env.h"
#include "pg/budget.h"
#include "pg/train_sequence.h"

typedef struct Trial
{
	const UimlDomain *domain;
	const UimlSequenceRow *previous;
} Trial;

static void
call_retrain(void *ctx)
{
	const Trial *trial = ctx;

	uiml_sequence_retrain(trial->domain, trial->previous);
}

static void
try_retrain(const UimlDomain *domain, const UimlSequenceRow *previous)
{
	Trial trial = {.domain = domain, .previous = previous};
	const char *target = uiml_sequence_target_name(previous->target);
	ErrorData *error = uiml_attempt(call_retrain, &trial);

	if (error == NULL)
		return;
	uiml_blas_end();
	uiml_budget_release();
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	ereport(WARNING,
			errmsg("the sequence model for target \"%s\" of domain \"%s\" was not trained: %s", target,
				   domain->name, error->message),
			error->detail != NULL ? errdetail_internal("%s", error->detail) : 0,
			errhint("There is none until it is: SELECT * FROM uiml_train_sequence(%s, %s);",
					quote_literal_cstr(domain->name), quote_literal_cstr(target)));
}

void
uiml_sequence_train_again(const UimlDomain *domain)
{
	static const UimlNextTarget targets[] = {UIML_NEXT_INTEREST, UIML_NEXT_ITEM};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "uiml sequence models", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	for (size_t i = 0; i < lengthof(targets); i++)
	{
		const UimlSequenceRow *previous = uiml_sequence_newest(domain->domain_id, targets[i], false);

		if (previous != NULL)
			try_retrain(domain, previous);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
