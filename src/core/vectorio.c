/*
 * vectorio.c
 *	  Readers and writers of the external forms of a vector.
 *
 * Both readers take (bytes, length) from a client or a file and trust neither.
 */
#include "core/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/scan.h"

static UimlStatus
refuse(const UimlScan *scan, size_t length, UimlVectorFault fault, UimlStatus status, UimlVectorParse *parse)
{
	parse->fault = fault;
	parse->offset = scan->at;
	parse->length = length;
	return status;
}

static UimlStatus
refuse_token(UimlScan *scan, UimlToken token, size_t length, UimlVectorParse *parse)
{
	switch (token)
	{
		case UIML_TOKEN_NAN:
			return refuse(scan, length, UIML_VECTOR_FAULT_NAN, UIML_ENOTFINITE, parse);
		case UIML_TOKEN_INFINITE:
			return refuse(scan, length, UIML_VECTOR_FAULT_INFINITE, UIML_ENOTFINITE, parse);
		case UIML_TOKEN_END:
			scan->at = scan->length;
			return refuse(scan, 0, UIML_VECTOR_FAULT_END, UIML_ECORRUPT, parse);
		default:
			return refuse(scan, length, UIML_VECTOR_FAULT_ELEMENT, UIML_ECORRUPT, parse);
	}
}

/* One number and the white space around it; the scan is left at what follows. */
static UimlStatus
read_element(UimlScan *scan, float *x, UimlVectorParse *parse)
{
	size_t length;
	UimlToken token;

	uiml_scan_spaces(scan);
	token = uiml_scan_token(scan, &length);
	if (token != UIML_TOKEN_NUMBER)
		return refuse_token(scan, token, length, parse);

	/*
	 * strtof stops behind the number, which is inside the buffer; it rounds once, where strtod and a cast
	 * would round twice
	 */
	*x = strtof(scan->text + scan->at, NULL);
	if (isinf(*x))
		return refuse(scan, length, UIML_VECTOR_FAULT_RANGE, UIML_ENOTFINITE, parse);
	scan->at += length;
	uiml_scan_spaces(scan);
	return UIML_OK;
}

/* White space to the end of the text. */
static UimlStatus
read_end(UimlScan *scan, UimlVectorParse *parse)
{
	uiml_scan_spaces(scan);
	if (scan->at < scan->length)
		return refuse(scan, 0, UIML_VECTOR_FAULT_JUNK, UIML_ECORRUPT, parse);
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
	UimlScan scan = {.text = text, .length = length};
	char separator;

	*parse = (UimlVectorParse){0};
	uiml_scan_spaces(&scan);
	if (uiml_scan_peek(&scan, 0) != '[')
		return refuse(&scan, 0, UIML_VECTOR_FAULT_START, UIML_ECORRUPT, parse);
	scan.at++;
	uiml_scan_spaces(&scan);
	if (uiml_scan_peek(&scan, 0) == ']')
	{
		UimlStatus status;

		scan.at++;
		status = read_end(&scan, parse);
		return status == UIML_OK ? UIML_EEMPTY : status;
	}

	do
	{
		float element = 0;
		UimlStatus status = read_element(&scan, &element, parse);

		if (status != UIML_OK)
			return status;
		if (parse->dim == capacity)
			return UIML_ELIMIT;
		x[parse->dim++] = element;
		if (scan.at == scan.length)
			return refuse(&scan, 0, UIML_VECTOR_FAULT_END, UIML_ECORRUPT, parse);
		separator = uiml_scan_peek(&scan, 0);
		if (separator != ',' && separator != ']')
			return refuse(&scan, 0, UIML_VECTOR_FAULT_ELEMENT, UIML_ECORRUPT, parse);
		scan.at++;
	} while (separator == ',');

	return read_end(&scan, parse);
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
