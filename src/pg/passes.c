/*
 * passes.c
 *	  The rows of a work table as those of a fit.
 *
 * A pass is SELECT uiml_pass(user_no, events, job) over the table: the leader and its workers add up users,
 * the leader adds up what they send.  Of a panel of n_items x l floats that is a copy for each process, so
 * where the budget is short of that, the product is computed some columns at a time: columns of the basis
 * don't know of each other, and another scan costs less than not to train.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/model.h"
#include "core/pass.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/passes.h"
#include "pg/sql.h"

/* Columns of a product at least, and how many parts of it an estimate of memory reckons with. */
#define FEWEST_COLUMNS 8
#define PARTS          4

/* ---------- one pass ---------- */

/*
 * Panels that a product takes beside its basis and itself: the job, the copy of it that workers read, the
 * states of the leader before and after it is joined with theirs and once more while the executor copies it,
 * and theirs as they come in, whose buffers are of twice the size at most.
 */
static double
panels_of_product(void)
{
	return 5.0 + 2.0 * max_parallel_workers_per_gather;
}

/* A job, but for its payload, in memory of env; users that row_used does not flag are left out. */
static bytea *
job_create(const UimlPasses *passes, const UimlEnv *env, const uint8_t *row_used, UimlPassJob *job)
{
	size_t size;
	size_t n_excluded = 0;
	size_t at;
	bytea *bytes;

	for (size_t u = 0; row_used != NULL && u < passes->work->n_users; u++)
		n_excluded += !row_used[u];
	job->mark = UIML_PASS_MARK;
	job->n_excluded = n_excluded;
	job->window = passes->window;
	size = uiml_pass_job_size(job);
	if (size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many items and dimensions for training in passes"),
						errdetail("What a pass needs of " UINT64_FORMAT " items exceeds %zu bytes.",
								  job->n_items, (size_t) MaxAllocSize),
						errhint("Train with fewer dims, or with uiml.memory_mode = 'memory'.")));
	bytes = uiml_alloc(env, VARHDRSZ + size, 1);
	if (bytes == NULL)
		return NULL;
	SET_VARSIZE(bytes, VARHDRSZ + size);
	memcpy(VARDATA(bytes), job, sizeof(*job));
	at = sizeof(*job) + uiml_pass_payload_size(job);
	for (size_t u = 0; row_used != NULL && u < passes->work->n_users; u++)
	{
		uint32 number = (uint32) u;

		if (row_used[u])
			continue;
		memcpy(VARDATA(bytes) + at, &number, sizeof(number));
		at += sizeof(number);
	}
	return bytes;
}

static char *
job_payload(bytea *bytes)
{
	return VARDATA(bytes) + sizeof(UimlPassJob);
}

static char *
pass_name(void)
{
	return quote_qualified_identifier(get_namespace_name(uiml_schema()), "uiml_pass");
}

/* What to do with the sum, which is there for the time of the call. */
typedef UimlStatus (*SumFn)(void *ctx, const UimlPassState *sum);

typedef struct SumReader
{
	const UimlPassJob *job;
	SumFn sum_fn;
	void *ctx;
	UimlStatus status;
} SumReader;

static void
read_sum(TupleTableSlot *slot, void *ctx)
{
	SumReader *reader = ctx;
	bool null;
	Datum value = slot_getattr(slot, 1, &null);
	const UimlPassState *sum;

	if (null)
		return; /* no users: nothing to add */
	sum = (const UimlPassState *) PG_DETOAST_DATUM(value);
	if (VARSIZE(sum) != uiml_pass_state_size(reader->job->kind, reader->job->n_items, reader->job->width))
		elog(ERROR, "unexpected size %u of the sum of a pass", (unsigned) VARSIZE(sum));
	reader->status = reader->sum_fn(reader->ctx, sum);
}

/*
 * Runs a pass and frees its job.  Parallel plans cost nothing extra here, since there is nothing else to do;
 * the settings are gone with the owner's role.
 */
static UimlStatus
run_pass(const UimlPasses *passes, const UimlEnv *env, const UimlPassJob *job, bytea *bytes, SumFn sum_fn,
		 void *ctx)
{
	SumReader reader = {.job = job, .sum_fn = sum_fn, .ctx = ctx, .status = UIML_OK};
	UimlSqlParams params = {0};
	UimlActing caller;
	size_t used = uiml_budget_used(passes->budget);

	CHECK_FOR_INTERRUPTS();
	uiml_sql_param(&params, BYTEAOID, PointerGetDatum(bytes), false);
	uiml_act_as_owner(passes->work->domain, &caller);
	uiml_sql_setting("plan_cache_mode", "auto");
	uiml_sql_setting("parallel_setup_cost", "0");
	uiml_sql_setting("parallel_tuple_cost", "0");
	uiml_sql_setting("min_parallel_table_scan_size", "0");
	uiml_sql_setting("jit", "off");
	if (job->kind == UIML_PASS_PRODUCT)
		used += (size_t) (panels_of_product() *
						  (double) uiml_pass_state_size(job->kind, job->n_items, job->width));
	uiml_sql_each_generic(psprintf("SELECT %s(w.user_no, w.events, $1) FROM %s w", pass_name(),
								   uiml_relation_name(passes->work->table)),
						  &params, read_sum, &reader);
	uiml_act_as_self(&caller);
	passes->budget->peak = Max(passes->budget->peak, used);
	uiml_free(env, bytes);
	uiml_budget_release();
	return reader.status;
}

/* ---------- masses and priors ---------- */

typedef struct ItemSums
{
	UimlPassItem *item; /* n_items */
	double users;
} ItemSums;

static UimlStatus
take_items(void *ctx, const UimlPassState *sum)
{
	ItemSums *sums = ctx;

	memcpy(sums->item, sum->cell, sum->n_items * sizeof(UimlPassItem));
	sums->users = sum->users;
	return UIML_OK;
}

static UimlStatus
pass_items(UimlPasses *passes, const UimlEnv *env, const uint8_t *row_used, double row_scale, ItemSums *sums)
{
	UimlPassJob job = {
		.kind = UIML_PASS_MASSES, .n_items = passes->n_items, .row_scale = row_scale, .scale = 1};
	bytea *bytes = job_create(passes, env, row_used, &job);

	sums->item = uiml_alloc0(env, passes->n_items, sizeof(UimlPassItem));
	sums->users = 0;
	if (bytes == NULL || sums->item == NULL)
		return UIML_ENOMEM;
	return run_pass(passes, env, &job, bytes, take_items, sums);
}

static UimlStatus
sum_masses(void *ctx, const UimlEnv *env, const uint8_t *row_used, bool faded, double *mass, size_t *n_rows)
{
	UimlPasses *passes = ctx;
	ItemSums sums;
	UimlStatus status = pass_items(passes, env, row_used, 0, &sums);

	for (size_t i = 0; status == UIML_OK && i < passes->n_items; i++)
		mass[i] = faded || passes->faded ? sums.item[i].faded : sums.item[i].mass;
	if (n_rows != NULL)
		*n_rows = (size_t) sums.users;
	uiml_free(env, sums.item);
	return status;
}

typedef struct PriorSums
{
	double *sum;
	double *users;
} PriorSums;

static UimlStatus
take_prior(void *ctx, const UimlPassState *sum)
{
	PriorSums *prior = ctx;

	memcpy(prior->sum, sum->cell, sum->width * sizeof(double));
	*prior->users = sum->users;
	return UIML_OK;
}

static UimlStatus
sum_priors(void *ctx, const UimlEnv *env, const uint8_t *row_used, const uint32_t *interest, size_t n_columns,
		   size_t k, double *sum, double *users)
{
	UimlPasses *passes = ctx;
	PriorSums prior = {sum, users};
	UimlPassJob job = {.kind = UIML_PASS_PRIOR, .n_items = n_columns, .width = k, .scale = 1};
	bytea *bytes = job_create(passes, env, row_used, &job);

	memset(sum, 0, k * sizeof(double));
	*users = 0;
	if (bytes == NULL)
		return UIML_ENOMEM;
	memcpy(job_payload(bytes), interest, n_columns * sizeof(uint32));
	return run_pass(passes, env, &job, bytes, take_prior, &prior);
}

/* ---------- singular vectors ---------- */

/* The matrix of a decomposition, with what its passes need. */
typedef struct Matrix
{
	UimlPasses *passes;
	const UimlEnv *env;
	const uint8_t *row_used;
	double row_scale;
	UimlPassItem *item;    /* n_items */
	const double *divisor; /* n_items */
	double scale;
	/* the product at hand */
	size_t l;
	size_t from; /* first column */
	float *product;
	double *gram;
} Matrix;

static UimlStatus
count_columns(void *ctx, double *count)
{
	Matrix *matrix = ctx;
	ItemSums sums;
	UimlStatus status = pass_items(matrix->passes, matrix->env, matrix->row_used, matrix->row_scale, &sums);

	matrix->item = sums.item;
	for (size_t i = 0; status == UIML_OK && i < matrix->passes->n_items; i++)
		count[i] = sums.item[i].entries;
	return status;
}

/* Magnitudes and squares add up by column, and the columns' divisors are known only now. */
static UimlStatus
scale_columns(void *ctx, const double *divisor, double row_scale, double *largest, double *squares)
{
	Matrix *matrix = ctx;
	size_t n = matrix->passes->n_items;

	(void) row_scale; /* the rows were scaled in the pass before */
	*largest = *squares = 0;
	for (size_t i = 0; i < n; i++)
		if (divisor[i] > 0)
			*largest = fmax(*largest, matrix->item[i].largest / divisor[i]);
	for (size_t i = 0; *largest > 0 && i < n; i++)
	{
		double by = divisor[i] * *largest;

		if (by > 0)
			*squares += matrix->item[i].squares / by / by;
	}
	matrix->divisor = divisor;
	matrix->scale = *largest;
	uiml_free(matrix->env, matrix->item);
	matrix->item = NULL;
	return UIML_OK;
}

/* Columns from .. from + width - 1 of the basis, divided as the matrix's columns are, as a job. */
static bytea *
basis_job(const Matrix *matrix, UimlPassKind kind, const float *basis, size_t l, size_t from, size_t width,
		  UimlPassJob *job)
{
	bytea *bytes;
	float *to;

	*job = (UimlPassJob){.kind = kind,
						 .n_items = matrix->passes->n_items,
						 .width = width,
						 .row_scale = matrix->row_scale,
						 .scale = matrix->scale};
	bytes = job_create(matrix->passes, matrix->env, matrix->row_used, job);
	if (bytes == NULL)
		return NULL;
	to = (float *) (void *) job_payload(bytes);
	for (size_t i = 0; i < matrix->passes->n_items; i++)
		for (size_t j = 0; j < width; j++)
			*to++ = matrix->divisor[i] > 0 ? (float) (basis[i * l + from + j] / matrix->divisor[i]) : 0;
	return bytes;
}

static UimlStatus
take_product(void *ctx, const UimlPassState *sum)
{
	Matrix *matrix = ctx;
	const float *from = (const float *) (const void *) sum->cell;

	for (size_t i = 0; i < sum->n_items; i++)
	{
		float *to = matrix->product + i * matrix->l + matrix->from;

		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		for (size_t j = 0; j < sum->width; j++)
			*to++ = matrix->divisor[i] > 0 ? (float) (*from / matrix->divisor[i]) : 0, from++;
	}
	return UIML_OK;
}

/* As many columns at a time as the budget has room for. */
static size_t
columns_at_a_time(const UimlPasses *passes, size_t l)
{
	size_t used = uiml_budget_used(passes->budget);
	double room = used < passes->budget->limit ? (double) (passes->budget->limit - used) : 0;
	double columns = room / ((double) passes->n_items * sizeof(float) * panels_of_product());

	if (columns >= (double) l)
		return l;
	return Max((size_t) columns / FEWEST_COLUMNS, 1) * FEWEST_COLUMNS;
}

static UimlStatus
multiply(void *ctx, const float *basis, size_t l, float *product)
{
	Matrix *matrix = ctx;
	size_t columns = columns_at_a_time(matrix->passes, l);
	UimlStatus status = UIML_OK;

	memset(product, 0, matrix->passes->n_items * l * sizeof(float));
	matrix->l = l;
	matrix->product = product;
	for (matrix->from = 0; status == UIML_OK && matrix->from < l; matrix->from += columns)
	{
		UimlPassJob job;
		bytea *bytes = basis_job(matrix, UIML_PASS_PRODUCT, basis, l, matrix->from,
								 Min(columns, l - matrix->from), &job);

		status = bytes == NULL ? UIML_ENOMEM
							   : run_pass(matrix->passes, matrix->env, &job, bytes, take_product, matrix);
	}
	return status;
}

static UimlStatus
take_gram(void *ctx, const UimlPassState *sum)
{
	Matrix *matrix = ctx;

	for (size_t i = 0; i < sum->width; i++)
		for (size_t j = i; j < sum->width; j++)
			matrix->gram[i * sum->width + j] = matrix->gram[j * sum->width + i] =
				sum->cell[i * sum->width + j];
	return UIML_OK;
}

static UimlStatus
gram_matrix(void *ctx, const float *basis, size_t l, double *gram)
{
	Matrix *matrix = ctx;
	UimlPassJob job;
	bytea *bytes = basis_job(matrix, UIML_PASS_GRAM, basis, l, 0, l, &job);

	memset(gram, 0, l * l * sizeof(double));
	matrix->gram = gram;
	if (bytes == NULL)
		return UIML_ENOMEM;
	return run_pass(matrix->passes, matrix->env, &job, bytes, take_gram, matrix);
}

static UimlStatus
decompose(void *ctx, const UimlEnv *env, const uint8_t *row_used, const UimlSvdParams *params, float *v,
		  double *sigma, float *col_factor, double *explained)
{
	UimlPasses *passes = ctx;
	Matrix matrix = {.passes = passes, .env = env, .row_used = row_used, .row_scale = params->row_scale};
	UimlSvdMatrix passed = {.n_rows = passes->work->n_users,
							.n_cols = passes->n_items,
							.ctx = &matrix,
							.count = count_columns,
							.scale = scale_columns,
							.multiply = multiply,
							.gram = gram_matrix};
	UimlStatus status = uiml_svd_matrix(env, &passed, params, v, sigma, col_factor, explained);

	uiml_free(env, matrix.item);
	return status;
}

/* ---------- users ---------- */

static UimlStatus
select_rows(void *ctx, const UimlEnv *env, const uint8_t *role, uint8_t which, UimlInteractions *out)
{
	UimlPasses *passes = ctx;
	const UimlWindow *w = &passes->window;
	size_t n;
	UimlEvent *event = uiml_work_load(passes->work, role, which, passes->budget->context, &n);
	size_t n_users = 0;
	size_t at = 0;
	UimlStatus status;

	/* Numbered anew, those without events among them. */
	for (size_t u = 0; u < passes->work->n_users; u++)
	{
		if (role[u] != which)
			continue;
		for (; at < n && event[at].user == u; at++)
			event[at].user = (uint32) n_users;
		n_users++;
	}
	status = uiml_interactions_build(env, event, n, n_users, passes->n_items, passes->n_texts, w->from,
									 w->before, w->until, w->half_life, out);
	pfree(event);
	if (status == UIML_OK && passes->faded)
		status = uiml_interactions_fade(env, out);
	return status;
}

typedef struct EachRow
{
	UimlPasses *passes;
	const UimlEnv *env;
	UimlUserRowFn row_fn;
	void *ctx;
	uint32 next;     /* user */
	size_t capacity; /* of the sums */
	UimlUserSums sums;
} EachRow;

static void
each_user(void *ctx, uint32 user, const UimlEvent *events, size_t n)
{
	EachRow *each = ctx;
	UimlUserSums *sums = &each->sums;
	double fade;

	if (n > each->capacity)
	{
		each->capacity = n + n / 2;
		sums->item = repalloc_huge(sums->item, each->capacity * sizeof(uint32));
		sums->strength = repalloc_huge(sums->strength, each->capacity * sizeof(float));
		sums->mass = repalloc_huge(sums->mass, each->capacity * sizeof(float));
	}
	uiml_check(uiml_events_sum_user(each->env, events, n, &each->passes->window, sums), "interactions");
	fade = uiml_fade(sums->fade);
	for (size_t e = 0; e < sums->n; e++)
		sums->mass[e] = uiml_mass(sums->mass[e] * fade);
	for (; each->next < user; each->next++)
		each->row_fn(each->ctx, each->next, NULL, NULL, 0);
	each->row_fn(each->ctx, user, sums->item, sums->mass, sums->n);
	each->next = user + 1;
}

static UimlStatus
each_row(void *ctx, const UimlEnv *env, UimlUserRowFn row_fn, void *row_ctx)
{
	UimlPasses *passes = ctx;
	EachRow each = {.passes = passes,
					.env = env,
					.row_fn = row_fn,
					.ctx = row_ctx,
					.capacity = 1024,
					.sums = {.item = palloc(1024 * sizeof(uint32)),
							 .strength = palloc(1024 * sizeof(float)),
							 .mass = palloc(1024 * sizeof(float))}};

	uiml_work_each(passes->work, NULL, 0, each_user, &each);
	for (; each.next < passes->work->n_users; each.next++)
		row_fn(row_ctx, each.next, NULL, NULL, 0);
	pfree(each.sums.item);
	pfree(each.sums.strength);
	pfree(each.sums.mass);
	return UIML_OK;
}

/* A fit without interactions, and what a pass takes in parts as small as it is worth while. */
size_t
uiml_passes_memory(size_t n_users, size_t n_items, size_t dims, size_t interests)
{
	UimlModelParams params = {.dims = dims, .interests = interests};
	double l = (double) Min(dims + uiml_svd_defaults(dims).oversample + FEWEST_COLUMNS, n_items);
	double panel = (double) n_items * l * sizeof(float);
	double bytes =
		(double) uiml_model_memory(n_users, n_items, 0, &params) - (double) n_users * sizeof(size_t);

	bytes += Max(2 * panel, panels_of_product() * panel / PARTS) + (double) n_items * sizeof(UimlPassItem);
	return bytes < .9 * (double) SIZE_MAX ? (size_t) bytes : SIZE_MAX;
}

static size_t
fit_memory(void *ctx, size_t dims, size_t interests)
{
	const UimlPasses *passes = ctx;

	return uiml_passes_memory(passes->work->n_users, passes->n_items, dims, interests);
}

UimlRows
uiml_passes_rows(UimlPasses *passes)
{
	return (UimlRows){.n_users = passes->work->n_users,
					  .n_items = passes->n_items,
					  .n_texts = passes->n_texts,
					  .n_entries = passes->work->n_pairs,
					  .ctx = passes,
					  .masses = sum_masses,
					  .prior = sum_priors,
					  .decompose = decompose,
					  .select = select_rows,
					  .each = each_row,
					  .memory = fit_memory};
}
