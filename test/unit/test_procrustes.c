/*
 * test_procrustes.c
 *	  Rotations that are known, what makes one the best, and a transfer carried over.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/linalg.h"
#include "core/procrustes.h"
#include "core/rng.h"
#include "testenv.h"

#define N     700
#define MAX_D 8

static void
fill_normal(UimlRng *rng, double *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = uiml_rng_normal(rng);
}

/* A p x q matrix with orthonormal rows or columns, whichever are fewer. */
static void
make_rotation(UimlRng *rng, size_t p, size_t q, double *r)
{
	UimlEnv env = test_env_counting();
	double tall[MAX_D * MAX_D];

	fill_normal(rng, tall, p * q);
	assert_int_equal(uiml_orthonormalise_f64(&env, p > q ? p : q, p > q ? q : p, tall), UIML_OK);
	for (size_t i = 0; i < p; i++)
		for (size_t j = 0; j < q; j++)
			r[i * q + j] = p > q ? tall[i * q + j] : tall[j * p + i];
}

static void
multiply(const float *x, size_t n, size_t p, size_t q, const double *r, bool transpose, float *out)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < q; j++)
		{
			double sum = 0;

			for (size_t l = 0; l < p; l++)
				sum += x[i * p + l] * (transpose ? r[j * p + l] : r[l * q + j]);
			out[i * q + j] = (float) sum;
		}
}

static void
assert_semi_orthogonal(size_t p, size_t q, const double *r)
{
	for (size_t i = 0; i < (p < q ? p : q); i++)
		for (size_t j = 0; j < (p < q ? p : q); j++)
		{
			double sum = i == j ? -1 : 0;

			for (size_t l = 0; l < (p < q ? q : p); l++)
				sum += p < q ? r[i * q + l] * r[j * q + l] : r[l * q + i] * r[l * q + j];
			assert_true(fabs(sum) < 1e-12);
		}
}

/* A rotation of the smaller space into the larger is found again, whichever way it is asked for. */
static void
check_known(size_t p, size_t q)
{
	UimlEnv env = test_env_counting();
	float *a = malloc(sizeof(float) * N * MAX_D), *b = malloc(sizeof(float) * N * MAX_D);
	double truth[MAX_D * MAX_D], r[MAX_D * MAX_D], fit;
	UimlSharedRows rows = {.n = N, .p = p, .q = q, .from = a, .onto = b};
	UimlRng rng;

	uiml_rng_init(&rng, p * 10 + q);
	make_rotation(&rng, p, q, truth);
	for (size_t i = 0; i < N * (p < q ? p : q); i++)
		(p <= q ? a : b)[i] = (float) (uiml_rng_normal(&rng) + .2);
	if (p <= q)
		multiply(a, N, p, q, truth, false, b);
	else
		multiply(b, N, q, p, truth, true, a);
	assert_int_equal(uiml_procrustes(&env, &rows, r, &fit), UIML_OK);
	for (size_t i = 0; i < p * q; i++)
		assert_true(fabs(r[i] - truth[i]) < 1e-6);
	assert_true(fabs(fit - 1) < 1e-6);
	assert_semi_orthogonal(p, q, r);
	assert_int_equal(test_env_live(), 0);
	free(a);
	free(b);
}

static void
test_known(void **state)
{
	(void) state;
	check_known(6, 6);
	check_known(4, 7);
	check_known(7, 4);
	check_known(1, 3);
	check_known(1, 1);
}

static double
distance(const UimlSharedRows *rows, const double *r)
{
	double sum = 0;

	for (size_t i = 0; i < rows->n; i++)
		for (size_t j = 0; j < rows->q; j++)
		{
			double e = -rows->onto[i * rows->q + j];

			for (size_t l = 0; l < rows->p; l++)
				e += rows->from[i * rows->p + l] * r[l * rows->q + j];
			sum += rows->weight[i] * e * e;
		}
	return sum;
}

/* With noise and weights no small turn of R comes closer, and weights count rows. */
static void
test_best(void **state)
{
	UimlEnv env = test_env_counting();
	enum
	{
		D = 5
	};
	float *a = malloc(sizeof(float) * N * D), *b = malloc(sizeof(float) * N * D);
	double weight[N], r[D * D], turned[D * D], again[D * D];
	UimlSharedRows rows = {.n = N, .p = D, .q = D, .from = a, .onto = b, .weight = weight};
	UimlRng rng;
	double best;

	(void) state;
	uiml_rng_init(&rng, 4);
	for (size_t i = 0; i < N * D; i++)
		a[i] = (float) uiml_rng_normal(&rng);
	for (size_t i = 0; i < N * D; i++)
		b[i] = (float) (a[i] * .5 + uiml_rng_normal(&rng));
	for (size_t i = 0; i < N; i++)
		weight[i] = i < N / 2 ? 2 : 0;
	assert_int_equal(uiml_procrustes(&env, &rows, r, NULL), UIML_OK);
	best = distance(&rows, r);
	for (size_t i = 0; i < D; i++)
		for (size_t j = 0; j < i; j++)
			for (double angle = -.1; angle < .15; angle += .2)
			{
				memcpy(turned, r, sizeof(r));
				for (size_t l = 0; l < D; l++)
				{
					turned[l * D + i] = cos(angle) * r[l * D + i] - sin(angle) * r[l * D + j];
					turned[l * D + j] = sin(angle) * r[l * D + i] + cos(angle) * r[l * D + j];
				}
				assert_true(distance(&rows, turned) > best);
			}
	rows.n = N / 2;
	rows.weight = NULL;
	assert_int_equal(uiml_procrustes(&env, &rows, again, NULL), UIML_OK);
	for (size_t i = 0; i < D * D; i++)
		assert_true(fabs(again[i] - r[i]) < 1e-12);
	free(a);
	free(b);
}

/* R_s' W R_t maps what R_s has turned as W mapped it before, turned by R_t; new spaces may be larger. */
static void
test_align(void **state)
{
	UimlEnv env = test_env_counting();
	enum
	{
		P = 4,
		Q = 3,
		P2 = 6,
		Q2 = 5
	};
	float *a = malloc(sizeof(float) * N * P), *a2 = malloc(sizeof(float) * N * P2);
	float *b = malloc(sizeof(float) * N * Q), *b2 = malloc(sizeof(float) * N * Q2);
	UimlSharedRows source = {.n = N, .p = P, .q = P2, .from = a, .onto = a2};
	UimlSharedRows target = {.n = N, .p = Q, .q = Q2, .from = b, .onto = b2};
	double rs[P * P2], rt[Q * Q2], w[P * Q], aligned[P2 * Q2];
	UimlRng rng;

	(void) state;
	uiml_rng_init(&rng, 8);
	make_rotation(&rng, P, P2, rs);
	make_rotation(&rng, Q, Q2, rt);
	fill_normal(&rng, w, P * Q);
	for (size_t i = 0; i < N * P; i++)
		a[i] = (float) uiml_rng_normal(&rng);
	for (size_t i = 0; i < N * Q; i++)
		b[i] = (float) uiml_rng_normal(&rng);
	multiply(a, N, P, P2, rs, false, a2);
	multiply(b, N, Q, Q2, rt, false, b2);
	assert_int_equal(uiml_align(&env, &source, &target, 1, P, Q, w, aligned), UIML_OK);
	for (size_t i = 0; i < P; i++)
		for (size_t j = 0; j < Q2; j++)
		{
			double sum = 0;

			for (size_t l = 0; l < P2; l++)
				sum += rs[i * P2 + l] * aligned[l * Q2 + j];
			for (size_t l = 0; l < Q; l++)
				sum -= w[i * Q + l] * rt[l * Q2 + j];
			assert_true(fabs(sum) < 1e-5);
		}
	assert_int_equal(uiml_align(&env, NULL, NULL, 1, P, Q, w, aligned), UIML_OK);
	assert_memory_equal(aligned, w, sizeof(w));
	assert_int_equal(uiml_align(&env, &source, NULL, 1, P, Q, w, aligned), UIML_OK);
	assert_int_equal(uiml_align(&env, &source, &target, 1, Q, P, w, aligned), UIML_EINVALID);
	assert_int_equal(test_env_live(), 0);
	free(a);
	free(a2);
	free(b);
	free(b2);
}

static void
test_arguments(void **state)
{
	UimlEnv env = test_env_counting();
	float a[] = {1, 0, 0, 1}, zero[4] = {0};
	double weight[] = {1, -1}, r[4], fit;
	UimlSharedRows rows = {.n = 2, .p = 2, .q = 2, .from = a, .onto = a};

	(void) state;
	assert_int_equal(uiml_procrustes(&env, &rows, r, &fit), UIML_OK);
	assert_true(fabs(r[0] - 1) < 1e-15 && fabs(r[1]) < 1e-15 && fabs(fit - 1) < 1e-15);
	rows.weight = weight;
	assert_int_equal(uiml_procrustes(&env, &rows, r, NULL), UIML_EINVALID);
	rows.weight = NULL;
	rows.onto = zero;
	assert_int_equal(uiml_procrustes(&env, &rows, r, NULL), UIML_EEMPTY);
	rows.n = 0;
	assert_int_equal(uiml_procrustes(&env, &rows, r, NULL), UIML_EEMPTY);
	rows.n = 2;
	zero[1] = NAN;
	assert_int_equal(uiml_procrustes(&env, &rows, r, NULL), UIML_ENOTFINITE);
	rows.q = 0;
	assert_int_equal(uiml_procrustes(&env, &rows, r, NULL), UIML_EINVALID);
	assert_int_equal(test_env_live(), 0);
}

static UimlStatus
align_failing(const UimlEnv *env)
{
	const float a[] = {1, 0, 0, 1}, b[] = {0, 1, 1, 0};
	const double w[] = {1, 2, 3, 4, 5, 6, 7, 8};
	UimlSharedRows side = {.n = 2, .p = 2, .q = 2, .from = a, .onto = b};
	double aligned[8];
	UimlStatus status = uiml_align(env, &side, &side, 2, 2, 2, w, aligned);

	assert_int_equal(test_env_live(), 0);
	assert_true(status != UIML_OK || (fabs(aligned[0] - 4) < 1e-14 && fabs(aligned[1] - 3) < 1e-14 &&
									  fabs(aligned[4] - 8) < 1e-14));
	return status;
}

static void
test_out_of_memory(void **state)
{
	UimlStatus status = UIML_ENOMEM;

	(void) state;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);

		status = align_failing(&env);
		assert_true(status == UIML_OK || status == UIML_ENOMEM);
	}
}

static void
test_interrupted(void **state)
{
	UimlStatus status = UIML_EINTERRUPTED;

	(void) state;
	for (long k = 1; status != UIML_OK; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);

		status = align_failing(&env);
		assert_true(status == UIML_OK || status == UIML_EINTERRUPTED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),         cmocka_unit_test(test_best),
		cmocka_unit_test(test_align),         cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_interrupted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
