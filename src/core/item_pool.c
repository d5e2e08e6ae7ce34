/*
 * item_pool.c
 *	  What overlapping users with similar source histories chose.
 *
 * The pool is kept by source item, so that only users who share something are looked at.
 */
#include "core/item_pool.h"

#include <math.h>
#include <string.h>

/* Users between two questions after interruption. */
#define CHECK_USERS 1024

/* The number of the i-th of n users out of all. */
static size_t
spaced(size_t i, size_t n, size_t all)
{
	return (size_t) ((double) i * (double) all / (double) n);
}

static size_t
list_length(const UimlItemLists *lists, size_t u)
{
	return (size_t) (lists->start[u + 1] - lists->start[u]);
}

/* The arrays of a pool while it is built, when they are not constant yet. */
typedef struct Arrays
{
	float *rarity;
	float *scale;
	uint64_t *item_start;
	uint32_t *user;
	uint64_t *choice_start;
	uint32_t *choice;
	uint32_t *member;
} Arrays;

static UimlStatus
arrays_create(const UimlEnv *env, const UimlItemPool *pool, Arrays *a)
{
	a->rarity = uiml_alloc(env, pool->n_source_items, sizeof(float));
	a->scale = uiml_alloc(env, pool->n_users, sizeof(float));
	a->item_start = uiml_alloc0(env, pool->n_source_items + 2, sizeof(uint64_t));
	a->user = uiml_alloc(env, pool->n_entries, sizeof(uint32_t));
	a->choice_start = uiml_alloc0(env, pool->n_users + 1, sizeof(uint64_t));
	a->choice = uiml_alloc(env, pool->n_choices, sizeof(uint32_t));
	if (a->rarity == NULL || a->scale == NULL || a->item_start == NULL || a->user == NULL ||
		a->choice_start == NULL || a->choice == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

/*
 * log(users / users who have the item)^3, as the whole domain tells, where most of its users may be none of the
 * overlap; from popularity: a share of the events, of which each user has as many as one of the overlap.
 */
static double
rarity_of(const UimlOverlap *overlap, const UimlItemPool *pool, size_t i, double users)
{
	double share = users / (double) pool->n_users;
	double rarity;

	if (!(users > 0))
		return 0;
	if (overlap->source_popularity != NULL && overlap->source_popularity[i] > 0)
		share = overlap->source_popularity[i] * (double) pool->n_entries / (double) pool->n_users;
	rarity = share < 1 ? -log(share) : 0;
	return rarity * rarity * rarity;
}

/* Turns the lists of users into lists of items by a counting sort; item_start is one place ahead meanwhile. */
static UimlStatus
fill(const UimlEnv *env, const UimlOverlap *overlap, const UimlItemPool *pool, Arrays *a)
{
	const UimlItemLists *source = &overlap->source;
	const UimlItemLists *target = &overlap->target;

	for (size_t v = 0; v < pool->n_users; v++)
		for (uint64_t e = source->start[a->member[v]]; e < source->start[a->member[v] + 1]; e++)
			a->item_start[source->item[e] + 2]++;
	for (size_t i = 0; i < pool->n_source_items; i++)
	{
		a->rarity[i] = (float) rarity_of(overlap, pool, i, (double) a->item_start[i + 2]);
		a->item_start[i + 2] += a->item_start[i + 1];
	}
	for (size_t v = 0; v < pool->n_users; v++)
	{
		size_t u = a->member[v];
		size_t chosen = list_length(target, u);
		double length = 0;

		if (v % CHECK_USERS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		for (uint64_t e = source->start[u]; e < source->start[u + 1]; e++)
		{
			length += a->rarity[source->item[e]];
			a->user[a->item_start[source->item[e] + 1]++] = (uint32_t) v;
		}
		a->scale[v] = length > 0 ? (float) (1 / sqrt(sqrt(length))) : 0;
		if (chosen > 0)
			memcpy(a->choice + a->choice_start[v], target->item + target->start[u],
				   chosen * sizeof(uint32_t));
		a->choice_start[v + 1] = a->choice_start[v] + chosen;
	}
	return UIML_OK;
}

UimlStatus
uiml_item_pool_build(const UimlEnv *env, const UimlOverlap *overlap, UimlItemPool *pool, uint32_t **member)
{
	size_t n = overlap->n < UIML_POOL_USERS ? overlap->n : UIML_POOL_USERS;
	Arrays a = {.member = uiml_alloc(env, n, sizeof(uint32_t))};
	UimlStatus status = a.member == NULL ? UIML_ENOMEM : UIML_OK;

	*pool = (UimlItemPool){.n_users = n, .n_source_items = overlap->source.n_items};
	for (size_t v = 0; status == UIML_OK && v < n; v++)
	{
		a.member[v] = (uint32_t) spaced(v, n, overlap->n);
		pool->n_entries += list_length(&overlap->source, a.member[v]);
		pool->n_choices += list_length(&overlap->target, a.member[v]);
	}
	if (status == UIML_OK)
		status = arrays_create(env, pool, &a);
	if (status == UIML_OK)
		status = fill(env, overlap, pool, &a);
	pool->rarity = a.rarity;
	pool->scale = a.scale;
	pool->item_start = a.item_start;
	pool->user = a.user;
	pool->choice_start = a.choice_start;
	pool->choice = a.choice;
	if (member != NULL)
		*member = a.member;
	else
		uiml_free(env, a.member);
	return status;
}

void
uiml_item_pool_free(const UimlEnv *env, UimlItemPool *pool)
{
	uiml_free(env, (void *) pool->rarity);
	uiml_free(env, (void *) pool->scale);
	uiml_free(env, (void *) pool->item_start);
	uiml_free(env, (void *) pool->user);
	uiml_free(env, (void *) pool->choice_start);
	uiml_free(env, (void *) pool->choice);
	*pool = (UimlItemPool){0};
}

double
uiml_item_pool_ask(const UimlItemPool *pool, const uint32_t *item, size_t n, const uint8_t *fold,
				   uint8_t left_out, float *say, float *chosen)
{
	double sum = 0;
	double length = 0;
	float own_scale;

	for (size_t k = 0; k < n; k++)
	{
		size_t i = item[k];

		length += i < pool->n_source_items ? pool->rarity[i] : 0;

		for (uint64_t e = i < pool->n_source_items ? pool->item_start[i] : 0;
			 i < pool->n_source_items && e < pool->item_start[i + 1]; e++)
			say[pool->user[e]] += pool->rarity[i];
	}
	own_scale = length > 0 ? (float) (1 / sqrt(sqrt(length))) : 0;
	for (size_t v = 0; v < pool->n_users; v++)
	{
		float own = say[v] * own_scale * pool->scale[v];

		say[v] = 0;
		if (!(own > 0) || (fold != NULL && fold[v] == left_out))
			continue;
		for (uint64_t e = pool->choice_start[v]; e < pool->choice_start[v + 1]; e++)
			chosen[pool->choice[e]] += own;
		sum += own * (double) (pool->choice_start[v + 1] - pool->choice_start[v]);
	}
	return sum;
}
