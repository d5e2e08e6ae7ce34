/*
 * arrays.c
 *	  Arrays of double precision.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "pg/arrays.h"

static ArrayType *
array_of(const double *x, int dimensions, int *length)
{
	int lower[] = {1, 1};
	int n = ArrayGetNItems(dimensions, length);
	Datum *element = palloc(sizeof(Datum) * (Size) Max(n, 1));

	for (int i = 0; i < n; i++)
		element[i] = Float8GetDatum(x[i]);
	return construct_md_array(element, NULL, dimensions, length, lower, FLOAT8OID, sizeof(float8),
							  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

ArrayType *
uiml_array_of_doubles(const double *x, size_t n)
{
	int length[] = {(int) n};

	return array_of(x, 1, length);
}

ArrayType *
uiml_array_of_rows(const double *x, size_t rows, size_t cols)
{
	int length[] = {(int) rows, (int) cols};

	return array_of(x, 2, length);
}

static double
element_to_double(Datum element, Oid type)
{
	switch (type)
	{
		case FLOAT8OID:
			return DatumGetFloat8(element);
		case FLOAT4OID:
			return DatumGetFloat4(element);
		case INT4OID:
			return DatumGetInt32(element);
		case NUMERICOID:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8, element));
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("cannot convert elements of type %s to double precision", format_type_be(type))));
	}
}

double *
uiml_doubles_of_array(ArrayType *array, int dimensions, const char *what, size_t *length)
{
	int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	double *x = palloc(sizeof(double) * (Size) Max(n, 1));
	ArrayIterator iterator;
	Datum element;
	bool isnull;

	if (ARR_NDIM(array) != dimensions)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg(dimensions == 1 ? "%s must have one dimension" : "%s must have two dimensions",
							   what)));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not contain null values", what)));
	for (int i = 0; i < dimensions; i++)
		length[i] = (size_t) ARR_DIMS(array)[i];
	if (ARR_ELEMTYPE(array) == FLOAT8OID)
	{
		memcpy(x, ARR_DATA_PTR(array), sizeof(double) * (Size) n);
		return x;
	}
	iterator = array_create_iterator(array, 0, NULL);
	for (int i = 0; i < n && array_iterate(iterator, &element, &isnull); i++)
		x[i] = element_to_double(element, ARR_ELEMTYPE(array));
	array_free_iterator(iterator);
	return x;
}
