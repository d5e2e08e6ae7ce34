/*
 * kernels_v4.c
 *	  The kernels for x86-64-v4: AVX-512, sixteen lanes wide.
 */
#include "core/kernels_tables.h"

#ifdef UIML_KERNELS_X86
UIML_TARGET_BEGIN("avx2,fma,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")
#define LANES      16
#define TABLE      uiml_kernels_v4
#define TABLE_NAME "x86-64-v4"
#include "core/kernels_body.h"
UIML_TARGET_END
#endif
