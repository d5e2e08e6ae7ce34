/*
 * evaluation_run.c
 *	  A domain trained on a part of its events and judged on the rest.
 *
 * Nothing is stored: the events are read as the caller, split, fitted and judged in the core, and all memory
 * is given back.
 *
 * holdout 'users': test users (at most a quarter of those with two items or more) are in no fit; the first
 * part of their items, in an order that hashes give, is folded in, the rest hidden.  As many other users tune
 * and return to the final fit.
 *
 * holdout 'time': the final fit sees the events before the time below which 90 % of them lie.  Test users'
 * events before it are folded in; what they did after it, to items that are new to them, is hidden.  Tuning
 * repeats this inside the past: fit before the 80 % quantile, tune on what comes up to the 90 % quantile, so
 * nothing of the future reaches the model.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/half_life.h"
#include "pg/evaluation.h"
#include "pg/passes.h"
#include "pg/sourcecheck.h"
#include "pg/textspace.h"
#include "pg/trainargs.h"

#define FINAL_QUANTILE    .9
#define TUNING_QUANTILE   .8
#define INTERRUPT_COMPARE 0xffff

/* --- events --------------------------------------------------------------------------------------------- */

static bool
chooses_half_life(const UimlEvaluation *e)
{
	return e->source->has_time && e->domain->half_life == 0;
}

/*
 * Text vectors, where the run's features want them, beside what it needs otherwise.  The domain's table of
 * texts is read and not written: an evaluation stores nothing, works on a standby, and nobody waits for it.
 * What an encoder is asked for is remembered for the next run.
 */
static void
take_texts(UimlEvaluation *e, double reserved)
{
	UimlTextTask task = {.seed = e->train_seed,
						 .reserved = reserved,
						 .memory = &e->texts,
						 .env = &e->env,
						 .budget = &e->budget,
						 .context = e->run_context};
	UimlTextSpace *space;

	if (!uiml_text_space_wanted(e->domain, e->source))
		return;
	uiml_phases_enter(&e->phases, "text vectors");
	uiml_blas_begin();
	e->texts.context = e->context;
	space = uiml_text_space(e->domain, e->source, &task);
	uiml_blas_end();
	uiml_text_space_params(e->domain, space, &e->params);
}

/* Settings of a run. */
static void
read_settings(UimlEvaluation *e)
{
	e->params = uiml_model_defaults();
	e->params.dims = (size_t) e->domain->dims;
	e->params.interests = (size_t) e->domain->interests;
	e->params.row_scale = uiml_domain_option(e->domain, "row_scale", e->params.row_scale);
	e->params.col_scale = uiml_domain_option(e->domain, "col_scale", e->params.col_scale);
	e->params.seed = e->train_seed;
}

/* Bytes at the peak of a run, what is read included. */
static double
needed_memory(const UimlEvaluation *e, const UimlSource *source, size_t pairs)
{
	UimlBehaviourParams behaviour = uiml_behaviour_defaults();
	double needed = (double) MemoryContextMemAllocated(e->context, true); /* of both domains */
	size_t n_users = source->users.n;
	size_t n_items = source->items.n;

	behaviour.model = e->params;
	behaviour.max_users = e->users;
	behaviour.n_k = e->n_k;
	if (source->work != NULL)
		return needed + uiml_passes_training_memory(e->domain, n_users, n_items, pairs, source->n_events,
													source->has_time, &behaviour);
	needed += (double) uiml_behaviour_memory(n_users, n_items, pairs, &behaviour);

	/* By time, interactions before both cut-offs are held at once. */
	if (e->by_time)
		needed +=
			(double) pairs * (sizeof(uint32) + 2 * sizeof(float)) + 3 * (double) n_users * sizeof(size_t);
	return needed;
}

static bool
run_fits(void *ctx, const UimlSource *source)
{
	UimlEvaluation *e = ctx;
	size_t multi_users;

	return needed_memory(e, source, uiml_source_pairs(source, &multi_users)) +
			   uiml_text_space_memory(e->domain, source, e->budget.limit) <=
		   (double) e->budget.limit;
}

static void
read_domain(UimlEvaluation *e)
{
	UimlReading reading = {.suffix = psprintf("p%d", MyProcPid), .fits = run_fits, .ctx = e};

	uiml_phases_begin(&e->phases, e->domain->name);
	uiml_budget_init(&e->budget, e->context);
	uiml_phases_enter(&e->phases, "reading");
	read_settings(e);
	e->source = uiml_source_read_mode(e->domain, e->seed, e->context, &reading);
	e->pairs = uiml_source_check(e->domain, e->source);
	e->keys = uiml_source_split_keys(e->source, e->context);
}

void
uiml_evaluation_read(UimlEvaluation *e)
{
	read_domain(e);
	if (e->from != NULL)
		read_domain(e->from);
}

static void
prepare_run(UimlEvaluation *e)
{
	double used = (double) uiml_budget_used(&e->budget);
	double needed;

	read_settings(e);
	e->half_life = e->source->has_time && !chooses_half_life(e) ? e->domain->half_life : INFINITY;
	needed = needed_memory(e, e->source, e->pairs);
	if (needed > (double) e->budget.limit)
		uiml_budget_exceeded(&e->budget,
							 psprintf("%zu events of %zu users and %zu items", e->source->n_events,
									  e->source->users.n, e->source->items.n),
							 needed);
	take_texts(e, needed - used);
	e->params.memory = (size_t) Max((double) e->budget.limit - (double) uiml_budget_used(&e->budget), 1);
	e->role = MemoryContextAllocHuge(e->run_context, e->source->users.n);
	e->rows = MemoryContextAllocHuge(e->run_context, e->source->users.n);
}

void
uiml_evaluation_build(UimlEvaluation *e, double from, double before, double until, bool faded,
					  UimlKnown *known)
{
	const UimlSource *source = e->source;

	*known = (UimlKnown){.passes = {.work = source->work,
									.budget = &e->budget,
									.n_items = source->items.n,
									.n_texts = source->texts.n,
									.window = {from, before, until, e->half_life},
									.faded = faded}};
	if (source->work != NULL)
	{
		known->rows = uiml_passes_rows(&known->passes);
		return;
	}
	uiml_check(uiml_interactions_build(&e->env, source->events, source->n_events, source->users.n,
									   source->items.n, source->texts.n, from, before, until, e->half_life,
									   &known->x),
			   "interactions");
	if (faded)
		uiml_check(uiml_interactions_fade(&e->env, &known->x), "interactions");
	known->rows = uiml_rows_in_memory(&known->x);
}

/* The half-life, where the domain doesn't say, from events before a time. */
static void
choose_half_life(UimlEvaluation *e, double before, const UimlKnown *known)
{
	const UimlSource *source = e->source;
	UimlEvent *events = source->events;
	size_t n = source->n_events;

	uiml_phases_enter(&e->phases, "half-life");
	if (source->work != NULL)
		events = uiml_work_load(source->work, e->role, UIML_TUNE, e->run_context, &n);
	uiml_check(uiml_half_life_choose(&e->env, events, n, before, &known->rows, e->role, e->params.seed,
									 &e->half_life),
			   "half-life");
	if (source->work != NULL)
		pfree(events);
}

static void
free_events(UimlEvaluation *e)
{
	if (e->keep_events || e->source->work != NULL)
		return;
	pfree(e->source->events);
	e->source->events = NULL;
}

void
uiml_evaluation_no_users(const UimlEvaluation *e, const char *detail)
{
	ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("no user of domain \"%s\" can be tested", e->domain->name), errdetail("%s", detail));
}

/* --- the two splits ------------------------------------------------------------------------------------- */

static void
run_trial(UimlEvaluation *e, const UimlTrial *trial)
{
	uiml_phases_enter(&e->phases, "item space");
	uiml_check(uiml_trial_run(&e->env, trial, &e->params, e->k, e->n_k, e->keep_model ? &e->model : NULL,
							  &e->judgement),
			   "item space and interests");
}

static size_t
count_flags(const uint8_t *flag, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += flag[i] != 0;
	return count;
}

/* Flags users with two items or more. */
static void
flag_multi_users(const UimlEvaluation *e, const UimlKnown *known)
{
	const UimlWorkTable *work = e->source->work;

	for (size_t u = 0; u < e->source->users.n; u++)
		e->rows[u] =
			work != NULL ? work->multi[u] : uiml_items_end(&known->x, u) - known->x.row_start[u] >= 2;
}

void
uiml_evaluation_fit(UimlEvaluation *e, UimlKnown *all)
{
	const UimlRows *rows = &all->rows;
	size_t n_users = e->source->users.n;

	if (chooses_half_life(e))
	{
		choose_half_life(e, INFINITY, all);
		all->passes.window.half_life = e->half_life;
		if (e->source->work == NULL)
			uiml_check(uiml_interactions_decay(&e->env, e->source->events, e->source->n_events, -INFINITY,
											   INFINITY, e->source->until, e->half_life, &all->x),
					   "interactions");
	}
	free_events(e);
	uiml_check(uiml_split_items(&e->env, rows, &e->keys, e->role, UIML_TUNE, e->fold_in, &e->tuning, NULL),
			   "split");
	if (!e->newcomers)
		uiml_check(
			uiml_split_items(&e->env, rows, &e->keys, e->role, UIML_JUDGE, e->fold_in, &e->judging, NULL),
			"split");
	uiml_split_fit_rows(e->role, n_users, e->rows);

	/* For the final fit, all but the test users. */
	for (size_t u = 0; u < n_users; u++)
		e->role[u] = e->role[u] != UIML_JUDGE;
	run_trial(e, &(UimlTrial){.fit = rows,
							  .fit_rows = e->rows,
							  .tuning = &e->tuning,
							  .refit = rows,
							  .refit_rows = e->role,
							  .judging = e->newcomers ? NULL : &e->judging});
}

static void
evaluate_users(UimlEvaluation *e)
{
	UimlKnown all;
	size_t n_users = e->source->users.n;
	size_t n_test;

	uiml_evaluation_build(e, -INFINITY, INFINITY, e->source->until, false, &all);
	flag_multi_users(e, &all);
	n_test = Min(e->users, count_flags(e->rows, n_users) / UIML_SMALLEST_FIT_SHARE);
	if (n_test == 0)
		uiml_evaluation_no_users(e, psprintf("Of %zu users, fewer than %d have two items or more.", n_users,
											 UIML_SMALLEST_FIT_SHARE));
	uiml_check(uiml_split_roles(&e->env, &e->keys, n_users, e->rows, n_test, n_test, e->role), "split");
	uiml_evaluation_fit(e, &all);
}

static int
compare_times(const void *a, const void *b, void *arg)
{
	double x = *(const double *) a;
	double y = *(const double *) b;
	uint64 *compared = arg;

	if ((++*compared & INTERRUPT_COMPARE) == 0)
		CHECK_FOR_INTERRUPTS();
	return x < y ? -1 : x > y;
}

/*
 * The times below which the shares TUNING_QUANTILE and FINAL_QUANTILE of the events lie, and the first of
 * all.
 */
static void
find_cuts(const UimlEvaluation *e, double *first, double *tuning, double *final)
{
	size_t n = e->source->n_events;
	size_t rank[] = {0, (size_t) (TUNING_QUANTILE * (double) n), (size_t) (FINAL_QUANTILE * (double) n)};
	double *at;
	uint64 compared = 0;

	if (e->source->work != NULL)
	{
		*first = uiml_work_time(e->source->work, rank[0]);
		*tuning = uiml_work_time(e->source->work, rank[1]);
		*final = uiml_work_time(e->source->work, rank[2]);
		return;
	}
	at = MemoryContextAllocHuge(e->run_context, n * sizeof(double));
	for (size_t i = 0; i < n; i++)
		at[i] = e->source->events[i].at;
	qsort_arg(at, n, sizeof(double), compare_times, &compared);
	*first = at[rank[0]];
	*tuning = at[rank[1]];
	*final = at[rank[2]];
	pfree(at);
}

/* Which users have items before a cut-off, and new ones from there on until a time. */
typedef struct Eligibility
{
	uint8_t *flag;
	size_t n_items;
	double cut;
	double before;
} Eligibility;

static void
flag_eligible(void *ctx, uint32 user, const UimlEvent *events, size_t n)
{
	const Eligibility *eligibility = ctx;
	bool old_items = false;
	bool new_items = false;

	for (size_t i = 0; i < n && events[i].item < eligibility->n_items;)
	{
		uint32 item = events[i].item;
		bool earlier = false;
		bool later = false;

		for (; i < n && events[i].item == item; i++)
		{
			earlier |= events[i].at < eligibility->cut;
			later |= events[i].at >= eligibility->cut && events[i].at < eligibility->before;
		}
		old_items |= earlier;
		new_items |= later && !earlier;
	}
	eligibility->flag[user] = old_items && new_items;
}

/* uiml_split_time of the users with the role, whose rows alone are taken into memory. */
static void
split_selected(UimlEvaluation *e, const UimlKnown *before, const UimlKnown *after, UimlHoldout *holdout)
{
	UimlInteractions old, fresh;
	uint8_t *role;

	uiml_check(before->rows.select(before->rows.ctx, &e->env, e->role, UIML_JUDGE, &old), "split");
	uiml_check(after->rows.select(after->rows.ctx, &e->env, e->role, UIML_JUDGE, &fresh), "split");
	role = MemoryContextAllocHuge(e->run_context, Max(old.n_users, 1));
	memset(role, UIML_JUDGE, old.n_users);
	uiml_check(uiml_split_time(&e->env, &old, &fresh, role, UIML_JUDGE, holdout, NULL), "split");
	pfree(role);
	uiml_interactions_free(&e->env, &old);
	uiml_interactions_free(&e->env, &fresh);
}

/*
 * The holdout of up to e->users users with old and new items; taken (may be NULL) flags users to leave out.
 */
static void
split_at(UimlEvaluation *e, const UimlKnown *before, const UimlKnown *after, const uint8_t *taken,
		 UimlHoldout *holdout)
{
	size_t n_users = e->source->users.n;

	if (e->source->work != NULL)
	{
		Eligibility eligibility = {e->rows, e->source->items.n, after->passes.window.from,
								   after->passes.window.before};

		memset(e->rows, 0, n_users);
		uiml_work_each(e->source->work, NULL, 0, flag_eligible, &eligibility);
	}
	else
		uiml_split_time_eligible(&before->x, &after->x, e->rows);
	for (size_t u = 0; taken != NULL && u < n_users; u++)
		e->rows[u] = e->rows[u] && taken[u] != UIML_JUDGE;
	uiml_check(uiml_split_roles(&e->env, &e->keys, n_users, e->rows, e->users, 0, e->role), "split");
	split_selected(e, before, after, holdout);
}

static void
choose_half_life_before(UimlEvaluation *e, double final)
{
	UimlKnown known;
	size_t n_users = e->source->users.n;

	uiml_evaluation_build(e, -INFINITY, final, final, false, &known);
	uiml_check(
		uiml_split_roles(&e->env, &e->keys, n_users, NULL, 0, uiml_split_size(n_users, e->users), e->role),
		"split");
	choose_half_life(e, final, &known);
	uiml_interactions_free(&e->env, &known.x);
}

/* What is known at a cut-off is faded: as predictions at that moment see it. */
static void
evaluate_time(UimlEvaluation *e)
{
	UimlKnown fit, refit, after;
	uint8_t *judges = MemoryContextAllocHuge(e->run_context, e->source->users.n);
	double first, tuning, final;

	find_cuts(e, &first, &tuning, &final);
	if (chooses_half_life(e))
		choose_half_life_before(e, final);
	uiml_evaluation_build(e, -INFINITY, final, final, true, &refit);
	uiml_evaluation_build(e, final, INFINITY, final, false, &after);
	split_at(e, &refit, &after, NULL, &e->judging);
	if (e->judging.seen.n_users == 0)
		uiml_evaluation_no_users(
			e, "No user has events both before and after the time below which 90 % of the events "
			   "lie, with an item after it that is new.");
	memcpy(judges, e->role, e->source->users.n);
	uiml_interactions_free(&e->env, &after.x);

	uiml_evaluation_build(e, -INFINITY, tuning, tuning, true, &fit);
	uiml_evaluation_build(e, tuning, final, tuning, false, &after);
	free_events(e);
	split_at(e, &fit, &after, judges, &e->tuning);
	uiml_interactions_free(&e->env, &after.x);
	run_trial(e, &(UimlTrial){.fit = first < tuning ? &fit.rows : &refit.rows,
							  .tuning = &e->tuning,
							  .refit = &refit.rows,
							  .judging = &e->judging});
}

void
uiml_evaluation_start(UimlEvaluation *e)
{
	e->run_context = AllocSetContextCreate(e->context, "uiml trial", ALLOCSET_DEFAULT_SIZES);
	e->inner = uiml_env_pg(&e->pg, e->run_context, uiml_phases_progress, &e->phases);
	e->env = uiml_budget_env(&e->budget, &e->inner);
	prepare_run(e);
}

void
uiml_evaluation_run(UimlEvaluation *e)
{
	uiml_blas_begin();
	if (e->newcomers)
		uiml_evaluate_newcomers(e);
	else
	{
		uiml_evaluation_start(e);
		if (e->by_time)
			evaluate_time(e);
		else
			evaluate_users(e);
	}
	uiml_blas_end();
}

void
uiml_evaluation_rewind(UimlEvaluation *e)
{
	MemoryContextDelete(e->run_context);
	uiml_budget_release();
}

void
uiml_evaluation_end(UimlEvaluation *e)
{
	MemoryContext context = e->context;

	if (e->source != NULL && e->source->work != NULL)
		uiml_work_drop(e->source->work);
	if (e->from != NULL && e->from->source != NULL && e->from->source->work != NULL)
		uiml_work_drop(e->from->source->work);
	MemoryContextSwitchTo(MemoryContextGetParent(context));
	MemoryContextDelete(context);
	uiml_budget_release();
}
