/*
 * blas.h
 *	  OpenBLAS inside a backend: its threads, and what it tells about itself.
 *
 * uiml_blas_begin and uiml_blas_end, which training calls, are in pg/env.h.
 */
#ifndef UIML_PG_BLAS_H
#define UIML_PG_BLAS_H

/* Has the threads ended after an error.  Called once, from _PG_init. */
extern void uiml_blas_init(void);

/*
 * uiml_blas_load
 *		Loads OpenBLAS and LAPACKE, once per backend, with signals blocked.  UNDEFINED_FILE where they are not
 *		installed.
 */
extern void uiml_blas_load(void);

/* An entry point of the loaded OpenBLAS, or NULL. */
extern void *uiml_blas_symbol(const char *name);

/* Version and build options, and the kernel chosen for this CPU; NULL where the library doesn't tell. */
extern const char *uiml_blas_config(void);
extern const char *uiml_blas_core(void);

#endif /* UIML_PG_BLAS_H */
