/*
 * texttemplate.h
 *	  The text of an item from several columns.
 */
#ifndef UIML_PG_TEXTTEMPLATE_H
#define UIML_PG_TEXTTEMPLATE_H

#include "pg/catalog.h"

/* Whether a value of option "text_template" can be read: braces and brackets in pairs, a column at least. */
extern bool uiml_text_template_valid(const char *template);

/*
 * uiml_text_column_sql
 *		A column of relation, there called alias, as text: elements of an array with commas between them.
 */
extern char *uiml_text_column_sql(Oid relation, const char *alias, const char *column);

/*
 * uiml_text_sql
 *		The text of a row of the items table, or of the events, there called alias: what option "text_template"
 *		makes of its columns, else all of them joined by ' '.  '' where all columns that are read are NULL or
 *		empty.  UNDEFINED_COLUMN where the template has a column that item_text, or text_cols, has not.
 */
extern char *uiml_text_sql(const UimlDomain *domain, bool from_items, const char *alias);

/* Raises that error, if the domain's texts have a template. */
extern void uiml_text_template_check(const UimlDomain *domain);

#endif /* UIML_PG_TEXTTEMPLATE_H */
