/*
 * split.c
 *	  Who judges, who tunes and who is fitted on, and which of a held-out user's items are hidden.
 *
 * Both splits write a holdout in two passes over the users with the role: how many entries stay seen and how
 * many are hidden, then the entries.
 */
#include "core/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Users between two questions after interruption. */
#define CHECK_USERS 0x10000

/* A hash and whose it is; SQL orders bigint, so hashes compare as signed. */
typedef struct Ticket
{
	int64_t hash;
	uint32_t owner;
} Ticket;

static int
ticket_compare(const void *a, const void *b)
{
	const Ticket *x = a;
	const Ticket *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->owner < y->owner ? -1 : x->owner > y->owner;
}

size_t
uiml_split_size(size_t n_users, size_t wanted)
{
	return n_users / 10 < wanted ? n_users / 10 : wanted;
}

/* Restores the heap, highest ticket first, below a root that may be too low. */
static void
ticket_sink(Ticket *heap, size_t n)
{
	for (size_t root = 0, child; (child = 2 * root + 1) < n; root = child)
	{
		Ticket t = heap[root];

		if (child + 1 < n && ticket_compare(&heap[child + 1], &heap[child]) > 0)
			child++;
		if (ticket_compare(&t, &heap[child]) >= 0)
			return;
		heap[root] = heap[child];
		heap[child] = t;
	}
}

/* Puts a ticket at the end of a heap of n. */
static void
ticket_rise(Ticket *heap, size_t n, Ticket t)
{
	size_t at = n;

	for (; at > 0 && ticket_compare(&t, &heap[(at - 1) / 2]) > 0; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = t;
}

/* The lowest hashes are kept in a heap: sorting those of all users could not be interrupted. */
UimlStatus
uiml_split_roles(const UimlEnv *env, const UimlSplitKeys *keys, size_t n_users, const uint8_t *eligible,
				 size_t n_judge, size_t n_tune, uint8_t *role)
{
	size_t wanted = n_users - n_judge < n_tune || n_users < n_judge ? n_users : n_judge + n_tune;
	Ticket *ticket = uiml_alloc(env, wanted, sizeof(*ticket));
	size_t n = 0;

	if (ticket == NULL)
		return UIML_ENOMEM;
	for (size_t u = 0; u < n_users; u++)
	{
		Ticket t = {(int64_t) keys->user_hash[u], (uint32_t) u};

		if (u % CHECK_USERS == 0 && uiml_interrupted(env))
		{
			uiml_free(env, ticket);
			return UIML_EINTERRUPTED;
		}
		role[u] = UIML_FIT;
		if (eligible != NULL && !eligible[u])
			continue;
		if (n < wanted)
			ticket_rise(ticket, n++, t);
		else if (n > 0 && ticket_compare(&t, &ticket[0]) < 0)
		{
			ticket[0] = t;
			ticket_sink(ticket, n);
		}
	}
	qsort(ticket, n, sizeof(*ticket), ticket_compare);
	for (size_t i = 0; i < n; i++)
		role[ticket[i].owner] = i < n_judge ? UIML_JUDGE : UIML_TUNE;
	uiml_free(env, ticket);
	return UIML_OK;
}

void
uiml_split_fit_rows(const uint8_t *role, size_t n_users, uint8_t *flag)
{
	for (size_t u = 0; u < n_users; u++)
		flag[u] = role[u] == UIML_FIT;
}

/* How much of a user stays seen: a share of his items and all texts, or so many items and nothing else. */
typedef struct Share
{
	double fold_in; /* 0: observed counts */
	size_t observed;
} Share;

/* How many of n items are hidden. The small addend keeps .2 * 10 at 2 whatever 1 - fold_in rounds to. */
static size_t
hidden_count(size_t n, const Share *share)
{
	size_t hidden = (size_t) floor((1 - share->fold_in) * (double) n + 1e-9);

	if (share->fold_in == 0)
		return n > share->observed ? n - share->observed : 0;
	if (n < 2)
		return 0;
	if (hidden >= n)
		return n - 1;
	return hidden > 0 ? hidden : 1;
}

static size_t
count_role(const uint8_t *role, size_t n_users, UimlRole which)
{
	size_t n = 0;

	for (size_t u = 0; u < n_users; u++)
		n += role[u] == which;
	return n;
}

static UimlStatus
open_part(const UimlEnv *env, UimlInteractions *part, size_t n_users, const UimlInteractions *like)
{
	part->n_users = n_users;
	part->n_items = like->n_items;
	part->n_texts = like->n_texts;
	part->row_start = uiml_alloc0(env, n_users + 1, sizeof(size_t));
	return part->row_start == NULL ? UIML_ENOMEM : UIML_OK;
}

/* Turns the counts in row_start[h + 1] into offsets and makes room for the entries. */
static UimlStatus
size_part(const UimlEnv *env, UimlInteractions *part)
{
	for (size_t h = 0; h < part->n_users; h++)
		part->row_start[h + 1] += part->row_start[h];
	part->n_entries = part->row_start[part->n_users];
	part->item = uiml_alloc(env, part->n_entries, sizeof(uint32_t));
	part->strength = uiml_alloc(env, part->n_entries, sizeof(float));
	part->mass = uiml_alloc(env, part->n_entries, sizeof(float));
	if (part->item == NULL || part->strength == NULL || part->mass == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

/* Both parts and the list of users, empty; what was made is freed by the caller. */
static UimlStatus
open_holdout(const UimlEnv *env, size_t n_users, const UimlInteractions *like, UimlHoldout *out,
			 uint32_t **user)
{
	*out = (UimlHoldout){0};
	*user = uiml_alloc(env, n_users, sizeof(uint32_t));
	if (*user == NULL || open_part(env, &out->seen, n_users, like) != UIML_OK ||
		open_part(env, &out->hidden, n_users, like) != UIML_OK)
		return UIML_ENOMEM;
	return UIML_OK;
}

static void
list_role(const uint8_t *role, size_t n_users, UimlRole which, uint32_t *user)
{
	for (size_t u = 0, h = 0; u < n_users; u++)
		if (role[u] == which)
			user[h++] = (uint32_t) u;
}

/* Gives the user list to the caller or drops it, and drops everything after an error. */
static UimlStatus
close_holdout(const UimlEnv *env, UimlStatus status, UimlHoldout *out, uint32_t *list, uint32_t **user)
{
	if (status != UIML_OK)
		uiml_holdout_free(env, out);
	if (status == UIML_OK && user != NULL)
		*user = list;
	else
		uiml_free(env, list);
	return status;
}

/* Flags the hidden ones among the n items of a user; ticket has room for n. */
static void
choose_hidden(const UimlSplitKeys *keys, const uint32_t *item, size_t n, uint64_t user_hash,
			  const Share *share, Ticket *ticket, uint8_t *hidden)
{
	size_t wanted = hidden_count(n, share);

	for (size_t i = 0; i < n; i++)
	{
		ticket[i] = (Ticket){(int64_t) keys->item_hash(keys->ctx, item[i], user_hash), (uint32_t) i};
		hidden[i] = 0;
	}
	qsort(ticket, n, sizeof(*ticket), ticket_compare);
	for (size_t i = 0; i < wanted; i++)
		hidden[ticket[i].owner] = 1;
}

/* Copies an entry to the end of a part; at is the number of entries there. */
static void
put_entry(UimlInteractions *part, size_t at, const UimlInteractions *x, size_t entry, bool hidden)
{
	part->item[at] = x->item[entry];
	part->strength[at] = x->strength[entry];
	part->mass[at] = hidden ? x->strength[entry] : x->mass[entry];
}

static void
copy_items(const UimlSplitKeys *keys, const UimlInteractions *x, uint64_t user_hash, const Share *share,
		   Ticket *ticket, uint8_t *flag, UimlHoldout *out, size_t h)
{
	size_t first = x->row_start[h];
	size_t n = uiml_items_end(x, h) - first;
	size_t seen_at = out->seen.row_start[h];
	size_t hidden_at = out->hidden.row_start[h];

	choose_hidden(keys, x->item + first, n, user_hash, share, ticket, flag);
	for (size_t i = 0; i < n; i++)
	{
		if (flag[i])
			put_entry(&out->hidden, hidden_at++, x, first + i, true);
		else
			put_entry(&out->seen, seen_at++, x, first + i, false);
	}
	for (size_t e = first + n; share->fold_in > 0 && e < x->row_start[h + 1]; e++)
		put_entry(&out->seen, seen_at++, x, e, false);
}

static UimlStatus
split_rows(const UimlEnv *env, const UimlRows *rows, const UimlSplitKeys *keys, const uint8_t *role,
		   UimlRole which, const Share *share, UimlHoldout *out, uint32_t **user)
{
	UimlInteractions x = {0};
	size_t n = count_role(role, rows->n_users, which);
	size_t longest = 0;
	Ticket *ticket = NULL;
	uint8_t *flag = NULL;
	uint32_t *list = NULL;
	UimlStatus status;

	*out = (UimlHoldout){0};
	status = rows->select(rows->ctx, env, role, which, &x);
	if (status == UIML_OK)
		status = open_holdout(env, n, &x, out, &list);
	if (status == UIML_OK)
	{
		list_role(role, rows->n_users, which, list);
		for (size_t h = 0; h < n; h++)
		{
			size_t items = uiml_items_end(&x, h) - x.row_start[h];
			size_t hidden = hidden_count(items, share);

			out->seen.row_start[h + 1] =
				(share->fold_in > 0 ? x.row_start[h + 1] - x.row_start[h] : items) - hidden;
			out->hidden.row_start[h + 1] = hidden;
			longest = items > longest ? items : longest;
		}
		ticket = uiml_alloc(env, longest, sizeof(*ticket));
		flag = uiml_alloc(env, longest, 1);
		if (ticket == NULL || flag == NULL || size_part(env, &out->seen) != UIML_OK ||
			size_part(env, &out->hidden) != UIML_OK)
			status = UIML_ENOMEM;
	}
	for (size_t h = 0; status == UIML_OK && h < n; h++)
	{
		if (uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		else
			copy_items(keys, &x, keys->user_hash[list[h]], share, ticket, flag, out, h);
	}
	uiml_free(env, ticket);
	uiml_free(env, flag);
	uiml_interactions_free(env, &x);
	return close_holdout(env, status, out, list, user);
}

UimlStatus
uiml_split_items(const UimlEnv *env, const UimlRows *rows, const UimlSplitKeys *keys, const uint8_t *role,
				 UimlRole which, double fold_in, UimlHoldout *out, uint32_t **user)
{
	Share share = {.fold_in = fold_in};

	*out = (UimlHoldout){0};
	if (!(fold_in > 0 && fold_in < 1))
		return UIML_EINVALID;
	return split_rows(env, rows, keys, role, which, &share, out, user);
}

UimlStatus
uiml_split_observed(const UimlEnv *env, const UimlRows *rows, const UimlSplitKeys *keys, const uint8_t *role,
					UimlRole which, size_t observed, UimlHoldout *out, uint32_t **user)
{
	Share share = {.observed = observed};

	return split_rows(env, rows, keys, role, which, &share, out, user);
}

/* Counts (hidden is NULL) or copies the items of after that are not in before; both ascend. */
static size_t
new_items(const UimlInteractions *before, const UimlInteractions *after, uint32_t u, UimlInteractions *hidden,
		  size_t at)
{
	size_t b = before->row_start[u];
	size_t end = uiml_items_end(after, u);
	size_t n = 0;

	for (size_t a = after->row_start[u]; a < end; a++)
	{
		while (b < before->row_start[u + 1] && before->item[b] < after->item[a])
			b++;
		if (b < before->row_start[u + 1] && before->item[b] == after->item[a])
			continue;
		if (hidden != NULL)
			put_entry(hidden, at + n, after, a, true);
		n++;
	}
	return n;
}

UimlStatus
uiml_split_time(const UimlEnv *env, const UimlInteractions *before, const UimlInteractions *after,
				const uint8_t *role, UimlRole which, UimlHoldout *out, uint32_t **user)
{
	size_t n = count_role(role, before->n_users, which);
	uint32_t *list = NULL;
	UimlStatus status;

	*out = (UimlHoldout){0};
	if (before->n_users != after->n_users || before->n_items != after->n_items ||
		before->n_texts != after->n_texts)
		return UIML_EINVALID;
	status = open_holdout(env, n, before, out, &list);
	if (status == UIML_OK)
	{
		list_role(role, before->n_users, which, list);
		for (size_t h = 0; h < n; h++)
		{
			out->seen.row_start[h + 1] = before->row_start[list[h] + 1] - before->row_start[list[h]];
			out->hidden.row_start[h + 1] = new_items(before, after, list[h], NULL, 0);
		}
		if (size_part(env, &out->seen) != UIML_OK || size_part(env, &out->hidden) != UIML_OK)
			status = UIML_ENOMEM;
	}
	for (size_t h = 0; status == UIML_OK && h < n; h++)
	{
		size_t at = out->seen.row_start[h];

		if (uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		else
		{
			for (size_t e = before->row_start[list[h]]; e < before->row_start[list[h] + 1]; e++)
				put_entry(&out->seen, at++, before, e, false);
			new_items(before, after, list[h], &out->hidden, out->hidden.row_start[h]);
		}
	}
	return close_holdout(env, status, out, list, user);
}

void
uiml_split_time_eligible(const UimlInteractions *before, const UimlInteractions *after, uint8_t *flag)
{
	for (size_t u = 0; u < before->n_users; u++)
		flag[u] = uiml_items_end(before, u) > before->row_start[u] &&
				  new_items(before, after, (uint32_t) u, NULL, 0) > 0;
}

void
uiml_holdout_free(const UimlEnv *env, UimlHoldout *holdout)
{
	uiml_interactions_free(env, &holdout->seen);
	uiml_interactions_free(env, &holdout->hidden);
}
