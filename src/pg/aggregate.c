/*
 * aggregate.c
 *	  What aggregates whose state is a base type have in common.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "pg/aggregate.h"
#include "pg/compat.h"

void
uiml_aggregate_check(FunctionCallInfo fcinfo)
{
	/* outside, the state may lie in a table's page and must not be changed */
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("transition function called outside an aggregate")));
}

Datum
uiml_aggregate_skip(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

double
uiml_aggregate_weight(double weight)
{
	if (isnan(weight) || isinf(weight))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("weight must be a finite number")));
	if (weight < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("weight must be greater than or equal to zero")));
	return weight;
}

bytea *
uiml_state_from_text(Datum text)
{
	return DatumGetByteaPP(DirectFunctionCall1(byteain, text));
}

char *
uiml_state_to_text(const bytea *bytes)
{
	Size length = VARSIZE(bytes) - VARHDRSZ;
	char *text = palloc(2 * length + 3);

	text[0] = '\\';
	text[1] = 'x';
	text[2 + hex_encode(VARDATA(bytes), length, text + 2)] = '\0';
	return text;
}
