/*
 * toolargs.c
 *	  Arguments of SQL functions, checked.
 */
#include "postgres.h"

#include "pg/toolargs.h"

void
uiml_arg_required(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
}

Oid
uiml_arg_relation(FunctionCallInfo fcinfo, int argument, const char *name)
{
	uiml_arg_required(fcinfo, argument, name);
	return PG_GETARG_OID(argument);
}

char *
uiml_arg_column(FunctionCallInfo fcinfo, int argument, const char *name)
{
	uiml_arg_required(fcinfo, argument, name);
	return pstrdup(NameStr(*PG_GETARG_NAME(argument)));
}

char *
uiml_arg_column_or_null(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(argument)));
}

int32
uiml_arg_int(FunctionCallInfo fcinfo, int argument, const char *name, int32 low, int32 high)
{
	int32 value;

	uiml_arg_required(fcinfo, argument, name);
	value = PG_GETARG_INT32(argument);
	if (value < low || value > high)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must be between %d and %d", name, low, high),
						errdetail("%s is %d.", name, value)));
	return value;
}

double
uiml_arg_share(FunctionCallInfo fcinfo, int argument, const char *name, const char *hint)
{
	double value;

	uiml_arg_required(fcinfo, argument, name);
	value = PG_GETARG_FLOAT8(argument);
	if (!(value >= 0 && value <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be between zero and one", name),
				 errdetail("%s is %g.", name, value), hint != NULL ? errhint("%s", hint) : 0));
	return value;
}

uint64
uiml_arg_seed(FunctionCallInfo fcinfo, int argument)
{
	uiml_arg_required(fcinfo, argument, "seed");
	return (uint64) PG_GETARG_INT64(argument);
}

size_t
uiml_arg_limit(FunctionCallInfo fcinfo, int argument, const char *hint)
{
	int32 k;

	if (PG_ARGISNULL(argument))
		return SIZE_MAX;
	k = PG_GETARG_INT32(argument);
	if (k < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be greater than zero"),
						errdetail("k is %d.", k), errhint("%s", hint)));
	return (size_t) k;
}
