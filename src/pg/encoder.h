/*
 * encoder.h
 *	  Encoders by name: from the catalog, mapped into every backend, trained on a domain's texts.
 */
#ifndef UIML_PG_ENCODER_H
#define UIML_PG_ENCODER_H

#include "postgres.h"

#include "core/encoder.h"
#include "pg/catalog.h"

/*
 * uiml_encoder_get
 *		The encoder of a name, for the caller: 'hash' (built in), 'name' or 'owner.name', resolved as domains are.
 *
 * Valid until the end of the statement at least.  Errors: UNDEFINED_OBJECT (hint: those there are),
 * AMBIGUOUS_ALIAS, INSUFFICIENT_PRIVILEGE, DATA_CORRUPTED.
 */
extern const UimlEncoder *uiml_encoder_get(const char *name);

/*
 * uiml_encoder_put
 *		Stores an encoder under a name, owned by the domain's owner and of that domain; replaces the one of the same
 *		name and domain.  Call as the owner.
 */
extern void uiml_encoder_put(const UimlDomain *domain, const char *name, const void *bytes, size_t length);

/* UTF-8 for the core, whatever the database encoding; palloc'd where it must be converted. */
extern const char *uiml_text_utf8(const char *text, size_t length, size_t *utf8_length);

#endif /* UIML_PG_ENCODER_H */
