/*
 * minimise.c
 *	  The lowest point of a function of one variable: a grid, then golden section.
 *
 * Held-out losses are smooth and have one valley on a logarithmic scale, but nobody knows where: the grid
 * finds it, and golden section needs no derivative to get to its floor.
 */
#include "core/minimise.h"

#include <math.h>

static const double golden = 0.6180339887498949;

typedef struct Minimum
{
	UimlFunction f;
	void *ctx;
	double x;
	double y;
} Minimum;

/* f(x), remembered when it is the lowest so far. */
static UimlStatus
evaluate(const UimlEnv *env, Minimum *minimum, double x, double *y)
{
	if (uiml_interrupted(env))
		return UIML_EINTERRUPTED;
	*y = minimum->f(minimum->ctx, x);
	if (*y < minimum->y)
	{
		minimum->x = x;
		minimum->y = *y;
	}
	return UIML_OK;
}

static UimlStatus
golden_section(const UimlEnv *env, Minimum *minimum, double low, double high, double accuracy)
{
	double left = high - golden * (high - low);
	double right = low + golden * (high - low);
	double at_left, at_right;
	UimlStatus status = evaluate(env, minimum, left, &at_left);

	if (status == UIML_OK)
		status = evaluate(env, minimum, right, &at_right);
	while (status == UIML_OK && high - low > accuracy)
	{
		if (at_left <= at_right)
		{
			high = right;
			right = left;
			at_right = at_left;
			left = high - golden * (high - low);
			status = evaluate(env, minimum, left, &at_left);
		}
		else
		{
			low = left;
			left = right;
			at_left = at_right;
			right = low + golden * (high - low);
			status = evaluate(env, minimum, right, &at_right);
		}
	}
	return status;
}

UimlStatus
uiml_minimise(const UimlEnv *env, UimlFunction f, void *ctx, double low, double high, size_t steps,
			  double accuracy, double *x, double *y)
{
	Minimum minimum = {f, ctx, low, INFINITY};
	double step = (high - low) / (double) steps;
	UimlStatus status = UIML_OK;

	*x = low;
	for (size_t i = 0; status == UIML_OK && i <= steps; i++)
	{
		status = evaluate(env, &minimum, low + (double) i * step, y);
		if (status == UIML_OK && isnan(*y))
			return UIML_OK;
	}
	if (status == UIML_OK)
		status = golden_section(env, &minimum, fmax(minimum.x - step, low), fmin(minimum.x + step, high),
								accuracy);
	*x = minimum.x;
	*y = minimum.y;
	return status;
}
