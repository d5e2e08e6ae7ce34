/*
 * attempt.h
 *	  Work that may fail without failing its caller.
 */
#ifndef UIML_PG_ATTEMPT_H
#define UIML_PG_ATTEMPT_H

#include "postgres.h"

typedef void (*UimlAttemptFn)(void *ctx);

/*
 * uiml_attempt
 *		Runs fn in a subtransaction and the caller's memory context.
 *
 * Returns NULL, or the error that fn raised, in the caller's memory context and with all that fn did rolled
 * back: free it with FreeErrorData, or raise it after all with ReThrowError (a cancel, at least).  Not in
 * parallel mode, where no subtransaction can start.
 */
extern ErrorData *uiml_attempt(UimlAttemptFn fn, void *ctx);

#endif /* UIML_PG_ATTEMPT_H */
