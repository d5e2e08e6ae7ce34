/*
 * kernels_portable.c
 *	  The kernels for any processor, four lanes wide.
 */
#include "core/kernels_tables.h"

#define LANES 4
#define TABLE uiml_kernels_portable
#ifdef __aarch64__
#define TABLE_NAME "neon"
#else
#define TABLE_NAME "portable"
#endif
#include "core/kernels_body.h"
