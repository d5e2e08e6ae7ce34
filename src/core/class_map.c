/*
 * class_map.c
 *	  Which classes of one network those of another are made of.
 *
 * Rows are built in a dense row of source classes, with a list of those it has touched: what a row costs is what it
 * holds, and where a matrix is given, its elements.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/sequence_carry.h"

#define NEGLIGIBLE 1e-3    /* of a row: left out */
#define CHECK_WORK 0x10000 /* elements between two questions for an interrupt */

typedef struct Builder
{
	const UimlEnv *env;
	UimlClassMap *map;
	size_t capacity; /* of elements */
	size_t n;        /* elements so far */
	double *sum;     /* n_source: the row in the making, zero but for touched ones */
	uint32_t *touched;
	size_t n_touched;
	size_t work;
} Builder;

void
uiml_class_map_free(const UimlEnv *env, UimlClassMap *map)
{
	uiml_free(env, map->row_start);
	uiml_free(env, map->source);
	uiml_free(env, map->weight);
	memset(map, 0, sizeof(*map));
}

/* A map that isn't finished is freed. */
static UimlStatus
builder_end(Builder *builder, UimlStatus status)
{
	uiml_free(builder->env, builder->sum);
	uiml_free(builder->env, builder->touched);
	if (status != UIML_OK)
		uiml_class_map_free(builder->env, builder->map);
	return status;
}

static void
add(Builder *builder, size_t source, double weight)
{
	builder->work++;
	if (weight <= 0)
		return;
	if (builder->sum[source] == 0)
		builder->touched[builder->n_touched++] = (uint32_t) source;
	builder->sum[source] += weight;
}

static UimlStatus
reserve(Builder *builder, size_t more)
{
	const UimlEnv *env = builder->env;
	UimlClassMap *map = builder->map;
	size_t capacity = 2 * builder->capacity + more;
	uint32_t *source;
	float *weight;

	if (more <= builder->capacity - builder->n)
		return UIML_OK;
	source = uiml_alloc(env, capacity, sizeof(uint32_t));
	weight = uiml_alloc(env, capacity, sizeof(float));
	if (source == NULL || weight == NULL)
	{
		uiml_free(env, source);
		uiml_free(env, weight);
		return UIML_ENOMEM;
	}
	if (builder->n > 0)
	{
		memcpy(source, map->source, builder->n * sizeof(uint32_t));
		memcpy(weight, map->weight, builder->n * sizeof(float));
	}
	uiml_free(env, map->source);
	uiml_free(env, map->weight);
	map->source = source;
	map->weight = weight;
	builder->capacity = capacity;
	return UIML_OK;
}

static UimlStatus
builder_begin(Builder *builder, const UimlEnv *env, size_t n_target, size_t n_source, UimlClassMap *map)
{
	memset(map, 0, sizeof(*map));
	map->n_target = n_target;
	map->n_source = n_source;
	*builder = (Builder){.env = env, .map = map};
	if (n_target == SIZE_MAX)
		return UIML_ELIMIT;
	map->row_start = uiml_alloc(env, n_target + 1, sizeof(size_t));
	builder->sum = uiml_alloc0(env, n_source, sizeof(double));
	builder->touched = uiml_alloc(env, n_source, sizeof(uint32_t));
	if (map->row_start == NULL || builder->sum == NULL || builder->touched == NULL)
		return UIML_ENOMEM;
	map->row_start[0] = 0;
	return reserve(builder, n_target + 1);
}

static int
number_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a;
	uint32_t y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

/* The sum of the touched elements that are at least `least`. */
static double
row_sum(const Builder *builder, double least)
{
	double sum = 0;

	for (size_t i = 0; i < builder->n_touched; i++)
	{
		double weight = builder->sum[builder->touched[i]];

		sum += weight >= least ? weight : 0;
	}
	return sum;
}

/* What was added becomes row number `row`, without what is negligible, and the next one begins. */
static UimlStatus
end_row(Builder *builder, size_t row)
{
	UimlClassMap *map = builder->map;
	UimlStatus status = reserve(builder, builder->n_touched);
	double least, sum;

	if (status != UIML_OK)
		return status;
	qsort(builder->touched, builder->n_touched, sizeof(uint32_t), number_compare);
	sum = row_sum(builder, 0);
	if (!isfinite(sum))
		return UIML_ENOTFINITE;
	/* A row of very many small ones would lose all: what is as large as the mean stays. */
	least = sum * NEGLIGIBLE;
	if (builder->n_touched > 0 && least > sum / (double) builder->n_touched)
		least = sum / (double) builder->n_touched * (1 - 1e-9);
	sum = row_sum(builder, least);
	for (size_t i = 0; i < builder->n_touched; i++)
	{
		uint32_t source = builder->touched[i];

		if (builder->sum[source] >= least)
		{
			map->source[builder->n] = source;
			map->weight[builder->n++] = (float) (builder->sum[source] / sum);
		}
		builder->sum[source] = 0;
	}
	builder->n_touched = 0;
	map->row_start[row + 1] = builder->n;
	if (builder->work < CHECK_WORK)
		return UIML_OK;
	builder->work = 0;
	return uiml_interrupted(builder->env) ? UIML_EINTERRUPTED : UIML_OK;
}

/* ---------- from a matrix ---------- */

/* Elements lie so far apart, and each is multiplied by the source's prior. */
static UimlStatus
map_from(const UimlEnv *env, size_t n_target, size_t n_source, const float *matrix, size_t next_target,
		 size_t next_source, const float *prior, UimlClassMap *map)
{
	Builder builder;
	UimlStatus status = builder_begin(&builder, env, n_target, n_source, map);

	for (size_t t = 0; status == UIML_OK && t < n_target; t++)
	{
		for (size_t s = 0; status == UIML_OK && s < n_source; s++)
		{
			double weight = (double) matrix[t * next_target + s * next_source];

			weight *= prior != NULL ? (double) prior[s] : 1;
			if (!isfinite(weight))
				status = UIML_ENOTFINITE;
			else if (weight < 0)
				status = UIML_EINVALID;
			else
				add(&builder, s, weight);
		}
		if (status == UIML_OK)
			status = end_row(&builder, t);
	}
	return builder_end(&builder, status);
}

UimlStatus
uiml_class_map_dense(const UimlEnv *env, size_t n_target, size_t n_source, const float *matrix,
					 UimlClassMap *map)
{
	return map_from(env, n_target, n_source, matrix, n_source, 1, NULL, map);
}

UimlStatus
uiml_class_map_transfer(const UimlEnv *env, size_t n_source, size_t n_target, const float *share,
						const float *prior, UimlClassMap *map)
{
	return map_from(env, n_target, n_source, share, 1, n_target, prior, map);
}

/* ---------- from items ---------- */

/* The items of each class, ascending: those of class c are item[start[c]] .. item[start[c + 1] - 1]. */
typedef struct ItemsOf
{
	size_t *start;
	uint32_t *item;
} ItemsOf;

static void
items_free(const UimlEnv *env, ItemsOf *items)
{
	uiml_free(env, items->start);
	uiml_free(env, items->item);
}

static UimlStatus
items_of(const UimlEnv *env, const UimlSequenceClasses *classes, ItemsOf *items)
{
	size_t *start = uiml_alloc0(env, classes->n + 2, sizeof(size_t));

	items->start = start;
	items->item = uiml_alloc(env, classes->n_items, sizeof(uint32_t));
	if (start == NULL || items->item == NULL)
		return UIML_ENOMEM;
	/* Counts two behind, so that filling moves each start to where it belongs. */
	for (size_t i = 0; i < classes->n_items; i++)
	{
		uint32_t class_no = uiml_sequence_class(classes, (uint32_t) i);

		if (class_no < classes->n)
			start[class_no + 2]++;
	}
	for (size_t c = 0; c < classes->n; c++)
		start[c + 2] += start[c + 1];
	for (size_t i = 0; i < classes->n_items; i++)
	{
		uint32_t class_no = uiml_sequence_class(classes, (uint32_t) i);

		if (class_no < classes->n)
			items->item[start[class_no + 1]++] = (uint32_t) i;
	}
	return uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
}

static double
weight_of(const float *weight, uint32_t item)
{
	return weight != NULL ? (double) weight[item] : 1;
}

UimlStatus
uiml_class_map_shared(const UimlEnv *env, const UimlSequenceClasses *target,
					  const UimlSequenceClasses *source, const uint32_t *other, const float *weight,
					  UimlClassMap *map)
{
	ItemsOf items = {0};
	Builder builder;
	UimlStatus status = builder_begin(&builder, env, target->n, source->n, map);

	if (status == UIML_OK)
		status = items_of(env, target, &items);
	for (size_t t = 0; status == UIML_OK && t < target->n; t++)
	{
		for (size_t i = items.start[t]; i < items.start[t + 1]; i++)
		{
			uint32_t item = items.item[i];
			uint32_t class_no = uiml_sequence_class(source, other[item]);

			/* A class of items that nobody knows of is still what its items are. */
			if (class_no < source->n)
				add(&builder, class_no, weight_of(weight, item) + 1e-6);
		}
		status = end_row(&builder, t);
	}
	items_free(env, &items);
	return builder_end(&builder, status);
}

/* ---------- through interests ---------- */

/* What a heap of the items of the largest weights is ordered by. */
static bool
weighs_less(const float *weight, uint32_t a, uint32_t b)
{
	double x = weight_of(weight, a);
	double y = weight_of(weight, b);

	return x != y ? x < y : a > b;
}

static void
sink(const float *weight, uint32_t *heap, size_t n)
{
	for (size_t root = 0, child; (child = 2 * root + 1) < n; root = child)
	{
		uint32_t item = heap[root];

		if (child + 1 < n && weighs_less(weight, heap[child + 1], heap[child]))
			child++;
		if (!weighs_less(weight, heap[child], item))
			return;
		heap[root] = heap[child];
		heap[child] = item;
	}
}

/* The items of the largest weights come first, in the heap that chose them; returns how many. */
static size_t
choose_items(const float *weight, uint32_t *item, size_t n, size_t most)
{
	size_t kept = n < most ? n : most;

	for (size_t i = 0; i < kept; i++)
	{
		/* rises, the lightest to the root */
		for (size_t at = i; at > 0 && weighs_less(weight, item[at], item[(at - 1) / 2]); at = (at - 1) / 2)
		{
			uint32_t parent = item[(at - 1) / 2];

			item[(at - 1) / 2] = item[at];
			item[at] = parent;
		}
	}
	for (size_t i = kept; i < n; i++)
	{
		if (kept == 0 || !weighs_less(weight, item[0], item[i]))
			continue;
		item[0] = item[i];
		sink(weight, item, kept);
	}
	return kept;
}

/* The row of an interest in source items. */
static void
add_interest(Builder *builder, const UimlClassMap *interests, size_t t, const ItemsOf *items,
			 const size_t *kept, const float *weight)
{
	for (size_t i = interests->row_start[t]; i < interests->row_start[t + 1]; i++)
	{
		uint32_t s = interests->source[i];
		const uint32_t *item = items->item + items->start[s];
		double sum = 0;

		for (size_t j = 0; j < kept[s]; j++)
			sum += weight_of(weight, item[j]) + 1e-6;
		for (size_t j = 0; j < kept[s]; j++)
			add(builder, item[j], (double) interests->weight[i] * (weight_of(weight, item[j]) + 1e-6) / sum);
	}
}

/* Rows of target interests become those of its items: copies. */
static UimlStatus
rows_of_items(const UimlEnv *env, const UimlSequenceClasses *target, const UimlClassMap *rows,
			  size_t n_source, UimlClassMap *map)
{
	Builder builder;
	UimlStatus status = builder_begin(&builder, env, target->n_items, n_source, map);

	for (size_t i = 0; status == UIML_OK && i < target->n_items; i++)
	{
		uint32_t t = uiml_sequence_class(target, (uint32_t) i);

		if (t < target->n)
		{
			for (size_t j = rows->row_start[t]; j < rows->row_start[t + 1]; j++)
				add(&builder, rows->source[j], (double) rows->weight[j]);
		}
		status = end_row(&builder, i);
	}
	return builder_end(&builder, status);
}

UimlStatus
uiml_class_map_through(const UimlEnv *env, const UimlClassMap *interests, const UimlSequenceClasses *target,
					   const UimlSequenceClasses *source, const float *weight, size_t most, UimlClassMap *map)
{
	UimlClassMap rows;
	ItemsOf items = {0};
	Builder builder;
	size_t *kept;
	UimlStatus status;

	memset(map, 0, sizeof(*map));
	if (interests->n_target != target->n || interests->n_source != source->n || most == 0)
		return UIML_EINVALID;
	status = builder_begin(&builder, env, target->n, source->n_items, &rows);
	kept = uiml_alloc(env, source->n, sizeof(size_t));
	if (status == UIML_OK)
		status = kept == NULL ? UIML_ENOMEM : items_of(env, source, &items);
	for (size_t s = 0; status == UIML_OK && s < source->n; s++)
		kept[s] =
			choose_items(weight, items.item + items.start[s], items.start[s + 1] - items.start[s], most);
	for (size_t t = 0; status == UIML_OK && t < target->n; t++)
	{
		add_interest(&builder, interests, t, &items, kept, weight);
		status = end_row(&builder, t);
	}
	status = builder_end(&builder, status);
	uiml_free(env, kept);
	items_free(env, &items);
	if (status == UIML_OK)
		status = rows_of_items(env, target, &rows, source->n_items, map);
	uiml_class_map_free(env, &rows);
	return status;
}
