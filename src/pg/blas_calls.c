/*
 * blas_calls.c
 *	  The calls of the core to BLAS and LAPACKE, passed on to libraries that the first training loads.
 *
 * Were uiml.so linked with OpenBLAS, every connection that predicts would load it: 36 MB, 20,000 relocations
 * each looked up in the thirty libraries of the server, one thread per CPU started and ended again; more than
 * ten times the prediction (test/bench/predict).  Loaded here, with all signals blocked, its threads never
 * run a signal handler either.
 *
 * The functions have the names that core/linalg.c calls and are not exported, so no other library sees them.
 */
#include "postgres.h"

#include <cblas.h>
#include <dlfcn.h>
#include <lapacke.h>
#include <pthread.h>
#include <signal.h>

#include "pg/blas.h"

/* The first that loads is taken; the names without a version come with development packages. */
static const char *const blas_names[] = {"libopenblas.so.0", "libopenblas.so"};
static const char *const lapacke_names[] = {"liblapacke.so.3", "liblapacke.so"};

static void *blas_library = NULL;
static void *lapacke_library = NULL; /* where OpenBLAS doesn't contain LAPACKE */

static struct
{
	typeof(cblas_sgemm) *sgemm;
	typeof(cblas_dgemm) *dgemm;
	typeof(cblas_dgemv) *dgemv;
	typeof(cblas_dscal) *dscal;
	typeof(cblas_dsyrk) *dsyrk;
	typeof(cblas_dtrsm) *dtrsm;
	typeof(LAPACKE_dgesdd_work) *dgesdd_work;
	typeof(LAPACKE_dsyevd_work) *dsyevd_work;
} call;

static void *
load_library(const char *const *name, int n)
{
	void *library = NULL;
	sigset_t all;
	sigset_t saved;

	/* no error may be raised before the mask is back */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	for (int i = 0; i < n && library == NULL; i++)
		library = dlopen(name[i], RTLD_NOW | RTLD_LOCAL);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (library == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE), errmsg("could not load %s", name[0]),
				 errdetail("%s", dlerror()),
				 errhint("Training needs OpenBLAS and LAPACKE (on Debian, the packages libopenblas0 and "
						 "liblapacke).")));
	return library;
}

void *
uiml_blas_symbol(const char *name)
{
	return blas_library != NULL ? dlsym(blas_library, name) : NULL;
}

/*
 * Sets a function pointer; POSIX lets a data pointer from dlsym be one, ISO C wants the detour through
 * memory.
 */
static void
find_call(void *pointer, const char *name)
{
	void *symbol = uiml_blas_symbol(name);

	if (symbol == NULL && lapacke_library != NULL)
		symbol = dlsym(lapacke_library, name);
	if (symbol == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("could not find function \"%s\"", name),
						errdetail("It is neither in OpenBLAS nor in LAPACKE.")));
	memcpy(pointer, &symbol, sizeof(symbol));
}

void
uiml_blas_load(void)
{
	if (blas_library == NULL)
		blas_library = load_library(blas_names, lengthof(blas_names));
	if (call.dsyevd_work != NULL)
		return;
	if (lapacke_library == NULL && uiml_blas_symbol("LAPACKE_dsyevd_work") == NULL)
		lapacke_library = load_library(lapacke_names, lengthof(lapacke_names));
	find_call(&call.sgemm, "cblas_sgemm");
	find_call(&call.dgemm, "cblas_dgemm");
	find_call(&call.dgemv, "cblas_dgemv");
	find_call(&call.dscal, "cblas_dscal");
	find_call(&call.dsyrk, "cblas_dsyrk");
	find_call(&call.dtrsm, "cblas_dtrsm");
	find_call(&call.dgesdd_work, "LAPACKE_dgesdd_work");
	find_call(&call.dsyevd_work, "LAPACKE_dsyevd_work");
}

/* ---------- what the core calls, between uiml_blas_begin and uiml_blas_end ---------- */

void
cblas_sgemm(const enum CBLAS_ORDER order, const enum CBLAS_TRANSPOSE transpose_a,
			const enum CBLAS_TRANSPOSE transpose_b, const blasint m, const blasint n, const blasint k,
			const float alpha, const float *a, const blasint lda, const float *b, const blasint ldb,
			const float beta, float *c, const blasint ldc)
{
	call.sgemm(order, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void
cblas_dgemm(const enum CBLAS_ORDER order, const enum CBLAS_TRANSPOSE transpose_a,
			const enum CBLAS_TRANSPOSE transpose_b, const blasint m, const blasint n, const blasint k,
			const double alpha, const double *a, const blasint lda, const double *b, const blasint ldb,
			const double beta, double *c, const blasint ldc)
{
	call.dgemm(order, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void
cblas_dgemv(const enum CBLAS_ORDER order, const enum CBLAS_TRANSPOSE transpose, const blasint m,
			const blasint n, const double alpha, const double *a, const blasint lda, const double *x,
			const blasint incx, const double beta, double *y, const blasint incy)
{
	call.dgemv(order, transpose, m, n, alpha, a, lda, x, incx, beta, y, incy);
}

void
cblas_dscal(const blasint n, const double alpha, double *x, const blasint incx)
{
	call.dscal(n, alpha, x, incx);
}

void
cblas_dsyrk(const enum CBLAS_ORDER order, const enum CBLAS_UPLO uplo, const enum CBLAS_TRANSPOSE transpose,
			const blasint n, const blasint k, const double alpha, const double *a, const blasint lda,
			const double beta, double *c, const blasint ldc)
{
	call.dsyrk(order, uplo, transpose, n, k, alpha, a, lda, beta, c, ldc);
}

void
cblas_dtrsm(const enum CBLAS_ORDER order, const enum CBLAS_SIDE side, const enum CBLAS_UPLO uplo,
			const enum CBLAS_TRANSPOSE transpose, const enum CBLAS_DIAG diagonal, const blasint m,
			const blasint n, const double alpha, const double *a, const blasint lda, double *b,
			const blasint ldb)
{
	call.dtrsm(order, side, uplo, transpose, diagonal, m, n, alpha, a, lda, b, ldb);
}

lapack_int
LAPACKE_dgesdd_work(int order, char job, lapack_int m, lapack_int n, double *a, lapack_int lda, double *s,
					double *u, lapack_int ldu, double *vt, lapack_int ldvt, double *work, lapack_int lwork,
					lapack_int *iwork)
{
	return call.dgesdd_work(order, job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, iwork);
}

lapack_int
LAPACKE_dsyevd_work(int order, char job, char uplo, lapack_int n, double *a, lapack_int lda, double *w,
					double *work, lapack_int lwork, lapack_int *iwork, lapack_int liwork)
{
	return call.dsyevd_work(order, job, uplo, n, a, lda, w, work, lwork, iwork, liwork);
}
