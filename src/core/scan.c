/*
 * scan.c
 *	  Reading texts of numbers in brackets, from clients and files that are not trusted.
 */
#include "core/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---------- tokens ---------- */

bool
uiml_scan_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void
uiml_scan_spaces(UimlScan *scan)
{
	while (uiml_scan_is_space(uiml_scan_peek(scan, 0)))
		scan->at++;
}

static size_t
skip_digits(const UimlScan *scan, size_t from)
{
	while (is_digit(uiml_scan_peek(scan, from)))
		from++;
	return from;
}

/* 1 where a sign lies so far ahead. */
static size_t
sign_length(const UimlScan *scan, size_t ahead)
{
	return uiml_scan_peek(scan, ahead) == '+' || uiml_scan_peek(scan, ahead) == '-' ? 1 : 0;
}

/* Bytes of the decimal number at the scan's place; 0 if there is none. */
static size_t
number_length(const UimlScan *scan)
{
	size_t start = sign_length(scan, 0);
	size_t end = skip_digits(scan, start);
	size_t digits = end - start;

	if (uiml_scan_peek(scan, end) == '.')
	{
		size_t fraction = skip_digits(scan, end + 1);

		digits += fraction - end - 1;
		end = fraction;
	}
	if (digits == 0)
		return 0;
	if (uiml_scan_peek(scan, end) == 'e' || uiml_scan_peek(scan, end) == 'E')
	{
		size_t sign = sign_length(scan, end + 1);
		size_t exponent = skip_digits(scan, end + 1 + sign);

		if (exponent > end + 1 + sign)
			end = exponent;
	}
	return end;
}

/*
 * True if the token of the given length at the scan's place is name, in any case, after an optional sign.
 */
static bool
is_name(const UimlScan *scan, size_t length, const char *name)
{
	size_t start = sign_length(scan, 0);

	if (length < start || length - start != strlen(name))
		return false;
	for (size_t i = start; i < length; i++)
	{
		if ((uiml_scan_peek(scan, i) | 0x20) != name[i - start])
			return false;
	}
	return true;
}

/* Tells NaN and infinity, which are numbers that we refuse, from what is no number at all. */
static UimlToken
other_token(const UimlScan *scan, size_t *length)
{
	*length = 0;
	if (scan->at == scan->length)
		return UIML_TOKEN_END;
	for (char c = uiml_scan_peek(scan, 0); is_letter(c) || is_digit(c) || (c != '\0' && strchr("+-.", c));
		 c = uiml_scan_peek(scan, *length))
		(*length)++;
	if (is_name(scan, *length, "nan"))
		return UIML_TOKEN_NAN;
	if (is_name(scan, *length, "inf") || is_name(scan, *length, "infinity"))
		return UIML_TOKEN_INFINITE;
	return UIML_TOKEN_OTHER;
}

UimlToken
uiml_scan_token(const UimlScan *scan, size_t *length)
{
	char next;

	*length = number_length(scan);
	if (*length == 0)
		return other_token(scan, length);
	if (scan->at + *length == scan->length)
		return UIML_TOKEN_END;
	next = uiml_scan_peek(scan, *length);
	if (next != ',' && next != ']' && next != '}' && !uiml_scan_is_space(next))
		return other_token(scan, length);
	return UIML_TOKEN_NUMBER;
}

/* ---------- a grammar of brackets ---------- */

UimlStatus
uiml_scan_refuse(const UimlScan *scan, UimlTextFault fault, size_t length, const char *expected,
				 UimlTextError *error)
{
	*error = (UimlTextError){.fault = fault, .offset = scan->at, .length = length, .expected = expected};
	switch (fault)
	{
		case UIML_TEXT_FAULT_NAN:
		case UIML_TEXT_FAULT_INFINITE:
		case UIML_TEXT_FAULT_RANGE:
			return UIML_ENOTFINITE;
		case UIML_TEXT_FAULT_RAGGED:
			return UIML_EINVALID;
		case UIML_TEXT_FAULT_EMPTY:
			return UIML_EEMPTY;
		case UIML_TEXT_FAULT_LIMIT:
			return UIML_ELIMIT;
		default:
			return UIML_ECORRUPT;
	}
}

bool
uiml_scan_accept(UimlScan *scan, char c)
{
	uiml_scan_spaces(scan);
	if (scan->at == scan->length || scan->text[scan->at] != c)
		return false;
	scan->at++;
	return true;
}

UimlStatus
uiml_scan_expect(UimlScan *scan, char c, const char *expected, UimlTextError *error)
{
	return uiml_scan_accept(scan, c) ? UIML_OK
									 : uiml_scan_refuse(scan, UIML_TEXT_FAULT_EXPECTED, 0, expected, error);
}

UimlStatus
uiml_scan_expect_word(UimlScan *scan, const char *word, UimlTextError *error)
{
	size_t length = strlen(word);

	uiml_scan_spaces(scan);
	if (scan->length - scan->at < length || memcmp(scan->text + scan->at, word, length) != 0)
		return uiml_scan_refuse(scan, UIML_TEXT_FAULT_EXPECTED, 0, word, error);
	scan->at += length;
	return UIML_OK;
}

UimlStatus
uiml_scan_expect_end(UimlScan *scan, UimlTextError *error)
{
	uiml_scan_spaces(scan);
	if (scan->at < scan->length)
		return uiml_scan_refuse(scan, UIML_TEXT_FAULT_EXPECTED, 0, "the end", error);
	return UIML_OK;
}

/* Skips white space; length receives the bytes of the number that follows. */
static UimlStatus
expect_number(UimlScan *scan, size_t *length, UimlTextError *error)
{
	uiml_scan_spaces(scan);
	switch (uiml_scan_token(scan, length))
	{
		case UIML_TOKEN_NUMBER:
			return UIML_OK;
		case UIML_TOKEN_NAN:
			return uiml_scan_refuse(scan, UIML_TEXT_FAULT_NAN, *length, NULL, error);
		case UIML_TOKEN_INFINITE:
			return uiml_scan_refuse(scan, UIML_TEXT_FAULT_INFINITE, *length, NULL, error);
		default:
			return uiml_scan_refuse(scan, UIML_TEXT_FAULT_EXPECTED, *length, "a number", error);
	}
}

UimlStatus
uiml_scan_double(UimlScan *scan, double *x, UimlTextError *error)
{
	size_t length;
	UimlStatus status = expect_number(scan, &length, error);

	if (status != UIML_OK)
		return status;

	/* strtod stops at the byte behind the number, which is inside the text */
	*x = strtod(scan->text + scan->at, NULL);
	if (isinf(*x))
		return uiml_scan_refuse(scan, UIML_TEXT_FAULT_RANGE, length, NULL, error);
	scan->at += length;
	return UIML_OK;
}

UimlStatus
uiml_scan_int64(UimlScan *scan, int64_t *x, UimlTextError *error)
{
	size_t length;
	int64_t value = 0;
	UimlStatus status = expect_number(scan, &length, error);

	if (status != UIML_OK)
		return status;
	if (skip_digits(scan, sign_length(scan, 0)) != length)
		return uiml_scan_refuse(scan, UIML_TEXT_FAULT_EXPECTED, length, "an integer", error);
	for (size_t i = sign_length(scan, 0); i < length; i++)
	{
		int digit = uiml_scan_peek(scan, i) - '0';

		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
			return uiml_scan_refuse(scan, UIML_TEXT_FAULT_RANGE, length, NULL, error);
	}
	*x = uiml_scan_peek(scan, 0) == '-' ? -value : value;
	scan->at += length;
	return UIML_OK;
}

UimlStatus
uiml_scan_row(UimlScan *scan, size_t capacity, double *x, size_t *n, UimlTextError *error)
{
	UimlStatus status = uiml_scan_expect(scan, '[', "\"[\"", error);

	*n = 0;
	if (status != UIML_OK)
		return status;
	if (uiml_scan_accept(scan, ']'))
		return uiml_scan_refuse(scan, UIML_TEXT_FAULT_EMPTY, 0, NULL, error);
	do
	{
		double element;

		status = uiml_scan_double(scan, &element, error);
		if (status != UIML_OK)
			return status;
		if (*n == capacity)
			return uiml_scan_refuse(scan, UIML_TEXT_FAULT_LIMIT, 0, NULL, error);
		if (x != NULL)
			x[*n] = element;
		(*n)++;
	} while (uiml_scan_accept(scan, ','));
	return uiml_scan_expect(scan, ']', "\",\" or \"]\"", error);
}

UimlStatus
uiml_scan_row_of(UimlScan *scan, size_t n, double *x, size_t *found, UimlTextError *error)
{
	UimlStatus status = uiml_scan_row(scan, n, x, found, error);

	if (status == UIML_EEMPTY || status == UIML_ELIMIT || (status == UIML_OK && *found != n))
		return uiml_scan_refuse(scan, UIML_TEXT_FAULT_RAGGED, 0, NULL, error);
	return status;
}
