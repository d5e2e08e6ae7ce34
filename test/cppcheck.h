/*
 * cppcheck.h
 *	  PostgreSQL's macros as cppcheck should read them; it doesn't see the server's headers.
 */
#define FLEXIBLE_ARRAY_MEMBER
#define PG_FUNCTION_INFO_V1(name)
#define PG_MODULE_MAGIC
#define PGDLLEXPORT
#define PG_FUNCTION_ARGS   FunctionCallInfo fcinfo
#define foreach(cell, lst) for (cell = list_head(lst); cell != NULL; cell = lnext(lst, cell))
#define PG_TRY()           if (may_throw()) {
#define PG_CATCH()         } else {
#define PG_FINALLY()       } {
#define PG_END_TRY()       }

/* An error doesn't return. */
#define DEBUG1                14
#define LOG                   15
#define INFO                  17
#define NOTICE                18
#define WARNING               19
#define ERROR                 21
#define FATAL                 22
#define ereport(elevel, ...) ((elevel) >= ERROR ? abort() : (void) 0)
#define elog(elevel, ...)    ((elevel) >= ERROR ? abort() : (void) 0)
