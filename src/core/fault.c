/*
 * fault.c
 *	  What is wrong with a file that somebody made, in words.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/fault.h"

UimlStatus
uiml_fault(UimlFault *fault, const char *format, ...)
{
	va_list args;

	if (fault == NULL || fault->text[0] != '\0')
		return UIML_ECORRUPT;
	va_start(args, format);
	(void) vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	for (char *c = fault->text; *c != '\0'; c++)
	{
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	return UIML_ECORRUPT;
}
