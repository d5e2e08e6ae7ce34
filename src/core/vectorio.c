/*
 * vectorio.c
 *	  Readers and writers of the external forms of a vector.
 *
 * Both readers take (bytes, length) from a client or a file and trust neither.  The text reader finds the end
 * of each number itself, by grammar, and only then lets strtof round it: strtof alone would run over a buffer
 * that has no terminator, and take "0x1p3", "inf" and "nan(...)".
 */
#include "core/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader
{
	const char *text;
	size_t length;
	size_t at;
} Reader;

static bool
is_space(char c)
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

/* The byte at the reader's place plus ahead, or NUL beyond the end (a NUL is no part of any token either). */
static char
peek(const Reader *reader, size_t ahead)
{
	return ahead < reader->length - reader->at ? reader->text[reader->at + ahead] : '\0';
}

static void
skip_spaces(Reader *reader)
{
	while (is_space(peek(reader, 0)))
		reader->at++;
}

static size_t
skip_digits(const Reader *reader, size_t from)
{
	while (is_digit(peek(reader, from)))
		from++;
	return from;
}

/*
 * Bytes of the decimal number at the reader's place: [+-] digits [. digits] [e [+-] digits]; 0 if there is
 * none.
 */
static size_t
number_length(const Reader *reader)
{
	size_t start = peek(reader, 0) == '+' || peek(reader, 0) == '-' ? 1 : 0;
	size_t end = skip_digits(reader, start);
	size_t digits = end - start;

	if (peek(reader, end) == '.')
	{
		size_t fraction = skip_digits(reader, end + 1);

		digits += fraction - end - 1;
		end = fraction;
	}
	if (digits == 0)
		return 0;
	if (peek(reader, end) == 'e' || peek(reader, end) == 'E')
	{
		size_t sign = peek(reader, end + 1) == '+' || peek(reader, end + 1) == '-' ? 1 : 0;
		size_t exponent = skip_digits(reader, end + 1 + sign);

		if (exponent > end + 1 + sign)
			end = exponent;
	}
	return end;
}

/*
 * True if the token of the given length at the reader's place is name, in any case, after an optional sign.
 */
static bool
is_name(const Reader *reader, size_t length, const char *name)
{
	size_t start = peek(reader, 0) == '+' || peek(reader, 0) == '-' ? 1 : 0;

	if (length - start != strlen(name))
		return false;
	for (size_t i = start; i < length; i++)
	{
		if ((peek(reader, i) | 0x20) != name[i - start])
			return false;
	}
	return true;
}

static UimlStatus
refuse(const Reader *reader, size_t length, UimlVectorFault fault, UimlStatus status, UimlVectorParse *parse)
{
	parse->fault = fault;
	parse->offset = reader->at;
	parse->length = length;
	return status;
}

/* Tells NaN and infinity, which are numbers that we refuse, from what is no number at all. */
static UimlStatus
refuse_element(const Reader *reader, UimlVectorParse *parse)
{
	size_t length = 0;

	if (reader->at == reader->length)
		return refuse(reader, 0, UIML_VECTOR_FAULT_END, UIML_ECORRUPT, parse);
	while (is_letter(peek(reader, length)) || is_digit(peek(reader, length)) ||
		   (peek(reader, length) != '\0' && strchr("+-.", peek(reader, length)) != NULL))
		length++;
	if (is_name(reader, length, "nan"))
		return refuse(reader, length, UIML_VECTOR_FAULT_NAN, UIML_ENOTFINITE, parse);
	if (is_name(reader, length, "inf") || is_name(reader, length, "infinity"))
		return refuse(reader, length, UIML_VECTOR_FAULT_INFINITE, UIML_ENOTFINITE, parse);
	return refuse(reader, length, UIML_VECTOR_FAULT_ELEMENT, UIML_ECORRUPT, parse);
}

/* One number and the white space around it; the reader is left at what follows. */
static UimlStatus
read_element(Reader *reader, float *x, UimlVectorParse *parse)
{
	size_t length;
	char next;

	skip_spaces(reader);
	length = number_length(reader);
	if (length == 0)
		return refuse_element(reader, parse);
	next = peek(reader, length);
	if (reader->at + length == reader->length)
	{
		reader->at = reader->length;
		return refuse(reader, 0, UIML_VECTOR_FAULT_END, UIML_ECORRUPT, parse);
	}
	if (next != ',' && next != ']' && !is_space(next))
		return refuse_element(reader, parse);

	/*
	 * strtof stops at next, which is inside the buffer; it rounds once, where strtod and a cast would round
	 * twice
	 */
	*x = strtof(reader->text + reader->at, NULL);
	if (isinf(*x))
		return refuse(reader, length, UIML_VECTOR_FAULT_RANGE, UIML_ENOTFINITE, parse);
	reader->at += length;
	skip_spaces(reader);
	return UIML_OK;
}

/* White space to the end of the text. */
static UimlStatus
read_end(Reader *reader, UimlVectorParse *parse)
{
	skip_spaces(reader);
	if (reader->at < reader->length)
		return refuse(reader, 0, UIML_VECTOR_FAULT_JUNK, UIML_ECORRUPT, parse);
	return UIML_OK;
}

size_t
uiml_vector_capacity(const char *text, size_t length)
{
	size_t count = 1;

	for (size_t i = 0; i < length; i++)
		count += text[i] == ',';
	return count;
}

UimlStatus
uiml_vector_parse(const char *text, size_t length, size_t capacity, float *x, UimlVectorParse *parse)
{
	Reader reader = {.text = text, .length = length};
	char separator;

	*parse = (UimlVectorParse){0};
	skip_spaces(&reader);
	if (peek(&reader, 0) != '[')
		return refuse(&reader, 0, UIML_VECTOR_FAULT_START, UIML_ECORRUPT, parse);
	reader.at++;
	skip_spaces(&reader);
	if (peek(&reader, 0) == ']')
	{
		UimlStatus status;

		reader.at++;
		status = read_end(&reader, parse);
		return status == UIML_OK ? UIML_EEMPTY : status;
	}

	do
	{
		float element = 0;
		UimlStatus status = read_element(&reader, &element, parse);

		if (status != UIML_OK)
			return status;
		if (parse->dim == capacity)
			return UIML_ELIMIT;
		x[parse->dim++] = element;
		if (reader.at == reader.length)
			return refuse(&reader, 0, UIML_VECTOR_FAULT_END, UIML_ECORRUPT, parse);
		separator = peek(&reader, 0);
		if (separator != ',' && separator != ']')
			return refuse(&reader, 0, UIML_VECTOR_FAULT_ELEMENT, UIML_ECORRUPT, parse);
		reader.at++;
	} while (separator == ',');

	return read_end(&reader, parse);
}

UimlStatus
uiml_vector_read_dim(const void *bytes, size_t length, int *dim)
{
	const uint8_t *byte = bytes;

	if (length < UIML_VECTOR_BINARY_SIZE(0))
		return UIML_ECORRUPT;
	*dim = (int16_t) (uint16_t) (byte[0] << 8 | byte[1]);
	if (byte[2] != 0 || byte[3] != 0)
		return UIML_ECORRUPT;
	if (*dim > 0 && length < UIML_VECTOR_BINARY_SIZE(*dim))
		return UIML_ECORRUPT;
	return UIML_OK;
}

UimlStatus
uiml_vector_read(const void *bytes, size_t dim, float *x)
{
	const uint8_t *byte = (const uint8_t *) bytes + UIML_VECTOR_BINARY_SIZE(0);

	for (size_t i = 0; i < dim; i++, byte += 4)
	{
		uint32_t bits = (uint32_t) byte[0] << 24 | (uint32_t) byte[1] << 16 | (uint32_t) byte[2] << 8 |
						(uint32_t) byte[3];

		memcpy(&x[i], &bits, sizeof(float));
	}
	return uiml_vector_is_finite(x, dim) ? UIML_OK : UIML_ENOTFINITE;
}

void
uiml_vector_write(const float *x, size_t dim, void *bytes)
{
	uint8_t *byte = bytes;

	*byte++ = (uint8_t) (dim >> 8);
	*byte++ = (uint8_t) dim;
	*byte++ = 0;
	*byte++ = 0;
	for (size_t i = 0; i < dim; i++)
	{
		uint32_t bits;

		memcpy(&bits, &x[i], sizeof(float));
		*byte++ = (uint8_t) (bits >> 24);
		*byte++ = (uint8_t) (bits >> 16);
		*byte++ = (uint8_t) (bits >> 8);
		*byte++ = (uint8_t) bits;
	}
}
