/*
 * kernels_tables.h
 *	  The tables of kernels.c's dispatch, and how a file is compiled for an instruction set.
 */
#ifndef UIML_KERNELS_TABLES_H
#define UIML_KERNELS_TABLES_H

#include "core/kernels.h"

/* Inside the library only, so that reading one needs no indirection. */
#define UIML_KERNELS_TABLE extern const UimlKernels __attribute__((visibility("hidden")))

UIML_KERNELS_TABLE uiml_kernels_portable;

#if defined(__x86_64__) && defined(__GNUC__)
#define UIML_KERNELS_X86
UIML_KERNELS_TABLE uiml_kernels_v3;
UIML_KERNELS_TABLE uiml_kernels_v4;
#endif

/*
 * Between these, functions are compiled for a list of features.  By pragmas and not by compiler flags: then
 * no build of these files, here or in another build system, can leave them out.
 */
#define UIML_PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define UIML_TARGET_BEGIN(features)                                                                          \
	UIML_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define UIML_TARGET_END UIML_PRAGMA(clang attribute pop)
#else
#define UIML_TARGET_BEGIN(features)                                                                          \
	UIML_PRAGMA(GCC push_options)                                                                            \
	UIML_PRAGMA(GCC target(features))
#define UIML_TARGET_END UIML_PRAGMA(GCC pop_options)
#endif

#endif /* UIML_KERNELS_TABLES_H */
