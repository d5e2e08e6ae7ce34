/*
 * textinput.c
 *	  Texts of numbers: what input functions refuse, and what output functions write.
 */
#include "postgres.h"

#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"

#include "pg/textinput.h"

/* How much of a refused text an error message shows. */
#define SHOWN_BYTES 80

char *
uiml_excerpt(const char *text, size_t length)
{
	int shown = pg_mbcliplen(text, (int) Min(length, SHOWN_BYTES + 1), SHOWN_BYTES);

	return (size_t) shown < length ? psprintf("%.*s...", shown, text) : pnstrdup(text, length);
}

/* Where in the text, for a detail. */
static const char *
place(const char *text, const UimlTextError *error)
{
	size_t left = strlen(text) - error->offset;

	return left == 0 ? "at the end" : psprintf("at \"%s\"", uiml_excerpt(text + error->offset, left));
}

/* What was expected, for a detail: a phrase, or a mark, which is quoted. */
static const char *
expectation(const UimlTextError *error)
{
	if (error->expected == NULL)
		return "a number";
	return strlen(error->expected) == 1 ? psprintf("\"%s\"", error->expected) : error->expected;
}

void
uiml_refuse_text(FunctionCallInfo fcinfo, const char *type, const char *text, const UimlTextError *error)
{
	switch (error->fault)
	{
		case UIML_TEXT_FAULT_NAN:
			uiml_refuse_input(fcinfo,
							  (errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in %s", type)));
			break;
		case UIML_TEXT_FAULT_INFINITE:
			uiml_refuse_input(
				fcinfo, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("infinite value not allowed in %s", type)));
			break;
		case UIML_TEXT_FAULT_RANGE:
			uiml_refuse_input(fcinfo, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
									   errmsg("\"%s\" is out of range for type %s",
											  uiml_excerpt(text + error->offset, error->length), type)));
			break;
		default:
			uiml_refuse_input(fcinfo, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
									   errmsg("invalid input syntax for type %s: \"%s\"", type,
											  uiml_excerpt(text, strlen(text))),
									   errdetail("Expected %s %s.", expectation(error), place(text, error))));
	}
}

void
uiml_append_doubles(StringInfo text, const double *x, size_t n)
{
	appendStringInfoChar(text, '[');
	for (size_t i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(text, ',');
		enlargeStringInfo(text, DOUBLE_SHORTEST_DECIMAL_LEN);
		text->len += double_to_shortest_decimal_bufn(x[i], text->data + text->len);
	}
	text->data[text->len] = '\0';
	appendStringInfoChar(text, ']');
}
