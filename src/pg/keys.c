/*
 * keys.c
 *	  User and item keys of any scalar type.
 *
 * Events carry keys; models want dense numbers.  A dictionary (open addressing over the type's own hash and
 * equality) numbers keys as they come, and a sort at the end makes the numbers independent of the order of
 * rows.  Integers, by far the most common keys, bypass the function manager.  Keys passed by reference are
 * packed into blocks: an allocation each would double the memory of short ones.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "pg/keys.h"

#define KEY_BLOCK_SIZE    ((size_t) 64 * 1024)
#define FIRST_KEYS        256
#define EMPTY_SLOT        PG_UINT32_MAX
#define SCRATCH_RESET     1024 /* texts made between resets of the scratch context */
#define INTERRUPT_COMPARE 0xffff
#define INTERRUPT_PROBES  0xfffff

struct UimlKeyTable
{
	UimlKeyType *type;
	MemoryContext context; /* "uiml keys": all below */
	MemoryContext scratch; /* what hash, equality and output functions leave behind */
	UimlBudget *budget;
	size_t n;
	size_t capacity;
	Datum *key;
	uint32 *hash;
	uint32 *slot; /* n_slots, a power of two, of numbers */
	size_t n_slots;
	char *block; /* packed keys */
	size_t block_used;
	size_t block_size;
};

/* --- the type ------------------------------------------------------------------------------------------- */

static bool
is_integer_type(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == OIDOID || type == DATEOID;
}

static int64
integer_of(const UimlKeyType *type, Datum key)
{
	switch (type->typlen)
	{
		case 2:
			return DatumGetInt16(key);
		case 4:
			return type->base_type == OIDOID ? (int64) DatumGetObjectId(key) : DatumGetInt32(key);
		default:
			return DatumGetInt64(key);
	}
}

/* key::text is a cast function (boolean, character, inet), nothing (text types) or the output function. */
static void
find_text_path(UimlKeyType *type, MemoryContext context)
{
	Oid function = InvalidOid;
	bool is_varlena;

	type->text_path = COERCION_PATH_RELABELTYPE;
	if (type->base_type == TEXTOID)
		return;
	type->text_path = find_coercion_pathway(TEXTOID, type->base_type, COERCION_EXPLICIT, &function);
	if (type->text_path == COERCION_PATH_RELABELTYPE)
		return;
	if (type->text_path != COERCION_PATH_FUNC)
	{
		type->text_path = COERCION_PATH_COERCEVIAIO;
		getTypeOutputInfo(type->base_type, &function, &is_varlena);
	}
	fmgr_info_cxt(function, &type->to_text, context);
}

UimlKeyType *
uiml_key_type(Oid type, const char *column, MemoryContext context)
{
	UimlKeyType *key = MemoryContextAllocZero(context, sizeof(UimlKeyType));
	TypeCacheEntry *entry =
		lookup_type_cache(type, TYPECACHE_HASH_PROC | TYPECACHE_CMP_PROC | TYPECACHE_EQ_OPR);

	if (!OidIsValid(entry->hash_proc) || !OidIsValid(entry->cmp_proc) || !OidIsValid(entry->eq_opr))
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_FUNCTION),
			 errmsg("column \"%s\" cannot be a key: type %s has no default btree and hash operator classes",
					column, format_type_be(type)),
			 errhint("Use a column of a scalar type such as bigint, text or uuid.")));
	key->type = type;
	key->base_type = getBaseType(type);
	key->typlen = entry->typlen;
	key->typbyval = entry->typbyval;
	key->collation = type_is_collatable(type) ? C_COLLATION_OID : InvalidOid;
	key->is_integer = is_integer_type(key->base_type);
	fmgr_info_cxt(entry->hash_proc, &key->hash, context);
	fmgr_info_cxt(entry->cmp_proc, &key->compare, context);
	fmgr_info_cxt(get_opcode(entry->eq_opr), &key->equal, context);
	find_text_path(key, context);
	return key;
}

char *
uiml_key_type_sql(Oid type)
{
	return format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

text *
uiml_key_as_text(UimlKeyType *type, Datum key)
{
	switch (type->text_path)
	{
		case COERCION_PATH_RELABELTYPE:
			return DatumGetTextPP(key);
		case COERCION_PATH_FUNC:
			return DatumGetTextPP(FunctionCall1Coll(&type->to_text, type->collation, key));
		default:
			return cstring_to_text(OutputFunctionCall(&type->to_text, key));
	}
}

uint64
uiml_key_hash(UimlKeyType *type, Datum key, uint64 seed)
{
	text *t = uiml_key_as_text(type, key);

	return DatumGetUInt64(
		hash_any_extended((unsigned char *) VARDATA_ANY(t), (int) VARSIZE_ANY_EXHDR(t), seed));
}

int
uiml_key_compare(UimlKeyType *type, Datum a, Datum b)
{
	if (type->is_integer)
	{
		int64 x = integer_of(type, a);
		int64 y = integer_of(type, b);

		return (x > y) - (x < y);
	}
	return DatumGetInt32(FunctionCall2Coll(&type->compare, type->collation, a, b));
}

size_t
uiml_keys_find(const UimlKeys *keys, Datum key)
{
	size_t low = 0;
	size_t high = keys->n;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;
		int order = uiml_key_compare(keys->type, keys->key[middle], key);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SIZE_MAX;
}

/* --- the dictionary ------------------------------------------------------------------------------------- */

UimlKeyTable *
uiml_keys_begin(UimlKeyType *type, MemoryContext parent, UimlBudget *budget)
{
	MemoryContext context = AllocSetContextCreate(parent, "uiml keys", ALLOCSET_DEFAULT_SIZES);
	UimlKeyTable *table = MemoryContextAllocZero(context, sizeof(UimlKeyTable));

	table->type = type;
	table->context = context;
	table->scratch = AllocSetContextCreate(context, "uiml key scratch", ALLOCSET_SMALL_SIZES);
	table->budget = budget;
	table->capacity = FIRST_KEYS;
	table->n_slots = FIRST_KEYS * 2;
	table->key = MemoryContextAlloc(context, table->capacity * sizeof(Datum));
	table->hash = MemoryContextAlloc(context, table->capacity * sizeof(uint32));
	table->slot = MemoryContextAlloc(context, table->n_slots * sizeof(uint32));
	memset(table->slot, 0xff, table->n_slots * sizeof(uint32));
	return table;
}

size_t
uiml_keys_count(const UimlKeyTable *table)
{
	return table->n;
}

static uint32
hash_of(UimlKeyTable *table, Datum key)
{
	if (table->type->is_integer)
	{
		uint64 h = (uint64) integer_of(table->type, key);

		/* the finaliser of MurmurHash3 */
		h ^= h >> 33;
		h *= UINT64CONST(0xff51afd7ed558ccd);
		h ^= h >> 33;
		h *= UINT64CONST(0xc4ceb9fe1a85ec53);
		return (uint32) (h ^ (h >> 33));
	}
	return DatumGetUInt32(FunctionCall1Coll(&table->type->hash, table->type->collation, key));
}

static bool
same_key(UimlKeyTable *table, Datum a, Datum b)
{
	UimlKeyType *type = table->type;

	if (type->is_integer)
		return integer_of(type, a) == integer_of(type, b);
	return datum_image_eq(a, b, type->typbyval, type->typlen) ||
		   DatumGetBool(FunctionCall2Coll(&type->equal, type->collation, a, b));
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t
find_slot(UimlKeyTable *table, Datum key, uint32 hash)
{
	size_t mask = table->n_slots - 1;
	size_t at = hash & mask;

	while (table->slot[at] != EMPTY_SLOT &&
		   (table->hash[table->slot[at]] != hash || !same_key(table, table->key[table->slot[at]], key)))
		at = (at + 1) & mask;
	return at;
}

/* Room for one more key; false where the budget or the range of numbers is exhausted. */
static bool
make_room(UimlKeyTable *table)
{
	size_t capacity = table->capacity + table->capacity / 2;
	size_t n_slots = table->n_slots * 2;

	if (table->n < table->capacity)
		return true;
	if (table->n >= (size_t) PG_INT32_MAX - 1)
		return false;
	if (!uiml_budget_fits(table->budget, (capacity - table->capacity) * (sizeof(Datum) + sizeof(uint32))))
		return false;
	table->key = repalloc_huge(table->key, capacity * sizeof(Datum));
	table->hash = repalloc_huge(table->hash, capacity * sizeof(uint32));
	table->capacity = capacity;
	if (capacity + capacity / 4 <= table->n_slots)
		return true;

	if (!uiml_budget_fits(table->budget, n_slots * sizeof(uint32)))
		return false;
	pfree(table->slot);
	table->slot = MemoryContextAllocHuge(table->context, n_slots * sizeof(uint32));
	table->n_slots = n_slots;
	memset(table->slot, 0xff, n_slots * sizeof(uint32));
	for (size_t i = 0, probes = 0; i < table->n; i++)
	{
		size_t at = table->hash[i] & (n_slots - 1);

		/* keys can be chosen so that all of them have the same hash */
		for (; table->slot[at] != EMPTY_SLOT; at = (at + 1) & (n_slots - 1))
			if ((++probes & INTERRUPT_PROBES) == 0)
				CHECK_FOR_INTERRUPTS();
		table->slot[at] = (uint32) i;
	}
	return true;
}

/* Copies a key passed by reference into the current block.  Returns 0 where the budget is exhausted. */
static Datum
pack_key(UimlKeyTable *table, Datum key)
{
	Size size = datumGetSize(key, false, table->type->typlen);
	char *copy;

	if (size > table->block_size - table->block_used)
	{
		size_t wanted = Max(KEY_BLOCK_SIZE, MAXALIGN(size));

		if (!uiml_budget_fits(table->budget, wanted))
			return (Datum) 0;
		table->block = MemoryContextAllocHuge(table->context, wanted);
		table->block_size = wanted;
		table->block_used = 0;
	}
	copy = table->block + table->block_used;
	memcpy(copy, DatumGetPointer(key), size);
	table->block_used = Min(table->block_used + MAXALIGN(size), table->block_size);
	return PointerGetDatum(copy);
}

/* Of two equal keys that look different, the one whose text comes first stays. */
static void
keep_first_text(UimlKeyTable *table, uint32 number, Datum key)
{
	UimlKeyType *type = table->type;
	MemoryContext old;
	text *kept;
	text *seen;

	if (type->is_integer || datum_image_eq(table->key[number], key, type->typbyval, type->typlen))
		return;
	old = MemoryContextSwitchTo(table->scratch);
	kept = uiml_key_as_text(type, table->key[number]);
	seen = uiml_key_as_text(type, key);
	MemoryContextSwitchTo(old);
	if (varstr_cmp(VARDATA_ANY(seen), (int) VARSIZE_ANY_EXHDR(seen), VARDATA_ANY(kept),
				   (int) VARSIZE_ANY_EXHDR(kept), C_COLLATION_OID) < 0)
	{
		Datum copy = type->typbyval ? key : pack_key(table, key);

		if (type->typbyval || copy != (Datum) 0)
			table->key[number] = copy;
	}
}

/* The key flat and out of TOAST, in the scratch context where it had to be made. */
static Datum
flatten(UimlKeyTable *table, Datum key)
{
	MemoryContext old;

	if (table->type->typlen != -1)
		return key;
	old = MemoryContextSwitchTo(table->scratch);
	key = PointerGetDatum(PG_DETOAST_DATUM_PACKED(key));
	MemoryContextSwitchTo(old);
	return key;
}

uint32
uiml_keys_number(UimlKeyTable *table, Datum key)
{
	MemoryContext old;
	uint32 hash;
	uint32 number;
	size_t at;

	if (!table->type->is_integer && !MemoryContextIsEmpty(table->scratch))
		MemoryContextReset(table->scratch);
	key = flatten(table, key);
	old = MemoryContextSwitchTo(table->scratch);
	hash = hash_of(table, key);
	at = find_slot(table, key, hash);
	MemoryContextSwitchTo(old);

	number = table->slot[at];
	if (number != EMPTY_SLOT)
	{
		keep_first_text(table, number, key);
		return number;
	}
	if (table->n >= table->capacity)
	{
		if (!make_room(table))
			return UIML_NO_KEY;
		at = find_slot(table, key, hash);
	}
	number = (uint32) table->n;
	table->key[number] = table->type->typbyval ? key : pack_key(table, key);
	if (!table->type->typbyval && table->key[number] == (Datum) 0)
		return UIML_NO_KEY;
	table->hash[number] = hash;
	table->slot[at] = number;
	table->n++;
	return number;
}

/* --- numbers in sort order ------------------------------------------------------------------------------ */

typedef struct KeyOrder
{
	UimlKeyType *type;
	const Datum *key;
	MemoryContext scratch;
	uint64 compared;
} KeyOrder;

static int
compare_numbers(const void *a, const void *b, void *arg)
{
	KeyOrder *order = arg;

	if ((++order->compared & INTERRUPT_COMPARE) == 0)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(order->scratch);
	}
	return uiml_key_compare(order->type, order->key[*(const uint32 *) a], order->key[*(const uint32 *) b]);
}

size_t
uiml_keys_finish_memory(size_t n)
{
	return n * (sizeof(Datum) + sizeof(uint64) + 2 * sizeof(uint32));
}

static void
hash_texts(UimlKeyTable *table, uint64 seed, UimlKeys *keys)
{
	MemoryContext old = MemoryContextSwitchTo(table->scratch);

	for (size_t i = 0; i < keys->n; i++)
	{
		if (i % SCRATCH_RESET == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(table->scratch);
		}
		keys->hash[i] = uiml_key_hash(table->type, keys->key[i], seed);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(table->scratch);
}

uint32 *
uiml_keys_finish(UimlKeyTable *table, uint64 seed, UimlKeys *keys)
{
	size_t n = table->n;
	uint32 *order;
	uint32 *renumbered;
	MemoryContext old;
	KeyOrder ordering = {table->type, table->key, table->scratch, 0};

	pfree(table->slot);
	pfree(table->hash);
	table->slot = table->hash = NULL;
	old = MemoryContextSwitchTo(table->scratch);
	order = MemoryContextAllocHuge(table->context, Max(n, 1) * sizeof(uint32));
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32) i;
	qsort_arg(order, n, sizeof(uint32), compare_numbers, &ordering);
	MemoryContextSwitchTo(old);

	keys->type = table->type;
	keys->n = n;
	keys->key = MemoryContextAllocHuge(table->context, Max(n, 1) * sizeof(Datum));
	keys->hash = MemoryContextAllocHuge(table->context, Max(n, 1) * sizeof(uint64));
	renumbered = MemoryContextAllocHuge(table->context, Max(n, 1) * sizeof(uint32));
	for (size_t i = 0; i < n; i++)
	{
		keys->key[i] = table->key[order[i]];
		renumbered[order[i]] = (uint32) i;
	}
	pfree(order);
	pfree(table->key);
	table->key = NULL;
	uiml_budget_used(table->budget);
	hash_texts(table, seed, keys);
	return renumbered;
}
