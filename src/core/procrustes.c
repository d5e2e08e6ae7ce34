/*
 * procrustes.c
 *	  Rotating one space onto another by the items that both have, and carrying a transfer over.
 *
 * For p <= q, |A R - B|^2 = |A|^2 + |B|^2 - 2 tr R' A'B as R keeps the lengths of the rows of A; tr R' A'B is
 * largest at R = U V'.  For p > q the same R minimises |A - B R'|^2.  (That of |A R - B|^2, where R may also
 * choose what to project away, has no closed form, and would favour directions that are short.)
 */
#include "core/procrustes.h"

#include <math.h>
#include <string.h>

#include "core/linalg.h"

#define BLOCK_ROWS 256

/* Sums of weighted squares of both sides. */
typedef struct Lengths
{
	double from;
	double onto;
} Lengths;

/* Rows first .. first + n - 1 of d numbers in double precision, each times its factor. */
static double
read_rows(const float *x, size_t d, size_t first, size_t n, const double *weight, bool scaled, double *block)
{
	double length = 0;

	for (size_t i = 0; i < n; i++)
	{
		double w = weight != NULL ? weight[first + i] : 1;

		for (size_t j = 0; j < d; j++)
		{
			double value = x[(first + i) * d + j];

			length += w * value * value;
			block[i * d + j] = scaled ? w * value : value;
		}
	}
	return length;
}

/* cross (p x q) = from' diag(weight) onto */
static UimlStatus
cross_product(const UimlEnv *env, const UimlSharedRows *rows, double *cross, Lengths *lengths)
{
	double *from = uiml_alloc(env, BLOCK_ROWS * rows->p, sizeof(double));
	double *onto = uiml_alloc(env, BLOCK_ROWS * rows->q, sizeof(double));
	UimlStatus status = from != NULL && onto != NULL ? UIML_OK : UIML_ENOMEM;

	memset(cross, 0, rows->p * rows->q * sizeof(double));
	*lengths = (Lengths){0};
	for (size_t first = 0; status == UIML_OK && first < rows->n; first += BLOCK_ROWS)
	{
		size_t n = rows->n - first < BLOCK_ROWS ? rows->n - first : BLOCK_ROWS;

		lengths->from += read_rows(rows->from, rows->p, first, n, rows->weight, true, from);
		lengths->onto += read_rows(rows->onto, rows->q, first, n, rows->weight, false, onto);
		status = uiml_gemm_f64(env, true, false, rows->p, rows->q, n, 1, from, onto, 1, cross);
	}
	uiml_free(env, from);
	uiml_free(env, onto);
	if (status == UIML_OK && !(isfinite(lengths->from) && isfinite(lengths->onto)))
		status = UIML_ENOTFINITE;
	if (status == UIML_OK && !(lengths->from > 0 && lengths->onto > 0))
		status = UIML_EEMPTY;
	return status;
}

static bool
valid_weights(const UimlSharedRows *rows)
{
	for (size_t i = 0; rows->weight != NULL && i < rows->n; i++)
		if (!(rows->weight[i] >= 0) || isinf(rows->weight[i]))
			return false;
	return true;
}

UimlStatus
uiml_procrustes(const UimlEnv *env, const UimlSharedRows *rows, double *r, double *fit)
{
	size_t p = rows->p;
	size_t q = rows->q;
	size_t rank = p < q ? p : q;
	double *u, *value, *v, *cross;
	Lengths lengths;
	UimlStatus status = UIML_ENOMEM;

	if (p == 0 || q == 0 || !valid_weights(rows))
		return UIML_EINVALID;
	cross = uiml_alloc(env, p * q, sizeof(double));
	u = uiml_alloc(env, p * rank, sizeof(double));
	value = uiml_alloc(env, rank, sizeof(double));
	v = uiml_alloc(env, rank * q, sizeof(double));
	if (cross != NULL && u != NULL && value != NULL && v != NULL)
		status = cross_product(env, rows, cross, &lengths);
	if (status == UIML_OK)
		status = uiml_svd_f64(env, p, q, cross, u, value, v);
	if (status == UIML_OK)
		status = uiml_gemm_f64(env, false, false, p, q, rank, 1, u, v, 0, r);
	if (status == UIML_OK && fit != NULL)
	{
		*fit = 0;
		for (size_t i = 0; i < rank; i++)
			*fit += value[i] / sqrt(lengths.from) / sqrt(lengths.onto);
	}
	uiml_free(env, cross);
	uiml_free(env, u);
	uiml_free(env, value);
	uiml_free(env, v);
	return status;
}

/* R of a side, or nothing for NULL. */
static UimlStatus
turn_of(const UimlEnv *env, const UimlSharedRows *side, double **r)
{
	*r = NULL;
	if (side == NULL)
		return UIML_OK;
	*r = uiml_alloc(env, side->p * side->q, sizeof(double));
	return *r == NULL ? UIML_ENOMEM : uiml_procrustes(env, side, *r, NULL);
}

UimlStatus
uiml_align(const UimlEnv *env, const UimlSharedRows *source, const UimlSharedRows *target, size_t n, size_t p,
		   size_t q, const double *w, double *aligned)
{
	size_t new_p = source != NULL ? source->q : p;
	size_t new_q = target != NULL ? target->q : q;
	double *turn_s = NULL, *turn_t = NULL, *half = NULL;
	UimlStatus status;

	if ((source != NULL && source->p != p) || (target != NULL && target->p != q))
		return UIML_EINVALID;
	status = turn_of(env, source, &turn_s);
	if (status == UIML_OK)
		status = turn_of(env, target, &turn_t);
	if (status == UIML_OK && (half = uiml_alloc(env, new_p * q, sizeof(double))) == NULL)
		status = UIML_ENOMEM;
	for (size_t i = 0; status == UIML_OK && i < n; i++, w += p * q, aligned += new_p * new_q)
	{
		if (source == NULL)
			memcpy(half, w, p * q * sizeof(double));
		else
			status = uiml_gemm_f64(env, true, false, new_p, q, p, 1, turn_s, w, 0, half);
		if (status == UIML_OK && target == NULL)
			memcpy(aligned, half, new_p * q * sizeof(double));
		else if (status == UIML_OK)
			status = uiml_gemm_f64(env, false, false, new_p, new_q, q, 1, half, turn_t, 0, aligned);
	}
	uiml_free(env, turn_s);
	uiml_free(env, turn_t);
	uiml_free(env, half);
	return status;
}
