/*
 * train_transfer_fit.c
 *	  The training of one transfer: users, statistics, fits, and what is stored.
 *
 * The map of vectors is fitted on statistics, one for each fold, which see every user whatever the memory,
 * and which a later training of the same versions goes on from.  What needs the users themselves is fitted on
 * those that fit into a quarter of maintenance_work_mem: all of them, or a sample by their hash.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/transferfile.h"
#include "pg/duplicates.h"
#include "pg/itemcache.h"
#include "pg/trainargs.h"
#include "pg/train_transfer.h"
#include "pg/transfer_matrix.h"
#include "pg/transfer_stats.h"

/* Rows that are added to the statistics at once. */
#define BLOCK_ROWS 256

/* The part of maintenance_work_mem that overlapping users may take. */
#define USERS_SHARE 4

/* --- before the work ------------------------------------------------------------------------------------ */

static void
open_side(const UimlDomain *domain, UimlSide *side)
{
	char *name = psprintf("%s.%s", GetUserNameFromId(domain->owner, false), domain->name);

	side->serving = linitial(uiml_serving_list(name));
	side->served = uiml_served_open(side->serving);
}

static void
fill_row(TransferTraining *training)
{
	UimlTransferRow *row = &training->row;

	row->source_domain_id = training->order->source->domain_id;
	row->source_owner = training->source.serving->owner;
	row->source_version_id = training->source.serving->version_id;
	row->domain_id = training->order->target->domain_id;
	row->owner = training->target.serving->owner;
	row->version_id = training->target.serving->version_id;
	row->trained_by = GetUserId();
	row->items_verdict = "none";
	row->items = row->interests = (UimlTransferVerdict){false, NAN, NAN, NAN};
}

static void
begin(TransferTraining *training)
{
	const UimlTransferOrder *order = training->order;

	uiml_phases_begin(&training->phases, psprintf("%s -> %s", order->source->name, order->target->name));
	uiml_budget_init(&training->budget, training->context);
	training->inner = uiml_env_pg(&training->pg, training->context, uiml_phases_progress, &training->phases);
	training->env = uiml_budget_env(&training->budget, &training->inner);
	open_side(order->source, &training->source);
	open_side(order->target, &training->target);
	training->parts = (UimlParts){.seed = (uint64) (int64) uiml_domain_option(order->target, "seed", 0),
								  .n = 1,
								  .bytes = training->budget.limit / USERS_SHARE};
	fill_row(training);
	training->row.seed = training->parts.seed;
}

/* As uiml_check, but for memory that maintenance_work_mem does not allow. */
static void
check_fit(TransferTraining *training, UimlStatus status, const char *what)
{
	const UimlOverlap *users = &training->shared.users;

	if (status == UIML_ENOMEM && training->budget.refused)
		uiml_budget_exceeded(
			&training->budget,
			psprintf("%zu overlapping users of %zu and %zu dimensions", users->n, users->p, users->q),
			1.5 * (double) training->budget.peak);
	uiml_check(status, what);
}

/* --- statistics ----------------------------------------------------------------------------------------- */

static void
check_prior(const TransferTraining *training)
{
	const UimlMatrix *prior = training->order->prior;
	int p = training->source.serving->dims;
	int q = training->target.serving->dims;

	if (prior != NULL && (prior->rows != (uint32) p || prior->cols != (uint32) q))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("prior has %u rows and %u columns, expected %d and %d", prior->rows,
							   prior->cols, p, q),
						errdetail("Domain \"%s\" has %d dimensions and domain \"%s\" has %d.",
								  training->order->source->name, p, training->order->target->name, q)));
}

static int
compare_hashes(const void *a, const void *b)
{
	uint64 x = *(const uint64 *) a;
	uint64 y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

static void
use_hashes(TransferTraining *training, ArrayType *array)
{
	uint64 *hash;
	Datum *element;
	int n;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &element, NULL, &n);
	hash = MemoryContextAllocHuge(training->context, (Size) Max(n, 1) * sizeof(uint64));
	for (int i = 0; i < n; i++)
		hash[i] = (uint64) DatumGetInt64(element[i]);
	pg_qsort(hash, (size_t) n, sizeof(uint64), compare_hashes);
	pfree(element);
	training->counted = hash;
	training->n_counted = (size_t) n;
}

static void
use_statistics(TransferTraining *training, ArrayType *array)
{
	Datum *element;
	int n;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &element, NULL, &n);
	if (n != UIML_FOLDS)
		uiml_transfer_refuse();
	for (int f = 0; f < UIML_FOLDS; f++)
	{
		const UimlTransferStats *stats = uiml_stats_detoast(element[f]);

		if (stats->p != (uint32) training->source.serving->dims ||
			stats->q != (uint32) training->target.serving->dims)
			uiml_transfer_refuse();
		training->fold[f] = uiml_stats_copy(stats);
	}
}

/* Goes on from what is stored of the same versions, or begins from nothing. */
static void
begin_statistics(TransferTraining *training, const UimlTransferRow *stored)
{
	Datum statistics;
	Datum counted;

	if (stored != NULL && training->order->incremental &&
		uiml_transfer_counted(stored->transfer_id, training->parts.seed, &statistics, &counted))
	{
		use_hashes(training, DatumGetArrayTypeP(counted));
		use_statistics(training, DatumGetArrayTypeP(statistics));
		return;
	}
	training->n_counted = 0;
	for (int f = 0; f < UIML_FOLDS; f++)
		training->fold[f] =
			uiml_stats_new((size_t) training->source.serving->dims, (size_t) training->target.serving->dims);
}

static bool
is_counted(const TransferTraining *training, uint64 hash)
{
	return training->n_counted > 0 &&
		   bsearch(&hash, training->counted, training->n_counted, sizeof(uint64), compare_hashes) != NULL;
}

static void
count_user(TransferTraining *training, uint64 hash)
{
	if (training->n_added == training->added_room)
	{
		training->added_room = Max(training->added_room * 2, 1024);
		if (training->added == NULL)
			training->added =
				MemoryContextAllocHuge(training->context, training->added_room * sizeof(uint64));
		else
			training->added = repalloc_huge(training->added, training->added_room * sizeof(uint64));
	}
	training->added[training->n_added++] = hash;
}

/* Rows on their way into the statistics of a fold. */
typedef struct Block
{
	size_t n;
	float *x; /* BLOCK_ROWS x p */
	float *y; /* BLOCK_ROWS x q */
} Block;

static void
flush(TransferTraining *training, int fold, Block *block)
{
	check_fit(training,
			  uiml_transfer_add(&training->env, training->fold[fold], block->x, block->y, NULL, block->n),
			  "transfer statistics");
	block->n = 0;
}

/* The users of a fold who were not counted yet, in the order of their hashes. */
static void
add_fold(TransferTraining *training, const UimlShared *shared, int fold, Block *block)
{
	const UimlOverlap *users = &shared->users;

	for (size_t i = 0; i < users->n; i++)
	{
		if (users->fold[i] != fold || is_counted(training, shared->hash[i]))
			continue;
		memcpy(block->x + block->n * users->p, users->x + i * users->p, users->p * sizeof(float));
		memcpy(block->y + block->n * users->q, users->y + i * users->q, users->q * sizeof(float));
		count_user(training, shared->hash[i]);
		if (++block->n == BLOCK_ROWS)
			flush(training, fold, block);
	}
	if (block->n > 0)
		flush(training, fold, block);
}

static void
add_users(TransferTraining *training, const UimlShared *shared)
{
	Block block = {.x = palloc(BLOCK_ROWS * sizeof(float) * (Size) training->source.serving->dims),
				   .y = palloc(BLOCK_ROWS * sizeof(float) * (Size) training->target.serving->dims)};

	for (int f = 0; f < UIML_FOLDS; f++)
		add_fold(training, shared, f, &block);
	pfree(block.x);
	pfree(block.y);
	training->row.users += (int64) shared->users.n;
}

/* --- users ---------------------------------------------------------------------------------------------- */

/* Reads a part and counts it; only the first is kept. */
static bool
read_part(TransferTraining *training, size_t part)
{
	UimlShared other = {0};
	UimlShared *shared = part == 0 ? &training->shared : &other;

	if (!uiml_shared_read(&training->source, &training->target, &training->parts, part, &training->env,
						  shared))
		return false;
	add_users(training, shared);
	if (part > 0)
		uiml_shared_free(&training->env, shared);
	return true;
}

/* All parts, again in smaller ones where one is too large. */
static void
read_users(TransferTraining *training, const UimlTransferRow *stored)
{
	bool complete = false;

	uiml_phases_enter(&training->phases, "reading");
	while (!complete)
	{
		begin_statistics(training, stored);
		training->n_added = 0;
		training->row.users = 0;
		complete = true;
		for (size_t part = 0; complete && part < training->parts.n; part++)
			complete = read_part(training, part);
		if (!complete)
			uiml_shared_free(&training->env, &training->shared);
	}
	if (training->parts.n > 1)
		ereport(NOTICE,
				(errmsg("a sample of %zu of " INT64_FORMAT " overlapping users fits maintenance_work_mem",
						training->shared.users.n, training->row.users),
				 errdetail("The map of vectors is fitted on all of them, the rest on the sample.")));
}

/* --- fits ----------------------------------------------------------------------------------------------- */

static void
fit_items(TransferTraining *training, const UimlModel *model)
{
	const UimlTransferStats *stats[UIML_FOLDS];
	UimlTransferRow *row = &training->row;
	UimlStatus status;

	for (int f = 0; f < UIML_FOLDS; f++)
		stats[f] = training->fold[f];
	uiml_phases_enter(&training->phases, "items");
	status = uiml_item_transfer_fit(&training->env, &training->shared.users, model,
									training->prior.w != NULL ? &training->prior : NULL, stats,
									training->parts.seed, &training->items, &training->item_evidence);
	check_fit(training, status, "item transfer");
	if (isnan(training->item_evidence.gain))
		return; /* nobody did an item of the target: all are known by their texts */
	row->items_verdict = uiml_candidate_name(training->item_evidence.map.best);
	row->items = (UimlTransferVerdict){.used = training->items.used,
									   .gain = training->item_evidence.gain,
									   .gain_se = training->item_evidence.gain_se,
									   .lambda = training->item_evidence.map.lambda};
}

static void
fit_interests(TransferTraining *training, const UimlModel *model)
{
	UimlInterestTarget target = {.k = model->n_interests,
								 .interest = model->interest,
								 .prior = model->prior,
								 .alpha = model->alpha,
								 .generalization = model->generalization};
	UimlTransferRow *row = &training->row;
	UimlStatus status;

	uiml_phases_enter(&training->phases, "interests");
	status =
		uiml_interest_transfer_fit(&training->env, &training->shared.users, &target, NULL,
								   training->parts.seed, &training->interests, &training->interest_evidence);
	if (status == UIML_EEMPTY)
		return;
	check_fit(training, status, "interest transfer");
	row->interests = (UimlTransferVerdict){.used = training->interests.used,
										   .gain = training->interest_evidence.gain,
										   .gain_se = training->interest_evidence.gain_se,
										   .lambda = training->interest_evidence.lambda};
}

static void
fit(TransferTraining *training)
{
	const UimlItemFile *file = uiml_items_open(training->target.served, training->target.serving);
	UimlModel model = uiml_side_model(&training->target, file);

	uiml_transfer_find_prior(training);
	uiml_duplicates_warn(&training->env, &training->shared.users, training->order->source->name,
						 training->order->target->name);
	uiml_blas_begin();
	fit_items(training, &model);
	fit_interests(training, &model);
	uiml_blas_end();
}

/* --- what is kept --------------------------------------------------------------------------------------- */

/* A matrix of the catalog from the floats of a fit; 0 (NULL) for none. */
static Datum
matrix_datum(const float *w, const float *b, size_t rows, size_t cols)
{
	UimlMatrix *matrix;

	if (w == NULL)
		return (Datum) 0;
	matrix = uiml_matrix_new(rows, cols, true);
	for (size_t i = 0; i < rows * cols; i++)
		matrix->data[i] = w[i];
	for (size_t j = 0; j < cols; j++)
		matrix->data[rows * cols + j] = b[j];
	return PointerGetDatum(matrix);
}

/* W without each fold, as matrices; 0 (NULL) where the map isn't used. */
static Datum
fold_matrices_datum(const UimlItemTransfer *items)
{
	size_t cells = items->p * items->q;
	Datum element[UIML_FOLDS];

	if (items->fold_w == NULL)
		return (Datum) 0;
	for (size_t f = 0; f < UIML_FOLDS; f++)
	{
		UimlMatrix *matrix = uiml_matrix_new(items->p, items->q, false);

		for (size_t i = 0; i < cells; i++)
			matrix->data[i] = items->fold_w[f * cells + i];
		element[f] = PointerGetDatum(matrix);
	}
	return PointerGetDatum(construct_array(element, UIML_FOLDS, uiml_transfer_type("transfer_matrix"), -1,
										   false, TYPALIGN_DOUBLE));
}

static Datum
statistics_datum(const TransferTraining *training)
{
	Oid type = uiml_transfer_type("transfer_stats");
	Datum element[UIML_FOLDS];

	for (int f = 0; f < UIML_FOLDS; f++)
		element[f] = PointerGetDatum(training->fold[f]);
	return PointerGetDatum(construct_array(element, UIML_FOLDS, type, -1, false, TYPALIGN_DOUBLE));
}

static Datum
counted_datum(const TransferTraining *training)
{
	size_t n = training->n_counted + training->n_added;
	Datum *element = MemoryContextAllocHuge(training->context, Max(n, 1) * sizeof(Datum));

	for (size_t i = 0; i < n; i++)
		element[i] =
			Int64GetDatum((int64) (i < training->n_counted ? training->counted[i]
														   : training->added[i - training->n_counted]));
	return PointerGetDatum(
		construct_array(element, (int) n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
store(TransferTraining *training)
{
	UimlTransferContents contents = {0};
	size_t size = uiml_transferfile_size(&training->items, &training->interests);
	char *bytes = MemoryContextAllocHuge(training->context, Max(size, 1));

	uiml_phases_enter(&training->phases, "storing");
	if (size > 0)
		uiml_check(uiml_transferfile_pack(&training->items, &training->interests, bytes, size),
				   "packed transfer");
	contents.matrix =
		matrix_datum(training->items.w, training->items.b, training->items.p, training->items.q);
	contents.fold_matrices = fold_matrices_datum(&training->items);
	contents.interests = matrix_datum(training->interests.coef, training->interests.b, training->interests.p,
									  training->interests.k);
	contents.statistics = statistics_datum(training);
	contents.counted = counted_datum(training);
	contents.data = bytes;
	training->row.bytes = (int64) size;
	uiml_budget_used(&training->budget);
	uiml_phases_enter(&training->phases, NULL);
	contents.metrics = uiml_transfer_metrics(training);
	uiml_transfer_put(&training->row, &contents);
}

static void
note_few(const TransferTraining *training)
{
	if (!training->order->named)
		return;
	ereport(NOTICE,
			(errmsg("no transfer from domain \"%s\" to domain \"%s\": they share " INT64_FORMAT " users",
					training->order->source->name, training->order->target->name, training->row.users),
			 errdetail("A transfer is fitted on at least %d users.", UIML_OVERLAP_MIN_USERS)));
}

static void
train(TransferTraining *training)
{
	UimlTransferRow *stored;

	begin(training);
	check_prior(training);
	stored = uiml_transfer_find(training->row.source_version_id, training->row.version_id, false);
	uiml_blas_begin();
	read_users(training, stored);
	uiml_blas_end();
	if (training->n_counted > 0 && training->n_added == 0 && training->order->prior == NULL)
	{
		ereport(NOTICE, (errmsg("keeping the transfer from domain \"%s\" to domain \"%s\": no user is new",
								training->order->source->name, training->order->target->name)));
		training->row = *stored;
		return;
	}
	if (training->row.users < UIML_OVERLAP_MIN_USERS)
		note_few(training);
	else
		fit(training);
	store(training);
}

UimlTransferRow *
uiml_transfer_train(const UimlTransferOrder *order)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "uiml transfer training", ALLOCSET_DEFAULT_SIZES);
	UimlTransferRow *row = palloc(sizeof(UimlTransferRow));
	MemoryContext old = MemoryContextSwitchTo(context);
	TransferTraining *training = palloc0(sizeof(TransferTraining));

	training->order = order;
	training->context = context;
	train(training);
	MemoryContextSwitchTo(old);
	*row = training->row;
	row->items_verdict = pstrdup(row->items_verdict);
	MemoryContextDelete(context);
	uiml_budget_release();
	return row;
}
