/*
 * source.h
 *	  Reading a domain's events and item texts into memory.
 */
#ifndef UIML_PG_SOURCE_H
#define UIML_PG_SOURCE_H

#include "core/interactions.h"
#include "core/model.h"
#include "pg/catalog.h"
#include "pg/env.h"
#include "pg/keys.h"
#include "pg/sql.h"
#include "pg/worktable.h"

/*
 * A domain's events, sorted, with dense numbers for users and items.
 *
 * Where features are not those of behaviour alone, items that have a text in the items table are items even
 * without an event, and the texts of events without an item are numbered, too: text t is column items.n + t.
 */
typedef struct UimlSource
{
	UimlFeatureKind features; /* asked for, or with 'auto' possible */
	UimlKeys users;
	UimlKeys items;
	UimlKeys texts; /* distinct ones; n is 0 for behaviour */
	size_t n_new;   /* items without an event */
	UimlEvent
		*events; /* by (user, item, at, weight); pfree it when the interactions are built; NULL: in work */
	UimlWorkTable *work; /* NULL: in memory */
	size_t n_events;
	bool has_time;
	TimestampTz data_until; /* of the newest event; at is in seconds since 2000-01-01 UTC */
	double until;           /* the same instant in the unit of at; 0 without time */
	uint64 skipped_null;    /* rows without user or item, or text where that would do */
	uint64 skipped_time;    /* rows whose time is NULL or infinite */
	uint64 skipped_weight;  /* rows whose weight is NULL, zero or negative */
	MemoryContext context;  /* "uiml source": all of it */
	bool again;             /* notices were given at the first reading */
} UimlSource;

/*
 * How a reading may end: fits (NULL: always) tells whether what is to follow has room beside a source in
 * memory.  progress (may be NULL) is told of the phase "reading", in rows; its total is the planner's
 * estimate for the table, 0 where there is none.
 */
typedef struct UimlReading
{
	const char *suffix; /* of the work table's name */
	bool (*fits)(void *ctx, const UimlSource *source);
	void *ctx;
	UimlProgressFn progress;
	void *progress_ctx;
} UimlReading;

/*
 * uiml_source_read_mode
 *		Reads all events the caller can see, within maintenance_work_mem (PROGRAM_LIMIT_EXCEEDED with the
 *		figures otherwise), in one parallel-safe statement, under the caller's rights and row-level security.
 *
 * As uiml.memory_mode says: into memory; into a work table; or into memory if the rows and what follows fit
 * there, and into a work table otherwise, for which they are read once more.
 *
 * seed goes into the hashes.  Everything is allocated in context, whose other contents count against
 * maintenance_work_mem too.  Kinds without a weight count 1 and are named in one NOTICE; a kind of weight 0
 * is left out silently.  A weight of NaN or infinity is DATA_EXCEPTION.
 */
extern UimlSource *uiml_source_read_mode(const UimlDomain *domain, uint64 seed, MemoryContext context,
										 const UimlReading *reading);

/*
 * uiml_source_features
 *		What a domain's features mean: 'auto' is hybrid where the domain has columns of texts, else behaviour.
 *
 * OBJECT_NOT_IN_PREREQUISITE_STATE where 'text' or 'hybrid' are asked for without such columns.
 */
extern UimlFeatureKind uiml_source_features(const UimlDomain *domain);

/* "behaviour", "text", "hybrid"; static. */
extern const char *uiml_features_name(UimlFeatureKind features);

/*
 * uiml_source_texts
 *		Calls text_fn once per item that has a text, in no particular order: its number, its title (first
 *		column, "" where that is NULL) and all its columns joined by ' ', in the database encoding.  From the
 *		items table where there is one, else from text_cols of the events (the newest).
 */
typedef void (*UimlTextFn)(void *ctx, uint32 item, const char *title, const char *text);
extern void uiml_source_texts(const UimlDomain *domain, const UimlSource *source, UimlTextFn text_fn,
							  void *ctx);

/* Calls row_fn with the key, of key_type, of each row of the items table that has a text. */
extern void uiml_source_text_keys(const UimlDomain *domain, Oid key_type, UimlRowFn row_fn, void *ctx);

/*
 * Raises the error that reading the texts would raise for lack of rights or of a cast: before the work, not
 * after it.
 */
extern void uiml_source_texts_check(const UimlDomain *domain, const UimlSource *source);

/*
 * UNDEFINED_TABLE where the events were dropped, UNDEFINED_COLUMN where a column that the domain reads is
 * gone, INSUFFICIENT_PRIVILEGE where none of them can be read.
 */
extern void uiml_source_check_events(const UimlDomain *domain);

/* The same of the items table and its columns, where there is one. */
extern void uiml_source_check_items(const UimlDomain *domain);

#endif /* UIML_PG_SOURCE_H */
