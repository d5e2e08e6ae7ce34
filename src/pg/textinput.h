/*
 * textinput.h
 *	  Texts of numbers: what input functions refuse, and what output functions write.
 */
#ifndef UIML_PG_TEXTINPUT_H
#define UIML_PG_TEXTINPUT_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "core/scan.h"

#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#endif

/*
 * Since 16 an input function may be asked to report a mistake without throwing (pg_input_is_valid, COPY
 * ON_ERROR).
 */
#if PG_VERSION_NUM >= 160000
#define uiml_refuse_input(fcinfo, ...) errsave((fcinfo)->context, __VA_ARGS__)
#else
#define uiml_refuse_input(fcinfo, ...)                                                                       \
	do                                                                                                       \
	{                                                                                                        \
		(void) (fcinfo);                                                                                     \
		ereport(ERROR, __VA_ARGS__);                                                                         \
	} while (0)
#endif

/* The beginning of a text, short enough for a message, cut between characters. */
extern char *uiml_excerpt(const char *text, size_t length);

/*
 * uiml_refuse_text
 *		Refuses a text of a type for what uiml_scan_... found: something unexpected, NaN, infinity, a number
 *		beyond double.  Other faults are the caller's.
 */
extern void uiml_refuse_text(FunctionCallInfo fcinfo, const char *type, const char *text,
							 const UimlTextError *error);

/* Appends '[1,2.5]', each number as the shortest text that reads back as the same. */
extern void uiml_append_doubles(StringInfo text, const double *x, size_t n);

#endif /* UIML_PG_TEXTINPUT_H */
