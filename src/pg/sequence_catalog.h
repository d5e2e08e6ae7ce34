/*
 * sequence_catalog.h
 *	  Sequence models as schema uiml keeps them: one of a version and target.
 *
 * Rows are read under the caller's rights: their policy shows a model to the owner of its domain and to those whom it was
 * granted to.  Nobody may write them, so what is read was written here; bytes are checked all the same where
 * they are opened, for a dump can be edited.
 */
#ifndef UIML_PG_SEQUENCE_CATALOG_H
#define UIML_PG_SEQUENCE_CATALOG_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "executor/tuptable.h"

#include "core/next.h"
#include "pg/catalog.h"

/* A row of uiml.sequence_model without what is large. */
typedef struct UimlSequenceRow
{
	int64 sequence_model_id;
	int32 domain_id;
	Oid owner;
	int64 version_id;
	UimlNextTarget target;
	Oid trained_by;
	TimestampTz trained_at; /* read, not written */
	const char *kind;       /* "popularity", "rules", "ridge", "lstm", "mixture" */
	int64 classes;
	int32 embedding; /* 0, as hidden: no LSTM in it */
	int32 hidden;
	int32 max_length;    /* of the end of a sequence that is looked at */
	int64 users;         /* that it was fitted on */
	int64 events;        /* of theirs */
	Oid sequences_table; /* the version's partition of <domain>_sequences_versions */
	int64 digest;        /* of the bytes; set by uiml_sequence_put */
	int64 bytes;
} UimlSequenceRow;

/*
 * What is large.
 *
 * settings: the arguments to train it again with, a JSON object that pg/train_sequence.c reads.
 * metrics: a JSON object with "networks", an array of {"network": text, "epochs": [{"epoch", "loss", "accuracy",
 * "validation_loss", "validation_accuracy", "test_loss", "test_accuracy", "events_per_second": numbers or null, "kept":
 * boolean}]}, from which uiml_sequence_report makes its rows, and "results", an array of what uiml_train_sequence
 * returned, an object per row with its columns' names.  Further keys are the trainer's own.
 */
typedef struct UimlSequenceContents
{
	const char *settings; /* JSON text */
	const char *metrics;  /* JSON text */
	const char *data;     /* row->bytes of them */
} UimlSequenceContents;

/* 'interest' or 'item', as SQL has it; the other way round INVALID_PARAMETER_VALUE for other names. */
extern const char *uiml_sequence_target_name(UimlNextTarget target);
extern UimlNextTarget uiml_sequence_target(const char *name);

/*
 * uiml_sequence_find
 *		The model of a version and target, or NULL where there is none that the caller may see.
 *
 * read_only: with the snapshot of the query (STABLE functions), else with one that sees all this transaction
 * did.
 */
extern UimlSequenceRow *uiml_sequence_find(int64 version_id, UimlNextTarget target, bool read_only);

/*
 * uiml_sequence_newest
 *		Of a domain's models for a target the one of the newest version, or NULL: whatever a training warms up from.
 */
extern UimlSequenceRow *uiml_sequence_newest(int32 domain_id, UimlNextTarget target, bool read_only);

/*
 * Columns of "uiml.sequence_model m" for a statement of one's own, and the reader of its rows, in memory of the current
 * context.
 */
#define UIML_SEQUENCE_COLUMNS                                                                                \
	"m.sequence_model_id, m.domain_id, m.owner, m.version_id, m.target, m.trained_by, m.trained_at, "        \
	"m.kind, m.classes, m.embedding, m.hidden, m.max_length, m.users, m.events, m.sequences_table, "         \
	"m.digest, m.bytes"
#define UIML_SEQUENCE_N_COLUMNS 17

extern UimlSequenceRow *uiml_sequence_read(TupleTableSlot *slot);

/*
 * uiml_sequence_bytes
 *		The bytes of a model from its parts, row->bytes of them, in memory of context at an address that is a
 *		multiple of 8.  DATA_CORRUPTED where they are not all there.
 */
extern char *uiml_sequence_bytes(const UimlSequenceRow *row, bool read_only, MemoryContext context);

/* The settings of a model, copied. */
extern Jsonb *uiml_sequence_settings(const UimlSequenceRow *row, bool read_only);

/* Raises DATA_CORRUPTED: what is stored of a sequence model is not what a training writes. */
pg_noreturn extern void uiml_sequence_refuse(void);

/*
 * uiml_sequence_put
 *		Stores a model in place of the one of the same version and target; sets the id and digest of row.
 *
 * Call as the caller, whose right to train has been checked, with the domain locked (uiml_domain_get_locked) since before
 * the version was looked up.
 */
extern void uiml_sequence_put(UimlSequenceRow *row, const UimlSequenceContents *contents);

/* Deletes a domain's models for a target, of all versions; how many. */
extern uint64 uiml_sequence_delete(int32 domain_id, UimlNextTarget target);

#endif /* UIML_PG_SEQUENCE_CATALOG_H */
