/*
 * kernels_v3.c
 *	  The kernels for x86-64-v3: AVX2 and FMA, eight lanes wide.
 */
#include "core/kernels_tables.h"

#ifdef UIML_KERNELS_X86
UIML_TARGET_BEGIN("avx2,fma")
#define LANES      8
#define TABLE      uiml_kernels_v3
#define TABLE_NAME "x86-64-v3"
#include "core/kernels_body.h"
UIML_TARGET_END
#endif
