/*
 * settings.h
 *	  A domain as it would be with other settings, given as JSON.
 */
#ifndef UIML_PG_SETTINGS_H
#define UIML_PG_SETTINGS_H

#include "pg/catalog.h"

/*
 * uiml_domain_with
 *		A copy of the domain with the settings of a JSON object: dims, interests, half_life (an interval as
 *		text) and features, where null lets training choose, and the options of a domain.  With version, what
 *		that
 *		version was trained with comes first: its dims, interests and half-life, chosen or not, its features
 *		and options.
 *
 * argument: what the object is called in errors.  NULL_VALUE_NOT_ALLOWED for no object,
 * INVALID_PARAMETER_VALUE for another JSON value, an unknown setting (hint: all there are) or a value out of
 * range, UNDEFINED_OBJECT for a version that does not exist (hint: those that do).
 */
extern UimlDomain *uiml_domain_with(const UimlDomain *domain, Jsonb *settings, const char *argument);

#endif /* UIML_PG_SETTINGS_H */
