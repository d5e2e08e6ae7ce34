/*
 * tfidf.c
 *	  Weights of terms in texts.
 */
#include "core/tfidf.h"

#include <math.h>
#include <string.h>

#define CHECK_ENTRIES 65536

double
uiml_tf(double count)
{
	return count >= 1 ? 1 + log(count) : count;
}

double
uiml_idf(size_t n_texts, size_t n_with)
{
	return 1 + log((1 + (double) n_texts) / (1 + (double) n_with));
}

/* Inverse document frequencies of the columns; idf counts first. */
static UimlStatus
find_idf(const UimlEnv *env, const UimlSparse *x, double *idf)
{
	memset(idf, 0, x->n_cols * sizeof(double));
	for (size_t k = 0; k < x->row_start[x->n_rows]; k++)
	{
		if (k % CHECK_ENTRIES == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (!(x->value[k] >= 0))
			return UIML_EINVALID;
		idf[x->col[k]]++;
	}
	for (size_t i = 0; i < x->n_cols; i++)
		idf[i] = uiml_idf(x->n_rows, (size_t) idf[i]);
	return UIML_OK;
}

UimlStatus
uiml_tfidf(const UimlEnv *env, UimlSparse *x, double *idf)
{
	UimlStatus status = find_idf(env, x, idf);

	for (size_t row = 0; status == UIML_OK && row < x->n_rows; row++)
	{
		double squares = 0;

		if (row % 1024 == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		for (size_t k = x->row_start[row]; k < x->row_start[row + 1]; k++)
		{
			double weight = uiml_tf(x->value[k]) * idf[x->col[k]];

			squares += weight * weight;
			x->value[k] = (float) weight;
		}
		for (size_t k = x->row_start[row]; k < x->row_start[row + 1]; k++)
			if (squares > 0)
				x->value[k] = (float) (x->value[k] / sqrt(squares));
	}
	return status;
}

double
uiml_class_tfidf_weight(double count, double class_total, double term_total, double mean)
{
	return count / class_total * log1p(mean / term_total);
}

/* Sums of the rows and of the columns, and of all. */
static UimlStatus
find_totals(const UimlEnv *env, const UimlSparse *x, double *row_total, double *col_total, double *total)
{
	*total = 0;
	for (size_t row = 0; row < x->n_rows; row++)
	{
		if (row % 1024 == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		for (size_t k = x->row_start[row]; k < x->row_start[row + 1]; k++)
		{
			if (!(x->value[k] >= 0) || isinf(x->value[k]))
				return UIML_EINVALID;
			row_total[row] += x->value[k];
			col_total[x->col[k]] += x->value[k];
		}
		*total += row_total[row];
	}
	return UIML_OK;
}

UimlStatus
uiml_class_tfidf(const UimlEnv *env, const UimlSparse *x, double *weight)
{
	double *row_total = uiml_alloc0(env, x->n_rows, sizeof(double));
	double *col_total = uiml_alloc0(env, x->n_cols, sizeof(double));
	UimlStatus status = UIML_ENOMEM;
	double total;

	if (row_total != NULL && col_total != NULL)
		status = find_totals(env, x, row_total, col_total, &total);
	for (size_t row = 0; status == UIML_OK && row < x->n_rows; row++)
	{
		if (row % 1024 == 0 && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		for (size_t k = x->row_start[row]; k < x->row_start[row + 1]; k++)
			weight[k] = x->value[k] > 0
							? uiml_class_tfidf_weight(x->value[k], row_total[row], col_total[x->col[k]],
													  total / (double) x->n_rows)
							: 0;
	}
	uiml_free(env, col_total);
	uiml_free(env, row_total);
	return status;
}
