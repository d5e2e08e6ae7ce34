/*
 * entries.c
 *	  From (row, column, value) entries in any order to a sparse matrix.
 */
#include "core/entries.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define CHECK_ENTRIES 65536

/* Adds up the entries that share row and column with the one at *at, and moves behind them. */
static double
sum_of_equals(const UimlEntry *entries, size_t n, size_t *at)
{
	const UimlEntry *first = &entries[*at];
	double sum = 0;

	for (; *at < n && entries[*at].user == first->user && entries[*at].item == first->item; (*at)++)
		sum += entries[*at].at;
	return sum;
}

/* Counts the sums of sorted entries that are not zero, and, where x has arrays for as many, fills them. */
static UimlStatus
add_up(const UimlEnv *env, const UimlEntry *entries, size_t n, UimlSparse *x, size_t *n_sums)
{
	size_t next_check = 0;

	*n_sums = 0;
	for (size_t at = 0; at < n;)
	{
		const UimlEntry *entry = &entries[at];
		double sum;

		if (entry->item >= x->n_cols)
			return UIML_EINVALID;
		if (at >= next_check)
		{
			if (uiml_interrupted(env))
				return UIML_EINTERRUPTED;
			next_check = at + CHECK_ENTRIES;
		}
		sum = sum_of_equals(entries, n, &at);
		if (fabs(sum) > FLT_MAX)
			return UIML_ENOTFINITE;
		if ((float) sum == 0)
			continue;
		if (x->row_start != NULL)
		{
			x->col[*n_sums] = entry->item;
			x->value[*n_sums] = (float) sum;
			x->row_start[entry->user + 1]++;
		}
		(*n_sums)++;
	}
	return UIML_OK;
}

/* From sorted entries; on failure x may hold some of its arrays. */
static UimlStatus
build(const UimlEnv *env, const UimlEntry *entries, size_t n, UimlSparse *x)
{
	size_t n_sums;
	UimlStatus status = add_up(env, entries, n, x, &n_sums);

	if (status != UIML_OK)
		return status;
	x->col = uiml_alloc(env, n_sums, sizeof(uint32_t));
	x->value = uiml_alloc(env, n_sums, sizeof(float));
	x->row_start = uiml_alloc0(env, x->n_rows + 1, sizeof(size_t));
	if (x->col == NULL || x->value == NULL || x->row_start == NULL)
		return UIML_ENOMEM;
	status = add_up(env, entries, n, x, &n_sums);
	for (size_t row = 0; row < x->n_rows; row++)
		x->row_start[row + 1] += x->row_start[row];
	return status;
}

UimlStatus
uiml_entries_build(const UimlEnv *env, UimlEntry *entries, size_t n, size_t n_rows, size_t n_cols,
				   UimlSparse *x)
{
	UimlStatus status;

	memset(x, 0, sizeof(*x));
	x->n_rows = n_rows;
	x->n_cols = n_cols;
	status = uiml_events_sort(env, entries, n, n_rows);
	if (status == UIML_OK)
		status = build(env, entries, n, x);
	if (status != UIML_OK)
		uiml_sparse_free(env, x);
	return status;
}

void
uiml_sparse_free(const UimlEnv *env, UimlSparse *x)
{
	uiml_free(env, x->row_start);
	uiml_free(env, x->col);
	uiml_free(env, x->value);
	memset(x, 0, sizeof(*x));
}
