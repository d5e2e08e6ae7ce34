/*
 * lstm_ops_plain.h
 *	  The operations of the network in plain loops.
 */

static inline void
op_pack_inputs(const real *rows, size_t k, size_t n, size_t ld, real *packed)
{
	for (size_t p = 0; p < k; p++)
		memcpy(packed + p * n, rows + p * ld, n * sizeof(real));
}

static inline void
op_pack_outputs(const real *rows, size_t n, size_t k, size_t ld, real *packed)
{
	for (size_t p = 0; p < k; p++)
		for (size_t j = 0; j < n; j++)
			packed[p * n + j] = rows[j * ld + p];
}

static inline void
op_affine(size_t m, size_t k, size_t n, const real *x, size_t ldx, const real *packed, const real *bias,
		  const real *residual, size_t ldr, real *y, size_t ldy)
{
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++)
		{
			real sum = 0;

			for (size_t p = 0; p < k; p++)
				sum += x[i * ldx + p] * packed[p * n + j];
			sum += bias == NULL ? 0 : bias[j];
			y[i * ldy + j] = sum + (residual == NULL ? 0 : residual[i * ldr + j]);
		}
}

/* c (m x n) += a'b with so many rows of a and b. */
static inline void
op_add_product(size_t m, size_t n, size_t rows, const real *a, size_t lda, const real *b, size_t ldb, real *c,
			   size_t ldc)
{
	for (size_t i = 0; i < rows; i++)
		for (size_t p = 0; p < m; p++)
		{
			real x = a[i * lda + p];

			for (size_t j = 0; j < n; j++)
				c[p * ldc + j] += x * b[i * ldb + j];
		}
}

/* Row index[r] of sum (n elements, lds apart) += row r of x; all are added to the first one where index is NULL. */
static inline void
op_add_rows(size_t rows, size_t n, const real *x, size_t ld, const uint32_t *index, real *sum, size_t lds)
{
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < n; j++)
			sum[(index == NULL ? 0 : index[i] * lds) + j] += x[i * ld + j];
}

/* y += x times factor. */
static inline void
op_add_scaled(size_t n, real factor, const real *x, real *y)
{
	for (size_t j = 0; j < n; j++)
		y[j] += x[j] * factor;
}

static inline real
op_sigmoid(real x)
{
	return 1 / (1 + (real) exp(-(double) x));
}

/*
 * z (m x 4H), to which row r adds row index[r] of table, becomes the activated gates i f g o; c = f c_before + i g, tanh_c =
 * tanh(c), h = o tanh_c, each m x H.  c_before is NULL where it is zero: then z isn't read, but what table says.  Table may
 * be NULL: z is all there is.
 */
static inline void
op_gates_forward(size_t m, size_t hidden, real *z, const real *table, const uint32_t *index,
				 const real *c_before, real *c, real *tanh_c, real *h)
{
	for (size_t r = 0; table != NULL && r < m; r++)
		for (size_t j = 0; j < 4 * hidden; j++)
			z[r * 4 * hidden + j] =
				table[index[r] * 4 * hidden + j] + (c_before == NULL ? 0 : z[r * 4 * hidden + j]);
	for (size_t r = 0; r < m; r++)
		for (size_t j = 0; j < hidden; j++)
		{
			real *gate = z + r * 4 * hidden + j;
			size_t at = r * hidden + j;

			gate[0] = op_sigmoid(gate[0]);
			gate[hidden] = op_sigmoid(gate[hidden]);
			gate[2 * hidden] = (real) tanh((double) gate[2 * hidden]);
			gate[3 * hidden] = op_sigmoid(gate[3 * hidden]);
			c[at] = gate[0] * gate[2 * hidden] + (c_before == NULL ? 0 : gate[hidden] * c_before[at]);
			tanh_c[at] = (real) tanh((double) c[at]);
			h[at] = gate[3 * hidden] * tanh_c[at];
		}
}

/*
 * z, the activated gates, becomes the gradient of what they were activated from; dh (m x H) is the gradient of h, and dc
 * (m x H), what the next step found for c, becomes the gradient of c_before.
 */
static inline void
op_gates_backward(size_t m, size_t hidden, real *z, const real *c_before, const real *tanh_c, const real *dh,
				  real *dc)
{
	for (size_t r = 0; r < m; r++)
		for (size_t j = 0; j < hidden; j++)
		{
			real *gate = z + r * 4 * hidden + j;
			size_t at = r * hidden + j;
			real i = gate[0], f = gate[hidden], g = gate[2 * hidden], o = gate[3 * hidden];
			real gradient = dc[at] + dh[at] * o * (1 - tanh_c[at] * tanh_c[at]);

			gate[0] = gradient * g * i * (1 - i);
			gate[hidden] = c_before == NULL ? 0 : gradient * c_before[at] * f * (1 - f);
			gate[2 * hidden] = gradient * i * (1 - g * g);
			gate[3 * hidden] = dh[at] * tanh_c[at] * o * (1 - o);
			dc[at] = gradient * f;
		}
}

/*
 * Each of m rows of n logits becomes (softmax - 1 at its target) times factor; without targets these are all the last one.
 * Returns the sum of cross-entropies, and adds to *hits the rows whose target has the highest logit.
 */
static inline double
op_cross_entropy(size_t m, size_t n, real *logit, size_t ld, const uint32_t *target, real factor,
				 size_t *hits)
{
	double entropy = 0;

	for (size_t r = 0; r < m; r++)
	{
		real *row = logit + r * ld;
		size_t at = target == NULL ? n - 1 : target[r];
		real top = row[0], own = row[at];
		double sum = 0;

		for (size_t j = 1; j < n; j++)
			top = row[j] > top ? row[j] : top;
		for (size_t j = 0; j < n; j++)
		{
			/* subtract the maximum: exp overflows above 88 */
			row[j] = (real) exp((double) (row[j] - top));
			sum += row[j];
		}
		for (size_t j = 0; j < n; j++)
			row[j] *= (real) (factor / sum);
		row[at] -= factor;
		/* of which the largest is 1 */
		entropy += log(sum > 1 ? sum : 1) - (double) (own - top);
		*hits += own >= top;
	}
	return entropy;
}

static inline double
op_square_sum(size_t n, const real *x)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double) x[i] * (double) x[i];
	return sum;
}

/* first and second are n moments. */
static inline void
op_adam(const OpStep *step, size_t n, const real *gradient, real *first, real *second, real *weight)
{
	for (size_t i = 0; i < n; i++)
	{
		real g = gradient[i] * step->scale;

		first[i] += (g - first[i]) * (real) (1 - ADAM_BETA_1);
		second[i] += (g * g - second[i]) * (real) (1 - ADAM_BETA_2);
		weight[i] -= step->rate * first[i] / ((real) sqrt((double) second[i]) + (real) ADAM_EPS);
	}
}

static inline void
op_adagrad(const OpStep *step, size_t n, const real *gradient, real *squares, real *weight)
{
	for (size_t i = 0; i < n; i++)
	{
		real g = gradient[i] * step->scale;

		squares[i] += g * g;
		weight[i] -= step->rate * g / ((real) sqrt((double) squares[i]) + (real) ADAGRAD_EPS);
	}
}
