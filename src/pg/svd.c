/*
 * svd.c
 *	  Singular vectors, and latent semantic analysis, of (row, column, weight) entries of any relation.
 *
 * Both read the entries as a sparse matrix and give the same rows: the singular values, then a vector for each
 * row and each column, in key order.  What differs is what is done to the matrix before (TF-IDF), and to the
 * vectors after.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/svd.h"
#include "core/tfidf.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/prediction.h"
#include "pg/relation.h"
#include "pg/toolargs.h"

#define MAX_ITERATIONS 1000
#define ROW_MEMORY     65536 /* bytes of texts and vectors made between resets */

/* A decomposition A = U diag(sigma) V'. */
typedef struct Decomposition
{
	MemoryContext context; /* "uiml singular vectors": all of it */
	UimlBudget budget;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env;
	UimlSvdParams params; /* dims as asked for, until the entries are read */
	UimlEntries entries;
	float *u;       /* n_rows x dims */
	float *v;       /* n_columns x dims */
	double *sigma;  /* dims */
	double *factor; /* n_columns, of LSA: inverse document frequencies */
} Decomposition;

static void
begin(Decomposition *svd, const char *purpose)
{
	memset(svd, 0, sizeof(*svd));
	svd->context =
		AllocSetContextCreate(CurrentMemoryContext, "uiml singular vectors", ALLOCSET_DEFAULT_SIZES);
	uiml_budget_init(&svd->budget, svd->context);
	svd->budget.purpose = purpose;
	svd->inner = uiml_env_pg(&svd->pg, svd->context, NULL, NULL);
	svd->env = uiml_budget_env(&svd->budget, &svd->inner);
}

/* Bytes beside the matrix: first the sketches, then both sides. */
static double
memory_needed(const void *ctx, size_t n_rows, size_t n_columns, size_t n_entries)
{
	const Decomposition *svd = ctx;
	double dims = (double) Min(svd->params.dims, Min(n_rows, n_columns));
	double right = (double) n_columns * (dims * sizeof(float) + sizeof(float) + sizeof(double));
	double sketches = (double) uiml_svd_memory(n_rows, n_columns, n_entries, svd->params.dims);
	double left = (double) n_rows * dims * sizeof(float);

	return right + Max(sketches, left);
}

/* Returns false where there is no entry. */
static bool
read_entries(Decomposition *svd, Oid relation, const char *row_col, const char *column_col,
			 const char *weight_col)
{
	UimlSparse *matrix = &svd->entries.matrix;

	uiml_relation_entries_for(relation, row_col, column_col, weight_col, memory_needed, svd, &svd->budget,
							  svd->context, &svd->entries);
	uiml_relation_tell_skipped(svd->entries.skipped);
	svd->params.dims = Min(svd->params.dims, Min(matrix->n_rows, matrix->n_cols));
	return matrix->row_start[matrix->n_rows] > 0;
}

static void *
allocate(Decomposition *svd, size_t count, size_t size)
{
	void *pointer = uiml_alloc(&svd->env, count, size);

	if (pointer == NULL)
		uiml_check(UIML_ENOMEM, "singular vectors");
	return pointer;
}

static void
decompose(Decomposition *svd)
{
	const UimlSparse *matrix = &svd->entries.matrix;
	size_t d = svd->params.dims;
	float *factor = allocate(svd, matrix->n_cols, sizeof(float));
	double explained;
	UimlStatus status;

	svd->v = allocate(svd, matrix->n_cols * d, sizeof(float));
	svd->sigma = allocate(svd, d, sizeof(double));
	uiml_blas_begin();
	status = uiml_svd_items(&svd->env, matrix, NULL, &svd->params, svd->v, svd->sigma, factor, &explained);
	uiml_check(status, "singular vectors");
	svd->u = allocate(svd, matrix->n_rows * d, sizeof(float));
	status = uiml_svd_rows(&svd->env, matrix, &svd->params, svd->v, svd->sigma, factor, svd->u);
	uiml_check(status, "singular vectors");
	uiml_blas_end();
}

/* --- rows ----------------------------------------------------------------------------------------------- */

static void
put_row(UimlResult *result, text *side, text *key, InterestVector *vector)
{
	Datum values[] = {PointerGetDatum(side), PointerGetDatum(key), PointerGetDatum(vector)};
	bool nulls[] = {false, key == NULL, false};

	uiml_result_put(result, values, nulls);
}

static void
put_sigma(const Decomposition *svd, UimlResult *result)
{
	InterestVector *vector = uiml_vector_new((int) svd->params.dims);

	for (int j = 0; j < vector->dim; j++)
		vector->x[j] = (float) svd->sigma[j];
	uiml_vector_check_overflow(vector);
	put_row(result, cstring_to_text("sigma"), NULL, vector);
}

static void
put_vectors(const Decomposition *svd, UimlResult *result, const char *side, const UimlKeys *keys,
			const float *x)
{
	int d = (int) svd->params.dims;
	MemoryContext scratch = AllocSetContextCreate(svd->context, "uiml result rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	size_t resets = 1 + ROW_MEMORY / UIML_VECTOR_SIZE(d);

	for (size_t i = 0; i < keys->n; i++)
	{
		if (i % resets == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(scratch);
		}
		put_row(result, cstring_to_text(side), uiml_key_as_text(keys->type, keys->key[i]),
				uiml_vector_from_floats(x + i * (size_t) d, d));
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

static void
finish(Decomposition *svd)
{
	MemoryContextDelete(svd->context);
	uiml_budget_release();
}

/* --- functions ------------------------------------------------------------------------------------------ */

/* uiml_svd(relation, row_col, column_col, weight_col, dims, row_scale, column_scale, iterations, seed) */
PG_FUNCTION_INFO_V1(uiml_svd);
Datum
uiml_svd(PG_FUNCTION_ARGS)
{
	Oid relation = uiml_arg_relation(fcinfo, 0, "relation");
	char *row_col = uiml_arg_column(fcinfo, 1, "row_col");
	char *column_col = uiml_arg_column(fcinfo, 2, "column_col");
	char *weight_col = uiml_arg_column_or_null(fcinfo, 3);
	UimlResult result;
	Decomposition svd;

	begin(&svd, "singular value decomposition");
	svd.params = uiml_svd_defaults((size_t) uiml_arg_int(fcinfo, 4, "dims", 1, UIML_VECTOR_MAX_DIM));
	svd.params.row_scale = uiml_arg_share(fcinfo, 5, "row_scale");
	svd.params.col_scale = uiml_arg_share(fcinfo, 6, "column_scale");
	svd.params.iterations = (size_t) uiml_arg_int(fcinfo, 7, "iterations", 1, MAX_ITERATIONS);
	svd.params.seed = uiml_arg_seed(fcinfo, 8);
	uiml_result_begin(fcinfo, 3, &result);

	if (read_entries(&svd, relation, row_col, column_col, weight_col))
	{
		decompose(&svd);
		put_sigma(&svd, &result);
		put_vectors(&svd, &result, "row", &svd.entries.rows, svd.u);
		put_vectors(&svd, &result, "column", &svd.entries.columns, svd.v);
	}
	finish(&svd);
	return (Datum) 0;
}

/* Counts become TF-IDF weights in rows of length 1. */
static void
weight_terms(Decomposition *svd, const char *count_col)
{
	UimlStatus status;

	svd->factor = allocate(svd, svd->entries.matrix.n_cols, sizeof(double));
	status = uiml_tfidf(&svd->env, &svd->entries.matrix, svd->factor);
	if (status == UIML_EINVALID)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("count of a term must be greater than or equal to zero"),
						errdetail("Column \"%s\" adds up to less in a document.", count_col)));
	uiml_check(status, "weights of terms");
}

/*
 * Documents are rows of A V = U diag(sigma), scaled to length 1.  A term is what one occurrence of it adds to a
 * document before that: its row of V times its inverse document frequency.
 */
static void
place_in_space(Decomposition *svd)
{
	size_t d = svd->params.dims;
	const UimlSparse *matrix = &svd->entries.matrix;

	for (size_t i = 0; i < matrix->n_rows; i++)
	{
		float *u = svd->u + i * d;
		double squares = 0;

		for (size_t j = 0; j < d; j++)
			squares += pow(u[j] * svd->sigma[j], 2);
		for (size_t j = 0; j < d; j++)
			u[j] = squares > 0 ? (float) (u[j] * svd->sigma[j] / sqrt(squares)) : 0;
	}
	for (size_t i = 0; i < matrix->n_cols; i++)
		for (size_t j = 0; j < d; j++)
			svd->v[i * d + j] = (float) (svd->v[i * d + j] * svd->factor[i]);
}

/* uiml_lsa(relation, document_col, term_col, count_col, dims, seed) */
PG_FUNCTION_INFO_V1(uiml_lsa);
Datum
uiml_lsa(PG_FUNCTION_ARGS)
{
	Oid relation = uiml_arg_relation(fcinfo, 0, "relation");
	char *document_col = uiml_arg_column(fcinfo, 1, "document_col");
	char *term_col = uiml_arg_column(fcinfo, 2, "term_col");
	char *count_col = uiml_arg_column_or_null(fcinfo, 3);
	UimlResult result;
	Decomposition svd;

	begin(&svd, "latent semantic analysis");
	svd.params = uiml_svd_defaults((size_t) uiml_arg_int(fcinfo, 4, "dims", 1, UIML_VECTOR_MAX_DIM));
	svd.params.row_scale = svd.params.col_scale = 0;
	svd.params.seed = uiml_arg_seed(fcinfo, 5);
	uiml_result_begin(fcinfo, 3, &result);

	if (read_entries(&svd, relation, document_col, term_col, count_col))
	{
		weight_terms(&svd, count_col);
		decompose(&svd);
		place_in_space(&svd);
		put_sigma(&svd, &result);
		put_vectors(&svd, &result, "document", &svd.entries.rows, svd.u);
		put_vectors(&svd, &result, "term", &svd.entries.columns, svd.v);
	}
	finish(&svd);
	return (Datum) 0;
}
