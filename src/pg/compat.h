/*
 * compat.h
 *	  What PostgreSQL 14 to 18 call by different names, under the names of the newest.
 */
#ifndef UIML_PG_COMPAT_H
#define UIML_PG_COMPAT_H

#include "postgres.h"

/* Since 16 postgres.h no longer brings the macros of varlena types along. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18: pg_noreturn before a declaration instead of pg_attribute_noreturn() behind it. */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 16: object_aclcheck for all classes of objects.  Only schemas are asked for here. */
#if PG_VERSION_NUM < 160000
#define object_aclcheck(classid, schema, role, mode) pg_namespace_aclcheck(schema, role, mode)
#endif

#endif /* UIML_PG_COMPAT_H */
