/*
 * passes.h
 *	  The rows of a work table as those of a fit: each sum over users is one statement, in parallel where the
 *	  server allows.
 */
#ifndef UIML_PG_PASSES_H
#define UIML_PG_PASSES_H

#include "core/rows.h"
#include "pg/worktable.h"

typedef struct UimlPasses
{
	const UimlWorkTable *work;
	UimlBudget *budget;
	size_t n_items;
	size_t n_texts;
	UimlWindow window;
	bool faded; /* masses are decayed to window.until for everybody */
} UimlPasses;

/*
 * uiml_passes_rows
 *		Rows whose passes run as the domain's owner; passes must outlive them.
 *
 * What the passes raise goes through the core as an error does: its memory is that of its environment's
 * context.
 */
extern UimlRows uiml_passes_rows(UimlPasses *passes);

/* Bytes at the peak of a fit of dims (> 0) dimensions in passes, those of the leader; saturates. */
extern size_t uiml_passes_memory(size_t n_users, size_t n_items, size_t dims, size_t interests);

#endif /* UIML_PG_PASSES_H */
