/*
 * overlap.c
 *	  Users who are active in two domains: what transfers are fitted on and judged by.
 */
#include "core/overlap.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"

/* Users between two questions after interruption. */
#define CHECK_USERS 1024

static UimlStatus
lists_create(const UimlEnv *env, size_t n, size_t entries, UimlItemLists *lists)
{
	lists->start = uiml_alloc0(env, n + 1, sizeof(uint64_t));
	lists->item = uiml_alloc(env, entries, sizeof(uint32_t));
	return lists->start == NULL || lists->item == NULL ? UIML_ENOMEM : UIML_OK;
}

UimlStatus
uiml_overlap_create(const UimlEnv *env, size_t n, size_t p, size_t q, size_t source_entries,
					size_t target_entries, UimlOverlap *overlap)
{
	UimlStatus status = UIML_OK;

	*overlap = (UimlOverlap){.n = n, .p = p, .q = q};
	overlap->x = uiml_alloc(env, n, p * sizeof(float));
	overlap->y = uiml_alloc(env, n, q * sizeof(float));
	overlap->fold = uiml_alloc(env, n, sizeof(uint8_t));
	if (overlap->x == NULL || overlap->y == NULL || overlap->fold == NULL)
		status = UIML_ENOMEM;
	if (status == UIML_OK)
		status = lists_create(env, n, source_entries, &overlap->source);
	if (status == UIML_OK)
		status = lists_create(env, n, target_entries, &overlap->target);
	return status;
}

void
uiml_overlap_free(const UimlEnv *env, UimlOverlap *overlap)
{
	uiml_free(env, overlap->x);
	uiml_free(env, overlap->y);
	uiml_free(env, overlap->source.start);
	uiml_free(env, overlap->source.item);
	uiml_free(env, overlap->target.start);
	uiml_free(env, overlap->target.item);
	uiml_free(env, overlap->fold);
	*overlap = (UimlOverlap){0};
}

/* Entries of the users that flag names. */
static size_t
count_flagged(const UimlItemLists *lists, const uint8_t *flag, size_t n)
{
	size_t entries = 0;

	for (size_t u = 0; u < n; u++)
		entries += flag[u] ? lists->start[u + 1] - lists->start[u] : 0;
	return entries;
}

/* Puts n items behind those of the users before, as user u's. */
static void
append_items(UimlItemLists *lists, size_t u, const uint32_t *item, size_t n)
{
	if (n > 0)
		memcpy(lists->item + lists->start[u], item, n * sizeof(uint32_t));
	lists->start[u + 1] = lists->start[u] + n;
}

UimlStatus
uiml_overlap_select(const UimlEnv *env, const UimlOverlap *overlap, const uint8_t *flag, UimlOverlap *out)
{
	const UimlItemLists *source = &overlap->source;
	const UimlItemLists *target = &overlap->target;
	size_t p = overlap->p;
	size_t q = overlap->q;
	size_t n = 0;
	size_t to = 0;
	UimlStatus status;

	for (size_t u = 0; u < overlap->n; u++)
		n += flag[u] != 0;
	status = uiml_overlap_create(env, n, p, q, count_flagged(source, flag, overlap->n),
								 count_flagged(target, flag, overlap->n), out);
	if (status == UIML_OK)
	{
		out->source_popularity = overlap->source_popularity;
		out->source.n_items = source->n_items;
		out->target.n_items = target->n_items;
	}
	for (size_t u = 0; status == UIML_OK && u < overlap->n; u++)
	{
		if (u % CHECK_USERS == 0 && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		if (!flag[u])
			continue;
		memcpy(out->x + to * p, overlap->x + u * p, p * sizeof(float));
		memcpy(out->y + to * q, overlap->y + u * q, q * sizeof(float));
		append_items(&out->source, to, source->item + source->start[u],
					 source->start[u + 1] - source->start[u]);
		append_items(&out->target, to, target->item + target->start[u],
					 target->start[u + 1] - target->start[u]);
		out->fold[to++] = overlap->fold[u];
	}
	if (status != UIML_OK)
		uiml_overlap_free(env, out);
	return status;
}

bool
uiml_overlap_unit(const float *vector, size_t d, float *out)
{
	double length = sqrt(uiml_kernels()->square_sum(vector, d));

	if (!(length > 0) || !isfinite(length))
		return false;
	uiml_kernels()->scale(vector, 1 / length, d, out);
	return true;
}

/* Where a user is in a domain's space; false for nowhere. */
static bool
place_user(const UimlDomainRows *domain, uint32_t row, float *out)
{
	const UimlInteractions *rows = domain->rows;
	size_t first = rows->row_start[row];

	uiml_model_user(domain->model, rows->item + first, rows->mass + first, rows->row_start[row + 1] - first,
					out, NULL);
	return uiml_overlap_unit(out, domain->model->dims, out);
}

/* Counts the items of both sides and checks the pairs. */
static UimlStatus
count_pairs(const UimlInteractions *source, const UimlInteractions *target, const UimlUserPair *pair,
			size_t n, size_t *source_entries, size_t *target_entries)
{
	*source_entries = *target_entries = 0;
	for (size_t i = 0; i < n; i++)
	{
		if (pair[i].source >= source->n_users || pair[i].target >= target->n_users ||
			pair[i].fold >= UIML_FOLDS)
			return UIML_EINVALID;
		*source_entries += uiml_items_end(source, pair[i].source) - source->row_start[pair[i].source];
		*target_entries += uiml_items_end(target, pair[i].target) - target->row_start[pair[i].target];
	}
	return UIML_OK;
}

static void
append_row(UimlItemLists *lists, size_t u, const UimlInteractions *rows, uint32_t row)
{
	size_t first = rows->row_start[row];

	append_items(lists, u, rows->item + first, uiml_items_end(rows, row) - first);
}

UimlStatus
uiml_overlap_from_models(const UimlEnv *env, const UimlDomainRows *source, const UimlDomainRows *target,
						 const UimlUserPair *pair, size_t n, UimlOverlap *overlap)
{
	size_t p = source->model->dims;
	size_t q = target->model->dims;
	size_t source_entries, target_entries;
	size_t to = 0;
	UimlStatus status = count_pairs(source->rows, target->rows, pair, n, &source_entries, &target_entries);

	*overlap = (UimlOverlap){0};
	if (status == UIML_OK)
		status = uiml_overlap_create(env, n, p, q, source_entries, target_entries, overlap);
	for (size_t i = 0; status == UIML_OK && i < n; i++)
	{
		if (i % CHECK_USERS == 0 && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		else if (place_user(source, pair[i].source, overlap->x + to * p) &&
				 place_user(target, pair[i].target, overlap->y + to * q))
		{
			append_row(&overlap->source, to, source->rows, pair[i].source);
			append_row(&overlap->target, to, target->rows, pair[i].target);
			overlap->fold[to++] = pair[i].fold;
		}
	}
	overlap->n = to;
	overlap->source_popularity = source->model->popularity;
	overlap->source.n_items = source->model->n_items;
	overlap->target.n_items = target->model->n_items;
	if (status != UIML_OK)
		uiml_overlap_free(env, overlap);
	return status;
}
