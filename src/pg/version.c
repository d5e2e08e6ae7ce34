/*
 * version.c
 *	  What a DBA asks first: which versions run here, and how many threads a backend has.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/kernels.h"
#include "pg/blas.h"
#include "pg/env.h"

#define TASK_DIRECTORY "/proc/self/task"

/* Threads of this process, or -1 where the system doesn't show them. */
static int
count_threads(void)
{
	DIR *dir = AllocateDir(TASK_DIRECTORY);
	struct dirent *entry;
	int threads = 0;

	if (dir == NULL)
		return -1;
	while ((entry = ReadDirExtended(dir, TASK_DIRECTORY, LOG)) != NULL)
		if (entry->d_name[0] != '.')
			threads++;
	FreeDir(dir);
	return threads;
}

/* A text value, or NULL for a NULL pointer. */
static void
set_text(Datum *value, bool *null, const char *text)
{
	*null = text == NULL;
	*value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

PG_FUNCTION_INFO_V1(uiml_version);

Datum
uiml_version(PG_FUNCTION_ARGS)
{
	TupleDesc desc;
	Datum values[7];
	bool nulls[7] = {false};
	int threads = count_threads();

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	set_text(&values[0], &nulls[0], UIML_VERSION);
	set_text(&values[1], &nulls[1], GetConfigOption("server_version", false, false));
	set_text(&values[2], &nulls[2], uiml_blas_config());
	set_text(&values[3], &nulls[3], uiml_blas_core());
	values[4] = Int32GetDatum(uiml_blas_threads);
	values[5] = Int32GetDatum(threads);
	nulls[5] = threads < 0;
	set_text(&values[6], &nulls[6], uiml_kernels()->name);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
