/*
 * vector.c
 *	  Arithmetic and distances of dense float vectors.
 */
#include "core/vector.h"

#include <math.h>

bool
uiml_vector_is_finite(const float *x, size_t dim)
{
	bool finite = true;

	/* no early exit: the loop vectorises, and the answer is almost always yes */
	for (size_t i = 0; i < dim; i++)
		finite &= fabsf(x[i]) <= 3.40282347e+38f;
	return finite;
}
