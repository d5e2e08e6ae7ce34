/*
 * trainstore.h
 *	  Writing a trained model into the tables of a new version.
 */
#ifndef UIML_PG_TRAINSTORE_H
#define UIML_PG_TRAINSTORE_H

#include "core/model.h"
#include "pg/catalog.h"
#include "pg/env.h"
#include "pg/labels.h"
#include "pg/source.h"

/* What is stored beside the model. */
typedef struct UimlTrained
{
	const UimlDomain *domain;
	const UimlSource *source; /* keys; the events may be gone */
	const UimlRows *rows;
	const UimlEnv *env;
	const UimlModel *model;
	const UimlLabels *labels;
	const uint32 *item_users;  /* by item: users who did something to it */
	const uint32 *user_events; /* by user */
	const double *user_last;   /* by user: newest event in seconds since 2000-01-01 UTC; NULL without time */
} UimlTrained;

/*
 * uiml_trained_store
 *		Creates and loads the three partitions of a version, and sets tables and digest of row.
 *
 * Call as the owner.  Rows are written in key order, users one by one: their vectors are computed as they are
 * written.  progress (may be NULL) is told the phase "storing".
 */
extern void uiml_trained_store(const UimlTrained *trained, int32 version, UimlProgressFn progress,
							   void *progress_ctx, UimlVersionRow *row);

/*
 * uiml_trained_attach
 *		Indexes, analyses and attaches the tables of row.  Call as the owner, and late, since the parents stay
 *		locked against VACUUM and ANALYZE from here to the end of the transaction; nothing trained is needed
 *		any more.
 */
extern void uiml_trained_attach(const UimlDomain *domain, const UimlVersionRow *row);

#endif /* UIML_PG_TRAINSTORE_H */
