/*
 * fault.h
 *	  What is wrong with a file that somebody made, in words.
 *
 * A status says that bytes can't be used; who brought them wants to know why.  Readers of files made by others
 * fill a fault at the place where they give up, so that it can name the tensor, the key or the token.
 */
#ifndef UIML_FAULT_H
#define UIML_FAULT_H

#include "core/uiml.h"

#define UIML_FAULT_SIZE 400

/*
 * A full English sentence for a detail: printable ASCII, so that it can be shown whatever the encoding; empty as
 * long as nothing is wrong.
 */
typedef struct UimlFault
{
	char text[UIML_FAULT_SIZE];
} UimlFault;

/*
 * Writes the sentence, unless there is one, and returns UIML_ECORRUPT.  Bytes of the arguments that are not
 * printable ASCII become '?'.  fault may be NULL.
 */
extern UimlStatus uiml_fault(UimlFault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* UIML_FAULT_H */
