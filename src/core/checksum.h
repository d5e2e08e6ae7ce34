/*
 * checksum.h
 *	  A checksum of flat bytes, some gigabytes a second.
 *
 * It guards against torn writes and rotting disks, not against forgery.  Each step is a bijection of the
 * state and of the word read, so a change within one 8-byte word is always noticed.  Multiplication alone
 * would carry differences upwards only, and two flipped sign bits could cancel: hence the rotation.
 */
#ifndef UIML_CHECKSUM_H
#define UIML_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Continues from state (0 at the start) over size bytes, a multiple of 8, read as little-endian words. */
extern uint64_t uiml_checksum(uint64_t state, const void *data, size_t size);

/* Of a block whose header, of header_size bytes, ends in its checksum: of all the other bytes. */
extern uint64_t uiml_checksum_block(const void *data, size_t size, size_t header_size);

#endif /* UIML_CHECKSUM_H */
