/*
 * kernels_gram.h
 *	  Products a'b of a block of a few dozen rows, added to a matrix: what co-moments grow by.
 *
 * As in any fast product of matrices, a tile of the result stays in registers while the rows go by: in one
 * step GRAM_ROWS broadcast elements of a and up to three vectors of b feed a multiply-add for each pair.  Both
 * operands lie row by row, so nothing is packed; columns of b are taken GRAM_COLS at a time, which for 33 rows
 * stay in the first cache.  Tiles may read columns beyond the last: the caller's rows are padded.
 */
#if LANES == 16
#define GRAM_ROWS 8 /* 24 sums, 3 loads: within 32 registers */
#else
#define GRAM_ROWS 4 /* 12 sums, 3 loads, 1 element: the 16 registers of AVX2 */
#endif
#define GRAM_VECTORS 3
#define GRAM_COLS    (4 * 3 * 8) /* whole tiles for any width of WideLanes */

#define LOAD_DOUBLES(pointer) (*(const LooseWide *) (pointer))

static void
widen(const float *x, size_t dim, double *result)
{
	size_t i = 0;

	for (; dim - i >= WIDE; i += WIDE)
		*(LooseWide *) (result + i) = LOAD_WIDE(x + i);
	for (; i < dim; i++)
		result[i] = (double) LOAD_ONE(x + i);
}

/* Adds the part of a tile that lies within c (m rows, n columns), of a diagonal one its upper triangle. */
INLINE void
add_part(WideLanes sum[GRAM_ROWS][GRAM_VECTORS], size_t m, size_t n, bool diagonal, double *c,
		 size_t c_stride)
{
	double row[GRAM_VECTORS * WIDE];

	for (size_t i = 0; i < m && i < GRAM_ROWS; i++)
	{
		__builtin_memcpy(row, sum[i], sizeof(row));
		for (size_t j = diagonal ? i : 0; j < n && j < GRAM_VECTORS * WIDE; j++)
			c[i * c_stride + j] += row[j];
	}
}

/*
 * Adds the tile of so many vectors at the beginning of a, b and c; m rows and n columns from there on are
 * left.
 */
INLINE void
add_tile(const double *a, const double *b, size_t stride, size_t rows, const size_t vectors, size_t m,
		 size_t n, bool diagonal, double *c, size_t c_stride)
{
	WideLanes sum[GRAM_ROWS][GRAM_VECTORS] = {{{0}}};

	for (size_t r = 0; r < rows; r++, a += stride, b += stride)
	{
		WideLanes b0 = LOAD_DOUBLES(b);
		WideLanes b1 = b0, b2 = b0;

		if (vectors > 1)
			b1 = LOAD_DOUBLES(b + WIDE);
		if (vectors > 2)
			b2 = LOAD_DOUBLES(b + 2 * WIDE);
#pragma GCC unroll 8
		for (size_t i = 0; i < GRAM_ROWS; i++)
		{
			sum[i][0] += b0 * a[i];
			if (vectors > 1)
				sum[i][1] += b1 * a[i];
			if (vectors > 2)
				sum[i][2] += b2 * a[i];
		}
	}
	if (diagonal || m < GRAM_ROWS || n < vectors * WIDE)
	{
		add_part(sum, m, n, diagonal, c, c_stride);
		return;
	}
#pragma GCC unroll 8
	for (size_t i = 0; i < GRAM_ROWS; i++)
	{
		*(LooseWide *) (c + i * c_stride) += sum[i][0];
		if (vectors > 1)
			*(LooseWide *) (c + i * c_stride + WIDE) += sum[i][1];
		if (vectors > 2)
			*(LooseWide *) (c + i * c_stride + 2 * WIDE) += sum[i][2];
	}
}

/* GRAM_ROWS rows of c from row i on, in columns first to last. */
INLINE void
add_stripe(const double *a, const double *b, size_t stride, size_t rows, size_t i, size_t m, size_t first,
		   size_t last, bool upper, double *c, size_t c_stride)
{
	for (size_t j = first; j < last; j += GRAM_VECTORS * WIDE)
	{
		bool diagonal = upper && i == j;
		size_t n = last - j;
		double *tile = c + i * c_stride + j;

		if (n > 2 * WIDE)
			add_tile(a + i, b + j, stride, rows, 3, m - i, n, diagonal, tile, c_stride);
		else if (n > WIDE)
			add_tile(a + i, b + j, stride, rows, 2, m - i, n, diagonal, tile, c_stride);
		else
			add_tile(a + i, b + j, stride, rows, 1, m - i, n, diagonal, tile, c_stride);
	}
}

static void
gram_add(const double *a, size_t m, const double *b, size_t n, size_t stride, size_t rows, bool upper,
		 double *c)
{
	for (size_t first = 0; first < n; first += GRAM_COLS)
	{
		size_t last = n - first < GRAM_COLS ? n : first + GRAM_COLS;

		for (size_t i = 0; i < m && !(upper && i >= last); i += GRAM_ROWS)
			add_stripe(a, b, stride, rows, i, m, upper && i > first ? i : first, last, upper, c, n);
	}
}
