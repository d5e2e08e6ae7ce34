/*
 * sequence_read.c
 *	  A domain's events as sequences of items of its active version, split by users.
 *
 * Events come sorted by user and item, from memory or from a work table, user after user.  A first pass tells how
 * many events of each user count, so that it is known who can be held out and what memory the sequences take; a second
 * sorts each user's events by time and writes them down.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/sequence_read.h"
#include "pg/sequence_store.h"
#include "pg/sourcecheck.h"
#include "pg/storage.h"
#include "pg/userkey.h"

/* A chunk of a file takes this part of maintenance_work_mem, or what thousands of sequences take. */
#define CHUNK_SHARE 32
#define CHUNK_LEAST (256 * 1024)

#define INTERRUPT_EVERY 0xfff
#define SCRATCH_RESET   1024

/* --- passes over users ---------------------------------------------------------------------------------- */

/* Events of one user after the other; of those with role[user] = which only, unless role is NULL. */
static void
each_user(const UimlSource *source, const uint8_t *role, uint8_t which, UimlUserEventsFn user_fn, void *ctx)
{
	const UimlEvent *event = source->events;
	size_t runs = 0;

	if (source->work != NULL)
	{
		uiml_work_each(source->work, role, which, user_fn, ctx);
		return;
	}
	for (size_t i = 0; i < source->n_events;)
	{
		size_t end = i + 1;

		if ((runs++ & INTERRUPT_EVERY) == 0)
			CHECK_FOR_INTERRUPTS();
		while (end < source->n_events && event[end].user == event[i].user)
			end++;
		if (role == NULL || role[event[i].user] == which)
			user_fn(ctx, event[i].user, event + i, end - i);
		i = end;
	}
}

/* --- items and users ------------------------------------------------------------------------------------ */

/* The version's number of each item of the source. */
static uint32 *
number_items(const UimlSequenceReading *reading, const UimlSource *source)
{
	MemoryContext scratch = AllocSetContextCreate(reading->context, "uiml keys", ALLOCSET_DEFAULT_SIZES);
	uint32 *number = MemoryContextAllocHuge(reading->context, Max(source->items.n, 1) * sizeof(uint32));
	MemoryContext old = MemoryContextSwitchTo(scratch);
	int settings = uiml_settings_begin(reading->item_type);

	for (size_t i = 0; i < source->items.n; i++)
	{
		char *key = uiml_userkey_text(reading->item_type, source->items.key[i]);

		number[i] = uiml_itemfile_find(reading->file, key, strlen(key));
		if ((i + 1) % SCRATCH_RESET != 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(scratch);
	}
	uiml_settings_end(settings);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return number;
}

/* The version's number of the item of an event; UINT32_MAX for a text and for what it doesn't know. */
static inline uint32
item_of(const UimlUserSequences *users, const UimlEvent *event)
{
	return event->item < users->source->items.n ? users->item_no[event->item] : UINT32_MAX;
}

/* First pass.  eligible: who has two events in a class. */
typedef struct Counting
{
	UimlUserSequences *users;
	uint8_t *eligible;
} Counting;

static void
count_user(void *ctx, uint32 user, const UimlEvent *events, size_t n)
{
	const Counting *counting = ctx;
	UimlUserSequences *users = counting->users;
	size_t in_class = 0;

	for (size_t i = 0; i < n; i++)
	{
		uint32 item = item_of(users, &events[i]);

		users->length[user] += item != UINT32_MAX;
		in_class += uiml_sequence_class(&users->reading.classes, item) != UIML_NO_CLASS;
	}
	users->n_events += in_class;
	counting->eligible[user] = in_class >= 2;
}

static void
check_users(const UimlUserSequences *users, size_t eligible)
{
	if (eligible < UIML_SEQUENCE_MIN_USERS)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("too few users to train a sequence model of domain \"%s\"", users->reading.domain->name),
			 errdetail("There are %zu users with two events or more of items that the version "
					   "knows; needed are at least %d.",
					   eligible, UIML_SEQUENCE_MIN_USERS),
			 errhint("Train the domain again with uiml_train if it has got users and items since.")));
}

static size_t
held_out(double share, size_t n)
{
	return (size_t) Max(Min(rint(share * (double) n), UIML_SEQUENCE_MAX_HELD_OUT), 1);
}

static void
split_users(UimlUserSequences *users)
{
	const UimlSequenceReading *reading = &users->reading;
	size_t n = users->source->users.n;
	uint8_t *eligible = MemoryContextAllocExtended(reading->context, n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Counting counting = {users, eligible};
	UimlSplitKeys keys = {.user_hash = (const uint64_t *) users->source->users.hash};
	size_t n_eligible = 0;

	each_user(users->source, NULL, 0, count_user, &counting);
	for (size_t u = 0; u < n; u++)
		n_eligible += eligible[u];
	check_users(users, n_eligible);
	users->role = MemoryContextAllocHuge(reading->context, n);
	uiml_check(uiml_split_roles(&reading->env, &keys, n, eligible, held_out(reading->test, n_eligible),
								held_out(reading->validation, n_eligible), users->role),
			   "split");
	for (size_t u = 0; u < n; u++)
		users->n_users[users->role[u]] += eligible[u];
	pfree(eligible);
}

/* Would everything fit beside these events? */
static bool
source_fits(void *ctx, const UimlSource *source)
{
	const UimlSequenceReading *reading = ctx;
	double held = (double) MemoryContextMemAllocated(reading->context, true);
	double sequences = (double) source->n_events * (sizeof(uint32) + sizeof(double) + sizeof(float)) +
					   (double) source->users.n * (sizeof(size_t) + sizeof(uint32) + 1);

	return held + sequences + reading->source_needs(reading->ctx, source) <= (double) reading->budget->limit;
}

/* The work table is named for the version to come: no other training of the domain runs. */
static char *
work_suffix(const UimlDomain *domain)
{
	UimlActing caller;
	int32 version;

	uiml_act_as_owner(domain, &caller);
	version = uiml_version_next(domain->domain_id);
	uiml_act_as_self(&caller);
	return psprintf("v%d", version);
}

void
uiml_user_sequences_note_rls(const UimlDomain *domain)
{
	(void) uiml_source_note_rls(
		domain->events, "The model is one of all rows, and the table of what users did last doesn't have "
						"the policies of that relation.");
}

UimlUserSequences *
uiml_user_sequences_read(const UimlSequenceReading *reading)
{
	UimlUserSequences *users = MemoryContextAllocZero(reading->context, sizeof(UimlUserSequences));
	UimlReading how = {.suffix = work_suffix(reading->domain),
					   .fits = source_fits,
					   .ctx = &users->reading,
					   .progress = uiml_phases_progress,
					   .progress_ctx = reading->phases};

	users->reading = *reading;
	users->source = uiml_source_read_mode(reading->domain, reading->seed, reading->context, &how);
	(void) uiml_source_check(reading->domain, users->source);
	users->item_no = number_items(reading, users->source);
	users->length = MemoryContextAllocExtended(reading->context, users->source->users.n * sizeof(uint32),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	split_users(users);
	return users;
}

/* --- sequences ------------------------------------------------------------------------------------------ */

static int
compare_time(const void *a, const void *b)
{
	const UimlEvent *x = a;
	const UimlEvent *y = b;

	CHECK_FOR_INTERRUPTS(); /* one user may have millions of events */
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return x->weight < y->weight ? -1 : x->weight > y->weight;
}

/* Second pass: into memory, or into file where that is not NULL. */
typedef struct Loading
{
	const UimlUserSequences *users;
	UimlSequences *sequences;
	UimlSequenceChunks *file;
	UimlEvent *event; /* one user's, in order of time */
	size_t room;
	uint32 *item; /* for a file */
} Loading;

/* The events of a user that count, in order of time; items have the version's numbers. */
static size_t
sort_user(Loading *loading, const UimlEvent *events, size_t n)
{
	size_t kept = 0;

	if (n > loading->room)
	{
		loading->room = Max(n, 2 * loading->room);
		loading->event = repalloc_huge(loading->event, loading->room * sizeof(UimlEvent));
		loading->item = repalloc_huge(loading->item, loading->room * sizeof(uint32));
	}
	for (size_t i = 0; i < n; i++)
	{
		uint32 item = item_of(loading->users, &events[i]);

		if (item == UINT32_MAX)
			continue;
		loading->event[kept] = events[i];
		loading->event[kept++].item = item;
	}
	pg_qsort(loading->event, kept, sizeof(UimlEvent), compare_time);
	return kept;
}

static void
load_user(void *ctx, uint32 user, const UimlEvent *events, size_t n)
{
	Loading *loading = ctx;
	UimlSequences *to = loading->sequences;
	size_t kept = sort_user(loading, events, n);

	if (kept == 0)
		return;
	if (loading->file != NULL)
	{
		for (size_t i = 0; i < kept; i++)
			loading->item[i] = loading->event[i].item;
		uiml_sequence_chunks_add(loading->file, loading->users->source->users.hash[user], loading->item,
								 kept);
		return;
	}
	for (size_t i = 0; i < kept; i++)
	{
		to->item[to->n_events + i] = loading->event[i].item;
		if (to->at != NULL)
			to->at[to->n_events + i] = loading->event[i].at;
		if (to->weight != NULL)
			to->weight[to->n_events + i] = loading->event[i].weight;
	}
	to->n_events += kept;
	to->start[++to->n] = to->n_events;
}

/* Users with an event, and their events, of a role. */
static void
measure_role(const UimlUserSequences *users, const uint8_t *role, uint8_t which, size_t *n, size_t *n_events)
{
	*n = *n_events = 0;
	for (size_t u = 0; u < users->source->users.n; u++)
	{
		if (role[u] != which)
			continue;
		*n += users->length[u] > 0;
		*n_events += users->length[u];
	}
}

static size_t
sequences_memory(size_t n, size_t n_events, bool timed)
{
	return (n + 1) * sizeof(size_t) +
		   n_events * (sizeof(uint32) + (timed ? sizeof(double) + sizeof(float) : 0));
}

static void
make_room(const UimlUserSequences *users, size_t n, size_t n_events, bool timed, MemoryContext context,
		  UimlSequences *sequences)
{
	size_t bytes = sequences_memory(n, n_events, timed);

	if (!uiml_budget_fits(users->reading.budget, bytes))
		uiml_budget_exceeded(users->reading.budget,
							 psprintf("%zu events of %zu users who are held out", n_events, n),
							 (double) uiml_budget_used(users->reading.budget) + (double) bytes);
	memset(sequences, 0, sizeof(*sequences));
	sequences->start = MemoryContextAllocHuge(context, (n + 1) * sizeof(size_t));
	sequences->start[0] = 0;
	sequences->item = MemoryContextAllocHuge(context, Max(n_events, 1) * sizeof(uint32));
	if (!timed)
		return;
	sequences->at = MemoryContextAllocHuge(context, Max(n_events, 1) * sizeof(double));
	sequences->weight = MemoryContextAllocHuge(context, Max(n_events, 1) * sizeof(float));
}

/* Either receives the users of a role. */
static void
load_role(const UimlUserSequences *users, const uint8_t *role, uint8_t which, UimlSequences *sequences,
		  UimlSequenceChunks *file)
{
	Loading loading = {.users = users, .sequences = sequences, .file = file, .room = 1024};

	loading.event = palloc(loading.room * sizeof(UimlEvent));
	loading.item = palloc(loading.room * sizeof(uint32));
	each_user(users->source, role, which, load_user, &loading);
	pfree(loading.event);
	pfree(loading.item);
}

static bool
fits_in_memory(const UimlUserSequences *users, size_t n, size_t n_events)
{
	const UimlSequenceReading *reading = &users->reading;
	double needed = (double) uiml_budget_used(reading->budget) +
					(double) sequences_memory(n, n_events, false) +
					reading->fit_needs(reading->ctx, n, n_events);

	/* Events in memory are given back before the fit begins. */
	if (users->source->events != NULL)
		needed -= (double) users->source->n_events * sizeof(UimlEvent);
	return needed <= (double) reading->budget->limit;
}

/* Checks that what is left suffices for a fit in chunks. */
static size_t
chunk_bytes(const UimlUserSequences *users, size_t n, size_t n_events)
{
	const UimlSequenceReading *reading = &users->reading;
	size_t bytes = Max(reading->budget->limit / CHUNK_SHARE, CHUNK_LEAST);
	size_t sequences;
	size_t items;
	double needed;

	uiml_sequence_chunks_largest(n, n_events, bytes, &sequences, &items);
	needed = (double) uiml_budget_used(reading->budget) + (double) sequences_memory(sequences, items, false) +
			 reading->fit_needs(reading->ctx, sequences, items);
	if (needed > (double) reading->budget->limit)
		uiml_budget_exceeded(
			reading->budget,
			psprintf("%zu events of %zu users and %zu classes", n_events, n, reading->classes.n), needed);
	return bytes;
}

static void
load_fit(UimlUserSequences *users)
{
	MemoryContext context = users->reading.context;
	UimlSequences *fit = &users->of[UIML_FIT];
	size_t n;
	size_t n_events;

	measure_role(users, users->role, UIML_FIT, &n, &n_events);
	if (users->source->events != NULL || fits_in_memory(users, n, n_events))
	{
		make_room(users, n, n_events, false, context, fit);
		load_role(users, users->role, UIML_FIT, fit, NULL);
		users->memory.sequences = fit;
		users->source_of_fit = uiml_sequence_memory_source(&users->memory);
		return;
	}
	users->chunks = uiml_sequence_chunks_begin(n, n_events, chunk_bytes(users, n, n_events), context);
	load_role(users, users->role, UIML_FIT, NULL, users->chunks);
	users->source_of_fit = uiml_sequence_chunks_source(users->chunks);
}

void
uiml_user_sequences_load(UimlUserSequences *users)
{
	static const UimlRole held[] = {UIML_JUDGE, UIML_TUNE};

	for (size_t i = 0; i < lengthof(held); i++)
	{
		size_t n;
		size_t n_events;

		measure_role(users, users->role, held[i], &n, &n_events);
		make_room(users, n, n_events, true, users->reading.context, &users->of[held[i]]);
		load_role(users, users->role, held[i], &users->of[held[i]], NULL);
	}
	load_fit(users);
	if (users->source->events != NULL)
	{
		pfree(users->source->events);
		users->source->events = NULL;
		uiml_budget_release();
	}
}

/* --- some of them --------------------------------------------------------------------------------------- */

typedef struct Hashed
{
	int64 hash;
	uint32 user;
} Hashed;

static int
compare_hashed(const void *a, const void *b)
{
	const Hashed *x = a;
	const Hashed *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->user < y->user ? -1 : x->user > y->user;
}

/* chosen[u]: user u is one of the first n of those who fit. */
static uint8_t *
choose_first(const UimlUserSequences *users, size_t n)
{
	size_t n_users = users->source->users.n;
	uint8_t *chosen =
		MemoryContextAllocExtended(CurrentMemoryContext, n_users, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Hashed *hashed = MemoryContextAllocHuge(CurrentMemoryContext, n_users * sizeof(Hashed));
	size_t found = 0;

	for (size_t u = 0; u < n_users; u++)
		if (users->role[u] == UIML_FIT && users->length[u] >= 2)
			hashed[found++] = (Hashed){(int64) users->source->users.hash[u], (uint32) u};
	pg_qsort(hashed, found, sizeof(Hashed), compare_hashed);
	for (size_t i = 0; i < Min(n, found); i++)
		chosen[hashed[i].user] = 1;
	pfree(hashed);
	return chosen;
}

/* Appends a sequence to those that have room for it. */
static void
append(UimlSequences *to, const uint32 *item, size_t n)
{
	memcpy(to->item + to->n_events, item, n * sizeof(uint32));
	to->n_events += n;
	to->start[++to->n] = to->n_events;
}

void
uiml_user_sequences_first(const UimlUserSequences *users, size_t n, MemoryContext context,
						  UimlSequences *sequences)
{
	const UimlSequences *fit = &users->of[UIML_FIT];
	uint8_t *chosen = choose_first(users, n);
	size_t n_events;
	size_t s = 0;

	measure_role(users, chosen, 1, &n, &n_events);
	make_room(users, n, n_events, false, context, sequences);
	if (users->chunks != NULL)
		load_role(users, chosen, 1, sequences, NULL);
	for (size_t u = 0; users->chunks == NULL && u < users->source->users.n; u++)
	{
		if (users->role[u] != UIML_FIT || users->length[u] == 0)
			continue;
		if (chosen[u])
			append(sequences, fit->item + fit->start[s], users->length[u]);
		s++;
	}
	pfree(chosen);
}

/* --- what they did last --------------------------------------------------------------------------------- */

typedef struct Recent
{
	Loading loading;
	UimlRecentFn recent_fn;
	void *ctx;
} Recent;

static void
recent_user(void *ctx, uint32 user, const UimlEvent *events, size_t n)
{
	Recent *recent = ctx;
	size_t kept = sort_user(&recent->loading, events, n);
	size_t first = kept > UIML_MAX_RECENT ? kept - UIML_MAX_RECENT : 0;

	for (size_t i = first; i < kept; i++)
		recent->loading.item[i - first] = recent->loading.event[i].item;
	if (kept > 0)
		recent->recent_fn(recent->ctx, recent->loading.users->source->users.key[user], recent->loading.item,
						  kept - first);
}

/* From memory: users of a role are in key order. */
static void
recent_in_memory(const UimlUserSequences *users, UimlRecentFn recent_fn, void *ctx)
{
	size_t next[UIML_TUNE + 1] = {0};

	for (size_t u = 0; u < users->source->users.n; u++)
	{
		const UimlSequences *of = &users->of[users->role[u]];
		size_t s;
		size_t n;

		if ((u & INTERRUPT_EVERY) == 0)
			CHECK_FOR_INTERRUPTS();
		if (users->length[u] == 0)
			continue;
		s = next[users->role[u]]++;
		n = Min(of->start[s + 1] - of->start[s], UIML_MAX_RECENT);
		recent_fn(ctx, users->source->users.key[u], of->item + of->start[s + 1] - n, n);
	}
}

void
uiml_user_sequences_recent(const UimlUserSequences *users, UimlRecentFn recent_fn, void *ctx)
{
	Recent recent = {.loading = {.users = users, .room = 1024}, .recent_fn = recent_fn, .ctx = ctx};

	if (users->chunks == NULL)
	{
		recent_in_memory(users, recent_fn, ctx);
		return;
	}
	recent.loading.event = palloc(recent.loading.room * sizeof(UimlEvent));
	recent.loading.item = palloc(recent.loading.room * sizeof(uint32));
	each_user(users->source, NULL, 0, recent_user, &recent);
	pfree(recent.loading.event);
	pfree(recent.loading.item);
}

void
uiml_user_sequences_close(UimlUserSequences *users)
{
	if (users->source->work != NULL && OidIsValid(users->source->work->table))
		uiml_work_drop(users->source->work);
	if (users->chunks != NULL)
		uiml_sequence_chunks_close(users->chunks);
}
