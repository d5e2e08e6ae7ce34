/*
 * nnls.c
 *	  Non-negative least squares, and several transfer matrices stacked by it.
 *
 * Lawson & Hanson's active set: the variable whose gradient promises most enters the free set, the problem
 * is solved on that set by Cholesky, and where the solution leaves the positive orthant, the step
 * ends at its border and who is there leaves the set.  Every set that is solved has a lower value than the one
 * before, so none comes twice.
 *
 * Variables are scaled to a unit diagonal: then a tolerance means the same for all of them.  One that depends
 * on those that are free already adds nothing and is passed over.
 */
#include "core/nnls.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/linalg.h"

/* A pivot of a unit diagonal below this is rounding. */
#define DEPENDENT 1e-11

/* Gradients below this share of the largest at the start are rounding. */
#define NEGLIGIBLE 1e-12

/* Sets seen per variable; Lawson & Hanson found half a one enough.  Rounding could make one come again. */
#define MAX_ROUNDS 10

typedef struct Problem
{
	size_t k;
	double *gram;     /* k x k, of scaled variables */
	double *cross;    /* k */
	double *scale;    /* k: a variable times this is the scaled one; 0: it says nothing */
	double *x;        /* k: the solution, scaled */
	double *factor;   /* n_free x n_free, lower triangle */
	double *solution; /* n_free */
	size_t *free;     /* those that are not held at 0 */
	size_t n_free;
	bool *banned; /* k: free now, or dependent on those that are */
} Problem;

static void
scale_problem(Problem *problem, const double *gram, const double *cross)
{
	size_t k = problem->k;

	for (size_t i = 0; i < k; i++)
		problem->scale[i] = gram[i * k + i] > 0 ? sqrt(gram[i * k + i]) : 0;
	for (size_t i = 0; i < k; i++)
	{
		double row = problem->scale[i] > 0 ? 1 / problem->scale[i] : 0;

		for (size_t j = 0; j < k; j++)
			problem->gram[i * k + j] = problem->scale[j] > 0 ? gram[i * k + j] * row / problem->scale[j] : 0;
		problem->cross[i] = cross[i] * row;
		problem->x[i] = 0;
	}
}

/* Solves on the free variables; false where the last of them depends on the others. */
static bool
solve_free(Problem *problem)
{
	size_t n = problem->n_free;
	double *factor = problem->factor;
	double *b = problem->solution;

	for (size_t i = 0; i < n; i++)
	{
		const double *gram = problem->gram + problem->free[i] * problem->k;

		b[i] = problem->cross[problem->free[i]];
		for (size_t j = 0; j <= i; j++)
		{
			double sum = gram[problem->free[j]];

			for (size_t l = 0; l < j; l++)
				sum -= factor[i * n + l] * factor[j * n + l];
			if (j < i)
				factor[i * n + j] = sum / factor[j * n + j];
			else if (sum > DEPENDENT)
				factor[i * n + i] = sqrt(sum);
			else
				return false;
			if (j < i)
				b[i] -= factor[i * n + j] * b[j];
		}
		b[i] /= factor[i * n + i];
	}
	for (size_t i = n; i-- > 0;)
	{
		for (size_t j = i + 1; j < n; j++)
			b[i] -= factor[j * n + i] * b[j];
		b[i] /= factor[i * n + i];
	}
	return true;
}

/* The free variable that reaches 0 first on the way from x to the solution, and where; n_free: none does. */
static size_t
find_border(const Problem *problem, double *step)
{
	size_t border = problem->n_free;

	*step = 1;
	for (size_t i = 0; i < problem->n_free; i++)
	{
		double x = problem->x[problem->free[i]];
		double share = x / (x - problem->solution[i]);

		if (problem->solution[i] <= 0 && (border == problem->n_free || share < *step))
		{
			*step = share;
			border = i;
		}
	}
	return border;
}

/* Goes a step towards the solution; the variable at the border, and whoever else is at 0, is held there. */
static void
take_step(Problem *problem, double step, size_t border)
{
	size_t kept = 0;

	for (size_t i = 0; i < problem->n_free; i++)
	{
		size_t variable = problem->free[i];
		double *x = &problem->x[variable];

		*x += step * (problem->solution[i] - *x);
		if (i != border && *x > 0)
			problem->free[kept++] = variable;
		else
			*x = 0;
	}
	problem->n_free = kept;
}

/* Frees a variable and solves; false where that leads nowhere, and nothing has changed. */
static bool
enter(Problem *problem, size_t variable)
{
	problem->free[problem->n_free++] = variable;
	if (!solve_free(problem) || !(problem->solution[problem->n_free - 1] > 0))
	{
		problem->n_free--;
		return false;
	}
	for (;;)
	{
		double step;
		size_t border = find_border(problem, &step);

		if (border == problem->n_free)
			break;
		take_step(problem, step, border);
		(void) solve_free(problem); /* part of an independent set */
	}
	for (size_t i = 0; i < problem->n_free; i++)
		problem->x[problem->free[i]] = problem->solution[i];
	return true;
}

/* The variable whose gradient is largest, above tolerance; k: none is. */
static size_t
most_promising(const Problem *problem, double tolerance)
{
	size_t best = problem->k;

	for (size_t i = 0; i < problem->k; i++)
	{
		double gradient = problem->cross[i];

		if (problem->banned[i])
			continue;
		for (size_t j = 0; j < problem->n_free; j++)
			gradient -= problem->gram[i * problem->k + problem->free[j]] * problem->x[problem->free[j]];
		if (gradient > tolerance)
		{
			tolerance = gradient;
			best = i;
		}
	}
	return best;
}

static UimlStatus
descend(const UimlEnv *env, Problem *problem)
{
	size_t k = problem->k;
	double tolerance = 0;

	for (size_t i = 0; i < k; i++)
		tolerance = fmax(tolerance, fabs(problem->cross[i]) * NEGLIGIBLE);
	memset(problem->banned, 0, k * sizeof(bool));
	for (size_t round = 0; round < MAX_ROUNDS * k; round++)
	{
		size_t variable = most_promising(problem, tolerance);

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (variable == k)
			break;
		if (!enter(problem, variable))
		{
			problem->banned[variable] = true;
			continue;
		}
		memset(problem->banned, 0, k * sizeof(bool));
		for (size_t i = 0; i < problem->n_free; i++)
			problem->banned[problem->free[i]] = true;
	}
	return UIML_OK;
}

static bool
all_finite(const double *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(a[i]))
			return false;
	return true;
}

UimlStatus
uiml_nnls(const UimlEnv *env, size_t k, const double *gram, const double *cross, double *beta)
{
	Problem problem = {.k = k};
	double *numbers;
	UimlStatus status = UIML_ENOMEM;

	if (k == 0 || k > UIML_NNLS_MAX)
		return UIML_ELIMIT;
	if (!all_finite(gram, k * k) || !all_finite(cross, k))
		return UIML_ENOTFINITE;
	numbers = uiml_alloc(env, 2 * k * k + 4 * k, sizeof(double));
	problem.free = uiml_alloc(env, k + 1, sizeof(size_t));
	problem.banned = uiml_alloc(env, k, sizeof(bool));
	if (numbers != NULL && problem.free != NULL && problem.banned != NULL)
	{
		problem.gram = numbers;
		problem.factor = problem.gram + k * k;
		problem.cross = problem.factor + k * k;
		problem.scale = problem.cross + k;
		problem.x = problem.scale + k;
		problem.solution = problem.x + k;
		scale_problem(&problem, gram, cross);
		status = descend(env, &problem);
	}
	for (size_t i = 0; status == UIML_OK && i < k; i++)
		beta[i] = problem.scale[i] > 0 ? problem.x[i] / problem.scale[i] : 0;
	uiml_free(env, numbers);
	uiml_free(env, problem.free);
	uiml_free(env, problem.banned);
	return status;
}

/* --- matrices ------------------------------------------------------------------------------------------- */

/* The moments that are fitted, both triangles: about the means, or about the origin. */
typedef struct Moments
{
	size_t p, q;
	double *xx;  /* p x p */
	double *xy;  /* p x q */
	double *map; /* p x q: xx times a matrix */
	double yy;   /* the trace */
} Moments;

static void
read_moments(const UimlTransferStats *stats, bool intercept, Moments *m)
{
	double origin = intercept ? 0 : stats->weight;
	const double *x = uiml_transfer_mean_x(stats);
	const double *y = uiml_transfer_mean_y(stats);

	for (size_t i = 0; i < m->p; i++)
	{
		for (size_t j = i; j < m->p; j++)
			m->xx[i * m->p + j] = m->xx[j * m->p + i] =
				uiml_transfer_cxx(stats)[i * m->p + j] + origin * x[i] * x[j];
		for (size_t j = 0; j < m->q; j++)
			m->xy[i * m->q + j] = uiml_transfer_cxy(stats)[i * m->q + j] + origin * x[i] * y[j];
	}
	m->yy = 0;
	for (size_t j = 0; j < m->q; j++)
		m->yy += uiml_transfer_cyy(stats)[j * m->q + j] + origin * y[j] * y[j];
}

static double
inner_product(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* gram_kl = <W_k, Cxx W_l>, cross_k = <W_k, Cxy> */
static UimlStatus
form_equations(const UimlEnv *env, const Moments *m, size_t k, const double *const *w, double *gram,
			   double *cross)
{
	size_t cells = m->p * m->q;

	for (size_t i = 0; i < k; i++)
	{
		UimlStatus status = uiml_gemm_f64(env, false, false, m->p, m->q, m->p, 1, m->xx, w[i], 0, m->map);

		if (status != UIML_OK)
			return status;
		for (size_t j = 0; j <= i; j++)
			gram[i * k + j] = gram[j * k + i] = inner_product(w[j], m->map, cells);
		cross[i] = inner_product(w[i], m->xy, cells);
	}
	return UIML_OK;
}

/* The sum of the matrices, and the squared error of it: yy - 2 beta' cross + beta' gram beta. */
static double
add_up(const Moments *m, size_t k, const double *const *w, const double *gram, const double *cross,
	   const double *beta, double *stacked)
{
	double error = m->yy;

	memset(stacked, 0, m->p * m->q * sizeof(double));
	for (size_t i = 0; i < k; i++)
	{
		if (beta[i] == 0)
			continue;
		for (size_t c = 0; c < m->p * m->q; c++)
			stacked[c] += beta[i] * w[i][c];
		error += beta[i] * (inner_product(gram + i * k, beta, k) - 2 * cross[i]);
	}
	return fmax(error, 0);
}

UimlStatus
uiml_transfer_stack(const UimlEnv *env, const UimlTransferStats *stats, size_t k, const double *const *w,
					bool intercept, double *beta, double *stacked, double *error)
{
	Moments m = {.p = stats->p, .q = stats->q};
	double *gram, *cross;
	UimlStatus status = UIML_ENOMEM;

	if (stats->n == 0)
		return UIML_EEMPTY;
	if (k == 0 || k > UIML_NNLS_MAX)
		return UIML_ELIMIT;
	gram = uiml_alloc(env, k * k, sizeof(double));
	cross = uiml_alloc(env, k, sizeof(double));
	m.xx = uiml_alloc(env, m.p * m.p, sizeof(double));
	m.xy = uiml_alloc(env, m.p * m.q, sizeof(double));
	m.map = uiml_alloc(env, m.p * m.q, sizeof(double));
	if (gram != NULL && cross != NULL && m.xx != NULL && m.xy != NULL && m.map != NULL)
	{
		read_moments(stats, intercept, &m);
		status = form_equations(env, &m, k, w, gram, cross);
	}
	if (status == UIML_OK)
		status = uiml_nnls(env, k, gram, cross, beta);
	if (status == UIML_OK)
	{
		double sum = add_up(&m, k, w, gram, cross, beta, stacked);

		if (error != NULL)
			*error = sum / stats->weight;
	}
	uiml_free(env, gram);
	uiml_free(env, cross);
	uiml_free(env, m.xx);
	uiml_free(env, m.xy);
	uiml_free(env, m.map);
	return status;
}
