/*
 * module.c
 *	  Loading the library: settings.  OpenBLAS is loaded by the first training (blas.c).
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "pg/blas.h"
#include "pg/env.h"

/* Since 18 pg_get_loaded_modules tells name and version. */
#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "uiml", .version = UIML_VERSION);
#else
PG_MODULE_MAGIC;
#endif

extern PGDLLEXPORT void _PG_init(void);

int uiml_blas_threads = 1;
int uiml_keep_versions = 2;
int uiml_memory_mode = UIML_MEMORY_AUTO;

static const struct config_enum_entry memory_modes[] = {
	{"auto", UIML_MEMORY_AUTO, false},
	{"memory", UIML_MEMORY_ONLY, false},
	{"passes", UIML_MEMORY_PASSES, false},
	{NULL, 0, false},
};

static void
define_settings(void)
{
	DefineCustomIntVariable("uiml.blas_threads",
							"Sets how many threads linear algebra may use during a training call.",
							"Outside of training a backend always has one thread.", &uiml_blas_threads, 1, 1,
							64, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("uiml.keep_versions",
							"Sets how many trained versions of a domain are kept, the active one included.",
							"Older versions are dropped by the next training, once no snapshot needs them.",
							&uiml_keep_versions, 2, 1, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable(
		"uiml.memory_mode", "Sets whether rows are read into memory once, or read again in each pass.",
		"auto reads them into memory where they fit maintenance_work_mem; memory raises "
		"an error where they don't.",
		&uiml_memory_mode, UIML_MEMORY_AUTO, memory_modes, PGC_USERSET, 0, NULL, NULL, NULL);
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved("uiml");
#else
	EmitWarningsOnPlaceholders("uiml");
#endif
}

void
_PG_init(void)
{
	uiml_blas_init();
	define_settings();
}
