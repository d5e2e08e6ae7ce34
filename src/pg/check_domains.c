/*
 * check_domains.c
 *	  uiml_check_domains: items of two domains that are the same thing, and what a transfer is worth without
 *	  them.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/duplicates.h"
#include "core/item_transfer.h"
#include "pg/env.h"
#include "pg/overlap.h"
#include "pg/prediction.h"
#include "pg/toolargs.h"

#define RESULT_COLUMNS 8
#define MOST_USERS     1000000
#define FOLD_SEED      0

typedef struct Check
{
	UimlState source;
	UimlState target;
	double jaccard;
	size_t users;
	bool measure;
	MemoryContext context; /* "uiml check" */
	UimlBudget budget;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env;
	UimlShared shared;
	UimlDuplicates duplicates;
	double gain; /* NaN: can't be told */
	double gain_without;
} Check;

/* --- arguments ------------------------------------------------------------------------------------------ */

/* A trained domain that was named; its items, and the singular values of its space. */
static void
open_domain(FunctionCallInfo fcinfo, int argument, const char *name, UimlState *state)
{
	uiml_arg_required(fcinfo, argument, name);
	uiml_state_open(state, linitial(uiml_serving_list(text_to_cstring(PG_GETARG_TEXT_PP(argument)))), true,
					UIML_STATE_USERS | UIML_STATE_ITEMS | UIML_STATE_SIGMA);
}

static void
read_arguments(FunctionCallInfo fcinfo, Check *check)
{
	check->jaccard = uiml_arg_share(fcinfo, 2, "jaccard", NULL);
	if (check->jaccard == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("jaccard must be greater than zero"),
				errhint("Items that are the same have a coefficient near 1."));
	check->users = (size_t) uiml_arg_int(fcinfo, 3, "users", 1, MOST_USERS);
	uiml_arg_required(fcinfo, 4, "gain");
	check->measure = PG_GETARG_BOOL(4);
	open_domain(fcinfo, 0, "source", &check->source);
	open_domain(fcinfo, 1, "target", &check->target);
	if (check->source.serving->version_id == check->target.serving->version_id)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("source and target are the same domain"),
				errhint("Name two domains that have users in common."));
}

/* --- the check ------------------------------------------------------------------------------------------ */

static void
check_status(const Check *check, UimlStatus status, const char *what)
{
	if (status == UIML_ENOMEM && check->budget.refused)
		uiml_budget_exceeded(&check->budget, psprintf("%zu overlapping users", check->shared.users.n),
							 1.5 * (double) check->budget.peak);
	uiml_check(status, what);
}

/* All overlapping users at once: items with few users would not be found in a sample. */
static void
read_users(Check *check)
{
	UimlSide source = {check->source.serving, check->source.served};
	UimlSide target = {check->target.serving, check->target.served};
	UimlParts parts = {.seed = FOLD_SEED, .n = 1, .bytes = check->budget.limit};

	if (!uiml_shared_read(&source, &target, &parts, 0, &check->env, &check->shared))
		uiml_budget_exceeded(&check->budget, "the list of overlapping users",
							 2 * (double) parts.n * (double) parts.bytes);
	if (check->shared.users.n == 0)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("domains \"%s\" and \"%s\" have no user in common", check->source.serving->domain,
					   check->target.serving->domain),
				errdetail("Users are the same where their keys are equal as text."));
}

/* What the item transfer gains on these users, NaN where they are too few to tell.  The file is only read. */
static double
measure(Check *check, const UimlOverlap *overlap)
{
	UimlSide target = {check->target.serving, check->target.served};
	UimlModel model = uiml_side_model(&target, check->target.file);
	UimlItemTransfer transfer;
	UimlItemEvidence evidence;
	UimlStatus status =
		uiml_item_transfer_fit(&check->env, overlap, &model, NULL, NULL, FOLD_SEED, &transfer, &evidence);

	uiml_item_transfer_free(&check->env, &transfer);
	check_status(check, status, "transfer");
	return evidence.gain;
}

static void
measure_gains(Check *check)
{
	UimlOverlap without;

	uiml_blas_begin();
	check->gain = check->gain_without = measure(check, &check->shared.users);
	if (check->duplicates.n > 0)
	{
		check_status(check,
					 uiml_overlap_without(&check->env, &check->shared.users, check->duplicates.source,
										  check->source.file->in, &without),
					 "overlapping users");
		check->gain_without = measure(check, &without);
		uiml_overlap_free(&check->env, &without);
	}
	uiml_blas_end();
}

/* --- the result ----------------------------------------------------------------------------------------- */

static Datum
key_datum(const UimlState *state, uint32 item)
{
	size_t length;
	const char *key = uiml_itemfile_key(state->file, item, &length);

	return PointerGetDatum(cstring_to_text_with_len(key, (int) length));
}

/* Four digits, as of other figures of evaluations. */
static Datum
rounded(double value)
{
	return Float8GetDatum(rint(value * 1e4) / 1e4 + 0.0);
}

static void
put_pair(UimlResult *result, const Check *check, size_t number)
{
	const UimlDuplicate *pair = &check->duplicates.pair[number];
	double share = (double) pair->target_users / (double) check->duplicates.entries;
	Datum value[RESULT_COLUMNS] = {Int64GetDatum((int64) number + 1),
								   key_datum(&check->source, pair->source),
								   key_datum(&check->target, pair->target),
								   Int64GetDatum(pair->users),
								   rounded(pair->jaccard),
								   rounded(share),
								   (Datum) 0,
								   (Datum) 0};
	bool null[RESULT_COLUMNS] = {false, false, false, false, false, false, true, true};

	uiml_result_put(result, value, null);
}

static void
put_total(UimlResult *result, const Check *check)
{
	Datum value[RESULT_COLUMNS] = {Int64GetDatum((int64) check->duplicates.n),
								   (Datum) 0,
								   (Datum) 0,
								   Int64GetDatum((int64) check->shared.users.n),
								   (Datum) 0,
								   rounded(uiml_duplicates_share(&check->duplicates)),
								   rounded(check->gain),
								   rounded(check->gain_without)};
	bool null[RESULT_COLUMNS] = {
		false, true, true, false, true, false, isnan(check->gain), isnan(check->gain_without)};

	uiml_result_put(result, value, null);
}

static void
put_rows(UimlResult *result, const Check *check)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "uiml result rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);

	for (size_t i = 0; i < check->duplicates.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_pair(result, check, i);
		MemoryContextReset(scratch);
	}
	put_total(result, check);
	MemoryContextSwitchTo(old);
}

/* Not STRICT, so that a NULL is named. */
PG_FUNCTION_INFO_V1(uiml_check_domains);
Datum
uiml_check_domains(PG_FUNCTION_ARGS)
{
	UimlResult result;
	Check check = {.gain = NAN, .gain_without = NAN};
	MemoryContext old;

	read_arguments(fcinfo, &check);
	uiml_result_begin(fcinfo, RESULT_COLUMNS, &result);
	check.context = AllocSetContextCreate(CurrentMemoryContext, "uiml check", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(check.context);
	uiml_budget_init(&check.budget, check.context);
	check.budget.purpose = "the check of two domains";
	check.inner = uiml_env_pg(&check.pg, check.context, NULL, NULL);
	check.env = uiml_budget_env(&check.budget, &check.inner);
	read_users(&check);
	check_status(&check,
				 uiml_duplicates_find(&check.env, &check.shared.users.source, &check.shared.users.target,
									  check.shared.users.n, check.jaccard, check.users, &check.duplicates),
				 "items in common");
	if (check.measure)
		measure_gains(&check);
	put_rows(&result, &check);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(check.context);
	uiml_budget_release();
	return (Datum) 0;
}
