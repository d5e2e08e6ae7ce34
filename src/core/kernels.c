/*
 * kernels.c
 *	  Which kernels this processor runs.
 *
 * __builtin_cpu_supports tests bits that libgcc (or compiler-rt) set when the library was loaded, of what the
 * processor has and the operating system saves.
 */
#include "core/kernels.h"

#include "core/kernels_tables.h"

#ifdef UIML_KERNELS_X86

static inline bool
runs_v3(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static inline bool
runs_v4(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		   __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
		   __builtin_cpu_supports("avx512vl") && runs_v3();
}

const UimlKernels *
uiml_kernels(void)
{
	return runs_v4() ? &uiml_kernels_v4 : runs_v3() ? &uiml_kernels_v3 : &uiml_kernels_portable;
}

const UimlKernels *
uiml_kernels_variant(size_t i)
{
	switch (i)
	{
		case 0:
			return &uiml_kernels_portable;
		case 1:
			return runs_v3() ? &uiml_kernels_v3 : NULL;
		case 2:
			return runs_v4() ? &uiml_kernels_v4 : NULL;
		default:
			return NULL;
	}
}

#else

const UimlKernels *
uiml_kernels(void)
{
	return &uiml_kernels_portable;
}

const UimlKernels *
uiml_kernels_variant(size_t i)
{
	return i == 0 ? &uiml_kernels_portable : NULL;
}

#endif
