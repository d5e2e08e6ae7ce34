/*
 * kernels_lstm.h
 *	  What training an LSTM consists of beside products with packed weights.
 *
 * tanh(x) is x P(x^2) / Q(x^2) up to 9, where it rounds to 1: P and Q of degree 4, fitted for the lowest relative error
 * (2.1e-8 before rounding).  The logistic function is taken from exp of what is negative, so that small values have all
 * their digits.  Square roots are x times Newton's inverse root, as in inverse_root.
 *
 * c += a'b keeps a tile of c, OUTER_ROWS columns of a by OUTER_VECTORS vectors of b, in registers while a block of rows
 * goes by.  The columns of b, which lie as far apart as its rows are long and so share few sets of the first cache, are
 * copied there once for all columns of a.
 */
#if LANES == 16
#define OUTER_ROWS    12 /* 24 sums, 2 loads, 1 element: within 32 registers */
#define OUTER_VECTORS 2
#define OUTER_UNROLL
#elif defined(__aarch64__)
#define OUTER_ROWS    6 /* 24 sums, 4 loads, 1 element: within 32 registers */
#define OUTER_VECTORS 4
#define OUTER_UNROLL
#else
#define OUTER_ROWS    6 /* 12 sums, 2 loads, 1 element: within 16 registers */
#define OUTER_VECTORS 2
#define OUTER_UNROLL  UIML_PRAGMA(GCC unroll 2)
#endif

#define OUTER_BLOCK 128 /* rows; their columns of b take half of a first cache of 32 kB at most */

/* Sums of rows of x's columns times y's, which lie packed; columns <= OUTER_ROWS and vectors are constants where inlined. */
INLINE void
outer_tile(const float *a, size_t lda, const float *b, size_t rows, float *c, size_t ldc,
		   const size_t columns, const size_t vectors)
{
	Lanes s[OUTER_ROWS][OUTER_VECTORS];

#pragma GCC unroll 12
	for (size_t i = 0; i < columns; i++)
#pragma GCC unroll 4
		for (size_t v = 0; v < vectors; v++)
			s[i][v] = LOAD(c + i * ldc + v * LANES);
	OUTER_UNROLL
	for (size_t r = 0; r < rows; r++)
	{
		Lanes y[OUTER_VECTORS];

#pragma GCC unroll 4
		for (size_t v = 0; v < vectors; v++)
			y[v] = LOAD(b + (r * vectors + v) * LANES);
#pragma GCC unroll 12
		for (size_t i = 0; i < columns; i++)
#pragma GCC unroll 4
			for (size_t v = 0; v < vectors; v++)
				s[i][v] += y[v] * a[r * lda + i];
	}
#pragma GCC unroll 12
	for (size_t i = 0; i < columns; i++)
#pragma GCC unroll 4
		for (size_t v = 0; v < vectors; v++)
			*(LooseLanes *) (c + i * ldc + v * LANES) = s[i][v];
}

/* left <= width columns of so many rows, from one place to another. */
INLINE void
copy_columns(const float *from, size_t ld_from, size_t rows, size_t left, float *to, size_t ld_to)
{
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < left; j++)
			to[i * ld_to + j] = LOAD_ONE(from + i * ld_from + j);
}

/*
 * m of a's columns in groups of about equally many, 1 .. OUTER_ROWS each.  Of b's columns only so many as are left are c's:
 * all of the vectors', a constant then, or fewer.
 */
INLINE void
outer_columns(const float *a, size_t lda, const float *b, size_t rows, size_t m, float *c, size_t ldc,
			  size_t left, const size_t vectors)
{
	float part[OUTER_ROWS * OUTER_VECTORS * LANES] = {0};
	size_t groups = (m + OUTER_ROWS - 1) / OUTER_ROWS, width = vectors * LANES;

	for (size_t g = 0, i = 0; g < groups; g++)
	{
		size_t columns = (m - i + groups - g - 1) / (groups - g), ld = ldc;
		float *tile = c + i * ldc;

		if (left < width)
		{
			copy_columns(tile, ldc, columns, left, part, width);
			tile = part;
			ld = width;
		}
		switch (columns)
		{
#define OUTER_CASE(COLUMNS)                                                                                  \
	case COLUMNS:                                                                                            \
		outer_tile(a + i, lda, b, rows, tile, ld, COLUMNS, vectors);                                         \
		break;
#if OUTER_ROWS == 12
			OUTER_CASE(12)
			OUTER_CASE(11)
			OUTER_CASE(10)
			OUTER_CASE(9)
			OUTER_CASE(8)
			OUTER_CASE(7)
#endif
			OUTER_CASE(6)
			OUTER_CASE(5)
			OUTER_CASE(4)
			OUTER_CASE(3)
			OUTER_CASE(2)
			OUTER_CASE(1)
#undef OUTER_CASE
		}
		if (left < width)
			copy_columns(part, width, columns, left, c + i * ldc, ldc);
		i += columns;
	}
}

/* One block of rows, and so many vectors of b's columns. */
static __attribute__((noinline)) void
outer_block(const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t m, float *c,
			size_t ldc)
{
	float packed[OUTER_BLOCK * OUTER_VECTORS * LANES] __attribute__((aligned(64)));

	for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 4
		for (size_t v = 0; v < OUTER_VECTORS; v++)
			*(Lanes *) (packed + (r * OUTER_VECTORS + v) * LANES) = LOAD(b + r * ldb + v * LANES);
	outer_columns(a, lda, packed, rows, m, c, ldc, OUTER_VECTORS * LANES, OUTER_VECTORS);
}

/* The same for one vector, or a part of one. */
static __attribute__((noinline)) void
outer_rest(const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t m, size_t left,
		   float *c, size_t ldc)
{
	float packed[OUTER_BLOCK * LANES] __attribute__((aligned(64)));

	for (size_t r = 0; r < rows; r++)
		*(Lanes *) (packed + r * LANES) = load_left(b + r * ldb, left);
	outer_columns(a, lda, packed, rows, m, c, ldc, left < LANES ? left : LANES, 1);
}

static void
outer_add(const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t m, size_t n, float *c,
		  size_t ldc)
{
	for (size_t r = 0; r < rows; r += OUTER_BLOCK)
	{
		size_t block = rows - r < OUTER_BLOCK ? rows - r : OUTER_BLOCK;
		size_t j = 0;

		for (; n - j >= OUTER_VECTORS * LANES; j += OUTER_VECTORS * LANES)
			outer_block(a + r * lda, lda, b + r * ldb + j, ldb, block, m, c + j, ldc);
		for (; j < n; j += LANES)
			outer_rest(a + r * lda, lda, b + r * ldb + j, ldb, block, m, n - j, c + j, ldc);
	}
}

#define LOG2_E   1.44269504f
#define TANH_ONE 9.02f /* from where on tanh is 1 */

INLINE Lanes
lanes_tanh(Lanes x)
{
	const Lanes most = (Lanes){0} + TANH_ONE;
	Lanes a = ABSOLUTE(x), z, p, q;

	z = SELECT(Lanes, a > most, most, a);
	x = (Lanes) (((IntLanes) x & ~0x7fffffff) | (IntLanes) z);
	z = z * z;
	p = (1.3318953560641658e-8f * z + 2.0583393744984767e-5f) * z + 3.4940292116582713e-3f;
	q = (7.761970284970247e-7f * z + 3.2830841001671115e-4f) * z + 2.5871052881843482e-2f;
	p = (p * z + 1.337971345112888e-1f) * z + 9.999999790279409e-1f;
	q = (q * z + 4.671302869497811e-1f) * z + 1.0f;
	return x * (p / q);
}

/* 1 / (1 + exp(-x)). */
INLINE Lanes
lanes_logistic(Lanes x)
{
	const Lanes none = {0};
	Lanes e = lanes_exp(0.0f - ABSOLUTE(x), none);

	return SELECT(Lanes, x < 0.0f, e, none + 1.0f) / (1.0f + e);
}

/* Four gates of some units, in Keras's order. */
typedef struct Gates
{
	Lanes input, forget, candidate, output;
} Gates;

INLINE Gates
load_gates(const float *z, size_t hidden, size_t left)
{
	Gates g;

	g.input = load_left(z, left);
	g.forget = load_left(z + hidden, left);
	g.candidate = load_left(z + 2 * hidden, left);
	g.output = load_left(z + 3 * hidden, left);
	return g;
}

INLINE void
store_left(float *x, size_t left, Lanes lanes)
{
	if (left >= LANES)
		*(LooseLanes *) x = lanes;
	else
		store_part(x, left, lanes);
}

INLINE void
store_gates(float *z, size_t hidden, size_t left, Gates g)
{
	store_left(z, left, g.input);
	store_left(z + hidden, left, g.forget);
	store_left(z + 2 * hidden, left, g.candidate);
	store_left(z + 3 * hidden, left, g.output);
}

/* z = activated x (+ z) of n elements of a gate, by tanh or by the logistic function; hyperbolic is a constant. */
INLINE void
activate_row(float *z, const float *x, bool add_z, size_t n, const bool hyperbolic)
{
	for (size_t j = 0; j < n; j += LANES)
	{
		Lanes sum = load_left(x + j, n - j);

		if (add_z)
			sum += load_left(z + j, n - j);
		store_left(z + j, n - j, hyperbolic ? lanes_tanh(sum) : lanes_logistic(sum));
	}
}

/* A row's c, tanh_c and h from its gates. */
INLINE void
cells_forward(const UimlLstmGates *s, size_t r)
{
	size_t hidden = s->hidden;
	const float *z = s->gates + 4 * r * hidden;

	for (size_t j = 0; j < hidden; j += LANES)
	{
		size_t left = hidden - j, at = r * hidden + j;
		Gates g = load_gates(z + j, hidden, left);
		Lanes c = g.input * g.candidate, tanh_c;

		if (s->c_before != NULL)
			c += g.forget * load_left(s->c_before + at, left);
		tanh_c = lanes_tanh(c);
		store_left(s->c + at, left, c);
		store_left(s->tanh_c + at, left, tanh_c);
		store_left(s->h + at, left, g.output * tanh_c);
	}
}

/*
 * Gate by gate, and what depends on all of them last: so many elements' polynomials are computed at a time as a processor
 * looks ahead, where a unit's would be one long chain.
 */
static void
lstm_forward(const UimlLstmGates *s)
{
	size_t hidden = s->hidden;
	bool add_z = s->input != NULL && !s->first;

	for (size_t r = 0; r < s->rows; r++)
	{
		float *z = s->gates + 4 * r * hidden;
		const float *x = z;

		if (s->input != NULL)
			x = s->input + 4 * hidden * (s->index != NULL ? s->index[r] : r);
		activate_row(z, x, add_z, 2 * hidden, false);
		activate_row(z + 2 * hidden, x + 2 * hidden, add_z, hidden, true);
		activate_row(z + 3 * hidden, x + 3 * hidden, add_z, hidden, false);
		cells_forward(s, r);
	}
}

INLINE void
gates_backward_lanes(const UimlLstmGates *s, size_t r, size_t j, size_t left)
{
	size_t hidden = s->hidden, at = r * hidden + j;
	float *z = s->gates + 4 * r * hidden + j;
	Gates g = load_gates(z, hidden, left), d;
	Lanes tanh_c = load_left(s->tanh_c + at, left);
	Lanes dh = load_left(s->dh + at, left);
	Lanes dc = load_left(s->dc + at, left) + dh * g.output * (1.0f - tanh_c * tanh_c);
	Lanes before = s->c_before != NULL ? load_left(s->c_before + at, left) : (Lanes){0};

	d.input = dc * g.candidate * (g.input * (1.0f - g.input));
	d.forget = dc * before * (g.forget * (1.0f - g.forget));
	d.candidate = dc * g.input * (1.0f - g.candidate * g.candidate);
	d.output = dh * tanh_c * (g.output * (1.0f - g.output));
	store_gates(z, hidden, left, d);
	store_left(s->dc + at, left, dc * g.forget);
}

static void
lstm_backward(const UimlLstmGates *s)
{
	for (size_t r = 0; r < s->rows; r++)
	{
		size_t j = 0;

		for (; s->hidden - j >= LANES; j += LANES)
			gates_backward_lanes(s, r, j, LANES);
		if (j < s->hidden)
			gates_backward_lanes(s, r, j, s->hidden - j);
	}
}

#define SUM_VECTORS 4

/* Columns of so many rows; vectors is a constant. */
INLINE void
add_columns(size_t rows, const float *x, size_t ldx, float *y, const size_t vectors)
{
	Lanes s[SUM_VECTORS];

#pragma GCC unroll 4
	for (size_t v = 0; v < vectors; v++)
		s[v] = LOAD(y + v * LANES);
	for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 4
		for (size_t v = 0; v < vectors; v++)
			s[v] += LOAD(x + r * ldx + v * LANES);
#pragma GCC unroll 4
	for (size_t v = 0; v < vectors; v++)
		*(LooseLanes *) (y + v * LANES) = s[v];
}

static void
add_rows(size_t rows, size_t n, const float *x, size_t ldx, const uint32_t *index, float *y, size_t ldy)
{
	size_t j = 0;

	if (index != NULL)
	{
		for (size_t r = 0; r < rows; r++)
			add(y + index[r] * ldy, x + r * ldx, n, y + index[r] * ldy);
		return;
	}
	for (; n - j >= SUM_VECTORS * LANES; j += SUM_VECTORS * LANES)
		add_columns(rows, x + j, ldx, y + j, SUM_VECTORS);
	for (; n - j >= LANES; j += LANES)
		add_columns(rows, x + j, ldx, y + j, 1);
	for (; j < n; j++)
		for (size_t r = 0; r < rows; r++)
			y[j] += x[r * ldx + j];
}

/* ln(x) of a normal x > 0: the exponent, and 2 artanh((m - 1) / (m + 1)) of m within sqrt(2) of 1. */
INLINE double
natural_log(double x)
{
	uint64_t bits, exponent;
	double m, s, squared, sum = 0;

	__builtin_memcpy(&bits, &x, sizeof(bits));
	exponent = (bits - 0x3fe6a09e667f3bcd) >> 52; /* of x / sqrt(1 / 2), less 1023, modulo 4096 */
	bits -= exponent << 52;
	__builtin_memcpy(&m, &bits, sizeof(m));
	s = (m - 1) / (m + 1);
	squared = s * s;
	for (int k = 23; k > 0; k -= 2)
		sum = sum * squared + 1.0 / k;
	return (double) ((int32_t) (exponent << 20) >> 20) * 0.6931471805599453 + 2 * s * sum;
}

/* One row, whose target is below n. */
INLINE double
row_cross_entropy(float *x, size_t n, size_t target, float weight, size_t *hits)
{
	float largest = row_largest(x, n), own = x[target], factor;
	double sum = row_power(x, n, largest, LOG2_E);
	size_t j = 0;

	*hits += own >= largest;
	factor = (float) ((double) weight / sum);
	for (; n - j >= LANES; j += LANES)
		*(LooseLanes *) (x + j) = LOAD(x + j) * factor;
	for (; j < n; j++)
		x[j] = LOAD_ONE(x + j) * factor;
	x[target] -= weight;
	return natural_log(sum) + ((double) largest - (double) own);
}

static double
cross_entropy(float *x, size_t m, size_t n, size_t ld, const uint32_t *target, float weight, size_t *hits)
{
	double loss = 0;

	for (size_t i = 0; i < m; i++, x += ld)
	{
		size_t own = target != NULL ? target[i] : n - 1;

		if (own < n)
			loss += row_cross_entropy(x, n, own, weight, hits);
		else
			for (size_t j = 0; j < n; j++)
				x[j] = 0;
	}
	return loss;
}

/* The square root of finite x >= 0, 0 where x is below the smallest normal float. */
INLINE Lanes
lanes_root(Lanes x)
{
	Lanes y = (Lanes) (0x5f3759df - ((IntLanes) x >> 1)), half = x * 0.5f;

#pragma GCC unroll 3
	for (int i = 0; i < 3; i++)
		y = y * (1.5f - half * y * y);
	return x * y;
}

INLINE void
adam_lanes(const UimlOptimizer *s, size_t i, size_t left)
{
	Lanes g = load_left(s->gradient + i, left) * s->scale;
	Lanes m = load_left(s->mean + i, left), v = load_left(s->square + i, left);

	m += (g - m) * s->mean_rate;
	v += (g * g - v) * s->square_rate;
	store_left(s->mean + i, left, m);
	store_left(s->square + i, left, v);
	store_left(s->weight + i, left,
			   load_left(s->weight + i, left) - m * s->rate / (lanes_root(v) + s->epsilon));
}

static void
adam(const UimlOptimizer *s, size_t n)
{
	size_t i = 0;

	for (; n - i >= LANES; i += LANES)
		adam_lanes(s, i, LANES);
	if (i < n)
		adam_lanes(s, i, n - i);
}

INLINE void
adagrad_lanes(const UimlOptimizer *s, size_t i, size_t left)
{
	Lanes g = load_left(s->gradient + i, left) * s->scale;
	Lanes v = load_left(s->square + i, left) + g * g;

	store_left(s->square + i, left, v);
	store_left(s->weight + i, left,
			   load_left(s->weight + i, left) - g * s->rate / (lanes_root(v) + s->epsilon));
}

static void
adagrad(const UimlOptimizer *s, size_t n)
{
	size_t i = 0;

	for (; n - i >= LANES; i += LANES)
		adagrad_lanes(s, i, LANES);
	if (i < n)
		adagrad_lanes(s, i, n - i);
}
