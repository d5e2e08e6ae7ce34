/*
 * toolargs.h
 *	  Arguments of SQL functions, checked.
 *
 * name is that of the argument, for messages.  NULL is NULL_VALUE_NOT_ALLOWED, a number out of range
 * INVALID_PARAMETER_VALUE.
 */
#ifndef UIML_PG_TOOLARGS_H
#define UIML_PG_TOOLARGS_H

#include "postgres.h"

#include "fmgr.h"

/* Refuses NULL. */
extern void uiml_arg_required(FunctionCallInfo fcinfo, int argument, const char *name);

extern Oid uiml_arg_relation(FunctionCallInfo fcinfo, int argument, const char *name);

/* A column's name, copied. */
extern char *uiml_arg_column(FunctionCallInfo fcinfo, int argument, const char *name);

/* The same, or NULL where the argument is. */
extern char *uiml_arg_column_or_null(FunctionCallInfo fcinfo, int argument);

extern int32 uiml_arg_int(FunctionCallInfo fcinfo, int argument, const char *name, int32 low, int32 high);
extern uint64 uiml_arg_seed(FunctionCallInfo fcinfo, int argument);

/* A number from 0 to 1; hint may be NULL. */
extern double uiml_arg_share(FunctionCallInfo fcinfo, int argument, const char *name, const char *hint);
/* The argument k where NULL means all of them, which hint says: SIZE_MAX. */
extern size_t uiml_arg_limit(FunctionCallInfo fcinfo, int argument, const char *hint);

#endif /* UIML_PG_TOOLARGS_H */
