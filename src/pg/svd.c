/*
 * svd.c
 *	  Singular vectors, and latent semantic analysis, of (row, column, weight) entries of any relation.
 *
 * Both read the entries as a sparse matrix and give the same rows: the singular values, then a vector for
 * each row and each column, in key order.  What differs is what is done to the matrix before (TF-IDF), and to
 * the vectors after.  A matrix that does not fit in memory goes to a temporary file, sorted by row, and is
 * decomposed by passes over it; then a row's vector is computed as the row is passed for the last time.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/kernels.h"
#include "core/svd.h"
#include "core/tfidf.h"
#include "core/vector.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/prediction.h"
#include "pg/relation.h"
#include "pg/svd_file.h"
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
	UimlEntries entries;  /* in memory */
	UimlSvdFile passes;   /* or in a file, where there is one */
	float *u;             /* n_rows x dims, of entries in memory */
	float *v;             /* n_columns x dims */
	double *sigma;        /* dims */
	double *idf;          /* n_columns: of LSA */
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

/* Bytes beside the matrix: first the sketches, then both sides; with no rows, those of passes over a file. */
static double
memory_needed(const void *ctx, size_t n_rows, size_t n_columns, size_t n_entries)
{
	const Decomposition *svd = ctx;
	size_t least = n_rows > 0 ? Min(n_rows, n_columns) : n_columns;
	double dims = (double) Min(svd->params.dims, least);
	double right = (double) n_columns * (dims * sizeof(float) + sizeof(float) + 2 * sizeof(double));
	double sketches = (double) uiml_svd_memory(least, n_columns, n_entries, svd->params.dims);
	double left = (double) n_rows * dims * sizeof(float);

	return right + Max(sketches, left);
}

static bool
read_into_memory(Decomposition *svd, Oid relation, const char *row_col, const char *column_col,
				 const char *weight_col)
{
	MemoryContext context = AllocSetContextCreate(svd->context, "uiml entries", ALLOCSET_DEFAULT_SIZES);

	if (uiml_memory_mode == UIML_MEMORY_ONLY)
		uiml_relation_entries_for(relation, row_col, column_col, weight_col, memory_needed, svd, &svd->budget,
								  context, &svd->entries);
	else if (!uiml_relation_entries_fit(relation, row_col, column_col, weight_col, memory_needed, svd,
										&svd->budget, context, &svd->entries))
	{
		MemoryContextDelete(context);
		uiml_budget_release();
		return false;
	}
	return true;
}

/* Returns false where there is no entry. */
static bool
read_entries(Decomposition *svd, Oid relation, const char *row_col, const char *column_col,
			 const char *weight_col)
{
	UimlSparse *matrix = &svd->entries.matrix;
	UimlEntriesFile *file;

	if (uiml_memory_mode != UIML_MEMORY_PASSES &&
		read_into_memory(svd, relation, row_col, column_col, weight_col))
	{
		uiml_relation_tell_skipped(svd->entries.skipped);
		svd->params.dims = Min(svd->params.dims, Min(matrix->n_rows, matrix->n_cols));
		return matrix->row_start[matrix->n_rows] > 0;
	}
	file = uiml_entries_file_write(relation, row_col, column_col, weight_col, &svd->budget, svd->context);
	uiml_relation_tell_skipped(uiml_entries_file_skipped(file));
	svd->passes.env = &svd->env;
	svd->passes.file = file;
	svd->entries.columns = *uiml_entries_file_columns(file);
	svd->passes.n_columns = svd->entries.columns.n;
	svd->params.dims = Min(svd->params.dims, Min(uiml_entries_file_rows(file), svd->passes.n_columns));
	return uiml_entries_file_entries(file) > 0;
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
decompose_in_memory(Decomposition *svd, float *factor)
{
	const UimlSparse *matrix = &svd->entries.matrix;
	double explained;

	uiml_check(uiml_svd_items(&svd->env, matrix, NULL, &svd->params, svd->v, svd->sigma, factor, &explained),
			   "singular vectors");
	svd->u = allocate(svd, matrix->n_rows * svd->params.dims, sizeof(float));
	uiml_check(uiml_svd_rows(&svd->env, matrix, &svd->params, svd->v, svd->sigma, factor, svd->u),
			   "singular vectors");
}

static void
decompose_by_passes(Decomposition *svd, float *factor)
{
	UimlSvdMatrix matrix = uiml_svd_file_matrix(&svd->passes);
	double explained;

	uiml_check(uiml_svd_matrix(&svd->env, &matrix, &svd->params, svd->v, svd->sigma, factor, &explained),
			   "singular vectors");
}

static void
decompose(Decomposition *svd)
{
	size_t n_columns = svd->entries.columns.n;
	size_t d = svd->params.dims;
	float *factor;

	if (svd->passes.file != NULL)
	{
		double needed = memory_needed(svd, 0, n_columns, 0);

		if (!uiml_budget_fits(&svd->budget, (size_t) needed))
			uiml_budget_exceeded(&svd->budget, psprintf("%zu columns of %zu dimensions", n_columns, d),
								 (double) uiml_budget_used(&svd->budget) + needed);
	}
	factor = allocate(svd, n_columns, sizeof(float));
	svd->v = allocate(svd, n_columns * d, sizeof(float));
	svd->sigma = allocate(svd, d, sizeof(double));
	uiml_blas_begin();
	if (svd->passes.file != NULL)
		decompose_by_passes(svd, factor);
	else
		decompose_in_memory(svd, factor);
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

/* Rows of a file as they are passed: of U, or scaled to length 1. */
static void
put_passed_rows(Decomposition *svd, UimlResult *result, const char *side, bool unit)
{
	UimlSvdFile *passes = &svd->passes;
	const UimlKernels *kernels = uiml_kernels();
	int d = (int) svd->params.dims;
	MemoryContext scratch = AllocSetContextCreate(svd->context, "uiml result rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	UimlEntriesRow row;

	uiml_entries_file_rewind(passes->file);
	while (uiml_svd_file_next(passes, &row))
	{
		InterestVector *vector = uiml_vector_new(d);
		double norm;

		kernels->gather_rows(row.column, row.value, row.n, svd->v, (size_t) d, (size_t) d, vector->x);
		norm = uiml_vector_norm(vector->x, (size_t) d);
		for (int j = 0; j < d; j++)
		{
			double divisor = unit ? norm : svd->sigma[j] / passes->scale;

			vector->x[j] = divisor > 0 ? (float) (vector->x[j] / divisor) : 0;
		}
		put_row(result, cstring_to_text(side), cstring_to_text_with_len(row.key, (int) row.key_length),
				vector);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

static void
finish(Decomposition *svd)
{
	if (svd->passes.file != NULL)
		uiml_entries_file_close(svd->passes.file);
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
	svd.params.row_scale = uiml_arg_share(fcinfo, 5, "row_scale", NULL);
	svd.params.col_scale = uiml_arg_share(fcinfo, 6, "column_scale", NULL);
	svd.params.iterations = (size_t) uiml_arg_int(fcinfo, 7, "iterations", 1, MAX_ITERATIONS);
	svd.params.seed = uiml_arg_seed(fcinfo, 8);
	uiml_result_begin(fcinfo, 3, &result);

	if (read_entries(&svd, relation, row_col, column_col, weight_col))
	{
		decompose(&svd);
		put_sigma(&svd, &result);
		if (svd.passes.file != NULL)
			put_passed_rows(&svd, &result, "row", false);
		else
			put_vectors(&svd, &result, "row", &svd.entries.rows, svd.u);
		put_vectors(&svd, &result, "column", &svd.entries.columns, svd.v);
	}
	finish(&svd);
	return (Datum) 0;
}

/* Inverse document frequencies of a matrix in a file, which weights its rows as they are read. */
static bool
find_idf(Decomposition *svd)
{
	size_t n_texts = uiml_entries_file_rows(svd->passes.file);
	bool counts = uiml_svd_file_count(&svd->passes, svd->idf);

	for (size_t i = 0; i < svd->passes.n_columns; i++)
		svd->idf[i] = uiml_idf(n_texts, (size_t) svd->idf[i]);
	svd->passes.idf = svd->idf;
	return counts;
}

/* Counts become TF-IDF weights in rows of length 1. */
static void
weight_terms(Decomposition *svd, const char *count_col)
{
	UimlStatus status;

	svd->idf = allocate(svd, svd->entries.columns.n, sizeof(double));
	if (svd->passes.file != NULL)
		status = find_idf(svd) ? UIML_OK : UIML_EINVALID;
	else
		status = uiml_tfidf(&svd->env, &svd->entries.matrix, svd->idf);
	if (status == UIML_EINVALID)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("count of a term must be greater than or equal to zero"),
						errdetail("Column \"%s\" adds up to less in a document.", count_col)));
	uiml_check(status, "weights of terms");
}

/* Documents are rows of A V = U diag(sigma), scaled to length 1. */
static void
place_documents(Decomposition *svd)
{
	size_t d = svd->params.dims;

	for (size_t i = 0; i < svd->entries.rows.n; i++)
	{
		float *u = svd->u + i * d;
		double squares = 0;

		for (size_t j = 0; j < d; j++)
			squares += pow(u[j] * svd->sigma[j], 2);
		for (size_t j = 0; j < d; j++)
			u[j] = squares > 0 ? (float) (u[j] * svd->sigma[j] / sqrt(squares)) : 0;
	}
}

/*
 * A term is what one occurrence of it adds to a document before its length becomes 1: its row of V times its
 * inverse document frequency.
 */
static void
place_terms(Decomposition *svd)
{
	size_t d = svd->params.dims;

	for (size_t i = 0; i < svd->entries.columns.n; i++)
		for (size_t j = 0; j < d; j++)
			svd->v[i * d + j] = (float) (svd->v[i * d + j] * svd->idf[i]);
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
		put_sigma(&svd, &result);
		if (svd.passes.file != NULL)
			put_passed_rows(&svd, &result, "document", true);
		else
		{
			place_documents(&svd);
			put_vectors(&svd, &result, "document", &svd.entries.rows, svd.u);
		}
		place_terms(&svd);
		put_vectors(&svd, &result, "term", &svd.entries.columns, svd.v);
	}
	finish(&svd);
	return (Datum) 0;
}
