/*
 * lbfgs.c
 *	  Limited-memory BFGS with a line search to the strong Wolfe conditions.
 *
 * The direction is -H g by the two-loop recursion over the last HISTORY pairs of steps and changes of the
 * gradient (Nocedal 1980); H starts from the scale where one is given, times s'y / y'(scale y) of the newest
 * pair (Shanno & Phua 1978).  The line search brackets a step and zooms in by cubic interpolation (Nocedal &
 * Wright 2006, algorithms 3.5 and 3.6): an evaluation may be a pass over a table, and the step of 1 that is
 * tried first nearly always ends it.  The curvature condition makes s'y > 0 for every pair, so H stays
 * positive definite.
 *
 * Numerical caveat: near the minimum the decrease drowns in the rounding of the value while the gradient is
 * still good.  A step is then judged by the slope alone (the approximate Wolfe conditions of Hager & Zhang
 * 2005): the value may rise by NOISE of itself, and the slope must have shrunk.
 */
#include "core/lbfgs.h"

#include <math.h>
#include <string.h>

#define HISTORY    10
#define DECREASE   1e-4 /* c1: of what the slope promises */
#define CURVATURE  .9   /* c2: of the slope */
#define LARGEST    1e20 /* step */
#define NOISE      1e-10
#define LINE_STEPS 30

/* A point on the line x + step * direction. */
typedef struct LinePoint
{
	double step;
	double value;
	double slope; /* gradient' direction */
} LinePoint;

typedef struct Search
{
	const UimlEnv *env;
	UimlGradientFn f;
	void *ctx;
	size_t n;
	const UimlLbfgsParams *params;
	UimlLbfgsResult *result;
	double *x;         /* n: where the line starts */
	double *gradient;  /* n: there */
	double *direction; /* n */
	double *at;        /* n: where it was evaluated last */
	double *there;     /* n: the gradient there */
	double *s;         /* HISTORY x n: steps, a ring */
	double *y;         /* HISTORY x n: changes of the gradient */
	double rho[HISTORY];
	size_t pairs; /* ever kept */
} Search;

UimlLbfgsParams
uiml_lbfgs_defaults(void)
{
	return (UimlLbfgsParams){.tolerance = 1e-5, .most = 500};
}

static double
dot(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* a += factor * b. */
static void
add_scaled(double *a, double factor, const double *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		a[i] += factor * b[i];
}

/* g' (scale g): the squared norm that convergence is told by. */
static double
scaled_square(const Search *search, const double *g)
{
	double sum = 0;

	if (search->params->scale == NULL)
		return dot(g, g, search->n);
	for (size_t i = 0; i < search->n; i++)
		sum += g[i] * g[i] * search->params->scale[i];
	return sum;
}

/* Evaluates the point a step along the line, into at and there. */
static UimlStatus
evaluate(Search *search, double step, LinePoint *point)
{
	UimlStatus status;

	if (uiml_interrupted(search->env))
		return UIML_EINTERRUPTED;
	memcpy(search->at, search->x, search->n * sizeof(double));
	add_scaled(search->at, step, search->direction, search->n);
	search->result->evaluations++;
	point->step = step;
	status = search->f(search->ctx, search->at, &point->value, search->there);
	point->slope = status == UIML_OK ? dot(search->there, search->direction, search->n) : NAN;
	return status;
}

static bool
is_finite(const LinePoint *point)
{
	return isfinite(point->value) && isfinite(point->slope);
}

/* Low enough: the first Wolfe condition, or as low as can be told. */
static bool
descends(const LinePoint *start, const LinePoint *point)
{
	if (!is_finite(point))
		return false;
	if (point->value <= start->value + DECREASE * point->step * start->slope)
		return true;
	return point->value <= start->value + NOISE * fabs(start->value) &&
		   point->slope <= (2 * DECREASE - 1) * start->slope;
}

static bool
is_flat(const LinePoint *start, const LinePoint *point)
{
	return fabs(point->slope) <= -CURVATURE * start->slope;
}

/* Where the cubic through both points has its minimum, kept off the ends; the middle where it has none. */
static double
interpolate(const LinePoint *a, const LinePoint *b)
{
	double width = b->step - a->step;
	double d1 = a->slope + b->slope - 3 * (b->value - a->value) / width;
	double square = d1 * d1 - a->slope * b->slope;
	double d2 = copysign(sqrt(square), width);
	double step = b->step - width * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
	double low = fmin(a->step, b->step) + .1 * fabs(width);
	double high = fmax(a->step, b->step) - .1 * fabs(width);

	if (!(square >= 0) || !isfinite(step) || !is_finite(b))
		return a->step + .5 * width;
	return fmin(fmax(step, low), high);
}

/* Algorithm 3.6: low is the lowest point known to descend, and the minimum lies between it and high. */
static UimlStatus
zoom(Search *search, const LinePoint *start, LinePoint low, LinePoint high, size_t left, LinePoint *point)
{
	UimlStatus status = UIML_OK;

	for (; status == UIML_OK && left > 0; left--)
	{
		status = evaluate(search, interpolate(&low, &high), point);
		if (status != UIML_OK)
			return status;
		if (!descends(start, point) || point->value > low.value + NOISE * fabs(low.value))
			high = *point;
		else
		{
			if (is_flat(start, point))
				return UIML_OK;
			if (point->slope * (high.step - low.step) >= 0)
				high = low;
			low = *point;
		}
	}

	/* the bracket is as narrow as rounding lets it be: the low end will do, and a step of 0 says stop */
	return evaluate(search, low.step, point);
}

/* Algorithm 3.5: a step to where both Wolfe conditions hold. */
static UimlStatus
search_line(Search *search, const LinePoint *start, double step, LinePoint *point)
{
	LinePoint before = *start;

	for (size_t left = LINE_STEPS; left > 0; left--)
	{
		UimlStatus status = evaluate(search, step, point);

		if (status != UIML_OK)
			return status;
		if (!descends(start, point) || (before.step > 0 && point->value >= before.value))
			return zoom(search, start, before, *point, left, point);
		if (is_flat(start, point))
			return UIML_OK;
		if (point->slope >= 0)
			return zoom(search, start, *point, before, left, point);
		before = *point;
		step = fmin(4 * step, LARGEST);
	}
	return UIML_OK;
}

/* direction = -H gradient by the two-loop recursion. */
static void
turn(Search *search)
{
	const double *scale = search->params->scale;
	double *q = search->direction;
	double alpha[HISTORY] = {0};
	size_t n = search->n;
	size_t kept = search->pairs < HISTORY ? search->pairs : HISTORY;
	double gamma = 1;

	for (size_t i = 0; i < n; i++)
		q[i] = -search->gradient[i];
	for (size_t k = 1; k <= kept; k++)
	{
		size_t at = (search->pairs - k) % HISTORY;

		alpha[at] = search->rho[at] * dot(search->s + at * n, q, n);
		add_scaled(q, -alpha[at], search->y + at * n, n);
	}
	if (kept > 0)
	{
		size_t at = (search->pairs - 1) % HISTORY;

		gamma = 1 / (search->rho[at] * scaled_square(search, search->y + at * n));
	}
	for (size_t i = 0; i < n; i++)
		q[i] *= scale != NULL ? gamma * scale[i] : gamma;
	for (size_t k = kept; k >= 1; k--)
	{
		size_t at = (search->pairs - k) % HISTORY;

		add_scaled(q, alpha[at] - search->rho[at] * dot(search->y + at * n, q, n), search->s + at * n, n);
	}
}

/* Moves to the point that was evaluated last, and keeps the pair. */
static void
move(Search *search)
{
	size_t n = search->n;
	size_t at = search->pairs % HISTORY;
	double *s = search->s + at * n;
	double *y = search->y + at * n;
	double curvature;

	for (size_t i = 0; i < n; i++)
	{
		s[i] = search->at[i] - search->x[i];
		y[i] = search->there[i] - search->gradient[i];
	}
	memcpy(search->x, search->at, n * sizeof(double));
	memcpy(search->gradient, search->there, n * sizeof(double));
	curvature = dot(s, y, n);
	if (curvature > 0 && isfinite(1 / curvature))
	{
		search->rho[at] = 1 / curvature;
		search->pairs++;
	}
}

/* Iterations from a first evaluation on. */
static UimlStatus
descend(Search *search, LinePoint here)
{
	const UimlLbfgsParams *params = search->params;
	UimlLbfgsResult *result = search->result;
	UimlStatus status = UIML_OK;

	while (status == UIML_OK)
	{
		LinePoint point = here;
		double first = 1;

		result->value = here.value;
		result->norm = sqrt(scaled_square(search, search->gradient));
		result->converged = result->norm <= fmax(params->tolerance * result->first, params->enough);
		if (result->converged || result->evaluations >= params->most)
			break;
		turn(search);
		here.step = 0;
		here.slope = dot(search->gradient, search->direction, search->n);
		if (!(here.slope < 0))
		{
			result->converged = true;
			break;
		}

		/* nothing is known of the curvature yet, unless there is a scale */
		if (search->pairs == 0 && search->params->scale == NULL)
			first = 1 / result->norm;
		status = search_line(search, &here, first, &point);
		if (status != UIML_OK || !is_finite(&point))
			break;
		if (point.step == 0)
		{
			result->converged = true;
			break;
		}
		move(search);
		result->iterations++;
		here = point;
	}
	return status;
}

static UimlStatus
start(Search *search)
{
	UimlLbfgsResult *result = search->result;
	LinePoint here;
	UimlStatus status;

	memset(search->direction, 0, search->n * sizeof(double));
	status = evaluate(search, 0, &here);
	if (status != UIML_OK)
		return status;
	memcpy(search->gradient, search->there, search->n * sizeof(double));
	result->value = here.value;
	result->first = result->norm = sqrt(scaled_square(search, search->gradient));
	if (!isfinite(here.value) || !isfinite(result->first))
		return UIML_ENOTFINITE;
	return descend(search, here);
}

UimlStatus
uiml_lbfgs(const UimlEnv *env, UimlGradientFn f, void *ctx, size_t n, const UimlLbfgsParams *params,
		   double *x, UimlLbfgsResult *result)
{
	Search search = {.env = env, .f = f, .ctx = ctx, .n = n, .params = params, .result = result, .x = x};
	double *room;
	UimlStatus status = UIML_ENOMEM;

	*result = (UimlLbfgsResult){0};
	if (n == 0 || !(params->tolerance >= 0) || !(params->enough >= 0) || params->most == 0)
		return UIML_EINVALID;
	room = n <= SIZE_MAX / (2 * HISTORY + 4) ? uiml_alloc(env, n * (2 * HISTORY + 4), sizeof(double)) : NULL;
	if (room != NULL)
	{
		search.gradient = room;
		search.direction = room + n;
		search.at = room + 2 * n;
		search.there = room + 3 * n;
		search.s = room + 4 * n;
		search.y = search.s + HISTORY * n;
		status = start(&search);
	}
	uiml_free(env, room);
	return status;
}
