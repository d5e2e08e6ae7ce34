/*
 * duplicates.c
 *	  The same thing in two domains: pairs of a source and a target item that the same users did.
 *
 * Not all pairs are compared, and not even all that have a user in common.  If the Jaccard coefficient of two
 * sets is at least J, they have at least J times the size of the larger one in common.  So in one order of
 * all users, two such sets of sizes m and n share a user among the first m - ceil(J m) + 1 of the one and n -
 * ceil(J n) + 1 of the other: else the common users, all behind one of these beginnings, would be too few
 * (prefix filtering; Chaudhuri, Ganti & Kaushik 2006, Bayardo, Ma & Srikant 2007).  The order begins with
 * users who did little in the target, so beginnings are full of users who are in few other lists.  What is
 * left, and of a size that allows J, is counted exactly.
 */
#include "core/duplicates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernels.h"

#define FIRST_PAIRS 64
#define CHECK_USERS 1024
#define CHECK_ITEMS 256

/* Products such as .8 * 5 may come out a little above the whole number they stand for. */
#define ROUNDING 1e-9

/* For each of n keys a list of numbers: those of key i are value[start[i]] .. value[start[i + 1] - 1]. */
typedef struct Index
{
	size_t n;
	size_t *start;
	uint32_t *value;
} Index;

typedef struct Search
{
	const UimlItemLists *source;
	const UimlItemLists *target;
	size_t n_users;
	double jaccard;
	size_t least;        /* users in common */
	uint32_t *rank;      /* n_users: place in the order */
	uint32_t *order;     /* n_users: who has a place */
	Index source_users;  /* ranks of those who have a source item, ascending */
	Index target_users;  /* of those who have a target item */
	Index beginnings;    /* target items that have a rank in their beginning */
	uint32_t *looked_at; /* by target item: 1 + the source item it was last compared with */
	size_t room;         /* for pairs */
} Search;

static void
search_free(const UimlEnv *env, Search *s)
{
	Index *index[] = {&s->source_users, &s->target_users, &s->beginnings};

	for (size_t i = 0; i < sizeof(index) / sizeof(*index); i++)
	{
		uiml_free(env, index[i]->start);
		uiml_free(env, index[i]->value);
	}
	uiml_free(env, s->rank);
	uiml_free(env, s->order);
	uiml_free(env, s->looked_at);
}

/* --- users by item, in order ---------------------------------------------------------------------------- */

static size_t
list_length(const UimlItemLists *lists, size_t u)
{
	return lists->start[u + 1] - lists->start[u];
}

static size_t
index_length(const Index *index, size_t key)
{
	return index->start[key + 1] - index->start[key];
}

/*
 * Orders users by the length of their target lists, by counting: the longest lists are as long as there are
 * items, no longer.
 */
static UimlStatus
order_users(const UimlEnv *env, Search *s)
{
	size_t n_lengths = s->target->n_items + 1;
	size_t *first = uiml_alloc0(env, n_lengths + 1, sizeof(size_t));

	s->rank = uiml_alloc(env, s->n_users, sizeof(uint32_t));
	s->order = uiml_alloc(env, s->n_users, sizeof(uint32_t));
	if (first == NULL || s->rank == NULL || s->order == NULL)
	{
		uiml_free(env, first);
		return UIML_ENOMEM;
	}
	for (size_t u = 0; u < s->n_users; u++)
		first[list_length(s->target, u) + 1]++;
	for (size_t length = 0; length < n_lengths; length++)
		first[length + 1] += first[length];
	for (size_t u = 0; u < s->n_users; u++)
	{
		s->rank[u] = (uint32_t) first[list_length(s->target, u)]++;
		s->order[s->rank[u]] = (uint32_t) u;
	}
	uiml_free(env, first);
	return UIML_OK;
}

/* Turns counts in start[key + 1] into offsets and makes room for the values. */
static UimlStatus
index_size(const UimlEnv *env, Index *index)
{
	for (size_t key = 0; key < index->n; key++)
		index->start[key + 1] += index->start[key];
	index->value = uiml_alloc(env, index->start[index->n], sizeof(uint32_t));
	return index->value == NULL ? UIML_ENOMEM : UIML_OK;
}

static UimlStatus
index_open(const UimlEnv *env, Index *index, size_t n)
{
	index->n = n;
	index->start = uiml_alloc0(env, n + 1, sizeof(size_t));
	return index->start == NULL ? UIML_ENOMEM : UIML_OK;
}

/* After values were put in at start[key]++, start is where each list ends: back to where it begins. */
static void
index_close(Index *index)
{
	memmove(index->start + 1, index->start, index->n * sizeof(size_t));
	index->start[0] = 0;
}

/* The ranks of the users of each item. */
static UimlStatus
invert(const UimlEnv *env, const Search *s, const UimlItemLists *lists, Index *index)
{
	UimlStatus status = index_open(env, index, lists->n_items);

	for (size_t u = 0; status == UIML_OK && u < s->n_users; u++)
	{
		for (size_t e = lists->start[u]; e < lists->start[u + 1]; e++)
			index->start[lists->item[e] + 1]++;
		if (u % CHECK_USERS == 0 && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
	}
	if (status == UIML_OK)
		status = index_size(env, index);
	for (size_t r = 0; status == UIML_OK && r < s->n_users; r++)
	{
		size_t u = s->order[r];

		for (size_t e = lists->start[u]; e < lists->start[u + 1]; e++)
			index->value[index->start[lists->item[e]]++] = (uint32_t) r;
		if (r % CHECK_USERS == 0 && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
	}
	if (status == UIML_OK)
		index_close(index);
	return status;
}

/* How many of the first of n users another set must share one of; 0 where no set is alike enough. */
static size_t
beginning(const Search *s, size_t n)
{
	double alike = ceil(s->jaccard * (double) n - ROUNDING);
	size_t common = alike > (double) s->least ? (size_t) alike : s->least;

	return common > n ? 0 : n - common + 1;
}

/* Which target items have a user in their beginning. */
static UimlStatus
index_beginnings(const UimlEnv *env, Search *s)
{
	const Index *users = &s->target_users;
	Index *index = &s->beginnings;
	UimlStatus status = index_open(env, index, s->n_users);

	for (size_t t = 0; status == UIML_OK && t < users->n; t++)
	{
		size_t n = beginning(s, index_length(users, t));

		for (size_t i = 0; i < n; i++)
			index->start[users->value[users->start[t] + i] + 1]++;
	}
	if (status == UIML_OK)
		status = index_size(env, index);
	for (size_t t = 0; status == UIML_OK && t < users->n; t++)
	{
		size_t n = beginning(s, index_length(users, t));

		for (size_t i = 0; i < n; i++)
			index->value[index->start[users->value[users->start[t] + i]]++] = (uint32_t) t;
		if (t % CHECK_ITEMS == 0 && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
	}
	if (status == UIML_OK)
		index_close(index);
	return status;
}

/* --- pairs ---------------------------------------------------------------------------------------------- */

/* Users of both items: the size of the intersection of two ascending lists. */
static size_t
count_common(const Search *s, size_t source, size_t target)
{
	const uint32_t *a = s->source_users.value + s->source_users.start[source];
	const uint32_t *b = s->target_users.value + s->target_users.start[target];
	const uint32_t *a_end = s->source_users.value + s->source_users.start[source + 1];
	const uint32_t *b_end = s->target_users.value + s->target_users.start[target + 1];
	size_t common = 0;

	while (a < a_end && b < b_end)
	{
		uint32_t x = *a;
		uint32_t y = *b;

		common += x == y;
		a += x <= y;
		b += y <= x;
	}
	return common;
}

static UimlStatus
add_pair(const UimlEnv *env, Search *s, const UimlDuplicate *pair, UimlDuplicates *d)
{
	if (d->n == s->room)
	{
		size_t room = s->room > 0 ? 2 * s->room : FIRST_PAIRS;
		UimlDuplicate *larger = uiml_alloc(env, room, sizeof(UimlDuplicate));

		if (larger == NULL)
			return UIML_ENOMEM;
		if (d->n > 0)
			memcpy(larger, d->pair, d->n * sizeof(UimlDuplicate));
		uiml_free(env, d->pair);
		d->pair = larger;
		s->room = room;
	}
	d->pair[d->n++] = *pair;
	return UIML_OK;
}

/* Compares two items whose users' numbers allow the coefficient. */
static UimlStatus
compare_items(const UimlEnv *env, Search *s, size_t source, size_t target, UimlDuplicates *d)
{
	size_t m = index_length(&s->source_users, source);
	size_t n = index_length(&s->target_users, target);
	UimlDuplicate pair = {.source = (uint32_t) source,
						  .target = (uint32_t) target,
						  .source_users = (uint32_t) m,
						  .target_users = (uint32_t) n};
	size_t common;

	if ((double) (m < n ? m : n) + ROUNDING < s->jaccard * (double) (m < n ? n : m))
		return UIML_OK;
	common = count_common(s, source, target);
	pair.users = (uint32_t) common;
	pair.jaccard = (double) common / (double) (m + n - common);
	if (common < s->least || pair.jaccard + ROUNDING < s->jaccard)
		return UIML_OK;
	d->source[source] = d->target[target] = 1;
	return add_pair(env, s, &pair, d);
}

/* Compares a source item with each target item that may be alike, once. */
static UimlStatus
compare_source(const UimlEnv *env, Search *s, size_t source, UimlDuplicates *d)
{
	const uint32_t *user = s->source_users.value + s->source_users.start[source];
	size_t n = beginning(s, index_length(&s->source_users, source));

	for (size_t i = 0; i < n; i++)
		for (size_t e = s->beginnings.start[user[i]]; e < s->beginnings.start[user[i] + 1]; e++)
		{
			uint32_t target = s->beginnings.value[e];
			UimlStatus status;

			if (s->looked_at[target] == source + 1)
				continue;
			s->looked_at[target] = (uint32_t) source + 1;
			status = compare_items(env, s, source, target, d);
			if (status != UIML_OK)
				return status;
		}
	return UIML_OK;
}

static int
compare_pairs(const void *a, const void *b)
{
	const UimlDuplicate *x = a;
	const UimlDuplicate *y = b;

	if (x->users != y->users)
		return x->users > y->users ? -1 : 1;
	if (x->jaccard != y->jaccard)
		return x->jaccard > y->jaccard ? -1 : 1;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->target < y->target ? -1 : x->target > y->target;
}

static UimlStatus
search_begin(const UimlEnv *env, Search *s, UimlDuplicates *d)
{
	UimlStatus status = order_users(env, s);

	s->looked_at = uiml_alloc0(env, s->target->n_items, sizeof(uint32_t));
	d->source = uiml_alloc0(env, s->source->n_items, 1);
	d->target = uiml_alloc0(env, s->target->n_items, 1);
	if (s->looked_at == NULL || d->source == NULL || d->target == NULL)
		return UIML_ENOMEM;
	if (status == UIML_OK)
		status = invert(env, s, s->source, &s->source_users);
	if (status == UIML_OK)
		status = invert(env, s, s->target, &s->target_users);
	if (status == UIML_OK)
		status = index_beginnings(env, s);
	return status;
}

UimlStatus
uiml_duplicates_find(const UimlEnv *env, const UimlItemLists *source, const UimlItemLists *target,
					 size_t n_users, double jaccard, size_t users, UimlDuplicates *duplicates)
{
	Search s = {.source = source, .target = target, .n_users = n_users, .jaccard = jaccard, .least = users};
	UimlDuplicates *d = duplicates;
	UimlStatus status;

	*d = (UimlDuplicates){0};
	if (!(jaccard > 0 && jaccard <= 1) || users < 1 || n_users > UINT32_MAX)
		return UIML_EINVALID;
	status = search_begin(env, &s, d);
	for (size_t i = 0; status == UIML_OK && i < source->n_items; i++)
	{
		status = compare_source(env, &s, i, d);
		if (status == UIML_OK && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
	}
	if (status == UIML_OK)
	{
		d->entries = target->start[n_users];
		for (size_t t = 0; t < target->n_items; t++)
			d->touched += d->target[t] ? index_length(&s.target_users, t) : 0;
		if (d->n > 0)
			qsort(d->pair, d->n, sizeof(UimlDuplicate), compare_pairs);
	}
	search_free(env, &s);
	if (status != UIML_OK)
		uiml_duplicates_free(env, d);
	return status;
}

void
uiml_duplicates_free(const UimlEnv *env, UimlDuplicates *duplicates)
{
	uiml_free(env, duplicates->pair);
	uiml_free(env, duplicates->source);
	uiml_free(env, duplicates->target);
	*duplicates = (UimlDuplicates){0};
}

double
uiml_duplicates_share(const UimlDuplicates *duplicates)
{
	return duplicates->entries > 0 ? (double) duplicates->touched / (double) duplicates->entries : 0;
}

/* --- without them --------------------------------------------------------------------------------------- */

/* The sum of in-vectors, made unit; false where it is 0.  sum has room for p. */
static bool
place_items(const uint32_t *item, size_t n, const float *in, size_t p, double *sum, float *x)
{
	memset(sum, 0, p * sizeof(double));
	for (size_t i = 0; i < n; i++)
		uiml_kernels()->accumulate_weighted(in + item[i] * p, 1, p, sum);
	for (size_t j = 0; j < p; j++)
		x[j] = (float) sum[j];
	return uiml_overlap_unit(x, p, x);
}

/* Puts user u behind those of out, without the source items; false where he is nowhere then. */
static bool
put_user(const UimlOverlap *overlap, size_t u, const uint8_t *flag, const float *in, double *sum,
		 UimlOverlap *out)
{
	const UimlItemLists *target = &overlap->target;
	size_t to = out->n;
	size_t p = overlap->p;
	size_t n_target = list_length(target, u);
	uint32_t *kept = out->source.item + out->source.start[to];
	size_t n = 0;

	for (size_t e = overlap->source.start[u]; e < overlap->source.start[u + 1]; e++)
		if (!flag[overlap->source.item[e]])
			kept[n++] = overlap->source.item[e];
	if (n == list_length(&overlap->source, u))
		memcpy(out->x + to * p, overlap->x + u * p, p * sizeof(float));
	else if (!place_items(kept, n, in, p, sum, out->x + to * p))
		return false;
	memcpy(out->y + to * overlap->q, overlap->y + u * overlap->q, overlap->q * sizeof(float));
	if (n_target > 0)
		memcpy(out->target.item + out->target.start[to], target->item + target->start[u],
			   n_target * sizeof(uint32_t));
	out->fold[to] = overlap->fold[u];
	out->source.start[to + 1] = out->source.start[to] + n;
	out->target.start[to + 1] = out->target.start[to] + n_target;
	return true;
}

UimlStatus
uiml_overlap_without(const UimlEnv *env, const UimlOverlap *overlap, const uint8_t *flag, const float *in,
					 UimlOverlap *out)
{
	size_t n = overlap->n;
	double *sum = uiml_alloc(env, overlap->p, sizeof(double));
	UimlStatus status = uiml_overlap_create(env, n, overlap->p, overlap->q, overlap->source.start[n],
											overlap->target.start[n], out);

	if (sum == NULL)
		status = UIML_ENOMEM;
	if (status == UIML_OK)
	{
		out->n = 0;
		out->source.n_items = overlap->source.n_items;
		out->target.n_items = overlap->target.n_items;
		out->source_popularity = overlap->source_popularity;
	}
	for (size_t u = 0; status == UIML_OK && u < n; u++)
	{
		if (u % CHECK_USERS == 0 && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		else
			out->n += put_user(overlap, u, flag, in, sum, out);
	}
	uiml_free(env, sum);
	if (status != UIML_OK)
		uiml_overlap_free(env, out);
	return status;
}
