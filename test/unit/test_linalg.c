/*
 * test_linalg.c
 *	  Products against plain loops, eigenvectors and orthonormal bases against what defines them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/linalg.h"
#include "core/rng.h"
#include "testenv.h"

static double *
random_matrix(size_t count, uint64_t seed)
{
	double *a = malloc((count > 0 ? count : 1) * sizeof(double));
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < count; i++)
		a[i] = uiml_rng_normal(&rng);
	return a;
}

/* Largest entry of |q'q - I|. */
static double
orthonormality_error(size_t m, size_t n, const double *q)
{
	double worst = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = i; j < n; j++)
		{
			double dot = 0;

			for (size_t r = 0; r < m; r++)
				dot += q[r * n + i] * q[r * n + j];
			worst = fmax(worst, fabs(dot - (i == j)));
		}
	return worst;
}

/* Largest entry of |a - q q'a|: what of a lies outside the span of q. */
static double
outside_span(size_t m, size_t n, const double *a, const double *q)
{
	double worst = 0;

	for (size_t j = 0; j < n; j++)
	{
		double *rest = malloc(m * sizeof(double));

		for (size_t r = 0; r < m; r++)
			rest[r] = a[r * n + j];
		for (size_t i = 0; i < n; i++)
		{
			double dot = 0;

			for (size_t r = 0; r < m; r++)
				dot += q[r * n + i] * a[r * n + j];
			for (size_t r = 0; r < m; r++)
				rest[r] -= dot * q[r * n + i];
		}
		for (size_t r = 0; r < m; r++)
			worst = fmax(worst, fabs(rest[r]));
		free(rest);
	}
	return worst;
}

static void
check_gemm(size_t m, size_t n, size_t k, bool ta, bool tb)
{
	UimlEnv env = uiml_env_malloc();
	double *a = random_matrix(m * k, 1), *b = random_matrix(k * n, 2), *c = random_matrix(m * n, 3);
	float *af = malloc((m * k + 1) * sizeof(float)), *bf = malloc((k * n + 1) * sizeof(float));
	float *cf = malloc(m * n * sizeof(float));
	double *expected = malloc(m * n * sizeof(double));

	for (size_t i = 0; i < m * k; i++)
		af[i] = (float) a[i];
	for (size_t i = 0; i < k * n; i++)
		bf[i] = (float) b[i];
	for (size_t i = 0; i < m * n; i++)
		cf[i] = (float) c[i];
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++)
		{
			double dot = 0;

			for (size_t p = 0; p < k; p++)
				dot += (ta ? a[p * m + i] : a[i * k + p]) * (tb ? b[j * k + p] : b[p * n + j]);
			expected[i * n + j] = 2 * dot + .5 * c[i * n + j];
		}
	assert_int_equal(uiml_gemm_f64(&env, ta, tb, m, n, k, 2, a, b, .5, c), UIML_OK);
	assert_int_equal(uiml_gemm_f32(&env, ta, tb, m, n, k, 2, af, bf, .5, cf), UIML_OK);
	for (size_t i = 0; i < m * n; i++)
	{
		assert_true(fabs(c[i] - expected[i]) < 1e-11 * ((double) k + 1));
		assert_true(fabs(cf[i] - expected[i]) < 1e-3 * sqrt((double) k + 1));
	}
	free(a), free(b), free(c), free(af), free(bf), free(cf), free(expected);
}

static void
test_gemm(void **state)
{
	(void) state;
	for (int t = 0; t < 4; t++)
	{
		check_gemm(7, 5, 9, t & 1, t & 2);
		check_gemm(1, 1, 1, t & 1, t & 2);
		check_gemm(3, 4, 0, t & 1, t & 2);
		check_gemm(91, 97, 15011, t & 1, t & 2); /* cut along k */
		check_gemm(601, 501, 421, t & 1, t & 2); /* cut along m */
	}
}

static void
test_gram(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t m = 2003, n = 300; /* two tiles, more than one block of rows */
	double *a = random_matrix(m * n, 4);
	double *c = malloc(n * n * sizeof(double));

	(void) state;
	assert_int_equal(uiml_gram_f64(&env, m, n, a, c), UIML_OK);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
		{
			double dot = 0;

			for (size_t r = 0; r < m; r++)
				dot += a[r * n + i] * a[r * n + j];
			assert_true(fabs(dot - c[i * n + j]) < 1e-9);
		}
	assert_int_equal(uiml_gram_f64(&env, 0, 3, a, c), UIML_OK);
	assert_true(c[0] == 0 && c[8] == 0);
	free(a), free(c);
}

static void
test_eigh(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t n = 40;
	double *g = random_matrix(n * n, 5), *a = malloc(n * n * sizeof(double));
	double *copy = malloc(n * n * sizeof(double)), *v = malloc(n * n * sizeof(double));
	double value[40];

	(void) state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			copy[i * n + j] = a[i * n + j] = g[i * n + j] + g[j * n + i];
	assert_int_equal(uiml_eigh_f64(&env, n, a, value, v), UIML_OK);
	assert_true(orthonormality_error(n, n, v) < 1e-13);
	for (size_t j = 0; j < n; j++)
	{
		assert_true(j == 0 || value[j] <= value[j - 1]);
		for (size_t i = 0; i < n; i++)
		{
			double av = 0;

			for (size_t p = 0; p < n; p++)
				av += copy[i * n + p] * v[p * n + j];
			assert_true(fabs(av - value[j] * v[i * n + j]) < 1e-11);
		}
	}
	copy[7] = NAN;
	assert_int_equal(uiml_eigh_f64(&env, n, copy, value, v), UIML_ENOTFINITE);
	copy[7] = INFINITY;
	assert_int_equal(uiml_eigh_f64(&env, n, copy, value, v), UIML_ENOTFINITE);
	copy[0] = -3;
	assert_int_equal(uiml_eigh_f64(&env, 1, copy, value, v), UIML_OK);
	assert_true(value[0] == -3 && fabs(v[0]) == 1);
	assert_int_equal(uiml_eigh_f64(&env, 0, copy, value, v), UIML_OK);
	free(g), free(a), free(copy), free(v);
}

/* Orthonormalises a copy in both precisions and checks basis and span. */
static void
check_orthonormalise(size_t m, size_t n, const double *a, double span64, double span32)
{
	UimlEnv env = test_env_counting();
	double *q = malloc(m * n * sizeof(double));
	float *qf = malloc(m * n * sizeof(float));

	memcpy(q, a, m * n * sizeof(double));
	assert_int_equal(uiml_orthonormalise_f64(&env, m, n, q), UIML_OK);
	assert_true(orthonormality_error(m, n, q) < 1e-13);
	assert_true(outside_span(m, n, a, q) <= span64);
	for (size_t i = 0; i < m * n; i++)
		qf[i] = (float) a[i];
	assert_int_equal(uiml_orthonormalise_f32(&env, m, n, qf), UIML_OK);
	for (size_t i = 0; i < m * n; i++)
		q[i] = qf[i];
	assert_true(orthonormality_error(m, n, q) < 1e-6);
	assert_true(outside_span(m, n, a, q) <= span32);
	assert_int_equal(test_env_live(), 0);
	free(q), free(qf);
}

static void
test_orthonormalise(void **state)
{
	size_t m = 3000, n = 24;
	double *a = random_matrix(m * n, 6);

	(void) state;
	check_orthonormalise(m, n, a, 1e-12, 1e-5);
	check_orthonormalise(n, n, a, 1e-12, 1e-4);
	check_orthonormalise(1, 1, a, 1e-15, 1e-7);

	/* columns of very different size: 1e8 to 1e-8 */
	for (size_t i = 0; i < m * n; i++)
		a[i] *= pow(10, 8 - (double) (i % n) * 16 / (double) (n - 1));
	check_orthonormalise(m, n, a, 1e-4, 1e2);
	free(a);
}

/* Nearly parallel columns: an offset of 1e8 beside a spread of 1, condition number about 1e8. */
static void
test_orthonormalise_offset(void **state)
{
	size_t m = 2000, n = 6;
	double *a = random_matrix(m * n, 7);

	(void) state;
	for (size_t i = 0; i < m * n; i++)
		a[i] += 1e8;
	check_orthonormalise(m, n, a, 1e-5, 100);
	free(a);
}

/* Zero, repeated, constant and combined columns: the basis is completed. */
static void
test_orthonormalise_dependent(void **state)
{
	size_t m = 500, n = 8;
	double *a = random_matrix(m * n, 8);

	(void) state;
	for (size_t i = 0; i < m; i++)
	{
		double *row = a + i * n;

		row[1] = row[0];
		row[3] = 0;
		row[4] = row[0] - 2 * row[2];
		row[5] = 1;
		row[6] = -3;
	}
	check_orthonormalise(m, n, a, 1e-12, 1e-5);
	memset(a, 0, m * n * sizeof(double));
	check_orthonormalise(m, n, a, 0, 0);
	check_orthonormalise(n, n, a, 0, 0);
	free(a);
}

static void
test_orthonormalise_extremes(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t m = 50, n = 3;
	double *a = random_matrix(m * n, 9);

	(void) state;
	for (size_t i = 0; i < m; i++)
	{
		a[i * n] *= 1e300;
		a[i * n + 1] *= 1e-310;
	}
	assert_int_equal(uiml_orthonormalise_f64(&env, m, n, a), UIML_OK);
	assert_true(orthonormality_error(m, n, a) < 1e-13);
	assert_int_equal(uiml_orthonormalise_f64(&env, 2, 3, a), UIML_EINVALID);
	assert_int_equal(uiml_orthonormalise_f64(&env, 2, 0, a), UIML_OK);
	a[5] = NAN;
	assert_int_equal(uiml_orthonormalise_f64(&env, m, n, a), UIML_ENOTFINITE);
	a[5] = -INFINITY;
	assert_int_equal(uiml_orthonormalise_f64(&env, m, n, a), UIML_ENOTFINITE);
	free(a);
}

static void
test_limits(void **state)
{
	UimlEnv env = uiml_env_malloc();
	double x = 0;
	float y = 0;
	size_t huge = (size_t) INT32_MAX + 1;

	(void) state;
	assert_int_equal(uiml_gemm_f64(&env, false, false, huge, 1, 1, 1, &x, &x, 0, &x), UIML_ELIMIT);
	assert_int_equal(uiml_gemm_f32(&env, false, false, 1, 1, huge, 1, &y, &y, 0, &y), UIML_ELIMIT);
	assert_int_equal(uiml_gram_f64(&env, huge, 1, &x, &x), UIML_ELIMIT);
	assert_int_equal(uiml_eigh_f64(&env, huge, &x, &x, &x), UIML_ELIMIT);
	assert_int_equal(uiml_orthonormalise_f64(&env, huge, huge, &x), UIML_ELIMIT);
	assert_int_equal(uiml_svd_f64(&env, huge, 1, &x, &x, &x, &x), UIML_ELIMIT);
}

/* u diag(value) v is the matrix again, tall, wide and square, and the values are the same without vectors. */
static void
test_svd(void **state)
{
	static const size_t shape[][2] = {{40, 7}, {7, 40}, {12, 12}, {1, 5}, {5, 1}};
	UimlEnv env = test_env_counting();

	(void) state;
	for (size_t s = 0; s < sizeof(shape) / sizeof(shape[0]); s++)
	{
		size_t m = shape[s][0], n = shape[s][1], r = m < n ? m : n;
		double *a = random_matrix(m * n, 20 + s), *b = malloc(m * n * sizeof(double));
		double *u = malloc(m * r * sizeof(double)), *v = malloc(r * n * sizeof(double));
		double value[12], alone[12];

		memcpy(b, a, m * n * sizeof(double));
		assert_int_equal(uiml_svd_f64(&env, m, n, b, u, value, v), UIML_OK);
		for (size_t i = 0; i < m; i++)
			for (size_t j = 0; j < n; j++)
			{
				double sum = -a[i * n + j];

				for (size_t l = 0; l < r; l++)
					sum += u[i * r + l] * value[l] * v[l * n + j];
				assert_true(fabs(sum) < 1e-12);
			}
		for (size_t k = 0; k < r * r; k++)
		{
			double sum = k / r == k % r ? -1 : 0;

			for (size_t i = 0; i < m; i++)
				sum += u[i * r + k / r] * u[i * r + k % r];
			assert_true(fabs(sum) < 1e-13);
		}
		assert_int_equal(uiml_svd_f64(&env, m, n, a, NULL, alone, NULL), UIML_OK);
		for (size_t l = 0; l < r; l++)
		{
			assert_true(fabs(alone[l] - value[l]) < 1e-12);
			assert_true(l == 0 || value[l] <= value[l - 1]);
		}
		free(a), free(b), free(u), free(v);
	}
	assert_int_equal(test_env_live(), 0);
}

/* Every allocation fails once, every interrupt check stops once. */
static UimlStatus
run_all(const UimlEnv *env)
{
	size_t m = 300, n = 5;
	double *a = random_matrix(m * n, 10), c[25], value[5], v[25], w[25];
	float *f = malloc(m * n * sizeof(float));
	UimlStatus status;

	for (size_t i = 0; i < m * n; i++)
		f[i] = (float) a[i % (2 * n)]; /* rank 2 */
	status = uiml_gram_f64(env, m, n, a, c);
	if (status == UIML_OK)
		status = uiml_gemm_f64(env, true, false, n, n, m, 1, a, a, 0, c);
	if (status == UIML_OK)
		status = uiml_eigh_f64(env, n, c, value, v);
	if (status == UIML_OK)
		status = uiml_orthonormalise_f64(env, m, n, a);
	if (status == UIML_OK)
		status = uiml_svd_f64(env, n, n, c, v, value, w);
	if (status == UIML_OK)
		status = uiml_orthonormalise_f32(env, m, n, f);
	free(a), free(f);
	return status;
}

static void
test_failures(void **state)
{
	(void) state;
	for (int what = 0; what < 2; what++)
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = what == 0 ? test_env_failing_alloc(&countdown) : test_env_interrupting(&countdown);
			UimlStatus status = run_all(&env);

			assert_int_equal(test_env_live(), 0);
			if (status == UIML_OK)
			{
				assert_true(k > 8);
				break;
			}
			assert_int_equal(status, what == 0 ? UIML_ENOMEM : UIML_EINTERRUPTED);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gemm),
		cmocka_unit_test(test_gram),
		cmocka_unit_test(test_eigh),
		cmocka_unit_test(test_orthonormalise),
		cmocka_unit_test(test_orthonormalise_offset),
		cmocka_unit_test(test_orthonormalise_dependent),
		cmocka_unit_test(test_orthonormalise_extremes),
		cmocka_unit_test(test_svd),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("linalg", tests, NULL, NULL);
}
