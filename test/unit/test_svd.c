/*
 * test_svd.c
 *	  The randomised decomposition against matrices whose singular vectors are known, and at the edges.
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
#include "core/svd.h"
#include "testenv.h"

/* A dense matrix as a sparse one; zeros become missing entries. */
static UimlSparse
sparse_of(size_t n_rows, size_t n_cols, const double *dense)
{
	UimlSparse x = {.n_rows = n_rows, .n_cols = n_cols};
	size_t n = 0;

	x.row_start = malloc((n_rows + 1) * sizeof(size_t));
	x.col = malloc((n_rows * n_cols + 1) * sizeof(uint32_t));
	x.value = malloc((n_rows * n_cols + 1) * sizeof(float));
	for (size_t r = 0; r < n_rows; r++)
	{
		x.row_start[r] = n;
		for (size_t c = 0; c < n_cols; c++)
			if (dense[r * n_cols + c] != 0)
			{
				x.col[n] = (uint32_t) c;
				x.value[n++] = (float) dense[r * n_cols + c];
			}
	}
	x.row_start[n_rows] = n;
	return x;
}

static void
sparse_free(UimlSparse *x)
{
	free(x->row_start);
	free(x->col);
	free(x->value);
}

/* About share of the entries, counts from 1 up. */
static UimlSparse
random_sparse(size_t n_rows, size_t n_cols, double share, uint64_t seed)
{
	double *dense = calloc(n_rows * n_cols, sizeof(double));
	UimlSparse x;
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t i = 0; i < n_rows * n_cols; i++)
		if (uiml_rng_uniform(&rng) < share)
			dense[i] = 1 + (double) uiml_rng_below(&rng, 3);
	x = sparse_of(n_rows, n_cols, dense);
	free(dense);
	return x;
}

typedef struct Result
{
	float *v;
	float *factor;
	double *sigma;
	double explained;
	UimlStatus status;
} Result;

static Result
run(const UimlEnv *env, const UimlSparse *x, const uint8_t *used, const UimlSvdParams *params)
{
	Result r = {0};

	r.v = malloc((x->n_cols * params->dims + 1) * sizeof(float));
	r.factor = malloc((x->n_cols + 1) * sizeof(float));
	r.sigma = malloc((params->dims + 1) * sizeof(double));
	r.status = uiml_svd_items(env, x, used, params, r.v, r.sigma, r.factor, &r.explained);
	return r;
}

static void
result_free(Result *r)
{
	free(r->v);
	free(r->factor);
	free(r->sigma);
}

/* The scaled matrix A in doubles, by its definition. */
static double *
scaled_dense(const UimlSparse *x, const uint8_t *used, double row_scale, double col_scale)
{
	double *a = calloc(x->n_rows * x->n_cols, sizeof(double));
	double *count = calloc(x->n_cols, sizeof(double));

	for (size_t r = 0; r < x->n_rows; r++)
		for (size_t k = x->row_start[r]; k < x->row_start[r + 1]; k++)
			count[x->col[k]] += used == NULL || used[r];
	for (size_t r = 0; r < x->n_rows; r++)
		for (size_t k = x->row_start[r]; k < x->row_start[r + 1]; k++)
			if (used == NULL || used[r])
				a[r * x->n_cols + x->col[k]] =
					x->value[k] / pow((double) (x->row_start[r + 1] - x->row_start[r]), row_scale) /
					pow(count[x->col[k]], col_scale);
	free(count);
	return a;
}

/*
 * Checks what defines singular vectors: orthonormal, A'A v = sigma^2 v, signs, order, and the share
 * explained.
 */
static void
check_result(const UimlSparse *x, const uint8_t *used, const UimlSvdParams *params, const Result *r,
			 double tolerance)
{
	size_t m = x->n_rows, n = x->n_cols, d = params->dims;
	double *a = scaled_dense(x, used, params->row_scale, params->col_scale);
	double *av = malloc(m * sizeof(double));
	double squares = 0, captured = 0;

	for (size_t i = 0; i < m * n; i++)
		squares += a[i] * a[i];
	for (size_t j = 0; j < d; j++)
	{
		double largest = 0, residual = 0;

		captured += r->sigma[j] * r->sigma[j];
		assert_true(j == 0 || r->sigma[j] <= r->sigma[j - 1]);
		for (size_t p = 0; p <= j; p++)
		{
			double dot = 0;

			for (size_t i = 0; i < n; i++)
				dot += (double) r->v[i * d + j] * r->v[i * d + p];
			assert_true(fabs(dot - (p == j && r->sigma[j] > 0)) < 2e-6);
		}
		for (size_t i = 0; i < n; i++)
			if (fabs(r->v[i * d + j]) > fabs(largest))
				largest = r->v[i * d + j];
		assert_true(largest > 0 || r->sigma[j] == 0);
		for (size_t i = 0; i < m; i++)
		{
			av[i] = 0;
			for (size_t p = 0; p < n; p++)
				av[i] += a[i * n + p] * r->v[p * d + j];
		}
		for (size_t p = 0; p < n; p++)
		{
			double back = 0;

			for (size_t i = 0; i < m; i++)
				back += a[i * n + p] * av[i];
			residual = fmax(residual, fabs(back - r->sigma[j] * r->sigma[j] * r->v[p * d + j]));
		}
		assert_true(residual <= tolerance * r->sigma[0] * r->sigma[0]);
	}
	assert_true(fabs(r->explained - captured / squares) < 1e-6);
	free(a), free(av);
}

/* A sketch that spans everything is exact after one iteration. */
static void
test_full_sketch(void **state)
{
	UimlEnv env = test_env_counting();
	UimlSparse x = random_sparse(60, 25, .3, 1);
	UimlSvdParams params = uiml_svd_defaults(10);
	Result r = run(&env, &x, NULL, &params);

	(void) state;
	assert_int_equal(r.status, UIML_OK);
	check_result(&x, NULL, &params, &r, 1e-6);
	assert_int_equal(test_env_live(), 0);
	result_free(&r);

	params.dims = 25; /* all of it: everything is explained */
	r = run(&env, &x, NULL, &params);
	assert_int_equal(r.status, UIML_OK);
	check_result(&x, NULL, &params, &r, 1e-6);
	assert_true(fabs(r.explained - 1) < 1e-6);
	result_free(&r);
	sparse_free(&x);
}

/* Wider than the sketch: converges with the iterations. */
static void
test_iterations(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlSparse x = random_sparse(300, 200, .1, 2);
	UimlSvdParams params = uiml_svd_defaults(5);
	Result r;

	(void) state;
	params.iterations = 150;
	r = run(&env, &x, NULL, &params);
	assert_int_equal(r.status, UIML_OK);
	check_result(&x, NULL, &params, &r, 1e-5);
	result_free(&r);
	params.iterations = 4;
	r = run(&env, &x, NULL, &params);
	check_result(&x, NULL, &params, &r, .05);
	result_free(&r);
	sparse_free(&x);
}

/* Rank 2 in 12 dimensions: what is left is zero, not noise. */
static void
test_rank(void **state)
{
	UimlEnv env = uiml_env_malloc();
	size_t m = 80, n = 50;
	double *dense = calloc(m * n, sizeof(double));
	UimlSvdParams params = uiml_svd_defaults(12);
	UimlSparse x;
	Result r;

	(void) state;
	params.row_scale = params.col_scale = 0;
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++)
			if (i % 2 == j % 2)
				dense[i * n + j] = 1 + (double) (i % 2);
	x = sparse_of(m, n, dense);
	r = run(&env, &x, NULL, &params);
	assert_int_equal(r.status, UIML_OK);
	assert_true(fabs(r.sigma[0] - 2 * sqrt(40 * 25)) < 1e-4);
	assert_true(fabs(r.sigma[1] - sqrt(40 * 25)) < 1e-4);
	assert_true(r.sigma[2] == 0);
	assert_true(fabs(r.explained - 1) < 1e-6);
	for (size_t j = 0; j < n; j++)
	{
		assert_true(fabs(r.v[j * 12 + j % 2] - 0) < 1e-5 || j % 2 == 0 || fabs(r.v[j * 12] - .2) < 1e-5);
		assert_true(fabs(r.v[j * 12 + 1 - j % 2] - .2) < 1e-5);
		assert_true(r.v[j * 12 + 2] == 0);
	}
	result_free(&r);
	sparse_free(&x);
	free(dense);
}

/* Unused rows, empty rows and empty columns. */
static void
test_row_used(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlSparse x = random_sparse(90, 40, .2, 3), part;
	uint8_t used[90];
	double *dense = calloc(90 * 40, sizeof(double));
	UimlSvdParams params = uiml_svd_defaults(6);
	Result r, expected;

	(void) state;
	for (size_t i = 0; i < 90; i++)
	{
		used[i] = i % 3 != 0;
		for (size_t k = x.row_start[i]; k < x.row_start[i + 1]; k++)
		{
			/* column 7 has entries in unused rows only, column 8 none at all */
			if (x.col[k] == 8 || (x.col[k] == 7 && used[i]))
				x.value[k] = 0;
			dense[i * 40 + x.col[k]] = x.value[k];
		}
	}
	sparse_free(&x);
	x = sparse_of(90, 40, dense);
	for (size_t i = 0; i < 90; i += 3)
		memset(dense + i * 40, 0, 40 * sizeof(double));
	part = sparse_of(90, 40, dense);

	params.iterations = 30;
	r = run(&env, &x, used, &params);
	expected = run(&env, &part, NULL, &params);
	assert_int_equal(r.status, UIML_OK);
	assert_int_equal(expected.status, UIML_OK);
	assert_memory_equal(r.v, expected.v, 40 * 6 * sizeof(float));
	assert_true(r.factor[7] == 0 && r.factor[8] == 0 && r.factor[9] > 0);
	for (size_t j = 0; j < 6; j++)
		assert_true(r.v[7 * 6 + j] == 0 && r.v[8 * 6 + j] == 0);
	check_result(&x, used, &params, &r, 1e-5);
	result_free(&r), result_free(&expected);

	memset(used, 0, sizeof(used));
	r = run(&env, &x, used, &params);
	assert_int_equal(r.status, UIML_EEMPTY);
	result_free(&r);
	sparse_free(&x), sparse_free(&part);
	free(dense);
}

static void
run_backwards(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	(void) ctx;
	while (n-- > 0)
		task(arg, n);
}

/* Also however columns are shared among threads. */
static void
test_deterministic(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlSparse x = random_sparse(200, 120, .1, 4);
	UimlSvdParams params = uiml_svd_defaults(7);
	Result a, b, c;

	(void) state;
	a = run(&env, &x, NULL, &params);
	env.parallel = run_backwards;
	b = run(&env, &x, NULL, &params);
	params.seed = 1;
	c = run(&env, &x, NULL, &params);
	assert_memory_equal(a.v, b.v, 120 * 7 * sizeof(float));
	assert_memory_equal(a.sigma, b.sigma, 7 * sizeof(double));
	assert_memory_not_equal(a.v, c.v, 120 * 7 * sizeof(float));
	assert_true(fabs(a.sigma[0] - c.sigma[0]) < 1e-5 * a.sigma[0]);
	result_free(&a), result_free(&b), result_free(&c);
	sparse_free(&x);
}

/* One entry; one row; one column; values at both ends of the range of floats. */
static void
test_small_and_extreme(void **state)
{
	UimlEnv env = uiml_env_malloc();
	double one[] = {-3}, row[] = {3, 0, 4};
	double values[] = {1, 1e8, 3e38, 1e-38, 1e-44};
	UimlSvdParams params = uiml_svd_defaults(1);
	UimlSparse x = sparse_of(1, 1, one);
	Result r = run(&env, &x, NULL, &params);

	(void) state;
	assert_int_equal(r.status, UIML_OK);
	assert_true(fabs(r.sigma[0] - 3) < 1e-6 && fabs(r.v[0] - 1) < 1e-6 && fabs(r.explained - 1) < 1e-6);
	assert_true(r.factor[0] == 1);
	result_free(&r), sparse_free(&x);

	for (int t = 0; t < 2; t++)
	{
		x = t == 0 ? sparse_of(1, 3, row) : sparse_of(3, 1, row);
		params.row_scale = params.col_scale = 0;
		r = run(&env, &x, NULL, &params);
		assert_int_equal(r.status, UIML_OK);
		assert_true(fabs(r.sigma[0] - 5) < 1e-5);
		if (t == 0)
			assert_true(fabs(r.v[0] - .6) < 1e-6 && r.v[1] == 0 && fabs(r.v[2] - .8) < 1e-6);
		result_free(&r), sparse_free(&x);
	}
	for (size_t t = 0; t < sizeof(values) / sizeof(values[0]); t++)
	{
		x = random_sparse(50, 30, .3, 5);
		params = uiml_svd_defaults(3);
		for (size_t k = 0; k < x.row_start[50]; k++)
			x.value[k] = (float) values[t];
		r = run(&env, &x, NULL, &params);
		assert_int_equal(r.status, UIML_OK);
		check_result(&x, NULL, &params, &r, 1e-2);
		result_free(&r), sparse_free(&x);
	}
}

static void
test_invalid(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlSparse x = random_sparse(20, 10, .5, 6);
	UimlSparse none = {.n_rows = 0};
	UimlSvdParams params = uiml_svd_defaults(3), wrong;
	float v[100], factor[10];
	double sigma[10], explained;

#define STATUS_OF(P) uiml_svd_items(&env, &x, NULL, (P), v, sigma, factor, &explained)

	(void) state;
	wrong = params, wrong.dims = 0;
	assert_int_equal(STATUS_OF(&wrong), UIML_EINVALID);
	wrong.dims = 11;
	assert_int_equal(STATUS_OF(&wrong), UIML_EINVALID);
	wrong = params, wrong.iterations = 0;
	assert_int_equal(STATUS_OF(&wrong), UIML_EINVALID);
	wrong = params, wrong.row_scale = -.1;
	assert_int_equal(STATUS_OF(&wrong), UIML_EINVALID);
	wrong = params, wrong.col_scale = NAN;
	assert_int_equal(STATUS_OF(&wrong), UIML_EINVALID);
	wrong = params, wrong.oversample = SIZE_MAX;
	assert_int_equal(STATUS_OF(&wrong), UIML_OK);
	assert_int_equal(uiml_svd_items(&env, &none, NULL, &params, v, sigma, factor, &explained), UIML_EEMPTY);
	x.value[3] = NAN;
	assert_int_equal(STATUS_OF(&params), UIML_ENOTFINITE);
	x.value[3] = -INFINITY;
	assert_int_equal(STATUS_OF(&params), UIML_ENOTFINITE);
	x.value[3] = 1;
	x.col[5] = 10;
	assert_int_equal(STATUS_OF(&params), UIML_EINVALID);
	x.col[5] = 0;
	for (size_t k = 0; k < x.row_start[20]; k++)
		x.value[k] = 0;
	assert_int_equal(STATUS_OF(&params), UIML_EEMPTY);
	sparse_free(&x);
}

typedef struct Meter
{
	size_t now, peak;
} Meter;

/* Each block carries its size in front, in 16 bytes. */
static void *
meter_alloc(void *ctx, size_t size)
{
	Meter *meter = ctx;
	size_t *block = malloc(size + 16);

	*block = size;
	meter->now += size;
	if (meter->now > meter->peak)
		meter->peak = meter->now;
	return (char *) block + 16;
}

static void
meter_free(void *ctx, void *pointer)
{
	Meter *meter = ctx;
	size_t *block = (size_t *) (void *) ((char *) pointer - 16);

	meter->now -= *block;
	free(block);
}

/* The announced memory is enough, and not much more than what is used. */
static void
test_memory(void **state)
{
	Meter meter = {0};
	UimlEnv env = {.alloc = meter_alloc, .free = meter_free, .ctx = &meter};
	UimlSparse x = random_sparse(400, 3000, .02, 8);
	UimlSvdParams params = uiml_svd_defaults(48);
	Result r = run(&env, &x, NULL, &params);
	size_t announced = uiml_svd_memory(x.n_rows, x.n_cols, x.row_start[400], 48);

	(void) state;
	assert_int_equal(r.status, UIML_OK);
	assert_true(meter.peak <= announced && announced < meter.peak + meter.peak / 2);
	assert_true(uiml_svd_memory(SIZE_MAX, SIZE_MAX, SIZE_MAX, 64) == SIZE_MAX);
	result_free(&r), sparse_free(&x);
}

static void
test_failures(void **state)
{
	UimlSparse x = random_sparse(100, 60, .1, 9);
	UimlSvdParams params = uiml_svd_defaults(4);

	(void) state;
	for (int what = 0; what < 2; what++)
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = what == 0 ? test_env_failing_alloc(&countdown) : test_env_interrupting(&countdown);
			Result r = run(&env, &x, NULL, &params);

			result_free(&r);
			assert_int_equal(test_env_live(), 0);
			if (r.status == UIML_OK)
			{
				assert_true(k > 20);
				break;
			}
			assert_int_equal(r.status, what == 0 ? UIML_ENOMEM : UIML_EINTERRUPTED);
		}
	sparse_free(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_sketch),   cmocka_unit_test(test_iterations),
		cmocka_unit_test(test_rank),          cmocka_unit_test(test_row_used),
		cmocka_unit_test(test_deterministic), cmocka_unit_test(test_small_and_extreme),
		cmocka_unit_test(test_invalid),       cmocka_unit_test(test_memory),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("svd", tests, NULL, NULL);
}
