/*
 * encoder.h
 *	  Encoders by name: from the catalog, mapped into every backend, trained on a domain's texts.
 */
#ifndef UIML_PG_ENCODER_H
#define UIML_PG_ENCODER_H

#include "postgres.h"

#include "core/encoder.h"
#include "pg/catalog.h"

/* The built-in encoder, which no other may be named like, and its dims. */
#define UIML_ENCODER_BUILTIN      "hash"
#define UIML_ENCODER_BUILTIN_DIMS 256

/* A row of uiml.encoder that the caller may read. */
typedef struct UimlEncoderRow
{
	int64 encoder_id;
	Oid owner;
	int32 domain_id; /* 0: of no domain */
	char *name;
	int dims;
	int64 bytes;
	int64 digest;
} UimlEncoderRow;

/*
 * uiml_encoder_get
 *		The encoder of a name, for the caller: 'hash' (built in), 'name' or 'owner.name', resolved as domains
 *			are.
 *
 * Valid until the end of the transaction.  Errors: UNDEFINED_OBJECT (hint: those there are), AMBIGUOUS_ALIAS,
 * DATA_CORRUPTED.  One whose domain was not granted to the caller does not exist for him.  read_only: with
 * the snapshot of the query (STABLE functions), else with one that sees all this transaction did.
 */
extern const UimlEncoder *uiml_encoder_get(const char *name, bool read_only);

/* The row alone, of an encoder that is not built in. */
extern UimlEncoderRow *uiml_encoder_row(const char *name, bool read_only);

/*
 * uiml_encoder_put
 *		Stores an encoder under a name, owned by the domain's owner and of that domain; replaces the one of
 *		the same name and domain.  Call as the owner.  INVALID_NAME, RESERVED_NAME; DUPLICATE_OBJECT where
 *		another domain of the owner has one of that name.
 */
extern void uiml_encoder_put(const UimlDomain *domain, const char *name, const void *bytes, size_t length);

/* The errors of a name that uiml_encoder_put refuses, before the work. */
extern void uiml_encoder_check_name(const UimlDomain *domain, const char *name);

#endif /* UIML_PG_ENCODER_H */
