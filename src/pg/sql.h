/*
 * sql.h
 *	  The only door to SPI: statements run by C, as the current user.
 *
 * Statements are written with qualified names and operators, identifiers through quote_identifier, values as
 * parameters.  Each call connects and disconnects by itself; results are copied into the caller's memory
 * context.
 */
#ifndef UIML_PG_SQL_H
#define UIML_PG_SQL_H

#include "postgres.h"

#include "executor/tuptable.h"

/* Called for each row; the slot is valid during the call only, and runs in the caller's memory context. */
typedef void (*UimlRowFn)(TupleTableSlot *slot, void *ctx);

/* Up to this many parameters in a statement. */
#define UIML_SQL_MAX_PARAMS 32

typedef struct UimlSqlParams
{
	int n;
	Oid type[UIML_SQL_MAX_PARAMS];
	Datum value[UIML_SQL_MAX_PARAMS];
	bool null[UIML_SQL_MAX_PARAMS];
} UimlSqlParams;

extern void uiml_sql_param(UimlSqlParams *params, Oid type, Datum value, bool null);
extern void uiml_sql_param_int4(UimlSqlParams *params, int32 value);
extern void uiml_sql_param_int8(UimlSqlParams *params, int64 value);
extern void uiml_sql_param_text(UimlSqlParams *params, const char *value); /* NULL pointer: SQL NULL */

/*
 * uiml_sql_each
 *		Runs one statement and streams its rows through row_fn (NULL: rows are dropped), without a tuple
 *		table, so that memory stays bounded and parallel plans are allowed.
 *
 * read_only uses the caller's snapshot (STABLE functions); otherwise a new snapshot sees all that this
 * transaction did.  Returns the number of rows processed.
 */
extern uint64 uiml_sql_each(const char *sql, const UimlSqlParams *params, bool read_only, UimlRowFn row_fn,
							void *ctx);

/*
 * As uiml_sql_each, for rows whose first n columns must be of the types given (InvalidOid: any), or of
 * domains over them.  What a look at the catalog told of a relation can be wrong once the statement has
 * locked it, and a value taken for one of another type is a pointer into nowhere.
 */
extern uint64 uiml_sql_each_typed(const char *sql, const UimlSqlParams *params, bool read_only,
								  const Oid *types, int n, UimlRowFn row_fn, void *ctx);

/*
 * As uiml_sql_each with a new snapshot, of a plan that does not depend on the parameters' values: large ones
 * are not copied into it, nor sent to parallel workers as text.
 */
extern uint64 uiml_sql_each_generic(const char *sql, const UimlSqlParams *params, UimlRowFn row_fn,
									void *ctx);

/* Sets a setting until the role that the caller acts as is given back (uiml_act_as_self). */
extern void uiml_sql_setting(const char *name, const char *value);

/* As uiml_sql_each for statements without result rows (utility statements included). */
extern uint64 uiml_sql_run(const char *sql, const UimlSqlParams *params);

/*
 * A saved plan, kept for the life of the backend by the caller (it is replanned when the role or the tables
 * change). Always read-only.
 */
typedef struct UimlPlan UimlPlan;

extern UimlPlan *uiml_plan_prepare(const char *sql, int n_params, const Oid *types);
extern void uiml_plan_each(UimlPlan *plan, const Datum *values, const char *nulls, UimlRowFn row_fn,
						   void *ctx);
extern void uiml_plan_each_typed(UimlPlan *plan, const Datum *values, const char *nulls, const Oid *types,
								 int n, UimlRowFn row_fn, void *ctx);
extern void uiml_plan_free(UimlPlan *plan);

/* A qualified, quoted name of a relation; an error with its OID where it is gone. */
extern char *uiml_relation_name(Oid relid);

/* "OPERATOR(schema.=)" of a type's default btree equality. */
extern char *uiml_equality_of(Oid type);

#endif /* UIML_PG_SQL_H */
