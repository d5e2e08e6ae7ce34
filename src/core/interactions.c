/*
 * interactions.c
 *	  From single events to the user x item matrix that models are fitted on.
 *
 * Events are put into user order by an in-place counting sort (American flag sort: McIlroy, Bostic & McIlroy
 * 1993), so that the largest array of a training is never held twice, then each user's few events are sorted
 * by themselves.  The order is total, so sums are taken in one order however the rows arrived, and the same
 * rows give the same bytes.
 *
 * Masses decay towards each user's newest event: weight * 2^((at - last) / half_life).  From there to any
 * later instant all masses of a user shrink by one factor (his fade, and what as_of adds), so none needs a
 * rescan.
 */
#include "core/interactions.h"

#include <float.h>
#include <math.h>

/* Runs below this length are sorted by insertion. */
#define INSERTION_RUN 16

/*
 * A history fades no further: beside any prior that may be tuned this is nothing, while a user's vector still
 * points where it did.  Left to fall out of the range of floats, he would get what is popular once he has
 * been away for a hundred half-lives.
 */
#define LEAST_FADE 0x1p-50

/* A user with more events than this is sorted with questions after interruption. */
#define LONG_RUN 65536

/* Users between two such questions where they have few. */
#define CHECK_USERS 4096

static inline bool
event_less(const UimlEvent *a, const UimlEvent *b)
{
	if (a->item != b->item)
		return a->item < b->item;
	if (a->at != b->at)
		return a->at < b->at;
	return a->weight < b->weight;
}

static inline void
event_swap(UimlEvent *a, UimlEvent *b)
{
	UimlEvent t = *a;

	*a = *b;
	*b = t;
}

static void
insertion_sort(UimlEvent *e, size_t n)
{
	for (size_t i = 1; i < n; i++)
	{
		UimlEvent t = e[i];
		size_t j = i;

		for (; j > 0 && event_less(&t, &e[j - 1]); j--)
			e[j] = e[j - 1];
		e[j] = t;
	}
}

static void
sift_down(UimlEvent *e, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child)
	{
		if (child + 1 < n && event_less(&e[child], &e[child + 1]))
			child++;
		if (!event_less(&e[root], &e[child]))
			return;
		event_swap(&e[root], &e[child]);
	}
}

static void
heap_sort(UimlEvent *e, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(e, i, n);
	for (size_t i = n; i-- > 1;)
	{
		event_swap(&e[0], &e[i]);
		sift_down(e, 0, i);
	}
}

/*
 * Hoare's partition around the median of three: returns m with e[0 .. m] <= e[m + 1 .. n - 1], 0 <= m < n -
 * 1.
 */
static size_t
partition(UimlEvent *e, size_t n)
{
	UimlEvent *a = &e[0];
	UimlEvent *b = &e[n / 2];
	UimlEvent *c = &e[n - 1];
	UimlEvent pivot;
	size_t i = 0;
	size_t j = n - 1;

	if (event_less(b, a))
		event_swap(a, b);
	if (event_less(c, b))
		event_swap(b, c);
	if (event_less(b, a))
		event_swap(a, b);
	pivot = *b;
	for (;;)
	{
		while (event_less(&e[i], &pivot))
			i++;
		while (event_less(&pivot, &e[j]))
			j--;
		if (i >= j)
			return j;
		event_swap(&e[i++], &e[j--]);
	}
}

/* Introsort (Musser 1997): quicksort that falls back to heapsort, so no input is quadratic. */
static UimlStatus
intro_sort(const UimlEnv *env, UimlEvent *e, size_t n, int depth)
{
	while (n > INSERTION_RUN)
	{
		size_t left;
		UimlStatus status;

		if (n > LONG_RUN && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (depth-- == 0)
		{
			heap_sort(e, n);
			return UIML_OK;
		}
		left = partition(e, n) + 1;

		/* Recurse into the shorter side: the stack stays logarithmic. */
		if (left < n - left)
		{
			status = intro_sort(env, e, left, depth);
			e += left;
			n -= left;
		}
		else
		{
			status = intro_sort(env, e + left, n - left, depth);
			n = left;
		}
		if (status != UIML_OK)
			return status;
	}
	insertion_sort(e, n);
	return UIML_OK;
}

/* Counts events per user into start[u + 1] and checks every field. */
static UimlStatus
count_users(const UimlEnv *env, const UimlEvent *events, size_t n, size_t n_users, size_t *start)
{
	for (size_t i = 0; i < n; i++)
	{
		if (events[i].user >= n_users || !isfinite(events[i].at) || !isfinite(events[i].weight) ||
			!(events[i].weight > 0))
			return UIML_EINVALID;
		if (i % LONG_RUN == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		start[events[i].user + 1]++;
	}
	for (size_t u = 0; u < n_users; u++)
		start[u + 1] += start[u];
	return UIML_OK;
}

/* Moves each event to its user's range; next[u] is the first place of the range not yet settled. */
static UimlStatus
gather_users(const UimlEnv *env, UimlEvent *events, size_t n_users, const size_t *start, size_t *next)
{
	size_t moved = 0;

	for (size_t u = 0; u < n_users; u++)
		next[u] = start[u];
	for (size_t u = 0; u < n_users; u++)
	{
		while (next[u] < start[u + 1])
		{
			UimlEvent *e = &events[next[u]];

			/* One user's range may be where most of the others' events lie. */
			if (moved++ % LONG_RUN == 0 && uiml_interrupted(env))
				return UIML_EINTERRUPTED;
			if (e->user == u)
				next[u]++;
			else
				event_swap(e, &events[next[e->user]++]);
		}
	}
	return UIML_OK;
}

UimlStatus
uiml_events_sort_user(const UimlEnv *env, UimlEvent *events, size_t n)
{
	int depth = 0;

	for (size_t m = n; m > 1; m /= 2)
		depth += 2;
	return uiml_interrupted(env) ? UIML_EINTERRUPTED : intro_sort(env, events, n, depth);
}

UimlStatus
uiml_events_sort(const UimlEnv *env, UimlEvent *events, size_t n, size_t n_users)
{
	size_t *start = uiml_alloc0(env, n_users + 1, sizeof(size_t));
	size_t *next = uiml_alloc(env, n_users, sizeof(size_t));
	UimlStatus status = start == NULL || next == NULL ? UIML_ENOMEM : UIML_OK;

	if (status == UIML_OK)
		status = count_users(env, events, n, n_users, start);
	if (status == UIML_OK)
		status = gather_users(env, events, n_users, start, next);
	for (size_t u = 0; status == UIML_OK && u < n_users; u++)
		status = uiml_events_sort_user(env, events + start[u], start[u + 1] - start[u]);
	uiml_free(env, next);
	uiml_free(env, start);
	return status;
}

static inline bool
in_window(const UimlWindow *w, const UimlEvent *e)
{
	return e->at >= w->from && e->at < w->before;
}

/* Counts the (user, item) pairs of the window into row_start; the events are sorted. */
static UimlStatus
count_entries(const UimlEnv *env, const UimlEvent *events, size_t n, const UimlWindow *w, UimlInteractions *x)
{
	const UimlEvent *last = NULL;

	for (size_t i = 0; i < n; i++)
	{
		const UimlEvent *e = &events[i];

		if (i > 0 && (e->user < e[-1].user || (e->user == e[-1].user && event_less(e, &e[-1]))))
			return UIML_EINVALID;
		if (e->user >= x->n_users || e->item >= x->n_items + x->n_texts)
			return UIML_EINVALID;
		if (i % LONG_RUN == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (!in_window(w, e) || (last != NULL && last->user == e->user && last->item == e->item))
			continue;
		last = e;
		x->row_start[e->user + 1]++;
	}
	for (size_t u = 0; u < x->n_users; u++)
		x->row_start[u + 1] += x->row_start[u];
	x->n_entries = x->row_start[x->n_users];
	return UIML_OK;
}

float
uiml_mass(double sum)
{
	if (sum < FLT_MIN)
		return FLT_MIN;
	return sum > FLT_MAX ? FLT_MAX : (float) sum;
}

UimlStatus
uiml_events_sum_user(const UimlEnv *env, const UimlEvent *events, size_t n, const UimlWindow *w,
					 UimlUserSums *sums)
{
	double last = -INFINITY;

	for (size_t i = 0; i < n; i++)
		if (in_window(w, &events[i]) && events[i].at > last)
			last = events[i].at;
	sums->n = 0;
	sums->fade = exp2((last - w->until) / w->half_life);
	for (size_t i = 0; i < n;)
	{
		uint32_t item = events[i].item;
		double strength = 0;
		double mass = 0;

		for (; i < n && events[i].item == item; i++)
		{
			const UimlEvent *e = &events[i];

			if (i % LONG_RUN == LONG_RUN - 1 && uiml_interrupted(env))
				return UIML_EINTERRUPTED;
			if (!in_window(w, e))
				continue;
			strength += e->weight;
			if (sums->mass != NULL)
				mass += e->weight * exp2((e->at - last) / w->half_life);
		}
		if (!(strength > 0))
			continue;
		sums->item[sums->n] = item;
		sums->strength[sums->n] = uiml_mass(strength);
		if (sums->mass != NULL)
			sums->mass[sums->n] = uiml_mass(mass);
		sums->n++;
	}
	return UIML_OK;
}

/*
 * Fills strength and mass of each entry, and each user's fade; x has room for all, the events are in its
 * order.
 */
static UimlStatus
sum_entries(const UimlEnv *env, const UimlEvent *events, size_t n, const UimlWindow *w, UimlInteractions *x)
{
	UimlUserSums sums = {.item = x->item, .strength = x->strength, .mass = x->mass};
	UimlStatus status = UIML_OK;

	for (size_t i = 0, end; status == UIML_OK && i < n; i = end)
	{
		for (end = i + 1; end < n && events[end].user == events[i].user; end++)
			;
		if (events[i].user % CHECK_USERS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		status = uiml_events_sum_user(env, events + i, end - i, w, &sums);
		x->fade[events[i].user] = sums.fade;
		sums.item += sums.n;
		sums.strength += sums.n;
		sums.mass += sums.n;
	}
	return status;
}

static bool
window_valid(const UimlWindow *w)
{
	return !isnan(w->from) && !isnan(w->before) && isfinite(w->until) && w->half_life > 0;
}

UimlStatus
uiml_interactions_build(const UimlEnv *env, const UimlEvent *events, size_t n, size_t n_users, size_t n_items,
						size_t n_texts, double from, double before, double until, double half_life,
						UimlInteractions *out)
{
	UimlInteractions x = {.n_users = n_users, .n_items = n_items, .n_texts = n_texts};
	UimlWindow w = {from, before, until, half_life};
	UimlStatus status;

	*out = (UimlInteractions){0};
	if (!window_valid(&w))
		return UIML_EINVALID;
	x.row_start = uiml_alloc0(env, n_users + 1, sizeof(size_t));
	status = x.row_start == NULL ? UIML_ENOMEM : count_entries(env, events, n, &w, &x);
	if (status == UIML_OK)
	{
		x.item = uiml_alloc(env, x.n_entries, sizeof(uint32_t));
		x.strength = uiml_alloc(env, x.n_entries, sizeof(float));
		x.mass = uiml_alloc(env, x.n_entries, sizeof(float));
		x.fade = uiml_alloc0(env, n_users, sizeof(double));
		if (x.item == NULL || x.strength == NULL || x.mass == NULL || x.fade == NULL)
			status = UIML_ENOMEM;
	}
	if (status == UIML_OK)
		status = sum_entries(env, events, n, &w, &x);
	if (status != UIML_OK)
		uiml_interactions_free(env, &x);
	else
		*out = x;
	return status;
}

UimlStatus
uiml_interactions_decay(const UimlEnv *env, const UimlEvent *events, size_t n, double from, double before,
						double until, double half_life, UimlInteractions *x)
{
	UimlWindow w = {from, before, until, half_life};

	if (!window_valid(&w) || x->fade == NULL)
		return UIML_EINVALID;
	return sum_entries(env, events, n, &w, x);
}

double
uiml_fade(double fade)
{
	return fade > LEAST_FADE ? fade : LEAST_FADE;
}

UimlStatus
uiml_interactions_fade(const UimlEnv *env, UimlInteractions *x)
{
	for (size_t u = 0; u < x->n_users && x->fade != NULL; u++)
	{
		double fade = uiml_fade(x->fade[u]);

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		for (size_t e = x->row_start[u]; e < x->row_start[u + 1]; e++)
			x->mass[e] = uiml_mass(x->mass[e] * fade);
	}
	uiml_free(env, x->fade);
	x->fade = NULL;
	return UIML_OK;
}

void
uiml_interactions_free(const UimlEnv *env, UimlInteractions *x)
{
	uiml_free(env, x->row_start);
	uiml_free(env, x->item);
	uiml_free(env, x->strength);
	uiml_free(env, x->mass);
	uiml_free(env, x->fade);
	*x = (UimlInteractions){0};
}
