/*
 * transfer_rows.c
 *	  States of uiml_transfer that keep their rows, for fits by cross-entropy.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "pg/env.h"
#include "pg/transfer_rows.h"

/* Room of a new state, and what any growth adds at least. */
#define MIN_ROOM 16

/* Bytes of a state, with its length, for so many rows. */
static UimlTransferState *
rows_alloc(size_t p, size_t q, bool prior, size_t capacity)
{
	size_t size = uiml_transfer_rows_size(p, q, prior, capacity);
	UimlTransferState *state;

	if (size > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("rows of a group exceed %zu bytes", (size_t) MaxAllocSize),
						errdetail("A fit by cross_entropy keeps its rows."),
						errhint("Fit fewer rows, or by passes with uiml_logistic_pass.")));
	state = palloc(size);
	SET_VARSIZE(state, size);
	return state;
}

/* A copy that has room for so many rows. */
static UimlTransferState *
rows_copy(const UimlTransferState *state, size_t capacity)
{
	bool prior = state->prior != 0;
	UimlTransferState *copy = rows_alloc(state->p, state->q, prior, capacity);
	Size size = VARSIZE(copy);

	memcpy(copy, state, uiml_transfer_rows_size(state->p, state->q, prior, state->pending));
	SET_VARSIZE(copy, size);
	return copy;
}

UimlTransferState *
uiml_rows_new(size_t p, size_t q, double lambda, const double *prior)
{
	UimlTransferState *state = rows_alloc(p, q, prior != NULL, MIN_ROOM);

	uiml_transfer_rows_init(state, p, q, lambda, prior);
	return state;
}

static void
check_counts(const UimlVectorView *y)
{
	for (int j = 0; j < y->dim; j++)
	{
		float count;

		memcpy(&count, y->x + j, sizeof(count));
		if (!(count >= 0))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("target of cross_entropy must be greater than or equal to zero"),
							errdetail("Element %d is %g.", j + 1, (double) count)));
	}
}

UimlTransferState *
uiml_rows_add(UimlTransferState *state, const UimlVectorView *x, const UimlVectorView *y)
{
	size_t capacity = uiml_transfer_rows_capacity(state->p, state->q, state->prior != 0, VARSIZE(state));

	check_counts(y);
	if (state->pending == capacity)
		state = rows_copy(state, capacity + capacity / 2 + MIN_ROOM);
	uiml_transfer_rows_add(state, x->x, y->x);
	return state;
}

UimlTransferState *
uiml_rows_combine(const UimlTransferState *a, const UimlTransferState *b)
{
	UimlTransferState *sum = rows_copy(a, (size_t) a->pending + b->pending);

	uiml_transfer_rows_append(sum, b);
	return sum;
}

UimlMatrix *
uiml_rows_fit(const UimlEnv *env, const UimlTransferState *state)
{
	UimlMatrix *matrix = uiml_matrix_new(state->p, state->q, true);
	UimlStatus status;

	uiml_blas_begin();
	/* a matrix's intercept lies behind it, as a fit has it */
	status = uiml_transfer_rows_fit(env, state, matrix->data);
	uiml_blas_end();
	if (status == UIML_EEMPTY)
		return NULL;
	uiml_check(status, "transfer");
	return matrix;
}
