/*
 * lstm_ops_kernels.h
 *	  The operations of the network by kernels.
 *
 * What each computes is said where it is plain, in lstm_ops_plain.h.
 */

static inline void
op_pack_inputs(const real *rows, size_t k, size_t n, size_t ld, real *packed)
{
	uiml_kernels()->pack_inputs(rows, k, n, ld, packed);
}

static inline void
op_pack_outputs(const real *rows, size_t n, size_t k, size_t ld, real *packed)
{
	uiml_kernels()->pack_outputs(rows, n, k, ld, packed);
}

static inline void
op_affine(size_t m, size_t k, size_t n, const real *x, size_t ldx, const real *packed, const real *bias,
		  const real *residual, size_t ldr, real *y, size_t ldy)
{
	UimlAffine affine = {.m = m,
						 .k = k,
						 .n = n,
						 .x = x,
						 .ldx = ldx,
						 .panels = packed,
						 .bias = bias,
						 .residual = residual,
						 .ldr = ldr,
						 .activation = UIML_ACTIVATION_NONE,
						 .y = y,
						 .ldy = ldy};

	uiml_kernels()->affine(&affine);
}

static inline void
op_add_product(size_t m, size_t n, size_t rows, const real *a, size_t lda, const real *b, size_t ldb, real *c,
			   size_t ldc)
{
	uiml_kernels()->outer_add(a, lda, b, ldb, rows, m, n, c, ldc);
}

static inline void
op_add_rows(size_t rows, size_t n, const real *x, size_t ld, const uint32_t *index, real *sum, size_t lds)
{
	uiml_kernels()->add_rows(rows, n, x, ld, index, sum, lds);
}

static inline void
op_add_scaled(size_t n, real factor, const real *x, real *y)
{
	const uint32_t first = 0;

	uiml_kernels()->gather_rows(&first, &factor, 1, x, n, n, y);
}

static inline void
op_gates_forward(size_t m, size_t hidden, real *z, const real *table, const uint32_t *index,
				 const real *c_before, real *c, real *tanh_c, real *h)
{
	const UimlLstmGates step = {.rows = m,
								.hidden = hidden,
								.gates = z,
								.input = table,
								.index = index,
								.first = table != NULL && c_before == NULL,
								.c_before = c_before,
								.c = c,
								.tanh_c = tanh_c,
								.h = h};

	uiml_kernels()->lstm_forward(&step);
}

static inline void
op_gates_backward(size_t m, size_t hidden, real *z, const real *c_before, const real *tanh_c, const real *dh,
				  real *dc)
{
	const UimlLstmGates step = {.rows = m,
								.hidden = hidden,
								.gates = z,
								.c_before = c_before,
								.tanh_c = (real *) tanh_c,
								.dh = dh,
								.dc = dc};

	uiml_kernels()->lstm_backward(&step);
}

static inline double
op_cross_entropy(size_t m, size_t n, real *logit, size_t ld, const uint32_t *target, real factor,
				 size_t *hits)
{
	return uiml_kernels()->cross_entropy(logit, m, n, ld, target, factor, hits);
}

static inline double
op_square_sum(size_t n, const real *x)
{
	return uiml_kernels()->square_sum(x, n);
}

static inline void
op_adam(const OpStep *step, size_t n, const real *gradient, real *first, real *second, real *weight)
{
	const UimlOptimizer optimizer = {.weight = weight,
									 .gradient = gradient,
									 .mean = first,
									 .square = second,
									 .scale = step->scale,
									 .rate = step->rate,
									 .mean_rate = (real) (1 - ADAM_BETA_1),
									 .square_rate = (real) (1 - ADAM_BETA_2),
									 .epsilon = (real) ADAM_EPS};

	uiml_kernels()->adam(&optimizer, n);
}

static inline void
op_adagrad(const OpStep *step, size_t n, const real *gradient, real *squares, real *weight)
{
	const UimlOptimizer optimizer = {.weight = weight,
									 .gradient = gradient,
									 .square = squares,
									 .scale = step->scale,
									 .rate = step->rate,
									 .epsilon = (real) ADAGRAD_EPS};

	uiml_kernels()->adagrad(&optimizer, n);
}
