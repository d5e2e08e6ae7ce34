/*
 * scan.h
 *	  Reading texts of numbers in brackets, from clients and files that are not trusted.
 *
 * The end of each number is found here, by grammar, and only then strtof or strtod rounds it: they alone
 * would run over a buffer that has no terminator, and take "0x1p3", "inf" and "nan(...)".
 */
#ifndef UIML_SCAN_H
#define UIML_SCAN_H

#include "core/uiml.h"

typedef struct UimlScan
{
	const char *text; /* length bytes, no terminator needed */
	size_t length;
	size_t at; /* <= length */
} UimlScan;

/* What lies at the place of a scan. */
typedef enum UimlToken
{
	UIML_TOKEN_NUMBER,   /* decimal: [+-] digits [. digits] [e [+-] digits], ended by white space , ] or } */
	UIML_TOKEN_NAN,      /* written out, in any case */
	UIML_TOKEN_INFINITE, /* inf or infinity, in any case, perhaps signed */
	UIML_TOKEN_OTHER,    /* none of these */
	UIML_TOKEN_END       /* the text ends, perhaps in or right behind a number */
} UimlToken;

/* Why a text was refused; offset counts bytes from its start. */
typedef enum UimlTextFault
{
	UIML_TEXT_FAULT_NONE = 0,
	UIML_TEXT_FAULT_EXPECTED, /* something else than expected */
	UIML_TEXT_FAULT_NAN,
	UIML_TEXT_FAULT_INFINITE,
	UIML_TEXT_FAULT_RANGE,  /* a number overflows */
	UIML_TEXT_FAULT_RAGGED, /* rows of different lengths */
	UIML_TEXT_FAULT_EMPTY,  /* no element */
	UIML_TEXT_FAULT_LIMIT   /* more elements than are allowed */
} UimlTextFault;

typedef struct UimlTextError
{
	UimlTextFault fault;
	size_t offset;
	size_t length;        /* bytes of the faulty number, as far as they could belong to one */
	const char *expected; /* a phrase in English, for UIML_TEXT_FAULT_EXPECTED */
} UimlTextError;

/* The byte at the scan's place plus ahead, or NUL beyond the end (a NUL is no part of any token either). */
static inline char
uiml_scan_peek(const UimlScan *scan, size_t ahead)
{
	return ahead < scan->length - scan->at ? scan->text[scan->at + ahead] : '\0';
}

extern bool uiml_scan_is_space(char c);
extern void uiml_scan_spaces(UimlScan *scan);

/* What is at the scan's place, and of how many bytes; the scan stays where it is. */
extern UimlToken uiml_scan_token(const UimlScan *scan, size_t *length);

/* Notes a fault at the scan's place; returns the status that goes with it. */
extern UimlStatus uiml_scan_refuse(const UimlScan *scan, UimlTextFault fault, size_t length,
								   const char *expected, UimlTextError *error);

/* Skips white space, then c, which error calls by expected. */
extern UimlStatus uiml_scan_expect(UimlScan *scan, char c, const char *expected, UimlTextError *error);

/* Skips white space, then word, a name in quotation marks or a mark. */
extern UimlStatus uiml_scan_expect_word(UimlScan *scan, const char *word, UimlTextError *error);

/* White space to the end of the text. */
extern UimlStatus uiml_scan_expect_end(UimlScan *scan, UimlTextError *error);

/* Skips white space and c, if it comes next; else false. */
extern bool uiml_scan_accept(UimlScan *scan, char c);

/* One finite double and the white space before it. */
extern UimlStatus uiml_scan_double(UimlScan *scan, double *x, UimlTextError *error);

/* One int64 and the white space before it. */
extern UimlStatus uiml_scan_int64(UimlScan *scan, int64_t *x, UimlTextError *error);

/*
 * uiml_scan_row
 *		'[1,2.5,-3e4]': at least one element and at most capacity, into x (NULL: only counted); n receives how
 *		many.
 */
extern UimlStatus uiml_scan_row(UimlScan *scan, size_t capacity, double *x, size_t *n, UimlTextError *error);

/* A row of n elements and no other number; found receives how many were read. */
extern UimlStatus uiml_scan_row_of(UimlScan *scan, size_t n, double *x, size_t *found, UimlTextError *error);

#endif /* UIML_SCAN_H */
