/*
 * test_svd_rows.c
 *	  Both sides of the decomposition put back together: orthonormal, and the matrix they came from.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/entries.h"
#include "core/rng.h"
#include "core/svd.h"
#include "testenv.h"

typedef struct Case
{
	UimlSparse x;
	double *a; /* the scaled matrix, dense */
	UimlSvdParams params;
	float *u, *v, *factor;
	double *sigma;
	double explained;
} Case;

static Case
case_of(size_t m, size_t n, const double *dense, UimlSvdParams params)
{
	UimlEnv env = uiml_env_malloc();
	UimlEntry *entries = malloc((m * n + 1) * sizeof(UimlEntry));
	double *rows = calloc(m, sizeof(double)), *columns = calloc(n, sizeof(double));
	Case c = {.params = params};
	size_t k = 0;

	for (size_t i = 0; i < m * n; i++)
		if (dense[i] != 0)
		{
			entries[k++] = uiml_entry((uint32_t) (i / n), (uint32_t) (i % n), dense[i]);
			rows[i / n]++, columns[i % n]++;
		}
	assert_int_equal(uiml_entries_build(&env, entries, k, m, n, &c.x), UIML_OK);
	c.a = calloc(m * n, sizeof(double));
	for (size_t i = 0; i < m * n; i++)
		if (dense[i] != 0)
			c.a[i] = dense[i] / pow(rows[i / n], params.row_scale) / pow(columns[i % n], params.col_scale);
	c.u = malloc(m * params.dims * sizeof(float));
	c.v = malloc(n * params.dims * sizeof(float));
	c.factor = malloc(n * sizeof(float));
	c.sigma = malloc(params.dims * sizeof(double));
	free(rows), free(columns), free(entries);
	return c;
}

static void
case_free(Case *c)
{
	UimlEnv env = uiml_env_malloc();

	uiml_sparse_free(&env, &c->x);
	free(c->a), free(c->u), free(c->v), free(c->factor), free(c->sigma);
}

static UimlStatus
run(const UimlEnv *env, Case *c)
{
	UimlStatus status =
		uiml_svd_items(env, &c->x, NULL, &c->params, c->v, c->sigma, c->factor, &c->explained);

	return status == UIML_OK ? uiml_svd_rows(env, &c->x, &c->params, c->v, c->sigma, c->factor, c->u)
							 : status;
}

/* |Q'Q - I|, without the columns of zeros. */
static double
skew(const float *q, size_t n, size_t d, const double *sigma)
{
	double worst = 0;

	for (size_t a = 0; a < d; a++)
		for (size_t b = 0; b < d; b++)
		{
			double dot = 0;

			for (size_t i = 0; i < n; i++)
				dot += (double) q[i * d + a] * q[i * d + b];
			worst = fmax(worst, fabs(dot - (a == b && sigma[a] > 0)));
		}
	return worst;
}

/* The largest error of an entry of U diag(sigma) V', relative to sigma_1. */
static double
rebuild_error(const Case *c)
{
	size_t d = c->params.dims;
	double worst = 0;

	for (size_t i = 0; i < c->x.n_rows; i++)
		for (size_t j = 0; j < c->x.n_cols; j++)
		{
			double sum = 0;

			for (size_t k = 0; k < d; k++)
				sum += (double) c->u[i * d + k] * c->sigma[k] * c->v[j * d + k];
			worst = fmax(worst, fabs(sum - c->a[i * c->x.n_cols + j]));
		}
	return worst / c->sigma[0];
}

static UimlSvdParams
plain(size_t dims)
{
	UimlSvdParams params = uiml_svd_defaults(dims);

	params.row_scale = params.col_scale = 0;
	params.iterations = 6;
	return params;
}

/* [3 0; 4 5]: sigma = sqrt 45, sqrt 5; the columns of V are (1, 1), (1, -1) / sqrt 2, of U (1, 3), (3, -1) / sqrt 10. */
static void
test_known(void **state)
{
	const double dense[] = {3, 0, 4, 5};
	const double u[] = {1, 3, 3, -1}, v[] = {1, 1, 1, -1}; /* by rows */
	UimlEnv env = uiml_env_malloc();
	Case c = case_of(2, 2, dense, plain(2));
	double sign;

	(void) state;
	assert_int_equal(run(&env, &c), UIML_OK);
	assert_true(fabs(c.sigma[0] - sqrt(45)) < 1e-6 && fabs(c.sigma[1] - sqrt(5)) < 1e-6);
	/* which entry of (1, -1) is the larger, and so positive, is a matter of rounding */
	sign = c.v[1] > 0 ? 1 : -1;
	for (size_t i = 0; i < 4; i++)
	{
		double flip = i % 2 == 1 ? sign : 1;

		assert_true(fabs(c.v[i] - flip * v[i] / sqrt(2)) < 1e-6);
		assert_true(fabs(c.u[i] - flip * u[i] / sqrt(10)) < 1e-6);
	}
	case_free(&c);
}

/* Signed random matrices, tall and wide, full and sparse, scaled and not. */
static void
test_rebuilt(void **state)
{
	const size_t shape[][2] = {{60, 25}, {25, 60}, {40, 40}, {7, 300}, {1, 5}, {5, 1}};

	(void) state;
	for (size_t s = 0; s < 6; s++)
		for (int scaled = 0; scaled < 2; scaled++)
		{
			size_t m = shape[s][0], n = shape[s][1], dims = m < n ? m : n;
			double *dense = calloc(m * n, sizeof(double));
			UimlEnv env = uiml_env_malloc();
			UimlSvdParams params = plain(dims);
			UimlRng rng;
			Case c;

			uiml_rng_init(&rng, s);
			for (size_t i = 0; i < m * n; i++)
				dense[i] = uiml_rng_uniform(&rng) < .6 ? uiml_rng_normal(&rng) : 0;
			dense[0] = 1;
			if (scaled)
				params.row_scale = .5, params.col_scale = .25;
			c = case_of(m, n, dense, params);
			assert_int_equal(run(&env, &c), UIML_OK);
			assert_true(skew(c.u, m, dims, c.sigma) < 1e-5);
			assert_true(skew(c.v, n, dims, c.sigma) < 1e-5);
			/* what lies below 3e-4 sigma_1 is left out */
			assert_true(rebuild_error(&c) < (c.sigma[dims - 1] > 0 ? 1e-5 : 4e-4));
			assert_true(fabs(c.explained - 1) < 1e-6);
			case_free(&c);
			free(dense);
		}
}

/* Rank 3 of 30 x 20, with 8 asked for; an empty row and values at the ends of the range of floats. */
static void
test_low_rank(void **state)
{
	const double unit[] = {1, 1e30, 1e-30};

	(void) state;
	for (size_t k = 0; k < 3; k++)
	{
		double *dense = calloc(30 * 20, sizeof(double));
		UimlEnv env = uiml_env_malloc();
		UimlRng rng;
		Case c;

		uiml_rng_init(&rng, k);
		for (size_t r = 0; r < 3; r++)
		{
			double left[30], right[20];

			for (size_t i = 0; i < 30; i++)
				left[i] = i == 11 ? 0 : uiml_rng_normal(&rng);
			for (size_t j = 0; j < 20; j++)
				right[j] = uiml_rng_normal(&rng) * unit[k];
			for (size_t i = 0; i < 600; i++)
				dense[i] += left[i / 20] * right[i % 20];
		}
		c = case_of(30, 20, dense, plain(8));
		assert_int_equal(run(&env, &c), UIML_OK);
		assert_true(c.sigma[2] > 0 && c.sigma[3] == 0);
		assert_true(skew(c.u, 30, 8, c.sigma) < 1e-5);
		assert_true(rebuild_error(&c) < 1e-5);
		for (size_t j = 0; j < 8; j++)
			assert_true(c.u[11 * 8 + j] == 0);
		case_free(&c);
		free(dense);
	}
}

/* The same on one thread as on several: pieces are cut by entries. */
static void
run_backwards(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	*(size_t *) ctx += n;
	while (n-- > 0)
		task(arg, n);
}

static void
test_pieces(void **state)
{
	size_t m = 4000, n = 50, pieces = 0;
	double *dense = calloc(m * n, sizeof(double));
	UimlEnv env = uiml_env_malloc();
	UimlRng rng;
	Case a, b;

	(void) state;
	uiml_rng_init(&rng, 5);
	for (size_t i = 0; i < m * n; i++)
		dense[i] = uiml_rng_normal(&rng);
	a = case_of(m, n, dense, plain(40));
	b = case_of(m, n, dense, plain(40));
	assert_int_equal(run(&env, &a), UIML_OK);
	env.parallel = run_backwards;
	env.ctx = &pieces;
	assert_int_equal(run(&env, &b), UIML_OK);
	assert_true(pieces > 1);
	assert_memory_equal(a.u, b.u, m * 40 * sizeof(float));
	case_free(&a), case_free(&b);
	free(dense);
}

/* What a row has behind its end is no part of it. */
static void
test_row_end(void **state)
{
	size_t m = 30, n = 8, end[30];
	double dense[30 * 8], trimmed[30 * 8];
	UimlEnv env = uiml_env_malloc();
	Case a, b;

	(void) state;
	for (size_t i = 0; i < m * n; i++)
	{
		dense[i] = (double) (i * 7 % 11 + 1);
		trimmed[i] = i % n < n - 2 ? dense[i] : 0;
	}
	a = case_of(m, n, trimmed, plain(4));
	b = case_of(m, n, dense, plain(4));
	for (size_t i = 0; i < m; i++)
		end[i] = b.x.row_start[i + 1] - 2;
	b.x.row_end = end;
	assert_int_equal(run(&env, &a), UIML_OK);
	assert_int_equal(run(&env, &b), UIML_OK);
	assert_memory_equal(a.u, b.u, m * 4 * sizeof(float));
	case_free(&a), case_free(&b);
}

static void
test_failures(void **state)
{
	double dense[12 * 9];
	UimlEnv good = uiml_env_malloc();
	Case c;

	(void) state;
	for (size_t i = 0; i < 12 * 9; i++)
		dense[i] = (double) (i * i % 17);
	c = case_of(12, 9, dense, plain(4));
	assert_int_equal(run(&good, &c), UIML_OK);
	for (int what = 0; what < 2; what++)
		for (long k = 1;; k++)
		{
			long countdown = k;
			UimlEnv env = what == 0 ? test_env_failing_alloc(&countdown) : test_env_interrupting(&countdown);
			UimlStatus status = uiml_svd_rows(&env, &c.x, &c.params, c.v, c.sigma, c.factor, c.u);

			assert_int_equal(test_env_live(), 0);
			if (status == UIML_OK)
			{
				assert_true(k > 2);
				break;
			}
			assert_int_equal(status, what == 0 ? UIML_ENOMEM : UIML_EINTERRUPTED);
		}
	case_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),  cmocka_unit_test(test_rebuilt), cmocka_unit_test(test_low_rank),
		cmocka_unit_test(test_pieces), cmocka_unit_test(test_row_end), cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("svd_rows", tests, NULL, NULL);
}
