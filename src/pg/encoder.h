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

/* Of a part in uiml.encoder_part, all but the last of an encoder. */
#define UIML_ENCODER_PART_BYTES (1024 * 1024)

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
 *		The encoder of a name, for the caller: 'hash' (built in), 'name' or 'owner.name'.  A bare name is his own
 *			encoder; else the only one of roles he is a member of and of superusers; else the only one he was
 *			granted.
 *
 * Valid until the end of the transaction.  Errors: UNDEFINED_OBJECT (hint: those there are), AMBIGUOUS_ALIAS,
 * DATA_CORRUPTED.  One whose domain was not granted to the caller does not exist for him.  read_only: with
 * the snapshot of the query (STABLE functions), else with one that sees all this transaction did.
 */
extern const UimlEncoder *uiml_encoder_get(const char *name, bool read_only);

/*
 * The row alone, of an encoder that is not built in.  Its numbers are what the owner wrote, perhaps by hand.
 */
extern UimlEncoderRow *uiml_encoder_row(const char *name, bool read_only);

/* The dims of an encoder, of which no more than the row is read; DATA_CORRUPTED where it can have none such. */
extern size_t uiml_encoder_dims(const char *name, bool read_only);

/*
 * What an encoder returned for texts: CHARACTER_NOT_IN_REPERTOIRE where one is not valid UTF-8,
 * PROGRAM_LIMIT_EXCEEDED for one that is too long, NUMERIC_VALUE_OUT_OF_RANGE, else as uiml_check.
 */
extern void uiml_encoder_check(UimlStatus status, const char *what);

/* --- texts to learn from (encoder_texts.c) -------------------------------------------------------------- */

/* Refuses a domain without texts, or whose tables the caller may not read: OBJECT_NOT_IN_PREREQUISITE_STATE etc. */
extern void uiml_encoder_check_texts(const UimlDomain *domain);

/* A text in UTF-8, not terminated. */
typedef void (*UimlEncoderTextFn)(void *ctx, const char *utf8, size_t length);

/*
 * uiml_encoder_texts
 *		All texts of a domain's items table, or each text of its events once, read as the caller; what rows
 *		need is in a child of context.
 */
extern void uiml_encoder_texts(const UimlDomain *domain, MemoryContext context, UimlEncoderTextFn text_fn,
							   void *ctx);

/* --- storing (encoder_store.c) -------------------------------------------------------------------------- */

/* What the catalog keeps of an encoder beside its bytes. */
typedef struct UimlEncoderRecord
{
	Oid owner;
	int32 domain_id; /* 0: of no domain */
	const char *name;
	UimlEncoderKind kind;
	size_t dims;
	UimlWhitening whitening;
	int64 bytes;
	int64 texts; /* 0, and features, too: doesn't apply */
	int64 features;

	/* Of a language model, else zero. */
	const char *architecture;
	size_t max_tokens; /* 0: no limit */
	size_t vocabulary;
	const char *pooling; /* NULL: none */
	bool normalized;
	uint64 parameters;
	const char *sha256;  /* of its file, or NULL */
	const char *licence; /* or NULL */
} UimlEncoderRecord;

/* Bytes on their way into the catalog, of which no more than one part is in memory. */
typedef struct UimlEncoderStore
{
	int64 encoder_id; /* 0: nothing is stored, digest and size are all that is wanted */
	Oid owner;
	struct varlena *part;
	Size filled;
	int32 n_parts;
	int64 size;
	uint64 digest;
} UimlEncoderStore;

/*
 * uiml_encoder_store_begin, _write, _end
 *		A new row, the bytes in order, and the digest of them all, in the transaction of the caller, who acts as
 *		the owner and has checked the name.  record NULL: only digest and size.  Each write raises a cancel.
 */
extern void uiml_encoder_store_begin(UimlEncoderStore *store, const UimlEncoderRecord *record);
extern void uiml_encoder_store_write(UimlEncoderStore *store, const void *bytes, Size size);
extern void uiml_encoder_store_end(UimlEncoderStore *store);

/* The encoder that a role has of some name. */
typedef struct UimlNamesake
{
	int64 encoder_id; /* 0: there is none */
	int32 domain_id;  /* 0: of no domain */
	int64 bytes;
	int64 digest;
} UimlNamesake;

extern UimlNamesake uiml_encoder_namesake(Oid owner, const char *name);

/* INVALID_NAME, RESERVED_NAME. */
extern void uiml_encoder_check_word(const char *name);

/*
 * uiml_encoder_put
 *		Stores an encoder under a name, owned by the domain's owner and of that domain; replaces the one of
 *		the same name and domain.  Call as the owner.  INVALID_NAME, RESERVED_NAME; DUPLICATE_OBJECT where
 *		the owner has one of that name that is not of this domain.
 */
extern void uiml_encoder_put(const UimlDomain *domain, const char *name, const void *bytes, size_t length);

/* The errors of a name that uiml_encoder_put refuses, before the work. */
extern void uiml_encoder_check_name(const UimlDomain *domain, const char *name);

extern void uiml_encoder_delete(int64 encoder_id);

#endif /* UIML_PG_ENCODER_H */
