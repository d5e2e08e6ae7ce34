/*
 * relation.c
 *	  Vectors of any relation, as one matrix in memory.
 *
 * One SELECT of the columns that matter streams into the matrix.  A vector that lies in its page as it is
 * gets copied once, from the page to its row; what is compressed or stored out of line is detoasted into a
 * scratch context that is reset after each.  The matrix grows by realloc, which for blocks of this size
 * remaps pages instead of copying them.
 *
 * Where maintenance_work_mem runs out, the rest of the rows is counted only, so that the error can say what
 * would do.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/rng.h"
#include "pg/interest_vector.h"
#include "pg/relation.h"
#include "pg/sql.h"

#define FIRST_VECTORS 1024
#define NO_PLACE      SIZE_MAX

typedef struct VectorReader
{
	UimlVectors *vectors;
	MemoryContext context;
	MemoryContext scratch; /* detoasted values */
	UimlBudget *budget;
	UimlKeyTable *keys; /* NULL: no column was named */
	uint32 *number;     /* of the key of each row */
	const char *weight_col;
	int weight_at; /* column positions in the slot, -1 for none */
	int key_at;
	size_t capacity; /* rows */
	uint64 overflow; /* rows that found no room */
	UimlRng *rng;    /* of a sample; NULL: all rows */
	size_t most;     /* rows of a sample */
	uint64 seen;     /* rows it was drawn from */
} VectorReader;

/* --- one row -------------------------------------------------------------------------------------------- */

static size_t
row_bytes(const VectorReader *reader)
{
	return reader->vectors->d * sizeof(float) + (reader->weight_at >= 0 ? sizeof(float) : 0) +
		   (reader->keys != NULL ? sizeof(uint32) : 0);
}

static void *
resize(const VectorReader *reader, void *array, size_t count, size_t size)
{
	size = Max(count, 1) * size;
	return array != NULL ? repalloc_huge(array, size) : MemoryContextAllocHuge(reader->context, size);
}

static void
set_capacity(VectorReader *reader, size_t capacity)
{
	UimlVectors *vectors = reader->vectors;

	vectors->x = resize(reader, vectors->x, capacity, vectors->d * sizeof(float));
	if (reader->weight_at >= 0)
		vectors->weight = resize(reader, vectors->weight, capacity, sizeof(float));
	if (reader->keys != NULL)
		reader->number = resize(reader, reader->number, capacity, sizeof(uint32));
	reader->capacity = capacity;
}

/* Room for one more row: a quarter more at a time, less where maintenance_work_mem is nearly exhausted. */
static bool
make_room(VectorReader *reader)
{
	size_t used, left, more;

	if (reader->vectors->n < reader->capacity)
		return true;
	if (reader->keys != NULL && reader->vectors->n == PG_UINT32_MAX)
		return false;
	used = uiml_budget_used(reader->budget);
	left = used < reader->budget->limit ? (reader->budget->limit - used) / row_bytes(reader) : 0;
	more = Min(Max(reader->capacity / 4, FIRST_VECTORS), left);
	if (more > 0)
		set_capacity(reader, reader->capacity + more);
	return more > 0;
}

/* What is compressed or stored outside is copied to the scratch context; the rest is read ahead of. */
static void
view_value(const VectorReader *reader, Datum value, UimlVectorView *view)
{
	MemoryContext old;

	MemoryContextReset(reader->scratch);
	old = MemoryContextSwitchTo(reader->scratch);
	uiml_vector_view(value, view);
	MemoryContextSwitchTo(old);
	uiml_vector_prefetch(view);
}

static float
checked_weight(const VectorReader *reader, Datum value)
{
	double weight = DatumGetFloat8(value);

	if (isnan(weight) || weight < 0 || weight > FLT_MAX)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("weight must be a finite number greater than or equal to zero"),
						errdetail("Column \"%s\" holds %g.", reader->weight_col, weight)));
	return (float) weight;
}

static bool
has_null(const VectorReader *reader, const TupleTableSlot *slot)
{
	return slot->tts_isnull[0] || (reader->weight_at >= 0 && slot->tts_isnull[reader->weight_at]) ||
		   (reader->key_at >= 0 && slot->tts_isnull[reader->key_at]);
}

static size_t
next_place(VectorReader *reader)
{
	if (reader->overflow == 0 && make_room(reader))
		return reader->vectors->n;
	reader->overflow++;
	return NO_PLACE;
}

/*
 * A reservoir (Vitter 1985, algorithm R): each row stays with the same probability, however many there are.
 */
static size_t
sample_place(VectorReader *reader)
{
	size_t n = reader->vectors->n;
	uint64 place;

	reader->seen++;
	if (n < reader->most && make_room(reader))
		return n;
	reader->most = n;
	place = uiml_rng_below(reader->rng, reader->seen);
	return place < n ? (size_t) place : NO_PLACE;
}

static void
read_vector(TupleTableSlot *slot, void *ctx)
{
	VectorReader *reader = ctx;
	UimlVectors *vectors = reader->vectors;
	UimlVectorView view;
	size_t d, place;

	slot_getallattrs(slot);
	if (has_null(reader, slot))
	{
		vectors->skipped++;
		return;
	}
	view_value(reader, slot->tts_values[0], &view);
	d = (size_t) view.dim;
	if (vectors->d == 0)
		vectors->d = d;
	if (unlikely(d != vectors->d))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("different interest_vector dimensions %zu and %zu", vectors->d, d)));
	place = reader->rng != NULL ? sample_place(reader) : next_place(reader);
	if (place == NO_PLACE)
		return;
	if (reader->keys != NULL)
	{
		reader->number[place] = uiml_keys_number(reader->keys, slot->tts_values[reader->key_at]);
		if (reader->number[place] == UIML_NO_KEY)
		{
			reader->overflow++;
			return;
		}
	}
	if (reader->weight_at >= 0)
		vectors->weight[place] = checked_weight(reader, slot->tts_values[reader->weight_at]);
	memcpy(vectors->x + place * d, (const void *) view.x, d * sizeof(float)); /* view.x may be unaligned */
	vectors->n = Max(vectors->n, place + 1);
}

/* --- the statement -------------------------------------------------------------------------------------- */

static AttrNumber
column_number(Oid relation, const char *column)
{
	AttrNumber number = get_attnum(relation, column);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" of relation %s does not exist",
														   column, uiml_relation_name(relation))));
	return number;
}

char *
uiml_relation_column(Oid relation, const char *column)
{
	column_number(relation, column);
	return psprintf("r.%s", quote_identifier(column));
}

char *
uiml_relation_vector(Oid relation, const char *column)
{
	Oid type = get_atttype(relation, column_number(relation, column));
	Oid target = uiml_vector_type();
	Oid function;

	switch (find_coercion_pathway(target, type, COERCION_EXPLICIT, &function))
	{
		case COERCION_PATH_RELABELTYPE:
			/* the cast copies nothing; without it the slot of a plain scan needs no projection */
			if (getBaseType(type) == target)
				return uiml_relation_column(relation, column);
			break;
		case COERCION_PATH_FUNC:
			break;
		default:
			ereport(
				ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation %s has type %s, which has no cast to interest_vector",
						column, uiml_relation_name(relation), format_type_be(type)),
				 errhint("Use a column of type interest_vector, real[] or double precision[], or pgvector's "
						 "vector once the extension uiml_pgvector is created.")));
	}
	return psprintf("%s::%s", uiml_relation_column(relation, column), uiml_key_type_sql(target));
}

static char *
vectors_query(VectorReader *reader, Oid relation, const char *vector_col, const char *key_col)
{
	StringInfoData sql;
	int n = 1;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s", uiml_relation_vector(relation, vector_col));
	reader->key_at = reader->weight_at = -1;
	if (key_col != NULL)
	{
		appendStringInfo(&sql, ", %s", uiml_relation_column(relation, key_col));
		reader->key_at = n++;
	}
	if (reader->weight_col != NULL)
	{
		appendStringInfo(&sql, ", %s::pg_catalog.float8", uiml_relation_column(relation, reader->weight_col));
		reader->weight_at = n++;
	}
	appendStringInfo(&sql, " FROM %s r", uiml_relation_name(relation));
	return sql.data;
}

/* --- after the last row --------------------------------------------------------------------------------- */

/* Bytes that putting n rows of n_keys keys in order takes beside them. */
static size_t
order_bytes(const VectorReader *reader, size_t n, size_t n_keys)
{
	return n * (sizeof(Datum) + sizeof(uint32)) + (n_keys + 1) * sizeof(uint32) +
		   reader->vectors->d * sizeof(float) + uiml_keys_finish_memory(n_keys);
}

static void
report_overflow(VectorReader *reader)
{
	UimlVectors *vectors = reader->vectors;
	size_t more = reader->overflow;
	size_t all = vectors->n + more;
	double needed = (double) uiml_budget_used(reader->budget) + (double) more * (double) row_bytes(reader);

	if (reader->keys != NULL)
		needed += (double) order_bytes(reader, all, all);
	uiml_budget_exceeded(reader->budget, psprintf("%zu vectors of %zu dimensions", all, vectors->d), needed);
}

/* The row that belongs at each place: by number of the key, equal ones as they came. */
static void
order_rows(const uint32 *number, size_t n, size_t n_keys, uint32 *start, uint32 *row_at)
{
	memset(start, 0, (n_keys + 1) * sizeof(uint32));
	for (size_t i = 0; i < n; i++)
		start[number[i] + 1]++;
	for (size_t k = 0; k < n_keys; k++)
		start[k + 1] += start[k];
	for (size_t i = 0; i < n; i++)
		row_at[start[number[i]]++] = (uint32) i;
}

/* Moves the rows to their places, along the cycles of the permutation; row_at is used up. */
static void
move_rows(UimlVectors *vectors, uint32 *row_at, float *spare)
{
	size_t d = vectors->d;

	for (size_t first = 0; first < vectors->n; first++)
	{
		size_t place = first;
		float weight = vectors->weight != NULL ? vectors->weight[first] : 0;

		if (row_at[first] == first)
			continue;
		memcpy(spare, vectors->x + first * d, d * sizeof(float));
		while (row_at[place] != first)
		{
			size_t from = row_at[place];

			memcpy(vectors->x + place * d, vectors->x + from * d, d * sizeof(float));
			if (vectors->weight != NULL)
				vectors->weight[place] = vectors->weight[from];
			row_at[place] = (uint32) place;
			place = from;
		}
		memcpy(vectors->x + place * d, spare, d * sizeof(float));
		if (vectors->weight != NULL)
			vectors->weight[place] = weight;
		row_at[place] = (uint32) place;
	}
}

static void
sort_by_key(VectorReader *reader)
{
	UimlVectors *vectors = reader->vectors;
	size_t n_keys = uiml_keys_count(reader->keys);
	uint32 *start, *row_at, *renumber;
	float *spare;
	UimlKeys keys;

	if (!uiml_budget_fits(reader->budget, order_bytes(reader, vectors->n, n_keys)))
		report_overflow(reader);
	renumber = uiml_keys_finish(reader->keys, 0, &keys);
	for (size_t i = 0; i < vectors->n; i++)
		reader->number[i] = renumber[reader->number[i]];
	pfree(renumber);
	start = MemoryContextAllocHuge(reader->context, (n_keys + 1) * sizeof(uint32));
	row_at = MemoryContextAllocHuge(reader->context, Max(vectors->n, 1) * sizeof(uint32));
	spare = MemoryContextAllocHuge(reader->context, Max(vectors->d, 1) * sizeof(float));
	vectors->key = MemoryContextAllocHuge(reader->context, Max(vectors->n, 1) * sizeof(Datum));
	order_rows(reader->number, vectors->n, n_keys, start, row_at);
	for (size_t place = 0; place < vectors->n; place++)
		vectors->key[place] = keys.key[reader->number[row_at[place]]];
	move_rows(vectors, row_at, spare);
	pfree(spare);
	pfree(row_at);
	pfree(start);
	pfree(reader->number);
}

static uint64
read_relation(VectorReader *reader, Oid relation, const char *vector_col, const char *key_col)
{
	char *sql = vectors_query(reader, relation, vector_col, key_col);
	Oid types[2] = {uiml_vector_type(), InvalidOid}; /* the key comes second */
	int nest_level = NewGUCNestLevel();
	MemoryContext old;

	/* Rows come in the same order each time, so that a seed gives the same result. */
	if (!IsInParallelMode())
		(void) set_config_option("synchronize_seqscans", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);

	if (key_col != NULL)
	{
		types[1] = reader->vectors->key_type = get_atttype(relation, column_number(relation, key_col));
		reader->keys = uiml_keys_begin(uiml_key_type(reader->vectors->key_type, key_col, reader->context),
									   reader->context, reader->budget);
	}
	reader->scratch =
		AllocSetContextCreate(reader->context, "uiml detoasted vectors", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(reader->context);
	uiml_sql_each_typed(sql, NULL, true, types, key_col != NULL ? 2 : 1, read_vector, reader);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(reader->scratch);
	AtEOXact_GUC(true, nest_level);
	return reader->overflow;
}

bool
uiml_relation_vectors_fit(Oid relation, const char *vector_col, const char *weight_col, UimlBudget *budget,
						  MemoryContext context, UimlVectors *vectors)
{
	VectorReader reader = {
		.vectors = vectors, .context = context, .budget = budget, .weight_col = weight_col};

	memset(vectors, 0, sizeof(*vectors));
	if (read_relation(&reader, relation, vector_col, NULL) == 0)
	{
		set_capacity(&reader, vectors->n);
		return true;
	}
	uiml_relation_vectors_free(vectors);
	vectors->n += reader.overflow;
	return false;
}

void
uiml_relation_vectors_sample(Oid relation, const char *vector_col, const char *weight_col, size_t most,
							 uint64 seed, UimlBudget *budget, MemoryContext context, UimlVectors *vectors,
							 uint64 *n)
{
	UimlRng rng;
	VectorReader reader = {.vectors = vectors,
						   .context = context,
						   .budget = budget,
						   .weight_col = weight_col,
						   .rng = &rng,
						   .most = most};

	uiml_rng_init(&rng, seed);
	memset(vectors, 0, sizeof(*vectors));
	read_relation(&reader, relation, vector_col, NULL);
	*n = reader.seen;
	set_capacity(&reader, vectors->n);
}

void
uiml_relation_vectors_cut(UimlVectors *vectors, size_t n)
{
	vectors->n = n;
	vectors->x = repalloc_huge(vectors->x, Max(n, 1) * Max(vectors->d, 1) * sizeof(float));
	if (vectors->weight != NULL)
		vectors->weight = repalloc_huge(vectors->weight, Max(n, 1) * sizeof(float));
}

void
uiml_relation_vectors_free(UimlVectors *vectors)
{
	if (vectors->x != NULL)
		pfree(vectors->x);
	if (vectors->weight != NULL)
		pfree(vectors->weight);
	vectors->x = vectors->weight = NULL;
}

void
uiml_relation_vectors(Oid relation, const char *vector_col, const char *key_col, const char *weight_col,
					  UimlBudget *budget, MemoryContext context, UimlVectors *vectors)
{
	VectorReader reader = {
		.vectors = vectors, .context = context, .budget = budget, .weight_col = weight_col};

	memset(vectors, 0, sizeof(*vectors));
	if (read_relation(&reader, relation, vector_col, key_col) > 0)
		report_overflow(&reader);
	set_capacity(&reader, vectors->n);
	if (key_col != NULL)
		sort_by_key(&reader);
}
