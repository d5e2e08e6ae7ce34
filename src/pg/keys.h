/*
 * keys.h
 *	  User and item keys of any scalar type: what the type can do, a dictionary, and dense numbers in sort
 *	  order.
 */
#ifndef UIML_PG_KEYS_H
#define UIML_PG_KEYS_H

#include "postgres.h"

#include "fmgr.h"

#include "pg/budget.h"
#include "pg/compat.h"

/*
 * A type as a key.  Text types are compared and hashed under the C collation: byte order is the same on every
 * machine, and a dump restored elsewhere keeps its numbers.
 */
typedef struct UimlKeyType
{
	Oid type;      /* as the column has it */
	Oid base_type; /* under any domains */
	int16 typlen;
	bool typbyval;
	Oid collation;    /* C for collatable types, else InvalidOid */
	bool is_integer;  /* int2, int4, int8, oid, date: compared as numbers */
	int text_path;    /* CoercionPathType of key::text */
	FmgrInfo to_text; /* cast or output function */
	FmgrInfo hash;    /* hash class */
	FmgrInfo equal;   /* hash or btree equality */
	FmgrInfo compare; /* btree class */
} UimlKeyType;

/* Dense keys: numbers are positions in ascending order. */
typedef struct UimlKeys
{
	UimlKeyType *type;
	size_t n;
	Datum *key;   /* n, ascending */
	uint64 *hash; /* n: hashtextextended(key::text, seed) */
} UimlKeys;

/*
 * uiml_key_type
 *		What is needed of a type, in context.  UNDEFINED_FUNCTION where it has no default btree or hash class
 *		(json, point), with the name of the column in the message.
 */
extern UimlKeyType *uiml_key_type(Oid type, const char *column, MemoryContext context);

/*
 * The type as a cast target, qualified; character without a length, where the SQL name would mean one
 * character.
 */
extern char *uiml_key_type_sql(Oid type);

/* key::text in the current memory context. */
extern text *uiml_key_as_text(UimlKeyType *type, Datum key);

/* hashtextextended(key::text, seed) under a deterministic collation. */
extern uint64 uiml_key_hash(UimlKeyType *type, Datum key, uint64 seed);

/* < 0, 0, > 0 in the order of the numbers. */
extern int uiml_key_compare(UimlKeyType *type, Datum a, Datum b);

/* The number of a key, or SIZE_MAX. */
extern size_t uiml_keys_find(const UimlKeys *keys, Datum key);

/*
 * A dictionary that is being filled: keys get numbers as they are first seen.
 */
typedef struct UimlKeyTable UimlKeyTable;

/*
 * uiml_keys_begin
 *		An empty dictionary in a context of its own below parent.  It grows as long as the budget allows.
 */
extern UimlKeyTable *uiml_keys_begin(UimlKeyType *type, MemoryContext parent, UimlBudget *budget);

/* Returned by uiml_keys_number where the budget, or the range of numbers, is exhausted. */
#define UIML_NO_KEY PG_UINT32_MAX

/*
 * uiml_keys_number
 *		The number of a key, a new one where it was never seen; the key is copied.  O(1).
 *
 * Where keys are equal and look different (1.0 and 1.00, citext), the one whose text comes first in byte
 * order stays, so that the order of rows does not matter.
 */
extern uint32 uiml_keys_number(UimlKeyTable *table, Datum key);

extern size_t uiml_keys_count(const UimlKeyTable *table);

/* Bytes that uiml_keys_finish adds to what a table of n keys holds. */
extern size_t uiml_keys_finish_memory(size_t n);

/*
 * uiml_keys_finish
 *		Sorts the keys and hashes them.  Returns the new number of each old one, to be freed by the caller;
 *		keys live in the table's context, which is a child of parent.  The table cannot be used afterwards.
 */
extern uint32 *uiml_keys_finish(UimlKeyTable *table, uint64 seed, UimlKeys *keys);

#endif /* UIML_PG_KEYS_H */
