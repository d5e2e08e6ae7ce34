/*
 * rows.h
 *	  The rows of a user x item matrix as a model is fitted on them: passed over as a whole, wherever they
 *	  are.
 *
 * A fit asks for a few sums over all users and for singular vectors; none of it needs more than one row at a
 * time.  So the rows may be interactions in memory (uiml_rows_in_memory), or a table that is read once for
 * each pass.  What held-out users did is small, and is taken into memory from either.
 */
#ifndef UIML_ROWS_H
#define UIML_ROWS_H

#include "core/interactions.h"
#include "core/svd.h"

/*
 * A user's row: n columns, ascending, and their masses decayed to the instant that the rows' fades count to.
 */
typedef void (*UimlUserRowFn)(void *ctx, uint32_t user, const uint32_t *item, const float *mass, size_t n);

/*
 * Columns of n_items and above are texts: they have masses, but no part in items' masses and singular
 * vectors.
 *
 * Each function gets ctx; row_used flags the rows that count, NULL all.  A status other than UIML_OK ends
 * what was being done.
 *
 * masses:	mass (n_items) receives the sums of the rows' masses by item, decayed to one instant (faded) or
 *			each to the row's own; *n_rows (may be NULL) how many rows have an item
 * prior:	sum (k) receives the sums over rows of their distributions over interests, interest being that of
 *			each of n_columns columns (UINT32_MAX: none), by masses as they are; *users how many rows have one
 * decompose: uiml_svd_items of log2(1 + strength)
 * select:	the rows of users u with role[u] = which, in order, as interactions in memory, of as many users
 * each:	calls row_fn for each user in order, also for one without entries
 * memory:	bytes at the peak of a fit of dims (> 0) dimensions, what the rows themselves hold included
 */
typedef struct UimlRows
{
	size_t n_users;
	size_t n_items;
	size_t n_texts;
	size_t n_entries;
	void *ctx;
	UimlStatus (*masses)(void *ctx, const UimlEnv *env, const uint8_t *row_used, bool faded, double *mass,
						 size_t *n_rows);
	UimlStatus (*prior)(void *ctx, const UimlEnv *env, const uint8_t *row_used, const uint32_t *interest,
						size_t n_columns, size_t k, double *sum, double *users);
	UimlStatus (*decompose)(void *ctx, const UimlEnv *env, const uint8_t *row_used,
							const UimlSvdParams *params, float *v, double *sigma, float *col_factor,
							double *explained);
	UimlStatus (*select)(void *ctx, const UimlEnv *env, const uint8_t *role, uint8_t which,
						 UimlInteractions *out);
	UimlStatus (*each)(void *ctx, const UimlEnv *env, UimlUserRowFn row_fn, void *row_ctx);
	size_t (*memory)(void *ctx, size_t dims, size_t interests);
} UimlRows;

/* Interactions in memory, which must outlive what is returned and are not changed by it. */
extern UimlRows uiml_rows_in_memory(const UimlInteractions *x);

/*
 * uiml_rows_add_prior
 *		Adds one row's distribution over interests to sum (k), and 1 to *users where it has one; own (k) is
 *		room for it.  A pass of prior is nothing but this for each row.
 */
extern void uiml_rows_add_prior(const uint32_t *item, const float *mass, size_t n, const uint32_t *interest,
								size_t n_columns, size_t k, double *own, double *sum, double *users);

#endif /* UIML_ROWS_H */
