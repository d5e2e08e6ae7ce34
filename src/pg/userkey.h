/*
 * userkey.h
 *	  Keys given by a caller, of users and of items, as values of a domain's key type.
 *
 * A caller has text, an integer, a uuid ...; the domain has a column of some type.  Domains over types count
 * as their base type everywhere, so that no CHECK constraint of somebody else's runs with the caller's
 * rights.
 */
#ifndef UIML_PG_USERKEY_H
#define UIML_PG_USERKEY_H

#include "postgres.h"

/*
 * uiml_userkey_convert
 *		The value of type `from` as a value of type `to` that is equal to it, palloc'd or the value itself.
 *
 * Integers convert with a range check, character types as they are, everything else through its text form.
 * Returns false where there is no such value ('abc' or 3000000000 for integer); errors of other kinds, such
 * as a cancel, pass through.
 */
extern bool uiml_userkey_convert(Oid from, Datum value, Oid to, Datum *result);

/*
 * The text form of a key, as its type's output function writes it; trailing spaces of character(n) are
 * dropped.
 */
extern char *uiml_userkey_text(Oid type, Datum value);

/*
 * uiml_settings_begin / uiml_settings_end
 *		Between them the text of a key doesn't depend on the session: DateStyle, TimeZone and the like are
 *		fixed, for the sessions that share a file of items must write its keys alike.  An error restores the
 *		settings by itself.  Types whose text no setting changes cost nothing.
 */
extern int uiml_settings_begin(Oid type);
extern void uiml_settings_end(int level);

#endif /* UIML_PG_USERKEY_H */
