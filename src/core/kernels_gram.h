/*
 * kernels_gram.h
 *	  Products a'b of a block of a few dozen rows, added to a matrix: what co-moments grow by.
 *
 * As in any fast product of matrices, a tile of the result stays in registers while the rows go by: in one
 * step GRAM_ROWS broadcast elements of a and up to three vectors of b feed a multiply-add for each pair.  The
 * block is packed from the beginning: it lies in panels of UIML_GRAM_PAD columns, each row of a panel being a
 * cache line, so that a tile's operands are a few contiguous runs.  (Row by row, 32 rows of 512 numbers are on
 * as many pages, and the product took twice as long.)  Columns of b are taken GRAM_COLS at a time, which for
 * 33 rows take a third of the first cache.
 */
#if LANES == 16
#define GRAM_ROWS 8 /* 24 sums, 3 loads: within 32 registers */
#else
#define GRAM_ROWS 4 /* 12 sums, 3 loads, 1 element: the 16 registers of AVX2 */
#endif
#define GRAM_VECTORS 3
#define GRAM_COLS    48 /* whole tiles for any width of WideLanes */

typedef int64_t LongLanes __attribute__((vector_size(4 * LANES)));

#define LOAD_DOUBLES(pointer) (*(const LooseWide *) (pointer))

/* Where column j of a block begins whose panels lie stride apart. */
INLINE const double *
column_of(const double *block, size_t stride, size_t j)
{
	return block + j / UIML_GRAM_PAD * stride + j % UIML_GRAM_PAD;
}

static void
widen(const float *x, size_t dim, double *row, size_t stride)
{
	for (; dim >= UIML_GRAM_PAD; dim -= UIML_GRAM_PAD, x += UIML_GRAM_PAD, row += stride)
		for (size_t j = 0; j < UIML_GRAM_PAD; j += WIDE)
			*(LooseWide *) (row + j) = LOAD_WIDE(x + j);
	for (size_t j = 0; j < dim; j++)
		row[j] = (double) LOAD_ONE(x + j);
}

static void
centre(double *block, size_t panels, size_t stride, size_t n, const double *share, const double *root)
{
	for (size_t k = 0; k < panels; k++, block += stride)
		for (size_t j = 0; j < UIML_GRAM_PAD; j += WIDE)
		{
			WideLanes mean = {0};
			double *row = block + j;

			for (size_t i = 0; i < n; i++, row += UIML_GRAM_PAD)
				mean += LOAD_DOUBLES(row) * share[i];
			*(LooseWide *) row = mean;
			row = block + j;
			for (size_t i = 0; i < n; i++, row += UIML_GRAM_PAD)
				*(LooseWide *) row = (LOAD_DOUBLES(row) - mean) * root[i];
		}
}

/* Adds the part of a tile that lies within c, of m rows and n columns. */
INLINE void
add_part(const double *tile, size_t m, size_t n, double *c, size_t c_stride)
{
	for (size_t i = 0; i < m && i < GRAM_ROWS; i++)
		for (size_t j = 0; j < n && j < GRAM_VECTORS * WIDE; j++)
			c[i * c_stride + j] += tile[i * GRAM_VECTORS * WIDE + j];
}

/* Sets what lies below the diagonal of a tile to 0. */
INLINE void
keep_upper(WideLanes sum[GRAM_ROWS][GRAM_VECTORS])
{
	LongLanes column = {0};

	for (int64_t l = 0; l < WIDE; l++)
		column[l] = l;
#pragma GCC unroll 8
	for (int64_t i = 0; i < GRAM_ROWS; i++)
#pragma GCC unroll 3
		for (int64_t v = 0; v < GRAM_VECTORS; v++)
			sum[i][v] = (WideLanes) ((LongLanes) sum[i][v] & (column >= i - v * WIDE));
}

/*
 * Adds the tile of so many vectors of columns i of a and j of b; m rows and n columns of c are left from there
 * on.
 */
INLINE void
add_tile(const double *a, const double *b, size_t stride, size_t rows, size_t j, const size_t vectors,
		 size_t m, size_t n, bool diagonal, double *c, size_t c_stride)
{
	WideLanes sum[GRAM_ROWS][GRAM_VECTORS] = {{{0}}};
	const double *b0 = column_of(b, stride, j);
	const double *b1 = column_of(b, stride, j + WIDE);
	const double *b2 = column_of(b, stride, j + 2 * WIDE);

#pragma GCC unroll 4
	for (size_t r = 0; r < rows * UIML_GRAM_PAD; r += UIML_GRAM_PAD)
	{
#pragma GCC unroll 8
		for (size_t i = 0; i < GRAM_ROWS; i++)
		{
			sum[i][0] += LOAD_DOUBLES(b0 + r) * a[r + i];
			if (vectors > 1)
				sum[i][1] += LOAD_DOUBLES(b1 + r) * a[r + i];
			if (vectors > 2)
				sum[i][2] += LOAD_DOUBLES(b2 + r) * a[r + i];
		}
	}
	if (diagonal)
		keep_upper(sum);
	if (m < GRAM_ROWS || n < vectors * WIDE)
	{
		double tile[GRAM_ROWS * GRAM_VECTORS * WIDE];

		/* vectors by vectors: a loop over them would keep the sums in memory all along */
#pragma GCC unroll 8
		for (size_t i = 0; i < GRAM_ROWS; i++)
#pragma GCC unroll 3
			for (size_t v = 0; v < GRAM_VECTORS; v++)
				*(LooseWide *) (tile + (i * GRAM_VECTORS + v) * WIDE) = sum[i][v];
		add_part(tile, m, n, c, c_stride);
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
	const double *own = column_of(a, stride, i);

	for (size_t j = first; j < last; j += GRAM_VECTORS * WIDE)
	{
		bool diagonal = upper && i == j;
		size_t n = last - j;
		double *tile = c + i * c_stride + j;

		if (n > 2 * WIDE)
			add_tile(own, b, stride, rows, j, 3, m - i, n, diagonal, tile, c_stride);
		else if (n > WIDE)
			add_tile(own, b, stride, rows, j, 2, m - i, n, diagonal, tile, c_stride);
		else
			add_tile(own, b, stride, rows, j, 1, m - i, n, diagonal, tile, c_stride);
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
