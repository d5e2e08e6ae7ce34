/*
 * roles.h
 *	  Which column of a table plays which role, from names and types.
 */
#ifndef UIML_PG_ROLES_H
#define UIML_PG_ROLES_H

#include "postgres.h"

#include "utils/rel.h"

#include "pg/domain.h"

typedef enum UimlColumnRole
{
	UIML_ROLE_USER,
	UIML_ROLE_ITEM,
	UIML_ROLE_TIME,
	UIML_ROLE_KIND,
	UIML_ROLE_WEIGHT,
	UIML_ROLE_TEXT
} UimlColumnRole;

/*
 * uiml_role_column
 *		The column of a role: the one that was given, checked, or else recognised; NULL for none.
 *
 * given:	NULL to recognise, '' for none (but not for user and item), else a column's name
 * taken:	columns that play another role already, List of char *
 *
 * Errors: UNDEFINED_COLUMN, DATATYPE_MISMATCH, AMBIGUOUS_COLUMN; each names the argument to pass.
 */
extern char *uiml_role_column(Relation rel, UimlColumnRole role, const char *given, List *taken);

/*
 * All columns of role text, best title first, or the given ones, checked (argument: text_cols or item_text).
 */
extern List *uiml_role_texts(Relation rel, bool has_given, List *given, const char *argument, List *taken);

/* The column of text, whatever its name, of a relation that has only one besides those taken; else NIL. */
extern List *uiml_role_only_text(Relation rel, List *taken);

/*
 * Whether a base type can be the type of a key: a scalar with default operator classes.  Reading a value of a
 * composite, an array or a range could run constraints of a DOMAIN in it, which anybody can write.
 */
extern bool uiml_role_is_key(Oid type);

/* The type of a column; UNDEFINED_COLUMN tells the columns there are. */
extern Oid uiml_role_type(Relation rel, const char *column, const char *argument);

/* Opens what events or items can be read from: a table, partitioned, foreign, view or materialised view. */
extern Relation uiml_role_open(Oid relid, const char *argument);

/*
 * uiml_role_items
 *		Sets items, item_key and item_text of domain, whose item_col is known: as given, or the table that a
 *		foreign key of the item column refers to, if it has columns of text.
 */
extern void uiml_role_items(Relation events, const UimlDomainArgs *args, UimlDomain *domain);

#endif /* UIML_PG_ROLES_H */
