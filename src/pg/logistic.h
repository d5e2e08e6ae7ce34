/*
 * logistic.h
 *	  The state of a pass of logistic regression as a value of the server.
 */
#ifndef UIML_PG_LOGISTIC_H
#define UIML_PG_LOGISTIC_H

#include "postgres.h"

#include "core/logistic.h"

/* Detoasts, and checks what later reads rely on: a state can come from a table. */
extern UimlLogisticState *uiml_logistic_detoast(Datum d);

#endif /* UIML_PG_LOGISTIC_H */
