/*
 * userpack.h
 *	  The events of one user as bytes: a row of a work table, read once in each pass over the users.
 */
#ifndef UIML_USERPACK_H
#define UIML_USERPACK_H

#include "core/interactions.h"

/*
 * The binary form, little-endian: magic "uvev", uint16 version 1, uint16 flags, uint32 length of all, uint32
 * number of events; then for each event, all of them in one array after the other, uint32 item, float4 weight
 * and, with the flag, float8 time.  Events are in the order of uiml_events_sort_user.
 */
#define UIML_USERPACK_HEADER 16
#define UIML_USERPACK_TIMES  1 /* flag: there are times; without it all are 0 */

/* Bytes of n events. */
extern size_t uiml_userpack_size(size_t n, bool has_time);

extern void uiml_userpack_write(const UimlEvent *events, size_t n, bool has_time, void *bytes);

/*
 * uiml_userpack_count
 *		Checks the head against the length and tells the number of events.  Returns UIML_OK or UIML_ECORRUPT.
 */
extern UimlStatus uiml_userpack_count(const void *bytes, size_t length, size_t *n);

/*
 * uiml_userpack_read
 *		Reads n events of bytes whose head has been checked, as those of a user.
 *
 * Returns UIML_OK; UIML_ECORRUPT when they are not sorted, a time is not finite, or a weight is not finite
 * and above 0.
 */
extern UimlStatus uiml_userpack_read(const void *bytes, size_t n, uint32_t user, UimlEvent *events);

#endif /* UIML_USERPACK_H */
