/*
 * train_read.c
 *	  What a training reads: events, in memory or in a work table, their half-life, and texts.
 *
 * Before the work begins, what it will take is compared to maintenance_work_mem.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/half_life.h"
#include "pg/blas.h"
#include "pg/sourcecheck.h"
#include "pg/storage.h"
#include "pg/training.h"

/* A user's history that has decayed below this share of its weight is as good as gone. */
#define FADED .01

/* A larger share of users has not gone by itself under a half-life that users chose. */
#define NEARLY_ALL .97

#define INTERRUPT_EVERY 0xfffff

/* --- memory --------------------------------------------------------------------------------------------- */

static void
memory_exceeded(const Training *training, double needed)
{
	const UimlSource *source = training->source;

	uiml_budget_exceeded(
		&training->budget,
		psprintf("%zu events of %zu users and %zu items", source->n_events, source->users.n, source->items.n),
		needed);
}

void
uiml_training_check(const Training *training, UimlStatus status, const char *what)
{
	if (status == UIML_ENOMEM && training->budget.refused)
		memory_exceeded(training, 1.5 * (double) training->budget.peak);
	uiml_check(status, what);
}

static double
needed_memory(const Training *training, const UimlSource *source, size_t pairs)
{
	return (double) MemoryContextMemAllocated(training->context, true) +
		   (source->work != NULL ? uiml_passes_training_memory : uiml_training_memory)(
			   training->domain, source->users.n, source->items.n, pairs, source->n_events, source->has_time,
			   &training->params);
}

static void
check_memory(Training *training, size_t pairs)
{
	training->needed = needed_memory(training, training->source, pairs);
	if (training->needed > (double) training->budget.limit)
		memory_exceeded(training, training->needed);
}

/* Would a training fit beside these events? */
static bool
training_fits(void *ctx, const UimlSource *source)
{
	const Training *training = ctx;
	size_t multi_users;
	size_t pairs = uiml_source_pairs(source, &multi_users);

	return needed_memory(training, source, pairs) +
			   uiml_text_space_memory(training->domain, source, training->budget.limit) <=
		   (double) training->budget.limit;
}

/* --- events --------------------------------------------------------------------------------------------- */

/* What the events tell beside their sums. */
static void
count_events(Training *training)
{
	const UimlSource *source = training->source;

	training->user_events = MemoryContextAllocExtended(training->context, source->users.n * sizeof(uint32),
													   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	training->user_last = MemoryContextAllocHuge(training->context, source->users.n * sizeof(double));
	for (size_t u = 0; u < source->users.n; u++)
		training->user_last[u] = -INFINITY;
	for (size_t i = 0; i < source->n_events; i++)
	{
		const UimlEvent *event = &source->events[i];

		if ((i & INTERRUPT_EVERY) == 0)
			CHECK_FOR_INTERRUPTS();
		training->user_events[event->user]++;
		training->user_last[event->user] = Max(training->user_last[event->user], event->at);
	}
	if (!source->has_time)
	{
		pfree(training->user_last);
		training->user_last = NULL;
	}
}

static void
count_item_users(Training *training)
{
	const UimlInteractions *x = &training->interactions;

	training->item_users = MemoryContextAllocExtended(training->context, x->n_items * sizeof(uint32),
													  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (size_t i = 0; i < x->n_entries; i++)
	{
		if ((i & INTERRUPT_EVERY) == 0)
			CHECK_FOR_INTERRUPTS();
		if (x->item[i] < x->n_items)
			training->item_users[x->item[i]]++;
	}
}

/*
 * Tells where nothing is left of most users' history: a half-life of days was given, on a history of years;
 * or a single event of a wrong time, years ahead, makes all others look old.
 */
static void
note_decay(const Training *training)
{
	const UimlSource *source = training->source;
	bool chosen = training->domain->half_life == 0;
	double faded = 0;

	if (isinf(training->half_life))
		return;
	for (size_t u = 0; u < source->users.n; u++)
		faded += exp2((training->user_last[u] - source->until) / training->half_life) < FADED;
	faded /= (double) source->users.n;
	if (faded > (chosen ? NEARLY_ALL : .5))
		ereport(
			NOTICE,
			(errmsg("the history of %.0f %% of the users has decayed to less than %.0f %% of its weight",
					100 * faded, 100 * FADED),
			 errdetail("The half-life is %g days, counted from the newest event, which is of %s. Predictions "
					   "for these users are little more than what the domain's users do in general.",
					   training->half_life / SECS_PER_DAY, timestamptz_to_str(source->data_until)),
			 chosen
				 ? errhint("If that time is wrong, correct the event or leave it out, and train again.")
				 : errhint("Give a longer half_life, '0' for no decay, or NULL to let training choose it.")));
}

/* How fast interests age, where the domain doesn't say: masses follow. */
static void
choose_half_life(Training *training, const UimlEvent *events, size_t n, const uint8_t *role)
{
	const UimlSource *source = training->source;

	uiml_training_check(training,
						uiml_half_life_choose(&training->env, events, n, INFINITY, &training->rows, role,
											  training->seed, &training->half_life),
						"half-life");
	training->passes.window.half_life = training->half_life;
	if (source->work == NULL)
		uiml_training_check(training,
							uiml_interactions_decay(&training->env, source->events, source->n_events,
													-INFINITY, INFINITY, source->until, training->half_life,
													&training->interactions),
							"interactions");
}

/*
 * What only the order of events tells, from all of them or from those of tuning users: the half-life, and what
 * came next, which intervals are tuned by.
 */
static void
learn_from_time(Training *training)
{
	const UimlSource *source = training->source;
	size_t n_users = source->users.n;
	size_t held_out = uiml_split_size(n_users, training->params.max_users);
	uint8_t *role = MemoryContextAllocHuge(training->context, n_users);
	UimlEvent *events = source->events;
	size_t n = source->n_events;

	uiml_phases_enter(&training->phases, "half-life");
	uiml_blas_begin();
	uiml_training_check(
		training, uiml_split_roles(&training->env, &training->keys, n_users, NULL, held_out, held_out, role),
		"split");
	if (source->work != NULL)
		events = uiml_work_load(source->work, role, UIML_TUNE, training->context, &n);
	if (training->domain->half_life == 0)
		choose_half_life(training, events, n, role);
	uiml_training_check(training,
						uiml_newest_holdout(&training->env, events, n, INFINITY, source->items.n, role,
											training->half_life, &training->newest),
						"newest events");
	if (training->newest.hidden.n_entries > 0)
		training->params.newest = &training->newest;
	if (source->work != NULL)
		pfree(events);
	uiml_blas_end();
	pfree(role);
}

/*
 * Rows in memory, whose counts are taken while the events are there, or in the work table, which has counted
 * them.
 */
static void
open_rows(Training *training)
{
	UimlSource *source = training->source;

	if (source->work != NULL)
	{
		training->passes = (UimlPasses){.work = source->work,
										.budget = &training->budget,
										.n_items = source->items.n,
										.n_texts = source->texts.n,
										.window = {-INFINITY, INFINITY, source->until, training->half_life}};
		training->rows = uiml_passes_rows(&training->passes);
		training->user_events = source->work->user_events;
		training->user_last = source->work->user_last;
		training->item_users = source->work->item_users;
		return;
	}
	count_events(training);
	uiml_training_check(training,
						uiml_interactions_build(&training->env, source->events, source->n_events,
												source->users.n, source->items.n, source->texts.n, -INFINITY,
												INFINITY, source->until, training->half_life,
												&training->interactions),
						"interactions");
	training->rows = uiml_rows_in_memory(&training->interactions);
}

/* The work table is named for the version to come. */
static char *
work_suffix(const Training *training)
{
	UimlActing caller;
	int32 version;

	uiml_act_as_owner(training->domain, &caller);
	version = uiml_version_next(training->domain->domain_id);
	uiml_act_as_self(&caller);
	return psprintf("v%d", version);
}

void
uiml_training_read(Training *training)
{
	const UimlDomain *domain = training->domain;
	UimlReading reading = {.suffix = work_suffix(training),
						   .fits = training_fits,
						   .ctx = training,
						   .progress = uiml_phases_progress,
						   .progress_ctx = &training->phases};
	UimlSource *source;

	uiml_phases_enter(&training->phases, "reading");
	source = training->source = uiml_source_read_mode(domain, training->seed, training->context, &reading);
	check_memory(training, uiml_source_check(domain, source));
	uiml_source_texts_check(domain, source);
	training->half_life = source->has_time && domain->half_life > 0 ? domain->half_life : INFINITY;
	training->keys = uiml_source_split_keys(source, training->context);
	open_rows(training);
	if (source->has_time)
		learn_from_time(training);
	if (source->work == NULL)
	{
		pfree(source->events);
		source->events = NULL;
		count_item_users(training);
	}
	note_decay(training);
}

void
uiml_training_texts(Training *training)
{
	const UimlSource *source = training->source;
	UimlTextTask task = {.seed = training->seed,
						 .reserved = training->needed - (double) uiml_budget_used(&training->budget),
						 .keep = true,
						 .env = &training->env,
						 .budget = &training->budget,
						 .context = training->context};

	if (!uiml_text_space_wanted(training->domain, source))
		return;
	uiml_phases_enter(&training->phases, "text vectors");
	uiml_blas_begin();
	training->texts = uiml_text_space(training->domain, source, &task);
	uiml_blas_end();
	uiml_text_space_params(training->domain, training->texts, &training->params.model);
}
