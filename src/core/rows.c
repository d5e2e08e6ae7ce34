/*
 * rows.c
 *	  Passes over interactions in memory.
 */
#include "core/rows.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/model.h"

/* Entries between two questions after interruption. */
#define CHECK_ENTRIES 0x100000

static UimlStatus
sum_masses(void *ctx, const UimlEnv *env, const uint8_t *row_used, bool faded, double *mass, size_t *n_rows)
{
	const UimlInteractions *x = ctx;
	size_t rows = 0;

	memset(mass, 0, x->n_items * sizeof(double));
	for (size_t u = 0; u < x->n_users; u++)
	{
		double fade = faded && x->fade != NULL ? x->fade[u] : 1;
		size_t end = uiml_items_end(x, u);

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (row_used != NULL && !row_used[u])
			continue;
		for (size_t e = x->row_start[u]; e < end; e++)
			mass[x->item[e]] += x->mass[e] * fade;
		rows += end > x->row_start[u];
	}
	if (n_rows != NULL)
		*n_rows = rows;
	return UIML_OK;
}

void
uiml_rows_add_prior(const uint32_t *item, const float *mass, size_t n, const uint32_t *interest,
					size_t n_columns, size_t k, double *own, double *sum, double *users)
{
	double total = 0;

	memset(own, 0, k * sizeof(double));
	for (size_t e = 0; e < n; e++)
	{
		uint32_t j = item[e] < n_columns ? interest[item[e]] : UINT32_MAX;

		if (j >= k)
			continue;
		own[j] += mass[e];
		total += mass[e];
	}
	for (size_t j = 0; total > 0 && j < k; j++)
		sum[j] += own[j] / total;
	*users += total > 0;
}

static UimlStatus
sum_priors(void *ctx, const UimlEnv *env, const uint8_t *row_used, const uint32_t *interest, size_t n_columns,
		   size_t k, double *sum, double *users)
{
	const UimlInteractions *x = ctx;
	double *own = uiml_alloc(env, k, sizeof(double));
	UimlStatus status = own == NULL ? UIML_ENOMEM : UIML_OK;

	memset(sum, 0, k * sizeof(double));
	*users = 0;
	for (size_t u = 0; status == UIML_OK && u < x->n_users; u++)
	{
		size_t first = x->row_start[u];

		if (uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		else if (row_used == NULL || row_used[u])
			uiml_rows_add_prior(x->item + first, x->mass + first, x->row_start[u + 1] - first, interest,
								n_columns, k, own, sum, users);
	}
	uiml_free(env, own);
	return status;
}

/* log2(1 + strength), which is not lost where strengths are tiny. */
static UimlStatus
compress_strengths(const UimlEnv *env, const UimlInteractions *x, float *value)
{
	for (size_t e = 0; e < x->n_entries; e++)
	{
		if (e % CHECK_ENTRIES == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		value[e] = (float) (log1p(x->strength[e]) * M_LOG2E);
	}
	return UIML_OK;
}

/* Where the items of each row end and its texts begin. */
static UimlStatus
end_rows(const UimlEnv *env, const UimlInteractions *x, size_t **row_end)
{
	*row_end = uiml_alloc(env, x->n_users, sizeof(size_t));
	if (*row_end == NULL)
		return UIML_ENOMEM;
	for (size_t u = 0; u < x->n_users; u++)
		(*row_end)[u] = uiml_items_end(x, u);
	return UIML_OK;
}

static UimlStatus
decompose(void *ctx, const UimlEnv *env, const uint8_t *row_used, const UimlSvdParams *params, float *v,
		  double *sigma, float *col_factor, double *explained)
{
	const UimlInteractions *x = ctx;
	UimlSparse matrix = {.n_rows = x->n_users,
						 .n_cols = x->n_items,
						 .row_start = x->row_start,
						 .col = x->item,
						 .value = uiml_alloc(env, x->n_entries, sizeof(float))};
	size_t *row_end = NULL;
	UimlStatus status = matrix.value == NULL ? UIML_ENOMEM : compress_strengths(env, x, matrix.value);

	if (status == UIML_OK && x->n_texts > 0)
		status = end_rows(env, x, &row_end);
	matrix.row_end = row_end;
	if (status == UIML_OK)
		status = uiml_svd_items(env, &matrix, row_used, params, v, sigma, col_factor, explained);
	uiml_free(env, matrix.value);
	uiml_free(env, row_end);
	return status;
}

/* Room for the rows with a role; n_entries and row_start are set. */
static UimlStatus
open_selection(const UimlEnv *env, const UimlInteractions *x, const uint8_t *role, uint8_t which,
			   UimlInteractions *out)
{
	size_t n = 0;

	for (size_t u = 0; u < x->n_users; u++)
		n += role[u] == which;
	out->n_users = n;
	out->n_items = x->n_items;
	out->n_texts = x->n_texts;
	out->row_start = uiml_alloc0(env, n + 1, sizeof(size_t));
	if (out->row_start == NULL)
		return UIML_ENOMEM;
	n = 0;
	for (size_t u = 0; u < x->n_users; u++)
	{
		if (role[u] != which)
			continue;
		out->row_start[n + 1] = out->row_start[n] + x->row_start[u + 1] - x->row_start[u];
		n++;
	}
	out->n_entries = out->row_start[n];
	out->item = uiml_alloc(env, out->n_entries, sizeof(uint32_t));
	out->strength = uiml_alloc(env, out->n_entries, sizeof(float));
	out->mass = uiml_alloc(env, out->n_entries, sizeof(float));
	return out->item == NULL || out->strength == NULL || out->mass == NULL ? UIML_ENOMEM : UIML_OK;
}

static UimlStatus
select_rows(void *ctx, const UimlEnv *env, const uint8_t *role, uint8_t which, UimlInteractions *out)
{
	const UimlInteractions *x = ctx;
	size_t at = 0;
	UimlStatus status;

	*out = (UimlInteractions){0};
	status = open_selection(env, x, role, which, out);
	for (size_t u = 0; status == UIML_OK && u < x->n_users; u++)
	{
		size_t first = x->row_start[u];
		size_t n = x->row_start[u + 1] - first;

		if (role[u] != which || n == 0)
			continue;
		memcpy(out->item + at, x->item + first, n * sizeof(uint32_t));
		memcpy(out->strength + at, x->strength + first, n * sizeof(float));
		memcpy(out->mass + at, x->mass + first, n * sizeof(float));
		at += n;
		status = uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
	}
	if (status != UIML_OK)
		uiml_interactions_free(env, out);
	return status;
}

static UimlStatus
each_row(void *ctx, const UimlEnv *env, UimlUserRowFn row_fn, void *row_ctx)
{
	const UimlInteractions *x = ctx;
	size_t longest = 0;
	float *mass;
	UimlStatus status;

	for (size_t u = 0; u < x->n_users; u++)
	{
		size_t n = x->row_start[u + 1] - x->row_start[u];

		longest = n > longest ? n : longest;
	}
	mass = uiml_alloc(env, longest, sizeof(float));
	status = mass == NULL ? UIML_ENOMEM : UIML_OK;
	for (size_t u = 0; status == UIML_OK && u < x->n_users; u++)
	{
		size_t first = x->row_start[u];
		size_t n = x->row_start[u + 1] - first;
		double fade = x->fade != NULL ? uiml_fade(x->fade[u]) : 1;

		for (size_t e = 0; e < n; e++)
			mass[e] = uiml_mass(x->mass[first + e] * fade);
		row_fn(row_ctx, (uint32_t) u, x->item + first, mass, n);
		status = uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
	}
	uiml_free(env, mass);
	return status;
}

static size_t
fit_memory(void *ctx, size_t dims, size_t interests)
{
	const UimlInteractions *x = ctx;

	return uiml_model_memory(x->n_users, x->n_items, x->n_entries,
							 &(UimlModelParams){.dims = dims, .interests = interests});
}

UimlRows
uiml_rows_in_memory(const UimlInteractions *x)
{
	return (UimlRows){.n_users = x->n_users,
					  .n_items = x->n_items,
					  .n_texts = x->n_texts,
					  .n_entries = x->n_entries,
					  .ctx = (void *) (uintptr_t) x, /* none of the passes writes to it */
					  .masses = sum_masses,
					  .prior = sum_priors,
					  .decompose = decompose,
					  .select = select_rows,
					  .each = each_row,
					  .memory = fit_memory};
}
