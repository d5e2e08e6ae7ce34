/*
 * train_transfer_prior.c
 *	  The matrix W0 that a map of vectors is drawn towards.
 *
 * The caller's, else the map between the versions before, turned into the spaces of these by the items that
 * both versions of a domain have (core/procrustes.h), else, where both domains lie in the space of one
 * encoder, the identity: what somebody likes in the one is what he likes in the other.  Whether it helps is
 * left to the verdict, of which W0 is but a candidate.
 *
 * The map before was fitted on much the same users, so it comes with those that were fitted without each
 * fold: users are in the same folds as long as the seed is.  For transfers of interests there is nothing like
 * it, and they begin anew.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/procrustes.h"
#include "pg/interest_vector.h"
#include "pg/sql.h"
#include "pg/train_transfer.h"
#include "pg/transfer_matrix.h"

/* Items that a rotation is found from at most, the most popular ones, and the part of memory they may take. */
#define MOST_ITEMS  20000
#define ITEMS_SHARE 8

/* --- the identity --------------------------------------------------------------------------------------- */

static void
take_text(TupleTableSlot *slot, void *ctx)
{
	bool null;
	Datum value = slot_getattr(slot, 1, &null);

	if (!null)
		*(char **) ctx = TextDatumGetCString(value);
}

/*
 * The encoder whose space the version's items lie in; NULL where it is one of behaviour, or was whitened after
 * the domain's own texts.
 */
static char *
encoder_of(const UimlServing *serving)
{
	UimlSqlParams params = {0};
	char *encoder = NULL;

	uiml_sql_param_int8(&params, serving->version_id);
	uiml_sql_each("SELECT v.settings OPERATOR(pg_catalog.->>) 'encoder' FROM uiml.version v "
				  "WHERE v.version_id OPERATOR(pg_catalog.=) $1 "
				  "AND v.settings OPERATOR(pg_catalog.->>) 'features' OPERATOR(pg_catalog.=) 'text' "
				  "AND NOT v.settings OPERATOR(pg_catalog.?) 'whitened_by'",
				  &params, true, take_text, &encoder);
	return encoder;
}

/* Encoders of two owners may share a name; as a candidate, another space's identity does no harm. */
static bool
same_space(const TransferTraining *training)
{
	const UimlServing *source = training->source.serving;
	const UimlServing *target = training->target.serving;
	char *encoder;
	char *other;

	if (source->dims != target->dims)
		return false;
	encoder = encoder_of(source);
	other = encoder != NULL ? encoder_of(target) : NULL;
	return other != NULL && strcmp(encoder, other) == 0;
}

static void
use_identity(TransferTraining *training)
{
	size_t d = (size_t) training->source.serving->dims;
	double *w = MemoryContextAllocZero(training->context, d * d * sizeof(double));

	for (size_t i = 0; i < d; i++)
		w[i * d + i] = 1;
	training->prior.w = w;
	training->prior_origin = "identity";
}

/* --- the versions before -------------------------------------------------------------------------------- */

/* Items of two versions on their way into rows. */
typedef struct ItemsReader
{
	const UimlServing *serving;
	UimlSharedRows *rows;
	float *from;
	float *onto;
	double *weight;
} ItemsReader;

static void
copy_vector(const ItemsReader *reader, TupleTableSlot *slot, int column, size_t dims, float *to)
{
	UimlVectorView view;

	if (slot->tts_isnull[column])
		uiml_served_refuse(reader->serving, "vector of an item");
	uiml_vector_view(slot->tts_values[column], &view);
	if ((size_t) view.dim != dims)
		uiml_served_refuse(reader->serving, "vector of an item");
	memcpy(to, view.x, dims * sizeof(float));
	if (view.copy != NULL)
		pfree(view.copy);
}

static void
read_item(TupleTableSlot *slot, void *ctx)
{
	ItemsReader *reader = ctx;
	UimlSharedRows *rows = reader->rows;

	slot_getallattrs(slot);
	copy_vector(reader, slot, 0, rows->p, reader->from + rows->n * rows->p);
	copy_vector(reader, slot, 1, rows->q, reader->onto + rows->n * rows->q);
	reader->weight[rows->n] = DatumGetFloat4(slot->tts_values[2]);
	if (!(reader->weight[rows->n++] <= 1))
		uiml_served_refuse(reader->serving, "popularity of an item");
}

/* The items that a domain's active version shares with an earlier one, as the domain's owner. */
static void
read_items(const TransferTraining *training, const UimlSide *side, const UimlServing *earlier,
		   UimlSharedRows *rows)
{
	const Oid types[] = {side->served->vector_type, side->served->vector_type, FLOAT4OID};
	MemoryContext context = training->context;
	ItemsReader reader = {.serving = side->serving, .rows = rows};
	size_t most;

	rows->p = (size_t) earlier->dims;
	rows->q = (size_t) side->serving->dims;
	most = training->budget.limit / ITEMS_SHARE / ((rows->p + rows->q) * sizeof(float));
	most = Min(Max(most, rows->p + rows->q), MOST_ITEMS);
	rows->from = reader.from = MemoryContextAllocHuge(context, most * rows->p * sizeof(float));
	rows->onto = reader.onto = MemoryContextAllocHuge(context, most * rows->q * sizeof(float));
	rows->weight = reader.weight = MemoryContextAlloc(context, most * sizeof(double));
	uiml_served_each(side->serving,
					 psprintf("SELECT o.in_vector, n.in_vector, n.popularity FROM ONLY %s n "
							  "JOIN ONLY %s o ON o.item_id %s n.item_id "
							  "WHERE n.popularity OPERATOR(pg_catalog.>) 0 "
							  "ORDER BY n.popularity DESC, n.item_no LIMIT %zu",
							  uiml_relation_name(side->serving->items_table),
							  uiml_relation_name(earlier->items_table),
							  uiml_equality_of(side->served->item_type), most),
					 types, lengthof(types), read_item, &reader);
}

/*
 * The rows that turn a side's earlier space into the one it has now; *rows is NULL where it has no new
 * version.  False where nothing is known of the earlier one.
 */
static bool
turn_side(const TransferTraining *training, UimlSide *side, int64 version_id, size_t dims,
		  UimlSharedRows **rows)
{
	UimlServing *earlier;
	UimlServed *served;

	*rows = NULL;
	if (version_id == side->serving->version_id)
		return (size_t) side->serving->dims == dims;
	earlier = uiml_serving_of_version(version_id);
	if (earlier == NULL || (size_t) earlier->dims != dims)
		return false;
	served = uiml_served_open(earlier);
	uiml_served_items(served, earlier);
	uiml_served_items(side->served, side->serving);
	if (served->item_type != side->served->item_type)
		return false;
	*rows = palloc0(sizeof(UimlSharedRows));
	read_items(training, side, earlier, *rows);
	return (*rows)->n > 0;
}

/* The matrix and those without each fold, one behind the other; NULL where they aren't what was written. */
static double *
earlier_matrices(const UimlEarlierMap *map, uint32 *p, uint32 *q)
{
	const UimlMatrix *matrix = uiml_matrix_detoast(map->matrix);
	size_t cells = (size_t) matrix->rows * matrix->cols;
	ArrayType *array = DatumGetArrayTypeP(map->fold_matrices);
	double *w;
	Datum *element;
	int n;

	*p = matrix->rows;
	*q = matrix->cols;
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &element, NULL, &n);
	if (n != UIML_FOLDS)
		uiml_transfer_refuse();
	w = MemoryContextAllocHuge(CurrentMemoryContext, (UIML_FOLDS + 1) * cells * sizeof(double));
	memcpy(w, matrix->data, cells * sizeof(double));
	for (size_t f = 0; f < UIML_FOLDS; f++)
	{
		const UimlMatrix *fold = uiml_matrix_detoast(element[f]);

		if (fold->rows != *p || fold->cols != *q)
			uiml_transfer_refuse();
		memcpy(w + (f + 1) * cells, fold->data, cells * sizeof(double));
	}
	return w;
}

static void
use_earlier(TransferTraining *training, const UimlEarlierMap *map)
{
	size_t cells = (size_t) training->source.serving->dims * (size_t) training->target.serving->dims;
	UimlSharedRows *source;
	UimlSharedRows *target;
	UimlStatus status;
	double *aligned;
	double *w;
	uint32 p;
	uint32 q;

	w = earlier_matrices(map, &p, &q);
	if (!turn_side(training, &training->source, map->source_version_id, p, &source) ||
		!turn_side(training, &training->target, map->version_id, q, &target))
		return;
	aligned = MemoryContextAllocHuge(training->context, (UIML_FOLDS + 1) * cells * sizeof(double));
	uiml_blas_begin();
	status = uiml_align(&training->env, source, target, UIML_FOLDS + 1, p, q, w, aligned);
	uiml_blas_end();
	if (status == UIML_EEMPTY)
		return; /* the items that both versions have lie nowhere */
	uiml_check(status, "earlier transfer");
	training->prior = (UimlPrior){.w = aligned, .by_fold = aligned + cells};
	training->prior_origin = "previous";
}

/* --- which one ------------------------------------------------------------------------------------------ */

void
uiml_transfer_find_prior(TransferTraining *training)
{
	UimlEarlierMap map;

	if (training->order->prior != NULL)
	{
		training->prior.w = training->order->prior->data;
		training->prior_origin = "caller";
		return;
	}
	uiml_transfer_earlier(&training->row, &map);
	if (map.found)
		use_earlier(training, &map);
	if (training->prior.w == NULL && same_space(training))
		use_identity(training);
}
