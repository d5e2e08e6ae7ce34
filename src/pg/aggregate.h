/*
 * aggregate.h
 *	  What aggregates whose state is a base type have in common.
 */
#ifndef UIML_PG_AGGREGATE_H
#define UIML_PG_AGGREGATE_H

#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"

#include "pg/compat.h"

/* Errors unless the transition function is called by an aggregate, where it may change its state in place. */
extern void uiml_aggregate_check(FunctionCallInfo fcinfo);

/* The state, argument 0, as it is: what a transition function returns for a row that has a NULL. */
extern Datum uiml_aggregate_skip(FunctionCallInfo fcinfo);

/* A weight: finite, >= 0, else an error. */
extern double uiml_aggregate_weight(double weight);

/* The text of a state is its binary form in hexadecimal: exact, and with one reader to trust. */
extern bytea *uiml_state_from_text(Datum text);
extern char *uiml_state_to_text(const bytea *bytes);

/*
 * UIML_STATE_IO
 *		Defines <type>_in, _out, _recv and _send, the I/O functions of a state type.
 *
 * from_bytes:	a state in the current memory context from (const char *bytes, size_t length) of any origin
 * to_bytes:	its binary form as a bytea
 * detoast:		a state from a Datum
 */
#define UIML_STATE_IO(type, from_bytes, to_bytes, detoast)                                                   \
	PG_FUNCTION_INFO_V1(type##_in);                                                                          \
	Datum type##_in(PG_FUNCTION_ARGS)                                                                        \
	{                                                                                                        \
		bytea *bytes = uiml_state_from_text(PG_GETARG_DATUM(0));                                             \
                                                                                                             \
		PG_RETURN_POINTER(from_bytes(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)));                         \
	}                                                                                                        \
	PG_FUNCTION_INFO_V1(type##_out);                                                                         \
	Datum type##_out(PG_FUNCTION_ARGS)                                                                       \
	{                                                                                                        \
		PG_RETURN_CSTRING(uiml_state_to_text(to_bytes(detoast(PG_GETARG_DATUM(0)))));                        \
	}                                                                                                        \
	PG_FUNCTION_INFO_V1(type##_recv);                                                                        \
	Datum type##_recv(PG_FUNCTION_ARGS)                                                                      \
	{                                                                                                        \
		StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);                                                  \
		int length = buf->len - buf->cursor;                                                                 \
                                                                                                             \
		PG_RETURN_POINTER(from_bytes(pq_getmsgbytes(buf, length), (size_t) length));                         \
	}                                                                                                        \
	PG_FUNCTION_INFO_V1(type##_send);                                                                        \
	Datum type##_send(PG_FUNCTION_ARGS)                                                                      \
	{                                                                                                        \
		PG_RETURN_BYTEA_P(to_bytes(detoast(PG_GETARG_DATUM(0))));                                            \
	}

#endif /* UIML_PG_AGGREGATE_H */
