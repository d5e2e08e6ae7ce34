/*
 * half_life.c
 *	  How fast interests age in a domain.
 *
 * No constant fits: taste in films lasts for years, interest in the news for days.  So each candidate is
 * tried as predictions will use it: a small item space is fitted once, tuning users are folded in from their
 * older events with masses decayed at that rate, and their newest events are to be predicted.  The item space
 * itself knows no decay, so one fit serves all.
 */
#include "core/half_life.h"

#include <math.h>
#include <stdlib.h>

#include "core/model.h"

/* Share of a user's events, the newest, that are hidden. */
#define NEWEST .2

#define DAY (24.0 * 60 * 60)

static const double candidates[] = {INFINITY, 365 * DAY, 90 * DAY, 30 * DAY, 7 * DAY};

#define N_CANDIDATES (sizeof(candidates) / sizeof(candidates[0]))

/* Fewer users than this say nothing. */
#define FEWEST_USERS 20

static int
compare_times(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* The instant from which on a user's newest events are hidden; time has room for n. */
static double
cut_off(const UimlEvent *events, size_t n, double *time)
{
	for (size_t i = 0; i < n; i++)
		time[i] = events[i].at;
	qsort(time, n, sizeof(double), compare_times);
	return time[(size_t) ((1 - NEWEST) * (double) n)];
}

/* The events that are tried: of items, and before a time. */
static inline bool
is_tried(const UimlEvent *event, size_t n_items, double before)
{
	return event->item < n_items && event->at < before;
}

/* Calls the events of one user a run: its end, and in *used how many of it are tried. */
static size_t
run_end(const UimlEvent *events, size_t n, size_t i, size_t n_items, double before, size_t *used)
{
	uint32_t user = events[i].user;

	for (*used = 0; i < n && events[i].user == user; i++)
		*used += is_tried(&events[i], n_items, before);
	return i;
}

/* Copies a run as that of user number h, on a clock that is 0 at its cut-off. */
static void
copy_run(const UimlEvent *from, size_t n, size_t n_items, double before, uint32_t h, double *time,
		 UimlEvent *to)
{
	size_t copied = 0;
	double start;

	for (size_t i = 0; i < n; i++)
	{
		if (!is_tried(&from[i], n_items, before))
			continue;
		to[copied] = from[i];
		to[copied++].user = h;
	}
	start = cut_off(to, copied, time);
	for (size_t i = 0; i < copied; i++)
		to[i].at -= start;
}

/*
 * Events of tuning users, numbered anew, each user's on a clock of his own: then one window of time splits
 * them all.  Texts, which a fit of items doesn't use, would only move the clocks.
 */
static UimlStatus
copy_events(const UimlEnv *env, const UimlEvent *events, size_t n, size_t n_items, double before,
			const uint8_t *role, UimlEvent **copy, size_t *n_copied, size_t *n_users)
{
	size_t longest = 0;
	size_t used;
	double *time;

	*n_copied = *n_users = 0;
	for (size_t i = 0, end; i < n; i = end)
	{
		end = run_end(events, n, i, n_items, before, &used);
		if (role[events[i].user] != UIML_TUNE)
			continue;
		*n_copied += used;
		longest = used > longest ? used : longest;
	}
	*copy = uiml_alloc(env, *n_copied, sizeof(UimlEvent));
	time = uiml_alloc(env, longest, sizeof(double));
	if (*copy == NULL || time == NULL)
	{
		uiml_free(env, time);
		return UIML_ENOMEM;
	}
	*n_copied = 0;
	for (size_t i = 0, end; i < n; i = end)
	{
		end = run_end(events, n, i, n_items, before, &used);
		if (role[events[i].user] != UIML_TUNE || used == 0)
			continue;
		copy_run(events + i, end - i, n_items, before, (uint32_t) (*n_users)++, time, *copy + *n_copied);
		*n_copied += used;
	}
	uiml_free(env, time);
	return uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
}

/* What the candidates are tried on. */
typedef struct Trial
{
	UimlModel model; /* a space without interests */
	UimlEvent *events;
	size_t n_events;
	UimlInteractions before;
	UimlInteractions after;
	uint8_t *role; /* everybody tunes */
} Trial;

static void
trial_free(const UimlEnv *env, Trial *trial)
{
	uiml_model_free(env, &trial->model);
	uiml_free(env, trial->events);
	uiml_interactions_free(env, &trial->before);
	uiml_interactions_free(env, &trial->after);
	uiml_free(env, trial->role);
}

/* Events, interactions and roles of tuning users: all of a trial but the space. */
static UimlStatus
trial_split(const UimlEnv *env, const UimlEvent *events, size_t n, double before, size_t n_items,
			const uint8_t *role, Trial *trial)
{
	size_t n_users = 0;
	UimlStatus status =
		copy_events(env, events, n, n_items, before, role, &trial->events, &trial->n_events, &n_users);

	if (status == UIML_OK)
		status = uiml_interactions_build(env, trial->events, trial->n_events, n_users, n_items, 0, -INFINITY,
										 0, 0, INFINITY, &trial->before);
	if (status == UIML_OK)
		status = uiml_interactions_build(env, trial->events, trial->n_events, n_users, n_items, 0, 0,
										 INFINITY, 0, INFINITY, &trial->after);
	if (status == UIML_OK)
	{
		trial->role = uiml_alloc(env, n_users, 1);
		status = trial->role == NULL ? UIML_ENOMEM : UIML_OK;
	}
	for (size_t u = 0; status == UIML_OK && u < n_users; u++)
		trial->role[u] = UIML_TUNE;
	return status;
}

static UimlStatus
trial_open(const UimlEnv *env, const UimlEvent *events, size_t n, double before, const UimlRows *rows,
		   const uint8_t *role, uint64_t seed, Trial *trial)
{
	UimlModelParams params = uiml_model_defaults();
	uint8_t *used = uiml_alloc(env, rows->n_users, 1);
	UimlStatus status = used == NULL ? UIML_ENOMEM : UIML_OK;

	params.dims = UIML_HALF_LIFE_DIMS;
	params.seed = seed;
	if (status == UIML_OK)
		status = trial_split(env, events, n, before, rows->n_items, role, trial);
	if (status == UIML_OK)
	{
		uiml_split_fit_rows(role, rows->n_users, used);
		status = uiml_model_fit_space(env, rows, used, &params, &trial->model);
	}
	uiml_free(env, used);
	return status;
}

/* The trial as a holdout under a half-life: what is hidden are items that came after the cut-off only. */
static UimlStatus
trial_holdout(const UimlEnv *env, Trial *trial, double half_life, UimlHoldout *holdout)
{
	UimlStatus status = uiml_interactions_decay(env, trial->events, trial->n_events, -INFINITY, 0, 0,
												half_life, &trial->before);

	if (status == UIML_OK)
		status = uiml_split_time(env, &trial->before, &trial->after, trial->role, UIML_TUNE, holdout, NULL);
	return status;
}

UimlStatus
uiml_newest_holdout(const UimlEnv *env, const UimlEvent *events, size_t n, double before, size_t n_items,
					const uint8_t *role, double half_life, UimlHoldout *holdout)
{
	Trial trial = {0};
	UimlStatus status = trial_split(env, events, n, before, n_items, role, &trial);

	*holdout = (UimlHoldout){0};
	if (status == UIML_OK)
		status = trial_holdout(env, &trial, half_life, holdout);
	trial_free(env, &trial);
	return status;
}

/* How many users can tell something: with items before and new ones after their cut-off. */
static size_t
usable_users(const UimlHoldout *holdout)
{
	size_t n = 0;

	for (size_t u = 0; u < holdout->seen.n_users; u++)
		n += holdout->seen.row_start[u + 1] > holdout->seen.row_start[u] &&
			 holdout->hidden.row_start[u + 1] > holdout->hidden.row_start[u];
	return n;
}

/* Nats per hidden item under one half-life; INFINITY where too few users can tell. */
static UimlStatus
trial_loss(const UimlEnv *env, Trial *trial, double half_life, double *loss)
{
	UimlHoldout holdout;
	UimlStatus status = trial_holdout(env, trial, half_life, &holdout);

	*loss = INFINITY;
	if (status != UIML_OK)
		return status;
	if (usable_users(&holdout) >= FEWEST_USERS)
		status = uiml_model_tune_shares(env, &trial->model, &holdout, loss);
	uiml_holdout_free(env, &holdout);
	return status;
}

UimlStatus
uiml_half_life_choose(const UimlEnv *env, const UimlEvent *events, size_t n, double before,
					  const UimlRows *rows, const uint8_t *role, uint64_t seed, double *chosen)
{
	UimlEnv quiet = *env;
	Trial trial = {0};
	double best = INFINITY;
	UimlStatus status;

	*chosen = UIML_DEFAULT_HALF_LIFE;
	quiet.progress = NULL;
	uiml_progress(env, "half-life", 0, N_CANDIDATES + 1);
	status = trial_open(&quiet, events, n, before, rows, role, seed, &trial);
	for (size_t i = 0; status == UIML_OK && i < N_CANDIDATES; i++)
	{
		double loss;

		uiml_progress(env, "half-life", (double) i + 1, N_CANDIDATES + 1);
		status = trial_loss(&quiet, &trial, candidates[i], &loss);
		if (status == UIML_OK && loss < best)
		{
			best = loss;
			*chosen = candidates[i];
		}
	}
	uiml_progress(env, "half-life", N_CANDIDATES + 1, N_CANDIDATES + 1);
	trial_free(env, &trial);
	return status == UIML_EEMPTY ? UIML_OK : status;
}

static size_t
saturated(double bytes)
{
	return bytes < .9 * (double) SIZE_MAX ? (size_t) bytes : SIZE_MAX;
}

/*
 * The events of tuning users, and their interactions before and after the cut-off, as they are and as a
 * holdout.
 */
size_t
uiml_half_life_tuning_memory(size_t n_users, size_t n_events, size_t n_tuning)
{
	double share = n_users > 0 ? fmin(1, 1.5 * (double) n_tuning / (double) n_users) : 0;

	return saturated(share * (double) n_events *
						 (sizeof(UimlEvent) + 2 * (sizeof(uint32_t) + 2 * sizeof(float))) +
					 2 * (double) n_users);
}

size_t
uiml_half_life_memory(size_t n_users, size_t n_items, size_t n_entries, size_t n_events, size_t n_tuning)
{
	/* The space alone: a single cluster stands for none. */
	UimlModelParams params = {.dims = UIML_HALF_LIFE_DIMS, .interests = 1};

	return saturated((double) uiml_model_memory(n_users, n_items, n_entries, &params) +
					 (double) uiml_half_life_tuning_memory(n_users, n_events, n_tuning));
}
