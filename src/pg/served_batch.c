/*
 * served_batch.c
 *	  Rows of many users of a version, read in one statement.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/served.h"

/* The keys as an array, NULL for those that are not wanted. */
static Datum
array_of(const UimlServedKeys *keys)
{
	bool *null = palloc0(sizeof(bool) * (Size) Max(keys->n, 1));
	int n = keys->n;
	int lower = 1;
	int16 length;
	bool by_value;
	char align;

	for (int i = 0; keys->wanted != NULL && i < n; i++)
		null[i] = !keys->wanted[i];
	get_typlenbyvalalign(keys->type, &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(unconstify(Datum *, keys->key), null, 1, &n, &lower, keys->type,
											  length, by_value, align));
}

void
uiml_served_batch(const UimlServing *serving, Oid relid, const char *column, Oid column_type,
				  const UimlServedKeys *keys, UimlRowFn row_fn, void *ctx)
{
	const Oid types[] = {INT8OID, column_type};
	UimlSqlParams params = {0};
	UimlActing caller;
	char *sql = psprintf("SELECT k.n, u.%s FROM pg_catalog.unnest($1) WITH ORDINALITY AS k (key, n) "
						 "JOIN ONLY %s AS u ON u.user_id %s k.key WHERE u.version OPERATOR(pg_catalog.=) %d",
						 quote_identifier(column), uiml_relation_name(relid), uiml_equality_of(keys->type),
						 serving->version);

	uiml_sql_param(&params, get_array_type(keys->type), array_of(keys), false);
	uiml_act_as(serving->owner, &caller);
	uiml_sql_each_typed(sql, &params, true, types, lengthof(types), row_fn, ctx);
	uiml_act_as_self(&caller);
}
