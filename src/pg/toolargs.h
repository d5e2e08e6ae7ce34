/*
 * toolargs.h
 *	  Arguments of the functions over any relation, checked.
 *
 * name is that of the argument, for messages.  NULL is NULL_VALUE_NOT_ALLOWED, a number out of range
 * INVALID_PARAMETER_VALUE.
 */
#ifndef UIML_PG_TOOLARGS_H
#define UIML_PG_TOOLARGS_H

#include "postgres.h"

#include "fmgr.h"

extern Oid uiml_arg_relation(FunctionCallInfo fcinfo, int argument, const char *name);

/* A column's name, copied. */
extern char *uiml_arg_column(FunctionCallInfo fcinfo, int argument, const char *name);

/* The same, or NULL where the argument is. */
extern char *uiml_arg_column_or_null(FunctionCallInfo fcinfo, int argument);

extern int32 uiml_arg_int(FunctionCallInfo fcinfo, int argument, const char *name, int32 low, int32 high);
extern double uiml_arg_share(FunctionCallInfo fcinfo, int argument, const char *name); /* 0 .. 1 */
extern uint64 uiml_arg_seed(FunctionCallInfo fcinfo, int argument);

#endif /* UIML_PG_TOOLARGS_H */
