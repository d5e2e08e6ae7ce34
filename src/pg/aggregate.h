/*
 * aggregate.h
 *	  What aggregates whose state is a base type have in common.
 */
#ifndef UIML_PG_AGGREGATE_H
#define UIML_PG_AGGREGATE_H

#include "postgres.h"

#include "fmgr.h"

/* Errors unless the transition function is called by an aggregate, where it may change its state in place. */
extern void uiml_aggregate_check(FunctionCallInfo fcinfo);

/* The state, argument 0, as it is: what a transition function returns for a row that has a NULL. */
extern Datum uiml_aggregate_skip(FunctionCallInfo fcinfo);

/* A weight: finite, >= 0, else an error. */
extern double uiml_aggregate_weight(double weight);

/* The text of a state is its binary form in hexadecimal: exact, and with one reader to trust. */
extern bytea *uiml_state_from_text(Datum text);
extern char *uiml_state_to_text(const bytea *bytes);

#endif /* UIML_PG_AGGREGATE_H */
