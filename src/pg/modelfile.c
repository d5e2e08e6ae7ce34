/*
 * modelfile.c
 *	  Files of a language model for its conversion.
 *
 * Files of the server are read by pread and never mapped: one that somebody truncates meanwhile is an error, not
 * a SIGBUS.  They are opened without waiting, since opening a FIFO waits for a writer, and must be regular.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/detoast.h"
#include "common/cryptohash.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"

#include "pg/modelfile.h"

/* Read between two looks for a cancel. */
#define READ_CHUNK ((Size) 1024 * 1024)

/* ---------- files of the server ---------- */

static bool
interrupted(void)
{
	return InterruptPending && (QueryCancelPending || ProcDiePending);
}

/* UimlInput.read */
static UimlStatus
read_file(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	UimlModelInput *file = ctx;
	char *to = bytes;

	while (count > 0)
	{
		ssize_t n;

		if (interrupted())
			return UIML_EINTERRUPTED;
		n = pread(file->fd, to, Min(count, READ_CHUNK), (off_t) offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			file->error = n < 0 ? errno : 0;
			file->failed = true;
			return UIML_ECORRUPT;
		}
		to += n;
		offset += (uint64_t) n;
		count -= (size_t) n;
	}
	return UIML_OK;
}

/* What tells that a file is still the one that was opened. */
static void
note_state(const UimlModelInput *file, struct stat *status)
{
	if (fstat(file->fd, status) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not stat file \"%s\": %m", file->path)));
}

bool
uiml_modelfile_open_if_there(UimlModelInput *file, const char *path)
{
	struct stat status;

	*file = (UimlModelInput){.path = pstrdup(path)};
	file->fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | PG_BINARY);
	if (file->fd < 0 && errno == ENOENT)
		return false;
	if (file->fd < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path)));
	note_state(file, &status);
	if (!S_ISREG(status.st_mode))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a regular file", path)));
	file->size = (int64) status.st_size;
	file->changed = (int64) status.st_mtim.tv_sec;
	file->changed_ns = (int64) status.st_mtim.tv_nsec;
	file->input = (UimlInput){.size = (uint64_t) status.st_size, .read = read_file, .ctx = file};
	return true;
}

void
uiml_modelfile_close(UimlModelInput *file)
{
	if (file->path != NULL && file->fd >= 0)
		CloseTransientFile(file->fd);
	file->fd = -1;
}

void
uiml_modelfile_check(const UimlModelInput *file)
{
	struct stat status;

	if (file->failed && file->error != 0)
	{
		errno = file->error;
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not read file \"%s\": %m", file->path)));
	}
	if (file->path == NULL)
		return;
	note_state(file, &status);
	if (file->failed || (int64) status.st_size != file->size ||
		(int64) status.st_mtim.tv_sec != file->changed || (int64) status.st_mtim.tv_nsec != file->changed_ns)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("file \"%s\" changed while it was read", file->path)));
}

/* ---------- bytea ---------- */

/* UimlInput.read */
static UimlStatus
read_bytes(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	const UimlModelInput *file = ctx;

	memcpy(bytes, file->bytes + offset, count);
	return UIML_OK;
}

/* UimlInput.read, of a value out of line: the slice comes from its chunks alone. */
static UimlStatus
read_slices(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	const UimlModelInput *file = ctx;
	char *to = bytes;

	while (count > 0)
	{
		Size wanted = Min(count, READ_CHUNK);
		struct varlena *slice = detoast_attr_slice(file->value, (int32) offset, (int32) wanted);
		Size n = VARSIZE_ANY_EXHDR(slice);

		if (n != wanted)
			return UIML_ECORRUPT;
		memcpy(to, VARDATA_ANY(slice), n);
		pfree(slice);
		to += n;
		offset += n;
		count -= n;
	}
	return UIML_OK;
}

static bool
is_sliceable(const struct varlena *value)
{
	struct varatt_external pointer;

	if (!VARATT_IS_EXTERNAL_ONDISK(value))
		return false;
	VARATT_EXTERNAL_GET_POINTER(pointer, value);
	return (int32) VARATT_EXTERNAL_GET_EXTSIZE(pointer) == pointer.va_rawsize - VARHDRSZ;
}

void
uiml_modelfile_of_bytea(UimlModelInput *file, struct varlena *value)
{
	*file = (UimlModelInput){.fd = -1, .value = value};
	file->input.ctx = file;
	if (is_sliceable(value))
	{
		file->input.size = toast_raw_datum_size(PointerGetDatum(value)) - VARHDRSZ;
		file->input.read = read_slices;
		return;
	}
	value = pg_detoast_datum_packed(value);
	file->bytes = VARDATA_ANY(value);
	file->input.size = VARSIZE_ANY_EXHDR(value);
	file->input.read = read_bytes;
}

/* ---------- both ---------- */

/* Reads where nothing of the core is under way. */
static void
read_all(UimlModelInput *file, uint64 offset, char *bytes, Size count)
{
	UimlStatus status = file->input.read(file->input.ctx, offset, bytes, count);

	CHECK_FOR_INTERRUPTS();
	if (status == UIML_OK)
		return;
	uiml_modelfile_check(file);
	elog(ERROR, "could not read a piece of %zu bytes", count);
}

char *
uiml_modelfile_whole(UimlModelInput *file, const char *name, Size most)
{
	Size size = (Size) file->input.size;
	char *bytes;

	if (file->input.size > most)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("%s is too large", name),
						errdetail("It has %llu bytes, and at most %zu are read.",
								  (unsigned long long) file->input.size, most)));
	bytes = MemoryContextAllocHuge(CurrentMemoryContext, Max(size, 1));
	read_all(file, 0, bytes, size);
	return bytes;
}

char *
uiml_modelfile_sha256(UimlModelInput *file)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char *piece = palloc(READ_CHUNK);
	char *text = palloc(2 * sizeof(digest) + 1);
	bool hashed = hash != NULL && pg_cryptohash_init(hash) >= 0;

	for (uint64 at = 0; hashed && at < file->input.size; at += READ_CHUNK)
	{
		Size n = (Size) Min((uint64) READ_CHUNK, file->input.size - at);

		read_all(file, at, piece, n);
		hashed = pg_cryptohash_update(hash, (const uint8 *) piece, n) >= 0;
	}
	if (!hashed || pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute a SHA-256 hash");
	pg_cryptohash_free(hash);
	pfree(piece);
	text[hex_encode((const char *) digest, sizeof(digest), text)] = '\0';
	return text;
}
