/*
 * linalg.h
 *	  The only door to BLAS and LAPACK.
 *
 * Large products are cut into blocks of some tens of milliseconds, with env->interrupted asked between them;
 * sizes are range-checked into lapack_int.  All matrices are row-major unless a name says otherwise.
 * Everything here may be called only from training code, never per row or per prediction (OpenBLAS wants 128
 * MB of address space for its first call).
 */
#ifndef UIML_LINALG_H
#define UIML_LINALG_H

#include "core/uiml.h"

/* c (m x n) = alpha * op(a) op(b) + beta * c; transposed operands are stored k x m and n x k. */
extern UimlStatus uiml_gemm_f32(const UimlEnv *env, bool transpose_a, bool transpose_b, size_t m, size_t n,
								size_t k, float alpha, const float *a, const float *b, float beta, float *c);
extern UimlStatus uiml_gemm_f64(const UimlEnv *env, bool transpose_a, bool transpose_b, size_t m, size_t n,
								size_t k, double alpha, const double *a, const double *b, double beta,
								double *c);

/* c (n x n, both triangles) = a' a with a m x n. */
extern UimlStatus uiml_gram_f64(const UimlEnv *env, size_t m, size_t n, const double *a, double *c);

/* c += a' a, of its upper triangle; the lower one is left alone. */
extern UimlStatus uiml_gram_add_f64(const UimlEnv *env, size_t m, size_t n, const double *a, double *c);

/*
 * Eigenvalues (falling) and eigenvectors (columns of vectors, n x n row-major) of a symmetric matrix; a is
 * destroyed.  UIML_ENOTFINITE for NaN or infinity in a.
 */
extern UimlStatus uiml_eigh_f64(const UimlEnv *env, size_t n, double *a, double *value, double *vectors);

/*
 * Thin singular value decomposition a = u diag(value) v of a matrix (m x n); a is destroyed.  r = min(m, n):
 * u is m x r with orthonormal columns, value (r) falls, v is r x n with orthonormal rows; u and v may both be
 * NULL.  UIML_ENOTFINITE for NaN or infinity in a.  One call that can't be interrupted: some 20 m n r
 * operations.
 */
extern UimlStatus uiml_svd_f64(const UimlEnv *env, size_t m, size_t n, double *a, double *u, double *value,
							   double *v);

/* Replaces a (m x n, m >= n, row-major) by an orthonormal basis of its columns. */
extern UimlStatus uiml_orthonormalise_f64(const UimlEnv *env, size_t m, size_t n, double *a);
extern UimlStatus uiml_orthonormalise_f32(const UimlEnv *env, size_t m, size_t n, float *a);

#endif /* UIML_LINALG_H */
