/*
 * trainargs.h
 *	  Which domain a call of uiml_train is about.
 */
#ifndef UIML_PG_TRAINARGS_H
#define UIML_PG_TRAINARGS_H

#include "pg/domain.h"

/*
 * uiml_train_domain
 *		The domain of args->name, locked until the end of the transaction: registered before, or registered
 *		now.
 *
 * A domain that exists keeps what it was registered with: an argument that says otherwise is
 * INVALID_PARAMETER_VALUE (hint: uiml_alter_domain), where one that has its default value says nothing.  A
 * new one needs args->events.
 */
extern UimlDomain *uiml_train_domain(const UimlDomainArgs *args);

/* A numeric option of the domain, or a default. */
extern double uiml_domain_option(const UimlDomain *domain, const char *name, double default_value);

/* An option of the domain that is a string, palloc'd, or NULL. */
extern char *uiml_domain_option_text(const UimlDomain *domain, const char *name);

#endif /* UIML_PG_TRAINARGS_H */
