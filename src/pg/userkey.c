/*
 * userkey.c
 *	  Converting a key given by a caller to the key type of a domain.
 *
 * The types that keys nearly always have (integers, character types, uuid) are read here without throwing.
 * For the others the type's own input function decides; it reports a mistake softly since PostgreSQL 16, and
 * before that inside a subtransaction, which is how PL/pgSQL's EXCEPTION blocks do it.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#endif

#include "pg/attempt.h"
#include "pg/userkey.h"

static bool
is_integer(Oid type)
{
	return type == INT4OID || type == INT8OID || type == INT2OID;
}

/* Types whose values are text varlenas with nothing more to their meaning. */
static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

static int64
integer_value(Oid type, Datum value)
{
	if (type == INT4OID)
		return DatumGetInt32(value);
	return type == INT8OID ? DatumGetInt64(value) : DatumGetInt16(value);
}

static bool
integer_key(int64 number, Oid to, Datum *result)
{
	if (to == INT8OID)
		*result = Int64GetDatum(number);
	else if (to == INT4OID && number >= PG_INT32_MIN && number <= PG_INT32_MAX)
		*result = Int32GetDatum((int32) number);
	else if (to == INT2OID && number >= PG_INT16_MIN && number <= PG_INT16_MAX)
		*result = Int16GetDatum((int16) number);
	else
		return false;
	return true;
}

/* A whole decimal number, spaces around it allowed, as the integer types read it. */
static bool
parse_integer(const char *text, int64 *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	if (errno != 0 || end == text)
		return false;
	while (isspace((unsigned char) *end))
		end++;
	return *end == '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The forms uuid_in takes: 32 digits, a hyphen allowed after every fourth, braces around them allowed. */
static bool
parse_uuid(const char *text, Datum *result)
{
	pg_uuid_t *uuid = palloc(sizeof(pg_uuid_t));
	bool braces = *text == '{';

	if (braces)
		text++;
	for (int i = 0; i < UUID_LEN; i++)
	{
		int high = hex_digit(text[0]);
		int low = high >= 0 ? hex_digit(text[1]) : -1;

		if (low < 0)
			return false;
		uuid->data[i] = (unsigned char) (high * 16 + low);
		text += 2;
		if (*text == '-' && i % 2 == 1 && i < UUID_LEN - 1)
			text++;
	}
	if (braces && *text++ != '}')
		return false;
	*result = UUIDPGetDatum(uuid);
	return *text == '\0';
}

#if PG_VERSION_NUM >= 160000

static bool
input_key(char *text, Oid to, Datum *result)
{
	ErrorSaveContext escontext = {.type = T_ErrorSaveContext};
	FmgrInfo flinfo;
	Oid input;
	Oid ioparam;

	getTypeInputInfo(to, &input, &ioparam);
	fmgr_info(input, &flinfo);
	return InputFunctionCallSafe(&flinfo, text, ioparam, -1, (Node *) &escontext, result);
}

#else

typedef struct KeyInput
{
	char *text;
	Oid function;
	Oid ioparam;
	Datum result;
} KeyInput;

static void
call_input(void *ctx)
{
	KeyInput *input = ctx;

	input->result = OidInputFunctionCall(input->function, input->text, input->ioparam, -1);
}

static bool
input_key(char *text, Oid to, Datum *result)
{
	KeyInput input = {.text = text};
	ErrorData *error = NULL;

	getTypeInputInfo(to, &input.function, &input.ioparam);

	/* No subtransaction can start beside parallel workers: there the input function's own error stands. */
	if (IsInParallelMode())
		call_input(&input);
	else
		error = uiml_attempt(call_input, &input);
	if (error != NULL)
	{
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			ReThrowError(error);
		FreeErrorData(error);
		return false;
	}
	*result = input.result;
	return true;
}

#endif

static bool
key_from_text(char *text, Oid to, Datum *result)
{
	int64 number;

	if (is_integer(to))
		return parse_integer(text, &number) && integer_key(number, to, result);
	if (is_text(to))
	{
		*result = CStringGetTextDatum(text);
		return true;
	}
	if (to == UUIDOID)
		return parse_uuid(text, result);
	/* name would silently cut a longer text, and find somebody else */
	if (to == NAMEOID && strlen(text) >= NAMEDATALEN)
		return false;
	return input_key(text, to, result);
}

bool
uiml_userkey_convert(Oid from, Datum value, Oid to, Datum *result)
{
	from = getBaseType(from);
	to = getBaseType(to);
	if (from == to || (is_text(from) && is_text(to)))
	{
		*result = value;
		return true;
	}
	if (is_integer(from) && is_integer(to))
		return integer_key(integer_value(from, value), to, result);
	return key_from_text(uiml_userkey_text(from, value), to, result);
}

char *
uiml_userkey_text(Oid type, Datum value)
{
	Oid output;
	bool is_varlena;
	char *written;

	if (is_text(type))
		return TextDatumGetCString(value);
	type = getBaseType(type);
	getTypeOutputInfo(type, &output, &is_varlena);
	written = OidOutputFunctionCall(output, value);
	if (type == BPCHAROID)
	{
		size_t length = strlen(written);

		while (length > 0 && written[length - 1] == ' ')
			length--;
		written[length] = '\0';
	}
	return written;
}

static bool
text_is_fixed(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case UUIDOID:
			return true;
		default:
			return type_is_enum(type);
	}
}

int
uiml_settings_begin(Oid type)
{
	static const char *const setting[][2] = {
		{"DateStyle", "ISO"},        {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
		{"extra_float_digits", "3"}, {"bytea_output", "hex"},       {"lc_monetary", "C"},
	};
	int level;

	if (text_is_fixed(getBaseType(type)))
		return 0;
	level = NewGUCNestLevel();
	for (size_t i = 0; i < lengthof(setting); i++)
		(void) set_config_option(setting[i][0], setting[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return level;
}

void
uiml_settings_end(int level)
{
	if (level > 0)
		AtEOXact_GUC(false, level);
}
