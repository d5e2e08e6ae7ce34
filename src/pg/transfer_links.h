/*
 * transfer_links.h
 *	  What a transfer tells of the interests of two domains.
 */
#ifndef UIML_PG_TRANSFER_LINKS_H
#define UIML_PG_TRANSFER_LINKS_H

#include "postgres.h"

#include "pg/overlap.h"
#include "pg/transfer_catalog.h"

/* Whoever did nothing but what is of a source interest does this much more, or less, of a target interest. */
typedef struct UimlLink
{
	int source; /* number of the interest, 0 .. k - 1 */
	int target;
	double share; /* of the target's interest in what he does next */
	double lift;  /* that over the prior */
} UimlLink;

/*
 * uiml_transfer_sides
 *		The active versions of two domains that the caller may predict from, and the transfer between them.
 *
 * OBJECT_NOT_IN_PREREQUISITE_STATE where there is none, INVALID_PARAMETER_VALUE for one domain twice.
 */
extern UimlTransferRow *uiml_transfer_sides(const char *source, const char *target, UimlSide *source_side,
											UimlSide *target_side);

/*
 * uiml_transfer_strongest
 *		Links where the share lies above the prior, strongest first: by what knowing of them is worth, share
 *		log(lift).  At most *n; *n receives how many there are.  None of a transfer that isn't used for
 *		interests.
 */
extern UimlLink *uiml_transfer_strongest(const UimlTransferRow *row, const UimlSide *source,
										 const UimlSide *target, size_t *n);

#endif /* UIML_PG_TRANSFER_LINKS_H */
