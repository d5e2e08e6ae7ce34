/*
 * interest_vector_array.c
 *	  Arguments of type interest_vector[].
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "pg/interest_vector.h"

const InterestVector **
uiml_vector_array(ArrayType *array, const char *name, bool skip_nulls, size_t *n)
{
	const InterestVector **vector;
	Datum *value;
	bool *null;
	int n_elements;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("%s must have one dimension", name)));
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &value, &null, &n_elements);
	vector = palloc(sizeof(InterestVector *) * Max(n_elements, 1));
	*n = 0;
	for (int i = 0; i < n_elements; i++)
	{
		if (null[i] && skip_nulls)
			continue;
		if (null[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("%s must not contain null values", name)));
		vector[*n] = DatumGetInterestVector(value[i]);
		uiml_vector_check_same_dim(vector[0], vector[*n]);
		(*n)++;
	}
	return vector;
}
