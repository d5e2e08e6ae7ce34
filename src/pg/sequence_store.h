/*
 * sequence_store.h
 *	  Writing what the users of a version did last into its partition of <domain>_sequences_versions.
 */
#ifndef UIML_PG_SEQUENCE_STORE_H
#define UIML_PG_SEQUENCE_STORE_H

#include "postgres.h"

#include "pg/catalog.h"
#include "pg/keys.h"

/* Of a user's events so many are kept, the newest. */
#define UIML_MAX_RECENT 200

typedef struct UimlSequenceStore UimlSequenceStore;

/*
 * uiml_sequence_store_begin
 *		Makes room for the rows of a version.
 *
 * user_type: of the keys, as the events have them (UimlSource's users.type->type).  Both targets of a version share
 * the rows, and a later training writes them again: what differs is replaced in the transaction, and readers are
 * not blocked.  Call as the domain's owner (uiml_act_as_owner), with the domain locked, as the two below.
 */
extern UimlSequenceStore *uiml_sequence_store_begin(const UimlDomain *domain, int32 version, Oid user_type);

/*
 * uiml_sequence_store_add
 *		A user, each once; the key stays valid until uiml_sequence_store_end.  item: n item numbers of the version in order of time, oldest first; of more than
 *		UIML_MAX_RECENT the last are kept.  A user without any needs no row.
 */
extern void uiml_sequence_store_add(UimlSequenceStore *store, Datum user, const uint32 *item, size_t n);

/*
 * uiml_sequence_store_end
 *		Writes what is left, drops the rows of users who were not added, and returns the partition, for
 *		UimlSequenceRow.sequences_table.  Late in the transaction: the parent stays locked against VACUUM and
 *		ANALYZE to its end.
 */
extern Oid uiml_sequence_store_end(UimlSequenceStore *store);

/* Deletes the rows of versions of which there is no sequence model any more.  Call as the others. */
extern void uiml_sequence_store_tidy(const UimlDomain *domain);

#endif /* UIML_PG_SEQUENCE_STORE_H */
