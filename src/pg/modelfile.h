/*
 * modelfile.h
 *	  Files of a language model for its conversion: on the server, or passed as bytea.
 */
#ifndef UIML_PG_MODELFILE_H
#define UIML_PG_MODELFILE_H

#include "postgres.h"

#include "common/sha2.h"

#include "core/stream.h"
#include "pg/compat.h"

/*
 * A file that is read in pieces; input is for the core.  No piece is mapped, and a read that fails leaves its
 * reason here, since the core may not be left by an error.
 */
typedef struct UimlModelInput
{
	UimlInput input;
	char *path; /* NULL: a bytea */
	int fd;
	int error; /* errno of a read; 0: none, or the file ended early */
	bool failed;
	int64 size;    /* of the file, and when it was changed last, as it was opened */
	int64 changed; /* seconds since 1970 */
	int64 changed_ns;
	struct varlena *value; /* as it was passed */
	const char *bytes;     /* where the value is in memory as a whole, else NULL */
} UimlModelInput;

/*
 * uiml_modelfile_open_if_there
 *		A regular file of the server; false where there is none.  WRONG_OBJECT_TYPE for what isn't a regular one,
 *		file access errors.  Close it in the same transaction; an error closes it, too.
 */
extern bool uiml_modelfile_open_if_there(UimlModelInput *file, const char *path);
extern void uiml_modelfile_close(UimlModelInput *file);

/*
 * A bytea; one that lies in a table uncompressed is read in slices, and any other stays where it is or is
 * copied once.
 */
extern void uiml_modelfile_of_bytea(UimlModelInput *file, struct varlena *value);

/* All of a file that has at most so many bytes, else PROGRAM_LIMIT_EXCEEDED; name is for the message. */
extern char *uiml_modelfile_whole(UimlModelInput *file, const char *name, Size most);

/* The SHA-256 of its bytes in hexadecimal. */
extern char *uiml_modelfile_sha256(UimlModelInput *file);

/* Raises why a read failed, or that the file changed since it was opened; returns where neither is so. */
extern void uiml_modelfile_check(const UimlModelInput *file);

#endif /* UIML_PG_MODELFILE_H */
