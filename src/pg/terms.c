/*
 * terms.c
 *	  The words of a text, and the terms that mark a class.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/terms.h"
#include "core/tfidf.h"
#include "pg/env.h"
#include "pg/prediction.h"
#include "pg/relation.h"
#include "pg/toolargs.h"
#include "pg/utf8.h"

#define INTERRUPT_COMPARE 0xffff
#define RESET_ROWS        1024 /* rows between resets of what their texts take */

/* ---------- words ---------- */

typedef struct TermReader
{
	UimlResult result;
	MemoryContext scratch; /* emptied after each term */
} TermReader;

/* Adds a row.  An error or a cancel may leave from here: the splitter holds no memory. */
static UimlStatus
put_term(void *ctx, const char *term, size_t length)
{
	TermReader *reader = ctx;
	MemoryContext old = MemoryContextSwitchTo(reader->scratch);
	char *word = uiml_utf8_to_server(term, length);

	CHECK_FOR_INTERRUPTS();
	if (word != NULL)
	{
		Datum value = CStringGetTextDatum(word);
		bool null = false;

		uiml_result_put(&reader->result, &value, &null);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(reader->scratch);
	return UIML_OK;
}

/* uiml_terms(content) */
PG_FUNCTION_INFO_V1(uiml_terms);
Datum
uiml_terms(PG_FUNCTION_ARGS)
{
	text *content = PG_GETARG_TEXT_PP(0);
	TermReader reader;
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	const char *utf8;
	size_t length;

	uiml_result_begin(fcinfo, 1, &reader.result);
	reader.scratch = AllocSetContextCreate(CurrentMemoryContext, "uiml term", ALLOCSET_SMALL_SIZES);
	utf8 = uiml_utf8_from_server(VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content), &length);
	uiml_check(uiml_terms_each(&env, utf8, length, put_term, &reader), "words");
	MemoryContextDelete(reader.scratch);
	return (Datum) 0;
}

/* ---------- c-TF-IDF ---------- */

typedef struct Classes
{
	MemoryContext context; /* "uiml classes": all of it */
	UimlBudget budget;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env;
	UimlEntries entries;
	double *weight;        /* by entry */
	MemoryContext scratch; /* "uiml class": texts of rows */
	uint64 compared;
} Classes;

/* Bytes beside the matrix: weights, an order of a class's terms, and sums. */
static double
memory_needed(const void *ctx, size_t n_rows, size_t n_columns, size_t n_entries)
{
	(void) ctx;
	return (double) n_entries * (sizeof(double) + sizeof(size_t)) +
		   ((double) n_rows + (double) n_columns) * sizeof(double);
}

static void
read_classes(Classes *classes, Oid relation, const char *class_col, const char *term_col,
			 const char *count_col)
{
	UimlSparse *count = &classes->entries.matrix;
	UimlStatus status;

	uiml_relation_entries_for(relation, class_col, term_col, count_col, memory_needed, NULL, &classes->budget,
							  classes->context, &classes->entries);
	uiml_relation_tell_skipped(classes->entries.skipped);
	classes->weight = uiml_alloc(&classes->env, count->row_start[count->n_rows], sizeof(double));
	status = classes->weight != NULL ? uiml_class_tfidf(&classes->env, count, classes->weight) : UIML_ENOMEM;
	if (status == UIML_EINVALID)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("count of a term must be greater than or equal to zero"),
						errdetail("Column \"%s\" adds up to less in a class.", count_col)));
	uiml_check(status, "weights of terms");
}

/* Heaviest first; entries of a class are in the order of their terms. */
static int
compare_terms(const void *a, const void *b, void *arg)
{
	Classes *classes = arg;
	size_t x = *(const size_t *) a;
	size_t y = *(const size_t *) b;

	if ((++classes->compared & INTERRUPT_COMPARE) == 0)
		CHECK_FOR_INTERRUPTS();
	if (classes->weight[x] != classes->weight[y])
		return classes->weight[x] > classes->weight[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void
put_row(const Classes *classes, size_t number, size_t rank, size_t entry, UimlResult *result)
{
	const UimlKeys *rows = &classes->entries.rows;
	const UimlKeys *columns = &classes->entries.columns;
	uint32 term = classes->entries.matrix.col[entry];
	Datum values[] = {PointerGetDatum(uiml_key_as_text(rows->type, rows->key[number])),
					  Int32GetDatum((int32) rank + 1),
					  PointerGetDatum(uiml_key_as_text(columns->type, columns->key[term])),
					  Float8GetDatum(classes->weight[entry])};
	bool nulls[4] = {false};

	uiml_result_put(result, values, nulls);
}

/* Adds up to k rows of a class; order has room for its entries. */
static void
put_class(Classes *classes, size_t number, size_t k, size_t *order, UimlResult *result)
{
	const UimlSparse *count = &classes->entries.matrix;
	size_t n = 0;

	for (size_t e = count->row_start[number]; e < count->row_start[number + 1]; e++)
		if (classes->weight[e] > 0)
			order[n++] = e;
	qsort_arg(order, n, sizeof(size_t), compare_terms, classes);
	for (size_t rank = 0; rank < n && rank < k; rank++)
	{
		if (rank % RESET_ROWS == 0)
			MemoryContextReset(classes->scratch);
		put_row(classes, number, rank, order[rank], result);
	}
}

static void
put_classes(Classes *classes, size_t k, UimlResult *result)
{
	const UimlSparse *count = &classes->entries.matrix;
	MemoryContext old;
	size_t largest = 0;
	size_t *order;

	for (size_t c = 0; c < count->n_rows; c++)
		largest = Max(largest, count->row_start[c + 1] - count->row_start[c]);
	order = uiml_alloc(&classes->env, largest, sizeof(size_t));
	if (order == NULL)
		uiml_check(UIML_ENOMEM, "terms of classes");
	classes->scratch = AllocSetContextCreate(classes->context, "uiml class", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(classes->scratch);
	for (size_t c = 0; c < count->n_rows; c++)
	{
		CHECK_FOR_INTERRUPTS();
		put_class(classes, c, k, order, result);
	}
	MemoryContextSwitchTo(old);
}

/* uiml_ctfidf(relation, class_col, term_col, count_col, k) */
PG_FUNCTION_INFO_V1(uiml_ctfidf);
Datum
uiml_ctfidf(PG_FUNCTION_ARGS)
{
	Oid relation = uiml_arg_relation(fcinfo, 0, "relation");
	char *class_col = uiml_arg_column(fcinfo, 1, "class_col");
	char *term_col = uiml_arg_column(fcinfo, 2, "term_col");
	char *count_col = uiml_arg_column_or_null(fcinfo, 3);
	size_t k = uiml_arg_limit(fcinfo, 4, "Pass NULL for all terms.");
	UimlResult result;
	Classes classes = {0};

	uiml_result_begin(fcinfo, 4, &result);
	classes.context = AllocSetContextCreate(CurrentMemoryContext, "uiml classes", ALLOCSET_DEFAULT_SIZES);
	uiml_budget_init(&classes.budget, classes.context);
	classes.budget.purpose = "c-TF-IDF";
	classes.inner = uiml_env_pg(&classes.pg, classes.context, NULL, NULL);
	classes.env = uiml_budget_env(&classes.budget, &classes.inner);
	read_classes(&classes, relation, class_col, term_col, count_col);
	put_classes(&classes, k, &result);
	MemoryContextDelete(classes.context);
	uiml_budget_release();
	return (Datum) 0;
}
