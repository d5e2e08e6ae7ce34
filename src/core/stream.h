/*
 * stream.h
 *	  Bytes that come and go in pieces: files are converted without being held.
 */
#ifndef UIML_STREAM_H
#define UIML_STREAM_H

#include "core/uiml.h"

/*
 * A file to read from anywhere: size bytes.  read copies count bytes from offset on, which lie within it;
 * UIML_OK, UIML_EINTERRUPTED, or UIML_ECORRUPT where they can't be had (the caller knows why).
 */
typedef struct UimlInput
{
	uint64_t size;
	UimlStatus (*read)(void *ctx, uint64_t offset, void *bytes, size_t count);
	void *ctx;
} UimlInput;

/* A file to write from beginning to end. */
typedef struct UimlOutput
{
	UimlStatus (*write)(void *ctx, const void *bytes, size_t count);
	void *ctx;
} UimlOutput;

#endif /* UIML_STREAM_H */
