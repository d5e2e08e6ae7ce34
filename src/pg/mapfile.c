/*
 * mapfile.c
 *	  Large read-only state, derived from tables, in files that all backends map.
 *
 * A hundred connections that need it share one copy in the page cache.  The file is derived data: whoever
 * doesn't find it builds it from the tables and publishes it by rename, on a standby too, since a file
 * writes no WAL.  Its directory carries the prefix of temporary files, so base backups and pg_rewind
 * leave it out and the server removes it, with all that is in it, when it starts.  That is why no fsync is
 * needed: a file whose pages a crash of the machine has lost is gone before anybody can open it.
 *
 * Trust.  A mapped file that somebody truncates is a SIGBUS, which restarts the server; so only this file is
 * ever mapped, which nobody but the server's own user can touch and which no code changes after its rename.
 * Size and structure are checked at each mapping, so no access leaves the bytes.  The checksum is verified
 * before a file is published, and again at each mapping up to VERIFIED_SIZE: 0.7 ms for 2 MB, but 42 ms for
 * 100 MB, which a new connection should not pay.
 *
 * The name says database, relation and digest of the contents: neither a new version nor a restored database
 * can find another's file.  Whoever may read what it is built from would build the same bytes; so sharing
 * them gives nothing away, and each caller checks that right before it asks for the file.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "common/file_utils.h" /* since 17 the names of temporary files, before that storage/fd.h */
#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg/env.h"
#include "pg/mapfile.h"
#include "pg/served.h"

#define CACHE_PARENT    "base/" PG_TEMP_FILES_DIR
#define CACHE_DIRECTORY CACHE_PARENT "/" PG_TEMP_FILE_PREFIX "_uiml"

/* A backend keeps this many mappings, or as many as one transaction uses. */
#define KEPT_MAPPINGS 8

/* Files up to this size have their checksum verified at each mapping. */
#define VERIFIED_SIZE ((size_t) 8 * 1024 * 1024)

/* Written between two looks for a cancel. */
#define WRITE_CHUNK ((size_t) 8 * 1024 * 1024)

/* field4 of our lock tag; pg_advisory_lock uses 1 and 2. */
#define LOCKTAG_CLASS 0x756D

/*
 * Where a file can't be written, backends have copies of their own up to this size.  A hundred connections with a
 * gigabyte each would take the memory of the whole server for one full disk.
 */
#define PRIVATE_SIZE ((Size) 256 * 1024 * 1024)

/* Left over by a backend that was killed while it wrote, when older than this. */
#define ABANDONED_SECONDS 3600

typedef struct Mapping
{
	dlist_node node;
	const UimlMapKind *kind;
	Oid relation;
	int64 digest;
	char suffix[UIML_MAP_SUFFIX];
	char *address; /* NULL: not mapped but a copy in context */
	size_t size;
	bool refused; /* the file that was mapped last was whole, and not what check wants */
	void *view;
	uint64 transaction; /* that used it last */
	MemoryContext context;
} Mapping;

/* Least recently used first. */
static dlist_head mappings = DLIST_STATIC_INIT(mappings);
static int n_mappings = 0;

/* ---------- mappings ---------- */

static Mapping *
mapping_new(const UimlMapKind *kind, const UimlMapKey *key)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "uiml mapping", ALLOCSET_SMALL_SIZES);
	Mapping *mapping = MemoryContextAllocZero(context, sizeof(Mapping));

	mapping->context = context;
	mapping->kind = kind;
	mapping->relation = key->relation;
	mapping->digest = key->digest;
	strlcpy(mapping->suffix, key->suffix, sizeof(mapping->suffix));
	mapping->view = MemoryContextAllocZero(context, kind->view_size);
	return mapping;
}

/* From here on the mapping belongs to the backend, and no longer to the call that made it. */
static void
mapping_keep(Mapping *mapping)
{
	MemoryContextSetParent(mapping->context, TopMemoryContext);
	dlist_push_tail(&mappings, &mapping->node);
	n_mappings++;
}

static void
mapping_forget(Mapping *mapping)
{
	dlist_delete(&mapping->node);
	n_mappings--;
	if (mapping->address != NULL && munmap(mapping->address, mapping->size) != 0)
		elog(LOG, "could not unmap %s: %m", mapping->kind->noun);
	MemoryContextDelete(mapping->context);
}

static Mapping *
mapping_find(const UimlMapKind *kind, const UimlMapKey *key, const void *ctx)
{
	dlist_iter iter;

	dlist_foreach(iter, &mappings)
	{
		Mapping *mapping = dlist_container(Mapping, node, iter.cur);

		/* the catalog's numbers may have been written by hand since the file was checked against them */
		if (mapping->kind == kind && mapping->relation == key->relation && mapping->digest == key->digest &&
			strcmp(mapping->suffix, key->suffix) == 0 && kind->fits(mapping->view, ctx))
			return mapping;
	}
	return NULL;
}

/*
 * Marks as used now, and gives back those that were not used for longest, except what this transaction uses.
 */
static void
mapping_touch(Mapping *mapping)
{
	dlist_mutable_iter iter;

	mapping->transaction = uiml_transaction_number();
	dlist_delete(&mapping->node);
	dlist_push_tail(&mappings, &mapping->node);
	if (n_mappings <= KEPT_MAPPINGS)
		return;
	dlist_foreach_modify(iter, &mappings)
	{
		Mapping *other = dlist_container(Mapping, node, iter.cur);

		if (n_mappings > KEPT_MAPPINGS && other->transaction != uiml_transaction_number())
			mapping_forget(other);
	}
}

/* ---------- files ---------- */

static void
file_path(char *path, const Mapping *mapping, bool temporary)
{
	uint64 digest = (uint64) mapping->digest;
	int length = snprintf(path, MAXPGPATH, CACHE_DIRECTORY "/%u-%u-%08x%08x", MyDatabaseId, mapping->relation,
						  (uint32) (digest >> 32), (uint32) digest);

	if (temporary)
		snprintf(path + length, MAXPGPATH - length, ".%d.tmp", MyProcPid);
	else
		snprintf(path + length, MAXPGPATH - length, ".%s", mapping->suffix);
}

/* Whether the bytes mapped are what they should be; what check raises leaves nothing mapped. */
static bool
mapping_check(const Mapping *mapping, void *address, bool verify, const void *ctx)
{
	bool right = false;

	PG_TRY();
	{
		right = mapping->kind->check(address, mapping->size, verify || mapping->size <= VERIFIED_SIZE,
									 mapping->view, ctx);
	}
	PG_CATCH();
	{
		munmap(address, mapping->size);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return right;
}

/*
 * Maps a file; false where there is none, or none that is whole.  Raises an error where there is no room for it
 * in the address space, as there would be none for a copy.
 */
static bool
mapping_map(Mapping *mapping, const char *path, bool verify, const void *ctx)
{
	int fd = OpenTransientFile(path, O_RDONLY | O_NOFOLLOW | PG_BINARY);
	struct stat status;
	void *address = MAP_FAILED;

	mapping->refused = false;
	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
	{
		mapping->size = (size_t) status.st_size;
		address = mmap(NULL, mapping->size, PROT_READ, MAP_SHARED, fd, 0);
		if (address == MAP_FAILED && errno == ENOMEM)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not map file \"%s\": %m", path),
							errdetail("It has %zu bytes.", mapping->size)));
	}
	CloseTransientFile(fd);
	if (address == MAP_FAILED)
		return false;
	if (!mapping_check(mapping, address, verify, ctx))
	{
		munmap(address, mapping->size);
		mapping->refused = true;
		return false;
	}
	mapping->address = address;
	return true;
}

/* The two directories; false with errno where they can't be made. */
static bool
make_directory(void)
{
	if (MakePGDirectory(CACHE_PARENT) != 0 && errno != EEXIST)
		return false;
	return MakePGDirectory(CACHE_DIRECTORY) == 0 || errno == EEXIST;
}

/*
 * Removes files of databases and relations that are no more, and what a killed backend left half-written.  A
 * file removed while somebody maps it lives on until it is unmapped.
 */
static void
sweep_directory(const UimlMapKind *kind)
{
	DIR *directory = AllocateDir(CACHE_DIRECTORY);
	struct dirent *entry;

	while (directory != NULL && (entry = ReadDirExtended(directory, CACHE_DIRECTORY, LOG)) != NULL)
	{
		char path[MAXPGPATH];
		struct stat status;
		Oid database;
		Oid relation;
		bool gone;
		const char *suffix = strchr(entry->d_name, '.');

		if (sscanf(entry->d_name, "%u-%u-", &database, &relation) != 2 || suffix == NULL)
			continue;
		snprintf(path, sizeof(path), CACHE_DIRECTORY "/%s", entry->d_name);
		if (database == MyDatabaseId)
			gone = !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)) ||
				   (kind->gone != NULL && kind->gone(relation, suffix + 1));
		else
			gone = !SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database));
		if (!gone && strstr(entry->d_name, ".tmp") != NULL)
			gone = stat(path, &status) == 0 && time(NULL) - status.st_mtime > ABANDONED_SECONDS;
		if (gone && unlink(path) != 0 && errno != ENOENT)
			ereport(LOG, (errcode_for_file_access(), errmsg("could not remove file \"%s\": %m", path)));
	}
	if (directory != NULL)
		FreeDir(directory);
}

/* ---------- building ---------- */

struct UimlMapWriter
{
	int fd;      /* -1: into memory */
	char *bytes; /* size of them, in context */
	MemoryContext context;
	Size size;
	Size at;
	int error; /* errno of the file's first failure, after which its bytes are dropped; 0: none */
};

void
uiml_mapfile_begin(UimlMapWriter *writer, Size size)
{
	writer->size = size;
	if (writer->fd >= 0)
		return;
	if (size > PRIVATE_SIZE)
	{
		errno = writer->error;
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not write a file of %zu bytes: %m", size),
						errdetail("Connections share it; without it each would take that much memory."),
						errhint("It belongs into directory \"%s\".", CACHE_DIRECTORY)));
	}
	writer->bytes = MemoryContextAllocHuge(writer->context, size);
}

/* One piece of at most WRITE_CHUNK bytes. */
static Size
write_piece(UimlMapWriter *writer, const char *bytes, Size size)
{
	ssize_t written = write(writer->fd, bytes, size);

	if (written > 0)
		return (Size) written;
	if (written == 0 || errno != EINTR)
		writer->error = written == 0 ? ENOSPC : errno;
	return 0;
}

void
uiml_mapfile_write(UimlMapWriter *writer, const void *bytes, Size size)
{
	const char *piece = bytes;

	if (size > writer->size - writer->at)
		elog(ERROR, "more bytes than were announced");
	writer->at += size;
	if (writer->fd < 0)
		memcpy(writer->bytes + (writer->at - size), bytes, size);
	while (writer->fd >= 0 && size > 0 && writer->error == 0)
	{
		Size written = write_piece(writer, piece, Min(size, WRITE_CHUNK));

		CHECK_FOR_INTERRUPTS();
		piece += written;
		size -= written;
	}
}

/* Runs build in a context of its own. */
static void
run_build(const Mapping *mapping, const void *ctx, UimlMapWriter *writer)
{
	MemoryContext context = AllocSetContextCreate(mapping->context, "uiml build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	mapping->kind->build(ctx, writer);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	if (writer->at != writer->size)
		elog(ERROR, "fewer bytes than were announced");
}

/* At an error and at a termination. */
static void
remove_file(int code, Datum path)
{
	(void) code;
	(void) unlink(DatumGetCString(path));
}

/* Builds into a new file.  False with errno where it can't be written. */
static bool
write_file(const Mapping *mapping, const char *path, const void *ctx)
{
	UimlMapWriter writer = {0};

	(void) unlink(path);
	writer.fd = OpenTransientFilePerm(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | PG_BINARY,
									  pg_file_create_mode);
	if (writer.fd < 0)
		return false;
	run_build(mapping, ctx, &writer);
	if (CloseTransientFile(writer.fd) != 0 && writer.error == 0)
		writer.error = errno;
	errno = writer.error;
	return writer.error == 0;
}

/*
 * Builds the file, verifies what was written, and gives it its name; what is raised meanwhile leaves no file.  False
 * where that failed (errno in error), or what was built is not what it should be.
 */
static bool
mapping_publish(Mapping *mapping, const void *ctx, int *error)
{
	char temporary[MAXPGPATH];
	char path[MAXPGPATH];
	bool written;
	bool mapped;

	file_path(temporary, mapping, true);
	file_path(path, mapping, false);
	PG_ENSURE_ERROR_CLEANUP(remove_file, CStringGetDatum(temporary));
	{
		written = make_directory() && write_file(mapping, temporary, ctx);
		mapped = written && mapping_map(mapping, temporary, true, ctx);
	}
	PG_END_ENSURE_ERROR_CLEANUP(remove_file, CStringGetDatum(temporary));
	if (mapped)
	{
		if (rename(temporary, path) == 0)
			return true;
		written = false;
		munmap(mapping->address, mapping->size);
		mapping->address = NULL;
	}
	*error = errno;
	if (!written)
		ereport(LOG,
				(errcode_for_file_access(), errmsg("could not write file \"%s\": %m", path),
				 errdetail("Up to %zu MB the backend uses a copy of its own.", PRIVATE_SIZE / 1024 / 1024)));
	(void) unlink(temporary);
	return false;
}

/*
 * Builds the bytes, publishes the file and maps it; keeps a private copy, and returns false, where the file
 * can't be written.  What was written and is refused would be refused once more: its owner chooses how large it
 * is, and no memory is taken for it.
 */
static bool
mapping_build(Mapping *mapping, const void *ctx)
{
	UimlMapWriter writer = {.fd = -1, .context = mapping->context};

	if (mapping_publish(mapping, ctx, &writer.error))
		return true;
	CHECK_FOR_INTERRUPTS();
	if (!mapping->refused)
	{
		run_build(mapping, ctx, &writer);
		if (mapping->kind->check(writer.bytes, writer.size, true, mapping->view, ctx))
			return false;
	}
	if (mapping->kind->corrupt != NULL)
		mapping->kind->corrupt(ctx);
	elog(ERROR, "%s do not fit the catalog", mapping->kind->noun);
}

/*
 * Maps the file, after building it where needed: by one backend at a time, the others wait and map what it
 * made.
 */
static Mapping *
mapping_open(const UimlMapKind *kind, const UimlMapKey *key, const void *ctx)
{
	Mapping *mapping = mapping_new(kind, key);
	bool published = false;
	char path[MAXPGPATH];
	LOCKTAG tag;

	file_path(path, mapping, false);
	if (!mapping_map(mapping, path, false, ctx))
	{
		if (mapping->refused)
			ereport(LOG, (errmsg("file \"%s\" is damaged and will be rebuilt", path)));
		SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, key->relation, (uint32) key->digest, LOCKTAG_CLASS);
		(void) LockAcquire(&tag, ExclusiveLock, false, false);
		if (!mapping_map(mapping, path, false, ctx))
			published = mapping_build(mapping, ctx);
		LockRelease(&tag, ExclusiveLock, false);
	}
	mapping_keep(mapping);
	if (published)
		sweep_directory(kind);
	return mapping;
}

const void *
uiml_mapfile_open(const UimlMapKind *kind, const UimlMapKey *key, const void *ctx)
{
	Mapping *mapping = mapping_find(kind, key, ctx);

	if (mapping == NULL)
		mapping = mapping_open(kind, key, ctx);
	mapping_touch(mapping);
	return mapping->view;
}
