/*
 * interest_vector.c
 *	  The type interest_vector: construction, checks, text and binary forms, type modifier, casts.
 *
 * Elements are finite in every value: each way in (text, binary, arrays, arithmetic) refuses NaN and
 * infinity, so comparison is a total order and no distance needs a special case for them.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "core/vector.h"
#include "pg/interest_vector.h"
#include "pg/textinput.h"

/* ---------- construction and checks ---------- */

void
uiml_vector_corrupt(Size size)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("corrupt value of type interest_vector"),
					errdetail("The value has %zu bytes.", size)));
}

void
uiml_vector_view_extended(Datum d, UimlVectorView *view)
{
	struct varlena *value = pg_detoast_datum_packed((struct varlena *) DatumGetPointer(d));
	const char *bytes = VARDATA_ANY(value);
	Size size = VARHDRSZ + VARSIZE_ANY_EXHDR(value);
	int16 field[2]; /* dim, unused */

	if (size < UIML_VECTOR_SIZE(1))
		uiml_vector_corrupt(size);
	memcpy(field, bytes, sizeof(field));
	if (field[0] < 1 || field[0] > UIML_VECTOR_MAX_DIM || field[1] != 0 || size != UIML_VECTOR_SIZE(field[0]))
		uiml_vector_corrupt(size);
	view->x = (const float *) (const void *) (bytes + sizeof(field));
	view->dim = field[0];
	view->copy = (Pointer) value != DatumGetPointer(d) ? value : NULL;
}

InterestVector *
uiml_vector_new(int dim)
{
	InterestVector *vector;

	uiml_vector_check_dim(dim);
	vector = (InterestVector *) palloc0(UIML_VECTOR_SIZE(dim));
	SET_VARSIZE(vector, UIML_VECTOR_SIZE(dim));
	vector->dim = (int16) dim;
	return vector;
}

InterestVector *
uiml_vector_from_floats(const float *x, int dim)
{
	InterestVector *vector = uiml_vector_new(dim);

	memcpy(vector->x, x, sizeof(float) * (Size) dim);
	return vector;
}

void
uiml_vector_check_dim(int64 dim)
{
	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("interest_vector must have at least 1 dimension")));
	if (dim > UIML_VECTOR_MAX_DIM)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("interest_vector cannot have more than %d dimensions", UIML_VECTOR_MAX_DIM)));
}

/* Errors unless typmod is absent (negative) or dim. */
static void
check_typmod(int32 typmod, int dim)
{
	if (typmod >= 0 && typmod != dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %d dimensions, not %d", typmod, dim)));
}

void
uiml_vector_check_same_dim(const InterestVector *a, const InterestVector *b)
{
	if (a->dim != b->dim)
		uiml_vector_differ(a->dim, b->dim);
}

void
uiml_vector_differ(int dim_a, int dim_b)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("different interest_vector dimensions %d and %d", dim_a, dim_b)));
}

/* Errors when an element is NaN or infinite: for elements that come from outside. */
static void
check_elements(const InterestVector *vector)
{
	if (uiml_vector_is_finite(vector->x, (size_t) vector->dim))
		return;
	for (int i = 0; i < vector->dim; i++)
	{
		if (isnan(vector->x[i]))
			ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in interest_vector"),
							errdetail("Element %d is NaN.", i + 1)));
		if (isinf(vector->x[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION), errmsg("infinite value not allowed in interest_vector"),
					 errdetail("Element %d is infinite.", i + 1)));
	}
}

void
uiml_vector_check_overflow(const InterestVector *vector)
{
	if (!uiml_vector_is_finite(vector->x, (size_t) vector->dim))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("value out of range: overflow")));
}

/* The schema the extension lives in; get_extension_schema is exported since 16 only. */
static Oid
extension_schema(Oid extension)
{
	Relation rel = table_open(ExtensionRelationId, AccessShareLock);
	Oid schema = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return schema;
}

Oid
uiml_schema(void)
{
	return extension_schema(get_extension_oid("uiml", false));
}

Oid
uiml_vector_type(void)
{
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("interest_vector"),
							   ObjectIdGetDatum(uiml_schema()));

	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("type \"interest_vector\" does not exist")));
	return type;
}

/* ---------- text ---------- */

static void
refuse_syntax(FunctionCallInfo fcinfo, const char *text, const UimlVectorParse *parse)
{
	size_t length = strlen(text);
	const char *detail = "";

	switch (parse->fault)
	{
		case UIML_VECTOR_FAULT_START:
			detail = "The value must start with \"[\".";
			break;
		case UIML_VECTOR_FAULT_END:
			detail = "The value must end with \"]\".";
			break;
		case UIML_VECTOR_FAULT_JUNK:
			detail = "Junk after closing bracket.";
			break;
		default:
			detail = psprintf("Expected a number followed by \",\" or \"]\" at \"%s\".",
							  uiml_excerpt(text + parse->offset, length - parse->offset));
	}
	uiml_refuse_input(
		fcinfo, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type interest_vector: \"%s\"", uiml_excerpt(text, length)),
				 errdetail("%s", detail)));
}

static void
refuse_not_finite(FunctionCallInfo fcinfo, const char *text, const UimlVectorParse *parse)
{
	if (parse->fault == UIML_VECTOR_FAULT_NAN)
		uiml_refuse_input(fcinfo,
						  (errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in interest_vector"),
						   errdetail("Element %zu is NaN.", parse->dim + 1)));
	else if (parse->fault == UIML_VECTOR_FAULT_INFINITE)
		uiml_refuse_input(fcinfo, (errcode(ERRCODE_DATA_EXCEPTION),
								   errmsg("infinite value not allowed in interest_vector"),
								   errdetail("Element %zu is infinite.", parse->dim + 1)));
	else
		uiml_refuse_input(fcinfo, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
								   errmsg("\"%s\" is out of range for type interest_vector",
										  uiml_excerpt(text + parse->offset, parse->length))));
}

static void
refuse_text(FunctionCallInfo fcinfo, const char *text, UimlStatus status, const UimlVectorParse *parse)
{
	switch (status)
	{
		case UIML_EEMPTY:
			uiml_refuse_input(fcinfo, (errcode(ERRCODE_DATA_EXCEPTION),
									   errmsg("interest_vector must have at least 1 dimension")));
			break;
		case UIML_ELIMIT:
			uiml_refuse_input(
				fcinfo, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("interest_vector cannot have more than %d dimensions", UIML_VECTOR_MAX_DIM)));
			break;
		case UIML_ENOTFINITE:
			refuse_not_finite(fcinfo, text, parse);
			break;
		default:
			refuse_syntax(fcinfo, text, parse);
	}
}

PG_FUNCTION_INFO_V1(interest_vector_in);
Datum
interest_vector_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	int32 typmod = PG_GETARG_INT32(2);
	size_t length = strlen(text);
	size_t capacity = Min(uiml_vector_capacity(text, length), (size_t) UIML_VECTOR_MAX_DIM);
	InterestVector *vector = uiml_vector_new((int) capacity);
	UimlVectorParse parse;
	UimlStatus status = uiml_vector_parse(text, length, capacity, vector->x, &parse);

	if (status != UIML_OK)
	{
		refuse_text(fcinfo, text, status, &parse);
		PG_RETURN_NULL();
	}
	if (typmod >= 0 && (size_t) typmod != parse.dim)
	{
		uiml_refuse_input(fcinfo, (errcode(ERRCODE_DATA_EXCEPTION),
								   errmsg("expected %d dimensions, not %d", typmod, (int) parse.dim)));
		PG_RETURN_NULL();
	}

	/* a text that parses has as many elements as its commas promise */
	Assert(parse.dim == capacity);
	PG_RETURN_INTEREST_VECTOR_P(vector);
}

PG_FUNCTION_INFO_V1(interest_vector_out);
Datum
interest_vector_out(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);
	char *text = palloc((Size) vector->dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
	char *end = text;

	for (int i = 0; i < vector->dim; i++)
	{
		*end++ = i == 0 ? '[' : ',';
		end += float_to_shortest_decimal_bufn(vector->x[i], end);
	}
	*end++ = ']';
	*end = '\0';

	PG_FREE_IF_COPY(vector, 0);
	PG_RETURN_CSTRING(text);
}

/* ---------- binary ---------- */

PG_FUNCTION_INFO_V1(interest_vector_recv);
Datum
interest_vector_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int32 typmod = PG_GETARG_INT32(2);
	const char *bytes = buf->data + buf->cursor;
	int dim;
	InterestVector *vector;

	if (uiml_vector_read_dim(bytes, (size_t) (buf->len - buf->cursor), &dim) != UIML_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid binary representation of type interest_vector")));
	uiml_vector_check_dim(dim);
	check_typmod(typmod, dim);

	vector = uiml_vector_new(dim);
	if (uiml_vector_read(bytes, (size_t) dim, vector->x) != UIML_OK)
		check_elements(vector);
	buf->cursor += (int) UIML_VECTOR_BINARY_SIZE(dim);
	PG_RETURN_INTEREST_VECTOR_P(vector);
}

PG_FUNCTION_INFO_V1(interest_vector_send);
Datum
interest_vector_send(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);
	Size size = VARHDRSZ + UIML_VECTOR_BINARY_SIZE(vector->dim);
	bytea *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	uiml_vector_write(vector->x, (size_t) vector->dim, VARDATA(bytes));
	PG_RETURN_BYTEA_P(bytes);
}

/* ---------- type modifier ---------- */

PG_FUNCTION_INFO_V1(interest_vector_typmod_in);
Datum
interest_vector_typmod_in(PG_FUNCTION_ARGS)
{
	int n;
	int32 *typmod = ArrayGetIntegerTypmods(PG_GETARG_ARRAYTYPE_P(0), &n);

	if (n != 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier"),
						errdetail("Type interest_vector takes one modifier, the number of dimensions.")));
	if (*typmod < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("dimensions for type interest_vector must be at least 1")));
	if (*typmod > UIML_VECTOR_MAX_DIM)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("dimensions for type interest_vector cannot exceed %d", UIML_VECTOR_MAX_DIM)));
	PG_RETURN_INT32(*typmod);
}

/* The cast from interest_vector to itself: interest_vector(n) accepts n dimensions only. */
PG_FUNCTION_INFO_V1(interest_vector_typmod);
Datum
interest_vector_typmod(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);

	check_typmod(PG_GETARG_INT32(1), vector->dim);
	PG_RETURN_INTEREST_VECTOR_P(vector);
}

/* ---------- arrays ---------- */

static float
element_to_float(Datum element, Oid type)
{
	switch (type)
	{
		case FLOAT8OID:
			return (float) DatumGetFloat8(element);
		case INT4OID:
			return (float) DatumGetInt32(element);
		case NUMERICOID:
			return DatumGetFloat4(DirectFunctionCall1(numeric_float4, element));
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("cannot convert elements of type %s to interest_vector", format_type_be(type))));
	}
}

/* A finite double that float can't hold must not pass as infinity: say what happened. */
static void
check_narrowing(Datum element, float x)
{
	double wide = DatumGetFloat8(element);

	if (isinf(x) && !isinf(wide))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("\"%g\" is out of range for type interest_vector", wide)));
}

static void
copy_elements(ArrayType *array, InterestVector *vector)
{
	Oid type = ARR_ELEMTYPE(array);
	ArrayIterator iterator;
	Datum element;
	bool isnull;

	if (type == FLOAT4OID)
	{
		memcpy(vector->x, ARR_DATA_PTR(array), sizeof(float4) * (Size) vector->dim);
		return;
	}
	iterator = array_create_iterator(array, 0, NULL);
	for (int i = 0; i < vector->dim && array_iterate(iterator, &element, &isnull); i++)
	{
		vector->x[i] = element_to_float(element, type);
		if (type == FLOAT8OID)
			check_narrowing(element, vector->x[i]);
	}
	array_free_iterator(iterator);
}

PG_FUNCTION_INFO_V1(interest_vector_from_array);
Datum
interest_vector_from_array(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	int dim = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	InterestVector *vector;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be one-dimensional")));
	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));
	uiml_vector_check_dim(dim);
	check_typmod(PG_GETARG_INT32(1), dim);

	vector = uiml_vector_new(dim);
	copy_elements(array, vector);
	check_elements(vector);
	PG_RETURN_INTEREST_VECTOR_P(vector);
}

PG_FUNCTION_INFO_V1(interest_vector_to_real);
Datum
interest_vector_to_real(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);
	Datum *elements = palloc(sizeof(Datum) * (Size) vector->dim);

	for (int i = 0; i < vector->dim; i++)
		elements[i] = Float4GetDatum(vector->x[i]);
	PG_RETURN_ARRAYTYPE_P(
		construct_array(elements, vector->dim, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
}

PG_FUNCTION_INFO_V1(interest_vector_to_double);
Datum
interest_vector_to_double(PG_FUNCTION_ARGS)
{
	InterestVector *vector = PG_GETARG_INTEREST_VECTOR_P(0);
	Datum *elements = palloc(sizeof(Datum) * (Size) vector->dim);

	for (int i = 0; i < vector->dim; i++)
		elements[i] = Float8GetDatum((double) vector->x[i]);
	PG_RETURN_ARRAYTYPE_P(
		construct_array(elements, vector->dim, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
