/*
 * metrics.c
 *	  Metrics in plain SQL: of a list of keys against a set, of values, of vectors.
 *
 * Keys are of any type.  The relevant ones go into a hash table over the type's own hash and equality (from
 * the type cache), so a list of n against a set of m costs O(n + m).  The formulas are core/metrics.h's, as
 * in uiml_evaluate.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "core/metrics.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/toolargs.h"

#define NO_KEY PG_UINT32_MAX

/* Called with the number of each element: hashing one may take a microsecond. */
static void
check_interrupts(size_t i)
{
	if (i % 4096 == 0)
		CHECK_FOR_INTERRUPTS();
}

/* ---------- arrays ---------- */

typedef struct Elements
{
	size_t n;
	Datum *value;
	bool *null;
} Elements;

/* The elements of an array argument; name is that of the argument. */
static Elements
elements_read(ArrayType *array, const char *name, bool any_dimensions)
{
	Elements elements;
	int16 length;
	bool by_value;
	char align;
	int n;

	if (!any_dimensions && ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("%s must have one dimension", name)));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &elements.value, &elements.null,
					  &n);
	elements.n = (size_t) n;
	return elements;
}

/* The elements of a float8[] argument that are not NULL. */
static double *
numbers_read(FunctionCallInfo fcinfo, const char *name, size_t *n)
{
	Elements elements = elements_read(PG_GETARG_ARRAYTYPE_P(0), name, false);
	double *number = palloc(sizeof(double) * Max(elements.n, 1));

	*n = 0;
	for (size_t i = 0; i < elements.n; i++)
		if (!elements.null[i])
			number[(*n)++] = DatumGetFloat8(elements.value[i]);
	return number;
}

/* NaN stands for a metric that is not defined, which is NULL in SQL. */
static Datum
metric_datum(FunctionCallInfo fcinfo, double metric)
{
	if (isnan(metric))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(metric);
}

/* ---------- sets of keys ---------- */

/* Different keys that are not NULL, in the order of their first appearance. */
typedef struct KeySet
{
	TypeCacheEntry *type;
	Oid collation;
	size_t n;
	Datum *key;
	uint32 *hash;
	size_t n_slots; /* a power of two, at least twice n */
	uint32 *slot;   /* numbers of keys, or NO_KEY */
} KeySet;

static void
set_open(KeySet *set, Oid type, Oid collation, size_t capacity)
{
	set->type = lookup_type_cache(type, TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_PROC_FINFO);
	if (!OidIsValid(set->type->hash_proc_finfo.fn_oid) || !OidIsValid(set->type->eq_opr_finfo.fn_oid))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("could not identify a hash function for type %s", format_type_be(type)),
						errhint("Cast the keys to a type that has one, such as text.")));
	set->collation = collation;
	set->n = 0;
	set->n_slots = 8;
	while (set->n_slots < 2 * capacity)
		set->n_slots *= 2;
	set->key = palloc_extended(sizeof(Datum) * Max(capacity, 1), MCXT_ALLOC_HUGE);
	set->hash = palloc_extended(sizeof(uint32) * Max(capacity, 1), MCXT_ALLOC_HUGE);
	set->slot = palloc_extended(sizeof(uint32) * set->n_slots, MCXT_ALLOC_HUGE);
	memset(set->slot, 0xff, sizeof(uint32) * set->n_slots);
}

static uint32
set_hash(const KeySet *set, Datum key)
{
	return DatumGetUInt32(FunctionCall1Coll(&set->type->hash_proc_finfo, set->collation, key));
}

/* The slot of a key, or the free one where it belongs. */
static uint32 *
set_slot(const KeySet *set, Datum key, uint32 hash)
{
	size_t at = hash & (set->n_slots - 1);

	/* keys can be chosen so that all of them have the same hash */
	for (size_t probe = 1;; at = (at + 1) & (set->n_slots - 1), probe++)
	{
		uint32 number = set->slot[at];

		check_interrupts(probe);

		if (number == NO_KEY)
			return &set->slot[at];
		if (set->hash[number] == hash &&
			DatumGetBool(FunctionCall2Coll(&set->type->eq_opr_finfo, set->collation, set->key[number], key)))
			return &set->slot[at];
	}
}

/* The number of a key, a new one where it was never seen. */
static uint32
set_number(KeySet *set, Datum key)
{
	uint32 hash = set_hash(set, key);
	uint32 *slot = set_slot(set, key, hash);

	if (*slot == NO_KEY)
	{
		*slot = (uint32) set->n;
		set->key[set->n] = key;
		set->hash[set->n++] = hash;
	}
	return *slot;
}

/* The number of a key, or NO_KEY. */
static uint32
set_find(const KeySet *set, Datum key)
{
	return *set_slot(set, key, set_hash(set, key));
}

/* ---------- a list against a set ---------- */

/* A list and the items it should hold. */
typedef struct Ranking
{
	KeySet relevant;
	size_t n;    /* ranks looked at */
	size_t k;    /* as asked for, or SIZE_MAX */
	uint32 *hit; /* n: the number of the relevant item at this rank, or NO_KEY */
} Ranking;

/* An item hits at its first rank only. */
static void
ranking_match(Ranking *ranking, const Elements *ranked)
{
	bool *taken = palloc0(Max(ranking->relevant.n, 1));

	for (size_t i = 0; i < ranking->n; i++)
	{
		uint32 number;

		check_interrupts(i);
		number = ranked->null[i] ? NO_KEY : set_find(&ranking->relevant, ranked->value[i]);

		if (number != NO_KEY && taken[number])
			number = NO_KEY;
		if (number != NO_KEY)
			taken[number] = true;
		ranking->hit[i] = number;
	}
}

/*
 * Reads (ranked, relevant, k); number receives the number of each element of relevant (may be NULL).  False
 * where the metric is NULL.
 */
static bool
ranking_read(FunctionCallInfo fcinfo, Ranking *ranking, uint32 **number)
{
	ArrayType *array;
	Elements ranked;
	Elements relevant;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return false;
	ranking->k = uiml_arg_limit(fcinfo, 2, "Pass NULL to look at the whole list.");
	array = PG_GETARG_ARRAYTYPE_P(0);
	ranked = elements_read(array, "ranked", false);
	relevant = elements_read(PG_GETARG_ARRAYTYPE_P(1), "relevant", false);
	set_open(&ranking->relevant, ARR_ELEMTYPE(array), PG_GET_COLLATION(), relevant.n);
	if (number != NULL)
		*number = palloc(sizeof(uint32) * Max(relevant.n, 1));
	for (size_t i = 0; i < relevant.n; i++)
	{
		uint32 own;

		check_interrupts(i);
		own = relevant.null[i] ? NO_KEY : set_number(&ranking->relevant, relevant.value[i]);
		if (number != NULL)
			(*number)[i] = own;
	}
	ranking->n = Min(ranked.n, ranking->k);
	ranking->hit = palloc(sizeof(uint32) * Max(ranking->n, 1));
	ranking_match(ranking, &ranked);
	return true;
}

static Datum
ranking_metric(FunctionCallInfo fcinfo, UimlMetric metric)
{
	Ranking ranking;
	bool *hit;
	size_t k;

	if (!ranking_read(fcinfo, &ranking, NULL))
		PG_RETURN_NULL();
	hit = palloc(Max(ranking.n, 1));
	for (size_t i = 0; i < ranking.n; i++)
		hit[i] = ranking.hit[i] != NO_KEY;

	/* the precision of a whole list is that of its ranks, of none in an empty one */
	k = metric == UIML_PRECISION && ranking.k == SIZE_MAX ? Max(ranking.n, 1) : ranking.k;
	return metric_datum(fcinfo, uiml_metric(metric, hit, ranking.n, ranking.relevant.n, k));
}

/* ---------- NDCG with gains ---------- */

static int
compare_gains(const void *a, const void *b, void *compared)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	check_interrupts(++*(size_t *) compared);
	return (x < y) - (x > y);
}

/* The gain of each relevant item: the greatest, where it is named more than once. */
static double *
gains_read(ArrayType *array, const Ranking *ranking, const uint32 *number, size_t n_relevant)
{
	Elements elements = elements_read(array, "gains", false);
	double *gain = palloc0(sizeof(double) * Max(ranking->relevant.n, 1));

	if (elements.n != n_relevant)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("gains and relevant must have the same number of elements"),
						errdetail("They have %zu and %zu.", elements.n, n_relevant)));
	for (size_t i = 0; i < elements.n; i++)
	{
		float value;

		if (elements.null[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("gains must not contain null values")));
		value = DatumGetFloat4(elements.value[i]);
		if (!(value >= 0) || isinf(value))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("gains must be finite and greater than or equal to zero")));
		if (number[i] != NO_KEY)
			gain[number[i]] = Max(gain[number[i]], value);
	}
	return gain;
}

static double
graded_ndcg(const Ranking *ranking, double *gain)
{
	double *of_rank = palloc(sizeof(double) * Max(ranking->n, 1));
	size_t compared = 0;

	for (size_t i = 0; i < ranking->n; i++)
		of_rank[i] = ranking->hit[i] != NO_KEY ? gain[ranking->hit[i]] : 0;
	qsort_arg(gain, ranking->relevant.n, sizeof(double), compare_gains, &compared);
	return uiml_metric_graded_ndcg(of_rank, ranking->n, gain, ranking->relevant.n, ranking->k);
}

/* uiml_ndcg(ranked, relevant, k, gains) */
PG_FUNCTION_INFO_V1(uiml_ndcg);
Datum
uiml_ndcg(PG_FUNCTION_ARGS)
{
	Ranking ranking;
	uint32 *number;
	ArrayType *relevant;
	size_t n_relevant;

	if (PG_ARGISNULL(3))
		return ranking_metric(fcinfo, UIML_NDCG);
	if (!ranking_read(fcinfo, &ranking, &number))
		PG_RETURN_NULL();
	relevant = PG_GETARG_ARRAYTYPE_P(1);
	n_relevant = (size_t) ArrayGetNItems(ARR_NDIM(relevant), ARR_DIMS(relevant));
	return metric_datum(
		fcinfo, graded_ndcg(&ranking, gains_read(PG_GETARG_ARRAYTYPE_P(3), &ranking, number, n_relevant)));
}

/* Each of these: (ranked, relevant, k) */
PG_FUNCTION_INFO_V1(uiml_recall);
Datum
uiml_recall(PG_FUNCTION_ARGS)
{
	return ranking_metric(fcinfo, UIML_RECALL);
}

PG_FUNCTION_INFO_V1(uiml_precision);
Datum
uiml_precision(PG_FUNCTION_ARGS)
{
	return ranking_metric(fcinfo, UIML_PRECISION);
}

PG_FUNCTION_INFO_V1(uiml_hr);
Datum
uiml_hr(PG_FUNCTION_ARGS)
{
	return ranking_metric(fcinfo, UIML_HR);
}

PG_FUNCTION_INFO_V1(uiml_mrr);
Datum
uiml_mrr(PG_FUNCTION_ARGS)
{
	return ranking_metric(fcinfo, UIML_MRR);
}

PG_FUNCTION_INFO_V1(uiml_map);
Datum
uiml_map(PG_FUNCTION_ARGS)
{
	return ranking_metric(fcinfo, UIML_MAP);
}

/* ---------- values ---------- */

/* uiml_auc(score, positive) */
PG_FUNCTION_INFO_V1(uiml_auc);
Datum
uiml_auc(PG_FUNCTION_ARGS)
{
	Elements scores = elements_read(PG_GETARG_ARRAYTYPE_P(0), "score", false);
	Elements flags = elements_read(PG_GETARG_ARRAYTYPE_P(1), "positive", false);
	double *score = palloc(sizeof(double) * Max(scores.n, 1));
	bool *positive = palloc(Max(scores.n, 1));
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	size_t n = 0;
	double auc;

	if (scores.n != flags.n)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("score and positive must have the same number of elements"),
						errdetail("They have %zu and %zu.", scores.n, flags.n)));
	for (size_t i = 0; i < scores.n; i++)
	{
		if (scores.null[i] || flags.null[i])
			continue;
		score[n] = DatumGetFloat8(scores.value[i]);
		if (isnan(score[n]))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("score must not contain NaN")));
		positive[n++] = DatumGetBool(flags.value[i]);
	}
	uiml_check(uiml_metric_auc(&env, score, positive, n, &auc), "AUC");
	return metric_datum(fcinfo, auc);
}

PG_FUNCTION_INFO_V1(uiml_gini);
Datum
uiml_gini(PG_FUNCTION_ARGS)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	size_t n;
	double *value = numbers_read(fcinfo, "value", &n);
	double gini;

	for (size_t i = 0; i < n; i++)
		if (!(value[i] >= 0) || isinf(value[i]))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("values must be finite and greater than or equal to zero")));
	uiml_check(uiml_metric_gini(&env, value, n, &gini), "Gini coefficient");
	return metric_datum(fcinfo, gini);
}

PG_FUNCTION_INFO_V1(uiml_novelty);
Datum
uiml_novelty(PG_FUNCTION_ARGS)
{
	size_t n;
	double *share = numbers_read(fcinfo, "popularity", &n);

	for (size_t i = 0; i < n; i++)
		if (!(share[i] > 0 && share[i] <= 1))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("popularity must be greater than zero and at most one"),
							errdetail("An element is %g.", share[i]),
							errhint("Divide how often an item was chosen by the sum over all items.")));
	return metric_datum(fcinfo, uiml_metric_novelty(share, n));
}

/* uiml_coverage(recommended, n_items) */
PG_FUNCTION_INFO_V1(uiml_coverage);
Datum
uiml_coverage(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	Elements elements = elements_read(array, "recommended", true);
	int64 n_items = PG_GETARG_INT64(1);
	KeySet set;

	if (n_items < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("n_items must be greater than zero"),
						errdetail("n_items is %lld.", (long long) n_items)));
	set_open(&set, ARR_ELEMTYPE(array), PG_GET_COLLATION(), elements.n);
	for (size_t i = 0; i < elements.n; i++)
	{
		check_interrupts(i);
		if (!elements.null[i])
			(void) set_number(&set, elements.value[i]);
	}
	if (set.n > (size_t) n_items)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("n_items is less than the number of different items"),
						errdetail("%zu different items are recommended, n_items is %lld.", set.n,
								  (long long) n_items)));
	PG_RETURN_FLOAT8((double) set.n / (double) n_items);
}

/* ---------- vectors ---------- */

PG_FUNCTION_INFO_V1(uiml_intra_list_similarity);
Datum
uiml_intra_list_similarity(PG_FUNCTION_ARGS)
{
	size_t n;
	const InterestVector **vector = uiml_vector_array(PG_GETARG_ARRAYTYPE_P(0), "vectors", true, &n);
	const float **x = palloc(sizeof(float *) * Max(n, 1));
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	double similarity;

	for (size_t i = 0; i < n; i++)
		x[i] = vector[i]->x;
	uiml_check(uiml_metric_similarity(&env, x, n, n > 0 ? (size_t) vector[0]->dim : 0, &similarity),
			   "similarity");
	return metric_datum(fcinfo, similarity);
}
