/*
 * served.c
 *	  The tables of an active version as predictions read them.
 *
 * A domain's catalog row and its tables belong to whoever registered it, and uiml_predict reads every domain
 * its caller can see.  So nothing here may run code of the owner's with the caller's rights: a relation must
 * be an ordinary table with exactly the columns of storage.h, since a view, a policy or a cast could call any
 * function; it is read as its owner; and values are range-checked before they index anything.
 *
 * The checks hold while a lock on the table is held, to the end of the transaction, and are repeated in each
 * call: they cost about a microsecond.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "pg/roles.h"
#include "pg/served.h"
#include "pg/sql.h"

/* A backend keeps this many versions, or as many as one transaction uses. */
#define KEPT_VERSIONS 64

static const UimlServedColumn items_columns[] = {
	{"item_id", ANYOID},      {"version", INT4OID},      {"item_no", INT4OID}, {"title", TEXTOID},
	{"interest_id", INT4OID}, {"popularity", FLOAT4OID}, {"in_vector", 0},     {"out_vector", 0},
};
static const UimlServedColumn interests_columns[] = {
	{"interest_id", INT4OID}, {"version", INT4OID}, {"interest_no", INT4OID}, {"label", TEXTOID},
	{"terms", TEXTARRAYOID},  {"share", FLOAT4OID}, {"items", INT4OID},       {"typical", TEXTARRAYOID},
};
static const UimlServedColumn users_columns[] = {
	{"user_id", ANYOID}, {"version", INT4OID},    {"mass", FLOAT4OID},  {"interests", 0},
	{"vector", 0},       {"items", INT4ARRAYOID}, {"texts", FLOAT4OID},
};

/* Least recently used first. */
static dlist_head versions = DLIST_STATIC_INIT(versions);
static int n_versions = 0;

static uint64 transaction_number = 0;

/* ---------- transactions ---------- */

static void
next_transaction(XactEvent event, void *arg)
{
	(void) arg;
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		transaction_number++;
}

uint64
uiml_transaction_number(void)
{
	if (transaction_number == 0)
	{
		RegisterXactCallback(next_transaction, NULL);
		transaction_number = 1;
	}
	return transaction_number;
}

/* ---------- checks ---------- */

/* Each column of the list must be in rel with its type.  Returns the base type of the first, the key. */
static Oid
check_columns(Relation rel, const UimlServedColumn *columns, int n, Oid vector_type)
{
	TupleDesc desc = RelationGetDescr(rel);
	Oid key_type = InvalidOid;

	for (int c = 0; c < n; c++)
	{
		Oid expected = columns[c].type == 0 ? vector_type : columns[c].type;
		Oid type = InvalidOid;

		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute attribute = TupleDescAttr(desc, i);

			if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), columns[c].name) == 0)
				type = attribute->atttypid;
		}
		if (c == 0)
			key_type = type;
		if (!OidIsValid(type) || (expected != ANYOID && type != expected))
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("table \"%s\" is not a table of trained state", RelationGetRelationName(rel)),
					 errdetail("Its column \"%s\" is missing or has another type than uiml gave it.",
							   columns[c].name),
					 errhint("Train the domain again with uiml_train.")));
	}
	if (!uiml_role_is_key(getBaseType(key_type)))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("table \"%s\" is not a table of trained state", RelationGetRelationName(rel)),
						errdetail("Its column \"%s\" is of type %s, which can't be a key.", columns[0].name,
								  format_type_be(key_type)),
						errhint("Train the domain again with uiml_train.")));
	return getBaseType(key_type);
}

Oid
uiml_served_table(const UimlServing *serving, Oid relid, const UimlServedColumn *columns, int n,
				  Oid vector_type)
{
	Relation rel = try_relation_open(relid, AccessShareLock);
	AclResult acl;
	Oid key_type;

	if (rel == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("a table of version %d of domain \"%s\" does not exist", serving->version,
							   serving->domain),
						errhint("Train the domain again with uiml_train.")));
	if (rel->rd_rel->relkind != RELKIND_RELATION || RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an ordinary table", RelationGetRelationName(rel)),
				 errdetail("Version %d of domain \"%s\" refers to it.", serving->version, serving->domain)));
	if (rel->rd_rel->relowner != serving->owner)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("table \"%s\" is not of the owner of domain \"%s\"",
							   RelationGetRelationName(rel), serving->domain),
						errhint("Train the domain again with uiml_train.")));
	acl = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	if (acl != ACLCHECK_OK)
		aclcheck_error(acl, OBJECT_TABLE, RelationGetRelationName(rel));
	if (check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("row-level security on table \"%s\" prevents predictions",
							   RelationGetRelationName(rel)),
						errdetail("Policies would run with the rights of whoever predicts."),
						errhint("Disable it, and give access with uiml_grant.")));
	key_type = check_columns(rel, columns, n, vector_type);
	relation_close(rel, NoLock);
	return key_type;
}

void
uiml_served_refuse(const UimlServing *serving, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("invalid %s in version %d of domain \"%s\"", what, serving->version, serving->domain),
			 errdetail("The stored value is not one that a training writes."),
			 errhint("Train the domain again with uiml_train.")));
}

void
uiml_served_users(UimlServed *served, const UimlServing *serving)
{
	served->user_type = uiml_served_table(serving, serving->users_table, users_columns,
										  lengthof(users_columns), served->vector_type);
}

void
uiml_served_items(UimlServed *served, const UimlServing *serving)
{
	served->item_type = uiml_served_table(serving, serving->items_table, items_columns,
										  lengthof(items_columns), served->vector_type);
}

/* ---------- reading ---------- */

/*
 * An index predicate, a CHECK constraint or extended statistics of a table are evaluated, as far as they are
 * constant, by the planner of every statement that reads it.  The owner can add them while we hold our lock.
 * So the reading is done as the owner, after the caller's own right to SELECT was checked.
 */
void
uiml_served_each(const UimlServing *serving, const char *sql, const Oid *types, int n, UimlRowFn row_fn,
				 void *ctx)
{
	UimlActing caller;

	uiml_act_as(serving->owner, &caller);
	uiml_sql_each_typed(sql, NULL, true, types, n, row_fn, ctx);
	uiml_act_as_self(&caller);
}

/* ---------- interests ---------- */

typedef struct InterestsReader
{
	UimlServed *served;
	const UimlServing *serving;
	int row;
	double total;
} InterestsReader;

static void
read_interest(TupleTableSlot *slot, void *ctx)
{
	InterestsReader *reader = ctx;
	UimlServed *served = reader->served;
	int row = reader->row++;
	float share;

	slot_getallattrs(slot);
	if (row >= served->k || slot->tts_isnull[0] || slot->tts_isnull[1] || slot->tts_isnull[3] ||
		DatumGetInt32(slot->tts_values[0]) != row)
		uiml_served_refuse(reader->serving, "interest");
	share = DatumGetFloat4(slot->tts_values[3]);
	if (!(share >= 0 && share <= 1))
		uiml_served_refuse(reader->serving, "share of an interest");
	served->interest_id[row] = DatumGetInt32(slot->tts_values[1]);
	served->prior[row] = share;
	served->label[row] =
		slot->tts_isnull[2] ? (Datum) 0 : PointerGetDatum(PG_DETOAST_DATUM_COPY(slot->tts_values[2]));
	reader->total += share;
}

static void
read_array(TupleTableSlot *slot, void *ctx)
{
	ArrayType **array = ctx;
	bool null;
	Datum value = slot_getattr(slot, 1, &null);

	if (!null)
		*array = DatumGetArrayTypePCopy(value);
}

/* W_g, from the catalog. */
static void
read_generalization(UimlServed *served, const UimlServing *serving)
{
	size_t n = (size_t) served->k * (size_t) served->k;
	ArrayType *array = NULL;
	UimlSqlParams params = {0};

	uiml_sql_param_int8(&params, serving->version_id);
	uiml_sql_each("SELECT v.generalization FROM uiml.version v WHERE v.version_id OPERATOR(pg_catalog.=) $1",
				  &params, true, read_array, &array);
	if (array == NULL || ARR_NDIM(array) != 2 || ARR_DIMS(array)[0] != served->k ||
		ARR_DIMS(array)[1] != served->k || array_contains_nulls(array))
		uiml_served_refuse(serving, "matrix of interests");
	served->generalization = (double *) ARR_DATA_PTR(array);
	for (size_t i = 0; i < n; i++)
		if (!(served->generalization[i] >= 0 && served->generalization[i] <= 1))
			uiml_served_refuse(serving, "matrix of interests");
}

static void
read_interests(UimlServed *served, const UimlServing *serving)
{
	static const Oid types[] = {INT4OID, INT4OID, TEXTOID, FLOAT4OID};
	InterestsReader reader = {.served = served, .serving = serving};
	MemoryContext old = MemoryContextSwitchTo(served->context);

	served->k = serving->interests;
	served->prior = palloc0(sizeof(float) * served->k);
	served->interest_id = palloc0(sizeof(int32) * served->k);
	served->label = palloc0(sizeof(Datum) * served->k);
	uiml_served_each(serving,
					 psprintf("SELECT interest_no, interest_id, label, share FROM ONLY %s WHERE version"
							  " OPERATOR(pg_catalog.=) %d ORDER BY interest_no",
							  uiml_relation_name(serving->interests_table), serving->version),
					 types, lengthof(types), read_interest, &reader);
	if (reader.row != served->k || fabs(reader.total - 1) > 0.01)
		uiml_served_refuse(serving, "shares of interests");
	if (serving->has_generalization)
		read_generalization(served, serving);
	MemoryContextSwitchTo(old);
}

/* ---------- singular values ---------- */

/* Read when first wanted and kept with the version: lists that are not to be diverse do without. */
const double *
uiml_served_sigma(UimlServed *served, const UimlServing *serving)
{
	ArrayType *array = NULL;
	UimlSqlParams params = {0};
	const double *sigma;

	if (served->sigma != NULL)
		return served->sigma;
	uiml_sql_param_int8(&params, serving->version_id);
	uiml_sql_each("SELECT v.sigma FROM uiml.version v WHERE v.version_id OPERATOR(pg_catalog.=) $1", &params,
				  true, read_array, &array);
	if (array == NULL || ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != serving->dims ||
		array_contains_nulls(array))
		uiml_served_refuse(serving, "singular values");
	sigma = (const double *) ARR_DATA_PTR(array);
	for (int j = 0; j < serving->dims; j++)
		if (!(sigma[j] >= 0) || isinf(sigma[j]))
			uiml_served_refuse(serving, "singular values");
	served->sigma = memcpy(MemoryContextAlloc(served->context, sizeof(double) * serving->dims), sigma,
						   sizeof(double) * serving->dims);
	return served->sigma;
}

/* ---------- the cache of versions ---------- */

static void
free_user_plans(UimlServed *served)
{
	for (int part = 0; part < UIML_USER_N_PARTS; part++)
	{
		uiml_plan_free(served->user_plan[part]);
		served->user_plan[part] = NULL;
	}
}

static void
forget_version(UimlServed *served)
{
	dlist_delete(&served->node);
	n_versions--;
	free_user_plans(served);
	uiml_plan_free(served->recent_plan);
	MemoryContextDelete(served->context);
}

/* Gives back the versions that were not used for longest, except those that this transaction uses. */
static void
forget_unused(void)
{
	dlist_mutable_iter iter;

	if (n_versions <= KEPT_VERSIONS)
		return;
	dlist_foreach_modify(iter, &versions)
	{
		UimlServed *served = dlist_container(UimlServed, node, iter.cur);

		if (n_versions > KEPT_VERSIONS && served->transaction != uiml_transaction_number())
			forget_version(served);
	}
}

static UimlServed *
find_version(const UimlServing *serving)
{
	dlist_iter iter;

	dlist_foreach(iter, &versions)
	{
		UimlServed *served = dlist_container(UimlServed, node, iter.cur);

		/* ids start again after DROP EXTENSION, OIDs do not */
		if (served->version_id == serving->version_id && served->interests_table == serving->interests_table)
			return served;
	}
	return NULL;
}

/* Reads a version's interests; an error leaves nothing behind but memory of the caller's context. */
static UimlServed *
load_version(const UimlServing *serving)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "uiml version", ALLOCSET_SMALL_SIZES);
	UimlServed *served = MemoryContextAllocZero(context, sizeof(UimlServed));

	served->context = context;
	served->version_id = serving->version_id;
	served->interests_table = serving->interests_table;
	served->vector_type = uiml_vector_type();
	uiml_served_table(serving, serving->interests_table, interests_columns, lengthof(interests_columns),
					  served->vector_type);
	read_interests(served, serving);
	MemoryContextSetParent(context, TopMemoryContext);
	dlist_push_tail(&versions, &served->node);
	n_versions++;
	return served;
}

UimlServed *
uiml_served_open(const UimlServing *serving)
{
	UimlServed *served = find_version(serving);

	if (served == NULL)
	{
		served = load_version(serving);
		served->transaction = uiml_transaction_number();
		forget_unused();
		return served;
	}
	if (served->k != serving->interests)
		uiml_served_refuse(serving, "number of interests");
	uiml_served_table(serving, serving->interests_table, interests_columns, lengthof(interests_columns),
					  served->vector_type);
	served->transaction = uiml_transaction_number();
	dlist_delete(&served->node);
	dlist_push_tail(&versions, &served->node);
	return served;
}

/* ---------- users ---------- */

typedef struct UserReader
{
	const UimlServed *served;
	const UimlServing *serving;
	UimlUserPart part;
	UimlUserRow *row;
} UserReader;

/* A copy of a vector that is in a tuple, of a given dimension. */
static InterestVector *
copy_vector(const UimlServing *serving, Datum value, int dim)
{
	InterestVector *vector = DatumGetInterestVector(value);
	InterestVector *copy;

	if (vector->dim != dim)
		uiml_served_refuse(serving, "vector of a user");
	if ((Pointer) vector != DatumGetPointer(value))
		return vector;
	copy = palloc(UIML_VECTOR_SIZE(dim));
	memcpy(copy, vector, UIML_VECTOR_SIZE(dim));
	return copy;
}

InterestVector *
uiml_served_masses(const UimlServed *served, const UimlServing *serving, Datum value)
{
	InterestVector *mass = copy_vector(serving, value, served->k);

	for (int j = 0; j < served->k; j++)
		if (!(mass->x[j] >= 0))
			uiml_served_refuse(serving, "mass of an interest");
	return mass;
}

/*
 * The array of what the user did: no NULL, one dimension at most, numbers of items.  They ascend, so that no
 * list is longer than there are items: a transfer asks for each one's users.
 */
static void
copy_items(const UimlServing *serving, Datum value, UimlUserRow *row)
{
	ArrayType *array = DatumGetArrayTypePCopy(value);
	int32 before = -1;

	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT4OID)
		uiml_served_refuse(serving, "list of a user's items");
	row->n_items = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
	row->items = (int32 *) ARR_DATA_PTR(array);
	for (int i = 0; i < row->n_items; i++)
	{
		if (row->items[i] <= before || row->items[i] >= serving->items)
			uiml_served_refuse(serving, "list of a user's items");
		before = row->items[i];
	}
}

static void
read_user(TupleTableSlot *slot, void *ctx)
{
	UserReader *reader = ctx;
	UimlUserRow *row = reader->row;

	slot_getallattrs(slot);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
		if (slot->tts_isnull[i])
			uiml_served_refuse(reader->serving, "row of a user");
	row->found = true;
	row->mass = DatumGetFloat4(slot->tts_values[0]);
	if (!(row->mass >= 0) || isinf(row->mass))
		uiml_served_refuse(reader->serving, "mass of a user");
	if (reader->part == UIML_USER_MASSES)
	{
		row->interests = uiml_served_masses(reader->served, reader->serving, slot->tts_values[1]);
		return;
	}
	row->vector = copy_vector(reader->serving, slot->tts_values[1], reader->serving->dims);
	if (reader->part == UIML_USER_VECTOR)
		return;
	copy_items(reader->serving, slot->tts_values[2], row);
	row->texts = DatumGetFloat4(slot->tts_values[3]);
	if (!(row->texts >= 0) || isinf(row->texts))
		uiml_served_refuse(reader->serving, "texts of a user");
}

/* The statement that fetches one user; prepared again when the table was renamed or moved. */
static UimlPlan *
user_plan(UimlServed *served, const UimlServing *serving, UimlUserPart part)
{
	static const char *const columns[] = {"interests", "vector, items, texts", "vector"};
	char *name = uiml_relation_name(serving->users_table);

	if (served->users_name == NULL || strcmp(served->users_name, name) != 0 ||
		served->plan_type != served->user_type)
	{
		free_user_plans(served);
		served->users_name = MemoryContextStrdup(served->context, name);
		served->plan_type = served->user_type;
	}
	if (served->user_plan[part] == NULL)
		served->user_plan[part] = uiml_plan_prepare(
			psprintf("SELECT mass, %s FROM ONLY %s WHERE version OPERATOR(pg_catalog.=) %d"
					 " AND user_id %s $1",
					 columns[part], name, serving->version, uiml_equality_of(served->user_type)),
			1, &served->user_type);
	return served->user_plan[part];
}

void
uiml_served_user(UimlServed *served, const UimlServing *serving, Datum key, UimlUserPart part,
				 UimlUserRow *row)
{
	UserReader reader = {.served = served, .serving = serving, .part = part, .row = row};
	const Oid types[] = {FLOAT4OID, served->vector_type, INT4ARRAYOID, FLOAT4OID};
	UimlActing caller;

	memset(row, 0, sizeof(*row));
	uiml_act_as(serving->owner, &caller);
	uiml_plan_each_typed(user_plan(served, serving, part), &key, NULL, types,
						 part == UIML_USER_ITEMS ? lengthof(types) : 2, read_user, &reader);
	uiml_act_as_self(&caller);
}

/* ---------- many users at once ---------- */

typedef struct VectorsReader
{
	const UimlServing *serving;
	bool *found;
	float *vector;
} VectorsReader;

static void
read_vector(TupleTableSlot *slot, void *ctx)
{
	const VectorsReader *reader = ctx;
	Size dims = (Size) reader->serving->dims;
	InterestVector *vector;
	int64 i;

	slot_getallattrs(slot);
	if (slot->tts_isnull[1])
		uiml_served_refuse(reader->serving, "row of a user");
	i = DatumGetInt64(slot->tts_values[0]) - 1;
	vector = copy_vector(reader->serving, slot->tts_values[1], reader->serving->dims);
	memcpy(reader->vector + (Size) i * dims, vector->x, sizeof(float) * dims);
	reader->found[i] = true;
	pfree(vector);
}

void
uiml_served_vectors(UimlServed *served, const UimlServing *serving, const Datum *key, int n, bool *found,
					float *vector)
{
	VectorsReader reader = {.serving = serving, .vector = vector, .found = palloc0(sizeof(bool) * Max(n, 1))};
	const UimlServedKeys keys = {.type = served->user_type, .key = key, .wanted = found, .n = n};

	uiml_served_batch(serving, serving->users_table, "vector", served->vector_type, &keys, read_vector,
					  &reader);
	memcpy(found, reader.found, sizeof(bool) * (Size) n);
	pfree(reader.found);
}
